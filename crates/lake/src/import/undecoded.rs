//! The text of damaged lines that are not UTF-8, as it is in the file: the engine puts `?` also for bytes that it could
//! have kept, such as the separator behind a letter of another encoding.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::complete::Compression;
use crate::engine::Engine;
use crate::error::LakeError;
use crate::remote::is_remote;
use crate::sql;

/// Lines told to the engine in one statement.
const AT_ONCE: usize = 1_000;

/// Makes the temporary table `undecoded` with the texts of the lines in `reject_errors` that are not UTF-8, by line,
/// whatever else is wrong with them.
///
/// What is no character is U+FFFD there. Lines of files behind URLs, and of those packed by Zstandard, are not in it.
pub(super) fn list(engine: &Engine, file: &Path) -> Result<(), LakeError> {
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE undecoded (line UBIGINT, text VARCHAR)",
        "cannot keep the damaged lines",
    )?;
    let query = "SELECT line, line_byte_position, any_value(csv_line) FROM temp.reject_errors \
         WHERE contains(csv_line, '?') AND line_byte_position > 0 \
         GROUP BY ALL ORDER BY line_byte_position";
    let damaged: Vec<Damaged> = engine.rows(query, "cannot list damaged lines", |row| {
        Ok(Damaged {
            line: row.get(0)?,
            position: row.get(1)?,
            shown: row.get(2)?,
        })
    })?;
    if damaged.is_empty() {
        return Ok(());
    }
    let texts = texts(file, &damaged).map_err(|error| LakeError::io(file, error))?;
    for texts in texts.chunks(AT_ONCE) {
        let rows: Vec<String> = texts
            .iter()
            .map(|(line, text)| format!("({line}, {})", sql::text(text)))
            .collect();
        let insert = format!("INSERT INTO temp.undecoded VALUES {}", rows.join(", "));
        engine.execute(&insert, "cannot keep the damaged lines")?;
    }
    Ok(())
}

/// A line that is not UTF-8.
struct Damaged {
    line: u64,
    /// Of its first byte in the unpacked file, from 1.
    position: u64,
    /// As the engine shows it: of the same length, with `?` for some bytes.
    shown: String,
}

/// The texts of lines, which come in the order of the file.
fn texts(file: &Path, damaged: &[Damaged]) -> io::Result<Vec<(u64, String)>> {
    let mut texts = Vec::with_capacity(damaged.len());
    if is_remote(file) {
        return Ok(texts);
    }
    let packed = BufReader::new(File::open(file)?);
    let mut reader: Box<dyn Read> = match Compression::of(&file.to_string_lossy()) {
        None => Box::new(packed),
        Some(Compression::Gzip) => Box::new(BufReader::new(MultiGzDecoder::new(packed))),
        Some(_) => return Ok(texts),
    };
    let mut position = 1;
    for line in damaged {
        let Some(before) = line.position.checked_sub(position) else {
            continue;
        };
        let skipped = io::copy(&mut reader.by_ref().take(before), &mut io::sink())?;
        let mut bytes = Vec::with_capacity(line.shown.len());
        reader
            .by_ref()
            .take(line.shown.len() as u64)
            .read_to_end(&mut bytes)?;
        position += skipped + bytes.len() as u64;
        let is_same = |(byte, shown): (&u8, u8)| *byte == shown || shown == b'?';
        if bytes.len() == line.shown.len() && bytes.iter().zip(line.shown.bytes()).all(is_same) {
            texts.push((line.line, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    Ok(texts)
}
