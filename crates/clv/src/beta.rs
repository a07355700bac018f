//! A probability that differs between customers by a beta distribution, and what
//! follows from its being met again and again.

use crate::optimize::Place;
use crate::special::ln_rising;

/// A beta distribution that the data push to a limit. The fit is the limit, not a
/// failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BetaBoundary {
    /// The probability is zero for all.
    Never,
    /// The probability is one for all.
    Always,
    /// The probability is the same for all.
    Alike,
    /// The probability is one for some and zero for the others.
    Polarized,
}

/// The sum over all time is infinite: attrition is so slow, for some customers, that
/// nothing bounds their lifetime.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "the expected lifetime is unbounded, because the shape of attrition is {shape}, not above 1"
)]
pub struct UnboundedLifetime {
    /// The shape parameter that would have to exceed one.
    pub shape: f64,
}

/// The shapes of a beta distribution, searched as `ln(a / b)` and `ln(a + b)`, in which
/// every limit is an end of one range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shapes {
    pub(crate) a: f64,
    pub(crate) b: f64,
}

impl Shapes {
    pub(crate) fn from_search(log_odds: f64, ln_size: f64) -> Self {
        Shapes {
            a: (ln_size - (-log_odds).exp().ln_1p()).exp(),
            b: (ln_size - log_odds.exp().ln_1p()).exp(),
        }
    }

    pub(crate) fn to_search(self) -> [f64; 2] {
        [(self.a / self.b).ln(), (self.a + self.b).ln()]
    }

    /// Derivatives by the parameters of the search, from those by a and b.
    pub(crate) fn search_gradient(self, by_a: f64, by_b: f64) -> [f64; 2] {
        let Shapes { a, b } = self;
        [a * (b / (a + b)) * (by_a - by_b), a * by_a + b * by_b]
    }

    /// Derivatives of `ln a` and `ln b` by the parameters of the search.
    pub(crate) fn jacobian(self) -> [[f64; 2]; 2] {
        let size = self.a + self.b;
        [[self.b / size, 1.0], [-self.a / size, 1.0]]
    }

    /// `ln E[(1 - p)^n]`, with its derivatives by a and b.
    pub(crate) fn ln_never(self, n: u32) -> (f64, f64, f64) {
        let (others, by_others) = ln_rising(self.b, n);
        let (all, by_all) = ln_rising(self.a + self.b, n);
        (others - all, -by_all, by_others - by_all)
    }

    /// `sum over k >= 0 of z^k E[(1 - p)^(n + k)] / E[(1 - p)^n]` for `0 < z <= 1`.
    pub(crate) fn discounted_renewals(self, n: u32, z: f64) -> Result<f64, UnboundedLifetime> {
        let b = self.b + f64::from(n);
        let c = self.a + b;
        if z < 1.0 {
            Ok(geometric_like_series(b, c, z))
        } else if self.a > 1.0 {
            Ok((c - 1.0) / (self.a - 1.0))
        } else {
            Err(UnboundedLifetime { shape: self.a })
        }
    }

    /// The first `terms` terms of the same sum.
    pub(crate) fn discounted_renewals_within(self, n: u32, z: f64, terms: u32) -> f64 {
        let (mut term, mut sum) = (1.0, 0.0);
        for k in 0..terms {
            sum += term;
            let m = f64::from(n) + f64::from(k);
            term *= z * ((self.b + m) / (self.a + self.b + m));
        }
        sum
    }
}

