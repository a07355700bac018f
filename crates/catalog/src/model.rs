//! The documents of a catalog as typed values.
//!
//! One definition serves three readers: serde reads documents into these types, schemars makes the
//! JSON Schema that editors use (the doc comments become its descriptions), and the checker walks the
//! same schema to report every mistake with its place.

mod attribution;
mod calibrator;
mod content;
mod decisions;
mod factorial;
mod learned;
mod lifetime;
mod methods;
mod performance;
mod phase;
mod programme;
mod summaries;
mod test_plan;
mod touch;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::span::Span;

pub use attribution::{
    AfterConversion, Attribution, By, Calibrating, Conversion, Dimension, EngagementWindows,
    LifetimeConversion, LifetimeCredit, TouchWindow,
};
pub use calibrator::{Calibrator, CalibratorError, Measures};
pub use content::{Content, ContentCost, Validity};
pub use decisions::{
    Adjustment, Guardrail, Learned, PooledArms, Prior, PriorLift, Trigger, TriggerColumn,
    TriggerDecisions,
};
pub use factorial::{Factorial, FactorialOf, Factors};
pub use learned::{Feature, FeatureMetric, LearnedCovariate};
pub use lifetime::{
    Lifetime, LifetimeAcquisition, LifetimeContracts, LifetimeControls, LifetimeCustomers,
    LifetimeEffect, LifetimeModel, LifetimeRollout,
};
pub use performance::{ContentOutcome, Performance};
pub use phase::Phase;
pub use programme::{Covers, CoversTag};
pub use test_plan::{Looks, Spending, TestPlan};
pub use touch::{Constant, Field, Mapping, TimeFormat, Touch, TouchKey};

pub use summaries::{Multiplicity, Summaries, SummaryColumns};

/// A name: letters, digits, `-` and `_`, beginning with a letter or digit.
pub type Name = String;

/// `touchstone.yaml`: the settings of a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// The company or project, as it appears on reports.
    pub name: String,
    /// ISO 4217 code of the one currency that all money is in.
    #[serde(default = "default_currency")]
    pub currency: String,
    /// IANA name of the time zone in which days and months are counted.
    #[serde(default = "default_time_zone")]
    pub time_zone: String,
    /// Contribution margin on revenue, 0 to 1, where a metric names none.
    #[schemars(range(min = 0, max = 1))]
    pub margin: Option<f64>,
    /// Discount rate a year, 0.10 for ten per cent.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub discount_rate: f64,
    /// The folder of the lake, relative to `touchstone.yaml`.
    #[serde(default = "default_lake")]
    pub lake: String,
    /// Bounds on what the SQL engine may use.
    #[serde(default)]
    pub engine: Engine,
}

/// Bounds on what the SQL engine may use; a query that needs more memory spills to disk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Memory, such as `4GB`. Default: what the engine chooses, 80 % of the machine.
    pub memory: Option<String>,
    /// Threads. Default: one a core.
    #[schemars(range(min = 1))]
    pub threads: Option<u32>,
    /// The folder for what does not fit in memory. Default: `spill` in the lake's folder.
    pub spill: Option<String>,
}

/// One document of the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Document {
    /// A table: a file, a folder, a glob, a URL, or a table of the lake or of a database.
    Source(Source),
    /// Timestamped things that customers did, with values.
    Fact(Fact),
    /// A number per customer, made of facts.
    Metric(Metric),
    /// A group of customers.
    Audience(Audience),
    /// A team that owns initiatives.
    Team(Team),
    /// A way to reach a customer.
    Channel(Channel),
    /// A piece of content or an offer.
    Content(Content),
    /// One personalization effort.
    Initiative(Initiative),
    /// Customers randomized to arms.
    Experiment(Experiment),
    /// Many experiments known by their summaries alone.
    Summaries(Summaries),
    /// What customers are worth over their lifetime.
    Lifetime(Lifetime),
    /// What an initiative costs.
    Cost(Cost),
    /// What was shown to customers, mapped from a company's own columns.
    Touch(Touch),
    /// Conversions shared among the touches before them.
    Attribution(Attribution),
    /// How each piece of content does where it is shown.
    Performance(Performance),
    /// What channels, or components of content, cause alone and together.
    Factorial(Factorial),
}

