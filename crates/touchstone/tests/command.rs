//! The command as a user meets it.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{complaint, printed, shown, text, touchstone};
use serde_json::Value;
use tempfile::TempDir;

fn json(arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.extend(["--format", "json"]);
    serde_json::from_str(&printed(&all)).unwrap()
}

fn started(folder: &TempDir) -> PathBuf {
    let project = folder.path().join("shop");
    printed(&["init", project.to_str().unwrap()]);
    project
}

#[test]
fn a_started_project_is_measured_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let project = started(&folder);
    let at = ["-C", shown(&project)];
    assert!(printed(&[at[0], at[1], "check"]).contains("1 experiment, no mistakes"));
    assert_eq!(
        json(&[at[0], at[1], "check"])["format"],
        "touchstone.check/1"
    );
    let finding = json(&[at[0], at[1], "measure", "audience", "welcome-back-test"]);
    assert_eq!(finding["format"], "touchstone.lift/1");
    assert_eq!(finding["metrics"][0]["metric"], "revenue");
    assert!(finding["metrics"][0]["absolute"]["se"].as_f64().unwrap() > 0.0);
    assert!(
        finding["metrics"][0]["adjusted"]["variance_reduction"]
            .as_f64()
            .unwrap()
            > 0.0
    );
    let ledger = json(&[at[0], at[1], "roi"]);
    let initiative = &ledger["initiatives"][0];
    let (increment, cost) = (
        initiative["increment"].as_f64().unwrap(),
        initiative["cost"].as_f64().unwrap(),
    );
    assert!((initiative["net"].as_f64().unwrap() - (increment - cost)).abs() < 1e-9);
    assert_eq!(initiative["grade"], "A");
    assert_eq!(ledger["total"]["net"], initiative["net"]);
    let again = touchstone(&["init", shown(&project)]);
    assert_eq!(again.status.code(), Some(1));
}

#[test]
fn the_report_is_one_file_without_references_outside() {
    let folder = tempfile::tempdir().unwrap();
    let project = started(&folder);
    let page = folder.path().join("out.html");
    printed(&["-C", shown(&project), "report", "--output", shown(&page)]);
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("welcome-back"));
    for outside in [
        "src=\"http",
        "href=\"http",
        "url(http",
        "@import",
        "src=\"//",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn the_report_is_written_over_a_report_only() {
    let folder = tempfile::tempdir().unwrap();
    let project = started(&folder);
    let mine = folder.path().join("mine.txt");
    fs::write(&mine, "mine\n").unwrap();
    let own = folder.path().join("index.html");
    fs::write(&own, "<!DOCTYPE html>\n<h1>My own page</h1>").unwrap();
    let files = [
        (project.join("data/customers.csv"), "the data of source"),
        (
            project.join("catalog/example.yaml"),
            "folder of the catalog",
        ),
        (project.join("catalog/new.html"), "folder of the catalog"),
        (project.join("touchstone.yaml"), "project's settings"),
        (mine, "does not begin with `<!doctype html>"),
        (own, "A report of Touchstone"),
        (project.join("data"), "does not begin with"),
    ];
    for (file, why) in files {
        let before = fs::read(&file).ok();
        let said = complaint(&["-C", shown(&project), "report", "--output", shown(&file)]);
        assert!(said.contains("--output") && said.contains(why), "{said}");
        assert!(said.contains("name another file"), "{said}");
        assert_eq!(fs::read(&file).ok(), before, "{}", file.display());
    }
    let page = project.join("data/page.html");
    fs::write(&page, "").unwrap();
    for _ in 0..2 {
        printed(&["-C", shown(&project), "report", "--output", shown(&page)]);
        let html = fs::read_to_string(&page).unwrap();
        assert!(html.contains("welcome-back"));
    }
}

#[test]
fn all_mistakes_are_reported_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let project = started(&folder);
    let catalog = project.join("catalog/example.yaml");
    let broken = fs::read_to_string(&catalog)
        .unwrap()
        .replace("aggregate: sum", "aggregate: sums")
        .replace("initiative: welcome-back }", "initiative: welcome-bak }");
    fs::write(&catalog, broken).unwrap();
    let said = complaint(&["-C", shown(&project), "roi"]);
    assert!(
        said.contains("example.yaml") && said.contains("sums") && said.contains("welcome-bak"),
        "{said}"
    );
    assert!(said.contains("did you mean"), "{said}");
    assert!(said.contains("2 errors"), "{said}");
    // The initiative without an experiment is only warned of, which waits until the errors are mended.
    assert!(!said.contains('⚠'), "{said}");
}

