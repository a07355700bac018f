//! Laws that hold for any input.

mod common;

use common::{Random, arm_moments, assert_close, sample};
use proptest::prelude::*;
use stats::{
    ArmMoments, Counts, DropReason, Lift, NotEstimable, RatioMoments, RatioSample, Sample,
    SampleRatioError, SampleRatioMethod, Slopes, Unestimable, adjusted_lift, adjusted_ratio_lift,
    agresti_caffo, barnard, cuped, cuped_with, fisher, lift_of_means, lift_of_ratios,
    lift_of_shares, newcombe, probability_above, ratio_of_estimates, regression, sample_ratio,
    tail,
};

/// The absolute interval, the relative interval and the probability agree, and the
/// estimates lie in their intervals.
#[track_caller]
fn assert_one_verdict(lift: &Lift, alpha: f64) {
    let significant = lift.probability.p < alpha;
    let absolute = lift.absolute;
    assert_eq!(absolute.excludes_zero(), significant, "{lift:?}");
    assert!(absolute.low <= absolute.estimate && absolute.estimate <= absolute.high);
    if let Ok(relative) = lift.relative {
        assert_eq!(relative.excludes_zero(), significant, "{lift:?}");
        let slack = 1e-9 * relative.estimate.abs();
        assert!(relative.low <= relative.estimate + slack, "{lift:?}");
        assert!(relative.estimate <= relative.high + slack, "{lift:?}");
        if absolute.estimate != 0.0 {
            assert_eq!(relative.estimate > 0.0, absolute.estimate > 0.0);
        }
    }
}

/// A sample of any size, scale and noise.
fn random_sample(random: &mut Random) -> Sample {
    let scale = 10f64.powf(12.0 * random.uniform() - 6.0);
    Sample {
        n: 2 + 10f64.powf(6.0 * random.uniform()) as u64,
        mean: scale * random.normal(),
        variance: (scale * 10f64.powf(4.0 * random.uniform() - 2.0)).powi(2),
    }
}

/// 100,000 pairs, a third of them moved onto the very edge of significance.
#[test]
fn verdicts_of_means_agree() {
    let mut random = Random(1);
    let mut bounded = 0;
    let mut edges = 0;
    for i in 0..100_000 {
        let alpha = [0.05, 0.01, 0.2, 1e-9][i % 4];
        let control = random_sample(&mut random);
        let mut treated = Sample {
            mean: control.mean * (1.0 + 0.5 * random.normal()),
            variance: control.variance * (1.0 + random.uniform()),
            ..random_sample(&mut random)
        };
        let Ok(mut lift) = lift_of_means(&treated, &control, alpha) else {
            panic!("{treated:?} {control:?}")
        };
        if i % 3 == 0 {
            // The mean at which one limit is zero but for rounding.
            let half_width = lift.absolute.high - lift.absolute.estimate;
            treated.mean = control.mean + if i % 2 == 0 { half_width } else { -half_width };
            lift = lift_of_means(&treated, &control, alpha).expect("an effect");
            edges += usize::from((lift.probability.p / alpha - 1.0).abs() < 1e-6);
        }
        assert_one_verdict(&lift, alpha);
        bounded += usize::from(lift.relative.is_ok());
    }
    assert!(bounded > 30_000, "{bounded}");
    assert!(edges > 20_000, "{edges}");
}

/// Every 2x2 table with up to nine observations an arm, and random larger ones.
#[test]
fn verdicts_of_shares_agree_and_always_exist() {
    for alpha in [0.05, 0.3] {
        for n_t in 1..=9 {
            for n_c in [1, 2, 6] {
                for x_t in 0..=n_t {
                    for x_c in 0..=n_c {
                        assert_share_verdict((x_t, n_t), (x_c, n_c), alpha);
                    }
                }
            }
        }
    }
    let mut random = Random(2);
    let mut large = |most: f64| {
        let n = 1 + 10f64.powf(most * random.uniform()) as u64;
        let rate = random.uniform().powi(1 + random.below(8) as i32);
        ((n as f64 * rate).round() as u64, n)
    };
    for _ in 0..150 {
        let (treated, control) = (large(4.0), large(7.0));
        assert_share_verdict(treated, control, 0.05);
        assert_share_verdict(control, treated, 0.05);
    }
}

