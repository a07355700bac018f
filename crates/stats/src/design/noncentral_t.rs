//! The noncentral t distribution, which a t statistic has when there is an effect.

use crate::special::{ln_gamma_kernel, ln_incomplete_gamma};
use crate::tail;

/// Degrees of freedom from which the normal distribution is used: it is then within
/// some 1e-10.
const AS_NORMAL: f64 = 1e10;

/// A density relative to its peak, or less, below which it is left out.
const LN_NEGLIGIBLE: f64 = -42.0;

/// Steps of the trapezoidal rule in one scale of the integrand. The rule converges
/// geometrically for functions analytic around the real line (L. N. Trefethen and J.
/// A. C. Weideman, SIAM Review 56, 2014).
const STEPS: f64 = 4.0;

/// `P(T > t)` for `T = (Z + noncentrality) / sqrt(V / df)`, with Z standard normal and
/// V independent chi-square with `df >= 1` degrees of freedom, which may be infinite.
///
/// Accurate to some 1e-14, absolute. Computed as an expectation over the one of the
/// two on whose scale the integrand is smooth:
///
/// * `S = sqrt(V / df)`: `E[Phi(noncentrality - t S)]`;
/// * Z: `E[P(S < (Z + noncentrality) / t)]`, for noncentralities so far from zero that
///   Z never changes the sign and that they dominate the spread of S.
///
/// NaN for `df < 1` or numbers that are NaN.
///
/// ```
/// let power = stats::design::noncentral_t_upper(2.0, 30.0, 3.0);
/// assert!((power - 0.837586).abs() < 1e-6);
/// ```
pub fn noncentral_t_upper(t: f64, df: f64, noncentrality: f64) -> f64 {
    if t.is_nan() || noncentrality.is_nan() || df.is_nan() || df < 1.0 {
        return f64::NAN;
    }
    if t.is_infinite() {
        return if t > 0.0 { 0.0 } else { 1.0 };
    }
    if noncentrality.is_infinite() {
        return if noncentrality > 0.0 { 1.0 } else { 0.0 };
    }
    if df >= AS_NORMAL {
        return tail::normal_cdf(noncentrality - t);
    }
    // Turned so that t is not negative.
    if t < 0.0 {
        return 1.0 - noncentral_t_upper(-t, df, -noncentrality);
    }
    if noncentrality < -40.0 || t == 0.0 {
        return tail::normal_cdf(noncentrality);
    }
    if noncentrality > 40.0 && noncentrality * noncentrality > 2.0 * df {
        over_normal(t, df, noncentrality)
    } else {
        over_chi(t, df, noncentrality)
    }
}

/// `E[Phi(noncentrality - t S)]` over `u = ln S`, which has the density `2 x^a e^-x /
/// Gamma(a)` with `a = df / 2` and `x = a e^(2u)`.
fn over_chi(t: f64, df: f64, noncentrality: f64) -> f64 {
    let a = 0.5 * df;
    let scale = (2.0 * df).sqrt().recip();
    let step = scale.min(1.0 / (noncentrality.abs() + 2.0)) / STEPS;
    let peak = ln_gamma_kernel(a, a);
    // The density falls off as e^(df u) on the left and faster on the right.
    let side = |direction: f64, first: u64| {
        let mut sum = 0.0;
        for k in first.. {
            let u = direction * step * k as f64;
            let ln_density = ln_gamma_kernel(a, a * (2.0 * u).exp());
            if ln_density - peak < LN_NEGLIGIBLE {
                break;
            }
            sum += ln_density.exp() * tail::normal_cdf(noncentrality - t * u.exp());
        }
        sum
    };
    (2.0 * step * (side(-1.0, 1) + side(1.0, 0))).min(1.0)
}

/// `E[P(S < (Z + noncentrality) / t)]`.
fn over_normal(t: f64, df: f64, noncentrality: f64) -> f64 {
    const REACH: f64 = 9.2;
    let step = 1.0 / (2.0 * STEPS);
    let points = (REACH / step) as i32;
    let density = |z: f64| (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let sum: f64 = (-points..=points)
        .map(|k| {
            let z = step * f64::from(k);
            let s = (z + noncentrality) / t;
            density(z) * ln_incomplete_gamma(0.5 * df, 0.5 * df * s * s).lower.exp()
        })
        .sum();
    (step * sum).min(1.0)
}
