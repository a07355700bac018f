//! The renewals of contracts: what the shifted beta-geometric model expects of each.

use std::collections::BTreeMap;

use clv::{
    BetaBoundary, ContractTable, FitError, Prediction, ShiftedBetaGeometric,
    ShiftedBetaGeometricFit,
};
use stats::tail::normal_quantile;

use super::read::{Contracts, Held};
use crate::audience::Estimate;
use crate::audience::lifetime::TimingFinding;
use crate::audience::lifetime::finding::Parameter;
use crate::audience::lifetime::fit::{NO_ATTRITION, per_customer};

/// How value is counted; time is in days.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) margin: f64,
    /// Continuous, a day.
    pub(super) discount: f64,
    /// It may be infinite.
    pub(super) horizon: f64,
    /// The mean length of a period.
    pub(super) period: f64,
}

/// What lies this close beyond a horizon is at it: rounding of lengths.
const AT: f64 = 1e-9;

/// The fitted model.
pub(in crate::audience::lifetime) struct Renewals {
    fit: ShiftedBetaGeometricFit,
    /// Where no attrition is visible: that with the most attrition that there may be, none where nothing is ruled out.
    limit: Option<Option<ShiftedBetaGeometric>>,
}

/// What follows from the model.
#[derive(Debug, Clone, Copy)]
pub(in crate::audience::lifetime) struct Followed {
    pub(in crate::audience::lifetime) prediction: Prediction,
    /// With the most attrition that there may be, where none is visible and standard errors count none.
    pub(in crate::audience::lifetime) lowest: Option<f64>,
}

impl Followed {
    /// As a share of customers, with its interval.
    pub(super) fn per_customer(self, customers: f64, alpha: f64) -> Estimate {
        let estimate = per_customer(self.prediction, customers, alpha);
        let low = self
            .lowest
            .map_or(estimate.low, |lowest| estimate.low.min(lowest / customers));
        Estimate { low, ..estimate }
    }

    /// With the standard error that the chance of who the customers are leaves in the sum. The distance to the lowest is put
    /// together as [`Future::per_customer`](crate::audience::lifetime::value::Future::per_customer) does.
    pub(super) fn with_chance(self, chance: f64, alpha: f64) -> Self {
        let value = self.prediction.value;
        let by_chance = normal_quantile(1.0 - 0.5 * alpha) * chance / value;
        let farther = |lowest: f64| value * (-(value / lowest).ln().hypot(by_chance)).exp();
        Self {
            prediction: Prediction {
                value,
                standard_error: self.prediction.standard_error.hypot(chance),
            },
            lowest: self.lowest.filter(|_| value > 0.0).map(farther),
        }
    }

    /// A multiple of it.
    pub(super) fn times(self, factor: f64) -> Self {
        Self {
            prediction: Prediction {
                value: factor * self.prediction.value,
                standard_error: factor * self.prediction.standard_error,
            },
            lowest: self.lowest.map(|lowest| factor * lowest),
        }
    }
}

impl Terms {
    /// Days until a contract's next payment: months differ in length, and no period is longer than their mean here.
    fn wait(&self, row: &Held) -> f64 {
        f64::from(row.wait).min(self.period)
    }

    /// Payments within the horizon, the first of them after some days.
    fn payments(&self, wait: f64) -> u32 {
        ((self.horizon - wait) / self.period + 1.0 + AT).max(0.0) as u32
    }

    /// The discount of a payment, the next one being number 0.
    fn factor(&self, wait: f64, number: u32) -> f64 {
        (-self.discount * (wait + f64::from(number) * self.period)).exp()
    }
}

/// The discounted sum of the payments that follow, given the probability of each renewal after the one before it.
fn sum(terms: &Terms, wait: f64, renewal: impl Fn(u32) -> f64) -> f64 {
    let (mut paid, mut sum) = (1.0, 0.0);
    for number in 0..terms.payments(wait) {
        paid *= renewal(number);
        sum += paid * terms.factor(wait, number);
    }
    sum
}

/// Payments of a running contract that is renewed with one probability every time; none where it has ended.
pub(super) fn constant(row: &Held, rate: f64, terms: &Terms) -> f64 {
    if row.ended {
        return 0.0;
    }
    sum(terms, terms.wait(row), |_| rate)
}

impl Renewals {
    /// Fits the model to who renewed and who did not.
    pub(super) fn fit(held: &Contracts) -> Result<Self, FitError> {
        let fit = ShiftedBetaGeometricFit::new(&Self::table(held)?)?;
        Ok(Self { fit, limit: None })
    }

    /// Finds the most attrition that there may be, where none is visible in the contracts that were fitted.
    pub(super) fn find_limit(
        &mut self,
        held: &Contracts,
        terms: &Terms,
        alpha: f64,
    ) -> Result<(), FitError> {
        if self.fit.boundary == Some(BetaBoundary::Never) {
            let renewals = (terms.horizon / terms.period).round().max(1.0) as u32;
            let limit = self
                .fit
                .attrition_limit(&Self::table(held)?, renewals, alpha)?;
            self.limit = Some(limit.map(|limit| limit.parameters));
        }
        Ok(())
    }

    fn table(held: &Contracts) -> Result<ContractTable, FitError> {
        let mut table = ContractTable::default();
        for row in &held.rows {
            let contracts = f64::from(row.contracts);
            // Survivors at the start of each period: all until the last one, and after it none where the contract ended.
            let mut survivors = vec![contracts; row.paid as usize];
            if row.ended {
                survivors.push(0.0);
            }
            table.add_cohort(&survivors)?;
        }
        Ok(table)
    }

