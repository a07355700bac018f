//! Rules of how an experiment is to be decided.

use super::experiment::has_time;
use super::{Documents, Report};
use crate::model::{Aggregate, Experiment, Looks, TestPlan};

/// The rule's name in diagnostics.
const CODE: &str = "plan";

pub(super) fn check(experiment: &Experiment, all: &Documents<'_>, report: &mut Report<'_>) {
    if let Some(plan) = &experiment.plan {
        check_end(experiment, plan, report);
        check_interim(plan, report);
        check_futility(plan, report);
    }
    if experiment.by_day {
        check_by_day(experiment, all, report);
    }
}

/// Looking early needs to know what it is early for.
fn check_end(experiment: &Experiment, plan: &TestPlan, report: &mut Report<'_>) {
    if plan.looks != Looks::Fixed && plan.customers.is_none() {
        let looks = match plan.looks {
            Looks::Fixed => "fixed",
            Looks::Anytime => "anytime",
            Looks::GroupSequential => "group_sequential",
            Looks::Hybrid => "hybrid",
        };
        report.error(
            CODE,
            "plan",
            format!("`looks: {looks}` needs a planned end, to know how much of the information is there at a look"),
            "give the number of customers in all arms with `customers`; `touchstone plan` computes it",
        );
    }
    if plan.days.is_some() && !has_time(experiment) {
        report.error(
            "needs-time",
            "plan/days",
            "the days of intake are not known, because the experiment has no time",
            "name the column with `time` in `assignment` or `exposure`",
        );
    }
}

fn check_interim(plan: &TestPlan, report: &mut Report<'_>) {
    if plan.looks != Looks::GroupSequential {
        let help = "remove it, or write `looks: group_sequential`";
        if !plan.interim.is_empty() {
            report.error(
                CODE,
                "plan/interim",
                "only a group sequential plan lists its looks",
                help,
            );
        }
        if plan.spending.is_some() {
            report.error(
                CODE,
                "plan/spending",
                "only a group sequential plan spends alpha by a function",
                help,
            );
        }
        return;
    }
    let example = "write for example `interim: [0.25, 0.5, 0.75, 1]`";
    if plan.interim.len() < 2 {
        report.error(
            CODE,
            if plan.interim.is_empty() { "plan" } else { "plan/interim" },
            "a group sequential plan needs its looks in `interim`: at least one before the end, and the end",
            example,
        );
        return;
    }
    /// Looks closer than this share of the information tell nothing new.
    const LEAST_GROWTH: f64 = 1.001;
    for (look, &share) in plan.interim.iter().enumerate() {
        let path = format!("plan/interim/{look}");
        let before = look.checked_sub(1).map(|before| plan.interim[before]);
        if !(share > 0.0 && share <= 1.0) {
            report.error(
                CODE,
                &path,
                format!("{share} is no share of the planned customers"),
                example,
            );
        } else if before.is_some_and(|before| share < before * LEAST_GROWTH) {
            report.error(CODE, &path, "looks are listed in ascending order", example);
        }
    }
    let last = plan.interim.len() - 1;
    if (plan.interim[last] - 1.0).abs() > 0.0 {
        report.error(
            CODE,
            &format!("plan/interim/{last}"),
            "the last look is the planned end, which is the share 1",
            example,
        );
    }
}

fn check_futility(plan: &TestPlan, report: &mut Report<'_>) {
    if plan.futility && plan.looks == Looks::Fixed {
        report.error(
            CODE,
            "plan/futility",
            "a plan that looks once does not stop early for futility",
            "remove it, or choose `looks: hybrid`, `anytime` or `group_sequential`",
        );
    }
}

/// A day's part of a metric is known of sums and counts of what has a time, and of no others.
fn check_by_day(experiment: &Experiment, all: &Documents<'_>, report: &mut Report<'_>) {
    let splits = |name: &str| {
        all.metrics.get(name).is_some_and(|metric| {
            let is_timed = all.fact_of(metric).is_some_and(|fact| fact.time.is_some());
            let has_end = metric
                .window
                .as_ref()
                .is_some_and(|window| window.to.is_some());
            matches!(metric.aggregate, Aggregate::Sum | Aggregate::Count) && is_timed && has_end
        })
    };
    if !experiment.metric_names().any(splits) {
        report.error(
            CODE,
            "by_day",
            "no metric of the experiment can be taken apart by the days since exposure",
            "this takes a `sum` or `count` of a fact with a time, with `window: { to: ... }`",
        );
    }
}
