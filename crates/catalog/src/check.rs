//! All checks of a project: structure, names, and the rules that a schema cannot say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Place};
use crate::location::{Environment, ExpandError, Location, expand};
use crate::model::{Document, Project};
use crate::names::did_you_mean;
use crate::rules;
use crate::schema;
use crate::structure::{Reference, Structure};
use crate::yaml::{Node, Parsed, Value, quote};

/// A project whose files could be read into the model.
pub(crate) struct Checked {
    pub(crate) project: Project,
    pub(crate) documents: Vec<Document>,
    /// The same documents as they are written.
    pub(crate) nodes: Vec<Node>,
    pub(crate) lake: PathBuf,
    pub(crate) locations: BTreeMap<String, Location>,
}

/// Checks a project and adds all that is wrong to the diagnostics. There is a result only where the settings could be
/// read; it is to be used only where no diagnostic is an error.
pub(crate) fn check(
    root: &Path,
    project: Parsed,
    catalog: Parsed,
    environment: Environment<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Checked> {
    diagnostics.extend(project.errors);
    diagnostics.extend(catalog.errors);
    let project = read_project(&project.documents, project.unread.is_empty(), diagnostics);

    let mut names = Names::default();
    let mut references = Vec::new();
    let mut documents = Vec::new();
    for node in catalog.documents {
        names.declare(&node, diagnostics);
        if let Some(document) = read_document(&node, &mut references, diagnostics) {
            documents.push((document, node));
        }
    }
    for reference in &references {
        let may_be_unread = catalog
            .unread
            .iter()
            .any(|text| text.contains(&reference.name));
        if !may_be_unread {
            diagnostics.extend(names.unresolved(reference));
        }
    }

    let mut locations = BTreeMap::new();
    for (document, node) in &documents {
        if let Document::Source(source) = document
            && let Some(path) = &source.path
            && let Some(location) =
                locate(root, path, node.place_of("path"), environment, diagnostics)
        {
            locations.insert(source.name.clone(), location);
        }
    }
    rules::check(&documents, &locations, diagnostics);

    let (project, node) = project?;
    rules::check_project(&project, node, diagnostics);
    let lake = locate(
        root,
        &project.lake,
        node.place_of("lake"),
        environment,
        diagnostics,
    )?;
    let Location::Local(lake) = lake else {
        let help = "name a folder; sources may be anywhere";
        let place = node.place_of("lake");
        let message = "the lake must be on this machine";
        diagnostics.push(Diagnostic::error("unknown-value", place, message).help(help));
        return None;
    };
    let (documents, nodes) = documents.into_iter().unzip();
    Some(Checked {
        project,
        documents,
        nodes,
        lake,
        locations,
    })
}

fn read_project<'n>(
    documents: &'n [Node],
    is_complete: bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Project, &'n Node)> {
    let (node, others) = match documents {
        [node, others @ ..] => (node, others),
        [] => return None,
    };
    for other in others.iter().filter(|_| is_complete) {
        let message = "the settings of a project are one document";
        diagnostics.push(
            Diagnostic::error("project", &other.place, message)
                .help("put documents with `kind` into the folder `catalog`"),
        );
    }
    let (structure, json) = Structure::walk(
        schema::project(),
        schema::project(),
        node,
        "touchstone.yaml",
    );
    let project = if structure.errors.is_empty() {
        read(structure, json, node, diagnostics)
    } else {
        diagnostics.extend(structure.errors);
        readable(json)
    };
    project.map(|project| (project, node))
}

/// What can be read of settings with mistakes in their structure, so that the rules find their mistakes too: what cannot
/// be read is as if it were not there.
fn readable(mut json: Json) -> Option<Project> {
    let settings = json.as_object_mut()?;
    settings.retain(|_, value| !value.is_null());
    settings.entry("name").or_insert_with(|| Json::from(""));
    serde_json::from_value(json).ok()
}

