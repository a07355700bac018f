//! What an active customer of a beta-geometric model is expected to do.
//!
//! Given the history and that the customer is active, `p ~ Beta(a, b + n)` and `lambda ~
//! Gamma(r + kx + i, alpha + T)`, independent, where i events, fewer than k, have passed
//! since the last purchase. With exponential times the expected purchases within t are
//! `E[(1 - e^(-lambda p t)) / p]`, and those of all time, discounted,
//! `E[lambda / (delta + lambda p)]`.

use crate::bg_discounted::ActiveCustomer;
use crate::bg_nbd::BetaGeometric;
use crate::bg_nodes::{CUT, Probabilities, Rates, mean_inverse};
use crate::quadrature::rule;
use crate::table::Customer;

/// Expected purchases within a horizon.
pub(crate) fn transactions<const MODIFIED: bool>(
    model: &BetaGeometric<MODIFIED>,
    customer: &Customer,
    horizon: f64,
) -> f64 {
    let state = Active::new(model, customer);
    if horizon <= 0.0 {
        return 0.0;
    }
    if model.k > 1 {
        return state.regular_transactions(horizon);
    }
    state.transactions(&Probabilities::new(state.a, state.b), horizon)
}

/// Expected purchases within a horizon, discounted.
pub(crate) fn discounted_transactions<const MODIFIED: bool>(
    model: &BetaGeometric<MODIFIED>,
    customer: &Customer,
    discount: f64,
    horizon: f64,
) -> f64 {
    if discount == 0.0 && horizon < f64::INFINITY {
        return transactions(model, customer, horizon);
    }
    let state = Active::new(model, customer);
    if model.k == 1 && discount > 0.0 {
        let active = ActiveCustomer {
            shape: state.shape,
            scale: state.scale,
            probabilities: &Probabilities::new(state.a, state.b),
        };
        return active.discounted(discount, horizon).value;
    }
    if horizon == f64::INFINITY {
        return state.residual(discount);
    }
    // By parts: d e^(-d u) E(u) integrated, and what is left at the end. In v = ln(1 +
    // u/scale), in which expectations are smooth.
    let scale = state.scale;
    let end = (horizon / scale)
        .ln_1p()
        .min((CUT / (discount * scale)).ln_1p());
    const PANEL: f64 = 1.5;
    let panels = (end / PANEL).ceil().max(1.0);
    let step = end / panels;
    let whole: f64 = (0..panels as usize)
        .map(|panel| {
            let low = step * panel as f64;
            rule(2).integrate(low, low + step, |v| {
                let u = scale * v.exp_m1();
                discount * (-discount * u).exp() * (u + scale) * state.regular_transactions(u)
            })
        })
        .sum();
    whole + (-discount * horizon).exp() * state.regular_transactions(horizon)
}

/// Probability of no purchase within a horizon.
pub(crate) fn silence<const MODIFIED: bool>(
    model: &BetaGeometric<MODIFIED>,
    customer: &Customer,
    horizon: f64,
) -> f64 {
    let state = Active::new(model, customer);
    state
        .events_since()
        .map(|(i, weight)| {
            let counts = Counts::new(state.shape + f64::from(i), horizon / state.scale);
            let few: f64 = counts.take((model.k - i) as usize).sum();
            weight * few
        })
        .sum()
}

/// An active customer.
struct Active {
    /// Shape of the rate at the last purchase, `r + kx`.
    shape: f64,
    /// Scale of the rate, `alpha + T`.
    scale: f64,
    /// Share of the scale that lies after the last purchase.
    since: f64,
    /// Parameters of the probability of leaving.
    a: f64,
    b: f64,
    k: u32,
}

impl Active {
    fn new<const MODIFIED: bool>(model: &BetaGeometric<MODIFIED>, customer: &Customer) -> Self {
        let scale = model.alpha + customer.age;
        Active {
            shape: model.r + f64::from(customer.frequency) * f64::from(model.k),
            scale,
            since: (customer.age - customer.recency) / scale,
            a: model.a,
            b: model.b + BetaGeometric::<MODIFIED>::trials(customer.frequency),
            k: model.k,
        }
    }

