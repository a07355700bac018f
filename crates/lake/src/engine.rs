//! The SQL engine: DuckDB in this process, bounded in memory and threads, with its extensions from a folder.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use duckdb::{Connection, Row, appender_params_from_iter};

use crate::code::{self, Code, Codes};
use crate::database::{Database, Extensions};
use crate::error::LakeError;
use crate::extension;
use crate::spill::Spill;
use crate::sql;
use crate::visit::{Chunk, FUNCTION, Slot, Visit, Visitor};

/// Bounds on what the engine may use.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Such as `4GB`; `None` leaves the engine's default.
    pub memory: Option<String>,
    /// `None` is one a core.
    pub threads: Option<u32>,
    /// Where a query that exceeds its memory spills: in a folder of the engine's own in this one.
    pub spill: PathBuf,
    /// IANA name; days and months are counted in it.
    pub time_zone: String,
}

/// An embedded DuckDB.
///
/// Errors of all its methods are [`LakeError::Engine`], with the context that the caller gives and what DuckDB said.
pub struct Engine {
    connection: Connection,
    /// After `connection`, which is one to it.
    _database: Database,
    extensions: PathBuf,
    threads: usize,
    visitors: Slot,
    codes: Codes,
    /// After `connection`, which writes there until it is dropped.
    spill: Spill,
}

impl Engine {
    /// Starts the engine. It never reaches for the network to fetch extensions.
    pub fn start(options: &EngineOptions) -> Result<Self, LakeError> {
        let failed = |error: duckdb::Error| LakeError::engine("cannot start the SQL engine", error);
        // Signatures are checked before: [`extension::check_signed`].
        let database = Database::open(Extensions::Any)?;
        let connection = database.connect().map_err(failed)?;
        let visitors = Slot::default();
        connection
            .register_scalar_function_with_state::<Visit>(FUNCTION, &visitors)
            .map_err(failed)?;
        let codes = Codes::default();
        connection
            .register_scalar_function_with_state::<Code>(code::FUNCTION, &codes)
            .map_err(failed)?;
        let spill =
            Spill::new(&options.spill).map_err(|error| LakeError::io(&options.spill, error))?;
        let spill_folder = spill.folder().to_string_lossy().into_owned();
        let mut engine = Self {
            connection,
            _database: database,
            extensions: extension::folder(),
            threads: 1,
            visitors,
            codes,
            spill,
        };
        engine.set("temp_directory", &spill_folder)?;
        // Keys come from the environment, not from what other programs keep in the user's folder.
        engine.set("secret_directory", &format!("{spill_folder}/secrets"))?;
        // The system keeps files of this machine in memory: a second copy costs a twentieth of a query over events.
        engine.keep_files(false)?;
        engine.set("parquet_metadata_cache", "true")?;
        if let Err(error) = engine.set("TimeZone", &options.time_zone) {
            if engine.has_time_zones()? {
                return Err(error);
            }
            engine.load("icu", "counting days in a time zone")?;
            engine.set("TimeZone", &options.time_zone)?;
        }
        if let Some(memory) = &options.memory {
            engine.set("memory_limit", memory)?;
        }
        if let Some(threads) = options.threads {
            engine.set("threads", &threads.max(1).to_string())?;
        }
        let threads: i64 = engine.value(
            "SELECT current_setting('threads')::BIGINT",
            "cannot read the engine's settings",
        )?;
        engine.threads = usize::try_from(threads).unwrap_or(1).max(1);
        Ok(engine)
    }

    /// How many threads the engine uses.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The numbers that [`sql::code`] gives texts.
    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// A folder of this engine's own, removed with it.
    pub(crate) fn spill_folder(&self) -> &Path {
        self.spill.folder()
    }

    /// The engine's version, such as `v1.5.5`.
    pub fn version(&self) -> Result<String, LakeError> {
        self.value("SELECT version()", "cannot read the engine's version")
    }

    /// Whether the engine keeps in memory what it has read of files.
    pub(crate) fn keep_files(&self, keeps: bool) -> Result<(), LakeError> {
        self.set("enable_external_file_cache", &keeps.to_string())
    }

    /// Whether the library has time zones, as a prebuilt one does; built from source, they are an extension.
    fn has_time_zones(&self) -> Result<bool, LakeError> {
        let query = "SELECT count(*) > 0 FROM duckdb_settings() WHERE name = 'TimeZone'";
        self.value(query, "cannot read the engine's settings")
    }

    fn set(&self, setting: &str, value: &str) -> Result<(), LakeError> {
        self.connection
            .execute_batch(&format!("SET {setting} = {}", sql::text(value)))
            .map_err(|error| {
                LakeError::engine(
                    format!("cannot set the engine's {setting} to `{value}`"),
                    error,
                )
            })
    }

