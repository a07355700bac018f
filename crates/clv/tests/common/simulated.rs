//! Customers simulated from the timing models.

// Each test uses a part of it.
#![allow(dead_code)]

use clv::Customer;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution, Exp1, Gamma};

/// A generator of customers.
pub(crate) struct Simulation {
    random: ChaCha8Rng,
}

impl Simulation {
    pub(crate) fn new(seed: u64) -> Self {
        Simulation {
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// Uniform in a range.
    pub(crate) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random.random::<f64>()
    }

    pub(crate) fn gamma(&mut self, shape: f64, rate: f64) -> f64 {
        let gamma = Gamma::new(shape, 1.0 / rate).expect("positive parameters");
        gamma.sample(&mut self.random)
    }

    /// A waiting time at a rate; without end at a rate of zero.
    pub(crate) fn wait(&mut self, rate: f64) -> f64 {
        let unit: f64 = Exp1.sample(&mut self.random);
        unit / rate
    }

    /// A customer of a Pareto/NBD world with parameters `r, alpha, s, beta`.
    pub(crate) fn pareto(&mut self, [r, alpha, s, beta]: [f64; 4], age: f64) -> Customer {
        let rate = self.gamma(r, alpha);
        let hazard = self.gamma(s, beta);
        let end = self.wait(hazard).min(age);
        self.history(age, end, |simulation| simulation.wait(rate), 0.0)
    }

    /// A customer of a BG/NBD world with parameters `r, alpha, a, b`.
    pub(crate) fn beta_geometric(&mut self, [r, alpha, a, b]: [f64; 4], age: f64) -> Customer {
        let rate = self.gamma(r, alpha);
        let leaves = self.beta(a, b);
        self.history(age, age, |simulation| simulation.wait(rate), leaves)
    }

    pub(crate) fn beta(&mut self, a: f64, b: f64) -> f64 {
        let beta = Beta::new(a, b).expect("positive parameters");
        beta.sample(&mut self.random)
    }

    fn history(
        &mut self,
        age: f64,
        end: f64,
        wait: impl Fn(&mut Self) -> f64,
        leaves: f64,
    ) -> Customer {
        let mut customer = Customer {
            frequency: 0,
            recency: 0.0,
            age,
        };
        loop {
            let next = customer.recency + wait(self);
            if next > end {
                return customer;
            }
            customer.frequency += 1;
            customer.recency = next;
            if self.random.random::<f64>() < leaves {
                return customer;
            }
        }
    }
}
