//! First and second moments of many columns, exact and independent of the order of the rows.
//!
//! # What is computed
//!
//! For `n` rows of columns `x_1, …, x_c`: every sum `Σ x_i`, mean and centred sum of squares, and
//! for the chosen pairs the centred sum of products, or co-moment,
//!
//! ```text
//! C_ij = Σ (x_i − mean x_i) (x_j − mean x_j) = Σ x_i x_j − Σ x_i Σ x_j / n
//! ```
//!
//! # Exactness
//!
//! Rows come from a parallel engine in any order and in chunks of any size, and the same rows must
//! give the same bytes. Rounded additions do not commute, so nothing is rounded while rows are
//! added: a value is a few signed digits in radix 2^28 on one absolute scale, sums of digits and of
//! products of digits are integers, and [`CoMoments::finish`] evaluates `n Σ x_i x_j − Σ x_i Σ x_j`
//! in 256-bit integers before it rounds once to a double. So nothing cancels either: values of
//! 10^9 ± 1 have as good a variance as values of ± 1.
//!
//! Of each column the three digits are kept that reach from its largest magnitude, `M`, down to at
//! most `2^-55 M`. Every value is thereby rounded to the nearest multiple of a unit, with an error
//! of at most `2^-56 M`: an eighth of what rounding `M` to a double may take. Values whose last bit
//! is not below the unit (integers, dyadic fractions, all values of magnitude between `M / 8` and
//! `M`) are exact.
//!
//! **The order cannot matter.** Write `low(M)` for a column's lowest kept digit. (1) A digit of a
//! value depends on the value alone. (2) `low` does not decrease with `M`, so the rows seen so far
//! always have at least the digits `low` of all rows asks for, and any lower digits are dropped
//! from the sums when `low` rises. (3) Digits above the window are zero. Hence after any sequence
//! of pushes and merges the sums are those of the digits `low(M), low(M) + 1, low(M) + 2` of all
//! rows, `M` being the maximum over all of them: a function of the multiset of rows. Integer sums
//! are also the same on every processor, with or without vector instructions.
//!
//! # Cost
//!
//! A product takes 9 integer multiplications a row for two columns of full mantissas, 3 for a
//! flag or small integer (which has one digit) with such a column, and 1 for two flags; splitting
//! a value into its digits costs about as much as two such products. An accumulator takes 144 bytes
//! a product and 80 a column; during a push up to 6 KiB a column more. Every push has a fixed cost
//! for each product, so rows are best pushed by the hundred.
//!
//! # Sources
//!
//! - K. Ozaki, T. Ogita, S. Oishi, S. M. Rump (2012), *Error-free transformations of matrix
//!   multiplication by using fast routines of matrix multiplication and its applications*,
//!   Numerical Algorithms 59: splitting into slices whose products are exact.
//! - J. Demmel, H. D. Nguyen (2015), *Parallel reproducible summation*, IEEE Transactions on
//!   Computers 64(7): bins at absolute exponents make a sum independent of the order.
//! - T. F. Chan, G. H. Golub, R. J. LeVeque (1979), *Updating formulae and a pairwise algorithm for
//!   computing sample variances*, Stanford STAN-CS-79-773: [`Moments::merge`].

mod cells;
mod digits;
mod kernel;
mod summary;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ethnum::I256;

pub use cells::CellMoments;
use digits::{BLOCK_ROWS, Block, DIGITS, Extent, RADIX_BITS, lowest_digit, power_of_two};
use kernel::Kernel;
use summary::ColumnMoments;
pub use summary::Moments;

/// The number of columns, and which pairs of them have a co-moment. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Products {
    columns: usize,
    /// Ascending, the first index of a pair not above the second.
    pairs: Arc<[(usize, usize)]>,
}

