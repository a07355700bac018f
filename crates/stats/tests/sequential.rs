//! Sequential tests: laws, published numbers, and simulated Brownian paths. Seeds are
//! fixed; simulated rates are held against what a binomial with the nominal rate
//! leaves once in a million.

mod common;

use common::{Random, assert_close, assert_rate};
use proptest::prelude::*;
use stats::quantile::Distribution;
use stats::sequential::{
    AnytimeF, ConfidenceSequence, Decision, DistributionSequence, EmpiricalBernstein, Futility,
    HedgedCapital, Looks, Monitor, PlugInBernstein, SequentialError, Sides, Spending, Stage, Watch,
    any_quantile_bound, bernoulli_sequence, conditional_power, end_critical_of, futility_bounds,
    gamma_exponential_bound, group_sequential, optimal_g, predictive_power,
    quantile_sequence_probability, quantile_sequence_ranks, stitched_bound, stopped_estimate,
    wald_f,
};
use stats::{Contrast, LeastSquares, Method, Noise, tail};

const ALPHA: f64 = 0.05;

/// Evenly spaced looks up to 1.
fn even(looks: usize) -> Vec<f64> {
    (1..=looks).map(|k| k as f64 / looks as f64).collect()
}

/// A path of z at given information fractions.
fn path(random: &mut Random, fractions: &[f64], drift: f64) -> Vec<f64> {
    let (mut position, mut before) = (0.0, 0.0);
    let mut z = Vec::with_capacity(fractions.len());
    for &t in fractions {
        position += drift * (t - before) + (t - before).sqrt() * random.normal();
        before = t;
        z.push(position / t.sqrt());
    }
    z
}

/// The first look that crosses.
fn crossing(z: &[f64], critical: &[f64]) -> Option<usize> {
    z.iter().zip(critical).position(|(z, c)| z.abs() > *c)
}

fn crossings(seed: u64, paths: u64, monitor: &Monitor, drift: f64) -> u64 {
    let mut random = Random(seed);
    let crossed = (0..paths).filter(|_| {
        let z = path(&mut random, monitor.fractions(), drift);
        crossing(&z, monitor.critical()).is_some()
    });
    crossed.count() as u64
}

/// An estimate of 10 against 100 with the z asked for.
fn contrast(z: f64, df: f64) -> Contrast {
    Contrast {
        treated: 100.0 + z,
        control: 100.0,
        treated_variance: 0.5,
        control_variance: 0.5,
        covariance: 0.0,
        df,
    }
}

fn plans() -> [Looks; 7] {
    [
        Looks::Fixed,
        Looks::Anytime,
        Looks::GroupSequential(Spending::Power(2.0)),
        Looks::GroupSequential(Spending::OBrienFleming),
        Looks::GroupSequential(Spending::Pocock),
        Looks::Hybrid(Watch::Listed),
        Looks::Hybrid(Watch::Continuous),
    ]
}

/// Five even looks at two-sided 0.05: the bounds tabulated by K. K. G. Lan and D. L.
/// DeMets' program and in Jennison and Turnbull's book.
#[test]
fn published_boundaries() {
    let cases = [
        (
            Spending::OBrienFleming,
            [4.8769, 3.3570, 2.6803, 2.2898, 2.0310],
        ),
        (Spending::Pocock, [2.4380, 2.4268, 2.4102, 2.3966, 2.3860]),
    ];
    for (spending, expected) in cases {
        let test = group_sequential(&even(5), ALPHA, Sides::Two, spending, true).expect("bounds");
        for (bound, expected) in test.critical.iter().zip(expected) {
            assert_close("bound", *bound, expected, 0.0, 1e-4);
        }
    }
}

/// The bounds of `alpha t^2`, from a Simpson rule of 2001 points a look.
#[test]
fn boundaries_to_the_last_digits() {
    let spending = Spending::Power(2.0);
    let test = group_sequential(&even(5), ALPHA, Sides::Two, spending, true).expect("bounds");
    let expected = [
        3.0902323061678,
        2.7141115755309,
        2.4727772019140,
        2.2798632693166,
        2.1140274230486,
    ];
    for (bound, expected) in test.critical.iter().zip(expected) {
        assert_close("bound", *bound, expected, 0.0, 1e-8);
    }
}

