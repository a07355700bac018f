//! Intervals for one share, and for the difference of two, in closed form. Methods
//! to compare with: the intervals of [`lift_of_shares`](crate::lift_of_shares) agree
//! with its probability, these with no test.

use crate::error::{Arm, Unestimable, check_alpha};
use crate::share::Counts;
use crate::tail;

/// Wilson's score interval for one share at confidence `1 - alpha` (E. B. Wilson,
/// Journal of the American Statistical Association 22, 1927).
///
/// # Errors
///
/// No observations, more successes than observations, or an invalid level.
pub fn wilson(counts: Counts, alpha: f64) -> Result<(f64, f64), Unestimable> {
    check_alpha(alpha)?;
    counts.check(Arm::Treated)?;
    let z = tail::student_t_critical(alpha, f64::INFINITY);
    let n = counts.n as f64;
    let p = counts.share();
    let z2_over_n = z * z / n;
    let centre = (p + 0.5 * z2_over_n) / (1.0 + z2_over_n);
    let half_width = (z2_over_n * (p * (1.0 - p) + 0.25 * z2_over_n)).sqrt() / (1.0 + z2_over_n);
    let low = if counts.successes == 0 {
        0.0
    } else {
        centre - half_width
    };
    let high = if counts.failures() == 0 {
        1.0
    } else {
        centre + half_width
    };
    Ok((low, high))
}

/// The exact interval of Clopper and Pearson for one share at confidence
/// `1 - alpha` (Biometrika 26, 1934).
///
/// # Errors
///
/// No observations, more successes than observations, or an invalid level.
pub fn clopper_pearson(counts: Counts, alpha: f64) -> Result<(f64, f64), Unestimable> {
    check_alpha(alpha)?;
    counts.check(Arm::Treated)?;
    let (k, rest) = (counts.successes as f64, counts.failures() as f64);
    let low = if k == 0.0 {
        0.0
    } else {
        tail::beta_quantile(0.5 * alpha, k, rest + 1.0)
    };
    let high = if rest == 0.0 {
        1.0
    } else {
        // The complement of the mirrored beta, whose lower tail alpha / 2 is exact.
        1.0 - tail::beta_quantile(0.5 * alpha, rest, k + 1.0)
    };
    Ok((low, high))
}

/// Newcombe's interval for the difference of two shares, treated minus control, at
/// confidence `1 - alpha`: with Wilson's limits `l_a, u_a` of either share,
///
/// `d - sqrt((p_t - l_t)^2 + (u_c - p_c)^2)` to `d + sqrt((u_t - p_t)^2 + (p_c -
/// l_c)^2)`
///
/// (R. G. Newcombe, Statistics in Medicine 17, 1998, method 10).
///
/// # Errors
///
/// An empty arm, more successes than observations, or an invalid level.
pub fn newcombe(treated: Counts, control: Counts, alpha: f64) -> Result<(f64, f64), Unestimable> {
    treated.check(Arm::Treated)?;
    control.check(Arm::Control)?;
    let (low_t, high_t) = wilson(treated, alpha)?;
    let (low_c, high_c) = wilson(control, alpha)?;
    let (p_t, p_c) = (treated.share(), control.share());
    let difference = p_t - p_c;
    Ok((
        difference - (p_t - low_t).hypot(high_c - p_c),
        difference + (high_t - p_t).hypot(p_c - low_c),
    ))
}

/// Agresti and Caffo's interval for the difference of two shares, treated minus
/// control, at confidence `1 - alpha`: Wald's, after adding one success and one
/// failure to either arm (American Statistician 54, 2000). It may reach beyond -1
/// and 1.
///
/// # Errors
///
/// An empty arm, more successes than observations, or an invalid level.
pub fn agresti_caffo(
    treated: Counts,
    control: Counts,
    alpha: f64,
) -> Result<(f64, f64), Unestimable> {
    check_alpha(alpha)?;
    treated.check(Arm::Treated)?;
    control.check(Arm::Control)?;
    let moderated = |counts: Counts| {
        let n = counts.n as f64 + 2.0;
        let share = (counts.successes as f64 + 1.0) / n;
        (share, share * (1.0 - share) / n)
    };
    let (p_t, variance_t) = moderated(treated);
    let (p_c, variance_c) = moderated(control);
    let z = tail::student_t_critical(alpha, f64::INFINITY);
    let half_width = z * (variance_t + variance_c).sqrt();
    Ok((p_t - p_c - half_width, p_t - p_c + half_width))
}
