//! Does one arm tend to have larger values? Tests of ranks, and the probability that a
//! treated customer exceeds a control customer.
//!
//! Ranks need only the order of the values, so nothing here is moved by how extreme the
//! extreme values are. They say nothing of means, and so nothing of money: an arm can win
//! most comparisons and earn less.
//!
//! | question | function | its probability is true when |
//! | --- | --- | --- |
//! | by how much does one arm win? | [`lift_of_ranks`] | samples are large |
//! | are two distributions the same? | [`mann_whitney`] | they are the same |
//! | are several distributions the same? | [`kruskal_wallis`] | they are the same |
//!
//! All take [`Distribution`]s. The values of a bucket count as ties, and so do the values
//! of steps that overlap: from a [`Histogram`](crate::quantile::Histogram) come the tests
//! of values coarsened by less than 0.8 %, as true as those of the values themselves and
//! hardly weaker.

use crate::error::{Arm, Unestimable};
use crate::lift::{Contrast, Lift, Method};
use crate::mean::Sample;
use crate::omnibus::EffectsError;
use crate::quantile::Distribution;
use crate::tail::{self, TailProbability};

/// How many values each arm has among those that are tied, in ascending order of the
/// values: a chunk of `arms.len()` counts each.
fn ties(arms: &[&Distribution]) -> Vec<u64> {
    let mut rest: Vec<_> = arms.iter().map(|arm| arm.steps()).collect();
    let mut counts = Vec::new();
    loop {
        let firsts = rest.iter().filter_map(|steps| steps.first());
        let Some(lowest) = firsts.min_by(|a, b| a.low.total_cmp(&b.low)) else {
            return counts;
        };
        let mut high = lowest.high;
        let tied = counts.len();
        counts.resize(tied + arms.len(), 0);
        // A step that overlaps may reach over steps of arms that were passed already.
        let mut grown = true;
        while grown {
            grown = false;
            for (steps, count) in rest.iter_mut().zip(&mut counts[tied..]) {
                while let [step, later @ ..] = steps
                    && step.low <= high
                {
                    *count += step.upto - step.below;
                    grown |= step.high > high;
                    high = high.max(step.high);
                    *steps = later;
                }
            }
        }
    }
}

/// `1 - sum(t^3 - t) / (n^3 - n)` over the numbers t of values that are tied: what ties
/// leave of the variance of the ranks.
fn untied(totals: impl Iterator<Item = u64>, n: f64) -> f64 {
    let tied: f64 = totals
        .map(|total| {
            let t = total as f64;
            t * (t - 1.0) * (t + 1.0)
        })
        .sum();
    1.0 - tied / (n * (n - 1.0) * (n + 1.0))
}

/// A test that two distributions are the same, by Mann and Whitney.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// Pairs of a treated and a control value of which the treated is the larger, and half
    /// of those that are tied.
    pub u: f64,
    /// U less its expectation, in standard errors, half a unit nearer to zero.
    pub z: f64,
    /// Two-sided probability.
    pub probability: TailProbability,
}

