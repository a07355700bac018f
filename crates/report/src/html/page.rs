//! The page as a whole: what comes first, and what the templates are given.

use askama::Template;
use measure::Refusal;
use measure::audience::{Severity, Verdict};
use value::{Grade, LedgerFinding, Total, check_caveat};

use super::block::{Block, Cell, Section};
use super::experiment::Experiment;
use super::forest::{self, Forest, Mark, Row};
use super::money::Money;
use super::palette::{INKS, Ink};
use super::provenance::{Provenance, provenance};
use super::{
    Report, ReportError, TruthRow, attribution, design, factorial, interaction, lifetime, overlaps,
    performance, programme, replay,
};
use crate::format::{Format, Interval};
use crate::{words, worth};

pub(super) const FORMAT: Format = Format::TYPESET;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    project: &'a str,
    currency: &'a str,
    version: &'a str,
    inks: [Ink; 7],
    verdict: String,
    cards: Vec<Card>,
    attention: Vec<Attention>,
    money: Option<Money>,
    experiments: Vec<Experiment>,
    sections: Vec<Section>,
    truth: Option<Truth>,
    grades: Vec<(&'static str, &'static str)>,
    provenance: Option<Provenance>,
}

/// A number that a manager looks for.
struct Card {
    title: &'static str,
    number: String,
    below: String,
}

/// Something that a reader must know before the numbers.
struct Attention {
    severity: &'static str,
    message: String,
}

/// A plot with what it says in words.
pub(super) struct Figure {
    /// For readers who do not see it.
    pub(super) label: String,
    pub(super) caption: String,
    pub(super) plot: Forest,
}

impl Figure {
    pub(super) fn draw(
        label: String,
        caption: &str,
        rows: &[Row],
    ) -> Result<Option<Self>, ReportError> {
        let plot = forest::draw(rows)?;
        Ok(plot.map(|plot| Self {
            label,
            caption: if plot.clipped {
                format!("{caption} An arrow: the interval goes on beyond the picture.")
            } else {
                caption.to_owned()
            },
            plot,
        }))
    }
}

/// Estimates beside the truth.
struct Truth {
    summary: String,
    rows: Vec<TruthLine>,
}

struct TruthLine {
    what: String,
    estimate: String,
    interval: String,
    truth: String,
    covered: bool,
}

pub(super) fn render(report: &Report<'_>) -> Result<String, ReportError> {
    let page = Page {
        project: report.project,
        currency: report.currency,
        version: report.version,
        inks: INKS,
        verdict: verdict(report),
        cards: cards(report),
        attention: attention(report),
        money: report.ledger.map(Money::new).transpose()?,
        experiments: report
            .lifts
            .iter()
            .enumerate()
            .map(|(number, lift)| Experiment::new(number, lift))
            .collect::<Result<_, _>>()?,
        sections: sections(report)?,
        truth: (!report.truth.is_empty()).then(|| truth(report)),
        grades: words::GRADES
            .into_iter()
            .map(|grade| (words::grade(grade), words::grade_meaning(grade)))
            .collect(),
        provenance: provenance(report),
    };
    Ok(page.render()?)
}

/// The sections of all findings but experiments, in the order of audience and content.
fn sections(report: &Report<'_>) -> Result<Vec<Section>, ReportError> {
    let mut sections = Vec::new();
    for (number, finding) in report.programmes.iter().enumerate() {
        sections.push(programme::section(number, finding)?);
    }
    sections.extend(report.overlaps.map(overlaps::section));
    for (number, finding) in report.interactions.iter().enumerate() {
        sections.push(interaction::section(number, finding));
    }
    for (number, finding) in report.replays.iter().enumerate() {
        sections.push(replay::section(number, finding));
    }
    for (number, finding) in report.designs.iter().enumerate() {
        sections.push(design::section(number, finding)?);
    }
    for (number, finding) in report.lifetimes.iter().enumerate() {
        sections.push(lifetime::section(number, finding)?);
    }
    for (number, finding) in report.attributions.iter().enumerate() {
        sections.push(attribution::section(number, finding, report.performances)?);
    }
    for (number, finding) in report.performances.iter().enumerate() {
        sections.push(performance::section(number, finding)?);
    }
    for (number, finding) in report.factorials.iter().enumerate() {
        sections.push(factorial::section(number, finding)?);
    }
    Ok(sections)
}

/// What the ledger says, else what the experiments say, else what the first finding of another kind says.
fn verdict(report: &Report<'_>) -> String {
    if let Some(ledger) = report.ledger {
        return words::ledger_verdict(FORMAT, ledger);
    }
    if !report.lifts.is_empty() {
        return experiments_verdict(report);
    }
    let others = [
        report.programmes.first().map(programme::says),
        report.lifetimes.first().map(lifetime::says),
        report.attributions.first().map(attribution::says),
        report.performances.first().map(performance::says),
        report.factorials.first().map(factorial::says),
    ];
    others
        .into_iter()
        .flatten()
        .next()
        .map_or_else(|| "Nothing is measured.".to_owned(), |says| quoted(&says))
}

