//! The rows of facts and exposures: repeated ones, ones at impossible times, and customers who are no people.
//!
//! Takes three looks at each fact: one by day, one for rows that repeat others, and one by customer for outliers.

use catalog::{Fact, Unit};
use lake::{Lake, sql};
use stats::tail;

use crate::audience::finding::{Check, CheckKind, Severity};
use crate::audience::plan::Plan;
use crate::audience::query::assigned::Assigned;
use crate::audience::query::{Query, columns, fact_rows, source_view, status, where_clause};
use crate::audience::times::Clock;
use crate::audience::trust::FactRows;
use crate::error::MeasureError;

/// Repeated rows are a fault in how events are sent or loaded from this share of all on.
const MANY_DUPLICATES: f64 = 0.001;
/// How to let a row that is on record twice count once.
pub(crate) const READ_ONCE: &str =
    "if they are not real, read them once, for example with `SELECT DISTINCT` in the fact's `sql`";
/// Late rows above this share are more than the declared delay allows for.
const MANY_LATE: f64 = 0.001;
/// Exposures before assignment, above this share, are no matter of clocks that differ a little.
const MANY_EARLY: f64 = 0.01;
/// The probability below which a gap between customers' numbers of rows is no chance of a heavy tail.
const OUTLIER_ALARM: f64 = 1e-4;
/// Customers with fewer rows than this, or than ten times the middle customer's, are people.
const ROWS_OF_PEOPLE: u64 = 100;
const TIMES_THE_MIDDLE: u64 = 10;
/// Customers at the top among whom a gap is looked for, and those whose spacings it is measured by.
const TOP: usize = 10;
const TAIL: usize = 100;
/// Customers whose share of a metric's variation is shown.
const EXTREME_CUSTOMERS: usize = 10;
/// The share of a metric's variation that ten customers may have before they decide the outcome.
const MUCH_VARIATION: f64 = 0.25;

/// How bad it is that so many of all rows are on record twice.
pub(crate) fn of_duplicates(duplicates: u64, all: u64) -> Severity {
    if duplicates as f64 > MANY_DUPLICATES * all as f64 {
        Severity::Warning
    } else {
        Severity::Notice
    }
}

/// Looks through the rows of every fact.
pub(super) fn facts(plan: &Plan<'_>, lake: &Lake) -> Result<Vec<FactRows>, MeasureError> {
    let facts = plan.facts().into_iter();
    // Of a fact without a time, a row a customer, there is nothing to look at.
    facts
        .filter_map(|fact| Some(rows_of(plan, lake, fact, fact.time.as_deref()?)))
        .collect()
}

fn rows_of(
    plan: &Plan<'_>,
    lake: &Lake,
    fact: &Fact,
    time: &str,
) -> Result<FactRows, MeasureError> {
    let rows = fact_rows(fact);
    let clock = Clock::of(&lake.columns(&rows)?, time);
    let time = clock.time(time);
    let context = format!("cannot look through the rows of fact `{}`", fact.name);
    let arrived = fact.arrived.as_deref().map(sql::identifier);
    let (late, early) = match &arrived {
        Some(arrived) => {
            let due = fact
                .delay
                .map_or(time.clone(), |delay| sql::after(&time, delay));
            (
                format!("CAST(count(*) FILTER (WHERE {arrived} > {due}) AS UBIGINT)"),
                format!("CAST(count(*) FILTER (WHERE {arrived} < {time}) AS UBIGINT)"),
            )
        }
        None => ("0::UBIGINT".to_owned(), "0::UBIGINT".to_owned()),
    };
    let until = match &plan.experiment.until {
        Some(until) => format!("{time} > TIMESTAMP {}", sql::text(until)),
        None => "false".to_owned(),
    };
    // Days since 1970 hold all that is asked of times; few enough to come over.
    let query = format!(
        "SELECT CAST(date_diff('day', DATE '1970-01-01', CAST({time} AS DATE)) AS BIGINT) AS day, \
         CAST(count(*) AS UBIGINT), CAST(count(*) FILTER (WHERE {until}) AS UBIGINT), {late}, {early} \
         FROM {rows}{} GROUP BY 1 ORDER BY 1 NULLS FIRST",
        where_clause(fact.filter.as_ref())
    );
    type Day = (Option<i64>, u64, u64, u64, u64);
    let days: Vec<Day> = lake.engine().rows(&query, &context, |row| {
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
        ))
    })?;
    let sum = |of: fn(&Day) -> u64| days.iter().map(of).sum::<u64>();
    let by_day: Vec<(i64, u64)> = days
        .iter()
        .filter_map(|day| day.0.map(|number| (number, day.1)))
        .collect();
    let after_end = match &plan.experiment.until {
        Some(_) => sum(|day| day.2),
        None => stray(&by_day),
    };
    let repeated = match by_day.is_empty() {
        true => Repeated::default(),
        false => duplicates(plan, lake, fact, clock, &time)?,
    };
    let (outliers, outlier_rows) = outliers(lake, fact, &context)?;
    Ok(FactRows {
        fact: fact.name.clone(),
        rows: sum(|day| day.1),
        duplicates: repeated.rows,
        duplicate_money: repeated.money,
        without_time: days
            .iter()
            .filter(|day| day.0.is_none())
            .map(|day| day.1)
            .sum(),
        after_end,
        outliers,
        outlier_rows,
        late: arrived.is_some().then(|| sum(|day| day.3)),
        before_happening: arrived.is_some().then(|| sum(|day| day.4)),
    })
}

