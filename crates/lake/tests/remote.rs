//! Sources behind URLs. (Those in buckets are in the tests of the command, which can set its environment.)

mod common;

use std::io::Write;

use common::server::Server;
use common::{Project, rows};
use lake::{LakeError, Outcome, SourceContent};

fn at(server: &Server, path: &str) -> Project {
    Project::with_source(&format!("path: '{}{path}'", server.url()))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn content(project: &Project) -> SourceContent {
    project.read().versions()[0].content.clone()
}

#[test]
fn a_strong_tag_pins_a_file() {
    let server = Server::start();
    server.put("/web/a.csv", "id\n1\n2\n");
    let project = at(&server, "/web/a.csv?signature=sec-ret");
    let lake = project.read();
    assert_eq!(rows(&lake, "SELECT sum(id) FROM t"), ["3"]);
    let first = content(&project);
    let SourceContent::Objects {
        files: 1,
        bytes: 7,
        etag,
    } = &first
    else {
        panic!("{first:?}")
    };
    assert_eq!(etag.len(), 16);
    assert_eq!(content(&project), first);
    lake.check_unchanged().unwrap();

    server.put("/web/a.csv", "id\n1\n3\n");
    let changed = lake.check_unchanged().unwrap_err();
    assert!(matches!(changed, LakeError::Changed(_)), "{changed}");
    assert!(!changed.to_string().contains("sec-ret"), "{changed}");
    assert_ne!(content(&project), first);
    // What was learned of the old content is not used for the new.
    assert_eq!(rows(&project.read(), "SELECT sum(id) FROM t"), ["4"]);
    server.put("/web/a.csv", "id\nx\n");
    assert_eq!(common::columns(&project.read()), ["id VARCHAR"]);
}

#[test]
fn without_a_strong_tag_nothing_is_pinned() {
    let server = Server::start();
    for name in ["weak", "untagged"] {
        let path = format!("/web/{name}.csv");
        server.put(&path, "id\n1\n");
        let project = at(&server, &format!("{path}?signature=sec-ret"));
        let SourceContent::Unpinned { location } = content(&project) else {
            panic!("{name}")
        };
        assert_eq!(location, format!("{}{path}?…", server.url()));
        // Its layout is found out each time.
        server.put(&path, "id\nx\n");
        assert_eq!(common::columns(&project.read()), ["id VARCHAR"]);
        let refused = project.import().unwrap_err().to_string();
        assert!(
            refused.contains("has no version (a strong `ETag`)"),
            "{refused}"
        );
        assert!(!refused.contains("sec-ret"), "{refused}");
    }
}

#[test]
fn a_cut_file_is_refused() {
    let server = Server::start();
    let whole = gzip("id\n1\n2\n3\n");
    server.put("/web/a.csv.gz", &whole);
    server.put("/web/cut.csv.gz", &whole[..whole.len() - 9]);
    assert_eq!(
        rows(
            &at(&server, "/web/a.csv.gz").read(),
            "SELECT sum(id) FROM t"
        ),
        ["6"]
    );
    let project = at(&server, "/web/cut.csv.gz?signature=sec-ret");
    let refused = [
        project.read_error(),
        project.import().unwrap_err().to_string(),
    ];
    for error in refused {
        assert!(
            error.contains("/web/cut.csv.gz?…: the file is cut or damaged"),
            "{error}"
        );
    }
}

#[test]
fn an_import_takes_each_version_once() {
    let server = Server::start();
    server.put("/web/a.csv", "id,name\n1,x\n2\n");
    let project = at(&server, "/web/a.csv?signature=sec-ret");
    let refused = project.import().unwrap_err().to_string();
    assert!(
        refused.contains("1 damaged line") && !refused.contains("sec-ret"),
        "{refused}"
    );
    let imported = project.import_with_rejects().unwrap();
    assert_eq!((imported.files[0].rows, imported.files[0].rejected), (1, 1));
    let rejects = std::fs::read_to_string(project.path("rejects.csv")).unwrap();
    assert!(
        rejects.contains("/web/a.csv?…,3") && !rejects.contains("sec-ret"),
        "{rejects}"
    );

    let outcome = || project.import().unwrap().files[0].outcome;
    server.put("/web/a.csv", "id,name\n1,x\n2,y\n");
    assert_eq!(outcome(), Outcome::Replaced);
    assert_eq!(outcome(), Outcome::Unchanged);
    assert_eq!(
        rows(&project.read(), "SELECT id, name FROM t ORDER BY id"),
        ["1,x", "2,y"]
    );
    for entry in std::fs::read_dir(project.path("lake")).unwrap().flatten() {
        if entry.path().is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            assert!(
                !bytes.windows(7).any(|bytes| bytes == b"sec-ret"),
                "{entry:?}"
            );
        }
    }
}

