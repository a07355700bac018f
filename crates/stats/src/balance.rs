//! Were the arms alike before?

use crate::cholesky::{Cholesky, dot};
use crate::lift::ArmEstimate;
use crate::tail::{self, TailProbability};

/// A covariate is left out when the ones before it explain all but this share of its
/// variance.
const DEPENDENT: f64 = 1e-10;

/// Moments of k covariates in one arm.
#[derive(Debug, Clone, PartialEq)]
pub struct CovariateMoments {
    /// Number of customers.
    pub n: u64,
    /// Their means, k numbers.
    pub means: Vec<f64>,
    /// Their covariance matrix with divisor `n - 1`, k by k numbers, row after row.
    pub covariances: Vec<f64>,
}

/// One covariate in one arm against the first arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StandardizedDifference {
    /// Difference of the means over the root of the mean of the two variances; 0.1 is
    /// usually called large. Infinite when two constants differ.
    pub smd: f64,
    /// Probability of a difference at least this large by chance (Welch).
    pub probability: TailProbability,
}

/// The comparison of the arms by all covariates at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Balance {
    /// Hotelling and Lawley's trace, the sum over arms of `n_a (m_a - m)' E^-1 (m_a - m)`
    /// with E the sums of squares and products within arms.
    pub trace: f64,
    /// The F statistic made of it.
    pub f: f64,
    /// Degrees of freedom of its numerator.
    pub df1: f64,
    /// Degrees of freedom of its denominator.
    pub df2: f64,
    /// Probability of arms at least so different by chance.
    pub probability: TailProbability,
    /// For each arm after the first, each covariate against the first arm.
    pub differences: Vec<Vec<StandardizedDifference>>,
    /// Covariates left out of the common test: constant, or determined by those before.
    pub dropped: Vec<usize>,
}

/// Why arms cannot be compared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BalanceError {
    /// There is nothing to compare.
    #[error("two arms and a covariate are needed")]
    NothingToCompare,
    /// The moments of an arm do not have the sizes of the first arm's.
    #[error("the covariate moments of arm {arm} do not agree in size")]
    Mismatched {
        /// Its place among the arms.
        arm: usize,
    },
    /// A moment is infinite, not a number, or a negative variance.
    #[error("a covariate moment of arm {arm} is not a valid number: {value}")]
    InvalidMoment {
        /// Its place among the arms.
        arm: usize,
        /// The moment.
        value: f64,
    },
    /// An arm has fewer than two customers.
    #[error("arm {arm} has fewer than two customers")]
    TooFew {
        /// Its place among the arms.
        arm: usize,
    },
    /// There are not more customers than arms and covariates.
    #[error("{customers} customers are too few for {arms} arms and {covariates} covariates")]
    TooManyCovariates {
        /// Customers of all arms.
        customers: u64,
        /// Number of arms.
        arms: usize,
        /// Number of independent covariates.
        covariates: usize,
    },
    /// Every covariate is constant.
    #[error("no covariate varies within arms")]
    NoVariation,
}

