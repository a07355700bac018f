//! Covariates that are learned: a prediction of a metric from what was known of customers before exposure.
//!
//! Cross-fitted as in algorithm 1 of Y. Guo et al., "Machine learning for variance reduction in online experiments"
//! (MLRATE, NeurIPS 2021): customers are split into folds by a hash, a model is fitted to each fold's complement, both
//! arms together and without the arm, and predicts the fold. So no prediction has seen its own customer's outcome, and
//! the prediction is a covariate like any other: a bad one gains nothing and harms nothing.
//!
//! The models learn from a sample of customers and are then written as SQL, so that the one pass computes the
//! predictions of all.

mod expression;
mod sample;

use catalog::{Catalog, Metric};
use lake::{Column, Lake, sql};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::boosting::{Model, Settings, fit};
use stats::moments::MomentsError;

use self::expression::{bare, prediction};
use self::sample::{Levels, Sample, Wanted};
use super::compare::{adjusted_lift, with_missing};
use super::finding::{Comparison, Pair};
use super::plan::{Known, KnownFrom, MadeOf, Plan, value_before};
use super::query::Query;
use super::query::columns::number;
use super::query::types::{is_number, type_of};
use super::tally::{Layout, Tally};
use crate::error::MeasureError;

/// Most customers that the models of one prediction learn from, all folds together.
const MOST_CUSTOMERS: u64 = 400_000;

/// The customers' table with predictions.
pub(crate) const PREDICTED: &str = "_ts_predicted";

/// What a prediction needs.
pub(crate) struct Learned {
    metric: String,
    made_of: MadeOf,
    features: Vec<Feature>,
    folds: u32,
}

/// Something that a prediction is learned from.
#[derive(Clone, Copy)]
enum Feature {
    /// A place among the plan's `learned_columns`.
    Column(usize),
    /// A place among the plan's `learned_values`.
    Value(usize),
}

/// A prediction that was learned as a covariate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LearnedFinding {
    /// The covariate's name.
    pub covariate: String,
    /// The metric that it predicts.
    pub metric: String,
    pub features: Vec<LearnedFeature>,
    /// Into how many parts customers were split.
    pub folds: u32,
    /// Customers that the models learned from, all folds together.
    pub customers: u64,
    /// The trees of each fold's model.
    pub trees: Vec<u64>,
    /// Share of the outcome's variation that is predicted, by models that have not seen it. Below zero, the mean
    /// would have predicted better.
    pub r2: Option<f64>,
    /// What it brings in each arm.
    pub gains: Vec<LearnedGain>,
    /// Why nothing was learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<String>,
}

/// What a learned covariate brings in one arm: shares of the squared standard error that adjusting saves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LearnedGain {
    pub arm: String,
    /// By all covariates of the metric, the learned one among them.
    pub variance_reduction: f64,
    /// By the other covariates alone, each in a straight line; none where there are no others.
    pub without: Option<f64>,
}

/// What a prediction was learned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LearnedFeature {
    pub name: String,
    /// The share of the squared error removed that splits by it removed, the mean over the folds' models.
    pub importance: f64,
}

impl<'a> Plan<'a> {
    /// Adds the predictions that a learned covariate asks for, one for each of its metrics.
    pub(super) fn learn(
        &mut self,
        catalog: &'a Catalog,
        covariate: &'a catalog::LearnedCovariate,
    ) -> Result<(), MeasureError> {
        let features = covariate
            .learned
            .iter()
            .map(|feature| self.feature(catalog, feature))
            .collect::<Result<Vec<_>, _>>()?;
        let is_meant = |metric: &Metric| {
            let named = &covariate.metrics;
            named.is_empty() || named.contains(&metric.name)
        };
        for compared in self
            .metrics
            .iter()
            .filter(|compared| is_meant(compared.metric))
        {
            let metric: &'a Metric = compared.metric;
            let learned = Learned {
                metric: metric.name.clone(),
                made_of: compared.made_of,
                features: features.clone(),
                folds: covariate.folds,
            };
            self.covariates.push(Known {
                name: format!("prediction of {}", metric.name),
                from: KnownFrom::Learned(learned),
                metrics: std::slice::from_ref(&metric.name),
            });
        }
        Ok(())
    }

