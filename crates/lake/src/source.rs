//! Where a source's rows are: its files, their format, a table.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use catalog::{Format, Location, Source};

use crate::engine::Engine;
use crate::error::LakeError;
use crate::sql;

/// Where a source's rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Files on this machine: one, a folder's or a glob's. Absolute.
    Files { path: PathBuf, format: Format },
    /// Files behind a URL, with the format that the source declares or the URL's name tells.
    Url { url: String, format: Option<Format> },
    /// A table of a PostgreSQL database.
    Postgres { url: String, table: String },
    /// A table of the project's lake.
    LakeTable(String),
}

impl Place {
    /// `location` is the source's resolved path, where it has one.
    pub(crate) fn of(source: &Source, location: Option<&Location>) -> Result<Self, LakeError> {
        match location {
            None => Ok(Self::LakeTable(
                source.table.clone().unwrap_or_else(|| source.name.clone()),
            )),
            Some(Location::Local(path)) => {
                let path = absolute(path);
                let format = match source.format {
                    Some(format) => format,
                    None => format_of_path(source, &path)?,
                };
                Ok(Self::Files { path, format })
            }
            Some(remote @ Location::Remote(url)) if remote.is_database() => {
                let table = source.table.clone().ok_or_else(|| {
                    LakeError::source(&source.name, "a database URL needs `table:` beside `path:`")
                })?;
                Ok(Self::Postgres {
                    url: url.clone(),
                    table,
                })
            }
            Some(Location::Remote(url)) => Ok(Self::Url {
                url: url.clone(),
                format: source.format.or_else(|| Format::of_path(url)),
            }),
        }
    }
}

/// The format of a file, or of a folder's files.
fn format_of_path(source: &Source, path: &Path) -> Result<Format, LakeError> {
    let shown = path.to_string_lossy();
    if path.join("_delta_log").is_dir() {
        return Ok(Format::Delta);
    }
    if !path.is_dir() {
        return Format::of_path(&shown).ok_or_else(|| unknown_format(source, &shown));
    }
    format_of_files(source, &shown, &visible_files(path)?)
}

/// The one format that the names of a folder's files tell.
pub(crate) fn format_of_files(
    source: &Source,
    folder: &str,
    files: &[PathBuf],
) -> Result<Format, LakeError> {
    let known = files
        .iter()
        .filter_map(|file| Some((Format::of_path(&file.to_string_lossy())?, file)));
    let formats: Vec<(Format, &PathBuf)> = known.collect();
    match formats.split_first() {
        None => Err(LakeError::source(
            &source.name,
            format!(
                "the folder {folder} holds no files of a known format (csv, tsv, jsonl, parquet, xlsx)"
            ),
        )),
        Some(((first, file), others)) => match others.iter().find(|(format, _)| format != first) {
            None => Ok(*first),
            Some((_, other)) => Err(LakeError::source(
                &source.name,
                format!(
                    "the folder {folder} holds files of several formats, such as {} and {}: add `format:`",
                    file.display(),
                    other.display()
                ),
            )),
        },
    }
}

pub(crate) fn unknown_format(source: &Source, location: &str) -> LakeError {
    LakeError::source(
        &source.name,
        format!(
            "the format of `{location}` cannot be told from its name: \
             add `format:` (csv, tsv, jsonl, parquet, delta or xlsx)"
        ),
    )
}

/// Whether a file or folder of this name is one of data: `.` and `_` begin the names of what programs keep for themselves.
pub(crate) fn is_visible(name: &OsStr) -> bool {
    !name.to_string_lossy().starts_with(['.', '_'])
}

/// Whether a file's name tells this format.
pub(crate) fn is_format(file: &Path, format: Format) -> bool {
    Format::of_path(&file.to_string_lossy()) == Some(format)
}

/// The files in a folder and the folders in it, in name order, without those whose names begin with `.` or `_`. Each
/// folder is entered once, whatever links lead to it, and links to a folder above are not followed.
fn visible_files(folder: &Path) -> Result<Vec<PathBuf>, LakeError> {
    let mut files = Vec::new();
    add_visible_files(folder, &mut BTreeSet::new(), &mut files)?;
    Ok(files)
}

