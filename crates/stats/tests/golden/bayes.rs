//! Posteriors of lifts and of shares.

use crate::cases::{Results, compare, count, sample, text};
use crate::common::number;
use serde_json::Value;
use stats::Contrast;
use stats::bayes::{
    Beta, Comparison, Gamma, NormalPosterior, NormalPrior, Scale, posterior_of_contrast,
};
use stats::tail;

#[test]
fn bayes() {
    compare(include_str!("bayes.json"), |case| {
        match text(&case["kind"]) {
            "normal" => normal(case),
            "loss" => NormalPrior::Flat
                .posterior(number(&case["mean"]), number(&case["sd"]))
                .map(|posterior| of_posterior(&posterior))
                .map_err(|e| e.to_string()),
            "truncated" => Ok(truncated(case)),
            "shares" => shares(case),
            "rates" => rates(case),
            other => panic!("unknown kind {other}"),
        }
    });
}

/// Two means on either scale, with a flat or a normal prior.
fn normal(case: &Value) -> Result<Results, String> {
    let (treated, control) = (sample(&case["treated"]), sample(&case["control"]));
    let contrast = Contrast {
        treated: treated.mean,
        control: control.mean,
        treated_variance: treated.variance / treated.n as f64,
        control_variance: control.variance / control.n as f64,
        covariance: 0.0,
        df: f64::INFINITY,
    };
    let scale = match text(&case["scale"]) {
        "relative" => Scale::Relative,
        _ => Scale::Absolute,
    };
    let prior = case
        .get("prior")
        .map_or(NormalPrior::Flat, |prior| NormalPrior::Normal {
            mean: number(&prior["mean"]),
            sd: number(&prior["sd"]),
        });
    posterior_of_contrast(&contrast, scale, &prior)
        .map(|posterior| of_posterior(&posterior))
        .map_err(|e| e.to_string())
}

fn of_posterior(posterior: &NormalPosterior) -> Results {
    let interval = posterior.interval(0.05).expect("a level");
    vec![
        ("estimate", vec![posterior.mean()]),
        ("sd", vec![posterior.sd()]),
        ("low", vec![interval.low]),
        ("high", vec![interval.high]),
        ("chance_above", vec![posterior.chance_above(0.0).p]),
        ("chance_below", vec![posterior.chance_below(0.0).p]),
        ("loss_of_shipping", vec![posterior.loss_of_shipping()]),
        (
            "loss_of_not_shipping",
            vec![posterior.loss_of_not_shipping()],
        ),
    ]
}

/// The mean of a normal distribution below zero: minus the loss over its chance.
fn truncated(case: &Value) -> Results {
    let (mean, sd) = (number(&case["mean"]), number(&case["sd"]));
    let z = mean / sd;
    let ln_mean = tail::ln_normal_loss(z) - tail::normal_upper(z).ln_p;
    vec![("mean_below_zero", vec![-sd * ln_mean.exp()])]
}

fn shares(case: &Value) -> Result<Results, String> {
    let arm = |arm: &Value| {
        Beta::new(1.0, 1.0)
            .and_then(|prior| prior.observed(count(&arm[0]), count(&arm[1])))
            .map_err(|e| e.to_string())
    };
    let (treated, control) = (arm(&case["treated"])?, arm(&case["control"])?);
    let mut results = of_comparison(&treated.against(&control), &control.against(&treated));
    let difference = treated.difference(&control, 0.05).expect("a level");
    let ratio = treated.ratio(&control, 0.05).expect("a level");
    results.push(("estimate", vec![treated.mean() - control.mean()]));
    results.push(("difference", vec![difference.low, difference.high]));
    results.push(("ratio", vec![ratio.low, ratio.high]));
    Ok(results)
}

fn rates(case: &Value) -> Result<Results, String> {
    let arm = |arm: &Value| {
        Gamma::new(1.0, 1.0)
            .and_then(|prior| prior.observed(count(&arm[0]), number(&arm[1])))
            .map_err(|e| e.to_string())
    };
    let (treated, control) = (arm(&case["treated"])?, arm(&case["control"])?);
    Ok(of_comparison(
        &treated.against(&control),
        &control.against(&treated),
    ))
}

fn of_comparison(comparison: &Comparison, swapped: &Comparison) -> Results {
    vec![
        ("chance_above", vec![comparison.chance_to_win.p]),
        ("chance_lose", vec![swapped.chance_to_win.p]),
        ("loss_of_shipping", vec![comparison.loss_of_shipping]),
        (
            "loss_of_not_shipping",
            vec![comparison.loss_of_not_shipping],
        ),
    ]
}
