//! Means adjusted for covariates: with one slope for both arms (CUPED, ANCOVA), and
//! with one for each.

use crate::cases::{Results, arm_moments, compare, id, of_lift, text};
use crate::columns::{Columns, USERS};
use crate::common::{assert_close, numbers};
use serde_json::Value;
use stats::{Method, Noise, Slopes, adjusted_lift, cuped, regression};

#[test]
fn adjusted_means() {
    let users = Columns::read(USERS);
    compare(include_str!("adjusted.json"), |case| {
        match text(&case["kind"]) {
            "cuped" => one_slope(case),
            "regression" => by_rows(case, &users),
            other => panic!("unknown kind {other}"),
        }
    });
}

pub(crate) fn one_slope(case: &Value) -> Result<Results, String> {
    let (treated, control) = (arm_moments(&case["treated"]), arm_moments(&case["control"]));
    let cuped = cuped(&treated, &control, 0.05).map_err(|e| e.to_string())?;
    assert_eq!(cuped.lift.method, Method::Cuped);
    let mut results = of_lift(case, &cuped.lift);
    let estimate = cuped.lift.absolute.estimate;
    // The adjusted means, from their centre: it is what a relative effect is of.
    let (n_t, n_c) = (treated.n as f64, control.n as f64);
    let adjusted = |mean: f64, x: f64| {
        let centre =
            (n_t * treated.covariate_means[0] + n_c * control.covariate_means[0]) / (n_t + n_c);
        mean - cuped.theta[0] * (x - centre)
    };
    let control_mean = adjusted(control.mean, control.covariate_means[0]);
    results.extend([
        ("theta", cuped.theta.clone()),
        ("relative_to_plain_control", vec![estimate / control.mean]),
        ("control", vec![control_mean]),
        (
            "treated",
            vec![adjusted(treated.mean, treated.covariate_means[0])],
        ),
    ]);
    Ok(results)
}

fn by_rows(case: &Value, users: &Columns) -> Result<Results, String> {
    let covariates: Vec<&[f64]> = case["covariates"]
        .as_array()
        .expect("names")
        .iter()
        .map(|name| users.column(text(name)))
        .collect();
    let slopes = match text(&case["slopes"]) {
        "common" => Slopes::Common,
        "per_arm" => Slopes::PerArm,
        other => panic!("unknown slopes {other}"),
    };
    let treated: Vec<bool> = users.arm.iter().map(|arm| *arm == 1.0).collect();
    let fit = regression(users.column("revenue"), &treated, &covariates, slopes)
        .map_err(|e| e.to_string())?;
    let effect = fit.coefficients[1];
    let se = |noise| fit.standard_errors(noise)[1];
    let t = |noise| effect / se(noise);
    if case.get("treated").is_some() {
        moments_agree(case, &fit.coefficients, se(Noise::Hc2));
    }
    Ok(vec![
        ("estimate", vec![effect]),
        ("params", fit.coefficients.clone()),
        ("se_Equal", vec![se(Noise::Equal)]),
        ("se_Hc0", vec![se(Noise::Hc0)]),
        ("se_Hc1", vec![se(Noise::Hc1)]),
        ("se_Hc2", vec![se(Noise::Hc2)]),
        ("se_Hc3", vec![se(Noise::Hc3)]),
        ("t_Equal", vec![t(Noise::Equal)]),
        ("t_Hc0", vec![t(Noise::Hc0)]),
        ("t_Hc1", vec![t(Noise::Hc1)]),
        ("t_Hc2", vec![t(Noise::Hc2)]),
        ("t_Hc3", vec![t(Noise::Hc3)]),
    ])
}

/// The estimates from moments are those of the regression with a slope for each arm,
/// row by row.
fn moments_agree(case: &Value, coefficients: &[f64], hc2: f64) {
    let (treated, control) = (arm_moments(&case["treated"]), arm_moments(&case["control"]));
    let adjusted = adjusted_lift(&treated, &control, 0.05).expect("an effect");
    let what = id(case);
    let k = adjusted.kept.len();
    let expected = numbers(&case["expect"]["params"]);
    assert_eq!(expected.len(), 2 + 2 * k);
    assert_eq!(coefficients.len(), expected.len());
    let mut params = vec![adjusted.means.control, adjusted.lift.absolute.estimate];
    params.extend(&adjusted.control_slopes);
    let slopes = adjusted.treated_slopes.iter().zip(&adjusted.control_slopes);
    params.extend(slopes.map(|(t, c)| t - c));
    for (actual, expected) in params.iter().zip(expected) {
        assert_close(what, *actual, expected, 1e-12, 0.0);
    }
    // HC2 takes the covariates as given and ours does not, so ours is the larger by
    // the centring; beyond that both estimate the same variance, HC2 from squared
    // residuals row by row and ours from each arm's sum.
    let se = adjusted.lift.absolute.se;
    let tolerance = if k == 0 { 1e-12 } else { 0.006 };
    assert_close(what, se, hc2, tolerance, 0.0);
    assert!(se > 0.995 * hc2);
}
