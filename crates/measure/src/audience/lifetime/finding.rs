//! What a lifetime finding says.

use catalog::{Span, SpanUnit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backtest::BackTest;
use super::incremental::IncrementalFinding;
use super::life::MeanLife;
use super::retention::RetentionFinding;
use super::rollout::RolloutFinding;
use super::states::States;
use crate::audience::{Estimate, NotCounted, Severity};
use crate::{Provenance, Refusal};

/// What customers are worth over their lifetime.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LifetimeFinding {
    /// The name and version of this format.
    pub format: String,
    pub lifetime: String,
    pub description: Option<String>,
    /// What values are counted in.
    pub unit: LifetimeUnit,
    /// The currency of money.
    pub currency: String,
    /// The share of spend that is margin. None: values are spend, or purchases.
    pub margin: Option<f64>,
    /// Discount rate a year: 0.1 is ten per cent.
    pub discount_rate: f64,
    /// How far value is counted.
    pub horizon: Span,
    /// The same in days, with months and years of average length.
    pub horizon_days: f64,
    /// Intervals have level 1 - alpha.
    pub alpha: f64,
    pub extent: LifetimeExtent,
    /// Models of purchase timing, the likeliest first.
    pub models: Vec<TimingFinding>,
    /// The one that values come from.
    pub model: Option<String>,
    /// The model of spend per purchase, where spend is declared.
    pub spend: Option<SpendFinding>,
    /// What covariates do in these models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covariates: Vec<CovariateFinding>,
    /// Why there are no values.
    pub refusal: Option<Refusal>,
    /// All customers.
    pub value: Option<GroupValue>,
    /// What is beyond the horizon, per customer, discounted and not part of any value; none without a discount.
    pub tail: Option<f64>,
    /// How long customers stay, where the model tells it: not at opportunities, of contracts, without visible attrition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_life: Option<MeanLife>,
    /// Why there is no value of a whole life without discount.
    pub unbounded: Option<Refusal>,
    /// Future value per customer by other models that converged: lowest and highest.
    pub band: Option<Band>,
    /// A customer who buys for the first time.
    pub new_customer: Option<NewCustomer>,
    /// How future value is spread over customers.
    pub distribution: Option<Distribution>,
    /// Customers by columns.
    pub by: Vec<Audiences>,
    /// Customers by audiences, which may overlap.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<AudienceValue>,
    /// Customers by where they came from, unless `by` has that column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<GroupValue>,
    /// Customers by the month of their first purchase.
    pub cohorts: Vec<CohortFinding>,
    /// How long an age of cohorts is.
    #[serde(default = "month")]
    pub age_step: Span,
    /// Customers by how often and how lately they have bought; none of contracts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub states: Option<States>,
    /// Who renews contracts, where the rows are contracts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<RetentionFinding>,
    /// The period in which customers can buy once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opportunities: Option<Span>,
    /// Simple rules beside the models.
    pub baselines: Vec<Baseline>,
    /// A forecast of what is known by now.
    pub back_test: Option<BackTest>,
    /// What acquisition cost and when it is paid back: all customers, channels, cohorts.
    pub acquisition: Vec<AcquisitionFinding>,
    /// The incremental lifetime value of an experiment's arms.
    pub incremental: Option<IncrementalFinding>,
    /// What a treatment added whose start was not randomized: grade C, and part of no other number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutFinding>,
    pub checks: Vec<LifetimeCheck>,
    pub provenance: Provenance,
}

impl LifetimeFinding {
    /// The name and version of the format.
    pub const FORMAT: &'static str = "touchstone.lifetime/1";
}

fn month() -> Span {
    Span {
        count: 1,
        unit: SpanUnit::Month,
    }
}

/// What values are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LifetimeUnit {
    /// Margin.
    Margin,
    /// Spend: no margin is declared.
    Spend,
    /// Purchases: no spend is declared.
    Purchases,
}

