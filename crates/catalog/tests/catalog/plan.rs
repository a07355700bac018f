//! Plans of experiments and what is sealed of them.

use std::fs;
use std::thread;

use catalog::seal::{Definition, SealError, seal, seals};
use catalog::{Catalog, LoadError, Looks, Spending};

use crate::load;

const PROJECT: &str = "
{ kind: source, name: customers, path: customers.csv }
---
{ kind: source, name: orders, path: orders.csv }
---
{ kind: fact, name: order, source: orders, customer: who, time: at, description: What was bought }
---
{ kind: metric, name: revenue, fact: order, aggregate: sum, value: amount, unit: money, window: { to: 7 days } }
---
{ kind: metric, name: orders, fact: order, aggregate: count, unit: count, window: { to: 7 days } }
---
{ kind: metric, name: basket, aggregate: ratio, numerator: revenue, denominator: orders, unit: money }
---
kind: experiment
name: test
hypothesis: It earns more
assignment: { source: customers, customer: id, arm: arm, time: at }
arms: [{ name: a, role: generic }, { name: b, role: holdout }]
metrics: { primary: basket }
";

fn project(rest: &str) -> Result<Catalog, LoadError> {
    let documents = format!("{PROJECT}{rest}");
    load(&[
        ("touchstone.yaml", "name: Shop"),
        ("catalog/a.yaml", &documents),
    ])
}

fn definition(rest: &str) -> Definition {
    let catalog = project(rest).unwrap();
    Definition::of(&catalog, catalog.experiment("test").unwrap())
}

/// The codes and messages of the mistakes.
fn mistakes(rest: &str) -> Vec<(&'static str, String)> {
    match project(rest) {
        Err(LoadError::Invalid(found)) => found
            .errors()
            .map(|error| (error.code, error.message.clone()))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_plan_is_read() {
    let catalog = project(
        "plan: { looks: group_sequential, customers: 1000, interim: [0.5, 1], spending: pocock, futility: true }",
    )
    .unwrap();
    let plan = catalog.experiment("test").unwrap().plan.clone().unwrap();
    assert_eq!(
        (plan.looks, plan.spending, plan.power),
        (Looks::GroupSequential, Some(Spending::Pocock), 0.8)
    );
    assert_eq!(
        plan.null_hypothesis_or("basket"),
        "the arms do not differ in the mean of `basket` per customer"
    );
}

#[test]
fn plans_that_contradict_themselves_are_refused() {
    for (plan, code, message) in [
        ("{ looks: hybrid }", "plan", "needs a planned end"),
        (
            "{ looks: anytime, days: 14 }",
            "plan",
            "needs a planned end",
        ),
        (
            "{ looks: hybrid, customers: 100, interim: [0.5, 1] }",
            "plan",
            "only a group sequential",
        ),
        (
            "{ customers: 100, spending: even }",
            "plan",
            "only a group sequential",
        ),
        (
            "{ looks: group_sequential, customers: 100 }",
            "plan",
            "needs its looks",
        ),
        (
            "{ looks: group_sequential, customers: 100, interim: [0.5, 0.4, 1] }",
            "plan",
            "ascending",
        ),
        (
            "{ looks: group_sequential, customers: 100, interim: [0.5, 0.9] }",
            "plan",
            "the planned end",
        ),
        (
            "{ looks: group_sequential, customers: 100, interim: [0, 1] }",
            "plan",
            "no share",
        ),
        (
            "{ customers: 100, futility: true }",
            "plan",
            "does not stop early",
        ),
        ("{ power: 1 }", "out-of-range", ""),
        ("{ minimum_effect: 0 }", "out-of-range", ""),
        ("{ look: fixed }", "unknown-key", ""),
    ] {
        let found = mistakes(&format!("plan: {plan}\n"));
        assert!(
            found
                .iter()
                .any(|(known, text)| *known == code && text.contains(message)),
            "{plan}: {found:?}"
        );
    }
    // A ratio cannot be taken apart by days.
    assert_eq!(mistakes("by_day: true\n")[0].0, "plan");
}

#[test]
fn a_definition_holds_what_the_experiment_uses_and_no_description() {
    let plain = definition("");
    let metrics: Vec<&str> = plain.metrics.keys().map(String::as_str).collect();
    assert_eq!(metrics, ["basket", "orders", "revenue"]);
    assert_eq!(plain.facts["order"].description, None);
    assert_eq!(plain.hash().len(), 64);
    // Defaults that are written out change nothing.
    assert_eq!(definition("alpha: 0.05\nseveral_arms: first\n"), plain);
    let other = definition("alpha: 0.1\n");
    assert_ne!(other.hash(), plain.hash());
    let deviations = other.deviations_from(&plain.to_json());
    assert_eq!(deviations.len(), 1);
    assert_eq!(deviations[0].path, "experiment/alpha");
    assert_eq!(deviations[0].sealed, Some(0.05.into()));
}

#[test]
fn a_changed_definition_needs_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    assert_eq!(seals(root).unwrap(), []);
    // A blank reason is none.
    let first = seal(root, &definition(""), Some(" "), "1.0").unwrap();
    assert!(first.added && first.deviations.is_empty());
    assert_eq!(first.seal.reason, None);
    let again = seal(root, &definition(""), None, "2.0").unwrap();
    assert!(!again.added);
    assert_eq!(again.seal, first.seal);

    let changed = definition("alpha: 0.01\nplan: { customers: 500 }\n");
    let refused = seal(root, &changed, None, "1.0").unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, SealError::NoReason { .. }), "{text}");
    assert!(
        text.contains("`experiment/alpha`, `experiment/plan`"),
        "{text}"
    );
    assert!(seal(root, &changed, Some("  "), "1.0").is_err());
    let second = seal(root, &changed, Some("smaller budget"), "1.0").unwrap();
    assert!(second.added);
    assert_eq!(second.seal.reason.as_deref(), Some("smaller budget"));
    let all = seals(root).unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[1].definition_hash, changed.hash());
    assert_eq!(all[0].previous, None);
    assert!(all[1].previous.is_some());

    // The chain is verified whenever it is read, also to add to it.
    let path = root.join("seals.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("0.05", "0.06", 1)).unwrap();
    for error in [
        seals(root).unwrap_err(),
        seal(root, &definition(""), Some("back"), "1.0").unwrap_err(),
    ] {
        assert!(
            error
                .to_string()
                .contains("seals.jsonl:1: the line was changed"),
            "{error}"
        );
    }
}

#[test]
fn writers_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    thread::scope(|scope| {
        for writer in 0..8 {
            scope.spawn(move || {
                let alpha = 0.01 + 0.01 * f64::from(writer);
                let definition = definition(&format!("alpha: {alpha}\n"));
                seal(root, &definition, Some("another"), "1.0").unwrap();
            });
        }
    });
    assert_eq!(seals(root).unwrap().len(), 8);
}
