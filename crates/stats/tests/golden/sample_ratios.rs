//! Whether customers were split as planned.

use crate::cases::{Results, compare, count, text};
use crate::common::{number, numbers};
use serde_json::Value;
use stats::sample_ratio::SequentialSampleRatio;
use stats::{binomial_two_sided, sample_ratio, tail};

#[test]
fn sample_ratios() {
    compare(include_str!("sample_ratios.json"), |case| {
        match text(&case["kind"]) {
            "sample_ratio" => planned(case),
            "binomial" => Ok(vec![(
                "p",
                vec![binomial_two_sided(count(&case["k"]), count(&case["n"]), 0.5).p],
            )]),
            "sequential" => sequential(case),
            "continuity_corrected" => Ok(continuity_corrected(case)),
            other => panic!("unknown kind {other}"),
        }
    });
}

fn planned(case: &Value) -> Result<Results, String> {
    let (observed, weights) = plan(case);
    let srm = sample_ratio(&observed, &weights).map_err(|e| e.to_string())?;
    Ok(vec![
        ("p", vec![srm.probability.p]),
        ("chi2", vec![srm.chi2]),
    ])
}

/// Two arms: half a customer is taken off the departure before it is squared.
fn continuity_corrected(case: &Value) -> Results {
    let (observed, weights) = plan(case);
    let n = (observed[0] + observed[1]) as f64;
    let share = weights[0] / (weights[0] + weights[1]);
    let departure = (observed[0] as f64 - n * share).abs() - 0.5;
    let z = departure / (n * share * (1.0 - share)).sqrt();
    vec![("p", vec![tail::normal_two_sided(z).p])]
}

/// The probability after each batch.
fn sequential(case: &Value) -> Result<Results, String> {
    let weights = numbers(&case["weights"]);
    let concentration = number(&case["concentration"]);
    let mut srm = SequentialSampleRatio::new(&weights, concentration).map_err(|e| e.to_string())?;
    let mut looks = Vec::new();
    for batch in case["batches"].as_array().expect("batches") {
        let batch: Vec<u64> = batch
            .as_array()
            .expect("counts")
            .iter()
            .map(count)
            .collect();
        srm.add(&batch).map_err(|e| e.to_string())?;
        looks.push(srm.probability().p);
    }
    Ok(vec![
        ("ln_bayes_factor", vec![srm.ln_bayes_factor()]),
        ("p", vec![srm.probability().p]),
        ("looks", looks),
    ])
}

fn plan(case: &Value) -> (Vec<u64>, Vec<f64>) {
    let observed = case["observed"].as_array().expect("counts");
    (
        observed.iter().map(count).collect(),
        numbers(&case["weights"]),
    )
}
