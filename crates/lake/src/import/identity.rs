//! What tells a file's content from others.

use std::path::Path;

use catalog::{Format, Source};

use crate::digest::digest_of_all;
use crate::error::LakeError;
use crate::lake::Lake;
use crate::remote::{Remote, is_bucket, is_remote, shown};
use crate::source::content_files;

/// The digest of a file's content together with how the source says to read it.
pub(super) fn digest(
    lake: &mut Lake,
    source: &Source,
    file: &Path,
    format: Format,
) -> Result<String, LakeError> {
    let parts = parts_of(lake, source, file, format)?;
    Ok(digest_of_parts(source, format, &parts))
}

/// What a file's content consists of, each part with a mark that tells its content from others.
pub(super) fn parts_of(
    lake: &mut Lake,
    source: &Source,
    file: &Path,
    format: Format,
) -> Result<Vec<(String, String)>, LakeError> {
    if is_remote(file) {
        return tags_of(lake, source, file, format);
    }
    let mut parts = Vec::new();
    for part in content_files(file, format)? {
        let name = part
            .strip_prefix(file)
            .unwrap_or(&part)
            .to_string_lossy()
            .into_owned();
        parts.push((name, lake.digests.digest(&part)?.blake3));
    }
    Ok(parts)
}

pub(super) fn digest_of_parts(
    source: &Source,
    format: Format,
    parts: &[(String, String)],
) -> String {
    let Source {
        delimiter,
        header,
        columns,
        types,
        null_values,
        sheet,
        ..
    } = source;
    let reading = serde_json::json!([
        format,
        delimiter,
        header,
        columns,
        types,
        null_values,
        sheet
    ])
    .to_string();
    let parts = parts
        .iter()
        .map(|(name, mark)| (name.as_str(), mark.as_str()));
    digest_of_all(parts.chain([("reading", reading.as_str())]))
}

/// What tells the content of a file behind a URL. A bucket's tags are made of contents (those of objects that were sent
/// in parts or are encrypted by KMS not of these alone), so that a file that was renamed is known by its own; those of
/// web servers belong to one URL.
fn tags_of(
    lake: &Lake,
    source: &Source,
    file: &Path,
    format: Format,
) -> Result<Vec<(String, String)>, LakeError> {
    let url = file.to_string_lossy();
    let versions = Remote::new(&lake.engine, source, &url)?.versions(file, format)?;
    let tagged = versions.into_iter().map(|(part, version)| {
        let name = if is_bucket(&url) {
            part.strip_prefix(file).unwrap_or(&part).to_owned()
        } else {
            shown(&part)
        };
        let tag = version.tag.ok_or_else(|| {
            LakeError::source(
                &source.name,
                format!(
                    "{} has no version (a strong `ETag`) by which an import could tell whether it has changed: \
                     copy it to this machine and import the copy",
                    shown(&part).display()
                ),
            )
        })?;
        Ok((name.to_string_lossy().into_owned(), format!("{tag} {}", version.bytes)))
    });
    tagged.collect()
}
