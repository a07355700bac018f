//! Cholesky factors of small covariance matrices.

/// A Cholesky factor of the independent part of a covariance matrix.
pub(crate) struct Cholesky {
    /// Rows and columns of the matrix that are in the factor, ascending.
    pub(crate) kept: Vec<usize>,
    /// Lower triangle, row by row, of the factor of the kept part.
    factor: Vec<Vec<f64>>,
}

impl Cholesky {
    /// Factors a symmetric positive semi-definite matrix (`size` by `size`, row
    /// after row), in the given order of its columns. A column is left out when
    /// the columns before it explain all but a share `tolerance` of its variance.
    pub(crate) fn new(matrix: &[f64], size: usize, tolerance: f64) -> Self {
        let mut kept: Vec<usize> = Vec::new();
        let mut factor: Vec<Vec<f64>> = Vec::new();
        for column in 0..size {
            let variance = matrix[column * size + column];
            let mut row = Vec::with_capacity(kept.len() + 1);
            for (earlier, earlier_row) in kept.iter().zip(&factor) {
                let covariance = matrix[column * size + earlier];
                let explained = dot(&row, earlier_row);
                row.push((covariance - explained) / earlier_row[row.len()]);
            }
            let left = variance - dot(&row, &row);
            if variance > 0.0 && left > tolerance * variance {
                row.push(left.sqrt());
                kept.push(column);
                factor.push(row);
            }
        }
        Cholesky { kept, factor }
    }

    /// Solves `L v = b` for a vector over the kept columns: `|v|^2` is then
    /// `b' M^-1 b`.
    pub(crate) fn whiten(&self, b: &[f64]) -> Vec<f64> {
        let mut v: Vec<f64> = Vec::with_capacity(b.len());
        for (row, value) in self.factor.iter().zip(b) {
            let known = dot(&v, row);
            v.push((value - known) / row[v.len()]);
        }
        v
    }

    /// Solves `M x = b` for a vector over the kept columns.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = self.whiten(b);
        for i in (0..x.len()).rev() {
            x[i] /= self.factor[i][i];
            let value = x[i];
            for (earlier, coefficient) in x[..i].iter_mut().zip(&self.factor[i]) {
                *earlier -= coefficient * value;
            }
        }
        x
    }

    /// Logarithm of the determinant of the kept part.
    pub(crate) fn ln_determinant(&self) -> f64 {
        let diagonal = self.factor.iter().enumerate().map(|(i, row)| row[i]);
        2.0 * diagonal.map(f64::ln).sum::<f64>()
    }
}

/// The inner product over the shorter of two vectors.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_a_system() {
        let matrix = [4.0, 2.0, 0.6, 2.0, 5.0, 1.0, 0.6, 1.0, 3.0];
        let cholesky = Cholesky::new(&matrix, 3, 1e-12);
        let x = cholesky.solve(&[1.0, -2.0, 0.5]);
        for (row, expected) in matrix.chunks(3).zip([1.0, -2.0, 0.5]) {
            assert!((dot(row, &x) - expected).abs() < 1e-14);
        }
        let v = cholesky.whiten(&[1.0, -2.0, 0.5]);
        assert!((dot(&v, &v) - dot(&x, &[1.0, -2.0, 0.5])).abs() < 1e-14);
    }

    #[test]
    fn leaves_out_dependent_and_constant_columns() {
        // Columns: a, constant, b, a + b.
        let matrix = [
            1.0, 0.0, 0.5, 1.5, //
            0.0, 0.0, 0.0, 0.0, //
            0.5, 0.0, 2.0, 2.5, //
            1.5, 0.0, 2.5, 4.0,
        ];
        assert_eq!(Cholesky::new(&matrix, 4, 1e-10).kept, [0, 2]);
    }
}
