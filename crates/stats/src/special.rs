//! Special functions, accurate far into the tails.
//!
//! The incomplete gamma and beta functions are returned as the logarithms of both
//! tails, the smaller of which is computed directly and never by subtraction. The
//! factors in front of their series and continued fractions are densities, and are
//! evaluated by Loader's saddle-point form, which keeps its relative accuracy where
//! a difference of log-gammas has lost it (C. Loader, "Fast and accurate
//! computation of binomial probabilities", 2000).

use std::f64::consts::{LN_2, PI};

/// Logarithms of a probability and of its complement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LnTails {
    /// Logarithm of the lower tail.
    pub lower: f64,
    /// Logarithm of the upper tail.
    pub upper: f64,
}

impl LnTails {
    fn from_lower(lower: f64) -> Self {
        let lower = lower.min(0.0);
        LnTails {
            lower,
            upper: ln_one_minus_exp(lower),
        }
    }

    fn from_upper(upper: f64) -> Self {
        LnTails::from_lower(upper).swapped()
    }

    fn swapped(self) -> Self {
        LnTails {
            lower: self.upper,
            upper: self.lower,
        }
    }
}

/// `ln(1 - exp(x))` for `x <= 0` without cancellation at either end (M. Maechler,
/// "Accurately computing log(1 - exp(-|a|))", 2012).
pub fn ln_one_minus_exp(x: f64) -> f64 {
    if x > -LN_2 {
        (-x.exp_m1()).ln()
    } else {
        (-x.exp()).ln_1p()
    }
}

/// `ln Gamma(x)` for `x > 0`.
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// `ln B(a, b)`, the logarithm of the beta function, for `a, b > 0`.
pub fn ln_beta(a: f64, b: f64) -> f64 {
    let n = a + b;
    // B = (2 pi n / (a b))^(1/2) (a/n)^a (b/n)^b e^(delta_a + delta_b - delta_n).
    stirling_error(a) + stirling_error(b) - stirling_error(n)
        + a * ln_ratio(a, n, b)
        + b * ln_ratio(b, n, a)
        + 0.5 * ((2.0 * PI).ln() + n.ln() - a.ln() - b.ln())
}

/// `ln(part / whole)` where `whole = part + rest`.
fn ln_ratio(part: f64, whole: f64, rest: f64) -> f64 {
    if rest < part {
        (-rest / whole).ln_1p()
    } else {
        (part / whole).ln()
    }
}

/// Error of Stirling's formula, `ln Gamma(x + 1) - [(x + 1/2) ln x - x + ln(2 pi) /
/// 2]`, for `x > 0`.
pub(crate) fn stirling_error(x: f64) -> f64 {
    // Coefficients B_2k / (2k (2k - 1)) of the asymptotic series in 1/x.
    const SERIES: [f64; 7] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
    ];
    let mut shift = 0.0;
    let mut x = x;
    while x < 15.0 {
        shift += (x + 0.5) * (1.0 / x).ln_1p() - 1.0;
        x += 1.0;
    }
    let inverse_square = 1.0 / (x * x);
    let series = SERIES
        .iter()
        .rev()
        .fold(0.0, |sum, term| sum * inverse_square + term);
    shift + series / x
}

/// Half the deviance of a Poisson count, `x ln(x / m) + m - x`, given `x - m`
/// separately so that it keeps its accuracy when `x` is near `m`.
pub(crate) fn deviance(x: f64, m: f64, difference: f64) -> f64 {
    if difference.abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() - difference;
    }
    // x ln(x/m) = 2x artanh(v), v = (x - m) / (x + m), as a series in v.
    let v = difference / (x + m);
    let v2 = v * v;
    let mut term = 2.0 * x * v;
    let mut sum = difference * v;
    let mut k = 3.0;
    loop {
        term *= v2;
        let next = sum + term / k;
        // NaN is not equal to itself.
        if next == sum || next.is_nan() {
            return next;
        }
        sum = next;
        k += 2.0;
    }
}

/// `x^a e^-x / Gamma(a)`, which is `x` times the gamma density.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GammaKernel {
    a: f64,
    constant: f64,
}

impl GammaKernel {
    pub(crate) fn new(a: f64) -> Self {
        GammaKernel {
            a,
            constant: 0.5 * (a / (2.0 * PI)).ln() - stirling_error(a),
        }
    }

    /// Its logarithm at x.
    pub(crate) fn ln(&self, x: f64) -> f64 {
        self.constant - deviance(self.a, x, self.a - x)
    }
}

/// `ln[x^a e^-x / Gamma(a)]`.
pub(crate) fn ln_gamma_kernel(a: f64, x: f64) -> f64 {
    GammaKernel::new(a).ln(x)
}

/// `x^a y^b / B(a, b)` with `y = 1 - x`, which is `x y` times the beta density.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BetaKernel {
    a: f64,
    b: f64,
    constant: f64,
}