    /// Numbers of events since the last purchase, with their probabilities.
    fn events_since(&self) -> impl Iterator<Item = (u32, f64)> {
        let total = self.not_yet();
        (0..self.k).map(move |i| (i, self.term(i) / total))
    }

    /// `E[(lambda w)^i / i!]`, w the time since the last purchase.
    fn term(&self, i: u32) -> f64 {
        (1..=i).fold(1.0, |term, i| {
            let i = f64::from(i);
            term * (self.shape + i - 1.0) / i * self.since
        })
    }

    /// The sum of these terms over the events that do not yet make a purchase.
    fn not_yet(&self) -> f64 {
        (0..self.k).map(|i| self.term(i)).sum()
    }

    /// Expected purchases within a horizon where times are exponential.
    fn transactions(&self, probabilities: &Probabilities, horizon: f64) -> f64 {
        let growth = horizon / self.scale;
        probabilities.mean(self.shape * growth, |p| {
            -(-self.shape * (p * growth).ln_1p()).exp_m1() / p
        })
    }

    /// Expected purchases within a horizon where times are regular: the j-th purchase
    /// comes if the customer stayed `j - 1` times and k - i + (j-1)k events happen.
    fn regular_transactions(&self, horizon: f64) -> f64 {
        let mut total = 0.0;
        for (i, weight) in self.events_since() {
            let shape = self.shape + f64::from(i);
            let growth = horizon / self.scale;
            let mode = shape * growth;
            let mut next = self.k - i;
            let (mut stayed, mut trials, mut purchases) = (1.0, 0.0, 0.0);
            let mut sum = 0.0;
            for (events, probability) in Counts::new(shape, growth).enumerate() {
                if events as u64 == u64::from(next) {
                    purchases += stayed;
                    stayed *= (self.b + trials) / (self.a + self.b + trials);
                    trials += 1.0;
                    next += self.k;
                }
                let term = probability * purchases;
                sum += term;
                let events = events as f64;
                if events > mode && events > f64::from(self.k) && term <= 1e-17 * sum {
                    break;
                }
            }
            total += weight * sum;
        }
        total
    }

    /// Discounted purchases of all time. With `q = lambda / (lambda + delta)`, the
    /// discount of an event, `E[q^(k-i) / (1 - (1-p) q^k)]`.
    fn residual(&self, discount: f64) -> f64 {
        if discount == 0.0 {
            return mean_inverse(self.a, self.b).0;
        }
        let probabilities = Probabilities::new(self.a, self.b);
        let mut total = 0.0;
        for (rate, weight) in Rates::new(self.shape, self.scale) {
            // The events since the last purchase weigh rates by their Poisson terms.
            let events = rate * self.since * self.scale;
            let ln_q = -(discount / rate).ln_1p();
            let k = f64::from(self.k);
            let (mut poisson, mut first) = (1.0, 0.0);
            for i in 0..self.k {
                let i = f64::from(i);
                if i > 0.0 {
                    poisson *= events / i;
                }
                first += poisson * ((k - i) * ln_q).exp();
            }
            let through = (k * ln_q).exp();
            let lost = -(k * ln_q).exp_m1();
            total += weight * first * probabilities.mean_reciprocal(lost, through);
        }
        total / self.not_yet()
    }
}

/// Probabilities of 0, 1, 2, ... events: negative binomial with a shape, where the time
/// is `growth` times the scale of the rate.
struct Counts {
    shape: f64,
    ln_share: f64,
    ln_next: f64,
    count: f64,
}

impl Counts {
    fn new(shape: f64, growth: f64) -> Self {
        Counts {
            shape,
            ln_share: -(1.0 / growth).ln_1p(),
            ln_next: -shape * growth.ln_1p(),
            count: 0.0,
        }
    }
}

impl Iterator for Counts {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        let probability = self.ln_next.exp();
        self.ln_next += ((self.shape + self.count) / (self.count + 1.0)).ln() + self.ln_share;
        self.count += 1.0;
        Some(probability)
    }
}
