//! Touches and outcomes as tables of the engine, and the queries over them that more than one part asks.

use catalog::{Aggregate, Catalog, Fact, Metric, Performance, Span, SpanUnit, TouchKey, Unit};
use lake::{Lake, sql};
use stats::{Counts, Sample};

use super::costs::Costs;
use super::finding::{Extent, Valued};
use crate::audience::NotCounted;
use crate::audience::query::types::{
    check_time, number_of, require_column, type_of, unusable, usable_time,
};
use crate::audience::query::{define_fact, where_clause};
use crate::audience::times::Clock;
use crate::content::touches::{common_customer_type, touch_rows_with_columns};
use crate::error::MeasureError;

/// All rows of touches, each with the reason for which it does not count, if there is one.
pub(super) const TOUCHED: &str = "_ts_touched";
/// Why clicks are no exposures. Their costs count.
pub(super) const CLICK: &str = "a click, not a view";
/// Those that count: exposures.
pub(super) const SHOWN: &str = "_ts_shown";
/// All rows of the fact that is the outcome, each with the reason for which it does not count, if there is one.
const RECORDED: &str = "_ts_recorded";
/// Those that count, as a view.
pub(super) const OUTCOMES: &str = "_ts_outcomes";

/// Sums of values are sums of whole ten-thousandths, the same in any order.
pub(super) const VALUE_UNITS: f64 = 1e4;
/// The largest value of a row that is taken for one: squares of a million of them add up inside the engine's whole numbers.
const LARGEST_VALUE: f64 = 1e12;

/// How outcomes of a customer are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whether there is any row.
    Share,
    /// How many rows there are.
    Count,
    /// The sum of their values.
    Sum,
}

impl Kind {
    /// How many whole numbers make one of the outcome.
    pub(super) fn units(self) -> f64 {
        match self {
            Self::Share | Self::Count => 1.0,
            Self::Sum => VALUE_UNITS,
        }
    }
}

/// What the queries need to know.
pub(super) struct Prepared {
    pub(super) kind: Kind,
    /// The name of the fact or metric.
    pub(super) outcome: String,
    /// The name of the fact.
    pub(super) fact: String,
    pub(super) unit: Unit,
    /// What the table is divided by.
    pub(super) keys: Vec<String>,
    /// What one more outcome is worth.
    pub(super) value: Option<f64>,
    /// Whether touches have versions, and probabilities with candidates.
    pub(super) has_versions: bool,
    pub(super) has_choices: bool,
    clock: Clock,
    within: Span,
    delay: Option<Span>,
}

/// The units of one cell, summed up.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Units {
    /// The values of the keys that were asked for.
    pub(super) keys: Vec<String>,
    pub(super) exposures: u64,
    /// Customers whose outcome is known, and those whose is not yet.
    pub(super) customers: u64,
    pub(super) immature: u64,
    /// Outcomes and their squares, added up over the customers whose outcome is known.
    pub(super) total: f64,
    pub(super) squares: f64,
    /// Those of the outcomes that are left where each belongs to the last of the customer's units before it.
    pub(super) own: f64,
}

impl Units {
    pub(super) fn sample(&self) -> Sample {
        let n = self.customers as f64;
        let mean = self.total / n;
        Sample {
            n: self.customers,
            mean,
            variance: ((self.squares - self.total * mean) / (n - 1.0)).max(0.0),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            successes: self.total as u64,
            n: self.customers,
        }
    }

    /// The outcome a customer with the interval that these customers alone give: Wilson's of a share, Student's t of a
    /// mean; none of too few.
    pub(super) fn alone(&self, kind: Kind, alpha: f64) -> Option<Valued> {
        let estimate = self.raw()?;
        let (low, high) = match kind {
            Kind::Share => stats::wilson(self.counts(), alpha).ok()?,
            Kind::Count | Kind::Sum => {
                let mean = self.sample().interval_of_mean(alpha).ok()?;
                (mean.low, mean.high)
            }
        };
        Some(Valued {
            estimate,
            low,
            high,
        })
    }

    pub(super) fn raw(&self) -> Option<f64> {
        (self.customers > 0).then(|| self.total / self.customers as f64)
    }
}

