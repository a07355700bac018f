//! The timing models against references computed with forty digits.

// A skipped test says so.
#![allow(clippy::print_stderr)]

use clv::{
    BgNbd, CovarianceKind, Customer, CustomerTable, MbgNbd, ParetoNbd, TimingFit, TimingModel,
};
use serde_json::Value;
use std::path::PathBuf;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/timing.json")).expect("valid JSON")
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("a number, not {value}"))
}

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().unwrap_or_else(|| panic!("an array"));
    values.iter().map(number).collect()
}

#[track_caller]
fn assert_close(what: &str, got: f64, expected: f64, relative: f64) {
    let tolerance = relative * expected.abs().max(1e-300);
    assert!(
        (got - expected).abs() <= tolerance,
        "{what}: {got:e} instead of {expected:e}, off by {:.1e}",
        (got - expected) / expected.abs()
    );
}

/// The folder of real data, where there is one.
fn data(path: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("TOUCHSTONE_TEST_DATA") else {
        eprintln!("skipped: TOUCHSTONE_TEST_DATA is not set");
        return None;
    };
    Some(PathBuf::from(folder).join(path))
}

fn cdnow() -> Option<Vec<Customer>> {
    let path = data("cdnow/cdnow_customers_summary.csv")?;
    let text = std::fs::read_to_string(path).expect("the CDNOW summary");
    let customers = text.lines().skip(1).map(|line| {
        let fields: Vec<f64> = line
            .split(',')
            .map(|field| field.parse().expect("a number"))
            .collect();
        Customer {
            frequency: fields[1] as u32,
            recency: fields[2],
            age: fields[3],
        }
    });
    Some(customers.collect())
}

fn customer(case: &Value) -> Customer {
    let recency = case.get("t_x").or(case.get("tx")).expect("a recency");
    Customer {
        frequency: number(&case["x"]) as u32,
        recency: number(recency),
        age: number(&case["T"]),
    }
}

fn pareto(p: &[f64]) -> ParetoNbd {
    ParetoNbd::new(p[0], p[1], p[2], p[3]).expect("parameters")
}

fn bg(p: &[f64]) -> BgNbd {
    BgNbd::new(p[0], p[1], p[2], p[3]).expect("parameters")
}

fn mbg(p: &[f64]) -> MbgNbd {
    MbgNbd::new(p[0], p[1], p[2], p[3]).expect("parameters")
}

/// Parameters, log-likelihood, standard errors and covariance.
fn compare_fit<M: TimingModel>(case: &Value, fit: &TimingFit<M>) {
    let expected = numbers(&case["params"]);
    for ((name, got), expected) in M::PARAMETERS
        .iter()
        .zip(fit.model.parameters())
        .zip(expected)
    {
        assert_close(name, got, expected, 1e-6);
    }
    let off = (fit.log_likelihood - number(&case["ll"])).abs();
    assert!(off < 1e-8, "log-likelihood off by {off:e}");
    let errors = fit.standard_errors(CovarianceKind::Information);
    for (got, expected) in errors.iter().zip(numbers(&case["se"])) {
        assert_close("standard error", *got, expected, 1e-5);
    }
    let covariance = fit.ln_covariance(CovarianceKind::Information);
    for (got, expected) in covariance
        .iter()
        .zip(case["cov_log"].as_array().expect("rows"))
    {
        for (got, expected) in got.iter().zip(numbers(expected)) {
            assert!((got - expected).abs() < 1e-5 * 0.1, "{got} {expected}");
        }
    }
    assert!(fit.boundaries.is_empty(), "{:?}", fit.boundaries);
}

/// Predictions at the reference's parameters.
fn compare_predictions(case: &Value, model: &impl TimingModel, customers: &[Customer]) {
    let discount = 1.15_f64.ln() / 52.0;
    for case in case["customers"].as_array().expect("customers") {
        let who = customer(case);
        assert_close(
            "alive",
            model.probability_alive(&who),
            number(&case["p_alive"]),
            1e-8,
        );
        for (horizon, expected) in case["cet"].as_object().expect("horizons") {
            let horizon: f64 = horizon.parse().expect("a horizon");
            let got = model.expected_transactions(&who, horizon);
            assert_close("expected", got, number(expected), 1e-8);
        }
        let dert = model.discounted_expected_residual_transactions(&who, discount);
        assert_close("DERT", dert, number(&case["dert_delta_ln1p15_52"]), 1e-8);
        if let Some(expected) = case.get("dert_delta_0p0027") {
            let dert = model.discounted_expected_residual_transactions(&who, 0.0027);
            assert_close("DERT at 0.0027", dert, number(expected), 1e-8);
        }
        if let Some(expected) = case.get("dect52_delta_ln1p15_52") {
            let dect = model.discounted_expected_transactions(&who, discount, 52.0);
            assert_close("DECT", dect, number(expected), 1e-8);
        }
    }
    for (horizon, expected) in case["expectation_new"].as_object().expect("horizons") {
        let horizon: f64 = horizon.parse().expect("a horizon");
        let got = model.expected_transactions_of_new(horizon);
        assert_close("expected of new", got, number(expected), 1e-8);
    }
    let sum: f64 = customers
        .iter()
        .map(|customer| model.expected_transactions(customer, 39.0))
        .sum();
    assert_close("holdout", sum, number(&case["holdout39_sum"]), 1e-8);
}

#[test]
fn pareto_nbd_on_cdnow() {
    let Some(customers) = cdnow() else { return };
    let case = &golden()["pnbd_cdnow"];
    let table = CustomerTable::of(&customers).expect("a table");
    assert_eq!(table.len(), 1016);
    compare_fit(case, &ParetoNbd::fit(&table).expect("a fit"));
    compare_predictions(case, &pareto(&numbers(&case["params"])), &customers);
}

