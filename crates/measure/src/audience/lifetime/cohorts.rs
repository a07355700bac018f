//! What customers brought by the month of their first purchase and by the months since.

use std::collections::BTreeMap;

use catalog::{Span, SpanUnit};
use clv::acquisition::{CurvePoint, Value};
use lake::Lake;

use super::purchases::{CUSTOMERS, PURCHASES, day};
use super::{CohortFinding, days};
use crate::audience::query::exact_sum;
use crate::error::MeasureError;

/// Days of a month of age.
pub(super) const DAYS_PER_MONTH: f64 = 365.25 / 12.0;

/// The steps in which customers grow older: months, or the periods in which they buy where these are no shorter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ages {
    /// The length of a step.
    pub(super) step: Span,
    buys: Buys,
}

/// When customers buy.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Buys {
    Anytime,
    /// On the first day of a period, which all customers share; the last day that is seen is one.
    Opportunities,
    /// On the first day of their own period.
    Payments,
}

/// Days by which so many months may differ from their mean.
const DAYS_OFF: i64 = 3;

impl Ages {
    pub(super) fn months() -> Self {
        Self {
            step: Span {
                count: 1,
                unit: SpanUnit::Month,
            },
            buys: Buys::Anytime,
        }
    }

    pub(super) fn opportunities(every: Span) -> Self {
        Self::periods(every, Buys::Opportunities)
    }

    pub(super) fn payments(every: Span) -> Self {
        Self::periods(every, Buys::Payments)
    }

    fn periods(step: Span, buys: Buys) -> Self {
        match step.unit {
            SpanUnit::Month | SpanUnit::Year => Self { step, buys },
            _ => Self::months(),
        }
    }

    fn days(&self) -> f64 {
        days(self.step)
    }

    /// SQL: the age at a number of days since the first purchase.
    fn sql(&self, since: &str) -> String {
        let rounded = match self.buys {
            Buys::Anytime => "floor",
            Buys::Opportunities | Buys::Payments => "round",
        };
        format!("CAST({rounded}(({since}) / {:?}) AS BIGINT)", self.days())
    }

    /// Ages to whose end a customer has been observed who bought first on a day.
    fn observed(&self, first: i64, end: i64) -> usize {
        let since = end - first;
        let steps = |days: i64| days as f64 / self.days();
        let number = match self.buys {
            _ if since < 0 => 0.0,
            Buys::Anytime => steps(since + 1),
            Buys::Opportunities => steps(since).round() + 1.0,
            Buys::Payments => steps(since - DAYS_OFF).max(0.0) + 1.0,
        };
        number as usize
    }

    /// Days from the first purchase until what is bought at an age has been brought.
    fn end_of(&self, age: usize) -> f64 {
        let passed = match self.buys {
            Buys::Anytime => age + 1,
            Buys::Opportunities | Buys::Payments => age,
        };
        passed as f64 * self.days()
    }
}

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
    /// What the squares of these sum to, where acquisition is declared.
    pub(super) first_squares: f64,
    /// What acquiring them cost, where that is known of the customers of the cell.
    pub(super) cost: f64,
    /// By age: what they brought in it, and, where acquisition is declared, by how much the sum over customers of the
    /// square of what each has brought so far grew.
    by_age: BTreeMap<usize, (f64, f64)>,
}

