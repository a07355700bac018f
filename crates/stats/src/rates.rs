//! Rates of many items told apart from their noise: empirical Bayes for shares.
//!
//! An item shown ten times with one click does not have a rate of 10 %. [`BetaBinomial`]
//! learns from all items how much their rates differ, and moves each towards their mean
//! by as much as its own few exposures warrant.

use crate::bayes::Credible;
use crate::error::{Number, Unestimable};
use crate::ranking::Posterior;
use crate::root;
use crate::share::Counts;
use crate::special::ln_beta;

/// Fewest items with exposures from which their spread is learned.
pub const FEWEST_ITEMS: usize = 5;

/// Why the rates of items are not shrunk.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RatesError {
    /// Too few items were shown.
    #[error("there are exposures of {}; at least {FEWEST_ITEMS} are needed", Number(*n as u64, "item"))]
    TooFew {
        /// Items with exposures.
        n: usize,
    },
    /// More successes than exposures.
    #[error("item {place} has {successes} successes among {n}")]
    InvalidCounts {
        /// Its place, from 0.
        place: usize,
        /// Successes counted.
        successes: u64,
        /// Exposures counted.
        n: u64,
    },
    /// No item was shown twice: between luck and difference nothing tells.
    #[error("every item was shown only once, which does not tell differences from luck")]
    ShownOnce,
    /// No successes at all, or nothing else.
    #[error("{successes} of {n} exposures were a success: there is no variation")]
    NoVariation {
        /// Successes of all items.
        successes: u64,
        /// Exposures of all items.
        n: u64,
    },
    /// There is no item of this place.
    #[error("there is no item {place}")]
    NoSuchItem {
        /// The place named.
        place: usize,
    },
    /// Another input is not valid.
    #[error(transparent)]
    Input(#[from] Unestimable),
}

/// Mean and variance of the items' true rates by the method of moments.
///
/// `p = sum x / sum n`, `Q = sum n_i (p_i - p)^2`, and the variance is
/// `max(0, (Q - (k - 1) p (1 - p)) / (N - sum n_i^2 / N - (k - 1)))` (J. C. Kleinman,
/// "Proportions with extraneous variance: single and independent samples", Journal of the
/// American Statistical Association 68, 1973). Unbiased but for the truncation at 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateMoments {
    /// The share of successes in all exposures.
    pub mean: f64,
    /// The variance of the items' rates, without that of their noise.
    pub variance: f64,
}

impl RateMoments {
    /// The size of the prior in exposures, `mean (1 - mean) / variance - 1`; infinite
    /// where noise alone explains the differences.
    pub fn prior_size(&self) -> f64 {
        (self.mean * (1.0 - self.mean) / self.variance - 1.0).max(0.0)
    }
}

/// The moments of the items' rates; items without exposures do not count.
///
/// # Errors
///
/// [`RatesError`] of the counts.
pub fn moments(items: &[Counts]) -> Result<RateMoments, RatesError> {
    for (place, item) in items.iter().enumerate() {
        if item.successes > item.n {
            return Err(RatesError::InvalidCounts {
                place,
                successes: item.successes,
                n: item.n,
            });
        }
    }
    let shown = || items.iter().filter(|item| item.n > 0);
    let k = shown().count();
    if k < FEWEST_ITEMS {
        return Err(RatesError::TooFew { n: k });
    }
    let n: f64 = shown().map(|item| item.n as f64).sum();
    let successes: u64 = shown().map(|item| item.successes).sum();
    let exposures: u64 = shown().map(|item| item.n).sum();
    if successes == 0 || successes == exposures {
        return Err(RatesError::NoVariation {
            successes,
            n: exposures,
        });
    }
    let mean = successes as f64 / n;
    let squares: f64 = shown().map(|item| (item.n as f64).powi(2)).sum();
    let q: f64 = shown()
        .map(|item| item.n as f64 * (item.share() - mean).powi(2))
        .sum();
    let degrees = (k - 1) as f64;
    let divisor = n - squares / n - degrees;
    if divisor <= 0.0 {
        return Err(RatesError::ShownOnce);
    }
    Ok(RateMoments {
        mean,
        variance: ((q - degrees * mean * (1.0 - mean)) / divisor).max(0.0),
    })
}

