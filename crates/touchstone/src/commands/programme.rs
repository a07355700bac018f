//! Experiments of which only summaries are known.

use catalog::{Catalog, Summaries};
use lake::Lake;
use measure::audience::{self, ProgrammeFinding};
use report::terminal;

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::show;
use crate::progress::Spinner;

/// Measures summaries and shows what they say.
pub(crate) fn show_one(
    global: &Global,
    catalog: &Catalog,
    summaries: &Summaries,
    at: Option<u64>,
) -> Result<(), Failure> {
    let mut lake = Lake::open(catalog, at)?;
    let finding = measured(catalog, &mut lake, summaries)?;
    show(global.format, &finding, terminal::programme)
}

/// Measures all summaries of a project.
pub(crate) fn all(catalog: &Catalog, lake: &mut Lake) -> Result<Vec<ProgrammeFinding>, Failure> {
    catalog
        .all_summaries()
        .map(|summaries| measured(catalog, lake, summaries))
        .collect()
}

fn measured(
    catalog: &Catalog,
    lake: &mut Lake,
    summaries: &Summaries,
) -> Result<ProgrammeFinding, Failure> {
    let _spinner = Spinner::new(&format!("measuring {}", summaries.name));
    Ok(audience::programme(catalog, lake, summaries)?)
}
