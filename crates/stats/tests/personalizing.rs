//! What choosing a version by segment is worth, from the means of segments and versions.

mod common;

use common::{Random, assert_close};
use stats::omnibus::{Effect, EffectsError};
use stats::personalizing::{PersonalizingError, shrunken_value};

const ALPHA: f64 = 0.05;

fn effect(estimate: f64, se: f64) -> Effect {
    Effect {
        estimate,
        se,
        df: f64::INFINITY,
    }
}

/// Large effects that differ leave nothing to shrink.
#[test]
fn sure_effects_are_worth_what_they_say() {
    let sure = |a, b| vec![effect(a, 1e-4), effect(b, 1e-4)];
    let means = [
        sure(1.0, 2.0),
        sure(3.0, 1.0),
        sure(2.0, 6.0),
        sure(5.0, 4.0),
    ];
    let shares = [0.4, 0.3, 0.2, 0.1];
    let found = shrunken_value(&means, &shares, ALPHA).expect("a value");
    // All segments: 2.2 of the first version, 2.7 of the second.
    assert_eq!((found.best, found.by_segment), (1, vec![1, 0, 1, 0]));
    let exact = 0.3 * 2.0 + 0.1 * 1.0;
    assert_close("naive", found.naive, exact, 1e-12, 0.0);
    let value = found.value.expect("segments choose differently");
    assert_close("value", value.estimate, exact, 1e-6, 0.0);
    assert!(value.se < 1e-3);
    let alike = [sure(1.0, 2.0), sure(3.0, 4.0), sure(2.0, 6.0)];
    let found = shrunken_value(&alike, &[0.4, 0.3, 0.3], ALPHA).expect("choices");
    assert_eq!((found.value, found.by_segment), (None, vec![1; 3]));
}

#[test]
fn what_cannot_be_learned_is_refused() {
    let row = || vec![effect(1.0, 1.0), effect(2.0, 1.0)];
    let two = [row(), row()];
    assert!(matches!(
        shrunken_value(&two, &[0.5, 0.5], ALPHA),
        Err(PersonalizingError::TooFew {
            segments: 2,
            needed: 3,
            ..
        })
    ));
    let ragged = [row(), row(), vec![effect(1.0, 1.0)]];
    assert!(matches!(
        shrunken_value(&ragged, &[0.4, 0.3, 0.3], ALPHA),
        Err(PersonalizingError::NotRectangular { segment: 2 })
    ));
    let constant = [row(), row(), vec![effect(1.0, 0.0), effect(2.0, 0.0)]];
    assert!(matches!(
        shrunken_value(&constant, &[0.4, 0.3, 0.3], ALPHA),
        Err(PersonalizingError::Means(EffectsError::Invalid { .. }))
    ));
}

/// The interval holds the true value of the choices that were made, whatever the spread of effects,
/// with two versions and three; and the estimate is not too large, as the naive one is.
#[test]
fn the_value_of_choices_is_held_as_often_as_it_says() {
    let mut random = Random(5);
    let shares = [0.3_f64, 0.25, 0.15, 0.1, 0.1, 0.1];
    for (versions, tau) in [(2, 0.1), (2, 0.3), (2, 1.0), (3, 0.3), (3, 1.0)] {
        let (mut held, mut chosen) = (0, 0_u32);
        let (mut bias, mut naive_bias) = (0.0, 0.0);
        let runs = 1_000;
        for _ in 0..runs {
            let overall: Vec<f64> = (0..versions).map(|_| 0.2 * random.normal()).collect();
            let truth: Vec<Vec<f64>> = shares
                .iter()
                .map(|_| {
                    overall
                        .iter()
                        .map(|mean| mean + tau * random.normal())
                        .collect()
                })
                .collect();
            let se = |segment: usize| 0.15 / shares[segment].sqrt();
            let means: Vec<Vec<Effect>> = truth
                .iter()
                .enumerate()
                .map(|(segment, row)| {
                    let se = se(segment);
                    row.iter()
                        .map(|mean| effect(mean + se * random.normal(), se))
                        .collect()
                })
                .collect();
            let found = shrunken_value(&means, &shares, ALPHA).expect("a value");
            let true_value: f64 = shares
                .iter()
                .zip(&truth)
                .zip(&found.by_segment)
                .map(|((share, row), chosen)| share * (row[*chosen] - row[found.best]))
                .sum();
            let Some(value) = found.value else { continue };
            chosen += 1;
            held += u64::from(value.low <= true_value && true_value <= value.high);
            bias += value.estimate - true_value;
            naive_bias += found.naive - true_value;
        }
        let runs = f64::from(chosen);
        let rate = 100.0 * held as f64 / runs;
        let (bias, naive_bias) = (bias / runs, naive_bias / runs);
        println!("{versions} versions, tau {tau}: {rate} %, bias {bias:.4}, naive {naive_bias:.4}");
        assert!(rate >= 93.0, "{versions} versions, tau {tau}: {rate} %");
        assert!(bias.abs() < 0.5 * naive_bias, "{bias} beside {naive_bias}");
    }
}