/// What is wrong in SQL, in a key or with a path begins with the place where the catalog says it.
#[test]
fn what_shows_in_the_data_is_said_with_the_place_in_the_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let project = started(&folder);
    let catalog = project.join("catalog/example.yaml");
    let right = fs::read_to_string(&catalog).unwrap();
    let cases = [
        (
            "aggregate: sum, ",
            "aggregate: sum, where: revenu > 3, ",
            "where: ",
            "metric `revenue`, where: `outcome` has no column `revenu`; did you mean `revenue`?",
        ),
        (
            "aggregate: sum, ",
            "aggregate: sum, where: revenue >, ",
            "where: ",
            "metric `revenue`, where: `revenue >`: ",
        ),
        (
            "name: outcome\nsource: customers\n",
            "name: outcome\nsql: DELETE FROM customers\n",
            "sql: ",
            "fact `outcome`, sql: `DELETE` begins another statement than a query",
        ),
        (
            "source: customers\ncustomer: customer_id\n",
            "source: customers\ncustomer: custmer_id\n",
            "customer: ",
            "fact `outcome`, customer: `outcome` has no column `custmer_id`; did you mean `customer_id`?",
        ),
        (
            "path: data/customers.csv",
            "path: data/custmers.csv",
            "path: ",
            "source `customers`: no file at ",
        ),
    ];
    for (was, wrong, before, said) in cases {
        let documents = right.replacen(was, wrong, 1);
        assert_ne!(documents, right, "{was}");
        fs::write(&catalog, &documents).unwrap();
        let start = documents.find(wrong).unwrap();
        let start = start + wrong.find(before).unwrap() + before.len();
        let line = documents[..start].matches('\n').count() + 1;
        let column = start - documents[..start].rfind('\n').map_or(0, |end| end + 1) + 1;
        let place = format!("catalog/example.yaml:{line}:{column}: {said}");
        let complained = complaint(&["-C", shown(&project), "measure", "audience"]);
        assert!(complained.contains(&place), "{place}\n{complained}");
    }
}

#[test]
fn a_damaged_data_file_and_an_unreadable_catalog_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("retailer");
    printed(&["simulate", shown(&project), "--customers", "500"]);
    let damaged: Vec<PathBuf> = fs::read_dir(project.join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "parquet"))
        .collect();
    assert!(!damaged.is_empty());
    for file in &damaged {
        let mut bytes = fs::read(file).unwrap();
        bytes[4..204].fill(0);
        fs::write(file, bytes).unwrap();
    }
    let said = complaint(&["-C", shown(&project), "measure", "audience"]);
    assert!(
        said.contains(".parquet: the file is cut or damaged, or is no Parquet file"),
        "{said}"
    );

    let example = started(&folder);
    let link = example.join("catalog/gone.yaml");
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let said = complaint(&["-C", shown(&example), "check"]);
    assert!(said.contains("gone.yaml: No such file"), "{said}");
    fs::remove_file(link).unwrap();
    // A line that nobody could look at is not shown.
    let long = format!(
        "{{ kind: metric, name: m, description: {} }}\n",
        "x".repeat(100_000)
    );
    fs::write(example.join("catalog/long.yaml"), long).unwrap();
    let said = complaint(&["-C", shown(&example), "check"]);
    assert!(
        said.contains("long.yaml:1:") && said.len() < 5_000,
        "{}",
        said.len()
    );
}

/// The guide shows what the command says of the mistakes that it shows.
#[test]
fn the_guide_shows_complaints_as_they_are() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/getting-started.md");
    let guide = fs::read_to_string(guide).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("my-company");
    printed(&["init", shown(&project)]);
    let catalog = project.join("catalog/example.yaml");
    let right = fs::read_to_string(&catalog).unwrap();
    let shown_in_guide = |command: &str, mistakes: &[(&str, &str)]| {
        let mut documents = right.clone();
        for (was, wrong) in mistakes {
            assert!(documents.contains(was), "{was}");
            documents = documents.replacen(was, wrong, 1);
        }
        fs::write(&catalog, documents).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_touchstone"))
            .args(["-C", "my-company", command])
            .current_dir(folder.path())
            .env("NO_COLOR", "1")
            .env("NO_GRAPHICS", "1")
            .output()
            .unwrap();
        let said = text(&output.stderr);
        let block = format!("$ touchstone -C my-company {command}\n{said}```");
        assert!(guide.contains(&block), "{block}");
    };
    shown_in_guide(
        "check",
        &[
            ("aggregate: max", "aggregate: maximum"),
            ("primary: revenue", "primary: revenu"),
        ],
    );
    shown_in_guide("roi", &[("[revenue_before]", "[revenue_befor]")]);
}