/// One size of the prior, and what holds there.
#[derive(Debug, Clone, Copy)]
struct Point {
    weight: f64,
    /// Intra-item correlation `1 / (size + 1)`: the spread as a share of the largest
    /// that it could be.
    rho: f64,
    /// The mean of the rates and its variance, given the spread.
    mean: f64,
    mean_variance: f64,
}

impl Point {
    fn size(&self) -> f64 {
        (1.0 - self.rho) / self.rho
    }
}

/// Rates that are drawn from one beta distribution, whose mean and size are learned from
/// the items' counts: `x_i ~ Binomial(n_i, p_i)`, `p_i ~ Beta(size * mean, size * (1 -
/// mean))`.
///
/// Given the size, the posterior of an item is `Beta(x + size * mean, n - x + size * (1 -
/// mean))`. It is averaged over the posterior of the size, under a prior that is flat in
/// the standard deviation of the rates, and carries the uncertainty of their mean; a
/// plugged-in size would make intervals too short where items are few. The beta
/// distribution with the averaged mean and variance is what is given: one distribution,
/// from which the interval, the probability to be above a value and that to be among the
/// best all come.
///
/// ```
/// use stats::Counts;
/// use stats::rates::BetaBinomial;
///
/// let items: Vec<Counts> = [(1, 10), (30, 1000), (52, 1000), (41, 1000), (20, 1000)]
///     .map(|(successes, n)| Counts { successes, n })
///     .to_vec();
/// let rates = BetaBinomial::fit(&items).unwrap();
/// // One click in ten exposures is next to no evidence of a rate of 10 %.
/// assert!(rates.posterior(0).unwrap().mean() < 0.05);
/// ```
#[derive(Debug, Clone)]
pub struct BetaBinomial {
    items: Vec<Counts>,
    moments: RateMoments,
    points: Vec<Point>,
}

impl BetaBinomial {
    /// Learns the distribution of the rates.
    ///
    /// # Errors
    ///
    /// [`RatesError`] of the counts.
    pub fn fit(items: &[Counts]) -> Result<Self, RatesError> {
        let moments = moments(items)?;
        let shown: Vec<Counts> = items.iter().filter(|item| item.n > 0).copied().collect();
        Ok(BetaBinomial {
            items: items.to_vec(),
            moments,
            points: size_posterior(&shown),
        })
    }

    /// The distribution of the rates by the method of moments.
    pub fn moments(&self) -> RateMoments {
        self.moments
    }

    /// The mean of the rates.
    pub fn mean(&self) -> f64 {
        self.average(|point| point.mean)
    }

    /// The standard deviation of the rates.
    pub fn sd(&self) -> f64 {
        self.average(|point| point.rho * point.mean * (1.0 - point.mean))
            .sqrt()
    }

    /// What is believed of the rate of an item; of one without exposures, as of a new
    /// one.
    ///
    /// # Errors
    ///
    /// [`RatesError::NoSuchItem`]; [`RatesError::Input`] where a rate is too close to 0
    /// or 1 for a distribution.
    pub fn posterior(&self, place: usize) -> Result<Posterior, RatesError> {
        match self.items.get(place) {
            Some(item) => self.given(*item),
            None => Err(RatesError::NoSuchItem { place }),
        }
    }

    /// What is believed of the rate of an item that was not shown yet.
    ///
    /// # Errors
    ///
    /// As [`posterior`](Self::posterior).
    pub fn forecast(&self) -> Result<Posterior, RatesError> {
        self.given(Counts { successes: 0, n: 0 })
    }

    /// The limits between which the middle half of the items' rates lies.
    ///
    /// # Errors
    ///
    /// As [`forecast`](Self::forecast).
    pub fn middle_half(&self) -> Result<Credible, RatesError> {
        Ok(self.forecast()?.interval(0.5)?)
    }

    fn given(&self, item: Counts) -> Result<Posterior, RatesError> {
        let (x, n) = (item.successes as f64, item.n as f64);
        let given_size = |point: &Point| {
            let size = point.size();
            let mean = (x + size * point.mean) / (n + size);
            let shrinkage = size / (n + size);
            let variance = mean * (1.0 - mean) / (n + size + 1.0);
            (mean, variance + shrinkage * shrinkage * point.mean_variance)
        };
        let mean = self.average(|point| given_size(point).0);
        let variance = self.average(|point| {
            let (mean_here, variance_here) = given_size(point);
            variance_here + (mean_here - mean).powi(2)
        });
        Ok(Posterior::share(mean, variance.sqrt())?)
    }

