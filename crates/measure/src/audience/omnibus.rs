//! Whether any arm differs from the reference at all, where there are three arms and more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::sequential::{AnytimeF, optimal_g, wald_f};
use stats::{Contrast, tail};

use super::finding::Comparison;
use super::plan::Plan;

/// Whether any arm differs from the reference arm in the primary metric: one test for all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmsOmnibus {
    pub metric: String,
    /// The F statistic: the squared distance of all effects from none, by their covariance, over their number.
    pub statistic: f64,
    /// Effects tested: arms beside the reference.
    pub effects: usize,
    /// The probability of such a statistic where no arm differs, looking once.
    pub p_value: f64,
    /// Its natural logarithm.
    pub ln_p: f64,
    /// The same for those who look again and again; given where the plan says at how many customers it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anytime_p_value: Option<f64>,
}

/// The test of the primary metric; none for two arms, and where an arm has no effect to test.
///
/// Every arm is compared with the same reference, whose noise the effects share: two effects have the covariance of the
/// reference arm's mean, less what the arms of a comparison have in common by being adjusted to the same customers.
/// Where this differs between comparisons, its geometric mean is taken.
pub(crate) fn omnibus(plan: &Plan<'_>, metrics: &[Comparison]) -> Option<ArmsOmnibus> {
    let primary: Vec<&Comparison> = metrics
        .iter()
        .filter(|comparison| comparison.primary)
        .collect();
    if primary.len() < 2 {
        return None;
    }
    let contrasts: Vec<Contrast> = primary
        .iter()
        .map(|comparison| comparison.decisive()?.contrast)
        .collect::<Option<_>>()?;
    let effects: Vec<f64> = contrasts
        .iter()
        .map(|contrast| contrast.treated - contrast.control)
        .collect();
    let shared = |contrast: &Contrast| (contrast.control_variance - contrast.covariance).max(0.0);
    let variance = |contrast: &Contrast| {
        contrast.treated_variance + contrast.control_variance - 2.0 * contrast.covariance
    };
    let mut covariance = Vec::with_capacity(effects.len() * effects.len());
    for (i, one) in contrasts.iter().enumerate() {
        for (j, other) in contrasts.iter().enumerate() {
            covariance.push(if i == j {
                variance(one)
            } else {
                (shared(one) * shared(other)).sqrt()
            });
        }
    }
    let statistic = wald_f(&effects, &covariance)?;
    // The smallest number of degrees of freedom is on the safe side.
    let df = contrasts
        .iter()
        .map(|contrast| contrast.df)
        .fold(f64::INFINITY, f64::min);
    let d = effects.len() as f64;
    let probability = if df.is_finite() {
        tail::f_upper(statistic, d, df)
    } else {
        tail::chi_square_upper(d * statistic, d)
    };
    let customers = primary[0].n.against
        + primary
            .iter()
            .map(|comparison| comparison.n.arm)
            .sum::<u64>();
    let declared = plan.experiment.plan.as_ref();
    let anytime = declared
        .and_then(|plan| plan.customers)
        .and_then(|planned| {
            let coefficients = (effects.len() + 1) as u64;
            let alpha = plan.experiment.alpha;
            let tested = effects.len() as u64;
            let g = optimal_g(planned as f64, coefficients, tested, alpha).ok()?;
            let rows = customers as f64;
            let test = AnytimeF::new(tested, rows - coefficients as f64, rows, g).ok()?;
            Some(test.probability(statistic).p)
        });
    Some(ArmsOmnibus {
        metric: primary[0].metric.clone(),
        statistic,
        effects: effects.len(),
        p_value: probability.p,
        ln_p: probability.ln_p,
        anytime_p_value: anytime,
    })
}
