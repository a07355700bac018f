//! A project's tables: sources read in place and the DuckLake that imports fill, under one set of names.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use catalog::{Catalog, Format, Source};
use serde::{Deserialize, Serialize};

use crate::digest::{DigestCache, FileState};
use crate::engine::{Engine, EngineOptions};
use crate::error::LakeError;
use crate::import::not_imported;
use crate::layout::{Damaged, Layout, Settled, described, load_for};
use crate::message::without_secrets;
use crate::pinned::{SourceContent, SourceVersion, mark_of, name_of};
use crate::reads;
use crate::remote::{Remote, RemoteVersion, shown};
use crate::retyped::Retyped;
use crate::source::{Place, absolute, content_files, files_at};
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
    /// The columns of sources that were asked for.
    described: RefCell<BTreeMap<String, Vec<Column>>>,
    /// The files that were read in place, as they were then.
    read: Vec<(PathBuf, FileState)>,
    /// The Delta tables that were read in place, with the files that they had then.
    read_tables: Vec<(PathBuf, Vec<PathBuf>)>,
    /// The files behind URLs that were read in place, by source.
    read_behind: Vec<ReadBehind>,
    /// What sources declare otherwise than the lake's tables have it.
    pub(crate) retyped: Vec<Retyped>,
    /// Whether a source was read that was imported.
    pub(crate) reads_imports: bool,
}

/// A source that was read behind a URL, with the versions of its files as they were then.
struct ReadBehind {
    source: Source,
    url: String,
    format: Format,
    /// What was read: files, or a Delta table.
    places: Vec<PathBuf>,
    /// Of a Delta table the files of its log.
    versions: Vec<(PathBuf, RemoteVersion)>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The column's name.
    pub name: String,
    /// The engine's name of its type, such as `BIGINT`.
    pub type_name: String,
}

impl Lake {
    /// Opens a project's lake for reading, at its newest snapshot or at an old one; what is imported later is not seen.
    ///
    /// # Errors
    /// [`LakeError::UnknownSnapshot`]; [`LakeError::ExtensionMissing`]; settings that the engine refuses.
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

    /// Attaches the project's lake for an import, and creates it where there is none.
    pub(crate) fn attach_for_writing(&mut self) -> Result<(), LakeError> {
        let data = self.folder.join("data");
        if std::path::MAIN_SEPARATOR == '/' && data.to_string_lossy().contains('\\') {
            let why = "a lake cannot lie in a folder with a backslash in its name, which DuckLake takes for a separator: \
                       name another under `lake:` in touchstone.yaml";
            return Err(LakeError::io(&data, std::io::Error::other(why)));
        }
        std::fs::create_dir_all(&data).map_err(|error| LakeError::io(&data, error))?;
        let file = self.catalog_file();
        if !file.exists() {
            self.create(&file)?;
        }
        self.attach(&file, "META_JOURNAL_MODE 'WAL'")?;
        self.tables = self.list_tables()?;
        Ok(())
    }

    /// Makes the catalog under another name first: whoever reads finds a whole one or none.
    fn create(&self, file: &Path) -> Result<(), LakeError> {
        let failed = |error| LakeError::io(file, error);
        let partial = file.with_extension("partial");
        if partial.exists() {
            std::fs::remove_file(&partial).map_err(failed)?;
        }
        self.attach(&partial, "META_JOURNAL_MODE 'DELETE'")?;
        self.engine
            .execute(&format!("DETACH {LAKE}"), "cannot create the lake")?;
        std::fs::rename(&partial, file).map_err(failed)
    }

    /// Starts the engine without the project's lake.
    pub(crate) fn start(catalog: &Catalog) -> Result<Self, LakeError> {
        let folder = absolute(catalog.lake());
        let project = catalog.project();
        let settings = &project.engine;
        let engine = Engine::start(&EngineOptions {
            memory: settings.memory.clone(),
            threads: settings.threads,
            spill: absolute(
                &settings
                    .spill
                    .as_ref()
                    .map_or_else(|| folder.join("spill"), |spill| catalog.root().join(spill)),
            ),
            time_zone: project.time_zone.clone(),
        })?;
        engine.execute(
            "CREATE SCHEMA source; SET search_path = 'source,main'",
            "cannot prepare the engine",
        )?;
        Ok(Self {
            engine,
            digests: DigestCache::open(folder.join("digests.json")),
            folder,
            tables: Vec::new(),
            at: None,
            snapshot: None,
            defined: BTreeMap::new(),
            described: RefCell::default(),
            read: Vec::new(),
            read_tables: Vec::new(),
            read_behind: Vec::new(),
            retyped: Vec::new(),
            reads_imports: false,
        })
    }

