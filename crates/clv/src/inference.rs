//! How sure a fitted model of purchase timing is.
//!
//! * The sandwich covariance, `H^-1 (sum of g g') H^-1` over customers, holds where the
//!   model is only an approximation (White 1982).
//! * The bootstrap draws customers anew, by Poisson weights on the compressed table, and
//!   fits again from the estimate.
//! * Likelihood ratios compare nested models.

use crate::error::FitError;
use crate::information;
use crate::optimize::{Objective, Optimum, maximize};
use crate::parallel;
use crate::random::Random;
use crate::table::CustomerTable;
use crate::timing::{
    Family, Gradient, TableLikelihood, TimingFit, TimingModel, fit_near, pinned_without_attrition,
};
use stats::tail::{chi_square_upper, normal_quantile};

/// Covariances of the searched parameters. Those at an end of their range have none.
#[derive(Debug, Clone)]
pub(crate) struct Covariance {
    /// Number of searched parameters.
    size: usize,
    /// Those between the ends of their range.
    inside: Vec<usize>,
    /// Inverse of the information matrix, rows and columns of the others zero.
    model: Vec<f64>,
    /// The sandwich.
    sandwich: Vec<f64>,
    /// Whether the information matrix could be inverted: if not, zeros stand for errors that nobody knows.
    is_known: bool,
}

/// Covariances at a maximum.
pub(crate) fn covariance<F: Family>(
    objective: &TableLikelihood<F>,
    optimum: &Optimum,
) -> Covariance {
    let size = optimum.at.len();
    let squared_scores = parallel::sum(objective.table.len(), size * size, |rows, sums| {
        objective.visit(&optimum.at, rows, |customers, _, gradient| {
            information::add_square(sums, gradient, customers);
        });
    });
    // A direction without information leaves nothing to invert: no errors are known then.
    let none = || vec![0.0; size * size];
    let (model, sandwich, is_known) = match information::covariances(optimum, &squared_scores) {
        Ok(both) => (both.model, both.sandwich, true),
        Err(_) => (none(), none(), false),
    };
    Covariance {
        size,
        inside: optimum.inside(),
        model,
        sandwich,
        is_known,
    }
}

impl Covariance {
    /// Of so many parameters that are no estimates.
    pub(crate) fn none(size: usize) -> Self {
        Covariance {
            size,
            inside: Vec::new(),
            model: vec![0.0; size * size],
            sandwich: vec![0.0; size * size],
            is_known: false,
        }
    }

    pub(crate) fn matrix(&self, kind: CovarianceKind) -> &[f64] {
        match kind {
            CovarianceKind::Information => &self.model,
            CovarianceKind::Sandwich => &self.sandwich,
        }
    }

    /// Sandwich standard error of a searched parameter that lies inside its range.
    pub(crate) fn sandwich_error(&self, parameter: usize) -> Option<f64> {
        let variance = self.sandwich[parameter * self.size + parameter];
        (self.is_known && self.inside.contains(&parameter)).then(|| variance.max(0.0).sqrt())
    }
}

/// Which covariance of the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CovarianceKind {
    /// The inverse of the information matrix: right if the model is.
    Information,
    /// The sandwich: right for the parameters that fit best, whether or not the model
    /// is right.
    Sandwich,
}

/// An estimated quantity.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Prediction {
    /// Its value.
    pub value: f64,
    /// Its standard error, by the delta method.
    pub standard_error: f64,
}

impl Prediction {
    /// Interval of a positive quantity at level `1 - alpha`, symmetric in its
    /// logarithm: `value exp(-+ z standard_error / value)`.
    pub fn interval(&self, alpha: f64) -> (f64, f64) {
        if self.value <= 0.0 {
            return (self.value, self.value);
        }
        let reach = (normal_quantile(1.0 - 0.5 * alpha) * self.standard_error / self.value).exp();
        (self.value / reach, self.value * reach)
    }
}

/// Expected discounted purchases of the rows of a table.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// Of one customer of each row, in the order of [`CustomerTable::groups`].
    pub rows: Vec<Prediction>,
    /// Of all customers together. Its standard error is that of the parameters, which
    /// all customers share, and not the chance of what they will do.
    pub total: Prediction,
    /// Derivatives of each row's value in the four scale-free parameters.
    pub(crate) slopes: Vec<Gradient>,
}

