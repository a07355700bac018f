//! Tests of ranks: laws, exact enumeration, and simulated experiments. Seeds are fixed; rates
//! are held against what a binomial with the nominal rate leaves once in a million.

mod common;

use common::{Random, assert_close};
use proptest::prelude::*;
use stats::quantile::{Distribution, Histogram};
use stats::ranks::{kruskal_wallis, lift_of_ranks, mann_whitney};
use stats::{Unestimable, tail};

fn exact(values: &[f64]) -> Distribution {
    Distribution::of(values.iter().copied())
}

/// Values with ties.
fn values() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((-20i32..20).prop_map(|x| f64::from(x) / 2.0), 2..40)
}

proptest! {
    /// U counts pairs; arms swapped, both tests turn round; a change of unit or any other
    /// increasing change of the values leaves them, a decreasing one turns them round.
    #[test]
    fn ranks_follow_the_order_alone(a in values(), b in values(), shift in -9.0..9.0f64) {
        let test = mann_whitney(&exact(&a), &exact(&b)).unwrap();
        let pairs = a.iter().flat_map(|x| b.iter().map(move |y| (x, y)));
        let wins: f64 = pairs
            .map(|(x, y)| if x > y { 1.0 } else if x == y { 0.5 } else { 0.0 })
            .sum();
        prop_assert_eq!(test.u, wins);
        let back = mann_whitney(&exact(&b), &exact(&a)).unwrap();
        prop_assert_eq!(back.z, -test.z);
        prop_assert_eq!(back.probability, test.probability);

        let changed = |values: &[f64], sign: f64| -> Distribution {
            Distribution::of(values.iter().map(|x| sign * (0.1 * x).exp() + shift))
        };
        prop_assert_eq!(mann_whitney(&changed(&a, 1.0), &changed(&b, 1.0)).unwrap(), test);
        prop_assert_eq!(mann_whitney(&changed(&a, -1.0), &changed(&b, -1.0)).unwrap().z, -test.z);

        let (lift, turned) = (
            lift_of_ranks(&exact(&a), &exact(&b), 0.05),
            lift_of_ranks(&exact(&b), &exact(&a), 0.05),
        );
        let (Ok(lift), Ok(turned)) = (lift, turned) else { return Ok(()) };
        let wins = wins / (a.len() * b.len()) as f64;
        prop_assert!(((1.0 + lift.absolute.estimate) / 2.0 - wins).abs() < 1e-14);
        prop_assert!((lift.absolute.estimate + turned.absolute.estimate).abs() < 1e-14);
        prop_assert!((lift.absolute.low + turned.absolute.high).abs() < 1e-13);
    }

    /// At any level the intervals of the difference and of the win odds exclude nothing
    /// exactly when p is below it.
    #[test]
    fn verdicts_of_ranks_agree(a in values(), b in values(), ln_alpha in -8.0..-0.2f64) {
        let alpha = ln_alpha.exp();
        let Ok(lift) = lift_of_ranks(&exact(&a), &exact(&b), alpha) else { return Ok(()) };
        let significant = lift.probability.p < alpha;
        prop_assert_eq!(lift.absolute.excludes_zero(), significant);
        if let Ok(relative) = lift.relative {
            prop_assert_eq!(relative.excludes_zero(), significant);
        }
    }

    /// The test of several arms is, of two, that of two without the correction for
    /// continuity; the order of arms does not matter.
    #[test]
    fn several_arms_are_two(a in values(), b in values(), c in values()) {
        let [a, b, c] = [a, b, c].map(|values| exact(&values));
        let two = mann_whitney(&a, &b).unwrap();
        let h = kruskal_wallis(&[&a, &b]).unwrap().h;
        let pairs = (a.count() * b.count()) as f64;
        let excess = two.u - pairs / 2.0;
        if two.z != 0.0 {
            let z = two.z * excess.abs() / (excess.abs() - 0.5);
            prop_assert!((h - z * z).abs() < 1e-9 * (1.0 + h));
        }
        let (there, back) = (kruskal_wallis(&[&a, &b, &c]), kruskal_wallis(&[&c, &a, &b]));
        prop_assert!((there.unwrap().h - back.unwrap().h).abs() < 1e-9);
    }

    /// From histograms come the tests of the coarsened values, however they were merged.
    #[test]
    fn histograms_give_the_test_of_their_buckets(a in values(), b in values(), cut in 0..40usize) {
        let merged = |values: &[f64]| {
            let (head, tail) = values.split_at(cut.min(values.len()));
            let mut histogram: Histogram = tail.iter().copied().collect();
            histogram.merge(&head.iter().copied().collect());
            histogram.distribution()
        };
        let coarse = |values: &[f64]| {
            let whole: Histogram = values.iter().copied().collect();
            let middles = values.iter().map(|x| {
                let steps = whole.distribution();
                let step = steps.steps().iter().find(|s| s.low <= *x && *x <= s.high);
                step.map_or(f64::NAN, |s| s.middle())
            });
            Distribution::of(middles.collect::<Vec<_>>())
        };
        let test = mann_whitney(&merged(&a), &merged(&b)).unwrap();
        prop_assert_eq!(test, mann_whitney(&coarse(&a), &coarse(&b)).unwrap());
        // One arm exact and the other in buckets: overlapping steps are ties.
        prop_assert_eq!(test, mann_whitney(&merged(&a), &exact(&b)).unwrap());
    }
}

