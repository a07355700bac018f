//! How sure a fitted model of purchase timing is.
//!
//! * The sandwich covariance, `H^-1 (sum of g g') H^-1` over customers, holds where the
//!   model is only an approximation (White 1982).
//! * The bootstrap draws customers anew, by Poisson weights on the compressed table, and
//!   fits again from the estimate.
//! * Likelihood ratios compare nested models.
//! * The profile likelihood bounds a parameter where the likelihood is far from normal;
//!   a side on which it has no limit is said to have none.

use crate::error::FitError;
use crate::information;
use crate::linear;
use crate::optimize::{Objective, Optimum, maximize};
use crate::parallel;
use crate::random::Random;
use crate::table::CustomerTable;
use crate::timing::{
    Family, Gradient, Pinned, TableLikelihood, TimingFit, TimingModel, fit_near,
    pinned_without_attrition,
};
use stats::tail::{chi_square_quantile, chi_square_upper, normal_quantile};

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
    let (model, sandwich) = match information::covariances(optimum, &squared_scores) {
        Ok(both) => (both.model, both.sandwich),
        Err(_) => (none(), none()),
    };
    Covariance {
        size,
        inside: optimum.inside(),
        model,
        sandwich,
    }
}

impl Covariance {
    pub(crate) fn matrix(&self, kind: CovarianceKind) -> &[f64] {
        match kind {
            CovarianceKind::Information => &self.model,
            CovarianceKind::Sandwich => &self.sandwich,
        }
    }

    /// Sandwich standard error of a searched parameter that lies inside its range.
    pub(crate) fn sandwich_error(&self, parameter: usize) -> Option<f64> {
        let variance = self.sandwich[parameter * self.size + parameter];
        self.inside
            .contains(&parameter)
            .then(|| variance.max(0.0).sqrt())
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

/// Limits of a parameter by its profile likelihood; none on a side without a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProfileInterval {
    /// The estimate.
    pub value: f64,
    /// Lower limit.
    pub low: Option<f64>,
    /// Upper limit.
    pub high: Option<f64>,
}

impl<M: TimingModel> TimingFit<M> {
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
        let effects = self.estimation.rate.iter().chain(&self.estimation.attrition);
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

    /// Expected purchases of each row of a table within a horizon, discounted, with
    /// their standard errors (sandwich). The horizon may be infinite; the discount may
    /// be zero where it is not.
    pub fn discounted_expected_transactions(
        &self,
        table: &CustomerTable,
        discount: f64,
        horizon: f64,
    ) -> Predictions {
        let rows = table.rows();
        let each =
            parallel::map_ranges(rows.len(), |range, slots: &mut [(Prediction, Gradient)]| {
                let mut known: Option<(u32, M, [Gradient; 4])> = None;
                for (row, slot) in rows[range].iter().zip(slots) {
                    let (_, model, covariance) = match known {
                        Some(known) if known.0 == row.pattern => known,
                        _ => {
                            let covariates = table.pattern(row.pattern);
                            let model = self.model_of(covariates);
                            *known.insert((row.pattern, model, self.covariance_of(covariates)))
                        }
                    };
                    let (value, slopes) =
                        model.discounted_with_gradient(&row.customer(), discount, horizon);
                    let variance: f64 = (0..4)
                        .map(|i| slopes[i] * linear::dot(&covariance[i], &slopes))
                        .sum();
                    let standard_error = variance.max(0.0).sqrt();
                    *slot = (
                        Prediction {
                            value,
                            standard_error,
                        },
                        slopes,
                    );
                }
            });
        let mut value = 0.0;
        let mut gradient = vec![0.0; self.covariance.size];
        for (row, (prediction, slopes)) in rows.iter().zip(&each) {
            value += row.count * prediction.value;
            self.add_gradient(
                &mut gradient,
                *slopes,
                row.count,
                table.pattern(row.pattern),
            );
        }
        let through = linear::multiply(&self.covariance.sandwich, &gradient);
        Predictions {
            rows: each.into_iter().map(|(prediction, _)| prediction).collect(),
            total: Prediction {
                value,
                standard_error: linear::dot(&through, &gradient).max(0.0).sqrt(),
            },
        }
    }

    /// Adds derivatives in the four parameters of customers with these covariates, times
    /// a weight, to derivatives in the searched parameters.
    fn add_gradient(&self, sum: &mut [f64], slopes: Gradient, weight: f64, covariates: &[f64]) {
        for (sum, slope) in sum.iter_mut().zip(slopes) {
            *sum += weight * slope;
        }
        for (k, place, z) in self.shifts(covariates) {
            sum[k] += weight * slopes[place] * z;
        }
    }

    /// Sandwich covariance of the four parameters of customers with these covariates.
    fn covariance_of(&self, covariates: &[f64]) -> [Gradient; 4] {
        let size = self.covariance.size;
        let row_of = |place: usize| -> Vec<f64> {
            let mut row = vec![0.0; size];
            row[place] = 1.0;
            for (k, shifted, z) in self.shifts(covariates) {
                if shifted == place {
                    row[k] = z;
                }
            }
            row
        };
        let rows = [0, 1, 2, 3].map(row_of);
        std::array::from_fn(|i| {
            let through = linear::multiply(&self.covariance.sandwich, &rows[i]);
            std::array::from_fn(|j| linear::dot(&through, &rows[j]))
        })
    }

