//! What a query in the catalog reads and calls, by the engine's own parse of it.
//!
//! A result names what it was made from, and comes out the same again. So such a query reads sources and nothing else,
//! and calls nothing whose value changes by itself.

use catalog::{Catalog, Source};
use serde_json::Value as Json;

use crate::engine::Engine;
use crate::error::LakeError;
use crate::message::reduced;
use crate::sql;

/// Table functions that make rows of their arguments and read nothing.
const READ_NOTHING: [&str; 6] = [
    "generate_series",
    "json_each",
    "json_tree",
    "range",
    "repeat",
    "unnest",
];

/// How statements begin that change something, or say what they would do.
const OTHER_STATEMENTS: [&str; 14] = [
    "ALTER", "ATTACH", "CALL", "COPY", "CREATE", "DELETE", "DROP", "EXPLAIN", "INSERT", "MERGE",
    "PRAGMA", "SET", "TRUNCATE", "UPDATE",
];

/// What is the time at which the engine runs, as a word where no column is called so, or as a function.
const CLOCKS: [&str; 7] = [
    "current_date",
    "current_localtime",
    "current_localtimestamp",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
];

/// The sources that `rows`, a query in parentheses, reads. `place` is whose query it is, such as ``fact `orders` ``.
///
/// # Errors
/// [`LakeError::Unrepeatable`] for what is no query, and for one that reads anything else, or that is not the same each
/// time: by the time, by chance, by a sample.
pub(crate) fn sources_of<'c>(
    engine: &Engine,
    catalog: &'c Catalog,
    place: &str,
    rows: &str,
) -> Result<Vec<&'c Source>, LakeError> {
    let refused = |message: String| LakeError::Unrepeatable {
        place: place.to_owned(),
        message,
    };
    let statement = format!("SELECT * FROM {rows}");
    let parse = format!(
        "SELECT json_serialize_sql({}::VARCHAR, skip_default := true)::VARCHAR",
        sql::text(&statement)
    );
    let tree: String = engine.value(&parse, place)?;
    let tree: Json =
        serde_json::from_str(&tree).map_err(|error| LakeError::engine(place, error))?;
    let said = |key: &str| tree[key].as_str().unwrap_or_default();
    if tree["error"] == true {
        return Err(match said("error_type") {
            "parser" => refused(match other_statement(rows) {
                Some(word) => format!(
                    "`{word}` begins another statement than a query, and only a query is read: begin with SELECT, WITH \
                     or FROM"
                ),
                None => reduced(said("error_message")),
            }),
            _ => refused(
                "the engine does not tell what such a query reads: write it as a SELECT, with `IN (...)` for the \
                 values of a PIVOT"
                    .to_owned(),
            ),
        });
    }
    let mut reading = Reading {
        catalog,
        named: Vec::new(),
        sources: Vec::new(),
        calls: Vec::new(),
    };
    reading.walk(&tree["statements"]).map_err(refused)?;
    if let Some(call) = changing(engine, &reading.calls, place)? {
        return Err(refused(changes_by_itself(&format!("{call}()"))));
    }
    Ok(reading.sources)
}

/// The first word of `rows`, a query in parentheses, where it is not one by which queries begin.
fn other_statement(rows: &str) -> Option<&str> {
    let begin = rows.trim_start_matches(|c: char| c == '(' || c.is_whitespace());
    let word = begin.split(|c: char| !c.is_ascii_alphabetic()).next()?;
    let is_known = |known: &str| word.eq_ignore_ascii_case(known);
    (OTHER_STATEMENTS.into_iter().any(is_known)).then_some(word)
}

/// The first of `calls` whose value is not made of its arguments alone.
fn changing<'a>(
    engine: &Engine,
    calls: &'a [String],
    context: &str,
) -> Result<Option<&'a str>, LakeError> {
    // `error` only ends a query.
    let query = format!(
        "SELECT DISTINCT function_name FROM duckdb_functions() \
         WHERE stability <> 'CONSISTENT' AND function_name <> 'error' AND list_contains({}::VARCHAR[], function_name)",
        sql::texts(calls)
    );
    let changing: Vec<String> = engine.rows(&query, context, |row| row.get(0))?;
    let found = calls.iter().find(|call| changing.contains(call));
    Ok(found.map(String::as_str))
}

