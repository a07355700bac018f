//! Least squares row by row, with standard errors that allow for unequal noise.

use crate::cholesky::dot;

/// How the noise of a regression is taken to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    /// As large in every row: the residual variance with `n - p` degrees of freedom.
    Equal,
    /// Of its own size in every row: each row's squared residual, after H. White,
    /// Econometrica 48 (1980).
    Hc0,
    /// [`Noise::Hc0`] times `n / (n - p)`.
    Hc1,
    /// Each squared residual over `1 - h`, with `h` the row's leverage: unbiased when
    /// the noise is in truth equal, and for two arms without covariates Welch's
    /// variance (J. G. MacKinnon and H. White, Journal of Econometrics 29, 1985).
    Hc2,
    /// Each squared residual over `(1 - h)^2`: close to the jackknife.
    Hc3,
}

/// Whether both arms of a regression share their covariates' slopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slopes {
    /// One slope a covariate: the analysis of covariance (ANCOVA).
    Common,
    /// A slope for each arm, by an interaction of treatment and centred covariate
    /// (W. Lin, Annals of Applied Statistics 7, 2013).
    PerArm,
}

/// Why a regression has no coefficients.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RegressionError {
    /// A column does not have as many rows as the outcome.
    #[error("column {column} has {found} rows, the outcome has {expected}")]
    RowCount {
        /// The column.
        column: usize,
        /// Rows of the outcome.
        expected: usize,
        /// Rows of the column.
        found: usize,
    },
    /// No more rows than columns, so that nothing is left to tell the noise.
    #[error("{rows} rows are too few for {columns} columns")]
    TooFewRows {
        /// Rows given.
        rows: usize,
        /// Columns given.
        columns: usize,
    },
    /// The outcome has a value that is infinite or not a number.
    #[error("the outcome has a value that is not finite")]
    OutcomeNotFinite,
    /// A column has a value that is infinite or not a number.
    #[error("column {column} has a value that is not finite")]
    NotFinite {
        /// The column.
        column: usize,
    },
    /// A column is a combination of those before it.
    #[error("column {column} is determined by the columns before it")]
    Collinear {
        /// The column.
        column: usize,
    },
}

/// A least-squares fit of an outcome by `p` columns over `n` rows.
#[derive(Debug, Clone, PartialEq)]
pub struct LeastSquares {
    /// Coefficients of the columns.
    pub coefficients: Vec<f64>,
    /// Outcome minus fit, row by row.
    pub residuals: Vec<f64>,
    /// Leverage of each row: how far its own outcome moves its fit.
    pub leverages: Vec<f64>,
    /// Orthonormal columns that span the given ones.
    orthonormal: Vec<Vec<f64>>,
    /// The upper triangle R of `X = Q R`, column by column.
    triangle: Vec<Vec<f64>>,
}

impl LeastSquares {
    /// Fits by orthogonalising the columns in their order, twice over, which leaves
    /// them orthogonal to rounding (W. Hoffmann, Computing 41, 1989). An intercept is
    /// a column of ones.
    ///
    /// # Errors
    ///
    /// Columns of different lengths, of values not finite, as many as rows, or
    /// dependent.
    pub fn new(outcome: &[f64], columns: &[&[f64]]) -> Result<Self, RegressionError> {
        let rows = outcome.len();
        if rows <= columns.len() {
            let columns = columns.len();
            return Err(RegressionError::TooFewRows { rows, columns });
        }
        if !outcome.iter().all(|y| y.is_finite()) {
            return Err(RegressionError::OutcomeNotFinite);
        }
        let mut orthonormal: Vec<Vec<f64>> = Vec::with_capacity(columns.len());
        let mut triangle: Vec<Vec<f64>> = Vec::with_capacity(columns.len());
        for (column, values) in columns.iter().enumerate() {
            if values.len() != rows {
                return Err(RegressionError::RowCount {
                    column,
                    expected: rows,
                    found: values.len(),
                });
            }
            if !values.iter().all(|x| x.is_finite()) {
                return Err(RegressionError::NotFinite { column });
            }
            let (mut rest, mut above) = project_out(values, &orthonormal);
            let length = dot(&rest, &rest).sqrt();
            // What is left of a dependent column is rounding.
            const DEPENDENT: f64 = 1e-10;
            if length <= DEPENDENT * dot(values, values).sqrt() {
                return Err(RegressionError::Collinear { column });
            }
            rest.iter_mut().for_each(|x| *x /= length);
            above.push(length);
            orthonormal.push(rest);
            triangle.push(above);
        }
        let (residuals, explained) = project_out(outcome, &orthonormal);
        let leverages = (0..rows)
            .map(|row| orthonormal.iter().map(|q| q[row] * q[row]).sum())
            .collect();
        Ok(LeastSquares {
            coefficients: solve(&triangle, &explained),
            residuals,
            leverages,
            orthonormal,
            triangle,
        })
    }

