//! BG/NBD (Fader, Hardie and Lee 2005, Marketing Science 24), MBG/NBD (Batislam,
//! Denizel and Filiztekin 2007) and their versions for regular buyers, (M)BG/CNBD-k
//! (Reutterer, Platzer and Schroeder 2020).
//!
//! While active, a customer buys at every k-th event of a Poisson process of rate
//! `lambda ~ Gamma(r, alpha)` and leaves after a purchase with probability `p ~ Beta(a,
//! b)`. In the modified models a customer may leave after the first purchase too; in
//! the others nobody without a repeat purchase can have left.

use crate::bg_expectation as expectation;
use crate::bg_forecast::BetaGeometricForecast;
use crate::bg_likelihood::BetaGeometricLikelihood;
use crate::error::FitError;
use crate::forecast::Terms;
use crate::table::{Customer, CustomerTable};
use crate::timing::{Estimation, Family, Gradient, TimingFit, TimingModel, check_positive};

/// A beta-geometric model of purchase timing; `MODIFIED` where customers may leave
/// after their first purchase.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BetaGeometric<const MODIFIED: bool> {
    /// Shape of the rates, `r`.
    pub r: f64,
    /// Their scale, `alpha`, in units of time.
    pub alpha: f64,
    /// First parameter of the probabilities of leaving, `a`.
    pub a: f64,
    /// Second parameter of the probabilities of leaving, `b`.
    pub b: f64,
    /// Regularity: times between purchases are Erlang-k; 1 is exponential.
    pub k: u32,
}

/// BG/NBD, and with [`BetaGeometric::k`] above 1 BG/CNBD-k.
pub type BgNbd = BetaGeometric<false>;

/// MBG/NBD, and with [`BetaGeometric::k`] above 1 MBG/CNBD-k.
pub type MbgNbd = BetaGeometric<true>;

/// A customer of whom nothing is known yet.
const NEW: Customer = Customer {
    frequency: 0,
    recency: 0.0,
    age: 0.0,
};

impl<const MODIFIED: bool> BetaGeometric<MODIFIED> {
    /// A model with given parameters and exponential times between purchases.
    ///
    /// # Errors
    ///
    /// [`FitError::InvalidArgument`] for a parameter that is not positive and finite.
    pub fn new(r: f64, alpha: f64, a: f64, b: f64) -> Result<Self, FitError> {
        check_positive(&[("r", r), ("alpha", alpha), ("a", a), ("b", b)])?;
        Ok(BetaGeometric {
            r,
            alpha,
            a,
            b,
            k: 1,
        })
    }

    /// Maximum likelihood with exponential times between purchases.
    ///
    /// # Errors
    ///
    /// As [`BetaGeometric::fit_with`].
    pub fn fit(table: &CustomerTable) -> Result<TimingFit<Self>, FitError> {
        Self::fit_with(table, 1, &Estimation::default())
    }

    /// Maximum likelihood with regularity k and with covariates: those named shift the
    /// logarithm of the rate, `alpha_i = alpha exp(-g1' z)`, and the log-odds of the mean
    /// probability of leaving `a / (a + b)`, while `a + b` is the same for all.
    ///
    /// # Errors
    ///
    /// [`FitError`] where nobody bought again, where a covariate named or, for `k > 1`,
    /// the times between purchases are not in the table, and where the search fails.
    pub fn fit_with(
        table: &CustomerTable,
        k: u32,
        estimation: &Estimation,
    ) -> Result<TimingFit<Self>, FitError> {
        if k == 0 {
            return Err(FitError::InvalidArgument {
                what: "regularity k",
                value: 0.0,
            });
        }
        crate::timing::fit(BetaGeometricFamily::<MODIFIED> { k }, table, estimation)
    }

    /// Derivatives in the logarithms of `r, alpha, a, b` as derivatives in `ln r,
    /// ln(r/alpha), ln(a+b), ln(a/b)`.
    pub(crate) fn to_scale_free(self, [r, alpha, a, b]: [f64; 4]) -> Gradient {
        let leaves = self.mean_attrition();
        [r + alpha, -alpha, a + b, (1.0 - leaves) * a - leaves * b]
    }

    /// The trials of leaving that a customer has survived if still active.
    pub(crate) fn trials(frequency: u32) -> f64 {
        f64::from(frequency) + f64::from(u8::from(MODIFIED))
    }
}

impl<const MODIFIED: bool> TimingModel for BetaGeometric<MODIFIED> {
    type Family = BetaGeometricFamily<MODIFIED>;

