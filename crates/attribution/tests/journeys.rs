//! What becomes of odd journeys.

use std::num::NonZeroUsize;

use attribution::bootstrap::{Draws, Limits, Measure, bootstrap};
use attribution::{
    AfterConversion, CreditError, Heuristic, JourneyBuilder, JourneyError, JourneyTable, Model,
    Outcome, PathPolicy, Totals, TouchStream, credit, markov,
};

const DAY: u32 = 86_400;

fn builder(policy: PathPolicy) -> JourneyBuilder {
    let mut builder = JourneyBuilder::new(policy);
    for name in ["a", "b", "c"] {
        builder.channel(name).expect("a name");
    }
    builder
}

fn stream(after: AfterConversion) -> TouchStream {
    TouchStream::new(builder(PathPolicy::default()), after)
}

/// One customer: a, conversion, b, c, conversion, a.
fn story(after: AfterConversion) -> JourneyTable {
    let mut stream = stream(after);
    stream.touch(1, 0, 0).expect("in order");
    stream
        .conversion(1, 10, 1, Outcome::converted(5.0))
        .expect("in order");
    stream
        .conversion(1, 10, 1, Outcome::converted(5.0))
        .expect("a duplicate");
    stream.touch(1, 20, 1).expect("in order");
    stream.touch(1, 20, 2).expect("in order");
    stream
        .conversion(1, 30, 2, Outcome::converted(7.0))
        .expect("in order");
    stream.touch(1, 40, 0).expect("in order");
    stream.finish().expect("few paths").finish()
}

fn paths(table: &JourneyTable) -> Vec<(Vec<u32>, f64, f64)> {
    let path = |path: attribution::Path<'_>| {
        (path.channels.to_vec(), path.totals.value, path.totals.nulls)
    };
    table.paths().map(path).collect()
}

#[test]
fn conversions_cut_carry_or_count_once() {
    let cut = story(AfterConversion::Cut);
    let expected = [
        (vec![0], 0.0, 1.0),
        (vec![0], 5.0, 0.0),
        (vec![1, 2], 7.0, 0.0),
    ];
    assert_eq!(paths(&cut), expected);
    assert_eq!(cut.dropped().duplicate_conversions, 1);

    let carried = story(AfterConversion::Carry);
    let expected = [
        (vec![0], 0.0, 1.0),
        (vec![0], 5.0, 0.0),
        (vec![0, 1, 2], 7.0, 0.0),
    ];
    assert_eq!(paths(&carried), expected);

    let first = story(AfterConversion::FirstOnly);
    assert_eq!(paths(&first), [(vec![0], 5.0, 0.0)]);
    assert_eq!(first.dropped().later_conversions, 1);
    assert_eq!(first.dropped().after_first_conversion, 3);
}

#[test]
fn a_touch_after_the_conversion_earns_nothing() {
    let mut stream = stream(AfterConversion::Cut);
    stream
        .conversion(1, 10, 1, Outcome::converted(5.0))
        .expect("in order");
    stream.touch(1, 11, 0).expect("in order");
    let table = stream.finish().expect("few paths").finish();
    assert_eq!(table.total(), Totals::default());
    assert_eq!(table.dropped().untouched_journeys, 1);
    assert_eq!(table.dropped().untouched.value, 5.0);
    let credited = credit(&table, &[Model::Heuristic(Heuristic::Last)]);
    assert_eq!(credited, Err(CreditError::NoConversions));
}

#[test]
fn events_out_of_order_are_refused_and_the_rest_goes_on() {
    let mut stream = stream(AfterConversion::Cut);
    stream.touch(2, 100, 0).expect("in order");
    let early = Err(JourneyError::EventsOutOfOrder { event: 1 });
    assert_eq!(stream.touch(2, 99, 1), early);
    assert_eq!(stream.touch(1, 200, 1), early);
    assert_eq!(stream.conversion(2, 99, 1, Outcome::converted(1.0)), early);
    let unknown = Err(JourneyError::UnknownChannel {
        channel: 9,
        known: 3,
    });
    assert_eq!(stream.touch(2, 100, 9), unknown);
    stream
        .conversion(2, 100, 1, Outcome::converted(1.0))
        .expect("in order");
    let table = stream.finish().expect("few paths").finish();
    assert_eq!(paths(&table), [(vec![0], 1.0, 0.0)]);
    assert_eq!(table.path(0).ages, Some([0].as_slice()));
}

