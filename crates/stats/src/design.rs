//! How large a test has to be.
//!
//! * [`Design`]: power, minimum detectable effect and required customers of a test
//!   with given error rates, before it starts and while it runs.
//! * [`TestAndRoll`]: the test sizes that earn most when a test is followed by giving
//!   everybody the better arm, with no error rate to choose.

mod error;
mod noncentral_t;
mod power;
mod roll;

pub use error::DesignError;
pub use noncentral_t::noncentral_t_upper;
pub use power::{
    Clustering, CurvePoint, Design, DetectableEffect, Effect, Outcome, Reference, Sides, Split,
};
pub use roll::{ArmPrior, Roll, TestAndRoll, TestSizes};
