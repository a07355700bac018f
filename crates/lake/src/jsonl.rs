//! JSON lines: one object a line.
//!
//! The engine's JSON reader counts lines inexactly in its errors, takes `null` for a row, and cannot list what it leaves
//! out; so damaged lines are looked for in the text.

use std::path::{Path, PathBuf};

use catalog::Source;

use crate::csv::lines_of;
use crate::engine::Engine;
use crate::error::LakeError;
use crate::lake::Column;
use crate::layout::{declared_type, described, in_file, paths};
use crate::message::excerpt;
use crate::sql;
use crate::typing::{Found, TextColumn, types_of};

/// The condition that a line is an object; parsed only where it is JSON.
const IS_OBJECT: &str = "CASE WHEN json_valid(text) THEN json_type(text) ELSE '' END = 'OBJECT'";

/// The columns of JSON lines by all of their values: keys may be missing in a line or a file.
///
/// # Errors
/// A line that is not an object; a key with values of several types, unless a type is declared for it.
pub(crate) fn columns_of(
    engine: &Engine,
    source: &Source,
    files: &[PathBuf],
) -> Result<Vec<Column>, LakeError> {
    // The reader would take `null` for a row, and one number among the objects would make all lines one column.
    let others = format!(
        "SELECT count(*)::BIGINT FROM read_ndjson_objects({}) WHERE json_type(json) <> 'OBJECT'",
        paths(files)
    );
    let others: i64 = engine
        .value(&others, "cannot read the lines")
        .map_err(|error| damage(engine, source, files, error))?;
    let keyless = || {
        let first = files.first().map(|file| file.display());
        LakeError::source(
            &source.name,
            format!(
                "{}: no line has a key: JSON lines hold one object a line",
                first.map_or_else(String::new, |file| file.to_string())
            ),
        )
    };
    if others > 0 {
        return Err(damage(engine, source, files, keyless()));
    }
    // Formats that nothing has keep the engine from guessing at dates: that is done below, by all values.
    let from = format!(
        "read_json({}, format = 'newline_delimited', sample_size = -1, union_by_name = true, dateformat = '!%Y', \
         timestampformat = '!%Y', map_inference_threshold = -1, field_appearance_threshold = 0)",
        paths(files)
    );
    let mut columns =
        described(engine, &from).map_err(|error| damage(engine, source, files, error))?;
    let is_plain = matches!(columns.as_slice(), [column] if column.name == "json" && column.type_name != "VARCHAR");
    if is_plain {
        return Err(keyless());
    }
    // Identifiers and times of day are given as they are written.
    for column in columns
        .iter_mut()
        .filter(|column| ["UUID", "TIME"].contains(&column.type_name.as_str()))
    {
        column.type_name = "VARCHAR".to_owned();
    }
    let declared = source.types.keys().filter(|name| {
        !columns
            .iter()
            .any(|column| column.name.eq_ignore_ascii_case(name))
    });
    let declared: Vec<Column> = declared
        .map(|name| Column {
            name: name.clone(),
            type_name: "VARCHAR".to_owned(),
        })
        .collect();
    columns.extend(declared);

    refuse_mixed(engine, source, files, &columns)?;
    let texts: Vec<TextColumn> = columns
        .iter()
        .filter(|column| {
            column.type_name == "VARCHAR" && declared_type(source, &column.name).is_none()
        })
        .map(|column| TextColumn {
            name: column.name.clone(),
            settled: None,
        })
        .collect();
    if !texts.is_empty() {
        let found = types_of(engine, &call(files, &columns), &texts, false)
            .map_err(|error| damage(engine, source, files, error))?;
        for (text, found) in texts.iter().zip(found) {
            // Texts that are not all dates are texts.
            if let (Found::Type(type_name), Some(column)) = (
                found,
                columns.iter_mut().find(|column| column.name == text.name),
            ) {
                column.type_name = type_name;
            }
        }
    }
    Ok(columns)
}

/// A key with numbers in some lines and texts in others would become JSON, in which `7` and `"7"` are two values.
fn refuse_mixed(
    engine: &Engine,
    source: &Source,
    files: &[PathBuf],
    columns: &[Column],
) -> Result<(), LakeError> {
    let open = columns.iter().filter(|column| {
        column.type_name == "JSON" && declared_type(source, &column.name).is_none()
    });
    for column in open {
        let name = sql::identifier(&column.name);
        let query = format!(
            "SELECT array_to_string(list_sort(list(DISTINCT CASE json_type({name}) WHEN 'VARCHAR' THEN 'texts' \
             WHEN 'BOOLEAN' THEN 'truth values' WHEN 'OBJECT' THEN 'objects' WHEN 'ARRAY' THEN 'lists' \
             ELSE 'numbers' END)), ' and ') \
             FROM {} WHERE {name} IS NOT NULL AND json_type({name}) <> 'NULL'",
            call(files, columns)
        );
        let kinds: Option<String> = engine
            .value(&query, "cannot look at the values")
            .map_err(|error| error.of_source(&source.name))?;
        if let Some(kinds) = kinds.filter(|kinds| kinds.contains(" and ")) {
            return Err(LakeError::source(
                &source.name,
                format!(
                    "column `{name}` holds {kinds}: declare its type, such as `types: {{ {name}: VARCHAR }}`",
                    name = column.name
                ),
            ));
        }
    }
    Ok(())
}

