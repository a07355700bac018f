//! Quantiles that are looked at again and again, one of them or all at once.
//!
//! S. R. Howard and A. Ramdas, "Sequential estimation of quantiles with applications to A/B
//! testing and best-arm identification", Bernoulli 28 (2022).

use super::bounded::{beta_weight, check_tuning, ln_beta_binomial};
use super::{SequentialError, check_between};
use crate::error::{Arm, Unestimable};
use crate::quantile::Distribution;
use crate::root;
use crate::tail::TailProbability;
use crate::uniformity::first;

/// A confidence sequence for one quantile: the lowest and the highest count of
/// observations that may lie at or below the true quantile. The number that does is
/// binomial with share `quantile`, so the counts are those that the beta-binomial
/// mixture of [`bernoulli_sequence`](super::bernoulli_sequence) does not reject. With
/// `x_(k)` the k-th smallest observation, the quantile lies in `[x_(low), x_(high + 1)]`; a
/// `low` of 0 and a `high` of n leave that side open.
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
    let low = first(centre, kept);
    let high = n - first(n - centre, |above| kept(n - above));
    Ok((low, high))
}

/// The always-valid probability that a quantile is the same in both arms: `1 / E`, where
/// `E = min over x of E_t(x) E_c(x)` and `E_a(x)` is the beta-binomial mixture of
/// [`quantile_sequence_ranks`] against x being the quantile of arm a (section 5 of the
/// paper). Whatever the common quantile is, the two mixtures are independent martingales, so
/// that at any time and forever `P(p <= alpha) <= alpha`.
///
/// Where values are tied at x, or in its bucket, the count at or below x is taken as that
/// between both ends which is nearest to what is expected: the probability can be too large
/// for that, and never too small.
///
/// # Errors
///
/// A quantile outside (0, 1), a planned n an arm that is not positive, an arm without values.
pub fn quantile_sequence_probability(
    treated: &Distribution,
    control: &Distribution,
    quantile: f64,
    planned_n: f64,
) -> Result<TailProbability, SequentialError> {
    // The mixture has its usual weight: that of a level of 5 %.
    const LEVEL: f64 = 0.05;
    check_tuning(LEVEL, planned_n)?;
    check_between("quantile", quantile, 0.0, 1.0)?;
    for (distribution, arm) in [(treated, Arm::Treated), (control, Arm::Control)] {
        if distribution.count() == 0 {
            return Err(Unestimable::Empty { arm }.into());
        }
    }
    let m = beta_weight(planned_n, LEVEL);
    let arm = |distribution: &Distribution| {
        let n = distribution.count() as f64;
        let centre = least_evident(n, quantile, m);
        move |(below, upto): (u64, u64)| {
            let count = centre.clamp(below as f64, upto as f64);
            ln_beta_binomial(count, n, quantile, m)
        }
    };
    let (of_treated, of_control) = (arm(treated), arm(control));
    let at_treated = treated.steps().iter().map(|step| {
        of_treated((step.below, step.upto)) + of_control(control.ranks_of(step.low, step.high))
    });
    let at_control = control.steps().iter().map(|step| {
        of_control((step.below, step.upto)) + of_treated(treated.ranks_of(step.low, step.high))
    });
    let least = at_treated.chain(at_control).fold(f64::INFINITY, f64::min);
    Ok(TailProbability::from_ln(-least))
}

/// The count, not whole, at which a mixture has the least evidence against a quantile.
fn least_evident(n: f64, quantile: f64, m: f64) -> f64 {
    const ITERATIONS: usize = 60;
    let evidence = |count: f64| -ln_beta_binomial(count, n, quantile, m);
    root::peak(evidence, 0.0, n, ITERATIONS)
}

