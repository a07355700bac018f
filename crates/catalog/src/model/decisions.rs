//! What an experiment's results are asked together: what must not get worse, many questions, what was believed before,
//! whom the treatment could reach, and what arms have in common.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Experiment, Name, name_schema};

/// A metric that must not get worse by its margin: the worst loss that one would accept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guardrail {
    #[schemars(extend("x-names" = "metric"))]
    pub metric: Name,
    /// As a share of the reference arm's mean: 0.02 for two per cent. Either this or `absolute_margin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub margin: Option<f64>,
    /// In the metric's unit, per customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub absolute_margin: Option<f64>,
}

/// How the number of secondary metrics is allowed for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Adjustment {
    /// The probability of any false find is at most alpha, however the metrics depend on each other.
    #[default]
    Holm,
    /// The same with more power, for metrics that do not pull against each other.
    Hommel,
    /// Benjamini and Hochberg: of what is found, a share of at most alpha is false on average.
    Bh,
    /// Benjamini and Yekutieli: the same however the metrics depend on each other.
    By,
    /// Each metric stands alone.
    None,
}

/// What is believed of the relative lift of the primary metric before the experiment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Prior {
    /// What the catalog's other experiments with the same metric say.
    Learned(Learned),
    /// A normal distribution.
    Normal(PriorLift),
}

/// The word for a prior that is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Learned {
    Learned,
}

/// A normal distribution of relative lifts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorLift {
    /// 0.01 for one per cent.
    pub mean: f64,
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub sd: f64,
}

/// Whom the treatment could reach: columns of the assignment's source, logged in all arms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Trigger {
    /// Whether the arms would show the customer different content.
    Column(TriggerColumn),
    /// What either arm would show.
    Decisions(TriggerDecisions),
}

/// A truth value: would the customer be shown something else in another arm?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerColumn {
    pub column: String,
}

/// Both decisions for each customer; those are triggered for whom they differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerDecisions {
    /// The column that holds what the customer would be shown without personalization.
    pub generic: String,
    /// The column that holds what the customer would be shown with it.
    pub personalized: String,
}

/// Several arms taken as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PooledArms {
    /// Unique in the experiment, and no arm's name.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    /// At least two, without the one that others are compared with.
    #[schemars(length(min = 2))]
    pub arms: Vec<Name>,
}

impl Trigger {
    /// The columns of the assignment's source that it reads.
    #[must_use]
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::Column(trigger) => vec![&trigger.column],
            Self::Decisions(trigger) => vec![&trigger.generic, &trigger.personalized],
        }
    }
}

impl Experiment {
    /// The metrics that should improve: the primary one first.
    pub fn success_names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.metrics.primary)
            .chain(&self.metrics.success)
            .map(String::as_str)
    }

    /// Whether it is a metric that should improve.
    #[must_use]
    pub fn is_success(&self, metric: &str) -> bool {
        self.success_names().any(|name| name == metric)
    }

    /// The metric's margin, where it is a guardrail.
    #[must_use]
    pub fn guardrail(&self, metric: &str) -> Option<&Guardrail> {
        let mut guardrails = self.metrics.guardrails.iter();
        guardrails.find(|guardrail| guardrail.metric == metric)
    }
}
