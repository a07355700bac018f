//! What acquisition cost, against what customers bring.
//!
//! The cost of acquisition is what was spent over how many customers it brought, those who bought: what was spent on others
//! who never did is part of it. Customers whose cost is not known are left out of all of it: of the cost, of the value and of
//! the curve by which it is paid back.

use std::collections::BTreeMap;

use catalog::Lifetime;
use clv::acquisition::{Acquisition, NoPayback, Value};

use super::ALPHA;
use super::cohorts::{Ages, Cohort, DAYS_PER_MONTH, curve, month_name};
use super::finding::{
    AcquisitionFinding, LifetimeCheck, LifetimeFinding, NeverBought, PaybackMonths, PaybackPoint,
};
use super::purchases::Purchases;
use super::worth::{Worth, Worths};
use crate::audience::{Estimate, Severity};
use crate::{Reason, Refusal};

/// What cohorts are seen with.
#[derive(Debug, Clone, Copy)]
struct View<'a> {
    /// Where amounts are.
    fact: &'a str,
    ages: Ages,
    /// The last day that is seen.
    end: i64,
    margin: f64,
    alpha: f64,
}

/// Adds what acquisition cost, where it is declared: of all customers, by channel and by cohort. `worths` are those of the
/// customers whose cost is known. Channels that `by` shows are not shown twice.
pub(super) fn add(
    finding: &mut LifetimeFinding,
    lifetime: &Lifetime,
    worths: &Worths,
    (cohorts, purchases): (&[Cohort], &Purchases),
    (ages, margin): (Ages, f64),
) {
    let Some(acquisition) = &lifetime.acquisition else {
        return;
    };
    let view = View {
        fact: &lifetime.fact,
        ages,
        end: purchases.end,
        margin,
        alpha: ALPHA,
    };
    finding.acquisition = all(worths, cohorts, purchases, view);
    if let (Some(customers), Some(all)) = (&lifetime.customers, finding.acquisition.first()) {
        let said = [never_bought(all, &customers.source), without_cost(all)];
        finding.checks.extend(said.into_iter().flatten());
    }
    let channel = acquisition.channel.as_ref();
    if channel.is_some_and(|channel| lifetime.by.contains(channel)) {
        finding.channels.clear();
    }
}

/// What customers who never bought do to the cost.
fn never_bought(all: &AcquisitionFinding, source: &str) -> Option<LifetimeCheck> {
    let never = all.never_bought.filter(|never| never.cost > 0.0)?;
    let customers = all.customers as f64;
    let per_customer = match all.cost {
        Some(cost) => format!(
            "what was spent on all over those who bought is {cost:.2} each, of which {:.2} was spent on these",
            cost - never.cost / customers
        ),
        None => "nobody whose cost is known bought".to_owned(),
    };
    Some(LifetimeCheck {
        severity: Severity::Warning,
        message: format!(
            "{} customers of `{source}` cost {:.0} and never bought: {per_customer}; cohorts count only what was spent on \
             their own customers. Whose acquisition is not part of this, as of a time that is not measured, leave out of \
             the source",
            never.customers, never.cost
        ),
    })
}

/// That the cost of some customers is not known.
fn without_cost(all: &AcquisitionFinding) -> Option<LifetimeCheck> {
    (all.without_cost > 0 && all.customers > 0).then(|| LifetimeCheck {
        severity: Severity::Notice,
        message: format!(
            "the cost of {} customers is not known: cost, value and payback are of the {} others, of whom the one model of all \
             customers expects what it expects of their like; if who has a cost is unlike who has none, name a column in \
             `covariates` that tells them apart",
            all.without_cost, all.customers
        ),
    })
}

