//! Imports: files into the project's DuckLake, whole or not at all, and never twice.

use std::path::{Path, PathBuf};

use catalog::{Catalog, Format, Source};
use serde::{Deserialize, Serialize};

use crate::error::LakeError;
use crate::lake::{IMPORT_COLUMN, LAKE, Lake, absolute, plain};
use crate::source::{Damaged, Place, files_of, reader};
use crate::sql;

/// What an import of one source did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Imported {
    pub source: String,
    pub files: Vec<ImportedFile>,
    /// The lake's newest snapshot after it.
    pub snapshot: u64,
}

/// What an import did with one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ImportedFile {
    pub file: PathBuf,
    pub outcome: Outcome,
    /// Rows that the lake holds of this file.
    pub rows: u64,
    /// Damaged lines that were set aside.
    pub rejected: u64,
    /// Why, with how many lines each.
    pub reasons: Vec<(String, u64)>,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its rows were added.
    Added,
    /// Its content had changed since it was imported: its old rows gave way to the new ones.
    Replaced,
    /// It was there already, with the same content.
    Unchanged,
}

/// Damaged lines of a file: what was wrong with how many.
struct Rejects {
    lines: u64,
    reasons: Vec<(String, u64)>,
}

impl Rejects {
    const NONE: Self = Self {
        lines: 0,
        reasons: Vec::new(),
    };
}

/// Imports the files of a source into the lake.
///
/// All files of the source are committed together, so that whoever reads meanwhile sees the state before or after.
/// A damaged line fails the import, unless `rejects` names a CSV file to keep such lines in.
pub fn import(catalog: &Catalog, source: &Source, rejects: Option<&Path>) -> Result<Imported, LakeError> {
    let mut lake = Lake::open_for_writing(catalog)?;
    let place = Place::of(source, catalog.location(source))?;
    let Place::Files { pattern, format } = place else {
        return Err(LakeError::source(&source.name, "only files on this machine can be imported"));
    };
    lake.existing_files(source, &pattern, format)?;
    // A Delta table is one thing: its log says which of its files count.
    let units = match format {
        Format::Delta => vec![PathBuf::from(&pattern)],
        _ => files_of(&lake.engine, &pattern, format)?,
    };
    lake.engine.execute(
        &format!("CREATE TEMP TABLE {REJECTED} (file VARCHAR, line UBIGINT, \"column\" VARCHAR, error VARCHAR, text VARCHAR)"),
        "cannot prepare the import",
    )?;
    let mut staged = Vec::new();
    for (number, unit) in units.iter().enumerate() {
        staged.push(stage(&mut lake, source, unit, format, number, rejects)?);
    }
    if let Some(path) = rejects {
        write_rejects(&lake, path)?;
    }
    let imported = commit(&lake, source, &staged)?;
    lake.digests.save();
    Ok(imported)
}

/// A file that has been read and waits to be committed.
struct Staged {
    file: PathBuf,
    digest: String,
    /// The import that holds an older content of the same file.
    replaces: Option<i64>,
    /// The temporary table with its rows; none where the lake has them already.
    table: Option<String>,
    rows: u64,
    rejects: Rejects,
}

fn stage(
    lake: &mut Lake,
    source: &Source,
    file: &Path,
    format: Format,
    number: usize,
    rejects_file: Option<&Path>,
) -> Result<Staged, LakeError> {
    let file = absolute(file);
    let digest = match format {
        Format::Delta => delta_digest(lake, &file)?,
        _ => lake.digests.digest(&file)?.0,
    };
    let earlier = earlier_import(lake, source, &file)?;
    if let Some((_, _, rows, rejected)) = earlier.as_ref().filter(|(_, known, ..)| *known == digest) {
        return Ok(Staged {
            file,
            digest,
            replaces: None,
            table: None,
            rows: *rows,
            rejects: Rejects { lines: *rejected, reasons: Vec::new() },
        });
    }
    let table = format!("staged_{number}");
    let rejects = read_into(lake, source, &file, format, &table)?;
    if rejects.lines > 0 {
        match rejects_file {
            Some(_) => keep_rejects(lake, &file)?,
            None => return Err(LakeError::source(&source.name, refuse_rejects(&file, &rejects))),
        }
    }
    let rows = lake.engine.value(&format!("SELECT count(*)::UBIGINT FROM temp.{table}"), "cannot count rows")?;
    Ok(Staged {
        file,
        digest,
        replaces: earlier.map(|(import, ..)| import),
        table: Some(table),
        rows,
        rejects,
    })
}

