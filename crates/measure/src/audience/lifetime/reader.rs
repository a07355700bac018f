//! One scan of the fact that a lifetime is made of: which of its rows count, and how customers are told apart.

use catalog::{Catalog, Fact, Lifetime};
use lake::{Column, Lake, sql};

use super::purchases::Purchases;
use crate::audience::NotCounted;
use crate::audience::query::types::{
    check_number, check_time, require_column, type_of, usable_time,
};
use crate::audience::query::{fact_rows, source_view, where_clause};
use crate::audience::times::Clock;
use crate::error::MeasureError;

/// A column by which customers are told apart.
pub(super) struct Class<'a> {
    pub(super) column: &'a str,
    /// Of the source of customers; otherwise of the fact.
    pub(super) of_customers: bool,
}

/// Reads the fact of a lifetime.
pub(super) struct Reader<'a> {
    pub(super) lake: &'a Lake,
    pub(super) lifetime: &'a Lifetime,
    fact: &'a Fact,
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
        let of_customers = |column| Class {
            column,
            of_customers: true,
        };
        let covariates = lifetime.covariates.iter().map(String::as_str);
        Ok(Reader {
            lake,
            lifetime,
            fact,
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

    /// SQL: the fact's rows with `customer`, `moment`, its `day` (since 1970), `spend`, a `g` for each class that is of the fact and, in
    /// `status`, the number of what is the matter with them. More columns may be added, each with a comma before it.
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
                let spend = sql::condition(spend);
                check_number(self.lake, &rows, &spend, format!("{}, spend", self.place))?;
                format!("CAST({spend} AS DOUBLE)")
            }
            None => "1::DOUBLE".to_owned(),
        };
        let moment = usable_time(&Clock::of(columns, time).time(time));
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
        let classes: String = self
            .of_fact()
            .map(|(i, column)| format!(", CAST({} AS VARCHAR) AS g{i}", sql::identifier(column)))
            .collect();
        let named = format!(
            "SELECT {} AS customer, {moment} AS moment, CAST({moment} AS DATE) - DATE '1970-01-01' AS day, {spend} AS spend, \
             {other_currency} AS is_foreign{classes}{more} FROM {rows}{}",
            sql::identifier(&self.fact.customer),
            where_clause(self.fact.filter.as_ref()),
        );
        Ok(format!(
            "SELECT *, CASE WHEN customer IS NULL THEN 1 WHEN day IS NULL THEN 2 \
             WHEN spend IS NULL OR NOT isfinite(spend) THEN 3 WHEN is_foreign THEN 4 ELSE 0 END AS status FROM ({named})"
        ))
    }

    /// SQL: the day and the classes of a row as one value, the least of which is that of the first day.
    pub(super) fn head(&self) -> String {
        let classes = self.of_fact().map(|(i, _)| format!(", g{i} := g{i}"));
        format!("struct_pack(day := day{})", classes.collect::<String>())
    }

    /// Why rows in another currency are refused.
    pub(super) fn foreign(&self, rows: i64) -> MeasureError {
        MeasureError::Unusable {
            place: format!("{}, currency", self.place),
            message: format!(
                "{rows} rows are not in the project's currency: convert them in `spend`, or leave them out with `where` \
                 in the fact"
            ),
        }
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

/// Counts what is left out, where there is any.
pub(super) fn leave_out(list: &mut Vec<NotCounted>, reason: &str, number: i64) {
    if number > 0 {
        list.push(NotCounted {
            reason: reason.to_owned(),
            number: number as u64,
        });
    }
}
