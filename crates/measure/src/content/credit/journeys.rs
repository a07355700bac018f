//! Journeys from the events of customers, as the engine's threads have them.

use std::collections::{BTreeMap, HashMap};

use attribution::{
    AfterConversion as Cutting, ChannelId, JourneyBuilder, JourneyError, JourneyTable, Outcome,
    PathPolicy, TouchStream,
};
use catalog::{AfterConversion, LifetimeConversion};
use lake::{Chunk, Lake, LakeError, WrongColumn};

use super::events::{column, what};
use crate::error::MeasureError;

/// A touch this soon after a conversion that no touch came before may be its cause, on a clock that is wrong. How many
/// there are by chance, those show that come later than this and not later than twice of it.
const SKEW: i64 = 5 * 60 * MICROSECONDS_A_SECOND;
const MICROSECONDS_A_SECOND: i64 = 1_000_000;
pub(super) const MICROSECONDS_A_DAY: i64 = 86_400 * MICROSECONDS_A_SECOND;

/// The journeys of all customers, and what was met on the way.
#[derive(Debug, Clone)]
pub(super) struct Journeys {
    /// Paths whose touches have no ages: what all models but those of time decay see.
    pub(super) table: JourneyTable,
    /// The same paths with ages.
    pub(super) aged: JourneyTable,
    /// By the names of what is credited.
    pub(super) keys: BTreeMap<String, KeyCount>,
    pub(super) channels: BTreeMap<String, ChannelCount>,
    pub(super) counts: Counts,
}

/// What was met of one of those that are credited.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct KeyCount {
    pub(super) touches: u64,
    pub(super) clicks: u64,
    /// Touches that a conversion or a null journey ends with, within their window.
    pub(super) in_journeys: u64,
    /// In millionths of the currency.
    pub(super) cost: i128,
    /// Touches by the direct channel.
    pub(super) direct: u64,
}

/// What was met of a channel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ChannelCount {
    pub(super) touches: u64,
    /// Conversions without a touch before them that have one of this channel within five minutes after.
    pub(super) soon: u64,
    /// The same, after five minutes and within ten.
    pub(super) later: u64,
}

/// What was met over all customers.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    pub(super) customers: u64,
    pub(super) touches: u64,
    pub(super) conversions: u64,
    /// Conversions without a value.
    pub(super) worthless: u64,
    /// Conversions that are worth less than nothing.
    pub(super) negative: u64,
    /// Conversions after a customer's first, where that alone counts.
    pub(super) later_conversions: u64,
    /// Touches after a customer's last conversion, of customers who converted.
    pub(super) after_last: u64,
    /// Touches whose window had passed.
    pub(super) too_old: u64,
    /// Conversions of one customer at the same time with the same value.
    pub(super) alike: u64,
    /// Rows of the fact that were the same in every column as others.
    pub(super) repeated_rows: u64,
    /// The most touches of a journey.
    pub(super) longest: u64,
    /// Rows that could not be used, by [`what`].
    pub(super) dropped: [u64; what::COUNT],
    /// The last touches of null journeys, by day.
    pub(super) null_days: BTreeMap<i64, u64>,
    /// The first and last conversion, in microseconds.
    pub(super) period: Option<(i64, i64)>,
}

/// How journeys are made of events.
#[derive(Debug, Clone)]
pub(super) struct Making {
    pub(super) place: String,
    pub(super) after: AfterConversion,
    pub(super) direct: Option<String>,
    pub(super) valued: Valued,
}

/// Which conversions of a customer keep their value; the others are worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Valued {
    All,
    One(LifetimeConversion),
}

impl Valued {
    /// What a conversion is worth, given whether the customer had converted before and does again.
    fn value(self, conversion: &Event, is_first: bool, is_last: bool) -> f64 {
        let keeps = match self {
            Self::All => true,
            Self::One(LifetimeConversion::Acquisition) => is_first,
            Self::One(LifetimeConversion::Retention) => is_last,
        };
        if keeps { conversion.value } else { 0.0 }
    }
}

