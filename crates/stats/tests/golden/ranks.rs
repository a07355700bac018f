//! Tests of ranks.

use crate::cases::{Results, compare, count, text};
use crate::columns::{Columns, SKEWED, USERS};
use crate::common::assert_close;
use serde_json::Value;
use stats::quantile::{Distribution, Histogram};
use stats::ranks::{kruskal_wallis, lift_of_ranks, mann_whitney};

#[test]
fn ranks() {
    compare(include_str!("ranks.json"), |case| {
        let arms = arms(case);
        match text(&case["kind"]) {
            "two" => two(&arms),
            "several" => several(&arms),
            "missing" => Ok(vec![("missing", missing(&arms))]),
            other => panic!("unknown kind {other}"),
        }
    });
}

/// The values of each arm, the control first: of a column of a file, or counted.
fn arms(case: &Value) -> Vec<Vec<f64>> {
    if let Some(counted) = case.get("counted") {
        let rows = counted.as_array().expect("rows of value, treated, control");
        let arm = |column: usize| {
            let values = rows.iter().flat_map(|row| {
                let times = count(&row[column]) as usize;
                std::iter::repeat_n(count(&row[0]) as f64, times)
            });
            values.collect()
        };
        return vec![arm(2), arm(1)];
    }
    let columns = Columns::read(match text(&case["file"]) {
        "users" => USERS,
        "skewed" => SKEWED,
        other => panic!("unknown file {other}"),
    });
    let arms = 0..count(&case["arms"]);
    let column = text(&case["column"]);
    arms.map(|arm| columns.of_arm(column, arm as f64)).collect()
}

/// The same from the exact values and from their histogram, but for what ties of the
/// buckets change.
fn two(arms: &[Vec<f64>]) -> Result<Results, String> {
    let exact = |arm: &Vec<f64>| Distribution::of(arm.iter().copied());
    let coarse = |arm: &Vec<f64>| arm.iter().copied().collect::<Histogram>().distribution();
    let (control, treated) = (exact(&arms[0]), exact(&arms[1]));
    let test = mann_whitney(&treated, &control).map_err(|e| e.to_string())?;
    let lift = lift_of_ranks(&treated, &control, 0.05).map_err(|e| e.to_string())?;
    let (c, t) = (coarse(&arms[0]), coarse(&arms[1]));
    let from_histogram = mann_whitney(&t, &c).map_err(|e| e.to_string())?;
    assert_close("z of a histogram", from_histogram.z, test.z, 0.01, 0.0);
    assert_eq!(lift.absolute.excludes_zero(), lift.probability.p < 0.05);
    Ok(vec![
        ("u", vec![test.u]),
        ("p", vec![test.probability.p]),
        ("treated_wins", vec![(1.0 + lift.absolute.estimate) / 2.0]),
        ("estimate", vec![lift.absolute.estimate]),
        ("brunner_munzel_t", vec![lift.statistic]),
        ("brunner_munzel_p", vec![lift.probability.p]),
    ])
}

fn several(arms: &[Vec<f64>]) -> Result<Results, String> {
    let arms: Vec<Distribution> = arms
        .iter()
        .map(|arm| Distribution::of(arm.iter().copied()))
        .collect();
    let test = kruskal_wallis(&arms.iter().collect::<Vec<_>>()).map_err(|e| e.to_string())?;
    Ok(vec![("h", vec![test.h]), ("p", vec![test.probability.p])])
}

/// Values that are missing are counted and left out.
fn missing(arms: &[Vec<f64>]) -> Vec<f64> {
    let counted = arms.iter().map(|arm| {
        let histogram: Histogram = arm.iter().copied().collect();
        let exact = Distribution::of(arm.iter().copied());
        assert_eq!(histogram.count(), exact.count());
        histogram.missing() as f64
    });
    counted.collect()
}
