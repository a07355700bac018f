//! Builds a [`JourneyTable`](crate::JourneyTable) from journeys, in one pass.

mod outcomes;
mod policy;
mod table;

use self::outcomes::{Count, OutcomeNumbers, Outcomes, TAKEN_WORDS, Taken};
use self::policy::ChannelRule;
pub use self::policy::{PathPolicy, Repeats};
use crate::error::JourneyError;
use crate::intern::{Names, Slices};
use crate::path::{ChannelId, Dropped, Outcome};

/// Takes journeys one by one and keeps each distinct path once.
///
/// A journey costs a hash of its path and one look-up; memory grows with the distinct paths and
/// the distinct outcomes, not with the journeys. Builders of several threads are
/// [merged](Self::merge); the [table](Self::finish) does not depend on how journeys were divided
/// among them.
///
/// ```
/// use attribution::{JourneyBuilder, Outcome, PathPolicy};
///
/// let mut builder = JourneyBuilder::new(PathPolicy::default());
/// let email = builder.channel("email")?;
/// let web = builder.channel("web")?;
/// builder.add(&[email, web], None, Outcome::converted(80.0), 1)?;
/// builder.add(&[email], None, Outcome::NULL, 20)?;
/// let table = builder.finish();
/// assert_eq!((table.len(), table.journeys()), (2, 21));
/// # Ok::<(), attribution::JourneyError>(())
/// ```
#[derive(Debug, Clone)]
pub struct JourneyBuilder {
    policy: PathPolicy,
    names: Names,
    rules: Vec<ChannelRule>,
    /// A path is its number of touches, their channels, and their ages if it has them.
    paths: Slices,
    /// Null journeys of each path.
    nulls: Vec<u64>,
    outcomes: OutcomeNumbers,
    converting: Outcomes,
    /// Converting journeys without a touch left; they have no path, and its number means nothing.
    untouched: Outcomes,
    /// Customers with several journeys: the words of their [`Taken`] journeys.
    customers: Slices,
    customer_counts: Vec<u64>,
    /// The journeys of the customer in work.
    taken: Vec<Taken>,
    dropped: Dropped,
    /// The path in work, and the channels read from a text.
    key: Vec<u32>,
    read: Vec<ChannelId>,
}

impl JourneyBuilder {
    /// A builder of no journeys.
    pub fn new(policy: PathPolicy) -> Self {
        Self {
            policy,
            names: Names::default(),
            rules: Vec::new(),
            paths: Slices::default(),
            nulls: Vec::new(),
            outcomes: OutcomeNumbers::default(),
            converting: Outcomes::default(),
            untouched: Outcomes::default(),
            customers: Slices::default(),
            customer_counts: Vec::new(),
            taken: Vec::new(),
            dropped: Dropped::default(),
            key: Vec::new(),
            read: Vec::new(),
        }
    }

    /// The number of a channel in this builder; a new name gets the next one. The table numbers
    /// channels anew, by name.
    ///
    /// # Errors
    ///
    /// [`JourneyError::TooManyChannels`].
    pub fn channel(&mut self, name: &str) -> Result<ChannelId, JourneyError> {
        let channel = self.names.intern(name)?;
        if channel as usize == self.rules.len() {
            let policy = &self.policy;
            let own = policy.channel_lookback.get(name).copied();
            self.rules.push(ChannelRule {
                excluded: policy.excluded.iter().any(|excluded| excluded == name),
                lookback: own.or(policy.lookback).unwrap_or(u32::MAX),
            });
        }
        Ok(channel)
    }

    /// Takes `journeys` journeys of one path that each came to `outcome`.
    ///
    /// `ages` are seconds before the conversion (for a null journey: before its last touch), from
    /// the oldest to the youngest.
    ///
    /// # Errors
    ///
    /// [`JourneyError`]; nothing is taken then.
    pub fn add(
        &mut self,
        channels: &[ChannelId],
        ages: Option<&[u32]>,
        outcome: Outcome,
        journeys: u64,
    ) -> Result<(), JourneyError> {
        self.take(channels, ages, outcome, journeys).map(|_| ())
    }

