//! The pooled test of two shares without an approximation: the tables at least as
//! far from no difference as the one observed, and their probability.
//!
//! The statistic is `|p_t - p_c| / sqrt(p (1 - p))` with the pooled share `p`. Given
//! the total of successes it orders tables by their treated successes alone, and
//! their distribution given the total, the hypergeometric, does not depend on the
//! share. So the probability at a common share is one sum over totals.

use crate::counts::{Hypergeometric, LnSum, Window};
use crate::error::{Arm, Unestimable};
use crate::share::Counts;
use crate::tail::{TailProbability, ln_binomial_pmf};

/// Tables whose statistic ties with the observed one but for rounding count as
/// extreme.
pub(crate) const TIE: f64 = 1e-9;

/// Terms below this share of a sum, on the logarithmic scale, are rounding.
const NEGLIGIBLE: f64 = -40.0;

/// The tables at least as far from no difference as one observed.
pub(crate) struct Region {
    treated: u64,
    control: u64,
    /// Successes observed in both arms.
    total: u64,
    /// `|x_t N - s n_t|`: the observed departure, in treated successes times N.
    departure: f64,
}

impl Region {
    /// `None` when the shares observed do not differ: then every table is as far.
    pub(crate) fn new(treated: Counts, control: Counts) -> Option<Self> {
        let n = i128::from(treated.n) + i128::from(control.n);
        let total = treated.successes + control.successes;
        let departure =
            i128::from(treated.successes) * n - i128::from(total) * i128::from(treated.n);
        (departure != 0).then_some(Region {
            treated: treated.n,
            control: control.n,
            total,
            departure: departure.unsigned_abs() as f64,
        })
    }

    fn n(&self) -> u64 {
        self.treated + self.control
    }

    /// The logarithm of the region's probability given a total of successes.
    fn ln_given_total(&self, total: u64) -> f64 {
        let n = self.n();
        let spread = |total: u64| total as f64 * (n - total) as f64;
        if spread(total) == 0.0 {
            return f64::NEG_INFINITY;
        }
        // Departures are whole, so the bounds on the treated successes are exact.
        let scale = (spread(total) / spread(self.total)).sqrt();
        let least_departure = (self.departure * scale * (1.0 - TIE)).ceil() as i128;
        let centre = i128::from(total) * i128::from(self.treated);
        let low = (centre - least_departure).div_euclid(i128::from(n));
        let high = -(-(centre + least_departure)).div_euclid(i128::from(n));

        let counts = Hypergeometric::new(self.treated, self.control, total);
        let mut sum = LnSum::EMPTY;
        if low >= i128::from(counts.least()) {
            sum.add(counts.ln_lower(low as u64));
        }
        if high <= i128::from(counts.most()) {
            sum.add(counts.ln_upper(high as u64));
        }
        sum.0
    }

    /// The region's probability if both arms have the pooled share observed.
    ///
    /// Totals are added outwards from the observed one, the likeliest; the work grows
    /// with the standard deviation of the total, `sqrt(N p (1 - p))`.
    pub(crate) fn at_pooled_share(&self) -> TailProbability {
        // Thresholds are whole numbers, so terms fall with some jumps; they are over
        // after a run of negligible ones.
        const RUN: u32 = 30;
        let n = self.n();
        let share = self.total as f64 / n as f64;
        let mut sum = LnSum::EMPTY;
        let mut add = |totals: &mut dyn Iterator<Item = u64>| {
            let mut negligible = 0;
            for total in totals {
                let ln_total = ln_binomial_pmf(total, n, share);
                if ln_total < sum.0 + NEGLIGIBLE {
                    break;
                }
                let term = ln_total + self.ln_given_total(total);
                sum.add(term);
                negligible = if term < sum.0 + NEGLIGIBLE {
                    negligible + 1
                } else {
                    0
                };
                if negligible == RUN {
                    break;
                }
            }
        };
        add(&mut (self.total..=n));
        add(&mut (0..self.total).rev());
        TailProbability::from_ln(sum.0)
    }

    /// The region's greatest probability at any common share.
    fn at_worst_share(&self) -> TailProbability {
        let n = self.n();
        let given_total: Vec<f64> = (0..=n).map(|total| self.ln_given_total(total)).collect();
        let largest = given_total
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        let given_total: Vec<f64> = given_total.iter().map(|ln| (ln - largest).exp()).collect();
        // On the scale of the angle a binomial is as wide at every share, 1 / (2
        // sqrt(N)), so an even grid of a fifth of that misses no top.
        let at = |angle: f64| {
            let window = Window::new(n, angle.sin().powi(2), NEGLIGIBLE.exp());
            let shares = &given_total[window.first as usize..];
            window
                .pmf
                .iter()
                .zip(shares)
                .map(|(p, h)| p * h)
                .sum::<f64>()
        };
        const STEPS_PER_WIDTH: f64 = 5.0;
        let quarter = std::f64::consts::FRAC_PI_2;
        let steps = (quarter * 2.0 * (n as f64).sqrt() * STEPS_PER_WIDTH).ceil() as usize;
        let angle = |step: usize| quarter * step as f64 / steps as f64;
        let grid: Vec<f64> = (0..=steps).map(|step| at(angle(step))).collect();
        let best = grid.iter().copied().fold(0.0, f64::max);
        // A top between two points of the grid is higher than both by a few per cent
        // at most.
        const NEAR_BEST: f64 = 0.9;
        let refined = (1..steps)
            .filter(|&step| {
                let value = grid[step];
                value > NEAR_BEST * best && value >= grid[step - 1] && value >= grid[step + 1]
            })
            .map(|step| highest(at, angle(step - 1), angle(step + 1)));
        TailProbability::from_ln(largest + refined.fold(best, f64::max).ln())
    }
}

