//! What must hold between the keys of a document and between documents, where a schema cannot say it.

mod attribution;
mod cluster;
mod content;
mod cost;
mod counted;
mod decisions;
mod experiment;
mod factorial;
mod learned;
mod lifetime;
mod metric;
mod performance;
mod phases;
mod programme;
mod project;
mod source;
mod summaries;
mod test_plan;
mod touch;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::DateTime;

pub(crate) use self::project::check as check_project;
use crate::diagnostic::Diagnostic;
use crate::location::Location;
use crate::model::{Aggregate, Document, Fact, Metric};
use crate::schema;
use crate::yaml::Node;

/// The documents that could be read into the model, for looking one up by its name.
struct Documents<'a> {
    facts: BTreeMap<&'a str, &'a Fact>,
    metrics: BTreeMap<&'a str, &'a Metric>,
    /// The names of experiments.
    experiments: Vec<&'a str>,
    /// Those of them of which it is not known when customers were assigned.
    untimed_experiments: Vec<&'a str>,
    /// The names of summaries.
    summaries: Vec<&'a str>,
    /// The tags of initiatives.
    tags: BTreeSet<&'a str>,
}

impl<'a> Documents<'a> {
    fn new(documents: &'a [(Document, Node)]) -> Self {
        let mut facts = BTreeMap::new();
        let mut metrics = BTreeMap::new();
        let mut experiments = Vec::new();
        let mut untimed_experiments = Vec::new();
        let mut summaries = Vec::new();
        let mut tags = BTreeSet::new();
        for (document, _) in documents {
            match document {
                Document::Fact(fact) => _ = facts.entry(fact.name.as_str()).or_insert(fact),
                Document::Metric(metric) => {
                    _ = metrics.entry(metric.name.as_str()).or_insert(metric)
                }
                Document::Experiment(experiment) => {
                    experiments.push(experiment.name.as_str());
                    if !experiment::has_time(experiment) {
                        untimed_experiments.push(experiment.name.as_str());
                    }
                }
                Document::Summaries(known) => summaries.push(known.name.as_str()),
                Document::Initiative(initiative) => {
                    tags.extend(initiative.tags.iter().map(String::as_str));
                }
                _ => {}
            }
        }
        Self {
            facts,
            metrics,
            experiments,
            untimed_experiments,
            summaries,
            tags,
        }
    }

    /// The metrics that are made of facts behind a metric: itself, the two of a ratio, or that of a quantile.
    fn parts(&self, name: &str) -> Vec<&'a Metric> {
        let metric = |name: &str| self.metrics.get(name).copied();
        let Some(whole) = metric(name) else {
            return Vec::new();
        };
        match (&whole.numerator, &whole.denominator, &whole.of) {
            (Some(numerator), Some(denominator), _) => [numerator, denominator]
                .into_iter()
                .filter_map(|n| metric(n))
                .collect(),
            (_, _, Some(of)) => metric(of).into_iter().collect(),
            _ => vec![whole],
        }
    }

    fn is_quantile(&self, name: &str) -> bool {
        let metric = self.metrics.get(name);
        metric.is_some_and(|metric| metric.aggregate == Aggregate::Quantile)
    }

    fn fact_of(&self, metric: &Metric) -> Option<&'a Fact> {
        self.facts.get(metric.fact.as_deref()?).copied()
    }
}

