//! What components of content bring, and what choosing them by segment would.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Catalog, Performance};
use lake::{Lake, sql};
use stats::Sample;
use stats::fraction::{Components, Fraction};
use stats::personalizing::value_of_personalizing;

use super::beliefs::{Beliefs, believed, of_kind, parts_of, spreads_of};
use super::finding::{
    ComponentTest, ComponentsFinding, PersonalizingFinding, PersonalizingSegment, Untested, Valued,
};
use super::query::{Prepared, SHOWN, Units};
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// The level of content that does not say it.
const NONE: &str = "(none)";
/// Most combinations that are looked at, and listed.
const MOST_COMBINATIONS: usize = 10_000;
const MOST_LISTED: usize = 5;

/// A piece of content's levels of components.
pub(super) fn levels_of(catalog: &Catalog, content: &str, components: &[String]) -> Vec<String> {
    let document = catalog.content(content);
    components
        .iter()
        .map(|component| {
            let level = document.and_then(|document| document.components.get(component));
            level.map_or_else(|| NONE.to_owned(), ToString::to_string)
        })
        .collect()
}

/// What each level of the components brings.
pub(super) fn components(
    catalog: &Catalog,
    document: &Performance,
    items: &Beliefs,
    rows: &[Units],
) -> Option<ComponentsFinding> {
    let components = &document.components;
    if components.is_empty() {
        return None;
    }
    Some(ComponentsFinding {
        parts: parts_of(items, components, document.alpha),
        spreads: spreads_of(items, components),
        untested: untested(catalog, document, items),
        test: test(catalog, components).filter(|test| {
            let shown: BTreeSet<Vec<String>> = rows
                .iter()
                .map(|row| levels_of(catalog, &row.keys[0], components))
                .collect();
            !test
                .combinations
                .iter()
                .all(|levels| shown.contains(levels))
        }),
        refusal: items.refusal.clone(),
    })
}

/// Combinations of known levels that no declared content has, the most promising first.
fn untested(catalog: &Catalog, document: &Performance, items: &Beliefs) -> Vec<Untested> {
    let Some((model, names)) = &items.crossed else {
        return Vec::new();
    };
    let there: BTreeSet<Vec<String>> = catalog
        .contents()
        .map(|content| levels_of(catalog, &content.name, &document.components))
        .collect();
    let combinations = names
        .iter()
        .try_fold(1_usize, |product, names| product.checked_mul(names.len()));
    if combinations.is_none_or(|number| number > MOST_COMBINATIONS) {
        return Vec::new();
    }
    let mut places: Vec<Vec<usize>> = vec![Vec::new()];
    for names in names {
        places = places
            .into_iter()
            .flat_map(|head| {
                (0..names.len()).map(move |level| {
                    let mut places = head.clone();
                    places.push(level);
                    places
                })
            })
            .collect();
    }
    let mut untested: Vec<Untested> = places
        .into_iter()
        .filter_map(|places| {
            let named = places.iter().zip(names);
            let levels: Vec<String> = named.map(|(level, names)| names[*level].clone()).collect();
            let is_new = !there.contains(&levels) && !levels.iter().any(|level| level == NONE);
            let known: Vec<Option<usize>> = places.into_iter().map(Some).collect();
            let forecast = is_new.then(|| model.forecast(&[], &known).ok()).flatten()?;
            Some(Untested {
                levels,
                forecast: believed(&of_kind(items.kind, forecast), document.alpha)?,
            })
        })
        .collect();
    untested.sort_by(|a, b| {
        b.forecast
            .mean
            .total_cmp(&a.forecast.mean)
            .then_with(|| a.levels.cmp(&b.levels))
    });
    untested.truncate(MOST_LISTED);
    untested
}

/// The smallest regular test of resolution IV or more.
fn test(catalog: &Catalog, components: &[String]) -> Option<ComponentTest> {
    const ENOUGH: u32 = 4;
    let levels: Vec<Vec<String>> = components
        .iter()
        .map(|component| {
            let levels: BTreeSet<String> = catalog
                .contents()
                .filter_map(|content| Some(content.components.get(component)?.to_string()))
                .collect();
            levels.into_iter().collect()
        })
        .collect();
    if components.len() < 2 || levels.iter().any(|levels| levels.len() != 2) {
        return None;
    }
    let all = 1_usize.checked_shl(u32::try_from(components.len()).ok()?)?;
    let design = (1..=components.len())
        .map(|base| 1 << base)
        .filter_map(|runs| Fraction::of_minimum_aberration(components.len(), runs).ok())
        .find(|design| {
            design
                .resolution()
                .is_none_or(|resolution| resolution >= ENOUGH)
        })?;
    let name = |effect: Components| {
        let on = (0..components.len()).filter(|place| effect >> place & 1 == 1);
        let names: Vec<&str> = on.map(|place| components[place].as_str()).collect();
        names.join(" × ")
    };
    let combination = |run: &Components| {
        let level = |(place, levels): (usize, &Vec<String>)| {
            levels[usize::from(run >> place & 1 == 1)].clone()
        };
        levels.iter().enumerate().map(level).collect()
    };
    let aliases = design.alias_table(2).into_iter();
    let aliases = aliases.filter(|(effect, aliases)| {
        // Each set of aliases once.
        aliases.iter().all(|alias| effect < alias) && !aliases.is_empty()
    });
    Some(ComponentTest {
        combinations: design.runs().iter().map(combination).collect(),
        of: all as u64,
        resolution: design.resolution(),
        aliases: aliases
            .map(|(effect, aliases)| {
                let names: Vec<String> = std::iter::once(effect).chain(aliases).map(name).collect();
                names.join(" = ")
            })
            .collect(),
    })
}