/// False positives at 28 and at 400 looks, and power under the drift that gives one
/// look 80 %.
#[test]
fn error_rates_hold_and_the_hybrid_keeps_its_power() {
    let (paths, drift) = (20_000, 2.8);
    for plan in &plans()[1..] {
        let monitor = Monitor::new(*plan, ALPHA, &even(28), Stage::End).expect("a plan");
        let found = crossings(1, paths, &monitor, 0.0);
        let (low, high) = match plan {
            Looks::Anytime => (0.005, ALPHA),
            Looks::Hybrid(Watch::Continuous) => (0.045, ALPHA),
            _ => (ALPHA, ALPHA),
        };
        assert_rate(&format!("{plan:?}"), found, paths, low, high);
        if let Looks::Hybrid(_) = plan {
            let one_look = Monitor::new(Looks::Fixed, ALPHA, &[1.0], Stage::End).expect("a plan");
            let fixed = conditional_power(0.0, 0.0, drift, one_look.end_critical());
            let found = crossings(2, paths, &monitor, drift);
            assert_rate(
                &format!("power of {plan:?}"),
                found,
                paths,
                fixed - 0.01,
                fixed,
            );
        }
    }
    // Looks that nobody planned: watched 400 times, the hybrid's end is prepared.
    let paths = 4_000;
    for plan in [
        Looks::Anytime,
        Looks::Hybrid(Watch::Listed),
        Looks::Hybrid(Watch::Continuous),
    ] {
        let monitor = Monitor::new(plan, ALPHA, &even(400), Stage::End).expect("a plan");
        let found = crossings(3, paths, &monitor, 0.0);
        let low = if plan == Looks::Anytime { 0.005 } else { 0.045 };
        assert_rate(&format!("{plan:?}, 400 looks"), found, paths, low, ALPHA);
    }
    let spending = Spending::Power(2.0);
    let test = group_sequential(&even(400), ALPHA, Sides::Two, spending, true).expect("bounds");
    let mut random = Random(4);
    let crossed = (0..paths).filter(|_| {
        let z = path(&mut random, &even(400), 0.0);
        crossing(&z, &test.critical).is_some()
    });
    let found = crossed.count() as u64;
    assert_rate("group sequential, 400 looks", found, paths, ALPHA, ALPHA);
}

/// Watching without pause is dominated: the final boundary is above that of 28 and of
/// 400 looks, and hardly so.
#[test]
fn the_continuous_hybrid_dominates() {
    let end = |watch, looks| {
        let plan = Looks::Hybrid(watch);
        let monitor = Monitor::new(plan, ALPHA, &even(looks), Stage::End).expect("a plan");
        let end = monitor.end_critical();
        assert_eq!(
            end_critical_of(plan, ALPHA, &even(looks), Stage::End),
            Ok(end)
        );
        end
    };
    let continuous = end(Watch::Continuous, 1);
    let (some, many) = (end(Watch::Listed, 28), end(Watch::Listed, 400));
    assert!(some < many && many < continuous && continuous < many + 0.01);
    assert_close("28 looks", some, 1.9728, 0.0, 1e-4);
}

/// Whatever the plan, look, size and degrees of freedom, the absolute interval, the
/// relative one and p agree, also on the very boundary.
#[test]
fn one_verdict() {
    let fractions = [0.1, 0.3, 0.35, 0.8, 1.1];
    let mut random = Random(5);
    for plan in plans() {
        for stage in [Stage::Interim, Stage::End, Stage::Extended] {
            for looks in 1..=fractions.len() {
                let fractions = &fractions[..looks];
                let monitor = Monitor::new(plan, ALPHA, fractions, stage).expect("a plan");
                let critical = monitor.critical()[looks - 1];
                let check = |z: f64, df: f64| {
                    let lift = monitor
                        .lift(&contrast(z, df), Method::Welch)
                        .expect("a lift");
                    let significant = lift.probability.p < ALPHA;
                    assert_eq!(lift.absolute.excludes_zero(), significant, "{lift:?}");
                    if let Ok(relative) = lift.relative {
                        assert_eq!(relative.excludes_zero(), significant, "{lift:?}");
                    }
                    lift
                };
                for _ in 0..20 {
                    check(6.0 * random.normal(), f64::INFINITY);
                    check(6.0 * random.normal(), 3.0 + 50.0 * random.uniform());
                }
                if critical.is_finite() {
                    for z in [-critical, critical] {
                        let lift = check(z, f64::INFINITY);
                        assert_close("p", lift.probability.p, ALPHA, 1e-8, 0.0);
                        assert!(check(z * 1.0001, f64::INFINITY).probability.p < ALPHA);
                        assert!(check(z * 0.9999, f64::INFINITY).probability.p > ALPHA);
                    }
                }
            }
        }
    }
}

