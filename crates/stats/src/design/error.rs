//! Why a test cannot be designed.

/// Why a design has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DesignError {
    /// A number is not one that its field allows.
    #[error("the {what} is not valid: {value}")]
    Invalid {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// The effect takes the treated arm's share of customers out of 0 to 1.
    #[error("the effect makes the treated arm's share {share}, which is outside 0 to 1")]
    ImpossibleShare {
        /// The share.
        share: f64,
    },
    /// An effect relative to a control of zero.
    #[error("an effect relative to a control of zero is not a number")]
    ZeroBaseline,
    /// The score test compares two shares that are equal under the null hypothesis.
    #[error("the score test needs shares and a null hypothesis of no effect")]
    NotAScoreTest,
    /// An arm has fewer than two units (customers, or clusters of them).
    #[error("an arm has fewer than two units; at least {needed} customers are needed")]
    TooFew {
        /// Customers of the whole experiment that would be enough.
        needed: f64,
    },
    /// Not even the largest share that there is would be detected.
    #[error("no effect that a share can have is detected with a power of {power}")]
    Undetectable {
        /// The power asked for.
        power: f64,
    },
    /// The effect is the null hypothesis itself, lies on its other side, or is too
    /// small beside the noise for any number of customers.
    #[error("no number of customers detects this effect")]
    Unreachable,
    /// Customers are still needed and none come.
    #[error("more customers are needed and none come")]
    NoTraffic,
}

/// Refuses a number for which `valid` is false.
pub(super) fn check(what: &'static str, value: f64, valid: bool) -> Result<(), DesignError> {
    if valid {
        Ok(())
    } else {
        Err(DesignError::Invalid { what, value })
    }
}
