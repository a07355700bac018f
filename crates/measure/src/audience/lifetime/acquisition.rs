//! What acquisition cost, against what customers bring.

use catalog::Lifetime;
use clv::acquisition::{Acquisition, NoPayback, Value};

use super::ALPHA;
use super::cohorts::{Ages, Cohort, DAYS_PER_MONTH, curve, month_name};
use super::finding::{
    AcquisitionFinding, GroupValue, LifetimeFinding, PaybackMonths, PaybackPoint,
};
use super::purchases::Purchases;
use crate::audience::Estimate;
use crate::{Reason, Refusal};

/// What cohorts are seen with.
#[derive(Debug, Clone, Copy)]
struct View {
    ages: Ages,
    /// The last day that is seen.
    end: i64,
    margin: f64,
    alpha: f64,
}

/// Adds what acquisition cost, where it is declared: of all customers, by channel and by cohort, whose values are in the
/// finding. Channels that `by` shows are not shown twice.
pub(super) fn add(
    finding: &mut LifetimeFinding,
    lifetime: &Lifetime,
    (cohorts, purchases): (&[Cohort], &Purchases),
    (ages, margin): (Ages, f64),
) {
    let Some(acquisition) = &lifetime.acquisition else {
        return;
    };
    let view = View {
        ages,
        end: purchases.end,
        margin,
        alpha: ALPHA,
    };
    finding.acquisition = all(finding, cohorts, purchases, view);
    let channel = acquisition.channel.as_ref();
    if channel.is_some_and(|channel| lifetime.by.contains(channel)) {
        finding.channels.clear();
    }
}

fn all(
    finding: &LifetimeFinding,
    cohorts: &[Cohort],
    purchases: &Purchases,
    view: View,
) -> Vec<AcquisitionFinding> {
    let everyone: Vec<&Cohort> = cohorts.iter().collect();
    let mut found = vec![acquisition(
        ("all", ""),
        &everyone,
        finding.value.as_ref(),
        view,
    )];
    if let Some(channel) = purchases.channel {
        let (numbers, of_cell) = purchases.by_value(channel);
        for worth in &finding.channels {
            let number = numbers.get(&worth.group);
            let in_channel = cohorts
                .iter()
                .filter(|cohort| number == Some(&of_cell[cohort.cell as usize]));
            let what = ("channel", worth.group.as_str());
            found.push(acquisition(
                what,
                &in_channel.collect::<Vec<_>>(),
                Some(worth),
                view,
            ));
        }
    }
    for cohort in &finding.cohorts {
        let of_month = cohorts
            .iter()
            .filter(|part| month_name(part.month) == cohort.month);
        let what = ("cohort", cohort.month.as_str());
        let worth = cohort.value.as_ref();
        found.push(acquisition(
            what,
            &of_month.collect::<Vec<_>>(),
            worth,
            view,
        ));
    }
    found
}

/// The acquisition of a group of customers: its cohorts, and what it is worth.
fn acquisition(
    (of, group): (&str, &str),
    cohorts: &[&Cohort],
    worth: Option<&GroupValue>,
    View {
        ages,
        end,
        margin,
        alpha,
    }: View,
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
        curve: Vec::new(),
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
        let value = Estimate {
            estimate: past + worth.future.estimate,
            low: past + worth.future.low,
            high: past + worth.future.high,
            ..worth.future
        };
        finding.value = Some(value);
        let known_value = Value {
            estimate: value.estimate,
            standard_error: value.se,
        };
        match known.value_over_cost(known_value, alpha) {
            Ok(ratio) => {
                finding.value_over_cost = Some(Estimate {
                    estimate: ratio.estimate,
                    se: worth.future.se / known.cost * known.customers,
                    low: value.low / known.cost * known.customers,
                    high: value.high / known.cost * known.customers,
                    df: None,
                });
            }
            Err(error) => finding.refusal = Some(refusal(&error)),
        }
    }
    let points = curve(cohorts, ages, end, margin);
    let months = |days: Option<f64>| days.map(|days| days / DAYS_PER_MONTH);
    for point in &points {
        // The curve is refused as a whole below where a point has no interval.
        let Ok((low, high)) = point.value.interval(alpha) else {
            continue;
        };
        finding.curve.push(PaybackPoint {
            months: point.days / DAYS_PER_MONTH,
            brought: Estimate {
                estimate: point.value.estimate,
                se: point.value.standard_error,
                low,
                high,
                df: None,
            },
        });
    }
    match known.payback(&points, alpha) {
        Ok(payback) => {
            finding.payback = Some(PaybackMonths {
                months: months(payback.days),
                low: months(payback.earliest),
                high: months(payback.latest),
                observed: points
                    .last()
                    .map_or(0.0, |point| point.days / DAYS_PER_MONTH),
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
