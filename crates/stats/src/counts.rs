//! Distributions of counts, tabulated or added up where their probability matters.

use crate::tail::ln_binomial_pmf;

/// A sum of numbers known by their logarithms.
pub(crate) struct LnSum(pub(crate) f64);

impl LnSum {
    /// Nothing added up yet.
    pub(crate) const EMPTY: LnSum = LnSum(f64::NEG_INFINITY);

    pub(crate) fn add(&mut self, ln: f64) {
        let (small, large) = (self.0.min(ln), self.0.max(ln));
        if large > f64::NEG_INFINITY {
            self.0 = large + (small - large).exp().ln_1p();
        }
    }
}

/// The counts of a binomial whose probability exceeds a bound, and their
/// probabilities.
pub(crate) struct Window {
    /// The first count.
    pub(crate) first: u64,
    /// Its probability and those of the counts that follow it.
    pub(crate) pmf: Vec<f64>,
}

impl Window {
    /// Goes from the mode of `n` trials of probability `p` to either side, as far
    /// as probabilities exceed `least`. The work grows with the standard deviation.
    pub(crate) fn new(n: u64, p: f64, least: f64) -> Self {
        let mode = ((p * (n as f64 + 1.0)) as u64).min(n);
        let at_mode = ln_binomial_pmf(mode, n, p).exp();
        let odds = p / (1.0 - p);
        let mut below = Vec::new();
        let mut term = at_mode;
        for k in (0..mode).rev() {
            term *= (k + 1) as f64 / ((n - k) as f64 * odds);
            if term <= least {
                break;
            }
            below.push(term);
        }
        let first = mode - below.len() as u64;
        let mut pmf = below;
        pmf.reverse();
        pmf.push(at_mode);
        term = at_mode;
        for k in mode + 1..=n {
            term *= (n - k + 1) as f64 / k as f64 * odds;
            if term <= least {
                break;
            }
            pmf.push(term);
        }
        Window { first, pmf }
    }
}

/// The number of treated successes given the total of both arms, if every customer
/// was as likely to succeed: hypergeometric.
pub(crate) struct Hypergeometric {
    treated: u64,
    control: u64,
    total: u64,
    /// A common share of any size gives the same; this one keeps terms near one.
    share: f64,
    ln_total: f64,
}

impl Hypergeometric {
    /// Arms of these sizes with `total` successes between them.
    pub(crate) fn new(treated: u64, control: u64, total: u64) -> Self {
        let n = treated + control;
        let share = total as f64 / n as f64;
        Hypergeometric {
            treated,
            control,
            total,
            share,
            ln_total: ln_binomial_pmf(total, n, share),
        }
    }

    /// The least possible count.
    pub(crate) fn least(&self) -> u64 {
        self.total.saturating_sub(self.control)
    }

    /// The greatest possible count.
    pub(crate) fn most(&self) -> u64 {
        self.total.min(self.treated)
    }

    /// The likeliest count, `(S + 1)(n_t + 1) / (N + 2)` rounded down.
    pub(crate) fn mode(&self) -> u64 {
        let n = u128::from(self.treated) + u128::from(self.control);
        let mode = (u128::from(self.total) + 1) * (u128::from(self.treated) + 1) / (n + 2);
        (mode as u64).clamp(self.least(), self.most())
    }

    /// `ln P(X = x)` of a possible count.
    pub(crate) fn ln_pmf(&self, x: u64) -> f64 {
        ln_binomial_pmf(x, self.treated, self.share)
            + ln_binomial_pmf(self.total - x, self.control, self.share)
            - self.ln_total
    }

    /// `ln P(X <= x)`, for a count not above the mode.
    pub(crate) fn ln_lower(&self, x: u64) -> f64 {
        // P(x - 1) / P(x).
        let ratio = |x: u64| {
            let others = (self.total - x + 1) as f64;
            let failures = (self.control - (self.total - x)) as f64;
            x as f64 * failures / (others * (self.treated - x + 1) as f64)
        };
        let steps = (self.least() + 1..=x).rev().map(ratio);
        self.ln_pmf(x) + sum_of_products(steps).ln()
    }

    /// `ln P(X >= x)`, for a count not below the mode.
    pub(crate) fn ln_upper(&self, x: u64) -> f64 {
        // P(x + 1) / P(x).
        let ratio = |x: u64| {
            let others = (self.total - x) as f64;
            let failures = (self.control + x + 1 - self.total) as f64;
            others * (self.treated - x) as f64 / ((x + 1) as f64 * failures)
        };
        let steps = (x..self.most()).map(ratio);
        self.ln_pmf(x) + sum_of_products(steps).ln()
    }
}

/// `1 + r_1 + r_1 r_2 + ...` of falling ratios, as far as it matters.
fn sum_of_products(ratios: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for ratio in ratios {
        term *= ratio;
        sum += term;
        if term < sum * f64::EPSILON * 0.1 {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::{binomial_lower, binomial_upper};

    #[test]
    fn windows_hold_what_matters() {
        for (n, p) in [(1, 0.3), (40, 0.02), (100_000, 0.6), (30, 0.0), (30, 1.0)] {
            let window = Window::new(n, p, 1e-18);
            for (k, value) in (window.first..).zip(&window.pmf) {
                let expected = ln_binomial_pmf(k, n, p).exp();
                assert!((value - expected).abs() <= 1e-11 * expected, "{k} {n} {p}");
            }
            let beyond = window.first + window.pmf.len() as u64;
            assert!(binomial_upper(beyond, n, p).p < 1e-15);
            if window.first > 0 {
                assert!(binomial_lower(window.first - 1, n, p).p < 1e-15);
            }
        }
    }

    #[test]
    fn hypergeometric_tails_are_sums() {
        for (treated, control, total) in [(7, 9, 6), (3, 50, 20), (40, 5, 30)] {
            let counts = Hypergeometric::new(treated, control, total);
            let (least, mode, most) = (counts.least(), counts.mode(), counts.most());
            let sum = |from: u64, to: u64| (from..=to).map(|x| counts.ln_pmf(x).exp()).sum::<f64>();
            assert!((sum(least, most) - 1.0).abs() < 1e-12);
            for x in least..=mode {
                assert!((counts.ln_lower(x).exp() / sum(least, x) - 1.0).abs() < 1e-12);
            }
            for x in mode..=most {
                assert!((counts.ln_upper(x).exp() / sum(x, most) - 1.0).abs() < 1e-12);
            }
        }
    }
}
