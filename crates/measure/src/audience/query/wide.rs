//! One scan of one table that has a row a customer with everything in it.

use catalog::Aggregate;
use lake::sql;

use super::customers::arm_number;
use super::values::{absent, both, expression};
use super::{Writer, source_view, status, where_clause};
use crate::audience::funnel;
use crate::audience::plan::Value;
use crate::audience::times::counts;
use crate::error::MeasureError;

impl Writer<'_, '_> {
    /// The customers of a wide table.
    pub(super) fn wide(&self) -> Result<String, MeasureError> {
        let assignment = &self.plan.experiment.assignment;
        let start = self.assigned();
        let mut select = vec![
            format!(
                "{} AS customer",
                lake::sql::identifier(&assignment.customer)
            ),
            format!("{} AS arm", arm_number(self.plan.experiment, &self.columns)),
        ];
        select.extend(start.iter().map(|start| format!("{start} AS started")));
        select.extend(self.taken_along());
        for (i, value) in self.plan.all_values().enumerate() {
            let number = self.number_of_row(value, start.as_deref());
            self.check_value(value, &number)?;
            select.push(format!("CAST({number} AS DOUBLE) AS v{i}"));
        }
        let rows = format!(
            "SELECT {} FROM {}{}",
            select.join(", "),
            source_view(&self.plan.source.name),
            where_clause(assignment.filter.as_ref())
        );
        let no_time = if self.timed() {
            format!(" WHEN started IS NULL THEN {}", status::NO_TIME)
        } else {
            String::new()
        };
        let status = format!(
            "CASE WHEN arm IS NULL THEN {}{no_time} ELSE {} END",
            status::OTHER_ARM,
            status::COUNTED
        );
        Ok(format!(
            "SELECT *, CAST({status} AS UTINYINT) AS status FROM ({rows})"
        ))
    }

    /// The value of a customer whose one row this is.
    fn number_of_row(&self, value: &Value<'_>, start: Option<&str>) -> String {
        let time = value
            .fact
            .time
            .as_deref()
            .map(|time| (self.clock(time), time));
        let started = start
            .zip(time)
            .map(|(start, (clock, _))| clock.exposure(start));
        let time = time.map(|(clock, time)| clock.time(time));
        let one_row = match value.aggregate {
            Aggregate::Count | Aggregate::Any | Aggregate::Funnel => "1".to_owned(),
            Aggregate::CountDistinct => {
                format!(
                    "CAST(({}) IS NOT NULL AS INTEGER)",
                    expression(value, &self.columns)
                )
            }
            Aggregate::Days => {
                let time = time.as_deref().unwrap_or("NULL");
                format!("CAST({time} IS NOT NULL AS INTEGER)")
            }
            _ => format!("({})", expression(value, &self.columns)),
        };
        match conditions(value, time.as_deref(), started.as_deref()) {
            None => one_row,
            Some(condition) => format!(
                "CASE WHEN {condition} THEN {one_row} ELSE {} END",
                absent(value)
            ),
        }
    }
}

/// Which rows of a wide table count for a value: the fact's condition, the metric's, and the time's.
fn conditions(value: &Value<'_>, time: Option<&str>, start: Option<&str>) -> Option<String> {
    let fact = (value.fact.filter.as_ref()).map(|filter| sql::condition(filter));
    let own = match value.step {
        // One row does all steps at once.
        Some(_) => funnel::all_steps(value),
        None => value.filter(),
    };
    let time = time
        .zip(start)
        .map(|(time, start)| counts(value.period, time, start));
    both(both(fact, own), time)
}
