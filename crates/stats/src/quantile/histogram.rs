//! Counts of values in fixed buckets.

use std::ops::RangeInclusive;

use super::distribution::Distribution;
use super::inversion::Ranks;
use super::order::OrderStatistics;
use super::{QuantileError, check_level};
use crate::error::check_alpha;
use crate::tail;

/// Bits of the mantissa that tell buckets apart: a power of two has 2^7 buckets.
const MANTISSA_BITS: u32 = 7;

/// Bits of a double below those.
const SHIFT: u32 = f64::MANTISSA_DIGITS - 1 - MANTISSA_BITS;

/// Buckets of one power of two.
const PAGE: usize = 1 << MANTISSA_BITS;

/// The bucket of a value: 0 holds zero alone, and from there outwards they are numbered
/// up for positive and down for negative values.
pub(super) fn bucket(x: f64) -> i32 {
    if x == 0.0 {
        return 0;
    }
    let outwards = (x.abs().to_bits() >> SHIFT) as i32 + 1;
    if x > 0.0 { outwards } else { -outwards }
}

/// The least and the greatest double in a bucket.
fn bounds(bucket: i32) -> (f64, f64) {
    if bucket == 0 {
        return (0.0, 0.0);
    }
    let outwards = u64::from(bucket.unsigned_abs());
    let inner = f64::from_bits(((outwards - 1) << SHIFT).max(1));
    let outer = if inner.is_infinite() {
        inner
    } else {
        f64::from_bits((outwards << SHIFT) - 1)
    };
    if bucket > 0 {
        (inner, outer)
    } else {
        (-outer, -inner)
    }
}

/// Neighbouring buckets of a [`Histogram`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketRange {
    pub(super) first: i32,
    pub(super) last: i32,
}

impl BucketRange {
    /// The least and the greatest value in the buckets: a second pass wants the values
    /// `low <= x <= high`.
    pub fn bounds(&self) -> (f64, f64) {
        (bounds(self.first).0, bounds(self.last).1)
    }

    /// Whether a value lies in the buckets.
    pub fn contains(&self, x: f64) -> bool {
        !x.is_nan() && self.buckets().contains(&bucket(x))
    }

    pub(super) fn buckets(&self) -> RangeInclusive<i32> {
        self.first..=self.last
    }
}

/// How many values lie in each of a fixed set of buckets.
///
/// A bucket holds the doubles that share their sign, their exponent and the first 7 bits
/// of their mantissa, so it is at most `2^-7` of its values wide, and its middle is
/// within `2^-8` (0.4 %) of each. Zero has a bucket of its own, and so have the
/// infinities; values below `2^-1022` in size are apart by `2^-1029` instead. NaN is no
/// value: it is counted as [missing](Self::missing).
///
/// The edges do not depend on the data and the counts are integers, so a histogram is a
/// function of the multiset of its values: the same for any order, chunks and merges.
/// (The log-linear histogram with one fixed resolution is that of G. Tene's
/// HdrHistogram.)
///
/// It takes 1 KiB for each power of two among the values and their signs, some 30 KiB for
/// money, and never more than 4 MiB.
///
/// ```
/// use stats::quantile::Histogram;
///
/// let mut left: Histogram = [1.0, 2.0, -3.5].into_iter().collect();
/// let right: Histogram = [0.0, f64::NAN, 2.0].into_iter().collect();
/// left.merge(&right);
/// assert_eq!((left.count(), left.missing()), (5, 1));
/// let median = left.distribution().quantile(0.5).unwrap();
/// assert!(median.low <= 1.0 && 1.0 <= median.high);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Counts of the powers of two from the least to the greatest seen, those between them
    /// that hold nothing being absent.
    pages: Vec<Option<Box<[u64; PAGE]>>>,
    /// The first of them: `bucket >> MANTISSA_BITS`.
    first: i32,
    count: u64,
    missing: u64,
}

impl Histogram {
    /// No values yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a value; NaN as missing.
    pub fn insert(&mut self, x: f64) {
        self.insert_many(x, 1);
    }

    /// Counts a value several times.
    pub fn insert_many(&mut self, x: f64, times: u64) {
        if x.is_nan() {
            self.missing = self.missing.saturating_add(times);
            return;
        }
        if times == 0 {
            return;
        }
        let bucket = bucket(x);
        self.count = self.count.saturating_add(times);
        let slot = &mut self.page(bucket >> MANTISSA_BITS)[bucket as usize % PAGE];
        *slot = slot.saturating_add(times);
    }

    /// The counts of a power of two, of zeros if it was not seen.
    fn page(&mut self, page: i32) -> &mut [u64; PAGE] {
        if self.pages.is_empty() {
            self.first = page;
        }
        if page < self.first {
            let more = (self.first - page) as usize;
            self.pages.splice(0..0, (0..more).map(|_| None));
            self.first = page;
        }
        let at = (page - self.first) as usize;
        if at >= self.pages.len() {
            self.pages.resize_with(at + 1, || None);
        }
        self.pages[at].get_or_insert_with(|| Box::new([0; PAGE]))
    }

    /// The powers of two seen, with their counts.
    fn pages(&self) -> impl Iterator<Item = (i32, &[u64; PAGE])> {
        let pages = (self.first..).zip(&self.pages);
        pages.filter_map(|(at, page)| Some((at, page.as_deref()?)))
    }

