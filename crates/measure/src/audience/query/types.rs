//! Whether columns and expressions have types that can be used, said with their place and the fix.

use catalog::did_you_mean;
use lake::{Column, Lake, sql};

use crate::error::MeasureError;

/// Times from here on are times; assignments are packed into an integer that holds no other.
const FIRST_TIME: &str = "TIMESTAMP '1000-01-01'";
/// Times before this are times: years beyond, such as 9999, stand for "never".
const END_OF_TIMES: &str = "TIMESTAMP '3100-01-01'";

/// The number of a table without rows, whose columns have no types to speak of: no row is there to have another.
pub(super) const OF_NO_ROWS: &str = "(CAST(NULL AS DOUBLE))";

/// Whether a type of the engine is one of numbers.
pub(crate) fn is_number(type_name: &str) -> bool {
    is_integer(type_name)
        || ["DECIMAL", "DOUBLE", "FLOAT"]
            .iter()
            .any(|known| type_name.contains(known))
}

fn is_integer(type_name: &str) -> bool {
    type_name.contains("INT") && type_name != "INTERVAL"
}

/// The type of a column; none where there is no such column.
pub(crate) fn type_of<'c>(columns: &'c [Column], column: &str) -> Option<&'c str> {
    // SQL's identifiers do not depend on case.
    columns
        .iter()
        .find(|known| known.name.eq_ignore_ascii_case(column))
        .map(|known| known.type_name.as_str())
}

pub(crate) fn require_column(
    columns: &[Column],
    place: String,
    table: &str,
    column: &str,
) -> Result<(), MeasureError> {
    if type_of(columns, column).is_some() {
        return Ok(());
    }
    let meant = did_you_mean(column, columns.iter().map(|known| known.name.as_str()));
    Err(MeasureError::UnknownColumn {
        place,
        table: table.to_owned(),
        column: column.to_owned(),
        meant: meant.map(str::to_owned),
    })
}

/// What a document names as a column or in SQL, as SQL in parentheses. The name of a column means the column, also where
/// it is a word of SQL such as `end`.
pub(crate) fn column_or_sql(columns: &[Column], text: &str) -> String {
    let text = text.trim();
    match type_of(columns, text) {
        Some(_) => format!("({})", sql::identifier(text)),
        None => sql::condition(text),
    }
}

/// A number that a document names as a column or in SQL over the rows of `table`, as SQL in parentheses.
///
/// # Errors
///
/// What is no number; [`MeasureError::UnknownColumn`] for one word that is no column.
pub(crate) fn number_of(
    lake: &Lake,
    rows: &str,
    table: &str,
    text: &str,
    place: &str,
) -> Result<String, MeasureError> {
    let columns = lake.columns(rows)?;
    let number = column_or_sql(&columns, text);
    match check_number(lake, rows, &number, place.to_owned()) {
        Ok(Some(_)) => Ok(number),
        Ok(None) => Ok(OF_NO_ROWS.to_owned()),
        Err(error) => Err(unless_unknown(&columns, table, text, place, error)),
    }
}

/// What is wrong with an expression: a column that is not there, also a text of one word that was meant as one, is said
/// with the nearest that is.
pub(super) fn unless_unknown(
    columns: &[Column],
    table: &str,
    text: &str,
    place: &str,
    error: MeasureError,
) -> MeasureError {
    let text = text.trim();
    let is_word = text.chars().all(|c| c.is_alphanumeric() || c == '_');
    let said = error.to_string();
    let column = lake::unknown_column(&said).or(is_word.then_some(text));
    let place = place.to_owned();
    match column.map(|column| require_column(columns, place, table, column)) {
        Some(Err(unknown)) => unknown,
        _ => error,
    }
}

