//! Rules of what the ledger counts beside lifts: lives of an initiative's customers, and credit of content. No money may
//! be counted twice.

use super::Report;
use crate::model::{Attribution, By, Content, Dimension, Document, Experiment, Initiative};
use crate::yaml::Node;

type Declared = [(Document, Node)];

/// An initiative that counts by its customers' lives has no other increment.
pub(super) fn check_lifetime(
    initiative: &Initiative,
    documents: &Declared,
    report: &mut Report<'_>,
) {
    let Some(name) = &initiative.lifetime else {
        return;
    };
    if initiative.recurs.is_some() {
        let message = "a life holds what recurs in it";
        let help = "keep `lifetime`, or `recurs`: both would count the same money twice";
        report.clash("counted-twice", "lifetime", "recurs", message, help);
    }
    let lifetime = documents.iter().find_map(|(document, _)| match document {
        Document::Lifetime(lifetime) if lifetime.name == *name => Some(lifetime),
        _ => None,
    });
    let Some(lifetime) = lifetime else {
        return;
    };
    if lifetime.spend.is_none() {
        let message = format!("`{name}` counts purchases, and not money");
        let help = "give the lifetime a `spend`";
        report.error("lifetime", "lifetime", message, help);
    }
    let Some(experiment) = &lifetime.experiment else {
        let message = format!("`{name}` has no experiment that says what lives gain");
        let help = "give the lifetime an `experiment` with an arm that shows this initiative";
        report.error("lifetime", "lifetime", message, help);
        return;
    };
    let showing: Vec<&str> = experiments_of(&initiative.name, documents)
        .map(|experiment| experiment.name.as_str())
        .collect();
    if !showing.contains(&experiment.as_str()) {
        let message = format!("no arm of `{experiment}` shows this initiative");
        let help = format!(
            "`{name}` is of `{experiment}`: name a lifetime whose experiment shows this initiative"
        );
        report.error("lifetime", "lifetime", message, help);
    }
    if let Some(other) = showing.iter().find(|other| **other != experiment.as_str()) {
        let message = format!(
            "`{other}` measures this initiative, too: a customer's life by `{experiment}` may hold the same money"
        );
        let help = "leave `lifetime` out, or make two initiatives of it, one for each experiment";
        report.error("counted-twice", "lifetime", message, help);
    }
}

/// Credit that counts is of one attribution of money by content, and of content that no experiment measures.
pub(super) fn check_credit(content: &Content, documents: &Declared, report: &mut Report<'_>) {
    let Some(name) = &content.credit else {
        return;
    };
    let attribution = documents.iter().find_map(|(document, _)| match document {
        Document::Attribution(attribution) if attribution.name == *name => Some(attribution),
        _ => None,
    });
    if attribution.is_some_and(|attribution| !credits_content_with_money(attribution)) {
        let message = format!("`{name}` does not credit content with money");
        let help = "name an attribution with `by: content` whose `conversion` has a `value` and `unit: money`";
        report.error("credit", "credit", message, help);
    }
    let others = documents.iter().filter_map(|(document, _)| match document {
        Document::Content(other) => other.credit.as_ref(),
        _ => None,
    });
    // Told of all that differ from the first.
    if let Some(first) = others.into_iter().next().filter(|first| *first != name) {
        let message = format!(
            "other content counts by the credit of `{first}`: two attributions share out the same money twice"
        );
        let help = "name one attribution in all content that has `credit`";
        report.error("counted-twice", "credit", message, help);
    }
    let measured = documents.iter().find_map(|(document, _)| match document {
        Document::Initiative(initiative) if initiative.content.contains(&content.name) => {
            let experiment = experiments_of(&initiative.name, documents).next()?;
            Some((initiative, experiment))
        }
        _ => None,
    });
    if let Some((initiative, experiment)) = measured {
        let message = format!(
            "`{}` shows this content, and the experiment `{}` measures what that brings",
            initiative.name, experiment.name
        );
        let help = "remove `credit`: its money would be counted twice";
        report.error("counted-twice", "credit", message, help);
    }
}

fn credits_content_with_money(attribution: &Attribution) -> bool {
    attribution.by == By::One(Dimension::Content) && attribution.conversion.is_of_money()
}

/// The experiments with an arm that shows an initiative.
fn experiments_of<'a>(
    initiative: &'a str,
    documents: &'a Declared,
) -> impl Iterator<Item = &'a Experiment> {
    let experiments = documents.iter().filter_map(|(document, _)| match document {
        Document::Experiment(experiment) => Some(experiment),
        _ => None,
    });
    experiments.filter(move |experiment| {
        let mut arms = experiment.arms.iter();
        arms.any(|arm| arm.initiative.as_deref() == Some(initiative))
    })
}
