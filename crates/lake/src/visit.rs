//! Rows as the engine's threads have them: the columns of a chunk of a query's result, read where they lie.
//!
//! The engine calls a function of ours from all its threads with some thousand rows at a time. Nothing is copied or
//! converted on the way, and there is no queue between the engine and whoever sums up.

use std::sync::{Arc, Mutex, PoisonError};

use duckdb::core::{DataChunkHandle, LogicalTypeHandle, LogicalTypeId};
use duckdb::ffi;
use duckdb::vscalar::{ScalarFunctionSignature, VScalar};
use duckdb::vtab::arrow::WritableVector;

/// The SQL name of the function that shows rows to a visitor. It gives 1 for each row.
pub(crate) const FUNCTION: &str = "touchstone_visit";

/// What is done with each chunk of a query, from several threads at a time.
pub(crate) type Visitor = Arc<dyn Fn(&Chunk<'_>) -> Result<(), String> + Send + Sync>;

/// The visitor of the query that runs now.
#[derive(Clone, Default)]
pub(crate) struct Slot(Arc<Mutex<Option<Visitor>>>);

impl Slot {
    /// Sets the visitor for the time of `work`.
    pub(crate) fn during<T>(&self, visitor: Visitor, work: impl FnOnce() -> T) -> T {
        self.set(Some(visitor));
        let done = work();
        self.set(None);
        done
    }

    fn set(&self, visitor: Option<Visitor>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = visitor;
    }

    fn visitor(&self) -> Option<Visitor> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The function behind [`FUNCTION`].
pub(crate) struct Visit;

impl VScalar for Visit {
    type State = Slot;

    fn invoke(
        slot: &Slot,
        input: &mut DataChunkHandle,
        output: &mut dyn WritableVector,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let rows = input.len();
        let visitor = slot.visitor().ok_or("nobody visits these rows")?;
        visitor(&Chunk::new(input))?;
        let mut ones = output.flat_vector();
        // SAFETY: the function is declared to give UTINYINT, and the engine's output has room for all rows.
        unsafe { ones.as_mut_slice_with_len::<u8>(rows) }.fill(1);
        Ok(())
    }

    fn signatures() -> Vec<ScalarFunctionSignature> {
        let any = LogicalTypeHandle::from(LogicalTypeId::Any);
        let small = LogicalTypeHandle::from(LogicalTypeId::UTinyint);
        vec![ScalarFunctionSignature::variadic(any, small)]
    }

    /// Each row counts, whatever is in it.
    fn volatile() -> bool {
        true
    }
}

/// Some rows of a query's result.
pub struct Chunk<'c> {
    handle: &'c DataChunkHandle,
}

/// A type of fixed size that columns are read as.
pub trait Fixed: Copy + sealed::Sealed {
    #[doc(hidden)]
    const TYPE: LogicalTypeId;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! fixed {
    ($($rust:ty = $sql:ident),*) => {$(
        impl sealed::Sealed for $rust {}
        impl Fixed for $rust {
            const TYPE: LogicalTypeId = LogicalTypeId::$sql;
        }
    )*};
}

// BOOLEAN is a byte that is 0 or 1.
fixed!(
    f64 = Double,
    i64 = Bigint,
    u64 = UBigint,
    u32 = UInteger,
    u8 = UTinyint,
    bool = Boolean
);

/// A column is not of the type, or not in the place, that it is read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column} of the query is not {expected}")]
pub struct WrongColumn {
    column: usize,
    expected: String,
}

/// Which rows of a column have no value.
#[derive(Clone, Copy)]
pub struct Nulls<'c>(&'c [u64]);

impl Nulls<'_> {
    /// Whether a row has no value.
    pub fn is_null(self, row: usize) -> bool {
        self.0[row / 64] >> (row % 64) & 1 == 0
    }
}

impl<'c> Chunk<'c> {
    pub(crate) fn new(handle: &'c DataChunkHandle) -> Self {
        Self { handle }
    }
}

