//! The value of what a treatment has done, once it stops.

use super::propagate::{Amount, Propagation};
use super::{
    Effects, Measured, Refusal, Settings, SpendArms, TIMING, TimingArms, check, check_reach,
    horizon_days, share_after,
};
use crate::discount::DAYS_PER_YEAR;
use crate::linear;
use crate::parallel;
use crate::pareto_nbd::ParetoNbd;
use crate::table::Customer;
use crate::timing::{Family, Prepared, TimingModel};

/// Customers of one arm with the same history, in the model's unit of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmHistory {
    /// The history.
    pub customer: Customer,
    /// Whether they were treated.
    pub treated: bool,
    /// Customers.
    pub customers: f64,
}

/// Incremental value of a treatment that stopped at the end of the test, per customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stops {
    /// Measured and residual value together.
    pub total: Amount,
    /// What was measured within the test.
    pub measured: Measured,
    /// Residual value from the end of the test to twelve months after the customer's
    /// first purchase.
    pub to_twelve_months: Amount,
    /// Residual value beyond, to the horizon.
    pub beyond: Amount,
    /// Share of the total after the test; none of a total of zero.
    pub extrapolated: Option<f64>,
}

/// Periods after the test.
const PERIODS: usize = 2;

/// Incremental value, within a horizon from the first purchase, of a treatment that
/// stopped when the observation of each customer ended: the measured difference, and the
/// difference between the arms in what customers will still do without it. A treated
/// customer then has the rate and the hazard of his own without the effects, of which
/// the history says `lambda ~ Gamma(r + x, (alpha_1 + T) exp(g1))` and `mu ~ Gamma(s,
/// (beta_1 + T) exp(g2))`, given that he is alive; only Pareto/NBD knows this state.
///
/// An order is worth the generic margin in both arms. `histories` are those of the
/// customers to whom the model was fitted: a customer who by chance ordered much moves
/// what was measured, the residual of his arm and the estimated effects, and the last
/// two against each other. Standard errors therefore add up the influence of each
/// customer on all of them (the functional delta method; the influence on the estimates
/// is their covariance times the customer's score, which takes the model to be right).
/// What was measured is taken to vary with the orders, as far as its standard error
/// allows.
///
/// # Errors
///
/// [`Refusal`]: an unbounded lifetime, an arm without customers, a horizon that ends
/// before the observation of a customer, a covariance that is none.
pub fn stops(
    timing: &TimingArms<ParetoNbd>,
    spend: &SpendArms,
    histories: &[ArmHistory],
    measured: Measured,
    settings: &Settings,
) -> Result<Stops, Refusal> {
    let horizon = horizon_days(timing, settings)? / timing.days_per_unit;
    let counts = [false, true].map(|arm| {
        let of_arm = histories.iter().filter(|history| history.treated == arm);
        of_arm.map(|history| history.customers).sum::<f64>()
    });
    for (arm, count) in ["generic", "treated"].into_iter().zip(counts) {
        if count.is_nan() || count <= 0.0 {
            return Err(Refusal::EmptyArm { arm });
        }
    }
    for history in histories {
        let age = history.customer.age;
        check("age of a customer", age, |age| age >= 0.0)?;
        let unit = timing.days_per_unit;
        check_reach(unit * horizon, unit * age)?;
        check("number of customers", history.customers, |n| n >= 0.0)?;
    }
    check(
        "standard error of the measured difference",
        measured.standard_error,
        |se| se >= 0.0,
    )?;
    check("measured difference", measured.difference, |_| true)?;

    let residuals = Residuals {
        timing,
        histories,
        horizon,
        discount: settings.discount.continuous(timing.days_per_unit),
    };
    let of = |theta: &[f64]| -> Vec<f64> {
        let worth = theta[6].exp();
        let each = residuals.of_each(theta);
        let mut periods = [0.0; PERIODS];
        for (history, orders) in histories.iter().zip(&each) {
            let arm = usize::from(history.treated);
            let weight = history.customers / counts[arm] * (2.0 * arm as f64 - 1.0);
            for (sum, orders) in periods.iter_mut().zip(orders) {
                *sum += weight * worth * orders;
            }
        }
        vec![
            measured.difference + periods[0] + periods[1],
            periods[0],
            periods[1],
        ]
    };
    let theta = timing.theta();
    let each = residuals.of_each(&theta);
    let propagation = Propagation::of_arms(theta, &timing.covariance, spend)?;
    let values = of(propagation.theta());
    let slopes = propagation.slopes(values.len(), of);
    let variances = Influence {
        residuals: &residuals,
        each: &each,
        worth: spend.generic,
        counts,
        measured: measured.standard_error,
    }
    .variances(&propagation, &slopes);
    let amount = |i: usize| Amount::normal(values[i], variances[i], settings.alpha);
    let total = amount(0);
    Ok(Stops {
        total,
        measured,
        to_twelve_months: amount(1),
        beyond: amount(2),
        extrapolated: share_after(measured.difference, total.value),
    })
}

/// Discounted expected orders after the test.
struct Residuals<'a> {
    timing: &'a TimingArms<ParetoNbd>,
    histories: &'a [ArmHistory],
    /// Horizon and continuous rate of discount in the model's unit of time.
    horizon: f64,
    discount: f64,
}

