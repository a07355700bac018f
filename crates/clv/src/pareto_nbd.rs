//! Pareto/NBD (Schmittlein, Morrison and Colombo 1987).
//!
//! While alive, a customer buys at a constant rate `lambda` and leaves with a constant
//! hazard `mu`; over customers, `lambda ~ Gamma(r, alpha)` and `mu ~ Gamma(s, beta)`,
//! independent. The likelihood of x repeat purchases, the last at `t_x`, in `T` is
//!
//! ```text
//! Gamma(r+x)/Gamma(r) alpha^r beta^s [ (alpha+T)^-(r+x) (beta+T)^-s
//!     + s int_{t_x}^T (alpha+t)^-(r+x) (beta+t)^-(s+1) dt ]
//! ```
//!
//! The integral is computed as such, by Gauss-Legendre in `w = ln((m+t)/(m+t_x))`,
//! `m = min(alpha, beta)`, where the integrand is close to an exponential; the
//! hypergeometric functions by which it is usually written overflow where customers
//! are heavy. The same nodes give the gradient.

use crate::error::FitError;
use crate::forecast::Terms;
use crate::pareto_forecast::{ParetoForecast, discounted_time};
use crate::quadrature::{MOST_NODES, rule};
use crate::special::{ln_1p, ln_rising, ln_sum_exp, one_minus_exp_over};
use crate::table::{Customer, CustomerTable};
use crate::timing::{
    Boundary, Estimation, Family, Gradient, Prepared, TimingFit, TimingModel, check_positive,
};

/// The Pareto/NBD model of purchase timing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParetoNbd {
    /// Shape of the purchase rates, `r`.
    pub r: f64,
    /// Their scale, `alpha`, in units of time.
    pub alpha: f64,
    /// Shape of the hazards of leaving, `s`.
    pub s: f64,
    /// Their scale, `beta`, in units of time.
    pub beta: f64,
}

impl ParetoNbd {
    /// A model with given parameters.
    ///
    /// # Errors
    ///
    /// [`FitError::InvalidArgument`] for a parameter that is not positive and finite.
    pub fn new(r: f64, alpha: f64, s: f64, beta: f64) -> Result<Self, FitError> {
        check_positive(&[("r", r), ("alpha", alpha), ("s", s), ("beta", beta)])?;
        Ok(ParetoNbd { r, alpha, s, beta })
    }

    /// Maximum likelihood.
    ///
    /// # Errors
    ///
    /// As [`ParetoNbd::fit_with`].
    pub fn fit(table: &CustomerTable) -> Result<TimingFit<Self>, FitError> {
        Self::fit_with(table, &Estimation::default())
    }

    /// Maximum likelihood with covariates: those named shift the logarithm of the rate
    /// of purchase, `alpha_i = alpha exp(-g1' z)`, and of the hazard, `beta_i = beta
    /// exp(-g2' z)`.
    ///
    /// # Errors
    ///
    /// [`FitError`] where nobody bought again, where a covariate named is not in the
    /// table, and where the search fails.
    pub fn fit_with(
        table: &CustomerTable,
        estimation: &Estimation,
    ) -> Result<TimingFit<Self>, FitError> {
        crate::timing::fit(ParetoFamily, table, estimation)
    }

    /// The model of a customer who is known to be alive at the end of the observation,
    /// time counted from there: given that, the history only changes the parameters to
    /// `(r + x, alpha + T, s, beta + T)`.
    pub fn alive_after(&self, customer: &Customer) -> ParetoNbd {
        ParetoNbd {
            r: self.r + f64::from(customer.frequency),
            alpha: self.alpha + customer.age,
            s: self.s,
            beta: self.beta + customer.age,
        }
    }

    /// Probability that a new customer has not left after a time, `(beta / (beta +
    /// t))^s`.
    pub fn probability_of_staying(&self, time: f64) -> f64 {
        (-self.s * (time / self.beta).ln_1p()).exp()
    }

    /// The model of customers whose log rate of purchase and log hazard are shifted.
    pub fn shifted(&self, rate: f64, hazard: f64) -> ParetoNbd {
        ParetoNbd {
            alpha: self.alpha * (-rate).exp(),
            beta: self.beta * (-hazard).exp(),
            ..*self
        }
    }
}

impl TimingModel for ParetoNbd {
    type Family = ParetoFamily;

