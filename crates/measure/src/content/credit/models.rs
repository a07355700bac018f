//! Credit by all models, with intervals as far as they can be afforded.

use std::num::NonZeroUsize;

use attribution::bootstrap::{Bootstrap, Draws, Limits, Measure, bootstrap};
use attribution::{
    Comparison, CreditError, Credits, GREATEST_ORDER, Heuristic, JourneyTable, Model,
    StandardErrors, credit, markov, order_scores, standard_errors,
};
use stats::tail::normal_quantile;

use super::aged::{Aged, decays};
use super::finding::{CreditEstimate, CreditModel, MarkovFinding, MarkovOrder};
use super::journeys::Journeys;
use crate::{Reason, Refusal};

/// Replicates of the bootstrap where they cost little.
const REPLICATES: usize = 1000;
/// Fewer are not enough for the ends of an interval.
const FEWEST_REPLICATES: usize = 100;
/// Steps of arithmetic that the bootstrap of one group of models may take: a few seconds.
pub(super) const AFFORDABLE: f64 = 5e8;
/// Steps that drawing the customers of one outcome is worth.
const DRAW: f64 = 8.0;
/// Distinct paths with ages that are kept, at most: more cannot be bootstrapped, whatever else they take.
pub(super) const MOST_AGED: usize = (AFFORDABLE / DRAW) as usize / FEWEST_REPLICATES;
/// The same journeys give the same intervals.
const SEED: u64 = 1;
/// What is credited, at most, for the models that compare sets of them, which take steps by their number in the
/// exponent.
const MOST_COMPARED: usize = 12;
/// Paths, at most, for the model that compares sequences.
const MOST_SEQUENCES: usize = 20_000;

/// What the models need beside the journeys.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The half-life of time decay in seconds.
    pub(super) half_life: f64,
    /// Whether there is a direct channel to pass over.
    pub(super) has_direct: bool,
    /// Whether conversions have values, by which credit is then ranked.
    pub(super) valued: bool,
    pub(super) alpha: f64,
    /// The order of the Markov chain; none where the journeys choose it.
    pub(super) order: Option<usize>,
    pub(super) threads: usize,
    /// Steps of arithmetic that the bootstrap of one group of models may take.
    pub(super) affordable: f64,
}

/// The credits of one model.
pub(super) struct Credited {
    pub(super) model: CreditModel,
    /// How it is worked out; none where it has no answer.
    definition: Option<Model>,
    pub(super) credits: Result<Credits, Refusal>,
    pub(super) bootstrap: Option<Bootstrap>,
    /// Where it costs too much, of the models that need none.
    errors: Option<StandardErrors>,
    customers: Option<u64>,
}

/// The credits of all models, and the Markov chain behind one of them.
pub(super) struct AllCredits {
    pub(super) models: Vec<Credited>,
    pub(super) markov: Option<MarkovFinding>,
}

/// Models that are bootstrapped together.
struct Group<'t> {
    table: &'t JourneyTable,
    customers: Option<u64>,
    models: Vec<(CreditModel, Model)>,
    /// Steps of one replicate.
    steps: f64,
}

/// Credits by all models that the journeys allow. The journeys are of so many customers, those without any among them;
/// none if their number is chance as well.
pub(super) fn credits(
    journeys: &Journeys,
    customers: Option<u64>,
    settings: &Settings,
) -> AllCredits {
    let table = &journeys.table;
    let shared = by_touch(journeys, settings);
    let group = Group {
        steps: draws(table) + (table.touches() * shared.len()) as f64,
        table,
        customers,
        models: shared,
    };
    let mut all = group.credited(settings);
    all.extend(by_age(journeys, customers, settings));
    let (markov, chain) = best_chain(table, customers, settings);
    all.push(chain);
    all.extend(compared(table, customers, settings));
    all.sort_by_key(|credited| credited.model);
    AllCredits {
        models: all,
        markov,
    }
}

