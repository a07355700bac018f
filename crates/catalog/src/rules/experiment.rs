//! Rules of experiments.

use super::{Documents, Report, cluster, decisions, learned, programme};
use crate::model::{Aggregate, Covariate, CovariateMetric, Experiment, Role};
use crate::span::Span;

/// How far the shares of arms may be from adding up to 1.
pub(super) const SHARE_TOLERANCE: f64 = 1e-6;

pub(super) fn check(experiment: &Experiment, all: &Documents<'_>, report: &mut Report<'_>) {
    check_arms(experiment, report);
    check_reference(experiment, report);
    check_shares(experiment, report);
    check_initiatives(experiment, report);
    check_metrics(experiment, all, report);
    check_covariates(experiment, all, report);
    check_columns(experiment, report);
    check_until(experiment, report);
    cluster::check(experiment, all, report);
    programme::check(experiment, all, report);
}

/// The end of the data is a date or a time of the project's time zone.
fn check_until(experiment: &Experiment, report: &mut Report<'_>) {
    let Some(until) = &experiment.until else {
        return;
    };
    report.date("until", until);
    if !has_time(experiment) {
        let message = "the time of exposure is not known, so that no window can have passed or not";
        let help = "name the column with `time` in `assignment` or `exposure`";
        report.error("needs-time", "until", message, help);
    }
}

fn check_arms(experiment: &Experiment, report: &mut Report<'_>) {
    let arms = &experiment.arms;
    for (i, arm) in arms.iter().enumerate() {
        let path = format!("arms/{i}/name");
        let value = arm.column_value().to_string();
        if let Some(first) = arms[..i].iter().position(|other| other.name == arm.name) {
            let message = format!("two arms are named `{}`", arm.name);
            report.clash(
                "duplicate-name",
                &path,
                &format!("arms/{first}/name"),
                message,
                "rename one of them",
            );
        } else if let Some(first) = arms[..i]
            .iter()
            .position(|other| other.column_value().to_string() == value)
        {
            let message = format!(
                "two arms have the value `{value}` in the column `{}`",
                experiment.assignment.arm
            );
            let path = if arm.value.is_some() {
                format!("arms/{i}/value")
            } else {
                path
            };
            let help = "give each arm the value that the column holds for it";
            report.clash(
                "duplicate-value",
                &path,
                &format!("arms/{first}"),
                message,
                help,
            );
        }
    }
}

fn check_reference(experiment: &Experiment, report: &mut Report<'_>) {
    let of_role = |role| {
        let arms = experiment.arms.iter().enumerate();
        arms.filter(move |(_, arm)| arm.role == role)
            .map(|(i, _)| i)
            .collect::<Vec<_>>()
    };
    match (
        of_role(Role::Generic).as_slice(),
        of_role(Role::Holdout).as_slice(),
    ) {
        ([_], _) | ([], [_]) => {}
        ([], []) => {
            let help = "give one arm `role: generic`, or `role: holdout` where it gets nothing of the programme";
            report.error(
                "reference-arm",
                "arms",
                "no arm is there to compare the others with",
                help,
            );
        }
        ([first, second, ..], _) | ([], [first, second, ..]) => {
            let message = "two arms could be the one that others are compared with";
            let help = "one arm has `role: generic`, or there is none and one has `role: holdout`";
            report.clash(
                "reference-arm",
                &format!("arms/{second}/role"),
                &format!("arms/{first}/role"),
                message,
                help,
            );
        }
    }
}

fn check_shares(experiment: &Experiment, report: &mut Report<'_>) {
    let shares: Vec<f64> = experiment.arms.iter().filter_map(|arm| arm.share).collect();
    if shares.is_empty() {
        return;
    }
    if shares.len() < experiment.arms.len() {
        for (i, arm) in experiment
            .arms
            .iter()
            .enumerate()
            .filter(|(_, arm)| arm.share.is_none())
        {
            let message = format!("the arm `{}` has no share, but others have", arm.name);
            report.error(
                "shares",
                &format!("arms/{i}"),
                message,
                "give all arms a share, or none",
            );
        }
        return;
    }
    let sum: f64 = shares.iter().sum();
    if (sum - 1.0).abs() > SHARE_TOLERANCE {
        report.error(
            "shares",
            "arms",
            format!("the shares of the arms add up to {sum}"),
            "they must add up to 1",
        );
    }
}

fn check_initiatives(experiment: &Experiment, report: &mut Report<'_>) {
    let arms = &experiment.arms;
    let reference = experiment.reference().map(|arm| &arm.name);
    let has_caps = arms.iter().any(|arm| arm.cap.is_some());
    for (i, arm) in arms.iter().enumerate() {
        let path = format!("arms/{i}/initiative");
        let Some(initiative) = &arm.initiative else {
            // Of arms that combine factors, or are caps, none stands for an initiative.
            let stands_alone = arm.covers.is_none() && arm.factors.is_empty() && !has_caps;
            if arm.role == Role::Personalized && stands_alone {
                let message = format!(
                    "the arm `{}` shows no initiative, so it does not enter the ledger",
                    arm.name
                );
                report.warning(
                    "no-initiative",
                    &format!("arms/{i}"),
                    message,
                    "name one with `initiative`",
                );
            }
            continue;
        };
        if let Some(first) = arms[..i]
            .iter()
            .position(|other| other.initiative == arm.initiative)
        {
            let message =
                format!("two arms show the initiative `{initiative}`, which would count it twice");
            let help = "give each arm an initiative of its own";
            report.clash(
                "duplicate-value",
                &path,
                &format!("arms/{first}/initiative"),
                message,
                help,
            );
        } else if reference == Some(&arm.name) {
            let message =
                "others are compared with this arm, so its initiative does not enter the ledger";
            report.warning(
                "reference-initiative",
                &path,
                message,
                "remove it, or change the arm's role",
            );
        }
    }
}

