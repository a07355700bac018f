//! The finding of an attribution: what each channel, piece of content or campaign is credited with.

use std::collections::BTreeMap;

use catalog::{AfterConversion, Dimension, LifetimeConversion, Measures, Span, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audience::Severity;
use crate::{Provenance, Refusal};

/// How conversions are shared among the touches before them, by several models.
///
/// Credit describes: it shares out all conversions, also those that would have happened anyway. What channels cause,
/// only experiments say; `calibrations` hold the one against the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttributionFinding {
    /// The name and version of this format.
    pub format: String,
    pub attribution: String,
    pub description: Option<String>,
    /// What is credited: a key of touches, or a combination of several.
    pub by: Vec<Dimension>,
    /// The fact whose rows are the conversions.
    pub fact: String,
    /// The touches that they are shared among.
    pub touches: Vec<String>,
    /// Intervals have level 1 - alpha.
    pub alpha: f64,
    /// ISO code of the currency that money is in.
    pub currency: String,
    /// What the value of a conversion is; none where conversions are only counted.
    pub unit: Option<Unit>,
    /// By what credit is shared and ranked: `value` where conversions have one, else `conversions`.
    pub ranked_by: RankedBy,
    pub after_conversion: AfterConversion,
    pub journeys: JourneyCounts,
    pub totals: CreditTotals,
    /// The models, the simple ones first.
    pub models: Vec<ModelFinding>,
    /// What is credited, with what is known of it whatever the model; by name.
    pub keys: Vec<KeyFinding>,
    /// The chain of the Markov model.
    pub markov: Option<MarkovFinding>,
    /// Credit held against experiments, for what they measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calibrations: Vec<CalibrationFinding>,
    /// Credit in what customers are predicted to bring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<LifetimeCreditFinding>,
    /// The paths that most conversions came by.
    pub paths: Vec<PathFinding>,
    /// From where to where journeys go.
    pub flow: FlowFinding,
    pub checks: Vec<AttributionCheck>,
    /// Set where nothing can be credited.
    pub refusal: Option<Refusal>,
    pub provenance: Provenance,
}

impl AttributionFinding {
    /// The name and version of the format.
    pub const FORMAT: &'static str = "touchstone.attribution/1";

    /// The credits of a model.
    pub fn model(&self, model: CreditModel) -> Option<&ModelFinding> {
        self.models.iter().find(|finding| finding.model == model)
    }
}

impl LifetimeCreditFinding {
    /// The credits of a model.
    pub fn model(&self, model: CreditModel) -> Option<&LifetimeModelFinding> {
        self.models.iter().find(|finding| finding.model == model)
    }
}

impl LifetimeModelFinding {
    /// What one of those that are credited gets.
    pub fn credit(&self, key: &str) -> Option<&LifetimeCreditEstimate> {
        self.credits.iter().find(|credit| credit.key == key)
    }
}

impl ModelFinding {
    /// What one of those that are credited gets.
    pub fn credit(&self, key: &str) -> Option<&CreditFinding> {
        self.credits.iter().find(|credit| credit.key == key)
    }
}

/// By what credit is shared and ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RankedBy {
    Value,
    Conversions,
}

/// How many journeys there are, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JourneyCounts {
    /// Customers with a touch or a conversion.
    pub customers: u64,
    pub touches: u64,
    pub conversions: u64,
    /// Journeys that end with a conversion and have a touch that counts.
    pub converting: u64,
    /// Conversions that no touch came before within its window.
    pub untouched: u64,
    /// Journeys without a conversion.
    pub without_conversion: u64,
    /// Distinct sequences of touches.
    pub distinct_paths: u64,
    /// The most touches of a journey.
    pub longest: u64,
    /// The first and last conversion, in microseconds since 1970: of times with an offset in UTC, else in the project's
    /// time zone.
    pub first_conversion: Option<i64>,
    pub last_conversion: Option<i64>,
}

