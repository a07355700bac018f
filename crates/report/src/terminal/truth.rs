//! Estimates beside what is true, for a simulated company.

use catalog::Unit;

use super::Side::{Left, Right};
use super::{Screen, Tone, finish};
use crate::format::{Format, Interval};
use crate::html::{Scale, TruthRow};

const FORMAT: Format = Format::PLAIN;

/// Each estimate with its interval, the truth, and whether the interval holds it; then how many do.
pub fn truth(rows: &[TruthRow], screen: Screen) -> String {
    let columns = [("", Left), ("estimate", Right), ("95 % interval", Right), ("truth", Right), ("", Left)];
    let mut table = screen.table(columns, true);
    for row in rows {
        let interval = Interval { estimate: row.estimate, low: row.low, high: row.high };
        let shown = |interval| match row.scale {
            Scale::Relative => FORMAT.relative(interval),
            Scale::Absolute(unit) => FORMAT.absolute(unit, interval),
            Scale::Amount => FORMAT.absolute(Unit::Money, interval),
        };
        let estimate = shown(interval);
        // The truth is shown to the places of the estimate.
        let truth = shown(Interval { estimate: row.truth, ..interval });
        let (verdict, tone) = if row.covered() { ("covered", Tone::Good) } else { ("missed", Tone::Caution) };
        table.add_row([
            screen.cell(&row.what, Tone::Plain),
            screen.cell(&estimate.estimate, Tone::Plain),
            screen.cell(estimate.interval(), Tone::Plain),
            screen.cell(truth.estimate, Tone::Strong),
            screen.cell(verdict, tone),
        ]);
    }
    let covered = rows.iter().filter(|row| row.covered()).count();
    let summary = format!("{covered} of {} intervals hold the truth; 95 % should in the long run.", rows.len());
    format!("{}{}", finish(&table), screen.prose(&summary, Tone::Plain))
}
