//! A project as the command works with it: its catalog, its lake, and what is measured of them.

use catalog::{Catalog, Experiment};
use lake::Lake;
use measure::Provenance;
use measure::audience::{self, Depth, LiftFinding};
use value::{Findings, LedgerFinding};

use crate::cli::Global;
use crate::failure::Failure;
use crate::progress::Spinner;

/// Loads the project that the command line names.
pub(crate) fn load(global: &Global) -> Result<Catalog, Failure> {
    let mut catalog = Catalog::load(&global.project)?;
    catalog.bound_engine(global.threads, global.memory.clone());
    Ok(catalog)
}

/// The experiment of a name, or what may have been meant.
pub(crate) fn experiment<'c>(catalog: &'c Catalog, name: &str) -> Result<&'c Experiment, Failure> {
    if let Some(experiment) = catalog.experiment(name) {
        return Ok(experiment);
    }
    if catalog.summaries(name).is_some() {
        return Err(Failure::Refused(format!(
            "only summaries are known of `{name}`, and this needs the customers of an experiment: \
             `touchstone measure audience {name}` shows what the summaries say"
        )));
    }
    if catalog.lifetime(name).is_some() {
        return Err(Failure::Refused(format!(
            "`{name}` is a lifetime, and this needs an experiment: `touchstone measure audience {name}` shows what \
             customers are worth"
        )));
    }
    let experiments = catalog.experiments().map(|known| known.name.as_str());
    let summaries = catalog.all_summaries().map(|known| known.name.as_str());
    let lifetimes = catalog.lifetimes().map(|known| known.name.as_str());
    Err(Failure::unknown(
        "experiment",
        name,
        experiments.chain(summaries).chain(lifetimes),
    ))
}

/// Measures every experiment of a project.
pub(crate) fn lifts(
    catalog: &Catalog,
    lake: &mut Lake,
    depth: Depth,
) -> Result<Vec<LiftFinding>, Failure> {
    let spinner = Spinner::new("measuring");
    let mut lifts = Vec::new();
    for experiment in catalog.experiments() {
        spinner.say(&format!("measuring {}", experiment.name));
        lifts.push(audience::lift_at_depth(catalog, lake, experiment, depth)?);
    }
    Ok(lifts)
}

/// The ledger of what has been measured of a project.
pub(crate) fn ledger(
    catalog: &Catalog,
    lake: &Lake,
    findings: &Findings<'_>,
) -> Result<LedgerFinding, Failure> {
    Ok(value::ledger(
        catalog,
        findings,
        Provenance::of(catalog, lake)?,
    ))
}