/// What is shared out. Money is to the cent: `value` is `credited_value` and `untouched_value`, and in each model the
/// credits add up to `credited_value`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreditTotals {
    pub conversions: f64,
    pub credited_conversions: f64,
    /// Conversions that no touch came before.
    pub untouched_conversions: f64,
    pub value: Option<f64>,
    pub credited_value: Option<f64>,
    pub untouched_value: Option<f64>,
    /// What all touches cost.
    pub cost: Option<f64>,
}

/// A model of credit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CreditModel {
    First,
    Last,
    LastNonDirect,
    Linear,
    PositionU,
    PositionW,
    TimeDecay,
    SteppedTimeDecay,
    Markov,
    Shapley,
    ShapleyOfSets,
    ShapleyOfSequences,
    LeaveOneOut,
}

impl CreditModel {
    /// What it credits, in a sentence.
    #[must_use]
    pub fn definition(self) -> &'static str {
        match self {
            Self::First => "all to the first touch",
            Self::Last => "all to the last touch",
            Self::LastNonDirect => "all to the last touch that is not direct, if there is one",
            Self::Linear => "equal shares to all touches",
            Self::PositionU => {
                "40 % to the first touch, 40 % to the last, the rest in equal shares; of two touches halves"
            }
            Self::PositionW => {
                "30 % each to the first, the middle and the last touch, the rest in equal shares; of two or three \
                 touches equal shares"
            }
            Self::TimeDecay => {
                "shares that halve with each half-life between the touch and the conversion"
            }
            Self::SteppedTimeDecay => "shares that halve with each full half-life, by steps",
            Self::Markov => {
                "in proportion to the share of conversions that a Markov chain over the journeys loses without it"
            }
            Self::Shapley => {
                "Shapley values where a set is worth the conversions of the journeys that meet nothing else: equal \
                 shares to all that a journey meets, however often"
            }
            Self::ShapleyOfSets => {
                "Shapley values where a set is worth the conversion rate of the journeys that meet exactly these"
            }
            Self::ShapleyOfSequences => {
                "Shapley values where a sequence of first touches is worth the conversion rate of the journeys with it"
            }
            Self::LeaveOneOut => {
                "in proportion to what a path's conversion rate exceeds that of the path without the touch by; no Shapley \
                 value"
            }
        }
    }
}

/// What one model credits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelFinding {
    pub model: CreditModel,
    /// What it credits, in a sentence.
    pub definition: String,
    /// Replicates of the bootstrap of customers behind the intervals; none where there are too many journeys or keys for
    /// it. Models that share each path in fixed parts then have normal intervals from exact standard errors, others none.
    pub replicates: Option<u64>,
    /// The greatest first.
    pub credits: Vec<CreditFinding>,
    /// Why the model has no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

/// What one model credits one channel, piece of content or campaign with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreditFinding {
    /// Its name; of a combination, the names with ` / ` between.
    pub key: String,
    pub conversions: CreditEstimate,
    /// Money is to the cent.
    pub value: Option<CreditEstimate>,
    /// Its share of all credit of the model, by `ranked_by`; none where that is not more than nothing, as where refunds
    /// outweigh sales: what gained would have a negative share.
    pub share: Option<CreditEstimate>,
    /// 1 is the greatest.
    pub rank: u64,
    /// The probability that it ranks above the next one: the share of replicates in which it does.
    pub above_next: Option<f64>,
    /// The same of each of those behind it, as far as both are among the first 20.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub above: BTreeMap<String, f64>,
    /// The value less what its touches cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_less_cost: Option<f64>,
    /// That as a share of the cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_on_cost: Option<f64>,
}

/// A number with what is known of its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreditEstimate {
    pub estimate: f64,
    pub se: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

impl CreditEstimate {
    /// What is never met is credited with nothing, whoever the customers are.
    pub(crate) const NOTHING: Self = Self {
        estimate: 0.0,
        se: Some(0.0),
        low: Some(0.0),
        high: Some(0.0),
    };

    /// A number of whose uncertainty nothing is known.
    pub(crate) fn alone(estimate: f64) -> Self {
        Self {
            estimate,
            se: None,
            low: None,
            high: None,
        }
    }
}

