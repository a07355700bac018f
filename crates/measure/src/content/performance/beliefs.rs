//! What is believed of items and cells, given all of them.

use std::collections::BTreeMap;

use catalog::{Catalog, Performance};
use stats::bayes::Credible;
use stats::crossed::{Cell, CrossedEffects, moderated_variances};
use stats::ranking::{Posterior, probabilities_in_top};
use stats::rates::{BetaBinomial, too_thin};

use super::components::levels_of;
use super::finding::{Believed, CellFinding, ContentPart, ItemFinding, PartSpread, Valued};
use super::query::{Kind, Units};
use crate::{Reason, Refusal};

/// From so many items on, the probability is to be among the first three; below it, to be the first.
const ENOUGH_FOR_THREE: usize = 6;

/// What is believed of the items or cells of a table, in its order.
pub(super) struct Beliefs {
    pub(super) kind: Kind,
    /// None where an item has no customers, or where all are refused.
    pub(super) posteriors: Vec<Option<Posterior>>,
    /// The mean outcome of all customers.
    pub(super) average: Option<f64>,
    /// The standard deviation of the true outcomes.
    pub(super) spread: Option<f64>,
    middle_half: Option<Credible>,
    new: Option<Posterior>,
    /// Where parts were learned: the model, and the names of the levels of each factor.
    pub(super) crossed: Option<(CrossedEffects, Vec<Vec<String>>)>,
    pub(super) refusal: Option<Refusal>,
}

impl Beliefs {
    fn refused(kind: Kind, average: Option<f64>, items: usize, message: String) -> Self {
        Self {
            kind,
            posteriors: vec![None; items],
            average,
            spread: None,
            middle_half: None,
            new: None,
            crossed: None,
            refusal: Some(Refusal::new(Reason::TooLittleData, message)),
        }
    }

    /// What is to be expected of a new item.
    pub(super) fn forecast(&self, alpha: f64) -> Option<Believed> {
        self.new.and_then(|posterior| believed(&posterior, alpha))
    }

    pub(super) fn new_item(&self) -> Option<Posterior> {
        self.new
    }

    /// What a new item is like that has the components of one of the items, each as probable: the mixture of what is
    /// expected of an item with these. Levels beyond those that there are would be guessed from few: the spread of two
    /// images says little of a third.
    fn know_levels(&mut self, levels: &[Vec<String>]) {
        let Some((model, names)) = &self.crossed else {
            return;
        };
        let mut combinations: BTreeMap<Vec<Option<usize>>, f64> = BTreeMap::new();
        let known = levels.iter().zip(&self.posteriors);
        for (levels, _) in known.filter(|(_, posterior)| posterior.is_some()) {
            let named = levels.iter().zip(names);
            let places = named.map(|(level, names)| names.binary_search(level).ok());
            *combinations.entry(places.collect()).or_default() += 1.0;
        }
        let items: f64 = combinations.values().sum();
        let forecasts: Vec<(f64, Posterior)> = combinations
            .into_iter()
            .filter_map(|(levels, number)| {
                Some((number / items, model.forecast(&[], &levels).ok()?))
            })
            .collect();
        let over = |of: &dyn Fn(&Posterior) -> f64| -> f64 {
            forecasts.iter().map(|(share, one)| share * of(one)).sum()
        };
        let mean = over(&|one| one.mean());
        let between = over(&|one| (one.mean() - mean).powi(2));
        let within = over(&|one| one.sd() * one.sd());
        let new = Posterior::normal(mean, (between + within).sqrt()).ok();
        let own = model.spreads().last().map_or(0.0, |own| own.sd);
        self.spread = Some(between.sqrt().hypot(own));
        self.middle_half = new.and_then(|new| new.interval(0.5).ok());
        self.new = new.map(|new| of_kind(self.kind, new));
    }

    /// Whether an item may as well be a good one as a bad one. Where all are refused nothing says so, but of those with too
    /// few customers for an interval of their own.
    fn is_thin(&self, posterior: Option<Posterior>, row: &Units, alpha: f64) -> bool {
        let Some(posterior) = posterior else {
            return row.alone(self.kind, alpha).is_none();
        };
        match (posterior.interval(alpha), self.middle_half) {
            (Ok(interval), Some(middle)) => too_thin(interval, middle),
            _ => true,
        }
    }
}

/// A posterior in numbers; none for a level outside (0, 1), which the catalog does not allow.
pub(super) fn believed(posterior: &Posterior, alpha: f64) -> Option<Believed> {
    let interval = posterior.interval(alpha).ok()?;
    Some(Believed {
        mean: posterior.mean(),
        sd: posterior.sd(),
        low: interval.low,
        high: interval.high,
    })
}

/// The mean outcome of all customers.
fn average(rows: &[Units]) -> Option<f64> {
    let customers: u64 = rows.iter().map(|row| row.customers).sum();
    (customers > 0).then(|| rows.iter().map(|row| row.total).sum::<f64>() / customers as f64)
}

