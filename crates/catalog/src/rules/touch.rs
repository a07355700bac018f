//! Rules of touches.

use super::{Report, source};
use crate::model::{Constant, Field, Scalar, Touch, TouchKey};

/// The levels of personalization.
const LEVELS: std::ops::RangeInclusive<f64> = 0.0..=6.0;

pub(super) fn check(touch: &Touch, report: &mut Report<'_>) {
    source::check_rows("touch", touch.source.is_some(), touch.sql.is_some(), report);
    if touch.mapping.is_none() {
        report.need(
            &["customer", "time", "channel"],
            "a touch without `mapping`",
        );
    }
    let number = |key: TouchKey| match touch.field(key) {
        Some(Field::Constant(Constant { value })) => Some(number_of(&value)),
        _ => None,
    };
    let allowed = [
        (
            TouchKey::Level,
            "a whole number from 0 to 6",
            (|x| LEVELS.contains(&x) && x.fract() == 0.0) as fn(f64) -> bool,
        ),
        (
            TouchKey::Propensity,
            "a probability, more than 0 and at most 1",
            |x| x > 0.0 && x <= 1.0,
        ),
        (TouchKey::Cost, "a number that is not negative", |x| {
            x >= 0.0
        }),
    ];
    for (key, what, holds) in allowed {
        if let Some(given) = number(key)
            && !given.is_some_and(holds)
        {
            let name = key.name();
            report.error(
                "out-of-range",
                &format!("{name}/value"),
                format!("`{name}` is not {what}"),
                format!("write {what}, or the name of a column without `value:`"),
            );
        }
    }
    if let Some(Field::Constant(Constant { value })) = &touch.engagement {
        let known = matches!(value, Scalar::Text(text) if text == "view" || text == "click");
        if !known {
            report.error(
                "out-of-range",
                "engagement/value",
                "a customer sees a touch or clicks on it",
                "write `view` or `click`",
            );
        }
    }
}

fn number_of(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Integer(number) => Some(*number as f64),
        Scalar::Number(number) => Some(*number),
        Scalar::Bool(_) | Scalar::Text(_) => None,
    }
}
