//! Funnels: steps that a customer does one after the other.
//!
//! A step is done at the first row that meets its condition and is not before the step before. One pass over the fact
//! finds all of them: it lists each step's times of a customer, and the time of a step is the least on its list that is
//! not before that of the step before.

use catalog::Aggregate;

use super::finding::{FunnelStep, Pair};
use super::plan::{Compared, Value};
use stats::moments::Moments;

/// The times of a step's rows, as an aggregate: of the first step the least, of a later one all. Where rows fall at one
/// moment, one may be the next step of the other, and a row may be several steps.
pub(crate) fn times(place: usize, value: &Value<'_>, filter: &str) -> String {
    match value.step {
        Some(0) => format!("min(moment){filter} AS t{place}"),
        _ => format!("list(moment){filter} AS l{place}"),
    }
}

/// The table of customers with the times of the steps made into whether they were done; the same table where no value
/// is a step.
pub(crate) fn chained(
    grouped: String,
    values: &[(usize, &Value<'_>)],
    carried: &[String],
) -> String {
    let steps: Vec<&(usize, &Value<'_>)> = values
        .iter()
        .filter(|(_, value)| value.aggregate == Aggregate::Funnel)
        .collect();
    if steps.is_empty() {
        return grouped;
    }
    let later = steps.iter().filter(|(_, value)| value.step != Some(0));
    // The step before of a metric has the place before.
    let timed = later.fold(grouped, |table, (place, _)| {
        format!(
            "SELECT *, list_min(list_filter(l{place}, lambda _ts_m: _ts_m >= t{})) AS t{place} FROM ({table})",
            place - 1
        )
    });
    let numbers = values.iter().map(|(place, value)| match value.aggregate {
        Aggregate::Funnel => format!("CAST(t{place} IS NOT NULL AS DOUBLE) AS v{place}"),
        _ => format!("v{place}"),
    });
    let columns: Vec<String> = std::iter::once("customer".to_owned())
        .chain(carried.iter().cloned())
        .chain(numbers)
        .collect();
    format!("SELECT {} FROM ({timed})", columns.join(", "))
}

/// The condition that one row is a step and all those before it.
pub(crate) fn all_steps(value: &Value<'_>) -> Option<String> {
    let metric = value.metric?;
    let steps = metric.steps.iter().take(value.step? + 1);
    let conditions = metric.filter.iter().chain(steps.map(|step| &step.filter));
    let conditions: Vec<String> = conditions
        .map(|condition| lake::sql::condition(condition))
        .chain(
            value
                .fact
                .time
                .as_ref()
                .map(|time| format!("{} IS NOT NULL", lake::sql::identifier(time))),
        )
        .collect();
    Some(conditions.join(" AND "))
}

/// How many customers came as far as each step.
pub(crate) fn reached(compared: &Compared<'_>, moments: Pair<&Moments>) -> Vec<FunnelStep> {
    let steps = compared.metric.steps.iter().zip(compared.steps.clone());
    let count = |moments: &Moments, place| moments.sum(place) as u64;
    let reached = steps.map(|(step, place)| FunnelStep {
        step: step.name.clone(),
        reached: Pair {
            arm: count(moments.arm, place),
            against: count(moments.against, place),
        },
    });
    reached.collect()
}
