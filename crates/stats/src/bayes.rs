//! What to believe of an effect, given a prior.
//!
//! | the metric | the model |
//! | --- | --- |
//! | anything with an estimate and a standard error | [`NormalPrior`], [`posterior_of_contrast`] |
//! | a share of customers | [`Beta`], exact |
//! | a count a customer, a rate | [`Gamma`], exact |
//!
//! Each answers the same questions: the chance that the treated arm is better, the
//! loss to expect from shipping it and from not shipping it, and credible intervals.
//! A prior for the normal model can be learned from past experiments:
//! [`LearnedPrior`](crate::shrink::LearnedPrior).

mod conjugate;
mod normal;
mod pair;

pub use conjugate::{Beta, Gamma};
pub use normal::{NormalPosterior, NormalPrior, Scale, posterior_of_contrast};
pub use pair::Comparison;

use crate::error::{NotEstimable, Unestimable};

/// Limits that hold the unknown with a stated probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Credible {
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
}

/// Why there is no posterior.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BayesError {
    /// An input is not valid.
    #[error(transparent)]
    Input(#[from] Unestimable),
    /// The effect relative to the control has no normal likelihood.
    #[error(transparent)]
    Relative(#[from] NotEstimable),
    /// More successes than customers.
    #[error("{successes} successes among {n}")]
    InvalidCounts {
        /// Successes counted.
        successes: u64,
        /// Customers counted.
        n: u64,
    },
}

/// Refuses a number that is not positive and finite.
fn check_positive(what: &'static str, value: f64) -> Result<(), BayesError> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(Unestimable::InvalidInput { what, value }.into())
    }
}
