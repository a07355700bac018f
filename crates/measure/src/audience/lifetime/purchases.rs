//! The purchases of customers: one scan of the fact, whose rows become orders, whose orders become purchases.
//!
//! Three tables are kept for the measurement. An order nets its rows and lies on the day of its first one; the orders of
//! a customer and day of which something remains are one purchase; a customer has the day of the first purchase and the
//! number of a cell, which stands for the values of all columns by which customers are told apart.

use catalog::{Catalog, Fact, Lifetime};
use jiff::Span;
use jiff::civil::{Date, date};
use lake::{Lake, sql};

use crate::audience::NotCounted;
use crate::audience::query::types::{
    check_number, check_time, require_column, same_customer, type_of, usable_time,
};
use crate::audience::query::{exact_sum, fact_rows, source_view, where_clause};
use crate::audience::times::Clock;
use crate::error::MeasureError;

const ORDERS: &str = "_ts_lifetime_orders";
/// Columns `customer`, `day` (since 1970), `amount`.
pub(super) const PURCHASES: &str = "_ts_lifetime_purchases";
/// Columns `customer`, `first` (day since 1970), `cell`, and `cost` where acquisition is declared.
pub(super) const CUSTOMERS: &str = "_ts_lifetime_customers";
const CELLS: &str = "_ts_lifetime_cells";
/// The most combinations of values by which customers are shown.
const MOST_CELLS: usize = 20_000;

/// What the tables hold.
#[derive(Debug)]
pub(super) struct Purchases {
    pub(super) rows: u64,
    /// The first day on which customers count.
    pub(super) from: i64,
    /// The last day that models see.
    pub(super) end: i64,
    /// The last day of the data.
    pub(super) data_end: i64,
    /// The day before the last on which anybody bought.
    pub(super) day_before_last: Option<i64>,
    pub(super) left_out: Vec<NotCounted>,
    pub(super) returns_netted: u64,
    pub(super) unmatched_returns: f64,
    /// What positive orders sum to.
    pub(super) gross: f64,
    /// The columns behind cells: those of `by`, then the channel.
    pub(super) columns: Vec<String>,
    /// The values of the columns in each cell.
    pub(super) cells: Vec<Vec<Option<String>>>,
    /// Customers in whose purchases a column of the fact varies.
    pub(super) varying: u64,
    /// The type of the customers' ids.
    pub(super) customer_type: String,
}

/// The day of a number of days since 1970.
pub(super) fn day(number: i64) -> Date {
    let span = Span::new().try_days(number).unwrap_or_default();
    date(1970, 1, 1).checked_add(span).unwrap_or(Date::MIN)
}

/// The number of days since 1970 of a day as the catalog writes it.
fn number_of_day(text: &str) -> Option<i64> {
    let day: Date = text.parse().ok()?;
    let span = date(1970, 1, 1).until(day).ok()?;
    Some(i64::from(span.get_days()))
}

/// A column by which customers are told apart.
struct Class<'a> {
    column: &'a str,
    /// Of the source of customers; otherwise of the fact.
    of_customers: bool,
}

struct Reader<'a> {
    lake: &'a Lake,
    lifetime: &'a Lifetime,
    fact: &'a Fact,
    classes: Vec<Class<'a>>,
    place: String,
    context: String,
}

/// Reads the fact into the tables.
pub(super) fn read(
    catalog: &Catalog,
    lake: &mut Lake,
    lifetime: &Lifetime,
) -> Result<Purchases, MeasureError> {
    let place = format!("lifetime `{}`", lifetime.name);
    let undeclared = |what: &str, name: &str| MeasureError::Unusable {
        place: place.clone(),
        message: format!("there is no {what} `{name}`"),
    };
    let fact = catalog
        .fact(&lifetime.fact)
        .ok_or_else(|| undeclared("fact", &lifetime.fact))?;
    match (&fact.source, &fact.sql) {
        (Some(name), _) => {
            if let Some(source) = catalog.source(name) {
                lake.define(catalog, source)?;
            }
        }
        (None, Some(query)) => lake.define_mentioned(catalog, query)?,
        (None, None) => {}
    }
    let mut known = Vec::new();
    if let Some(customers) = &lifetime.customers {
        let source = catalog
            .source(&customers.source)
            .ok_or_else(|| undeclared("source", &customers.source))?;
        lake.define(catalog, source)?;
        known = lake.columns(&source_view(&customers.source))?;
    }
    let channel = lifetime
        .acquisition
        .as_ref()
        .and_then(|acquisition| acquisition.channel.as_deref());
    let by = lifetime.by.iter().map(|column| Class {
        column,
        of_customers: type_of(&known, column).is_some(),
    });
    let channel = channel.map(|column| Class {
        column,
        of_customers: true,
    });
    let reader = Reader {
        lake,
        lifetime,
        fact,
        classes: by.chain(channel).collect(),
        context: format!("cannot measure lifetime `{}`", lifetime.name),
        place,
    };
    let currency = &catalog.project().currency;
    let customer_type = reader.orders(currency)?;
    let mut purchases = reader.counts(customer_type)?;
    reader.purchases()?;
    reader.window(&mut purchases)?;
    reader.customers(&mut purchases)?;
    Ok(purchases)
}

