//! The finding of an experiment: what the arms differ by, how sure that is, and whether it can be trusted.

use catalog::{Better, Metric, Role, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::by_day::ByDay;
use super::cluster::ClustersFinding;
use super::compare::verdict;
use super::learned::LearnedFinding;
use super::omnibus::ArmsOmnibus;
use super::plan::Plan;
use super::planned::{Looking, PlanFinding};
use super::together::{AmongOthers, Together};
use super::trust::{Health, Trust};
use crate::{Provenance, Refusal};

/// What an experiment says about every metric, arm and segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiftFinding {
    /// The name and version of this format.
    pub format: String,
    pub experiment: String,
    pub hypothesis: Option<String>,
    /// The false-positive rate of each test; intervals have level 1 - alpha.
    pub alpha: f64,
    /// ISO code of the currency that money is in.
    pub currency: String,
    /// The arm that the others are compared with.
    pub against: String,
    pub customers: Customers,
    /// From the first to the last exposure, where times are known.
    pub period: Option<Period>,
    pub arms: Vec<ArmFinding>,
    /// Each metric for each arm, the primary metric first.
    pub metrics: Vec<Comparison>,
    /// Each metric for each arm, by segment.
    pub segments: Vec<SegmentFinding>,
    pub checks: Vec<Check>,
    /// The numbers behind the checks.
    #[serde(flatten)]
    pub trust: Trust,
    /// The plan by which it is decided, of an experiment that declares one or was sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanFinding>,
    /// The clusters, where they were randomized.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters: Option<ClustersFinding>,
    /// The covariates that were learned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learned: Vec<LearnedFinding>,
    /// What the results mean together.
    #[serde(flatten)]
    pub together: Together,
    /// Whether any arm differs from the reference at all, where there are three and more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omnibus: Option<ArmsOmnibus>,
    /// Set where no decision can rest on this experiment.
    pub refusal: Option<Refusal>,
    pub provenance: Provenance,
}

impl LiftFinding {
    /// The name and version of the format.
    pub const FORMAT: &'static str = "touchstone.lift/1";

    /// The comparison of one metric for one arm.
    pub fn comparison(&self, metric: &str, arm: &str) -> Option<&Comparison> {
        self.metrics
            .iter()
            .find(|comparison| comparison.metric == metric && comparison.arm == arm)
    }

    /// The arm of this name.
    pub fn arm(&self, name: &str) -> Option<&ArmFinding> {
        self.arms.iter().find(|arm| arm.name == name)
    }
}

/// Who was counted and who was not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Customers {
    /// Customers that the comparison rests on.
    pub counted: u64,
    /// Customers that were assigned to several arms.
    pub several_arms: u64,
    /// Rows of the assignment beyond one a customer.
    pub repeated_rows: u64,
    /// Those left out, and why.
    pub not_counted: Vec<NotCounted>,
}

/// Customers or rows that were left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotCounted {
    pub reason: String,
    pub number: u64,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Period {
    /// Microseconds since 1970, in the project's time zone.
    pub first: i64,
    pub last: i64,
    /// Days from the first to the last, and the longest window after it.
    pub days: u32,
}

/// One arm of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmFinding {
    pub name: String,
    pub role: Role,
    pub initiative: Option<String>,
    /// Customers counted.
    pub customers: u64,
    /// The share of customers that it should have.
    pub expected_share: f64,
    /// What was shown to its customers, for costs that are paid per touch.
    pub touches: Vec<Touches>,
}

/// The touches of an arm's customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Touches {
    /// The fact whose rows they are.
    pub fact: String,
    pub number: u64,
}

/// A value for the arm and one for the arm that it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pair<T> {
    pub arm: T,
    pub against: T,
}

/// One metric in one arm against the reference arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    pub metric: String,
    pub arm: String,
    pub against: String,
    pub primary: bool,
    pub unit: Unit,
    /// Whether it is a ratio of two sums over customers or a quantile, rather than a mean per customer.
    pub ratio: bool,
    /// Which direction is good.
    pub better: Better,
    /// Customers with a value.
    pub n: Pair<u64>,
    /// Customers without one.
    pub missing: Pair<u64>,
    /// Mean per customer; of a ratio, the ratio.
    pub mean: Option<Pair<f64>>,
    /// What the caps cut off, in all.
    pub cut: Option<Pair<f64>>,
    /// The level of a quantile, which is neither a mean nor a ratio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<f64>,
    /// Of a window with an end: until when the data reach, and whose windows had not passed by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maturity: Option<Maturity>,
    /// The caps of the metric, or of a ratio's two parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<CapFinding>,
    /// The steps of a funnel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub funnel: Vec<FunnelStep>,
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The same effect with what was known of customers before taken into account. Where it is there, it decides.
    pub adjusted: Option<Adjusted>,
    /// The same effect with strata, and covariates inside them, taken into account. Where it is there, it decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stratified: Option<Stratified>,
    /// Of a segment's value: the effect moved towards those of the other values. Where it is there, it is what to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<Shrunk>,
    /// What the deciding estimate says.
    pub verdict: Option<Verdict>,
    /// What it says as one of several comparisons.
    #[serde(flatten)]
    pub among: AmongOthers,
    /// What the declared plan says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looking: Option<Looking>,
    /// The effect by the days since exposure, where the experiment asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_day: Option<ByDay>,
    /// Other looks at the same metric, none of which decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub second_opinions: Vec<SecondOpinion>,
}

