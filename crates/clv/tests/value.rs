//! What customers are worth.

#[path = "common/simulated.rs"]
mod simulated;

use clv::{
    CustomerColumns, CustomerTable, GammaGammaFit, MbgNbd, NoValue, SpendTable, Spenders,
    TimingModel,
};
use simulated::Simulation;

/// Customers with the means of their repeat purchases.
struct Base {
    table: CustomerTable,
    places: Vec<u32>,
    means: Vec<f64>,
    spend: SpendTable,
}

/// Truth of the spend: p, q and gamma.
const SPEND: [f64; 3] = [6.0, 4.0, 15.0];

fn base(customers: usize, seed: u64) -> Base {
    let mut simulation = Simulation::new(seed);
    let (mut frequency, mut recency, mut age) = (Vec::new(), Vec::new(), Vec::new());
    let mut means = Vec::new();
    let mut spend = SpendTable::new(0);
    let [p, q, gamma] = SPEND;
    for i in 0..customers {
        let seen = 20.0 + (i % 40) as f64;
        let customer = simulation.beta_geometric([0.5, 6.0, 0.9, 1.6], seen);
        let rate = simulation.gamma(q, gamma);
        let orders = f64::from(customer.frequency);
        let mean = if orders > 0.0 {
            simulation.gamma(p * orders, rate) / orders
        } else {
            0.0
        };
        spend.add_mean(orders, mean, &[], 1.0).expect("a mean");
        frequency.push(customer.frequency);
        recency.push(customer.recency.ceil().min(seen));
        age.push(seen);
        means.push(mean);
    }
    let columns = CustomerColumns {
        frequency: &frequency,
        recency: &recency,
        age: &age,
        ..CustomerColumns::default()
    };
    let (table, places) = CustomerTable::with_places(&columns).expect("a table");
    Base {
        table,
        places,
        means,
        spend,
    }
}

#[test]
fn values_are_purchases_times_spend() {
    let base = base(3000, 1);
    let fit = MbgNbd::fit(&base.table).expect("a fit");
    let spend = GammaGammaFit::new(&base.spend).expect("a fit");
    let (discount, horizon) = (0.002, 156.0);
    let predictions = fit.discounted_expected_transactions(&base.table, discount, horizon);
    let spenders = Spenders {
        places: &base.places,
        means: &base.means,
    };
    let values = fit
        .value(&base.table, &predictions, &spend, spenders)
        .expect("values");
    let rows: Vec<_> = base
        .table
        .groups()
        .map(|(customer, _, _)| customer)
        .collect();
    let mut sum = 0.0;
    for ((&place, &mean), value) in base.places.iter().zip(&base.means).zip(&values.each) {
        let customer = rows[place as usize];
        let purchases = fit
            .model
            .discounted_expected_transactions(&customer, discount, horizon);
        let orders = f64::from(customer.frequency);
        let each = spend.conditional_mean(orders, mean, &[]).expect("finite");
        assert!((value.value / (purchases * each.estimate) - 1.0).abs() < 1e-10);
        let relative = predictions.rows[place as usize].standard_error / purchases;
        let expected = value.value * relative.hypot(each.se / each.estimate);
        assert!((value.standard_error / expected - 1.0).abs() < 1e-9);
        sum += value.value;
    }
    assert!((values.total.value / sum - 1.0).abs() < 1e-11);
}

/// The standard error of a total is that of totals over redrawn customers' parameters.
#[test]
fn the_error_of_a_total_is_that_of_the_parameters() {
    let base = base(1500, 2);
    let fit = MbgNbd::fit(&base.table).expect("a fit");
    let spend = GammaGammaFit::new(&base.spend).expect("a fit");
    let total = |fit: &clv::TimingFit<MbgNbd>, spend: &GammaGammaFit| {
        let predictions = fit.discounted_expected_transactions(&base.table, 0.002, 52.0);
        let spenders = Spenders {
            places: &base.places,
            means: &base.means,
        };
        fit.value(&base.table, &predictions, spend, spenders)
            .expect("values")
            .total
    };
    let found = total(&fit, &spend);
    // What the parameters of spend add: their covariance between slopes by differences.
    let at = |place: usize, step: f64| {
        let mut moved = spend.clone();
        let parameters = &mut moved.parameters;
        *[&mut parameters.p, &mut parameters.q, &mut parameters.gamma][place] *= step.exp();
        total(&fit, &moved).value
    };
    let slopes = [0, 1, 2].map(|i| (at(i, 1e-5) - at(i, -1e-5)) / 2e-5);
    let of_spend: f64 = (0..3)
        .flat_map(|i| (0..3).map(move |j| (i, j)))
        .map(|(i, j)| slopes[i] * spend.covariance[3 * i + j] * slopes[j])
        .sum();
    let draws: Vec<f64> = fit
        .bootstrap(&base.table, 60, 3)
        .iter()
        .map(|draw| total(draw, &spend).value)
        .collect();
    let n = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / n;
    let of_timing = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let expected = (of_spend + of_timing).sqrt();
    assert!(
        (found.standard_error / expected - 1.0).abs() < 0.3,
        "{found:?} {expected}"
    );
    assert!(of_spend.sqrt() < found.standard_error);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let base = base(400, 3);
    let fit = MbgNbd::fit(&base.table).expect("a fit");
    let mut spend = GammaGammaFit::new(&base.spend).expect("a fit");
    let predictions = fit.discounted_expected_transactions(&base.table, 0.002, 52.0);
    let value = |spend: &GammaGammaFit, places: &[u32], means: &[f64]| {
        let spenders = Spenders { places, means };
        fit.value(&base.table, &predictions, spend, spenders)
            .map(|values| values.each.len())
    };
    assert_eq!(value(&spend, &[], &[]), Ok(0));
    let short = value(&spend, &base.places, &base.means[1..]);
    assert_eq!(
        short,
        Err(NoValue::LengthMismatch {
            places: 400,
            means: 399
        })
    );
    assert_eq!(
        value(&spend, &[9999], &[1.0]),
        Err(NoValue::NoSuchRow(9999))
    );
    spend.parameters.q = 0.9;
    assert!(matches!(
        value(&spend, &base.places, &base.means),
        Err(NoValue::InfiniteMeanSpend(_))
    ));
    spend.parameters.effects.push(0.1);
    assert_eq!(
        value(&spend, &base.places, &base.means),
        Err(NoValue::Covariates)
    );
}