impl Products {
    /// Pairs of a column with itself are always wanted; `{i, j}` is if `wanted(i, j)` or
    /// `wanted(j, i)`.
    ///
    /// ```
    /// use stats::moments::Products;
    ///
    /// // Two metrics (0, 1) and one covariate (2): not metric with metric.
    /// let products = Products::new(3, |_, j| j == 2);
    /// assert_eq!(products.pairs(), [(0, 0), (0, 2), (1, 1), (1, 2), (2, 2)]);
    /// ```
    pub fn new(columns: usize, wanted: impl Fn(usize, usize) -> bool) -> Self {
        let pairs = (0..columns)
            .flat_map(|i| (i..columns).map(move |j| (i, j)))
            .filter(|&(i, j)| i == j || wanted(i, j) || wanted(j, i))
            .collect();
        Self { columns, pairs }
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The pairs `(i, j)`, `i ≤ j`, in ascending order.
    pub fn pairs(&self) -> &[(usize, usize)] {
        &self.pairs
    }

    fn position(&self, i: usize, j: usize) -> Option<usize> {
        self.pairs.binary_search(&(i.min(j), i.max(j))).ok()
    }
}

/// Why rows or summaries could not be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MomentsError {
    /// Another number of columns than the products have.
    #[error("expected {expected} columns, found {found}")]
    ColumnCount {
        /// Columns of the [`Products`].
        expected: usize,
        /// Columns given.
        found: usize,
    },
    /// Columns of different lengths.
    #[error("column {column} has {found} rows where column 0 has {expected}")]
    RowCount {
        /// Index of the column.
        column: usize,
        /// Rows of column 0.
        expected: usize,
        /// Rows of this column.
        found: usize,
    },
    /// A NaN or an infinity. Missing values are for the caller to set apart.
    #[error("column {column} has a value that is not a finite number")]
    NotFinite {
        /// Index of the column.
        column: usize,
    },
    /// A centred sum of squares below zero.
    #[error("column {column} has a negative variance")]
    NegativeVariance {
        /// Index of the column.
        column: usize,
    },
    /// The two summaries do not have the same columns and pairs.
    #[error("summaries of different products cannot be merged")]
    DifferentProducts,
    /// A cell that [`CellMoments`] does not have.
    #[error("there is no cell {cell}")]
    NoSuchCell {
        /// Its place, from 0.
        cell: usize,
    },
    /// More rows than [`CoMoments::MAX_ROWS`].
    #[error("more than 2^40 rows")]
    TooManyRows,
}

/// Accumulates rows; see the [module](self) for what is exact about it.
///
/// ```
/// use stats::moments::{CoMoments, Products};
///
/// let products = Products::new(2, |_, _| true);
/// let mut left = CoMoments::new(&products);
/// left.push(&[&[1.0, 2.0], &[10.0, 20.0]])?;
/// let mut right = CoMoments::new(&products);
/// right.push(&[&[6.0], &[30.0]])?;
/// left.merge(&right)?;
///
/// let moments = left.finish();
/// assert_eq!(moments.rows(), 3);
/// assert_eq!(moments.mean(0), 3.0);
/// assert_eq!(moments.variance(0), 7.0);
/// assert_eq!(moments.covariance(0, 1), Some(25.0));
/// # Ok::<(), stats::moments::MomentsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CoMoments {
    products: Products,
    kernel: Kernel,
    rows: u64,
    columns: Vec<ColumnSums>,
    /// For each pair `(i, j)` the sums of the products of a digit of `i` and a digit of `j`.
    product_sums: Vec<[[i128; DIGITS]; DIGITS]>,
}

#[derive(Clone, Debug)]
struct ColumnSums {
    /// The lowest digit kept; what [`lowest_digit`] says of `extent`.
    low: i32,
    extent: Extent,
    /// Sums of the digits, the lowest first.
    sums: [i128; DIGITS],
}

impl CoMoments {
    /// The largest number of rows. It keeps `n Σ x_i x_j`, below `2^(166 + 2 · 40)` units, within
    /// 256 bits and sums of digits within 128.
    pub const MAX_ROWS: u64 = 1 << 40;

