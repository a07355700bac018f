//! Builds a [`JourneyTable`] from journeys, in one pass.

use std::collections::BTreeMap;

use crate::error::JourneyError;
use crate::intern::{Arena, Names, Slices};
use crate::path::{
    ChannelId, Customers, Dropped, JourneyTable, Outcome, OutcomeCount, PathTotals, Totals,
};

/// What becomes of a touch of the same channel as the touch before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repeats {
    /// It stays.
    #[default]
    Keep,
    /// It is dropped: of a run of touches of one channel, the first stays.
    Collapse,
}

/// How a journey becomes a path, before any model weighs it. Channels are named, so that builders
/// on different threads can share it.
///
/// The rules apply in this order: exclusion, lookback, repeats, longest path.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PathPolicy {
    /// Channels whose touches are left out, so that the others share all credit.
    pub excluded: Vec<String>,
    /// A touch older than this before the conversion (for a null journey, before its last touch)
    /// is left out, in seconds; a touch of exactly this age stays. Touches without ages stay.
    pub lookback: Option<u32>,
    /// Lookbacks of single channels, which go before the general one.
    pub channel_lookback: BTreeMap<String, u32>,
    /// Repeated channels.
    pub repeats: Repeats,
    /// The most touches of a path; earlier ones are left out.
    pub longest: Option<usize>,
}

/// What the policy says of one channel.
#[derive(Debug, Clone, Copy)]
struct ChannelRule {
    excluded: bool,
    lookback: u32,
}

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

/// Converting journeys, equal ones added up now and then.
#[derive(Debug, Clone, Default)]
struct Outcomes {
    counts: Vec<Count>,
    /// How many there were after equal ones were last added up.
    distinct: usize,
}

/// Journeys of one path that came to the same.
#[derive(Debug, Clone, Copy)]
struct Count {
    taken: Taken,
    journeys: u64,
}

/// Converting journeys kept before equal ones are first added up.
const FEW: usize = 1 << 16;

impl Outcomes {
    fn push(&mut self, count: Count) {
        self.counts.push(count);
        if self.counts.len() >= FEW.max(2 * self.distinct) {
            self.compact();
        }
    }

