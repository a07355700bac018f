//! Forecasts of the customers of a table by a beta-geometric model.
//!
//! What an active customer will do depends, with exponential times, on the frequency and
//! the age alone, and of one frequency it is a smooth function of `ln(alpha + T)`: its
//! nearest singularities lie at a distance of pi from the real axis, and it is of the
//! same size up to half of that. So it is interpolated between a few ages; the
//! probability of being active, which depends on recency too, is computed for each
//! customer.

use crate::bg_discounted::ActiveCustomer;
use crate::bg_expectation::discounted_transactions;
use crate::bg_likelihood::BetaGeometricLikelihood;
use crate::bg_nbd::BetaGeometric;
use crate::bg_nodes::Probabilities;
use crate::forecast::{Expectation, Forecast, Terms};
use crate::interpolation::{Chebyshev, nodes_needed};
use crate::table::Customer;
use crate::timing::TimingModel;
use std::array;
use std::f64::consts::FRAC_PI_2;

/// Discounted purchases of an active customer and their derivatives in the scale-free
/// parameters.
type Active = [f64; 5];

/// A forecast of customers of one frequency.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct BetaGeometricForecast<const MODIFIED: bool> {
    likelihood: BetaGeometricLikelihood<MODIFIED>,
    model: BetaGeometric<MODIFIED>,
    terms: Terms,
    /// Over `ln(alpha + T)`, where there are more ages than nodes.
    by_age: Option<Chebyshev<5>>,
    /// The last customer, as far as it matters to what an active one will do.
    known: Option<(Customer, Active)>,
}

impl<const MODIFIED: bool> BetaGeometricForecast<MODIFIED> {
    /// For customers of these ages, ascending.
    pub(crate) fn new(
        model: BetaGeometric<MODIFIED>,
        terms: Terms,
        frequency: u32,
        ages: &[f64],
    ) -> Self {
        let ln_scale = |age: f64| (model.alpha + age).ln();
        let by_age = match (ages.first(), ages.last()) {
            (Some(&low), Some(&high)) if model.k == 1 && low < high => {
                let ends = (ln_scale(low), ln_scale(high));
                let nodes = nodes_needed(ends.1 - ends.0, FRAC_PI_2);
                // Beside a very large alpha all ages are one.
                (ages.len() > nodes && ends.0 < ends.1).then(|| {
                    let active = Exponential::new(model, frequency, terms);
                    Chebyshev::new(ends, nodes, |ln_scale| active.at(ln_scale.exp()))
                })
            }
            _ => None,
        };
        BetaGeometricForecast {
            likelihood: BetaGeometricLikelihood::new(model),
            model,
            terms,
            by_age,
            known: None,
        }
    }

    fn active(&mut self, customer: &Customer) -> Active {
        let mut state = *customer;
        if self.model.k == 1 {
            state.recency = 0.0;
        }
        match self.known {
            Some((known, active)) if known == state => active,
            _ => {
                let scale = self.model.alpha + customer.age;
                let active = match &self.by_age {
                    Some(by_age) => by_age.at(scale.ln()),
                    None if self.model.k == 1 => {
                        Exponential::new(self.model, customer.frequency, self.terms).at(scale)
                    }
                    None => by_differences(&self.model, customer, self.terms),
                };
                self.known = Some((state, active));
                active
            }
        }
    }
}

impl<const MODIFIED: bool> Forecast for BetaGeometricForecast<MODIFIED> {
    fn evaluate(&mut self, customer: &Customer) -> Expectation {
        let [value, slopes @ ..] = self.active(customer);
        let (alive, ln_slopes) = self.likelihood.alive(customer);
        Expectation {
            alive,
            purchases: alive * value,
            slopes: array::from_fn(|i| alive * (slopes[i] + value * ln_slopes[i])),
        }
    }
}

/// Customers of one frequency whose times between purchases are exponential.
struct Exponential<const MODIFIED: bool> {
    model: BetaGeometric<MODIFIED>,
    shape: f64,
    probabilities: Probabilities,
    terms: Terms,
}

impl<const MODIFIED: bool> Exponential<MODIFIED> {
    fn new(model: BetaGeometric<MODIFIED>, frequency: u32, terms: Terms) -> Self {
        let trials = BetaGeometric::<MODIFIED>::trials(frequency);
        Exponential {
            model,
            shape: model.r + f64::from(frequency),
            probabilities: Probabilities::new(model.a, model.b + trials),
            terms,
        }
    }

    /// At a scale `alpha + T` of the rate.
    fn at(&self, scale: f64) -> Active {
        let BetaGeometric { r, alpha, a, b, .. } = self.model;
        let active = ActiveCustomer {
            shape: self.shape,
            scale,
            probabilities: &self.probabilities,
        };
        let found = active.discounted(self.terms.discount, self.terms.horizon);
        let ln_slopes = [
            r * found.by_shape,
            alpha / scale * found.by_ln_scale,
            a * found.by_a,
            b * found.by_b,
        ];
        let [by_r, by_rate, by_both, by_level] = self.model.to_scale_free(ln_slopes);
        [found.value, by_r, by_rate, by_both, by_level]
    }
}

/// Where times are regular: by central differences.
fn by_differences<const MODIFIED: bool>(
    model: &BetaGeometric<MODIFIED>,
    customer: &Customer,
    terms: Terms,
) -> Active {
    const STEP: f64 = 1e-4;
    let at = |moved: Option<(usize, f64)>| {
        let mut eta = model.scale_free();
        if let Some((parameter, step)) = moved {
            eta[parameter] += step;
        }
        let model = model.at_scale_free(eta);
        discounted_transactions(&model, customer, terms.discount, terms.horizon)
    };
    array::from_fn(|i| match i.checked_sub(1) {
        None => at(None),
        Some(i) => (at(Some((i, STEP))) - at(Some((i, -STEP)))) / (2.0 * STEP),
    })
}
