//! Confidence sequences for the mean of values in [0, 1] by betting against it: narrower
//! than mixtures when values are few or extremely skewed, without asymptotics or a planned
//! n. Both depend on the order in which the values came, and cannot be merged.
//!
//! Both are of I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables
//! by betting", Journal of the Royal Statistical Society B 86 (2024). In both an observer
//! stakes, before each value, a share of the capital on it, the larger the less the values
//! so far varied; a mean at which that would have made `1 / alpha` of a capital of 1 is
//! rejected, and no true mean is with a probability above alpha, at any time (Ville).

use super::{SequentialError, check_between, check_value};

/// The stakes: `sqrt(2 ln(1 / alpha) / [t ln(1 + t) s^2])` at the t-th value, with the
/// variance of the values before it (equation 26 of the paper). Mean and variance start from
/// one imagined value, 1/2 with variance 1/4.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stakes {
    /// `2 ln(1 / alpha)`.
    twice_ln: f64,
    n: u64,
    /// Sum of the values, the imagined one included.
    sum: f64,
    /// Sum of squared distances, each from the mean with it.
    squares: f64,
}

impl Stakes {
    fn new(alpha: f64) -> Self {
        Stakes {
            twice_ln: -2.0 * alpha.ln(),
            n: 0,
            sum: 0.5,
            squares: 0.25,
        }
    }

    /// The stake on the next value.
    fn next(&self) -> f64 {
        let t = self.n as f64 + 1.0;
        let variance = self.squares / t;
        (self.twice_ln / (t * t.ln_1p() * variance)).sqrt()
    }

    fn observe(&mut self, value: f64) {
        self.n += 1;
        self.sum += value;
        let distance = value - self.sum / (self.n as f64 + 1.0);
        self.squares += distance * distance;
    }
}

/// The predictable plug-in empirical Bernstein sequence (theorem 2 of the paper), in
/// constant memory. With stakes `l_i`, at most 1/2, and each value's distance from the mean
/// of those before it,
///
/// ```text
/// sum(l_i x_i) / sum(l_i) -+ [ln(2 / alpha) + sum(d_i^2 (-ln(1 - l_i) - l_i))] / sum(l_i)
/// ```
///
/// is the interval. The first value's distance is taken from the limit that is nearer to
/// what the side rejects: 0 for the lower limit, 1 for the upper one.
///
/// ```
/// use stats::sequential::PlugInBernstein;
///
/// let mut sequence = PlugInBernstein::new(0.05)?;
/// for i in 0..1000 {
///     sequence.push(if i % 50 == 0 { 1.0 } else { 0.0 })?;
/// }
/// let (low, high) = sequence.interval();
/// assert!(low < 0.02 && 0.02 < high && high < 0.08);
/// # Ok::<(), stats::sequential::SequentialError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlugInBernstein {
    stakes: Stakes,
    /// Sum of the values.
    sum: f64,
    /// Sum of the stakes, and of each times its value.
    staked: f64,
    weighted: f64,
    /// What the variance costs, below and above.
    costs: (f64, f64),
}

impl PlugInBernstein {
    /// Nothing observed yet. The level is that of both limits together.
    ///
    /// # Errors
    ///
    /// A level outside (0, 1).
    pub fn new(alpha: f64) -> Result<Self, SequentialError> {
        check_between("level alpha", alpha, 0.0, 1.0)?;
        Ok(PlugInBernstein {
            stakes: Stakes::new(0.5 * alpha),
            sum: 0.0,
            staked: 0.0,
            weighted: 0.0,
            costs: (0.0, 0.0),
        })
    }

    /// Observes a value.
    ///
    /// # Errors
    ///
    /// A value outside [0, 1].
    pub fn push(&mut self, value: f64) -> Result<(), SequentialError> {
        const MOST: f64 = 0.5;
        check_value(value)?;
        let stake = self.stakes.next().min(MOST);
        let (below, above) = match self.stakes.n {
            0 => (0.0, 1.0),
            n => (self.sum / n as f64, self.sum / n as f64),
        };
        let cost = -(-stake).ln_1p() - stake;
        self.costs.0 += (value - below) * (value - below) * cost;
        self.costs.1 += (value - above) * (value - above) * cost;
        self.staked += stake;
        self.weighted += stake * value;
        self.sum += value;
        self.stakes.observe(value);
        Ok(())
    }

