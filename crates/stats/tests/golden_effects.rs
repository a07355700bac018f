//! Effects against the numbers of other tools, from committed summary statistics.
//! `golden/experiments.json` names the tool and version behind every case.

mod common;

use common::{assert_close, number, numbers, rows};
use serde_json::Value;
use stats::{
    Arm, ArmMoments, Counts, Lift, Method, NotEstimable, RatioSample, Sample, SampleRatioMethod,
    Unestimable, adjusted_lift, clopper_pearson, fisher, lift_of_means, lift_of_ratios,
    lift_of_shares, ratio_of_estimates, sample_ratio, tail, wilson,
};

/// Closed forms.
const CLOSED: f64 = 1e-12;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/experiments.json")).expect("valid JSON")
}

fn id(case: &Value) -> &str {
    case["id"].as_str().expect("an id")
}

fn count(value: &Value) -> u64 {
    value.as_u64().expect("a count")
}

fn sample(value: &Value) -> Sample {
    Sample {
        n: count(&value["n"]),
        mean: number(&value["mean"]),
        variance: number(&value["variance"]),
    }
}

fn ratio_sample(value: &Value) -> RatioSample {
    RatioSample {
        n: count(&value["n"]),
        numerator_mean: number(&value["numerator_mean"]),
        denominator_mean: number(&value["denominator_mean"]),
        numerator_variance: number(&value["numerator_variance"]),
        denominator_variance: number(&value["denominator_variance"]),
        covariance: number(&value["covariance"]),
    }
}

fn arm_moments(value: &Value) -> ArmMoments {
    let sample = sample(value);
    ArmMoments {
        n: sample.n,
        mean: sample.mean,
        variance: sample.variance,
        covariate_means: numbers(&value["covariate_means"]),
        outcome_covariances: numbers(&value["outcome_covariances"]),
        covariate_covariances: numbers(&value["covariate_covariances"]),
    }
}

/// Compares a lift with whichever numbers a case has.
fn assert_lift(case: &Value, lift: &Lift) {
    // R prints 15 digits; two means near 1e9 leave their difference nine.
    let relative = match id(case) {
        "sp-hard-offset-1e9" => 1e-9,
        id if id.starts_with("r-") => 5e-13,
        _ => CLOSED,
    };
    let expect = case["expect"].as_object().expect("expectations");
    assert!(!expect.is_empty());
    for (name, value) in expect {
        let expected = number(value);
        let actual = match name.as_str() {
            "estimate" => lift.absolute.estimate,
            "se" => lift.absolute.se,
            "df" => lift.absolute.df,
            "low" => lift.absolute.low,
            "high" => lift.absolute.high,
            "t" => lift.statistic,
            "p" => lift.probability.p,
            other => panic!("unknown expectation {other}"),
        };
        // A limit near zero is a difference of larger numbers.
        let floor = relative * lift.absolute.estimate.abs().max(lift.absolute.se);
        let tolerance = if name == "p" {
            10.0 * relative
        } else {
            relative
        };
        let what = format!("{} {name}", id(case));
        assert_close(&what, actual, expected, tolerance, floor);
    }
}

#[test]
fn means() {
    for case in rows(&golden(), "means") {
        let (treated, control) = (sample(&case["treated"]), sample(&case["control"]));
        let lift = lift_of_means(&treated, &control, 0.05).expect("an effect");
        assert_eq!(lift.method, Method::Welch);
        assert_lift(case, &lift);
    }
}

#[test]
fn ratios() {
    for case in rows(&golden(), "ratios") {
        let (treated, control) = (
            ratio_sample(&case["treated"]),
            ratio_sample(&case["control"]),
        );
        let lift = lift_of_ratios(&treated, &control, 0.05);
        if id(case) == "tt-skewed-rpo-0v2" {
            // Four of 54 customers have orders: orders per customer are 1.77 standard
            // errors from zero, and revenue per order has no usable linearisation.
            let arm = Arm::Treated;
            assert_eq!(lift, Err(Unestimable::DenominatorNearZero { arm }));
            continue;
        }
        let lift = lift.expect("an effect");
        assert_eq!(lift.method, Method::Ratio);
        assert_lift(case, &lift);
    }
}

