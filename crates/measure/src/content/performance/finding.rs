//! What is found of the performance of content.

use catalog::Unit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audience::NotCounted;
use crate::{Provenance, Refusal};

/// How each piece of content does where it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PerformanceFinding {
    /// `touchstone.performance/1`.
    pub format: String,
    /// The name of the performance document.
    pub performance: String,
    pub description: Option<String>,
    /// The touches that show it.
    pub touches: String,
    /// The fact or metric that is the outcome.
    pub outcome: String,
    /// The fact whose rows the outcome is made of.
    pub fact: String,
    /// What the outcome is; a share where it is whether there is any row.
    pub unit: Unit,
    /// How long after it was first shown the outcome counts.
    pub within: String,
    /// What the table is divided by beside content.
    pub by: Vec<String>,
    /// Intervals have level 1 - alpha.
    pub alpha: f64,
    /// What one more outcome is worth as margin.
    pub value: Option<f64>,
    pub currency: String,
    pub extent: Extent,
    /// The mean outcome over all items and customers.
    pub average: Option<f64>,
    /// The standard deviation of the items' true outcomes, without their noise.
    pub spread: Option<f64>,
    /// What is to be expected of a new item, with the components of any of the items where they have some.
    pub forecast: Option<Believed>,
    /// The share of the items' outcomes that is left where each counts once: for the last item before it that the customer
    /// was shown for the first time. Rates count an outcome for every item within whose time it came; money counts it once.
    pub once: f64,
    /// How many items `probability_top` means.
    pub top: u64,
    /// Why items are not told apart from their noise.
    pub refusal: Option<Refusal>,
    /// The items, the best to be expected first, and those too thin to say last.
    pub items: Vec<ItemFinding>,
    /// Content by what the table is divided by.
    pub cells: Vec<CellFinding>,
    /// Why cells are not told apart from their noise.
    pub cells_refusal: Option<Refusal>,
    /// By how much each level of what the table is divided by moves its cells, other things being equal.
    pub parts: Vec<ContentPart>,
    /// How much of the differences of cells is content's, each key's, and the cells' own.
    pub spreads: Vec<PartSpread>,
    /// By how much components move the outcome.
    pub components: Option<ComponentsFinding>,
    /// What choosing components by segment would bring.
    pub personalizing: Vec<PersonalizingFinding>,
    /// What content costs, and how often it is used again.
    pub reuse: ReuseFinding,
    /// How many variants pay.
    pub portfolio: Option<PortfolioFinding>,
    /// Where content is shown, and what one more variant would be worth there; the most valuable first.
    pub coverage: Vec<ContextFinding>,
    /// Whether customers meet the same content in several versions; none where touches have no `version`.
    pub consistency: Option<ConsistencyFinding>,
    /// Whether content wears out.
    pub fatigue: FatigueFinding,
    /// What more exposures cause, where caps on them were given out at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caps: Option<CapsFinding>,
    /// What would be lost without an item; none where touches have no `propensity` and `candidates`.
    pub drop_one: Option<DropOneFinding>,
    pub provenance: Provenance,
}

impl PerformanceFinding {
    /// The format of this version.
    pub const FORMAT: &'static str = "touchstone.performance/1";
}

/// How much there is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Extent {
    /// Rows of touches.
    pub rows: u64,
    /// Those of them that count: a customer was shown a piece of content.
    pub exposures: u64,
    pub customers: u64,
    pub items: u64,
    /// Rows that do not count, by the reason.
    pub left_out: Vec<NotCounted>,
    /// Rows of the outcome that count, after the filters of its fact and metric.
    pub outcomes: u64,
    /// Those that do not, by the reason.
    pub outcomes_left_out: Vec<NotCounted>,
    /// The first and the last exposure, in microseconds since 1970.
    pub from: Option<i64>,
    pub until: Option<i64>,
    /// Rows of touches with a cost below zero, over 10^12 or no number: it is taken for unknown, and counts as nothing.
    pub unknown_costs: u64,
    /// Exposures outside the time in which their content may be shown, of content that has any; they count all the same.
    pub not_valid: Vec<NotValid>,
}