    fn average(&self, of: impl Fn(&Point) -> f64) -> f64 {
        self.points
            .iter()
            .map(|point| point.weight * of(point))
            .sum()
    }
}

/// Whether the data are too thin to say anything of an item: its interval covers the
/// middle half of all items, so that it may as well be a good one as a bad one.
pub fn too_thin(interval: Credible, middle_half: Credible) -> bool {
    interval.low <= middle_half.low && interval.high >= middle_half.high
}

/// The mean of the rates given their spread, and its variance: each item's rate weighted
/// by one over its variance, `n / (1 + (n - 1) rho)`.
fn weighted_mean(items: &[Counts], rho: f64) -> (f64, f64) {
    let (mut total, mut sum) = (0.0, 0.0);
    for item in items {
        let weight = item.n as f64 / (1.0 + (item.n as f64 - 1.0) * rho);
        total += weight;
        sum += weight * item.share();
    }
    let mean = sum / total;
    (mean, mean * (1.0 - mean) / total)
}

/// Logarithm of the marginal likelihood of the counts, up to a constant.
fn ln_likelihood(items: &[Counts], rho: f64, mean: f64) -> f64 {
    let size = (1.0 - rho) / rho;
    let (a, b) = (size * mean, size * (1.0 - mean));
    let prior = ln_beta(a, b);
    let term = |item: &Counts| ln_beta(a + item.successes as f64, b + item.failures() as f64);
    items.iter().map(|item| term(item) - prior).sum()
}

/// The posterior of the spread under a prior that is flat in its standard deviation, on
/// an even grid of `ln rho`.
fn size_posterior(items: &[Counts]) -> Vec<Point> {
    /// Below this a prior counts for more exposures than anybody has.
    const LEAST: f64 = 1e-9;
    const MOST: f64 = 0.99;
    const LOOKS: usize = 24;
    const ITERATIONS: usize = 24;
    const NEGLIGIBLE: f64 = 14.0;
    const WIDEST_STEP: f64 = 0.5;
    let ends = (LEAST.ln(), MOST.ln());
    let ln_density = |x: f64| {
        let rho = x.exp();
        let (mean, variance) = weighted_mean(items, rho);
        // The standard deviation is proportional to the root of rho, and so is its
        // derivative in ln rho; the mean is integrated out by Laplace's method.
        ln_likelihood(items, rho, mean) + 0.5 * x + 0.5 * variance.ln()
    };
    let look = (ends.1 - ends.0) / (LOOKS - 1) as f64;
    let best = (0..LOOKS)
        .map(|i| ends.0 + look * i as f64)
        .map(|x| (x, ln_density(x)))
        .fold((ends.0, f64::NEG_INFINITY), |best, next| {
            if next.1 > best.1 { next } else { best }
        })
        .0;
    let mode = root::peak(
        ln_density,
        (best - look).max(ends.0),
        (best + look).min(ends.1),
        ITERATIONS,
    );
    let peak = ln_density(mode);
    const STEP: f64 = 0.05;
    let bend = 2.0 * peak - ln_density(mode - STEP) - ln_density(mode + STEP);
    let sd = STEP / bend.max(STEP * STEP).sqrt();
    let step = (0.5 * sd).min(WIDEST_STEP);
    let mut points = Vec::new();
    for direction in [-1.0, 1.0] {
        let first = if direction < 0.0 { 0 } else { 1 };
        for i in first.. {
            let x = mode + direction * step * f64::from(i);
            let fall = peak - ln_density(x);
            if !(ends.0..=ends.1).contains(&x) || fall > NEGLIGIBLE || fall.is_nan() {
                break;
            }
            let rho = x.exp();
            let (mean, mean_variance) = weighted_mean(items, rho);
            points.push(Point {
                weight: (-fall).exp(),
                rho,
                mean,
                mean_variance,
            });
        }
    }
    let total: f64 = points.iter().map(|point| point.weight).sum();
    for point in &mut points {
        point.weight /= total;
    }
    points
}
