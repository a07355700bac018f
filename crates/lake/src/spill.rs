//! A folder of its own for what an engine spills, removed when the engine ends.
//!
//! Engines must not share one: they give their files the same names. A lock file beside the folder tells the folders of
//! running engines from those that a killed process left behind, which the next engine removes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

static STARTED: AtomicU64 = AtomicU64::new(0);

/// The folder that one engine spills to.
#[derive(Debug)]
pub(crate) struct Spill {
    folder: PathBuf,
    lock_path: PathBuf,
    /// Held for as long as the engine runs.
    _lock: File,
}

impl Spill {
    /// Takes a folder in `parent` or, where that cannot be written to, in the system's folder of temporary files.
    pub(crate) fn new(parent: &Path) -> io::Result<Self> {
        Self::in_folder(parent)
            .or_else(|_| Self::in_folder(&std::env::temp_dir().join("touchstone-spill")))
    }

    fn in_folder(parent: &Path) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        remove_abandoned(parent);
        loop {
            let name = format!(
                "{}-{}",
                process::id(),
                STARTED.fetch_add(1, Ordering::Relaxed)
            );
            let lock_path = parent.join(format!("{name}.lock"));
            let lock = File::create(&lock_path)?;
            // Another engine that starts now may take the new file for an abandoned one, before it is locked.
            if lock.try_lock().is_ok() && lock_path.exists() {
                return Ok(Self {
                    folder: parent.join(name),
                    lock_path,
                    _lock: lock,
                });
            }
        }
    }

    /// The folder, which the engine makes when it needs it.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next engine.
        let _ = fs::remove_dir_all(&self.folder);
        let _ = fs::remove_file(&self.lock_path);
    }
}

/// Removes what engines left behind that ended without doing so.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for lock_path in entries.flatten().map(|entry| entry.path()) {
        if lock_path
            .extension()
            .is_none_or(|extension| extension != "lock")
        {
            continue;
        }
        let is_abandoned = File::open(&lock_path).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_abandoned {
            let _ = fs::remove_dir_all(lock_path.with_extension(""));
            let _ = fs::remove_file(&lock_path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_have_folders_of_their_own() {
        let parent = tempfile::tempdir().unwrap();
        let first = Spill::new(parent.path()).unwrap();
        let second = Spill::new(parent.path()).unwrap();
        assert_ne!(first.folder(), second.folder());
        fs::create_dir(first.folder()).unwrap();
        fs::create_dir(second.folder()).unwrap();
        let (of_first, of_second) = (first.folder().to_owned(), second.folder().to_owned());
        drop(first);
        assert!(!of_first.exists());
        assert!(of_second.exists());
        drop(second);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_engine_left_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("1-0.lock"), "").unwrap();
        fs::create_dir(parent.path().join("1-0")).unwrap();
        fs::write(parent.path().join("1-0/duckdb_temp_storage.tmp"), "spilled").unwrap();
        let running = Spill::new(parent.path()).unwrap();
        assert!(!parent.path().join("1-0").exists());
        assert!(!parent.path().join("1-0.lock").exists());
        drop(running);
    }
}