/// p is the level at which the look would have stopped, between the levels that were
/// computed and beyond.
#[test]
fn probabilities_are_levels() {
    let fractions = even(6);
    for spending in [
        Spending::Power(2.0),
        Spending::OBrienFleming,
        Spending::Pocock,
    ] {
        let plan = Looks::GroupSequential(spending);
        let at = |alpha: f64| Monitor::new(plan, alpha, &fractions, Stage::End).expect("a plan");
        let monitor = at(ALPHA);
        for level in [0.7, 0.2, 0.03, 1e-3, 1e-5, 1e-7, 1e-12] {
            let bounds = at(level).critical().to_vec();
            let contrasts: Vec<_> = bounds
                .iter()
                .map(|&z| z.is_finite().then(|| contrast(z, f64::INFINITY)))
                .collect();
            let history = monitor
                .history(&contrasts, Method::Welch)
                .expect("a history");
            for (look, bound) in history.looks.iter().flatten().zip(bounds) {
                let ln_p = look.lift.probability.ln_p;
                let what = format!("{spending:?} {level} at {} {bound}", look.fraction);
                assert_close(&what, ln_p, level.ln(), 2e-3, 5e-3);
            }
        }
    }
    // The far tail: at z = 40 the spending of the look is all that matters.
    let monitor = Monitor::new(
        Looks::GroupSequential(Spending::Power(2.0)),
        ALPHA,
        &fractions,
        Stage::End,
    )
    .expect("a plan");
    let lift = monitor
        .lift(&contrast(40.0, f64::INFINITY), Method::Welch)
        .expect("a lift");
    let share: f64 = 1.0 - (5.0f64 / 6.0).powi(2);
    let expected = tail::normal_two_sided(40.0).ln_p - share.ln();
    assert_close("ln p", lift.probability.ln_p, expected, 1e-2, 0.0);
}

/// One look at the end is Welch's test, under every plan that spends all of alpha.
#[test]
fn one_look_is_the_ordinary_test() {
    for plan in plans() {
        if matches!(plan, Looks::Anytime | Looks::Hybrid(Watch::Continuous)) {
            continue;
        }
        for fraction in [0.7, 1.0, 1.3] {
            let monitor = Monitor::new(plan, ALPHA, &[fraction], Stage::End).expect("a plan");
            for (z, df) in [(1.5, 7.0), (2.5, 30.0), (-4.0, f64::INFINITY), (0.0, 12.0)] {
                let contrast = contrast(z, df);
                let ordinary = contrast.lift(ALPHA, Method::Welch).expect("a lift");
                let lift = monitor.lift(&contrast, Method::Welch).expect("a lift");
                let (a, b) = (lift.absolute, ordinary.absolute);
                assert_close("low", a.low, b.low, 1e-9, 1e-9);
                assert_close("high", a.high, b.high, 1e-9, 1e-9);
                assert_close("p", lift.probability.p, ordinary.probability.p, 1e-3, 0.0);
                let history = monitor
                    .history(&[Some(contrast)], Method::Welch)
                    .expect("a history");
                let corrected = history.corrected.expect("an end");
                assert_close("estimate", corrected.estimate, z, 1e-9, 1e-9);
            }
        }
    }
}

