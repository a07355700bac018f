//! The outcomes of converting journeys, as they are taken.

use crate::error::JourneyError;
use crate::intern::Slices;
use crate::path::Outcome;

/// Converting journeys, equal ones added up now and then.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcomes {
    pub(super) counts: Vec<Count>,
    /// How many there were after equal ones were last added up.
    distinct: usize,
}

/// Journeys of one path that came to the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    pub(super) taken: Taken,
    pub(super) journeys: u64,
}

/// Converting journeys kept before equal ones are first added up.
const FEW: usize = 1 << 16;

impl Outcomes {
    pub(super) fn push(&mut self, count: Count) {
        self.counts.push(count);
        if self.counts.len() >= FEW.max(2 * self.distinct) {
            self.compact();
        }
    }

    pub(super) fn compact(&mut self) {
        self.counts.sort_unstable_by_key(|count| count.taken);
        self.counts.dedup_by(|next, kept| {
            let same = next.taken == kept.taken;
            if same {
                kept.journeys += next.journeys;
            }
            same
        });
        self.distinct = self.counts.len();
    }
}

/// A journey that was taken: the numbers of its path and of its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Taken {
    pub(super) path: u32,
    pub(super) outcome: u32,
}

/// Words of a [`Taken`] journey.
pub(super) const TAKEN_WORDS: usize = 2;
/// Words of an outcome: the bits of conversions and value.
const OUTCOME_WORDS: usize = 4;

/// Distinct outcomes, numbered: far fewer than journeys, which so take little room.
#[derive(Debug, Clone, Default)]
pub(super) struct OutcomeNumbers(Slices);

impl OutcomeNumbers {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn intern(&mut self, outcome: Outcome) -> Result<u32, JourneyError> {
        let halves = |x: f64| [(x.to_bits() >> 32) as u32, x.to_bits() as u32];
        let [c1, c0] = halves(outcome.conversions);
        let [v1, v0] = halves(outcome.value);
        let words: [u32; OUTCOME_WORDS] = [c1, c0, v1, v0];
        self.0.intern(&words)
    }

    pub(super) fn get(&self, number: u32) -> Outcome {
        let whole = |high: u32, low: u32| f64::from_bits(u64::from(high) << 32 | u64::from(low));
        let words = self.0.get(number as usize);
        Outcome {
            conversions: whole(words[0], words[1]),
            value: whole(words[2], words[3]),
        }
    }
}