    /// Loads an extension from the DuckDB folder; loading it twice is free.
    pub fn load(&self, extension: &'static str, purpose: &'static str) -> Result<(), LakeError> {
        let file = self
            .extensions
            .join(format!("{extension}.duckdb_extension"));
        if !file.exists() {
            return Err(LakeError::ExtensionMissing {
                extension,
                purpose,
                looked: self.extensions.clone(),
            });
        }
        extension::check_signed(&file)?;
        self.execute(&extension::load(&file), "cannot load an extension")
    }

    /// Runs statements that return nothing.
    pub fn execute(&self, statements: &str, context: &str) -> Result<(), LakeError> {
        self.connection
            .execute_batch(statements)
            .map_err(|error| LakeError::engine(context, error))
    }

    /// Runs statements in one transaction: all of it happens, or nothing.
    pub fn transaction<T>(
        &self,
        work: impl FnOnce() -> Result<T, LakeError>,
    ) -> Result<T, LakeError> {
        self.execute("BEGIN TRANSACTION", "cannot begin a transaction")?;
        let done = work().and_then(|value| self.execute("COMMIT", "cannot commit").map(|()| value));
        if done.is_err() {
            // The first error is the one to report; a failed commit has already ended the transaction.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        done
    }

    /// Makes a temporary table of numbers, given its columns as SQL and its rows.
    pub fn table<const COLUMNS: usize>(
        &self,
        name: &str,
        columns: &str,
        rows: impl Iterator<Item = [f64; COLUMNS]>,
        context: &str,
    ) -> Result<(), LakeError> {
        let create = format!("CREATE OR REPLACE TEMP TABLE {name} ({columns})");
        self.execute(&create, context)?;
        let failed = |error: duckdb::Error| LakeError::engine(context, error);
        let connection = &self.connection;
        let mut appender = connection
            .appender_to_catalog_and_db(name, "temp", "main")
            .map_err(failed)?;
        for row in rows {
            appender
                .append_row(appender_params_from_iter(row))
                .map_err(failed)?;
        }
        appender.flush().map_err(failed)
    }

    /// The one value that a query yields.
    pub fn value<T: duckdb::types::FromSql>(
        &self,
        query: &str,
        context: &str,
    ) -> Result<T, LakeError> {
        self.connection
            .query_row(query, [], |row| row.get(0))
            .map_err(|error| LakeError::engine(context, error))
    }

    /// The rows of a small result.
    pub fn rows<T>(
        &self,
        query: &str,
        context: &str,
        read: impl Fn(&Row<'_>) -> Result<T, duckdb::Error>,
    ) -> Result<Vec<T>, LakeError> {
        let failed = |error: duckdb::Error| LakeError::engine(context, error);
        let mut statement = self.connection.prepare(query).map_err(failed)?;
        let rows = statement.query_map([], |row| read(row)).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }

    /// Shows all rows of a query with `columns` columns to `step`, a chunk at a time, in the engine's own threads, and
    /// returns the states that they built: one for each thread that took part.
    ///
    /// Which chunk reaches which state is not determined: `step` must build states whose union does not depend on it.
    /// Nothing is copied on the way; memory is bounded by what the engine itself needs.
    ///
    /// # Errors
    /// The first error of `step` or else of the engine, also where `step` panics; the query is stopped.
    pub fn fold<S, E>(
        &self,
        query: &str,
        columns: usize,
        context: &str,
        state: impl Fn() -> S + Send + Sync + 'static,
        step: impl Fn(&mut S, &Chunk<'_>) -> Result<(), E> + Send + Sync + 'static,
    ) -> Result<Vec<S>, E>
    where
        S: Send + 'static,
        E: From<LakeError> + std::fmt::Display + Send + 'static,
    {
        let states = Arc::new(Mutex::new(Vec::new()));
        let failure = Arc::new(Mutex::new(None));
        let visitor: Visitor = {
            let (states, failure) = (Arc::clone(&states), Arc::clone(&failure));
            Arc::new(move |chunk| {
                let waiting = lock(&states).pop();
                let mut current = waiting.unwrap_or_else(&state);
                let outcome = step(&mut current, chunk);
                lock(&states).push(current);
                outcome.map_err(|error| {
                    let message = error.to_string();
                    lock(&failure).get_or_insert(error);
                    message
                })
            })
        };
        let names: Vec<String> = (0..columns).map(|column| format!("c{column}")).collect();
        let names = names.join(", ");
        let shown = format!("SELECT sum({FUNCTION}({names})) FROM ({query}) AS rows({names})");
        let outcome = self
            .visitors
            .during(visitor, || self.execute(&shown, context));
        if let Some(error) = lock(&failure).take() {
            return Err(error);
        }
        outcome?;
        Ok(std::mem::take(&mut lock(&states)))
    }
}

/// What is behind the lock. Each holder leaves it whole, so that a panic elsewhere takes nothing from it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