/// After stopping: above the truth and below it equally often, covered as promised,
/// and significant exactly when the boundary was crossed.
#[test]
fn corrected_estimates_are_median_unbiased_and_cover() {
    let fractions = [0.3, 0.7, 1.0];
    let paths = 1_000;
    for (seed, plan) in [
        (6, Looks::GroupSequential(Spending::Power(1.0))),
        (7, Looks::Hybrid(Watch::Listed)),
    ] {
        let monitor = Monitor::new(plan, ALPHA, &fractions, Stage::End).expect("a plan");
        for drift in [0.0, 2.8] {
            let mut random = Random(seed);
            let (mut above, mut covered, mut naive) = (0, 0, 0);
            for _ in 0..paths {
                let z = path(&mut random, &fractions, drift);
                let crossed = crossing(&z, monitor.critical());
                let look = crossed.unwrap_or(2);
                let looks = &fractions[..=look];
                let stopped = stopped_estimate(looks, monitor.critical(), z[look], ALPHA);
                let stopped = stopped.expect("an estimate");
                above += u64::from(stopped.estimate > drift);
                covered += u64::from(stopped.low <= drift && drift <= stopped.high);
                naive += u64::from(z[look] / fractions[look].sqrt() > drift);
                assert_eq!(stopped.probability.p < ALPHA, crossed.is_some());
                assert_eq!(stopped.low > 0.0 || stopped.high < 0.0, crossed.is_some());
            }
            assert_rate("above the truth", above, paths, 0.5, 0.5);
            assert_rate("covered", covered, paths, 1.0 - ALPHA, 1.0 - ALPHA);
            if drift > 0.0 {
                assert!(
                    naive > above,
                    "the naive estimate is not too large: {naive}"
                );
            }
        }
    }
}

/// A history: running probabilities never rise, the first crossing is found, and the
/// corrected effect agrees with it.
#[test]
fn histories() {
    let fractions = even(10);
    let mut random = Random(8);
    for plan in plans() {
        let monitor = Monitor::new(plan, ALPHA, &fractions, Stage::End).expect("a plan");
        for drift in [0.0, 2.0, -4.0] {
            let z = path(&mut random, &fractions, drift);
            let mut contrasts: Vec<_> = z.iter().map(|&z| Some(contrast(z, 200.0))).collect();
            contrasts[2] = None;
            let history = monitor
                .history(&contrasts, Method::Welch)
                .expect("a history");
            let mut least = f64::INFINITY;
            let mut first = None;
            for (k, look) in history.looks.iter().enumerate() {
                let Some(look) = look else {
                    assert_eq!(k, 2);
                    continue;
                };
                let (running, absolute) = (look.running, look.lift.absolute);
                if plan != Looks::Fixed {
                    least = least.min(look.lift.probability.ln_p);
                    assert_eq!(running.probability.ln_p, least);
                    assert!(running.low >= absolute.low && running.high <= absolute.high);
                    let excludes = running.low > 0.0 || running.high < 0.0;
                    assert_eq!(excludes, running.probability.p < ALPHA);
                }
                let stops = matches!(look.decision, Decision::Effect | Decision::Harm);
                if stops && first.is_none() {
                    first = Some(k);
                }
            }
            assert_eq!(history.first_crossing, first);
            let corrected = history.corrected.expect("stopped or at the end");
            assert_eq!(corrected.look, first.unwrap_or(9));
            assert_eq!(corrected.probability.p < ALPHA, first.is_some());
            assert!(corrected.low < corrected.estimate && corrected.estimate < corrected.high);
        }
    }
}

/// When the end moves, a hybrid is the plain sequence at level alpha with the mixture
/// it started with, whose boundary its earlier looks were outside of.
#[test]
fn a_moved_end_falls_back_to_the_sequence() {
    let plan = Looks::Hybrid(Watch::Listed);
    let fractions = [0.5, 1.0, 1.5];
    let moved = Monitor::new(plan, ALPHA, &fractions, Stage::Extended).expect("a plan");
    let sequence = ConfidenceSequence::tuned(0.5 * ALPHA, Sides::Two).expect("a sequence");
    assert_eq!(moved.critical()[2], sequence.critical(ALPHA, 1.5));
    assert_eq!(moved.critical()[1], sequence.critical(0.5 * ALPHA, 1.0));
    assert!(moved.critical()[2] < sequence.critical(0.5 * ALPHA, 1.5));
}

