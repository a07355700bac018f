//! Imports: files into the project's DuckLake, whole or not at all, and never twice.
//!
//! A table `lake.main.NAME` holds the rows of a source, each with the number of the import that it came from; the table
//! `_imports` says which file that was. Both change in one transaction.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use catalog::{Catalog, Format, Source};
use serde::{Deserialize, Serialize};

use crate::digest::digest_of_all;
use crate::error::LakeError;
use crate::jsonl;
use crate::lake::{Column, IMPORT_COLUMN, LAKE, Lake};
use crate::layout::{Damaged, Layout, Settled, conversion, described, in_file};
use crate::remote::{Remote, is_bucket, is_remote, shown};
use crate::source::{Place, absolute, content_files, files_at};
use crate::sql;

/// What an import of one source did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Imported {
    /// The source's name, which is that of its table in the lake.
    pub source: String,
    /// What became of each of its files, in name order.
    pub files: Vec<ImportedFile>,
    /// The lake's newest snapshot after it.
    pub snapshot: u64,
}

/// What an import did with one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ImportedFile {
    /// Its absolute path, or its URL without secrets; of a Delta table its folder.
    pub file: PathBuf,
    /// What was done.
    pub outcome: Outcome,
    /// Rows that the lake holds of this file.
    pub rows: u64,
    /// Damaged lines that were set aside: `rows + rejected` is what was read.
    pub rejected: u64,
    /// Why, with how many lines each, the most first. Empty for an unchanged file.
    pub reasons: Vec<(String, u64)>,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its rows were added.
    Added,
    /// Its content had changed since it was imported, or how the source says to read it: its old rows gave way to the
    /// new ones.
    Replaced,
    /// It was there already, with the same content.
    Unchanged,
}

/// Imports the files of a source into the lake.
///
/// All files of the source are committed together, so that whoever reads meanwhile sees the state before or after, and
/// an import that fails or is killed has changed nothing. Files that were imported before and are gone now stay
/// imported; one that was moved or renamed is known by its content. A damaged line fails the import, unless `rejects`
/// names a CSV file to keep such lines in, with the columns `file`, `line`, `column`, `error` and `text`; that file is
/// written, or written over, only where there are such lines.
///
/// # Errors
/// What [`Lake::define`] refuses; damaged lines, where `rejects` is none; columns that are not those of the files
/// imported before; [`LakeError::Changed`] where a file is being written; [`LakeError::ImportRunning`].
pub fn import(
    catalog: &Catalog,
    source: &Source,
    rejects: Option<&Path>,
) -> Result<Imported, LakeError> {
    let place = Place::of(source, catalog.location(source))?;
    let mut lake = Lake::start(catalog)?;
    let root = absolute(catalog.root());
    let (files, format) = match &place {
        Place::Files { path, format } => (files_at(&lake.engine, source, path, *format)?, *format),
        Place::Url { url, format } => {
            Remote::new(&lake.engine, source, url)?.files(url, *format)?
        }
        Place::Postgres { .. } | Place::LakeTable(_) => {
            return Err(LakeError::source(
                &source.name,
                "only files can be imported",
            ));
        }
    };
    for file in &files {
        // A file that is missing or cut is refused before there is a lake.
        digest(&mut lake, source, file, format)?;
    }
    let _lock = lock(&lake.folder)?;
    lake.attach_for_writing()?;
    let mut import = Import::plan(&mut lake, source, format, &root, &files)?;
    import.stage(&lake, source, rejects)?;
    for file in &import.files {
        if digest(&mut lake, source, &file.path, format)? != file.digest {
            return Err(LakeError::Changed(shown(&file.path)));
        }
    }
    import.commit(&lake, source)?;
    lake.digests.save();
    Ok(Imported {
        source: source.name.clone(),
        files: import.files.into_iter().map(FileImport::done).collect(),
        snapshot: lake.snapshots()?.last().map_or(0, |snapshot| snapshot.id),
    })
}

