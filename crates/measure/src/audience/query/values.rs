//! The facts' rows of each customer, made into numbers.

use std::collections::BTreeMap;

use catalog::{Aggregate, Fact};
use lake::{Column, sql};

use super::types::{
    OF_NO_ROWS, check_number, column_or_sql, same_customer, type_of, unless_unknown,
};
use super::{Writer, fact_rows, where_clause};
use crate::audience::funnel;
use crate::audience::plan::Value;
use crate::audience::times::{Clock, bounds, counts};
use crate::error::MeasureError;

impl<'a> Writer<'_, 'a> {
    /// The customers of a table with what it has of them (`carried`), and the values of one more fact. Customers and
    /// rows are joined and grouped at once: a table of the fact's values by itself would be joined a second time.
    pub(super) fn with_fact(
        &self,
        fact: &Fact,
        values: &[(usize, &Value<'_>)],
        customers: &str,
        carried: &[String],
        has_exposure: bool,
    ) -> Result<String, MeasureError> {
        let columns = self.lake.columns(&fact_rows(fact))?;
        let clock = match &fact.time {
            Some(time) => Clock::of(&columns, time),
            None => Clock::Local,
        };
        let is_bounded = fact.time.is_some() && has_exposure;
        let started = clock.exposure("started");
        let bounds = if is_bounded {
            bounds(values.iter().map(|(_, value)| *value), &started)
        } else {
            String::new()
        };
        // Where all values have one period, the join lets no other rows through.
        let one_period = values
            .iter()
            .all(|(_, value)| value.period == values[0].1.period);
        let started = (is_bounded && !one_period).then_some(&started);
        let mut inner = vec![format!("{} AS customer", sql::identifier(&fact.customer))];
        let by_time =
            |value: &Value<'_>| matches!(value.aggregate, Aggregate::Days | Aggregate::Funnel);
        let has_moment = is_bounded || values.iter().any(|(_, value)| by_time(value));
        inner.extend(
            fact.time
                .as_deref()
                .filter(|_| has_moment)
                .map(|time| format!("{} AS moment", clock.time(time))),
        );
        // What a customer has one of: a number is cheapest as one more key of the group; a text is taken from any row, so
        // that it is not hashed.
        let (keys, attributes): (Vec<&String>, Vec<&String>) = carried
            .iter()
            .partition(|name| matches!(name.as_str(), "started" | "arm" | "tag"));
        let keys: String = keys.iter().map(|name| format!(", {name}")).collect();
        let mut outer: Vec<String> = attributes
            .iter()
            .map(|name| format!("any_value({name}) AS {name}"))
            .collect();
        for (place, value) in values {
            if takes_value(value.aggregate) {
                inner.push(format!("{} AS e{place}", self.input(value, &columns)?));
            }
            if let Some(filter) = value.filter() {
                inner.push(format!("{filter} AS w{place}"));
            }
            let condition = condition_of_rows(*place, value, started);
            if value.aggregate == Aggregate::Funnel {
                outer.push(funnel::times(*place, value, &condition));
            } else {
                let number = self.aggregate(*place, value, &condition)?;
                outer.push(format!("{number} AS v{place}"));
            }
        }
        let same = same_customer(
            (
                "f.customer",
                type_of(&columns, &fact.customer).unwrap_or_default(),
            ),
            (&format!("{customers}.customer"), self.customer_type()),
            format!("fact `{}`, `{}`", fact.name, fact.customer),
        )?;
        let grouped = format!(
            "SELECT {customers}.customer{keys}, {} FROM {customers} LEFT JOIN (SELECT {} FROM {}{}) f \
             ON {same}{bounds} GROUP BY {customers}.customer{keys}",
            outer.join(", "),
            inner.join(", "),
            fact_rows(fact),
            where_clause(fact.filter.as_ref()),
        );
        Ok(funnel::chained(grouped, values, carried))
    }

    /// The values of each fact with their places, facts in the order in which they are first asked for.
    pub(super) fn by_fact(&self) -> Vec<(&'a Fact, Vec<(usize, &Value<'a>)>)> {
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
        filter: &str,
    ) -> Result<String, MeasureError> {
        // A customer without rows is here once, with none of the fact's columns.
        let rows = format!("count(f.customer){filter}");
        let column = format!("e{place}");
        let call = match value.aggregate {
            Aggregate::Sum | Aggregate::Mean => self.exact(value, &column, filter)?,
            Aggregate::Min => format!("min({column}){filter}"),
            Aggregate::Max => format!("max({column}){filter}"),
            Aggregate::CountDistinct => format!("count(DISTINCT {column}){filter}"),
            Aggregate::Days => format!("count(DISTINCT CAST(moment AS DATE)){filter}"),
            Aggregate::Any => format!("({rows} > 0)"),
            Aggregate::Count | Aggregate::Ratio | Aggregate::Quantile | Aggregate::Funnel => {
                rows.clone()
            }
        };
        let absent = absent(value);
        // Of no rows, a count is 0 by itself.
        if is_count(value.aggregate) && absent == "0" {
            return Ok(format!("CAST({call} AS DOUBLE)"));
        }
        Ok(format!(
            "CAST(CASE WHEN {rows} > 0 THEN {call} ELSE {absent} END AS DOUBLE)"
        ))
    }

    /// A sum or mean whose last digits do not depend on the order in which the engine's threads add.
    fn exact(&self, value: &Value<'_>, column: &str, filter: &str) -> Result<String, MeasureError> {
        let columns = self.lake.columns(&fact_rows(value.fact))?;
        let type_name = self.check_value(value, &expression(value, &columns))?;
        let is_floating = matches!(type_name.as_deref(), None | Some("DOUBLE" | "FLOAT"));
        Ok(match (value.aggregate, is_floating) {
            (Aggregate::Mean, true) => {
                format!(
                    "({}) / count({column}){filter}",
                    sql::exact_sum(column, filter)
                )
            }
            (Aggregate::Mean, false) => format!("avg({column}){filter}"),
            (_, true) => sql::exact_sum(column, filter),
            (_, false) => format!("sum({column}){filter}"),
        })
    }

    /// What is aggregated, as SQL over a row of the fact.
    fn input(&self, value: &Value<'_>, columns: &[Column]) -> Result<String, MeasureError> {
        let own = expression(value, columns);
        let is_added_up = matches!(value.aggregate, Aggregate::Sum | Aggregate::Mean);
        match is_added_up && self.check_value(value, &own)?.is_none() {
            true => Ok(OF_NO_ROWS.to_owned()),
            false => Ok(own),
        }
    }

    /// The type of an expression over a fact's rows, which must be a number or a truth value; none where there are no
    /// rows.
    pub(super) fn check_value(
        &self,
        value: &Value<'_>,
        expression: &str,
    ) -> Result<Option<String>, MeasureError> {
        let place = match value.metric {
            Some(metric) => format!("metric `{}`, value", metric.name),
            None => format!("fact `{}`", value.fact.name),
        };
        let rows = fact_rows(value.fact);
        let checked = check_number(self.lake, &rows, expression, place.clone());
        match (checked, text_of(value)) {
            (Err(error), Some(text)) => {
                let columns = self.lake.columns(&rows)?;
                let fact = &value.fact.name;
                Err(unless_unknown(&columns, fact, text, &place, error))
            }
            (checked, _) => checked,
        }
    }
}

