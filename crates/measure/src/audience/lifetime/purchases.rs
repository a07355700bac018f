//! The purchases of customers: one scan of the fact, whose rows become orders, whose orders become purchases.
//!
//! Tables are kept for the measurement. An order nets its rows and lies on the day of its first one; the orders of
//! a customer and day of which something remains are one purchase; a customer has the day of the first purchase and the
//! number of a cell, which stands for the values of all columns by which customers are told apart.
//!
//! No group of a query holds more than a few numbers, so that what exceeds the engine's memory spills.

use std::collections::BTreeMap;
use std::ops::Range;

use catalog::{Catalog, Lifetime};
use jiff::Span;
use jiff::civil::{Date, date};
use lake::{Lake, sql};

use super::NeverBought;
use super::days::Gaps;
use super::histories::HISTORIES;
use super::periods::Periods;
use super::reader::{Reader, leave_out, together};
use crate::audience::NotCounted;
use crate::audience::query::exact_sum;
use crate::error::MeasureError;

/// Columns `status` (0 of orders that count), `customer`, `day` (since 1970), `amount`, and where an experiment is declared
/// `moment`: that of an order's first row, and of a day's last row where rows are netted by day. Where a column names orders,
/// `number` stands for its value, and `doubled` is 1 or 2 where each amount is there an even number of times, at one time or
/// at several.
pub(super) const ORDERS: &str = "_ts_lifetime_orders";
/// A view with the columns `customer`, `day` (since 1970), `amount`.
pub(super) const PURCHASES: &str = "_ts_lifetime_purchases";
/// Purchases where they are not orders.
pub(super) const DAYS: &str = "_ts_lifetime_days";
/// Column `class` and the values of the fact's columns that it stands for.
pub(super) const CLASSES: &str = "_ts_lifetime_classes";
/// Columns `customer`, `first` (day since 1970), `at_first` (what was bought on it), `cell`, and `cost` where acquisition is
/// declared, which tells cells apart by whether it is known.
pub(super) const CUSTOMERS: &str = "_ts_lifetime_customers";
/// Columns `cell` and the values that it stands for.
pub(super) const CELLS: &str = "_ts_lifetime_cells";

/// What the tables hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Purchases {
    pub(super) rows: u64,
    /// The first day on which customers count.
    pub(super) from: i64,
    /// The last day that models see.
    pub(super) end: i64,
    /// The last day of the data.
    pub(super) data_end: i64,
    /// The last day that models see in a back-test, where `end` is that of the data: they see half of the time.
    pub(super) half: Option<i64>,
    /// Gaps between the days on which somebody bought that are no chance. What is beyond one at an end counts only where the
    /// document says so, by `from` or `until`.
    pub(super) gaps: Gaps,
    pub(super) left_out: Vec<NotCounted>,
    pub(super) returns_netted: u64,
    pub(super) unmatched_returns: f64,
    /// What positive orders sum to.
    pub(super) gross: f64,
    /// The columns behind cells: those of `by`, then the channel, then covariates.
    pub(super) columns: Vec<String>,
    /// The place of the channel among them.
    pub(super) channel: Option<usize>,
    /// The places of covariates among them, and which of these are numbers.
    pub(super) covariates: Range<usize>,
    pub(super) numeric: Vec<bool>,
    /// The periods in which customers can buy once.
    pub(super) periods: Option<Periods>,
    /// The values of the columns in each cell.
    pub(super) cells: Vec<Vec<Option<String>>>,
    /// Whether the acquisition cost of the customers of each cell is known; empty where none is declared.
    pub(super) costed: Vec<bool>,
    /// Customers whose acquisition cost is known and who never bought, by channel.
    pub(super) never_bought: BTreeMap<String, NeverBought>,
    /// Customers in whose purchases a column of the fact varies.
    pub(super) varying: u64,
    /// Rows of the fact that are equal to another one in all columns, among those that count.
    pub(super) repeated: u64,
    /// What is the matter with orders, where a column names them.
    pub(super) orders: OrderCounts,
    /// Customers of whom the source of customers has rows that say different things.
    pub(super) ambiguous: u64,
    /// Rows of the source of customers in which acquisition cost less than nothing.
    pub(super) negative_costs: u64,
    /// Whether times of purchase are days.
    pub(super) whole_days: bool,
    /// The type of the customers' ids.
    pub(super) customer_type: String,
}

/// Orders that a column names, and what is the matter with them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OrderCounts {
    pub(super) all: u64,
    /// Those with rows of several customers.
    pub(super) of_several: u64,
    /// Those of a customer in which each amount is there an even number of times, and those of them with rows of several
    /// times.
    pub(super) doubled: u64,
    pub(super) doubled_later: u64,
}