    fn catalog_file(&self) -> PathBuf {
        self.folder.join("catalog.sqlite")
    }

    /// Attaches the DuckLake whose catalog is `file`.
    ///
    /// Its catalog in SQLite keeps a write-ahead log, so that readers and an import do not wait for each other, and
    /// waits a minute where they must. The folder of its data is told anew: the project may have been moved.
    fn attach(&self, file: &Path, options: &str) -> Result<(), LakeError> {
        self.engine.load("sqlite_scanner", "the project's lake")?;
        self.engine.load("ducklake", "the project's lake")?;
        let catalog = sql::text(&format!("ducklake:sqlite:{}", file.display()));
        let data = sql::text(&self.folder.join("data").to_string_lossy());
        self.engine.execute(
            &format!(
                "ATTACH {catalog} AS {LAKE} \
                 (DATA_PATH {data}, OVERRIDE_DATA_PATH true, META_BUSY_TIMEOUT 60000, {options})"
            ),
            &format!("cannot open the lake in {}", self.folder.display()),
        )
    }

    fn attach_for_reading(&mut self, at: Option<u64>) -> Result<(), LakeError> {
        let file = self.readable_catalog()?;
        self.attach(&file, "READ_ONLY")?;
        let known = self.snapshots()?;
        let newest = known.last().map(|snapshot| snapshot.id);
        let wanted = at.or(newest);
        if let Some(wanted) = wanted {
            if !known.iter().any(|snapshot| snapshot.id == wanted) {
                let range = newest.map_or("none".to_owned(), |newest| {
                    format!("{} to {newest}", known[0].id)
                });
                return Err(LakeError::UnknownSnapshot {
                    wanted,
                    available: range,
                });
            }
            // Attached anew at one snapshot, so that an import that happens meanwhile changes nothing.
            self.engine
                .execute(&format!("DETACH {LAKE}"), "cannot reopen the lake")?;
            self.attach(&file, &format!("READ_ONLY, SNAPSHOT_VERSION {wanted}"))?;
        }
        self.snapshot = wanted;
        self.at = at;
        self.tables = self.list_tables()?;
        Ok(())
    }

    /// The lake's catalog or, in a folder that cannot be written to, a copy: SQLite keeps notes beside what it reads.
    fn readable_catalog(&self) -> Result<PathBuf, LakeError> {
        let file = self.catalog_file();
        let log = self.folder.join("catalog.sqlite-wal");
        if log.exists() || is_writable(&self.folder) {
            return Ok(file);
        }
        let spill = self.engine.spill_folder();
        let copy = spill.join("catalog.sqlite");
        std::fs::create_dir_all(spill)
            .and_then(|()| std::fs::copy(&file, &copy))
            .map_err(|error| LakeError::io(&file, error))?;
        Ok(copy)
    }

    fn list_tables(&self) -> Result<Vec<String>, LakeError> {
        let query = format!(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = {} AND table_name NOT LIKE '\\_%' ESCAPE '\\' \
             ORDER BY table_name",
            sql::text(LAKE)
        );
        self.engine
            .rows(&query, "cannot list the lake's tables", |row| row.get(0))
    }

