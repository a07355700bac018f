//! The finding of a factorial: what factors cause alone and together, and what the design can say.

use catalog::{Better, FactorialOf, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::credit::{CreditEstimate, CreditModel};
use crate::audience::{Check, Estimate, Outcome, Relative, Shrunk, Verdict};
use crate::{Provenance, Refusal};

/// What the factors of an experiment's arms cause, alone and together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FactorialFinding {
    /// The name and version of this format.
    pub format: String,
    pub factorial: String,
    pub description: Option<String>,
    pub experiment: String,
    pub of: FactorialOf,
    pub metric: String,
    pub unit: Unit,
    /// Which direction is good.
    pub better: Better,
    /// ISO code of the currency that money is in.
    pub currency: String,
    /// Intervals have level 1 - alpha.
    pub alpha: f64,
    /// Customers in the arms that have factors.
    pub customers: u64,
    pub factors: Vec<FactorLevels>,
    /// The combinations that were run.
    pub cells: Vec<CellMean>,
    pub design: DesignOfCells,
    /// What each level of a factor does on average over the levels of the other factors.
    pub effects: Vec<LevelEffect>,
    /// By how much factors change each other's effects.
    pub interactions: Vec<FactorsTogether>,
    /// Of channels: any, many, one and none of them, and what each has a share of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<ChannelsFinding>,
    /// Of components: what is to be expected of each combination.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub combinations: Vec<CombinationFinding>,
    /// What choosing a factor's level by segment is worth.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_segment: Vec<FactorBySegment>,
    /// What other designs of the same factors could say, with as many customers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub designs: Vec<DesignOption>,
    /// What speaks against the experiment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Set where nothing can be said.
    pub refusal: Option<Refusal>,
    pub provenance: Provenance,
}

impl FactorialFinding {
    /// The name and version of the format.
    pub const FORMAT: &'static str = "touchstone.factorial/1";

    /// The effect of a factor's level.
    pub fn effect(&self, factor: &str, level: &str) -> Option<&Answer> {
        let mut effects = self.effects.iter();
        effects
            .find(|effect| effect.factor == factor && effect.level == level)
            .map(|effect| &effect.effect)
    }
}

/// A factor and its levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FactorLevels {
    pub factor: String,
    /// That which others are compared with first: of a channel off, then on.
    pub levels: Vec<String>,
}

/// The mean of a combination that was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CellMean {
    pub arm: String,
    /// The level of each factor.
    pub levels: Vec<String>,
    pub customers: u64,
    /// Mean per customer, by the estimate that decides.
    pub mean: f64,
    pub se: f64,
}

/// Which combinations were run, and what cannot be told apart by them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DesignOfCells {
    /// Combinations that were run.
    pub run: u64,
    /// Combinations that there are.
    pub of: u64,
    /// Where not all were run: effects of more factors than this are taken as zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed: Option<usize>,
    /// Whether it is a regular fraction, of factors with two levels; none where all were run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regular: Option<bool>,
    /// Of a regular fraction: the smallest number of factors in a product that never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<u32>,
    /// Effects of one and two factors that cannot be told apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<Aliases>,
}

/// An effect, and those that cannot be told from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Aliases {
    /// Its factors, with a cross between.
    pub effect: String,
    pub aliases: Vec<String>,
}

/// An effect with its test and its interval, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What it says by itself; none before the experiment's plan lets anything be decided.
    pub verdict: Option<Verdict>,
}

/// What a level of a factor does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LevelEffect {
    pub factor: String,
    pub level: String,
    /// The level that it is compared with.
    pub against: String,
    /// The mean over all combinations of the other factors' levels, each counted alike; relative to the mean with the
    /// level that it is compared with.
    pub effect: Answer,
}

/// By how much factors change each other's effects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FactorsTogether {
    pub factors: Vec<String>,
    /// Of two levels each: by how much the effect of one is larger with the others than without, on average over further
    /// factors. Of more levels a test alone.
    pub effect: Answer,
    /// The probability, corrected by Holm's procedure for the number of combinations that are looked at.
    pub p_adjusted: Option<f64>,
    /// Whether they change each other's effects: the corrected probability is below alpha.
    pub interact: Option<bool>,
}

/// What channels cause, from none to all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelsFinding {
    /// The mean of all combinations with any channel against none.
    pub any_against_none: Answer,
    pub all_against_none: Answer,
    /// Combinations of two channels or more against those of one, and relative to these; none of a single channel.
    pub many_against_one: Option<Answer>,
    /// What all bring beyond the sum of what each brings alone, relative to that sum; none of a single channel. That
    /// effects do not add up is neither good nor bad: `adds_up` says what it is, and there is no verdict.
    pub synergy: Option<Answer>,
    /// Whether all together bring the sum of what each brings alone; none before the experiment's plan lets anything be
    /// decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adds_up: Option<AddsUp>,
    /// Each number of channels against one less.
    pub ladder: Vec<LadderStep>,
    /// Shapley values of all against none, the largest first.
    pub shares: Vec<ChannelShare>,
    /// Which channel is above which.
    pub order: Vec<ChannelOrder>,
    /// Credit for the same customers beside what the channels cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceLadder>,
}

/// What all channels bring together beside the sum of what each brings alone, the good direction counting as more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AddsUp {
    LessThanTheSum,
    MoreThanTheSum,
    NotToldApart,
}

impl From<Verdict> for AddsUp {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Better => Self::MoreThanTheSum,
            Verdict::Worse => Self::LessThanTheSum,
            Verdict::Unclear => Self::NotToldApart,
        }
    }
}

