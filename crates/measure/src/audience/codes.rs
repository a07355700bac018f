//! Small numbers for the values by which customers are told apart: segments, strata, groups.
//!
//! Numbers are given in the order in which values are met, so they differ from thread to thread; what is summed up by
//! them is brought together by the values.

use std::collections::HashMap;

use lake::{Chunk, Column, Nulls, Texts, WrongColumn, sql};

use super::query::types::type_of;

/// Different values beyond which a column does not tell customers apart.
pub(crate) const MOST_VALUES: usize = 1000;

/// A column by which customers are told apart, as SQL: integers and truth values are read as such, all else as text.
pub(crate) fn column_sql(columns: &[Column], name: &str) -> String {
    const INTEGERS: [&str; 7] = [
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
    ];
    let type_name = match type_of(columns, name) {
        Some("BOOLEAN") => "BOOLEAN",
        Some(integer) if INTEGERS.contains(&integer) => "BIGINT",
        _ => "VARCHAR",
    };
    format!("CAST({} AS {type_name})", sql::identifier(name))
}

/// A value of a column; in the order in which values are shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Value {
    Truth(bool),
    Integer(i64),
    Text(String),
    /// Customers without a value.
    None,
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truth(truth) => truth.fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::None => f.write_str("(none)"),
        }
    }
}

/// A table from keys to small numbers: open addressing, at most a quarter full, so that a key is mostly in its first slot.
#[derive(Debug, Clone)]
pub(crate) struct Codes {
    slots: Vec<(u128, u32)>,
    used: usize,
}

impl Codes {
    /// The number that no key has.
    const EMPTY: u32 = u32::MAX;
    const FEWEST_SLOTS: usize = 128;

    pub(crate) fn new() -> Self {
        Self {
            slots: vec![(0, Self::EMPTY); Self::FEWEST_SLOTS],
            used: 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        if self.used > 0 {
            *self = Self::new();
        }
    }

    /// The slot of a key, or the empty one where it belongs.
    fn slot(&self, key: u128) -> usize {
        // The halves are mixed by two odd constants (golden ratio, silver ratio) and the product's high bits are taken.
        const MIX: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd413_cccf_e779_9211];
        let mixed = (key as u64)
            .wrapping_mul(MIX[0])
            .wrapping_add((key >> 64) as u64)
            .wrapping_mul(MIX[1]);
        let mask = self.slots.len() - 1;
        let mut at = (mixed >> 32) as usize & mask;
        while self.slots[at].1 != Self::EMPTY && self.slots[at].0 != key {
            at = (at + 1) & mask;
        }
        at
    }

    pub(crate) fn get(&self, key: u128) -> Option<u32> {
        let (_, code) = self.slots[self.slot(key)];
        (code != Self::EMPTY).then_some(code)
    }

    pub(crate) fn insert(&mut self, key: u128, code: u32) {
        if 4 * (self.used + 1) > self.slots.len() {
            let twice = vec![(0, Self::EMPTY); 2 * self.slots.len()];
            let before = std::mem::replace(&mut self.slots, twice);
            for (key, code) in before.into_iter().filter(|slot| slot.1 != Self::EMPTY) {
                let slot = self.slot(key);
                self.slots[slot] = (key, code);
            }
        }
        let slot = self.slot(key);
        self.used += usize::from(self.slots[slot].1 == Self::EMPTY);
        self.slots[slot] = (key, code);
    }
}

/// The values of a column that have been met, each with a number: its place among them.
#[derive(Debug, Clone)]
pub(crate) struct Dictionary {
    values: Vec<Value>,
    numbers: HashMap<Value, u32>,
    /// By integers, and by the words of short texts.
    lasting: Codes,
    /// By the words of long texts, which hold for one chunk.
    passing: Codes,
}

/// A column with more than [`MOST_VALUES`] different values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyValues;

/// Why a column cannot be encoded.
#[derive(Debug)]
pub(crate) enum NotEncoded {
    TooManyValues,
    Column(WrongColumn),
}

impl From<TooManyValues> for NotEncoded {
    fn from(_: TooManyValues) -> Self {
        Self::TooManyValues
    }
}

impl From<WrongColumn> for NotEncoded {
    fn from(error: WrongColumn) -> Self {
        Self::Column(error)
    }
}

