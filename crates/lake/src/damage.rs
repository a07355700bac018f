//! Which Parquet file is damaged, where the engine says that one is and not which.

use std::path::PathBuf;

use catalog::{Catalog, Format, Source};

use crate::error::LakeError;
use crate::lake::Lake;
use crate::layout::{damaged_parquet, is_about_content};
use crate::source::{Place, files_at};
use crate::sql;

/// What the engine says of Parquet files whose body is damaged.
const SIGNS: [&str; 8] = [
    "tprotocolexception",
    "decompress",
    "corrupt",
    "out of buffer",
    "invalid parquet",
    "parquet file",
    "ran out of",
    "unexpected end",
];

/// Whether a message may come of a damaged Parquet file.
pub(crate) fn is_of_damage(message: &str) -> bool {
    let said = message.to_lowercase();
    SIGNS.iter().any(|sign| said.contains(sign))
}

/// The first damaged file among the Parquet files that sources of the project have on this machine, where an error may
/// come of one. Reads them whole, until it is found.
#[must_use]
pub fn damaged_file(catalog: &Catalog, error: &LakeError) -> Option<LakeError> {
    let (LakeError::Engine { message, .. } | LakeError::Source { message, .. }) = error else {
        return None;
    };
    // A message with a file in it needs no other.
    if !is_of_damage(message) || message.contains(".parquet: ") {
        return None;
    }
    let lake = Lake::start(catalog).ok()?;
    let files = |source: &Source| -> Vec<PathBuf> {
        match Place::of(source, catalog.location(source)) {
            Ok(Place::Files {
                path,
                format: format @ Format::Parquet,
            }) => files_at(&lake.engine, source, &path, format).unwrap_or_default(),
            _ => Vec::new(),
        }
    };
    catalog.sources().find_map(|source| {
        files(source).into_iter().find_map(|file| {
            let query = format!(
                "SELECT count(*) FILTER (hash(whole) = 0) FROM read_parquet({}) AS whole",
                sql::text(&file.to_string_lossy())
            );
            let read: Result<i64, LakeError> = lake.engine.value(&query, "cannot read it");
            match read {
                Err(LakeError::Engine { message, .. }) if is_about_content(&message) => {
                    Some(damaged_parquet(source, &file, &message))
                }
                _ => None,
            }
        })
    })
}
