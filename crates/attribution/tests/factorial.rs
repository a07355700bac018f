//! Factorials over channels: identities, fractions and refusals.

mod common;

use attribution::factorial::{Cell, ChannelSet, Factorial, FactorialError};
use common::Random;
use stats::{Sample, lift_of_means};

const ALPHA: f64 = 0.05;

fn names(k: usize) -> Vec<String> {
    ["email", "web", "app", "store", "push"][..k]
        .iter()
        .map(|name| (*name).to_owned())
        .collect()
}

/// An expectation with main effects and an interaction of pairs.
fn expectation(on: ChannelSet) -> f64 {
    let has = |channel: u32| f64::from(on >> channel & 1);
    10.0 + 2.0 * has(0) + 1.0 * has(1) - 0.5 * has(2) + 3.0 * has(0) * has(1)
}

fn cell(on: ChannelSet) -> Cell {
    Cell {
        on,
        n: 100 + 10 * u64::from(on),
        mean: expectation(on),
        variance: 4.0 + f64::from(on),
    }
}

fn full(k: usize) -> Factorial {
    Factorial::new(names(k), (0..1 << k).map(cell).collect(), k).expect("valid cells")
}

#[track_caller]
fn close(actual: f64, expected: f64) {
    assert!(
        (actual - expected).abs() < 1e-12,
        "{actual} is not {expected}"
    );
}

#[test]
fn the_contrasts_of_three_channels() {
    let factorial = full(3);
    let value = |estimate: Result<stats::Estimate, FactorialError>| estimate.expect("one").estimate;
    close(value(factorial.alone(0, ALPHA)), 2.0);
    // The interaction is there for half of the others' cells.
    close(value(factorial.with_and_without(0, ALPHA)), 3.5);
    close(value(factorial.with_and_without(2, ALPHA)), -0.5);
    close(value(factorial.all_against_none(ALPHA)), 5.5);
    close(value(factorial.synergy(ALPHA)), 3.0);
    close(
        value(factorial.any_against_none(ALPHA)),
        (4.0 * 2.5 + 2.0 * 3.0) / 7.0,
    );
    let many = (8.0 * 0.0 + 6.0 + 1.5 + 0.5 + 5.5) / 4.0;
    let many = factorial
        .many_against_one(ALPHA)
        .map(value)
        .map(|found| (found, many - 2.5 / 3.0));
    let (found, expected) = many.expect("several channels");
    close(found, expected);
    close(value(factorial.effect(0b011, ALPHA)), 1.5);
    close(value(factorial.effect(0b111, ALPHA)), 0.0);
    // In 0/1 coding the Shapley value is the main coefficient and half of each interaction.
    close(value(factorial.shapley(0, ALPHA)), 3.5);
    close(value(factorial.shapley(1, ALPHA)), 2.5);
    close(value(factorial.shapley(2, ALPHA)), -0.5);
    let shares = (0..3).map(|i| factorial.shapley_share(i, ALPHA).expect("a share").estimate);
    close(shares.sum(), 1.0);
    assert_eq!(factorial.to_string(), "full factorial of 8 cells");
}

#[test]
fn one_channel_is_a_test_of_two_arms() {
    let factorial = full(1);
    let arm = |on| {
        let Cell {
            n, mean, variance, ..
        } = cell(on);
        Sample { n, mean, variance }
    };
    let welch = lift_of_means(&arm(1), &arm(0), ALPHA)
        .expect("a lift")
        .absolute;
    for found in [
        factorial.alone(0, ALPHA),
        factorial.with_and_without(0, ALPHA),
        factorial.shapley(0, ALPHA),
        factorial.any_against_none(ALPHA),
    ] {
        let found = found.expect("an estimate");
        close(found.estimate, welch.estimate);
        close(found.se, welch.se);
        assert!((found.df - welch.df).abs() < 1e-9);
        close(found.low, welch.low);
    }
    assert!(factorial.many_against_one(ALPHA).is_none());
    close(factorial.synergy(ALPHA).expect("nothing").estimate, 0.0);
}

/// Half of the cells of three channels: those with an odd number of channels, I = +email web app.
fn half(largest: usize) -> Factorial {
    let cells = [0b001, 0b010, 0b100, 0b111].map(cell).to_vec();
    Factorial::new(names(3), cells, largest).expect("valid cells")
}

#[test]
fn fractions_print_and_refuse_what_is_aliased() {
    let additive = half(1);
    assert!(additive.is_regular());
    assert_eq!(additive.resolution(), Some(3));
    assert_eq!(additive.aliases(0b001), [0b110]);
    let text = additive.to_string();
    assert!(
        text.starts_with("I = +email × web × app\nemail = web × app\n"),
        "{text}"
    );
    // The main effect of email carries half of its alias, which is zero here; that of the app
    // carries the interaction of e-mail and web.
    let main = |factorial: &Factorial, channel| factorial.with_and_without(channel, ALPHA);
    close(main(&additive, 0).expect("an estimate").estimate, 3.5);
    close(
        main(&additive, 2).expect("an estimate").estimate,
        -0.5 + 1.5,
    );
    assert_eq!(
        additive.effect(0b011, ALPHA),
        Err(FactorialError::AssumedZero {
            effect: "email × web".to_owned()
        })
    );

    let pairs = half(2);
    let aliased = FactorialError::Aliased {
        effect: "email".to_owned(),
        alias: "web × app".to_owned(),
    };
    assert_eq!(main(&pairs, 0), Err(aliased));
    assert!(matches!(
        pairs.shapley(0, ALPHA),
        Err(FactorialError::Aliased { .. })
    ));
    // Cells that were run can be compared without any assumption.
    let mut weights = [0.0; 8];
    (weights[0b111], weights[0b001]) = (1.0, -1.0);
    close(
        pairs
            .contrast(&weights, ALPHA)
            .expect("an estimate")
            .estimate,
        3.5,
    );
}

