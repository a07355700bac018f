//! All pairs of arms.

use std::f64::consts::{FRAC_1_SQRT_2, PI, SQRT_2};

use super::scale::average_over_scale;
use super::{critical_between, within_bounds};
use crate::error::{Unestimable, check_alpha};
use crate::lift::{Contrast, Lift, Method};
use crate::mean::Sample;
use crate::tail::{self, TailProbability};

/// The distribution of the studentized range: the largest minus the smallest of
/// `arms` independent standard normals, over a common scale.
///
/// Probabilities are by numerical integration over the largest value and the scale,
/// to some ten digits, also when they are small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StudentizedRange {
    arms: usize,
}

impl StudentizedRange {
    /// The range of so many values; two where fewer are given.
    pub fn new(arms: usize) -> Self {
        StudentizedRange { arms: arms.max(2) }
    }

    /// `P(Q > q)` with `df` degrees of freedom of the scale.
    ///
    /// Below 1e-250 it is Bonferroni's bound over the pairs, from which it then
    /// differs little.
    pub fn upper(&self, q: f64, df: f64) -> TailProbability {
        let t = q.max(0.0) / SQRT_2;
        let alone = tail::student_t_two_sided(t, df);
        let joint = || average_over_scale(df, t, |s| self.range_beyond(SQRT_2 * t * s));
        within_bounds(alone, self.pairs(), joint)
    }

    /// The q with `upper(q, df).p = alpha`.
    pub fn critical(&self, alpha: f64, df: f64) -> f64 {
        let probability = |t| self.upper(SQRT_2 * t, df);
        SQRT_2 * critical_between(alpha, df, self.pairs(), probability)
    }

    fn pairs(&self) -> f64 {
        let arms = self.arms as f64;
        0.5 * arms * (arms - 1.0)
    }

    /// `P(range > w)` for the scale one: over the largest value z, the probability
    /// that not all others lie within w below it.
    fn range_beyond(&self, w: f64) -> f64 {
        let arms = self.arms as f64;
        let others = arms - 1.0;
        // Below, nearly no largest value lies, and beyond the end none that matters
        // against P(range > w), which falls like exp(-w^2 / 4).
        let start = -9.0 / arms.sqrt();
        let end = (0.5 * w * w + 80.0).sqrt();
        let step = 0.7 / (1.0 + arms).sqrt();
        let steps = ((end - start) / step).ceil() as u32;
        let below = |z: f64| 0.5 * libm::erfc(-z * FRAC_1_SQRT_2);
        let sum: f64 = (0..=steps)
            .map(|k| {
                let z = start + f64::from(k) * step;
                let all_below = below(z);
                let far = below(z - w) / all_below;
                let any_far = -(others * (-far).ln_1p()).exp_m1();
                (-0.5 * z * z).exp() * all_below.powf(others) * any_far
            })
            .sum();
        arms * sum * step / (2.0 * PI).sqrt()
    }
}

/// The effect of one arm against another.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The arm that stands as treated.
    pub treated: usize,
    /// The arm that stands as control, which comes before it.
    pub control: usize,
    /// The effect; its interval holds together with those of all other pairs.
    pub lift: Lift,
}

/// The effects between all pairs of arms: intervals that hold together with
/// confidence `1 - alpha`, and the probabilities adjusted to match.
///
/// Welch's t statistic of each pair, times the square root of two, is held against
/// the studentized range of all arms with the pair's Satterthwaite degrees of freedom
/// (P. A. Games and J. F. Howell, Journal of Educational Statistics 1, 1976). With
/// unequal variances this is an approximation; simulations find the error rate close
/// to nominal and at times a little above it.
///
/// # Errors
///
/// Those of [`lift_of_means`](crate::lift_of_means) for any of the pairs.
pub fn games_howell(arms: &[Sample], alpha: f64) -> Result<Vec<Pair>, Unestimable> {
    check_alpha(alpha)?;
    let range = StudentizedRange::new(arms.len());
    let mut pairs = Vec::with_capacity(arms.len() * arms.len().saturating_sub(1) / 2);
    for treated in 1..arms.len() {
        for control in 0..treated {
            let contrast = Contrast::of_means(&arms[treated], &arms[control])?;
            let df = contrast.df;
            let critical = range.critical(alpha, df) / SQRT_2;
            let two_sided = |t: f64| range.upper(SQRT_2 * t.abs(), df);
            pairs.push(Pair {
                treated,
                control,
                lift: contrast.lift_against(alpha, critical, two_sided, Method::GamesHowell)?,
            });
        }
    }
    Ok(pairs)
}
