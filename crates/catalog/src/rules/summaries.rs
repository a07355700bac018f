//! Rules of summaries of experiments.

use super::Report;
use crate::model::{Summaries, SummaryColumns};

pub(super) fn check<'a>(
    summaries: &Summaries,
    mut experiments: impl Iterator<Item = &'a str>,
    report: &mut Report<'_>,
) {
    check_shape(summaries, report);
    let columns = [
        ("holds", &summaries.holds),
        ("treated", &summaries.treated),
        ("control", &summaries.control),
    ];
    for (key, columns) in columns {
        if let Some(columns) = columns {
            check_columns(key, columns, report);
        }
    }
    if summaries.planned.is_some() && summaries.time.is_none() {
        report.forbid(
            &["planned"],
            "this says how far the looks at an experiment are; without `time` there is one look",
        );
    }
    for (arm, share) in &summaries.shares {
        if !(*share > 0.0 && share.is_finite()) {
            report.error(
                "shares",
                &format!("shares/{arm}"),
                format!("the share of `{arm}` is {share}"),
                "a share is more than 0; leave out arms that do not exist",
            );
        }
    }
    if experiments.any(|name| name.eq_ignore_ascii_case(&summaries.name)) {
        report.error(
            "duplicate-name",
            "name",
            format!("there is an experiment named `{}` too", summaries.name),
            "rename one of them: `touchstone measure audience NAME` measures either",
        );
    }
}

/// A row holds an arm or a comparison.
fn check_shape(summaries: &Summaries, report: &mut Report<'_>) {
    let is_comparison = summaries.treated.is_some() || summaries.control.is_some();
    match (&summaries.holds, is_comparison) {
        (None, false) => {
            let message = "summaries need `holds` (a row an arm) or `treated` and `control` (a row a comparison)";
            report.error("missing-key", "", message, "add what a row holds");
        }
        (Some(_), true) => {
            report.forbid(
                &["treated", "control"],
                "a row holds one arm (`holds`) or a comparison (`treated` and `control`), not both",
            );
        }
        (None, true) => {
            report.need(&["treated", "control"], "a row that holds a comparison");
            report.forbid(
                &["reference"],
                "this goes with `holds`; where a row holds a comparison, `control` is the reference",
            );
        }
        (Some(columns), false) => {
            if summaries.reference.is_none() && columns.successes.is_none() {
                report.error(
                    "reference-arm",
                    "holds",
                    "arms can be compared with all others together only where `successes` are counted",
                    "say with `reference` which arm the others are compared with",
                );
            }
        }
    }
}

fn check_columns(key: &str, columns: &SummaryColumns, report: &mut Report<'_>) {
    let moments = (columns.mean.is_some(), columns.variance.is_some());
    match (moments, columns.successes.is_some()) {
        ((true, true), false) | ((false, false), true) => {}
        (_, true) => report.error(
            "misplaced-key",
            key,
            format!("`{key}` has `successes` beside `mean` or `variance`"),
            "successes say both: remove the others",
        ),
        _ => report.error(
            "missing-key",
            key,
            format!("`{key}` does not say how customers vary"),
            "add `mean` and `variance`, or `successes`",
        ),
    }
}