/// The highest value of a function with one top between two points, by golden
/// section.
fn highest(f: impl Fn(f64) -> f64, mut a: f64, mut b: f64) -> f64 {
    // Near a top the value is exact to the square of the distance.
    const ENOUGH: f64 = 1e-8;
    let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
    let width = ENOUGH * (b - a);
    let mut left = b - golden * (b - a);
    let mut right = a + golden * (b - a);
    let (mut at_left, mut at_right) = (f(left), f(right));
    while b - a > width {
        if at_left > at_right {
            (b, right, at_right) = (right, left, at_left);
            left = b - golden * (b - a);
            at_left = f(left);
        } else {
            (a, left, at_left) = (left, right, at_right);
            right = a + golden * (b - a);
            at_right = f(right);
        }
    }
    at_left.max(at_right)
}

/// Barnard's exact unconditional test of two shares: the greatest probability, at
/// any share common to both arms, of the tables whose pooled statistic `|p_t - p_c|
/// / sqrt(p (1 - p))` is at least the one observed (G. A. Barnard, Biometrika 34,
/// 1947; with the pooled statistic, S. Suissa and J. J. Shuster, Journal of the
/// Royal Statistical Society A 148, 1985).
///
/// It keeps its level at every share and is for that somewhat conservative. A method
/// to compare with: [`lift_of_shares`](crate::lift_of_shares) takes the likeliest
/// share instead of the worst one. The work grows with `N^(3/2)` for `N`
/// observations: well under a millisecond for a hundred, some milliseconds for a
/// thousand, a second for a hundred thousand.
///
/// # Errors
///
/// An empty arm, or more successes than observations.
///
/// ```
/// use stats::{Counts, barnard, fisher};
///
/// let treated = Counts { successes: 3, n: 60 };
/// let control = Counts { successes: 0, n: 50 };
/// let unconditional = barnard(treated, control).unwrap();
/// assert!((unconditional.p - 0.1173).abs() < 1e-4);
/// assert!(unconditional.p < fisher(treated, control).unwrap().p);
/// ```
pub fn barnard(treated: Counts, control: Counts) -> Result<TailProbability, Unestimable> {
    treated.check(Arm::Treated)?;
    control.check(Arm::Control)?;
    Ok(match Region::new(treated, control) {
        Some(region) => region.at_worst_share(),
        None => TailProbability::from_ln(0.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts((successes, n): (u64, u64)) -> Counts {
        Counts { successes, n }
    }

    /// Both against all tables, at many shares.
    #[test]
    fn probabilities_are_those_of_the_enumeration() {
        for (treated, control) in [
            ((3, 12), (1, 9)),
            ((0, 5), (7, 30)),
            ((8, 40), (2, 6)),
            ((5, 5), (0, 5)),
            ((1, 7), (0, 1)),
        ] {
            let (n_t, n_c) = (treated.1, control.1);
            let n = (n_t + n_c) as f64;
            let statistic = |x_t: u64, x_c: u64| {
                let departure = x_t as f64 / n_t as f64 - x_c as f64 / n_c as f64;
                let pooled = (x_t + x_c) as f64 / n;
                let spread = pooled * (1.0 - pooled);
                if spread == 0.0 {
                    0.0
                } else {
                    departure.abs() / spread.sqrt()
                }
            };
            let observed = statistic(treated.0, control.0);
            let at = |p: f64| {
                let mut sum = 0.0;
                for x_t in 0..=n_t {
                    for x_c in 0..=n_c {
                        if statistic(x_t, x_c) >= observed * (1.0 - 1e-9) {
                            let ln = ln_binomial_pmf(x_t, n_t, p) + ln_binomial_pmf(x_c, n_c, p);
                            sum += ln.exp();
                        }
                    }
                }
                sum
            };
            let region = Region::new(counts(treated), counts(control)).expect("a difference");
            let pooled = region.at_pooled_share().p;
            let expected = at((treated.0 + control.0) as f64 / n);
            assert!(
                (pooled - expected).abs() < 1e-12,
                "{treated:?} {pooled} {expected}"
            );

            let worst = (1..5_000)
                .map(|i| at(f64::from(i) / 5_000.0))
                .fold(0.0, f64::max);
            let barnard = region.at_worst_share().p;
            assert!(
                barnard >= worst * (1.0 - 1e-12),
                "{treated:?} {barnard} {worst}"
            );
            assert!(
                barnard < worst * (1.0 + 1e-5),
                "{treated:?} {barnard} {worst}"
            );
        }
    }

    #[test]
    fn equal_shares_are_certain() {
        let half = barnard(counts((2, 4)), counts((3, 6))).expect("valid counts");
        assert_eq!(half.p, 1.0);
        assert!(barnard(counts((2, 1)), counts((0, 6))).is_err());
    }

    /// Millions of observations, and the most extreme table of them.
    #[test]
    fn large_arms_end() {
        let million = 1_000_000;
        let region = Region::new(counts((million, million)), counts((0, million)));
        let p = region.expect("a difference").at_pooled_share();
        // Two tables of probability 2^-2000000.
        let expected = (1.0 - 2e6) * std::f64::consts::LN_2;
        assert!((p.ln_p / expected - 1.0).abs() < 1e-9, "{p:?}");
        let region = Region::new(counts((500_400, million)), counts((499_600, million)));
        let p = region.expect("a difference").at_pooled_share();
        let normal = crate::tail::normal_two_sided(800.0 / 500_000_f64.sqrt());
        assert!((p.p / normal.p - 1.0).abs() < 0.01, "{p:?} {normal:?}");
    }
}
