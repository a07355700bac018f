use std::path::Path;

use catalog::Source;
use lake::Imported;
use report::terminal;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::show;
use crate::progress::Spinner;
use crate::project;

/// What an import of several sources did.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Imports {
    /// The name and version of this format.
    format: &'static str,
    /// One a source.
    imports: Vec<Imported>,
}

impl Imports {
    pub(super) const FORMAT: &'static str = "touchstone.imports/1";
}

/// Imports the named sources, or all that have files.
pub(crate) fn import(
    global: &Global,
    names: &[String],
    rejects: Option<&Path>,
) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    let mut sources: Vec<&Source> = Vec::new();
    for name in names {
        let source = catalog.source(name).ok_or_else(|| {
            let known = catalog.sources().map(|known| known.name.as_str());
            Failure::unknown("source", name, known)
        })?;
        sources.push(source);
    }
    if names.is_empty() {
        let has_files = |source: &&Source| {
            let location = catalog.location(source);
            location.is_some_and(|location| !location.is_database())
        };
        sources.extend(catalog.sources().filter(has_files));
    }
    if rejects.is_some() && sources.len() != 1 {
        return Err(Failure::Refused(
            "--rejects FILE needs exactly one source to be named".to_owned(),
        ));
    }
    let spinner = Spinner::new("importing");
    let mut done = Imports {
        format: Imports::FORMAT,
        imports: Vec::new(),
    };
    for source in sources {
        spinner.say(&format!("importing {}", source.name));
        done.imports.push(lake::import(&catalog, source, rejects)?);
    }
    drop(spinner);
    show(global.format, &done, |done, screen| {
        terminal::imports(&done.imports, screen)
    })
}