/// The test of Mann and Whitney (Annals of Mathematical Statistics 18, 1947), also known as
/// Wilcoxon's rank sum test: with `n = n_t + n_c` values of which `t_k` are tied,
///
/// ```text
/// U = #(treated > control) + #(treated = control) / 2
/// z = (U - n_t n_c / 2 -+ 1/2) / sqrt(n_t n_c / 12 [n + 1 - sum(t_k^3 - t_k) / (n (n - 1))])
/// ```
///
/// in the normal limit, corrected for ties and by half a unit for continuity (a z that the
/// half unit takes over zero is zero).
///
/// Its null is that the distributions are the same: arms that win equally often but vary
/// differently are rejected too often, or too seldom. [`lift_of_ranks`] has the weaker null
/// and the interval. Arms without any variation are the same with certainty when equal.
///
/// # Errors
///
/// An arm without values.
///
/// ```
/// use stats::quantile::Distribution;
/// use stats::ranks::mann_whitney;
///
/// let treated = Distribution::of([3.0, 4.0, 5.0]);
/// let control = Distribution::of([1.0, 2.0, 3.0]);
/// assert_eq!(mann_whitney(&treated, &control)?.u, 8.5);
/// # Ok::<(), stats::Unestimable>(())
/// ```
pub fn mann_whitney(
    treated: &Distribution,
    control: &Distribution,
) -> Result<MannWhitney, Unestimable> {
    check_count(treated, Arm::Treated, 1)?;
    check_count(control, Arm::Control, 1)?;
    let counts = ties(&[treated, control]);
    let (n_t, n_c) = (treated.count(), control.count());
    let n = n_t as f64 + n_c as f64;
    let half_pairs = 0.5 * n_t as f64 * n_c as f64;
    let twice_u = twice_u(&counts);
    // The difference is taken in whole numbers: U alone may be beyond 2^53.
    let twice_excess = twice_u as i128 - i128::from(n_t) * i128::from(n_c);
    let excess = 0.5 * twice_excess as f64;
    let left = untied(counts.chunks_exact(2).map(|tied| tied[0] + tied[1]), n);
    let se = (half_pairs / 6.0 * (n + 1.0) * left).sqrt();
    let towards_zero = (excess.abs() - 0.5).max(0.0);
    let z = if se > 0.0 {
        towards_zero.copysign(excess) / se
    } else {
        0.0
    };
    Ok(MannWhitney {
        u: 0.5 * twice_u as f64,
        z,
        probability: tail::normal_two_sided(z),
    })
}

/// Twice U of the first arm of two.
fn twice_u(counts: &[u64]) -> u128 {
    let mut below = 0u128;
    let mut twice_u = 0;
    for tied in counts.chunks_exact(2) {
        let (t, c) = (u128::from(tied[0]), u128::from(tied[1]));
        twice_u += t * (2 * below + c);
        below += c;
    }
    twice_u
}

/// By how much one arm wins: the probability `W_t = P(X > Y) + P(X = Y) / 2` that a treated
/// customer X exceeds a control customer Y, ties shared, against `W_c = 1 - W_t`.
///
/// * absolute: `W_t - W_c`, in [-1, 1]; the probability of superiority itself is
///   `W_t = (1 + absolute) / 2`, for the estimate and for each limit;
/// * relative: `W_t / W_c - 1`, the win odds less one (Fieller);
/// * probability: that of Brunner and Munzel's test (Biometrical Journal 42, 2000).
///
/// With the placement of a treated value among the control values, `F_c(x) = [#(y < x) +
/// #(y = x) / 2] / n_c`, whose mean is the estimate of `W_t`, and that of a control value
/// among the treated, whose mean is the estimate of `W_c`, the variance is
/// `s^2(F_c) / n_t + s^2(F_t) / n_c` for either and the degrees of freedom are
/// Satterthwaite's. No shape is assumed and none need be the same: the null is `W_t = W_c`
/// and no more. As of any [`Contrast`], the intervals exclude zero (`W_t` one half, the win
/// odds one) exactly when `p < alpha`.
///
/// # Errors
///
/// An arm with fewer than two values, a level outside (0, 1), and
/// [`Unestimable::NoVariation`] when every value of one arm exceeds all of the other:
/// [`mann_whitney`] has a probability for that.
///
/// ```
/// use stats::quantile::Distribution;
/// use stats::ranks::lift_of_ranks;
///
/// let treated = Distribution::of([2.0, 4.0, 5.0, 9.0]);
/// let control = Distribution::of([1.0, 3.0, 4.0, 8.0]);
/// let lift = lift_of_ranks(&treated, &control, 0.05)?;
/// // Ten and a half pairs of sixteen.
/// assert_eq!((1.0 + lift.absolute.estimate) / 2.0, 0.65625);
/// # Ok::<(), stats::Unestimable>(())
/// ```
pub fn lift_of_ranks(
    treated: &Distribution,
    control: &Distribution,
    alpha: f64,
) -> Result<Lift, Unestimable> {
    check_count(treated, Arm::Treated, 2)?;
    check_count(control, Arm::Control, 2)?;
    let counts = ties(&[treated, control]);
    let own = placements(&counts, 0, control.count());
    let other = placements(&counts, 1, treated.count());
    let means = Contrast::of_means(&own, &other)?;
    let variance = means.treated_variance + means.control_variance;
    // The two means are one estimate and its complement.
    Contrast {
        treated_variance: variance,
        control_variance: variance,
        covariance: -variance,
        ..means
    }
    .lift(alpha, Method::BrunnerMunzel)
}

