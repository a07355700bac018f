//! Not worse by more than a margin, and the same within margins.
//!
//! A metric that does not differ significantly is not thereby shown to be unharmed:
//! the test may only be too small. These tests turn the burden around. Their
//! hypothesis is the harm, and rejecting it shows that there is less than the margin.

use crate::error::{NotEstimable, Unestimable, check_variance};
use crate::lift::{Contrast, Lift, Method};
use crate::tail::{self, TailProbability};

/// Which way a metric should move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Better {
    /// More is better, as of revenue.
    Higher,
    /// Less is better, as of returned orders.
    Lower,
}

/// The largest loss that is accepted, not negative. A margin of zero makes the test
/// one of superiority.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Margin {
    /// In units of the metric.
    Absolute(f64),
    /// As a share of the size of the control; 0.01 is one per cent.
    Relative(f64),
}

/// Why a margin cannot be tested.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EquivalenceError {
    /// There is no effect to compare with the margin.
    #[error(transparent)]
    Unestimable(#[from] Unestimable),
    /// There is no effect relative to the control.
    #[error(transparent)]
    NotEstimable(#[from] NotEstimable),
    /// The margin is negative or not finite.
    #[error("the margin must be a number not below zero, and is {margin}")]
    InvalidMargin {
        /// The margin given.
        margin: f64,
    },
    /// A one-sided test has no bound on the expected side at such a level.
    #[error("the one-sided level alpha must lie strictly between 0 and 0.5, and is {alpha}")]
    InvalidAlpha {
        /// The level given.
        alpha: f64,
    },
}

/// The result of a non-inferiority test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NonInferiority {
    /// The effect, absolute or relative as the margin is.
    pub estimate: f64,
    /// The one-sided confidence bound of the effect on the side of harm: a lower
    /// bound when higher is better, else an upper one.
    pub bound: f64,
    /// What the bound must be on the good side of: minus the margin when higher is
    /// better, else the margin.
    pub limit: f64,
    /// The t statistic, positive when the loss observed is below the margin.
    pub statistic: f64,
    /// One-sided probability of evidence at least this strong when the loss is as
    /// large as the margin.
    pub probability: TailProbability,
    /// Whether the loss is shown to be below the margin: the bound is beyond the
    /// limit, and `probability.p < alpha`.
    pub non_inferior: bool,
}

