//! Strata: post-stratification, Mantel and Haenszel, and the stratum that a treatment
//! could reach.

use crate::cases::{Results, compare, of_lift, sample, text};
use crate::common::{number, numbers};
use crate::means::welch;
use serde_json::Value;
use stats::strata::{Stratum, mantel_haenszel, post_stratified};
use stats::trigger::{TriggeredArm, trigger_analysis};
use stats::{ArmMoments, Counts, Sample};

#[test]
fn strata() {
    compare(include_str!("strata.json"), |case| {
        match text(&case["kind"]) {
            "means" => welch(case),
            "post_stratified" => stratified(case),
            "mantel_haenszel" => tables(case),
            "trigger" => trigger(case),
            other => panic!("unknown kind {other}"),
        }
    });
}

fn stratified(case: &Value) -> Result<Results, String> {
    let strata: Vec<Stratum<ArmMoments>> = case["strata"]
        .as_array()
        .expect("strata")
        .iter()
        .map(|stratum| Stratum {
            treated: sample(&stratum["treated"]).into(),
            control: sample(&stratum["control"]).into(),
        })
        .collect();
    let effect = post_stratified(&strata, 0.05).map_err(|e| e.to_string())?;
    assert_eq!((effect.strata, effect.merged), (strata.len(), 0));
    let size = |s: &Stratum<ArmMoments>| (s.treated.n + s.control.n) as f64;
    let n: f64 = strata.iter().map(size).sum();
    let between: f64 = strata
        .iter()
        .map(|s| {
            let apart = s.treated.mean - s.control.mean - effect.lift.absolute.estimate;
            size(s) / n * apart * apart / n
        })
        .sum();
    let mut results = of_lift(case, &effect.lift);
    let se = effect.lift.absolute.se;
    results.push(("conditional_se", vec![(se * se - between).sqrt()]));
    Ok(results)
}

fn tables(case: &Value) -> Result<Results, String> {
    let counts = |row: &Value| {
        let row = numbers(row);
        Counts {
            successes: row[0] as u64,
            n: (row[0] + row[1]) as u64,
        }
    };
    let strata: Vec<Stratum<Counts>> = case["tables"]
        .as_array()
        .expect("tables")
        .iter()
        .map(|table| Stratum {
            treated: counts(&table[0]),
            control: counts(&table[1]),
        })
        .collect();
    let result = mantel_haenszel(&strata, 0.05).map_err(|e| e.to_string())?;
    let odds = result.odds_ratio.expect("an odds ratio");
    Ok(vec![
        ("odds_ratio", vec![odds.estimate, odds.low, odds.high]),
        ("risk_ratio", vec![result.risk_ratio.expect("one").estimate]),
        ("statistic", vec![result.statistic]),
        ("p", vec![result.probability.p]),
        (
            "homogeneity_statistic",
            vec![result.homogeneity_statistic.expect("one")],
        ),
        ("homogeneity_p", vec![result.homogeneity.expect("one").p]),
    ])
}

fn trigger(case: &Value) -> Result<Results, String> {
    const CUSTOMERS: f64 = 1e12;
    let input = |name: &str| number(&case[name]);
    let (rate, control) = (input("trigger_rate"), input("mean_c_trig"));
    let triggered = |mean: f64| Sample {
        n: (rate * CUSTOMERS) as u64,
        mean,
        variance: input("se_trig").powi(2) / 2.0 * rate * CUSTOMERS,
    };
    let untriggered = Sample {
        n: ((1.0 - rate) * CUSTOMERS) as u64,
        mean: (input("mean_c_all") - rate * control) / (1.0 - rate),
        variance: 1.0,
    };
    let arm = |mean| TriggeredArm {
        triggered: triggered(mean),
        untriggered,
    };
    let treated = arm(control + input("delta_trig"));
    let result = trigger_analysis(&treated, &arm(control), 0.05).map_err(|e| e.to_string())?;
    assert!(result.warnings.is_empty());
    let relative = |lift: &stats::Lift| vec![lift.relative.clone().expect("a ratio").estimate];
    Ok(vec![
        ("diluted", vec![result.diluted.absolute.estimate]),
        ("diluted_se", vec![result.diluted.absolute.se]),
        ("relative", relative(&result.diluted)),
        ("relative_triggered", relative(&result.triggered)),
    ])
}
