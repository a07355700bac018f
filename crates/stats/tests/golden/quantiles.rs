//! Quantiles and caps.

use crate::cases::{Results, compare, count, of_lift, text};
use crate::columns::{Columns, USERS};
use crate::common::{number, numbers, sample};
use serde_json::Value;
use stats::quantile::{BoundedQuantile, ClusterIndicator, Distribution, Histogram};
use stats::robust::{CapOver, CapReport, CapThresholds};
use stats::{Arm, Method, lift_of_means};

#[test]
fn quantiles_and_caps() {
    let table = include_str!("quantiles.json");
    let cases: Vec<Value> = serde_json::from_str(table).expect("valid JSON");
    // Both caps are of the same values, listed once.
    let arms = cases.iter().find_map(|case| case.get("arms"));
    let arms = arms.and_then(Value::as_array).expect("arms");
    compare(table, |case| match text(&case["kind"]) {
        "bounds" => bounds(case),
        "types" => quantile_of_users(case),
        "cap" => cap(case, arms),
        other => panic!("unknown kind {other}"),
    });
}

fn bounds(case: &Value) -> Result<Results, String> {
    let (treated, cluster_treated) = bounded(&case["treated"]);
    let (control, cluster_control) = bounded(&case["control"]);
    let contrast = treated.against(&control).map_err(|e| e.to_string())?;
    let of_one_value = |variance: f64, arm: &BoundedQuantile| variance * (arm.n - 1.0);
    let mut results = vec![
        (
            "variance_treated",
            vec![of_one_value(contrast.treated_variance, &treated)],
        ),
        (
            "variance_control",
            vec![of_one_value(contrast.control_variance, &control)],
        ),
        ("cluster_variance_treated", vec![cluster_treated]),
        ("cluster_variance_control", vec![cluster_control]),
    ];
    let lift = contrast.lift(0.05, Method::Quantile).expect("a lift");
    if let Ok(relative) = lift.relative {
        results.push(("relative", vec![relative.estimate]));
    }
    Ok(results)
}

/// A quantile with its bounds, and the variance of the share of events below it.
fn bounded(arm: &Value) -> (BoundedQuantile, f64) {
    let (n, level) = (number(&arm["n"]), number(&arm["nu"]));
    let sum = |name: &str| number(&arm[name]) as u128;
    let design_effect = if arm.get("n_clusters").is_some() {
        let clusters = ClusterIndicator::from_sums(
            count(&arm["n_clusters"]),
            (sum("main_sum"), sum("denominator_sum")),
            (sum("main_sum_squares"), sum("denominator_sum_squares")),
            sum("main_denominator_sum_product"),
        );
        clusters.design_effect(Arm::Control).expect("clusters")
    } else {
        1.0
    };
    let quantile = BoundedQuantile {
        value: number(&arm["quantile_hat"]),
        lower: number(&arm["quantile_lower"]),
        upper: number(&arm["quantile_upper"]),
        alpha: 0.05,
        bounds_n: number(&arm["n_star"]),
        n,
        design_effect,
    };
    (quantile, design_effect * level * (1.0 - level) / n)
}

fn quantile_of_users(case: &Value) -> Result<Results, String> {
    let control = Columns::read(USERS).of_arm("revenue", 0.0);
    let exact = Distribution::of(control.iter().copied());
    let histogram: Histogram = control.into_iter().collect();
    let quantiles = numbers(&case["levels"]).into_iter().map(|level| {
        let quantile = exact.quantile(level).expect("a quantile");
        let coarse = histogram.distribution().quantile(level).expect("one");
        assert!(coarse.low <= quantile.value && quantile.value <= coarse.high);
        assert!((coarse.value - quantile.value).abs() <= quantile.value / 256.0);
        quantile.value
    });
    Ok(vec![("quantiles", quantiles.collect())])
}

fn cap(case: &Value, arms: &[Value]) -> Result<Results, String> {
    let arms: Vec<Vec<f64>> = arms
        .iter()
        .map(|arm| {
            let mut values = vec![0.0; count(&arm["zeros"]) as usize];
            values.extend(numbers(&arm["values"]));
            values
        })
        .collect();
    let over = match text(&case["over"]) {
        "all" => CapOver::All,
        "nonzero" => CapOver::Nonzero,
        other => panic!("unknown values {other}"),
    };
    let pooled = Distribution::of(arms.iter().flatten().copied());
    let cap = CapThresholds::pooled(&pooled, None, Some(number(&case["level"])), over);
    let cap = cap.expect("values");
    let capped: Vec<Vec<f64>> = arms
        .iter()
        .map(|values| values.iter().map(|&x| cap.apply(x)).collect())
        .collect();
    let cut = arms.iter().zip(&capped).map(|(raw, capped)| {
        let changed = raw.iter().zip(capped).filter(|(a, b)| a != b).count();
        let (raw, capped) = (sample(raw), sample(capped));
        let report = CapReport::new(Arm::Control, &raw, &capped, changed as u64);
        let report = report.expect("a report");
        let sum = (raw.mean - capped.mean) * raw.n as f64;
        assert!((report.sum - sum).abs() <= 1e-9 * sum);
        report.customers as f64
    });
    let cut: Vec<f64> = cut.collect();
    let (control, treated) = (sample(&capped[0]), sample(&capped[1]));
    let lift = lift_of_means(&treated, &control, 0.05).map_err(|e| e.to_string())?;
    let mut results = of_lift(case, &lift);
    results.extend([
        ("cap", vec![cap.upper.expect("a cap")]),
        ("capped", cut),
        ("control", vec![control.mean]),
        ("treated", vec![treated.mean]),
    ]);
    Ok(results)
}