/// What is known of a channel, piece of content or campaign whatever the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeyFinding {
    pub key: String,
    pub touches: u64,
    pub clicks: u64,
    /// Touches that belong to a journey, within their window.
    pub in_journeys: u64,
    /// What its touches cost; none where touches have no cost.
    pub cost: Option<f64>,
    /// The least and the greatest conversions that a model credits.
    pub conversions: Spread,
    /// The same of the value.
    pub value: Option<Spread>,
    /// Its ranks over the models.
    pub ranks: Ranks,
    /// Whether an experiment measured what it causes; none where no credit is held against experiments.
    pub tested: Option<bool>,
    /// Of a channel, the factorial that says what it causes, alone and with others: it has an estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factorial: Option<String>,
    /// Of a channel without such a factorial, one that switches it on and off and does not say what it causes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<UnansweredFactorial>,
}

/// A factorial that has no answer for a channel: no evidence of what the channel causes. It is refused, cannot be read,
/// measures something else than what is credited, or has a design that does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnansweredFactorial {
    pub factorial: String,
    pub refusal: Refusal,
}

/// How far models differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    pub least: f64,
    pub greatest: f64,
}

/// The ranks that models give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ranks {
    pub best: u64,
    pub worst: u64,
}

/// The Markov chain whose removal effects are credited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MarkovFinding {
    /// How many touches a state remembers: the order with the greatest `penalized_auc` that could be solved.
    pub order: usize,
    pub states: u64,
    /// The probability that a journey converts.
    pub conversion_probability: f64,
    /// How well each order tells converting journeys from others.
    pub orders: Vec<MarkovOrder>,
}

/// How well a chain of an order tells converting journeys from others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MarkovOrder {
    pub order: usize,
    /// Area under the ROC curve.
    pub auc: f64,
    /// The area less a penalty for the number of parameters; null where there are too few journeys for one.
    #[schemars(with = "Option<f64>")]
    pub penalized_auc: f64,
}

/// Credit held against the experiments that measured the same thing: conversions or value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationFinding {
    /// What the experiments measured.
    pub measures: Calibrated,
    /// What each experiment measured.
    pub experiments: Vec<TestedChannel>,
    /// Credit beside it, by model.
    pub models: Vec<ModelCalibration>,
    /// Channels without an experiment that has an answer: their credit says nothing of what they caused.
    pub untested: Vec<String>,
}

/// What experiments measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Calibrated {
    Conversions,
    Value,
}

impl From<Measures> for Calibrated {
    fn from(measures: Measures) -> Self {
        match measures {
            Measures::Conversions => Self::Conversions,
            Measures::Value => Self::Value,
        }
    }
}

/// What an experiment measured that a channel brings, among the customers of its arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestedChannel {
    pub channel: String,
    pub experiment: String,
    pub arm: String,
    pub metric: String,
    /// Customers of the arm.
    pub customers: u64,
    /// What they brought because of it, all together.
    pub increment: Option<CreditEstimate>,
    /// The grade of that evidence: A, measured by randomization on the customers and in the time that it counts.
    pub grade: EvidenceGrade,
    pub refusal: Option<Refusal>,
}

/// How good evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EvidenceGrade {
    /// Measured by randomization, on the customers and in the time that it counts.
    A,
    /// Measured by randomization, and extrapolated to other times or customers.
    B,
    /// A model or attribution.
    D,
}

/// The credit of one model beside what experiments measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelCalibration {
    pub model: CreditModel,
    pub factors: Vec<CalibrationFactor>,
    /// What would have happened without the channels that have a measured factor, extrapolated to all journeys (grade B).
    /// It holds what all other channels caused.
    pub baseline: Option<CreditEstimate>,
    /// The credit of these other channels (grade D): they were not tested, their experiment or their factor has no answer,
    /// or a factorial tests them.
    pub untested_credit: f64,
}

