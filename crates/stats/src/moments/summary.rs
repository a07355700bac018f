//! Moments as values: read, built from given numbers, merged.

use super::{MomentsError, Products};

/// Number of rows, sums, means and co-moments.
///
/// A function of a column panics, as an index does, if there is no such column.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    products: Products,
    rows: u64,
    columns: Vec<ColumnMoments>,
    /// In the order of the pairs of `products`.
    comoments: Vec<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ColumnMoments {
    pub(super) sum: f64,
    pub(super) mean: f64,
    /// Least and greatest value.
    pub(super) extent: Option<(f64, f64)>,
}

impl Moments {
    pub(super) fn new(
        products: &Products,
        rows: u64,
        columns: Vec<ColumnMoments>,
        comoments: Vec<f64>,
    ) -> Self {
        Self {
            products: products.clone(),
            rows,
            columns,
            comoments,
        }
    }

    /// The moments of no rows.
    pub(super) fn empty(products: &Products) -> Self {
        let column = ColumnMoments {
            sum: 0.0,
            mean: f64::NAN,
            extent: None,
        };
        let columns = vec![column; products.columns()];
        Self::new(products, 0, columns, vec![0.0; products.pairs().len()])
    }

    /// Moments computed elsewhere: one mean a column, and the co-moment `C_ij` (a sum of centred
    /// products, not a covariance) of each pair of `products`, asked for with `i ≤ j`. Without
    /// rows, neither is looked at.
    ///
    /// # Errors
    ///
    /// [`MomentsError::ColumnCount`]; [`MomentsError::NotFinite`], which names column `j` for the
    /// pair `(i, j)`; [`MomentsError::NegativeVariance`].
    pub fn from_parts(
        products: &Products,
        rows: u64,
        means: &[f64],
        comoment: impl Fn(usize, usize) -> f64,
    ) -> Result<Self, MomentsError> {
        let (expected, found) = (products.columns(), means.len());
        if expected != found {
            return Err(MomentsError::ColumnCount { expected, found });
        }
        if rows == 0 {
            return Ok(Self::empty(products));
        }
        let mut columns = Vec::with_capacity(expected);
        for (column, &mean) in means.iter().enumerate() {
            if !mean.is_finite() {
                return Err(MomentsError::NotFinite { column });
            }
            columns.push(ColumnMoments {
                sum: mean * rows as f64 + 0.0,
                mean: mean + 0.0,
                extent: None,
            });
        }
        let mut comoments = Vec::with_capacity(products.pairs().len());
        for &(i, j) in products.pairs() {
            let value = comoment(i, j) + 0.0;
            if !value.is_finite() {
                return Err(MomentsError::NotFinite { column: j });
            }
            if i == j && value < 0.0 {
                return Err(MomentsError::NegativeVariance { column: i });
            }
            comoments.push(value);
        }
        Ok(Self::new(products, rows, columns, comoments))
    }

    /// The columns and pairs these are moments of.
    pub fn products(&self) -> &Products {
        &self.products
    }

    /// The number of rows, `n`.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// `Σ x_i`; 0 without rows.
    pub fn sum(&self, i: usize) -> f64 {
        self.columns[i].sum
    }

    /// `Σ x_i / n`; NaN without rows.
    pub fn mean(&self, i: usize) -> f64 {
        self.columns[i].mean
    }

    /// The least value of column `i`, if there are rows and it is known: moments
    /// [from parts](Self::from_parts) do not have it.
    pub fn min(&self, i: usize) -> Option<f64> {
        self.columns[i].extent.map(|(min, _)| min)
    }

    /// The greatest value of column `i`, if there are rows and it is known.
    pub fn max(&self, i: usize) -> Option<f64> {
        self.columns[i].extent.map(|(_, max)| max)
    }

    /// `C_ij = Σ (x_i − mean x_i) (x_j − mean x_j)`, the same as `C_ji`; 0 without rows; `None` if
    /// the pair is not among the products.
    pub fn comoment(&self, i: usize, j: usize) -> Option<f64> {
        let position = self.products.position(i, j)?;
        Some(self.comoments[position])
    }

    /// The unbiased variance, `C_ii / (n − 1)`; NaN with fewer than two rows.
    pub fn variance(&self, i: usize) -> f64 {
        assert!(i < self.columns.len(), "no column {i}");
        self.covariance(i, i).unwrap_or(f64::NAN)
    }

    /// The unbiased covariance, `C_ij / (n − 1)`; NaN with fewer than two rows; `None` if the pair
    /// is not among the products.
    pub fn covariance(&self, i: usize, j: usize) -> Option<f64> {
        let comoment = self.comoment(i, j)?;
        Some(match self.rows {
            0 | 1 => f64::NAN,
            rows => comoment / (rows - 1) as f64,
        })
    }

    /// Adds the moments of other rows (Chan, Golub, LeVeque 1979):
    ///
    /// ```text
    /// C = C_a + C_b + δ_i δ_j n_a n_b / n,    δ = mean_b − mean_a,    mean = mean_a + δ n_b / n
    /// ```
    ///
    /// This rounds: in another order the last bits may differ. Where all rows pass through
    /// [`CoMoments`](super::CoMoments), merge those.
    ///
    /// # Errors
    ///
    /// [`MomentsError::DifferentProducts`], [`MomentsError::TooManyRows`].
    pub fn merge(&mut self, other: &Self) -> Result<(), MomentsError> {
        if self.products != other.products {
            return Err(MomentsError::DifferentProducts);
        }
        let total = super::added(self.rows, other.rows)?;
        if other.rows == 0 {
            return Ok(());
        }
        if self.rows == 0 {
            self.clone_from(other);
            return Ok(());
        }
        let share = other.rows as f64 / total as f64;
        let weight = self.rows as f64 * share;
        let pairs = self.products.pairs().iter();
        for ((comoment, &(i, j)), others) in
            self.comoments.iter_mut().zip(pairs).zip(&other.comoments)
        {
            let delta = |column: usize| other.columns[column].mean - self.columns[column].mean;
            *comoment += others + delta(i) * delta(j) * weight;
        }
        for (own, others) in self.columns.iter_mut().zip(&other.columns) {
            own.mean += (others.mean - own.mean) * share;
            own.sum += others.sum;
            own.extent =
                own.extent
                    .zip(others.extent)
                    .map(|((min, max), (other_min, other_max))| {
                        (min.min(other_min), max.max(other_max))
                    });
        }
        self.rows = total;
        Ok(())
    }
}
