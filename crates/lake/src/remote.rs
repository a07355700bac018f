//! Files behind URLs: how the engine gets at them, which there are, and which version of each was read.
//!
//! A web server or a bucket gives each version of a file an entity tag (`ETag`, RFC 9110, section 8.8.3). A strong tag
//! belongs to one sequence of bytes, so that it pins what was read without a second reading of it. Tags come from the
//! engine's own requests, by its log of them.

use std::env;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use catalog::{Format, Source};

use crate::bucket::BucketAccess;
use crate::complete::Compression;
use crate::engine::Engine;
use crate::error::LakeError;
use crate::message::without_secrets;
use crate::source::{files_matching, format_of_files, is_format, is_visible, unknown_format};
use crate::sql;

/// Compressed files up to this size, in bytes, are looked at whole before they are read.
const LARGEST_CHECKED: u64 = 256 << 20;

/// How the URLs of objects in buckets begin.
pub(crate) const BUCKET_SCHEMES: [&str; 3] = ["s3://", "s3a://", "s3n://"];

/// How the error of a bucket that is not there begins.
const NO_BUCKET: &str = "there is no bucket";

/// A version of a file behind a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteVersion {
    pub(crate) bytes: u64,
    /// The strong entity tag, without its quotes; none where the server gives none.
    pub(crate) tag: Option<String>,
}

/// Files behind URLs of one kind.
pub(crate) struct Remote<'a> {
    engine: &'a Engine,
    source: &'a Source,
    access: BucketAccess,
}

impl<'a> Remote<'a> {
    /// Readies the engine for the files of `source` at `url`.
    ///
    /// # Errors
    /// An extension that is missing; variables of the environment that do not fit together.
    pub(crate) fn new(
        engine: &'a Engine,
        source: &'a Source,
        url: &str,
    ) -> Result<Self, LakeError> {
        engine.load("httpfs", "reading a URL")?;
        engine.keep_files(true)?;
        // The extension copies the keys of the environment into settings, which any query may read.
        engine.execute(
            "RESET s3_access_key_id; RESET s3_secret_access_key; RESET s3_session_token",
            "cannot prepare the reading of URLs",
        )?;
        let mut access = BucketAccess::default();
        if is_bucket(url) {
            access = BucketAccess::from_environment(|name| env::var(name).ok())
                .map_err(|message| LakeError::source(&source.name, message))?;
            access.grant(engine)?;
        }
        Ok(Self {
            engine,
            source,
            access,
        })
    }

    /// The files at a URL, in name order, and their format: one, those that a glob in a bucket matches, or those in a
    /// folder of a bucket and the folders in it. `format` is that of the source or of the URL's name, where these tell.
    ///
    /// # Errors
    /// Where there is nothing, or the server cannot be reached or refuses.
    pub(crate) fn files(
        &self,
        url: &str,
        format: Option<Format>,
    ) -> Result<(Vec<PathBuf>, Format), LakeError> {
        let is_pattern = url.contains(['*', '?', '[']);
        if !is_bucket(url) {
            if url.contains('*') {
                let message = "a web server does not list its files: name one, without `*`";
                return Err(LakeError::source(&self.source.name, message));
            }
            let format =
                format.ok_or_else(|| unknown_format(self.source, &without_secrets(url)))?;
            return Ok((vec![PathBuf::from(url)], format));
        }
        if is_pattern {
            let format = format.ok_or_else(|| unknown_format(self.source, url))?;
            let files = self.list(url)?;
            if files.is_empty() {
                return Err(self.nothing_at(url));
            }
            self.refuse_patterns(&files)?;
            return Ok((files, format));
        }
        if format == Some(Format::Delta) {
            return Ok((vec![PathBuf::from(url)], Format::Delta));
        }
        let is_folder = url.ends_with('/');
        let missing = if is_folder {
            self.nothing_at(url)
        } else {
            match (self.version(Path::new(url)), format) {
                (Ok(_), Some(format)) => return Ok((vec![PathBuf::from(url)], format)),
                (Ok(_), None) => return Err(unknown_format(self.source, url)),
                (Err(error), _) => error,
            }
        };
        // Who may read an object need not be allowed to list the bucket: the first error tells more.
        let is_no_bucket = |error: &LakeError| matches!(error, LakeError::Source { message, .. } if message.starts_with(NO_BUCKET));
        match self.list(&format!("{}/**", url.trim_end_matches('/'))) {
            Ok(inside) if inside.is_empty() => Err(missing),
            Ok(inside) => self.files_of_folder(url, inside),
            Err(error) if is_folder || is_no_bucket(&error) => Err(error),
            Err(_) => Err(missing),
        }
    }

