//! From the uncertainty of parameters to that of what is computed from them.

use super::{Refusal, Settings, SpendArms};
use crate::information::slopes;
use crate::linear;
use crate::random::Random;
use stats::tail::normal_quantile;

/// How the uncertainty of parameters is carried into results. [`stops`](fn@super::stops)
/// always uses the delta method, together with the chance of sampling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uncertainty {
    /// The delta method: exact to first order.
    Delta,
    /// A thousand draws from the normal distribution of the parameters; intervals are
    /// quantiles. Better where results are far from linear, as over long horizons.
    Draws {
        /// Seed: the same one gives the same numbers.
        seed: u64,
    },
}

/// A quantity with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount {
    /// Its value at the estimates.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Lower limit of its interval.
    pub low: f64,
    /// Upper limit of its interval.
    pub high: f64,
}

impl Amount {
    /// With the interval of a normal estimate at level `1 - alpha`.
    pub(super) fn normal(value: f64, variance: f64, alpha: f64) -> Self {
        let standard_error = variance.max(0.0).sqrt();
        let reach = normal_quantile(1.0 - 0.5 * alpha) * standard_error;
        Amount {
            value,
            standard_error,
            low: value - reach,
            high: value + reach,
        }
    }
}

/// Draws of [`Uncertainty::Draws`].
const DRAWS: usize = 1000;

/// Estimates of timing and, after them, of spend, with their covariance. The two are
/// uncorrelated, as spend is independent of timing in the model.
pub(super) struct Propagation {
    theta: Vec<f64>,
    covariance: Vec<f64>,
}

impl Propagation {
    pub(super) fn of_arms(
        mut theta: Vec<f64>,
        timing: &[f64],
        spend: &SpendArms,
    ) -> Result<Self, Refusal> {
        let (first, size) = (theta.len(), theta.len() + 2);
        let numbers = timing.iter().chain(&spend.covariance);
        if timing.len() != first * first || numbers.clone().any(|v| !v.is_finite()) {
            return Err(Refusal::InvalidCovariance);
        }
        super::check("margin per order", spend.generic, |value| value > 0.0)?;
        super::check("effect on spend", spend.effect, |_| true)?;
        theta.extend([spend.generic.ln(), spend.effect]);
        let mut covariance = vec![0.0; size * size];
        for (row, from) in covariance.chunks_mut(size).zip(timing.chunks(first)) {
            row[..first].copy_from_slice(from);
        }
        for (i, from) in spend.covariance.chunks(2).enumerate() {
            let start = (first + i) * size + first;
            covariance[start..start + 2].copy_from_slice(from);
        }
        Ok(Propagation { theta, covariance })
    }

    pub(super) fn theta(&self) -> &[f64] {
        &self.theta
    }

    /// Derivatives of so many functions by the estimates, a row each.
    pub(super) fn slopes(
        &self,
        functions: usize,
        of: impl Fn(&[f64]) -> Vec<f64>,
    ) -> Vec<Vec<f64>> {
        slopes(&self.theta, &self.covariance, functions, of)
    }

    /// The covariance of the estimates times a vector.
    pub(super) fn spread(&self, vector: &[f64]) -> Vec<f64> {
        linear::multiply(&self.covariance, vector)
    }

    /// Functions of the estimates with their intervals.
    pub(super) fn amounts(
        &self,
        settings: &Settings,
        of: impl Fn(&[f64]) -> Vec<f64>,
    ) -> Result<Vec<Amount>, Refusal> {
        let values = of(&self.theta);
        match settings.uncertainty {
            Uncertainty::Delta => {
                let rows = self.slopes(values.len(), of);
                let amount = |(&value, row): (&f64, &Vec<f64>)| {
                    let variance = linear::quadratic(&self.covariance, row);
                    Amount::normal(value, variance, settings.alpha)
                };
                Ok(values.iter().zip(&rows).map(amount).collect())
            }
            Uncertainty::Draws { seed } => self.drawn(&values, settings.alpha, seed, of),
        }
    }

    fn drawn(
        &self,
        values: &[f64],
        alpha: f64,
        seed: u64,
        of: impl Fn(&[f64]) -> Vec<f64>,
    ) -> Result<Vec<Amount>, Refusal> {
        let size = self.theta.len();
        let varying: Vec<usize> = (0..size)
            .filter(|&i| self.covariance[i * size + i] > 0.0)
            .collect();
        let block: Vec<f64> = varying
            .iter()
            .flat_map(|&i| varying.iter().map(move |&j| self.covariance[i * size + j]))
            .collect();
        let factor = linear::cholesky(&block, varying.len()).ok_or(Refusal::InvalidCovariance)?;
        let mut random = Random::new(seed);
        let mut normal = || normal_quantile(random.uniform());
        let mut columns = vec![Vec::with_capacity(DRAWS); values.len()];
        for _ in 0..DRAWS {
            let noise: Vec<f64> = varying.iter().map(|_| normal()).collect();
            let mut theta = self.theta.clone();
            for (row, &i) in varying.iter().enumerate() {
                let start = row * varying.len();
                theta[i] += linear::dot(&factor[start..=start + row], &noise);
            }
            for (column, value) in columns.iter_mut().zip(of(&theta)) {
                column.push(value);
            }
        }
        let amount = |(&value, mut draws): (&f64, Vec<f64>)| {
            draws.sort_unstable_by(f64::total_cmp);
            let mean = draws.iter().sum::<f64>() / DRAWS as f64;
            let squares: f64 = draws.iter().map(|draw| (draw - mean).powi(2)).sum();
            let cut = (0.5 * alpha * DRAWS as f64) as usize;
            Amount {
                value,
                standard_error: (squares / (DRAWS - 1) as f64).sqrt(),
                low: draws[cut],
                high: draws[DRAWS - 1 - cut],
            }
        };
        Ok(values.iter().zip(columns).map(amount).collect())
    }
}
