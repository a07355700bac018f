//! The types of columns that are written as text, by their values.
//!
//! The engine's own detection looks at the first rows only, and then converts what follows: `1.5` becomes 2 in a column
//! that began with whole numbers, a date loses its time of day, a timestamp its offset. Here a type is one that all
//! values have, and what the first rows suggest is held against all of them.
//!
//! | type | values |
//! | --- | --- |
//! | `BIGINT` | whole numbers of up to 18 digits without leading zeros |
//! | `DOUBLE` | numbers without leading zeros, with a decimal point or an exponent |
//! | `BOOLEAN` | `true` and `false` |
//! | `DATE` | ISO 8601 dates |
//! | `TIMESTAMP` | ISO 8601 dates with times of day, or such dates and others without |
//! | `TIMESTAMPTZ` | the same, all with an offset from UTC |
//! | `VARCHAR` | everything else: also numbers with leading zeros, which are codes |

use crate::engine::Engine;
use crate::error::LakeError;
use crate::sql;

/// Rows from which a column's type is guessed, before the guess is held against all rows.
pub(crate) const SAMPLE_ROWS: usize = 20_480;

const WHOLE: &str = r"\s*[+-]?(0|[1-9][0-9]{0,17})\s*";
const NUMBER: &str = r"\s*[+-]?((0|[1-9][0-9]{0,17})(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*";
const TRUTH: &str = r"\s*(?i:true|false)\s*";
const DATE: &str = r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}\s*";
const STAMP: &str =
    r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?\s*";
const INSTANT: &str = r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)? ?([zZ]|[+-][0-9]{2}(:?[0-9]{2})?)\s*";
/// A time of day that ends in an offset.
const OFFSET: &str = r":[0-9.]+ ?([zZ]|[+-][0-9:]+)\s*$";

/// The types that a column of text may be found to have, the first that fits.
const NUMBERS: [Kind; 3] = [("BIGINT", WHOLE), ("DOUBLE", NUMBER), ("BOOLEAN", TRUTH)];
const TIMES: [Kind; 3] = [
    ("DATE", DATE),
    ("TIMESTAMP", STAMP),
    ("TIMESTAMPTZ", INSTANT),
];
/// A type and the pattern of its values.
type Kind = (&'static str, &'static str);

/// A column of texts, and the type that it is to have where that is settled already.
#[derive(Debug, Clone)]
pub(crate) struct TextColumn {
    pub(crate) name: String,
    pub(crate) settled: Option<String>,
}

/// What a column turned out to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Type(String),
    /// A value that would be changed by being read as the type that the others have.
    Odd {
        type_name: String,
        value: String,
    },
}

/// The types of the columns of `relation`, all of which are text: numbers and truth values are looked for only where
/// `numbers` says so, since in JSON they are no texts.
pub(crate) fn types_of(
    engine: &Engine,
    relation: &str,
    columns: &[TextColumn],
    numbers: bool,
) -> Result<Vec<Found>, LakeError> {
    let kinds: Vec<_> = NUMBERS
        .iter()
        .filter(|_| numbers)
        .chain(&TIMES)
        .copied()
        .collect();
    let open: Vec<&TextColumn> = columns
        .iter()
        .filter(|column| column.settled.is_none())
        .collect();
    let sample = format!("(FROM {relation} LIMIT {SAMPLE_ROWS})");
    let mut guesses = first_fits(engine, &sample, &open, &kinds)?.into_iter();
    let guessed: Vec<String> = columns
        .iter()
        .map(|column| {
            column
                .settled
                .clone()
                .or_else(|| guesses.next())
                .unwrap_or_else(|| "VARCHAR".to_owned())
        })
        .collect();

    let tests: Vec<Option<String>> = columns
        .iter()
        .zip(&guessed)
        .map(|(column, type_name)| changed(column, type_name))
        .collect();
    if tests.iter().all(Option::is_none) {
        return Ok(guessed.into_iter().map(Found::Type).collect());
    }
    let examples: Vec<String> = columns
        .iter()
        .zip(&tests)
        .map(|(column, test)| match test {
            Some(test) => format!("min({}) FILTER ({test})", sql::identifier(&column.name)),
            None => "NULL::VARCHAR".to_owned(),
        })
        .collect();
    let examples: Vec<Option<String>> = one_row(
        engine,
        &format!("SELECT {} FROM {relation}", examples.join(", ")),
    )?;
    columns
        .iter()
        .zip(guessed)
        .zip(examples)
        .map(|((column, type_name), example)| match example {
            None => Ok(Found::Type(type_name)),
            Some(value) => refined(engine, relation, column, type_name, value, &kinds),
        })
        .collect()
}

