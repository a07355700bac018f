//! Touches as SQL: a company's own columns under the names of the catalog.

use catalog::{Catalog, Constant, Field, Scalar, TimeFormat, Touch, TouchKey};
use lake::{Column, Lake, sql};

use super::exports;
use crate::audience::query::types::{
    check_number, check_time, require_column, type_of, unusable, usable_time,
};
use crate::audience::query::{define_rows, where_clause};
use crate::audience::times::Clock;
use crate::error::MeasureError;

/// The words by which tools say that something was seen, without case, and with blanks for `_` and `-`.
const VIEWS: [&str; 14] = [
    "view",
    "viewed",
    "impression",
    "display",
    "shown",
    "sent",
    "delivered",
    "promotion viewed",
    "view promotion",
    "promotion view",
    "promo view",
    "email delivered",
    "experiment viewed",
    "decisioning.propositiondisplay",
];

/// The words by which tools say that something was clicked on.
const CLICKS: [&str; 9] = [
    "click",
    "clicked",
    "interact",
    "promotion clicked",
    "select promotion",
    "promotion click",
    "promo click",
    "email link clicked",
    "decisioning.propositioninteract",
];

/// A millionth of the currency: costs are added up in whole ones, to the same sum in any order.
pub(crate) const COST_UNITS: f64 = 1e6;

/// The most that a touch is taken to cost. What is beyond, as what is below zero or no number, is not known.
const MOST_COST: f64 = 1e12;

/// The rows of a touch document, by the names of the catalog.
#[derive(Debug)]
pub(crate) struct TouchRows {
    /// A SELECT with the columns `customer` (in its own type), `moment` (a TIMESTAMP, with time zone where
    /// [`zoned`](Self::zoned); NULL where there is none that can be used), and one for each key that was asked for: see
    /// [`touch_rows`].
    pub(crate) sql: String,
    /// The type of the customers' ids.
    pub(crate) customer_type: String,
    /// Whether moments are points in time rather than times on the project's clocks.
    pub(crate) zoned: bool,
}

/// Writes the query over a touch document, defines the sources that it reads, and checks their columns.
///
/// Of the keys, `engagement` is a truth value: clicked (NULL where the text says neither view nor click); `cost` is a
/// whole number of millionths of the currency; `level` and `propensity` are numbers; all others are texts, NULL where
/// the document does not say where they come from.
///
/// # Errors
///
/// Columns that are not there or of a type that cannot be used.
pub(crate) fn touch_rows(
    catalog: &Catalog,
    lake: &mut Lake,
    touch: &Touch,
    keys: &[TouchKey],
) -> Result<TouchRows, MeasureError> {
    touch_rows_with_columns(catalog, lake, touch, keys, &[])
}

/// [`touch_rows`] with columns of the company's own beside, as texts `own0`, `own1`, ...
///
/// # Errors
///
/// As [`touch_rows`].
pub(crate) fn touch_rows_with_columns(
    catalog: &Catalog,
    lake: &mut Lake,
    touch: &Touch,
    keys: &[TouchKey],
    own: &[&str],
) -> Result<TouchRows, MeasureError> {
    let place = format!("touch `{}`", touch.name);
    let (source, query) = (touch.source.as_deref(), touch.sql.as_deref());
    let rows = define_rows(catalog, lake, &place, source, query)?;
    let rows = match touch.mapping {
        Some(mapping) => exports::unpacked(lake, mapping, rows)?,
        None => rows,
    };
    let columns = lake.columns(&rows)?;
    let (Some(customer), Some(time)) = (touch.customer_column(), touch.time_column()) else {
        let message = "it does not say which columns hold the customer and the time".to_owned();
        return Err(unusable(&place, message));
    };
    require_column(&columns, place.clone(), &touch.name, customer)?;
    let (moment, zoned) = moment(lake, touch, &columns, &rows, time, &place)?;
    let mut select = vec![
        format!("{} AS customer", sql::identifier(customer)),
        format!("{moment} AS moment"),
    ];
    for &key in keys {
        let place = format!("{place}, {}", key.name());
        let value = value(lake, touch, &columns, &rows, key, place)?;
        select.push(format!("{value} AS {}", sql::identifier(key.name())));
    }
    for (number, column) in own.iter().enumerate() {
        require_column(&columns, place.clone(), &touch.name, column)?;
        let column = sql::identifier(column);
        select.push(format!("CAST({column} AS VARCHAR) AS own{number}"));
    }
    Ok(TouchRows {
        sql: format!(
            "SELECT {} FROM {rows}{}",
            select.join(", "),
            where_clause(touch.filter.as_ref())
        ),
        customer_type: type_of(&columns, customer).unwrap_or_default().to_owned(),
        zoned,
    })
}

