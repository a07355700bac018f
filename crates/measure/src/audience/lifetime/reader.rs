//! One scan of the fact that a lifetime is made of: which of its rows count, and how customers are told apart.

use catalog::{Catalog, Fact, Lifetime};
use lake::{Column, Lake, sql};

use super::purchases::{CLASSES, DAYS, ORDERS, PURCHASES, Purchases};
use crate::audience::NotCounted;
use crate::audience::query::types::{check_time, number_of, require_column, type_of, usable_time};
use crate::audience::query::{define_fact, fact_rows, source_view, where_clause};
use crate::audience::times::Clock;
use crate::error::MeasureError;

/// A column by which customers are told apart.
pub(super) struct Class<'a> {
    pub(super) column: &'a str,
    /// Of the source of customers; otherwise of the fact.
    pub(super) of_customers: bool,
}

/// Heads of one day: a head is the day times this, and the number in [`CLASSES`].
const HEADS_A_DAY: i64 = 1 << 32;

/// Currencies that are named one by one.
const MOST_CURRENCIES: usize = 5;

/// SQL: the number in [`CLASSES`] of a head.
pub(super) fn class_of(head: &str) -> String {
    format!("({head} & {})", HEADS_A_DAY - 1)
}

/// SQL: the rows of a query so that those of a `customer` lie together. Queries that group them by customer then hold each
/// group once, and not once in each of many parts, which takes a fraction of the memory.
pub(super) fn together(query: &str) -> String {
    format!("SELECT * FROM ({query}) ORDER BY hash(customer)")
}

/// Reads the fact of a lifetime.
pub(super) struct Reader<'a> {
    pub(super) lake: &'a Lake,
    pub(super) lifetime: &'a Lifetime,
    fact: &'a Fact,
    /// The project's.
    currency: &'a str,
    /// Those of `by`, then the channel, then covariates.
    pub(super) classes: Vec<Class<'a>>,
    pub(super) place: String,
    pub(super) context: String,
}

impl<'a> Reader<'a> {
    /// Defines what is read.
    pub(super) fn new(
        catalog: &'a Catalog,
        lake: &'a mut Lake,
        lifetime: &'a Lifetime,
    ) -> Result<Self, MeasureError> {
        let place = format!("lifetime `{}`", lifetime.name);
        let undeclared = |what: &str, name: &str| MeasureError::Unusable {
            place: place.clone(),
            message: format!("there is no {what} `{name}`"),
        };
        let fact = catalog
            .fact(&lifetime.fact)
            .ok_or_else(|| undeclared("fact", &lifetime.fact))?;
        define_fact(catalog, lake, fact)?;
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
        let of_customers = |column| Class {
            column,
            of_customers: true,
        };
        let covariates = lifetime.covariates.iter().map(String::as_str);
        Ok(Reader {
            lake,
            lifetime,
            fact,
            currency: &catalog.project().currency,
            classes: by
                .chain(channel.map(of_customers))
                .chain(covariates.map(of_customers))
                .collect(),
            context: format!("cannot measure lifetime `{}`", lifetime.name),
            place,
        })
    }

    /// Keeps the rows of a query as a table.
    pub(super) fn run(&self, table: &str, query: &str) -> Result<(), MeasureError> {
        let statement = format!("CREATE OR REPLACE TEMP TABLE {table} AS {query}");
        Ok(self.lake.engine().execute(&statement, &self.context)?)
    }

    /// Makes rows of a table purchases.
    pub(super) fn are_purchases(&self, rows: &str) -> Result<(), MeasureError> {
        let statement = format!("CREATE OR REPLACE TEMP VIEW {PURCHASES} AS SELECT * FROM {rows}");
        Ok(self.lake.engine().execute(&statement, &self.context)?)
    }

    /// Makes the rows of a query, which are of a `customer` each, purchases.
    pub(super) fn keep_purchases(&self, query: &str) -> Result<(), MeasureError> {
        self.run(DAYS, &together(query))?;
        self.are_purchases(DAYS)
    }

    /// Numbers the values of the classes that are of the fact, in their order, where there are such.
    fn number_classes(&self) -> Result<(), MeasureError> {
        if !self.has_classes() {
            return Ok(());
        }
        let names: Vec<String> = self.of_fact().map(|(i, _)| format!("g{i}")).collect();
        let names = names.join(", ");
        let query = format!(
            "SELECT row_number() OVER (ORDER BY {names}) - 1 AS class, {names} FROM (SELECT DISTINCT {} FROM {}{})",
            self.values(),
            self.rows(),
            where_clause(self.fact.filter.as_ref()),
        );
        self.run(CLASSES, &query)
    }

