//! What customers are worth in their first years in the arms of an experiment that lasts, in closed form.

use std::ops::{AddAssign, Sub};

use crate::calendar::END;
use crate::company::{DISCOUNT_RATE, EXPERIMENTS, MARGIN};
use crate::history::{Enrolment, History};
use crate::oracle::with_arm;
use crate::population::Customer;
use crate::process::{Active, Factors, Piece, pieces};
use crate::shapley::{CHANGES, shapley};
use crate::truth::{
    Estimand, LifetimeDifferenceTruth, LifetimeSplitTruth, LifetimeTruth, LifetimeValueTruth,
    Split, Worth,
};

/// Days of a year, on average.
const DAYS_PER_YEAR: f64 = 365.25;

/// The horizons from joining.
const YEARS: [u32; 3] = [1, 3, 10];

/// The horizon whose difference is split.
const SPLIT_YEARS: u32 = 10;

const ESTIMANDS: [Estimand; 2] = [Estimand::StaysOn, Estimand::Stops];

/// Sums over the customers of an experiment that lasts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LifetimeSums {
    /// Position in [`EXPERIMENTS`].
    experiment: usize,
    customers: u64,
    arms: Vec<ArmSums>,
}

/// What is summed of one arm.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct ArmSums {
    /// By estimand and horizon.
    worth: [[Worth; YEARS.len()]; ESTIMANDS.len()],
    /// By the set of what is changed, a bit each (how often customers order, how long they stay, how large orders are), what
    /// customers are worth in [`SPLIT_YEARS`].
    switched: [Worth; 1 << CHANGES],
}

impl LifetimeSums {
    /// Of the experiment at this position in [`EXPERIMENTS`].
    pub(crate) fn new(experiment: usize) -> Self {
        Self {
            experiment,
            customers: 0,
            arms: vec![ArmSums::default(); EXPERIMENTS[experiment].arms.len()],
        }
    }

    pub(crate) fn experiment(&self) -> usize {
        self.experiment
    }

    pub(crate) fn add(&mut self, history: &History, enrolment: &Enrolment) {
        self.customers += 1;
        for (arm, sums) in self.arms.iter_mut().enumerate() {
            let actives = lasting(history, enrolment, arm);
            for (sums, estimand) in sums.worth.iter_mut().zip(ESTIMANDS) {
                let actives = ending(&actives, enrolment, estimand);
                for (sum, years) in sums.iter_mut().zip(YEARS) {
                    *sum += worth(&history.customer, &actives, years);
                }
            }
            for (changes, sum) in sums.switched.iter_mut().enumerate() {
                let actives = switched(&actives, enrolment, changes);
                *sum += worth(&history.customer, &actives, SPLIT_YEARS);
            }
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.customers += other.customers;
        for (arm, other) in self.arms.iter_mut().zip(&other.arms) {
            let sums = arm.worth.as_flattened_mut().iter_mut();
            for (sum, other) in sums.zip(other.worth.as_flattened()) {
                *sum += *other;
            }
            for (sum, other) in arm.switched.iter_mut().zip(other.switched) {
                *sum += other;
            }
        }
    }

    pub(crate) fn truth(&self) -> LifetimeTruth {
        let declared = &EXPERIMENTS[self.experiment];
        let name = |arm: usize| declared.arms[arm].name.to_owned();
        let mut truth = LifetimeTruth {
            experiment: declared.name.to_owned(),
            customers: self.customers,
            discount_rate: DISCOUNT_RATE,
            days_per_year: DAYS_PER_YEAR,
            values: Vec::new(),
            differences: Vec::new(),
            splits: Vec::new(),
        };
        if self.customers == 0 {
            return truth;
        }
        for (arm, sums) in self.arms.iter().enumerate() {
            for (i, estimand) in ESTIMANDS.into_iter().enumerate() {
                for (j, years) in YEARS.into_iter().enumerate() {
                    let mean = |sums: &ArmSums| sums.worth[i][j].over(self.customers);
                    truth.values.push(LifetimeValueTruth {
                        arm: name(arm),
                        estimand,
                        years,
                        worth: mean(sums),
                    });
                    if arm > 0 {
                        truth.differences.push(LifetimeDifferenceTruth {
                            arm: name(arm),
                            reference: name(0),
                            estimand,
                            years,
                            worth: mean(sums) - mean(&self.arms[0]),
                        });
                    }
                }
            }
            if arm > 0 {
                let switched = sums.switched.map(|worth| worth.over(self.customers));
                truth.splits.push(LifetimeSplitTruth {
                    arm: name(arm),
                    reference: name(0),
                    years: SPLIT_YEARS,
                    margin: split(&switched, |worth| worth.margin),
                    discounted_margin: split(&switched, |worth| worth.discounted_margin),
                });
            }
        }
        truth
    }
}

/// What is at work on the customer for good, had the enrolment been to `arm`: that arm and what is rolled out.
fn lasting(history: &History, enrolment: &Enrolment, arm: usize) -> Vec<Active> {
    let mut actives = with_arm(history, enrolment, arm);
    actives.retain(|active| {
        active
            .experiment
            .is_none_or(|experiment| experiment == enrolment.experiment)
    });
    actives
}

/// The same with the arm's effect ending as the estimand says.
fn ending(actives: &[Active], enrolment: &Enrolment, estimand: Estimand) -> Vec<Active> {
    let mut actives = actives.to_vec();
    if estimand == Estimand::Stops {
        for active in own(&mut actives, enrolment) {
            active.to = END;
        }
    }
    actives
}

/// The same with only some of the arm's changes switched on.
fn switched(actives: &[Active], enrolment: &Enrolment, changes: usize) -> Vec<Active> {
    let mut actives = actives.to_vec();
    let pick = |change: usize, factor: f64| {
        if changes >> change & 1 == 1 {
            factor
        } else {
            1.0
        }
    };
    for active in own(&mut actives, enrolment) {
        active.factors = Factors {
            orders: pick(0, active.factors.orders),
            attrition: pick(1, active.factors.attrition),
            value: pick(2, active.factors.value),
            ..active.factors
        };
    }
    actives
}

fn own<'a>(
    actives: &'a mut [Active],
    enrolment: &Enrolment,
) -> impl Iterator<Item = &'a mut Active> {
    let experiment = Some(enrolment.experiment);
    actives
        .iter_mut()
        .filter(move |active| active.experiment == experiment)
}

