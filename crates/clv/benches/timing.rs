//! Fits to a million simulated customers, acquired over four and a half years and seen
//! by the day, and what they are expected to buy, with standard errors.

#[path = "../tests/common/simulated.rs"]
mod simulated;

use clv::{
    BgNbd, Customer, CustomerColumns, CustomerTable, MbgNbd, ParetoNbd, TimingFit, TimingModel,
};
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use simulated::Simulation;
use std::hint::black_box;
use std::time::Duration;

const CUSTOMERS: usize = 1_000_000;

/// Customers in weeks, purchases by the day.
fn customers(draw: impl Fn(&mut Simulation, f64) -> Customer) -> Vec<Customer> {
    let mut simulation = Simulation::new(20_240_501);
    (0..CUSTOMERS)
        .map(|_| {
            let age = (simulation.uniform(26.0, 260.0) * 7.0).round() / 7.0;
            let customer = draw(&mut simulation, age);
            let day = (customer.recency * 7.0).round().max(1.0) / 7.0;
            let recency = if customer.frequency > 0 {
                day.min(age)
            } else {
                0.0
            };
            Customer {
                recency,
                ..customer
            }
        })
        .collect()
}

fn columns(customers: &[Customer]) -> (Vec<u32>, Vec<f64>, Vec<f64>) {
    (
        customers.iter().map(|c| c.frequency).collect(),
        customers.iter().map(|c| c.recency).collect(),
        customers.iter().map(|c| c.age).collect(),
    )
}

fn dert<M: TimingModel>(fit: &TimingFit<M>, table: &CustomerTable) -> f64 {
    let discount = 1.15_f64.ln() / 52.0;
    fit.discounted_expected_transactions(table, discount, f64::INFINITY)
        .total
        .value
}

fn timing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("million");
    group.sample_size(10);
    group.sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(100));
    group.measurement_time(Duration::from_secs(1));

    let pareto = customers(|simulation, age| simulation.pareto([0.55, 10.58, 0.61, 60.0], age));
    let (frequency, recency, age) = columns(&pareto);
    let columns_of_pareto = CustomerColumns {
        frequency: &frequency,
        recency: &recency,
        age: &age,
        ..CustomerColumns::default()
    };
    group.bench_function("compress", |bencher| {
        bencher.iter(|| {
            black_box(
                CustomerTable::new(&columns_of_pareto)
                    .expect("a table")
                    .len(),
            )
        });
    });
    let table = CustomerTable::new(&columns_of_pareto).expect("a table");
    group.bench_function("pareto_nbd_fit", |bencher| {
        bencher.iter(|| {
            ParetoNbd::fit(black_box(&table))
                .expect("a fit")
                .log_likelihood
        });
    });
    let fit = ParetoNbd::fit(&table).expect("a fit");
    group.bench_function("pareto_nbd_dert", |bencher| {
        bencher.iter(|| dert(black_box(&fit), &table));
    });

    let geometric =
        customers(|simulation, age| simulation.beta_geometric([0.45, 10.0, 0.8, 6.0], age));
    let table = CustomerTable::of(&geometric).expect("a table");
    group.bench_function("bg_nbd_fit", |bencher| {
        bencher.iter(|| BgNbd::fit(black_box(&table)).expect("a fit").log_likelihood);
    });
    group.bench_function("mbg_nbd_fit", |bencher| {
        bencher.iter(|| {
            MbgNbd::fit(black_box(&table))
                .expect("a fit")
                .log_likelihood
        });
    });
    group.finish();
}

criterion_group!(benches, timing);
criterion_main!(benches);