/// How many experiments say what.
fn experiments_verdict(report: &Report<'_>) -> String {
    let trusted = report.lifts.iter().filter(|lift| lift.refusal.is_none());
    let verdicts: Vec<Verdict> = trusted
        .flat_map(words::deciding)
        .filter_map(|comparison| comparison.verdict)
        .collect();
    let number = |wanted| {
        verdicts
            .iter()
            .filter(|&&verdict| verdict == wanted)
            .count()
    };
    let refused = report
        .lifts
        .iter()
        .filter(|lift| lift.refusal.is_some())
        .count();
    let mut text = format!(
        "Of {} comparisons on the metrics that decide, {} are better, {} worse, {} unclear.",
        verdicts.len(),
        number(Verdict::Better),
        number(Verdict::Worse),
        number(Verdict::Unclear),
    );
    if refused > 0 {
        text.push_str(&format!(
            " Experiments on which no decision can rest: {refused}."
        ));
    }
    text
}

/// What experiments measured, and apart from it what is credited.
fn cards(report: &Report<'_>) -> Vec<Card> {
    let Some(ledger) = report.ledger else {
        return Vec::new();
    };
    let mut cards = (ledger.total.as_ref()).map_or_else(Vec::new, |total| measured(ledger, total));
    cards.extend(credited(ledger));
    cards
}

fn credited(ledger: &LedgerFinding) -> Option<Card> {
    let line = worth::credited(FORMAT, ledger)?;
    let interval = line.credit.ok()?.interval();
    let credit = ledger.credit.as_ref()?;
    Some(Card {
        title: worth::CREDITED,
        number: FORMAT.amount(credit.counted.amount, &ledger.currency),
        below: format!(
            "in no other number here: orders shared out whole, those too that would have come anyway; {} {interval}, \
             grade\u{a0}{}",
            FORMAT.level(ledger.confidence),
            words::grade(Grade::D)
        ),
    })
}

fn measured(ledger: &LedgerFinding, total: &Total) -> Vec<Card> {
    let currency = &ledger.currency;
    let level = FORMAT.level(ledger.confidence);
    let roi = words::roi(FORMAT, total.roi.as_ref());
    let mix: Vec<String> = total
        .by_grade
        .iter()
        .map(|(grade, share)| {
            format!(
                "{}\u{a0}{}",
                words::grade(*grade),
                FORMAT.percent(*share, 0)
            )
        })
        .collect();
    vec![
        Card {
            title: "Increment",
            number: FORMAT.amount(total.increment, currency),
            below: format!(
                "margin that exists only because of personalization; {level} from {} to {}",
                FORMAT.round_money(total.increment_low),
                FORMAT.round_money(total.increment_high)
            ),
        },
        Card {
            title: "Cost",
            number: FORMAT.amount(total.cost, currency),
            below: initiatives_counted(ledger),
        },
        Card {
            title: "Net",
            number: FORMAT.amount(total.net, currency),
            below: "increment less cost".to_owned(),
        },
        Card {
            title: "Return on investment",
            number: roi
                .as_ref()
                .map_or_else(|reason| (*reason).to_owned(), |roi| roi.estimate.clone()),
            below: roi.map_or_else(
                |_| String::new(),
                |roi| format!("{level} from {}", roi.interval()),
            ),
        },
        Card {
            title: "Probability that it pays",
            number: FORMAT.probability(total.probability_positive),
            below: "that the increment exceeds the cost".to_owned(),
        },
        Card {
            title: "Evidence",
            number: format!("Grade\u{a0}{}", words::grade(total.grade)),
            below: format!(
                "the weakest among the increments; amounts by grade: {}",
                mix.join(", ")
            ),
        },
    ]
}

fn initiatives_counted(ledger: &LedgerFinding) -> String {
    let counted = ledger
        .initiatives
        .iter()
        .filter(|initiative| initiative.net.is_some())
        .count();
    let initiatives = FORMAT.counted(counted as u64, "initiative", "initiatives");
    format!("of {initiatives} with a number")
}