fn assert_share_verdict(treated: (u64, u64), control: (u64, u64), alpha: f64) {
    let counts = |(successes, n)| Counts { successes, n };
    let lift = lift_of_shares(counts(treated), counts(control), alpha).expect("an effect");
    assert_one_verdict(&lift, alpha);
    assert!(lift.absolute.low.is_finite() && lift.absolute.high.is_finite());
    if lift.method == stats::Method::Score {
        assert!(lift.absolute.low >= -1.0 && lift.absolute.high <= 1.0);
        match lift.relative {
            Ok(relative) => assert!(relative.low >= -1.0 && relative.high.is_finite()),
            Err(reason) => {
                assert_eq!(reason, NotEstimable::ZeroBaseline);
                assert_eq!(control.0, 0);
            }
        }
    }
    let exact = fisher(counts(treated), counts(control))
        .expect("valid counts")
        .p;
    assert!(exact > 0.0 && exact <= 1.0 || treated.1 + control.1 > 1000);
}

fn any_sample() -> impl Strategy<Value = Sample> {
    (2u64..100_000, -100.0..100.0f64, 0.0..1000.0f64).prop_map(|(n, mean, variance)| Sample {
        n,
        mean,
        variance,
    })
}

proptest! {
    #[test]
    fn swapping_the_arms_flips_the_sign(a in any_sample(), b in any_sample()) {
        let (Ok(there), Ok(back)) = (lift_of_means(&a, &b, 0.05), lift_of_means(&b, &a, 0.05))
        else { return Ok(()) };
        prop_assert_eq!(there.absolute.estimate, -back.absolute.estimate);
        prop_assert_eq!(there.absolute.low, -back.absolute.high);
        prop_assert_eq!(there.statistic, -back.statistic);
        prop_assert_eq!(there.probability, back.probability);
    }

    #[test]
    fn the_unit_scales_the_effect_and_leaves_t(
        a in any_sample(), b in any_sample(), power in -40i32..40, negative in any::<bool>(),
    ) {
        // A power of two changes the unit without rounding.
        let unit = 2f64.powi(power) * if negative { -1.0 } else { 1.0 };
        let scaled = |s: Sample| Sample {
            mean: s.mean * unit,
            variance: s.variance * unit * unit,
            ..s
        };
        let (Ok(plain), Ok(other)) =
            (lift_of_means(&a, &b, 0.05), lift_of_means(&scaled(a), &scaled(b), 0.05))
        else { return Ok(()) };
        prop_assert_eq!(plain.absolute.estimate * unit, other.absolute.estimate);
        prop_assert_eq!(plain.statistic * unit.signum(), other.statistic);
        prop_assert_eq!(plain.probability, other.probability);
        prop_assert_eq!(plain.absolute.df, other.absolute.df);
        // Relative to the size of the control, only the direction turns.
        if let (Ok(plain), Ok(other)) = (plain.relative, other.relative) {
            prop_assert_eq!(plain.estimate * unit.signum(), other.estimate);
        }
    }

    #[test]
    fn a_constant_leaves_the_absolute_effect(
        a in any_sample(), b in any_sample(), shift in -1000.0..1000.0f64,
    ) {
        let shifted = |s: Sample| Sample { mean: s.mean + shift, ..s };
        let (Ok(plain), Ok(other)) =
            (lift_of_means(&a, &b, 0.05), lift_of_means(&shifted(a), &shifted(b), 0.05))
        else { return Ok(()) };
        let rounding = 1e-12;
        prop_assert!((plain.absolute.estimate - other.absolute.estimate).abs() < rounding);
        prop_assert_eq!(plain.absolute.se, other.absolute.se);
        prop_assert_eq!(plain.absolute.df, other.absolute.df);
    }

    #[test]
    fn the_probability_and_the_confidence_agree(
        estimate in -5.0..5.0f64, se in 0.1..3.0f64, df in 1.0..100.0f64,
    ) {
        let above = probability_above(estimate, se, df, 0.0).p;
        let two_sided = tail::student_t_two_sided(estimate / se, df).p;
        prop_assert!((2.0 * above.min(1.0 - above) - two_sided).abs() < 1e-13);
    }

    #[test]
    fn a_ratio_whose_denominator_is_one_is_a_mean(a in any_sample(), b in any_sample()) {
        let over_one = |s: Sample| RatioSample {
            n: s.n,
            numerator_mean: s.mean,
            numerator_variance: s.variance,
            denominator_mean: 1.0,
            denominator_variance: 0.0,
            covariance: 0.0,
        };
        let ratios = lift_of_ratios(&over_one(a), &over_one(b), 0.05);
        let means = lift_of_means(&a, &b, 0.05);
        prop_assert_eq!(ratios.is_ok(), means.is_ok());
        if let (Ok(ratios), Ok(means)) = (ratios, means) {
            prop_assert_eq!(ratios.absolute, means.absolute);
            prop_assert_eq!(ratios.relative, means.relative);
        }
    }

    #[test]
    fn quantiles_invert_tails(ln_alpha in -200.0..-0.001f64, df in 0.5..1e7f64) {
        let c = tail::student_t_critical(ln_alpha.exp(), df);
        prop_assume!(c.is_finite());
        let back = tail::student_t_two_sided(c, df).ln_p;
        // An error of one unit in the last place of c moves ln p by about c^2.
        let allowed = 1e-13 * (1.0 + ln_alpha.abs());
        prop_assert!((back - ln_alpha).abs() < allowed, "{} {}", back, ln_alpha);
    }

    #[test]
    fn fieller_turns_with_the_sign_of_both(
        a in -10.0..10.0f64, b in 0.1..10.0f64, va in 0.0..2.0f64, vb in 0.0..1.0f64,
    ) {
        let plain = ratio_of_estimates(a, b, va, vb, 0.0, 30.0, 0.05).unwrap();
        let turned = ratio_of_estimates(-a, -b, va, vb, 0.0, 30.0, 0.05).unwrap();
        prop_assert_eq!(plain.clone(), turned);
        // Bounded exactly when the denominator itself differs from zero.
        let clear = b > tail::student_t_critical(0.05, 30.0) * vb.sqrt();
        prop_assert_eq!(plain.is_ok(), clear);
    }
}

