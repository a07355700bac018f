//! The one query of an attribution: the touches and conversions of each customer, in the order of time.
//!
//! Touches and conversions are put one under the other and numbered within each customer by a window function, which
//! the engine sorts and spills as it needs. What is sorted is narrow, four numbers beside a customer's id that is a text:
//! the time and the kind of a row are one number, names are [codes](lake::Codes), and until when a touch counts is worked
//! out afterwards. Which of two rows of one time and kind comes first is decided later, by their names. Rows that cannot
//! be used come last in their customer, with the reason, so that they are counted in the same pass.

use catalog::{Attribution, By, Catalog, Dimension, Fact, Immature, SeveralArms, TouchKey};
use lake::{Codes, Lake, sql};

use super::calibration::Tested;
use crate::audience::query::customers::arm_number;
use crate::audience::query::types::{
    check_time, number_of, require_column, same_customer, type_of, usable_time,
};
use crate::audience::query::{define_fact, source_view, where_clause};
use crate::audience::times::Clock;
use crate::content::touches::{TouchRows, common_customer_type, touch_rows};
use crate::error::MeasureError;

/// The columns of the query, in order.
pub(super) mod column {
    /// The row's place among its customer's, from 1.
    pub(crate) const POSITION: usize = 0;
    /// How many of the customer's rows can be used; they come first.
    pub(crate) const SIZE: usize = 1;
    /// When it happened, in microseconds.
    pub(crate) const MOMENT: usize = 2;
    /// Until when a touch counts, in microseconds.
    pub(crate) const UNTIL: usize = 3;
    /// What it is, see [`what`](super::what).
    pub(crate) const WHAT: usize = 4;
    /// Of a touch, the code of what is credited, and times 2^32 that of its channel; of a conversion, how many of its
    /// rows were the same as others.
    pub(crate) const CODE: usize = 5;
    /// What a touch cost, in millionths, whole; what a conversion is worth.
    pub(crate) const AMOUNT: usize = 6;
    /// A hash of the customer.
    pub(crate) const CUSTOMER: usize = 7;
    pub(crate) const COUNT: usize = 8;
}

/// What a row is.
pub(super) mod what {
    pub(crate) const VIEW: u8 = 0;
    pub(crate) const CLICK: u8 = 1;
    pub(crate) const CONVERSION: u8 = 2;
    /// A conversion whose value is missing: it is worth nothing.
    pub(crate) const WORTHLESS: u8 = 3;
    /// From here on, rows that cannot be used.
    pub(crate) const DROPPED: u8 = 8;
    pub(crate) const TOUCH_WITHOUT_CUSTOMER: u8 = 8;
    pub(crate) const TOUCH_WITHOUT_TIME: u8 = 9;
    pub(crate) const TOUCH_WITHOUT_CHANNEL: u8 = 10;
    /// Neither a view nor a click.
    pub(crate) const TOUCH_OF_OTHER_KIND: u8 = 11;
    pub(crate) const TOUCH_EXCLUDED: u8 = 12;
    pub(crate) const CONVERSION_WITHOUT_CUSTOMER: u8 = 13;
    pub(crate) const CONVERSION_WITHOUT_TIME: u8 = 14;
    /// Its value is infinite or not a number.
    pub(crate) const CONVERSION_NOT_FINITE: u8 = 15;
    pub(crate) const COUNT: usize = 16;
}

/// A row's time and kind are one number, its tick: microseconds since the first usable time, times this, plus the kind.
const TICKS: i64 = what::COUNT as i64;
/// The first usable time, 1000-01-01, in microseconds: ticks are not negative.
const FIRST_MOMENT: i64 = -30_610_224_000_000_000;
/// Ticks from here on, far beyond all usable times, are of rows that cannot be used.
const LAST_TICK: i64 = 1 << 62;

/// A touch's codes are one number: that of its channel times this, plus that of what is credited.
const CHANNELS: u64 = 1 << 32;

/// What joins the names of a combination.
pub(super) const CROSSING: &str = " / ";
/// What a touch without a value of a key is credited as.
pub(super) const NONE: &str = "(none)";

