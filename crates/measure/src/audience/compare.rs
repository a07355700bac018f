//! From moments of two arms to a comparison of a metric.

use std::fmt::Display;

use catalog::{Better, Unit};
use stats::moments::Moments;
use stats::{AdjustedLift, ArmMoments, Contrast, Counts, Lift, RatioMoments, RatioSample, Sample};

use super::checks::{adjustment, customers_in_words};
use super::finding::{Adjusted, Comparison, Covariate, Estimate, Outcome, Pair, Relative, Verdict};
use super::funnel;
use super::plan::{Compared, MadeOf, Plan};
use super::tally::Layout;
use crate::{Reason, Refusal};

/// The moments of the customers of an arm who have the metric's values, and how many customers have not.
pub(crate) struct ArmSummary {
    pub(crate) moments: Moments,
    pub(crate) missing: u64,
    /// Customers of the whole arm of whom a value is no finite number.
    pub(crate) not_finite: u64,
    /// For each covariate, how many customers of the experiment have one that is no finite number.
    pub(crate) covariates_not_finite: Vec<u64>,
}

/// Compares a metric of an arm with that of the reference arm.
///
/// `layout` is given where covariates are in the moments.
pub(crate) fn compare(
    plan: &Plan<'_>,
    layout: Option<&Layout>,
    compared: &Compared<'_>,
    arm: usize,
    summaries: Pair<&ArmSummary>,
) -> Comparison {
    let alpha = plan.experiment.alpha;
    let metric = compared.metric;
    let moments = Pair {
        arm: &summaries.arm.moments,
        against: &summaries.against.moments,
    };
    let effect = match not_finite(plan, compared, arm, summaries) {
        Some(refusal) => Err(refusal),
        None => effect(compared, moments, alpha),
    };
    let may_adjust = layout.filter(|_| !plan.covariates.is_empty());
    let adjusted = match (&effect, may_adjust) {
        // A small count is left to its exact test.
        (Ok(lift), Some(layout)) if lift.method != stats::Method::Score => {
            let not_finite = &summaries.arm.covariates_not_finite;
            adjust(plan, layout, compared, moments, not_finite)
        }
        _ => None,
    };
    let outcome = match effect {
        Ok(lift) => Outcome {
            contrast: contrast(compared, moments, alpha),
            ..outcome(&lift, mean_se(compared.made_of, moments.against))
        },
        Err(refusal) => refused(refusal),
    };
    Comparison {
        ratio: matches!(compared.made_of, MadeOf::Ratio { .. }),
        n: Pair {
            arm: moments.arm.rows(),
            against: moments.against.rows(),
        },
        missing: Pair {
            arm: summaries.arm.missing,
            against: summaries.against.missing,
        },
        mean: means(compared.made_of, moments),
        cut: layout.and_then(|layout| cut(layout, compared.made_of, moments)),
        funnel: funnel::reached(compared, moments),
        ..Comparison::new(plan, metric, arm, outcome, adjusted)
    }
}

/// Numbers that are not finite take the metric away, and no other.
fn not_finite(
    plan: &Plan<'_>,
    compared: &Compared<'_>,
    arm: usize,
    summaries: Pair<&ArmSummary>,
) -> Option<Refusal> {
    refusal_of_not_finite(
        plan,
        &compared.metric.name,
        arm,
        Pair {
            arm: summaries.arm.not_finite,
            against: summaries.against.not_finite,
        },
    )
}

/// The refusal of a metric of which some customers have numbers that are not finite.
pub(crate) fn refusal_of_not_finite(
    plan: &Plan<'_>,
    metric: &str,
    arm: usize,
    customers: Pair<u64>,
) -> Option<Refusal> {
    if customers.arm + customers.against == 0 {
        return None;
    }
    let arms = &plan.experiment.arms;
    Some(Refusal::new(
        Reason::UnfitData,
        format!(
            "`{metric}` is NaN or infinite for {} of {} and {} of {}: leave such rows out with `where`, or make them \
             numbers",
            customers_in_words(customers.arm),
            arms[arm].name,
            customers.against,
            arms[plan.reference].name
        ),
    ))
}

