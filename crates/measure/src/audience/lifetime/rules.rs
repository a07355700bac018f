//! Simple rules beside the models.

use clv::baselines::{Churn, History, NoBaseline, rate_per_customer};

use super::base::Base;
use super::measured::Measured;
use super::value::Group;
use super::{Baseline, LifetimeFinding};
use crate::{Reason, Refusal};

impl Measured<'_> {
    /// Simple rules; `earlier` is the customer base with what its customers did later. Nothing is said of nobody.
    pub(super) fn baselines(&self, finding: &mut LifetimeFinding, all: &Group, earlier: &Base) {
        if all.customers == 0.0 {
            return;
        }
        let margin = self.terms.margin;
        let (spend, repeats) = all.repeats();
        let first: f64 = self.cohorts.iter().map(|cohort| cohort.first).sum();
        let rows = || self.base.kept.iter();
        let customer_days = rows()
            .map(|row| f64::from(row.customers) * f64::from(row.age))
            .sum();
        let history = History {
            customers: all.customers,
            orders: all.customers + repeats,
            spend: margin * (first + spend),
            days: customer_days,
        };
        let horizon = finding.horizon_days;
        let by_rate: f64 = rows()
            .filter(|row| row.frequency > 0)
            .map(|row| {
                let purchases = f64::from(row.frequency);
                let rate = rate_per_customer(purchases, f64::from(row.age), horizon, 1.0);
                f64::from(row.customers) * rate * row.spend / purchases
            })
            .sum();
        let lost = earlier.kept.iter().filter(|row| row.later == 0);
        let churn = finding.back_test.as_ref().map(|back_test| Churn {
            active: earlier.customers() as f64,
            lost: lost.map(|row| f64::from(row.customers)).sum(),
            days: f64::from(back_test.days),
        });
        let textbook = churn.map_or(Err(NoBaseline::Nothing("later purchases")), |churn| {
            history.textbook_value(&churn)
        });
        let rules = [
            (
                "historic-average",
                "what customers have brought so far, on average",
                history.average_spend(),
            ),
            (
                "rate-per-customer",
                "each goes on as so far: repeat purchases a day times the horizon, at the customer's own mean, not \
                 discounted",
                Ok(margin * by_rate / all.customers),
            ),
            (
                "textbook",
                "spend a day times the lifespan: one over the share of customers that is lost, not discounted",
                textbook,
            ),
        ];
        finding.baselines = rules
            .into_iter()
            .map(|(rule, what, value)| Baseline {
                rule: rule.to_owned(),
                what: what.to_owned(),
                value: value.as_ref().ok().copied(),
                refusal: value
                    .err()
                    .map(|error| Refusal::new(Reason::TooLittleData, error.to_string())),
            })
            .collect();
    }
}