    const PARAMETERS: [&'static str; 4] = ["r", "alpha", "a", "b"];

    fn parameters(&self) -> [f64; 4] {
        [self.r, self.alpha, self.a, self.b]
    }

    fn scale_free(&self) -> Gradient {
        [
            self.r.ln(),
            (self.r / self.alpha).ln(),
            (self.a + self.b).ln(),
            (self.a / self.b).ln(),
        ]
    }

    fn at_scale_free(&self, eta: Gradient) -> Self {
        self.family().model(eta, 1.0)
    }

    fn ln_parameter_jacobian(&self) -> [Gradient; 4] {
        let leaves = self.mean_attrition();
        [
            [1.0, 0.0, 0.0, 0.0],
            [1.0, -1.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 1.0 - leaves],
            [0.0, 0.0, 1.0, -leaves],
        ]
    }

    fn family(&self) -> BetaGeometricFamily<MODIFIED> {
        BetaGeometricFamily { k: self.k }
    }

    fn mean_rate(&self) -> f64 {
        self.r / self.alpha
    }

    fn mean_attrition(&self) -> f64 {
        self.a / (self.a + self.b)
    }

    fn ln_likelihood(&self, customer: &Customer) -> f64 {
        BetaGeometricLikelihood::new(*self).parts(customer).value
    }

    fn probability_alive(&self, customer: &Customer) -> f64 {
        BetaGeometricLikelihood::new(*self).parts(customer).alive
    }

    fn expected_transactions(&self, customer: &Customer, horizon: f64) -> f64 {
        self.probability_alive(customer) * expectation::transactions(self, customer, horizon)
    }

    fn expected_transactions_of_new(&self, horizon: f64) -> f64 {
        self.expected_transactions(&NEW, horizon)
    }

    fn discounted_expected_transactions(
        &self,
        customer: &Customer,
        discount: f64,
        horizon: f64,
    ) -> f64 {
        self.probability_alive(customer)
            * expectation::discounted_transactions(self, customer, discount, horizon)
    }

    fn discounted_expected_transactions_of_new(&self, discount: f64, horizon: f64) -> f64 {
        self.discounted_expected_transactions(&NEW, discount, horizon)
    }

    fn probability_of_no_purchase(&self, customer: &Customer, horizon: f64) -> f64 {
        let alive = self.probability_alive(customer);
        1.0 - alive + alive * expectation::silence(self, customer, horizon)
    }
}

/// The family, as the fit sees it.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct BetaGeometricFamily<const MODIFIED: bool> {
    k: u32,
}

impl<const MODIFIED: bool> Family for BetaGeometricFamily<MODIFIED> {
    type Model = BetaGeometric<MODIFIED>;
    type Likelihood = BetaGeometricLikelihood<MODIFIED>;
    type Forecast = BetaGeometricForecast<MODIFIED>;

    fn model(self, eta: Gradient, unit: f64) -> Self::Model {
        let both = eta[2].exp();
        BetaGeometric {
            r: eta[0].exp(),
            alpha: (eta[0] - eta[1]).exp() * unit,
            a: both / (1.0 + (-eta[3]).exp()),
            b: both / (1.0 + eta[3].exp()),
            k: self.k,
        }
    }

    fn likelihood(self, model: Self::Model) -> Self::Likelihood {
        BetaGeometricLikelihood::new(model)
    }

    fn forecast(
        self,
        model: Self::Model,
        terms: Terms,
        frequency: u32,
        ages: &[f64],
    ) -> Self::Forecast {
        BetaGeometricForecast::new(model, terms, frequency, ages)
    }

    fn starts(self, rate: f64) -> Vec<[f64; 4]> {
        let rate = rate * f64::from(self.k);
        vec![
            [0.5_f64.ln(), (2.0 * rate).ln(), 3_f64.ln(), -1.2],
            [0.0, (1.1 * rate).ln(), 10_f64.ln(), -4.0],
            [1.5_f64.ln(), (4.0 * rate).ln(), 2_f64.ln(), 0.5],
        ]
    }

    fn without_attrition(self, lowest: f64) -> [f64; 2] {
        [0.0, lowest]
    }

    fn constant(self, table: &CustomerTable) -> Result<f64, FitError> {
        if self.k == 1 {
            return Ok(0.0);
        }
        // The Erlang density of a gap g is lambda^k g^(k-1) e^(-lambda g) / (k-1)!.
        let gaps = table.ln_gaps().ok_or(FitError::MissingColumn {
            what: "times between purchases",
        })?;
        let k = f64::from(self.k);
        Ok((k - 1.0) * gaps - table.purchases() * stats::special::ln_gamma(k))
    }
}
