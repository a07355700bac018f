//! The finding of a programme: what many experiments say, one by one and together.

use catalog::Multiplicity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audience::{NotCounted, Outcome, Pair};
use crate::{Provenance, Reason, Refusal};

/// What experiments say of which only summaries are known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProgrammeFinding {
    /// The name and version of this format.
    pub format: String,
    /// The name of the summaries in the catalog.
    pub programme: String,
    pub description: Option<String>,
    /// The false-positive rate of each test; intervals have level 1 - alpha.
    pub alpha: f64,
    /// How the number of comparisons is allowed for where effects count as found.
    pub multiplicity: Multiplicity,
    pub extent: Extent,
    /// Each metric over all experiments.
    pub metrics: Vec<MetricFinding>,
    pub sample_ratios: SampleRatios,
    /// What was refused, and why.
    pub refused: Vec<Refused>,
    /// Each experiment, in the order of their names.
    pub experiments: Vec<ExperimentFinding>,
    pub provenance: Provenance,
}

impl ProgrammeFinding {
    /// The name and version of the format.
    pub const FORMAT: &'static str = "touchstone.programme/1";

    /// The experiment of this name.
    pub fn experiment(&self, name: &str) -> Option<&ExperimentFinding> {
        self.experiments
            .iter()
            .find(|finding| finding.experiment == name)
    }

    /// The metric of this name.
    pub fn metric(&self, name: &str) -> Option<&MetricFinding> {
        self.metrics.iter().find(|finding| finding.metric == name)
    }
}

/// How much there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Extent {
    pub rows: u64,
    /// Rows that belong to no experiment, and why.
    pub rows_left_out: Vec<NotCounted>,
    pub experiments: u64,
    /// Arms of all experiments, the reference arms too.
    pub arms: u64,
    /// Customers of all arms at the last look.
    pub customers: u64,
    /// Metrics of arms that are compared.
    pub comparisons: u64,
    /// Comparisons at single times.
    pub looks: u64,
    /// Looks at which nothing can be said, and why.
    pub looks_left_out: Vec<NotCounted>,
    /// Experiments whose rows lie in several periods. They count in the first.
    pub in_several_periods: u64,
}

/// Comparisons that give no number for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refused {
    /// The kind of reason, for programs.
    pub reason: Reason,
    /// What was found, in words.
    pub what: String,
    /// Experiments with such comparisons.
    pub experiments: u64,
    pub comparisons: u64,
}

/// One metric over all experiments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricFinding {
    pub metric: String,
    pub comparisons: u64,
    /// Comparisons without a number.
    pub refused: u64,
    pub significant: Significant,
    /// Those that count as found by the declared multiplicity: the arm has more, or less.
    pub found: Direction,
    /// What watching would have said, over comparisons with several looks.
    pub watched: Option<Watching>,
    /// How much relative effects differ between experiments: a prior for the next.
    pub prior: Option<Prior>,
    /// Why there is no prior.
    pub prior_refusal: Option<Refusal>,
    /// Effects that have no place on the relative scale, because the mean of what they are compared with is not clearly
    /// above zero, or that of the arm not above it. They are not among those that the prior is learned from.
    pub not_relative: u64,
    /// The relative effects that were found to be positive, and what is left of them without the winner's curse.
    pub winners: Option<Winners>,
}

/// How many comparisons have a p-value below alpha.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Significant {
    /// Each test standing alone.
    pub alone: u64,
    /// Adjusted after Holm over the comparisons of the metric.
    pub holm: u64,
    /// Adjusted after Benjamini and Hochberg over the comparisons of the metric.
    pub benjamini_hochberg: u64,
}

/// Effects by their sign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Direction {
    pub more: u64,
    pub less: u64,
}

/// What ways of watching would have said of comparisons with several looks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Watching {
    /// Comparisons with at least two looks.
    pub comparisons: u64,
    /// Those with p < alpha at the last look.
    pub at_the_end: u64,
    /// Those with p < alpha at any look, which is no valid test.
    pub at_any_look: u64,
    /// The confidence sequence.
    pub anytime: Watched,
    pub group_sequential: Watched,
    /// The confidence sequence with a calibrated last look.
    pub hybrid: Watched,
    /// Found by the e-values of the confidence sequence at the last look (e-BH), with a share of at most alpha false on
    /// average, whatever the dependence.
    pub e_benjamini_hochberg: u64,
}

/// What one way of watching would have said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Watched {
    /// Comparisons that it decides at some look.
    pub decided: u64,
    /// Those of them that it decides before the last look.
    pub early: u64,
    /// Those of them whose effect at the last look has the other sign.
    pub reversed: u64,
    /// Those of them for which the test at the last look has p >= alpha.
    pub not_at_the_end: u64,
    /// The median of the information fractions at which it decides.
    pub median_fraction: Option<f64>,
}

/// How much relative effects differ between experiments: `ln(mean of the arm / mean of what it is compared with)`, for
/// small effects the relative effect itself, 0.01 for one per cent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Prior {
    /// Comparisons that it is learned from, those without an effect too.
    pub comparisons: u64,
    /// The mean of the effects.
    pub mean: f64,
    /// The standard deviation of what is known of that mean.
    pub mean_sd: f64,
    /// The standard deviation of the effects.
    pub tau: f64,
    pub tau_low: f64,
    pub tau_high: f64,
    /// The standard deviation of the next experiment's effect: tau, and what the past leaves open.
    pub predictive_sd: f64,
}