/// Refusals, and checks that found something bad; the worst first.
fn attention(report: &Report<'_>) -> Vec<Attention> {
    let mut found: Vec<(Severity, String)> = Vec::new();
    // The ledger's caveats that are checks of experiments.
    let mut told = Vec::new();
    for lift in report.lifts {
        let name = &lift.experiment;
        if let Some(refusal) = &lift.refusal {
            found.push((
                Severity::Stop,
                format!("Experiment {name}: no decision: {}.", refusal.message),
            ));
            continue;
        }
        let bad = lift
            .checks
            .iter()
            .filter(|check| check.severity >= Severity::Warning);
        found.extend(bad.map(|check| {
            told.push(check_caveat(name, check));
            let message = words::check_message(FORMAT, check);
            (
                check.severity,
                format!(
                    "Experiment {name}, {}: {message}.",
                    words::check_name(check)
                ),
            )
        }));
    }
    found.extend(others_attention(report));
    let left_out = report.left_out.iter().cloned();
    found.extend(left_out.map(|why| (Severity::Notice, why)));
    for initiative in report.ledger.iter().flat_map(|ledger| &ledger.initiatives) {
        if initiative.net.is_none() {
            let message = format!(
                "Initiative {} has no number: {}.",
                initiative.name,
                words::no_number(initiative)
            );
            found.push((Severity::Stop, message));
        }
    }
    let caveats = report.ledger.iter().flat_map(|ledger| &ledger.caveats);
    let caveats = caveats.filter(|caveat| !told.contains(caveat));
    found.extend(caveats.map(|caveat| (Severity::Notice, format!("{caveat}."))));
    found.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
    let shown = |(severity, message): (Severity, String)| Attention {
        severity: words::severity(severity),
        message: sentence(&message),
    };
    found.into_iter().map(shown).collect()
}

/// Refusals of lifetimes, attributions, performances and factorials as a whole, checks of lifetimes and attributions that
/// found something bad, and overlapping experiments that disturb each other. Checks of factorials are those of their
/// experiments.
fn others_attention(report: &Report<'_>) -> Vec<(Severity, String)> {
    let refused = |kind: &str, name: &str, refusal: &Option<Refusal>| {
        let refusal = refusal.as_ref()?;
        let message = format!("{kind} {name}: no answer: {}.", refusal.message);
        Some((Severity::Warning, message))
    };
    let checked = |kind: &str, name: &str, severity: Severity, message: &str| {
        let bad = severity >= Severity::Warning;
        bad.then(|| (severity, format!("{kind} {name}: {message}.")))
    };
    let mut found = Vec::new();
    for finding in report.lifetimes {
        let (kind, name) = ("Lifetime", &finding.lifetime);
        found.extend(refused(kind, name, &finding.refusal));
        let checks = finding.checks.iter();
        found
            .extend(checks.filter_map(|check| checked(kind, name, check.severity, &check.message)));
    }
    for finding in report.attributions {
        let (kind, name) = ("Attribution", &finding.attribution);
        found.extend(refused(kind, name, &finding.refusal));
        let checks = finding.checks.iter();
        found
            .extend(checks.filter_map(|check| checked(kind, name, check.severity, &check.message)));
    }
    if let Some(finding) = report.overlaps {
        let bad = finding.dependent().next().is_some() || finding.disturbed().next().is_some();
        found.extend(bad.then(|| (Severity::Warning, crate::overlaps::says(FORMAT, finding))));
    }
    for finding in report.performances {
        found.extend(refused("Content", &finding.performance, &finding.refusal));
    }
    for finding in report.factorials {
        found.extend(refused("Factorial", &finding.factorial, &finding.refusal));
    }
    found
}

fn truth(report: &Report<'_>) -> Truth {
    let covered = report.truth.iter().filter(|row| row.covered()).count();
    Truth {
        summary: format!(
            "{covered} of {} intervals hold the truth.",
            report.truth.len()
        ),
        rows: report.truth.iter().map(truth_line).collect(),
    }
}

fn truth_line(row: &TruthRow) -> TruthLine {
    let (estimate, truth) = row.shown(FORMAT);
    TruthLine {
        what: row.what.clone(),
        interval: estimate.interval(),
        estimate: estimate.estimate,
        truth,
        covered: row.covered(),
    }
}

/// A sentence: its first letter a capital, with quotation marks around what it has in backticks.
pub(super) fn sentence(message: &str) -> String {
    quoted(&words::capitalized(message))
}

/// A message with quotation marks around what it has in backticks.
pub(super) fn quoted(message: &str) -> String {
    let parts = message.split('`').enumerate();
    let mark = |number| match number {
        0 => "",
        number if number % 2 == 1 => "“",
        _ => "”",
    };
    parts
        .flat_map(|(number, part)| [mark(number), part])
        .collect()
}

/// The mark of a verdict.
pub(super) fn mark(verdict: Option<Verdict>) -> Mark {
    match verdict {
        Some(Verdict::Better) => Mark::Good,
        Some(Verdict::Worse) => Mark::Bad,
        Some(Verdict::Unclear) | None => Mark::Unclear,
    }
}

/// An effect in per cent, as plots have it.
pub(super) fn percent(effect: Interval) -> Interval {
    Interval {
        estimate: 100.0 * effect.estimate,
        low: 100.0 * effect.low,
        high: 100.0 * effect.high,
    }
}
