//! How events below a quantile cluster in customers.

use crate::error::{Arm, Unestimable};
use crate::ratio::RatioSample;

/// Sums over customers of the number of their events at or below a threshold and of all
/// their events: what tells how far the events of a customer resemble one another.
///
/// The threshold should be near the quantile in question; a bound of its bucket will do,
/// since only the [design effect](Self::design_effect) is taken from here. The sums are
/// whole numbers, so order, chunks and merges do not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClusterIndicator {
    customers: u64,
    below: u128,
    events: u128,
    below_squares: u128,
    events_squares: u128,
    products: u128,
}

impl ClusterIndicator {
    /// No customers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From sums over customers computed elsewhere: of the events at or below the
    /// threshold, of all events, of the squares of both, and of their products.
    pub fn from_sums(
        customers: u64,
        (below, events): (u128, u128),
        (below_squares, events_squares): (u128, u128),
        products: u128,
    ) -> Self {
        ClusterIndicator {
            customers,
            below,
            events,
            below_squares,
            events_squares,
            products,
        }
    }

    /// Adds a customer with so many events, `below` of them at or below the threshold.
    /// More than all of them count as all.
    pub fn insert(&mut self, below: u32, events: u32) {
        let (below, events) = (u128::from(below.min(events)), u128::from(events));
        self.customers = self.customers.saturating_add(1);
        self.below = self.below.saturating_add(below);
        self.events = self.events.saturating_add(events);
        self.below_squares = self.below_squares.saturating_add(below * below);
        self.events_squares = self.events_squares.saturating_add(events * events);
        self.products = self.products.saturating_add(below * events);
    }

    /// Adds other customers.
    pub fn merge(&mut self, other: &Self) {
        self.customers = self.customers.saturating_add(other.customers);
        self.below = self.below.saturating_add(other.below);
        self.events = self.events.saturating_add(other.events);
        self.below_squares = self.below_squares.saturating_add(other.below_squares);
        self.events_squares = self.events_squares.saturating_add(other.events_squares);
        self.products = self.products.saturating_add(other.products);
    }

    /// Customers added.
    pub fn customers(&self) -> u64 {
        self.customers
    }

    /// The share of events at or below the threshold as a ratio of means over customers.
    ///
    /// # Errors
    ///
    /// Fewer than two customers, or sums beyond 128 bits (more than 2^32 customers of
    /// 2^32 events).
    pub fn ratio(&self, arm: Arm) -> Result<RatioSample, Unestimable> {
        let n = self.customers;
        if n < 2 {
            return Err(Unestimable::TooFew { arm, n, needed: 2 });
        }
        let customers = u128::from(n);
        let divisor = n as f64 * (n - 1) as f64;
        // n sum(xy) - sum(x) sum(y), as whole numbers.
        let covariance = |products: u128, x: u128, y: u128| {
            let (whole, apart) = (customers.checked_mul(products), x.checked_mul(y));
            let (Some(whole), Some(apart)) = (whole, apart) else {
                return Err(Unestimable::InvalidInput {
                    what: "sum over customers",
                    value: products as f64,
                });
            };
            Ok(if whole >= apart {
                (whole - apart) as f64 / divisor
            } else {
                -((apart - whole) as f64) / divisor
            })
        };
        Ok(RatioSample {
            n,
            numerator_mean: self.below as f64 / n as f64,
            denominator_mean: self.events as f64 / n as f64,
            numerator_variance: covariance(self.below_squares, self.below, self.below)?,
            denominator_variance: covariance(self.events_squares, self.events, self.events)?,
            covariance: covariance(self.products, self.below, self.events)?,
        })
    }

    /// The design effect of the clusters: the variance of the share of events at or below
    /// the threshold `p`, by the delta method over customers, over `p (1 - p) / events`,
    /// that of as many independent events (L. Kish, Survey Sampling, 1965, chapter 8).
    ///
    /// # Errors
    ///
    /// As [`Self::ratio`]; a threshold with no event on one side; shares that are the same
    /// for all customers, of which no variance can be told.
    pub fn design_effect(&self, arm: Arm) -> Result<f64, Unestimable> {
        let ratio = self.ratio(arm)?;
        let (below, events) = (self.below as f64, self.events as f64);
        let share = below / events;
        let spread = ratio.numerator_variance - 2.0 * share * ratio.covariance
            + share * share * ratio.denominator_variance;
        let variance =
            spread / (ratio.denominator_mean * ratio.denominator_mean) / self.customers as f64;
        let effect = variance / (share * (1.0 - share) / events);
        if effect > 0.0 && effect.is_finite() {
            return Ok(effect);
        }
        Err(Unestimable::InvalidInput {
            what: "design effect of the clusters",
            value: effect,
        })
    }
}
