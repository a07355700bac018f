//! Rows a second of [`CoMoments::push`] beside plain sums of the same columns.
//!
//! Twenty columns, of which ten are covariates: 20 variances, 100 products of a metric and a
//! covariate, 45 of two covariates. One thread; chunks of 2048 rows, as an engine hands them over.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stats::moments::{CoMoments, Products};

const ROWS: usize = 1 << 17;
const CHUNK: usize = 2048;
const COLUMNS: usize = 20;
const COVARIATES: usize = 10;

/// Doubles of full mantissas in [100, 190), from a linear congruential generator.
fn full_mantissas() -> Vec<Vec<f64>> {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut column = || (0..ROWS).map(|_| 100.0 + 90.0 * uniform()).collect();
    (0..COLUMNS).map(|_| column()).collect()
}

/// Every second column 0 or 1.
fn half_flags() -> Vec<Vec<f64>> {
    let mut columns = full_mantissas();
    for column in columns.iter_mut().step_by(2) {
        for x in column {
            *x = f64::from(*x > 150.0);
        }
    }
    columns
}

fn moments(columns: &[Vec<f64>], products: &Products) -> CoMoments {
    let mut sums = CoMoments::new(products);
    for start in (0..ROWS).step_by(CHUNK) {
        let chunk: Vec<&[f64]> = columns
            .iter()
            .map(|column| &column[start..start + CHUNK])
            .collect();
        sums.push(&chunk)
            .expect("finite columns of the same length");
    }
    sums
}

fn naive_sums(columns: &[Vec<f64>]) -> Vec<f64> {
    columns.iter().map(|column| column.iter().sum()).collect()
}

fn bench(criterion: &mut Criterion) {
    let products = Products::new(COLUMNS, |_, j| j >= COLUMNS - COVARIATES);
    let full = full_mantissas();
    let flags = half_flags();
    let mut group = criterion.benchmark_group("moments of 20 columns, 165 products");
    group.sample_size(20);
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("full mantissas", |bencher| {
        bencher.iter(|| moments(black_box(&full), &products));
    });
    group.bench_function("half of the columns flags", |bencher| {
        bencher.iter(|| moments(black_box(&flags), &products));
    });
    group.bench_function("naive sums only", |bencher| {
        bencher.iter(|| naive_sums(black_box(&full)));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
