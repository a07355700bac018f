//! What queries in the catalog may read and call.

mod common;

use common::{Project, rows};
use lake::{Lake, LakeError};

const PLACE: &str = "fact `f`";

/// Two sources and a file that is none.
fn project() -> Project {
    let project = Project::new(
        "name: shop",
        "{kind: source, name: orders, path: orders.csv}\n---\n{kind: source, name: order-lines, path: lines.csv}",
    );
    project
        .write("orders.csv", "id,day\n1,2024-01-01\n2,2024-01-02\n")
        .write("lines.csv", "id,n\n1,5\n")
        .write("other.csv", "id\n7\n");
    project
}

fn define(project: &Project, query: &str) -> Result<Lake, LakeError> {
    let mut lake = project.open();
    lake.define_read(&project.catalog, PLACE, &lake::sql::condition(query))?;
    Ok(lake)
}

#[test]
fn the_sources_that_a_query_reads_are_those_that_are_pinned() {
    let project = project();
    let cases: [(&str, &[&str], usize); 10] = [
        ("SELECT * FROM orders -- not order-lines", &["orders"], 2),
        ("FROM Source.Orders", &["orders"], 2),
        (
            "SELECT id FROM \"order-lines\" JOIN orders USING (id)",
            &["order-lines", "orders"],
            1,
        ),
        (
            "SELECT (SELECT max(n) FROM \"order-lines\") AS n",
            &["order-lines"],
            1,
        ),
        (
            "WITH a AS (FROM orders), b AS (FROM A) SELECT * FROM b",
            &["orders"],
            2,
        ),
        (
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 4) FROM r",
            &[],
            4,
        ),
        (
            "SELECT * FROM range(3), generate_series(1, 2), unnest([1, 2])",
            &[],
            12,
        ),
        (
            "SELECT unnest([1, 2, 3]) AS a, age(DATE '2024-01-01', DATE '2023-01-01')",
            &[],
            3,
        ),
        (
            "SELECT * FROM orders PIVOT (count(*) FOR day IN (DATE '2024-01-01'))",
            &["orders"],
            2,
        ),
        (
            "SELECT CASE WHEN id > 9 THEN error('too many') ELSE id END AS id FROM orders",
            &["orders"],
            2,
        ),
    ];
    for (query, sources, count) in cases {
        let lake = define(&project, query).unwrap_or_else(|error| panic!("{query}: {error}"));
        let read: Vec<String> = lake
            .versions()
            .into_iter()
            .map(|read| read.source)
            .collect();
        assert_eq!(read, sources, "{query}");
        let all = format!("SELECT * FROM {}", lake::sql::condition(query));
        assert_eq!(rows(&lake, &all).len(), count, "{query}");
    }
}

#[test]
fn a_query_that_no_result_could_name_or_repeat_is_refused() {
    let project = project();
    let file = project.path("other.csv");
    let file = file.display();
    let cases = [
        (format!("SELECT * FROM '{file}'"), "is not a source"),
        (
            format!("SELECT id FROM orders WHERE id IN (FROM '{file}')"),
            "is not a source",
        ),
        ("FROM other.csv".to_owned(), "`other.csv` is not a source"),
        (
            "WITH a AS (WITH \"other.csv\" AS (SELECT 1) SELECT 1) FROM \"other.csv\"".to_owned(),
            "is not a source",
        ),
        (
            format!("SELECT * FROM read_csv('{file}')"),
            "`read_csv` reads what",
        ),
        (format!("SELECT * FROM READ_TEXT('{file}')"), "reads what"),
        ("FROM glob('*')".to_owned(), "`glob` reads what"),
        ("FROM query('SELECT 1')".to_owned(), "`query` reads what"),
        (
            "FROM lake.main.orders".to_owned(),
            "`lake.main.orders` is not a source",
        ),
        (
            "SELECT *, random() AS r FROM orders".to_owned(),
            "`random()` has another value",
        ),
        (
            "SELECT * FROM orders ORDER BY UUID()".to_owned(),
            "`uuid()` has another value",
        ),
        (
            "SELECT * FROM orders WHERE day < now()".to_owned(),
            "`now()` has another value",
        ),
        (
            "SELECT * FROM orders WHERE day < current_date".to_owned(),
            "`current_date` has another value",
        ),
        (
            "SELECT age(day) AS a FROM orders".to_owned(),
            "`age(...)` has another value",
        ),
        (
            "SELECT * FROM orders USING SAMPLE 1".to_owned(),
            "`SAMPLE` has another value",
        ),
        (
            "PIVOT orders ON day USING count(*)".to_owned(),
            "`IN (...)`",
        ),
    ];
    for (query, said) in cases {
        let Err(error) = define(&project, &query) else {
            panic!("{query} is not refused");
        };
        assert!(
            matches!(error, LakeError::Unrepeatable { .. }),
            "{query}: {error}"
        );
        let error = error.to_string();
        assert!(
            error.starts_with("fact `f`: ") && error.contains(said),
            "{query}: {error}"
        );
    }
    let error = define(&project, "SELEC 1")
        .err()
        .map(|error| error.to_string());
    assert!(
        error
            .is_some_and(|error| error.starts_with("fact `f`: ") && error.contains("syntax error"))
    );
}
