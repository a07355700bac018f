//! A split that changes on the way.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stretch of time in which customers are split by shares of its own: a ramp has several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// When it begins: a date or time of assignment, such as `2024-03-01`. It lasts until the next one begins.
    pub from: String,
    /// The share of each arm; an arm that is not named has none.
    pub shares: BTreeMap<String, f64>,
}
