//! The normal-normal model of several effects: `estimate_i ~ N(effect_i, se_i^2)`,
//! `effect_i ~ N(mean, tau^2)`, with the standard errors known.

use crate::omnibus::Effect;
use crate::root;
use crate::tail;

/// What the estimates say of their mean when tau is known.
pub(crate) struct Fixed {
    /// The mean weighted by `1 / (se^2 + tau^2)`.
    pub(crate) mean: f64,
    /// Its variance, one over the sum of the weights.
    pub(crate) mean_variance: f64,
    /// The weighted sum of squares about the mean.
    pub(crate) q: f64,
}

impl Fixed {
    pub(crate) fn at(effects: &[Effect], tau: f64) -> Self {
        let weight = |effect: &Effect| 1.0 / (effect.se * effect.se + tau * tau);
        let total: f64 = effects.iter().map(weight).sum();
        // About the first estimate, so that a large common part cannot cancel.
        let origin = effects[0].estimate;
        let shifted: f64 = effects
            .iter()
            .map(|effect| weight(effect) / total * (effect.estimate - origin))
            .sum();
        let mean = origin + shifted;
        let q = effects
            .iter()
            .map(|effect| weight(effect) * (effect.estimate - mean).powi(2))
            .sum();
        Fixed {
            mean,
            mean_variance: 1.0 / total,
            q,
        }
    }
}

/// Logarithm of the restricted likelihood of tau, which is also its marginal
/// likelihood under a flat prior on the mean.
fn ln_restricted_likelihood(effects: &[Effect], tau: f64) -> f64 {
    let fixed = Fixed::at(effects, tau);
    let ln_determinant: f64 = effects.iter().map(|effect| effect.se.hypot(tau).ln()).sum();
    0.5 * (fixed.mean_variance.ln() - fixed.q) - ln_determinant
}

/// Derivative of the restricted likelihood with respect to `tau^2`, doubled:
/// `sum w^2 (d - mean)^2 - (sum w - sum w^2 / sum w)`.
fn restricted_score(effects: &[Effect], tau: f64) -> f64 {
    let fixed = Fixed::at(effects, tau);
    let weight = |effect: &Effect| 1.0 / (effect.se * effect.se + tau * tau);
    effects
        .iter()
        .map(|effect| {
            let w = weight(effect);
            let deviation = effect.estimate - fixed.mean;
            w * (w * deviation * deviation - 1.0 + w * fixed.mean_variance)
        })
        .sum()
}

/// Smallest and largest scale at which tau can matter.
fn scales(effects: &[Effect]) -> (f64, f64) {
    let fold = |of: fn(&Effect) -> f64, start: f64, pick: fn(f64, f64) -> f64| {
        effects.iter().map(of).fold(start, pick)
    };
    let smallest = fold(|e| e.se, f64::INFINITY, f64::min);
    let largest = fold(|e| e.se, 0.0, f64::max);
    let spread = fold(|e| e.estimate, f64::NEG_INFINITY, f64::max)
        - fold(|e| e.estimate, f64::INFINITY, f64::min);
    (smallest, largest.max(spread))
}

/// Points of `ln tau` that a likelihood is first looked at.
const FIRST_LOOKS: usize = 40;

/// The point of a grid over the scales at which a function of `ln tau` is largest,
/// with its neighbours.
fn best_of_grid(effects: &[Effect], f: impl Fn(f64) -> f64) -> [f64; 3] {
    let (smallest, largest) = scales(effects);
    let (low, high) = (smallest.ln() - 3.0, largest.ln() + 1.0);
    let step = (high - low) / (FIRST_LOOKS - 1) as f64;
    let point = |k: usize| low + step * k as f64;
    let best = (0..FIRST_LOOKS)
        .map(|k| (k, f(point(k))))
        .fold((0, f64::NEG_INFINITY), |best, next| {
            if next.1 > best.1 { next } else { best }
        })
        .0;
    [point(best) - step, point(best), point(best) + step]
}

