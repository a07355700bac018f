//! How a CSV file is laid out, found out once and then prescribed to the engine.
//!
//! The engine's own detection is lenient where a file is damaged: it takes another separator, skips lines at the top,
//! takes `#` for comments. What it is told it keeps to, and names the line that does not fit.

use std::path::PathBuf;

use catalog::{Format, Source};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::error::LakeError;
use crate::lake::Column;
use crate::layout::{Damaged, Settled, declared_type, paths};
use crate::message::excerpt;
use crate::sql;
use crate::typing::{Found, TextColumn, types_of};

/// What separates columns, the more usual first.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// A text that separates nothing: it makes the engine's CSV reader yield whole lines.
const NO_DELIMITER: &str = "\u{1}\u{2}\u{3}\u{4}";

/// The longest line that is read, in bytes.
const LONGEST_LINE: usize = 64 << 20;

/// The layout of CSV files: RFC 4180 with one separator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CsvLayout {
    delimiter: String,
    header: bool,
    null_values: Vec<String>,
    pub(crate) columns: Vec<Column>,
}

impl CsvLayout {
    /// The layout that all of `files` have; `settled` are types of columns that are known already.
    pub(crate) fn detect(
        engine: &Engine,
        source: &Source,
        format: Format,
        files: &[PathBuf],
        settled: &Settled,
    ) -> Result<Self, LakeError> {
        let refused = |message: String| LakeError::source(&source.name, message);
        let Some(first) = files.first() else {
            return Err(refused("no files".to_owned()));
        };
        let first_line = first_line(engine, source, first)?;
        let delimiter = match (&source.delimiter, format) {
            (Some(delimiter), _) => delimiter.clone(),
            (None, Format::Tsv) => "\t".to_owned(),
            _ => delimiter_of(&first_line).to_string(),
        };
        let fields = fields_of(&first_line, &delimiter).ok_or_else(|| {
            refused(format!(
                "{}, line 1: a quote is not closed",
                first.display()
            ))
        })?;
        let header = source
            .header
            .unwrap_or_else(|| source.columns.is_none() && is_header(&fields));
        let names = names_of(source, first, &fields, header)?;
        for file in &files[1..] {
            let line = self::first_line(engine, source, file)?;
            let is_alike = if header {
                line == first_line
            } else {
                fields_of(&line, &delimiter).is_some_and(|others| others.len() == fields.len())
            };
            if !is_alike {
                return Err(refused(format!(
                    "{}: its first line `{}` does not fit that of {}, `{}`: files of one source need the same columns \
                     in the same order",
                    file.display(),
                    excerpt(&line),
                    first.display(),
                    excerpt(&first_line)
                )));
            }
        }
        let mut layout = Self {
            delimiter,
            header,
            null_values: source.null_values.clone(),
            columns: names
                .iter()
                .map(|name| Column {
                    name: name.clone(),
                    type_name: "VARCHAR".to_owned(),
                })
                .collect(),
        };
        layout.find_types(engine, source, files, settled)?;
        Ok(layout)
    }

    fn find_types(
        &mut self,
        engine: &Engine,
        source: &Source,
        files: &[PathBuf],
        settled: &Settled,
    ) -> Result<(), LakeError> {
        let texts: Vec<TextColumn> = self
            .columns
            .iter()
            .map(|column| TextColumn {
                name: column.name.clone(),
                settled: settled.type_of(&column.name).map(str::to_owned),
            })
            .collect();
        // Damaged lines are the reader's matter.
        let relation = self.call(files, ", ignore_errors = true");
        let found = types_of(engine, &relation, &texts, true)
            .map_err(|error| error.of_source(&source.name))?;
        let as_text = self.clone();
        for (column, found) in self.columns.iter_mut().zip(found) {
            match found {
                Found::Type(type_name) => column.type_name = type_name,
                Found::Odd { type_name, value } => {
                    let place = as_text.place_of(engine, files, &column.name, &value)?;
                    return Err(odd_value(
                        source,
                        &column.name,
                        &type_name,
                        &value,
                        &place,
                        settled,
                    ));
                }
            }
        }
        Ok(())
    }