    const PARAMETERS: [&'static str; 4] = ["r", "alpha", "s", "beta"];

    fn family(&self) -> ParetoFamily {
        ParetoFamily
    }

    fn mean_rate(&self) -> f64 {
        self.r / self.alpha
    }

    fn mean_attrition(&self) -> f64 {
        self.s / self.beta
    }

    fn parameters(&self) -> [f64; 4] {
        [self.r, self.alpha, self.s, self.beta]
    }

    fn scale_free(&self) -> [f64; 4] {
        [
            self.r.ln(),
            (self.r / self.alpha).ln(),
            self.s.ln(),
            (self.s / self.beta).ln(),
        ]
    }

    fn at_scale_free(&self, eta: [f64; 4]) -> Self {
        ParetoFamily.model(eta, 1.0)
    }

    fn ln_parameter_jacobian(&self) -> [[f64; 4]; 4] {
        [
            [1.0, 0.0, 0.0, 0.0],
            [1.0, -1.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
            [0.0, 0.0, 1.0, -1.0],
        ]
    }

    fn ln_likelihood(&self, customer: &Customer) -> f64 {
        ParetoLikelihood::new(*self).parts(customer).value
    }

    fn probability_alive(&self, customer: &Customer) -> f64 {
        ParetoLikelihood::new(*self).parts(customer).alive
    }

    fn expected_transactions(&self, customer: &Customer, horizon: f64) -> f64 {
        self.probability_alive(customer)
            * self
                .alive_after(customer)
                .expected_transactions_of_new(horizon)
    }

    fn expected_transactions_of_new(&self, horizon: f64) -> f64 {
        let time = self.beta * one_minus_exp_over(self.s - 1.0, (horizon / self.beta).ln_1p());
        self.r / self.alpha * time
    }

    fn discounted_expected_transactions(
        &self,
        customer: &Customer,
        discount: f64,
        horizon: f64,
    ) -> f64 {
        self.probability_alive(customer)
            * self
                .alive_after(customer)
                .discounted_expected_transactions_of_new(discount, horizon)
    }

    fn discounted_expected_transactions_of_new(&self, discount: f64, horizon: f64) -> f64 {
        self.r / self.alpha * discounted_time(self.s, self.beta, discount, horizon).value
    }

    fn probability_of_no_purchase(&self, customer: &Customer, horizon: f64) -> f64 {
        let alive = self.probability_alive(customer);
        let silent = Customer {
            frequency: 0,
            recency: 0.0,
            age: horizon,
        };
        1.0 - alive + alive * self.alive_after(customer).ln_likelihood(&silent).exp()
    }
}

/// Derivatives in `ln r, ln alpha, ln s, ln beta` as derivatives in `ln r, ln(r/alpha),
/// ln s, ln(s/beta)`.
pub(crate) fn to_scale_free(ln: [f64; 4]) -> Gradient {
    [ln[0] + ln[1], -ln[1], ln[2] + ln[3], -ln[3]]
}

/// The family, as the fit sees it.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct ParetoFamily;

impl Family for ParetoFamily {
    type Model = ParetoNbd;
    type Likelihood = ParetoLikelihood;
    type Forecast = ParetoForecast;

    fn model(self, eta: [f64; 4], unit: f64) -> ParetoNbd {
        ParetoNbd {
            r: eta[0].exp(),
            alpha: (eta[0] - eta[1]).exp() * unit,
            s: eta[2].exp(),
            beta: (eta[2] - eta[3]).exp() * unit,
        }
    }

    fn likelihood(self, model: ParetoNbd) -> ParetoLikelihood {
        ParetoLikelihood::new(model)
    }

    fn forecast(self, model: ParetoNbd, terms: Terms, _: u32, _: &[f64]) -> ParetoForecast {
        ParetoForecast::new(model, terms)
    }

    fn starts(self, rate: f64) -> Vec<[f64; 4]> {
        vec![
            [0.6_f64.ln(), (1.5 * rate).ln(), 0.6_f64.ln(), 0.0],
            [0.0, (1.1 * rate).ln(), 0.0, 0.1_f64.ln()],
            [2_f64.ln(), (3.0 * rate).ln(), 0.5_f64.ln(), 4_f64.ln()],
        ]
    }

    fn without_attrition(self, lowest: f64) -> [f64; 2] {
        [0.0, lowest]
    }

    /// Hazards are then zero or without limit; the share of the former is what stays.
    fn unlimited_attrition(self, model: ParetoNbd, unit: f64) -> Boundary {
        if model.probability_of_staying(unit) > 0.5 {
            Boundary::PolarizedAttrition
        } else {
            Boundary::ImmediateAttrition
        }
    }
}

/// Log-likelihood of a customer, and how it splits.
struct Parts {
    value: f64,
    gradient: Gradient,
    /// Probability of being alive at the end of the observation.
    alive: f64,
    /// Gradient of the log-likelihood of the history and of being alive at its end.
    alive_gradient: Gradient,
}

/// The likelihood at given parameters; keeps what customers in a row have in common.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct ParetoLikelihood {
    model: ParetoNbd,
    ln_alpha: f64,
    ln_beta: f64,
    ln_s: f64,
    /// `x`, and `ln_rising(r, x)`.
    rising: (u32, f64, f64),
    /// `T`, and `ln(1 + T/alpha)`, `ln(1 + T/beta)`.
    age: (f64, f64, f64),
}

/// Decay of the integrand, in logs, at which the integral is cut off: what is left is
/// 1e-14 of it.
const CUT: f64 = 32.0;

impl ParetoLikelihood {
    pub(crate) fn new(model: ParetoNbd) -> Self {
        ParetoLikelihood {
            model,
            ln_alpha: model.alpha.ln(),
            ln_beta: model.beta.ln(),
            ln_s: model.s.ln(),
            rising: (0, 0.0, 0.0),
            age: (0.0, 0.0, 0.0),
        }
    }

