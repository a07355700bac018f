//! What each command does.

mod demo;
mod import;
mod init;
mod schema;

use catalog::Catalog;
use lake::{Lake, Snapshot};
use measure::audience::{self, LiftFinding};
use report::html::TruthRow;
use report::terminal;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::{Cli, Command, Global, Measure};
use crate::failure::{Failure, eprint, pretty};
use crate::output::{print, show};
use crate::progress::Spinner;
use crate::project;

/// Runs the command that the command line asks for.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let global = &cli.global;
    match cli.command {
        Command::Demo(demo) => demo::demo(global, &demo),
        Command::Init { folder } => init::init(&folder),
        Command::Check => check(global),
        Command::Schema { of } => schema::schema(of),
        Command::Import { sources, rejects } => {
            import::import(global, &sources, rejects.as_deref())
        }
        Command::Snapshots => snapshots(global),
        Command::Measure {
            what:
                Measure::Audience {
                    name: Some(name),
                    at,
                },
        } => measure_one(global, &name, at.at),
        Command::Measure {
            what: Measure::Audience { name: None, at },
        } => measure_all(global, at.at),
        Command::Roi(at) => roi(global, at.at),
        Command::Report { output, at } => html(global, &output, at.at),
        Command::Simulate { folder, company } => demo::simulate(global, &folder, company),
    }
}

/// What `check` says of a project without mistakes.
#[derive(Debug, Serialize, JsonSchema)]
struct Checked {
    /// The name and version of this format.
    format: &'static str,
    project: String,
    documents: usize,
    experiments: usize,
    warnings: usize,
    definitions: String,
}

impl Checked {
    const FORMAT: &'static str = "touchstone.check/1";
}

fn check(global: &Global) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    for warning in catalog.warnings() {
        let file = catalog
            .files()
            .iter()
            .find(|file| file.path == warning.place.file);
        eprint(&format!("{}\n", pretty(warning, file)));
    }
    let checked = Checked {
        format: Checked::FORMAT,
        project: catalog.project().name.clone(),
        documents: catalog.documents().len(),
        experiments: catalog.experiments().count(),
        warnings: catalog.warnings().len(),
        definitions: catalog.definitions_hash(),
    };
    show(global.format, &checked, |checked, _| {
        let counted =
            |number, one, many| report::format::Format::PLAIN.counted(number as u64, one, many);
        format!(
            "{}: {}, {}, no mistakes\n",
            checked.project,
            counted(checked.documents, "document", "documents"),
            counted(checked.experiments, "experiment", "experiments"),
        )
    })
}

/// The states of the lake that can be gone back to.
#[derive(Debug, Serialize, JsonSchema)]
struct Snapshots {
    /// The name and version of this format.
    format: &'static str,
    /// The oldest first.
    snapshots: Vec<Snapshot>,
}

impl Snapshots {
    const FORMAT: &'static str = "touchstone.snapshots/1";
}

fn snapshots(global: &Global) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    let found = Snapshots {
        format: Snapshots::FORMAT,
        snapshots: Lake::open(&catalog, None)?.snapshots()?,
    };
    show(global.format, &found, |found, screen| {
        terminal::snapshots(&found.snapshots, screen)
    })
}

fn measure_one(global: &Global, name: &str, at: Option<u64>) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    let experiment = project::experiment(&catalog, name)?;
    let mut lake = Lake::open(&catalog, at)?;
    let spinner = Spinner::new(&format!("measuring {name}"));
    let finding = audience::lift(&catalog, &mut lake, experiment)?;
    drop(spinner);
    show(global.format, &finding, terminal::lift)
}

/// The findings of several experiments.
#[derive(Debug, Serialize, JsonSchema)]
struct Lifts {
    /// The name and version of this format.
    format: &'static str,
    experiments: Vec<LiftFinding>,
}

impl Lifts {
    const FORMAT: &'static str = "touchstone.lifts/1";
}

fn measure_all(global: &Global, at: Option<u64>) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    let mut lake = Lake::open(&catalog, at)?;
    let lifts = Lifts {
        format: Lifts::FORMAT,
        experiments: measured(&catalog, &mut lake)?,
    };
    show(global.format, &lifts, |lifts, screen| {
        let tables: Vec<String> = lifts
            .experiments
            .iter()
            .map(|finding| terminal::lift(finding, screen))
            .collect();
        tables.join("\n")
    })
}

fn roi(global: &Global, at: Option<u64>) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    let mut lake = Lake::open(&catalog, at)?;
    let lifts = measured(&catalog, &mut lake)?;
    let ledger = project::ledger(&catalog, &lake, &lifts)?;
    show(global.format, &ledger, terminal::ledger)
}

fn html(global: &Global, output: &std::path::Path, at: Option<u64>) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    let mut lake = Lake::open(&catalog, at)?;
    let lifts = measured(&catalog, &mut lake)?;
    let ledger = project::ledger(&catalog, &lake, &lifts)?;
    write_html(&catalog, &ledger, &lifts, &[], output)?;
    print(&format!("wrote {}\n", output.display()))
}

/// Measures every experiment; a project without one has nothing to say.
fn measured(catalog: &Catalog, lake: &mut Lake) -> Result<Vec<LiftFinding>, Failure> {
    let lifts = project::lifts(catalog, lake)?;
    if lifts.is_empty() {
        return Err(Failure::Refused(format!(
            "the catalog in {} declares no experiment: add a document with `kind: experiment`",
            catalog.root().display()
        )));
    }
    Ok(lifts)
}

/// Writes the report beside its place and moves it there, so that no half of it is ever found.
fn write_html(
    catalog: &Catalog,
    ledger: &value::LedgerFinding,
    lifts: &[LiftFinding],
    truth: &[TruthRow],
    output: &std::path::Path,
) -> Result<(), Failure> {
    let page = report::html::render(&report::html::Report {
        project: &catalog.project().name,
        currency: &catalog.project().currency,
        ledger: Some(ledger),
        lifts,
        truth,
        version: env!("CARGO_PKG_VERSION"),
    })?;
    let partial = output.with_extension("html.partial");
    std::fs::write(&partial, page).map_err(Failure::io(&partial))?;
    std::fs::rename(&partial, output).map_err(Failure::io(output))
}
