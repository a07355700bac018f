//! Laws and simulations of experiment design and of the checks that an experiment can be
//! trusted. Seeds are fixed; limits are those that a binomial with the nominal rate
//! leaves once in a million.

mod common;

use common::{Random, assert_close, assert_rate, sample};
use proptest::prelude::*;
use stats::balance::{BalanceError, CovariateMoments, balance};
use stats::clusters::lift_of_clusters;
use stats::design::{
    ArmPrior, Clustering, Design, DesignError, Effect, Outcome, Reference, Sides, Split,
    TestAndRoll, TestSizes, noncentral_t_upper,
};
use stats::exposure_bounds::{
    ExclusionBias, PartlySeen, Trimmed, lee_bounds, trimming, worst_case_bounds,
};
use stats::sample_ratio::{
    SequentialSampleRatio, concentration, mismatch_by_segment, sample_ratio_of_phases,
};
use stats::uniformity::{binomial_limits, uniform_probability};
use stats::{
    Arm, Counts, Method, RatioSample, Sample, SampleRatioError, lift_of_means, lift_of_ratios,
    lift_of_shares, sample_ratio, tail,
};

fn mean_design() -> Design {
    Design::new(Outcome::Mean {
        control: 5.0,
        control_variance: 4.0,
        treated_variance: 9.0,
    })
}

