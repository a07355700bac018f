//! Rules of experiments whose arms were randomized to clusters.

use super::{Documents, Report, decisions};
use crate::model::Experiment;

pub(super) fn check(experiment: &Experiment, all: &Documents<'_>, report: &mut Report<'_>) {
    let assignment = &experiment.assignment;
    let Some(cluster) = &assignment.cluster else {
        return;
    };
    let use_of_column = if *cluster == assignment.arm {
        Some("the arm")
    } else if *cluster == assignment.customer {
        Some("the customer")
    } else {
        None
    };
    if let Some(use_of_column) = use_of_column {
        let message = format!("the column `{cluster}` holds {use_of_column}, which is no cluster");
        let help = "name the column of the shop, household or region that was randomized, or remove `cluster`";
        report.error("column", "assignment/cluster", message, help);
    }
    for (path, name) in decisions::metrics(experiment) {
        if all.is_quantile(name) {
            let message = format!(
                "`{name}` is a quantile, which takes customers of a cluster for independent"
            );
            report.error("cluster", &path, message, "compare means, shares or ratios");
        }
    }
    let unfit = [
        ("plan", experiment.plan.is_some()),
        ("by_day", experiment.by_day),
        ("trigger", experiment.trigger.is_some()),
        ("pooled", !experiment.pooled.is_empty()),
        ("strata", !experiment.strata.is_empty()),
        ("prior", experiment.prior.is_some()),
        ("phases", !experiment.phases.is_empty()),
    ];
    for (key, _) in unfit.into_iter().filter(|(_, stands)| *stands) {
        let message = format!(
            "`{key}` takes customers for independent, and they are randomized by `{cluster}`"
        );
        let help = "remove it, or `cluster` where customers were randomized one by one";
        report.error("cluster", key, message, help);
    }
}
