//! Rules of sources, and of what takes rows from them.

use super::Report;
use crate::location::Location;
use crate::model::{Format, Source};

/// How the URLs begin that can be read.
const SCHEMES: [&str; 7] = [
    "https",
    "http",
    "s3",
    "s3a",
    "s3n",
    "postgres",
    "postgresql",
];

/// The location is missing where the path could not be resolved, which is reported elsewhere.
pub(super) fn check(source: &Source, location: Option<&Location>, report: &mut Report<'_>) {
    let is_database = location.is_some_and(Location::is_database);
    if let Some(scheme) = location
        .and_then(Location::scheme)
        .filter(|scheme| !SCHEMES.contains(scheme))
    {
        report.error(
            "unknown-value",
            "path",
            format!("what is behind `{scheme}://` cannot be read"),
            "name files on this machine, or a URL that begins with https, http, s3 (also for other services that speak \
             S3, with AWS_ENDPOINT_URL) or postgres",
        );
        return;
    }
    match (&source.path, &source.table) {
        (None, None) => {
            let message =
                "a source needs `path` (a file, folder, glob or URL) or `table` (of the lake)";
            report.error("missing-key", "", message, "add one of the two");
        }
        (Some(_), None) if is_database => {
            report.error(
                "missing-key",
                "path",
                "a database has many tables",
                "name one with `table`",
            );
        }
        (Some(_), Some(_)) if location.is_some() && !is_database => {
            let why = "`table` goes with the URL of a database in `path`, or stands alone for a table of the lake";
            report.forbid(&["table"], why);
        }
        _ => {}
    }

    let is_table = source.table.is_some();
    let format = source
        .format
        .or_else(|| Format::of_path(&location?.to_string()));
    if is_table {
        report.forbid(
            &["format", "types"],
            "this says how files are read, not tables",
        );
    }
    if is_table || format.is_some_and(|format| format != Format::Csv) {
        report.forbid(
            &["delimiter"],
            "only csv files have a column separator to choose",
        );
    }
    if is_table || format.is_some_and(|format| !matches!(format, Format::Csv | Format::Tsv)) {
        report.forbid(&["columns", "null_values"], "this is for csv and tsv files");
    }
    if is_table
        || format.is_some_and(|format| !matches!(format, Format::Csv | Format::Tsv | Format::Xlsx))
    {
        report.forbid(&["header"], "this is for csv, tsv and xlsx files");
    }
    if is_table || format.is_some_and(|format| format != Format::Xlsx) {
        report.forbid(&["sheet"], "only xlsx files have sheets");
    }
    if let Some(delimiter) = source
        .delimiter
        .as_ref()
        .filter(|text| text.chars().count() != 1)
    {
        let message = format!(
            "`delimiter` is one character, not {}",
            delimiter.chars().count()
        );
        report.error(
            "out-of-range",
            "delimiter",
            message,
            "write \"\\t\" in double quotes for a tab",
        );
    }
    let columns = source.columns.as_deref().unwrap_or_default();
    report.unique(
        "columns",
        columns.iter().map(|column| column.to_lowercase()),
    );
}

/// Facts and audiences take their rows from a source or from SQL.
pub(super) fn check_rows(kind: &str, has_source: bool, has_sql: bool, report: &mut Report<'_>) {
    match (has_source, has_sql) {
        (true, true) => {
            let message = format!("the {kind} has both `source` and `sql`");
            report.error("misplaced-key", "sql", message, "remove one of the two");
        }
        (false, false) => {
            let message = format!(
                "the {kind} needs `source` (the name of one) or `sql` (a SELECT over sources)"
            );
            report.error("missing-key", "", message, "add one of the two");
        }
        _ => {}
    }
}