/// The type of an expression over rows, which must be a number or a truth value; none where there are no rows, and so no
/// types to speak of.
///
/// # Errors
///
/// What is no number, what the engine cannot read, and what adds up over rows.
pub(crate) fn check_number(
    lake: &Lake,
    rows: &str,
    expression: &str,
    place: String,
) -> Result<Option<String>, MeasureError> {
    let shown = (expression.strip_prefix('('))
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or(expression)
        .trim();
    // The name of a column is shown as the document has it.
    let shown = (shown.strip_prefix('"'))
        .and_then(|rest| rest.strip_suffix('"'))
        .filter(|name| !name.contains('"'))
        .unwrap_or(shown);
    // Beside the columns of a row stands no aggregate.
    let beside =
        |rows: &str| lake.columns(&format!("(SELECT {expression} AS value, * FROM {rows})"));
    let described = beside(rows);
    let type_name = (described.as_ref().ok())
        .and_then(|columns| columns.first())
        .map(|column| column.type_name.as_str());
    if let Some(type_name) = type_name.filter(|name| is_number(name) || *name == "BOOLEAN") {
        return Ok(Some(type_name.to_owned()));
    }
    if !has_rows(lake, rows, &place)? && beside(&nulls(&lake.columns(rows)?)).is_ok() {
        return Ok(None);
    }
    let message = match described {
        Ok(_)
            if !has_rows(
                lake,
                &format!("{rows} WHERE {expression} IS NOT NULL"),
                &place,
            )? =>
        {
            format!(
                "`{shown}` has no values, which leaves it without a type: {}",
                lake.way_to_type(shown)
            )
        }
        Ok(columns) => format!(
            "`{shown}` is {}, not a number: convert it in SQL, such as `CAST(... AS DOUBLE)`, or {}",
            columns
                .first()
                .map_or("nothing", |column| &column.type_name),
            lake.way_to_type(shown)
        ),
        Err(error) => {
            let alone = lake.columns(&format!("(SELECT {expression} AS value FROM {rows})"));
            match alone {
                Ok(_) => format!(
                    "`{shown}` adds up over rows, and what is asked for here is the number of one row: write that, such \
                     as a column"
                ),
                Err(_) => format!("`{shown}`: {error}"),
            }
        }
    };
    Err(unusable(&place, message))
}

/// A row of nothing in all columns.
fn nulls(columns: &[Column]) -> String {
    let nulls: Vec<String> = (columns.iter())
        .map(|column| format!("NULL AS {}", sql::identifier(&column.name)))
        .collect();
    format!("(SELECT {})", nulls.join(", "))
}

/// A `where` must be a condition on the rows of `table`: wrong, it would be blamed on whatever is read by it.
pub(crate) fn check_condition(
    lake: &Lake,
    table: (&str, &str),
    filter: Option<&String>,
    place: &str,
) -> Result<(), MeasureError> {
    let Some(filter) = filter else { return Ok(()) };
    let query = |rows: &str| format!("(FROM {rows} WHERE {})", sql::condition(filter));
    check_query(lake, table, query, filter, &format!("{place}, where"))
}

/// A `value` must be something that can be read of the rows of `table`.
pub(super) fn check_readable(
    lake: &Lake,
    table: (&str, &str),
    text: &str,
    place: &str,
) -> Result<(), MeasureError> {
    let value = column_or_sql(&lake.columns(table.0)?, text);
    let query = |rows: &str| format!("(SELECT {value} AS value FROM {rows})");
    check_query(lake, table, query, text, place)
}

/// Whether the engine can read the query that a text makes of the rows of `table`. Where there are none, their types say
/// nothing.
fn check_query(
    lake: &Lake,
    (rows, table): (&str, &str),
    query: impl Fn(&str) -> String,
    text: &str,
    place: &str,
) -> Result<(), MeasureError> {
    let Err(error) = lake.columns(&query(rows)) else {
        return Ok(());
    };
    let columns = lake.columns(rows)?;
    if lake.columns(&query(&nulls(&columns))).is_ok() && !has_rows(lake, rows, place)? {
        return Ok(());
    }
    let way = lake.way_to_declared_type(text);
    let way = way.map(|way| format!(": {way}")).unwrap_or_default();
    let wrong = unusable(place, format!("`{}`: {error}{way}", text.trim()));
    Err(unless_unknown(&columns, table, text, place, wrong))
}

