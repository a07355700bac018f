//! A difference of means adjusted for what was known before the experiment.
//!
//! In each arm the outcome is regressed on the covariates, and both regressions are
//! read at one common point, the covariates' mean over the two arms: the
//! fully interacted regression of W. Lin, "Agnostic notes on regression adjustments
//! to experimental data", Annals of Applied Statistics 7 (2013), from moments alone.
//! With one covariate measured before the experiment it is CUPED with a slope for
//! each arm.
//!
//! This is the default here, and not one slope for both arms
//! ([`cuped`](crate::cuped), or ANCOVA by [`regression`](crate::regression)): in
//! large samples it is no worse than the plain difference whatever the split and
//! however the effect depends on the covariates, where a common slope can be worse
//! (D. A. Freedman, Advances in Applied Mathematics 40, 2008). With equal splits and
//! an effect that is the same for all, they agree.

mod health;

pub use health::{AdjustmentHealth, ArmHealth, CovariateHealth};

use crate::cholesky::{Cholesky, dot};
use crate::error::{Arm, Unestimable, check_alpha, check_finite, check_variance};
use crate::lift::{Contrast, Lift, Method, satterthwaite};
use crate::mean::Sample;

/// Moments of the outcome y and of k covariates x in one arm, all with divisor
/// `n - 1`.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmMoments {
    /// Number of observations.
    pub n: u64,
    /// Mean of the outcome.
    pub mean: f64,
    /// Variance of the outcome.
    pub variance: f64,
    /// Means of the covariates, k numbers.
    pub covariate_means: Vec<f64>,
    /// Covariances of the outcome with each covariate, k numbers.
    pub outcome_covariances: Vec<f64>,
    /// Covariance matrix of the covariates, k by k numbers, row after row.
    pub covariate_covariances: Vec<f64>,
}

impl From<Sample> for ArmMoments {
    /// An outcome without covariates.
    fn from(outcome: Sample) -> Self {
        ArmMoments {
            n: outcome.n,
            mean: outcome.mean,
            variance: outcome.variance,
            covariate_means: Vec::new(),
            outcome_covariances: Vec::new(),
            covariate_covariances: Vec::new(),
        }
    }
}

impl ArmMoments {
    /// The outcome alone.
    pub(crate) fn sample(&self) -> Sample {
        Sample {
            n: self.n,
            mean: self.mean,
            variance: self.variance,
        }
    }

    /// Refuses moments of other sizes than k and numbers that are not finite.
    pub(crate) fn check(&self, arm: Arm, k: usize) -> Result<(), Unestimable> {
        self.sample().check(arm)?;
        let sizes_agree = self.covariate_means.len() == k
            && self.outcome_covariances.len() == k
            && self.covariate_covariances.len() == k * k;
        if !sizes_agree {
            return Err(Unestimable::MismatchedCovariates);
        }
        for &mean in &self.covariate_means {
            check_finite("mean of a covariate", mean)?;
        }
        for &covariance in &self.outcome_covariances {
            check_finite("covariance of outcome and covariate", covariance)?;
        }
        for &covariance in &self.covariate_covariances {
            check_finite("covariance of covariates", covariance)?;
        }
        (0..k).try_for_each(|j| check_variance("variance of a covariate", self.spread(j)))
    }

    /// The variance of a covariate.
    fn spread(&self, j: usize) -> f64 {
        let k = self.covariate_means.len();
        self.covariate_covariances[j * k + j]
    }

    /// The moments of two groups of customers as one (Chan, Golub and LeVeque 1979).
    pub(crate) fn merged(&self, other: &Self) -> Result<Self, Unestimable> {
        if other.n == 0 {
            return Ok(self.clone());
        }
        if self.n == 0 {
            return Ok(other.clone());
        }
        let k = self.covariate_means.len();
        let agree = |arm: &Self| {
            arm.covariate_means.len() == k
                && arm.outcome_covariances.len() == k
                && arm.covariate_covariances.len() == k * k
        };
        if !(agree(self) && agree(other)) {
            return Err(Unestimable::MismatchedCovariates);
        }
        let outcome = self.sample().merged(&other.sample());
        let (n_a, n_b) = (self.n as f64, other.n as f64);
        let share = n_b / (n_a + n_b);
        let apart = |i: usize| other.covariate_means[i] - self.covariate_means[i];
        // Co-moments of fewer than two customers are none, whatever their covariance.
        let sum = |n: f64, covariance: f64| if n > 1.0 { (n - 1.0) * covariance } else { 0.0 };
        let covariance = |a: f64, b: f64, between: f64| {
            (sum(n_a, a) + sum(n_b, b) + between * n_a * share) / (n_a + n_b - 1.0)
        };
        let outcomes_apart = other.mean - self.mean;
        Ok(ArmMoments {
            n: outcome.n,
            mean: outcome.mean,
            variance: outcome.variance,
            covariate_means: (0..k)
                .map(|i| self.covariate_means[i] + apart(i) * share)
                .collect(),
            outcome_covariances: (0..k)
                .map(|i| {
                    let (a, b) = (self.outcome_covariances[i], other.outcome_covariances[i]);
                    covariance(a, b, outcomes_apart * apart(i))
                })
                .collect(),
            covariate_covariances: (0..k * k)
                .map(|at| {
                    let (a, b) = (
                        self.covariate_covariances[at],
                        other.covariate_covariances[at],
                    );
                    covariance(a, b, apart(at / k) * apart(at % k))
                })
                .collect(),
        })
    }