/// Exposures of a piece of content that may not have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotValid {
    pub content: String,
    pub exposures: u64,
}

/// A belief: its mean, its standard deviation, and limits that hold the true value with probability 1 - alpha.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Believed {
    pub mean: f64,
    pub sd: f64,
    pub low: f64,
    pub high: f64,
}

/// An amount with its interval, in the project's currency unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Valued {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
}

/// A piece of content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ItemFinding {
    pub content: String,
    /// How often it was shown.
    pub exposures: u64,
    /// Customers to whom it was shown long enough ago for their outcome to be known.
    pub customers: u64,
    /// Customers whose time after it was not over at the end of the data: left out.
    pub immature: u64,
    /// The outcomes of the customers, added up.
    pub total: f64,
    /// Outcome a customer, as it is.
    pub raw: Option<f64>,
    /// What is believed of it, with what all items say.
    pub shrunk: Option<Believed>,
    /// Where there is no such belief: the outcome a customer with the interval of its own customers alone, Wilson's of a
    /// share and Student's t of a mean, in the outcome's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alone: Option<Valued>,
    /// The probability that it is better than the average.
    pub probability_above_average: Option<f64>,
    /// The probability that it is truly among the best, as many as `top` says.
    pub probability_top: Option<f64>,
    /// It may as well be a good item as a bad one: its interval covers the middle half of all items, for too few customers
    /// or because all are alike. Without a belief: it has too few customers for an interval of its own.
    pub thin: bool,
    /// What it cost and brings; none where its content document names no cost and there is no value.
    pub cost: Option<CostFinding>,
}

/// What an item cost and brings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostFinding {
    /// Creation, localisation and approval, and upkeep for the months from the first to the last outcome: one that has
    /// begun counts whole, and there is at least one.
    pub content: f64,
    /// What its touches cost, views and clicks.
    pub showing: f64,
    /// Where it was shown: different combinations of what the table is divided by.
    pub contexts: u64,
    /// Cost a customer reached.
    pub per_customer: Option<f64>,
    /// Margin beyond that of as many customers of the average item, each outcome counted `once`. It describes, and does not
    /// prove.
    pub margin_above_average: Option<Valued>,
    /// Margin that would be lost without the item in the decisions that `drop_one` counts, from logged probabilities of
    /// choices: causal.
    pub incremental_margin: Option<Valued>,
    /// `(incremental margin - cost) / cost`; none without an incremental margin.
    pub roi: Option<Valued>,
}

/// A piece of content in one context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CellFinding {
    pub content: String,
    /// The values of what the table is divided by, in its order.
    pub by: Vec<String>,
    pub exposures: u64,
    pub customers: u64,
    pub total: f64,
    pub raw: Option<f64>,
    pub shrunk: Option<Believed>,
    /// As of an item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alone: Option<Valued>,
    pub probability_above_average: Option<f64>,
    pub thin: bool,
}

/// By how much one level moves its cells or items, other things being equal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContentPart {
    /// `content`, a key of the table, or a component.
    pub factor: String,
    pub level: String,
    pub part: Believed,
}

/// How much of the differences of true values one factor makes up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartSpread {
    /// `content`, a key of the table, a component, or `own` for what is of no other.
    pub factor: String,
    /// The standard deviation over its levels.
    pub sd: f64,
    /// Its share of the variance.
    pub share: f64,
}

/// Components of content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentsFinding {
    pub parts: Vec<ContentPart>,
    pub spreads: Vec<PartSpread>,
    /// Combinations that no item has, the most promising first.
    pub untested: Vec<Untested>,
    /// A test that would tell the components apart; none where they have not two levels each, and where all of its
    /// combinations are among the items.
    pub test: Option<ComponentTest>,
    pub refusal: Option<Refusal>,
}

/// A randomized test of components with two levels each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentTest {
    /// The combinations to show, each to equally many customers: levels in the order of the document's `components`.
    pub combinations: Vec<Vec<String>>,
    /// How many there are in all.
    pub of: u64,
    /// From four on, no component is confounded with another or with a pair; none where all combinations are shown.
    pub resolution: Option<u32>,
    /// Effects that the test cannot tell apart, up to pairs of components: `headline × image = offer × colour`.
    pub aliases: Vec<String>,
}