    /// No rows yet.
    pub fn new(products: &Products) -> Self {
        let empty = ColumnSums {
            low: lowest_digit(Extent::EMPTY.magnitude()),
            extent: Extent::EMPTY,
            sums: [0; DIGITS],
        };
        Self {
            products: products.clone(),
            kernel: Kernel::detect(),
            rows: 0,
            columns: vec![empty; products.columns()],
            product_sums: vec![[[0; DIGITS]; DIGITS]; products.pairs().len()],
        }
    }

    /// The number of rows added.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds rows, given as one slice a column, all of the same length.
    ///
    /// # Errors
    ///
    /// [`MomentsError::ColumnCount`], [`MomentsError::RowCount`], [`MomentsError::NotFinite`] or
    /// [`MomentsError::TooManyRows`]; then no row has been added.
    pub fn push(&mut self, columns: &[&[f64]]) -> Result<(), MomentsError> {
        let expected = self.columns.len();
        let found = columns.len();
        if found != expected {
            return Err(MomentsError::ColumnCount { expected, found });
        }
        let rows = columns.first().map_or(0, |values| values.len());
        let total = added(self.rows, rows as u64)?;
        let mut extents = Vec::with_capacity(columns.len());
        for (column, values) in columns.iter().enumerate() {
            if values.len() != rows {
                return Err(MomentsError::RowCount {
                    column,
                    expected: rows,
                    found: values.len(),
                });
            }
            let extent = self.kernel.extent(values);
            if !extent.finite {
                return Err(MomentsError::NotFinite { column });
            }
            extents.push(extent);
        }

        self.rows = total;
        for (column, extent) in extents.iter().enumerate() {
            self.widen(column, *extent);
        }
        let mut block = Block::new(self.kernel, columns.len(), rows);
        for start in (0..rows).step_by(BLOCK_ROWS) {
            let end = rows.min(start + BLOCK_ROWS);
            for (column, values) in columns.iter().enumerate() {
                if extents[column].magnitude() == 0.0 {
                    block.zero(column);
                    continue;
                }
                let state = &mut self.columns[column];
                let sums = block.split(column, &values[start..end], state.low);
                for (total, sum) in state.sums.iter_mut().zip(sums) {
                    *total += i128::from(sum);
                }
            }
            for (sums, &(i, j)) in self.product_sums.iter_mut().zip(self.products.pairs()) {
                block.add_products(i, j, sums);
            }
        }
        Ok(())
    }

    /// Adds the rows of another accumulator of the same products.
    ///
    /// # Errors
    ///
    /// [`MomentsError::DifferentProducts`] or [`MomentsError::TooManyRows`]; then nothing has been
    /// added.
    pub fn merge(&mut self, other: &Self) -> Result<(), MomentsError> {
        if self.products != other.products {
            return Err(MomentsError::DifferentProducts);
        }
        self.rows = added(self.rows, other.rows)?;
        // Both are brought to the same windows: this one where `other` has larger values, a copy
        // of `other` where this one has.
        let mut other = other.clone();
        for column in 0..self.columns.len() {
            let (own, others) = (self.columns[column].extent, other.columns[column].extent);
            self.widen(column, others);
            other.widen(column, own);
        }
        for (own, others) in self.columns.iter_mut().zip(&other.columns) {
            for (own, other) in own.sums.iter_mut().zip(others.sums) {
                *own += other;
            }
        }
        for (own, others) in self.product_sums.iter_mut().zip(&other.product_sums) {
            for (own, others) in own.iter_mut().zip(others) {
                for (own, other) in own.iter_mut().zip(others) {
                    *own += other;
                }
            }
        }
        Ok(())
    }

    /// Lets a column take values of this extent: raises its lowest digit if they ask for it, and
    /// drops the digits below from all sums.
    fn widen(&mut self, column: usize, extent: Extent) {
        let state = &mut self.columns[column];
        state.extent = state.extent.union(extent);
        let low = lowest_digit(state.extent.magnitude());
        let dropped = low.abs_diff(state.low) as usize;
        if dropped == 0 {
            return;
        }
        state.low = low;
        state.sums = drop_lowest(state.sums, dropped);
        for (sums, &(i, j)) in self.product_sums.iter_mut().zip(self.products.pairs()) {
            if i == column {
                *sums = drop_lowest(*sums, dropped);
            }
            if j == column {
                *sums = sums.map(|row| drop_lowest(row, dropped));
            }
        }
    }

