//! Files that commands write where they are told to: never over a part of the project or what somebody else wrote.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use catalog::{Catalog, Format, Location};

use crate::error::LakeError;
use crate::lake::Lake;
use crate::source::{Place, absolute, files_at, is_format};

/// A kind of files that a command writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// The option that names the file, such as `--output`.
    pub option: &'static str,
    /// How every such file begins, in capitals or not.
    pub begins: &'static str,
}

impl Lake {
    /// Refuses to write a file that is part of the project, and one that is there, is not empty, and does not begin as
    /// such files do.
    ///
    /// # Errors
    /// [`LakeError::OutputPlace`]; [`LakeError::Io`] for what cannot be read.
    pub fn check_output(
        &self,
        catalog: &Catalog,
        file: &Path,
        output: &Output,
    ) -> Result<(), LakeError> {
        self.check_place(catalog, file, output.option)?;
        match begins_with(file, output.begins) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(LakeError::io(file, error)),
            Ok(true) => Ok(()),
            Ok(false) => Err(LakeError::OutputPlace {
                option: output.option,
                path: file.to_owned(),
                message: format!(
                    "it is there already, and does not begin with `{}` as such a file does",
                    output.begins.trim_end()
                ),
            }),
        }
    }

    /// Refuses to write a file, which an option names, where documents, data or the lake of the project lie.
    ///
    /// # Errors
    /// [`LakeError::OutputPlace`].
    pub fn check_place(
        &self,
        catalog: &Catalog,
        file: &Path,
        option: &'static str,
    ) -> Result<(), LakeError> {
        let refused = |message: String| {
            Err(LakeError::OutputPlace {
                option,
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
            let (Some(Location::Local(path)), Ok(Place::Files { format, .. })) =
                (location, Place::of(source, location))
            else {
                continue;
            };
            let path = absolute(path);
            // A folder is read with all that comes into it, and a glob with all that it matches.
            let is_read = (real.starts_with(&path) || is_matched(&path, &real))
                && (format == Format::Delta || is_format(&real, format));
            // Files that are missing are in nobody's way.
            let is_matching = |files: Vec<PathBuf>| files.iter().any(|file| absolute(file) == real);
            let matching = files_at(&self.engine, source, &path, format);
            if is_read || matching.is_ok_and(is_matching) {
                return refused(format!(
                    "it is where the data of source `{}` lie",
                    source.name
                ));
            }
        }
        Ok(())
    }
}

/// Whether a glob may match a file that is not there yet, where a part of a path with a wildcard stands for any name.
fn is_matched(glob: &Path, file: &Path) -> bool {
    let names = |path: &Path| -> Vec<String> {
        let parts = path.components();
        parts
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect()
    };
    let (glob, file) = (names(glob), names(file));
    let is_wild = |name: &str| name.contains(['*', '?', '[']);
    let Some(first) = glob.iter().position(|name| is_wild(name)) else {
        return false;
    };
    if glob.iter().any(|name| name == "**") {
        return file.starts_with(&glob[..first]);
    }
    glob.len() == file.len()
        && glob
            .iter()
            .zip(&file)
            .all(|(part, name)| is_wild(part) || part == name)
}

/// Whether this is a file that begins so, or an empty one.
fn begins_with(file: &Path, begins: &str) -> io::Result<bool> {
    if !fs::metadata(file)?.is_file() {
        return Ok(false);
    }
    let mut start = Vec::new();
    File::open(file)?
        .take(begins.len() as u64)
        .read_to_end(&mut start)?;
    Ok(start.is_empty() || start.eq_ignore_ascii_case(begins.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_matches_files_that_are_not_there_yet() {
        let is = |glob: &str, file: &str| is_matched(Path::new(glob), Path::new(file));
        assert!(is("/p/data/*.csv", "/p/data/new.csv"));
        assert!(is("/p/*/day.csv", "/p/2024/day.csv"));
        assert!(is("/p/data/**/*.csv", "/p/data/2024/05/new.csv"));
        assert!(!is("/p/data/*.csv", "/p/data/2024/new.csv"));
        assert!(!is("/p/data/*.csv", "/p/new.csv"));
        assert!(!is("/p/*/day.csv", "/p/2024/week.csv"));
        assert!(!is("/p/data/**/*.csv", "/p/other/new.csv"));
        assert!(!is("/p/data.csv", "/p/data.csv"));
    }
}