/// Reads touches and outcomes.
pub(super) fn prepare(
    catalog: &Catalog,
    lake: &mut Lake,
    document: &Performance,
) -> Result<Prepared, MeasureError> {
    let place = format!("performance `{}`", document.name);
    let Some(touch) = catalog.touch(&document.touches) else {
        let message = format!("there is no touch `{}`", document.touches);
        return Err(unusable(&place, message));
    };
    let (fact, metric) = outcome(catalog, document, &place)?;
    let by: Vec<(String, Option<TouchKey>)> = document
        .by
        .iter()
        .map(|name| (name.clone(), dimension(name)))
        .collect();
    let mut keys = vec![
        TouchKey::Content,
        TouchKey::Engagement,
        TouchKey::Cost,
        TouchKey::Version,
        TouchKey::Channel,
        TouchKey::Propensity,
        TouchKey::Candidates,
    ];
    for key in by.iter().filter_map(|(_, key)| *key) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let own: Vec<&str> = by
        .iter()
        .filter(|(_, key)| key.is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    let touches = touch_rows_with_columns(catalog, lake, touch, &keys, &own)?;
    let rows = outcome_rows(catalog, lake, fact, metric, &place)?;
    let customer_type = common_customer_type(&[
        (format!("touch `{}`", touch.name), touches.customer_type),
        (format!("fact `{}`", fact.name), rows.customer_type),
    ])?;
    let as_customer = |column: &str| match customer_type {
        Some(name) => format!("CAST({column} AS {name})"),
        None => column.to_owned(),
    };
    let columns: Vec<String> = by
        .iter()
        .enumerate()
        .map(|(place, (name, key))| {
            let column = match key {
                Some(key) => sql::identifier(key.name()),
                None => format!("own{}", own.iter().position(|own| own == name).unwrap_or(0)),
            };
            format!(", coalesce({column}, '(none)') AS k{place}")
        })
        .collect();
    let context = format!("cannot read the touches of {place}");
    lake.engine().execute(
        &format!(
            "CREATE OR REPLACE TEMP TABLE {TOUCHED} AS SELECT {} AS customer, moment, content, version, channel, \
             propensity, candidates, cost{}, \
             CASE WHEN customer IS NULL THEN 'without a customer' WHEN moment IS NULL THEN 'without a usable time' \
             WHEN engagement IS NULL THEN 'neither a view nor a click' WHEN engagement THEN '{CLICK}' \
             WHEN content IS NULL THEN 'without content' END AS left_out FROM ({}); \
             CREATE OR REPLACE TEMP TABLE {SHOWN} AS SELECT * EXCLUDE (left_out), row_number() OVER () AS id \
             FROM {TOUCHED} WHERE left_out IS NULL",
            as_customer("customer"),
            columns.join(""),
            touches.sql,
        ),
        &context,
    )?;
    let context = format!("cannot read the outcome of {place}");
    lake.engine().execute(
        &format!(
            "CREATE OR REPLACE TEMP TABLE {RECORDED} AS SELECT {} AS customer, moment, value, \
             CASE WHEN customer IS NULL THEN 'without a customer' WHEN moment IS NULL THEN 'without a usable time' \
             WHEN value IS NULL THEN 'without a usable value' END AS left_out FROM ({}); \
             CREATE OR REPLACE TEMP VIEW {OUTCOMES} AS SELECT * EXCLUDE (left_out) FROM {RECORDED} \
             WHERE left_out IS NULL",
            as_customer("customer"),
            rows.sql,
        ),
        &context,
    )?;
    let kind = match metric.map(|metric| metric.aggregate) {
        None | Some(Aggregate::Any) => Kind::Share,
        Some(Aggregate::Sum) => Kind::Sum,
        Some(_) => Kind::Count,
    };
    let unit = match (metric, kind) {
        (_, Kind::Share) => Unit::Share,
        (Some(metric), _) => metric.unit,
        (None, _) => Unit::Number,
    };
    let margin = metric
        .filter(|metric| metric.unit == Unit::Money && kind == Kind::Sum)
        .and_then(|metric| catalog.margin_of(metric));
    let has = |key| touch.field(key).is_some();
    Ok(Prepared {
        kind,
        outcome: metric.map_or_else(|| fact.name.clone(), |metric| metric.name.clone()),
        fact: fact.name.clone(),
        unit,
        keys: document.by.clone(),
        value: document.value.or(margin),
        has_versions: has(TouchKey::Version),
        has_choices: has(TouchKey::Propensity) && has(TouchKey::Candidates),
        clock: rows.clock,
        within: document.outcome.within,
        delay: fact.delay,
    })
}

/// The key of touches that a name is.
fn dimension(name: &str) -> Option<TouchKey> {
    [
        TouchKey::Channel,
        TouchKey::Version,
        TouchKey::Slot,
        TouchKey::Campaign,
        TouchKey::Initiative,
        TouchKey::Team,
        TouchKey::Stage,
    ]
    .into_iter()
    .find(|key| key.name() == name)
}

fn outcome<'c>(
    catalog: &'c Catalog,
    document: &Performance,
    place: &str,
) -> Result<(&'c Fact, Option<&'c Metric>), MeasureError> {
    let metric = document.outcome.metric.as_deref();
    let metric = metric.and_then(|name| catalog.metric(name));
    let fact = metric
        .and_then(|metric| metric.fact.as_deref())
        .or(document.outcome.fact.as_deref())
        .and_then(|name| catalog.fact(name));
    match fact {
        Some(fact) => Ok((fact, metric)),
        None => Err(unusable(place, "its outcome names no fact".to_owned())),
    }
}