    /// Takes a journey of the customer in work, as [`add`](Self::add) does.
    ///
    /// # Errors
    ///
    /// [`JourneyError`]; nothing is taken then.
    pub fn journey(
        &mut self,
        channels: &[ChannelId],
        ages: Option<&[u32]>,
        outcome: Outcome,
    ) -> Result<(), JourneyError> {
        let taken = self.take(channels, ages, outcome, 1)?;
        self.taken.extend(taken);
        Ok(())
    }

    /// Says that the [journeys](Self::journey) since the last call were one customer's, so that a
    /// [bootstrap](crate::bootstrap::bootstrap) draws them together.
    ///
    /// # Errors
    ///
    /// [`JourneyError::TooManyPaths`].
    pub fn end_customer(&mut self) -> Result<(), JourneyError> {
        if self.taken.len() > 1 {
            let words = self.taken.iter();
            let words: Vec<u32> = words
                .flat_map(|taken| [taken.path, taken.outcome])
                .collect();
            self.count_customers(&words, 1)?;
        }
        self.taken.clear();
        Ok(())
    }

    /// How many distinct paths there are so far; of converting journeys, with their ages.
    pub fn paths(&self) -> usize {
        self.paths.len()
    }

    /// Takes a row of an aggregated file: a path, the conversions and the value of its converting
    /// journeys together, and how many journeys did not convert.
    ///
    /// The conversions are taken as that many journeys with one conversion each and equal values;
    /// if they are not a whole number, as the next whole number of journeys with equal parts.
    ///
    /// # Errors
    ///
    /// [`JourneyError`]; nothing is taken then.
    pub fn add_row(
        &mut self,
        channels: &[ChannelId],
        conversions: f64,
        value: f64,
        nulls: u64,
    ) -> Result<(), JourneyError> {
        let together = Outcome { conversions, value };
        check_outcome(together)?;
        if !together.is_null() {
            let journeys = conversions.ceil();
            let each = Outcome {
                conversions: conversions / journeys,
                value: value / journeys,
            };
            self.take(channels, None, each, journeys as u64)?;
        }
        self.take(channels, None, Outcome::NULL, nulls).map(|_| ())
    }

    /// [`add_row`](Self::add_row) with the path as a text: names between separators, without the
    /// blanks around them. Empty names are passed over.
    ///
    /// # Errors
    ///
    /// [`JourneyError`]; nothing is taken then.
    pub fn add_text(
        &mut self,
        path: &str,
        separator: char,
        conversions: f64,
        value: f64,
        nulls: u64,
    ) -> Result<(), JourneyError> {
        let mut read = std::mem::take(&mut self.read);
        read.clear();
        for name in path.split(separator) {
            let name = name.trim_ascii();
            if !name.is_empty() {
                read.push(self.channel(name)?);
            }
        }
        let result = self.add_row(&read, conversions, value, nulls);
        self.read = read;
        result
    }

    /// Takes journeys; `None` if no touch of theirs is left.
    fn take(
        &mut self,
        channels: &[ChannelId],
        ages: Option<&[u32]>,
        outcome: Outcome,
        journeys: u64,
    ) -> Result<Option<Taken>, JourneyError> {
        self.check(channels, ages)?;
        check_outcome(outcome)?;
        // No negative zero, whose bits differ from those of zero.
        let outcome = Outcome {
            conversions: outcome.conversions + 0.0,
            value: outcome.value + 0.0,
        };
        if journeys == 0 {
            return Ok(None);
        }
        let number = self.outcomes.intern(outcome)?;
        self.write_key(channels, ages, !outcome.is_null(), journeys);
        let untouched = self.key.len() == 1;
        let path = match untouched {
            true => 0,
            false => self.paths.intern(&self.key)?,
        };
        let taken = Taken {
            path,
            outcome: number,
        };
        match (untouched, outcome.is_null()) {
            (true, true) => self.dropped.untouched_nulls += journeys,
            (true, false) => self.untouched.push(Count { taken, journeys }),
            (false, true) => {
                self.nulls.resize(self.paths.len(), 0);
                self.nulls[path as usize] += journeys;
            }
            (false, false) => self.converting.push(Count { taken, journeys }),
        }
        Ok((!untouched).then_some(taken))
    }

    fn count_customers(&mut self, words: &[u32], customers: u64) -> Result<(), JourneyError> {
        let number = self.customers.intern(words)? as usize;
        if number == self.customer_counts.len() {
            self.customer_counts.push(0);
        }
        self.customer_counts[number] += customers;
        Ok(())
    }

