//! Which of many items are best, when each is known only by its posterior.
//!
//! The item that looks best is the best partly by luck. [`probabilities_in_top`] says of
//! each how probable it is to be truly among the first `k`, which a list in the order of
//! the estimates does not.

use crate::bayes::Credible;
use crate::error::{Unestimable, check_alpha, check_finite};
use crate::special::ln_incomplete_beta;
use crate::tail::{self, TailProbability};

/// What is believed of one item's rate or mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Posterior {
    /// A share, between 0 and 1: the beta distribution with these shapes.
    Share {
        /// Successes, with those that the prior imagines.
        successes: f64,
        /// Failures, likewise.
        failures: f64,
    },
    /// A mean of anything: the normal distribution.
    Mean {
        /// Its mean.
        mean: f64,
        /// Its standard deviation.
        sd: f64,
    },
}

impl Posterior {
    /// The beta distribution of a share with this mean and standard deviation.
    ///
    /// # Errors
    ///
    /// [`Unestimable::InvalidInput`] of a mean outside (0, 1), or of a standard
    /// deviation that is not positive or as large as no share's can be,
    /// `sqrt(mean (1 - mean))`.
    pub fn share(mean: f64, sd: f64) -> Result<Self, Unestimable> {
        if !(mean > 0.0 && mean < 1.0) {
            return Err(Unestimable::InvalidInput {
                what: "mean of a share",
                value: mean,
            });
        }
        let size = mean * (1.0 - mean) / (sd * sd) - 1.0;
        if !(size > 0.0 && size.is_finite()) {
            return Err(Unestimable::InvalidInput {
                what: "standard deviation of a share",
                value: sd,
            });
        }
        Ok(Posterior::Share {
            successes: size * mean,
            failures: size * (1.0 - mean),
        })
    }

    /// A normal distribution.
    ///
    /// # Errors
    ///
    /// [`Unestimable::InvalidInput`] of a mean that is not finite, or of a standard
    /// deviation that is not positive.
    pub fn normal(mean: f64, sd: f64) -> Result<Self, Unestimable> {
        check_finite("mean", mean)?;
        if !(sd > 0.0 && sd.is_finite()) {
            return Err(Unestimable::InvalidInput {
                what: "standard deviation",
                value: sd,
            });
        }
        Ok(Posterior::Mean { mean, sd })
    }

    /// Its mean.
    pub fn mean(&self) -> f64 {
        match *self {
            Posterior::Share {
                successes,
                failures,
            } => successes / (successes + failures),
            Posterior::Mean { mean, .. } => mean,
        }
    }

    /// Its standard deviation.
    pub fn sd(&self) -> f64 {
        match *self {
            Posterior::Share {
                successes,
                failures,
            } => {
                let n = successes + failures;
                ((successes / n) * (failures / n) / (n + 1.0)).sqrt()
            }
            Posterior::Mean { sd, .. } => sd,
        }
    }

    /// The probability that the item is above a value.
    pub fn probability_above(&self, value: f64) -> TailProbability {
        match *self {
            Posterior::Share {
                successes,
                failures,
            } => TailProbability::from_ln(match value {
                v if v <= 0.0 => 0.0,
                v if v >= 1.0 => f64::NEG_INFINITY,
                v => ln_incomplete_beta(successes, failures, v, 1.0 - v).upper,
            }),
            Posterior::Mean { mean, sd } => tail::normal_upper((value - mean) / sd),
        }
    }

    /// The value below which the item is with probability `p`, `0 < p < 1`.
    pub fn quantile(&self, p: f64) -> f64 {
        match *self {
            Posterior::Share {
                successes,
                failures,
            } if p <= 0.5 => tail::beta_quantile(p, successes, failures),
            // Through the small tail.
            Posterior::Share {
                successes,
                failures,
            } => 1.0 - tail::beta_quantile(1.0 - p, failures, successes),
            Posterior::Mean { mean, sd } => mean + sd * tail::normal_quantile(p),
        }
    }

    /// How much the item is above a value on average, counting nothing where it is below,
    /// `E max(item - value, 0)`: what having it to choose is worth beside that value.
    pub fn mean_excess(&self, value: f64) -> f64 {
        match *self {
            Posterior::Share {
                successes,
                failures,
            } => {
                // The mean of the part above is that of a beta with one more success.
                let more = Posterior::Share {
                    successes: successes + 1.0,
                    failures,
                };
                let above = self.mean() * more.probability_above(value).p;
                (above - value * self.probability_above(value).p).max(0.0)
            }
            Posterior::Mean { mean, sd } => sd * tail::ln_normal_loss((value - mean) / sd).exp(),
        }
    }

    /// The mean of the best of so many independent draws, by the rule of midpoints over
    /// their probability: what the best of as many new items can be expected to be. 0
    /// draws have none (NaN).
    pub fn mean_of_best(&self, draws: u32) -> f64 {
        const POINTS: u32 = 400;
        if draws == 0 {
            return f64::NAN;
        }
        let power = f64::from(draws).recip();
        let quantile = |i: u32| {
            let p = (f64::from(i) + 0.5) / f64::from(POINTS);
            self.quantile(p.powf(power).min(1.0 - f64::EPSILON))
        };
        (0..POINTS).map(quantile).sum::<f64>() / f64::from(POINTS)
    }

