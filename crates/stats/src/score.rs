//! The score test of two shares for small counts, and the intervals that invert it.
//!
//! The statistic is that of O. S. Miettinen and M. Nurminen, "Comparative analysis
//! of two rates", Statistics in Medicine 4 (1985): the departure of the observed
//! shares from a supposed difference, or ratio, over the standard deviation that it
//! would have at the shares most likely under the supposition. For no difference
//! and for the ratio one it is the same, the pooled test, so that one verdict holds
//! for both.
//!
//! Its probability is not read from the normal distribution, which is wrong by
//! orders of magnitude for few counts in arms of different size, but added up over
//! all tables with a statistic at least as large, at those most likely shares: the
//! unconditional test of B. E. Storer and C. Kim, "Exact properties of some exact
//! test statistics for comparing two binomial proportions", Journal of the American
//! Statistical Association 85 (1990).
//!
//! A limit of an interval is looked for around the limit that the normal
//! distribution gives, so that suppositions far from the counts, whose tables are
//! many, are not asked about. The probability jumps where tables change order, and
//! may cross the level there more than once; one of those crossings is the limit.
//!
//! The work: some 60 probabilities for four limits, each going through the counts of
//! one arm within some seven standard deviations. Few successes have a small standard
//! deviation, however many observations.

use crate::counts::Window;
use crate::error::NotEstimable;
use crate::lift::{Estimate, Lift, Method, Relative};
use crate::pooled::{Region, TIE};
use crate::root;
use crate::share::Counts;
use crate::tail::{self, TailProbability};

/// The test and its intervals. Both arms have observations.
pub(crate) fn lift(treated: Counts, control: Counts, alpha: f64) -> Lift {
    let test = ScoreTest { treated, control };
    let (p_t, p_c) = (treated.share(), control.share());
    let difference = p_t - p_c;
    let no_effect = match Region::new(treated, control) {
        Some(region) => region.at_pooled_share(),
        None => TailProbability::from_ln(0.0),
    };
    let limits = Limits {
        test: &test,
        alpha,
        critical: tail::student_t_critical(alpha, f64::INFINITY),
        no_effect: no_effect.p,
    };
    let (low, high) = limits.around(difference, (-1.0, 1.0), f64::INFINITY, Null::Difference);
    let relative = if control.successes == 0 {
        Err(NotEstimable::ZeroBaseline)
    } else {
        // On the logarithmic scale, as far as any counts can tell two shares apart.
        const FAR: f64 = 100.0;
        const STEP: f64 = 0.2;
        let ln_ratio = (p_t / p_c).ln().max(-FAR);
        let null = |ln: f64| Null::Ratio(ln.exp());
        let (low, high) = limits.around(ln_ratio, (-FAR, FAR), STEP, null);
        Ok(Relative {
            estimate: difference / p_c,
            low: low.exp_m1(),
            high: high.exp_m1(),
        })
    };
    Lift {
        absolute: Estimate {
            estimate: difference,
            se: (p_t * (1.0 - p_t) / treated.n as f64 + p_c * (1.0 - p_c) / control.n as f64)
                .sqrt(),
            df: f64::INFINITY,
            low,
            high,
        },
        relative,
        probability: no_effect,
        statistic: test.statistic(treated.successes, control.successes, Null::Difference(0.0)),
        method: Method::Score,
    }
}

/// Looks for the suppositions that the test does not reject.
struct Limits<'a> {
    test: &'a ScoreTest,
    alpha: f64,
    /// The normal critical value.
    critical: f64,
    /// The probability under no effect, which is at zero on either scale.
    no_effect: f64,
}