/// Moments of random customers: an outcome and k covariates that explain part of it.
fn random_arm(random: &mut Random, n: usize, k: usize) -> ArmMoments {
    let x: Vec<Vec<f64>> = (0..k)
        .map(|j| {
            (0..n)
                .map(|_| 3.0 + random.normal() * (j + 1) as f64)
                .collect()
        })
        .collect();
    let y: Vec<f64> = (0..n)
        .map(|i| 10.0 + random.normal() + x.iter().map(|x| x[i]).sum::<f64>())
        .collect();
    arm_moments(&y, &x)
}

#[test]
fn adjustment_without_covariates_is_welch() {
    let mut random = Random(3);
    let (treated, control) = (
        random_arm(&mut random, 50, 0),
        random_arm(&mut random, 9, 0),
    );
    let plain = |arm: &ArmMoments| Sample {
        n: arm.n,
        mean: arm.mean,
        variance: arm.variance,
    };
    let adjusted = adjusted_lift(&treated, &control, 0.05).expect("an effect");
    let welch = lift_of_means(&plain(&treated), &plain(&control), 0.05).expect("an effect");
    assert_close(
        "se",
        adjusted.lift.absolute.se,
        welch.absolute.se,
        1e-14,
        0.0,
    );
    assert_close(
        "df",
        adjusted.lift.absolute.df,
        welch.absolute.df,
        1e-13,
        0.0,
    );
    assert_close(
        "p",
        adjusted.lift.probability.p,
        welch.probability.p,
        1e-12,
        0.0,
    );
    assert_eq!(adjusted.r2, 0.0);
    assert!(adjusted.variance_reduction.abs() < 1e-14);
}

