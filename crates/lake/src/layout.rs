//! What columns a source's files have, found out before they are read, so that every reading is the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use catalog::{Format, Source};
use serde::{Deserialize, Serialize};

use crate::csv::CsvLayout;
use crate::engine::Engine;
use crate::error::LakeError;
use crate::jsonl;
use crate::lake::Column;
use crate::message::without_secrets;
use crate::sql;

/// What the reader does with a line that it cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damaged {
    /// The query fails and names the line.
    Fail,
    /// The line is left out and listed in DuckDB's table `reject_errors`; for CSV.
    SetAside,
}

/// Types of columns that are known before a file is looked at: those that the source declares, and those that the
/// lake's table has, for what is not declared.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    types: BTreeMap<String, String>,
}

impl Settled {
    pub(crate) fn new(source: &Source, table: &[Column]) -> Self {
        let of_table = table
            .iter()
            .map(|column| (column.name.to_lowercase(), column.type_name.clone()));
        let declared = source
            .types
            .iter()
            .map(|(name, type_name)| (name.to_lowercase(), type_name.clone()));
        Self {
            types: of_table.chain(declared).collect(),
        }
    }

    pub(crate) fn type_of(&self, column: &str) -> Option<&str> {
        self.types.get(&column.to_lowercase()).map(String::as_str)
    }
}

/// The type that the source declares for a column.
pub(crate) fn declared_type<'a>(source: &'a Source, column: &str) -> Option<&'a str> {
    let declared = source
        .types
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(column));
    declared.map(|(_, type_name)| type_name.as_str())
}

/// How a source's files are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Layout {
    /// Texts, which are read as the types found.
    Csv(CsvLayout),
    /// Values that have types of their own, and are converted where others are asked for.
    Typed(TypedLayout),
}

/// The columns of files whose values have types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TypedLayout {
    format: Format,
    sheet: Option<String>,
    header: Option<bool>,
    /// As the files have them.
    stored: Vec<Column>,
    /// As they are given.
    columns: Vec<Column>,
}

impl Layout {
    /// The layout that all of `files` have.
    ///
    /// # Errors
    /// Where their columns differ, or their types are not those that are settled.
    pub(crate) fn detect(
        engine: &Engine,
        source: &Source,
        format: Format,
        files: &[PathBuf],
        settled: &Settled,
    ) -> Result<Self, LakeError> {
        if matches!(format, Format::Csv | Format::Tsv) {
            return CsvLayout::detect(engine, source, format, files, settled).map(Self::Csv);
        }
        let stored = match format {
            Format::Jsonl => jsonl::columns_of(engine, source, files)?,
            Format::Parquet => parquet_columns(engine, source, files)?,
            _ => same_columns(engine, source, format, files)?,
        };
        let unknown = source.types.keys().find(|typed| {
            !stored
                .iter()
                .any(|column| column.name.eq_ignore_ascii_case(typed))
        });
        if let Some(unknown) = unknown {
            let names: Vec<&str> = stored.iter().map(|column| column.name.as_str()).collect();
            return Err(LakeError::source(
                &source.name,
                format!(
                    "`types:` names the column `{unknown}`, and the file has {}",
                    names.join(", ")
                ),
            ));
        }
        let columns = stored
            .iter()
            .map(|column| given(source, column, settled))
            .collect::<Result<_, _>>()?;
        Ok(Self::Typed(TypedLayout {
            format,
            sheet: source.sheet.clone(),
            header: source.header,
            stored,
            columns,
        }))
    }

    /// `SELECT *` over files that have this layout.
    pub(crate) fn rows(&self, files: &[PathBuf], damaged: Damaged) -> String {
        match self {
            Self::Csv(layout) => layout.rows(files, damaged),
            Self::Typed(layout) => layout.rows(files),
        }
    }
}

impl TypedLayout {
    fn rows(&self, files: &[PathBuf]) -> String {
        let from = match self.format {
            Format::Jsonl => jsonl::call(files, &self.stored),
            Format::Parquet => format!("read_parquet({})", paths(files)),
            _ => {
                let parts = files.iter().map(|file| {
                    format!(
                        "FROM {}",
                        one_file(self.format, file, self.sheet.as_deref(), self.header)
                    )
                });
                format!(
                    "({})",
                    parts.collect::<Vec<_>>().join(" UNION ALL BY NAME ")
                )
            }
        };
        let conversions: Vec<String> = self
            .stored
            .iter()
            .zip(&self.columns)
            .filter(|(stored, given)| stored.type_name != given.type_name)
            .map(|(stored, given)| {
                let value = conversion(&stored.name, &stored.type_name, &given.type_name);
                format!("{value} AS {}", sql::identifier(&stored.name))
            })
            .collect();
        if conversions.is_empty() {
            format!("SELECT * FROM {from}")
        } else {
            format!("SELECT * REPLACE ({}) FROM {from}", conversions.join(", "))
        }
    }
}

