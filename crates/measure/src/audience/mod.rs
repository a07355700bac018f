//! What an audience does differently because of what it is shown.

mod checks;
mod compare;
mod finding;
mod lift;
mod plan;
mod query;
mod tally;
mod times;

pub use finding::{
    Adjusted, ArmFinding, Check, CheckKind, Comparison, Covariate, Customers, Estimate,
    LiftFinding, NotCounted, Outcome, Pair, Period, Relative, SegmentFinding, SegmentValue,
    Severity, Touches, Verdict,
};
pub use lift::{SAMPLE_RATIO_ALARM, lift};
