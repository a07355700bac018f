//! Exact tests of counts.

use crate::counts::Hypergeometric;
use crate::error::{Arm, Unestimable};
use crate::share::Counts;
use crate::tail::{TailProbability, ln_binomial_pmf};

/// Fisher's exact test of two shares: the probability, given the total of
/// successes, of a table no more likely than the one observed.
///
/// # Errors
///
/// An empty arm, or more successes than observations.
pub fn fisher(treated: Counts, control: Counts) -> Result<TailProbability, Unestimable> {
    treated.check(Arm::Treated)?;
    control.check(Arm::Control)?;
    let total = treated.successes + control.successes;
    let counts = Hypergeometric::new(treated.n, control.n, total);
    Ok(no_likelier(
        |x| counts.ln_pmf(x),
        counts.least(),
        counts.most(),
        counts.mode(),
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
