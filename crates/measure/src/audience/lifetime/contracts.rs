//! Contracts: customers pay once a period until they leave at the end of one.
//!
//! A contract's payments are purchases in every table that counts these, so that cohorts and acquisition are those of
//! purchases. What differs is that one sees who has left: the shifted beta-geometric model says who renews.

mod model;
mod read;

use catalog::{Catalog, Lifetime, LifetimeContracts};
use clv::discount::Discount;
use lake::Lake;

use self::model::Terms;
pub(super) use self::model::{Followed, Renewals};
pub(super) use self::read::Contracts;
use self::read::Held;
use super::acquisition;
use super::backtest::{BackTest, Seen, Test};
use super::checks::{of_rows, without_limit};
use super::cohorts::{self, Ages, Cohort, month_of};
use super::life::unbounded_life;
use super::purchases::{self, Purchases};
use super::retention::retention;
use super::value::{Weighted, distribution_of};
use super::{
    ALPHA, Audiences, Baseline, GroupValue, LifetimeCheck, LifetimeFinding, NewCustomer,
    RetentionFinding, TimingFinding, blank, days, margin_of, refusal_of,
};
use crate::audience::{Estimate, Severity};
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// The name of the model.
const MODEL: &str = "sbg";

/// Measures what contracts are worth.
pub(super) fn contracts(
    catalog: &Catalog,
    lake: &mut Lake,
    lifetime: &Lifetime,
    (declared, discount): (&LifetimeContracts, Discount),
) -> Result<LifetimeFinding, MeasureError> {
    let purchases = read::read(catalog, lake, lifetime, declared)?;
    lake.check_unchanged()?;
    let ages = Ages::payments(declared.period);
    let has_cost = lifetime.acquisition.is_some();
    let cohorts = cohorts::read(lake, &lifetime.name, purchases.end, ages, has_cost)?;
    let until = (purchases.end, purchases.data_end);
    let held = Contracts::read(lake, lifetime, declared, until)?;
    let mut finding = blank(catalog, lake, lifetime, &purchases)?;
    finding.age_step = ages.step;
    let measured = Measured {
        lifetime,
        declared,
        terms: Terms {
            margin: margin_of(catalog, lifetime).unwrap_or(1.0),
            discount: discount.continuous(1.0),
            horizon: days(lifetime.horizon),
            period: days(declared.period),
        },
        ages,
        cohorts,
        held,
        purchases,
    };
    measured.fill(lake, &mut finding)?;
    purchases::finish(lake)?;
    read::finish(lake)?;
    Ok(finding)
}

/// What has been read.
struct Measured<'a> {
    lifetime: &'a Lifetime,
    declared: &'a LifetimeContracts,
    terms: Terms,
    ages: Ages,
    cohorts: Vec<Cohort>,
    held: Contracts,
    purchases: Purchases,
}