/// The engine's call that reads these columns.
pub(crate) fn call(files: &[PathBuf], columns: &[Column]) -> String {
    let columns: Vec<String> = columns
        .iter()
        .map(|column| {
            format!(
                "{}: {}",
                sql::text(&column.name),
                sql::text(&column.type_name)
            )
        })
        .collect();
    format!(
        "read_json({}, format = 'newline_delimited', columns = {{{}}})",
        paths(files),
        columns.join(", ")
    )
}

/// The first damaged line as an error; `otherwise` where there is none.
fn damage(engine: &Engine, source: &Source, files: &[PathBuf], otherwise: LakeError) -> LakeError {
    for file in files {
        let found = list_damaged(engine, source, file).and_then(|()| {
            engine.rows(
                "SELECT line, error_message, csv_line FROM temp.reject_errors ORDER BY line LIMIT 1",
                "cannot list damaged lines",
                |row| Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)),
            )
        });
        match found {
            Ok(found) => {
                if let Some((line, problem, text)) = found.into_iter().next() {
                    let message = format!(
                        "{}, line {line}: {problem}, in `{}`: mend the line",
                        file.display(),
                        excerpt(&text)
                    );
                    return LakeError::source(&source.name, message);
                }
            }
            Err(error) => return error,
        }
    }
    otherwise.of_source(&source.name)
}

/// Lists the lines of a file that are not objects in the table `reject_errors`, as the CSV reader does.
pub(crate) fn list_damaged(engine: &Engine, source: &Source, file: &Path) -> Result<(), LakeError> {
    forget_damaged(engine)?;
    let lines = lines_of(
        file,
        ", store_rejects = true, rejects_limit = 0, rejects_table = 'unread_lines', rejects_scan = 'unread_scans'",
    );
    let failed = |error| in_file(source, file, error);
    // Lines that are not UTF-8 are left out by the reader, so that the lines after them have moved up.
    engine
        .execute(
            &format!(
                "CREATE TEMP TABLE not_objects AS SELECT line, text FROM (SELECT row_number() OVER () AS line, text FROM {lines}) \
                 WHERE trim(text) <> '' AND NOT ({IS_OBJECT})"
            ),
            "cannot read the lines",
        )
        .map_err(failed)?;
    engine
        .execute(
            "CREATE TEMP TABLE reject_errors AS
             WITH unread AS (SELECT line, line - row_number() OVER (ORDER BY line) AS read_before,
                                    line_byte_position, coalesce(csv_line, '') AS text, error_type
                             FROM (SELECT DISTINCT line, line_byte_position, csv_line, error_type FROM temp.unread_lines))
             SELECT (line + (SELECT count(*) FROM unread WHERE read_before < not_objects.line))::UBIGINT AS line,
                    NULL::UBIGINT AS line_byte_position, text AS csv_line, NULL::VARCHAR AS column_name, 'NOT AN OBJECT' AS error_type,
                    'not a JSON object' AS error_message
             FROM not_objects
             UNION ALL
             SELECT line::UBIGINT, line_byte_position, text, NULL, error_type::VARCHAR,
                    CASE error_type::VARCHAR WHEN 'INVALID ENCODING' THEN 'it is not UTF-8 text' ELSE lower(error_type::VARCHAR) END
             FROM unread;
             DROP TABLE not_objects; DROP TABLE unread_lines; DROP TABLE unread_scans",
            "cannot list damaged lines",
        )
        .map_err(failed)
}

/// Empties the lists of damaged lines.
pub(crate) fn forget_damaged(engine: &Engine) -> Result<(), LakeError> {
    let tables = [
        "reject_errors",
        "reject_scans",
        "not_objects",
        "unread_lines",
        "unread_scans",
    ];
    let drops: Vec<String> = tables
        .iter()
        .map(|table| format!("DROP TABLE IF EXISTS temp.{table}"))
        .collect();
    engine.execute(&drops.join("; "), "cannot prepare the reading")
}

/// Writes the lines of `file` that are objects to `sound`.
pub(crate) fn write_sound_lines(
    engine: &Engine,
    source: &Source,
    file: &Path,
    sound: &Path,
) -> Result<(), LakeError> {
    engine
        .execute(
            &format!(
                "COPY (SELECT text FROM {} WHERE {IS_OBJECT}) TO {} \
                 (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\u{1}', COMPRESSION none)",
                lines_of(file, ", ignore_errors = true"),
                sql::text(&sound.to_string_lossy())
            ),
            "cannot set damaged lines aside",
        )
        .map_err(|error| in_file(source, file, error))
}
