//! What customers spend per order: the Gamma-Gamma model.
//!
//! A customer's orders are Gamma(p, v) with `v ~ Gamma(q, gamma)` over customers, so
//! that the mean m of x orders has the density (P. S. Fader and B. G. S. Hardie, "The
//! Gamma-Gamma Model of Monetary Value", 2013, equation 1a)
//!
//! ```text
//! f(m | x) = (x m)^(p x) gamma^q / (m B(p x, q) (gamma + x m)^(p x + q))
//! ```
//!
//! The covariates z of a customer, a treatment among them, multiply all that he spends
//! by `exp(g' z)`, which is `gamma_z = gamma exp(g' z)` (the same authors, "Incorporating
//! covariates in the Gamma-Gamma model"). Spend per order is taken to be independent of
//! how often a customer orders; [`SpendTable::correlation_with_frequency`] checks it.

use crate::error::FitError;
use crate::gamma_function::minus_ln_beta;
use crate::information::{add_square, congruence, covariances};
use crate::linear;
use crate::optimize::{self, Objective, Optimum, Place};
use crate::parallel;
use crate::spend::SpendTable;
use std::ops::Range;

/// Parameters of the Gamma-Gamma model.
#[derive(Debug, Clone, PartialEq)]
pub struct GammaGamma {
    /// Shape of a customer's orders: the larger, the more alike they are.
    pub p: f64,
    /// Shape of the distribution over customers. The population mean is infinite at 1
    /// and below.
    pub q: f64,
    /// Scale, in money.
    pub gamma: f64,
    /// Effect of each covariate: spend is multiplied by `exp(g' z)`.
    pub effects: Vec<f64>,
}

/// The population mean of a [`GammaGamma`] with `q <= 1` is infinite: so few customers
/// spend so much that a mean says nothing.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the mean spend per order is infinite, because q is {q}, not above 1")]
pub struct InfiniteMeanSpend {
    /// The parameter q.
    pub q: f64,
}

/// A shape of [`GammaGamma`] that the data push to an end of its range. The fit is the
/// limit, not a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpendBoundary {
    /// p grows without end: all orders of a customer are alike.
    AlikeWithinCustomers,
    /// q grows without end: all customers are alike.
    AlikeCustomers,
    /// p or q falls to zero: spend is spread over all orders of magnitude.
    Dispersed,
}

/// A fitted [`GammaGamma`].
#[derive(Debug, Clone, PartialEq)]
pub struct GammaGammaFit {
    /// The estimates.
    pub parameters: GammaGamma,
    /// Maximum of the log-likelihood.
    pub log_likelihood: f64,
    /// Covariance of `(ln p, ln q, ln gamma, effects)`, row-major, that holds when the
    /// model is not exactly right (sandwich).
    pub covariance: Vec<f64>,
    /// The same when the model is right: the inverse of the information.
    pub model_covariance: Vec<f64>,
    /// Shapes at an end of their ranges, whose variances are then zero.
    pub boundaries: Vec<SpendBoundary>,
    /// Customers in the fit.
    pub customers: f64,
}

/// Mean spend per order with its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanSpend {
    /// The estimate.
    pub estimate: f64,
    /// Its standard error, by the delta method.
    pub se: f64,
}

impl GammaGamma {
    /// Log-density of a mean spend m over x orders; `x >= 1`, `m > 0`.
    pub fn ln_density(&self, orders: f64, mean: f64, covariates: &[f64]) -> f64 {
        let sum = orders * mean;
        Kernel::new(self.p * orders, self.q, self.scale(covariates), sum).value - mean.ln()
    }

    /// Mean spend per order over all customers with these covariates, `p gamma_z / (q -
    /// 1)`.
    ///
    /// # Errors
    ///
    /// It is infinite for `q <= 1`.
    pub fn population_mean(&self, covariates: &[f64]) -> Result<f64, InfiniteMeanSpend> {
        self.conditional_mean(0.0, 0.0, covariates)
    }

    /// Expected spend per order of a customer seen with the mean m over x orders, `p
    /// (gamma_z + x m) / (p x + q - 1)`: between his own mean and that of all.
    ///
    /// # Errors
    ///
    /// It is infinite for `p x + q <= 1`, which without orders is `q <= 1`.
    pub fn conditional_mean(
        &self,
        orders: f64,
        mean: f64,
        covariates: &[f64],
    ) -> Result<f64, InfiniteMeanSpend> {
        let (estimate, _) = self.mean_with_slopes(orders, mean, covariates)?;
        Ok(estimate)
    }

    /// The same, and the derivatives of its logarithm in the logarithms of p, q and
    /// gamma.
    pub(crate) fn mean_with_slopes(
        &self,
        orders: f64,
        mean: f64,
        covariates: &[f64],
    ) -> Result<(f64, [f64; 3]), InfiniteMeanSpend> {
        let weight = self.p * orders + (self.q - 1.0);
        if weight.is_nan() || weight <= 0.0 {
            return Err(InfiniteMeanSpend { q: self.q });
        }
        let scale = self.scale(covariates);
        let spent = scale + orders * mean;
        let slopes = [(self.q - 1.0) / weight, -self.q / weight, scale / spent];
        Ok((self.p * (spent / weight), slopes))
    }

