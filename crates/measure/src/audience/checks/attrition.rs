//! What missing values can do to an effect, where one arm has more of them.

use lake::Lake;
use stats::exposure_bounds::{PartlySeen, Trimmed, lee_bounds, trimming, worst_case_bounds};
use stats::moments::{Moments, Products};
use stats::{Arm, Counts};

use crate::audience::compare::sample;
use crate::audience::finding::{Comparison, Pair};
use crate::audience::plan::{Compared, MadeOf, Plan};
use crate::audience::query::{Query, columns, status};
use crate::audience::spread::Rows;
use crate::audience::tally::Tally;
use crate::audience::trust::AttritionBounds;
use crate::error::MeasureError;

/// The limits of the effect of each arm whose values of the primary metric are `uneven`ly missing. Of a ratio there are
/// none. The effect on those who have a value in either arm takes two more passes over the customers.
pub(super) fn bounds(
    plan: &Plan<'_>,
    lake: &Lake,
    query: &Query,
    tally: &Tally,
    uneven: &[&Comparison],
) -> Result<Vec<AttritionBounds>, MeasureError> {
    let mut found = Vec::new();
    for comparison in uneven {
        let Some(&Compared {
            metric,
            made_of: made_of @ MadeOf::Value(place),
            ..
        }) = plan.compared(&comparison.metric)
        else {
            continue;
        };
        let Some(arm) = plan.arm(&comparison.arm) else {
            continue;
        };
        let moments = |arm: usize| {
            tally.moments(arm, made_of.bits()).map_err(|error| {
                MeasureError::summary(
                    &plan.experiment.name,
                    std::slice::from_ref(&metric.name),
                    &error,
                )
            })
        };
        let moments = Pair {
            arm: moments(arm)?,
            against: moments(plan.reference)?,
        };
        let assigned = Pair {
            arm: comparison.missing.arm + moments.arm.rows(),
            against: comparison.missing.against + moments.against.rows(),
        };
        let share = |missing: u64, of: u64| missing as f64 / of.max(1) as f64;
        found.push(AttritionBounds {
            metric: metric.name.clone(),
            arm: comparison.arm.clone(),
            missing: Pair {
                arm: share(comparison.missing.arm, assigned.arm),
                against: share(comparison.missing.against, assigned.against),
            },
            worst_case: worst_case(plan, query, place, comparison, &moments).map(Into::into),
            always_observed: always_observed(plan, lake, query, (place, arm), assigned, &moments)?
                .map(Into::into),
        });
    }
    Ok(found)
}

fn worst_case(
    plan: &Plan<'_>,
    query: &Query,
    place: usize,
    comparison: &Comparison,
    moments: &Pair<Moments>,
) -> Option<stats::exposure_bounds::Bounds> {
    let seen = [&moments.arm, &moments.against].map(|arm| arm.min(place).zip(arm.max(place)));
    let range = super::range(plan, query, place, seen.into_iter().flatten())?;
    let seen = |moments: &Moments, unseen: u64| PartlySeen {
        seen: sample(moments, place),
        unseen,
    };
    worst_case_bounds(
        &seen(&moments.arm, comparison.missing.arm),
        &seen(&moments.against, comparison.missing.against),
        range,
        plan.experiment.alpha,
    )
    .ok()
}

/// The bounds of Lee: the arm with more values is trimmed by its surplus, at either end.
fn always_observed(
    plan: &Plan<'_>,
    lake: &Lake,
    query: &Query,
    (place, arm): (usize, usize),
    assigned: Pair<u64>,
    moments: &Pair<Moments>,
) -> Result<Option<stats::exposure_bounds::Bounds>, MeasureError> {
    let counts = |n: u64, moments: &Moments| Counts {
        successes: moments.rows(),
        n,
    };
    let treated = counts(assigned.arm, &moments.arm);
    let control = counts(assigned.against, &moments.against);
    let Ok(trimming) = trimming(treated, control) else {
        return Ok(None);
    };
    let (trimmed_arm, more, fewer) = match trimming.arm {
        Arm::Treated => (arm, &moments.arm, &moments.against),
        Arm::Control => (plan.reference, &moments.against, &moments.arm),
    };
    let left = more.rows() - (trimming.share * more.rows() as f64).floor() as u64;
    let number = columns::number(query, place);
    let end = |order: &str| -> Result<Option<Moments>, MeasureError> {
        let rows = Rows {
            lake,
            sql: format!(
                "SELECT 0::UTINYINT, number FROM (SELECT {number} AS number FROM {} WHERE status = {} \
                 AND arm = {trimmed_arm} AND {} ORDER BY number {order} LIMIT {left})",
                query.customers,
                status::COUNTED,
                query.counts(plan, place),
            ),
            groups: 1,
            columns: 1,
            experiment: &plan.experiment.name,
        };
        Ok(rows.moments(&Products::new(1, |_, _| false))?.pop())
    };
    let (Some(smallest), Some(largest)) = (end("ASC")?, end("DESC")?) else {
        return Ok(None);
    };
    let (Some(top), Some(bottom)) = (smallest.max(0), largest.min(0)) else {
        return Ok(None);
    };
    let without_largest = Trimmed {
        left: sample(&smallest, 0),
        cutoff: top,
    };
    let without_smallest = Trimmed {
        left: sample(&largest, 0),
        cutoff: bottom,
    };
    Ok(lee_bounds(
        treated,
        control,
        &sample(fewer, place),
        &without_largest,
        &without_smallest,
        plan.experiment.alpha,
    )
    .ok())
}