/// A likelihood-ratio test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LikelihoodRatio {
    /// Twice the difference of the log-likelihoods.
    pub statistic: f64,
    /// Parameters by which the models differ.
    pub degrees_of_freedom: usize,
    /// Probability of so large a statistic under the smaller model.
    pub probability: f64,
}

/// Test of a model against one that is nested in it.
///
/// # Errors
///
/// [`FitError::InvalidArgument`] where the smaller model is clearly more likely, or does
/// not have fewer parameters: they are not nested then, or not fitted to the same table.
pub fn likelihood_ratio(
    larger: f64,
    smaller: f64,
    degrees_of_freedom: usize,
) -> Result<LikelihoodRatio, FitError> {
    let statistic = 2.0 * (larger - smaller);
    let what = if degrees_of_freedom == 0 {
        "number of additional parameters"
    } else {
        "likelihood ratio of nested models"
    };
    // Below this, the difference is rounding.
    let rounding = -1e-9 * larger.abs().max(1.0);
    if !(statistic.is_finite() && statistic >= rounding) || degrees_of_freedom == 0 {
        return Err(FitError::InvalidArgument {
            what,
            value: statistic,
        });
    }
    let statistic = statistic.max(0.0);
    Ok(LikelihoodRatio {
        statistic,
        degrees_of_freedom,
        probability: chi_square_upper(statistic, degrees_of_freedom as f64).p,
    })
}

impl<M: TimingModel> TimingFit<M> {
    /// This fit, where its errors are known: else its covariances are zero without meaning
    /// that anything is certain.
    ///
    /// # Errors
    ///
    /// [`FitError::SingularInformation`] where some direction of the parameters is without
    /// information.
    pub fn with_errors(self) -> Result<Self, FitError> {
        if self.covariance.is_known {
            Ok(self)
        } else {
            Err(FitError::SingularInformation)
        }
    }

    /// Covariance of the logarithms of the parameters, row-major, in the order of
    /// [`TimingModel::PARAMETERS`].
    pub fn ln_covariance(&self, kind: CovarianceKind) -> [[f64; 4]; 4] {
        let matrix = self.covariance.matrix(kind);
        let size = self.covariance.size;
        let jacobian = self.model.ln_parameter_jacobian();
        let between = |a: usize, b: usize| -> f64 {
            (0..4)
                .flat_map(|i| (0..4).map(move |j| (i, j)))
                .map(|(i, j)| jacobian[a][i] * matrix[i * size + j] * jacobian[b][j])
                .sum()
        };
        std::array::from_fn(|a| std::array::from_fn(|b| between(a, b)))
    }

    /// Sandwich covariance, row-major, of the four scale-free parameters, then of the
    /// effects on the rate and then of those on attrition, each per unit of its
    /// covariate. Rows and columns of what lies at an end of its range are zero.
    pub fn scale_free_covariance(&self) -> Vec<f64> {
        let effects = self
            .estimation
            .rate
            .iter()
            .chain(&self.estimation.attrition);
        let units: Vec<f64> = [1.0; 4]
            .into_iter()
            .chain(effects.map(|&j| 1.0 / self.scales[j]))
            .collect();
        let entries = self.covariance.sandwich.iter().enumerate();
        entries
            .map(|(i, value)| units[i / units.len()] * value * units[i % units.len()])
            .collect()
    }

    /// Standard errors of the parameters. Zero for those at an end of their range.
    pub fn standard_errors(&self, kind: CovarianceKind) -> [f64; 4] {
        let covariance = self.ln_covariance(kind);
        let parameters = self.model.parameters();
        std::array::from_fn(|i| parameters[i] * covariance[i][i].max(0.0).sqrt())
    }

    /// Fits to the same table with customers drawn anew, by Poisson weights: each
    /// stands for what another sample of customers would have given. Started from this
    /// fit; draws without a repeat purchase, and the very few whose search fails, are
    /// left out.
    pub fn bootstrap(&self, table: &CustomerTable, draws: usize, seed: u64) -> Vec<TimingFit<M>> {
        let mut random = Random::new(seed);
        (0..draws)
            .filter_map(|_| {
                let counts: Vec<f64> = table
                    .rows()
                    .iter()
                    .map(|row| random.poisson(row.count))
                    .collect();
                let drawn = table.reweighted(&counts)?;
                fit_near(&drawn, self).ok()
            })
            .collect()
    }

