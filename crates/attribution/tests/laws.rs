//! What holds for any journeys.

mod common;

use std::num::NonZeroUsize;

use attribution::bootstrap::{Draws, bootstrap};
use attribution::{
    AfterConversion, Comparison, CreditError, Heuristic, JourneyBuilder, JourneyTable, Model,
    Outcome, PathPolicy, Repeats, TouchStream, credit, markov,
};
use common::untimed;
use proptest::collection::vec;
use proptest::prelude::*;

const NAMES: [&str; 5] = ["direct", "email", "web", "app", "store"];

/// Touches (channel, seconds to the next), conversions in quarters, value in cents.
type Journey = (Vec<(usize, u32)>, u8, i32);

fn journey() -> impl Strategy<Value = Journey> {
    (
        vec((0..5_usize, 0..200_000_u32), 1..7),
        0..7_u8,
        -500..5000_i32,
    )
}

/// Journeys of which the first converts.
fn journeys() -> impl Strategy<Value = Vec<Journey>> {
    vec(journey(), 1..40).prop_map(|mut journeys| {
        journeys[0].1 = 4;
        journeys
    })
}

fn outcome(quarters: u8, cents: i32) -> Outcome {
    // Half of the journeys do not convert.
    match quarters.saturating_sub(3) {
        0 => Outcome::NULL,
        quarters => Outcome {
            conversions: f64::from(quarters) / 4.0,
            value: f64::from(cents) / 100.0,
        },
    }
}

/// Adds journeys to a builder that knows the channels in the given order.
fn add(builder: &mut JourneyBuilder, journeys: &[Journey], names: &[&str]) {
    for name in names {
        builder.channel(name).expect("a name");
    }
    for (touches, quarters, cents) in journeys {
        let channels: Vec<u32> = touches
            .iter()
            .map(|&(channel, _)| builder.channel(NAMES[channel]).expect("a name"))
            .collect();
        let mut ages: Vec<u32> = Vec::new();
        for &(_, gap) in touches.iter().rev() {
            ages.push(ages.last().map_or(0, |age| age + gap));
        }
        ages.reverse();
        let outcome = outcome(*quarters, *cents);
        builder
            .add(&channels, Some(&ages), outcome, 1)
            .expect("a journey");
    }
}

fn table(journeys: &[Journey], policy: &PathPolicy) -> JourneyTable {
    let mut builder = JourneyBuilder::new(policy.clone());
    add(&mut builder, journeys, &NAMES);
    builder.finish()
}

fn every_model() -> Vec<Model> {
    let mut models = untimed();
    models.push(Model::Heuristic(Heuristic::TimeDecay {
        half_life: 86_400.0,
    }));
    models.push(Model::Heuristic(Heuristic::SteppedTimeDecay {
        period: 3_600.0,
    }));
    models
}

#[track_caller]
fn assert_close(what: &str, actual: f64, expected: f64, scale: f64) {
    let error = (actual - expected).abs();
    assert!(
        error <= 1e-9 * (1.0 + scale),
        "{what}: {actual} is not {expected}"
    );
}