/// The query, and what else has to be known of it.
pub(super) struct Events {
    /// `WITH` and the table `_ts_events` of all rows.
    tables: String,
    /// Until when a touch counts, as SQL over `moment`, `channel` (its code) and `what`.
    until: String,
    /// Whether what is credited is the channel, which then is looked up once.
    by_channel: bool,
    /// The type of the customers' ids, by which other tables are joined.
    customer_type: String,
    /// Whether moments are points in time.
    zoned: bool,
    /// Whether conversions are known by their day only.
    pub(super) conversions_by_day: bool,
}

/// Writes the query, and defines and checks the sources that it reads.
///
/// # Errors
///
/// Columns that are not there or of a type that cannot be used.
pub(super) fn events(
    catalog: &Catalog,
    lake: &mut Lake,
    attribution: &Attribution,
) -> Result<Events, MeasureError> {
    let place = format!("attribution `{}`", attribution.name);
    let Some(fact) = catalog.fact(&attribution.conversion.fact) else {
        let message = format!("there is no fact `{}`", attribution.conversion.fact);
        return Err(MeasureError::Unusable { place, message });
    };
    let keys = keys(attribution);
    let mut touches: Vec<(String, TouchRows)> = Vec::new();
    for touch in attribution
        .touches
        .iter()
        .filter_map(|name| catalog.touch(name))
    {
        let rows = touch_rows(catalog, lake, touch, &keys)?;
        touches.push((format!("touch `{}`", touch.name), rows));
    }
    let conversions = Conversions::new(catalog, lake, attribution, fact, &place)?;
    let mut tables: Vec<(String, String)> = touches
        .iter()
        .map(|(place, rows)| (place.clone(), rows.customer_type.clone()))
        .collect();
    tables.push((
        format!("fact `{}`", fact.name),
        conversions.customer_type.clone(),
    ));
    let common = common_customer_type(&tables)?;
    let zoned = conversions.clock == Clock::Zoned || touches.iter().any(|(_, rows)| rows.zoned);
    let of_customer = |column: &str| match common {
        Some(type_name) => format!("CAST({column} AS {type_name})"),
        None => column.to_owned(),
    };
    let moment = if zoned {
        "CAST(moment AS TIMESTAMPTZ)"
    } else {
        "moment"
    };
    let mut parts: Vec<String> = touches
        .iter()
        .map(|(_, rows)| {
            format!(
                "SELECT {} AS customer, {moment} AS moment, {} AS what, {} AS key, channel, \
                 CAST(0 AS DOUBLE) AS value, cost AS number FROM ({})",
                of_customer("customer"),
                touch_kind(attribution),
                key(&attribution.by),
                rows.sql,
            )
        })
        .collect();
    parts.push(format!(
        "SELECT {} AS customer, {moment} AS moment, {} AS what, '' AS key, '' AS channel, \
         coalesce(value, 0) AS value, number FROM ({})",
        of_customer("customer"),
        conversion_kind(),
        conversions.sql,
    ));
    Ok(Events {
        tables: format!("WITH _ts_events AS ({})", parts.join(" UNION ALL ")),
        until: until(attribution, lake.engine().codes()),
        by_channel: attribution.by.dimensions() == [Dimension::Channel],
        customer_type: common.map_or(conversions.customer_type.clone(), str::to_owned),
        zoned,
        conversions_by_day: conversions.clock == Clock::Day,
    })
}

impl Events {
    /// The query over all customers.
    pub(super) fn all(&self) -> String {
        format!("{} {}", self.tables, self.numbered("_ts_events"))
    }

