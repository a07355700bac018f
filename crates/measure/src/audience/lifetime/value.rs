//! What customers are worth: expected purchases times expected spend, customer by customer.
//!
//! The expected spend per purchase of customers with one history is linear in what they have spent, so that the value of
//! a group needs two numbers of each history: how many customers have it, and what they spent. Its standard error has two
//! parts, by the delta method: that of the timing parameters, which all customers share, through the exact slopes of
//! discounted purchases; and that of the parameters of spend. The two are independent in the model.
//!
//! Where no attrition is visible, the delta method takes it that there is none. The lower end of an interval is then that
//! with the most attrition that the data leave possible ([`Limit`]).

use clv::{FitError, InfiniteMeanSpend, Prediction};
use stats::tail::normal_quantile;

use super::base::{Base, DAYS_PER_UNIT, Histories, Kept};
use super::finding::{Distribution, GroupValue, QuantileValue};
use super::fit::{Fitted, NEW, per_customer};
use super::spend::Spend;
use crate::audience::Estimate;

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

/// Expected purchases of a customer of each history within a horizon, discounted.
pub(super) fn purchases(
    histories: &Histories,
    fitted: &Fitted,
    discount: f64,
    horizon: f64,
) -> Vec<f64> {
    let expected = fitted.expectations(&histories.table, discount, horizon);
    let purchases: Vec<f64> = expected.iter().map(|each| each.purchases).collect();
    histories.of_rows(&purchases)
}

/// The most attrition that customers may have had where none is visible.
pub(super) struct Limit {
    /// None where the data rule nothing out: nobody may be left.
    fitted: Option<Fitted>,
    /// Discounted purchases of each history.
    pub(super) discounted: Vec<f64>,
}

impl Limit {
    /// Of a fitted model; none where it sees attrition.
    pub(super) fn new(
        histories: &Histories,
        fitted: &Fitted,
        terms: &Terms,
    ) -> Result<Option<Self>, FitError> {
        if !fitted.sees_no_attrition() {
            return Ok(None);
        }
        let limit = fitted.attrition_limit(&histories.table, terms.horizon, terms.alpha)?;
        let discounted = match &limit {
            Some(limit) => purchases(histories, limit, terms.discount, terms.horizon),
            None => histories.of_rows(&vec![0.0; histories.table.len()]),
        };
        Ok(Some(Self {
            fitted: limit,
            discounted,
        }))
    }

    /// Discounted purchases of a new customer.
    pub(super) fn purchases_of_new(&self, covariates: &[f64], terms: &Terms) -> f64 {
        let fitted = self.fitted.as_ref();
        fitted.map_or(0.0, |fitted| {
            let new = fitted.expectation(&NEW, covariates, terms.discount, terms.horizon);
            new.purchases
        })
    }
}

/// Customers of a group with one history.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    customers: f64,
    spend: f64,
    /// Squares of what customers spent around its mean, summed.
    squares: f64,
}

impl Share {
    /// Adds customers who have spent the same each.
    fn add(&mut self, customers: f64, spend: f64) {
        if self.customers > 0.0 {
            let apart = spend - self.spend / self.customers;
            self.squares +=
                apart * apart * self.customers * customers / (self.customers + customers);
        }
        self.customers += customers;
        self.spend += customers * spend;
    }
}

/// How much the customers of a group differ: standard deviations of one of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spread {
    /// Of the future value that is expected of a customer.
    pub(super) future: f64,
    /// Of that and what repeat purchases have brought, together.
    pub(super) total: f64,
}

/// A group of customers by histories: the place of each, and how much of it is in the group.
#[derive(Default)]
pub(super) struct Group {
    shares: Vec<(usize, Share)>,
    pub(super) customers: f64,
    repeats: f64,
    spend: f64,
}

impl Expected {
    /// From a fitted model.
    pub(super) fn new(histories: &Histories, fitted: &Fitted, terms: &Terms) -> Self {
        let expected = fitted.expectations(&histories.table, terms.discount, terms.horizon);
        let expected = histories.of_rows(&expected);
        Self {
            discounted: expected.iter().map(|each| each.purchases).collect(),
            purchases: purchases(histories, fitted, 0.0, terms.horizon),
            alive: expected.iter().map(|each| each.alive).collect(),
            slopes: expected.iter().map(|each| each.slopes).collect(),
        }
    }

    /// By the place of a history: the probability of being there, and expected purchases within the horizon.
    pub(super) fn state(&self, place: usize) -> (f64, f64) {
        (self.alive[place], self.purchases[place])
    }
}

impl Group {
    /// The customers by the number of the group that each row belongs to, where it belongs to one.
    pub(super) fn split(
        base: &Base,
        groups: usize,
        of: impl Fn(&Kept) -> Option<usize>,
    ) -> Vec<Self> {
        let mut split: Vec<Self> = (0..groups).map(|_| Self::default()).collect();
        for (place, rows) in base.histories().enumerate() {
            for row in rows {
                if let Some(group) = of(row) {
                    split[group].add(place, row);
                }
            }
        }
        split
    }

