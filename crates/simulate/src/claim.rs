//! Whose a folder is: a simulation writes into one that is empty or that an earlier one wrote, over nobody's work.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::tables::FILES;
use crate::{SimulateError, Truth};

/// The file that says that a folder was written by a simulation and may be written again, with the digest of each
/// document, by which one that was edited is known.
const MARKER: &str = ".simulated";

/// What the marker begins with.
const NOTE: &str = "This folder was written by `touchstone simulate`, which may write it again.\n";

/// What a file is called until all files are written.
pub(crate) const PARTIAL: &str = "partial";

/// The report that `touchstone demo` writes.
const REPORT: &str = "report.html";

/// The folder of the lake. Commands that only read leave these in it.
const LAKE: &str = "lake";
const LEFT_BY_READING: [&str; 2] = ["lake/digests.json", "lake/import.lock"];
const SPILL: &str = "lake/spill";

/// Makes `folder` where it does not exist and marks it, unless it holds something else than a simulation that wrote
/// `documents`, by name and text, or others before.
pub(crate) fn claim(folder: &Path, documents: &[(String, String)]) -> Result<(), SimulateError> {
    fs::create_dir_all(folder).map_err(SimulateError::io(folder))?;
    let marker = folder.join(MARKER);
    let mut found = Vec::new();
    list(folder, "", &mut found)?;
    if !marker.is_file() {
        if !found.is_empty() {
            return Err(SimulateError::Occupied(folder.to_owned()));
        }
        return fs::write(&marker, NOTE).map_err(SimulateError::io(&marker));
    }
    let text = fs::read_to_string(&marker).map_err(SimulateError::io(&marker))?;
    let written: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(digest, name)| (name, digest))
        .collect();
    let mut foreign = Vec::new();
    for name in found {
        if let Some(digest) = written.get(name.as_str()) {
            let path = folder.join(&name);
            let content = fs::read(&path).map_err(SimulateError::io(&path))?;
            if digest_of(&content) != *digest {
                foreign.push(format!("{name}, which was edited"));
            }
            continue;
        }
        let plain = name
            .strip_suffix(PARTIAL)
            .and_then(|name| name.strip_suffix('.'))
            .unwrap_or(&name);
        let is_own = [MARKER, REPORT, Truth::FILE].contains(&plain)
            || FILES.contains(&plain)
            || LEFT_BY_READING.contains(&plain)
            || plain
                .strip_prefix(SPILL)
                .is_some_and(|below| below.starts_with('/'))
            || documents.iter().any(|(document, _)| document == plain);
        if !is_own {
            foreign.push(name);
        }
    }
    let of_lake = |name: &String| Path::new(name).starts_with(LAKE);
    if foreign.iter().any(of_lake) {
        foreign.retain(|name| !of_lake(name));
        foreign.push(format!("{LAKE}, with what was imported"));
    }
    if foreign.is_empty() {
        return Ok(());
    }
    Err(SimulateError::Foreign {
        folder: folder.to_owned(),
        found: foreign,
    })
}

/// Says in the marker which documents were written.
pub(crate) fn mark(folder: &Path, documents: &[(String, String)]) -> Result<(), SimulateError> {
    let mut text = NOTE.to_owned();
    for (name, content) in documents {
        text += &format!("{}  {name}\n", digest_of(content.as_bytes()));
    }
    let marker = folder.join(MARKER);
    fs::write(&marker, text).map_err(SimulateError::io(&marker))
}

fn digest_of(content: &[u8]) -> String {
    blake3::hash(content).to_hex().to_string()
}

/// Adds the names of the files below a folder, relative to the outermost, `/` between folders, in name order. A folder
/// without a file is nothing.
fn list(folder: &Path, above: &str, found: &mut Vec<String>) -> Result<(), SimulateError> {
    let entries = fs::read_dir(folder).map_err(SimulateError::io(folder))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(SimulateError::io(folder))?;
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{above}{name}");
        if path.is_dir() && !path.is_symlink() {
            list(&path, &format!("{name}/"), found)?;
        } else {
            found.push(name);
        }
    }
    Ok(())
}