/// Tests whether the arms have the same covariate means, by all covariates at once: one
/// question with one probability, however many covariates there are.
///
/// Two arms: Hotelling's T^2, whose F is exact for normal covariates. More arms: the
/// trace of Hotelling and Lawley with the F approximation of K. C. S. Pillai and P.
/// Samson (Biometrika 46, 1959). With p covariates, a arms, `q = a - 1`, `v = n - a`, `s =
/// min(p, q)`, `m = (|p - q| - 1) / 2` and `N = (v - p - 1) / 2`,
///
/// `F = 2 (s N + 1) U / (s^2 (2 m + s + 1))` with `s (2 m + s + 1)` and `2 (s N + 1)`
/// degrees of freedom.
///
/// Under randomization the arms have one covariance matrix too, which is why it is
/// pooled.
///
/// ```
/// use stats::balance::{CovariateMoments, balance};
///
/// let arm = |mean| CovariateMoments { n: 500, means: vec![mean, 2.0], covariances: vec![1.0, 0.3, 0.3, 4.0] };
/// let alike = balance(&[arm(5.00), arm(5.01)]).unwrap();
/// assert!(alike.probability.p > 0.5);
/// let apart = balance(&[arm(5.0), arm(5.5)]).unwrap();
/// assert!(apart.probability.p < 1e-10);
/// assert!((apart.differences[0][0].smd - 0.5).abs() < 1e-12);
/// ```
pub fn balance(arms: &[CovariateMoments]) -> Result<Balance, BalanceError> {
    let [first, others @ ..] = arms else {
        return Err(BalanceError::NothingToCompare);
    };
    let covariates = first.means.len();
    if others.is_empty() || covariates == 0 {
        return Err(BalanceError::NothingToCompare);
    }
    for (place, arm) in arms.iter().enumerate() {
        arm.check(place, covariates)?;
    }

    let customers: u64 = arms.iter().map(|arm| arm.n).sum();
    let pooled: Vec<f64> = (0..covariates * covariates)
        .map(|i| {
            arms.iter()
                .map(|arm| (arm.n - 1) as f64 * arm.covariances[i])
                .sum()
        })
        .collect();
    let cholesky = Cholesky::new(&pooled, covariates, DEPENDENT);
    let kept = &cholesky.kept;
    if kept.is_empty() {
        return Err(BalanceError::NoVariation);
    }
    let (p, a) = (kept.len() as f64, arms.len() as f64);
    let (q, v) = (a - 1.0, customers as f64 - a);
    if v < p + 1.0 {
        return Err(BalanceError::TooManyCovariates {
            customers,
            arms: arms.len(),
            covariates: kept.len(),
        });
    }

    // Departures from the mean of all, which is taken around the first arm's so that a
    // large common offset does no harm.
    let from_first = |arm: &CovariateMoments, j: usize| arm.means[j] - first.means[j];
    let shift: Vec<f64> = kept
        .iter()
        .map(|&j| {
            arms.iter()
                .map(|arm| arm.n as f64 / customers as f64 * from_first(arm, j))
                .sum()
        })
        .collect();
    let trace: f64 = arms
        .iter()
        .map(|arm| {
            let departure: Vec<f64> = kept
                .iter()
                .zip(&shift)
                .map(|(&j, shift)| from_first(arm, j) - shift)
                .collect();
            let white = cholesky.whiten(&departure);
            arm.n as f64 * dot(&white, &white)
        })
        .sum();
    let s = p.min(q);
    let m = 0.5 * ((p - q).abs() - 1.0);
    let n = 0.5 * (v - p - 1.0);
    let df1 = s * (2.0 * m + s + 1.0);
    let df2 = 2.0 * (s * n + 1.0);
    let f = df2 * trace / (s * df1);
    Ok(Balance {
        trace,
        f,
        df1,
        df2,
        probability: tail::f_upper(f, df1, df2),
        differences: others
            .iter()
            .map(|arm| (0..covariates).map(|j| difference(arm, first, j)).collect())
            .collect(),
        dropped: (0..covariates).filter(|j| !kept.contains(j)).collect(),
    })
}

fn difference(
    arm: &CovariateMoments,
    first: &CovariateMoments,
    covariate: usize,
) -> StandardizedDifference {
    let variance = |arm: &CovariateMoments| arm.covariances[covariate * (arm.means.len() + 1)];
    let mean = |arm: &CovariateMoments| ArmEstimate {
        value: arm.means[covariate],
        variance: variance(arm) / arm.n as f64,
        df: (arm.n - 1) as f64,
    };
    let difference = arm.means[covariate] - first.means[covariate];
    let sd = (0.5 * (variance(arm) + variance(first))).sqrt();
    StandardizedDifference {
        smd: if difference == 0.0 {
            0.0
        } else {
            difference / sd
        },
        probability: mean(arm).against(&mean(first)).probability_of_difference(),
    }
}

impl CovariateMoments {
    fn check(&self, arm: usize, covariates: usize) -> Result<(), BalanceError> {
        if self.means.len() != covariates || self.covariances.len() != covariates * covariates {
            return Err(BalanceError::Mismatched { arm });
        }
        if self.n < 2 {
            return Err(BalanceError::TooFew { arm });
        }
        let variances = self.covariances.iter().step_by(covariates + 1);
        let invalid = |value: &&f64| !value.is_finite();
        let invalid = self
            .means
            .iter()
            .chain(&self.covariances)
            .find(invalid)
            .or_else(|| variances.into_iter().find(|variance| **variance < 0.0));
        match invalid {
            Some(&value) => Err(BalanceError::InvalidMoment { arm, value }),
            None => Ok(()),
        }
    }
}
