//! Data with faults, through the command: each gets a typed reason or the right answer, in JSON and on the page, and
//! takes no other experiment with it.

mod common;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use common::{complaint, printed, shown};
use serde_json::Value;

/// Customers of an experiment, by arm and amount.
struct Experiment {
    name: &'static str,
    customers: Vec<(&'static str, String)>,
}

fn arm(name: &'static str, amounts: &[&str]) -> Vec<(&'static str, String)> {
    let amounts = amounts.iter();
    amounts.map(|amount| (name, (*amount).to_owned())).collect()
}

fn experiments() -> Vec<Experiment> {
    let of = |name, a: &[&str], b: &[&str]| Experiment {
        name,
        customers: [arm("a", a), arm("b", b)].concat(),
    };
    let fine = ["4", "6", "5", "7", "3", "5"];
    let more = ["8", "9", "7", "9", "8", "10"];
    let mut unnamed = of("unnamed-arm", &fine, &more);
    unnamed.customers.extend(arm("c", &["1000", "2000"]));
    vec![
        of("sound", &fine, &more),
        of("empty-arm", &fine, &[]),
        of("one-customer", &["4"], &["6"]),
        of("constant", &["5"; 6], &["5"; 6]),
        of("constant-apart", &["5"; 6], &["6"; 6]),
        of("all-missing", &[""; 6], &[""; 6]),
        of("not-a-number", &fine, &["8", "nan", "7", "9", "8", "10"]),
        of("infinite", &["4", "6", "inf", "7", "3", "5"], &more),
        of(
            "negative",
            &["-9", "-10", "-11", "-10", "-12", "-10"],
            &["-1", "-2", "-3", "-2", "-1", "-3"],
        ),
        of("zero-baseline", &["0"; 6], &more),
        unnamed,
    ]
}

fn write(folder: &Path) {
    let mut customers = "id,experiment,arm,amount\n".to_owned();
    let mut documents = "\
{ kind: source, name: customers, path: customers.csv, key: id, types: { amount: DOUBLE } }
---
{ kind: fact, name: outcome, source: customers, customer: id }
---
{ kind: metric, name: spend, fact: outcome, aggregate: sum, value: amount, unit: money }
---
{ kind: metric, name: largest, fact: outcome, aggregate: max, value: amount, unit: money }
"
    .to_owned();
    let mut id = 0;
    for experiment in experiments() {
        let name = experiment.name;
        for (arm, amount) in &experiment.customers {
            id += 1;
            writeln!(customers, "{id},{name},{arm},{amount}").unwrap();
        }
        writeln!(
            documents,
            "---\nkind: experiment\nname: {name}\n\
             assignment: {{ source: customers, customer: id, arm: arm, where: experiment = '{name}' }}\n\
             arms: [{{ name: a, role: generic }}, {{ name: b, role: personalized }}]\n\
             metrics: {{ primary: largest, secondary: [spend] }}"
        )
        .unwrap();
    }
    fs::create_dir(folder.join("catalog")).unwrap();
    fs::write(
        folder.join("touchstone.yaml"),
        "name: Faults\nmargin: 0.5\n",
    )
    .unwrap();
    fs::write(folder.join("catalog/all.yaml"), documents).unwrap();
    fs::write(folder.join("customers.csv"), customers).unwrap();
}

#[test]
fn every_fault_has_a_typed_reason_or_the_right_answer() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let all: Value = serde_json::from_str(&printed(&[
        "-C",
        shown(folder.path()),
        "measure",
        "audience",
        "--format",
        "json",
    ]))
    .unwrap();
    let find = |name: &str| {
        let findings = all["experiments"].as_array().unwrap();
        let mut findings = findings.iter();
        findings.find(|lift| lift["experiment"] == name).unwrap()
    };
    let primary = |name: &str| &find(name)["metrics"][0];
    let estimate = |name: &str| primary(name)["absolute"]["estimate"].as_f64();

    assert_eq!(estimate("sound"), Some(3.5));
    for (name, reason) in [
        ("empty-arm", "too_little_data"),
        ("one-customer", "too_little_data"),
        ("constant-apart", "too_little_data"),
        ("all-missing", "too_little_data"),
        ("not-a-number", "unfit_data"),
        ("infinite", "unfit_data"),
    ] {
        let finding = primary(name);
        assert_eq!(finding["refusal"]["reason"], reason, "{name}: {finding}");
        assert!(estimate(name).is_none(), "{name}: {finding}");
        assert!(finding["verdict"].is_null(), "{name}: {finding}");
    }
    assert_eq!(primary("constant")["p_value"], 1.0);
    assert_eq!(primary("constant")["verdict"], "unclear");

