//! The one query of an experiment: a row per assigned customer with all that is asked of them.
//!
//! Facts in SQL are pasted into it, so its own tables have names, `_ts_...`, that nobody else uses.
//!
//! It is made in two layers. The customers' table has for each customer, by names, `status`, `arm`, `repeated` rows and
//! whether in `several` arms (where assignments repeat), the time from which facts count (`started`), segments (`s0`,
//! ...), values before and after (`v0`, ...), and columns known before (`x0`, ...). What is summed up are its columns
//! with caps, in this order: status, arm, [repeated rows, several arms], [exposure], [values that are not mature, a bit
//! each], segments, values, money cut by caps, covariates.

pub(crate) mod assigned;
pub(crate) mod columns;
pub(crate) mod customers;
pub(crate) mod types;
mod values;
mod wide;

use catalog::{Aggregate, Catalog, Fact, Trigger};
use lake::{Column, Lake, sql};
use stats::robust::CapThresholds;

use self::customers::STATUS;
use self::types::{
    check_condition, check_covariate, check_readable, check_time, require_column, type_of, unusable,
};
use super::learned::{self, LearnedFinding};
use super::maturity::{self, Horizon};
use super::plan::{KnownFrom, Plan, QuantileOf};
use super::times::Clock;
use super::{caps, cluster};
use crate::error::MeasureError;
pub(crate) use lake::sql::exact_sum;

/// The customers' table where it is kept, because there is more than one look at it.
const KEPT: &str = "_ts_customers";

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
    /// In no cluster, where clusters were randomized.
    pub(crate) const NO_CLUSTER: u8 = 6;
    pub(crate) const NUMBER: usize = 7;
}

/// A generated query and where its columns are.
pub(crate) struct Query {
    /// What is summed up.
    pub(crate) sql: String,
    /// The customers' table: a name, or a query in parentheses.
    pub(crate) customers: String,
    /// The type of the customers' ids.
    pub(crate) customer_type: String,
    /// Whether rows say how often and in how many arms a customer was assigned.
    pub(crate) has_assignments: bool,
    /// Whether rows say when the customer was exposed, in microseconds.
    pub(crate) has_exposure: bool,
    /// When customers' values are mature.
    pub(crate) horizons: Vec<Horizon>,
    /// The bounds of each value, those before exposure last.
    pub(crate) caps: Vec<Option<CapThresholds>>,
    /// The predictions that are covariates.
    pub(crate) learned: Vec<LearnedFinding>,
}

impl Query {
    /// Whether a customer's value counts as far as its window goes, as SQL over the customers' table.
    pub(crate) fn is_mature(&self, plan: &Plan<'_>, place: usize) -> String {
        let bit = 1_u64.checked_shl(place as u32).unwrap_or(0);
        let horizon = self
            .horizons
            .iter()
            .find(|horizon| horizon.values & bit != 0 && place < plan.values.len());
        match horizon.filter(|_| plan.leaves_immature_out()) {
            Some(horizon) => format!("NOT ({})", horizon.is_open),
            None => "true".to_owned(),
        }
    }

    /// Whether a customer's number counts, as SQL over the customers' table: it is there, finite and mature.
    pub(crate) fn counts(&self, plan: &Plan<'_>, place: usize) -> String {
        let number = columns::number(self, place);
        let is_mature = self.is_mature(plan, place);
        format!("{number} IS NOT NULL AND isfinite({number}) AND {is_mature}")
    }

    /// Until when the data of some values reach, in microseconds: the earliest end among them.
    pub(crate) fn end_of(&self, values: u64) -> Option<i64> {
        let horizons = self.horizons.iter();
        horizons
            .filter(|horizon| horizon.values & values != 0)
            .map(|horizon| horizon.end)
            .min()
    }

