//! Confidence sequences that hold for any sample size: shares and bounded values. A guard
//! where a normal limit cannot be trusted: few conversions, extremely skewed values.

use super::confidence_sequence::narrowest_rate;
use super::{SequentialError, check_between, check_value};
use crate::root;
use crate::special::{ln_beta, ln_gamma_kernel, ln_incomplete_gamma};

/// How many observations' weight the mixture of a sequence has that is to be narrow at
/// a planned n: `n / (-2 ln alpha + ln(1 - 2 ln alpha))`.
pub(super) fn mixture_weight(planned_n: f64, alpha: f64) -> f64 {
    planned_n / narrowest_rate(alpha)
}

/// `ln e` against a share p of the mixture of shares `Beta(m p, m (1 - p))`.
pub(super) fn ln_beta_binomial(successes: f64, n: f64, p: f64, m: f64) -> f64 {
    let (a, b) = (m * p, m * (1.0 - p));
    let failures = n - successes;
    // 0 ln 0 is 0.
    let likelihood = |count: f64, ln_p: f64| if count == 0.0 { 0.0 } else { count * ln_p };
    ln_beta(a + successes, b + failures)
        - ln_beta(a, b)
        - likelihood(successes, p.ln())
        - likelihood(failures, (-p).ln_1p())
}

/// The prior weight of a beta mixture around each share.
pub(super) fn beta_weight(planned_n: f64, alpha: f64) -> f64 {
    const LEAST: f64 = 1e-3;
    (mixture_weight(planned_n, alpha) - 1.0).max(LEAST)
}

pub(super) fn check_tuning(alpha: f64, planned_n: f64) -> Result<(), SequentialError> {
    check_between("level alpha", alpha, 0.0, 1.0)?;
    check_between(
        "planned number of observations",
        planned_n,
        0.0,
        f64::INFINITY,
    )
}

/// A confidence sequence for a share from the successes among n so far: all shares p
/// whose likelihood is not `1 / alpha` times smaller than that of the mixture of
/// shares `Beta(m p, m (1 - p))`, `m` chosen for a narrow interval at the planned n.
/// Valid at any n and any time: Howard, Ramdas, McAuliffe and Sekhon, Annals of
/// Statistics 49 (2021), proposition 7, sub-Bernoulli with range 1.
///
/// Returns the lower and the upper limit.
///
/// # Errors
///
/// More successes than observations, a level or a planned n out of range.
///
/// ```
/// let (low, high) = stats::sequential::bernoulli_sequence(51, 100, 0.05, 1000.0)?;
/// assert!(low < 0.34 && high > 0.66);
/// # Ok::<(), stats::sequential::SequentialError>(())
/// ```
pub fn bernoulli_sequence(
    successes: u64,
    n: u64,
    alpha: f64,
    planned_n: f64,
) -> Result<(f64, f64), SequentialError> {
    check_tuning(alpha, planned_n)?;
    let (k, count) = (successes as f64, n as f64);
    if successes > n {
        return Err(SequentialError::OutOfRange {
            what: "number of successes",
            value: k,
        });
    }
    if n == 0 {
        return Ok((0.0, 1.0));
    }
    let m = beta_weight(planned_n, alpha);
    let excess = |p: f64| {
        if p <= 0.0 || p >= 1.0 {
            f64::INFINITY
        } else {
            ln_beta_binomial(k, count, p, m) + alpha.ln()
        }
    };
    let share = k / count;
    let low = if successes == 0 {
        0.0
    } else {
        root::bracketed(excess, 0.0, share.min(1.0_f64.next_down()))
    };
    let high = if successes == n {
        1.0
    } else {
        root::bracketed(excess, share.max(f64::MIN_POSITIVE), 1.0)
    };
    Ok((low, high))
}

/// The one-sided boundary for a sum with steps bounded on one side by 1, whose
/// intrinsic time (sum of squares) is v: crossed ever with probability alpha at most.
/// The gamma-exponential mixture of Howard et al. (2021), proposition 9, with scale 1,
/// tuned to the intrinsic time `planned_v`.
///
/// # Errors
///
/// A level outside (0, 1/2), times that are negative or not finite.
pub fn gamma_exponential_bound(v: f64, alpha: f64, planned_v: f64) -> Result<f64, SequentialError> {
    check_between("level alpha", alpha, 0.0, 0.5)?;
    check_between("planned intrinsic time", planned_v, 0.0, f64::INFINITY)?;
    check_between("intrinsic time", v, (0.0_f64).next_down(), f64::INFINITY)?;
    let rho = mixture_weight(planned_v, 2.0 * alpha);
    // ln of x^a e^-x / (Gamma(a) P(a, x)).
    let ln_density = |a: f64, x: f64| ln_gamma_kernel(a, x) - ln_incomplete_gamma(a, x).lower;
    let start = ln_density(rho, rho);
    let excess = |s: f64| start - ln_density(v + rho, s + v + rho) + alpha.ln();
    const DOUBLINGS: usize = 200;
    let mut high = v.max(1.0);
    for _ in 0..DOUBLINGS {
        if excess(high) > 0.0 {
            break;
        }
        high *= 2.0;
    }
    Ok(root::bracketed(excess, 0.0, high))
}