/// Months since year 0 of a day since 1970, as SQL.
pub(super) fn month_sql(number: &str) -> String {
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

/// SQL: the sum of squares of amounts, the same in whatever order they come and as precise in any unit of money.
///
/// Sums of doubles are exact from 2^-24 on and below 2^49, and squares of amounts exceed both: those of each of three sizes
/// are summed in a unit of their own, in which they are about one.
fn sum_of_squares(square: &str) -> String {
    const APART: i32 = 44;
    const LEAST: i32 = -24;
    let power = |exponent: i32| format!("{:?}::DOUBLE", 2_f64.powi(exponent));
    let (tiny, large) = (power(LEAST), power(LEAST + APART));
    let sizes = [
        (format!("{square} < {tiny}"), -APART),
        (format!("{square} >= {tiny} AND {square} < {large}"), 0),
        (format!("{square} >= {large}"), APART),
    ];
    let sums = sizes.map(|(is_in, unit)| {
        let sum = exact_sum(
            &format!("{square} * {}", power(-unit)),
            &format!(" FILTER (WHERE {is_in})"),
        );
        format!("coalesce({sum}, 0) * {}", power(unit))
    });
    format!("({})", sums.join(" + "))
}

/// All cohorts by month and cell, from the purchases until the end of a day.
pub(super) fn read(
    lake: &Lake,
    place: &str,
    end: i64,
    ages: Ages,
    has_cost: bool,
) -> Result<Vec<Cohort>, MeasureError> {
    let context = format!("cannot measure {place}");
    let mut cohorts = sizes(lake, &context, has_cost)?;
    let month = month_sql("first");
    let sum = exact_sum("m", "");
    let brought = format!(
        "SELECT p.customer, c.cell, {month} AS month, {} AS age, p.amount AS m \
         FROM {PURCHASES} AS p JOIN {CUSTOMERS} AS c ON p.customer = c.customer WHERE p.day <= {end}",
        ages.sql("p.day - c.first")
    );
    let (brought, squares) = if has_cost {
        let of_customer = format!(
            "SELECT *, coalesce({sum} OVER (PARTITION BY customer ORDER BY age \
             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before \
             FROM (SELECT customer, any_value(cell) AS cell, any_value(month) AS month, age, {sum} AS m FROM ({brought}) \
             GROUP BY customer, age)"
        );
        (of_customer, sum_of_squares("(m * m + 2 * m * before)"))
    } else {
        (brought, "0::DOUBLE".to_owned())
    };
    let query = format!(
        "SELECT month, CAST(cell AS BIGINT), age, {sum}, {squares} FROM ({brought}) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
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

/// All cohorts with what they brought at once, on the day of the first purchase, and what they cost; not by age.
pub(super) fn sizes(
    lake: &Lake,
    context: &str,
    has_cost: bool,
) -> Result<Vec<Cohort>, MeasureError> {
    let (squares, costs) = if has_cost {
        (
            sum_of_squares("(at_first * at_first)"),
            format!("coalesce({}, 0)", exact_sum("cost", "")),
        )
    } else {
        ("0::DOUBLE".to_owned(), "0::DOUBLE".to_owned())
    };
    let query = format!(
        "SELECT {}, CAST(cell AS BIGINT), count(*), CAST(max(first) AS BIGINT), {}, {squares}, {costs} \
         FROM {CUSTOMERS} GROUP BY 1, 2 ORDER BY 1, 2",
        month_sql("first"),
        exact_sum("at_first", ""),
    );
    Ok(lake.engine().rows(&query, context, |row| {
        Ok(Cohort {
            month: row.get(0)?,
            cell: row.get::<_, i64>(1)? as u32,
            customers: row.get::<_, i64>(2)? as f64,
            youngest: row.get(3)?,
            first: row.get(4)?,
            first_squares: row.get(5)?,
            cost: row.get(6)?,
            by_age: BTreeMap::new(),
        })
    })?)
}

impl Cohort {
    /// Ages for which all its customers have been observed.
    fn observed(&self, ages: Ages, end: i64) -> usize {
        ages.observed(self.youngest, end)
    }

    /// What it brought at an age; none where that has not been observed to its end.
    fn brought(&self, age: usize, (ages, end): (Ages, i64)) -> Option<(f64, f64)> {
        let known = age < self.observed(ages, end);
        known.then(|| self.by_age.get(&age).copied().unwrap_or_default())
    }
}

/// The months in which customers bought for the first time, each once.
pub(super) fn months(cohorts: &[Cohort]) -> Vec<i64> {
    let mut months: Vec<i64> = cohorts.iter().map(|cohort| cohort.month).collect();
    months.dedup();
    months
}

/// Customers of each cell.
pub(super) fn sizes_of_cells(cohorts: &[Cohort], cells: usize) -> Vec<f64> {
    let mut sizes = vec![0.0; cells];
    for cohort in cohorts {
        sizes[cohort.cell as usize] += cohort.customers;
    }
    sizes
}

/// What cohorts brought by age.
pub(super) fn finding(cohorts: &[Cohort], ages: Ages, end: i64, margin: f64) -> Vec<CohortFinding> {
    let observed = cohorts.iter().map(|cohort| cohort.observed(ages, end));
    let longest = observed.max().unwrap_or(0);
    let each = months(cohorts).into_iter().map(|month| {
        let of_month: Vec<&Cohort> = cohorts.iter().filter(|c| c.month == month).collect();
        let customers: f64 = of_month.iter().map(|cohort| cohort.customers).sum();
        let mean = |age: usize| -> Option<f64> {
            let brought = |cohort: &&Cohort| cohort.brought(age, (ages, end));
            let each: Option<Vec<(f64, f64)>> = of_month.iter().map(brought).collect();
            Some(margin * each?.iter().map(|(sum, _)| sum).sum::<f64>() / customers)
        };
        CohortFinding {
            value: None,
            month: month_name(month),
            customers: customers as u64,
            by_age: (0..longest).map(mean).collect(),
        }
    });
    each.collect()
}

/// The standard deviation of one of so many amounts; infinite where their squares are beyond what a double holds.
pub(super) fn deviation(customers: f64, sum: f64, squares: f64) -> f64 {
    if !squares.is_finite() {
        return f64::INFINITY;
    }
    let squares = squares - sum * (sum / customers);
    (squares.max(0.0) / (customers - 1.0).max(1.0)).sqrt()
}

/// What the mean customer of cohorts has brought with the first purchase, on day 0, and by the end of each age, over those
/// that were observed so long.
///
/// Older ages are those of older cohorts, so that the mean of all cohorts need not rise with age; where it would fall, it
/// stays.
pub(super) fn curve(cohorts: &[&Cohort], ages: Ages, end: i64, margin: f64) -> Vec<CurvePoint> {
    let mut points: Vec<CurvePoint> = Vec::new();
    let longest = cohorts
        .iter()
        .map(|cohort| cohort.observed(ages, end))
        .max();
    let mut point = |days: f64, customers: f64, sum: f64, squares: f64| {
        let before = points.last().map_or(0.0, |point| point.value.estimate);
        points.push(CurvePoint {
            days,
            value: Value {
                estimate: (margin * sum / customers).max(before),
                standard_error: margin * deviation(customers, sum, squares) / customers.sqrt(),
            },
        });
    };
    let total = |of: fn(&Cohort) -> f64| cohorts.iter().map(|cohort| of(cohort)).sum::<f64>();
    let customers = total(|cohort| cohort.customers);
    if longest > Some(0) && customers >= 2.0 {
        let squares = total(|cohort| cohort.first_squares);
        point(0.0, customers, total(|cohort| cohort.first), squares);
    }
    for age in 0..longest.unwrap_or(0) {
        let (mut customers, mut sum, mut squares) = (0.0, 0.0, 0.0);
        let observed = cohorts
            .iter()
            .filter(|cohort| cohort.observed(ages, end) > age);
        for cohort in observed {
            customers += cohort.customers;
            for (in_step, grown) in cohort.by_age.range(..=age).map(|(_, brought)| brought) {
                sum += in_step;
                squares += grown;
            }
        }
        if customers < 2.0 {
            break;
        }
        point(ages.end_of(age), customers, sum, squares);
    }
    points
}
