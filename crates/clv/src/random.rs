//! Random numbers for resampling.

use stats::random::SplitMix64;

/// The generator.
#[derive(Debug, Clone)]
pub(crate) struct Random(SplitMix64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(SplitMix64::new(seed))
    }

    pub(crate) fn uniform(&mut self) -> f64 {
        self.0.uniform()
    }

    /// A Poisson count: by multiplication below a mean of 30, and in independent halves
    /// above.
    pub(crate) fn poisson(&mut self, mean: f64) -> f64 {
        if mean > 30.0 {
            return self.poisson(0.5 * mean) + self.poisson(0.5 * mean);
        }
        let limit = (-mean).exp();
        let mut product = self.uniform();
        let mut count = 0.0;
        while product > limit {
            product *= self.uniform();
            count += 1.0;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poisson_counts_have_their_mean_and_variance() {
        for mean in [0.3, 4.0, 70.0] {
            let mut random = Random::new(7);
            let n = 20_000.0;
            let draws: Vec<f64> = (0..20_000).map(|_| random.poisson(mean)).collect();
            let average = draws.iter().sum::<f64>() / n;
            let variance = draws.iter().map(|d| (d - average).powi(2)).sum::<f64>() / n;
            assert!((average - mean).abs() < 5.0 * (mean / n).sqrt());
            assert!((variance / mean - 1.0).abs() < 0.06);
        }
    }
}
