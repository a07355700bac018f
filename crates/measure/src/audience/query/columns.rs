//! The columns that are summed up, over the customers' table.

use stats::robust::CapThresholds;

use super::Query;
use crate::audience::learned;
use crate::audience::plan::{KnownFrom, Plan, Value};

/// The SQL of what is summed up of each customer.
pub(super) fn summed(plan: &Plan<'_>, query: &Query) -> String {
    let mut select = vec!["status".to_owned(), "arm".to_owned()];
    if query.has_assignments {
        select.extend(["repeated".to_owned(), "several".to_owned()]);
    }
    if query.has_exposure {
        // On the clocks of the project's time zone, in which days are counted.
        select.push("epoch_us(CAST(started AS TIMESTAMP))".to_owned());
    }
    if !query.horizons.is_empty() {
        let bits = query.horizons.iter().map(|horizon| {
            format!(
                "CASE WHEN {} THEN {}::UBIGINT ELSE 0::UBIGINT END",
                horizon.is_open, horizon.values
            )
        });
        select.push(bits.collect::<Vec<_>>().join(" | "));
    }
    select.extend((0..plan.classes.len()).map(|i| format!("s{i}")));
    let values = plan.values.len();
    select.extend((0..values).map(|place| number(query, place)));
    select.extend((0..values).filter_map(|place| {
        let value = &plan.values[place];
        cap_of(value)?;
        Some(format!("v{place} - {}", number(query, place)))
    }));
    select.extend(covariates(plan, query));
    format!("SELECT {} FROM {}", select.join(", "), query.customers)
}

/// The covariates of a customer in their order, as SQL over the customers' table.
pub(crate) fn covariates(plan: &Plan<'_>, query: &Query) -> Vec<String> {
    let (mut columns, mut values) = (0, plan.values.len());
    let known = plan.covariates.iter().enumerate();
    let covariates = known.map(|(place, known)| match &known.from {
        KnownFrom::Learned(_) => learned::column(place),
        KnownFrom::Column(_) => {
            columns += 1;
            format!("x{}", columns - 1)
        }
        KnownFrom::Value(_) => {
            values += 1;
            number(query, values - 1)
        }
    });
    covariates.collect()
}

/// A customer's number with its cap, as SQL over the customers' table.
pub(crate) fn number(query: &Query, place: usize) -> String {
    let raw = format!("v{place}");
    match query.caps.get(place).copied().flatten() {
        Some(cap) => capped(&raw, cap),
        None => raw,
    }
}

/// A cap does not hide what is not a finite number.
fn capped(number: &str, cap: CapThresholds) -> String {
    let lower = cap
        .lower
        .map(|_| format!(" WHEN {} THEN {}", below(number, cap), literal(cap.lower)))
        .unwrap_or_default();
    let upper = cap
        .upper
        .map(|_| format!(" WHEN {} THEN {}", above(number, cap), literal(cap.upper)))
        .unwrap_or_default();
    if lower.is_empty() && upper.is_empty() {
        return number.to_owned();
    }
    format!("CASE{lower}{upper} ELSE {number} END")
}

/// Whether a number lies below the lower bound, as SQL.
pub(crate) fn below(number: &str, cap: CapThresholds) -> String {
    match cap.lower {
        Some(_) => format!(
            "{number} < {} AND {number} > '-Infinity'::DOUBLE",
            literal(cap.lower)
        ),
        None => "false".to_owned(),
    }
}

/// Whether a number lies above the upper bound, as SQL. NaN is the greatest of the engine's numbers.
pub(crate) fn above(number: &str, cap: CapThresholds) -> String {
    match cap.upper {
        Some(_) => format!(
            "{number} > {} AND {number} < 'Infinity'::DOUBLE",
            literal(cap.upper)
        ),
        None => "false".to_owned(),
    }
}

/// A bound with an exponent, which the engine reads as the double that it is.
fn literal(bound: Option<f64>) -> String {
    format!("{:e}", bound.unwrap_or(f64::NAN))
}

/// The cap that a value's metric declares.
pub(crate) fn cap_of<'v>(value: &'v Value<'_>) -> Option<&'v catalog::Cap> {
    value.metric.and_then(|metric| metric.cap.as_ref())
}