fn effect(compared: &Compared<'_>, moments: Pair<&Moments>, alpha: f64) -> Result<Lift, Refusal> {
    let lift = match compared.made_of {
        MadeOf::Value(place) if compared.metric.unit == Unit::Share => {
            let counts = |moments| {
                counts(moments, place)
                    .ok_or_else(|| not_a_share(&compared.metric.name, moments, place))
            };
            stats::lift_of_shares(counts(moments.arm)?, counts(moments.against)?, alpha)
        }
        MadeOf::Value(place) => stats::lift_of_means(
            &sample(moments.arm, place),
            &sample(moments.against, place),
            alpha,
        ),
        MadeOf::Ratio {
            numerator,
            denominator,
        } => {
            let ratio = |moments| ratio_sample(moments, numerator, denominator);
            stats::lift_of_ratios(&ratio(moments.arm), &ratio(moments.against), alpha)
        }
    };
    lift.map_err(too_little)
}

/// The two estimates of a comparison without covariates; of a ratio none where it is not estimable at this level.
fn contrast(compared: &Compared<'_>, moments: Pair<&Moments>, alpha: f64) -> Option<Contrast> {
    match compared.made_of {
        MadeOf::Value(place) => {
            let of = |moments| sample(moments, place);
            Contrast::of_means(&of(moments.arm), &of(moments.against)).ok()
        }
        MadeOf::Ratio {
            numerator,
            denominator,
        } => {
            let of = |moments| ratio_moments(moments, numerator, denominator, &[]);
            let lift = stats::adjusted_ratio_lift(&of(moments.arm)?, &of(moments.against)?, alpha);
            lift.ok().map(|lift| lift.means)
        }
    }
}

pub(crate) fn too_little(reason: impl Display) -> Refusal {
    Refusal::new(Reason::TooLittleData, reason.to_string())
}

/// The customers of one column.
pub(crate) fn sample(moments: &Moments, place: usize) -> Sample {
    Sample {
        n: moments.rows(),
        mean: moments.mean(place),
        variance: moments.variance(place),
    }
}

fn ratio_sample(moments: &Moments, numerator: usize, denominator: usize) -> RatioSample {
    RatioSample {
        n: moments.rows(),
        numerator_mean: moments.mean(numerator),
        denominator_mean: moments.mean(denominator),
        numerator_variance: moments.variance(numerator),
        denominator_variance: moments.variance(denominator),
        covariance: moments
            .covariance(numerator, denominator)
            .unwrap_or(f64::NAN),
    }
}

/// The ones among zeros and ones; none where there are other values.
fn counts(moments: &Moments, place: usize) -> Option<Counts> {
    let n = moments.rows();
    if n == 0 {
        return Some(Counts { successes: 0, n });
    }
    let in_unit = moments.min(place)? >= 0.0 && moments.max(place)? <= 1.0;
    let ones = moments.sum(place);
    let total = n as f64;
    // Numbers between 0 and 1 vary as much as zeros and ones of the same sum only if they are zeros and ones.
    let variation = ones * (total - ones) / total;
    let varies = (moments.comoment(place, place)? - variation).abs() <= 1e-9 * total;
    (in_unit && varies && ones.fract() == 0.0).then_some(Counts {
        successes: ones as u64,
        n,
    })
}

fn not_a_share(metric: &str, moments: &Moments, place: usize) -> Refusal {
    let range = moments.min(place).zip(moments.max(place));
    let (low, high) = range.unwrap_or((f64::NAN, f64::NAN));
    Refusal::new(
        Reason::UnfitData,
        format!(
            "`{metric}` is declared as a share but its values are not only 0 and 1 (they lie between {low} and {high}): \
             use `aggregate: any` or `max`, or another `unit`"
        ),
    )
}

