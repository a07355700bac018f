//! Gamma-Gamma, BG/BB and shifted beta-geometric against 40-digit maxima, and their
//! laws and edges.

#[path = "common/simulated.rs"]
mod simulated;

use clv::{
    BetaBoundary, BgBb, BgBbFit, ContractTable, FitError, GammaGamma, GammaGammaFit,
    InfiniteMeanSpend, Opportunities, ShiftedBetaGeometric, ShiftedBetaGeometricFit, SpendBoundary,
    SpendTable, UnboundedLifetime,
};
use proptest::prelude::*;
use serde_json::Value;
use simulated::Simulation;
use std::path::PathBuf;

fn golden(table: &str) -> Value {
    let all: Value =
        serde_json::from_str(include_str!("golden/spend_and_discrete.json")).expect("json");
    all[table].clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().expect("a number")],
    }
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], relative: f64) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!(
            (a - b).abs() <= relative * b.abs(),
            "{found:?} is not {expected:?}"
        );
    }
}

/// Lines of a file of real data, without its header; none where the data are not here.
fn data(file: &str) -> Option<Vec<Vec<f64>>> {
    let Some(folder) = std::env::var_os("TOUCHSTONE_TEST_DATA") else {
        #[expect(clippy::print_stderr, reason = "says that a test did nothing")]
        {
            eprintln!("skipped: TOUCHSTONE_TEST_DATA does not name the folder of {file}");
        }
        return None;
    };
    let text = std::fs::read_to_string(PathBuf::from(folder).join(file)).expect("the file");
    Some(
        text.lines()
            .skip(1)
            .map(|line| {
                line.split(',')
                    .map(|v| v.trim().parse().expect("a number"))
                    .collect()
            })
            .collect(),
    )
}

fn cdnow_spend() -> Option<SpendTable> {
    let rows = data("cdnow/cdnow_customers_summary_with_transactions.csv")?;
    let mut table = SpendTable::new(0);
    for row in rows {
        table
            .add_mean(row[1], row[4], &[], 1.0)
            .expect("a customer");
    }
    Some(table)
}

#[test]
fn gamma_gamma_of_cdnow() {
    let Some(table) = cdnow_spend() else { return };
    let golden = golden("gamma_gamma");
    assert_eq!(table.customers(), golden["n"].as_f64().expect("n"));
    assert_eq!(table.left_out().customers_without_orders, 1411.0);
    let fit = GammaGammaFit::new(&table).expect("a fit");
    let GammaGamma { p, q, gamma, .. } = fit.parameters;
    assert_close(&[p, q, gamma], &numbers(&golden["params"]), 1e-8);
    assert_close(&[fit.log_likelihood], &numbers(&golden["ll"]), 1e-12);
    assert_close(&fit.model_covariance, &numbers(&golden["cov_log"]), 1e-5);
    assert!(fit.boundaries.is_empty());
    let population = fit.population_mean(&[]).expect("finite");
    assert_close(
        &[population.estimate],
        &numbers(&golden["population_mean"]),
        1e-8,
    );
    assert!(population.se > 0.5 && population.se < 2.0);

    let params = numbers(&golden["params"]);
    let reference = GammaGamma {
        p: params[0],
        q: params[1],
        gamma: params[2],
        effects: vec![],
    };
    for customer in golden["customers"].as_array().expect("customers") {
        let (x, m) = (&customer["x"], &customer["m"]);
        let expected = reference
            .conditional_mean(x.as_f64().expect("x"), m.as_f64().expect("m"), &[])
            .expect("finite");
        assert_close(&[expected], &numbers(&customer["expected"]), 1e-12);
    }
}

#[test]
fn gamma_gamma_does_not_depend_on_the_currency() {
    let Some(table) = cdnow_spend() else { return };
    let mut cents = SpendTable::new(0);
    for row in table.rows() {
        cents
            .add_mean(row.orders, row.mean * 100.0, &[], row.customers)
            .expect("a customer");
    }
    let fit = GammaGammaFit::new(&table).expect("a fit");
    let in_cents = GammaGammaFit::new(&cents).expect("a fit");
    assert_close(&[in_cents.parameters.q], &[fit.parameters.q], 1e-10);
    assert_close(
        &[in_cents.parameters.gamma],
        &[100.0 * fit.parameters.gamma],
        1e-10,
    );
    assert_close(&in_cents.covariance, &fit.covariance, 1e-6);
}

/// Spend of two arms, the treated spending a share more an order.
fn two_arms(seed: u64, customers: u32, effect: f64) -> SpendTable {
    let mut simulation = Simulation::new(seed);
    let mut table = SpendTable::new(1);
    for customer in 0..customers {
        let treated = f64::from(customer % 2);
        let v = simulation.gamma(4.0, 15.0 * (effect * treated).exp());
        let orders: Vec<f64> = (0..=customer % 5)
            .map(|_| simulation.gamma(6.0, v))
            .collect();
        table.add_orders(&orders, &[treated]).expect("a customer");
    }
    table
}

