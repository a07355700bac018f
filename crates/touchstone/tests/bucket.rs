//! Sources in a bucket, through the command, with the keys of its environment.

mod common;
#[path = "../../lake/tests/common/server.rs"]
mod server;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::{printed, shown, text};
use lake::{Engine, EngineOptions};
use serde_json::Value;
use server::{KEY_ID, Server};

const SECRET: &str = "sec-ret";

/// Runs the command in a project with the keys of an environment.
fn run(server: &Server, project: &Path, key_id: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_touchstone"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    if !key_id.is_empty() {
        command
            .env("AWS_ACCESS_KEY_ID", key_id)
            .env("AWS_SECRET_ACCESS_KEY", SECRET);
    }
    command
        .env("AWS_ENDPOINT_URL", server.url())
        .env("AWS_REGION", "eu-west-1")
        .args(["-C", shown(project)])
        .args(arguments);
    let output = command.output().unwrap();
    for said in [&output.stdout, &output.stderr] {
        assert!(!text(said).contains(SECRET), "{}", text(said));
    }
    output
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_bucket_gives_the_numbers_that_files_give() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("shop");
    printed(&[
        "simulate",
        shown(&project),
        "--customers",
        "300",
        "--seed",
        "1",
    ]);
    let arguments = ["measure", "audience", "email-levels", "--format", "json"];
    let server = Server::start();
    let mut of_files = json(&run(&server, &project, "", &arguments));

    for entry in fs::read_dir(project.join("data")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        server.put(
            &format!("/shop/a b/{name}"),
            fs::read(entry.path()).unwrap(),
        );
    }
    let sources = project.join("catalog/sources.yaml");
    let declared = fs::read_to_string(&sources).unwrap();
    fs::write(
        &sources,
        declared.replace("path: data/", "path: s3://shop/a b/"),
    )
    .unwrap();
    fs::remove_dir_all(project.join("data")).unwrap();
    fs::remove_dir_all(project.join("lake")).unwrap();
    let mut of_objects = json(&run(&server, &project, KEY_ID, &arguments));
    let pins = of_objects["provenance"]["sources"].as_array().unwrap();
    assert!(pins.len() >= 2);
    for pin in pins {
        assert_eq!(pin["read"], "objects", "{pin}");
        assert_eq!(pin["files"], 1, "{pin}");
        assert_eq!(pin["etag"].as_str().unwrap().len(), 16, "{pin}");
    }
    for finding in [&mut of_files, &mut of_objects] {
        finding
            .as_object_mut()
            .unwrap()
            .remove("provenance")
            .unwrap();
    }
    assert_eq!(of_files, of_objects);

    // Imported, it needs no bucket any more.
    json(&run(
        &server,
        &project,
        KEY_ID,
        &["import", "--format", "json"],
    ));
    let mut of_lake = json(&run(&Server::start(), &project, "", &arguments));
    assert_eq!(of_lake["provenance"]["sources"][0]["read"], "lake");
    of_lake
        .as_object_mut()
        .unwrap()
        .remove("provenance")
        .unwrap();
    assert_eq!(of_lake, of_files);
    for file in ["catalog.sqlite", "digests.json"] {
        let bytes = fs::read(project.join("lake").join(file)).unwrap_or_default();
        for secret in [SECRET, KEY_ID] {
            assert!(
                !bytes
                    .windows(secret.len())
                    .any(|found| found == secret.as_bytes()),
                "{file}"
            );
        }
    }
}

/// A project with one source, at `path`.
fn orders(folder: &Path, path: &str, more: &str) {
    fs::create_dir_all(folder.join("catalog")).unwrap();
    fs::write(folder.join("touchstone.yaml"), "name: Shop\n").unwrap();
    let source = format!("{{ kind: source, name: orders, path: '{path}'{more} }}\n");
    fs::write(folder.join("catalog/orders.yaml"), source).unwrap();
}

/// The files of an import with their rows, or what went wrong.
fn imported(
    server: &Server,
    key_id: &str,
    path: &str,
    more: &str,
) -> Result<Vec<(String, u64)>, String> {
    let folder = tempfile::tempdir().unwrap();
    orders(folder.path(), path, more);
    let output = run(
        server,
        folder.path(),
        key_id,
        &["import", "orders", "--format", "json"],
    );
    if !output.status.success() {
        return Err(text(&output.stderr).trim().to_owned());
    }
    let files = json(&output)["imports"][0]["files"]
        .as_array()
        .unwrap()
        .clone();
    let file = |file: &Value| {
        let name = file["file"].as_str().unwrap().to_owned();
        (name, file["rows"].as_u64().unwrap())
    };
    Ok(files.iter().map(file).collect())
}