/// When it was shown, and whether that is a point in time.
fn moment(
    lake: &Lake,
    touch: &Touch,
    columns: &[Column],
    rows: &str,
    column: &str,
    place: &str,
) -> Result<(String, bool), MeasureError> {
    require_column(columns, place.to_owned(), &touch.name, column)?;
    if touch.time_format() == TimeFormat::Microseconds {
        let number = format!("TRY_CAST({} AS BIGINT)", sql::identifier(column));
        return Ok((usable_time(&format!("make_timestamptz({number})")), true));
    }
    check_time(lake, columns, rows, column, place)?;
    let clock = Clock::of(columns, column);
    if touch.time_format() == TimeFormat::Utc && clock == Clock::Local {
        let time = format!("timezone('UTC', {})", clock.time(column));
        return Ok((usable_time(&time), true));
    }
    Ok((usable_time(&clock.time(column)), clock == Clock::Zoned))
}

/// What a key holds, as SQL.
fn value(
    lake: &Lake,
    touch: &Touch,
    columns: &[Column],
    rows: &str,
    key: TouchKey,
    place: String,
) -> Result<String, MeasureError> {
    let raw = match touch.field(key) {
        Some(Field::Column(column)) => {
            // What a mapping names and the data do not have is not said by them.
            let named_by_mapping = touch.mapping.is_some() && !own_key(touch, key);
            if named_by_mapping && type_of(columns, &column).is_none() {
                None
            } else {
                require_column(columns, place.clone(), &touch.name, &column)?;
                Some(sql::identifier(&column))
            }
        }
        Some(Field::Constant(Constant { value })) => Some(literal(&value)),
        None => None,
    };
    let number = |raw: &str| check_number(lake, rows, raw, place.clone()).map(|_| ());
    Ok(match (key, raw) {
        (TouchKey::Engagement, None) => "false".to_owned(),
        (TouchKey::Engagement, Some(raw)) => clicked(&raw),
        (TouchKey::Cost, None) => "CAST(0 AS BIGINT)".to_owned(),
        (TouchKey::Cost, Some(raw)) => {
            number(&raw)?;
            let cost = format!("coalesce(CAST({raw} AS DOUBLE), 0)");
            format!(
                "CASE WHEN abs({cost}) <= {MOST_COST:e} THEN CAST(round({cost} * {COST_UNITS}) AS BIGINT) ELSE -1 END"
            )
        }
        (TouchKey::Level | TouchKey::Propensity, None) => "CAST(NULL AS DOUBLE)".to_owned(),
        (TouchKey::Level | TouchKey::Propensity, Some(raw)) => {
            number(&raw)?;
            format!("CAST({raw} AS DOUBLE)")
        }
        (_, None) => "CAST(NULL AS VARCHAR)".to_owned(),
        (_, Some(raw)) => format!("CAST({raw} AS VARCHAR)"),
    })
}

/// Whether the document itself says where a key comes from.
fn own_key(touch: &Touch, key: TouchKey) -> bool {
    let alone = Touch {
        mapping: None,
        ..touch.clone()
    };
    alone.field(key).is_some()
}

fn literal(value: &Scalar) -> String {
    match value {
        Scalar::Text(text) => sql::text(text),
        other => other.to_string(),
    }
}

/// Whether a text says that something was clicked on; NULL where it says neither that nor that it was seen.
fn clicked(raw: &str) -> String {
    let folded = format!("lower(translate(CAST({raw} AS VARCHAR), '_-', '  '))");
    let list = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| sql::text(word)).collect();
        words.join(", ")
    };
    format!(
        "CASE WHEN {folded} IN ({}) THEN true WHEN {folded} IN ({}) THEN false END",
        list(&CLICKS),
        list(&VIEWS)
    )
}

/// The type as which customers of several tables are compared: their own if it is the same in all, else text, which
/// takes `7` and `'7'` for the same and `'007'` for another.
///
/// # Errors
///
/// Types of which it cannot be said when two customers are the same.
pub(crate) fn common_customer_type(
    tables: &[(String, String)],
) -> Result<Option<&'static str>, MeasureError> {
    let Some((_, first)) = tables.first() else {
        return Ok(None);
    };
    if tables.iter().all(|(_, other)| other == first) {
        return Ok(None);
    }
    let is_integer = |type_name: &str| type_name.contains("INT") && type_name != "INTERVAL";
    if tables.iter().all(|(_, type_name)| is_integer(type_name)) {
        return Ok(None);
    }
    let is_id =
        |type_name: &str| is_integer(type_name) || type_name == "UUID" || type_name == "VARCHAR";
    match tables.iter().find(|(_, type_name)| !is_id(type_name)) {
        None => Ok(Some("VARCHAR")),
        Some((place, type_name)) => {
            let other = tables.iter().find(|(_, other)| other != type_name);
            let (other_place, other_type) = other.unwrap_or(&tables[0]);
            Err(unusable(
                place,
                format!(
                    "it holds customers as {type_name}, and {other_place} as {other_type}: give both the same type in \
                     their sources' `types:`"
                ),
            ))
        }
    }
}
