//! How a source is read in place: the SQL that reads its files, and which files those are.

use std::path::{Path, PathBuf};

use catalog::{Format, Location, Source};

use crate::engine::Engine;
use crate::error::LakeError;
use crate::sql;

/// Where a source's rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Files on this machine: one, a folder's or a glob's.
    Files { pattern: String, format: Format },
    /// Files behind a URL.
    Url { url: String, format: Format },
    /// A table of a PostgreSQL database.
    Postgres { url: String, table: String },
    /// A table of the project's lake.
    LakeTable(String),
}

impl Place {
    /// `location` is the source's resolved path, where it has one.
    pub(crate) fn of(source: &Source, location: Option<&Location>) -> Result<Self, LakeError> {
        match location {
            None => Ok(Self::LakeTable(source.table.clone().unwrap_or_else(|| source.name.clone()))),
            Some(Location::Local(path)) => {
                let format = source.format.or_else(|| format_of_path(path)).ok_or_else(|| unknown_format(source, path))?;
                Ok(Self::Files {
                    pattern: pattern_of(path, format),
                    format,
                })
            }
            Some(remote @ Location::Remote(url)) => match remote.database() {
                Some("postgres" | "postgresql") => {
                    let table = source.table.clone().ok_or_else(|| {
                        LakeError::source(&source.name, "a database URL needs `table:` beside `path:`")
                    })?;
                    Ok(Self::Postgres {
                        url: url.clone(),
                        table,
                    })
                }
                Some(other) => Err(LakeError::source(&source.name, format!("{other} databases cannot be read yet"))),
                None => {
                    let name = url.split('?').next().unwrap_or(url);
                    let format =
                        source.format.or_else(|| format_of_name(name)).ok_or_else(|| unknown_format(source, url.as_ref()))?;
                    Ok(Self::Url {
                        url: url.clone(),
                        format,
                    })
                }
            },
        }
    }
}

/// A folder is all of its files of the format; a Delta table is its folder.
fn pattern_of(path: &Path, format: Format) -> String {
    let location = path.to_string_lossy();
    let endings = match format {
        Format::Delta => return location.into_owned(),
        _ if !path.is_dir() => return location.into_owned(),
        Format::Csv => "csv*",
        Format::Tsv => "tsv*",
        Format::Jsonl => "*json*",
        Format::Parquet => "parquet",
        Format::Xlsx => "xlsx",
    };
    format!("{}/**/*.{endings}", location.trim_end_matches('/'))
}

/// The format of a file, or of a folder's files.
fn format_of_path(path: &Path) -> Option<Format> {
    if path.join("_delta_log").is_dir() {
        return Some(Format::Delta);
    }
    if path.is_dir() {
        return format_of_name(&first_file(path)?.to_string_lossy());
    }
    format_of_name(&path.to_string_lossy())
}

/// The format that a file's name tells, behind `.gz` and `.zst`.
fn format_of_name(name: &str) -> Option<Format> {
    let name = name.to_ascii_lowercase();
    let name = [".gz", ".zst", ".zstd"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    match name.rsplit('.').next()? {
        "csv" | "txt" => Some(Format::Csv),
        "tsv" | "tab" => Some(Format::Tsv),
        "jsonl" | "ndjson" | "json" => Some(Format::Jsonl),
        "parquet" | "pq" => Some(Format::Parquet),
        "xlsx" => Some(Format::Xlsx),
        _ => None,
    }
}

fn unknown_format(source: &Source, location: &Path) -> LakeError {
    LakeError::source(
        &source.name,
        format!(
            "the format of `{}` cannot be told from its name: \
             add `format:` (csv, tsv, jsonl, parquet, delta or xlsx)",
            location.display()
        ),
    )
}

/// The first visible file of a folder in name order, which shows the format of all of them.
fn first_file(folder: &Path) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.retain(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_'])));
    entries.sort();
    entries.iter().find_map(|path| if path.is_dir() { first_file(path) } else { Some(path.clone()) })
}

/// What the reader does with a line that it cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damaged {
    /// The query fails and names the line.
    Fail,
    /// The line is left out and listed in DuckDB's table `reject_errors`.
    SetAside,
}

/// `SELECT *` over a source's files, whatever their format.
pub(crate) fn reader(
    engine: &Engine,
    source: &Source,
    pattern: &str,
    format: Format,
    damaged: Damaged,
) -> Result<String, LakeError> {
    let place = sql::text(pattern);
    let call = match format {
        Format::Csv | Format::Tsv => format!("read_csv({place}{})", csv_options(source, format, damaged)),
        Format::Jsonl => {
            let columns = columns_option(source, "columns");
            format!("read_json({place}, format = 'newline_delimited'{columns})")
        }
        Format::Parquet => format!("read_parquet({place})"),
        Format::Delta => {
            engine.load("delta", "reading a Delta table")?;
            format!("delta_scan({place})")
        }
        Format::Xlsx => {
            engine.load("excel", "reading an xlsx file")?;
            let sheet = source.sheet.as_deref().map(|sheet| format!(", sheet = {}", sql::text(sheet)));
            let header = source.header.map(|header| format!(", header = {header}"));
            format!("read_xlsx({place}{}{})", sheet.unwrap_or_default(), header.unwrap_or_default())
        }
    };
    Ok(format!("SELECT * FROM {call}"))
}

fn csv_options(source: &Source, format: Format, damaged: Damaged) -> String {
    let mut options = String::new();
    let delimiter = source.delimiter.as_deref().or((format == Format::Tsv).then_some("\t"));
    if let Some(delimiter) = delimiter {
        options.push_str(&format!(", delim = {}", sql::text(delimiter)));
    }
    if let Some(header) = source.header {
        options.push_str(&format!(", header = {header}"));
    }
    if let Some(columns) = &source.columns {
        options.push_str(&format!(", names = [{}]", texts(columns)));
    }
    if !source.null_values.is_empty() {
        // The empty text stays a missing value beside the declared ones.
        options.push_str(&format!(", nullstr = ['', {}]", texts(&source.null_values)));
    }
    options.push_str(&columns_option(source, "types"));
    if damaged == Damaged::SetAside {
        options.push_str(", store_rejects = true, rejects_limit = 0");
    }
    options
}

fn columns_option(source: &Source, option: &str) -> String {
    if source.types.is_empty() {
        return String::new();
    }
    let entries: Vec<String> = source
        .types
        .iter()
        .map(|(column, type_name)| format!("{}: {}", sql::text(column), sql::text(type_name)))
        .collect();
    format!(", {option} = {{{}}}", entries.join(", "))
}

fn texts(values: &[String]) -> String {
    values.iter().map(|value| sql::text(value)).collect::<Vec<_>>().join(", ")
}

/// The files that a pattern names, in name order.
pub(crate) fn files_of(engine: &Engine, pattern: &str, format: Format) -> Result<Vec<PathBuf>, LakeError> {
    let pattern = match format {
        Format::Delta => format!("{}/**", pattern.trim_end_matches('/')),
        _ => pattern.to_owned(),
    };
    let query = format!("SELECT file FROM glob({}) ORDER BY file", sql::text(&pattern));
    let files = engine.rows(&query, "cannot list files", |row| row.get::<_, String>(0))?;
    Ok(files.into_iter().map(PathBuf::from).collect())
}