/// What choosing each component by each key of the table would bring.
pub(super) fn personalizing(
    catalog: &Catalog,
    lake: &Lake,
    document: &Performance,
    prepared: &Prepared,
) -> Result<Vec<PersonalizingFinding>, MeasureError> {
    let mut findings = Vec::new();
    for component in &document.components {
        let Some(levels) = level_case(catalog, component) else {
            continue;
        };
        for (place, segment) in prepared.keys.iter().enumerate() {
            // A half is a fixed one for each customer, whatever the table.
            let rows = format!(
                "(SELECT customer, moment, k{place} AS segment, {levels} AS level, \
                 CASE WHEN substr(md5(CAST(customer AS VARCHAR)), 1, 1) IN ('0', '1', '2', '3', '4', '5', '6', '7') \
                 THEN 'a' ELSE 'b' END AS half FROM {SHOWN} WHERE {levels} IS NOT NULL)"
            );
            let keys = ["segment", "level", "half"].map(str::to_owned);
            let units = prepared.units_of(lake, &keys, &rows)?;
            findings.push(of_segment(component, segment, &units, document.alpha));
        }
    }
    Ok(findings)
}

/// The level of content's component, as SQL; none where no content has it.
fn level_case(catalog: &Catalog, component: &str) -> Option<String> {
    let whens: Vec<String> = catalog
        .contents()
        .filter_map(|content| {
            let level = content.components.get(component)?;
            let (name, level) = (sql::text(&content.name), sql::text(&level.to_string()));
            Some(format!("WHEN {name} THEN {level}"))
        })
        .collect();
    (!whens.is_empty()).then(|| format!("CASE content {} END", whens.join(" ")))
}

fn of_segment(component: &str, segment: &str, units: &[Units], alpha: f64) -> PersonalizingFinding {
    let names = |key: usize| -> Vec<&str> {
        let names: BTreeSet<&str> = units.iter().map(|row| row.keys[key].as_str()).collect();
        names.into_iter().collect()
    };
    let (segments, levels) = (names(0), names(1));
    let nobody = Sample {
        n: 0,
        mean: 0.0,
        variance: 0.0,
    };
    let of_keys: BTreeMap<[&str; 3], Sample> = units
        .iter()
        .filter_map(|row| match row.keys.as_slice() {
            [segment, level, half] => Some(([segment.as_str(), level, half], row.sample())),
            _ => None,
        })
        .collect();
    let sample = |segment: &str, level: &str, half: &str| {
        let found = of_keys.get(&[segment, level, half]);
        found.copied().unwrap_or(nobody)
    };
    let cells: Vec<Vec<[Sample; 2]>> = segments
        .iter()
        .map(|segment| {
            let of_level =
                |level: &&str| [sample(segment, level, "a"), sample(segment, level, "b")];
            levels.iter().map(of_level).collect()
        })
        .collect();
    let mut finding = PersonalizingFinding {
        component: component.to_owned(),
        segment: segment.to_owned(),
        value: None,
        naive: None,
        best: None,
        segments: Vec::new(),
        refusal: None,
    };
    match value_of_personalizing(&cells, alpha) {
        Ok(found) => {
            match found.value {
                Some(value) => {
                    finding.value = Some(Valued {
                        estimate: value.estimate,
                        low: value.low,
                        high: value.high,
                    });
                }
                None => {
                    let message = "both halves of the customers choose the same level in every segment: no difference \
                                   was measured that would say what other choices bring";
                    finding.refusal = Some(Refusal::new(Reason::TooLittleData, message));
                }
            }
            finding.naive = Some(found.naive);
            finding.best = Some(levels[found.best].to_owned());
            finding.segments = segments
                .iter()
                .zip(found.best_by_segment)
                .map(|(segment, best)| PersonalizingSegment {
                    segment: (*segment).to_owned(),
                    best: levels[best].to_owned(),
                })
                .collect();
        }
        Err(error) => {
            finding.refusal = Some(Refusal::new(Reason::TooLittleData, error.to_string()))
        }
    }
    finding
}