/// The restricted maximum likelihood estimate of tau; 0 where the likelihood falls
/// from there.
pub(crate) fn restricted_likelihood_tau(effects: &[Effect]) -> f64 {
    let [before, best, after] =
        best_of_grid(effects, |x| ln_restricted_likelihood(effects, x.exp()));
    let score = |tau: f64| restricted_score(effects, tau);
    let (best, after) = (best.exp(), after.exp());
    if score(best) > 0.0 {
        return if score(after) < 0.0 {
            root::bracketed(score, best, after)
        } else {
            after
        };
    }
    // The likelihood is largest at the first point of the grid, or between.
    let before = before.exp();
    if score(before) > 0.0 {
        return root::bracketed(score, before, best);
    }
    if score(0.0) > 0.0 {
        return root::bracketed(score, 0.0, before);
    }
    0.0
}

/// The interval of tau that inverts Cochran's Q at every tau, with `P(chi-square >
/// Q(tau))` between `alpha / 2` and `1 - alpha / 2` (W. Viechtbauer, "Confidence
/// intervals for the amount of heterogeneity in meta-analysis", Statistics in
/// Medicine 26, 2007).
pub(crate) fn q_profile(effects: &[Effect], alpha: f64) -> (f64, f64) {
    let df = (effects.len() - 1) as f64;
    let limit = |quantile: f64| {
        let excess = |tau: f64| Fixed::at(effects, tau).q - quantile;
        if excess(0.0) <= 0.0 {
            return 0.0;
        }
        let mut high = scales(effects).1;
        while excess(high) > 0.0 && high.is_finite() {
            high *= 2.0;
        }
        root::bracketed(excess, 0.0, high)
    };
    (
        limit(tail::chi_square_quantile(1.0 - 0.5 * alpha, df)),
        limit(tail::chi_square_quantile(0.5 * alpha, df)),
    )
}

/// One value of tau, and what holds there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(crate) tau: f64,
    /// Posterior probability of the point.
    pub(crate) weight: f64,
    /// Posterior of the mean, given tau.
    pub(crate) mean: f64,
    pub(crate) mean_variance: f64,
}

/// The posterior of tau under flat priors on the mean and on tau, which exists from
/// three effects on (A. Gelman, "Prior distributions for variance parameters in
/// hierarchical models", Bayesian Analysis 1, 2006), on an even grid of `ln tau`. The
/// trapezoidal rule on it converges exponentially, since the density is smooth and
/// falls exponentially at both ends.
///
/// With five and more effects the grid reaches far enough for second moments of tau,
/// which exist from there on.
pub(crate) fn tau_posterior(effects: &[Effect]) -> Vec<Point> {
    const NEGLIGIBLE: f64 = 32.0;
    const WIDEST_STEP: f64 = 0.4;
    const FEWEST_POINTS: f64 = 48.0;
    const GROWTH: f64 = 1.2;
    const ITERATIONS: usize = 25;
    let ln_density = |x: f64| ln_restricted_likelihood(effects, x.exp()) + x;
    let [before, _, after] = best_of_grid(effects, ln_density);
    let mode = root::peak(ln_density, before, after, ITERATIONS);
    let peak = ln_density(mode);
    let until_negligible = |direction: f64, moment: f64| {
        let mut step = direction * (0.5 / effects.len() as f64).sqrt();
        let mut x = mode;
        // Tau within the range of doubles, squared.
        while x.abs() < 300.0 && ln_density(x) + moment * (x - mode) > peak - NEGLIGIBLE {
            x += step;
            step *= GROWTH;
        }
        x
    };
    let low = until_negligible(-1.0, 0.0);
    let high = until_negligible(1.0, if effects.len() >= 5 { 2.0 } else { 0.0 });
    let intervals = ((high - low) / WIDEST_STEP).ceil().max(FEWEST_POINTS);
    let step = (high - low) / intervals;
    let mut points: Vec<Point> = (0..=intervals as usize)
        .map(|k| {
            let x = low + step * k as f64;
            let tau = x.exp();
            let fixed = Fixed::at(effects, tau);
            Point {
                tau,
                weight: (ln_density(x) - peak).exp(),
                mean: fixed.mean,
                mean_variance: fixed.mean_variance,
            }
        })
        .collect();
    let total: f64 = points.iter().map(|point| point.weight).sum();
    for point in &mut points {
        point.weight /= total;
    }
    points
}