/// Limit of a distribution whose two search parameters ended in these places and at these
/// values. So far out that the likelihood no longer changes is at the limit too.
pub(crate) fn boundary(places: &[Place], at: &[f64]) -> Option<BetaBoundary> {
    const FAR: f64 = 9.0;
    let end = |i: usize| match places[i] {
        Place::Inside => 0.0,
        Place::Lower => -1.0,
        Place::Upper => 1.0,
        Place::Unidentified if at[i].abs() > FAR => at[i].signum(),
        Place::Unidentified => 0.0,
    };
    match (end(0), end(1)) {
        (log_odds, _) if log_odds < 0.0 => Some(BetaBoundary::Never),
        (log_odds, _) if log_odds > 0.0 => Some(BetaBoundary::Always),
        (_, ln_size) if ln_size > 0.0 => Some(BetaBoundary::Alike),
        (_, ln_size) if ln_size < 0.0 => Some(BetaBoundary::Polarized),
        _ => None,
    }
}

/// `sum over k >= 0 of (b)_k / (c)_k z^k = 2F1(1, b; c; z)` for `0 < b < c`, `0 < z < 1`,
/// by the continued fraction of Gauss (DLMF 15.7.2 with a = 0), whose partial numerators
/// all have one sign here: it needs some `10 / sqrt(1 - z)` terms where the series needs
/// `40 / (1 - z)`.
fn geometric_like_series(b: f64, c: f64, z: f64) -> f64 {
    const MOST_TERMS: u32 = 1_000_000;
    // Steed's forward evaluation of 1 / (1 - u_1 z / (1 - u_2 z / (1 - ...))).
    let base = c - 1.0;
    let mut ratio = 1.0;
    let mut change = 1.0;
    let mut sum = 1.0;
    for k in 0..MOST_TERMS {
        let n = f64::from(k / 2);
        let u = if k % 2 == 0 {
            (b + n) * (base + n) / ((base + 2.0 * n) * (base + 2.0 * n + 1.0))
        } else {
            let n = n + 1.0;
            n * (base - b + n) / ((base + 2.0 * n - 1.0) * (base + 2.0 * n))
        };
        let numerator = -u * z;
        ratio = 1.0 / (1.0 + numerator * ratio);
        change *= ratio - 1.0;
        sum += change;
        if change.abs() <= f64::EPSILON * 0.25 * sum.abs() {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continued_fraction_is_the_series() {
        for (b, c, z) in [
            (1.18, 1.88, 0.9),
            (0.2, 3.0, 0.99),
            (40.0, 40.3, 0.999),
            (5.0, 905.0, 0.5),
            (0.01, 0.9, 0.97),
        ] {
            let (mut term, mut sum, mut k) = (1.0, 0.0, 0.0);
            while term > 1e-18 {
                sum += term;
                term *= z * (b + k) / (c + k);
                k += 1.0;
            }
            let found = geometric_like_series(b, c, z);
            assert!(
                (found / sum - 1.0).abs() < 1e-12,
                "{b} {c} {z}: {found} {sum}"
            );
        }
    }

    #[test]
    fn undiscounted_sum_is_finite_above_one_only() {
        let shapes = Shapes { a: 2.5, b: 3.0 };
        let exact = shapes.discounted_renewals(2, 1.0).expect("bounded");
        let nearly = shapes.discounted_renewals(2, 1.0 - 1e-9).expect("bounded");
        assert!((exact / nearly - 1.0).abs() < 1e-6);
        let slow = Shapes { a: 0.7, b: 3.0 };
        assert_eq!(
            slow.discounted_renewals(0, 1.0),
            Err(UnboundedLifetime { shape: 0.7 })
        );
    }

    #[test]
    fn search_parameters_go_there_and_back() {
        let shapes = Shapes { a: 0.3, b: 70.0 };
        let [log_odds, ln_size] = shapes.to_search();
        let back = Shapes::from_search(log_odds, ln_size);
        assert!((back.a / 0.3 - 1.0).abs() < 1e-14 && (back.b / 70.0 - 1.0).abs() < 1e-14);
        let moved = Shapes::from_search(log_odds + 1e-6, ln_size);
        let slope = (moved.a.ln() - back.a.ln()) / 1e-6;
        assert!((slope - shapes.jacobian()[0][0]).abs() < 1e-6);
    }
}
