//! The test of ranks that the intervals invert.

use std::ops::Range;

use super::distribution::{Distribution, Step};
use crate::tail::normal_quantile;

/// Standard normal deviates that the test gives to a rank: least and greatest.
pub(super) type Deviates = (f64, f64);

/// The test of one arm: is a value its quantile at this level?
pub(super) struct Ranks<'a> {
    distribution: &'a Distribution,
    level: f64,
    /// The number of independent values that tell as much.
    effective_n: f64,
    /// Effective over actual number of values.
    scale: f64,
    /// Deviates where none and where all of the values lie below.
    edges: Deviates,
}

impl<'a> Ranks<'a> {
    pub(super) fn new(distribution: &'a Distribution, level: f64, effective_n: f64) -> Self {
        Ranks {
            distribution,
            level,
            effective_n,
            scale: effective_n / distribution.count() as f64,
            edges: edge_deviates(effective_n, level),
        }
    }

    /// If so many values lie below a value and so many up to it, the deviates of the test
    /// that it is the quantile: on both sides of 0 at the sample's own quantile.
    fn deviates(&self, below: u64, upto: u64) -> Deviates {
        let n = self.distribution.count();
        let deviate = |ranks: u64| match ranks {
            0 => self.edges.0,
            ranks if ranks >= n => self.edges.1,
            ranks => {
                let ranks = ranks as f64 * self.scale;
                binomial_deviate(ranks, self.effective_n, self.level)
            }
        };
        // Of no size that a binomial can have (an infinite or vanishing one) nothing is known.
        let (low, high) = (deviate(below), deviate(upto));
        if low <= high {
            (low, high)
        } else {
            (f64::NEG_INFINITY, f64::INFINITY)
        }
    }

    pub(super) fn deviates_of(&self, step: &Step) -> Deviates {
        self.deviates(step.below, step.upto)
    }

    /// The deviates of all values from `low` to `high`.
    pub(super) fn deviates_between(&self, low: f64, high: f64) -> Deviates {
        let (below, upto) = self.distribution.ranks_of(low, high);
        self.deviates(below, upto)
    }

    /// The steps that the test does not reject at a critical value.
    pub(super) fn within(&self, critical: f64) -> Range<usize> {
        let steps = self.distribution.steps();
        let start = steps.partition_point(|step| self.deviates_of(step).1 < -critical);
        let end = steps.partition_point(|step| self.deviates_of(step).0 <= critical);
        start..end.max(start)
    }

    /// Whether the test rejects values beyond all of the sample, on both sides.
    pub(super) fn reaches(&self, critical: f64) -> bool {
        let n = self.distribution.count();
        self.deviates(0, 0).1 < -critical && self.deviates(n, n).0 > critical
    }

    pub(super) fn distribution(&self) -> &'a Distribution {
        self.distribution
    }

    pub(super) fn level(&self) -> f64 {
        self.level
    }

    pub(super) fn effective_n(&self) -> f64 {
        self.effective_n
    }

    pub(super) fn steps(&self) -> &'a [Step] {
        self.distribution.steps()
    }
}

/// The z with `P(Z <= z) = F(k - 1/2)`, F being the distribution function of a binomial of
/// `n` trials continued between whole numbers, so that the probability lies between those
/// of fewer than `k` and of at most `k`: by D. B. Peizer and J. W. Pratt, "A normal
/// approximation for binomial, F, beta, and other common, related tail probabilities",
/// Journal of the American Statistical Association 63 (1968). Neither n nor k need be whole.
fn binomial_deviate(k: f64, n: f64, p: f64) -> f64 {
    let q = 1.0 - p;
    let (k, rest) = (k.clamp(0.0, n), (n - k).clamp(0.0, n));
    let correction = q / (k + 0.5) - p / (rest + 0.5) + (q - 0.5) / (n + 1.0);
    let distance = k + 1.0 / 6.0 - (n + 1.0 / 3.0) * p + 0.02 * correction;
    let skew = 1.0 + q * peizer_pratt(k / (n * p)) + p * peizer_pratt(rest / (n * q));
    distance * (skew / ((n + 1.0 / 6.0) * p * q)).sqrt()
}

/// The deviates at `k = 0` and `k = n`, where Peizer and Pratt's leave those limits: from `(1 - p)^n / 2` and `p^n / 2`, unless these underflow.
fn edge_deviates(n: f64, p: f64) -> Deviates {
    let edge = |power: f64, approximate: f64| {
        let probability = 0.5 * power.exp();
        if probability > f64::MIN_POSITIVE {
            normal_quantile(probability)
        } else {
            approximate
        }
    };
    let lower = edge(n * (-p).ln_1p(), binomial_deviate(0.0, n, p));
    let upper = edge(n * p.ln(), -binomial_deviate(n, n, p));
    (lower, -upper)
}

