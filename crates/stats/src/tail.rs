//! Tail probabilities, their logarithms, and quantiles of the normal, Student t,
//! chi-square, F and binomial distributions.
//!
//! Logarithms keep their relative accuracy far beyond the point where the
//! probability itself underflows (`p < 1e-308`).

use std::f64::consts::{FRAC_1_SQRT_2, LN_2, PI};

use crate::root;
use crate::special::{
    LnTails, ln_beta, ln_beta_kernel, ln_incomplete_beta, ln_incomplete_gamma, ln_one_minus_exp,
};

/// A probability and its natural logarithm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TailProbability {
    /// The probability; 0 where it is smaller than a double can hold.
    pub p: f64,
    /// Its natural logarithm, which does not underflow.
    pub ln_p: f64,
}

impl TailProbability {
    /// From the logarithm of a probability.
    pub fn from_ln(ln_p: f64) -> Self {
        // The comparison is false for NaN, which is kept.
        let ln_p = if ln_p > 0.0 { 0.0 } else { ln_p };
        TailProbability {
            p: ln_p.exp(),
            ln_p,
        }
    }

    /// The same probability on the side of `alpha` that the interval took.
    ///
    /// An interval that inverts a test agrees with its probability but for
    /// rounding; when the statistic sits on its critical value this decides the
    /// tie once, so that no reader meets two verdicts.
    pub(crate) fn agreeing_with(self, interval_excludes_zero: bool, alpha: f64) -> Self {
        let p = if interval_excludes_zero {
            self.p.min(alpha.next_down())
        } else {
            self.p.max(alpha)
        };
        if p == self.p {
            self
        } else {
            TailProbability { p, ln_p: p.ln() }
        }
    }
}

/// Logarithm of the upper tail of the standard normal, `ln P(Z > z)`.
fn ln_normal_upper(z: f64) -> f64 {
    // Beyond this the continued fraction of Mills' ratio needs few terms.
    const FAR: f64 = 5.0;
    if z < FAR {
        return (0.5 * libm::erfc(z * FRAC_1_SQRT_2)).ln();
    }
    if z == f64::INFINITY {
        return f64::NEG_INFINITY;
    }
    // P(Z > z) = phi(z) / (z + 1 / (z + 2 / (z + 3 / ...))).
    let mills = (1..=50).rev().fold(z, |tail, k| z + f64::from(k) / tail);
    -0.5 * z * z - 0.5 * (2.0 * PI).ln() - mills.ln()
}

/// Logarithm of the loss function of the standard normal, `E max(Z - z, 0) = phi(z) -
/// z P(Z > z)`, without cancellation in either tail.
pub fn ln_normal_loss(z: f64) -> f64 {
    // Beyond this the continued fraction of Mills' ratio has converged.
    const FAR: f64 = 2.0;
    const TERMS: i32 = 100;
    let ln_density = -0.5 * z * z - 0.5 * (2.0 * PI).ln();
    if z < FAR {
        return (ln_density.exp() - z * normal_upper(z).p).ln();
    }
    if z == f64::INFINITY {
        return f64::NEG_INFINITY;
    }
    // P(Z > z) = phi(z) / (z + t), t = 1 / (z + 2 / (z + 3 / ...)), so that the loss
    // is phi(z) t / (z + t).
    let t = 1.0 / (2..=TERMS).rev().fold(z, |tail, k| z + f64::from(k) / tail);
    ln_density + (t / (z + t)).ln()
}

/// `P(Z > z)` of the standard normal.
pub fn normal_upper(z: f64) -> TailProbability {
    TailProbability::from_ln(ln_normal_upper(z))
}

/// `P(|Z| > |z|)` of the standard normal.
pub fn normal_two_sided(z: f64) -> TailProbability {
    student_t_two_sided(z, f64::INFINITY)
}

/// `P(Z <= z)` of the standard normal.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// The z with `P(Z <= z) = p`.
pub fn normal_quantile(p: f64) -> f64 {
    student_t_quantile(p, f64::INFINITY)
}

