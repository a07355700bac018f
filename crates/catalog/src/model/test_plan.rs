//! How an experiment is looked at and decided, as declared before it starts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The plan by which an experiment is decided: declared before it starts, held to afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestPlan {
    /// The null hypothesis, in words. Default: that the arms do not differ in the primary metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub null_hypothesis: Option<String>,
    /// The smallest effect on the primary metric that matters, relative to the reference arm: 0.02 for two per cent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub minimum_effect: Option<f64>,
    /// The probability with which that effect should be found.
    #[serde(default = "default_power")]
    #[schemars(extend("minimum" = 0.5, "maximum" = 0.999))]
    pub power: f64,
    /// When the data may decide.
    #[serde(default)]
    pub looks: Looks,
    /// Customers in all arms at the planned end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2))]
    pub customers: Option<u64>,
    /// Days of intake until the planned end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub days: Option<u32>,
    /// With `looks: group_sequential`: the shares of the planned customers at which one looks, ascending, 1 the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interim: Vec<f64>,
    /// With `looks: group_sequential`: how alpha is spent on the looks. Default: obrien_fleming.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spending: Option<Spending>,
    /// Whether a look also says when the effect that matters is not in sight any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub futility: bool,
}

/// When the data of an experiment may decide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Looks {
    /// Once, at the planned end.
    #[default]
    Fixed,
    /// At any time, for ever.
    Anytime,
    /// At the looks listed.
    GroupSequential,
    /// At any time before the planned end, and there with nearly the power of one look.
    Hybrid,
}

/// How a group sequential plan spends alpha on its looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spending {
    /// Hardly anything early.
    #[default]
    ObrienFleming,
    /// Boundaries that are nearly level.
    Pocock,
    /// In proportion to the customers.
    Even,
    /// In proportion to their square.
    Quadratic,
}

impl Default for TestPlan {
    /// One look, whenever it is.
    fn default() -> Self {
        Self {
            null_hypothesis: None,
            minimum_effect: None,
            power: default_power(),
            looks: Looks::default(),
            customers: None,
            days: None,
            interim: Vec::new(),
            spending: None,
            futility: false,
        }
    }
}

impl TestPlan {
    /// The null hypothesis in words, generated where none is declared.
    #[must_use]
    pub fn null_hypothesis_or(&self, primary: &str) -> String {
        let generated =
            || format!("the arms do not differ in the mean of `{primary}` per customer");
        self.null_hypothesis.clone().unwrap_or_else(generated)
    }
}

fn default_power() -> f64 {
    0.8
}
