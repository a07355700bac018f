//! Exact tests of counts, and intervals for one share.

use crate::error::{Arm, Unestimable, check_alpha};
use crate::share::Counts;
use crate::tail::{self, TailProbability, ln_binomial_pmf};

/// Fisher's exact test of two shares: the probability, given the total of
/// successes, of a table no more likely than the one observed.
///
/// # Errors
///
/// An empty arm, or more successes than observations.
pub fn fisher(treated: Counts, control: Counts) -> Result<TailProbability, Unestimable> {
    treated.check(Arm::Treated)?;
    control.check(Arm::Control)?;
    let successes = treated.successes + control.successes;
    let n = treated.n + control.n;
    let pooled = successes as f64 / n as f64;
    // A product of binomials of any common share, given its total.
    let total = ln_binomial_pmf(successes, n, pooled);
    let ln_pmf = |x: u64| {
        ln_binomial_pmf(x, treated.n, pooled) + ln_binomial_pmf(successes - x, control.n, pooled)
            - total
    };
    let lowest = successes.saturating_sub(control.n);
    let highest = successes.min(treated.n);
    // (S + 1)(n_t + 1) / (N + 2), rounded down.
    let mode =
        ((u128::from(successes) + 1) * (u128::from(treated.n) + 1) / (u128::from(n) + 2)) as u64;
    Ok(no_likelier(
        ln_pmf,
        lowest,
        highest,
        mode.clamp(lowest, highest),
        treated.successes,
    ))
}

/// The exact two-sided probability of `k` successes in `n` trials of probability
/// `p`: that of all counts no likelier than `k`.
pub fn binomial_two_sided(k: u64, n: u64, p: f64) -> TailProbability {
    let mode = (((n as f64 + 1.0) * p).floor() as u64).min(n);
    no_likelier(|x| ln_binomial_pmf(x, n, p), 0, n, mode, k)
}

/// Outcomes whose probability exceeds the observed one by no more than this share
/// count as equally likely: the margin for rounding that R's exact tests use.
pub(crate) const LIKELIHOOD_TIE: f64 = 1e-7;

/// The probability of all outcomes no likelier than the observed one, for a
/// unimodal distribution on `lowest..=highest`.
fn no_likelier(
    ln_pmf: impl Fn(u64) -> f64,
    lowest: u64,
    highest: u64,
    mode: u64,
    observed: u64,
) -> TailProbability {
    let threshold = ln_pmf(observed) + LIKELIHOOD_TIE;
    let unlikely = |x: u64| ln_pmf(x) <= threshold;
    if unlikely(mode) {
        return TailProbability::from_ln(0.0);
    }
    // The last unlikely outcome below the mode and the first one above it.
    let mut below = None;
    if unlikely(lowest) {
        let (mut inside, mut outside) = (lowest, mode);
        while outside - inside > 1 {
            let middle = inside + (outside - inside) / 2;
            if unlikely(middle) {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        below = Some(inside);
    }
    let mut above = None;
    if unlikely(highest) {
        let (mut outside, mut inside) = (mode, highest);
        while inside - outside > 1 {
            let middle = outside + (inside - outside) / 2;
            if unlikely(middle) {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        above = Some(inside);
    }
    // Sums outwards from there, relative to the observed probability, until the
    // terms no longer matter.
    let scale = ln_pmf(observed);
    let sum_while_it_matters = |outcomes: &mut dyn Iterator<Item = u64>| {
        let mut sum = 0.0;
        for x in outcomes {
            let term = (ln_pmf(x) - scale).exp();
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        sum
    };
    let lower = below.map_or(0.0, |from| sum_while_it_matters(&mut (lowest..=from).rev()));
    let upper = above.map_or(0.0, |from| sum_while_it_matters(&mut (from..=highest)));
    TailProbability::from_ln(scale + f64::ln(lower + upper))
}

/// Wilson's score interval for one share at confidence `1 - alpha` (E. B. Wilson,
/// Journal of the American Statistical Association 22, 1927).
///
/// # Errors
///
/// No observations, more successes than observations, or an invalid level.
pub fn wilson(counts: Counts, alpha: f64) -> Result<(f64, f64), Unestimable> {
    check_alpha(alpha)?;
    counts.check(Arm::Treated)?;
    let z = tail::student_t_critical(alpha, f64::INFINITY);
    let n = counts.n as f64;
    let p = counts.share();
    let z2_over_n = z * z / n;
    let centre = (p + 0.5 * z2_over_n) / (1.0 + z2_over_n);
    let half_width = (z2_over_n * (p * (1.0 - p) + 0.25 * z2_over_n)).sqrt() / (1.0 + z2_over_n);
    let low = if counts.successes == 0 {
        0.0
    } else {
        centre - half_width
    };
    let high = if counts.failures() == 0 {
        1.0
    } else {
        centre + half_width
    };
    Ok((low, high))
}

/// The exact interval of Clopper and Pearson for one share at confidence
/// `1 - alpha` (Biometrika 26, 1934).
///
/// # Errors
///
/// No observations, more successes than observations, or an invalid level.
pub fn clopper_pearson(counts: Counts, alpha: f64) -> Result<(f64, f64), Unestimable> {
    check_alpha(alpha)?;
    counts.check(Arm::Treated)?;
    let (k, rest) = (counts.successes as f64, counts.failures() as f64);
    let low = if k == 0.0 {
        0.0
    } else {
        tail::beta_quantile(0.5 * alpha, k, rest + 1.0)
    };
    let high = if rest == 0.0 {
        1.0
    } else {
        // The complement of the mirrored beta, whose lower tail alpha / 2 is exact.
        1.0 - tail::beta_quantile(0.5 * alpha, rest, k + 1.0)
    };
    Ok((low, high))
}