#[test]
fn gamma_gamma_recovers_the_effect_on_spend() {
    const EFFECT: f64 = 0.08;
    let (mut inside, trials) = (0, 30);
    let mut sum = 0.0;
    for seed in 0..trials {
        let fit = GammaGammaFit::new(&two_arms(seed, 2000, EFFECT)).expect("a fit");
        let (estimate, se) = (fit.parameters.effects[0], fit.covariance[15].sqrt());
        sum += estimate;
        inside += u32::from((estimate - EFFECT).abs() < 1.96 * se);
        let ratio = fit.covariance[15] / fit.model_covariance[15];
        assert!((ratio - 1.0).abs() < 0.2, "{ratio}");
    }
    assert!(
        (sum / trials as f64 / EFFECT - 1.0).abs() < 0.15,
        "{}",
        sum / trials as f64
    );
    assert!(
        inside >= 25,
        "{inside} of {trials} intervals cover the effect"
    );
}

#[test]
fn treated_customers_spend_more_by_the_effect() {
    let model = GammaGamma {
        p: 6.0,
        q: 3.0,
        gamma: 15.0,
        effects: vec![0.1],
    };
    let (generic, treated) = (model.population_mean(&[0.0]), model.population_mean(&[1.0]));
    let ratio = treated.expect("finite") / generic.expect("finite");
    assert_close(&[ratio], &[0.1f64.exp()], 1e-14);
}

#[test]
fn infinite_mean_spend_is_reported() {
    let model = GammaGamma {
        p: 6.0,
        q: 0.9,
        gamma: 15.0,
        effects: vec![],
    };
    assert_eq!(
        model.population_mean(&[]),
        Err(InfiniteMeanSpend { q: 0.9 })
    );
    assert!(model.conditional_mean(1.0, 20.0, &[]).is_ok());

    // A shape of one half.
    let mut simulation = Simulation::new(3);
    let mut table = SpendTable::new(0);
    for _ in 0..3000 {
        let v = simulation.gamma(0.5, 15.0);
        let orders: Vec<f64> = (0..3).map(|_| simulation.gamma(5.0, v)).collect();
        table.add_orders(&orders, &[]).expect("a customer");
    }
    let fit = GammaGammaFit::new(&table).expect("a fit");
    assert!((fit.parameters.q - 0.5).abs() < 0.1, "{:?}", fit.parameters);
    assert!(fit.population_mean(&[]).is_err());
}

#[test]
fn zero_and_negative_spend_is_counted_and_left_out() {
    let mut table = SpendTable::new(0);
    table
        .add_orders(&[10.0, 0.0, 20.0, -5.0], &[])
        .expect("a customer");
    table.add_orders(&[-1.0], &[]).expect("a customer");
    table.add_orders(&[], &[]).expect("a customer");
    table.add_mean(2.0, 0.0, &[], 3.0).expect("a customer");
    let left_out = table.left_out();
    assert_eq!(left_out.zero_orders, 7.0);
    assert_eq!(
        (left_out.negative_orders, left_out.negative_sum),
        (2.0, -6.0)
    );
    assert_eq!(left_out.customers_without_orders, 1.0);
    assert_eq!(left_out.customers_without_spend, 4.0);
    assert_eq!(table.customers(), 1.0);
    // 24 of money over 11 orders, against 15 an order.
    let share = table.share_of_positive_spend().expect("orders");
    assert_close(&[share], &[24.0 / 11.0 / 15.0], 1e-14);
    let before = table.clone();
    assert!(matches!(
        table.add_orders(&[f64::NAN], &[]),
        Err(FitError::InvalidValue { .. })
    ));
    assert!(table.add_mean(-1.0, 2.0, &[], 1.0).is_err());
    assert!(matches!(
        table.add_orders(&[1.0], &[1.0]),
        Err(FitError::LengthMismatch { .. })
    ));
    assert_eq!(table, before);
}

#[test]
fn spend_that_cannot_be_fitted_says_why() {
    let mut table = SpendTable::new(0);
    assert_eq!(GammaGammaFit::new(&table), Err(FitError::NoCustomers));
    table.add_mean(3.0, 7.0, &[], 50.0).expect("customers");
    assert!(matches!(
        GammaGammaFit::new(&table),
        Err(FitError::InvalidArgument { .. })
    ));
}

