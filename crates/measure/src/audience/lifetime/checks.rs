//! What is wrong with purchases, or worth knowing, before any model.

use clv::FitError;

use super::LifetimeCheck;
use super::measured::Measured;
use super::purchases::day;
use crate::audience::Severity;

/// That intervals say nothing of attrition that is not visible.
pub(super) fn without_limit(error: &FitError) -> LifetimeCheck {
    LifetimeCheck {
        severity: Severity::Warning,
        message: format!(
            "how much attrition there may be could not be found ({error}): intervals take it that nobody leaves"
        ),
    }
}

impl Measured<'_> {
    /// What is wrong, or worth knowing, before any model.
    pub(super) fn checks(&self) -> Vec<LifetimeCheck> {
        let mut checks = Vec::new();
        let mut warn = |message: String| {
            checks.push(LifetimeCheck {
                severity: Severity::Warning,
                message,
            });
        };
        let purchases = &self.purchases;
        let returned = -purchases.unmatched_returns;
        if purchases.gross > 0.0 && returned / purchases.gross > 0.005 {
            warn(format!(
                "returns of {returned:.0}, {:.1} % of what was bought, belong to no known purchase: values are before them",
                100.0 * returned / purchases.gross
            ));
        }
        if purchases.varying > 0 {
            warn(format!(
                "columns of `by` vary among the purchases of {} customers; the value of the first purchase counts",
                purchases.varying
            ));
        }
        let length = purchases.data_end - purchases.from;
        if let Some((before, after)) = purchases.gap
            && self.lifetime.until.is_none()
            && 10 * (after - before) > length.max(60)
        {
            warn(format!(
                "nobody bought between {} and {}: if a date is wrong, leave its row out, or say with `until` where the \
                 data end",
                day(before),
                day(after)
            ));
        }
        let unobserved: u64 = (self.base.kept.iter())
            .filter(|row| row.age == 0)
            .map(|row| u64::from(row.customers))
            .sum();
        if unobserved > 0 {
            checks.push(LifetimeCheck {
                severity: Severity::Notice,
                message: format!(
                    "{unobserved} customers bought for the first time on the last day: they count, and say nothing of timing"
                ),
            });
        }
        checks
    }
}
