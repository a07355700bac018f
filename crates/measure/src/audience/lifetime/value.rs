//! What customers are worth: expected purchases times expected spend, customer by customer.
//!
//! The expected spend per purchase of customers with one history is linear in what they have spent, so that the value of
//! a group needs two numbers of each history: how many customers have it, and what they spent. Its standard error has two
//! parts, by the delta method: that of the timing parameters, which all customers share, and that of the parameters of
//! spend; the two are independent in the model. By how many per cent discounted purchases change with a timing parameter
//! is taken to be by how many per cent purchases do that are not discounted, which is much less work.

use std::thread;

use clv::{Customer, InfiniteMeanSpend, Prediction};

use super::base::{Base, DAYS_PER_UNIT, Kept};
use super::finding::{Distribution, GroupValue, QuantileValue};
use super::fit::{Fitted, STEP, Spend, per_customer};

/// How value is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Value of a unit of spend.
    pub(super) margin: f64,
    /// Continuous discount per unit of the models' time.
    pub(super) discount: f64,
    /// In the models' unit of time; it may be infinite.
    pub(super) horizon: f64,
    pub(super) alpha: f64,
}

/// What a model expects of each history.
pub(super) struct Expected {
    /// Discounted purchases of a customer within the horizon.
    pub(super) discounted: Vec<f64>,
    /// Purchases, not discounted.
    purchases: Vec<f64>,
    alive: Vec<f64>,
    /// Slopes of discounted purchases in the logarithms of the model's parameters.
    slopes: Vec<[f64; 4]>,
    /// Covariance of these logarithms.
    covariance: [[f64; 4]; 4],
}

