//! Gauss-Legendre rules.

use std::sync::OnceLock;

/// A rule on [0, 1].
#[derive(Debug)]
pub(crate) struct Rule {
    /// Nodes, ascending.
    pub(crate) nodes: Vec<f64>,
    /// Their weights.
    pub(crate) weights: Vec<f64>,
}

/// Most nodes of a rule that [`rule`] gives.
pub(crate) const MOST_NODES: usize = 32;

/// The rule of 8, 16, 24 or 32 nodes.
pub(crate) fn rule(eighths: usize) -> &'static Rule {
    static RULES: OnceLock<[Rule; 4]> = OnceLock::new();
    let rules = RULES.get_or_init(|| [8, 16, 24, MOST_NODES].map(Rule::new));
    &rules[eighths.clamp(1, 4) - 1]
}

impl Rule {
    fn new(size: usize) -> Self {
        let mut rule = Rule {
            nodes: Vec::with_capacity(size),
            weights: Vec::with_capacity(size),
        };
        for i in 0..size {
            // Newton's method from the asymptotic place of the root.
            const ITERATIONS: usize = 10;
            let angle = std::f64::consts::PI * (i as f64 + 0.75) / (size as f64 + 0.5);
            let mut x = -angle.cos();
            for _ in 0..ITERATIONS {
                let (value, slope) = legendre(size, x);
                x -= value / slope;
            }
            let (_, slope) = legendre(size, x);
            rule.nodes.push(0.5 * (1.0 + x));
            rule.weights.push(1.0 / ((1.0 - x * x) * slope * slope));
        }
        rule
    }

    /// Integral of a function over `[low, high]`.
    pub(crate) fn integrate(&self, low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
        let width = high - low;
        let sum: f64 = self
            .nodes
            .iter()
            .zip(&self.weights)
            .map(|(node, weight)| weight * f(low + width * node))
            .sum();
        width * sum
    }
}

/// The Legendre polynomial of a degree and its derivative.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for k in 1..degree {
        let k = k as f64;
        (before, value) = (
            value,
            ((2.0 * k + 1.0) * x * value - k * before) / (k + 1.0),
        );
    }
    let slope = degree as f64 * (x * value - before) / (x * x - 1.0);
    (value, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrates_to_rounding() {
        for eighths in 1..=4 {
            let got = rule(eighths).integrate(-1.0, 2.0, f64::exp);
            assert!((got - (2f64.exp() - (-1f64).exp())).abs() < 2e-14, "{got}");
        }
    }
}
