//! What a finding says of the plan by which its experiment is decided.

use catalog::Looks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Refusal;

/// The plan, where the data stand in it, and whether it was held to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanFinding {
    /// When the data may decide.
    pub looks: Looks,
    /// The null hypothesis in words.
    pub null_hypothesis: String,
    /// The smallest effect on the primary metric that matters, relative to the reference arm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_effect: Option<f64>,
    /// The probability with which that effect should be found.
    pub power: f64,
    /// Customers in all arms at the planned end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customers: Option<u64>,
    /// Days of intake until the planned end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// How much of the planned information is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub information: Option<PlanInformation>,
    /// Whether the planned end is reached; always where none is planned.
    pub ended: bool,
    /// The boundary that the effect now is held against, in standard errors; none where it is that of an ordinary test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<f64>,
    /// What is left until the planned end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining: Option<PlanRemaining>,
    /// Why there is no history of the looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history_refusal: Option<Refusal>,
    /// When the definition that held was sealed, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<String>,
    /// The SHA-256 of the sealed definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_hash: Option<String>,
    /// Whether it was sealed before the first customer was exposed; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_before_first_exposure: Option<bool>,
    /// Where the definition measured by is not the sealed one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deviations: Vec<PlanDeviation>,
}

/// How much of the planned information is there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanInformation {
    /// What it is measured by.
    pub by: PlanInformationBy,
    /// The share that is there; 1 at the planned end.
    pub fraction: f64,
}

/// What information is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanInformationBy {
    /// Customers with the primary metric, of those planned.
    Customers,
}

/// A key whose value is not the sealed one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanDeviation {
    /// Where it stands, such as `experiment/alpha` or `metrics/revenue/window/to`.
    pub path: String,
    /// What was sealed, as JSON.
    pub sealed: Option<String>,
    /// What was measured by, as JSON.
    pub current: Option<String>,
}

/// What is left until the planned end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanRemaining {
    /// Customers, where their number is planned.
    pub customers: Option<u64>,
    /// Days, at the intake so far.
    pub days: Option<u32>,
}

/// A comparison under the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Looking {
    /// Whether the plan does not allow to decide on these data: they are looked at before its end, or between its looks.
    pub looked_early: bool,
    pub decision: LookingDecision,
    /// The effect over time, of the primary metric.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Look>,
}

/// What the plan says to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LookingDecision {
    pub state: LookingState,
    /// The look at which the boundary was first crossed: its place in the history, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<usize>,
    /// The absolute effect corrected for having stopped at that look, or at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<StoppedEffect>,
    /// While it runs, the probability that the planned end will have a verdict, given what the data say so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predictive_power: Option<f64>,
}

/// How an experiment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LookingState {
    /// There is no verdict yet.
    Running,
    /// The arm is better.
    Effect,
    /// The arm is worse.
    Harm,
    /// The effect that matters is not in sight any more.
    Futile,
    /// The planned end is reached and no effect was found.
    NoEffect,
}

/// An effect whose chances of having been stopped at are taken into account.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoppedEffect {
    /// Too large and too small equally often (median-unbiased).
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
    pub p_value: f64,
}

/// The effect as it was known at some time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Look {
    /// When the values of the customers exposed so far were known: microseconds since 1970, in the project's time zone.
    pub until: i64,
    /// Customers of both arms with the metric.
    pub customers: u64,
    /// The absolute effect.
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
    /// The smallest probability so far; of a plan that looks once, that of this look.
    pub p_value: f64,
    /// Whether the interval excludes zero.
    pub crossed: bool,
}
