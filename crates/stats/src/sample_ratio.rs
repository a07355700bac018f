//! Were customers split as planned?
//!
//! * [`sample_ratio()`]: one look at one plan, by chi-square or exactly;
//! * [`sample_ratio_of_phases`]: one look at a plan whose weights changed on the way;
//! * [`SequentialSampleRatio`]: as many looks as one likes, over any number of phases;
//! * [`mismatch_by_segment`]: where a mismatch comes from.

mod phases;
mod segments;
mod sequential;

pub use phases::{PhasedSampleRatio, sample_ratio_of_phases};
pub use segments::{SegmentMismatch, mismatch_by_segment};
pub use sequential::{SequentialSampleRatio, concentration};

use crate::exact::{LIKELIHOOD_TIE, binomial_two_sided};
use crate::multiplicity::MultiplicityError;
use crate::special::ln_gamma;
use crate::tail::{self, TailProbability};

/// The comparison of arm sizes with the planned split.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRatio {
    /// Pearson's statistic, `sum (observed - expected)^2 / expected` over the arms
    /// with a positive weight; infinite when an arm of weight zero has customers.
    pub chi2: f64,
    /// Its degrees of freedom: the arms with a positive weight, less one.
    pub df: u64,
    /// Probability of a split at least this far from the plan, if the plan was kept.
    pub probability: TailProbability,
    /// Expected customers of each arm.
    pub expected: Vec<f64>,
    /// How the probability was computed.
    pub method: SampleRatioMethod,
}

/// How the probability of a split was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SampleRatioMethod {
    /// Pearson's chi-square test.
    ChiSquare,
    /// The exact binomial or multinomial test: the probability of all splits no
    /// likelier than the one observed.
    Exact,
    /// An arm that nobody should be in has customers, which is no matter of chance.
    Impossible,
}

impl std::fmt::Display for SampleRatioMethod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            SampleRatioMethod::ChiSquare => "chi-square test",
            SampleRatioMethod::Exact => "exact multinomial test",
            SampleRatioMethod::Impossible => "customers in an arm of weight zero",
        })
    }
}

/// Why arm sizes cannot be compared with a plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SampleRatioError {
    /// As many weights as arms are needed.
    #[error("{arms} arms have {weights} weights")]
    Mismatched {
        /// Arms counted.
        arms: usize,
        /// Weights given.
        weights: usize,
    },
    /// A weight is negative or not finite.
    #[error("the weight {weight} is not a valid share")]
    InvalidWeight {
        /// The weight.
        weight: f64,
    },
    /// Fewer than two arms can have customers, so there is no split.
    #[error("a split needs two arms with a positive weight")]
    NoSplit,
    /// No arm has any customers.
    #[error("no arm has any customers")]
    Empty,
    /// A concentration, or what it is computed from, is not positive and finite, or a
    /// level is not between 0 and 1.
    #[error("the {what} is not valid: {value}")]
    InvalidTuning {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// The tests of several segments cannot be adjusted for their number.
    #[error(transparent)]
    Multiplicity(#[from] MultiplicityError),
}

/// Expected customers in the smallest arm below which the test is exact, Cochran's
/// limit for the chi-square approximation.
const SMALL: f64 = 5.0;

/// Most splits that an exact test of three or more arms goes through. With more,
/// the chi-square test answers although an arm is small.
const MOST_SPLITS: f64 = 500_000.0;

/// Tests the sizes of the arms against the planned weights, which need not add up
/// to one.
///
/// ```
/// let srm = stats::sample_ratio(&[1_000_000, 1_100_000], &[0.5, 0.5]).unwrap();
/// assert_eq!(srm.probability.p, 0.0);
/// assert!((srm.probability.ln_p + 2385.41).abs() < 0.1);
/// ```
pub fn sample_ratio(observed: &[u64], weights: &[f64]) -> Result<SampleRatio, SampleRatioError> {
    check_weights(observed.len(), weights)?;
    let total_weight: f64 = weights.iter().sum();
    let planned: Vec<(u64, f64)> = observed
        .iter()
        .copied()
        .zip(weights.iter().map(|weight| weight / total_weight))
        .filter(|(_, share)| *share > 0.0)
        .collect();
    if planned.len() < 2 {
        return Err(SampleRatioError::NoSplit);
    }
    let n: u64 = observed.iter().sum();
    if n == 0 {
        return Err(SampleRatioError::Empty);
    }

    let expected: Vec<f64> = weights
        .iter()
        .map(|weight| n as f64 * (weight / total_weight))
        .collect();
    let df = planned.len() as u64 - 1;
    if planned.iter().map(|(count, _)| count).sum::<u64>() < n {
        return Ok(SampleRatio {
            chi2: f64::INFINITY,
            df,
            probability: TailProbability::from_ln(f64::NEG_INFINITY),
            expected,
            method: SampleRatioMethod::Impossible,
        });
    }

    let chi2: f64 = observed
        .iter()
        .zip(&expected)
        .filter(|(_, expected)| **expected > 0.0)
        .map(|(&count, expected)| (count as f64 - expected).powi(2) / expected)
        .sum();
    let smallest = expected
        .iter()
        .copied()
        .filter(|e| *e > 0.0)
        .fold(f64::INFINITY, f64::min);
    let (counts, shares): (Vec<u64>, Vec<f64>) = planned.into_iter().unzip();
    let (probability, method) = if smallest >= SMALL || splits(n, df) > MOST_SPLITS {
        (
            tail::chi_square_upper(chi2, df as f64),
            SampleRatioMethod::ChiSquare,
        )
    } else if df == 1 {
        (
            // Of the smaller share, as the larger may round to one.
            if shares[0] < shares[1] {
                binomial_two_sided(counts[0], n, shares[0])
            } else {
                binomial_two_sided(counts[1], n, shares[1])
            },
            SampleRatioMethod::Exact,
        )
    } else {
        (
            Multinomial::new(n, &shares).no_likelier(&counts),
            SampleRatioMethod::Exact,
        )
    };
    Ok(SampleRatio {
        chi2,
        df,
        probability,
        expected,
        method,
    })
}

/// Refuses weights that do not fit the arms or are no shares.
fn check_weights(arms: usize, weights: &[f64]) -> Result<(), SampleRatioError> {
    if arms != weights.len() {
        return Err(SampleRatioError::Mismatched {
            arms,
            weights: weights.len(),
        });
    }
    match weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
        Some(&weight) => Err(SampleRatioError::InvalidWeight { weight }),
        None => Ok(()),
    }
}

