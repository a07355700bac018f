//! A project in a temporary folder, measured.

use std::fs;
use std::path::{Path, PathBuf};

use catalog::Catalog;
use lake::Lake;
use measure::MeasureError;
use measure::audience::{LiftFinding, lift};
use tempfile::TempDir;

/// A project whose files are gone with it.
pub(crate) struct Project {
    folder: TempDir,
    threads: u32,
}

impl Project {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            threads: 2,
        }
    }

    #[allow(dead_code, reason = "not every file of tests asks for threads")]
    pub(crate) fn threads(mut self, threads: u32) -> Self {
        self.threads = threads;
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Adds a data file.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.path().join(name), text).unwrap();
        self
    }

    /// Loads the project with these documents.
    pub(crate) fn catalog(&self, documents: &str) -> Catalog {
        let settings = format!(
            "name: Test\nmargin: 0.5\nengine: {{ threads: {} }}\n",
            self.threads
        );
        self.catalog_with(&settings, documents)
    }

    fn catalog_with(&self, settings: &str, documents: &str) -> Catalog {
        let files = [
            (PathBuf::from("touchstone.yaml"), settings.to_owned()),
            (PathBuf::from("catalog/test.yaml"), documents.to_owned()),
        ];
        match Catalog::from_sources(self.path(), files, &|name| std::env::var(name).ok()) {
            Ok(catalog) => catalog,
            Err(error) => panic!("{error}"),
        }
    }

    /// Measures the experiment `test`.
    #[allow(dead_code)] // Not every test measures a lift.
    pub(crate) fn measure(&self, documents: &str) -> Result<LiftFinding, MeasureError> {
        measured(&self.catalog(documents))
    }

    /// Measures the experiment `test` of a project with other settings.
    #[allow(dead_code)] // Not every test has settings of its own.
    pub(crate) fn measure_with(
        &self,
        settings: &str,
        documents: &str,
    ) -> Result<LiftFinding, MeasureError> {
        measured(&self.catalog_with(settings, documents))
    }
}

/// Two numbers are the same, relative to the expected one or to 1, whichever is more.
#[allow(dead_code)] // Not every test compares numbers.
#[track_caller]
pub(crate) fn assert_close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1.0),
        "{found} is not {expected}"
    );
}

fn measured(catalog: &Catalog) -> Result<LiftFinding, MeasureError> {
    let mut lake = Lake::open(catalog, None)?;
    lift(catalog, &mut lake, catalog.experiment("test").unwrap())
}
