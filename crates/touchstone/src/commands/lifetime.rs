//! What customers are worth over their lifetime.

use catalog::{Catalog, Lifetime};
use lake::Lake;
use measure::audience::{self, LifetimeFinding};
use report::terminal;

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::show;
use crate::progress::Spinner;

/// Measures a lifetime and shows what it says.
pub(crate) fn show_one(
    global: &Global,
    catalog: &Catalog,
    lifetime: &Lifetime,
    at: Option<u64>,
) -> Result<(), Failure> {
    let mut lake = Lake::open(catalog, at)?;
    let finding = measured(catalog, &mut lake, lifetime)?;
    show(global.format, &finding, terminal::lifetime)
}

/// Measures all lifetimes of a project.
pub(crate) fn all(catalog: &Catalog, lake: &mut Lake) -> Result<Vec<LifetimeFinding>, Failure> {
    all_that(catalog, lake, |_| true)
}

/// Measures those lifetimes of a project that are wanted.
pub(crate) fn all_that(
    catalog: &Catalog,
    lake: &mut Lake,
    wanted: impl Fn(&Lifetime) -> bool,
) -> Result<Vec<LifetimeFinding>, Failure> {
    let lifetimes = catalog.lifetimes().filter(|lifetime| wanted(lifetime));
    lifetimes
        .map(|lifetime| measured(catalog, lake, lifetime))
        .collect()
}

fn measured(
    catalog: &Catalog,
    lake: &mut Lake,
    lifetime: &Lifetime,
) -> Result<LifetimeFinding, Failure> {
    let _spinner = Spinner::new(&format!("measuring {}", lifetime.name));
    Ok(audience::lifetime(catalog, lake, lifetime)?)
}
