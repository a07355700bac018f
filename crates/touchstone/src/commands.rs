//! What each command does.

mod content;
mod demo;
mod import;
mod init;
mod lifetime;
mod plan;
mod programme;
mod schema;
mod seal;
mod trust;
mod worth;

use catalog::Catalog;
use lake::{Lake, Output, Snapshot};
use measure::audience::{
    self, Depth, LifetimeFinding, LiftFinding, OverlapsFinding, ProgrammeFinding,
};
use report::html::Report;
use report::terminal;
use schemars::JsonSchema;
use serde::Serialize;
use value::Findings;

use crate::cli::{Cli, Command, Global, Measure, Replay};
use crate::failure::{Failure, eprint, pretty};
use crate::output::{print, show};
use crate::progress::Spinner;
use crate::project;

/// Runs the command that the command line asks for.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let global = &cli.global;
    // Of a company that the command makes itself, the folder's catalog says nothing.
    let is_of_project = !matches!(cli.command, Command::Demo(_) | Command::Simulate { .. });
    command(global, cli.command).map_err(|failure| match project::load(global) {
        Ok(catalog) if is_of_project => failure.with_data_file(&catalog).placed(&catalog),
        _ => failure,
    })
}

fn command(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(demo) => demo::demo(global, &demo),
        Command::Init { folder } => init::init(&folder),
        Command::Check => check(global),
        Command::Schema { of } => schema::schema(of),
        Command::Import { sources, rejects } => {
            import::import(global, &sources, rejects.as_deref())
        }
        Command::Snapshots => snapshots(global),
        Command::Plan(asked) => plan::plan(global, &asked),
        Command::Seal { experiment, reason } => seal::seal(global, &experiment, reason.as_deref()),
        Command::Measure {
            what:
                Measure::Audience {
                    name: Some(name),
                    customers,
                    trust,
                    at,
                },
        } => match (trust.replay, &trust.with, &customers) {
            (Some(splits), _, _) => replay(global, &name, (splits, trust.seed), at.at),
            (None, Some(other), _) => interaction(global, &name, other, at.at),
            (None, None, Some(file)) => lifetime::write_customers(global, &name, file, at.at),
            (None, None, None) => measure_one(global, &name, trust.depth(), at.at),
        },
        Command::Measure {
            what:
                Measure::Audience {
                    name: None,
                    trust,
                    at,
                    ..
                },
        } => measure_all(global, trust.depth(), at.at),
        Command::Measure {
            what:
                Measure::Content {
                    name: Some(name),
                    at,
                },
        } => content::one(global, &name, at.at),
        Command::Measure {
            what: Measure::Content { name: None, at },
        } => content::all(global, at.at),
        Command::Roi(at) => roi(global, at.at),
        Command::Report { output, replay, at } => html(global, &output, &replay, at.at),
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

fn measure_one(global: &Global, name: &str, depth: Depth, at: Option<u64>) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    if let Some(summaries) = catalog.summaries(name) {
        return programme::show_one(global, &catalog, summaries, at);
    }
    if let Some(lifetime) = catalog.lifetime(name) {
        return lifetime::show_one(global, &catalog, lifetime, at);
    }
    let experiment = project::experiment(&catalog, name)?;
    let mut lake = Lake::open(&catalog, at)?;
    let spinner = Spinner::new(&format!("measuring {name}"));
    let finding = audience::lift_at_depth(&catalog, &mut lake, experiment, depth)?;
    drop(spinner);
    show(global.format, &finding, terminal::lift)
}

/// Whether the analysis of an experiment is valid on its data.
fn replay(
    global: &Global,
    name: &str,
    (splits, seed): (u32, u64),
    at: Option<u64>,
) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    let experiment = project::experiment(&catalog, name)?;
    let mut lake = Lake::open(&catalog, at)?;
    let spinner = Spinner::new(&format!("replaying {name}"));
    let finding = audience::replay(&catalog, &mut lake, experiment, splits, seed)?;
    drop(spinner);
    show(global.format, &finding, terminal::replay)
}

/// Whether two experiments on the same customers disturb each other.
fn interaction(global: &Global, name: &str, other: &str, at: Option<u64>) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    let experiment = project::experiment(&catalog, name)?;
    let other = project::experiment(&catalog, other)?;
    let mut lake = Lake::open(&catalog, at)?;
    let spinner = Spinner::new(&format!("measuring {name} with {}", other.name));
    let finding = audience::interactions(&catalog, &mut lake, experiment, other)?;
    drop(spinner);
    show(global.format, &finding, terminal::interaction)
}

/// The findings of several experiments.
#[derive(Debug, Serialize, JsonSchema)]
struct Lifts {
    /// The name and version of this format.
    format: &'static str,
    experiments: Vec<LiftFinding>,
    /// Experiments of which only summaries are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    programmes: Vec<ProgrammeFinding>,
    /// What customers are worth over their lifetime.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lifetimes: Vec<LifetimeFinding>,
    /// Whether experiments on the same customers disturb each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    overlaps: Option<OverlapsFinding>,
}

impl Lifts {
    const FORMAT: &'static str = "touchstone.lifts/1";
}

