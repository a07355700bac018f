//! Factorials over channels: identities, fractions, refusals and coverage.

mod common;

use attribution::factorial::{Cells, ChannelSet, Factorial, FactorialError, Grid, Question};
use common::Random;
use stats::{Contrast, Estimate, Lift, Method, Relative, Sample, lift_of_means};

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

fn cell(on: ChannelSet) -> (ChannelSet, Sample) {
    let sample = Sample {
        n: 100 + 10 * u64::from(on),
        mean: expectation(on),
        variance: 4.0 + f64::from(on),
    };
    (on, sample)
}

fn full(k: usize) -> Factorial {
    Factorial::new(names(k), (0..1 << k).map(cell).collect(), k).expect("valid cells")
}

fn read(contrast: Contrast) -> Lift {
    contrast.lift(ALPHA, Method::Welch).expect("a lift")
}

fn estimate(factorial: &Factorial, question: Question) -> Estimate {
    read(factorial.answer(question).expect("an answer")).absolute
}

fn value(factorial: &Factorial, question: Question) -> f64 {
    estimate(factorial, question).estimate
}

fn share(factorial: &Factorial, channel: usize) -> Relative {
    let contrast = factorial.shapley_share(channel).expect("a share");
    read(contrast).relative.expect("a whole away from zero")
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
    let value = |question| value(&factorial, question);
    close(value(Question::Alone(0)), 2.0);
    // The interaction is there for half of the others' cells.
    close(value(Question::WithAndWithout(0)), 3.5);
    close(value(Question::WithAndWithout(2)), -0.5);
    close(value(Question::AllAgainstNone), 5.5);
    close(value(Question::Synergy), 3.0);
    close(
        value(Question::AnyAgainstNone),
        (4.0 * 2.5 + 2.0 * 3.0) / 7.0,
    );
    let many = (8.0 * 0.0 + 6.0 + 1.5 + 0.5 + 5.5) / 4.0;
    close(value(Question::ManyAgainstOne), many - 2.5 / 3.0);
    let (one, two, three) = (2.5 / 3.0, (6.0 + 1.5 + 0.5) / 3.0, 5.5);
    close(value(Question::Step(1)), one);
    close(value(Question::Step(2)), two - one);
    close(value(Question::Step(3)), three - two);
    // What each is relative to.
    let base = |question| factorial.answer(question).expect("an answer").control;
    for question in [
        Question::AnyAgainstNone,
        Question::Alone(1),
        Question::Step(1),
    ] {
        close(base(question), 10.0);
    }
    close(base(Question::ManyAgainstOne), 10.0 + one);
    close(base(Question::Step(2)), 10.0 + one);
    close(base(Question::Step(3)), 10.0 + two);
    close(base(Question::Synergy), 2.5);
    close(value(Question::Interaction(0b011)), 3.0);
    close(value(Question::Interaction(0b101)), 0.0);
    close(value(Question::Interaction(0b111)), 0.0);
    // In 0/1 coding the Shapley value is the main coefficient and half of each interaction.
    close(value(Question::Shapley(0)), 3.5);
    close(value(Question::Shapley(1)), 2.5);
    close(value(Question::Shapley(2)), -0.5);
    close(value(Question::ShapleyDifference(0, 1)), 1.0);
    close((0..3).map(|i| share(&factorial, i).estimate).sum(), 1.0);
    assert_eq!(factorial.to_string(), "full factorial of 8 cells");
}

/// The standard error of a share and of a difference from the cells' own numbers.
#[test]
fn shapley_values_share_the_noise_of_their_cells() {
    let factorial = full(2);
    // Half of what it adds alone and half of what it adds to the other.
    let of = |question| factorial.weights(question).expect("weights");
    assert_eq!(of(Question::Shapley(0)), [-0.5, 0.5, -0.5, 0.5]);
    assert_eq!(of(Question::Shapley(1)), [-0.5, -0.5, 0.5, 0.5]);
    assert_eq!(of(Question::ShapleyDifference(0, 1)), [0.0, 1.0, -1.0, 0.0]);
    let noise = |on: ChannelSet| {
        let (_, sample) = cell(on);
        sample.variance / sample.n as f64
    };
    let difference = estimate(&factorial, Question::ShapleyDifference(0, 1));
    close(difference.se, (noise(1) + noise(2)).sqrt());
    // Fieller's ends are where the part less so much of the whole is just not told from zero.
    let found = share(&factorial, 0);
    let contrast = factorial.shapley_share(0).expect("a share");
    let critical = stats::tail::student_t_critical(ALPHA, contrast.df);
    for end in [found.low, found.high] {
        let weights = [-0.5 + end, 0.5, -0.5, 0.5 - end];
        let cells = (0..4).map(cell);
        let left: f64 = cells
            .clone()
            .zip(weights)
            .map(|((_, s), w)| w * s.mean)
            .sum();
        let variance: f64 = cells
            .zip(weights)
            .map(|((on, _), w)| w * w * noise(on))
            .sum();
        assert!((left.abs() - critical * variance.sqrt()).abs() < 1e-9);
    }
}