    /// Whether there is attrition: against the same model without it.
    ///
    /// A hazard cannot be negative, so that half of the chance lies at a statistic of
    /// zero (Self and Liang 1987): the probability is half that of a chi-square with one
    /// degree of freedom. How alike customers are in leaving cannot be told without
    /// attrition, which makes this an approximation.
    ///
    /// # Errors
    ///
    /// [`FitError`] where the fit without attrition fails.
    pub fn attrition_test(&self, table: &CustomerTable) -> Result<LikelihoodRatio, FitError> {
        let family = self.model.family();
        let objective = self.objective(family, table);
        let without = pinned_without_attrition(&objective, &self.at);
        let null = maximize(&without, &[without.select(&self.at)])?;
        let mut unused = vec![0.0; self.at.len()];
        let full = objective.evaluate(&self.at, &mut unused);
        let mut test = likelihood_ratio(full, null.value.min(full), 1)?;
        test.probability = if test.statistic > 0.0 {
            0.5 * test.probability
        } else {
            1.0
        };
        Ok(test)
    }

    pub(crate) fn objective<'a>(
        &'a self,
        family: M::Family,
        table: &'a CustomerTable,
    ) -> TableLikelihood<'a, M::Family> {
        TableLikelihood {
            family,
            table,
            estimation: &self.estimation,
            unit: self.unit,
            scales: self.scales.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pareto_nbd::ParetoNbd;
    use crate::table::CustomerColumns;
    use crate::timing::Boundary;

    /// Customers who buy every 7.6 weeks in the mean and stay for 43, exponentially, seen
    /// for 30 to 50. Hazards are Gamma with a shape, or one where it is none.
    fn table(random: &mut Random, shape: Option<usize>, customers: usize) -> CustomerTable {
        let (mut frequency, mut recency, mut age) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..customers {
            let mut exponential = |mean: f64| -mean * random.uniform().ln();
            let rate = exponential(1.0 / 7.6);
            let life = match shape {
                None => 43.0,
                Some(shape) => {
                    let sum: f64 = (0..shape).map(|_| exponential(1.0)).sum();
                    43.0 * shape as f64 / sum
                }
            };
            let end = exponential(life);
            let seen = 30.0 + (20.0 * random.uniform()).floor();
            let (mut times, mut last, mut next) = (0, 0.0, 0.0);
            loop {
                next -= random.uniform().ln() / rate;
                if next > end.min(seen) {
                    break;
                }
                (times, last) = (times + 1, next);
            }
            frequency.push(times);
            recency.push(last);
            age.push(seen);
        }
        CustomerTable::new(&CustomerColumns {
            frequency: &frequency,
            recency: &recency,
            age: &age,
            ..CustomerColumns::default()
        })
        .expect("a table")
    }

    /// Of 60 samples of 300 customers, those whose interval of what they will buy in two
    /// years, discounted, holds the truth, and all: where the maximum lies inside, and where
    /// customers are alike in it.
    fn held(shape: Option<usize>) -> [[usize; 2]; 2] {
        let mut random = Random::new(17);
        let s = shape.map_or(1e6, |shape| shape as f64);
        let truth = ParetoNbd::new(1.0, 7.6, s, 43.0 * s).expect("parameters");
        let mut held = [[0; 2]; 2];
        for _ in 0..60 {
            let table = table(&mut random, shape, 300);
            let each = table.groups().map(|(customer, n, _)| {
                n * truth.discounted_expected_transactions(&customer, 0.002, 104.0)
            });
            let expected: f64 = each.sum();
            let fit = ParetoNbd::fit(&table).expect("a fit");
            let total = fit.discounted_expected_transactions(&table, 0.002, 104.0);
            let (low, high) = total.total.interval(0.05);
            let is_alike = fit.boundaries.contains(&Boundary::EqualAttrition);
            let [holding, all] = &mut held[usize::from(is_alike)];
            *holding += usize::from(low <= expected && expected <= high);
            *all += 1;
        }
        held
    }

    #[test]
    fn intervals_hold_the_truth_inside_more_often_than_where_customers_seem_alike() {
        // Of those inside, and of those at the end where customers are alike.
        let expected = [
            (None, [[20, 26], [34, 34]]),
            (Some(3), [[34, 40], [12, 20]]),
            (Some(1), [[46, 51], [3, 9]]),
        ];
        for (shape, expected) in expected {
            let found = held(shape);
            let pairs = found.concat().into_iter().zip(expected.concat());
            // Rounding may move single samples.
            for (found, expected) in pairs {
                assert!(
                    found.abs_diff(expected) <= 2,
                    "{shape:?}: {found} {expected}"
                );
            }
        }
    }
}