/// Reads the events of all customers and makes their journeys, on all threads of the engine.
///
/// # Errors
///
/// The engine's; a customer whose rows do not add up; more distinct paths than can be numbered.
pub(super) fn journeys(
    lake: &Lake,
    query: &str,
    making: &Making,
) -> Result<Journeys, MeasureError> {
    let context = format!("cannot make the journeys of {}", making.place);
    let (of_state, of_step) = (making.clone(), making.clone());
    let makers: Vec<Maker> = lake
        .engine()
        .fold(
            query,
            column::COUNT,
            &context,
            move || Maker::new(of_state.clone()),
            |maker, chunk| maker.add(chunk).map_err(Failure::Journey),
        )
        .map_err(|failure| failure.told(&of_step.place))?;
    let mut all = Maker::new(making.clone());
    for maker in makers {
        all.merge(maker)
            .map_err(|failed| Failure::Journey(failed).told(&making.place))?;
    }
    all.finish()
        .map_err(|failed| Failure::Journey(failed).told(&making.place))
}

/// Why journeys cannot be made.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Journey(Failed),
}

/// Why a row or a journey cannot be taken.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Column(#[from] WrongColumn),
    #[error(transparent)]
    Journey(#[from] JourneyError),
    #[error("the engine gave {rows} of the {size} rows of customer `{customer}`")]
    Incomplete {
        customer: String,
        rows: usize,
        size: usize,
    },
}

impl Failure {
    fn told(self, place: &str) -> MeasureError {
        match self {
            Self::Lake(error) => error.into(),
            Self::Journey(failed) => MeasureError::Unusable {
                place: place.to_owned(),
                message: failed.to_string(),
            },
        }
    }
}

/// One row of a customer.
#[derive(Debug, Clone, Copy)]
struct Event {
    moment: i64,
    until: i64,
    what: u8,
    key: ChannelId,
    channel: u32,
    value: f64,
    number: i64,
}

impl Event {
    fn is_touch(&self) -> bool {
        self.what < what::CONVERSION
    }
}

/// The rows of a customer that came in several chunks.
#[derive(Debug, Clone, Default)]
struct Pieces {
    size: usize,
    events: Vec<(i64, Event)>,
}

/// Names with small numbers.
#[derive(Debug, Clone, Default)]
struct Names {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    /// The number of a name, and whether it is new.
    fn number(&mut self, name: &str) -> (u32, bool) {
        if let Some(&number) = self.numbers.get(name) {
            return (number, false);
        }
        // There are not more names than rows of a chunk in each of fewer than 2^32 chunks.
        let number = self.names.len() as u32;
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        (number, true)
    }
}

/// Makes journeys in one thread.
struct Maker {
    making: Making,
    plain: JourneyBuilder,
    aged: JourneyBuilder,
    keys: Names,
    channels: Names,
    key_counts: Vec<KeyCount>,
    channel_counts: Vec<ChannelCount>,
    counts: Counts,
    pieces: HashMap<String, Pieces>,
}

impl Maker {
    fn new(making: Making) -> Self {
        Self {
            making,
            plain: JourneyBuilder::new(PathPolicy::default()),
            aged: JourneyBuilder::new(PathPolicy::default()),
            keys: Names::default(),
            channels: Names::default(),
            key_counts: Vec::new(),
            channel_counts: Vec::new(),
            counts: Counts::default(),
            pieces: HashMap::new(),
        }
    }

    /// The number of what is credited, the same in both builders.
    fn key(&mut self, name: &str) -> Result<ChannelId, JourneyError> {
        let (number, is_new) = self.keys.number(name);
        if is_new {
            self.plain.channel(name)?;
            self.aged.channel(name)?;
            self.key_counts.push(KeyCount::default());
        }
        Ok(number)
    }

    fn channel(&mut self, name: &str) -> u32 {
        let (number, is_new) = self.channels.number(name);
        if is_new {
            self.channel_counts.push(ChannelCount::default());
        }
        number
    }

