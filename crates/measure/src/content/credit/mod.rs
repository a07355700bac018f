//! Attribution: conversions shared among the touches before them, by several models, with intervals, held against
//! experiments.

mod aged;
mod calibration;
mod checks;
mod counts;
mod events;
mod evidence;
mod factorials;
mod finding;
mod flow;
mod in_arm;
mod journeys;
mod lifetime;
mod models;
mod walk;

use std::collections::BTreeMap;

use attribution::bootstrap::Measure;
use attribution::{Credits, JourneyTable, Totals};
use catalog::{Attribution, Catalog, Dimension};
use lake::Lake;

use self::aged::Keeping;
use self::calibration::Whole;
use self::checks::Looked;
use self::counts::KeyCount;
use self::factorials::Says;
pub use self::finding::{
    AttributionCheck, AttributionCheckKind, AttributionFinding, Calibrated, CalibrationFactor,
    CalibrationFinding, CreditEstimate, CreditFinding, CreditModel, CreditTotals, EvidenceGrade,
    FlowFinding, FlowNode, FlowStep, JourneyCounts, KeyFinding, LifetimeCreditEstimate,
    LifetimeCreditFinding, LifetimeModelFinding, MarkovFinding, MarkovOrder, ModelCalibration,
    ModelFinding, PathFinding, RankedBy, Ranks, Spread, TestedChannel, UnansweredFactorial,
};
pub(crate) use self::in_arm::{ArmJourneys, credit_in_arm};
use self::journeys::{Journeys, Making, Valued};
use self::models::{Credited, Settings};
use super::touches::COST_UNITS;
use crate::error::MeasureError;
use crate::{Provenance, Reason, Refusal};

/// Shares conversions among the touches before them.
///
/// Touches and conversions are read in one pass over their sources, sorted by the engine; each experiment that credit is
/// held against takes a pass of its own over its customers, and so does each factorial that switches a credited channel.
///
/// # Errors
///
/// [`MeasureError`] where the lake or the catalog do not allow the measurement at all. What the data do not support is a
/// refusal inside the finding.
pub fn attribution(
    catalog: &Catalog,
    lake: &mut Lake,
    attribution: &Attribution,
) -> Result<AttributionFinding, MeasureError> {
    let making = making(attribution);
    let events = events::events(catalog, lake, attribution)?;
    let journeys = journeys::journeys(lake, &events.all(), &making)?;
    lake.check_unchanged()?;
    let valued = attribution.conversion.value.is_some();
    let settings = settings(attribution, lake);
    let table = &journeys.table;
    let refusal = refusal(table, &journeys);
    let (credits, calibrations) = if refusal.is_none() {
        let credits = models::credits(&journeys, journeys.customers(), &settings);
        let whole = Whole {
            attribution,
            events: &events,
            journeys: &journeys,
            credits: &credits,
            making: &making,
            settings: &settings,
        };
        let calibrations = calibration::calibrations(catalog, lake, &whole)?;
        (Some(credits), calibrations)
    } else {
        (None, Vec::new())
    };
    let lifetime = match (&attribution.lifetime, &credits) {
        (Some(credited), Some(_)) => {
            let how = (&events, &making, &settings);
            lifetime::lifetime(catalog, lake, credited, how)?
        }
        _ => None,
    };
    let by = attribution.by.dimensions();
    let by_channel = by == [Dimension::Channel];
    let factorials = match by_channel && credits.is_some() {
        true => factorials::factorials(catalog, lake, attribution, &journeys.keys)?,
        false => BTreeMap::new(),
    };
    let shown = Shown {
        factorials,
        table,
        costs: costs(&journeys),
        money: attribution.conversion.is_of_money(),
        settings: &settings,
    };
    let (models, markov) = match &credits {
        Some(all) => (
            all.models.iter().map(|one| shown.model(one)).collect(),
            all.markov.clone(),
        ),
        None => (Vec::new(), None),
    };
    let keys = shown.keys(&journeys, &models, &calibrations);
    let checks = checks::checks(&Looked {
        catalog,
        attribution,
        events: &events,
        journeys: &journeys,
        totals: shown.totals(),
        keys: &keys,
        calibrations: &calibrations,
    });
    let sequences = flow::sequences(table);
    Ok(AttributionFinding {
        format: AttributionFinding::FORMAT.to_owned(),
        attribution: attribution.name.clone(),
        description: attribution.description.clone(),
        by: by.to_vec(),
        fact: attribution.conversion.fact.clone(),
        touches: attribution.touches.clone(),
        alpha: attribution.alpha,
        currency: catalog.project().currency.clone(),
        unit: valued.then_some(attribution.conversion.unit),
        ranked_by: if valued {
            RankedBy::Value
        } else {
            RankedBy::Conversions
        },
        after_conversion: attribution.after_conversion,
        journeys: counts(&journeys, sequences.len()),
        totals: shown.totals(),
        models,
        keys,
        markov,
        calibrations,
        lifetime,
        paths: flow::paths(table, sequences, valued),
        flow: flow::flow(table),
        checks,
        refusal,
        provenance: Provenance::of(catalog, lake)?,
    })
}

