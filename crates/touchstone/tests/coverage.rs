//! Whether intervals are what they say: on many small simulated retailers, 95 % intervals of lift and of return on
//! investment must hold the truth in 93 to 97 of a hundred, and tests of nothing must give uniform p-values.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use catalog::Catalog;
use lake::Lake;
use measure::Provenance;
use measure::audience::{LiftFinding, lift};
use simulate::{Settings, write_project};
use stats::uniformity::uniform_probability;

const RUNS: u64 = 200;
const CUSTOMERS: u64 = 4_000;
/// The one test of nothing among the retailer's experiments.
const PLACEBO: &str = "platform-check";

/// What one kind of interval did over all runs.
#[derive(Debug, Default, Clone, Copy)]
struct Coverage {
    intervals: u64,
    covered: u64,
}

impl Coverage {
    fn note(&mut self, low: f64, high: f64, truth: f64) {
        self.intervals += 1;
        self.covered += u64::from(low <= truth && truth <= high);
    }

    fn share(self) -> f64 {
        self.covered as f64 / self.intervals as f64
    }
}

#[derive(Debug, Default)]
struct Results {
    lift: Coverage,
    relative: Coverage,
    roi: Coverage,
    by_metric: BTreeMap<String, Coverage>,
    /// Of the A/A experiment's metrics that are means.
    placebo: Vec<f64>,
}

/// Simulates, measures and compares one retailer.
fn run(seed: u64, folder: &Path, results: &Mutex<Results>) {
    let settings = Settings {
        customers: CUSTOMERS,
        seed,
        threads: std::num::NonZeroUsize::MIN,
        ..Settings::default()
    };
    let truth = write_project(&settings, folder, &mut |_| {}).unwrap().truth;
    let mut catalog = Catalog::load(folder).unwrap();
    catalog.bound_engine(Some(1), None);
    let mut lake = Lake::open(&catalog, None).unwrap();
    let lifts: Vec<LiftFinding> = catalog
        .experiments()
        .map(|experiment| lift(&catalog, &mut lake, experiment).unwrap())
        .collect();
    let findings = value::Findings {
        lifts: &lifts,
        ..value::Findings::default()
    };
    let provenance = Provenance::of(&catalog, &lake).unwrap();
    let ledger = value::ledger(&catalog, &findings, provenance);

    let mut results = results.lock().unwrap();
    for finding in &lifts {
        let known = truth.experiment(&finding.experiment).unwrap();
        for comparison in &finding.metrics {
            let Some(effect) = known.effect(&comparison.arm, &comparison.metric) else {
                continue;
            };
            let Some(outcome) = comparison.decisive() else {
                continue;
            };
            if let Some(absolute) = outcome.absolute {
                results
                    .lift
                    .note(absolute.low, absolute.high, effect.effect);
                results
                    .by_metric
                    .entry(comparison.metric.clone())
                    .or_default()
                    .note(absolute.low, absolute.high, effect.effect);
            }
            if let (
                Some(measure::audience::Relative::Estimated { low, high, .. }),
                Some(relative),
            ) = (&outcome.relative, effect.relative)
            {
                results.relative.note(*low, *high, relative);
            }
            if finding.experiment == PLACEBO && comparison.primary {
                results.placebo.extend(outcome.p_value);
            }
        }
    }
    for row in &ledger.initiatives {
        let known = truth.initiative(&row.name).and_then(|known| known.roi);
        if let (Some(roi), Some(known)) = (row.roi, known) {
            results.roi.note(roi.low, roi.high, known);
        }
    }
}

#[test]
fn intervals_cover_the_truth_and_tests_of_nothing_are_uniform() {
    let results = Mutex::new(Results::default());
    let next = AtomicU64::new(1);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > RUNS {
                        break;
                    }
                    let folder = tempfile::tempdir().unwrap();
                    run(seed, folder.path(), &results);
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    for (what, coverage) in &results.by_metric {
        println!(
            "{what}: {:.4} of {} intervals of lift",
            coverage.share(),
            coverage.intervals
        );
    }
    for (what, coverage) in [
        ("lift", results.lift),
        ("relative lift", results.relative),
        ("ROI", results.roi),
    ] {
        assert!(
            coverage.intervals > 5 * RUNS,
            "too few intervals of {what}: {}",
            coverage.intervals
        );
        let share = coverage.share();
        println!("{what}: {share:.4} of {} intervals", coverage.intervals);
        assert!(
            (0.93..=0.97).contains(&share),
            "{what}: {:.4} of {} intervals",
            share,
            coverage.intervals
        );
    }
    assert_eq!(results.placebo.len() as u64, RUNS);
    let uniform = uniform_probability(&results.placebo).unwrap();
    println!("p-values of nothing are uniform: p = {uniform:.4}");
    assert!(
        uniform > 0.001,
        "p-values of nothing are not uniform: {uniform}"
    );
}