fn delta_digest(lake: &mut Lake, folder: &Path) -> Result<String, LakeError> {
    let mut hasher = blake3::Hasher::new();
    for file in files_of(&lake.engine, &folder.to_string_lossy(), Format::Delta)? {
        hasher.update(lake.digests.digest(&file)?.0.as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// The import, digest, rows and rejected lines of this file as the lake has it.
fn earlier_import(
    lake: &Lake,
    source: &Source,
    file: &Path,
) -> Result<Option<(i64, String, u64, u64)>, LakeError> {
    lake.engine.execute(
        &format!(
            "CREATE TABLE IF NOT EXISTS {LAKE}.main._imports (\
             import BIGINT, source VARCHAR, file VARCHAR, digest VARCHAR, rows UBIGINT, rejected UBIGINT, \
             imported_at TIMESTAMPTZ)"
        ),
        "cannot prepare the lake",
    )?;
    let query = format!(
        "SELECT import, digest, rows, rejected FROM {LAKE}.main._imports WHERE source = {} AND file = {} \
         ORDER BY import DESC LIMIT 1",
        sql::text(&source.name),
        sql::text(&file.to_string_lossy())
    );
    let found = lake.engine.rows(&query, "cannot read what was imported", |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    Ok(found.into_iter().next())
}

/// Reads a file into a temporary table and counts the lines that were damaged.
fn read_into(
    lake: &Lake,
    source: &Source,
    file: &Path,
    format: Format,
    table: &str,
) -> Result<Rejects, LakeError> {
    let engine = &lake.engine;
    let failed = |error: LakeError| LakeError::source(&source.name, format!("{}: {}", file.display(), plain(&error)));
    let pattern = file.to_string_lossy();
    engine.execute(
        "DROP TABLE IF EXISTS temp.reject_errors; DROP TABLE IF EXISTS temp.reject_scans",
        "cannot prepare the import",
    )?;
    match format {
        Format::Csv | Format::Tsv => {
            let rows = reader(engine, source, &pattern, format, Damaged::SetAside)?;
            engine.execute(&format!("CREATE TEMP TABLE {table} AS {rows}"), "cannot read it").map_err(failed)?;
            rejects_listed(lake, "SELECT line, error_type::VARCHAR AS reason FROM temp.reject_errors")
        }
        Format::Jsonl => read_json_lines(lake, source, file, table).map_err(failed),
        Format::Parquet | Format::Delta | Format::Xlsx => {
            let rows = reader(engine, source, &pattern, format, Damaged::Fail)?;
            engine.execute(&format!("CREATE TEMP TABLE {table} AS {rows}"), "cannot read it").map_err(failed)?;
            Ok(Rejects::NONE)
        }
    }
}

/// JSON lines are looked at as text first, since the engine's JSON reader cannot list what it leaves out.
fn read_json_lines(lake: &Lake, source: &Source, file: &Path, table: &str) -> Result<Rejects, LakeError> {
    let engine = &lake.engine;
    let lines = format!(
        "SELECT row_number() OVER () AS line, text FROM read_csv({}, columns = {{'text': 'VARCHAR'}}, header = false, \
         delim = '\\x01', quote = '', escape = '', auto_detect = false)",
        sql::text(&file.to_string_lossy())
    );
    engine.execute(
        &format!(
            "CREATE TEMP TABLE reject_errors AS SELECT line, text AS csv_line, NULL AS column_name, \
             'not valid JSON' AS error_type, 'not valid JSON' AS error_message \
             FROM ({lines}) WHERE trim(text) <> '' AND NOT json_valid(text)"
        ),
        "cannot read it",
    )?;
    let rejects = rejects_listed(lake, "SELECT line, error_type AS reason FROM temp.reject_errors")?;
    let rows = reader(engine, source, &file.to_string_lossy(), Format::Jsonl, Damaged::Fail)?;
    let rows = if rejects.lines == 0 {
        rows
    } else {
        // The reader gives a damaged line as a row without any value; those are the lines just listed.
        let tolerant = rows.replacen("format = 'newline_delimited'", "format = 'newline_delimited', ignore_errors = true", 1);
        format!("SELECT * FROM ({tolerant}) AS r WHERE NOT (coalesce(COLUMNS(*)::VARCHAR) IS NULL)")
    };
    engine.execute(&format!("CREATE TEMP TABLE {table} AS {rows}"), "cannot read it")?;
    Ok(rejects)
}

fn rejects_listed(lake: &Lake, listed: &str) -> Result<Rejects, LakeError> {
    let exists: i64 = lake.engine.value(
        "SELECT count(*)::BIGINT FROM duckdb_tables() WHERE table_name = 'reject_errors'",
        "cannot look for damaged lines",
    )?;
    if exists == 0 {
        return Ok(Rejects::NONE);
    }
    let query = format!(
        "SELECT reason, count(*)::UBIGINT FROM (SELECT line, min(reason) AS reason FROM ({listed}) GROUP BY line) \
         GROUP BY reason ORDER BY 2 DESC, 1"
    );
    let reasons = lake.engine.rows(&query, "cannot count damaged lines", |row| {
        Ok((row.get::<_, String>(0)?.to_lowercase(), row.get::<_, u64>(1)?))
    })?;
    Ok(Rejects {
        lines: reasons.iter().map(|(_, lines)| lines).sum(),
        reasons,
    })
}

/// Where damaged lines of all files wait to be written.
const REJECTED: &str = "temp.rejected";

fn keep_rejects(lake: &Lake, file: &Path) -> Result<(), LakeError> {
    let query = format!(
        "INSERT INTO {REJECTED} SELECT {}, line, column_name, error_message, csv_line FROM temp.reject_errors",
        sql::text(&file.to_string_lossy())
    );
    lake.engine.execute(&query, "cannot keep the damaged lines")
}

fn write_rejects(lake: &Lake, path: &Path) -> Result<(), LakeError> {
    let query = format!(
        "COPY (FROM {REJECTED} ORDER BY ALL) TO {} (FORMAT csv, HEADER)",
        sql::text(&path.to_string_lossy())
    );
    lake.engine.execute(&query, "cannot write the rejected lines")
}

fn refuse_rejects(file: &Path, rejects: &Rejects) -> String {
    let reasons: Vec<String> = rejects.reasons.iter().map(|(reason, lines)| format!("{lines} {reason}")).collect();
    format!(
        "{}: {} damaged lines ({}); nothing was imported. Mend the file, or set those lines aside with \
         `--rejects FILE`",
        file.display(),
        rejects.lines,
        reasons.join(", ")
    )
}

fn commit(lake: &Lake, source: &Source, staged: &[Staged]) -> Result<Imported, LakeError> {
    let engine = &lake.engine;
    let table = format!("{LAKE}.main.{}", sql::identifier(&source.name));
    let next: i64 = engine.value(
        &format!("SELECT coalesce(max(import), 0) + 1 FROM {LAKE}.main._imports"),
        "cannot number the import",
    )?;
    engine.transaction(|| {
        for (file, import) in staged.iter().zip(next..) {
            let Some(rows) = &file.table else { continue };
            engine.execute(
                &format!(
                    "CREATE TABLE IF NOT EXISTS {table} AS SELECT *, 0::BIGINT AS {IMPORT_COLUMN} \
                     FROM temp.{rows} LIMIT 0"
                ),
                "cannot create the table",
            )?;
            if let Some(old) = file.replaces {
                engine.execute(
                    &format!(
                        "DELETE FROM {table} WHERE {IMPORT_COLUMN} = {old}; \
                         DELETE FROM {LAKE}.main._imports WHERE import = {old}"
                    ),
                    "cannot replace the file's old rows",
                )?;
            }
            engine
                .execute(
                    &format!("INSERT INTO {table} BY NAME SELECT *, {import} AS {IMPORT_COLUMN} FROM temp.{rows}"),
                    "cannot add the rows",
                )
                .map_err(|error| {
                    LakeError::source(
                        &source.name,
                        format!(
                            "{}: its columns do not fit those of the files imported before: {}",
                            file.file.display(),
                            plain(&error)
                        ),
                    )
                })?;
            engine.execute(
                &format!(
                    "INSERT INTO {LAKE}.main._imports VALUES ({import}, {}, {}, {}, {}, {}, now())",
                    sql::text(&source.name),
                    sql::text(&file.file.to_string_lossy()),
                    sql::text(&file.digest),
                    file.rows,
                    file.rejects.lines
                ),
                "cannot record the import",
            )?;
        }
        Ok(())
    })?;
    let snapshot = lake.snapshots()?.last().map_or(0, |snapshot| snapshot.id);
    let files = staged.iter().map(|file| ImportedFile {
        file: file.file.clone(),
        outcome: match (&file.table, file.replaces) {
            (None, _) => Outcome::Unchanged,
            (Some(_), None) => Outcome::Added,
            (Some(_), Some(_)) => Outcome::Replaced,
        },
        rows: file.rows,
        rejected: file.rejects.lines,
        reasons: file.rejects.reasons.clone(),
    });
    Ok(Imported {
        source: source.name.clone(),
        files: files.collect(),
        snapshot,
    })
}
