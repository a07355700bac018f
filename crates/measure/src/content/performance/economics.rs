//! What content costs and brings in money, how often it is used, how many variants pay, and where one is missing.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Catalog, Content};
use stats::ranking::Posterior;

use super::beliefs::{Beliefs, believed};
use super::costs::{Costs, making, making_and_keeping};
use super::finding::{
    ContextFinding, CostFinding, DropOneFinding, ItemFinding, PortfolioFinding, ReuseFinding,
    Valued, VariantCount,
};
use super::query::Units;
use crate::Refusal;

/// Most variants that are looked at.
const MOST_VARIANTS: u64 = 60;

/// The share of outcomes that is left where each counts once, for the last of a customer's units before it.
pub(super) fn once<'u>(rows: impl IntoIterator<Item = &'u Units>) -> f64 {
    let (own, total) = rows.into_iter().fold((0.0, 0.0), |(own, total), row| {
        (own + row.own, total + row.total)
    });
    match total > 0.0 {
        // Refunds may leave more of the part than of the whole.
        true => (own / total).clamp(0.0, 1.0),
        false => 1.0,
    }
}

/// Adds to each item what it cost and brings, where its document says the former or a value the latter.
pub(super) fn add_costs(
    catalog: &Catalog,
    (value, once): (Option<f64>, f64),
    costs: &Costs,
    drop_one: Option<&DropOneFinding>,
    cells: &[Units],
    items: &mut [ItemFinding],
) {
    let customers: u64 = items.iter().map(|item| item.customers).sum();
    let total: f64 = items.iter().map(|item| item.total).sum();
    let average = total / customers as f64;
    let mut contexts: BTreeMap<&str, u64> = BTreeMap::new();
    for cell in cells {
        *contexts.entry(&cell.keys[0]).or_default() += 1;
    }
    for item in items {
        let declared = catalog
            .content(&item.content)
            .and_then(|content| content.cost.as_ref());
        let showing = costs.showing.get(&item.content).copied().unwrap_or(0.0);
        if declared.is_none() && value.is_none() && showing == 0.0 {
            continue;
        }
        let content = declared.map_or(0.0, |cost| making_and_keeping(cost, costs.months));
        let all = content + showing;
        let reached = item.customers + item.immature;
        let above = |value: f64| {
            let shrunk = item.shrunk?;
            let each = item.customers as f64 * once * value;
            Some(Valued {
                estimate: each * (shrunk.mean - average),
                low: each * (shrunk.low - average),
                high: each * (shrunk.high - average),
            })
        };
        let incremental = value.and_then(|value| incremental(drop_one?, &item.content, value));
        item.cost = Some(CostFinding {
            content,
            showing,
            contexts: contexts.get(item.content.as_str()).copied().unwrap_or(1),
            per_customer: (reached > 0).then(|| all / reached as f64),
            margin_above_average: value.and_then(above),
            incremental_margin: incremental,
            roi: incremental.filter(|_| all > 0.0).map(|margin| {
                let roi = |margin: f64| (margin - all) / all;
                Valued {
                    estimate: roi(margin.estimate),
                    low: roi(margin.low),
                    high: roi(margin.high),
                }
            }),
        });
    }
}

/// The margin that all decisions would lose without an item.
fn incremental(drop_one: &DropOneFinding, content: &str, value: f64) -> Option<Valued> {
    let item = drop_one.items.iter().find(|item| item.content == content)?;
    let lost = item.value?;
    let all = drop_one.decisions as f64 * value;
    Some(Valued {
        estimate: all * lost.estimate,
        low: all * lost.low,
        high: all * lost.high,
    })
}

/// The documents of the content that is among some items.
fn declared<'c>(catalog: &'c Catalog, items: &[Units]) -> Vec<&'c Content> {
    let shown: BTreeSet<&str> = items.iter().map(|item| item.keys[0].as_str()).collect();
    let is_shown = |content: &&Content| shown.contains(content.name.as_str());
    catalog.contents().filter(is_shown).collect()
}

/// How often the items' content is used again, what adapting it saved, and what no touch of the project shows.
pub(super) fn reuse(
    catalog: &Catalog,
    items: &[Units],
    cells: &[Units],
    unshown: Result<Vec<String>, Refusal>,
) -> ReuseFinding {
    let shown = declared(catalog, items);
    let mut contexts: BTreeMap<&str, u64> = BTreeMap::new();
    for cell in cells {
        *contexts.entry(&cell.keys[0]).or_default() += 1;
    }
    let mean_cost = |of: &dyn Fn(&Content) -> bool| {
        let costs: Vec<f64> = shown
            .iter()
            .filter(|content| of(content))
            .filter_map(|content| content.cost.as_ref().map(making))
            .collect();
        (!costs.is_empty()).then(|| costs.iter().sum::<f64>() / costs.len() as f64)
    };
    let cost_of_new = mean_cost(&|content| content.based_on.is_empty());
    let cost_of_adapted = mean_cost(&|content| !content.based_on.is_empty());
    let adapted = shown
        .iter()
        .filter(|content| !content.based_on.is_empty())
        .count() as u64;
    let (dead, dead_refusal) = match unshown {
        Ok(dead) => (dead, None),
        Err(refusal) => (Vec::new(), Some(refusal)),
    };
    ReuseFinding {
        items: items.len() as u64,
        reused: contexts.values().filter(|uses| **uses > 1).count() as u64,
        adapted,
        cost_of_new,
        cost_of_adapted,
        saved: cost_of_new
            .zip(cost_of_adapted)
            .map(|(new, old)| (new - old) * adapted as f64),
        dead_cost: dead
            .iter()
            .filter_map(|name| catalog.content(name)?.cost.as_ref().map(making))
            .sum(),
        dead,
        dead_refusal,
        undeclared: (items.len() - shown.len()) as u64,
    }
}