/// A covariate must be a number or a truth value, where there are rows.
pub(super) fn check_covariate(
    lake: &Lake,
    columns: &[Column],
    rows: &str,
    column: &str,
    place: &str,
) -> Result<(), MeasureError> {
    let type_name = type_of(columns, column).unwrap_or_default();
    if is_number(type_name) || type_name == "BOOLEAN" {
        return Ok(());
    }
    if !has_rows(lake, rows, place)? {
        return Ok(());
    }
    Err(unusable(
        place,
        format!(
            "`{column}` is {type_name}, and a covariate is a number: name the texts that mean \"no value\" in the source's \
             `null_values:`, make it a column of numbers such as 0 and 1, or {}",
            lake.way_to_type(column)
        ),
    ))
}

/// A column of times must hold times, days, or texts that read as such.
pub(crate) fn check_time(
    lake: &Lake,
    columns: &[Column],
    rows: &str,
    column: &str,
    place: &str,
) -> Result<(), MeasureError> {
    let type_name = type_of(columns, column).unwrap_or_default();
    if type_name.starts_with("TIMESTAMP") || type_name == "DATE" {
        return Ok(());
    }
    if type_name == "VARCHAR" {
        let name = sql::identifier(column);
        let query = format!(
            "SELECT {name} FROM {rows} WHERE {name} IS NOT NULL AND TRY_CAST({name} AS TIMESTAMP) IS NULL LIMIT 1"
        );
        let context = format!("cannot read the times of {place}");
        let odd: Vec<String> = lake.engine().rows(&query, &context, |row| row.get(0))?;
        return match odd.first() {
            None => Ok(()),
            Some(text) => Err(unusable(
                place,
                format!(
                    "`{column}` is text, and `{text}` is not a time: write times as `2024-03-01 18:00:00`, or read \
                     them in a fact's `sql:` with `strptime`"
                ),
            )),
        };
    }
    let fix = if is_number(type_name) {
        "make seconds since 1970 a time in a fact's `sql:`, such as `to_timestamp(...)`".to_owned()
    } else {
        format!("read it as `TIMESTAMP`: {}", lake.way_to_type(column))
    };
    Err(unusable(
        place,
        format!("`{column}` is {type_name}, not a time: {fix}"),
    ))
}

/// Whether a table has rows: without, its columns have no types to speak of.
fn has_rows(lake: &Lake, rows: &str, place: &str) -> Result<bool, MeasureError> {
    let query = format!("SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT 1)");
    let number: i64 = lake
        .engine()
        .value(&query, &format!("cannot read the rows of {place}"))?;
    Ok(number > 0)
}

/// The condition that two columns name the same customer, by their types: a number and a text are compared as texts,
/// which takes `7` and `'7'` for the same and `'007'` for another.
pub(crate) fn same_customer(
    (left, left_type): (&str, &str),
    (right, right_type): (&str, &str),
    place: String,
) -> Result<String, MeasureError> {
    let both = |is: fn(&str) -> bool| is(left_type) && is(right_type);
    if left_type == right_type || both(is_number) {
        return Ok(format!("{left} = {right}"));
    }
    let is_id =
        |type_name: &str| is_integer(type_name) || type_name == "UUID" || type_name == "VARCHAR";
    if is_id(left_type) && is_id(right_type) && [left_type, right_type].contains(&"VARCHAR") {
        return Ok(format!(
            "CAST({left} AS VARCHAR) = CAST({right} AS VARCHAR)"
        ));
    }
    Err(unusable(
        &place,
        format!(
            "it holds customers as {left_type} and the assignment as {right_type}: give both the same type in their \
             sources' `types:`"
        ),
    ))
}

/// A time, or none where it lies outside the years that are taken for times.
pub(crate) fn usable_time(time: &str) -> String {
    format!("CASE WHEN {time} >= {FIRST_TIME} AND {time} < {END_OF_TIMES} THEN {time} END")
}

pub(crate) fn unusable(place: &str, message: String) -> MeasureError {
    MeasureError::Unusable {
        place: place.to_owned(),
        message,
    }
}
