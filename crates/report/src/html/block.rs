//! What sections of the newer findings are made of: prose, pictures and tables, rendered by one template.

use measure::audience::Severity;

use super::page::{FORMAT, quoted, sentence};
use crate::format::{Interval, Shown};
use crate::words;

/// A section of the page.
#[derive(Debug)]
pub(super) struct Section {
    /// Unique on the page.
    pub(super) id: String,
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Debug)]
pub(super) enum Block {
    /// A heading within the section.
    Title(String),
    /// What the section says in ten seconds.
    Says(String),
    Prose(String),
    /// Small and quiet: scope, how to read what stands above.
    Note(String),
    /// Why there is no number, after what it is that has none.
    Refusal {
        what: String,
        why: String,
    },
    Sentences(Vec<String>),
    Checks(Vec<Checked>),
    Picture(Picture),
    Table(Table),
    /// A table behind a line that opens it.
    Folded {
        summary: String,
        table: Table,
    },
}

/// A plot in both widths, with what it says in words.
#[derive(Debug)]
pub(super) struct Picture {
    /// For readers who do not see it.
    pub(super) label: String,
    pub(super) caption: String,
    pub(super) drawn: Drawn,
}

/// The SVG of a plot, for wide and for narrow pages.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) wide: String,
    pub(super) narrow: String,
}

/// Something that was checked.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) severity: &'static str,
    pub(super) name: String,
    pub(super) message: String,
}

/// A table with a heading in each row's first cell.
#[derive(Debug)]
pub(super) struct Table {
    /// For readers who do not see it.
    pub(super) label: String,
    pub(super) caption: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Line>,
}

/// A column's heading.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) class: &'static str,
}

/// A row of a table.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    /// Small, under the name.
    pub(super) about: String,
    pub(super) class: &'static str,
    pub(super) cells: Vec<Cell>,
}

/// A cell of a table.
#[derive(Debug)]
pub(super) enum Cell {
    Number(String),
    /// A number and, small, its interval.
    Interval(Shown),
    Words(String),
    /// A word of [`crate::words`] that has a colour.
    Verdict(&'static str, &'static str),
    /// Why there is no number.
    Reason(String),
    /// What nobody has seen yet: empty and grey, and no zero.
    Unobserved,
    /// A number on a ground that is the stronger the greater a share is, with something small under it.
    Heat {
        share: f64,
        shown: String,
        about: String,
    },
}

impl Block {
    /// A picture, where there is anything to draw.
    pub(super) fn picture(drawn: Option<Drawn>, label: String, caption: String) -> Option<Self> {
        drawn.map(|drawn| {
            Self::Picture(Picture {
                label,
                caption,
                drawn,
            })
        })
    }

    pub(super) fn refusal(what: impl Into<String>, refusal: &measure::Refusal) -> Self {
        Self::Refusal {
            what: what.into(),
            why: format!("{}.", sentence(&refusal.message)),
        }
    }
}

impl Checked {
    pub(super) fn new(severity: Severity, name: &str, message: &str) -> Self {
        Self {
            severity: words::severity(severity),
            name: name.to_owned(),
            message: format!("{}.", sentence(message)),
        }
    }
}

impl Table {
    /// A table of a row's name and columns of numbers.
    pub(super) fn new<const N: usize>(label: &str, caption: String, columns: [&str; N]) -> Self {
        let column = |(number, name): (usize, &str)| Column {
            name: name.to_owned(),
            class: if number == 0 { "" } else { "number" },
        };
        Self {
            label: label.to_owned(),
            caption,
            columns: columns.into_iter().enumerate().map(column).collect(),
            rows: Vec::new(),
        }
    }

    /// Columns of words keep to the left.
    pub(super) fn words(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        for number in columns {
            if let Some(column) = self.columns.get_mut(number) {
                column.class = "";
            }
        }
        self
    }

    pub(super) fn row(&mut self, name: impl Into<String>, cells: Vec<Cell>) -> &mut Line {
        self.rows.push(Line {
            name: name.into(),
            about: String::new(),
            class: "",
            cells,
        });
        let last = self.rows.len() - 1;
        &mut self.rows[last]
    }
}

impl Cell {
    /// The ground that a share is shown on, of six.
    pub(super) fn ground(share: &f64) -> u32 {
        (share.clamp(0.0, 1.0) * 5.0).round() as u32
    }

    /// A number, or a dash.
    pub(super) fn number(number: Option<String>) -> Self {
        Self::Number(number.unwrap_or_else(|| "–".to_owned()))
    }

    /// A number with its interval, or a dash.
    pub(super) fn interval(shown: Option<Shown>) -> Self {
        shown.map_or_else(|| Self::number(None), Self::Interval)
    }

    /// A number with its interval, or why there is none.
    pub(super) fn answer(answer: Result<Shown, String>) -> Self {
        match answer {
            Ok(shown) => Self::Interval(shown),
            Err(reason) => Self::reason(&reason),
        }
    }

    pub(super) fn count(number: u64) -> Self {
        Self::Number(FORMAT.count(number))
    }

    pub(super) fn reason(message: &str) -> Self {
        Self::Reason(quoted(message))
    }
}

/// A value per customer with its interval, without signs.
pub(super) fn level(unit: catalog::Unit, value: Interval) -> Shown {
    let half = (value.high - value.low) / 2.0;
    // A value that is known exactly still has a size.
    let uncertainty = if half > 0.0 {
        half
    } else {
        value.estimate.abs() / 10.0
    };
    let mean = |number| FORMAT.mean(unit, number, uncertainty);
    Shown {
        estimate: mean(value.estimate),
        low: mean(value.low),
        high: mean(value.high),
    }
}

/// A value per customer to three significant digits or so.
pub(super) fn number(unit: catalog::Unit, value: f64) -> String {
    FORMAT.mean(unit, value, value.abs() / 10.0)
}
