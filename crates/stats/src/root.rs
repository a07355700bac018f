//! Where a function of one variable changes its sign.

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

/// The last point from `from`, which is inside, towards `to` whose excess is not
/// negative, to six digits of its distance; `to` itself when it is inside. The
/// point returned is inside.
///
/// Steps from a guess until the points on either side differ, and narrows them by the
/// method of I. F. D. Oliveira and R. H. C. Takahashi, "An enhancement of the
/// bisection method average performance preserving minmax optimality", ACM
/// Transactions on Mathematical Software 47 (2020): probabilities of counts are
/// smooth between jumps, and interpolation alone would stall at a jump.
pub(crate) fn boundary(
    excess: impl Fn(f64) -> f64,
    from: f64,
    to: f64,
    guess: f64,
    step: f64,
) -> f64 {
    const DIGITS: f64 = 1e-6;
    if from == to {
        return to;
    }
    let mut step = step.copysign(to - from);
    let mut near = (from, 0.0);
    let mut far;
    let at_guess = excess(guess);
    if at_guess >= 0.0 {
        near = (guess, at_guess);
        loop {
            if near.0 == to {
                return to;
            }
            let ahead = near.0 + step;
            let ahead = if (to - ahead) * step > 0.0 { ahead } else { to };
            let at_ahead = excess(ahead);
            if at_ahead < 0.0 {
                far = (ahead, at_ahead);
                break;
            }
            near = (ahead, at_ahead);
            step *= 2.0;
        }
    } else {
        far = (guess, at_guess);
        loop {
            let back = far.0 - step;
            if (back - from) * step <= 0.0 {
                near.1 = excess(from).max(0.0);
                break;
            }
            let at_back = excess(back);
            if at_back >= 0.0 {
                near = (back, at_back);
                break;
            }
            far = (back, at_back);
            step *= 2.0;
        }
    }

    let enough = DIGITS * (far.0 - from).abs();
    let width = (far.0 - near.0).abs();
    // Bisection would need this many steps; one more is allowed.
    let mut most = enough * 2.0_f64.powf((width / enough).log2().ceil().max(0.0) + 1.0);
    let truncation = 0.2 / width;
    while (far.0 - near.0).abs() > enough {
        let width = (far.0 - near.0).abs();
        let middle = 0.5 * (near.0 + far.0);
        let secant = (far.0 * near.1 - near.0 * far.1) / (near.1 - far.1);
        let towards_middle = (middle - secant).signum();
        let shift = truncation * width * width;
        let truncated = if shift <= (middle - secant).abs() {
            secant + towards_middle * shift
        } else {
            middle
        };
        let radius = 0.5 * (most - width);
        let point = if (truncated - middle).abs() <= radius {
            truncated
        } else {
            middle - towards_middle * radius
        };
        let at_point = excess(point);
        if at_point >= 0.0 {
            near = (point, at_point);
        } else {
            far = (point, at_point);
        }
        most *= 0.5;
    }
    near.0
}

/// Where a function with one peak in `[low, high]` is largest, by golden section:
/// each iteration leaves 0.618 of the interval.
pub(crate) fn peak(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64, iterations: usize) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let mut left = high - GOLDEN * (high - low);
    let mut right = low + GOLDEN * (high - low);
    let (mut at_left, mut at_right) = (f(left), f(right));
    for _ in 0..iterations {
        if at_left > at_right {
            high = right;
            (right, at_right) = (left, at_left);
            left = high - GOLDEN * (high - low);
            at_left = f(left);
        } else {
            low = left;
            (left, at_left) = (right, at_right);
            right = low + GOLDEN * (high - low);
            at_right = f(right);
        }
    }
    0.5 * (low + high)
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

    #[test]
    fn finds_peaks() {
        let x = peak(|x| -(x - 0.7f64).powi(2), -100.0, 100.0, 50);
        assert!((x - 0.7).abs() < 1e-7);
    }

    #[test]
    fn finds_boundaries_of_smooth_functions_and_jumps() {
        let smooth = |x: f64| 2.0 - x * x;
        let jump = |x: f64| if x <= 0.3 { 0.01 } else { -5.0 };
        for (guess, step) in [(0.1, 0.1), (1.0, 0.001), (2.0, 0.3), (3.0, 10.0)] {
            let x = boundary(smooth, 0.0, 3.0, guess, step);
            assert!(smooth(x) >= 0.0 && smooth(x + 4e-6) < 0.0, "{x}");
            let x = boundary(jump, 0.0, 3.0, guess, step);
            assert!(x <= 0.3 && x > 0.3 - 4e-6, "{x}");
            // Mirrored, and an end that is inside.
            let x = boundary(|x| jump(-x), 0.0, -3.0, -guess, step);
            assert!((-0.3..-0.3 + 4e-6).contains(&x), "{x}");
            assert_eq!(boundary(|_| 1.0, 0.0, 3.0, guess, step), 3.0);
        }
    }
}