/// A combination of components that no item has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Untested {
    /// The levels, in the order of the document's `components`.
    pub levels: Vec<String>,
    pub forecast: Believed,
}

/// What choosing a component by segment would bring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PersonalizingFinding {
    pub component: String,
    /// The key of the table that tells segments.
    pub segment: String,
    /// Outcome a customer, beyond the level that is best for all: choices learned on one half of the customers,
    /// measured on the other. It is causal only where levels were given at random.
    pub value: Option<Valued>,
    /// The same from all customers at once, which is too large.
    pub naive: Option<f64>,
    /// The level that is best for all.
    pub best: Option<String>,
    pub segments: Vec<PersonalizingSegment>,
    pub refusal: Option<Refusal>,
}

/// The best level in a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PersonalizingSegment {
    pub segment: String,
    pub best: String,
}

/// What content costs, and how often it is used again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReuseFinding {
    /// Items that were shown.
    pub items: u64,
    /// Those of them that were shown in two contexts or more.
    pub reused: u64,
    /// Those of them that were made from others, by `based_on`.
    pub adapted: u64,
    /// Creation, localisation and approval of items that were made new, a piece; none without such.
    pub cost_of_new: Option<f64>,
    /// The same of items made from other content.
    pub cost_of_adapted: Option<f64>,
    /// What adapting saved: `(cost of new - cost of adapted)` for each adapted piece.
    pub saved: Option<f64>,
    /// Content that is declared and that no touch of the project shows.
    pub dead: Vec<String>,
    /// What it cost.
    pub dead_cost: f64,
    /// Why that cannot be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_refusal: Option<Refusal>,
    /// Content that was shown and is not declared.
    pub undeclared: u64,
}

/// How many variants pay, if the best of them is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PortfolioFinding {
    /// Mean creation, localisation and approval of the items that say what they cost.
    pub cost_of_variant: f64,
    /// Customers of the items, added up, for whom a better variant would count.
    pub customers: u64,
    /// Items now.
    pub variants: u64,
    /// The number from which one more costs more than it brings, as far as was looked.
    pub best_number: u64,
    /// The last that was looked at pays, too: `best_number` or more.
    pub more_may_pay: bool,
    pub curve: Vec<VariantCount>,
}

/// So many variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VariantCount {
    pub variants: u64,
    /// The outcome to be expected of the best of them.
    pub best: f64,
    /// Margin that the last of them adds, over all customers, each outcome counted `once`.
    pub marginal_margin: f64,
}

/// A context: what the table is divided by, without content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContextFinding {
    pub by: Vec<String>,
    /// Items shown there.
    pub items: u64,
    pub exposures: u64,
    /// Customers of the items there, added up.
    pub customers: u64,
    /// The share of their outcomes that is left where each counts once: for the last of the customer's cells before it.
    pub once: f64,
    /// What is shown there now brings, a customer.
    pub current: Option<f64>,
    /// What a new item is expected to bring there.
    pub forecast: Option<Believed>,
    /// Outcomes that one more variant would add, if it is shown where it is better:
    /// `once customers E max(new - current, 0)`.
    pub missing_variant: Option<f64>,
    /// The same in money.
    pub missing_variant_margin: Option<f64>,
}

/// Versions that meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsistencyFinding {
    /// Weeks in which a customer was shown a piece of content whose version is known.
    pub customer_weeks: u64,
    /// Those of them with two versions of it or more.
    pub several_versions: u64,
    /// Those of them in which the versions came over several channels.
    pub across_channels: u64,
}

