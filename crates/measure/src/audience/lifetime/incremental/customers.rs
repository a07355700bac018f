//! The customers of an experiment, each with the day on which the process begins: a table that all that is asked of them
//! is joined with.

use lake::Lake;

use super::Context;
use super::arms::History;
use crate::audience::lifetime::purchases::PURCHASES;
use crate::audience::plan::Plan;
use crate::audience::query::assigned::assigned;
use crate::audience::query::exact_sum;
use crate::audience::query::types::same_customer;
use crate::error::MeasureError;

/// Columns `customer`, `arm` (255 of customers assigned after the last day), `existing` (whether they had bought before),
/// `start` (the day since 1970 on which the process begins), `age` (days from there to the end), both null of customers who
/// have not bought, and `prior` (what they brought in the year before the assignment).
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
}

impl<'a> Customers<'a> {
    /// Makes the table.
    pub(super) fn create(
        plan: &Plan<'a>,
        lake: &'a Lake,
        customer_type: &str,
        context: &Context<'_>,
    ) -> Result<Self, MeasureError> {
        let experiment = plan.experiment.name.as_str();
        let place = format!("experiment `{experiment}`");
        let assigned = assigned(plan, lake)?;
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
        };
        let Self {
            same, worth, end, ..
        } = &customers;
        let day = format!("CAST(a.{time} AS DATE) - DATE '1970-01-01'");
        let prior = exact_sum(
            worth,
            &format!(" FILTER (WHERE p.day < {day} AND p.day >= {day} - {PRIOR_DAYS})"),
        );
        let statement = format!(
            "CREATE OR REPLACE TEMP TABLE {ARMS} AS WITH {}, _ts_bought AS (SELECT a.customer, \
             any_value(a.arm) AS arm, any_value({day}) AS assigned, min(p.day) AS first, coalesce({prior}, 0) AS prior \
             FROM {} AS a LEFT JOIN {PURCHASES} AS p ON {same} AND p.day <= {end} WHERE a.counted GROUP BY a.customer), \
             _ts_begun AS (SELECT *, CASE WHEN first < assigned THEN assigned ELSE first END AS start FROM _ts_bought) \
             SELECT customer, CAST(CASE WHEN assigned > {end} THEN 255 ELSE arm END AS BIGINT) AS arm, \
             coalesce(first < assigned, false) AS existing, start, CAST({end} - start AS BIGINT) AS age, prior \
             FROM _ts_begun",
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
