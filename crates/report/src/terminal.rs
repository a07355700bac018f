//! Findings as tables for a terminal.

mod attribution;
mod design;
mod factorial;
mod incremental;
mod interaction;
mod lake;
mod ledger;
mod lifetime;
mod lifetime_credit;
mod lifetime_states;
mod lift;
mod overlaps;
mod performance;
mod programme;
mod replay;
mod truth;
mod worth;

pub use attribution::attribution;
pub use design::design;
pub use factorial::factorial;
pub use interaction::interaction;
pub use lake::{imports, snapshots};
pub use ledger::ledger;
pub use lifetime::lifetime;
pub use lift::lift;
pub use overlaps::overlaps;
pub use performance::performance;
pub use programme::programme;
pub use replay::replay;
pub use truth::truth;

use Side::Left;
use comfy_table::presets::NOTHING;
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table,
    TableComponent,
};
use measure::audience::Severity;

/// The terminal that is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Columns of characters.
    pub width: u16,
    /// Whether colours and bold type may be used. They never say anything that words do not.
    pub color: bool,
}

/// What a piece of text means to the reader's eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Strong,
    Quiet,
    Good,
    Bad,
    Caution,
}

impl Screen {
    /// A table whose first column gives way where the screen is narrow; the last one too if it holds `prose`.
    fn table<const N: usize>(self, headers: [(&str, Side); N], prose: bool) -> Table {
        let mut table = Table::new();
        table
            .load_preset(NOTHING)
            .set_style(TableComponent::HeaderLines, '─')
            .set_style(TableComponent::MiddleHeaderIntersections, '─')
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(self.width)
            .set_header(
                headers
                    .iter()
                    .map(|(header, _)| self.cell(header, Tone::Strong)),
            );
        for (column, (_, side)) in table.column_iter_mut().zip(&headers) {
            column.set_cell_alignment(match side {
                Side::Left => CellAlignment::Left,
                Side::Right => CellAlignment::Right,
            });
            let gives_way = column.index == 0 || prose && column.index + 1 == N;
            if !gives_way {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        if self.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table
    }

    fn cell(self, text: impl ToString, tone: Tone) -> Cell {
        let cell = Cell::new(text);
        if !self.color {
            return cell;
        }
        match tone {
            Tone::Plain => cell,
            Tone::Strong => cell.add_attribute(Attribute::Bold),
            Tone::Quiet => cell.add_attribute(Attribute::Dim),
            Tone::Good => cell.fg(Color::Green),
            Tone::Bad => cell.fg(Color::Red),
            Tone::Caution => cell.fg(Color::Yellow),
        }
    }

    /// A paragraph in a tone, broken between words, that ends its line; nothing of no words.
    fn prose(self, text: &str, tone: Tone) -> String {
        if text.is_empty() {
            return String::new();
        }
        let mut paragraph = String::new();
        let mut column = 0;
        for word in text.split_whitespace() {
            let length = word.chars().count();
            if column > 0 && column + 1 + length > usize::from(self.width) {
                paragraph.push('\n');
                column = 0;
            } else if column > 0 {
                paragraph.push(' ');
                column += 1;
            }
            paragraph.push_str(word);
            column += length;
        }
        let code = match tone {
            Tone::Plain => return format!("{paragraph}\n"),
            Tone::Strong => "1",
            Tone::Quiet => "2",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Caution => "33",
        };
        if self.color {
            format!("\u{1b}[{code}m{paragraph}\u{1b}[0m\n")
        } else {
            format!("{paragraph}\n")
        }
    }
}

/// What was looked at before anything is believed: names, how bad it is, and what was found.
fn checks(
    screen: Screen,
    found: impl IntoIterator<Item = (&'static str, Severity, String)>,
) -> String {
    let mut table = screen.table(
        [("check", Left), ("", Left), ("what was found", Left)],
        true,
    );
    for (name, severity, message) in found {
        let tone = match severity {
            Severity::Fine => Tone::Good,
            Severity::Notice => Tone::Plain,
            Severity::Warning => Tone::Caution,
            Severity::Stop => Tone::Bad,
        };
        table.add_row([
            screen.cell(name, Tone::Plain),
            screen.cell(crate::words::severity(severity), tone),
            screen.cell(message, Tone::Plain),
        ]);
    }
    finish(&table)
}

/// The side that a column's text keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// The table's text, without spaces at the ends of lines.
fn finish(table: &Table) -> String {
    format!("{}\n", table.trim_fmt())
}
