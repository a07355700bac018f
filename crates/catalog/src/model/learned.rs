//! A covariate that is learned: a prediction of a metric from what was known before.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Name;
use crate::span::Span;

/// A prediction of each metric, learned from what was known of other customers before exposure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LearnedCovariate {
    /// What is learned from: columns of the assignment's source (numbers, truth values, texts), or metrics over a time
    /// before exposure.
    #[schemars(length(min = 1))]
    pub learned: Vec<Feature>,
    /// The metrics that are predicted, each by a model of its own. Default: all but quantiles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-names" = "metric"))]
    pub metrics: Vec<Name>,
    /// Into how many parts customers are split; each part is predicted by what the others teach.
    #[serde(default = "two_folds")]
    #[schemars(range(min = 2, max = 10))]
    pub folds: u32,
}

impl LearnedCovariate {
    /// The metrics before exposure that it learns from.
    pub fn metrics_before(&self) -> impl Iterator<Item = &str> {
        self.learned.iter().filter_map(|feature| match feature {
            Feature::Before(before) => Some(before.metric.as_str()),
            Feature::Column(_) => None,
        })
    }
}

/// Something that a prediction is learned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Feature {
    /// A column of the assignment's source.
    Column(String),
    /// A metric over a time before exposure.
    Before(FeatureMetric),
}

/// A metric over a time before exposure, to learn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureMetric {
    #[schemars(extend("x-names" = "metric"))]
    pub metric: Name,
    /// How long before exposure, such as `28 days`.
    pub before: Span,
}

fn two_folds() -> u32 {
    2
}