    fn scale(&self, covariates: &[f64]) -> f64 {
        self.gamma * linear::dot(&self.effects, covariates).exp()
    }
}

impl GammaGammaFit {
    /// Fits the model by maximum likelihood.
    ///
    /// # Errors
    ///
    /// Nobody with positive spend; one mean spend only, so that no spread can be told;
    /// covariates that explain each other; no convergence.
    pub fn new(table: &SpendTable) -> Result<Self, FitError> {
        let likelihood = Likelihood::new(table)?;
        let effects = vec![0.0; table.covariates()];
        let starts: Vec<Vec<f64>> = [(6.0, 3.5), (1.0, 1.5), (30.0, 12.0)]
            .iter()
            .map(|&(p, q): &(f64, f64)| {
                let mut start = vec![p.ln(), q.ln(), (1.0 - 1.0 / q).ln()];
                start.extend(&effects);
                start
            })
            .collect();
        let optimum = likelihood.search(&starts)?;
        let size = likelihood.dimension();
        let at_maximum = likelihood.prepared(&optimum.at);
        let squares = parallel::sum(table.len(), size * size, |rows, squares| {
            likelihood.for_each(&at_maximum, rows, |_, score, customers| {
                add_square(squares, score, customers);
            });
        });
        let covariances = covariances(&optimum, &squares)?;
        let jacobian = likelihood.jacobian();
        let boundaries = optimum.places[..2]
            .iter()
            .zip([
                SpendBoundary::AlikeWithinCustomers,
                SpendBoundary::AlikeCustomers,
            ])
            .filter_map(|(place, at_upper_end)| match place {
                Place::Inside => None,
                Place::Upper | Place::Unidentified => Some(at_upper_end),
                Place::Lower => Some(SpendBoundary::Dispersed),
            })
            .collect();
        Ok(GammaGammaFit {
            parameters: likelihood.parameters(&optimum.at),
            // The means were divided by their average.
            log_likelihood: optimum.value - likelihood.customers * likelihood.average.ln(),
            covariance: congruence(&jacobian, &covariances.sandwich, size),
            model_covariance: congruence(&jacobian, &covariances.model, size),
            boundaries,
            customers: likelihood.customers,
        })
    }

    /// Mean spend per order over all customers with these covariates, with its standard
    /// error from the sandwich covariance.
    ///
    /// # Errors
    ///
    /// It is infinite for `q <= 1`.
    pub fn population_mean(&self, covariates: &[f64]) -> Result<MeanSpend, InfiniteMeanSpend> {
        self.conditional_mean(0.0, 0.0, covariates)
    }

    /// Expected spend per order of a customer seen with the mean m over x orders, as
    /// [`GammaGamma::conditional_mean`], with the standard error that the parameters
    /// give it.
    ///
    /// # Errors
    ///
    /// It is infinite for `p x + q <= 1`.
    pub fn conditional_mean(
        &self,
        orders: f64,
        mean: f64,
        covariates: &[f64],
    ) -> Result<MeanSpend, InfiniteMeanSpend> {
        let (estimate, shapes) = self.parameters.mean_with_slopes(orders, mean, covariates)?;
        let slope: Vec<f64> = shapes
            .into_iter()
            .chain(covariates.iter().map(|z| z * shapes[2]))
            .collect();
        let variance = linear::quadratic(&self.covariance, &slope);
        Ok(MeanSpend {
            estimate,
            se: estimate * variance.max(0.0).sqrt(),
        })
    }
}

/// `-ln B(p x, q)` and its derivatives in both arguments.
type MinusLnBeta = (f64, f64, f64);

/// Log-density of the mean spend of one customer but for `-ln m`, with its derivatives.
struct Kernel {
    value: f64,
    /// By the number of orders times p.
    by_shape: f64,
    by_q: f64,
    by_ln_gamma: f64,
}

impl Kernel {
    /// At `shape = p x` and the sum `x m` of the orders.
    fn new(shape: f64, q: f64, gamma: f64, sum: f64) -> Self {
        Self::with(minus_ln_beta(shape, q), shape, q, gamma, sum)
    }

    fn with(beta: MinusLnBeta, shape: f64, q: f64, gamma: f64, sum: f64) -> Self {
        let ln_own = -(gamma / sum).ln_1p();
        let ln_others = -(sum / gamma).ln_1p();
        let (minus_ln_beta, by_shape, by_q) = beta;
        Kernel {
            value: minus_ln_beta + shape * ln_own + q * ln_others,
            by_shape: by_shape + ln_own,
            by_q: by_q + ln_others,
            by_ln_gamma: (q * sum - shape * gamma) / (gamma + sum),
        }
    }
}