/// Under the planned drift, stopping for futility has the probability it may have;
/// bounds stay below those for an effect.
#[test]
fn futility_spends_beta() {
    let fractions = even(5);
    let futility = Futility {
        beta: 0.1,
        drift: 2.8,
        spending: Spending::Power(1.5),
    };
    let plan = Looks::Hybrid(Watch::Listed);
    let monitor = Monitor::new(plan, ALPHA, &fractions, Stage::End)
        .and_then(|monitor| monitor.with_futility(&futility))
        .expect("a plan");
    let bounds = monitor.futile().expect("bounds").to_vec();
    assert_eq!(bounds[4], monitor.critical()[4]);
    let (mut random, paths) = (Random(9), 20_000);
    let stopped = (0..paths).filter(|_| {
        let z = path(&mut random, &fractions, 2.8);
        let futile = (0..4).find(|&k| z[k].abs() <= bounds[k]);
        let crossed = crossing(&z, monitor.critical());
        futile.is_some_and(|k| crossed.is_none_or(|c| k < c))
    });
    let spent = Spending::Power(1.5).spent(0.1, 0.8);
    assert_rate("futile", stopped.count() as u64, paths, spent, spent);

    let one = futility_bounds(&fractions, &[2.0; 5], Sides::One, &futility).expect("bounds");
    assert!(one.windows(2).all(|pair| pair[0] < pair[1]) && one[4] == 2.0);

    let now = Monitor::new(plan, ALPHA, &fractions[..3], Stage::Interim)
        .and_then(|monitor| monitor.with_futility(&futility))
        .expect("a plan");
    let flat = now
        .lift(&contrast(0.1, f64::INFINITY), Method::Welch)
        .expect("a lift");
    assert_eq!(now.decide(&flat), Decision::Futile);
    let better = now
        .lift(&contrast(1.8, f64::INFINITY), Method::Welch)
        .expect("a lift");
    assert_eq!(now.decide(&better), Decision::Continue);
    assert!(now.conditional_power(&better, Some(2.8)) > 0.7);
    assert!(now.predictive_power(&flat) < 0.05);
}

#[test]
fn conditional_and_predictive_power() {
    let critical = 1.959963984540054;
    // Nothing known: the power of the plan.
    let power = tail::normal_cdf(2.8 - critical) + tail::normal_cdf(-2.8 - critical);
    assert_close(
        "power",
        conditional_power(0.0, 0.0, 2.8, critical),
        power,
        1e-14,
        0.0,
    );
    // Half way at z = 2 the trend leads to 2 sqrt 2, with half the variance left.
    let trend = conditional_power(2.0, 0.5, 2.0 / 0.5f64.sqrt(), critical);
    let expected = tail::normal_cdf((8f64.sqrt() - critical) / 0.5f64.sqrt());
    assert_close("trend", trend, expected, 1e-9, 0.0);
    let predicted = predictive_power(2.0, 0.5, critical);
    assert_close(
        "predicted",
        predicted,
        tail::normal_cdf(8f64.sqrt() - critical),
        1e-5,
        0.0,
    );
    assert_eq!(predictive_power(2.0, 1.0, critical), 1.0);
    assert_eq!(conditional_power(1.9, 1.0, 0.0, critical), 0.0);
}

