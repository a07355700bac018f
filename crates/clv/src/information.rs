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
    let information: Vec<f64> = pairs(&inside)
        .map(|(i, j)| -optimum.hessian[i * size + j])
        .collect();
    let inverse =
        linear::inverse(&information, inside.len()).ok_or(FitError::SingularInformation)?;
    let squares: Vec<f64> = pairs(&inside)
        .map(|(i, j)| squared_scores[i * size + j])
        .collect();
    let middle = congruence(&inverse, &squares, inside.len());
    let mut both = Covariances {
        model: vec![0.0; size * size],
        sandwich: vec![0.0; size * size],
    };
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
