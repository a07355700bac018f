//! What more exposures cause, where caps on their number were given out at random.
//!
//! How much customers were shown depends on what they do, and so does the curve of wear: it compares the exposures of one
//! customer and needs them not to end because of the response. Where chance decided how often customers may be shown
//! content, arms are compared as they were assigned. With `y` a customer's outcome and `n` their exposures, from the
//! assignment to the end of the data, a cap `b` against the next lower `a` gives
//!
//! ```text
//! each = (mean y of b - mean y of a) / (mean n of b - mean n of a)
//! ```
//!
//! the average of what the exposures `a + 1` to `b` cause among those whom the higher cap shows more (J. Angrist and
//! G. Imbens, "Two-stage least squares estimation of average causal effects in models with variable treatment intensity",
//! JASA 90, 1995). It rests on chance, on independent customers, and on the cap doing nothing but to limit exposures. Its
//! interval is Fieller's, from the variances and the covariance of both means, with Welch's degrees of freedom. A holdout
//! is a cap of none at all.

use catalog::{Catalog, Experiment, Performance, SeveralArms};
use lake::{Lake, sql};
use stats::tail::student_t_critical;
use stats::{Number, ratio_of_estimates, sample_ratio};

use super::finding::{CapArm, CapStep, CapsFinding, Valued};
use super::query::{OUTCOMES, Prepared, SHOWN};
use super::retire::CapsWear;
use crate::audience::NotCounted;
use crate::audience::lift::{expected_shares, refused_split};
use crate::audience::query::customers::arm_number;
use crate::audience::query::types::{require_column, same_customer, type_of, usable_time};
use crate::audience::query::{source_view, where_clause};
use crate::audience::times::Clock;
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// Customers of an arm, and sums over them.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    customers: u64,
    exposures: f64,
    outcome: f64,
    exposures_squared: f64,
    outcome_squared: f64,
    product: f64,
    /// Customers who were shown content more than once, and those of them who were shown several items.
    repeated: u64,
    several_items: u64,
}

/// Means, and the variances and covariance of these means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means {
    pub(super) customers: f64,
    pub(super) exposures: f64,
    pub(super) outcome: f64,
    pub(super) exposures_variance: f64,
    pub(super) outcome_variance: f64,
    pub(super) covariance: f64,
}

/// Caps that chance gave out.
pub(super) struct Capped {
    pub(super) finding: CapsFinding,
    /// What they say of how an item wears, or why they do not.
    pub(super) wear: Result<CapsWear, String>,
}

impl Sums {
    fn means(&self) -> Means {
        let n = self.customers as f64;
        let (exposures, outcome) = (self.exposures / n, self.outcome / n);
        let of_mean = |sum: f64, a: f64, b: f64| (sum / n - a * b) / (n - 1.0);
        Means {
            customers: n,
            exposures,
            outcome,
            exposures_variance: of_mean(self.exposures_squared, exposures, exposures).max(0.0),
            outcome_variance: of_mean(self.outcome_squared, outcome, outcome).max(0.0),
            covariance: of_mean(self.product, exposures, outcome),
        }
    }
}