#[test]
fn lookbacks_drop_what_is_older() {
    let policy = PathPolicy {
        lookback: Some(30 * DAY),
        channel_lookback: [("b".to_owned(), DAY)].into(),
        longest: Some(2),
        ..PathPolicy::default()
    };
    let mut builder = builder(policy);
    let ages = [31 * DAY, 30 * DAY, 2 * DAY, DAY, 5, 0];
    let channels = [0, 0, 1, 1, 2, 0];
    builder
        .add(&channels, Some(&ages), Outcome::converted(1.0), 3)
        .expect("a journey");
    builder
        .add(&[1], Some(&[2 * DAY]), Outcome::NULL, 4)
        .expect("a journey");
    let table = builder.finish();
    assert_eq!(paths(&table), [(vec![2, 0], 3.0, 0.0)]);
    assert_eq!(table.path(0).ages, Some([5, 0].as_slice()));
    let dropped = table.dropped();
    assert_eq!(dropped.too_old, 2 * 3 + 4);
    assert_eq!(dropped.beyond_longest, 2 * 3);
    assert_eq!(dropped.untouched_nulls, 4);
}

#[test]
fn invalid_journeys_are_refused() {
    let mut builder = builder(PathPolicy::default());
    let mut add = |channels: &[u32], ages: Option<&[u32]>, conversions, value| {
        let outcome = Outcome { conversions, value };
        builder
            .add(channels, ages, outcome, 1)
            .expect_err("invalid")
    };
    let unknown = JourneyError::UnknownChannel {
        channel: 3,
        known: 3,
    };
    assert_eq!(add(&[0, 3], None, 1.0, 0.0), unknown);
    let ages = JourneyError::MismatchedAges {
        touches: 2,
        ages: 1,
    };
    assert_eq!(add(&[0, 1], Some(&[1]), 1.0, 0.0), ages);
    let order = JourneyError::AgesOutOfOrder { position: 2 };
    assert_eq!(add(&[0, 1, 2], Some(&[3, 1, 2]), 1.0, 0.0), order);
    let negative = JourneyError::InvalidConversions { conversions: -1.0 };
    assert_eq!(add(&[0], None, -1.0, 0.0), negative);
    let infinite = JourneyError::InvalidValue {
        value: f64::INFINITY,
    };
    assert_eq!(add(&[0], None, 1.0, f64::INFINITY), infinite);
    let without = JourneyError::ValueWithoutConversion { value: 2.0 };
    assert_eq!(add(&[0], None, 0.0, 2.0), without);
    assert!(builder.finish().is_empty());
}

#[test]
fn a_path_of_ten_thousand_touches() {
    let long: Vec<u32> = (0..10_000).map(|touch| touch % 2).collect();
    let mut builder = builder(PathPolicy::default());
    builder
        .add(&long, None, Outcome::converted(100.0), 1)
        .expect("a journey");
    builder
        .add(&long, None, Outcome::NULL, 3)
        .expect("a journey");
    builder
        .add(&[2], None, Outcome::NULL, 1)
        .expect("a journey");
    let table = builder.finish();
    let models = common_models();
    for (model, credits) in models.iter().zip(credit(&table, &models).expect("credits")) {
        assert!((credits.total().value - 100.0).abs() < 1e-9, "{model:?}");
    }
    let fitted = markov(&table, 1).expect("a chain");
    assert!((fitted.conversion - 0.2).abs() < 1e-12);
    assert_eq!(fitted.conversion_effects, [1.0, 1.0, 0.0]);
}

fn common_models() -> Vec<Model> {
    common::untimed()
}

mod common;

#[test]
fn models_refuse_what_they_cannot_do() {
    let mut builder = builder(PathPolicy::default());
    builder
        .add(&[0, 1], None, Outcome::converted(1.0), 1)
        .expect("a journey");
    let table = builder.finish();
    let alone = |model| credit(&table, &[model]).expect_err("refused");
    let decay = |half_life| Model::Heuristic(Heuristic::TimeDecay { half_life });
    assert_eq!(alone(decay(3600.0)), CreditError::NoAges { paths: 1 });
    assert!(matches!(
        alone(decay(0.0)),
        CreditError::InvalidDecay { .. }
    ));
    assert!(matches!(
        alone(decay(f64::NAN)),
        CreditError::InvalidDecay { .. }
    ));
    let position = |first, last| Model::Heuristic(Heuristic::Position { first, last });
    assert_eq!(alone(position(0.6, 0.6)), CreditError::InvalidShares);
    assert_eq!(alone(position(-0.1, 0.6)), CreditError::InvalidShares);
    for order in [0, 5] {
        let refused = CreditError::InvalidOrder { order, greatest: 4 };
        assert_eq!(alone(Model::Markov { order }), refused);
    }
    let direct = Heuristic::LastNonDirect { direct: vec![7] };
    let unknown = CreditError::UnknownChannel {
        channel: 7,
        known: 3,
    };
    assert_eq!(alone(Model::Heuristic(direct)), unknown);
    assert_eq!(attribution::best_order(&table), Err(CreditError::NoNulls));
}