    /// Adds the values of another histogram.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.missing = self.missing.saturating_add(other.missing);
        for (at, others) in other.pages() {
            for (slot, more) in self.page(at).iter_mut().zip(others) {
                *slot = slot.saturating_add(*more);
            }
        }
    }

    /// Values counted, without the missing.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Values that were NaN.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Values in some buckets: what a second pass will find there.
    pub fn count_in(&self, range: BucketRange) -> u64 {
        let buckets = self.buckets();
        let inside = buckets.filter(|(bucket, _)| range.buckets().contains(bucket));
        inside.map(|(_, count)| count).sum()
    }

    /// Buckets with their counts, ascending, without the empty ones.
    fn buckets(&self) -> impl Iterator<Item = (i32, u64)> {
        self.pages().flat_map(|(page, counts)| {
            let first = page << MANTISSA_BITS;
            let counts = counts.iter().enumerate();
            let counts = counts.map(move |(slot, &count)| (first + slot as i32, count));
            counts.filter(|&(_, count)| count > 0)
        })
    }

    /// The values as far as the buckets tell them.
    pub fn distribution(&self) -> Distribution {
        Distribution::new(self.buckets().map(|(bucket, count)| {
            let (low, high) = bounds(bucket);
            (low, high, count)
        }))
    }

    /// The values: exact in the buckets that a second pass has looked into, as far as the
    /// buckets tell them elsewhere.
    ///
    /// # Errors
    ///
    /// [`QuantileError::PassesDiffer`] when a second pass did not find as many values as
    /// the histogram has in its buckets.
    pub fn refined(&self, passes: &[OrderStatistics]) -> Result<Distribution, QuantileError> {
        for pass in passes {
            let (expected, found) = (self.count_in(pass.range()), pass.count());
            if expected != found {
                return Err(QuantileError::PassesDiffer { expected, found });
            }
        }
        let seen = |bucket: &i32| {
            let mut passes = passes.iter();
            passes.any(|pass| pass.range().buckets().contains(bucket))
        };
        let coarse = self.buckets().filter(|(bucket, _)| !seen(bucket));
        let mut steps: Vec<(f64, f64, u64)> = coarse
            .map(|(bucket, count)| {
                let (low, high) = bounds(bucket);
                (low, high, count)
            })
            .collect();
        for pass in passes {
            steps.extend(pass.values().map(|(value, count)| (value, value, count)));
        }
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Passes over the same buckets name the same values.
        steps.dedup_by(|a, b| a.0 == b.0);
        Ok(Distribution::new(steps.into_iter()))
    }

    /// The buckets that hold every rank which the interval of a quantile at confidence
    /// `1 - alpha` can need, to look into by a second pass.
    ///
    /// `design_effect` is 1 for values of independent customers, and for clustered events
    /// the factor by which clusters widen the variance
    /// ([`design_effect`](super::ClusterIndicator::design_effect)); one too large only asks
    /// for more buckets. `margin` is added to the levels on either
    /// side: 0 except for adjusted quantiles, whose level moves by the adjustment. `None`
    /// without values.
    /// # Errors
    ///
    /// A level, an `alpha` or a design effect that is none.
    pub fn buckets_near(
        &self,
        level: f64,
        alpha: f64,
        design_effect: f64,
        margin: f64,
    ) -> Result<Option<BucketRange>, QuantileError> {
        check_level(level)?;
        check_alpha(alpha)?;
        crate::error::check_df(design_effect)?;
        crate::error::check_variance("margin", margin)?;
        let distribution = self.distribution();
        let critical = tail::student_t_critical(alpha, f64::INFINITY);
        let window = |level: f64| {
            let ranks = Ranks::new(&distribution, level, self.count as f64 / design_effect);
            ranks.within(critical)
        };
        let low = window((level - margin).max(f64::MIN_POSITIVE));
        let high = window((level + margin).min(1.0f64.next_down()));
        let steps = distribution.steps();
        let ends = steps.get(low.start).zip(steps.get(high.end.max(1) - 1));
        Ok(ends.map(|(first, last)| BucketRange {
            first: bucket(first.low),
            last: bucket(last.high),
        }))
    }
}

impl Extend<f64> for Histogram {
    fn extend<T: IntoIterator<Item = f64>>(&mut self, values: T) {
        values.into_iter().for_each(|x| self.insert(x));
    }
}

impl FromIterator<f64> for Histogram {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut histogram = Histogram::new();
        histogram.extend(values);
        histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_tile_the_doubles() {
        let mut previous = f64::NEG_INFINITY;
        let last = bucket(f64::INFINITY);
        for at in bucket(f64::NEG_INFINITY) + 1..=last {
            let (low, high) = bounds(at);
            assert_eq!(previous.next_up(), low, "{at}");
            assert!(low <= high);
            assert_eq!((bucket(low), bucket(high)), (at, at));
            let size = low.abs().min(high.abs());
            if size >= f64::MIN_POSITIVE && size.is_finite() {
                assert!((high - low) / size < 1.0 / 128.0);
            }
            previous = high;
        }
        assert_eq!(previous, f64::INFINITY);
        assert_eq!(bucket(-0.0), bucket(0.0));
    }
}