    /// The query over all customers in which a conversion is worth the number of its customer in a table with the columns
    /// `customer` and `number`, plus 2; or 1 where the customer has none.
    ///
    /// # Errors
    ///
    /// Customers of types that cannot be compared.
    pub(super) fn numbered_by(
        &self,
        (table, customer_type): (&str, &str),
        place: String,
    ) -> Result<String, MeasureError> {
        let same = same_customer(
            ("n.customer", customer_type),
            ("e.customer", &self.customer_type),
            place,
        )?;
        Ok(format!(
            "{}, _ts_worth AS (SELECT e.* REPLACE (CAST(coalesce(n.number + 2, 1) AS DOUBLE) AS value) \
             FROM _ts_events e LEFT JOIN {table} n ON {same} AND e.what IN ({}, {})) {}",
            self.tables,
            what::CONVERSION,
            what::WORTHLESS,
            self.numbered("_ts_worth")
        ))
    }

    /// The query over the customers of an experiment's arm, from their assignment on, with the conversions that the
    /// experiment counted.
    ///
    /// # Errors
    ///
    /// Columns that are not there or of a type that cannot be used.
    pub(super) fn of_arm(
        &self,
        catalog: &Catalog,
        lake: &Lake,
        tested: &Tested<'_>,
    ) -> Result<String, MeasureError> {
        let experiment = tested.calibrator.experiment;
        let assignment = &experiment.assignment;
        let rows = source_view(&assignment.source);
        let columns = lake.columns(&rows)?;
        let place = format!("experiment `{}`", experiment.name);
        let time = assignment.time.as_deref().unwrap_or_default();
        require_column(&columns, place.clone(), &assignment.source, time)?;
        let clock = Clock::of(&columns, time);
        let wanted = experiment
            .arms
            .iter()
            .position(|arm| arm.name == tested.calibrator.arm.name)
            .unwrap_or_default();
        let alone = match experiment.several_arms {
            SeveralArms::First => "",
            SeveralArms::Exclude => " AND min(arm) = max(arm)",
        };
        let started = match (self.zoned, clock) {
            (true, Clock::Zoned) | (false, Clock::Local | Clock::Day) => "started",
            (true, _) => "CAST(started AS TIMESTAMPTZ)",
            (false, _) => "CAST(started AS TIMESTAMP)",
        };
        let arm = format!(
            "_ts_assigned AS (SELECT {} AS customer, {} AS arm, {} AS started FROM {rows}{}), \
             _ts_arm AS (SELECT customer, {started} AS started FROM (SELECT customer, arg_min(arm, \
             epoch_us(started) * 256 + arm) AS first, min(started) AS started FROM _ts_assigned \
             WHERE arm IS NOT NULL AND started IS NOT NULL GROUP BY customer HAVING first = {wanted}{alone}))",
            sql::identifier(&assignment.customer),
            arm_number(experiment, &columns),
            usable_time(&clock.time(time)),
            where_clause(assignment.filter.as_ref()),
        );
        let own_type = type_of(&columns, &assignment.customer).unwrap_or_default();
        let same = if own_type == self.customer_type {
            "e.customer = a.customer"
        } else {
            "CAST(e.customer AS VARCHAR) = CAST(a.customer AS VARCHAR)"
        };
        let window = tested.calibrator.metric.window.as_ref();
        let from = window
            .and_then(|window| window.from)
            .map_or("a.started".to_owned(), |from| sql::after("a.started", from));
        let to = window.and_then(|window| window.to);
        let before_end = to.map_or(String::new(), |to| {
            format!(" AND e.moment < {}", sql::after("a.started", to))
        });
        let mut matured = String::new();
        if let (Some(to), Some(until), Immature::LeaveOut) =
            (to, tested.mature_until, experiment.immature)
        {
            let fact = catalog.fact(&tested.fact);
            let end = sql::after("a.started", to);
            let end = match fact.and_then(|fact| fact.delay) {
                Some(delay) => sql::after(&end, delay),
                None => end,
            };
            matured = format!(" AND epoch_us(CAST({end} AS TIMESTAMP)) <= {until}");
        }
        let conversions = format!(
            "e.what NOT IN ({}, {}) OR (e.moment >= {from}{before_end})",
            what::CONVERSION,
            what::WORTHLESS
        );
        let kept = format!(
            "_ts_kept AS (SELECT e.* FROM _ts_events e JOIN _ts_arm a ON {same} \
             WHERE e.what < {} AND e.moment >= a.started AND ({conversions}){matured})",
            what::DROPPED
        );
        Ok(format!(
            "{}, {arm}, {kept} {}",
            self.tables,
            self.numbered("_ts_kept")
        ))
    }