    /// Lets go of the customers' table, if it was kept.
    pub(crate) fn finish(&self, lake: &Lake) -> Result<(), MeasureError> {
        let statement = format!(
            "DROP VIEW IF EXISTS {}; DROP VIEW IF EXISTS {}; DROP TABLE IF EXISTS {}; DROP TABLE IF EXISTS {KEPT}",
            learned::PREDICTED,
            cluster::UNITED,
            cluster::CLUSTERS,
        );
        Ok(lake
            .engine()
            .execute(&statement, "cannot drop the customers' table")?)
    }
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
///
/// Where caps or quantiles need more than one look at the customers, their table is computed here and kept.
pub(crate) fn write(
    plan: &Plan<'_>,
    catalog: &Catalog,
    lake: &mut Lake,
) -> Result<Query, MeasureError> {
    define(plan, catalog, lake)?;
    for fact in plan.facts() {
        define_fact(catalog, lake, fact)?;
    }
    let writer = Writer::new(plan, lake)?;
    writer.check_facts()?;
    writer.check_metrics()?;
    let mut query = writer.query()?;
    query.horizons = maturity::horizons(plan, lake, query.has_exposure)?;
    if plan.looks_twice() {
        let statement = format!(
            "CREATE OR REPLACE TEMP TABLE {KEPT} AS FROM {}",
            query.customers
        );
        let context = format!("cannot measure experiment `{}`", plan.experiment.name);
        lake.engine().execute(&statement, &context)?;
        query.customers = KEPT.to_owned();
    }
    cluster::unite(plan, lake, &mut query)?;
    query.caps = caps::thresholds(plan, lake, &query)?;
    query.learned = learned::learn(plan, lake, &mut query)?;
    query.sql = columns::summed(plan, &query);
    Ok(query)
}

/// Defines the sources of an experiment's assignment and exposure: what its [customers](assigned::assigned) need.
///
/// # Errors
///
/// A column of them that the experiment names and that is not there, or of a type that cannot be used.
pub(crate) fn define(
    plan: &Plan<'_>,
    catalog: &Catalog,
    lake: &mut Lake,
) -> Result<(), MeasureError> {
    lake.define(catalog, plan.source)?;
    let exposure = plan.experiment.exposure.as_ref();
    if let Some(source) = exposure.and_then(|exposure| catalog.source(&exposure.source)) {
        lake.define(catalog, source)?;
    }
    let writer = Writer::new(plan, lake)?;
    writer.check_assignment()?;
    writer.check_exposure()
}

/// A source as SQL names it.
pub(crate) fn source_view(name: &str) -> String {
    format!("source.{}", sql::identifier(name))
}

/// The rows that meet a condition, if there is one.
pub(crate) fn where_clause(filter: Option<&String>) -> String {
    filter.map_or_else(String::new, |filter| {
        format!(" WHERE {}", sql::condition(filter))
    })
}

/// The rows of a source, or of a query over sources, as SQL names them.
fn rows_of(source: Option<&str>, query: Option<&str>) -> String {
    match source {
        Some(name) => source_view(name),
        None => {
            let query = query.unwrap_or_default().trim();
            sql::condition(query.trim_end_matches(';'))
        }
    }
}

/// A fact's rows as SQL names them.
pub(crate) fn fact_rows(fact: &Fact) -> String {
    rows_of(fact.source.as_deref(), fact.sql.as_deref())
}

/// Defines what a fact reads; returns its rows as SQL names them.
pub(crate) fn define_fact(
    catalog: &Catalog,
    lake: &mut Lake,
    fact: &Fact,
) -> Result<String, MeasureError> {
    let place = format!("fact `{}`", fact.name);
    let (source, query) = (fact.source.as_deref(), fact.sql.as_deref());
    define_rows(catalog, lake, &place, source, query)
}

/// Defines a source, or the sources that the query of `place` reads; returns the rows as SQL names them.
///
/// # Errors
///
/// As [`Lake::define`] and [`Lake::define_read`].
pub(crate) fn define_rows(
    catalog: &Catalog,
    lake: &mut Lake,
    place: &str,
    source: Option<&str>,
    query: Option<&str>,
) -> Result<String, MeasureError> {
    let rows = rows_of(source, query);
    match source {
        Some(name) => {
            if let Some(source) = catalog.source(name) {
                lake.define(catalog, source)?;
            }
        }
        None => lake.define_read(catalog, &format!("{place}, sql"), &rows)?,
    }
    Ok(rows)
}

impl<'p, 'a> Writer<'p, 'a> {
    /// For an experiment whose sources are defined.
    fn new(plan: &'p Plan<'a>, lake: &'p Lake) -> Result<Self, MeasureError> {
        let columns = lake.columns(&source_view(&plan.source.name))?;
        Ok(Self {
            plan,
            lake,
            columns,
        })
    }