    /// For each effect: its place among the searched parameters, which of the four it
    /// shifts, and by how much a unit.
    fn shifts<'a>(
        &'a self,
        covariates: &'a [f64],
    ) -> impl Iterator<Item = (usize, usize, f64)> + 'a {
        let rate = self.estimation.rate.iter().map(|&j| (1, j));
        let attrition = self.estimation.attrition.iter().map(|&j| (3, j));
        rate.chain(attrition)
            .enumerate()
            .map(|(k, (place, j))| (4 + k, place, covariates[j] / self.scales[j]))
    }

    /// Fits to the same table with customers drawn anew, by Poisson weights: each
    /// stands for what another sample of customers would have given. Started from this
    /// fit; draws without a repeat purchase, and the very few whose search fails, are
    /// left out.
    pub fn bootstrap(&self, table: &CustomerTable, draws: usize, seed: u64) -> Vec<TimingFit<M>> {
        let family = self.model.family();
        let mut random = Random::new(seed);
        (0..draws)
            .filter_map(|_| {
                let counts: Vec<f64> = table
                    .rows()
                    .iter()
                    .map(|row| random.poisson(row.count))
                    .collect();
                let drawn = table.reweighted(&counts)?;
                fit_near(family, &drawn, self).ok()
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

    /// Interval of a parameter at level `1 - alpha` by its profile likelihood: where
    /// the log-likelihood, all other parameters fitted anew, is within half a
    /// chi-square quantile of its maximum.
    ///
    /// # Errors
    ///
    /// [`FitError`] where a fit of the others fails.
    pub fn profile(
        &self,
        table: &CustomerTable,
        parameter: ProfileParameter,
        alpha: f64,
    ) -> Result<ProfileInterval, FitError> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(FitError::InvalidArgument {
                what: "level alpha",
                value: alpha,
            });
        }
        let family = self.model.family();
        let objective = self.objective(family, table);
        let fixed = parameter.place();
        let natural = |at: f64| {
            let mut eta: Gradient = std::array::from_fn(|i| self.at[i]);
            eta[fixed] = at;
            parameter.of(&family.model(eta, self.unit))
        };
        let free: Vec<usize> = (0..self.at.len()).filter(|i| *i != fixed).collect();
        let mut unused = vec![0.0; self.at.len()];
        let top = objective.evaluate(&self.at, &mut unused);
        let lowest = top - 0.5 * chi_square_quantile(1.0 - alpha, 1.0);
        let limit = |direction: f64| -> Result<Option<f64>, FitError> {
            let (low, high) = objective.range(fixed);
            let end = if direction < 0.0 { low } else { high };
            let mut at = self.at.clone();
            // How far the profile is above the lowest value, the others refitted.
            let mut excess = |value: f64| -> Result<f64, FitError> {
                at[fixed] = value;
                let pinned = Pinned {
                    objective: &objective,
                    at: at.clone(),
                    free: free.clone(),
                };
                let best = maximize(&pinned, &[pinned.select(&at)])?;
                at = pinned.complete(&best.at);
                Ok(best.value - lowest)
            };
            let (mut inside, mut step) = (self.at[fixed], 0.1);
            let outside = loop {
                if inside == end {
                    return Ok(None);
                }
                let next = (inside + direction * step).clamp(low, high);
                if excess(next)? < 0.0 {
                    break next;
                }
                inside = next;
                step *= 2.0;
            };
            let (mut inside, mut outside) = (inside, outside);
            while (outside - inside).abs() > 1e-7 {
                let middle = 0.5 * (inside + outside);
                if excess(middle)? < 0.0 {
                    outside = middle;
                } else {
                    inside = middle;
                }
            }
            Ok(Some(natural(inside)))
        };
        Ok(ProfileInterval {
            value: natural(self.at[fixed]),
            low: limit(-1.0)?,
            high: limit(1.0)?,
        })
    }

    fn objective<'a>(
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

/// A parameter whose profile likelihood is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileParameter {
    /// Shape of the purchase rates, `r`.
    RateShape,
    /// Mean purchase rate, [`TimingModel::mean_rate`].
    MeanRate,
    /// Mean level of attrition, [`TimingModel::mean_attrition`].
    MeanAttrition,
}

impl ProfileParameter {
    fn place(self) -> usize {
        match self {
            ProfileParameter::RateShape => 0,
            ProfileParameter::MeanRate => 1,
            ProfileParameter::MeanAttrition => 3,
        }
    }

    fn of(self, model: &impl TimingModel) -> f64 {
        match self {
            ProfileParameter::RateShape => model.parameters()[0],
            ProfileParameter::MeanRate => model.mean_rate(),
            ProfileParameter::MeanAttrition => model.mean_attrition(),
        }
    }
}