    /// Rows by customer and time. At the same time views come before clicks, and touches before conversions.
    fn numbered(&self, table: &str) -> String {
        let code = |column: &str| {
            let code = sql::code(&format!("coalesce({column}, '')"));
            format!("CAST({code} AS UBIGINT)")
        };
        let codes = match self.by_channel {
            true => format!("{} * {}", code("key"), CHANNELS + 1),
            false => format!("{} + {} * {CHANNELS}", code("key"), code("channel")),
        };
        let make_time = match self.zoned {
            true => "make_timestamptz",
            false => "make_timestamp",
        };
        let ticks = format!(
            "SELECT customer, CASE WHEN what >= {dropped} THEN {LAST_TICK} + what \
             ELSE (epoch_us(moment) - {FIRST_MOMENT}) * {TICKS} + what END AS tick, \
             CASE WHEN what >= {dropped} THEN CAST(0 AS UBIGINT) WHEN what >= {conversion} THEN CAST(number AS UBIGINT) \
             ELSE {codes} END AS code, \
             CASE WHEN what < {conversion} THEN CAST(number AS DOUBLE) ELSE value END AS amount FROM {table}",
            dropped = what::DROPPED,
            conversion = what::CONVERSION,
        );
        // (A filtered count beside the ordered window would look at every row for each row of a customer.)
        let placed = format!(
            "SELECT *, row_number() OVER (PARTITION BY customer ORDER BY tick) AS position, \
             count(CASE WHEN tick < {LAST_TICK} THEN 1 END) OVER (PARTITION BY customer) AS size FROM ({ticks})"
        );
        let named = format!(
            "SELECT *, tick // {TICKS} + {FIRST_MOMENT} AS micros, {make_time}(tick // {TICKS} + {FIRST_MOMENT}) AS moment, \
             CAST(tick % {TICKS} AS UTINYINT) AS what, code // {CHANNELS} AS channel FROM ({placed})"
        );
        format!(
            "SELECT position, size, micros, epoch_us({}), what, code, amount, hash(customer) FROM ({named})",
            self.until
        )
    }
}

/// The keys of touches that are read.
fn keys(attribution: &Attribution) -> Vec<TouchKey> {
    let mut keys = vec![TouchKey::Channel, TouchKey::Engagement, TouchKey::Cost];
    for dimension in attribution.by.dimensions() {
        if !keys.contains(&dimension.key()) {
            keys.push(dimension.key());
        }
    }
    keys
}

/// What is credited, as SQL over a touch.
fn key(by: &By) -> String {
    let names: Vec<String> = by
        .dimensions()
        .iter()
        .map(|dimension| {
            let column = sql::identifier(dimension.key().name());
            format!("coalesce({column}, {})", sql::text(NONE))
        })
        .collect();
    names.join(&format!(" || {} || ", sql::text(CROSSING)))
}

/// Until when a touch counts, as SQL over it.
fn until(attribution: &Attribution, codes: &Codes) -> String {
    let lookback = sql::after("moment", attribution.lookback);
    let mut cases = String::new();
    for (channel, window) in &attribution.windows {
        for (kind, span) in [(what::VIEW, window.view()), (what::CLICK, window.click())] {
            if let Some(span) = span {
                cases.push_str(&format!(
                    " WHEN channel = {} AND what = {kind} THEN {}",
                    codes.of(channel),
                    sql::after("moment", span)
                ));
            }
        }
    }
    if cases.is_empty() {
        return lookback;
    }
    format!("CASE{cases} ELSE {lookback} END")
}

