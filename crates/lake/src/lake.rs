//! A project's tables: sources read in place and the DuckLake that imports fill, under one set of names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use catalog::{Catalog, Format, Location, Source};
use serde::{Deserialize, Serialize};

use crate::digest::DigestCache;
use crate::engine::{Engine, EngineOptions};
use crate::error::LakeError;
use crate::source::{Damaged, Place, files_of, reader};
use crate::sql;

/// What the lake's own tables are called in SQL: `lake.main.orders`.
pub(crate) const LAKE: &str = "lake";
/// The column that an import adds to a table: which import a row came from.
pub(crate) const IMPORT_COLUMN: &str = "_import";

/// A project's tables behind one SQL engine.
///
/// Sources become views in the schema `source`, so that a fact's SQL names them as the catalog does.
/// A source whose name is a table of the project's DuckLake is read from there, at one snapshot;
/// any other is read in place.
pub struct Lake {
    pub(crate) engine: Engine,
    pub(crate) folder: PathBuf,
    pub(crate) digests: DigestCache,
    /// The tables of the DuckLake; empty where the project has none.
    pub(crate) tables: Vec<String>,
    at: Option<u64>,
    snapshot: Option<u64>,
    defined: BTreeMap<String, SourceVersion>,
}

/// What exactly a source held when it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SourceVersion {
    /// The source's name.
    pub source: String,
    #[serde(flatten)]
    pub content: SourceContent,
}

/// How a source's content is pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "read", rename_all = "snake_case")]
pub enum SourceContent {
    /// Files, by their digests.
    Files {
        files: usize,
        bytes: u64,
        /// BLAKE3 of the one file, or of the list of names and digests of several.
        blake3: String,
    },
    /// A table of the lake, by its snapshot.
    Lake { table: String, snapshot: u64 },
    /// Something that offers no version: the result cannot be repeated if it changes.
    Unpinned { location: String },
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// The engine's name of its type, such as `BIGINT`.
    pub type_name: String,
}

impl Lake {
    /// Opens a project's lake for reading, at its newest snapshot or at an old one.
    pub fn open(catalog: &Catalog, at: Option<u64>) -> Result<Self, LakeError> {
        let mut lake = Self::start(catalog)?;
        if lake.catalog_file().exists() {
            lake.attach_for_reading(at)?;
        } else if let Some(wanted) = at {
            return Err(LakeError::UnknownSnapshot {
                wanted,
                available: "none: nothing has been imported yet".to_owned(),
            });
        }
        Ok(lake)
    }

    /// Opens a project's lake for imports, and creates it where there is none.
    pub(crate) fn open_for_writing(catalog: &Catalog) -> Result<Self, LakeError> {
        let mut lake = Self::start(catalog)?;
        let data = lake.folder.join("data");
        std::fs::create_dir_all(&data).map_err(|error| LakeError::io(&data, error))?;
        lake.attach("")?;
        lake.tables = lake.list_tables()?;
        Ok(lake)
    }

    fn start(catalog: &Catalog) -> Result<Self, LakeError> {
        let Location::Local(folder) = catalog.lake().clone() else {
            return Err(LakeError::RemoteLake(catalog.lake().to_string()));
        };
        let project = catalog.project();
        let settings = &project.engine;
        let engine = Engine::start(&EngineOptions {
            memory: settings.memory.clone(),
            threads: settings.threads,
            spill: settings.spill.as_ref().map_or_else(|| folder.join("spill"), |spill| catalog.root().join(spill)),
            time_zone: project.time_zone.clone(),
        })?;
        engine.execute("CREATE SCHEMA source; SET search_path = 'source,main'", "cannot prepare the engine")?;
        Ok(Self {
            engine,
            digests: DigestCache::open(folder.join("digests.json")),
            folder,
            tables: Vec::new(),
            at: None,
            snapshot: None,
            defined: BTreeMap::new(),
        })
    }

    fn catalog_file(&self) -> PathBuf {
        self.folder.join("catalog.sqlite")
    }

    fn attach(&self, options: &str) -> Result<(), LakeError> {
        self.engine.load("sqlite_scanner", "the project's lake")?;
        self.engine.load("ducklake", "the project's lake")?;
        let catalog = sql::text(&format!("ducklake:sqlite:{}", self.catalog_file().display()));
        let data = sql::text(&self.folder.join("data").to_string_lossy());
        self.engine.execute(
            &format!("ATTACH {catalog} AS {LAKE} (DATA_PATH {data}{options})"),
            &format!("cannot open the lake in {}", self.folder.display()),
        )
    }