/// What more exposures cause; none where the document names no experiment.
///
/// # Errors
///
/// Where the assignment cannot be read, or its customers cannot be told to be those of the touches.
pub(super) fn caps(
    catalog: &Catalog,
    lake: &mut Lake,
    document: &Performance,
    prepared: &Prepared,
) -> Result<Option<Capped>, MeasureError> {
    let named = document.caps.as_deref();
    let Some(experiment) = named.and_then(|name| catalog.experiment(name)) else {
        return Ok(None);
    };
    let (sums, left_out) = read(catalog, lake, experiment, prepared)?;
    let seen: Vec<u64> = sums.iter().map(|sums| sums.customers).collect();
    let split = sample_ratio(&seen, &expected_shares(experiment)).ok();
    let mut arms: Vec<(usize, Sums)> = sums.into_iter().enumerate().collect();
    let cap = |arm: usize| experiment.arms[arm].most_exposures();
    arms.sort_by_key(|(arm, _)| cap(*arm).unwrap_or(u32::MAX));
    let too_few = || {
        let (arm, sums) = arms.iter().find(|(_, sums)| sums.customers < 2)?;
        let message = format!(
            "the arm `{}` has {}",
            experiment.arms[*arm].name,
            Number(sums.customers, "customer")
        );
        Some(Refusal::new(Reason::TooLittleData, message))
    };
    let refusal = split.and_then(|split| refused_split(split.probability));
    let refusal = refusal.or_else(too_few);
    let mut finding = CapsFinding {
        experiment: experiment.name.clone(),
        arms: arms
            .iter()
            .map(|(arm, sums)| CapArm {
                arm: experiment.arms[*arm].name.clone(),
                cap: cap(*arm),
                customers: sums.customers,
                exposures: sums.exposures / sums.customers.max(1) as f64,
                outcome: sums.outcome / sums.customers.max(1) as f64,
            })
            .collect(),
        steps: Vec::new(),
        left_out,
        refusal: refusal.clone(),
    };
    if let Some(refusal) = refusal {
        let wear = Err(refusal.message);
        return Ok(Some(Capped { finding, wear }));
    }
    for pair in arms.windows(2) {
        let [(below, lower), (above, higher)] = pair else {
            continue;
        };
        let caps = (cap(*below), cap(*above));
        let how = (prepared.value, document.alpha);
        finding
            .steps
            .push(step(caps, lower.means(), higher.means(), how));
    }
    let sum = |of_arm: fn(&Sums) -> u64| arms.iter().map(|(_, sums)| of_arm(sums)).sum::<u64>();
    let several = (sum(|arm| arm.several_items), sum(|arm| arm.repeated));
    let means = arms.iter().map(|(_, sums)| sums.means()).collect();
    let wear = CapsWear::new(means, &finding.steps, several);
    Ok(Some(Capped { finding, wear }))
}

/// An arm against the one with the next lower cap.
fn step(
    (lower_cap, higher_cap): (Option<u32>, Option<u32>),
    lower: Means,
    higher: Means,
    (value, alpha): (Option<f64>, f64),
) -> CapStep {
    let estimate = higher.outcome - lower.outcome;
    let exposures = higher.exposures - lower.exposures;
    let variance = higher.outcome_variance + lower.outcome_variance;
    let of_arm = |means: &Means| means.outcome_variance.powi(2) / (means.customers - 1.0);
    let df = variance * variance / (of_arm(&lower) + of_arm(&higher));
    // Without any spread there is nothing to say how sure the difference is.
    let difference = (variance > 0.0).then(|| {
        let half = student_t_critical(alpha, df) * variance.sqrt();
        Valued {
            estimate,
            low: estimate - half,
            high: estimate + half,
        }
    });
    let ratio = ratio_of_estimates(
        estimate,
        exposures,
        variance,
        higher.exposures_variance + lower.exposures_variance,
        higher.covariance + lower.covariance,
        df,
        alpha,
    );
    let (each, refusal) = match ratio {
        _ if difference.is_none() => (None, Some("no customer's outcome differs from another's")),
        Ok(Ok(ratio)) if exposures > 0.0 => {
            let each = Valued {
                estimate: ratio.estimate,
                low: ratio.low,
                high: ratio.high,
            };
            (Some(each), None)
        }
        _ => (
            None,
            Some("the higher cap did not clearly show customers more"),
        ),
    };
    let refusal = refusal.map(|message| Refusal::new(Reason::TooLittleData, message));
    CapStep {
        // The lower of two arms has a cap.
        first: lower_cap.unwrap_or_default().saturating_add(1),
        last: higher_cap,
        exposures,
        difference,
        worth: each.zip(value).map(|(each, value)| Valued {
            estimate: value * each.estimate,
            low: value * each.low,
            high: value * each.high,
        }),
        each,
        refusal,
    }
}

