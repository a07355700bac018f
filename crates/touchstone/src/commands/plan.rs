use lake::Lake;
use measure::audience::{Assumptions, design};
use report::terminal;

use crate::cli::{Global, Plan};
use crate::failure::Failure;
use crate::output::show;
use crate::progress::Spinner;
use crate::project;

/// Shows how large an experiment has to be, how long it takes and what running it costs.
pub(crate) fn plan(global: &Global, asked: &Plan) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    let experiment = project::experiment(&catalog, &asked.experiment)?;
    let assumed = Assumptions {
        mean: asked.baseline_mean,
        sd: asked.baseline_sd,
        customers_a_day: asked.customers_a_day,
        minimum_effect: asked.minimum_effect,
        audience: asked.audience,
        weeks: asked.weeks,
    };
    let spinner = Spinner::new(&format!("planning {}", experiment.name));
    let open = || Ok(Lake::open(&catalog, None)?);
    let finding = design(&catalog, experiment, &assumed, open)?;
    drop(spinner);
    show(global.format, &finding, terminal::design)
}
