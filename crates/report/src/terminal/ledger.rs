//! The ledger.

use comfy_table::Row;
use value::{Estimate, Grade, InitiativeValue, LedgerFinding, Money, Total};

use super::Side::{Left, Right};
use super::worth::worth;
use super::{Screen, Tone, finish};
use crate::format::Format;
use crate::{programmes, words};

const FORMAT: Format = Format::PLAIN;

/// What it all comes to in words, then a row an initiative and the total, then what has no number and why.
pub fn ledger(finding: &LedgerFinding, screen: Screen) -> String {
    let heading = screen.prose(&finding.project, Tone::Strong);
    let verdict = screen.prose(&words::ledger_verdict(FORMAT, finding), Tone::Plain);
    let mut parts = vec![format!("{heading}{verdict}")];
    if finding.total.is_some() {
        parts.push(returns(finding, screen));
        parts.push(requirements(finding, screen));
    }
    parts.extend(legend(finding, screen));
    parts.extend(worth(finding, screen));
    parts.extend(refused(finding, screen));
    parts.extend(programmes(finding, screen));
    parts.extend(
        finding
            .caveats
            .iter()
            .map(|caveat| screen.prose(&format!("Note: {caveat}."), Tone::Plain)),
    );
    parts.join("\n")
}

/// Increment, cost, net, and the return: columns that tie with the total.
fn returns(finding: &LedgerFinding, screen: Screen) -> String {
    let level = FORMAT.level(finding.confidence);
    let increment = format!("increment\n{level} interval");
    let roi = format!("ROI\n{level} interval");
    let initiative = format!("initiative\n({})", finding.currency);
    let headers = [
        (initiative.as_str(), Left),
        ("grade", Left),
        (&increment, Right),
        ("cost", Right),
        ("net", Right),
        (&roi, Right),
        ("P(> 0)", Right),
    ];
    let mut table = screen.table(headers, false);
    table.add_rows(
        finding
            .initiatives
            .iter()
            .filter_map(|initiative| initiative_row(initiative, screen)),
    );
    if let Some(total) = &finding.total {
        table.add_row(total_row(total, screen));
    }
    finish(&table)
}

/// None for an initiative without a number.
fn initiative_row(initiative: &InitiativeValue, screen: Screen) -> Option<Row> {
    let interval = initiative.increment_low.zip(initiative.increment_high);
    Some(Row::from([
        screen.cell(format!("{}\n \n ", initiative.name), Tone::Plain),
        screen.cell(initiative.grade.map_or("–", words::grade), Tone::Plain),
        screen.cell(with_interval(initiative.increment?, interval), Tone::Plain),
        screen.cell(FORMAT.money(initiative.cost), Tone::Plain),
        screen.cell(FORMAT.money(initiative.net?), sign(initiative.net?)),
        screen.cell(roi(initiative.roi.as_ref()), Tone::Plain),
        screen.cell(
            initiative
                .probability_positive
                .map_or_else(|| "–".to_owned(), |p| FORMAT.probability(p)),
            Tone::Plain,
        ),
    ]))
}

fn total_row(total: &Total, screen: Screen) -> Row {
    let interval = Some((total.increment_low, total.increment_high));
    Row::from([
        screen.cell("Total", Tone::Strong),
        screen.cell(words::grade(total.grade), Tone::Plain),
        screen.cell(with_interval(total.increment, interval), Tone::Strong),
        screen.cell(FORMAT.money(total.cost), Tone::Strong),
        screen.cell(FORMAT.money(total.net), sign(total.net)),
        screen.cell(roi(total.roi.as_ref()), Tone::Strong),
        screen.cell(FORMAT.probability(total.probability_positive), Tone::Plain),
    ])
}

fn sign(amount: Money) -> Tone {
    if amount.0.is_sign_negative() {
        Tone::Bad
    } else {
        Tone::Plain
    }
}

