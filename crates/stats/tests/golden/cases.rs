//! Reading a table of cases and comparing what is computed with what is expected.

use crate::common::{assert_close, number, numbers};
use serde_json::Value;
use stats::{ArmMoments, Lift, RatioMoments, RatioSample, Sample};

/// Named results: single numbers or several.
pub(crate) type Results = Vec<(&'static str, Vec<f64>)>;

/// Goes through a table. A case is either compared with its `expect`ations, or
/// expected to be `refused` in these words, or `not_applicable` with the reason.
/// `differs` says what of the other tool is not compared, and why.
#[track_caller]
pub(crate) fn compare(table: &str, run: impl Fn(&Value) -> Result<Results, String>) {
    let table: Vec<Value> = serde_json::from_str(table).expect("valid JSON");
    let mut compared = 0;
    for case in &table {
        let id = id(case);
        if let Some(reason) = case.get("not_applicable") {
            assert!(reason.as_str().is_some_and(|r| !r.is_empty()), "{id}");
            continue;
        }
        compared += 1;
        match (run(case), case.get("refused")) {
            (Err(reason), Some(refused)) => assert_eq!(reason, text(refused), "{id}"),
            (Err(reason), None) => panic!("{id}: {reason}"),
            (Ok(_), Some(refused)) => panic!("{id} must be refused: {refused}"),
            (Ok(results), None) => compare_results(case, &results),
        }
    }
    assert!(compared > 0);
}

fn compare_results(case: &Value, results: &Results) {
    let id = id(case);
    let tolerance = case.get("tolerance").map_or(1e-12, number);
    let result = |name: &str| results.iter().find(|(result, _)| *result == name);
    // A limit near zero is a difference of larger numbers.
    let size = ["estimate", "se"]
        .iter()
        .filter_map(|name| result(name))
        .map(|(_, values)| values[0].abs())
        .fold(0.0, f64::max);
    let Some(expect) = case.get("expect").and_then(Value::as_object) else {
        assert!(case.get("unbounded").is_some(), "{id} expects nothing");
        return;
    };
    for (name, expected) in expect {
        let Some((_, actual)) = result(name) else {
            panic!("{id} has no {name}")
        };
        let expected = match expected {
            Value::Array(_) => numbers(expected),
            single => vec![number(single)],
        };
        assert_eq!(actual.len(), expected.len(), "{id} {name}");
        // Tails move with the square of the statistic.
        let factor = if name.ends_with('p') { 10.0 } else { 1.0 };
        let floor = match name.as_str() {
            "estimate" | "low" | "high" => tolerance * size,
            "newcombe" | "agresti_caffo" | "relative" | "relative_to_plain_control" => tolerance,
            _ => 0.0,
        };
        for (actual, expected) in actual.iter().zip(expected) {
            let what = format!("{id} {name}");
            assert_close(&what, *actual, expected, factor * tolerance, floor);
        }
    }
}

/// The results of a lift; a case says with `no_relative` why it has no relative one.
#[track_caller]
pub(crate) fn of_lift(case: &Value, lift: &Lift) -> Results {
    let absolute = lift.absolute;
    let significant = lift.probability.p < 0.05;
    assert_eq!(absolute.excludes_zero(), significant, "{}", id(case));
    let mut results = vec![
        ("estimate", vec![absolute.estimate]),
        ("se", vec![absolute.se]),
        ("df", vec![absolute.df]),
        ("low", vec![absolute.low]),
        ("high", vec![absolute.high]),
        ("t", vec![lift.statistic]),
        ("p", vec![lift.probability.p]),
        ("ln_p", vec![lift.probability.ln_p]),
    ];
    match (&lift.relative, case.get("no_relative")) {
        (Ok(relative), None) => {
            assert_eq!(relative.excludes_zero(), significant, "{}", id(case));
            results.push(("relative", vec![relative.estimate]));
        }
        (Ok(_), Some(_)) => panic!("{} has a relative effect", id(case)),
        (Err(reason), Some(expected)) => {
            assert!(reason.to_string().starts_with(text(expected)), "{reason}");
        }
        (Err(_), None) => {}
    }
    results
}

pub(crate) fn id(case: &Value) -> &str {
    text(&case["id"])
}

#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[track_caller]
pub(crate) fn count(value: &Value) -> u64 {
    value.as_u64().expect("a count")
}

pub(crate) fn sample(value: &Value) -> Sample {
    Sample {
        n: count(&value["n"]),
        mean: number(&value["mean"]),
        variance: number(&value["variance"]),
    }
}

pub(crate) fn arm_moments(value: &Value) -> ArmMoments {
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

pub(crate) fn ratio_sample(value: &Value) -> RatioSample {
    RatioSample {
        n: count(&value["n"]),
        numerator_mean: number(&value["numerator_mean"]),
        denominator_mean: number(&value["denominator_mean"]),
        numerator_variance: number(&value["numerator_variance"]),
        denominator_variance: number(&value["denominator_variance"]),
        covariance: number(&value["covariance"]),
    }
}

pub(crate) fn ratio_moments(value: &Value) -> RatioMoments {
    RatioMoments {
        ratio: ratio_sample(value),
        covariate_means: numbers(&value["covariate_means"]),
        numerator_covariances: numbers(&value["numerator_covariances"]),
        denominator_covariances: numbers(&value["denominator_covariances"]),
        covariate_covariances: numbers(&value["covariate_covariances"]),
    }
}