    /// Rows minus columns.
    pub fn df(&self) -> u64 {
        (self.residuals.len() - self.coefficients.len()) as u64
    }

    /// The covariance matrix of the coefficients, `p` by `p` numbers, row after row:
    /// `(X'X)^-1 X' diag(w) X (X'X)^-1`, `w` being the noise's variance in each row.
    pub fn covariance(&self, noise: Noise) -> Vec<f64> {
        let (n, p) = (self.residuals.len() as f64, self.coefficients.len());
        let df = self.df() as f64;
        let equal = dot(&self.residuals, &self.residuals) / df;
        let rows = self.residuals.iter().zip(&self.leverages);
        let weights: Vec<f64> = rows
            .map(|(e, h)| match noise {
                Noise::Equal => equal,
                Noise::Hc0 => e * e,
                Noise::Hc1 => e * e * (n / df),
                // A row fitted by its own coefficient has neither.
                _ if *e == 0.0 => 0.0,
                Noise::Hc2 => e * e / (1.0 - h),
                Noise::Hc3 => (e / (1.0 - h)).powi(2),
            })
            .collect();
        // R^-1 (Q' W Q) R'^-1, one side after the other.
        let middle = self.orthonormal.iter().map(|a| {
            let weighted: Vec<f64> = a.iter().zip(&weights).map(|(a, w)| a * w).collect();
            let row: Vec<f64> = self.orthonormal.iter().map(|b| dot(&weighted, b)).collect();
            solve(&self.triangle, &row)
        });
        let half: Vec<Vec<f64>> = middle.collect();
        let columns: Vec<Vec<f64>> = (0..p)
            .map(|j| {
                let column: Vec<f64> = half.iter().map(|row| row[j]).collect();
                solve(&self.triangle, &column)
            })
            .collect();
        columns.concat()
    }

    /// Standard errors of the coefficients.
    pub fn standard_errors(&self, noise: Noise) -> Vec<f64> {
        let p = self.coefficients.len();
        let covariance = self.covariance(noise);
        (0..p).map(|j| covariance[j * p + j].sqrt()).collect()
    }
}

/// What orthonormal columns leave of a vector, and its products with them.
fn project_out(values: &[f64], orthonormal: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let mut rest = values.to_vec();
    let mut products = vec![0.0; orthonormal.len()];
    for _ in 0..2 {
        for (q, product) in orthonormal.iter().zip(&mut products) {
            let along = dot(&rest, q);
            for (x, q) in rest.iter_mut().zip(q) {
                *x -= along * q;
            }
            *product += along;
        }
    }
    (rest, products)
}

/// Solves `R x = b` for an upper triangle given column by column.
fn solve(triangle: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let mut x = b.to_vec();
    for (j, column) in triangle.iter().enumerate().rev() {
        x[j] /= column[j];
        let value = x[j];
        for (x, above) in x.iter_mut().zip(&column[..j]) {
            *x -= above * value;
        }
    }
    x
}

