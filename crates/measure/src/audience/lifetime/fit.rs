//! Models of purchase timing, fitted to the customer base.

use catalog::LifetimeModel;
use clv::{
    BgNbd, Boundary, CovarianceKind, Customer, CustomerTable, Effect, Estimation, Expectation,
    FitError, MbgNbd, ParetoNbd, Prediction, TimingFit,
};

use super::discrete::Discrete;
use super::finding::Parameter;
use super::life::{Lives, MeanLife};

/// A model of when customers buy, as it is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    ParetoNbd,
    MbgNbd,
    BgNbd,
    /// At opportunities of this length, in the models' unit of time.
    BgBb(f64),
}

impl Kind {
    /// The models of a choice, with the least special one first; with opportunities there is one.
    pub(super) fn all(choice: LifetimeModel, opportunity: Option<f64>) -> Vec<Self> {
        if let Some(length) = opportunity {
            return vec![Self::BgBb(length)];
        }
        match choice {
            LifetimeModel::Auto => vec![Self::ParetoNbd, Self::MbgNbd, Self::BgNbd],
            LifetimeModel::ParetoNbd => vec![Self::ParetoNbd],
            LifetimeModel::MbgNbd => vec![Self::MbgNbd],
            LifetimeModel::BgNbd => vec![Self::BgNbd],
        }
    }

    /// The model's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ParetoNbd => "pareto-nbd",
            Self::MbgNbd => "mbg-nbd",
            Self::BgNbd => "bg-nbd",
            Self::BgBb(_) => "bg-bb",
        }
    }

    /// Fits the model; all covariates of the table act on both the rate of purchase and on attrition. A fit whose errors are
    /// not known is none.
    pub(super) fn fit(self, table: &CustomerTable) -> Result<Fitted, FitError> {
        let all = Estimation::all(table);
        Ok(match self {
            Self::ParetoNbd => Box::new(ParetoNbd::fit_with(table, &all)?.with_errors()?),
            Self::MbgNbd => Box::new(MbgNbd::fit_with(table, 1, &all)?.with_errors()?),
            Self::BgNbd => Box::new(BgNbd::fit_with(table, 1, &all)?.with_errors()?),
            Self::BgBb(length) => Box::new(Discrete::fit(table, length)?),
        })
    }
}

/// A fitted model of purchase timing.
pub(super) type Fitted = Box<dyn PurchaseModel>;

/// A customer who buys for the first time.
pub(super) const NEW: Customer = Customer {
    frequency: 0,
    recency: 0.0,
    age: 0.0,
};

/// What a fitted model says. Customers come with their covariates; time is in the models' unit.
pub(super) trait PurchaseModel: Send + Sync {
    fn log_likelihood(&self) -> f64;

    /// Ends of the parameter space at which the maximum lies, in words.
    fn boundaries(&self) -> Vec<&'static str>;

    fn sees_no_attrition(&self) -> bool;

    /// The parameters of customers whose covariates are zero.
    fn parameters(&self) -> Vec<Parameter>;

    /// Probability of so much gain in likelihood by attrition, if there is none; none where it cannot be said.
    fn attrition_p(&self, table: &CustomerTable) -> Option<f64>;

    /// The mean life with its interval; none where the model does not tell it.
    fn mean_life(&self, table: &CustomerTable) -> Option<Result<MeanLife, FitError>>;

    /// The model with the most attrition that data in which none is visible leave possible, at the lower limit of what
    /// customers buy within a horizon; none where they rule nothing out. The table is the one that was fitted.
    fn attrition_limit(
        &self,
        table: &CustomerTable,
        horizon: f64,
        alpha: f64,
    ) -> Result<Option<Fitted>, FitError>;

    /// The shape of attrition, above which a mean life is finite if it exceeds 1, and the standard error of its
    /// logarithm.
    fn attrition_shape(&self) -> (f64, f64);

    /// Effects of the covariates on the rate of purchase and on attrition.
    fn effects(&self) -> [&[Effect]; 2];

    /// Covariance, row-major, of the four parameters in the scale that slopes are given in, then of the effects.
    fn covariance(&self) -> Vec<f64>;

    /// What is expected of a customer of each row of a table within a horizon, purchases discounted at a continuous
    /// rate, with their slopes in the four parameters of customers with the same covariates.
    fn expectations(&self, table: &CustomerTable, discount: f64, horizon: f64) -> Vec<Expectation>;

