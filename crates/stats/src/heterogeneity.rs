//! Do estimates differ from each other by more than their noise? Effects between
//! segments or experiments, and means between three and more arms.

use crate::mean::Sample;
use crate::omnibus::{Effect, EffectsError, Omnibus, check_effects, means};
use crate::random_effects::Fixed;
use crate::tail::{self, TailProbability};

/// How much effects differ from each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heterogeneity {
    /// The test that there is one effect. Its `chi_square` is Cochran's Q.
    pub omnibus: Omnibus,
    /// I^2: the share of the differences between estimates that is not noise,
    /// `max(0, 1 - df / Q)` (Higgins and Thompson 2002).
    pub i_squared: f64,
    /// The standard deviation of the effects, by restricted maximum likelihood; 0
    /// when noise alone explains the differences.
    pub tau: f64,
    /// The mean of the effects weighted by their precisions: the estimate of the one
    /// effect, if there is one.
    pub pooled: f64,
    /// Its standard error, if there is one effect.
    pub pooled_se: f64,
}

/// Tests whether independent effects differ, such as those of the same experiment in
/// disjoint segments of customers.
///
/// Cochran's `Q = sum w_i (d_i - d)^2` with `w_i = 1 / se_i^2` and `d` the weighted
/// mean, corrected for few degrees of freedom of the standard errors after Welch
/// (1951): see [`Omnibus`]. With infinite degrees of freedom it is chi-square with
/// one less than the number of effects.
///
/// The pooled effect answers for the customers weighted by how precisely their
/// segment is measured; the effect on all customers weights the segments by size
/// instead.
///
/// # Errors
///
/// Fewer than two effects, or one without a positive standard error.
///
/// ```
/// use stats::omnibus::Effect;
///
/// let effect = |estimate| Effect { estimate, se: 1.0, df: f64::INFINITY };
/// let same = stats::heterogeneity::heterogeneity(&[effect(2.0), effect(2.1), effect(1.9)]);
/// assert_eq!(same.unwrap().tau, 0.0);
/// let other = stats::heterogeneity::heterogeneity(&[effect(2.0), effect(9.0), effect(-4.0)]);
/// assert!(other.unwrap().omnibus.probability.p < 1e-8);
/// ```
pub fn heterogeneity(effects: &[Effect]) -> Result<Heterogeneity, EffectsError> {
    check_effects(effects, 2)?;
    let fixed = Fixed::at(effects, 0.0);
    let df = (effects.len() - 1) as f64;
    let shares = effects.iter().map(|effect| {
        let weight = 1.0 / (effect.se * effect.se);
        (1.0 - weight * fixed.mean_variance, effect.df)
    });
    Ok(Heterogeneity {
        omnibus: Omnibus::new(fixed.q, df, shares),
        i_squared: if fixed.q > df {
            1.0 - df / fixed.q
        } else {
            0.0
        },
        tau: crate::random_effects::restricted_likelihood_tau(effects),
        pooled: fixed.mean,
        pooled_se: fixed.mean_variance.sqrt(),
    })
}

/// Tests whether the means of several arms differ, whatever their variances, by
/// Welch's analysis of variance (B. L. Welch, "On the comparison of several mean
/// values: an alternative approach", Biometrika 38, 1951).
///
/// # Errors
///
/// Fewer than two arms, fewer than two observations in one, or a constant arm.
///
/// ```
/// use stats::Sample;
///
/// let arm = |mean| Sample { n: 1000, mean, variance: 400.0 };
/// let test = stats::heterogeneity::welch_anova(&[arm(20.0), arm(20.5), arm(23.0)]).unwrap();
/// assert!(test.probability.p < 0.01);
/// ```
pub fn welch_anova(arms: &[Sample]) -> Result<Omnibus, EffectsError> {
    let means = means(arms)?;
    Ok(heterogeneity(&means)?.omnibus)
}

/// The classic analysis of variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Anova {
    /// Variance between the arms over the variance within.
    pub f: f64,
    /// Arms less one.
    pub df: f64,
    /// Observations less arms.
    pub denominator_df: f64,
    /// The probability of an F at least this large when all means are equal.
    pub probability: TailProbability,
}

/// The classic F test that the means of several arms are equal, which takes their
/// variances to be equal too. It is here to compare with: where an effect changes
/// the variance, as effects on revenue do, [`welch_anova`] is right.
///
/// # Errors
///
/// As [`welch_anova`], but one constant arm is no obstacle.
pub fn anova(arms: &[Sample]) -> Result<Anova, EffectsError> {
    if arms.len() < 2 {
        return Err(EffectsError::TooFew {
            n: arms.len(),
            needed: 2,
        });
    }
    let checked = means(arms)?;
    for (place, (sample, mean)) in arms.iter().zip(&checked).enumerate() {
        let invalid = |what, value| Err(EffectsError::Invalid { place, what, value });
        if !mean.estimate.is_finite() {
            return invalid("mean", mean.estimate);
        }
        if !(sample.variance.is_finite() && sample.variance >= 0.0) {
            return invalid("variance", sample.variance);
        }
    }
    let n: f64 = arms.iter().map(|arm| arm.n as f64).sum();
    let mean = arms
        .iter()
        .map(|arm| arm.n as f64 / n * arm.mean)
        .sum::<f64>();
    let between: f64 = arms
        .iter()
        .map(|arm| arm.n as f64 * (arm.mean - mean) * (arm.mean - mean))
        .sum();
    let within: f64 = arms
        .iter()
        .map(|arm| (arm.n - 1) as f64 * arm.variance)
        .sum();
    if within == 0.0 {
        return Err(EffectsError::Invalid {
            place: 0,
            what: "variance",
            value: 0.0,
        });
    }
    let df = (arms.len() - 1) as f64;
    let denominator_df = n - arms.len() as f64;
    let f = between / df / (within / denominator_df);
    Ok(Anova {
        f,
        df,
        denominator_df,
        probability: tail::f_upper(f, df, denominator_df),
    })
}