    fn feature(
        &mut self,
        catalog: &'a Catalog,
        feature: &'a catalog::Feature,
    ) -> Result<Feature, MeasureError> {
        match feature {
            catalog::Feature::Column(column) => {
                let known = self
                    .learned_columns
                    .iter()
                    .position(|known| known == column);
                let place = known.unwrap_or(self.learned_columns.len());
                if known.is_none() {
                    self.learned_columns.push(column);
                }
                Ok(Feature::Column(place))
            }
            catalog::Feature::Before(before) => {
                let value = value_before(catalog, self.experiment, &before.metric, before.before)?;
                let known = self.learned_values.iter();
                let known = known.clone().position(|known| known.name == value.name);
                let place = known.unwrap_or(self.learned_values.len());
                if known.is_none() {
                    self.learned_values.push(value);
                }
                Ok(Feature::Value(place))
            }
        }
    }

    /// The covariates that are learned, with their places.
    fn learned(&self) -> impl Iterator<Item = (usize, &Learned)> {
        let covariates = self.covariates.iter().enumerate();
        covariates.filter_map(|(place, known)| match &known.from {
            KnownFrom::Learned(learned) => Some((place, learned)),
            KnownFrom::Column(_) | KnownFrom::Value(_) => None,
        })
    }

    /// Whether any covariate is learned.
    pub(crate) fn learns(&self) -> bool {
        self.learned().next().is_some()
    }

    fn feature_name(&self, feature: Feature) -> String {
        match feature {
            Feature::Column(place) => self.learned_columns[place].to_owned(),
            Feature::Value(place) => self.learned_values[place].name.clone(),
        }
    }
}

/// The column of the customers' table with the prediction that is covariate `place`.
pub(crate) fn column(place: usize) -> String {
    format!("l{place}")
}

/// How a column to learn from is taken along, as SQL: numbers and truth values as numbers, all else as text.
pub(crate) fn taken(type_name: &str, column: &str) -> String {
    let name = sql::identifier(column);
    if is_number(type_name) || type_name == "BOOLEAN" {
        format!("CAST({name} AS DOUBLE)")
    } else {
        format!("CAST({name} AS VARCHAR)")
    }
}

/// A column to learn from must hold numbers, truth values or texts.
pub(crate) fn check_column(
    columns: &[Column],
    column: &str,
    place: &str,
) -> Result<(), MeasureError> {
    let type_name = type_of(columns, column).unwrap_or_default();
    let is_text = type_name == "VARCHAR" || type_name.starts_with("ENUM");
    if is_number(type_name) || type_name == "BOOLEAN" || is_text {
        return Ok(());
    }
    Err(MeasureError::Unusable {
        place: place.to_owned(),
        message: format!(
            "`{column}` is {type_name}, and what is learned from is a number, a truth value or a text: give the \
             column's type in the source's `types:`"
        ),
    })
}