impl Limits<'_> {
    /// The limits on either side of an estimate, between the ends of what is
    /// possible. `step` is the longest first step from the normal limit.
    fn around(
        &self,
        estimate: f64,
        ends: (f64, f64),
        step: f64,
        null: impl Fn(f64) -> Null + Copy,
    ) -> (f64, f64) {
        let significant = self.no_effect < self.alpha;
        // By how much the probability exceeds the level. At no effect it is the one
        // reported, so that the interval cannot disagree with it.
        let excess = |x: f64| {
            let p = if x == 0.0 {
                self.no_effect
            } else {
                self.test.probability(null(x), PRECISION * self.alpha)
            };
            p - self.alpha
        };
        let limit = |end: f64| {
            // From the estimate to an end, but only to no effect if that lies between
            // and is outside, and starting from there if it is inside.
            let beyond = end * estimate < 0.0;
            let (from, to) = match (significant, beyond) {
                (true, true) => (estimate, 0.0),
                (false, true) => (0.0, end),
                _ => (estimate, end),
            };
            let guess = self.normal_limit((from, to), estimate, null);
            let step = (0.1 * (guess - estimate).abs()).min(step);
            root::boundary(excess, from, to, guess, step)
        };
        (limit(ends.0), limit(ends.1))
    }

    /// The point between `from` and `to` at which the statistic has its normal
    /// critical value, to one per cent of its distance from the estimate; `to` itself
    /// when it stays below.
    fn normal_limit(
        &self,
        (from, to): (f64, f64),
        estimate: f64,
        null: impl Fn(f64) -> Null,
    ) -> f64 {
        const ROUGH: f64 = 0.01;
        let (x_t, x_c) = (self.test.treated.successes, self.test.control.successes);
        let inside = |x: f64| self.test.statistic(x_t, x_c, null(x)).abs() < self.critical;
        if from == to || inside(to) {
            return to;
        }
        let (mut near, mut far) = (from, to);
        while (far - near).abs() > ROUGH * (far - estimate).abs() {
            let middle = 0.5 * (near + far);
            if inside(middle) {
                near = middle;
            } else {
                far = middle;
            }
        }
        far
    }
}

/// What does not change a comparison of a probability with the level, as a share of
/// the level.
const PRECISION: f64 = 1e-11;

/// A supposition about the two shares.
#[derive(Clone, Copy)]
enum Null {
    /// `treated - control`.
    Difference(f64),
    /// `treated / control`.
    Ratio(f64),
}

/// What was counted.
struct ScoreTest {
    treated: Counts,
    control: Counts,
}

impl ScoreTest {
    /// The statistic of a table with the same observations; it rises with the
    /// treated successes and falls with the control's.
    fn statistic(&self, x_t: u64, x_c: u64, null: Null) -> f64 {
        let (n_t, n_c) = (self.treated.n as f64, self.control.n as f64);
        let (observed_t, observed_c) = (x_t as f64 / n_t, x_c as f64 / n_c);
        let (departure, factor) = match null {
            Null::Difference(difference) => (observed_t - observed_c - difference, 1.0),
            Null::Ratio(ratio) => (observed_t - ratio * observed_c, ratio),
        };
        // A departure without any variance is infinitely unlikely; no departure is
        // none.
        if departure == 0.0 {
            return 0.0;
        }
        let (p_t, p_c) = self.most_likely(x_t, x_c, null);
        let variance = p_t * (1.0 - p_t) / n_t + factor * factor * p_c * (1.0 - p_c) / n_c;
        let n = n_t + n_c;
        departure / (variance * n / (n - 1.0)).sqrt()
    }