/// The effects that were found to be positive, on the scale of [`Prior`], and what is left of them without the
/// winner's curse.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Winners {
    pub selected: u64,
    /// The sum of the estimates, which is too large on average.
    pub naive: f64,
    /// The sum of what is believed of these effects, given all estimates.
    pub corrected: f64,
    pub corrected_se: f64,
}

/// Whether arms are as large as planned.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SampleRatios {
    /// The probability below which arms' sizes are no chance.
    pub alarm: f64,
    #[serde(flatten)]
    pub all: RatioCounts,
    /// Experiments that fail at some look by the test that may be made at every look; none without several looks.
    pub failed_at_some_look: Option<u64>,
    /// Experiments whose sizes cannot be tested.
    pub untested: u64,
    /// By period, in their order.
    pub periods: Vec<PeriodRatio>,
    /// Unbroken runs of faulty periods.
    pub stretches: Vec<Stretch>,
    /// All other periods together; none without periods.
    pub elsewhere: Option<RatioCounts>,
}

/// How many experiments have arms of sizes that chance does not explain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RatioCounts {
    pub tested: u64,
    pub failed: u64,
}

/// The sizes of arms in one period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PeriodRatio {
    pub period: String,
    pub experiments: u64,
    #[serde(flatten)]
    pub counts: RatioCounts,
    /// The probability of so many failures or more, if all is well.
    pub p_value: f64,
    pub ln_p: f64,
    /// Whether that probability, adjusted after Holm over the periods, is below the alarm: nothing that ran in this
    /// period can be trusted.
    pub faulty: bool,
}

/// An unbroken run of faulty periods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stretch {
    pub first: String,
    pub last: String,
    pub periods: u64,
    pub experiments: u64,
    #[serde(flatten)]
    pub counts: RatioCounts,
}

/// What one experiment says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExperimentFinding {
    pub experiment: String,
    /// The first period in which it ran.
    pub period: Option<String>,
    /// Customers of each arm at the last look.
    pub arms: Vec<ArmSize>,
    pub sample_ratio: Option<RatioFinding>,
    /// Set where nothing can rest on the experiment.
    pub refusal: Option<Refusal>,
    /// Whether any arm differs from another, where there are three and more.
    pub omnibus: Vec<OmnibusFinding>,
    pub comparisons: Vec<SummaryComparison>,
    /// For each metric the arm of which most is to be expected.
    pub best: Vec<BestArm>,
}

impl ExperimentFinding {
    /// The comparison of one metric for one arm.
    pub fn comparison(&self, metric: &str, arm: &str) -> Option<&SummaryComparison> {
        self.comparisons
            .iter()
            .find(|comparison| comparison.metric == metric && comparison.arm == arm)
    }
}

/// The size of an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmSize {
    pub name: String,
    pub customers: u64,
    /// The share that it should have; none where the catalog declares shares, but not its.
    pub expected_share: Option<f64>,
}

/// The test of the arms' sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RatioFinding {
    /// The probability of sizes at least this far from the plan, at the last look.
    pub p_value: f64,
    pub ln_p: f64,
    /// The probability that holds over all looks; none with one look.
    pub anytime_p: Option<f64>,
    /// The first look at which that one gives the alarm.
    pub first_alarm: Option<String>,
}

/// Whether any arm differs from another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OmnibusFinding {
    pub metric: String,
    pub p_value: Option<f64>,
    pub ln_p: Option<f64>,
    pub refusal: Option<Refusal>,
}

/// One metric of one arm against what it is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SummaryComparison {
    pub metric: String,
    pub arm: String,
    /// An arm, or `others`: all other arms together.
    pub against: String,
    /// Customers at the last look.
    pub n: Option<Pair<u64>>,
    pub mean: Option<Pair<f64>>,
    /// At the last look, the test that decides.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The p-value adjusted for the comparisons of the metric, after Holm.
    pub holm_p: Option<f64>,
    /// The same after Benjamini and Hochberg.
    pub benjamini_hochberg_p: Option<f64>,
    /// Whether it counts as found by the declared multiplicity.
    pub found: bool,
    /// What is believed of the relative effect, given all experiments.
    pub shrunk: Option<Shrunk>,
    /// What watching it would have said.
    pub watch: Option<Watch>,
}

/// What is believed of a relative effect, given all experiments of the programme: its median and interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shrunk {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

/// The arm of which most is to be expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BestArm {
    pub metric: String,
    pub arm: String,
    /// Its observed relative effect.
    pub observed: f64,
    /// What is believed of it.
    pub expected: Shrunk,
}

/// What ways of watching say of a comparison over its looks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Watch {
    /// Looks that are used.
    pub looks: u64,
    /// The information fraction at the last look; 1 is the planned end.
    pub fraction: f64,
    /// The first look at which an ordinary p-value is below alpha, which is no valid test.
    pub peeking: Option<Decided>,
    /// The first look at which the confidence sequence decides.
    pub anytime: Option<Decided>,
    /// The natural logarithm of the smallest probability of the confidence sequence at any look.
    pub anytime_ln_p: f64,
    /// The first look at which the group sequential test decides.
    pub group_sequential: Option<Decided>,
    /// The first look at which the calibrated hybrid decides.
    pub hybrid: Option<Decided>,
    /// The effect corrected for having stopped where the hybrid decides.
    pub corrected: Option<Corrected>,
}

/// A look that decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decided {
    /// Its time, as the data write it.
    pub time: String,
    /// Its information fraction.
    pub fraction: f64,
    /// Whether the arm has more, or less.
    pub more: bool,
}

/// A median-unbiased estimate after stopping, with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Corrected {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
}
