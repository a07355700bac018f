//! A project's documents, checked, for those who measure by them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::diagnostic::{Diagnostic, Diagnostics, Place, SourceFile};
use crate::load;
use crate::location::{Environment, Location};
use crate::model::{
    Attribution, Audience, Channel, Content, Cost, Document, Experiment, Fact, Factorial,
    FactorialOf, Initiative, Lifetime, Metric, Performance, Project, Source, Summaries, Team,
    Touch,
};
use crate::yaml::Node;

/// What a project declares: its settings and its documents, in the order in which they are declared
/// (files by path, documents from top to bottom).
///
/// A catalog exists only where every document of the project is right: names resolve, metrics have what their
/// aggregate needs, experiments have arms to compare.
#[derive(Debug, Clone)]
pub struct Catalog {
    pub(crate) root: PathBuf,
    pub(crate) project: Project,
    pub(crate) documents: Vec<Document>,
    /// The same documents as they are written.
    pub(crate) nodes: Vec<Node>,
    pub(crate) lake: PathBuf,
    /// The locations of the sources that have a path, by the source's name.
    pub(crate) locations: BTreeMap<String, Location>,
    pub(crate) warnings: Vec<Diagnostic>,
    pub(crate) files: Vec<SourceFile>,
}

/// Why a project could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The folder is not that of a project.
    #[error("no touchstone.yaml in {}: start a project with `touchstone init FOLDER`, or name the project's folder with `-C FOLDER`", .0.display())]
    NoProject(PathBuf),
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The project's files have mistakes: all of them, and warnings.
    #[error("{0}")]
    Invalid(Diagnostics),
}

impl Catalog {
    /// Reads the project in a folder: `touchstone.yaml` and every `.yaml` or `.yml` file in `catalog/` and the folders
    /// in it, without hidden ones. Environment variables are those of the process.
    ///
    /// # Errors
    /// [`LoadError::Invalid`] with every mistake in the project's files; else a file that cannot be read.
    pub fn load(root: &Path) -> Result<Self, LoadError> {
        Self::load_with(root, &|name| std::env::var(name).ok())
    }

    /// [`Catalog::load`] with environment variables from elsewhere.
    ///
    /// # Errors
    /// As [`Catalog::load`].
    pub fn load_with(root: &Path, environment: Environment<'_>) -> Result<Self, LoadError> {
        load::load(root, load::read_files(root)?, environment)
    }

    /// Reads a project from texts, each with the path by which diagnostics name it. The one whose file name is
    /// `touchstone.yaml` holds the project's settings.
    ///
    /// # Errors
    /// As [`Catalog::load`].
    pub fn from_sources<T: Into<Vec<u8>>>(
        root: &Path,
        files: impl IntoIterator<Item = (PathBuf, T)>,
        environment: Environment<'_>,
    ) -> Result<Self, LoadError> {
        let files = files
            .into_iter()
            .map(|(path, text)| (path, text.into()))
            .collect();
        load::load(root, files, environment)
    }

    /// The project's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The project's settings.
    #[must_use]
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// All documents in the order of declaration.
    #[must_use]
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// Where the catalog says what a place in words names, such as ``attribution `sales`, conversion`` or
    /// ``metric `buyers`, steps, `seen`, where``: the value to which the keys and names lead as far as the document of that
    /// kind and name has them, which is else the document.
    #[must_use]
    pub fn place_of(&self, place: &str) -> Option<&Place> {
        let (kind, rest) = place.split_once(" `")?;
        let (name, key) = rest.split_once('`')?;
        let is = |node: &&Node, key: &str, wanted: &str| {
            let text = node.get(key).and_then(|entry| entry.value.text());
            text == Some(wanted)
        };
        let node = self
            .nodes
            .iter()
            .find(|node| is(node, "kind", kind) && is(node, "name", name))?;
        let path = key.trim_start_matches(", ").replace(", ", "/");
        Some(node.place_of(&path.replace('`', "")))
    }

    /// The folder of the lake.
    #[must_use]
    pub fn lake(&self) -> &Path {
        &self.lake
    }

    /// Where a source's data lie; none for a table of the lake.
    #[must_use]
    pub fn location(&self, source: &Source) -> Option<&Location> {
        self.locations.get(&source.name)
    }

