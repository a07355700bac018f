//! What was measured within the window of the experiment, without a model of customers: per assigned customer, and per
//! customer in the process that is modelled.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::moments::Products;
use stats::{ArmMoments, Sample, Unestimable, adjusted_lift, lift_of_means};

use super::Context;
use super::arms::History;
use super::customers::{ARMS, Customers};
use crate::audience::Estimate;
use crate::audience::by_day;
use crate::audience::compare::arm_moments;
use crate::audience::finding::Pair;
use crate::audience::spread::Rows;
use crate::error::MeasureError;

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

/// The difference of value per assigned customer (intention to treat): all that customers brought from the moment of
/// assignment on, first purchases included, and nothing of those who did not buy.
pub(super) fn of_assigned(
    customers: &Customers<'_>,
    arms: Pair<u64>,
    context: &Context<'_>,
) -> Result<Result<WindowMeasured, Unestimable>, MeasureError> {
    let rows = Rows {
        lake: customers.lake,
        sql: format!(
            "SELECT CAST(arm = {} AS UTINYINT), since, CAST(existing AS DOUBLE), prior, seen FROM {ARMS} \
             WHERE arm IN ({}, {})",
            arms.arm, arms.arm, arms.against
        ),
        groups: 2,
        columns: 4,
        experiment: customers.experiment,
    };
    let moments = rows.moments(&Products::new(4, |_, _| true))?;
    let [against, arm] = moments.as_slice() else {
        return Ok(Err(Unestimable::MismatchedCovariates));
    };
    let seen: f64 = moments.iter().map(|arm| arm.sum(3)).sum();
    let customers: u64 = moments.iter().map(|arm| arm.rows()).sum();
    let both = [arm, against].map(|arm| arm_moments(arm, 0, &[1, 2]));
    let [Some(arm), Some(against)] = both else {
        return Ok(Err(Unestimable::MismatchedCovariates));
    };
    let both = Pair { arm, against };
    let days = seen / customers as f64;
    Ok(window(&both, days, context.margin, context.alpha))
}

/// The difference of value per customer in the process, from its beginning on: comparable where the arms have the same
/// shares of customers in it.
pub(super) fn in_process(
    histories: &[(bool, History)],
    context: &Context<'_>,
) -> Result<WindowMeasured, Unestimable> {
    let both = Pair {
        arm: moments(histories, true, context),
        against: moments(histories, false, context),
    };
    let days = |(_, history): &(bool, History)| history.customers * history.age;
    let customers = (both.arm.n + both.against.n) as f64;
    let days = histories.iter().map(days).sum::<f64>() / customers;
    window(&both, days, context.margin, context.alpha)
}

/// The difference of two arms' means, in `unit`s, plain and adjusted for the covariates, the first of which is whether a
/// customer had bought before.
fn window(
    both: &Pair<ArmMoments>,
    days: f64,
    unit: f64,
    alpha: f64,
) -> Result<WindowMeasured, Unestimable> {
    let sample = |arm: &ArmMoments| Sample {
        n: arm.n,
        mean: arm.mean,
        variance: arm.variance,
    };
    let lift = lift_of_means(&sample(&both.arm), &sample(&both.against), alpha)?;
    let has_prior = [&both.arm, &both.against]
        .iter()
        .any(|arm| arm.covariate_means[0] > 0.0);
    let adjusted = has_prior.then(|| adjusted_lift(&both.arm, &both.against, alpha));
    Ok(WindowMeasured {
        days,
        mean: Pair {
            arm: unit * both.arm.mean,
            against: unit * both.against.mean,
        },
        difference: by_day::estimate(&lift.absolute, unit),
        p_value: lift.probability.p,
        adjusted: adjusted.transpose()?.map(|adjusted| WindowAdjusted {
            difference: by_day::estimate(&adjusted.lift.absolute, unit),
            p_value: adjusted.lift.probability.p,
            variance_reduction: adjusted.variance_reduction,
        }),
    })
}

/// Moments of an arm: the value in the window, and what was known before it.
fn moments(histories: &[(bool, History)], arm: bool, context: &Context<'_>) -> ArmMoments {
    let columns = |history: &History| {
        let value = if context.has_spend {
            history.spend
        } else {
            f64::from(history.frequency)
        };
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
            *mean += customers * value;
        }
    }
    // Divided once: the mean of what all customers have in common is exact, and its variance nothing.
    means = means.map(|sum| sum / n);
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
