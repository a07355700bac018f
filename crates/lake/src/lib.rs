//! The SQL engine and the tables of a project.
//!
//! An embedded DuckDB reads sources in place (CSV, JSON lines, Parquet, Delta, xlsx, URLs, PostgreSQL) or from the
//! project's own DuckLake, which [`import`] fills: a catalog in SQLite beside Parquet files, with snapshots that can
//! be gone back to. [`Lake`] puts both under the names that the project's catalog gives them, and pins what was read.

mod bucket;
mod code;
mod complete;
mod csv;
mod damage;
mod database;
mod digest;
mod engine;
mod error;
mod exact;
mod extension;
mod import;
mod jsonl;
mod lake;
mod layout;
mod message;
mod output;
mod pinned;
mod reads;
mod remote;
mod retyped;
mod source;
mod spill;
pub mod sql;
mod typing;
mod visit;

pub use code::Codes;
pub use damage::damaged_file;
pub use engine::{Engine, EngineOptions};
pub use error::LakeError;
pub use import::{Imported, ImportedFile, Outcome, import};
pub use lake::{Column, Lake, Snapshot};
pub use message::unknown_column;
pub use output::Output;
pub use pinned::{SourceContent, SourceVersion};
pub use visit::{Chunk, Fixed, Nulls, Texts, WrongColumn};