/// For each column the first type that all of its values have; `VARCHAR` where it has none.
fn first_fits(
    engine: &Engine,
    relation: &str,
    columns: &[&TextColumn],
    kinds: &[Kind],
) -> Result<Vec<String>, LakeError> {
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let counts: Vec<String> = columns
        .iter()
        .flat_map(|column| {
            let name = sql::identifier(&column.name);
            let fits = kinds.iter().map({
                let name = name.clone();
                move |(type_name, pattern)| {
                    format!(
                        "count(*) FILTER (regexp_full_match({name}, {}) AND TRY_CAST({name} AS {type_name}) IS NOT NULL)",
                        sql::text(pattern)
                    )
                }
            });
            std::iter::once(format!("count({name})")).chain(fits).collect::<Vec<_>>()
        })
        .collect();
    let counts: Vec<i64> = one_row(
        engine,
        &format!("SELECT {} FROM {relation}", counts.join(", ")),
    )?;
    let type_of = |counts: &[i64]| {
        let fits = counts
            .iter()
            .skip(1)
            .zip(kinds)
            .find(|(fits, _)| counts[0] > 0 && **fits == counts[0]);
        fits.map_or("VARCHAR", |(_, (type_name, _))| type_name)
            .to_owned()
    };
    Ok(counts.chunks(kinds.len() + 1).map(type_of).collect())
}

/// The condition under which the engine would read a text as `type_name`, but as another value than it says.
fn changed(column: &TextColumn, type_name: &str) -> Option<String> {
    let name = sql::identifier(&column.name);
    let is_settled = column.settled.is_some();
    match type_name.to_ascii_uppercase().as_str() {
        // Where whole numbers are asked for, `007` may be read as 7, but 1.5 may not be read as 2.
        whole @ ("TINYINT" | "SMALLINT" | "INTEGER" | "INT" | "BIGINT" | "HUGEINT")
            if is_settled =>
        {
            Some(format!(
                "TRY_CAST({name} AS DOUBLE) <> TRY_CAST({name} AS {whole})::DOUBLE"
            ))
        }
        "BIGINT" => Some(format!("TRY_CAST({name} AS BIGINT)::VARCHAR <> {name}")),
        // Without an offset, a time would be taken for one in the project's time zone.
        "TIMESTAMPTZ" if !is_settled => Some(format!(
            "TRY_CAST({name} AS TIMESTAMPTZ) IS NOT NULL AND NOT regexp_matches({name}, {})",
            sql::text(OFFSET)
        )),
        "DATE" => Some(format!(
            "TRY_CAST({name} AS DATE) IS NOT NULL AND length(trim({name})) <> 10"
        )),
        "TIMESTAMP" => Some(format!(
            "TRY_CAST({name} AS TIMESTAMP) IS NOT NULL AND regexp_matches({name}, {})",
            sql::text(OFFSET)
        )),
        _ => None,
    }
}

/// The type of a column in which the first rows suggested `type_name` and `value` does not fit it.
fn refined(
    engine: &Engine,
    relation: &str,
    column: &TextColumn,
    type_name: String,
    value: String,
    kinds: &[Kind],
) -> Result<Found, LakeError> {
    let odd = Found::Odd {
        type_name: type_name.clone(),
        value,
    };
    if column.settled.is_some() {
        return Ok(odd);
    }
    // Texts that are neither numbers nor dates at all are left to the reader, which names their lines.
    let name = sql::identifier(&column.name);
    let alike = if type_name == "BIGINT" {
        "DOUBLE"
    } else {
        "TIMESTAMP"
    };
    let readable =
        format!("(SELECT {name} FROM {relation} WHERE TRY_CAST({name} AS {alike}) IS NOT NULL)");
    let fits = first_fits(engine, &readable, &[column], kinds)?;
    Ok(match fits.into_iter().next() {
        Some(found) if found == alike || found == type_name => Found::Type(found),
        _ => odd,
    })
}

fn one_row<T: duckdb::types::FromSql>(engine: &Engine, query: &str) -> Result<Vec<T>, LakeError> {
    let rows = engine.rows(query, "cannot find the columns' types", |row| {
        (0..row.as_ref().column_count())
            .map(|index| row.get(index))
            .collect::<Result<Vec<T>, _>>()
    })?;
    Ok(rows.into_iter().next().unwrap_or_default())
}
