//! Pareto/NBD with covariates that change over time, such as a personalization that is
//! on for some weeks.
//!
//! A customer's rate at t is `lambda exp(g1' z(t))` and his hazard `mu exp(g2' z(t))`
//! (P. Bachmann, M. Meierer and J. Naf, "The role of time-varying contextual factors in
//! latent attrition models for customer base analysis", Marketing Science 40, 2021).
//! Covariates are on or off, so that the clocks
//!
//! ```text
//! A(t) = int_0^t exp(g1' z(u)) du,    B(t) = int_0^t exp(g2' z(u)) du
//! ```
//!
//! on which purchases and attrition run are straight lines between a customer's few
//! switches, and time itself is not cut into periods. The likelihood of x repeat
//! purchases at `t_1 .. t_x`, up to T, is
//!
//! ```text
//! Gamma(r+x)/Gamma(r) alpha^r beta^s prod_j exp(g1' z(t_j))
//!   [ (alpha+A(T))^-(r+x) (beta+B(T))^-s
//!     + s int_{t_x}^T (alpha+A(t))^-(r+x) (beta+B(t))^-(s+1) dB(t) ]
//! ```
//!
//! with one Gauss-Legendre rule between switches, as in [`ParetoNbd`].

mod path;

pub use path::{Switch, VaryingCustomer, VaryingTable};

use crate::error::FitError;
use crate::information::{add_square, congruence, covariances};
use crate::optimize::{self, Objective, Place};
use crate::parallel;
use crate::pareto_nbd::{ParetoNbd, cut_off, eighths_needed};
use crate::quadrature::rule;
use crate::special::ln_rising;
use crate::timing::TimingModel;
use path::{Path, Piece};
use std::ops::Range;

/// Pareto/NBD whose rate and hazard shift while covariates are on.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeVaryingParetoNbd {
    /// The model while every covariate is off.
    pub base: ParetoNbd,
    /// Shift of the log rate of purchase while each covariate is on.
    pub rate_effects: Vec<f64>,
    /// Shift of the log hazard of leaving while each covariate is on.
    pub hazard_effects: Vec<f64>,
}

/// A fitted [`TimeVaryingParetoNbd`].
#[derive(Debug, Clone, PartialEq)]
pub struct TimeVaryingFit {
    /// The estimates.
    pub model: TimeVaryingParetoNbd,
    /// Maximum of the log-likelihood.
    pub log_likelihood: f64,
    /// Sandwich covariance, row-major, of `(ln r, ln alpha, ln s, ln beta)`, the rate
    /// effects and the hazard effects. Rows and columns of what ended at the end of its
    /// range are zero.
    pub covariance: Vec<f64>,
    /// Whether the data show no attrition: the maximum lies where nobody leaves.
    pub sees_no_attrition: bool,
}

impl TimeVaryingParetoNbd {
    /// Maximum likelihood, every covariate acting on the rate and on the hazard.
    ///
    /// # Errors
    ///
    /// Nobody; nobody who bought again; no convergence, as where a covariate is never on.
    pub fn fit(table: &VaryingTable) -> Result<TimeVaryingFit, FitError> {
        let static_fit = ParetoNbd::fit(&table.without_covariates()?)?;
        let likelihood = Likelihood {
            table,
            unit: table.mean_age(),
        };
        let size = likelihood.dimension();
        let mut eta = static_fit.model.scale_free();
        eta[1] += likelihood.unit.ln();
        eta[3] += likelihood.unit.ln();
        let starts: Vec<Vec<f64>> = [eta, [0.0, eta[1], 0.0, eta[3].clamp(-3.0, 1.0)]]
            .map(|eta| {
                let mut start = eta.to_vec();
                start.resize(size, 0.0);
                start
            })
            .into();
        let optimum = optimize::maximize(&likelihood, &starts)?;
        let squares = parallel::sum(table.len(), size * size, |rows, squares| {
            likelihood.for_each(&optimum.at, rows, |_, score| {
                add_square(squares, score, 1.0)
            });
        });
        let covariances = covariances(&optimum, &squares)?;
        let model = likelihood.model(&optimum.at);
        let mut jacobian = vec![0.0; size * size];
        for (i, row) in model.base.ln_parameter_jacobian().into_iter().enumerate() {
            jacobian[i * size..i * size + 4].copy_from_slice(&row);
        }
        for i in 4..size {
            jacobian[i * size + i] = 1.0;
        }
        Ok(TimeVaryingFit {
            log_likelihood: optimum.value,
            covariance: congruence(&jacobian, &covariances.sandwich, size),
            sees_no_attrition: optimum.places[3] == Place::Lower,
            model,
        })
    }

