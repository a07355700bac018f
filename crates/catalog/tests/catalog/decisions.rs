//! Roles of metrics, priors, triggers, pooled arms and factors: what is read and what is refused.

use catalog::{Adjustment, Catalog, LoadError, Prior, Scalar, Trigger};

use crate::load;

const BASE: &str = "
{ kind: source, name: s, path: s.csv, key: c }
---
{ kind: fact, name: f, source: s, customer: c }
---
{ kind: metric, name: spend, fact: f, aggregate: sum, value: v }
---
{ kind: metric, name: visits, fact: f, aggregate: count }
---
{ kind: metric, name: p90, aggregate: quantile, quantile: 0.9, of: spend }
---
kind: experiment
name: e
assignment: { source: s, customer: c, arm: a }
";

const ARMS: &str =
    "arms: [{ name: x, role: generic }, { name: y, role: shuffled }, { name: z, role: shuffled }]";

fn with(rest: &str) -> Result<Catalog, LoadError> {
    load(&[
        ("touchstone.yaml", "name: Shop"),
        ("catalog/test.yaml", &format!("{BASE}{rest}\n")),
    ])
}

/// The code and the message of the one mistake.
#[track_caller]
fn mistake(rest: &str) -> (&'static str, String) {
    let Err(LoadError::Invalid(diagnostics)) = with(rest) else {
        panic!("no mistake in {rest}");
    };
    let errors: Vec<_> = diagnostics.errors().collect();
    assert_eq!(errors.len(), 1, "{diagnostics:?}");
    (errors[0].code, errors[0].message.clone())
}

#[test]
fn everything_is_read() {
    let catalog = with(&format!(
        "{ARMS}
metrics: {{ primary: spend, guardrails: [{{ metric: visits, margin: 0.02 }}], secondary: [p90] }}
multiplicity: bh
prior: learned
trigger: {{ generic: g, personalized: p }}
pooled: [{{ name: any, arms: [y, z] }}]"
    ))
    .unwrap();
    let experiment = catalog.experiment("e").unwrap();
    let names: Vec<&str> = experiment.metric_names().collect();
    assert_eq!(names, ["spend", "visits", "p90"]);
    assert_eq!(experiment.guardrail("visits").unwrap().margin, Some(0.02));
    assert_eq!(experiment.multiplicity, Adjustment::Bh);
    assert!(matches!(experiment.prior, Some(Prior::Learned(_))));
    assert!(matches!(experiment.trigger, Some(Trigger::Decisions(_))));
    assert_eq!(experiment.trigger.as_ref().unwrap().columns(), ["g", "p"]);
    assert_eq!(experiment.pooled[0].arms, ["y", "z"]);

    let catalog = with(
        "arms: [{ name: x, role: generic, factors: { content: old } }, { name: y, role: shuffled, factors: { content: 2 } }]
metrics: { primary: spend, success: [visits] }
prior: { mean: 0, sd: 0.1 }
trigger: { column: t }",
    )
    .unwrap();
    let experiment = catalog.experiment("e").unwrap();
    assert_eq!(
        experiment.success_names().collect::<Vec<_>>(),
        ["spend", "visits"]
    );
    assert_eq!(experiment.arms[1].factors["content"], Scalar::Integer(2));
    assert_eq!(experiment.multiplicity, Adjustment::Holm);
    let Some(Prior::Normal(prior)) = experiment.prior else {
        panic!("{:?}", experiment.prior);
    };
    assert_eq!((prior.mean, prior.sd), (0.0, 0.1));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let metrics = "metrics: { primary: spend }";
    let cases = [
        (
            "metrics: { primary: spend, success: [spend] }".to_owned(),
            "duplicate-value",
            "`spend` has a role already",
        ),
        (
            "metrics: { primary: spend, guardrails: [{ metric: visits, margin: 0.1 }], secondary: [visits] }".to_owned(),
            "duplicate-value",
            "`visits` has a role already",
        ),
        (
            "metrics: { primary: spend, guardrails: [{ metric: visits }] }".to_owned(),
            "margin",
            "needs one margin",
        ),
        (
            "metrics: { primary: spend, guardrails: [{ metric: visits, margin: 0.1, absolute_margin: 1 }] }".to_owned(),
            "margin",
            "needs one margin",
        ),
        (
            "metrics: { primary: spend, guardrails: [{ metric: visits, margin: 1.5 }] }".to_owned(),
            "out-of-range",
            "`margin` is 1.5, but must be more than 0 and less than 1",
        ),
        (
            "metrics: { primary: spend, guardrails: [{ metric: p90, margin: 0.1 }] }".to_owned(),
            "metric",
            "a quantile is no guardrail",
        ),
        (
            "metrics: { primary: p90 }\nprior: { mean: 0, sd: 1 }".to_owned(),
            "metric",
            "the primary metric is a quantile",
        ),
        (format!("{metrics}\ntrigger: {{ column: a }}"), "column", "`a`"),
        (
            format!("{metrics}\ntrigger: {{ generic: g, personalized: g }}"),
            "column",
            "one column",
        ),
        (
            format!("{metrics}\npooled: [{{ name: any, arms: [y, w] }}]"),
            "unknown-name",
            "no arm `w`",
        ),
        (
            format!("{metrics}\npooled: [{{ name: any, arms: [x, y] }}]"),
            "reference-arm",
            "compared with `x`",
        ),
        (
            format!("{metrics}\npooled: [{{ name: z, arms: [y, z] }}]"),
            "duplicate-name",
            "the name of an arm",
        ),
        (format!("{metrics}\npooled: [{{ name: any, arms: [y] }}]"), "too-few", ""),
        (format!("{metrics}\nmultiplicity: tukey"), "unknown-value", "tukey"),
        (format!("{metrics}\nprior: {{ mean: 0, sd: 0 }}"), "out-of-range", ""),
        (
            "metrics: { primary: spend, guardrails: [{ metric: vists, margin: 0.1 }] }".to_owned(),
            "unknown-name",
            "vists",
        ),
    ];
    for (rest, code, words) in cases {
        let (found, message) = mistake(&format!("{ARMS}\n{rest}"));
        assert_eq!(found, code, "{rest}: {message}");
        assert!(message.contains(words), "{rest}: {message}");
    }
}

#[test]
fn factors_are_a_design() {
    let arms = |second: &str, third: &str| {
        format!(
            "arms: [{{ name: x, role: generic, factors: {{ content: old, time: am }} }}, \
             {{ name: y, role: shuffled, factors: {second} }}, {{ name: z, role: shuffled, factors: {third} }}]\n\
             metrics: {{ primary: spend }}"
        )
    };
    let cases = [
        (
            arms("{ content: new }", "{ content: new, time: pm }"),
            "does not have the factors",
        ),
        (
            arms("{ content: new, time: pm }", "{ content: new, time: pm }"),
            "have the same levels",
        ),
        (
            arms("{ content: new, time: am }", "{ content: newer, time: am }"),
            "`time` has one level",
        ),
    ];
    for (rest, words) in cases {
        let (code, message) = mistake(&rest);
        assert_eq!(code, "factors", "{message}");
        assert!(message.contains(words), "{message}");
    }
}
