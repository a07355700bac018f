//! Expectations over the probability of leaving and the rate of purchase of a customer
//! of a beta-geometric model: trapezoidal sums in `logit p` and `ln lambda`, which
//! converge geometrically.
//!
//! Over p the two ends are taken out first: `E f = f(0) E(1-p) + f(1) E p + E[f -
//! f(0)(1-p) - f(1)p]`, so that a density that is infinite at an end does no harm.
//! Neither `a = 1` nor any other value is special.

use crate::gamma_function::minus_ln_beta;
use stats::special::{ln_beta, ln_gamma};

/// Decay, in logs, at which sums are cut off.
pub(crate) const CUT: f64 = 36.0;

/// Nodes for expectations over `p ~ Beta(a, b)`.
pub(crate) struct Probabilities {
    a: f64,
    b: f64,
    /// Values of p and of 1 - p, and weights.
    nodes: Vec<(f64, f64, f64)>,
}

impl Probabilities {
    pub(crate) fn new(a: f64, b: f64) -> Self {
        // What is left once the ends are taken out falls like p and 1 - p there.
        let spread = (1.0 / (a + 1.0) + 1.0 / (b + 1.0)).sqrt();
        let step = (0.5 * spread).min(0.25);
        let mode = ((a + 1.0) / (b + 1.0)).ln();
        let norm = ln_beta(a, b);
        let logs = |y: f64| {
            let ln_p = if y > 0.0 {
                -(-y).exp().ln_1p()
            } else {
                y - y.exp().ln_1p()
            };
            (ln_p, ln_p - y)
        };
        let height = |(ln_p, ln_rest): (f64, f64)| (a + 1.0) * ln_p + (b + 1.0) * ln_rest;
        let top = height(logs(mode));
        let mut nodes = Vec::with_capacity(128);
        for direction in [-1.0, 1.0] {
            let first = if direction < 0.0 { 1 } else { 0 };
            for j in first.. {
                let at = logs(mode + direction * step * f64::from(j));
                if height(at) < top - CUT {
                    break;
                }
                let weight = step * (a * at.0 + b * at.1 - norm).exp();
                nodes.push((at.0.exp(), at.1.exp(), weight));
            }
        }
        Probabilities { a, b, nodes }
    }

    /// Mean of a function, given its limit at 0.
    pub(crate) fn mean(&self, at_zero: f64, f: impl Fn(f64) -> f64) -> f64 {
        let at_one = f(1.0);
        let ends = (at_zero * self.b + at_one * self.a) / (self.a + self.b);
        let between: f64 = self
            .nodes
            .iter()
            .map(|&(p, rest, weight)| weight * (f(p) - at_zero * rest - at_one * p))
            .sum();
        (ends + between).max(0.0)
    }

    /// Mean of p.
    pub(crate) fn centre(&self) -> f64 {
        self.a / (self.a + self.b)
    }

    /// Mean of `1/p`, as [`mean_inverse`].
    pub(crate) fn mean_inverse(&self) -> (f64, [f64; 2]) {
        mean_inverse(self.a, self.b)
    }

    /// Means of several functions, and the derivatives of the first one's in a and b.
    pub(crate) fn means_with_slopes<const N: usize>(
        &self,
        f: impl Fn(f64) -> [f64; N],
    ) -> ([f64; N], [f64; 2]) {
        let (at_zero, at_one) = (f(0.0), f(1.0));
        let both = self.a + self.b;
        let mut means: [f64; N] =
            std::array::from_fn(|i| (at_zero[i] * self.b + at_one[i] * self.a) / both);
        let rise = (at_one[0] - at_zero[0]) / (both * both);
        let mut slopes = [self.b * rise, -self.a * rise];
        // The density is p^(a-1) (1-p)^(b-1) / B(a, b).
        let (_, by_a, by_b) = minus_ln_beta(self.a, self.b);
        for &(p, rest, weight) in &self.nodes {
            let values = f(p);
            let mut part = [0.0; N];
            for i in 0..N {
                part[i] = weight * (values[i] - at_zero[i] * rest - at_one[i] * p);
                means[i] += part[i];
            }
            slopes[0] += part[0] * (p.ln() + by_a);
            slopes[1] += part[0] * (rest.ln() + by_b);
        }
        (means, slopes)
    }

    /// Mean of `1 / (c + p d)`.
    pub(crate) fn mean_reciprocal(&self, c: f64, d: f64) -> f64 {
        // f - f(0)(1-p) - f(1)p = -p (1-p) d^2 / (c (c+d) (c + p d)).
        let ends = (self.b / c + self.a / (c + d)) / (self.a + self.b);
        let between: f64 = self
            .nodes
            .iter()
            .map(|&(p, rest, weight)| weight * p * rest / (c + p * d))
            .sum();
        ends - d / c * (d / (c + d)) * between
    }
}

/// Mean of `1/p` over `p ~ Beta(a, b)`, and its derivatives in a and b; infinite where
/// `a <= 1`.
pub(crate) fn mean_inverse(a: f64, b: f64) -> (f64, [f64; 2]) {
    if a <= 1.0 {
        return (f64::INFINITY, [0.0; 2]);
    }
    let above = a - 1.0;
    let by_b = 1.0 / above;
    ((a + b - 1.0) / above, [-b * by_b * by_b, by_b])
}

/// Nodes and weights for expectations over `lambda ~ Gamma(shape, scale)` of functions
/// that vanish like lambda at 0.
pub(crate) struct Rates {
    shape: f64,
    scale: f64,
    norm: f64,
    mode: f64,
    step: f64,
    top: f64,
    next: i32,
    upwards: bool,
}

impl Rates {
    pub(crate) fn new(shape: f64, scale: f64) -> Self {
        let mode = (shape + 1.0) / scale;
        Rates {
            shape,
            scale,
            norm: ln_gamma(shape) - shape * scale.ln(),
            mode: mode.ln(),
            step: (0.5 / (shape + 1.0).sqrt()).min(0.25),
            top: (shape + 1.0) * mode.ln() - scale * mode,
            next: 0,
            upwards: true,
        }
    }
}

impl Iterator for Rates {
    /// A rate and its weight.
    type Item = (f64, f64);

    fn next(&mut self) -> Option<(f64, f64)> {
        loop {
            let ln_rate = self.mode + self.step * f64::from(self.next);
            let rate = ln_rate.exp();
            let height = (self.shape + 1.0) * ln_rate - self.scale * rate;
            let far = height < self.top - CUT;
            if far && !self.upwards {
                return None;
            }
            if far {
                self.upwards = false;
                self.next = -1;
                continue;
            }
            self.next += if self.upwards { 1 } else { -1 };
            let weight = self.step * (height - ln_rate - self.norm).exp();
            return Some((rate, weight));
        }
    }
}
