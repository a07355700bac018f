//! The random numbers of a bootstrap, and Poisson counts from them.

use stats::random::{GAMMA, SplitMix64, mixed};
use stats::special::ln_gamma;

/// The stream of one replicate.
pub(crate) fn of_replicate(seed: u64, replicate: u64) -> SplitMix64 {
    SplitMix64::new(mixed(seed ^ mixed(replicate.wrapping_add(GAMMA))))
}

/// Poisson counts with whole means: how often `mean` customers are drawn when each is drawn a
/// Poisson number of times with mean one.
#[derive(Debug, Clone)]
pub(crate) struct Poisson {
    /// Distribution functions of the small means, each up to where it is one to rounding.
    small: Vec<Vec<f64>>,
}

/// Means up to which the distribution function is searched.
const SMALL: u64 = 16;

impl Poisson {
    pub(crate) fn new() -> Self {
        let distribution = |mean: u64| {
            let mean = mean as f64;
            let mut probability = (-mean).exp();
            let mut cumulative = vec![probability];
            let mut sum = probability;
            let mut k = 0.0;
            while probability > 1e-18 || k < mean {
                k += 1.0;
                probability *= mean / k;
                sum += probability;
                cumulative.push(sum);
            }
            cumulative
        };
        Self {
            small: (0..=SMALL).map(distribution).collect(),
        }
    }

    pub(crate) fn draw(&self, mean: u64, random: &mut SplitMix64) -> f64 {
        if mean > SMALL {
            return large(mean as f64, random);
        }
        let cumulative = &self.small[mean as usize];
        let u = random.uniform();
        let below = cumulative.iter().position(|&sum| u <= sum);
        below.unwrap_or(cumulative.len()) as f64
    }
}

/// W. Hörmann, "The transformed rejection method for generating Poisson random variables",
/// Insurance: Mathematics and Economics 12 (1993), algorithm PTRS; for means from 10 on.
fn large(mean: f64, random: &mut SplitMix64) -> f64 {
    let b = 0.931 + 2.53 * mean.sqrt();
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let accepted = 0.9277 - 3.6224 / (b - 2.0);
    loop {
        let u = random.uniform() - 0.5;
        let v = random.uniform();
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
        if us >= 0.07 && v <= accepted {
            return k;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        let left = (v * inverse_alpha / (a / (us * us) + b)).ln();
        if left <= k * mean.ln() - mean - ln_gamma(k + 1.0) {
            return k;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poisson_moments() {
        let poisson = Poisson::new();
        for mean in [1, 3, 16, 17, 100, 50_000] {
            let mut random = of_replicate(7, mean);
            let draws = 100_000;
            let (mut sum, mut squares) = (0.0, 0.0);
            for _ in 0..draws {
                let deviation = poisson.draw(mean, &mut random) - mean as f64;
                sum += deviation;
                squares += deviation * deviation;
            }
            let (n, mean) = (f64::from(draws), mean as f64);
            // Five standard errors of mean and variance.
            assert!((sum / n).abs() < 5.0 * (mean / n).sqrt(), "mean {mean}");
            let allowed = 5.0 * ((2.0 * mean * mean + mean) / n).sqrt();
            assert!((squares / n - mean).abs() < allowed, "variance {mean}");
        }
        assert_eq!(poisson.draw(0, &mut of_replicate(1, 1)), 0.0);
    }
}