/// The t test is the F test of one coefficient; p inverts the radius; the best g is
/// best; arms may be coded as one likes.
#[test]
fn anytime_valid_linear_models() {
    let g = optimal_g(4_000.0, 3, 1, ALPHA).expect("a g");
    let radius = |g: f64| {
        let test = AnytimeF::new(1, 3_997.0, 4_000.0, g).expect("a test");
        let radius = test.radius(ALPHA);
        let p = test.probability(radius * radius).p;
        assert_close("p at the radius", p, ALPHA, 1e-10, 0.0);
        radius
    };
    assert!(radius(g) <= radius(g * 1.01) && radius(g) <= radius(g / 1.01));
    // Many rows: the confidence sequence.
    let sequence = ConfidenceSequence::tuned(ALPHA, Sides::Two).expect("a sequence");
    assert_close(
        "radius",
        radius(g),
        sequence.critical(ALPHA, 1.0),
        2e-3,
        0.0,
    );
    let tiny = AnytimeF::new(1, 2.0, 4.0, 100.0).expect("a test");
    assert_eq!(tiny.radius(1e-9), f64::INFINITY);
    assert!(tiny.ln_e(f64::INFINITY).is_finite());

    let mut random = Random(10);
    let arm: Vec<u64> = (0..300).map(|_| random.below(3)).collect();
    let outcome: Vec<f64> = arm.iter().map(|&a| a as f64 + random.normal()).collect();
    let indicator =
        |of: u64| -> Vec<f64> { arm.iter().map(|&a| f64::from(u8::from(a == of))).collect() };
    let f = |first: u64, second: u64| {
        let (x1, x2) = (indicator(first), indicator(second));
        let fit = LeastSquares::new(&outcome, &[&[1.0; 300], &x1, &x2]).expect("a fit");
        let v = fit.covariance(Noise::Hc2);
        let block = [v[4], v[5], v[7], v[8]];
        wald_f(&fit.coefficients[1..], &block).expect("an F")
    };
    assert_close("coding", f(1, 2), f(0, 2), 1e-9, 0.0);
    let test = AnytimeF::new(2, 297.0, 300.0, g).expect("a test");
    assert!(test.probability(f(1, 2)).p < 1e-6);
    assert_eq!(wald_f(&[1.0, 2.0], &[1.0, 1.0, 1.0, 1.0]), None);
    assert_eq!(wald_f(&[1.0], &[1.0, 2.0]), None);
}

/// A rank is kept exactly when the share it is of is in the share's sequence.
#[test]
fn quantiles_and_shares_agree() {
    for (quantile, n) in [(0.5, 40), (0.9, 500), (0.99, 60), (0.1, 1)] {
        let (low, high) = quantile_sequence_ranks(quantile, n, ALPHA, 1_000.0).expect("ranks");
        for k in 0..=n {
            let (below, above) = bernoulli_sequence(k, n, ALPHA, 1_000.0).expect("limits");
            let kept = below < quantile && quantile < above;
            assert_eq!(kept, (low..=high).contains(&k), "{quantile} {n} {k}");
        }
    }
    assert_eq!(bernoulli_sequence(0, 0, ALPHA, 10.0), Ok((0.0, 1.0)));
    assert!(bernoulli_sequence(2, 1, ALPHA, 10.0).is_err());
}

/// Values of which one in fifty is large: the mean is held at every look.
#[test]
fn empirical_bernstein_covers() {
    let mut random = Random(11);
    let (trials, mut missed) = (400, 0);
    for _ in 0..trials {
        let mut state = EmpiricalBernstein::default();
        let mut held = true;
        for n in 1..=1_000 {
            let value = if random.uniform() < 0.02 {
                random.uniform()
            } else {
                0.0
            };
            state.push(value).expect("a value in range");
            if n % 50 == 0 {
                let (low, high) = state.interval(ALPHA, 7.0).expect("an interval");
                held &= low <= 0.01 && 0.01 <= high;
            }
        }
        missed += u64::from(!held);
    }
    assert_rate("missed", missed, trials, 0.0, ALPHA);
    let mut state = EmpiricalBernstein::default();
    assert!(state.push(1.5).is_err() && state.push(f64::NAN).is_err());
    assert_eq!(state.interval(ALPHA, 7.0), Ok((0.0, 1.0)));
}

