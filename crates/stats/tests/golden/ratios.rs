//! Two ratios of means, plain and adjusted.

use crate::cases::{Results, arm_moments, compare, id, of_lift, ratio_moments, ratio_sample, text};
use crate::common::{assert_close, numbers};
use serde_json::Value;
use stats::{Method, adjusted_ratio_lift, cuped_with, lift_of_ratios};

#[test]
fn ratios() {
    compare(include_str!("ratios.json"), |case| {
        match text(&case["kind"]) {
            "ratios" => delta_method(case),
            "cuped_of_ratio" => one_slope(case),
            other => panic!("unknown kind {other}"),
        }
    });
}

fn delta_method(case: &Value) -> Result<Results, String> {
    let treated = ratio_sample(&case["treated"]);
    let control = ratio_sample(&case["control"]);
    let lift = lift_of_ratios(&treated, &control, 0.05).map_err(|e| e.to_string())?;
    assert_eq!(lift.method, Method::Ratio);
    let mut results = of_lift(case, &lift);
    // Clustered by customer, squared residuals are added up without n / (n - 1).
    let clustered = |arm: stats::RatioSample| {
        let shrink = (arm.n as f64 - 1.0) / arm.n as f64;
        stats::RatioSample {
            numerator_variance: shrink * arm.numerator_variance,
            denominator_variance: shrink * arm.denominator_variance,
            covariance: shrink * arm.covariance,
            ..arm
        }
    };
    let clustered = lift_of_ratios(&clustered(treated), &clustered(control), 0.05);
    let clustered = clustered.map_err(|e| e.to_string())?;
    results.push(("se_cluster", vec![clustered.absolute.se]));
    Ok(results)
}

/// The other tools adjust for the earlier ratio, linearised, as one covariate with one
/// slope for both arms: for GrowthBook `(cov_t + cov_c) / (var_t + var_c)`, for
/// tea-tasting that over all customers. With their slope the rest is the same. Our own
/// estimate has two covariates and slopes for each arm.
fn one_slope(case: &Value) -> Result<Results, String> {
    let (treated, control) = (arm_moments(&case["treated"]), arm_moments(&case["control"]));
    let theta = numbers(&case["theta"]);
    let lift = cuped_with(&treated, &control, &theta, 0.05).map_err(|e| e.to_string())?;
    let mut results = of_lift(case, &lift);
    let estimate = lift.absolute.estimate;
    results.push(("relative_to_plain_control", vec![estimate / control.mean]));

    let treated = ratio_moments(&case["treated_ratio"]);
    let control = ratio_moments(&case["control_ratio"]);
    let ours = adjusted_ratio_lift(&treated, &control, 0.05).map_err(|e| e.to_string())?;
    assert_eq!(ours.lift.method, Method::AdjustedRatio);
    assert_eq!(ours.kept, [0, 1]);
    let difference = ours.lift.absolute.estimate - estimate;
    assert!(
        difference.abs() < 0.15 * lift.absolute.se,
        "{} {difference}",
        id(case)
    );
    assert_close(id(case), ours.lift.absolute.se, lift.absolute.se, 0.02, 0.0);
    Ok(results)
}
