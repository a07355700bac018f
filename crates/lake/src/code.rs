//! Small numbers for texts, so that the engine sorts, carries and spills a number where a query has a name of a few.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use duckdb::core::{DataChunkHandle, LogicalTypeHandle, LogicalTypeId};
use duckdb::vscalar::{ScalarFunctionSignature, VScalar};
use duckdb::vtab::arrow::WritableVector;

use crate::visit::{Chunk, Texts};

/// The SQL name of the function that gives the number of a text.
pub(crate) const FUNCTION: &str = "touchstone_code";

/// Texts and their numbers, from 0 in the order in which they were first met. Threads meet them in any order: what is
/// made of the numbers must not show it.
///
/// Every text that was met stays in memory: names of channels and contents, not of customers.
#[derive(Debug, Clone, Default)]
pub struct Codes(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Codes {
    /// The number of a text, a new one if it has none.
    pub fn of(&self, text: &str) -> u32 {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(&number) = known.numbers.get(text) {
            return number;
        }
        // 2^32 texts do not fit into memory.
        let number = known.texts.len() as u32;
        let text: Arc<str> = text.into();
        known.numbers.insert(Arc::clone(&text), number);
        known.texts.push(text);
        number
    }

    /// Adds the texts whose numbers come after those of `texts`, so that each is at the place of its number.
    pub fn extend(&self, texts: &mut Vec<Arc<str>>) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        texts.extend(known.texts.iter().skip(texts.len()).cloned());
    }

    /// Writes the number of each row's text; that of a row without one is the empty text's.
    fn write(&self, texts: &Texts<'_>, numbers: &mut [u32]) {
        let mut unknown = Vec::new();
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut before = None;
        for (row, number) in numbers.iter_mut().enumerate() {
            let Some(text) = texts.get(row) else {
                unknown.push(row);
                continue;
            };
            // Rows of one chunk with the same word have the same text.
            let word = texts.word(row);
            if let Some((same, found)) = before
                && same == word
            {
                *number = found;
                continue;
            }
            match known.numbers.get(text) {
                Some(&found) => {
                    *number = found;
                    before = Some((word, found));
                }
                None => unknown.push(row),
            }
        }
        drop(known);
        for row in unknown {
            numbers[row] = self.of(texts.get(row).unwrap_or_default());
        }
    }
}

/// The function behind [`FUNCTION`].
pub(crate) struct Code;

impl VScalar for Code {
    type State = Codes;

    fn invoke(
        codes: &Codes,
        input: &mut DataChunkHandle,
        output: &mut dyn WritableVector,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let rows = input.len();
        let chunk = Chunk::new(input);
        let texts = chunk.texts(0)?;
        let mut numbers = output.flat_vector();
        // SAFETY: the function is declared to give UINTEGER, and the engine's output has room for all rows.
        codes.write(&texts, unsafe {
            numbers.as_mut_slice_with_len::<u32>(rows)
        });
        Ok(())
    }

    fn signatures() -> Vec<ScalarFunctionSignature> {
        let text = LogicalTypeHandle::from(LogicalTypeId::Varchar);
        let number = LogicalTypeHandle::from(LogicalTypeId::UInteger);
        vec![ScalarFunctionSignature::exact(vec![text], number)]
    }
}
