//! How the command fails: with the place, what is wrong there, and the way out.

use std::io;
use std::path::PathBuf;

use catalog::{Catalog, Diagnostic, Diagnostics, LoadError, Severity, SourceFile, did_you_mean};
use miette::{GraphicalReportHandler, LabeledSpan, MietteDiagnostic, NamedSource, Report};

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Catalog(#[from] LoadError),
    #[error(transparent)]
    Seal(#[from] catalog::seal::SealError),
    #[error(transparent)]
    Lake(#[from] lake::LakeError),
    #[error(transparent)]
    Measure(#[from] measure::MeasureError),
    /// A failure for which a document of the catalog is to blame.
    #[error("{place}: {failure}")]
    Placed {
        place: catalog::Place,
        failure: Box<Self>,
    },
    #[error(transparent)]
    Simulate(#[from] simulate::SimulateError),
    #[error(transparent)]
    Report(#[from] report::html::ReportError),
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("there is no {kind} `{name}`{}", .meant.as_ref().map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default())]
    Unknown {
        kind: &'static str,
        name: String,
        meant: Option<String>,
    },
    #[error("{0}")]
    Refused(String),
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("cannot print: {0}")]
    Print(io::Error),
}

impl Failure {
    /// A name that is not among those known, with the one that may have been meant.
    pub(crate) fn unknown<'n>(
        kind: &'static str,
        name: &str,
        known: impl Iterator<Item = &'n str>,
    ) -> Self {
        Self::Unknown {
            kind,
            name: name.to_owned(),
            meant: did_you_mean(name, known).map(str::to_owned),
        }
    }

    /// The same or, where a damaged data file is behind it that nobody has named, the failure that names it.
    pub(crate) fn with_data_file(self, catalog: &Catalog) -> Self {
        let damaged = match &self {
            Self::Lake(error) | Self::Measure(measure::MeasureError::Lake(error)) => {
                lake::damaged_file(catalog, error)
            }
            _ => None,
        };
        damaged.map_or(self, Self::Lake)
    }

    /// The same, with the file and line of the document that it speaks of, where the catalog knows it.
    pub(crate) fn placed(self, catalog: &Catalog) -> Self {
        let place = match &self {
            Self::Measure(error) => error.place(),
            Self::Lake(error) => error.place(),
            _ => None,
        };
        match place.and_then(|place| catalog.place_of(&place)) {
            Some(place) => Self::Placed {
                place: place.clone(),
                failure: Box::new(self),
            },
            None => self,
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io { path, error }
    }

    /// Shows the failure on standard error.
    pub(crate) fn show(&self) {
        match self {
            // Whoever reads our output has closed it, as `head` does: nothing to complain about.
            Self::Print(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Self::Catalog(LoadError::Invalid(diagnostics)) => show_diagnostics(diagnostics),
            other => eprint(&format!("error: {other}\n")),
        }
    }
}

/// Shows errors with the lines that they are in, and how many there are. Warnings wait until the errors are mended.
fn show_diagnostics(diagnostics: &Diagnostics) {
    for diagnostic in diagnostics.errors() {
        eprint(&format!(
            "{}\n",
            pretty(diagnostic, diagnostics.file(&diagnostic.place))
        ));
    }
    let errors = diagnostics.errors().count();
    let plural = if errors == 1 { "" } else { "s" };
    eprint(&format!("{errors} error{plural}: nothing was measured\n"));
}

/// Of longer lines, in bytes, a place says more than the lines.
const LONGEST_SHOWN: usize = 1_000;

/// A diagnostic with the line that it speaks of and those around it, unless they are too long to be looked at.
pub(crate) fn pretty(diagnostic: &Diagnostic, file: Option<&SourceFile>) -> String {
    let mut shown = MietteDiagnostic::new(&diagnostic.message).with_code(diagnostic.code);
    shown = shown.with_severity(match diagnostic.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
    });
    let related = diagnostic.related.iter();
    let mut help: Vec<String> = related
        .map(|(place, label)| format!("{place}: {label}"))
        .collect();
    help.extend(diagnostic.help.clone());
    if !help.is_empty() {
        shown = shown.with_help(help.join("\n"));
    }
    let Some(file) = file else {
        return diagnostic.to_string();
    };
    let place = &diagnostic.place;
    let lines = file
        .text
        .lines()
        .skip(place.line.saturating_sub(2) as usize);
    if lines.take(3).any(|line| line.len() > LONGEST_SHOWN) {
        return diagnostic.to_string();
    }
    shown = shown.with_label(LabeledSpan::new_primary_with_span(
        None,
        (place.offset, place.length),
    ));
    let source = NamedSource::new(place.file.display().to_string(), file.text.clone());
    let report = Report::new(shown).with_source_code(source);
    let mut text = String::new();
    match GraphicalReportHandler::new()
        .with_context_lines(1)
        .render_report(&mut text, report.as_ref())
    {
        Ok(()) => text,
        Err(_) => diagnostic.to_string(),
    }
}

/// Writes to standard error; where that fails there is nobody left to tell.
pub(crate) fn eprint(text: &str) {
    use std::io::Write;
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