    /// The moments of all rows added so far.
    ///
    /// Each `Σ x_i` and `n C_ij` is rounded once to a double, and once more when it is divided by
    /// the number of rows: sums are correctly rounded, means and co-moments within one unit in the
    /// last place. What exceeds the range of doubles is an infinity. Zeros are positive.
    pub fn finish(&self) -> Moments {
        self.finish_without_zeros(0)
    }

    /// The moments without some rows that are zero in all columns: rows whose values are missing
    /// may be pushed as zeros, which add to no sum, and be taken back here. The least and greatest
    /// values keep the zeros.
    pub fn finish_without_zeros(&self, zeros: u64) -> Moments {
        let count = self.rows.saturating_sub(zeros);
        if count == 0 {
            return Moments::empty(&self.products);
        }
        let rows = count as f64;
        let columns = self.columns.iter().map(|column| {
            let sum = nearest(evaluate(column.sums));
            let exponent = RADIX_BITS * column.low;
            ColumnMoments {
                sum: scaled(sum, exponent),
                mean: scaled(sum / rows, exponent),
                // Adding zero makes a negative zero positive.
                extent: Some((column.extent.min + 0.0, column.extent.max + 0.0)),
            }
        });
        let pairs = self.product_sums.iter().zip(self.products.pairs());
        let comoments = pairs.map(|(sums, &(i, j))| {
            let (left, right) = (&self.columns[i], &self.columns[j]);
            let products = horner(sums.iter().map(|&row| evaluate(row)));
            let centred = I256::from(count) * products - evaluate(left.sums) * evaluate(right.sums);
            scaled(nearest(centred) / rows, RADIX_BITS * (left.low + right.low))
        });
        Moments::new(
            &self.products,
            count,
            columns.collect(),
            comoments.collect(),
        )
    }
}

fn added(rows: u64, more: u64) -> Result<u64, MomentsError> {
    rows.checked_add(more)
        .filter(|&total| total <= CoMoments::MAX_ROWS)
        .ok_or(MomentsError::TooManyRows)
}

fn drop_lowest<T: Default>(digits: [T; DIGITS], count: usize) -> [T; DIGITS] {
    let mut kept = digits.into_iter().skip(count);
    std::array::from_fn(|_| kept.next().unwrap_or_default())
}

/// The integer whose digits these are, each being the sum of a digit over all rows.
fn evaluate(sums: [i128; DIGITS]) -> I256 {
    horner(sums.into_iter().map(I256::from))
}

/// `Σ coefficients[d] · 2^(28 d)`.
fn horner(coefficients: impl DoubleEndedIterator<Item = I256>) -> I256 {
    coefficients
        .rev()
        .fold(I256::ZERO, |high, low| (high << RADIX_BITS) + low)
}

/// The nearest double, ties to even.
fn nearest(value: I256) -> f64 {
    let magnitude = value.unsigned_abs();
    let shift = 128_u32.saturating_sub(magnitude.leading_zeros());
    let head = magnitude >> shift;
    // A shifted head has 128 significant bits; its last one may stand for all bits below it.
    let inexact = head << shift != magnitude;
    let head = head.as_u128() | u128::from(inexact);
    let rounded = head as f64 * power_of_two(shift as i32);
    if value.is_negative() {
        -rounded
    } else {
        rounded
    }
}

/// `value · 2^exponent`; a zero is positive.
fn scaled(value: f64, exponent: i32) -> f64 {
    const STEP: i32 = 1000;
    let mut value = value;
    let mut left = exponent;
    while left != 0 {
        let step = left.clamp(-STEP, STEP);
        value *= power_of_two(step);
        left -= step;
    }
    value + 0.0
}