#[test]
fn folders_globs_and_single_objects() {
    let server = Server::start();
    server
        .put("/shop/orders/2026/a.csv", "id\n1\n2\n")
        .put("/shop/orders/2026/b.csv", "id\n3\n")
        .put("/shop/orders/_SUCCESS", "")
        .put("/shop/orders/_temporary/c.csv", "damaged\n")
        .put("/shop/orders.csv", "id\n1\n")
        .put("/shop/spark.csv/part-0.csv", "id\n1\n2\n3\n")
        .put("/shop/noending", "id\n7\n")
        .put("/shop/hours/t=12:00/u@x.csv", "id\n1\n")
        .put("/shop/hours/t=12:30/u@x.csv", "id\n2\n3\n")
        .put("/public/a.csv", "id\n1\n");
    let both = [
        ("s3://shop/orders/2026/a.csv".to_owned(), 2),
        ("s3://shop/orders/2026/b.csv".to_owned(), 1),
    ];
    for folder in [
        "s3://shop/orders",
        "s3://shop/orders/",
        "s3://shop/orders/2026/*.csv",
    ] {
        assert_eq!(
            imported(&server, KEY_ID, folder, "").unwrap(),
            both,
            "{folder}"
        );
    }
    let one = |path: &str, rows| Ok(vec![(path.to_owned(), rows)]);
    let of = |path, more| imported(&server, KEY_ID, path, more);
    assert_eq!(
        of("s3://shop/orders.csv", ""),
        one("s3://shop/orders.csv", 1)
    );
    assert_eq!(
        of("s3://shop/spark.csv", ""),
        one("s3://shop/spark.csv/part-0.csv", 3)
    );
    assert_eq!(
        of("s3://shop/noending", ", format: csv"),
        one("s3://shop/noending", 1)
    );
    assert_eq!(
        of("s3://shop/hours", "").unwrap(),
        [
            ("s3://shop/hours/t=12:00/u@x.csv".to_owned(), 1),
            ("s3://shop/hours/t=12:30/u@x.csv".to_owned(), 2),
        ]
    );
    assert_eq!(
        imported(&server, "", "s3://public/a.csv", ""),
        one("s3://public/a.csv", 1)
    );
}

