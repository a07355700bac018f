//! The value of choosing by segment from the means of segments and versions alone.

use super::{PersonalizingError, choices};
use crate::error::{check_alpha, check_variance};
use crate::lift::Estimate;
use crate::omnibus::Effect;
use crate::shrink::{FEWEST_EFFECTS, RandomEffects};

/// The value of choosing a version by segment, from effects that are shrunken towards each other.
#[derive(Debug, Clone, PartialEq)]
pub struct ShrunkenPersonalizing {
    /// What these choices bring a customer beyond the version that is best for all; none where
    /// that one is chosen in every segment, so that there is nothing to measure.
    pub value: Option<Estimate>,
    /// The same without shrinking, which is too large: noise alone makes some version look
    /// best in each segment.
    pub naive: f64,
    /// The version that is best for all.
    pub best: usize,
    /// The version to choose in each segment.
    pub by_segment: Vec<usize>,
}

/// The value of choosing a version by segment, `means[segment][version]` with the share of
/// each segment in all customers; means are independent.
///
/// `b` is the version with the largest mean over all segments. For each other version `l`
/// the differences `mean_l - mean_b` of the segments are drawn to each other by as much as
/// their noise warrants ([`RandomEffects`]); each segment gets the version whose difference
/// to `b` is then expected to be the largest, or `b` if none is above zero. The value is
/// `sum_s share_s (difference of the version chosen)`, a sum of what is expected of effects
/// given all data: where the differences between segments are normal, choosing the largest
/// does not bias it (A. Dawid, "Selection paradoxes of Bayesian inference", 1994), and its
/// interval holds the true value of these very choices. Segments that choose different
/// versions are taken as independent.
///
/// # Errors
///
/// [`PersonalizingError`]: fewer than three segments, from which the spread of effects cannot
/// be learned; fewer than two versions; means without a positive standard error.
pub fn shrunken_value(
    means: &[Vec<Effect>],
    shares: &[f64],
    alpha: f64,
) -> Result<ShrunkenPersonalizing, PersonalizingError> {
    check_alpha(alpha)?;
    let versions = means.first().map_or(0, Vec::len);
    if means.len() < FEWEST_EFFECTS || versions < 2 || shares.len() != means.len() {
        return Err(PersonalizingError::TooFew {
            segments: means.len().min(shares.len()),
            needed: FEWEST_EFFECTS,
            versions,
        });
    }
    for (segment, row) in means.iter().enumerate() {
        if row.len() != versions {
            return Err(PersonalizingError::NotRectangular { segment });
        }
    }
    for share in shares {
        check_variance("share of a segment", *share)?;
    }
    let estimates: Vec<Vec<f64>> = means
        .iter()
        .map(|row| row.iter().map(|mean| mean.estimate).collect())
        .collect();
    let (best, naively) = choices(&estimates, shares);
    // By how much each segment expects another version to be better than the best for all.
    let mut chosen: Vec<(usize, f64)> = vec![(best, 0.0); means.len()];
    let mut models: Vec<Option<RandomEffects>> = Vec::with_capacity(versions);
    for version in 0..versions {
        if version == best {
            models.push(None);
            continue;
        }
        let difference = |row: &Vec<Effect>| less(&row[version], &row[best]);
        let effects: Vec<Effect> = means.iter().map(difference).collect();
        let model = RandomEffects::fit(&effects)?;
        for (segment, chosen) in chosen.iter_mut().enumerate() {
            let expected = model.weighted(&[(segment, 1.0)])?.estimate;
            if expected > chosen.1 {
                *chosen = (version, expected);
            }
        }
        models.push(Some(model));
    }
    let (mut value, mut variance) = (0.0, 0.0);
    for (version, model) in models.iter().enumerate() {
        let Some(model) = model else { continue };
        let weights: Vec<(usize, f64)> = (0..means.len())
            .filter(|segment| chosen[*segment].0 == version)
            .map(|segment| (segment, shares[segment]))
            .collect();
        let part = model.weighted(&weights)?;
        value += part.estimate;
        variance += part.se * part.se;
    }
    let naive = estimates
        .iter()
        .zip(shares)
        .zip(&naively)
        .map(|((row, share), version)| share * (row[*version] - row[best]))
        .sum();
    Ok(ShrunkenPersonalizing {
        value: chosen
            .iter()
            .any(|(version, _)| *version != best)
            .then(|| Estimate::of(value, variance, f64::INFINITY, alpha)),
        naive,
        best,
        by_segment: chosen.into_iter().map(|(version, _)| version).collect(),
    })
}

/// The difference of two independent means.
fn less(one: &Effect, other: &Effect) -> Effect {
    let (a, b) = (one.se * one.se, other.se * other.se);
    Effect {
        estimate: one.estimate - other.estimate,
        se: (a + b).sqrt(),
        df: crate::lift::satterthwaite(&[(a, one.df), (b, other.df)]),
    }
}