/// Steps of drawing the customers of a table.
fn draws(table: &JourneyTable) -> f64 {
    DRAW * table.outcomes().len() as f64
}

/// The models that share by the age of touches.
fn by_age(journeys: &Journeys, customers: Option<u64>, settings: &Settings) -> Vec<Credited> {
    let models = [CreditModel::TimeDecay, CreditModel::SteppedTimeDecay]
        .into_iter()
        .zip(decays(settings.half_life).map(Model::Heuristic));
    match &journeys.aged {
        Aged::Kept(aged) => {
            let models: Vec<(CreditModel, Model)> = models.collect();
            let group = Group {
                steps: draws(aged) + (aged.touches() * models.len()) as f64,
                table: aged,
                customers,
                models,
            };
            group.credited(settings)
        }
        Aged::Summed(sums) => models
            .zip(sums)
            .map(|((model, definition), (credits, errors))| Credited {
                model,
                definition: Some(definition),
                credits: Ok(credits.clone()),
                bootstrap: None,
                errors: Some(errors.clone()),
                customers,
            })
            .collect(),
    }
}

/// The models that share by the place of touches.
fn by_touch(journeys: &Journeys, settings: &Settings) -> Vec<(CreditModel, Model)> {
    let table = &journeys.table;
    let mut models = vec![
        (CreditModel::First, Model::Heuristic(Heuristic::First)),
        (CreditModel::Last, Model::Heuristic(Heuristic::Last)),
        (CreditModel::Linear, Model::Heuristic(Heuristic::Linear)),
        (CreditModel::PositionU, Model::Heuristic(Heuristic::U)),
        (CreditModel::PositionW, Model::Heuristic(Heuristic::W)),
        (CreditModel::Shapley, Model::ShapleyOfSubsets),
    ];
    if settings.has_direct {
        let is_direct = |name: &&String| {
            let count = journeys.keys.get(*name);
            count.is_some_and(|count| count.touches > 0 && count.direct == count.touches)
        };
        let direct = table.channels().iter().filter(is_direct);
        let direct = direct.filter_map(|name| table.channel(name)).collect();
        models.push((
            CreditModel::LastNonDirect,
            Model::Heuristic(Heuristic::LastNonDirect { direct }),
        ));
    }
    models
}

/// The chain of the order that is asked for, or else of the best one that can be solved.
fn best_chain(
    table: &JourneyTable,
    customers: Option<u64>,
    settings: &Settings,
) -> (Option<MarkovFinding>, Credited) {
    let scores = match settings.order {
        Some(_) => Vec::new(),
        None => order_scores(table).unwrap_or_default(),
    };
    let mut orders: Vec<usize> = if scores.is_empty() {
        vec![settings.order.unwrap_or(1)]
    } else {
        (1..=GREATEST_ORDER).collect()
    };
    // With few journeys the penalty has no meaning for the higher orders: it would be a reward.
    let score = |order: usize| {
        let mut of_order = scores.iter().filter(|score| score.order == order);
        let meant = of_order.find(|score| score.penalized_auc <= score.auc);
        meant.map_or(f64::NEG_INFINITY, |score| score.penalized_auc)
    };
    // The simplest of equals first.
    orders.sort_by(|&a, &b| score(b).total_cmp(&score(a)).then(a.cmp(&b)));
    let mut refusal = None;
    for order in orders {
        let fitted = match markov(table, order) {
            Ok(fitted) => fitted,
            Err(error) => {
                refusal.get_or_insert(error);
                continue;
            }
        };
        let keys = table.channels().len() as f64;
        let solving = if order == 1 {
            keys.powi(3)
        } else {
            100.0 * keys * fitted.states as f64
        };
        let group = Group {
            table,
            customers,
            models: vec![(CreditModel::Markov, Model::Markov { order })],
            steps: draws(table) + table.touches() as f64 + solving,
        };
        let finding = MarkovFinding {
            order,
            states: fitted.states as u64,
            conversion_probability: fitted.conversion,
            orders: scores
                .iter()
                .map(|score| MarkovOrder {
                    order: score.order,
                    auc: score.auc,
                    penalized_auc: score.penalized_auc,
                })
                .collect(),
        };
        let credited = Credited {
            model: CreditModel::Markov,
            definition: Some(Model::Markov { order }),
            bootstrap: group.bootstrapped(settings).and_then(|mut all| all.pop()),
            errors: None,
            customers,
            credits: Ok(fitted.credits),
        };
        return (Some(finding), credited);
    }
    let credited = Credited {
        model: CreditModel::Markov,
        definition: None,
        credits: Err(refused(&refusal.unwrap_or(CreditError::NoConversions))),
        bootstrap: None,
        errors: None,
        customers,
    };
    (None, credited)
}

