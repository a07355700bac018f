//! From the events of a customer to the journeys that end with each conversion.

use std::cmp::Ordering;
use std::sync::Arc;

use attribution::{JourneyError, Outcome};
use catalog::AfterConversion;

use super::aged::AgedPath;
use super::counts::KeyCount;
use super::events::what;
use super::journeys::{MICROSECONDS_A_DAY, MICROSECONDS_A_SECOND, Maker, Making};

/// A touch this soon after a conversion that no touch came before may be its cause, on a clock that is wrong. How many
/// there are by chance, those show that come later than this and not later than twice of it.
const SKEW: i64 = 5 * 60 * MICROSECONDS_A_SECOND;

/// One row of a customer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) moment: i64,
    pub(super) until: i64,
    pub(super) what: u8,
    /// Of a touch, what is credited, and above 32 bits its channel; of a conversion, rows that were the same as others.
    pub(super) code: u64,
    /// What a touch cost, in millionths; what a conversion is worth.
    pub(super) amount: f64,
}

impl Event {
    pub(super) fn is_touch(&self) -> bool {
        self.what < what::CONVERSION
    }

    pub(super) fn key(&self) -> usize {
        self.code as u32 as usize
    }

    pub(super) fn channel(&self) -> usize {
        (self.code >> 32) as usize
    }
}

/// Puts events of one customer that happened at the same time in an order that is always the same: touches by the names
/// of what is credited and of their channels, then what they cost; conversions by what they are worth.
pub(super) fn settle(events: &mut [Event], names: &[Arc<str>]) {
    let same = |a: &Event, b: &Event| (a.moment, a.what) == (b.moment, b.what);
    for ties in events.chunk_by_mut(same).filter(|ties| ties.len() > 1) {
        ties.sort_by(|a, b| {
            let by_name = match a.is_touch() {
                true => (&names[a.key()], &names[a.channel()])
                    .cmp(&(&names[b.key()], &names[b.channel()])),
                false => Ordering::Equal,
            };
            let by_amount = by_name.then(a.amount.total_cmp(&b.amount));
            by_amount.then(a.code.cmp(&b.code))
        });
    }
}

/// Goes through customers one after another and gives their journeys to the builders.
///
/// Which touches belong to a journey, and how old they were, is decided here and nowhere else.
pub(super) struct Walk<'m> {
    pub(super) maker: &'m mut Maker,
    pub(super) room: &'m mut Room,
}

/// Room that is used again for each customer.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// The touches that may still earn, and those of them that earn from the conversion in work.
    open: Vec<usize>,
    taken: Vec<usize>,
    path: AgedPath,
}

