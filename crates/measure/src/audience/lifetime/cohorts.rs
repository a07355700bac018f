//! What customers brought by the month of their first purchase and by the months since.

use std::collections::BTreeMap;

use clv::acquisition::{CurvePoint, Value};
use lake::Lake;

use super::purchases::{CUSTOMERS, PURCHASES, day};
use crate::audience::query::exact_sum;
use crate::error::MeasureError;

/// Days of a month of age.
pub(super) const DAYS_PER_MONTH: f64 = 365.25 / 12.0;

/// The customers of a cell whose first purchases lie in one month.
#[derive(Debug, Clone, Default)]
pub(super) struct Cohort {
    /// Months since year 0.
    pub(super) month: i64,
    pub(super) cell: u32,
    pub(super) customers: f64,
    /// The first purchase of the youngest of them, in days since 1970.
    youngest: i64,
    /// What their first purchases sum to.
    pub(super) first: f64,
    /// Customers whose acquisition cost is known, and what it sums to.
    pub(super) costed: f64,
    pub(super) cost: f64,
    /// By months of age: what they brought in it, and by how much the sum over customers of the square of what each has
    /// brought so far grew.
    by_age: BTreeMap<usize, (f64, f64)>,
}

/// Months since year 0 of a day since 1970, as SQL.
fn month_sql(number: &str) -> String {
    let date = format!("(DATE '1970-01-01' + CAST({number} AS INTEGER))");
    format!("CAST(year({date}) * 12 + month({date}) - 1 AS BIGINT)")
}

/// A month as text, such as `2024-03`.
pub(super) fn month_name(month: i64) -> String {
    format!(
        "{:04}-{:02}",
        month.div_euclid(12),
        month.rem_euclid(12) + 1
    )
}

/// The month in which a day since 1970 lies.
pub(super) fn month_of(number: i64) -> i64 {
    let date = day(number);
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}

/// All cohorts by month and cell, from the purchases until the end of a day.
pub(super) fn read(
    lake: &Lake,
    place: &str,
    end: i64,
    has_cost: bool,
) -> Result<Vec<Cohort>, MeasureError> {
    let context = format!("cannot measure {place}");
    let mut cohorts = sizes(lake, &context, has_cost)?;
    let month = month_sql("first");
    let amount = exact_sum("p.amount", "");
    let sum = exact_sum("m", "");
    // A sum of squares is larger than the doubles whose sums are exact: it is summed as an integer of hundredths.
    let query = format!(
        "SELECT month, CAST(cell AS BIGINT), age, {sum}, \
         CAST(sum(CAST(round((m * m + 2 * m * before) * 100) AS HUGEINT)) AS DOUBLE) / 100 \
         FROM (SELECT *, coalesce(sum(m) OVER (PARTITION BY customer ORDER BY age \
         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before \
         FROM (SELECT customer, any_value(cell) AS cell, {month} AS month, age, {amount} AS m \
         FROM (SELECT p.customer, c.cell, c.first, p.amount, \
         CAST(floor((p.day - c.first) / {DAYS_PER_MONTH}) AS BIGINT) AS age \
         FROM {PURCHASES} AS p JOIN {CUSTOMERS} AS c ON p.customer = c.customer WHERE p.day <= {end}) AS p \
         GROUP BY customer, first, age)) GROUP BY ALL ORDER BY ALL"
    );
    type Brought = (i64, i64, i64, f64, f64);
    let rows: Vec<Brought> = lake.engine().rows(&query, &context, |row| {
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
        ))
    })?;
    for (month, cell, age, sum, squares) in rows {
        let place = cohorts.binary_search_by_key(&(month, cell as u32), |c| (c.month, c.cell));
        if let Ok(place) = place {
            cohorts[place].by_age.insert(age as usize, (sum, squares));
        }
    }
    Ok(cohorts)
}

