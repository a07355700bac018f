//! Covariates, and how sure fits are.

// A skipped test says so.
#![allow(clippy::print_stderr)]

#[path = "common/simulated.rs"]
mod simulated;

use clv::{
    BgNbd, Customer, CustomerColumns, CustomerTable, Estimation, ParetoNbd, ProfileParameter,
    TimingModel, likelihood_ratio,
};
use simulated::Simulation;

const TRUTH: [f64; 4] = [0.55, 10.58, 0.61, 60.0];
const EFFECTS: (f64, f64) = (0.15, -0.4);

/// Customers with their arms as a covariate.
fn table_of(customers: &[Customer], arms: &[f64]) -> CustomerTable {
    let frequency: Vec<u32> = customers.iter().map(|c| c.frequency).collect();
    let recency: Vec<f64> = customers.iter().map(|c| c.recency).collect();
    let age: Vec<f64> = customers.iter().map(|c| c.age).collect();
    CustomerTable::new(&CustomerColumns {
        frequency: &frequency,
        recency: &recency,
        age: &age,
        covariates: &[arms],
        ..CustomerColumns::default()
    })
    .expect("a table")
}

/// Two arms of equal size, the second with both effects.
fn two_arms(n: usize, seed: u64) -> CustomerTable {
    let mut simulation = Simulation::new(seed);
    let [r, alpha, s, beta] = TRUTH;
    let mut arms = Vec::new();
    let mut customers: Vec<Customer> = Vec::new();
    for i in 0..2 * n {
        let treated = i % 2 == 1;
        let (rate, hazard) = if treated { EFFECTS } else { (0.0, 0.0) };
        let age = simulation.uniform(40.0, 104.0);
        let truth = [r, alpha * f64::exp(-rate), s, beta * f64::exp(-hazard)];
        customers.push(simulation.pareto(truth, age));
        arms.push(f64::from(u8::from(treated)));
    }
    table_of(&customers, &arms)
}

#[test]
fn a_treatment_is_a_covariate() {
    let table = two_arms(6000, 5);
    let fit = ParetoNbd::fit_with(&table, &Estimation::all(&table)).expect("a fit");
    let effects = [
        (&fit.rate_effects[0], EFFECTS.0),
        (&fit.attrition_effects[0], EFFECTS.1),
    ];
    for (effect, truth) in effects {
        let error = effect.standard_error.expect("a standard error");
        assert!(error < 0.2, "{error}");
        assert!(
            (effect.value - truth).abs() < 3.0 * error,
            "{effect:?} {truth}"
        );
    }
    let treated = fit.model_of(&[1.0]);
    let ratio = treated.mean_rate() / fit.model.mean_rate();
    assert!((ratio.ln() - fit.rate_effects[0].value).abs() < 1e-12);

    let plain = ParetoNbd::fit(&table).expect("a fit");
    let test = likelihood_ratio(fit.log_likelihood, plain.log_likelihood, 2).expect("a test");
    assert!(test.probability < 1e-4, "{test:?}");
    assert!(likelihood_ratio(plain.log_likelihood, fit.log_likelihood, 2).is_err());
}

#[test]
fn the_scale_of_a_covariate_does_not_matter() {
    let table = two_arms(1500, 6);
    let frequency: Vec<u32> = table.groups().map(|(c, _, _)| c.frequency).collect();
    let recency: Vec<f64> = table.groups().map(|(c, _, _)| c.recency).collect();
    let age: Vec<f64> = table.groups().map(|(c, _, _)| c.age).collect();
    let count: Vec<f64> = table.groups().map(|(_, count, _)| count).collect();
    let large: Vec<f64> = table.groups().map(|(_, _, z)| 1e4 * z[0]).collect();
    let scaled = CustomerTable::new(&CustomerColumns {
        frequency: &frequency,
        recency: &recency,
        age: &age,
        count: Some(&count),
        covariates: &[&large],
        ..CustomerColumns::default()
    })
    .expect("a table");
    let fit =
        |table: &CustomerTable| BgNbd::fit_with(table, 1, &Estimation::all(table)).expect("a fit");
    let (plain, scaled) = (fit(&table), fit(&scaled));
    assert!((plain.log_likelihood - scaled.log_likelihood).abs() < 1e-7);
    let (one, other) = (plain.rate_effects[0].value, scaled.rate_effects[0].value);
    assert!((one - 1e4 * other).abs() < 1e-7, "{one} {other}");
}

