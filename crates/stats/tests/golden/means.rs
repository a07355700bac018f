//! Two means, and the relative interval.

use crate::cases::{Results, compare, id, of_lift, sample, text};
use crate::common::{assert_close, number};
use serde_json::Value;
use stats::{Contrast, Estimate, Method, NotEstimable, lift_of_means, ratio_of_estimates, tail};

#[test]
fn means() {
    compare(include_str!("means.json"), |case| {
        match text(&case["kind"]) {
            "means" => welch(case),
            "student" => student(case),
            "single" => single(case),
            "fieller" => fieller(case),
            other => panic!("unknown kind {other}"),
        }
    });
}

pub(crate) fn welch(case: &Value) -> Result<Results, String> {
    let (treated, control) = (sample(&case["treated"]), sample(&case["control"]));
    let lift = lift_of_means(&treated, &control, 0.05).map_err(|e| e.to_string())?;
    assert_eq!(lift.method, Method::Welch);
    Ok(of_lift(case, &lift))
}

fn student(case: &Value) -> Result<Results, String> {
    let (treated, control) = (sample(&case["treated"]), sample(&case["control"]));
    let lift = Contrast::of_means_that_vary_alike(&treated, &control)
        .and_then(|contrast| contrast.lift(0.05, Method::Student))
        .map_err(|e| e.to_string())?;
    Ok(of_lift(case, &lift))
}

/// Single arms, with the interval that the normal critical value would give.
fn single(case: &Value) -> Result<Results, String> {
    let arms = case["arms"].as_array().expect("arms").iter().map(sample);
    let means: Result<Vec<_>, _> = arms.map(|arm| arm.interval_of_mean(0.05)).collect();
    let means = means.map_err(|e| e.to_string())?;
    let normal = tail::student_t_critical(0.05, f64::INFINITY);
    for mean in &means {
        let critical = (mean.high - mean.estimate) / mean.se;
        assert!(critical > normal && critical < 1.003 * normal, "{critical}");
    }
    let each = |value: &dyn Fn(&Estimate) -> f64| means.iter().map(value).collect();
    Ok(vec![
        ("means", each(&|mean| mean.estimate)),
        (
            "normal_lows",
            each(&|mean| mean.estimate - normal * mean.se),
        ),
        (
            "normal_highs",
            each(&|mean| mean.estimate + normal * mean.se),
        ),
    ])
}

/// The ratio of treated to control, less one.
fn fieller(case: &Value) -> Result<Results, String> {
    let ratio = ratio_of_estimates(
        number(&case["treated"]),
        number(&case["control"]),
        number(&case["treated_variance"]),
        number(&case["control_variance"]),
        0.0,
        f64::INFINITY,
        0.05,
    )
    .map_err(|e| e.to_string())?;
    if let Some(expected) = case.get("unbounded") {
        let Err(NotEstimable::BaselineNearZero { g }) = ratio else {
            panic!("{} must be unbounded", id(case))
        };
        assert_close(id(case), g, number(expected), 1e-12, 0.0);
        return Ok(Vec::new());
    }
    let ratio = ratio.map_err(|e| e.to_string())?;
    Ok(vec![
        ("estimate", vec![ratio.estimate - 1.0]),
        ("low", vec![ratio.low - 1.0]),
        ("high", vec![ratio.high - 1.0]),
    ])
}
