//! Rules of attributions.

use super::{Documents, Report};
use crate::model::{
    AfterConversion, Attribution, Calibrating, CalibratorError, Dimension, Document, Experiment,
    LifetimeConversion,
};
use crate::names::did_you_mean;
use crate::span::Span;
use crate::yaml::Node;

pub(super) fn check(
    attribution: &Attribution,
    all: &Documents<'_>,
    documents: &[(Document, Node)],
    report: &mut Report<'_>,
) {
    report.unique("touches", attribution.touches.iter().cloned());
    check_by(attribution, report);
    check_conversion(attribution, all, report);
    check_lengths(attribution, report);
    check_channels(attribution, documents, report);
    check_experiments(attribution, documents, report);
    check_lifetime(attribution, documents, report);
}

fn check_by(attribution: &Attribution, report: &mut Report<'_>) {
    let dimensions = attribution.by.dimensions();
    if dimensions.is_empty() {
        let help = "write for example `by: channel`, or `by: [channel, content]`";
        report.error("too-few", "by", "nothing is credited", help);
    }
    let names = dimensions
        .iter()
        .map(|dimension| dimension.key().name().to_owned());
    report.unique("by", names);
}

fn check_conversion(attribution: &Attribution, all: &Documents<'_>, report: &mut Report<'_>) {
    let conversion = &attribution.conversion;
    let fact = all.facts.get(conversion.fact.as_str());
    if fact.is_some_and(|fact| fact.time.is_none()) {
        report.error(
            "needs-time",
            "conversion/fact",
            format!(
                "nobody knows when the rows of `{}` happened",
                conversion.fact
            ),
            "give the fact a `time`: a conversion is credited to what came before it",
        );
    }
}

fn check_lengths(attribution: &Attribution, report: &mut Report<'_>) {
    let mut positive = |path: &str, span: Option<Span>| {
        if span.is_some_and(|span| span.count == 0) {
            report.error(
                "out-of-range",
                path,
                "this is no time at all",
                "write for example `7 days`",
            );
        }
    };
    positive("lookback", Some(attribution.lookback));
    positive("half_life", Some(attribution.half_life));
    for (channel, window) in &attribution.windows {
        let path = format!("windows/{channel}");
        positive(&path, window.view());
        if window.click() != window.view() {
            positive(&path, window.click());
        }
    }
}

/// Channels that are named must be declared, where any are.
fn check_channels(
    attribution: &Attribution,
    documents: &[(Document, Node)],
    report: &mut Report<'_>,
) {
    let declared: Vec<&str> = documents
        .iter()
        .filter_map(|(document, _)| match document {
            Document::Channel(channel) => Some(channel.name.as_str()),
            _ => None,
        })
        .collect();
    let windows = attribution.windows.keys();
    let windows = windows.map(|channel| (format!("windows/{channel}"), channel));
    let excluded = attribution.exclude.iter().enumerate();
    let excluded = excluded.map(|(place, channel)| (format!("exclude/{place}"), channel));
    let direct = attribution.direct.iter();
    let direct = direct.map(|channel| ("direct".to_owned(), channel));
    let tested: Vec<&String> = match &attribution.experiments {
        Some(Calibrating::ByChannel(by_channel)) => by_channel.keys().collect(),
        _ => Vec::new(),
    };
    let tested = tested
        .into_iter()
        .map(|channel| (format!("experiments/{channel}"), channel));
    for (path, channel) in windows.chain(excluded).chain(direct).chain(tested) {
        if declared.is_empty() || declared.contains(&channel.as_str()) {
            continue;
        }
        let help = match did_you_mean(channel, declared.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("declare it with `kind: channel` and `name: {channel}`"),
        };
        let message = format!("there is no channel `{channel}`");
        report.error("unknown-name", &path, message, help);
    }
    if let Some(direct) = &attribution.direct
        && let Some(place) = attribution.exclude.iter().position(|e| e == direct)
    {
        report.clash(
            "attribution",
            "direct",
            &format!("exclude/{place}"),
            format!("`{direct}` is excluded, so that no model meets it"),
            "remove `direct`, or take it out of `exclude`",
        );
    }
    report.unique("exclude", attribution.exclude.iter().cloned());
}

