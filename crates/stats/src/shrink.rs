//! Several effects told apart from their noise: segments pulled towards each other,
//! a prior learned from past experiments, and the winner's curse.
//!
//! The best of several noisy estimates is the best partly by luck. [`RandomEffects`]
//! learns from all of them how much effects differ, and moves each towards their mean
//! by as much as its own noise warrants. A posterior needs no further correction for
//! having been selected (A. P. Dawid, "Selection paradoxes of Bayesian inference",
//! 1994), provided that all estimates are given, the losers too.

use crate::bayes::{Credible, NormalPrior};
use crate::error::{check_alpha, check_finite};
use crate::omnibus::{Effect, EffectsError, check_effects};
use crate::random_effects::{Point, q_profile, restricted_likelihood_tau, tau_posterior};
use crate::tail;

/// Fewest effects from which their spread has a posterior.
pub const FEWEST_EFFECTS: usize = 3;

/// Fewest past experiments for a prior: from here on the spread has a posterior
/// variance.
pub const FEWEST_EXPERIMENTS: usize = 5;

/// Effects that are drawn from one normal distribution, whose mean and standard
/// deviation tau are learned from their estimates:
/// `estimate_i ~ N(effect_i, se_i^2)`, `effect_i ~ N(mean, tau^2)`, standard errors
/// known and different, estimates independent (segments of disjoint customers,
/// different experiments).
///
/// Given tau, the posterior of an effect is normal with mean `B_i m + (1 - B_i)
/// estimate_i`, `B_i = se_i^2 / (se_i^2 + tau^2)`, and variance `(1 - B_i) se_i^2 +
/// B_i^2 var(m)`, where `m` is the weighted mean (C. N. Morris, "Parametric empirical
/// Bayes inference", Journal of the American Statistical Association 78, 1983). It is
/// averaged over the posterior of tau under flat priors on the mean and on tau, so
/// that intervals carry the uncertainty of both; a plugged-in tau would make them too
/// short.
#[derive(Debug, Clone)]
pub struct RandomEffects {
    effects: Vec<Effect>,
    points: Vec<Point>,
}

/// What is believed of one effect, given all estimates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shrunk {
    /// Posterior mean.
    pub mean: f64,
    /// Posterior standard deviation.
    pub sd: f64,
    /// Central credible interval.
    pub interval: Credible,
}

/// The sum of several effects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Total {
    /// Its estimate.
    pub estimate: f64,
    /// Its standard deviation, or standard error.
    pub se: f64,
}

impl RandomEffects {
    /// Learns the distribution of the effects; the degrees of freedom of their
    /// standard errors are not used.
    ///
    /// # Errors
    ///
    /// Fewer than [`FEWEST_EFFECTS`] estimates: two cannot tell how much effects
    /// differ. An estimate that is not finite, a standard error that is not positive.
    ///
    /// ```
    /// use stats::omnibus::Effect;
    /// use stats::shrink::RandomEffects;
    ///
    /// let effect = |estimate| Effect { estimate, se: 1.0, df: f64::INFINITY };
    /// let segments = [effect(0.5), effect(2.5), effect(1.0), effect(0.2)];
    /// let model = RandomEffects::fit(&segments).unwrap();
    /// let best = model.shrunk(1, 0.05).unwrap();
    /// assert!(best.mean < 2.5 && best.mean > 1.0);
    /// ```
    pub fn fit(effects: &[Effect]) -> Result<Self, EffectsError> {
        check_effects(effects, FEWEST_EFFECTS)?;
        Ok(RandomEffects {
            points: tau_posterior(effects),
            effects: effects.to_vec(),
        })
    }

    /// The posterior mean of the mean of the effects.
    pub fn mean(&self) -> f64 {
        self.average(|point| point.mean)
    }

    /// The standard deviation of the effects by restricted maximum likelihood.
    pub fn tau(&self) -> f64 {
        restricted_likelihood_tau(&self.effects)
    }

    /// The confidence interval of tau that inverts Cochran's Q (Viechtbauer 2007).
    pub fn tau_interval(&self, alpha: f64) -> Result<Credible, EffectsError> {
        check_alpha(alpha)?;
        let (low, high) = q_profile(&self.effects, alpha);
        Ok(Credible { low, high })
    }

    /// The posterior of the effect at a place, with an interval that holds it with
    /// probability `1 - alpha`.
    pub fn shrunk(&self, place: usize, alpha: f64) -> Result<Shrunk, EffectsError> {
        check_alpha(alpha)?;
        let Some(effect) = self.effects.get(place) else {
            return Err(EffectsError::NoSuchEffect { place });
        };
        let given_tau = |point: &Point| {
            let shrinkage = shrinkage(effect, point.tau);
            let mean = effect.estimate + shrinkage * (point.mean - effect.estimate);
            let variance = (1.0 - shrinkage) * effect.se * effect.se
                + shrinkage * shrinkage * point.mean_variance;
            (mean, variance)
        };
        let (mean, variance) = self.mixed(given_tau);
        let sd = variance.sqrt();
        let parts: Vec<(f64, f64, f64)> = self
            .points
            .iter()
            .map(|point| {
                let (mean, variance) = given_tau(point);
                (point.weight, mean, variance.sqrt())
            })
            .collect();
        Ok(Shrunk {
            mean,
            sd,
            interval: Credible {
                low: mixture_quantile(&parts, 0.5 * alpha, mean, sd),
                // By symmetry, through the small tail.
                high: -mixture_quantile(
                    &parts
                        .iter()
                        .map(|&(weight, mean, sd)| (weight, -mean, sd))
                        .collect::<Vec<_>>(),
                    0.5 * alpha,
                    -mean,
                    sd,
                ),
            },
        })
    }

