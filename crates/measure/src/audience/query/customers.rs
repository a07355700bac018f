//! The assignment's customers: one row each, with the arm of the first assignment, its time, and what is taken along.

use catalog::{Experiment, SeveralArms};
use lake::{Column, sql};

use super::types::{is_number, same_customer, type_of, usable_time};
use super::{Writer, source_view, status, where_clause};
use crate::audience::checks::phase_of;
use crate::audience::codes::column_sql;
use crate::audience::learned;
use crate::audience::plan::PHASE;
use crate::audience::times::Clock;
use crate::audience::trigger;
use crate::error::MeasureError;

/// The status in a tag.
pub(super) const STATUS: &str = "(tag & 7)";

/// Status, whether in several arms, and arm (255 for none) as one small number: what is carried along for each customer
/// through joins and groups costs memory.
fn tag(status: &str, several: &str, arm: &str) -> String {
    format!(
        "CAST(coalesce({arm}, 255) * 256::INTEGER + CASE WHEN {several} THEN 8 ELSE 0 END + {status} AS USMALLINT)"
    )
}

/// The last 8 bits of an integer, of a negative one too.
fn low_byte(number: &str) -> String {
    format!("(({number} % 256 + 256) % 256)")
}

/// The number of the arm that a row of the assignment names, none for an undeclared one, as SQL.
pub(crate) fn arm_number(experiment: &Experiment, columns: &[Column]) -> String {
    let column = &experiment.assignment.arm;
    let texts: Vec<String> = experiment
        .arms
        .iter()
        .map(|arm| arm.column_value().to_string())
        .collect();
    let is_number = type_of(columns, column).is_some_and(is_number);
    // 0 is 0.0 in a column of floating-point numbers; and comparing numbers spares the engine a text for each row.
    let as_numbers = is_number && texts.iter().all(|text| text.parse::<f64>().is_ok());
    let (subject, literal): (String, fn(&str) -> String) = if as_numbers {
        (sql::identifier(column), str::to_owned)
    } else {
        (
            format!("CAST({} AS VARCHAR)", sql::identifier(column)),
            sql::text,
        )
    };
    let cases: Vec<String> = texts
        .iter()
        .enumerate()
        .map(|(arm, text)| format!("WHEN {subject} = {} THEN {arm}", literal(text)))
        .collect();
    format!("CAST(CASE {} END AS UTINYINT)", cases.join(" "))
}