    /// The covariance matrix of some of the covariates.
    fn matrix(&self, kept: &[usize]) -> Vec<f64> {
        let k = self.covariate_means.len();
        kept.iter()
            .flat_map(|&i| kept.iter().map(move |&j| i * k + j))
            .map(|at| self.covariate_covariances[at])
            .collect()
    }
}

/// A covariate that the adjustment does without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// Its place among the covariates.
    pub covariate: usize,
    /// Why.
    pub reason: DropReason,
}

/// Why the adjustment does without a covariate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropReason {
    /// It is constant in an arm.
    NoVariation,
    /// The covariates before it determine it in an arm.
    Collinear,
    /// An arm has too few observations for one more slope.
    TooFewObservations,
}

impl std::fmt::Display for DropReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            DropReason::NoVariation => "it does not vary in an arm",
            DropReason::Collinear => "the covariates before it determine it in an arm",
            DropReason::TooFewObservations => "an arm has too few observations for another slope",
        })
    }
}

/// The adjusted effect and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct AdjustedLift {
    /// The effect on the adjusted means.
    pub lift: Lift,
    /// The adjusted means, their variances and their covariance.
    pub means: Contrast,
    /// Share of the outcome's variance inside the arms that the covariates explain,
    /// `1 - sum (n_a - 1) s_a^2(residual) / sum (n_a - 1) s_a^2`.
    pub r2: f64,
    /// `1 - se^2(adjusted) / se^2(plain)` of the absolute effect. The adjustment
    /// saves about this share of the customers.
    pub variance_reduction: f64,
    /// Standardised difference of each covariate between the arms, in the order
    /// given: `(mean_t - mean_c) / sqrt((s_t^2 + s_c^2) / 2)`; 0 for a constant.
    /// Randomization keeps it near 0, within about `2 sqrt(1/n_t + 1/n_c)`.
    pub imbalance: Vec<f64>,
    /// Places of the covariates used.
    pub kept: Vec<usize>,
    /// Slopes of the kept covariates in the treated arm.
    pub treated_slopes: Vec<f64>,
    /// Slopes of the kept covariates in the control arm.
    pub control_slopes: Vec<f64>,
    /// Covariates left out, ascending.
    pub dropped: Vec<Dropped>,
}

/// Share of its variance that a covariate must have for itself, beyond the
/// covariates before it, to get a slope.
const COLLINEAR: f64 = 1e-9;

/// Share of the outcome's variance below which a residual variance is rounding.
const EXACT_FIT: f64 = 1e-13;