fn read_document(
    node: &Node,
    references: &mut Vec<Reference>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Document> {
    let list = || {
        format!(
            "the kinds are {}",
            schema::kinds().collect::<Vec<_>>().join(", ")
        )
    };
    if !matches!(node.value, Value::Mapping(_)) {
        let message = format!(
            "a document is a mapping of keys to values, not {}",
            node.describe()
        );
        diagnostics.push(
            Diagnostic::error("wrong-type", &node.place, message).help("begin it with `kind:`"),
        );
        return None;
    }
    let Some(kind) = node.get("kind") else {
        let message = "a document needs the key `kind`";
        diagnostics.push(Diagnostic::error("missing-key", &node.place, message).help(list()));
        return None;
    };
    let text = kind.value.text().unwrap_or_default();
    let Some(branch) = schema::branch(text) else {
        let message = match kind.value.text() {
            Some(text) => format!("there is no kind {}", quote(text)),
            None => format!("`kind` takes a text, not {}", kind.value.describe()),
        };
        let help = match did_you_mean(text, schema::kinds()) {
            Some(meant) => format!("did you mean `{meant}`? {}", list()),
            None => list(),
        };
        diagnostics.push(Diagnostic::error("unknown-kind", &kind.value.place, message).help(help));
        return None;
    };
    let (mut structure, json) =
        Structure::walk(schema::document(), branch, node, &with_article(text));
    references.append(&mut structure.references);
    read(structure, json, node, diagnostics)
}

/// Reads what was found to have the right structure into the model.
fn read<T: DeserializeOwned>(
    structure: Structure,
    json: Json,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<T> {
    if !structure.errors.is_empty() {
        diagnostics.extend(structure.errors);
        return None;
    }
    let read = serde_json::from_value(json);
    read.map_err(|error| {
        diagnostics.push(Diagnostic::error(
            "wrong-type",
            &node.place,
            error.to_string(),
        ))
    })
    .ok()
}

/// The location that a path means, with environment variables replaced.
fn locate(
    root: &Path,
    path: &str,
    place: &Place,
    environment: Environment<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Location> {
    let (message, help) = match expand(path, environment) {
        Ok(path) => return Some(Location::new(root, &path)),
        Err(ExpandError::Unset(name)) => (
            format!("the environment variable {name} is not set"),
            format!("set it, for example with `export {name}=...`, or write the path out"),
        ),
        Err(ExpandError::Malformed) => (
            format!(
                "{} has a `${{` that is not an environment variable",
                quote(path)
            ),
            "write `${NAME}`, with letters, digits and `_`".to_owned(),
        ),
    };
    diagnostics.push(Diagnostic::error("environment", place, message).help(help));
    None
}

/// The names that are declared, by kind, in the order of declaration. A document with mistakes declares its name too, so
/// that one mistake does not look like many.
#[derive(Default)]
struct Names {
    by_kind: BTreeMap<String, Vec<Declared>>,
}

struct Declared {
    name: String,
    /// For a cost, whose names are unique for each initiative.
    initiative: Option<String>,
    place: Place,
}

impl Names {
    fn declare(&mut self, node: &Node, diagnostics: &mut Vec<Diagnostic>) {
        let text = |key: &str| {
            node.get(key)
                .and_then(|entry| entry.value.text())
                .map(str::to_owned)
        };
        let (Some(kind), Some(name)) = (text("kind"), text("name")) else {
            return;
        };
        let initiative = if kind == "cost" {
            text("initiative")
        } else {
            None
        };
        let place = node.place_of("name").clone();
        let declared = self.by_kind.entry(kind.clone()).or_default();
        let is_same = |other: &&Declared| {
            other.name.eq_ignore_ascii_case(&name) && other.initiative == initiative
        };
        if let Some(first) = declared.iter().find(is_same) {
            let owner = initiative
                .as_ref()
                .map_or_else(String::new, |initiative| format!(" of `{initiative}`"));
            let message = if first.name == name {
                format!("there are two documents of kind {kind} named `{name}`{owner}")
            } else {
                format!(
                    "the {kind} names `{}` and `{name}`{owner} differ only in capitals",
                    first.name
                )
            };
            diagnostics.push(
                Diagnostic::error("duplicate-name", &place, message)
                    .help("rename one of them, or remove it")
                    .related(&first.place, "first here"),
            );
            return;
        }
        declared.push(Declared {
            name,
            initiative,
            place,
        });
    }

    /// An error where a reference names nothing.
    fn unresolved(&self, reference: &Reference) -> Option<Diagnostic> {
        let Reference { kind, name, place } = reference;
        let declared = self
            .by_kind
            .get(kind)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if declared.iter().any(|d| d.name == *name) {
            return None;
        }
        let names = || declared.iter().map(|d| d.name.as_str());
        let help = match did_you_mean(name, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if declared.is_empty() => {
                format!("declare it: {{ kind: {kind}, name: {name}, ... }}")
            }
            None => format!(
                "declare it, or name one of {}",
                names().collect::<Vec<_>>().join(", ")
            ),
        };
        let message = format!("there is no {kind} {}", quote(name));
        Some(Diagnostic::error("unknown-name", place, message).help(help))
    }
}

/// A kind with its article: `an audience`.
fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    // `content` has no plural, and so no article; `summaries` are many.
    if matches!(kind, "content" | "summaries") {
        kind.to_owned()
    } else {
        format!("{article} {kind}")
    }
}