/// The regression of an outcome on a treatment and covariates, row by row. Columns:
/// intercept; treatment; the covariates less their means over all rows; and, with
/// [`Slopes::PerArm`], their products with the treatment. So the coefficient of the
/// intercept is the adjusted mean of the control, the second one the effect.
///
/// For small data, and to compare with: [`adjusted_lift`](crate::adjusted_lift), the
/// default, has the estimates of [`Slopes::PerArm`] from moments alone, which is what
/// an engine can give for millions of rows. It interacts because one common slope can
/// do harm when the split is uneven and the effect depends on the covariate, and
/// because with slopes for each arm the variance inside each arm is its own. Its
/// standard error differs from that of [`Noise::Hc2`] here in the noise of the common
/// centre, which it counts, and in taking the residuals' variance arm by arm instead
/// of row by row; both estimate the same in large samples.
///
/// # Errors
///
/// As [`LeastSquares::new`], with columns counted as above.
pub fn regression(
    outcome: &[f64],
    treated: &[bool],
    covariates: &[&[f64]],
    slopes: Slopes,
) -> Result<LeastSquares, RegressionError> {
    let treatment: Vec<f64> = treated.iter().map(|&t| f64::from(u8::from(t))).collect();
    let centred: Vec<Vec<f64>> = covariates
        .iter()
        .map(|x| {
            let mean = x.iter().sum::<f64>() / x.len() as f64;
            x.iter().map(|x| x - mean).collect()
        })
        .collect();
    let mut columns = vec![vec![1.0; outcome.len()], treatment.clone()];
    columns.extend(centred.iter().cloned());
    if slopes == Slopes::PerArm {
        columns.extend(centred.iter().map(|x| {
            let products = x.iter().zip(&treatment);
            products.map(|(x, t)| x * t).collect()
        }));
    }
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    LeastSquares::new(outcome, &columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four points and the line 0.7 + 1.2 x, worked out by hand.
    #[test]
    fn a_line_through_four_points() {
        let (x, y) = ([0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 4.0, 4.0]);
        let fit = LeastSquares::new(&y, &[&[1.0; 4], &x]).expect("a fit");
        // Slope 6 / 5, intercept 5/2 - 9/5.
        assert!((fit.coefficients[0] - 0.7).abs() < 1e-14);
        assert!((fit.coefficients[1] - 1.2).abs() < 1e-14);
        let residuals = [0.3, -0.9, 0.9, -0.3];
        for (e, expected) in fit.residuals.iter().zip(residuals) {
            assert!((e - expected).abs() < 1e-14);
        }
        for (h, expected) in fit.leverages.iter().zip([0.7, 0.3, 0.3, 0.7]) {
            assert!((h - expected).abs() < 1e-14);
        }
        // The slope is sum(w y), w = (x - 3/2) / 5.
        let weights = [-0.3, -0.1, 0.1, 0.3];
        let variance = |power: i32| -> f64 {
            let rows = weights.iter().zip(residuals).zip([0.7, 0.3, 0.3, 0.7]);
            rows.map(|((w, e), h): ((&f64, f64), f64)| w * w * e * e / (1.0 - h).powi(power))
                .sum()
        };
        let cases = [
            (Noise::Equal, 1.8 / 2.0 / 5.0),
            (Noise::Hc0, variance(0)),
            (Noise::Hc1, 2.0 * variance(0)),
            (Noise::Hc2, variance(1)),
            (Noise::Hc3, variance(2)),
        ];
        for (noise, expected) in cases {
            let se = fit.standard_errors(noise)[1];
            assert!((se * se - expected).abs() < 1e-14, "{noise:?}");
        }
        assert_eq!(fit.df(), 2);
    }

    #[test]
    fn what_cannot_be_fitted_says_why() {
        let ones = [1.0; 4];
        let x = [1.0, 2.0, 3.0, 4.0];
        let dependent = [3.0, 5.0, 7.0, 9.0];
        assert_eq!(
            LeastSquares::new(&x, &[&ones, &x, &dependent]),
            Err(RegressionError::Collinear { column: 2 })
        );
        assert_eq!(
            LeastSquares::new(&x[..2], &[&ones[..2], &x[..2]]),
            Err(RegressionError::TooFewRows {
                rows: 2,
                columns: 2
            })
        );
        assert!(LeastSquares::new(&x, &[&ones[..3]]).is_err());
        assert!(LeastSquares::new(&x, &[&[f64::NAN, 0.0, 0.0, 1.0]]).is_err());
        let treated = [true; 4];
        assert_eq!(
            regression(&x, &treated, &[], Slopes::Common),
            Err(RegressionError::Collinear { column: 1 })
        );
    }
}