    /// Log-likelihood of a customer's history.
    ///
    /// # Errors
    ///
    /// A history that cannot be.
    pub fn ln_likelihood(&self, customer: &VaryingCustomer) -> Result<f64, FitError> {
        let table = self.table(customer, customer.age)?;
        Ok(self.posterior(table.path(0)).value)
    }

    /// Probability that a customer has not left at the end of the observation.
    ///
    /// # Errors
    ///
    /// A history that cannot be.
    pub fn probability_alive(&self, customer: &VaryingCustomer) -> Result<f64, FitError> {
        let table = self.table(customer, customer.age)?;
        Ok(self.posterior(table.path(0)).alive)
    }

    /// Expected purchases within a horizon after the end of the observation, each
    /// discounted to it at a continuous rate. The customer's switches say what is on in
    /// that time too.
    ///
    /// # Errors
    ///
    /// A history that cannot be; a horizon or discount that is negative or not finite.
    pub fn discounted_expected_transactions(
        &self,
        customer: &VaryingCustomer,
        discount: f64,
        horizon: f64,
    ) -> Result<f64, FitError> {
        for (what, value) in [("discount", discount), ("horizon", horizon)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(FitError::InvalidArgument { what, value });
            }
        }
        let seen = self.table(customer, customer.age)?;
        let seen_at = self.posterior(seen.path(0));
        let all = self.table(customer, customer.age + horizon)?;
        let rate = (self.base.r + seen.purchases()) / (self.base.alpha + seen_at.clocks.a);
        let at_end = self.base.beta + seen_at.clocks.b;
        let (mut reached, mut sum) = (at_end, 0.0);
        for piece in all.path(0).pieces() {
            let start = piece.start.max(customer.age);
            let length = piece.end - start;
            if length <= 0.0 {
                continue;
            }
            let Clocks { a, b } = self.speeds(piece.on);
            // Time in which he is still there, as of a new customer at the rate 1.
            let there = ParetoNbd {
                r: 1.0,
                alpha: 1.0,
                s: self.base.s,
                beta: reached / b,
            }
            .discounted_expected_transactions_of_new(discount, length);
            let so_far = (at_end / reached).powf(self.base.s);
            sum += a * so_far * (-discount * (start - customer.age)).exp() * there;
            reached += b * length;
        }
        Ok(seen_at.alive * rate * sum)
    }

    /// The customer alone, to an end that is not before the observation's.
    fn table(&self, customer: &VaryingCustomer, end: f64) -> Result<VaryingTable, FitError> {
        let mut table = VaryingTable::new(self.rate_effects.len());
        table.add_until(customer, end)?;
        Ok(table)
    }

    /// Speeds of the clocks.
    fn speeds(&self, on: &[bool]) -> Clocks {
        let speed = |effects: &[f64]| {
            let sum: f64 = effects
                .iter()
                .zip(on)
                .filter(|(_, on)| **on)
                .map(|(g, _)| g)
                .sum();
            sum.exp()
        };
        Clocks {
            a: speed(&self.rate_effects),
            b: speed(&self.hazard_effects),
        }
    }

    fn posterior(&self, path: Path) -> Posterior {
        let mut workspace = Workspace::new(self.rate_effects.len());
        workspace.evaluate(self, path)
    }
}

/// What a history says of a customer.
struct Posterior {
    /// Log-likelihood.
    value: f64,
    /// Probability to be alive at the end.
    alive: f64,
    /// Clocks of purchase and of attrition at the end.
    clocks: Clocks,
}

/// A place on the clocks of purchase and of attrition, or their speeds.
#[derive(Debug, Clone, Copy)]
struct Clocks {
    a: f64,
    b: f64,
}

