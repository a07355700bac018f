//! The customers of an experiment, each with the day on which the process begins: a table that all that is asked of them
//! is joined with.

use lake::Lake;

use super::Context;
use super::arms::History;
use crate::audience::NotCounted;
use crate::audience::lifetime::purchases::{ORDERS, PURCHASES};
use crate::audience::lifetime::reader::leave_out;
use crate::audience::plan::Plan;
use crate::audience::query::assigned;
use crate::audience::query::exact_sum;
use crate::audience::query::types::same_customer;
use crate::audience::times::Clock;
use crate::error::MeasureError;

/// Columns `customer`, `arm` (255 of customers assigned after the last day), `existing` (whether they had bought before),
/// `start` (the day since 1970 on which the process begins), `age` (days from there to the end), both null of customers who
/// have not bought, `prior` (what they brought in the year before the assignment), `since` (all that they brought from the
/// moment of assignment on), `on_day` (whether some of it was on the day of assignment) and `seen` (days from the
/// assignment to the end).
pub(super) const ARMS: &str = "_ts_lifetime_arms";
/// Days before the assignment that say what a customer is like.
const PRIOR_DAYS: u32 = 365;

/// A group of assigned customers with the same history.
pub(super) struct Assigned {
    pub(super) arm: u64,
    pub(super) customers: u64,
    pub(super) is_existing: bool,
    /// None for customers who have not bought.
    pub(super) history: Option<History>,
}

/// The table of customers, and what is needed to join it.
pub(super) struct Customers<'a> {
    pub(super) lake: &'a Lake,
    pub(super) experiment: &'a str,
    /// The condition that a purchase `p` is of a customer `a`.
    pub(super) same: String,
    /// What a purchase `p` brings.
    pub(super) worth: &'static str,
    pub(super) end: i64,
    /// Whether times of purchase or of assignment are days.
    whole_days: bool,
}

impl<'a> Customers<'a> {
    /// Makes the table.
    pub(super) fn create(
        plan: &Plan<'a>,
        lake: &'a Lake,
        assigned: &assigned::Assigned,
        customer_type: &str,
        context: &Context<'_>,
    ) -> Result<Self, MeasureError> {
        let experiment = plan.experiment.name.as_str();
        let place = format!("experiment `{experiment}`");
        let Some(time) = &assigned.time else {
            return Err(MeasureError::Unusable {
                place,
                message: "the time of assignment is not known, from which purchases count"
                    .to_owned(),
            });
        };
        let customers = Self {
            lake,
            experiment,
            same: same_customer(
                ("p.customer", &context.purchases.customer_type),
                ("a.customer", customer_type),
                place,
            )?,
            worth: if context.has_spend {
                "p.amount"
            } else {
                "1.0::DOUBLE"
            },
            end: context.purchases.end,
            whole_days: context.purchases.whole_days || assigned.whole_days,
        };
        let Self {
            same, worth, end, ..
        } = &customers;
        let day = format!("CAST(a.{time} AS DATE) - DATE '1970-01-01'");
        let prior = exact_sum(
            worth,
            &format!(" FILTER (WHERE p.day < {day} AND p.day >= {day} - {PRIOR_DAYS})"),
        );
        let later = exact_sum(worth, &format!(" FILTER (WHERE p.day > {day})"));
        // Purchases lie on days; which of those on the day of assignment came after it, orders tell. What has a day only
        // may have come after it on its day, as in an experiment's metrics.
        let on_day = if context.has_spend {
            exact_sum("p.amount", "")
        } else {
            "1.0::DOUBLE".to_owned()
        };
        let clock = if context.purchases.whole_days {
            Clock::Day
        } else {
            Clock::Local
        };
        let from = clock.exposure(&format!("a.{time}"));
        let on_day = format!(
            "SELECT a.customer, {on_day} AS brought FROM {} AS a JOIN {ORDERS} AS p ON {same} AND p.day = {day} \
             WHERE a.counted AND p.status = 0 AND p.amount > 0 AND p.moment >= {from} AND p.day <= {end} GROUP BY a.customer",
            assigned.customers
        );
        let statement = format!(
            "CREATE OR REPLACE TEMP TABLE {ARMS} AS WITH {}, _ts_bought AS (SELECT a.customer, \
             any_value(a.arm) AS arm, any_value({day}) AS assigned, min(p.day) AS first, coalesce({prior}, 0) AS prior, coalesce({later}, 0) AS later \
             FROM {} AS a LEFT JOIN {PURCHASES} AS p ON {same} AND p.day <= {end} WHERE a.counted GROUP BY a.customer), \
             _ts_on_day AS ({on_day}), _ts_begun AS (SELECT *, CASE WHEN first < assigned THEN assigned ELSE first END AS start FROM _ts_bought) \
             SELECT customer, CAST(CASE WHEN assigned > {end} THEN 255 ELSE arm END AS BIGINT) AS arm, \
             coalesce(first < assigned, false) AS existing, start, CAST({end} - start AS BIGINT) AS age, prior, \
             later + coalesce(brought, 0) AS since, brought IS NOT NULL AS on_day, CAST({end} - assigned AS DOUBLE) AS seen \
             FROM _ts_begun LEFT JOIN _ts_on_day USING (customer)",
            assigned.tables, assigned.customers,
        );
        lake.engine().execute(&statement, &customers.context())?;
        Ok(customers)
    }

