//! Contracts: the shifted beta-geometric model of retention.
//!
//! At the end of every period a customer leaves with his own probability `theta ~
//! Beta(a, b)` (P. S. Fader and B. G. S. Hardie, "How to project customer retention",
//! Journal of Interactive Marketing 21, 2007; value: "Customer-base valuation in a
//! contractual setting", Marketing Science 29, 2010). Those who leave easily leave
//! first, which makes retention rise with tenure without anybody's growing loyal.

use crate::beta::{self, BetaBoundary, Shapes, UnboundedLifetime};
use crate::error::FitError;
use crate::information::{add_square, congruence, covariances, delta_se};
use crate::optimize::{self, Objective};

/// Parameters of the shifted beta-geometric model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShiftedBetaGeometric {
    /// First shape of the probability to leave.
    pub alpha: f64,
    /// Second shape.
    pub beta: f64,
}

/// Contracts by tenure: how many ended after how many periods, and how many have lasted
/// so long and go on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ContractTable {
    /// At t - 1: those that ended at the end of period t.
    ended: Vec<f64>,
    /// At t: those that were renewed t times and are not known further.
    pub(crate) running: Vec<f64>,
}

/// A fitted [`ShiftedBetaGeometric`].
#[derive(Debug, Clone, PartialEq)]
pub struct ShiftedBetaGeometricFit {
    /// The estimates.
    pub parameters: ShiftedBetaGeometric,
    /// Maximum of the log-likelihood.
    pub log_likelihood: f64,
    /// Sandwich covariance of `(ln alpha, ln beta)`, row-major.
    pub covariance: Vec<f64>,
    /// The same when the model is right: the inverse of the information.
    pub model_covariance: Vec<f64>,
    /// The limit to which the data push the model, if they do.
    pub boundary: Option<BetaBoundary>,
}

impl ContractTable {
    /// Adds a cohort by its survivors: `survivors[t]` contracts were running after t
    /// periods, `survivors[0]` at the start.
    ///
    /// # Errors
    ///
    /// A number that is negative, not finite or larger than the one before.
    pub fn add_cohort(&mut self, survivors: &[f64]) -> Result<(), FitError> {
        for (row, &value) in survivors.iter().enumerate() {
            let most = if row == 0 {
                f64::MAX
            } else {
                survivors[row - 1]
            };
            if !(0.0..=most).contains(&value) {
                return Err(FitError::InvalidValue {
                    row,
                    what: "number of survivors",
                    value,
                });
            }
        }
        let Some(&last) = survivors.last() else {
            return Ok(());
        };
        let periods = survivors.len() - 1;
        if self.ended.len() < periods {
            self.ended.resize(periods, 0.0);
        }
        if self.running.len() <= periods {
            self.running.resize(periods + 1, 0.0);
        }
        for (ended, pair) in self.ended.iter_mut().zip(survivors.windows(2)) {
            *ended += pair[0] - pair[1];
        }
        self.running[periods] += last;
        Ok(())
    }
}

impl ShiftedBetaGeometric {
    /// Probability that a contract is renewed at least t times.
    pub fn survival(&self, t: u32) -> f64 {
        self.shapes().ln_never(t).0.exp()
    }

    /// Share of the contracts running in period t, from 1, that are renewed at its end:
    /// `(beta + t - 1) / (alpha + beta + t - 1)`.
    pub fn retention(&self, t: u32) -> f64 {
        let tenure = f64::from(t.max(1)) - 1.0;
        (self.beta + tenure) / (self.alpha + self.beta + tenure)
    }

    /// Discounted expected residual lifetime of a contract that was renewed n - 1 times
    /// and stands before its n-th renewal: the expected number of renewals to come, the
    /// next one at full worth and each later one discounted by `1 / (1 + rate)` a period
    /// (Fader and Hardie 2010, equation 9).
    ///
    /// # Errors
    ///
    /// Without discount it is infinite for `alpha <= 1`; a rate below zero is taken as
    /// none.
    pub fn discounted_expected_residual_lifetime(
        &self,
        n: u32,
        rate: f64,
    ) -> Result<f64, UnboundedLifetime> {
        let z = 1.0 / (1.0 + rate.max(0.0));
        let renewals = self.shapes().discounted_renewals(n.max(1), z)?;
        Ok(self.retention(n) * renewals)
    }

