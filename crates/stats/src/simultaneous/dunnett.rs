//! Several arms against one control.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use super::scale::average_over_scale;
use super::{critical_between, within_bounds};
use crate::error::{Unestimable, check_alpha};
use crate::lift::{Contrast, Lift, Method};
use crate::tail::{self, TailProbability};

/// The joint distribution of the t statistics of several arms against one control,
/// `X_j = lambda_j Z + sqrt(1 - lambda_j^2) E_j` over a common scale, with Z and
/// E_j independent standard normals: the shared control makes the comparisons
/// correlated, `corr(X_i, X_j) = lambda_i lambda_j`.
///
/// C. W. Dunnett, "A multiple comparison procedure for comparing several treatments
/// with a control", Journal of the American Statistical Association 50 (1955).
/// Probabilities are by numerical integration over Z and the scale, to some ten
/// digits, also when they are small.
#[derive(Debug, Clone, PartialEq)]
pub struct Dunnett {
    /// `lambda_j`, and one over the deviation of `E_j` in `X_j`.
    factors: Vec<(f64, f64)>,
    /// Step of the trapezoidal rule over Z.
    step: f64,
}

impl Dunnett {
    /// The distribution for comparisons that share their control.
    ///
    /// `lambda_j^2 = v_c / (v_j + v_c)`, each variance of an estimate less the
    /// covariance of the two, if any. It is held at or below 0.9999, which can only
    /// widen intervals, and matters when a control is ten thousand times noisier
    /// than an arm.
    pub fn new(comparisons: &[Contrast]) -> Self {
        const LARGEST: f64 = 0.9999;
        let squares: Vec<f64> = comparisons
            .iter()
            .map(|comparison| {
                let control = comparison.control_variance - comparison.covariance;
                let treated = comparison.treated_variance - comparison.covariance;
                let shared = control / (control + treated);
                if shared > 0.0 {
                    shared.min(LARGEST)
                } else {
                    0.0
                }
            })
            .collect();
        // In Z, the product of the conditional probabilities is no narrower than a
        // normal density of this deviation.
        let sharpest = squares
            .iter()
            .map(|&l2| l2 / (1.0 - l2))
            .fold(0.0, f64::max);
        let narrowest = (1.0 + comparisons.len() as f64 * sharpest).sqrt().recip();
        let factor = |&l2: &f64| (f64::sqrt(l2), f64::sqrt(1.0 - l2).recip());
        Dunnett {
            factors: squares.iter().map(factor).collect(),
            step: 0.7 * narrowest,
        }
    }

    /// The adjusted probability of a comparison: that of any of the statistics being
    /// at least `|t|` away from zero when no arm differs from the control.
    ///
    /// `df` are the degrees of freedom of this comparison's standard error. Below
    /// 1e-250 it is Bonferroni's bound, from which it then differs little.
    pub fn probability(&self, t: f64, df: f64) -> TailProbability {
        let alone = tail::student_t_two_sided(t, df);
        let joint = || average_over_scale(df, t, |s| self.any_beyond(t.abs() * s));
        within_bounds(alone, self.factors.len() as f64, joint)
    }

    /// The critical value: the c with `probability(c, df).p = alpha`.
    ///
    /// Takes some six times as long as a probability, which is of the order of 0.2
    /// milliseconds for three balanced arms and more with a small control; keep it
    /// where the arms and their sizes stay.
    pub fn critical(&self, alpha: f64, df: f64) -> f64 {
        let probability = |c| self.probability(c, df);
        critical_between(alpha, df, self.factors.len() as f64, probability)
    }

    /// `P(any |X_j| > h)` for the scale one.
    fn any_beyond(&self, h: f64) -> f64 {
        // Beyond, Z alone is a negligible part of P(|X| > h).
        let end = (h * h + 80.0).sqrt();
        let steps = (end / self.step).ceil() as u32;
        let mut sum = 0.5 * self.any_beyond_given(h, 0.0);
        for k in 1..=steps {
            let z = f64::from(k) * self.step;
            sum += (-0.5 * z * z).exp() * self.any_beyond_given(h, z);
        }
        // Both signs of Z.
        2.0 * sum * self.step / (2.0 * PI).sqrt()
    }

    /// The same given Z, when the arms are independent.
    fn any_beyond_given(&self, h: f64, z: f64) -> f64 {
        self.factors.iter().fold(0.0, |any, &(lambda, sharpness)| {
            let upper = libm::erfc((h - lambda * z) * sharpness * FRAC_1_SQRT_2);
            let lower = libm::erfc((h + lambda * z) * sharpness * FRAC_1_SQRT_2);
            // Adding up what is new loses no digits, as one minus a product would.
            any + (1.0 - any) * 0.5 * (upper + lower)
        })
    }
}

/// The effects of several arms, each a comparison with the same control: intervals
/// that hold together with confidence `1 - alpha`, and the probabilities adjusted to
/// match. An interval, absolute or relative, excludes zero exactly when its
/// probability is below alpha.
///
/// Each comparison keeps its own variances and degrees of freedom. When the variances
/// of the arms are equal and pooled, and so the degrees of freedom the same, this is
/// Dunnett's exact test. Otherwise it is that of M. Hasler and L. A. Hothorn, "Multiple
/// contrast tests in the presence of heteroscedasticity", Biometrical Journal 50
/// (2008): estimated variances take the place of the true ones in the correlations,
/// and each comparison is held against the distribution with its own Satterthwaite
/// degrees of freedom. That is an approximation: with arms of 15 to 60 customers and
/// deviations of 1 to 3 its error rate is within half a percentage point of 5 %. One
/// comparison is an ordinary t test.
///
/// The relative intervals are Fieller's with the same critical values, as in
/// [`Contrast::lift`], so that they never contradict the absolute ones. That they hold
/// together is a promise for effects of zero, where both say the same.
///
/// # Errors
///
/// Those of [`Contrast::lift`] for any of the comparisons.
///
/// ```
/// use stats::simultaneous::dunnett;
/// use stats::{Contrast, Sample};
///
/// let control = Sample { n: 1000, mean: 20.0, variance: 400.0 };
/// let arms = [21.0, 22.2, 19.0].map(|mean| Sample { n: 1000, mean, variance: 400.0 });
/// let comparisons = arms.map(|arm| Contrast::of_means(&arm, &control).unwrap());
/// let lifts = dunnett(&comparisons, 0.05).unwrap();
/// // Alone, the second arm has p = 0.014.
/// assert!(lifts[1].probability.p > 0.03 && lifts[1].probability.p < 0.05);
/// assert!(lifts[1].absolute.excludes_zero());
/// ```
pub fn dunnett(comparisons: &[Contrast], alpha: f64) -> Result<Vec<Lift>, Unestimable> {
    check_alpha(alpha)?;
    let together = Dunnett::new(comparisons);
    let mut known: Option<(f64, f64)> = None;
    let mut lifts = Vec::with_capacity(comparisons.len());
    for comparison in comparisons {
        let df = comparison.df;
        let critical = match known {
            Some((same, critical)) if same == df => critical,
            _ => together.critical(alpha, df),
        };
        known = Some((df, critical));
        let two_sided = |t| together.probability(t, df);
        lifts.push(comparison.lift_against(alpha, critical, two_sided, Method::Dunnett)?);
    }
    Ok(lifts)
}
