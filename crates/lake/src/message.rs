//! The engine's messages as people need them: what was wrong and where, in one line, without secrets.

use crate::remote::BUCKET_SCHEMES;

/// How much of a damaged line is shown.
const SHOWN_CHARACTERS: usize = 120;

/// What the engine said about a line of a CSV file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CsvError {
    pub(crate) file: Option<String>,
    pub(crate) line: u64,
    pub(crate) text: String,
    pub(crate) problem: String,
}

impl CsvError {
    /// Reads the engine's report: `CSV Error on Line: 3`, `Original Line: ...`, the problem, advice, `file = ...`.
    pub(crate) fn parse(message: &str) -> Option<Self> {
        let (_, report) = message.split_once("CSV Error on Line: ")?;
        let (line, report) = report.split_once('\n')?;
        let original = report.strip_prefix("Original Line: ").unwrap_or(report);
        // The original may span lines, where a quote is not closed; the problem is the first line that reads like one.
        let (start, problem) = PROBLEMS
            .iter()
            .filter_map(|problem| Some((original.find(problem)?, problem)))
            .min()?;
        let problem = described(
            problem,
            original[start..].lines().next().unwrap_or_default(),
        );
        Some(Self {
            file: report
                .lines()
                .find_map(|line| line.trim().strip_prefix("file = "))
                .map(str::to_owned),
            line: line.trim().parse().ok()?,
            text: original[..start].trim_end().to_owned(),
            problem,
        })
    }

    fn advice(&self) -> &'static str {
        if self.problem.contains("UTF-8") {
            "save the file as UTF-8"
        } else if self.problem.starts_with("column ") {
            "mend the line, or declare the column's type under the source's `types:`"
        } else {
            "mend the line"
        }
    }
}

impl std::fmt::Display for CsvError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}, ")?;
        }
        write!(f, "line {}: {}", self.line, self.problem)?;
        if !self.text.is_empty() {
            write!(f, ", in `{}`", excerpt(&self.text))?;
        }
        write!(f, ": {}", self.advice())
    }
}

/// What is wrong with a line, in place of the engine's description, which begins with one of [`PROBLEMS`].
fn described(problem: &str, said: &str) -> String {
    match problem {
        "Invalid unicode" => "it is not UTF-8 text".to_owned(),
        "Value with unterminated quote" => "a quote is not closed".to_owned(),
        // `Expected Number of Columns: 3 Found: 2`
        "Expected Number of Columns" => {
            let counts: Vec<&str> = said
                .split(|c: char| !c.is_ascii_digit())
                .filter(|part| !part.is_empty())
                .collect();
            match counts.as_slice() {
                // The engine stops at the first column too many.
                [expected, found] => match (expected.parse::<u64>(), found.parse::<u64>()) {
                    (Ok(wanted), Ok(met)) if met > wanted => {
                        format!("{expected} columns are expected, more than {expected} found")
                    }
                    _ => format!("{expected} columns are expected, {found} found"),
                },
                _ => decapitalized(said),
            }
        }
        // `Error when converting column "n". Could not convert string "x" to 'BIGINT'`
        "Error when converting column" => match said
            .trim_start_matches("Error when converting ")
            .split_once(". ")
        {
            Some((column, why)) => format!("{column}: {}", decapitalized(why)),
            None => decapitalized(said),
        },
        _ => decapitalized(said.trim_end_matches('.')),
    }
}

/// How the engine's descriptions of damaged lines begin.
const PROBLEMS: [&str; 6] = [
    "Expected Number of Columns",
    "Error when converting column",
    "Invalid unicode",
    "Value with unterminated quote",
    "Maximum line size",
    "The CSV Parser state machine",
];

/// Where the engine goes over from what happened to advice about its own options.
const ADVICE: [&str; 11] = [
    "\nPossible ",
    "\n\nLINE ",
    "\nLINE ",
    "\nThis can happen ",
    "\nThis type was ",
    "\nTry ",
    " Try auto-detecting",
    "\nIf you are trying",
    "\nThe search space used was",
    "\n  file = ",
    "\nColumn with name:",
];

/// A message of the engine, reduced to what happened.
pub(crate) fn reduced(message: &str) -> String {
    if let Some(error) = CsvError::parse(message) {
        return without_secrets(&error.to_string());
    }
    let end = ADVICE
        .iter()
        .filter_map(|advice| message.find(advice))
        .min()
        .unwrap_or(message.len());
    let (kind, said) = without_kind(&message[..end]);
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let mut said = decapitalized(lines.join("; ").trim_end_matches(['.', ':']));
    if kind == "Out of Memory" {
        said = format!(
            "out of memory: {said}: give the engine more `memory` or fewer `threads` in touchstone.yaml"
        );
    } else if said.contains("decompression failure") {
        said.push_str(": the file is damaged: copy it again, whole");
    } else if said.contains("state machine reached an invalid state") {
        "a quote is not closed, or the lines end in different ways (CRLF and LF): write the file anew with one of them"
            .clone_into(&mut said);
    }
    without_secrets(&said)
}

/// The column that a message of the engine says is not there.
///
/// ```
/// let message = "cannot read: referenced column \"spnd\" not found in FROM clause!; Candidate bindings: \"spend\"";
/// assert_eq!(lake::unknown_column(message), Some("spnd"));
/// assert_eq!(lake::unknown_column("cannot read: syntax error"), None);
/// ```
#[must_use]
pub fn unknown_column(message: &str) -> Option<&str> {
    let (_, after) = message.split_once("referenced column \"")?;
    let (column, said) = after.split_once('"')?;
    said.starts_with(" not found").then_some(column)
}

