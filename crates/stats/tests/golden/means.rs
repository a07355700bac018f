//! Two means, and the relative interval.

use crate::cases::{Results, compare, id, of_lift, sample, text};
use crate::common::{assert_close, number};
use serde_json::Value;
use stats::{Method, NotEstimable, lift_of_means, ratio_of_estimates};

#[test]
fn means() {
    compare(include_str!("means.json"), |case| {
        match text(&case["kind"]) {
            "means" => welch(case),
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
