//! One root of a continuous function between two signs.

/// A root of `f` in `[a, b]`, where `f(a)` and `f(b)` differ in sign (one of them
/// may be zero or infinite), by Chandrupatla's method: bisection that takes
/// inverse quadratic steps where the last three points allow it (T. R.
/// Chandrupatla, Advances in Engineering Software 28, 1997).
///
/// The result is accurate to a few units in the last place of the root.
pub(crate) fn bracketed(f: impl Fn(f64) -> f64, a: f64, b: f64) -> f64 {
    const ITERATIONS: usize = 400;
    let (mut x1, mut x2) = (b, a);
    let (mut f1, mut f2) = (f(b), f(a));
    let mut t = 0.5;
    for _ in 0..ITERATIONS {
        let x = x1 + t * (x2 - x1);
        let fx = f(x);
        let (x3, f3);
        if (fx > 0.0) == (f1 > 0.0) {
            (x3, f3) = (x1, f1);
        } else {
            (x3, f3) = (x2, f2);
            (x2, f2) = (x1, f1);
        }
        (x1, f1) = (x, fx);

        let (best, f_best) = if f1.abs() < f2.abs() {
            (x1, f1)
        } else {
            (x2, f2)
        };
        let tolerance = 2.0 * f64::EPSILON * best.abs() + f64::MIN_POSITIVE;
        let relative_tolerance = tolerance / (x2 - x1).abs();
        if relative_tolerance > 0.5 || f_best == 0.0 {
            return best;
        }
        let xi = (x1 - x2) / (x3 - x2);
        let phi = (f1 - f2) / (f3 - f2);
        let interpolates = (1.0 - phi) * (1.0 - phi) < 1.0 - xi
            && phi * phi < xi
            && f1.is_finite()
            && f2.is_finite()
            && f3.is_finite();
        t = if interpolates {
            f1 / (f1 - f2) * f3 / (f3 - f2)
                + (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
        } else {
            0.5
        };
        t = t.clamp(relative_tolerance, 1.0 - relative_tolerance);
    }
    x1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_roots_to_the_last_places() {
        let root = bracketed(|x| x * x - 2.0, 0.0, 10.0);
        assert!((root - std::f64::consts::SQRT_2).abs() < 1e-15);
        let root = bracketed(|x| x.cos() - x, 0.0, 1.0);
        assert!((root - 0.739_085_133_215_160_6).abs() < 1e-15);
    }

    #[test]
    fn accepts_infinite_ends_and_roots_at_an_end() {
        let root = bracketed(|x: f64| x.ln() + 30.0, 0.0, 1.0);
        assert!((root / (-30.0f64).exp() - 1.0).abs() < 1e-12);
        assert_eq!(bracketed(|x| x, 0.0, 1.0), 0.0);
    }
}