/// The placements of one arm's values among the other's, of which there are so many.
fn placements(counts: &[u64], arm: usize, others: u64) -> Sample {
    let others = others as f64;
    // How often each placement occurs.
    let each = || {
        let mut below = 0.0;
        counts.chunks_exact(2).map(move |tied| {
            let other = tied[1 - arm] as f64;
            let placement = (below + 0.5 * other) / others;
            below += other;
            (tied[arm], placement)
        })
    };
    let n: u64 = each().map(|(times, _)| times).sum();
    let mean = each().map(|(times, x)| times as f64 * x).sum::<f64>() / n as f64;
    let squares: f64 = each()
        .map(|(times, x)| times as f64 * (x - mean) * (x - mean))
        .sum();
    Sample {
        n,
        mean,
        variance: squares / (n as f64 - 1.0),
    }
}

/// A test that several distributions are the same, by Kruskal and Wallis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KruskalWallis {
    /// The statistic H, corrected for ties.
    pub h: f64,
    /// Degrees of freedom of its chi-square reference: arms less one.
    pub df: f64,
    /// The probability of an H at least this large.
    pub probability: TailProbability,
}

/// The test of Kruskal and Wallis (Journal of the American Statistical Association 47,
/// 1952): of n values, with `R_i` the mean rank in arm i and `t_k` values tied,
///
/// ```text
/// H = 12 / [n (n + 1)] sum n_i (R_i - (n + 1) / 2)^2 / [1 - sum(t_k^3 - t_k) / (n^3 - n)]
/// ```
///
/// against chi-square. Of two arms, H is the square of [`mann_whitney`]'s z without the
/// correction for continuity. Arms without any variation are the same with certainty.
///
/// # Errors
///
/// Fewer than two arms, or one without values.
pub fn kruskal_wallis(arms: &[&Distribution]) -> Result<KruskalWallis, EffectsError> {
    const NEEDED: usize = 2;
    if arms.len() < NEEDED {
        return Err(EffectsError::TooFew {
            n: arms.len(),
            needed: NEEDED,
        });
    }
    if let Some(place) = arms.iter().position(|arm| arm.count() == 0) {
        return Err(EffectsError::Invalid {
            place,
            what: "number of observations",
            value: 0.0,
        });
    }
    let counts = ties(arms);
    let n: u64 = arms.iter().map(|arm| arm.count()).sum();
    // Twice the distance of a rank from the middle, (n + 1) / 2, is a whole number.
    let mut sums = vec![0i128; arms.len()];
    let mut below = 0i128;
    for tied in counts.chunks_exact(arms.len()) {
        let total: i128 = tied.iter().copied().map(i128::from).sum();
        let twice_distance = 2 * below + total - i128::from(n);
        for (sum, &count) in sums.iter_mut().zip(tied) {
            *sum += i128::from(count) * twice_distance;
        }
        below += total;
    }
    let between: f64 = sums
        .iter()
        .zip(arms)
        .map(|(&sum, arm)| {
            let sum = 0.5 * sum as f64;
            sum * (sum / arm.count() as f64)
        })
        .sum();
    let n = n as f64;
    let totals = counts
        .chunks_exact(arms.len())
        .map(|tied| tied.iter().sum());
    let left = untied(totals, n);
    let h = if left > 0.0 {
        12.0 / (n * (n + 1.0)) * between / left
    } else {
        0.0
    };
    let df = (arms.len() - 1) as f64;
    Ok(KruskalWallis {
        h,
        df,
        probability: tail::chi_square_upper(h, df),
    })
}

/// Refuses a distribution of too few values.
fn check_count(distribution: &Distribution, arm: Arm, needed: u64) -> Result<(), Unestimable> {
    let n = distribution.count();
    if n >= needed {
        Ok(())
    } else if n == 0 {
        Err(Unestimable::Empty { arm })
    } else {
        Err(Unestimable::TooFew { arm, n, needed })
    }
}