/// Rows at the end that are as far from the rest as the rest is long, and more than a month: a clock that goes wrong, or
/// a date that stands for "never". The rest are the first 99.9 % of the rows, in days with their numbers of rows.
fn stray(days: &[(i64, u64)]) -> u64 {
    const MONTH: i64 = 30;
    let total: u64 = days.iter().map(|(_, rows)| rows).sum();
    let mut so_far = 0;
    let end = days.iter().find(|(_, rows)| {
        so_far += rows;
        so_far as f64 >= 0.999 * total as f64
    });
    let (Some((first, _)), Some((end, _))) = (days.first(), end) else {
        return 0;
    };
    let far = end + (end - first).max(MONTH);
    days.iter()
        .filter(|(day, _)| *day > far)
        .map(|(_, rows)| rows)
        .sum()
}

/// Rows that repeat others, and the metric and share of its sum that is in them.
#[derive(Default)]
struct Repeated {
    rows: Option<u64>,
    money: Option<(String, f64)>,
}

/// Rows that repeat another's customer, time and values, and the share of the first money metric in them. Times that are
/// whole days do not tell rows apart.
fn duplicates(
    plan: &Plan<'_>,
    lake: &Lake,
    fact: &Fact,
    clock: Clock,
    time: &str,
) -> Result<Repeated, MeasureError> {
    if clock == Clock::Day {
        return Ok(Repeated::default());
    }
    let metrics = plan
        .all_values()
        .filter(|value| value.fact.name == fact.name)
        .filter_map(|value| value.metric);
    let mut values: Vec<(&str, Unit, &str)> = Vec::new();
    for metric in metrics {
        let Some(value) = metric.value.as_deref() else {
            continue;
        };
        if !values.iter().any(|known| known.0 == value) {
            values.push((value, metric.unit, &metric.name));
        }
    }
    let money = values.iter().position(|value| value.1 == Unit::Money);
    let expressions: String = values
        .iter()
        .enumerate()
        .map(|(i, value)| format!(", ({}) AS _ts_e{i}", value.0))
        .collect();
    // In ten-thousandths, so that sums are those of integers.
    let sums = match money {
        Some(i) => format!(
            "CAST(sum(CAST(_ts_e{i} AS DECIMAL(18, 4)) * (number - 1)) AS DOUBLE), \
             CAST(sum(CAST(_ts_e{i} AS DECIMAL(18, 4)) * number) AS DOUBLE)"
        ),
        None => "NULL::DOUBLE, NULL::DOUBLE".to_owned(),
    };
    let query = format!(
        "SELECT CAST(coalesce(sum(number - 1), 0) AS UBIGINT), {sums} FROM (SELECT *, count(*) AS number \
         FROM (SELECT {} AS _ts_customer, {time} AS _ts_time{expressions} FROM {}{}) \
         WHERE _ts_customer IS NOT NULL AND _ts_time IS NOT NULL GROUP BY ALL)",
        sql::identifier(&fact.customer),
        fact_rows(fact),
        where_clause(fact.filter.as_ref()),
    );
    let context = format!("cannot look for repeated rows of fact `{}`", fact.name);
    type Found = (u64, Option<f64>, Option<f64>);
    let found: Vec<Found> = lake.engine().rows(&query, &context, |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let Some(&(repeated, in_them, in_all)) = found.first() else {
        return Ok(Repeated::default());
    };
    let share = in_them
        .zip(in_all)
        .filter(|(_, all)| *all != 0.0)
        .map(|(them, all)| them / all);
    let name = money.map(|i| values[i].2.to_owned());
    Ok(Repeated {
        rows: Some(repeated),
        money: name.zip(share),
    })
}

/// Customers with more rows than a heavy tail explains, and the share of all rows that they have.
fn outliers(lake: &Lake, fact: &Fact, context: &str) -> Result<(u64, f64), MeasureError> {
    let query = format!(
        "SELECT rows, CAST(count(*) AS UBIGINT) FROM (SELECT CAST(count(*) AS UBIGINT) AS rows FROM {}{} \
         GROUP BY {}) GROUP BY 1 ORDER BY 1 DESC",
        fact_rows(fact),
        where_clause(fact.filter.as_ref()),
        sql::identifier(&fact.customer),
    );
    let counts: Vec<(u64, u64)> = lake
        .engine()
        .rows(&query, context, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let outliers = outlying(&counts);
    let total: u64 = counts
        .iter()
        .map(|(rows, customers)| rows * customers)
        .sum();
    let theirs: u64 = largest(&counts).take(outliers).sum();
    Ok((outliers as u64, theirs as f64 / total.max(1) as f64))
}

/// The customers' numbers of rows from the largest on, from how many customers have each number.
fn largest(counts: &[(u64, u64)]) -> impl Iterator<Item = u64> {
    counts
        .iter()
        .flat_map(|&(rows, customers)| std::iter::repeat_n(rows, customers as usize))
}

/// How many customers at the top are beyond a gap that a Pareto tail does not have.
///
/// Of a Pareto tail the spacings `i ln(x_i / x_(i+1))` of the largest numbers `x_1 >= x_2 >= ...` are independent and
/// exponential with one mean (A. Rényi, "On the theory of order statistics", 1953), so that one of them over the mean of
/// the `m` below is F with 2 and 2 m degrees of freedom. Looked at from below, the first that is too large for that is
/// the gap (after S. Bhattacharya, M. Kallitsis and S. Stoev, Electronic Journal of Statistics 13, 2019). Lighter tails
/// have smaller gaps still. `counts` holds numbers of rows, falling, and how many customers have each.
fn outlying(counts: &[(u64, u64)]) -> usize {
    let customers: u64 = counts.iter().map(|(_, customers)| customers).sum();
    let mut below = customers / 2;
    let middle = counts.iter().find(|(_, customers)| {
        let here = below < *customers;
        below = below.saturating_sub(*customers);
        here
    });
    let least = ROWS_OF_PEOPLE.max(TIMES_THE_MIDDLE * middle.map_or(1, |middle| middle.0));
    let top: Vec<f64> = largest(counts)
        .take((TOP + TAIL + 1).min(customers as usize / 2))
        .map(|rows| rows as f64)
        .collect();
    let spacing = |i: usize| (i as f64 + 1.0) * (top[i] / top[i + 1]).ln();
    let spacings: Vec<f64> = (0..top.len().saturating_sub(1)).map(spacing).collect();
    for gap in (0..TOP.min(spacings.len())).rev() {
        let tail = &spacings[gap + 1..];
        if tail.len() < TOP || top[gap] < least as f64 {
            continue;
        }
        let mean = tail.iter().sum::<f64>() / tail.len() as f64;
        let f = spacings[gap] / mean;
        // Without any spread below, any gap is too large.
        let p = if mean > 0.0 {
            tail::f_upper(f, 2.0, 2.0 * tail.len() as f64).p
        } else {
            f64::from(u8::from(spacings[gap] <= 0.0))
        };
        if p < OUTLIER_ALARM {
            return gap + 1;
        }
    }
    0
}

/// What the rows of a fact say in words.
pub(super) fn checks(fact: &FactRows, has_until: bool) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut say =
        |severity, message| checks.push(super::check(CheckKind::Events, severity, message));
    let share = |number: u64| number as f64 / fact.rows.max(1) as f64;
    let percent = |number: u64| {
        let rows = if number == 1 { "row" } else { "rows" };
        format!("{number} {rows} ({:.2} %)", 100.0 * share(number))
    };
    let are = |number: u64| if number == 1 { "is" } else { "are" };
    let name = &fact.fact;
    if let Some(duplicates) = fact.duplicates.filter(|&duplicates| duplicates > 0) {
        let money = match &fact.duplicate_money {
            Some((metric, share)) => {
                format!(", with {:.2} % of the sum of `{metric}`", 100.0 * share)
            }
            None => String::new(),
        };
        say(
            of_duplicates(duplicates, fact.rows),
            format!(
                "{} of `{name}` repeat another's customer, time and values{money}: {READ_ONCE}",
                percent(duplicates)
            ),
        );
    }
    if fact.without_time > 0 {
        say(
            Severity::Notice,
            format!(
                "{} of `{name}` have no time and count nowhere",
                percent(fact.without_time)
            ),
        );
    }
    if fact.after_end > 0 {
        let (severity, message) = if has_until {
            (
                Severity::Notice,
                format!(
                    "{} of `{name}` {} after the experiment's `until`",
                    percent(fact.after_end),
                    are(fact.after_end)
                ),
            )
        } else {
            (
                Severity::Warning,
                format!(
                    "{} of `{name}` {} long after all others: a clock that goes wrong, or a date that stands for \
                     `never`; say with `until` when the data end",
                    percent(fact.after_end),
                    are(fact.after_end)
                ),
            )
        };
        say(severity, message);
    }
    if fact.outliers > 0 {
        say(
            Severity::Warning,
            format!(
                "{} customers of `{name}` have more rows than even a heavy tail explains, {:.2} % of all: they may be \
                 robots or test accounts; leave them out with `where` on what is known of them before, or cap the metric",
                fact.outliers,
                100.0 * fact.outlier_rows
            ),
        );
    }
    if let Some(late) = fact.late.filter(|&late| late > 0) {
        let severity = if share(late) > MANY_LATE {
            Severity::Warning
        } else {
            Severity::Notice
        };
        say(
            severity,
            format!(
                "{} of `{name}` arrived later than its `delay` allows: the last customers of a running experiment count \
                 too little; make `delay` longer",
                percent(late)
            ),
        );
    }
    if let Some(before) = fact.before_happening.filter(|&before| before > 0) {
        say(
            Severity::Warning,
            format!(
                "{} of `{name}` arrived before they happened: clocks or time zones differ",
                percent(before)
            ),
        );
    }
    checks
}

/// Exposures that were recorded before the customer's assignment.
pub(super) fn early_exposures(
    plan: &Plan<'_>,
    lake: &Lake,
    assigned: &Assigned,
) -> Result<Option<Check>, MeasureError> {
    let Some(exposure) = &plan.experiment.exposure else {
        return Ok(None);
    };
    if plan.experiment.assignment.time.is_none() {
        return Ok(None);
    }
    let view = source_view(&exposure.source);
    let clock = Clock::of(&lake.columns(&view)?, &exposure.time);
    let condition = where_clause(exposure.filter.as_ref());
    let query = format!(
        "WITH {} SELECT CAST(count(*) AS UBIGINT), CAST(count(*) FILTER (WHERE moment < started) AS UBIGINT), \
         CAST(coalesce(median(epoch(started) - epoch(moment)) FILTER (WHERE moment < started), 0) AS DOUBLE) \
         FROM (SELECT {} AS customer, {} AS moment FROM {view}{condition}) AS e \
         JOIN (SELECT customer, started FROM _ts_units) AS units ON e.customer = units.customer",
        assigned.tables,
        sql::identifier(&exposure.customer),
        clock.time(&exposure.time),
    );
    let context = "cannot compare times of exposure and assignment";
    let found: Vec<(u64, u64, f64)> = lake.engine().rows(&query, context, |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let Some(&(rows, early, seconds)) = found.first().filter(|found| found.1 > 0) else {
        return Ok(None);
    };
    let share = early as f64 / rows as f64;
    let severity = if share > MANY_EARLY {
        Severity::Warning
    } else {
        Severity::Notice
    };
    Ok(Some(super::check(
        CheckKind::Events,
        severity,
        format!(
            "{early} of {rows} exposures ({:.2} %) were recorded before their customer's assignment, by {} in the middle: \
             they do not count. Check the clocks and time zones of both, and that the arm is drawn before anything is \
             shown",
            100.0 * share,
            length(seconds)
        ),
    )))
}

/// Seconds in the unit that suits them.
fn length(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} seconds"),
        s if s < 7_200.0 => format!("{:.0} minutes", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} hours", s / 3_600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

/// The share that the most extreme customers of all arms have in the sum of squares of a value around its mean.
pub(super) fn top_customers(
    plan: &Plan<'_>,
    lake: &Lake,
    query: &Query,
    place: usize,
    (mean, squares): (f64, f64),
) -> Result<Option<f64>, MeasureError> {
    if squares.is_nan() || squares <= 0.0 {
        return Ok(None);
    }
    let number = columns::number(query, place);
    let sql = format!(
        "SELECT {number} FROM {} WHERE status = {} AND {} \
         ORDER BY abs({number} - {mean:e}::DOUBLE) DESC, {number} LIMIT {EXTREME_CUSTOMERS}",
        query.customers,
        status::COUNTED,
        query.counts(plan, place),
    );
    let values: Vec<f64> =
        lake.engine()
            .rows(&sql, "cannot find the most extreme customers", |row| {
                row.get(0)
            })?;
    let theirs: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Ok(Some((theirs / squares).min(1.0)))
}

pub(super) fn top_check(metric: &str, share: f64) -> Option<Check> {
    (share > MUCH_VARIATION).then(|| {
        super::check(
            CheckKind::Events,
            Severity::Warning,
            format!(
                "{EXTREME_CUSTOMERS} customers make {:.0} % of the variation of `{metric}` between customers: the effect \
                 hangs on the arms that they happen to be in; a `cap` would tell whether it stands without them",
                100.0 * share
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of rows with how many customers have each, falling.
    fn counted(rows: impl IntoIterator<Item = u64>) -> Vec<(u64, u64)> {
        let mut counts = std::collections::BTreeMap::new();
        for rows in rows {
            *counts.entry(rows).or_insert(0) += 1;
        }
        counts.into_iter().rev().collect()
    }

    /// The quantiles of a Pareto tail of this index, as numbers of rows.
    fn pareto(customers: u64, index: f64) -> impl Iterator<Item = u64> {
        (0..customers).map(move |i| {
            let above = (i as f64 + 0.5) / customers as f64;
            (3.0 * above.powf(-1.0 / index)) as u64
        })
    }

    #[test]
    fn a_heavy_tail_is_no_robot() {
        for index in [0.8, 1.0, 1.5, 3.0] {
            assert_eq!(outlying(&counted(pareto(5_000, index))), 0, "{index}");
        }
        assert_eq!(outlying(&counted((0..1_000).map(|i| 1 + i % 7))), 0);
        assert_eq!(outlying(&[]), 0);
        assert_eq!(outlying(&counted([500])), 0);
    }

    #[test]
    fn robots_stand_beyond_a_gap() {
        let people: Vec<u64> = pareto(5_000, 2.5).collect();
        let most = people.iter().max().copied().unwrap_or(0);
        let with = |robots: &[u64]| {
            let all = people.iter().chain(robots).copied();
            outlying(&counted(all))
        };
        assert_eq!(with(&[most * 100]), 1);
        assert_eq!(with(&[most * 100, most * 120, most * 105]), 3);
        // All people alike.
        let alike = std::iter::repeat_n(3, 200).chain([5_000]);
        assert_eq!(outlying(&counted(alike)), 1);
    }

    #[test]
    fn days_far_beyond_the_others_are_stray() {
        let mut days: Vec<(i64, u64)> = (19_000..19_060).map(|day| (day, 100)).collect();
        assert_eq!(stray(&days), 0);
        days.push((19_080, 1));
        assert_eq!(stray(&days), 0);
        days.push((47_482, 2));
        assert_eq!(stray(&days), 2);
        assert_eq!(stray(&[]), 0);
    }
}
