//! No money counts twice: rules of lifetimes that initiatives count by, and of credit that content counts by.

use catalog::{Catalog, Diagnostics, LoadError};

use crate::load;

/// A shop with an experiment, its lifetime, and two attributions.
const SHOP: &str = "\
{ kind: source, name: s, path: s.csv }
---
{ kind: fact, name: orders, source: s, customer: id, time: t }
---
{ kind: metric, name: revenue, fact: orders, aggregate: sum, value: x, unit: money, window: { to: 28 days } }
---
kind: experiment
name: test
assignment: { source: s, customer: id, arm: arm, time: t }
arms: [{ name: none, role: generic }, { name: letter, role: personalized, initiative: welcome }]
metrics: { primary: revenue }
---
kind: experiment
name: other
assignment: { source: s, customer: id, arm: arm, time: t }
arms: [{ name: none, role: generic }, { name: late, role: personalized, initiative: reminders }]
metrics: { primary: revenue }
---
{ kind: initiative, name: reminders, level: 2 }
---
{ kind: lifetime, name: lives, fact: orders, spend: x, experiment: test }
---
{ kind: lifetime, name: base, fact: orders, spend: x }
---
{ kind: lifetime, name: counts, fact: orders, experiment: test }
---
{ kind: touch, name: touches, source: s, customer: id, time: t, channel: c, content: piece }
---
{ kind: attribution, name: by-piece, by: content, conversion: { fact: orders, value: x, unit: money }, touches: [touches] }
---
{ kind: attribution, name: again, by: content, conversion: { fact: orders, value: x, unit: money }, touches: [touches] }
---
{ kind: attribution, name: by-channel, conversion: { fact: orders, value: x, unit: money }, touches: [touches] }
---
{ kind: attribution, name: numbers, by: content, conversion: { fact: orders }, touches: [touches] }
---
{ kind: content, name: letter }
---
";

fn project(documents: &str) -> Result<Catalog, Diagnostics> {
    let text = format!("{SHOP}{documents}");
    match load(&[("touchstone.yaml", "name: Shop"), ("catalog/a.yaml", &text)]) {
        Ok(catalog) => Ok(catalog),
        Err(LoadError::Invalid(diagnostics)) => Err(diagnostics),
        Err(other) => panic!("{other}"),
    }
}

/// The codes of the mistakes, with the text that each points at.
fn mistakes(documents: &str) -> Vec<(&'static str, String)> {
    let text = format!("{SHOP}{documents}");
    let line = |line: usize| text.lines().nth(line - 1).unwrap_or_default();
    match project(documents) {
        Ok(_) => Vec::new(),
        Err(found) => (found.diagnostics.iter())
            .map(|d| {
                let rest: String = line(d.place.line as usize)
                    .chars()
                    .skip(d.place.column as usize - 1)
                    .collect();
                let word = rest.split([',', ' ']).next().unwrap_or_default();
                (d.code, word.to_owned())
            })
            .collect(),
    }
}

fn initiative(keys: &str) -> String {
    format!("{{ kind: initiative, name: welcome, level: 4, content: [letter], {keys} }}")
}

#[test]
fn an_initiative_counts_by_lives_or_by_what_recurs() {
    let catalog = project(&initiative("lifetime: lives")).unwrap();
    let welcome = catalog.initiative("welcome").unwrap();
    assert_eq!(welcome.lifetime.as_deref(), Some("lives"));
    let recurs = "recurs: { every: 1 month, times: 3 }, lifetime: lives";
    assert_eq!(
        mistakes(&initiative(recurs)),
        [("counted-twice", "lives".to_owned())]
    );
}

#[test]
fn a_lifetime_that_counts_is_of_money_and_of_the_initiatives_own_experiment() {
    let cases = [
        ("lifetime: lifes", "unknown-name", "lifes"),
        ("lifetime: base", "lifetime", "base"),
        ("lifetime: counts", "lifetime", "counts"),
    ];
    for (keys, code, at) in cases {
        assert_eq!(
            mistakes(&initiative(keys)),
            [(code, at.to_owned())],
            "{keys}"
        );
    }
    let foreign = format!(
        "{}\n---\n{{ kind: initiative, name: foreign, level: 4, lifetime: lives }}",
        initiative("tags: [crm]")
    );
    assert_eq!(mistakes(&foreign), [("lifetime", "lives".to_owned())]);
}

#[test]
fn an_initiative_of_two_experiments_does_not_count_by_the_lives_of_one() {
    let again = "
---
kind: experiment
name: again
assignment: { source: s, customer: id, arm: arm, time: t }
arms: [{ name: none, role: generic }, { name: more, role: personalized, initiative: welcome }]
metrics: { primary: revenue }
";
    let found = mistakes(&format!("{}{again}", initiative("lifetime: lives")));
    assert_eq!(found, [("counted-twice", "lives".to_owned())]);
    assert!(mistakes(&format!("{}{again}", initiative("tags: [crm]"))).is_empty());
}

#[test]
fn content_counts_by_credit_once_and_where_nothing_measures_it() {
    let own = initiative("tags: [crm]");
    let with = |documents: &str| format!("{own}\n---\n{documents}");
    let piece = |name: &str, credit: &str| {
        format!("{{ kind: content, name: {name}, credit: {credit} }}\n---\n")
    };
    let good = with(&(piece("banner", "by-piece") + &piece("poster", "by-piece")));
    assert!(mistakes(&good).is_empty());
    for (credit, code) in [
        ("by-channel", "credit"),
        ("numbers", "credit"),
        ("nothing", "unknown-name"),
    ] {
        let document = with(&piece("banner", credit));
        assert_eq!(mistakes(&document), [(code, credit.to_owned())], "{credit}");
    }
    let two = with(&(piece("banner", "by-piece") + &piece("poster", "again")));
    assert_eq!(mistakes(&two), [("counted-twice", "again".to_owned())]);
    // An experiment measures what the letter brings.
    let shop = SHOP.replace("name: letter }", "name: letter, credit: by-piece }");
    let text = format!("{shop}{own}");
    let found = load(&[("touchstone.yaml", "name: Shop"), ("catalog/a.yaml", &text)]);
    let Err(LoadError::Invalid(found)) = found else {
        panic!("{found:?}");
    };
    let codes: Vec<&str> = found.diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["counted-twice"]);
    assert!(found.to_string().contains("welcome"), "{found}");
}
