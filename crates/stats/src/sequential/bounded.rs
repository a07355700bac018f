//! Confidence sequences that hold for any sample size: shares, bounded values and
//! quantiles. A guard where a normal limit cannot be trusted: few conversions,
//! extremely skewed values.

use super::{SequentialError, check_between};
use crate::root;
use crate::special::{ln_beta, ln_gamma_kernel, ln_incomplete_gamma};

/// How many observations' weight the mixture of a sequence has that is to be narrow at
/// a planned n: `n / (-2 ln alpha + ln(1 - 2 ln alpha))`.
fn mixture_weight(planned_n: f64, alpha: f64) -> f64 {
    let twice = -2.0 * alpha.ln();
    planned_n / (twice + twice.ln_1p())
}

/// `ln e` against a share p of the mixture of shares `Beta(m p, m (1 - p))`.
fn ln_beta_binomial(successes: f64, n: f64, p: f64, m: f64) -> f64 {
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
fn beta_weight(planned_n: f64, alpha: f64) -> f64 {
    const LEAST: f64 = 1e-3;
    (mixture_weight(planned_n, alpha) - 1.0).max(LEAST)
}

fn check_tuning(alpha: f64, planned_n: f64) -> Result<(), SequentialError> {
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

/// A confidence sequence for one quantile: the lowest and the highest count of
/// observations that may lie at or below the true quantile. The number that does is
/// binomial with share `quantile`, so the counts are those that the beta-binomial
/// mixture of [`bernoulli_sequence`] does not reject (Howard and Ramdas, Bernoulli 28,
/// 2022). With `x_(k)` the k-th smallest observation, the quantile lies in `[x_(low),
/// x_(high + 1)]`; a `low` of 0 and a `high` of n leave that side open.
///
/// # Errors
///
/// A quantile or a level outside (0, 1), a planned n that is not positive.
pub fn quantile_sequence_ranks(
    quantile: f64,
    n: u64,
    alpha: f64,
    planned_n: f64,
) -> Result<(u64, u64), SequentialError> {
    check_tuning(alpha, planned_n)?;
    check_between("quantile", quantile, 0.0, 1.0)?;
    let m = beta_weight(planned_n, alpha);
    let kept = |k: u64| ln_beta_binomial(k as f64, n as f64, quantile, m) < -alpha.ln();
    // The counts that are kept are an interval around the expected one.
    let centre = (quantile * n as f64).round() as u64;
    let (mut outside, mut low) = (0, centre);
    if kept(0) {
        low = 0;
    }
    while low > outside + 1 {
        let middle = outside + (low - outside) / 2;
        if kept(middle) {
            low = middle;
        } else {
            outside = middle;
        }
    }
    let (mut high, mut outside) = (centre, n);
    if kept(n) {
        high = n;
    }
    while outside > high + 1 {
        let middle = high + (outside - high) / 2;
        if kept(middle) {
            high = middle;
        } else {
            outside = middle;
        }
    }
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
        if !(0.0..=1.0).contains(&value) {
            return Err(SequentialError::OutOfRange {
                what: "value",
                value,
            });
        }
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
