use std::io;
use std::path::{Path, PathBuf};

/// Why a simulated project could not be written or its truth not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// The settings ask for a company that cannot be made.
    #[error("a simulated company needs {expected}, not {found}")]
    Settings {
        expected: &'static str,
        found: String,
    },
    /// The folder holds something that this crate did not write.
    #[error("the folder {} is not empty and was not written by a simulation; name another one", .0.display())]
    Occupied(PathBuf),
    /// The folder of an earlier simulation also holds what no simulation wrote, or what was imported from it.
    #[error(
        "the folder {} holds more than an earlier simulation ({}); name another one, or take that out of it",
        folder.display(), found.join("; ")
    )]
    Foreign { folder: PathBuf, found: Vec<String> },
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// A Parquet file could not be written.
    #[error("{}: {source}", path.display())]
    Parquet {
        path: PathBuf,
        source: parquet::errors::ParquetError,
    },
    /// A table could not be put together.
    #[error("a simulated table could not be built: {0}")]
    Table(#[from] arrow::error::ArrowError),
    /// The truth is not what this version writes.
    #[error("{}: {source}", path.display())]
    Truth {
        path: PathBuf,
        source: serde_json::Error,
    },
    /// A worker thread ended before its work was done.
    #[error("a worker of the simulation ended early")]
    Interrupted,
}

impl SimulateError {
    /// For `map_err` on a file operation.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    /// For `map_err` on a Parquet operation.
    pub(crate) fn parquet(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self + '_ {
        move |source| Self::Parquet {
            path: path.to_owned(),
            source,
        }
    }
}