    /// Lets go of the table.
    pub(super) fn finish(&self) -> Result<(), MeasureError> {
        let statement = format!("DROP TABLE {ARMS}");
        Ok(self.lake.engine().execute(&statement, &self.context())?)
    }

    pub(super) fn context(&self) -> String {
        let experiment = self.experiment;
        format!("cannot measure the lifetime value of experiment `{experiment}`")
    }

    /// Customers of whom not all is measured, or modelled, with why.
    pub(super) fn left_out(&self) -> Result<Vec<NotCounted>, MeasureError> {
        let query = format!(
            "SELECT count(*) FILTER (WHERE arm = 255), count(*) FILTER (WHERE arm < 255 AND existing AND on_day) FROM {ARMS}"
        );
        let rows = self.lake.engine().rows(&query, &self.context(), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
        let (late, on_day) = rows.into_iter().next().unwrap_or_default();
        let mut left_out = Vec::new();
        leave_out(&mut left_out, "customers assigned after the last day", late);
        let reason = if self.whole_days {
            "customers' purchases on the day of assignment from the models, whose process begins after it; as times are days, \
             all of that day is measured"
        } else {
            "customers' purchases on the day of assignment, after it, from the models, whose process begins after that day; \
             they are measured"
        };
        leave_out(&mut left_out, reason, on_day);
        Ok(left_out)
    }

    /// Customers with their purchases since the process began, those with the same history as one.
    pub(super) fn histories(&self) -> Result<Vec<Assigned>, MeasureError> {
        let Self { same, end, .. } = self;
        let spend = exact_sum("amount", " FILTER (WHERE day > start)");
        let query = format!(
            "SELECT arm, existing, x, age, recency, spend, prior, count(*) \
             FROM (SELECT a.customer, any_value(arm) AS arm, any_value(existing) AS existing, any_value(age) AS age, \
             any_value(prior) AS prior, count(*) FILTER (WHERE day > start) AS x, \
             CAST(coalesce(max(day) - any_value(start), 0) AS BIGINT) AS recency, coalesce({spend}, 0) AS spend \
             FROM {ARMS} AS a LEFT JOIN {PURCHASES} AS p ON {same} AND p.day <= {end} GROUP BY a.customer) \
             GROUP BY ALL ORDER BY ALL",
        );
        Ok(self.lake.engine().rows(&query, &self.context(), |row| {
            let (x, age, recency): (i64, Option<i64>, i64) =
                (row.get(2)?, row.get(3)?, row.get(4)?);
            let customers: i64 = row.get(7)?;
            let (spend, prior): (f64, f64) = (row.get(5)?, row.get(6)?);
            let arm: i64 = row.get(0)?;
            let is_existing = row.get(1)?;
            Ok(Assigned {
                arm: arm as u64,
                customers: customers as u64,
                is_existing,
                history: age.filter(|_| arm < i64::from(u8::MAX)).map(|age| History {
                    frequency: x as u32,
                    age: age as f64,
                    // Before the process the last purchase says nothing.
                    recency: if x > 0 { recency as f64 } else { 0.0 },
                    spend,
                    is_existing,
                    prior,
                    customers: customers as f64,
                }),
            })
        })?)
    }
}
