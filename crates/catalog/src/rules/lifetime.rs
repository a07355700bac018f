//! Rules of lifetimes.

use jiff::civil::Date;

use super::{Documents, Report};
use crate::model::Lifetime;

pub(super) fn check(lifetime: &Lifetime, all: &Documents<'_>, report: &mut Report<'_>) {
    let fact = all.facts.get(lifetime.fact.as_str());
    if fact.is_some_and(|fact| fact.time.is_none()) {
        let message = format!("the fact `{}` has no time", lifetime.fact);
        let help =
            "name the column with `time` in the fact: a lifetime is made of when customers buy";
        report.error("needs-time", "fact", message, help);
    }
    check_days(lifetime, report);
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
    if lifetime.acquisition.is_some() && lifetime.customers.is_none() {
        report.need(&["customers"], "a lifetime with `acquisition`");
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
    check_name(lifetime, all, report);
}

fn check_days(lifetime: &Lifetime, report: &mut Report<'_>) {
    let mut day = |path: &str, text: &Option<String>| {
        let text = text.as_ref()?;
        let day: Option<Date> = text.parse().ok();
        if day.is_none() {
            let message = format!("`{text}` is not a day");
            report.error(
                "wrong-type",
                path,
                message,
                "write for example `2024-03-01`",
            );
        }
        day
    };
    let (from, until) = (day("from", &lifetime.from), day("until", &lifetime.until));
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
