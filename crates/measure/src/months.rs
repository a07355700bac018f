//! Months that are paid for.

/// The mean length of a month in days.
pub(crate) const DAYS_A_MONTH: f64 = 365.2425 / 12.0;

/// The months of so many days for which something that is paid by the month is paid: those that have begun count whole, and
/// there is at least one.
#[must_use]
pub fn begun_months(days: f64) -> f64 {
    (days / DAYS_A_MONTH).ceil().max(1.0)
}