    /// The lake's snapshots, oldest first; none where nothing has been imported.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, LakeError> {
        if !self.is_attached()? {
            return Ok(Vec::new());
        }
        let query = format!(
            "SELECT snapshot_id, snapshot_time::VARCHAR, changes::VARCHAR FROM {LAKE}.snapshots() ORDER BY 1"
        );
        self.engine
            .rows(&query, "cannot list the lake's snapshots", |row| {
                Ok(Snapshot {
                    id: row.get(0)?,
                    time: row.get(1)?,
                    changes: row.get(2)?,
                })
            })
    }

    /// The snapshot at which a source came into the lake, also where an older one is read.
    fn first_snapshot_of(&self, source: &Source) -> Result<Option<u64>, LakeError> {
        // The engine quotes names that need it.
        let names = [source.name.clone(), sql::identifier(&source.name)];
        let names = sql::texts(names.map(|name| format!("main.{name}")));
        let query = format!(
            "SELECT min(snapshot_id)::UBIGINT FROM {LAKE}.snapshots() \
             WHERE list_has_any(changes['tables_created'], {names})"
        );
        self.engine
            .value(&query, "cannot list the lake's snapshots")
            .map_err(|error| error.of_source(&source.name))
    }

    fn is_attached(&self) -> Result<bool, LakeError> {
        let query = format!(
            "SELECT count(*) > 0 FROM duckdb_databases() WHERE database_name = {}",
            sql::text(LAKE)
        );
        self.engine.value(&query, "cannot look for the lake")
    }

    /// The SQL engine, for queries over the defined sources.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Makes a source known to SQL under its name, once, and says what content that is.
    ///
    /// # Errors
    /// Files that are missing, cut, damaged or of unequal columns; types that do not hold; a declared key that is not
    /// unique ([`LakeError::KeyNotUnique`]); [`LakeError::NoHistory`]; a database that cannot be reached. A damaged line
    /// far down in a file is met only when it is read, by the queries over the source.
    pub fn define(
        &mut self,
        catalog: &Catalog,
        source: &Source,
    ) -> Result<SourceVersion, LakeError> {
        if let Some(version) = self.defined.get(&source.name) {
            return Ok(version.clone());
        }
        let (rows, content) = self.rows_of(catalog, source)?;
        let rows = match &source.row_id {
            Some(row_id) => format!(
                "SELECT row_number() OVER () AS {}, * FROM ({rows})",
                sql::identifier(row_id)
            ),
            None => rows,
        };
        let view = format!("source.{}", sql::identifier(&source.name));
        self.engine
            .execute(&format!("CREATE VIEW {view} AS {rows}"), "cannot read it")
            .map_err(|error| error.of_source(&source.name))?;
        if let Some(key) = &source.key
            && let Err(error) = self.verify_key(source, key, &content)
        {
            self.engine
                .execute(&format!("DROP VIEW {view}"), "cannot forget a source")?;
            return Err(error);
        }
        let version = SourceVersion {
            source: source.name.clone(),
            content,
        };
        self.defined.insert(source.name.clone(), version.clone());
        self.digests.save();
        Ok(version)
    }

    /// Makes every source known that `rows`, a query in parentheses, reads. `place` is whose query it is, such as
    /// ``fact `orders` ``.
    ///
    /// # Errors
    /// As [`Lake::define`]; [`LakeError::Unrepeatable`] for a query that reads anything but sources, or that gives
    /// other rows each time.
    pub fn define_read(
        &mut self,
        catalog: &Catalog,
        place: &str,
        rows: &str,
    ) -> Result<(), LakeError> {
        for source in reads::sources_of(&self.engine, catalog, place, rows)? {
            self.define(catalog, source)?;
        }
        Ok(())
    }

    /// What was read so far, by source name.
    pub fn versions(&self) -> Vec<SourceVersion> {
        self.defined.values().cloned().collect()
    }

    /// Makes sure that the files that are read in place are still those that were pinned, and that no Delta table has
    /// others: to be called when a measurement has been read.
    ///
    /// # Errors
    /// [`LakeError::Changed`] with the first file that was written to meanwhile; a server that cannot be reached again.
    pub fn check_unchanged(&self) -> Result<(), LakeError> {
        for (file, state) in &self.read {
            if FileState::of(file).ok().as_ref() != Some(state) {
                return Err(LakeError::Changed(file.clone()));
            }
        }
        for (table, parts) in &self.read_tables {
            let now = content_files(table, Format::Delta)?;
            if let Some(part) = changed(parts, &now) {
                return Err(LakeError::Changed(part.clone()));
            }
        }
        for read in &self.read_behind {
            let remote = Remote::new(&self.engine, &read.source, &read.url)?;
            let now = versions_at(&remote, &read.places, read.format)?;
            if let Some((file, _)) = changed(&read.versions, &now) {
                return Err(LakeError::Changed(shown(file)));
            }
        }
        Ok(())
    }

    fn rows_of(
        &mut self,
        catalog: &Catalog,
        source: &Source,
    ) -> Result<(String, SourceContent), LakeError> {
        if self.tables.contains(&source.name) {
            // An old state is what was asked for, however the files look now.
            let behind = match self.at {
                Some(_) => 0,
                None => not_imported(self, catalog, source)?,
            };
            let columns =
                self.columns(&format!("{LAKE}.main.{}", sql::identifier(&source.name)))?;
            self.note_retyped(source, &columns)?;
            self.reads_imports = true;
            return self.lake_rows(&source.name, &source.name, behind);
        }
        if let Some(at) = self.at {
            let source_name = source.name.clone();
            return Err(match self.first_snapshot_of(source)? {
                Some(first) => LakeError::NotYet {
                    source_name,
                    at,
                    first,
                },
                None => LakeError::NoHistory { source_name },
            });
        }
        match Place::of(source, catalog.location(source))? {
            Place::LakeTable(table) => self.lake_rows(&source.name, &table, 0),
            Place::Files { path, format } => {
                let files = files_at(&self.engine, source, &path, format)?;
                let content = self.content_of(&files, format)?;
                let layout = self.layout_of(source, format, &files, &content)?;
                Ok((layout.rows(&files, Damaged::Fail), content))
            }
            Place::Url { url, format } => {
                let (files, format) =
                    Remote::new(&self.engine, source, &url)?.files(&url, format)?;
                let content = self.content_behind(source, &url, &files, format)?;
                let layout = self.layout_of(source, format, &files, &content)?;
                Ok((layout.rows(&files, Damaged::Fail), content))
            }
            Place::Postgres { url, table } => {
                self.engine
                    .load("postgres_scanner", "reading a PostgreSQL table")?;
                let database = sql::identifier(&format!("postgres:{}", source.name));
                self.engine
                    .execute(
                        &format!(
                            "ATTACH {} AS {database} (TYPE postgres, READ_ONLY)",
                            sql::text(&url)
                        ),
                        "cannot connect",
                    )
                    .map_err(|error| error.of_source(&source.name))?;
                let path: Vec<String> = table.split('.').map(sql::identifier).collect();
                let relation = format!("{database}.{}", path.join("."));
                described(&self.engine, &relation)
                    .map_err(|error| no_table(source, &table, error))?;
                let rows = format!("SELECT * FROM {relation}");
                Ok((
                    rows,
                    SourceContent::Unpinned {
                        location: without_secrets(&url),
                    },
                ))
            }
        }
    }

    fn lake_rows(
        &self,
        source: &str,
        table: &str,
        files_not_imported: usize,
    ) -> Result<(String, SourceContent), LakeError> {
        let Some(snapshot) = self
            .snapshot
            .filter(|_| self.tables.iter().any(|known| known == table))
        else {
            return Err(LakeError::source(
                source,
                format!(
                    "the lake in {} has no table `{table}`",
                    self.folder.display()
                ),
            ));
        };
        let columns = self.columns(&format!("{LAKE}.main.{}", sql::identifier(table)))?;
        let is_imported = columns.iter().any(|column| column.name == IMPORT_COLUMN);
        let exclude = if is_imported {
            format!(" EXCLUDE ({IMPORT_COLUMN})")
        } else {
            String::new()
        };
        let rows = format!(
            "SELECT *{exclude} FROM {LAKE}.main.{}",
            sql::identifier(table)
        );
        Ok((
            rows,
            SourceContent::Lake {
                table: table.to_owned(),
                snapshot,
                files_not_imported,
            },
        ))
    }

    fn content_of(
        &mut self,
        files: &[PathBuf],
        format: Format,
    ) -> Result<SourceContent, LakeError> {
        let mut digests = Vec::new();
        let mut bytes = 0;
        for file in files {
            let parts = content_files(file, format)?;
            if format == Format::Delta {
                self.read_tables.push((file.clone(), parts.clone()));
            }
            for part in parts {
                let digest = self.digests.digest(&part)?;
                bytes += digest.bytes();
                digests.push((name_of(&part), digest.blake3));
                self.read.push((part, digest.state));
            }
        }
        Ok(SourceContent::Files {
            files: digests.len(),
            bytes,
            blake3: mark_of(&digests),
        })
    }

    /// What files behind URLs hold: unpinned, where a server does not tell one version from another.
    fn content_behind(
        &mut self,
        source: &Source,
        url: &str,
        files: &[PathBuf],
        format: Format,
    ) -> Result<SourceContent, LakeError> {
        let remote = Remote::new(&self.engine, source, url)?;
        let versions = versions_at(&remote, files, format)?;
        let tags: Option<Vec<(String, String)>> = versions
            .iter()
            .map(|(file, version)| Some((name_of(&shown(file)), version.tag.clone()?)))
            .collect();
        let content = match tags {
            Some(tags) => SourceContent::Objects {
                files: versions.len(),
                bytes: versions.iter().map(|(_, version)| version.bytes).sum(),
                etag: mark_of(&tags),
            },
            None => SourceContent::Unpinned {
                location: without_secrets(url),
            },
        };
        // Once for each content, like finding out its layout.
        let known = self
            .digests
            .layout(&source.name, &fingerprint(source, &content));
        if known.is_none() {
            for (file, version) in &versions {
                remote.check_complete(file, version)?;
            }
        }
        self.read_behind.push(ReadBehind {
            source: source.clone(),
            url: url.to_owned(),
            format,
            places: files.to_vec(),
            versions,
        });
        Ok(content)
    }

    /// The layout is found out once per content: that takes one or two readings of the files.
    fn layout_of(
        &mut self,
        source: &Source,
        format: Format,
        files: &[PathBuf],
        content: &SourceContent,
    ) -> Result<Layout, LakeError> {
        let fingerprint = fingerprint(source, content);
        let is_pinned = content.is_pinned();
        let known = self.digests.layout(&source.name, &fingerprint);
        if let Some(layout) = known.filter(|_| is_pinned) {
            // The extensions that reading it takes are loaded by detecting it.
            load_for(&self.engine, format)?;
            return Ok(layout);
        }
        let layout = Layout::detect(
            &self.engine,
            source,
            format,
            files,
            &Settled::new(source, &[]),
        )?;
        if is_pinned {
            self.digests
                .remember_layout(&source.name, &fingerprint, &layout);
        }
        Ok(layout)
    }

    /// A declared key is checked once per content: it is what spares a measurement from counting customers.
    fn verify_key(
        &mut self,
        source: &Source,
        key: &str,
        content: &SourceContent,
    ) -> Result<(), LakeError> {
        let fingerprint = fingerprint(source, content);
        let is_pinned = content.is_pinned();
        if is_pinned && self.digests.key_is_unique(&source.name, &fingerprint) {
            return Ok(());
        }
        let column = sql::identifier(key);
        let query = format!(
            "SELECT count(*)::BIGINT, count({column})::BIGINT, count(DISTINCT {column})::BIGINT FROM source.{}",
            sql::identifier(&source.name)
        );
        let counts = self.engine.rows(&query, "cannot verify the key", |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, i64>(2)?,
            ))
        });
        for (rows, filled, distinct) in counts.map_err(|error| error.of_source(&source.name))? {
            if rows != distinct {
                return Err(LakeError::KeyNotUnique {
                    source_name: source.name.clone(),
                    key: key.to_owned(),
                    detail: format!("{rows} rows, {filled} with a key, {distinct} different keys"),
                });
            }
        }
        if is_pinned {
            self.digests.remember_unique_key(&source.name, &fingerprint);
        }
        Ok(())
    }

    /// The columns of a table or view, as SQL names it, or of a query in parentheses.
    ///
    /// # Errors
    /// [`LakeError::Engine`] where there is no such relation or the query is wrong.
    pub fn columns(&self, relation: &str) -> Result<Vec<Column>, LakeError> {
        // A source stays as it was defined; other tables come and go.
        if !relation.starts_with("source.") {
            return described(&self.engine, relation);
        }
        if let Some(columns) = self.described.borrow().get(relation) {
            return Ok(columns.clone());
        }
        let columns = described(&self.engine, relation)?;
        self.described
            .borrow_mut()
            .insert(relation.to_owned(), columns.clone());
        Ok(columns)
    }
}

