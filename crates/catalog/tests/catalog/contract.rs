use std::fs;
use std::path::Path;

use catalog::{
    Aggregate, Better, Catalog, Covariate, Format, LoadError, Location, Per, Role, Scalar,
    SeveralArms, Unit,
};
use rust_decimal::Decimal;

use crate::load;

const PROJECT: &str = "\
name: Hillstrom
currency: USD
time_zone: UTC
margin: 0.5            # contribution margin on revenue where a metric names none
discount_rate: 0.10    # a year
lake: ./lake
";

const HILLSTROM: &str = "\
kind: source
name: hillstrom
path: ${TOUCHSTONE_TEST_DATA}/hillstrom.csv   # file, folder, glob or URL
row_id: customer_id                            # adds a row number where there is no key
---
kind: fact
name: outcome
source: hillstrom                              # or  sql: SELECT ... FROM any source
customer: customer_id
# time: column, where the fact has one
---
{ kind: metric, name: visit,      fact: outcome, aggregate: max, value: visit, unit: share }
---
{ kind: metric, name: conversion, fact: outcome, aggregate: max, value: conversion, unit: share }
---
{ kind: metric, name: spend,      fact: outcome, aggregate: sum, value: spend, unit: money }
---
{ kind: team, name: crm }
---
{ kind: initiative, name: womens-email, team: crm, level: 3 }
---
{ kind: initiative, name: mens-email,   team: crm, level: 3 }
---
kind: experiment
name: email-2008
hypothesis: A merchandise e-mail raises two-week spend per customer
assignment: { source: hillstrom, customer: customer_id, arm: segment }   # and time: where there is one
arms:
  - { name: none,   value: No E-Mail,     role: generic }
  - { name: mens,   value: Mens E-Mail,   role: personalized, initiative: mens-email }
  - { name: womens, value: Womens E-Mail, role: personalized, initiative: womens-email }
metrics: { primary: spend, secondary: [visit, conversion] }
covariates: [history, recency]       # columns known before assignment, or a metric over a pre-period
segments: [newbie, channel]
---
{ kind: cost, name: sending,  initiative: womens-email, amount: 0.02, per: customer }
---
{ kind: cost, name: creative, initiative: womens-email, amount: 500,  per: once }
---
{ kind: cost, name: sending,  initiative: mens-email, amount: 0.02, per: customer }
";

fn hillstrom() -> Catalog {
    load(&[
        ("touchstone.yaml", PROJECT),
        ("catalog/hillstrom.yaml", HILLSTROM),
    ])
    .unwrap()
}

#[test]
fn reads_the_settings() {
    let catalog = hillstrom();
    let project = catalog.project();
    assert_eq!(
        (project.name.as_str(), project.currency.as_str()),
        ("Hillstrom", "USD")
    );
    assert_eq!((project.margin, project.discount_rate), (Some(0.5), 0.10));
    assert_eq!(project.engine, catalog::Engine::default());
    assert_eq!(catalog.root(), Path::new("shop"));
    assert_eq!(catalog.lake(), Path::new("shop/lake"));
    assert_eq!(catalog.warnings(), []);
}

#[test]
fn reads_the_documents_in_order() {
    let catalog = hillstrom();
    let names: Vec<&str> = catalog
        .metrics()
        .map(|metric| metric.name.as_str())
        .collect();
    assert_eq!(names, ["visit", "conversion", "spend"]);
    assert_eq!(catalog.documents().len(), 12);

    let source = catalog.source("hillstrom").unwrap();
    assert_eq!(
        source.path.as_deref(),
        Some("${TOUCHSTONE_TEST_DATA}/hillstrom.csv")
    );
    assert_eq!(
        catalog.location(source),
        Some(&Location::Local("/data/hillstrom.csv".into()))
    );
    assert_eq!(source.row_id.as_deref(), Some("customer_id"));
    assert_eq!(
        catalog.fact("outcome").unwrap().source.as_deref(),
        Some("hillstrom")
    );

    let spend = catalog.metric("spend").unwrap();
    assert_eq!(
        (spend.aggregate, spend.unit, spend.better),
        (Aggregate::Sum, Unit::Money, Better::Increase)
    );
    assert!(spend.absent_is_zero() && !catalog.metric("visit").unwrap().absent_is_zero());
    assert_eq!(catalog.margin_of(spend), Some(0.5));
    assert_eq!(catalog.initiative("mens-email").unwrap().level, 3);
    assert!(catalog.team("crm").is_some() && catalog.team("web").is_none());
}