#[test]
fn fieller_intervals() {
    for case in rows(&golden(), "fieller") {
        let treated = number(&case["treated"]);
        let control = number(&case["control"]);
        let ratio = ratio_of_estimates(
            treated,
            control,
            number(&case["treated_variance"]),
            number(&case["control_variance"]),
            0.0,
            f64::INFINITY,
            0.05,
        )
        .expect("valid inputs");
        let expect = &case["expect"];
        let what = id(case);
        if expect["unbounded"] == Value::Bool(true) {
            let Err(NotEstimable::BaselineNearZero { g }) = ratio else {
                panic!("{what} must be refused")
            };
            assert_close(what, g, number(&expect["g"]), CLOSED, 0.0);
        } else {
            let ratio = ratio.expect("a bounded interval");
            assert_close(
                what,
                ratio.low - 1.0,
                number(&expect["low"]),
                CLOSED,
                CLOSED,
            );
            assert_close(
                what,
                ratio.high - 1.0,
                number(&expect["high"]),
                CLOSED,
                CLOSED,
            );
        }
    }
}

#[test]
fn shares() {
    for case in rows(&golden(), "shares") {
        let counts = |value: &Value| Counts {
            successes: count(&value[0]),
            n: count(&value[1]),
        };
        let (treated, control) = (counts(&case["treated"]), counts(&case["control"]));
        let expect = &case["expect"];
        let what = id(case);
        let lift = lift_of_shares(treated, control, 0.05).expect("an effect");
        let enough = [
            "sm-prop-14-28-16-30",
            "sm-prop-4500-100000-4725-100000",
            "tt-skewed-conv-0v1",
        ];
        assert_eq!(
            lift.method == Method::Welch,
            enough.contains(&what),
            "{what}"
        );
        if let (Some(p), Method::Score) = (expect.get("barnard_p"), lift.method) {
            // Barnard's test takes the worst share, ours the most likely one.
            let barnard = number(p);
            let p = lift.probability.p;
            assert!(
                p <= barnard + 1e-3 && p > 0.6 * barnard,
                "{what} {p} {barnard}"
            );
        }

        if let Some(p) = expect.get("fisher_p") {
            let fisher = fisher(treated, control).expect("valid counts");
            // SciPy is off by 3e-10 where one arm has ten million; exact fractions
            // give 7.99996120014...e-6 there, as we do.
            let unbalanced = control.n > 1_000_000;
            let tolerance = if unbalanced { 1e-9 } else { 1e-11 };
            assert_close(what, fisher.p, number(p), tolerance, 0.0);
            if unbalanced {
                assert_close(what, fisher.p, 7.999_961_200_148_28e-6, 1e-12, 0.0);
            }
        }
        let interval = |name: &str, actual: (f64, f64), tolerance| {
            if let Some(expected) = expect.get(name) {
                let expected = numbers(expected);
                assert_close(what, actual.0, expected[0], tolerance, 1e-14);
                assert_close(what, actual.1, expected[1], tolerance, 1e-14);
            }
        };
        let wilson = wilson(treated, 0.05).expect("valid counts");
        interval("wilson_t", wilson, CLOSED);
        let exact = clopper_pearson(treated, 0.05).expect("valid counts");
        interval("clopper_pearson_t", exact, CLOSED);
    }
}

#[test]
fn regression_adjustment() {
    for case in rows(&golden(), "adjusted") {
        let (treated, control) = (arm_moments(&case["treated"]), arm_moments(&case["control"]));
        let adjusted = adjusted_lift(&treated, &control, 0.05).expect("an effect");
        let what = id(case);
        // Coefficients of intercept, treatment, covariates, interactions.
        let params = numbers(&case["expect"]["params"]);
        let absolute = adjusted.lift.absolute;
        let k = adjusted.kept.len();
        assert_eq!(params.len(), 2 + 2 * k);
        assert_close(what, adjusted.means.control, params[0], CLOSED, 0.0);
        assert_close(what, absolute.estimate, params[1], 1e-11, 0.0);
        for j in 0..k {
            let difference = adjusted.treated_slopes[j] - adjusted.control_slopes[j];
            assert_close(what, adjusted.control_slopes[j], params[2 + j], 1e-11, 0.0);
            assert_close(what, difference, params[2 + k + j], 1e-10, 0.0);
        }
        // HC2 takes the covariates as given and ours does not, so ours is the
        // larger by the centring; beyond that both estimate the same variance, HC2
        // from squared residuals row by row and ours from each arm's sum.
        let hc2 = number(&case["expect"]["se_hc2"]);
        assert_close(what, absolute.se, hc2, 0.006, 0.0);
        if k == 0 {
            assert_close(what, absolute.se, hc2, 1e-12, 0.0);
        }
        assert!(absolute.se > 0.995 * hc2);
    }
}

