//! Blocks of the ledger beside lifts: customers' lives, credit, and what is not in the total.

use value::LedgerFinding;

use super::block::{Block, Cell, Section, Table};
use super::page::{FORMAT, quoted};
use crate::worth;

pub(super) fn section(ledger: &LedgerFinding) -> Option<Section> {
    let mut blocks = lives(ledger);
    blocks.extend(credits(ledger));
    blocks.extend(beside(ledger));
    (!blocks.is_empty()).then(|| Section {
        id: "worth".to_owned(),
        title: "Lives, credit, and what is beside the total".to_owned(),
        blocks,
    })
}

fn sentences(all: Vec<String>) -> Option<Block> {
    let quoted: Vec<String> = all.iter().map(|one| format!("{}.", quoted(one))).collect();
    (!quoted.is_empty()).then_some(Block::Sentences(quoted))
}

fn lives(ledger: &LedgerFinding) -> Vec<Block> {
    let lines = worth::lives(FORMAT, ledger);
    if lines.is_empty() {
        return Vec::new();
    }
    let caption = format!(
        "Gain a customer × customers = amount, in {}; the amounts add up to the increment. Under a gain: its {} interval.",
        ledger.currency,
        FORMAT.level(ledger.confidence)
    );
    let mut table = Table::new(
        "Customers' lives",
        caption,
        [
            "Initiative",
            "Part of life",
            "Gain a customer",
            "Customers",
            "Amount",
            "Grade",
        ],
    )
    .words([1, 5]);
    for line in lines {
        table.row(
            line.initiative,
            vec![
                Cell::Words(line.part.to_owned()),
                Cell::Interval(line.per_customer),
                Cell::Number(line.customers),
                Cell::Number(line.amount),
                Cell::Words(line.grade.to_owned()),
            ],
        );
    }
    let mut blocks = vec![
        Block::Title(worth::LIVES_TITLE.to_owned()),
        Block::Table(table),
    ];
    blocks.extend(sentences(worth::lives_notes(FORMAT, ledger)));
    blocks
}

fn credits(ledger: &LedgerFinding) -> Vec<Block> {
    let Some(sentence) = worth::credit_sentence(FORMAT, ledger) else {
        return Vec::new();
    };
    let lines = worth::credits(FORMAT, ledger);
    let caption = format!(
        "Credited margin, in {}. Under a credit: its {} interval. The cost of content without a credit is left out.",
        ledger.currency,
        FORMAT.level(ledger.confidence)
    );
    let mut table = Table::new(
        worth::CREDITED,
        caption,
        ["Content", "Credit", "By all models", "Cost"],
    );
    for line in lines.into_iter().chain(worth::credited(FORMAT, ledger)) {
        table.row(
            line.content,
            vec![
                Cell::answer(line.credit),
                Cell::Number(line.models),
                Cell::Number(line.cost),
            ],
        );
    }
    let mut blocks = vec![Block::Title(worth::CREDIT_TITLE.to_owned())];
    if !table.rows.is_empty() {
        blocks.push(Block::Table(table));
    }
    blocks.extend(sentences(vec![sentence]));
    blocks
}

fn beside(ledger: &LedgerFinding) -> Vec<Block> {
    let (lines, more) = worth::beside(FORMAT, ledger);
    if lines.is_empty() {
        return Vec::new();
    }
    let caption = format!(
        "Margin, in {}, with its {} interval below.",
        ledger.currency,
        FORMAT.level(ledger.confidence)
    );
    let mut table = Table::new(
        "Beside the total",
        caption,
        ["What", "Margin", "Cost", "Grade", "Why not in the total"],
    )
    .words([3, 4]);
    for line in lines {
        let row = table.row(
            line.name,
            vec![
                Cell::answer(line.amount),
                Cell::Number(line.cost),
                Cell::Words(line.grade.to_owned()),
                Cell::Words(quoted(&line.because)),
            ],
        );
        row.about = line.what;
    }
    let mut blocks = vec![
        Block::Title(worth::BESIDE_TITLE.to_owned()),
        Block::Table(table),
    ];
    if more > 0 {
        let lines = FORMAT.counted(more as u64, "more line", "more lines");
        blocks.push(Block::Note(format!("{lines} are in the JSON.")));
    }
    blocks
}