/// A column as it is given: as the source declares it, else as the lake has it, else as it is stored.
fn given(source: &Source, stored: &Column, settled: &Settled) -> Result<Column, LakeError> {
    let Some(wanted) = settled.type_of(&stored.name) else {
        return Ok(stored.clone());
    };
    if declared_type(source, &stored.name).is_none() && !widens(&stored.type_name, wanted) {
        return Err(LakeError::source(
            &source.name,
            format!(
                "column `{name}` is {} here and was imported as {wanted} before: declare the type for all of them, \
                 such as `types: {{ {name}: VARCHAR }}`",
                stored.type_name,
                name = stored.name,
            ),
        ));
    }
    Ok(Column {
        name: stored.name.clone(),
        type_name: wanted.to_owned(),
    })
}

/// Whether every value of one type is one of the other.
fn widens(from: &str, to: &str) -> bool {
    const WHOLE: [&str; 4] = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT"];
    let rank = |name: &str| WHOLE.iter().position(|whole| *whole == name);
    // A column without any value is JSON where the file says no more.
    let is_wider = match (rank(from), rank(to)) {
        (Some(from), Some(to)) => from <= to,
        (Some(_), None) => to == "DOUBLE",
        _ => (from, to) == ("DATE", "TIMESTAMP") || (from, to) == ("FLOAT", "DOUBLE"),
    };
    from == to || to == "VARCHAR" || from == "JSON" || is_wider
}

/// A column's value as another type; fails, rather than to change the value.
pub(crate) fn conversion(column: &str, from: &str, to: &str) -> String {
    let name = sql::identifier(column);
    let is_fractional = from == "DOUBLE" || from == "FLOAT" || from.starts_with("DECIMAL");
    let is_whole = ["TINYINT", "SMALLINT", "INTEGER", "INT", "BIGINT", "HUGEINT"]
        .contains(&to.to_uppercase().as_str());
    let cast = format!("CAST({name} AS {to})");
    let guarded = |holds: String, what: &str| {
        let message = format!(
            "concat('column `', {}, '`: ', {name}, {})",
            sql::text(column),
            sql::text(what)
        );
        format!("CASE WHEN {name} IS NULL OR {holds} THEN {cast} ELSE error({message}) END")
    };
    match to.to_uppercase().as_str() {
        _ if from == "JSON" => format!("CAST({name} ->> '$' AS {to})"),
        // 1234, not 1234.0: a code that a spreadsheet keeps as a number.
        "VARCHAR" if is_fractional => {
            format!(
                "CASE WHEN {name} = trunc({name}) AND abs({name}) < 1e15 THEN {name}::BIGINT::VARCHAR ELSE {cast} END"
            )
        }
        "DATE" if from.starts_with("TIMESTAMP") => guarded(
            format!("{name} = date_trunc('day', {name})"),
            " has a time of day, and a DATE has none",
        ),
        _ if is_whole && is_fractional => {
            guarded(format!("{name} = trunc({name})"), " is not a whole number")
        }
        _ if is_whole && from == "VARCHAR" => guarded(
            format!("{name}::DOUBLE = trunc({name}::DOUBLE)"),
            " is not a whole number",
        ),
        _ => cast,
    }
}

/// A list of paths as SQL.
pub(crate) fn paths(files: &[PathBuf]) -> String {
    sql::texts(files.iter().map(|file| file.to_string_lossy()))
}

/// The columns of a query's result.
pub(crate) fn described(engine: &Engine, from: &str) -> Result<Vec<Column>, LakeError> {
    engine.rows(
        &format!("DESCRIBE FROM {from}"),
        "cannot read the columns",
        |row| {
            Ok(Column {
                name: row.get(0)?,
                type_name: row.get(1)?,
            })
        },
    )
}

/// Loads what reading a format takes.
pub(crate) fn load_for(engine: &Engine, format: Format) -> Result<(), LakeError> {
    match format {
        Format::Delta => engine.load("delta", "reading a Delta table"),
        Format::Xlsx => engine.load("excel", "reading an xlsx file"),
        Format::Csv | Format::Tsv | Format::Jsonl | Format::Parquet => Ok(()),
    }
}