/// Ways to split n customers over `df + 1` arms, `(n + df) choose df`; one that
/// costs nothing for two arms.
fn splits(n: u64, df: u64) -> f64 {
    if df == 1 {
        return 1.0;
    }
    (1..=df).fold(1.0, |ways, i| ways * (n + i) as f64 / i as f64)
}

/// A multinomial distribution small enough to go through.
struct Multinomial {
    ln_shares: Vec<f64>,
    /// `ln k!` for k from 0 to n.
    ln_factorials: Vec<f64>,
}

impl Multinomial {
    fn new(n: u64, shares: &[f64]) -> Self {
        Multinomial {
            ln_shares: shares.iter().map(|share| share.ln()).collect(),
            ln_factorials: (0..=n).map(|k| ln_gamma(k as f64 + 1.0)).collect(),
        }
    }

    /// What `count` customers in an arm contribute to the log-probability.
    fn term(&self, arm: usize, count: usize) -> f64 {
        count as f64 * self.ln_shares[arm] - self.ln_factorials[count]
    }

    /// The probability of all splits no likelier than the one observed.
    fn no_likelier(&self, observed: &[u64]) -> TailProbability {
        let n = self.ln_factorials.len() - 1;
        let ln_observed: f64 = observed
            .iter()
            .enumerate()
            .map(|(arm, &count)| self.term(arm, count as usize))
            .sum();
        let sum = self.sum_below(0, n, 0.0, ln_observed);
        TailProbability::from_ln(self.ln_factorials[n] + ln_observed + f64::ln(sum))
    }

    /// Sum over all ways to split `left` customers over the arms from `arm` on,
    /// relative to the observed probability, of those no likelier than it.
    fn sum_below(&self, arm: usize, left: usize, so_far: f64, ln_observed: f64) -> f64 {
        if arm + 1 == self.ln_shares.len() {
            let relative = so_far + self.term(arm, left) - ln_observed;
            return if relative <= LIKELIHOOD_TIE {
                relative.exp()
            } else {
                0.0
            };
        }
        (0..=left)
            .map(|count| {
                let so_far = so_far + self.term(arm, count);
                self.sum_below(arm + 1, left - count, so_far, ln_observed)
            })
            .sum()
    }
}