/// A share of a whole that is negative has the sign of the part turned.
#[test]
fn shares_of_a_loss() {
    let turned = |on: ChannelSet| {
        let (_, sample) = cell(on);
        let mean = 20.0 - sample.mean;
        (on, Sample { mean, ..sample })
    };
    let loss = Factorial::new(names(3), (0..8).map(turned).collect(), 3).expect("valid cells");
    for channel in 0..3 {
        let (one, other) = (share(&full(3), channel), share(&loss, channel));
        close(one.estimate, other.estimate);
        close(one.low, other.low);
        close(one.high, other.high);
    }
}

#[test]
fn one_channel_is_a_test_of_two_arms() {
    let factorial = full(1);
    let welch = lift_of_means(&cell(1).1, &cell(0).1, ALPHA).expect("a lift");
    for question in [
        Question::Alone(0),
        Question::WithAndWithout(0),
        Question::Shapley(0),
        Question::AnyAgainstNone,
        Question::Step(1),
    ] {
        let found = read(factorial.answer(question).expect("an answer"));
        close(found.absolute.estimate, welch.absolute.estimate);
        close(found.absolute.se, welch.absolute.se);
        assert!((found.absolute.df - welch.absolute.df).abs() < 1e-9);
        close(found.absolute.low, welch.absolute.low);
        let (found, welch) = (
            found.relative.expect("one"),
            welch.relative.clone().expect("one"),
        );
        close(found.low, welch.low);
        close(found.high, welch.high);
    }
    for question in [Question::ManyAgainstOne, Question::Synergy] {
        close(value(&factorial, question), 0.0);
    }
    let no_step = FactorialError::NoSuchStep { channels: 2, of: 1 };
    assert_eq!(factorial.answer(Question::Step(2)), Err(no_step));
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
    close(value(&additive, Question::WithAndWithout(0)), 3.5);
    close(value(&additive, Question::WithAndWithout(2)), -0.5 + 1.5);
    assert_eq!(
        additive.answer(Question::Interaction(0b011)),
        Err(FactorialError::AssumedZero { largest: 1 })
    );

    let pairs = half(2);
    let aliased = FactorialError::Aliased {
        effect: "email".to_owned(),
        alias: "web × app".to_owned(),
    };
    assert_eq!(pairs.answer(Question::WithAndWithout(0)), Err(aliased));
    assert!(matches!(
        pairs.answer(Question::Shapley(0)),
        Err(FactorialError::Aliased { .. })
    ));
    // Cells that were run can be compared without any assumption.
    let mut weights = [0.0; 8];
    (weights[0b111], weights[0b001]) = (1.0, -1.0);
    let found = pairs.cells().alone(&weights).expect("an estimate");
    close(read(found).absolute.estimate, 3.5);
}

/// Half of the cells of three channels: those with an odd number of channels, I = +email web app.
fn half(largest: usize) -> Factorial {
    let cells = [0b001, 0b010, 0b100, 0b111].map(cell).to_vec();
    Factorial::new(names(3), cells, largest).expect("valid cells")
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
        let shapley = Question::Shapley(channel);
        assert!((value(&half, shapley) - value(&full, shapley)).abs() < 1e-10);
        // Each cell that was run has a sixteenth of the weight of a regular fraction.
        let main = estimate(&half, Question::WithAndWithout(channel));
        let noise: f64 = half
            .cells()
            .run()
            .iter()
            .map(|(_, s)| s.variance / s.n as f64)
            .sum();
        assert!((main.se - noise.sqrt() / 8.0).abs() < 1e-12);
    }
    let all = Question::AllAgainstNone;
    assert!((value(&half, all) - value(&full, all)).abs() < 1e-10);
}

