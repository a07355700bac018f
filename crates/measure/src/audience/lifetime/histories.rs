//! Histories of customers: what models see of each at the end of a day, from one look at the purchases.

use super::purchases::{CUSTOMERS, PURCHASES, Purchases};
use super::reader::Reader;
use crate::audience::query::exact_sum;
use crate::error::MeasureError;

/// Columns `customer`, `first` (day since 1970), `cell`, until the last day `x` (repeat purchases), `recency` (days from the
/// first purchase to the last) and `spend` (what the repeat purchases sum to), after it `later` (purchases); and where there
/// is a half of the time, the same but spend until its end, and what came later, with `half_` before their names.
pub(super) const HISTORIES: &str = "_ts_lifetime_histories";

impl Reader<'_> {
    /// Keeps the histories of the customers who count.
    pub(super) fn histories(&self, purchases: &Purchases) -> Result<(), MeasureError> {
        let (end, data_end) = (purchases.end, purchases.data_end);
        let seen = |until: i64| format!(" FILTER (WHERE p.day > c.first AND p.day <= {until})");
        let counted = |(until, stop): (i64, i64), half: &str| {
            let seen = seen(until);
            format!(
                "CAST(count(*){seen} AS INTEGER) AS {half}x, \
                 CAST(coalesce(max(p.day){seen} - any_value(c.first), 0) AS INTEGER) AS {half}recency, \
                 CAST(count(*) FILTER (WHERE p.day > {until} AND p.day <= {stop}) AS INTEGER) AS {half}later"
            )
        };
        let half = match purchases.half {
            Some(half) => format!(", {}", counted((half, end), "half_")),
            None => String::new(),
        };
        self.run(
            HISTORIES,
            &format!(
                "SELECT c.customer, any_value(c.first) AS first, any_value(c.cell) AS cell, {}, \
                 coalesce({}, 0) AS spend{half} \
                 FROM {PURCHASES} AS p JOIN {CUSTOMERS} AS c ON p.customer = c.customer GROUP BY c.customer",
                counted((end, data_end), ""),
                exact_sum("p.amount", &seen(end)),
            ),
        )
    }
}

/// SQL: `customer`, `x`, `age`, `recency`, `cell`, `spend` and `later` of each customer at the end of the last day.
pub(super) fn at_end(purchases: &Purchases) -> String {
    at(purchases.end, "", "spend")
}

/// SQL: the same, without what was spent, of the customers who had bought by the end of half of the time.
pub(super) fn at_half(half: i64) -> String {
    at(half, "half_", "0::DOUBLE")
}

fn at(end: i64, half: &str, spend: &str) -> String {
    let number = |expression: &str| format!("CAST({expression} AS BIGINT)");
    format!(
        "SELECT customer, {} AS x, {} AS age, {} AS recency, {} AS cell, {spend} AS spend, {} AS later \
         FROM {HISTORIES} WHERE first <= {end}",
        number(&format!("{half}x")),
        number(&format!("{end} - first")),
        number(&format!("{half}recency")),
        number("cell"),
        number(&format!("{half}later")),
    )
}
