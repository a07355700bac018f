//! Confidence sequences from a normal mixture.

use std::f64::consts::LN_2;

use super::{SequentialError, Sides, check_between};
use crate::special::ln_one_minus_exp;
use crate::tail::TailProbability;

/// A confidence sequence: intervals `estimate +- c(t) se` that hold the truth at all
/// times at once with probability `1 - alpha`, however often and for whatever reason
/// one looks or stops.
///
/// With `x = rate t`, t being the information fraction,
///
/// * two-sided: `c = sqrt((1 + 1/x) [ln(1 + x) - 2 ln alpha])`, and
///   `ln p = [ln(1 + x) - z^2 x / (1 + x)] / 2`;
/// * one-sided: `c = sqrt(2 (1 + 1/x) ln[1 + sqrt(1 + x) / (2 alpha)])`.
///
/// p inverts the boundary, `p < alpha` exactly when `|z| > c`, and stays below alpha
/// at any time with probability alpha at most when there is no effect.
///
/// Two-sided this is the asymptotic confidence sequence of Waudby-Smith, Arbour,
/// Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic
/// confidence sequences", Annals of Statistics 52 (2024), equation 9 of arXiv
/// 2103.06476v7 with `rho^2 = x / n`, and the normal mixture of Howard, Ramdas,
/// McAuliffe and Sekhon, Annals of Statistics 49 (2021), with `rho = v / x`. One-sided
/// it is the former's closed-form bound, wider than the latter's exact mixture by less
/// than two hundredths. `rate` makes the
/// interval narrowest at t = 1, nearly (equation 161): `-2 ln alpha + ln(1 - 2 ln
/// alpha)`, one-sided with `2 alpha`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfidenceSequence {
    rate: f64,
    sides: Sides,
}

/// The rate whose two-sided interval at a level is narrowest at t = 1.
pub(super) fn narrowest_rate(alpha: f64) -> f64 {
    let twice = -2.0 * alpha.ln();
    twice + twice.ln_1p()
}

impl ConfidenceSequence {
    /// The sequence that at level `alpha` is narrowest at information fraction 1.
    ///
    /// # Errors
    ///
    /// A level outside (0, 1), or one-sided outside (0, 1/2).
    pub fn tuned(alpha: f64, sides: Sides) -> Result<Self, SequentialError> {
        let two_sided = alpha * 2.0 / sides.count();
        check_between("level alpha", two_sided, 0.0, 1.0)?;
        Ok(ConfidenceSequence {
            rate: narrowest_rate(two_sided),
            sides,
        })
    }

    /// Half-width in standard errors at an information fraction, for any level:
    /// infinite without information.
    pub fn critical(&self, alpha: f64, fraction: f64) -> f64 {
        let x = self.rate * fraction;
        if x.is_nan() || x <= 0.0 {
            return f64::INFINITY;
        }
        let odds = 1.0 + 1.0 / x;
        match self.sides {
            Sides::Two => (odds * (x.ln_1p() - 2.0 * alpha.ln())).sqrt(),
            Sides::One => (2.0 * odds * ((1.0 + x).sqrt() / (2.0 * alpha)).ln_1p()).sqrt(),
        }
    }

    /// The always-valid probability of `z = estimate / se` at an information
    /// fraction; 1 without information.
    pub fn probability(&self, z: f64, fraction: f64) -> TailProbability {
        let x = self.rate * fraction;
        if x.is_nan() || x <= 0.0 {
            return TailProbability::from_ln(0.0);
        }
        let half_ln = 0.5 * x.ln_1p();
        let exponent = 0.5 * z * (z * (x / (1.0 + x)));
        TailProbability::from_ln(match self.sides {
            Sides::Two => half_ln - exponent,
            Sides::One if z <= 0.0 => 0.0,
            Sides::One => half_ln - LN_2 - exponent - ln_one_minus_exp(-exponent),
        })
    }
}
