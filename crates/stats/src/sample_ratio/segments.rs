//! Where a mismatch comes from.

use super::{SampleRatio, SampleRatioError, sample_ratio};
use crate::exact::fisher;
use crate::multiplicity::{Adjustment, adjusted};
use crate::share::Counts;
use crate::tail::TailProbability;

/// One value of one segmentation, such as browser = Safari, held against the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentMismatch {
    /// Place of the segmentation among those given.
    pub segmentation: usize,
    /// Place of the value in its segmentation.
    pub value: usize,
    /// The test of this value's customers.
    pub test: SampleRatio,
    /// Its probability adjusted for looking at all values of all segmentations (Holm
    /// 1979).
    pub adjusted: TailProbability,
    /// Its share of the sum of its segmentation's statistics.
    pub share_of_chi2: f64,
    /// The test of all other customers of its segmentation; none when there are none.
    pub without: Option<SampleRatio>,
    /// Probability that its customers and all others of its segmentation are split this
    /// differently if both are split alike: Fisher's exact test of the share of each arm,
    /// the least of the arms times their number (Bonferroni), adjusted as `adjusted` is.
    /// One where there are no others.
    pub differs: TailProbability,
    /// The mismatch stands with this value and falls without it: all customers of the
    /// segmentation have a probability below alpha and those without this value do not,
    /// while `adjusted` and `differs` of this value are below alpha. (Any large value
    /// takes the rest below notice, whether or not the rest is split as planned: the last
    /// condition leaves those out whose others are split as they are.)
    pub explains: bool,
}

/// Tests each value of each segmentation against the planned weights and ranks them:
/// first those that explain the mismatch, then by how improbable they are.
///
/// `segmentations[s][v][a]` counts the customers with value v of segmentation s in arm
/// a. Values must have been known before the assignment: a value that the experience
/// itself changes differs between arms without any fault. Values without customers
/// are left out.
///
/// `alpha` is the level at which a mismatch is called one.
///
/// # Errors
///
/// Those of [`sample_ratio()`]; [`SampleRatioError::Empty`] when there are no customers
/// at all.
pub fn mismatch_by_segment(
    segmentations: &[Vec<Vec<u64>>],
    weights: &[f64],
    alpha: f64,
) -> Result<Vec<SegmentMismatch>, SampleRatioError> {
    let mut found: Vec<SegmentMismatch> = Vec::new();
    for (segmentation, values) in segmentations.iter().enumerate() {
        let mut whole = vec![0; weights.len()];
        for value in values {
            // Reports a count that does not fit the weights before any is added up.
            super::check_weights(value.len(), weights)?;
            for (total, count) in whole.iter_mut().zip(value) {
                *total += count;
            }
        }
        let Some(of_all) = unless_empty(sample_ratio(&whole, weights))? else {
            continue;
        };
        let mismatch = of_all.probability.p < alpha;
        let first = found.len();
        for (place, value) in values.iter().enumerate() {
            let Some(test) = unless_empty(sample_ratio(value, weights))? else {
                continue;
            };
            let others: Vec<u64> = whole
                .iter()
                .zip(value)
                .map(|(all, own)| all - own)
                .collect();
            let without = unless_empty(sample_ratio(&others, weights))?;
            let falls = without
                .as_ref()
                .is_some_and(|others| others.probability.p >= alpha);
            found.push(SegmentMismatch {
                segmentation,
                value: place,
                adjusted: test.probability,
                share_of_chi2: 0.0,
                differs: difference(value, &others),
                explains: mismatch && falls,
                test,
                without,
            });
        }
        share_out(&mut found[first..]);
    }
    if found.is_empty() {
        return Err(SampleRatioError::Empty);
    }
    found.sort_by(|a, b| {
        let ln_p = |mismatch: &SegmentMismatch| mismatch.test.probability.ln_p;
        ln_p(a).total_cmp(&ln_p(b))
    });
    let family: Vec<TailProbability> = found.iter().map(|found| found.test.probability).collect();
    let differences: Vec<TailProbability> = found.iter().map(|found| found.differs).collect();
    let family = adjusted(&family, Adjustment::Holm)?;
    let differences = adjusted(&differences, Adjustment::Holm)?;
    for (mismatch, (adjusted, differs)) in found.iter_mut().zip(family.into_iter().zip(differences))
    {
        mismatch.adjusted = adjusted;
        mismatch.differs = differs;
        mismatch.explains &= adjusted.p < alpha && differs.p < alpha;
    }
    // Stable: the order by probability stays within each kind.
    found.sort_by_key(|mismatch| !mismatch.explains);
    Ok(found)
}

/// The probability of two splits that differ this much if both are alike, before any
/// adjustment for the number of values.
fn difference(value: &[u64], others: &[u64]) -> TailProbability {
    let (n_value, n_others) = (value.iter().sum(), others.iter().sum());
    let of_arms: Vec<f64> = value
        .iter()
        .zip(others)
        .filter(|(value, others)| *value + *others > 0)
        .filter_map(|(&value, &others)| {
            let value = Counts {
                successes: value,
                n: n_value,
            };
            let others = Counts {
                successes: others,
                n: n_others,
            };
            Some(fisher(value, others).ok()?.ln_p)
        })
        .collect();
    // Two arms are one table, seen from either side.
    let tests = if of_arms.len() == 2 { 1 } else { of_arms.len() };
    let least = of_arms.iter().copied().fold(0.0, f64::min);
    TailProbability::from_ln((least + (tests.max(1) as f64).ln()).min(0.0))
}

fn unless_empty(
    test: Result<SampleRatio, SampleRatioError>,
) -> Result<Option<SampleRatio>, SampleRatioError> {
    match test {
        Ok(test) => Ok(Some(test)),
        Err(SampleRatioError::Empty) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Each value's share of the sum of the statistics. Infinite ones share it all.
fn share_out(values: &mut [SegmentMismatch]) {
    let total: f64 = values.iter().map(|value| value.test.chi2).sum();
    let infinite = values
        .iter()
        .filter(|value| value.test.chi2 == f64::INFINITY)
        .count();
    for value in values {
        value.share_of_chi2 = if infinite > 0 {
            f64::from(u8::from(value.test.chi2 == f64::INFINITY)) / infinite as f64
        } else if total > 0.0 {
            value.test.chi2 / total
        } else {
            0.0
        };
    }
}
