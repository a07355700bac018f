//! Journeys of all customers, from their events as the engine's threads have them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use attribution::{ChannelId, JourneyBuilder, JourneyError, JourneyTable, PathPolicy};
use catalog::{AfterConversion, LifetimeConversion};
use lake::{Chunk, Codes, Lake, LakeError, WrongColumn};

use super::aged::{Aged, AgedError, AgedMaker, Keeping};
use super::counts::{ChannelCount, Counts, KeyCount};
use super::events::{column, what};
use super::walk::{Event, Room, Walk, settle};
use crate::error::MeasureError;

pub(super) const MICROSECONDS_A_SECOND: i64 = 1_000_000;
pub(super) const MICROSECONDS_A_DAY: i64 = 86_400 * MICROSECONDS_A_SECOND;

/// The journeys of all customers, and what was met on the way.
#[derive(Debug, Clone)]
pub(super) struct Journeys {
    /// Paths whose touches have no ages: what all models but those of time decay see.
    pub(super) table: JourneyTable,
    /// The same paths with ages.
    pub(super) aged: Aged,
    /// By the names of what is credited.
    pub(super) keys: BTreeMap<String, KeyCount>,
    pub(super) channels: BTreeMap<String, ChannelCount>,
    pub(super) counts: Counts,
}

impl Journeys {
    /// Of how many customers a sample as large as this one would be. None where only those who converted are on record:
    /// how many these are is chance as well.
    pub(super) fn customers(&self) -> Option<u64> {
        (self.counts.unconverted > 0).then_some(self.counts.customers)
    }
}

/// How journeys are made of events.
#[derive(Debug, Clone)]
pub(super) struct Making {
    pub(super) place: String,
    pub(super) after: AfterConversion,
    pub(super) direct: Option<String>,
    pub(super) valued: Valued,
    pub(super) keeping: Keeping,
}

/// Which conversions of a customer keep their value; the others are worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Valued {
    All,
    One(LifetimeConversion),
}

impl Valued {
    /// What a conversion is worth, given whether the customer had converted before and does again.
    pub(super) fn value(self, value: f64, is_first: bool, is_last: bool) -> f64 {
        let keeps = match self {
            Self::All => true,
            Self::One(LifetimeConversion::Acquisition) => is_first,
            Self::One(LifetimeConversion::Retention) => is_last,
        };
        if keeps { value } else { 0.0 }
    }
}