    /// Takes the rows of a chunk. Customers whose rows are all in it are done with at once; the others wait.
    fn add(&mut self, chunk: &Chunk<'_>) -> Result<(), Failed> {
        let positions = chunk.values::<i64>(column::POSITION)?;
        let sizes = chunk.values::<i64>(column::SIZE)?;
        let moments = chunk.values::<i64>(column::MOMENT)?;
        let untils = chunk.values::<i64>(column::UNTIL)?;
        let kinds = chunk.values::<u8>(column::WHAT)?;
        let values = chunk.values::<f64>(column::VALUE)?;
        let numbers = chunk.values::<i64>(column::NUMBER)?;
        let keys = chunk.texts(column::KEY)?;
        let channels = chunk.texts(column::CHANNEL)?;
        let customers = chunk.texts(column::CUSTOMER)?;

        let mut events = Vec::with_capacity(chunk.rows());
        for row in 0..chunk.rows() {
            let mut event = Event {
                moment: moments[row],
                until: untils[row],
                what: kinds[row],
                key: 0,
                channel: 0,
                value: values[row],
                number: numbers[row],
            };
            if event.is_touch() {
                event.key = self.key(keys.get(row).unwrap_or_default())?;
                event.channel = self.channel(channels.get(row).unwrap_or_default());
            }
            events.push(event);
        }

        let mut walk = Walk::new(self);
        let mut row = 0;
        while row < events.len() {
            if events[row].what >= what::DROPPED {
                walk.dropped(events[row].what);
                row += 1;
                continue;
            }
            let size = usize::try_from(sizes[row]).unwrap_or(0);
            let end = row + size;
            let is_whole = size > 0
                && end <= events.len()
                && (row..end)
                    .zip(1..)
                    .all(|(row, place)| positions[row] == place)
                && customers.get(row) == customers.get(end - 1);
            if is_whole {
                walk.customer(&events[row..end])?;
                row = end;
            } else {
                let customer = customers.get(row).unwrap_or_default();
                walk.piece(customer, size, positions[row], events[row])?;
                row += 1;
            }
        }
        walk.finish()?;
        Ok(())
    }

    fn merge(&mut self, mut other: Self) -> Result<(), Failed> {
        let keys: Vec<ChannelId> = (other.keys.names.iter())
            .map(|name| self.key(name))
            .collect::<Result<_, _>>()?;
        let channels: Vec<u32> = (other.channels.names.iter())
            .map(|name| self.channel(name))
            .collect();
        for (number, count) in keys.iter().zip(&other.key_counts) {
            self.key_counts[*number as usize].add(count);
        }
        for (number, count) in channels.iter().zip(&other.channel_counts) {
            self.channel_counts[*number as usize].add(count);
        }
        self.counts.add(&other.counts);
        self.plain.merge(other.plain)?;
        self.aged.merge(other.aged)?;
        let mut walk = Walk::new(self);
        for (customer, pieces) in other.pieces.drain() {
            for (position, mut event) in pieces.events {
                if event.is_touch() {
                    event.key = keys[event.key as usize];
                    event.channel = channels[event.channel as usize];
                }
                walk.piece(&customer, pieces.size, position, event)?;
            }
        }
        walk.finish()?;
        Ok(())
    }

    fn finish(self) -> Result<Journeys, Failed> {
        if let Some((customer, pieces)) = self.pieces.into_iter().next() {
            return Err(Failed::Incomplete {
                customer,
                rows: pieces.events.len(),
                size: pieces.size,
            });
        }
        Ok(Journeys {
            table: self.plain.finish(),
            aged: self.aged.finish(),
            keys: self.keys.names.into_iter().zip(self.key_counts).collect(),
            channels: (self.channels.names.into_iter())
                .zip(self.channel_counts)
                .collect(),
            counts: self.counts,
        })
    }
}

/// Goes through customers one after another and gives their journeys to the builders.
///
/// Each journey is given as a stretch of time of its own that ends with its conversion, so that which touches belong to
/// it, and how old they were, is decided here and nowhere else.
struct Walk<'m> {
    maker: &'m mut Maker,
    plain: TouchStream,
    aged: TouchStream,
    /// The number of the customer, and where the last journey ended on the customer's own clock.
    customer: u64,
    clock: i64,
    journey: u64,
    open: Vec<usize>,
    taken: Vec<usize>,
}