impl Dictionary {
    pub(crate) fn new() -> Self {
        Self {
            values: Vec::new(),
            numbers: HashMap::new(),
            lasting: Codes::new(),
            passing: Codes::new(),
        }
    }

    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }

    /// The number of a value, a new one where it has not been met before.
    pub(crate) fn number(&mut self, value: Value) -> Result<u32, TooManyValues> {
        if let Some(&number) = self.numbers.get(&value) {
            return Ok(number);
        }
        if self.values.len() == MOST_VALUES {
            return Err(TooManyValues);
        }
        let number = self.values.len() as u32;
        self.values.push(value.clone());
        self.numbers.insert(value, number);
        Ok(number)
    }

    /// Writes the numbers of some rows' values in a chunk's column.
    pub(crate) fn encode(
        &mut self,
        chunk: &Chunk<'_>,
        column: usize,
        rows: &[u32],
        numbers: &mut Vec<u32>,
    ) -> Result<(), NotEncoded> {
        numbers.clear();
        if let Ok(texts) = chunk.texts(column) {
            return self.encode_texts(&texts, rows, numbers);
        }
        let nulls = chunk.nulls(column)?;
        if let Ok(truths) = chunk.values::<bool>(column) {
            let key = |row: usize| u128::from(truths[row]);
            return self.encode_keys(nulls, key, |key| Value::Truth(key != 0), rows, numbers);
        }
        let integers: &[i64] = chunk.values(column)?;
        let key = |row: usize| integers[row] as u64 as u128;
        self.encode_keys(nulls, key, |key| Value::Integer(key as i64), rows, numbers)
    }

    fn encode_texts(
        &mut self,
        texts: &Texts<'_>,
        rows: &[u32],
        numbers: &mut Vec<u32>,
    ) -> Result<(), NotEncoded> {
        self.passing.clear();
        numbers.resize(rows.len(), 0);
        for (&row, slot) in rows.iter().zip(numbers) {
            let row = row as usize;
            if !texts.is_there(row) {
                *slot = self.number(Value::None)?;
                continue;
            }
            let word = texts.word(row);
            let is_whole = Texts::is_whole(word);
            let table = if is_whole {
                &self.lasting
            } else {
                &self.passing
            };
            if let Some(number) = table.get(word) {
                *slot = number;
                continue;
            }
            let text = texts.get(row).unwrap_or_default().to_owned();
            let number = self.number(Value::Text(text))?;
            let table = if is_whole {
                &mut self.lasting
            } else {
                &mut self.passing
            };
            table.insert(word, number);
            *slot = number;
        }
        Ok(())
    }

    fn encode_keys(
        &mut self,
        nulls: Option<Nulls<'_>>,
        key: impl Fn(usize) -> u128,
        value: impl Fn(u128) -> Value,
        rows: &[u32],
        numbers: &mut Vec<u32>,
    ) -> Result<(), NotEncoded> {
        numbers.resize(rows.len(), 0);
        for (&row, slot) in rows.iter().zip(numbers) {
            let row = row as usize;
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                *slot = self.number(Value::None)?;
                continue;
            }
            let key = key(row);
            *slot = match self.lasting.get(key) {
                Some(number) => number,
                None => {
                    let number = self.number(value(key))?;
                    self.lasting.insert(key, number);
                    number
                }
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_numbers_when_the_table_grows() {
        let mut codes = Codes::new();
        let key = |i: u32| u128::from(i) << 60 | u128::from(i % 7);
        for i in 0..5000 {
            assert_eq!(codes.get(key(i)), None);
            codes.insert(key(i), i);
        }
        codes.insert(key(9), 99_999);
        for i in 0..5000 {
            assert_eq!(codes.get(key(i)), Some(if i == 9 { 99_999 } else { i }));
        }
    }

    #[test]
    fn values_are_shown_in_order_those_without_last() {
        let mut values = [
            Value::None,
            Value::Integer(10),
            Value::Integer(-2),
            Value::Integer(9),
        ];
        values.sort();
        assert_eq!(
            values.map(|value| value.to_string()),
            ["-2", "9", "10", "(none)"]
        );
    }

    #[test]
    fn a_thousand_values_are_numbered_and_no_more() {
        let mut dictionary = Dictionary::new();
        for i in 0..MOST_VALUES {
            assert_eq!(dictionary.number(Value::Integer(i as i64)), Ok(i as u32));
        }
        assert_eq!(dictionary.number(Value::Integer(0)), Ok(0));
        assert_eq!(dictionary.number(Value::Integer(-1)), Err(TooManyValues));
    }
}
