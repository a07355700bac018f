//! Tests whose probabilities stay true when the data are looked at again and again.
//!
//! Everything rests on one fact: of an estimate whose variance is `V` now and `V_end`
//! at the planned end, `Z = estimate / sqrt(V)` moves over the information fraction
//! `t = V_end / V` like `B(t) / sqrt(t)`, B a Brownian motion with drift `theta`, the
//! value that Z is expected to have at the end. With a steady noise and split the
//! fraction is `n / n_end`. A way of looking is then a boundary for `|Z|`:
//!
//! | looks | boundary | in |
//! | --- | --- | --- |
//! | any, for ever | confidence sequence | [`ConfidenceSequence`] |
//! | some, to a planned end | group sequential, alpha spent by a function of t | [`group_sequential`] |
//! | any, then the planned end | sequence at alpha / 2, then what is left of alpha | [`Monitor`] |
//! | linear models, several arms | anytime-valid t and F | [`AnytimeF`] |
//! | few or extreme values | sequences without asymptotics | [`bernoulli_sequence`], [`EmpiricalBernstein`], [`PlugInBernstein`], [`HedgedCapital`] |
//! | quantiles, one or all | sequences of ranks | [`quantile_sequence_ranks`], [`quantile_sequence_probability`], [`any_quantile_bound`], [`DistributionSequence`] |
//!
//! [`Monitor`] is the one to use on a comparison that is being watched: it compiles a
//! declared plan ([`Looks`]) into boundaries and gives from any [`Contrast`] the
//! effect, whose intervals and probability obey one verdict, the decision, and after
//! stopping the corrected estimate ([`Stopped`]).
//!
//! [`Contrast`]: crate::Contrast

mod anytime_f;
mod betting;
mod bounded;
mod confidence_sequence;
mod group;
mod level;
mod monitor;
mod path;
mod plan;
mod quantiles;
mod spending;
mod stopped;

pub use anytime_f::{AnytimeF, optimal_g, wald_f};
pub use betting::{HedgedCapital, PlugInBernstein};
pub use bounded::{
    EmpiricalBernstein, bernoulli_sequence, gamma_exponential_bound, stitched_bound,
};
pub use confidence_sequence::ConfidenceSequence;
pub use group::{
    Futility, GroupSequential, conditional_power, futility_bounds, group_sequential,
    predictive_power,
};
pub use monitor::{Decision, History, LookResult, Monitor, Running, end_critical_of};
pub use plan::{Looks, Stage, Watch};
pub use quantiles::{
    DistributionSequence, any_quantile_bound, quantile_sequence_probability,
    quantile_sequence_ranks,
};
pub use spending::Spending;
pub use stopped::{Stopped, stopped_estimate};

use crate::error::Unestimable;

/// Whether effects of either sign count, or positive ones alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sides {
    /// Positive effects.
    One,
    /// Effects of either sign.
    Two,
}

impl Sides {
    /// One or two.
    fn count(self) -> f64 {
        match self {
            Sides::One => 1.0,
            Sides::Two => 2.0,
        }
    }
}

/// Why a sequential test cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SequentialError {
    /// A level, power or probability is out of its range.
    #[error("the {what} is out of range: {value}")]
    OutOfRange {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// No look at all.
    #[error("there is no look")]
    NoLooks,
    /// An information fraction is not a positive number.
    #[error("the information fraction of look {look} must be positive, and is {fraction}")]
    Fraction {
        /// Place of the look, from 0.
        look: usize,
        /// Its information fraction.
        fraction: f64,
    },
    /// A look brings no information worth a look: less than a thousandth more.
    #[error("look {look} has hardly more information than the look before it")]
    TooClose {
        /// Place of the look, from 0.
        look: usize,
    },
    /// Lists that should have one entry a look do not.
    #[error("{found} entries for {expected} looks")]
    Length {
        /// Number of looks.
        expected: usize,
        /// Number of entries.
        found: usize,
    },
    /// A look's effect cannot be estimated.
    #[error(transparent)]
    Unestimable(#[from] Unestimable),
}

/// Refuses a number outside the open interval.
fn check_between(
    what: &'static str,
    value: f64,
    low: f64,
    high: f64,
) -> Result<(), SequentialError> {
    if value > low && value < high {
        Ok(())
    } else {
        Err(SequentialError::OutOfRange { what, value })
    }
}

/// Refuses a value outside [0, 1].
fn check_value(value: f64) -> Result<(), SequentialError> {
    if (0.0..=1.0).contains(&value) {
        Ok(())
    } else {
        Err(SequentialError::OutOfRange {
            what: "value",
            value,
        })
    }
}

/// Refuses information fractions that are not positive and ascending.
fn check_fractions(fractions: &[f64]) -> Result<(), SequentialError> {
    const LEAST_GROWTH: f64 = 1.001;
    if fractions.is_empty() {
        return Err(SequentialError::NoLooks);
    }
    for (look, &fraction) in fractions.iter().enumerate() {
        if !(fraction > 0.0 && fraction.is_finite()) {
            return Err(SequentialError::Fraction { look, fraction });
        }
        if look > 0 && fraction < fractions[look - 1] * LEAST_GROWTH {
            return Err(SequentialError::TooClose { look });
        }
    }
    Ok(())
}