#[test]
fn the_bootstrap_agrees_with_the_sandwich() {
    let table = two_arms(1500, 7);
    let fit = ParetoNbd::fit_with(&table, &Estimation::all(&table)).expect("a fit");
    let draws = fit.bootstrap(&table, 60, 1);
    assert!(draws.len() >= 58);
    let effects: Vec<f64> = draws
        .iter()
        .map(|draw| draw.rate_effects[0].value)
        .collect();
    let n = effects.len() as f64;
    let mean = effects.iter().sum::<f64>() / n;
    let sd = (effects.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let error = fit.rate_effects[0]
        .standard_error
        .expect("a standard error");
    // Sixty draws know a standard deviation to nine percent.
    assert!((sd / error - 1.0).abs() < 0.35, "{sd} {error}");
    assert!((mean - fit.rate_effects[0].value).abs() < 5.0 * error / n.sqrt());
}

#[test]
fn profiles_hold_the_truth_and_say_where_they_end() {
    let table = two_arms(1500, 8);
    let fit = ParetoNbd::fit(&table).expect("a fit");
    let rate = fit
        .profile(&table, ProfileParameter::MeanRate, 0.01)
        .expect("an interval");
    let (low, high) = (rate.low.expect("a limit"), rate.high.expect("a limit"));
    assert!(low < rate.value && rate.value < high);
    // Of a mixture of two arms, close to both.
    let truth = TRUTH[0] / TRUTH[1] * f64::exp(0.5 * EFFECTS.0);
    assert!(low < truth && truth < high, "{low} {truth} {high}");

    // Too few customers to tell whether anybody leaves: no lower limit.
    let mut simulation = Simulation::new(3);
    let customers: Vec<Customer> = (0..40)
        .map(|_| simulation.pareto([0.8, 10.0, 0.05, 2000.0], 40.0))
        .collect();
    let table = CustomerTable::of(&customers).expect("a table");
    let fit = ParetoNbd::fit(&table).expect("a fit");
    let attrition = fit
        .profile(&table, ProfileParameter::MeanAttrition, 0.05)
        .expect("an interval");
    assert_eq!(attrition.low, None);
    assert!(fit.attrition_test(&table).expect("a test").probability > 0.05);
}

#[test]
fn errors_of_predictions_are_those_of_redrawn_customers() {
    let table = two_arms(1500, 9);
    let fit = ParetoNbd::fit(&table).expect("a fit");
    let discount = 0.0027;
    let total = fit
        .discounted_expected_transactions(&table, discount, 260.0)
        .total;
    let draws: Vec<f64> = fit
        .bootstrap(&table, 60, 2)
        .iter()
        .map(|draw| {
            let drawn = draw.discounted_expected_transactions(&table, discount, 260.0);
            drawn.total.value
        })
        .collect();
    let n = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / n;
    let sd = (draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    assert!(
        (sd / total.standard_error - 1.0).abs() < 0.4,
        "{sd} {total:?}"
    );
    let (low, high) = total.interval(0.05);
    assert!(low < total.value && total.value < high);
}

/// CDNOW, in weeks, where there is one.
fn cdnow() -> Option<CustomerTable> {
    let folder = std::env::var_os("TOUCHSTONE_TEST_DATA")?;
    let path = std::path::PathBuf::from(folder).join("cdnow/cdnow_customers_summary.csv");
    let text = std::fs::read_to_string(path).expect("the CDNOW summary");
    let customers: Vec<Customer> = text
        .lines()
        .skip(1)
        .map(|line| {
            let fields = line
                .split(',')
                .map(|field| field.parse().expect("a number"));
            let fields: Vec<f64> = fields.collect();
            Customer {
                frequency: fields[1] as u32,
                recency: fields[2],
                age: fields[3],
            }
        })
        .collect();
    Some(CustomerTable::of(&customers).expect("a table"))
}

/// Against scipy's search among the parameters that give each life.
#[test]
fn lives_on_cdnow() {
    let Some(table) = cdnow() else {
        eprintln!("skipped: TOUCHSTONE_TEST_DATA is not set");
        return;
    };
    let fit = ParetoNbd::fit(&table).expect("a fit");
    let median = fit.median_life(&table, 0.05).expect("an interval");
    let close = |got: f64, expected: f64| assert!((got / expected - 1.0).abs() < 1e-6, "{got}");
    close(median.value, 24.939_35);
    close(median.low.expect("a limit"), 19.419_045_6);
    close(median.high.expect("a limit"), 32.475_483_6);

    // The shape is .606: the mean life is infinite, and how short it may be is known.
    let mean = fit.mean_life(&table, 0.05).expect("an interval");
    assert_eq!(mean.value, f64::INFINITY);
    assert_eq!(mean.high, None);
    close(mean.low.expect("a limit"), 86.850_378_5);
}

/// A quantity has one interval, however it is written; and an end where the data give it
/// one.
#[test]
fn intervals_do_not_depend_on_the_expression() {
    let table = two_arms(1500, 8);
    let fit = ParetoNbd::fit(&table).expect("a fit");
    let half = |model: &ParetoNbd| model.expected_transactions_of_new(100.0);
    let plain = fit.profile_of(&table, half, 0.1).expect("an interval");
    let ln = |model: &ParetoNbd| half(model).ln();
    let logs = fit.profile_of(&table, ln, 0.1).expect("an interval");
    for (one, other) in [(plain.low, logs.low), (plain.high, logs.high)] {
        let (one, other) = (one.expect("a limit"), other.expect("a limit").exp());
        assert!((one / other - 1.0).abs() < 1e-6, "{one} {other}");
    }
    let wide = fit.profile_of(&table, half, 0.01).expect("an interval");
    assert!(wide.low < plain.low && wide.high > plain.high);
}

/// The interval of a mean life holds the truth, with or without an upper end.
#[test]
fn the_mean_life_of_customers_who_seldom_leave() {
    let mut simulation = Simulation::new(12);
    let truth = [0.8, 4.0, 3.0, 300.0];
    let customers: Vec<Customer> = (0..3000).map(|_| simulation.pareto(truth, 60.0)).collect();
    let table = CustomerTable::of(&customers).expect("a table");
    let fit = ParetoNbd::fit(&table).expect("a fit");
    let life = fit.mean_life(&table, 0.05).expect("an interval");
    assert!(life.low.expect("a limit") < 150.0, "{life:?}");
    assert!(life.high.is_none_or(|high| high > 150.0), "{life:?}");
    let modified = BgNbd::fit(&table).expect("a fit");
    let purchases = modified.mean_purchases(&table, 0.05).expect("an interval");
    assert!(purchases.low.expect("a limit") > 1.0, "{purchases:?}");
}

/// Samples of customers in two arms of a world in which the treatment multiplies rates and the odds of leaving.
fn beta_geometric_arms(seed: u64) -> CustomerTable {
    let truth = BgNbd::new(0.9, 6.0, 2.0, 8.0).expect("parameters");
    let mut treated = truth.scale_free();
    treated[1] += EFFECTS.0;
    treated[3] += EFFECTS.1;
    let worlds = [truth, truth.at_scale_free(treated)].map(|model| model.parameters());
    let mut simulation = Simulation::new(seed);
    let arms: Vec<f64> = (0..800).map(|i| f64::from(i % 2)).collect();
    let customers: Vec<Customer> = arms
        .iter()
        .map(|arm| {
            let age = simulation.uniform(40.0, 104.0);
            simulation.beta_geometric(worlds[*arm as usize], age)
        })
        .collect();
    table_of(&customers, &arms)
}

/// Of a hundred intervals at 95 %, 88 to 100 hold the truth but once in a thousand times.
#[test]
fn intervals_of_effects_and_of_lives_cover_the_truth() {
    let mut covered = [0; 3];
    for seed in 100..200 {
        let table = beta_geometric_arms(seed);
        let fit = BgNbd::fit_with(&table, 1, &Estimation::all(&table)).expect("a fit");
        let effects = [
            (&fit.rate_effects[0], EFFECTS.0),
            (&fit.attrition_effects[0], EFFECTS.1),
        ];
        for (covered, (effect, truth)) in covered.iter_mut().zip(effects) {
            let error = effect.standard_error.expect("a standard error");
            *covered += u32::from((effect.value - truth).abs() < 1.96 * error);
        }
        // Of those who are not treated, E[1/p] = 1 + b / (a - 1).
        let life = fit.mean_purchases(&table, 0.05).expect("an interval");
        let is_within =
            life.low.is_none_or(|low| low <= 9.0) && life.high.is_none_or(|high| high >= 9.0);
        covered[2] += u32::from(is_within);
    }
    assert!(
        covered.iter().all(|n| (88..=100).contains(n)),
        "{covered:?}"
    );
}
