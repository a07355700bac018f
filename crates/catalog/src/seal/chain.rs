//! The file of seals: lines that are only ever added, each holding on to the one before.
//!
//! A line is `{"hash":"H","seal":S}`, where H is the SHA-256 of the text S, in hexadecimal digits, and S is a JSON
//! object whose `previous` is the H of the line before: anybody can check the chain with ordinary tools.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Definition, Deviation, sha256};

/// The file's name in the project's folder.
const FILE: &str = "seals.jsonl";

/// One definition as it was sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seal {
    /// The experiment's name.
    pub experiment: String,
    /// When, in UTC, such as `2024-03-01T09:30:00Z`.
    pub sealed_at: String,
    /// What was given as the reason: of a changed definition always, of an experiment's first seal where one was given.
    pub reason: Option<String>,
    /// The version of Touchstone that sealed it.
    pub version: String,
    /// The SHA-256 of the definition's canonical JSON.
    pub definition_hash: String,
    /// The definition's canonical JSON.
    pub definition: Value,
    /// The hash of the line before; none in the first.
    pub previous: Option<String>,
}

/// What came of sealing.
#[derive(Debug, Clone, PartialEq)]
pub struct Sealed {
    /// The experiment's last seal, which is that of the definition given.
    pub seal: Seal,
    /// Whether it was added now; otherwise the same definition had been sealed already.
    pub added: bool,
    /// Where the definition is not that of the seal before; empty for an experiment's first seal.
    pub deviations: Vec<Deviation>,
}

/// Why definitions cannot be sealed, or seals not be read.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The chain is broken: what the file says was sealed is not to be trusted from this line on.
    #[error("{}:{line}: {message}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        message: &'static str,
    },
    /// A changed definition is sealed with a reason only.
    #[error(
        "experiment `{experiment}` was sealed on {sealed_at} with another definition ({paths} changed): say why with `--reason`"
    )]
    NoReason {
        /// The experiment.
        experiment: String,
        /// When its last seal was made.
        sealed_at: String,
        /// What differs from it.
        paths: String,
    },
}

impl Seal {
    /// When, on the clocks of a time zone: in microseconds since 1970 as they would be counted if it were UTC.
    #[must_use]
    pub fn local_microseconds(&self, time_zone: &str) -> Option<i64> {
        let instant: jiff::Timestamp = self.sealed_at.parse().ok()?;
        let local = instant.in_tz(time_zone).ok()?.datetime();
        let as_utc = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(as_utc.timestamp().as_microsecond())
    }
}

/// The seals of a project, the oldest first; none where nothing was sealed yet.
///
/// # Errors
///
/// A file that cannot be read, or whose chain is broken.
pub fn seals(root: &Path) -> Result<Vec<Seal>, SealError> {
    let path = root.join(FILE);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(SealError::Io { path, error }),
    };
    // Nobody is in the middle of adding a line while it is read.
    let text = file.lock_shared().and_then(|()| read(&mut file));
    let text = text.map_err(|error| SealError::Io {
        path: path.clone(),
        error,
    })?;
    Ok(verify(&path, &text)?.0)
}

/// Seals a definition: adds a line to the project's seals, unless the experiment's last one has the same definition.
///
/// Two processes do not disturb each other: each holds the file while it reads, decides and adds. A line that cannot be
/// written whole is taken back.
///
/// # Errors
///
/// [`SealError::NoReason`] for a changed definition without a reason; a broken chain; a file that cannot be written.
pub fn seal(
    root: &Path,
    definition: &Definition,
    reason: Option<&str>,
    version: &str,
) -> Result<Sealed, SealError> {
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    let path = root.join(FILE);
    let failed = |error: io::Error| SealError::Io {
        path: path.clone(),
        error,
    };
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(&path)
        .map_err(failed)?;
    file.lock().map_err(failed)?;
    let text = read(&mut file).map_err(failed)?;
    let (seals, last) = verify(&path, &text)?;
    let name = &definition.experiment.name;
    let before = seals.into_iter().rfind(|seal| seal.experiment == *name);
    let deviations = before.as_ref().map_or_else(Vec::new, |before| {
        definition.deviations_from(&before.definition)
    });
    if let Some(before) = before {
        if deviations.is_empty() {
            return Ok(Sealed {
                seal: before,
                added: false,
                deviations,
            });
        }
        if reason.is_none() {
            let paths: Vec<String> = deviations
                .iter()
                .map(|deviation| format!("`{}`", deviation.path))
                .collect();
            return Err(SealError::NoReason {
                experiment: name.clone(),
                sealed_at: before.sealed_at,
                paths: paths.join(", "),
            });
        }
    }
    let seal = Seal {
        experiment: name.clone(),
        sealed_at: now(),
        reason: reason.map(str::to_owned),
        version: version.to_owned(),
        definition_hash: definition.hash(),
        definition: definition.to_json(),
        previous: last,
    };
    let text_length = text.len() as u64;
    append(&mut file, text_length, &line(&seal)).map_err(failed)?;
    Ok(Sealed {
        seal,
        added: true,
        deviations,
    })
}

