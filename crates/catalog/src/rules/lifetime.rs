//! Rules of lifetimes.

use jiff::civil::Date;

use super::{Documents, Report};
use crate::model::Lifetime;
use crate::span::{Span, SpanUnit};

pub(super) fn check(lifetime: &Lifetime, all: &Documents<'_>, report: &mut Report<'_>) {
    let fact = all.facts.get(lifetime.fact.as_str());
    if fact.is_some_and(|fact| fact.time.is_none()) {
        let message = format!("the fact `{}` has no time", lifetime.fact);
        let help =
            "name the column with `time` in the fact: a lifetime is made of when customers buy";
        report.error("needs-time", "fact", message, help);
    }
    check_days(lifetime, report);
    check_business(lifetime, report);
    if lifetime.horizon.count == 0 {
        let help = "write for example `36 months`";
        report.error("out-of-range", "horizon", "a horizon has some length", help);
    }
    if lifetime.spend.is_none() {
        report.forbid(
            &["margin", "currency", "acquisition"],
            "this goes with `spend`; without it purchases are counted",
        );
    }
    let of_customers = [
        (lifetime.acquisition.is_some(), "acquisition"),
        (!lifetime.covariates.is_empty(), "covariates"),
        (lifetime.rollout.is_some(), "rollout"),
    ];
    for (_, key) in of_customers.iter().filter(|(is_there, _)| *is_there) {
        if lifetime.customers.is_none() {
            report.need(&["customers"], &format!("a lifetime with `{key}`"));
        }
    }
    if lifetime.experiment.is_none() {
        report.forbid(&["effect"], "this goes with `experiment`");
    }
    if let Some(experiment) = &lifetime.experiment
        && all.untimed_experiments.contains(&experiment.as_str())
    {
        let message = format!("the time of assignment of `{experiment}` is not known");
        let help = "name the column with `time` in its `assignment` or `exposure`: what customers bought since then counts";
        report.error("needs-time", "experiment", message, help);
    }
    report.unique("by", lifetime.by.iter().cloned());
    report.unique("covariates", lifetime.covariates.iter().cloned());
    report.unique("audiences", lifetime.audiences.iter().cloned());
    check_name(lifetime, all, report);
}

/// How customers buy: at any time, at opportunities, or by contract.
fn check_business(lifetime: &Lifetime, report: &mut Report<'_>) {
    let whole_days = |path: &str, span: Span, report: &mut Report<'_>| {
        if span.count == 0 || span.unit < SpanUnit::Day {
            let message = format!("`{span}` is not a number of days, weeks, months or years");
            report.error("out-of-range", path, message, "write for example `1 month`");
        }
    };
    if let Some(every) = lifetime.opportunities {
        whole_days("opportunities", every, report);
        report.forbid(
            &["model", "covariates", "experiment", "rollout", "contracts"],
            "with `opportunities` customers buy once a period or not, which is the BG/BB model alone",
        );
    }
    let Some(contracts) = &lifetime.contracts else {
        return;
    };
    whole_days("contracts/period", contracts.period, report);
    report.forbid(
        &["audiences"],
        "audiences are of customers, and with `contracts` it is contracts that are worth something: use `by`",
    );
    report.forbid(
        &["model", "covariates", "experiment", "rollout", "order"],
        "with `contracts` customers pay until they leave, which is the shifted beta-geometric model alone",
    );
    let as_of = day("contracts/as_of", &contracts.as_of, report);
    let ends = lifetime.until.as_ref().map(|until| until.parse::<Date>());
    if let (Some(as_of), Some(Ok(until))) = (as_of, ends)
        && until > as_of
    {
        let message = format!("the contracts are known until {as_of} only");
        let help = "leave `until` out, or give an earlier day";
        report.error("out-of-range", "until", message, help);
    }
}

/// The day that a text at a path is; an error where it is none.
fn day(path: &str, text: &str, report: &mut Report<'_>) -> Option<Date> {
    let day = text.parse().ok();
    if day.is_none() {
        let message = format!("`{text}` is not a day");
        let help = "write for example `2024-03-01`";
        report.error("wrong-type", path, message, help);
    }
    day
}

fn check_days(lifetime: &Lifetime, report: &mut Report<'_>) {
    let mut declared = |path: &str, text: &Option<String>| day(path, text.as_ref()?, report);
    let from = declared("from", &lifetime.from);
    let until = declared("until", &lifetime.until);
    if lifetime
        .opportunities
        .is_some_and(|every| every.unit >= SpanUnit::Month)
        && from.is_some_and(|from| from.day() > 28)
    {
        let message = "not every month has that day";
        report.error("out-of-range", "from", message, "give a day from 1 to 28");
    }
    if let (Some(from), Some(until)) = (from, until)
        && from >= until
    {
        let message = format!("there is no day from {from} until {until}");
        report.error(
            "out-of-range",
            "until",
            message,
            "`until` is the day after the last one",
        );
    }
}

fn check_name(lifetime: &Lifetime, all: &Documents<'_>, report: &mut Report<'_>) {
    let same = |name: &&str| name.eq_ignore_ascii_case(&lifetime.name);
    let taken = [
        ("an experiment", all.experiments.iter().any(same)),
        ("summaries", all.summaries.iter().any(same)),
    ];
    for (what, is_taken) in taken {
        if is_taken {
            report.error(
                "duplicate-name",
                "name",
                format!("there is {what} named `{}` too", lifetime.name),
                "rename one of them: `touchstone measure audience NAME` measures either",
            );
        }
    }
}