fn check_experiments(
    attribution: &Attribution,
    documents: &[(Document, Node)],
    report: &mut Report<'_>,
) {
    if attribution.experiments.is_none() {
        return;
    }
    if attribution.by.dimensions() != [Dimension::Channel] {
        report.forbid(
            &["experiments"],
            "experiments measured what channels bring: they go with `by: channel`",
        );
        return;
    }
    let each = || documents.iter().map(|(document, _)| document);
    let mut channels: Vec<(&str, String)> = Vec::new();
    for (path, calibrator) in attribution.calibrators(each()) {
        match calibrator {
            Ok(calibrator) => {
                let channel = calibrator.channel;
                if let Some((_, first)) = channels.iter().find(|(known, _)| *known == channel) {
                    let message = format!("`{channel}` has two experiments");
                    let help = "name the one that its credit is held against";
                    report.clash("attribution", &path, first, message, help);
                }
                check_design(calibrator.experiment, &path, report);
                channels.push((channel, path));
            }
            Err(error) => {
                let help = help_for(&error, attribution, documents);
                report.error(code_of(&error), &path, error.to_string(), help);
            }
        }
    }
}

fn check_lifetime(
    attribution: &Attribution,
    documents: &[(Document, Node)],
    report: &mut Report<'_>,
) {
    let Some(credited) = &attribution.lifetime else {
        return;
    };
    let lifetime = documents.iter().find_map(|(document, _)| match document {
        Document::Lifetime(one) if one.name.eq_ignore_ascii_case(&credited.of) => Some(one),
        _ => None,
    });
    let mut unfit = |message: String, help: &str| {
        report.error("attribution", "lifetime/of", message, help);
    };
    if let Some(lifetime) = lifetime {
        let name = &lifetime.name;
        if lifetime.contracts.is_some() || lifetime.opportunities.is_some() {
            unfit(
                format!("`{name}` is not of purchases at any time"),
                "name a lifetime without `contracts` and `opportunities`",
            );
        } else if lifetime.spend.is_none() {
            unfit(
                format!("`{name}` counts purchases and predicts no margin"),
                "say with `spend` in the lifetime what a purchase brings",
            );
        }
    }
    if credited.credit == LifetimeConversion::Retention
        && attribution.after_conversion == AfterConversion::FirstOnly
    {
        report.clash(
            "attribution",
            "lifetime/credit",
            "after_conversion",
            "with `first_only` the conversion that kept a customer is not looked at",
            "write `credit: acquisition`, or another `after_conversion`",
        );
    }
}

/// Credit is held against what happened to the customers of an arm from their assignment on.
fn check_design(experiment: &Experiment, path: &str, report: &mut Report<'_>) {
    let lacking = if experiment.assignment.time.is_none() {
        Some("does not say when customers were assigned")
    } else if experiment.exposure.is_some() {
        Some("counts customers from their exposure on")
    } else {
        None
    };
    if let Some(lacking) = lacking {
        report.error(
            "attribution",
            path,
            format!("`{}` {lacking}", experiment.name),
            "credit is held against experiments that count customers from a known time of assignment on",
        );
    }
}

fn code_of(error: &CalibratorError) -> &'static str {
    match error {
        CalibratorError::NoExperiment(_) => "unknown-name",
        _ => "attribution",
    }
}

fn help_for(
    error: &CalibratorError,
    attribution: &Attribution,
    documents: &[(Document, Node)],
) -> String {
    match error {
        CalibratorError::NoExperiment(name) => {
            let names = documents.iter().filter_map(|(document, _)| match document {
                Document::Experiment(experiment) => Some(experiment.name.as_str()),
                _ => None,
            });
            match did_you_mean(name, names) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "name an experiment of this catalog".to_owned(),
            }
        }
        CalibratorError::NotOneChannel { experiment, .. } => {
            format!("say it: `experiments: {{ CHANNEL: {experiment} }}`")
        }
        CalibratorError::NotOneArm { .. } => {
            "give one arm an `initiative` in this channel, and the others none in it".to_owned()
        }
        CalibratorError::NoMetric { .. } => {
            let conversion = &attribution.conversion;
            let value = conversion
                .value
                .as_deref()
                .map_or_else(String::new, |value| {
                    format!("`aggregate: sum` of `value: {value}`, or ")
                });
            let count = conversion.order.as_deref().map_or_else(
                || "`aggregate: count`".to_owned(),
                |order| format!("`aggregate: count_distinct` of `value: {order}`"),
            );
            format!(
                "add a metric of the fact `{}` with {value}{count}, without `where` and `cap`",
                conversion.fact
            )
        }
    }
}