    /// What a folder's files are read as, without those whose names begin with `.` or `_`.
    fn files_of_folder(
        &self,
        url: &str,
        inside: Vec<PathBuf>,
    ) -> Result<(Vec<PathBuf>, Format), LakeError> {
        let folder = url.trim_end_matches('/');
        if inside
            .iter()
            .any(|file| file.starts_with(Path::new(folder).join("_delta_log")))
        {
            return Ok((vec![PathBuf::from(folder)], Format::Delta));
        }
        let visible: Vec<PathBuf> = inside
            .into_iter()
            .filter(|file| {
                file.strip_prefix(folder)
                    .is_ok_and(|inside| inside.iter().all(is_visible))
            })
            .collect();
        if visible.is_empty() {
            return Err(self.nothing_at(url));
        }
        let format = match self.source.format {
            Some(format) => format,
            None => format_of_files(self.source, folder, &visible)?,
        };
        let files: Vec<PathBuf> = visible
            .into_iter()
            .filter(|file| is_format(file, format))
            .collect();
        if files.is_empty() {
            return Err(self.nothing_at(url));
        }
        self.refuse_patterns(&files)?;
        Ok((files, format))
    }

    /// The engine takes the name of an object that was listed for a pattern again, and would read others for it.
    fn refuse_patterns(&self, files: &[PathBuf]) -> Result<(), LakeError> {
        let is_pattern = |file: &&PathBuf| file.to_string_lossy().contains(['*', '?', '[', '\\']);
        match files.iter().find(is_pattern) {
            Some(file) => Err(LakeError::source(
                &self.source.name,
                format!(
                    "{}: the engine takes `*`, `?`, `[` and `\\` in a name for a pattern: rename the object",
                    file.display()
                ),
            )),
            None => Ok(()),
        }
    }

    fn list(&self, pattern: &str) -> Result<Vec<PathBuf>, LakeError> {
        files_matching(self.engine, pattern).map_err(|error| self.explained(pattern, error))
    }

    fn nothing_at(&self, url: &str) -> LakeError {
        LakeError::NoFile {
            source_name: self.source.name.clone(),
            path: without_secrets(url).into(),
            way_out: "check its `path:`",
        }
    }

    /// Which version of a file there is now.
    ///
    /// # Errors
    /// Where there is none, or the server cannot be reached or refuses.
    pub(crate) fn version(&self, file: &Path) -> Result<RemoteVersion, LakeError> {
        let url = file.to_string_lossy();
        let run = |statements: &str| {
            self.engine
                .execute(statements, "cannot keep a log of requests")
        };
        run("CALL enable_logging('HTTP', storage = 'memory')")?;
        let version = self.logged_version(&url);
        // The log holds signatures and session tokens.
        run("CALL disable_logging(); CALL truncate_duckdb_logs()")?;
        version.map_err(|error| self.explained(&url, error))
    }

    fn logged_version(&self, url: &str) -> Result<RemoteVersion, LakeError> {
        let size = format!("SELECT size::UBIGINT FROM read_blob({})", sql::text(url));
        let bytes: u64 = self.engine.value(&size, "cannot reach it")?;
        let tags = "SELECT tag FROM (SELECT unnest(map_entries(response.headers), recursive := true), \"timestamp\" \
             FROM duckdb_logs_parsed('HTTP') WHERE response.status IN ('OK_200', 'PartialContent_206')) AS headers(name, tag, moment) \
             WHERE lower(name) = 'etag' ORDER BY moment DESC LIMIT 1";
        let tags: Vec<String> = self
            .engine
            .rows(tags, "cannot read the answer", |row| row.get(0))?;
        let tag = tags
            .into_iter()
            .next()
            .and_then(|tag| Some(tag.strip_prefix('"')?.strip_suffix('"')?.to_owned()));
        Ok(RemoteVersion { bytes, tag })
    }

