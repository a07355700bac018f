//! Many tests at once: probabilities adjusted for the number of tests.
//!
//! An adjusted probability is the smallest level at which the procedure as a whole
//! rejects that hypothesis: reject where it is below the level chosen for the family.
//! Which of the procedures may be used depends on the error to be controlled and on
//! how the tests depend on one another:
//!
//! | procedure | controls | valid when the tests are |
//! | --- | --- | --- |
//! | [`Bonferroni`](Adjustment::Bonferroni), [`Holm`](Adjustment::Holm) | family-wise error | dependent in any way |
//! | [`Sidak`](Adjustment::Sidak), [`HolmSidak`](Adjustment::HolmSidak) | family-wise error | independent, or two-sided and jointly normal |
//! | [`Hochberg`](Adjustment::Hochberg), [`Hommel`](Adjustment::Hommel) | family-wise error | independent, or positively dependent (MTP2) |
//! | [`BenjaminiHochberg`](Adjustment::BenjaminiHochberg) | false discovery rate | independent, or positively dependent (PRDS) |
//! | [`BenjaminiYekutieli`](Adjustment::BenjaminiYekutieli) | false discovery rate | dependent in any way |
//! | [`TwoStage`](Adjustment::TwoStage) | false discovery rate | independent |
//! | [`e_benjamini_hochberg`] | false discovery rate | dependent in any way, stopped at any time |
//!
//! The family-wise error is the probability of any false rejection; the false
//! discovery rate is the expected share of false ones among the rejections. Holm's
//! procedure is never worse than Bonferroni's, and Hommel's never worse than
//! Hochberg's, which is never worse than Holm's.

use crate::special::ln_one_minus_exp;
use crate::tail::TailProbability;

/// A procedure for many tests.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Adjustment {
    /// `m p`.
    Bonferroni,
    /// `1 - (1 - p)^m` (Z. Sidak, Journal of the American Statistical Association
    /// 62, 1967).
    Sidak,
    /// `(m - i + 1) p_(i)`, no smaller than that of any smaller probability (S.
    /// Holm, Scandinavian Journal of Statistics 6, 1979).
    Holm,
    /// `1 - (1 - p_(i))^(m - i + 1)` in the same way.
    HolmSidak,
    /// `(m - i + 1) p_(i)`, no larger than that of any larger probability (Y.
    /// Hochberg, Biometrika 75, 1988).
    Hochberg,
    /// The closed test with Simes' test of every intersection (G. Hommel,
    /// Biometrika 75, 1988). Takes time of the order of `m^2`.
    Hommel,
    /// `m p_(i) / i`, no larger than that of any larger probability (Y. Benjamini
    /// and Y. Hochberg, Journal of the Royal Statistical Society B 57, 1995).
    BenjaminiHochberg,
    /// The same times `1 + 1/2 + ... + 1/m` (Y. Benjamini and D. Yekutieli, Annals
    /// of Statistics 29, 2001).
    BenjaminiYekutieli,
    /// Benjamini and Hochberg's procedure with the number of true hypotheses
    /// estimated by what a first pass at `alpha / (1 + alpha)` does not reject (Y.
    /// Benjamini, A. M. Krieger and D. Yekutieli, Biometrika 93, 2006). The result
    /// holds for the level `alpha` only; an adjusted probability can be smaller
    /// than the probability itself.
    TwoStage {
        /// The level of the false discovery rate.
        alpha: f64,
    },
    /// The same with a first pass at `alpha` and no factor `1 + alpha`, for which
    /// there is no proof of control.
    TwoStagePlain {
        /// The level of the false discovery rate.
        alpha: f64,
    },
}

/// Why a family of tests cannot be adjusted.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MultiplicityError {
    /// A value that is no probability, or no e-value.
    #[error("value {index} of the family is not valid: {value}")]
    InvalidEvidence {
        /// Its place in the family.
        index: usize,
        /// Its value: the probability, or the logarithm of the e-value.
        value: f64,
    },
    /// The level is outside (0, 1).
    #[error("the level alpha must lie strictly between 0 and 1, and is {alpha}")]
    InvalidAlpha {
        /// The level given.
        alpha: f64,
    },
}

