//! How fast an error probability is spent.

use std::f64::consts::E;

use super::{SequentialError, check_between};
use crate::tail::{normal_upper, student_t_critical};

/// A spending function: how much of a probability may be used up by an information
/// fraction t (Lan and DeMets, Biometrika 70, 1983). Two-sided tests spend half on
/// each side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spending {
    /// `alpha t^rho` (Kim and DeMets, Biometrika 74, 1987); 1 is even, 3 close to
    /// O'Brien and Fleming.
    Power(f64),
    /// `2 - 2 Phi(z_{alpha / 2} / sqrt(t))`: hardly anything early.
    OBrienFleming,
    /// `alpha ln(1 + (e - 1) t)`: boundaries that are nearly level.
    Pocock,
}

impl Spending {
    /// What one side may have spent of its `alpha` by information fraction t: nothing
    /// at 0, all from 1 on.
    pub fn spent(self, alpha: f64, fraction: f64) -> f64 {
        if fraction >= 1.0 {
            return alpha;
        }
        if fraction.is_nan() || fraction <= 0.0 {
            return 0.0;
        }
        match self {
            Spending::Power(exponent) => alpha * fraction.powf(exponent),
            Spending::OBrienFleming => {
                let z = student_t_critical(alpha, f64::INFINITY);
                2.0 * normal_upper(z / fraction.sqrt()).p
            }
            Spending::Pocock => alpha * ((E - 1.0) * fraction).ln_1p(),
        }
    }

    /// Refuses an exponent that is not positive.
    pub(super) fn check(self) -> Result<(), SequentialError> {
        match self {
            Spending::Power(exponent) => {
                check_between("exponent of the spending", exponent, 0.0, f64::INFINITY)
            }
            Spending::OBrienFleming | Spending::Pocock => Ok(()),
        }
    }
}
