//! Customers who buy at opportunities: BG/BB behind the same face as the models in continuous time.

use clv::{
    BetaBoundary, BgBb, BgBbFit, Customer, CustomerTable, Effect, Expectation, FitError,
    Opportunities,
};

use super::finding::Parameter;
use super::fit::{ALIKE, Fitted, NO_ATTRITION, PurchaseModel, STEP};
use super::life::MeanLife;

/// A fitted BG/BB model. Its parameters are moved as their logarithms.
pub(super) struct Discrete {
    fit: BgBbFit,
    /// The mean length of an opportunity's period, in the models' unit of time.
    length: f64,
}

/// The share of a period that a horizon may be short of it and still hold it: months differ by a tenth.
const SHORT: f64 = 0.1;

impl Discrete {
    /// Fits the model to customers whose purchases lie on the first days of periods.
    pub(super) fn fit(table: &CustomerTable, length: f64) -> Result<Self, FitError> {
        let histories = histories(table, length);
        if !histories.iter().any(|(history, _)| history.taken > 0) {
            return Err(FitError::NoRepeatPurchases);
        }
        let fit = BgBbFit::new(&histories)?;
        Ok(Self { fit, length })
    }

    /// Opportunities within a horizon.
    fn within(&self, horizon: f64) -> u32 {
        (horizon / self.length + SHORT) as u32
    }

    fn parameters(&self) -> [f64; 4] {
        let BgBb {
            alpha,
            beta,
            gamma,
            delta,
        } = self.fit.parameters;
        [alpha, beta, gamma, delta]
    }
}

/// The histories of a table, and how many customers have each.
fn histories(table: &CustomerTable, length: f64) -> Vec<(Opportunities, f64)> {
    let each = table.groups();
    each.map(|(customer, customers, _)| (opportunities(&customer, length), customers))
        .collect()
}

/// Time since the first purchase in opportunities: periods differ in length by days only.
fn opportunities(customer: &Customer, length: f64) -> Opportunities {
    let number = |time: f64| (time / length).round() as u32;
    Opportunities {
        taken: customer.frequency,
        last: number(customer.recency),
        all: number(customer.age),
    }
}

impl PurchaseModel for Discrete {
    fn log_likelihood(&self) -> f64 {
        self.fit.log_likelihood
    }

    fn boundaries(&self) -> Vec<&'static str> {
        let buying = self.fit.buying_boundary.map(|boundary| match boundary {
            BetaBoundary::Never => "nobody ever buys again",
            BetaBoundary::Always => "everyone who is there buys at every opportunity",
            BetaBoundary::Alike => "all customers are equally likely to buy",
            BetaBoundary::Polarized => "some customers always buy, the others never",
        });
        let leaving = self.fit.leaving_boundary.map(|boundary| match boundary {
            BetaBoundary::Never => NO_ATTRITION,
            BetaBoundary::Always => "everyone leaves at the first opportunity",
            BetaBoundary::Alike => ALIKE,
            BetaBoundary::Polarized => "some customers leave at once, the others never",
        });
        buying.into_iter().chain(leaving).collect()
    }

    fn sees_no_attrition(&self) -> bool {
        self.fit.leaving_boundary == Some(BetaBoundary::Never)
    }

    fn parameters(&self) -> Vec<Parameter> {
        let [alpha, beta, gamma, delta] = self.parameters();
        let named = [
            ("alpha", alpha),
            ("beta", beta),
            ("gamma", gamma),
            ("delta", delta),
        ];
        Parameter::of_logarithms(named, &self.fit.covariance)
    }

    fn attrition_p(&self, _table: &CustomerTable) -> Option<f64> {
        None
    }

    fn mean_life(&self, _table: &CustomerTable) -> Option<Result<MeanLife, FitError>> {
        None
    }

    fn attrition_limit(
        &self,
        table: &CustomerTable,
        horizon: f64,
        alpha: f64,
    ) -> Result<Option<Fitted>, FitError> {
        let histories = histories(table, self.length);
        let limit = self
            .fit
            .attrition_limit(&histories, self.within(horizon), alpha)?;
        let length = self.length;
        Ok(limit.map(|fit| -> Fitted { Box::new(Self { fit, length }) }))
    }

    fn attrition_shape(&self) -> (f64, f64) {
        (
            self.fit.parameters.gamma,
            self.fit.covariance[10].max(0.0).sqrt(),
        )
    }

    fn effects(&self) -> [&[Effect]; 2] {
        [&[], &[]]
    }

    fn covariance(&self) -> Vec<f64> {
        self.fit.covariance.clone()
    }

    fn expectations(&self, table: &CustomerTable, discount: f64, horizon: f64) -> Vec<Expectation> {
        let each = table.groups();
        each.map(|(customer, _, covariates)| {
            self.expectation(&customer, covariates, discount, horizon)
        })
        .collect()
    }

    fn expectation(
        &self,
        customer: &Customer,
        _covariates: &[f64],
        discount: f64,
        horizon: f64,
    ) -> Expectation {
        let history = opportunities(customer, self.length);
        let rate = (discount * self.length).exp_m1();
        let purchases = |model: &BgBb| {
            if horizon.is_finite() {
                return model.discounted_expected_transactions(history, self.within(horizon), rate);
            }
            model
                .discounted_expected_residual_transactions(history, rate)
                .unwrap_or(f64::INFINITY)
        };
        let slope = |parameter: usize| {
            let at = |step: f64| {
                let mut moved = self.parameters();
                moved[parameter] *= step.exp();
                let [alpha, beta, gamma, delta] = moved;
                purchases(&BgBb {
                    alpha,
                    beta,
                    gamma,
                    delta,
                })
            };
            (at(STEP) - at(-STEP)) / (2.0 * STEP)
        };
        Expectation {
            alive: self.fit.parameters.probability_alive(history),
            purchases: purchases(&self.fit.parameters),
            slopes: std::array::from_fn(slope),
        }
    }
}
