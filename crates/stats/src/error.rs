//! Why a number is not given.

use std::fmt;

/// One side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arm {
    /// The arm whose effect is asked for.
    Treated,
    /// The arm it is compared with.
    Control,
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arm::Treated => "treated",
            Arm::Control => "control",
        })
    }
}

/// A number of things in words, by the name of one whose plural ends in `s`: `1 item`,
/// `2 items`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number(pub u64, pub &'static str);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.0, self.1)
    }
}

/// Why an effect cannot be estimated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unestimable {
    /// An arm has nobody in it.
    #[error("the {arm} arm is empty")]
    Empty {
        /// The arm.
        arm: Arm,
    },
    /// An arm has fewer observations than a variance needs.
    #[error("the {arm} arm has {n} observation(s); at least {needed} are needed")]
    TooFew {
        /// The arm.
        arm: Arm,
        /// Observations in the arm.
        n: u64,
        /// Observations that would be enough.
        needed: u64,
    },
    /// The arms differ but nothing varies inside either, so there is no measure
    /// of noise to hold the difference against.
    #[error(
        "no variation in either arm: the difference of {difference} cannot be compared with noise"
    )]
    NoVariation {
        /// Treated minus control.
        difference: f64,
    },
    /// The denominator of a ratio metric is zero, or not clearly away from zero,
    /// in an arm.
    #[error("the denominator of the {arm} arm is not clearly away from zero")]
    DenominatorNearZero {
        /// The arm.
        arm: Arm,
    },
    /// More successes than observations.
    #[error("the {arm} arm has {successes} successes among {n}")]
    InvalidCounts {
        /// The arm.
        arm: Arm,
        /// Successes counted.
        successes: u64,
        /// Observations counted.
        n: u64,
    },
    /// The arms' covariate moments do not have matching sizes.
    #[error("the covariate moments do not agree in size")]
    MismatchedCovariates,
    /// A covariate is constant or determined by those before it.
    #[error("covariate {covariate} is constant or determined by the covariates before it")]
    DependentCovariates {
        /// Its place among the covariates.
        covariate: usize,
    },
    /// An input is infinite, not a number, or a negative variance.
    #[error("the {what} is not a valid number: {value}")]
    InvalidInput {
        /// Which input.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// The level is outside (0, 1).
    #[error("the level alpha must lie strictly between 0 and 1, and is {alpha}")]
    InvalidAlpha {
        /// The level given.
        alpha: f64,
    },
}

/// Why a ratio, or an effect relative to a baseline, has no bounded interval.
/// The absolute effect remains.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotEstimable {
    /// The baseline is exactly zero.
    #[error("the baseline is zero")]
    ZeroBaseline,
    /// The baseline does not differ from zero at the level used, so the interval
    /// of the ratio is unbounded.
    #[error(
        "the baseline is not clearly away from zero (squared relative half-width {g:.3}, must be below 1)"
    )]
    BaselineNearZero {
        /// Fieller's g: `(critical value * standard error / baseline)^2`.
        g: f64,
    },
    /// The confidence interval of the baseline, a quantile, holds zero.
    #[error("the interval of the baseline reaches zero")]
    BaselineReachesZero,
}

/// Refuses a level outside (0, 1).
pub(crate) fn check_alpha(alpha: f64) -> Result<(), Unestimable> {
    if alpha > 0.0 && alpha < 1.0 {
        Ok(())
    } else {
        Err(Unestimable::InvalidAlpha { alpha })
    }
}

/// Refuses a value that is infinite or not a number.
pub(crate) fn check_finite(what: &'static str, value: f64) -> Result<(), Unestimable> {
    if value.is_finite() {
        Ok(())
    } else {
        Err(Unestimable::InvalidInput { what, value })
    }
}

/// Refuses degrees of freedom that are not positive; they may be infinite.
pub(crate) fn check_df(df: f64) -> Result<(), Unestimable> {
    if df > 0.0 {
        Ok(())
    } else {
        Err(Unestimable::InvalidInput {
            what: "degrees of freedom",
            value: df,
        })
    }
}

/// Refuses a variance that is negative, infinite or not a number.
pub(crate) fn check_variance(what: &'static str, value: f64) -> Result<(), Unestimable> {
    if value.is_finite() && value >= 0.0 {
        Ok(())
    } else {
        Err(Unestimable::InvalidInput { what, value })
    }
}