/// Room for the derivatives of one customer after another, by `ln r, ln alpha, ln s, ln
/// beta`, the rate effects and the hazard effects.
struct Workspace {
    /// Of the log-likelihood.
    gradient: Vec<f64>,
    /// Of the terms in the bracket of the likelihood, each times its logarithm's.
    bracket: Vec<f64>,
    /// Of the clocks, by the effects on them.
    a_slopes: Vec<f64>,
    b_slopes: Vec<f64>,
}

impl Workspace {
    fn new(covariates: usize) -> Self {
        Workspace {
            gradient: vec![0.0; 4 + 2 * covariates],
            bracket: vec![0.0; 4 + 2 * covariates],
            a_slopes: vec![0.0; covariates],
            b_slopes: vec![0.0; covariates],
        }
    }

    /// What a history says, and the gradient of its log-likelihood.
    ///
    /// The bracket of the likelihood cannot exceed `(alpha + A)^-(r + x) (beta + B)^-s` at
    /// the last purchase; its terms are taken relative to that.
    fn evaluate(&mut self, model: &TimeVaryingParetoNbd, path: Path) -> Posterior {
        for slopes in [
            &mut self.gradient,
            &mut self.bracket,
            &mut self.a_slopes,
            &mut self.b_slopes,
        ] {
            slopes.fill(0.0);
        }
        let ParetoNbd { r, alpha, s, beta } = model.base;
        let x = f64::from(path.frequency());
        let (rising, rising_slope) = ln_rising(r, path.frequency());
        let mut value = rising;
        let mut at = Clocks { a: 0.0, b: 0.0 };
        let mut at_last = at;
        let mut gone = 0.0;
        for piece in path.pieces() {
            let speeds = model.speeds(piece.on);
            for (k, _) in piece.on.iter().enumerate().filter(|(_, on)| **on) {
                value += piece.purchases * model.rate_effects[k];
                self.gradient[4 + k] += piece.purchases;
            }
            let quiet = path.recency().clamp(piece.start, piece.end);
            self.pass(&mut at, &piece, speeds, quiet - piece.start);
            if path.recency() >= piece.start {
                at_last = at;
            }
            if quiet < piece.end {
                gone += self.add_leaving(model, x, at_last, at, &piece, speeds, piece.end - quiet);
                self.pass(&mut at, &piece, speeds, piece.end - quiet);
            }
        }
        let alive = relative(&model.base, x, at_last, at);
        self.add_term(&model.base, x, s, at, alive);
        let total = alive + gone;
        for (slope, sum) in self.gradient.iter_mut().zip(&self.bracket) {
            *slope += sum / total;
        }
        self.gradient[0] += r * rising_slope;
        self.gradient[1] += r;
        self.gradient[3] += s;
        value += -r * (at_last.a / alpha).ln_1p()
            - x * (alpha + at_last.a).ln()
            - s * (at_last.b / beta).ln_1p();
        Posterior {
            value: value + total.ln(),
            alive: alive / total,
            clocks: at,
        }
    }

    /// Lets time pass within a piece.
    fn pass(&mut self, at: &mut Clocks, piece: &Piece, speeds: Clocks, time: f64) {
        at.a += speeds.a * time;
        at.b += speeds.b * time;
        self.pass_slopes(piece, speeds, time);
    }

    fn pass_slopes(&mut self, piece: &Piece, speeds: Clocks, time: f64) {
        for (k, _) in piece.on.iter().enumerate().filter(|(_, on)| **on) {
            self.a_slopes[k] += speeds.a * time;
            self.b_slopes[k] += speeds.b * time;
        }
    }