/// What the customer is expected to order under `actives` in the first `years` from joining, and the margin on it.
fn worth(customer: &Customer, actives: &[Active], years: u32) -> Worth {
    let until = customer.joined + f64::from(years) * DAYS_PER_YEAR;
    let stretches = pieces(actives, customer.joined, until);
    let (orders, margin) = within(customer, &stretches, 0.0);
    let discount = DISCOUNT_RATE.ln_1p() / DAYS_PER_YEAR;
    let (discounted_orders, discounted_margin) = within(customer, &stretches, discount);
    Worth {
        orders,
        discounted_orders,
        margin,
        discounted_margin,
    }
}

/// Expected orders and margin over stretches of time that begin with joining, discounted to it at a rate a day.
fn within(customer: &Customer, stretches: &[Piece], discount: f64) -> (f64, f64) {
    let (mut orders, mut margin) = (0.0, 0.0);
    // The probability of being alive at the beginning of a stretch, discounted.
    let mut weight = 1.0;
    for Piece { from, to, factors } in stretches {
        let decay = customer.dropout_rate * factors.attrition + discount;
        let lost = -(-decay * (to - from)).exp_m1();
        let ordered = customer.purchase_rate * factors.orders * weight * lost / decay;
        orders += ordered;
        margin += ordered * customer.order_value * factors.value * MARGIN;
        weight *= 1.0 - lost;
    }
    (orders, margin)
}

fn split(switched: &[Worth; 1 << CHANGES], of: fn(&Worth) -> f64) -> Split {
    let [often, longer, larger] = shapley(|changes| of(&switched[changes]));
    Split {
        often,
        longer,
        larger,
    }
}

impl Worth {
    fn over(self, customers: u64) -> Self {
        let n = customers as f64;
        Self {
            orders: self.orders / n,
            discounted_orders: self.discounted_orders / n,
            margin: self.margin / n,
            discounted_margin: self.discounted_margin / n,
        }
    }
}

impl AddAssign for Worth {
    fn add_assign(&mut self, other: Self) {
        self.orders += other.orders;
        self.discounted_orders += other.discounted_orders;
        self.margin += other.margin;
        self.discounted_margin += other.discounted_margin;
    }
}