fn read(file: &mut File) -> io::Result<String> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// Adds a line to a file of this length.
fn append(file: &mut File, length: u64, line: &str) -> io::Result<()> {
    let written = file
        .write_all(line.as_bytes())
        .and_then(|()| file.sync_all());
    written.inspect_err(|_| {
        // What is left of the line would break the chain. If even this fails, reading will say so.
        let _ = file.set_len(length);
    })
}

/// Now, to the second.
fn now() -> String {
    let seconds = jiff::Timestamp::now().as_second();
    // A second of today is in the range of time stamps.
    jiff::Timestamp::from_second(seconds)
        .unwrap_or_default()
        .to_string()
}

fn line(seal: &Seal) -> String {
    // Fails only for keys that are not texts, of which a seal has none.
    let text = serde_json::to_value(seal).unwrap_or_default().to_string();
    format!("{{\"hash\":\"{}\",\"seal\":{text}}}\n", sha256(&text))
}

/// The seals of a text, and the hash of its last line.
fn verify(path: &Path, text: &str) -> Result<(Vec<Seal>, Option<String>), SealError> {
    let mut seals: Vec<Seal> = Vec::new();
    let mut last: Option<String> = None;
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let broken = |message| SealError::Broken {
            path: path.to_owned(),
            line: i + 1,
            message,
        };
        let line = line
            .strip_suffix('\n')
            .ok_or_else(|| broken("the line is not whole: it was not written to its end"))?;
        let (hash, text) = line
            .strip_prefix("{\"hash\":\"")
            .and_then(|rest| rest.strip_suffix('}'))
            .and_then(|rest| rest.split_once("\",\"seal\":"))
            .ok_or_else(|| broken("this is not a line of seals"))?;
        if sha256(text) != hash {
            return Err(broken(
                "the line was changed after it was sealed: its hash does not fit",
            ));
        }
        let seal: Seal =
            serde_json::from_str(text).map_err(|_| broken("this is not a line of seals"))?;
        if seal.previous != last {
            return Err(broken(
                "the line does not follow the one before it: a line was changed, moved, added or removed",
            ));
        }
        last = Some(hash.to_owned());
        seals.push(seal);
    }
    Ok((seals, last))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seal_of(experiment: &str, previous: Option<String>) -> Seal {
        Seal {
            experiment: experiment.to_owned(),
            sealed_at: "2024-03-01T09:30:00Z".to_owned(),
            reason: None,
            version: "1".to_owned(),
            definition_hash: String::new(),
            definition: json!({"alpha": 0.05}),
            previous,
        }
    }

    fn chain() -> Vec<String> {
        let mut last = None;
        ["a", "b", "c"]
            .iter()
            .map(|name| {
                let line = line(&seal_of(name, last.clone()));
                last = Some(line[9..73].to_owned());
                line
            })
            .collect()
    }

    fn place(text: &str) -> Option<(usize, &'static str)> {
        match verify(Path::new("seals.jsonl"), text) {
            Ok(_) => None,
            Err(SealError::Broken { line, message, .. }) => Some((line, message)),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_chain_is_read_as_it_was_written() {
        let text = chain().concat();
        let (seals, last) = verify(Path::new("seals.jsonl"), &text).unwrap();
        assert_eq!(seals.len(), 3);
        assert_eq!(seals[0], seal_of("a", None));
        assert_eq!(last.as_deref(), Some(&chain()[2][9..73]));
    }

    #[test]
    fn what_was_tampered_with_is_named_by_its_line() {
        let lines = chain();
        let changed = lines[1].replace("0.05", "0.10");
        assert_eq!(
            place(
                &[&lines[0], &changed, &lines[2]]
                    .map(String::as_str)
                    .concat()
            )
            .map(|p| p.0),
            Some(2)
        );
        // A line that was made again, with a hash that fits it, does not fit the one behind.
        let forged = line(&Seal {
            definition: json!({"alpha": 0.1}),
            ..seal_of("b", Some(lines[0][9..73].to_owned()))
        });
        let forged = [&lines[0], &forged, &lines[2]].map(String::as_str).concat();
        assert_eq!(place(&forged).map(|p| p.0), Some(3));
        assert_eq!(
            place(&[lines[0].as_str(), &lines[2]].concat()).map(|p| p.0),
            Some(2)
        );
        let cut = lines[0].len() + 30;
        assert_eq!(
            place(&lines.concat()[..cut]),
            Some((2, "the line is not whole: it was not written to its end"))
        );
        assert_eq!(place("{}\n").map(|p| p.0), Some(1));
    }

    #[test]
    fn a_seal_knows_the_clock_of_its_project() {
        let seal = seal_of("a", None);
        let utc = seal.local_microseconds("UTC").unwrap();
        let new_york = seal.local_microseconds("America/New_York").unwrap();
        assert_eq!(utc, 1_709_285_400_000_000);
        assert_eq!(utc - new_york, 5 * 3_600_000_000);
    }
}
