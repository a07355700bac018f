//! Numbers that documents name as a column or in SQL: what is no column is said with the nearest one, and a column whose
//! name is a word of SQL is read as the column.

mod common;

use catalog::Catalog;
use common::Project;
use lake::Lake;
use measure::MeasureError;
use measure::audience::lifetime;
use measure::content::{attribution, performance};

const DOCUMENTS: &str = "
{ kind: source, name: rows, path: rows.csv }
---
{ kind: source, name: shown, path: shown.csv }
---
{ kind: fact, name: orders, source: rows, customer: who, time: day }
---
{ kind: touch, name: shown, source: shown, customer: who, time: at, channel: channel, content: item }
---
";

/// Ten customers who saw an item and bought for ten two days later; `end` is the amount under a word of SQL.
fn project() -> Project {
    let (mut rows, mut shown) = (
        "who,day,amount,end\n".to_owned(),
        "who,at,channel,item\n".to_owned(),
    );
    for who in 0..10 {
        rows += &format!("{who},2024-05-03,10,10\n");
        shown += &format!("{who},2024-05-01 10:00:00,web,a\n");
    }
    rows += "nobody,2024-06-30,1,1\n";
    Project::new()
        .file("rows.csv", &rows)
        .file("shown.csv", &shown)
}

fn measured<T>(
    project: &Project,
    document: &str,
    measure: impl Fn(&Catalog, &mut Lake) -> Result<T, MeasureError>,
) -> Result<T, String> {
    let catalog = project.catalog(&format!("{DOCUMENTS}{document}"));
    let mut lake = Lake::open(&catalog, None).unwrap();
    measure(&catalog, &mut lake).map_err(|error| error.to_string())
}

fn of_lifetime(spend: &str) -> Result<(), String> {
    let document = format!("{{ kind: lifetime, name: q, fact: orders, spend: {spend} }}");
    measured(&project(), &document, |catalog, lake| {
        lifetime(catalog, lake, catalog.lifetimes().next().unwrap())
    })
    .map(|_| ())
}

fn of_attribution(value: &str) -> Result<f64, String> {
    let document = format!(
        "{{ kind: attribution, name: q, conversion: {{ fact: orders, value: {value}, unit: money }}, touches: [shown] }}"
    );
    measured(&project(), &document, |catalog, lake| {
        attribution(catalog, lake, catalog.attributions().next().unwrap())
    })
    .map(|finding| finding.totals.credited_value.unwrap())
}

fn of_performance(value: &str) -> Result<f64, String> {
    let document = format!(
        "{{ kind: metric, name: m, fact: orders, aggregate: sum, value: {value}, unit: money }}\n---\n\
         {{ kind: performance, name: q, touches: shown, outcome: {{ metric: m, within: 7 days }} }}"
    );
    measured(&project(), &document, |catalog, lake| {
        performance(catalog, lake, catalog.performances().next().unwrap())
    })
    .map(|finding| finding.items[0].total)
}

#[test]
fn a_column_that_is_not_there_is_said_with_the_nearest() {
    let nearest = "`orders` has no column `amuont`; did you mean `amount`?";
    let said = |place: &str| Err(format!("{place}: {nearest}"));
    assert_eq!(
        of_lifetime("amuont").map(|()| 0.0),
        said("lifetime `q`, spend")
    );
    assert_eq!(
        of_attribution("amuont"),
        said("attribution `q`, conversion")
    );
    assert_eq!(
        of_performance("amuont"),
        said("performance `q`, metric `m`")
    );
    assert_eq!(
        of_attribution("amuont * 2"),
        said("attribution `q`, conversion")
    );
    // SQL is shown as it was written, on one line.
    let error = of_attribution("amount *").unwrap_err();
    assert!(
        error.starts_with("attribution `q`, conversion: `amount *`: "),
        "{error}"
    );
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn a_column_with_the_name_of_a_word_of_sql_is_the_column() {
    assert!(of_lifetime("end").is_ok());
    assert_eq!(of_attribution("end"), Ok(100.0));
    assert_eq!(of_performance("end"), Ok(100.0));
    // SQL over columns goes on as it did.
    assert_eq!(of_attribution("amount * 2"), Ok(200.0));
    // A column of something else than numbers is said as that.
    let error = of_attribution("day").unwrap_err();
    assert!(error.contains("is DATE, not a number"), "{error}");
}

#[test]
fn metrics_name_columns_alike() {
    let project = Project::new()
        .file("a.csv", "who,arm\n1,g\n2,g\n3,p\n4,p\n5,g\n6,p\n")
        .file("rows.csv", "who,end\n1,10\n2,20\n3,30\n4,40\n");
    let document = |value: &str, aggregate: &str| {
        format!(
            "{{ kind: source, name: a, path: a.csv }}\n---\n{{ kind: source, name: rows, path: rows.csv }}\n---\n\
             {{ kind: fact, name: orders, source: rows, customer: who }}\n---\n\
             {{ kind: metric, name: m, fact: orders, aggregate: {aggregate}, value: {value}, unit: number }}\n---\n\
             kind: experiment\nname: test\nassignment: {{ source: a, customer: who, arm: arm }}\n\
             arms: [{{ name: g, role: generic }}, {{ name: p, role: personalized }}]\nmetrics: {{ primary: m }}\n"
        )
    };
    for aggregate in ["sum", "mean", "max"] {
        assert!(project.measure(&document("end", aggregate)).is_ok());
    }
    let error = project
        .measure(&document("ends", "sum"))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "metric `m`, value: `orders` has no column `ends`; did you mean `end`?"
    );
}