    /// Adds the part of the bracket in which the customer leaves within a time that
    /// starts at `at`, and returns it.
    #[expect(clippy::too_many_arguments, reason = "one place on a customer's way")]
    fn add_leaving(
        &mut self,
        model: &TimeVaryingParetoNbd,
        x: f64,
        at_last: Clocks,
        at: Clocks,
        piece: &Piece,
        speeds: Clocks,
        time: f64,
    ) -> f64 {
        let ParetoNbd { r, alpha, s, beta } = model.base;
        // At constant speeds the integrand is that of the static model, its scales in
        // time being those that remain.
        let (scale_a, scale_b) = ((alpha + at.a) / speeds.a, (beta + at.b) / speeds.b);
        let (low, high, slow, fast) = if scale_a <= scale_b {
            (scale_a, scale_b, r + x - 1.0, s + 1.0)
        } else {
            (scale_b, scale_a, s, r + x)
        };
        let (width, decay) = cut_off((time / low).ln_1p(), low / high, slow, fast);
        let rule = rule(eighths_needed(width, decay));
        let mut sum = 0.0;
        for (node, weight) in rule.nodes.iter().zip(&rule.weights) {
            let growth = (width * node).exp_m1();
            let step = low * growth;
            let here = Clocks {
                a: at.a + speeds.a * step,
                b: at.b + speeds.b * step,
            };
            let hazard = s * speeds.b / (beta + here.b);
            let interval = weight * width * low * (1.0 + growth);
            let term = interval * hazard * relative(&model.base, x, at_last, here);
            sum += term;
            self.pass_slopes(piece, speeds, step);
            self.add_term(&model.base, x, s + 1.0, here, term);
            self.pass_slopes(piece, speeds, -step);
        }
        self.bracket[2] += sum;
        let covariates = self.b_slopes.len();
        for (k, _) in piece.on.iter().enumerate().filter(|(_, on)| **on) {
            self.bracket[4 + covariates + k] += sum;
        }
        sum
    }

    /// Adds the derivatives of a term `(alpha + A)^-(r + x) (beta + B)^-power`, with the
    /// parts of `alpha^r beta^s` that belong to `ln r` and `ln s`.
    fn add_term(&mut self, base: &ParetoNbd, x: f64, power: f64, at: Clocks, term: f64) {
        let ParetoNbd { r, alpha, s, beta } = *base;
        let by_a = -term * (r + x) / (alpha + at.a);
        let by_b = -term * power / (beta + at.b);
        self.bracket[0] -= term * r * (at.a / alpha).ln_1p();
        self.bracket[1] += by_a * alpha;
        self.bracket[2] -= term * s * (at.b / beta).ln_1p();
        self.bracket[3] += by_b * beta;
        let (by_rate, by_hazard) = self.bracket[4..].split_at_mut(self.a_slopes.len());
        for (sum, slope) in by_rate.iter_mut().zip(&self.a_slopes) {
            *sum += by_a * slope;
        }
        for (sum, slope) in by_hazard.iter_mut().zip(&self.b_slopes) {
            *sum += by_b * slope;
        }
    }
}

/// `(alpha + A)^-(r + x) (beta + B)^-s` at a place relative to an earlier one.
fn relative(base: &ParetoNbd, x: f64, from: Clocks, to: Clocks) -> f64 {
    let ln_a = ((to.a - from.a) / (base.alpha + from.a)).ln_1p();
    let ln_b = ((to.b - from.b) / (base.beta + from.b)).ln_1p();
    (-(base.r + x) * ln_a - base.s * ln_b).exp()
}

/// The log-likelihood in `(ln r, ln(r / alpha), ln s, ln(s / beta))`, time in mean ages,
/// the rate effects and the hazard effects.
struct Likelihood<'a> {
    table: &'a VaryingTable,
    unit: f64,
}

impl Likelihood<'_> {
    fn model(&self, at: &[f64]) -> TimeVaryingParetoNbd {
        let covariates = self.table.covariates();
        TimeVaryingParetoNbd {
            base: ParetoNbd {
                r: at[0].exp(),
                alpha: (at[0] - at[1]).exp() * self.unit,
                s: at[2].exp(),
                beta: (at[2] - at[3]).exp() * self.unit,
            },
            rate_effects: at[4..4 + covariates].to_vec(),
            hazard_effects: at[4 + covariates..].to_vec(),
        }
    }

    /// Calls with the log-likelihood and its score of some customers.
    fn for_each(&self, at: &[f64], customers: Range<usize>, mut each: impl FnMut(f64, &[f64])) {
        let model = self.model(at);
        let mut workspace = Workspace::new(self.table.covariates());
        for customer in customers {
            let value = workspace.evaluate(&model, self.table.path(customer)).value;
            let score = &mut workspace.gradient;
            score[0] += score[1];
            score[1] = -score[1];
            score[2] += score[3];
            score[3] = -score[3];
            each(value, score);
        }
    }
}