    /// Of customers who are among those of the base.
    pub(super) fn of(base: &Base, rows: &[Kept]) -> Self {
        let mut group = Self::default();
        let mut rows: Vec<(usize, &Kept)> = rows.iter().map(|row| (base.place(row), row)).collect();
        // All that tells rows apart, so that sums do not depend on the order in which they were read.
        rows.sort_unstable_by(|(place, a), (other, b)| {
            place
                .cmp(other)
                .then(a.spend.total_cmp(&b.spend))
                .then((a.cell, a.later).cmp(&(b.cell, b.later)))
        });
        for (place, row) in rows {
            group.add(place, row);
        }
        group
    }

    fn add(&mut self, place: usize, row: &Kept) {
        let customers = f64::from(row.customers);
        self.customers += customers;
        self.repeats += customers * f64::from(row.frequency);
        self.spend += customers * row.spend;
        match self.shares.last_mut() {
            Some((last, share)) if *last == place => share.add(customers, row.spend),
            _ => {
                let mut share = Share::default();
                share.add(customers, row.spend);
                self.shares.push((place, share));
            }
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

    /// The same with its standard errors.
    pub(super) fn future(
        &self,
        base: &Base,
        fitted: &Fitted,
        expected: &Expected,
        spend: &Spend,
        terms: &Terms,
    ) -> Result<Future, InfiniteMeanSpend> {
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
        Ok(Future {
            value: by_spend.value,
            by_timing: clv::quadratic(&covariance, &slopes).max(0.0).sqrt(),
            by_spend: by_spend.standard_error,
            by_chance: 0.0,
        })
    }

    /// How much its customers differ in what is expected of them, and in what they have brought; nothing where it has one.
    pub(super) fn spread(
        &self,
        base: &Base,
        expected: &Expected,
        spend: &Spend,
        margin: f64,
    ) -> Result<Spread, InfiniteMeanSpend> {
        // Given a history, value is linear in what a customer has spent: what it is at the mean, and its slope.
        let line = |(place, share): &(usize, Share)| {
            let row = base.history(*place);
            let (purchases, covariates) = (f64::from(row.frequency), base.covariates(row));
            let mean = share.spend / share.customers;
            let worth = margin * expected.discounted[*place];
            let at_mean = worth * spend.conditional(purchases, mean, covariates)?;
            let slope = if mean > 0.0 {
                (at_mean - worth * spend.conditional(purchases, 0.0, covariates)?) / mean
            } else {
                0.0
            };
            Ok((at_mean, slope, mean))
        };
        let lines: Vec<(f64, f64, f64)> =
            (self.shares.iter().map(line)).collect::<Result<_, _>>()?;
        // With a factor of what customers have brought.
        let deviation = |brought: f64| {
            let each = || self.shares.iter().map(|(_, share)| share).zip(&lines);
            let at = |(at_mean, _, spent): &(f64, f64, f64)| at_mean + brought * spent;
            let sum: f64 = each().map(|(share, line)| share.customers * at(line)).sum();
            let mean = sum / self.customers;
            let squares: f64 = each()
                .map(|(share, line)| {
                    let slope = line.1 + brought;
                    share.customers * (at(line) - mean).powi(2) + slope * slope * share.squares
                })
                .sum();
            (squares / (self.customers - 1.0).max(1.0)).sqrt()
        };
        Ok(Spread {
            future: deviation(0.0),
            total: deviation(margin),
        })
    }

    /// What the group is worth, given its future value per customer. `first` is what its first purchases sum to.
    pub(super) fn value(
        &self,
        name: String,
        first: f64,
        expected: &Expected,
        future: Estimate,
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
            future,
        }
    }
}

/// The future value of customers together, with the standard errors that timing, spend and the chance of who these
/// customers are leave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Future {
    pub(super) value: f64,
    pub(super) by_timing: f64,
    pub(super) by_spend: f64,
    /// Zero where the value is that of these customers, and of no others like them.
    pub(super) by_chance: f64,
}

impl Future {
    pub(super) fn prediction(&self) -> Prediction {
        Prediction {
            value: self.value,
            standard_error: self.by_timing.hypot(self.by_spend).hypot(self.by_chance),
        }
    }

    /// As a share of the customers, with its interval. `lowest` is the value at the lower limit of timing, where no
    /// attrition is visible and standard errors do not count that there may be some. The lower end is then as far from
    /// the value, in logarithms, as the distances by timing, by spend and by chance make together (G. Y. Zou and A. Donner,
    /// "Construction of confidence limits about effect measures: a general approach", Statistics in Medicine 27, 2008).
    pub(super) fn per_customer(&self, lowest: Option<f64>, customers: f64, alpha: f64) -> Estimate {
        let estimate = per_customer(self.prediction(), customers, alpha);
        let Some(lowest) = lowest.filter(|lowest| *lowest < self.value) else {
            return estimate;
        };
        let others = self.by_spend.hypot(self.by_chance) / self.value;
        let others = normal_quantile(1.0 - 0.5 * alpha) * others;
        let reach = (self.value / lowest.max(0.0)).ln().hypot(others);
        Estimate {
            low: estimate.low.min(self.value / customers * (-reach).exp()),
            ..estimate
        }
    }
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

#[cfg(test)]
mod tests;