    /// The most likely shares under the supposition, in Miettinen and Nurminen's
    /// closed forms.
    fn most_likely(&self, x_t: u64, x_c: u64, null: Null) -> (f64, f64) {
        let (n_t, n_c) = (self.treated.n as f64, self.control.n as f64);
        let (x_t, x_c) = (x_t as f64, x_c as f64);
        let n = n_t + n_c;
        let successes = x_t + x_c;
        match null {
            Null::Difference(0.0) => (successes / n, successes / n),
            Null::Difference(d) => {
                let l2 = (n_t + 2.0 * n_c) * d - n - successes;
                let l1 = (n_c * d - n - 2.0 * x_c) * d + successes;
                let l0 = x_c * d * (1.0 - d);
                let shift = l2 / (3.0 * n);
                let q = shift * shift * shift - l1 * l2 / (6.0 * n * n) + l0 / (2.0 * n);
                let p = (shift * shift - l1 / (3.0 * n)).max(0.0).sqrt().copysign(q);
                let cosine = if p == 0.0 { 0.0 } else { q / (p * p * p) };
                let angle = (std::f64::consts::PI + cosine.clamp(-1.0, 1.0).acos()) / 3.0;
                let p_c = (2.0 * p * angle.cos() - shift).clamp((-d).max(0.0), (1.0 - d).min(1.0));
                ((p_c + d).clamp(0.0, 1.0), p_c)
            }
            Null::Ratio(ratio) => {
                let b = (n_t + x_c) * ratio + x_t + n_c;
                let root = (b * b - 4.0 * n * ratio * successes).max(0.0).sqrt();
                let p_c = (2.0 * successes / (b + root)).min(1.0);
                ((ratio * p_c).min(1.0), p_c)
            }
        }
    }

    /// The probability, at the most likely shares under the supposition, of all
    /// tables whose statistic is at least as far from zero as the one observed, but
    /// for counts of an arm less likely than `least`.
    ///
    /// The work grows with the standard deviations of the two counts.
    fn probability(&self, null: Null, least: f64) -> f64 {
        let (x_t, x_c) = (self.treated.successes, self.control.successes);
        let (p_t, p_c) = self.most_likely(x_t, x_c, null);
        let extreme = self.statistic(x_t, x_c, null).abs() * (1.0 - TIE);
        if extreme == 0.0 {
            return 1.0;
        }
        let (n_t, n_c) = (self.treated.n, self.control.n);
        let spread = |n: u64, p: f64| n as f64 * p * (1.0 - p);
        let treated = Window::new(n_t, p_t, least);
        let control = Window::new(n_c, p_c, least);
        let above = |x_t: u64, x_c: u64| self.statistic(x_t, x_c, null) >= extreme;
        let below = |x_t: u64, x_c: u64| self.statistic(x_t, x_c, null) <= -extreme;
        // Goes through the counts of the arm that varies less; in the other arm the
        // extreme counts are all those below one bound and above another.
        if spread(n_t, p_t) <= spread(n_c, p_c) {
            sum_of_extremes(&treated, &control, above, |x, y| !below(x, y))
        } else {
            sum_of_extremes(&control, &treated, |x, y| below(y, x), |x, y| !above(y, x))
        }
    }
}

/// The probability of the pairs of counts (x, y) of two binomials for which y is
/// low enough for `is_low(x, y)` or too high for `is_below_high(x, y)`. Either holds
/// up to some y and not beyond, which does not fall as x rises.
fn sum_of_extremes(
    xs: &Window,
    ys: &Window,
    is_low: impl Fn(u64, u64) -> bool,
    is_below_high: impl Fn(u64, u64) -> bool,
) -> f64 {
    // Below and from a place in the window on.
    let mut below = vec![0.0; ys.pmf.len() + 1];
    let mut from = below.clone();
    for (i, p) in ys.pmf.iter().enumerate() {
        below[i + 1] = below[i] + p;
    }
    for (i, p) in ys.pmf.iter().enumerate().rev() {
        from[i] = from[i + 1] + p;
    }
    let (mut low, mut high) = (0, 0);
    let mut sum = 0.0;
    for (x, p) in (xs.first..).zip(&xs.pmf) {
        low = first_beyond(low, ys.pmf.len(), |i| is_low(x, ys.first + i as u64));
        high = first_beyond(high, ys.pmf.len(), |i| {
            is_below_high(x, ys.first + i as u64)
        });
        sum += p * (below[low] + from[high]);
    }
    sum
}

