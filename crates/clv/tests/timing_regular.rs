//! Regular buyers: (M)BG/CNBD-k.

#[path = "common/simulated.rs"]
mod simulated;

use clv::{Customer, CustomerColumns, CustomerTable, Estimation, FitError, MbgNbd, TimingModel};
use serde_json::Value;
use simulated::Simulation;

const TRUTH: [f64; 4] = [2.0, 4.0, 0.6, 2.5];
const REGULARITY: u32 = 3;
const AGE: f64 = 60.0;
const LATER: f64 = 400.0;

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("a number, not {value}"))
}

/// Times of the repeat purchases of customers of an MBG/CNBD-k world.
fn histories(n: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut simulation = Simulation::new(seed);
    let [r, alpha, a, b] = TRUTH;
    (0..n)
        .map(|_| {
            let rate = simulation.gamma(r, alpha);
            let leaves = simulation.beta(a, b);
            let mut times = Vec::new();
            let mut now = 0.0;
            while simulation.uniform(0.0, 1.0) >= leaves {
                now += (0..REGULARITY).map(|_| simulation.wait(rate)).sum::<f64>();
                if now > AGE + LATER {
                    break;
                }
                times.push(now);
            }
            times
        })
        .collect()
}

fn customer(times: &[f64]) -> Customer {
    let seen: Vec<f64> = times.iter().copied().filter(|t| *t <= AGE).collect();
    Customer {
        frequency: seen.len() as u32,
        recency: seen.last().copied().unwrap_or(0.0),
        age: AGE,
    }
}

fn ln_gaps(times: &[f64]) -> f64 {
    let mut before = 0.0;
    let mut sum = 0.0;
    for &time in times.iter().take_while(|t| **t <= AGE) {
        sum += (time - before).ln();
        before = time;
    }
    sum
}

#[test]
fn the_regularity_is_found() {
    let histories = histories(2500, 11);
    let customers: Vec<Customer> = histories.iter().map(|times| customer(times)).collect();
    let frequency: Vec<u32> = customers.iter().map(|c| c.frequency).collect();
    let recency: Vec<f64> = customers.iter().map(|c| c.recency).collect();
    let age: Vec<f64> = customers.iter().map(|c| c.age).collect();
    let gaps: Vec<f64> = histories.iter().map(|times| ln_gaps(times)).collect();
    let columns = CustomerColumns {
        frequency: &frequency,
        recency: &recency,
        age: &age,
        ln_gaps: Some(&gaps),
        ..CustomerColumns::default()
    };
    let table = CustomerTable::new(&columns).expect("a table");
    let fit = MbgNbd::fit_regularity(&table, &Estimation::default()).expect("a fit");
    assert_eq!(fit.model.k, REGULARITY);
    for (got, truth) in fit.model.parameters().into_iter().zip(TRUTH) {
        assert!((got / truth).ln().abs() < 0.3, "{got} {truth}");
    }
    let without = CustomerTable::of(&customers).expect("a table");
    let refused = MbgNbd::fit_regularity(&without, &Estimation::default()).map(|_| ());
    assert!(matches!(refused, Err(FitError::MissingColumn { .. })));
}

/// What is expected of each customer adds up to what they do.
#[test]
fn predictions_agree_with_what_customers_do() {
    let model = MbgNbd {
        k: REGULARITY,
        ..MbgNbd::new(TRUTH[0], TRUTH[1], TRUTH[2], TRUTH[3]).expect("parameters")
    };
    let histories = histories(3000, 12);
    let (horizon, discount) = (30.0, 0.05);
    // Sums of prediction minus outcome, and of its square.
    let mut checks = [(0.0, 0.0); 5];
    for times in &histories {
        let who = customer(times);
        let later: Vec<f64> = times
            .iter()
            .filter(|t| **t > AGE)
            .map(|t| t - AGE)
            .collect();
        let count = |end: f64| later.iter().filter(|t| **t <= end).count() as f64;
        let worth = |end: f64| -> f64 {
            let within = later.iter().filter(|t| **t <= end);
            within.map(|t| (-discount * t).exp()).sum()
        };
        let silent = f64::from(u8::from(count(2.0) == 0.0));
        let differences = [
            model.expected_transactions(&who, horizon) - count(horizon),
            model.discounted_expected_residual_transactions(&who, discount) - worth(LATER),
            model.discounted_expected_transactions(&who, discount, horizon) - worth(horizon),
            model.probability_of_no_purchase(&who, 2.0) - silent,
            // Who is alive will buy at some time.
            model.probability_alive(&who) - f64::from(u8::from(!later.is_empty())),
        ];
        for (check, difference) in checks.iter_mut().zip(differences) {
            check.0 += difference;
            check.1 += difference * difference;
        }
    }
    for (i, (sum, squares)) in checks.into_iter().enumerate() {
        assert!(sum.abs() < 4.0 * f64::sqrt(squares), "{i}: {sum} {squares}");
    }
}

#[test]
fn being_alive_agrees_with_another_tool() {
    let golden: Value = serde_json::from_str(include_str!("golden/timing.json")).expect("JSON");
    let case = &golden["mbgcnbd"];
    let parameter = |name: &str| number(&case["params"][name]);
    let model = MbgNbd {
        k: parameter("k") as u32,
        ..MbgNbd::new(
            parameter("r"),
            parameter("alpha"),
            parameter("a"),
            parameter("b"),
        )
        .expect("parameters")
    };
    for row in case["rows"].as_array().expect("rows") {
        let who = Customer {
            frequency: number(&row["x"]) as u32,
            recency: number(&row["t.x"]),
            age: number(&row["T.cal"]),
        };
        let (got, expected) = (model.probability_alive(&who), number(&row["palive"]));
        assert!((got - expected).abs() < 1e-9, "{got} {expected}");
    }
}

#[test]
fn waits_end_where_they_are_said_to() {
    let model = MbgNbd::new(0.5, 6.2, 0.9, 1.6).expect("parameters");
    let who = Customer {
        frequency: 5,
        recency: 30.0,
        age: 35.0,
    };
    let wait = model.time_to_next_purchase(&who, 0.5).expect("a wait");
    assert!((model.probability_of_no_purchase(&who, wait) - 0.5).abs() < 1e-9);
    let alive = model.probability_alive(&who);
    assert_eq!(model.time_to_next_purchase(&who, alive + 1e-6), None);
}