/// Each model alone, for values that cancel may leave one of them without a share.
fn each(table: &JourneyTable) -> Vec<(Model, attribution::Credits)> {
    let alone = |model: Model| match credit(table, std::slice::from_ref(&model)) {
        Ok(mut credits) => credits.pop().map(|credits| (model, credits)),
        Err(CreditError::NoEffect) => None,
        Err(error) => panic!("{model:?}: {error}"),
    };
    every_model().into_iter().filter_map(alone).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn credits_add_up_and_null_players_get_nothing(journeys in journeys()) {
        let table = table(&journeys, &PathPolicy::default());
        let total = table.total();
        let converting = |channel: usize| table
            .paths()
            .any(|path| path.totals.conversions > 0.0 && path.channels.contains(&(channel as u32)));
        for (model, credits) in each(&table) {
            let found = credits.total();
            let size: f64 = credits.value.iter().map(|value| value.abs()).sum();
            assert_close(&format!("{model:?}"), found.conversions, total.conversions, total.conversions);
            assert_close(&format!("{model:?}"), found.value, total.value, size);
            // A chain may go on from a journey that did not convert to one that did.
            let chain = matches!(model, Model::Markov { .. });
            for channel in 0..table.channels().len() {
                if !chain && !converting(channel) {
                    prop_assert_eq!(credits.conversions[channel], 0.0);
                    prop_assert_eq!(credits.value[channel], 0.0);
                }
            }
            if size < 1e6 {
                let cents = credits.value_in_cents(total.value).expect("cents");
                prop_assert_eq!(cents.iter().sum::<i64>(), (total.value * 100.0).round() as i64);
            }
        }
    }

    /// The order of the rows, of the channels, and the division among builders change nothing,
    /// not even a bit.
    #[test]
    fn the_table_depends_on_the_journeys_alone(
        journeys in journeys(),
        parts in 1..5_usize,
        turn in 0..5_usize,
    ) {
        let whole = table(&journeys, &PathPolicy::default());
        let mut names = NAMES;
        names.rotate_left(turn);
        let mut merged = JourneyBuilder::new(PathPolicy::default());
        for part in (0..parts).rev() {
            let mut own: Vec<Journey> = journeys.iter().skip(part).step_by(parts).cloned().collect();
            own.reverse();
            let mut builder = JourneyBuilder::new(PathPolicy::default());
            add(&mut builder, &own, &names);
            merged.merge(builder).expect("few paths");
        }
        prop_assert_eq!(merged.finish(), whole);
    }

    /// Two channels that always swap places have swapped credits.
    #[test]
    fn names_do_not_matter(journeys in journeys()) {
        let swapped: Vec<Journey> = journeys
            .iter()
            .map(|(touches, quarters, cents)| {
                let swap = |channel| match channel { 1 => 2, 2 => 1, other => other };
                let touches = touches.iter().map(|&(channel, gap)| (swap(channel), gap));
                (touches.collect(), *quarters, *cents)
            })
            .collect();
        let (one, other) = (
            table(&journeys, &PathPolicy::default()),
            table(&swapped, &PathPolicy::default()),
        );
        let place = |name: &str| one.channel(name).expect("known") as usize;
        for ((model, before), (_, after)) in each(&one).into_iter().zip(each(&other)) {
            // Sets are in order; sequences and touches keep theirs.
            let (email, web) = (place("email"), place("web"));
            let scale = one.total().conversions;
            assert_close(&format!("{model:?}"), before.conversions[email], after.conversions[web], scale);
            assert_close(&format!("{model:?}"), before.conversions[web], after.conversions[email], scale);
        }
    }

    /// Channels that stand in the same place in every set have equal Shapley values.
    #[test]
    fn alike_channels_share_alike(journeys in journeys()) {
        let both: Vec<Journey> = journeys
            .iter()
            .map(|(touches, quarters, cents)| {
                let mut touches = touches.clone();
                if touches.iter().any(|&(channel, _)| channel == 1 || channel == 2) {
                    touches.extend([(1, 1), (2, 1)]);
                }
                (touches, *quarters, *cents)
            })
            .collect();
        let table = table(&both, &PathPolicy::default());
        let place = |name: &str| table.channel(name).expect("known") as usize;
        let models = [Model::ShapleyOfSubsets, Model::Comparison(Comparison::RateOfSet)];
        for credits in credit(&table, &models).expect("credits") {
            let (email, web) = (credits.conversions[place("email")], credits.conversions[place("web")]);
            assert_close("email and web", email, web, table.total().conversions);
        }
    }

    /// Collapsing repeats changes no chain of order one, and exclusion shares out the same total
    /// among fewer.
    #[test]
    fn policies(journeys in journeys()) {
        let collapse = PathPolicy { repeats: Repeats::Collapse, ..PathPolicy::default() };
        let (kept, collapsed) = (table(&journeys, &PathPolicy::default()), table(&journeys, &collapse));
        prop_assert_eq!(
            kept.touches() as u64 >= collapsed.touches() as u64,
            true
        );
        match (markov(&kept, 1), markov(&collapsed, 1)) {
            (Ok(one), Ok(other)) => {
                for (a, b) in one.conversion_effects.iter().zip(&other.conversion_effects) {
                    assert_close("effect", *a, *b, 1.0);
                }
            }
            (one, other) => prop_assert_eq!(one.is_err(), other.is_err()),
        }

        let exclude = PathPolicy { excluded: vec!["direct".to_owned()], ..PathPolicy::default() };
        let fewer = table(&journeys, &exclude);
        let dropped = fewer.dropped();
        assert_close(
            "conversions",
            fewer.total().conversions + dropped.untouched.conversions,
            kept.total().conversions,
            kept.total().conversions,
        );
        prop_assert_eq!(
            fewer.journeys() + dropped.untouched_nulls + dropped.untouched_journeys,
            journeys.len() as u64
        );
        let direct = fewer.channel("direct").expect("still named");
        prop_assert!(fewer.paths().all(|path| !path.channels.contains(&direct)));
    }

    /// The bootstrap is the same on any number of threads.
    #[test]
    fn replicates_do_not_depend_on_threads(journeys in journeys(), seed: u64) {
        let table = table(&journeys, &PathPolicy::default());
        let models = [Model::Heuristic(Heuristic::Linear), Model::ShapleyOfSubsets];
        let run = |threads| bootstrap(&table, &models, &Draws {
            replicates: 7,
            customers: Some(journeys.len() as u64 + 3),
            seed,
            threads: NonZeroUsize::new(threads).expect("positive"),
        });
        prop_assert_eq!(run(1), run(3));
    }

    /// A stream makes the journeys that its events make by hand.
    #[test]
    fn streams_cut_at_conversions(events in vec((0..3_u64, 0..50_i64, 0..5_usize, prop::bool::weighted(0.3)), 1..40)) {
        let mut events = events;
        events.sort_by_key(|&(customer, time, ..)| (customer, time));
        let named = || {
            let mut builder = JourneyBuilder::new(PathPolicy::default());
            NAMES.iter().for_each(|name| { builder.channel(name).expect("a name"); });
            builder
        };
        let mut stream = TouchStream::new(named(), AfterConversion::Cut);
        let mut by_hand = named();
        let mut open: Vec<(u32, i64)> = Vec::new();
        let mut latest = None;
        let close = |builder: &mut JourneyBuilder, open: &mut Vec<(u32, i64)>, end: Option<i64>| {
            let channels: Vec<u32> = open.iter().map(|touch| touch.0).collect();
            let last = end.or(open.last().map(|touch| touch.1)).unwrap_or(0);
            let ages: Vec<u32> = open.iter().map(|touch| (last - touch.1) as u32).collect();
            let outcome = if end.is_some() { Outcome::converted(1.0) } else { Outcome::NULL };
            if end.is_some() || !open.is_empty() {
                builder.add(&channels, Some(&ages), outcome, 1).expect("a journey");
            }
            open.clear();
        };
        for (number, &(customer, time, channel, converts)) in events.iter().enumerate() {
            if latest != Some(customer) {
                close(&mut by_hand, &mut open, None);
                latest = Some(customer);
            }
            if converts {
                let taken = stream.conversion(customer, time, number as u64, Outcome::converted(1.0));
                taken.expect("in order");
                close(&mut by_hand, &mut open, Some(time));
            } else {
                stream.touch(customer, time, channel as u32).expect("in order");
                open.push((channel as u32, time));
            }
        }
        close(&mut by_hand, &mut open, None);
        let (streamed, by_hand) = (stream.finish().expect("few").finish(), by_hand.finish());
        prop_assert_eq!(streamed.outcomes(), by_hand.outcomes());
        prop_assert_eq!(streamed.dropped(), by_hand.dropped());
        prop_assert!(streamed.paths().zip(by_hand.paths()).all(|(a, b)| a == b));
    }
}
