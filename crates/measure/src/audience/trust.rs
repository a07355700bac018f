//! What says whether an experiment can be believed, in numbers: the part of its finding behind the checks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Estimate, Pair};

/// The numbers behind the checks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trust {
    /// The arms' sizes against the shares declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_ratio: Option<Split>,
    /// The customers who were assigned to several arms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub several_arms: Vec<SeveralArms>,
    /// The primary metric with them counted, left out, and at the worst.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub several_arms_sensitivity: Vec<SeveralArmsSensitivity>,
    /// The arms before the experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<Balance>,
    /// The primary metric where its values are missing more often in one arm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attrition: Vec<AttritionBounds>,
    /// The rows of each fact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<FactRows>,
    /// Share of the primary metric's variation between customers that its ten most extreme customers have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_customers: Option<f64>,
}

/// The arms' sizes against the shares declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Split {
    /// Probability of sizes at least this far from those declared, by one look at all customers.
    pub p_value: f64,
    pub ln_p: f64,
    /// The same for a look after every day of assignment: it may be watched as the experiment runs.
    pub anytime_p: Option<f64>,
    pub anytime_ln_p: Option<f64>,
    /// The day (`2024-03-01`) on which watching would have raised the alarm first.
    pub first_alarm: Option<String>,
    /// Each stretch of time with shares of its own; one where they never changed.
    pub by_phase: Vec<PhaseSplit>,
    /// Where a mismatch comes from, the likeliest first.
    pub suspects: Vec<Suspect>,
}

/// The arms' sizes in a phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseSplit {
    /// When it begins; none for what was before the first phase declared.
    pub from: Option<String>,
    /// Customers of each arm who were assigned in it.
    pub customers: Vec<u64>,
    /// How many they should be.
    pub expected: Vec<f64>,
    /// None where nobody was assigned, or only one arm was open.
    pub p_value: Option<f64>,
}

/// A group of customers whose split is not the one declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suspect {
    /// The segment, or `day of the week` or `hour of the day` of assignment.
    pub segment: String,
    pub value: String,
    /// The beginning of the phase that was searched, where there are several.
    pub phase: Option<String>,
    /// Customers of each arm.
    pub customers: Vec<u64>,
    /// How many they should be.
    pub expected: Vec<f64>,
    /// Its probability, adjusted for the number of groups that were looked at (Holm).
    pub p_value: f64,
    /// Whether the mismatch stands with this group and falls without it, and this group is split otherwise than the rest.
    pub explains: bool,
    /// The day from which on its split is furthest from the one declared: when the fault most likely began.
    pub since: Option<String>,
}

/// Customers who were assigned to the same several arms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeveralArms {
    pub arms: Vec<String>,
    pub customers: u64,
}

/// What customers in several arms can do to an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeveralArmsSensitivity {
    pub metric: String,
    pub arm: String,
    /// The effect with each in the first arm; none where it is not known which was first.
    pub first: Option<Estimate>,
    /// The effect without them.
    pub exclude: Option<Estimate>,
    /// The smallest effect that is possible, whatever they would have done in one arm alone.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// Limits of the metric on which `low` and `high` rest: 0 and 1, the caps, or the extremes seen.
    pub range: (f64, f64),
    /// By how much leaving them out biases the effect, as far as they differ from the others now.
    pub exclusion_bias: Option<f64>,
}

/// The arms by all covariates at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Balance {
    /// Probability of arms at least so different by chance.
    pub p_value: f64,
    pub ln_p: f64,
    pub covariates: Vec<CovariateBalance>,
}

/// One covariate in one arm against the reference arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CovariateBalance {
    pub covariate: String,
    pub arm: String,
    /// Difference of the means in standard deviations.
    pub difference: f64,
    /// By Welch's test, by itself.
    pub p_value: f64,
}

/// What to know of an adjusted effect before relying on it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// Share of the variation between an arm's customers that its covariates explain.
    pub r2: Pair<f64>,
    /// Share of customers of whom the covariate that is missing most is missing.
    pub missing: Pair<f64>,
    /// The largest share that one customer has of a covariate's variation in an arm.
    pub largest_leverage: Option<f64>,
    /// Whether the adjusted and the plain effect have different signs.
    pub sign_flip: bool,
}

/// What missing values can do to an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttritionBounds {
    pub metric: String,
    pub arm: String,
    /// Share of customers without a value.
    pub missing: Pair<f64>,
    /// The effect on all customers, whatever the missing values are.
    pub worst_case: Option<EffectBounds>,
    /// The effect on customers who have a value in either arm, if the arm only adds values or only takes them away.
    pub always_observed: Option<EffectBounds>,
}

/// Limits of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EffectBounds {
    /// The smallest possible effect.
    pub low: f64,
    /// The largest possible effect.
    pub high: f64,
    /// An interval that covers the effect wherever it lies between the two.
    pub interval: (f64, f64),
}

impl From<stats::exposure_bounds::Bounds> for EffectBounds {
    fn from(bounds: stats::exposure_bounds::Bounds) -> Self {
        Self {
            low: bounds.low,
            high: bounds.high,
            interval: (bounds.interval_low, bounds.interval_high),
        }
    }
}

/// The rows of a fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FactRows {
    pub fact: String,
    pub rows: u64,
    /// Rows that repeat another one's customer, time and values; none where that was not looked for.
    pub duplicates: Option<u64>,
    /// The first money metric made of the fact, and the share of its sum that is in duplicates.
    pub duplicate_money: Option<(String, f64)>,
    /// Rows without a time.
    pub without_time: u64,
    /// Rows after the end of the data.
    pub after_end: u64,
    /// Customers with more rows than a heavy tail explains.
    pub outliers: u64,
    /// The share of all rows that they have.
    pub outlier_rows: f64,
    /// Rows that arrived later than the fact's `delay`.
    pub late: Option<u64>,
    /// Rows that arrived before they happened.
    pub before_happening: Option<u64>,
}