impl Residuals<'_> {
    /// Of a customer of each row, by period.
    fn of_each(&self, theta: &[f64]) -> Vec<[f64; PERIODS]> {
        let generic = self.timing.model(theta, Effects::NONE);
        let treated = self.timing.model(theta, Effects::ALL);
        let year = (DAYS_PER_YEAR / self.timing.days_per_unit).min(self.horizon);
        let one = |row: usize| {
            let ArmHistory {
                customer,
                treated: is_treated,
                ..
            } = &self.histories[row];
            let model = if *is_treated { treated } else { generic };
            let mut after = model.alive_after(customer);
            if *is_treated {
                after = after.shifted(-theta[4], -theta[5]);
            }
            let worth = (-self.discount * customer.age).exp() * model.probability_alive(customer);
            let until = |end: f64| {
                let time = (end - customer.age).max(0.0);
                worth * after.discounted_expected_transactions_of_new(self.discount, time)
            };
            let (first, all) = (until(year), until(self.horizon));
            [first, all - first]
        };
        parallel::map_ranges(self.histories.len(), |rows, values| {
            for (value, row) in values.iter_mut().zip(rows) {
                *value = one(row);
            }
        })
    }

    /// Derivatives of the log-likelihood of a customer of each row by the estimates of
    /// timing.
    fn scores(&self) -> Vec<[f64; TIMING]> {
        let theta = self.timing.theta();
        let models =
            [Effects::NONE, Effects::ALL].map(|effects| self.timing.model(&theta, effects));
        parallel::map_ranges(
            self.histories.len(),
            |rows, scores: &mut [[f64; TIMING]]| {
                let mut likelihoods = models.map(|model| model.family().likelihood(model));
                for (score, row) in scores.iter_mut().zip(rows) {
                    let history = &self.histories[row];
                    let treated = f64::from(u8::from(history.treated));
                    let likelihood = &mut likelihoods[usize::from(history.treated)];
                    let (_, slopes) = likelihood.evaluate(&history.customer);
                    score[..4].copy_from_slice(&slopes);
                    score[4] = treated * slopes[1];
                    score[5] = treated * slopes[3];
                }
            },
        )
    }
}

/// The influence of customers on the measured and the residual difference.
struct Influence<'a> {
    residuals: &'a Residuals<'a>,
    /// Residual orders by row.
    each: &'a [[f64; PERIODS]],
    /// Margin of an order.
    worth: f64,
    /// Customers of each arm.
    counts: [f64; 2],
    /// Standard error of what was measured.
    measured: f64,
}

impl Influence<'_> {
    /// Variances of the total and of the residual of each period, given the derivatives
    /// of these by the estimates.
    fn variances(&self, propagation: &Propagation, slopes: &[Vec<f64>]) -> [f64; 1 + PERIODS] {
        let histories = self.residuals.histories;
        let scores = self.residuals.scores();
        let directions: Vec<Vec<f64>> = slopes.iter().map(|row| propagation.spread(row)).collect();
        let through_estimates = |function: usize, row: usize| {
            linear::dot(&directions[function][..TIMING], &scores[row])
        };
        let orders: Vec<f64> = histories
            .iter()
            .map(|history| f64::from(history.customer.frequency))
            .collect();
        let in_window = self.through_sampling(&orders);
        let residual: Vec<Vec<f64>> = (0..PERIODS)
            .map(|period| {
                let of_period: Vec<f64> = self.each.iter().map(|orders| orders[period]).collect();
                self.through_sampling(&of_period)
            })
            .collect();
        let variance = |influence: &dyn Fn(usize) -> f64| -> f64 {
            let square =
                |(row, history): (usize, &ArmHistory)| history.customers * influence(row).powi(2);
            histories.iter().enumerate().map(square).sum()
        };
        // Spend is independent of timing: its variance comes in addition.
        let of_spend = |function: usize| {
            linear::dot(&directions[function][TIMING..], &slopes[function][TIMING..])
        };
        let of_orders = variance(&|row| in_window[row]).sqrt();
        let share = if of_orders > 0.0 {
            (self.measured / of_orders).min(1.0)
        } else {
            0.0
        };
        let unexplained = self.measured.powi(2) - (share * of_orders).powi(2);
        let mut variances = [0.0; 1 + PERIODS];
        variances[0] = unexplained
            + of_spend(0)
            + variance(&|row| {
                let residual: f64 = residual.iter().map(|period| period[row]).sum();
                share * in_window[row] + residual + through_estimates(0, row)
            });
        for (period, influence) in residual.iter().enumerate() {
            variances[1 + period] = of_spend(1 + period)
                + variance(&|row| influence[row] + through_estimates(1 + period, row));
        }
        variances
    }

    /// Influence of a customer of each row on the difference between the arms of the
    /// margin of so many orders, by being sampled.
    fn through_sampling(&self, orders: &[f64]) -> Vec<f64> {
        let histories = self.residuals.histories;
        let mut means = [0.0; 2];
        for (history, orders) in histories.iter().zip(orders) {
            let arm = usize::from(history.treated);
            means[arm] += history.customers * orders / self.counts[arm];
        }
        histories
            .iter()
            .zip(orders)
            .map(|(history, orders)| {
                let arm = usize::from(history.treated);
                let sign = if history.treated { 1.0 } else { -1.0 };
                sign * self.worth * (orders - means[arm]) / self.counts[arm]
            })
            .collect()
    }
}