    /// SQL: the values of the classes that are of the fact.
    fn values(&self) -> String {
        let values = self.of_fact().map(|(i, column)| {
            let column = sql::identifier(column);
            format!("CAST({column} AS VARCHAR) AS g{i}")
        });
        values.collect::<Vec<_>>().join(", ")
    }

    /// Columns of the fact, each with its number among the classes.
    pub(super) fn of_fact(&self) -> impl Iterator<Item = (usize, &'a str)> {
        let classes = self.classes.iter().enumerate();
        classes
            .filter(|(_, class)| !class.of_customers)
            .map(|(i, class)| (i, class.column))
    }

    /// The fact as a table.
    pub(super) fn rows(&self) -> String {
        fact_rows(self.fact)
    }

    /// The columns of the fact.
    pub(super) fn columns(&self) -> Result<Vec<Column>, MeasureError> {
        Ok(self.lake.columns(&self.rows())?)
    }

    /// A column that a key of the document names must be in the fact.
    pub(super) fn require(
        &self,
        columns: &[Column],
        key: &str,
        column: &str,
    ) -> Result<(), MeasureError> {
        let place = format!("{}, {key}", self.place);
        require_column(columns, place, &self.fact.name, column)
    }

    /// SQL: the fact's rows with `customer`, `moment`, its `day` (since 1970), `spend`, their `head` where classes are of the
    /// fact and, in `status`, the number of what is the matter with them. More columns may be added, each with a comma
    /// before it.
    ///
    /// The least head is that of the first day, and on it of the first values: the day above, and below it the number that
    /// stands for the values. A number takes no room of its own in the groups of a query, so that they can spill.
    pub(super) fn judged(
        &self,
        columns: &[Column],
        currency: &str,
        more: &str,
    ) -> Result<String, MeasureError> {
        let rows = self.rows();
        let fact_place = format!("fact `{}`", self.fact.name);
        let Some(time) = &self.fact.time else {
            return Err(MeasureError::Unusable {
                place: fact_place,
                message: "it has no `time`, of which a lifetime is made".to_owned(),
            });
        };
        for column in [&self.fact.customer, time] {
            require_column(columns, fact_place.clone(), &self.fact.name, column)?;
        }
        check_time(self.lake, columns, &rows, time, &fact_place)?;
        if let Some(column) = &self.lifetime.currency {
            self.require(columns, "currency", column)?;
        }
        for (_, column) in self.of_fact() {
            self.require(columns, "by", column)?;
        }
        let spend = match &self.lifetime.spend {
            Some(spend) => {
                let place = format!("{}, spend", self.place);
                let spend = number_of(self.lake, &rows, &self.fact.name, spend, &place)?;
                format!("CAST({spend} AS DOUBLE)")
            }
            None => "1::DOUBLE".to_owned(),
        };
        let moment = moment(columns, time);
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
        self.number_classes()?;
        let (values, head, joined) = if self.has_classes() {
            let same = self
                .of_fact()
                .map(|(i, _)| format!("r.g{i} IS NOT DISTINCT FROM k.g{i}"));
            let same = same.collect::<Vec<_>>().join(" AND ");
            (
                format!(", {}", self.values()),
                format!(", CAST(day AS BIGINT) * {HEADS_A_DAY} + k.class AS head"),
                format!(" LEFT JOIN {CLASSES} AS k ON {same}"),
            )
        } else {
            Default::default()
        };
        let named = format!(
            "SELECT {} AS customer, {moment} AS moment, {} AS day, {spend} AS spend, {other_currency} AS is_foreign{values}{more} \
             FROM {rows}{}",
            sql::identifier(&self.fact.customer),
            day_number(&moment),
            where_clause(self.fact.filter.as_ref()),
        );
        Ok(format!(
            "SELECT r.*{head}, CAST(CASE WHEN customer IS NULL THEN 1 WHEN day IS NULL THEN 2 \
             WHEN spend IS NULL OR NOT isfinite(spend) THEN 3 WHEN is_foreign THEN 4 ELSE 0 END AS UTINYINT) AS status \
             FROM ({named}) AS r{joined}"
        ))
    }

    /// Whether classes are of the fact.
    pub(super) fn has_classes(&self) -> bool {
        self.of_fact().next().is_some()
    }