/// The probabilities of a family of tests adjusted for their number, in the order
/// given; see [`Adjustment`] and the [module](self).
///
/// Ties have equal results. An empty family has none. `p` and `ln p` are adjusted
/// side by side, so that probabilities too small for a double keep their order.
///
/// # Errors
///
/// A value that is not a probability, or a level of the two-stage procedures outside
/// (0, 1).
///
/// ```
/// use stats::TailProbability;
/// use stats::multiplicity::{Adjustment, adjusted};
///
/// let p = [-5.0, -4000.0, -1.0].map(TailProbability::from_ln);
/// let holm = adjusted(&p, Adjustment::Holm).unwrap();
/// assert_eq!(holm[1].ln_p, -4000.0 + 3.0f64.ln());
/// assert_eq!(holm[0].ln_p, -5.0 + 2.0f64.ln());
/// assert_eq!(holm[2].ln_p, -1.0);
/// ```
pub fn adjusted(
    family: &[TailProbability],
    adjustment: Adjustment,
) -> Result<Vec<TailProbability>, MultiplicityError> {
    check(family)?;
    let m = family.len();
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|&a, &b| family[a].ln_p.total_cmp(&family[b].ln_p));
    let sorted: Vec<TailProbability> = order.iter().map(|&i| family[i]).collect();
    let remaining = |i: usize| (m - i) as f64;
    let whole = m as f64;

    let result = match adjustment {
        Adjustment::Bonferroni => each(&sorted, |_, p| times(p, whole)),
        Adjustment::Sidak => each(&sorted, |_, p| any_of(p, whole)),
        Adjustment::Holm => step_down(each(&sorted, |i, p| times(p, remaining(i)))),
        Adjustment::HolmSidak => step_down(each(&sorted, |i, p| any_of(p, remaining(i)))),
        Adjustment::Hochberg => step_up(each(&sorted, |i, p| times(p, remaining(i)))),
        Adjustment::Hommel => hommel(&sorted),
        Adjustment::BenjaminiHochberg => discovery(&sorted, whole),
        Adjustment::BenjaminiYekutieli => {
            let harmonic: f64 = (1..=m).map(|k| 1.0 / k as f64).sum();
            discovery(&sorted, whole * harmonic)
        }
        Adjustment::TwoStage { alpha } => two_stage(&sorted, alpha, 1.0 + alpha)?,
        Adjustment::TwoStagePlain { alpha } => two_stage(&sorted, alpha, 1.0)?,
    };

    let mut in_place = result.clone();
    for (adjusted, &i) in result.into_iter().zip(&order) {
        in_place[i] = adjusted;
    }
    Ok(in_place)
}

/// The e-BH procedure: for each e-value, given by its logarithm, the smallest level
/// of the false discovery rate at which it is rejected.
///
/// An e-value is a nonnegative statistic of expectation at most one under its
/// hypothesis: a likelihood ratio, a mixture of them, a test martingale stopped at
/// any time. At the level alpha the procedure rejects the k hypotheses with the
/// largest e-values for the largest k with `e_(k) >= m / (alpha k)`, which is
/// Benjamini and Hochberg's procedure on `1 / e`; it controls the false discovery
/// rate whatever the dependence (R. Wang and A. Ramdas, "False discovery rate control
/// with e-values", Journal of the Royal Statistical Society B 84, 2022, section 4).
///
/// # Errors
///
/// A logarithm that is not a number. Minus infinity is an e-value of zero.
///
/// ```
/// let ln_e = [900.0f64, 120.0, 61.0, 30.0, 0.0].map(f64::ln);
/// let level = stats::multiplicity::e_benjamini_hochberg(&ln_e).unwrap();
/// assert!((level[1].p - 5.0 / (2.0 * 120.0)).abs() < 1e-15);
/// assert_eq!(level[4].p, 1.0);
/// ```
pub fn e_benjamini_hochberg(ln_e: &[f64]) -> Result<Vec<TailProbability>, MultiplicityError> {
    if let Some(index) = ln_e.iter().position(|e| e.is_nan()) {
        let value = ln_e[index];
        return Err(MultiplicityError::InvalidEvidence { index, value });
    }
    let inverse: Vec<TailProbability> = ln_e
        .iter()
        .map(|ln_e| TailProbability::from_ln(-ln_e))
        .collect();
    adjusted(&inverse, Adjustment::BenjaminiHochberg)
}

/// Refuses values that are not probabilities.
pub(crate) fn check(family: &[TailProbability]) -> Result<(), MultiplicityError> {
    let valid = |p: &TailProbability| (0.0..=1.0).contains(&p.p) && p.ln_p <= 0.0;
    match family.iter().position(|p| !valid(p)) {
        None => Ok(()),
        Some(index) => Err(MultiplicityError::InvalidEvidence {
            index,
            value: family[index].p,
        }),
    }
}

