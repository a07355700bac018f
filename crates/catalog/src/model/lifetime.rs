//! What customers are worth over their lifetime.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, name_schema};
use crate::span::Span;

/// What customers are worth over their lifetime, from their purchases.
///
/// The rows of the fact are purchases or parts of them; the purchases of a customer on one day are one. With
/// `contracts` they are contracts, which are paid once a period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lifetime {
    /// Unique among its kind, and the name of no experiment and no summaries.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    pub description: Option<String>,
    /// The fact whose rows are purchases, or parts of them, or contracts; it needs a time, which is when a contract
    /// starts.
    #[schemars(extend("x-names" = "fact"))]
    pub fact: Name,
    /// What a row brings: a column of the fact or a SQL expression over its columns; returns are negative. A contract
    /// brings it at the start of each of its periods. Without it purchases are counted.
    pub spend: Option<String>,
    /// The column that holds the currency of a row: refused where it is not the project's.
    pub currency: Option<String>,
    /// The column that holds the order: its rows are netted on its first day, later returns among them. Default: the
    /// rows of a day are netted.
    pub order: Option<String>,
    /// Customers count whose first purchase is on this day or later. Default: the data's first day.
    pub from: Option<String>,
    /// Models see purchases before this day, and their forecast is held against those after it. Default: all of them.
    pub until: Option<String>,
    /// Contribution margin on spend. Default: the project's.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub margin: Option<f64>,
    /// How far value is counted. Default: 3 years.
    #[serde(default = "default_horizon")]
    pub horizon: Span,
    /// Columns of `customers`, or else of the fact, by whose values customers are shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub by: Vec<String>,
    /// Audiences by which customers are shown, too: those who are in them as their sources say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-names" = "audience"))]
    pub audiences: Vec<Name>,
    /// What else is known of customers.
    pub customers: Option<LifetimeCustomers>,
    /// Columns of `customers` that shift how often customers buy, how soon they leave and what they spend: numbers, or
    /// texts with few values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub covariates: Vec<String>,
    /// What it cost to acquire a customer: columns of `customers`.
    pub acquisition: Option<LifetimeAcquisition>,
    /// The experiment of which the incremental lifetime value is asked.
    #[schemars(extend("x-names" = "experiment"))]
    pub experiment: Option<Name>,
    /// What becomes of the treatment after the experiment.
    #[serde(default)]
    pub effect: LifetimeEffect,
    /// Since when customers have been treated where nobody was randomized: columns of `customers`. What that added is
    /// estimated apart from any experiment, and is weaker evidence.
    pub rollout: Option<LifetimeRollout>,
    /// The model of purchase timing.
    #[serde(default)]
    pub model: LifetimeModel,
    /// Customers can buy once in each period of this length, as at a yearly appeal. Default: at any time.
    pub opportunities: Option<Span>,
    /// The rows of the fact are contracts.
    pub contracts: Option<LifetimeContracts>,
}

/// Contracts, which are paid for at the start of each period and can be left at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifetimeContracts {
    /// The column with the day from which a contract no longer runs; empty where it runs on.
    pub end: String,
    /// How long a period is.
    pub period: Span,
    /// The day on which the rows were drawn: contracts without an end ran until then.
    pub as_of: String,
}

/// A treatment that was switched on for different customers at different times, without randomization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifetimeRollout {
    /// The column with the day from which a customer is treated; empty where not.
    pub since: String,
    /// The column with the shop, region or other group that was switched on as a whole, within which customers are alike.
    pub cluster: Option<String>,
    /// With whom treated customers are compared.
    #[serde(default)]
    pub controls: LifetimeControls,
}

/// With whom customers are compared who were treated without randomization.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LifetimeControls {
    /// Customers who are not treated yet, those who never are among them.
    #[default]
    NotYetTreated,
    /// Customers who are never treated.
    NeverTreated,
}

/// A source with a row a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifetimeCustomers {
    #[schemars(extend("x-names" = "source"))]
    pub source: Name,
    /// The column that holds the customer.
    pub customer: String,
}

/// What it cost to acquire a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifetimeAcquisition {
    /// The column that holds the cost of a customer, in the project's currency.
    pub cost: String,
    /// The column that holds where the customer came from.
    pub channel: Option<String>,
}

/// What becomes of an experiment's treatment afterwards: which of two values the ledger takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LifetimeEffect {
    /// The treatment goes on: the value of a treated life, of customers like those of the experiment.
    #[default]
    StaysOn,
    /// It ends with the experiment: the value of what it has done to the customers of the experiment.
    Stops,
}

/// A model of when customers buy and whether they have left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LifetimeModel {
    /// The likeliest of the others.
    #[default]
    Auto,
    ParetoNbd,
    BgNbd,
    MbgNbd,
}

fn default_horizon() -> Span {
    Span {
        count: 3,
        unit: crate::span::SpanUnit::Year,
    }
}
