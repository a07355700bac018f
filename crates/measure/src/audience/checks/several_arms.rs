//! Customers who were assigned to several arms: how many, and what they can do to an effect.

use std::collections::BTreeMap;

use catalog::Unit;
use lake::Lake;
use stats::exposure_bounds::{ExclusionBias, PartlySeen, worst_case_bounds};
use stats::moments::{Moments, Products};
use stats::{Counts, Lift, Sample, Unestimable};

use super::range;
use crate::audience::compare::{outcome, sample};
use crate::audience::finding::Customers;
use crate::audience::plan::{Compared, MadeOf, Plan};
use crate::audience::query::assigned::Assigned;
use crate::audience::query::{Query, columns, status};
use crate::audience::spread::Rows;
use crate::audience::trust::{SeveralArms, SeveralArmsSensitivity};
use crate::error::MeasureError;

/// The arms that customers were in together, the most frequent first.
pub(super) fn combinations(
    plan: &Plan<'_>,
    lake: &Lake,
    assigned: &Assigned,
) -> Result<Vec<SeveralArms>, MeasureError> {
    let query = format!(
        "WITH {} SELECT array_to_string(list_sort(arms), ',') AS arms, CAST(count(*) AS UBIGINT) AS customers \
         FROM (SELECT list(DISTINCT arm) AS arms FROM _ts_rows WHERE arm IS NOT NULL AND customer IN \
         (SELECT customer FROM {} WHERE several) GROUP BY customer) GROUP BY 1 ORDER BY 2 DESC, 1",
        assigned.tables, assigned.customers,
    );
    let context = "cannot count customers in several arms";
    let rows: Vec<(String, u64)> = lake
        .engine()
        .rows(&query, context, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let arms = &plan.experiment.arms;
    let names = |numbers: &str| {
        let numbers = numbers.split(',').filter_map(|number| number.parse().ok());
        numbers
            .filter_map(|number: usize| arms.get(number))
            .map(|arm| arm.name.clone())
            .collect()
    };
    Ok(rows
        .iter()
        .map(|(numbers, customers)| SeveralArms {
            arms: names(numbers),
            customers: *customers,
        })
        .collect())
}

/// The customers of an arm: those in this arm alone, and those who were first in it.
#[derive(Default)]
struct Arm {
    alone: Option<Moments>,
    first: Option<Moments>,
}

impl Arm {
    fn alone(&self) -> Sample {
        sample_of(self.alone.as_ref())
    }

    fn first(&self) -> Sample {
        sample_of(self.first.as_ref())
    }

    /// Both together.
    fn all(&self) -> Option<Moments> {
        match (self.alone.clone(), &self.first) {
            (Some(mut alone), Some(first)) => alone.merge(first).ok().map(|()| alone),
            (alone, first) => alone.or_else(|| first.clone()),
        }
    }

    fn extremes(&self) -> Option<(f64, f64)> {
        let all = self.all()?;
        all.min(0).zip(all.max(0))
    }
}

fn sample_of(moments: Option<&Moments>) -> Sample {
    let nobody = Sample {
        n: 0,
        mean: 0.0,
        variance: 0.0,
    };
    moments.map_or(nobody, |moments| sample(moments, 0))
}

/// The effect on the primary metric with these customers in their first arm, without them, and at the worst; of each
/// arm. Takes one more pass over the customers. Of a ratio, and where it is not known which arm was first, there is none.
pub(super) fn sensitivity(
    plan: &Plan<'_>,
    lake: &Lake,
    query: &Query,
    customers: &Customers,
    shares: &[f64],
) -> Result<Vec<SeveralArmsSensitivity>, MeasureError> {
    let Some(&Compared {
        metric,
        made_of: MadeOf::Value(place),
        ..
    }) = plan.primary()
    else {
        return Ok(Vec::new());
    };
    if plan.experiment.assignment.time.is_none() {
        return Ok(Vec::new());
    }
    let number = columns::number(query, place);
    let rows = Rows {
        lake,
        sql: format!(
            "SELECT CAST(arm * 2 + CASE WHEN several THEN 1 ELSE 0 END AS UTINYINT), {number} FROM {} \
             WHERE status IN ({}, {}) AND started IS NOT NULL AND arm < 127 AND {}",
            query.customers,
            status::COUNTED,
            status::SEVERAL_ARMS,
            query.counts(plan, place),
        ),
        groups: 2 * plan.experiment.arms.len(),
        columns: 1,
        experiment: &plan.experiment.name,
    };
    let groups = rows.moments(&Products::new(1, |_, _| false))?;
    let mut arms: BTreeMap<usize, Arm> = BTreeMap::new();
    for (key, moments) in groups.into_iter().enumerate() {
        if moments.rows() == 0 {
            continue;
        }
        let arm = arms.entry(key / 2).or_default();
        if key % 2 == 0 {
            arm.alone = Some(moments);
        } else {
            arm.first = Some(moments);
        }
    }
    let range = range(plan, query, place, arms.values().filter_map(Arm::extremes));
    let Some((against, range)) = arms.get(&plan.reference).zip(range) else {
        return Ok(Vec::new());
    };
    let share = customers.several_arms as f64 / in_any_arm(customers) as f64;
    let bias = ExclusionBias::new(shares, share).ok();
    let alpha = plan.experiment.alpha;
    let mut found = Vec::new();
    for (&number, arm) in arms.iter().filter(|(arm, _)| **arm != plan.reference) {
        let Some(declared) = plan.experiment.arms.get(number) else {
            continue;
        };
        let effect = |of: fn(&Arm) -> Option<Moments>| {
            let (arm, against) = (of(arm)?, of(against)?);
            effect(metric.unit, &arm, &against, alpha).ok()
        };
        let seen = |arm: &Arm| PartlySeen {
            seen: arm.alone(),
            unseen: arm.first().n,
        };
        let Ok(bounds) = worst_case_bounds(&seen(arm), &seen(against), range, alpha) else {
            continue;
        };
        found.push(SeveralArmsSensitivity {
            metric: metric.name.clone(),
            arm: declared.name.clone(),
            first: effect(Arm::all).and_then(|lift| outcome(&lift, None).absolute),
            exclude: effect(|arm| arm.alone.clone()).and_then(|lift| outcome(&lift, None).absolute),
            low: bounds.low,
            high: bounds.high,
            range,
            exclusion_bias: bias.as_ref().zip(difference(arm, against)).and_then(
                |(bias, difference)| bias.of_difference(number, plan.reference, difference),
            ),
        });
    }
    Ok(found)
}

/// Customers in any declared arm.
pub(super) fn in_any_arm(customers: &Customers) -> u64 {
    let left_out: u64 = customers.not_counted.iter().map(|left| left.number).sum();
    (customers.counted + left_out).max(1)
}

/// By how much customers in several arms have more of the metric than those in one: their mean over both arms.
fn difference(arm: &Arm, against: &Arm) -> Option<f64> {
    let mean = |samples: [Sample; 2]| {
        let n: u64 = samples.iter().map(|sample| sample.n).sum();
        let sum: f64 = samples.iter().map(|s| s.mean * s.n as f64).sum();
        (n > 0).then(|| sum / n as f64)
    };
    let several = mean([arm.first(), against.first()])?;
    Some(several - mean([arm.alone(), against.alone()])?)
}

/// The plain effect, by the test that the metric's unit has.
fn effect(unit: Unit, arm: &Moments, against: &Moments, alpha: f64) -> Result<Lift, Unestimable> {
    if unit == Unit::Share {
        let counts = |moments: &Moments| Counts {
            successes: moments.sum(0) as u64,
            n: moments.rows(),
        };
        return stats::lift_of_shares(counts(arm), counts(against), alpha);
    }
    stats::lift_of_means(&sample(arm, 0), &sample(against, 0), alpha)
}
