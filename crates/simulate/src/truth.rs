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
/// (purchase rate, time of death, mean order value, individual response) and given what all other experiments
/// actually do to the customer. Orders and visits are Poisson processes with piecewise constant rates, so it has a
/// closed form and no simulation error. An experiment's effect is the mean of this over all customers who count, of
/// all arms. It is the average treatment effect of those very customers. A difference of the arms' observed
/// means estimates it without bias; a confidence interval that treats customers as sampled from a larger population
/// covers it at least as often as it says.
///
/// **Who counts.** Customers who were assigned, were exposed, and count once, in the arm that they were first assigned
/// to. The arm on record first is the one that they were given.
///
/// **Ratios.** The mean of a ratio metric under an arm is the ratio of the expected sums over customers, and
/// the effect is the difference of two such ratios.
///
/// **The programme.** The experiment `universal-holdout` compares, over the second year, everything that the
/// company does with nothing of it. A held-out customer's effect rests on the arms that they would have been assigned to.
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
    pub faults: FaultsTruth,
}

/// How many customers are in an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmTruth {
    pub name: String,
    /// First assigned to it.
    pub assigned: u64,
    /// Of those, exposed: the customers that count.
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
    /// With a share of revenue: of what the arm's customers actually paid within the metric's window.
    pub amount: f64,
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
