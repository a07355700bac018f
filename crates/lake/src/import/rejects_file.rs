//! The file that damaged lines are kept in.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::engine::Engine;
use crate::error::LakeError;
use crate::output::Output;
use crate::sql;

/// Such a file begins with the names of its columns.
pub(super) const REJECTS: Output = Output {
    option: "--rejects",
    begins: "file,line,column,error,text\n",
};

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