    fn attach_for_reading(&mut self, at: Option<u64>) -> Result<(), LakeError> {
        self.attach(", READ_ONLY")?;
        let known = self.snapshots()?;
        let newest = known.last().map(|snapshot| snapshot.id);
        let wanted = at.or(newest);
        if let Some(wanted) = wanted {
            if !known.iter().any(|snapshot| snapshot.id == wanted) {
                let range = newest.map_or("none".to_owned(), |newest| format!("{} to {newest}", known[0].id));
                return Err(LakeError::UnknownSnapshot { wanted, available: range });
            }
            // Attached anew at one snapshot, so that an import that happens meanwhile changes nothing.
            self.engine.execute(&format!("DETACH {LAKE}"), "cannot reopen the lake")?;
            self.attach(&format!(", READ_ONLY, SNAPSHOT_VERSION {wanted}"))?;
        }
        self.snapshot = wanted;
        self.at = at;
        self.tables = self.list_tables()?;
        Ok(())
    }

    fn list_tables(&self) -> Result<Vec<String>, LakeError> {
        let query = format!(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = {} AND table_name NOT LIKE '\\_%' ESCAPE '\\' \
             ORDER BY table_name",
            sql::text(LAKE)
        );
        self.engine.rows(&query, "cannot list the lake's tables", |row| row.get(0))
    }