#[test]
fn refusals_say_what_to_look_at() {
    let server = Server::start();
    server
        .put("/shop/a.csv", "id\n1\n")
        .put("/private/a.csv", "id\n1\n")
        .put("/shop/odd/a[1].csv", "id\n1\n")
        .put("/shop/odd/a1.csv", "id\n2\n");
    let refused = |key_id, path| imported(&server, key_id, path, "").unwrap_err();
    let missing = refused(KEY_ID, "s3://shop/b.csv");
    assert!(
        missing.ends_with(": source `orders`: no file at s3://shop/b.csv: check its `path:`"),
        "{missing}"
    );
    assert_eq!(
        refused(KEY_ID, "s3://shap/a.csv"),
        "error: source `orders`: there is no bucket `shap`: check the source's `path:`, AWS_REGION and AWS_ENDPOINT_URL"
    );
    let denied = refused(KEY_ID, "s3://private/a.csv");
    assert!(
        denied.contains(
            "access to s3://private/a.csv was denied: check whose keys AWS_ACCESS_KEY_ID"
        ),
        "{denied}"
    );
    let without = refused("", "s3://shop/*.csv");
    assert!(
        without.contains("access to s3://shop/*.csv was denied")
            && without.contains("set AWS_ACCESS_KEY_ID"),
        "{without}"
    );
    for path in ["s3://shop/odd", "s3://shop/odd/*.csv"] {
        assert_eq!(
            refused(KEY_ID, path),
            "error: source `orders`: s3://shop/odd/a[1].csv: the engine takes `*`, `?`, `[` and `\\` in a name for a \
             pattern: rename the object"
        );
    }
    for path in ["s3://elsewhere/a.csv", "s3://expired/a.csv"] {
        assert_eq!(
            refused(KEY_ID, path),
            format!(
                "error: source `orders`: {path} cannot be read: check AWS_REGION (the bucket's region), \
                 AWS_ENDPOINT_URL, and whether the keys have expired"
            )
        );
    }
    let folder = tempfile::tempdir().unwrap();
    orders(folder.path(), "s3://shop/a.csv", "");
    let output = Command::new(env!("CARGO_BIN_EXE_touchstone"))
        .args(["-C", shown(folder.path()), "import"])
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .env("AWS_ACCESS_KEY_ID", KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .output()
        .unwrap();
    assert_eq!(
        text(&output.stderr).trim(),
        "error: source `orders`: s3://shop/a.csv cannot be reached (could not connect to server): check the network, \
         AWS_REGION and AWS_ENDPOINT_URL"
    );
}

#[test]
fn an_object_and_a_file_of_the_web_are_not_both_taken() {
    let server = Server::start();
    server.put("/web/a.csv", "id\n1\n");
    let folder = tempfile::tempdir().unwrap();
    let import = |path: &str| {
        orders(folder.path(), path, "");
        run(&server, folder.path(), KEY_ID, &["import"])
    };
    assert!(import("s3://web/a.csv").status.success());
    let output = import(&format!("{}/web/a.csv", server.url()));
    let said = text(&output.stderr);
    assert!(
        said.contains("has rows of s3://web/a.csv") && said.contains("rename the source"),
        "{said}"
    );
}

const COMMIT: &str = "/shop/customers/_delta_log/0000000000000000000";

/// A Delta table of an experiment's customers.
fn put_delta(server: &Server) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("1.parquet");
    let engine = Engine::start(&EngineOptions {
        memory: None,
        threads: Some(1),
        spill: folder.path().join("spill"),
        time_zone: "UTC".to_owned(),
    })
    .unwrap();
    let write = format!(
        "COPY (SELECT range AS id, if(range % 2 = 0, 'a', 'b') AS arm, (range % 7)::DOUBLE AS amount FROM range(40)) \
         TO '{}'",
        file.display()
    );
    engine.execute(&write, "test").unwrap();
    let content = fs::read(&file).unwrap();
    let field = |(name, of): (&str, &str)| serde_json::json!({"name": name, "type": of, "nullable": true, "metadata": {}});
    let fields = [("id", "long"), ("arm", "string"), ("amount", "double")].map(field);
    let schema = serde_json::json!({"type": "struct", "fields": fields}).to_string();
    let log = [
        serde_json::json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}),
        serde_json::json!({"metaData": {
            "id": "a", "format": {"provider": "parquet", "options": {}}, "schemaString": schema, "partitionColumns": [],
            "configuration": {}, "createdTime": 0,
        }}),
        serde_json::json!({"add": {
            "path": "1.parquet", "partitionValues": {}, "size": content.len(), "modificationTime": 0, "dataChange": true,
        }}),
    ];
    server.put("/shop/customers/1.parquet", content).put(
        &format!("{COMMIT}0.json"),
        log.map(|entry| entry.to_string()).join("\n"),
    );
}

#[test]
fn a_delta_table_is_read_and_imported_whole() {
    let server = Server::start();
    put_delta(&server);
    assert_eq!(
        imported(&server, KEY_ID, "s3://shop/customers", "").unwrap(),
        [("s3://shop/customers".to_owned(), 40)]
    );

    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("catalog")).unwrap();
    fs::write(folder.path().join("touchstone.yaml"), "name: Shop\n").unwrap();
    let documents = "\
{ kind: source, name: customers, path: 's3://shop/customers', key: id }
---
{ kind: fact, name: outcome, source: customers, customer: id }
---
{ kind: metric, name: spend, fact: outcome, aggregate: sum, value: amount, unit: money, margin: 0.5 }
---
kind: experiment
name: letters
assignment: { source: customers, customer: id, arm: arm }
arms: [{ name: a, role: generic }, { name: b, role: personalized }]
metrics: { primary: spend }
";
    fs::write(folder.path().join("catalog/all.yaml"), documents).unwrap();
    let measure = || {
        let arguments = ["measure", "audience", "letters", "--format", "json"];
        run(&server, folder.path(), KEY_ID, &arguments)
    };
    let finding = json(&measure());
    assert_eq!(finding["provenance"]["sources"][0]["read"], "objects");

    // A commit while it is read.
    server.put_when_read(
        "/shop/customers/1.parquet",
        &format!("{COMMIT}1.json"),
        r#"{"commitInfo":{}}"#,
    );
    let output = measure();
    assert_eq!(
        text(&output.stderr).trim(),
        format!(
            "error: s3:/{COMMIT}1.json: the file changed while it was read: run this again when it is written"
        )
    );
}