/// A boundary for the count at or below a quantile that holds for all quantiles and all
/// times at once: for no level p and no n from `first_n` on is `#(x <= Q(p)) - n p` ever
/// above `B(p)`, nor below `-B(1 - p)`, but with probability alpha. So with `x_(k)` the k-th
/// smallest observation, every quantile `Q(p)` lies between `x_(n p - B(1 - p))` and
/// `x_(n p + B(p) + 1)` (k rounded outwards), whichever are looked at, and whenever.
///
/// The double stitching of theorem 3, with grid `delta = 1/2`, epochs that double and
/// exponent 1.4. For one quantile decided on beforehand [`quantile_sequence_ranks`] is
/// narrower, for the middle of the distribution [`DistributionSequence`].
///
/// # Errors
///
/// A quantile or a level outside (0, 1), a first n below 1.
pub fn any_quantile_bound(
    quantile: f64,
    n: u64,
    alpha: f64,
    first_n: u64,
) -> Result<f64, SequentialError> {
    use super::bounded::stitching::{ETA, EXPONENT, K1, K2, ZETA};
    const DELTA: f64 = 0.5;
    check_between("quantile", quantile, 0.0, 1.0)?;
    check_between("level alpha", alpha, 0.0, 1.0)?;
    let first = check_first(first_n)?;
    let t = (n as f64).max(first);
    let logit = (quantile / (1.0 - quantile)).ln();
    // The quantile of the grid that is nearer to one half.
    let grid = if quantile >= 0.5 {
        quantile
    } else {
        let next = logit + 2.0 * DELTA * (first * ETA / t).sqrt();
        (1.0 / (1.0 + (-next).exp())).min(0.5)
    };
    let variance = grid * (1.0 - grid);
    let place = (t / first).sqrt() * logit.abs() / (2.0 * DELTA) + 1.0;
    let budget = 2.0 * ZETA * (2.0 * ZETA + 1.0) / (alpha * ETA.ln().powf(EXPONENT));
    let l = EXPONENT * ((ETA * t / first).ln().ln() + place.ln()) + budget.ln();
    let skew = K2 * (1.0 - 2.0 * quantile) / 3.0 * l;
    let to_grid = DELTA * (ETA * t * variance / first).sqrt();
    Ok(to_grid + (K1 * K1 * variance * t * l + skew * skew).sqrt() + skew)
}

/// A band around the empirical distribution function that holds the true one everywhere and
/// at all times from a first n on, with probability `1 - alpha`: theorem 2 of the paper,
///
/// ```text
/// sup |F_n - F| <= A sqrt([ln(1 + ln(n / first_n)) + C] / n),   A = 0.85
/// ```
///
/// with the smallest C that the theorem allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DistributionSequence {
    first_n: f64,
    constant: f64,
}

impl DistributionSequence {
    /// The factor A, above `sqrt(1/2)`: smaller ones have a larger C.
    const FACTOR: f64 = 0.85;

    /// # Errors
    ///
    /// A level outside (0, 1), a first n below 1.
    pub fn new(alpha: f64, first_n: u64) -> Result<Self, SequentialError> {
        // More than any level that a double can hold asks for.
        const MOST: f64 = 1e5;
        check_between("level alpha", alpha, 0.0, 1.0)?;
        let first_n = check_first(first_n)?;
        let excess = |ln_c: f64| alpha.ln() - Self::ln_error(ln_c.exp());
        Ok(DistributionSequence {
            first_n,
            constant: root::bracketed(excess, -MOST.ln(), MOST.ln()).exp(),
        })
    }

    /// The logarithm of the theorem's bound on the probability that the band is ever left,
    /// for the best spacing of the epochs, eta:
    /// `4 exp(-g C) [1 + 1 / ((g - 1) ln eta)]` with `g = 2 / eta (A - sqrt(2 (eta - 1) / C))^2`,
    /// where that is above 1.
    fn ln_error(constant: f64) -> f64 {
        const ITERATIONS: usize = 80;
        // In terms of eta - 1, which is small when C is.
        let spare = |above: f64| {
            Self::FACTOR - (2.0 * above / constant).sqrt() - (0.5 * (1.0 + above)).sqrt()
        };
        let widest = root::bracketed(spare, 0.0, 1.0);
        let ln_error = |above: f64| {
            let distance = Self::FACTOR - (2.0 * above / constant).sqrt();
            let g = 2.0 / (1.0 + above) * distance * distance;
            if g <= 1.0 {
                return f64::INFINITY;
            }
            4f64.ln() - g * constant + (1.0 / ((g - 1.0) * above.ln_1p())).ln_1p()
        };
        let best = root::peak(|above| -ln_error(above), 0.0, widest, ITERATIONS);
        ln_error(best)
    }

    /// The half-width of the band after n values; infinite before the first n.
    pub fn distance(&self, n: u64) -> f64 {
        let t = n as f64;
        if t < self.first_n {
            return f64::INFINITY;
        }
        Self::FACTOR * (((t / self.first_n).ln().ln_1p() + self.constant) / t).sqrt()
    }
}

/// Refuses to begin before the first observation.
fn check_first(first_n: u64) -> Result<f64, SequentialError> {
    if first_n >= 1 {
        Ok(first_n as f64)
    } else {
        Err(SequentialError::OutOfRange {
            what: "first number of observations",
            value: 0.0,
        })
    }
}