    /// The same of one customer.
    fn expectation(
        &self,
        customer: &Customer,
        covariates: &[f64],
        discount: f64,
        horizon: f64,
    ) -> Expectation;

    /// Adds slopes in the parameters of customers with these covariates to slopes in all that is estimated.
    fn add_slopes(&self, sum: &mut [f64], slopes: [f64; 4], covariates: &[f64]) {
        let (own, of_effects) = sum.split_at_mut(4);
        for (sum, slope) in own.iter_mut().zip(slopes) {
            *sum += slope;
        }
        // Effects on the rate, then those on attrition.
        let places = [slopes[1], slopes[3]];
        let each = places
            .iter()
            .flat_map(|slope| covariates.iter().map(move |z| slope * z));
        for (sum, slope) in of_effects.iter_mut().zip(each) {
            *sum += slope;
        }
    }
}

impl<M: Lives + 'static> PurchaseModel for TimingFit<M> {
    fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    fn boundaries(&self) -> Vec<&'static str> {
        self.boundaries.iter().map(in_words).collect()
    }

    fn sees_no_attrition(&self) -> bool {
        self.sees_no_attrition()
    }

    fn parameters(&self) -> Vec<Parameter> {
        let errors = self.standard_errors(CovarianceKind::Sandwich);
        let named = M::PARAMETERS
            .iter()
            .zip(self.model.parameters())
            .zip(errors);
        named
            .map(|((name, value), se)| Parameter {
                name: (*name).to_owned(),
                value,
                se,
            })
            .collect()
    }

    fn attrition_p(&self, table: &CustomerTable) -> Option<f64> {
        let test = self.attrition_test(table).ok()?;
        Some(test.probability)
    }

    fn mean_life(&self, table: &CustomerTable) -> Option<Result<MeanLife, FitError>> {
        Some(MeanLife::of(self, table))
    }

    fn attrition_limit(
        &self,
        table: &CustomerTable,
        horizon: f64,
        alpha: f64,
    ) -> Result<Option<Fitted>, FitError> {
        let limit = self.attrition_limit(table, horizon, alpha)?;
        Ok(limit.map(|limit| -> Fitted { Box::new(limit) }))
    }

    fn attrition_shape(&self) -> (f64, f64) {
        let variance = self.ln_covariance(CovarianceKind::Sandwich)[2][2];
        (self.model.parameters()[2], variance.max(0.0).sqrt())
    }

    fn effects(&self) -> [&[Effect]; 2] {
        [&self.rate_effects, &self.attrition_effects]
    }

    fn covariance(&self) -> Vec<f64> {
        self.scale_free_covariance()
    }

    fn expectations(&self, table: &CustomerTable, discount: f64, horizon: f64) -> Vec<Expectation> {
        self.expectations(table, discount, horizon)
    }

    fn expectation(
        &self,
        customer: &Customer,
        covariates: &[f64],
        discount: f64,
        horizon: f64,
    ) -> Expectation {
        self.expectation(customer, covariates, discount, horizon)
    }
}

/// A boundary in words.
fn in_words(boundary: &Boundary) -> &'static str {
    match boundary {
        Boundary::NoAttrition => NO_ATTRITION,
        Boundary::ImmediateAttrition => "everyone leaves at the first opportunity",
        Boundary::EqualAttrition => ALIKE,
        Boundary::PolarizedAttrition => "some customers leave at once, the others never",
        Boundary::EqualRates => "all customers buy at the same rate",
        Boundary::PolarizedRates => "a few customers make all repeat purchases",
        Boundary::UnlimitedRate => "the rate of purchase has no limit",
        _ => "an effect has no limit",
    }
}

pub(super) const NO_ATTRITION: &str = "no attrition is visible in this window";
pub(super) const ALIKE: &str = "all customers are equally likely to leave";

/// The step, in logarithms, of numerical slopes.
pub(super) const STEP: f64 = 1e-4;

/// A sum with its interval as a share of the customers that it is taken over.
pub(super) fn per_customer(
    total: Prediction,
    customers: f64,
    alpha: f64,
) -> crate::audience::Estimate {
    let (low, high) = total.interval(alpha);
    crate::audience::Estimate {
        estimate: total.value / customers,
        se: total.standard_error / customers,
        low: low / customers,
        high: high / customers,
        df: None,
    }
}