#[test]
fn adjusted_verdicts_agree() {
    let mut random = Random(4);
    for i in 0..2_000 {
        let k = i % 4;
        let n = 8 + random.below(40) as usize;
        let mut treated = random_arm(&mut random, n, k);
        let control = random_arm(&mut random, 12, k);
        treated.mean += random.normal();
        let adjusted = adjusted_lift(&treated, &control, 0.05).expect("an effect");
        assert_one_verdict(&adjusted.lift, 0.05);
        // The covariances are those of a possible joint distribution.
        let means = adjusted.means;
        let bound = (means.treated_variance * means.control_variance).sqrt();
        assert!(means.covariance.abs() <= bound);
        assert!((0.0..=1.0).contains(&adjusted.r2));
    }
}

/// The unit and the origin of a covariate do not matter.
#[test]
fn adjustment_ignores_the_covariates_unit() {
    let mut random = Random(5);
    let (treated, control) = (
        random_arm(&mut random, 60, 2),
        random_arm(&mut random, 40, 2),
    );
    let changed = |arm: &ArmMoments| {
        let mut arm = arm.clone();
        arm.covariate_means[0] = 1e4 * (arm.covariate_means[0] - 7.0);
        arm.outcome_covariances[0] *= 1e4;
        arm.covariate_covariances[0] *= 1e8;
        arm.covariate_covariances[1] *= 1e4;
        arm.covariate_covariances[2] *= 1e4;
        arm
    };
    let plain = adjusted_lift(&treated, &control, 0.05).expect("an effect");
    let other = adjusted_lift(&changed(&treated), &changed(&control), 0.05).expect("an effect");
    let (a, b) = (plain.lift.absolute, other.lift.absolute);
    assert_close("estimate", a.estimate, b.estimate, 1e-10, 1e-12);
    assert_close("se", a.se, b.se, 1e-11, 0.0);
    assert_close("df", a.df, b.df, 1e-10, 0.0);
    assert_close(
        "imbalance",
        plain.imbalance[0],
        other.imbalance[0],
        1e-10,
        1e-12,
    );
}

#[test]
fn constant_and_collinear_covariates_are_dropped_by_name() {
    let mut random = Random(6);
    let mut arm = |n: usize| {
        let a: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let b: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let y: Vec<f64> = a.iter().map(|a| a + random.normal()).collect();
        let constant = vec![4.0; n];
        let sum: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 1e3 * (a + b)).collect();
        (
            arm_moments(&y, &[a.clone(), constant, b.clone(), sum]),
            arm_moments(&y, &[a, b]),
        )
    };
    let (treated, treated_clean) = arm(70);
    let (control, control_clean) = arm(30);
    let messy = adjusted_lift(&treated, &control, 0.05).expect("an effect");
    let clean = adjusted_lift(&treated_clean, &control_clean, 0.05).expect("an effect");
    assert_eq!(messy.lift, clean.lift);
    assert_eq!(messy.kept, [0, 2]);
    let dropped: Vec<_> = messy
        .dropped
        .iter()
        .map(|d| (d.covariate, d.reason))
        .collect();
    assert_eq!(
        dropped,
        [(1, DropReason::NoVariation), (3, DropReason::Collinear)]
    );
    assert_eq!(messy.imbalance.len(), 4);
}

#[test]
fn small_arms_get_fewer_slopes() {
    let mut random = Random(7);
    let (treated, control) = (
        random_arm(&mut random, 50, 4),
        random_arm(&mut random, 4, 4),
    );
    let adjusted = adjusted_lift(&treated, &control, 0.05).expect("an effect");
    assert_eq!(adjusted.kept, [0, 1]);
    assert!(
        adjusted
            .dropped
            .iter()
            .any(|d| d.reason == DropReason::TooFewObservations)
    );
    assert!(adjusted.lift.absolute.se.is_finite());
}