fn sizes(lake: &Lake, context: &str, has_cost: bool) -> Result<Vec<Cohort>, MeasureError> {
    let costs = if has_cost {
        format!("count(c.cost), coalesce({}, 0)", exact_sum("c.cost", ""))
    } else {
        "0::BIGINT, 0::DOUBLE".to_owned()
    };
    let query = format!(
        "SELECT {}, CAST(c.cell AS BIGINT), count(*), CAST(max(c.first) AS BIGINT), {}, {costs} \
         FROM {CUSTOMERS} AS c JOIN {PURCHASES} AS p ON p.customer = c.customer AND p.day = c.first \
         GROUP BY 1, 2 ORDER BY 1, 2",
        month_sql("c.first"),
        exact_sum("p.amount", ""),
    );
    Ok(lake.engine().rows(&query, context, |row| {
        Ok(Cohort {
            month: row.get(0)?,
            cell: row.get::<_, i64>(1)? as u32,
            customers: row.get::<_, i64>(2)? as f64,
            youngest: row.get(3)?,
            first: row.get(4)?,
            costed: row.get::<_, i64>(5)? as f64,
            cost: row.get(6)?,
            by_age: BTreeMap::new(),
        })
    })?)
}

impl Cohort {
    /// Full months for which all its customers have been observed.
    fn observed(&self, end: i64) -> usize {
        ((end - self.youngest + 1) as f64 / DAYS_PER_MONTH).max(0.0) as usize
    }

    /// What it brought in a month of age; none where that has not been observed to its end.
    fn brought(&self, age: usize, end: i64) -> Option<(f64, f64)> {
        let known = age < self.observed(end);
        known.then(|| self.by_age.get(&age).copied().unwrap_or_default())
    }
}

/// What the customers of one month brought on average in each month of age, over its cells; null where that has not been
/// observed to its end. The last known month is the last entry but for one that is null.
pub(super) fn by_age(
    cohorts: &[&Cohort],
    end: i64,
    months: usize,
    margin: f64,
) -> Vec<Option<f64>> {
    let customers: f64 = cohorts.iter().map(|cohort| cohort.customers).sum();
    (0..months)
        .map(|age| {
            let each: Option<Vec<(f64, f64)>> = cohorts
                .iter()
                .map(|cohort| cohort.brought(age, end))
                .collect();
            Some(margin * each?.iter().map(|(sum, _)| sum).sum::<f64>() / customers)
        })
        .collect()
}

/// Months of age that any of these cohorts has been observed for.
pub(super) fn months(cohorts: &[Cohort], end: i64) -> usize {
    let observed = cohorts.iter().map(|cohort| cohort.observed(end));
    observed.max().unwrap_or(0)
}

/// What the mean customer of cohorts has brought by the end of each month of age, over those that were observed so long.
///
/// Older ages are those of older cohorts, so that the mean of all cohorts need not rise with age; where it would fall, it
/// stays.
pub(super) fn curve(cohorts: &[&Cohort], end: i64, margin: f64) -> Vec<CurvePoint> {
    let mut points: Vec<CurvePoint> = Vec::new();
    let longest = cohorts.iter().map(|cohort| cohort.observed(end)).max();
    for age in 0..longest.unwrap_or(0) {
        let (mut customers, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for cohort in cohorts.iter().filter(|cohort| cohort.observed(end) > age) {
            customers += cohort.customers;
            for (in_month, grown) in cohort.by_age.range(..=age).map(|(_, brought)| brought) {
                sum += in_month;
                squares += grown;
            }
        }
        if customers < 2.0 {
            break;
        }
        let mean = sum / customers;
        let variance = ((squares - customers * mean * mean) / (customers - 1.0)).max(0.0);
        let before = points.last().map_or(0.0, |point| point.value.estimate);
        points.push(CurvePoint {
            days: (age as f64 + 1.0) * DAYS_PER_MONTH,
            value: Value {
                estimate: (margin * mean).max(before),
                standard_error: margin * (variance / customers).sqrt(),
            },
        });
    }
    points
}