/// The models that compare what journeys bring with and without each touch.
fn compared(table: &JourneyTable, customers: Option<u64>, settings: &Settings) -> Vec<Credited> {
    let keys = table.channels().len();
    let sets = 3_f64.powi(keys.min(MOST_COMPARED) as i32);
    let touches = table.touches() as f64;
    let models = [
        (CreditModel::ShapleyOfSets, Comparison::RateOfSet, sets),
        (
            CreditModel::ShapleyOfSequences,
            Comparison::RateOfSequence,
            8.0 * touches,
        ),
        (
            CreditModel::LeaveOneOut,
            Comparison::LeaveOneTouchOut,
            2.0 * touches,
        ),
    ];
    let credited = |(model, comparison, steps): (CreditModel, Comparison, f64)| {
        let too_many = match comparison {
            Comparison::LeaveOneTouchOut => false,
            Comparison::RateOfSet => keys > MOST_COMPARED,
            Comparison::RateOfSequence => keys > MOST_COMPARED || table.len() > MOST_SEQUENCES,
        };
        if too_many {
            let message = format!(
                "it compares sets of at most {MOST_COMPARED}, and sequences of at most {MOST_SEQUENCES} distinct \
                 paths; there are {keys}, in {} paths",
                table.len()
            );
            return vec![Credited {
                model,
                definition: None,
                credits: Err(Refusal::new(Reason::UnfitData, message)),
                bootstrap: None,
                errors: None,
                customers,
            }];
        }
        let group = Group {
            table,
            customers,
            models: vec![(model, Model::Comparison(comparison))],
            steps: draws(table) + touches + steps,
        };
        group.credited(settings)
    };
    models.into_iter().flat_map(credited).collect()
}

impl Group<'_> {
    fn models(&self) -> Vec<Model> {
        self.models.iter().map(|(_, model)| model.clone()).collect()
    }

    /// Credits with intervals, or at least the credits.
    fn credited(&self, settings: &Settings) -> Vec<Credited> {
        let credits = credit(self.table, &self.models());
        let mut replicated = match &credits {
            Ok(_) => self.bootstrapped(settings).unwrap_or_default().into_iter(),
            Err(_) => Vec::new().into_iter(),
        };
        let of_model = |place: usize| match &credits {
            Ok(credits) => Ok(credits[place].clone()),
            Err(error) => Err(refused(error)),
        };
        self.models
            .iter()
            .enumerate()
            .map(|(place, (model, definition))| {
                let credits = of_model(place);
                let bootstrap = replicated.next();
                let errors = match (&credits, &bootstrap) {
                    (Ok(_), None) => standard_errors(self.table, definition).ok().flatten(),
                    _ => None,
                };
                Credited {
                    model: *model,
                    definition: credits.is_ok().then(|| definition.clone()),
                    credits,
                    bootstrap,
                    errors,
                    customers: self.customers,
                }
            })
            .collect()
    }

    /// The models bootstrapped; none where that costs too much, or where a replicate has no answer.
    fn bootstrapped(&self, settings: &Settings) -> Option<Vec<Bootstrap>> {
        let affordable = (settings.affordable / self.steps.max(1.0)) as usize;
        let replicates = affordable.min(REPLICATES);
        let needed = (2.0 / settings.alpha).ceil() as usize;
        if replicates < FEWEST_REPLICATES.max(needed) {
            return None;
        }
        let draws = Draws {
            replicates,
            customers: self.customers,
            seed: SEED,
            threads: NonZeroUsize::new(settings.threads).unwrap_or(NonZeroUsize::MIN),
        };
        bootstrap(self.table, &self.models(), &draws).ok()
    }
}

