//! Tests that several estimates agree in some respect, and the estimates they take.

use crate::error::Unestimable;
use crate::lift::Estimate;
use crate::mean::Sample;
use crate::tail::{self, TailProbability};

/// One estimate among several independent ones: the effect in a segment, of an
/// experiment, or the mean of an arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The point estimate.
    pub estimate: f64,
    /// Its standard error, positive.
    pub se: f64,
    /// Degrees of freedom of the standard error; infinite for a normal reference.
    pub df: f64,
}

impl From<&Estimate> for Effect {
    fn from(estimate: &Estimate) -> Self {
        Effect {
            estimate: estimate.estimate,
            se: estimate.se,
            df: estimate.df,
        }
    }
}

/// Why several estimates cannot be taken together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EffectsError {
    /// Too few of them.
    #[error("{n} estimate(s) are given; at least {needed} are needed")]
    TooFew {
        /// How many there are.
        n: usize,
        /// How many would be enough.
        needed: usize,
    },
    /// One of them is not valid.
    #[error("the {what} of estimate {place} is not valid: {value}")]
    Invalid {
        /// Its place, from 0.
        place: usize,
        /// What of it is not valid.
        what: &'static str,
        /// The value.
        value: f64,
    },
    /// Rows or columns of a table have different lengths.
    #[error("the rows of the table do not have the same length")]
    NotRectangular,
    /// The selection names an estimate that is not there.
    #[error("there is no estimate {place}")]
    NoSuchEffect {
        /// The place named.
        place: usize,
    },
    /// Cells too small for the chi-square approximation.
    #[error("the smallest expected count is {smallest:.2}; at least 5 are needed")]
    TooFewExpected {
        /// The smallest expected count.
        smallest: f64,
    },
    /// Another input is not valid.
    #[error(transparent)]
    Input(#[from] Unestimable),
}

/// Refuses estimates that are not finite, or whose standard errors are not positive.
pub(crate) fn check_effects(effects: &[Effect], needed: usize) -> Result<(), EffectsError> {
    if effects.len() < needed {
        return Err(EffectsError::TooFew {
            n: effects.len(),
            needed,
        });
    }
    for (place, effect) in effects.iter().enumerate() {
        let invalid = |what, value| Err(EffectsError::Invalid { place, what, value });
        // Squares must be finite too.
        if !(effect.estimate * effect.estimate).is_finite() {
            return invalid("estimate", effect.estimate);
        }
        let variance = effect.se * effect.se;
        if !(effect.se > 0.0 && variance.is_normal() && variance.recip().is_normal()) {
            return invalid("standard error", effect.se);
        }
        if effect.df <= 0.0 || effect.df.is_nan() {
            return invalid("degrees of freedom", effect.df);
        }
    }
    Ok(())
}

/// The mean of each sample with its standard error.
pub(crate) fn means(samples: &[Sample]) -> Result<Vec<Effect>, EffectsError> {
    let effect = |(place, sample): (usize, &Sample)| {
        if sample.n < 2 {
            return Err(EffectsError::Invalid {
                place,
                what: "number of observations",
                value: sample.n as f64,
            });
        }
        Ok(Effect {
            estimate: sample.mean,
            se: (sample.variance / sample.n as f64).sqrt(),
            df: (sample.n - 1) as f64,
        })
    };
    samples.iter().enumerate().map(effect).collect()
}

/// A test that several contrasts of independent estimates are all zero, by the
/// Welch-James statistic (S. Johansen, "The Welch-James approximation to the
/// distribution of the residual sum of squares in a weighted linear regression",
/// Biometrika 67, 1980).
///
/// With one contrast it is the square of Welch's t, with the differences of several
/// means Welch's heteroscedastic analysis of variance, and with infinite degrees of
/// freedom of the estimates the Wald or Cochran's test, whose reference is
/// chi-square.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Omnibus {
    /// The Wald statistic: the weighted sum of squares that the hypothesis leaves.
    pub chi_square: f64,
    /// How many independent contrasts are tested.
    pub df: f64,
    /// The statistic corrected for the noise of the variances, to refer to F with
    /// `df` and `denominator_df`.
    pub f: f64,
    /// Degrees of freedom of the variances together.
    pub denominator_df: f64,
    /// The probability of a statistic at least this large when all are zero.
    pub probability: TailProbability,
}

impl Omnibus {
    /// From the Wald statistic, and `(share, df)` of each estimate: the share of the
    /// estimate that the contrasts see, the diagonal of `V C' (C V C')^-1 C`, and
    /// the degrees of freedom of its variance. The shares add up to `df`.
    pub(crate) fn new(chi_square: f64, df: f64, shares: impl Iterator<Item = (f64, f64)>) -> Self {
        let noise: f64 = shares.map(|(share, df)| share * share / df).sum();
        let f = chi_square / (df + 2.0 * noise - 6.0 * noise / (df + 2.0));
        let denominator_df = df * (df + 2.0) / (3.0 * noise);
        let probability = if denominator_df.is_finite() {
            tail::f_upper(f, df, denominator_df)
        } else {
            tail::chi_square_upper(chi_square, df)
        };
        Omnibus {
            chi_square,
            df,
            f,
            denominator_df,
            probability,
        }
    }
}