/// One import at a time: two of the same file would each find that it is not there.
fn lock(folder: &Path) -> Result<File, LakeError> {
    let path = folder.join("import.lock");
    std::fs::create_dir_all(folder).map_err(|error| LakeError::io(folder, error))?;
    let lock = File::create(&path).map_err(|error| LakeError::io(&path, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(LakeError::ImportRunning(folder.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(LakeError::io(&path, error)),
    }
}

/// An import of a source's files, on its way to be committed.
struct Import {
    format: Format,
    files: Vec<FileImport>,
    /// The table's columns in the lake, where rows of other files stay in it.
    kept: Option<Vec<Column>>,
    /// The columns that the table is to have.
    columns: Vec<Column>,
}

/// A file on its way to be committed.
struct FileImport {
    path: PathBuf,
    /// Its name in the lake's records: relative to the project, so that the project can be moved.
    recorded: String,
    digest: String,
    earlier: Option<Earlier>,
    /// The temporary table with its rows; none where the lake has them already.
    staged: Option<String>,
    rows: u64,
    rejects: Rejects,
}

/// A file as the lake has it.
#[derive(Debug, Clone)]
struct Earlier {
    import: i64,
    file: String,
    digest: String,
    rows: u64,
    rejected: u64,
}

/// Damaged lines of a file: what was wrong with how many.
#[derive(Default)]
struct Rejects {
    lines: u64,
    reasons: Vec<(String, u64)>,
}

impl FileImport {
    fn is_new(&self) -> bool {
        self.earlier
            .as_ref()
            .is_none_or(|earlier| earlier.digest != self.digest)
    }

    fn has_earlier(&self, import: i64) -> bool {
        self.earlier
            .as_ref()
            .is_some_and(|earlier| earlier.import == import)
    }

    /// The import whose rows give way to this file's.
    fn replaces(&self) -> Option<i64> {
        self.earlier
            .as_ref()
            .filter(|_| self.is_new())
            .map(|earlier| earlier.import)
    }

    fn done(self) -> ImportedFile {
        ImportedFile {
            outcome: match (&self.staged, &self.earlier) {
                (None, _) => Outcome::Unchanged,
                (Some(_), None) => Outcome::Added,
                (Some(_), Some(_)) => Outcome::Replaced,
            },
            file: shown(&self.path),
            rows: self.rows,
            rejected: self.rejects.lines,
            reasons: self.rejects.reasons,
        }
    }
}

impl Import {
    /// Which files are new, and whether rows of others stay in the lake.
    fn plan(
        lake: &mut Lake,
        source: &Source,
        format: Format,
        root: &Path,
        paths: &[PathBuf],
    ) -> Result<Self, LakeError> {
        let recorded = |path: &Path| {
            if is_remote(path) {
                return shown(path).to_string_lossy().into_owned();
            }
            let path = absolute(path);
            path.strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned()
        };
        let names: Vec<String> = paths.iter().map(|path| recorded(path)).collect();
        let records = records_of(lake, source)?;
        if records.is_empty()
            && lake
                .tables
                .iter()
                .any(|table| table.eq_ignore_ascii_case(&source.name))
        {
            return Err(LakeError::source(
                &source.name,
                "the lake has a table of this name that no import of this source has made: rename the source",
            ));
        }
        refuse_equal_names(source, &names)?;
        refuse_other_sides(source, &records, &names)?;
        let mut files: Vec<FileImport> = Vec::with_capacity(paths.len());
        for (path, name) in paths.iter().zip(&names) {
            let parts = parts_of(lake, source, path, format)?;
            let digest = digest_of_parts(source, format, &parts);
            let of_name = records.iter().find(|record| record.file == *name);
            if of_name.is_none() && side_of(name) == Side::Web {
                refuse_same_tag(source, format, &records, name, &parts)?;
            }
            let was_moved = |record: &&Earlier| {
                record.digest == digest
                    && !files.iter().any(|file| file.has_earlier(record.import))
                    && !names.contains(&record.file)
                    && !root.join(&record.file).exists()
            };
            let earlier = of_name.or_else(|| records.iter().find(was_moved)).cloned();
            files.push(FileImport {
                path: path.clone(),
                recorded: name.clone(),
                rows: earlier.as_ref().map_or(0, |earlier| earlier.rows),
                rejects: Rejects {
                    lines: earlier.as_ref().map_or(0, |earlier| earlier.rejected),
                    reasons: Vec::new(),
                },
                digest,
                earlier,
                staged: None,
            });
        }
        let replaced: Vec<i64> = files.iter().filter_map(FileImport::replaces).collect();
        let stays = records
            .iter()
            .any(|record| !replaced.contains(&record.import));
        let kept = if stays {
            Some(imported_columns(lake, source)?)
        } else {
            None
        };
        Ok(Self {
            format,
            files,
            columns: kept.clone().unwrap_or_default(),
            kept,
        })
    }

    /// Reads the new files into temporary tables, and writes their damaged lines to `rejects`.
    fn stage(
        &mut self,
        lake: &Lake,
        source: &Source,
        rejects: Option<&Path>,
    ) -> Result<(), LakeError> {
        let engine = &lake.engine;
        engine.execute(
            "CREATE TEMP TABLE rejected (file VARCHAR, line UBIGINT, \"column\" VARCHAR, error VARCHAR, text VARCHAR)",
            "cannot prepare the import",
        )?;
        let mut new: Vec<&mut FileImport> =
            self.files.iter_mut().filter(|file| file.is_new()).collect();
        for file in new.iter().filter(|file| is_remote(&file.path)) {
            let remote = Remote::new(engine, source, &file.path.to_string_lossy())?;
            for (part, version) in remote.versions(&file.path, self.format)? {
                remote.check_complete(&part, &version)?;
            }
        }
        let mut readable = Vec::with_capacity(new.len());
        for (number, file) in new.iter_mut().enumerate() {
            readable.push(match self.format {
                Format::Jsonl => sound_lines(lake, source, file, number, rejects)?,
                _ => file.path.clone(),
            });
        }
        let paths: Vec<PathBuf> = new.iter().map(|file| file.path.clone()).collect();
        if !readable.is_empty() {
            let settled = Settled::new(source, self.kept.as_deref().unwrap_or_default());
            let shown_as = |error: LakeError| {
                let pairs = readable
                    .iter()
                    .zip(&paths)
                    .filter(|(readable, path)| readable != path);
                pairs.fold(error, |error, (readable, path)| {
                    error.with_path(readable, path)
                })
            };
            let layout = Layout::detect(engine, source, self.format, &readable, &settled)
                .map_err(shown_as)?;
            for (number, (file, readable)) in new.iter_mut().zip(&readable).enumerate() {
                let table = format!("temp.staged_{number}");
                let rows = layout.rows(std::slice::from_ref(readable), Damaged::SetAside);
                jsonl::forget_damaged(engine)?;
                engine
                    .execute(
                        &format!("CREATE TEMP TABLE {table} AS {rows}"),
                        "cannot read it",
                    )
                    .map_err(|error| in_file(source, readable, error))
                    .map_err(shown_as)?;
                if matches!(layout, Layout::Csv(_)) {
                    file.rejects = take_rejects(lake, source, &file.path, rejects)?;
                }
                file.rows = engine.value(
                    &format!("SELECT count(*)::UBIGINT FROM {table}"),
                    "cannot count rows",
                )?;
                file.staged = Some(table);
            }
            // By the engine's names of the types, which may be declared by others.
            self.columns = self.agreed_columns(source, &described(engine, "temp.staged_0")?)?;
        }
        let has_rejects = self
            .files
            .iter()
            .any(|file| file.is_new() && file.rejects.lines > 0);
        if let Some(path) = rejects.filter(|_| has_rejects) {
            let query = format!(
                "COPY (FROM temp.rejected ORDER BY file, line, \"column\") TO {} (FORMAT csv, HEADER)",
                sql::text(&path.to_string_lossy())
            );
            engine.execute(&query, "cannot write the rejected lines")?;
        }
        Ok(())
    }

    /// The columns of the table, in its order, with the types that the new files have.
    fn agreed_columns(&self, source: &Source, new: &[Column]) -> Result<Vec<Column>, LakeError> {
        let Some(kept) = &self.kept else {
            return Ok(new.to_vec());
        };
        let missing = |these: &[Column], those: &[Column]| -> Vec<String> {
            let has = |name: &str| {
                those
                    .iter()
                    .any(|column| column.name.eq_ignore_ascii_case(name))
            };
            these
                .iter()
                .filter(|column| !has(&column.name))
                .map(|column| format!("`{}`", column.name))
                .collect()
        };
        let (added, gone) = (missing(new, kept), missing(kept, new));
        if !added.is_empty() || !gone.is_empty() {
            let said = |names: Vec<String>, what: &str| {
                (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
            };
            let parts: Vec<String> = [said(added, "they also have"), said(gone, "they lack")]
                .into_iter()
                .flatten()
                .collect();
            let way_out = match self.format {
                Format::Jsonl => "declare keys that may be missing under `types:`",
                _ => "give them the same columns, or another source",
            };
            return Err(LakeError::source(
                &source.name,
                format!(
                    "the new files have other columns than those imported before: {}: {way_out}",
                    parts.join(" and ")
                ),
            ));
        }
        let typed = |column: &Column| {
            new.iter()
                .find(|new| new.name.eq_ignore_ascii_case(&column.name))
                .cloned()
        };
        Ok(kept.iter().filter_map(typed).collect())
    }

    /// Brings the staged rows into the lake in one transaction.
    fn commit(&self, lake: &Lake, source: &Source) -> Result<(), LakeError> {
        let was_moved = |file: &&FileImport| {
            file.earlier
                .as_ref()
                .is_some_and(|earlier| earlier.file != file.recorded)
        };
        if self
            .files
            .iter()
            .all(|file| file.staged.is_none() && !was_moved(&file))
        {
            return Ok(());
        }
        let engine = &lake.engine;
        let run = |statement: &str| engine.execute(statement, "cannot commit the import");
        engine.transaction(|| {
            run(&format!(
                "CREATE TABLE IF NOT EXISTS {LAKE}.main._imports (import BIGINT, source VARCHAR, file VARCHAR, \
                 digest VARCHAR, rows UBIGINT, rejected UBIGINT, imported_at TIMESTAMPTZ)"
            ))?;
            if self.files.iter().any(|file| file.staged.is_some()) {
                self.make_room(lake, source)?;
            }
            let first: i64 = engine.value(
                &format!("SELECT coalesce(max(import), 0) + 1 FROM {LAKE}.main._imports"),
                "cannot number the import",
            )?;
            for (file, next) in self.files.iter().zip(first..) {
                let earlier = file.earlier.as_ref().map(|earlier| earlier.import);
                let import = if file.staged.is_some() { next } else { earlier.unwrap_or(next) };
                if file.staged.is_none() && !was_moved(&file) {
                    continue;
                }
                if let Some(rows) = &file.staged {
                    run(&format!(
                        "INSERT INTO {} BY NAME SELECT *, {import} AS {IMPORT_COLUMN} FROM {rows}",
                        table_of(source)
                    ))?;
                }
                if let Some(earlier) = earlier {
                    run(&format!("DELETE FROM {LAKE}.main._imports WHERE import = {earlier}"))?;
                }
                run(&format!(
                    "INSERT INTO {LAKE}.main._imports VALUES ({import}, {}, {}, {}, {}, {}, now())",
                    sql::text(&source.name),
                    sql::text(&file.recorded),
                    sql::text(&file.digest),
                    file.rows,
                    file.rejects.lines
                ))?;
            }
            Ok(())
        })
    }

    /// Makes the table as it must be for the new rows: without those that give way, and with the new types.
    fn make_room(&self, lake: &Lake, source: &Source) -> Result<(), LakeError> {
        let table = table_of(source);
        let run = |statement: &str| lake.engine.execute(statement, "cannot commit the import");
        let Some(kept) = &self.kept else {
            let columns: Vec<String> = self
                .columns
                .iter()
                .map(|column| format!("{} {}", sql::identifier(&column.name), column.type_name))
                .collect();
            return run(&format!(
                "CREATE OR REPLACE TABLE {table} ({}, {IMPORT_COLUMN} BIGINT)",
                columns.join(", ")
            ));
        };
        let replaced: Vec<String> = self
            .files
            .iter()
            .filter_map(FileImport::replaces)
            .map(|id| id.to_string())
            .collect();
        if !replaced.is_empty() {
            run(&format!(
                "DELETE FROM {table} WHERE {IMPORT_COLUMN} IN ({})",
                replaced.join(", ")
            ))?;
        }
        let converted: Vec<String> = kept
            .iter()
            .zip(&self.columns)
            .filter(|(old, new)| old.type_name != new.type_name)
            .map(|(old, new)| {
                let value = conversion(&old.name, &old.type_name, &new.type_name);
                format!("{value} AS {}", sql::identifier(&old.name))
            })
            .collect();
        if converted.is_empty() {
            return Ok(());
        }
        let convert = format!(
            "CREATE TEMP TABLE kept_rows AS SELECT * REPLACE ({}) FROM {table}; \
             CREATE OR REPLACE TABLE {table} AS FROM temp.kept_rows",
            converted.join(", ")
        );
        lake.engine.execute(
            &convert,
            "the rows imported before do not fit the declared types",
        )
    }
}

/// The lake knows a file by its name: of two of one name it would keep the rows of one.
fn refuse_equal_names(source: &Source, names: &[String]) -> Result<(), LakeError> {
    let mut met = HashSet::new();
    match names.iter().find(|name| !met.insert(name.as_str())) {
        Some(name) => Err(LakeError::source(
            &source.name,
            format!("two of its files would be {name} in the lake's records: rename one of them"),
        )),
        None => Ok(()),
    }
}

/// Where a file lies. Each side has marks of its own for contents, which cannot be compared with those of another.
#[derive(PartialEq, Eq)]
enum Side {
    Here,
    Web,
    Bucket,
}

fn side_of(name: &str) -> Side {
    if is_bucket(name) {
        Side::Bucket
    } else if is_remote(Path::new(name)) {
        Side::Web
    } else {
        Side::Here
    }
}

/// A file and its copy on another side cannot be told to be the same: their rows would be there twice.
fn refuse_other_sides(
    source: &Source,
    records: &[Earlier],
    names: &[String],
) -> Result<(), LakeError> {
    let moved = records.iter().find(|record| {
        names
            .iter()
            .any(|name| side_of(name) != side_of(&record.file))
    });
    match moved {
        Some(record) => Err(LakeError::source(
            &source.name,
            format!(
                "its table in the lake has rows of {}, and whether the files at `path:` are copies of such files cannot \
                 be told: rename the source, so that it gets a table of its own",
                record.file
            ),
        )),
        None => Ok(()),
    }
}

/// A tag of a web server belongs to one URL; the same one at another is likely the same file, and may be another.
fn refuse_same_tag(
    source: &Source,
    format: Format,
    records: &[Earlier],
    name: &str,
    parts: &[(String, String)],
) -> Result<(), LakeError> {
    let has_tag = |record: &&Earlier| {
        let under = |(_, tag): &(String, String)| (record.file.clone(), tag.clone());
        let parts: Vec<(String, String)> = parts.iter().map(under).collect();
        digest_of_parts(source, format, &parts) == record.digest
    };
    match records.iter().find(has_tag) {
        Some(record) => Err(LakeError::source(
            &source.name,
            format!(
                "{name} has the size and the `ETag` of {}, whose rows are in the lake: if it is the same file, keep that \
                 URL; else rename the source, so that it gets a table of its own",
                record.file
            ),
        )),
        None => Ok(()),
    }
}

fn table_of(source: &Source) -> String {
    format!("{LAKE}.main.{}", sql::identifier(&source.name))
}

/// The columns of the source's table in the lake.
fn imported_columns(lake: &Lake, source: &Source) -> Result<Vec<Column>, LakeError> {
    let mut columns = described(&lake.engine, &table_of(source))?;
    columns.retain(|column| column.name != IMPORT_COLUMN);
    Ok(columns)
}

/// The digest of a file's content together with how the source says to read it.
fn digest(
    lake: &mut Lake,
    source: &Source,
    file: &Path,
    format: Format,
) -> Result<String, LakeError> {
    let parts = parts_of(lake, source, file, format)?;
    Ok(digest_of_parts(source, format, &parts))
}

/// What a file's content consists of, each part with a mark that tells its content from others.
fn parts_of(
    lake: &mut Lake,
    source: &Source,
    file: &Path,
    format: Format,
) -> Result<Vec<(String, String)>, LakeError> {
    if is_remote(file) {
        return tags_of(lake, source, file, format);
    }
    let mut parts = Vec::new();
    for part in content_files(file, format)? {
        let name = part
            .strip_prefix(file)
            .unwrap_or(&part)
            .to_string_lossy()
            .into_owned();
        parts.push((name, lake.digests.digest(&part)?.blake3));
    }
    Ok(parts)
}

fn digest_of_parts(source: &Source, format: Format, parts: &[(String, String)]) -> String {
    let Source {
        delimiter,
        header,
        columns,
        types,
        null_values,
        sheet,
        ..
    } = source;
    let reading = serde_json::json!([
        format,
        delimiter,
        header,
        columns,
        types,
        null_values,
        sheet
    ])
    .to_string();
    let parts = parts
        .iter()
        .map(|(name, mark)| (name.as_str(), mark.as_str()));
    digest_of_all(parts.chain([("reading", reading.as_str())]))
}

/// What tells the content of a file behind a URL. A bucket's tags are made of contents (those of objects that were sent
/// in parts or are encrypted by KMS not of these alone), so that a file that was renamed is known by its own; those of
/// web servers belong to one URL.
fn tags_of(
    lake: &Lake,
    source: &Source,
    file: &Path,
    format: Format,
) -> Result<Vec<(String, String)>, LakeError> {
    let url = file.to_string_lossy();
    let versions = Remote::new(&lake.engine, source, &url)?.versions(file, format)?;
    let tagged = versions.into_iter().map(|(part, version)| {
        let name = if is_bucket(&url) {
            part.strip_prefix(file).unwrap_or(&part).to_owned()
        } else {
            shown(&part)
        };
        let tag = version.tag.ok_or_else(|| {
            LakeError::source(
                &source.name,
                format!(
                    "{} has no version (a strong `ETag`) by which an import could tell whether it has changed: \
                     copy it to this machine and import the copy",
                    shown(&part).display()
                ),
            )
        })?;
        Ok((name.to_string_lossy().into_owned(), format!("{tag} {}", version.bytes)))
    });
    tagged.collect()
}

/// How many of the files at a source's path on this machine hold what was not imported.
pub(crate) fn not_imported(
    lake: &mut Lake,
    catalog: &Catalog,
    source: &Source,
) -> Result<usize, LakeError> {
    let Ok(Place::Files { path, format }) = Place::of(source, catalog.location(source)) else {
        return Ok(0);
    };
    // Files that were imported may be gone since: the lake has them.
    let Ok(files) = files_at(&lake.engine, source, &path, format) else {
        return Ok(0);
    };
    let records = records_of(lake, source)?;
    let imported: HashSet<String> = records.into_iter().map(|record| record.digest).collect();
    let is_imported = |file: &&PathBuf| {
        digest(lake, source, file, format).is_ok_and(|digest| imported.contains(&digest))
    };
    Ok(files.len() - files.iter().filter(is_imported).count())
}

/// The files of this source that the lake has.
fn records_of(lake: &Lake, source: &Source) -> Result<Vec<Earlier>, LakeError> {
    let exists = format!(
        "SELECT count(*) > 0 FROM duckdb_tables() WHERE database_name = {} AND table_name = '_imports'",
        sql::text(LAKE)
    );
    if !lake
        .engine
        .value(&exists, "cannot read what was imported")?
    {
        return Ok(Vec::new());
    }
    let query = format!(
        "SELECT import, file, digest, rows, rejected FROM {LAKE}.main._imports WHERE source = {} ORDER BY import",
        sql::text(&source.name)
    );
    lake.engine
        .rows(&query, "cannot read what was imported", |row| {
            Ok(Earlier {
                import: row.get(0)?,
                file: row.get(1)?,
                digest: row.get(2)?,
                rows: row.get(3)?,
                rejected: row.get(4)?,
            })
        })
}

/// The file itself or, where lines of it are damaged, a copy of the others.
fn sound_lines(
    lake: &Lake,
    source: &Source,
    file: &mut FileImport,
    number: usize,
    rejects: Option<&Path>,
) -> Result<PathBuf, LakeError> {
    jsonl::list_damaged(&lake.engine, source, &file.path)?;
    file.rejects = take_rejects(lake, source, &file.path, rejects)?;
    if file.rejects.lines == 0 {
        return Ok(file.path.clone());
    }
    let folder = lake.engine.spill_folder();
    std::fs::create_dir_all(folder).map_err(|error| LakeError::io(folder, error))?;
    let sound = folder.join(format!("sound_{number}.jsonl"));
    jsonl::write_sound_lines(&lake.engine, source, &file.path, &sound)?;
    Ok(sound)
}

/// Counts the damaged lines that the reader listed, and keeps them if they may be set aside.
fn take_rejects(
    lake: &Lake,
    source: &Source,
    file: &Path,
    rejects: Option<&Path>,
) -> Result<Rejects, LakeError> {
    let engine = &lake.engine;
    // One line can be wrong in several ways; it is counted by the first.
    let query = "SELECT reason, count(*)::UBIGINT, min(line)::UBIGINT \
         FROM (SELECT line, min(error_type::VARCHAR) AS reason FROM temp.reject_errors GROUP BY line) \
         GROUP BY reason ORDER BY 2 DESC, 1";
    let reasons: Vec<(String, u64, u64)> =
        engine.rows(query, "cannot count damaged lines", |row| {
            Ok((reason(&row.get::<_, String>(0)?), row.get(1)?, row.get(2)?))
        })?;
    let lines: u64 = reasons.iter().map(|(_, lines, _)| lines).sum();
    if lines > 0 && rejects.is_none() {
        let shown: Vec<String> = reasons
            .iter()
            .map(|(reason, lines, first)| match lines {
                1 => format!("line {first}: {reason}"),
                _ => format!("{lines} lines, the first of them line {first}: {reason}"),
            })
            .collect();
        return Err(LakeError::source(
            &source.name,
            format!(
                "{}: {} damaged {}; nothing was imported ({}): mend the file, or set such lines aside with \
                 `--rejects FILE`",
                file.display(),
                lines,
                if lines == 1 { "line" } else { "lines" },
                shown.join("; ")
            ),
        ));
    }
    let keep = format!(
        "INSERT INTO temp.rejected SELECT DISTINCT {}, line, column_name, error_message, csv_line FROM temp.reject_errors",
        sql::text(&shown(file).to_string_lossy())
    );
    engine.execute(&keep, "cannot keep the damaged lines")?;
    Ok(Rejects {
        lines,
        reasons: reasons
            .into_iter()
            .map(|(reason, lines, _)| (reason, lines))
            .collect(),
    })
}

/// The engine's kinds of damage in words.
fn reason(error_type: &str) -> String {
    match error_type {
        "CAST" => "a value is not of its column's type".to_owned(),
        "MISSING COLUMNS" => "too few columns".to_owned(),
        "TOO MANY COLUMNS" => "too many columns".to_owned(),
        "UNQUOTED VALUE" => "a quote is not closed".to_owned(),
        "LINE SIZE OVER MAXIMUM" => "the line is too long".to_owned(),
        "INVALID ENCODING" => "not UTF-8 text".to_owned(),
        "NOT AN OBJECT" => "not a JSON object".to_owned(),
        other => other.to_lowercase(),
    }
}
