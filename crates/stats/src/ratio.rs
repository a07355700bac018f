//! Two ratios of means, such as revenue per order.

use crate::adjust::{AdjustedLift, ArmMoments, adjusted};
use crate::error::{Arm, Unestimable, check_alpha, check_finite, check_variance};
use crate::lift::{Lift, Method};
use crate::mean::{Sample, lift_of_samples};
use crate::tail;

/// What a test of a ratio metric needs to know of one arm: the numerator and the
/// denominator of every customer, summarised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatioSample {
    /// Number of customers (the randomized units, not the denominator's events).
    pub n: u64,
    /// Mean of the numerator.
    pub numerator_mean: f64,
    /// Mean of the denominator.
    pub denominator_mean: f64,
    /// Variance of the numerator, divisor `n - 1`.
    pub numerator_variance: f64,
    /// Variance of the denominator, divisor `n - 1`.
    pub denominator_variance: f64,
    /// Covariance of the two, divisor `n - 1`.
    pub covariance: f64,
}

impl RatioSample {
    /// The ratio as if it were the mean of a per-customer value: the delta method's
    /// linearisation `r + (num - r den) / mean(den)`, whose variance is
    /// `(v_num - 2 r cov + r^2 v_den) / mean(den)^2`.
    ///
    /// The linearisation is refused where it means nothing: when the denominator's
    /// mean does not differ from zero at the level `alpha`.
    fn linearised(&self, arm: Arm, alpha: f64) -> Result<Sample, Unestimable> {
        Sample {
            n: self.n,
            mean: self.numerator_mean,
            variance: self.numerator_variance,
        }
        .check(arm)?;
        check_finite("mean of the denominator", self.denominator_mean)?;
        check_variance("variance of the denominator", self.denominator_variance)?;
        check_finite("covariance", self.covariance)?;

        let n = self.n as f64;
        let half_width =
            tail::student_t_critical(alpha, n - 1.0) * (self.denominator_variance / n).sqrt();
        if self.denominator_mean.abs() <= half_width {
            return Err(Unestimable::DenominatorNearZero { arm });
        }
        let ratio = self.numerator_mean / self.denominator_mean;
        let spread = self.numerator_variance - 2.0 * ratio * self.covariance
            + ratio * ratio * self.denominator_variance;
        Ok(Sample {
            n: self.n,
            mean: ratio,
            // A numerator proportional to the denominator has no spread; rounding
            // must not make it negative.
            variance: spread.max(0.0) / (self.denominator_mean * self.denominator_mean),
        })
    }
}

/// The effect on a ratio of means, `mean(num) / mean(den)`, at confidence
/// `1 - alpha`: the delta method in each arm, then Welch's test and its intervals
/// as for means (Deng, Knoblich and Lu, "Applying the delta method in metric
/// analytics", KDD 2018).
///
/// # Errors
///
/// As [`lift_of_means`](crate::lift_of_means), and a denominator not clearly away
/// from zero in either arm.
pub fn lift_of_ratios(
    treated: &RatioSample,
    control: &RatioSample,
    alpha: f64,
) -> Result<Lift, Unestimable> {
    check_alpha(alpha)?;
    let treated = treated.linearised(Arm::Treated, alpha)?;
    let control = control.linearised(Arm::Control, alpha)?;
    lift_of_samples(&treated, &control, alpha, Method::Ratio)
}

/// Moments of the numerator, the denominator and k covariates in one arm, all with
/// divisor `n - 1`: what [`ArmMoments`] is to a mean.
#[derive(Debug, Clone, PartialEq)]
pub struct RatioMoments {
    /// Numerator and denominator.
    pub ratio: RatioSample,
    /// Means of the covariates, k numbers.
    pub covariate_means: Vec<f64>,
    /// Covariances of the numerator with each covariate, k numbers.
    pub numerator_covariances: Vec<f64>,
    /// Covariances of the denominator with each covariate, k numbers.
    pub denominator_covariances: Vec<f64>,
    /// Covariance matrix of the covariates, k by k numbers, row after row.
    pub covariate_covariances: Vec<f64>,
}

impl RatioMoments {
    /// The moments of the linearised ratio, which is linear in numerator and
    /// denominator, so that its covariance with x is `(cov(num, x) - r cov(den, x)) /
    /// mean(den)`.
    pub(crate) fn linearised(&self, arm: Arm, alpha: f64) -> Result<ArmMoments, Unestimable> {
        let sample = self.ratio.linearised(arm, alpha)?;
        if self.numerator_covariances.len() != self.denominator_covariances.len() {
            return Err(Unestimable::MismatchedCovariates);
        }
        let own = (self.ratio.numerator_mean, self.ratio.denominator_mean);
        Ok(ArmMoments {
            mean: sample.mean,
            ..self.linearised_at(own.0, own.1)
        })
    }

    /// The same about other means, those of all strata: `R + (num - R den) / mean(den)`
    /// with `R = mean(num) / mean(den)`.
    pub(crate) fn linearised_at(&self, numerator: f64, denominator: f64) -> ArmMoments {
        let ratio = numerator / denominator;
        let own = &self.ratio;
        let linear = |num: f64, den: f64| (num - ratio * den) / denominator;
        let spread = own.numerator_variance - 2.0 * ratio * own.covariance
            + ratio * ratio * own.denominator_variance;
        let pairs = self.numerator_covariances.iter();
        let pairs = pairs.zip(&self.denominator_covariances);
        ArmMoments {
            n: own.n,
            mean: ratio + linear(own.numerator_mean, own.denominator_mean),
            // Rounding must not make it negative.
            variance: spread.max(0.0) / (denominator * denominator),
            covariate_means: self.covariate_means.clone(),
            outcome_covariances: pairs.map(|(&num, &den)| linear(num, den)).collect(),
            covariate_covariances: self.covariate_covariances.clone(),
        }
    }

    /// The numerator as an outcome.
    pub(crate) fn numerator(&self) -> ArmMoments {
        ArmMoments {
            n: self.ratio.n,
            mean: self.ratio.numerator_mean,
            variance: self.ratio.numerator_variance,
            covariate_means: self.covariate_means.clone(),
            outcome_covariances: self.numerator_covariances.clone(),
            covariate_covariances: self.covariate_covariances.clone(),
        }
    }

    /// The denominator as an outcome.
    pub(crate) fn denominator(&self) -> ArmMoments {
        ArmMoments {
            mean: self.ratio.denominator_mean,
            variance: self.ratio.denominator_variance,
            outcome_covariances: self.denominator_covariances.clone(),
            ..self.numerator()
        }
    }
}

/// The effect on a ratio of means, adjusted for covariates, at confidence
/// `1 - alpha`: [`adjusted_lift`](crate::adjusted_lift) of the ratio linearised in
/// each arm, `r + (num - r den) / mean(den)`. Without covariates this is
/// [`lift_of_ratios`].
///
/// The natural covariates of a ratio are its numerator and its denominator before the
/// experiment, as two: the regression finds the combination that helps most. Tools
/// that adjust for the earlier ratio, linearised, as one covariate fix that
/// combination and can only explain less.
///
/// # Errors
///
/// As [`lift_of_ratios`] and [`adjusted_lift`](crate::adjusted_lift).
pub fn adjusted_ratio_lift(
    treated: &RatioMoments,
    control: &RatioMoments,
    alpha: f64,
) -> Result<AdjustedLift, Unestimable> {
    check_alpha(alpha)?;
    let treated = treated.linearised(Arm::Treated, alpha)?;
    let control = control.linearised(Arm::Control, alpha)?;
    adjusted(&treated, &control, alpha, Method::AdjustedRatio)
}