fn measure_all(global: &Global, depth: Depth, at: Option<u64>) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    let mut lake = Lake::open(&catalog, at)?;
    let programmes = programme::all(&catalog, &mut lake)?;
    let lifetimes = lifetime::all(&catalog, &mut lake)?;
    let experiments = if programmes.is_empty() && lifetimes.is_empty() {
        measured(&catalog, &mut lake, depth)?
    } else {
        project::lifts(&catalog, &mut lake, depth)?
    };
    let lifts = Lifts {
        format: Lifts::FORMAT,
        experiments,
        programmes,
        lifetimes,
        overlaps: trust::overlaps(&catalog, &mut lake)?,
    };
    show(global.format, &lifts, |lifts, screen| {
        let tables: Vec<String> = lifts
            .experiments
            .iter()
            .map(|finding| terminal::lift(finding, screen))
            .chain(
                lifts
                    .programmes
                    .iter()
                    .map(|finding| terminal::programme(finding, screen)),
            )
            .chain(
                lifts
                    .lifetimes
                    .iter()
                    .map(|finding| terminal::lifetime(finding, screen)),
            )
            .chain(
                lifts
                    .overlaps
                    .iter()
                    .map(|finding| terminal::overlaps(finding, screen)),
            )
            .collect();
        tables.join("\n")
    })
}

fn roi(global: &Global, at: Option<u64>) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    let mut lake = Lake::open(&catalog, at)?;
    let lifts = if worth::counts_credit(&catalog) {
        project::lifts(&catalog, &mut lake, Depth::Usual)?
    } else {
        measured(&catalog, &mut lake, Depth::Usual)?
    };
    let worth = worth::Worth::measure(&catalog, &mut lake)?;
    let ledger = project::ledger(&catalog, &lake, &worth.with(&lifts))?;
    show(global.format, &ledger, terminal::ledger)
}

/// Refuses a file whose folder is missing, before anything is measured for it.
fn check_folder(file: &std::path::Path, what: &str, option: &str) -> Result<(), Failure> {
    let folder = file.parent();
    if folder.is_some_and(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        return Err(Failure::Refused(format!(
            "{}: there is no such folder to write {what} to: make it, or choose another place with `{option}`",
            file.display()
        )));
    }
    Ok(())
}

/// Of what is there, a page of the report is written over and nothing else.
const PAGE: Output = Output {
    option: "--output",
    begins: "<!doctype html>\n<!-- A report of Touchstone",
};

/// Writes the report on everything that the catalog declares.
fn html(
    global: &Global,
    output: &std::path::Path,
    replay: &Replay,
    at: Option<u64>,
) -> Result<(), Failure> {
    check_folder(output, "the report", "--output")?;
    let catalog = project::load(global)?;
    let mut lake = Lake::open(&catalog, at)?;
    lake.check_output(&catalog, output, &PAGE)?;
    let programmes = programme::all(&catalog, &mut lake)?;
    let lifetimes = lifetime::all(&catalog, &mut lake)?;
    let attributions = content::attributions(&catalog, &mut lake)?;
    let performances = content::performances(&catalog, &mut lake)?;
    let factorials = content::factorials(&catalog, &mut lake)?;
    let only_experiments = programmes.is_empty()
        && lifetimes.is_empty()
        && attributions.is_empty()
        && performances.is_empty();
    let lifts = if only_experiments {
        measured(&catalog, &mut lake, Depth::Usual)?
    } else {
        project::lifts(&catalog, &mut lake, Depth::Usual)?
    };
    let ledger = if lifts.is_empty() && !worth::counts_credit(&catalog) {
        None
    } else {
        let findings = Findings {
            lifts: &lifts,
            lifetimes: &lifetimes,
            attributions: &attributions,
            performances: &performances,
        };
        Some(project::ledger(&catalog, &lake, &findings)?)
    };
    let overlaps = trust::overlaps(&catalog, &mut lake)?;
    let replays = trust::replays(&catalog, &mut lake, replay)?;
    let (designs, left_out) = trust::designs(&catalog, &lifts);
    let report = Report {
        ledger: ledger.as_ref(),
        lifts: &lifts,
        overlaps: overlaps.as_ref(),
        replays: &replays,
        designs: &designs,
        left_out: &left_out,
        programmes: &programmes,
        lifetimes: &lifetimes,
        attributions: &attributions,
        performances: &performances,
        factorials: &factorials,
        ..Report::default()
    };
    write_html(&catalog, report, output)?;
    print(&format!("wrote {}\n", output.display()))
}

/// Measures every experiment; a project without one has nothing to say.
fn measured(catalog: &Catalog, lake: &mut Lake, depth: Depth) -> Result<Vec<LiftFinding>, Failure> {
    let lifts = project::lifts(catalog, lake, depth)?;
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
    report: Report<'_>,
    output: &std::path::Path,
) -> Result<(), Failure> {
    let page = report::html::render(&Report {
        project: &catalog.project().name,
        currency: &catalog.project().currency,
        version: env!("CARGO_PKG_VERSION"),
        ..report
    })?;
    let partial = output.with_extension("html.partial");
    std::fs::write(&partial, page)
        .and_then(|()| std::fs::rename(&partial, output))
        .map_err(Failure::io(output))
}
