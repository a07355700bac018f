//! What is wrong with purchases, or worth knowing, before any model.

use catalog::Lifetime;
use clv::FitError;

use super::LifetimeCheck;
use super::measured::Measured;
use super::purchases::{Purchases, day};
use crate::audience::{READ_ONCE, Severity, of_duplicates};
use crate::{Reason, Refusal};

/// That intervals say nothing of attrition that is not visible.
pub(super) fn without_limit(error: &FitError) -> LifetimeCheck {
    LifetimeCheck {
        severity: Severity::Warning,
        message: format!(
            "how much attrition there may be could not be found ({error}): intervals take it that nobody leaves"
        ),
    }
}

/// The fewest customers with a repeat purchase of whom values are given. Errors are the sandwich's, a sum of one square for
/// each customer: of no more customers than the four parameters it is singular, and some error looks like none.
const FEWEST_AGAIN: u64 = 5;
/// The fewest customers with a repeat purchase whose intervals are to be relied on: with four parameters the sandwich's
/// variances come out too small by some 4 in the number of customers, 13 % here.
const FEW_AGAIN: u64 = 30;

/// Why there are no values of so few customers who bought again.
pub(super) fn too_few(again: u64) -> Option<Refusal> {
    (again < FEWEST_AGAIN).then(|| {
        let message = format!(
            "customers who bought again: {again}; how sure a value is cannot be said of fewer than {FEWEST_AGAIN}"
        );
        Refusal::new(Reason::TooLittleData, message)
    })
}

/// That intervals are not to be relied on with so few customers who bought again.
pub(super) fn few(again: u64) -> Option<LifetimeCheck> {
    (again < FEW_AGAIN).then(|| LifetimeCheck {
        severity: Severity::Warning,
        message: format!(
            "only {again} customers bought again: errors are those of large samples, and intervals of fewer than \
             {FEW_AGAIN} such customers are too narrow"
        ),
    })
}

/// What is wrong with the rows of the fact and of the source of customers.
pub(super) fn of_rows(lifetime: &Lifetime, purchases: &Purchases) -> Vec<LifetimeCheck> {
    let mut checks = Vec::new();
    let mut say = |severity, message| checks.push(LifetimeCheck { severity, message });
    let repeated = purchases.repeated;
    if repeated > 0 {
        let share = repeated as f64 / purchases.rows.max(1) as f64;
        // Two purchases of a day may well be alike where nothing tells them apart.
        let is_told =
            !purchases.whole_days || lifetime.order.is_some() || lifetime.contracts.is_some();
        let severity = match is_told {
            true => of_duplicates(repeated, purchases.rows),
            false => Severity::Notice,
        };
        say(
            severity,
            format!(
                "{repeated} rows ({:.2} %) of `{}` are equal to another one in all columns, and count as often as they are \
                 there: {READ_ONCE}",
                100.0 * share,
                lifetime.fact
            ),
        );
    }
    let Some(customers) = &lifetime.customers else {
        return checks;
    };
    if purchases.ambiguous > 0 {
        say(
            Severity::Warning,
            format!(
                "{} customers have several rows in `{}` that say different things of them: the least of these rows counts; \
                 leave one row a customer in the source",
                purchases.ambiguous, customers.source
            ),
        );
    }
    if purchases.negative_costs > 0 {
        say(
            Severity::Warning,
            format!(
                "acquisition costs less than nothing in {} rows of `{}`: they count as customers whose cost is unknown",
                purchases.negative_costs, customers.source
            ),
        );
    }
    checks
}

impl Measured<'_> {
    /// What is wrong, or worth knowing, before any model.
    pub(super) fn checks(&self) -> Vec<LifetimeCheck> {
        let mut checks = of_rows(self.lifetime, &self.purchases);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_customers_are_warned_of_and_fewer_are_refused() {
        assert!(too_few(4).is_some() && too_few(5).is_none());
        assert!(few(29).is_some() && few(30).is_none());
    }
}
