//! Special functions of the customer-base models.

/// From here on Stirling's series is exact to rounding.
const LARGE: f64 = 16.0;
/// Up to here a rising factorial is multiplied out.
const SHORT: u32 = 32;

/// `ln[Gamma(r + x) / Gamma(r)]` and its derivative in r, `psi(r + x) - psi(r)`, for
/// `r > 0`.
///
/// Neither is a difference of large numbers: the first factors are multiplied out and
/// the rest is Stirling's series of a ratio.
pub(crate) fn ln_rising(r: f64, x: u32) -> (f64, f64) {
    if x <= SHORT {
        return ln_product(r, x);
    }
    let shift = if r < LARGE { LARGE as u32 } else { 0 };
    let (head, head_slope) = ln_product(r, shift);
    let low = r + f64::from(shift);
    let rest = f64::from(x - shift);
    let high = low + rest;
    // ln Gamma(z) = (z - 1/2) ln z - z + ln(2 pi) / 2 + series(z).
    let ln_ratio = (rest / low).ln_1p();
    let (low_series, low_slope) = stirling(low);
    let (high_series, high_slope) = stirling(high);
    let value = (low - 0.5) * ln_ratio + rest * (high.ln() - 1.0) + high_series - low_series;
    let slope = ln_ratio + 0.5 * rest / (low * high) + high_slope - low_slope;
    (head + value, head_slope + slope)
}

/// `sum_{k < n} ln(r + k)` and `sum_{k < n} 1 / (r + k)`.
fn ln_product(r: f64, n: u32) -> (f64, f64) {
    let mut sum = 0.0;
    let mut slope = 0.0;
    // Products of a few factors at a time spare logarithms.
    let mut product = 1.0;
    for k in 0..n {
        let factor = r + f64::from(k);
        slope += 1.0 / factor;
        product *= factor;
        if !(1e-100..1e100).contains(&product) {
            sum += product.ln();
            product = 1.0;
        }
    }
    (sum + product.ln(), slope)
}

/// The series in Stirling's formula for `ln Gamma(z)`, and its derivative, `z >= 16`.
fn stirling(z: f64) -> (f64, f64) {
    // B_2k / (2k (2k - 1)).
    const SERIES: [f64; 7] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
    ];
    let inverse = 1.0 / z;
    let square = inverse * inverse;
    let (mut value, mut slope) = (0.0, 0.0);
    for (k, term) in SERIES.iter().enumerate().rev() {
        value = value * square + term;
        slope = slope * square - (2 * k + 1) as f64 * term;
    }
    (value * inverse, slope * square)
}

/// `(1 - exp(-c l)) / c`, which is `l` at `c = 0`.
pub(crate) fn one_minus_exp_over(c: f64, l: f64) -> f64 {
    let y = c * l;
    if y.abs() < 1e-300 {
        l
    } else {
        -l * (-y).exp_m1() / y
    }
}

/// `ln(exp(a) + exp(b))`, and the shares of `exp(a)` and `exp(b)` in the sum.
pub(crate) fn ln_sum_exp(a: f64, b: f64) -> (f64, f64, f64) {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    if high == f64::NEG_INFINITY {
        return (high, 0.5, 0.5);
    }
    let ratio = (low - high).exp();
    let (larger, smaller) = (1.0 / (1.0 + ratio), ratio / (1.0 + ratio));
    let sum = high + ln_1p(ratio);
    if a >= b {
        (sum, larger, smaller)
    } else {
        (sum, smaller, larger)
    }
}

/// `ln(1 + y)` of `y >= 0`: a logarithm, and what rounding `1 + y` lost.
pub(crate) fn ln_1p(y: f64) -> f64 {
    let u = 1.0 + y;
    u.ln() + (y - (u - 1.0)) / u
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rising_factorials_are_products() {
        let (value, slope) = ln_rising(0.25, 3);
        assert!((value - (0.25f64 * 1.25 * 2.25).ln()).abs() < 1e-15);
        assert!((slope - (4.0 + 0.8 + 1.0 / 2.25)).abs() < 1e-14);
        for (r, x) in [
            (0.01, 33),
            (0.5, 100),
            (3.7, 2000),
            (15.9, 64),
            (40.0, 50_000),
            (1e7, 90),
        ] {
            let (value, slope) = ln_rising(r, x);
            let (product, sum) = ln_product(r, x);
            assert!(
                (value / product - 1.0).abs() < 1e-13,
                "{r} {x}: {value} {product}"
            );
            assert!((slope / sum - 1.0).abs() < 1e-13, "{r} {x}: {slope} {sum}");
        }
    }

    #[test]
    fn powers_near_one() {
        assert_eq!(one_minus_exp_over(0.0, 2.5), 2.5);
        assert!((one_minus_exp_over(1e-9, 2.5) - (2.5 - 3.125e-9)).abs() < 1e-15);
        assert!((one_minus_exp_over(-2.0, 1.0) - (2f64.exp() - 1.0) / 2.0).abs() < 1e-14);
        let (sum, one, other) = ln_sum_exp(2_f64.ln(), 6_f64.ln());
        assert!((sum - 8_f64.ln()).abs() < 1e-15);
        assert!((one - 0.25).abs() < 1e-15 && (other - 0.75).abs() < 1e-15);
        assert_eq!(
            ln_sum_exp(f64::NEG_INFINITY, f64::NEG_INFINITY).0,
            f64::NEG_INFINITY
        );
        for y in [0.0, 1e-20, 1e-9, 0.3, 1e9] {
            assert!((ln_1p(y) - f64::ln_1p(y)).abs() <= 4e-16 * f64::ln_1p(y));
        }
    }
}
