//! A project in a folder of its own.

#![allow(dead_code, unreachable_pub)]

pub mod server;

use std::path::{Path, PathBuf};

use catalog::Catalog;
use lake::{Imported, Lake, LakeError, import};
use tempfile::TempDir;

pub struct Project {
    pub folder: TempDir,
    pub catalog: Catalog,
}

impl Project {
    /// A project with one source called `t`, of which `yaml` has the other settings, indented by two spaces or in one
    /// line: `path: data.csv, types: {...}`.
    pub fn with_source(yaml: &str) -> Self {
        Self::new("name: shop", &format!("{{kind: source, name: t, {yaml}}}"))
    }

    pub fn new(settings: &str, sources: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = catalog(folder.path(), settings, sources);
        Self { folder, catalog }
    }

    /// Declares the source `t` anew.
    pub fn redeclare(&mut self, yaml: &str) {
        self.catalog = catalog(
            self.folder.path(),
            "name: shop",
            &format!("{{kind: source, name: t, {yaml}}}"),
        );
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub fn open(&self) -> Lake {
        Lake::open(&self.catalog, None).unwrap()
    }

    /// A lake in which `t` is defined.
    pub fn read(&self) -> Lake {
        self.read_at(None).unwrap()
    }

    pub fn read_at(&self, at: Option<u64>) -> Result<Lake, LakeError> {
        let mut lake = Lake::open(&self.catalog, at)?;
        lake.define(&self.catalog, self.catalog.source("t").unwrap())?;
        Ok(lake)
    }

    /// What goes wrong where `t` is defined and read to the end.
    pub fn read_error(&self) -> String {
        let read = self.read_at(None).and_then(|lake| {
            lake.engine()
                .execute("CREATE TEMP TABLE all_rows AS FROM t", "cannot read")
        });
        read.expect_err("reading must fail").to_string()
    }

    pub fn import(&self) -> Result<Imported, LakeError> {
        import(&self.catalog, self.catalog.source("t").unwrap(), None)
    }

    pub fn import_with_rejects(&self) -> Result<Imported, LakeError> {
        let rejects = self.path("rejects.csv");
        import(
            &self.catalog,
            self.catalog.source("t").unwrap(),
            Some(&rejects),
        )
    }

    /// Runs SQL in an engine of its own, for example to write files; `{dir}` stands for the project's folder.
    pub fn sql(&self, statements: &str, extensions: &[&'static str]) -> &Self {
        let lake = self.open();
        for extension in extensions {
            lake.engine().load(extension, "a test").unwrap();
        }
        let statements = statements.replace("{dir}", &self.folder.path().to_string_lossy());
        lake.engine().execute(&statements, "test").unwrap();
        self
    }
}

pub fn catalog(root: &Path, settings: &str, sources: &str) -> Catalog {
    let files = [
        (PathBuf::from("touchstone.yaml"), settings),
        (PathBuf::from("catalog/sources.yaml"), sources),
    ];
    Catalog::from_sources(root, files, &|name| {
        (name == "DATA").then(|| root.join("data").to_string_lossy().into_owned())
    })
    .unwrap_or_else(|error| panic!("{error}"))
}

/// All rows of a query as text.
pub fn rows(lake: &Lake, query: &str) -> Vec<String> {
    let query =
        format!("SELECT array_to_string([coalesce(COLUMNS(*)::VARCHAR, '-')], '') FROM ({query})");
    let read = |row: &duckdb::Row<'_>| {
        let values: Result<Vec<String>, _> = (0..row.as_ref().column_count())
            .map(|index| row.get(index))
            .collect();
        Ok(values?.join(","))
    };
    lake.engine().rows(&query, "test", read).unwrap()
}

/// The columns of `t`, as `name TYPE`.
pub fn columns(lake: &Lake) -> Vec<String> {
    let columns = lake.columns("t").unwrap();
    columns
        .into_iter()
        .map(|column| format!("{} {}", column.name, column.type_name))
        .collect()
}
