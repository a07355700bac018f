//! Non-inferiority and equivalence.

use crate::cases::{Results, compare, id, sample, text};
use crate::common::{number, numbers};
use serde_json::Value;
use stats::Contrast;
use stats::equivalence::{Better, Margin, NonInferiority, equivalence, non_inferiority};

const ALPHA: f64 = 0.05;

#[test]
fn margins() {
    compare(include_str!("decision.json"), |case| {
        match text(&case["kind"]) {
            "tost" => two_one_sided(case),
            "non-inferiority" => not_inferior(case, &means(case)?),
            "share-margin" => not_inferior(case, &shares(case)),
            other => panic!("unknown kind {other}"),
        }
    });
}

fn means(case: &Value) -> Result<Contrast, String> {
    Contrast::of_means(&sample(&case["treated"]), &sample(&case["control"]))
        .map_err(|e| e.to_string())
}

/// Two shares as their z test has them.
fn shares(case: &Value) -> Contrast {
    let (successes, n) = (numbers(&case["successes"]), numbers(&case["n"]));
    let share = |arm: usize| successes[arm] / n[arm];
    let variance = |arm: usize| share(arm) * (1.0 - share(arm)) / n[arm];
    Contrast {
        treated: share(0),
        control: share(1),
        treated_variance: variance(0),
        control_variance: variance(1),
        covariance: 0.0,
        df: f64::INFINITY,
    }
}

fn not_inferior(case: &Value, contrast: &Contrast) -> Result<Results, String> {
    let better = match text(&case["better"]) {
        "higher" => Better::Higher,
        "lower" => Better::Lower,
        other => panic!("unknown direction {other}"),
    };
    let margin = Margin::Absolute(number(&case["margin"]));
    let test = non_inferiority(contrast, margin, better, ALPHA).map_err(|e| e.to_string())?;
    assert_verdict(case, &test);
    Ok(vec![
        ("estimate", vec![test.estimate]),
        ("bound", vec![test.bound]),
        ("t", vec![test.statistic]),
        ("p", vec![test.probability.p]),
        ("df", vec![contrast.df]),
    ])
}

fn two_one_sided(case: &Value) -> Result<Results, String> {
    let contrast = means(case)?;
    let margin = |name: &str| Margin::Absolute(number(&case[name]));
    let test = equivalence(&contrast, margin("lower"), margin("upper"), ALPHA)
        .map_err(|e| e.to_string())?;
    assert_verdict(case, &test.lower);
    assert_verdict(case, &test.upper);
    assert_eq!(test.equivalent, test.probability.p < ALPHA);
    Ok(vec![
        ("p", vec![test.probability.p]),
        ("t_low", vec![test.lower.statistic]),
        ("low_p", vec![test.lower.probability.p]),
        ("t_upp", vec![test.upper.statistic]),
        ("upp_p", vec![test.upper.probability.p]),
        ("df", vec![contrast.df]),
    ])
}

#[track_caller]
fn assert_verdict(case: &Value, test: &NonInferiority) {
    assert_eq!(
        test.non_inferior,
        test.probability.p < ALPHA,
        "{}",
        id(case)
    );
}
