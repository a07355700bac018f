//! What is met on the way from events to journeys.

use std::collections::BTreeMap;

use super::events::what;

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
    /// Customers without a conversion.
    pub(super) unconverted: u64,
    pub(super) touches: u64,
    /// Touches of which it is not known what they cost: less than nothing, or more than there is.
    pub(super) unknown_costs: u64,
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

impl ChannelCount {
    pub(super) fn add(&mut self, other: &Self) {
        self.touches += other.touches;
        self.soon += other.soon;
        self.later += other.later;
    }
}

impl KeyCount {
    pub(super) fn add(&mut self, other: &Self) {
        self.touches += other.touches;
        self.clicks += other.clicks;
        self.in_journeys += other.in_journeys;
        self.cost += other.cost;
        self.direct += other.direct;
    }
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.customers += other.customers;
        self.unconverted += other.unconverted;
        self.touches += other.touches;
        self.unknown_costs += other.unknown_costs;
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