/// The effect on a mean, adjusted for covariates, at confidence `1 - alpha`.
///
/// With arm means `y_a`, `x_a`, slopes `b_a = S_a^-1 s_a` and the covariates' mean
/// `x` over the two arms' customers, the adjusted mean of an arm is `y_a + b_a' (x
/// - x_a)`. Its variance has two parts,
///
/// * the residual: `r_a (1 / n_a + d' S_a^-1 d / (n_a - 1))`, `d = x - x_a`, where
///   `r_a` is the residual variance with `n_a - k - 1` degrees of freedom;
/// * the centring: `b_a' S b_a / N`, because the common point `x` is itself an
///   estimate. It is shared, so the arms' adjusted means have the covariance
///   `b_t' S b_c / N`, with `S` the pooled covariance inside the arms.
///
/// The difference keeps `(b_t - b_c)' S (b_t - b_c) / N` of the centring: the noise
/// of whom the experiment happened to draw, where the effect depends on the
/// covariates. The variance is that of the effect on the population, as in Welch's
/// test, and needs neither equal variances nor equal splits. The relative effect
/// uses all three parts. Without covariates this is Welch's test, whose variance is HC2.
///
/// With covariates HC2 itself needs `sum e_i^2 x_i x_i'` over rows, a fourth moment that
/// sums of products of pairs do not hold. To first order, where every leverage is `1 / n`,
/// the residual part here is HC2 also when the noise depends on the covariates; what is
/// left is of order `1 / n` and of the imbalance d. Measured on noise that grows with the
/// covariate, this standard error over HC2's has a median within 1 % of 1, and 90 % of the
/// ratios lie within 0.3 % of 1 for 4000 customers and within 10 % for 100; intervals
/// cover as HC2's do or better, having Student's t (0.94 for 100 customers).
///
/// Covariates that are constant or collinear in an arm are dropped and named; the
/// earlier of two collinear ones stays.
///
/// # Errors
///
/// As [`lift_of_means`](crate::lift_of_means), and covariate moments of different sizes.
pub fn adjusted_lift(
    treated: &ArmMoments,
    control: &ArmMoments,
    alpha: f64,
) -> Result<AdjustedLift, Unestimable> {
    adjusted(treated, control, alpha, Method::Adjusted)
}

/// The adjusted effect under the name of what the outcome stands for.
pub(crate) fn adjusted(
    treated: &ArmMoments,
    control: &ArmMoments,
    alpha: f64,
    method: Method,
) -> Result<AdjustedLift, Unestimable> {
    check_alpha(alpha)?;
    let Fit {
        kept,
        dropped,
        treated: t,
        control: c,
        means,
    } = Fit::new(treated, control)?;
    let lift = means.lift(alpha, method)?;

    let (n_t, n_c) = (treated.n as f64, control.n as f64);
    let total = (n_t - 1.0) * treated.variance + (n_c - 1.0) * control.variance;
    let r2 = if total > 0.0 {
        1.0 - (t.residual_sum + c.residual_sum) / total
    } else {
        0.0
    };
    let plain_variance = treated.variance / n_t + control.variance / n_c;
    let variance_reduction = if plain_variance > 0.0 {
        1.0 - lift.absolute.se * lift.absolute.se / plain_variance
    } else {
        0.0
    };
    Ok(AdjustedLift {
        lift,
        means,
        r2,
        variance_reduction,
        imbalance: imbalance(treated, control),
        kept,
        treated_slopes: t.slopes,
        control_slopes: c.slopes,
        dropped,
    })
}

/// Both arms' regressions at their common centre.
struct Fit {
    kept: Vec<usize>,
    dropped: Vec<Dropped>,
    treated: Regression,
    control: Regression,
    means: Contrast,
}

impl Fit {
    fn new(treated: &ArmMoments, control: &ArmMoments) -> Result<Self, Unestimable> {
        let k = treated.covariate_means.len();
        treated.check(Arm::Treated, k)?;
        control.check(Arm::Control, k)?;

        let (kept, dropped) = choose_covariates(treated, control);
        let (n_t, n_c) = (treated.n as f64, control.n as f64);
        let n = n_t + n_c;
        let centre: Vec<f64> = kept
            .iter()
            .map(|&j| {
                let (x_t, x_c) = (treated.covariate_means[j], control.covariate_means[j]);
                x_c + (x_t - x_c) * (n_t / n)
            })
            .collect();
        let t = Regression::new(treated, &kept, &centre);
        let c = Regression::new(control, &kept, &centre);

        let pooled = Pooled {
            treated: treated.matrix(&kept),
            control: control.matrix(&kept),
            treated_weight: (n_t - 1.0) / (n - 2.0),
        };
        let slope_difference: Vec<f64> =
            t.slopes.iter().zip(&c.slopes).map(|(a, b)| a - b).collect();
        let centring = pooled.form(&slope_difference, &slope_difference) / n;
        let means = Contrast {
            treated: t.mean,
            control: c.mean,
            treated_variance: t.variance + pooled.form(&t.slopes, &t.slopes) / n,
            control_variance: c.variance + pooled.form(&c.slopes, &c.slopes) / n,
            covariance: pooled.form(&t.slopes, &c.slopes) / n,
            df: satterthwaite(&[(t.variance, t.df), (c.variance, c.df), (centring, n - 2.0)]),
        };
        Ok(Fit {
            kept,
            dropped,
            treated: t,
            control: c,
            means,
        })
    }
}