/// A table: a file, a folder, a glob, a URL, or a table of the lake or of a database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Unique among its kind.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    /// What it holds and where it comes from.
    pub description: Option<String>,
    /// A file, folder, glob or URL (`https:`, `s3:`), relative to the project; or `postgres://...` with `table`.
    /// `${NAME}` is replaced by the environment variable NAME.
    pub path: Option<String>,
    /// With a database URL in `path`: the table there. Alone: a table of the project's lake.
    pub table: Option<String>,
    /// The format, where the file's name does not tell it.
    pub format: Option<Format>,
    /// The column separator of a csv file, where it is not found right.
    pub delimiter: Option<String>,
    /// Whether the first line of a csv file names the columns. Default: detected.
    pub header: Option<bool>,
    /// Names for the columns of a csv file that has no header.
    pub columns: Option<Vec<String>>,
    /// SQL types of columns where the detected ones are wrong, such as `{ zip: VARCHAR }`.
    #[serde(default)]
    pub types: BTreeMap<String, String>,
    /// Texts that mean "no value" in a csv file, such as `NA`.
    #[serde(default)]
    pub null_values: Vec<String>,
    /// The sheet of an xlsx file. Default: the first.
    pub sheet: Option<String>,
    /// Adds a row number under this name: a key for a table that has none.
    pub row_id: Option<String>,
    /// A column that is declared to be unique and never null; this is verified when it is used.
    pub key: Option<String>,
}

/// The format of a source's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Csv,
    Tsv,
    /// JSON, one object a line.
    Jsonl,
    Parquet,
    /// A Delta Lake table (a folder).
    Delta,
    Xlsx,
}

/// Timestamped things that customers did, with values: the rows of a source, or of a query over sources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// Unique among its kind.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    pub description: Option<String>,
    /// The source whose rows these are. Either this or `sql`.
    #[schemars(extend("x-names" = "source"))]
    pub source: Option<Name>,
    /// A SELECT over sources, by their names.
    pub sql: Option<String>,
    /// The column that holds the customer.
    pub customer: String,
    /// The column that says when it happened, where there is one.
    pub time: Option<String>,
    /// How late rows may arrive, such as `2 days`. A customer counts once the window and this time have passed.
    pub delay: Option<Span>,
    /// The column that says when a row arrived in the data, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrived: Option<String>,
    /// A SQL condition that rows must meet.
    #[serde(rename = "where")]
    pub filter: Option<String>,
}

/// A number per customer, made of a fact's rows, or the ratio of two such numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Unique among its kind.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    pub description: Option<String>,
    /// The fact whose rows are aggregated (not for `ratio`).
    #[schemars(extend("x-names" = "fact"))]
    pub fact: Option<Name>,
    pub aggregate: Aggregate,
    /// A column of the fact or a SQL expression over its columns. Not for `count`, `days`, `any`, `funnel` and `ratio`.
    pub value: Option<String>,
    /// For `quantile`: which one, such as 0.9. For the greatest value use `max`.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub quantile: Option<f64>,
    /// For `quantile`: the metric whose values per customer are meant, in place of `fact` and `value`.
    #[schemars(extend("x-names" = "metric"))]
    pub of: Option<Name>,
    /// For `funnel`: what a customer does, one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// For `ratio`: the metric above the line.
    #[schemars(extend("x-names" = "metric"))]
    pub numerator: Option<Name>,
    /// For `ratio`: the metric below the line.
    #[schemars(extend("x-names" = "metric"))]
    pub denominator: Option<Name>,
    /// A SQL condition that a fact's rows must meet.
    #[serde(rename = "where")]
    pub filter: Option<String>,
    #[serde(default)]
    pub unit: Unit,
    /// Contribution margin on this metric's money, 0 to 1. Default: the project's.
    #[schemars(range(min = 0, max = 1))]
    pub margin: Option<f64>,
    /// Which part of the time after exposure counts. Default: all of it.
    pub window: Option<Window>,
    /// Bounds for a customer's value: what is beyond is set to the bound, and the money cut is reported.
    pub cap: Option<Cap>,
    /// What a customer without rows of the fact has. Default: missing for `mean`, `min` and `max`, 0 for the others.
    pub absent: Option<Absent>,
    /// Whether more is better. Default: increase.
    #[serde(default)]
    pub better: Better,
}