    /// The probability of being alive at the end, given the history, and the derivatives
    /// of its logarithm in the scale-free parameters.
    pub(crate) fn alive(&mut self, customer: &Customer) -> (f64, Gradient) {
        let parts = self.parts(customer);
        let gradient = std::array::from_fn(|i| parts.alive_gradient[i] - parts.gradient[i]);
        (parts.alive, gradient)
    }

    fn parts(&mut self, customer: &Customer) -> Parts {
        let ParetoNbd { r, alpha, s, beta } = self.model;
        let Customer {
            frequency,
            recency,
            age,
        } = *customer;
        if self.rising.0 != frequency {
            let (value, slope) = ln_rising(r, frequency);
            self.rising = (frequency, value, slope);
        }
        if self.age.0 != age {
            self.age = (age, (age / alpha).ln_1p(), (age / beta).ln_1p());
        }
        let (_, rising, rising_slope) = self.rising;
        let (_, ln_a, ln_b) = self.age;
        let x = f64::from(frequency);

        let ln_alive = -r * ln_a - x * (self.ln_alpha + ln_a) - s * ln_b;
        let alive_gradient = to_scale_free([
            r * (rising_slope - ln_a),
            (r * age - x * alpha) / (alpha + age),
            -s * ln_b,
            s * age / (beta + age),
        ]);
        if age <= recency {
            return Parts {
                value: rising + ln_alive,
                gradient: alive_gradient,
                alive: 1.0,
                alive_gradient,
            };
        }
        let gone = self.gone(x, recency, age);
        let ln_gone = self.ln_s + gone.ln_integral;
        let (ln_either, alive, gone_share) = ln_sum_exp(ln_alive, ln_gone);
        let gone_gradient = to_scale_free([
            r * (rising_slope - gone.ln_a),
            r - (r + x) * gone.alpha_share,
            1.0 - s * gone.ln_b,
            s - (s + 1.0) * gone.beta_share,
        ]);
        let mut gradient = [0.0; 4];
        for i in 0..4 {
            gradient[i] = alive * alive_gradient[i] + gone_share * gone_gradient[i];
        }
        Parts {
            value: rising + ln_either,
            gradient,
            alive,
            alive_gradient,
        }
    }