/// The twelve runs of Plackett and Burman's design: eleven two-level factors at most, main effects
/// not confounded with each other.
#[test]
fn a_screening_design_needs_no_regular_fraction() {
    let first = [1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0];
    let mut runs: Vec<ChannelSet> = (0..11)
        .map(|shift| {
            (0..5)
                .map(|factor| first[(11 + factor - shift) % 11] << factor)
                .sum()
        })
        .collect();
    runs.push(0);
    // The mean of the others' levels is the same with and without each of five factors.
    let sample = |on: ChannelSet| {
        let has = |channel: u32| f64::from(on >> channel & 1);
        let mean = 3.0 + 2.0 * has(0) - has(1) + 0.5 * has(2) + 4.0 * has(4);
        (
            on,
            Sample {
                n: 50,
                mean,
                variance: 9.0,
            },
        )
    };
    let mut cells: Vec<(ChannelSet, Sample)> = runs.iter().map(|on| sample(*on)).collect();
    cells.sort_by_key(|(on, _)| *on);
    cells.dedup_by_key(|(on, _)| *on);
    assert_eq!(cells.len(), 12, "no run is there twice");
    let screen = Factorial::new(names(5), cells, 1).expect("valid cells");
    assert!(!screen.is_regular());
    for (channel, truth) in [2.0, -1.0, 0.5, 0.0, 4.0].into_iter().enumerate() {
        let main = estimate(&screen, Question::WithAndWithout(channel));
        assert!((main.estimate - truth).abs() < 1e-9, "{main:?}");
        // Six runs with and six without, each of 50 customers.
        assert!((main.se - (9.0 / 300.0 + 9.0_f64 / 300.0).sqrt()).abs() < 1e-9);
    }
    let alone = Question::Alone(0);
    assert!(
        (value(&screen, alone) - 2.0).abs() < 1e-9,
        "additive effects"
    );
}

#[test]
fn a_lost_cell_is_reached_by_what_is_assumed() {
    let lost = (0..7).map(cell).collect::<Vec<_>>();
    let pairs = Factorial::new(names(3), lost.clone(), 2).expect("valid cells");
    assert!(!pairs.is_regular());
    assert!((value(&pairs, Question::AllAgainstNone) - 5.5).abs() < 1e-9);
    assert!((value(&pairs, Question::Shapley(1)) - 2.5).abs() < 1e-9);
    // Cells that were run are compared as they are.
    close(value(&pairs, Question::Alone(0)), 2.0);
    let all = Factorial::new(names(3), lost, 3).expect("valid cells");
    let lost = FactorialError::NotDetermined { largest: 3 };
    assert_eq!(all.answer(Question::AllAgainstNone), Err(lost));

    let cells = [0b000, 0b001, 0b010].map(cell).to_vec();
    let three = Factorial::new(names(2), cells.clone(), 2).expect("valid cells");
    assert!(three.answer(Question::Alone(0)).is_ok());
    let lost = FactorialError::NotDetermined { largest: 2 };
    assert_eq!(three.answer(Question::AllAgainstNone), Err(lost));
    let additive = Factorial::new(names(2), cells, 1).expect("valid cells");
    assert!((value(&additive, Question::AllAgainstNone) - 3.0).abs() < 1e-9);
}

/// Three headlines and two images, one of the six combinations never shown.
#[test]
fn factors_of_several_levels() {
    let grid = Grid::new(vec![3, 2]).expect("a grid");
    assert_eq!((grid.cells(), grid.place(&[2, 1])), (6, Some(5)));
    assert_eq!((grid.level(5, 0), grid.level(5, 1)), (2, 1));
    assert_eq!(grid.place(&[3, 0]), None);
    let mean = |place: usize| {
        let headline = [1.0, 4.0, 2.5][place % 3];
        headline + 2.0 * (place / 3) as f64
    };
    let sample = |place: usize| {
        let sample = Sample {
            n: 100,
            mean: mean(place),
            variance: 4.0,
        };
        (place, sample)
    };
    // The second headline against the first, over both images.
    let effect = grid.weights(|place| [-0.5, 0.5, 0.0][place % 3]);
    let all = Cells::new(grid.clone(), (0..6).map(sample).collect(), 2).expect("cells");
    let found = read(all.alone(&effect).expect("an estimate")).absolute;
    close(found.estimate, 3.0);
    close(found.se, (4.0 * 0.25 * 4.0 / 100.0_f64).sqrt());
    let lost = Cells::new(grid.clone(), (0..5).map(sample).collect(), 1).expect("cells");
    let last = grid.weights(|place| f64::from(u8::from(place == 5)));
    let found = read(lost.alone(&last).expect("an estimate")).absolute;
    assert!((found.estimate - mean(5)).abs() < 1e-9);
    let lost = Cells::new(grid, (0..5).map(sample).collect(), 2).expect("cells");
    let refused = FactorialError::NotDetermined { largest: 2 };
    assert_eq!(lost.alone(&last), Err(refused));
}