/// The first place in `start..=end` at which a condition that holds up to some place
/// and not beyond does not hold, looked for in growing steps.
fn first_beyond(start: usize, end: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high, mut step) = (start, start, 1);
    while high < end && holds(high) {
        low = high + 1;
        high = (high + step).min(end);
        step *= 2;
    }
    // It holds before low and not at high.
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::ln_binomial_pmf;

    fn no_effect(treated: (u64, u64), control: (u64, u64)) -> TailProbability {
        let test = test(treated, control);
        lift(test.treated, test.control, 0.05).probability
    }

    fn test((x_t, n_t): (u64, u64), (x_c, n_c): (u64, u64)) -> ScoreTest {
        ScoreTest {
            treated: Counts {
                successes: x_t,
                n: n_t,
            },
            control: Counts {
                successes: x_c,
                n: n_c,
            },
        }
    }

    fn at(test: &ScoreTest, null: Null) -> f64 {
        test.statistic(test.treated.successes, test.control.successes, null)
    }

    /// The ends of Miettinen and Nurminen's 95 per cent intervals of the difference,
    /// from the restricted likelihood solved and the statistic inverted by bisection
    /// with 40 digits.
    #[test]
    fn statistics_of_differences() {
        let z = 1.959_963_984_540_054;
        let cases = [
            (
                (16, 30),
                (14, 28),
                (-0.219_807_005_225_379_66, 0.282_504_634_387_451_2),
            ),
            (
                (4725, 100_000),
                (4500, 100_000),
                (0.000_411_513_678_009_492_75, 0.004_089_208_915_311_076),
            ),
            (
                (3, 60),
                (0, 50),
                (-0.023_612_343_808_175_768, 0.137_549_083_468_308_74),
            ),
            (
                (3, 5),
                (5, 5),
                (-0.781_681_990_662_613_1, 0.162_751_577_654_848_95),
            ),
            (
                (1, 20),
                (3, 10_000_000),
                (0.008_881_148_174_297_462, 0.236_130_906_235_778_82),
            ),
        ];
        for (treated, control, (low, high)) in cases {
            let test = test(treated, control);
            assert!((at(&test, Null::Difference(low)) - z).abs() < 1e-9);
            assert!((at(&test, Null::Difference(high)) + z).abs() < 1e-9);
        }
    }

    /// The ends of the intervals of the ratio, and the pooled statistic (there
    /// without the factor N / (N - 1)), of statsmodels 0.15.0.
    #[test]
    fn statistics_of_ratios() {
        let z = 1.959_963_984_540_054;
        let cases = [
            (
                ((4725, 100_000), (4500, 100_000)),
                (1.008_960_342_371_466_6, 1.092_710_026_459_385_4),
                2.398_576_627_245_791_6,
            ),
            (
                ((16, 30), (14, 28)),
                (0.643_490_185_064_481_3, 1.793_860_456_303_003_2),
                0.253_859_103_528_796_9,
            ),
        ];
        for ((treated, control), (low, high), pooled) in cases {
            let test = test(treated, control);
            assert!((at(&test, Null::Ratio(low)) - z).abs() < 1e-11);
            assert!((at(&test, Null::Ratio(high)) + z).abs() < 1e-11);
            let n = (treated.1 + control.1) as f64;
            for null in [Null::Ratio(1.0), Null::Difference(0.0)] {
                let statistic = at(&test, null) * (n / (n - 1.0)).sqrt();
                assert!((statistic - pooled).abs() < 1e-12);
            }
        }
    }

    /// The sum over all tables, table by table.
    #[test]
    fn probabilities_are_those_of_the_enumeration() {
        let nulls = [0.0, 0.1, -0.3].map(Null::Difference);
        let nulls = nulls.into_iter().chain([1.0, 0.4, 3.0].map(Null::Ratio));
        for null in nulls {
            for (treated, control) in [((3, 12), (1, 9)), ((0, 5), (7, 30)), ((8, 40), (2, 6))] {
                let test = test(treated, control);
                let (p_t, p_c) = test.most_likely(treated.0, control.0, null);
                let observed = at(&test, null).abs();
                let mut sum = 0.0;
                for x_t in 0..=treated.1 {
                    for x_c in 0..=control.1 {
                        if test.statistic(x_t, x_c, null).abs() >= observed * (1.0 - 1e-9) {
                            sum += (ln_binomial_pmf(x_t, treated.1, p_t)
                                + ln_binomial_pmf(x_c, control.1, p_c))
                            .exp();
                        }
                    }
                }
                let p = test.probability(null, 1e-16);
                assert!((p - sum).abs() < 1e-12, "{treated:?} {control:?} {p} {sum}");
            }
        }
    }

    /// The chance, under no effect, that the test rejects at 5 per cent, by going
    /// through every table.
    #[test]
    fn keeps_its_level() {
        for (n_t, n_c) in [(5, 5), (20, 20), (10, 40), (8, 80)] {
            let tables = (0..=n_t).flat_map(|x_t| (0..=n_c).map(move |x_c| (x_t, x_c)));
            let rejected: Vec<_> = tables
                .filter(|&(x_t, x_c)| no_effect((x_t, n_t), (x_c, n_c)).p < 0.05)
                .collect();
            for p in (1..40).map(|i| f64::from(i) / 40.0) {
                let size: f64 = rejected
                    .iter()
                    .map(|&(x_t, x_c)| ln_binomial_pmf(x_t, n_t, p) + ln_binomial_pmf(x_c, n_c, p))
                    .map(f64::exp)
                    .sum();
                assert!(size <= 0.055, "{n_t} {n_c} at {p}: {size}");
            }
        }
    }

    /// Far tails keep their logarithm, and few counts in very uneven arms their
    /// order of magnitude: one success among 20 at a rate of 4e-7 has a probability
    /// of 8e-6, and of 3.5e-6 beside at most three in the other arm, where the
    /// normal distribution says 10^-27000.
    #[test]
    fn probabilities_of_rare_tables() {
        let p = no_effect((1, 20), (3, 10_000_000));
        assert!((p.p / 3.467_77e-6 - 1.0).abs() < 1e-5, "{p:?}");
        let p = no_effect((20, 20), (0, 3000));
        assert!(p.ln_p < -119.0 && p.ln_p > -121.0, "{p:?}");
        // One success is no evidence, wherever it fell.
        let p = no_effect((1, 2000), (0, 8000)).p;
        assert!(p > 0.08, "{p}");
    }

    /// A limit is where the probability falls below the level: it is inside, and a
    /// little farther out is not.
    #[test]
    fn limits_invert_the_test() {
        for ((x_t, n_t), (x_c, n_c)) in [
            ((3, 60), (0, 50)),
            ((5, 200), (14, 180)),
            ((1, 20), (3, 10_000_000)),
            ((7, 9), (2, 8)),
        ] {
            let test = test((x_t, n_t), (x_c, n_c));
            let lift = lift(test.treated, test.control, 0.05);
            let absolute = lift.absolute;
            let inside = |null| test.probability(null, 1e-16) >= 0.05;
            for limit in [absolute.low, absolute.high] {
                let out = limit + 1e-5 * (limit - absolute.estimate);
                assert!(inside(Null::Difference(limit)), "{limit}");
                assert!(!inside(Null::Difference(out)), "{out}");
            }
            let Ok(relative) = lift.relative else {
                continue;
            };
            let centre = (relative.estimate).ln_1p();
            for limit in [relative.low.ln_1p(), relative.high.ln_1p()] {
                let out = limit + 1e-5 * (limit - centre);
                let slightly_in = limit - 1e-12 * (limit - centre);
                assert!(inside(Null::Ratio(slightly_in.exp())), "{limit}");
                assert!(!inside(Null::Ratio(out.exp())), "{out}");
            }
        }
    }
}
