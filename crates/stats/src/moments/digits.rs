//! Splitting doubles into signed digits, and exact dot products of digits.
//!
//! Every finite double is written on one absolute scale in radix 2^28 with digits rounded to
//! nearest, most significant first:
//!
//! ```text
//! x = Σ_g d_g · 2^(28 g),     d_g = rne((x − Σ_{h>g} d_h · 2^(28 h)) / 2^(28 g)),     |d_g| ≤ 2^27
//! ```
//!
//! (`rne` rounds to the nearest integer, ties to even). A digit depends on `x` and `g` alone, so
//! leaving out the digits below some `g` of a sum is the same as leaving them out of each row; and
//! `Σ_{h≥g} d_h · 2^(28 h)` is `x` rounded to the nearest multiple of `2^(28 g)`.
//!
//! A window of three digits holds every value whose magnitude is less than `2^(28 (low + 3) − 1)`,
//! where `low` is the window's lowest digit: digits above it are zero. [`lowest_digit`] places the
//! window as low as that bound allows.

use std::ops::Range;

use super::kernel::{Kernel, LANES, Lanes};

/// log2 of the radix.
pub(super) const RADIX_BITS: i32 = 28;
/// Digits kept of each value.
pub(super) const DIGITS: usize = 3;
/// Rows summed in 64 bits before they are added to 128-bit sums. A product of digits is at most
/// 2^54, so a block's sum is at most 2^62.
pub(super) const BLOCK_ROWS: usize = 256;

/// Groups left unused after each plane, so that equal positions of different planes do not
/// compete for the same set of the first-level cache.
const PLANE_PADDING: usize = 2;

/// Least, greatest, and whether every value is finite.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) finite: bool,
}

impl Extent {
    pub(super) const EMPTY: Self = Self {
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        finite: true,
    };

    pub(super) fn of_value(x: f64) -> Self {
        Self {
            min: x,
            max: x,
            finite: x.is_finite(),
        }
    }

    pub(super) fn union(self, other: Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            finite: self.finite && other.finite,
        }
    }

    /// The largest magnitude; 0 when there are no values.
    pub(super) fn magnitude(self) -> f64 {
        // Of two zeros `max` may return the negative one.
        f64::max(0.0, f64::max(-self.min, self.max)).abs()
    }
}

/// The lowest digit kept in a column whose largest magnitude is `magnitude`.
///
/// With `2^e ≤ magnitude < 2^(e+1)` the highest digit is `⌊(e + 1) / 28⌋`, the least `g` with
/// `e + 1 ≤ 28 (g + 1) − 1`. The lowest digit's unit is then at most `2^(e − 55)`, so a kept value
/// is within `2^(e − 56)` of the true one. The result never decreases with `magnitude`; zero is
/// treated like the least subnormal.
pub(super) fn lowest_digit(magnitude: f64) -> i32 {
    let bits = magnitude.to_bits();
    let biased = (bits >> 52) as i32;
    let exponent = if biased == 0 {
        // A subnormal is its bits times 2^-1074.
        -1011 - bits.leading_zeros() as i32
    } else {
        biased - 1023
    };
    (exponent + 1).div_euclid(RADIX_BITS) - (DIGITS as i32 - 1)
}

/// `2^exponent`, for exponents of normal numbers.
pub(super) const fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// The digits of up to [`BLOCK_ROWS`] rows of every column.
///
/// A plane is one digit of one column, in groups of four rows; the last group is filled up with
/// zeros, which add nothing to any sum.
pub(super) struct Block {
    kernel: Kernel,
    groups: usize,
    /// Groups from one plane to the next.
    stride: usize,
    planes: Vec<Lanes>,
    /// The digits of a column outside of which all digits of the block are zero.
    active: Vec<Range<usize>>,
}

impl Block {
    /// Room for blocks of `rows` rows.
    pub(super) fn new(kernel: Kernel, columns: usize, rows: usize) -> Self {
        let stride = rows.min(BLOCK_ROWS).div_ceil(LANES) + PLANE_PADDING;
        Self {
            kernel,
            groups: 0,
            stride,
            planes: vec![[0; LANES]; columns * DIGITS * stride],
            active: vec![0..0; columns],
        }
    }

