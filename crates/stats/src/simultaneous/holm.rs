//! Lower bounds that agree with Holm's procedure.

use crate::error::{Unestimable, check_alpha};
use crate::lift::{Contrast, Method};
use crate::multiplicity::{Adjustment, adjusted};
use crate::tail::{self, TailProbability};

/// A lower bound of an absolute effect, one of several that hold together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LowerBound {
    /// The bound; the upper limit is infinite.
    pub low: f64,
    /// One-sided probability that the effect is not above zero, adjusted by Holm's
    /// procedure: below alpha where the effect is shown to be above zero.
    pub probability: TailProbability,
}

/// Lower bounds of several absolute effects that hold together with confidence `1 -
/// alpha`, whatever the dependence, and never contradict Holm's procedure.
///
/// Each effect is tested against zero with one-sided t tests. While some are not
/// shown to be above zero, those that are have the bound zero, and the k others
/// `d - c se` at the level `alpha / k`, which is not above zero; the whole level is
/// spent on those. Once all are shown, each has the larger of zero and `d - c se` at
/// the level `alpha / m` (K. Strassburger and F. Bretz, "Compatible simultaneous lower
/// confidence bounds for the Holm procedure and other Bonferroni-based closed tests",
/// Statistics in Medicine 27, 2008). So a bound of zero with a small probability says
/// that there is an effect and not how large it is: the price of rejecting more than
/// Bonferroni's procedure does.
///
/// For metrics that should decrease, give the contrast with the arms swapped.
///
/// # Errors
///
/// Those of [`Contrast::lift`] for any of the contrasts.
pub fn holm_lower_bounds(
    contrasts: &[Contrast],
    alpha: f64,
) -> Result<Vec<LowerBound>, Unestimable> {
    check_alpha(alpha)?;
    let mut effects = Vec::with_capacity(contrasts.len());
    for contrast in contrasts {
        let lift = contrast.lift(alpha, Method::Welch)?;
        let p = tail::student_t_upper(lift.statistic, lift.absolute.df);
        effects.push((lift.absolute, p));
    }
    let family: Vec<TailProbability> = effects.iter().map(|&(_, p)| p).collect();
    let holm = adjusted(&family, Adjustment::Holm).map_err(|_| Unestimable::InvalidInput {
        what: "one-sided probability",
        value: f64::NAN,
    })?;
    let open = holm.iter().filter(|p| p.p >= alpha).count();
    let all_shown = open == 0;
    let level = alpha / if all_shown { holm.len() } else { open } as f64;
    let bounds = effects.iter().zip(holm).map(|((effect, _), probability)| {
        let alone = effect.estimate + tail::student_t_quantile(level, effect.df) * effect.se;
        let low = match (probability.p < alpha, all_shown) {
            (true, true) => alone.max(0.0),
            (true, false) => 0.0,
            (false, _) => alone.min(0.0),
        };
        LowerBound { low, probability }
    });
    Ok(bounds.collect())
}
