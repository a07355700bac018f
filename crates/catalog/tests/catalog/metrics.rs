//! The rules of quantiles, funnels, caps and the end of the data.

use crate::load;

const FACTS: &str = "\
{ kind: source, name: s, path: s.csv }
---
{ kind: fact, name: timed, source: s, customer: c, time: at }
---
{ kind: fact, name: timeless, source: s, customer: c }
---
{ kind: metric, name: spend, fact: timed, aggregate: sum, value: x }
---
{ kind: metric, name: rate, aggregate: ratio, numerator: spend, denominator: spend }
---
{ kind: metric, name: p90, fact: timed, aggregate: quantile, value: x, quantile: 0.9 }
---
";

/// The rules that a project with a further document breaks.
fn broken(document: &str) -> Vec<&'static str> {
    let catalog = format!("{FACTS}{document}\n");
    let files = [("touchstone.yaml", "name: T"), ("catalog/c.yaml", &catalog)];
    match load(&files) {
        Ok(_) => Vec::new(),
        Err(catalog::LoadError::Invalid(diagnostics)) => diagnostics
            .errors()
            .map(|diagnostic| diagnostic.code)
            .collect(),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn rules_of_kinds_of_metrics() {
    let steps = "steps: [{ name: a, where: x > 0 }, { name: b, where: x > 1 }]";
    let cases = [
        ("fact: timed, aggregate: days", ""),
        ("fact: timeless, aggregate: days", "needs-time"),
        ("fact: timed, aggregate: days, value: x", "misplaced-key"),
        ("fact: timed, aggregate: days, unit: share", "metric"),
        ("aggregate: quantile, of: spend, quantile: 0.5", ""),
        ("aggregate: quantile, of: spend", "missing-key"),
        (
            "aggregate: quantile, of: spend, quantile: 0",
            "out-of-range",
        ),
        (
            "aggregate: quantile, of: spend, quantile: 1",
            "out-of-range",
        ),
        ("aggregate: quantile, of: rate, quantile: 0.5", "metric"),
        ("aggregate: quantile, of: p90, quantile: 0.5", "metric"),
        (
            "aggregate: quantile, of: spend, fact: timed, quantile: 0.5",
            "misplaced-key",
        ),
        (
            "aggregate: quantile, fact: timed, quantile: 0.5",
            "missing-key",
        ),
        (
            "aggregate: quantile, of: spend, quantile: 0.5, cap: { upper: 1 }",
            "misplaced-key",
        ),
        (
            "fact: timed, aggregate: sum, value: x, quantile: 0.5",
            "misplaced-key",
        ),
        ("fact: timed, aggregate: funnel", "too-few"),
        ("fact: timed, aggregate: count, STEPS", "misplaced-key"),
        ("fact: timed, aggregate: funnel, unit: share, STEPS", ""),
        ("fact: timeless, aggregate: funnel, STEPS", "needs-time"),
        (
            "fact: timed, aggregate: funnel, unit: money, STEPS",
            "metric",
        ),
        (
            "fact: timed, aggregate: funnel, steps: [{ name: a, where: x }, { name: a, where: y }]",
            "duplicate-value",
        ),
        (
            "aggregate: ratio, numerator: spend, denominator: p90",
            "metric",
        ),
    ];
    for (metric, code) in cases {
        let document = format!(
            "{{ kind: metric, name: m, {} }}",
            metric.replace("STEPS", steps)
        );
        let expected: Vec<&str> = Some(code)
            .into_iter()
            .filter(|code| !code.is_empty())
            .collect();
        assert_eq!(broken(&document), expected, "{metric}");
    }
}

#[test]
fn rules_of_caps() {
    let cases = [
        ("upper_percentile: 0.99, nonzero: true", ""),
        ("lower: 0, upper_percentile: 0.99", ""),
        ("upper: 5, upper_percentile: 0.99", "misplaced-key"),
        ("upper_percentile: 99", "out-of-range"),
        (
            "lower_percentile: 0.9, upper_percentile: 0.1",
            "out-of-range",
        ),
        ("upper: 5, nonzero: true", "misplaced-key"),
    ];
    for (cap, code) in cases {
        let document = format!(
            "{{ kind: metric, name: m, fact: timed, aggregate: sum, value: x, cap: {{ {cap} }} }}"
        );
        let expected: Vec<&str> = Some(code)
            .into_iter()
            .filter(|code| !code.is_empty())
            .collect();
        assert_eq!(broken(&document), expected, "{cap}");
    }
}

#[test]
fn rules_of_the_end_of_the_data() {
    let experiment = |time: &str, more: &str| {
        format!(
            "kind: experiment\nname: e\nassignment: {{ source: s, customer: c, arm: a{time} }}\n\
             arms: [{{ name: a, role: generic }}, {{ name: b, role: shuffled }}]\nmetrics: {{ primary: spend }}\n{more}"
        )
    };
    let at = ", time: at";
    assert!(broken(&experiment(at, "until: 2024-03-01\nimmature: count")).is_empty());
    assert!(broken(&experiment(at, "until: 2024-03-01 18:00:00")).is_empty());
    assert_eq!(broken(&experiment(at, "until: soon")), ["wrong-type"]);
    assert_eq!(broken(&experiment("", "until: 2024-03-01")), ["needs-time"]);
    assert_eq!(broken(&experiment(at, "immature: keep")), ["unknown-value"]);
    let before = "covariates: [{ metric: p90, before: 7 days }]";
    assert_eq!(broken(&experiment(at, before)), ["metric"]);
}
