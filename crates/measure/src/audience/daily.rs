//! Customers of each arm by the day on which they started.

use jiff::Span;
use jiff::civil::{Date, date};

use super::codes::Codes;
use super::history::MICROSECONDS_A_DAY;

/// Counts by day, in the order in which days were met.
#[derive(Debug, Clone)]
pub(crate) struct DailyCounts {
    arms: usize,
    /// Days since 1970-01-01, each with the customers of every arm.
    days: Vec<(i64, Vec<u64>)>,
    places: Codes,
    /// The place of the day that was counted last, which most often is the next one's as well.
    last: usize,
}

impl DailyCounts {
    pub(crate) fn new(arms: usize) -> Self {
        Self {
            arms,
            days: Vec::new(),
            places: Codes::new(),
            last: 0,
        }
    }

    /// Adds customers who started at some time, in microseconds since 1970.
    pub(crate) fn add(&mut self, time: i64, arm: u8, customers: u64) {
        self.add_on(
            time.div_euclid(MICROSECONDS_A_DAY),
            usize::from(arm),
            customers,
        );
    }

    fn add_on(&mut self, day: i64, arm: usize, customers: u64) {
        if self
            .days
            .get(self.last)
            .is_none_or(|(last, _)| *last != day)
        {
            self.last = self.place(day);
        }
        if let Some(count) = self.days[self.last].1.get_mut(arm) {
            *count += customers;
        }
    }

    fn place(&mut self, day: i64) -> usize {
        let key = u128::from(day as u64);
        if let Some(place) = self.places.get(key) {
            return place as usize;
        }
        let place = self.days.len();
        self.days.push((day, vec![0; self.arms]));
        self.places.insert(key, place as u32);
        place
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (day, counts) in other.days {
            for (arm, customers) in counts.into_iter().enumerate() {
                self.add_on(day, arm, customers);
            }
        }
    }

    /// Days as they are written, each with the customers of every arm.
    pub(crate) fn named(&self) -> impl Iterator<Item = (String, &[u64])> {
        let days = self.days.iter();
        days.map(|(day, counts)| (name_of(*day), counts.as_slice()))
    }
}

/// A day as it is written; of a day outside the calendar its number.
fn name_of(day: i64) -> String {
    const EPOCH: Date = date(1970, 1, 1);
    let span = Span::new().try_days(day);
    match span.and_then(|span| EPOCH.checked_add(span)) {
        Ok(day) => day.to_string(),
        Err(_) => format!("{day} days after {EPOCH}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_are_counted_on_the_day_on_which_they_started() {
        let mut counts = DailyCounts::new(2);
        for (time, arm) in [
            (0, 0),
            (MICROSECONDS_A_DAY - 1, 1),
            (-1, 0),
            (MICROSECONDS_A_DAY, 1),
            (20_779 * MICROSECONDS_A_DAY, 1),
            (1, 0),
        ] {
            counts.add(time, arm, 1);
        }
        let mut twice = counts.clone();
        twice.merge(counts);
        let mut named: Vec<(String, &[u64])> = twice.named().collect();
        named.sort();
        let expected: [(&str, &[u64]); 4] = [
            ("1969-12-31", &[2, 0]),
            ("1970-01-01", &[4, 2]),
            ("1970-01-02", &[0, 2]),
            ("2026-11-22", &[0, 2]),
        ];
        assert_eq!(
            named,
            expected.map(|(day, counts)| (day.to_owned(), counts))
        );
        assert_eq!(
            name_of(i64::MAX / 1000),
            "9223372036854775 days after 1970-01-01"
        );
    }
}