/// Learns the predictions, and adds them to the customers' table.
///
/// # Errors
///
/// The engine's. Where there is too little to learn from, the prediction is a constant, which no adjustment uses.
pub(crate) fn learn(
    plan: &Plan<'_>,
    lake: &Lake,
    query: &mut Query,
) -> Result<Vec<LearnedFinding>, MeasureError> {
    if !plan.learns() {
        return Ok(Vec::new());
    }
    let levels = Levels::read(plan, lake, query)?;
    let mut features: Vec<String> = Vec::new();
    let mut predictions: Vec<String> = Vec::new();
    let mut findings = Vec::new();
    for (place, learned) in plan.learned() {
        let wanted = Wanted {
            columns: (learned.features.iter())
                .map(|&feature| match feature {
                    Feature::Column(place) => levels.number_of(place),
                    Feature::Value(place) => number(query, plan.value_before(place)),
                })
                .collect(),
            outcome: outcome(plan, query, learned.made_of),
            hash: hash(plan),
            folds: learned.folds,
            most: MOST_CUSTOMERS,
        };
        let sample = Sample::read(plan, lake, query, &wanted)?;
        let ordered: Vec<bool> = (learned.features.iter())
            .map(|feature| match feature {
                Feature::Column(place) => !levels.is_text(*place),
                Feature::Value(_) => true,
            })
            .collect();
        let fitted = Fitted::new(&sample, &ordered, learned.folds);
        let mut folds = String::new();
        for (fold, model) in fitted.models.iter().enumerate() {
            let names: Vec<String> = (0..learned.features.len())
                .map(|feature| format!("_ts_l{place}_{fold}_{feature}"))
                .collect();
            for (feature, name) in names.iter().enumerate() {
                let column = match (&model.ranks[feature], learned.features[feature]) {
                    (Some(ranks), Feature::Column(place)) => levels.ranked(place, ranks),
                    _ => bare(&wanted.columns[feature]),
                };
                features.push(format!("{column} AS {name}"));
            }
            folds.push_str(&format!(
                " WHEN {fold} THEN {}",
                prediction(&model.model, &names)
            ));
        }
        features.push(format!(
            "{} % {} AS _ts_fold{place}",
            wanted.hash, learned.folds
        ));
        predictions.push(format!(
            "CASE _ts_fold{place}{folds} END AS {}",
            column(place)
        ));
        findings.push(LearnedFinding {
            covariate: plan.covariates[place].name.clone(),
            metric: learned.metric.clone(),
            features: (learned.features.iter().zip(fitted.importance()))
                .map(|(&feature, importance)| LearnedFeature {
                    name: plan.feature_name(feature),
                    importance,
                })
                .collect(),
            folds: learned.folds,
            customers: sample.len() as u64,
            trees: (fitted.models.iter())
                .map(|model| model.model.trees.len() as u64)
                .collect(),
            r2: fitted.r2,
            gains: Vec::new(),
            dropped: fitted.dropped,
        });
    }
    let statement = format!(
        "CREATE OR REPLACE TEMP VIEW {PREDICTED} AS SELECT *, {} FROM (SELECT *, {} FROM {})",
        predictions.join(", "),
        features.join(", "),
        query.customers,
    );
    let context = format!(
        "cannot predict the metrics of experiment `{}`",
        plan.experiment.name
    );
    lake.engine().execute(&statement, &context)?;
    query.customers = PREDICTED.to_owned();
    Ok(findings)
}

/// Adds to the findings what each prediction brings beside the other covariates, in the comparisons where it is used.
pub(crate) fn add_gains(
    plan: &Plan<'_>,
    layout: &Layout,
    tally: &Tally,
    comparisons: &[Comparison],
    findings: &mut [LearnedFinding],
) -> Result<(), MomentsError> {
    for finding in findings {
        let of_metric = comparisons
            .iter()
            .filter(|comparison| comparison.metric == finding.metric);
        for comparison in of_metric {
            let (Some(adjusted), Some(arm)) = (&comparison.adjusted, plan.arm(&comparison.arm))
            else {
                continue;
            };
            finding.gains.push(LearnedGain {
                arm: comparison.arm.clone(),
                variance_reduction: adjusted.variance_reduction,
                without: without(plan, layout, tally, arm, &finding.metric)?,
            });
        }
    }
    Ok(())
}

/// The share of the squared standard error that the covariates save which are not learned.
fn without(
    plan: &Plan<'_>,
    layout: &Layout,
    tally: &Tally,
    arm: usize,
    metric: &str,
) -> Result<Option<f64>, MomentsError> {
    let Some(compared) = plan.compared(metric) else {
        return Ok(None);
    };
    let others: Vec<usize> = (plan.covariates.iter().enumerate())
        .filter(|(place, known)| {
            known.is_for(compared.metric)
                && !matches!(known.from, KnownFrom::Learned(_))
                && tally
                    .covariates_not_finite
                    .get(*place)
                    .is_none_or(|&number| number == 0)
        })
        .map(|(place, _)| place)
        .collect();
    if others.is_empty() {
        return Ok(None);
    }
    let needed = compared.made_of.bits();
    let (treated, control) = (
        tally.moments(arm, needed)?,
        tally.moments(plan.reference, needed)?,
    );
    let moments = Pair {
        arm: &treated,
        against: &control,
    };
    let columns = with_missing(layout, &others, [&treated, &control]);
    let lift = adjusted_lift(compared.made_of, moments, &columns, plan.experiment.alpha);
    Ok(lift.map(|lift| lift.variance_reduction))
}