/// Until when the data of a metric reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Maturity {
    /// Microseconds since 1970, in the project's time zone.
    pub until: i64,
    /// Customers whose window, and the fact's delay after it, had not passed by then.
    pub not_matured: Pair<u64>,
    /// Whether these customers count all the same: an early look.
    pub counted: bool,
}

/// Where a cap lies and what it cuts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapFinding {
    /// The capped metric: of a ratio, one of its parts.
    pub metric: String,
    pub lower: Option<f64>,
    pub upper: Option<f64>,
    /// What it takes away, in all; below zero where it adds more at the lower bound.
    pub cut: Pair<f64>,
    /// Customers whose value it changes.
    pub customers: Pair<u64>,
}

/// A step of a funnel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FunnelStep {
    pub step: String,
    /// Customers who did it, and all steps before it.
    pub reached: Pair<u64>,
}

/// Another look at a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecondOpinion {
    pub look: SecondLook,
    /// What is estimated, in words.
    pub about: String,
    /// What is compared, in each arm.
    pub mean: Pair<f64>,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Which look a second opinion takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondLook {
    /// A capped mean without its cap.
    Uncapped,
    /// A mean without the largest values of each arm.
    Trimmed,
}

impl Comparison {
    /// Takes back what it says of an effect, and says why. What was counted stays.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        self.outcome = Outcome {
            refusal: Some(refusal.clone()),
            ..Outcome::default()
        };
        self.adjusted = None;
        self.stratified = None;
        self.shrunk = None;
        self.verdict = None;
        self.among = AmongOthers::default();
        self.looking = None;
        self.by_day = None;
        self.second_opinions.clear();
    }

    /// A metric in an arm, of which no customers are known yet.
    pub(crate) fn new(
        plan: &Plan<'_>,
        metric: &Metric,
        arm: usize,
        outcome: Outcome,
        adjusted: Option<Adjusted>,
    ) -> Self {
        let arms = &plan.experiment.arms;
        let nobody = Pair { arm: 0, against: 0 };
        let mut comparison = Self {
            metric: metric.name.clone(),
            arm: arms[arm].name.clone(),
            against: arms[plan.reference].name.clone(),
            primary: metric.name == plan.experiment.metrics.primary,
            unit: metric.unit,
            ratio: false,
            better: metric.better,
            n: nobody,
            missing: nobody,
            mean: None,
            cut: None,
            quantile: None,
            maturity: None,
            caps: Vec::new(),
            funnel: Vec::new(),
            outcome,
            adjusted,
            stratified: None,
            shrunk: None,
            verdict: None,
            among: AmongOthers::default(),
            looking: None,
            by_day: None,
            second_opinions: Vec::new(),
        };
        comparison.judge();
        comparison
    }

    /// Gives the verdict of the effect that decides.
    pub(crate) fn judge(&mut self) {
        self.verdict = self
            .decisive()
            .and_then(|outcome| outcome.absolute)
            .map(|effect| verdict(effect, self.better));
    }

    /// The absolute effect that decides: the post-stratified one where there is one, else the adjusted one where there is
    /// one.
    pub fn decisive(&self) -> Option<&Outcome> {
        if let Some(stratified) = &self.stratified {
            return Some(&stratified.outcome);
        }
        match &self.adjusted {
            Some(adjusted) => Some(&adjusted.outcome),
            None => self.outcome.absolute.is_some().then_some(&self.outcome),
        }
    }
}

/// An effect with its test, or the reason why there is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// In the metric's unit, per customer.
    pub absolute: Option<Estimate>,
    /// As a share of the reference arm's mean.
    pub relative: Option<Relative>,
    /// Two-sided probability of an effect at least as large where there is none.
    pub p_value: Option<f64>,
    /// Its natural logarithm, which does not underflow.
    pub ln_p: Option<f64>,
    /// Standard error of the reference arm's mean: the noise that comparisons with the same arm share.
    pub against_se: Option<f64>,
    /// The test.
    pub method: Option<String>,
    /// Why there is no effect to show.
    pub refusal: Option<Refusal>,
    /// The two estimates that are compared, for other tests of the same comparison. It is not written.
    #[serde(skip)]
    pub contrast: Option<stats::Contrast>,
}

impl Outcome {
    /// Whether it is that of the exact test of a share with few customers on a side.
    pub(crate) fn is_exact(&self) -> bool {
        self.method == Some(stats::Method::Score.to_string())
    }
}

