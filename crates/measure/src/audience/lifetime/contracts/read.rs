//! The contracts of a fact: one scan of it, whose rows become payments, and what is seen of each contract at a day.

use catalog::{Catalog, Lifetime, LifetimeContracts, Span, SpanUnit};
use jiff::civil::Date;
use lake::Lake;

use crate::audience::lifetime::purchases::{
    CUSTOMERS, PURCHASES, Purchases, declared, number_of_day,
};
use crate::audience::lifetime::reader::{Reader, leave_out};
use crate::audience::query::types::check_time;
use crate::audience::times::Clock;
use crate::error::MeasureError;

/// Columns `contract` (its number), `holder`, `start` and `stop` (days since 1970), `spend`.
const CONTRACTS: &str = "_ts_lifetime_contracts";

/// What is the matter with a contract, by the number in `status`.
const WRONG: [&str; 8] = [
    "",
    "contracts without a customer",
    "contracts without a usable start",
    "contracts without an amount",
    "contracts in another currency",
    "contracts that ended on the day they started, or before",
    "contracts of less than nothing",
    "contracts that start after the last day",
];

/// Contracts of which the same is seen at the end of a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::audience::lifetime) struct Held {
    /// Payments so far: one more than renewals.
    pub(in crate::audience::lifetime) paid: u32,
    /// Whether the contract was not renewed when it was due.
    pub(in crate::audience::lifetime) ended: bool,
    /// Days until the next payment is due.
    pub(super) wait: u32,
    /// Payments to come, where the end is known.
    pub(super) known_left: Option<u32>,
    pub(super) cell: u32,
    /// The day of the start.
    pub(super) start: i64,
    /// What a payment brings, before margin.
    pub(super) price: f64,
    /// Payments after the day.
    pub(super) later: u32,
    pub(in crate::audience::lifetime) contracts: u32,
}

/// The contracts that had started by the end of a day.
#[derive(Debug)]
pub(in crate::audience::lifetime) struct Contracts {
    pub(in crate::audience::lifetime) rows: Vec<Held>,
    /// Customers with more than one contract.
    pub(super) holders_of_several: u64,
}

impl Held {
    pub(super) fn renewals(&self) -> u32 {
        self.paid - 1
    }
}

impl Contracts {
    /// Contracts as they are seen at the end of a day, and what was paid after it until `stop`. Ends that are known
    /// beforehand count on the last day of the data only: on earlier days one does not know whether they were.
    pub(super) fn read(
        lake: &Lake,
        lifetime: &Lifetime,
        declared: &LifetimeContracts,
        (end, stop): (i64, i64),
    ) -> Result<Self, MeasureError> {
        let context = format!("cannot measure lifetime `{}`", lifetime.name);
        let last = last_day(declared);
        let next = payment_day("first", "paid", declared.period);
        let left = payments_between("next", "k.stop", declared.period);
        let query = format!(
            "SELECT paid, next <= {end} AS ended, CAST(greatest(next - {end}, 0) AS BIGINT) AS wait, \
             CAST(CASE WHEN next > {end} AND k.stop IS NOT NULL AND {end} = {last} THEN {left} END AS BIGINT) AS left_over, \
             cell, first, k.spend, later, count(*) FROM (SELECT *, {next} AS next FROM (SELECT p.customer, \
             count(*) FILTER (WHERE p.day <= {end}) AS paid, \
             count(*) FILTER (WHERE p.day > {end} AND p.day <= {stop}) AS later, \
             CAST(any_value(c.first) AS BIGINT) AS first, CAST(any_value(c.cell) AS BIGINT) AS cell \
             FROM {PURCHASES} AS p JOIN {CUSTOMERS} AS c ON p.customer = c.customer WHERE c.first <= {end} \
             GROUP BY p.customer)) AS s JOIN {CONTRACTS} AS k ON s.customer = k.contract GROUP BY ALL ORDER BY ALL"
        );
        let rows = lake.engine().rows(&query, &context, |row| {
            Ok(Held {
                paid: row.get::<_, i64>(0)? as u32,
                ended: row.get(1)?,
                wait: row.get::<_, i64>(2)? as u32,
                known_left: row.get::<_, Option<i64>>(3)?.map(|left| left as u32),
                cell: row.get::<_, i64>(4)? as u32,
                start: row.get(5)?,
                price: row.get(6)?,
                later: row.get::<_, i64>(7)? as u32,
                contracts: row.get::<_, i64>(8)? as u32,
            })
        })?;
        let several = format!(
            "SELECT count(*) FROM (SELECT holder FROM {CONTRACTS} GROUP BY 1 HAVING count(*) > 1)"
        );
        let several: i64 = lake.engine().value(&several, &context)?;
        Ok(Self {
            rows,
            holders_of_several: several as u64,
        })
    }

    /// Renewals that were due, and those that were made.
    pub(super) fn renewals(&self) -> (f64, f64) {
        self.rows.iter().fold((0.0, 0.0), |(due, renewed), row| {
            let contracts = f64::from(row.contracts);
            let made = f64::from(row.renewals());
            let missed = f64::from(u8::from(row.ended));
            (
                due + contracts * (made + missed),
                renewed + contracts * made,
            )
        })
    }
}

/// The day before the rows were drawn.
fn last_day(contracts: &LifetimeContracts) -> i64 {
    let as_of = contracts.as_of.parse::<Date>();
    as_of.map_or(0, number_of_day) - 1
}

