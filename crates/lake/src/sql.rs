//! The dialect: how names, texts and durations are written in SQL.
//!
//! Whatever the engine, generated SQL goes through here, so that another engine needs another version of
//! this file and of nothing else.

use catalog::{Span, SpanUnit};

/// A name as a quoted identifier.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as a literal.
pub fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A condition in the user's own words, in parentheses: ends on a line of its own, in case it ends in a comment.
///
/// ```
/// assert_eq!(lake::sql::condition("a = 1 -- all"), "(a = 1 -- all\n)");
/// ```
pub fn condition(condition: &str) -> String {
    format!("({condition}\n)")
}

/// The number of a text among [`Engine::codes`](crate::Engine::codes), as UINTEGER; NULL counts as the empty text.
pub fn code(text: &str) -> String {
    format!("{}({text})", crate::code::FUNCTION)
}

/// The sum of the floating-point numbers that meet a filter, such as ` FILTER (WHERE a = 1)`: the same in whatever order
/// they come, NULL where there is none.
pub fn exact_sum(expression: &str, filter: &str) -> String {
    format!("{}({expression}){filter}", crate::exact::FUNCTION)
}

/// The time that lies a duration after `time`.
///
/// DuckDB takes intervals for equal that a calendar does not (30 days and 1 month, 24 hours and 1 day), and with them
/// whole expressions that differ in nothing else, of which it then computes one. So durations of months, of days and of
/// hours are added in three ways that are never taken for one another.
pub fn after(time: &str, span: Span) -> String {
    shifted(time, span, "")
}

/// The time that lies a duration before `time`; as [`after`].
pub fn before(time: &str, span: Span) -> String {
    shifted(time, span, "-")
}

fn shifted(time: &str, span: Span, sign: &str) -> String {
    let against = if sign.is_empty() { "-" } else { "" };
    match span.unit {
        SpanUnit::Month | SpanUnit::Year => format!("({time} + INTERVAL '{sign}{span}')"),
        SpanUnit::Day | SpanUnit::Week => format!("(INTERVAL '{sign}{span}' + {time})"),
        SpanUnit::Hour | SpanUnit::Minute | SpanUnit::Second => {
            format!("({time} - INTERVAL '{against}{span}')")
        }
    }
}

/// A list of texts.
pub(crate) fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> String {
    let literals: Vec<String> = values
        .into_iter()
        .map(|value| text(value.as_ref()))
        .collect();
    format!("[{}]", literals.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(text("it's"), "'it''s'");
    }
}
