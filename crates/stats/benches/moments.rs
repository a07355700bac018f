//! Rows a second of [`CoMoments::push`] and [`CellMoments::push`] beside plain sums of the same columns.
//!
//! Twenty columns, of which ten are covariates: 20 variances, 100 products of a metric and a
//! covariate, 45 of two covariates. One thread; chunks of 2048 rows, as an engine hands them over.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stats::moments::{CellMoments, CoMoments, Products};

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

/// Ten classifications of ten columns, with 2 to 200 cells each: segments of two arms.
fn cells(columns: &[Vec<f64>], products: &Products) -> CellMoments {
    const SIZES: [u32; 10] = [4, 6, 8, 20, 12, 40, 100, 48, 12, 200];
    let mut sums = CellMoments::new(products);
    sums.grow(SIZES.iter().sum::<u32>() as usize);
    let mut first = 0;
    let mut cells = Vec::new();
    for size in SIZES {
        // Of many rows, a number that does not repeat with the chunks.
        let cell = |row: u32| first + row.wrapping_mul(2_654_435_769) % size;
        cells.push((0..ROWS as u32).map(cell).collect::<Vec<u32>>());
        first += size;
    }
    for start in (0..ROWS).step_by(CHUNK) {
        let values: Vec<&[f64]> = columns
            .iter()
            .map(|column| &column[start..start + CHUNK])
            .collect();
        let cells: Vec<&[u32]> = cells
            .iter()
            .map(|cells| &cells[start..start + CHUNK])
            .collect();
        sums.push(&values, &cells)
            .expect("finite columns and cells that are there");
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

    let ten = Products::new(COLUMNS - COVARIATES, |_, _| false);
    let mut group = criterion.benchmark_group("ten columns in cells of ten classifications");
    group.sample_size(20);
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("full mantissas", |bencher| {
        bencher.iter(|| cells(black_box(&full[..COLUMNS - COVARIATES]), &ten));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
