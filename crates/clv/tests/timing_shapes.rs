//! Fits to data of difficult shapes, each with a stated outcome.

// A skipped test says so.
#![allow(clippy::print_stderr)]

#[path = "common/simulated.rs"]
mod simulated;

use clv::{
    BgNbd, Boundary, CovarianceKind, Customer, CustomerTable, FitError, MbgNbd, ParetoNbd,
    TimingFit, TimingModel,
};
use flate2::read::GzDecoder;
use simulated::Simulation;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// Customers with ages uniform in a range.
fn draw(
    n: usize,
    ages: (f64, f64),
    seed: u64,
    one: impl Fn(&mut Simulation, f64) -> Customer,
) -> CustomerTable {
    let mut simulation = Simulation::new(seed);
    let customers: Vec<Customer> = (0..n)
        .map(|_| {
            let age = simulation.uniform(ages.0, ages.1);
            one(&mut simulation, age)
        })
        .collect();
    CustomerTable::of(&customers).expect("a table")
}

fn beta_geometric(n: usize, truth: [f64; 4], ages: (f64, f64)) -> CustomerTable {
    draw(n, ages, 1, |simulation, age| {
        simulation.beta_geometric(truth, age)
    })
}

fn pareto(n: usize, truth: [f64; 4], ages: (f64, f64)) -> CustomerTable {
    draw(n, ages, 1, |simulation, age| simulation.pareto(truth, age))
}

/// Log-likelihood of the table under a model.
fn log_likelihood(table: &CustomerTable, model: &impl TimingModel) -> f64 {
    table
        .groups()
        .map(|(customer, count, _)| count * model.ln_likelihood(&customer))
        .sum()
}

/// A maximum: finite, and at least as likely as the truth, by no more than chance allows.
fn assert_maximum<M: TimingModel>(fit: &TimingFit<M>, table: &CustomerTable, truth: &M) {
    let at_truth = log_likelihood(table, truth);
    let gain = fit.log_likelihood - at_truth;
    assert!(gain > -1e-6, "the truth is more likely by {}", -gain);
    assert!(gain < 15.0, "a gain of {gain} is more than chance");
    for parameter in fit.model.parameters() {
        assert!(parameter.is_finite() && parameter > 0.0);
    }
}

/// The maximum according to a likelihood written apart from ours (numpy, 300 nodes), found
/// or confirmed by scipy: its value and its parameters.
#[track_caller]
fn assert_reference<M: TimingModel>(fit: &TimingFit<M>, log_likelihood: f64, parameters: [f64; 4]) {
    assert_eq!(fit.boundaries, []);
    let off = fit.log_likelihood - log_likelihood;
    assert!(off.abs() < 2e-6, "{}", fit.log_likelihood);
    for ((name, got), expected) in M::PARAMETERS
        .iter()
        .zip(fit.model.parameters())
        .zip(parameters)
    {
        assert!(
            (got / expected - 1.0).abs() < 2e-4,
            "{name}: {got} for {expected}"
        );
    }
}

/// Estimates lie within four standard errors of the truth, in logarithms.
#[track_caller]
fn assert_near<M: TimingModel>(fit: &TimingFit<M>, truth: [f64; 4]) {
    let covariance = fit.ln_covariance(CovarianceKind::Information);
    for (i, (got, truth)) in fit.model.parameters().into_iter().zip(truth).enumerate() {
        let distance = (got / truth).ln() / covariance[i][i].sqrt();
        assert!(
            distance.abs() < 4.0,
            "{}: {got} for {truth}",
            M::PARAMETERS[i]
        );
    }
}

fn bg(p: [f64; 4]) -> BgNbd {
    BgNbd::new(p[0], p[1], p[2], p[3]).expect("parameters")
}

fn pn(p: [f64; 4]) -> ParetoNbd {
    ParetoNbd::new(p[0], p[1], p[2], p[3]).expect("parameters")
}