    fn compact(&mut self) {
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
struct Taken {
    path: u32,
    outcome: u32,
}

/// Words of a [`Taken`] journey.
const TAKEN_WORDS: usize = 2;
/// Words of an outcome: the bits of conversions and value.
const OUTCOME_WORDS: usize = 4;

/// Distinct outcomes, numbered: far fewer than journeys, which so take little room.
#[derive(Debug, Clone, Default)]
struct OutcomeNumbers(Slices);

impl OutcomeNumbers {
    fn intern(&mut self, outcome: Outcome) -> Result<u32, JourneyError> {
        let halves = |x: f64| [(x.to_bits() >> 32) as u32, x.to_bits() as u32];
        let [c1, c0] = halves(outcome.conversions);
        let [v1, v0] = halves(outcome.value);
        let words: [u32; OUTCOME_WORDS] = [c1, c0, v1, v0];
        self.0.intern(&words)
    }

    fn get(&self, number: u32) -> Outcome {
        let whole = |high: u32, low: u32| f64::from_bits(u64::from(high) << 32 | u64::from(low));
        let words = self.0.get(number as usize);
        Outcome {
            conversions: whole(words[0], words[1]),
            value: whole(words[2], words[3]),
        }
    }
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

    /// Writes the path that the policy leaves of a journey.
    fn write_key(
        &mut self,
        channels: &[ChannelId],
        ages: Option<&[u32]>,
        converted: bool,
        journeys: u64,
    ) {
        let collapse = self.policy.repeats == Repeats::Collapse;
        let key = &mut self.key;
        key.clear();
        key.push(0);
        // The ages that stay are gathered behind the channels, after a first pass over these.
        let stays = |touch: usize, previous: Option<ChannelId>, dropped: &mut Dropped| {
            let channel = channels[touch];
            let rule = self.rules[channel as usize];
            if rule.excluded {
                dropped.excluded += journeys;
            } else if ages.is_some_and(|ages| ages[touch] > rule.lookback) {
                dropped.too_old += journeys;
            } else if collapse && previous == Some(channel) {
                dropped.repeats += journeys;
            } else {
                return true;
            }
            false
        };
        let mut previous = None;
        for (touch, &channel) in channels.iter().enumerate() {
            if stays(touch, previous, &mut self.dropped) {
                previous = Some(channel);
                key.push(channel);
            }
        }
        let kept = key.len() - 1;
        if let (Some(ages), true) = (ages, converted) {
            let mut previous = None;
            for (touch, &channel) in channels.iter().enumerate() {
                if stays(touch, previous, &mut Dropped::default()) {
                    previous = Some(channel);
                    key.push(ages[touch]);
                }
            }
        }
        let longest = self.policy.longest.unwrap_or(usize::MAX);
        let surplus = kept.saturating_sub(longest);
        if surplus > 0 {
            self.dropped.beyond_longest += surplus as u64 * journeys;
            if key.len() > 1 + kept {
                key.drain(1 + kept..1 + kept + surplus);
            }
            key.drain(1..=surplus);
        }
        // Paths of more than 2^32 touches cannot be in memory.
        key[0] = (kept - surplus) as u32;
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
        let outcomes = 0..other.outcomes.0.len() as u32;
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

    /// The table of all journeys taken.
    pub fn finish(mut self) -> JourneyTable {
        self.converting.compact();
        self.untouched.compact();
        let counted = |count: &Count, path: u32| OutcomeCount {
            path,
            journeys: count.journeys,
            outcome: self.outcomes.get(count.taken.outcome),
        };
        let untouched = self.untouched.counts.iter();
        let mut untouched: Vec<OutcomeCount> = untouched.map(|count| counted(count, 0)).collect();
        untouched.sort_unstable_by_key(outcome_order);
        for untouched in &untouched {
            self.dropped.untouched_journeys += untouched.journeys;
            self.dropped.untouched.add(untouched);
        }
        let (channels, ranks) = sorted_names(self.names.all());
        let arena = self.paths.into_arena();
        let order = sorted_paths(&arena, &ranks);
        // Where each of the builder's paths went.
        let mut places = vec![0_u32; order.len()];
        for (place, &number) in order.iter().enumerate() {
            places[number as usize] = place as u32;
        }

        let mut table = JourneyTable {
            channels,
            touches: Vec::with_capacity(arena.words().saturating_sub(arena.len())),
            ends: Vec::with_capacity(order.len()),
            ages: Vec::new(),
            age_ends: Vec::with_capacity(order.len()),
            totals: vec![PathTotals::default(); order.len()],
            outcomes: Vec::new(),
            customers: Customers::default(),
            total: Totals::default(),
            dropped: self.dropped,
        };
        for &number in &order {
            let key = arena.get(number as usize);
            let (touches, ages) = key[1..].split_at(key[0] as usize);
            let renumbered = touches.iter().map(|&channel| ranks[channel as usize]);
            table.touches.extend(renumbered);
            table.ends.push(table.touches.len());
            table.ages.extend_from_slice(ages);
            table.age_ends.push(table.ages.len());
        }
        drop(arena);

        let null = |(number, &journeys): (usize, &u64)| OutcomeCount {
            path: places[number],
            journeys,
            outcome: Outcome::NULL,
        };
        let nulls = self
            .nulls
            .iter()
            .enumerate()
            .filter(|(_, journeys)| **journeys > 0);
        table.outcomes = nulls.map(null).collect();
        let converting = self.converting.counts.iter();
        table
            .outcomes
            .extend(converting.map(|count| counted(count, places[count.taken.path as usize])));
        table.outcomes.sort_unstable_by_key(outcome_order);
        table.add_up();

        let journey = |&[path, outcome]: &[u32; TAKEN_WORDS]| {
            let key = order_key(places[path as usize], self.outcomes.get(outcome));
            // Every journey of a customer was counted among the outcomes.
            let place = table
                .outcomes
                .partition_point(|other| outcome_order(other) < key);
            place as u32
        };
        let mut journeys = Slices::default();
        let mut customers = Vec::new();
        for (number, &count) in self.customer_counts.iter().enumerate() {
            let (taken, _) = self.customers.get(number).as_chunks::<TAKEN_WORDS>();
            customers.push((journeys.add(taken.iter().map(journey)), count));
        }
        drop(self.customers);
        customers.sort_unstable_by(|&(a, _), &(b, _)| journeys.get(a).cmp(journeys.get(b)));
        for (number, customers) in customers {
            table.customers.push(customers, journeys.get(number));
        }
        table
    }
}

impl JourneyTable {
    /// The same journeys with other values: `value` gives that of a conversion from the one it had.
    ///
    /// What journeys without a touch were worth is only known as a sum, and is zero afterwards.
    #[must_use]
    pub fn revalued(&self, value: impl Fn(f64) -> f64) -> Self {
        let mut table = self.clone();
        let converting = table.outcomes.iter_mut();
        for count in converting.filter(|count| !count.outcome.is_null()) {
            count.outcome.value = value(count.outcome.value);
        }
        table.dropped.untouched.value = 0.0;
        table.totals.fill(PathTotals::default());
        table.total = Totals::default();
        table.add_up();
        table
    }

    /// Sums the outcomes into the paths' totals and the grand total, in their order.
    fn add_up(&mut self) {
        for count in &self.outcomes {
            let totals = &mut self.totals[count.path as usize];
            if count.outcome.is_null() {
                totals.nulls += count.journeys as f64;
            } else {
                totals.conversions += count.outcome.conversions * count.journeys as f64;
                totals.value += count.outcome.value * count.journeys as f64;
            }
        }
        for totals in &self.totals {
            self.total.conversions += totals.conversions;
            self.total.value += totals.value;
        }
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

impl Totals {
    fn add(&mut self, count: &OutcomeCount) {
        self.conversions += count.outcome.conversions * count.journeys as f64;
        self.value += count.outcome.value * count.journeys as f64;
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

/// The order of outcomes: by path, then conversions (nulls first), then value.
fn order_key(path: u32, outcome: Outcome) -> (u32, u64, u64) {
    // Conversions are not negative, so that their bits are ordered as they are; values are
    // ordered in some way.
    (path, outcome.conversions.to_bits(), outcome.value.to_bits())
}

fn outcome_order(count: &OutcomeCount) -> (u32, u64, u64) {
    order_key(count.path, count.outcome)
}

/// Names in order, and the place of each in it.
fn sorted_names(names: &[String]) -> (Vec<String>, Vec<u32>) {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_unstable_by(|&a, &b| names[a].cmp(&names[b]));
    let mut ranks = vec![0; names.len()];
    for (rank, &number) in order.iter().enumerate() {
        ranks[number] = rank as u32;
    }
    (order.iter().map(|&i| names[i].clone()).collect(), ranks)
}

/// The numbers of the paths in the order of their channels' ranks, then their ages.
///
/// Sorted by as many first touches as fit into one word; whole paths are compared only where
/// these are equal.
fn sorted_paths(arena: &Arena, ranks: &[u32]) -> Vec<u32> {
    // One more digit than channels: zero stands for "no touch".
    let bits = usize::BITS - ranks.len().leading_zeros();
    let digits = 64 / bits.max(1);
    let prefix = |number: usize| {
        let key = arena.get(number);
        let touches = &key[1..=key[0] as usize];
        (0..digits as usize).fold(0_u64, |word, place| {
            let digit = touches
                .get(place)
                .map_or(0, |&channel| ranks[channel as usize] + 1);
            word << bits | u64::from(digit)
        })
    };
    let full = |number: u32| {
        let key = arena.get(number as usize);
        let (touches, ages) = key[1..].split_at(key[0] as usize);
        (touches.iter().map(|&channel| ranks[channel as usize]), ages)
    };
    let numbers = 0..arena.len() as u32;
    let mut order: Vec<(u64, u32)> = numbers.map(|i| (prefix(i as usize), i)).collect();
    order.sort_unstable_by(|&(a, i), &(b, j)| {
        a.cmp(&b).then_with(|| {
            let ((left, left_ages), (right, right_ages)) = (full(i), full(j));
            left.cmp(right).then_with(|| left_ages.cmp(right_ages))
        })
    });
    order.into_iter().map(|(_, number)| number).collect()
}
