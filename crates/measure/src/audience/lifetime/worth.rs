//! What customers are worth: all of them, groups, a new one.

use super::cohorts::month_of;
use super::fit::NEW;
use super::life::life;
use super::measured::{Chosen, Measured};
use super::spend::Spend;
use super::states::states;
use super::value::{self, Future, Group};
use super::{Audiences, Band, GroupValue, LifetimeFinding, NewCustomer, base, cohorts, days};
use crate::audience::Estimate;

impl Measured<'_> {
    /// Values of all customers, of groups, and of a new customer.
    pub(super) fn values(
        &self,
        finding: &mut LifetimeFinding,
        chosen: &Chosen<'_>,
        all: &Group,
    ) -> Result<(), clv::InfiniteMeanSpend> {
        let Chosen {
            histories,
            fitted,
            spend,
            expected,
            ..
        } = chosen;
        let terms = &self.terms;
        let future = self.future(chosen, all)?;
        let first: f64 = self.cohorts.iter().map(|cohort| cohort.first).sum();
        finding.value = Some(all.value(String::new(), first, expected, future, terms));
        if terms.discount > 0.0 {
            let forever = value::purchases(histories, fitted, terms.discount, f64::INFINITY);
            let forever = all.total(&self.base, &forever, spend, terms.margin)?;
            let tail = forever / all.customers - future.estimate;
            finding.tail = tail.is_finite().then_some(tail);
        }
        (finding.mean_life, finding.unbounded) = life(fitted, &histories.table);
        let by_models = finding.models.iter().filter_map(|model| model.future);
        let band = by_models.fold(None, |band: Option<Band>, future| {
            let value = future;
            let (low, high) = band.map_or((value, value), |band| (band.low, band.high));
            Some(Band {
                low: low.min(value),
                high: high.max(value),
            })
        });
        finding.band = band.filter(|_| finding.models.len() > 1);
        finding.new_customer = Some(self.new_customer(chosen, first / all.customers)?);
        finding.states = Some(states(
            &self.base,
            expected,
            self.lifetime.opportunities.map(days),
        ));
        finding.distribution = Some(value::distribution(&self.base, expected, spend, terms)?);
        for (column, name) in self.lifetime.by.iter().enumerate() {
            let values = self.groups_of(chosen, column)?;
            finding.by.push(Audiences {
                column: name.clone(),
                values,
            });
        }
        if let Some(channel) = self.purchases.channel {
            finding.channels = self.groups_of(chosen, channel)?;
        }
        for (audience, said) in self.audiences.iter().zip(&mut finding.audiences) {
            if audience.kept.is_empty() {
                continue;
            }
            let group = Group::of(&self.base, &audience.kept);
            let future = self.future(chosen, &group)?;
            let (name, first) = (said.audience.clone(), audience.first);
            said.value = Some(group.value(name, first, expected, future, terms));
        }
        let months: Vec<i64> = cohorts::months(&self.cohorts);
        let month = |row: &base::Kept| {
            let month = month_of(self.base.end - i64::from(row.age));
            months.binary_search(&month).unwrap_or(0)
        };
        let groups = Group::split(&self.base, months.len(), month);
        for ((group, month), cohort) in groups.iter().zip(&months).zip(&mut finding.cohorts) {
            let future = self.future(chosen, group)?;
            let of_month = self.cohorts.iter().filter(|cohort| cohort.month == *month);
            let first = of_month.map(|cohort| cohort.first).sum();
            cohort.value = Some(group.value(cohort.month.clone(), first, expected, future, terms));
        }
        Ok(())
    }

    /// Future value of a group per customer.
    fn future(
        &self,
        chosen: &Chosen<'_>,
        group: &Group,
    ) -> Result<Estimate, clv::InfiniteMeanSpend> {
        let Chosen {
            fitted,
            spend,
            expected,
            limits,
            ..
        } = chosen;
        let (base, terms) = (&self.base, &self.terms);
        let future = group.future(base, fitted, expected, spend, terms)?;
        let totals = limits
            .iter()
            .map(|limit| group.total(base, &limit.discounted, spend, terms.margin));
        let lowest = lowest(totals)?;
        Ok(future.per_customer(lowest, group.customers, terms.alpha))
    }

    /// Values by a column, the largest group first.
    fn groups_of(
        &self,
        chosen: &Chosen<'_>,
        column: usize,
    ) -> Result<Vec<GroupValue>, clv::InfiniteMeanSpend> {
        let (numbers, cells) = self.purchases.by_value(column);
        let groups = Group::split(&self.base, numbers.len(), |row| cells[row.cell as usize]);
        let mut values = Vec::new();
        for (name, number) in numbers {
            let group = &groups[number];
            let future = self.future(chosen, group)?;
            let cohorts = self.cohorts.iter();
            let first = cohorts
                .filter(|cohort| cells[cohort.cell as usize] == number)
                .map(|cohort| cohort.first)
                .sum();
            values.push(group.value(name, first, &chosen.expected, future, &self.terms));
        }
        values.sort_by(|a, b| b.customers.cmp(&a.customers).then(a.group.cmp(&b.group)));
        Ok(values)
    }

    /// A customer like those who are known, when they first bought: the mean over their covariates.
    fn new_customer(
        &self,
        chosen: &Chosen<'_>,
        first: f64,
    ) -> Result<NewCustomer, clv::InfiniteMeanSpend> {
        let (terms, fitted) = (&self.terms, chosen.fitted);
        let patterns = self.base.patterns();
        let customers: f64 = patterns.iter().map(|(_, customers)| customers).sum();
        let covariance = fitted.covariance();
        let mut slopes = vec![0.0; covariance.len().isqrt()];
        let mut expected = 0.0;
        let mut discounted = Vec::new();
        for (covariates, n) in &patterns {
            let share = n / customers;
            let of_new = |discount| fitted.expectation(&NEW, covariates, discount, terms.horizon);
            expected += share * of_new(0.0).purchases;
            let new = of_new(terms.discount);
            discounted.push(share * new.purchases);
            let weight = share * chosen.spend.conditional(0.0, 0.0, covariates)?;
            fitted.add_slopes(
                &mut slopes,
                new.slopes.map(|slope| weight * slope),
                covariates,
            );
        }
        let total = |discounted: &[f64], spend: &Spend| -> Result<f64, clv::InfiniteMeanSpend> {
            let each = patterns.iter().zip(discounted);
            each.map(|((covariates, _), purchases)| {
                Ok(terms.margin * purchases * spend.conditional(0.0, 0.0, covariates)?)
            })
            .sum()
        };
        let by_spend = chosen.spend.prediction(|spend| total(&discounted, spend))?;
        let by_timing = clv::quadratic(&covariance, &slopes).max(0.0).sqrt();
        let margin = terms.margin;
        let repeat = Future {
            value: by_spend.value,
            by_timing: margin * by_timing,
            by_spend: by_spend.standard_error,
        };
        let totals = chosen.limits.iter().map(|limit| {
            let of_new = patterns
                .iter()
                .map(|(covariates, n)| n / customers * limit.purchases_of_new(covariates, terms));
            total(&of_new.collect::<Vec<f64>>(), &chosen.spend)
        });
        let lowest = lowest(totals)?;
        let repeat = repeat.per_customer(lowest, 1.0, terms.alpha);
        let first = margin * first;
        Ok(NewCustomer {
            first_purchase: first,
            expected_purchases: expected,
            value: Estimate {
                estimate: first + repeat.estimate,
                low: first + repeat.low,
                high: first + repeat.high,
                ..repeat
            },
        })
    }
}

/// The lowest of some values; none of none.
fn lowest<E>(values: impl Iterator<Item = Result<f64, E>>) -> Result<Option<f64>, E> {
    let mut lowest: Option<f64> = None;
    for value in values {
        let value = value?;
        lowest = Some(lowest.map_or(value, |lowest| lowest.min(value)));
    }
    Ok(lowest)
}
