//! Quantiles of customers, and of events clustered in customers.
//!
//! # From rows to quantiles
//!
//! 1. One pass puts every value into a [`Histogram`] of fixed buckets, a hundredth of
//!    their value wide or finer. Its counts merge in any order to the same result.
//!    [`Histogram::distribution`] is enough for an effect whose interval surely contains
//!    the exact one.
//! 2. Where that is too coarse, [`Histogram::buckets_near`] names the few buckets that
//!    hold every rank an interval can need; a second pass counts the distinct values
//!    inside them ([`OrderStatistics`]), and [`Histogram::refined`] is exact there.
//!
//! # From quantiles to effects
//!
//! [`lift_of_quantiles`] inverts a test of ranks, so that its interval needs neither a
//! density nor a variance and is honest for small samples, ties and atoms. Events
//! clustered in customers enter by their design effect ([`lift_of_clustered_quantiles`]),
//! what was known before the experiment by a regression of the indicator
//! ([`adjusted_lift_of_quantiles`]).
//!
//! For what needs estimates with variances (a combination over strata, a meta-analysis)
//! [`QuantileLift::quantiles`] is a [`Contrast`](crate::Contrast).

mod cluster;
mod distribution;
mod histogram;
mod inversion;
mod lift;
mod order;
mod wald;

pub use cluster::ClusterIndicator;
pub use distribution::{Distribution, Quantile, Step};
pub use histogram::{BucketRange, Histogram};
pub use lift::{
    ArmQuantile, Indicator, QuantileLift, adjusted_lift_of_quantiles, lift_of_clustered_quantiles,
    lift_of_quantiles,
};
pub use order::OrderStatistics;
pub use wald::BoundedQuantile;

use crate::error::{Arm, Unestimable};

/// Why there is no quantile, or no effect on one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantileError {
    /// The level is outside (0, 1).
    #[error("the level of a quantile must lie strictly between 0 and 1, and is {level}")]
    InvalidLevel {
        /// The level given.
        level: f64,
    },
    /// The sample has no order statistic far enough out to bound the quantile.
    #[error("the {arm} arm's {n} values are too few to bound this quantile")]
    OutOfReach {
        /// The arm.
        arm: Arm,
        /// Values in the arm.
        n: u64,
    },
    /// The quantile, or a limit of it, is infinite.
    #[error("a quantile of the {arm} arm is not finite")]
    NotFinite {
        /// The arm.
        arm: Arm,
    },
    /// The second pass did not see the rows of the first.
    #[error("the second pass found {found} values where the histogram has {expected}")]
    PassesDiffer {
        /// Values of the histogram in the buckets.
        expected: u64,
        /// Values of the second pass.
        found: u64,
    },
    /// The arms cannot be compared for a reason that is not of quantiles.
    #[error(transparent)]
    Unestimable(#[from] Unestimable),
}

/// Refuses a level outside (0, 1).
fn check_level(level: f64) -> Result<(), QuantileError> {
    if level > 0.0 && level < 1.0 {
        Ok(())
    } else {
        Err(QuantileError::InvalidLevel { level })
    }
}
