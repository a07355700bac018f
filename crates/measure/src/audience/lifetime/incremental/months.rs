//! What customers brought in each month since their process began: moments over customers who were all seen for so many
//! months.

use stats::moments::{Moments, Products};

use super::arms::History;
use super::customers::{ARMS, Customers};
use crate::audience::finding::Pair;
use crate::audience::lifetime::cohorts::{DAYS_PER_MONTH, month_of, month_sql};
use crate::audience::lifetime::purchases::PURCHASES;
use crate::audience::query::exact_sum;
use crate::audience::spread::Rows;
use crate::error::MeasureError;

/// The most months that are told apart.
const MOST_MONTHS: usize = 24;
/// Months in which cohorts are compared, where there are so many.
const COHORT_MONTHS: usize = 3;
/// The most cohorts: each has two groups, of which a query tells 255 apart.
const MOST_COHORTS: i64 = 120;

/// The two arms' customers who have been seen for some full months.
pub(super) struct Months {
    pub(super) count: usize,
    /// Customers who had not bought before they were assigned, and those who had: columns of [`features`].
    pub(super) new: Pair<Moments>,
    existing: Pair<Moments>,
    /// Months in which cohorts are compared.
    pub(super) cohort_months: usize,
    /// By the month in which the process began, such as months since year 0: what customers brought in their first
    /// `cohort_months`.
    pub(super) cohorts: Vec<(i64, Pair<Moments>)>,
}

/// The columns that are kept of a customer's first months: what each brought, the number of purchases in all of them, and
/// whether there was one in the last third. Rows are purchases `p` with their `month`.
pub(super) fn features(worth: &str, months: usize) -> Vec<String> {
    let brought = |month| {
        let sum = exact_sum(worth, &format!(" FILTER (WHERE month = {month})"));
        format!("coalesce({sum}, 0)")
    };
    let late = months - months.div_ceil(3);
    let purchases = format!("CAST(count(*) FILTER (WHERE month < {months}) AS DOUBLE)");
    let bought_late =
        format!("CAST(count(*) FILTER (WHERE month >= {late} AND month < {months}) > 0 AS DOUBLE)");
    (0..months)
        .map(brought)
        .chain([purchases, bought_late])
        .collect()
}

/// The month since a day in which a purchase `p` lies, from 0 on, as SQL; null without a purchase.
pub(super) fn month_since(start: &str) -> String {
    format!("CAST(floor((p.day - {start}) / {DAYS_PER_MONTH}) AS BIGINT)")
}

/// Full months that at least half of each arm's customers have been seen for.
fn months_seen(histories: &[(bool, History)]) -> usize {
    let of_arm = |arm: bool| {
        let rows = histories.iter().filter(|(treated, _)| *treated == arm);
        let mut months: Vec<(usize, f64)> = rows
            .map(|(_, history)| {
                let months = ((history.age + 1.0) / DAYS_PER_MONTH) as usize;
                (months, history.customers)
            })
            .collect();
        months.sort_unstable_by_key(|(months, _)| std::cmp::Reverse(*months));
        let half = 0.5 * months.iter().map(|(_, customers)| customers).sum::<f64>();
        let mut seen = 0.0;
        let reached = months.iter().find(|(_, customers)| {
            seen += customers;
            seen >= half
        });
        reached.map_or(0, |(months, _)| *months)
    };
    of_arm(true).min(of_arm(false)).min(MOST_MONTHS)
}

impl Months {
    /// Of an arm and the reference arm, by their numbers, whose customers have these histories at the end.
    pub(super) fn read(
        customers: &Customers<'_>,
        arms: Pair<u64>,
        histories: &[(bool, History)],
        end: i64,
    ) -> Result<Self, MeasureError> {
        let count = months_seen(histories);
        let is_arm = format!("CAST(any_value(arm) = {} AS INTEGER)", arms.arm);
        let group = format!("2 * {is_arm} + CAST(any_value(existing) AS INTEGER)");
        let columns = features(customers.worth, count);
        let mut by_arm = moments(customers, arms, &group, &columns, count, 4)?.into_iter();
        let mut pair = || by_arm.next().zip(by_arm.next());
        let (against, arm) = (pair(), pair());
        let both = against.zip(arm).ok_or_else(|| MeasureError::Unusable {
            place: format!("experiment `{}`", customers.experiment),
            message: "its arms could not be summed up by month".to_owned(),
        })?;
        let ((against_new, against_existing), (arm_new, arm_existing)) = both;

        let months = || {
            let starts = histories
                .iter()
                .map(|(_, history)| end - history.age as i64);
            starts.map(month_of)
        };
        let last = months().max().unwrap_or(0);
        let earliest = months().min().unwrap_or(0);
        let first = earliest.max(last - MOST_COHORTS + 1);
        let cohort_months = count.min(COHORT_MONTHS);
        let cohort = format!("any_value({}) - {first}", month_sql("start"));
        // Older cohorts are in no group.
        let group = format!("CASE WHEN {cohort} < 0 THEN 255 ELSE 2 * ({cohort}) + {is_arm} END");
        let filter = format!(" FILTER (WHERE month < {cohort_months})");
        let column = format!("coalesce({}, 0)", exact_sum(customers.worth, &filter));
        let groups = 2 * (last - first + 1) as usize;
        let by_cohort = moments(customers, arms, &group, &[column], cohort_months, groups)?;
        let cohorts = by_cohort.chunks_exact(2).zip(first..).map(|(pair, month)| {
            let both = Pair {
                arm: pair[1].clone(),
                against: pair[0].clone(),
            };
            (month, both)
        });
        Ok(Self {
            count,
            new: Pair {
                arm: arm_new,
                against: against_new,
            },
            existing: Pair {
                arm: arm_existing,
                against: against_existing,
            },
            cohort_months,
            cohorts: cohorts.collect(),
        })
    }

    /// New and existing customers together.
    pub(super) fn all(&self) -> Result<Pair<Moments>, stats::moments::MomentsError> {
        let mut all = self.new.clone();
        all.arm.merge(&self.existing.arm)?;
        all.against.merge(&self.existing.against)?;
        Ok(all)
    }
}

/// Moments over customers of two arms who have been seen for some full months, by a group that is an expression over a
/// customer's rows.
fn moments(
    customers: &Customers<'_>,
    arms: Pair<u64>,
    group: &str,
    columns: &[String],
    months: usize,
    groups: usize,
) -> Result<Vec<Moments>, MeasureError> {
    let Customers { same, end, .. } = customers;
    let rows = Rows {
        lake: customers.lake,
        sql: format!(
            "SELECT CAST({group} AS UTINYINT), {} FROM (SELECT a.customer, a.arm, a.existing, a.start, p.amount, \
             {} AS month FROM {ARMS} AS a LEFT JOIN {PURCHASES} AS p ON {same} AND p.day > a.start AND p.day <= {end} \
             WHERE a.arm IN ({}, {}) AND a.age + 1 >= {}) AS p GROUP BY p.customer",
            columns.join(", "),
            month_since("a.start"),
            arms.arm,
            arms.against,
            months as f64 * DAYS_PER_MONTH,
        ),
        groups,
        columns: columns.len(),
        experiment: customers.experiment,
    };
    rows.moments(&Products::new(columns.len(), |_, _| true))
}