/// What stitched boundaries share: epochs that double, of which the k-th has the share
/// `k^-1.4 / zeta(1.4)` of the level.
pub(super) mod stitching {
    /// The factor by which epochs grow.
    pub(in crate::sequential) const ETA: f64 = 2.0;
    /// The exponent by which their share of the level falls.
    pub(in crate::sequential) const EXPONENT: f64 = 1.4;
    /// Riemann's zeta function at the exponent.
    pub(in crate::sequential) const ZETA: f64 = 3.105_547_277_977_58;
    /// `(eta^(1/4) + eta^(-1/4)) / sqrt(2)`: what a line over an epoch is above the curve.
    pub(in crate::sequential) const K1: f64 = 1.435_499_972_755_075;
    /// `(sqrt(eta) + 1) / 2`.
    pub(in crate::sequential) const K2: f64 = 1.207_106_781_186_547_5;
}

/// The one-sided boundary for a sum with intrinsic time v (sum of squares) that needs no
/// planned end: polynomial stitching, Howard et al. (2021), theorem 1 and equation 10,
///
/// ```text
/// sqrt(k1^2 v l + k2^2 c^2 l^2) + k2 c l,
/// l = 1.4 ln ln(2 v / start) + ln(zeta(1.4) / (alpha ln^1.4 2))
/// ```
///
/// crossed ever with probability alpha at most. It grows as `sqrt(v ln ln v)`, the slowest
/// that is possible, and is level before `start`. `scale` is c of the sub-gamma condition: 0
/// for Gaussian steps, 1 for [`EmpiricalBernstein`] and other steps bounded on one side by 1.
/// Within some three orders of magnitude around a planned time,
/// [`gamma_exponential_bound`] is narrower.
///
/// # Errors
///
/// A level outside (0, 1), a start that is not positive, a time or a scale that is negative,
/// any of them not finite.
pub fn stitched_bound(v: f64, alpha: f64, start: f64, scale: f64) -> Result<f64, SequentialError> {
    use stitching::{ETA, EXPONENT, K1, K2, ZETA};
    check_between("level alpha", alpha, 0.0, 1.0)?;
    check_between("first intrinsic time", start, 0.0, f64::INFINITY)?;
    check_between("intrinsic time", v, (0.0_f64).next_down(), f64::INFINITY)?;
    check_between("scale", scale, (0.0_f64).next_down(), f64::INFINITY)?;
    let v = v.max(start);
    let l = EXPONENT * (ETA * (v / start)).ln().ln() + (ZETA / ETA.ln().powf(EXPONENT)).ln()
        - alpha.ln();
    let skew = K2 * scale * l;
    Ok((K1 * K1 * v * l + skew * skew).sqrt() + skew)
}

/// A confidence sequence for the mean of values in [0, 1], observed one by one, in
/// constant memory: the empirical Bernstein sequence of Howard et al. (2021), theorem
/// 4, whose width adapts to the variance that is seen. Values of another range are
/// scaled by the caller; a capped metric has one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmpiricalBernstein {
    /// Values observed.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Sum of squared distances of each value from the mean of those before it, the
    /// first from 1/2.
    pub intrinsic_time: f64,
}

impl Default for EmpiricalBernstein {
    fn default() -> Self {
        EmpiricalBernstein {
            n: 0,
            mean: 0.5,
            intrinsic_time: 0.0,
        }
    }
}

impl EmpiricalBernstein {
    /// Observes a value.
    ///
    /// # Errors
    ///
    /// A value outside [0, 1].
    pub fn push(&mut self, value: f64) -> Result<(), SequentialError> {
        check_value(value)?;
        let distance = value - self.mean;
        self.intrinsic_time += distance * distance;
        self.n += 1;
        if self.n == 1 {
            self.mean = value;
        } else {
            self.mean += distance / self.n as f64;
        }
        Ok(())
    }

    /// Lower and upper limit of the mean, each at level alpha / 2.
    ///
    /// # Errors
    ///
    /// A level outside (0, 1), a planned intrinsic time that is not positive: n times
    /// the variance expected, at the n of interest.
    pub fn interval(&self, alpha: f64, planned_time: f64) -> Result<(f64, f64), SequentialError> {
        let bound = gamma_exponential_bound(self.intrinsic_time, 0.5 * alpha, planned_time)?;
        if self.n == 0 {
            return Ok((0.0, 1.0));
        }
        let radius = bound / self.n as f64;
        Ok(((self.mean - radius).max(0.0), (self.mean + radius).min(1.0)))
    }
}
