//! The SQL engine: DuckDB in this process, bounded in memory and threads, with its extensions from a folder.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};

use arrow::record_batch::RecordBatch;
use duckdb::{Connection, Row};

use crate::error::LakeError;
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
    /// Where a query that exceeds its memory spills.
    pub spill: PathBuf,
    /// IANA name; days and months are counted in it.
    pub time_zone: String,
}

/// An embedded DuckDB.
pub struct Engine {
    connection: Connection,
    extensions: PathBuf,
    threads: usize,
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
        let engine = Self {
            connection,
            extensions: extensions_dir(),
            threads: 0,
        };
        engine.set("temp_directory", &options.spill.to_string_lossy())?;
        engine.set("TimeZone", &options.time_zone)?;
        engine.set("streaming_buffer_size", STREAMING_BUFFER)?;
        if let Some(memory) = &options.memory {
            engine.set("memory_limit", memory)?;
        }
        if let Some(threads) = options.threads {
            engine.set("threads", &threads.max(1).to_string())?;
        }
        let threads: i64 =
            engine.value("SELECT current_setting('threads')::BIGINT", "cannot read the engine's settings")?;
        Ok(Self {
            threads: usize::try_from(threads).unwrap_or(1).max(1),
            ..engine
        })
    }

    /// How many threads the engine uses.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The engine's version, such as `v1.5.5`.
    pub fn version(&self) -> Result<String, LakeError> {
        self.value("SELECT version()", "cannot read the engine's version")
    }

    fn set(&self, setting: &str, value: &str) -> Result<(), LakeError> {
        self.connection
            .execute_batch(&format!("SET {setting} = {}", sql::text(value)))
            .map_err(|error| LakeError::engine(format!("cannot set the engine's {setting} to `{value}`"), error))
    }

    /// Loads an extension from the DuckDB folder; loading it twice is free.
    pub fn load(&self, extension: &'static str, purpose: &'static str) -> Result<(), LakeError> {
        let file = self.extensions.join(format!("{extension}.duckdb_extension"));
        if !file.exists() {
            return Err(LakeError::ExtensionMissing {
                extension,
                purpose,
                looked: self.extensions.clone(),
            });
        }
        self.execute(&format!("LOAD {}", sql::text(&file.to_string_lossy())), "cannot load an extension")
    }

    /// Runs statements that return nothing.
    pub fn execute(&self, statements: &str, context: &str) -> Result<(), LakeError> {
        self.connection.execute_batch(statements).map_err(|error| LakeError::engine(context, error))
    }

    /// Runs statements in one transaction: all of it happens, or nothing.
    pub fn transaction<T>(&self, work: impl FnOnce() -> Result<T, LakeError>) -> Result<T, LakeError> {
        self.execute("BEGIN TRANSACTION", "cannot begin a transaction")?;
        let done = work().and_then(|value| {
            self.execute("COMMIT", "cannot commit").map(|()| value)
        });
        if done.is_err() {
            // The first error is the one to report; a failed commit has already ended the transaction.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        done
    }

    /// The one value that a query yields.
    pub fn value<T: duckdb::types::FromSql>(&self, query: &str, context: &str) -> Result<T, LakeError> {
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
        let receiver = Mutex::new(receiver);
        std::thread::scope(|scope| {
            let consumers: Vec<_> = (0..self.threads)
                .map(|_| scope.spawn(|| consume(&receiver, &state, &step)))
                .collect();
            // `step` of the statement, not its iterator, which would panic where the engine fails midway.
            let fetched = loop {
                match statement.step() {
                    Ok(Some(batch)) => {
                        // All consumers are gone only after each met an error, which `join` returns below.
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
                .map(|consumer| consumer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect();
            fetched.and(states)
        })
    }
}

/// Takes batches until there are none. After an error it goes on taking them, so that nobody waits for it.
fn consume<S, E>(
    receiver: &Mutex<Receiver<RecordBatch>>,
    state: impl Fn() -> S,
    step: impl Fn(&mut S, &RecordBatch) -> Result<(), E>,
) -> Result<S, E> {
    let mut state = state();
    let mut outcome = Ok(());
    loop {
        // A poisoned lock means that another consumer panicked; that panic is resumed where it is joined.
        let next = match receiver.lock() {
            Ok(receiver) => receiver.recv(),
            Err(_) => break,
        };
        let Ok(batch) = next else { break };
        if outcome.is_ok() {
            outcome = step(&mut state, &batch);
        }
    }
    outcome.map(|()| state)
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
