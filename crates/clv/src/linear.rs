//! Linear algebra of the few parameters of a model. Matrices are row-major slices.

/// Cholesky factor `L` of a symmetric positive definite matrix `L L'`, or none.
pub(crate) fn cholesky(matrix: &[f64], size: usize) -> Option<Vec<f64>> {
    let mut factor = vec![0.0; size * size];
    for i in 0..size {
        for j in 0..=i {
            let known: f64 = (0..j)
                .map(|k| factor[i * size + k] * factor[j * size + k])
                .sum();
            let left = matrix[i * size + j] - known;
            if i == j {
                if !(left > 0.0 && left.is_finite()) {
                    return None;
                }
                factor[i * size + i] = left.sqrt();
            } else {
                factor[i * size + j] = left / factor[j * size + j];
            }
        }
    }
    Some(factor)
}

/// Solves `L L' x = b` for a factor from [`cholesky`].
pub(crate) fn solve(factor: &[f64], size: usize, b: &[f64]) -> Vec<f64> {
    let mut x = b.to_vec();
    for i in 0..size {
        let known: f64 = (0..i).map(|k| factor[i * size + k] * x[k]).sum();
        x[i] = (x[i] - known) / factor[i * size + i];
    }
    for i in (0..size).rev() {
        let known: f64 = (i + 1..size).map(|k| factor[k * size + i] * x[k]).sum();
        x[i] = (x[i] - known) / factor[i * size + i];
    }
    x
}

/// Inverse of a symmetric positive definite matrix, or none.
pub(crate) fn inverse(matrix: &[f64], size: usize) -> Option<Vec<f64>> {
    let factor = cholesky(matrix, size)?;
    let mut result = vec![0.0; size * size];
    for column in 0..size {
        let mut unit = vec![0.0; size];
        unit[column] = 1.0;
        for (row, value) in solve(&factor, size, &unit).into_iter().enumerate() {
            result[row * size + column] = value;
        }
    }
    Some(result)
}

/// `matrix x`.
pub(crate) fn multiply(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    matrix.chunks(x.len()).map(|row| dot(row, x)).collect()
}

/// `x' y`.
pub(crate) fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(a, b)| a * b).sum()
}

/// `x' matrix x`, the matrix row-major: with the covariance of some parameters and a number's slopes against them, the
/// number's variance by the delta method.
pub fn quadratic(matrix: &[f64], x: &[f64]) -> f64 {
    matrix
        .chunks(x.len())
        .zip(x)
        .map(|(row, x_i)| x_i * dot(row, x))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverts_and_refuses() {
        let matrix = [4.0, 2.0, 0.6, 2.0, 5.0, 1.0, 0.6, 1.0, 3.0];
        let inverse = inverse(&matrix, 3).expect("positive definite");
        for (i, row) in matrix.chunks(3).enumerate() {
            for (j, product) in multiply(&inverse, row).into_iter().enumerate() {
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-14);
            }
        }
        assert!(cholesky(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
    }

    #[test]
    fn a_quadratic_form_is_its_sum() {
        let form = quadratic(&[2.0, -3.0, 1.0, 4.0], &[1.0, 3.0]);
        assert_eq!(form, 2.0 + 3.0 * (-3.0 + 1.0) + 9.0 * 4.0);
    }
}
