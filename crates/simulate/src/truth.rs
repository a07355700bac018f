//! What is true of a simulated company: the content of `truth.json`.

use std::fs;
use std::path::Path;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::SimulateError;
use crate::population::Population;

/// What is true of a simulated company.
///
/// **Effects.** For a customer who counts in an experiment let `Y(a)` be a metric's value under arm `a`. The customer's
/// true effect of `a` against the reference arm `r` is `E[Y(a) - Y(r)]` given all that is latent in the customer
/// (purchase rate, lifetime without effects, mean order value, individual response) and given what all other experiments
/// actually do to the customer. Orders and visits are Poisson processes with piecewise constant rates, so it has a
/// closed form and no simulation error. An experiment's effect is the mean of this over all customers who count, of
/// all arms. It is the average treatment effect of those very customers. A difference of the arms' observed
/// means estimates it without bias; a confidence interval that treats customers as sampled from a larger population
/// covers it at least as often as it says.
///
/// **Who counts.** Customers who were assigned, were exposed, whose window lies within the data, and count once, in the arm
/// that they were first assigned to. The arm on record first is the one that they were given.
///
/// **Ratios.** The mean of a ratio metric under an arm is the ratio of the expected sums over customers, and
/// the effect is the difference of two such ratios.
///
/// **The programme.** The experiment `universal-holdout` compares, over the second year, everything that the
/// company does, but for the experiment that lasts from joining, with nothing of it. A held-out customer's effect rests on
/// the arms that they would have been assigned to. The experiment that lasts, `welcome-programme`, goes on in and out of the
/// holdout: to all other experiments it is one of those that actually do something to the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    /// Of this structure.
    pub version: u32,
    pub customers: u64,
    pub seed: u64,
    pub start: Date,
    /// The length of the data.
    pub days: u32,
    /// The contribution margin on revenue.
    pub margin: f64,
    pub population: Population,
    pub experiments: Vec<ExperimentTruth>,
    pub initiatives: Vec<InitiativeTruth>,
    /// Of the experiments that last from joining.
    pub lifetimes: Vec<LifetimeTruth>,
    pub content: ContentTruth,
}

/// What is true of one experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentTruth {
    pub name: String,
    /// The reference first.
    pub arms: Vec<ArmTruth>,
    /// Of every arm but the reference, for every metric.
    pub effects: Vec<EffectTruth>,
    /// The same within the groups that an attribute makes.
    pub segments: Vec<SegmentTruth>,
    /// Where arms are the combinations of factors: what each factor contributes.
    pub shares: Vec<ShareTruth>,
    pub faults: FaultsTruth,
}

/// How many customers are in an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmTruth {
    pub name: String,
    /// First assigned to it.
    pub assigned: u64,
    /// Of those, exposed so late that the window reaches beyond the data.
    pub not_matured: u64,
    /// Of those, exposed and matured: the customers that count.
    pub counted: u64,
}

/// The true effect of an arm on a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectTruth {
    pub arm: String,
    pub reference: String,
    pub metric: String,
    /// The expected mean under the arm, over the customers of all arms.
    pub mean: f64,
    /// The expected mean under the reference, over the same customers.
    pub reference_mean: f64,
    /// `mean - reference_mean`.
    pub effect: f64,
    /// `effect / reference_mean`; none where the reference's mean is 0.
    pub relative: Option<f64>,
    /// The sum of the effects on the customers who count in the arm itself: what the arm brought. None for ratios.
    pub total: Option<f64>,
}

/// The true effects within one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentTruth {
    /// A column of the assignments.
    pub column: String,
    pub value: String,
    /// Customers of all arms that count.
    pub customers: u64,
    pub effects: Vec<EffectTruth>,
}

/// What a factor contributes to the effect of the arm that has the second level of all factors against the reference, which
/// has the first: its Shapley value over the arms' means. Over the factors they sum to the effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareTruth {
    pub factor: String,
    pub metric: String,
    pub share: f64,
}

/// How many of an experiment's records are faulty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultsTruth {
    /// Assignments that are on record twice, alike.
    pub duplicated_assignments: u64,
    /// Customers with a later assignment to a second arm, who were given the first all the same.
    pub several_arms: u64,
    /// Customers without an engagement score.
    pub missing_engagement: u64,
    /// Customers assigned but never exposed.
    pub never_exposed: u64,
    /// Customers with a second, later exposure.
    pub repeated_exposures: u64,
}

/// What an initiative brought and cost, in the arm that showed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitiativeTruth {
    pub name: String,
    pub experiment: String,
    pub arm: String,
    /// Customers who count in the arm.
    pub customers: u64,
    pub touches: u64,
    /// The sum of the true effects on these customers' revenue.
    pub revenue: f64,
    /// `revenue` times the margin.
    pub increment: f64,
    pub costs: Vec<CostTruth>,
    /// The sum of the costs.
    pub cost: f64,
    /// `increment - cost`.
    pub net: f64,
    /// `net / cost`; none without cost.
    pub roi: Option<f64>,
}

/// What one cost came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostTruth {
    pub name: String,
    /// With a share of revenue: of what the arm's customers actually paid within the metric's window. With an amount for each
    /// customer: of all who were exposed, matured or not.
    pub amount: f64,
}