/// What is believed of items: shares by the beta-binomial model; means, and whatever has components, by their parts.
pub(super) fn believe_items(
    catalog: &Catalog,
    document: &Performance,
    kind: Kind,
    rows: &[Units],
) -> Beliefs {
    if kind == Kind::Share && document.components.is_empty() {
        return of_shares(rows);
    }
    let levels: Vec<Vec<String>> = rows
        .iter()
        .map(|row| levels_of(catalog, &row.keys[0], &document.components))
        .collect();
    let mut beliefs = of_parts(kind, rows, &levels, document.components.len());
    beliefs.know_levels(&levels);
    beliefs
}

/// What is believed of cells: what content and every key bring, and a part of their own.
pub(super) fn believe_cells(
    document: &Performance,
    kind: Kind,
    rows: &[Units],
    keys: usize,
) -> Beliefs {
    if document.by.is_empty() {
        let mut beliefs = Beliefs::refused(kind, None, 0, String::new());
        beliefs.refusal = None;
        return beliefs;
    }
    let levels: Vec<Vec<String>> = rows.iter().map(|row| row.keys.clone()).collect();
    of_parts(kind, rows, &levels, keys + 1)
}

fn of_shares(rows: &[Units]) -> Beliefs {
    let average = average(rows);
    let counts: Vec<_> = rows.iter().map(Units::counts).collect();
    let model = match BetaBinomial::fit(&counts) {
        Ok(model) => model,
        Err(error) => {
            return Beliefs::refused(Kind::Share, average, rows.len(), error.to_string());
        }
    };
    let posterior = |place: usize| {
        let known = rows[place].customers > 0;
        known.then(|| model.posterior(place).ok()).flatten()
    };
    Beliefs {
        kind: Kind::Share,
        posteriors: (0..rows.len()).map(posterior).collect(),
        average,
        spread: Some(model.sd()),
        middle_half: model.middle_half().ok(),
        new: model.forecast().ok(),
        crossed: None,
        refusal: None,
    }
}

/// By the parts of crossed factors; those with one level are left out, they move nothing.
fn of_parts(kind: Kind, rows: &[Units], levels: &[Vec<String>], factors: usize) -> Beliefs {
    let average = average(rows);
    let known: Vec<usize> = (0..rows.len())
        .filter(|place| rows[*place].customers > 0)
        .collect();
    let samples: Vec<_> = known.iter().map(|place| rows[*place].sample()).collect();
    let variances = moderated_variances(&samples);
    let names: Vec<Vec<String>> = (0..factors)
        .map(|factor| {
            let of_factor = known.iter().map(|place| levels[*place][factor].clone());
            let mut names: Vec<String> = of_factor.collect();
            names.sort_unstable();
            names.dedup();
            names
        })
        .collect();
    let place_of = |factor: usize, name: &String| names[factor].binary_search(name).unwrap_or(0);
    let cells: Vec<Cell> = known
        .iter()
        .zip(samples.iter().zip(variances))
        .map(|(place, (sample, variance))| Cell {
            estimate: sample.mean,
            variance,
            attributes: Vec::new(),
            levels: (0..factors)
                .map(|factor| place_of(factor, &levels[*place][factor]))
                .collect(),
        })
        .collect();
    let model = match CrossedEffects::fit(&cells) {
        Ok(model) => model,
        Err(error) => return Beliefs::refused(kind, average, rows.len(), error.to_string()),
    };
    let mut posteriors = vec![None; rows.len()];
    for (cell, place) in known.iter().enumerate() {
        posteriors[*place] = model.cell(cell).ok().map(|p| of_kind(kind, p));
    }
    let new = model.forecast(&[], &vec![None; factors]).ok();
    let spreads = model.spreads();
    Beliefs {
        kind,
        posteriors,
        average,
        spread: Some(spreads.iter().map(|s| s.sd * s.sd).sum::<f64>().sqrt()),
        middle_half: model.middle_half().ok(),
        new: new.map(|posterior| of_kind(kind, posterior)),
        crossed: Some((model, names)),
        refusal: None,
    }
}

/// A share's posterior stays between 0 and 1: the beta distribution of the same mean and standard deviation, where
/// there is one.
pub(super) fn of_kind(kind: Kind, posterior: Posterior) -> Posterior {
    match kind {
        Kind::Share => Posterior::share(posterior.mean(), posterior.sd()).unwrap_or(posterior),
        Kind::Count | Kind::Sum => posterior,
    }
}

/// How many items are meant by the best.
pub(super) fn top(items: usize) -> u64 {
    if items >= ENOUGH_FOR_THREE { 3 } else { 1 }
}