/// A state of the lake that can be gone back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Snapshot {
    /// Its number: 0 is the empty lake, and each import that changes something makes the next.
    pub id: u64,
    /// When it was made, as SQL writes a time with its offset.
    pub time: String,
    /// What changed, in the engine's words.
    pub changes: String,
}

/// The versions of what is read at places behind URLs.
fn versions_at(
    remote: &Remote<'_>,
    places: &[PathBuf],
    format: Format,
) -> Result<Vec<(PathBuf, RemoteVersion)>, LakeError> {
    let mut versions = Vec::new();
    for place in places {
        versions.extend(remote.versions(place, format)?);
    }
    Ok(versions)
}

/// The first part of a content that is new or not as it was, else the first that is gone.
fn changed<'a, T: PartialEq>(was: &'a [T], is: &'a [T]) -> Option<&'a T> {
    if was == is {
        return None;
    }
    let mut is_new = is.iter().filter(|part| !was.contains(part));
    is_new
        .next()
        .or_else(|| was.iter().find(|part| !is.contains(part)))
}

/// An error about a table of a database, without the name by which the engine knows the database.
fn no_table(source: &Source, table: &str, error: LakeError) -> LakeError {
    let LakeError::Engine { message, .. } = error else {
        return error;
    };
    let message = message.replace(&format!("postgres:{}.", source.name), "");
    LakeError::source(
        &source.name,
        format!("the database's table `{table}` cannot be read: {message}: check `table:`"),
    )
}

/// Whether a file can be made in a folder: permissions alone do not say so.
fn is_writable(folder: &Path) -> bool {
    let probe = folder.join(format!("{}.probe", std::process::id()));
    std::fs::write(&probe, "")
        .and_then(|()| std::fs::remove_file(&probe))
        .is_ok()
}

/// Names a content and how it is read; 1 is the version of the rules by which layouts are found.
pub(crate) fn fingerprint(source: &Source, content: &impl Serialize) -> String {
    let told = serde_json::json!([1, source, content]).to_string();
    blake3::hash(told.as_bytes()).to_hex().to_string()
}
