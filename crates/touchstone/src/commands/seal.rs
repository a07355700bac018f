use catalog::seal::{Definition, seal as append};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::show;
use crate::project;

/// What came of sealing an experiment.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SealedExperiment {
    /// The name and version of this format.
    format: &'static str,
    experiment: String,
    /// When the definition was sealed, in UTC.
    sealed_at: String,
    /// The SHA-256 of the definition.
    definition_hash: String,
    /// Whether it was sealed now; otherwise the same definition had been sealed already.
    added: bool,
    /// The keys that differ from the definition sealed before.
    changed: Vec<String>,
    reason: Option<String>,
}

impl SealedExperiment {
    pub(super) const FORMAT: &'static str = "touchstone.seal/1";
}

/// Fixes an experiment's definition in the project's seals.
pub(crate) fn seal(global: &Global, name: &str, reason: Option<&str>) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    let experiment = project::experiment(&catalog, name)?;
    let definition = Definition::of(&catalog, experiment);
    let sealed = append(
        catalog.root(),
        &definition,
        reason,
        env!("CARGO_PKG_VERSION"),
    )?;
    let done = SealedExperiment {
        format: SealedExperiment::FORMAT,
        experiment: sealed.seal.experiment,
        sealed_at: sealed.seal.sealed_at,
        definition_hash: sealed.seal.definition_hash,
        added: sealed.added,
        changed: sealed
            .deviations
            .into_iter()
            .map(|deviation| deviation.path)
            .collect(),
        reason: sealed.seal.reason,
    };
    show(global.format, &done, |done, _| {
        let what = if done.added {
            "sealed"
        } else {
            "was sealed already, with the same definition,"
        };
        let changed = match done.changed.as_slice() {
            [] => String::new(),
            changed => format!("changed: {}\n", changed.join(", ")),
        };
        format!(
            "{} {what} on {}\n{changed}SHA-256 {}\n",
            done.experiment, done.sealed_at, done.definition_hash
        )
    })
}
