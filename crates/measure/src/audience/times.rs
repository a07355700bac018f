//! When things happened, as SQL: the clocks of columns, and which stretch of time counts.

use lake::{Column, sql};

use super::plan::{Period, Value};
use super::query::types::type_of;

/// How a time column is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// A point in time.
    Zoned,
    /// A time in the project's time zone.
    Local,
    /// A day in the project's time zone.
    Day,
}

impl Clock {
    pub(crate) fn of(columns: &[Column], column: &str) -> Self {
        match type_of(columns, column) {
            Some("TIMESTAMP WITH TIME ZONE") => Self::Zoned,
            Some("DATE") => Self::Day,
            _ => Self::Local,
        }
    }

    /// The column as a time that compares with others.
    pub(crate) fn time(self, column: &str) -> String {
        match self {
            // As it is: local times repeat an hour when clocks go back.
            Self::Zoned => sql::identifier(column),
            Self::Local | Self::Day => format!("CAST({} AS TIMESTAMP)", sql::identifier(column)),
        }
    }

    /// Exposure as it compares with times of this clock: what has a day only may have been after exposure on its day.
    pub(crate) fn exposure(self, started: &str) -> String {
        match self {
            Self::Zoned | Self::Local => started.to_owned(),
            Self::Day => format!("date_trunc('day', {started})"),
        }
    }
}

/// Whether a time counts, as SQL.
pub(crate) fn counts(period: Period, time: &str, start: &str) -> String {
    match period {
        Period::After { from, to } => {
            let from = from.map_or(start.to_owned(), |from| sql::after(start, from));
            match to {
                Some(to) => format!("{time} >= {from} AND {time} < {}", sql::after(start, to)),
                None => format!("{time} >= {from}"),
            }
        }
        Period::Before(before) => {
            format!(
                "{time} >= {} AND {time} < {start}",
                sql::before(start, before)
            )
        }
    }
}

/// The stretch of time that holds the periods of all values, as a condition of the join.
pub(crate) fn bounds<'v>(values: impl Iterator<Item = &'v Value<'v>>, started: &str) -> String {
    let mut periods: Vec<Period> = Vec::new();
    for value in values {
        if !periods.contains(&value.period) {
            periods.push(value.period);
        }
    }
    if let [only] = periods.as_slice() {
        return format!(" AND {}", counts(*only, "f.moment", started));
    }
    // Which of 30 days and a month is longer depends on the day: the engine decides it for each customer.
    let from: Vec<String> = periods
        .iter()
        .map(|period| match period {
            Period::Before(span) => sql::before(started, *span),
            Period::After {
                from: Some(from), ..
            } => sql::after(started, *from),
            Period::After { from: None, .. } => started.to_owned(),
        })
        .collect();
    let to: Option<Vec<String>> = periods
        .iter()
        .map(|period| match period {
            Period::Before(_) => Some(started.to_owned()),
            Period::After { to, .. } => to.map(|to| sql::after(started, to)),
        })
        .collect();
    // Without an end to one of them there is none for all.
    let to = to.map_or(String::new(), |ends| {
        format!(" AND f.moment < greatest({})", ends.join(", "))
    });
    format!(" AND f.moment >= least({}){to}", from.join(", "))
}