/// How a fact's rows become one number per customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    Sum,
    Count,
    CountDistinct,
    /// The number of different days with rows, in the project's time zone.
    Days,
    /// 1 where there is any row, else 0.
    Any,
    Mean,
    Min,
    Max,
    /// 1 where all steps were done in their order, else 0.
    Funnel,
    /// The sum of one metric over customers, divided by the sum of another.
    Ratio,
    /// A quantile of the rows' values, or of another metric's values per customer.
    Quantile,
}

/// A step of a funnel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Unique in the funnel.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    /// A SQL condition: the step is the first row that meets it, not before the step before.
    #[serde(rename = "where")]
    pub filter: String,
}

/// What a metric's number is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// 0 or 1 per customer.
    Share,
    /// In the project's currency.
    Money,
    Count,
    #[default]
    Number,
}

/// A stretch of time relative to a customer's exposure; durations such as `14 days`, `12 hours`, `2 weeks`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// From when after exposure. Default: at once.
    pub from: Option<Span>,
    /// Until when after exposure (exclusive). Default: without end.
    pub to: Option<Span>,
}

/// Bounds for a customer's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// The least value.
    pub lower: Option<f64>,
    /// The greatest value.
    pub upper: Option<f64>,
    /// The least value as a quantile of the customers of all arms, such as 0.01.
    #[schemars(range(min = 0, max = 1))]
    pub lower_percentile: Option<f64>,
    /// The greatest value as a quantile of the customers of all arms, such as 0.99.
    #[schemars(range(min = 0, max = 1))]
    pub upper_percentile: Option<f64>,
    /// Whether percentiles are those of values other than 0.
    #[serde(default)]
    pub nonzero: bool,
}

/// What a customer without rows of the fact has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Absent {
    Zero,
    Missing,
}

/// Whether more of a metric is better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    #[default]
    Increase,
    Decrease,
}

/// A group of customers: a query that yields them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Audience {
    /// Unique among its kind.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    pub description: Option<String>,
    /// The source that holds the customers. Either this or `sql`.
    #[schemars(extend("x-names" = "source"))]
    pub source: Option<Name>,
    /// A SELECT over sources, by their names.
    pub sql: Option<String>,
    /// The column that holds the customer.
    pub customer: String,
    /// A SQL condition that rows must meet.
    #[serde(rename = "where")]
    pub filter: Option<String>,
}

/// A team that owns initiatives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// Unique among its kind.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    pub description: Option<String>,
}

/// A way to reach a customer, such as e-mail or the home page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Unique among its kind.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    pub description: Option<String>,
}

/// One personalization effort: an owner, a level, channels, content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Initiative {
    /// Unique among its kind.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    pub description: Option<String>,
    /// The team that owns it.
    #[schemars(extend("x-names" = "team"))]
    pub team: Option<Name>,
    /// 0 generic, 1 substitution, 2 contextual, 3 segment, 4 behavioural, 5 predictive one-to-one,
    /// 6 one-to-one across channels: by the data that the decision uses.
    #[schemars(range(min = 0, max = 6))]
    pub level: u8,
    #[serde(default)]
    #[schemars(extend("x-names" = "channel"))]
    pub channels: Vec<Name>,
    #[serde(default)]
    #[schemars(extend("x-names" = "content"))]
    pub content: Vec<Name>,
    /// What it should change, and why.
    pub hypothesis: Option<String>,
    /// What it belongs to: a holdout's programme covers initiatives by their tag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "names_schema")]
    pub tags: Vec<Name>,
    /// Set where the effect recurs: without it an initiative counts once, as measured.
    pub recurs: Option<Recurrence>,
    /// Set where the initiative counts by what it adds to customers' lives, in place of the lift of its experiment: a
    /// lifetime of that experiment. Not with `recurs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-names" = "lifetime"))]
    pub lifetime: Option<Name>,
}

