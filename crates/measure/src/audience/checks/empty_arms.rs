//! Declared arms that nobody is in, and what the column of arms holds instead.

use catalog::did_you_mean;
use lake::{Lake, sql};

use super::check;
use crate::audience::finding::{ArmFinding, Check, CheckKind, Severity};
use crate::audience::lift::SAMPLE_RATIO_ALARM;
use crate::audience::plan::Plan;
use crate::audience::query::customers::arm_number;
use crate::audience::query::{source_view, where_clause};
use crate::audience::trust::Split;
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// Values of the arm column among which the one that was meant is looked for.
const MOST_VALUES: usize = 50;
/// Values that are shown.
const SHOWN: usize = 5;

/// A declared arm without customers.
pub(crate) struct EmptyArm {
    /// Its place among the arms.
    place: usize,
    /// What is wrong, in words.
    message: String,
}

impl EmptyArm {
    pub(crate) fn check(&self) -> Check {
        check(CheckKind::NoData, Severity::Stop, self.message.clone())
    }
}

/// The most frequent values of the arm column that no arm declares.
pub(crate) fn undeclared(plan: &Plan<'_>, lake: &Lake) -> Result<Vec<String>, MeasureError> {
    let (rows, arm) = rows_and_arm(plan, lake)?;
    let query = format!(
        "SELECT coalesce(CAST({} AS VARCHAR), '(none)') FROM {rows} WHERE {arm} IS NULL \
         GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {MOST_VALUES}",
        sql::identifier(&plan.experiment.assignment.arm),
    );
    let context = "cannot list undeclared arms";
    Ok(lake.engine().rows(&query, context, |row| row.get(0))?)
}

/// `such as` the first of the values that no arm declares.
pub(crate) fn such_as(undeclared: &[String]) -> String {
    let shown = undeclared.iter().take(SHOWN);
    let shown: Vec<String> = shown.map(|value| format!("`{value}`")).collect();
    format!("such as {}", shown.join(", "))
}

/// The declared arms that nobody is in.
pub(crate) fn empty_arms(
    plan: &Plan<'_>,
    arms: &[ArmFinding],
    undeclared: &[String],
    lake: &Lake,
) -> Result<Vec<EmptyArm>, MeasureError> {
    if arms.iter().all(|arm| arm.customers > 0) {
        return Ok(Vec::new());
    }
    let (rows, arm) = rows_and_arm(plan, lake)?;
    let query = format!("SELECT DISTINCT {arm} FROM {rows} WHERE {arm} IS NOT NULL");
    let context = "cannot list the arms that have rows";
    let held: Vec<u8> = lake.engine().rows(&query, context, |row| row.get(0))?;
    let assignment = &plan.experiment.assignment;
    let column = format!("the column `{}` of `{}`", assignment.arm, assignment.source);
    let arms = plan.experiment.arms.iter().zip(arms).enumerate();
    let empty = arms
        .filter(|(_, (_, found))| found.customers == 0)
        .map(|(place, (arm, _))| {
            let value = arm.column_value().to_string();
            let why = if held.iter().any(|held| usize::from(*held) == place) {
                format!("whoever has `{value}` in {column} is not counted")
            } else {
                let candidates = undeclared.iter().map(String::as_str);
                let instead = match did_you_mean(&value, candidates) {
                    Some(meant) => format!(" (did you mean `{meant}`?)"),
                    None if undeclared.is_empty() => String::new(),
                    None => format!(
                        " (it holds values that no arm declares, {})",
                        such_as(undeclared)
                    ),
                };
                format!("{column} never holds `{value}`{instead}")
            };
            EmptyArm {
                place,
                message: format!("`{}` has no customers: {why}", arm.name),
            }
        });
    Ok(empty.collect())
}

/// Why nothing is compared where the split fails because an arm is empty: of as many customers as are expected in it,
/// all would be absent less often than the alarm allows (Poisson). An arm that is not open yet expects nobody.
pub(crate) fn refusal(empty: &[EmptyArm], split: &Split) -> Option<Refusal> {
    let is_no_chance = |arm: &&EmptyArm| {
        let phases = split.by_phase.iter();
        let expected: f64 = phases
            .filter_map(|phase| phase.expected.get(arm.place))
            .sum();
        (-expected).exp() < SAMPLE_RATIO_ALARM
    };
    let arm = empty.iter().find(is_no_chance)?;
    Some(Refusal::new(Reason::UnfitData, arm.message.clone()))
}

/// The rows of the assignment, and the number of the arm that each names, as SQL.
fn rows_and_arm(plan: &Plan<'_>, lake: &Lake) -> Result<(String, String), MeasureError> {
    let rows = source_view(&plan.source.name);
    let arm = arm_number(plan.experiment, &lake.columns(&rows)?);
    let filter = where_clause(plan.experiment.assignment.filter.as_ref());
    Ok((format!("(FROM {rows}{filter})"), arm))
}
