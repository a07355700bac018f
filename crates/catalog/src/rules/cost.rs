//! Rules of costs, and of how often an initiative's effect recurs.

use rust_decimal::Decimal;

use super::{Documents, Report};
use crate::model::{Aggregate, Cost, Initiative, Per, Unit};

pub(super) fn check(cost: &Cost, all: &Documents<'_>, report: &mut Report<'_>) {
    if cost.per != Per::Month {
        report.forbid(&["months"], "this goes with `per: month`");
    }
    if cost.per == Per::Touch {
        report.need(&["fact"], "a cost per touch");
    } else {
        report.forbid(&["fact"], "this goes with `per: touch`");
    }
    if cost.per != Per::Revenue {
        report.forbid(&["metric"], "this goes with `per: revenue`");
        return;
    }
    if cost.amount > Decimal::ONE {
        let message = format!("the amount {} is more than the whole revenue", cost.amount);
        report.error(
            "out-of-range",
            "amount",
            message,
            "with `per: revenue` it is a share: 0.05 for five per cent",
        );
    }
    let metric = cost
        .metric
        .as_deref()
        .and_then(|name| all.metrics.get(name));
    if metric.is_some_and(|metric| {
        metric.unit != Unit::Money
            || matches!(metric.aggregate, Aggregate::Ratio | Aggregate::Quantile)
    }) {
        let message = "a share of revenue is taken of a sum of money, which this metric is not";
        report.error(
            "metric",
            "metric",
            message,
            "name a metric with `unit: money`, neither a ratio nor a quantile",
        );
    }
}

pub(super) fn check_recurrence(initiative: &Initiative, report: &mut Report<'_>) {
    if initiative
        .recurs
        .as_ref()
        .is_some_and(|recurs| recurs.every.count == 0)
    {
        report.error(
            "out-of-range",
            "recurs/every",
            "a round has some length",
            "write for example `1 month`",
        );
    }
}