/// Whether content wears out with each exposure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FatigueFinding {
    /// `log_quadratic` or `geometric`.
    pub shape: Option<String>,
    /// The rate of a response by the number of the exposure, over that at the first.
    pub curve: Vec<FatiguePoint>,
    /// What the curve does not look at, by the reason.
    pub left_out: Vec<NotCounted>,
    /// What whether to replace items is told by; none without a value, and where neither tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retire_by: Option<WearEvidence>,
    /// Why it is not told by the caps, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_caps: Option<String>,
    /// Whether to replace items by new ones, the most gain first; none without a value.
    pub retire: Vec<RetireFinding>,
    /// Why it cannot be said of any item whether to replace it.
    pub retire_refusal: Option<Refusal>,
    /// Why there is no curve.
    pub refusal: Option<Refusal>,
}

/// What tells how content wears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WearEvidence {
    /// What exposures cause, by caps that chance gave out.
    Caps,
    /// The curve: the exposures of one customer compared with each other.
    Curve,
}

/// A number of the exposure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FatiguePoint {
    pub exposure: u64,
    /// Exposures of this number whose time was over at the end of the data.
    pub exposures: u64,
    pub relative: Valued,
}

/// What more exposures cause, by caps that were given out at random.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapsFinding {
    pub experiment: String,
    /// From the lowest cap to the highest, or to none.
    pub arms: Vec<CapArm>,
    /// Each arm against the one before.
    pub steps: Vec<CapStep>,
    /// What of the assignment does not count.
    pub left_out: Vec<NotCounted>,
    /// Why nothing can be said.
    pub refusal: Option<Refusal>,
}

/// Customers with a cap on their exposures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapArm {
    pub arm: String,
    /// None: as often as it comes.
    pub cap: Option<u32>,
    pub customers: u64,
    /// Exposures a customer, from the assignment to the end of the data.
    pub exposures: f64,
    /// The outcome of a customer in the same time.
    pub outcome: f64,
}

/// What a higher cap does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapStep {
    /// The first and the last exposure that the higher cap allows beyond the lower one.
    pub first: u32,
    pub last: Option<u32>,
    /// Exposures a customer that there are more.
    pub exposures: f64,
    /// The outcome of a customer that there is more: causal, whatever exposures there were. None where no outcome differs
    /// from another.
    pub difference: Option<Valued>,
    /// What each of these exposures causes on average; Fieller's interval.
    pub each: Option<Valued>,
    /// The same in margin.
    pub worth: Option<Valued>,
    /// Why it cannot be said of each.
    pub refusal: Option<Refusal>,
}

/// Whether an item should be replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RetireFinding {
    pub content: String,
    /// Margin gained by a new item over as many exposures as in the last 30 days, less what a new one costs.
    pub gain: Valued,
    /// What a new one costs.
    pub cost: f64,
    /// Exposures in the last 30 days, whether or not their time was over.
    pub exposures: u64,
    /// The gain is above zero, not by chance.
    pub retire: bool,
}

/// What would be lost without items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DropOneFinding {
    /// Decisions with a probability, candidates, and an outcome that is known.
    pub decisions: u64,
    /// Exposures that are not such decisions, by the reason. No value speaks for them.
    pub left_out: Vec<NotCounted>,
    /// The mean outcome of a decision: from the exposure until the customer's next one, at most within the time of the
    /// outcome, in equal parts where there are several at once. `decisions mean` is no more than the data hold.
    pub mean: Option<f64>,
    /// Items, the most valuable first.
    pub items: Vec<DroppedItem>,
    /// Items that were not looked at, because others were shown more often.
    pub items_left_out: u64,
    pub refusal: Option<Refusal>,
}

/// What would be lost without an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DroppedItem {
    pub content: String,
    /// Decisions for which it was a candidate.
    pub decisions: u64,
    /// How often it was chosen.
    pub chosen: u64,
    /// Outcome a decision that is lost if its chances go to the others in proportion, over all decisions. It is learned from
    /// those for which the item was a candidate.
    pub value: Option<Valued>,
    /// The effective number of these decisions that say what would come in its place.
    pub effective: Option<f64>,
    /// From how many customers the value comes in effect: the fewest of those behind the decisions, the choices of the item
    /// and of others, and what either brought, where a few more of it would change the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_customers: Option<f64>,
    pub refusal: Option<Refusal>,
}