impl Writer<'_, '_> {
    /// The function that makes an assignment's time of microseconds.
    fn time_constructor(&self) -> &'static str {
        match self
            .plan
            .experiment
            .assignment
            .time
            .as_deref()
            .map(|time| self.clock(time))
        {
            Some(Clock::Zoned) => "make_timestamptz",
            _ => "make_timestamp",
        }
    }

    /// The time of an assignment; none where the experiment has none.
    pub(super) fn assigned(&self) -> Option<String> {
        let time = self.plan.experiment.assignment.time.as_deref()?;
        Some(usable_time(&self.clock(time).time(time)))
    }

    /// The assignment's rows with what is asked of them.
    pub(super) fn rows(&self) -> String {
        let assignment = &self.plan.experiment.assignment;
        let mut select = vec![
            format!("{} AS customer", sql::identifier(&assignment.customer)),
            format!("{} AS arm", arm_number(self.plan.experiment, &self.columns)),
        ];
        select.extend(self.assigned().map(|time| format!("{time} AS moment")));
        select.extend(self.taken_along());
        format!(
            "_ts_rows AS (SELECT {} FROM {}{})",
            select.join(", "),
            source_view(&self.plan.source.name),
            where_clause(assignment.filter.as_ref())
        )
    }

    /// What is taken along from a customer's first assignment: segments `s0`, ... and covariates `x0`, ...
    pub(super) fn taken_along(&self) -> Vec<String> {
        let classes = self.plan.classes.iter().enumerate();
        let segments = classes.map(|(i, class)| {
            let class = match (*class, self.assigned()) {
                (PHASE, Some(time)) => {
                    format!("CAST({} AS BIGINT)", phase_of(self.plan.experiment, &time))
                }
                (column, _) => match &self.plan.experiment.trigger {
                    Some(trigger) if self.plan.trigger == Some(i) => trigger::column_sql(trigger),
                    _ => column_sql(&self.columns, column),
                },
            };
            format!("{class} AS s{i}")
        });
        let known = self.known_columns().enumerate();
        let known =
            known.map(|(i, column)| format!("CAST({} AS DOUBLE) AS x{i}", sql::identifier(column)));
        let learned = self.plan.learned_columns.iter().enumerate();
        let learned = learned.map(|(i, column)| {
            let type_name = type_of(&self.columns, column).unwrap_or_default();
            format!("{} AS f{i}", learned::taken(type_name, column))
        });
        let cluster = self.plan.experiment.assignment.cluster.iter();
        let cluster = cluster
            .map(|column| format!("CAST({} AS VARCHAR) AS cluster", sql::identifier(column)));
        segments
            .chain(known)
            .chain(learned)
            .chain(cluster)
            .collect()
    }

    /// The names of what is taken along.
    pub(super) fn attributes(&self) -> Vec<String> {
        let segments = (0..self.plan.classes.len()).map(|i| format!("s{i}"));
        segments
            .chain((0..self.known_columns().count()).map(|i| format!("x{i}")))
            .chain((0..self.plan.learned_columns.len()).map(|i| format!("f{i}")))
            .chain(
                self.plan
                    .experiment
                    .assignment
                    .cluster
                    .iter()
                    .map(|_| "cluster".to_owned()),
            )
            .collect()
    }

    /// What becomes of a customer whose one row of the assignment has this time and arm.
    pub(super) fn status_of_unique(&self, moment: &str) -> String {
        let no_time = if self.timed() {
            format!(" WHEN {moment} IS NULL THEN {}", status::NO_TIME)
        } else {
            String::new()
        };
        format!(
            "CASE WHEN arm IS NULL THEN {}{no_time} ELSE {} END",
            status::OTHER_ARM,
            status::COUNTED
        )
    }

    /// A customer has one row. Where nothing else is to be told of it, it has its arm in place of a tag.
    pub(super) fn units_of_unique(&self, is_plain: bool) -> String {
        let started = if self.timed() {
            ", moment AS started"
        } else {
            ""
        };
        let attributes: String = self
            .attributes()
            .iter()
            .map(|name| format!(", {name}"))
            .collect();
        let arm = match is_plain {
            true => "arm".to_owned(),
            false => {
                let tag = tag(&self.status_of_unique("moment"), "false", "arm");
                format!("{tag} AS tag")
            }
        };
        format!("_ts_units AS (SELECT customer{started}{attributes}, {arm} FROM _ts_rows)")
    }

    /// A customer counts in the arm of the first assignment. Time and arm are one number, whose least is the first
    /// assignment; of two arms at one time the one declared first, so that the answer is the same every time.
    pub(super) fn units_of_repeated(&self) -> String {
        let first = if self.timed() {
            "epoch_us(moment) * 256 + arm"
        } else {
            "CAST(arm AS BIGINT)"
        };
        let attributes = self.attributes();
        let taken_along = if attributes.is_empty() {
            format!("min({first}) AS first")
        } else {
            let packed: Vec<String> = attributes
                .iter()
                .map(|name| format!("{name} := {name}"))
                .collect();
            format!(
                "min(struct_pack(first := {first}, {})) FILTER (WHERE {first} IS NOT NULL) AS head",
                packed.join(", ")
            )
        };
        let grouped = format!(
            "SELECT customer, count(*) AS assignments, min(arm) <> max(arm) AS several, \
             count(arm) > 0 AS declared, {taken_along} FROM _ts_rows GROUP BY customer"
        );
        let first = if attributes.is_empty() {
            "first".to_owned()
        } else {
            "head.first".to_owned()
        };
        let taken: String = attributes
            .iter()
            .map(|name| format!(", head.{name} AS {name}"))
            .collect();
        let (arm, started, no_time) = if self.timed() {
            (
                low_byte(&first),
                format!(
                    ", {}(({first} - {}) // 256) AS started",
                    self.time_constructor(),
                    low_byte(&first)
                ),
                format!(" WHEN {first} IS NULL THEN {}", status::NO_TIME),
            )
        } else {
            (first.clone(), String::new(), String::new())
        };
        let leave_out = !self.timed() || self.plan.experiment.several_arms == SeveralArms::Exclude;
        let several = if leave_out {
            format!(" WHEN several THEN {}", status::SEVERAL_ARMS)
        } else {
            String::new()
        };
        let status = format!(
            "CASE WHEN customer IS NULL THEN {} WHEN NOT declared THEN {}{several}{no_time} ELSE {} END",
            status::NO_CUSTOMER,
            status::OTHER_ARM,
            status::COUNTED,
        );
        format!(
            "_ts_units AS (SELECT customer{started}, \
             CAST(CASE WHEN customer IS NULL THEN assignments ELSE assignments - 1 END AS UBIGINT) AS repeated{taken}, \
             {} AS tag FROM ({grouped}))",
            tag(&status, "several", &arm),
        )
    }

    /// The units with the first exposure of each, where exposure is declared: further tables, and the last one's name.
    pub(super) fn exposed(&self) -> Result<(Vec<String>, &'static str), MeasureError> {
        let Some(exposure) = &self.plan.experiment.exposure else {
            return Ok((Vec::new(), "_ts_units"));
        };
        let columns = self.lake.columns(&source_view(&exposure.source))?;
        let same = same_customer(
            (
                "e.customer",
                type_of(&columns, &exposure.customer).unwrap_or_default(),
            ),
            ("_ts_units.customer", self.customer_type()),
            format!("{}, exposure, `{}`", self.place(), exposure.customer),
        )?;
        let exposed = format!(
            "_ts_exposed AS (SELECT _ts_units.customer, min(moment) AS started \
             FROM (SELECT {} AS customer, {} AS moment FROM {}{}) e JOIN _ts_units ON {same}{} GROUP BY _ts_units.customer)",
            sql::identifier(&exposure.customer),
            usable_time(&Clock::of(&columns, &exposure.time).time(&exposure.time)),
            source_view(&exposure.source),
            where_clause(exposure.filter.as_ref()),
            if self.timed() {
                " AND e.moment >= _ts_units.started"
            } else {
                ""
            },
        );
        let starts = format!(
            "_ts_starts AS (SELECT _ts_units.* EXCLUDE (tag{}), _ts_exposed.started, CASE WHEN {STATUS} = {} AND _ts_exposed.started IS NULL \
             THEN tag + {}::USMALLINT ELSE tag END AS tag FROM _ts_units LEFT JOIN _ts_exposed ON _ts_units.customer = _ts_exposed.customer)",
            if self.timed() { ", started" } else { "" },
            status::COUNTED,
            status::NOT_EXPOSED,
        );
        Ok((vec![exposed, starts], "_ts_starts"))
    }
}