/// Takes `Binder Error: ` and the like from the front of a message, and says which it was.
fn without_kind(message: &str) -> (&str, &str) {
    match message.split_once(" Error: ") {
        Some((kind, said)) if kind.chars().all(|c| c.is_ascii_alphabetic() || c == ' ') => {
            (kind, said)
        }
        _ => ("", message),
    }
}

/// Begins in lower case, unless the first word is a name or an acronym.
fn decapitalized(text: &str) -> String {
    let mut rest = text.chars();
    match (rest.next(), rest.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(rest).collect()
        }
        _ => text.to_owned(),
    }
}

/// The beginning of a text, in one line.
pub(crate) fn excerpt(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let shown: String = line.chars().take(SHOWN_CHARACTERS).collect();
    let cut = shown.len() < text.trim_end().len();
    if cut { format!("{shown}…") } else { shown }
}

/// A text in which URLs have no password and no query, where keys and signatures stand. In the key of an object in a
/// bucket `:` and `@` are letters like others; a name of a bucket has none.
pub(crate) fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        shown.push_str(before);
        let end =
            after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>'));
        let (url, next) = after.split_at(end.unwrap_or(after.len()));
        let (place, query) = url
            .split_once('?')
            .map_or((url, None), |(place, query)| (place, Some(query)));
        let bucket = place.split('/').next().unwrap_or_default();
        let is_object = BUCKET_SCHEMES.iter().any(|scheme| shown.ends_with(scheme))
            && !bucket.contains([':', '@']);
        match place.rsplit_once('@').filter(|_| !is_object) {
            Some((user, host)) => {
                shown.push_str(user.split(':').next().unwrap_or_default());
                shown.push('@');
                shown.push_str(host);
            }
            None => shown.push_str(place),
        }
        if query.is_some() {
            shown.push_str("?…");
        }
        rest = next;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAMAGED: &str = "Invalid Input Error: CSV Error on Line: 102\nOriginal Line: 101,x\n\
        Expected Number of Columns: 3 Found: 2\nPossible fixes:\n* Disable the parser's strict mode\n\n  \
        file = orders.csv\n  delimiter = , (Set By User)\n";

    #[test]
    fn a_damaged_line_is_named() {
        assert_eq!(
            reduced(DAMAGED),
            "orders.csv, line 102: 3 columns are expected, 2 found, in `101,x`: mend the line"
        );
    }

    #[test]
    fn of_a_line_with_too_many_columns_no_wrong_number_is_said() {
        let damaged = DAMAGED
            .replace("Found: 2", "Found: 4")
            .replace("101,x", "1,2,3,4,5");
        let said = reduced(&damaged);
        assert!(
            said.contains("3 columns are expected, more than 3 found"),
            "{said}"
        );
    }

    #[test]
    fn a_value_of_another_type_is_named() {
        let message = "Conversion Error: CSV Error on Line: 3\nOriginal Line: 2,abc\n\
            Error when converting column \"n\". Could not convert string \"abc\" to 'BIGINT'\n\n\
            Column n is being converted as type BIGINT\n\n  file = a.csv\n";
        assert_eq!(
            reduced(message),
            "a.csv, line 3: column \"n\": could not convert string \"abc\" to 'BIGINT', in `2,abc`: \
             mend the line, or declare the column's type under the source's `types:`"
        );
    }

    #[test]
    fn a_line_that_spans_many_is_cut() {
        let swallowed = "x\n".repeat(1000);
        let message = format!(
            "Invalid Input Error: CSV Error on Line: 7\nOriginal Line: 1,\"{swallowed}\
             Value with unterminated quote found.\n\nPossible fixes:\n  file = a.csv\n"
        );
        assert_eq!(
            reduced(&message),
            "a.csv, line 7: a quote is not closed, in `1,\"x…`: mend the line"
        );
    }

    #[test]
    fn advice_about_the_engines_options_is_left_out() {
        let message = "Binder Error: Referenced column \"foo\" not found in FROM clause!\n\
            Candidate bindings: \"a\", \"b\"\n\nLINE 1: SELECT foo\n               ^";
        assert_eq!(
            reduced(message),
            "referenced column \"foo\" not found in FROM clause!; Candidate bindings: \"a\", \"b\""
        );
        assert_eq!(reduced("SQL went wrong"), "SQL went wrong");
    }

    #[test]
    fn secrets_are_not_shown() {
        let hidden = [
            (
                "at \"postgres://me:se@cret@db:5432/shop\": refused",
                "at \"postgres://me@db:5432/shop\": refused",
            ),
            ("postgres://db/shop?password=secret", "postgres://db/shop?…"),
            (
                "https://b.s3.amazonaws.com/a?X-Amz-Signature=secret failed",
                "https://b.s3.amazonaws.com/a?… failed",
            ),
            ("postgres://me@db/shop", "postgres://me@db/shop"),
            (
                "s3://shop/t=12:00/u@x.csv: no header",
                "s3://shop/t=12:00/u@x.csv: no header",
            ),
            ("s3://shop/u@x.csv?secret", "s3://shop/u@x.csv?…"),
            ("s3://id:se/cret@shop/a.csv", "s3://id@shop/a.csv"),
            ("no url", "no url"),
        ];
        for (text, expected) in hidden {
            assert_eq!(without_secrets(text), expected);
        }
    }
}
