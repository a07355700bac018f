//! Sizes of tests: power, detectable effects, required customers, test and roll; and
//! customers in clusters.

use crate::cases::{Results, compare, count, id, text};
use crate::common::{assert_close, number, numbers};
use serde_json::Value;
use stats::clusters::lift_of_clusters;
use stats::design::{
    ArmPrior, Design, Effect, Outcome, Reference, Sides, Split, TestAndRoll, noncentral_t_upper,
};
use stats::{Sample, tail};

#[test]
fn designs() {
    compare(include_str!("design.json"), |case| {
        match text(&case["kind"]) {
            "power" => power(case),
            "pooled_t" => Ok(pooled_t(case)),
            "required" => required(case),
            "detectable" => detectable(case),
            "powered_effect" => powered_effect(case),
            "underway" => underway(case),
            "test_and_roll" => test_and_roll(case),
            "noncentral_t" => Ok(noncentral_t(case)),
            "clusters" => clusters(case),
            other => panic!("unknown kind {other}"),
        }
    });
}

fn design(case: &Value) -> Design {
    let outcome = match case.get("share") {
        Some(share) => Outcome::Share {
            control: number(share),
        },
        None => Outcome::Mean {
            control: number(&case["mean"]["control"]),
            control_variance: number(&case["mean"]["control_variance"]),
            treated_variance: number(&case["mean"]["treated_variance"]),
        },
    };
    let plain = Design::new(outcome);
    Design {
        alpha: case.get("alpha").map_or(plain.alpha, number),
        r_squared: case.get("r_squared").map_or(plain.r_squared, number),
        sides: match case.get("sides").map(text) {
            None => Sides::Two,
            Some("greater") => Sides::Greater,
            Some(other) => panic!("unknown sides {other}"),
        },
        reference: match case.get("reference").map(text) {
            None => Reference::StudentT,
            Some("normal") => Reference::Normal,
            Some("score") => Reference::Score,
            Some(other) => panic!("unknown reference {other}"),
        },
        split: case.get("sizes").map_or(plain.split, |sizes| {
            let sizes = numbers(sizes);
            let all = sizes[0] + sizes[1];
            Split {
                treated: sizes[0] / all,
                control: sizes[1] / all,
            }
        }),
        ..plain
    }
}

fn effect(case: &Value) -> Effect {
    match case.get("relative") {
        Some(relative) => Effect::Relative(number(relative)),
        None => Effect::Absolute(number(&case["effect"])),
    }
}

fn power(case: &Value) -> Result<Results, String> {
    let power = design(case)
        .power(effect(case), number(&case["customers"]))
        .map_err(|e| e.to_string())?;
    Ok(vec![("power", vec![power])])
}

/// Two arms of the variance 1 and a two-sided test whose degrees of freedom are pooled.
fn pooled_t(case: &Value) -> Results {
    let sizes = numbers(&case["sizes"]);
    let df = sizes[0] + sizes[1] - 2.0;
    let noncentrality = number(&case["effect"]) / (1.0 / sizes[0] + 1.0 / sizes[1]).sqrt();
    let critical = tail::student_t_critical(0.05, df);
    let power = noncentral_t_upper(critical, df, noncentrality)
        + noncentral_t_upper(critical, df, -noncentrality);
    vec![("power", vec![power])]
}

fn required(case: &Value) -> Result<Results, String> {
    let customers = design(case)
        .required_customers(effect(case), number(&case["power"]))
        .map_err(|e| e.to_string())?;
    Ok(vec![
        ("customers", vec![customers]),
        ("customers_rounded_up", vec![customers.ceil()]),
    ])
}

fn detectable(case: &Value) -> Result<Results, String> {
    let customers = match &case["customers"] {
        one @ Value::Number(_) => vec![number(one)],
        many => numbers(many),
    };
    let (mut absolute, mut relative) = (Vec::new(), Vec::new());
    for customers in customers {
        let effect = design(case)
            .minimum_detectable_effect(number(&case["power"]), customers)
            .map_err(|e| e.to_string())?;
        absolute.push(effect.absolute);
        relative.extend(effect.relative);
    }
    Ok(vec![("absolute", absolute), ("relative", relative)])
}

