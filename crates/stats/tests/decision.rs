//! Families of tests, simultaneous intervals, margins and the decision: laws that
//! always hold, and error rates over repeated experiments whose truth is known. Seeds
//! are fixed; the limits are those that a binomial with the nominal rate leaves once
//! in a million.

mod common;

use std::f64::consts::SQRT_2;

use common::{Random, sample};
use proptest::prelude::*;
use stats::decision::{
    Decision, DecisionError, Evidence, MetricTests, MissingTest, QualityCheck, Reason, Risks, Role,
    decide,
};
use stats::equivalence::{Better, EquivalenceError, Margin, equivalence, non_inferiority};
use stats::multiplicity::{Adjustment, MultiplicityError, adjusted, e_benjamini_hochberg};
use stats::simultaneous::{
    Dunnett, StudentizedRange, dunnett, false_coverage, games_howell, holm_lower_bounds,
};
use stats::uniformity::binomial_limits;
use stats::{Contrast, Method, NotEstimable, Sample, TailProbability, Unestimable, tail};

const ALPHA: f64 = 0.05;

fn probability(p: f64) -> TailProbability {
    TailProbability { p, ln_p: p.ln() }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-11 * b.abs()
}

/// Probabilities of all sizes, with ties.
fn any_family(most: usize) -> impl Strategy<Value = Vec<TailProbability>> {
    let one = prop_oneof![
        (0.0..=1.0f64).prop_map(probability),
        (-3000.0..0.0f64).prop_map(TailProbability::from_ln),
        (0..=20u32).prop_map(|p| probability(f64::from(p) / 20.0)),
    ];
    prop::collection::vec(one, 0..=most)
}

fn any_contrast() -> impl Strategy<Value = Contrast> {
    let df = prop_oneof![1.0..1e6f64, Just(f64::INFINITY)];
    (-5.0..5.0f64, 1.0..20.0f64, -3.0..1.0f64, -3.0..1.0f64, df).prop_map(
        |(difference, control, ln_treated, ln_control, df)| Contrast {
            treated: control + difference,
            control,
            treated_variance: ln_treated.exp(),
            control_variance: ln_control.exp(),
            covariance: 0.0,
            df,
        },
    )
}