    /// SQL: `head`, or what is made of it, as one more column of a query; nothing where no class is of the fact.
    pub(super) fn head(&self, column: &'static str) -> &'static str {
        if self.has_classes() { column } else { "" }
    }

    /// Why rows in another currency are refused: how many there are, and which currencies they name.
    pub(super) fn foreign(&self, rows: i64) -> Result<MeasureError, MeasureError> {
        let column = self.lifetime.currency.as_deref().unwrap_or_default();
        let column = format!("CAST({} AS VARCHAR)", sql::identifier(column));
        let query = format!(
            "SELECT coalesce({column}, '(none)') FROM {}{} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {}",
            self.rows(),
            where_clause(self.fact.filter.as_ref()),
            MOST_CURRENCIES + 1,
        );
        let mut named: Vec<String> =
            (self.lake.engine()).rows(&query, &self.context, |row| row.get(0))?;
        named.retain(|name| *name != self.currency);
        if named.len() > MOST_CURRENCIES {
            named[MOST_CURRENCIES - 1] = "others".to_owned();
            named.truncate(MOST_CURRENCIES);
        }
        Ok(MeasureError::Unusable {
            place: format!("{}, currency", self.place),
            message: format!(
                "{rows} rows are not in the project's currency, {}, but in {}: convert them in `spend`, or leave them out \
                 with `where` in the fact",
                self.currency,
                named.join(", ")
            ),
        })
    }

    /// Rows of the fact that are equal to another one in all columns, where there are orders of several rows.
    pub(super) fn repeated_in_orders(&self, columns: &[Column]) -> Result<u64, MeasureError> {
        let customer = sql::identifier(&self.fact.customer);
        // Of an order whose rows are on several days, the table has one.
        let (rows, keys) = match (&self.lifetime.order, &self.fact.time) {
            (None, Some(time)) => {
                let day = day_number(&moment(columns, time));
                (format!("({customer}, {day})"), "(customer, day)")
            }
            _ => (customer, "customer"),
        };
        self.repeated(&format!(
            "{rows} IN (SELECT {keys} FROM {ORDERS} WHERE status = 0 AND lines > 1)"
        ))
    }

    /// Rows of the fact, among those of a condition, that are equal to another one in all columns. Rows are compared by 64 bits
    /// made of each, so that groups stay narrow: among fifty million rows, two different ones are alike with a probability of
    /// some 0.01 %.
    pub(super) fn repeated(&self, condition: &str) -> Result<u64, MeasureError> {
        let query = format!(
            "SELECT CAST(coalesce(sum(number - 1), 0) AS BIGINT) FROM (SELECT count(*) AS number \
             FROM (SELECT hash(_ts_row) AS _ts_hash FROM (SELECT * FROM {}{}) AS _ts_row WHERE {condition}) \
             GROUP BY _ts_hash)",
            self.rows(),
            where_clause(self.fact.filter.as_ref()),
        );
        let repeated: i64 = self.lake.engine().value(&query, &self.context)?;
        Ok(repeated as u64)
    }

    /// Purchases of which only the columns are known.
    pub(super) fn nothing(&self, columns: &[Column]) -> Purchases {
        let names = self.classes.iter().map(|class| class.column.to_owned());
        let acquisition = self.lifetime.acquisition.as_ref();
        let has_channel = acquisition.is_some_and(|acquisition| acquisition.channel.is_some());
        Purchases {
            columns: names.collect(),
            channel: has_channel.then_some(self.lifetime.by.len()),
            covariates: self.classes.len() - self.lifetime.covariates.len()..self.classes.len(),
            whole_days: (self.fact.time.as_ref())
                .is_some_and(|time| Clock::of(columns, time) == Clock::Day),
            customer_type: type_of(columns, &self.fact.customer)
                .unwrap_or_default()
                .to_owned(),
            ..Purchases::default()
        }
    }
}

/// SQL: the time of a row of the fact, NULL where it is not usable.
fn moment(columns: &[Column], time: &str) -> String {
    usable_time(&Clock::of(columns, time).time(time))
}

/// SQL: the number of days since 1970 of a time.
fn day_number(moment: &str) -> String {
    format!("CAST(CAST({moment} AS DATE) - DATE '1970-01-01' AS INTEGER)")
}

/// Counts what is left out, where there is any.
pub(super) fn leave_out(list: &mut Vec<NotCounted>, reason: impl Into<String>, number: i64) {
    if number > 0 {
        list.push(NotCounted {
            reason: reason.into(),
            number: number as u64,
        });
    }
}
