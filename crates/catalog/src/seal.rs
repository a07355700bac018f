//! Sealing an experiment: what is fixed before the data come in, and how one can tell afterwards that it was.
//!
//! A [`Definition`] is an experiment with the metrics and facts that it uses, as canonical JSON: keys in alphabetical
//! order, no white space, nothing that says nothing. Its SHA-256 is its fingerprint. Definitions are kept in
//! `seals.jsonl` in the project's folder ([`seals`], [`seal`]), one a line, each line with the hash of the one before:
//! no line can be changed, removed or put in between without breaking the chain behind it.

mod chain;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use chain::{Seal, SealError, Sealed, seal, seals};

use crate::catalog::Catalog;
use crate::model::{Covariate, Experiment, Fact, Metric, Name};

/// What is fixed when an experiment is sealed. Descriptions are not: they may be improved at any time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Hypothesis, alpha, arms and shares, metrics, covariates, segments and plan.
    pub experiment: Experiment,
    /// The null hypothesis in words.
    pub null_hypothesis: String,
    /// The metrics that it names, and those that these are made of.
    pub metrics: BTreeMap<Name, Metric>,
    /// The facts behind the metrics.
    pub facts: BTreeMap<Name, Fact>,
}

/// A key whose value is not the sealed one.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    /// Where it stands, such as `experiment/alpha`, `metrics/revenue/window/to` or `facts/purchase/where`.
    pub path: String,
    /// What was sealed; none where there was nothing.
    pub sealed: Option<Value>,
    /// What is declared now; none where there is nothing any more.
    pub current: Option<Value>,
}

impl Definition {
    /// The definition of an experiment of a catalog.
    #[must_use]
    pub fn of(catalog: &Catalog, experiment: &Experiment) -> Self {
        let mut definition = Self {
            experiment: Experiment {
                description: None,
                ..experiment.clone()
            },
            null_hypothesis: experiment
                .plan
                .clone()
                .unwrap_or_default()
                .null_hypothesis_or(&experiment.metrics.primary),
            metrics: BTreeMap::new(),
            facts: BTreeMap::new(),
        };
        let before = experiment.covariates.iter().flat_map(|known| match known {
            Covariate::Before(known) => vec![known.metric.as_str()],
            Covariate::Column(_) | Covariate::ColumnFor(_) => Vec::new(),
            Covariate::Learned(known) => known.metrics_before().collect(),
        });
        for name in experiment.metric_names().chain(before) {
            definition.add_metric(catalog, name);
        }
        definition
    }

    fn add_metric(&mut self, catalog: &Catalog, name: &str) {
        if self.metrics.contains_key(name) {
            return;
        }
        let Some(metric) = catalog.metric(name) else {
            return;
        };
        let undescribed = Metric {
            description: None,
            ..metric.clone()
        };
        self.metrics.insert(name.to_owned(), undescribed);
        if let Some(fact) = metric.fact.as_deref().and_then(|name| catalog.fact(name)) {
            let undescribed = Fact {
                description: None,
                ..fact.clone()
            };
            self.facts.insert(fact.name.clone(), undescribed);
        }
        for part in [&metric.numerator, &metric.denominator, &metric.of]
            .into_iter()
            .flatten()
        {
            self.add_metric(catalog, part);
        }
    }

    /// The definition as canonical JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        // Fails only for keys that are not texts, of which the model has none.
        serde_json::to_value(self)
            .map(pruned)
            .unwrap_or(Value::Null)
    }

    /// The SHA-256 of the canonical JSON, in hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        sha256(&self.to_json().to_string())
    }

    /// Where this definition is not the sealed one, in the order of the paths.
    ///
    /// The sealed one is read into the model of today first, so that a key that did not exist when it was sealed is no
    /// deviation while it has its default.
    #[must_use]
    pub fn deviations_from(&self, sealed: &Value) -> Vec<Deviation> {
        let read: Result<Self, _> = serde_json::from_value(sealed.clone());
        let sealed = read.map_or_else(|_| sealed.clone(), |read| read.to_json());
        let mut deviations = Vec::new();
        compare("", Some(&sealed), Some(&self.to_json()), &mut deviations);
        deviations
    }
}

/// Without keys that have no value or an empty one.
fn pruned(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| (key, pruned(value)))
                .filter(|(_, value)| !says_nothing(value))
                .collect(),
        ),
        Value::Array(list) => Value::Array(list.into_iter().map(pruned).collect()),
        other => other,
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn compare(
    path: &str,
    sealed: Option<&Value>,
    current: Option<&Value>,
    deviations: &mut Vec<Deviation>,
) {
    let below = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}/{key}"),
    };
    match (sealed, current) {
        (Some(Value::Object(sealed)), Some(Value::Object(current))) => {
            let mut keys: Vec<&String> = sealed.keys().chain(current.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                compare(&below(key), sealed.get(key), current.get(key), deviations);
            }
        }
        (Some(Value::Array(sealed)), Some(Value::Array(current))) => {
            for i in 0..sealed.len().max(current.len()) {
                compare(
                    &below(&i.to_string()),
                    sealed.get(i),
                    current.get(i),
                    deviations,
                );
            }
        }
        (sealed, current) if sealed == current => {}
        (sealed, current) => deviations.push(Deviation {
            path: path.to_owned(),
            sealed: sealed.cloned(),
            current: current.cloned(),
        }),
    }
}

/// The SHA-256 of a text in hexadecimal digits.
fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn canonical_json_is_sorted_and_says_nothing_twice() {
        let value = pruned(json!({"b": 1, "a": {"z": null, "y": []}, "c": [{"k": null}]}));
        assert_eq!(value.to_string(), r#"{"b":1,"c":[{}]}"#);
    }

    #[test]
    fn deviations_name_the_path_and_both_values() {
        let mut found = Vec::new();
        let sealed = json!({"alpha": 0.05, "arms": [{"share": 0.5}], "gone": 1});
        let current = json!({"alpha": 0.1, "arms": [{"share": 0.5}, {"share": 0.2}]});
        compare("", Some(&sealed), Some(&current), &mut found);
        let paths: Vec<&str> = found.iter().map(|d| d.path.as_str()).collect();
        assert_eq!(paths, ["alpha", "arms/1", "gone"]);
        assert_eq!(found[0].sealed, Some(json!(0.05)));
        assert_eq!(found[0].current, Some(json!(0.1)));
        assert_eq!((&found[1].sealed, &found[2].current), (&None, &None));
    }
}
