//! CUPED with one slope for both arms, as other tools compute it.

use crate::adjust::ArmMoments;
use crate::cholesky::Cholesky;
use crate::error::{Arm, Unestimable, check_alpha, check_finite};
use crate::lift::{Lift, Method};
use crate::mean::{Sample, lift_of_samples};

/// An effect adjusted with slopes common to both arms.
#[derive(Debug, Clone, PartialEq)]
pub struct Cuped {
    /// The effect on the adjusted means.
    pub lift: Lift,
    /// The slope of each covariate.
    pub theta: Vec<f64>,
}

/// CUPED: the effect on a mean after one slope for both arms has been taken off, at
/// confidence `1 - alpha` (A. Deng, Y. Xu, R. Kohavi and T. Walker, "Improving the
/// sensitivity of online controlled experiments by utilizing pre-experiment data",
/// WSDM 2013).
///
/// The slopes `theta = S^-1 s` are those of all customers together: `S` and `s` are
/// pooled moments about the means over both arms, not about either arm's. The rest is
/// [`cuped_with`]. GrowthBook, tea-tasting and Confidence compute it so. A method to
/// compare with: [`adjusted_lift`](crate::adjusted_lift) gives each arm its slopes,
/// which is never worse in large samples, also under uneven splits.
///
/// # Errors
///
/// As [`adjusted_lift`](crate::adjusted_lift), and
/// [`Unestimable::DependentCovariates`] when a covariate is constant or determined by
/// those before it, so that there is no one `theta`.
pub fn cuped(treated: &ArmMoments, control: &ArmMoments, alpha: f64) -> Result<Cuped, Unestimable> {
    let k = treated.covariate_means.len();
    treated.check(Arm::Treated, k)?;
    control.check(Arm::Control, k)?;
    let theta = common_slopes(treated, control)?;
    let lift = cuped_with(treated, control, &theta, alpha)?;
    Ok(Cuped { lift, theta })
}

/// CUPED with given slopes: Welch's test of the adjusted outcome `y - theta' (x -
/// mean x)`, at confidence `1 - alpha`.
///
/// `mean x` is the covariates' mean over both arms. It shifts both arms alike and so
/// leaves the absolute effect as it is; without it the adjusted means, and with them a
/// relative effect, would be those of customers with `x = 0`. An arm's variance is
/// that of its adjusted outcome, `v - 2 theta' s_a + theta' S_a theta`; that `theta`
/// and the centre are themselves estimates is not counted.
///
/// # Errors
///
/// As [`cuped`]; slopes as many as covariates and finite.
pub fn cuped_with(
    treated: &ArmMoments,
    control: &ArmMoments,
    theta: &[f64],
    alpha: f64,
) -> Result<Lift, Unestimable> {
    check_alpha(alpha)?;
    treated.check(Arm::Treated, theta.len())?;
    control.check(Arm::Control, theta.len())?;
    for &slope in theta {
        check_finite("slope", slope)?;
    }
    let centre = centre(treated, control);
    let adjusted = |arm: &ArmMoments| {
        let (mut mean, mut variance) = (arm.mean, arm.variance);
        for (i, slope) in theta.iter().enumerate() {
            mean -= slope * (arm.covariate_means[i] - centre[i]);
            variance -= 2.0 * slope * arm.outcome_covariances[i];
            for (j, other) in theta.iter().enumerate() {
                variance += slope * other * arm.covariate_covariances[i * theta.len() + j];
            }
        }
        Sample {
            n: arm.n,
            mean,
            // A perfect fit has none; rounding must not make it negative.
            variance: variance.max(0.0),
        }
    };
    lift_of_samples(&adjusted(treated), &adjusted(control), alpha, Method::Cuped)
}

/// The covariates' means over both arms' customers.
fn centre(treated: &ArmMoments, control: &ArmMoments) -> Vec<f64> {
    let weight = treated.n as f64 / (treated.n as f64 + control.n as f64);
    let means = treated.covariate_means.iter().zip(&control.covariate_means);
    means.map(|(t, c)| c + (t - c) * weight).collect()
}

/// The slopes of the outcome on the covariates over all customers.
fn common_slopes(treated: &ArmMoments, control: &ArmMoments) -> Result<Vec<f64>, Unestimable> {
    /// Share of its variance that a covariate must have for itself.
    const COLLINEAR: f64 = 1e-9;
    let (n_t, n_c) = (treated.n as f64, control.n as f64);
    let k = treated.covariate_means.len();
    let apart = |i: usize| treated.covariate_means[i] - control.covariate_means[i];
    // Sums of products about the common mean: inside the arms and between them.
    let between = n_t * n_c / (n_t + n_c);
    let sum = |t: f64, c: f64| (n_t - 1.0) * t + (n_c - 1.0) * c;
    let matrix: Vec<f64> = (0..k * k)
        .map(|at| {
            let inside = sum(
                treated.covariate_covariances[at],
                control.covariate_covariances[at],
            );
            inside + between * apart(at / k) * apart(at % k)
        })
        .collect();
    let outcome: Vec<f64> = (0..k)
        .map(|i| {
            let inside = sum(
                treated.outcome_covariances[i],
                control.outcome_covariances[i],
            );
            inside + between * apart(i) * (treated.mean - control.mean)
        })
        .collect();
    let cholesky = Cholesky::new(&matrix, k, COLLINEAR);
    match (0..k).find(|i| !cholesky.kept.contains(i)) {
        Some(covariate) => Err(Unestimable::DependentCovariates { covariate }),
        None => Ok(cholesky.solve(&outcome)),
    }
}
