//! The SQL engine: DuckDB in this process, bounded in memory and threads, with its extensions from a folder.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

use arrow::record_batch::RecordBatch;
use duckdb::{Connection, Row};

use crate::error::LakeError;
use crate::spill::Spill;
use crate::sql;

/// Batches that wait between the engine and the threads that consume them.
const BATCHES_IN_FLIGHT: usize = 16;

/// What the engine buffers of a streamed result. With DuckDB's default of 1 MB its threads wait for the reader:
/// 10 M rows of 20 doubles then take 3.9 s instead of 2.1 s.
const STREAMING_BUFFER: &str = "64MB";

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
    extensions: PathBuf,
    threads: usize,
    /// After `connection`, which writes there until it is dropped.
    spill: Spill,
}

impl Engine {
    /// Starts the engine. It never reaches for the network to fetch extensions.
    pub fn start(options: &EngineOptions) -> Result<Self, LakeError> {
        let failed = |error: duckdb::Error| LakeError::engine("cannot start the SQL engine", error);
        let config = duckdb::Config::default()
            .with("autoinstall_known_extensions", "false")
            .and_then(|config| config.with("autoload_known_extensions", "false"))
            .map_err(failed)?;
        let connection = Connection::open_in_memory_with_flags(config).map_err(failed)?;
        let spill =
            Spill::new(&options.spill).map_err(|error| LakeError::io(&options.spill, error))?;
        let spill_folder = spill.folder().to_string_lossy().into_owned();
        let mut engine = Self {
            connection,
            extensions: extensions_dir(),
            threads: 1,
            spill,
        };
        engine.set("temp_directory", &spill_folder)?;
        engine.set("TimeZone", &options.time_zone)?;
        engine.set("streaming_buffer_size", STREAMING_BUFFER)?;
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

    /// A folder of this engine's own, removed with it.
    pub(crate) fn spill_folder(&self) -> &Path {
        self.spill.folder()
    }

    /// The engine's version, such as `v1.5.5`.
    pub fn version(&self) -> Result<String, LakeError> {
        self.value("SELECT version()", "cannot read the engine's version")
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
        self.execute(
            &format!("LOAD {}", sql::text(&file.to_string_lossy())),
            "cannot load an extension",
        )
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

    /// Streams a large result through `threads` consumers, each with its own state, and returns the states.
    ///
    /// Which batch reaches which consumer is not determined: `step` must build states whose union does not
    /// depend on it. Memory is bounded by the engine's buffer and a few batches, whatever the result's size.
    ///
    /// # Errors
    /// The first error of the engine or, where there is none, one of those of `step`; the query is stopped.
    ///
    /// # Panics
    /// Where `step` or `state` does.
    pub fn fold<S, E>(
        &self,
        query: &str,
        context: &str,
        state: impl Fn() -> S + Sync,
        step: impl Fn(&mut S, &RecordBatch) -> Result<(), E> + Sync,
    ) -> Result<Vec<S>, E>
    where
        S: Send,
        E: From<LakeError> + Send,
    {
        let failed = |error: duckdb::Error| E::from(LakeError::engine(context, error));
        let mut statement = self.connection.prepare(query).map_err(failed)?;
        statement.stream_arrow([]).map_err(failed).map(drop)?;
        let (sender, receiver) = sync_channel::<RecordBatch>(BATCHES_IN_FLIGHT);
        // Only the consumers hold the receiver: when the last one ends, by an error or a panic, sending fails.
        let receiver = Arc::new(Mutex::new(receiver));
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let consumers: Vec<_> = (0..self.threads)
                .map(|_| {
                    let receiver = Arc::clone(&receiver);
                    let (state, step, stop) = (&state, &step, &stop);
                    scope.spawn(move || consume(&receiver, stop, state, step))
                })
                .collect();
            drop(receiver);
            let fetched = loop {
                if stop.load(Ordering::Relaxed) {
                    break Ok(());
                }
                // `step` of the statement, not its iterator, which would panic where the engine fails midway.
                match statement.step() {
                    Ok(Some(batch)) => {
                        if sender.send(RecordBatch::from(&batch)).is_err() {
                            break Ok(());
                        }
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(failed(error)),
                }
            };
            drop(sender);
            let states: Result<Vec<S>, E> = consumers
                .into_iter()
                .map(|consumer| {
                    consumer
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect();
            fetched.and(states)
        })
    }
}

/// Takes batches until there are none, or until an error, of which it tells by `stop`.
fn consume<S, E>(
    receiver: &Mutex<Receiver<RecordBatch>>,
    stop: &AtomicBool,
    state: impl Fn() -> S,
    step: impl Fn(&mut S, &RecordBatch) -> Result<(), E>,
) -> Result<S, E> {
    let mut state = state();
    loop {
        // The lock is held while waiting only; nothing can panic and poison it.
        let Ok(Ok(batch)) = receiver.lock().map(|receiver| receiver.recv()) else {
            return Ok(state);
        };
        step(&mut state, &batch).inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
    }
}

/// The folder of DuckDB's extensions: named by `TOUCHSTONE_DUCKDB_DIR`, else beside the executable.
fn extensions_dir() -> PathBuf {
    if let Some(dir) = env::var_os("TOUCHSTONE_DUCKDB_DIR") {
        return Path::new(&dir).join("extensions");
    }
    let executable = env::current_exe().unwrap_or_default();
    let beside = ["duckdb", "../duckdb", "../lib/touchstone/duckdb"]
        .iter()
        .filter_map(|relative| Some(executable.parent()?.join(relative).join("extensions")))
        .find(|dir| dir.exists());
    beside.unwrap_or_else(|| PathBuf::from("duckdb/extensions"))
}