impl Sub for Worth {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            orders: self.orders - other.orders,
            discounted_orders: self.discounted_orders - other.discounted_orders,
            margin: self.margin - other.margin,
            discounted_margin: self.discounted_margin - other.discounted_margin,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Exp1};

    use super::*;
    use crate::calendar::Calendar;
    use crate::history::Simulator;
    use crate::population::Population;
    use crate::stream::{Purpose, stream};

    fn simulator() -> Simulator {
        let calendar = Calendar::new(Date::constant(2024, 1, 1));
        Simulator::new(12, calendar, Population::default())
    }

    fn welcome(history: &History) -> Option<&Enrolment> {
        let mut enrolments = history.enrolments.iter();
        enrolments.find(|enrolment| EXPERIMENTS[enrolment.experiment].lasts())
    }

    /// One life of a customer up to `until`, event by event: orders and death compete, and start anew where effects
    /// begin or end. Returns the number of orders and the margin on them, both discounted.
    fn live(
        customer: &Customer,
        actives: &[Active],
        until: f64,
        generator: &mut ChaCha8Rng,
    ) -> [f64; 2] {
        let mut sums = [0.0; 2];
        let mut time = customer.joined;
        while time < until {
            let mut factors = Factors::ONE;
            for active in actives.iter().filter(|a| a.from <= time && time < a.to) {
                factors.orders *= active.factors.orders;
                factors.attrition *= active.factors.attrition;
                factors.value *= active.factors.value;
            }
            let orders = customer.purchase_rate * factors.orders;
            let deaths = customer.dropout_rate * factors.attrition;
            let next_change = actives
                .iter()
                .flat_map(|a| [a.from, a.to])
                .filter(|&change| change > time)
                .fold(until, f64::min);
            let [to_order, to_death] = [orders, deaths].map(|rate| -> f64 {
                let gap: f64 = Exp1.sample(generator);
                gap / rate
            });
            if time + to_order.min(to_death) >= next_change {
                time = next_change;
            } else if to_death < to_order {
                break;
            } else {
                time += to_order;
                let worth = (1.0 + DISCOUNT_RATE).powf(-(time - customer.joined) / 365.25);
                sums[0] += worth;
                sums[1] += worth * 0.4 * customer.order_value * factors.value;
            }
        }
        sums
    }

    #[test]
    fn simulated_lives_have_the_expected_worth() {
        let simulator = simulator();
        let mut generator = stream(1, Purpose::Orders, 0);
        // By arm and estimand: sums of residuals and of their squares, of orders and of margin.
        let mut residuals = [[[(0.0, 0.0); 2]; 2]; 2];
        for index in 0..600 {
            let history = simulator.history(index);
            let Some(enrolment) = welcome(&history) else {
                continue;
            };
            let customer = &history.customer;
            let until = customer.joined + 10.0 * 365.25;
            for (arm, residuals) in residuals.iter_mut().enumerate() {
                let actives = lasting(&history, enrolment, arm);
                for (residuals, estimand) in residuals.iter_mut().zip(ESTIMANDS) {
                    let actives = ending(&actives, enrolment, estimand);
                    let expected = worth(customer, &actives, 10);
                    let expected = [expected.discounted_orders, expected.discounted_margin];
                    for _ in 0..20 {
                        let seen = live(customer, &actives, until, &mut generator);
                        for (slot, (seen, expected)) in
                            residuals.iter_mut().zip(seen.into_iter().zip(expected))
                        {
                            slot.0 += seen - expected;
                            slot.1 += (seen - expected).powi(2);
                        }
                    }
                }
            }
        }
        for (sum, squares) in residuals.as_flattened().as_flattened() {
            assert!(sum.abs() < 4.0 * squares.sqrt(), "{sum} of {squares}");
        }
    }

    #[test]
    fn a_life_without_effects_has_the_textbook_worth() {
        let mut customer = simulator().history(0).customer;
        (customer.purchase_rate, customer.dropout_rate) = (0.02, 0.001);
        let found = worth(&customer, &[], 3);
        let days = 3.0 * 365.25;
        let orders = 0.02 / 0.001 * (1.0 - (-0.001_f64 * days).exp());
        assert!((found.orders - orders).abs() < 1e-12);
        let decay = 0.001 + 1.1_f64.ln() / 365.25;
        let discounted = 0.02 / decay * (1.0 - (-decay * days).exp());
        assert!((found.discounted_orders - discounted).abs() < 1e-12);
        let margin = discounted * customer.order_value * 0.4;
        assert!((found.discounted_margin - margin).abs() < 1e-9);
    }
}
