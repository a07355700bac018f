//! The engine's extensions: where they lie, and whether they are what DuckDB signed.
//!
//! DuckDB checks the signature of an extension by hashing all of it, 0.1 to 0.2 seconds for each, in every engine that
//! loads it. Here it is checked once for each file in a process: an engine that takes signed extensions only loads it
//! first, and the engines that work take what passed, while the file is as it was then.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::database::{Database, Extensions};
use crate::digest::FileState;
use crate::error::LakeError;
use crate::sql;

/// The files that passed, as they were then.
static SIGNED: Mutex<BTreeMap<PathBuf, FileState>> = Mutex::new(BTreeMap::new());

/// Makes sure that `file` is an extension that DuckDB has signed for the engine's version.
pub(crate) fn check_signed(file: &Path) -> Result<(), LakeError> {
    let state = FileState::of(file)?;
    // Held while it is checked: whoever else wants it waits rather than checks it too.
    let mut signed = SIGNED.lock().unwrap_or_else(PoisonError::into_inner);
    if signed.get(file) == Some(&state) {
        return Ok(());
    }
    let database = Database::open(Extensions::Signed)?;
    database
        .connect()
        .and_then(|engine| engine.execute_batch(&load(file)))
        .map_err(|error| LakeError::engine("cannot load an extension", error))?;
    signed.insert(file.to_owned(), state);
    Ok(())
}

/// The statement that loads an extension.
pub(crate) fn load(file: &Path) -> String {
    format!("LOAD {}", sql::text(&file.to_string_lossy()))
}

/// The folder of the extensions: in the one named by `TOUCHSTONE_DUCKDB_DIR`, else beside the executable.
pub(crate) fn folder() -> PathBuf {
    if let Some(dir) = env::var_os("TOUCHSTONE_DUCKDB_DIR") {
        return Path::new(&dir).join("extensions");
    }
    let executable = env::current_exe().unwrap_or_default();
    let beside = ["duckdb", "../duckdb", "../lib/touchstone/duckdb"]
        .iter()
        .filter_map(|relative| Some(executable.parent()?.join(relative).join("extensions")))
        .find(|dir| dir.exists());
    beside.unwrap_or_else(|| PathBuf::from("duckdb/extensions"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The extension in a folder of its own, with its last byte, one of the signature, changed where asked for.
    fn copy(folder: &Path, damaged: bool) -> PathBuf {
        let file = folder.join("excel.duckdb_extension");
        let mut bytes = fs::read(self::folder().join("excel.duckdb_extension")).unwrap();
        if damaged {
            *bytes.last_mut().unwrap() ^= 1;
        }
        fs::write(&file, bytes).unwrap();
        file
    }

    #[test]
    fn an_extension_is_checked_again_when_its_file_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = copy(folder.path(), false);
        check_signed(&file).unwrap();
        check_signed(&file).unwrap();
        // Under another name first, as an installation does: the engine has the old file mapped.
        let other = folder.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::rename(copy(&other, true), &file).unwrap();
        let refused = check_signed(&file).unwrap_err().to_string();
        assert!(refused.contains("signature"), "{refused}");
    }
}
