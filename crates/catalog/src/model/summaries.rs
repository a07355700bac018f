//! Experiments of which only summaries are left: the export of another tool.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, default_alpha, name_schema};

/// Many experiments known by their summaries alone: counts and means of arms that another tool exported.
///
/// A row holds one arm (`holds`), or a comparison of a treated arm with its control (`treated` and `control`), of one
/// metric at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summaries {
    /// Unique among its kind, and no experiment's name.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    pub description: Option<String>,
    #[schemars(extend("x-names" = "source"))]
    pub source: Name,
    /// A SQL condition that rows must meet.
    #[serde(rename = "where")]
    pub filter: Option<String>,
    /// The column that holds the experiment.
    pub experiment: String,
    /// The column that holds the arm; where a row holds a comparison, the treated arm.
    pub arm: String,
    /// The column that holds the metric, where there are several.
    pub metric: Option<String>,
    /// The column that says when a row was taken: the rows of an experiment at several times are looks at ever more
    /// customers, counted from its start.
    pub time: Option<String>,
    /// The column that says in which period of the calendar (a week, a month) the experiment ran: the sizes of arms are
    /// watched over periods.
    pub period: Option<String>,
    /// What a row says of its one arm.
    pub holds: Option<SummaryColumns>,
    /// What a row says of the treated arm.
    pub treated: Option<SummaryColumns>,
    /// What a row says of the control arm.
    pub control: Option<SummaryColumns>,
    /// With `holds`: a SQL condition that the rows of the arm meet that others are compared with. Default: each arm is
    /// compared with all others of its experiment together, which needs `successes`.
    pub reference: Option<String>,
    /// The share of customers that each arm should have; with `treated` and `control` the latter is called `control`.
    /// Default: equal shares.
    #[serde(default)]
    pub shares: BTreeMap<String, f64>,
    /// The column that holds how many customers the experiment was planned for, all arms together. Default: the last
    /// look is the planned end.
    pub planned: Option<String>,
    /// The false-positive rate of a two-sided test; intervals have level 1 - alpha.
    #[serde(default = "default_alpha")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 0.5))]
    pub alpha: f64,
    /// How the number of comparisons is allowed for where effects count as found.
    #[serde(default)]
    pub multiplicity: Multiplicity,
}

/// The columns that hold an arm's summary: `mean` and `variance` between customers, or `successes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SummaryColumns {
    /// Customers.
    pub n: String,
    /// Their mean.
    pub mean: Option<String>,
    /// The variance between them, not that of the mean.
    pub variance: Option<String>,
    /// How many of them did it.
    pub successes: Option<String>,
}

/// How the number of comparisons is allowed for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Multiplicity {
    /// Not at all: each test stands alone.
    Alone,
    /// The probability of any false find among those of a metric is at most alpha.
    Holm,
    /// Of what is found in a metric, a share of at most alpha is false on average.
    #[default]
    BenjaminiHochberg,
}
