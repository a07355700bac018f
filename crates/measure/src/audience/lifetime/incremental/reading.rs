//! How the numbers of an arm are read: estimates with their intervals.

use clv::incremental::{Amount, Increment, StaysOn, Stops};

use super::{IncrementalPart, StaysOnFinding, StopsFinding};
use crate::audience::Estimate;

/// How intervals of what an arm's lives gain are read: by Student's t with the degrees of freedom of the difference that
/// was measured of the same customers, as the ledger reads them. Of many customers that is the normal interval; of a
/// handful, it does not promise more than they can tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) alpha: f64,
    /// None for a normal reference.
    pub(super) df: Option<f64>,
}

impl Reading {
    pub(super) fn of(self, amount: &Amount) -> Estimate {
        self.estimate(amount.value, amount.standard_error)
    }

    pub(super) fn estimate(self, value: f64, se: f64) -> Estimate {
        let df = self.df.unwrap_or(f64::INFINITY);
        let reach = stats::tail::student_t_critical(self.alpha, df) * se;
        Estimate {
            estimate: value,
            se,
            low: value - reach,
            high: value + reach,
            df: self.df,
        }
    }

    pub(super) fn stops(self, value: &Stops) -> StopsFinding {
        StopsFinding {
            total: self.of(&value.total),
            to_twelve_months: self.of(&value.to_twelve_months),
            beyond: self.of(&value.beyond),
            extrapolated: share(value.extrapolated),
        }
    }

    pub(super) fn stays_on(self, value: &StaysOn) -> StaysOnFinding {
        let part = |increment: &Increment| IncrementalPart {
            amount: self.of(&increment.amount),
            often: self.of(&increment.split.often),
            longer: self.of(&increment.split.longer),
            more: self.of(&increment.split.more),
        };
        StaysOnFinding {
            total: part(&value.total),
            window: part(&value.window),
            to_twelve_months: part(&value.to_twelve_months),
            beyond: part(&value.beyond),
            extrapolated: share(value.extrapolated),
            tail: value.tail.as_ref().map(|tail| self.of(tail)),
        }
    }
}

/// What is a share of a total: parts of which one adds to it and the other takes away are none.
fn share(part: Option<f64>) -> Option<f64> {
    part.filter(|part| (0.0..=1.0).contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_differ_in_sign_are_no_share() {
        assert_eq!(share(Some(0.78)), Some(0.78));
        assert_eq!(share(Some(2.07)), None);
        assert_eq!(share(Some(-0.4)), None);
        assert_eq!(share(None), None);
    }
}