#[test]
fn what_is_not_there_is_named_with_what_may_be_meant() {
    let folder = tempfile::tempdir().unwrap();
    assert!(complaint(&["-C", shown(folder.path()), "roi"]).contains("touchstone init"));
    let project = started(&folder);
    let said = complaint(&[
        "-C",
        shown(&project),
        "measure",
        "audience",
        "welcome-back-tset",
    ]);
    assert!(said.contains("did you mean `welcome-back-test`"), "{said}");
    fs::remove_file(project.join("data/customers.csv")).unwrap();
    assert!(complaint(&["-C", shown(&project), "roi"]).contains("customers"));
}

#[test]
fn an_import_pins_a_state_that_can_be_gone_back_to() {
    let folder = tempfile::tempdir().unwrap();
    let project = started(&folder);
    let at = ["-C", shown(&project)];
    let in_place = json(&[at[0], at[1], "measure", "audience", "welcome-back-test"]);
    let imported = json(&[at[0], at[1], "import"]);
    assert_eq!(imported["format"], "touchstone.imports/1");
    assert_eq!(imported["imports"][0]["files"][0]["outcome"], "added");
    assert_eq!(imported["imports"][0]["files"][0]["rows"], 400);
    let snapshot = imported["imports"][0]["snapshot"].as_u64().unwrap();
    let again = json(&[at[0], at[1], "import", "customers"]);
    assert_eq!(again["imports"][0]["files"][0]["outcome"], "unchanged");

    let from_lake = json(&[at[0], at[1], "measure", "audience", "welcome-back-test"]);
    assert_eq!(from_lake["metrics"], in_place["metrics"]);
    assert_eq!(from_lake["provenance"]["sources"][0]["read"], "lake");

    let data = project.join("data/customers.csv");
    let longer = fs::read_to_string(&data).unwrap() + "401,personalized,mobile,10,1000\n";
    fs::write(&data, longer).unwrap();
    assert_eq!(
        json(&[at[0], at[1], "import"])["imports"][0]["files"][0]["outcome"],
        "replaced"
    );
    let now = json(&[at[0], at[1], "measure", "audience", "welcome-back-test"]);
    assert_eq!(now["customers"]["counted"], 401);
    let old = snapshot.to_string();
    let then = json(&[
        at[0],
        at[1],
        "measure",
        "audience",
        "welcome-back-test",
        "--at",
        &old,
    ]);
    assert_eq!(then["metrics"], in_place["metrics"]);
    assert!(complaint(&[at[0], at[1], "roi", "--at", "999"]).contains("999"));
    assert!(printed(&[at[0], at[1], "snapshots"]).contains(&old));
    let snapshots = json(&[at[0], at[1], "snapshots"]);
    assert_eq!(snapshots["format"], "touchstone.snapshots/1");
    let known = snapshots["snapshots"].as_array().unwrap();
    assert!(known.iter().any(|known| known["id"] == snapshot));
}

#[test]
fn damaged_lines_are_refused_or_set_aside_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let project = started(&folder);
    let data = project.join("data/customers.csv");
    let damaged = fs::read_to_string(&data).unwrap() + "401,generic,mobile,1,2,3\n402,generic\n";
    fs::write(&data, damaged).unwrap();
    let at = ["-C", shown(&project)];
    let said = complaint(&[at[0], at[1], "import"]);
    assert!(said.contains("--rejects") && said.contains('2'), "{said}");
    for own in ["data/customers.csv", "touchstone.yaml"] {
        let path = project.join(own);
        let before = fs::read(&path).unwrap();
        let rejects = ["customers", "--rejects", shown(&path)];
        let said = complaint(&[&[at[0], at[1], "import"], &rejects[..]].concat());
        assert!(said.contains("name another file"), "{said}");
        assert!(fs::read(&path).unwrap() == before, "{own}");
    }
    let rejects = folder.path().join("rejects.csv");
    let imported = json(&[
        at[0],
        at[1],
        "import",
        "customers",
        "--rejects",
        shown(&rejects),
    ]);
    assert_eq!(imported["imports"][0]["files"][0]["rows"], 400);
    assert_eq!(imported["imports"][0]["files"][0]["rejected"], 2);
    let kept = fs::read_to_string(rejects).unwrap();
    assert!(kept.contains("1,2,3") && kept.contains("402"), "{kept}");
}