fn changes_by_itself(what: &str) -> String {
    format!(
        "`{what}` has another value each time, so that no result with it could be repeated: write the value out, or \
         make it a column of a source"
    )
}

/// What was met on the way through a query.
struct Reading<'c> {
    catalog: &'c Catalog,
    /// The queries that `WITH` gives names where the walk is, in lower case.
    named: Vec<String>,
    sources: Vec<&'c Source>,
    /// The names of functions, in lower case.
    calls: Vec<String>,
}

impl<'c> Reading<'c> {
    /// Goes through a part of the tree; the error is what cannot be repeated.
    fn walk(&mut self, part: &Json) -> Result<(), String> {
        match part {
            Json::Array(parts) => parts.iter().try_for_each(|part| self.walk(part)),
            Json::Object(parts) => {
                let outside = self.named.len();
                let named = part["cte_map"]["map"].as_array().into_iter().flatten();
                self.named
                    .extend(named.filter_map(|named| Some(named["key"].as_str()?.to_lowercase())));
                self.look(part)?;
                parts.values().try_for_each(|part| self.walk(part))?;
                self.named.truncate(outside);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn look(&mut self, part: &Json) -> Result<(), String> {
        let text = |key: &str| part[key].as_str().unwrap_or_default();
        if part["sample"].is_object() {
            return Err(changes_by_itself("SAMPLE"));
        }
        match (text("type"), text("class")) {
            ("BASE_TABLE", _) => self.table([
                text("catalog_name"),
                text("schema_name"),
                text("table_name"),
            ]),
            ("TABLE_FUNCTION", _) => {
                let name = part["function"]["function_name"]
                    .as_str()
                    .unwrap_or_default();
                if READ_NOTHING.contains(&name.to_lowercase().as_str()) {
                    return Ok(());
                }
                Err(format!(
                    "`{name}` reads what no result would name: declare that as a source (`kind: source`), and read the \
                     source"
                ))
            }
            ("COLUMN_REF", _) => {
                let names = part["column_names"].as_array().map(Vec::as_slice);
                match names.unwrap_or_default() {
                    [Json::String(name)] => refuse_clock(name),
                    _ => Ok(()),
                }
            }
            (_, "FUNCTION" | "WINDOW") => {
                let name = text("function_name").to_lowercase();
                refuse_clock(&name)?;
                // The age of one time is that at the time at which the engine runs.
                if name == "age" && part["children"].as_array().is_some_and(|of| of.len() == 1) {
                    return Err(changes_by_itself("age(...)"));
                }
                self.calls.push(name);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A table by its database, schema and name, the former empty where they are not said.
    fn table(&mut self, path: [&str; 3]) -> Result<(), String> {
        let [database, schema, name] = path;
        if database.is_empty() && schema.is_empty() && self.named.contains(&name.to_lowercase()) {
            return Ok(());
        }
        let is_ours =
            database.is_empty() && (schema.is_empty() || schema.eq_ignore_ascii_case("source"));
        let mut sources = self.catalog.sources();
        match sources.find(|source| is_ours && source.name.eq_ignore_ascii_case(name)) {
            Some(source) => {
                self.sources.push(source);
                Ok(())
            }
            None => {
                let path: Vec<&str> = path.into_iter().filter(|part| !part.is_empty()).collect();
                Err(format!(
                    "`{}` is not a source, and a result names only sources: declare it as one (`kind: source`), and \
                     read the source",
                    path.join(".")
                ))
            }
        }
    }
}

fn refuse_clock(name: &str) -> Result<(), String> {
    if CLOCKS.contains(&name.to_lowercase().as_str()) {
        return Err(changes_by_itself(name));
    }
    Ok(())
}