    /// The documents of kind `cost`, in the order of declaration. Their names are unique for each initiative only.
    pub fn costs(&self) -> impl Iterator<Item = &Cost> {
        self.documents.iter().filter_map(|document| match document {
            Document::Cost(cost) => Some(cost),
            _ => None,
        })
    }

    /// The costs of an initiative.
    pub fn costs_of<'a>(&'a self, initiative: &'a str) -> impl Iterator<Item = &'a Cost> {
        self.costs()
            .filter(move |cost| cost.initiative == initiative)
    }

    /// The channels that a factorial switches on and off, each after the factor that does; none of one of components.
    pub fn switched_by<'a>(
        &'a self,
        factorial: &'a Factorial,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let of_channels = factorial.of == FactorialOf::Channels;
        let experiment = of_channels.then(|| self.experiment(&factorial.experiment));
        let factors = experiment.flatten().and_then(Experiment::factors);
        let names = factors.into_iter().flat_map(|factors| factors.names);
        names.map(|factor| (factor, factorial.channel_of(factor)))
    }

    /// The contribution margin on a metric's money: its own, else the project's.
    #[must_use]
    pub fn margin_of(&self, metric: &Metric) -> Option<f64> {
        metric.margin.or(self.project.margin)
    }

    /// Bounds the SQL engine otherwise than the project's settings do, for one run.
    pub fn bound_engine(&mut self, threads: Option<u32>, memory: Option<String>) {
        let engine = &mut self.project.engine;
        engine.threads = threads.or(engine.threads);
        engine.memory = memory.or(engine.memory.take());
    }

    /// What is allowed but worth a look.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The files that the catalog was read from, for showing the lines of its warnings.
    #[must_use]
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// A fingerprint of what is declared, for the provenance of findings: the SHA-256, in hexadecimal digits, of the
    /// settings that numbers depend on (currency, time zone, margin, discount rate) and of all documents as JSON, one a
    /// line, sorted. Comments, formatting, defaults written out, and the order of documents and
    /// files do not change it; environment variables stay as `${NAME}`.
    #[must_use]
    pub fn definitions_hash(&self) -> String {
        let Project {
            currency,
            time_zone,
            margin,
            discount_rate,
            ..
        } = &self.project;
        let settings = json(&(currency, time_zone, margin, discount_rate));
        let mut lines: Vec<String> = self.documents.iter().map(json).collect();
        lines.sort_unstable();
        let mut hash = Sha256::new();
        for line in [settings].iter().chain(&lines) {
            hash.update(line);
            hash.update("\n");
        }
        hash.finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// A value of the model as JSON, with the keys in the order of the model's fields.
fn json(value: &impl Serialize) -> String {
    // Writing JSON to a string fails only for keys that are not texts; the model has none.
    serde_json::to_string(value).expect("the model's keys are texts")
}

/// Makes, for each kind of document, an iterator over its documents and a lookup by name.
macro_rules! kinds {
    ($($kind:ident, $one:ident, $many:ident;)*) => {
        impl Catalog {
            $(
                #[doc = concat!("The documents of kind `", stringify!($one), "`, in the order of declaration.")]
                pub fn $many(&self) -> impl Iterator<Item = &$kind> {
                    self.documents.iter().filter_map(|document| match document {
                        Document::$kind(value) => Some(value),
                        _ => None,
                    })
                }

                #[doc = concat!("The `", stringify!($one), "` of this name.")]
                #[must_use]
                pub fn $one(&self, name: &str) -> Option<&$kind> {
                    self.$many().find(|value| value.name == name)
                }
            )*
        }
    };
}

kinds! {
    Source, source, sources;
    Fact, fact, facts;
    Metric, metric, metrics;
    Audience, audience, audiences;
    Team, team, teams;
    Channel, channel, channels;
    Content, content, contents;
    Initiative, initiative, initiatives;
    Experiment, experiment, experiments;
    Summaries, summaries, all_summaries;
    Lifetime, lifetime, lifetimes;
    Touch, touch, touches;
    Attribution, attribution, attributions;
    Performance, performance, performances;
    Factorial, factorial, factorials;
}
