//! Rules of metrics.

use super::{Documents, Report};
use crate::model::{Aggregate, Cap, Metric, Unit, Window};

pub(super) fn check(metric: &Metric, all: &Documents<'_>, report: &mut Report<'_>) {
    match metric.aggregate {
        Aggregate::Ratio => check_ratio(metric, all, report),
        Aggregate::Quantile if metric.of.is_some() => check_quantile_of(metric, all, report),
        _ => check_aggregate(metric, all, report),
    }
    check_shape(metric, report);
    if metric.unit != Unit::Money {
        report.forbid(&["margin"], "only a metric with `unit: money` has a margin");
    }
    if let Some(cap) = &metric.cap {
        check_cap(cap, report);
    }
    if let Some(window) = &metric.window {
        check_window(window, report);
    }
}

/// The keys of quantiles and funnels stand there and nowhere else.
fn check_shape(metric: &Metric, report: &mut Report<'_>) {
    if metric.aggregate == Aggregate::Quantile {
        report.need(&["quantile"], "a quantile");
        if metric.unit == Unit::Share {
            let help = "leave `unit` out";
            report.error("metric", "unit", "a quantile is no share", help);
        }
        let why = "a quantile of rows has no value for each customer";
        report.forbid(&["cap", "absent"], why);
    } else {
        report.forbid(&["quantile", "of"], "this goes with `aggregate: quantile`");
    }
    if metric.aggregate == Aggregate::Funnel {
        check_steps(metric, report);
    } else {
        report.forbid(&["steps"], "this goes with `aggregate: funnel`");
    }
}

fn check_steps(metric: &Metric, report: &mut Report<'_>) {
    if metric.steps.len() < 2 {
        let help = "for whether one thing was done, use `aggregate: any` with `where`";
        report.error(
            "too-few",
            "steps",
            "a funnel has at least two `steps`",
            help,
        );
    }
    report.unique("steps", metric.steps.iter().map(|step| step.name.clone()));
    if !matches!(metric.unit, Unit::Share | Unit::Number) {
        let help = "leave `unit` out, or write `unit: share`";
        report.error("metric", "unit", "a funnel gives a share", help);
    }
    let why = "a funnel is 0 or 1 for each customer";
    report.forbid(&["cap", "absent"], why);
}

fn check_cap(cap: &Cap, report: &mut Report<'_>) {
    let bounds = [
        ("lower", cap.lower, "lower_percentile", cap.lower_percentile),
        ("upper", cap.upper, "upper_percentile", cap.upper_percentile),
    ];
    if bounds
        .iter()
        .all(|(_, value, _, percentile)| value.is_none() && percentile.is_none())
    {
        report.error(
            "missing-key",
            "cap",
            "`cap` bounds nothing",
            "add `lower`, `upper`, `lower_percentile` or `upper_percentile`",
        );
    }
    for (key, value, percentile_key, percentile) in bounds {
        if value.is_some() && percentile.is_some() {
            report.clash(
                "misplaced-key",
                &format!("cap/{percentile_key}"),
                &format!("cap/{key}"),
                format!("`{key}` and `{percentile_key}` bound the same side"),
                "keep one of them",
            );
        }
    }
    let sides = [
        (cap.lower, cap.upper, "bound"),
        (cap.lower_percentile, cap.upper_percentile, "percentile"),
    ];
    for (lower, upper, what) in sides {
        if let (Some(lower), Some(upper)) = (lower, upper)
            && lower >= upper
        {
            let message = format!("the lower {what} {lower} is not below the upper {what} {upper}");
            report.error("out-of-range", "cap", message, "swap them, or remove one");
        }
    }
    if cap.nonzero && !cap.has_percentile() {
        report.error(
            "misplaced-key",
            "cap/nonzero",
            "`nonzero` says of which values percentiles are, and there are none",
            "add `upper_percentile`, or remove `nonzero`",
        );
    }
}

fn check_window(window: &Window, report: &mut Report<'_>) {
    let Some(to) = window.to else { return };
    let from_seconds = window.from.map_or(0, |from| from.nominal_seconds());
    if from_seconds >= to.nominal_seconds() {
        let from = window
            .from
            .map_or_else(|| "exposure".to_owned(), |from| from.to_string());
        let message = format!("the window ends at {to}, which is not after its start at {from}");
        report.error(
            "out-of-range",
            "window/to",
            message,
            "`to` must be later than `from`",
        );
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
        let what = match part.map(|part| part.aggregate) {
            Some(Aggregate::Ratio) => "a ratio itself",
            Some(Aggregate::Quantile) => "a quantile",
            Some(Aggregate::Funnel) => "a funnel",
            _ => continue,
        };
        let message = format!("the {key} of a ratio cannot be {what}");
        report.error(
            "metric",
            key,
            message,
            "name a metric that is made of a fact",
        );
    }
}

/// A quantile of the customers' values of another metric.
fn check_quantile_of(metric: &Metric, all: &Documents<'_>, report: &mut Report<'_>) {
    let why = "a quantile `of` a metric takes it from there; set this on that metric";
    report.forbid(&["fact", "value", "where", "window"], why);
    report.forbid(
        &["numerator", "denominator"],
        "this goes with `aggregate: ratio`",
    );
    let of = metric.of.as_deref().and_then(|name| all.metrics.get(name));
    if of.is_some_and(|of| {
        matches!(
            of.aggregate,
            Aggregate::Ratio | Aggregate::Quantile | Aggregate::Funnel
        )
    }) {
        report.error(
            "metric",
            "of",
            "only a number per customer has quantiles of customers",
            "name a metric that is made of a fact",
        );
    }
}

fn check_aggregate(metric: &Metric, all: &Documents<'_>, report: &mut Report<'_>) {
    report.forbid(
        &["numerator", "denominator"],
        "this goes with `aggregate: ratio`",
    );
    report.need(&["fact"], "a metric");
    match metric.aggregate {
        Aggregate::Count | Aggregate::Days | Aggregate::Any | Aggregate::Funnel => {
            let why = "`count`, `days`, `any` and `funnel` look at rows, not at a value; use `where` to choose rows";
            report.forbid(&["value"], why);
        }
        _ => report.need(&["value"], "this aggregate"),
    }
    let counts_rows = matches!(
        metric.aggregate,
        Aggregate::Count | Aggregate::CountDistinct | Aggregate::Days
    );
    match (metric.aggregate, metric.unit) {
        (_, Unit::Money) if counts_rows || metric.aggregate == Aggregate::Any => {
            let help = "leave `unit` out, or aggregate a value";
            report.error("metric", "unit", "a number of rows is not money", help);
        }
        (_, Unit::Share) if counts_rows => {
            let help = "use `aggregate: any` for whether there is a row, or another unit";
            report.error("metric", "unit", "a number of rows is not 0 or 1", help);
        }
        _ => {}
    }
    if metric.needs_time()
        && let Some(fact) = all.fact_of(metric).filter(|fact| fact.time.is_none())
    {
        let (what, key) = match metric.aggregate {
            _ if metric.window.is_some() => ("a window", "window"),
            Aggregate::Days => ("`days`", "aggregate"),
            _ => ("a funnel", "aggregate"),
        };
        let message = format!(
            "{what} needs the time of each row, and the fact `{}` has none",
            fact.name
        );
        report.error(
            "needs-time",
            key,
            message,
            "name the column with `time` in the fact, or use another metric",
        );
    }
}