/// The rows of the outcome's fact.
struct OutcomeRows {
    sql: String,
    customer_type: String,
    clock: Clock,
}

fn outcome_rows(
    catalog: &Catalog,
    lake: &mut Lake,
    fact: &Fact,
    metric: Option<&Metric>,
    place: &str,
) -> Result<OutcomeRows, MeasureError> {
    let rows = define_fact(catalog, lake, fact)?;
    let columns = lake.columns(&rows)?;
    let of_fact = format!("fact `{}`", fact.name);
    let Some(time) = fact.time.as_deref() else {
        return Err(unusable(&of_fact, "it has no time".to_owned()));
    };
    for column in [fact.customer.as_str(), time] {
        require_column(&columns, of_fact.clone(), &fact.name, column)?;
    }
    check_time(lake, &columns, &rows, time, &of_fact)?;
    let clock = Clock::of(&columns, time);
    let value = match metric.filter(|metric| metric.aggregate == Aggregate::Sum) {
        Some(metric) => {
            let value = metric.value.as_deref().unwrap_or_default();
            let of_metric = format!("{place}, metric `{}`", metric.name);
            let value = number_of(lake, &rows, &fact.name, value, &of_metric)?;
            let value = format!("CAST({value} AS DOUBLE)");
            format!(
                "CASE WHEN abs({value}) <= {LARGEST_VALUE} THEN CAST(round({value} * {VALUE_UNITS}) AS HUGEINT) END"
            )
        }
        None => "CAST(1 AS HUGEINT)".to_owned(),
    };
    let filtered = format!(
        "(SELECT * FROM {rows}{})",
        where_clause(fact.filter.as_ref())
    );
    Ok(OutcomeRows {
        sql: format!(
            "SELECT {} AS customer, {} AS moment, {value} AS value FROM {filtered}{}",
            sql::identifier(&fact.customer),
            usable_time(&clock.time(time)),
            where_clause(metric.and_then(|metric| metric.filter.as_ref())),
        ),
        customer_type: type_of(&columns, &fact.customer)
            .unwrap_or_default()
            .to_owned(),
        clock,
    })
}

impl Prepared {
    /// From when what was shown at a time has its outcomes, as SQL.
    pub(super) fn start(&self, shown: &str) -> String {
        self.clock.exposure(shown)
    }

    /// Until when what was shown at a time has its outcomes, as SQL.
    pub(super) fn horizon(&self, shown: &str) -> String {
        sql::after(&self.start(shown), self.within)
    }

    /// Whether that time had passed at the end of the data, as SQL.
    pub(super) fn is_mature(&self, shown: &str) -> String {
        let horizon = self.horizon(shown);
        let known = match self.delay {
            Some(delay) => sql::after(&horizon, delay),
            None => horizon,
        };
        format!("coalesce({known} <= {}, false)", self.end())
    }

    /// The end of the data: that of the latest outcome's day, or its time where hours count.
    pub(super) fn end(&self) -> String {
        let by_day = !matches!(
            self.within.unit,
            SpanUnit::Second | SpanUnit::Minute | SpanUnit::Hour
        );
        match by_day || self.clock == Clock::Day {
            true => {
                format!("(SELECT date_trunc('day', max(moment)) + INTERVAL 1 DAY FROM {OUTCOMES})")
            }
            false => format!("(SELECT max(moment) FROM {OUTCOMES})"),
        }
    }

    /// Customers by the keys, each from the first time that they were shown what the keys say; ascending by the keys.
    pub(super) fn units(&self, lake: &Lake, keys: &[String]) -> Result<Vec<Units>, MeasureError> {
        self.units_of(lake, keys, SHOWN)
    }

