//! Several effects at once: intervals that match what a procedure for many tests
//! rejects.
//!
//! | tests | rejected by | intervals that match |
//! | --- | --- | --- |
//! | several arms, one control | [`dunnett`]'s adjusted probability | of the same lifts |
//! | all pairs of arms | [`games_howell`]'s adjusted probability | of the same lifts |
//! | any, two-sided, family-wise error | Bonferroni | any lift at the level `alpha / m` |
//! | any, one-sided, family-wise error | Holm | [`holm_lower_bounds`] |
//! | any, two-sided, false discovery rate | Benjamini and Hochberg | any lift at the level of [`false_coverage`], for what was selected |
//!
//! For two-sided tests Holm's procedure has no intervals of the same level that always
//! agree with it; where intervals are to be shown, reject by Bonferroni or by Dunnett.

mod dunnett;
mod games_howell;
mod holm;
mod scale;

pub use dunnett::{Dunnett, dunnett};
pub use games_howell::{Pair, StudentizedRange, games_howell};
pub use holm::{LowerBound, holm_lower_bounds};

use crate::multiplicity::{self, MultiplicityError};
use crate::tail::{self, TailProbability};

/// The members of a family that are selected, and the level of their intervals.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Whether each member is selected, in the order given.
    pub selected: Vec<bool>,
    /// The level alpha at which to compute the intervals of the selected members;
    /// that of a single selected one when none is.
    pub level: f64,
}

/// Selects by Benjamini and Hochberg's procedure and gives the level of intervals for
/// the selected whose expected share of false ones is at most alpha.
///
/// With R of m selected the level is `R alpha / m` (Y. Benjamini and D. Yekutieli,
/// "False discovery rate-adjusted multiple confidence intervals for selected
/// parameters", Journal of the American Statistical Association 100, 2005). A
/// two-sided interval at that level excludes zero exactly for what is selected,
/// because a member is selected when its probability is below the level. An interval
/// at the level alpha would cover less often just where it was selected for being
/// extreme. Those not selected have no interval that is covered by this promise.
///
/// Valid for independent and for positively dependent (PRDS) estimates. Under any
/// other dependence give `alpha / (1 + 1/2 + ... + 1/m)`.
///
/// # Errors
///
/// A value that is not a probability, or a level outside (0, 1).
///
/// ```
/// use stats::{TailProbability, simultaneous::false_coverage};
///
/// let p = [0.01f64, 0.8, 0.02, 0.3].map(|p| TailProbability::from_ln(p.ln()));
/// let selection = false_coverage(&p, 0.05).unwrap();
/// assert_eq!(selection.selected, [true, false, true, false]);
/// assert_eq!(selection.level, 0.025);
/// ```
pub fn false_coverage(
    family: &[TailProbability],
    alpha: f64,
) -> Result<Selection, MultiplicityError> {
    multiplicity::check_level(alpha)?;
    multiplicity::check(family)?;
    let m = family.len() as f64;
    let level_of = |count: usize| count as f64 * alpha / m;
    let mut sorted: Vec<f64> = family.iter().map(|p| p.p).collect();
    sorted.sort_by(f64::total_cmp);
    let count = (1..=sorted.len())
        .rev()
        .find(|&k| sorted[k - 1] < level_of(k));
    let level = match count {
        Some(count) => level_of(count),
        None => alpha / m.max(1.0),
    };
    let selected = family
        .iter()
        .map(|p| count.is_some() && p.p < level)
        .collect();
    Ok(Selection { selected, level })
}

/// The probability that any of `tests` statistics exceeds what one exceeds with the
/// probability `alone`: between that and Bonferroni's bound.
///
/// Where a double cannot hold what is integrated, it is Bonferroni's bound.
fn within_bounds(
    alone: TailProbability,
    tests: f64,
    joint: impl FnOnce() -> f64,
) -> TailProbability {
    const UNDERFLOW: f64 = 1e-250;
    let bonferroni = TailProbability::from_ln(alone.ln_p + tests.ln());
    if tests <= 1.0 || alone.p.is_nan() {
        alone
    } else if alone.p < UNDERFLOW {
        bonferroni
    } else {
        let p = joint().clamp(alone.p, bonferroni.p.max(alone.p));
        TailProbability { p, ln_p: p.ln() }
    }
}

/// Where such a probability is alpha: between the critical value of one test and that
/// of Bonferroni.
fn critical_between(
    alpha: f64,
    df: f64,
    tests: f64,
    probability: impl Fn(f64) -> TailProbability,
) -> f64 {
    let alone = tail::student_t_critical(alpha, df);
    if tests <= 1.0 || !alone.is_finite() {
        return alone;
    }
    let bonferroni = tail::student_t_critical(alpha / tests, df);
    if !bonferroni.is_finite() {
        return bonferroni;
    }
    // The logarithm of the probability is smooth and nearly straight between the two;
    // the last step of the secant method is far more exact than it is long.
    const ITERATIONS: usize = 20;
    const LAST_STEP: f64 = 1e-8;
    let excess = |c| probability(c).ln_p - alpha.ln();
    let (mut before, mut excess_before) = (alone, excess(alone));
    let mut c = bonferroni;
    for _ in 0..ITERATIONS {
        let excess_here = excess(c);
        let step = excess_here * (c - before) / (excess_here - excess_before);
        if step.is_nan() {
            break;
        }
        (before, excess_before) = (c, excess_here);
        c = (c - step).clamp(alone, bonferroni);
        if step.abs() <= LAST_STEP * c {
            break;
        }
    }
    c
}