/// Values of which one in twenty is 1, few of them: both bets hold the mean at every time,
/// and are narrower than the mixture.
#[test]
fn bets_cover_and_are_narrow() {
    const PATHS: u64 = 150;
    const N: u64 = 400;
    const SHARE: f64 = 0.05;
    let mut random = Random(40);
    let mut missed = [0u64; 2];
    let mut widths = [0.0; 3];
    for _ in 0..PATHS {
        let mut plug_in = PlugInBernstein::new(ALPHA).expect("a level");
        let mut hedged = HedgedCapital::new(ALPHA).expect("a level");
        let mut mixture = EmpiricalBernstein::default();
        let mut ever = [false; 2];
        for _ in 0..N {
            let value = f64::from(u8::from(random.uniform() < SHARE));
            plug_in.push(value).expect("a value");
            hedged.push(value).expect("a value");
            mixture.push(value).expect("a value");
            for (ever, (low, high)) in ever.iter_mut().zip([plug_in.interval(), hedged.interval()])
            {
                *ever |= !(low <= SHARE && SHARE <= high);
            }
        }
        let planned = N as f64 * SHARE * (1.0 - SHARE);
        let mixture = mixture.interval(ALPHA, planned).expect("an interval");
        let all = [plug_in.interval(), hedged.interval(), mixture];
        for (width, (low, high)) in widths.iter_mut().zip(all) {
            *width += high - low;
        }
        for (missed, ever) in missed.iter_mut().zip(ever) {
            *missed += u64::from(ever);
        }
    }
    for missed in missed {
        assert_rate("bets", missed, PATHS, 0.0, ALPHA);
    }
    assert!(widths[1] < widths[0] && widths[0] < widths[2], "{widths:?}");
    let mut sequence = PlugInBernstein::new(ALPHA).expect("a level");
    assert!(sequence.push(1.5).is_err() && sequence.push(f64::NAN).is_err());
    assert_eq!(sequence.interval(), (0.0, 1.0));
    assert!(HedgedCapital::new(1.0).is_err());
}

/// The boundaries that hold for all quantiles hold, at every look, and the probability that
/// a quantile is the same in both arms stays above the level when it is, and falls when not.
#[test]
fn all_quantiles_are_held_at_all_times() {
    const PATHS: u64 = 200;
    const FIRST: u64 = 50;
    let looks = [50usize, 100, 200, 400, 800];
    let band = DistributionSequence::new(ALPHA, FIRST).expect("a band");
    assert_eq!(band.distance(FIRST - 1), f64::INFINITY);
    let mut random = Random(41);
    let (mut band_left, mut bound_left, mut alarms, mut found) = (0u64, 0u64, 0u64, 0u64);
    for _ in 0..PATHS {
        let [a, b] = [(); 2].map(|()| (0..800).map(|_| random.uniform()).collect::<Vec<f64>>());
        let (mut off_band, mut off_bound, mut alarm, mut other) = (false, false, false, false);
        for &n in &looks {
            for p in [0.01, 0.1, 0.5, 0.9, 0.99] {
                let below = a[..n].iter().filter(|x| **x <= p).count() as f64;
                let (t, excess) = (n as u64, below - n as f64 * p);
                off_band |= excess.abs() > n as f64 * band.distance(t);
                let bound = |p| any_quantile_bound(p, t, ALPHA, FIRST).expect("a bound");
                off_bound |= excess > bound(p) || -excess > bound(1.0 - p);
            }
            let of = |values: &[f64], shift: f64| {
                Distribution::of(values.iter().map(|x| x + shift).collect::<Vec<_>>())
            };
            let p = |shift| {
                let (a, b) = (of(&a[..n], shift), of(&b[..n], 0.0));
                quantile_sequence_probability(&a, &b, 0.5, 400.0).expect("a probability")
            };
            alarm |= p(0.0).p <= ALPHA;
            other |= p(0.25).p <= ALPHA;
        }
        band_left += u64::from(off_band);
        bound_left += u64::from(off_bound);
        alarms += u64::from(alarm);
        found += u64::from(other);
    }
    for (what, count) in [
        ("band", band_left),
        ("bound", bound_left),
        ("alarms", alarms),
    ] {
        assert_rate(what, count, PATHS, 0.0, ALPHA);
    }
    assert!(found > PATHS * 9 / 10, "{found}");
    let none = Distribution::of([]);
    assert!(quantile_sequence_probability(&none, &none, 0.5, 400.0).is_err());
    assert!(any_quantile_bound(0.5, 100, ALPHA, 0).is_err());
    assert!(DistributionSequence::new(0.0, 1).is_err());
}

