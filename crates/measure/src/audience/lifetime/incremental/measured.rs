//! What was measured within the window of the experiment, without a model of customers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::{ArmMoments, Sample, Unestimable, adjusted_lift, lift_of_means};

use super::Context;
use super::arms::History;
use crate::audience::Estimate;
use crate::audience::by_day;
use crate::audience::finding::Pair;

/// What was measured within the window of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WindowMeasured {
    /// Mean days that customers were observed for.
    pub days: f64,
    /// Value per customer.
    pub mean: Pair<f64>,
    pub difference: Estimate,
    pub p_value: f64,
    /// The difference adjusted for what customers were like before the assignment, where some had bought before. It then
    /// is what is meant by measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjusted: Option<WindowAdjusted>,
}

/// A difference adjusted by regression in each arm (CUPED with the arms' own slopes) for whether a customer had bought
/// before the assignment, and for what that brought in the year before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WindowAdjusted {
    pub difference: Estimate,
    pub p_value: f64,
    /// Share of the plain difference's variance that the adjustment takes away.
    pub variance_reduction: f64,
}

impl WindowMeasured {
    /// The difference that decides: the adjusted one where there is one.
    pub fn decides(&self) -> &Estimate {
        let adjusted = self.adjusted.as_ref();
        adjusted.map_or(&self.difference, |adjusted| &adjusted.difference)
    }
}

/// The difference of value per customer in the window.
pub(super) fn measured(
    histories: &[(bool, History)],
    context: &Context<'_>,
) -> Result<WindowMeasured, Unestimable> {
    let [treated, reference] = [true, false].map(|arm| moments(histories, arm, context));
    let sample = |arm: &ArmMoments| Sample {
        n: arm.n,
        mean: arm.mean,
        variance: arm.variance,
    };
    let lift = lift_of_means(&sample(&treated), &sample(&reference), context.alpha)?;
    let has_prior = histories.iter().any(|(_, history)| history.is_existing);
    let adjusted = has_prior.then(|| adjusted_lift(&treated, &reference, context.alpha));
    let days = |(_, history): &(bool, History)| history.customers * history.age;
    let customers = (treated.n + reference.n) as f64;
    Ok(WindowMeasured {
        days: histories.iter().map(days).sum::<f64>() / customers,
        mean: Pair {
            arm: treated.mean,
            against: reference.mean,
        },
        difference: by_day::estimate(&lift.absolute, 1.0),
        p_value: lift.probability.p,
        adjusted: adjusted.transpose()?.map(|adjusted| WindowAdjusted {
            difference: by_day::estimate(&adjusted.lift.absolute, 1.0),
            p_value: adjusted.lift.probability.p,
            variance_reduction: adjusted.variance_reduction,
        }),
    })
}

/// Moments of an arm: the value in the window, and what was known before it.
fn moments(histories: &[(bool, History)], arm: bool, context: &Context<'_>) -> ArmMoments {
    let columns = |history: &History| {
        let brought = if context.has_spend {
            history.spend
        } else {
            f64::from(history.frequency)
        };
        let value = context.unit() * brought;
        let is_existing = f64::from(u8::from(history.is_existing));
        [value, is_existing, history.prior]
    };
    let rows = || {
        let of_arm = histories.iter().filter(move |(treated, _)| *treated == arm);
        of_arm.map(|(_, history)| (columns(history), history.customers))
    };
    let n: f64 = rows().map(|(_, customers)| customers).sum();
    let mut means = [0.0; 3];
    for (values, customers) in rows() {
        for (mean, value) in means.iter_mut().zip(values) {
            *mean += customers / n * value;
        }
    }
    let mut covariances = [[0.0; 3]; 3];
    for (values, customers) in rows() {
        for (i, row) in covariances.iter_mut().enumerate() {
            for (j, sum) in row.iter_mut().enumerate() {
                *sum += customers * (values[i] - means[i]) * (values[j] - means[j]) / (n - 1.0);
            }
        }
    }
    let [
        [variance, with_existing, with_prior],
        [_, a, ab],
        [_, ba, b],
    ] = covariances;
    ArmMoments {
        n: n as u64,
        mean: means[0],
        variance,
        covariate_means: means[1..].to_vec(),
        outcome_covariances: vec![with_existing, with_prior],
        covariate_covariances: vec![a, ab, ba, b],
    }
}