/// The log-likelihood in `(ln p, ln q, ln[p gamma / (q average)], effects)`: free of the
/// currency, and each shape can go to its limit while the others stay.
struct Likelihood<'a> {
    table: &'a SpendTable,
    /// Average of the customers' means.
    average: f64,
    customers: f64,
    /// Distinct numbers of orders, and the place of each row's among them.
    orders: Vec<f64>,
    place: Vec<u32>,
    /// Every so many rows count.
    step: usize,
}

/// Parameters, and what customers with equal numbers of orders have in common there.
struct Prepared {
    model: GammaGamma,
    betas: Vec<MinusLnBeta>,
}

/// Beyond this many rows the search starts on a part of them.
const LARGE_TABLE: usize = 40_000;
/// Rows of that part.
const PART: usize = 20_000;

impl<'a> Likelihood<'a> {
    fn new(table: &'a SpendTable) -> Result<Self, FitError> {
        let customers = table.customers();
        if customers <= 0.0 {
            return Err(FitError::NoCustomers);
        }
        let rows = || table.rows();
        let average = rows().map(|row| row.customers * row.mean).sum::<f64>() / customers;
        let spread = rows().any(|row| (row.mean / average - 1.0).abs() > 1e-12);
        if !spread {
            return Err(FitError::InvalidArgument {
                what: "spread of mean spend between customers",
                value: 0.0,
            });
        }
        let mut orders: Vec<f64> = rows().map(|row| row.orders).collect();
        orders.sort_unstable_by(f64::total_cmp);
        orders.dedup();
        let place = rows()
            .map(|row| orders.partition_point(|orders| *orders < row.orders) as u32)
            .collect();
        Ok(Likelihood {
            table,
            average,
            customers,
            orders,
            place,
            step: 1,
        })
    }

    /// The maximum, first on a part of a large table.
    fn search(&self, starts: &[Vec<f64>]) -> Result<Optimum, FitError> {
        if self.table.len() <= LARGE_TABLE {
            return optimize::maximize(self, starts);
        }
        let step = self.table.len() / PART;
        let part = Likelihood {
            orders: self.orders.clone(),
            place: self.place.clone(),
            step,
            ..*self
        };
        optimize::maximize_by_part(self, &part, step as f64, starts)
    }

    fn parameters(&self, at: &[f64]) -> GammaGamma {
        GammaGamma {
            p: at[0].exp(),
            q: at[1].exp(),
            gamma: self.average * (at[2] + at[1] - at[0]).exp(),
            effects: at[3..].to_vec(),
        }
    }

    /// Derivatives of `(ln p, ln q, ln gamma, effects)` by the parameters of the search.
    fn jacobian(&self) -> Vec<f64> {
        let size = self.dimension();
        let mut jacobian = vec![0.0; size * size];
        for i in 0..size {
            jacobian[i * size + i] = 1.0;
        }
        jacobian[2 * size] = -1.0;
        jacobian[2 * size + 1] = 1.0;
        jacobian
    }

    /// Parameters in units of the average.
    fn prepared(&self, at: &[f64]) -> Prepared {
        let model = GammaGamma {
            gamma: (at[2] + at[1] - at[0]).exp(),
            ..self.parameters(at)
        };
        let orders = self.orders.iter();
        let betas = orders
            .map(|orders| minus_ln_beta(model.p * orders, model.q))
            .collect();
        Prepared { model, betas }
    }

    /// Rows that count.
    fn len(&self) -> usize {
        self.table.len().div_ceil(self.step)
    }

    /// Calls with the log-density, its gradient and the number of customers of some rows.
    fn for_each(
        &self,
        Prepared { model, betas }: &Prepared,
        rows: Range<usize>,
        mut each: impl FnMut(f64, &[f64], f64),
    ) {
        let mut score = vec![0.0; self.dimension()];
        for i in rows.map(|row| row * self.step) {
            let row = self.table.row(i);
            let mean = row.mean / self.average;
            let shape = model.p * row.orders;
            let scale = model.scale(row.covariates);
            let beta = betas[self.place[i] as usize];
            let kernel = Kernel::with(beta, shape, model.q, scale, row.orders * mean);
            score[0] = shape * kernel.by_shape - kernel.by_ln_gamma;
            score[1] = model.q * kernel.by_q + kernel.by_ln_gamma;
            score[2] = kernel.by_ln_gamma;
            for (slope, z) in score[3..].iter_mut().zip(row.covariates) {
                *slope = kernel.by_ln_gamma * z;
            }
            each(kernel.value - mean.ln(), &score, row.customers);
        }
    }
}

impl Objective for Likelihood<'_> {
    fn dimension(&self) -> usize {
        3 + self.table.covariates()
    }

    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
        let size = gradient.len();
        let prepared = self.prepared(at);
        let sums = parallel::sum(self.len(), size + 1, |rows, sums| {
            self.for_each(&prepared, rows, |value, score, customers| {
                sums[size] += customers * value;
                for (sum, slope) in sums.iter_mut().zip(score) {
                    *sum += customers * slope;
                }
            });
        });
        gradient.copy_from_slice(&sums[..size]);
        sums[size]
    }
}