/// What customers are worth in their first years in the arms of an experiment that lasts from joining.
///
/// All numbers are means over `customers`, each customer's an expectation given their rates (purchases, leaving) and mean
/// order value, under each arm. Times of death are averaged over, and so is the calendar: its factor is 1. What is rolled
/// out to a customer is at work for good; the effects of other experiments, four weeks each, are left out. The first
/// order, which makes a customer one, is the same in all arms and is not counted. With order rate λ, hazard μ and discount
/// δ constant over the days from `a` to `b` after joining, what is expected of a customer who is alive at `a` is
/// `λ (exp(-δ a) - exp(-δ b - μ (b - a))) / (μ + δ)` orders, so that there is no simulation error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifetimeTruth {
    pub experiment: String,
    /// Customers of all arms, whenever they joined within the data.
    pub customers: u64,
    /// Money of a year later is worth `1 / (1 + discount_rate)`; discounted is to the day of joining.
    pub discount_rate: f64,
    /// Of a year.
    pub days_per_year: f64,
    /// Of every arm.
    pub values: Vec<LifetimeValueTruth>,
    /// Of every arm but the reference.
    pub differences: Vec<LifetimeDifferenceTruth>,
    /// Of every arm but the reference.
    pub splits: Vec<LifetimeSplitTruth>,
}

/// What becomes of an arm's effect after the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Estimand {
    /// It lasts.
    StaysOn,
    /// It ends with the data; customers keep what they are by then.
    Stops,
}

/// Expected orders and margin per customer, before what the arm costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worth {
    pub orders: f64,
    pub discounted_orders: f64,
    pub margin: f64,
    pub discounted_margin: f64,
}

/// What customers are worth in an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifetimeValueTruth {
    pub arm: String,
    pub estimand: Estimand,
    /// From joining.
    pub years: u32,
    pub worth: Worth,
}

/// What customers are worth more in an arm than in the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifetimeDifferenceTruth {
    pub arm: String,
    pub reference: String,
    pub estimand: Estimand,
    /// From joining.
    pub years: u32,
    pub worth: Worth,
}

/// The difference that stays on, by what the arm changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifetimeSplitTruth {
    pub arm: String,
    pub reference: String,
    /// From joining.
    pub years: u32,
    pub margin: Split,
    pub discounted_margin: Split,
}

/// A difference as the sum of what three effects add, each the mean over the six orders in which they can be switched on
/// (the Shapley value).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Customers order more often while they stay.
    pub often: f64,
    /// Customers stay longer.
    pub longer: f64,
    /// Orders are larger.
    pub larger: f64,
}

/// What is true of clicks on content.
///
/// A customer who sees a piece for the k-th time, over all channels, clicks on it with probability `p rho^(k - 1)`; `p` is by
/// content and channel, `rho` by content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentTruth {
    /// By content and channel in which it was shown.
    pub clicks: Vec<ClickTruth>,
    /// Choices among several pieces of content.
    pub choices: u64,
    /// The expected share of clicks on what they chose.
    pub rate: Option<f64>,
    /// What each piece is worth to these choices.
    pub dropped: Vec<DroppedTruth>,
}

/// What is true of clicks on a piece of content in a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClickTruth {
    pub content: String,
    pub channel: String,
    /// `p`: the probability of a click at first sight.
    pub rate: f64,
    /// `rho`: the factor on it with each further time.
    pub fatigue: f64,
    pub touches: u64,
    /// Customers to whom it was shown there.
    pub customers: u64,
    /// The mean over them of the probability of a click the first time there; `rate` but for those who had seen it in another
    /// channel before.
    pub rate_at_first_meeting: f64,
}

/// What is lost without a piece of content, whose chances go to the other candidates in proportion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DroppedTruth {
    pub content: String,
    /// Choices for which it was a candidate.
    pub choices: u64,
    /// Clicks lost, over all choices, of that one choice: what customers have seen before is as it was.
    pub loss: f64,
}

impl Truth {
    /// The file that holds it, in the project's folder.
    pub const FILE: &str = "truth.json";

    /// Reads `truth.json`.
    ///
    /// # Errors
    ///
    /// [`SimulateError::Io`] where the file cannot be read, [`SimulateError::Truth`] where it holds something else.
    pub fn read(path: &Path) -> Result<Self, SimulateError> {
        let text = fs::read_to_string(path).map_err(SimulateError::io(path))?;
        serde_json::from_str(&text).map_err(|source| SimulateError::Truth {
            path: path.to_owned(),
            source,
        })
    }

    /// The experiment of this name.
    #[must_use]
    pub fn experiment(&self, name: &str) -> Option<&ExperimentTruth> {
        self.experiments
            .iter()
            .find(|experiment| experiment.name == name)
    }

    /// What customers are worth in the arms of this experiment.
    #[must_use]
    pub fn lifetime(&self, experiment: &str) -> Option<&LifetimeTruth> {
        self.lifetimes
            .iter()
            .find(|lifetime| lifetime.experiment == experiment)
    }

    /// The initiative of this name.
    #[must_use]
    pub fn initiative(&self, name: &str) -> Option<&InitiativeTruth> {
        self.initiatives
            .iter()
            .find(|initiative| initiative.name == name)
    }
}

impl ExperimentTruth {
    /// The true effect of `arm` on `metric`, over all customers who count.
    #[must_use]
    pub fn effect(&self, arm: &str, metric: &str) -> Option<&EffectTruth> {
        self.effects
            .iter()
            .find(|effect| effect.arm == arm && effect.metric == metric)
    }
}

impl LifetimeTruth {
    /// What customers are worth more in `arm` than in the reference, in their first `years`.
    #[must_use]
    pub fn difference(&self, arm: &str, estimand: Estimand, years: u32) -> Option<&Worth> {
        self.differences
            .iter()
            .find(|d| d.arm == arm && d.estimand == estimand && d.years == years)
            .map(|difference| &difference.worth)
    }
}