fn any_design() -> impl Strategy<Value = Design> {
    let outcome = prop_oneof![
        (0.5..50.0, 0.1..900.0, 0.1..900.0).prop_map(|(control, c, t)| Outcome::Mean {
            control,
            control_variance: c,
            treated_variance: t,
        }),
        (0.001..0.6).prop_map(|control| Outcome::Share { control }),
    ];
    let sides = prop_oneof![Just(Sides::Two), Just(Sides::Greater), Just(Sides::Less)];
    let reference = prop_oneof![Just(Reference::StudentT), Just(Reference::Normal)];
    let clustering = proptest::option::of((1.0..30.0, 0.0..1.5, 0.0..0.2).prop_map(
        |(size, size_variation, icc)| Clustering {
            size,
            size_variation,
            icc,
        },
    ));
    (
        outcome,
        (0.05..0.5, 0.05..0.5),
        (1e-4..0.2, sides, reference),
        (0.0..0.9, clustering, 1.0..1.5),
    )
        .prop_map(
            |(outcome, (treated, control), (alpha, sides, reference), noise)| Design {
                outcome,
                split: Split { treated, control },
                alpha,
                sides,
                reference,
                null: Effect::Absolute(0.0),
                r_squared: noise.0,
                clustering: noise.1,
                inflation: noise.2,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Power, detectable effect and required customers are one relation.
    #[test]
    fn power_effect_and_customers_invert_one_another(
        design in any_design(), thousands in 2.0..500.0, power in 0.3..0.99,
    ) {
        let customers = 1000.0 * thousands;
        match design.minimum_detectable_effect(power, customers) {
            Ok(effect) => {
                let absolute = Effect::Absolute(effect.absolute);
                let relative = Effect::Relative(effect.relative.expect("a control"));
                prop_assert_eq!(effect.absolute > 0.0, design.sides != Sides::Less);
                for effect in [absolute, relative] {
                    let reached = design.power(effect, customers).expect("a power");
                    prop_assert!((reached - power).abs() < 1e-7, "{reached} {power}");
                    let needed = design.required_customers(effect, power).expect("a size");
                    prop_assert!((needed / customers - 1.0).abs() < 1e-6);
                    let more = design.power(effect, 1.1 * customers).expect("a power");
                    prop_assert!(more > reached);
                    let left = design.days_left(effect, power, 0.5 * customers, 100.0);
                    prop_assert!((left.expect("days") * 200.0 / customers - 1.0).abs() < 1e-5);
                }
            }
            Err(error) => {
                let undetectable = matches!(error, DesignError::Undetectable { .. });
                let of_share = matches!(design.outcome, Outcome::Share { .. });
                prop_assert!(undetectable && of_share);
            }
        }
    }

    /// Swapping the arms turns the effect and the side around.
    #[test]
    fn power_is_symmetric_in_the_arms(effect in -0.6..0.6, customers in 50.0..5000.0) {
        let design = Design { split: Split { treated: 0.3, control: 0.7 }, ..mean_design() };
        let swapped = Design {
            outcome: Outcome::Mean { control: 5.0, control_variance: 9.0, treated_variance: 4.0 },
            split: Split { treated: 0.7, control: 0.3 },
            ..design
        };
        for (sides, other) in [
            (Sides::Two, Sides::Two),
            (Sides::Greater, Sides::Less),
            (Sides::Less, Sides::Greater),
        ] {
            let one = Design { sides, ..design }.power(Effect::Absolute(effect), customers);
            let two = Design { sides: other, ..swapped }.power(Effect::Absolute(-effect), customers);
            prop_assert!((one.expect("a power") - two.expect("a power")).abs() < 1e-12);
        }
    }

    /// Whatever the numbers, there is an answer or a refusal.
    #[test]
    fn no_number_panics(
        a in any::<f64>(), b in any::<f64>(), c in any::<f64>(), k in any::<u64>(), m in any::<u64>(),
    ) {
        let design = Design { r_squared: b, inflation: c, ..mean_design() };
        let _ = design.power(Effect::Relative(a), b);
        let _ = design.minimum_detectable_effect(a, c);
        let _ = Design::new(Outcome::Share { control: a }).required_customers(Effect::Absolute(b), c);
        let _ = design.days_left(Effect::Absolute(a), 0.8, b, c);
        let _ = noncentral_t_upper(a, b.abs().min(1e6), c);
        let arm = ArmPrior { mean: a, sd: b, noise: c };
        let plan = TestAndRoll { treated: arm, control: ArmPrior::share(a, c), customers: b };
        let _ = plan.roll(TestSizes { treated: a, control: b });
        let _ = concentration(a, 3, b);
        let (k, m) = (k >> 34, m >> 34);
        if let Ok(mut srm) = SequentialSampleRatio::new(&[a.abs(), b.abs()], c) {
            let _ = srm.add(&[k, m]);
            prop_assert!(srm.probability().p <= 1.0 || srm.probability().p.is_nan());
        }
        let _ = sample_ratio_of_phases(&[(&[k, m], &[a, b]), (&[m], &[c])]);
        let _ = mismatch_by_segment(&[vec![vec![k, m], vec![0, 0]]], &[1.0, 1.0], a);
        let cluster = Sample { n: k, mean: a, variance: b };
        let _ = lift_of_clusters(&[cluster, cluster], &[cluster], 0.05);
        let _ = ExclusionBias::new(&[a, b], c);
        let seen = PartlySeen { seen: cluster, unseen: m };
        let _ = worst_case_bounds(&seen, &seen, (b, c), 0.05);
        let counts = Counts { successes: k, n: m };
        let trimmed = Trimmed { left: cluster, cutoff: c };
        let _ = lee_bounds(counts, counts, &cluster, &trimmed, &trimmed, 0.05);
        let arm = CovariateMoments { n: k, means: vec![a], covariances: vec![b] };
        let _ = balance(&[arm.clone(), arm]);
    }
}

/// With a normal reference the customers needed are in proportion to the variance.
#[test]
fn factors_of_the_variance_multiply_the_customers() {
    let plain = Design {
        reference: Reference::Normal,
        ..mean_design()
    };
    let needed = |design: Design| {
        let effect = Effect::Relative(0.01);
        design.required_customers(effect, 0.8).expect("a size")
    };
    let clustering = Clustering {
        size: 21.0,
        size_variation: 1.0,
        icc: 0.05,
    };
    assert_close("", clustering.design_effect(), 3.05, 1e-14, 0.0);
    let designs = [
        (
            Design {
                r_squared: 0.4,
                ..plain
            },
            0.6,
        ),
        (
            Design {
                inflation: 1.2,
                ..plain
            },
            1.2,
        ),
        (
            Design {
                clustering: Some(clustering),
                ..plain
            },
            3.05,
        ),
    ];
    for (design, factor) in designs {
        assert_close("", needed(design), factor * needed(plain), 1e-9, 0.0);
    }
    // A third of the customers in each of three arms, at half of alpha.
    let split = Split {
        treated: 1.0 / 3.0,
        control: 1.0 / 3.0,
    };
    let three = Design { split, ..plain };
    assert_close("", needed(three), 1.5 * needed(plain), 1e-9, 0.0);
    assert!(
        needed(Design {
            alpha: 0.025,
            ..three
        }) > 1.8 * needed(plain)
    );
}

/// The margin is the null hypothesis: no effect is then an effect.
#[test]
fn non_inferiority_is_designed_by_its_margin() {
    let superiority = Design {
        sides: Sides::Greater,
        alpha: 0.025,
        ..mean_design()
    };
    let absolute = Design {
        null: Effect::Absolute(-0.1),
        ..superiority
    };
    let none = Effect::Absolute(0.0);
    let n = absolute.required_customers(none, 0.8).expect("a size");
    let same = superiority.required_customers(Effect::Absolute(0.1), 0.8);
    assert_close("absolute", n, same.expect("a size"), 1e-9, 0.0);
    // A relative margin takes as much off the control's noise.
    let relative = Design {
        null: Effect::Relative(-0.02),
        ..superiority
    };
    let power = relative.power(none, n).expect("a power");
    assert!(power > 0.8 && power < 0.81, "{power}");
    let effect = relative
        .minimum_detectable_effect(power, n)
        .expect("an effect");
    assert!(effect.absolute.abs() < 1e-9);
    // On the margin itself the power is alpha.
    let on_margin = relative.power(Effect::Relative(-0.02), n).expect("a power");
    assert_close("alpha", on_margin, 0.025, 1e-9, 0.0);
}

#[test]
fn designs_without_an_answer_are_refused() {
    let design = mean_design();
    assert_eq!(
        design.required_customers(Effect::Absolute(0.0), 0.8),
        Err(DesignError::Unreachable)
    );
    assert_eq!(
        design.power(Effect::Absolute(1.0), 3.0),
        Err(DesignError::TooFew { needed: 4.0 })
    );
    assert_eq!(
        design.days_left(Effect::Absolute(0.1), 0.8, 10.0, 0.0),
        Err(DesignError::NoTraffic)
    );
    assert_eq!(
        design.days_left(Effect::Absolute(0.1), 0.8, 1e9, 0.0),
        Ok(0.0)
    );
    let share = Design::new(Outcome::Share { control: 0.9 });
    let beyond = share
        .power(Effect::Absolute(0.2), 1000.0)
        .expect_err("a share");
    assert!(matches!(beyond, DesignError::ImpossibleShare { .. }));
    let score = Design {
        reference: Reference::Score,
        ..design
    };
    let refused = score.power(Effect::Absolute(0.1), 1000.0);
    assert_eq!(refused, Err(DesignError::NotAScoreTest));
    let curve = share.curve(Effect::Absolute(0.05), 0.8, &[10.0, 400.0, 800.0]);
    let curve = curve.expect("a curve");
    assert_eq!(curve[0].detectable, None);
    assert!(curve[1].power < curve[2].power && curve[1].detectable.is_some());
}

/// The power computed is the share of simulated tests that reject.
#[test]
fn power_is_the_rate_of_rejections() {
    const TRIALS: u64 = 20_000;
    let mut random = Random(7);
    // 12 treated customers against 30, with unlike noise: Welch's test of few.
    let design = Design {
        split: Split {
            treated: 12.0 / 42.0,
            control: 30.0 / 42.0,
        },
        ..mean_design()
    };
    let effect = 2.0;
    let mut rejected = 0;
    for _ in 0..TRIALS {
        let mut arm = |n: usize, mean: f64, sd: f64| {
            let values: Vec<f64> = (0..n).map(|_| mean + sd * random.normal()).collect();
            sample(&values)
        };
        let (treated, control) = (arm(12, 5.0 + effect, 3.0), arm(30, 5.0, 2.0));
        let lift = lift_of_means(&treated, &control, 0.05).expect("an effect");
        rejected += u64::from(lift.probability.p < 0.05);
    }
    let power = design
        .power(Effect::Absolute(effect), 42.0)
        .expect("a power");
    // The degrees of freedom are taken at the expected variances.
    let (low, _) = binomial_limits(TRIALS, power - 0.005, 1e-6);
    let (_, high) = binomial_limits(TRIALS, power + 0.005, 1e-6);
    assert!((low..=high).contains(&rejected), "{rejected} {power}");

    let design = Design::new(Outcome::Share { control: 0.2 });
    let mut rejected = 0;
    const SHARES: u64 = 2_000;
    for _ in 0..SHARES {
        let mut arm = |share: f64| Counts {
            successes: (0..1500).map(|_| u64::from(random.uniform() < share)).sum(),
            n: 1500,
        };
        let (treated, control) = (arm(0.24), arm(0.2));
        let lift = lift_of_shares(treated, control, 0.05).expect("an effect");
        rejected += u64::from(lift.probability.p < 0.05);
    }
    let power = design
        .power(Effect::Absolute(0.04), 3000.0)
        .expect("a power");
    assert_rate("shares", rejected, SHARES, power, power);
}

/// The closed form is the top of the profit, and so is what the search finds.
#[test]
fn the_best_test_sizes_are_the_best() {
    let arm = ArmPrior::share(0.68, 0.03);
    let plan = TestAndRoll {
        treated: arm,
        control: arm,
        customers: 100_000.0,
    };
    let best = plan.best_sizes().expect("sizes");
    let top = plan.roll(best).expect("a value").profit;
    // A prior that differs in the last place is searched.
    let mut almost = plan;
    almost.treated.mean = arm.mean.next_up();
    let searched = almost.best_sizes().expect("sizes");
    assert_close("treated", searched.treated, best.treated, 1e-4, 0.0);
    assert_close("control", searched.control, best.control, 1e-4, 0.0);
    for factor in [0.9, 1.1] {
        for (t, c) in [(factor, 1.0), (1.0, factor), (factor, factor)] {
            let other = TestSizes {
                treated: t * best.treated,
                control: c * best.control,
            };
            assert!(plan.roll(other).expect("a value").profit < top);
        }
    }
    // The paper's website: regret of some 0.2 % of the profit, an error in ten.
    let roll = plan.roll(best).expect("a value");
    assert!(roll.regret > 0.0 && roll.regret < 0.005 * roll.profit_informed);
    assert!(roll.profit > roll.profit_untested);
    assert!(
        (0.05..0.15).contains(&roll.error_rate),
        "{}",
        roll.error_rate
    );
}

/// Unequal priors: a small holdout beside an arm that is expected to be better, none
/// when nothing can be learned that pays, and all of it as simulated.
#[test]
fn unequal_priors_make_unequal_tests() {
    let plan = TestAndRoll {
        treated: ArmPrior {
            mean: 10.5,
            sd: 1.5,
            noise: 30.0,
        },
        control: ArmPrior {
            mean: 10.0,
            sd: 0.5,
            noise: 20.0,
        },
        customers: 50_000.0,
    };
    let best = plan.best_sizes().expect("sizes");
    assert!(best.control < best.treated, "{best:?}");
    let top = plan.roll(best).expect("a value");
    for i in 0..40 {
        for j in 0..40 {
            let other = TestSizes {
                treated: f64::from(i) * 100.0,
                control: f64::from(j) * 100.0,
            };
            assert!(plan.roll(other).expect("a value").profit <= top.profit);
        }
    }
    let hopeless = TestAndRoll {
        control: ArmPrior {
            mean: -4.0,
            ..plan.control
        },
        ..plan
    };
    let none = hopeless.best_sizes().expect("sizes");
    assert_eq!((none.treated, none.control), (0.0, 0.0));
    let untested = hopeless.roll(none).expect("a value");
    assert_eq!(untested.profit, untested.profit_untested);
    let chance = tail::normal_cdf(-14.5 / 2.5_f64.sqrt());
    assert_close("error", untested.error_rate, chance, 1e-6, 0.0);

    const TRIALS: u64 = 200_000;
    let mut random = Random(3);
    let (mut profit, mut squares, mut errors) = (0.0, 0.0, 0);
    for _ in 0..TRIALS {
        let mut arm = |prior: ArmPrior, n: f64| {
            let mean = prior.mean + prior.sd * random.normal();
            let seen = mean + prior.noise / n.sqrt() * random.normal();
            let weight = prior.sd.powi(2) / (prior.sd.powi(2) + prior.noise.powi(2) / n);
            (mean, prior.mean + weight * (seen - prior.mean))
        };
        let (treated, control) = (
            arm(plan.treated, best.treated),
            arm(plan.control, best.control),
        );
        let left = plan.customers - best.treated - best.control;
        let takes_treated = treated.1 > control.1;
        let rolled = if takes_treated { treated.0 } else { control.0 };
        let value = best.treated * treated.0 + best.control * control.0 + left * rolled;
        profit += value;
        squares += value * value;
        errors += u64::from(takes_treated != (treated.0 > control.0));
    }
    let mean = profit / TRIALS as f64;
    let se = ((squares / TRIALS as f64 - mean * mean) / TRIALS as f64).sqrt();
    assert!(
        (mean - top.profit).abs() < 5.0 * se,
        "{mean} {}",
        top.profit
    );
    assert_rate("errors", errors, TRIALS, top.error_rate, top.error_rate);
}

/// The Bayes factor is the ratio of likelihoods that it stands for, and its expectation
/// under the plan is one, whatever the phases.
#[test]
fn the_sequential_ratio_is_an_e_value() {
    let shares = [0.5, 0.3, 0.2];
    let ln_gamma = stats::special::ln_gamma;
    for c in [0.7, 10.0, 5000.0] {
        let n = 14;
        let mut expectation = 0.0;
        for i in 0..=n {
            for j in 0..=(n - i) {
                let counts = [i, j, n - i - j];
                let mut srm = SequentialSampleRatio::new(&[5.0, 3.0, 2.0], c).expect("a plan");
                srm.add(&counts).expect("counts");
                let parts = counts.iter().zip(shares);
                let direct = ln_gamma(c) - ln_gamma(c + n as f64)
                    + parts
                        .clone()
                        .map(|(&k, s)| {
                            ln_gamma(c * s + k as f64) - ln_gamma(c * s) - k as f64 * s.ln()
                        })
                        .sum::<f64>();
                let bayes_factor = srm.ln_bayes_factor();
                assert_close("", bayes_factor, direct, 1e-11, 1e-11 * c.max(1.0));
                let ln_multinomial = ln_gamma(n as f64 + 1.0)
                    + parts
                        .map(|(&k, s)| k as f64 * s.ln() - ln_gamma(k as f64 + 1.0))
                        .sum::<f64>();
                expectation += (ln_multinomial + bayes_factor).exp();
            }
        }
        assert_close("expectation", expectation, 1.0, 1e-11, 0.0);
    }

    // Batches add up, phases multiply, arms of weight zero are counted apart.
    let mut whole = SequentialSampleRatio::new(&[0.5, 0.5], 100.0).expect("a plan");
    whole.add(&[300, 340]).expect("counts");
    let mut parts = SequentialSampleRatio::new(&[0.5, 0.5], 100.0).expect("a plan");
    parts.add(&[300, 0]).expect("counts");
    parts.add(&[0, 340]).expect("counts");
    let same = parts.ln_bayes_factor();
    assert_close("batches", same, whole.ln_bayes_factor(), 1e-13, 0.0);
    assert!(parts.probability().ln_p <= -parts.ln_bayes_factor());
    whole.start_phase(&[0.9, 0.1], 50.0).expect("a plan");
    assert_eq!(whole.ln_bayes_factor(), same);
    whole.add(&[180, 20]).expect("counts");
    let mut second = SequentialSampleRatio::new(&[0.9, 0.1], 50.0).expect("a plan");
    second.add(&[180, 20]).expect("counts");
    let product = same + second.ln_bayes_factor();
    assert_close("phases", whole.ln_bayes_factor(), product, 1e-12, 0.0);
    whole.start_phase(&[1.0, 0.0], 50.0).expect("a plan");
    whole.add(&[1000, 7]).expect("counts");
    assert_close("one arm", whole.ln_bayes_factor(), product, 1e-12, 1e-12);
    assert_eq!(whole.unplanned(), 7);
    assert_eq!(
        whole.start_phase(&[0.0, 0.0], 1.0),
        Err(SampleRatioError::NoSplit)
    );
}

#[test]
fn the_concentration_is_the_most_sensitive() {
    let (n, alpha) = (50_000.0, 0.01_f64);
    for arms in [2, 5] {
        let k = (arms - 1) as f64;
        let limit = |c: f64| (1.0 + c / n) * (-2.0 * alpha.ln() + k * (n / c).ln_1p());
        let best = concentration(n, arms, alpha).expect("a concentration");
        assert!(limit(best) < limit(0.97 * best) && limit(best) < limit(1.03 * best));
        // The width of a tenth or tenfold of the customers, beside the best for those.
        for factor in [0.1, 10.0] {
            let tuned = concentration(factor * n, arms, alpha).expect("a concentration");
            let wider = |c: f64| {
                let c = c / factor;
                ((1.0 + c / n) * (-2.0 * alpha.ln() + k * (n / c).ln_1p())).sqrt()
            };
            assert!(
                wider(best) < 1.4 * wider(tuned),
                "{}",
                wider(best) / wider(tuned)
            );
        }
    }
}

/// A ramp in three phases, looked at 400 times: false alarms stay below alpha where a
/// chi-square test at each look, or one against the last weights, does not.
#[test]
fn the_sequential_ratio_may_be_looked_at_all_the_time() {
    const TRIALS: u64 = 1_000;
    const ALPHA: f64 = 0.05;
    let phases: [(&[f64], usize); 3] =
        [(&[0.95, 0.05], 100), (&[0.8, 0.2], 100), (&[0.5, 0.5], 200)];
    let mut random = Random(11);
    let (mut alarms, mut naive, mut last_weights) = (0, 0, 0);
    for _ in 0..TRIALS {
        let mut srm: Option<SequentialSampleRatio> = None;
        let mut any_look = false;
        let mut all = [0; 2];
        for (weights, looks) in phases {
            let c = concentration(40.0 * looks as f64, 2, ALPHA).expect("a concentration");
            match &mut srm {
                Some(srm) => srm.start_phase(weights, c).expect("a plan"),
                None => srm = Some(SequentialSampleRatio::new(weights, c).expect("a plan")),
            }
            let mut counts = [0; 2];
            for _ in 0..looks {
                let treated = (0..40)
                    .map(|_| u64::from(random.uniform() < weights[1]))
                    .sum::<u64>();
                let batch = [40 - treated, treated];
                srm.as_mut().expect("started").add(&batch).expect("counts");
                for i in 0..2 {
                    counts[i] += batch[i];
                    all[i] += batch[i];
                }
                let expected = (counts[0] + counts[1]) as f64 * weights[1];
                let z = (counts[1] as f64 - expected) / (expected * weights[0]).sqrt();
                any_look |= z.abs() > 1.96;
            }
        }
        alarms += u64::from(srm.expect("started").probability().p < ALPHA);
        naive += u64::from(any_look);
        let against_last = sample_ratio(&all, &[0.5, 0.5]).expect("a test");
        last_weights += u64::from(against_last.probability.p < ALPHA);
    }
    let (_, most) = binomial_limits(TRIALS, ALPHA, 1e-6);
    assert!(alarms <= most, "{alarms}");
    assert!(naive > TRIALS / 3, "{naive}");
    assert_eq!(last_weights, TRIALS);
}

#[test]
fn phases_are_tested_each_by_its_own_weights() {
    let one = sample_ratio(&[12, 3], &[0.5, 0.5]).expect("a test");
    let phases: [(&[u64], &[f64]); 3] = [
        (&[12, 3], &[0.5, 0.5]),
        (&[900, 0], &[1.0, 0.0]),
        (&[0, 0], &[0.9, 0.1]),
    ];
    let same = sample_ratio_of_phases(&phases).expect("a test");
    assert_eq!((same.probability, same.df), (one.probability, 1));
    assert!(same.phases[1].is_none() && same.phases[2].is_none());

    let two: [(&[u64], &[f64]); 2] = [
        (&[990, 20, 0], &[0.98, 0.02, 0.0]),
        (&[300, 330, 290], &[1.0, 1.0, 1.0]),
    ];
    let sum = sample_ratio_of_phases(&two).expect("a test");
    let parts: Vec<_> = two
        .iter()
        .map(|(n, w)| sample_ratio(n, w).expect("a test"))
        .collect();
    assert_eq!((sum.chi2, sum.df), (parts[0].chi2 + parts[1].chi2, 3));
    assert_eq!(sum.probability, tail::chi_square_upper(sum.chi2, 3.0));
    let impossible: [(&[u64], &[f64]); 2] = [(&[990, 1], &[1.0, 0.0]), (&[300, 330], &[1.0, 1.0])];
    let refused = sample_ratio_of_phases(&impossible[..1]).expect_err("no split");
    assert_eq!(refused, SampleRatioError::NoSplit);
    assert_eq!(sample_ratio_of_phases(&[]), Err(SampleRatioError::Empty));
}

/// Safari loses treated customers; countries share the loss.
#[test]
fn the_segment_behind_a_mismatch_is_found() {
    let browsers = vec![
        vec![20_100, 20_000],
        vec![5_000, 4_300],
        vec![9_950, 10_020],
        vec![0, 0],
    ];
    let countries = vec![vec![17_500, 17_160], vec![17_550, 17_160]];
    let ranked = mismatch_by_segment(&[countries.clone(), browsers.clone()], &[1.0, 1.0], 0.01)
        .expect("tests");
    assert_eq!(ranked.len(), 5);
    let first = &ranked[0];
    assert_eq!((first.segmentation, first.value), (1, 1));
    assert!(first.explains && first.share_of_chi2 > 0.98 && first.adjusted.p < 1e-10);
    assert_close(
        "Holm",
        first.adjusted.ln_p,
        first.test.probability.ln_p + 5f64.ln(),
        1e-12,
        0.0,
    );
    let shares: f64 = ranked
        .iter()
        .filter(|mismatch| mismatch.segmentation == 1)
        .map(|mismatch| mismatch.share_of_chi2)
        .sum();
    assert_close("shares", shares, 1.0, 1e-12, 0.0);
    let ascending = ranked
        .windows(2)
        .filter(|pair| pair[0].explains == pair[1].explains);
    for pair in ascending {
        assert!(pair[0].adjusted.ln_p <= pair[1].adjusted.ln_p);
    }
    assert!(
        ranked
            .iter()
            .skip(1)
            .filter(|m| m.segmentation == 1)
            .all(|m| !m.explains)
    );
    // No mismatch, nothing to explain.
    let calm = mismatch_by_segment(&[vec![vec![500, 510], vec![90, 80]]], &[1.0, 1.0], 0.001);
    assert!(
        calm.expect("tests")
            .iter()
            .all(|mismatch| !mismatch.explains)
    );
    let empty = mismatch_by_segment(&[vec![vec![0, 0]]], &[1.0, 1.0], 0.001);
    assert_eq!(empty, Err(SampleRatioError::Empty));
}

/// A value whose others are too few to show the same fault explains nothing.
#[test]
fn a_value_split_like_its_others_explains_no_mismatch() {
    let devices = vec![vec![63, 131], vec![30, 61]];
    let ranked = mismatch_by_segment(&[devices], &[1.0, 1.0], 0.001).expect("tests");
    let first = &ranked[0];
    assert_eq!(first.value, 0);
    let others = first.without.as_ref().expect("others");
    assert!(first.adjusted.p < 0.001 && others.probability.p > 0.001);
    assert!(first.differs.p > 0.9 && !first.explains, "{first:?}");
    // A segmentation of one value has no others that could be as planned.
    let one = mismatch_by_segment(&[vec![vec![63, 131]]], &[1.0, 1.0], 0.001).expect("tests");
    assert!(one[0].differs.p == 1.0 && !one[0].explains);
    // The least of three arms' exact tests, thrice for the arms and, as the first of two values whose tables are one
    // another's mirror, twice for Holm.
    let three = vec![vec![40, 10, 40], vec![400, 410, 390]];
    let ranked = mismatch_by_segment(&[three], &[1.0; 3], 0.001).expect("tests");
    let middle = stats::fisher(
        stats::Counts {
            successes: 10,
            n: 90,
        },
        stats::Counts {
            successes: 410,
            n: 1200,
        },
    );
    let expected = middle.expect("a test").ln_p + 6f64.ln();
    assert_close("differs", ranked[0].differs.ln_p, expected, 1e-9, 0.0);
}

fn cluster(n: u64, mean: f64, variance: f64) -> Sample {
    Sample { n, mean, variance }
}

/// CR2, its degrees of freedom and the intracluster correlation, computed with matrices
/// over customers.
#[test]
fn clusters_of_unlike_sizes_as_by_matrices() {
    let control = [
        cluster(3, 1.0, 1.0),
        cluster(5, 2.5, 2.0),
        cluster(2, 0.2, 0.5),
        cluster(9, 1.9, 1.5),
    ];
    let treated = [
        cluster(4, 3.0, 2.0),
        cluster(1, 1.5, f64::NAN),
        cluster(7, 2.2, 1.0),
        cluster(0, f64::NAN, 0.0),
    ];
    let effect = lift_of_clusters(&treated, &control, 0.05).expect("an effect");
    let absolute = effect.lift.absolute;
    assert_eq!(effect.lift.method, Method::Clustered);
    assert_eq!((effect.treated_clusters, effect.control_clusters), (3, 4));
    assert_close(
        "estimate",
        absolute.estimate,
        0.671_491_228_070_175_7,
        1e-13,
        0.0,
    );
    assert_close("se", absolute.se, 0.459_837_643_611_922_3, 1e-12, 0.0);
    assert_close("df", absolute.df, 3.413_535_067_695_475, 1e-12, 0.0);
    let clustering = effect.clustering.expect("two customers in a cluster");
    assert_close("icc", clustering.icc, 0.149_109_246_147_129_34, 1e-12, 0.0);
    assert_close("size", clustering.size, 31.0 / 7.0, 1e-14, 0.0);
}

/// Clusters of one are customers; clusters of one size are the delta method.
#[test]
fn clusters_agree_with_simpler_tests() {
    let mut random = Random(5);
    let mut values = |n: usize| -> Vec<f64> { (0..n).map(|_| random.normal()).collect() };
    let (t, c) = (values(12), values(9));
    let single =
        |values: &[f64]| -> Vec<Sample> { values.iter().map(|v| cluster(1, *v, 0.0)).collect() };
    let clustered = lift_of_clusters(&single(&t), &single(&c), 0.05).expect("an effect");
    let plain = lift_of_means(&sample(&t), &sample(&c), 0.05).expect("an effect");
    assert_eq!(clustered.clustering, None);
    for (a, b) in [
        (clustered.lift.absolute.se, plain.absolute.se),
        (clustered.lift.absolute.df, plain.absolute.df),
        (clustered.lift.statistic, plain.statistic),
    ] {
        assert_close("single", a, b, 1e-12, 0.0);
    }
    let fours =
        |values: &[f64]| -> Vec<Sample> { values.iter().map(|v| cluster(4, *v, 1.0)).collect() };
    let clustered = lift_of_clusters(&fours(&t), &fours(&c), 0.05).expect("an effect");
    let ratio = |values: &[f64]| {
        let totals = sample(&values.iter().map(|v| 4.0 * v).collect::<Vec<_>>());
        RatioSample {
            n: totals.n,
            numerator_mean: totals.mean,
            denominator_mean: 4.0,
            numerator_variance: totals.variance,
            denominator_variance: 0.0,
            covariance: 0.0,
        }
    };
    let delta = lift_of_ratios(&ratio(&t), &ratio(&c), 0.05).expect("an effect");
    assert_close(
        "se",
        clustered.lift.absolute.se,
        delta.absolute.se,
        1e-12,
        0.0,
    );
    assert_close(
        "df",
        clustered.lift.absolute.df,
        delta.absolute.df,
        1e-12,
        0.0,
    );
}

/// Twenty clusters of very unlike sizes.
#[test]
fn intervals_of_few_clusters_cover() {
    const TRIALS: u64 = 10_000;
    const ICC: f64 = 0.2;
    let mut random = Random(23);
    let (mut covered, mut naive, mut icc) = (0, 0, 0.0);
    for _ in 0..TRIALS {
        let mut arm = |effect: f64| -> Vec<Sample> {
            (0..10)
                .map(|_| {
                    let n = 5 + random.below(30);
                    let level = ICC.sqrt() * random.normal() + effect;
                    let within: Vec<f64> = (0..n)
                        .map(|_| level + (1.0 - ICC).sqrt() * random.normal())
                        .collect();
                    sample(&within)
                })
                .collect()
        };
        let (treated, control) = (arm(0.3), arm(0.0));
        let effect = lift_of_clusters(&treated, &control, 0.05).expect("an effect");
        let covers = |low: f64, high: f64| u64::from(low <= 0.3 && 0.3 <= high);
        let absolute = effect.lift.absolute;
        covered += covers(absolute.low, absolute.high);
        icc += effect.clustering.expect("clusters").icc;
        let size: f64 = treated.iter().chain(&control).map(|c| c.n as f64).sum();
        let half = 1.96 * 2.0 / size.sqrt();
        naive += covers(absolute.estimate - half, absolute.estimate + half);
    }
    let (low, _) = binomial_limits(TRIALS, 0.945, 1e-6);
    let (_, high) = binomial_limits(TRIALS, 0.965, 1e-6);
    assert!((low..=high).contains(&covered), "{covered}");
    assert!(naive < TRIALS * 8 / 10, "{naive}");
    assert_close("icc", icc / TRIALS as f64, ICC, 0.05, 0.0);
}

/// Who is drawn twice is left out more often from the small arm.
#[test]
fn exclusion_biases_uneven_splits_as_simulated() {
    let (weights, twice, extra) = ([0.85, 0.15], 0.1, 2.0);
    let mut random = Random(9);
    let mut sums = [(0.0, 0u64); 2];
    let (mut excluded, customers) = (0u64, 400_000u64);
    for _ in 0..customers {
        let mut draw = || usize::from(random.uniform() > weights[0]);
        let (first, second) = (draw(), draw());
        let is_twice = random.uniform() < twice;
        if is_twice && first != second {
            excluded += 1;
            continue;
        }
        sums[first].0 += if is_twice { extra } else { 0.0 };
        sums[first].1 += 1;
    }
    let bias = ExclusionBias::new(&weights, excluded as f64 / customers as f64).expect("shares");
    assert_close("twice", bias.drawn_twice, twice, 0.05, 0.0);
    let mean = |arm: usize| sums[arm].0 / sums[arm].1 as f64;
    let expected = bias.of_difference(1, 0, extra).expect("two arms");
    assert_close("bias", mean(1) - mean(0), expected, 0.05, 0.0);
    let even = ExclusionBias::new(&[1.0, 1.0, 1.0], 0.2).expect("shares");
    assert_eq!(even.of_difference(2, 0, 100.0), Some(0.0));
    assert_eq!(even.of_difference(3, 0, 1.0), None);
    assert!(ExclusionBias::new(&[1.0, 0.0], 0.1).is_err());
}

#[test]
fn worst_cases_hold_the_effect() {
    // Nobody unseen: Welch's interval in its normal limit.
    let (t, c) = (cluster(4000, 0.5, 0.25), cluster(4000, 0.4, 0.24));
    let seen = |sample: Sample, unseen: u64| PartlySeen {
        seen: sample,
        unseen,
    };
    let point = worst_case_bounds(&seen(t, 0), &seen(c, 0), (0.0, 1.0), 0.05).expect("bounds");
    let welch = lift_of_means(&t, &c, 0.05).expect("an effect").absolute;
    assert_eq!((point.low, point.high), (welch.estimate, welch.estimate));
    assert_close("low", point.interval_low, welch.low, 1e-3, 0.0);
    assert!(point.excludes_zero());
    // One in a hundred unseen in each arm: two points wide.
    let wide = worst_case_bounds(&seen(t, 40), &seen(c, 40), (0.0, 1.0), 0.05).expect("bounds");
    assert_close(
        "width",
        wide.high - wide.low,
        2.0 * 40.0 / 4040.0,
        1e-12,
        0.0,
    );
    // Far apart, each end is one-sided.
    let se = 0.5 * (wide.interval_high - wide.high + wide.low - wide.interval_low) / 1.645;
    assert_close("one-sided", se, welch.se, 0.03, 0.0);
    let swapped = worst_case_bounds(&seen(c, 40), &seen(t, 40), (0.0, 1.0), 0.05).expect("bounds");
    assert_eq!((swapped.low, swapped.high), (-wide.high, -wide.low));
    assert!(worst_case_bounds(&seen(t, 1), &seen(c, 1), (0.0, 0.45), 0.05).is_err());
}

/// The treatment makes more customers buy; the effect on those who buy anyway lies in the
/// bounds, and their interval covers it.
#[test]
fn trimmed_bounds_cover_the_effect_on_those_who_always_buy() {
    const TRIALS: u64 = 400;
    let (effect, mut covered, mut naive) = (0.3, 0, 0);
    let mut random = Random(31);
    for _ in 0..TRIALS {
        // Buyers by inclination u < 0.5, under treatment u < 0.6; the marginal spend less.
        let mut arm = |limit: f64, effect: f64| -> Vec<f64> {
            let spend = |u: f64, noise: f64| if u < 0.5 { noise } else { noise - 1.0 };
            let mut spent: Vec<f64> = (0..1000)
                .filter_map(|_| {
                    let (u, noise) = (random.uniform(), random.normal());
                    (u < limit).then(|| spend(u, noise) + effect)
                })
                .collect();
            spent.sort_by(f64::total_cmp);
            spent
        };
        let (treated, control) = (arm(0.6, effect), arm(0.5, 0.0));
        let counts = |spent: &[f64]| Counts {
            successes: spent.len() as u64,
            n: 1000,
        };
        let what = trimming(counts(&treated), counts(&control)).expect("a share");
        assert_eq!(what.arm, Arm::Treated);
        let cut = (what.share * treated.len() as f64).round() as usize;
        let keep = treated.len() - cut;
        let top = Trimmed {
            left: sample(&treated[..keep]),
            cutoff: treated[keep - 1],
        };
        let bottom = Trimmed {
            left: sample(&treated[cut..]),
            cutoff: treated[cut],
        };
        let bounds = lee_bounds(
            counts(&treated),
            counts(&control),
            &sample(&control),
            &top,
            &bottom,
            0.05,
        )
        .expect("bounds");
        assert!(bounds.low < bounds.high);
        covered += u64::from(bounds.interval_low <= effect && effect <= bounds.interval_high);
        let plain = lift_of_means(&sample(&treated), &sample(&control), 0.05).expect("an effect");
        naive += u64::from(plain.absolute.low <= effect && effect <= plain.absolute.high);
        // The arms swapped, the bounds turn around.
        let swapped = lee_bounds(
            counts(&control),
            counts(&treated),
            &sample(&control),
            &top,
            &bottom,
            0.05,
        )
        .expect("bounds");
        assert_close("", swapped.interval_low, -bounds.interval_high, 1e-12, 0.0);
    }
    let (low, _) = binomial_limits(TRIALS, 0.95, 1e-6);
    assert!(covered >= low, "{covered}");
    assert!(naive < covered - 20, "{naive} {covered}");
}

fn moments(columns: &[Vec<f64>]) -> CovariateMoments {
    CovariateMoments {
        n: columns[0].len() as u64,
        means: columns.iter().map(|column| sample(column).mean).collect(),
        covariances: columns
            .iter()
            .flat_map(|x| columns.iter().map(|y| common::covariance(x, y)))
            .collect(),
    }
}

#[test]
fn balance_of_one_covariate_is_the_pooled_t_test() {
    let mut random = Random(2);
    let mut values = |n: usize| -> Vec<f64> { (0..n).map(|_| 3.0 + random.normal()).collect() };
    let (a, b) = (values(9), values(14));
    let (sa, sb) = (sample(&a), sample(&b));
    let found = balance(&[
        moments(std::slice::from_ref(&a)),
        moments(std::slice::from_ref(&b)),
    ])
    .expect("a test");
    let pooled = (8.0 * sa.variance + 13.0 * sb.variance) / 21.0;
    let t2 = (sa.mean - sb.mean).powi(2) / (pooled * (1.0 / 9.0 + 1.0 / 14.0));
    assert_close("F", found.f, t2, 1e-12, 0.0);
    assert_eq!((found.df1, found.df2), (1.0, 21.0));
    let difference = found.differences[0][0];
    let welch = lift_of_means(&sb, &sa, 0.05).expect("an effect");
    assert_close(
        "p",
        difference.probability.p,
        welch.probability.p,
        1e-11,
        0.0,
    );
    let sd = (0.5 * (sa.variance + sb.variance)).sqrt();
    assert_close("smd", difference.smd, (sb.mean - sa.mean) / sd, 1e-12, 0.0);

    // A constant, and a covariate that repeats the others, change nothing.
    let with = |x: &[f64]| {
        let columns = [
            x.to_vec(),
            vec![4.0; x.len()],
            x.iter().map(|v| 2.0 * v + 1.0).collect(),
        ];
        moments(&columns)
    };
    let same = balance(&[with(&a), with(&b)]).expect("a test");
    assert_eq!(same.dropped, [1, 2]);
    assert_close("F", same.f, found.f, 1e-9, 0.0);
    assert_eq!(
        balance(&[moments(&[a])]),
        Err(BalanceError::NothingToCompare)
    );
}

/// Three arms of unlike sizes and three correlated covariates: uniform when they are
/// alike, and free of the covariates' units.
#[test]
fn balance_is_uniform_under_randomization() {
    const TRIALS: usize = 4_000;
    let mut random = Random(17);
    let mut p = Vec::with_capacity(TRIALS);
    for trial in 0..TRIALS {
        let mut arm = |n: usize| -> Vec<Vec<f64>> {
            let rows: Vec<[f64; 3]> = (0..n)
                .map(|_| {
                    let common = random.normal();
                    [
                        common,
                        common + random.normal(),
                        5.0 + random.normal() - common,
                    ]
                })
                .collect();
            (0..3)
                .map(|j| rows.iter().map(|row| row[j]).collect())
                .collect()
        };
        let arms = [arm(15), arm(40), arm(25)];
        let found = balance(&arms.clone().map(|arm| moments(&arm))).expect("a test");
        p.push(found.probability.p);
        if trial == 0 {
            // Other units, and sums of covariates in their place.
            let mixed = arms.map(|arm| {
                let mix = |a: f64, b: f64| {
                    arm[0]
                        .iter()
                        .zip(&arm[2])
                        .map(|(x, z)| a * x + b * z)
                        .collect()
                };
                let scaled = arm[1].iter().map(|y| 1e3 * y - 7.0).collect();
                moments(&[mix(1.0, 0.5), scaled, mix(0.0, 1e-3)])
            });
            let same = balance(&mixed).expect("a test");
            assert_close("F", same.f, found.f, 1e-9, 0.0);
        }
    }
    let uniform = uniform_probability(&p);
    assert!(uniform.is_some_and(|p| p > 1e-4), "{uniform:?}");
}