impl Chunk<'_> {
    /// The number of rows, some thousand at most.
    pub fn rows(&self) -> usize {
        self.handle.len()
    }

    /// The numbers of a column. Where a row has none, there is any number: see [`Chunk::nulls`].
    ///
    /// # Errors
    ///
    /// [`WrongColumn`] where the column is of another type.
    pub fn values<T: Fixed>(&self, column: usize) -> Result<&[T], WrongColumn> {
        let vector = self.vector(column, T::TYPE)?;
        // SAFETY: the column is of `T`'s type, whose values the engine lays out as `T`; before it calls us it flattens
        // the vectors of a chunk to arrays of its rows, which live as long as the chunk.
        Ok(unsafe {
            std::slice::from_raw_parts(ffi::duckdb_vector_get_data(vector).cast(), self.rows())
        })
    }

    /// The rows of a column without a value; `None` where all have one.
    ///
    /// # Errors
    ///
    /// [`WrongColumn`] where there is no such column.
    pub fn nulls(&self, column: usize) -> Result<Option<Nulls<'_>>, WrongColumn> {
        let vector = self.any_vector(column)?;
        // SAFETY: the vector is one of this chunk; a mask that is there has a bit for each row, in words of 64.
        let words = unsafe {
            let mask = ffi::duckdb_vector_get_validity(vector);
            if mask.is_null() {
                return Ok(None);
            }
            std::slice::from_raw_parts(mask, self.rows().div_ceil(64))
        };
        let whole = self.rows() / 64;
        let rest = (1_u64 << (self.rows() % 64)) - 1;
        let all_valid = words[..whole].iter().all(|&word| word == u64::MAX)
            && words.get(whole).is_none_or(|&word| word & rest == rest);
        Ok((!all_valid).then_some(Nulls(words)))
    }

    /// The texts of a column.
    ///
    /// # Errors
    ///
    /// [`WrongColumn`] where the column is not VARCHAR.
    pub fn texts(&self, column: usize) -> Result<Texts<'_>, WrongColumn> {
        let vector = self.vector(column, LogicalTypeId::Varchar)?;
        // SAFETY: a VARCHAR vector, flattened, is an array of string headers, one for each row.
        let headers = unsafe {
            std::slice::from_raw_parts(ffi::duckdb_vector_get_data(vector).cast(), self.rows())
        };
        Ok(Texts {
            headers,
            nulls: self.nulls(column)?,
        })
    }

    fn any_vector(&self, column: usize) -> Result<ffi::duckdb_vector, WrongColumn> {
        if column >= self.handle.num_columns() {
            return Err(WrongColumn {
                column,
                expected: "there".to_owned(),
            });
        }
        // SAFETY: the chunk is alive and has this column.
        Ok(unsafe { ffi::duckdb_data_chunk_get_vector(self.handle.get_ptr(), column as u64) })
    }

    fn vector(
        &self,
        column: usize,
        expected: LogicalTypeId,
    ) -> Result<ffi::duckdb_vector, WrongColumn> {
        let vector = self.any_vector(column)?;
        if self.handle.flat_vector(column).logical_type().id() == expected {
            return Ok(vector);
        }
        Err(WrongColumn {
            column,
            expected: format!("{expected:?}"),
        })
    }
}

/// The texts of a column.
pub struct Texts<'c> {
    headers: &'c [ffi::duckdb_string_t],
    nulls: Option<Nulls<'c>>,
}

impl Texts<'_> {
    /// The bytes that a [word](Texts::word) holds itself.
    const IN_WORD: u32 = 12;

    /// A number that stands for the text of a row with a value: rows of one chunk with the same number have the same
    /// text. Comparing numbers is much faster than comparing texts.
    pub fn word(&self, row: usize) -> u128 {
        let header = std::ptr::from_ref(&self.headers[row]);
        // SAFETY: a header is 16 initialized bytes: the length, and either the text with zeros behind it or its first
        // four bytes and its place.
        unsafe { header.cast::<u128>().read_unaligned() }
    }

    /// Whether a word is the text itself, and so stands for it in all chunks.
    pub fn is_whole(word: u128) -> bool {
        // The length comes first.
        u32::from_ne_bytes(std::array::from_fn(|byte| word.to_ne_bytes()[byte])) <= Self::IN_WORD
    }

    /// Whether a row has a text.
    pub fn is_there(&self, row: usize) -> bool {
        self.nulls.is_none_or(|nulls| !nulls.is_null(row))
    }

    /// A row's text; `None` where it has none.
    pub fn get(&self, row: usize) -> Option<&str> {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        let header = std::ptr::from_ref(&self.headers[row]).cast_mut();
        // SAFETY: the header is that of a row with a value; short texts lie in the header itself, which is why it is
        // reached by its place and not copied. The function only reads.
        let bytes = unsafe {
            let length = ffi::duckdb_string_t_length(*header) as usize;
            std::slice::from_raw_parts(ffi::duckdb_string_t_data(header).cast::<u8>(), length)
        };
        // The engine's texts are UTF-8.
        std::str::from_utf8(bytes).ok()
    }
}
