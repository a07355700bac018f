//! The finding of an experiment: what the arms differ by, how sure that is, and whether it can be trusted.

use catalog::{Better, Role, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Whether it is a ratio of two sums over customers, rather than a mean per customer.
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
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The same effect with what was known of customers before taken into account. Where it is there, it decides.
    pub adjusted: Option<Adjusted>,
    /// What the deciding estimate says.
    pub verdict: Option<Verdict>,
}

impl Comparison {
    /// Takes back what it says of an effect, and says why. What was counted stays.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        self.outcome = Outcome {
            refusal: Some(refusal.clone()),
            ..Outcome::default()
        };
        self.adjusted = None;
        self.verdict = None;
    }

    /// The absolute effect that decides: the adjusted one where there is one.
    pub fn decisive(&self) -> Option<&Outcome> {
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
    pub covariates: Vec<Covariate>,
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
    /// Set where the column cannot be used.
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
    /// Do all assignments name a declared arm?
    Assignment,
    /// How much do caps cut?
    Caps,
    /// Is there anything to compare?
    NoData,
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
