//! What a project has measured beside its experiments that the ledger can show in money.

use catalog::{Catalog, Performance};
use lake::Lake;
use measure::audience::{LifetimeFinding, LiftFinding};
use measure::content::{AttributionFinding, PerformanceFinding};
use value::Findings;

use super::{content, lifetime};
use crate::failure::Failure;

/// Findings that can become money.
pub(crate) struct Worth {
    pub(crate) lifetimes: Vec<LifetimeFinding>,
    pub(crate) attributions: Vec<AttributionFinding>,
    performances: Vec<PerformanceFinding>,
}

impl Worth {
    /// Measures what says something of an initiative, a piece of content or a channel in money, and nothing else.
    pub(crate) fn measure(catalog: &Catalog, lake: &mut Lake) -> Result<Self, Failure> {
        let may_have_value =
            |document: &Performance| document.value.is_some() || document.outcome.metric.is_some();
        Ok(Self {
            lifetimes: lifetime::all_that(catalog, lake, |document| document.experiment.is_some())?,
            attributions: content::attributions_that(catalog, lake, value::shares_out_money)?,
            performances: content::performances_that(catalog, lake, may_have_value)?,
        })
    }

    /// All of it with the experiments.
    pub(crate) fn with<'a>(&'a self, lifts: &'a [LiftFinding]) -> Findings<'a> {
        Findings {
            lifts,
            lifetimes: &self.lifetimes,
            attributions: &self.attributions,
            performances: &self.performances,
        }
    }
}

/// Whether there is a ledger even without an experiment.
pub(crate) fn counts_credit(catalog: &Catalog) -> bool {
    let mut contents = catalog.contents();
    contents.any(|content| content.credit.is_some())
}
