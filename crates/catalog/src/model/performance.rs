//! Performance: how each piece of content does, by channel, stage and segment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, default_alpha, name_schema};
use crate::span::{Span, SpanUnit};

/// How each piece of content does where it is shown, and what is too thin to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Performance {
    /// Unique among its kind.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    pub description: Option<String>,
    /// What was shown.
    #[schemars(extend("x-names" = "touch"))]
    pub touches: Name,
    /// What customers do after they were shown it.
    pub outcome: ContentOutcome,
    /// What the table is divided by beside content: keys of touches such as `channel` and `stage`, and columns of the
    /// touches' rows, such as a segment.
    #[serde(default)]
    #[schemars(length(max = 6))]
    pub by: Vec<String>,
    /// What one more outcome is worth as margin, in the project's currency. Default: for a metric of money the margin on
    /// it, otherwise nothing is said in money.
    #[schemars(range(min = 0))]
    pub value: Option<f64>,
    /// An experiment that gave out at random how often customers are shown content: at least two of its arms differ in
    /// `cap`. What more exposures cause is measured by it, and where it can, it tells which items to replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-names" = "experiment"))]
    pub caps: Option<Name>,
    /// Factors of content's `components`: how much each of their levels moves the outcome.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// Intervals have level 1 - alpha.
    #[serde(default = "default_alpha")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 0.5))]
    pub alpha: f64,
}

/// What customers do in a time after they were first shown a piece of content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentOutcome {
    /// Whether there is any row of this fact. Either this or `metric`.
    #[schemars(extend("x-names" = "fact"))]
    pub fact: Option<Name>,
    /// A metric that is the sum, the number or the presence of a fact's rows.
    #[schemars(extend("x-names" = "metric"))]
    pub metric: Option<Name>,
    /// How long after they were shown it.
    #[serde(default = "default_within")]
    pub within: Span,
}

fn default_within() -> Span {
    Span {
        count: 7,
        unit: SpanUnit::Day,
    }
}