/// An estimate with its standard error and interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    pub estimate: f64,
    pub se: f64,
    pub low: f64,
    pub high: f64,
    /// Degrees of freedom; none for a normal reference.
    pub df: Option<f64>,
}

/// A relative effect, or why it cannot be had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Relative {
    /// 0.1 is ten per cent more than the reference arm.
    Estimated { estimate: f64, low: f64, high: f64 },
    /// The reference arm's mean is not clearly away from zero.
    NotEstimable { not_estimable: String },
}

/// The effect adjusted for covariates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Adjusted {
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Adjusted means per customer.
    pub mean: Pair<f64>,
    /// Share of the variation between customers that the covariates explain.
    pub r2: f64,
    /// Share of the squared standard error that the adjustment saves.
    pub variance_reduction: f64,
    /// What to know before relying on it; of a ratio, nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    pub covariates: Vec<Covariate>,
}

/// The post-stratified effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stratified {
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Post-stratified means per customer.
    pub mean: Pair<f64>,
    /// Strata compared.
    pub strata: usize,
    /// Strata with too few customers in an arm, which are compared as one.
    pub merged: usize,
    /// The customers in these, of both arms.
    pub merged_customers: u64,
    /// Covariates that it is adjusted for inside each stratum.
    pub covariates: Vec<String>,
    /// Share of the squared standard error of the plain comparison that strata and covariates save.
    pub variance_reduction: f64,
}

/// An effect moved towards others like it, by as much as its noise warrants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shrunk {
    /// What is to be expected of the effect, in the metric's unit.
    pub estimate: f64,
    /// Its standard deviation.
    pub sd: f64,
    /// The interval that holds the effect with probability 1 - alpha.
    pub low: f64,
    pub high: f64,
}

/// A covariate in an adjustment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Covariate {
    pub name: String,
    /// Standardised difference between the arms before the experiment.
    pub imbalance: f64,
    /// Why it was left out.
    pub dropped: Option<String>,
}

/// What an effect means for the business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The interval lies on the good side of zero.
    Better,
    /// The interval lies on the bad side of zero.
    Worse,
    /// The interval holds zero.
    Unclear,
}

/// The effects by one segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentFinding {
    /// The column.
    pub segment: String,
    pub values: Vec<SegmentValue>,
    /// For each metric and arm: do the effects differ between the values?
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heterogeneity: Vec<SegmentHeterogeneity>,
    /// Set where the column cannot be used.
    pub refusal: Option<Refusal>,
}

/// Whether the effects on a metric differ between the values of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentHeterogeneity {
    pub metric: String,
    pub arm: String,
    pub against: String,
    /// Values whose effects are compared.
    pub values: usize,
    /// Values left out, because they have too few customers for an effect of known precision.
    pub left_out: usize,
    /// The customers with these values, in both arms.
    pub left_out_customers: u64,
    /// Cochran's Q.
    pub q: Option<f64>,
    /// The degrees of freedom of Q: one less than the values.
    pub df: Option<f64>,
    /// The probability of effects at least as different if there is one effect.
    pub p_value: Option<f64>,
    /// Its natural logarithm.
    pub ln_p: Option<f64>,
    /// The same, corrected for the number of segments by Holm's procedure.
    pub p_adjusted: Option<f64>,
    pub ln_p_adjusted: Option<f64>,
    /// The share of the differences between the effects that is not noise, I^2.
    pub i_squared: Option<f64>,
    /// The standard deviation of the effects, their noise taken off.
    pub tau: Option<f64>,
    /// Whether the effects differ: the corrected probability is below alpha.
    pub differ: Option<bool>,
    /// Why there is no answer.
    pub refusal: Option<Refusal>,
}

/// The effects among the customers with one value of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentValue {
    pub value: String,
    pub customers: u64,
    pub metrics: Vec<Comparison>,
}

/// Something that was checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    pub check: CheckKind,
    pub severity: Severity,
    /// What was found, in words.
    pub message: String,
    /// The probability of what was found if all is well, where the check is a test.
    pub p_value: Option<f64>,
    /// Its natural logarithm.
    pub ln_p: Option<f64>,
}

/// What was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Are the arms as large as declared?
    SampleRatio,
    /// Were customers assigned to several arms?
    SeveralArms,
    /// Are values missing, and as often in each arm?
    MissingValues,
    /// Were the arms alike before?
    Balance,
    /// Can the adjusted effect be relied on?
    Adjustment,
    /// Are the rows of facts and exposures real, once, and in time?
    Events,
    /// Do all assignments name a declared arm?
    Assignment,
    /// Can the strata be used?
    Strata,
    /// How much do caps cut?
    Caps,
    /// Had customers' windows passed at the end of the data, and had all the same time?
    Maturity,
    /// Do the parts of a ratio count the same time?
    Windows,
    /// Is there anything to compare?
    NoData,
    /// Was the plan held to?
    Plan,
    /// Does the lake hold what lies at its sources' paths?
    Sources,
}

/// How bad what was found is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Fine,
    Notice,
    Warning,
    /// Nothing can rest on the experiment.
    Stop,
}
