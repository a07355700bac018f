//! Journeys as a compressed table: each distinct path once, with what became of it.
//!
//! A *journey* is what one customer met until a conversion, or until the data end. Its *path* is
//! the sequence of its channels. What a "channel" is, the caller decides: a channel, a content, a
//! campaign, a position, a stage, or a crossing of these, folded into one name.

/// The number of a channel: in a [`JourneyTable`], its place among [`JourneyTable::channels`].
pub type ChannelId = u32;

/// What one journey came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Conversions, perhaps fractional; zero for a journey that did not convert (a *null*).
    pub conversions: f64,
    /// The conversions' value, in units of currency; negative after a refund.
    pub value: f64,
}

impl Outcome {
    /// No conversion.
    pub const NULL: Self = Self {
        conversions: 0.0,
        value: 0.0,
    };

    /// One conversion of the given value.
    pub fn converted(value: f64) -> Self {
        Self {
            conversions: 1.0,
            value,
        }
    }

    /// Whether there is no conversion.
    pub fn is_null(&self) -> bool {
        self.conversions == 0.0
    }
}

/// Journeys of one path that came to the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutcomeCount {
    /// The path's number.
    pub path: u32,
    /// How many journeys.
    pub journeys: u64,
    /// What each came to.
    pub outcome: Outcome,
}

/// Conversions and value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// Conversions.
    pub conversions: f64,
    /// Value, in units of currency.
    pub value: f64,
}

/// What all journeys of one path came to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PathTotals {
    /// Journeys that did not convert.
    pub nulls: f64,
    /// Conversions of the others.
    pub conversions: f64,
    /// Their value.
    pub value: f64,
}

impl PathTotals {
    /// Conversions and nulls: how often the path counts in a model of transitions.
    ///
    /// A journey with two conversions counts twice, one with half a conversion half.
    pub fn weight(&self) -> f64 {
        self.conversions + self.nulls
    }
}

/// One distinct path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Path<'a> {
    /// Its touches' channels, from the first to the last.
    pub channels: &'a [ChannelId],
    /// How long before the conversion each touch was, in seconds; only converting journeys keep
    /// their ages.
    pub ages: Option<&'a [u32]>,
    /// What its journeys came to.
    pub totals: PathTotals,
}

/// Distinct paths with their outcomes, in an order that depends on nothing but themselves: the
/// same journeys give the same table, in whatever order and on however many threads they came.
///
/// Built by a [`JourneyBuilder`](crate::JourneyBuilder). Channels are sorted by name, paths by
/// their channels (then ages), outcomes by path, conversions and value; sums are taken in that
/// order.
#[derive(Debug, Clone, PartialEq)]
pub struct JourneyTable {
    pub(crate) channels: Vec<String>,
    pub(crate) touches: Vec<ChannelId>,
    /// Where each path ends in `touches`.
    pub(crate) ends: Vec<usize>,
    pub(crate) ages: Vec<u32>,
    /// Where each path ends in `ages`; a path without ages ends where it begins.
    pub(crate) age_ends: Vec<usize>,
    pub(crate) totals: Vec<PathTotals>,
    pub(crate) outcomes: Vec<OutcomeCount>,
    pub(crate) customers: Customers,
    pub(crate) total: Totals,
    pub(crate) dropped: Dropped,
}

/// Customers with several journeys, those with the same ones together.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Customers {
    counts: Vec<u64>,
    /// Where the journeys of each end.
    ends: Vec<usize>,
    /// As places among the table's outcomes.
    journeys: Vec<u32>,
}

impl Customers {
    pub(crate) fn push(&mut self, customers: u64, journeys: &[u32]) {
        self.counts.push(customers);
        self.journeys.extend_from_slice(journeys);
        self.ends.push(self.journeys.len());
    }

    /// How many customers have which journeys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &[u32])> {
        let mut begin = 0;
        self.counts
            .iter()
            .zip(&self.ends)
            .map(move |(&count, &end)| {
                let journeys = &self.journeys[begin..end];
                begin = end;
                (count, journeys)
            })
    }
}

impl JourneyTable {
    /// The channels' names, sorted.
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// The number of a channel.
    pub fn channel(&self, name: &str) -> Option<ChannelId> {
        let place = self
            .channels
            .binary_search_by(|other| other.as_str().cmp(name));
        place.ok().and_then(|place| u32::try_from(place).ok())
    }

    /// How many distinct paths there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no path.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The touches of all distinct paths.
    pub fn touches(&self) -> usize {
        self.touches.len()
    }

    /// One path. Panics, as an index does, if there is none of this number.
    pub fn path(&self, number: usize) -> Path<'_> {
        let start = |ends: &[usize]| if number == 0 { 0 } else { ends[number - 1] };
        let ages = &self.ages[start(&self.age_ends)..self.age_ends[number]];
        Path {
            channels: &self.touches[start(&self.ends)..self.ends[number]],
            ages: (!ages.is_empty()).then_some(ages),
            totals: self.totals[number],
        }
    }

    /// All paths, in order.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = Path<'_>> {
        (0..self.len()).map(|number| self.path(number))
    }

    /// What came of the paths: journeys of one path with the same outcome together.
    pub fn outcomes(&self) -> &[OutcomeCount] {
        &self.outcomes
    }

    /// Of each outcome, how many customers have no other journey.
    pub(crate) fn alone(&self) -> Vec<u64> {
        let mut alone: Vec<u64> = self.outcomes.iter().map(|o| o.journeys).collect();
        for (customers, journeys) in self.customers.iter() {
            for &journey in journeys {
                let alone = &mut alone[journey as usize];
                *alone = alone.saturating_sub(customers);
            }
        }
        alone
    }

    /// Conversions and value of all paths: what every model shares out.
    pub fn total(&self) -> Totals {
        self.total
    }

    /// Journeys in the table.
    pub fn journeys(&self) -> u64 {
        self.outcomes.iter().map(|outcome| outcome.journeys).sum()
    }

    /// What was left out on the way in.
    pub fn dropped(&self) -> &Dropped {
        &self.dropped
    }
}

/// What a builder left out, and why. Every touch and conversion given is in the table or here.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Dropped {
    /// Touches of excluded channels.
    pub excluded: u64,
    /// Touches older than their channel's lookback.
    pub too_old: u64,
    /// Touches that repeat the channel of the touch before them, when repeats are collapsed.
    pub repeats: u64,
    /// Touches before the latest ones that a path may hold.
    pub beyond_longest: u64,
    /// Touches after a customer's first conversion, when only that one counts.
    pub after_first_conversion: u64,
    /// Conversions whose number the customer had before.
    pub duplicate_conversions: u64,
    /// Conversions after a customer's first, when only that one counts.
    pub later_conversions: u64,
    /// Journeys without a conversion that had no touch left.
    pub untouched_nulls: u64,
    /// Converting journeys that had no touch left.
    pub untouched_journeys: u64,
    /// Their conversions and value, which no channel can be credited with.
    pub untouched: Totals,
}
