//! Whether probabilities are what they claim to be: helpers for simulations.

use crate::tail;

/// The probability of a Kolmogorov-Smirnov distance at least as large as that of
/// `values` from the uniform distribution on [0, 1], if they came from it. `None`
/// without values, or with one outside [0, 1].
///
/// Kolmogorov's series at the corrected distance `sqrt(n) D + 1 / (6 sqrt(n)) +
/// (sqrt(n) D - 1) / (4 n)` (J. Vrbik, Pioneer Journal of Theoretical and Applied
/// Statistics 15, 2018), off by less than 0.002 from n = 10 on.
///
/// p-values of a true null hypothesis are uniform, so this is the test of an A/A
/// simulation.
pub fn uniform_probability(values: &[f64]) -> Option<f64> {
    if values.is_empty() || !values.iter().all(|v| (0.0..=1.0).contains(v)) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let distance = sorted
        .iter()
        .enumerate()
        .map(|(i, v)| (v - i as f64 / n).max((i + 1) as f64 / n - v))
        .fold(0.0, f64::max);
    let d = n.sqrt() * distance;
    Some(kolmogorov_upper(
        d + 1.0 / (6.0 * n.sqrt()) + (d - 1.0) / (4.0 * n),
    ))
}

/// `P(K > x)` of Kolmogorov's limiting distribution.
fn kolmogorov_upper(x: f64) -> f64 {
    use std::f64::consts::PI;
    if x <= 0.0 {
        return 1.0;
    }
    // Two series for one function; each needs a handful of terms on its side.
    if x < 1.0 {
        let lower: f64 = (1..=10)
            .map(|k| f64::from(2 * k - 1))
            .map(|odd| (-(odd * PI / x).powi(2) / 8.0).exp())
            .sum();
        1.0 - (2.0 * PI).sqrt() / x * lower
    } else {
        let upper: f64 = (1..=10)
            .map(|k| (f64::from(k), if k % 2 == 1 { 2.0 } else { -2.0 }))
            .map(|(k, sign)| sign * (-2.0 * (k * x).powi(2)).exp())
            .sum();
        upper.min(1.0)
    }
}

/// The counts between which a binomial with `trials` of probability `p` falls with
/// probability at least `1 - gamma`, at most `gamma / 2` being left on each side.
///
/// A simulation of `trials` repetitions whose true rate is `p` counts outside these
/// limits with probability at most `gamma`.
pub fn binomial_limits(trials: u64, p: f64, gamma: f64) -> (u64, u64) {
    let half = 0.5 * gamma;
    // Smallest count with more than gamma / 2 at or below it.
    let low = first(trials, |k| tail::binomial_lower(k, trials, p).p > half);
    // Smallest count with at most gamma / 2 above it.
    let high = first(trials, |k| tail::binomial_upper(k + 1, trials, p).p <= half);
    (low, high)
}

/// The first count in `0..=most` from which a monotone condition holds, or `most`.
pub(crate) fn first(most: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kolmogorov_matches_tables() {
        // Critical values of the limiting distribution.
        for (x, p) in [
            (1.22385, 0.1),
            (1.35810, 0.05),
            (1.62762, 0.01),
            (0.82757, 0.5),
        ] {
            assert!((kolmogorov_upper(x) - p).abs() < 1e-5, "{x}");
        }
        // The two series meet.
        assert!((kolmogorov_upper(1.0 - 1e-12) - kolmogorov_upper(1.0)).abs() < 1e-10);
    }

    #[test]
    fn uniform_values_pass_and_others_fail() {
        let even: Vec<f64> = (0..1000).map(|i| (f64::from(i) + 0.5) / 1000.0).collect();
        assert!(uniform_probability(&even).unwrap() > 0.999);
        let squared: Vec<f64> = even.iter().map(|v| v * v).collect();
        assert!(uniform_probability(&squared).unwrap() < 1e-9);
        assert_eq!(uniform_probability(&[]), None);
        assert_eq!(uniform_probability(&[1.5]), None);
    }

    #[test]
    fn small_samples_are_near_exact() {
        // Exact critical values of D at 5 per cent: n = 10, 0.40925; n = 20, 0.29408.
        for (n, d) in [(10u32, 0.40925), (20, 0.29408)] {
            let values: Vec<f64> = (0..n)
                .map(|i| (f64::from(i + 1) / f64::from(n) - d).max(0.0))
                .collect();
            let p = uniform_probability(&values).unwrap();
            assert!((p - 0.05).abs() < 2e-3, "{n} {p}");
        }
    }

    #[test]
    fn limits_hold_what_they_say() {
        for (trials, p) in [(2000, 0.05), (100, 0.5), (10, 0.0), (10, 1.0)] {
            let (low, high) = binomial_limits(trials, p, 0.001);
            let below = if low == 0 {
                0.0
            } else {
                tail::binomial_lower(low - 1, trials, p).p
            };
            let above = tail::binomial_upper(high + 1, trials, p).p;
            assert!(below <= 0.0005 && above <= 0.0005);
        }
        assert_eq!(binomial_limits(10, 0.0, 0.01), (0, 0));
        assert_eq!(binomial_limits(10, 1.0, 0.01), (10, 10));
    }
}
