//! Rules of what an experiment's results are asked together.

use std::collections::BTreeSet;

use super::{Documents, Report};
use crate::model::{Experiment, Trigger};

pub(super) fn check(experiment: &Experiment, all: &Documents<'_>, report: &mut Report<'_>) {
    check_roles(experiment, report);
    check_guardrails(experiment, all, report);
    check_prior(experiment, all, report);
    check_trigger(experiment, report);
    check_pooled(experiment, report);
    check_factors(experiment, report);
}

/// The paths and names of the metrics, in the order of `Experiment::metric_names`.
pub(super) fn metrics(experiment: &Experiment) -> Vec<(String, &str)> {
    let metrics = &experiment.metrics;
    let mut all = vec![("metrics/primary".to_owned(), metrics.primary.as_str())];
    all.extend(listed("success", &metrics.success));
    let guardrails = metrics.guardrails.iter().enumerate();
    all.extend(guardrails.map(|(i, guardrail)| {
        let path = format!("metrics/guardrails/{i}/metric");
        (path, guardrail.metric.as_str())
    }));
    all.extend(listed("secondary", &metrics.secondary));
    all
}

fn listed<'e>(key: &'static str, names: &'e [String]) -> impl Iterator<Item = (String, &'e str)> {
    let places = names.iter().enumerate();
    places.map(move |(i, name)| (format!("metrics/{key}/{i}"), name.as_str()))
}

/// A metric has one role.
fn check_roles(experiment: &Experiment, report: &mut Report<'_>) {
    let metrics = metrics(experiment);
    for (i, (path, name)) in metrics.iter().enumerate() {
        let Some((first, _)) = metrics[..i].iter().find(|(_, other)| other == name) else {
            continue;
        };
        let message = format!("the metric `{name}` has a role already");
        report.clash("duplicate-value", path, first, message, "name it once");
    }
}

fn check_guardrails(experiment: &Experiment, all: &Documents<'_>, report: &mut Report<'_>) {
    for (i, guardrail) in experiment.metrics.guardrails.iter().enumerate() {
        let path = format!("metrics/guardrails/{i}");
        if guardrail.margin.is_some() == guardrail.absolute_margin.is_some() {
            let message = format!(
                "the guardrail `{}` needs one margin: the worst loss that one would accept",
                guardrail.metric
            );
            let help = "write `margin: 0.02` for two per cent of the reference arm's mean, or `absolute_margin` in the \
                        metric's unit";
            report.error("margin", &path, message, help);
        }
        if all.is_quantile(&guardrail.metric) {
            let message =
                "a quantile is no guardrail: there is no test that it is not worse by a margin";
            let help = "guard a mean or a share, such as the share of customers beyond a limit";
            report.error("metric", &format!("{path}/metric"), message, help);
        }
    }
}

fn check_prior(experiment: &Experiment, all: &Documents<'_>, report: &mut Report<'_>) {
    if experiment.prior.is_some() && all.is_quantile(&experiment.metrics.primary) {
        let message =
            "a prior is one of the relative lift of a mean, and the primary metric is a quantile";
        report.error("metric", "prior", message, "remove it, or decide on a mean");
    }
}

/// The trigger is known of customers before their arm makes a difference.
fn check_trigger(experiment: &Experiment, report: &mut Report<'_>) {
    let Some(trigger) = &experiment.trigger else {
        return;
    };
    let assignment = &experiment.assignment;
    for column in trigger.columns() {
        if column == assignment.arm || column == assignment.customer {
            let message =
                format!("the column `{column}` does not say whom the treatment could reach");
            let help = "name columns in which the decision is logged for the customers of all arms";
            report.error("column", "trigger", message, help);
        }
    }
    if let Trigger::Decisions(decisions) = trigger
        && decisions.generic == decisions.personalized
    {
        let message = "both decisions are in one column, so that nobody is triggered";
        let help = "name the column of each decision";
        report.error("column", "trigger/personalized", message, help);
    }
}

fn check_pooled(experiment: &Experiment, report: &mut Report<'_>) {
    let reference = experiment.reference().map(|arm| arm.name.as_str());
    let names = experiment.pooled.iter().map(|pooled| pooled.name.clone());
    report.unique("pooled", names);
    for (i, pooled) in experiment.pooled.iter().enumerate() {
        if experiment.arms.iter().any(|arm| arm.name == pooled.name) {
            let message = format!("`{}` is the name of an arm", pooled.name);
            report.error(
                "duplicate-name",
                &format!("pooled/{i}/name"),
                message,
                "rename one of them",
            );
        }
        report.unique(&format!("pooled/{i}/arms"), pooled.arms.iter().cloned());
        for (k, name) in pooled.arms.iter().enumerate() {
            let path = format!("pooled/{i}/arms/{k}");
            if !experiment.arms.iter().any(|arm| arm.name == *name) {
                let known: Vec<&str> = experiment
                    .arms
                    .iter()
                    .map(|arm| arm.name.as_str())
                    .collect();
                let message = format!("the experiment has no arm `{name}`");
                let help = format!("its arms are {}", known.join(", "));
                report.error("unknown-name", &path, message, help);
            } else if reference == Some(name) {
                let message =
                    format!("the others are compared with `{name}`, which cannot be among them");
                report.error("reference-arm", &path, message, "remove it");
            }
        }
    }
}

/// Arms with factors are the cells of a design: the same factors in each, and no cell twice.
fn check_factors(experiment: &Experiment, report: &mut Report<'_>) {
    let cells: Vec<_> = experiment
        .arms
        .iter()
        .enumerate()
        .filter(|(_, arm)| !arm.factors.is_empty())
        .collect();
    let Some((first, design)) = cells.first() else {
        return;
    };
    for (place, (i, arm)) in cells.iter().enumerate() {
        let path = format!("arms/{i}/factors");
        if !arm.factors.keys().eq(design.factors.keys()) {
            let message = format!(
                "the arm `{}` does not have the factors of the arm `{}`",
                arm.name, design.name
            );
            let help = "all arms of a design have the same factors, each with a level";
            report.clash(
                "factors",
                &path,
                &format!("arms/{first}/factors"),
                message,
                help,
            );
        } else if let Some((other, twin)) = cells[..place]
            .iter()
            .find(|(_, other)| other.factors == arm.factors)
        {
            let message = format!(
                "the arms `{}` and `{}` have the same levels",
                twin.name, arm.name
            );
            let help = "give each arm a combination of levels of its own";
            report.clash(
                "factors",
                &path,
                &format!("arms/{other}/factors"),
                message,
                help,
            );
        }
    }
    for factor in design.factors.keys() {
        let levels: BTreeSet<String> = cells
            .iter()
            .filter_map(|(_, arm)| arm.factors.get(factor).map(ToString::to_string))
            .collect();
        if levels.len() < 2 {
            let message =
                format!("the factor `{factor}` has one level, so that nothing can be said of it");
            let path = format!("arms/{first}/factors");
            report.error(
                "factors",
                &path,
                message,
                "give the arms different levels, or remove it",
            );
        }
    }
}
