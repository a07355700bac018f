//! Factorials: what channels, or components of content, cause alone and together.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Experiment, Name, Scalar, name_schema};

/// What the factors of an experiment's arms cause, alone and together: channels that are switched on and off, or
/// components of content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Factorial {
    /// Unique among its kind.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    pub description: Option<String>,
    /// The experiment whose arms are combinations of `factors`, each given to customers at random.
    #[schemars(extend("x-names" = "experiment"))]
    pub experiment: Name,
    /// A metric of the experiment. Default: its primary metric.
    #[schemars(extend("x-names" = "metric"))]
    pub metric: Option<Name>,
    /// What the factors are.
    pub of: FactorialOf,
    /// Where not all combinations were run: effects of more factors than this are taken as zero.
    #[serde(default = "default_interactions")]
    #[schemars(range(min = 1, max = 16))]
    pub interactions: usize,
    /// Of channels: the attribution whose credit stands beside what the channels cause. It credits by `channel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-names" = "attribution"))]
    pub attribution: Option<Name>,
    /// The channel of a factor in the attribution, where it has another name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, String>,
}

/// What the factors of a factorial are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FactorialOf {
    /// Channels that are personalized or not: two levels each, and the reference arm has none of them.
    Channels,
    /// Components of content, such as headline and image, with two levels and more.
    Components,
}

fn default_interactions() -> usize {
    2
}

impl Factorial {
    /// The channel of a factor in attributions.
    #[must_use]
    pub fn channel_of<'c>(&'c self, factor: &'c str) -> &'c str {
        self.channels.get(factor).map_or(factor, String::as_str)
    }

    /// The name of the metric that it is of: its own, else the primary one of its experiment.
    #[must_use]
    pub fn metric_of<'c>(&'c self, experiment: &'c Experiment) -> &'c Name {
        self.metric.as_ref().unwrap_or(&experiment.metrics.primary)
    }
}

/// The factors of an experiment's arms, each with its levels.
#[derive(Debug, Clone, PartialEq)]
pub struct Factors<'e> {
    /// The names of the factors, in the order of the alphabet.
    pub names: Vec<&'e str>,
    /// The levels of each: that which others are compared with first, then as declared.
    pub levels: Vec<Vec<String>>,
    /// The arms that have factors, each with the place of its level of each factor.
    pub cells: Vec<(&'e str, Vec<usize>)>,
}

impl Factors<'_> {
    /// The names of a combination's levels, whose places are in the order of the factors.
    ///
    /// # Panics
    ///
    /// If a factor has no level at its place.
    #[must_use]
    pub fn named(&self, levels: &[usize]) -> Vec<String> {
        let named = levels.iter().zip(&self.levels);
        named
            .map(|(level, levels)| levels[*level].clone())
            .collect()
    }
}

impl Experiment {
    /// The factors of the arms; none where no arm has any.
    ///
    /// Levels are compared with that of the reference arm, or of the first arm with factors if that has none.
    #[must_use]
    pub fn factors(&self) -> Option<Factors<'_>> {
        let with_factors = || self.arms.iter().filter(|arm| !arm.factors.is_empty());
        let base = self
            .reference()
            .filter(|arm| !arm.factors.is_empty())
            .or_else(|| with_factors().next())?;
        let names: Vec<&str> = base.factors.keys().map(String::as_str).collect();
        let levels: Vec<Vec<String>> = names
            .iter()
            .map(|name| {
                let arms = std::iter::once(base).chain(with_factors());
                let mut levels: Vec<String> = Vec::new();
                for level in arms.filter_map(|arm| arm.factors.get(*name)) {
                    let level = level.to_string();
                    if !levels.contains(&level) {
                        levels.push(level);
                    }
                }
                levels
            })
            .collect();
        let cells = with_factors().map(|arm| {
            let place = |(name, levels): (&&str, &Vec<String>)| {
                let level = arm.factors.get(*name).map(Scalar::to_string);
                levels
                    .iter()
                    .position(|known| Some(known) == level.as_ref())
            };
            // Arms of a design have the same factors: rules say so.
            let places = names.iter().zip(&levels).filter_map(place).collect();
            (arm.name.as_str(), places)
        });
        let cells = cells.collect();
        Some(Factors {
            names,
            levels,
            cells,
        })
    }
}
