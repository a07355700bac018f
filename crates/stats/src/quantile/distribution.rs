//! An ordered sample as the number of values up to each.

/// Values of a sample that lie together: one distinct value (`low = high`), or a bucket
/// of which only the bounds are known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Least value it can hold.
    pub low: f64,
    /// Greatest value it can hold.
    pub high: f64,
    /// Values of the sample before it.
    pub below: u64,
    /// Values of the sample up to and with it.
    pub upto: u64,
}

impl Step {
    /// The value in the middle of what it can hold.
    pub fn middle(&self) -> f64 {
        if self.low == self.high {
            self.low
        } else {
            self.low + 0.5 * (self.high - self.low)
        }
    }
}

/// A quantile of a sample with what is certain of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    /// The quantile; from buckets, between the middles of its buckets.
    pub value: f64,
    /// The quantile of the exact values is not below this.
    pub low: f64,
    /// The quantile of the exact values is not above this.
    pub high: f64,
}

/// The empirical distribution of a sample: its distinct values or buckets, ascending,
/// with cumulative counts.
///
/// From a [`Histogram`](super::Histogram), or exact [from all values](Self::of).
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    steps: Vec<Step>,
}

impl Distribution {
    /// From `(low, high, count)` ascending and apart.
    pub(super) fn new(counts: impl Iterator<Item = (f64, f64, u64)>) -> Self {
        let mut upto = 0u64;
        let steps = counts.map(|(low, high, count)| {
            let below = upto;
            upto = upto.saturating_add(count);
            Step {
                low,
                high,
                below,
                upto,
            }
        });
        Distribution {
            steps: steps.collect(),
        }
    }

    /// The exact distribution of values held in memory; NaN is left out.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values = values.into_iter().filter(|x| !x.is_nan());
        let mut values: Vec<f64> = values.map(|x| x + 0.0).collect();
        values.sort_unstable_by(f64::total_cmp);
        let runs = values.chunk_by(|a, b| a == b);
        Self::new(runs.map(|run| (run[0], run[0], run.len() as u64)))
    }

    /// Values in the sample.
    pub fn count(&self) -> u64 {
        self.steps.last().map_or(0, |step| step.upto)
    }

    /// The distinct values or buckets, ascending.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The sample without its zeros. A bucket never holds zero beside other values.
    pub fn without_zeros(&self) -> Self {
        let rest = self.steps.iter().filter(|s| s.low != 0.0 || s.high != 0.0);
        Self::new(rest.map(|s| (s.low, s.high, s.upto - s.below)))
    }

    /// The quantile at a level in `[0, 1]`: linear between the order statistics around
    /// the rank `1 + (n - 1) level`, which is type 7 of R. J. Hyndman and Y. Fan, "Sample
    /// quantiles in statistical packages", American Statistician 50 (1996), the default
    /// of R and numpy. `None` without values or outside those levels.
    pub fn quantile(&self, level: f64) -> Option<Quantile> {
        let n = self.count();
        if n == 0 || !(0.0..=1.0).contains(&level) {
            return None;
        }
        let rank = (n - 1) as f64 * level;
        let lower = self.order_statistic(rank.floor() as u64)?;
        let upper = self.order_statistic((rank.floor() as u64 + 1).min(n - 1))?;
        let share = rank - rank.floor();
        // Each term rises with its value, so that bounds stay bounds after rounding.
        let between = |from: f64, to: f64| {
            if from == to || share == 0.0 {
                from
            } else {
                from * (1.0 - share) + to * share
            }
        };
        Some(Quantile {
            value: between(lower.middle(), upper.middle()),
            low: between(lower.low, upper.low),
            high: between(lower.high, upper.high),
        })
    }

    /// The step that holds the value with so many others before it.
    pub(crate) fn order_statistic(&self, before: u64) -> Option<&Step> {
        let at = self.steps.partition_point(|step| step.upto <= before);
        self.steps.get(at)
    }

    /// Values surely below `low`, and values up to `high` counted generously.
    pub(crate) fn ranks_of(&self, low: f64, high: f64) -> (u64, u64) {
        let upto = |at: usize| at.checked_sub(1).map_or(0, |at| self.steps[at].upto);
        let below = self.steps.partition_point(|step| step.high < low);
        let with = self.steps.partition_point(|step| step.low <= high);
        (upto(below), upto(with))
    }
}