/// How much there is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LifetimeExtent {
    /// Rows of the fact.
    pub rows: u64,
    /// Customers who count.
    pub customers: u64,
    /// Those of them who bought on one day only.
    pub without_repeat: u64,
    /// Purchases after a customer's first.
    pub repeat_purchases: u64,
    /// The first day on which customers count, and the last that models see; none where no day is between them, as where
    /// nobody bought before `until`.
    pub first_day: Option<String>,
    pub last_day: Option<String>,
    /// The last day of the data; none likewise.
    pub data_end: Option<String>,
    /// Rows, orders and customers that do not count, each with why.
    pub left_out: Vec<NotCounted>,
    /// Returned rows that were netted against their order.
    pub returns_netted: u64,
    /// What orders below zero sum to: returns of which no purchase is known.
    pub unmatched_returns: f64,
}

/// A fitted model of purchase timing, time in weeks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimingFinding {
    /// `pareto-nbd`, `bg-nbd` or `mbg-nbd`; `bg-bb` of opportunities and `sbg` of contracts, time in their periods.
    pub model: String,
    pub parameters: Vec<Parameter>,
    pub log_likelihood: Option<f64>,
    /// Ends of the parameter space at which the maximum lies, in words.
    pub boundaries: Vec<String>,
    /// Whether the maximum lies where nobody ever leaves.
    pub sees_no_attrition: bool,
    /// Probability of so much gain in likelihood by attrition, if there is none.
    pub attrition_p: Option<f64>,
    /// Future value per customer by this model.
    pub future: Option<f64>,
    pub refusal: Option<Refusal>,
}

impl TimingFinding {
    /// A model of which nothing is known yet.
    pub(super) fn of(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            parameters: Vec::new(),
            log_likelihood: None,
            boundaries: Vec::new(),
            sees_no_attrition: false,
            attrition_p: None,
            future: None,
            refusal: None,
        }
    }
}

/// A parameter of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Parameter {
    pub name: String,
    pub value: f64,
    /// Standard error (sandwich). Zero at an end of the parameter's range.
    pub se: f64,
}

impl Parameter {
    /// Parameters that were estimated as logarithms, with the covariance of these, row-major, in which they come first.
    pub(super) fn of_logarithms<const N: usize>(
        named: [(&str, f64); N],
        covariance: &[f64],
    ) -> Vec<Self> {
        let size = covariance.len().isqrt();
        let parameter = |(place, (name, value)): (usize, (&str, f64))| Self {
            name: name.to_owned(),
            value,
            se: value * covariance[(size + 1) * place].max(0.0).sqrt(),
        };
        named.into_iter().enumerate().map(parameter).collect()
    }
}

/// What a covariate does: what a unit of it, or a value against the reference, multiplies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CovariateFinding {
    /// The column.
    pub column: String,
    /// The value of the column; none where it is a number, of which a unit counts.
    pub level: Option<String>,
    /// The value, or the mean of the number, against which that is.
    pub reference: String,
    /// By how much the rate of purchase is multiplied.
    pub rate: Option<Estimate>,
    /// By how much the hazard of leaving is multiplied, or in the beta-geometric models the odds of leaving after a
    /// purchase.
    pub attrition: Option<Estimate>,
    /// By how much spend per purchase is multiplied.
    pub spend: Option<Estimate>,
}

/// The Gamma-Gamma model of spend per purchase, before margin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpendFinding {
    /// `p`, `q`, `gamma`; empty where all spend the same.
    pub parameters: Vec<Parameter>,
    pub log_likelihood: Option<f64>,
    /// Customers with repeat purchases: the others say nothing.
    pub customers: u64,
    /// Mean spend per purchase over all customers.
    pub mean: Option<Estimate>,
    /// Correlation of customers' mean spend with their number of purchases, which the model takes to be zero.
    pub correlation: Option<f64>,
    pub refusal: Option<Refusal>,
}

/// What a group of customers is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupValue {
    /// The value of the column, or the month of the cohort such as `2024-03`; empty for all customers.
    pub group: String,
    pub customers: u64,
    /// Repeat purchases per customer so far.
    pub purchases: f64,
    /// Value per customer so far, the first purchase included, not discounted.
    pub past: f64,
    /// Expected share of customers who have not left.
    pub alive: f64,
    /// Expected purchases per customer within the horizon, not discounted.
    pub expected_purchases: f64,
    /// Expected value per customer within the horizon from the last day, discounted to it.
    pub future: Estimate,
}