impl Purchases {
    /// The values of a column behind cells, and of each cell the number of its value: the place among them.
    pub(super) fn by_value(&self, column: usize) -> (Vec<String>, Vec<usize>) {
        let (mut values, mut numbers) = (Vec::new(), BTreeMap::new());
        let of_cell = self.cells.iter().map(|cell| {
            let value = named(cell[column].as_deref());
            *numbers.entry(value.clone()).or_insert_with(|| {
                values.push(value);
                values.len() - 1
            })
        });
        let of_cell = of_cell.collect();
        (values, of_cell)
    }
}

/// The value of a column behind cells, in words.
pub(super) fn named(value: Option<&str>) -> String {
    value.unwrap_or("(none)").to_owned()
}

/// The day of a number of days since 1970.
pub(super) fn day(number: i64) -> Date {
    let span = Span::new().try_days(number).unwrap_or_default();
    date(1970, 1, 1).checked_add(span).unwrap_or(Date::MIN)
}

/// The number of days since 1970 of a day.
pub(super) fn number_of_day(day: Date) -> i64 {
    let span = date(1970, 1, 1).until(day).unwrap_or_default();
    i64::from(span.get_days())
}

/// A day as the catalog writes it.
pub(super) fn declared(text: &Option<String>) -> Option<Date> {
    text.as_ref()?.parse().ok()
}

/// Reads the fact into the tables.
pub(super) fn read(
    catalog: &Catalog,
    lake: &mut Lake,
    lifetime: &Lifetime,
) -> Result<Purchases, MeasureError> {
    let reader = Reader::new(catalog, lake, lifetime)?;
    let mut purchases = reader.orders(&catalog.project().currency)?;
    reader.periods(&mut purchases)?;
    reader.purchases(purchases.periods.as_ref())?;
    reader.window(&mut purchases)?;
    if lifetime.experiment.is_none() {
        reader.drop_orders()?;
    }
    reader.customers(&mut purchases, "customer")?;
    reader.histories(&purchases)?;
    Ok(purchases)
}

/// Lets go of the tables.
pub(super) fn finish(lake: &Lake) -> Result<(), MeasureError> {
    let tables = [ORDERS, DAYS, CLASSES, CUSTOMERS, CELLS, HISTORIES];
    let tables = tables.map(|table| format!("DROP TABLE IF EXISTS {table};"));
    let statement = format!("DROP VIEW IF EXISTS {PURCHASES};{}", tables.concat());
    Ok(lake
        .engine()
        .execute(&statement, "cannot drop the tables of purchases")?)
}

/// What is the matter with a row, by the number in `status`.
const WRONG: [&str; 5] = [
    "",
    "rows without a customer",
    "rows without a usable time",
    "rows without an amount",
    "rows in another currency",
];

