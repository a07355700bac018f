//! From a folder to a catalog: finds the files, reads them, checks them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::{Catalog, LoadError};
use crate::check;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, SourceFile};
use crate::location::Environment;
use crate::yaml::{self, Parsed, Places};

/// The name of the file that holds a project's settings.
const PROJECT_FILE: &str = "touchstone.yaml";

/// The folder of the documents.
const CATALOG_FOLDER: &str = "catalog";

/// The files of the project in a folder and what they hold.
pub(crate) fn read_files(root: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, LoadError> {
    let project_file = root.join(PROJECT_FILE);
    if !project_file.is_file() {
        return Err(LoadError::NoProject(root.to_owned()));
    }
    let mut paths = vec![project_file];
    let catalog_folder = root.join(CATALOG_FOLDER);
    if catalog_folder.is_dir() {
        collect_files(&catalog_folder, &mut paths)?;
    }
    paths
        .into_iter()
        .map(|path| {
            let bytes = fs::read(&path).map_err(|source| LoadError::Read {
                path: path.clone(),
                source,
            })?;
            // `./touchstone.yaml` says no more than `touchstone.yaml`.
            let shown = path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
            Ok((shown, bytes))
        })
        .collect()
}

/// Adds the YAML files of a folder and the folders in it, by path, without hidden ones.
fn collect_files(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), LoadError> {
    let read_error = |source| LoadError::Read {
        path: folder.to_owned(),
        source,
    };
    let entries = fs::read_dir(folder).map_err(read_error)?;
    let mut found = entries
        .map(|entry| entry.map(|e| e.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(read_error)?;
    found.sort_unstable();
    for path in found {
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let is_yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_hidden {
            continue;
        }
        if path.is_dir() {
            collect_files(&path, paths)?;
        } else if is_yaml {
            paths.push(path);
        }
    }
    Ok(())
}

/// Makes a catalog of a project's files.
pub(crate) fn load(
    root: &Path,
    files: Vec<(PathBuf, Vec<u8>)>,
    environment: Environment<'_>,
) -> Result<Catalog, LoadError> {
    let mut sources = Vec::new();
    let mut diagnostics = Vec::new();
    let mut project = None;
    let mut catalog = Parsed::default();
    for (path, bytes) in files {
        let path = Arc::new(path);
        let text = decode(&path, bytes, &mut diagnostics);
        let parsed = yaml::parse(&path, &text);
        if project.is_none() && path.file_name().is_some_and(|name| name == PROJECT_FILE) {
            if parsed.documents.is_empty() && parsed.errors.is_empty() {
                let place = Places::new(&path, &text).place(0, 0);
                let message = "the project has no settings";
                diagnostics.push(
                    Diagnostic::error("missing-key", &place, message).help("begin with `name:`"),
                );
            }
            project = Some(parsed);
        } else {
            catalog.documents.extend(parsed.documents);
            catalog.errors.extend(parsed.errors);
            catalog.unread.extend(parsed.unread);
        }
        sources.push(SourceFile { path, text });
    }
    let project = project.ok_or_else(|| LoadError::NoProject(root.to_owned()))?;
    let checked = check::check(root, project, catalog, environment, &mut diagnostics);
    // Diagnostics stand in the order of their files, then of their places.
    let position = |d: &Diagnostic| sources.iter().position(|file| file.path == d.place.file);
    diagnostics.sort_by_key(|d| (position(d), d.place.offset, d.severity));
    match checked {
        Some(checked) if diagnostics.iter().all(|d| d.severity == Severity::Warning) => {
            Ok(Catalog {
                root: root.to_owned(),
                project: checked.project,
                documents: checked.documents,
                nodes: checked.nodes,
                lake: checked.lake,
                locations: checked.locations,
                warnings: diagnostics,
                files: sources,
            })
        }
        _ => Err(LoadError::Invalid(Diagnostics {
            diagnostics,
            files: sources,
        })),
    }
}

/// The text of a file without a byte order mark; bytes that are not UTF-8 are reported and replaced by U+FFFD.
fn decode(path: &Arc<PathBuf>, bytes: Vec<u8>, diagnostics: &mut Vec<Diagnostic>) -> String {
    let strip = |text: &str| text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
    match String::from_utf8(bytes) {
        Ok(text) => strip(&text),
        Err(error) => {
            let text = strip(&String::from_utf8_lossy(error.as_bytes()));
            let offset = text.find(char::REPLACEMENT_CHARACTER).unwrap_or(0);
            let place = Places::new(path, &text).place(offset, offset);
            let message = "this file is not UTF-8 text";
            diagnostics
                .push(Diagnostic::error("encoding", &place, message).help("save it as UTF-8"));
            text
        }
    }
}
