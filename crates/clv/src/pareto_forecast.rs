//! Forecasts of the customers of a table by the Pareto/NBD.
//!
//! A customer who is alive at T buys within a horizon h, discounted,
//!
//! ```text
//! (r+x)/(alpha+T) int_0^h e^(-delta u) (1 + u/(beta+T))^-s du
//! ```
//!
//! where the integral depends on the age alone (P. S. Fader, B. G. S. Hardie and K. L.
//! Lee, "RFM and CLV", Journal of Marketing Research 42, 2005, for an endless horizon).

use crate::forecast::{Expectation, Forecast, Terms};
use crate::pareto_nbd::{ParetoLikelihood, ParetoNbd, to_scale_free};
use crate::quadrature::rule;
use crate::table::Customer;

/// A forecast, and what it keeps of the last customer.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct ParetoForecast {
    model: ParetoNbd,
    likelihood: ParetoLikelihood,
    terms: Terms,
    /// The last age, and the time of life discounted after it.
    known: Option<(f64, DiscountedTime)>,
}

impl ParetoForecast {
    pub(crate) fn new(model: ParetoNbd, terms: Terms) -> Self {
        ParetoForecast {
            model,
            likelihood: ParetoLikelihood::new(model),
            terms,
            known: None,
        }
    }
}

impl Forecast for ParetoForecast {
    fn evaluate(&mut self, customer: &Customer) -> Expectation {
        let ParetoNbd { r, alpha, beta, .. } = self.model;
        let after = self.model.alive_after(customer);
        let time = match self.known {
            Some((age, time)) if age == customer.age => time,
            _ => {
                let Terms { discount, horizon } = self.terms;
                let time = discounted_time(after.s, after.beta, discount, horizon);
                self.known.insert((customer.age, time)).1
            }
        };
        let (alive, ln_alive_gradient) = self.likelihood.alive(customer);
        let value = alive * after.r / after.alpha * time.value;
        // Of ln(r + x) - ln(alpha + T) + ln time, in the logarithms of r, alpha, s, beta.
        let ln_slopes = to_scale_free([
            r / after.r,
            -alpha / after.alpha,
            time.ln_s,
            time.ln_beta * beta / after.beta,
        ]);
        Expectation {
            alive,
            purchases: value,
            slopes: std::array::from_fn(|i| value * (ln_slopes[i] + ln_alive_gradient[i])),
        }
    }
}

/// `int_0^h e^(-delta u) (1 + u/beta)^-s du`, and the derivatives of its logarithm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DiscountedTime {
    pub(crate) value: f64,
    ln_s: f64,
    ln_beta: f64,
}

pub(crate) fn discounted_time(s: f64, beta: f64, discount: f64, horizon: f64) -> DiscountedTime {
    // With w = ln(1 + u/beta) the integrand is exp(-z (e^w - 1) - (s - 1) w).
    let z = discount * beta;
    if z == 0.0 && horizon == f64::INFINITY {
        return DiscountedTime {
            value: if s > 1.0 {
                beta / (s - 1.0)
            } else {
                f64::INFINITY
            },
            ln_s: if s > 1.0 { -s / (s - 1.0) } else { 0.0 },
            ln_beta: 1.0,
        };
    }
    let whole = (horizon / beta).ln_1p();
    if whole == 0.0 {
        return DiscountedTime {
            value: 0.0,
            ln_s: 0.0,
            ln_beta: 0.0,
        };
    }
    const CUT: f64 = 37.0;
    let mut width = whole.min((CUT / z).ln_1p());
    if s > 1.0 {
        width = width.min(CUT / (s - 1.0));
        // The exponent is convex: Newton's method comes down to the root.
        for _ in 0..4 {
            let excess = z * width.exp_m1() + (s - 1.0) * width - CUT;
            if excess <= 1.0 {
                break;
            }
            width -= excess / (z * width.exp() + s - 1.0);
        }
    }
    const PANEL: f64 = 2.0;
    let panels = (width / PANEL).ceil().max(1.0);
    let rule = rule(3);
    let step = width / panels;
    let (mut total, mut log_sum, mut growth_sum) = (0.0, 0.0, 0.0);
    for panel in 0..panels as usize {
        for (node, weight) in rule.nodes.iter().zip(&rule.weights) {
            let w = step * (panel as f64 + node);
            let growth = w.exp_m1();
            let weight = weight * (-z * growth - (s - 1.0) * w).exp();
            total += weight;
            log_sum += weight * w;
            growth_sum += weight * growth;
        }
    }
    // The value is beta f(z, W): its upper limit moves with beta as well.
    let value = beta * step * total;
    let edge = if whole > width {
        0.0
    } else {
        let slope = -(horizon / (beta + horizon));
        slope * (-z * whole.exp_m1() - (s - 1.0) * whole).exp() / (step * total)
    };
    DiscountedTime {
        value,
        ln_s: -s * log_sum / total,
        ln_beta: 1.0 - z * growth_sum / total + edge,
    }
}