#[test]
fn invalid_cells_are_refused() {
    let build =
        |cells: &[(ChannelSet, Sample)]| Factorial::new(names(2), cells.to_vec(), 2).map(|_| ());
    assert!(matches!(
        build(&[cell(4)]),
        Err(FactorialError::UnknownCell { .. })
    ));
    assert!(matches!(
        build(&[cell(1), cell(1)]),
        Err(FactorialError::RepeatedCell { .. })
    ));
    let with = |sample: Sample| build(&[(1, sample)]);
    let (_, sample) = cell(1);
    assert!(matches!(
        with(Sample { n: 1, ..sample }),
        Err(FactorialError::TooFew { .. })
    ));
    assert!(matches!(
        with(Sample {
            variance: -1.0,
            ..sample
        }),
        Err(FactorialError::InvalidCell { .. })
    ));
    assert!(matches!(
        Factorial::new(Vec::new(), Vec::new(), 1),
        Err(FactorialError::FactorCount { factors: 0 })
    ));
    assert!(matches!(
        Grid::new(vec![2, 1]),
        Err(FactorialError::LevelCount { factor: 1, .. })
    ));
    assert_eq!(Grid::new(vec![300, 300]), Err(FactorialError::TooManyCells));
    let factorial = full(2);
    for question in [
        Question::Alone(2),
        Question::Interaction(0b100),
        Question::Shapley(99),
    ] {
        assert!(matches!(
            factorial.answer(question),
            Err(FactorialError::UnknownChannel { .. })
        ));
    }
    assert!(matches!(
        factorial.cells().alone(&[1.0]),
        Err(FactorialError::WeightCount { .. })
    ));
    // Nothing at all to share.
    let flat = (0..4).map(|on| {
        (
            on,
            Sample {
                mean: 1.0,
                ..cell(on).1
            },
        )
    });
    let flat = Factorial::new(names(2), flat.collect(), 2).expect("valid cells");
    let contrast = flat.shapley_share(0).expect("a contrast");
    assert!(read(contrast).relative.is_err());
}

/// Intervals hold the truth as often as they say: Shapley values, their shares of the whole, their
/// differences, interactions and steps, with arms of other sizes and spreads, all cells and half.
#[test]
fn coverage_of_causal_effects() {
    let mut random = Random(11);
    let runs = 2_000;
    let questions = [
        Question::Shapley(0),
        Question::ShapleyDifference(0, 1),
        Question::AnyAgainstNone,
        Question::ManyAgainstOne,
        Question::Interaction(0b011),
        Question::Step(2),
        Question::WithAndWithout(2),
    ];
    let truth = full(3);
    let half_truth = full(5);
    let mut held = [0_u64; 7];
    let (mut shares, mut half_shares, mut half_values, mut order) = (0_u64, 0_u64, 0_u64, 0_u64);
    for _ in 0..runs {
        let mut draw = |on: ChannelSet| {
            // From 40 to some 110 customers, skewed outcomes.
            let n = 40 + 10 * u64::from(on % 8);
            let sd = 2.0 + f64::from(on % 8) / 2.0;
            let drawn = (0..n).map(|_| expectation(on) + sd * (-random.uniform().ln() - 1.0));
            let drawn: Vec<f64> = drawn.collect();
            let mean = drawn.iter().sum::<f64>() / n as f64;
            let squares: f64 = drawn.iter().map(|x| (x - mean).powi(2)).sum();
            let variance = squares / (n - 1) as f64;
            (on, Sample { n, mean, variance })
        };
        let factorial =
            Factorial::new(names(3), (0..8).map(&mut draw).collect(), 3).expect("valid");
        for (held, question) in held.iter_mut().zip(questions) {
            let found = estimate(&factorial, question);
            let truth = value(&truth, question);
            *held += u64::from(found.low <= truth && truth <= found.high);
        }
        let found = share(&factorial, 0);
        shares += u64::from(found.low <= 3.5 / 5.5 && 3.5 / 5.5 <= found.high);
        order += u64::from(value(&factorial, Question::ShapleyDifference(0, 1)) > 0.0);
        let odd = (0..32_u32).filter(|on| on.count_ones() % 2 == 1);
        let half = Factorial::new(names(5), odd.map(&mut draw).collect(), 2).expect("valid");
        let found = estimate(&half, Question::Shapley(1));
        let expected = value(&half_truth, Question::Shapley(1));
        half_values += u64::from(found.low <= expected && expected <= found.high);
        let found = share(&half, 1);
        half_shares += u64::from(found.low <= 2.5 / 5.5 && 2.5 / 5.5 <= found.high);
    }
    // The one is truly above the other, and is found so more often than not.
    assert!(order > runs * 3 / 4, "{order}");
    for hits in held.into_iter().chain([shares, half_shares, half_values]) {
        let rate = 100.0 * hits as f64 / runs as f64;
        println!("{rate:.1} %");
        assert!((93.0..=97.0).contains(&rate), "{rate} %");
    }
}
