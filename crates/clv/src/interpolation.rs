//! Interpolation of smooth functions of one variable at Chebyshev nodes.

use std::array;
use std::f64::consts::PI;

/// Several functions of one variable on an interval, as Chebyshev series.
#[derive(Debug, Clone)]
pub(crate) struct Chebyshev<const FUNCTIONS: usize> {
    middle: f64,
    half_width: f64,
    /// Coefficients of each degree.
    coefficients: Vec<[f64; FUNCTIONS]>,
}

/// Nodes that interpolate to rounding, relative to its largest value, a function on an
/// interval of this width that is analytic and of the same size within a distance from
/// it: the error falls as `rho^-nodes`, `rho` the sum of the semi-axes of the largest
/// ellipse around the interval, of half-width 1, that keeps within that distance.
pub(crate) fn nodes_needed(width: f64, distance: f64) -> usize {
    /// Of double precision, in logs, and a little more.
    const DIGITS: f64 = 37.0;
    let axis = 2.0 * distance / width;
    let ln_rho = axis.asinh();
    ((DIGITS / ln_rho).ceil() as usize).max(2)
}

impl<const FUNCTIONS: usize> Chebyshev<FUNCTIONS> {
    /// From the functions' values at the nodes.
    pub(crate) fn new(
        (low, high): (f64, f64),
        nodes: usize,
        functions: impl Fn(f64) -> [f64; FUNCTIONS],
    ) -> Self {
        let (middle, half_width) = (0.5 * (low + high), 0.5 * (high - low));
        let angle = |node: usize| PI * (node as f64 + 0.5) / nodes as f64;
        let values: Vec<[f64; FUNCTIONS]> = (0..nodes)
            .map(|node| functions(middle + half_width * angle(node).cos()))
            .collect();
        let coefficients = (0..nodes)
            .map(|degree| {
                let share = if degree == 0 { 1.0 } else { 2.0 } / nodes as f64;
                let mut sums = [0.0; FUNCTIONS];
                for (node, values) in values.iter().enumerate() {
                    let weight = share * (degree as f64 * angle(node)).cos();
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum += weight * value;
                    }
                }
                sums
            })
            .collect();
        Chebyshev {
            middle,
            half_width,
            coefficients,
        }
    }

    /// Values in the interval, by Clenshaw's recurrence.
    pub(crate) fn at(&self, x: f64) -> [f64; FUNCTIONS] {
        let t = ((x - self.middle) / self.half_width).clamp(-1.0, 1.0);
        let (mut later, mut last) = ([0.0; FUNCTIONS], [0.0; FUNCTIONS]);
        for coefficient in self.coefficients[1..].iter().rev() {
            let next = array::from_fn(|i| 2.0 * t * last[i] - later[i] + coefficient[i]);
            (later, last) = (last, next);
        }
        array::from_fn(|i| t * last[i] - later[i] + self.coefficients[0][i])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolates_to_rounding() {
        // The logistic function has its nearest singularities at a distance of pi; the
        // second has no other.
        let functions = |x: f64| [1.0 / (1.0 + (-x).exp()), x.sin()];
        for (low, high) in [(-1.0, 1.5), (0.0, 6.0), (2.0, 2.001)] {
            let nodes = nodes_needed(high - low, 0.9 * PI);
            let series = Chebyshev::new((low, high), nodes, functions);
            for i in 0..=100 {
                let x = low + (high - low) * f64::from(i) / 100.0;
                for (found, expected) in series.at(x).into_iter().zip(functions(x)) {
                    assert!((found - expected).abs() < 1e-14, "{low} {high} {x}");
                }
            }
        }
    }
}