impl Objective for Likelihood<'_> {
    fn dimension(&self) -> usize {
        4 + 2 * self.table.covariates()
    }

    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
        let size = gradient.len();
        let sums = parallel::sum(self.table.len(), size + 1, |rows, sums| {
            self.for_each(at, rows, |value, score| {
                sums[size] += value;
                for (sum, slope) in sums.iter_mut().zip(score) {
                    *sum += slope;
                }
            });
        });
        gradient.copy_from_slice(&sums[..size]);
        sums[size]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> TimeVaryingParetoNbd {
        TimeVaryingParetoNbd {
            base: ParetoNbd {
                r: 0.6,
                alpha: 9.0,
                s: 0.7,
                beta: 14.0,
            },
            rate_effects: vec![0.5, -0.3],
            hazard_effects: vec![-0.8, 0.4],
        }
    }

    const SWITCHES: [Switch; 3] = [
        Switch {
            covariate: 0,
            on: 3.0,
            off: Some(9.0),
        },
        Switch {
            covariate: 1,
            on: 7.0,
            off: Some(18.0),
        },
        Switch {
            covariate: 0,
            on: 15.0,
            off: None,
        },
    ];

    fn table() -> VaryingTable {
        let mut table = VaryingTable::new(2);
        let all: [&[f64]; 4] = [&[], &[1.0, 8.0], &[2.0, 5.0, 11.0, 19.0], &[16.5]];
        for (purchases, age) in all.into_iter().zip([20.0, 26.0, 19.0, 40.0]) {
            let customer = VaryingCustomer {
                purchases,
                age,
                switches: &SWITCHES,
            };
            table.add(&customer).expect("a history");
        }
        table
    }

    #[test]
    fn gradient_is_the_derivative() {
        let table = table();
        let likelihood = Likelihood {
            table: &table,
            unit: table.mean_age(),
        };
        let at = [-0.4, 0.6, -0.2, 0.3, 0.5, -0.3, -0.8, 0.4];
        let mut gradient = [0.0; 8];
        likelihood.evaluate(&at, &mut gradient);
        for i in 0..8 {
            const STEP: f64 = 1e-5;
            let value = |step: f64| {
                let mut moved = at;
                moved[i] += step;
                likelihood.evaluate(&moved, &mut [0.0; 8])
            };
            let slope = (value(STEP) - value(-STEP)) / (2.0 * STEP);
            assert!(
                (slope - gradient[i]).abs() < 1e-8,
                "{i}: {slope} {}",
                gradient[i]
            );
        }
    }

    /// The integral as a sum over many small steps.
    #[test]
    fn likelihood_is_the_integral() {
        let model = model();
        let ParetoNbd { r, alpha, s, beta } = model.base;
        let table = table();
        for customer in 0..table.len() {
            let path = table.path(customer);
            const STEPS: usize = 200_000;
            let x = f64::from(path.frequency());
            let (mut a, mut b, mut gone, mut rates) = (0.0, 0.0, 0.0, 0.0);
            for piece in path.pieces() {
                let speeds = model.speeds(piece.on);
                rates += piece.purchases * speeds.a.ln();
                let step = (piece.end - piece.start) / STEPS as f64;
                for i in 0..STEPS {
                    let middle = piece.start + (i as f64 + 0.5) * step;
                    a += 0.5 * step * speeds.a;
                    b += 0.5 * step * speeds.b;
                    if middle > path.recency() {
                        gone += s
                            * speeds.b
                            * step
                            * (alpha + a).powf(-r - x)
                            * (beta + b).powf(-s - 1.0);
                    }
                    a += 0.5 * step * speeds.a;
                    b += 0.5 * step * speeds.b;
                }
            }
            let alive = (alpha + a).powf(-r - x) * (beta + b).powf(-s);
            let expected = ln_rising(r, path.frequency()).0
                + r * alpha.ln()
                + s * beta.ln()
                + rates
                + (alive + gone).ln();
            let found = model.posterior(path);
            assert!(
                (found.value - expected).abs() < 1e-5,
                "{} {expected}",
                found.value
            );
            assert!((found.alive - alive / (alive + gone)).abs() < 1e-5);
        }
    }
}
