//! Who the customers are: what the company sees of them and what it does not.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, Gamma, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::calendar::END;
use crate::company::{ACQUISITION, DEVICE_SHARES, NEWBIE_DAYS, REGION_SHARES};
use crate::stream::{Purpose, stream};

/// A gamma distribution, given by its shape and its mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GammaLaw {
    pub shape: f64,
    pub mean: f64,
}

/// The distributions that customers are drawn from.
///
/// Purchases follow the Pareto/NBD model (Schmittlein, Morrison, Colombo 1987, *Management Science* 33:1): while
/// alive, a customer orders in a Poisson process with rate λ; λ is gamma over customers; the lifetime is exponential
/// with rate μ; μ is gamma over customers. Order values follow the gamma-gamma model (Fader, Hardie, Lee 2005,
/// *Journal of Marketing Research* 42:4): an order's value is gamma with shape `p` and rate ν, and ν is gamma over
/// customers with shape `q`. All are independent of each other. A customer's mean order value p/ν is then inverse
/// gamma with shape `q`, has mean `order_value_mean` and coefficient of variation 1/√(q - 2).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// λ, orders a day while alive, before calendar and effects.
    pub purchase_rate: GammaLaw,
    /// μ, a day. The mean lifetime is shape / (mean (shape - 1)) days.
    pub dropout_rate: GammaLaw,
    /// `p` of the gamma-gamma model: a single order has coefficient of variation 1/√p about the customer's mean.
    pub order_value_shape: f64,
    /// `q` of the gamma-gamma model.
    pub order_value_heterogeneity: f64,
    /// The mean over customers of the customer's mean order value, in the project's currency.
    pub order_value_mean: f64,
    /// Visits without an order, for each order.
    pub visits_per_order: GammaLaw,
    /// The share of customers who joined before the data begin, evenly over `history_days`; the others join evenly
    /// over the data.
    pub joined_before: f64,
    pub history_days: f64,
}

impl Default for Population {
    fn default() -> Self {
        Self {
            purchase_rate: GammaLaw {
                shape: 1.2,
                mean: 6.5 / 365.0,
            },
            dropout_rate: GammaLaw {
                shape: 2.0,
                mean: 1.0 / (3.0 * 365.0),
            },
            order_value_shape: 4.0,
            order_value_heterogeneity: 5.0,
            order_value_mean: 68.0,
            visits_per_order: GammaLaw {
                shape: 2.0,
                mean: 3.0,
            },
            joined_before: 0.6,
            history_days: 3.0 * 365.0,
        }
    }
}

/// One customer. Times are days since the start of the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Customer {
    pub(crate) index: u64,
    pub(crate) joined: f64,
    /// Positions in [`crate::company`]'s lists.
    pub(crate) region: usize,
    pub(crate) device: usize,
    pub(crate) acquisition: usize,
    pub(crate) tier: usize,
    /// What the company's own score says of how active the customer is: the logarithm of the true rate, with noise.
    pub(crate) engagement: f64,
    pub(crate) purchase_rate: f64,
    pub(crate) dropout_rate: f64,
    /// From joining to leaving, had nothing changed the hazard of leaving.
    pub(crate) lifetime: f64,
    pub(crate) order_value: f64,
    /// Visits a day without an order while alive, before calendar and effects.
    pub(crate) visit_rate: f64,
}

/// Draws customers of one company.
#[derive(Debug, Clone)]
pub(crate) struct Sampler {
    seed: u64,
    population: Population,
    purchase_rate: Gamma<f64>,
    dropout_rate: Gamma<f64>,
    order_value: Gamma<f64>,
    order_noise: Gamma<f64>,
    visits_per_order: Gamma<f64>,
}

/// The tiers' lower bounds, in money a year that the company believes the customer to be worth.
const TIER_BOUNDS: [f64; 2] = [280.0, 800.0];

impl Sampler {
    pub(crate) fn new(seed: u64, population: Population) -> Self {
        let law = |law: GammaLaw| gamma(law.shape, law.mean);
        Self {
            seed,
            population,
            purchase_rate: law(population.purchase_rate),
            dropout_rate: law(population.dropout_rate),
            // ν in units in which the mean of 1/ν is 1: E[1/ν] = rate / (q - 1) for shape q.
            order_value: gamma(
                population.order_value_heterogeneity,
                population.order_value_heterogeneity / (population.order_value_heterogeneity - 1.0),
            ),
            order_noise: gamma(population.order_value_shape, 1.0),
            visits_per_order: law(population.visits_per_order),
        }
    }