#[test]
fn sample_ratios() {
    for case in rows(&golden(), "sample_ratios") {
        let observed: Vec<u64> = numbers(&case["observed"])
            .iter()
            .map(|c| *c as u64)
            .collect();
        let srm = sample_ratio(&observed, &numbers(&case["weights"])).expect("a plan");
        let what = id(case);
        assert_eq!(srm.method, SampleRatioMethod::ChiSquare);
        // One tool subtracts from one, which leaves nine digits of a small p.
        let tolerance = if what == "sc-srm" { 1e-9 } else { 1e-11 };
        let p = number(&case["expect"]["p"]);
        assert_close(what, srm.probability.p, p, tolerance, 0.0);
        if let Some(chi2) = case["expect"].get("chi2") {
            assert_close(what, srm.chi2, number(chi2), CLOSED, 0.0);
        }
    }
}

/// Small arms get the exact test: two arms are R's and SciPy's binomial test.
#[test]
fn exact_binomial() {
    for case in rows(&golden(), "binomial") {
        let (k, n) = (count(&case["k"]), count(&case["n"]));
        let exact = stats::binomial_two_sided(k, n, 0.5).p;
        assert_close(id(case), exact, number(&case["p"]), 1e-11, 0.0);
    }
}

/// Documented defects of other tools, on the same inputs.
mod not_to_imitate {
    use super::*;

    /// Two tools print p = 0 from |z| = 8.3 on, because they compute 2 (1 - cdf).
    #[test]
    fn tiny_probabilities_are_not_zero() {
        let control = Sample {
            n: 1_000_000,
            mean: 1.0,
            variance: 1_000_000.0 / 999_999.0,
        };
        let treated = Sample {
            mean: 1.07,
            variance: (2_144_900.0 - 1.07 * 1_070_000.0) / 999_999.0,
            ..control
        };
        let lift = lift_of_means(&treated, &control, 0.05).expect("an effect");
        // 50-digit arithmetic on the same numbers.
        assert_close("t", lift.statistic, 49.497_449_934_314_8, 1e-12, 0.0);
        assert_close(
            "ln p",
            lift.probability.ln_p,
            -1_228.376_583_694_364,
            1e-12,
            0.0,
        );
    }

    /// One tool returns effect 0, p = 1 and no interval when one arm is constant;
    /// Welch's test needs only one arm to vary.
    #[test]
    fn one_constant_arm_is_no_obstacle() {
        let control = Sample {
            n: 100,
            mean: 5.0,
            variance: 0.0,
        };
        let treated = Sample {
            n: 100,
            mean: 5.2,
            variance: 96.0 / 99.0,
        };
        let lift = lift_of_means(&treated, &control, 0.05).expect("an effect");
        assert_close("estimate", lift.absolute.estimate, 0.2, CLOSED, 0.0);
        assert_close("df", lift.absolute.df, 99.0, CLOSED, 0.0);
        assert!(lift.probability.p > 0.04 && lift.probability.p < 0.05);
        assert!(lift.absolute.excludes_zero());
    }

    /// One tool suppresses every output when nobody converts in one arm, another
    /// takes the variance in it for zero.
    #[test]
    fn nobody_converted_has_an_answer() {
        let control = Counts {
            successes: 0,
            n: 100,
        };
        let treated = Counts {
            successes: 5,
            n: 100,
        };
        let lift = lift_of_shares(treated, control, 0.05).expect("an effect");
        assert_eq!(lift.method, Method::Score);
        assert_close("estimate", lift.absolute.estimate, 0.05, CLOSED, 0.0);
        // Both shares are most likely 2.5 %; so far apart they fall at a rate of
        // 0.0185. Fisher's test, which also fixes the total, is conservative.
        assert_close("p", lift.probability.p, 0.018_524_112_108_039_5, 1e-9, 0.0);
        assert_eq!(lift.relative, Err(NotEstimable::ZeroBaseline));
        assert!(fisher(treated, control).expect("valid").p > 0.05);

        let everybody = Counts {
            successes: 100,
            n: 100,
        };
        let most = Counts {
            successes: 95,
            n: 100,
        };
        let lift = lift_of_shares(most, everybody, 0.05).expect("an effect");
        assert_close("estimate", lift.absolute.estimate, -0.05, CLOSED, 0.0);
        assert!(lift.relative.expect("a relative effect").high < 0.03);
    }