/// Tests whether the treated arm is not worse than the control by the margin or more,
/// at the one-sided level alpha.
///
/// With higher better and an absolute margin M the hypothesis is `treated - control
/// <= -M`, `t = (d + M) / se` against Student's t with the contrast's degrees of
/// freedom, and the bound is `d - c se`, with c the upper alpha quantile. With lower
/// better all signs turn.
///
/// A relative margin is a share of the control, whose noise counts: the hypothesis
/// `treated <= (1 - M) control` is tested by the contrast `treated - (1 - M) control`
/// with its own variance, `v_t + (1 - M)^2 v_c - 2 (1 - M) cov`. The bound is
/// Fieller's, as in [`Contrast::lift`], and inverts that test. To divide the margin by
/// the control's mean as if that were known would claim too much when the margin is
/// wide and the control noisy. For a negative control the share is one of its size.
///
/// # Errors
///
/// Those of [`Contrast::lift`]; arms without any variation, whose data cannot vouch
/// for a margin; a relative margin on a control that is not clearly away from zero at
/// the level `2 alpha`; a margin that is negative or not finite; `alpha >= 0.5`.
///
/// ```
/// use stats::equivalence::{Better, Margin, non_inferiority};
/// use stats::{Contrast, Sample};
///
/// let control = Sample { n: 10_000, mean: 20.0, variance: 400.0 };
/// let treated = Sample { n: 10_000, mean: 19.9, variance: 400.0 };
/// let contrast = Contrast::of_means(&treated, &control).unwrap();
/// let test = |margin| non_inferiority(&contrast, margin, Better::Higher, 0.05).unwrap();
/// // Half a per cent less, with a standard error of 1.4 per cent.
/// assert!(test(Margin::Relative(0.05)).non_inferior);
/// assert!(!test(Margin::Relative(0.02)).non_inferior);
/// ```
pub fn non_inferiority(
    contrast: &Contrast,
    margin: Margin,
    better: Better,
    alpha: f64,
) -> Result<NonInferiority, EquivalenceError> {
    let (Margin::Absolute(size) | Margin::Relative(size)) = margin;
    if !(size.is_finite() && size >= 0.0) {
        return Err(EquivalenceError::InvalidMargin { margin: size });
    }
    let lift = two_sided(contrast, alpha)?;
    // Towards harm: the effect, and what it must not reach.
    let sign = match better {
        Better::Higher => 1.0,
        Better::Lower => -1.0,
    };
    let limit = -sign * size;
    let (estimate, low, high, distance, se) = match margin {
        Margin::Absolute(_) => {
            let effect = lift.absolute;
            let distance = effect.estimate - limit;
            (
                effect.estimate,
                effect.low,
                effect.high,
                distance,
                effect.se,
            )
        }
        Margin::Relative(_) => {
            let effect = lift.relative?;
            // Treated over control at the limit.
            let ratio = 1.0 + limit * contrast.control.signum();
            let distance = contrast.treated - ratio * contrast.control;
            let variance = contrast.treated_variance
                + ratio * (ratio * contrast.control_variance - 2.0 * contrast.covariance);
            check_variance("variance of the contrast at the margin", variance)?;
            (
                effect.estimate,
                effect.low,
                effect.high,
                distance,
                variance.sqrt(),
            )
        }
    };
    if se == 0.0 {
        let difference = lift.absolute.estimate;
        return Err(Unestimable::NoVariation { difference }.into());
    }
    let statistic = sign * distance / se;
    let bound = if sign > 0.0 { low } else { high };
    let non_inferior = sign * (bound - limit) > 0.0;
    let probability =
        tail::student_t_upper(statistic, contrast.df).agreeing_with(non_inferior, alpha);
    Ok(NonInferiority {
        estimate,
        bound,
        limit,
        statistic,
        probability,
        non_inferior,
    })
}

/// The result of a test of equivalence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equivalence {
    /// The test that the effect is not below minus the lower margin.
    pub lower: NonInferiority,
    /// The test that the effect is not above the upper margin.
    pub upper: NonInferiority,
    /// The larger of the two probabilities.
    pub probability: TailProbability,
    /// Whether the effect is shown to lie between the margins: the interval at
    /// confidence `1 - 2 alpha`, from the bound of `lower` to that of `upper`, lies
    /// between them, and `probability.p < alpha`.
    pub equivalent: bool,
}

/// Tests whether the effect lies between minus one margin and another, at the level
/// alpha, by two one-sided tests of that level each (D. J. Schuirmann, Journal of
/// Pharmacokinetics and Biopharmaceutics 15, 1987).
///
/// Both must reject, so the level is not divided. Each is [`non_inferiority`], the
/// lower with higher better and the upper with lower better.
///
/// # Errors
///
/// Those of [`non_inferiority`] for either margin.
pub fn equivalence(
    contrast: &Contrast,
    lower: Margin,
    upper: Margin,
    alpha: f64,
) -> Result<Equivalence, EquivalenceError> {
    let lower = non_inferiority(contrast, lower, Better::Higher, alpha)?;
    let upper = non_inferiority(contrast, upper, Better::Lower, alpha)?;
    let larger = if lower.probability.ln_p > upper.probability.ln_p {
        lower.probability
    } else {
        upper.probability
    };
    Ok(Equivalence {
        lower,
        upper,
        probability: larger,
        equivalent: lower.non_inferior && upper.non_inferior,
    })
}

/// The effect with its two-sided interval at the level `2 alpha`, either end of which
/// is a one-sided bound at the level alpha.
fn two_sided(contrast: &Contrast, alpha: f64) -> Result<Lift, EquivalenceError> {
    if !(alpha > 0.0 && alpha < 0.5) {
        return Err(EquivalenceError::InvalidAlpha { alpha });
    }
    Ok(contrast.lift(2.0 * alpha, Method::Welch)?)
}