/// What a touch is, or why it cannot be used.
fn touch_kind(attribution: &Attribution) -> String {
    let excluded: Vec<String> = attribution
        .exclude
        .iter()
        .map(|name| sql::text(name))
        .collect();
    let excluded = if excluded.is_empty() {
        String::new()
    } else {
        let names = excluded.join(", ");
        format!(" WHEN channel IN ({names}) THEN {}", what::TOUCH_EXCLUDED)
    };
    format!(
        "CAST(CASE WHEN customer IS NULL THEN {} WHEN moment IS NULL THEN {} WHEN engagement IS NULL THEN {} \
         WHEN channel IS NULL THEN {}{excluded} WHEN engagement THEN {} ELSE {} END AS UTINYINT)",
        what::TOUCH_WITHOUT_CUSTOMER,
        what::TOUCH_WITHOUT_TIME,
        what::TOUCH_OF_OTHER_KIND,
        what::TOUCH_WITHOUT_CHANNEL,
        what::CLICK,
        what::VIEW,
    )
}

/// What a conversion is, or why it cannot be used.
fn conversion_kind() -> String {
    format!(
        "CAST(CASE WHEN customer IS NULL THEN {} WHEN moment IS NULL THEN {} WHEN value IS NULL THEN {} \
         WHEN NOT isfinite(value) THEN {} ELSE {} END AS UTINYINT)",
        what::CONVERSION_WITHOUT_CUSTOMER,
        what::CONVERSION_WITHOUT_TIME,
        what::WORTHLESS,
        what::CONVERSION_NOT_FINITE,
        what::CONVERSION,
    )
}

/// The conversions of a fact.
struct Conversions {
    sql: String,
    customer_type: String,
    clock: Clock,
}

impl Conversions {
    fn new(
        catalog: &Catalog,
        lake: &mut Lake,
        attribution: &Attribution,
        fact: &Fact,
        place: &str,
    ) -> Result<Self, MeasureError> {
        let rows = define_fact(catalog, lake, fact)?;
        let columns = lake.columns(&rows)?;
        let of_fact = format!("fact `{}`", fact.name);
        let time = fact.time.as_deref().unwrap_or_default();
        for column in [&fact.customer, time] {
            require_column(&columns, of_fact.clone(), &fact.name, column)?;
        }
        check_time(lake, &columns, &rows, time, &of_fact)?;
        let clock = Clock::of(&columns, time);
        let conversion = &attribution.conversion;
        let value = match &conversion.value {
            Some(value) => {
                let place = format!("{place}, conversion");
                let value = number_of(lake, &rows, &fact.name, value, &place)?;
                format!("CAST({value} AS DOUBLE)")
            }
            None => "CAST(0 AS DOUBLE)".to_owned(),
        };
        // What is known by its day may have happened at the end of it: touches of the day came before.
        let moment = usable_time(&clock.time(time));
        let moment = match clock {
            Clock::Day => format!("({moment} + INTERVAL '1 day' - INTERVAL '1 second')"),
            Clock::Local | Clock::Zoned => moment,
        };
        let customer = sql::identifier(&fact.customer);
        let filter = where_clause(fact.filter.as_ref());
        let sql = match &conversion.order {
            None => format!(
                "SELECT {customer} AS customer, {moment} AS moment, {value} AS value, CAST(0 AS BIGINT) AS number \
                 FROM {rows}{filter}"
            ),
            Some(order) => {
                require_column(&columns, format!("{place}, conversion"), &fact.name, order)?;
                let order = sql::identifier(order);
                // Rows without an order are one conversion where they have one time. Values add up over all rows, as in
                // metrics, against which credit is held; rows that are the same in every column are counted beside.
                let value = sql::exact_sum(&format!("{value} * _ts_copies"), "");
                format!(
                    "SELECT {customer} AS customer, min({moment}) AS moment, {value} AS value, \
                     sum(_ts_copies - 1) AS number FROM (SELECT *, count(*) AS _ts_copies FROM {rows}{filter} \
                     GROUP BY ALL) GROUP BY {customer}, {order}, CASE WHEN {order} IS NULL THEN {moment} END"
                )
            }
        };
        Ok(Self {
            sql,
            customer_type: type_of(&columns, &fact.customer)
                .unwrap_or_default()
                .to_owned(),
            clock,
        })
    }
}