/// Does the same for each history, on all processors; the results keep the histories' order.
fn for_each<R: Send>(base: &Base, threads: usize, work: impl Fn(&Customer) -> R + Sync) -> Vec<R> {
    let customers: Vec<Customer> = base.histories().map(|rows| rows[0].customer()).collect();
    let size = customers.len().div_ceil(threads.max(1)).max(1);
    let work = &work;
    thread::scope(|scope| {
        let running: Vec<_> = customers
            .chunks(size)
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<R>>()))
            .collect();
        running
            .into_iter()
            .flat_map(|part| match part.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// Discounted purchases of a customer of each history.
pub(super) fn discounted(base: &Base, fitted: &Fitted, terms: &Terms, threads: usize) -> Vec<f64> {
    for_each(base, threads, |customer| {
        fitted.discounted(customer, terms.discount, terms.horizon)
    })
}

/// Customers of a group with one history.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    customers: f64,
    spend: f64,
}

/// A group of customers by histories: the place of each, and how much of it is in the group.
pub(super) struct Group {
    shares: Vec<(usize, Share)>,
    pub(super) customers: f64,
    repeats: f64,
    spend: f64,
}

impl Expected {
    /// From a fitted model and the discounted purchases that it expects.
    pub(super) fn new(
        base: &Base,
        fitted: &Fitted,
        terms: &Terms,
        discounted: Vec<f64>,
        threads: usize,
    ) -> Self {
        let each = for_each(base, threads, |customer| {
            let purchases = fitted.expected(customer, terms.horizon);
            let slopes = fitted.slopes(customer, terms.horizon);
            (purchases, fitted.alive(customer), slopes)
        });
        let slopes = each.iter().zip(&discounted);
        Self {
            slopes: slopes
                .map(|((.., relative), value)| relative.map(|slope| slope * value))
                .collect(),
            purchases: each.iter().map(|(purchases, ..)| *purchases).collect(),
            alive: each.iter().map(|(_, alive, _)| *alive).collect(),
            covariance: fitted.covariance(),
            discounted,
        }
    }
}

impl Group {
    /// The customers by the number of a group that each row belongs to.
    pub(super) fn split(base: &Base, groups: usize, of: impl Fn(&Kept) -> usize) -> Vec<Self> {
        let empty = || Self {
            shares: Vec::new(),
            customers: 0.0,
            repeats: 0.0,
            spend: 0.0,
        };
        let mut split: Vec<Self> = (0..groups).map(|_| empty()).collect();
        for (place, rows) in base.histories().enumerate() {
            for row in rows {
                split[of(row)].add(place, row);
            }
        }
        split
    }

    fn add(&mut self, place: usize, row: &Kept) {
        let customers = f64::from(row.customers);
        let spend = customers * row.spend;
        self.customers += customers;
        self.repeats += customers * f64::from(row.frequency);
        self.spend += spend;
        match self.shares.last_mut() {
            Some((last, share)) if *last == place => {
                share.customers += customers;
                share.spend += spend;
            }
            _ => self.shares.push((place, Share { customers, spend })),
        }
    }

    /// What the repeat purchases sum to, and how many there are.
    pub(super) fn repeats(&self) -> (f64, f64) {
        (self.spend, self.repeats)
    }

    /// Expected value per purchase, summed over the customers of each history.
    fn weights(
        &self,
        base: &Base,
        spend: &Spend,
        margin: f64,
    ) -> Result<Vec<f64>, InfiniteMeanSpend> {
        let weight = |(place, share): &(usize, Share)| {
            let purchases = f64::from(base.history(*place).frequency);
            let mean = spend.conditional(purchases, share.spend / share.customers)?;
            Ok(margin * mean * share.customers)
        };
        self.shares.iter().map(weight).collect()
    }

    /// Future value of the group, all customers together, given the discounted purchases of each history.
    pub(super) fn total(
        &self,
        base: &Base,
        discounted: &[f64],
        spend: &Spend,
        margin: f64,
    ) -> Result<f64, InfiniteMeanSpend> {
        let weights = self.weights(base, spend, margin)?;
        let shares = self.shares.iter().zip(weights);
        Ok(shares
            .map(|((place, _), weight)| weight * discounted[*place])
            .sum())
    }

    /// The same with its standard error.
    pub(super) fn future(
        &self,
        base: &Base,
        expected: &Expected,
        spend: &Spend,
        terms: &Terms,
    ) -> Result<Prediction, InfiniteMeanSpend> {
        let total = |spend: &Spend| self.total(base, &expected.discounted, spend, terms.margin);
        let mut slopes = [0.0; 4];
        let weights = self.weights(base, spend, terms.margin)?;
        for ((place, _), weight) in self.shares.iter().zip(weights) {
            for (sum, slope) in slopes.iter_mut().zip(expected.slopes[*place]) {
                *sum += weight * slope;
            }
        }
        let mut variance = quadratic(&slopes, &expected.covariance.concat());
        if let Some((moved, covariance)) = spend.moved() {
            let mut slopes = Vec::new();
            for [up, down] in &moved {
                slopes.push((total(up)? - total(down)?) / (2.0 * STEP));
            }
            variance += quadratic(&slopes, covariance);
        }
        Ok(Prediction {
            value: total(spend)?,
            standard_error: variance.max(0.0).sqrt(),
        })
    }

    /// What the group is worth. `first` is what its first purchases sum to.
    pub(super) fn value(
        &self,
        name: String,
        first: f64,
        expected: &Expected,
        future: Prediction,
        terms: &Terms,
    ) -> GroupValue {
        let mean = |of: &[f64]| {
            let shares = self.shares.iter();
            shares
                .map(|(place, share)| share.customers * of[*place])
                .sum::<f64>()
                / self.customers
        };
        GroupValue {
            group: name,
            customers: self.customers as u64,
            purchases: self.repeats / self.customers,
            past: terms.margin * (first + self.spend) / self.customers,
            alive: mean(&expected.alive),
            expected_purchases: mean(&expected.purchases),
            future: per_customer(future, self.customers, terms.alpha),
        }
    }
}

/// `g' C g`, the covariance row-major.
pub(super) fn quadratic(slopes: &[f64], covariance: &[f64]) -> f64 {
    let rows = covariance.chunks(slopes.len()).zip(slopes);
    rows.map(|(row, a)| a * row.iter().zip(slopes).map(|(c, b)| c * b).sum::<f64>())
        .sum()
}

/// How future value is spread over customers.
pub(super) fn distribution(
    base: &Base,
    expected: &Expected,
    spend: &Spend,
    terms: &Terms,
) -> Result<Distribution, InfiniteMeanSpend> {
    let mut values: Vec<(f64, u32)> = Vec::with_capacity(base.kept.len());
    for (rows, purchases) in base.histories().zip(&expected.discounted) {
        for row in rows {
            let mean = spend.conditional(f64::from(row.frequency), row.spend)?;
            values.push((terms.margin * mean * purchases, row.customers));
        }
    }
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let customers: f64 = values.iter().map(|(_, n)| f64::from(*n)).sum();
    let total: f64 = values.iter().map(|(v, n)| v * f64::from(*n)).sum();
    const SHARES: [f64; 9] = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];
    let mut quantiles = Vec::new();
    let mut below = 0.0;
    for &(value, n) in &values {
        below += f64::from(n);
        while quantiles.len() < SHARES.len() && below >= SHARES[quantiles.len()] * customers {
            quantiles.push(QuantileValue {
                share: SHARES[quantiles.len()],
                value,
            });
        }
    }
    let (mut left, mut top) = (0.1 * customers, 0.0);
    for &(value, n) in values.iter().rev() {
        let taken = left.min(f64::from(n));
        top += taken * value;
        left -= taken;
    }
    Ok(Distribution {
        quantiles,
        top_tenth: if total > 0.0 { top / total } else { 0.0 },
    })
}

/// A length of time in days as the models' unit.
pub(super) fn in_units(days: f64) -> f64 {
    days / DAYS_PER_UNIT
}