#[test]
fn a_half_of_five_channels_knows_all_pairs() {
    let cells = (0..32_u32)
        .filter(|on| on.count_ones() % 2 == 1)
        .map(cell)
        .collect();
    let half = Factorial::new(names(5), cells, 2).expect("valid cells");
    assert_eq!(half.resolution(), Some(5));
    let full = full(5);
    for channel in 0..5 {
        let (one, other) = (half.shapley(channel, ALPHA), full.shapley(channel, ALPHA));
        close(
            one.expect("an estimate").estimate,
            other.expect("an estimate").estimate,
        );
    }
    let (one, other) = (half.all_against_none(ALPHA), full.all_against_none(ALPHA));
    close(
        one.expect("an estimate").estimate,
        other.expect("an estimate").estimate,
    );
}

#[test]
fn cells_that_are_no_fraction() {
    let cells = [0b000, 0b001, 0b010].map(cell).to_vec();
    let factorial = Factorial::new(names(2), cells, 1).expect("valid cells");
    assert!(!factorial.is_regular());
    assert!(factorial.alone(0, ALPHA).is_ok());
    let missing = FactorialError::NotRun { set: 0b11 };
    assert_eq!(factorial.all_against_none(ALPHA), Err(missing));
}

#[test]
fn invalid_cells_are_refused() {
    let build = |cells: &[Cell]| Factorial::new(names(2), cells.to_vec(), 2).map(|_| ());
    assert!(matches!(
        build(&[cell(4)]),
        Err(FactorialError::UnknownChannel { .. })
    ));
    assert!(matches!(
        build(&[cell(1), cell(1)]),
        Err(FactorialError::RepeatedCell { .. })
    ));
    assert!(matches!(
        build(&[Cell { n: 1, ..cell(1) }]),
        Err(FactorialError::TooFew { .. })
    ));
    let negative = Cell {
        variance: -1.0,
        ..cell(1)
    };
    assert!(matches!(
        build(&[negative]),
        Err(FactorialError::InvalidCell { .. })
    ));
    assert!(matches!(
        Factorial::new(Vec::new(), Vec::new(), 1),
        Err(FactorialError::ChannelCount { channels: 0 })
    ));
    let factorial = full(2);
    assert!(matches!(
        factorial.alone(2, ALPHA),
        Err(FactorialError::UnknownChannel { .. })
    ));
    assert!(matches!(
        factorial.alone(0, 1.0),
        Err(FactorialError::InvalidAlpha { .. })
    ));
    assert!(matches!(
        factorial.contrast(&[1.0], ALPHA),
        Err(FactorialError::WeightCount { .. })
    ));
    assert!(matches!(
        factorial.shapley_share(9, ALPHA),
        Err(FactorialError::UnknownChannel { .. })
    ));
    // Nothing at all to share.
    let flat = (0..4)
        .map(|on| Cell {
            mean: 1.0,
            ..cell(on)
        })
        .collect();
    let flat = Factorial::new(names(2), flat, 2).expect("valid cells");
    assert!(matches!(
        flat.shapley_share(0, ALPHA),
        Err(FactorialError::NothingToShare(_))
    ));
}

/// Intervals of causal Shapley values and their shares hold the truth as often as they say.
#[test]
fn coverage_of_shapley_values_and_shares() {
    let mut random = Random(11);
    let runs = 2_000;
    let (mut values, mut shares) = (0, 0);
    for _ in 0..runs {
        let draw = |on: ChannelSet, random: &mut Random| {
            let n = 40 + 20 * u64::from(on);
            let sd = 2.0 + f64::from(on) / 2.0;
            let drawn = (0..n).map(|_| expectation(on) + sd * random.normal());
            let drawn: Vec<f64> = drawn.collect();
            let mean = drawn.iter().sum::<f64>() / n as f64;
            let squares: f64 = drawn.iter().map(|x| (x - mean).powi(2)).sum();
            let variance = squares / (n - 1) as f64;
            Cell {
                on,
                n,
                mean,
                variance,
            }
        };
        let cells = (0..4).map(|on| draw(on, &mut random)).collect();
        let factorial = Factorial::new(names(2), cells, 2).expect("valid cells");
        let value = factorial.shapley(0, ALPHA).expect("an estimate");
        values += u32::from(value.low <= 3.5 && 3.5 <= value.high);
        let share = factorial.shapley_share(0, ALPHA).expect("a share");
        shares += u32::from(share.low <= 3.5 / 6.0 && 3.5 / 6.0 <= share.high);
    }
    let (least, most) = stats::uniformity::binomial_limits(runs, 0.95, 1e-6);
    for hits in [values, shares].map(u64::from) {
        assert!((least..=most).contains(&hits), "{hits} of {runs}");
    }
}
