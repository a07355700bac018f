use std::path::{Path, PathBuf};

use crate::message;

/// Why the lake could not do what was asked. Every message names the place and, where there is one, the way out.
/// Messages of the engine are reduced to what happened, and show no passwords.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The SQL engine refused or failed.
    #[error("{context}: {message}")]
    Engine {
        /// What was being done.
        context: String,
        /// What the engine said.
        message: String,
    },
    /// A source cannot be read.
    #[error("source `{source_name}`: {message}")]
    Source {
        /// The source's name in the catalog.
        source_name: String,
        /// What is wrong, where, and the way out.
        message: String,
    },
    /// There is nothing where a source's files should be.
    #[error("source `{source_name}`: no file at {}: {way_out}", path.display())]
    NoFile {
        /// The source's name in the catalog.
        source_name: String,
        /// The declared path.
        path: PathBuf,
        /// What to do.
        way_out: &'static str,
    },
    /// An extension of the engine is needed that is not there.
    #[error(
        "{purpose} needs DuckDB's extension `{extension}`, which was looked for in {}: run `make setup`, \
         or set TOUCHSTONE_DUCKDB_DIR to the folder that holds `extensions/`",
        looked.display()
    )]
    ExtensionMissing {
        /// The extension's name.
        extension: &'static str,
        /// What it is needed for.
        purpose: &'static str,
        /// The folder in which it was looked for.
        looked: PathBuf,
    },
    /// The project's lake has no such snapshot.
    #[error("the lake has no snapshot {wanted}: it has {available}")]
    UnknownSnapshot {
        /// The snapshot that was asked for.
        wanted: u64,
        /// Those that there are.
        available: String,
    },
    /// An old state was asked of a source that keeps none.
    #[error(
        "source `{source_name}` is read in place and keeps no old states: import it first \
         (`touchstone import {source_name}`) to measure it at a snapshot"
    )]
    NoHistory {
        /// The source's name in the catalog.
        source_name: String,
    },
    /// An old state was asked of a source that was imported later.
    #[error("source `{source_name}` was not in the lake at snapshot {at}; first at {first}")]
    NotYet {
        /// The source's name in the catalog.
        source_name: String,
        /// The snapshot that was asked for.
        at: u64,
        /// The snapshot at which it came into the lake.
        first: u64,
    },
    /// What is no query in the catalog, or one whose rows a result could not name, or that would be others the next time.
    #[error("{place}: {message}")]
    Unrepeatable {
        /// Whose query it is, such as ``fact `orders` ``.
        place: String,
        /// What it reads or calls, and the way out.
        message: String,
    },
    /// A file that a command must not write to.
    #[error("{option} {}: {message}: name another file", path.display())]
    OutputPlace {
        /// The option that names it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What it is.
        message: String,
    },
    /// A key that was declared to be unique is not.
    #[error("source `{source_name}`: the key `{key}` is not unique or has empty values ({detail})")]
    KeyNotUnique {
        /// The source's name in the catalog.
        source_name: String,
        /// The declared key.
        key: String,
        /// Counts of rows and keys.
        detail: String,
    },
    /// A compressed file ends too early, or is damaged.
    #[error("{}: the file is cut or damaged ({detail}): copy it again, whole", path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// A file was written to while it was read.
    #[error("{}: the file changed while it was read: run this again when it is written", .0.display())]
    Changed(PathBuf),
    /// Two imports into one lake at the same time.
    #[error("another import into the lake in {} is running: run this again when it has ended", .0.display())]
    ImportRunning(PathBuf),
    /// A file or folder could not be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
}

impl LakeError {
    /// Where the catalog says what is wrong, as [`catalog::Catalog::place_of`] reads it; none where that is not known. A
    /// source that cannot be read says by which file.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        match self {
            Self::Unrepeatable { place, .. } => Some(place.clone()),
            Self::NoFile { source_name, .. } => Some(format!("source `{source_name}`, path")),
            Self::KeyNotUnique { source_name, .. } => Some(format!("source `{source_name}`, key")),
            _ => None,
        }
    }

    pub(crate) fn engine(context: impl Into<String>, error: impl std::fmt::Display) -> Self {
        Self::Engine {
            context: context.into(),
            message: message::reduced(&error.to_string()),
        }
    }

    pub(crate) fn source(name: &str, message: impl Into<String>) -> Self {
        Self::Source {
            source_name: name.to_owned(),
            message: message::without_secrets(&message.into()),
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>, error: std::io::Error) -> Self {
        Self::Io {
            path: path.into(),
            error,
        }
    }

    pub(crate) fn incomplete(path: impl Into<PathBuf>, error: std::io::Error) -> Self {
        use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        let path = path.into();
        match error.kind() {
            UnexpectedEof => Self::Incomplete {
                path,
                detail: "it ends too early".to_owned(),
            },
            InvalidData | InvalidInput => Self::Incomplete {
                path,
                detail: error.to_string(),
            },
            _ => Self::io(path, error),
        }
    }

    /// An error of the engine as one of a source: what the engine said, without what the engine was doing.
    pub(crate) fn of_source(self, name: &str) -> Self {
        match self {
            Self::Engine { message, .. } => Self::source(name, message),
            other => other,
        }
    }

    /// The same error about a file that goes by another path, or by a URL, of which the secrets are left out.
    pub(crate) fn with_path(self, path: &Path, shown: &Path) -> Self {
        let shown = message::without_secrets(&shown.to_string_lossy());
        let renamed = |message: String| message.replace(&*path.to_string_lossy(), &shown);
        match self {
            Self::Engine { context, message } => Self::Engine {
                context,
                message: renamed(message),
            },
            Self::Source {
                source_name,
                message,
            } => Self::Source {
                source_name,
                message: renamed(message),
            },
            other => other,
        }
    }
}