    /// Discounted expected payments of a new contract over its first periods, paid at
    /// the start of each: `sum over k < periods of survival(k) / (1 + rate)^k`.
    pub fn expected_payments(&self, periods: u32, rate: f64) -> f64 {
        let z = 1.0 / (1.0 + rate.max(0.0));
        self.shapes().discounted_renewals_within(0, z, periods)
    }

    /// Discounted expected payments of a new contract without a horizon.
    ///
    /// # Errors
    ///
    /// Without discount they are infinite for `alpha <= 1`.
    pub fn discounted_expected_lifetime(&self, rate: f64) -> Result<f64, UnboundedLifetime> {
        let z = 1.0 / (1.0 + rate.max(0.0));
        self.shapes().discounted_renewals(0, z)
    }

    pub(crate) fn shapes(&self) -> Shapes {
        Shapes {
            a: self.alpha,
            b: self.beta,
        }
    }
}

impl ShiftedBetaGeometricFit {
    /// Fits the model by maximum likelihood. Contracts that have all lasted are a result
    /// ([`BetaBoundary::Never`]), not an error.
    ///
    /// # Errors
    ///
    /// No contract was ever up for renewal; no convergence.
    pub fn new(table: &ContractTable) -> Result<Self, FitError> {
        let seen: f64 = table.ended.iter().sum::<f64>() + table.running.iter().skip(1).sum::<f64>();
        if seen <= 0.0 {
            return Err(FitError::NoCustomers);
        }
        let likelihood = Likelihood { table };
        let starts: Vec<Vec<f64>> = [(0.7, 1.2), (1.0, 5.0), (5.0, 50.0)]
            .map(|(a, b)| Shapes { a, b }.to_search().to_vec())
            .into();
        let optimum = optimize::maximize(&likelihood, &starts)?;
        let shapes = Shapes::from_search(optimum.at[0], optimum.at[1]);
        let mut squares = vec![0.0; 4];
        likelihood.for_each(shapes, |_, score, contracts| {
            add_square(&mut squares, score, contracts);
        });
        let covariances = covariances(&optimum, &squares)?;
        let jacobian = shapes.jacobian().concat();
        Ok(ShiftedBetaGeometricFit {
            parameters: ShiftedBetaGeometric {
                alpha: shapes.a,
                beta: shapes.b,
            },
            log_likelihood: optimum.value,
            covariance: congruence(&jacobian, &covariances.sandwich, 2),
            model_covariance: congruence(&jacobian, &covariances.model, 2),
            boundary: beta::boundary(&optimum.places, &optimum.at),
        })
    }

    /// Standard error of a function of the parameters, by the delta method with the
    /// sandwich covariance.
    pub fn standard_error(&self, of: impl Fn(&ShiftedBetaGeometric) -> f64) -> f64 {
        let at = [self.parameters.alpha.ln(), self.parameters.beta.ln()];
        delta_se(&at, &self.covariance, |at| {
            of(&ShiftedBetaGeometric {
                alpha: at[0].exp(),
                beta: at[1].exp(),
            })
        })
    }
}

pub(crate) struct Likelihood<'a> {
    pub(crate) table: &'a ContractTable,
}

impl Likelihood<'_> {
    /// Calls with the log-probability, its score and the number of contracts of each
    /// tenure that occurs.
    fn for_each(&self, shapes: Shapes, mut each: impl FnMut(f64, &[f64], f64)) {
        for (t, &contracts) in (0..).zip(&self.table.ended) {
            if contracts > 0.0 {
                // theta (1 - theta)^t: t renewals, then the end.
                let (before, before_a, before_b) = shapes.ln_never(t);
                let size = shapes.a + shapes.b + f64::from(t);
                let value = before + (shapes.a / size).ln();
                let by_a = before_a + 1.0 / shapes.a - 1.0 / size;
                let score = shapes.search_gradient(by_a, before_b - 1.0 / size);
                each(value, &score, contracts);
            }
        }
        for (t, &contracts) in (0..).zip(&self.table.running) {
            if contracts > 0.0 {
                let (value, by_a, by_b) = shapes.ln_never(t);
                each(value, &shapes.search_gradient(by_a, by_b), contracts);
            }
        }
    }
}

impl Objective for Likelihood<'_> {
    fn dimension(&self) -> usize {
        2
    }

    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let mut total = 0.0;
        self.for_each(
            Shapes::from_search(at[0], at[1]),
            |value, score, contracts| {
                total += contracts * value;
                gradient[0] += contracts * score[0];
                gradient[1] += contracts * score[1];
            },
        );
        total
    }
}