/// SQL: the day since 1970 of a payment by its number, from 0.
fn payment_day(start: &str, number: &str, period: Span) -> String {
    let count = period.count;
    let months = |months: u32| {
        format!(
            "(CAST(DATE '1970-01-01' + CAST({start} AS INTEGER) + to_months(CAST({number} * {months} AS INTEGER)) \
             AS DATE) - DATE '1970-01-01')"
        )
    };
    match period.unit {
        SpanUnit::Year => months(count.saturating_mul(12)),
        SpanUnit::Month => months(count),
        SpanUnit::Week => format!("({start} + {number} * {})", u64::from(count) * 7),
        _ => format!("({start} + {number} * {count})"),
    }
}

/// SQL: the payments from one day on and before another, the first of them on the one.
fn payments_between(from: &str, before: &str, period: Span) -> String {
    let date = |day: &str| format!("(DATE '1970-01-01' + CAST({day} AS INTEGER))");
    let whole = match period.unit {
        SpanUnit::Year | SpanUnit::Month => {
            let months = match period.unit {
                SpanUnit::Year => u64::from(period.count) * 12,
                _ => u64::from(period.count),
            };
            let last = date(&format!("({before} - 1)"));
            format!("date_sub('month', {}, {last}) // {months}", date(from))
        }
        SpanUnit::Week => format!("({before} - 1 - {from}) // {}", u64::from(period.count) * 7),
        _ => format!("({before} - 1 - {from}) // {}", period.count),
    };
    format!("CASE WHEN {before} > {from} THEN 1 + {whole} ELSE 0 END")
}

/// Reads the fact into the tables of purchases: a payment is a purchase, a contract its customer.
pub(super) fn read(
    catalog: &Catalog,
    lake: &mut Lake,
    lifetime: &Lifetime,
    contracts: &LifetimeContracts,
) -> Result<Purchases, MeasureError> {
    let reader = Reader::new(catalog, lake, lifetime)?;
    let (lake, context) = (reader.lake, reader.context.as_str());
    let last = last_day(contracts);
    let columns = reader.columns()?;
    reader.require(&columns, "contracts", &contracts.end)?;
    let place = format!("{}, contracts", reader.place);
    check_time(lake, &columns, &reader.rows(), &contracts.end, &place)?;
    let stop = Clock::of(&columns, &contracts.end).time(&contracts.end);
    let stop = format!(", CAST({stop} AS DATE) - DATE '1970-01-01' AS stop");
    let judged = reader.judged(&columns, &catalog.project().currency, &stop)?;
    let status = format!(
        "CASE WHEN status > 0 THEN status WHEN stop <= day THEN 5 WHEN spend < 0 THEN 6 WHEN day > {last} THEN 7 ELSE 0 \
         END"
    );
    let counts = format!(
        "SELECT CAST({status} AS INTEGER) AS status, count(*) FROM ({judged}) GROUP BY 1 ORDER BY 1"
    );
    let counts: Vec<(i32, i64)> =
        (lake.engine()).rows(&counts, context, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut purchases = reader.nothing(&columns);
    purchases.repeated = reader.repeated("true")?;
    for (status, rows) in counts {
        purchases.rows += rows as u64;
        if status == 4 {
            return Err(reader.foreign(rows)?);
        }
        if status > 0 {
            leave_out(&mut purchases.left_out, WRONG[status as usize], rows);
        }
    }
    let head = reader.head(", head");
    reader.run(
        CONTRACTS,
        &format!(
            "SELECT row_number() OVER (ORDER BY customer, start, stop, spend{head}) AS contract, customer AS holder, start, \
             stop, spend{head} FROM (SELECT customer, CAST(day AS BIGINT) AS start, CAST(stop AS BIGINT) AS stop, \
             spend{head} FROM ({judged}) WHERE {status} = 0)",
        ),
    )?;
    let day = payment_day("start", "number", contracts.period);
    let before = format!("least(coalesce(stop, {last} + 1), {last} + 1)");
    let payments = payments_between("start", &before, contracts.period);
    // One payment more than complete periods say: the calendar's months decide below.
    reader.keep_purchases(&format!(
        "SELECT contract AS customer, holder, CAST(day AS BIGINT) AS day, spend AS amount{head} FROM \
         (SELECT *, {day} AS day FROM (SELECT *, unnest(generate_series(0, {payments})) AS number FROM {CONTRACTS})) \
         WHERE day < {before}"
    ))?;
    let first = format!("SELECT CAST(min(start) AS BIGINT) FROM {CONTRACTS}");
    let first: Option<i64> = lake.engine().value(&first, context)?;
    let number = |text: &Option<String>| declared(text).map(number_of_day);
    // Without a contract the window is empty unless it is declared.
    purchases.from = number(&lifetime.from).or(first).unwrap_or(last + 1);
    purchases.end = number(&lifetime.until).map_or(last, |until| until - 1);
    purchases.data_end = last;
    reader.customers(&mut purchases, "holder")?;
    Ok(purchases)
}

/// Lets go of the table of contracts.
pub(super) fn finish(lake: &Lake) -> Result<(), MeasureError> {
    let statement = format!("DROP TABLE IF EXISTS {CONTRACTS}");
    Ok(lake
        .engine()
        .execute(&statement, "cannot drop the table of contracts")?)
}
