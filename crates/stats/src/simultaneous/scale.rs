//! Averages over the noise of an estimated standard error.

use crate::special::ln_gamma_kernel;

/// The expectation of `conditional(s)` over `s = sqrt(chi^2_df / df)`, the estimated
/// standard error in units of the true one; `conditional(1)` for infinite degrees of
/// freedom.
///
/// `conditional(s)` falls from one at zero like the tail of a normal beyond `t s`,
/// which says where the integrand has its mass. The trapezoidal rule in `ln s`
/// converges faster than any power of the step, and every value is positive, so that
/// a small expectation keeps its relative accuracy.
pub(super) fn average_over_scale(df: f64, t: f64, conditional: impl Fn(f64) -> f64) -> f64 {
    if df == f64::INFINITY {
        return conditional(1.0);
    }
    const NEGLIGIBLE: f64 = 1e-15;
    // With very few degrees of freedom the left tail falls slowly.
    const MOST_STEPS: u32 = 20_000;
    // ln s has some deviation 1 / sqrt(2 df), and is less smooth than a normal when
    // there are few of them.
    let step = 0.75 / (2.0 * df + 25.0).sqrt();
    let centre = -0.5 * (t * t / df).ln_1p();
    let integrand = |ln_s: f64| {
        let s = ln_s.exp();
        // ln s has the density 2 y^a e^-y / Gamma(a), where a = df / 2, y = a s^2.
        2.0 * ln_gamma_kernel(0.5 * df, 0.5 * df * s * s).exp() * conditional(s)
    };
    let mut sum = integrand(centre);
    for direction in [step, -step] {
        for k in 1..=MOST_STEPS {
            let value = integrand(centre + f64::from(k) * direction);
            sum += value;
            if value <= NEGLIGIBLE * sum {
                break;
            }
        }
    }
    sum * step
}
