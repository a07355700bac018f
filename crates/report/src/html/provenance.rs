//! What the findings were computed from and by.

use lake::{SourceContent, SourceVersion};

use super::Report;
use super::page::FORMAT;

/// What the section shows.
pub(super) struct Provenance {
    pub(super) sources: Vec<Source>,
    pub(super) definitions: Vec<String>,
    pub(super) programs: Vec<String>,
}

/// One version of one source.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) read: String,
    /// What pins the content, where anything does.
    pub(super) pin: String,
}

/// All findings' provenance together; none where there is no finding.
pub(super) fn provenance(report: &Report<'_>) -> Option<Provenance> {
    let ledger = report.ledger.iter().map(|ledger| &ledger.provenance);
    let all: Vec<&measure::Provenance> = ledger
        .chain(report.lifts.iter().map(|finding| &finding.provenance))
        .chain(report.programmes.iter().map(|finding| &finding.provenance))
        .chain(report.overlaps.map(|finding| &finding.provenance))
        .chain(
            report
                .interactions
                .iter()
                .map(|finding| &finding.provenance),
        )
        .chain(report.replays.iter().map(|finding| &finding.provenance))
        .chain(report.lifetimes.iter().map(|finding| &finding.provenance))
        .chain(
            report
                .attributions
                .iter()
                .map(|finding| &finding.provenance),
        )
        .chain(
            report
                .performances
                .iter()
                .map(|finding| &finding.provenance),
        )
        .chain(report.factorials.iter().map(|finding| &finding.provenance))
        .collect();
    if all.is_empty() {
        return None;
    }
    let programs = all
        .iter()
        .map(|from| format!("Touchstone {}, {}", from.touchstone, from.engine));
    Some(Provenance {
        sources: distinct(all.iter().flat_map(|from| &from.sources).map(source)),
        definitions: distinct(all.iter().map(|from| from.definitions.clone())),
        programs: distinct(programs),
    })
}

fn distinct<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items.dedup();
    items
}

fn source(version: &SourceVersion) -> Source {
    let (read, pin) = match &version.content {
        SourceContent::Files {
            files,
            bytes,
            blake3,
        } => {
            let unit = if *files == 1 { "file" } else { "files" };
            (
                format!("{files} {unit}, {}", FORMAT.bytes(*bytes)),
                format!("BLAKE3 {blake3}"),
            )
        }
        SourceContent::Objects { files, bytes, etag } => {
            let unit = if *files == 1 { "file" } else { "files" };
            (
                format!("{files} {unit} behind a URL, {}", FORMAT.bytes(*bytes)),
                format!("ETag {etag}"),
            )
        }
        SourceContent::Lake {
            table,
            snapshot,
            files_not_imported,
        } => (
            format!("lake table {table}"),
            match files_not_imported {
                0 => format!("snapshot {snapshot}"),
                number => {
                    format!("snapshot {snapshot}; files with other content at its path: {number}")
                }
            },
        ),
        SourceContent::Unpinned { location } => (
            location.clone(),
            "not pinned: the result cannot be repeated if it changes".to_owned(),
        ),
    };
    Source {
        name: version.source.clone(),
        read,
        pin,
    }
}