/// The items, the best to be expected first, and those too thin to say last.
pub(super) fn item_findings(beliefs: &Beliefs, rows: &[Units], alpha: f64) -> Vec<ItemFinding> {
    let known: Vec<usize> = (0..rows.len())
        .filter(|place| beliefs.posteriors[*place].is_some())
        .collect();
    let posteriors: Vec<Posterior> = known
        .iter()
        .filter_map(|p| beliefs.posteriors[*p])
        .collect();
    let in_top = probabilities_in_top(&posteriors, top(rows.len()) as usize);
    let mut findings: Vec<ItemFinding> = rows
        .iter()
        .enumerate()
        .map(|(place, row)| {
            let posterior = beliefs.posteriors[place];
            let ranked = known.binary_search(&place).ok();
            ItemFinding {
                content: row.keys[0].clone(),
                exposures: row.exposures,
                customers: row.customers,
                immature: row.immature,
                total: row.total,
                raw: row.raw(),
                shrunk: posterior.and_then(|posterior| believed(&posterior, alpha)),
                probability_above_average: above_average(beliefs, posterior),
                probability_top: ranked.map(|ranked| in_top[ranked]),
                alone: alone(beliefs, posterior, row, alpha),
                thin: beliefs.is_thin(posterior, row, alpha),
                cost: None,
            }
        })
        .collect();
    findings.sort_by(|a, b| {
        let mean = |item: &ItemFinding| item.shrunk.map_or(item.raw, |shrunk| Some(shrunk.mean));
        let (a_mean, b_mean) = (mean(a), mean(b));
        let order = |x: Option<f64>| x.unwrap_or(f64::NEG_INFINITY);
        a.thin
            .cmp(&b.thin)
            .then_with(|| order(b_mean).total_cmp(&order(a_mean)))
            .then_with(|| a.content.cmp(&b.content))
    });
    findings
}

/// What an item's own customers say, where nothing is learned from all.
fn alone(
    beliefs: &Beliefs,
    posterior: Option<Posterior>,
    row: &Units,
    alpha: f64,
) -> Option<Valued> {
    match posterior {
        Some(_) => None,
        None => row.alone(beliefs.kind, alpha),
    }
}

fn above_average(beliefs: &Beliefs, posterior: Option<Posterior>) -> Option<f64> {
    Some(posterior?.probability_above(beliefs.average?).p)
}

/// The cells, by content and keys.
pub(super) fn cell_findings(beliefs: &Beliefs, rows: &[Units], alpha: f64) -> Vec<CellFinding> {
    rows.iter()
        .zip(&beliefs.posteriors)
        .map(|(row, posterior)| CellFinding {
            content: row.keys[0].clone(),
            by: row.keys[1..].to_vec(),
            exposures: row.exposures,
            customers: row.customers,
            total: row.total,
            raw: row.raw(),
            shrunk: posterior.and_then(|posterior| believed(&posterior, alpha)),
            probability_above_average: above_average(beliefs, *posterior),
            alone: alone(beliefs, *posterior, row, alpha),
            thin: beliefs.is_thin(*posterior, row, alpha),
        })
        .collect()
}

/// By how much each level of the keys moves cells.
pub(super) fn parts(cells: &Beliefs, document: &Performance) -> Vec<ContentPart> {
    let factors: Vec<String> = std::iter::once("content".to_owned())
        .chain(document.by.iter().cloned())
        .collect();
    parts_of(cells, &factors, document.alpha)
}

/// By how much each level of factors of these names moves what they belong to.
pub(super) fn parts_of(beliefs: &Beliefs, factors: &[String], alpha: f64) -> Vec<ContentPart> {
    let Some((model, names)) = &beliefs.crossed else {
        return Vec::new();
    };
    let mut parts = Vec::new();
    for (place, factor) in factors.iter().enumerate() {
        for (level, name) in names[place].iter().enumerate() {
            let part = model.part(place, level).ok();
            if let Some(part) = part.and_then(|part| believed(&part, alpha)) {
                parts.push(ContentPart {
                    factor: factor.clone(),
                    level: name.clone(),
                    part,
                });
            }
        }
    }
    parts
}

/// How much of the differences of cells each factor makes up.
pub(super) fn spreads(cells: &Beliefs, keys: &[String]) -> Vec<PartSpread> {
    let factors: Vec<String> = std::iter::once("content".to_owned())
        .chain(keys.iter().cloned())
        .collect();
    spreads_of(cells, &factors)
}

/// The same of factors of these names.
pub(super) fn spreads_of(beliefs: &Beliefs, factors: &[String]) -> Vec<PartSpread> {
    let Some((model, _)) = &beliefs.crossed else {
        return Vec::new();
    };
    let own = "own".to_owned();
    factors
        .iter()
        .chain([&own])
        .zip(model.spreads())
        .map(|(factor, spread)| PartSpread {
            factor: factor.clone(),
            sd: spread.sd,
            share: spread.share,
        })
        .collect()
}