/// Every split of 14 distinct values into arms of 6 and 8: the exact distribution of U under
/// randomization has the expectation and the variance of the test, and the normal limit with
/// its correction is within 0.015 of the exact probability.
#[test]
fn the_normal_limit_is_that_of_all_splits() {
    const N: usize = 14;
    let mut splits: Vec<(f64, f64, f64)> = Vec::new();
    for set in 0u32..1 << N {
        if set.count_ones() != 6 {
            continue;
        }
        let arm = |treated: bool| {
            let chosen = (0..N).filter(|i| (set >> i & 1 == 1) == treated);
            exact(&chosen.map(|i| i as f64).collect::<Vec<_>>())
        };
        let test = mann_whitney(&arm(true), &arm(false)).unwrap();
        splits.push((test.u, test.z, test.probability.p));
    }
    let count = splits.len() as f64;
    assert_eq!(count, 3003.0);
    let mean = splits.iter().map(|s| s.0).sum::<f64>() / count;
    let variance = splits.iter().map(|s| (s.0 - 24.0).powi(2)).sum::<f64>() / count;
    assert_close("mean", mean, 24.0, 1e-14, 0.0);
    assert_close("variance", variance, 48.0 * 15.0 / 12.0, 1e-12, 0.0);
    for &(_, z, p) in &splits {
        let as_far = splits.iter().filter(|s| s.1.abs() >= z.abs() - 1e-12);
        let randomization = as_far.count() as f64 / count;
        assert!((p - randomization).abs() < 0.015, "{p} {randomization}");
    }
}

/// With another shape and size of the arms, and still no arm that wins, the interval of the
/// probability of superiority covers; the test that distributions are the same does not keep
/// its level, as it must not be asked to.
#[test]
fn superiority_is_covered_whatever_the_shapes() {
    const TRIALS: u32 = 4000;
    let mut random = Random(30);
    let (mut covered, mut rejected) = (0u32, 0u32);
    for _ in 0..TRIALS {
        let mut arm = |n: usize, sd: f64| {
            Distribution::of(
                (0..n)
                    .map(|_| (2.0 * sd * random.normal()).round())
                    .collect::<Vec<_>>(),
            )
        };
        let (treated, control) = (arm(40, 4.0), arm(160, 1.0));
        let lift = lift_of_ranks(&treated, &control, 0.05).unwrap();
        covered += u32::from(!lift.absolute.excludes_zero());
        rejected += u32::from(mann_whitney(&treated, &control).unwrap().probability.p < 0.05);
    }
    let (covered, rejected) = (f64::from(covered), f64::from(rejected));
    let trials = f64::from(TRIALS);
    assert!(
        (0.93..0.967).contains(&(covered / trials)),
        "{}",
        covered / trials
    );
    assert!(rejected / trials > 0.1, "{}", rejected / trials);
}

/// The same distribution in both arms, mostly zeros: both tests keep their level.
#[test]
fn zero_inflated_values_raise_no_false_alarms() {
    const TRIALS: u32 = 4000;
    let mut random = Random(31);
    let mut rejected = [0u32; 3];
    for _ in 0..TRIALS {
        let mut arm = |n: usize| {
            let values = (0..n).map(|_| match random.uniform() {
                u if u < 0.8 => 0.0,
                _ => random.normal().exp(),
            });
            values.collect::<Histogram>().distribution()
        };
        let (a, b, c) = (arm(150), arm(60), arm(90));
        let p = [
            mann_whitney(&a, &b).unwrap().probability.p,
            lift_of_ranks(&a, &b, 0.05).unwrap().probability.p,
            kruskal_wallis(&[&a, &b, &c]).unwrap().probability.p,
        ];
        for (rejected, p) in rejected.iter_mut().zip(p) {
            *rejected += u32::from(p < 0.05);
        }
    }
    for rejected in rejected {
        let rate = f64::from(rejected) / f64::from(TRIALS);
        assert!((0.033..0.067).contains(&rate), "{rate}");
    }
}

#[test]
fn what_has_no_ranks_says_why() {
    let (none, one, two) = (exact(&[]), exact(&[1.0]), exact(&[2.0, 3.0]));
    assert!(matches!(
        mann_whitney(&none, &two),
        Err(Unestimable::Empty { .. })
    ));
    assert!(matches!(
        lift_of_ranks(&two, &one, 0.05),
        Err(Unestimable::TooFew { n: 1, .. })
    ));
    assert!(matches!(
        lift_of_ranks(&two, &exact(&[0.0, 1.0]), 0.05),
        Err(Unestimable::NoVariation { difference: 1.0 })
    ));
    assert!(kruskal_wallis(&[&two]).is_err() && kruskal_wallis(&[&two, &none]).is_err());
    // Nothing varies: nothing differs.
    let same = exact(&[5.0, 5.0, 5.0]);
    assert_eq!(mann_whitney(&same, &same).unwrap().probability.p, 1.0);
    assert_eq!(
        lift_of_ranks(&same, &same, 0.05).unwrap().probability.p,
        1.0
    );
    assert_eq!(kruskal_wallis(&[&same, &same]).unwrap().probability.p, 1.0);
    // A probability that no double holds.
    let far = |from: u32| Distribution::of((from..from + 2000).map(f64::from).collect::<Vec<_>>());
    let test = mann_whitney(&far(10_000), &far(0)).unwrap();
    assert!(test.probability.p == 0.0 && test.probability.ln_p < -1400.0);
    assert_eq!(test.probability, tail::normal_two_sided(test.z));
}