/// A ratio whose denominator is always one is a mean, and one without covariates is
/// the plain ratio.
#[test]
fn adjusted_ratios_are_ratios_and_means() {
    let mut random = Random(8);
    let (treated, control) = (
        random_arm(&mut random, 70, 2),
        random_arm(&mut random, 30, 2),
    );
    let over_one = |arm: &ArmMoments| RatioMoments {
        ratio: RatioSample {
            n: arm.n,
            numerator_mean: arm.mean,
            denominator_mean: 1.0,
            numerator_variance: arm.variance,
            denominator_variance: 0.0,
            covariance: 0.0,
        },
        covariate_means: arm.covariate_means.clone(),
        numerator_covariances: arm.outcome_covariances.clone(),
        denominator_covariances: vec![0.0; 2],
        covariate_covariances: arm.covariate_covariances.clone(),
    };
    let ratio = adjusted_ratio_lift(&over_one(&treated), &over_one(&control), 0.05);
    let mean = adjusted_lift(&treated, &control, 0.05).expect("an effect");
    let ratio = ratio.expect("an effect");
    assert_eq!(ratio.lift.absolute, mean.lift.absolute);
    assert_eq!(ratio.lift.relative, mean.lift.relative);
    assert_eq!(ratio.treated_slopes, mean.treated_slopes);

    let plain = |n, scale: f64| RatioSample {
        n,
        numerator_mean: 30.0 * scale,
        denominator_mean: 2.0,
        numerator_variance: 500.0,
        denominator_variance: 1.5,
        covariance: 20.0,
    };
    let bare = |ratio| RatioMoments {
        ratio,
        covariate_means: vec![],
        numerator_covariances: vec![],
        denominator_covariances: vec![],
        covariate_covariances: vec![],
    };
    let (t, c) = (plain(300, 1.05), plain(200, 1.0));
    let adjusted = adjusted_ratio_lift(&bare(t), &bare(c), 0.05).expect("an effect");
    let ratio = lift_of_ratios(&t, &c, 0.05).expect("an effect").absolute;
    let absolute = adjusted.lift.absolute;
    assert_close("estimate", absolute.estimate, ratio.estimate, 1e-14, 0.0);
    assert_close("se", absolute.se, ratio.se, 1e-14, 0.0);
    assert_close("df", absolute.df, ratio.df, 1e-13, 0.0);

    let mut uneven = bare(t);
    uneven.numerator_covariances.push(1.0);
    let refused = adjusted_ratio_lift(&uneven, &bare(c), 0.05);
    assert_eq!(refused, Err(Unestimable::MismatchedCovariates));
}

/// The estimates from moments are those of least squares on the rows behind them.
#[test]
fn adjusted_lift_is_the_interacted_regression() {
    let mut random = Random(9);
    let rows = 90;
    let treated: Vec<bool> = (0..rows).map(|i| i % 3 == 0).collect();
    let x: Vec<f64> = (0..rows).map(|_| 5.0 + random.normal()).collect();
    let y: Vec<f64> = (0..rows)
        .map(|i| 2.0 * x[i] * if treated[i] { 1.5 } else { 1.0 } + random.normal())
        .collect();
    let fit = regression(&y, &treated, &[&x], Slopes::PerArm).expect("a fit");
    let arm = |wanted: bool| {
        let of = |values: &[f64]| -> Vec<f64> {
            let rows = values.iter().zip(&treated);
            rows.filter(|(_, t)| **t == wanted)
                .map(|(v, _)| *v)
                .collect()
        };
        arm_moments(&of(&y), &[of(&x)])
    };
    let adjusted = adjusted_lift(&arm(true), &arm(false), 0.05).expect("an effect");
    let estimate = adjusted.lift.absolute.estimate;
    assert_close("effect", estimate, fit.coefficients[1], 1e-12, 0.0);
    assert_close(
        "control",
        adjusted.means.control,
        fit.coefficients[0],
        1e-12,
        0.0,
    );
}

