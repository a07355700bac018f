//! The rows of summaries, read as they are.

use catalog::{Catalog, Source, Summaries, SummaryColumns};
use lake::{Lake, sql};

use crate::audience::query::source_view;
use crate::audience::query::types::require_column;
use crate::error::MeasureError;

/// One row: an arm, or a comparison of an arm with its control, of one metric at one time.
pub(super) struct Row {
    pub(super) experiment: Option<String>,
    pub(super) arm: Option<String>,
    pub(super) metric: Option<String>,
    /// The place of the time among all times, and the time as written; none where the time is missing.
    pub(super) time: Option<(i64, String)>,
    /// The same of the period.
    pub(super) period: Option<(i64, String)>,
    pub(super) is_reference: bool,
    pub(super) planned: Option<f64>,
    pub(super) arm_numbers: Numbers,
    /// Where a row holds a comparison.
    pub(super) control: Option<Numbers>,
}

/// What a row says of an arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Numbers {
    pub(super) n: Option<f64>,
    pub(super) mean: Option<f64>,
    pub(super) variance: Option<f64>,
    pub(super) successes: Option<f64>,
}

/// Columns of the query: the first number, and how many an arm has.
const FIRST_NUMBER: usize = 9;
const NUMBERS: usize = 4;

/// Reads all rows, by experiment, metric, arm and time.
pub(super) fn read(
    catalog: &Catalog,
    lake: &mut Lake,
    summaries: &Summaries,
) -> Result<Vec<Row>, MeasureError> {
    let place = format!("summaries `{}`", summaries.name);
    let Some(source) = catalog.source(&summaries.source) else {
        let message = format!("there is no source `{}`", summaries.source);
        return Err(MeasureError::Unusable { place, message });
    };
    lake.define(catalog, source)?;
    check_columns(lake, summaries, source)?;
    let query = query(summaries);
    let context = format!("cannot read summaries `{}`", summaries.name);
    let is_comparison = summaries.control.is_some();
    let rows = lake.engine().rows(&query, &context, |row| {
        let mut values = [None; 2 * NUMBERS];
        for (place, value) in values.iter_mut().enumerate() {
            *value = row.get(FIRST_NUMBER + place)?;
        }
        let numbers = |arm: usize| Numbers {
            n: values[arm * NUMBERS],
            mean: values[arm * NUMBERS + 1],
            variance: values[arm * NUMBERS + 2],
            successes: values[arm * NUMBERS + 3],
        };
        let (time, time_text): (i64, Option<String>) = (row.get(3)?, row.get(4)?);
        let (period, period_text): (i64, Option<String>) = (row.get(5)?, row.get(6)?);
        Ok(Row {
            experiment: row.get(0)?,
            arm: row.get(1)?,
            metric: row.get(2)?,
            time: time_text.map(|text| (time, text)),
            period: period_text.map(|text| (period, text)),
            is_reference: row.get::<_, Option<bool>>(7)?.unwrap_or(false),
            planned: row.get(8)?,
            arm_numbers: numbers(0),
            control: is_comparison.then(|| numbers(1)),
        })
    })?;
    Ok(rows)
}

fn query(summaries: &Summaries) -> String {
    let text = |column: &str| format!("CAST({} AS VARCHAR)", sql::identifier(column));
    // Without a column, all rows lie at one place.
    let placed = |column: &Option<String>| match column {
        Some(column) => {
            let name = sql::identifier(column);
            format!("dense_rank() OVER (ORDER BY {name}), {}", text(column))
        }
        None => "CAST(1 AS BIGINT), ''".to_owned(),
    };
    let number = |column: &Option<String>| match column {
        Some(column) => format!("CAST({} AS DOUBLE)", sql::identifier(column)),
        None => "CAST(NULL AS DOUBLE)".to_owned(),
    };
    let numbers = |columns: Option<&SummaryColumns>| {
        let n = columns.map(|columns| columns.n.clone());
        let of = |column: fn(&SummaryColumns) -> &Option<String>| {
            number(&columns.and_then(|columns| column(columns).clone()))
        };
        [
            number(&n),
            of(|columns| &columns.mean),
            of(|columns| &columns.variance),
            of(|columns| &columns.successes),
        ]
        .join(", ")
    };
    let metric = match &summaries.metric {
        Some(column) => text(column),
        None => sql::text(only_metric(summaries)),
    };
    // A user's SQL stands on lines of its own, in case it ends in a comment.
    let reference = match &summaries.reference {
        Some(condition) => format!("CAST({} AS BOOLEAN)", sql::condition(condition)),
        None => "false".to_owned(),
    };
    let filter = match &summaries.filter {
        Some(condition) => format!(" WHERE {}", sql::condition(condition)),
        None => String::new(),
    };
    let selected = [
        text(&summaries.experiment),
        text(&summaries.arm),
        metric,
        placed(&summaries.time),
        placed(&summaries.period),
        reference,
        number(&summaries.planned),
        numbers(summaries.holds.as_ref().or(summaries.treated.as_ref())),
        numbers(summaries.control.as_ref()),
    ];
    format!(
        "SELECT {} FROM (SELECT * FROM {}{filter}) ORDER BY 1, 3, 2, 4",
        selected.join(", "),
        source_view(&summaries.source),
    )
}

/// What the metric is called where no column names it: the column that holds it.
fn only_metric(summaries: &Summaries) -> &str {
    let columns = summaries.holds.as_ref().or(summaries.treated.as_ref());
    columns
        .and_then(|columns| columns.successes.as_ref().or(columns.mean.as_ref()))
        .map_or("value", String::as_str)
}

/// Every column that the summaries name must be there.
fn check_columns(lake: &Lake, summaries: &Summaries, source: &Source) -> Result<(), MeasureError> {
    let known = lake.columns(&source_view(&source.name))?;
    let keys = [
        ("experiment", Some(&summaries.experiment)),
        ("arm", Some(&summaries.arm)),
        ("metric", summaries.metric.as_ref()),
        ("time", summaries.time.as_ref()),
        ("period", summaries.period.as_ref()),
        ("planned", summaries.planned.as_ref()),
    ];
    let shapes = [
        ("holds", &summaries.holds),
        ("treated", &summaries.treated),
        ("control", &summaries.control),
    ];
    let in_shapes = shapes.iter().flat_map(|(key, columns)| {
        let columns = columns.as_ref();
        [
            columns.map(|columns| &columns.n),
            columns.and_then(|columns| columns.mean.as_ref()),
            columns.and_then(|columns| columns.variance.as_ref()),
            columns.and_then(|columns| columns.successes.as_ref()),
        ]
        .map(|column| (*key, column))
    });
    for (key, column) in keys.into_iter().chain(in_shapes) {
        let Some(column) = column else { continue };
        let place = format!("summaries `{}`, {key}", summaries.name);
        require_column(&known, place, &source.name, column)?;
    }
    Ok(())
}
