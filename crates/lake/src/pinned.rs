//! What exactly a source held when it was read.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::digest::digest_of_all;

/// What exactly a source held when it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SourceVersion {
    /// The source's name.
    pub source: String,
    /// What was read.
    #[serde(flatten)]
    pub content: SourceContent,
}

/// How a source's content is pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "read", rename_all = "snake_case")]
pub enum SourceContent {
    /// Files, by their digests.
    Files {
        /// How many.
        files: usize,
        /// Their sizes together.
        bytes: u64,
        /// BLAKE3 of the one file, or of the list of names and digests of several.
        blake3: String,
    },
    /// Files behind URLs, by the entity tags (`ETag`) that their server gives to versions.
    Objects {
        /// How many.
        files: usize,
        /// Their sizes together.
        bytes: u64,
        /// The tag of the one file, or BLAKE3 of the list of names and tags of several.
        etag: String,
    },
    /// A table of the lake, by its snapshot.
    Lake {
        /// The table's name.
        table: String,
        /// The snapshot's number.
        snapshot: u64,
        /// Files on this machine at the source's `path:` whose content was not imported: they are new or have changed
        /// since.
        #[serde(default, skip_serializing_if = "is_zero")]
        files_not_imported: usize,
    },
    /// Something that offers no version: the result cannot be repeated if it changes.
    Unpinned {
        /// Its URL, without password and query.
        location: String,
    },
}

impl SourceContent {
    /// Whether the same pin means the same content.
    pub(crate) fn is_pinned(&self) -> bool {
        !matches!(self, Self::Unpinned { .. })
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The name and the mark of each part of a content (its digest, its tag) as one mark.
pub(crate) fn mark_of(parts: &[(String, String)]) -> String {
    match parts {
        [(_, mark)] => mark.clone(),
        _ => digest_of_all(
            parts
                .iter()
                .map(|(name, mark)| (name.as_str(), mark.as_str())),
        ),
    }
}

/// A file's name without its folders.
pub(crate) fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
