//! The engine's database in memory, with what SQL has of our own.

use std::ffi::CStr;
use std::ptr;

use duckdb::{Connection, ffi};

use crate::error::LakeError;
use crate::exact;

/// Settings of every engine: it fetches nothing by itself.
const OFFLINE: [(&CStr, &CStr); 2] = [
    (c"autoinstall_known_extensions", c"false"),
    (c"autoload_known_extensions", c"false"),
];

/// A database in memory. The connection's library can open one by itself, but it cannot give it an aggregate.
pub(crate) struct Database(ffi::duckdb_database);

// SAFETY: the engine's databases may be used from any thread, and this is only closed.
unsafe impl Send for Database {}

/// Whether a database loads extensions that nobody has signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extensions {
    Signed,
    /// They were looked at before.
    Any,
}

impl Database {
    pub(crate) fn open(extensions: Extensions) -> Result<Self, LakeError> {
        let unsigned = (c"allow_unsigned_extensions", c"true");
        let settings = OFFLINE
            .into_iter()
            .chain((extensions == Extensions::Any).then_some(unsigned));
        // SAFETY: the settings and the path are alive, what is made is destroyed, and a message is read before it is
        // freed.
        unsafe {
            let mut config = ptr::null_mut();
            if ffi::duckdb_create_config(&mut config) != ffi::DuckDBSuccess {
                return Err(failed("its settings cannot be made"));
            }
            let mut is_set = true;
            for (name, value) in settings {
                is_set &= ffi::duckdb_set_config(config, name.as_ptr(), value.as_ptr())
                    == ffi::DuckDBSuccess;
            }
            let mut database = ptr::null_mut();
            let mut message = ptr::null_mut();
            let outcome =
                ffi::duckdb_open_ext(c":memory:".as_ptr(), &mut database, config, &mut message);
            ffi::duckdb_destroy_config(&mut config);
            if outcome != ffi::DuckDBSuccess {
                let said = if message.is_null() {
                    "it gives no reason".to_owned()
                } else {
                    CStr::from_ptr(message).to_string_lossy().into_owned()
                };
                ffi::duckdb_free(message.cast());
                return Err(failed(said));
            }
            let database = Self(database);
            if !is_set {
                return Err(failed(
                    "it does not know its settings: it is of another version",
                ));
            }
            database.register_functions()?;
            Ok(database)
        }
    }

    /// Aggregates belong to the database, whichever connection brings them.
    fn register_functions(&self) -> Result<(), LakeError> {
        // SAFETY: the database is open, and the connection is closed here.
        let is_registered = unsafe {
            let mut connection = ptr::null_mut();
            let outcome = ffi::duckdb_connect(self.0, &mut connection);
            let is_registered = outcome == ffi::DuckDBSuccess && exact::register(connection);
            ffi::duckdb_disconnect(&mut connection);
            is_registered
        };
        if is_registered {
            Ok(())
        } else {
            Err(failed(
                "it does not take functions: it is of another version",
            ))
        }
    }

    /// A connection; it must not be cloned once the database is dropped.
    pub(crate) fn connect(&self) -> duckdb::Result<Connection> {
        // SAFETY: the database is open.
        unsafe { Connection::open_from_raw(self.0) }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: nobody uses it any more.
        unsafe { ffi::duckdb_close(&mut self.0) }
    }
}

fn failed(reason: impl std::fmt::Display) -> LakeError {
    LakeError::engine("cannot start the SQL engine", reason)
}