impl Measured<'_> {
    fn fill(&self, lake: &Lake, finding: &mut LifetimeFinding) -> Result<(), MeasureError> {
        let rows = &self.held.rows;
        let sum = |of: &dyn Fn(&Held) -> u64| -> u64 {
            rows.iter()
                .map(|row| u64::from(row.contracts) * of(row))
                .sum()
        };
        finding.extent.customers = sum(&|_| 1);
        finding.extent.without_repeat = sum(&|row| u64::from(row.renewals() == 0));
        finding.extent.repeat_purchases = sum(&|row| u64::from(row.renewals()));
        let margin = self.terms.margin;
        finding.cohorts = cohorts::finding(&self.cohorts, self.ages, self.purchases.end, margin);
        finding.checks = of_rows(self.lifetime, &self.purchases);
        self.check(finding);
        let mut fit = Renewals::fit(&self.held);
        if let Ok(fit) = &mut fit
            && let Err(error) = fit.find_limit(&self.held, &self.terms, ALPHA)
        {
            finding.checks.push(without_limit(&error));
        }
        let mut said = TimingFinding::of(MODEL);
        finding.retention = Some(RetentionFinding {
            period: self.declared.period,
            running: sum(&|row| u64::from(!row.ended)),
            known_to_end: sum(&|row| u64::from(row.known_left.is_some())),
            ended: sum(&|row| u64::from(row.ended)),
            curve: retention(&self.held, fit.as_ref().ok(), ALPHA),
        });
        finding.back_test = self.back_test(lake, fit.as_ref().ok())?;
        match fit {
            Err(error) => {
                said.refusal = Some(if self.held.renewals().0 > 0.0 {
                    refusal_of(&error)
                } else {
                    Refusal::new(Reason::TooLittleData, "no contract has been up for renewal")
                });
                finding.refusal.clone_from(&said.refusal);
            }
            Ok(fit) => {
                fit.describe(&mut said);
                finding.model = Some(MODEL.to_owned());
                finding.unbounded = unbounded_life(said.sees_no_attrition, fit.attrition_shape());
                self.values(finding, &fit);
                said.future = finding.value.as_ref().map(|value| value.future.estimate);
                self.baselines(finding, &fit);
            }
        }
        finding.models.push(said);
        let read = (self.cohorts.as_slice(), &self.purchases);
        acquisition::add(finding, self.lifetime, read, (self.ages, margin));
        Ok(())
    }

    /// Values of all contracts, of groups, and of a new contract.
    fn values(&self, finding: &mut LifetimeFinding, fit: &Renewals) {
        let rows = || self.held.rows.iter();
        finding.value = self.group(String::new(), rows(), fit);
        if self.terms.discount > 0.0 {
            let forever = Terms {
                horizon: f64::INFINITY,
                ..self.terms
            };
            let total = |terms: &Terms| fit.total(rows(), terms).prediction.value;
            let tail = (total(&forever) - total(&self.terms)) / number_of(rows());
            finding.tail = tail.is_finite().then_some(tail);
        }
        finding.new_customer = self.new_contract(fit);
        let each = rows().map(|row| Weighted {
            value: fit.value(row, &self.terms),
            customers: row.contracts,
        });
        finding.distribution = Some(distribution_of(each.collect()));
        let column = |column: usize| {
            let (names, of_cell) = self.purchases.by_value(column);
            let groups = names.into_iter().filter_map(|(name, number)| {
                let rows = rows().filter(|row| of_cell[row.cell as usize] == number);
                self.group(name, rows, fit)
            });
            let mut groups: Vec<GroupValue> = groups.collect();
            groups.sort_by(|a, b| b.customers.cmp(&a.customers).then(a.group.cmp(&b.group)));
            groups
        };
        for (place, name) in self.lifetime.by.iter().enumerate() {
            finding.by.push(Audiences {
                column: name.clone(),
                values: column(place),
            });
        }
        finding.channels = self.purchases.channel.map(column).unwrap_or_default();
        for (month, cohort) in cohorts::months(&self.cohorts)
            .into_iter()
            .zip(&mut finding.cohorts)
        {
            let rows = rows().filter(|row| month_of(row.start) == month);
            cohort.value = self.group(cohort.month.clone(), rows, fit);
        }
    }

    /// What a group of contracts is worth; none of no contract.
    fn group<'r>(
        &self,
        name: String,
        rows: impl Iterator<Item = &'r Held> + Clone,
        fit: &Renewals,
    ) -> Option<GroupValue> {
        let mean = |of: &dyn Fn(&Held) -> f64| {
            let each = rows.clone().map(|row| (f64::from(row.contracts), of(row)));
            let (n, sum) = each.fold((0.0, 0.0), |(n, sum), (m, value)| (n + m, sum + m * value));
            (n > 0.0).then_some(sum / n)
        };
        let contracts = number_of(rows.clone());
        Some(GroupValue {
            group: name,
            customers: contracts as u64,
            purchases: mean(&|row| f64::from(row.renewals()))?,
            past: self.terms.margin * mean(&|row| f64::from(row.paid) * row.price)?,
            alive: mean(&|row| f64::from(u8::from(!row.ended)))?,
            expected_purchases: mean(&|row| fit.expected(row, &self.terms))?,
            future: fit
                .total(rows.clone(), &self.terms)
                .per_customer(contracts, ALPHA),
        })
    }

    /// A new contract at the mean price of those that are known.
    fn new_contract(&self, fit: &Renewals) -> Option<NewCustomer> {
        let rows = || self.held.rows.iter();
        let prices = rows()
            .map(|row| f64::from(row.contracts) * row.price)
            .sum::<f64>();
        let price = prices / number_of(rows());
        price.is_finite().then(|| {
            let renewals = fit.new_contract(&self.terms);
            let worth = self.terms.margin * price;
            let later = renewals.times(worth).per_customer(1.0, ALPHA);
            let undiscounted = Terms {
                discount: 0.0,
                ..self.terms
            };
            NewCustomer {
                first_purchase: worth,
                expected_purchases: fit.new_contract(&undiscounted).prediction.value,
                value: Estimate {
                    estimate: worth + later.estimate,
                    low: worth + later.low,
                    high: worth + later.high,
                    ..later
                },
            }
        })
    }

    /// A forecast of renewals that are known by now, as of purchases.
    fn back_test(
        &self,
        lake: &Lake,
        fit: Option<&Renewals>,
    ) -> Result<Option<BackTest>, MeasureError> {
        let Purchases {
            from,
            end,
            data_end,
            ..
        } = self.purchases;
        if data_end > end {
            return Ok(score(&self.held, fit, (end, data_end), &self.terms));
        }
        let half = from + (end - from) / 2;
        let held = Contracts::read(lake, self.lifetime, self.declared, (half, end))?;
        let fit = Renewals::fit(&held).ok();
        Ok(score(&held, fit.as_ref(), (half, end), &self.terms))
    }

    /// Simple rules.
    fn baselines(&self, finding: &mut LifetimeFinding, fit: &Renewals) {
        let (due, renewed) = self.held.renewals();
        let rate = (due > 0.0).then_some(renewed / due);
        let past = finding.value.as_ref().map(|value| value.past);
        let contracts = number_of(self.held.rows.iter());
        let constant = rate.map(|rate| fit.constant(&self.held, rate, &self.terms) / contracts);
        let price = finding.new_customer.as_ref().map(|new| new.first_purchase);
        let textbook = match (rate, price) {
            (Some(rate), Some(price)) if rate < 1.0 => Some(price / (1.0 - rate)),
            _ => None,
        };
        let rules = [
            (
                "historic-average",
                "what contracts have brought so far, on average",
                past,
            ),
            (
                "constant-retention",
                "each running contract is renewed with the same probability every time, discounted as the model's value",
                constant,
            ),
            (
                "textbook",
                "a payment over the share of contracts that end at a renewal, from the first payment on, not discounted",
                textbook,
            ),
        ];
        let nothing = || Refusal::new(Reason::TooLittleData, "no contract has ended");
        finding.baselines = rules
            .into_iter()
            .map(|(rule, what, value)| Baseline {
                rule: rule.to_owned(),
                what: what.to_owned(),
                value,
                refusal: value.is_none().then(nothing),
            })
            .collect();
    }

    /// What is worth knowing before any model.
    fn check(&self, finding: &mut LifetimeFinding) {
        let mut note = |severity: Severity, message: String| {
            finding.checks.push(LifetimeCheck { severity, message });
        };
        if self.purchases.varying > 0 {
            note(
                Severity::Warning,
                format!(
                    "columns of `by` vary among the payments of {} contracts; the first one counts",
                    self.purchases.varying
                ),
            );
        }
        if self.held.holders_of_several > 0 {
            note(
                Severity::Notice,
                format!(
                    "{} customers have had more than one contract: each contract counts by itself, and what acquiring \
                     the customer cost counts with the first",
                    self.held.holders_of_several
                ),
            );
        }
    }
}

