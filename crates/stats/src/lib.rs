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
//! | does a ratio differ, given what was known before? | [`adjusted_ratio_lift`] |
//! | were customers split as planned? | [`sample_ratio`] |
//! | how sure is it that an effect exceeds a threshold? | [`probability_above`] |
//!
//! Other methods in use stand beside these to compare with, and follow the second
//! rule only: [`fisher`], [`barnard`], [`wilson`], [`clopper_pearson`], [`newcombe`]
//! and [`agresti_caffo`] for shares, [`cuped`] and [`regression`] for adjusted means.

mod adjust;
mod cholesky;
mod counts;
mod cuped;
mod error;
mod exact;
mod fieller;
mod lift;
mod mean;
mod pooled;
mod ratio;
mod regression;
mod root;
mod sample_ratio;
mod score;
mod share;
mod share_interval;

pub mod moments;
pub mod special;
pub mod tail;
pub mod uniformity;

pub use adjust::{AdjustedLift, ArmMoments, DropReason, Dropped, adjusted_lift};
pub use cuped::{Cuped, cuped, cuped_with};
pub use error::{Arm, NotEstimable, Unestimable};
pub use exact::{binomial_two_sided, fisher};
pub use fieller::{Ratio, ratio_of_estimates};
pub use lift::{Contrast, Estimate, Lift, Method, Relative, probability_above};
pub use mean::{Sample, lift_of_means};
pub use pooled::barnard;
pub use ratio::{RatioMoments, RatioSample, adjusted_ratio_lift, lift_of_ratios};
pub use regression::{LeastSquares, Noise, RegressionError, Slopes, regression};
pub use sample_ratio::{SampleRatio, SampleRatioError, SampleRatioMethod, sample_ratio};
pub use share::{Counts, FEWEST_FOR_WELCH, lift_of_shares};
pub use share_interval::{agresti_caffo, clopper_pearson, newcombe, wilson};
pub use tail::TailProbability;
