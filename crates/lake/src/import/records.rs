//! The files that the lake has, as its records say.

use std::collections::HashSet;
use std::path::Path;

use catalog::{Format, Source};

use super::identity::digest_of_parts;
use crate::error::LakeError;
use crate::lake::{LAKE, Lake};
use crate::remote::{is_bucket, is_remote};
use crate::sql;

/// A file as the lake has it.
#[derive(Debug, Clone)]
pub(super) struct Earlier {
    pub(super) import: i64,
    pub(super) file: String,
    pub(super) digest: String,
    pub(super) rows: u64,
    pub(super) rejected: u64,
}

/// The files of this source that the lake has.
pub(super) fn records_of(lake: &Lake, source: &Source) -> Result<Vec<Earlier>, LakeError> {
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

/// The lake knows a file by its name: of two of one name it would keep the rows of one.
pub(super) fn refuse_equal_names(source: &Source, names: &[String]) -> Result<(), LakeError> {
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
pub(super) enum Side {
    Here,
    Web,
    Bucket,
}

pub(super) fn side_of(name: &str) -> Side {
    if is_bucket(name) {
        Side::Bucket
    } else if is_remote(Path::new(name)) {
        Side::Web
    } else {
        Side::Here
    }
}

/// A file and its copy on another side cannot be told to be the same: their rows would be there twice.
pub(super) fn refuse_other_sides(
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
pub(super) fn refuse_same_tag(
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