/// How many variants pay: what the best of n draws from the items' distribution brings all customers, against what a
/// variant costs, as those that were shown did. It takes the best to be found and shown, which is the most that variants can bring.
pub(super) fn portfolio(
    catalog: &Catalog,
    items: &Beliefs,
    rows: &[Units],
    value: f64,
) -> Option<PortfolioFinding> {
    let once = once(rows);
    let costs: Vec<f64> = declared(catalog, rows)
        .into_iter()
        .filter_map(|content| content.cost.as_ref().map(making))
        .collect();
    let new = items.new_item()?;
    if costs.is_empty() {
        return None;
    }
    let cost = costs.iter().sum::<f64>() / costs.len() as f64;
    let customers: u64 = rows.iter().map(|row| row.customers).sum();
    let most = MOST_VARIANTS.min(2 * rows.len() as u64 + 10);
    let mut before = new.mean_of_best(1);
    let mut curve = vec![VariantCount {
        variants: 1,
        best: before,
        marginal_margin: 0.0,
    }];
    for variants in 2..=most {
        let best = new.mean_of_best(u32::try_from(variants).unwrap_or(u32::MAX));
        curve.push(VariantCount {
            variants,
            best,
            marginal_margin: (best - before) * customers as f64 * once * value,
        });
        before = best;
    }
    let paying = |count: &&VariantCount| count.marginal_margin >= cost;
    let best_number = 1 + curve[1..].iter().take_while(paying).count() as u64;
    let more_may_pay = best_number == curve.len() as u64;
    Some(PortfolioFinding {
        cost_of_variant: cost,
        customers,
        variants: rows.len() as u64,
        best_number,
        more_may_pay,
        curve,
    })
}

/// What is shown in each context, and what one more variant would be worth there.
pub(super) fn coverage(
    cells: &Beliefs,
    rows: &[Units],
    value: Option<f64>,
    alpha: f64,
) -> Vec<ContextFinding> {
    let mut contexts: BTreeMap<&[String], Vec<usize>> = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        contexts.entry(&row.keys[1..]).or_default().push(place);
    }
    let mut findings: Vec<ContextFinding> = contexts
        .into_iter()
        .map(|(by, places)| {
            let customers: u64 = places.iter().map(|place| rows[*place].customers).sum();
            let once = once(places.iter().map(|place| &rows[*place]));
            let current = current(cells, rows, &places);
            let forecast = forecast(cells, by);
            let missing = forecast
                .zip(current)
                .map(|(new, current)| customers as f64 * once * new.mean_excess(current));
            ContextFinding {
                by: by.to_vec(),
                items: places.len() as u64,
                exposures: places.iter().map(|place| rows[*place].exposures).sum(),
                customers,
                once,
                current,
                forecast: forecast.and_then(|posterior| believed(&posterior, alpha)),
                missing_variant: missing,
                missing_variant_margin: missing.zip(value).map(|(gain, value)| gain * value),
            }
        })
        .collect();
    findings.sort_by(|a, b| {
        let worth = |context: &ContextFinding| context.missing_variant.unwrap_or(-1.0);
        worth(b).total_cmp(&worth(a)).then_with(|| a.by.cmp(&b.by))
    });
    findings
}

/// What is shown in a context brings a customer, by what is believed of its cells.
fn current(cells: &Beliefs, rows: &[Units], places: &[usize]) -> Option<f64> {
    let (mut sum, mut customers) = (0.0, 0.0);
    for place in places {
        if let Some(posterior) = cells.posteriors[*place] {
            let n = rows[*place].customers as f64;
            sum += n * posterior.mean();
            customers += n;
        }
    }
    (customers > 0.0).then(|| sum / customers)
}

/// What a new item is expected to bring in a context.
fn forecast(cells: &Beliefs, by: &[String]) -> Option<Posterior> {
    let (model, names) = cells.crossed.as_ref()?;
    let levels: Vec<Option<usize>> = std::iter::once(None)
        .chain(
            by.iter()
                .zip(&names[1..])
                .map(|(name, names)| names.binary_search(name).ok()),
        )
        .collect();
    let posterior = model.forecast(&[], &levels).ok()?;
    Some(super::beliefs::of_kind(cells.kind, posterior))
}
