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
use super::fit::{Fitted, per_customer};
use super::spend::Spend;

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
    /// Slopes of discounted purchases in the parameters of customers with that history.
    pub(super) slopes: Vec<[f64; 4]>,
}

/// Does the same for each history, on all processors; the results keep the histories' order.
fn for_each<R: Send>(
    base: &Base,
    threads: usize,
    work: impl Fn((Customer, &[f64])) -> R + Sync,
) -> Vec<R> {
    let of = |rows: &[Kept]| (rows[0].customer(), base.covariates(&rows[0]));
    let customers: Vec<(Customer, &[f64])> = base.histories().map(of).collect();
    let size = customers.len().div_ceil(threads.max(1)).max(1);
    let work = &work;
    thread::scope(|scope| {
        let running: Vec<_> = customers
            .chunks(size)
            .map(|part| scope.spawn(move || part.iter().copied().map(work).collect::<Vec<R>>()))
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
    for_each(base, threads, |(customer, covariates)| {
        fitted.discounted(&customer, covariates, terms.discount, terms.horizon)
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
        let each = for_each(base, threads, |(customer, covariates)| {
            let purchases = fitted.expected(&customer, covariates, terms.horizon);
            let slopes = fitted.slopes(&customer, covariates, terms.horizon);
            (purchases, fitted.alive(&customer, covariates), slopes)
        });
        let slopes = each.iter().zip(&discounted);
        Self {
            slopes: slopes
                .map(|((.., relative), value)| relative.map(|slope| slope * value))
                .collect(),
            purchases: each.iter().map(|(purchases, ..)| *purchases).collect(),
            alive: each.iter().map(|(_, alive, _)| *alive).collect(),
            discounted,
        }
    }

    /// By the place of a history: the probability of being there, and expected purchases within the horizon.
    pub(super) fn state(&self, place: usize) -> (f64, f64) {
        (self.alive[place], self.purchases[place])
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
            let row = base.history(*place);
            let (purchases, sum) = (f64::from(row.frequency), share.spend / share.customers);
            let mean = spend.conditional(purchases, sum, base.covariates(row))?;
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
        fitted: &Fitted,
        expected: &Expected,
        spend: &Spend,
        terms: &Terms,
    ) -> Result<Prediction, InfiniteMeanSpend> {
        let covariance = fitted.covariance();
        let mut slopes = vec![0.0; covariance.len().isqrt()];
        let weights = self.weights(base, spend, terms.margin)?;
        for ((place, _), weight) in self.shares.iter().zip(weights) {
            let of_history = expected.slopes[*place].map(|slope| weight * slope);
            let covariates = base.covariates(base.history(*place));
            fitted.add_slopes(&mut slopes, of_history, covariates);
        }
        let by_spend = spend
            .prediction(|spend| self.total(base, &expected.discounted, spend, terms.margin))?;
        let variance = quadratic(&slopes, &covariance).max(0.0);
        Ok(Prediction {
            value: by_spend.value,
            standard_error: variance.sqrt().hypot(by_spend.standard_error),
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
    let mut values: Vec<Weighted> = Vec::with_capacity(base.kept.len());
    for (rows, purchases) in base.histories().zip(&expected.discounted) {
        for row in rows {
            let (purchases_so_far, covariates) = (f64::from(row.frequency), base.covariates(row));
            let mean = spend.conditional(purchases_so_far, row.spend, covariates)?;
            values.push(Weighted {
                value: terms.margin * mean * purchases,
                customers: row.customers,
            });
        }
    }
    Ok(distribution_of(values))
}

/// What each of some customers is worth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weighted {
    pub(super) value: f64,
    pub(super) customers: u32,
}

/// How values are spread over customers.
pub(super) fn distribution_of(mut values: Vec<Weighted>) -> Distribution {
    let key = |a: &Weighted, b: &Weighted| {
        a.value
            .total_cmp(&b.value)
            .then(a.customers.cmp(&b.customers))
    };
    values.sort_unstable_by(key);
    let customers: f64 = values.iter().map(|each| f64::from(each.customers)).sum();
    let total: f64 = values
        .iter()
        .map(|each| each.value * f64::from(each.customers))
        .sum();
    const SHARES: [f64; 9] = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];
    let mut quantiles = Vec::new();
    let mut below = 0.0;
    for &Weighted {
        value,
        customers: n,
    } in &values
    {
        below += f64::from(n);
        while quantiles.len() < SHARES.len() && below >= SHARES[quantiles.len()] * customers {
            quantiles.push(QuantileValue {
                share: SHARES[quantiles.len()],
                value,
            });
        }
    }
    let (mut left, mut top) = (0.1 * customers, 0.0);
    for &Weighted {
        value,
        customers: n,
    } in values.iter().rev()
    {
        let taken = left.min(f64::from(n));
        top += taken * value;
        left -= taken;
    }
    Distribution {
        quantiles,
        top_tenth: if total > 0.0 { top / total } else { 0.0 },
    }
}

/// A length of time in days as the models' unit.
pub(super) fn in_units(days: f64) -> f64 {
    days / DAYS_PER_UNIT
}
