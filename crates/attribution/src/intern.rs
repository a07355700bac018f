//! Numbers for slices: equal slices get one number, in the order of their first appearance.

use hashbrown::HashTable;

use crate::error::JourneyError;

/// Slices of words, kept once each in one arena.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slices {
    words: Vec<u32>,
    /// Where each slice ends; it begins where the one before it ends.
    ends: Vec<usize>,
    /// Hash and number of each slice: the hash stands beside the number so that growth and most
    /// comparisons do not touch the arena.
    index: HashTable<(u32, u32)>,
}

impl Slices {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, number: usize) -> &[u32] {
        slice(&self.words, &self.ends, number)
    }

    /// The number of a slice, if there is one.
    pub(crate) fn find(&self, key: &[u32]) -> Option<u32> {
        self.find_hashed(hash_words(key), key)
    }

    fn find_hashed(&self, hash: u32, key: &[u32]) -> Option<u32> {
        let same = |&(h, number): &(u32, u32)| h == hash && self.get(number as usize) == key;
        let found = self.index.find(spread(hash), same);
        found.map(|&(_, number)| number)
    }

    /// The number of a slice, which is added if it is new.
    pub(crate) fn intern(&mut self, key: &[u32]) -> Result<u32, JourneyError> {
        let hash = hash_words(key);
        if let Some(number) = self.find_hashed(hash, key) {
            return Ok(number);
        }
        let number = u32::try_from(self.ends.len()).map_err(|_| JourneyError::TooManyPaths)?;
        self.words.extend_from_slice(key);
        self.ends.push(self.words.len());
        self.index
            .insert_unique(spread(hash), (hash, number), |&(h, _)| spread(h));
        Ok(number)
    }

    /// Adds a slice without looking whether it is there; it cannot be found, only got.
    pub(crate) fn add(&mut self, words: impl Iterator<Item = u32>) -> usize {
        self.words.extend(words);
        self.ends.push(self.words.len());
        self.ends.len() - 1
    }

    /// Frees the index: what is left can be read but not added to.
    pub(crate) fn into_arena(self) -> Arena {
        Arena {
            words: self.words,
            ends: self.ends,
        }
    }
}

/// Slices that are only read.
#[derive(Debug)]
pub(crate) struct Arena {
    words: Vec<u32>,
    ends: Vec<usize>,
}

impl Arena {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn words(&self) -> usize {
        self.words.len()
    }

    pub(crate) fn get(&self, number: usize) -> &[u32] {
        slice(&self.words, &self.ends, number)
    }
}

fn slice<'a>(words: &'a [u32], ends: &[usize], number: usize) -> &'a [u32] {
    let start = if number == 0 { 0 } else { ends[number - 1] };
    &words[start..ends[number]]
}

/// Names, numbered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    names: Vec<String>,
    index: HashTable<(u32, u32)>,
}

impl Names {
    pub(crate) fn all(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        let hash = hash_bytes(name.as_bytes());
        let same = |&(h, number): &(u32, u32)| h == hash && self.names[number as usize] == name;
        self.index
            .find(spread(hash), same)
            .map(|&(_, number)| number)
    }

    pub(crate) fn intern(&mut self, name: &str) -> Result<u32, JourneyError> {
        if let Some(number) = self.find(name) {
            return Ok(number);
        }
        let number = u32::try_from(self.names.len()).map_err(|_| JourneyError::TooManyChannels)?;
        let hash = hash_bytes(name.as_bytes());
        self.names.push(name.to_owned());
        self.index
            .insert_unique(spread(hash), (hash, number), |&(h, _)| spread(h));
        Ok(number)
    }
}

const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Multiplies to 128 bits and folds the halves, so that each bit of the result depends on all.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
}

fn hash_words(words: &[u32]) -> u32 {
    let mut state = words.len() as u64 ^ ODD;
    let (pairs, rest) = words.as_chunks::<2>();
    for &[low, high] in pairs {
        state = fold(state ^ (u64::from(high) << 32 | u64::from(low)), ODD);
    }
    for &word in rest {
        state = fold(state ^ u64::from(word), ODD);
    }
    (fold(state, ODD) >> 32) as u32
}

fn hash_bytes(bytes: &[u8]) -> u32 {
    let mut state = bytes.len() as u64 ^ ODD;
    let (words, rest) = bytes.as_chunks::<8>();
    for &word in words {
        state = fold(state ^ u64::from_le_bytes(word), ODD);
    }
    let last = rest
        .iter()
        .fold(0, |word, &byte| word << 8 | u64::from(byte));
    (fold(state ^ last, ODD) >> 32) as u32
}

/// The table wants 64 bits that all vary.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(ODD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_slices_share_a_number() {
        let mut slices = Slices::default();
        let keys: Vec<Vec<u32>> = (0..500)
            .map(|i| (0..i % 7).map(|j| i + j).collect())
            .collect();
        let numbers: Vec<u32> = keys.iter().map(|key| slices.intern(key).unwrap()).collect();
        for (key, &number) in keys.iter().zip(&numbers) {
            assert_eq!(slices.get(number as usize), key.as_slice());
            assert_eq!(slices.intern(key).unwrap(), number);
        }
        let mut distinct = keys.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(slices.len(), distinct.len());
    }

    #[test]
    fn names_are_found_again() {
        let mut names = Names::default();
        for name in ["", "a", "email", "paid_search", "paid_searches"] {
            let number = names.intern(name).unwrap();
            assert_eq!(names.find(name), Some(number));
        }
        assert_eq!(names.find("e-mail"), None);
        assert_eq!(names.all().len(), 5);
    }
}