impl Walk<'_> {
    /// The journeys of one customer, whose events are in the order of time, [settled](settle).
    pub(super) fn customer(&mut self, events: &[Event]) -> Result<(), JourneyError> {
        self.journeys(events)?;
        self.maker.plain.end_customer()?;
        self.maker.aged.end_customer()
    }

    fn journeys(&mut self, events: &[Event]) -> Result<(), JourneyError> {
        self.room.open.clear();
        self.maker.counts.customers += 1;
        let Making { after, valued, .. } = self.maker.making;
        let last = events.iter().rposition(|event| !event.is_touch());
        self.maker.counts.unconverted += u64::from(last.is_none());
        let mut last_conversion: Option<Event> = None;
        for (place, event) in events.iter().enumerate() {
            if event.is_touch() {
                self.count_touch(event);
                self.room.open.push(place);
                continue;
            }
            self.count_conversion(event, last_conversion.as_ref());
            if after == AfterConversion::FirstOnly && last_conversion.is_some() {
                self.maker.counts.later_conversions += 1;
                continue;
            }
            self.take(events, event.moment);
            if self.room.taken.is_empty() {
                self.count_next(event, events.get(place + 1));
            }
            let is_last = last == Some(place);
            let value = valued.value(event.amount, last_conversion.is_none(), is_last);
            self.journey(events, event.moment, Outcome::converted(value))?;
            if after == AfterConversion::Cut {
                self.room.open.clear();
            }
            last_conversion = Some(*event);
        }
        if let Some(conversion) = last_conversion {
            let first_after = events.partition_point(|event| event.moment <= conversion.moment);
            let later = events[first_after..]
                .iter()
                .filter(|event| event.is_touch());
            self.maker.counts.after_last += later.count() as u64;
            self.room.open.retain(|&touch| touch >= first_after);
            if after == AfterConversion::FirstOnly {
                self.room.open.clear();
            }
        }
        let Some(&last) = self.room.open.last() else {
            return Ok(());
        };
        let end = events[last].moment;
        self.take(events, end);
        let day = end.div_euclid(MICROSECONDS_A_DAY);
        *self.maker.counts.null_days.entry(day).or_default() += 1;
        self.journey(events, end, Outcome::NULL)
    }

    /// What follows a conversion that no touch came before.
    fn count_next(&mut self, conversion: &Event, next: Option<&Event>) {
        let Some(next) = next.filter(|next| next.is_touch()) else {
            return;
        };
        let count = &mut self.maker.channel_counts[next.channel()];
        let wait = next.moment - conversion.moment;
        count.soon += u64::from(wait <= SKEW);
        count.later += u64::from(wait > SKEW && wait <= 2 * SKEW);
    }

    fn count_touch(&mut self, touch: &Event) {
        let maker = &mut *self.maker;
        maker.counts.touches += 1;
        let is_known = touch.amount >= 0.0;
        maker.counts.unknown_costs += u64::from(!is_known);
        maker.channel_counts[touch.channel()].touches += 1;
        let is_direct = maker.direct == Some(touch.channel());
        let count: &mut KeyCount = &mut maker.key_counts[touch.key()];
        count.touches += 1;
        count.clicks += u64::from(touch.what == what::CLICK);
        // Costs are whole numbers; one below zero would be an income, and is none.
        count.cost += if is_known { touch.amount as i128 } else { 0 };
        count.direct += u64::from(is_direct);
    }

    fn count_conversion(&mut self, conversion: &Event, before: Option<&Event>) {
        let counts = &mut self.maker.counts;
        counts.conversions += 1;
        counts.worthless += u64::from(conversion.what == what::WORTHLESS);
        counts.negative += u64::from(conversion.amount < 0.0);
        counts.repeated_rows += conversion.code;
        let is_alike = |before: &Event| {
            before.moment == conversion.moment && before.amount == conversion.amount
        };
        counts.alike += u64::from(before.is_some_and(is_alike));
        let moment = conversion.moment;
        let (first, last) = counts.period.unwrap_or((moment, moment));
        counts.period = Some((first.min(moment), last.max(moment)));
    }

    /// Takes those of the open touches that still count at a time.
    fn take(&mut self, events: &[Event], end: i64) {
        self.room.taken.clear();
        let counts = |&&touch: &&usize| events[touch].until >= end;
        self.room.taken.extend(self.room.open.iter().filter(counts));
        let counts = &mut self.maker.counts;
        counts.too_old += (self.room.open.len() - self.room.taken.len()) as u64;
        counts.longest = counts.longest.max(self.room.taken.len() as u64);
    }

    /// Gives the journey of the taken touches to the builders.
    fn journey(
        &mut self,
        events: &[Event],
        end: i64,
        outcome: Outcome,
    ) -> Result<(), JourneyError> {
        let AgedPath {
            channels,
            codes,
            ages,
        } = &mut self.room.path;
        channels.clear();
        codes.clear();
        ages.clear();
        for &touch in &self.room.taken {
            let touch = &events[touch];
            self.maker.key_counts[touch.key()].in_journeys += 1;
            channels.push(self.maker.ids[touch.key()]);
            codes.push(touch.key() as u32);
            let age = (end - touch.moment) / MICROSECONDS_A_SECOND;
            // Usable times are within 2,100 years; an age beyond 136 is any such age.
            ages.push(u32::try_from(age).unwrap_or(u32::MAX));
        }
        self.maker.plain.journey(channels, None, outcome)?;
        self.maker.aged.journey(&self.room.path, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_at_once_is_in_the_order_of_names_and_amounts() {
        let names: Vec<Arc<str>> = ["web", "app", "(none)"].map(Into::into).to_vec();
        let event = |moment, what, code, amount| Event {
            moment,
            until: moment,
            what,
            code,
            amount,
        };
        // Codes are given in any order: `app` by `(none)` is before `app` by `web`, and both are before `web`.
        let mut events = [
            event(1, what::VIEW, 0, 9.0),
            event(1, what::VIEW, 1, 5.0),
            event(1, what::VIEW, 1 + (2 << 32), 7.0),
            event(1, what::VIEW, 1, 4.0),
            event(1, what::CONVERSION, 3, 20.0),
            event(1, what::CONVERSION, 0, 20.0),
            event(1, what::CONVERSION, 9, -1.0),
            event(2, what::VIEW, 1, 1.0),
        ];
        settle(&mut events, &names);
        let order: Vec<(u64, f64)> = events.iter().map(|one| (one.code, one.amount)).collect();
        assert_eq!(
            order,
            [
                (1 + (2 << 32), 7.0),
                (1, 4.0),
                (1, 5.0),
                (0, 9.0),
                (9, -1.0),
                (0, 20.0),
                (3, 20.0),
                (1, 1.0)
            ]
        );
    }
}
