//! A plan whose weights changed on the way: a ramp from 1 % to 50 %, an arm added.

use super::{SampleRatio, SampleRatioError, SampleRatioMethod, sample_ratio};
use crate::tail::{self, TailProbability};

/// The comparison of arm sizes with plans that followed one another.
#[derive(Debug, Clone, PartialEq)]
pub struct PhasedSampleRatio {
    /// Sum of the phases' statistics.
    pub chi2: f64,
    /// Sum of their degrees of freedom.
    pub df: u64,
    /// Probability of splits at least this far from the plans, if all were kept.
    pub probability: TailProbability,
    /// Each phase by itself; none for a phase without customers, or in which only one
    /// arm was open.
    pub phases: Vec<Option<SampleRatio>>,
}

/// Tests the customers who came in each phase against the weights of that phase.
///
/// The sizes of a whole experiment fit no single weights once these were changed, and
/// a test against any of them alarms for ever. The phases' statistics are independent,
/// so that their sum is chi-square with the sum of their degrees of freedom. With one
/// phase this is [`sample_ratio()`], exact for few customers; with several it always is
/// the sum, and a phase with customers in an arm of weight zero makes it impossible.
///
/// # Errors
///
/// Those of [`sample_ratio()`]; [`SampleRatioError::NoSplit`] or
/// [`SampleRatioError::Empty`] only when they hold for every phase.
///
/// ```
/// use stats::sample_ratio::sample_ratio_of_phases;
///
/// // Ten days at one per cent, then twenty at one half: 20 % of all, as planned.
/// let phases: [(&[u64], &[f64]); 2] =
///     [(&[9_900, 100], &[0.99, 0.01]), (&[3_010, 2_990], &[0.5, 0.5])];
/// let srm = sample_ratio_of_phases(&phases).unwrap();
/// assert_eq!(srm.df, 2);
/// assert!(srm.probability.p > 0.5);
/// ```
pub fn sample_ratio_of_phases(
    phases: &[(&[u64], &[f64])],
) -> Result<PhasedSampleRatio, SampleRatioError> {
    let mut tested = Vec::with_capacity(phases.len());
    let mut nothing = SampleRatioError::Empty;
    for (observed, weights) in phases {
        tested.push(match sample_ratio(observed, weights) {
            Ok(ratio) => Some(ratio),
            Err(error @ (SampleRatioError::NoSplit | SampleRatioError::Empty)) => {
                nothing = error;
                None
            }
            Err(error) => return Err(error),
        });
    }
    let (chi2, df) = tested.iter().flatten().fold((0.0, 0), |(chi2, df), phase| {
        (chi2 + phase.chi2, df + phase.df)
    });
    let probability = {
        let mut used = tested.iter().flatten();
        match (used.next(), used.next()) {
            (None, _) => return Err(nothing),
            (Some(only), None) => only.probability,
            _ if tested
                .iter()
                .flatten()
                .any(|phase| phase.method == SampleRatioMethod::Impossible) =>
            {
                TailProbability::from_ln(f64::NEG_INFINITY)
            }
            _ => tail::chi_square_upper(chi2, df as f64),
        }
    };
    Ok(PhasedSampleRatio {
        chi2,
        df,
        probability,
        phases: tested,
    })
}
