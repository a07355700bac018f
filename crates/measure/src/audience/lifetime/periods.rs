//! Periods in which customers can buy once: an appeal a year, a box a month.

use catalog::{Span, SpanUnit};
use jiff::civil::{Date, Weekday};

use super::purchases::{day, number_of_day};

/// Periods of one length, one after the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Periods {
    /// The first day of the first one.
    start: Date,
    every: Span,
}

impl Periods {
    /// From a day on, or else from the start of the calendar unit in which the data begin.
    pub(super) fn new(every: Span, from: Option<Date>, data_from: i64) -> Self {
        let first = day(data_from);
        let start = from.unwrap_or_else(|| match every.unit {
            SpanUnit::Year => first.first_of_year(),
            SpanUnit::Month => first.first_of_month(),
            SpanUnit::Week => first
                .tomorrow()
                .and_then(|next| next.nth_weekday(-1, Weekday::Monday))
                .unwrap_or(first),
            _ => first,
        });
        Self { start, every }
    }

    /// The first day of a period by its number, from 0.
    fn start_of(&self, number: i64) -> Option<Date> {
        let count = number.checked_mul(i64::from(self.every.count))?;
        let span = match self.every.unit {
            SpanUnit::Year => jiff::Span::new().try_years(count),
            SpanUnit::Month => jiff::Span::new().try_months(count),
            SpanUnit::Week => jiff::Span::new().try_weeks(count),
            _ => jiff::Span::new().try_days(count),
        };
        self.start.checked_add(span.ok()?).ok()
    }

    /// The number of the period in which a day lies; none before the first.
    fn number_at(&self, at: Date) -> Option<i64> {
        let mut number = -1;
        while self.start_of(number + 1).is_some_and(|next| next <= at) {
            number += 1;
        }
        (number >= 0).then_some(number)
    }

    /// The first day, since 1970, of the period in which a day lies; none before the first.
    pub(super) fn start_at(&self, number: i64) -> Option<i64> {
        let start = self.start_of(self.number_at(day(number))?)?;
        Some(number_of_day(start))
    }

    /// The first day, since 1970, of the period after the one in which a day lies; none before the first.
    pub(super) fn start_after(&self, number: i64) -> Option<i64> {
        let next = self.start_of(self.number_at(day(number))? + 1)?;
        Some(number_of_day(next))
    }

    /// The first day, since 1970, of the last period that is over by the end of a day; none where none is.
    pub(super) fn last_over(&self, end: i64) -> Option<i64> {
        let after = self.number_at(day(end + 1))?;
        let last = self.start_of(after - 1).filter(|_| after > 0)?;
        Some(number_of_day(last))
    }

    /// SQL: the first day of the period in which a day lies, both in days since 1970. Days before the first period stay.
    pub(super) fn start_sql(&self, number: &str) -> String {
        let count = u64::from(self.every.count);
        let anchor = format!("DATE '{}'", self.start);
        let first = number_of_day(self.start);
        let date = format!("(DATE '1970-01-01' + CAST({number} AS INTEGER))");
        let in_days = |days: u64| format!("{first} + (({number} - {first}) // {days}) * {days}");
        let in_months = |months: u64| {
            format!(
                "CAST({anchor} + to_months(CAST((date_sub('month', {anchor}, {date}) // {months}) * {months} \
                 AS INTEGER)) AS DATE) - DATE '1970-01-01'"
            )
        };
        let start = match self.every.unit {
            SpanUnit::Year => in_months(12 * count),
            SpanUnit::Month => in_months(count),
            SpanUnit::Week => in_days(7 * count),
            _ => in_days(count),
        };
        format!("CASE WHEN {number} < {first} THEN {number} ELSE {start} END")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> i64 {
        number_of_day(text.parse().unwrap())
    }

    #[test]
    fn periods_begin_with_the_calendar_or_where_customers_count() {
        let year: Span = "1 year".parse().unwrap();
        let periods = Periods::new(year, None, number("1995-03-07"));
        assert_eq!(
            periods.last_over(number("2001-12-31")),
            Some(number("2001-01-01"))
        );
        assert_eq!(
            periods.last_over(number("2001-12-30")),
            Some(number("2000-01-01"))
        );
        assert_eq!(periods.last_over(number("1995-12-30")), None);
        assert_eq!(
            periods.start_at(number("1998-07-04")),
            Some(number("1998-01-01"))
        );
        assert_eq!(periods.start_at(number("1994-12-31")), None);
        let next = periods.start_after(number("1998-07-04"));
        assert_eq!(next, Some(number("1999-01-01")));
        let week = Periods::new("1 week".parse().unwrap(), None, number("2024-05-02"));
        assert_eq!(week.start.to_string(), "2024-04-29");
        let from = "2024-02-10".parse().ok();
        let months = Periods::new("2 months".parse().unwrap(), from, number("2024-02-20"));
        assert_eq!(
            months.last_over(number("2024-06-09")),
            Some(number("2024-04-10"))
        );
    }
}
