//! Bootstrap intervals hold the credits of the population as often as they say.

mod common;

use std::num::NonZeroUsize;

use attribution::bootstrap::{Draws, Limits, Measure, bootstrap};
use attribution::{
    AfterConversion, Comparison, Heuristic, JourneyBuilder, JourneyTable, Model, Outcome,
    PathPolicy, TouchStream, credit, standard_errors,
};
use common::Random;
use stats::uniformity::binomial_limits;

/// Paths, how frequent they are, their conversion rates and mean values.
const PATHS: [(&[u32], f64, f64, f64); 8] = [
    (&[0], 0.25, 0.10, 20.0),
    (&[1], 0.20, 0.15, 30.0),
    (&[2], 0.10, 0.08, 10.0),
    (&[0, 1], 0.15, 0.25, 25.0),
    (&[1, 0], 0.08, 0.20, 40.0),
    (&[0, 2, 1], 0.12, 0.30, 15.0),
    (&[2, 1, 2], 0.06, 0.22, 35.0),
    (&[0, 1, 0, 2], 0.04, 0.35, 50.0),
];

fn builder() -> JourneyBuilder {
    let mut builder = JourneyBuilder::new(PathPolicy::default());
    for name in ["a", "b", "c"] {
        builder.channel(name).expect("a name");
    }
    builder
}

/// The population, in a million journeys.
fn population() -> JourneyTable {
    let mut builder = builder();
    for (path, frequency, rate, value) in PATHS {
        let journeys = (frequency * 1e6).round();
        let converted = (journeys * rate).round() as u64;
        builder
            .add(path, None, Outcome::converted(value), converted)
            .expect("journeys");
        builder
            .add(path, None, Outcome::NULL, journeys as u64 - converted)
            .expect("journeys");
    }
    builder.finish()
}

fn sample(journeys: usize, random: &mut Random) -> JourneyTable {
    let mut builder = builder();
    for _ in 0..journeys {
        let mut place = random.uniform();
        let drawn = PATHS.iter().find(|(_, frequency, ..)| {
            place -= frequency;
            place < 0.0
        });
        let (path, _, rate, value) = drawn.unwrap_or(&PATHS[0]);
        let outcome = match random.uniform() < *rate {
            // Values with the mean given, in whole units.
            true => Outcome::converted((value * 2.0 * random.uniform()).round()),
            false => Outcome::NULL,
        };
        builder.add(path, None, outcome, 1).expect("a journey");
    }
    builder.finish()
}

#[test]
fn of_every_kind_of_model() {
    let models = [
        Model::Heuristic(Heuristic::Linear),
        Model::Heuristic(Heuristic::U),
        Model::ShapleyOfSubsets,
        Model::Markov { order: 1 },
        Model::Markov { order: 2 },
        Model::Comparison(Comparison::RateOfSet),
    ];
    let truth = credit(&population(), &models).expect("credits");
    let (runs, journeys) = (400, 3_000);
    let mut random = Random(5);
    let measures = [Measure::Conversions, Measure::Value, Measure::ShareOfValue];
    let mut hits = vec![[0_u64; 3]; models.len()];
    for run in 0..runs {
        let table = sample(journeys, &mut random);
        let draws = Draws {
            replicates: 199,
            customers: Some(journeys as u64),
            seed: run,
            threads: NonZeroUsize::MIN,
        };
        let found = bootstrap(&table, &models, &draws).expect("replicates");
        for (model, found) in found.iter().enumerate() {
            for (hits, measure) in hits[model].iter_mut().zip(measures) {
                let of_sample = journeys as f64 / 1e6;
                let true_value = match measure {
                    Measure::Conversions => truth[model].conversions[0] * of_sample,
                    Measure::Value => truth[model].value[0] * of_sample,
                    _ => truth[model].value[0] / truth[model].total().value,
                };
                let interval = found.interval(measure, 0, Limits::Percentile, 0.05);
                let interval = interval.expect("an interval");
                *hits += u64::from(interval.low <= true_value && true_value <= interval.high);
            }
        }
    }
    let (least, _) = binomial_limits(runs, 0.93, 1e-4);
    let (_, most) = binomial_limits(runs, 0.97, 1e-4);
    for (model, hits) in models.iter().zip(hits) {
        eprintln!("{model:?}: {hits:?} of {runs}");
        assert!(
            hits.iter().all(|hits| (least..=most).contains(hits)),
            "{model:?}: {hits:?} of {runs}"
        );
    }
}

/// Customers with up to four journeys of up to four touches, some of one channel twice.
fn customers() -> JourneyTable {
    let mut random = Random(8);
    let mut stream = TouchStream::new(builder(), AfterConversion::Cut);
    for customer in 0..2_000 {
        let generous = 1.0 + 9.0 * random.uniform();
        let mut time = 0;
        for journey in 0..1 + random.below(4) as u64 {
            for _ in 0..1 + random.below(4) {
                time += 1 + random.below(200_000) as i64;
                let channel = random.below(3) as u32;
                stream.touch(customer, time, channel).expect("a touch");
            }
            // Few values, and refunds, so that there are customers alike.
            let value = (generous * 3.0 * random.uniform()).round() - 2.0;
            let outcome = Outcome::converted(value);
            stream
                .conversion(customer, time, journey, outcome)
                .expect("a conversion");
        }
    }
    stream.finish().expect("journeys").finish()
}

#[test]
fn standard_errors_without_replicates_are_those_of_the_bootstrap() {
    let table = customers();
    let models = [
        Model::Heuristic(Heuristic::First),
        Model::Heuristic(Heuristic::U),
        Model::Heuristic(Heuristic::TimeDecay {
            half_life: 100_000.0,
        }),
        Model::ShapleyOfSubsets,
    ];
    let measures = [
        Measure::Conversions,
        Measure::Value,
        Measure::ShareOfConversions,
        Measure::ShareOfValue,
    ];
    // As many as have journeys, half as many more, and a number that is chance as well.
    for customers in [Some(2_000), Some(3_000), None] {
        let draws = Draws {
            replicates: 4_000,
            customers,
            seed: 3,
            threads: NonZeroUsize::MIN,
        };
        let found = bootstrap(&table, &models, &draws).expect("replicates");
        for (model, found) in models.iter().zip(found) {
            let errors = standard_errors(&table, model).expect("errors");
            let errors = errors.expect("a model that shares each path");
            for (measure, channel) in measures.into_iter().flat_map(|m| [(m, 0), (m, 2)]) {
                let drawn = found.interval(measure, channel, Limits::Normal, 0.05);
                let drawn = drawn.expect("an interval").se;
                let exact = errors.of(measure, channel, customers).expect("an error");
                // A standard deviation of 4,000 replicates is known to 1.1 %.
                assert!(
                    (drawn / exact - 1.0).abs() < 0.045,
                    "{model:?} {measure:?} {channel} of {customers:?}: {drawn} {exact}"
                );
            }
            assert_eq!(errors.of(Measure::Value, 3, customers), None);
        }
    }
    let chain = standard_errors(&table, &Model::Markov { order: 1 });
    assert_eq!(chain, Ok(None));
}