/// The effect detected with the customers there are, and the customers for the effect
/// wanted, each arm rounded up.
fn powered_effect(case: &Value) -> Result<Results, String> {
    let (design, power) = (design(case), number(&case["power"]));
    let customers = numbers(&case["sizes"]).iter().sum();
    let detectable = design
        .minimum_detectable_effect(power, customers)
        .map_err(|e| e.to_string())?;
    let required = design
        .required_customers(effect(case), power)
        .map_err(|e| e.to_string())?;
    let (treated, control) = (design.split.treated, design.split.control);
    let rounded = (required * treated).ceil() + (required * control).ceil();
    Ok(vec![
        ("absolute", vec![detectable.absolute]),
        ("customers_rounded_up", vec![rounded]),
    ])
}

/// A test that runs, with a normal reference. A confidence sequence tuned to N customers
/// has a critical value of its own at every number of customers.
fn underway(case: &Value) -> Result<Results, String> {
    let customers: f64 = numbers(&case["sizes"]).iter().sum();
    let power = |times: f64| {
        let alpha = case.get("tuning").map_or(0.05, |tuning| {
            let l = -2.0 * 0.05_f64.ln();
            let n_rho2 = times * customers * (l + (l + 1.0).ln()) / number(tuning);
            let critical2 = 2.0 * (n_rho2 + 1.0) / n_rho2 * (0.5 * (n_rho2 + 1.0).ln() + 0.5 * l);
            tail::normal_two_sided(critical2.sqrt()).p
        });
        let design = Design {
            alpha,
            reference: Reference::Normal,
            ..design(case)
        };
        design.power(effect(case), times * customers)
    };
    let now = power(1.0).map_err(|e| e.to_string())?;
    let twice = power(2.0).map_err(|e| e.to_string())?;
    let times_more = number(&case["expect"]["times_more"]);
    let then = power(1.0 + times_more).map_err(|e| e.to_string())?;
    assert_close(id(case), then, number(&case["power"]), 1e-3, 0.0);
    Ok(vec![
        ("power_now", vec![now]),
        ("power_x2", vec![twice]),
        ("times_more", vec![times_more]),
    ])
}

fn test_and_roll(case: &Value) -> Result<Results, String> {
    let arm = ArmPrior::share(number(&case["mean"]), number(&case["sd"]));
    let mut sizes = Vec::new();
    for customers in numbers(&case["customers"]) {
        let plan = TestAndRoll {
            treated: arm,
            control: arm,
            customers,
        };
        sizes.push(plan.best_sizes().map_err(|e| e.to_string())?.treated);
    }
    Ok(vec![("sizes", sizes)])
}

fn noncentral_t(case: &Value) -> Results {
    let points = case["points"].as_array().expect("points");
    let upper = |point: &Value| {
        let [t, df, noncentrality] = numbers(point)[..] else {
            panic!("three numbers")
        };
        noncentral_t_upper(t, df, noncentrality)
    };
    vec![("upper", points.iter().map(upper).collect())]
}

/// Rows of cluster size, cluster total and how many clusters have them.
fn clusters(case: &Value) -> Result<Results, String> {
    let arm = |name: &str| -> Vec<Sample> {
        let rows = case[name].as_array().expect("rows");
        rows.iter()
            .flat_map(|row| {
                let cluster = Sample {
                    n: count(&row[0]),
                    mean: number(&row[1]) / number(&row[0]),
                    variance: 0.0,
                };
                std::iter::repeat_n(cluster, count(&row[2]) as usize)
            })
            .collect()
    };
    let (treated, control) = (arm("treated"), arm("control"));
    let effect = lift_of_clusters(&treated, &control, 0.05).map_err(|e| e.to_string())?;
    let absolute = effect.lift.absolute;
    let expected = number(&case["expect"]["se"]);
    assert_close(
        id(case),
        absolute.se,
        expected,
        number(&case["se_tolerance"]),
        0.0,
    );
    let uncorrected = |clusters: &[Sample]| {
        let n: f64 = clusters.iter().map(|c| c.n as f64).sum();
        let mean = clusters.iter().map(|c| c.n as f64 * c.mean).sum::<f64>() / n;
        clusters
            .iter()
            .map(|c| (c.n as f64 / n * (c.mean - mean)).powi(2))
            .sum::<f64>()
    };
    let variance = uncorrected(&treated) + uncorrected(&control);
    assert!(absolute.se > variance.sqrt());
    Ok(vec![
        ("estimate", vec![absolute.estimate]),
        ("se_uncorrected", vec![variance.sqrt()]),
        ("se", vec![expected]),
    ])
}
