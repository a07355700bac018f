//! The ledger as a finding: for each initiative what it added, what it cost, and how sure that is.

use measure::{Provenance, Refusal};
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::beside::Beside;
use crate::credit::CountedCredit;
use crate::lifetime::LifetimeIncrement;

/// An amount of the project's currency, exact to the cent. In JSON it is a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(#[serde(with = "rust_decimal::serde::float")] pub Decimal);

impl Money {
    /// The nearest cent, halves away from zero; `None` where the number is not finite or too large.
    pub fn from_f64(amount: f64) -> Option<Self> {
        Decimal::from_f64_retain(amount).map(Self::rounded)
    }

    /// The nearest cent, halves away from zero.
    pub(crate) fn rounded(exact: Decimal) -> Self {
        Self(exact.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero))
    }

    /// As a floating-point number, for ratios and pictures.
    pub fn to_f64(self) -> f64 {
        self.0.to_f64().unwrap_or(f64::NAN)
    }
}

impl schemars::JsonSchema for Money {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "description": "an amount of the currency, to the cent" })
    }
}

/// How good the evidence behind an increment is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Grade {
    /// Measured by randomization, on the customers and in the time that it counts.
    A,
    /// Measured by randomization, and extrapolated to other times or customers.
    B,
    /// A comparison without randomization.
    C,
    /// A model or attribution.
    D,
    /// An assumption.
    E,
}

/// What each initiative earned, cost and returned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerFinding {
    /// The name and version of this format.
    pub format: String,
    /// The project's name.
    pub project: String,
    pub currency: String,
    /// The level of the intervals.
    pub confidence: f64,
    /// In the order of the catalog.
    pub initiatives: Vec<InitiativeValue>,
    /// Content that is credited by observation; not in the total's increment, cost, return and probability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<CountedCredit>,
    /// The sum of the initiatives that have an increment.
    pub total: Option<Total>,
    /// Initiatives without a number, which the total leaves out.
    pub refused: u64,
    /// What holdouts say of programmes of initiatives; not in the total, which has the initiatives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programmes: Vec<ProgrammeValue>,
    /// What else is known in money, each with why it is not in the total.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Beside>,
    pub caveats: Vec<String>,
    pub provenance: Provenance,
}

impl LedgerFinding {
    /// The name and version of the format.
    pub const FORMAT: &'static str = "touchstone.ledger/1";
}

/// One initiative's row of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InitiativeValue {
    pub name: String,
    pub team: Option<String>,
    /// The level of personalization, 0 to 6.
    pub level: u8,
    /// Customers reached; where it counts by their lives, those whose lives were measured.
    pub customers: u64,
    /// What each experiment measured.
    pub increments: Vec<Increment>,
    pub costs: Vec<CostLine>,
    /// The contribution margin that it added; the sum of the increments.
    pub increment: Option<Money>,
    /// The interval of the increment.
    pub increment_low: Option<Money>,
    pub increment_high: Option<Money>,
    /// The standard error of the increment.
    pub increment_se: Option<f64>,
    /// The sum of the costs.
    pub cost: Money,
    /// Increment less cost.
    pub net: Option<Money>,
    /// Net over cost; none where nothing was spent.
    pub roi: Option<Estimate>,
    /// The probability that the increment exceeds the cost, given the data alone.
    pub probability_positive: Option<f64>,
    /// The lift per customer, in money, at which it earns its cost.
    pub break_even_lift: Option<f64>,
    pub payback: Option<Payback>,
    /// The weakest grade among the increments.
    pub grade: Option<Grade>,
    /// Why there is no number.
    pub refusal: Option<Refusal>,
}

/// What one arm of one experiment added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Increment {
    pub experiment: String,
    pub arm: String,
    /// The money metric; of an increment over customers' lives, the lifetime.
    pub metric: String,
    /// The gain per customer: the absolute lift that decides, or less it where the metric had better decrease.
    pub lift: Estimate,
    /// Whether covariates are taken into account in it.
    pub adjusted: bool,
    /// Customers in the arm.
    pub customers: u64,
    /// The contribution margin on the metric's money; 1 of a lifetime, whose values are margin.
    pub margin: f64,
    /// The rounds counted: the measured one first, then those that the catalog says recur. None of a lifetime.
    pub rounds: Vec<Round>,
    /// What customers' lives gain, where the initiative counts by them and not by the lift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<LifetimeIncrement>,
    /// Lift times customers times margin, over all rounds, in the value of today.
    pub amount: Money,
    pub low: Money,
    pub high: Money,
    /// The standard error of the amount.
    pub se: f64,
    pub grade: Grade,
}

