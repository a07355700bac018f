//! The customers of declared audiences among those who count.

use catalog::{Audience, Catalog, Lifetime};
use lake::{Lake, sql};

use super::base::{Kept, kept};
use super::finding::AudienceValue;
use super::histories::at_end;
use super::purchases::{CUSTOMERS, PURCHASES, Purchases};
use crate::audience::query::types::{require_column, same_customer, type_of};
use crate::audience::query::{define_rows, exact_sum, where_clause};
use crate::error::MeasureError;

/// Column `customer`: the customers of an audience, each once.
const MEMBERS: &str = "_ts_lifetime_members";

/// The customers of an audience.
pub(super) struct Members {
    /// Those who count.
    pub(super) kept: Vec<Kept>,
    /// What their first purchases sum to.
    pub(super) first: f64,
    /// What is said of the audience, but its value.
    pub(super) counted: AudienceValue,
}

/// Reads the audiences of a lifetime, given its purchases, whose tables are there.
pub(super) fn read(
    catalog: &Catalog,
    lake: &mut Lake,
    lifetime: &Lifetime,
    purchases: &Purchases,
) -> Result<Vec<Members>, MeasureError> {
    let names = lifetime.audiences.iter();
    names
        .map(|name| {
            let place = format!("lifetime `{}`, audiences", lifetime.name);
            let audience = catalog
                .audience(name)
                .ok_or_else(|| MeasureError::Unusable {
                    place: place.clone(),
                    message: format!("there is no audience `{name}`"),
                })?;
            let same = define(catalog, lake, audience, &purchases.customer_type)?;
            members(lake, audience, &same, purchases)
        })
        .collect()
}

/// Keeps the customers of an audience as a table; returns the condition that `customer` of purchases is one of them.
fn define(
    catalog: &Catalog,
    lake: &mut Lake,
    audience: &Audience,
    customer_type: &str,
) -> Result<String, MeasureError> {
    let place = format!("audience `{}`", audience.name);
    let (source, query) = (audience.source.as_deref(), audience.sql.as_deref());
    let rows = define_rows(catalog, lake, &place, source, query)?;
    let columns = lake.columns(&rows)?;
    require_column(&columns, place.clone(), &audience.name, &audience.customer)?;
    let column = sql::identifier(&audience.customer);
    let statement = format!(
        "CREATE OR REPLACE TEMP TABLE {MEMBERS} AS SELECT DISTINCT {column} AS customer \
         FROM (SELECT * FROM {rows}{}) WHERE {column} IS NOT NULL",
        where_clause(audience.filter.as_ref())
    );
    let context = format!("cannot read {place}");
    lake.engine().execute(&statement, &context)?;
    let own_type = type_of(&columns, &audience.customer).unwrap_or_default();
    same_customer(
        ("c.customer", customer_type),
        ("m.customer", own_type),
        place,
    )
}

/// Those of the audience who count, and how many do not.
fn members(
    lake: &Lake,
    audience: &Audience,
    same: &str,
    purchases: &Purchases,
) -> Result<Members, MeasureError> {
    let place = format!("audience `{}`", audience.name);
    let context = format!("cannot measure {place}");
    let own = kept(
        lake,
        &place,
        &format!(
            "SELECT * FROM ({}) AS c SEMI JOIN {MEMBERS} AS m ON {same}",
            at_end(purchases)
        ),
    )?;
    let first = format!(
        "SELECT coalesce({}, 0) FROM {CUSTOMERS} AS c SEMI JOIN {MEMBERS} AS m ON {same}",
        exact_sum("c.at_first", "")
    );
    let first: f64 = lake.engine().value(&first, &context)?;
    let number =
        |query: String| -> Result<i64, MeasureError> { Ok(lake.engine().value(&query, &context)?) };
    let all = number(format!("SELECT count(*) FROM {MEMBERS}"))?;
    let bought = number(format!(
        "SELECT count(*) FROM {MEMBERS} AS m SEMI JOIN {PURCHASES} AS c ON {same}"
    ))?;
    let drop = format!("DROP TABLE {MEMBERS}");
    lake.engine().execute(&drop, &context)?;
    let counting: i64 = own.iter().map(|row| i64::from(row.customers)).sum();
    Ok(Members {
        kept: own,
        first,
        counted: AudienceValue {
            audience: audience.name.clone(),
            description: audience.description.clone(),
            value: None,
            never_bought: (all - bought) as u64,
            not_counted: (bought - counting).max(0) as u64,
        },
    })
}