fn means(made_of: MadeOf, moments: Pair<&Moments>) -> Option<Pair<f64>> {
    let mean = |moments: &Moments| match made_of {
        MadeOf::Value(place) => moments.mean(place),
        MadeOf::Ratio {
            numerator,
            denominator,
        } => moments.sum(numerator) / moments.sum(denominator),
    };
    let pair = Pair {
        arm: mean(moments.arm),
        against: mean(moments.against),
    };
    (pair.arm.is_finite() && pair.against.is_finite()).then_some(pair)
}

fn cut(layout: &Layout, made_of: MadeOf, moments: Pair<&Moments>) -> Option<Pair<f64>> {
    let MadeOf::Value(place) = made_of else {
        return None;
    };
    let column = layout.cut_of(place)?;
    Some(Pair {
        arm: moments.arm.sum(column),
        against: moments.against.sum(column),
    })
}

/// The effect with covariates taken into account; none where none of them can be used.
///
/// A missing covariate counts as zero beside a column that says so, which is the same as any other filling.
fn adjust(
    plan: &Plan<'_>,
    layout: &Layout,
    compared: &Compared<'_>,
    moments: Pair<&Moments>,
    not_finite: &[u64],
) -> Option<Adjusted> {
    let metric = compared.metric;
    let (unfit, known): (Vec<usize>, Vec<usize>) = (0..plan.covariates.len())
        .filter(|&covariate| plan.covariates[covariate].is_for(metric))
        .partition(|&covariate| not_finite.get(covariate).is_some_and(|&number| number > 0));
    let columns = with_missing(layout, &known, [moments.arm, moments.against]);
    let lift = adjusted_lift(compared.made_of, moments, &columns, plan.experiment.alpha)
        .filter(|lift| !lift.kept.is_empty())?;
    let unfit = unfit.into_iter().map(|covariate| Covariate {
        name: plan.covariates[covariate].name.clone(),
        imbalance: 0.0,
        dropped: Some(format!(
            "it is NaN or infinite for {}",
            customers_in_words(not_finite[covariate])
        )),
    });
    let mut covariates = covariates_of(plan, &known, &lift);
    covariates.extend(unfit);
    let of = (known.as_slice(), columns.as_slice());
    let health = adjustment::health(layout, compared.made_of, of, moments, &lift);
    Some(Adjusted {
        health,
        ..adjusted(&lift, covariates)
    })
}

/// The places of covariates among the moments, and of those that are missing somewhere in the arms the place of the column
/// that says so.
pub(crate) fn with_missing<'m>(
    layout: &Layout,
    covariates: &[usize],
    arms: impl IntoIterator<Item = &'m Moments> + Clone,
) -> Vec<usize> {
    let is_missing = |column: &usize| {
        let arms = arms.clone().into_iter();
        arms.map(|arm| arm.sum(*column)).sum::<f64>() > 0.0
    };
    let missing = covariates.iter().map(|&one| layout.covariate_missing(one));
    let known = covariates.iter().map(|&one| layout.covariate(one));
    known.chain(missing.filter(is_missing)).collect()
}

/// The effect adjusted for some columns; none where it cannot be.
pub(crate) fn adjusted_lift(
    made_of: MadeOf,
    moments: Pair<&Moments>,
    columns: &[usize],
    alpha: f64,
) -> Option<AdjustedLift> {
    let lift = match made_of {
        MadeOf::Value(place) => {
            let of = |moments| arm_moments(moments, place, columns);
            stats::adjusted_lift(&of(moments.arm)?, &of(moments.against)?, alpha)
        }
        MadeOf::Ratio {
            numerator,
            denominator,
        } => {
            let of = |moments| ratio_moments(moments, numerator, denominator, columns);
            stats::adjusted_ratio_lift(&of(moments.arm)?, &of(moments.against)?, alpha)
        }
    };
    lift.ok()
}

/// What became of the covariates of an adjustment.
pub(crate) fn covariates_of(
    plan: &Plan<'_>,
    known: &[usize],
    lift: &AdjustedLift,
) -> Vec<Covariate> {
    let covariates = known.iter().enumerate();
    covariates
        .map(|(number, &covariate)| Covariate {
            name: plan.covariates[covariate].name.clone(),
            imbalance: lift.imbalance[number],
            dropped: lift
                .dropped
                .iter()
                .find(|dropped| dropped.covariate == number)
                .map(|dropped| dropped.reason.to_string()),
        })
        .collect()
}