/// Hundreds of purchases each: a maximum inside.
#[test]
fn bg_daily_heavy_buyers() {
    let truth = [2.0, 4.0, 0.3, 30.0];
    let table = beta_geometric(4000, truth, (300.0, 501.0));
    let fit = BgNbd::fit(&table).expect("a fit");
    assert_maximum(&fit, &table, &bg(truth));
    assert_reference(
        &fit,
        -813_932.944_815,
        [1.928_076, 3.801_477, 0.313_949_7, 32.683_06],
    );
    assert_near(&fit, truth);
}

/// Long observation: a maximum inside.
#[test]
fn bg_ten_years_by_the_day() {
    let truth = [0.6, 40.0, 0.5, 6.0];
    let table = beta_geometric(4000, truth, (1000.0, 3650.0));
    let fit = BgNbd::fit(&table).expect("a fit");
    assert_maximum(&fit, &table, &bg(truth));
    assert_reference(
        &fit,
        -317_960.337_402,
        [0.588_365_8, 39.004_3, 0.481_851_2, 5.967_262],
    );
    assert_near(&fit, truth);
}

/// One purchase in ten thousand ends a customer's life: no attrition is visible, and what
/// is left is the NBD to which scipy drifts as well.
#[test]
fn bg_without_churn() {
    let truth = [0.8, 10.0, 1e-3, 10.0];
    let table = beta_geometric(5000, truth, (20.0, 60.0));
    let fit = BgNbd::fit(&table).expect("a fit");
    assert_maximum(&fit, &table, &bg(truth));
    assert_eq!(fit.boundaries, [Boundary::NoAttrition]);
    assert!((fit.log_likelihood - -51_617.530_400).abs() < 2e-6);
    assert!((fit.model.r / 0.787_224_7 - 1.0).abs() < 1e-5);
    assert!((fit.model.alpha / 9.799_096 - 1.0).abs() < 1e-5);
    assert!(fit.attrition_test(&table).expect("a test").probability > 0.05);
}

/// Ten of eleven leave after each purchase: a maximum inside.
#[test]
fn bg_instant_churn() {
    let truth = [0.5, 10.0, 5.0, 0.5];
    let table = beta_geometric(5000, truth, (20.0, 60.0));
    let fit = BgNbd::fit(&table).expect("a fit");
    assert_maximum(&fit, &table, &bg(truth));
    assert_reference(
        &fit,
        -14_056.855_662,
        [0.498_400_7, 10.112_77, 5.269_37, 0.538_009_6],
    );
    assert_near(&fit, truth);
}

/// Sixty customers: a maximum inside, whose standard errors say how little is known.
#[test]
fn bg_tiny_cohort() {
    let truth = [0.25, 4.4, 0.8, 2.4];
    let table = beta_geometric(60, truth, (20.0, 40.0));
    let fit = BgNbd::fit(&table).expect("a fit");
    assert_maximum(&fit, &table, &bg(truth));
    assert_reference(
        &fit,
        -233.516_258,
        [0.196_793_6, 2.657_599, 2.788_217, 8.713_576],
    );
    assert_near(&fit, truth);
    let errors = fit.standard_errors(CovarianceKind::Information);
    assert!(
        errors[2] > fit.model.a && errors[3] > fit.model.b,
        "{errors:?}"
    );
}

/// Few customers who buy at much the same rate: a maximum inside.
#[test]
fn bg_small_and_alike() {
    let truth = [5.0, 50.0, 0.8, 2.4];
    let table = beta_geometric(500, truth, (20.0, 40.0));
    let fit = BgNbd::fit(&table).expect("a fit");
    assert_maximum(&fit, &table, &bg(truth));
    assert_reference(
        &fit,
        -3_950.776_988,
        [3.999_094, 38.533_19, 0.480_263_6, 1.580_917],
    );
    assert_near(&fit, truth);
}

/// Long observation: a maximum inside.
#[test]
fn pareto_ten_years_by_the_day() {
    let truth = [0.6, 40.0, 0.5, 700.0];
    let table = pareto(4000, truth, (1000.0, 3650.0));
    let fit = ParetoNbd::fit(&table).expect("a fit");
    assert_maximum(&fit, &table, &pn(truth));
    assert_reference(
        &fit,
        -417_282.057_578,
        [0.584_702_1, 39.028_08, 0.552_443_5, 826.841_7],
    );
    assert_near(&fit, truth);
}