    /// What the finding says of the model.
    pub(super) fn describe(&self, finding: &mut TimingFinding) {
        let ShiftedBetaGeometric { alpha, beta } = self.fit.parameters;
        let named = [("alpha", alpha), ("beta", beta)];
        finding.parameters = Parameter::of_logarithms(named, &self.fit.covariance);
        finding.log_likelihood = Some(self.fit.log_likelihood);
        let words = self.fit.boundary.map(|boundary| match boundary {
            BetaBoundary::Never => NO_ATTRITION,
            BetaBoundary::Always => "no contract is ever renewed",
            BetaBoundary::Alike => "all contracts are equally likely to end",
            BetaBoundary::Polarized => "some contracts end at the first renewal, the others never",
        });
        finding.boundaries = words.map(str::to_owned).into_iter().collect();
        finding.sees_no_attrition = self.fit.boundary == Some(BetaBoundary::Never);
    }

    /// The shape of attrition, and the standard error of its logarithm.
    pub(super) fn attrition_shape(&self) -> (f64, f64) {
        (
            self.fit.parameters.alpha,
            self.fit.covariance[0].max(0.0).sqrt(),
        )
    }

    /// Something that follows from the parameters, and is the less the more attrition there is.
    pub(in crate::audience::lifetime) fn prediction(
        &self,
        of: impl Fn(&ShiftedBetaGeometric) -> f64,
    ) -> Followed {
        Followed {
            lowest: self.limit.map(|limit| limit.as_ref().map_or(0.0, &of)),
            prediction: Prediction {
                value: of(&self.fit.parameters),
                standard_error: self.fit.standard_error(of),
            },
        }
    }

    /// Expected discounted payments of a running contract of which no end is known.
    fn unknown(model: &ShiftedBetaGeometric, row: &Held, terms: &Terms) -> f64 {
        let (wait, next) = (terms.wait(row), row.paid);
        if terms.horizon.is_finite() {
            return sum(terms, wait, |number| model.retention(next + number));
        }
        let rate = (terms.discount * terms.period).exp_m1();
        let lasting = model.discounted_expected_residual_lifetime(next, rate);
        lasting.map_or(f64::INFINITY, |lasting| terms.factor(wait, 0) * lasting)
    }

    /// Expected discounted payments of a contract.
    fn payments(model: &ShiftedBetaGeometric, row: &Held, terms: &Terms) -> f64 {
        match row.known_left {
            _ if row.ended => 0.0,
            Some(left) => {
                let wait = terms.wait(row);
                let numbers = 0..left.min(terms.payments(wait));
                numbers.map(|number| terms.factor(wait, number)).sum()
            }
            None => Self::unknown(model, row, terms),
        }
    }

    /// Expected payments of a contract, not discounted.
    pub(super) fn expected(&self, row: &Held, terms: &Terms) -> f64 {
        let undiscounted = Terms {
            discount: 0.0,
            ..*terms
        };
        Self::payments(&self.fit.parameters, row, &undiscounted)
    }

    /// The same of a running contract as if no end of it were known.
    pub(super) fn expected_unknown(&self, row: &Held, terms: &Terms) -> f64 {
        Self::unknown(&self.fit.parameters, row, terms)
    }

    /// The future value of a contract.
    pub(super) fn value(&self, row: &Held, terms: &Terms) -> f64 {
        terms.margin * row.price * Self::payments(&self.fit.parameters, row, terms)
    }

    /// The future value of contracts together.
    pub(super) fn total<'r>(
        &self,
        rows: impl Iterator<Item = &'r Held>,
        terms: &Terms,
    ) -> Followed {
        // Contracts at the same place of their lives differ in what they pay only.
        let mut states: BTreeMap<(u32, u32, Option<u32>), (Held, f64)> = BTreeMap::new();
        for row in rows.filter(|row| !row.ended) {
            let state = states
                .entry((row.paid, row.wait, row.known_left))
                .or_insert((*row, 0.0));
            state.1 += f64::from(row.contracts) * row.price;
        }
        let total = |model: &ShiftedBetaGeometric| -> f64 {
            let each = states.values();
            terms.margin
                * each
                    .map(|(row, price)| price * Self::payments(model, row, terms))
                    .sum::<f64>()
        };
        self.prediction(total)
    }

    /// Renewals of a new contract, discounted to its start, of those payments that fall within the horizon: it begins with
    /// the first one.
    pub(super) fn new_contract(&self, terms: &Terms) -> Followed {
        let renewals = (terms.horizon / terms.period - AT).max(0.0) as u32;
        self.prediction(|model| {
            let numbers = 1..=renewals;
            numbers
                .map(|k| model.survival(k) * terms.factor(0.0, k))
                .sum()
        })
    }

    /// The future value of contracts that are all renewed with one probability.
    pub(super) fn constant(&self, held: &Contracts, rate: f64, terms: &Terms) -> f64 {
        let each = held.rows.iter().map(|row| {
            let payments = match row.known_left {
                Some(_) => Self::payments(&self.fit.parameters, row, terms),
                None => constant(row, rate, terms),
            };
            f64::from(row.contracts) * row.price * payments
        });
        terms.margin * each.sum::<f64>()
    }
}
