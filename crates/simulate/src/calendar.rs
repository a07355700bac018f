//! The rhythm that all customers share: the week and the seasons.

use jiff::civil::Date;

/// The length of the data in days: 104 whole weeks.
pub(crate) const DAYS: usize = 728;

/// The end of the data, in days since its start.
pub(crate) const END: f64 = DAYS as f64;

/// The first day of the second year.
pub(crate) const SECOND_YEAR: f64 = 364.0;

/// How busy each day is relative to the mean day, and the integral of that.
///
/// All rates of purchases and visits are multiplied by this factor, which is constant within a day and has
/// mean 1 over the data. Times are days since the start of the data.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    /// Days from 1970 to the start.
    epoch: i64,
    /// `cumulative[d]` is the integral of the factor from 0 to day `d`; `cumulative[DAYS]` is `DAYS`.
    cumulative: Vec<f64>,
}

/// Monday to Sunday.
const WEEK: [f64; 7] = [0.92, 0.90, 0.93, 0.97, 1.08, 1.14, 1.06];

/// January to December.
const SEASONS: [f64; 12] = [
    0.92, 0.90, 0.96, 0.98, 1.00, 0.99, 0.94, 0.93, 0.99, 1.02, 1.18, 1.20,
];

impl Calendar {
    /// `start` is one that the settings allow: the calendar of dates goes on long enough after it.
    pub(crate) fn new(start: Date) -> Self {
        let factor = |date: Date| {
            let weekday = date.weekday().to_monday_zero_offset() as usize;
            WEEK[weekday] * SEASONS[date.month() as usize - 1]
        };
        let mut cumulative = Vec::with_capacity(DAYS + 1);
        let mut total = 0.0;
        cumulative.push(total);
        for date in start.series(jiff::ToSpan::days(1)).take(DAYS) {
            total += factor(date);
            cumulative.push(total);
        }
        for value in &mut cumulative {
            *value *= END / total;
        }
        let since_epoch = start.duration_since(Date::constant(1970, 1, 1));
        Self {
            epoch: since_epoch.as_secs() / 86_400,
            cumulative,
        }
    }

    /// The integral of the factor from 0 to `time`, for `time` from 0 to [`END`].
    pub(crate) fn integral(&self, time: f64) -> f64 {
        let day = (time as usize).min(DAYS - 1);
        let (before, after) = (self.cumulative[day], self.cumulative[day + 1]);
        before + (after - before) * (time - day as f64)
    }

    /// The time at which the integral reaches `value`: the inverse of [`Calendar::integral`].
    pub(crate) fn time_of(&self, value: f64) -> f64 {
        let day = self
            .cumulative
            .partition_point(|&c| c <= value)
            .clamp(1, DAYS)
            - 1;
        let (before, after) = (self.cumulative[day], self.cumulative[day + 1]);
        (day as f64 + (value - before) / (after - before)).min(END)
    }

    /// Whole microseconds since 1970 of a time, cut to the second.
    pub(crate) fn microseconds(&self, time: f64) -> i64 {
        (self.epoch * 86_400 + (time * 86_400.0).floor() as i64) * 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar() -> Calendar {
        Calendar::new(Date::constant(2024, 1, 1))
    }

    #[test]
    fn the_factor_has_mean_one() {
        assert_eq!(calendar().integral(0.0), 0.0);
        assert!((calendar().integral(END) - END).abs() < 1e-9);
    }

    #[test]
    fn the_inverse_inverts() {
        let calendar = calendar();
        for step in 0..2_000 {
            let time = END * f64::from(step) / 2_000.0;
            assert!((calendar.time_of(calendar.integral(time)) - time).abs() < 1e-9);
        }
        assert!((calendar.time_of(END) - END).abs() < 1e-9);
    }

    #[test]
    fn times_are_cut_to_the_second() {
        // 2024-01-01 is day 19723 of the epoch.
        let noon = (19_723 * 86_400 + 43_200) * 1_000_000;
        assert_eq!(calendar().microseconds(0.5), noon);
        assert_eq!(calendar().microseconds(0.5 + 0.4 / 86_400.0), noon);
        assert_eq!(calendar().microseconds(-1.0), (19_722 * 86_400) * 1_000_000);
    }
}
