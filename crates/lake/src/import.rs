//! Imports: files into the project's DuckLake, whole or not at all, and never twice.
//!
//! A table `lake.main.NAME` holds the rows of a source, each with the number of the import that it came from; the table
//! `_imports` says which file that was. Both change in one transaction.

mod commit;
mod identity;
mod records;
mod rejects;
mod rejects_file;
mod stage;
mod undecoded;

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use catalog::{Catalog, Format, Source};
use serde::{Deserialize, Serialize};

use self::identity::{digest, digest_of_parts, parts_of};
use self::records::{
    Earlier, Side, records_of, refuse_equal_names, refuse_other_sides, refuse_same_tag, side_of,
};
use self::rejects::Rejects;
use self::rejects_file::REJECTS;
use crate::error::LakeError;
use crate::lake::{Column, IMPORT_COLUMN, LAKE, Lake};
use crate::layout::described;
use crate::remote::{Remote, is_remote, shown};
use crate::source::{Place, absolute, files_at};
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
/// [`LakeError::OutputPlace`] for a `rejects` that is part of the project or holds anything else than rejected lines,
/// before anything is read; what [`Lake::define`] refuses; damaged lines, where `rejects` is none; columns that are not
/// those of the files imported before; [`LakeError::Changed`] where a file is being written; [`LakeError::ImportRunning`].
pub fn import(
    catalog: &Catalog,
    source: &Source,
    rejects: Option<&Path>,
) -> Result<Imported, LakeError> {
    let place = Place::of(source, catalog.location(source))?;
    let mut lake = Lake::start(catalog)?;
    if let Some(file) = rejects {
        lake.check_output(catalog, file, &REJECTS)?;
    }
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
    /// The table's columns in the lake, where there is one: their types hold for new files too.
    kept: Option<Vec<Column>>,
    /// Whether rows of other files stay in it.
    stays: bool,
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
    /// Which files are new, which columns the lake has, and whether rows of other files stay in it.
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
        let kept = if records.is_empty() {
            None
        } else {
            Some(imported_columns(lake, source)?)
        };
        Ok(Self {
            format,
            files,
            columns: kept.clone().unwrap_or_default(),
            kept,
            stays,
        })
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
