use std::path::PathBuf;

/// Why the lake could not do what was asked. Every message names the place and, where there is one, the way out.
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
        source_name: String,
        message: String,
    },
    /// The lake itself must be on this machine; sources need not be.
    #[error("`lake: {0}`: the lake must be a folder on this machine")]
    RemoteLake(String),
    /// An extension of the engine is needed that is not there.
    #[error(
        "{purpose} needs DuckDB's extension `{extension}`, which was looked for in {}: run `make setup`, \
         or set TOUCHSTONE_DUCKDB_DIR to the folder that holds `extensions/`",
        looked.display()
    )]
    ExtensionMissing {
        extension: &'static str,
        purpose: &'static str,
        looked: PathBuf,
    },
    /// The project's lake has no such snapshot.
    #[error("the lake has no snapshot {wanted}: it has {available}")]
    UnknownSnapshot { wanted: u64, available: String },
    /// An old state was asked of a source that keeps none.
    #[error(
        "source `{source_name}` is read in place and keeps no old states: import it first \
         (`touchstone import {source_name}`) to measure it at a snapshot"
    )]
    NoHistory { source_name: String },
    /// A key that was declared to be unique is not.
    #[error("source `{source_name}`: the key `{key}` is not unique or has empty values ({detail})")]
    KeyNotUnique {
        source_name: String,
        key: String,
        detail: String,
    },
    /// A file or folder could not be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        error: std::io::Error,
    },
}

impl LakeError {
    pub(crate) fn engine(context: impl Into<String>, error: impl std::fmt::Display) -> Self {
        Self::Engine {
            context: context.into(),
            message: error.to_string(),
        }
    }

    pub(crate) fn source(name: &str, message: impl Into<String>) -> Self {
        Self::Source {
            source_name: name.to_owned(),
            message: message.into(),
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>, error: std::io::Error) -> Self {
        Self::Io {
            path: path.into(),
            error,
        }
    }
}