/// `(1 - x^2 + 2 x ln x) / (1 - x)^2`, 1 at 0 and 0 at 1.
fn peizer_pratt(x: f64) -> f64 {
    let h = 1.0 - x;
    if x == 0.0 {
        return 1.0;
    }
    if h.abs() > 0.1 {
        return (1.0 - x * x + 2.0 * x * x.ln()) / (h * h);
    }
    // 2 h / (2 3) + 2 h^2 / (3 4) + ...
    const TERMS: u32 = 14;
    let term = |j: u32| 2.0 / f64::from((j + 1) * (j + 2));
    h * (1..TERMS).rev().fold(0.0, |sum, j| sum * h + term(j))
}

/// Two deviates with a correlation, and the distance from (0, 0) at which they are jointly
/// as unlikely as one deviate of that size:
/// `d^2 = (x^2 - 2 rho x y + y^2) / (1 - rho^2)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joint {
    pub(super) correlation: f64,
}

impl Joint {
    /// The least and the greatest `y` within the distance `critical` for some `x` of a
    /// range; `None` if the range is wholly beyond it.
    pub(super) fn partner(&self, x: Deviates, critical: f64) -> Option<Deviates> {
        let (low, high) = (x.0.max(-critical), x.1.min(critical));
        if low > high {
            return None;
        }
        let rho = self.correlation;
        let half_width = |x: f64| {
            let square = (1.0 - rho * rho) * (critical * critical - x * x);
            square.max(0.0).sqrt()
        };
        // On the ellipse y is least at x = -rho critical, and greatest at rho critical.
        let least = (-rho * critical).clamp(low, high);
        let greatest = (rho * critical).clamp(low, high);
        Some((
            rho * least - half_width(least),
            rho * greatest + half_width(greatest),
        ))
    }

    /// The least squared distance of a box of deviates.
    pub(super) fn squared_distance(&self, x: Deviates, y: Deviates) -> f64 {
        let holds_zero = |range: Deviates| range.0 <= 0.0 && range.1 >= 0.0;
        if holds_zero(x) && holds_zero(y) {
            return 0.0;
        }
        let rho = self.correlation;
        let distance = |x: f64, y: f64| (x * x - 2.0 * rho * x * y + y * y) / (1.0 - rho * rho);
        // The least is on an edge of the box.
        let edge = |fixed: f64, free: Deviates| {
            if fixed.is_finite() {
                distance(fixed, (rho * fixed).clamp(free.0, free.1))
            } else {
                f64::INFINITY
            }
        };
        let edges = [edge(x.0, y), edge(x.1, y), edge(y.0, x), edge(y.1, x)];
        edges.into_iter().fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::{binomial_lower, normal_cdf};

    #[test]
    fn deviates_are_those_of_the_binomial() {
        for (n, p) in [(5, 0.5), (20, 0.9), (50, 0.02), (60, 0.9), (1000, 0.3)] {
            for k in 1..n {
                let close = normal_cdf(binomial_deviate(k as f64, n as f64, p));
                let (fewer, at_most) = (binomial_lower(k - 1, n, p).p, binomial_lower(k, n, p).p);
                assert!(fewer <= close + 1e-12, "{n} {p} {k}: {fewer} {close}");
                assert!(close <= at_most + 1e-12, "{n} {p} {k}: {close} {at_most}");
            }
            let edges = edge_deviates(n as f64, p);
            for (z, share) in [(edges.0, 1.0 - p), (-edges.1, p)] {
                let exact = 0.5 * f64::powf(share, n as f64);
                if exact > 0.0 {
                    assert!((normal_cdf(z) / exact - 1.0).abs() < 1e-9);
                }
            }
        }
        // Where the probability underflows, the two still meet in their logarithms.
        let (lower, _) = edge_deviates(1e5, 0.5);
        let ln_p = crate::tail::normal_upper(-lower).ln_p;
        assert!((ln_p / (0.5f64.ln() * (1e5 + 1.0)) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn boxes_and_ellipses_agree() {
        let joint = Joint { correlation: 0.4 };
        for x in [(-0.3, 0.2), (0.5, 0.9), (-2.5, -1.0)] {
            let (low, high) = joint.partner(x, 2.0).unwrap();
            for (y, inside) in [
                ((low, low), true),
                ((high, high), true),
                ((low - 9.0, low - 1e-6), false),
                ((high + 1e-6, f64::INFINITY), false),
            ] {
                let distance = joint.squared_distance(x, y).sqrt();
                assert_eq!(distance <= 2.0 + 1e-9, inside, "{x:?} {y:?} {distance}");
            }
        }
        assert_eq!(joint.partner((2.1, 3.0), 2.0), None);
    }
}