/// Reads the events of all customers and makes their journeys, on all threads of the engine.
///
/// The engine sorts, and spills what does not fit into its memory. What is held beside it are the distinct paths, one
/// number or two for each journey, and some journeys with ages: see [`Keeping`].
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
    let codes = lake.engine().codes();
    let (of_state, of_codes) = (making.clone(), codes.clone());
    let makers: Vec<Maker> = lake
        .engine()
        .fold(
            query,
            column::COUNT,
            &context,
            move || Maker::new(of_state.clone(), of_codes.clone()),
            |maker, chunk| maker.add(chunk).map_err(Failure::Journey),
        )
        .map_err(|failure| failure.told(&making.place))?;
    let mut all = Maker::new(making.clone(), codes.clone());
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
    #[error(transparent)]
    Aged(#[from] AgedError),
    #[error("the engine gave {rows} of the {size} rows of a customer")]
    Incomplete { rows: usize, size: usize },
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

/// The rows of a customer that came in several chunks, with their places.
#[derive(Debug, Clone, Default)]
struct Pieces {
    size: usize,
    events: Vec<(i64, Event)>,
}

/// Makes journeys in one thread.
pub(super) struct Maker {
    pub(super) making: Making,
    pub(super) plain: JourneyBuilder,
    pub(super) aged: AgedMaker,
    codes: Codes,
    /// By code: names; those credited as numbers of the builders, which only those that were met have; what was met.
    names: Vec<Arc<str>>,
    pub(super) ids: Vec<ChannelId>,
    pub(super) key_counts: Vec<KeyCount>,
    pub(super) channel_counts: Vec<ChannelCount>,
    /// The code of the direct channel.
    pub(super) direct: Option<usize>,
    pub(super) counts: Counts,
    /// By the hash of the customer.
    pieces: HashMap<u64, Pieces>,
    room: Room,
}

/// Of codes that have no number in the builders.
const NO_ID: ChannelId = ChannelId::MAX;

impl Maker {
    fn new(making: Making, codes: Codes) -> Self {
        let direct = making.direct.as_ref().map(|name| codes.of(name) as usize);
        Self {
            making,
            plain: JourneyBuilder::new(PathPolicy::default()),
            aged: AgedMaker::new(),
            codes,
            names: Vec::new(),
            ids: Vec::new(),
            key_counts: Vec::new(),
            channel_counts: Vec::new(),
            direct,
            counts: Counts::default(),
            pieces: HashMap::new(),
            room: Room::default(),
        }
    }

    /// Makes room for all codes that there are.
    fn grow(&mut self) {
        self.codes.extend(&mut self.names);
        let codes = self.names.len();
        self.ids.resize(codes, NO_ID);
        self.key_counts.resize(codes, KeyCount::default());
        self.channel_counts.resize(codes, ChannelCount::default());
    }

    /// Gives a code its number in the builders.
    fn meet(&mut self, key: usize) -> Result<(), JourneyError> {
        if self.ids[key] == NO_ID {
            self.ids[key] = self.plain.channel(&self.names[key])?;
            self.aged.channel(&self.names[key])?;
        }
        Ok(())
    }

    /// Takes the rows of a chunk. Customers whose rows are all in it are done with at once; the others wait.
    fn add(&mut self, chunk: &Chunk<'_>) -> Result<(), Failed> {
        let positions = chunk.values::<i64>(column::POSITION)?;
        let sizes = chunk.values::<i64>(column::SIZE)?;
        let moments = chunk.values::<i64>(column::MOMENT)?;
        let untils = chunk.values::<i64>(column::UNTIL)?;
        let kinds = chunk.values::<u8>(column::WHAT)?;
        let codes = chunk.values::<u64>(column::CODE)?;
        let amounts = chunk.values::<f64>(column::AMOUNT)?;
        let customers = chunk.values::<u64>(column::CUSTOMER)?;

        let mut events = Vec::with_capacity(chunk.rows());
        for row in 0..chunk.rows() {
            let event = Event {
                moment: moments[row],
                until: untils[row],
                what: kinds[row],
                code: codes[row],
                amount: amounts[row],
            };
            if event.is_touch() {
                if event.key().max(event.channel()) >= self.names.len() {
                    self.grow();
                }
                self.meet(event.key())?;
            }
            events.push(event);
        }

        let mut row = 0;
        while row < events.len() {
            if events[row].what >= what::DROPPED {
                if let Some(count) = (self.counts.dropped).get_mut(usize::from(events[row].what)) {
                    *count += 1;
                }
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
                && customers[row] == customers[end - 1];
            if is_whole {
                self.customer(&mut events[row..end])?;
                row = end;
            } else {
                self.piece(customers[row], size, positions[row], events[row])?;
                row += 1;
            }
        }
        self.aged.bound(self.making.keeping, &self.codes)?;
        Ok(())
    }

    fn customer(&mut self, events: &mut [Event]) -> Result<(), JourneyError> {
        settle(events, &self.names);
        let mut room = std::mem::take(&mut self.room);
        let mut walk = Walk {
            maker: self,
            room: &mut room,
        };
        let done = walk.customer(events);
        self.room = room;
        done
    }

    /// A row of a customer whose rows are not all in one chunk.
    fn piece(
        &mut self,
        customer: u64,
        size: usize,
        position: i64,
        event: Event,
    ) -> Result<(), Failed> {
        let pieces = self.pieces.entry(customer).or_default();
        pieces.size = size;
        pieces.events.push((position, event));
        if pieces.events.len() < size {
            return Ok(());
        }
        let mut events = std::mem::take(&mut pieces.events);
        self.pieces.remove(&customer);
        events.sort_unstable_by_key(|(position, _)| *position);
        // Two customers of one hash would have a position twice.
        let rows = (events.iter().zip(1..)).take_while(|((position, _), place)| position == place);
        let rows = rows.count();
        if rows < size {
            return Err(Failed::Incomplete { rows, size });
        }
        let mut events: Vec<Event> = events.into_iter().map(|(_, event)| event).collect();
        Ok(self.customer(&mut events)?)
    }

    fn merge(&mut self, mut other: Self) -> Result<(), Failed> {
        self.grow();
        for (code, name) in other.names.iter().enumerate() {
            if other.ids[code] != NO_ID && self.ids[code] == NO_ID {
                self.ids[code] = self.plain.channel(name)?;
                self.aged.channel(name)?;
            }
        }
        for (own, count) in self.key_counts.iter_mut().zip(&other.key_counts) {
            own.add(count);
        }
        for (own, count) in self.channel_counts.iter_mut().zip(&other.channel_counts) {
            own.add(count);
        }
        self.counts.add(&other.counts);
        self.plain.merge(other.plain)?;
        self.aged
            .merge(other.aged, self.making.keeping, &self.codes)?;
        for (customer, pieces) in other.pieces.drain() {
            for (position, event) in pieces.events {
                self.piece(customer, pieces.size, position, event)?;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Journeys, Failed> {
        if let Some(pieces) = self.pieces.into_values().next() {
            return Err(Failed::Incomplete {
                rows: pieces.events.len(),
                size: pieces.size,
            });
        }
        self.aged.bound(self.making.keeping, &self.codes)?;
        let table = self.plain.finish();
        let aged = self.aged.finish(table.channels(), &self.codes)?;
        let names = || self.names.iter().map(|name| name.as_ref().to_owned());
        Ok(Journeys {
            table,
            aged,
            keys: (names().zip(self.key_counts))
                .filter(|(_, count)| count.touches > 0)
                .collect(),
            channels: (names().zip(self.channel_counts))
                .filter(|(_, count)| count.touches > 0)
                .collect(),
            counts: self.counts,
        })
    }
}
