//! Estimates beside what is true, for a simulated company.

use super::Side::{Left, Right};
use super::{Screen, Tone, finish};
use crate::format::Format;
use crate::html::TruthRow;

const FORMAT: Format = Format::PLAIN;

/// Each estimate with its interval, the truth, and whether the interval holds it; then how many do.
pub fn truth(rows: &[TruthRow], screen: Screen) -> String {
    let columns = [
        ("", Left),
        ("estimate", Right),
        ("interval", Right),
        ("truth", Right),
        ("", Left),
    ];
    let mut table = screen.table(columns, true);
    for row in rows {
        let (estimate, truth) = row.shown(FORMAT);
        let (verdict, tone) = if row.covered() {
            ("covered", Tone::Good)
        } else {
            ("missed", Tone::Caution)
        };
        table.add_row([
            screen.cell(&row.what, Tone::Plain),
            screen.cell(&estimate.estimate, Tone::Plain),
            screen.cell(estimate.interval(), Tone::Plain),
            screen.cell(truth, Tone::Strong),
            screen.cell(verdict, tone),
        ]);
    }
    let covered = rows.iter().filter(|row| row.covered()).count();
    let summary = format!(
        "{covered} of {} intervals hold the truth. An interval misses it as often as its level says: one of 95 % \
         once in twenty times.",
        rows.len()
    );
    format!("{}{}", finish(&table), screen.prose(&summary, Tone::Plain))
}
