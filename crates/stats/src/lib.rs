//! The mathematics of evidence: numbers in, numbers out.
//!
//! Every function takes sufficient statistics (counts, means, variances,
//! covariances) and returns an effect with its interval and its probability, or
//! a typed reason why there is none. Two rules hold throughout:
//!
//! * **No verdict contradicts another.** Intervals invert the test that gives
//!   the probability, so an interval excludes zero exactly when `p < alpha`, and
//!   the relative interval excludes zero exactly when the absolute one does.
//! * **No probability underflows.** A [`TailProbability`] carries `ln p` beside
//!   `p`.
//!
//! | question | function |
//! | --- | --- |
//! | does a mean differ? | [`lift_of_means`] |
//! | does a share of customers differ? | [`lift_of_shares`] |
//! | does a ratio of two means differ? | [`lift_of_ratios`] |
//! | does a mean differ, given what was known before? | [`adjusted_lift`] |
//! | were customers split as planned? | [`sample_ratio`] |
//! | how sure is it that an effect exceeds a threshold? | [`probability_above`] |

mod adjust;
mod cholesky;
mod error;
mod exact;
mod fieller;
mod lift;
mod mean;
mod ratio;
mod root;
mod sample_ratio;
mod score;
mod share;

pub mod moments;
pub mod special;
pub mod tail;
pub mod uniformity;

pub use adjust::{AdjustedLift, ArmMoments, DropReason, Dropped, adjusted_lift};
pub use error::{Arm, NotEstimable, Unestimable};
pub use exact::{binomial_two_sided, clopper_pearson, fisher, wilson};
pub use fieller::{Ratio, ratio_of_estimates};
pub use lift::{Contrast, Estimate, Lift, Method, Relative, probability_above};
pub use mean::{Sample, lift_of_means};
pub use ratio::{RatioSample, lift_of_ratios};
pub use sample_ratio::{SampleRatio, SampleRatioError, SampleRatioMethod, sample_ratio};
pub use share::{Counts, FEWEST_FOR_WELCH, lift_of_shares};
pub use tail::TailProbability;