#[test]
fn bg_nbd_on_cdnow() {
    let Some(customers) = cdnow() else { return };
    let case = &golden()["bgnbd_cdnow"];
    let table = CustomerTable::of(&customers).expect("a table");
    compare_fit(case, &BgNbd::fit(&table).expect("a fit"));
    compare_predictions(case, &bg(&numbers(&case["params"])), &customers);
}

#[test]
fn mbg_nbd_on_cdnow() {
    let Some(customers) = cdnow() else { return };
    let case = &golden()["mbgnbd_cdnow"];
    let table = CustomerTable::of(&customers).expect("a table");
    compare_fit(case, &MbgNbd::fit(&table).expect("a fit"));
    compare_predictions(case, &mbg(&numbers(&case["params"])), &customers);
}

/// The formulas of lifetimes 0.11.3 are ours. Its fit stops early: at its parameters
/// predictions are off by up to 3e-6 from those at the maximum.
#[test]
fn mbg_nbd_of_lifetimes() {
    let case = &golden()["mbgnbd_lifetimes"];
    let parameters = ["r", "alpha", "a", "b"].map(|name| number(&case["params"][name]));
    let model = mbg(&parameters);
    for case in case["customers"].as_array().expect("customers") {
        let who = customer(case);
        let alive = model.probability_alive(&who);
        assert_close("alive", alive, number(&case["p_alive"]), 1e-12);
        for (horizon, expected) in case["cet"].as_object().expect("horizons") {
            let horizon: f64 = horizon.parse().expect("a horizon");
            let got = model.expected_transactions(&who, horizon);
            assert_close("expected", got, number(expected), 1e-12);
        }
    }
}

#[test]
fn dert_at_the_published_parameters() {
    let case = &golden()["pnbd_dert_at_published_params"];
    let model = pareto(&numbers(&case["params"]));
    for row in case["grid"].as_array().expect("rows") {
        let who = customer(row);
        for (discount, key) in [(1.15_f64.ln() / 52.0, "dert_ln"), (0.0027, "dert_0p0027")] {
            let got = model.discounted_expected_residual_transactions(&who, discount);
            assert_close(key, got, number(&row[key]), 1e-10);
        }
    }
}

#[test]
fn stability_probes() {
    let golden = golden();
    let probes = golden["stability_probes"].as_array().expect("probes");
    assert_eq!(probes.len(), 24);
    for case in probes {
        let parameters = numbers(&case["params"]);
        let who = customer(case);
        let compare = |what: &str, got: f64| {
            if let Some(expected) = case.get(what) {
                let expected = number(expected);
                assert!(
                    (got - expected).abs() <= 1e-10 * expected.abs() + 1e-200,
                    "{what} of {case}: {got:e}"
                );
            }
        };
        match case["model"].as_str() {
            Some("pnbd") => {
                let model = pareto(&parameters);
                compare("ll", model.ln_likelihood(&who));
                compare("p_alive", model.probability_alive(&who));
                compare("cet52", model.expected_transactions(&who, 52.0));
                let dert = model.discounted_expected_residual_transactions(&who, 0.0027);
                compare("dert_0p0027", dert);
            }
            Some("bgnbd") => {
                let model = bg(&parameters);
                compare("ll", model.ln_likelihood(&who));
                compare("p_alive", model.probability_alive(&who));
                compare("cet52", model.expected_transactions(&who, 52.0));
            }
            other => panic!("unknown model {other:?}"),
        }
    }
}

#[test]
fn random_sweep() {
    let mut rows = 0;
    for line in include_str!("golden/timing_sweep.csv").lines().skip(1) {
        let v: Vec<f64> = line
            .split(',')
            .map(|field| field.parse().expect("a number"))
            .collect();
        let who = Customer {
            frequency: v[0] as u32,
            recency: v[1],
            age: v[2],
        };
        let horizon = v[3];
        let model = pareto(&v[4..8]);
        let dert = model.discounted_expected_residual_transactions(&who, 0.0027);
        let bg = bg(&v[12..16]);
        let mbg = mbg(&v[12..16]);
        let compared = [
            ("Pareto/NBD likelihood", model.ln_likelihood(&who), v[8]),
            ("Pareto/NBD alive", model.probability_alive(&who), v[9]),
            (
                "Pareto/NBD expected",
                model.expected_transactions(&who, horizon),
                v[10],
            ),
            ("Pareto/NBD DERT", dert, v[11]),
            ("BG/NBD likelihood", bg.ln_likelihood(&who), v[16]),
            ("BG/NBD alive", bg.probability_alive(&who), v[17]),
            (
                "BG/NBD expected",
                bg.expected_transactions(&who, horizon),
                v[18],
            ),
            ("MBG/NBD likelihood", mbg.ln_likelihood(&who), v[19]),
        ];
        for (what, got, expected) in compared {
            assert!(got.is_finite(), "{what} of {line} is {got}");
            // A likelihood is as exact as its logarithm can be. The reference has no value
            // where its series did not converge.
            let tolerance = if what.ends_with("likelihood") {
                2e-12 * expected.abs().max(1.0)
            } else {
                1e-9 * expected.abs() + 1e-12
            };
            assert!(
                (got - expected).abs() <= tolerance || expected.is_nan(),
                "{what} of {line}: {got:e} not {expected:e}"
            );
        }
        rows += 1;
    }
    assert_eq!(rows, 400);
}