    pub(crate) fn dropped_mut(&mut self) -> &mut Dropped {
        &mut self.dropped
    }

    pub(crate) fn known_channels(&self) -> usize {
        self.rules.len()
    }

    fn check(&self, channels: &[ChannelId], ages: Option<&[u32]>) -> Result<(), JourneyError> {
        let known = self.rules.len();
        if let Some(&channel) = channels.iter().find(|&&channel| channel as usize >= known) {
            return Err(JourneyError::UnknownChannel { channel, known });
        }
        let Some(ages) = ages else { return Ok(()) };
        if ages.len() != channels.len() {
            let (touches, ages) = (channels.len(), ages.len());
            return Err(JourneyError::MismatchedAges { touches, ages });
        }
        match ages.is_sorted_by(|older, younger| older >= younger) {
            true => Ok(()),
            false => {
                let place = ages.windows(2).position(|pair| pair[0] < pair[1]);
                let position = place.map_or(0, |place| place + 1);
                Err(JourneyError::AgesOutOfOrder { position })
            }
        }
    }

    /// Adds the journeys of another builder with the same policy.
    ///
    /// # Errors
    ///
    /// [`JourneyError::TooManyPaths`] or [`JourneyError::TooManyChannels`]; part of the other
    /// builder may have been added then.
    pub fn merge(&mut self, other: Self) -> Result<(), JourneyError> {
        let channels = other
            .names
            .all()
            .iter()
            .map(|name| self.channel(name))
            .collect::<Result<Vec<_>, _>>()?;
        let arena = other.paths.into_arena();
        let mut paths = Vec::with_capacity(arena.len());
        for number in 0..arena.len() {
            let mut key = std::mem::take(&mut self.key);
            key.clear();
            key.extend_from_slice(arena.get(number));
            let touches = key[0] as usize;
            for channel in &mut key[1..=touches] {
                *channel = channels[*channel as usize];
            }
            let path = self.paths.intern(&key)?;
            self.key = key;
            self.nulls.resize(self.paths.len(), 0);
            self.nulls[path as usize] += other.nulls.get(number).copied().unwrap_or(0);
            paths.push(path);
        }
        drop(arena);
        let outcomes = 0..other.outcomes.len() as u32;
        let outcomes: Vec<u32> = outcomes
            .map(|number| self.outcomes.intern(other.outcomes.get(number)))
            .collect::<Result<_, _>>()?;
        let outcome = |count: &Count| outcomes[count.taken.outcome as usize];
        for count in other.untouched.counts {
            let taken = Taken {
                outcome: outcome(&count),
                ..count.taken
            };
            self.untouched.push(Count { taken, ..count });
        }
        for count in other.converting.counts {
            let taken = Taken {
                path: paths[count.taken.path as usize],
                outcome: outcome(&count),
            };
            self.converting.push(Count { taken, ..count });
        }
        for number in 0..other.customers.len() {
            let mut words = other.customers.get(number).to_vec();
            for taken in words.as_chunks_mut::<TAKEN_WORDS>().0 {
                let [path, outcome] = *taken;
                *taken = [paths[path as usize], outcomes[outcome as usize]];
            }
            self.count_customers(&words, other.customer_counts[number])?;
        }
        self.dropped.add(&other.dropped);
        Ok(())
    }
}

impl Dropped {
    /// Adds the counts of another builder; what is summed in a fixed order is summed at the end.
    fn add(&mut self, other: &Self) {
        self.excluded += other.excluded;
        self.too_old += other.too_old;
        self.repeats += other.repeats;
        self.beyond_longest += other.beyond_longest;
        self.after_first_conversion += other.after_first_conversion;
        self.duplicate_conversions += other.duplicate_conversions;
        self.later_conversions += other.later_conversions;
        self.untouched_nulls += other.untouched_nulls;
    }
}

pub(crate) fn check_outcome(outcome: Outcome) -> Result<(), JourneyError> {
    let Outcome { conversions, value } = outcome;
    if !(conversions.is_finite() && conversions >= 0.0) {
        return Err(JourneyError::InvalidConversions { conversions });
    }
    if !value.is_finite() {
        return Err(JourneyError::InvalidValue { value });
    }
    if outcome.is_null() && value != 0.0 {
        return Err(JourneyError::ValueWithoutConversion { value });
    }
    Ok(())
}
