//! Contracts: customers pay once a period until they leave at the end of one.
//!
//! A contract's payments are purchases in every table that counts these, so that cohorts and acquisition are those of
//! purchases. What differs is that one sees who has left: the shifted beta-geometric model says who renews.

mod model;
mod read;
mod worth;

use catalog::{Catalog, Lifetime, LifetimeContracts};
use clv::discount::Discount;
use lake::Lake;

use self::model::Terms;
pub(super) use self::model::{Followed, Renewals};
pub(super) use self::read::Contracts;
use self::read::Held;
use super::acquisition;
use super::backtest::{BackTest, Seen, Test};
use super::checks::{DUE, few, of_rows, too_few, without_limit};
use super::cohorts::{self, Ages, Cohort};
use super::life::unbounded_life;
use super::purchases::{self, Purchases};
use super::retention::retention;
use super::worth::Worths;
use super::{
    ALPHA, Baseline, LifetimeCheck, LifetimeFinding, RetentionFinding, TimingFinding, blank, days,
    margin_of, refusal_of,
};
use crate::audience::Severity;
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
        let mut worths = Worths::default();
        match fit {
            Err(error) => {
                said.refusal = Some(if self.held.renewals().0 > 0.0 {
                    refusal_of(&error)
                } else {
                    Refusal::new(Reason::TooLittleData, "no contract has been up for renewal")
                });
                finding.refusal.clone_from(&said.refusal);
                self.baselines(finding, None);
            }
            Ok(fit) => {
                fit.describe(&mut said);
                finding.model = Some(MODEL.to_owned());
                let due = sum(&|row| u64::from(row.renewals() > 0 || row.ended));
                // Without attrition the limits are exact, however few there are.
                finding.refusal = too_few(due, DUE).filter(|_| !said.sees_no_attrition);
                if finding.refusal.is_none() {
                    let few = few(due, DUE).filter(|_| !said.sees_no_attrition);
                    finding.checks.extend(few);
                    finding.unbounded =
                        unbounded_life(said.sees_no_attrition, fit.attrition_shape());
                    worths = self.values(finding, &fit);
                    said.future = finding.value.as_ref().map(|value| value.future.estimate);
                }
                self.baselines(finding, Some(&fit));
            }
        }
        finding.models.push(said);
        let read = (self.cohorts.as_slice(), &self.purchases);
        acquisition::add(finding, self.lifetime, &worths, read, (self.ages, margin));
        Ok(())
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
    fn baselines(&self, finding: &mut LifetimeFinding, fit: Option<&Renewals>) {
        let rows = || self.held.rows.iter();
        let contracts = number_of(rows());
        if contracts == 0.0 {
            return;
        }
        let mean = |of: fn(&Held) -> f64| {
            let sum: f64 = rows().map(|row| f64::from(row.contracts) * of(row)).sum();
            self.terms.margin * sum / contracts
        };
        let (due, renewed) = self.held.renewals();
        let rate = (due > 0.0).then_some(renewed / due);
        let past = Some(mean(|row| f64::from(row.paid) * row.price));
        let constant = fit
            .zip(rate)
            .map(|(fit, rate)| fit.constant(&self.held, rate, &self.terms) / contracts);
        let price = mean(|row| row.price);
        let textbook = rate
            .filter(|rate| *rate < 1.0)
            .map(|rate| price / (1.0 - rate));
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
        let why = match rate {
            None => "no contract has been up for renewal",
            Some(_) => "no contract has ended",
        };
        let nothing = || Refusal::new(Reason::TooLittleData, why);
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
                     the customer cost counts with the first of those that count here",
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