#[test]
fn the_same_file_at_another_url_is_not_imported_again() {
    let server = Server::start();
    server
        .put("/web/1.csv", "id\n1\n")
        .put("/web/2.csv", "id\n2\n")
        .put("/web/copy.csv", "id\n1\n");
    let mut project = at(&server, "/web/1.csv");
    project.import().unwrap();
    let url = server.url();
    project.redeclare(&format!("path: '{url}/web/2.csv'"));
    assert_eq!(project.import().unwrap().files[0].outcome, Outcome::Added);
    project.redeclare(&format!("path: '{url}/web/copy.csv'"));
    let refused = project.import().unwrap_err().to_string();
    assert_eq!(
        refused,
        format!(
            "source `t`: {url}/web/copy.csv has the size and the `ETag` of {url}/web/1.csv, whose rows are in the lake: \
             if it is the same file, keep that URL; else rename the source, so that it gets a table of its own"
        )
    );
    project.redeclare(&format!("path: '{url}/web/1.csv'"));
    assert_eq!(
        project.import().unwrap().files[0].outcome,
        Outcome::Unchanged
    );
    assert_eq!(
        rows(&project.read(), "SELECT id FROM t ORDER BY id"),
        ["1", "2"]
    );
}

#[test]
fn an_error_about_a_copy_without_damaged_lines_shows_no_signature() {
    let server = Server::start();
    server.put("/web/a.jsonl", "{\"a\":1}\n{\"a\":\n{\"a\":2.5}\n");
    let project = Project::with_source(&format!(
        "path: '{}/web/a.jsonl?signature=sec-ret', types: {{a: BIGINT}}",
        server.url()
    ));
    let error = project.import_with_rejects().unwrap_err().to_string();
    assert!(
        error.contains("/web/a.jsonl?…: column `a`: 2.5 is not a whole number"),
        "{error}"
    );
    assert!(!error.contains("sec-ret"), "{error}");
}

#[test]
fn a_parquet_file_that_is_refused_is_not_called_damaged() {
    let server = Server::start();
    server
        .put("/web/guarded.parquet", "nobody may read it")
        .put("/web/cut.parquet", "no Parquet file");
    let error = at(&server, "/web/guarded.parquet?signature=sec-ret").read_error();
    assert!(
        error.contains("/web/guarded.parquet?…") && error.contains("403"),
        "{error}"
    );
    assert!(
        !error.contains("damaged") && !error.contains("sec-ret"),
        "{error}"
    );
    let error = at(&server, "/web/cut.parquet").read_error();
    assert!(
        error.contains("/web/cut.parquet: the file is cut or damaged"),
        "{error}"
    );
}

#[test]
fn rows_are_not_taken_from_both_sides() {
    let server = Server::start();
    server.put("/web/a.csv", "id\n1\n");
    let mut project = at(&server, "/web/a.csv");
    project.import().unwrap();
    project.write("a.csv", "id\n1\n");
    project.redeclare("path: a.csv");
    let refused = project.import().unwrap_err().to_string();
    assert!(refused.contains("rename the source"), "{refused}");
    assert_eq!(rows(&project.read(), "SELECT count(*) FROM t"), ["1"]);
}

#[test]
fn places_that_are_not_there() {
    let server = Server::start();
    let error = at(&server, "/web/a.csv").read_error();
    assert!(
        error.contains("source `t`: no file at http://127.0.0.1:"),
        "{error}"
    );
    assert!(error.ends_with("/web/a.csv: check its `path:`"), "{error}");
    let error = at(&server, "/web/*.csv").read_error();
    assert_eq!(
        error,
        "source `t`: a web server does not list its files: name one, without `*`"
    );
    let error = at(&server, "/web/orders").read_error();
    assert!(
        error.contains("cannot be told from its name: add `format:`"),
        "{error}"
    );
    let error = Project::with_source("path: 'http://127.0.0.1:9/a.csv?key=sec-ret'").read_error();
    assert_eq!(
        error,
        "source `t`: http://127.0.0.1:9/a.csv?… cannot be reached (could not connect to server): \
         check the network and its `path:`"
    );
}
