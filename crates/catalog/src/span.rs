//! Lengths of time as a catalog writes them: `14 days`, `12 hours`, `1 month`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A length of time: a whole number of one unit. It reads and writes as `14 days`.
///
/// Months and years have no fixed length; what they come to depends on the date that they are counted from.
///
/// ```
/// use catalog::{Span, SpanUnit};
///
/// let span: Span = "2 weeks".parse().unwrap();
/// assert_eq!((span.count, span.unit), (2, SpanUnit::Week));
/// assert_eq!(span.to_string(), "2 weeks");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    pub count: u32,
    pub unit: SpanUnit,
}

/// The unit of a [`Span`], from short to long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpanUnit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// A text that is not a [`Span`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a length of time")]
pub struct SpanError(String);

impl SpanUnit {
    const ALL: [Self; 7] = [
        Self::Second,
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Year,
    ];

    /// The unit's name in the singular, as SQL intervals also have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The unit's length in seconds; for months and years the mean of the Gregorian calendar (a year is 365.2425 days).
    fn nominal_seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 604_800,
            Self::Month => 2_629_746,
            Self::Year => 31_556_952,
        }
    }
}

impl Span {
    /// The length in seconds, with months and years at their mean length: good for comparing spans, not for dates.
    #[must_use]
    pub fn nominal_seconds(self) -> u64 {
        u64::from(self.count) * self.unit.nominal_seconds()
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let error = || SpanError(text.to_owned());
        let unit_start = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let (count, unit) = text.split_at(unit_start);
        let count = count.parse().map_err(|_| error())?;
        let unit = unit.trim_start();
        let singular = unit.strip_suffix('s').unwrap_or(unit);
        let unit = SpanUnit::ALL
            .into_iter()
            .find(|u| u.name() == singular)
            .ok_or_else(error)?;
        Ok(Self { count, unit })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.count == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.count, self.unit.name())
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;

    fn try_from(text: String) -> Result<Self, SpanError> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "span",
            "pattern": "^[0-9]+ *(second|minute|hour|day|week|month|year)s?$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in [
            "0 seconds",
            "1 minute",
            "12 hours",
            "14 days",
            "2 weeks",
            "1 month",
            "3 years",
        ] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("14day".parse::<Span>().unwrap().to_string(), "14 days");
    }

    #[test]
    fn refuses_what_is_not_one_count_and_unit() {
        for text in [
            "",
            "days",
            "14",
            "-1 day",
            "1.5 days",
            "1 day 2 hours",
            "99999999999 days",
            "2 fortnights",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn orders_by_length() {
        let seconds = |text: &str| text.parse::<Span>().unwrap().nominal_seconds();
        assert!(seconds("36 hours") < seconds("2 days"));
        assert!(seconds("4 weeks") < seconds("1 month"));
        assert_eq!(seconds("12 months"), seconds("1 year"));
    }
}
