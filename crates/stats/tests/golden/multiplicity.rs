//! Families of tests, and the intervals that match.

use crate::cases::{Results, compare, sample, text};
use crate::common::{number, numbers};
use serde_json::Value;
use stats::multiplicity::{Adjustment, adjusted, e_benjamini_hochberg};
use stats::simultaneous::{Dunnett, StudentizedRange, dunnett, games_howell};
use stats::{Contrast, Lift, Method, Sample, TailProbability};

const ALPHA: f64 = 0.05;

#[test]
fn multiplicity() {
    compare(include_str!("multiplicity.json"), |case| {
        match text(&case["kind"]) {
            "adjusted" => family(case),
            "e-bh" => e_values(case),
            "dunnett" => distribution_of_dunnett(case),
            "dunnett-pooled" => dunnett_of_pooled_means(case),
            "range" => range(case),
            "games-howell" => pairs(case),
            "bonferroni-z" => bonferroni(case),
            other => panic!("unknown kind {other}"),
        }
    });
}

fn probability(p: f64) -> TailProbability {
    TailProbability { p, ln_p: p.ln() }
}

fn family(case: &Value) -> Result<Results, String> {
    let procedure = match text(&case["procedure"]) {
        "bonferroni" => Adjustment::Bonferroni,
        "sidak" => Adjustment::Sidak,
        "holm" => Adjustment::Holm,
        "holm-sidak" => Adjustment::HolmSidak,
        "hochberg" => Adjustment::Hochberg,
        "hommel" => Adjustment::Hommel,
        "bh" => Adjustment::BenjaminiHochberg,
        "by" => Adjustment::BenjaminiYekutieli,
        "two-stage" => Adjustment::TwoStage { alpha: ALPHA },
        "two-stage-plain" => Adjustment::TwoStagePlain { alpha: ALPHA },
        other => panic!("unknown procedure {other}"),
    };
    let p: Vec<TailProbability> = numbers(&case["p"]).into_iter().map(probability).collect();
    let adjusted = adjusted(&p, procedure).map_err(|e| e.to_string())?;
    for p in &adjusted {
        assert!(p.p < 1e-300 || (p.ln_p.exp() / p.p - 1.0).abs() < 1e-12);
    }
    Ok(vec![
        ("rejected", vec![rejected(&adjusted)]),
        ("adjusted", adjusted.iter().map(|p| p.p).collect()),
    ])
}

fn rejected(adjusted: &[TailProbability]) -> f64 {
    adjusted.iter().filter(|p| p.p < ALPHA).count() as f64
}

fn e_values(case: &Value) -> Result<Results, String> {
    let ln_e: Vec<f64> = numbers(&case["e"]).into_iter().map(f64::ln).collect();
    let levels = e_benjamini_hochberg(&ln_e).map_err(|e| e.to_string())?;
    Ok(vec![("rejected", vec![rejected(&levels)])])
}

fn distribution_of_dunnett(case: &Value) -> Result<Results, String> {
    let comparisons: Vec<Contrast> = numbers(&case["shared"])
        .into_iter()
        .map(|shared| Contrast {
            treated: 0.0,
            control: 0.0,
            treated_variance: 1.0 - shared,
            control_variance: shared,
            covariance: 0.0,
            df: f64::INFINITY,
        })
        .collect();
    let p = Dunnett::new(&comparisons).probability(number(&case["t"]), number(&case["df"]));
    Ok(vec![("ln_p", vec![p.ln_p])])
}

/// Arms of equal variance, which is pooled.
fn dunnett_of_pooled_means(case: &Value) -> Result<Results, String> {
    let (control, arms) = (sample(&case["control"]), samples(&case["arms"]));
    let all = || arms.iter().chain([&control]);
    let df: f64 = all().map(|arm| (arm.n - 1) as f64).sum();
    let squares: f64 = all().map(|arm| (arm.n - 1) as f64 * arm.variance).sum();
    let variance = squares / df;
    let comparisons: Vec<Contrast> = arms
        .iter()
        .map(|arm| Contrast {
            treated: arm.mean,
            control: control.mean,
            treated_variance: variance / arm.n as f64,
            control_variance: variance / control.n as f64,
            covariance: 0.0,
            df,
        })
        .collect();
    let lifts = dunnett(&comparisons, ALPHA).map_err(|e| e.to_string())?;
    assert!(lifts.iter().all(|lift| lift.method == Method::Dunnett));
    Ok(of_lifts(&lifts))
}

fn range(case: &Value) -> Result<Results, String> {
    let arms = number(&case["arms_compared"]) as usize;
    let (q, df) = (number(&case["q"]), number(&case["df"]));
    Ok(vec![(
        "p",
        vec![StudentizedRange::new(arms).upper(q, df).p],
    )])
}

fn pairs(case: &Value) -> Result<Results, String> {
    let pairs = games_howell(&samples(&case["arms"]), ALPHA).map_err(|e| e.to_string())?;
    let lifts: Vec<Lift> = pairs.into_iter().map(|pair| pair.lift).collect();
    Ok(of_lifts(&lifts))
}

/// z tests at the level alpha over the number of arms.
fn bonferroni(case: &Value) -> Result<Results, String> {
    let (control, arms) = (sample(&case["control"]), samples(&case["arms"]));
    let mut lifts = Vec::new();
    for arm in &arms {
        let contrast = Contrast::of_means(arm, &control).map_err(|e| e.to_string())?;
        let normal = Contrast {
            df: f64::INFINITY,
            ..contrast
        };
        let level = ALPHA / arms.len() as f64;
        lifts.push(
            normal
                .lift(level, Method::Welch)
                .map_err(|e| e.to_string())?,
        );
    }
    let p: Vec<TailProbability> = lifts.iter().map(|lift| lift.probability).collect();
    let adjusted = adjusted(&p, Adjustment::Bonferroni).map_err(|e| e.to_string())?;
    for (lift, adjusted) in lifts.iter_mut().zip(adjusted) {
        lift.probability = adjusted;
    }
    Ok(of_lifts(&lifts))
}

fn samples(value: &Value) -> Vec<Sample> {
    value.as_array().expect("arms").iter().map(sample).collect()
}

fn of_lifts(lifts: &[Lift]) -> Results {
    let each = |value: fn(&Lift) -> f64| lifts.iter().map(value).collect();
    vec![
        ("estimates", each(|lift| lift.absolute.estimate)),
        ("lows", each(|lift| lift.absolute.low)),
        ("highs", each(|lift| lift.absolute.high)),
        ("t", each(|lift| lift.statistic)),
        ("adjusted_p", each(|lift| lift.probability.p)),
    ]
}
