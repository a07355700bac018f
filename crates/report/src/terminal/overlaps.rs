//! Whether experiments on the same customers disturb each other.

use measure::audience::OverlapsFinding;

use super::Side::{Left, Right};
use super::{Screen, Tone, finish};
use crate::format::Format;
use crate::overlaps::{SHOWN, disturbed, notes, ordered, probability, says, verdict};

const FORMAT: Format = Format::PLAIN;

/// What pairs of experiments do to each other; those with the smallest probabilities in a table.
pub fn overlaps(finding: &OverlapsFinding, screen: Screen) -> String {
    let mut text = screen.prose("Experiments on the same customers", Tone::Strong);
    let quiet = finding.dependent().next().is_none() && finding.disturbed().next().is_none();
    let tone = if quiet { Tone::Good } else { Tone::Bad };
    text.push_str(&screen.prose(&says(FORMAT, finding), tone));
    for sentence in disturbed(FORMAT, finding) {
        text.push_str(&screen.prose(&sentence, Tone::Bad));
    }
    let pairs = ordered(finding);
    if !pairs.is_empty() {
        let mut table = screen.table(
            [
                ("experiments", Left),
                ("customers in both", Right),
                ("assignments p", Right),
                ("first’s effect p", Right),
                ("second’s effect p", Right),
                ("shown", Left),
            ],
            false,
        );
        for pair in pairs.iter().take(SHOWN) {
            let (bad, words) = verdict(finding, pair);
            let mut row = vec![
                screen.cell(pair.experiments.join(", "), Tone::Plain),
                screen.cell(FORMAT.count(pair.customers), Tone::Plain),
                screen.cell(probability(FORMAT, pair.adjusted_p), Tone::Plain),
            ];
            let effects = pair.effects.iter();
            row.extend(
                effects
                    .map(|effect| screen.cell(probability(FORMAT, effect.adjusted_p), Tone::Plain)),
            );
            row.push(screen.cell(words, if bad { Tone::Bad } else { Tone::Plain }));
            table.add_row(row);
        }
        text.push_str(&format!("\n{}", finish(&table)));
        if let Some(more @ 1..) = pairs.len().checked_sub(SHOWN) {
            let more = FORMAT.counted(more as u64, "more pair is", "more pairs are");
            text.push_str(&screen.prose(&format!("{more} in the JSON."), Tone::Quiet));
        }
    }
    for note in notes(FORMAT, finding) {
        text.push_str(&screen.prose(&note, Tone::Quiet));
    }
    text
}