/// Logarithms of `P(|T| <= t)` (lower) and `P(|T| > t)` (upper), for `t >= 0`.
fn ln_student_t_two_sided(t: f64, df: f64) -> LnTails {
    let Some(z) = student_t_as_normal(t, df) else {
        // So far out the first term of the series in `df / t^2` is all there is, and the
        // square of t may not fit a double.
        const FAR: f64 = 1e9;
        let u = t / df.sqrt();
        if u > FAR && t.is_finite() {
            let upper = -df * u.ln() - (0.5 * df).ln() - ln_beta(0.5, 0.5 * df);
            return LnTails {
                lower: ln_one_minus_exp(upper),
                upper,
            };
        }
        let (x, y) = student_t_shares(t, df);
        return ln_incomplete_beta(0.5, 0.5 * df, y, x);
    };
    let lower = libm::erf(z * FRAC_1_SQRT_2);
    LnTails {
        lower: lower.ln(),
        upper: if lower < 0.5 {
            (-lower).ln_1p()
        } else {
            LN_2 + ln_normal_upper(z)
        },
    }
}

/// `df / (df + t^2)` and its complement.
fn student_t_shares(t: f64, df: f64) -> (f64, f64) {
    // Scaled so that t^2 cannot overflow.
    let u = t / df.sqrt();
    if u > 1.0 {
        let v = 1.0 / (u * u);
        (v / (1.0 + v), 1.0 / (1.0 + v))
    } else {
        (1.0 / (1.0 + u * u), u * u / (1.0 + u * u))
    }
}

/// The z with the same tail as t, by Hill's expansion in `1 / df^2` (G. W. Hill,
/// "Algorithm 395", Communications of the ACM 13, 1970), where its first neglected
/// term is below rounding: for t = 2 from some 500 degrees of freedom on.
fn student_t_as_normal(t: f64, df: f64) -> Option<f64> {
    const ROUNDING: f64 = 1e-15;
    if df == f64::INFINITY {
        return Some(t);
    }
    let a = df - 0.5;
    let b = 48.0 * a * a;
    let w2 = a * (t * t / df).ln_1p();
    let w = w2.sqrt();
    let neglected = (w2.powi(5) + 10_000.0) * w / (b * b * b);
    // An error dz moves the logarithm of the tail by some (w + 1) dz.
    if !(a > 0.0 && neglected * (w + 1.0) < ROUNDING) {
        return None;
    }
    let first = (w2 + 3.0) / b;
    let second = (((4.0 * w2 + 33.0) * w2 + 240.0) * w2 + 855.0) / (10.0 * b * b);
    Some(w + w * (first - second))
}

/// `P(T > t)` of Student's t with `df > 0` degrees of freedom, which need not be
/// whole and may be infinite.
pub fn student_t_upper(t: f64, df: f64) -> TailProbability {
    let two_sided = ln_student_t_two_sided(t.abs(), df);
    TailProbability::from_ln(if t > 0.0 {
        two_sided.upper - LN_2
    } else {
        // (1 + P(|T| <= |t|)) / 2.
        (two_sided.lower.exp()).ln_1p() - LN_2
    })
}

/// `P(|T| > |t|)` of Student's t with `df > 0` degrees of freedom.
pub fn student_t_two_sided(t: f64, df: f64) -> TailProbability {
    TailProbability::from_ln(ln_student_t_two_sided(t.abs(), df).upper)
}

/// `P(T <= t)` of Student's t.
pub fn student_t_cdf(t: f64, df: f64) -> f64 {
    student_t_upper(-t, df).p
}

/// The t with `P(T <= t) = p`, `0 < p < 1`; infinite at 0 and 1, NaN outside.
pub fn student_t_quantile(p: f64, df: f64) -> f64 {
    if p < 0.5 {
        -student_t_critical(2.0 * p, df)
    } else {
        student_t_critical(2.0 * (1.0 - p), df)
    }
}

