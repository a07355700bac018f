//! The lower end of what customers will buy where no attrition is visible.

#[path = "common/simulated.rs"]
mod simulated;

use clv::{BetaBoundary, BgBbFit, ContractTable, Customer, CustomerTable, MbgNbd, Opportunities};
use clv::{ParetoNbd, ShiftedBetaGeometricFit, TimingFit, TimingModel};
use simulated::Simulation;

/// Time seen, and the horizon after it.
const AGE: f64 = 20.0;
const HORIZON: f64 = 150.0;
const ALPHA: f64 = 0.05;
/// Half the chi-square quantile.
const FALL: f64 = 1.920_729;

/// Purchases every ten weeks on average; half leave within nineteen years, hardly anybody in a window of twenty weeks.
const TRUTH: [f64; 4] = [0.8, 8.0, 1.0, 1000.0];

fn customers(seed: u64) -> Vec<Customer> {
    let mut simulation = Simulation::new(seed);
    (0..250).map(|_| simulation.pareto(TRUTH, AGE)).collect()
}

fn total<M: TimingModel>(fit: &TimingFit<M>, table: &CustomerTable) -> clv::Prediction {
    fit.discounted_expected_transactions(table, 0.0, HORIZON)
        .total
}

#[test]
fn intervals_without_visible_attrition_hold_the_truth() {
    let [r, alpha, s, beta] = TRUTH;
    let model = ParetoNbd::new(r, alpha, s, beta).expect("parameters");
    let (mut samples, mut boundary) = (0, 0);
    let (mut without_limit, mut with_limit, mut everywhere) = (0, 0, 0);
    for seed in 0..60 {
        let customers = customers(seed);
        let table = CustomerTable::of(&customers).expect("a table");
        let fit = ParetoNbd::fit(&table).expect("a fit");
        let of = |customer: &Customer| model.expected_transactions(customer, HORIZON);
        let truth: f64 = customers.iter().map(of).sum();
        let (low, high) = total(&fit, &table).interval(ALPHA);
        samples += 1;
        let plain = low <= truth && truth <= high;
        if !fit.sees_no_attrition() {
            everywhere += u32::from(plain);
            continue;
        }
        let limit = fit.attrition_limit(&table, HORIZON, ALPHA);
        let limit = limit.expect("a search").expect("a limit");
        let fall = fit.log_likelihood - limit.log_likelihood;
        assert!((fall - FALL).abs() < 1e-3, "{fall}");
        let low = total(&limit, &table).value.min(low);
        let held = low <= truth && truth <= high;
        boundary += 1;
        without_limit += u32::from(plain);
        with_limit += u32::from(held);
        everywhere += u32::from(held);
    }
    // Intervals of a world without attrition miss the truth; those with a limit hold it.
    assert!(boundary >= 10, "{boundary}");
    assert!(
        3 * without_limit < boundary,
        "{without_limit} of {boundary}"
    );
    assert!(
        20 * with_limit >= 19 * boundary,
        "{with_limit} of {boundary}"
    );
    // Where attrition is seen, though hardly, intervals are those of the delta method, which hold it less often.
    assert!(6 * everywhere >= 5 * samples, "{everywhere} of {samples}");
}

/// The first sample in which a model sees no attrition.
fn unseen<M: TimingModel>(
    fit: impl Fn(&CustomerTable) -> TimingFit<M>,
) -> (CustomerTable, TimingFit<M>) {
    (0..60)
        .map(|seed| {
            let table = CustomerTable::of(&customers(seed)).expect("a table");
            let fit = fit(&table);
            (table, fit)
        })
        .find(|(_, fit)| fit.sees_no_attrition())
        .expect("a sample")
}

#[test]
fn the_limit_falls_with_the_horizon_and_with_the_level() {
    let (table, fit) = unseen(|table| MbgNbd::fit(table).expect("a fit"));
    let at = |horizon: f64, alpha: f64| {
        let limit = fit.attrition_limit(&table, horizon, alpha);
        let limit = limit.expect("a search").expect("a limit");
        total(&limit, &table).value / total(&fit, &table).value
    };
    let (wide, narrow) = (at(HORIZON, 0.05), at(HORIZON, 0.5));
    assert!(wide < narrow && narrow < 1.0, "{wide} {narrow}");
    assert!(fit.attrition_limit(&table, HORIZON, 0.0).is_err());
}

#[test]
fn opportunities_have_a_limit_too() {
    let mut simulation = Simulation::new(2);
    let histories: Vec<(Opportunities, f64)> = (0..120)
        .map(|_| {
            let buys = simulation.beta(1.2, 2.0);
            let (mut taken, mut last) = (0, 0);
            for opportunity in 1..=5 {
                if simulation.uniform(0.0, 1.0) < buys {
                    (taken, last) = (taken + 1, opportunity);
                }
            }
            let history = Opportunities {
                taken,
                last,
                all: 5,
            };
            (history, 1.0)
        })
        .collect();
    let fit = BgBbFit::new(&histories).expect("a fit");
    assert_eq!(fit.leaving_boundary, Some(BetaBoundary::Never));
    let limit = fit.attrition_limit(&histories, 10, ALPHA);
    let limit = limit.expect("a search").expect("a limit");
    let fall = fit.log_likelihood - limit.log_likelihood;
    assert!((fall - FALL).abs() < 1e-3, "{fall}");
    let future = |fit: &BgBbFit| -> f64 {
        let of = |(history, n): &(Opportunities, f64)| {
            n * fit
                .parameters
                .conditional_expected_transactions(*history, 10)
        };
        histories.iter().map(of).sum()
    };
    let share = future(&limit) / future(&fit);
    assert!((0.2..0.97).contains(&share), "{share}");
}

/// Contracts that were all renewed.
fn renewed(contracts: f64, times: usize) -> (ContractTable, ShiftedBetaGeometricFit) {
    let mut table = ContractTable::default();
    table
        .add_cohort(&vec![contracts; times + 1])
        .expect("survivors");
    let fit = ShiftedBetaGeometricFit::new(&table).expect("a fit");
    assert_eq!(fit.boundary, Some(BetaBoundary::Never));
    (table, fit)
}

#[test]
fn the_limit_of_contracts_is_exact() {
    // ln E[(1 - p)^t] is convex in t, so that those who were renewed t times have the worst future, for what they have
    // shown, where all have one p; and all n of them are renewed t times with a probability of (1 - p)^(n t).
    for (contracts, times) in [(40.0, 3), (500.0, 1), (2000.0, 24)] {
        let (table, fit) = renewed(contracts, times);
        let limit = fit.attrition_limit(&table, 12, ALPHA);
        let limit = limit.expect("a search").expect("a limit").parameters;
        let all_renewed = limit.survival(times as u32).powf(contracts);
        assert!((all_renewed - 0.5 * ALPHA).abs() < 1e-5, "{all_renewed}");
        let leaves = 1.0 - (0.5 * ALPHA).powf(1.0 / (contracts * times as f64));
        for renewal in [times as u32 + 1, times as u32 + 12] {
            let off = (1.0 - limit.retention(renewal)) / leaves - 1.0;
            assert!(off.abs() < 0.01, "{contracts} {times} {renewal}: {off}");
        }
    }
}

#[test]
fn contracts_without_a_renewal_to_come_have_no_limit() {
    let (table, fit) = renewed(10.0, 2);
    assert_eq!(fit.attrition_limit(&table, 0, ALPHA), Ok(None));
    assert!(fit.attrition_limit(&table, 3, 0.0).is_err());
}
