//! Attribution: what each channel, piece of content or campaign is credited with.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, TouchKey, Unit, default_alpha, name_schema};
use crate::span::{Span, SpanUnit};

/// Shares the conversions of customers among the touches before them, by several models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attribution {
    /// Unique among its kind.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    pub description: Option<String>,
    /// What is shared out.
    pub conversion: Conversion,
    /// What it is shared among.
    #[schemars(length(min = 1), extend("x-names" = "touch"))]
    pub touches: Vec<Name>,
    /// What is credited: a key of touches, or a list of them for their combinations.
    #[serde(default)]
    pub by: By,
    /// How long before a conversion a touch counts, where `windows` say nothing else.
    #[serde(default = "default_lookback")]
    pub lookback: Span,
    /// How long a touch of a channel counts: one time, or one for views and one for clicks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub windows: BTreeMap<String, TouchWindow>,
    /// Channels that get nothing, so that the others share all credit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// The channel of visits that nothing led to: the model `last_non_direct` passes over it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct: Option<String>,
    /// The time in which a touch loses half of its weight in the models of time decay.
    #[serde(default = "default_half_life")]
    pub half_life: Span,
    /// What a conversion does to the touches before it.
    #[serde(default)]
    pub after_conversion: AfterConversion,
    /// Experiments that measured what a channel brings, to hold its credit against. With `by: channel` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiments: Option<Calibrating>,
    /// What the customers are worth beyond these conversions, shared out as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<LifetimeCredit>,
    /// Intervals have level 1 - alpha.
    #[serde(default = "default_alpha")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 0.5))]
    pub alpha: f64,
}

/// What is shared out: each row of a fact is one conversion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conversion {
    #[schemars(extend("x-names" = "fact"))]
    pub fact: Name,
    /// What it is worth: a column of the fact or a SQL expression over its columns. Default: nothing but itself.
    pub value: Option<String>,
    /// What the value is.
    #[serde(default)]
    pub unit: Unit,
    /// The column that holds the order, where one conversion may have several rows: it counts once, and the values of all
    /// its rows are added up.
    pub order: Option<String>,
}

/// The margin that customers are predicted to bring, shared out among the touches before one of their conversions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifetimeCredit {
    /// The lifetime whose models predict it, from its last day on and within its horizon.
    #[schemars(extend("x-names" = "lifetime"))]
    pub of: Name,
    /// The conversion that stands for the customer.
    #[serde(default)]
    pub credit: LifetimeConversion,
}

/// The conversion that a customer's predicted margin goes with. It is one, so that no customer counts twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LifetimeConversion {
    /// The first one: the touches that won the customer are credited.
    #[default]
    Acquisition,
    /// The last one: the touches that kept the customer are.
    Retention,
}

/// What is credited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum By {
    /// A key of touches.
    One(Dimension),
    /// Combinations of several.
    Crossing(Vec<Dimension>),
}

/// A key of touches that can be credited.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    Channel,
    Content,
    Campaign,
    Slot,
    Stage,
    Initiative,
    Team,
}

/// How long touches of a channel count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TouchWindow {
    /// All of them.
    All(Span),
    /// By what the customer did.
    ByEngagement(EngagementWindows),
}

/// How long views and clicks count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EngagementWindows {
    /// What was seen. Default: `lookback`.
    pub view: Option<Span>,
    /// What was clicked on. Default: `lookback`.
    pub click: Option<Span>,
}

/// What a conversion does to the touches before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterConversion {
    /// It ends the journey: they earn nothing from later conversions.
    #[default]
    Cut,
    /// They may earn from later conversions too, within their window.
    Carry,
    /// Only the customer's first conversion counts, and nothing after it.
    FirstOnly,
}

/// The experiments that measured what channels bring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Calibrating {
    // Before the mapping, which serde would read from a list too.
    /// Each measured the one channel of its initiative.
    Experiments(Vec<Name>),
    /// The experiment of each channel.
    ByChannel(BTreeMap<String, Name>),
}

impl Default for By {
    fn default() -> Self {
        Self::One(Dimension::Channel)
    }
}

impl By {
    /// The keys that are combined.
    #[must_use]
    pub fn dimensions(&self) -> &[Dimension] {
        match self {
            Self::One(dimension) => std::slice::from_ref(dimension),
            Self::Crossing(dimensions) => dimensions,
        }
    }
}

impl Dimension {
    /// The key of a touch.
    #[must_use]
    pub fn key(self) -> TouchKey {
        match self {
            Self::Channel => TouchKey::Channel,
            Self::Content => TouchKey::Content,
            Self::Campaign => TouchKey::Campaign,
            Self::Slot => TouchKey::Slot,
            Self::Stage => TouchKey::Stage,
            Self::Initiative => TouchKey::Initiative,
            Self::Team => TouchKey::Team,
        }
    }
}

impl TouchWindow {
    /// How long a view counts, if it says so.
    #[must_use]
    pub fn view(&self) -> Option<Span> {
        match self {
            Self::All(span) => Some(*span),
            Self::ByEngagement(windows) => windows.view,
        }
    }

    /// How long a click counts, if it says so.
    #[must_use]
    pub fn click(&self) -> Option<Span> {
        match self {
            Self::All(span) => Some(*span),
            Self::ByEngagement(windows) => windows.click,
        }
    }
}

fn default_lookback() -> Span {
    Span {
        count: 30,
        unit: SpanUnit::Day,
    }
}

fn default_half_life() -> Span {
    Span {
        count: 7,
        unit: SpanUnit::Day,
    }
}
