//! Rules of phases: splits that change on the way.

use super::Report;
use super::experiment::SHARE_TOLERANCE;
use crate::model::{Experiment, Phase};
use crate::names::did_you_mean;

pub(super) fn check(experiment: &Experiment, report: &mut Report<'_>) {
    if experiment.phases.is_empty() {
        return;
    }
    if experiment.assignment.time.is_none() {
        let message = "the phase in which a customer was assigned is not known";
        let help = "name the column with `time` in `assignment`";
        report.error("needs-time", "phases", message, help);
    }
    let mut before = None;
    for (i, phase) in experiment.phases.iter().enumerate() {
        let path = format!("phases/{i}/from");
        let Some(from) = report.date(&path, &phase.from) else {
            continue;
        };
        if before.is_some_and(|before| from <= before) {
            let help = "list the phases in the order in which they began";
            report.error(
                "phases",
                &path,
                "this phase does not begin after the one before",
                help,
            );
        }
        before = Some(from);
        check_shares(experiment, phase, i, report);
    }
}

fn check_shares(experiment: &Experiment, phase: &Phase, place: usize, report: &mut Report<'_>) {
    let path = format!("phases/{place}/shares");
    for (arm, share) in &phase.shares {
        let path = format!("{path}/{arm}");
        if !experiment.arms.iter().any(|known| known.name == *arm) {
            let names = experiment.arms.iter().map(|arm| arm.name.as_str());
            let help = match did_you_mean(arm, names) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "name an arm of this experiment".to_owned(),
            };
            let message = format!("the experiment has no arm `{arm}`");
            report.error("phases", &path, message, help);
        }
        if !(0.0..=1.0).contains(share) {
            let message = format!("{share} is not a share");
            report.error("out-of-range", &path, message, "write a number from 0 to 1");
        }
    }
    let sum: f64 = phase.shares.values().sum();
    if (sum - 1.0).abs() > SHARE_TOLERANCE {
        let message = format!("the shares of this phase add up to {sum}");
        report.error("shares", &path, message, "they must add up to 1");
    }
}