    /// One tool's relative interval reaches from -117 % to -24 % where the absolute
    /// effect is barely significant; another's from -94 % to +44 % contradicts its
    /// own p = 0.044.
    #[test]
    fn relative_and_absolute_give_one_verdict() {
        for case in rows(&golden(), "means") {
            let (treated, control) = (sample(&case["treated"]), sample(&case["control"]));
            for alpha in [0.001, 0.01, 0.05, 0.1, 0.4] {
                let lift = lift_of_means(&treated, &control, alpha).expect("an effect");
                let significant = lift.probability.p < alpha;
                assert_eq!(lift.absolute.excludes_zero(), significant, "{}", id(case));
                if let Ok(relative) = lift.relative {
                    assert_eq!(relative.excludes_zero(), significant, "{}", id(case));
                }
            }
        }
    }

    /// One tool flips the sign of an effect with a negative baseline, another takes
    /// logarithms of it.
    #[test]
    fn a_negative_baseline_keeps_the_sign() {
        let control = Sample {
            n: 1000,
            mean: -0.5,
            variance: 1000.0 / 999.0,
        };
        let treated = Sample {
            n: 1000,
            mean: -0.4,
            variance: 940.0 / 999.0,
        };
        let lift = lift_of_means(&treated, &control, 0.05).expect("an effect");
        let relative = lift.relative.expect("a relative effect");
        assert_close("relative", relative.estimate, 0.2, CLOSED, 0.0);
        assert!(relative.low > 0.0 && relative.low < 0.2 && relative.high > 0.2);
    }

    /// An arm of weight zero counted among the degrees of freedom, and its
    /// customers nowhere, makes p = 0.996 of a certain mismatch.
    #[test]
    fn customers_in_an_arm_of_weight_zero_are_a_mismatch() {
        let srm = sample_ratio(&[500, 500, 3], &[0.5, 0.5, 0.0]).expect("a plan");
        assert_eq!(srm.method, SampleRatioMethod::Impossible);
        assert_eq!(srm.probability.p, 0.0);
        let srm = sample_ratio(&[500, 560, 0], &[0.5, 0.5, 0.0]).expect("a plan");
        assert_eq!(srm.df, 1);
        let two = sample_ratio(&[500, 560], &[0.5, 0.5]).expect("a plan");
        assert_eq!((srm.chi2, srm.probability), (two.chi2, two.probability));
    }

    /// p = 0 of a split of 1,000,000 to 1,100,000, again by 1 - cdf.
    #[test]
    fn a_gross_mismatch_has_a_logarithm() {
        let srm = sample_ratio(&[1_000_000, 1_100_000], &[1.0, 1.0]).expect("a plan");
        // ln of the upper tail of chi-square(1) at 4761.9 = two-sided z = 69.0.
        let expected = tail::normal_two_sided(4_761.904_761_904_762_f64.sqrt()).ln_p;
        assert_close("ln p", srm.probability.ln_p, expected, 1e-12, 0.0);
        assert!(srm.probability.ln_p < -2380.0);
    }

    /// With a mean of 1e9 a one-pass sum of squares loses the variance; centred
    /// moments keep the answer.
    #[test]
    fn a_large_offset_keeps_the_variance() {
        let control = Sample {
            n: 1000,
            mean: 1e9,
            variance: 2.0,
        };
        let treated = Sample {
            n: 1000,
            mean: 1e9 + 0.25,
            variance: 2.0,
        };
        let lift = lift_of_means(&treated, &control, 0.05).expect("an effect");
        assert_close("t", lift.statistic, 0.25 / 0.004_f64.sqrt(), 1e-12, 0.0);
    }

    /// 3 of 10,000,000 against 1 of 20, where a normal test claims 353 standard
    /// deviations and score intervals have been seen to fail.
    #[test]
    fn very_unbalanced_counts_have_an_answer() {
        let control = Counts {
            successes: 3,
            n: 10_000_000,
        };
        let treated = Counts {
            successes: 1,
            n: 20,
        };
        let lift = lift_of_shares(treated, control, 0.05).expect("an effect");
        assert!(lift.absolute.low > 0.0 && lift.absolute.high < 0.3);
        let relative = lift.relative.expect("a relative effect");
        assert!(relative.low > 1e3 && relative.high < 1e7, "{relative:?}");
    }
}
