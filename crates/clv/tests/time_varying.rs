//! Pareto/NBD with covariates that are switched on and off.

#[path = "common/simulated.rs"]
mod simulated;

use clv::time_varying::{Switch, TimeVaryingParetoNbd, VaryingCustomer, VaryingTable};
use clv::{Customer, FitError, ParetoNbd, TimingModel};
use simulated::Simulation;

const BASE: ParetoNbd = ParetoNbd {
    r: 1.0,
    alpha: 8.0,
    s: 1.5,
    beta: 60.0,
};

fn model(rate_effect: f64, hazard_effect: f64) -> TimeVaryingParetoNbd {
    TimeVaryingParetoNbd {
        base: BASE,
        rate_effects: vec![rate_effect],
        hazard_effects: vec![hazard_effect],
    }
}

const HISTORIES: [(&[f64], f64); 5] = [
    (&[], 30.0),
    (&[0.5, 3.0, 29.0], 30.0),
    (&[4.0], 52.0),
    (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 52.0),
    (&[5.0], 5.0),
];

fn always_on() -> [Switch; 1] {
    [Switch {
        covariate: 0,
        on: -1.0,
        off: None,
    }]
}

#[track_caller]
fn assert_close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-11 * expected.abs().max(1.0),
        "{found} {expected}"
    );
}

#[test]
fn constant_covariates_are_the_static_model() {
    let varying = model(0.3, -0.6);
    let on = always_on();
    for (purchases, age) in HISTORIES {
        for (switches, shifted) in [(&on[..], BASE.shifted(0.3, -0.6)), (&[], BASE)] {
            let customer = VaryingCustomer {
                purchases,
                age,
                switches,
            };
            let seen = Customer {
                frequency: purchases.len() as u32,
                recency: purchases.last().copied().unwrap_or(0.0),
                age,
            };
            let value = varying.ln_likelihood(&customer).expect("a history");
            assert_close(value, shifted.ln_likelihood(&seen));
            let alive = varying.probability_alive(&customer).expect("a history");
            assert_close(alive, shifted.probability_alive(&seen));
            for discount in [0.0, 0.003] {
                let expected = shifted.discounted_expected_transactions(&seen, discount, 39.0);
                let found = varying.discounted_expected_transactions(&customer, discount, 39.0);
                assert_close(found.expect("a history"), expected);
            }
        }
    }
}

#[test]
fn switches_without_effect_change_nothing() {
    let varying = model(0.0, 0.0);
    for (purchases, age) in HISTORIES {
        let of = |switches: &[Switch]| {
            let customer = VaryingCustomer {
                purchases,
                age,
                switches,
            };
            let value = varying.ln_likelihood(&customer).expect("a history");
            let future = varying.discounted_expected_transactions(&customer, 0.01, 20.0);
            (value, future.expect("a history"))
        };
        let many: Vec<Switch> = (0..12)
            .map(|i| Switch {
                covariate: 0,
                on: 5.0 * f64::from(i) + 0.7,
                off: Some(5.0 * f64::from(i) + 2.9),
            })
            .collect();
        let (cut, whole) = (of(&many), of(&[]));
        assert_close(cut.0, whole.0);
        assert_close(cut.1, whole.1);
    }
}

#[test]
fn what_is_switched_on_later_pays_later() {
    let varying = model(0.5, 0.0);
    let of = |on: f64| {
        let switches = [Switch {
            covariate: 0,
            on,
            off: None,
        }];
        let customer = VaryingCustomer {
            purchases: &[3.0, 20.0],
            age: 30.0,
            switches: &switches,
        };
        varying
            .discounted_expected_transactions(&customer, 0.0, 52.0)
            .expect("a history")
    };
    let never = of(1000.0);
    assert!(of(40.0) > of(60.0) && of(60.0) > never);
    // On from the end of the observation: only the rate changes.
    assert_close(of(30.0), never * 0.5f64.exp());
}

/// Customers whose personalization runs in some weeks, drawn from the model.
fn simulated(seed: u64, customers: usize, rate_effect: f64, hazard_effect: f64) -> VaryingTable {
    let mut simulation = Simulation::new(seed);
    let mut table = VaryingTable::new(1);
    for _ in 0..customers {
        let rate = simulation.gamma(BASE.r, BASE.alpha);
        let hazard = simulation.gamma(BASE.s, BASE.beta);
        let on = simulation.uniform(0.0, 40.0);
        let off = on + simulation.uniform(10.0, 30.0);
        let age = simulation.uniform(60.0, 80.0);
        // Time at which a clock that runs faster while on has run for so long.
        let time_of = |clock: f64, effect: f64| {
            let speed = effect.exp();
            let running = on + (off - on) * speed;
            if clock < on {
                clock
            } else if clock < running {
                on + (clock - on) / speed
            } else {
                off + (clock - running)
            }
        };
        let end = time_of(simulation.wait(hazard), hazard_effect).min(age);
        let mut purchases = Vec::new();
        let mut clock = 0.0;
        loop {
            clock += simulation.wait(rate);
            let time = time_of(clock, rate_effect);
            if time > end {
                break;
            }
            purchases.push(time);
        }
        let customer = VaryingCustomer {
            purchases: &purchases,
            age,
            switches: &[Switch {
                covariate: 0,
                on,
                off: Some(off),
            }],
        };
        table.add(&customer).expect("a history");
    }
    table
}

#[test]
fn recovers_effects_that_come_and_go() {
    const TESTS: u64 = 6;
    let truth = (0.25, -0.5);
    let mut sums = [0.0; 2];
    let mut covered = 0;
    for seed in 0..TESTS {
        let table = simulated(40 + seed, 1500, truth.0, truth.1);
        let fit = TimeVaryingParetoNbd::fit(&table).expect("a fit");
        assert!(!fit.sees_no_attrition);
        let found = (fit.model.rate_effects[0], fit.model.hazard_effects[0]);
        sums[0] += found.0 / TESTS as f64;
        sums[1] += found.1 / TESTS as f64;
        let se = [fit.covariance[28].sqrt(), fit.covariance[35].sqrt()];
        covered += u32::from((found.0 - truth.0).abs() < 1.96 * se[0]);
        covered += u32::from((found.1 - truth.1).abs() < 1.96 * se[1]);
    }
    assert!((sums[0] - truth.0).abs() < 0.03, "{sums:?}");
    assert!((sums[1] - truth.1).abs() < 0.2, "{sums:?}");
    assert!(covered >= 9, "{covered} of 12 intervals cover the effects");
}

#[test]
fn what_cannot_be_fitted_says_why() {
    assert_eq!(
        TimeVaryingParetoNbd::fit(&VaryingTable::new(1)).map(|fit| fit.log_likelihood),
        Err(FitError::NoCustomers)
    );
    let mut silent = VaryingTable::new(0);
    let customer = VaryingCustomer {
        purchases: &[],
        age: 10.0,
        switches: &[],
    };
    silent.add(&customer).expect("a history");
    assert_eq!(
        TimeVaryingParetoNbd::fit(&silent).map(|fit| fit.log_likelihood),
        Err(FitError::NoRepeatPurchases)
    );
    let varying = model(0.1, 0.1);
    assert!(
        varying
            .discounted_expected_transactions(&customer, -0.1, 10.0)
            .is_err()
    );
}
