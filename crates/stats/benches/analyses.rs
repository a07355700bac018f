//! One analysis from summaries: two arms of five million customers, one metric.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use stats::bayes::{Beta, NormalPrior, Scale, posterior_of_contrast};
use stats::sequential::{Looks, Monitor, Spending, Stage, Watch};
use stats::{
    ArmMoments, Contrast, Counts, Method, RatioSample, Sample, adjusted_lift, lift_of_means,
    lift_of_ratios, lift_of_shares, sample_ratio,
};

const ALPHA: f64 = 0.05;
const N: u64 = 5_000_000;

fn sample(mean: f64) -> Sample {
    Sample {
        n: N,
        mean,
        variance: 2.0,
    }
}

fn ratio(mean: f64) -> RatioSample {
    RatioSample {
        n: N,
        numerator_mean: mean,
        denominator_mean: 2.0,
        numerator_variance: 2.0,
        denominator_variance: 1.5,
        covariance: 0.8,
    }
}

/// An arm with covariates that have half a unit of covariance with the outcome and a tenth among themselves.
fn arm(mean: f64, covariates: usize) -> ArmMoments {
    let among = |i: usize, j: usize| if i == j { 1.5 } else { 0.1 };
    ArmMoments {
        n: N,
        mean,
        variance: 2.0,
        covariate_means: vec![1.0; covariates],
        outcome_covariances: vec![0.5 / covariates as f64; covariates],
        covariate_covariances: (0..covariates)
            .flat_map(|i| (0..covariates).map(move |j| among(i, j)))
            .collect(),
    }
}

fn fixed(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fixed");
    group.bench_function("Welch's t, absolute and relative", |bencher| {
        bencher.iter(|| lift_of_means(black_box(&sample(1.001)), black_box(&sample(1.0)), ALPHA));
    });
    group.bench_function("shares, 4.5 against 4.7 per cent", |bencher| {
        let counts = |successes| Counts { successes, n: N };
        bencher.iter(|| lift_of_shares(black_box(counts(235_000)), counts(225_000), ALPHA));
    });
    group.bench_function("ratio by the delta method", |bencher| {
        bencher.iter(|| lift_of_ratios(black_box(&ratio(1.001)), &ratio(1.0), ALPHA));
    });
    for covariates in [1, 10] {
        let (treated, control) = (arm(1.001, covariates), arm(1.0, covariates));
        group.bench_function(format!("adjusted for {covariates}"), |bencher| {
            bencher.iter(|| adjusted_lift(black_box(&treated), black_box(&control), ALPHA));
        });
    }
    group.bench_function("sample ratio", |bencher| {
        bencher.iter(|| sample_ratio(black_box(&[N, N + 1000]), &[0.5, 0.5]));
    });
    group.finish();
}

fn sequential(criterion: &mut Criterion) {
    let contrast = Contrast::of_means(&sample(1.001), &sample(1.0)).expect("two samples");
    let looks: Vec<f64> = (1..=14).map(|day| f64::from(day) / 28.0).collect();
    let plans = [
        ("anytime", Looks::Anytime),
        (
            "group sequential",
            Looks::GroupSequential(Spending::OBrienFleming),
        ),
        ("calibrated hybrid", Looks::Hybrid(Watch::Continuous)),
    ];
    let mut group = criterion.benchmark_group("sequential, look 14 of 28");
    for (name, plan) in plans {
        let monitor = Monitor::new(plan, ALPHA, &looks, Stage::Interim).expect("a plan");
        group.bench_function(name, |bencher| {
            bencher.iter(|| monitor.lift(black_box(&contrast), Method::Welch));
        });
    }
    group.finish();
}

fn bayesian(criterion: &mut Criterion) {
    let contrast = Contrast::of_means(&sample(1.001), &sample(1.0)).expect("two samples");
    let prior = NormalPrior::Normal { mean: 0.0, sd: 0.3 };
    let mut group = criterion.benchmark_group("Bayes");
    group.bench_function("normal prior on the relative lift", |bencher| {
        bencher.iter(|| {
            let posterior = posterior_of_contrast(black_box(&contrast), Scale::Relative, &prior)?;
            let interval = posterior.interval(ALPHA)?;
            Ok::<_, stats::bayes::BayesError>((
                interval,
                posterior.chance_above(0.0),
                posterior.loss_of_shipping(),
                posterior.loss_of_not_shipping(),
            ))
        });
    });
    let flat = Beta::new(1.0, 1.0).expect("a prior");
    let beta = |successes| flat.observed(successes, N).expect("counts");
    let (treated, control) = (beta(226_000), beta(225_000));
    group.bench_function("exact Beta-Binomial: chance and losses", |bencher| {
        bencher.iter(|| black_box(&treated).against(black_box(&control)));
    });
    group.finish();
}

criterion_group!(benches, fixed, sequential, bayesian);
criterion_main!(benches);
