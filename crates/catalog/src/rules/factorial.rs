//! Rules of factorials.

use super::{Documents, Report};
use crate::model::{Dimension, Document, Experiment, Factorial, FactorialOf, Factors};
use crate::names::did_you_mean;
use crate::yaml::Node;

pub(super) fn check(
    factorial: &Factorial,
    all: &Documents<'_>,
    documents: &[(Document, Node)],
    report: &mut Report<'_>,
) {
    check_name(factorial, documents, report);
    check_attribution(factorial, documents, report);
    let experiment = documents.iter().find_map(|(document, _)| match document {
        Document::Experiment(experiment) if experiment.name == factorial.experiment => {
            Some(experiment)
        }
        _ => None,
    });
    let Some(experiment) = experiment else {
        return;
    };
    check_metric(factorial, experiment, all, report);
    let Some(factors) = experiment.factors() else {
        let message = format!("the arms of `{}` have no factors", experiment.name);
        let help = "give each arm its `factors`, such as `factors: { email: with, push: without }`";
        report.error("factors", "experiment", message, help);
        return;
    };
    if factorial.of == FactorialOf::Channels {
        check_switches(experiment, &factors, report);
    }
    check_channels(factorial, &factors, report);
}

/// `touchstone measure content NAME` measures whatever has the name.
fn check_name(factorial: &Factorial, documents: &[(Document, Node)], report: &mut Report<'_>) {
    let other = documents.iter().find_map(|(document, _)| match document {
        Document::Attribution(_) | Document::Performance(_)
            if document.name() == factorial.name =>
        {
            Some(document.kind())
        }
        _ => None,
    });
    if let Some(kind) = other {
        let message = format!(
            "there is a document `{}` with `kind: {kind}`, too",
            factorial.name
        );
        let help = "give it another name: `touchstone measure content NAME` measures either";
        report.error("duplicate-name", "name", message, help);
    }
}

fn check_metric(
    factorial: &Factorial,
    experiment: &Experiment,
    all: &Documents<'_>,
    report: &mut Report<'_>,
) {
    let path = if factorial.metric.is_some() {
        "metric"
    } else {
        "experiment"
    };
    let metric = factorial.metric_of(experiment);
    if !experiment.metric_names().any(|known| known == metric) {
        let message = format!(
            "`{metric}` is no metric of the experiment `{}`",
            experiment.name
        );
        let help = match did_you_mean(metric, experiment.metric_names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "add it to the `secondary` metrics of the experiment".to_owned(),
        };
        report.error("metric", path, message, help);
    } else if all.is_quantile(metric) {
        let message =
            format!("`{metric}` is a quantile, and means of arms are what is compared here");
        let help = "name a mean, a share or a sum as `metric`";
        report.error("metric", path, message, help);
    }
}

/// A channel is on or off, and none is on in the reference arm.
fn check_switches(experiment: &Experiment, factors: &Factors<'_>, report: &mut Report<'_>) {
    let several = factors.names.iter().zip(&factors.levels);
    for (name, levels) in several.filter(|(_, levels)| levels.len() > 2) {
        let message = format!("the factor `{name}` has {} levels", levels.len());
        let help = "a channel is on or off; for factors with more levels write `of: components`";
        report.error("factors", "of", message, help);
    }
    let reference = experiment.reference();
    if reference.is_none_or(|arm| arm.factors.is_empty()) {
        let message = format!(
            "the reference arm of `{}` has no factors, so that nobody knows which levels mean that a channel is off",
            experiment.name
        );
        let help =
            "give the arm with the role `generic` or `holdout` its `factors`: all channels off";
        report.error("factors", "experiment", message, help);
    }
}

fn check_attribution(
    factorial: &Factorial,
    documents: &[(Document, Node)],
    report: &mut Report<'_>,
) {
    let Some(name) = &factorial.attribution else {
        if !factorial.channels.is_empty() {
            let help = "add `attribution`, or remove the key";
            report.error(
                "misplaced-key",
                "channels",
                "there is no attribution whose channels these are",
                help,
            );
        }
        return;
    };
    if factorial.of == FactorialOf::Components {
        let message = "components are not what an attribution credits";
        let help = "remove the key, or write `of: channels`";
        report.error("misplaced-key", "attribution", message, help);
    }
    let by_channel = documents.iter().find_map(|(document, _)| match document {
        Document::Attribution(attribution) if attribution.name == *name => {
            Some(attribution.by.dimensions() == [Dimension::Channel])
        }
        _ => None,
    });
    if by_channel == Some(false) {
        let message = format!("the attribution `{name}` does not credit by channel");
        let help = "name one with `by: channel`";
        report.error("attribution", "attribution", message, help);
    }
}

/// The factors that are given another name are there.
fn check_channels(factorial: &Factorial, factors: &Factors<'_>, report: &mut Report<'_>) {
    for name in factorial.channels.keys() {
        if factors.names.contains(&name.as_str()) {
            continue;
        }
        let message = format!(
            "the arms of `{}` have no factor `{name}`",
            factorial.experiment
        );
        let help = match did_you_mean(name, factors.names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("its factors are {}", factors.names.join(", ")),
        };
        report.error("unknown-name", &format!("channels/{name}"), message, help);
    }
}