/// The two-sided critical value: the `c >= 0` with `P(|T| > c) = alpha`.
pub fn student_t_critical(alpha: f64, df: f64) -> f64 {
    if !(0.0..=1.0).contains(&alpha) || df <= 0.0 || df.is_nan() {
        return f64::NAN;
    }
    student_t_critical_of_ln(alpha.ln(), df)
}

/// [`student_t_critical`] of a probability given by its logarithm, which need not
/// fit a double itself.
fn student_t_critical_of_ln(target: f64, df: f64) -> f64 {
    if target == f64::NEG_INFINITY {
        return f64::INFINITY;
    }
    if target == 0.0 {
        return 0.0;
    }
    // An upper bound: P(|T| > c) <= (1 + c^2 / df)^(-df / 2), in the limit
    // exp(-c^2 / 2).
    let bound = if df == f64::INFINITY {
        -2.0 * target
    } else {
        df * (-2.0 * target / df).exp_m1()
    };
    if bound == f64::INFINITY {
        return f64::INFINITY;
    }
    // Newton's method on ln P against ln c. The function is concave, so from the
    // right every step stays to the right of the root.
    const ITERATIONS: usize = 200;
    let mut c = bound.sqrt();
    for _ in 0..ITERATIONS {
        let ln_p = ln_student_t_two_sided(c, df).upper;
        let slope = -(ln_student_t_density_at(c, df) - ln_p).exp();
        let step = (target - ln_p) / slope;
        c *= step.exp();
        if step.abs() <= 4.0 * f64::EPSILON {
            break;
        }
    }
    c
}

/// The z whose two-sided normal tail is the tail of `t` with `df` degrees of freedom.
pub(crate) fn student_t_to_normal(t: f64, df: f64) -> f64 {
    let size = t.abs();
    student_t_as_normal(size, df)
        .unwrap_or_else(|| {
            student_t_critical_of_ln(ln_student_t_two_sided(size, df).upper, f64::INFINITY)
        })
        .copysign(t)
}

/// The inverse of [`student_t_to_normal`].
pub(crate) fn normal_to_student_t(z: f64, df: f64) -> f64 {
    if df == f64::INFINITY {
        return z;
    }
    student_t_critical_of_ln(ln_student_t_two_sided(z.abs(), f64::INFINITY).upper, df).copysign(z)
}

/// `ln[2 t f(t)]` where f is the density of Student's t: minus the derivative of
/// `P(|T| > t)` with respect to `ln t`.
fn ln_student_t_density_at(t: f64, df: f64) -> f64 {
    if df == f64::INFINITY {
        return t.ln() - 0.5 * t * t + 0.5 * (2.0 / PI).ln();
    }
    let (x, y) = student_t_shares(t, df);
    LN_2 + ln_beta_kernel(0.5 * df, 0.5, x, y)
}

/// Logarithms of both tails of chi-square with `df` degrees of freedom.
fn ln_chi_square(x: f64, df: f64) -> LnTails {
    ln_incomplete_gamma(0.5 * df, 0.5 * x)
}

/// `P(X > x)` of chi-square with `df > 0` degrees of freedom.
pub fn chi_square_upper(x: f64, df: f64) -> TailProbability {
    TailProbability::from_ln(ln_chi_square(x, df).upper)
}

/// `P(X <= x)` of chi-square.
pub fn chi_square_cdf(x: f64, df: f64) -> f64 {
    ln_chi_square(x, df).lower.exp()
}

/// The x with `P(X <= x) = p` of chi-square, `0 < p < 1`.
pub fn chi_square_quantile(p: f64, df: f64) -> f64 {
    positive_quantile(p, |x| ln_chi_square(x, df))
}