fn check_metrics(experiment: &Experiment, all: &Documents<'_>, report: &mut Report<'_>) {
    if has_time(experiment) {
        return;
    }
    for (path, name) in decisions::metrics(experiment) {
        let parts = all.parts(name);
        let has_window = parts.iter().any(|metric| metric.window.is_some());
        let has_fact_time = parts
            .iter()
            .filter_map(|metric| all.fact_of(metric))
            .any(|fact| fact.time.is_some());
        if has_window {
            let message = format!(
                "the metric `{name}` has a window, which begins at exposure, and its time is not known"
            );
            report.error(
                "needs-time",
                &path,
                message,
                "name the column with `time` in `assignment` or `exposure`",
            );
        } else if has_fact_time {
            let message = format!(
                "the metric `{name}` also counts what happened before assignment, whose time is not known"
            );
            report.warning(
                "no-time",
                &path,
                message,
                "name the column with `time` in `assignment` or `exposure`",
            );
        }
    }
}

fn check_covariates(experiment: &Experiment, all: &Documents<'_>, report: &mut Report<'_>) {
    for (i, covariate) in experiment.covariates.iter().enumerate() {
        let path = format!("covariates/{i}");
        if let Some(first) = experiment.covariates[..i]
            .iter()
            .position(|other| other == covariate)
        {
            let help = "remove one of the two";
            report.clash(
                "duplicate-value",
                &path,
                &format!("covariates/{first}"),
                "this covariate stands twice",
                help,
            );
        }
        let metrics = match covariate {
            Covariate::Column(_) => &[],
            Covariate::ColumnFor(covariate) => covariate.metrics.as_slice(),
            Covariate::Before(covariate) => {
                let CovariateMetric { metric, before, .. } = covariate;
                check_covariate_metric(experiment, metric, *before, &path, all, report);
                covariate.metrics.as_slice()
            }
            Covariate::Learned(covariate) => {
                learned::check(experiment, covariate, &path, all, report);
                covariate.metrics.as_slice()
            }
        };
        for (k, metric) in metrics.iter().enumerate() {
            if !experiment.metric_names().any(|compared| compared == metric) {
                let message = format!("the experiment does not compare the metric `{metric}`");
                let help = "name metrics of this experiment, or add it to `metrics`";
                report.error("metric", &format!("{path}/metrics/{k}"), message, help);
            }
        }
    }
}

/// Checks a metric over a time before exposure, at the path of what holds both.
pub(super) fn check_covariate_metric(
    experiment: &Experiment,
    metric: &str,
    before: Span,
    path: &str,
    all: &Documents<'_>,
    report: &mut Report<'_>,
) {
    if before.count == 0 {
        let help = "write for example `28 days`";
        report.error(
            "out-of-range",
            &format!("{path}/before"),
            "a time before exposure has some length",
            help,
        );
    }
    if !has_time(experiment) {
        let message = "a time before exposure is meant, and the time of exposure is not known";
        let help = "name the column with `time` in `assignment` or `exposure`";
        report.error("needs-time", &format!("{path}/before"), message, help);
    }
    let path = format!("{path}/metric");
    let Some(metric) = all.metrics.get(metric) else {
        return;
    };
    if matches!(metric.aggregate, Aggregate::Quantile | Aggregate::Funnel) {
        let help = "name a metric that is a number per customer at all times";
        report.error(
            "metric",
            &path,
            "a quantile or a funnel is no covariate",
            help,
        );
    }
    if metric.aggregate == Aggregate::Ratio {
        let help = "name the metric above or below its line";
        report.error(
            "metric",
            &path,
            "a ratio is not a number per customer",
            help,
        );
    }
    if let Some(fact) = all.fact_of(metric).filter(|fact| fact.time.is_none()) {
        let message = format!(
            "a time before exposure is meant, and the fact `{}` has no time",
            fact.name
        );
        report.error(
            "needs-time",
            &path,
            message,
            "name the column with `time` in the fact",
        );
    }
}

/// Covariates and segments must not be what the assignment itself decides.
fn check_columns(experiment: &Experiment, report: &mut Report<'_>) {
    report.unique("segments", experiment.segments.iter().cloned());
    report.unique("strata", experiment.strata.iter().cloned());
    let covariates = experiment
        .covariates
        .iter()
        .enumerate()
        .filter_map(|(i, covariate)| match covariate {
            Covariate::Column(column) => Some((format!("covariates/{i}"), column)),
            Covariate::ColumnFor(covariate) => {
                Some((format!("covariates/{i}/column"), &covariate.column))
            }
            Covariate::Before(_) | Covariate::Learned(_) => None,
        });
    let segments = experiment
        .segments
        .iter()
        .enumerate()
        .map(|(i, column)| (format!("segments/{i}"), column));
    let strata = experiment.strata.iter().enumerate();
    let strata = strata.map(|(i, column)| (format!("strata/{i}"), column));
    for (path, column) in covariates.chain(segments).chain(strata) {
        let use_of_column = match column {
            column if *column == experiment.assignment.arm => "the arm",
            column if *column == experiment.assignment.customer => "the customer",
            _ => continue,
        };
        let message = format!(
            "the column `{column}` holds {use_of_column}, which says nothing of what was known before"
        );
        report.error(
            "column",
            &path,
            message,
            "name a column that was known before assignment",
        );
    }
}

/// Whether the moment is known from which an experiment's metrics count.
pub(super) fn has_time(experiment: &Experiment) -> bool {
    experiment.assignment.time.is_some() || experiment.exposure.is_some()
}