/// Comparisons with one control.
fn any_comparisons() -> impl Strategy<Value = Vec<Contrast>> {
    (any_contrast(), prop::collection::vec(any_contrast(), 1..4)).prop_map(|(first, rest)| {
        rest.into_iter()
            .map(|contrast| Contrast {
                control: first.control,
                control_variance: first.control_variance,
                ..contrast
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn adjusted_probabilities_keep_order_and_strength(family in any_family(12)) {
        let by = |procedure| adjusted(&family, procedure).unwrap();
        let chains = [
            vec![
                by(Adjustment::Bonferroni),
                by(Adjustment::Holm),
                by(Adjustment::Hochberg),
                by(Adjustment::Hommel),
                by(Adjustment::BenjaminiHochberg),
                family.clone(),
            ],
            vec![by(Adjustment::Bonferroni), by(Adjustment::Sidak), by(Adjustment::HolmSidak), family.clone()],
            vec![by(Adjustment::BenjaminiYekutieli), by(Adjustment::BenjaminiHochberg)],
        ];
        for chain in chains {
            for pair in chain.windows(2) {
                for (weaker, stronger) in pair[0].iter().zip(&pair[1]) {
                    prop_assert!(weaker.ln_p >= stronger.ln_p - 1e-12 * stronger.ln_p.abs().min(1e9));
                    prop_assert!(weaker.p >= stronger.p * (1.0 - 1e-12) && weaker.p <= 1.0);
                }
            }
            for adjusted in chain {
                for (a, p) in adjusted.iter().zip(&family) {
                    for (b, q) in adjusted.iter().zip(&family) {
                        prop_assert!(p.ln_p > q.ln_p || a.ln_p <= b.ln_p, "order or tie broken");
                    }
                }
            }
        }
        let mut reversed = family.clone();
        reversed.reverse();
        let mut back = adjusted(&reversed, Adjustment::Hommel).unwrap();
        back.reverse();
        prop_assert_eq!(back, by(Adjustment::Hommel));
    }

    /// Hommel's is the closed test of Simes' tests, taken over all intersections.
    #[test]
    fn hommel_closes_simes(family in any_family(6)) {
        let simes = |subset: u32| {
            let mut p: Vec<f64> = (0..family.len())
                .filter(|i| subset >> i & 1 == 1)
                .map(|i| family[i].p)
                .collect();
            p.sort_by(f64::total_cmp);
            let size = p.len() as f64;
            p.iter().zip(1..).map(|(p, k)| size * p / f64::from(k)).fold(1.0, f64::min)
        };
        let hommel = adjusted(&family, Adjustment::Hommel).unwrap();
        for (i, adjusted) in hommel.iter().enumerate() {
            let closed = (1..1u32 << family.len())
                .filter(|subset| subset >> i & 1 == 1)
                .map(simes)
                .fold(0.0, f64::max);
            prop_assert!(close(adjusted.p, closed), "{} {}", adjusted.p, closed);
        }
    }

    #[test]
    fn e_values_are_rejected_by_definition(e in prop::collection::vec(0.0..2000.0f64, 1..15)) {
        let ln_e: Vec<f64> = e.iter().map(|e| e.ln()).collect();
        let levels = e_benjamini_hochberg(&ln_e).unwrap();
        let mut sorted = e.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let m = e.len() as f64;
        let k = (1..=e.len()).rev().find(|&k| sorted[k - 1] > m / (ALPHA * k as f64));
        for (e, level) in e.iter().zip(&levels) {
            prop_assert_eq!(level.p < ALPHA, k.is_some_and(|k| *e >= sorted[k - 1]));
        }
    }

    /// Interval and probability of every comparison give one verdict, absolute and
    /// relative, and lie between a lone test's and Bonferroni's.
    #[test]
    fn dunnett_intervals_invert_its_probabilities(comparisons in any_comparisons(), alpha in 0.001..0.3f64) {
        let together = Dunnett::new(&comparisons);
        let m = comparisons.len() as f64;
        for (lift, contrast) in dunnett(&comparisons, alpha).unwrap().iter().zip(&comparisons) {
            prop_assert_eq!(lift.absolute.excludes_zero(), lift.probability.p < alpha);
            if let Ok(relative) = &lift.relative {
                prop_assert_eq!(relative.excludes_zero(), lift.probability.p < alpha);
            }
            let alone = tail::student_t_two_sided(lift.statistic, contrast.df).p;
            prop_assert!(lift.probability.p >= alone * (1.0 - 1e-9));
            prop_assert!(lift.probability.p <= m * alone * (1.0 + 1e-9) + 1e-300);
            let critical = (lift.absolute.high - lift.absolute.estimate) / lift.absolute.se;
            let at_critical = together.probability(critical, contrast.df).p;
            prop_assert!((at_critical / alpha - 1.0).abs() < 1e-10, "{at_critical} {alpha}");
        }
    }

    #[test]
    fn another_arm_never_helps(comparisons in any_comparisons(), t in 0.0..40.0f64, df in 1.0..1e4f64) {
        let fewer = Dunnett::new(&comparisons[1..]).probability(t, df);
        let all = Dunnett::new(&comparisons).probability(t, df);
        prop_assert!(all.ln_p >= fewer.ln_p - 1e-9 || comparisons.len() == 1);
        let (two, three) = (StudentizedRange::new(2), StudentizedRange::new(3));
        prop_assert!(three.upper(t, df).ln_p >= two.upper(t, df).ln_p - 1e-9);
    }

    #[test]
    fn selected_intervals_exclude_zero(contrasts in prop::collection::vec(any_contrast(), 1..10)) {
        let lift = |contrast: &Contrast, level| contrast.lift(level, Method::Welch).unwrap();
        let p: Vec<TailProbability> = contrasts.iter().map(|c| lift(c, ALPHA).probability).collect();
        let selection = false_coverage(&p, ALPHA).unwrap();
        let bh = adjusted(&p, Adjustment::BenjaminiHochberg).unwrap();
        for ((contrast, selected), bh) in contrasts.iter().zip(&selection.selected).zip(bh) {
            prop_assert_eq!(*selected, bh.p < ALPHA);
            let excludes = lift(contrast, selection.level).absolute.excludes_zero();
            prop_assert!(excludes == *selected || !selection.selected.contains(&true));
        }
    }

    #[test]
    fn holm_bounds_agree_with_holm(contrasts in prop::collection::vec(any_contrast(), 1..6)) {
        let bounds = holm_lower_bounds(&contrasts, ALPHA).unwrap();
        let all = bounds.iter().all(|bound| bound.probability.p < ALPHA);
        for (bound, contrast) in bounds.iter().zip(&contrasts) {
            if bound.probability.p < ALPHA {
                prop_assert!(bound.low == 0.0 || (all && bound.low > 0.0));
            } else {
                prop_assert!(bound.low <= 0.0);
            }
            prop_assert!(bound.low <= (contrast.treated - contrast.control).max(0.0));
        }
    }

    /// The bound and the probability of a margin give one verdict; turning the metric
    /// around turns the direction; a margin of zero is superiority.
    #[test]
    fn margins_have_one_verdict(contrast in any_contrast(), margin in 0.0..1.5f64, relative: bool, lower: bool) {
        let margin_of = |size| if relative { Margin::Relative(size) } else { Margin::Absolute(size) };
        let (better, worse) = if lower { (Better::Lower, Better::Higher) } else { (Better::Higher, Better::Lower) };
        let turned = Contrast { treated: -contrast.treated, control: -contrast.control, ..contrast };
        let test = match non_inferiority(&contrast, margin_of(margin), better, ALPHA) {
            Ok(test) => test,
            Err(reason) => {
                prop_assert!(matches!(reason, EquivalenceError::NotEstimable(_)) && relative);
                return Ok(());
            }
        };
        prop_assert_eq!(test.non_inferior, test.probability.p < ALPHA);
        let inside = if lower { test.bound < test.limit } else { test.bound > test.limit };
        prop_assert_eq!(test.non_inferior, inside);
        let back = non_inferiority(&turned, margin_of(margin), worse, ALPHA).unwrap();
        prop_assert_eq!(back.statistic, test.statistic);
        prop_assert_eq!(back.bound, -test.bound);
        let superiority = non_inferiority(&contrast, margin_of(0.0), better, ALPHA).unwrap();
        prop_assert!(!superiority.non_inferior || test.non_inferior);
        // The noise of the control counts the more, the wider a relative margin.
        prop_assert!(relative || superiority.probability.ln_p >= test.probability.ln_p - 1e-12);
        let lift = contrast.lift(2.0 * ALPHA, Method::Welch).unwrap();
        let shown = if lower { lift.absolute.high < 0.0 } else { lift.absolute.low > 0.0 };
        prop_assert_eq!(superiority.non_inferior, shown);

        let same = equivalence(&contrast, margin_of(margin), margin_of(margin), ALPHA).unwrap();
        prop_assert_eq!(same.equivalent, same.probability.p < ALPHA);
        prop_assert!(!same.equivalent || (-same.lower.bound).max(same.upper.bound) < margin);
    }

    /// The rule, read off its four conditions.
    #[test]
    fn ships_exactly_when_all_conditions_hold(
        p in prop::collection::vec((0..3u8, prop::option::of(0.0..0.1f64), prop::option::of(0.0..0.1f64)), 1..6),
        passed in prop::collection::vec(prop::option::of(any::<bool>()), 0..3),
        finished: bool,
    ) {
        let metrics: Vec<MetricTests> = p
            .iter()
            .map(|&(role, own, worse)| MetricTests {
                role: match role {
                    0 => Role::Success { superiority: own.map(probability) },
                    1 => Role::Guardrail { non_inferiority: own.map(probability) },
                    _ => Role::Watched,
                },
                inferiority: worse.map(probability),
            })
            .collect();
        let checks: Vec<QualityCheck> = passed.iter().map(|&passed| QualityCheck { passed, level: 0.001 }).collect();
        let risks = Risks { alpha: ALPHA, beta: 0.2, deterioration: 0.02 };
        let evidence = Evidence { metrics: &metrics, checks: &checks, finished };
        let of = |role| p.iter().filter(move |m| m.0 == role).map(|m| m.1);
        let ruling = match decide(&risks, &evidence) {
            Ok(ruling) => ruling,
            Err(reason) => {
                prop_assert!(reason == DecisionError::NoSuccessMetric && of(0).count() == 0);
                return Ok(());
            }
        };
        let level = ALPHA / of(0).count() as f64;
        let below = |p: Option<f64>, level| p.is_some_and(|p| p < level);
        let success = of(0).any(|p| below(p, level));
        let safe = of(1).all(|p| below(p, ALPHA));
        let worse = 0.02 / p.len() as f64;
        let none_worse = p.iter().all(|m| m.2.is_some_and(|p| p >= worse));
        let sound = passed.iter().all(|passed| *passed == Some(true));
        prop_assert_eq!(ruling.decision == Decision::Ship, success && safe && none_worse && sound);
        prop_assert_eq!(ruling.successes.is_empty(), !success);

        let harm = p.iter().any(|m| below(m.2, worse)) || passed.contains(&Some(false));
        let over = finished
            && (of(1).any(|p| p.is_some_and(|p| p >= ALPHA))
                || (!success && of(0).all(|p| p.is_some())));
        prop_assert_eq!(matches!(ruling.decision, Decision::DoNotShip(_)), harm || over);
        match ruling.decision {
            Decision::Ship => {}
            Decision::DoNotShip(reasons) | Decision::Undecided(reasons) => prop_assert!(!reasons.is_empty()),
        }
    }
}

#[test]
fn refuses_what_is_no_evidence() {
    for p in [f64::NAN, -0.1, 1.5] {
        let family = [probability(0.5), TailProbability { p, ln_p: -1.0 }];
        let refusal = adjusted(&family, Adjustment::Holm).unwrap_err();
        assert!(matches!(
            refusal,
            MultiplicityError::InvalidEvidence { index: 1, .. }
        ));
        assert!(false_coverage(&family, ALPHA).is_err());
    }
    assert!(e_benjamini_hochberg(&[0.0, f64::NAN]).is_err());
    assert_eq!(adjusted(&[], Adjustment::Hommel), Ok(Vec::new()));
    assert_eq!(e_benjamini_hochberg(&[]), Ok(Vec::new()));
    assert!(adjusted(&[], Adjustment::TwoStage { alpha: 0.0 }).is_err());
    let infinite = [f64::INFINITY, f64::NEG_INFINITY];
    let levels = e_benjamini_hochberg(&infinite).unwrap();
    assert_eq!((levels[0].p, levels[1].p), (0.0, 1.0));

    assert_eq!(dunnett(&[], ALPHA), Ok(Vec::new()));
    assert_eq!(games_howell(&[], ALPHA), Ok(Vec::new()));
    let constant = |treated| Contrast {
        treated,
        control: 1.0,
        treated_variance: 0.0,
        control_variance: 0.0,
        covariance: 0.0,
        df: 10.0,
    };
    let refusal = Unestimable::NoVariation { difference: 1.0 };
    assert_eq!(dunnett(&[constant(2.0)], ALPHA), Err(refusal.clone()));
    assert_eq!(
        dunnett(&[constant(1.0); 2], ALPHA).unwrap()[1]
            .probability
            .p,
        1.0
    );
    let margin = |contrast, margin| non_inferiority(&contrast, margin, Better::Higher, ALPHA);
    assert_eq!(
        margin(constant(2.0), Margin::Absolute(0.1)),
        Err(refusal.into())
    );
    let nothing = Unestimable::NoVariation { difference: 0.0 };
    assert_eq!(
        margin(constant(1.0), Margin::Absolute(0.1)),
        Err(nothing.into())
    );
    let noisy = Contrast {
        treated_variance: 1.0,
        control_variance: 1.0,
        ..constant(2.0)
    };
    assert!(matches!(
        margin(noisy, Margin::Relative(0.1)),
        Err(EquivalenceError::NotEstimable(
            NotEstimable::BaselineNearZero { .. }
        ))
    ));
    for size in [-0.1, f64::NAN, f64::INFINITY] {
        let refusal = margin(noisy, Margin::Absolute(size));
        assert!(matches!(
            refusal,
            Err(EquivalenceError::InvalidMargin { .. })
        ));
    }
    assert!(
        margin(noisy, Margin::Absolute(f64::MAX))
            .unwrap()
            .non_inferior
    );
    let half = non_inferiority(&noisy, Margin::Absolute(1.0), Better::Lower, 0.5);
    assert_eq!(half, Err(EquivalenceError::InvalidAlpha { alpha: 0.5 }));
}

#[test]
fn one_comparison_is_a_t_test() {
    let contrast = Contrast {
        treated: 2.0,
        control: 1.0,
        treated_variance: 0.1,
        control_variance: 0.1,
        covariance: 0.0,
        df: 12.5,
    };
    let alone = contrast.lift(ALPHA, Method::Dunnett).unwrap();
    assert_eq!(dunnett(&[contrast], ALPHA).unwrap(), [alone]);
    let arm = |mean| Sample {
        n: 20,
        mean,
        variance: 3.0,
    };
    let pair = games_howell(&[arm(1.0), arm(2.0)], ALPHA)
        .unwrap()
        .remove(0);
    let welch = stats::lift_of_means(&arm(2.0), &arm(1.0), ALPHA).unwrap();
    assert_eq!((pair.treated, pair.control), (1, 0));
    assert!(close(pair.lift.absolute.low, welch.absolute.low));
    assert!(close(pair.lift.probability.p, welch.probability.p));
}

/// Bonferroni's bound takes over where a double underflows, without a visible step.
#[test]
fn tails_go_on_beyond_the_smallest_double() {
    let half = Contrast {
        treated: 0.0,
        control: 0.0,
        treated_variance: 1.0,
        control_variance: 1.0,
        covariance: 0.0,
        df: f64::INFINITY,
    };
    let together = Dunnett::new(&[half; 3]);
    let ln_p = |t| together.probability(t, f64::INFINITY).ln_p;
    for k in 0..500 {
        let t = 0.2 * f64::from(k);
        assert!(ln_p(t) > ln_p(t + 0.2), "{t}");
    }
    let far = tail::normal_two_sided(60.0).ln_p + 3.0f64.ln();
    assert_eq!(ln_p(60.0), far);
}

fn assert_at_most(what: &str, events: f64, trials: u64, rate: f64) {
    let (_, high) = binomial_limits(trials, rate, 1e-6);
    assert!(
        events <= high as f64,
        "{what}: {events} of {trials} above {rate}"
    );
}

fn assert_at_least(what: &str, events: f64, trials: u64, rate: f64) {
    let (low, _) = binomial_limits(trials, rate, 1e-6);
    assert!(
        events >= low as f64,
        "{what}: {events} of {trials} below {rate}"
    );
}

/// Normal statistics with the means given and one correlation.
fn correlated(random: &mut Random, means: &[f64], correlation: f64) -> Vec<f64> {
    let shared = correlation.sqrt() * random.normal();
    let own = (1.0 - correlation).sqrt();
    means
        .iter()
        .map(|mean| mean + shared + own * random.normal())
        .collect()
}

#[test]
fn families_keep_their_error_rates() {
    const TRIALS: u64 = 20_000;
    let effects = [0.0, 0.0, 0.0, 3.0, 2.0, 0.0, 0.0, 0.0];
    let nulls = effects.iter().filter(|&&effect| effect == 0.0).count() as f64;
    for correlation in [0.0, 0.6] {
        let mut random = Random(11);
        let (mut holm_errors, mut hommel_errors) = (0, 0);
        let (mut false_share, mut false_coverage_share) = (0.0, 0.0);
        for _ in 0..TRIALS {
            let z = correlated(&mut random, &effects, correlation);
            let p: Vec<TailProbability> = z.iter().map(|&z| tail::normal_two_sided(z)).collect();
            let any_false = |procedure| {
                let adjusted = adjusted(&p, procedure).unwrap();
                adjusted
                    .iter()
                    .zip(effects)
                    .any(|(p, effect)| effect == 0.0 && p.p < ALPHA)
            };
            holm_errors += u64::from(any_false(Adjustment::Holm));
            hommel_errors += u64::from(any_false(Adjustment::Hommel));

            let selection = false_coverage(&p, ALPHA).unwrap();
            let critical = tail::student_t_critical(selection.level, f64::INFINITY);
            let (mut selected, mut wrong, mut uncovered) = (0.0, 0.0, 0.0);
            for ((z, effect), _) in z
                .iter()
                .zip(effects)
                .zip(&selection.selected)
                .filter(|s| *s.1)
            {
                selected += 1.0;
                wrong += f64::from(effect == 0.0);
                uncovered += f64::from((z - effect).abs() > critical);
            }
            if selected > 0.0 {
                false_share += wrong / selected;
                false_coverage_share += uncovered / selected;
            }
        }
        // A share has no more spread than a yes or no of the same expectation, so the
        // limit of a binomial is safe for sums of shares.
        let what = |name: &str| format!("{name} at correlation {correlation}");
        assert_at_most(&what("Holm"), holm_errors as f64, TRIALS, ALPHA);
        assert_at_most(&what("Hommel"), hommel_errors as f64, TRIALS, ALPHA);
        let rate = ALPHA * nulls / effects.len() as f64;
        assert_at_most(&what("false discoveries"), false_share, TRIALS, rate);
        assert_at_most(&what("false coverage"), false_coverage_share, TRIALS, ALPHA);
        if correlation == 0.0 {
            // Exactly that rate for independent tests.
            assert_at_least(&what("false discoveries"), false_share, TRIALS, rate);
            assert!(hommel_errors >= holm_errors);
        }
    }
}

fn draw(random: &mut Random, n: usize, deviation: f64) -> Sample {
    let values: Vec<f64> = (0..n).map(|_| 10.0 + deviation * random.normal()).collect();
    sample(&values)
}

/// Whether any of several tests rejects, where an adjusted probability lies between the
/// probability alone and Bonferroni's bound, and takes some time in between.
fn any_rejected(contrasts: &[Contrast], adjusted: impl Fn(f64, f64) -> TailProbability) -> bool {
    let statistic = |contrast: &Contrast| {
        (contrast.treated - contrast.control)
            / (contrast.treated_variance + contrast.control_variance).sqrt()
    };
    let tests = contrasts.len() as f64;
    contrasts.iter().any(|contrast| {
        let t = statistic(contrast);
        let alone = tail::student_t_two_sided(t, contrast.df).p;
        alone < ALPHA && (tests * alone < ALPHA || adjusted(t, contrast.df).p < ALPHA)
    })
}

/// The family-wise error rate of several arms of unequal sizes and variances is that
/// promised, and not far below it.
#[test]
fn several_arms_keep_the_family_wise_error() {
    const TRIALS: u64 = 10_000;
    for (sizes, deviations) in [
        ([40, 40, 40, 40], [1.0, 1.0, 1.0, 1.0]),
        ([20, 60, 30, 15], [2.0, 1.0, 3.0, 1.0]),
    ] {
        let mut random = Random(12);
        let (mut against_control, mut of_pairs) = (0, 0);
        for _ in 0..TRIALS {
            let arms: Vec<Sample> = sizes
                .iter()
                .zip(deviations)
                .map(|(&n, deviation)| draw(&mut random, n, deviation))
                .collect();
            let contrast = |treated: usize, control: usize| {
                Contrast::of_means(&arms[treated], &arms[control]).unwrap()
            };
            let comparisons: Vec<Contrast> = (1..4).map(|arm| contrast(arm, 0)).collect();
            let together = Dunnett::new(&comparisons);
            let adjusted = |t, df| together.probability(t, df);
            against_control += u64::from(any_rejected(&comparisons, adjusted));
            let pairs: Vec<Contrast> = (1..4)
                .flat_map(|arm| (0..arm).map(move |before| (arm, before)))
                .map(|(arm, before)| contrast(arm, before))
                .collect();
            let range = |t: f64, df| StudentizedRange::new(4).upper(SQRT_2 * t.abs(), df);
            of_pairs += u64::from(any_rejected(&pairs, range));
        }
        // Satterthwaite's degrees of freedom are an approximation.
        const SLACK: f64 = 0.004;
        for (what, errors) in [("Dunnett", against_control), ("Games-Howell", of_pairs)] {
            let what = format!("{what} {sizes:?}");
            assert_at_most(&what, errors as f64, TRIALS, ALPHA + SLACK);
            assert_at_least(&what, errors as f64, TRIALS, ALPHA - SLACK);
        }
    }
}

#[test]
fn holm_bounds_hold_together() {
    const TRIALS: u64 = 20_000;
    let effects = [0.0, 1.0, 3.0, 4.0];
    for correlation in [0.0, 0.7] {
        let mut random = Random(13);
        let mut missed = 0;
        for _ in 0..TRIALS {
            let contrasts: Vec<Contrast> = correlated(&mut random, &effects, correlation)
                .into_iter()
                .map(|z| Contrast {
                    treated: z,
                    control: 0.0,
                    treated_variance: 0.5,
                    control_variance: 0.5,
                    covariance: 0.0,
                    df: f64::INFINITY,
                })
                .collect();
            let bounds = holm_lower_bounds(&contrasts, ALPHA).unwrap();
            let wrong = |(bound, effect): (&stats::simultaneous::LowerBound, &f64)| {
                bound.low > *effect || (bound.probability.p < ALPHA && *effect <= 0.0)
            };
            missed += u64::from(bounds.iter().zip(&effects).any(wrong));
        }
        assert_at_most("lower bounds", missed as f64, TRIALS, ALPHA);
    }
}

const RISKS: Risks = Risks {
    alpha: ALPHA,
    beta: 0.2,
    deterioration: 0.01,
};

/// The share of experiments that ship when the z statistics of two success metrics, two
/// guardrails (against their margins) and one watched metric have the means given.
///
/// A guardrail's statistic against no effect is that against its margin, less the
/// margin in standard errors.
fn shipped(seed: u64, success: [f64; 2], safe: [f64; 2], margin: f64, correlation: f64) -> u64 {
    let mut random = Random(seed);
    let means = [success[0], success[1], safe[0], safe[1], 0.0];
    let ships = |_: &u64| {
        let z = correlated(&mut random, &means, correlation);
        let upper = |z: f64| Some(tail::normal_upper(z));
        let metrics: Vec<MetricTests> = (0..5)
            .map(|i| match i {
                0 | 1 => MetricTests {
                    role: Role::Success {
                        superiority: upper(z[i]),
                    },
                    inferiority: upper(-z[i]),
                },
                2 | 3 => MetricTests {
                    role: Role::Guardrail {
                        non_inferiority: upper(z[i]),
                    },
                    inferiority: upper(margin - z[i]),
                },
                _ => MetricTests {
                    role: Role::Watched,
                    inferiority: upper(z[i]),
                },
            })
            .collect();
        let split = QualityCheck {
            passed: Some(random.uniform() > 0.001),
            level: 0.001,
        };
        let evidence = Evidence {
            metrics: &metrics,
            checks: &[split],
            finished: true,
        };
        decide(&RISKS, &evidence).unwrap().decision == Decision::Ship
    };
    (0..DECISIONS).filter(ships).count() as u64
}

const DECISIONS: u64 = 20_000;

#[test]
fn decisions_keep_their_risks() {
    let levels = RISKS.levels(2, 2, 5, 0.001).unwrap();
    let reach = |level: f64| {
        tail::normal_quantile(1.0 - level) + tail::normal_quantile(levels.planned_power)
    };
    let (success, safe) = (reach(levels.success), reach(levels.guardrail));
    for correlation in [0.0, 0.5, 0.9] {
        let what = |name: &str| format!("{name} at correlation {correlation}");
        // Nothing improves, and the guardrails are perfectly safe.
        let ships = shipped(14, [0.0; 2], [9.0; 2], 9.0, correlation);
        assert_at_most(&what("no success"), ships as f64, DECISIONS, ALPHA);
        // A guardrail is worse by its margin, and success is certain.
        let ships = shipped(15, [9.0; 2], [9.0, 0.0], 0.0, correlation);
        assert_at_most(&what("unsafe"), ships as f64, DECISIONS, ALPHA);
        // One metric has the effect planned for, the other none.
        let ships = shipped(16, [success, 0.0], [safe; 2], safe, correlation);
        assert_at_least(&what("power"), ships as f64, DECISIONS, 1.0 - RISKS.beta);
    }
    // Nearly all of the level is used where success alone is in question, and with
    // the power that one test would need the decision misses too often.
    let ships = shipped(17, [0.0; 2], [9.0; 2], 9.0, 0.0);
    assert_at_least("no success", ships as f64, DECISIONS, ALPHA - 0.005);
    let plain =
        |level: f64| tail::normal_quantile(1.0 - level) + tail::normal_quantile(1.0 - RISKS.beta);
    let (success, safe) = (plain(levels.success), plain(levels.guardrail));
    let ships = shipped(18, [success, 0.0], [safe; 2], safe, 0.0);
    assert!((ships as f64) < 0.65 * DECISIONS as f64, "{ships}");
}

#[test]
fn says_what_is_missing() {
    let metrics = |superiority: Option<f64>, safe: Option<f64>, worse: f64| {
        [
            MetricTests {
                role: Role::Success {
                    superiority: superiority.map(probability),
                },
                inferiority: Some(probability(0.9)),
            },
            MetricTests {
                role: Role::Guardrail {
                    non_inferiority: safe.map(probability),
                },
                inferiority: Some(probability(worse)),
            },
        ]
    };
    let ruling = |metrics: &[MetricTests], passed, finished| {
        let checks = [QualityCheck {
            passed,
            level: 0.001,
        }];
        decide(
            &RISKS,
            &Evidence {
                metrics,
                checks: &checks,
                finished,
            },
        )
        .unwrap()
    };
    let untested = ruling(&metrics(None, Some(0.01), 0.5), None, true);
    let superiority = Reason::NotTested {
        metric: 0,
        test: MissingTest::Superiority,
    };
    assert_eq!(
        untested.decision,
        Decision::Undecided(vec![Reason::NotChecked { check: 0 }, superiority])
    );
    assert_eq!(
        superiority.to_string(),
        "the superiority of metric 0 could not be tested"
    );
    // What cannot change the decision does not delay it.
    let harmed = ruling(&metrics(None, None, 1e-9), Some(true), false);
    let Decision::DoNotShip(reasons) = harmed.decision else {
        panic!("{harmed:?}")
    };
    assert!(matches!(reasons[..], [Reason::Worse { metric: 1, .. }]));
    let broken = ruling(&metrics(Some(1e-9), Some(1e-9), 0.5), Some(false), false);
    assert_eq!(
        broken.decision,
        Decision::DoNotShip(vec![Reason::CheckFailed { check: 0 }])
    );
    assert_eq!(broken.successes, [0]);
    let waiting = ruling(&metrics(Some(0.2), Some(1e-9), 0.5), Some(true), false);
    let Decision::Undecided(reasons) = waiting.decision else {
        panic!("{waiting:?}")
    };
    assert_eq!(
        reasons[0].to_string(),
        "no success metric is shown to be better: the closest is metric 0, whose p of 0.2 is not below 0.05"
    );
}

#[test]
fn refuses_impossible_risks() {
    let greedy = Risks {
        deterioration: 0.2,
        ..RISKS
    };
    let refusal = greedy.levels(1, 0, 1, 0.0).unwrap_err();
    assert_eq!(
        refusal,
        DecisionError::NoPowerLeft {
            alarms: 0.2,
            beta: 0.2
        }
    );
    assert_eq!(
        RISKS.levels(0, 1, 1, 0.0),
        Err(DecisionError::NoSuccessMetric)
    );
    for value in [0.0, 1.0, f64::NAN] {
        let risks = Risks {
            alpha: value,
            ..RISKS
        };
        assert!(matches!(
            risks.levels(1, 0, 1, 0.0),
            Err(DecisionError::InvalidRisk { .. })
        ));
    }
    let invalid = [MetricTests {
        role: Role::Success {
            superiority: Some(probability(1.5)),
        },
        inferiority: None,
    }];
    let evidence = Evidence {
        metrics: &invalid,
        checks: &[],
        finished: true,
    };
    let refusal = decide(&RISKS, &evidence).unwrap_err();
    assert_eq!(
        refusal,
        DecisionError::InvalidProbability {
            metric: 0,
            value: 1.5
        }
    );
}
