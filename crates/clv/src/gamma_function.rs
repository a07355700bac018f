//! The gamma function's logarithm and its derivative, and their differences between
//! two arguments, for the likelihoods made of them.
//!
//! Both come from the same asymptotic series (NIST Digital Library of Mathematical
//! Functions, 5.11.1 and 5.11.2) after the argument is raised to where the series has
//! sixteen digits. Differences are taken term by term, so that they keep their digits
//! when the arguments are large and near each other, as they are where a
//! distribution over customers narrows to a point.

/// Arguments from which the asymptotic series is used.
const LARGE: f64 = 10.0;
const HALF_LN_TWO_PI: f64 = 0.918_938_533_204_672_7;

/// `ln Gamma(x)` and its derivative, the digamma function, for `x > 0`.
pub(crate) fn ln_gamma_and_digamma(x: f64) -> (f64, f64) {
    let mut product = 1.0;
    let mut reciprocals = 0.0;
    let mut raised = x;
    while raised < LARGE {
        product *= raised;
        reciprocals += 1.0 / raised;
        raised += 1.0;
    }
    let ln = raised.ln();
    let (value, slope) = correction(raised);
    (
        (raised - 0.5) * ln - raised + HALF_LN_TWO_PI + value - f64::ln(product),
        ln + slope - reciprocals,
    )
}

/// `ln Gamma(base + step) - ln Gamma(base)` for `base > 0`, `step >= 0`, and the
/// difference of the digamma functions, which is its derivative by the base.
pub(crate) fn rise(base: f64, step: f64) -> (f64, f64) {
    let end = base + step;
    if base < LARGE {
        let (high, high_slope) = ln_gamma_and_digamma(end);
        let (low, low_slope) = ln_gamma_and_digamma(base);
        return (high - low, high_slope - low_slope);
    }
    let ln_ratio = (step / base).ln_1p();
    let (high, high_slope) = correction(end);
    let (low, low_slope) = correction(base);
    (
        (base - 0.5) * ln_ratio + step * end.ln() - step + (high - low),
        ln_ratio + (high_slope - low_slope),
    )
}

/// `-ln B(a, b)`, and its derivatives by a and by b.
pub(crate) fn minus_ln_beta(a: f64, b: f64) -> (f64, f64, f64) {
    /// Largest sum of which three separate values lose no digits that matter.
    const MODERATE: f64 = 100.0;
    if a + b < MODERATE {
        let (value, slope) = ln_gamma_and_digamma(a + b);
        let (value_a, slope_a) = ln_gamma_and_digamma(a);
        let (value_b, slope_b) = ln_gamma_and_digamma(b);
        return (value - value_a - value_b, slope - slope_a, slope - slope_b);
    }
    let (by_a, by_b) = (rise(a, b), rise(b, a));
    let value = if a >= b {
        by_a.0 - ln_gamma_and_digamma(b).0
    } else {
        by_b.0 - ln_gamma_and_digamma(a).0
    };
    (value, by_a.1, by_b.1)
}

/// What the leading terms leave of both: `ln Gamma(x) - [(x - 1/2) ln x - x + ln(2 pi)
/// / 2]`, and `digamma(x) - ln x`, for large x.
fn correction(x: f64) -> (f64, f64) {
    /// `B_2k / (2k (2k - 1))`, k from 1.
    const SERIES: [f64; 8] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
        -3617.0 / 122_400.0,
    ];
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    let mut value = 0.0;
    let mut slope = 0.0;
    for (k, coefficient) in SERIES.iter().enumerate().rev() {
        value = value * square + coefficient;
        slope = slope * square + (2 * k + 1) as f64 * coefficient;
    }
    (value * inverse, -0.5 * inverse - slope * square)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arguments with `ln Gamma` and digamma, computed with 40 digits.
    const KNOWN: [(f64, f64, f64); 7] = [
        (1e-06, 13.815509980749432, -1000000.5772140201),
        (0.1, 2.252712651734206, -10.423754940411076),
        (0.5532755, 0.47436718222326096, -1.7222675890269648),
        (1.0, 0.0, -0.5772156649015329),
        (4.5, 2.4537365708424423, 1.388870926359529),
        (37.25, 96.6198845882781, 3.604169073005627),
        (100000000.0, 1742068066.1038346, 18.420680738952367),
    ];

    #[test]
    fn agrees_with_forty_digits() {
        for (x, ln_gamma, digamma) in KNOWN {
            let (value, slope) = ln_gamma_and_digamma(x);
            assert!((value - ln_gamma).abs() <= 4e-15 * ln_gamma.abs().max(1.0));
            assert!((slope - digamma).abs() <= 4e-15 * digamma.abs().max(1.0));
        }
    }

    #[test]
    fn differences_keep_their_digits() {
        for (base, step, value, slope) in RISES {
            let found = rise(base, step);
            assert!((found.0 - value).abs() <= 1e-14 * f64::abs(value).max(1.0));
            assert!((found.1 - slope).abs() <= 4e-15 * f64::abs(slope) + 4e-15 / base);
        }
    }

    #[test]
    fn beta_is_symmetric() {
        for (a, b) in [(0.3, 2.5), (1e-6, 40.0), (25.0, 1e9), (3.0, 3.0)] {
            let (value, by_a, by_b) = minus_ln_beta(a, b);
            let (swapped, swapped_by_b, swapped_by_a) = minus_ln_beta(b, a);
            assert!((value - swapped).abs() <= 1e-14 * value.abs().max(1.0));
            assert!((by_a - swapped_by_a).abs() <= 1e-14 * by_a.abs());
            assert!((by_b - swapped_by_b).abs() <= 1e-14 * by_b.abs());
            assert!((value + stats::special::ln_beta(a, b)).abs() < 1e-12 * value.abs().max(1.0));
        }
    }

    /// Base, step, the difference of `ln Gamma` and of digamma, computed with 40 digits.
    const RISES: [(f64, f64, f64, f64); 5] = [
        (0.3, 2.5, -0.5790952028303288, 4.34307121104955),
        (10.5, 3.0, 7.319450936840938, 0.2621946169772257),
        (1000.0, 0.25, 1.7268450619359652, 0.00025009376561620607),
        (50000000000.0, 7.0, 172.4470218970419, 1.399999999916e-10),
        (2.0, 5000.0, 37599.660902048185, 8.094708812992435),
    ];
}
