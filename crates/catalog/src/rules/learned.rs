//! Rules of covariates that are learned.

use super::experiment::check_covariate_metric;
use super::{Documents, Report};
use crate::model::{Experiment, Feature, FeatureMetric, LearnedCovariate};

/// Checks a learned covariate at a path. That its metrics are compared is checked with those of other covariates.
pub(super) fn check(
    experiment: &Experiment,
    covariate: &LearnedCovariate,
    path: &str,
    all: &Documents<'_>,
    report: &mut Report<'_>,
) {
    for (k, feature) in covariate.learned.iter().enumerate() {
        let path = format!("{path}/learned/{k}");
        if let Some(first) = covariate.learned[..k].iter().position(|f| f == feature) {
            let message = "this stands in the list twice";
            let first = path.replace(&format!("learned/{k}"), &format!("learned/{first}"));
            report.clash(
                "duplicate-value",
                &path,
                &first,
                message,
                "remove one of the two",
            );
        }
        match feature {
            Feature::Column(column) => check_column(experiment, column, &path, report),
            Feature::Before(before) => {
                let FeatureMetric { metric, before } = before;
                check_covariate_metric(experiment, metric, *before, &path, all, report);
            }
        }
    }
    for (k, name) in covariate.metrics.iter().enumerate() {
        if all.is_quantile(name) {
            let help = "name metrics that are a number per customer, or ratios";
            let path = format!("{path}/metrics/{k}");
            report.error("metric", &path, "a quantile is not adjusted", help);
        }
    }
}

/// A prediction must not rest on what the assignment itself decides.
fn check_column(experiment: &Experiment, column: &str, path: &str, report: &mut Report<'_>) {
    let assignment = &experiment.assignment;
    let use_of_column = match column {
        column if column == assignment.arm => "the arm",
        column if column == assignment.customer => "the customer",
        column if assignment.time.as_deref() == Some(column) => "the time of assignment",
        column if assignment.cluster.as_deref() == Some(column) => "the cluster",
        _ => return,
    };
    let message =
        format!("the column `{column}` holds {use_of_column}, from which nothing is to be learned");
    let help = "name a column that was known of a customer before assignment";
    report.error("column", path, message, help);
}
