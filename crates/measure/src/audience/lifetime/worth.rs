//! What customers are worth: all of them, groups, a new one.

use clv::Prediction;
use stats::tail::normal_quantile;

use super::cohorts::month_of;
use super::fit::{Fitted, NEW, per_customer};
use super::measured::{Chosen, Measured};
use super::states::states;
use super::value::{self, Group, Terms};
use super::{ALPHA, Audiences, Band, GroupValue, LifetimeFinding, NewCustomer, base, cohorts};
use crate::audience::Estimate;
use crate::{Reason, Refusal};

impl Measured<'_> {
    /// Values of all customers, of groups, and of a new customer.
    pub(super) fn values(
        &self,
        finding: &mut LifetimeFinding,
        chosen: &Chosen<'_>,
        all: &Group,
    ) -> Result<(), clv::InfiniteMeanSpend> {
        let Chosen {
            fitted,
            spend,
            expected,
            threads,
        } = chosen;
        let terms = &self.terms;
        let future_of = |group: &Group| group.future(&self.base, fitted, expected, spend, terms);
        let future = future_of(all)?;
        let first: f64 = self.cohorts.iter().map(|cohort| cohort.first).sum();
        finding.value = Some(all.value(String::new(), first, expected, future, terms));
        if terms.discount > 0.0 {
            let forever = Terms {
                horizon: f64::INFINITY,
                ..*terms
            };
            let forever = value::discounted(&self.base, fitted, &forever, *threads);
            let forever = all.total(&self.base, &forever, spend, terms.margin)?;
            let tail = (forever - future.value) / all.customers;
            finding.tail = tail.is_finite().then_some(tail);
        }
        finding.unbounded = unbounded(fitted);
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
        finding.states = Some(states(&self.base, expected));
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
        let months: Vec<i64> = cohorts::months(&self.cohorts);
        let month = |row: &base::Kept| {
            let month = month_of(self.base.end - i64::from(row.age));
            months.binary_search(&month).unwrap_or(0)
        };
        let groups = Group::split(&self.base, months.len(), month);
        for ((group, month), cohort) in groups.iter().zip(&months).zip(&mut finding.cohorts) {
            let future = future_of(group)?;
            let of_month = self.cohorts.iter().filter(|cohort| cohort.month == *month);
            let first = of_month.map(|cohort| cohort.first).sum();
            cohort.value = Some(group.value(cohort.month.clone(), first, expected, future, terms));
        }
        Ok(())
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
            let future = group.future(
                &self.base,
                chosen.fitted,
                &chosen.expected,
                &chosen.spend,
                &self.terms,
            )?;
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
            let purchases = fitted.discounted(&NEW, covariates, terms.discount, terms.horizon);
            discounted.push(share * purchases);
            expected += share * fitted.expected(&NEW, covariates, terms.horizon);
            let weight = share * purchases * chosen.spend.conditional(0.0, 0.0, covariates)?;
            let relative = fitted.slopes(&NEW, covariates, terms.horizon);
            let of_pattern = relative.map(|slope| weight * slope);
            fitted.add_slopes(&mut slopes, of_pattern, covariates);
        }
        let by_spend = chosen.spend.prediction(|spend| {
            let each = patterns.iter().zip(&discounted);
            each.map(|((covariates, _), purchases)| {
                Ok(purchases * spend.conditional(0.0, 0.0, covariates)?)
            })
            .sum()
        })?;
        let by_timing = value::quadratic(&slopes, &covariance).max(0.0).sqrt();
        let margin = terms.margin;
        let repeat = Prediction {
            value: margin * by_spend.value,
            standard_error: margin * by_timing.hypot(by_spend.standard_error),
        };
        let repeat = per_customer(repeat, 1.0, ALPHA);
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

/// Why no value of a whole life is given without a discount: nothing bounds it.
fn unbounded(fitted: &Fitted) -> Option<Refusal> {
    let shape = fitted.attrition_shape();
    unbounded_life(fitted.sees_no_attrition(), shape)
}

/// The same of the shape of attrition, with the standard error of its logarithm.
pub(super) fn unbounded_life(sees_no_attrition: bool, (shape, se): (f64, f64)) -> Option<Refusal> {
    if sees_no_attrition {
        let message = "no attrition is visible in this window, so that nothing bounds a customer's life: only a value \
                       within a horizon is given";
        return Some(Refusal::new(Reason::UnboundedLifetime, message));
    }
    let low = shape * (-normal_quantile(1.0 - 0.5 * ALPHA) * se).exp();
    (low <= 1.0).then(|| {
        let message = format!(
            "the shape of attrition is {shape:.3}, at least {low:.3}; a mean life is finite above 1 only: a value within \
             a horizon is given"
        );
        Refusal::new(Reason::UnboundedLifetime, message)
    })
}
