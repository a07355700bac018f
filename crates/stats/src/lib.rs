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
//! | what may be said while the data come in? | [`sequential::Monitor`] |
//! | how large must a test be, and how long must it run? | [`design`] |
//! | were customers split as planned, and where not? | [`sample_ratio`](mod@sample_ratio) |
//! | were the arms alike before? | [`balance`](mod@balance) |
//! | does a mean differ when households or shops were randomized? | [`clusters`] |
//! | what if customers are seen in several arms, or outcomes are missing? | [`exposure_bounds`] |
//! | how sure is it that an effect exceeds a threshold? | [`probability_above`] |
//! | what to believe of an effect, given a prior? | [`bayes`] |
//! | do effects differ between segments, or the means of several arms? | [`heterogeneity`](mod@heterogeneity) |
//! | what is each segment's effect, what did all winners bring, what do past experiments say of the next? | [`shrink`] |
//! | what is the rate of each of many items, the rarely shown ones too? | [`rates`] |
//! | what is the mean of each cell of a table, and what moves it? | [`crossed`] |
//! | which of many items are best? | [`ranking`] |
//! | what would be lost without an item? | [`off_policy`] |
//! | does an item wear out, and when to retire it? | [`fatigue`] |
//! | what will a treatment have brought in the long run, by its early outcomes? | [`surrogate`] |
//! | what did a treatment bring that began at different times, without randomization? | [`staggered`](mod@staggered) |
//! | which combinations of components to test? | [`fraction`] |
//! | what is choosing a component by segment worth? | [`personalizing`] |
//! | do two experiments disturb each other? | [`interaction`](mod@interaction) |
//! | is a metric not worse by a margin, or the same within margins? | [`equivalence`] |
//! | what do many tests show together? | [`multiplicity`] |
//! | how large are many effects together? | [`simultaneous`] |
//! | ship or not? | [`decision`] |
//! | does a quantile differ, of customers or of their events? | [`quantile`] |
//! | does one arm tend to have larger values? | [`ranks`] |
//! | does a mean differ, but for a few extreme customers? | [`robust`] |
//! | does a mean, ratio or share differ, over strata? | [`strata`] |
//! | what do those whom the treatment could reach say of all? | [`trigger`] |
//! | is it the content or the targeting? | [`decomposition`] |
//! | does the effect fade or grow with the days? | [`wear`] |
//! | what is to be expected of a customer, by what is known before? | [`boosting`] |
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
mod quadrature;
mod random_effects;
mod ratio;
mod regression;
mod root;
mod score;
mod share;
mod share_interval;

pub mod balance;
pub mod bayes;
pub mod boosting;
pub mod clusters;
pub mod crossed;
pub mod decision;
pub mod decomposition;
pub mod design;
pub mod equivalence;
pub mod exposure_bounds;
pub mod fatigue;
pub mod fraction;
pub mod heterogeneity;
pub mod interaction;
pub mod moments;
pub mod multiplicity;
pub mod off_policy;
pub mod omnibus;
pub mod personalizing;
pub mod quantile;
pub mod random;
pub mod ranking;
pub mod ranks;
pub mod rates;
pub mod robust;
pub mod sample_ratio;
pub mod sequential;
pub mod shrink;
pub mod simultaneous;
pub mod special;
pub mod staggered;
pub mod strata;
pub mod surrogate;
pub mod tail;
pub mod trigger;
pub mod uniformity;
pub mod wear;

pub use adjust::{
    AdjustedLift, AdjustmentHealth, ArmHealth, ArmMoments, CovariateHealth, DropReason, Dropped,
    adjusted_lift,
};
pub use cuped::{Cuped, cuped, cuped_with};
pub use error::{Arm, NotEstimable, Number, Unestimable};
pub use exact::{binomial_two_sided, fisher};
pub use fieller::{Ratio, ratio_of_estimates};
pub use lift::{Contrast, Estimate, Lift, Method, Relative, probability_above, satterthwaite};
pub use mean::{Sample, lift_of_means};
pub use pooled::barnard;
pub use ratio::{RatioMoments, RatioSample, adjusted_ratio_lift, lift_of_ratios};
pub use regression::{LeastSquares, Noise, RegressionError, Slopes, regression};
pub use sample_ratio::{SampleRatio, SampleRatioError, SampleRatioMethod, sample_ratio};
pub use share::{Counts, FEWEST_FOR_WELCH, lift_of_shares};
pub use share_interval::{agresti_caffo, clopper_pearson, newcombe, wilson};
pub use tail::TailProbability;
