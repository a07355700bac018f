//! What the integration tests share.
#![allow(dead_code, reason = "each test binary uses its part")]

use serde_json::Value;
use stats::ArmMoments;
use stats::uniformity::binomial_limits;

/// Asserts that two numbers agree to a relative tolerance, with an absolute floor
/// for values near zero.
#[track_caller]
pub(crate) fn assert_close(what: &str, actual: f64, expected: f64, relative: f64, absolute: f64) {
    let allowed = absolute + relative * expected.abs();
    assert!(
        actual == expected || (actual - expected).abs() <= allowed,
        "{what}: {actual:e} is not {expected:e} (off by {:e}, allowed {allowed:e})",
        (actual - expected).abs(),
    );
}

/// Asserts that the rate of what happened lies between two rates, but for what a binomial
/// leaves once in a million.
#[track_caller]
pub(crate) fn assert_rate(what: &str, found: u64, trials: u64, low: f64, high: f64) {
    let (least, _) = binomial_limits(trials, low, 1e-6);
    let (_, most) = binomial_limits(trials, high, 1e-6);
    assert!(
        (least..=most).contains(&found),
        "{what}: {found} of {trials}, not in {least}..={most}"
    );
}

/// A number of a golden table; infinities are written as text.
#[track_caller]
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().expect("a number"),
        other => other.as_f64().expect("a number"),
    }
}

/// The numbers of an array.
#[track_caller]
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .expect("an array")
        .iter()
        .map(number)
        .collect()
}

/// The rows of a table of a golden file.
#[track_caller]
pub(crate) fn rows<'a>(golden: &'a Value, table: &str) -> &'a [Value] {
    let rows = golden[table].as_array().expect("a table");
    assert!(!rows.is_empty());
    rows
}

/// A small deterministic generator: SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform on (0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Standard normal, by Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (2.0 * std::f64::consts::PI * self.uniform()).cos()
    }

    /// Uniform on 0..n.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        (self.uniform() * n as f64) as u64
    }
}

/// Mean and variance (divisor n - 1) of values.
pub(crate) fn sample(values: &[f64]) -> stats::Sample {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    stats::Sample {
        n: values.len() as u64,
        mean,
        variance: values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0),
    }
}

/// Covariance (divisor n - 1) of paired values.
pub(crate) fn covariance(x: &[f64], y: &[f64]) -> f64 {
    let (mx, my) = (sample(x).mean, sample(y).mean);
    let sum: f64 = x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum();
    sum / (x.len() as f64 - 1.0)
}

/// The moments of an arm's outcomes y and covariates x.
pub(crate) fn arm_moments(y: &[f64], x: &[impl AsRef<[f64]>]) -> ArmMoments {
    let outcome = sample(y);
    let x: Vec<&[f64]> = x.iter().map(AsRef::as_ref).collect();
    ArmMoments {
        n: outcome.n,
        mean: outcome.mean,
        variance: outcome.variance,
        covariate_means: x.iter().map(|x| sample(x).mean).collect(),
        outcome_covariances: x.iter().map(|x| covariance(y, x)).collect(),
        covariate_covariances: x
            .iter()
            .flat_map(|a| x.iter().map(|b| covariance(a, b)))
            .collect(),
    }
}
