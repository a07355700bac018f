//! Content digests of files, so that a result says exactly what it was computed from, and what is known of a content.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::complete::check_complete;
use crate::error::LakeError;
use crate::layout::Layout;

/// How long a file must have been at rest for its digest to be kept for later. Within one tick of the file system's
/// clock a file can be written twice and look the same.
const AT_REST: Duration = Duration::from_secs(2);

/// What tells one state of a file from another without reading it: any write changes its time of change (`ctime`),
/// which, unlike its time of modification, programs cannot set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileState {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileState {
    pub(crate) fn of(file: &Path) -> Result<Self, LakeError> {
        fs::metadata(file)
            .map(|metadata| Self::new(&metadata))
            .map_err(|error| LakeError::io(file, error))
    }

    fn new(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn is_at_rest(&self, now: SystemTime) -> bool {
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let last_write = self.changed.max(self.modified).0;
        i64::try_from(since_epoch.saturating_sub(AT_REST).as_secs())
            .is_ok_and(|settled| last_write < settled)
    }
}

/// The digest of a file's content, with the state in which the file was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileDigest {
    pub(crate) blake3: String,
    pub(crate) state: FileState,
}

impl FileDigest {
    pub(crate) fn bytes(&self) -> u64 {
        self.state.bytes
    }
}

/// What is known of a source's content, found out once.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Known {
    /// Of the content and of how it is read.
    fingerprint: String,
    layout: Option<Layout>,
    key_is_unique: bool,
}

/// Digests already computed, by file, and what is known of the contents, by source.
///
/// A digest is used again while its file's [`FileState`] is the same.
#[derive(Debug, Default)]
pub(crate) struct DigestCache {
    path: PathBuf,
    kept: Kept,
    /// Digests of files that were written just now: good for this process, which reads what it has seen.
    fresh: BTreeMap<PathBuf, FileDigest>,
    changed: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    files: BTreeMap<PathBuf, FileDigest>,
    sources: BTreeMap<String, Known>,
}

impl DigestCache {
    /// A missing or unreadable cache is an empty one: it only saves time.
    pub(crate) fn open(path: PathBuf) -> Self {
        let kept = fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self {
            path,
            kept,
            fresh: BTreeMap::new(),
            changed: false,
        }
    }

    /// The BLAKE3 digest of a file's content, in hexadecimal.
    ///
    /// # Errors
    /// [`LakeError::Incomplete`] where a compressed file is cut; [`LakeError::Changed`] where it is being written.
    pub(crate) fn digest(&mut self, file: &Path) -> Result<FileDigest, LakeError> {
        let now = SystemTime::now();
        let state = FileState::of(file)?;
        let known = self.kept.files.get(file).or_else(|| self.fresh.get(file));
        if let Some(known) = known.filter(|known| known.state == state) {
            return Ok(known.clone());
        }
        check_complete(file).map_err(|error| LakeError::incomplete(file, error))?;
        let blake3 = digest_of(file).map_err(|error| LakeError::io(file, error))?;
        if FileState::of(file)? != state {
            return Err(LakeError::Changed(file.to_owned()));
        }
        let digest = FileDigest { blake3, state };
        if digest.state.is_at_rest(now) {
            self.kept.files.insert(file.to_owned(), digest.clone());
            self.changed = true;
        } else {
            self.fresh.insert(file.to_owned(), digest.clone());
        }
        Ok(digest)
    }

    fn known(&mut self, source: &str, fingerprint: &str) -> &mut Known {
        let unknown = || Known {
            fingerprint: fingerprint.to_owned(),
            layout: None,
            key_is_unique: false,
        };
        let known = self
            .kept
            .sources
            .entry(source.to_owned())
            .or_insert_with(unknown);
        if known.fingerprint != fingerprint {
            *known = unknown();
        }
        known
    }

    /// How this content is laid out, if that was found out before.
    pub(crate) fn layout(&mut self, source: &str, fingerprint: &str) -> Option<Layout> {
        self.known(source, fingerprint).layout.clone()
    }

    pub(crate) fn remember_layout(&mut self, source: &str, fingerprint: &str, layout: &Layout) {
        self.known(source, fingerprint).layout = Some(layout.clone());
        self.changed = true;
    }

    /// Whether the source's key was found unique in this content before.
    pub(crate) fn key_is_unique(&mut self, source: &str, fingerprint: &str) -> bool {
        self.known(source, fingerprint).key_is_unique
    }

    pub(crate) fn remember_unique_key(&mut self, source: &str, fingerprint: &str) {
        self.known(source, fingerprint).key_is_unique = true;
        self.changed = true;
    }

    /// Keeps what was learned. A project that cannot be written to works without.
    pub(crate) fn save(&mut self) {
        if !self.changed {
            return;
        }
        if let (Some(folder), Ok(bytes)) =
            (self.path.parent(), serde_json::to_vec_pretty(&self.kept))
        {
            let partial = self
                .path
                .with_extension(format!("{}.partial", std::process::id()));
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

/// The digest of several digests, each with its name.
pub(crate) fn digest_of_all<'a>(parts: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, digest) in parts {
        hasher
            .update(name.as_bytes())
            .update(b"\0")
            .update(digest.as_bytes())
            .update(b"\n");
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_rewritten_at_once_with_equal_size_has_another_digest() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.csv");
        let cache = folder.path().join("digests.json");
        let mut digests = Vec::new();
        for round in 0..20 {
            // In place, so that the inode stays; a new process, so that only what was kept is known.
            fs::write(&file, format!("{round:05}")).unwrap();
            let mut cache = DigestCache::open(cache.clone());
            digests.push(cache.digest(&file).unwrap().blake3);
            cache.save();
        }
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), 20);
    }

    #[test]
    fn a_digest_is_kept_only_of_a_file_at_rest() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.csv");
        fs::write(&file, "x").unwrap();
        let state = FileState::of(&file).unwrap();
        let now = SystemTime::now();
        assert!(!state.is_at_rest(now));
        assert!(state.is_at_rest(now + Duration::from_secs(5)));
    }

    #[test]
    fn what_is_known_of_a_content_is_forgotten_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lake/digests.json");
        let mut cache = DigestCache::open(path.clone());
        cache.remember_unique_key("orders", "first");
        cache.save();
        let mut cache = DigestCache::open(path);
        assert!(cache.key_is_unique("orders", "first"));
        assert!(!cache.key_is_unique("orders", "second"));
        assert!(!cache.key_is_unique("orders", "first"));
    }
}