/// An adjusted effect, of which health is not known.
pub(crate) fn adjusted(lift: &AdjustedLift, covariates: Vec<Covariate>) -> Adjusted {
    Adjusted {
        outcome: Outcome {
            contrast: Some(lift.means),
            ..outcome(&lift.lift, Some(lift.means.control_variance.sqrt()))
        },
        mean: Pair {
            arm: lift.means.treated,
            against: lift.means.control,
        },
        r2: lift.r2,
        variance_reduction: lift.variance_reduction,
        covariates,
        health: None,
    }
}

pub(crate) fn arm_moments(
    moments: &Moments,
    place: usize,
    columns: &[usize],
) -> Option<ArmMoments> {
    Some(ArmMoments {
        n: moments.rows(),
        mean: moments.mean(place),
        variance: moments.variance(place),
        covariate_means: columns.iter().map(|&column| moments.mean(column)).collect(),
        outcome_covariances: covariances(moments, place, columns)?,
        covariate_covariances: among(moments, columns)?,
    })
}

pub(crate) fn ratio_moments(
    moments: &Moments,
    numerator: usize,
    denominator: usize,
    columns: &[usize],
) -> Option<RatioMoments> {
    Some(RatioMoments {
        ratio: ratio_sample(moments, numerator, denominator),
        covariate_means: columns.iter().map(|&column| moments.mean(column)).collect(),
        numerator_covariances: covariances(moments, numerator, columns)?,
        denominator_covariances: covariances(moments, denominator, columns)?,
        covariate_covariances: among(moments, columns)?,
    })
}

fn covariances(moments: &Moments, place: usize, columns: &[usize]) -> Option<Vec<f64>> {
    columns
        .iter()
        .map(|&column| moments.covariance(place, column))
        .collect()
}

/// The covariance matrix of some columns, row after row.
fn among(moments: &Moments, columns: &[usize]) -> Option<Vec<f64>> {
    columns
        .iter()
        .map(|&column| covariances(moments, column, columns))
        .collect::<Option<Vec<_>>>()
        .map(|rows| rows.concat())
}

fn mean_se(made_of: MadeOf, moments: &Moments) -> Option<f64> {
    match made_of {
        MadeOf::Value(place) => Some((moments.variance(place) / moments.rows() as f64).sqrt())
            .filter(|se| se.is_finite()),
        MadeOf::Ratio { .. } => None,
    }
}

pub(crate) fn outcome(lift: &Lift, against_se: Option<f64>) -> Outcome {
    let effect = lift.absolute;
    Outcome {
        absolute: Some(Estimate {
            estimate: effect.estimate,
            se: effect.se,
            low: effect.low,
            high: effect.high,
            df: effect.df.is_finite().then_some(effect.df),
        }),
        relative: Some(match &lift.relative {
            Ok(relative) => Relative::Estimated {
                estimate: relative.estimate,
                low: relative.low,
                high: relative.high,
            },
            Err(reason) => Relative::NotEstimable {
                not_estimable: reason.to_string(),
            },
        }),
        p_value: Some(lift.probability.p),
        ln_p: Some(lift.probability.ln_p),
        against_se,
        method: Some(lift.method.to_string()),
        refusal: None,
        contrast: None,
    }
}

pub(crate) fn refused(refusal: Refusal) -> Outcome {
    Outcome {
        refusal: Some(refusal),
        ..Outcome::default()
    }
}

pub(crate) fn verdict(effect: Estimate, better: Better) -> Verdict {
    let (good, bad) = match better {
        Better::Increase => (effect.low > 0.0, effect.high < 0.0),
        Better::Decrease => (effect.high < 0.0, effect.low > 0.0),
    };
    match (good, bad) {
        (true, _) => Verdict::Better,
        (_, true) => Verdict::Worse,
        _ => Verdict::Unclear,
    }
}