#[test]
fn customers_who_differ_by_chance_only_are_alike() {
    let mut simulation = Simulation::new(8);
    let mut table = SpendTable::new(0);
    for _ in 0..400 {
        // Less spread between customers than their orders alone would make.
        let spread: f64 = (0..12).map(|_| simulation.uniform(0.0, 1.0)).sum::<f64>() / 12.0;
        table
            .add_mean(1.0, 9.0 + spread, &[], 1.0)
            .expect("a customer");
        table
            .add_mean(4.0, 9.3 + 0.4 * spread, &[], 1.0)
            .expect("a customer");
    }
    let fit = GammaGammaFit::new(&table).expect("a fit");
    assert_eq!(fit.boundaries, [SpendBoundary::AlikeCustomers]);
    let mean = fit.population_mean(&[]).expect("finite").estimate;
    assert!((mean - 9.5).abs() < 0.05, "{mean}");
}

#[test]
fn bgbb_of_donations() {
    let Some(rows) = data("donations/bgbb_donations.csv") else {
        return;
    };
    let histories: Vec<(Opportunities, f64)> = rows
        .iter()
        .map(|row| (history(row[0], row[1], row[2]), row[3]))
        .collect();
    let golden = golden("bgbb");
    let fit = BgBbFit::new(&histories).expect("a fit");
    let BgBb {
        alpha,
        beta,
        gamma,
        delta,
    } = fit.parameters;
    assert_close(
        &[alpha, beta, gamma, delta],
        &numbers(&golden["params"]),
        1e-8,
    );
    assert_close(&[fit.log_likelihood], &numbers(&golden["ll"]), 1e-13);
    assert_close(&fit.model_covariance, &numbers(&golden["cov_log"]), 1e-5);
    assert_eq!((fit.buying_boundary, fit.leaving_boundary), (None, None));
    let se = fit.standard_error(|model| model.alpha.ln());
    assert_close(&[se], &[fit.covariance[0].sqrt()], 1e-9);
}

fn history(taken: f64, last: f64, all: f64) -> Opportunities {
    Opportunities {
        taken: taken as u32,
        last: last as u32,
        all: all as u32,
    }
}

#[test]
fn bgbb_predictions() {
    let golden = golden("bgbb_predictions");
    let params = numbers(&golden["params"]);
    let model = BgBb {
        alpha: params[0],
        beta: params[1],
        gamma: params[2],
        delta: params[3],
    };
    assert_close(
        &[model.expected_transactions(10)],
        &numbers(&golden["expectation10"]),
        1e-11,
    );
    for row in golden["rows"].as_array().expect("rows") {
        let of = |key: &str| row[key].as_f64().expect("a number");
        let seen = history(of("x"), of("t_x"), of("n"));
        assert_close(&[model.probability_alive(seen)], &[of("alive_next")], 1e-11);
        let five = model.conditional_expected_transactions(seen, 5);
        assert_close(&[five], &[of("expected5")], 1e-11);
        let residual = model.discounted_expected_residual_transactions(seen, 0.1);
        assert_close(&[residual.expect("discounted")], &[of("residual")], 1e-11);
        assert_eq!(
            model.discounted_expected_residual_transactions(seen, 0.0),
            Err(UnboundedLifetime { shape: model.gamma })
        );
    }
}

#[test]
fn bgbb_probabilities_sum_to_one() {
    let model = BgBb {
        alpha: 1.2,
        beta: 0.75,
        gamma: 0.66,
        delta: 2.8,
    };
    // Histories of a length by their binary digits.
    let total: f64 = (0u32..64)
        .map(|bits| {
            let seen = Opportunities {
                taken: bits.count_ones(),
                last: 32 - bits.leading_zeros(),
                all: 6,
            };
            model.ln_likelihood(seen).exp()
        })
        .sum();
    assert_close(&[total], &[1.0], 1e-14);
}

#[test]
fn donors_who_never_leave_are_a_result() {
    // Everybody buys at odd opportunities: silence at the end never lasts.
    let histories: Vec<_> = [(0, 400.0), (1, 100.0), (2, 60.0), (3, 30.0)]
        .map(|(x, customers)| {
            (
                history(f64::from(x), f64::from(if x > 0 { 6 } else { 0 }), 6.0),
                customers,
            )
        })
        .into();
    let fit = BgBbFit::new(&histories[1..]).expect("a fit");
    assert_eq!(fit.leaving_boundary, Some(BetaBoundary::Never));
    assert!(BgBbFit::new(&[]).is_err());
    assert!(matches!(
        BgBbFit::new(&[(history(2.0, 1.0, 6.0), 1.0)]),
        Err(FitError::RecencyMismatch { .. })
    ));
    assert!(matches!(
        BgBbFit::new(&[(history(2.0, 7.0, 6.0), 1.0)]),
        Err(FitError::PurchaseAfterEnd { .. })
    ));
}

