//! The value of what a treatment has done, once it stops.

use super::propagate::{Amount, Propagation};
use super::{Effects, Measured, Refusal, Settings, SpendArms, TimingArms, check, horizon_days};
use crate::discount::DAYS_PER_YEAR;
use crate::parallel;
use crate::pareto_nbd::ParetoNbd;
use crate::table::Customer;
use crate::timing::TimingModel;

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
    /// Share of the total after the test.
    pub extrapolated: f64,
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
/// An order is worth the generic margin in both arms. The total counts the chance of
/// which customers were sampled, in what was measured as in the residual, and the
/// uncertainty of the parameters as if it were independent of it.
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
        check("age of a customer", history.customer.age, |age| {
            age >= 0.0 && age <= horizon
        })?;
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
    let sampling = residuals.sampling(&theta, spend.generic, counts);
    let mut variances = sampling.to_vec();
    variances[0] += measured.standard_error.powi(2);
    let propagation = Propagation::of_arms(theta, &timing.covariance, spend)?;
    let amounts = propagation.amounts(settings, &variances, of)?;
    Ok(Stops {
        total: amounts[0],
        measured,
        to_twelve_months: amounts[1],
        beyond: amounts[2],
        extrapolated: 1.0 - measured.difference / amounts[0].value,
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

    /// Variances, over which customers were sampled, of the difference between the arms:
    /// of the residual value together, and, beyond the variance of what was measured, its
    /// covariance with the number of orders in the test; then of each period.
    fn sampling(&self, theta: &[f64], worth: f64, counts: [f64; 2]) -> [f64; 1 + PERIODS] {
        let each = self.of_each(theta);
        let mut variances = [0.0; 1 + PERIODS];
        for arm in [false, true] {
            let rows = || {
                self.histories
                    .iter()
                    .zip(&each)
                    .filter(move |(history, _)| history.treated == arm)
            };
            let count = counts[usize::from(arm)];
            let covariance =
                |a: &dyn Fn(&Customer, &[f64; PERIODS]) -> f64,
                 b: &dyn Fn(&Customer, &[f64; PERIODS]) -> f64| {
                    let mean = |f: &dyn Fn(&Customer, &[f64; PERIODS]) -> f64| {
                        rows()
                            .map(|(row, orders)| row.customers * f(&row.customer, orders))
                            .sum::<f64>()
                            / count
                    };
                    let (mean_a, mean_b) = (mean(a), mean(b));
                    rows()
                        .map(|(row, orders)| {
                            let product = (a(&row.customer, orders) - mean_a)
                                * (b(&row.customer, orders) - mean_b);
                            row.customers * product
                        })
                        .sum::<f64>()
                        / count
                };
            let all = |_: &Customer, orders: &[f64; PERIODS]| orders.iter().sum::<f64>();
            let observed = |customer: &Customer, _: &[f64; PERIODS]| f64::from(customer.frequency);
            let scale = worth * worth / count;
            variances[0] += scale * (covariance(&all, &all) + 2.0 * covariance(&all, &observed));
            for period in 0..PERIODS {
                let one = |_: &Customer, orders: &[f64; PERIODS]| orders[period];
                variances[1 + period] += scale * covariance(&one, &one);
            }
        }
        variances
    }
}