/// How much of a channel's credit it caused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationFactor {
    pub channel: String,
    /// What the model credits the channel with among the customers of the experiment's arm, in its time.
    pub credited: CreditEstimate,
    /// What the experiment measured over that, with both uncertainties: 1 if the credit is right, 0 if the channel caused
    /// nothing.
    pub factor: Option<CreditEstimate>,
    /// Whether the interval excludes 1: the model is refuted for this channel.
    pub refuted: Option<bool>,
    /// The factor times the credit in all journeys: what it caused in all, extrapolated (grade B), with both
    /// uncertainties.
    pub caused: Option<CreditEstimate>,
    /// Why there is no factor, as where nobody knows how sure the credit is.
    pub not_estimable: Option<String>,
}

/// The margin that customers are predicted to bring, shared among the touches before one conversion of each.
///
/// It lies after the last day of the data, so that it comes on top of the credited value and is no part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LifetimeCreditFinding {
    /// The lifetime whose models predict it.
    pub lifetime: String,
    /// The conversion that a customer's margin goes with.
    pub credit: LifetimeConversion,
    /// How far margin is counted from the last day on.
    pub horizon: Span,
    /// The model of purchase timing.
    pub model: Option<String>,
    /// Customers of whom a margin is predicted, and all of it.
    pub customers: u64,
    pub value: f64,
    /// Customers who converted after a touch that counts, with the conversion that is credited.
    pub credited_customers: u64,
    /// What they are predicted to bring: what each model shares out, to the cent.
    pub credited_value: f64,
    /// Those of them of whom nothing is predicted, because the lifetime does not know them: they are worth nothing here.
    pub unknown_customers: u64,
    /// The models, in the order of those that share out conversions.
    pub models: Vec<LifetimeModelFinding>,
    /// Why there is no such credit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

/// What one model credits in predicted margin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LifetimeModelFinding {
    pub model: CreditModel,
    /// The greatest first.
    pub credits: Vec<LifetimeCreditEstimate>,
}

/// What one model credits one channel, piece of content or campaign with in predicted margin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LifetimeCreditEstimate {
    pub key: String,
    /// Customers credited, in fractions.
    pub customers: f64,
    /// Predicted margin, to the cent. Its standard error adds that of the bootstrap of customers to that of the models'
    /// parameters.
    pub value: CreditEstimate,
    /// The value less what its touches cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_less_cost: Option<CreditEstimate>,
    /// That as a share of the cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_on_cost: Option<CreditEstimate>,
}

/// A sequence of touches, and what became of the journeys that took it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PathFinding {
    /// Its touches, from the first to the last; of a long path the first ones.
    pub path: Vec<String>,
    /// How many touches it has.
    pub touches: u64,
    pub conversions: f64,
    pub value: Option<f64>,
    pub without_conversion: f64,
}

/// From where to where journeys go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FlowFinding {
    /// The most frequent steps.
    pub steps: Vec<FlowStep>,
    /// Steps that are not listed, in all journeys.
    pub other_steps: u64,
}

/// A step from one touch of a journey to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FlowStep {
    pub from: FlowNode,
    pub to: FlowNode,
    /// How often it happened.
    pub journeys: u64,
}

/// Where a step begins or ends.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FlowNode {
    /// The beginning of a journey.
    Start,
    /// A touch.
    Key(String),
    /// The end of a converting journey.
    Conversion,
    /// The end of a journey without a conversion.
    NoConversion,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttributionCheck {
    pub kind: AttributionCheckKind,
    pub severity: Severity,
    /// How many rows, touches, conversions or journeys it is about.
    pub number: u64,
    pub message: String,
}

/// What was looked at.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AttributionCheckKind {
    /// Rows of touches that could not be used.
    Touches,
    /// Rows of conversions that could not be used, or are worth nothing or less.
    Conversions,
    /// Conversions that are on record more than once.
    Duplicates,
    /// Conversions that no touch came before.
    Untouched,
    /// Touches that no window let count, or that came after the last conversion.
    Windows,
    /// Clocks of touches and conversions that differ.
    Clocks,
    /// Channels that the catalog does not declare.
    Channels,
    /// Touches without a value of a key that is credited.
    Keys,
    /// Journeys that may still convert.
    OpenJourneys,
    /// Whether there are journeys without a conversion.
    Nulls,
    /// Whether the models agree.
    Models,
    /// Whether credit was held against experiments.
    Experiments,
}