    /// The versions of the files whose content is that of what is read: itself, or the log of a Delta table, which
    /// names the files of data, each written once.
    pub(crate) fn versions(
        &self,
        file: &Path,
        format: Format,
    ) -> Result<Vec<(PathBuf, RemoteVersion)>, LakeError> {
        let parts = match format {
            Format::Delta => self.list(&format!(
                "{}/_delta_log/*",
                file.to_string_lossy().trim_end_matches('/')
            ))?,
            _ => vec![file.to_owned()],
        };
        let version = |part: PathBuf| self.version(&part).map(|version| (part, version));
        parts.into_iter().map(version).collect()
    }

    /// Fails with [`LakeError::Incomplete`] where a compressed file is cut, of which the engine would read the beginning.
    pub(crate) fn check_complete(
        &self,
        file: &Path,
        version: &RemoteVersion,
    ) -> Result<(), LakeError> {
        let url = file.to_string_lossy();
        let name = url.split('?').next().unwrap_or(&url);
        let Some(compression) = Compression::of(name).filter(|_| version.bytes <= LARGEST_CHECKED)
        else {
            return Ok(());
        };
        let content = format!("SELECT content FROM read_blob({})", sql::text(&url));
        let content: Vec<u8> = self
            .engine
            .value(&content, "cannot read it")
            .map_err(|error| self.explained(&url, error))?;
        compression
            .check(Cursor::new(content))
            .map_err(|error| LakeError::incomplete(shown(file), error))
    }

    /// An error of the engine's client for HTTP, with what to look at.
    fn explained(&self, url: &str, error: LakeError) -> LakeError {
        let LakeError::Engine { message, .. } = &error else {
            return error;
        };
        let place = without_secrets(url);
        let said = |status: &str| message.contains(&format!("(HTTP {status} "));
        let advice = if message.contains("NoSuchBucket") {
            let bucket = place.split('/').nth(2).unwrap_or_default();
            format!(
                "{NO_BUCKET} `{bucket}`: check the source's `path:`, AWS_REGION and AWS_ENDPOINT_URL"
            )
        } else if said("404") {
            return self.nothing_at(url);
        } else if (said("301") || said("400")) && is_bucket(url) {
            format!(
                "{place} cannot be read: check AWS_REGION (the bucket's region), AWS_ENDPOINT_URL, and whether the keys \
                 have expired"
            )
        } else if (said("401") || said("403")) && is_bucket(url) {
            format!(
                "access to {place} was denied: check {}",
                self.access.advice()
            )
        } else if said("401") || said("403") {
            format!("access to {place} was denied: check its `path:`")
        } else if message.starts_with("could not ") || message.starts_with("SSL ") {
            let what = message.split(" error for HTTP").next().unwrap_or(message);
            let way = if is_bucket(url) {
                ", AWS_REGION and AWS_ENDPOINT_URL"
            } else {
                " and its `path:`"
            };
            format!("{place} cannot be reached ({what}): check the network{way}")
        } else {
            return error.of_source(&self.source.name);
        };
        LakeError::source(&self.source.name, advice)
    }
}

/// Whether a URL is that of objects in a bucket.
pub(crate) fn is_bucket(url: &str) -> bool {
    BUCKET_SCHEMES.iter().any(|scheme| url.starts_with(scheme))
}

/// Whether a file lies behind a URL; of local files the paths are absolute.
pub(crate) fn is_remote(file: &Path) -> bool {
    file.to_string_lossy().contains("://")
}

/// A file as it is named in results, without secrets.
pub(crate) fn shown(file: &Path) -> PathBuf {
    PathBuf::from(without_secrets(&file.to_string_lossy()))
}