/// A stitched boundary is above the mixture around its planned time, and below it far away.
#[test]
fn stitching_needs_no_plan() {
    let mixture = |v| gamma_exponential_bound(v, ALPHA, 1000.0).expect("a bound");
    let stitched = |v| stitched_bound(v, ALPHA, 10.0, 1.0).expect("a bound");
    assert!(stitched(1000.0) > 1.2 * mixture(1000.0));
    assert!(stitched(10.0) < mixture(10.0));
    assert_eq!(stitched(1.0), stitched(10.0));
    assert!(stitched_bound(1.0, ALPHA, 0.0, 1.0).is_err());
}

#[test]
fn what_cannot_be_planned_says_why() {
    let new = |fractions: &[f64]| {
        Monitor::new(Looks::Anytime, ALPHA, fractions, Stage::Interim).map(|_| ())
    };
    assert_eq!(new(&[]), Err(SequentialError::NoLooks));
    let fraction = 0.0;
    assert_eq!(
        new(&[0.0]),
        Err(SequentialError::Fraction { look: 0, fraction })
    );
    assert_eq!(new(&[0.5, 0.4]), Err(SequentialError::TooClose { look: 1 }));
    assert_eq!(
        new(&[0.5, 0.5001]),
        Err(SequentialError::TooClose { look: 1 })
    );
    assert!(new(&[f64::NAN]).is_err() && new(&[f64::INFINITY]).is_err());
    for alpha in [0.0, 1.0, -1.0, f64::NAN] {
        for plan in plans() {
            assert!(Monitor::new(plan, alpha, &[0.5], Stage::Interim).is_err());
        }
    }
    for exponent in [0.0, -1.0, f64::NAN] {
        let plan = Looks::GroupSequential(Spending::Power(exponent));
        assert!(Monitor::new(plan, ALPHA, &[0.5], Stage::Interim).is_err());
    }
    let monitor = Monitor::new(Looks::Anytime, ALPHA, &[0.5], Stage::Interim).expect("a plan");
    assert_eq!(
        monitor.history(&[], Method::Welch),
        Err(SequentialError::Length {
            expected: 1,
            found: 0
        })
    );
    let broken = contrast(f64::NAN, 10.0);
    assert!(monitor.history(&[Some(broken)], Method::Welch).is_err());
    assert!(ConfidenceSequence::tuned(0.6, Sides::One).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// p inverts the boundary of a sequence at any level and time, on both sides.
    #[test]
    fn sequences_invert(alpha in 1e-6f64..0.4, level in 1e-9f64..0.3, t in 1e-3f64..50.0) {
        for sides in [Sides::One, Sides::Two] {
            let sequence = ConfidenceSequence::tuned(alpha, sides).expect("a sequence");
            let z = sequence.critical(level, t);
            let p = sequence.probability(z, t);
            prop_assert!((p.ln_p - level.ln()).abs() < 1e-10 * level.ln().abs() + 1e-10);
            prop_assert!(sequence.probability(1e3 * z, t).ln_p.is_finite());
        }
    }

    /// Any looks and any small numbers: bounds are computed, nothing panics, and more
    /// looks never lower a hybrid's final boundary.
    #[test]
    fn any_looks(seed in any::<u64>(), looks in 1usize..8) {
        let mut random = Random(seed);
        let mut fractions = Vec::new();
        let mut t = 10f64.powf(-4.0 * random.uniform());
        for _ in 0..looks {
            fractions.push(t);
            t *= 1.002 + 10f64.powf(2.0 * random.uniform() - 2.0);
        }
        for plan in plans() {
            let monitor = Monitor::new(plan, ALPHA, &fractions, Stage::End).expect("a plan");
            prop_assert!(monitor.critical().iter().all(|c| *c >= 0.0));
            let z = 20.0 * random.normal();
            let contrasts = vec![Some(contrast(z, 40.0)); looks];
            let history = monitor.history(&contrasts, Method::Welch).expect("a history");
            let corrected = history.corrected.expect("stopped or at the end");
            prop_assert!(corrected.low <= corrected.estimate);
            prop_assert!(corrected.estimate <= corrected.high);
        }
    }
}