#[test]
fn one_slope_of_zero_adjusts_nothing() {
    let mut random = Random(10);
    let (treated, control) = (
        random_arm(&mut random, 50, 2),
        random_arm(&mut random, 40, 2),
    );
    let plain = |arm: &ArmMoments| Sample {
        n: arm.n,
        mean: arm.mean,
        variance: arm.variance,
    };
    let welch = lift_of_means(&plain(&treated), &plain(&control), 0.05).expect("an effect");
    let zero = cuped_with(&treated, &control, &[0.0, 0.0], 0.05).expect("an effect");
    assert_eq!(zero.absolute, welch.absolute);
    let adjusted = cuped(&treated, &control, 0.05).expect("an effect");
    assert_one_verdict(&adjusted.lift, 0.05);
    assert!(adjusted.lift.absolute.se < 0.7 * welch.absolute.se);

    let mut constant = treated.clone();
    let mut other = control.clone();
    for arm in [&mut constant, &mut other] {
        arm.covariate_means[1] = 3.0;
        arm.outcome_covariances[1] = 0.0;
        arm.covariate_covariances[1..].fill(0.0);
    }
    let refused = cuped(&constant, &other, 0.05);
    assert_eq!(
        refused,
        Err(Unestimable::DependentCovariates { covariate: 1 })
    );
    assert!(cuped_with(&treated, &control, &[0.0], 0.05).is_err());
}

/// Swapping the arms turns intervals of a difference round and leaves exact tests.
#[test]
fn methods_to_compare_with_turn_with_the_arms() {
    for ((x_t, n_t), (x_c, n_c)) in [((3, 60), (0, 50)), ((5, 5), (3, 9)), ((20, 31), (4, 8))] {
        let t = Counts {
            successes: x_t,
            n: n_t,
        };
        let c = Counts {
            successes: x_c,
            n: n_c,
        };
        for interval in [newcombe, agresti_caffo] {
            let (low, high) = interval(t, c, 0.1).expect("valid counts");
            let (low_back, high_back) = interval(c, t, 0.1).expect("valid counts");
            assert_close("turned", low, -high_back, 1e-13, 1e-14);
            assert_close("turned", high, -low_back, 1e-13, 1e-14);
            assert!(low < t.share() - c.share() && t.share() - c.share() < high);
            assert!(interval(t, c, 1.5).is_err());
        }
        let (there, back) = (barnard(t, c), barnard(c, t));
        let (there, back) = (there.expect("valid").p, back.expect("valid").p);
        assert_close("barnard", there, back, 1e-12, 0.0);
        // More tables to choose among than given the total.
        assert!(there <= fisher(t, c).expect("valid").p * (1.0 + 1e-9));
    }
}

#[test]
fn what_cannot_be_estimated_says_why() {
    use stats::Arm::{Control, Treated};
    let some = Sample {
        n: 10,
        mean: 1.0,
        variance: 1.0,
    };
    let none = Sample {
        n: 0,
        mean: 0.0,
        variance: 0.0,
    };
    let one = Sample {
        n: 1,
        mean: 7.0,
        variance: 0.0,
    };
    let means = |t: &Sample, c: &Sample| lift_of_means(t, c, 0.05);
    assert_eq!(
        means(&none, &some),
        Err(Unestimable::Empty { arm: Treated })
    );
    assert_eq!(
        means(&some, &none),
        Err(Unestimable::Empty { arm: Control })
    );
    let too_few = Unestimable::TooFew {
        arm: Treated,
        n: 1,
        needed: 2,
    };
    assert_eq!(means(&one, &some), Err(too_few));

    let constant = |mean| Sample {
        n: 5,
        mean,
        variance: 0.0,
    };
    let difference = means(&constant(3.0), &constant(2.0));
    assert_eq!(
        difference,
        Err(Unestimable::NoVariation { difference: 1.0 })
    );
    let equal = means(&constant(2.0), &constant(2.0)).expect("no effect");
    assert_eq!((equal.probability.p, equal.absolute.estimate), (1.0, 0.0));
    assert_eq!((equal.absolute.low, equal.absolute.high), (0.0, 0.0));
    assert_one_verdict(&equal, 0.05);

    assert!(
        means(
            &Sample {
                mean: f64::NAN,
                ..some
            },
            &some
        )
        .is_err()
    );
    assert!(
        means(
            &Sample {
                variance: -1.0,
                ..some
            },
            &some
        )
        .is_err()
    );
    for alpha in [0.0, 1.0, -0.1, f64::NAN] {
        let refused = lift_of_means(&some, &some, alpha);
        assert!(matches!(refused, Err(Unestimable::InvalidAlpha { .. })));
    }

    let zero = Sample { mean: 0.0, ..some };
    let relative = means(&some, &zero).expect("an effect").relative;
    assert_eq!(relative, Err(NotEstimable::ZeroBaseline));
    let near = Sample { mean: 0.1, ..some };
    let relative = means(&some, &near).expect("an effect").relative;
    assert!(matches!(relative, Err(NotEstimable::BaselineNearZero { g }) if g > 1.0));

    let bad = Counts { successes: 3, n: 2 };
    let good = Counts { successes: 1, n: 2 };
    assert!(matches!(
        lift_of_shares(good, bad, 0.05),
        Err(Unestimable::InvalidCounts { arm: Control, .. })
    ));
    assert_eq!(
        Unestimable::Empty { arm: Treated }.to_string(),
        "the treated arm is empty"
    );
}

