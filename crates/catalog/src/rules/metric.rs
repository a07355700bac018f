//! Rules of metrics.

use super::{Documents, Report};
use crate::model::{Aggregate, Metric, Unit};

pub(super) fn check(metric: &Metric, all: &Documents<'_>, report: &mut Report<'_>) {
    if metric.aggregate == Aggregate::Ratio {
        check_ratio(metric, all, report);
    } else {
        check_aggregate(metric, all, report);
    }
    if metric.unit != Unit::Money {
        report.forbid(&["margin"], "only a metric with `unit: money` has a margin");
    }
    if let Some(cap) = &metric.cap {
        match (cap.lower, cap.upper) {
            (None, None) => report.error(
                "missing-key",
                "cap",
                "`cap` bounds nothing",
                "add `lower` or `upper`",
            ),
            (Some(lower), Some(upper)) if lower >= upper => {
                let message =
                    format!("the lower bound {lower} is not below the upper bound {upper}");
                report.error("out-of-range", "cap", message, "swap them, or remove one");
            }
            _ => {}
        }
    }
    if let Some(window) = &metric.window
        && let Some(to) = window.to
    {
        let from_seconds = window.from.map_or(0, |from| from.nominal_seconds());
        if from_seconds >= to.nominal_seconds() {
            let from = window
                .from
                .map_or_else(|| "exposure".to_owned(), |from| from.to_string());
            let message =
                format!("the window ends at {to}, which is not after its start at {from}");
            report.error(
                "out-of-range",
                "window/to",
                message,
                "`to` must be later than `from`",
            );
        }
    }
}

fn check_ratio(metric: &Metric, all: &Documents<'_>, report: &mut Report<'_>) {
    report.need(&["numerator", "denominator"], "a ratio");
    let why = "a ratio is made of two metrics; set this on the metric above or below the line";
    report.forbid(&["fact", "value", "where", "window", "cap", "absent"], why);
    let parts = [
        ("numerator", &metric.numerator),
        ("denominator", &metric.denominator),
    ];
    for (key, part) in parts {
        let part = part.as_deref().and_then(|name| all.metrics.get(name));
        if part.is_some_and(|part| part.aggregate == Aggregate::Ratio) {
            let message = format!("the {key} of a ratio cannot be a ratio itself");
            report.error(
                "metric",
                key,
                message,
                "name a metric that is made of a fact",
            );
        }
    }
}

fn check_aggregate(metric: &Metric, all: &Documents<'_>, report: &mut Report<'_>) {
    report.forbid(
        &["numerator", "denominator"],
        "this goes with `aggregate: ratio`",
    );
    report.need(&["fact"], "a metric");
    match metric.aggregate {
        Aggregate::Count | Aggregate::Any => {
            let why = "`count` and `any` look at rows, not at a value; use `where` to choose rows";
            report.forbid(&["value"], why);
        }
        _ => report.need(&["value"], "this aggregate"),
    }
    match (metric.aggregate, metric.unit) {
        (Aggregate::Count | Aggregate::CountDistinct | Aggregate::Any, Unit::Money) => {
            let help = "leave `unit` out, or aggregate a value";
            report.error("metric", "unit", "a number of rows is not money", help);
        }
        (Aggregate::Count | Aggregate::CountDistinct, Unit::Share) => {
            let help = "use `aggregate: any` for whether there is a row, or another unit";
            report.error("metric", "unit", "a number of rows is not 0 or 1", help);
        }
        _ => {}
    }
    if metric.window.is_some()
        && let Some(fact) = all.fact_of(metric).filter(|fact| fact.time.is_none())
    {
        let message = format!(
            "a window needs the time of each row, and the fact `{}` has none",
            fact.name
        );
        report.error(
            "needs-time",
            "window",
            message,
            "name the column with `time` in the fact, or remove the window",
        );
    }
}
