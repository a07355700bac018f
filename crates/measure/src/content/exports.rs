//! Rows as tools export them, with nested fields as columns.
//!
//! A table in a warehouse has a column for each property of an event. The events themselves nest them: Segment's in
//! `properties`, Google Analytics' in `items` and `event_params`, Snowplow's in an entity and the event that it hangs on.
//! A row of several promotions becomes a row for each. Names are the same that differ only in case and underscores, as
//! `userId` and `user_id` do.

use catalog::Mapping;
use lake::{Column, Lake, sql};

use crate::audience::query::types::type_of;
use crate::error::MeasureError;

/// A column in which a tool nests fields.
struct Nest {
    /// How its name begins; schema versions follow.
    column: &'static str,
    /// What the mapping's names begin with that those of its fields do not.
    prefix: &'static str,
}

fn nests(mapping: Mapping) -> &'static [Nest] {
    match mapping {
        Mapping::SegmentPromotion | Mapping::Email | Mapping::Experiment => &[Nest {
            column: "properties",
            prefix: "",
        }],
        Mapping::Ga4Promotion => &[Nest {
            column: "items",
            prefix: "",
        }],
        Mapping::SnowplowPromotion => &[
            Nest {
                column: "contexts_com_snowplowanalytics_snowplow_ecommerce_promotion_1",
                prefix: "promotion_",
            },
            Nest {
                column: "unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1",
                prefix: "action_",
            },
        ],
    }
}

/// Where Google Analytics keeps the parameters of an event, as a list of keys and values.
const PARAMETERS: &str = "event_params";
/// What Google Analytics writes where there is nothing.
const NOT_SET: &str = "(not set)";

/// The same rows with those columns of a mapping that are nested or written otherwise.
///
/// # Errors
///
/// The engine's.
pub(super) fn unpacked(
    lake: &Lake,
    mapping: Mapping,
    rows: String,
) -> Result<String, MeasureError> {
    let columns = lake.columns(&rows)?;
    let wanted = mapping.columns().iter().map(|(_, column)| *column);
    let missing: Vec<&str> = wanted
        .filter(|column| type_of(&columns, column).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(rows);
    }
    let mut from = rows;
    let mut fields: Vec<(String, &Nest, Vec<Column>)> = Vec::new();
    for nest in nests(mapping) {
        let Some(column) = (columns.iter()).find(|column| is_of(column, nest)) else {
            continue;
        };
        let mut holder = sql::identifier(&column.name);
        if column.type_name.ends_with("[]") {
            // A row without any stays one row.
            from = format!(
                "(SELECT *, unnest(CASE WHEN len({holder}) > 0 THEN {holder} ELSE [NULL] END) AS _ts_nested FROM {from})"
            );
            holder = "_ts_nested".to_owned();
        }
        let of_holder = lake.columns(&format!("(SELECT unnest({holder}) FROM {from})"))?;
        fields.push((holder, nest, of_holder));
    }
    let has_parameters = type_of(&columns, PARAMETERS)
        .is_some_and(|type_name| type_name.ends_with("[]") && type_name.contains("string_value"));
    let added: Vec<String> = (missing.iter())
        .filter_map(|wanted| {
            let own = columns.iter().find(|column| is_same(&column.name, wanted));
            let mut found: Vec<String> = own
                .map(|own| sql::identifier(&own.name))
                .into_iter()
                .collect();
            for (holder, nest, of_holder) in &fields {
                let name = wanted.strip_prefix(nest.prefix);
                let field = of_holder
                    .iter()
                    .find(|field| name.is_some_and(|name| is_same(&field.name, name)));
                found.extend(
                    field.map(|field| format!("{holder}.{}", sql::identifier(&field.name))),
                );
            }
            if mapping == Mapping::Ga4Promotion && has_parameters {
                found.push(format!(
                    "list_filter({PARAMETERS}, lambda p: p.key = {})[1].value.string_value",
                    sql::text(wanted)
                ));
            }
            let named = sql::identifier(wanted);
            match (mapping, found.as_slice()) {
                (_, []) => None,
                (Mapping::Ga4Promotion, found) => {
                    let not_set = sql::text(NOT_SET);
                    let found = found
                        .iter()
                        .map(|one| format!("nullif(CAST({one} AS VARCHAR), {not_set})"));
                    let found: Vec<String> = found.collect();
                    Some(format!("coalesce({}) AS {named}", found.join(", ")))
                }
                (_, found) => Some(format!("coalesce({}) AS {named}", found.join(", "))),
            }
        })
        .collect();
    if added.is_empty() {
        return Ok(from);
    }
    Ok(format!("(SELECT *, {} FROM {from})", added.join(", ")))
}

/// Whether a column nests the fields of a tool.
fn is_of(column: &Column, nest: &Nest) -> bool {
    column.type_name.starts_with("STRUCT(")
        && column.name.to_ascii_lowercase().starts_with(nest.column)
}

fn is_same(a: &str, b: &str) -> bool {
    let letters = |name: &str| name.to_ascii_lowercase().replace('_', "");
    letters(a) == letters(b)
}