/// A step of the ladder from none to all channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LadderStep {
    /// How many channels.
    pub channels: usize,
    /// The combinations of so many channels, each counted alike, against those of one less, and relative to these.
    pub effect: Answer,
}

/// What a channel has a share of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelShare {
    pub channel: String,
    /// The channel alone against none.
    pub alone: Answer,
    /// Its Shapley value: what it adds, averaged over all orders of switching the channels on; relative to no channel.
    pub value: Answer,
    /// The same as a share of all against none; Fieller's interval.
    pub share: Option<Relative>,
    /// The probability that its value is truly above that of the next one in the list.
    pub above_next: Option<f64>,
}

/// One channel beside another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelOrder {
    pub channel: String,
    pub other: String,
    /// Its Shapley value less that of the other.
    pub difference: Answer,
    /// The probability that it is truly above the other.
    pub probability: Option<f64>,
}

/// What each kind of evidence says of the same channels and customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceLadder {
    pub attribution: String,
    /// The arm with all channels, whose customers' journeys are credited from their assignment on.
    pub arm: String,
    pub customers: u64,
    pub rows: Vec<EvidenceRow>,
    pub refusal: Option<Refusal>,
}

/// What a channel brought to the customers of the arm, by experiment and by credit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceRow {
    pub factor: String,
    /// The channel of the attribution.
    pub channel: String,
    /// What it caused among them: its Shapley value times the customers (grade A).
    pub caused: Option<CreditEstimate>,
    /// What models credit it with (grade D).
    pub credited: Vec<CreditedChannel>,
}

/// What a model credits a channel with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreditedChannel {
    pub model: CreditModel,
    pub credit: CreditEstimate,
    /// As a share of the credit of all channels of the factorial.
    pub share: Option<f64>,
    /// What was caused over what is credited, with its interval: 1 if the credit is right.
    pub factor: Option<CreditEstimate>,
    /// Whether the interval excludes 1: the model is refuted for this channel.
    pub refuted: Option<bool>,
}

/// What is to be expected of a combination of components.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CombinationFinding {
    /// The level of each factor.
    pub levels: Vec<String>,
    /// The arm that has it; none of a combination that was not run.
    pub arm: Option<String>,
    /// Its mean per customer as it is, or as the effects of those that were run add up to; none where they do not say.
    pub mean: Option<Estimate>,
    /// What is to be expected of it, by its own numbers and those of the combinations that it shares levels with.
    pub expected: Option<Shrunk>,
    /// The probability that it is truly the best of all that are listed.
    pub probability_best: Option<f64>,
}

/// Whether a factor's effects differ between the values of a segment, and what choosing by it is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FactorBySegment {
    pub factor: String,
    /// The column of the segment.
    pub segment: String,
    /// The effects of each level by value.
    pub levels: Vec<LevelBySegment>,
    /// Values with too few customers for effects of known precision.
    pub left_out: u64,
    /// The customers with these values.
    pub left_out_customers: u64,
    /// The level that is best for all.
    pub best: Option<String>,
    /// The level to choose for each value.
    pub choices: Vec<ChoiceBySegment>,
    /// What choosing by the segment brings a customer beyond the level that is best for all: effects that are drawn to
    /// each other by as much as their noise warrants. None where the same level is chosen for every value.
    pub worth: Option<Estimate>,
    /// The same without that, which is too large.
    pub naive: Option<f64>,
    pub refusal: Option<Refusal>,
}

/// A level's effect by the values of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LevelBySegment {
    pub level: String,
    pub against: String,
    pub values: Vec<EffectOfValue>,
    /// Cochran's Q.
    pub q: Option<f64>,
    /// The probability of effects at least as different if there is one effect.
    pub p_value: Option<f64>,
    /// The same, corrected by Holm's procedure for all factors, levels and segments.
    pub p_adjusted: Option<f64>,
    /// The standard deviation of the effects, their noise taken off.
    pub tau: Option<f64>,
    /// Whether the effects differ: the corrected probability is below alpha.
    pub differ: Option<bool>,
}

/// An effect among the customers with one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EffectOfValue {
    pub value: String,
    pub customers: u64,
    pub effect: Estimate,
    /// The effect drawn to those of the other values; none with fewer than three of them.
    pub shrunk: Option<Shrunk>,
}

/// The level to choose for a value of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChoiceBySegment {
    pub value: String,
    pub level: String,
}

/// What a design of the same factors could say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DesignOption {
    /// Combinations to run.
    pub runs: u64,
    /// Combinations that there are.
    pub of: u64,
    /// Whether it has as many runs as the one that was run.
    pub present: bool,
    /// The smallest number of factors in a product that never changes; none of all combinations. With III main effects
    /// are confounded with pairs, with IV pairs with pairs.
    pub resolution: Option<u32>,
    /// Effects of one and two factors that cannot be told apart.
    pub aliases: Vec<Aliases>,
    /// The combinations: the level of each factor.
    pub combinations: Vec<Vec<String>>,
    /// The effects that are found with the power of the plan, with as many customers as there are; none without customers.
    pub detectable: Option<DetectableEffects>,
}

/// The smallest effects that are found with the plan's power, in the metric's unit per customer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DetectableEffects {
    pub customers: u64,
    pub power: f64,
    /// Of one factor on average over the others.
    pub main: f64,
    /// By how much the effect of one factor is larger with another.
    pub interaction: f64,
    /// Of one combination against another, such as one channel alone against none.
    pub alone: f64,
    /// Customers that find the plan's smallest effect that matters, as a main effect.
    pub customers_for_main: Option<u64>,
    /// The same as an interaction.
    pub customers_for_interaction: Option<u64>,
}
