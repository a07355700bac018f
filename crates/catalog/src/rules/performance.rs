//! Rules of the performance of content.

use std::collections::BTreeSet;

use super::{Documents, Report};
use crate::model::{Aggregate, Document, Performance};
use crate::names::did_you_mean;
use crate::yaml::Node;

pub(super) fn check(
    performance: &Performance,
    all: &Documents<'_>,
    documents: &[(Document, Node)],
    report: &mut Report<'_>,
) {
    let is_taken = documents.iter().any(|(document, _)| {
        matches!(document, Document::Attribution(other) if other.name == performance.name)
    });
    if is_taken {
        let message = format!("there is an attribution `{}`, too", performance.name);
        let help = "give it another name: `touchstone measure content NAME` measures either";
        report.error("duplicate-name", "name", message, help);
    }
    check_outcome(performance, all, report);
    check_caps(performance, documents, report);
    report.unique("by", performance.by.iter().cloned());
    report.unique("components", performance.components.iter().cloned());
    if let Some(place) = performance.by.iter().position(|by| by == "content") {
        let message = "the table is always by content";
        report.error(
            "duplicate-value",
            &format!("by/{place}"),
            message,
            "remove it",
        );
    }
    let factors: BTreeSet<&str> = documents
        .iter()
        .filter_map(|(document, _)| match document {
            Document::Content(content) => Some(content.components.keys()),
            _ => None,
        })
        .flatten()
        .map(String::as_str)
        .collect();
    for (place, component) in performance.components.iter().enumerate() {
        if factors.contains(component.as_str()) {
            continue;
        }
        let message = format!("no content has the component `{component}`");
        let help = match did_you_mean(component, factors.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "name a factor of the `components` of content".to_owned(),
        };
        report.error(
            "unknown-name",
            &format!("components/{place}"),
            message,
            help,
        );
    }
}

/// Arms that are caps differ in them, and it is known when customers were assigned.
fn check_caps(performance: &Performance, documents: &[(Document, Node)], report: &mut Report<'_>) {
    let named = |document: &Document| match (document, &performance.caps) {
        (Document::Experiment(experiment), Some(name)) => experiment.name == *name,
        _ => false,
    };
    let Some((Document::Experiment(experiment), _)) =
        documents.iter().find(|(document, _)| named(document))
    else {
        return;
    };
    let name = &experiment.name;
    let mut unfit = |message: String, help: &str| report.error("caps", "caps", message, help);
    if experiment.assignment.time.is_none() {
        unfit(
            format!("`{name}` does not say when customers were assigned"),
            "give its assignment a `time`: exposures count from then on",
        );
    }
    if experiment.assignment.cluster.is_some() || !experiment.phases.is_empty() {
        unfit(
            format!("`{name}` assigns clusters, or changed its shares on the way"),
            "caps are compared where customers were assigned one by one, with the same shares throughout",
        );
    }
    let caps: Vec<Option<u32>> = (experiment.arms.iter())
        .map(|arm| arm.most_exposures())
        .collect();
    let distinct: BTreeSet<Option<u32>> = caps.iter().copied().collect();
    if caps.iter().all(Option::is_none) || distinct.len() < 2 {
        unfit(
            format!("the arms of `{name}` do not differ in `cap`"),
            "write in each arm how often a customer is shown content at most, for example `cap: 2`",
        );
    } else if distinct.len() < caps.len() {
        unfit(
            format!("two arms of `{name}` have the same `cap`, or none"),
            "one arm a cap, and at most one without: join those that are the same",
        );
    }
}

fn check_outcome(performance: &Performance, all: &Documents<'_>, report: &mut Report<'_>) {
    let outcome = &performance.outcome;
    let fact = match (&outcome.fact, &outcome.metric) {
        (Some(fact), None) => all.facts.get(fact.as_str()).copied(),
        (None, Some(name)) => {
            let Some(metric) = all.metrics.get(name.as_str()) else {
                return;
            };
            let usable = matches!(
                metric.aggregate,
                Aggregate::Sum | Aggregate::Count | Aggregate::Any
            );
            if !usable {
                let message = format!("`{name}` is not a sum, a number or a presence of rows");
                let help = "name a metric whose `aggregate` is sum, count or any";
                report.error("outcome", "outcome/metric", message, help);
            }
            all.fact_of(metric)
        }
        (Some(_), Some(_)) => {
            let message = "an outcome is a fact or a metric, not both";
            let help = "remove one of the two";
            report.clash("outcome", "outcome/metric", "outcome/fact", message, help);
            return;
        }
        (None, None) => {
            let message = "what customers do is not named";
            let help = "give the outcome a `fact` or a `metric`";
            report.error("missing-key", "outcome", message, help);
            return;
        }
    };
    if let Some(fact) = fact.filter(|fact| fact.time.is_none()) {
        let message = format!("the rows of `{}` have no time", fact.name);
        let help = "what comes after a touch is told by time: give the fact its `time` column";
        report.error("outcome", "outcome", message, help);
    }
}