/// How often what was measured happens again, to how many customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recurrence {
    /// The length of one round, such as `1 month`.
    pub every: Span,
    /// How many rounds in all are counted, the measured one among them.
    #[schemars(range(min = 1))]
    pub times: u32,
    /// Customers a round. Default: those of the measured arm.
    #[schemars(range(min = 1))]
    pub customers: Option<u64>,
    /// The share of the effect that is left from one round to the next. Default: 1.
    #[schemars(range(min = 0, max = 1))]
    pub retained: Option<f64>,
}

/// Customers randomized to arms, and what is compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Unique among its kind.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    pub description: Option<String>,
    /// What is expected, in a sentence that the data can contradict.
    pub hypothesis: Option<String>,
    pub assignment: Assignment,
    /// When the arm could first have made a difference, where that is not the time of assignment.
    /// Customers without an exposure are left out, and counted.
    pub exposure: Option<Exposure>,
    /// What is compared: at least two, one of them the reference (generic, else holdout).
    #[schemars(length(min = 2))]
    pub arms: Vec<Arm>,
    /// How the shares of the arms changed on the way. Default: they did not; before the first phase those of the arms
    /// hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<Phase>,
    pub metrics: Metrics,
    /// What was known of a customer before assignment: columns of the assignment's source,
    /// or metrics over a time before exposure. They make intervals narrower.
    #[serde(default)]
    pub covariates: Vec<Covariate>,
    /// Columns of the assignment's source by which the lift is shown.
    #[serde(default)]
    pub segments: Vec<String>,
    /// Columns of the assignment's source, known before assignment, whose combinations are strata: effects are compared
    /// inside each, and weighted by how many customers of both arms are in it. They make intervals narrower.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub strata: Vec<String>,
    /// The false-positive rate of a two-sided test; intervals have level 1 - alpha.
    #[serde(default = "default_alpha")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 0.5))]
    pub alpha: f64,
    /// What to do with customers who were assigned to several arms.
    #[serde(default)]
    pub several_arms: SeveralArms,
    /// When the data may decide, and what for. Default: once, whenever they are looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<TestPlan>,
    /// How the number of secondary metrics is allowed for in their verdicts.
    #[serde(default)]
    pub multiplicity: Adjustment,
    /// What was believed of the primary metric's relative lift before: a second view beside the tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior: Option<Prior>,
    /// Whom the treatment could reach: the effect is also measured among them alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// Arms that are also taken together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pooled: Vec<PooledArms>,
    /// Whether effects are also shown by the days since exposure, which takes a query for each metric.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_day: bool,
    /// Until when the data are complete, a date or time such as `2024-03-01`. Default: the day of the latest
    /// row of each metric's fact; for windows in hours, its time.
    pub until: Option<String>,
    /// What to do with customers whose window had not passed at the end of the data.
    #[serde(default)]
    pub immature: Immature,
}

/// Who was assigned to which arm, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    #[schemars(extend("x-names" = "source"))]
    pub source: Name,
    /// The column that holds the customer.
    pub customer: String,
    /// The column that holds the arm.
    pub arm: String,
    /// The column that says when, where there is one.
    pub time: Option<String>,
    /// The column that holds the cluster (a shop, a household), where arms were randomized to clusters of customers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// A SQL condition that rows must meet.
    #[serde(rename = "where")]
    pub filter: Option<String>,
}

/// When a customer's arm could first have made a difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exposure {
    #[schemars(extend("x-names" = "source"))]
    pub source: Name,
    pub customer: String,
    pub time: String,
    /// A SQL condition that rows must meet.
    #[serde(rename = "where")]
    pub filter: Option<String>,
}

/// One arm of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Unique in the experiment.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    /// What the arm column holds for it. Default: the name.
    pub value: Option<Scalar>,
    pub role: Role,
    /// The initiative that this arm shows.
    #[schemars(extend("x-names" = "initiative"))]
    pub initiative: Option<Name>,
    /// The initiatives that this arm gets and the holdout does not: those with a tag, or a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covers: Option<Covers>,
    /// The share of customers that should be in it; all arms or none. Default: equal shares.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub share: Option<f64>,
    /// What the arm is made of, where arms are the combinations of several factors, such as
    /// `{ content: new, timing: late }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub factors: BTreeMap<String, Scalar>,
    /// How often a customer in this arm is shown content, at most, where arms are caps on it. Without one among such
    /// arms: as often as it comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<u32>,
}