/// The lowest and highest number that models give.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Band {
    pub low: f64,
    pub high: f64,
}

/// A customer who buys for the first time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NewCustomer {
    /// Mean value of a first purchase.
    pub first_purchase: f64,
    /// Expected repeat purchases within the horizon, not discounted.
    pub expected_purchases: f64,
    /// Value within the horizon, the first purchase included, discounted to it.
    pub value: Estimate,
}

/// How future value is spread over customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Distribution {
    pub quantiles: Vec<QuantileValue>,
    /// The share of all future value that the most valuable tenth of customers has.
    pub top_tenth: f64,
}

/// A quantile of future value over customers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuantileValue {
    /// The share of customers who are worth at most this.
    pub share: f64,
    pub value: f64,
}

/// Customers by the values of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Audiences {
    pub column: String,
    /// The largest group first.
    pub values: Vec<GroupValue>,
}

/// What the customers of an audience are worth: those who are in it as its source says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AudienceValue {
    pub audience: String,
    pub description: Option<String>,
    /// None where none of them counts, or there are no values.
    pub value: Option<GroupValue>,
    /// Customers of the audience of whom no purchase is known: they bought nothing, or nothing of which something is left.
    /// They are in no value.
    pub never_bought: u64,
    /// Those who bought first before the first day or after the last.
    pub not_counted: u64,
}

/// Customers whose first purchase lies in the same month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CohortFinding {
    pub value: Option<GroupValue>,
    /// The month, such as `2024-03`.
    pub month: String,
    pub customers: u64,
    /// By ages since the first purchase, from the first: what customers brought on average at that age, the first
    /// purchase included. Null where not all of them have been observed to its end. An age is a full month (a twelfth of
    /// 365.25 days), or the period of contracts and opportunities where that is not shorter.
    pub by_age: Vec<Option<f64>>,
}

/// What a simple rule says of future value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    /// `historic-average`, `rate-per-customer`, `textbook`.
    pub rule: String,
    /// The rule in words.
    pub what: String,
    /// Value per customer.
    pub value: Option<f64>,
    pub refusal: Option<Refusal>,
}

/// What acquisition of a group of customers cost, and when it is paid back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AcquisitionFinding {
    /// What the group is: `all`, `channel` or `cohort`.
    pub of: String,
    pub group: String,
    /// Customers whose cost is known.
    pub customers: u64,
    /// Customers whose cost is not known: they are left out of the cost, the value and the curve.
    pub without_cost: u64,
    /// Customers whose cost is known and who never bought. None of a cohort: no date is known of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub never_bought: Option<NeverBought>,
    /// Cost per customer who bought: what was spent on them, and on those who never bought.
    pub cost: Option<f64>,
    /// Past and future value per customer whose cost is known; its interval counts the chance of who they are.
    pub value: Option<Estimate>,
    /// Value over cost; low and high are limits of its interval.
    pub value_over_cost: Option<Estimate>,
    /// Months from the first purchase until the mean customer has brought what he cost.
    pub payback: Option<PaybackMonths>,
    /// What the mean customer has brought by the months since the first purchase, over those observed so long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<PaybackPoint>,
    pub refusal: Option<Refusal>,
}

/// Customers of the source that never bought, or nothing of which something is left, and what acquiring them cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NeverBought {
    pub customers: u64,
    /// All of them together.
    pub cost: f64,
}

/// What the mean customer has brought by an age.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PaybackPoint {
    /// Months since the first purchase.
    pub months: f64,
    /// Value per customer, not discounted, with the interval of a mean over customers.
    pub brought: Estimate,
}

/// Months until acquisition is paid back, from the observed curve; none beyond what was observed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PaybackMonths {
    pub months: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// Months that the curve was observed for.
    pub observed: f64,
}

/// Something that was checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LifetimeCheck {
    pub severity: Severity,
    /// What was found, in words.
    pub message: String,
}
