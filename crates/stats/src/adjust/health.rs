//! Whether an adjustment can be trusted: the line below an adjusted effect.

use super::{AdjustedLift, ArmMoments};
use crate::error::{Arm, Unestimable};
use crate::lift::Contrast;
use crate::mean::Sample;
use crate::tail::TailProbability;

/// The covariates of one arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmHealth {
    /// Share of the outcome's variance that the arm's regression explains; 0 for a
    /// constant outcome.
    pub r2: f64,
    /// Share of the arm's customers without the covariates.
    pub missing: f64,
}

/// One covariate in both arms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CovariateHealth {
    /// Standardised difference between the arms: see [`AdjustedLift::imbalance`].
    pub imbalance: f64,
    /// Probability of a difference at least as large when customers were randomized
    /// before the covariate was measured or independently of it (Welch's test); 1 for a
    /// covariate that is constant and the same in both arms.
    pub probability: TailProbability,
    /// The largest share that one customer has of the covariate's sum of squares in an
    /// arm, which is that customer's leverage but for `1 / n`; where the extremes are
    /// known. Near 1, the slope is that of a single customer.
    pub largest_leverage: Option<f64>,
}

/// What to know of an adjusted effect before relying on it.
#[derive(Debug, Clone, PartialEq)]
pub struct AdjustmentHealth {
    /// The treated arm.
    pub treated: ArmHealth,
    /// The control arm.
    pub control: ArmHealth,
    /// Each covariate in the order given, also those dropped.
    pub covariates: Vec<CovariateHealth>,
    /// Whether the adjusted and the plain effect have different signs. By itself no fault:
    /// a small effect can be turned by a chance imbalance, which is what is adjusted for.
    pub sign_flip: bool,
}

/// The least and the greatest value of each covariate in one arm.
pub(super) type Extremes<'a> = &'a [(f64, f64)];

impl AdjustmentHealth {
    /// From the moments and the effect that they gave; `missing` is the number of treated
    /// and of control customers whose covariates are missing (and were filled in), and
    /// `extremes` the least and greatest value of each covariate in the treated and the
    /// control arm, where known.
    ///
    /// # Errors
    ///
    /// Moments that do not fit together, or more customers missing than there are.
    pub fn new(
        treated: &ArmMoments,
        control: &ArmMoments,
        adjusted: &AdjustedLift,
        missing: (u64, u64),
        extremes: Option<(Extremes<'_>, Extremes<'_>)>,
    ) -> Result<Self, Unestimable> {
        let k = treated.covariate_means.len();
        treated.check(Arm::Treated, k)?;
        control.check(Arm::Control, k)?;
        let covariates = (0..k).map(|j| {
            let means = Contrast::of_means(&treated.covariate(j), &control.covariate(j))?;
            let leverage = extremes.and_then(|(of_treated, of_control)| {
                let (a, b) = (of_treated.get(j)?, of_control.get(j)?);
                Some(treated.leverage(j, *a).max(control.leverage(j, *b)))
            });
            Ok(CovariateHealth {
                imbalance: adjusted.imbalance.get(j).copied().unwrap_or(0.0),
                probability: means.probability_of_difference(),
                largest_leverage: leverage,
            })
        });
        let arm = |arm, moments: &ArmMoments, slopes: &[f64], missing: u64| {
            if missing > moments.n {
                return Err(Unestimable::InvalidCounts {
                    arm,
                    successes: missing,
                    n: moments.n,
                });
            }
            Ok(ArmHealth {
                r2: moments.r2(&adjusted.kept, slopes),
                missing: missing as f64 / moments.n as f64,
            })
        };
        Ok(AdjustmentHealth {
            covariates: covariates.collect::<Result<_, Unestimable>>()?,
            treated: arm(Arm::Treated, treated, &adjusted.treated_slopes, missing.0)?,
            control: arm(Arm::Control, control, &adjusted.control_slopes, missing.1)?,
            sign_flip: (treated.mean - control.mean) * adjusted.lift.absolute.estimate < 0.0,
        })
    }
}

impl ArmMoments {
    /// A covariate as a sample.
    fn covariate(&self, j: usize) -> Sample {
        Sample {
            n: self.n,
            mean: self.covariate_means[j],
            variance: self.spread(j),
        }
    }

    /// The share of the outcome's variance that slopes of the kept covariates explain.
    fn r2(&self, kept: &[usize], slopes: &[f64]) -> f64 {
        let explained = kept.iter().zip(slopes);
        let explained: f64 = explained
            .map(|(&j, slope)| slope * self.outcome_covariances.get(j).copied().unwrap_or(0.0))
            .sum();
        if self.variance > 0.0 {
            (explained / self.variance).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// The share that the more extreme of two values has of a covariate's sum of squares.
    fn leverage(&self, j: usize, (least, greatest): (f64, f64)) -> f64 {
        let mean = self.covariate_means[j];
        let far = (mean - least).max(greatest - mean);
        let squares = (self.n as f64 - 1.0) * self.spread(j);
        if squares > 0.0 {
            (far * far / squares).min(1.0)
        } else {
            0.0
        }
    }
}
