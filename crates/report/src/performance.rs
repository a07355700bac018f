//! What parts of the finding of content's performance rest on, in sentences for every surface.

use measure::audience::NotCounted;
use measure::content::{DropOneFinding, FatigueFinding};

use crate::format::Format;

/// What the curve of wear does not look at; empty if there is nothing.
pub(crate) fn not_in_curve(format: Format, fatigue: &FatigueFinding) -> String {
    match list(format, &fatigue.left_out) {
        list if list.is_empty() => list,
        list => format!("Not looked at: {list}."),
    }
}

/// The decisions that what would be missed rests on, and which exposures and items do not count.
pub(crate) fn decisions(format: Format, drop_one: &DropOneFinding) -> String {
    let counted = format.counted(drop_one.decisions, "decision", "decisions");
    let mut text = format!("From {counted} with a probability and candidates.");
    match list(format, &drop_one.left_out) {
        list if list.is_empty() => {}
        list => text.push_str(&format!(" Exposures that do not count: {list}.")),
    }
    if drop_one.items_left_out > 0 {
        let items = format.counted(drop_one.items_left_out, "item", "items");
        text.push_str(&format!(" {items} shown less often were not looked at."));
    }
    text
}

fn list(format: Format, left_out: &[NotCounted]) -> String {
    let reasons: Vec<String> = left_out
        .iter()
        .map(|left| format!("{} {}", format.count(left.number), left.reason))
        .collect();
    reasons.join("; ")
}