impl Increment {
    /// What it is made of, with the grade of each part.
    pub(crate) fn graded(&self) -> Vec<(Grade, Money)> {
        let lifetime = self.lifetime.iter().flat_map(|lifetime| &lifetime.parts);
        let rounds = self.rounds.iter().map(|round| (round.grade, round.amount));
        rounds
            .chain(lifetime.map(|part| (part.grade, part.amount)))
            .collect()
    }
}

/// One round of an initiative that recurs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Round {
    pub customers: u64,
    /// The share of the measured lift that is left.
    pub retained: f64,
    /// What a unit of money in this round is worth today.
    pub discount: f64,
    pub amount: Money,
    pub grade: Grade,
}

/// One cost of an initiative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostLine {
    pub name: String,
    /// What it is paid for: `once`, `month`, `customer`, `touch` or `revenue`.
    pub per: String,
    /// The price of one, or the share of revenue.
    #[serde(with = "rust_decimal::serde::float")]
    #[schemars(with = "f64")]
    pub price: Decimal,
    /// How many, or the revenue.
    pub quantity: f64,
    pub amount: Money,
}

/// An estimate with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
}

/// When the margin added has paid for the cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Payback {
    /// Days from the first exposure, with the margin coming evenly over the measured time;
    /// none where the estimate does not pay back in the time counted.
    pub days: Option<f64>,
    /// Days at the upper and lower end of the increment's interval.
    pub earliest_days: Option<f64>,
    pub latest_days: Option<f64>,
    /// The days counted.
    pub of_days: f64,
}

/// All initiatives together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Total {
    pub increment: Money,
    pub increment_low: Money,
    pub increment_high: Money,
    pub increment_se: f64,
    pub cost: Money,
    pub net: Money,
    pub roi: Option<Estimate>,
    pub probability_positive: f64,
    /// The weakest grade in it.
    pub grade: Grade,
    /// The share of the increments' absolute amounts by grade, the best first.
    pub by_grade: Vec<(Grade, f64)>,
    /// The margin that content is credited with by observation, beside all of the above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credited: Option<Money>,
}

/// What a holdout says of a programme, and what its initiatives' own experiments add up to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProgrammeValue {
    pub experiment: String,
    /// The arm that gets the programme.
    pub arm: String,
    /// Customers in it.
    pub customers: u64,
    /// The contribution margin that the programme added in the holdout's time: lift against the holdout times customers
    /// times margin.
    pub measured: Option<MoneyEstimate>,
    /// The initiatives that it covers, in the order of the catalog.
    pub initiatives: Vec<Covered>,
    /// The sum of what the covered initiatives' experiments say for the same time.
    pub sum: Option<MoneyEstimate>,
    /// What was measured, less the sum; none where an initiative has no number.
    pub difference: Option<MoneyEstimate>,
    /// What the difference says.
    pub agreement: Option<Agreement>,
    /// Why the programme has no number.
    pub refusal: Option<Refusal>,
}

/// What one initiative's experiments say for the time of a holdout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Covered {
    pub initiative: String,
    pub increment: Option<MoneyEstimate>,
    /// Rounds counted, those that begin in the holdout's time.
    pub rounds: u64,
    /// Why it has no number.
    pub refusal: Option<Refusal>,
}

/// An amount with its standard error and interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MoneyEstimate {
    pub amount: Money,
    pub low: Money,
    pub high: Money,
    pub se: f64,
}

/// Whether a programme brings what its initiatives add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// The interval of the difference holds zero.
    Agrees,
    /// The programme brings more: initiatives help each other, or more is in it than is covered.
    More,
    /// The programme brings less: initiatives take from each other, or their sum was too good.
    Less,
}