    /// The same over rows of another table or query in parentheses.
    pub(super) fn units_of(
        &self,
        lake: &Lake,
        keys: &[String],
        rows: &str,
    ) -> Result<Vec<Units>, MeasureError> {
        let list = keys.join(", ");
        let of_unit: Vec<String> = keys.iter().map(|key| format!("u.{key}")).collect();
        let of_unit = of_unit.join(", ");
        let query = format!(
            "WITH units AS (SELECT {list}, customer, {} AS shown_at, count(*) AS exposures \
             FROM {rows} GROUP BY {list}, customer), timed AS ({}), \
             known AS (SELECT {of_unit}, u.exposures, {} AS mature, CAST({} AS HUGEINT) AS y, {} AS own \
             FROM timed u LEFT JOIN {OUTCOMES} f \
             ON f.customer = u.customer AND f.moment >= u.shown_at AND f.moment < {} \
             GROUP BY {of_unit}, u.customer, u.shown_at, u.exposures, u.own_end, u.together) \
             SELECT {list}, CAST(sum(exposures) AS BIGINT), count(*) FILTER (mature), count(*) FILTER (NOT mature), \
             coalesce(sum(y) FILTER (mature), 0), coalesce(sum(y * y) FILTER (mature), 0), \
             coalesce(sum(own) FILTER (mature), 0) \
             FROM known GROUP BY {list} ORDER BY {list}",
            self.start("min(moment)"),
            self.timed("units"),
            self.is_mature("u.shown_at"),
            self.kind.aggregate(),
            self.own_outcome("u"),
            self.horizon("u.shown_at"),
        );
        let width = keys.len();
        let units = self.kind.units();
        let rows = lake
            .engine()
            .rows(&query, "cannot count customers by content", |row| {
                let mut keys = Vec::with_capacity(width);
                for place in 0..width {
                    keys.push(row.get::<_, Option<String>>(place)?.unwrap_or_default());
                }
                let total: f64 = row.get(width + 3)?;
                let squares: f64 = row.get(width + 4)?;
                let own: f64 = row.get(width + 5)?;
                Ok(Units {
                    keys,
                    exposures: row.get(width)?,
                    customers: row.get(width + 1)?,
                    immature: row.get(width + 2)?,
                    total: total / units,
                    squares: squares / (units * units),
                    own: own / self.own_units(),
                })
            })?;
        Ok(rows)
    }

    /// How much there is.
    pub(super) fn extent(&self, lake: &Lake, costs: &Costs) -> Result<Extent, MeasureError> {
        let context = "cannot count touches";
        let mut rows = lake.engine().rows(
            &format!(
                "SELECT count(*), count(DISTINCT customer), count(DISTINCT content), \
                 epoch_us(CAST(min(moment) AS TIMESTAMP)), epoch_us(CAST(max(moment) AS TIMESTAMP)), \
                 (SELECT count(*) FROM {OUTCOMES}) FROM {SHOWN}"
            ),
            context,
            |row| {
                Ok(Extent {
                    exposures: row.get(0)?,
                    customers: row.get(1)?,
                    items: row.get(2)?,
                    from: row.get(3)?,
                    until: row.get(4)?,
                    outcomes: row.get(5)?,
                    ..Extent::default()
                })
            },
        )?;
        let mut extent = rows.pop().unwrap_or_default();
        extent.unknown_costs = costs.unknown;
        extent.left_out = not_counted(lake, TOUCHED)?;
        extent.outcomes_left_out = not_counted(lake, RECORDED)?;
        let left_out: u64 = extent.left_out.iter().map(|left| left.number).sum();
        extent.rows = extent.exposures + left_out;
        Ok(extent)
    }

    /// Lets go of the tables.
    pub(super) fn finish(&self, lake: &Lake) -> Result<(), MeasureError> {
        let statement = format!(
            "DROP TABLE IF EXISTS {TOUCHED}; DROP TABLE IF EXISTS {SHOWN}; DROP VIEW IF EXISTS {OUTCOMES}; \
             DROP TABLE IF EXISTS {RECORDED}"
        );
        Ok(lake
            .engine()
            .execute(&statement, "cannot drop the tables of touches")?)
    }
}

/// Rows of a table or query in parentheses whose `left_out` is a reason, by the reason.
pub(super) fn not_counted(lake: &Lake, rows: &str) -> Result<Vec<NotCounted>, MeasureError> {
    let query = format!(
        "SELECT left_out, count(*) FROM {rows} WHERE left_out IS NOT NULL GROUP BY 1 ORDER BY 1"
    );
    let counts = lake
        .engine()
        .rows(&query, "cannot count rows that are left out", |row| {
            Ok(NotCounted {
                reason: row.get(0)?,
                number: row.get(1)?,
            })
        })?;
    Ok(counts)
}