    fn place(&self) -> String {
        format!("experiment `{}`", self.plan.experiment.name)
    }

    fn check_exposure(&self) -> Result<(), MeasureError> {
        if let Some(exposure) = &self.plan.experiment.exposure {
            let rows = source_view(&exposure.source);
            let columns = self.lake.columns(&rows)?;
            let place = format!("{}, exposure", self.place());
            for column in [&exposure.customer, &exposure.time] {
                require_column(&columns, place.clone(), &exposure.source, column)?;
            }
            check_time(self.lake, &columns, &rows, &exposure.time, &place)?;
            let table = (rows.as_str(), exposure.source.as_str());
            check_condition(self.lake, table, exposure.filter.as_ref(), &place)?;
        }
        Ok(())
    }

    fn check_facts(&self) -> Result<(), MeasureError> {
        for fact in self.plan.facts() {
            let rows = fact_rows(fact);
            let place = format!("fact `{}`", fact.name);
            let key = |key: &str| format!("{place}, {key}");
            let columns = self.lake.columns(&rows).map_err(|error| {
                let document = if fact.sql.is_some() {
                    key("sql")
                } else {
                    place.clone()
                };
                unusable(&document, error.to_string())
            })?;
            let table = (rows.as_str(), fact.name.as_str());
            check_condition(self.lake, table, fact.filter.as_ref(), &place)?;
            require_column(&columns, key("customer"), &fact.name, &fact.customer)?;
            if let Some(time) = &fact.time {
                require_column(&columns, key("time"), &fact.name, time)?;
                check_time(self.lake, &columns, &rows, time, &key("time"))?;
            }
        }
        Ok(())
    }

    /// What metrics say in SQL, each metric once: in the query it would be nobody's.
    fn check_metrics(&self) -> Result<(), MeasureError> {
        let of_rows = self
            .plan
            .quantiles
            .iter()
            .filter_map(|quantile| match &quantile.of {
                QuantileOf::Rows(value) => Some(value),
                QuantileOf::Customers(_) => None,
            });
        let mut checked: Vec<&str> = Vec::new();
        for value in self.plan.all_values().chain(of_rows) {
            let Some(metric) = value
                .metric
                .filter(|metric| !checked.contains(&metric.name.as_str()))
            else {
                continue;
            };
            checked.push(&metric.name);
            let place = format!("metric `{}`", metric.name);
            let rows = fact_rows(value.fact);
            let table = (rows.as_str(), value.fact.name.as_str());
            check_condition(self.lake, table, metric.filter.as_ref(), &place)?;
            for step in &metric.steps {
                let place = format!("{place}, steps, `{}`", step.name);
                check_condition(self.lake, table, Some(&step.filter), &place)?;
            }
            // What is added up is looked at as a number, where it is added.
            let is_added_up = matches!(metric.aggregate, Aggregate::Sum | Aggregate::Mean);
            if let Some(text) = metric.value.as_ref().filter(|_| !is_added_up) {
                check_readable(self.lake, table, text, &format!("{place}, value"))?;
            }
        }
        Ok(())
    }