fn one_file(format: Format, file: &Path, sheet: Option<&str>, header: Option<bool>) -> String {
    let place = sql::text(&file.to_string_lossy());
    match format {
        Format::Delta => format!("delta_scan({place})"),
        _ => {
            let sheet = sheet.map(|sheet| format!(", sheet = {}", sql::text(sheet)));
            let header = header.map(|header| format!(", header = {header}"));
            format!(
                "read_xlsx({place}{}{})",
                sheet.unwrap_or_default(),
                header.unwrap_or_default()
            )
        }
    }
}

/// The columns of files that are read one by one; all must have the same.
fn same_columns(
    engine: &Engine,
    source: &Source,
    format: Format,
    files: &[PathBuf],
) -> Result<Vec<Column>, LakeError> {
    load_for(engine, format)?;
    let mut first: Option<(&PathBuf, Vec<Column>)> = None;
    for file in files {
        let from = one_file(format, file, source.sheet.as_deref(), source.header);
        let columns = described(engine, &from).map_err(|error| in_file(source, file, error))?;
        match &first {
            None => first = Some((file, columns)),
            Some((_, known)) if *known == columns => {}
            Some((known, _)) => return Err(different_columns(source, file, known)),
        }
    }
    Ok(first.map(|(_, columns)| columns).unwrap_or_default())
}

/// The columns of Parquet files. The engine takes those of the first and leaves out what others have more.
fn parquet_columns(
    engine: &Engine,
    source: &Source,
    files: &[PathBuf],
) -> Result<Vec<Column>, LakeError> {
    let failed = |error: LakeError| unreadable(engine, source, files, error);
    let query = format!(
        "SELECT file_name, string_agg(concat_ws(' ', name, type, converted_type, logical_type), ', ' ORDER BY name, type) \
         FROM parquet_schema({}) WHERE name IS NOT NULL AND (num_children IS NULL OR num_children = 0) \
         GROUP BY file_name ORDER BY file_name",
        paths(files)
    );
    let schemas: Vec<(String, String)> = engine
        .rows(&query, "cannot read the columns", |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .map_err(failed)?;
    if let Some(other) = schemas.iter().find(|(_, schema)| *schema != schemas[0].1) {
        return Err(different_columns(
            source,
            Path::new(&other.0),
            Path::new(&schemas[0].0),
        ));
    }
    described(engine, &format!("read_parquet({})", paths(files))).map_err(failed)
}

/// An error in finding out the columns of Parquet files, with the first file whose end, where they stand, is not whole.
fn unreadable(engine: &Engine, source: &Source, files: &[PathBuf], error: LakeError) -> LakeError {
    for file in files {
        let query = format!(
            "SELECT count(*) FROM parquet_schema({})",
            sql::text(&file.to_string_lossy())
        );
        let columns: Result<i64, LakeError> = engine.value(&query, "cannot read the columns");
        let Err(error) = columns else { continue };
        return match &error {
            LakeError::Engine { message, .. } if is_about_content(message) => {
                damaged_parquet(source, file, message)
            }
            _ => in_file(source, file, error),
        };
    }
    error.of_source(&source.name)
}

pub(crate) fn damaged_parquet(source: &Source, file: &Path, message: &str) -> LakeError {
    let way_out = ": copy it again, whole";
    LakeError::source(
        &source.name,
        format!(
            "{}: the file is cut or damaged, or is no Parquet file ({}){way_out}",
            file.display(),
            // Which the message may say of itself.
            message.trim_end_matches(way_out)
        ),
    )
}

/// Whether the engine complains of what a file holds, and not of a server, the network or its memory.
pub(crate) fn is_about_content(message: &str) -> bool {
    let is_short = message.starts_with("could not read enough bytes");
    !message.contains("HTTP")
        && (is_short || !message.starts_with("could not "))
        && !message.starts_with("out of memory")
}

fn different_columns(source: &Source, file: &Path, known: &Path) -> LakeError {
    LakeError::source(
        &source.name,
        format!(
            "{}: its columns or their types differ from those of {}: files of one source need the same columns",
            file.display(),
            known.display()
        ),
    )
}

/// An error of the engine with the file before it, where the engine does not name it.
pub(crate) fn in_file(source: &Source, file: &Path, error: LakeError) -> LakeError {
    match error {
        LakeError::Engine { message, .. } => {
            let shown = without_secrets(&file.to_string_lossy());
            let message = if message.contains(&shown) {
                message
            } else {
                format!("{shown}: {message}")
            };
            LakeError::source(&source.name, message)
        }
        other => other,
    }
}
