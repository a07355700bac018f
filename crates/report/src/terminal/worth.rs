//! What the ledger has beside lifts: customers' lives, credit, and what is not in the total.

use value::LedgerFinding;

use super::Side::{Left, Right};
use super::{Screen, Tone, finish};
use crate::format::Format;
use crate::worth;

const FORMAT: Format = Format::PLAIN;

/// Each of the three with its title, as far as there is anything.
pub(super) fn worth(finding: &LedgerFinding, screen: Screen) -> Vec<String> {
    [
        lives(finding, screen),
        credits(finding, screen),
        beside(finding, screen),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn titled(screen: Screen, title: &str, table: &str, notes: &[String]) -> String {
    let mut text = screen.prose(&format!("{title}:"), Tone::Plain);
    text.push_str(table);
    for note in notes {
        text.push_str(&screen.prose(&format!("{note}."), Tone::Plain));
    }
    text
}

fn lives(finding: &LedgerFinding, screen: Screen) -> Option<String> {
    let lines = worth::lives(FORMAT, finding);
    if lines.is_empty() {
        return None;
    }
    let level = FORMAT.level(finding.confidence);
    let gain = format!("gain a customer\n{level} interval");
    let headers = [
        ("initiative", Left),
        ("part of life", Left),
        (&gain, Right),
        ("customers", Right),
        ("amount", Right),
        ("grade", Left),
    ];
    let mut table = screen.table(headers, false);
    for line in lines {
        table.add_row([
            line.initiative,
            line.part.to_owned(),
            format!(
                "{}\n{}",
                line.per_customer.estimate,
                line.per_customer.interval()
            ),
            line.customers,
            line.amount,
            line.grade.to_owned(),
        ]);
    }
    let notes = worth::lives_notes(FORMAT, finding);
    Some(titled(screen, worth::LIVES_TITLE, &finish(&table), &notes))
}

fn credits(finding: &LedgerFinding, screen: Screen) -> Option<String> {
    let sentence = worth::credit_sentence(FORMAT, finding)?;
    let lines = worth::credits(FORMAT, finding);
    let level = FORMAT.level(finding.confidence);
    let credit = format!("credit\n{level} interval");
    let headers = [
        ("content", Left),
        (&credit, Right),
        ("by all models", Right),
        ("cost", Right),
    ];
    let mut table = screen.table(headers, false);
    let mut notes = Vec::new();
    for line in lines {
        let credit = match line.credit {
            Ok(credit) => format!("{}\n{}", credit.estimate, credit.interval()),
            Err(reason) => {
                notes.push(format!(
                    "{}: no credit: {reason} (its cost of {} is left out)",
                    line.content, line.cost
                ));
                "–".to_owned()
            }
        };
        table.add_row([line.content, credit, line.models, line.cost]);
    }
    if let Some(line) = worth::credited(FORMAT, finding) {
        let credit = line.credit.map_or_else(
            |reason| reason,
            |credit| format!("{}\n{}", credit.estimate, credit.interval()),
        );
        table.add_row([
            screen.cell(line.content, Tone::Strong),
            screen.cell(credit, Tone::Strong),
            screen.cell(line.models, Tone::Plain),
            screen.cell(line.cost, Tone::Strong),
        ]);
    }
    notes.push(sentence);
    let table = if table.is_empty() {
        String::new()
    } else {
        finish(&table)
    };
    Some(titled(screen, worth::CREDIT_TITLE, &table, &notes))
}

fn beside(finding: &LedgerFinding, screen: Screen) -> Option<String> {
    let (lines, more) = worth::beside(FORMAT, finding);
    if lines.is_empty() {
        return None;
    }
    let level = FORMAT.level(finding.confidence);
    let amount = format!("margin\n{level} interval");
    let headers = [
        ("what", Left),
        (&amount, Right),
        ("cost", Right),
        ("grade", Left),
        ("why not in the total", Left),
    ];
    let mut table = screen.table(headers, true);
    for line in lines {
        let (amount, because) = match line.amount {
            Ok(amount) => {
                let amount = format!("{}\n{}", amount.estimate, amount.interval());
                (amount, line.because)
            }
            Err(reason) => ("–".to_owned(), format!("no answer: {reason}")),
        };
        table.add_row([
            format!("{}\n{}", line.name, line.what),
            amount,
            line.cost,
            line.grade.to_owned(),
            because,
        ]);
    }
    let notes: Vec<String> = (more > 0)
        .then(|| {
            format!(
                "{} are in the JSON",
                FORMAT.counted(more as u64, "more line", "more lines")
            )
        })
        .into_iter()
        .collect();
    Some(titled(screen, worth::BESIDE_TITLE, &finish(&table), &notes))
}
