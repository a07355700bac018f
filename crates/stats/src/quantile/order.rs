//! Exact values inside a few buckets.

use std::collections::BTreeMap;

use super::histogram::BucketRange;

/// The distinct values inside some buckets, with their counts: the second pass.
///
/// Values elsewhere are ignored, so that every row can be offered. As a
/// [`Histogram`](super::Histogram) it does not depend on order, chunks and merges. It
/// holds each distinct value once: at most as many as the histogram
/// [counts](super::Histogram::count_in) in the buckets, far fewer for prices.
///
/// ```
/// use stats::quantile::{Histogram, OrderStatistics};
///
/// let values = [3.0, 3.01, 3.02, 3.03, 900.0];
/// let histogram: Histogram = values.into_iter().collect();
/// let buckets = histogram.buckets_near(0.5, 0.5, 1.0, 0.0)?.unwrap();
/// let mut second = OrderStatistics::new(buckets);
/// second.extend(values);
/// let distribution = histogram.refined(&[second])?;
/// assert_eq!(distribution.quantile(0.5).unwrap().value, 3.02);
/// # Ok::<(), stats::quantile::QuantileError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderStatistics {
    range: BucketRange,
    /// Counts by value, as integers in the order of the values.
    counts: BTreeMap<i64, u64>,
}

impl OrderStatistics {
    /// Nothing seen yet of these buckets.
    pub fn new(range: BucketRange) -> Self {
        OrderStatistics {
            range,
            counts: BTreeMap::new(),
        }
    }

    /// The buckets looked into.
    pub fn range(&self) -> BucketRange {
        self.range
    }

    /// Counts a value if it lies in the buckets.
    pub fn insert(&mut self, x: f64) {
        if self.range.contains(x) {
            let count = self.counts.entry(ordered(x)).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Adds what was seen elsewhere of the same buckets; of other buckets, what lies in
    /// these.
    pub fn merge(&mut self, other: &Self) {
        for (&key, &more) in &other.counts {
            if self.range.contains(value(key)) {
                let count = self.counts.entry(key).or_default();
                *count = count.saturating_add(more);
            }
        }
    }

    /// Values counted.
    pub fn count(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The distinct values with their counts, ascending.
    pub fn values(&self) -> impl Iterator<Item = (f64, u64)> {
        self.counts.iter().map(|(&key, &count)| (value(key), count))
    }
}

impl Extend<f64> for OrderStatistics {
    fn extend<T: IntoIterator<Item = f64>>(&mut self, values: T) {
        values.into_iter().for_each(|x| self.insert(x));
    }
}

/// A double as an integer that is ordered as the doubles are; both zeros are one.
fn ordered(x: f64) -> i64 {
    let bits = (x + 0.0).to_bits() as i64;
    if bits < 0 { !bits ^ i64::MIN } else { bits }
}

/// The double of [`ordered`].
fn value(key: i64) -> f64 {
    let bits = if key < 0 { !(key ^ i64::MIN) } else { key };
    f64::from_bits(bits as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_as_values() {
        let values = [f64::NEG_INFINITY, -2.5, -1e-300, 0.0, 1e-300, 3.0];
        for pair in values.windows(2) {
            assert!(ordered(pair[0]) < ordered(pair[1]));
        }
        for x in values {
            assert_eq!(value(ordered(x)), x);
        }
        assert_eq!(ordered(-0.0), ordered(0.0));
    }
}