fn refused(error: &CreditError) -> Refusal {
    Refusal::new(Reason::TooLittleData, error.to_string())
}

impl AllCredits {
    /// The value that each model with an answer credits each with, where conversions are worth something else: model
    /// after model, in their order.
    ///
    /// # Errors
    ///
    /// Those of the models.
    pub(super) fn with_values(
        &self,
        journeys: &Journeys,
        value: impl Fn(f64) -> f64,
    ) -> Result<Vec<f64>, CreditError> {
        let answered = || {
            let models = self.models.iter();
            models.filter_map(|credited| credited.definition.as_ref())
        };
        let by_table = |table: Option<&JourneyTable>, aged: bool| {
            let models = answered().filter(|model| needs_ages(model) == aged);
            let models: Vec<Model> = models.cloned().collect();
            let credits = match table.filter(|_| !models.is_empty()) {
                Some(table) => credit(&table.revalued(&value), &models)?,
                None => Vec::new(),
            };
            Ok(credits.into_iter())
        };
        let mut plain = by_table(Some(&journeys.table), false)?;
        let kept = match &journeys.aged {
            Aged::Kept(table) => Some(table.as_ref()),
            Aged::Summed(_) => None,
        };
        let mut aged = by_table(kept, true)?;
        let mut values = Vec::new();
        for model in answered() {
            let credits = match needs_ages(model) {
                true => aged.next(),
                false => plain.next(),
            };
            values.extend(credits.map_or(Vec::new(), |credits| credits.value));
        }
        Ok(values)
    }
}

fn needs_ages(model: &Model) -> bool {
    use Heuristic::{SteppedTimeDecay, TimeDecay};
    matches!(
        model,
        Model::Heuristic(TimeDecay { .. } | SteppedTimeDecay { .. })
    )
}

impl Credited {
    /// A number of one of those that are credited, with its interval where there is one; nothing of a model without an
    /// answer.
    pub(super) fn estimate(&self, measure: Measure, key: usize, alpha: f64) -> CreditEstimate {
        self.known(measure, key, alpha)
            .unwrap_or(CreditEstimate::alone(0.0))
    }

    /// The same, where there is such a number: there is no share of a total that is not positive. The interval is of the
    /// percentiles of the bootstrap, or where it costs too much the normal one of a standard error without replicates.
    pub(super) fn known(&self, measure: Measure, key: usize, alpha: f64) -> Option<CreditEstimate> {
        let interval = self
            .bootstrap
            .as_ref()
            .and_then(|all| all.interval(measure, key, Limits::Percentile, alpha).ok());
        if let Some(interval) = interval {
            return Some(CreditEstimate {
                estimate: interval.estimate,
                se: Some(interval.se),
                low: Some(interval.low),
                high: Some(interval.high),
            });
        }
        let estimate = measure.of(self.credits.as_ref().ok()?, key)?;
        let errors = self.errors.as_ref();
        let se = errors.and_then(|errors| errors.of(measure, key, self.customers));
        let half = se.map(|se| normal_quantile(1.0 - alpha / 2.0) * se);
        Some(CreditEstimate {
            estimate,
            se,
            low: half.map(|half| estimate - half),
            high: half.map(|half| estimate + half),
        })
    }
}