/// The adjusted means without their comparison.
pub(crate) fn adjusted_means(
    treated: &ArmMoments,
    control: &ArmMoments,
) -> Result<Contrast, Unestimable> {
    Ok(Fit::new(treated, control)?.means)
}

/// The covariates that both arms can give a slope, and the others with the reason.
fn choose_covariates(treated: &ArmMoments, control: &ArmMoments) -> (Vec<usize>, Vec<Dropped>) {
    let mut kept: Vec<usize> = (0..treated.covariate_means.len()).collect();
    let mut dropped = Vec::new();
    let mut retain = |kept: &mut Vec<usize>, reason, keeps: &dyn Fn(usize) -> bool| {
        kept.retain(|&covariate| {
            let keep = keeps(covariate);
            if !keep {
                dropped.push(Dropped { covariate, reason });
            }
            keep
        });
    };
    retain(&mut kept, DropReason::NoVariation, &|j| {
        treated.spread(j) > 0.0 && control.spread(j) > 0.0
    });
    for arm in [treated, control] {
        let independent = Cholesky::new(&arm.matrix(&kept), kept.len(), COLLINEAR).kept;
        let independent: Vec<usize> = independent.iter().map(|&at| kept[at]).collect();
        retain(&mut kept, DropReason::Collinear, &|j| {
            independent.contains(&j)
        });
    }
    // n - k - 1 degrees of freedom must remain in the smaller arm.
    let most = usize::try_from(treated.n.min(control.n).saturating_sub(2)).unwrap_or(usize::MAX);
    let last = kept.get(most).copied().unwrap_or(usize::MAX);
    retain(&mut kept, DropReason::TooFewObservations, &|j| j < last);
    dropped.sort_by_key(|d| d.covariate);
    (kept, dropped)
}

/// The regression of one arm, read at the common centre.
struct Regression {
    /// The adjusted mean.
    mean: f64,
    /// Its variance given the covariates.
    variance: f64,
    /// Degrees of freedom of that variance.
    df: f64,
    slopes: Vec<f64>,
    /// Residual sum of squares.
    residual_sum: f64,
}

impl Regression {
    fn new(arm: &ArmMoments, kept: &[usize], centre: &[f64]) -> Self {
        let n = arm.n as f64;
        let cholesky = Cholesky::new(&arm.matrix(kept), kept.len(), 0.0);
        let outcome: Vec<f64> = kept.iter().map(|&j| arm.outcome_covariances[j]).collect();
        let distance: Vec<f64> = kept
            .iter()
            .zip(centre)
            .map(|(&j, x)| x - arm.covariate_means[j])
            .collect();
        let slopes = cholesky.solve(&outcome);
        let explained = cholesky.whiten(&outcome);
        let leverage = cholesky.whiten(&distance);

        let df = n - 1.0 - kept.len() as f64;
        let unexplained = arm.variance - dot(&explained, &explained);
        let unexplained = if unexplained > EXACT_FIT * arm.variance {
            unexplained
        } else {
            0.0
        };
        let residual_sum = (n - 1.0) * unexplained;
        Regression {
            mean: arm.mean + dot(&slopes, &distance),
            variance: residual_sum / df * (1.0 / n + dot(&leverage, &leverage) / (n - 1.0)),
            df,
            slopes,
            residual_sum,
        }
    }
}

/// The covariates' covariance inside the arms, pooled over both.
struct Pooled {
    treated: Vec<f64>,
    control: Vec<f64>,
    treated_weight: f64,
}

impl Pooled {
    /// `a' S b`.
    fn form(&self, a: &[f64], b: &[f64]) -> f64 {
        let quadratic = |matrix: &[f64]| {
            a.iter()
                .zip(matrix.chunks(b.len().max(1)))
                .map(|(value, row)| value * dot(row, b))
                .sum::<f64>()
        };
        self.treated_weight * quadratic(&self.treated)
            + (1.0 - self.treated_weight) * quadratic(&self.control)
    }
}

/// Standardised differences of the covariates.
fn imbalance(treated: &ArmMoments, control: &ArmMoments) -> Vec<f64> {
    (0..treated.covariate_means.len())
        .map(|j| {
            let scale = (0.5 * (treated.spread(j) + control.spread(j))).sqrt();
            let difference = treated.covariate_means[j] - control.covariate_means[j];
            if scale > 0.0 { difference / scale } else { 0.0 }
        })
        .collect()
}