    /// The lake's snapshots, oldest first.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, LakeError> {
        let query =
            format!("SELECT snapshot_id, snapshot_time::VARCHAR, changes::VARCHAR FROM {LAKE}.snapshots() ORDER BY 1");
        self.engine.rows(&query, "cannot list the lake's snapshots", |row| {
            Ok(Snapshot {
                id: row.get(0)?,
                time: row.get(1)?,
                changes: row.get(2)?,
            })
        })
    }

    /// The SQL engine, for queries over the defined sources.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Makes a source known to SQL under its name, once, and says what content that is.
    pub fn define(&mut self, catalog: &Catalog, source: &Source) -> Result<SourceVersion, LakeError> {
        if let Some(version) = self.defined.get(&source.name) {
            return Ok(version.clone());
        }
        let (rows, content) = self.rows_of(catalog, source)?;
        let rows = match &source.row_id {
            Some(row_id) => format!("SELECT row_number() OVER () AS {}, * FROM ({rows})", sql::identifier(row_id)),
            None => rows,
        };
        self.engine
            .execute(&format!("CREATE VIEW source.{} AS {rows}", sql::identifier(&source.name)), "cannot read it")
            .map_err(|error| LakeError::source(&source.name, plain(&error)))?;
        let version = SourceVersion {
            source: source.name.clone(),
            content,
        };
        self.defined.insert(source.name.clone(), version.clone());
        if let Some(key) = &source.key {
            self.verify_key(catalog, source, key)?;
        }
        self.digests.save();
        Ok(version)
    }

    /// Makes every source known that `query` mentions by name.
    pub fn define_mentioned(&mut self, catalog: &Catalog, query: &str) -> Result<(), LakeError> {
        for source in catalog.sources() {
            if sql::mentions(query, &source.name) {
                self.define(catalog, source)?;
            }
        }
        Ok(())
    }

    /// What was read so far, by source name.
    pub fn versions(&self) -> Vec<SourceVersion> {
        self.defined.values().cloned().collect()
    }

    fn rows_of(&mut self, catalog: &Catalog, source: &Source) -> Result<(String, SourceContent), LakeError> {
        if self.tables.contains(&source.name) {
            return self.lake_rows(&source.name, &source.name);
        }
        if self.at.is_some() {
            return Err(LakeError::NoHistory {
                source_name: source.name.clone(),
            });
        }
        match Place::of(source, catalog.location(source))? {
            Place::LakeTable(table) => self.lake_rows(&source.name, &table),
            Place::Files { pattern, format } => {
                let files = self.existing_files(source, &pattern, format)?;
                let rows = reader(&self.engine, source, &pattern, format, Damaged::Fail)?;
                let content = self.content_of(&files)?;
                Ok((rows, content))
            }
            Place::Url { url, format } => {
                self.engine.load("httpfs", "reading a URL")?;
                let rows = reader(&self.engine, source, &url, format, Damaged::Fail)?;
                Ok((rows, SourceContent::Unpinned { location: url }))
            }
            Place::Postgres { url, table } => {
                self.engine.load("postgres_scanner", "reading a PostgreSQL table")?;
                let database = sql::identifier(&format!("postgres:{}", source.name));
                self.engine
                    .execute(
                        &format!("ATTACH {} AS {database} (TYPE postgres, READ_ONLY)", sql::text(&url)),
                        "cannot connect",
                    )
                    .map_err(|error| LakeError::source(&source.name, plain(&error)))?;
                let table: Vec<String> = table.split('.').map(sql::identifier).collect();
                let rows = format!("SELECT * FROM {database}.{}", table.join("."));
                Ok((rows, SourceContent::Unpinned { location: without_password(&url) }))
            }
        }
    }

    fn lake_rows(&self, source: &str, table: &str) -> Result<(String, SourceContent), LakeError> {
        let Some(snapshot) = self.snapshot.filter(|_| self.tables.iter().any(|known| known == table)) else {
            return Err(LakeError::source(
                source,
                format!("the lake in {} has no table `{table}`", self.folder.display()),
            ));
        };
        let rows = format!("SELECT * EXCLUDE ({IMPORT_COLUMN}) FROM {LAKE}.main.{}", sql::identifier(table));
        Ok((rows, SourceContent::Lake { table: table.to_owned(), snapshot }))
    }

    pub(crate) fn existing_files(
        &self,
        source: &Source,
        pattern: &str,
        format: Format,
    ) -> Result<Vec<PathBuf>, LakeError> {
        let files = files_of(&self.engine, pattern, format)?;
        if files.is_empty() {
            return Err(LakeError::source(&source.name, format!("no file at `{pattern}`: check its `path:`")));
        }
        Ok(files)
    }

    fn content_of(&mut self, files: &[PathBuf]) -> Result<SourceContent, LakeError> {
        let mut total = 0;
        let mut digests = Vec::with_capacity(files.len());
        for file in files {
            let (digest, bytes) = self.digests.digest(file)?;
            total += bytes;
            digests.push((file, digest));
        }
        let blake3 = match digests.as_slice() {
            [(_, digest)] => digest.clone(),
            _ => {
                let mut hasher = blake3::Hasher::new();
                for (file, digest) in &digests {
                    let name = file.file_name().unwrap_or_default().to_string_lossy();
                    hasher.update(name.as_bytes()).update(b"\0").update(digest.as_bytes()).update(b"\n");
                }
                hasher.finalize().to_hex().to_string()
            }
        };
        Ok(SourceContent::Files {
            files: files.len(),
            bytes: total,
            blake3,
        })
    }

    /// A declared key is checked once per content: it is what spares a measurement from counting customers.
    fn verify_key(&mut self, catalog: &Catalog, source: &Source, key: &str) -> Result<(), LakeError> {
        let file = match catalog.location(source) {
            Some(Location::Local(path)) if path.is_file() => Some(absolute(path)),
            _ => None,
        };
        if file.as_deref().is_some_and(|file| self.digests.knows_unique(file, key)) {
            return Ok(());
        }
        let column = sql::identifier(key);
        let query = format!(
            "SELECT count(*)::BIGINT, count({column})::BIGINT, count(DISTINCT {column})::BIGINT FROM source.{}",
            sql::identifier(&source.name)
        );
        let counts = self.engine.rows(&query, "cannot verify the key", |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        });
        let counts = counts.map_err(|error| LakeError::source(&source.name, plain(&error)))?;
        for (rows, filled, distinct) in counts {
            if rows != distinct {
                return Err(LakeError::KeyNotUnique {
                    source_name: source.name.clone(),
                    key: key.to_owned(),
                    detail: format!("{rows} rows, {filled} with a key, {distinct} different keys"),
                });
            }
        }
        if let Some(file) = file {
            self.digests.remember_unique(&file, key);
        }
        Ok(())
    }

    /// The columns of a table or view, as SQL names it, or of a query in parentheses.
    pub fn columns(&self, relation: &str) -> Result<Vec<Column>, LakeError> {
        self.engine.rows(&format!("DESCRIBE FROM {relation}"), "cannot read the columns", |row| {
            Ok(Column {
                name: row.get(0)?,
                type_name: row.get(1)?,
            })
        })
    }
}

/// A state of the lake that can be gone back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Snapshot {
    pub id: u64,
    pub time: String,
    /// What changed, in the engine's words.
    pub changes: String,
}

/// The engine's message without our context, for an error that has a better one.
pub(crate) fn plain(error: &LakeError) -> String {
    match error {
        LakeError::Engine { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

/// A database URL as it may be shown.
fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) => {
            let user = url[scheme + 3..at].split(':').next().unwrap_or_default();
            format!("{}://{user}@{}", &url[..scheme], &url[at + 1..])
        }
        _ => url.to_owned(),
    }
}

/// The absolute form of a path, for messages and keys.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(without_password("postgres://me:secret@db/shop"), "postgres://me@db/shop");
        assert_eq!(without_password("postgres://db/shop"), "postgres://db/shop");
    }
}