impl<'m> Walk<'m> {
    fn new(maker: &'m mut Maker) -> Self {
        let nothing = || JourneyBuilder::new(PathPolicy::default());
        let plain = std::mem::replace(&mut maker.plain, nothing());
        let aged = std::mem::replace(&mut maker.aged, nothing());
        Self {
            maker,
            plain: TouchStream::new(plain, Cutting::Cut),
            aged: TouchStream::new(aged, Cutting::Cut),
            customer: 0,
            clock: 0,
            journey: 0,
            open: Vec::new(),
            taken: Vec::new(),
        }
    }

    fn finish(self) -> Result<(), JourneyError> {
        self.maker.plain = self.plain.finish()?;
        self.maker.aged = self.aged.finish()?;
        Ok(())
    }

    fn dropped(&mut self, kind: u8) {
        if let Some(count) = self.maker.counts.dropped.get_mut(usize::from(kind)) {
            *count += 1;
        }
    }

    /// A row of a customer whose rows are not all in one chunk.
    fn piece(
        &mut self,
        customer: &str,
        size: usize,
        position: i64,
        event: Event,
    ) -> Result<(), JourneyError> {
        let waiting = &mut self.maker.pieces;
        if !waiting.contains_key(customer) {
            waiting.insert(customer.to_owned(), Pieces::default());
        }
        let Some(pieces) = waiting.get_mut(customer) else {
            return Ok(());
        };
        pieces.size = size;
        pieces.events.push((position, event));
        if pieces.events.len() < size {
            return Ok(());
        }
        let mut events = std::mem::take(&mut pieces.events);
        waiting.remove(customer);
        events.sort_unstable_by_key(|(position, _)| *position);
        let events: Vec<Event> = events.into_iter().map(|(_, event)| event).collect();
        self.customer(&events)
    }

    /// The journeys of one customer, whose rows are in the order of time.
    fn customer(&mut self, events: &[Event]) -> Result<(), JourneyError> {
        self.customer += 1;
        self.clock = 0;
        self.journey = 0;
        self.open.clear();
        self.maker.counts.customers += 1;
        let Making { after, valued, .. } = self.maker.making;
        let last = events.iter().rposition(|event| !event.is_touch());
        let mut last_conversion: Option<Event> = None;
        for (place, event) in events.iter().enumerate() {
            if event.is_touch() {
                self.count_touch(event);
                self.open.push(place);
                continue;
            }
            self.count_conversion(event, last_conversion.as_ref());
            if after == AfterConversion::FirstOnly && last_conversion.is_some() {
                self.maker.counts.later_conversions += 1;
                continue;
            }
            self.take(events, event.moment);
            if self.taken.is_empty() {
                self.count_next(event, events.get(place + 1));
            }
            let value = valued.value(event, last_conversion.is_none(), last == Some(place));
            self.journey(events, event.moment, Some(value))?;
            if after == AfterConversion::Cut {
                self.open.clear();
            }
            last_conversion = Some(*event);
        }
        if let Some(conversion) = last_conversion {
            let first_after = events.partition_point(|event| event.moment <= conversion.moment);
            let later = events[first_after..]
                .iter()
                .filter(|event| event.is_touch());
            self.maker.counts.after_last += later.count() as u64;
            self.open.retain(|&touch| touch >= first_after);
            if after == AfterConversion::FirstOnly {
                self.open.clear();
            }
        }
        let Some(&last) = self.open.last() else {
            return Ok(());
        };
        let end = events[last].moment;
        self.take(events, end);
        let day = end.div_euclid(MICROSECONDS_A_DAY);
        *self.maker.counts.null_days.entry(day).or_default() += 1;
        self.journey(events, end, None)
    }

    /// What follows a conversion that no touch came before.
    fn count_next(&mut self, conversion: &Event, next: Option<&Event>) {
        let Some(next) = next.filter(|next| next.is_touch()) else {
            return;
        };
        let count = &mut self.maker.channel_counts[next.channel as usize];
        let wait = next.moment - conversion.moment;
        count.soon += u64::from(wait <= SKEW);
        count.later += u64::from(wait > SKEW && wait <= 2 * SKEW);
    }

