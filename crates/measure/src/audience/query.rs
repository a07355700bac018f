//! The one query of an experiment: a row per assigned customer with all that is asked of them.
//!
//! Facts in SQL are pasted into it, so its own tables have names, `_ts_...`, that nobody else uses.
//!
//! Its columns, in this order: status, arm, [repeated rows, several arms], [exposure], segments, values, money cut by
//! caps, covariates.

use std::collections::BTreeMap;

use catalog::{Aggregate, Catalog, Fact, Metric, SeveralArms, did_you_mean};
use lake::{Column, Lake, sql};

use super::plan::{KnownFrom, Plan, Value};
use super::times::{Clock, bounds, counts};
use crate::error::MeasureError;

/// What becomes of a customer, by the number in the status column.
pub(crate) mod status {
    pub(crate) const COUNTED: u8 = 0;
    /// In several arms: left out, because the catalog says so or because there is no telling which came first.
    pub(crate) const SEVERAL_ARMS: u8 = 1;
    pub(crate) const NOT_EXPOSED: u8 = 2;
    /// In no declared arm.
    pub(crate) const OTHER_ARM: u8 = 3;
    pub(crate) const NO_TIME: u8 = 4;
    pub(crate) const NO_CUSTOMER: u8 = 5;
    pub(crate) const NUMBER: usize = 6;
}

/// A generated query and where its columns are.
pub(crate) struct Query {
    pub(crate) sql: String,
    /// Whether rows say how often and in how many arms a customer was assigned.
    pub(crate) has_assignments: bool,
    /// Whether rows say when the customer was exposed, in microseconds.
    pub(crate) has_exposure: bool,
}

/// Where the fact's rows of a customer are.
enum Shape {
    /// One table has a row a customer with everything in it.
    Wide,
    /// The assignment has a row a customer, facts are elsewhere.
    Unique,
    /// Assignments may repeat.
    Repeated,
}

struct Writer<'p, 'a> {
    plan: &'p Plan<'a>,
    lake: &'p Lake,
    columns: Vec<Column>,
}

/// Writes the query, and defines the sources that it reads.
pub(crate) fn write(
    plan: &Plan<'_>,
    catalog: &Catalog,
    lake: &mut Lake,
) -> Result<Query, MeasureError> {
    lake.define(catalog, plan.source)?;
    let exposure = plan.experiment.exposure.as_ref();
    if let Some(source) = exposure.and_then(|exposure| catalog.source(&exposure.source)) {
        lake.define(catalog, source)?;
    }
    for value in plan.all_values() {
        match (&value.fact.source, &value.fact.sql) {
            (Some(name), _) => {
                if let Some(source) = catalog.source(name) {
                    lake.define(catalog, source)?;
                }
            }
            (None, Some(query)) => lake.define_mentioned(catalog, query)?,
            (None, None) => {}
        }
    }
    let columns = lake.columns(&source_view(&plan.source.name))?;
    let writer = Writer {
        plan,
        lake,
        columns,
    };
    writer.check_columns()?;
    writer.query()
}

/// A source as SQL names it.
fn source_view(name: &str) -> String {
    format!("source.{}", sql::identifier(name))
}

/// A fact's rows as SQL names them.
fn fact_rows(fact: &Fact) -> String {
    match (&fact.source, &fact.sql) {
        (Some(source), _) => source_view(source),
        (None, query) => format!(
            // On a line of its own, in case the query ends in a comment.
            "({}\n)",
            query
                .as_deref()
                .unwrap_or_default()
                .trim()
                .trim_end_matches(';')
        ),
    }
}