/// The number of contracts of rows.
fn number_of<'r>(rows: impl Iterator<Item = &'r Held>) -> f64 {
    rows.map(|row| f64::from(row.contracts)).sum()
}

/// Holds forecasts of the contracts that ran at the end of a day against what was paid until another.
fn score(
    held: &Contracts,
    fit: Option<&Renewals>,
    (end, until): (i64, i64),
    terms: &Terms,
) -> Option<BackTest> {
    let terms = Terms {
        horizon: (until - end) as f64,
        discount: 0.0,
        margin: 1.0,
        ..*terms
    };
    let running: Vec<&Held> = held.rows.iter().filter(|row| !row.ended).collect();
    let seen = running.iter().map(|row| Seen {
        later: row.later,
        customers: row.contracts,
    });
    let mut test = Test::new((end, until), seen.collect())?;
    let rows = running.iter();
    if let Some(fit) = fit {
        test.add(
            MODEL,
            rows.clone().map(|row| fit.expected_unknown(row, &terms)),
        );
    }
    let (due, renewed) = held.renewals();
    if due > 0.0 {
        let rate = renewed / due;
        test.add(
            "constant-retention",
            rows.clone().map(|row| model::constant(row, rate, &terms)),
        );
    }
    test.add(
        "all-renew",
        rows.map(|row| model::constant(row, 1.0, &terms)),
    );
    Some(test.finish())
}
