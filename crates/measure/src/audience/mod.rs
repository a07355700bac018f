//! What an audience does differently because of what it is shown.

mod arms;
mod bayes;
mod by_day;
mod caps;
mod cells;
mod checks;
mod cluster;
mod codes;
mod compare;
mod daily;
mod decision;
mod decomposition;
mod design;
mod finding;
mod funnel;
mod groups;
mod history;
mod interactions;
mod learned;
pub mod lifetime;
pub(crate) mod lift;
mod maturity;
mod multiplicity;
mod omnibus;
mod overlaps;
mod plan;
mod planned;
mod quantiles;
pub(crate) mod query;
mod replay;
mod segments;
mod spread;
mod strata;
pub mod summaries;
mod tally;
pub(crate) mod times;
mod together;
mod trigger;
mod trust;

pub(crate) use arms::ArmValues;
pub use arms::{FactorEffect, FactorInteraction, FactorsFinding, PooledFinding};
pub use bayes::{BayesFinding, Belief, ExactBelief, PriorFinding};
pub use by_day::{ByDay, Change, DayEffect, Says};
pub use checks::Depth;
pub(crate) use checks::{READ_ONCE, of_duplicates};
pub use cluster::{ClusteredMetric, ClustersFinding};
pub(crate) use compare::verdict;
pub use decision::{ArmDecision, Decision, DecisionReason, DecisionReasonKind, GuardrailFinding};
pub use decomposition::DecompositionFinding;
pub use design::{
    ArmShare, Assumptions, Baseline, DesignFinding, RollFinding, RunningCost, Size, Week, design,
    design_of,
};
pub use finding::{
    Adjusted, ArmFinding, CapFinding, Check, CheckKind, Comparison, Covariate, Customers, Estimate,
    FunnelStep, LiftFinding, Maturity, NotCounted, Outcome, Pair, Period, Relative, SecondLook,
    SecondOpinion, SegmentFinding, SegmentHeterogeneity, SegmentValue, Severity, Shrunk,
    Stratified, Touches, Verdict,
};
pub(crate) use interactions::interaction_of;
pub use interactions::{AssignmentFinding, InteractionFinding, MetricInteraction, interactions};
pub use learned::{LearnedFeature, LearnedFinding, LearnedGain};
pub use lifetime::{LifetimeFinding, lifetime, lifetime_with_values};
pub(crate) use lift::lift_and;
pub use lift::{SAMPLE_RATIO_ALARM, lift, lift_at_depth};
pub use omnibus::ArmsOmnibus;
pub use overlaps::{MOST_PAIRS, Overlap, OverlapEffect, OverlapRefused, OverlapsFinding, overlaps};
pub use planned::{
    Look, Looking, LookingDecision, LookingState, PlanDeviation, PlanFinding, PlanInformation,
    PlanInformationBy, PlanRemaining, StoppedEffect,
};
pub use replay::{FEWEST_SPLITS, MOST_SPLITS, ReplayFinding, ReplayMetric, ReplayVerdict, replay};
pub use summaries::{ProgrammeFinding, programme};
pub use together::{AmongOthers, CombinedEffect, Simultaneous, Together};
pub(crate) use together::{Rule, as_sample, good_sign, outcome_of};
pub use trigger::TriggerFinding;
pub use trust::{
    AttritionBounds, Balance, CovariateBalance, EffectBounds, FactRows, Health, PhaseSplit,
    SeveralArms, SeveralArmsSensitivity, Split, Suspect, Trust,
};