#[test]
fn splits_are_tested_exactly_when_small() {
    // 1 of 8 at one half: 2 (1 + 8) / 256.
    let small = sample_ratio(&[1, 7], &[1.0, 1.0]).expect("a plan");
    assert_eq!(small.method, SampleRatioMethod::Exact);
    assert_close("p", small.probability.p, 18.0 / 256.0, 1e-13, 0.0);
    // Three arms of two: every split is as likely as (2, 2, 2) or less.
    let even = sample_ratio(&[2, 2, 2], &[1.0; 3]).expect("a plan");
    assert_eq!(even.probability.p, 1.0);
    // (6, 0, 0) and its like: 3 / 3^6.
    let extreme = sample_ratio(&[0, 6, 0], &[1.0; 3]).expect("a plan");
    assert_close("p", extreme.probability.p, 3.0 / 729.0, 1e-12, 0.0);

    assert_eq!(
        sample_ratio(&[0, 0], &[1.0, 1.0]),
        Err(SampleRatioError::Empty)
    );
    assert_eq!(
        sample_ratio(&[1, 2], &[1.0, 0.0]),
        Err(SampleRatioError::NoSplit)
    );
    assert!(sample_ratio(&[1, 2], &[1.0]).is_err());
    assert!(sample_ratio(&[1, 2], &[1.0, f64::NAN]).is_err());
}

/// All splits of twelve customers, some of them alike, into arms of five and seven. Under
/// randomization without an effect, the average of the squared standard error is the
/// variance of the estimate (Neyman), exactly; and Welch's probability is near that of the
/// randomization distribution: the share of splits whose t is as far from zero.
#[test]
fn tests_of_means_are_those_of_all_splits() {
    const VALUES: [f64; 12] = [0.0, 0.0, 1.5, 2.0, 2.5, 2.5, 3.0, 3.5, 4.25, 5.0, 6.5, 8.0];
    let mut splits = Vec::new();
    for set in 0u32..1 << VALUES.len() {
        if set.count_ones() != 5 {
            continue;
        }
        let arm = |treated: bool| {
            let rows = VALUES.iter().enumerate();
            let chosen = rows.filter(|(i, _)| (set >> i & 1 == 1) == treated);
            sample(&chosen.map(|(_, x)| *x).collect::<Vec<f64>>())
        };
        splits.push(lift_of_means(&arm(true), &arm(false), 0.05).expect("an effect"));
    }
    let count = splits.len() as f64;
    assert_eq!(count, 792.0);
    let average = |value: &dyn Fn(&Lift) -> f64| splits.iter().map(value).sum::<f64>() / count;
    assert_close("mean", average(&|l| l.absolute.estimate), 0.0, 0.0, 1e-13);
    let variance = average(&|l| l.absolute.estimate.powi(2));
    assert_close(
        "variance",
        average(&|l| l.absolute.se.powi(2)),
        variance,
        1e-12,
        0.0,
    );
    let mut furthest = 0.0_f64;
    for lift in &splits {
        let as_far = splits
            .iter()
            .filter(|other| other.statistic.abs() >= lift.statistic.abs() - 1e-12);
        let randomization = as_far.count() as f64 / count;
        furthest = furthest.max((lift.probability.p - randomization).abs());
    }
    assert!(furthest < 0.03, "{furthest}");
}