impl Arm {
    /// How often a customer in this arm is shown content at most; none without a cap.
    #[must_use]
    pub fn most_exposures(&self) -> Option<u32> {
        self.cap.or((self.role == Role::Holdout).then_some(0))
    }
}

/// A value in a column: a text, a number or a truth value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

/// What customers in an arm get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// What everyone would get without personalization: the arm that others are compared with.
    Generic,
    Personalized,
    /// The personalized content, given out at random.
    Shuffled,
    /// Nothing of the programme at all: the arm that others are compared with where there is no generic one.
    Holdout,
}

/// The metrics of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// The one that decides.
    #[schemars(extend("x-names" = "metric"))]
    pub primary: Name,
    /// Others of which one would do as well: to ship, one of these or the primary one must improve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-names" = "metric"))]
    pub success: Vec<Name>,
    /// Those that must not get worse by their margin: to ship, all of them are shown not to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<Guardrail>,
    /// Those that are watched.
    #[serde(default)]
    #[schemars(extend("x-names" = "metric"))]
    pub secondary: Vec<Name>,
}

/// Something known of a customer before assignment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Covariate {
    /// A numeric column of the assignment's source.
    Column(String),
    /// Such a column, for some of the metrics.
    ColumnFor(CovariateColumn),
    /// A metric over a time before exposure.
    Before(CovariateMetric),
    /// A prediction of the metric, learned from what was known before.
    Learned(LearnedCovariate),
}

/// A numeric column of the assignment's source, for some of the metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CovariateColumn {
    pub column: String,
    /// The metrics that are adjusted for it.
    #[schemars(length(min = 1), extend("x-names" = "metric"))]
    pub metrics: Vec<Name>,
}

/// A metric over a time before exposure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CovariateMetric {
    #[schemars(extend("x-names" = "metric"))]
    pub metric: Name,
    /// How long before exposure, such as `28 days`.
    pub before: Span,
    /// The metrics that are adjusted for it. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-names" = "metric"))]
    pub metrics: Vec<Name>,
}

/// What to do with customers who were assigned to several arms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeveralArms {
    /// Intention to treat: they count in the arm that they were first assigned to.
    #[default]
    First,
    /// They are left out, which biases the comparison where arms differ in size.
    Exclude,
}

/// What to do with customers whose window had not passed at the end of the data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Immature {
    /// They are left out of the metric, and counted.
    #[default]
    LeaveOut,
    /// They count with what is there: for an early look.
    Count,
}

/// What an initiative, or what a team shares over its initiatives, costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Unique among the costs of its initiative.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    pub description: Option<String>,
    #[schemars(extend("x-names" = "initiative"))]
    pub initiative: Name,
    /// In the project's currency; with `per: revenue` a share, 0.05 for five per cent.
    #[schemars(schema_with = "decimal_schema")]
    pub amount: Decimal,
    pub per: Per,
    /// With `per: month`: how many months. Default: the months that the initiative's experiment ran, begun ones whole.
    #[schemars(range(min = 1))]
    pub months: Option<u32>,
    /// With `per: touch`: the fact whose rows are the touches.
    #[schemars(extend("x-names" = "fact"))]
    pub fact: Option<Name>,
    /// With `per: revenue`: the metric whose money in the arm is meant. Default: the experiment's first money metric.
    #[schemars(extend("x-names" = "metric"))]
    pub metric: Option<Name>,
}

/// What a cost is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    Once,
    Month,
    /// Each customer of the initiative's arm.
    Customer,
    /// Each touch shown to customers of the initiative's arm.
    Touch,
    /// A share of the arm's revenue.
    Revenue,
}

fn default_currency() -> String {
    "USD".to_owned()
}

fn default_time_zone() -> String {
    "UTC".to_owned()
}

fn default_lake() -> String {
    "./lake".to_owned()
}

fn default_alpha() -> f64 {
    0.05
}

fn name_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "name", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$" })
}

fn names_schema(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": name_schema(generator) })
}

fn decimal_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "number", "format": "decimal", "minimum": 0 })
}