/// Lets go of the tables.
pub(super) fn finish(lake: &Lake) -> Result<(), MeasureError> {
    let tables = [ORDERS, PURCHASES, CUSTOMERS, CELLS];
    let statement: String = tables
        .map(|table| format!("DROP TABLE IF EXISTS {table};"))
        .concat();
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

impl<'a> Reader<'a> {
    fn run(&self, table: &str, query: &str) -> Result<(), MeasureError> {
        let statement = format!("CREATE OR REPLACE TEMP TABLE {table} AS {query}");
        Ok(self.lake.engine().execute(&statement, &self.context)?)
    }

    /// Columns of the fact, each with its number among the classes.
    fn of_fact(&self) -> impl Iterator<Item = (usize, &'a str)> {
        let classes = self.classes.iter().enumerate();
        classes
            .filter(|(_, class)| !class.of_customers)
            .map(|(i, class)| (i, class.column))
    }

    /// One scan of the fact; returns the type of the customers' ids.
    fn orders(&self, currency: &str) -> Result<String, MeasureError> {
        let rows = fact_rows(self.fact);
        let columns = self.lake.columns(&rows)?;
        let fact_place = format!("fact `{}`", self.fact.name);
        let require = |key: &str, column: &str| {
            let place = format!("{}, {key}", self.place);
            require_column(&columns, place, &self.fact.name, column)
        };
        let Some(time) = &self.fact.time else {
            return Err(MeasureError::Unusable {
                place: fact_place,
                message: "it has no `time`, of which a lifetime is made".to_owned(),
            });
        };
        for column in [&self.fact.customer, time] {
            require_column(&columns, fact_place.clone(), &self.fact.name, column)?;
        }
        check_time(self.lake, &columns, &rows, time, &fact_place)?;
        for (key, column) in [
            ("order", &self.lifetime.order),
            ("currency", &self.lifetime.currency),
        ] {
            if let Some(column) = column {
                require(key, column)?;
            }
        }
        for (_, column) in self.of_fact() {
            require("by", column)?;
        }
        let spend = match &self.lifetime.spend {
            Some(spend) => {
                let spend = sql::condition(spend);
                check_number(self.lake, &rows, &spend, format!("{}, spend", self.place))?;
                format!("CAST({spend} AS DOUBLE)")
            }
            None => "1::DOUBLE".to_owned(),
        };
        let moment = usable_time(&Clock::of(&columns, time).time(time));
        let other_currency = self.lifetime.currency.as_ref().map_or_else(
            || "false".to_owned(),
            |column| {
                let column = sql::identifier(column);
                format!(
                    "CAST({column} AS VARCHAR) IS DISTINCT FROM {}",
                    sql::text(currency)
                )
            },
        );
        let ordering = match &self.lifetime.order {
            Some(order) => format!("CAST({} AS VARCHAR)", sql::identifier(order)),
            None => "NULL::VARCHAR".to_owned(),
        };
        let classes: String = self
            .of_fact()
            .map(|(i, column)| format!(", CAST({} AS VARCHAR) AS g{i}", sql::identifier(column)))
            .collect();
        let packed: String = self
            .of_fact()
            .map(|(i, _)| format!(", g{i} := g{i}"))
            .collect();
        let named = format!(
            "SELECT {} AS customer, CAST({moment} AS DATE) - DATE '1970-01-01' AS day, {spend} AS spend, \
             {ordering} AS ordering, {other_currency} AS is_foreign{classes} FROM {rows}{}",
            sql::identifier(&self.fact.customer),
            where_clause(self.fact.filter.as_ref()),
        );
        let judged = format!(
            "SELECT *, CASE WHEN customer IS NULL THEN 1 WHEN day IS NULL THEN 2 \
             WHEN spend IS NULL OR NOT isfinite(spend) THEN 3 WHEN is_foreign THEN 4 ELSE 0 END AS status FROM ({named})"
        );
        // Rows without an order are netted by day, as are all where no order is declared.
        let key = "CASE WHEN status = 0 AND ordering IS NULL THEN day END";
        let amount = exact_sum("spend", " FILTER (WHERE status = 0)");
        self.run(
            ORDERS,
            &format!(
                "SELECT status, CASE WHEN status = 0 THEN customer END AS customer, min(day) AS day, \
                 {amount} AS amount, count(*) AS lines, count(*) FILTER (WHERE spend < 0) AS returned, \
                 min(struct_pack(day := day{packed})) AS head FROM ({judged}) \
                 GROUP BY status, CASE WHEN status = 0 THEN customer END, \
                 CASE WHEN status = 0 THEN ordering END, {key}"
            ),
        )?;
        let customer_type = type_of(&columns, &self.fact.customer).unwrap_or_default();
        Ok(customer_type.to_owned())
    }

    /// What of the rows and orders counts.
    fn counts(&self, customer_type: String) -> Result<Purchases, MeasureError> {
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
        let mut purchases = Purchases {
            rows: 0,
            from: 0,
            end: 0,
            data_end: 0,
            day_before_last: None,
            left_out: Vec::new(),
            returns_netted: 0,
            unmatched_returns: 0.0,
            gross: 0.0,
            columns: self
                .classes
                .iter()
                .map(|class| class.column.to_owned())
                .collect(),
            cells: Vec::new(),
            varying: 0,
            customer_type,
        };
        for (status, lines, zero, negative, below, above, returned) in counts {
            purchases.rows += lines as u64;
            if status == 4 {
                return Err(MeasureError::Unusable {
                    place: format!("{}, currency", self.place),
                    message: format!(
                        "{lines} rows are not in the project's currency: convert them in `spend`, or leave them out \
                         with `where` in the fact"
                    ),
                });
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

    fn purchases(&self) -> Result<(), MeasureError> {
        let amount = exact_sum("amount", "");
        self.run(
            PURCHASES,
            &format!(
                "SELECT customer, day, {amount} AS amount, min(head) AS head FROM {ORDERS} \
                 WHERE status = 0 AND amount > 0 GROUP BY customer, day"
            ),
        )
    }

    /// The days between which customers count.
    fn window(&self, purchases: &mut Purchases) -> Result<(), MeasureError> {
        let query = format!(
            "SELECT CAST(min(day) AS BIGINT), CAST(max(day) AS BIGINT), \
             (SELECT CAST(max(day) AS BIGINT) FROM {PURCHASES} WHERE day < (SELECT max(day) FROM {PURCHASES})) \
             FROM {PURCHASES}"
        );
        type Days = (Option<i64>, Option<i64>, Option<i64>);
        let days: Vec<Days> = self.lake.engine().rows(&query, &self.context, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let (first, last, before) = days.into_iter().next().unwrap_or_default();
        let (first, last) = (first.unwrap_or(0), last.unwrap_or(0));
        let declared = |text: &Option<String>| text.as_deref().and_then(number_of_day);
        purchases.from = declared(&self.lifetime.from).unwrap_or(first);
        // Until the day before `until`, also where nobody bought on the last days.
        purchases.end = declared(&self.lifetime.until).map_or(last, |until| until - 1);
        purchases.data_end = last.max(purchases.end);
        purchases.day_before_last = before;
        Ok(())
    }

    /// The customers who count, with their cells.
    fn customers(&self, purchases: &mut Purchases) -> Result<(), MeasureError> {
        let (joined, cost) = self.joined(&purchases.customer_type)?;
        let classes: Vec<String> = self
            .classes
            .iter()
            .enumerate()
            .map(|(i, class)| {
                let table = if class.of_customers { "k" } else { "c.head" };
                format!("{table}.g{i} AS g{i}")
            })
            .collect();
        let varies: Vec<String> = self
            .of_fact()
            .map(|(i, _)| format!("min(head.g{i}) IS DISTINCT FROM max(head.g{i})"))
            .collect();
        let varies = if varies.is_empty() {
            "false".to_owned()
        } else {
            varies.join(" OR ")
        };
        let (from, end) = (purchases.from, purchases.end);
        let select = std::iter::once("c.customer, c.first, c.varies".to_owned())
            .chain(classes)
            .chain(cost)
            .collect::<Vec<_>>()
            .join(", ");
        let all = format!(
            "SELECT customer, min(day) AS first, min(head) AS head, {varies} AS varies FROM {PURCHASES} GROUP BY customer"
        );
        let with_classes = format!("{CUSTOMERS}_classed");
        self.run(
            &with_classes,
            &format!("SELECT {select} FROM ({all}) AS c{joined}"),
        )?;
        let names: Vec<String> = (0..self.classes.len()).map(|i| format!("g{i}")).collect();
        let (cells, on, order) = if names.is_empty() {
            (
                "SELECT 0::BIGINT AS cell".to_owned(),
                "true".to_owned(),
                String::new(),
            )
        } else {
            let list = names.join(", ");
            let same: Vec<String> = names
                .iter()
                .map(|name| format!("c.{name} IS NOT DISTINCT FROM t.{name}"))
                .collect();
            (
                format!(
                    "SELECT row_number() OVER (ORDER BY {list}) - 1 AS cell, {list} FROM \
                     (SELECT DISTINCT {list} FROM {with_classes} WHERE first BETWEEN {from} AND {end})"
                ),
                same.join(" AND "),
                list,
            )
        };
        self.run(CELLS, &cells)?;
        let cost = if self.lifetime.acquisition.is_some() {
            ", c.cost"
        } else {
            ""
        };
        self.run(
            CUSTOMERS,
            &format!(
                "SELECT c.customer, c.first, t.cell, c.varies{cost} FROM {with_classes} AS c JOIN {CELLS} AS t ON {on} \
                 WHERE c.first BETWEEN {from} AND {end}"
            ),
        )?;
        let early = format!(
            "SELECT count(*) FILTER (WHERE first < {from}), count(*) FILTER (WHERE first > {end}), \
             count(*) FILTER (WHERE varies AND first BETWEEN {from} AND {end}) FROM {with_classes}"
        );
        let counts: Vec<(i64, i64, i64)> =
            self.lake.engine().rows(&early, &self.context, |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let (before, after, varying) = counts.into_iter().next().unwrap_or_default();
        leave_out(
            &mut purchases.left_out,
            "customers who had bought before the first day",
            before,
        );
        leave_out(
            &mut purchases.left_out,
            "customers whose first purchase is after the last day",
            after,
        );
        purchases.varying = varying as u64;
        let drop = format!("DROP TABLE {with_classes}");
        self.lake.engine().execute(&drop, &self.context)?;
        if order.is_empty() {
            purchases.cells = vec![Vec::new()];
            return Ok(());
        }
        let width = names.len();
        let query = format!(
            "SELECT {order} FROM {CELLS} ORDER BY cell LIMIT {}",
            MOST_CELLS + 1
        );
        purchases.cells = self.lake.engine().rows(&query, &self.context, |row| {
            (0..width).map(|i| row.get(i)).collect()
        })?;
        if purchases.cells.len() > MOST_CELLS {
            return Err(MeasureError::Limit {
                place: format!("{}, by", self.place),
                message: format!(
                    "customers have more than {MOST_CELLS} combinations of values: name columns with fewer values"
                ),
            });
        }
        Ok(())
    }

    /// The join with what else is known of customers, and the cost of acquisition as a column.
    fn joined(&self, customer_type: &str) -> Result<(String, Option<String>), MeasureError> {
        let Some(customers) = &self.lifetime.customers else {
            return Ok((String::new(), None));
        };
        let view = source_view(&customers.source);
        let columns = self.lake.columns(&view)?;
        let require = |key: &str, column: &str| {
            let place = format!("{}, {key}", self.place);
            require_column(&columns, place, &customers.source, column)
        };
        require("customers", &customers.customer)?;
        let mut select = vec![format!(
            "{} AS customer",
            sql::identifier(&customers.customer)
        )];
        for (i, class) in self
            .classes
            .iter()
            .enumerate()
            .filter(|(_, class)| class.of_customers)
        {
            require("acquisition", class.column)?;
            select.push(format!(
                "min(CAST({} AS VARCHAR)) AS g{i}",
                sql::identifier(class.column)
            ));
        }
        let mut cost = None;
        if let Some(acquisition) = &self.lifetime.acquisition {
            require("acquisition", &acquisition.cost)?;
            let column = sql::identifier(&acquisition.cost);
            check_number(
                self.lake,
                &view,
                &column,
                format!("{}, acquisition", self.place),
            )?;
            let number = format!("CAST({column} AS DOUBLE)");
            select.push(format!(
                "min(CASE WHEN isfinite({number}) THEN {number} END) AS cost"
            ));
            cost = Some("k.cost AS cost".to_owned());
        }
        let same = same_customer(
            ("c.customer", customer_type),
            (
                "k.customer",
                type_of(&columns, &customers.customer).unwrap_or_default(),
            ),
            format!("{}, customers", self.place),
        )?;
        let query = format!(
            " LEFT JOIN (SELECT {} FROM {view} GROUP BY 1) AS k ON {same}",
            select.join(", ")
        );
        Ok((query, cost))
    }
}

fn leave_out(list: &mut Vec<NotCounted>, reason: &str, number: i64) {
    if number > 0 {
        list.push(NotCounted {
            reason: reason.to_owned(),
            number: number as u64,
        });
    }
}