    fn count_touch(&mut self, touch: &Event) {
        let maker = &mut *self.maker;
        maker.counts.touches += 1;
        maker.channel_counts[touch.channel as usize].touches += 1;
        let is_direct = match &maker.making.direct {
            Some(direct) => maker.channels.names[touch.channel as usize] == *direct,
            None => false,
        };
        let count = &mut maker.key_counts[touch.key as usize];
        count.touches += 1;
        count.clicks += u64::from(touch.what == what::CLICK);
        count.cost += i128::from(touch.number);
        count.direct += u64::from(is_direct);
    }

    fn count_conversion(&mut self, conversion: &Event, before: Option<&Event>) {
        let counts = &mut self.maker.counts;
        counts.conversions += 1;
        counts.worthless += u64::from(conversion.what == what::WORTHLESS);
        counts.negative += u64::from(conversion.value < 0.0);
        counts.repeated_rows += u64::try_from(conversion.number).unwrap_or(0);
        let is_alike =
            |before: &Event| before.moment == conversion.moment && before.value == conversion.value;
        counts.alike += u64::from(before.is_some_and(is_alike));
        let moment = conversion.moment;
        let (first, last) = counts.period.unwrap_or((moment, moment));
        counts.period = Some((first.min(moment), last.max(moment)));
    }

    /// Takes those of the open touches that still count at a time.
    fn take(&mut self, events: &[Event], end: i64) {
        self.taken.clear();
        let counts = |&&touch: &&usize| events[touch].until >= end;
        self.taken.extend(self.open.iter().filter(counts));
        let counts = &mut self.maker.counts;
        counts.too_old += (self.open.len() - self.taken.len()) as u64;
        counts.longest = counts.longest.max(self.taken.len() as u64);
    }

    /// Gives the journey of the taken touches to the builders.
    fn journey(
        &mut self,
        events: &[Event],
        end: i64,
        value: Option<f64>,
    ) -> Result<(), JourneyError> {
        let age = |touch: usize| (end - events[touch].moment) / MICROSECONDS_A_SECOND;
        let oldest = self.taken.first().map_or(0, |&touch| age(touch));
        for &touch in &self.taken {
            let key = events[touch].key;
            self.maker.key_counts[key as usize].in_journeys += 1;
            self.plain.touch(self.customer, self.clock, key)?;
            let moment = self.clock + oldest - age(touch);
            self.aged.touch(self.customer, moment, key)?;
        }
        if let Some(value) = value {
            let outcome = Outcome::converted(value);
            self.journey += 1;
            self.plain
                .conversion(self.customer, self.clock, self.journey, outcome)?;
            self.clock += oldest;
            self.aged
                .conversion(self.customer, self.clock, self.journey, outcome)?;
        }
        Ok(())
    }
}

impl ChannelCount {
    fn add(&mut self, other: &Self) {
        self.touches += other.touches;
        self.soon += other.soon;
        self.later += other.later;
    }
}

impl KeyCount {
    fn add(&mut self, other: &Self) {
        self.touches += other.touches;
        self.clicks += other.clicks;
        self.in_journeys += other.in_journeys;
        self.cost += other.cost;
        self.direct += other.direct;
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.customers += other.customers;
        self.touches += other.touches;
        self.conversions += other.conversions;
        self.worthless += other.worthless;
        self.negative += other.negative;
        self.later_conversions += other.later_conversions;
        self.after_last += other.after_last;
        self.too_old += other.too_old;
        self.alike += other.alike;
        self.repeated_rows += other.repeated_rows;
        self.longest = self.longest.max(other.longest);
        for (count, other) in self.dropped.iter_mut().zip(other.dropped) {
            *count += other;
        }
        for (day, journeys) in &other.null_days {
            *self.null_days.entry(*day).or_default() += journeys;
        }
        self.period = match (self.period, other.period) {
            (Some((first, last)), Some(other)) => Some((first.min(other.0), last.max(other.1))),
            (own, other) => own.or(other),
        };
    }

    /// Rows that could not be used for a reason.
    pub(super) fn dropped(&self, kind: u8) -> u64 {
        self.dropped.get(usize::from(kind)).copied().unwrap_or(0)
    }
}
