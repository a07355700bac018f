//! What an experiment's results mean together: the rule by which effects are read, and what follows from several of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::sequential::Monitor;
use stats::{Contrast, Lift, Method, Sample, TailProbability, Unestimable};

use super::arms::{FactorsFinding, PooledFinding};
use super::bayes::{BayesFinding, Known};
use super::compare::verdict;
use super::decision::{ArmDecision, GuardrailFinding};
use super::decomposition::DecompositionFinding;
use super::finding::{Check, Comparison, Outcome, Pair, Relative, Verdict};
use super::plan::Plan;
use super::trigger::{Sides, TriggerFinding};
use super::{arms, bayes, decision, decomposition, multiplicity, trigger};

/// What an experiment's results mean together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Together {
    /// Ship or not, for each arm that could be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<ArmDecision>,
    /// What to believe of the primary metric's lift where something was believed before: a second view.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bayes: Vec<BayesFinding>,
    /// What of the effect is due to showing other content and what to showing it to the right customers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decompositions: Vec<DecompositionFinding>,
    /// The effect among those whom the treatment could reach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<TriggerFinding>,
    /// Several arms taken as one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pooled: Vec<PooledFinding>,
    /// What arms have in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factors: Option<FactorsFinding>,
}

/// What a comparison says as one of several.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AmongOthers {
    /// The probability adjusted for the number of comparisons of its family; the verdict follows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjusted_p: Option<f64>,
    /// Its natural logarithm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjusted_ln_p: Option<f64>,
    /// The interval that excludes zero exactly where the adjusted probability is below alpha.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simultaneous: Option<Simultaneous>,
    /// Of a guardrail: whether it is shown not to be worse by its margin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrail: Option<GuardrailFinding>,
}

/// The intervals of an effect that is one of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Simultaneous {
    /// Of the absolute effect.
    pub low: f64,
    pub high: f64,
    /// The relative effect with its interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative: Option<Relative>,
    /// What it holds together with.
    pub method: String,
}

/// How effects are read at this look.
pub(crate) struct Rule<'m> {
    /// The level of a two-sided test.
    pub(crate) alpha: f64,
    /// The boundary of a plan that looks early.
    pub(crate) monitor: Option<&'m Monitor>,
    /// Whether the planned end is there, or there is no plan.
    pub(crate) ended: bool,
    /// Whether the plan lets anything be decided at this look.
    pub(crate) may_decide: bool,
}

impl Rule<'_> {
    /// One look, which decides.
    pub(crate) fn without_plan(alpha: f64) -> Self {
        Self {
            alpha,
            monitor: None,
            ended: true,
            may_decide: true,
        }
    }

    /// An effect with the interval and the probability of this look.
    pub(crate) fn lift(&self, contrast: &Contrast, method: Method) -> Result<Lift, Unestimable> {
        match self.monitor {
            Some(monitor) => monitor.lift(contrast, method),
            None => contrast.lift(self.alpha, method),
        }
    }
}

/// Everything that is asked of the comparisons together; their verdicts become those of their families.
pub(crate) fn together(
    plan: &Plan<'_>,
    rule: &Rule<'_>,
    prior: Option<&Known>,
    sides: Option<&Sides<'_>>,
    comparisons: &mut [Comparison],
    checks: &[Check],
) -> Together {
    let experiment = plan.experiment;
    multiplicity::adjust(experiment, rule, comparisons);
    decision::guard(experiment, rule, comparisons);
    Together {
        decisions: decision::decisions(experiment, rule, comparisons, checks),
        bayes: prior
            .map(|prior| bayes::beliefs(experiment, prior, comparisons))
            .unwrap_or_default(),
        decompositions: decomposition::decompositions(experiment, rule, comparisons),
        triggers: sides
            .map(|sides| trigger::triggers(plan, rule, sides, comparisons))
            .unwrap_or_default(),
        pooled: arms::pooled(experiment, rule, comparisons),
        factors: arms::factors(experiment, rule, comparisons),
    }
}

/// What a comparison of combined arms found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CombinedEffect {
    pub metric: String,
    pub primary: bool,
    pub unit: catalog::Unit,
    /// Which direction is good.
    pub better: catalog::Better,
    /// Customers with a value.
    pub n: Pair<u64>,
    pub mean: Option<Pair<f64>>,
    #[serde(flatten)]
    pub outcome: Outcome,
    pub verdict: Option<Verdict>,
}