fn all(
    worths: &Worths,
    cohorts: &[Cohort],
    purchases: &Purchases,
    view: View<'_>,
) -> Vec<AcquisitionFinding> {
    let group = |of: &str, name: &str, never_bought: Option<NeverBought>| Acquired {
        of: of.to_owned(),
        group: name.to_owned(),
        costed: Vec::new(),
        without_cost: 0.0,
        never_bought,
    };
    let mut everyone = group("all", "", Some(NeverBought::default()));
    for never in purchases.never_bought.values() {
        let all = everyone.never_bought.get_or_insert_default();
        all.customers += never.customers;
        all.cost += never.cost;
    }
    let mut by_channel: BTreeMap<String, Acquired> = BTreeMap::new();
    let channels = purchases.channel.map(|channel| purchases.by_value(channel));
    let (names, of_cell) = channels.unwrap_or_default();
    if purchases.channel.is_some() {
        for name in names.iter().chain(purchases.never_bought.keys()) {
            let never = purchases.never_bought.get(name).copied();
            let channel = || group("channel", name, Some(never.unwrap_or_default()));
            by_channel.entry(name.clone()).or_insert_with(channel);
        }
    }
    let mut by_month: BTreeMap<i64, Acquired> = BTreeMap::new();
    for cohort in cohorts {
        let cell = cohort.cell as usize;
        let is_costed = purchases.costed.get(cell).copied().unwrap_or(false);
        everyone.add(cohort, is_costed);
        let channel = of_cell
            .get(cell)
            .and_then(|number| by_channel.get_mut(&names[*number]));
        if let Some(channel) = channel {
            channel.add(cohort, is_costed);
        }
        let month = || group("cohort", &month_name(cohort.month), None);
        by_month
            .entry(cohort.month)
            .or_insert_with(month)
            .add(cohort, is_costed);
    }
    let mut channels: Vec<Acquired> = by_channel.into_values().collect();
    // The largest first; of equals by name, in which order they are.
    channels.sort_by(|a, b| b.customers().total_cmp(&a.customers()));
    let of = |worths: &'_ [Worth], group: &Acquired| -> Option<Worth> {
        let mut each = worths.iter();
        each.find(|worth| worth.value.group == group.group).cloned()
    };
    let mut found = vec![acquisition(&everyone, worths.all.as_ref(), view)];
    for channel in &channels {
        let worth = of(&worths.channels, channel);
        found.push(acquisition(channel, worth.as_ref(), view));
    }
    for month in by_month.values() {
        let worth = of(&worths.cohorts, month);
        found.push(acquisition(month, worth.as_ref(), view));
    }
    found
}

/// A group of customers who were acquired.
struct Acquired<'c> {
    of: String,
    group: String,
    /// Those whose cost is known.
    costed: Vec<&'c Cohort>,
    /// How many the others are.
    without_cost: f64,
    never_bought: Option<NeverBought>,
}

impl<'c> Acquired<'c> {
    fn add(&mut self, cohort: &'c Cohort, is_costed: bool) {
        if is_costed {
            self.costed.push(cohort);
        } else {
            self.without_cost += cohort.customers;
        }
    }

    fn total(&self, of: fn(&Cohort) -> f64) -> f64 {
        self.costed.iter().map(|cohort| of(cohort)).sum()
    }

    /// All of them.
    fn customers(&self) -> f64 {
        self.total(|cohort| cohort.customers) + self.without_cost
    }
}

/// The acquisition of a group, and what its customers whose cost is known are worth.
fn acquisition(
    group: &Acquired<'_>,
    worth: Option<&Worth>,
    View {
        fact,
        ages,
        end,
        margin,
        alpha,
    }: View<'_>,
) -> AcquisitionFinding {
    let never_bought = group.never_bought.unwrap_or_default();
    let known = Acquisition {
        cost: group.total(|cohort| cohort.cost) + never_bought.cost,
        customers: group.total(|cohort| cohort.customers),
    };
    let mut finding = AcquisitionFinding {
        of: group.of.clone(),
        group: group.group.clone(),
        customers: known.customers as u64,
        without_cost: group.without_cost as u64,
        never_bought: group.never_bought,
        cost: None,
        value: None,
        value_over_cost: None,
        payback: None,
        curve: Vec::new(),
        refusal: None,
    };
    if known.customers == 0.0 && group.without_cost > 0.0 {
        let message = "the cost of none of these customers is known";
        finding.refusal = Some(Refusal::new(Reason::TooLittleData, message));
        return finding;
    }
    match known.cost_per_customer() {
        Ok(cost) => finding.cost = Some(cost),
        Err(error) => {
            finding.refusal = Some(refusal(&error, fact));
            return finding;
        }
    }
    if let Some(worth) = worth {
        let value = worth.total;
        finding.value = Some(value);
        let known_value = Value {
            estimate: value.estimate,
            standard_error: value.se,
        };
        match known.value_over_cost(known_value, alpha) {
            Ok(ratio) => {
                finding.value_over_cost = Some(Estimate {
                    estimate: ratio.estimate,
                    se: value.se / known.cost * known.customers,
                    low: value.low / known.cost * known.customers,
                    high: value.high / known.cost * known.customers,
                    df: None,
                });
            }
            Err(error) => finding.refusal = Some(refusal(&error, fact)),
        }
    }
    let points = curve(&group.costed, ages, end, margin);
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
        Err(error) => _ = finding.refusal.get_or_insert(refusal(&error, fact)),
    }
    finding
}

fn refusal(error: &NoPayback, fact: &str) -> Refusal {
    match error {
        // What is read is finite, and costs are not negative: what is made of it is too large for a double.
        NoPayback::Invalid { .. } => {
            let message = format!(
                "{error}: an amount of `{fact}`, or a cost, is too large to be reckoned with; mend it or leave its row out"
            );
            Refusal::new(Reason::UnfitData, message)
        }
        _ => Refusal::new(Reason::TooLittleData, error.to_string()),
    }
}