impl BetaKernel {
    pub(crate) fn new(a: f64, b: f64) -> Self {
        let n = a + b;
        let constant = 0.5 * (a / (2.0 * PI) * (b / n)).ln() + stirling_error(n)
            - stirling_error(a)
            - stirling_error(b);
        BetaKernel { a, b, constant }
    }

    /// Its logarithm at x, with `y = 1 - x`.
    pub(crate) fn ln(&self, x: f64, y: f64) -> f64 {
        let BetaKernel { a, b, constant } = *self;
        let n = a + b;
        let difference = a * y - b * x;
        constant - deviance(a, n * x, difference) - deviance(b, n * y, -difference)
    }
}

/// `ln[x^a y^b / B(a, b)]` with `y = 1 - x`.
pub(crate) fn ln_beta_kernel(a: f64, b: f64, x: f64, y: f64) -> f64 {
    BetaKernel::new(a, b).ln(x, y)
}

/// Terms after which a series or continued fraction that needs about
/// `sqrt(size)` of them must have converged.
fn term_limit(size: f64) -> u64 {
    1000 + (100.0 * size.sqrt()) as u64
}

/// Logarithms of the regularised incomplete gamma functions `P(a, x)` (lower) and
/// `Q(a, x)` (upper), for `a > 0`, `x >= 0`.
pub fn ln_incomplete_gamma(a: f64, x: f64) -> LnTails {
    if x.is_nan() || a.is_nan() {
        return LnTails {
            lower: f64::NAN,
            upper: f64::NAN,
        };
    }
    if x <= 0.0 {
        return LnTails::from_lower(f64::NEG_INFINITY);
    }
    if x == f64::INFINITY {
        return LnTails::from_upper(f64::NEG_INFINITY);
    }
    let kernel = ln_gamma_kernel(a, x);
    if x < a + 1.0 {
        // P = kernel / a * sum x^k / ((a + 1) ... (a + k)).
        let mut term = 1.0;
        let mut sum = 1.0;
        for k in 1..term_limit(a) {
            term *= x / (a + k as f64);
            sum += term;
            if term <= sum * f64::EPSILON * 0.5 {
                break;
            }
        }
        LnTails::from_lower(kernel - a.ln() + f64::ln(sum))
    } else {
        // DLMF 8.9.2 in its even form, by Lentz's method.
        let mut fraction = Lentz::new(x + 1.0 - a);
        for k in 1..term_limit(a) {
            let k = k as f64;
            if fraction.step(k * (a - k), x + 1.0 - a + 2.0 * k) {
                break;
            }
        }
        LnTails::from_upper(kernel - fraction.value.ln())
    }
}

/// Logarithms of the regularised incomplete beta function `I_x(a, b)` (lower) and
/// of `1 - I_x(a, b)` (upper), for `a, b > 0`.
///
/// `y = 1 - x` is given beside `x` because the caller often knows the smaller of
/// the two more exactly than subtraction could recover it.
pub fn ln_incomplete_beta(a: f64, b: f64, x: f64, y: f64) -> LnTails {
    if x.is_nan() || y.is_nan() || a.is_nan() || b.is_nan() {
        return LnTails {
            lower: f64::NAN,
            upper: f64::NAN,
        };
    }
    if x <= 0.0 {
        return LnTails::from_lower(f64::NEG_INFINITY);
    }
    if y <= 0.0 {
        return LnTails::from_upper(f64::NEG_INFINITY);
    }
    if x * (a + b + 2.0) < a + 1.0 {
        LnTails::from_lower(ln_beta_fraction(a, b, x, y))
    } else {
        LnTails::from_upper(ln_beta_fraction(b, a, y, x))
    }
}

/// `ln I_x(a, b)` by the continued fraction DLMF 8.17.22, which converges fast
/// below the mean.
fn ln_beta_fraction(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let mut fraction = Lentz::new(1.0);
    for m in 0..term_limit(a.max(b)) {
        let m = m as f64;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        fraction.step(odd, 1.0);
        let m = m + 1.0;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        if fraction.step(even, 1.0) {
            break;
        }
    }
    ln_beta_kernel(a, b, x, y) - a.ln() - fraction.value.ln()
}

/// A continued fraction `b_0 + a_1 / (b_1 + a_2 / (b_2 + ...))` evaluated forwards
/// by the modified method of Lentz.
struct Lentz {
    value: f64,
    c: f64,
    d: f64,
}

impl Lentz {
    /// Stands in for an exact zero.
    const TINY: f64 = 1e-300;

    fn new(first: f64) -> Self {
        let first = if first == 0.0 { Self::TINY } else { first };
        Lentz {
            value: first,
            c: first,
            d: 0.0,
        }
    }

    /// Adds the term `a / (b + ...)`; true when it no longer changes the value.
    fn step(&mut self, a: f64, b: f64) -> bool {
        let nonzero = |v: f64| if v.abs() < Self::TINY { Self::TINY } else { v };
        self.d = 1.0 / nonzero(b + a * self.d);
        self.c = nonzero(b + a / self.c);
        let factor = self.c * self.d;
        self.value *= factor;
        (factor - 1.0).abs() <= f64::EPSILON
    }
}
