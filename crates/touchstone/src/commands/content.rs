//! What channels, content and touches contribute.

use catalog::{Attribution, Catalog, Performance};
use lake::Lake;
use measure::content::{self, AttributionFinding, FactorialFinding, PerformanceFinding};
use report::terminal;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::show;
use crate::progress::Spinner;
use crate::project;

/// The findings of several documents.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Contents {
    /// The name and version of this format.
    format: &'static str,
    attributions: Vec<AttributionFinding>,
    /// How pieces of content do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    performances: Vec<PerformanceFinding>,
    /// What channels and components cause, alone and together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    factorials: Vec<FactorialFinding>,
}

impl Contents {
    pub(super) const FORMAT: &'static str = "touchstone.contents/1";
}

/// Measures the document of a name.
pub(crate) fn one(global: &Global, name: &str, at: Option<u64>) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    if let Some(performance) = catalog.performance(name) {
        let mut lake = Lake::open(&catalog, at)?;
        let spinner = Spinner::new(&format!("measuring {name}"));
        let finding = content::performance(&catalog, &mut lake, performance)?;
        drop(spinner);
        return show(global.format, &finding, terminal::performance);
    }
    if let Some(factorial) = catalog.factorial(name) {
        let mut lake = Lake::open(&catalog, at)?;
        let spinner = Spinner::new(&format!("measuring {name}"));
        let finding = content::factorial(&catalog, &mut lake, factorial)?;
        drop(spinner);
        return show(global.format, &finding, terminal::factorial);
    }
    let Some(attribution) = catalog.attribution(name) else {
        let attributions = catalog.attributions().map(|known| known.name.as_str());
        let performances = catalog.performances().map(|known| known.name.as_str());
        let factorials = catalog.factorials().map(|known| known.name.as_str());
        let known = attributions.chain(performances).chain(factorials);
        let what = "attribution, performance or factorial";
        return Err(Failure::unknown(what, name, known));
    };
    let mut lake = Lake::open(&catalog, at)?;
    let spinner = Spinner::new(&format!("measuring {name}"));
    let finding = content::attribution(&catalog, &mut lake, attribution)?;
    drop(spinner);
    show(global.format, &finding, terminal::attribution)
}

/// Measures all documents.
pub(crate) fn all(global: &Global, at: Option<u64>) -> Result<(), Failure> {
    let catalog = project::load(global)?;
    let mut lake = Lake::open(&catalog, at)?;
    let contents = Contents {
        format: Contents::FORMAT,
        attributions: attributions(&catalog, &mut lake)?,
        performances: performances(&catalog, &mut lake)?,
        factorials: factorials(&catalog, &mut lake)?,
    };
    let nothing = contents.attributions.is_empty()
        && contents.performances.is_empty()
        && contents.factorials.is_empty();
    if nothing {
        return Err(Failure::Refused(format!(
            "the catalog in {} declares nothing to measure of content: add a document with `kind: attribution`, \
             `kind: performance` or `kind: factorial`",
            catalog.root().display()
        )));
    }
    show(global.format, &contents, |contents, screen| {
        let attributions = contents.attributions.iter();
        let performances = contents.performances.iter();
        let factorials = contents.factorials.iter();
        let tables: Vec<String> = attributions
            .map(|finding| terminal::attribution(finding, screen))
            .chain(performances.map(|finding| terminal::performance(finding, screen)))
            .chain(factorials.map(|finding| terminal::factorial(finding, screen)))
            .collect();
        tables.join("\n")
    })
}

/// Measures all attributions of a project.
pub(crate) fn attributions(
    catalog: &Catalog,
    lake: &mut Lake,
) -> Result<Vec<AttributionFinding>, Failure> {
    attributions_that(catalog, lake, |_| true)
}

/// Measures those attributions of a project that are wanted.
pub(crate) fn attributions_that(
    catalog: &Catalog,
    lake: &mut Lake,
    wanted: impl Fn(&Attribution) -> bool,
) -> Result<Vec<AttributionFinding>, Failure> {
    let measured = |attribution| {
        let _spinner = Spinner::new("measuring attributions");
        Ok(content::attribution(catalog, &mut *lake, attribution)?)
    };
    let attributions = catalog.attributions().filter(|known| wanted(known));
    attributions.map(measured).collect()
}

/// Measures how all content of a project performs.
pub(crate) fn performances(
    catalog: &Catalog,
    lake: &mut Lake,
) -> Result<Vec<PerformanceFinding>, Failure> {
    performances_that(catalog, lake, |_| true)
}

/// Measures how those pieces of content perform that are wanted.
pub(crate) fn performances_that(
    catalog: &Catalog,
    lake: &mut Lake,
    wanted: impl Fn(&Performance) -> bool,
) -> Result<Vec<PerformanceFinding>, Failure> {
    let measured = |performance| {
        let _spinner = Spinner::new("measuring the performance of content");
        Ok(content::performance(catalog, &mut *lake, performance)?)
    };
    let performances = catalog.performances().filter(|known| wanted(known));
    performances.map(measured).collect()
}

/// Measures what channels and components cause, by all factorials of a project.
pub(crate) fn factorials(
    catalog: &Catalog,
    lake: &mut Lake,
) -> Result<Vec<FactorialFinding>, Failure> {
    let measured = |factorial| {
        let _spinner = Spinner::new("measuring factorials");
        Ok(content::factorial(catalog, &mut *lake, factorial)?)
    };
    catalog.factorials().map(measured).collect()
}
