//! A million simulated journeys over ten channels, from text to credit, and the bootstrap of ten
//! thousand distinct paths.

use std::hint::black_box;
use std::num::NonZeroUsize;

use attribution::bootstrap::{Draws, bootstrap};
use attribution::{Comparison, Heuristic, JourneyBuilder, JourneyTable, Model, PathPolicy, credit};
use criterion::{Criterion, criterion_group, criterion_main};

const CHANNELS: [&str; 10] = [
    "email", "web", "app", "search", "display", "social", "store", "calls", "push", "direct",
];

/// Uniform numbers between 0 and 1, by SplitMix64.
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Paths of four touches in the mean, of which one in twenty-five converts.
fn journeys(count: usize) -> Vec<(String, f64)> {
    let mut state = 7;
    let mut journey = || {
        let mut path = String::new();
        loop {
            // Earlier channels are more frequent.
            let channel = (uniform(&mut state).powi(2) * 10.0) as usize;
            path.push_str(CHANNELS[channel]);
            match uniform(&mut state) {
                u if u < 0.01 => return (path, 1.0),
                u if u < 0.25 => return (path, 0.0),
                _ => path.push_str(" > "),
            }
        }
    };
    (0..count).map(|_| journey()).collect()
}

fn table(journeys: &[(String, f64)]) -> JourneyTable {
    let mut builder = JourneyBuilder::new(PathPolicy::default());
    for (path, conversions) in journeys {
        let nulls = u64::from(*conversions == 0.0);
        let row = builder.add_text(path, '>', *conversions, 10.0 * conversions, nulls);
        row.expect("a valid row");
    }
    builder.finish()
}

fn models() -> Vec<Model> {
    vec![
        Model::Heuristic(Heuristic::First),
        Model::Heuristic(Heuristic::Last),
        Model::Heuristic(Heuristic::Linear),
        Model::Heuristic(Heuristic::U),
        Model::Heuristic(Heuristic::W),
        Model::Heuristic(Heuristic::PositionDecay),
        Model::ShapleyOfSubsets,
        Model::Markov { order: 1 },
        Model::Comparison(Comparison::RateOfSet),
        Model::Comparison(Comparison::LeaveOneTouchOut),
    ]
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("journeys");
    group.sample_size(10);
    let million = journeys(1_000_000);
    group.bench_function("a million, from text to table", |bencher| {
        bencher.iter(|| table(black_box(&million)));
    });
    let large = table(&million);
    group.bench_function("a million, all models", |bencher| {
        bencher.iter(|| credit(black_box(&large), &models()));
    });
    for order in [1, 2, 3] {
        group.bench_function(format!("a million, Markov of order {order}"), |bencher| {
            bencher.iter(|| credit(black_box(&large), &[Model::Markov { order }]));
        });
    }
    // As many journeys as have some ten thousand distinct paths.
    let small = table(&million[..28_000]);
    let draws = Draws {
        replicates: 1_000,
        customers: Some(30_000),
        seed: 1,
        threads: NonZeroUsize::new(2).expect("two"),
    };
    group.bench_function(
        format!("1,000 replicates of {} paths, all models", small.len()),
        |bencher| bencher.iter(|| bootstrap(black_box(&small), &models(), &draws)),
    );
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
