//! The file that damaged lines are kept in: never one that holds anything else.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use catalog::{Catalog, Location};

use crate::engine::Engine;
use crate::error::LakeError;
use crate::source::{Place, absolute, files_at};
use crate::sql;

/// The first line of such a file.
const HEADER: &str = "file,line,column,error,text";

/// Refuses a file that is part of the project, and one that is there and was not written for damaged lines.
pub(super) fn check(engine: &Engine, catalog: &Catalog, file: &Path) -> Result<(), LakeError> {
    let refused = |message: String| {
        Err(LakeError::RejectsPlace {
            path: file.to_owned(),
            message,
        })
    };
    let real = absolute(file);
    let of_project = |name: &str| absolute(&catalog.root().join(name));
    if real == of_project("touchstone.yaml") {
        return refused("it holds the project's settings".to_owned());
    }
    let folders = [
        (of_project("catalog"), "catalog"),
        (absolute(catalog.lake()), "lake"),
    ];
    if let Some((_, what)) = folders.iter().find(|(folder, _)| real.starts_with(folder)) {
        return refused(format!("it lies in the folder of the {what}"));
    }
    for source in catalog.sources() {
        let location = catalog.location(source);
        let Some(Location::Local(path)) = location else {
            continue;
        };
        // Files that are missing are in nobody's way.
        let matching = match Place::of(source, location) {
            Ok(Place::Files { path, format }) => files_at(engine, source, &path, format),
            _ => Ok(Vec::new()),
        };
        let is_matching = |files: Vec<PathBuf>| files.iter().any(|file| absolute(file) == real);
        if real.starts_with(absolute(path)) || matching.is_ok_and(is_matching) {
            return refused(format!(
                "it is where the data of source `{}` lie",
                source.name
            ));
        }
    }
    match is_written_for_rejects(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(LakeError::io(file, error)),
        Ok(true) => Ok(()),
        Ok(false) => refused(format!(
            "it is there already, and does not begin with `{HEADER}` as a file of damaged lines does"
        )),
    }
}

fn is_written_for_rejects(file: &Path) -> io::Result<bool> {
    if !fs::metadata(file)?.is_file() {
        return Ok(false);
    }
    let mut start = String::new();
    let longest = HEADER.len() as u64 + 1;
    match File::open(file)?.take(longest).read_to_string(&mut start) {
        Ok(_) => Ok(start.trim_end() == HEADER),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes the damaged lines beside the file's place and moves them there, so that no half of them is ever found.
pub(super) fn write(engine: &Engine, file: &Path) -> Result<(), LakeError> {
    let mut partial = OsString::from(file);
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let query = format!(
        "COPY (FROM temp.rejected ORDER BY file, line, \"column\") TO {} (FORMAT csv, HEADER)",
        sql::text(&partial.to_string_lossy())
    );
    engine.execute(&query, "cannot write the rejected lines")?;
    fs::rename(&partial, file).map_err(|error| LakeError::io(file, error))
}
