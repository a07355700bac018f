//! A normal prior on the lift and the normal likelihood of its estimate.

use super::{BayesError, Credible, check_positive};
use crate::error::{NotEstimable, Unestimable, check_alpha, check_finite, check_variance};
use crate::lift::Contrast;
use crate::special::ln_one_minus_exp;
use crate::tail::{self, TailProbability};

/// What is believed of an effect before the experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NormalPrior {
    /// Nothing: every effect is as likely as any other.
    Flat,
    /// A normal distribution.
    Normal {
        /// Its mean, in the units of the effect; 0.01 is one per cent on the
        /// relative scale.
        mean: f64,
        /// Its standard deviation, positive.
        sd: f64,
    },
}

/// The normal distribution of an effect after the experiment.
///
/// The control wins when the effect is negative. Where less of a metric is better,
/// [`chance_below`](Self::chance_below) is the chance to win, and the two losses
/// change places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormalPosterior {
    mean: f64,
    sd: f64,
}

impl NormalPrior {
    /// The posterior of an effect `t ~ prior`, given `estimate ~ N(t, se^2)`:
    /// precisions add, and the mean is their weighted mean. This is exact for a
    /// normal estimate whose standard error is known, and the large-sample limit
    /// otherwise: some thirty degrees of freedom are enough for it.
    ///
    /// # Errors
    ///
    /// A standard error or a prior standard deviation that is not positive and
    /// finite; a mean that is not finite.
    ///
    /// ```
    /// use stats::bayes::NormalPrior;
    ///
    /// let prior = NormalPrior::Normal { mean: 0.0, sd: 0.1 };
    /// let posterior = prior.posterior(0.2, 0.1).unwrap();
    /// assert!((posterior.mean() - 0.1).abs() < 1e-15);
    /// assert!(posterior.chance_above(0.0).p > 0.9);
    /// assert!(posterior.loss_of_shipping() < posterior.loss_of_not_shipping());
    /// ```
    pub fn posterior(&self, estimate: f64, se: f64) -> Result<NormalPosterior, BayesError> {
        check_finite("estimate", estimate)?;
        check_positive("standard error", se)?;
        let (mean, sd) = match *self {
            NormalPrior::Flat => (estimate, se),
            NormalPrior::Normal { mean, sd } => {
                check_finite("prior mean", mean)?;
                check_positive("prior standard deviation", sd)?;
                // The share of the prior, by whichever ratio does not overflow.
                let share = if se < sd {
                    let r = se / sd;
                    r * r / (1.0 + r * r)
                } else {
                    let r = sd / se;
                    1.0 / (1.0 + r * r)
                };
                let sd = if se < sd {
                    se * (1.0 - share).sqrt()
                } else {
                    sd * share.sqrt()
                };
                (share * mean + (1.0 - share) * estimate, sd)
            }
        };
        check_finite("posterior mean", mean)?;
        check_positive("posterior standard deviation", sd)?;
        Ok(NormalPosterior { mean, sd })
    }
}

impl NormalPosterior {
    /// Its mean.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Its standard deviation, positive.
    pub fn sd(&self) -> f64 {
        self.sd
    }

    /// The central interval that holds the effect with probability `1 - alpha`.
    pub fn interval(&self, alpha: f64) -> Result<Credible, BayesError> {
        check_alpha(alpha)?;
        let half_width = tail::student_t_critical(alpha, f64::INFINITY) * self.sd;
        Ok(Credible {
            low: self.mean - half_width,
            high: self.mean + half_width,
        })
    }

    /// The probability that the effect is larger than a threshold; the chance to
    /// win for the threshold 0.
    pub fn chance_above(&self, threshold: f64) -> TailProbability {
        tail::normal_upper((threshold - self.mean) / self.sd)
    }

    /// The probability that the effect is smaller than a threshold.
    pub fn chance_below(&self, threshold: f64) -> TailProbability {
        tail::normal_upper((self.mean - threshold) / self.sd)
    }

    /// The probability that the effect lies between two values, such as the limits
    /// of a region of practical equivalence; 0 unless `low < high`.
    pub fn chance_between(&self, low: f64, high: f64) -> TailProbability {
        let (a, b) = ((low - self.mean) / self.sd, (high - self.mean) / self.sd);
        if a >= b {
            return TailProbability::from_ln(f64::NEG_INFINITY);
        }
        // The difference of the tails on the side where they are small.
        let (outer, inner) = if a + b > 0.0 { (b, a) } else { (-a, -b) };
        let (rest, whole) = (tail::normal_upper(outer), tail::normal_upper(inner));
        TailProbability::from_ln(if inner > 0.0 {
            whole.ln_p + ln_one_minus_exp(rest.ln_p - whole.ln_p)
        } else {
            (-(tail::normal_upper(-inner).p + rest.p)).ln_1p()
        })
    }

    /// The expected loss of shipping the treated arm, `E max(-effect, 0)
    /// = sd [phi(z) - z Phi(-z)]` with `z = mean / sd`, in the units of the effect.
    pub fn loss_of_shipping(&self) -> f64 {
        self.sd * tail::ln_normal_loss(self.mean / self.sd).exp()
    }

    /// The expected loss of staying with the control, `E max(effect, 0)`.
    pub fn loss_of_not_shipping(&self) -> f64 {
        self.sd * tail::ln_normal_loss(-self.mean / self.sd).exp()
    }
}

/// On which scale an effect and its prior are stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Treated minus control.
    Absolute,
    /// `(treated - control) / |control|`.
    Relative,
}

/// The posterior of the effect of one arm against another.
///
/// On the absolute scale the likelihood is that of [`Contrast::lift`] with a normal
/// reference. On the relative scale it is the delta method's: with `r = treated /
/// control`, the variance of the relative effect is `(v_t - 2 r cov + r^2 v_c) /
/// control^2`, which carries the noise of the control too.
///
/// # Errors
///
/// A contrast that is not valid or has no variance; on the relative scale, a control
/// that is less than four standard errors away from zero
/// ([`NotEstimable::BaselineNearZero`] with the critical value 4), where a ratio is
/// far from normal.
pub fn posterior_of_contrast(
    contrast: &Contrast,
    scale: Scale,
    prior: &NormalPrior,
) -> Result<NormalPosterior, BayesError> {
    const CLEARLY: f64 = 4.0;
    let Contrast {
        treated,
        control,
        treated_variance,
        control_variance,
        covariance,
        df: _,
    } = *contrast;
    check_finite("treated value", treated)?;
    check_finite("control value", control)?;
    check_variance("variance of the treated value", treated_variance)?;
    check_variance("variance of the control value", control_variance)?;
    check_finite("covariance", covariance)?;
    let difference = treated - control;
    let (estimate, variance) = match scale {
        Scale::Absolute => (difference, contrast.variance_of_difference()),
        Scale::Relative => {
            if control == 0.0 {
                return Err(NotEstimable::ZeroBaseline.into());
            }
            let g = CLEARLY * CLEARLY * (control_variance / control / control);
            if g >= 1.0 || g.is_nan() {
                return Err(NotEstimable::BaselineNearZero { g }.into());
            }
            let r = treated / control;
            let noise = treated_variance - 2.0 * r * covariance + r * r * control_variance;
            (difference / control.abs(), noise / control / control)
        }
    };
    check_variance("variance of the effect", variance)?;
    if variance == 0.0 {
        return Err(Unestimable::NoVariation { difference }.into());
    }
    prior.posterior(estimate, variance.sqrt())
}
