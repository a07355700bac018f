//! Planning and sealing as a user meets them.

mod common;

use std::fs;
use std::path::Path;

use common::{shown, touchstone};
use serde_json::Value;
use tempfile::TempDir;

const CATALOG: &str = "
{ kind: source, name: customers, path: customers.csv, key: id }
---
{ kind: fact, name: outcome, source: customers, customer: id }
---
{ kind: metric, name: spend, fact: outcome, aggregate: sum, value: spend, unit: money, margin: 0.5 }
---
{ kind: initiative, name: email, level: 3 }
---
{ kind: cost, name: sending, initiative: email, amount: 0.02, per: customer }
---
kind: experiment
name: spring
hypothesis: It earns more
assignment: { source: customers, customer: id, arm: arm }
arms: [{ name: generic, role: generic }, { name: personal, role: personalized, initiative: email }]
metrics: { primary: spend }
plan: { minimum_effect: 0.05, looks: hybrid, customers: 60000 }
";

fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("catalog")).unwrap();
    fs::write(folder.path().join("touchstone.yaml"), "name: Shop\n").unwrap();
    fs::write(folder.path().join("catalog/spring.yaml"), CATALOG).unwrap();
    folder
}

fn at<'a>(folder: &'a Path, arguments: &[&'a str]) -> Vec<&'a str> {
    [&["-C", shown(folder)], arguments].concat()
}

fn printed(folder: &Path, arguments: &[&str]) -> String {
    common::printed(&at(folder, arguments))
}

fn complaint(folder: &Path, arguments: &[&str]) -> String {
    common::complaint(&at(folder, arguments))
}

#[test]
fn a_plan_says_how_large_an_experiment_has_to_be() {
    let folder = project();
    let given = [
        "plan",
        "spring",
        "--baseline-mean",
        "20",
        "--baseline-sd",
        "60",
        "--customers-a-day",
        "2500",
        "--weeks",
        "2",
    ];
    let text = printed(folder.path(), &given);
    for line in [
        "Hypothesis: It earns more",
        "Null hypothesis: the arms do not differ in the mean of `spend` per customer",
        "spend: mean 20.0000, standard deviation 60.0000, as given; 2,500 customers a day",
        "To find an effect of 5.0 % with a probability of 80 % at alpha 0.05:",
        "hybrid (the plan)",
        "Running it costs",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let mut as_json = given.to_vec();
    as_json.extend(["--format", "json"]);
    let finding: Value = serde_json::from_str(&printed(folder.path(), &as_json)).unwrap();
    assert_eq!(finding["format"], "touchstone.design/1");
    // 4 (1.96 + 0.8416)^2 60^2 / 1^2, rounded up.
    let fixed = finding["sizes"][0]["customers"].as_u64().unwrap();
    assert!((113_020..113_040).contains(&fixed), "{fixed}");
    assert_eq!(finding["sizes"][0]["intake_days"], 46);
    assert_eq!(finding["curve"].as_array().unwrap().len(), 2);
    let treated = finding["sizes"][1]["by_arm"][1].as_f64().unwrap();
    let delivery = finding["cost"]["delivery"].as_f64().unwrap();
    assert!((delivery - 0.02 * treated).abs() < 1e-6);

    let wrong = complaint(folder.path(), &["plan", "sprin"]);
    assert!(wrong.contains("did you mean `spring`?"), "{wrong}");
    let alone = touchstone(&at(
        folder.path(),
        &["plan", "spring", "--baseline-sd", "3"],
    ));
    assert_eq!(alone.status.code(), Some(2));
    let alone = common::text(&alone.stderr);
    assert!(alone.contains("--baseline-mean"), "{alone}");
    let half = complaint(folder.path(), &["plan", "spring", "--baseline-mean", "3"]);
    assert!(half.contains("without its standard deviation"), "{half}");
}

#[test]
fn a_seal_is_kept_and_shown_in_the_measurement() {
    let folder = project();
    let at = folder.path();
    let first = printed(at, &["seal", "spring"]);
    assert!(first.starts_with("spring sealed on 20"), "{first}");
    let again = printed(at, &["seal", "spring"]);
    assert!(again.contains("was sealed already"), "{again}");
    let changed = CATALOG.replace("minimum_effect: 0.05", "minimum_effect: 0.1");
    fs::write(at.join("catalog/spring.yaml"), changed).unwrap();
    let refused = complaint(at, &["seal", "spring"]);
    assert!(
        refused.contains("`experiment/plan/minimum_effect` changed")
            && refused.contains("--reason"),
        "{refused}"
    );
    let mut rows = "id,arm,spend\n".to_owned();
    for id in 0..400 {
        let arm = ["generic", "personal"][id % 2];
        rows.push_str(&format!("{id},{arm},{}\n", 10 + id % 7));
    }
    fs::write(at.join("customers.csv"), rows).unwrap();
    let measure = ["measure", "audience", "spring", "--format", "json"];
    let finding: Value = serde_json::from_str(&printed(at, &measure)).unwrap();
    let deviation = &finding["plan"]["deviations"][0];
    assert_eq!(deviation["path"], "experiment/plan/minimum_effect");
    assert_eq!(
        (&deviation["sealed"], &deviation["current"]),
        (&"0.05".into(), &"0.1".into())
    );
    assert_eq!(
        finding["metrics"][0]["looking"]["decision"]["state"],
        "running"
    );

    let resealed = printed(
        at,
        &["seal", "spring", "--reason", "five per cent is too little"],
    );
    assert!(
        resealed.contains("changed: experiment/plan/minimum_effect"),
        "{resealed}"
    );
    let path = at.join("seals.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2);
    fs::write(&path, text.replace("0.05", "0.06")).unwrap();
    let broken = complaint(at, &measure);
    assert!(
        broken.contains("seals.jsonl:1: the line was changed"),
        "{broken}"
    );
}

#[test]
fn of_summaries_there_is_nothing_to_plan_or_seal() {
    let folder = project();
    let summaries = "
{ kind: source, name: exported, path: exported.csv }
---
kind: summaries
name: welcome
source: exported
experiment: test
arm: arm
holds: { n: shown, successes: clicked }
";
    fs::write(folder.path().join("catalog/welcome.yaml"), summaries).unwrap();
    for arguments in [
        ["plan", "welcome"].as_slice(),
        &["seal", "welcome"],
        &["measure", "audience", "welcome", "--replay", "10"],
    ] {
        let said = complaint(folder.path(), arguments);
        assert!(
            said.contains("only summaries are known of `welcome`")
                && said.contains("`touchstone measure audience welcome`"),
            "{said}"
        );
    }
}