    pub(crate) fn customer(&self, index: u64) -> Customer {
        let mut profile = stream(self.seed, Purpose::Profile, index);
        let before = profile.random::<f64>() < self.population.joined_before;
        let when: f64 = profile.random();
        let joined = if before {
            -when * self.population.history_days
        } else {
            when * END
        };
        let region = pick(&mut profile, REGION_SHARES);
        let device = pick(&mut profile, DEVICE_SHARES);
        let acquisition = pick(&mut profile, ACQUISITION.map(|(_, share, _)| share));

        let mut latent = stream(self.seed, Purpose::Latent, index);
        let purchase_rate = self.purchase_rate.sample(&mut latent);
        let dropout_rate = self.dropout_rate.sample(&mut latent);
        let lifetime: f64 = Distribution::<f64>::sample(&Exp1, &mut latent) / dropout_rate;
        let order_value = self.population.order_value_mean / self.order_value.sample(&mut latent);
        let visit_rate = purchase_rate * self.visits_per_order.sample(&mut latent);

        let noise: f64 = StandardNormal.sample(&mut profile);
        let believed_worth = 365.0 * purchase_rate * order_value * (0.5 * noise).exp();
        let tier = TIER_BOUNDS
            .iter()
            .filter(|&&bound| believed_worth >= bound)
            .count();
        let noise: f64 = StandardNormal.sample(&mut profile);
        let engagement = (365.0 * (purchase_rate + visit_rate)).ln() + 0.7 * noise;

        Customer {
            index,
            joined,
            region,
            device,
            acquisition,
            tier,
            engagement,
            purchase_rate,
            dropout_rate,
            lifetime,
            order_value,
            visit_rate,
        }
    }

    /// An order's value relative to the customer's mean.
    pub(crate) fn order_noise(&self, generator: &mut ChaCha8Rng) -> f64 {
        self.order_noise.sample(generator)
    }
}

impl Customer {
    /// The customer's number in the tables, from 1.
    pub(crate) fn id(&self) -> i64 {
        self.index as i64 + 1
    }

    /// Whether the customer joined only a short time ago.
    pub(crate) fn is_newbie(&self, time: f64) -> bool {
        time - self.joined < NEWBIE_DAYS
    }
}

/// A position drawn with the given shares, which sum to 1.
pub(crate) fn pick(generator: &mut ChaCha8Rng, shares: impl IntoIterator<Item = f64>) -> usize {
    let mut left: f64 = generator.random();
    let mut last = 0;
    for (position, share) in shares.into_iter().enumerate() {
        last = position;
        left -= share;
        if left < 0.0 {
            break;
        }
    }
    last
}

fn gamma(shape: f64, mean: f64) -> Gamma<f64> {
    // The only errors are a shape or a scale that is not positive, and `Population` is made by `default` alone.
    Gamma::new(shape, mean / shape).expect("shapes and means are positive")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUSTOMERS: usize = 10_000;

    fn customers() -> Vec<Customer> {
        let sampler = Sampler::new(11, Population::default());
        (0..CUSTOMERS as u64)
            .map(|index| sampler.customer(index))
            .collect()
    }

    /// Mean and variance of `value` over customers.
    fn moments(customers: &[Customer], value: impl Fn(&Customer) -> f64) -> (f64, f64) {
        let n = customers.len() as f64;
        let mean = customers.iter().map(&value).sum::<f64>() / n;
        let variance = customers
            .iter()
            .map(|c| (value(c) - mean).powi(2))
            .sum::<f64>()
            / (n - 1.0);
        (mean, variance)
    }

    /// Asserts that a mean over customers is within five standard errors of what it should be.
    fn assert_mean(found: (f64, f64), expected: f64) {
        let error = (found.1 / CUSTOMERS as f64).sqrt();
        assert!(
            (found.0 - expected).abs() < 5.0 * error,
            "{} is not {expected} ± {error}",
            found.0
        );
    }

    #[test]
    fn latent_parameters_have_their_declared_moments() {
        let (p, all) = (Population::default(), customers());
        let rate = moments(&all, |c| c.purchase_rate);
        assert_mean(rate, p.purchase_rate.mean);
        assert!((rate.1 * p.purchase_rate.shape / p.purchase_rate.mean.powi(2) - 1.0).abs() < 0.1);
        assert_mean(moments(&all, |c| c.dropout_rate), p.dropout_rate.mean);
        let value = moments(&all, |c| c.order_value);
        assert_mean(value, p.order_value_mean);
        let variation = value.1.sqrt() / value.0;
        assert!((variation - (p.order_value_heterogeneity - 2.0).powf(-0.5)).abs() < 0.06);
        assert_mean(
            moments(&all, |c| c.visit_rate / c.purchase_rate),
            p.visits_per_order.mean,
        );
    }

    #[test]
    fn lifetimes_follow_the_pareto_law() {
        // P(lifetime > t) = (β / (β + t))^s with β = s / E[μ].
        let (p, all) = (Population::default().dropout_rate, customers());
        let beta = p.shape / p.mean;
        for years in [1.0, 3.0, 10.0] {
            let t = years * 365.0;
            let survived = moments(&all, |c| f64::from(u8::from(c.lifetime > t)));
            assert_mean(survived, (beta / (beta + t)).powf(p.shape));
        }
    }

    #[test]
    fn attributes_have_their_declared_shares() {
        let (is, all) = (|yes: bool| f64::from(u8::from(yes)), customers());
        for (region, share) in REGION_SHARES.into_iter().enumerate() {
            assert_mean(moments(&all, |c| is(c.region == region)), share);
        }
        assert_mean(moments(&all, |c| is(c.joined < 0.0)), 0.6);
        assert!(moments(&all, |c| is(c.tier == 2)).0 > 0.08);
    }
}