#[test]
fn threads_do_not_change_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("retailer");
    printed(&[
        "simulate",
        shown(&project),
        "--customers",
        "1000",
        "--seed",
        "5",
    ]);
    let measured = |threads: &str| {
        let arguments = [
            "-C",
            shown(&project),
            "measure",
            "audience",
            "--format",
            "json",
            "--threads",
            threads,
        ];
        printed(&arguments)
    };
    let once = measured("1");
    assert_eq!(once, measured("2"));
    assert_eq!(once, measured("2"));
    let roi = |threads: &str| {
        printed(&[
            "-C",
            shown(&project),
            "roi",
            "--format",
            "json",
            "--threads",
            threads,
        ])
    };
    assert_eq!(roi("1"), roi("2"));
    let page = |name: &str, threads: &str| {
        let path = folder.path().join(name);
        printed(&[
            "-C",
            shown(&project),
            "report",
            "--output",
            shown(&path),
            "--threads",
            threads,
        ]);
        fs::read(path).unwrap()
    };
    assert!(page("one.html", "1") == page("two.html", "2"));
}

#[test]
fn the_demo_shows_estimates_beside_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let demo = folder.path().join("demo");
    let said = printed(&["demo", shown(&demo), "--customers", "2000"]);
    assert!(
        said.contains("truth") && said.contains("intervals hold the truth"),
        "{said}"
    );
    let html = fs::read_to_string(demo.join("report.html")).unwrap();
    assert!(html.contains("one-to-one-journeys"));
    // What the ledger rests on is on the page.
    assert!(html.contains("id=\"attribution-1\""));
    assert!(html.contains("Content: clicks"));
    let beside = json(&["demo", shown(&demo), "--customers", "2000"]);
    assert_eq!(beside["format"], "touchstone.demo/1");
    assert!(beside["rows"].as_array().unwrap().len() > 15);
    // Once it is imported, other data beside it would not be what is measured.
    printed(&["-C", shown(&demo), "import", "orders"]);
    let refused = complaint(&["demo", shown(&demo), "--customers", "2000"]);
    assert!(
        refused.contains("lake, with what was imported"),
        "{refused}"
    );
    let foreign = tempfile::tempdir().unwrap();
    fs::write(foreign.path().join("mine.txt"), "keep").unwrap();
    complaint(&["demo", shown(foreign.path())]);
    assert_eq!(
        fs::read_to_string(foreign.path().join("mine.txt")).unwrap(),
        "keep"
    );
}

#[test]
fn schemas_describe_what_is_written_and_printed() {
    for of in ["catalog", "project", "findings"] {
        let schema: Value = serde_json::from_str(&printed(&["schema", of])).unwrap();
        assert!(schema.is_object(), "{of}");
    }
    let findings: Value = serde_json::from_str(&printed(&["schema", "findings"])).unwrap();
    let formats = findings.as_object().unwrap().keys();
    let known =
        "attribution check contents demo design factorial imports interaction ledger lifetime lift lifts overlaps \
         performance programme replay seal snapshots"
            .split(' ');
    let mut known: Vec<_> = known.map(|name| format!("touchstone.{name}/1")).collect();
    known.sort();
    let mut formats: Vec<_> = formats.cloned().collect();
    formats.sort();
    assert_eq!(formats, known);
}

#[test]
fn hillstrom_gives_the_reference_numbers() {
    if std::env::var_os("TOUCHSTONE_TEST_DATA").is_none() {
        eprintln!("skipped: TOUCHSTONE_TEST_DATA does not name the folder of the test data");
        return;
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hillstrom");
    let finding = json(&["-C", shown(&example), "measure", "audience", "email-2008"]);
    let metrics = finding["metrics"].as_array().unwrap();
    let of = |metric: &str, arm: &str| {
        let found = metrics
            .iter()
            .find(|found| found["metric"] == metric && found["arm"] == arm)
            .unwrap();
        (
            found["absolute"]["estimate"].as_f64().unwrap(),
            found["absolute"]["se"].as_f64().unwrap(),
        )
    };
    let expected = [
        ("visit", "womens", 0.045233, 0.003234),
        ("visit", "mens", 0.076590, 0.003386),
        ("spend", "womens", 0.424412, 0.130333),
        ("spend", "mens", 0.769827, 0.145247),
    ];
    for (metric, arm, estimate, se) in expected {
        let found = of(metric, arm);
        assert!(
            (found.0 - estimate).abs() < 1e-6 && (found.1 - se).abs() < 1e-6,
            "{metric} {arm}: {found:?}"
        );
    }
    let ledger = json(&["-C", shown(&example), "roi"]);
    let total = &ledger["total"];
    let sum = |key: &str| -> f64 {
        ledger["initiatives"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row[key].as_f64().unwrap())
            .sum()
    };
    assert!((total["net"].as_f64().unwrap() - sum("net")).abs() < 0.005);
    assert_eq!(ledger["initiatives"][0]["cost"].as_f64().unwrap(), 927.74);
}