/// One in a thousand leaves in the window, and most of the few early: the likelihood is
/// largest where those few leave at once and the others never.
#[test]
fn pareto_without_churn() {
    let truth = [0.8, 10.0, 0.05, 2000.0];
    let table = pareto(5000, truth, (20.0, 60.0));
    let fit = ParetoNbd::fit(&table).expect("a fit");
    assert_maximum(&fit, &table, &pn(truth));
    assert_eq!(fit.boundaries, [Boundary::PolarizedAttrition]);
    assert!((fit.log_likelihood - -52_080.606_829).abs() < 2e-6);
    let stays = fit.model.probability_of_staying(40.0);
    assert!((0.99..1.0).contains(&stays), "{stays}");
    assert!((fit.model.mean_rate() / 0.08).ln().abs() < 0.1);
    assert!(fit.attrition_test(&table).expect("a test").probability > 0.05);
}

/// Thousands of purchases each, of which other tools make four other parameters: a maximum
/// inside.
#[test]
fn pareto_heavy_daily_buyers() {
    let truth = [2.0, 0.2, 0.5, 300.0];
    let table = pareto(2000, truth, (300.0, 501.0));
    let fit = ParetoNbd::fit(&table).expect("a fit");
    assert_maximum(&fit, &table, &pn(truth));
    assert_reference(
        &fit,
        9_800_590.554_166,
        [2.011_301, 0.199_080_1, 0.579_459_3, 372.477_8],
    );
    assert_near(&fit, truth);
}

/// Sixty customers: a maximum inside, whose standard errors say how little is known.
#[test]
fn pareto_tiny_cohort() {
    let truth = [0.55, 10.6, 0.6, 11.7];
    let table = pareto(60, truth, (20.0, 40.0));
    let fit = ParetoNbd::fit(&table).expect("a fit");
    assert_maximum(&fit, &table, &pn(truth));
    assert_reference(
        &fit,
        -211.052_371,
        [0.607_906_3, 11.149_50, 1.961_332, 35.719_67],
    );
    assert_near(&fit, truth);
    let errors = fit.standard_errors(CovarianceKind::Information);
    assert!(
        errors[2] > fit.model.s && errors[3] > fit.model.beta,
        "{errors:?}"
    );
}

/// The whole range of ends that small samples reach: always a result.
#[test]
fn small_samples_always_give_a_result() {
    let mut ends = BTreeMap::new();
    for seed in 0..60 {
        let table = draw(12, (5.0, 40.0), seed, |simulation, age| {
            simulation.pareto([0.55, 10.6, 0.6, 11.7], age)
        });
        let mut count = |boundaries: Result<Vec<Boundary>, FitError>| match boundaries {
            Ok(boundaries) => *ends.entry(format!("{boundaries:?}")).or_insert(0) += 1,
            Err(FitError::NoRepeatPurchases) => assert_eq!(table.purchases(), 0.0),
            Err(error) => panic!("seed {seed}: {error}"),
        };
        count(ParetoNbd::fit(&table).map(|fit| fit.boundaries));
        count(BgNbd::fit(&table).map(|fit| fit.boundaries));
        count(MbgNbd::fit(&table).map(|fit| fit.boundaries));
    }
    assert!(ends.len() > 2, "{ends:?}");
}

#[test]
fn nobody_who_bought_again_is_refused() {
    let customer = Customer {
        frequency: 0,
        recency: 0.0,
        age: 30.0,
    };
    let table = CustomerTable::of(&[customer; 5]).expect("a table");
    let refused = ParetoNbd::fit(&table).map(|_| ());
    assert_eq!(refused, Err(FitError::NoRepeatPurchases));
    assert_eq!(
        BgNbd::fit(&table).map(|_| ()),
        Err(FitError::NoRepeatPurchases)
    );
}

