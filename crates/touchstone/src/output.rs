//! What goes to standard output: a table for people or JSON for programs.

use std::env;
use std::io::{self, IsTerminal, Write};

use report::terminal::Screen;
use serde::Serialize;

use crate::cli::Format;
use crate::failure::Failure;

/// Prints a finding as JSON, or as what `table` makes of it.
pub(crate) fn show<T: Serialize>(
    format: Format,
    finding: &T,
    table: impl FnOnce(&T, Screen) -> String,
) -> Result<(), Failure> {
    match format {
        Format::Json => print(&report::json::to_string(finding)?),
        Format::Table => print(&table(finding, screen())),
    }
}

/// Prints a text as it is.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(Failure::Print)
}

/// The terminal's width, and colours where it has not been asked to do without. What is not a terminal gets lines that
/// are wide enough for every table.
fn screen() -> Screen {
    let stdout = console::Term::stdout();
    let is_terminal = io::stdout().is_terminal();
    let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Screen {
        width: stdout
            .size_checked()
            .map_or(120, |(_, columns)| columns.max(60)),
        color: is_terminal && !plain,
    }
}
