//! A piece of content: what it is made of, what it cost, how long it holds, and what it reuses.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, Scalar, decimal_schema, name_schema};

/// A piece of content or an offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Unique among its kind.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    pub description: Option<String>,
    /// The channels in which it is shown.
    #[serde(default)]
    #[schemars(extend("x-names" = "channel"))]
    pub channels: Vec<Name>,
    /// The journey stage that it is made for.
    pub stage: Option<String>,
    /// What it is made of: the level of each factor, such as `{ headline: question, image: person }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub components: BTreeMap<String, Scalar>,
    /// What it cost, in the project's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<ContentCost>,
    /// When it may be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<Validity>,
    /// The content that it was made from: adapted, translated or cut.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-names" = "content"))]
    pub based_on: Vec<Name>,
    /// Set where the ledger has a line of what it is credited with by observation, at grade D and beside the total: an
    /// attribution of money by content. Not for content that an experiment measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-names" = "attribution"))]
    pub credit: Option<Name>,
}

/// What a piece of content cost, in the project's currency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentCost {
    /// Making it, once.
    #[serde(default)]
    #[schemars(schema_with = "decimal_schema")]
    pub creation: Decimal,
    /// Bringing it to other languages and markets, once.
    #[serde(default)]
    #[schemars(schema_with = "decimal_schema")]
    pub localisation: Decimal,
    /// Reviews and approvals, once.
    #[serde(default)]
    #[schemars(schema_with = "decimal_schema")]
    pub approval: Decimal,
    /// Keeping it right, each month.
    #[serde(default)]
    #[schemars(schema_with = "decimal_schema")]
    pub upkeep: Decimal,
}

/// When a piece of content may be shown: dates or times on the clocks of the project's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// The first day or moment. Default: always.
    pub from: Option<String>,
    /// The day or moment from which on it may not. Default: never.
    pub until: Option<String>,
}