    /// Takes the digits `low`, `low + 1`, `low + 2` of a column's values, whose magnitudes the
    /// window must hold, and returns their sums. All columns of a block are given the same number
    /// of values.
    pub(super) fn split(&mut self, column: usize, values: &[f64], low: i32) -> [i64; DIGITS] {
        self.groups = values.len().div_ceil(LANES);
        let planes = &mut self.planes[column * DIGITS * self.stride..][..DIGITS * self.stride];
        let (low_plane, planes) = planes.split_at_mut(self.stride);
        let (middle_plane, high_plane) = planes.split_at_mut(self.stride);
        let planes = [low_plane, middle_plane, high_plane];
        // The whole factor 2^(-28 low) may lie outside the range of doubles, its root does not.
        let root = power_of_two(-low * (RADIX_BITS / 2));

        let (groups, rest) = values.as_chunks::<LANES>();
        let (planes, last_groups) = split_each_at(planes, groups.len());
        let mut digits = self.kernel.split(groups, root, planes);
        if !rest.is_empty() {
            let mut last = [0.0; LANES];
            last[..rest.len()].copy_from_slice(rest);
            let more = self.kernel.split(&[last], root, last_groups);
            for digit in 0..DIGITS {
                digits.sums[digit] += more.sums[digit];
                digits.bits[digit] |= more.bits[digit];
            }
        }

        let first = digits.bits.iter().position(|&bits| bits != 0);
        let last = digits.bits.iter().rposition(|&bits| bits != 0);
        self.active[column] = match first.zip(last) {
            Some((first, last)) => first..last + 1,
            None => 0..0,
        };
        digits.sums
    }

    /// Says that all values of a column are zero, instead of taking their digits.
    pub(super) fn zero(&mut self, column: usize) {
        self.active[column] = 0..0;
    }

    /// Adds, for every pair of a digit of column `i` and one of column `j`, the sum over the rows
    /// of their product.
    pub(super) fn add_products(&self, i: usize, j: usize, sums: &mut [[i128; DIGITS]; DIGITS]) {
        match (self.active[i].len(), self.active[j].len()) {
            (1, 1) => self.add_active::<1, 1>(i, j, sums),
            (1, 2) => self.add_active::<1, 2>(i, j, sums),
            (1, 3) => self.add_active::<1, 3>(i, j, sums),
            (2, 1) => self.add_active::<2, 1>(i, j, sums),
            (2, 2) => self.add_active::<2, 2>(i, j, sums),
            (2, 3) => self.add_active::<2, 3>(i, j, sums),
            (3, 1) => self.add_active::<3, 1>(i, j, sums),
            (3, 2) => self.add_active::<3, 2>(i, j, sums),
            (3, 3) => self.add_active::<3, 3>(i, j, sums),
            // All values of a column are zero in this block.
            _ => {}
        }
    }

    fn add_active<const A: usize, const B: usize>(
        &self,
        i: usize,
        j: usize,
        sums: &mut [[i128; DIGITS]; DIGITS],
    ) {
        let (first_i, first_j) = (self.active[i].start, self.active[j].start);
        let dots = self.kernel.dot::<A, B>(
            std::array::from_fn(|a| self.plane(i, first_i + a)),
            std::array::from_fn(|b| self.plane(j, first_j + b)),
        );
        for (sums, dots) in sums[first_i..].iter_mut().zip(dots) {
            for (sum, dot) in sums[first_j..].iter_mut().zip(dots) {
                *sum += i128::from(dot);
            }
        }
    }

    /// The digits of a column outside of which all digits are zero.
    pub(super) fn active(&self, column: usize) -> &Range<usize> {
        &self.active[column]
    }

    /// A digit of a column, filled up with zeros.
    pub(super) fn plane(&self, column: usize, digit: usize) -> &[Lanes] {
        &self.planes[(column * DIGITS + digit) * self.stride..][..self.groups]
    }
}

fn split_each_at(
    planes: [&mut [Lanes]; DIGITS],
    group: usize,
) -> ([&mut [Lanes]; DIGITS], [&mut [Lanes]; DIGITS]) {
    let [(a, rest_a), (b, rest_b), (c, rest_c)] = planes.map(|plane| plane.split_at_mut(group));
    ([a, b, c], [rest_a, rest_b, rest_c])
}