    /// The sum of the effects at some places, such as those that were shipped. Its
    /// variance carries what the effects have in common: the uncertainty of their
    /// mean and of tau.
    pub fn total(&self, places: &[usize]) -> Result<Total, EffectsError> {
        let once: Vec<(usize, f64)> = places.iter().map(|&place| (place, 1.0)).collect();
        self.weighted(&once)
    }

    /// The sum of the effects at some places, each with a weight, such as the share of the
    /// customers whom it is for.
    ///
    /// # Errors
    ///
    /// [`EffectsError::NoSuchEffect`].
    pub fn weighted(&self, weights: &[(usize, f64)]) -> Result<Total, EffectsError> {
        let chosen = weights
            .iter()
            .map(|&(place, weight)| {
                let effect = self.effects.get(place);
                Ok((effect.ok_or(EffectsError::NoSuchEffect { place })?, weight))
            })
            .collect::<Result<Vec<(&Effect, f64)>, EffectsError>>()?;
        let (estimate, variance) = self.mixed(|point| {
            let (mut mean, mut variance, mut common) = (0.0, 0.0, 0.0);
            for (effect, weight) in &chosen {
                let shrinkage = shrinkage(effect, point.tau);
                let shrunk = effect.estimate + shrinkage * (point.mean - effect.estimate);
                mean += weight * shrunk;
                variance += weight * weight * (1.0 - shrinkage) * effect.se * effect.se;
                common += weight * shrinkage;
            }
            (mean, variance + common * common * point.mean_variance)
        });
        Ok(Total {
            estimate,
            se: variance.sqrt(),
        })
    }

    fn average(&self, of: impl Fn(&Point) -> f64) -> f64 {
        self.points
            .iter()
            .map(|point| point.weight * of(point))
            .sum()
    }

    /// Mean and variance over tau of what has a mean and a variance given tau.
    fn mixed(&self, given_tau: impl Fn(&Point) -> (f64, f64)) -> (f64, f64) {
        let mean = self.average(|point| given_tau(point).0);
        let variance = self.average(|point| {
            let (mean_here, variance_here) = given_tau(point);
            variance_here + (mean_here - mean) * (mean_here - mean)
        });
        (mean, variance)
    }
}

/// The share by which an estimate is moved to the mean, `se^2 / (se^2 + tau^2)`.
fn shrinkage(effect: &Effect, tau: f64) -> f64 {
    let r = tau / effect.se;
    1.0 / (1.0 + r * r)
}

/// The `p`-quantile, `p < 1/2`, of a mixture of normals `(weight, mean, sd)`, by
/// Newton's method on the scale on which a normal distribution is a straight line.
fn mixture_quantile(parts: &[(f64, f64, f64)], p: f64, mean: f64, sd: f64) -> f64 {
    const ITERATIONS: usize = 50;
    const CLOSE: f64 = 1e-5;
    // Chebyshev's inequality: no more of a distribution lies farther out.
    let mut low = mean - sd / p.sqrt();
    let mut high = mean + sd;
    let target = tail::normal_quantile(p);
    let mut x = mean + target * sd;
    for _ in 0..ITERATIONS {
        let (mut below, mut density) = (0.0, 0.0);
        for &(weight, mean, sd) in parts {
            let z = (x - mean) / sd;
            below += weight * tail::normal_cdf(z);
            density += weight * (-0.5 * z * z).exp() / sd;
        }
        let z = tail::normal_quantile(below.clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON));
        if z > target {
            high = x;
        } else {
            low = x;
        }
        let step = (target - z) * (-0.5 * z * z).exp() / density;
        let next = x + step;
        if step.abs() <= CLOSE * sd {
            return next;
        }
        x = if next > low && next < high {
            next
        } else {
            0.5 * (low + high)
        };
    }
    x
}

/// A prior for the next experiment, learned from the past ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearnedPrior {
    /// How many past experiments it rests on.
    pub experiments: usize,
    /// The mean of their effects.
    pub mean: f64,
    /// The standard deviation of what is believed of that mean.
    pub mean_sd: f64,
    /// The standard deviation of the effects, by restricted maximum likelihood; 0
    /// when noise alone explains their differences.
    pub tau: f64,
    /// Confidence interval of tau.
    pub tau_interval: Credible,
    /// The prior of the next effect: normal with the mean and the variance of its
    /// predictive distribution, `E[tau^2 + var(mean | tau)] + var(E[mean | tau])`,
    /// which is wider than tau by what the past leaves open.
    pub prior: NormalPrior,
}