#[test]
fn shifted_beta_geometric_of_contracts() {
    for table in ["sbg_regular", "sbg_highend"] {
        let golden = golden(table);
        let survivors = numbers(&golden["survivors"]);
        let mut contracts = ContractTable::default();
        contracts.add_cohort(&survivors).expect("a cohort");
        let fit = ShiftedBetaGeometricFit::new(&contracts).expect("a fit");
        let ShiftedBetaGeometric { alpha, beta } = fit.parameters;
        assert_close(&[alpha, beta], &numbers(&golden["params"]), 1e-8);
        assert_close(&[fit.log_likelihood], &numbers(&golden["ll"]), 1e-13);
        assert_close(&fit.model_covariance, &numbers(&golden["cov_log"]), 1e-4);
        assert_eq!(fit.boundary, None);

        let params = numbers(&golden["params"]);
        let model = ShiftedBetaGeometric {
            alpha: params[0],
            beta: params[1],
        };
        let survival: Vec<f64> = (8..=12).map(|t| model.survival(t)).collect();
        assert_close(&survival, &numbers(&golden["survival_8_to_12"]), 1e-12);
        let retention: Vec<f64> = (1..=12).map(|t| model.retention(t)).collect();
        assert_close(&retention, &numbers(&golden["retention_1_to_12"]), 1e-12);
        for (n, value) in golden["DERL_renewals_d0.1"].as_object().expect("table") {
            let n = n.parse().expect("a number");
            let found = model
                .discounted_expected_residual_lifetime(n, 0.1)
                .expect("discounted");
            assert_close(&[found], &numbers(value), 1e-12);
        }
        let all = model.discounted_expected_lifetime(0.1).expect("discounted");
        assert_close(&[model.expected_payments(2000, 0.1)], &[all], 1e-12);
        assert_eq!(
            model.discounted_expected_lifetime(0.0),
            Err(UnboundedLifetime { shape: model.alpha })
        );

        let mut short = ContractTable::default();
        short.add_cohort(&survivors[..5]).expect("a cohort");
        let short = ShiftedBetaGeometricFit::new(&short).expect("a fit");
        let found = [short.parameters.alpha, short.parameters.beta];
        assert_close(
            &found,
            &numbers(&golden["fit_first_4_years"]["params"]),
            1e-8,
        );
    }
}

#[test]
fn cohorts_of_contracts_add_up() {
    let mut together = ContractTable::default();
    together
        .add_cohort(&[1000.0, 631.0, 468.0])
        .expect("a cohort");
    together.add_cohort(&[500.0, 320.0]).expect("a cohort");
    together.add_cohort(&[70.0]).expect("a cohort");
    let fit = ShiftedBetaGeometricFit::new(&together).expect("a fit");
    // Two cells tell two parameters.
    let retained = (631.0 + 320.0) / 1500.0;
    assert_close(&[fit.parameters.survival(1)], &[retained], 1e-9);
    assert_close(
        &[fit.parameters.survival(2)],
        &[retained * 468.0 / 631.0],
        1e-9,
    );
}

#[test]
fn contracts_that_all_lasted_are_a_result() {
    let mut contracts = ContractTable::default();
    assert_eq!(
        ShiftedBetaGeometricFit::new(&contracts),
        Err(FitError::NoCustomers)
    );
    contracts
        .add_cohort(&[100.0, 100.0, 100.0])
        .expect("a cohort");
    let fit = ShiftedBetaGeometricFit::new(&contracts).expect("a fit");
    assert_eq!(fit.boundary, Some(BetaBoundary::Never));
    assert!(fit.parameters.survival(100) > 0.999);

    let mut alike = ContractTable::default();
    alike
        .add_cohort(&[1000.0, 500.0, 250.0, 125.0])
        .expect("a cohort");
    let fit = ShiftedBetaGeometricFit::new(&alike).expect("a fit");
    assert_eq!(fit.boundary, Some(BetaBoundary::Alike));
    assert_close(&[fit.parameters.retention(9)], &[0.5], 1e-6);
    assert!(alike.add_cohort(&[10.0, 11.0]).is_err());
}

proptest! {
    #[test]
    fn discrete_predictions_are_probabilities(
        alpha in 0.01f64..30.0,
        beta in 0.01f64..30.0,
        gamma in 0.01f64..30.0,
        delta in 0.01f64..300.0,
        taken in 0u32..40,
        silent in 0u32..60,
        gaps in 0u32..40,
    ) {
        let model = BgBb { alpha, beta, gamma, delta };
        let last = if taken == 0 { 0 } else { taken + gaps };
        let seen = Opportunities { taken, last, all: last + silent };
        let alive = model.probability_alive(seen);
        prop_assert!(alive > 0.0 && alive <= 1.0);
        let ten = model.conditional_expected_transactions(seen, 10);
        prop_assert!(ten > 0.0 && ten <= 10.0);
        let ever = model.discounted_expected_residual_transactions(seen, 0.02).expect("discounted");
        prop_assert!(ever.is_finite() && ever > ten / 1.02f64.powi(10) * (1.0 - 1e-12));
    }
}