fn with_interval(amount: Money, interval: Option<(Money, Money)>) -> String {
    let interval = interval
        .map(|(low, high)| {
            format!(
                "\n{} to {}",
                FORMAT.round_money(low),
                FORMAT.round_money(high)
            )
        })
        .unwrap_or_default();
    format!("{}{interval}", FORMAT.money(amount))
}

fn roi(roi: Option<&Estimate>) -> String {
    match words::roi(FORMAT, roi) {
        Ok(shown) => format!("{}\n{}", shown.estimate, shown.interval()),
        Err(reason) => reason.to_owned(),
    }
}

/// What each initiative needs in order to pay, beside how far it reaches.
fn requirements(finding: &LedgerFinding, screen: Screen) -> String {
    let headers = [
        ("initiative", Left),
        ("customers", Right),
        ("lift", Right),
        ("break-even lift", Right),
        ("pays back", Left),
    ];
    let mut table = screen.table(headers, true);
    for initiative in finding
        .initiatives
        .iter()
        .filter(|initiative| initiative.net.is_some())
    {
        let lifts = words::measured_lifts(FORMAT, initiative);
        let lifts: Vec<String> = lifts.into_iter().map(|lift| lift.estimate).collect();
        table.add_row([
            initiative.name.clone(),
            FORMAT.count(initiative.customers),
            lifts.join("\n"),
            initiative.break_even_lift.map_or_else(
                || "–".to_owned(),
                |lift| words::break_even(FORMAT, initiative, lift),
            ),
            initiative
                .payback
                .as_ref()
                .map_or_else(|| "–".to_owned(), |payback| words::payback(FORMAT, payback)),
        ]);
    }
    finish(&table)
}

/// What the columns and the grades mean, as far as there are any.
fn legend(finding: &LedgerFinding, screen: Screen) -> Option<String> {
    let of_parts = finding.total.iter().flat_map(|total| &total.by_grade);
    let credited = finding.credit.iter().filter(|credit| credit.counts());
    let mut grades: Vec<Grade> = finding
        .initiatives
        .iter()
        .filter_map(|initiative| initiative.grade)
        .chain(of_parts.map(|(grade, _)| *grade))
        .chain(credited.map(|_| Grade::D))
        .chain(finding.beside.iter().map(|line| line.grade))
        .collect();
    grades.sort();
    grades.dedup();
    let columns = finding.total.as_ref().map(|_| {
        "P(> 0) is the probability that the increment exceeds the cost. Break-even lift is the lift per customer that \
         earns the cost."
            .to_owned()
    });
    let meanings = grades.into_iter().map(|grade| {
        format!(
            "Grade {}: {}.",
            words::grade(grade),
            words::grade_meaning(grade)
        )
    });
    let text: String = columns
        .into_iter()
        .chain(meanings)
        .map(|says| screen.prose(&says, Tone::Plain))
        .collect();
    (!text.is_empty()).then_some(text)
}

fn programmes(finding: &LedgerFinding, screen: Screen) -> Option<String> {
    let sentences = programmes::sentences(FORMAT, finding);
    if sentences.is_empty() {
        return None;
    }
    let mut text = screen.prose(&format!("{}:", programmes::TITLE), Tone::Plain);
    for sentence in sentences {
        text.push_str(&screen.prose(&format!("{sentence}."), Tone::Plain));
    }
    Some(text)
}

fn refused(finding: &LedgerFinding, screen: Screen) -> Option<String> {
    let refused = finding
        .initiatives
        .iter()
        .filter(|initiative| initiative.net.is_none());
    let lines: String = refused
        .map(|initiative| {
            let reason = words::no_number(initiative);
            let cost = FORMAT.money(initiative.cost);
            let text = format!(
                "{}: no number: {reason} (its cost of {cost} is not in the total)",
                initiative.name
            );
            screen.prose(&text, Tone::Caution)
        })
        .collect();
    (!lines.is_empty()).then_some(lines)
}