    /// Lower and upper limit of the mean, each at half the level.
    pub fn interval(&self) -> (f64, f64) {
        if self.stakes.n == 0 {
            return (0.0, 1.0);
        }
        let centre = self.weighted / self.staked;
        let radius = |cost: f64| (0.5 * self.stakes.twice_ln + cost) / self.staked;
        (
            (centre - radius(self.costs.0)).max(0.0),
            (centre + radius(self.costs.1)).min(1.0),
        )
    }
}

/// The hedged capital sequence (theorem 3 of the paper): for each mean m of a grid of a
/// thousandth, one capital that bets on values above m and one that bets on values below,
///
/// ```text
/// K+ = prod(1 + l_i (x_i - m)),  l_i at most 1 / (2 m)
/// K- = prod(1 - l_i (x_i - m)),  l_i at most 1 / [2 (1 - m)]
/// ```
///
/// and m is rejected while either exceeds `2 / alpha`. The interval spans the means that are
/// not, and one step of the grid more on either side, so that a mean between two points of
/// the grid is not lost.
///
/// The narrowest of the sequences for values in [0, 1], and the slowest: a value takes some
/// thousand multiplications, a sequence 16 KiB.
///
/// ```
/// use stats::sequential::HedgedCapital;
///
/// let mut sequence = HedgedCapital::new(0.05)?;
/// for i in 0..300 {
///     sequence.push(if i % 10 == 0 { 1.0 } else { 0.0 })?;
/// }
/// let (low, high) = sequence.interval();
/// assert!(low > 0.04 && high < 0.18);
/// # Ok::<(), stats::sequential::SequentialError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct HedgedCapital {
    stakes: Stakes,
    /// The capital at which a mean is rejected.
    threshold: f64,
    /// The capital that bets on values above each mean of the grid, and below it.
    capital: Vec<(f64, f64)>,
}

impl HedgedCapital {
    /// Steps of the grid of means.
    const STEPS: usize = 1000;

    /// Nothing observed yet.
    ///
    /// # Errors
    ///
    /// A level outside (0, 1).
    pub fn new(alpha: f64) -> Result<Self, SequentialError> {
        check_between("level alpha", alpha, 0.0, 1.0)?;
        Ok(HedgedCapital {
            stakes: Stakes::new(0.5 * alpha),
            threshold: 2.0 / alpha,
            capital: vec![(1.0, 1.0); Self::STEPS + 1],
        })
    }

    fn mean(step: usize) -> f64 {
        step as f64 / Self::STEPS as f64
    }

    /// Observes a value.
    ///
    /// # Errors
    ///
    /// A value outside [0, 1].
    pub fn push(&mut self, value: f64) -> Result<(), SequentialError> {
        // What may be lost of a capital by one value.
        const MOST: f64 = 0.5;
        check_value(value)?;
        let stake = self.stakes.next();
        for (step, (above, below)) in self.capital.iter_mut().enumerate() {
            let mean = Self::mean(step);
            let gain = value - mean;
            // A capital is never quite lost: the least double given back at each value adds
            // nothing that could be seen to the probability of an error.
            *above = (*above * (1.0 + stake.min(MOST / mean) * gain)).max(f64::MIN_POSITIVE);
            *below =
                (*below * (1.0 - stake.min(MOST / (1.0 - mean)) * gain)).max(f64::MIN_POSITIVE);
        }
        self.stakes.observe(value);
        Ok(())
    }

    /// Lower and upper limit of the mean; everything when every mean is rejected, as can
    /// happen with a probability below alpha.
    pub fn interval(&self) -> (f64, f64) {
        let kept = |(above, below): &(f64, f64)| above.max(*below) <= self.threshold;
        let first = self.capital.iter().position(kept);
        let last = self.capital.iter().rposition(kept);
        match (first, last) {
            (Some(first), Some(last)) => (
                Self::mean(first.saturating_sub(1)),
                Self::mean((last + 1).min(Self::STEPS)),
            ),
            _ => (0.0, 1.0),
        }
    }
}
