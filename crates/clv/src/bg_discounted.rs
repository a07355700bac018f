//! Discounted purchases of an active customer of a beta-geometric model with exponential
//! times, and their derivatives.
//!
//! With `s = r + x` and `A = alpha + T`, an active customer's purchases come at the rate
//! `E[lambda e^(-lambda p u)]`, so that within a horizon h
//!
//! ```text
//! D(h) = int_0^h e^(-delta u) (s/A) E_p (1 + p u/A)^-(s+1) du,   p ~ Beta(a, b + n)
//! ```
//!
//! The integral is Gauss-Legendre in `ln(1 + u/c)`, c the time in which the mean
//! customer may leave; the nearest singularities lie at a distance of pi from it. The
//! mean over p is that of [`Probabilities`].

use crate::bg_nodes::Probabilities;
use crate::quadrature::rule;
use crate::special::ln_1p;

/// An active customer with exponential times.
pub(crate) struct ActiveCustomer<'a> {
    /// `s = r + x`.
    pub(crate) shape: f64,
    /// `A = alpha + T`.
    pub(crate) scale: f64,
    /// Of leaving after a purchase, given the history.
    pub(crate) probabilities: &'a Probabilities,
}

/// Discounted purchases of an active customer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Discounted {
    pub(crate) value: f64,
    /// Its derivatives in the shape, in the logarithm of the scale, and in the two
    /// parameters of the probability of leaving.
    pub(crate) by_shape: f64,
    pub(crate) by_ln_scale: f64,
    pub(crate) by_a: f64,
    pub(crate) by_b: f64,
}

impl ActiveCustomer<'_> {
    /// Discounted purchases within a horizon; without a discount and an end, `E[1/p]`.
    pub(crate) fn discounted(&self, discount: f64, horizon: f64) -> Discounted {
        if discount == 0.0 && horizon == f64::INFINITY {
            let (value, [by_a, by_b]) = self.probabilities.mean_inverse();
            return Discounted {
                value,
                by_shape: 0.0,
                by_ln_scale: 0.0,
                by_a,
                by_b,
            };
        }
        let nodes = self.time_nodes(discount, horizon);
        let exponent = self.shape + 1.0;
        let at = |p: f64| {
            let (mut value, mut logs, mut shares) = (0.0, 0.0, 0.0);
            for &(time, weight) in &nodes {
                let growth = p * time;
                let ln_growth = ln_1p(growth);
                let part = weight * (-exponent * ln_growth).exp();
                value += part;
                logs += part * ln_growth;
                shares += part * growth / (1.0 + growth);
            }
            [value, value / self.shape - logs, exponent * shares - value]
        };
        let ([value, by_shape, by_ln_scale], [by_a, by_b]) =
            self.probabilities.means_with_slopes(at);
        Discounted {
            value: value.max(0.0),
            by_shape,
            by_ln_scale,
            by_a,
            by_b,
        }
    }

    /// Times over the scale, `u/A`, and their weights `e^(-delta u) (s/A) du`.
    fn time_nodes(&self, discount: f64, horizon: f64) -> Vec<(f64, f64)> {
        /// Discount, in logs, after which nothing counts.
        const CUT: f64 = 37.0;
        /// Width in w that 24 nodes integrate to rounding.
        const PANEL: f64 = 2.0;
        let end = horizon.max(0.0).min(CUT / discount);
        let pace = self.scale / (1.0 + (self.shape + 1.0) * self.probabilities.centre());
        let width = (end / pace).ln_1p();
        let panels = (width / PANEL).ceil().max(1.0);
        let step = width / panels;
        let rule = rule(3);
        (0..panels as usize)
            .flat_map(|panel| {
                let nodes = rule.nodes.iter().zip(&rule.weights);
                nodes.map(move |(node, weight)| (step * (panel as f64 + node), step * weight))
            })
            .map(|(w, weight)| {
                let time = pace * w.exp_m1();
                let rate = self.shape / self.scale * (-discount * time).exp();
                (time / self.scale, weight * (time + pace) * rate)
            })
            .collect()
    }
}