/// Checks the rules of all documents and adds what breaks them to the diagnostics.
pub(crate) fn check(
    documents: &[(Document, Node)],
    locations: &BTreeMap<String, Location>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let all = Documents::new(documents);
    for (document, node) in documents {
        let mut report = Report { node, diagnostics };
        match document {
            Document::Source(source) => {
                source::check(source, locations.get(&source.name), &mut report)
            }
            Document::Fact(fact) => {
                source::check_rows(
                    "fact",
                    fact.source.is_some(),
                    fact.sql.is_some(),
                    &mut report,
                );
            }
            Document::Audience(audience) => {
                source::check_rows(
                    "audience",
                    audience.source.is_some(),
                    audience.sql.is_some(),
                    &mut report,
                );
            }
            Document::Metric(metric) => metric::check(metric, &all, &mut report),
            Document::Initiative(initiative) => {
                cost::check_recurrence(initiative, &mut report);
                counted::check_lifetime(initiative, documents, &mut report);
            }
            Document::Experiment(experiment) => {
                decisions::check(experiment, &all, &mut report);
                experiment::check(experiment, &all, &mut report);
                test_plan::check(experiment, &all, &mut report);
                phases::check(experiment, &mut report);
            }
            Document::Summaries(summaries) => {
                summaries::check(summaries, all.experiments.iter().copied(), &mut report)
            }
            Document::Lifetime(lifetime) => lifetime::check(lifetime, &all, &mut report),
            Document::Cost(cost) => cost::check(cost, &all, &mut report),
            Document::Content(content) => {
                content::check(content, documents, &mut report);
                counted::check_credit(content, documents, &mut report);
            }
            Document::Touch(touch) => touch::check(touch, &mut report),
            Document::Attribution(attribution) => {
                attribution::check(attribution, &all, documents, &mut report)
            }
            Document::Performance(performance) => {
                performance::check(performance, &all, documents, &mut report)
            }
            Document::Factorial(factorial) => {
                factorial::check(factorial, &all, documents, &mut report)
            }
            Document::Team(_) | Document::Channel(_) => {}
        }
    }
}

/// Adds diagnostics about one document.
struct Report<'a> {
    node: &'a Node,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Report<'_> {
    /// An error at the value of a path of keys, such as `arms/0/share`.
    fn error(
        &mut self,
        code: &'static str,
        path: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let diagnostic = Diagnostic::error(code, self.node.place_of(path), message).help(help);
        self.diagnostics.push(diagnostic);
    }

    /// A warning at the value of a path of keys.
    fn warning(
        &mut self,
        code: &'static str,
        path: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let diagnostic = Diagnostic::warning(code, self.node.place_of(path), message).help(help);
        self.diagnostics.push(diagnostic);
    }

    /// An error at a path that says again, or contradicts, what stands at another.
    fn clash(
        &mut self,
        code: &'static str,
        path: &str,
        first: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let diagnostic = Diagnostic::error(code, self.node.place_of(path), message)
            .help(help)
            .related(self.node.place_of(first), "first here");
        self.diagnostics.push(diagnostic);
    }

    /// The date or time, on the clocks of the project's time zone, that a text at a path is; an error where it is none.
    fn date(&mut self, path: &str, text: &str) -> Option<DateTime> {
        let date = text.parse().ok();
        if date.is_none() {
            let message = format!("`{text}` is not a date or time");
            let help = "write for example `2024-03-01` or `2024-03-01 18:00:00`";
            self.error("wrong-type", path, message, help);
        }
        date
    }

    /// An error for each of these keys that the document has; `why` says when they may stand.
    fn forbid(&mut self, keys: &[&str], why: &str) {
        for key in keys {
            if let Some(entry) = self.node.get(key) {
                let diagnostic = Diagnostic::error(
                    "misplaced-key",
                    &entry.place,
                    format!("`{key}` does not belong here"),
                )
                .help(why);
                self.diagnostics.push(diagnostic);
            }
        }
    }

    /// An error for each of these keys that the document lacks.
    fn need(&mut self, keys: &[&str], title: &str) {
        let kind = self.node.get("kind").and_then(|kind| kind.value.text());
        let properties = kind
            .and_then(schema::branch)
            .map(|branch| &branch["properties"]);
        for key in keys.iter().filter(|key| self.node.get(key).is_none()) {
            let description = properties.and_then(|p| schema::description(p[*key].as_object()?));
            let message = format!("{title} needs the key `{key}`");
            let diagnostic = Diagnostic::error("missing-key", &self.node.place, message)
                .maybe_help(description.map(|text| format!("`{key}`: {text}")));
            self.diagnostics.push(diagnostic);
        }
    }

    /// An error for each entry of the list at a path that stands in it before.
    fn unique(&mut self, path: &str, entries: impl Iterator<Item = String>) {
        let mut seen: Vec<String> = Vec::new();
        for (i, entry) in entries.enumerate() {
            if let Some(first) = seen.iter().position(|other| *other == entry) {
                let message = format!("`{entry}` stands in this list twice");
                let first = format!("{path}/{first}");
                self.clash(
                    "duplicate-value",
                    &format!("{path}/{i}"),
                    &first,
                    message,
                    "remove one of the two",
                );
            }
            seen.push(entry);
        }
    }
}