    /// The file and line of the first record in which `column` is `value`.
    fn place_of(
        &self,
        engine: &Engine,
        files: &[PathBuf],
        column: &str,
        value: &str,
    ) -> Result<String, LakeError> {
        for file in files {
            let query = format!(
                "SELECT min(line)::BIGINT FROM (SELECT row_number() OVER () + {} AS line, {name} FROM {}) \
                 WHERE {name} = {}",
                i32::from(self.header),
                self.call(std::slice::from_ref(file), ", ignore_errors = true"),
                sql::text(value),
                name = sql::identifier(column),
            );
            let line: Option<i64> = engine.value(&query, "cannot find a value")?;
            if let Some(line) = line {
                return Ok(format!("{}, line {line}", file.display()));
            }
        }
        Ok(String::new())
    }

    /// The rows of `files`, which have this layout.
    pub(crate) fn rows(&self, files: &[PathBuf], damaged: Damaged) -> String {
        let options = match damaged {
            Damaged::Fail => "",
            Damaged::SetAside => ", store_rejects = true, rejects_limit = 0",
        };
        format!("SELECT * FROM {}", self.call(files, options))
    }

    fn call(&self, files: &[PathBuf], options: &str) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| {
                format!(
                    "{}: {}",
                    sql::text(&column.name),
                    sql::text(&column.type_name)
                )
            })
            .collect();
        // The empty text stays a missing value beside the declared ones.
        let nulls = [""]
            .into_iter()
            .chain(self.null_values.iter().map(String::as_str));
        format!(
            "read_csv({}, auto_detect = false, columns = {{{}}}, header = {}, delim = {}, quote = '\"', escape = '\"', \
             comment = '', nullstr = {}{options})",
            paths(files),
            columns.join(", "),
            self.header,
            sql::text(&self.delimiter),
            sql::texts(nulls),
        )
    }
}

/// A relation with the lines of a text file, in the column `text`.
pub(crate) fn lines_of(file: &std::path::Path, options: &str) -> String {
    format!(
        "read_csv({}, auto_detect = false, columns = {{'text': 'VARCHAR'}}, header = false, delim = '{NO_DELIMITER}', \
         quote = '', escape = '', comment = '', max_line_size = {LONGEST_LINE}{options})",
        sql::text(&file.to_string_lossy())
    )
}

fn first_line(
    engine: &Engine,
    source: &Source,
    file: &std::path::Path,
) -> Result<String, LakeError> {
    let read = |options: &str| {
        let query = format!("SELECT text FROM {} LIMIT 1", lines_of(file, options));
        engine.rows(&query, "cannot read the first line", |row| {
            row.get::<_, Option<String>>(0)
        })
    };
    let lines = match read("") {
        // Damage further down is the reader's matter.
        Err(LakeError::Engine { message, .. }) if !message.contains(", line 1:") => {
            read(", ignore_errors = true").map_err(|error| error.of_source(&source.name))?
        }
        lines => lines.map_err(|error| error.of_source(&source.name))?,
    };
    match lines.into_iter().next() {
        Some(Some(line)) => Ok(line),
        Some(None) => Err(LakeError::source(
            &source.name,
            format!(
                "{}: its first line is empty: the first line must name the columns or hold values",
                file.display()
            ),
        )),
        None => Err(LakeError::source(
            &source.name,
            format!("{}: the file is empty", file.display()),
        )),
    }
}

/// The separator that the first line has most of.
fn delimiter_of(first_line: &str) -> char {
    let count = |delimiter: char| {
        let mut is_quoted = false;
        first_line
            .chars()
            .filter(|c| {
                is_quoted ^= *c == '"';
                !is_quoted && *c == delimiter
            })
            .count()
    };
    // Of equals, `max_by_key` takes the last.
    DELIMITERS
        .into_iter()
        .rev()
        .max_by_key(|delimiter| count(*delimiter))
        .unwrap_or(',')
}

/// The fields of a line by RFC 4180; none where a quote is not closed.
fn fields_of(line: &str, delimiter: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            let mut quoted = quoted;
            loop {
                let (text, after) = quoted.split_once('"')?;
                field.push_str(text);
                match after.strip_prefix('"') {
                    Some(after) => {
                        field.push('"');
                        quoted = after;
                    }
                    None => {
                        rest = after;
                        break;
                    }
                }
            }
            fields.push(field);
            match rest.find(delimiter) {
                Some(end) => rest = &rest[end + delimiter.len()..],
                None => return Some(fields),
            }
        } else {
            match rest.split_once(delimiter) {
                Some((field, after)) => {
                    fields.push(field.to_owned());
                    rest = after;
                }
                None => {
                    fields.push(rest.to_owned());
                    return Some(fields);
                }
            }
        }
    }
}