/// The sums of each arm, in the order of the catalog, and which customers are in none. Whole numbers are added up, to the
/// same in any order.
fn read(
    catalog: &Catalog,
    lake: &mut Lake,
    experiment: &Experiment,
    prepared: &Prepared,
) -> Result<(Vec<Sums>, Vec<NotCounted>), MeasureError> {
    let assignment = &experiment.assignment;
    if let Some(source) = catalog.source(&assignment.source) {
        lake.define(catalog, source)?;
    }
    let rows = source_view(&assignment.source);
    let columns = lake.columns(&rows)?;
    let place = format!("experiment `{}`", experiment.name);
    let time = assignment.time.as_deref().unwrap_or_default();
    for column in [assignment.customer.as_str(), assignment.arm.as_str(), time] {
        require_column(&columns, place.clone(), &assignment.source, column)?;
    }
    let own_type = type_of(&columns, &assignment.customer).unwrap_or_default();
    let touched = lake.columns(SHOWN)?;
    let of_touches = type_of(&touched, "customer").unwrap_or_default();
    let same = |other: &str| {
        let columns = ((other, of_touches), ("a.customer", own_type));
        same_customer(columns.0, columns.1, place.clone())
    };
    let alone = match experiment.several_arms {
        SeveralArms::First => "",
        SeveralArms::Exclude => " HAVING min(arm) = max(arm)",
    };
    let assigned = format!(
        "SELECT {} AS customer, {} AS arm, {} AS started FROM {rows}{}",
        sql::identifier(&assignment.customer),
        arm_number(experiment, &columns),
        usable_time(&Clock::of(&columns, time).time(time)),
        where_clause(assignment.filter.as_ref())
    );
    let query = format!(
        "WITH assigned AS ({assigned}), firsts AS (SELECT customer, arg_min(arm, epoch_us(started) * 256 + arm) AS arm, min(started) AS started \
         FROM assigned WHERE customer IS NOT NULL AND arm IS NOT NULL AND started IS NOT NULL \
         GROUP BY customer{alone}), \
         seen AS (SELECT a.customer, a.arm, a.started, CAST(count(s.moment) AS HUGEINT) AS n, \
         count(DISTINCT s.content) > 1 AS several FROM firsts a \
         LEFT JOIN {SHOWN} s ON {same_seen} AND s.moment >= a.started GROUP BY ALL), \
         done AS (SELECT a.customer, a.arm, a.n, a.several, CAST({outcome} AS HUGEINT) AS y FROM seen a \
         LEFT JOIN {OUTCOMES} f ON {same_done} AND f.moment >= {from} GROUP BY a.customer, a.arm, a.n, a.several) \
         SELECT arm, count(*), CAST(sum(n) AS DOUBLE), CAST(sum(y) AS DOUBLE), CAST(sum(n * n) AS DOUBLE), \
         CAST(sum(y * y) AS DOUBLE), CAST(sum(n * y) AS DOUBLE), count(*) FILTER (n > 1), \
         count(*) FILTER (several) FROM done GROUP BY arm ORDER BY arm",
        same_seen = same("s.customer")?,
        same_done = same("f.customer")?,
        outcome = prepared.kind.aggregate(),
        from = prepared.start("a.started"),
    );
    let units = prepared.kind.units();
    let mut sums = vec![Sums::default(); experiment.arms.len()];
    let context = "cannot count the customers of caps";
    for (arm, of_arm) in lake.engine().rows(&query, context, |row| {
        let outcome: f64 = row.get(3)?;
        let outcome_squared: f64 = row.get(5)?;
        let product: f64 = row.get(6)?;
        let of_arm = Sums {
            customers: row.get(1)?,
            exposures: row.get(2)?,
            outcome: outcome / units,
            exposures_squared: row.get(4)?,
            outcome_squared: outcome_squared / (units * units),
            product: product / units,
            repeated: row.get(7)?,
            several_items: row.get(8)?,
        };
        Ok((row.get::<_, u8>(0)?, of_arm))
    })? {
        sums[usize::from(arm)] = of_arm;
    }
    let left_out = left_out(lake, experiment, &assigned)?;
    lake.check_unchanged()?;
    Ok((sums, left_out))
}

