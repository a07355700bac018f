//! Content digests of files, so that a result says exactly what it was computed from.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::error::LakeError;

/// Digests already computed, by path; one is used again while the file's size and time of change are the same.
#[derive(Debug, Default)]
pub(crate) struct DigestCache {
    path: PathBuf,
    entries: BTreeMap<PathBuf, Entry>,
    changed: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    bytes: u64,
    modified_ns: u128,
    digest: String,
    /// The column that was found to be unique in this content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unique_key: Option<String>,
}

impl DigestCache {
    /// A missing or unreadable cache is an empty one: it only saves time.
    pub(crate) fn open(path: PathBuf) -> Self {
        let entries = fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self {
            path,
            entries,
            changed: false,
        }
    }

    /// The BLAKE3 digest of a file's content, in hexadecimal, and the file's size.
    pub(crate) fn digest(&mut self, file: &Path) -> Result<(String, u64), LakeError> {
        let failed = |error| LakeError::io(file, error);
        let metadata = fs::metadata(file).map_err(failed)?;
        let modified_ns = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .map_or(0, |since| since.as_nanos());
        let known = self.entries.get(file);
        if let Some(entry) = known.filter(|entry| entry.bytes == metadata.len() && entry.modified_ns == modified_ns) {
            return Ok((entry.digest.clone(), entry.bytes));
        }
        let digest = digest_of(file).map_err(failed)?;
        let entry = Entry {
            bytes: metadata.len(),
            modified_ns,
            digest: digest.clone(),
            unique_key: None,
        };
        self.entries.insert(file.to_owned(), entry);
        self.changed = true;
        Ok((digest, metadata.len()))
    }

    /// Whether `key` was already found unique in this file as it is now.
    pub(crate) fn knows_unique(&self, file: &Path, key: &str) -> bool {
        self.entries.get(file).is_some_and(|entry| entry.unique_key.as_deref() == Some(key))
    }

    pub(crate) fn remember_unique(&mut self, file: &Path, key: &str) {
        if let Some(entry) = self.entries.get_mut(file) {
            entry.unique_key = Some(key.to_owned());
            self.changed = true;
        }
    }

    /// Keeps what was learned. A project that cannot be written to works without.
    pub(crate) fn save(&mut self) {
        if !self.changed {
            return;
        }
        if let (Some(folder), Ok(bytes)) = (self.path.parent(), serde_json::to_vec_pretty(&self.entries)) {
            let partial = self.path.with_extension("partial");
            let _ = fs::create_dir_all(folder)
                .and_then(|()| fs::write(&partial, bytes))
                .and_then(|()| fs::rename(&partial, &self.path));
        }
        self.changed = false;
    }
}

fn digest_of(file: &Path) -> std::io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut reader = File::open(file)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().to_hex().to_string()),
            read => {
                hasher.update(&buffer[..read]);
            }
        }
    }
}