impl<'a> Writer<'_, 'a> {
    fn place(&self) -> String {
        format!("experiment `{}`", self.plan.experiment.name)
    }

    /// Every column that the experiment names must be there.
    fn check_columns(&self) -> Result<(), MeasureError> {
        let assignment = &self.plan.experiment.assignment;
        let mut named = vec![
            ("assignment", assignment.customer.as_str()),
            ("assignment", assignment.arm.as_str()),
        ];
        named.extend(assignment.time.as_deref().map(|time| ("assignment", time)));
        named.extend(
            self.plan
                .experiment
                .segments
                .iter()
                .map(|segment| ("segments", segment.as_str())),
        );
        named.extend(
            self.plan
                .covariates
                .iter()
                .filter_map(|known| match known.from {
                    KnownFrom::Column(column) => Some(("covariates", column)),
                    KnownFrom::Value(_) => None,
                }),
        );
        for (key, column) in named {
            let place = format!("{}, {key}", self.place());
            require_column(&self.columns, place, &self.plan.source.name, column)?;
        }
        if let Some(exposure) = &self.plan.experiment.exposure {
            let columns = self.lake.columns(&source_view(&exposure.source))?;
            for column in [&exposure.customer, &exposure.time] {
                require_column(
                    &columns,
                    format!("{}, exposure", self.place()),
                    &exposure.source,
                    column,
                )?;
            }
        }
        for (fact, _) in self.by_fact() {
            let columns = self.lake.columns(&fact_rows(fact))?;
            let named = [Some(&fact.customer), fact.time.as_ref()];
            for column in named.into_iter().flatten() {
                require_column(
                    &columns,
                    format!("fact `{}`", fact.name),
                    &fact.name,
                    column,
                )?;
            }
        }
        Ok(())
    }

    fn shape(&self) -> Shape {
        let assignment = &self.plan.experiment.assignment;
        let source = self.plan.source;
        let key = source.key.as_ref().or(source.row_id.as_ref());
        let unique = key == Some(&assignment.customer);
        let all_here = self.plan.experiment.exposure.is_none()
            && self.plan.all_values().all(|value| {
                value.fact.source.as_ref() == Some(&source.name)
                    && value.fact.customer == assignment.customer
            });
        match (unique, all_here) {
            (true, true) => Shape::Wide,
            (true, false) => Shape::Unique,
            (false, _) => Shape::Repeated,
        }
    }

    fn query(&self) -> Result<Query, MeasureError> {
        match self.shape() {
            Shape::Wide => self.wide(),
            shape => self.joined(matches!(shape, Shape::Unique)),
        }
    }

    /// The clock of a column of the assignment.
    fn clock(&self, column: &str) -> Clock {
        Clock::of(&self.columns, column)
    }

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

    fn timed(&self) -> bool {
        self.plan.experiment.assignment.time.is_some()
    }

    /// The number of the arm that a row names, none for an undeclared one.
    fn arm_number(&self) -> String {
        let column = &self.plan.experiment.assignment.arm;
        let arms = &self.plan.experiment.arms;
        let texts: Vec<String> = arms
            .iter()
            .map(|arm| arm.column_value().to_string())
            .collect();
        let is_number = self
            .columns
            .iter()
            .any(|known| known.name.eq_ignore_ascii_case(column) && is_number(&known.type_name));
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

    fn where_clause(filter: &Option<String>) -> String {
        filter
            .as_ref()
            .map(|filter| format!(" WHERE ({filter})"))
            .unwrap_or_default()
    }

    /// One scan of one table.
    fn wide(&self) -> Result<Query, MeasureError> {
        let assignment = &self.plan.experiment.assignment;
        let start = assignment
            .time
            .as_deref()
            .map(|time| self.clock(time).time(time));
        let mut select = vec![format!("{} AS arm", self.arm_number())];
        select.extend(start.iter().map(|start| format!("{start} AS started")));
        select.extend(
            self.segment_columns()
                .enumerate()
                .map(|(i, segment)| format!("{segment} AS s{i}")),
        );
        for (i, value) in self.plan.all_values().enumerate() {
            let time = value
                .fact
                .time
                .as_deref()
                .map(|time| (self.clock(time), time));
            let started = start
                .as_ref()
                .zip(time)
                .map(|(start, (clock, _))| clock.exposure(start));
            let time = time.map(|(clock, time)| clock.time(time));
            let condition = conditions(value, time.as_deref(), started.as_deref());
            let one_row = match value.aggregate {
                Aggregate::Count | Aggregate::Any => "1".to_owned(),
                Aggregate::CountDistinct => {
                    format!("CAST(({}) IS NOT NULL AS INTEGER)", expression(value))
                }
                _ => format!("({})", expression(value)),
            };
            let number = match condition {
                None => one_row,
                Some(condition) => format!(
                    "CASE WHEN {condition} THEN {one_row} ELSE {} END",
                    absent(value)
                ),
            };
            self.check_number(value, &number)?;
            select.push(format!("CAST({number} AS DOUBLE) AS v{i}"));
        }
        select.extend(
            self.known_columns()
                .enumerate()
                .map(|(i, column)| format!("CAST({} AS DOUBLE) AS x{i}", sql::identifier(column))),
        );
        let rows = format!(
            "SELECT {} FROM {}{}",
            select.join(", "),
            source_view(&self.plan.source.name),
            Self::where_clause(&assignment.filter)
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
        let exposure = if self.timed() {
            ", epoch_us(started)"
        } else {
            ""
        };
        Ok(Query {
            sql: format!(
                "SELECT CAST({status} AS UTINYINT), arm{exposure}{} FROM ({rows})",
                self.output()
            ),
            has_assignments: false,
            has_exposure: self.timed(),
        })
    }

    /// Assignments, exposures and facts, each reduced to a row a customer, joined.
    fn joined(&self, unique: bool) -> Result<Query, MeasureError> {
        let mut tables = vec![
            self.rows(),
            if unique {
                self.units_of_unique()
            } else {
                self.units_of_repeated()
            },
        ];
        let exposed = match &self.plan.experiment.exposure {
            Some(exposure) => {
                let columns = self.lake.columns(&source_view(&exposure.source))?;
                Some(format!(
                    "_ts_exposed AS (SELECT _ts_units.customer, min(moment) AS started \
                     FROM (SELECT {} AS customer, {} AS moment FROM {}{}) e \
                     JOIN _ts_units ON e.customer = _ts_units.customer{} GROUP BY _ts_units.customer)",
                    sql::identifier(&exposure.customer),
                    Clock::of(&columns, &exposure.time).time(&exposure.time),
                    source_view(&exposure.source),
                    Self::where_clause(&exposure.filter),
                    if self.timed() {
                        " AND e.moment >= _ts_units.started"
                    } else {
                        ""
                    },
                ))
            }
            None => None,
        };
        let has_exposure = exposed.is_some() || self.timed();
        let starts = if let Some(exposed) = exposed {
            tables.push(exposed);
            tables.push(format!(
                "_ts_starts AS (SELECT _ts_units.* EXCLUDE (tag{}), _ts_exposed.started, CASE WHEN {STATUS} = {} AND _ts_exposed.started IS NULL \
                 THEN tag + {}::USMALLINT ELSE tag END AS tag FROM _ts_units LEFT JOIN _ts_exposed ON _ts_units.customer = _ts_exposed.customer)",
                if self.timed() { ", started" } else { "" },
                status::COUNTED,
                status::NOT_EXPOSED,
            ));
            "_ts_starts"
        } else {
            "_ts_units"
        };
        let mut last = starts.to_owned();
        let mut carried = self.attributes();
        if has_exposure {
            carried.push("started".to_owned());
        }
        carried.push("tag".to_owned());
        let repeated = if unique {
            "0::UBIGINT"
        } else {
            carried.push("repeated".to_owned());
            "repeated"
        };
        for (number, (fact, values)) in self.by_fact().into_iter().enumerate() {
            let name = format!("_ts_with{number}");
            let rows = self.with_fact(fact, &values, &last, &carried, has_exposure)?;
            tables.push(format!("{name} AS ({rows})"));
            carried.extend(values.iter().map(|(place, _)| format!("v{place}")));
            last = name;
        }
        let exposure = if has_exposure {
            ", epoch_us(started)"
        } else {
            ""
        };
        Ok(Query {
            sql: format!(
                "WITH {} SELECT CAST({STATUS} AS UTINYINT), CAST(nullif(tag >> 8, 255) AS UTINYINT), {repeated}, \
                 (tag & 8) > 0{exposure}{} FROM {last}",
                tables.join(", "),
                self.output(),
            ),
            has_assignments: true,
            has_exposure,
        })
    }

    /// The columns behind the fixed ones.
    fn output(&self) -> String {
        let number = |place: usize| format!("v{place}");
        let segments = (0..self.plan.experiment.segments.len()).map(|i| format!("s{i}"));
        let before = self.plan.values.len();
        let values = self
            .plan
            .values
            .iter()
            .enumerate()
            .map(|(i, value)| capped(value, &number(i)));
        let cuts = self
            .plan
            .values
            .iter()
            .enumerate()
            .filter(|(_, value)| cap_of(value).is_some())
            .map(|(i, value)| {
                let raw = number(i);
                format!("{raw} - {}", capped(value, &raw))
            });
        let mut columns = 0;
        let mut values_before = before;
        let covariates = self.plan.covariates.iter().map(|known| match &known.from {
            KnownFrom::Column(_) => {
                columns += 1;
                format!("x{}", columns - 1)
            }
            KnownFrom::Value(value) => {
                values_before += 1;
                capped(value, &number(values_before - 1))
            }
        });
        segments
            .chain(values)
            .chain(cuts)
            .chain(covariates)
            .map(|column| format!(", {column}"))
            .collect()
    }

    fn segment_columns(&self) -> impl Iterator<Item = String> {
        let segments = self.plan.experiment.segments.iter();
        segments.map(|segment| format!("CAST({} AS VARCHAR)", sql::identifier(segment)))
    }

    fn known_columns(&self) -> impl Iterator<Item = &'a str> {
        self.plan
            .covariates
            .iter()
            .filter_map(|known| match known.from {
                KnownFrom::Column(column) => Some(column),
                KnownFrom::Value(_) => None,
            })
    }

    /// The assignment's rows with what is asked of them.
    fn rows(&self) -> String {
        let assignment = &self.plan.experiment.assignment;
        let mut select = vec![
            format!("{} AS customer", sql::identifier(&assignment.customer)),
            format!("{} AS arm", self.arm_number()),
        ];
        select.extend(
            assignment
                .time
                .as_deref()
                .map(|time| format!("{} AS moment", self.clock(time).time(time))),
        );
        select.extend(
            self.segment_columns()
                .enumerate()
                .map(|(i, segment)| format!("{segment} AS s{i}")),
        );
        select.extend(
            self.known_columns()
                .enumerate()
                .map(|(i, column)| format!("CAST({} AS DOUBLE) AS x{i}", sql::identifier(column))),
        );
        format!(
            "_ts_rows AS (SELECT {} FROM {}{})",
            select.join(", "),
            source_view(&self.plan.source.name),
            Self::where_clause(&assignment.filter)
        )
    }

    /// The names of what is taken along from a customer's first assignment.
    fn attributes(&self) -> Vec<String> {
        let segments = (0..self.plan.experiment.segments.len()).map(|i| format!("s{i}"));
        segments
            .chain((0..self.known_columns().count()).map(|i| format!("x{i}")))
            .collect()
    }

    fn units_of_unique(&self) -> String {
        let no_time = if self.timed() {
            format!(" WHEN moment IS NULL THEN {}", status::NO_TIME)
        } else {
            String::new()
        };
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
        format!(
            "_ts_units AS (SELECT customer{started}{attributes}, {} AS tag FROM _ts_rows)",
            tag(
                &format!(
                    "CASE WHEN arm IS NULL THEN {}{no_time} ELSE {} END",
                    status::OTHER_ARM,
                    status::COUNTED
                ),
                "false",
                "arm"
            ),
        )
    }

    /// A customer counts in the arm of the first assignment. Time and arm are one number, whose least is the first
    /// assignment; of two arms at one time the one declared first, so that the answer is the same every time.
    fn units_of_repeated(&self) -> String {
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

    /// The customers of a table with what it has of them (`carried`), and the values of one more fact. Customers and
    /// rows are joined and grouped at once: a table of the fact's values by itself would be joined a second time.
    fn with_fact(
        &self,
        fact: &Fact,
        values: &[(usize, &Value<'_>)],
        customers: &str,
        carried: &[String],
        has_exposure: bool,
    ) -> Result<String, MeasureError> {
        let time = fact.time.as_deref().filter(|_| has_exposure);
        let clock = match time {
            Some(time) => Clock::of(&self.lake.columns(&fact_rows(fact))?, time),
            None => Clock::Local,
        };
        let started = clock.exposure("started");
        let bounds = if time.is_some() {
            bounds(values.iter().map(|(_, value)| *value), &started)
        } else {
            String::new()
        };
        // Where all values have one period, the join lets no other rows through.
        let one_period = values
            .iter()
            .all(|(_, value)| value.period == values[0].1.period);
        let started = (time.is_some() && !one_period).then_some(&started);
        let mut inner = vec![format!("{} AS customer", sql::identifier(&fact.customer))];
        inner.extend(time.map(|time| format!("{} AS moment", clock.time(time))));
        let mut outer: Vec<String> = carried
            .iter()
            .map(|name| format!("any_value({name}) AS {name}"))
            .collect();
        for (place, value) in values {
            if takes_value(value.aggregate) {
                inner.push(format!("{} AS e{place}", expression(value)));
            }
            if let Some(filter) = value.metric.and_then(|metric| metric.filter.as_ref()) {
                inner.push(format!("({filter}) AS w{place}"));
            }
            let number = self.aggregate(*place, value, started)?;
            outer.push(format!("{number} AS v{place}"));
        }
        Ok(format!(
            "SELECT {customers}.customer, {} FROM {customers} LEFT JOIN (SELECT {} FROM {}{}) f \
             ON f.customer = {customers}.customer{bounds} GROUP BY {customers}.customer",
            outer.join(", "),
            inner.join(", "),
            fact_rows(fact),
            Self::where_clause(&fact.filter),
        ))
    }

    /// The values of each fact with their places, facts in the order in which they are first asked for.
    fn by_fact(&self) -> Vec<(&'a Fact, Vec<(usize, &Value<'a>)>)> {
        let mut order: Vec<&'a Fact> = Vec::new();
        let mut groups: BTreeMap<&str, Vec<(usize, &Value<'a>)>> = BTreeMap::new();
        for (place, value) in self.plan.all_values().enumerate() {
            let group = groups.entry(value.fact.name.as_str()).or_default();
            if group.is_empty() {
                order.push(value.fact);
            }
            group.push((place, value));
        }
        order
            .into_iter()
            .map(|fact| (fact, groups.remove(fact.name.as_str()).unwrap_or_default()))
            .collect()
    }

    /// How a customer's rows of a fact become a value.
    fn aggregate(
        &self,
        place: usize,
        value: &Value<'_>,
        started: Option<&String>,
    ) -> Result<String, MeasureError> {
        let filtered = value
            .metric
            .is_some_and(|metric| metric.filter.is_some())
            .then(|| format!("w{place}"));
        let condition = both(
            filtered,
            started.map(|started| counts(value.period, "moment", started)),
        );
        let filter = condition
            .map(|condition| format!(" FILTER (WHERE {condition})"))
            .unwrap_or_default();
        // A customer without rows is here once, with none of the fact's columns.
        let rows = format!("count(f.customer){filter}");
        let column = format!("e{place}");
        let call = match value.aggregate {
            Aggregate::Sum | Aggregate::Mean => self.exact(value, &column, &filter)?,
            Aggregate::Min => format!("min({column}){filter}"),
            Aggregate::Max => format!("max({column}){filter}"),
            Aggregate::CountDistinct => format!("count(DISTINCT {column}){filter}"),
            Aggregate::Any => "1".to_owned(),
            Aggregate::Count | Aggregate::Ratio => rows.clone(),
        };
        Ok(format!(
            "CAST(CASE WHEN {rows} > 0 THEN {call} ELSE {} END AS DOUBLE)",
            absent(value)
        ))
    }

    /// A sum or mean whose last digits do not depend on the order in which the engine's threads add.
    fn exact(&self, value: &Value<'_>, column: &str, filter: &str) -> Result<String, MeasureError> {
        let type_name = self.check_number(value, &expression(value))?;
        let is_floating = matches!(type_name.as_str(), "DOUBLE" | "FLOAT");
        Ok(match (value.aggregate, is_floating) {
            (Aggregate::Mean, true) => {
                format!("({}) / count({column}){filter}", exact_sum(column, filter))
            }
            (Aggregate::Mean, false) => format!("avg({column}){filter}"),
            (_, true) => exact_sum(column, filter),
            (_, false) => format!("sum({column}){filter}"),
        })
    }

    /// The type of an expression over a fact's rows, which must be a number or a truth value.
    fn check_number(&self, value: &Value<'_>, expression: &str) -> Result<String, MeasureError> {
        let place = match value.metric {
            Some(metric) => format!("metric `{}`, value", metric.name),
            None => format!("fact `{}`", value.fact.name),
        };
        let relation = format!(
            "(SELECT {expression} AS value FROM {})",
            fact_rows(value.fact)
        );
        let columns = self
            .lake
            .columns(&relation)
            .map_err(|error| MeasureError::Unusable {
                place: place.clone(),
                message: format!("`{}`: {error}", expression.trim_matches(['(', ')'])),
            })?;
        let type_name = columns
            .first()
            .map(|column| column.type_name.clone())
            .unwrap_or_default();
        if is_number(&type_name) || type_name == "BOOLEAN" {
            return Ok(type_name);
        }
        Err(MeasureError::Unusable {
            place,
            message: format!(
                "`{}` is {type_name}, not a number: convert it in SQL, such as `CAST(... AS DOUBLE)`, or give the \
                 column's type in the source's `types:`",
                expression.trim_matches(['(', ')'])
            ),
        })
    }
}

/// The sum of floating-point numbers, the same in any order. Each is split into a multiple of 2^-12 and, of what is
/// left, a multiple of 2^-48: adding and taking away 1.5 * 2^(52 - 12) rounds to the former, 1.5 * 2^(52 - 48) to the
/// latter. Sums of such multiples are exact in a double while a customer's stay below 2^41 and their rests below 32,
/// which takes more than 260,000 rows; beyond that they are as good as any sum of doubles, though not the same in any
/// order. Decimals are exact as well, but converting to them costs a third of a query.
fn exact_sum(column: &str, filter: &str) -> String {
    let coarse = format!("(({column} + 1649267441664.0::DOUBLE) - 1649267441664.0::DOUBLE)");
    let fine = format!("((({column} - {coarse}) + 24.0::DOUBLE) - 24.0::DOUBLE)");
    format!("sum({coarse}){filter} + sum({fine}){filter}")
}

/// Whether a type of the engine is one of numbers.
fn is_number(type_name: &str) -> bool {
    ["INT", "DECIMAL", "DOUBLE", "FLOAT"]
        .iter()
        .any(|known| type_name.contains(known))
        && type_name != "INTERVAL"
}

/// The status in a tag.
const STATUS: &str = "(tag & 7)";

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

fn require_column(
    columns: &[Column],
    place: String,
    table: &str,
    column: &str,
) -> Result<(), MeasureError> {
    // SQL's identifiers do not depend on case.
    if columns
        .iter()
        .any(|known| known.name.eq_ignore_ascii_case(column))
    {
        return Ok(());
    }
    let meant = did_you_mean(column, columns.iter().map(|known| known.name.as_str()));
    Err(MeasureError::UnknownColumn {
        place,
        table: table.to_owned(),
        column: column.to_owned(),
        meant: meant.map(str::to_owned),
    })
}

fn takes_value(aggregate: Aggregate) -> bool {
    !matches!(
        aggregate,
        Aggregate::Count | Aggregate::Any | Aggregate::Ratio
    )
}

fn expression(value: &Value<'_>) -> String {
    let text = value
        .metric
        .and_then(|metric| metric.value.as_deref())
        .unwrap_or("1");
    format!("({text})")
}

/// What a customer without rows has, as SQL: of touches, which no metric defines, none.
fn absent(value: &Value<'_>) -> &'static str {
    match value.metric {
        Some(metric) if !metric.absent_is_zero() => "NULL",
        _ => "0",
    }
}

fn cap_of<'v>(value: &'v Value<'_>) -> Option<&'v catalog::Cap> {
    value.metric.and_then(|metric: &Metric| metric.cap.as_ref())
}

fn capped(value: &Value<'_>, number: &str) -> String {
    let Some(cap) = cap_of(value) else {
        return number.to_owned();
    };
    let lower = cap
        .lower
        .map(|lower| format!(" WHEN {number} < {lower:?} THEN {lower:?}"))
        .unwrap_or_default();
    let upper = cap
        .upper
        .map(|upper| format!(" WHEN {number} > {upper:?} THEN {upper:?}"))
        .unwrap_or_default();
    format!("CASE{lower}{upper} ELSE {number} END")
}

fn both(left: Option<String>, right: Option<String>) -> Option<String> {
    match (left, right) {
        (Some(left), Some(right)) => Some(format!("{left} AND {right}")),
        (left, right) => left.or(right),
    }
}

/// Which rows of a wide table count for a value: the fact's condition, the metric's, and the time's.
fn conditions(value: &Value<'_>, time: Option<&str>, start: Option<&str>) -> Option<String> {
    let in_parentheses = |filter: &String| format!("({filter})");
    let fact = value.fact.filter.as_ref().map(in_parentheses);
    let metric = value
        .metric
        .and_then(|metric| metric.filter.as_ref())
        .map(in_parentheses);
    let time = time
        .zip(start)
        .map(|(time, start)| counts(value.period, time, start));
    both(both(fact, metric), time)
}