    // 8.33 more than -10.33: a relative effect with the sign of the absolute one.
    let negative = primary("negative");
    assert!((estimate("negative").unwrap() - (62.0 - 12.0) / 6.0).abs() < 1e-12);
    assert!(negative["relative"]["estimate"].as_f64().unwrap() > 0.0);
    let over_nothing = primary("zero-baseline");
    assert_eq!(estimate("zero-baseline"), Some(8.5));
    assert!(over_nothing["relative"]["estimate"].is_null());
    // Customers of an arm that nobody declared do not count, and are counted.
    assert_eq!(estimate("unnamed-arm"), Some(3.5));
    let left_out = &find("unnamed-arm")["customers"]["not_counted"][0];
    assert_eq!(left_out["number"], 2);
    assert!(left_out["reason"].as_str().unwrap().contains("`c`"));
}

#[test]
fn a_page_of_faults_shows_reasons_and_no_broken_number() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let page = folder.path().join("page.html");
    printed(&[
        "-C",
        shown(folder.path()),
        "report",
        "--replay",
        "20",
        "-o",
        shown(&page),
    ]);
    let html = fs::read_to_string(&page).unwrap();
    for experiment in experiments() {
        assert!(
            html.contains(&format!("Experiment {}", experiment.name)),
            "{}",
            experiment.name
        );
        assert!(
            html.contains(&format!("Replay of {}", experiment.name)),
            "{}",
            experiment.name
        );
    }
    for broken in [">NaN", "NaN<", ">inf", "inf<", "∞"] {
        assert!(!html.contains(broken), "{broken}");
    }
    assert!(html.contains("No two experiments share customers."));
}

const ATTRIBUTIONS: &str = "\
{ kind: source, name: touches, path: touches.csv }
---
{ kind: source, name: orders, path: orders.csv }
---
{ kind: source, name: nothing, path: nothing.csv }
---
{ kind: touch, name: touches, source: touches, customer: who, time: at, channel: channel }
---
{ kind: fact, name: order, source: orders, customer: who, time: at }
---
{ kind: fact, name: none, source: nothing, customer: who, time: at }
---
{ kind: attribution, name: sound, conversion: { fact: order, value: amount, unit: money }, touches: [touches] }
---
{ kind: attribution, name: empty, conversion: { fact: none, value: amount, unit: money }, touches: [touches] }
";

/// A file without rows takes no other attribution with it; a column that is not there is named with the document's line.
#[test]
fn attributions_without_data_or_with_wrong_columns() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("touchstone.yaml", "name: Faults\nmargin: 0.5\n"),
        (
            "touches.csv",
            "who,at,channel\n1,2024-01-01 00:00:00,email\n",
        ),
        ("orders.csv", "who,at,amount\n1,2024-01-02 00:00:00,40\n"),
        ("nothing.csv", "who,at,amount\n"),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    fs::create_dir(folder.path().join("catalog")).unwrap();
    let catalog = folder.path().join("catalog/credit.yaml");
    fs::write(&catalog, ATTRIBUTIONS).unwrap();
    let at = ["-C", shown(folder.path())];
    let all = printed(&[at[0], at[1], "measure", "content", "--format", "json"]);
    let all: Value = serde_json::from_str(&all).unwrap();
    let [sound, empty] = [0, 1].map(|place| &all["attributions"][place]);
    assert_eq!(sound["totals"]["credited_value"], 40.0);
    assert_eq!(empty["refusal"]["reason"], "too_little_data");
    let page = folder.path().join("report.html");
    printed(&[at[0], at[1], "report", "--output", shown(&page)]);
    assert!(
        fs::read_to_string(&page)
            .unwrap()
            .contains("Attribution: sound")
    );

    fs::write(&catalog, ATTRIBUTIONS.replacen("amount", "amout", 1)).unwrap();
    let said = complaint(&[at[0], at[1], "measure", "content", "sound"]);
    let line = "catalog/credit.yaml:13:47: attribution `sound`, conversion: `order` has no column `amout`; did you mean \
                `amount`?";
    assert!(said.contains(line), "{said}");
}