    /// The integral over the times at which the customer may have left, and means over
    /// those times, weighted by the integrand.
    fn gone(&self, x: f64, recency: f64, age: f64) -> Gone {
        let ParetoNbd { r, alpha, s, beta } = self.model;
        let ln_a = (recency / alpha).ln_1p();
        let ln_b = (recency / beta).ln_1p();
        // ln integrand = start - slow w - fast ln(1 + q (e^w - 1)).
        let alpha_is_smaller = alpha <= beta;
        let (smaller, larger, slow, fast) = if alpha_is_smaller {
            (alpha, beta, r + x - 1.0, s + 1.0)
        } else {
            (beta, alpha, s, r + x)
        };
        let mut start = -r * ln_a - x * (self.ln_alpha + ln_a) - s * ln_b;
        if alpha_is_smaller {
            start += self.ln_alpha + ln_a - self.ln_beta - ln_b;
        }
        let low = smaller + recency;
        let q = low / (larger + recency);
        let whole = ((age - recency) / low).ln_1p();
        let (width, decay) = cut_off(whole, q, slow, fast);
        let rule = rule(eighths_needed(width, decay));
        let size = rule.nodes.len();

        let mut growth = [0.0; MOST_NODES];
        let mut logs = [0.0; MOST_NODES];
        for (slot, node) in growth.iter_mut().zip(&rule.nodes) {
            *slot = exp_m1(width * node, width);
        }
        for (slot, growth) in logs[..size].iter_mut().zip(&growth) {
            *slot = ln_1p(q * growth);
        }
        let (mut total, mut w_sum, mut log_sum) = (0.0, 0.0, 0.0);
        let (mut small_share, mut large_share) = (0.0, 0.0);
        for j in 0..size {
            let w = width * rule.nodes[j];
            let weight = rule.weights[j] * (-slow * w - fast * logs[j]).exp();
            total += weight;
            w_sum += weight * w;
            log_sum += weight * logs[j];
            small_share += weight / (1.0 + growth[j]);
            large_share += weight / (1.0 + q * growth[j]);
        }
        let small_share = small_share / total;
        let large_share = large_share / total;
        let (w_mean, log_mean) = (w_sum / total, log_sum / total);
        let ln_integral = start + (total * width).ln();
        let (alpha_at, beta_at) = (alpha / (alpha + recency), beta / (beta + recency));
        if alpha_is_smaller {
            Gone {
                ln_integral,
                ln_a: ln_a + w_mean,
                ln_b: ln_b + log_mean,
                alpha_share: alpha_at * small_share,
                beta_share: beta_at * large_share,
            }
        } else {
            Gone {
                ln_integral,
                ln_a: ln_a + log_mean,
                ln_b: ln_b + w_mean,
                alpha_share: alpha_at * large_share,
                beta_share: beta_at * small_share,
            }
        }
    }
}

impl Prepared for ParetoLikelihood {
    fn evaluate(&mut self, customer: &Customer) -> (f64, Gradient) {
        let parts = self.parts(customer);
        (parts.value, parts.gradient)
    }
}

/// The integral over the time of leaving.
struct Gone {
    /// Its logarithm, without the factor s.
    ln_integral: f64,
    /// Mean of `ln(1 + t/alpha)`.
    ln_a: f64,
    /// Mean of `ln(1 + t/beta)`.
    ln_b: f64,
    /// Mean of `alpha / (alpha + t)`.
    alpha_share: f64,
    /// Mean of `beta / (beta + t)`.
    beta_share: f64,
}

/// The width in w over which the integrand falls by about [`CUT`] or the whole, and
/// its decay there: `slow w + fast ln(1 + q (e^w - 1))`.
pub(crate) fn cut_off(whole: f64, q: f64, slow: f64, fast: f64) -> (f64, f64) {
    let decay = |w: f64| slow * w + fast * (q * w.exp_m1()).ln_1p();
    // Without repeat purchases and r < 1 the slow part rises, by less than w.
    let target = if slow < 0.0 { CUT + whole } else { CUT };
    let whole_decay = decay(whole);
    if whole_decay <= target {
        return (whole, whole_decay);
    }
    let by_fast = ((target / fast).exp_m1() / q).ln_1p();
    let by_slow = if slow > 0.0 { target / slow } else { whole };
    let mut width = whole.min(by_fast).min(by_slow);
    // The decay is convex: Newton's method comes down to the root and not below it.
    for _ in 0..3 {
        let growth = q * width.exp_m1();
        let slope = slow + fast * (growth + q) / (1.0 + growth);
        let excess = slow * width + fast * growth.ln_1p() - target;
        if slow < 0.0 || excess <= 1.0 {
            break;
        }
        width -= excess / slope;
    }
    (width, decay(width))
}

/// `e^w - 1` of `0 <= w <= width`, all w of a width in the same way: by its series where
/// they are small, and where they are not, as it stands.
fn exp_m1(w: f64, width: f64) -> f64 {
    const SMALL: f64 = 0.35;
    if width > SMALL {
        return w.exp() - 1.0;
    }
    // 1/k!, k = 1 to 13.
    const SERIES: [f64; 13] = [
        1.0,
        1.0 / 2.0,
        1.0 / 6.0,
        1.0 / 24.0,
        1.0 / 120.0,
        1.0 / 720.0,
        1.0 / 5040.0,
        1.0 / 40_320.0,
        1.0 / 362_880.0,
        1.0 / 3_628_800.0,
        1.0 / 39_916_800.0,
        1.0 / 479_001_600.0,
        1.0 / 6_227_020_800.0,
    ];
    w * SERIES.iter().rev().fold(0.0, |sum, term| sum * w + term)
}

/// Nodes, in eights, that integrate to rounding what is nearly `exp(-decay w / width)`
/// and has its nearest singularities at a distance of pi from the real axis.
pub(crate) fn eighths_needed(width: f64, decay: f64) -> usize {
    let decay = decay.abs();
    if width < 1.0 && decay < 2.5 {
        1
    } else if width < 3.0 && decay < 14.0 {
        2
    } else if width < 5.0 && decay < 34.0 {
        3
    } else {
        4
    }
}
