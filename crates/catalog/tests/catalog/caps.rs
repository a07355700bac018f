//! Caps on how often customers are shown content: what an experiment of them must declare, said with place and fix.

use catalog::LoadError;

use crate::load;

/// The errors of an experiment with this assignment and these arms; the performance that names the experiment is on line 13 of its file.
fn told(assignment: &str, arms: &str, other: &str) -> Result<(), String> {
    let text = format!(
        "{{ kind: source, name: s, path: s.csv }}
---
{{ kind: fact, name: order, source: s, customer: id, time: t }}
---
{{ kind: metric, name: orders, fact: order, aggregate: count }}
---
{{ kind: touch, name: shown, source: s, customer: id, time: t, channel: c, content: piece }}
---
{{ kind: experiment, name: frequency, assignment: {assignment},
  arms: {arms},
  metrics: {{ primary: orders }}{other} }}
---
{{ kind: performance, name: p, touches: shown, outcome: {{ fact: order, within: 7 days }}, caps: frequency }}
"
    );
    match load(&[("touchstone.yaml", "name: Shop"), ("catalog/a.yaml", &text)]) {
        Ok(_) => Ok(()),
        Err(LoadError::Invalid(diagnostics)) => {
            let errors: Vec<String> = diagnostics.errors().map(ToString::to_string).collect();
            Err(errors.join("\n"))
        }
        Err(other) => panic!("{other}"),
    }
}

const ASSIGNED: &str = "{ source: s, customer: id, arm: arm, time: t }";
const ARMS: &str = "[{ name: one, role: generic, cap: 1 }, { name: open, role: personalized }]";

/// The one mistake, as it is printed.
fn mistake(assignment: &str, arms: &str, other: &str) -> String {
    told(assignment, arms, other).expect_err("a mistake")
}

#[test]
fn arms_that_differ_in_their_caps_are_an_experiment_of_caps() {
    let holdout = "[{ name: none, role: holdout }, { name: one, role: generic, cap: 1 }]";
    for arms in [ARMS, holdout] {
        assert_eq!(told(ASSIGNED, arms, ""), Ok(()));
    }
}

#[test]
fn caps_need_the_time_of_the_assignment() {
    assert_eq!(
        mistake("{ source: s, customer: id, arm: arm }", ARMS, ""),
        "catalog/a.yaml:13:95: error[caps]: `frequency` does not say when customers were assigned\n  \
         help: give its assignment a `time`: exposures count from then on"
    );
}

#[test]
fn caps_are_of_single_customers_with_the_same_shares_throughout() {
    let expected = "catalog/a.yaml:13:95: error[caps]: `frequency` assigns clusters, or changed its shares on the way\n  \
                    help: caps are compared where customers were assigned one by one, with the same shares throughout";
    let by_shop = "{ source: s, customer: id, arm: arm, time: t, cluster: shop }";
    assert_eq!(mistake(by_shop, ARMS, ""), expected);
    let phases = ", phases: [{ from: 2024-01-01, shares: { one: 0.9, open: 0.1 } }, \
                  { from: 2024-02-01, shares: { one: 0.5, open: 0.5 } }]";
    assert_eq!(mistake(ASSIGNED, ARMS, phases), expected);
}

#[test]
fn arms_must_differ_in_their_caps() {
    let same = "[{ name: a, role: generic, cap: 2 }, { name: b, role: personalized, cap: 2 }]";
    assert_eq!(
        mistake(ASSIGNED, same, ""),
        "catalog/a.yaml:13:95: error[caps]: the arms of `frequency` do not differ in `cap`\n  \
         help: write in each arm how often a customer is shown content at most, for example `cap: 2`"
    );
    // No cap at all: the arms are not told apart either.
    let without = "[{ name: a, role: generic }, { name: b, role: shuffled }]";
    let found = mistake(ASSIGNED, without, "");
    assert!(
        found.contains("catalog/a.yaml:13:95: error[caps]: the arms of `frequency` do not differ"),
        "{found}"
    );
}

#[test]
fn no_two_arms_have_the_same_cap() {
    let expected = "catalog/a.yaml:13:95: error[caps]: two arms of `frequency` have the same `cap`, or none\n  \
                    help: one arm a cap, and at most one without: join those that are the same";
    let twice = "[{ name: a, role: generic, cap: 1 }, { name: b, role: personalized, cap: 1 }, \
                 { name: c, role: personalized, cap: 3 }]";
    assert_eq!(mistake(ASSIGNED, twice, ""), expected);
    let open_twice = "[{ name: a, role: generic, cap: 1 }, { name: b, role: personalized }, \
                      { name: c, role: personalized }]";
    assert_eq!(mistake(ASSIGNED, open_twice, ""), expected);
    // A holdout is a cap of none at all.
    let none = "[{ name: a, role: holdout }, { name: b, role: generic, cap: 0 }, \
                { name: c, role: personalized }]";
    assert_eq!(mistake(ASSIGNED, none, ""), expected);
}

#[test]
fn an_experiment_that_there_is_not_is_named_once() {
    let text = "{ kind: source, name: s, path: s.csv }\n---\n\
                { kind: fact, name: order, source: s, customer: id, time: t }\n---\n\
                { kind: touch, name: shown, source: s, customer: id, time: t, channel: c, content: piece }\n---\n\
                { kind: performance, name: p, touches: shown, outcome: { fact: order, within: 7 days }, caps: frequenzy }\n---\n\
                { kind: metric, name: orders, fact: order, aggregate: count }\n---\n\
                { kind: experiment, name: frequency, assignment: { source: s, customer: id, arm: arm, time: t }, arms: [], \
                metrics: { primary: orders } }";
    let files = [("touchstone.yaml", "name: Shop"), ("catalog/a.yaml", text)];
    let Err(LoadError::Invalid(diagnostics)) = load(&files) else {
        panic!("an experiment of another name");
    };
    let found = diagnostics.to_string();
    assert_eq!(found.matches("frequenzy").count(), 1, "{found}");
    assert!(found.contains("did you mean `frequency`?"), "{found}");
}