#[test]
fn shapes_of_position() {
    let mut builder = builder(PathPolicy::default());
    builder
        .add(&[0, 1, 2, 1, 0], None, Outcome::converted(1.0), 1)
        .expect("a journey");
    let table = builder.finish();
    let models = [Heuristic::U, Heuristic::W].map(Model::Heuristic);
    let credits = credit(&table, &models).expect("credits");
    let close = |actual: &[f64], expected: [f64; 3]| {
        let pairs = actual.iter().zip(expected);
        assert!(
            pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-15),
            "{actual:?}"
        );
    };
    close(&credits[0].conversions, [0.8, 2.0 * 0.2 / 3.0, 0.2 / 3.0]);
    close(&credits[1].conversions, [0.6, 0.1, 0.3]);
}

/// Customers with two journeys each are drawn with both, so that the variance doubles against
/// journeys drawn one by one.
#[test]
fn customers_are_drawn_with_all_their_journeys() {
    let of_customers = |customers| Draws {
        replicates: 2_000,
        customers,
        seed: 3,
        threads: NonZeroUsize::MIN,
    };
    let draws = of_customers(None);
    let last = [Model::Heuristic(Heuristic::Last)];
    let mut together = stream(AfterConversion::Cut);
    for customer in 0..200 {
        for number in 0..2 {
            let time = number as i64 * 10;
            together.touch(customer, time, 0).expect("in order");
            let converted = Outcome::converted(1.0);
            together
                .conversion(customer, time + 1, number, converted)
                .expect("in order");
        }
    }
    let table = together.finish().expect("few paths").finish();
    let found = bootstrap(&table, &last, &draws).expect("replicates");
    let interval = found[0].interval(Measure::Conversions, 0, Limits::Percentile, 0.05);
    let interval = interval.expect("an interval");
    // Twice a Poisson count of mean 200.
    let expected = 2.0 * 200_f64.sqrt();
    assert!((interval.se / expected - 1.0).abs() < 0.08, "{interval:?}");
    assert_eq!(interval.estimate, 400.0);
    assert!(interval.low < 400.0 - 1.7 * expected && interval.high > 400.0 + 1.7 * expected);
    // Of 800 customers, a quarter of whom convert: the variance of a binomial number.
    for (customers, expected) in [(800, 2.0 * 150_f64.sqrt()), (200, 0.0)] {
        let found = bootstrap(&table, &last, &of_customers(Some(customers))).expect("replicates");
        let interval = found[0].interval(Measure::Conversions, 0, Limits::Normal, 0.05);
        let se = interval.expect("an interval").se;
        assert!(
            (se - expected).abs() < 0.08 * expected + 1e-9,
            "{customers}: {se}"
        );
    }

    let mut apart = builder(PathPolicy::default());
    apart
        .add(&[0], Some(&[1]), Outcome::converted(1.0), 400)
        .expect("journeys");
    let found = bootstrap(&apart.finish(), &last, &draws).expect("replicates");
    let interval = found[0].interval(Measure::Conversions, 0, Limits::Normal, 0.05);
    assert!((interval.expect("an interval").se / 20.0 - 1.0).abs() < 0.08);
}

#[test]
fn intervals_refuse_and_ranks_tie() {
    let mut builder = builder(PathPolicy::default());
    builder
        .add(&[0, 1], None, Outcome::converted(1.0), 50)
        .expect("journeys");
    let table = builder.finish();
    let draws = |replicates| Draws {
        replicates,
        customers: None,
        seed: 1,
        threads: NonZeroUsize::MIN,
    };
    let linear = [Model::Heuristic(Heuristic::Linear)];
    let needed = |needed| {
        Err(CreditError::TooFewReplicates {
            replicates: needed - 1,
            needed,
        })
    };
    assert_eq!(bootstrap(&table, &linear, &draws(1)).map(|_| ()), needed(2));
    let found = &bootstrap(&table, &linear, &draws(38)).expect("replicates")[0];
    let interval = |limits, alpha| found.interval(Measure::Value, 0, limits, alpha).map(|_| ());
    assert_eq!(interval(Limits::Percentile, 0.05), needed(39));
    assert_eq!(interval(Limits::Normal, 0.05), Ok(()));
    assert!(matches!(
        interval(Limits::Normal, 0.0),
        Err(CreditError::InvalidAlpha { .. })
    ));
    assert_eq!(found.ranks_above(Measure::Conversions, 0, 1), Ok(0.5));
    assert_eq!(found.ranks_above(Measure::Conversions, 0, 2), Ok(1.0));
    assert!(found.ranks_above(Measure::Conversions, 0, 3).is_err());
    let share = found.interval(Measure::ShareOfConversions, 1, Limits::Normal, 0.05);
    assert!(share.is_ok_and(|share| share.estimate == 0.5 && share.se < 1e-12));
}