/// Which of the joined rows count for a value, as the FILTER of an aggregate.
fn condition_of_rows(place: usize, value: &Value<'_>, started: Option<&String>) -> String {
    let filtered = value.filter().map(|_| format!("w{place}"));
    let timed = started.map(|started| counts(value.period, "moment", started));
    both(filtered, timed)
        .map(|condition| format!(" FILTER (WHERE {condition})"))
        .unwrap_or_default()
}

fn is_count(aggregate: Aggregate) -> bool {
    !matches!(
        aggregate,
        Aggregate::Sum | Aggregate::Mean | Aggregate::Min | Aggregate::Max
    )
}

fn takes_value(aggregate: Aggregate) -> bool {
    matches!(
        aggregate,
        Aggregate::Sum
            | Aggregate::Mean
            | Aggregate::Min
            | Aggregate::Max
            | Aggregate::CountDistinct
            | Aggregate::Quantile
    )
}

/// What is aggregated, by the document.
fn text_of<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    value.metric.and_then(|metric| metric.value.as_deref())
}

/// What is aggregated, as SQL over rows with these columns.
pub(super) fn expression(value: &Value<'_>, columns: &[Column]) -> String {
    column_or_sql(columns, text_of(value).unwrap_or("1"))
}

/// What a customer without rows has, as SQL: of touches, which no metric defines, none.
pub(super) fn absent(value: &Value<'_>) -> &'static str {
    match value.metric {
        Some(metric) if !metric.absent_is_zero() => "NULL",
        _ => "0",
    }
}

/// Both of two conditions.
pub(super) fn both(left: Option<String>, right: Option<String>) -> Option<String> {
    match (left, right) {
        (Some(left), Some(right)) => Some(format!("{left} AND {right}")),
        (left, right) => left.or(right),
    }
}