impl LearnedPrior {
    /// Learns from the estimates of all past experiments on one scale, the failed ones
    /// too; `alpha` is the level of the interval of tau.
    ///
    /// # Errors
    ///
    /// Fewer than [`FEWEST_EXPERIMENTS`]; see also [`RandomEffects::fit`].
    pub fn learn(past: &[Effect], alpha: f64) -> Result<Self, EffectsError> {
        check_effects(past, FEWEST_EXPERIMENTS)?;
        let model = RandomEffects::fit(past)?;
        let (mean, mean_variance) = model.mixed(|point| (point.mean, point.mean_variance));
        let spread = model.average(|point| point.tau * point.tau);
        Ok(LearnedPrior {
            experiments: past.len(),
            mean,
            mean_sd: mean_variance.sqrt(),
            tau: model.tau(),
            tau_interval: model.tau_interval(alpha)?,
            prior: NormalPrior::Normal {
                mean,
                sd: (mean_variance + spread).sqrt(),
            },
        })
    }
}

/// The effects that a threshold selected, and their sum without its winner's curse.
#[derive(Debug, Clone, PartialEq)]
pub struct Winners {
    /// Places of the selected effects.
    pub selected: Vec<usize>,
    /// The sum of their estimates, too large on average.
    pub naive: f64,
    /// How much too large.
    pub bias: f64,
    /// `naive - bias`, with its standard error about the sum of the selected effects.
    pub corrected: Total,
}

/// Corrects the sum of the effects that were shipped because `estimate / se` exceeded
/// a critical value (M. R. Lee and M. Shen, "Winner's curse: bias estimation for total
/// effects of features in online controlled experiments", KDD 2018).
///
/// The sum of the selected estimates exceeds the sum of their effects by `sum_i se_i
/// phi(c - effect_i / se_i)` on average, over all experiments, the losers too; the
/// estimates stand in for the effects. That they do leaves a part of the bias: where
/// `z_i = effect_i / se_i`, the average of the term is `phi((c - z_i) / sqrt 2) /
/// sqrt 2` instead of `phi(c - z_i)`. [`RandomEffects::total`] has no such remainder
/// where its normal distribution of the effects holds, and needs no threshold. The
/// standard error is that of the corrected sum less the sum of the selected effects,
/// in closed form, with the same substitution.
pub fn winners(all: &[Effect], critical: f64) -> Result<Winners, EffectsError> {
    check_effects(all, 1)?;
    check_finite("critical value", critical)?;
    let selected: Vec<usize> = (0..all.len())
        .filter(|&i| all[i].estimate > critical * all[i].se)
        .collect();
    let naive: f64 = selected.iter().map(|&i| all[i].estimate).sum();
    let (mut bias, mut variance) = (0.0, 0.0);
    for effect in all {
        let short = critical - effect.estimate / effect.se;
        bias += effect.se * normal_density(short);
        variance += effect.se * effect.se * correction_variance(short);
    }
    Ok(Winners {
        selected,
        naive,
        bias,
        corrected: Total {
            estimate: naive - bias,
            se: variance.sqrt(),
        },
    })
}

/// The variance of `U 1{U > c} - phi(c - U)` for a standard normal U: the error of one
/// corrected term whose effect lies c standard errors below the threshold.
fn correction_variance(c: f64) -> f64 {
    use std::f64::consts::{FRAC_1_SQRT_2, PI};
    let selection = tail::normal_upper(c).p + c * normal_density(c);
    let substitution = (-c * c / 3.0).exp() / (2.0 * PI * 3f64.sqrt());
    // int_c u phi(u) phi(c - u) du, by completing the square.
    let half = (-0.25 * c * c).exp();
    let both = half / (2.0 * PI)
        * (0.5 * half + 0.5 * c * PI.sqrt() * tail::normal_upper(c * FRAC_1_SQRT_2).p);
    let mean = normal_density(c) - FRAC_1_SQRT_2 * normal_density(c * FRAC_1_SQRT_2);
    (selection + substitution - 2.0 * both - mean * mean).max(0.0)
}

fn normal_density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// The positive-part James-Stein estimate of effects with one common standard error:
/// each times `max(0, 1 - (k - 2) / sum (estimate / se)^2)`.
///
/// It is here to compare with. It moves every effect towards zero by the same share,
/// the precise ones as much as the noisy ones, and gives no interval;
/// [`RandomEffects`] moves each by its own noise, and has one.
///
/// # Errors
///
/// Fewer than three effects, for which there is nothing to gain; or invalid ones.
pub fn james_stein(effects: &[Effect]) -> Result<Vec<f64>, EffectsError> {
    check_effects(effects, 3)?;
    let squares: f64 = effects
        .iter()
        .map(|effect| (effect.estimate / effect.se).powi(2))
        .sum();
    let kept = (1.0 - (effects.len() - 2) as f64 / squares).max(0.0);
    Ok(effects.iter().map(|e| kept * e.estimate).collect())
}
