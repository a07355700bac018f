//! The customers of purchases, each with a cell: the values of all columns by which customers are told apart.

use std::collections::BTreeMap;

use lake::sql;

use super::NeverBought;
use super::purchases::{CELLS, CLASSES, CUSTOMERS, PURCHASES, Purchases, named};
use super::reader::{Reader, class_of, leave_out};
use crate::audience::query::types::{
    check_number, is_number, require_column, same_customer, type_of,
};
use crate::audience::query::{exact_sum, source_view};
use crate::error::MeasureError;

/// The most combinations of values by which customers are shown.
const MOST_CELLS: usize = 20_000;

impl Reader<'_> {
    /// The customers who count, with their cells. `holder` is the column of purchases that says who they are where a
    /// customer of purchases is a contract, of which one may have several.
    pub(super) fn customers(
        &self,
        purchases: &mut Purchases,
        holder: &str,
    ) -> Result<(), MeasureError> {
        let Joined { joined, cost } = self.joined(purchases, holder)?;
        let has_cost = cost.is_some();
        let classes: Vec<String> = self
            .classes
            .iter()
            .enumerate()
            .map(|(i, class)| {
                let table = if class.of_customers { "k" } else { "h" };
                format!("{table}.g{i} AS g{i}")
            })
            .collect();
        let (head, valued) = if self.has_classes() {
            let class = class_of("head");
            (
                format!("min(head) AS head, min({class}) <> max({class}) AS varies"),
                format!(
                    " LEFT JOIN {CLASSES} AS h ON h.class = {}",
                    class_of("c.head")
                ),
            )
        } else {
            ("false AS varies".to_owned(), String::new())
        };
        let (from, end) = (purchases.from, purchases.end);
        let select = std::iter::once("c.customer, c.first, c.at_first, c.varies".to_owned())
            .chain(classes)
            .chain(cost)
            .collect::<Vec<_>>()
            .join(", ");
        let all = format!(
            "SELECT customer, any_value({holder}) AS holder, min(day) AS first, arg_min(amount, day) AS at_first, {head} \
             FROM {PURCHASES} GROUP BY customer"
        );
        let with_classes = format!("{CUSTOMERS}_classed");
        self.run(
            &with_classes,
            &format!("SELECT {select} FROM ({all}) AS c{valued}{joined}"),
        )?;
        let names = (0..self.classes.len()).map(|i| format!("g{i}"));
        // Of some customers the cost is not known: who is compared with what was paid is told apart by cells.
        let names: Vec<String> = names.chain(has_cost.then(|| "costed".to_owned())).collect();
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
        let cost = if has_cost { ", c.cost" } else { "" };
        self.run(
            CUSTOMERS,
            &format!(
                "SELECT c.customer, c.first, c.at_first, t.cell{cost} FROM {with_classes} AS c JOIN {CELLS} AS t ON {on} \
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
        let width = self.classes.len();
        let query = format!(
            "SELECT {order} FROM {CELLS} ORDER BY cell LIMIT {}",
            MOST_CELLS + 1
        );
        type Cell = (Vec<Option<String>>, Option<bool>);
        let cells: Vec<Cell> = self.lake.engine().rows(&query, &self.context, |row| {
            let values = (0..width).map(|i| row.get(i)).collect::<Result<_, _>>()?;
            let costed = has_cost.then(|| row.get(width)).transpose()?;
            Ok((values, costed))
        })?;
        purchases.costed = cells.iter().filter_map(|(_, costed)| *costed).collect();
        purchases.cells = cells.into_iter().map(|(values, _)| values).collect();
        if purchases.cells.len() > MOST_CELLS {
            return Err(MeasureError::Limit {
                place: format!("{}, by and covariates", self.place),
                message: format!(
                    "customers have more than {MOST_CELLS} combinations of values: name columns with fewer values, or \
                     round numbers in the source"
                ),
            });
        }
        Ok(())
    }

    /// What else is known of customers. Where acquisition is declared, those who never bought are counted.
    fn joined(&self, purchases: &mut Purchases, holder: &str) -> Result<Joined, MeasureError> {
        let Some(customers) = &self.lifetime.customers else {
            return Ok(Joined::default());
        };
        let view = source_view(&customers.source);
        let columns = self.lake.columns(&view)?;
        let require = |key: &str, column: &str| {
            let place = format!("{}, {key}", self.place);
            require_column(&columns, place, &customers.source, column)
        };
        require("customers", &customers.customer)?;
        // What is known of a customer, by the name of its column.
        let mut known: Vec<(String, String)> = Vec::new();
        for (i, class) in self
            .classes
            .iter()
            .enumerate()
            .filter(|(_, class)| class.of_customers)
        {
            let key = if i < self.lifetime.by.len() {
                "by"
            } else if purchases.covariates.contains(&i) {
                "covariates"
            } else {
                "acquisition"
            };
            require(key, class.column)?;
            let column = sql::identifier(class.column);
            known.push((format!("g{i}"), format!("CAST({column} AS VARCHAR)")));
        }
        let covariates = self.classes[purchases.covariates.clone()].iter();
        purchases.numeric = covariates
            .map(|class| is_number(type_of(&columns, class.column).unwrap_or_default()))
            .collect();
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
            let negative =
                format!("SELECT count(*) FROM {view} WHERE isfinite({number}) AND {number} < 0");
            let negative: i64 = self.lake.engine().value(&negative, &self.context)?;
            purchases.negative_costs = negative as u64;
            known.push((
                "cost".to_owned(),
                format!("CASE WHEN isfinite({number}) AND {number} >= 0 THEN {number} END"),
            ));
            // What acquiring somebody cost is spent once, however many contracts follow: with the first of those that count.
            let (from, end) = (purchases.from, purchases.end);
            cost = Some(format!(
                "CASE WHEN row_number() OVER (PARTITION BY c.holder ORDER BY c.first NOT BETWEEN {from} AND {end}, c.first, \
                 c.customer) = 1 THEN k.cost \
                 WHEN k.cost IS NOT NULL THEN 0 END AS cost, k.cost IS NOT NULL AS costed"
            ));
        }
        let same = same_customer(
            ("c.holder", &purchases.customer_type),
            (
                "k.customer",
                type_of(&columns, &customers.customer).unwrap_or_default(),
            ),
            format!("{}, customers", self.place),
        )?;
        let id = sql::identifier(&customers.customer);
        let (rows, ambiguous) = one_row(&view, &id, &known);
        if let Some(ambiguous) = ambiguous {
            let ambiguous: i64 = self.lake.engine().value(&ambiguous, &self.context)?;
            purchases.ambiguous = ambiguous as u64;
        }
        if cost.is_some() {
            purchases.never_bought = self.never_bought(purchases, (&rows, holder, &same))?;
        }
        Ok(Joined {
            joined: format!(" LEFT JOIN ({rows}) AS k ON {same}"),
            cost,
        })
    }

    /// The customers of the source, as `rows` called `k`, whose cost is known and who never bought, by channel.
    fn never_bought(
        &self,
        purchases: &Purchases,
        (rows, holder, same): (&str, &str, &str),
    ) -> Result<BTreeMap<String, NeverBought>, MeasureError> {
        let channel = match purchases.channel {
            Some(channel) => format!("k.g{channel}"),
            None => "NULL::VARCHAR".to_owned(),
        };
        let query = format!(
            "SELECT {channel} AS channel, CAST(count(*) AS UBIGINT), {} FROM ({rows}) AS k \
             WHERE k.cost IS NOT NULL AND k.customer IS NOT NULL AND NOT EXISTS \
             (SELECT 1 FROM (SELECT DISTINCT {holder} AS holder FROM {PURCHASES}) AS c WHERE {same}) \
             GROUP BY 1 ORDER BY 1",
            exact_sum("k.cost", "")
        );
        let never: Vec<(Option<String>, u64, f64)> =
            (self.lake.engine()).rows(&query, &self.context, |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let mut by_channel: BTreeMap<String, NeverBought> = BTreeMap::new();
        for (channel, customers, cost) in never {
            let found = by_channel.entry(named(channel.as_deref())).or_default();
            found.customers += customers;
            found.cost += cost;
        }
        Ok(by_channel)
    }
}

/// What is joined to the customers of purchases.
#[derive(Default)]
struct Joined {
    /// SQL: the join, or nothing.
    joined: String,
    /// SQL: the columns `cost` and `costed`, whether it is known, where acquisition is declared.
    cost: Option<String>,
}

/// SQL: a row for each `customer` of a view, by the column `id`, with what is `known`, by name. Of several rows it is the
/// least one, all of whose values count: no customer is mixed from two. Also the number of customers who have rows that
/// differ, where anything is known.
fn one_row(view: &str, id: &str, known: &[(String, String)]) -> (String, Option<String>) {
    if known.is_empty() {
        let rows = format!("SELECT DISTINCT {id} AS customer FROM {view}");
        return (rows, None);
    }
    let fields: Vec<String> = known
        .iter()
        .map(|(name, value)| format!("{name} := {value}"))
        .collect();
    let names: Vec<String> = known
        .iter()
        .map(|(name, _)| format!("least.{name} AS {name}"))
        .collect();
    let row = format!("struct_pack({})", fields.join(", "));
    (
        format!(
            "SELECT customer, {} FROM (SELECT {id} AS customer, min({row}) AS least FROM {view} GROUP BY {id})",
            names.join(", ")
        ),
        Some(format!(
            "SELECT count(*) FROM (SELECT {id} FROM {view} WHERE {id} IS NOT NULL GROUP BY {id} \
             HAVING min({row}) IS DISTINCT FROM max({row}))"
        )),
    )
}
