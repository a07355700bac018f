//! Covariances of maximum-likelihood estimates from the curvature of the likelihood
//! and from the scores of the customers.

use crate::error::FitError;
use crate::linear;
use crate::optimize::Optimum;

/// Two covariance matrices of the same estimates, row-major. Rows and columns of
/// parameters at an end of their ranges are zero.
pub(crate) struct Covariances {
    /// Inverse of the observed information `A = -H`: right when the model is.
    pub(crate) model: Vec<f64>,
    /// `A^-1 B A^-1` with `B` the sum of squared scores (P. J. Huber 1967; H. White,
    /// Econometrica 50, 1982): right for the nearest member of the family when the
    /// model is wrong.
    pub(crate) sandwich: Vec<f64>,
}

/// Both covariances; `squared_scores` is the sum over customers of the score times its
/// transpose, row-major.
pub(crate) fn covariances(
    optimum: &Optimum,
    squared_scores: &[f64],
) -> Result<Covariances, FitError> {
    let size = optimum.at.len();
    let inside = optimum.inside();
    let mut both = Covariances {
        model: vec![0.0; size * size],
        sandwich: vec![0.0; size * size],
    };
    if inside.is_empty() {
        return Ok(both);
    }
    let information: Vec<f64> = pairs(&inside)
        .map(|(i, j)| -optimum.hessian[i * size + j])
        .collect();
    let inverse =
        linear::inverse(&information, inside.len()).ok_or(FitError::SingularInformation)?;
    let squares: Vec<f64> = pairs(&inside)
        .map(|(i, j)| squared_scores[i * size + j])
        .collect();
    let middle = congruence(&inverse, &squares, inside.len());
    for (place, (i, j)) in pairs(&inside).enumerate() {
        both.model[i * size + j] = inverse[place];
        both.sandwich[i * size + j] = middle[place];
    }
    Ok(both)
}

/// `J C J'`: the covariance of functions of the estimates whose derivatives are the rows
/// of J, by the delta method.
pub(crate) fn congruence(jacobian: &[f64], covariance: &[f64], size: usize) -> Vec<f64> {
    let rows: Vec<&[f64]> = jacobian.chunks(size).collect();
    rows.iter()
        .flat_map(|row| {
            let image = linear::multiply(covariance, row);
            rows.iter()
                .map(|other| linear::dot(&image, other))
                .collect::<Vec<f64>>()
        })
        .collect()
}

/// Adds `weight * score score'` to a row-major matrix.
pub(crate) fn add_square(squares: &mut [f64], score: &[f64], weight: f64) {
    for (row, a) in squares.chunks_mut(score.len()).zip(score) {
        for (entry, b) in row.iter_mut().zip(score) {
            *entry += weight * a * b;
        }
    }
}

fn pairs(kept: &[usize]) -> impl Iterator<Item = (usize, usize)> + '_ {
    kept.iter()
        .flat_map(move |&i| kept.iter().map(move |&j| (i, j)))
}

/// Standard error of a function of estimates by the delta method.
pub(crate) fn delta_se(at: &[f64], covariance: &[f64], of: impl Fn(&[f64]) -> f64) -> f64 {
    let slope = slopes(at, covariance, 1, |at| vec![of(at)]).concat();
    linear::quadratic(covariance, &slope).max(0.0).sqrt()
}

/// Derivatives of so many functions of estimates, a row for each function, by central
/// differences over a small part of each estimate's own standard error; zero by those
/// that have no variance.
pub(crate) fn slopes(
    at: &[f64],
    covariance: &[f64],
    functions: usize,
    of: impl Fn(&[f64]) -> Vec<f64>,
) -> Vec<Vec<f64>> {
    /// Share of a standard error: the error of the difference, third order, is then some
    /// millionth of the non-linearity over one standard error.
    const SHARE: f64 = 1e-3;
    let size = at.len();
    let mut moved = at.to_vec();
    let mut rows = vec![vec![0.0; size]; functions];
    for i in 0..size {
        let step = SHARE * covariance[i * size + i].max(0.0).sqrt();
        if step == 0.0 {
            continue;
        }
        moved[i] = at[i] + step;
        let above = of(&moved);
        moved[i] = at[i] - step;
        let below = of(&moved);
        moved[i] = at[i];
        for (row, (high, low)) in rows.iter_mut().zip(above.iter().zip(&below)) {
            row[i] = (high - low) / (2.0 * step);
        }
    }
    rows
}