impl Reader<'_> {
    /// One scan of the fact, and what of it counts.
    fn orders(&self, currency: &str) -> Result<Purchases, MeasureError> {
        let columns = self.columns()?;
        if let Some(order) = &self.lifetime.order {
            self.require(&columns, "order", order)?;
        }
        let counted = |value: &str| format!("CASE WHEN status = 0 THEN {value} END");
        let (customer, day) = (counted("customer"), counted("day"));
        // Rows without an order are netted by day, as are all where no order is declared.
        let (ordering, of_order, day, keys) = match &self.lifetime.order {
            Some(order) => (
                format!(", {} AS ordering", sql::identifier(order)),
                "count(ordering) > 0",
                "min(day)".to_owned(),
                format!(
                    "{}, CASE WHEN status = 0 AND ordering IS NULL THEN day END",
                    counted("ordering")
                ),
            ),
            None => (String::new(), "false", day.clone(), day),
        };
        // What one order has twice: of each amount an even number of rows, whose hashes cancel, at one time or at several.
        let of_orders = match &self.lifetime.order {
            Some(_) => {
                // Of the key, which the groups have anyway: an aggregate of the column would keep a text for each of them.
                let key = counted("ordering");
                format!(
                    ", CASE WHEN {key} IS NOT NULL THEN hash({key}) END AS number, \
                     CASE WHEN status > 0 OR count(ordering) < 2 OR bit_xor(hash(spend)) <> 0 THEN 0 \
                     WHEN min(moment) = max(moment) THEN 1 ELSE 2 END AS doubled"
                )
            }
            None => String::new(),
        };
        let judged = self.judged(&columns, currency, &ordering)?;
        // Lines and their returns cancel to the last digits only: three times 10.10 less 30.30 is not 0 in binary.
        let net = exact_sum("spend", "");
        let amount = format!("CASE WHEN abs({net}) > 1e-9 * max(abs(spend)) THEN {net} ELSE 0 END");
        let moment = match &self.lifetime.experiment {
            Some(_) => {
                format!(", CASE WHEN {of_order} THEN min(moment) ELSE max(moment) END AS moment")
            }
            None => String::new(),
        };
        let orders = format!(
            "SELECT status, {customer} AS customer, {day} AS day, {amount} AS amount, \
             count(*) AS lines, count(*) FILTER (WHERE spend < 0) AS returned{}{moment}{of_orders} \
             FROM ({judged}) GROUP BY status, {customer}, {keys}",
            self.head(", min(head) AS head"),
        );
        if self.orders_are_purchases() {
            self.run(ORDERS, &together(&orders))?;
        } else {
            self.run(ORDERS, &orders)?;
        }
        let mut purchases = self.nothing(&columns);
        purchases.repeated = self.repeated_in_orders(&columns)?;
        if self.lifetime.order.is_some() {
            purchases.orders = self.order_counts()?;
        }
        self.counts(purchases)
    }

    /// What is the matter with orders as the column that names them tells them apart.
    fn order_counts(&self) -> Result<OrderCounts, MeasureError> {
        let query = format!(
            "SELECT count(*), count(*) FILTER (WHERE customers > 1), \
             CAST(coalesce(sum(doubled), 0) AS BIGINT), CAST(coalesce(sum(later), 0) AS BIGINT) FROM (SELECT count(*) AS customers, \
             count(*) FILTER (WHERE doubled > 0) AS doubled, count(*) FILTER (WHERE doubled = 2) AS later \
             FROM {ORDERS} WHERE status = 0 AND number IS NOT NULL GROUP BY number)"
        );
        let counts: Vec<OrderCounts> = (self.lake.engine()).rows(&query, &self.context, |row| {
            Ok(OrderCounts {
                all: row.get::<_, i64>(0)? as u64,
                of_several: row.get::<_, i64>(1)? as u64,
                doubled: row.get::<_, i64>(2)? as u64,
                doubled_later: row.get::<_, i64>(3)? as u64,
            })
        })?;
        Ok(counts.into_iter().next().unwrap_or_default())
    }

    /// Lets go of orders where purchases are a table of their own.
    fn drop_orders(&self) -> Result<(), MeasureError> {
        if self.orders_are_purchases() {
            return Ok(());
        }
        let drop = format!("DROP TABLE {ORDERS}");
        Ok(self.lake.engine().execute(&drop, &self.context)?)
    }

    /// Whether all orders of a customer and day are one.
    fn orders_are_purchases(&self) -> bool {
        self.lifetime.order.is_none() && self.lifetime.opportunities.is_none()
    }

    /// The periods in which customers can buy once, where they are declared.
    fn periods(&self, purchases: &mut Purchases) -> Result<(), MeasureError> {
        let Some(every) = self.lifetime.opportunities else {
            return Ok(());
        };
        let query = format!(
            "SELECT CAST(min(day) AS BIGINT) FROM {ORDERS} WHERE status = 0 AND amount > 0"
        );
        let first: Option<i64> = self.lake.engine().value(&query, &self.context)?;
        let from = declared(&self.lifetime.from);
        purchases.periods = first.map(|first| Periods::new(every, from, first));
        Ok(())
    }

    /// What of the rows and orders counts.
    fn counts(&self, mut purchases: Purchases) -> Result<Purchases, MeasureError> {
        let sum = |condition: &str| {
            format!(
                "coalesce({}, 0)",
                exact_sum(
                    "amount",
                    &format!(" FILTER (WHERE status = 0 AND {condition})")
                )
            )
        };
        let query = format!(
            "SELECT status, CAST(sum(lines) AS BIGINT), count(*) FILTER (WHERE amount = 0), \
             count(*) FILTER (WHERE amount < 0), {}, {}, \
             CAST(coalesce(sum(returned) FILTER (WHERE amount > 0), 0) AS BIGINT) \
             FROM {ORDERS} GROUP BY status ORDER BY status",
            sum("amount < 0"),
            sum("amount > 0"),
        );
        type Counts = (i64, i64, i64, i64, f64, f64, i64);
        let counts: Vec<Counts> = self.lake.engine().rows(&query, &self.context, |row| {
            Ok((
                row.get::<_, i32>(0)?.into(),
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
            ))
        })?;
        for (status, lines, zero, negative, below, above, returned) in counts {
            purchases.rows += lines as u64;
            if status == 4 {
                return Err(self.foreign(lines)?);
            }
            if status > 0 {
                leave_out(&mut purchases.left_out, WRONG[status as usize], lines);
                continue;
            }
            purchases.returns_netted = returned as u64;
            (purchases.unmatched_returns, purchases.gross) = (below, above);
            leave_out(
                &mut purchases.left_out,
                "orders of which nothing remains",
                zero,
            );
            leave_out(
                &mut purchases.left_out,
                "orders below zero: returns of which no purchase is known",
                negative,
            );
        }
        Ok(purchases)
    }

    /// What a customer bought on a day, or in a period, which then stands for its first day.
    fn purchases(&self, periods: Option<&Periods>) -> Result<(), MeasureError> {
        const REMAIN: &str = "WHERE status = 0 AND amount > 0";
        if self.orders_are_purchases() {
            return self.are_purchases(&format!("{ORDERS} {REMAIN}"));
        }
        let day = periods.map_or_else(|| "day".to_owned(), |periods| periods.start_sql("day"));
        self.keep_purchases(&format!(
            "SELECT customer, day, {} AS amount{} FROM (SELECT customer, CAST({day} AS INTEGER) AS day, amount{} \
             FROM {ORDERS} {REMAIN}) GROUP BY customer, day",
            exact_sum("amount", ""),
            self.head(", min(head) AS head"),
            self.head(", head"),
        ))
    }

    /// The days between which customers count.
    fn window(&self, purchases: &mut Purchases) -> Result<(), MeasureError> {
        let query = format!(
            "SELECT CAST(day AS BIGINT), CAST(count(*) AS UBIGINT) FROM {PURCHASES} GROUP BY day ORDER BY day"
        );
        let days: Vec<(i64, u64)> = (self.lake.engine())
            .rows(&query, &self.context, |row| Ok((row.get(0)?, row.get(1)?)))?;
        // Without a purchase there is no day: the window is empty unless it is declared.
        let first = days.first().map_or(0, |day| day.0);
        let last = days.last().map_or(-1, |day| day.0);
        let number = |text: &Option<String>| declared(text).map(number_of_day);
        let from = number(&self.lifetime.from);
        // Until the day before `until`, also where nobody bought on the last days.
        let end = number(&self.lifetime.until).map(|until| until - 1);
        let mut gaps = Gaps::of(&days);
        gaps.early = gaps.early.filter(|_| from.is_none());
        gaps.late = gaps
            .late
            .filter(|gap| end.is_none_or(|end| end < gap.after));
        let first = gaps.early.map_or(first, |gap| gap.after);
        let last = gaps.late.map_or(last, |gap| gap.before);
        purchases.from = from.unwrap_or(first);
        purchases.end = end.unwrap_or(last);
        purchases.data_end = last.max(purchases.end);
        purchases.gaps = gaps;
        let beyond = gaps.late.map_or(0, |gap| gap.beyond);
        leave_out(
            &mut purchases.left_out,
            "purchases of days far after all others",
            beyond as i64,
        );
        if let Some(periods) = purchases.periods {
            self.whole_periods(&periods, purchases)?;
        }
        let half = purchases.from + (purchases.end - purchases.from) / 2;
        let half = match &purchases.periods {
            Some(periods) => periods.start_at(half).unwrap_or(purchases.from - 1),
            None => half,
        };
        purchases.half = (purchases.data_end <= purchases.end).then_some(half);
        Ok(())
    }

    /// Ends where periods end; each of them stands for its first day.
    fn whole_periods(
        &self,
        periods: &Periods,
        purchases: &mut Purchases,
    ) -> Result<(), MeasureError> {
        let sound = match purchases.gaps.late {
            Some(gap) => format!(" AND day < {}", gap.after),
            None => String::new(),
        };
        // The orders' own days: purchases lie on the first day of their period.
        let query = format!(
            "SELECT CAST(max(day) AS BIGINT) FROM {ORDERS} WHERE status = 0 AND amount > 0{sound}"
        );
        let last: Option<i64> = self.lake.engine().value(&query, &self.context)?;
        let over = |end: i64| periods.last_over(end).unwrap_or(purchases.from - 1);
        let declared_end = self.lifetime.until.is_some().then_some(purchases.end);
        let data_end = over(last.max(declared_end).unwrap_or(purchases.end));
        purchases.end = declared_end.map_or(data_end, over);
        purchases.data_end = data_end;
        let unfinished = format!(
            "SELECT count(*) FROM {PURCHASES} WHERE day > {}{sound}",
            purchases.data_end
        );
        let unfinished: i64 = self.lake.engine().value(&unfinished, &self.context)?;
        leave_out(
            &mut purchases.left_out,
            "purchases in a period that is not over: where it is, say with `until` where the data end",
            unfinished,
        );
        Ok(())
    }
}