#[test]
fn one_customer_is_a_result() {
    let customer = Customer {
        frequency: 3,
        recency: 20.0,
        age: 30.0,
    };
    let table = CustomerTable::of(&[customer]).expect("a table");
    let fit = ParetoNbd::fit(&table).expect("a fit");
    assert!(fit.sees_no_attrition());
    // A Poisson process: three purchases in thirty units of time.
    assert!(
        (fit.model.mean_rate() - 0.1).abs() < 1e-6,
        "{:?}",
        fit.model
    );
    assert!(fit.boundaries.contains(&Boundary::EqualRates));
}

/// Repeat purchase days of each customer, to a last day.
fn online_retail(last: &str) -> Option<Vec<Customer>> {
    let Some(folder) = std::env::var_os("TOUCHSTONE_TEST_DATA") else {
        eprintln!("skipped: TOUCHSTONE_TEST_DATA is not set");
        return None;
    };
    let path = PathBuf::from(folder).join("online_retail/online_retail.csv.gz");
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path).expect("the Online Retail data"))
        .read_to_end(&mut bytes)
        .expect("gzip");
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let place = |name: &str| {
        let found = header.iter().rev().position(|column| *column == name);
        found.unwrap_or_else(|| panic!("no column {name}"))
    };
    // Counted from the end: descriptions hold commas.
    let (invoice, quantity) = (place("InvoiceNo"), place("Quantity"));
    let (date, price, id) = (
        place("InvoiceDate"),
        place("UnitPrice"),
        place("CustomerID"),
    );
    assert_eq!(invoice, header.len() - 1);
    let mut days: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for line in lines {
        let fields: Vec<&str> = line.rsplit(',').collect();
        let positive = |place: usize| fields[place].parse::<f64>().is_ok_and(|v| v > 0.0);
        let cancelled = line.trim_start_matches('"').starts_with('C');
        let day = &fields[date][..10.min(fields[date].len())];
        if fields[id].is_empty()
            || cancelled
            || !positive(quantity)
            || !positive(price)
            || day > last
        {
            continue;
        }
        days.entry(fields[id].to_owned())
            .or_default()
            .insert(day_number(day));
    }
    let end = day_number(last);
    let weeks = |days: i64| days as f64 / 7.0;
    Some(
        days.into_values()
            .map(|days| {
                let first = *days.first().expect("a day");
                let latest = *days.last().expect("a day");
                Customer {
                    frequency: days.len() as u32 - 1,
                    recency: weeks(latest - first),
                    age: weeks(end - first),
                }
            })
            .collect(),
    )
}

/// Days since a fixed day, of a date `yyyy-mm-dd` (H. Hinnant, days from civil).
fn day_number(date: &str) -> i64 {
    let field = |range: std::ops::Range<usize>| -> i64 { date[range].parse().expect("a date") };
    let (year, month, day) = (field(0..4), field(5..7), field(8..10));
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year
}

#[test]
fn online_retail_shows_no_attrition() {
    let Some(customers) = online_retail("2011-06-30") else {
        return;
    };
    let table = CustomerTable::of(&customers).expect("a table");
    assert_eq!(table.customers(), 2960.0);
    assert_eq!(table.purchases(), 5016.0);
    assert_eq!(table.len(), 1684);
    let fit = ParetoNbd::fit(&table).expect("a fit");
    assert_eq!(fit.boundaries, [Boundary::NoAttrition]);
    // The NBD that other tools drift towards.
    assert!((fit.model.r - 0.7442).abs() < 1e-4, "{:?}", fit.model);
    assert!((fit.model.alpha - 9.047).abs() < 1e-3, "{:?}", fit.model);
    assert!((fit.log_likelihood - -15_325.455_3).abs() < 1e-3);
    assert_eq!(fit.attrition_test(&table).expect("a test").probability, 1.0);

    let modified = MbgNbd::fit(&table).expect("a fit");
    assert_eq!(modified.boundaries, [Boundary::NoAttrition]);
    assert!((modified.log_likelihood - fit.log_likelihood).abs() < 1e-6);
    let horizon = (day_number("2011-12-09") - day_number("2011-06-30")) as f64 / 7.0;
    let expected: f64 = customers
        .iter()
        .map(|customer| fit.model.expected_transactions(customer, horizon))
        .sum();
    assert!((expected - 5634.8).abs() < 0.1, "{expected}");
}
