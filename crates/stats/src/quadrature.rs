//! Gauss-Legendre quadrature of a smooth function over a panel, and of its integral
//! from any node to the end of the panel.

use std::sync::OnceLock;

/// Nodes of a panel; exact for polynomials of degree `2 NODES - 1`.
pub(crate) const NODES: usize = 16;

/// The rule on [-1, 1].
pub(crate) struct Panel {
    /// Nodes, ascending.
    pub(crate) nodes: [f64; NODES],
    /// Their weights.
    pub(crate) weights: [f64; NODES],
    /// `to_end[i][j]`: the weight of node j in the integral from node i to 1 of the
    /// polynomial through all nodes.
    pub(crate) to_end: [[f64; NODES]; NODES],
}

/// The rule, computed once.
pub(crate) fn panel() -> &'static Panel {
    static PANEL: OnceLock<Panel> = OnceLock::new();
    PANEL.get_or_init(Panel::new)
}

impl Panel {
    fn new() -> Self {
        let mut nodes = [0.0; NODES];
        let mut weights = [0.0; NODES];
        for (i, (node, weight)) in nodes.iter_mut().zip(&mut weights).enumerate() {
            // Newton's method from the asymptotic place of the root.
            const ITERATIONS: usize = 10;
            let angle = std::f64::consts::PI * (i as f64 + 0.75) / (NODES as f64 + 0.5);
            let mut x = -angle.cos();
            for _ in 0..ITERATIONS {
                let p = legendre(x);
                x -= p[NODES] / derivative(&p, x);
            }
            let slope = derivative(&legendre(x), x);
            *node = x;
            *weight = 2.0 / ((1.0 - x * x) * slope * slope);
        }
        // The polynomial that is 1 at node j and 0 at the others is
        // w_j sum_k (2k + 1) / 2 P_k(x_j) P_k(x), and the integral of P_k from x to 1
        // is (P_{k-1}(x) - P_{k+1}(x)) / (2k + 1), or 1 - x for k = 0.
        let values = nodes.map(legendre);
        let mut to_end = [[0.0; NODES]; NODES];
        for (i, row) in to_end.iter_mut().enumerate() {
            for (j, entry) in row.iter_mut().enumerate() {
                let higher: f64 = (1..NODES)
                    .map(|k| values[j][k] * (values[i][k - 1] - values[i][k + 1]))
                    .sum();
                *entry = 0.5 * weights[j] * (1.0 - nodes[i] + higher);
            }
        }
        Panel {
            nodes,
            weights,
            to_end,
        }
    }
}

/// Legendre polynomials of degrees 0 to `NODES` at x.
fn legendre(x: f64) -> [f64; NODES + 1] {
    let mut p = [1.0; NODES + 1];
    p[1] = x;
    for k in 1..NODES {
        let degree = k as f64;
        p[k + 1] = ((2.0 * degree + 1.0) * x * p[k] - degree * p[k - 1]) / (degree + 1.0);
    }
    p
}

/// Derivative of the polynomial of degree `NODES`.
fn derivative(p: &[f64; NODES + 1], x: f64) -> f64 {
    NODES as f64 * (x * p[NODES] - p[NODES - 1]) / (x * x - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrates_to_rounding() {
        let rule = panel();
        let f = rule.nodes.map(f64::exp);
        let whole: f64 = (0..NODES).map(|i| rule.weights[i] * f[i]).sum();
        assert!((whole - 2.0 * 1f64.sinh()).abs() < 1e-14);
        for i in 0..NODES {
            let part: f64 = (0..NODES).map(|j| rule.to_end[i][j] * f[j]).sum();
            assert!((part - (1f64.exp() - rule.nodes[i].exp())).abs() < 1e-14);
        }
    }
}