/// Logarithms of both tails of F.
fn ln_f(x: f64, df1: f64, df2: f64) -> LnTails {
    let lower = df1 * x;
    let whole = lower + df2;
    if whole == f64::INFINITY {
        return ln_incomplete_beta(0.5 * df1, 0.5 * df2, 1.0, 0.0);
    }
    ln_incomplete_beta(0.5 * df1, 0.5 * df2, lower / whole, df2 / whole)
}

/// `P(X > x)` of F with `df1` and `df2` degrees of freedom, both positive and
/// finite.
pub fn f_upper(x: f64, df1: f64, df2: f64) -> TailProbability {
    TailProbability::from_ln(ln_f(x, df1, df2).upper)
}

/// `P(X <= x)` of F.
pub fn f_cdf(x: f64, df1: f64, df2: f64) -> f64 {
    ln_f(x, df1, df2).lower.exp()
}

/// The x with `P(X <= x) = p` of F, `0 < p < 1`.
pub fn f_quantile(p: f64, df1: f64, df2: f64) -> f64 {
    positive_quantile(p, |x| ln_f(x, df1, df2))
}

/// The x in (0, 1) with `I_x(a, b) = p` of the beta distribution, `0 < p < 1`.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    // The beta is u / (1 + u) of a positive u; both shares stay exact.
    let u = positive_quantile(p, |u| {
        let x = if u > 1.0 {
            1.0 / (1.0 + 1.0 / u)
        } else {
            u / (1.0 + u)
        };
        ln_incomplete_beta(a, b, x, 1.0 / (1.0 + u))
    });
    if u == f64::INFINITY {
        1.0
    } else {
        u / (1.0 + u)
    }
}

/// Inverts a distribution on the positive axis on a logarithmic scale, through
/// whichever tail is the smaller.
fn positive_quantile(p: f64, tails: impl Fn(f64) -> LnTails) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 {
        return 0.0;
    }
    if p == 1.0 {
        return f64::INFINITY;
    }
    // The logarithms of the smallest and the largest double.
    const LN_RANGE: (f64, f64) = (-708.0, 709.0);
    let ln_x = if p <= 0.5 {
        let target = p.ln();
        root::bracketed(|u| tails(u.exp()).lower - target, LN_RANGE.0, LN_RANGE.1)
    } else {
        let target = (-p).ln_1p();
        root::bracketed(|u| target - tails(u.exp()).upper, LN_RANGE.0, LN_RANGE.1)
    };
    ln_x.exp()
}

/// `ln P(X = k)` of a binomial with `n` trials of probability `p`.
pub fn ln_binomial_pmf(k: u64, n: u64, p: f64) -> f64 {
    if k > n {
        return f64::NEG_INFINITY;
    }
    let (k, rest) = (k as f64, (n - k) as f64);
    if k == 0.0 {
        return if rest == 0.0 {
            0.0
        } else {
            rest * (-p).ln_1p()
        };
    }
    if rest == 0.0 {
        return k * p.ln();
    }
    if p <= 0.0 || p >= 1.0 {
        return f64::NEG_INFINITY;
    }
    // x^a y^b / B(a, b) with a = k, b = n - k is k (n - k) / n times the
    // probability.
    ln_beta_kernel(k, rest, p, 1.0 - p) + (k + rest).ln() - k.ln() - rest.ln()
}

/// `P(X >= k)` of a binomial with `n` trials of probability `p`.
pub fn binomial_upper(k: u64, n: u64, p: f64) -> TailProbability {
    TailProbability::from_ln(if k == 0 {
        0.0
    } else if k > n {
        f64::NEG_INFINITY
    } else {
        ln_incomplete_beta(k as f64, (n - k) as f64 + 1.0, p, 1.0 - p).lower
    })
}

/// `P(X <= k)` of a binomial with `n` trials of probability `p`.
pub fn binomial_lower(k: u64, n: u64, p: f64) -> TailProbability {
    TailProbability::from_ln(if k >= n {
        0.0
    } else {
        ln_incomplete_beta(k as f64 + 1.0, (n - k) as f64, p, 1.0 - p).upper
    })
}