impl CombinedEffect {
    /// The effect of some arms against others on the metric of a comparison.
    pub(crate) fn new(
        like: &Comparison,
        n: Pair<u64>,
        contrast: Result<Contrast, crate::Refusal>,
        rule: &Rule<'_>,
    ) -> Self {
        let mean = contrast.as_ref().ok().map(|contrast| Pair {
            arm: contrast.treated,
            against: contrast.control,
        });
        let outcome = outcome_of(contrast, rule, Method::Welch);
        let verdict = outcome
            .absolute
            .filter(|_| rule.may_decide)
            .map(|effect| verdict(effect, like.better));
        Self {
            metric: like.metric.clone(),
            primary: like.primary,
            unit: like.unit,
            better: like.better,
            n,
            mean,
            outcome,
            verdict,
        }
    }
}

/// A contrast's effect by the rule, or why there is none.
pub(crate) fn outcome_of(
    contrast: Result<Contrast, crate::Refusal>,
    rule: &Rule<'_>,
    method: Method,
) -> Outcome {
    let lift = contrast.and_then(|contrast| {
        let lift = rule.lift(&contrast, method);
        lift.map(|lift| (lift, contrast.control_variance.sqrt()))
            .map_err(super::compare::too_little)
    });
    match lift {
        Ok((lift, against_se)) => super::compare::outcome(&lift, Some(against_se)),
        Err(refusal) => super::compare::refused(refusal),
    }
}

/// The two values behind the effect that decides, with their variances; none where it has none.
///
/// Where the comparison does not carry them, they follow from its standard errors, for arms that share no customers.
pub(crate) fn contrast(comparison: &Comparison) -> Option<Contrast> {
    let outcome = comparison.decisive()?;
    if outcome.contrast.is_some() {
        return outcome.contrast;
    }
    let effect = outcome.absolute?;
    let mean = decisive_mean(comparison)?;
    let control_variance = outcome.against_se?.powi(2);
    Some(Contrast {
        treated: mean.arm,
        control: mean.against,
        treated_variance: (effect.se * effect.se - control_variance).max(0.0),
        control_variance,
        covariance: 0.0,
        df: effect.df.unwrap_or(f64::INFINITY),
    })
}

/// The means of the estimate that decides.
pub(crate) fn decisive_mean(comparison: &Comparison) -> Option<Pair<f64>> {
    let stratified = comparison.stratified.as_ref().map(|effect| effect.mean);
    let adjusted = comparison.adjusted.as_ref().map(|effect| effect.mean);
    stratified.or(adjusted).or(comparison.mean)
}

/// The ones among the customers of either arm, of a share whose exact test decides.
pub(crate) fn exact_counts(comparison: &Comparison) -> Option<Pair<stats::Counts>> {
    if !comparison.decisive()?.is_exact() {
        return None;
    }
    let mean = comparison.mean?;
    let counts = |mean: f64, n: u64| stats::Counts {
        successes: (mean * n as f64).round() as u64,
        n,
    };
    Some(Pair {
        arm: counts(mean.arm, comparison.n.arm),
        against: counts(mean.against, comparison.n.against),
    })
}

/// The deciding effect with the interval and the probability of another level; none where its test has no other levels.
pub(crate) fn at_level(comparison: &Comparison, alpha: f64, rule: &Rule<'_>) -> Option<Lift> {
    if rule.monitor.is_some() || comparison.quantile.is_some() {
        return None;
    }
    match exact_counts(comparison) {
        Some(counts) => stats::lift_of_shares(counts.arm, counts.against, alpha).ok(),
        None => contrast(comparison)?.lift(alpha, Method::Welch).ok(),
    }
}

/// The two-sided probability of the deciding effect.
pub(crate) fn probability(comparison: &Comparison) -> Option<TailProbability> {
    let outcome = comparison.decisive()?;
    Some(TailProbability {
        p: outcome.p_value?,
        ln_p: outcome.ln_p?,
    })
}

/// The one-sided probability that belongs to a two-sided one of an effect, for the side where effects have this sign.
pub(crate) fn one_sided(two_sided: TailProbability, effect: f64, sign: f64) -> TailProbability {
    let half = 0.5 * two_sided.p;
    if effect * sign > 0.0 {
        TailProbability {
            p: half,
            ln_p: two_sided.ln_p - std::f64::consts::LN_2,
        }
    } else {
        TailProbability {
            p: 1.0 - half,
            ln_p: (-half).ln_1p(),
        }
    }
}

/// 1 where more is better, else -1.
pub(crate) fn good_sign(better: catalog::Better) -> f64 {
    match better {
        catalog::Better::Increase => 1.0,
        catalog::Better::Decrease => -1.0,
    }
}

/// A value of so many customers with its variance, as a sample that has both.
pub(crate) fn as_sample(n: u64, value: f64, variance: f64) -> Sample {
    Sample {
        n,
        mean: value,
        variance: variance * n as f64,
    }
}
