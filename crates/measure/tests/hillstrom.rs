//! The MineThatData e-mail test of 2008 against the numbers of other tools.
//!
//! Reference: SciPy 1.18.1 (Welch), statsmodels 0.15.0 (interacted regression, HC2) on the same 64,000 rows.

#[expect(dead_code, reason = "only tests on data of their own write files")]
mod common;

use common::Project;
use measure::audience::{LiftFinding, Severity};

#[expect(
    clippy::print_stderr,
    reason = "whoever runs the tests must see that this one did not"
)]
fn finding(covariates: &str) -> Option<LiftFinding> {
    let Some(folder) = std::env::var_os("TOUCHSTONE_TEST_DATA") else {
        eprintln!("skipped: TOUCHSTONE_TEST_DATA does not name the folder of the test data");
        return None;
    };
    let documents = format!(
        "
kind: source
name: hillstrom
path: {}/hillstrom.csv
row_id: customer_id
---
{{ kind: fact, name: outcome, source: hillstrom, customer: customer_id }}
---
{{ kind: metric, name: visit, fact: outcome, aggregate: max, value: visit, unit: share }}
---
{{ kind: metric, name: conversion, fact: outcome, aggregate: max, value: conversion, unit: share }}
---
{{ kind: metric, name: spend, fact: outcome, aggregate: sum, value: spend, unit: money }}
---
kind: experiment
name: test
assignment: {{ source: hillstrom, customer: customer_id, arm: segment }}
arms:
  - {{ name: none, value: No E-Mail, role: generic }}
  - {{ name: mens, value: Mens E-Mail, role: personalized }}
  - {{ name: womens, value: Womens E-Mail, role: personalized }}
metrics: {{ primary: spend, secondary: [visit, conversion] }}
{covariates}
",
        folder.to_string_lossy()
    );
    Some(Project::new().measure(&documents).unwrap())
}

#[test]
fn lifts_are_those_of_every_reference() {
    let Some(finding) = finding("") else { return };
    let expected = [
        (
            "visit",
            "womens",
            0.045_233_106_587_052_985,
            0.003_234_462_099_090_751,
            2.432_447_702_312_794_6e-44,
            0.426_055_070_266_970_2,
        ),
        (
            "visit",
            "mens",
            0.076_589_563_651_531_25,
            0.003_385_887_811_728_365_3,
            1.364_451_196_274_290_5e-112,
            0.721_404_616_781_399,
        ),
        (
            "conversion",
            "womens",
            0.003_111_057_511_085_258,
            0.000_822_677_077_555_119_5,
            0.000_156_028_395_085_564_04,
            0.543_313_043_698_217_2,
        ),
        (
            "conversion",
            "mens",
            0.006_805_006_519_615_695,
            0.000_920_872_785_735_121_6,
            1.501_815_785_154_38e-13,
            1.188_421_876_286_328,
        ),
        (
            "spend",
            "womens",
            0.424_412_215_936_596_7,
            0.130_332_858_529_191_16,
            0.001_129_397_102_363_247_5,
            0.650_151_863_864_686_3,
        ),
        (
            "spend",
            "mens",
            0.769_827_155_894_536_8,
            0.145_246_560_248_686_76,
            1.163_814_968_225_482e-7,
            1.179_288_770_362_006_3,
        ),
    ];
    for (metric, arm, estimate, se, p, relative) in expected {
        let outcome = &finding.comparison(metric, arm).unwrap().outcome;
        let effect = outcome.absolute.unwrap();
        assert!(
            (effect.estimate / estimate - 1.0).abs() < 1e-12,
            "{metric} {arm}: {}",
            effect.estimate
        );
        assert!(
            (effect.se / se - 1.0).abs() < 1e-12,
            "{metric} {arm}: {}",
            effect.se
        );
        assert!(
            (outcome.ln_p.unwrap() / f64::ln(p) - 1.0).abs() < 1e-10,
            "{metric} {arm}: {:?}",
            outcome.ln_p
        );
        let found = match outcome.relative.as_ref().unwrap() {
            measure::audience::Relative::Estimated { estimate, .. } => *estimate,
            other => panic!("{other:?}"),
        };
        assert!(
            (found / relative - 1.0).abs() < 1e-12,
            "{metric} {arm}: {found}"
        );
    }
    assert!(
        finding
            .checks
            .iter()
            .all(|check| check.severity <= Severity::Notice)
    );
}

#[test]
fn adjusted_lifts_are_those_of_the_interacted_regression() {
    // The nine features of the reference, as covariates; its standard error takes the covariates' mean as fixed.
    let covariates = "covariates: [recency, history, mens, womens, newbie]";
    let Some(plain) = finding(covariates) else {
        return;
    };
    let spend = plain.comparison("spend", "womens").unwrap();
    let adjusted = spend.adjusted.as_ref().unwrap();
    assert!(adjusted.variance_reduction > 0.0 && adjusted.r2 > 0.0);
    let effect = adjusted.outcome.absolute.unwrap();
    // With the four dummies of region and channel as well the reference has 0.42466 (0.13022).
    assert!(
        (effect.estimate - 0.424_66).abs() < 0.01,
        "{}",
        effect.estimate
    );
    assert!((effect.se / 0.130_22 - 1.0).abs() < 5e-3, "{}", effect.se);
}