/// How journeys are made.
fn making(attribution: &Attribution) -> Making {
    Making {
        place: format!("attribution `{}`", attribution.name),
        after: attribution.after_conversion,
        direct: attribution.direct.clone(),
        valued: Valued::All,
        keeping: Keeping {
            most: models::MOST_AGED,
            half_life: attribution.half_life.nominal_seconds() as f64,
        },
    }
}

/// What the models need beside the journeys.
fn settings(attribution: &Attribution, lake: &Lake) -> Settings {
    Settings {
        half_life: attribution.half_life.nominal_seconds() as f64,
        has_direct: attribution.direct.is_some(),
        valued: attribution.conversion.value.is_some(),
        alpha: attribution.alpha,
        order: None,
        threads: lake.engine().threads(),
        affordable: models::AFFORDABLE,
    }
}

/// Why nothing can be credited.
fn refusal(table: &JourneyTable, journeys: &Journeys) -> Option<Refusal> {
    let counts = &journeys.counts;
    let message = if counts.conversions == 0 {
        "there are no conversions to share out"
    } else if counts.touches == 0 {
        "there are no touches to share conversions among"
    } else if table.total().conversions <= 0.0 {
        "no conversion has a touch before it that counts"
    } else {
        return None;
    };
    Some(Refusal::new(Reason::TooLittleData, message))
}

fn counts(journeys: &Journeys, sequences: usize) -> JourneyCounts {
    let (table, counts) = (&journeys.table, &journeys.counts);
    let is_null = |null: bool| {
        let outcomes = table.outcomes().iter();
        let of_kind = outcomes.filter(move |outcome| outcome.outcome.is_null() == null);
        of_kind.map(|outcome| outcome.journeys).sum()
    };
    JourneyCounts {
        customers: counts.customers,
        touches: counts.touches,
        conversions: counts.conversions,
        converting: is_null(false),
        untouched: table.dropped().untouched_journeys,
        without_conversion: is_null(true),
        distinct_paths: sequences as u64,
        longest: counts.longest,
        first_conversion: counts.period.map(|(first, _)| first),
        last_conversion: counts.period.map(|(_, last)| last),
    }
}

/// What the touches of each key cost; none where no touch costs anything.
fn costs(journeys: &Journeys) -> Option<BTreeMap<String, f64>> {
    let keys = journeys.keys.iter();
    let any = keys.clone().any(|(_, count)| count.cost != 0);
    any.then(|| {
        keys.map(|(key, count)| (key.clone(), count.cost as f64 / COST_UNITS))
            .collect()
    })
}

/// How credits are shown.
struct Shown<'a> {
    /// What factorials say of channels.
    factorials: BTreeMap<String, Says>,
    table: &'a JourneyTable,
    costs: Option<BTreeMap<String, f64>>,
    /// Whether values are money, which adds up to the cent.
    money: bool,
    settings: &'a Settings,
}

/// The keys of a model, the greatest first, of which each is held against each.
const MOST_RANKED: usize = 20;

fn cents(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}

