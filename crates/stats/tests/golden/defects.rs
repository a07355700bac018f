//! Documented defects of other tools, on the same inputs.

use crate::common::assert_close;
use stats::{
    Counts, Method, NotEstimable, Sample, SampleRatioMethod, fisher, lift_of_means, lift_of_shares,
    sample_ratio, tail,
};

/// Closed forms.
const CLOSED: f64 = 1e-12;

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
