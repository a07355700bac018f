//! Likelihood of the beta-geometric models.
//!
//! With `y = k x`, `n = x` trials of leaving (`x + 1` in the modified models) and `w =
//! T - t_x`, the likelihood of a customer is
//!
//! ```text
//! Gamma(r+y)/Gamma(r) alpha^r B(a, b+n)/B(a, b) [
//!     (alpha+T)^-(r+y) sum_{i<k} (r+y)_i / i! (w / (alpha+T))^i
//!     + a / (b+n-1) (alpha+t_x)^-(r+y) ]
//! ```
//!
//! with the second term, for those who left after the last purchase, where `n > 0`.
//! The sum is the probability that no purchase came since, which with exponential
//! times is its first term.

use crate::bg_nbd::BetaGeometric;
use crate::special::{ln_1p, ln_rising, ln_sum_exp};
use crate::table::Customer;
use crate::timing::{Gradient, Prepared};

/// The likelihood at given parameters; keeps what customers in a row have in common.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct BetaGeometricLikelihood<const MODIFIED: bool> {
    model: BetaGeometric<MODIFIED>,
    ln_alpha: f64,
    ln_a: f64,
    same: Option<SameFrequency>,
    /// `T`, and `ln(1 + T/alpha)`.
    age: (f64, f64),
}

/// Log-likelihood of a customer.
pub(crate) struct Parts {
    pub(crate) value: f64,
    /// Its derivatives in the scale-free parameters.
    gradient: Gradient,
    /// Probability of being active at the end.
    pub(crate) alive: f64,
    /// Derivatives of its logarithm.
    ln_alive_gradient: Gradient,
}

/// What customers of one frequency have in common.
#[derive(Debug, Clone, Copy)]
struct SameFrequency {
    frequency: u32,
    /// `Gamma(r+y)/Gamma(r) (b)_{n-1} / (a+b)_n` in logs.
    constant: f64,
    /// `psi(r+y) - psi(r)`.
    r_slope: f64,
    /// `psi(b+n-1) - psi(b)`.
    b_slope: f64,
    /// `psi(a+b+n) - psi(a+b)`.
    both_slope: f64,
    /// `b+n-1`, and its logarithm.
    stays: f64,
    ln_stays: f64,
}

impl<const MODIFIED: bool> BetaGeometricLikelihood<MODIFIED> {
    pub(crate) fn new(model: BetaGeometric<MODIFIED>) -> Self {
        BetaGeometricLikelihood {
            model,
            ln_alpha: model.alpha.ln(),
            ln_a: model.a.ln(),
            same: None,
            age: (0.0, 0.0),
        }
    }

    fn same_frequency(&self, frequency: u32) -> SameFrequency {
        let BetaGeometric { r, a, b, k, .. } = self.model;
        let trials = frequency + u32::from(MODIFIED);
        let (r_value, r_slope) = ln_rising(r, frequency.saturating_mul(k));
        let (b_value, b_slope) = ln_rising(b, trials.saturating_sub(1));
        let (both_value, both_slope) = ln_rising(a + b, trials);
        let stays = b + f64::from(trials.saturating_sub(1));
        SameFrequency {
            frequency,
            constant: r_value + b_value - both_value,
            r_slope,
            b_slope,
            both_slope,
            stays,
            ln_stays: stays.ln(),
        }
    }

    /// The probability of being active at the end, given the history, and the
    /// derivatives of its logarithm in the scale-free parameters.
    pub(crate) fn alive(&mut self, customer: &Customer) -> (f64, Gradient) {
        let parts = self.parts(customer);
        (parts.alive, parts.ln_alive_gradient)
    }

    pub(crate) fn parts(&mut self, customer: &Customer) -> Parts {
        let BetaGeometric { r, alpha, a, b, k } = self.model;
        let Customer {
            frequency,
            recency,
            age,
        } = *customer;
        let same = match self.same {
            Some(same) if same.frequency == frequency => same,
            _ => *self.same.insert(self.same_frequency(frequency)),
        };
        if self.age.0 != age {
            self.age = (age, (age / alpha).ln_1p());
        }
        let ln_age = self.age.1;
        let y = f64::from(frequency) * f64::from(k);

        let silent = silence(r + y, (age - recency) / (alpha + age), k);
        let ln_active = -r * ln_age - y * (self.ln_alpha + ln_age) + silent.ln_sum;
        let active_r = silent.shape_slope - ln_age;
        let active_alpha = (r * age - y * alpha - alpha * silent.mean) / (alpha + age);

        if frequency == 0 && !MODIFIED {
            let (r_slope, alpha_slope) = (r * active_r, active_alpha);
            let gradient = [r_slope + alpha_slope, -alpha_slope, 0.0, 0.0];
            return Parts {
                value: ln_active,
                gradient,
                alive: 1.0,
                ln_alive_gradient: [0.0; 4],
            };
        }
        let ln_recency = ln_1p(recency / alpha);
        let stays = same.ln_stays + ln_active;
        let leaves = self.ln_a - r * ln_recency - y * (self.ln_alpha + ln_recency);
        let (either, active, gone) = ln_sum_exp(stays, leaves);

        let gone_alpha = (r * recency - y * alpha) / (alpha + recency);
        let r_slope = r * (same.r_slope + active * active_r - gone * ln_recency);
        let alpha_slope = active * active_alpha + gone * gone_alpha;
        let b_slope = b * same.b_slope + active * b / same.stays;
        let level = a / (a + b);
        let gradient = [
            r_slope + alpha_slope,
            -alpha_slope,
            gone + b_slope - (a + b) * same.both_slope,
            b / (a + b) * gone - level * b_slope,
        ];
        // Of `stays - leaves`, which the constant is no part of.
        let ln_odds = [
            r * (active_r + ln_recency),
            active_alpha - gone_alpha,
            -1.0,
            b / same.stays,
        ];
        Parts {
            value: same.constant + either,
            gradient,
            alive: active,
            ln_alive_gradient: self.model.to_scale_free(ln_odds.map(|slope| gone * slope)),
        }
    }
}

impl<const MODIFIED: bool> Prepared for BetaGeometricLikelihood<MODIFIED> {
    fn evaluate(&mut self, customer: &Customer) -> (f64, Gradient) {
        let parts = self.parts(customer);
        (parts.value, parts.gradient)
    }
}

/// `sum_{i<k} (shape)_i / i! v^i` and what its derivatives need.
struct Silence {
    ln_sum: f64,
    /// Derivative of its logarithm in the shape.
    shape_slope: f64,
    /// Derivative of its logarithm in `ln v`: the mean of i.
    mean: f64,
}

fn silence(shape: f64, v: f64, k: u32) -> Silence {
    let (mut term, mut sum) = (1.0, 1.0);
    let (mut harmonic, mut slopes, mut indices) = (0.0, 0.0, 0.0);
    for i in 1..k {
        let i = f64::from(i);
        let factor = shape + i - 1.0;
        term *= factor / i * v;
        harmonic += 1.0 / factor;
        sum += term;
        slopes += term * harmonic;
        indices += term * i;
    }
    Silence {
        ln_sum: f64::ln(sum),
        shape_slope: slopes / sum,
        mean: indices / sum,
    }
}