#[test]
fn reads_the_experiment() {
    let catalog = hillstrom();
    let experiment = catalog.experiment("email-2008").unwrap();
    assert_eq!(
        experiment.metric_names().collect::<Vec<_>>(),
        ["spend", "visit", "conversion"]
    );
    assert_eq!(
        experiment.arms[0].value,
        Some(Scalar::Text("No E-Mail".to_owned()))
    );
    assert_eq!(experiment.arms[0].name, "none");
    assert_eq!(experiment.arms[2].role, Role::Personalized);
    assert_eq!(experiment.reference().unwrap().name, "none");
    assert_eq!(
        experiment.covariates[1],
        Covariate::Column("recency".to_owned())
    );
    assert_eq!(experiment.segments, ["newbie", "channel"]);
    assert_eq!(
        (experiment.alpha, experiment.several_arms),
        (0.05, SeveralArms::First)
    );
}

#[test]
fn costs_are_exact_and_belong_to_initiatives() {
    let catalog = hillstrom();
    let costs: Vec<_> = catalog
        .costs_of("womens-email")
        .map(|cost| (cost.name.as_str(), cost.amount, cost.per))
        .collect();
    let cents = Decimal::new(2, 2);
    assert_eq!(
        costs,
        [
            ("sending", cents, Per::Customer),
            ("creative", Decimal::from(500), Per::Once)
        ]
    );
    assert_eq!(catalog.costs_of("mens-email").count(), 1);

    let amount = |text: &str| {
        let costs = format!(
            "{{ kind: initiative, name: a, level: 1 }}\n---\n{{ kind: cost, name: c, initiative: a, amount: {text}, per: once }}"
        );
        let catalog = load(&[("touchstone.yaml", "name: x"), ("catalog/a.yaml", &costs)]).unwrap();
        catalog.costs().next().unwrap().amount.to_string()
    };
    // No f64 holds these.
    assert_eq!(amount("0.1"), "0.1");
    assert_eq!(
        amount("1234567890123456789.123456789"),
        "1234567890123456789.123456789"
    );
    assert_eq!(amount("5e2"), "500");
    assert_eq!(amount("0.10"), "0.1");
}

#[test]
fn texts_stay_texts() {
    let arms = |values: &str| {
        let text = format!(
            "{{ kind: source, name: s, path: a.csv }}\n---\n\
             {{ kind: fact, name: f, source: s, customer: c }}\n---\n\
             {{ kind: metric, name: m, fact: f, aggregate: count }}\n---\n\
             {{ kind: experiment, name: e, assignment: {{ source: s, customer: c, arm: a }}, arms: [{values}], \
             metrics: {{ primary: m }} }}"
        );
        let catalog = load(&[("touchstone.yaml", "name: no"), ("catalog/a.yaml", &text)]).unwrap();
        assert_eq!(catalog.project().name, "no");
        let experiment = catalog.experiment("e").unwrap().clone();
        experiment
            .arms
            .iter()
            .map(|arm| arm.column_value())
            .collect::<Vec<_>>()
    };
    let text = |text: &str| Scalar::Text(text.to_owned());
    assert_eq!(
        arms(
            "{ name: a, value: no, role: generic }, { name: b, value: on, role: shuffled }, \
              { name: c, value: 2008-03-01, role: shuffled }, { name: off, role: shuffled }"
        ),
        [text("no"), text("on"), text("2008-03-01"), text("off")]
    );
    assert_eq!(
        arms(
            "{ name: a, value: 0, role: generic }, { name: b, value: 1.5, role: shuffled }, \
              { name: c, value: true, role: shuffled }, { name: d, value: '007', role: shuffled }"
        ),
        [
            Scalar::Integer(0),
            Scalar::Number(1.5),
            Scalar::Bool(true),
            text("007")
        ]
    );
}