/// A customer's place on a line of 2^64, by the id of who was randomized: what folds and samples are made by. The
/// experiment's name is in it, so that it has nothing to do with a hash that gave out the arms.
fn hash(plan: &Plan<'_>) -> String {
    let salt = sql::text(&format!("fold of {}: ", plan.experiment.name));
    let unit = match plan.experiment.assignment.cluster {
        Some(_) => "cluster",
        None => "CAST(customer AS VARCHAR)",
    };
    format!("md5_number_lower({salt} || {unit})")
}

/// What is predicted, as SQL over the customers' table: one number, or the two of a ratio; none where a customer does
/// not count.
fn outcome(plan: &Plan<'_>, query: &Query, made_of: MadeOf) -> Vec<String> {
    let places = made_of.places();
    let mature: Vec<String> = places
        .iter()
        .map(|&place| query.is_mature(plan, place))
        .collect();
    places
        .iter()
        .map(|&place| {
            let number = number(query, place);
            format!("CASE WHEN {} THEN {number} END", mature.join(" AND "))
        })
        .collect()
}

/// The models of one prediction.
struct Fitted {
    models: Vec<FoldModel>,
    r2: Option<f64>,
    dropped: Option<String>,
}

/// The model that predicts a fold.
struct FoldModel {
    model: Model,
    /// Of each text its levels' places in the order of the outcome; none of a number.
    ranks: Vec<Option<Vec<f64>>>,
}

impl Fitted {
    fn new(sample: &Sample, ordered: &[bool], folds: u32) -> Self {
        let mut dropped = None;
        let (mut left, mut all) = (0.0, 0.0);
        let mut models = Vec::new();
        for fold in 0..folds {
            let (seen, unseen): (Vec<usize>, Vec<usize>) =
                (0..sample.len()).partition(|&row| sample.fold(row, folds) != fold);
            let outcome = sample.outcome(&seen);
            let mean = outcome.mean(&seen);
            let ranks: Vec<Option<Vec<f64>>> = (ordered.iter().zip(&sample.features))
                .map(|(ordered, column)| {
                    (!ordered).then(|| sample::ranks(column, &seen, &outcome, mean))
                })
                .collect();
            let feature = |feature: usize, row: usize| {
                let value = sample.features[feature][row];
                match &ranks[feature] {
                    // A level is a place in the list, and none is NaN, which is in no list.
                    Some(ranks) => ranks.get(value as usize).copied().filter(|_| value >= 0.0),
                    None => Some(value),
                }
                .unwrap_or(f64::NAN)
            };
            let columns: Vec<Vec<f64>> = (0..ordered.len())
                .map(|place| seen.iter().map(|&row| feature(place, row)).collect())
                .collect();
            let outcomes: Vec<f64> = seen.iter().map(|&row| outcome.of(row)).collect();
            let model = fit(&columns, &outcomes, &Settings::default()).unwrap_or_else(|error| {
                dropped = Some(error.to_string());
                Model {
                    base: 0.0,
                    trees: Vec::new(),
                }
            });
            for &row in &unseen {
                let features: Vec<f64> = (0..ordered.len()).map(|f| feature(f, row)).collect();
                left += (outcome.of(row) - model.predict(&features)).powi(2);
                all += (outcome.of(row) - mean).powi(2);
            }
            models.push(FoldModel { model, ranks });
        }
        if dropped.is_some() {
            // One prediction that is a constant and others that are not would tell folds apart, not customers.
            for fold in &mut models {
                fold.model = Model {
                    base: 0.0,
                    trees: Vec::new(),
                };
            }
        }
        Self {
            r2: (all > 0.0 && dropped.is_none()).then(|| 1.0 - left / all),
            models,
            dropped,
        }
    }

    /// The importance of each feature, the mean over the models.
    fn importance(&self) -> Vec<f64> {
        let features = self.models.first().map_or(0, |model| model.ranks.len());
        let mut mean = vec![0.0; features];
        for fold in &self.models {
            for (mean, importance) in mean.iter_mut().zip(fold.model.importance(features)) {
                *mean += importance / self.models.len() as f64;
            }
        }
        mean
    }
}
