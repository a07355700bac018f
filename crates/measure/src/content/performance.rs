//! How each piece of content does where it is shown: rates and means told apart from noise, what content costs and
//! brings, what wears out, what would be missed, and where something is missing.
//!
//! The unit is a customer in a cell (content, and what the table is divided by), counted from the first time that the
//! content was shown there: customers are independent of each other, exposures of one customer are not. What customers
//! do in the time after is the outcome. Who was shown what was mostly not random, so numbers describe and do not prove;
//! the value of an item (`drop_one`) is causal, because it rests on logged probabilities of choices.

mod beliefs;
mod caps;
mod components;
mod consistency;
mod costs;
mod drop_one;
mod economics;
mod fatigue;
mod finding;
mod once;
mod query;
mod retire;
mod unshown;
mod valid;

use catalog::{Catalog, Performance};
use lake::Lake;

pub use finding::{
    Believed, CapArm, CapStep, CapsFinding, CellFinding, ComponentTest, ComponentsFinding,
    ConsistencyFinding, ContentPart, ContextFinding, CostFinding, DropOneFinding, DroppedItem,
    Extent, FatigueFinding, FatiguePoint, ItemFinding, NotValid, PartSpread, PerformanceFinding,
    PersonalizingFinding, PersonalizingSegment, PortfolioFinding, RetireFinding, ReuseFinding,
    Untested, Valued, VariantCount, WearEvidence,
};

use crate::Provenance;
use crate::error::MeasureError;
use beliefs::{believe_cells, believe_items};
use query::Prepared;

/// Measures how pieces of content do.
///
/// Touches and outcomes are read once each into tables of the engine, which spill to disk; every part of the finding is
/// a query over these that ends in integers, so that the same data give the same bytes on any number of threads.
///
/// # Errors
///
/// [`MeasureError`] where the lake or the catalog do not allow the measurement at all. What only some part lacks is a
/// refusal of that part.
pub fn performance(
    catalog: &Catalog,
    lake: &mut Lake,
    document: &Performance,
) -> Result<PerformanceFinding, MeasureError> {
    let prepared = query::prepare(catalog, lake, document)?;
    let finding = measured(catalog, lake, document, &prepared);
    prepared.finish(lake)?;
    finding
}

fn measured(
    catalog: &Catalog,
    lake: &mut Lake,
    document: &Performance,
    prepared: &Prepared,
) -> Result<PerformanceFinding, MeasureError> {
    let by: Vec<String> = prepared.keys.clone();
    let item_rows = prepared.units(lake, &["content".to_owned()])?;
    let cell_rows = match by.is_empty() {
        true => Vec::new(),
        false => {
            let mut keys = vec!["content".to_owned()];
            keys.extend((0..by.len()).map(|place| format!("k{place}")));
            prepared.units(lake, &keys)?
        }
    };
    let costs = costs::Costs::read(lake)?;
    let mut extent = prepared.extent(lake, &costs)?;
    extent.not_valid = valid::not_valid(catalog, lake)?;
    let unshown = unshown::unshown(catalog, lake, document, &item_rows);
    lake.check_unchanged()?;
    let items = believe_items(catalog, document, prepared.kind, &item_rows);
    let cells = believe_cells(document, prepared.kind, &cell_rows, by.len());
    let caps = caps::caps(catalog, lake, document, prepared)?;
    let fatigue = fatigue::fatigue(catalog, lake, document, prepared, caps.as_ref())?;
    let drop_one = drop_one::drop_one(lake, document, prepared, &item_rows)?;
    let value = prepared.value;
    let once = economics::once(&item_rows);
    let mut item_findings = beliefs::item_findings(&items, &item_rows, document.alpha);
    economics::add_costs(
        catalog,
        (value, once),
        &costs,
        drop_one.as_ref(),
        if by.is_empty() {
            &item_rows
        } else {
            &cell_rows
        },
        &mut item_findings,
    );
    let portfolio =
        value.and_then(|value| economics::portfolio(catalog, &items, &item_rows, value));
    Ok(PerformanceFinding {
        format: PerformanceFinding::FORMAT.to_owned(),
        performance: document.name.clone(),
        description: document.description.clone(),
        touches: document.touches.clone(),
        outcome: prepared.outcome.clone(),
        fact: prepared.fact.clone(),
        unit: prepared.unit,
        within: document.outcome.within.to_string(),
        by,
        alpha: document.alpha,
        value,
        currency: catalog.project().currency.clone(),
        reuse: economics::reuse(catalog, &item_rows, &cell_rows, unshown),
        coverage: economics::coverage(&cells, &cell_rows, value, document.alpha),
        components: components::components(catalog, document, &items, &item_rows),
        personalizing: components::personalizing(catalog, lake, document, prepared)?,
        consistency: consistency::consistency(lake, prepared)?,
        average: items.average,
        spread: items.spread,
        forecast: items.forecast(document.alpha),
        once,
        top: beliefs::top(item_rows.len()),
        refusal: items.refusal.clone(),
        items: item_findings,
        cells: beliefs::cell_findings(&cells, &cell_rows, document.alpha),
        cells_refusal: cells.refusal.clone(),
        parts: beliefs::parts(&cells, document),
        spreads: beliefs::spreads(&cells, &prepared.keys),
        portfolio,
        fatigue,
        caps: caps.map(|caps| caps.finding),
        drop_one,
        extent,
        provenance: Provenance::of(catalog, lake)?,
    })
}