#[test]
fn the_hash_is_of_what_is_declared() {
    let hash = |project: &str, files: &[(&str, &str)]| {
        let files: Vec<_> = [("touchstone.yaml", project)]
            .into_iter()
            .chain(files.iter().copied())
            .collect();
        load(&files).unwrap().definitions_hash()
    };
    let original = hash(PROJECT, &[("catalog/hillstrom.yaml", HILLSTROM)]);
    assert_eq!(original.len(), 64);
    assert!(original.bytes().all(|b| b.is_ascii_hexdigit()));

    let documents: Vec<&str> = HILLSTROM.split("---\n").collect();
    let reversed: String = documents
        .iter()
        .rev()
        .map(|document| format!("---\n# moved\n{document}"))
        .collect();
    assert_eq!(hash(PROJECT, &[("catalog/z.yaml", &reversed)]), original);
    let (first, second) = HILLSTROM.split_at(HILLSTROM.find("---\nkind: experiment").unwrap());
    assert_eq!(
        hash(
            PROJECT,
            &[("catalog/b.yaml", first), ("catalog/a.yaml", second)]
        ),
        original
    );
    let crlf = HILLSTROM.replace('\n', "\r\n").replace("0.02", "0.020");
    assert_eq!(
        hash(PROJECT, &[("catalog/hillstrom.yaml", &crlf)]),
        original
    );
    assert_eq!(
        hash(
            &PROJECT.replace("./lake", "./other"),
            &[("catalog/a.yaml", HILLSTROM)]
        ),
        original
    );

    let changed = HILLSTROM.replace(
        "0.02, per: customer }\n---\n{ kind: cost, name: creative",
        "0.03, per: customer }\n---\n{ kind: cost, name: creative",
    );
    assert_ne!(
        hash(PROJECT, &[("catalog/hillstrom.yaml", &changed)]),
        original
    );
    assert_ne!(
        hash(
            &PROJECT.replace("0.10", "0.11"),
            &[("catalog/hillstrom.yaml", HILLSTROM)]
        ),
        original
    );
}

#[test]
fn reads_the_files_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let error = Catalog::load(root).unwrap_err();
    assert!(matches!(error, LoadError::NoProject(_)));
    assert!(error.to_string().contains("touchstone init"), "{error}");

    write("touchstone.yaml", "\u{feff}name: Shop\n");
    assert_eq!(Catalog::load(root).unwrap().documents(), []);

    write("catalog/b.yaml", "{ kind: team, name: b }");
    write(
        "catalog/a/deep.yml",
        "{ kind: team, name: a }\n---\n# nothing\n---\n",
    );
    write("catalog/.hidden.yaml", "nonsense");
    write("catalog/.git/x.yaml", "nonsense");
    write("catalog/notes.txt", "nonsense");
    let catalog = Catalog::load(root).unwrap();
    let teams: Vec<&str> = catalog.teams().map(|team| team.name.as_str()).collect();
    assert_eq!(teams, ["a", "b"]);

    write("catalog/c.yaml", "{ kind: teem, name: c }");
    let error = Catalog::load(root).unwrap_err().to_string();
    let expected = format!(
        "{}:1:9: error[unknown-kind]",
        root.join("catalog/c.yaml").display()
    );
    assert!(error.starts_with(&expected), "{error}");
}

#[test]
fn formats_follow_file_names() {
    let cases = [
        ("a.csv", Some(Format::Csv)),
        ("a/*.CSV.GZ", Some(Format::Csv)),
        ("a.tsv.zst", Some(Format::Tsv)),
        ("s3://b/a.parquet", Some(Format::Parquet)),
        ("https://h/a.csv.gz?key=a.xlsx", Some(Format::Csv)),
        ("a.ndjson", Some(Format::Jsonl)),
        ("a.json", Some(Format::Jsonl)),
        ("a.txt", Some(Format::Csv)),
        ("a.TAB", Some(Format::Tsv)),
        ("a.pq", Some(Format::Parquet)),
        ("a.xlsx", Some(Format::Xlsx)),
        ("folder", None),
        ("a.gz", None),
        ("a.dat", None),
        ("csv", None),
    ];
    for (path, format) in cases {
        assert_eq!(Format::of_path(path), format, "{path}");
    }
}
