//! What channels, content and touches contribute.

use catalog::Catalog;
use lake::Lake;
use measure::content::{self, AttributionFinding, PerformanceFinding};
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    performances: Vec<PerformanceFinding>,
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
    let Some(attribution) = catalog.attribution(name) else {
        let attributions = catalog.attributions().map(|known| known.name.as_str());
        let performances = catalog.performances().map(|known| known.name.as_str());
        let known = attributions.chain(performances);
        return Err(Failure::unknown("attribution or performance", name, known));
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
    };
    if contents.attributions.is_empty() && contents.performances.is_empty() {
        return Err(Failure::Refused(format!(
            "the catalog in {} declares nothing to measure of content: add a document with `kind: attribution` or \
             `kind: performance`",
            catalog.root().display()
        )));
    }
    show(global.format, &contents, |contents, screen| {
        let attributions = contents.attributions.iter();
        let performances = contents.performances.iter();
        let tables: Vec<String> = attributions
            .map(|finding| terminal::attribution(finding, screen))
            .chain(performances.map(|finding| terminal::performance(finding, screen)))
            .collect();
        tables.join("\n")
    })
}

/// Measures all attributions of a project.
pub(crate) fn attributions(
    catalog: &Catalog,
    lake: &mut Lake,
) -> Result<Vec<AttributionFinding>, Failure> {
    let measured = |attribution| {
        let _spinner = Spinner::new("measuring attributions");
        Ok(content::attribution(catalog, &mut *lake, attribution)?)
    };
    catalog.attributions().map(measured).collect()
}

/// Measures how all content of a project performs.
pub(crate) fn performances(
    catalog: &Catalog,
    lake: &mut Lake,
) -> Result<Vec<PerformanceFinding>, Failure> {
    let measured = |performance| {
        let _spinner = Spinner::new("measuring the performance of content");
        Ok(content::performance(catalog, &mut *lake, performance)?)
    };
    catalog.performances().map(measured).collect()
}