    fn check_assignment(&self) -> Result<(), MeasureError> {
        let assignment = &self.plan.experiment.assignment;
        let rows = source_view(&self.plan.source.name);
        let segments = self.plan.experiment.segments.iter();
        let strata = self.plan.experiment.strata.iter();
        let trigger = self
            .plan
            .experiment
            .trigger
            .iter()
            .flat_map(Trigger::columns);
        let time = assignment.time.as_deref();
        let named = [&assignment.customer, &assignment.arm]
            .into_iter()
            .map(|column| ("assignment", column.as_str()))
            .chain(time.map(|time| ("assignment", time)))
            .chain(segments.map(|segment| ("segments", segment.as_str())))
            .chain(strata.map(|stratum| ("strata", stratum.as_str())))
            .chain(trigger.map(|column| ("trigger", column)))
            .chain(self.known_columns().map(|column| ("covariates", column)))
            .chain(
                self.plan
                    .learned_columns
                    .iter()
                    .map(|column| ("covariates", *column)),
            )
            .chain(
                assignment
                    .cluster
                    .as_deref()
                    .map(|cluster| ("assignment", cluster)),
            );
        for (key, column) in named {
            let place = format!("{}, {key}", self.place());
            require_column(&self.columns, place, &self.plan.source.name, column)?;
        }
        let place = format!("{}, assignment", self.place());
        if let Some(time) = time {
            check_time(self.lake, &self.columns, &rows, time, &place)?;
        }
        let table = (rows.as_str(), self.plan.source.name.as_str());
        check_condition(self.lake, table, assignment.filter.as_ref(), &place)?;
        let place = format!("{}, covariates", self.place());
        for column in self.known_columns() {
            check_covariate(self.lake, &self.columns, &rows, column, &place)?;
        }
        for column in &self.plan.learned_columns {
            learned::check_column(&self.columns, column, &place)?;
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

    /// The query without what its customers' table has yet to tell.
    fn query(&self) -> Result<Query, MeasureError> {
        let shape = self.shape();
        // A customer with one row repeats nothing, and is in one arm.
        let has_assignments = matches!(shape, Shape::Repeated);
        let customers = match shape {
            Shape::Wide => self.wide()?,
            shape => self.joined(matches!(shape, Shape::Unique))?,
        };
        Ok(Query {
            sql: String::new(),
            customers: format!("({customers})"),
            customer_type: self.customer_type().to_owned(),
            has_assignments,
            has_exposure: self.timed() || self.plan.experiment.exposure.is_some(),
            horizons: Vec::new(),
            caps: Vec::new(),
            learned: Vec::new(),
        })
    }

    /// Assignments, exposures and facts, each reduced to a row a customer, joined.
    fn joined(&self, unique: bool) -> Result<String, MeasureError> {
        let is_plain = unique && self.plan.experiment.exposure.is_none();
        let units = if unique {
            self.units_of_unique(is_plain)
        } else {
            self.units_of_repeated()
        };
        let mut tables = vec![self.rows(), units];
        let (exposed, mut last) = self
            .exposed()
            .map(|(tables, last)| (tables, last.to_owned()))?;
        tables.extend(exposed);
        let has_exposure = self.timed() || self.plan.experiment.exposure.is_some();
        let mut carried = self.attributes();
        if has_exposure {
            carried.push("started".to_owned());
        }
        carried.push(if is_plain { "arm" } else { "tag" }.to_owned());
        let assignments = if unique {
            ""
        } else {
            carried.push("repeated".to_owned());
            ", repeated, (tag & 8) > 0 AS several"
        };
        for (number, (fact, values)) in self.by_fact().into_iter().enumerate() {
            let name = format!("_ts_with{number}");
            let rows = self.with_fact(fact, &values, &last, &carried, has_exposure)?;
            tables.push(format!("{name} AS ({rows})"));
            carried.extend(values.iter().map(|(place, _)| format!("v{place}")));
            last = name;
        }
        carried.retain(|name| !matches!(name.as_str(), "arm" | "tag" | "repeated"));
        let carried: String = carried.iter().map(|name| format!(", {name}")).collect();
        let (status, arm) = if is_plain {
            (self.status_of_unique("started"), "arm")
        } else {
            let arm = "CAST(nullif(tag >> 8, 255) AS UTINYINT) AS arm";
            (STATUS.to_owned(), arm)
        };
        Ok(format!(
            "WITH {} SELECT customer, CAST({status} AS UTINYINT) AS status, {arm}{assignments}{carried} FROM {last}",
            tables.join(", "),
        ))
    }

    /// The clock of a column of the assignment.
    fn clock(&self, column: &str) -> Clock {
        Clock::of(&self.columns, column)
    }

    fn timed(&self) -> bool {
        self.plan.experiment.assignment.time.is_some()
    }

    fn customer_type(&self) -> &str {
        type_of(&self.columns, &self.plan.experiment.assignment.customer).unwrap_or_default()
    }

    fn known_columns(&self) -> impl Iterator<Item = &'a str> {
        self.plan
            .covariates
            .iter()
            .filter_map(|known| match known.from {
                KnownFrom::Column(column) => Some(column),
                KnownFrom::Value(_) | KnownFrom::Learned(_) => None,
            })
    }
}