/// A first line names the columns unless it holds a number, a date or a truth value.
fn is_header(fields: &[String]) -> bool {
    let is_date = |text: &str| {
        let shape = text
            .chars()
            .take(10)
            .map(|c| if c.is_ascii_digit() { '0' } else { c });
        shape.eq("0000-00-00".chars())
    };
    !fields.iter().map(|field| field.trim()).any(|field| {
        field.parse::<f64>().is_ok()
            || is_date(field)
            || ["true", "false"].contains(&field.to_lowercase().as_str())
    })
}

fn names_of(
    source: &Source,
    file: &std::path::Path,
    fields: &[String],
    header: bool,
) -> Result<Vec<String>, LakeError> {
    let refused = |message: String| Err(LakeError::source(&source.name, message));
    if let Some(columns) = source
        .columns
        .as_ref()
        .filter(|columns| columns.len() != fields.len())
    {
        return refused(format!(
            "`columns:` names {} columns, and the first line of {} has {}",
            columns.len(),
            file.display(),
            fields.len()
        ));
    }
    let names: Vec<String> = match &source.columns {
        Some(columns) => columns.clone(),
        // A column without a name, such as the row numbers that some programs write first, is called by its position.
        None => fields
            .iter()
            .enumerate()
            .map(|(index, field)| match field.trim() {
                name if header && !name.is_empty() => name.to_owned(),
                _ => format!("column{index}"),
            })
            .collect(),
    };
    let mut sorted: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    sorted.sort();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return refused(format!(
            "{}, line 1: two columns are called `{}`: name them under `columns:`, with `header: true`",
            file.display(),
            twice[0]
        ));
    }
    if let Some(unknown) = source
        .types
        .keys()
        .find(|typed| !sorted.contains(&typed.to_lowercase()))
    {
        return refused(format!(
            "`types:` names the column `{unknown}`, and the file has {}",
            names.join(", ")
        ));
    }
    Ok(names)
}

fn odd_value(
    source: &Source,
    column: &str,
    type_name: &str,
    value: &str,
    place: &str,
    settled: &Settled,
) -> LakeError {
    let shown = excerpt(value);
    let why = if declared_type(source, column).is_some() {
        format!("`{shown}` would be changed by the declared type {type_name}: declare another type")
    } else if settled.type_of(column).is_some() {
        format!(
            "`{shown}` does not fit {type_name}, as which the column was imported before: \
             declare the type for all of them"
        )
    } else {
        format!(
            "`{shown}` does not fit the values above it, which are {type_name}: declare the column's type"
        )
    };
    LakeError::source(
        &source.name,
        format!("{place}: column `{column}`: {why}, such as `types: {{ {column}: VARCHAR }}`"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Vec<String> {
        fields_of(line, ",").unwrap()
    }

    #[test]
    fn fields_follow_rfc_4180() {
        assert_eq!(fields("a,b,c"), ["a", "b", "c"]);
        assert_eq!(fields("a,,"), ["a", "", ""]);
        assert_eq!(
            fields(r#""a,b","say ""hi""",c"#),
            ["a,b", "say \"hi\"", "c"]
        );
        assert_eq!(fields(r#"5" pipe,x"#), ["5\" pipe", "x"]);
        assert_eq!(fields_of(r#"a,"b"#, ","), None);
    }

    #[test]
    fn the_separator_is_what_the_first_line_has_most_of() {
        assert_eq!(delimiter_of("id,name"), ',');
        assert_eq!(delimiter_of("id;\"a,b,c\";name"), ';');
        assert_eq!(delimiter_of("id\tname"), '\t');
        assert_eq!(delimiter_of("id"), ',');
        assert_eq!(delimiter_of("a;b,c"), ',');
    }

    #[test]
    fn a_first_line_with_values_is_no_header() {
        assert!(is_header(&fields("id,name")));
        assert!(is_header(&fields(",id,name")));
        for values in [
            "1,a",
            "a,2024-01-02",
            "a,2024-01-02T10:00:00Z",
            "x,TRUE",
            "a,-1.5e3",
        ] {
            assert!(!is_header(&fields(values)), "{values}");
        }
    }
}