fn add_visible_files(
    folder: &Path,
    entered: &mut BTreeSet<PathBuf>,
    files: &mut Vec<PathBuf>,
) -> Result<(), LakeError> {
    let failed = |error| LakeError::io(folder, error);
    let real = folder.canonicalize().map_err(failed)?;
    if !entered.insert(real.clone()) {
        return Ok(());
    }
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let mut entries: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    entries.retain(|path| path.file_name().is_none_or(is_visible));
    entries.sort();
    for path in entries {
        if !path.is_dir() {
            files.push(path);
            continue;
        }
        let leads_up =
            path.is_symlink() && path.canonicalize().is_ok_and(|to| real.starts_with(to));
        if !leads_up {
            add_visible_files(&path, entered, files)?;
        }
    }
    Ok(())
}

/// What the engine reads at `path`: a file, a folder's files of the format, a glob's files, or a Delta table's folder.
///
/// # Errors
/// Where there is nothing.
pub(crate) fn files_at(
    engine: &Engine,
    source: &Source,
    path: &Path,
    format: Format,
) -> Result<Vec<PathBuf>, LakeError> {
    let mut files = if path.is_file() || (format == Format::Delta && path.is_dir()) {
        vec![path.to_owned()]
    } else if path.is_dir() {
        let mut files = visible_files(path)?;
        files.retain(|file| is_format(file, format));
        files
    } else {
        files_matching(engine, &path.to_string_lossy())?
    };
    // A file and links to it count once. A link to nothing stays, and fails when it is read.
    let mut met = BTreeSet::new();
    files.retain(|file| file.canonicalize().map_or(true, |real| met.insert(real)));
    if files.is_empty() {
        let is_home = |declared: &str| declared.starts_with("~/");
        let way_out = if source.path.as_deref().is_some_and(is_home) {
            "write `${HOME}` for `~` in its `path:`"
        } else {
            "check its `path:`"
        };
        return Err(LakeError::NoFile {
            source_name: source.name.clone(),
            path: path.to_owned(),
            way_out,
        });
    }
    Ok(files)
}

/// The files that a glob on this machine or in a bucket matches, in name order.
pub(crate) fn files_matching(engine: &Engine, pattern: &str) -> Result<Vec<PathBuf>, LakeError> {
    let query = format!(
        "SELECT file FROM glob({}) ORDER BY file",
        sql::text(pattern)
    );
    let files = engine.rows(&query, "cannot list files", |row| row.get::<_, String>(0))?;
    Ok(files.into_iter().map(PathBuf::from).collect())
}

/// The files whose content is that of what is read: itself, or all files of a Delta table with its log.
pub(crate) fn content_files(file: &Path, format: Format) -> Result<Vec<PathBuf>, LakeError> {
    match format {
        Format::Delta => {
            let log = visible_files(&file.join("_delta_log"))?;
            let mut files = visible_files(file)?;
            files.extend(log);
            Ok(files)
        }
        _ => Ok(vec![file.to_owned()]),
    }
}

/// The absolute form of a path, for messages and keys: without `..` and links, as far as it exists.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let resolved = path
        .ancestors()
        .find_map(|existing| Some((existing, existing.canonicalize().ok()?)));
    match resolved {
        Some((existing, resolved)) => match path.strip_prefix(existing) {
            Ok(rest) if rest.as_os_str().is_empty() => resolved,
            Ok(rest) => resolved.join(rest),
            Err(_) => path,
        },
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_resolved_as_far_as_it_exists() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("a")).unwrap();
        assert_eq!(absolute(&root.join("a/../a")), root.join("a"));
        assert_eq!(
            absolute(&root.join("a/../a/b/*.csv")),
            root.join("a/b/*.csv")
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_circle_come_to_an_end() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir(root.join("inside")).unwrap();
        std::fs::write(root.join("inside/a.csv"), "id\n1\n").unwrap();
        for link in ["back", "again", "inside/up"] {
            symlink(root, root.join(link)).unwrap();
        }
        assert_eq!(visible_files(root).unwrap(), [root.join("inside/a.csv")]);
    }

    #[cfg(unix)]
    #[test]
    fn links_to_folders_above_are_not_followed() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(folder.path().join("other.csv"), "id\n9\n").unwrap();
        std::fs::write(root.join("a.csv"), "id\n1\n").unwrap();
        symlink("..", root.join("up1")).unwrap();
        symlink(folder.path(), root.join("up2")).unwrap();
        assert_eq!(visible_files(&root).unwrap(), [root.join("a.csv")]);
        let beside = folder.path().join("beside");
        std::fs::create_dir(&beside).unwrap();
        std::fs::write(beside.join("b.csv"), "id\n2\n").unwrap();
        symlink(&beside, root.join("b")).unwrap();
        let files = ["a.csv", "b/b.csv"].map(|name| root.join(name));
        assert_eq!(visible_files(&root).unwrap(), files);
    }
}