    /// The central interval that holds the item with probability `1 - alpha`.
    ///
    /// # Errors
    ///
    /// [`Unestimable::InvalidAlpha`].
    pub fn interval(&self, alpha: f64) -> Result<Credible, Unestimable> {
        check_alpha(alpha)?;
        Ok(Credible {
            low: self.quantile(0.5 * alpha),
            high: self.quantile(1.0 - 0.5 * alpha),
        })
    }
}

/// Points at which the integral over the items' values is taken at most.
const MOST_POINTS: usize = 512;

/// Quantiles of each item that become points.
const LEVELS: [f64; 17] = [
    1e-6, 1e-4, 2e-3, 0.01, 0.03, 0.08, 0.17, 0.32, 0.5, 0.68, 0.83, 0.92, 0.97, 0.99, 0.998,
    0.9999, 0.999_999,
];

/// The probability of each item to be among the `k` best, where more is better.
///
/// `P(i in top k) = int f_i(x) P(fewer than k of the others exceed x) dx`, with the
/// posteriors taken as independent. The number of others above x has a Poisson-binomial
/// distribution, whose first k terms come from two sweeps over the items, one from each
/// end, so that no item's own probability is divided out again. The integral is a sum
/// over cells between quantiles of the items; probabilities are good to about 0.005 and
/// add up to k as closely.
///
/// Time is `O(points * items * k)`, points up to 512.
///
/// ```
/// use stats::ranking::{Posterior, probabilities_in_top};
///
/// let items = [0.30, 0.10, 0.11].map(|mean| Posterior::normal(mean, 0.02).unwrap());
/// let first = probabilities_in_top(&items, 1);
/// assert!(first[0] > 0.999);
/// ```
pub fn probabilities_in_top(items: &[Posterior], k: usize) -> Vec<f64> {
    if k == 0 || items.is_empty() {
        return vec![0.0; items.len()];
    }
    if k >= items.len() {
        return vec![1.0; items.len()];
    }
    let points = points(items);
    let mut sum = vec![0.0; items.len()];
    let mut before = vec![1.0; items.len()];
    let mut few_before: Option<Vec<f64>> = None;
    for &x in &points {
        let above: Vec<f64> = items.iter().map(|i| i.probability_above(x).p).collect();
        let few = few_others_above(&above, k);
        for i in 0..items.len() {
            let mass = before[i] - above[i];
            let lower = few_before.as_ref().map_or(few[i], |few| few[i]);
            sum[i] += mass * 0.5 * (lower + few[i]);
        }
        (before, few_before) = (above, Some(few));
    }
    // What lies beyond the last point has nothing above it.
    for (sum, left) in sum.iter_mut().zip(&before) {
        *sum = (*sum + left).clamp(0.0, 1.0);
    }
    sum
}

/// Quantiles of the items, ascending, thinned evenly to a bounded number.
fn points(items: &[Posterior]) -> Vec<f64> {
    let mut points: Vec<f64> = items
        .iter()
        .flat_map(|item| LEVELS.map(|p| item.quantile(p)))
        .filter(|x| x.is_finite())
        .collect();
    points.sort_unstable_by(f64::total_cmp);
    points.dedup();
    let step = points.len().div_ceil(MOST_POINTS).max(1);
    let last = points.last().copied();
    let mut thinned: Vec<f64> = points.into_iter().step_by(step).collect();
    if thinned.last() != last.as_ref() {
        thinned.extend(last);
    }
    thinned
}

/// For each item, the probability that fewer than `k` of the others are above a value,
/// from each one's probability to be above it.
fn few_others_above(above: &[f64], k: usize) -> Vec<f64> {
    let n = above.len();
    // counts[i * k + c]: probability that c of the items before i are above, c < k.
    let mut counts = vec![0.0; (n + 1) * k];
    counts[0] = 1.0;
    for (i, p) in above.iter().enumerate() {
        let (known, next) = counts[i * k..(i + 2) * k].split_at_mut(k);
        add_one(known, *p, next);
    }
    let mut after = vec![0.0; k];
    let mut next = vec![0.0; k];
    after[0] = 1.0;
    let mut few = vec![0.0; n];
    for i in (0..n).rev() {
        // P(before + after < k) = sum_c P(before = c) P(after < k - c).
        let mut cumulated = 0.0;
        for c in 0..k {
            cumulated += after[c];
            few[i] += counts[i * k + (k - 1 - c)] * cumulated;
        }
        add_one(&after, above[i], &mut next);
        std::mem::swap(&mut after, &mut next);
    }
    few
}

/// The distribution of a count, as far as it is kept, with one more item.
fn add_one(known: &[f64], p: f64, next: &mut [f64]) {
    let mut before = 0.0;
    for (next, known) in next.iter_mut().zip(known) {
        *next = known * (1.0 - p) + before * p;
        before = *known;
    }
}
