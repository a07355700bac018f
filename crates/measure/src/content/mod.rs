//! What each channel, piece of content and touch contributes.

mod credit;
mod exports;
mod factorial;
mod performance;
pub(crate) mod touches;

pub use credit::{
    AttributionCheck, AttributionCheckKind, AttributionFinding, Calibrated, CalibrationFactor,
    CalibrationFinding, CreditEstimate, CreditFinding, CreditModel, CreditTotals, EvidenceGrade,
    FlowFinding, FlowNode, FlowStep, JourneyCounts, KeyFinding, LifetimeCreditEstimate,
    LifetimeCreditFinding, LifetimeModelFinding, MarkovFinding, MarkovOrder, ModelCalibration,
    ModelFinding, PathFinding, RankedBy, Ranks, Spread, TestedChannel, UnansweredFactorial,
    attribution,
};
pub use factorial::{
    AddsUp, Aliases, Answer, CellMean, ChannelOrder, ChannelShare, ChannelsFinding,
    ChoiceBySegment, CombinationFinding, CreditedChannel, DesignOfCells, DesignOption,
    DetectableEffects, EffectOfValue, EvidenceLadder, EvidenceRow, FactorBySegment, FactorLevels,
    FactorialFinding, FactorsTogether, LadderStep, LevelBySegment, LevelEffect, factorial,
};
pub use performance::{
    Believed, CapArm, CapStep, CapsFinding, CellFinding, ComponentTest, ComponentsFinding,
    ConsistencyFinding, ContentPart, ContextFinding, CostFinding, DropOneFinding, DroppedItem,
    Extent as PerformanceExtent, FatigueFinding, FatiguePoint, ItemFinding, NotValid, PartSpread,
    PerformanceFinding, PersonalizingFinding, PersonalizingSegment, PortfolioFinding,
    RetireFinding, ReuseFinding, Untested, Valued, VariantCount, WearEvidence, performance,
};