/// Refuses a level outside (0, 1).
pub(crate) fn check_level(alpha: f64) -> Result<(), MultiplicityError> {
    if alpha > 0.0 && alpha < 1.0 {
        Ok(())
    } else {
        Err(MultiplicityError::InvalidAlpha { alpha })
    }
}

fn each(
    sorted: &[TailProbability],
    adjust: impl Fn(usize, TailProbability) -> TailProbability,
) -> Vec<TailProbability> {
    sorted
        .iter()
        .enumerate()
        .map(|(i, &p)| adjust(i, p))
        .collect()
}

/// `factor p`, at most one.
fn times(p: TailProbability, factor: f64) -> TailProbability {
    TailProbability {
        p: (factor * p.p).min(1.0),
        ln_p: (factor.ln() + p.ln_p).min(0.0),
    }
}

/// `1 - (1 - p)^count`: that any of so many independent events happens.
fn any_of(p: TailProbability, count: f64) -> TailProbability {
    // Below this the sum of the probabilities is exact to rounding.
    const RARE: f64 = -37.0;
    let rare = times(p, count);
    if rare.ln_p < RARE {
        return rare;
    }
    let ln_none = count * (-p.p).ln_1p();
    TailProbability {
        p: -ln_none.exp_m1(),
        ln_p: ln_one_minus_exp(ln_none),
    }
}

fn smaller(a: TailProbability, b: TailProbability) -> TailProbability {
    TailProbability {
        p: a.p.min(b.p),
        ln_p: a.ln_p.min(b.ln_p),
    }
}

fn larger(a: TailProbability, b: TailProbability) -> TailProbability {
    TailProbability {
        p: a.p.max(b.p),
        ln_p: a.ln_p.max(b.ln_p),
    }
}

/// From the smallest on: none is below one before it.
fn step_down(mut steps: Vec<TailProbability>) -> Vec<TailProbability> {
    for i in 1..steps.len() {
        steps[i] = larger(steps[i], steps[i - 1]);
    }
    steps
}

/// From the largest on: none is above one after it.
fn step_up(mut steps: Vec<TailProbability>) -> Vec<TailProbability> {
    for i in (1..steps.len()).rev() {
        steps[i - 1] = smaller(steps[i - 1], steps[i]);
    }
    steps
}

/// `factor p_(i) / i`, stepping up.
fn discovery(sorted: &[TailProbability], factor: f64) -> Vec<TailProbability> {
    step_up(each(sorted, |i, p| times(p, factor / (i + 1) as f64)))
}

/// The adaptive procedure, whose first pass is at the level `alpha / inflation`.
fn two_stage(
    sorted: &[TailProbability],
    alpha: f64,
    inflation: f64,
) -> Result<Vec<TailProbability>, MultiplicityError> {
    check_level(alpha)?;
    let m = sorted.len();
    let first = discovery(sorted, m as f64);
    let rejected = first.iter().filter(|p| p.p < alpha / inflation).count();
    // With nothing or everything rejected the first pass is the last.
    let still_true = if rejected == m { m } else { m - rejected };
    let share = still_true as f64 / m as f64;
    // Not `discovery` with a factor: that would cut at one before it is scaled.
    Ok(each(&first, |_, p| times(p, inflation * share)))
}

/// Hommel's adjusted probabilities.
///
/// The closed test rejects a hypothesis when Simes' test rejects every intersection
/// that it belongs to. Of the intersections of `size` hypotheses, the hardest to
/// reject consists of the hypothesis itself and the largest of the others, so that
/// one per size and hypothesis needs to be looked at.
fn hommel(sorted: &[TailProbability]) -> Vec<TailProbability> {
    let m = sorted.len();
    let mut result = sorted.to_vec();
    for size in 2..=m {
        let first = m - size;
        let simes = |i: usize| times(sorted[i], size as f64 / (i - first + 1) as f64);
        // Of the largest size - 1, at the ranks 2 to size.
        let others = (first + 1..m)
            .map(simes)
            .fold(TailProbability { p: 1.0, ln_p: 0.0 }, smaller);
        for (i, adjusted) in result.iter_mut().enumerate() {
            // The smallest of the intersection: the hypothesis, unless it is among
            // the largest itself.
            let smallest = times(sorted[i.min(first)], size as f64);
            *adjusted = larger(*adjusted, smaller(smallest, others));
        }
    }
    result
}