impl Shown<'_> {
    /// What is shared out.
    fn totals(&self) -> CreditTotals {
        let (credited, dropped) = (self.table.total(), self.table.dropped().untouched);
        let valued = |pick: fn(&Totals, &Totals) -> f64| {
            self.settings.valued.then(|| pick(&credited, &dropped))
        };
        let to_cents = |amount: Option<f64>| match self.money {
            true => amount.map(cents),
            false => amount,
        };
        let credited_value = to_cents(valued(|credited, _| credited.value));
        let untouched_value = to_cents(valued(|_, dropped| dropped.value));
        CreditTotals {
            conversions: credited.conversions + dropped.conversions,
            credited_conversions: credited.conversions,
            untouched_conversions: dropped.conversions,
            value: to_cents(credited_value.zip(untouched_value).map(|(a, b)| a + b)),
            credited_value,
            untouched_value,
            cost: self.costs.as_ref().map(|costs| costs.values().sum()),
        }
    }

    fn model(&self, credited: &Credited) -> ModelFinding {
        let replicates = credited.bootstrap.as_ref();
        let (credits, refusal) = match &credited.credits {
            Ok(credits) => (self.credits(credited, credits), None),
            Err(refusal) => (Vec::new(), Some(refusal.clone())),
        };
        ModelFinding {
            model: credited.model,
            definition: credited.model.definition().to_owned(),
            replicates: replicates.map(|all| all.replicates().len() as u64),
            credits,
            refusal,
        }
    }

    /// The credits of a model, the greatest first.
    fn credits(&self, credited: &Credited, credits: &Credits) -> Vec<CreditFinding> {
        let alpha = self.settings.alpha;
        let (ranked, share) = match self.settings.valued {
            true => (Measure::Value, Measure::ShareOfValue),
            false => (Measure::Conversions, Measure::ShareOfConversions),
        };
        let amount = |key: usize| match self.settings.valued {
            true => credits.value[key],
            false => credits.conversions[key],
        };
        let mut order: Vec<usize> = (0..self.table.channels().len()).collect();
        // Of equal credit the first name comes first: the sort is stable.
        order.sort_by(|&a, &b| amount(b).total_cmp(&amount(a)));
        let exact = match self.money {
            true => credits.value_in_cents(cents(self.table.total().value)).ok(),
            false => None,
        };
        let above = |key: usize, other: usize| {
            let replicates = credited.bootstrap.as_ref()?;
            replicates.ranks_above(ranked, key, other).ok()
        };
        let one = |(place, &key): (usize, &usize)| {
            let name = &self.table.channels()[key];
            let value = self.settings.valued.then(|| {
                let mut value = credited.estimate(Measure::Value, key, alpha);
                if let Some(exact) = &exact {
                    value.estimate = exact[key] as f64 / 100.0;
                }
                value
            });
            let cost = self.costs.as_ref().and_then(|costs| costs.get(name));
            let less_cost = match (value, cost, self.money) {
                (Some(value), Some(cost), true) => Some(value.estimate - cost),
                _ => None,
            };
            CreditFinding {
                key: name.clone(),
                conversions: credited.estimate(Measure::Conversions, key, alpha),
                share: credited.known(share, key, alpha),
                rank: place as u64 + 1,
                above_next: order.get(place + 1).and_then(|&next| above(key, next)),
                above: (order.iter().take(MOST_RANKED).skip(place + 1))
                    .filter_map(|&other| {
                        let name = &self.table.channels()[other];
                        Some((name.clone(), above(key, other)?))
                    })
                    .collect(),
                value_less_cost: less_cost,
                return_on_cost: less_cost
                    .zip(cost)
                    .filter(|(_, cost)| **cost > 0.0)
                    .map(|(less, cost)| less / cost),
                value,
            }
        };
        order.iter().enumerate().map(one).collect()
    }

    /// What is known of each key whatever the model.
    fn keys(
        &self,
        journeys: &Journeys,
        models: &[ModelFinding],
        calibrations: &[CalibrationFinding],
    ) -> Vec<KeyFinding> {
        let one = |(key, count): (&String, &KeyCount)| {
            let credits: Vec<&CreditFinding> = models
                .iter()
                .filter_map(|model| model.credit(key))
                .collect();
            let spread = |amount: &dyn Fn(&CreditFinding) -> f64| Spread {
                least: least(credits.iter().map(|credit| amount(credit))),
                greatest: -least(credits.iter().map(|credit| -amount(credit))),
            };
            let ranks = || credits.iter().map(|credit| credit.rank);
            let value = |credit: &CreditFinding| credit.value.map_or(0.0, |value| value.estimate);
            let said = self.factorials.get(key);
            KeyFinding {
                key: key.clone(),
                touches: count.touches,
                clicks: count.clicks,
                in_journeys: count.in_journeys,
                cost: self
                    .costs
                    .as_ref()
                    .and_then(|costs| costs.get(key).copied()),
                conversions: spread(&|credit| credit.conversions.estimate),
                value: self.settings.valued.then(|| spread(&value)),
                ranks: Ranks {
                    best: ranks().min().unwrap_or(0),
                    worst: ranks().max().unwrap_or(0),
                },
                tested: (!calibrations.is_empty()).then(|| {
                    let untested = |one: &CalibrationFinding| one.untested.contains(key);
                    !calibrations.iter().all(untested)
                }),
                factorial: said.and_then(|said| said.as_ref().ok()).cloned(),
                unanswered: said.and_then(|said| said.as_ref().err()).cloned(),
            }
        };
        journeys.keys.iter().map(one).collect()
    }
}

/// The least of some numbers; zero of none.
fn least(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.reduce(f64::min).unwrap_or(0.0)
}