/// What of the assignment does not count, by reason.
fn left_out(
    lake: &Lake,
    experiment: &Experiment,
    assigned: &str,
) -> Result<Vec<NotCounted>, MeasureError> {
    let several = match experiment.several_arms {
        SeveralArms::First => String::new(),
        SeveralArms::Exclude => " UNION ALL SELECT 3, 'customers in several arms', count(*) FROM (SELECT customer FROM assigned \
             WHERE customer IS NOT NULL AND arm IS NOT NULL AND started IS NOT NULL GROUP BY customer \
             HAVING min(arm) <> max(arm))"
            .to_owned(),
    };
    let query = format!(
        "WITH assigned AS ({assigned}) SELECT reason, number FROM (SELECT 0 AS place, 'rows without a customer' AS reason, \
         count(*) FILTER (WHERE customer IS NULL) AS number FROM assigned \
         UNION ALL SELECT 1, 'rows of no declared arm', count(*) FILTER (WHERE customer IS NOT NULL AND arm IS NULL) \
         FROM assigned UNION ALL SELECT 2, 'rows without a usable time', \
         count(*) FILTER (WHERE customer IS NOT NULL AND arm IS NOT NULL AND started IS NULL) FROM assigned{several}) \
         WHERE number > 0 ORDER BY place"
    );
    let context = "cannot count the customers of caps";
    Ok(lake.engine().rows(&query, context, |row| {
        Ok(NotCounted {
            reason: row.get(0)?,
            number: row.get(1)?,
        })
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the pairs of exposures and outcomes (1, 0), (2, 1) and (3, 5).
    const THREE: Sums = Sums {
        customers: 3,
        exposures: 6.0,
        outcome: 6.0,
        exposures_squared: 14.0,
        outcome_squared: 26.0,
        product: 17.0,
        repeated: 2,
        several_items: 0,
    };

    #[test]
    fn means_have_the_variances_of_means() {
        let means = THREE.means();
        for (found, expected) in [
            (means.exposures_variance, 1.0 / 3.0),
            (means.outcome_variance, 7.0 / 3.0),
            (means.covariance, 5.0 / 6.0),
        ] {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn what_each_causes_knows_that_exposures_and_outcomes_go_together() {
        let arm = |exposures, outcome, covariance| Means {
            customers: 400.0,
            exposures,
            outcome,
            exposures_variance: 0.04,
            outcome_variance: 0.04,
            covariance,
        };
        let each = |covariance| {
            let arms = (arm(1.0, 1.0, covariance), arm(3.0, 3.0, covariance));
            let step = step((Some(1), None), arms.0, arms.1, (None, 0.05));
            step.each.expect("clearly more exposures")
        };
        let (apart, together) = (each(0.0), each(0.039));
        assert!(apart.high - apart.low > 0.5, "{apart:?}");
        // The ratio of what nearly are the same numbers is 1, nearly without doubt.
        assert!(together.high - together.low < 0.2, "{together:?}");
        // Fieller by hand: 1.96 is 1.963 with 798 degrees of freedom, and (2 - 2 r)^2 = t^2 0.08 (1 + r^2).
        let t = student_t_critical(0.05, 798.0);
        for r in [apart.low, apart.high] {
            let off = (2.0 - 2.0 * r).powi(2) - t * t * 0.08 * (1.0 + r * r);
            assert!(off.abs() < 1e-9, "{r} {off}");
        }
    }

    #[test]
    fn outcomes_without_any_spread_say_nothing() {
        let arm = |exposures| Means {
            customers: 200.0,
            exposures,
            outcome: 0.0,
            exposures_variance: 0.01,
            outcome_variance: 0.0,
            covariance: 0.0,
        };
        let step = step((Some(1), None), arm(1.0), arm(3.0), (Some(2.0), 0.05));
        assert!(step.each.is_none() && step.worth.is_none() && step.difference.is_none());
        let refusal = step.refusal.expect("a reason");
        assert_eq!(
            refusal.message,
            "no customer's outcome differs from another's"
        );
    }
}
