//! The section on experiments that share customers.

use measure::audience::{Overlap, OverlapsFinding};

use super::block::{Block, Cell, Section, Table};
use super::page::{FORMAT, quoted};
use crate::overlaps::{SHOWN, disturbed, notes, ordered, probability, says, verdict};

/// The section of all pairs.
pub(super) fn section(finding: &OverlapsFinding) -> Section {
    let mut blocks = vec![Block::Says(says(FORMAT, finding))];
    let found = disturbed(FORMAT, finding);
    if !found.is_empty() {
        blocks.push(Block::Sentences(found));
    }
    let pairs = ordered(finding);
    let (first, more) = pairs.split_at(pairs.len().min(SHOWN));
    if !first.is_empty() {
        let caption = "The pairs with the smallest probabilities. First and second: that the effects on the primary \
                       metric of the first and of the second experiment do not depend on the other’s arms.";
        blocks.push(Block::Table(table(finding, first, caption)));
    }
    if !more.is_empty() {
        blocks.push(Block::Folded {
            summary: format!(
                "The other {}",
                FORMAT.counted(more.len() as u64, "pair", "pairs")
            ),
            table: table(finding, more, "The other pairs that share customers."),
        });
    }
    let notes = notes(FORMAT, finding);
    blocks.extend(notes.iter().map(|note| Block::Note(quoted(note))));
    Section {
        id: "overlaps".to_owned(),
        title: "Experiments on the same customers".to_owned(),
        blocks,
    }
}

fn table(finding: &OverlapsFinding, pairs: &[&Overlap], caption: &str) -> Table {
    let columns = [
        "Experiments",
        "Customers in both",
        "Assignments p",
        "First p",
        "Second p",
        "Shown",
    ];
    let mut table = Table::new(
        "Experiments on the same customers",
        caption.to_owned(),
        columns,
    )
    .words([5]);
    for pair in pairs {
        let probability = |adjusted| Cell::Number(probability(FORMAT, adjusted));
        let mut cells = vec![Cell::count(pair.customers), probability(pair.adjusted_p)];
        let effects = pair.effects.iter();
        cells.extend(effects.map(|effect| probability(effect.adjusted_p)));
        cells.push(match verdict(finding, pair) {
            (true, words) => Cell::Verdict("worse", words),
            (false, words) => Cell::Words(words.to_owned()),
        });
        table.row(pair.experiments.join(" with "), cells);
    }
    table
}
