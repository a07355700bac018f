//! Imports and snapshots.

use ::lake::{Imported, Outcome, Snapshot};

use super::Side::{Left, Right};
use super::{Screen, Tone, finish};
use crate::format::Format;

const FORMAT: Format = Format::PLAIN;

/// What an import did with each file, and what was wrong with the lines that it set aside.
pub fn imports(imports: &[Imported], screen: Screen) -> String {
    let mut table = screen.table(
        [
            ("source", Left),
            ("file", Left),
            ("outcome", Left),
            ("rows", Right),
            ("rejected", Right),
        ],
        false,
    );
    let mut reasons = Vec::new();
    for import in imports {
        for file in &import.files {
            let (outcome, tone) = match file.outcome {
                Outcome::Added => ("added", Tone::Good),
                Outcome::Replaced => ("replaced", Tone::Caution),
                Outcome::Unchanged => ("unchanged", Tone::Quiet),
            };
            table.add_row([
                screen.cell(&import.source, Tone::Plain),
                screen.cell(file.file.display(), Tone::Plain),
                screen.cell(outcome, tone),
                screen.cell(FORMAT.count(file.rows), Tone::Plain),
                screen.cell(FORMAT.count(file.rejected), Tone::Plain),
            ]);
            let of_file = |(reason, lines): &(String, u64)| {
                format!(
                    "{}: {}: {reason}",
                    file.file.display(),
                    FORMAT.counted(*lines, "line", "lines")
                )
            };
            reasons.extend(file.reasons.iter().map(of_file));
        }
    }
    let mut text = finish(&table);
    for reason in reasons {
        text.push_str(&format!("rejected  {reason}\n"));
    }
    if let Some(snapshot) = imports.iter().map(|import| import.snapshot).max() {
        text.push_str(&format!("The lake is at snapshot {snapshot}.\n"));
    }
    text
}

/// The states of the lake that can be gone back to.
pub fn snapshots(snapshots: &[Snapshot], screen: Screen) -> String {
    let mut table = screen.table(
        [("snapshot", Right), ("time", Left), ("changes", Left)],
        true,
    );
    for snapshot in snapshots {
        table.add_row([
            screen.cell(snapshot.id, Tone::Plain),
            screen.cell(&snapshot.time, Tone::Plain),
            screen.cell(&snapshot.changes, Tone::Plain),
        ]);
    }
    finish(&table)
}
