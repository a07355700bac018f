//! What acquisition cost, against what customers bring.

use clv::acquisition::{Acquisition, NoPayback, Value};

use super::cohorts::{Cohort, DAYS_PER_MONTH, curve};
use super::finding::{AcquisitionFinding, GroupValue, PaybackMonths};
use crate::audience::Estimate;
use crate::{Reason, Refusal};

/// The acquisition of a group of customers: its cohorts, and what it is worth.
pub(super) fn acquisition(
    (of, group): (&str, &str),
    cohorts: &[&Cohort],
    worth: Option<&GroupValue>,
    end: i64,
    margin: f64,
    alpha: f64,
) -> AcquisitionFinding {
    let total = |of: fn(&Cohort) -> f64| cohorts.iter().map(|cohort| of(cohort)).sum::<f64>();
    let (all, costed) = (total(|c| c.customers), total(|c| c.costed));
    let known = Acquisition {
        cost: total(|c| c.cost),
        customers: costed,
    };
    let mut finding = AcquisitionFinding {
        of: of.to_owned(),
        group: group.to_owned(),
        customers: costed as u64,
        without_cost: (all - costed) as u64,
        cost: None,
        value: None,
        value_over_cost: None,
        payback: None,
        refusal: None,
    };
    match known.cost_per_customer() {
        Ok(cost) => finding.cost = Some(cost),
        Err(error) => {
            finding.refusal = Some(refusal(&error));
            return finding;
        }
    }
    if let Some(worth) = worth {
        let past = worth.past;
        finding.value = Some(Estimate {
            estimate: past + worth.future.estimate,
            low: past + worth.future.low,
            high: past + worth.future.high,
            ..worth.future
        });
        let value = Value {
            estimate: past + worth.future.estimate,
            standard_error: worth.future.se,
        };
        match known.value_over_cost(value, alpha) {
            Ok(ratio) => {
                finding.value_over_cost = Some(Estimate {
                    estimate: ratio.estimate,
                    se: worth.future.se / known.cost * known.customers,
                    low: ratio.low,
                    high: ratio.high,
                    df: None,
                });
            }
            Err(error) => finding.refusal = Some(refusal(&error)),
        }
    }
    let points = curve(cohorts, end, margin);
    let months = |days: Option<f64>| days.map(|days| days / DAYS_PER_MONTH);
    match known.payback(&points, alpha) {
        Ok(payback) => {
            finding.payback = Some(PaybackMonths {
                months: months(payback.days),
                low: months(payback.earliest),
                high: months(payback.latest),
                observed: points.len() as f64,
            });
        }
        Err(error) => _ = finding.refusal.get_or_insert(refusal(&error)),
    }
    finding
}

fn refusal(error: &NoPayback) -> Refusal {
    let reason = match error {
        NoPayback::Invalid { .. } => Reason::UnfitData,
        _ => Reason::TooLittleData,
    };
    Refusal::new(reason, error.to_string())
}
