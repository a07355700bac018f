//! Each outcome once: it belongs to the last time before it that content was shown to the customer.
//!
//! Where outcomes become money, or are added up over decisions, an order that follows six exposures is one order. The
//! time of an exposure therefore ends where the next one begins, and what follows several at the same time is shared out
//! in equal parts. So the parts of all exposures add up to no more than the data hold.

use super::query::{Kind, Prepared};

/// An outcome in whole parts that up to ten exposures at the same time share without a rest.
pub(super) const PARTS: f64 = 5040.0;

impl Prepared {
    /// The rows of a table with `customer` and `shown_at`, with `own_end`, until when their outcomes are their own, and
    /// `together`, how many rows of the customer have the same time; as SQL.
    pub(super) fn timed(&self, rows: &str) -> String {
        format!(
            "SELECT r.*, t.together, least({}, t.next) AS own_end FROM {rows} r JOIN \
             (SELECT customer, shown_at, count(*) AS together, \
             lead(shown_at) OVER (PARTITION BY customer ORDER BY shown_at) AS next \
             FROM {rows} GROUP BY customer, shown_at) t ON t.customer = r.customer AND t.shown_at = r.shown_at",
            self.horizon("r.shown_at"),
        )
    }

    /// The part of the outcomes `f` that is one of such a row's own, in whole numbers of [`own_units`](Self::own_units);
    /// as SQL.
    pub(super) fn own_outcome(&self, row: &str) -> String {
        let value = format!("CASE WHEN f.moment < {row}.own_end THEN f.value END");
        format!(
            "(CAST({} AS HUGEINT) * {PARTS:.0} // {row}.together)",
            self.kind.aggregate_of(&value)
        )
    }

    /// How many whole numbers make one of an outcome's own part.
    pub(super) fn own_units(&self) -> f64 {
        self.kind.units() * PARTS
    }
}

impl Kind {
    /// A customer's outcome from the rows that count, as SQL.
    pub(super) fn aggregate(self) -> String {
        self.aggregate_of("f.value")
    }

    /// The same of the values that are not NULL.
    fn aggregate_of(self, value: &str) -> String {
        match self {
            Self::Share => format!("CAST(count({value}) > 0 AS BIGINT)"),
            Self::Count => format!("count({value})"),
            Self::Sum => format!("coalesce(sum({value}), 0)"),
        }
    }
}
