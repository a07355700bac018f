//! Damaged lines, which an import may set aside.

use std::path::{Path, PathBuf};

use catalog::Source;

use super::{FileImport, undecoded};
use crate::error::LakeError;
use crate::jsonl;
use crate::lake::Lake;
use crate::remote::shown;
use crate::sql;

/// How many lines of the file a damaged record is, as SQL: a quote that is not closed takes lines with it.
const LINES: &str = "coalesce(length(csv_line) - length(replace(csv_line, chr(10), '')) \
     + (NOT ends_with(csv_line, chr(10)))::BIGINT, 1)";

/// Damaged lines of a file: what was wrong with how many.
#[derive(Default)]
pub(super) struct Rejects {
    pub(super) lines: u64,
    pub(super) reasons: Vec<(String, u64)>,
}

/// The file itself or, where lines of it are damaged, a copy of the others.
pub(super) fn sound_lines(
    lake: &Lake,
    source: &Source,
    file: &mut FileImport,
    number: usize,
    rejects: Option<&Path>,
) -> Result<PathBuf, LakeError> {
    jsonl::list_damaged(&lake.engine, source, &file.path)?;
    file.rejects = take_rejects(lake, source, &file.path, rejects)?;
    if file.rejects.lines == 0 {
        return Ok(file.path.clone());
    }
    let folder = lake.engine.spill_folder();
    std::fs::create_dir_all(folder).map_err(|error| LakeError::io(folder, error))?;
    let sound = folder.join(format!("sound_{number}.jsonl"));
    jsonl::write_sound_lines(&lake.engine, source, &file.path, &sound)?;
    Ok(sound)
}

/// Counts the damaged lines that the reader listed, and keeps them if they may be set aside.
pub(super) fn take_rejects(
    lake: &Lake,
    source: &Source,
    file: &Path,
    rejects: Option<&Path>,
) -> Result<Rejects, LakeError> {
    let engine = &lake.engine;
    // One line can be wrong in several ways; it is counted by a quote that is not closed, or else by the first.
    let query = format!(
        "SELECT reason, sum(lines)::UBIGINT, min(line)::UBIGINT \
         FROM (SELECT line, max({LINES}) AS lines, \
                      coalesce(min(error_type::VARCHAR) FILTER (error_type::VARCHAR = 'UNQUOTED VALUE'), \
                               min(error_type::VARCHAR)) AS reason \
               FROM temp.reject_errors GROUP BY line) \
         GROUP BY reason ORDER BY 2 DESC, 1"
    );
    let reasons: Vec<(String, u64, u64)> =
        engine.rows(&query, "cannot count damaged lines", |row| {
            Ok((reason(&row.get::<_, String>(0)?), row.get(1)?, row.get(2)?))
        })?;
    let lines: u64 = reasons.iter().map(|(_, lines, _)| lines).sum();
    if lines > 0 && rejects.is_none() {
        let shown: Vec<String> = reasons
            .iter()
            .map(|(reason, lines, first)| match lines {
                1 => format!("line {first}: {reason}"),
                _ => format!("{lines} lines, the first of them line {first}: {reason}"),
            })
            .collect();
        return Err(LakeError::source(
            &source.name,
            format!(
                "{}: {} damaged {}; nothing was imported ({}): mend the file,{} or set such lines aside with \
                 `--rejects FILE`",
                file.display(),
                lines,
                if lines == 1 { "line" } else { "lines" },
                shown.join("; "),
                if reasons.iter().any(|(known, ..)| *known == reason("CAST")) {
                    " declare the column under `types:` where another type is meant,"
                } else {
                    ""
                }
            ),
        ));
    }
    undecoded::list(engine, file)?;
    let keep = format!(
        "INSERT INTO temp.rejected \
         SELECT DISTINCT {}, line, column_name, \
                CASE error_type::VARCHAR WHEN 'UNQUOTED VALUE' THEN {} ELSE error_message END \
                || CASE WHEN {LINES} > 1 THEN ': ' || {LINES} || ' lines of the file' ELSE '' END, \
                coalesce(undecoded.text, csv_line) \
         FROM temp.reject_errors LEFT JOIN temp.undecoded USING (line)",
        sql::text(&shown(file).to_string_lossy()),
        sql::text(&reason("UNQUOTED VALUE")),
    );
    engine.execute(&keep, "cannot keep the damaged lines")?;
    Ok(Rejects {
        lines,
        reasons: reasons
            .into_iter()
            .map(|(reason, lines, _)| (reason, lines))
            .collect(),
    })
}

/// The engine's kinds of damage in words.
fn reason(error_type: &str) -> String {
    match error_type {
        "CAST" => "a value is not of its column's type".to_owned(),
        "MISSING COLUMNS" => "too few columns".to_owned(),
        "TOO MANY COLUMNS" => "too many columns".to_owned(),
        "UNQUOTED VALUE" => "a quote is not closed".to_owned(),
        "LINE SIZE OVER MAXIMUM" => "the line is too long".to_owned(),
        "INVALID ENCODING" => "not UTF-8 text".to_owned(),
        "NOT AN OBJECT" => "not a JSON object".to_owned(),
        other => other.to_lowercase(),
    }
}
