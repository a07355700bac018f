//! Imports into the DuckLake.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Project, columns, rows};
use lake::{Lake, LakeError, Outcome, SourceContent};

fn outcomes(imported: &lake::Imported) -> Vec<(Outcome, u64, u64)> {
    imported
        .files
        .iter()
        .map(|file| (file.outcome, file.rows, file.rejected))
        .collect()
}

#[test]
fn a_file_is_added_once_and_replaced_when_it_changes() {
    let project = Project::with_source("path: a.csv");
    // What a process left that was killed when it created the lake is in nobody's way.
    project
        .write("a.csv", "id,n\n1,1\n2,2\n")
        .write("lake/catalog.partial", "");
    let first = project.import().unwrap();
    assert_eq!(outcomes(&first), [(Outcome::Added, 2, 0)]);
    assert!(!project.path("lake/catalog.partial").exists());
    assert_eq!(
        first.files[0].file,
        project.path("a.csv").canonicalize().unwrap()
    );
    let again = project.import().unwrap();
    assert_eq!(outcomes(&again), [(Outcome::Unchanged, 2, 0)]);
    assert_eq!(again.snapshot, first.snapshot);

    project.write("a.csv", "id,n\n1,1\n3,3\n4,4\n");
    let replaced = project.import().unwrap();
    assert_eq!(outcomes(&replaced), [(Outcome::Replaced, 3, 0)]);
    assert_eq!(replaced.snapshot, first.snapshot + 1);
    let lake = project.read();
    assert_eq!(rows(&lake, "FROM t ORDER BY id"), ["1,1", "3,3", "4,4"]);
    assert_eq!(columns(&lake), ["id BIGINT", "n BIGINT"]);
    assert_eq!(
        lake.versions()[0].content,
        SourceContent::Lake {
            table: "t".to_owned(),
            snapshot: replaced.snapshot,
            files_not_imported: 0,
        }
    );
    let ids: Vec<u64> = lake
        .snapshots()
        .unwrap()
        .iter()
        .map(|snapshot| snapshot.id)
        .collect();
    assert_eq!(ids, [0, first.snapshot, replaced.snapshot]);

    // The state before is still there.
    let before = project.read_at(Some(first.snapshot)).unwrap();
    assert_eq!(rows(&before, "FROM t ORDER BY id"), ["1,1", "2,2"]);
    assert_eq!(
        before.versions()[0].content,
        SourceContent::Lake {
            table: "t".to_owned(),
            snapshot: first.snapshot,
            files_not_imported: 0,
        }
    );
    // A file that was written since the import is said to be new, and the lake's rows are read.
    project.write("a.csv", "id,n\n1,1\n");
    let behind = project.read();
    assert_eq!(rows(&behind, "FROM t ORDER BY id").len(), 3);
    assert_eq!(
        behind.versions()[0].content,
        SourceContent::Lake {
            table: "t".to_owned(),
            snapshot: replaced.snapshot,
            files_not_imported: 1,
        }
    );

    let unknown = project.read_at(Some(99)).err().unwrap();
    assert_eq!(
        unknown.to_string(),
        format!(
            "the lake has no snapshot 99: it has 0 to {}",
            replaced.snapshot
        )
    );
    let empty = project.read_at(Some(0)).err().unwrap();
    assert!(matches!(empty, LakeError::NotYet { .. }), "{empty}");
    assert_eq!(
        empty.to_string(),
        "source `t` was not in the lake at snapshot 0; first at 1"
    );
}

#[test]
fn old_states_are_kept_by_imports_only() {
    let project = Project::with_source("path: a.csv");
    project.write("a.csv", "id\n1\n");
    let error = project.read_at(Some(1)).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the lake has no snapshot 1: it has none: nothing has been imported yet"
    );
    assert!(project.open().snapshots().unwrap().is_empty());

    let project = Project::new(
        "name: shop",
        "{kind: source, name: t, path: a.csv}\n---\n{kind: source, name: u, path: u.csv}",
    );
    project.write("a.csv", "id\n1\n").write("u.csv", "id\n1\n");
    let snapshot = project.import().unwrap().snapshot;
    let mut lake = Lake::open(&project.catalog, Some(snapshot)).unwrap();
    let error = lake
        .define(&project.catalog, project.catalog.source("u").unwrap())
        .unwrap_err();
    assert!(
        error.to_string().contains("`touchstone import u`"),
        "{error}"
    );
    assert!(matches!(error, LakeError::NoHistory { .. }));
}

#[test]
fn a_project_can_be_moved() {
    let place = tempfile::tempdir().unwrap();
    let sources = "{kind: source, name: t, path: a.csv}";
    let old = common::catalog(&place.path().join("old"), "name: shop", sources);
    std::fs::create_dir(place.path().join("old")).unwrap();
    std::fs::write(place.path().join("old/a.csv"), "id\n1\n").unwrap();
    lake::import(&old, old.source("t").unwrap(), None).unwrap();
    std::fs::rename(place.path().join("old"), place.path().join("new")).unwrap();
    let new = common::catalog(&place.path().join("new"), "name: shop", sources);
    let mut lake = Lake::open(&new, None).unwrap();
    lake.define(&new, new.source("t").unwrap()).unwrap();
    assert_eq!(rows(&lake, "FROM t"), ["1"]);
    let imported = lake::import(&new, new.source("t").unwrap(), None).unwrap();
    assert_eq!(outcomes(&imported), [(Outcome::Unchanged, 1, 0)]);
}

#[test]
fn files_of_a_folder_come_and_go() {
    let project = Project::with_source("path: data");
    let day = |id: u32| format!("id,at\n{id},2024-01-0{id}T10:00:00Z\n");
    project
        .write("data/1.csv", day(1))
        .write("data/2.csv", day(2));
    assert_eq!(
        outcomes(&project.import().unwrap()),
        [(Outcome::Added, 1, 0), (Outcome::Added, 1, 0)]
    );

    // A file that was renamed is known by its content, a copy of it is not; one that is gone stays imported.
    std::fs::rename(project.path("data/2.csv"), project.path("data/3.csv")).unwrap();
    project.write("data/4.csv", day(2));
    std::fs::remove_file(project.path("data/1.csv")).unwrap();
    assert_eq!(
        outcomes(&project.import().unwrap()),
        [(Outcome::Unchanged, 1, 0), (Outcome::Added, 1, 0)]
    );

    project
        .write("data/3.csv", day(3))
        .write("data/5.csv", "at,id\n2024-01-05T10:00:00Z,5\n");
    let error = project.import().unwrap_err().to_string();
    assert!(
        error.contains("5.csv: its first line `at,id` does not fit that of"),
        "{error}"
    );
    project.write("data/5.csv", day(5));
    assert_eq!(
        outcomes(&project.import().unwrap()),
        [
            (Outcome::Replaced, 1, 0),
            (Outcome::Unchanged, 1, 0),
            (Outcome::Added, 1, 0)
        ]
    );
    let lake = project.read();
    assert_eq!(columns(&lake), ["id BIGINT", "at TIMESTAMP WITH TIME ZONE"]);
    assert_eq!(
        rows(&lake, "SELECT id FROM t ORDER BY id"),
        ["1", "2", "3", "5"]
    );
}

#[cfg(target_os = "linux")]
#[test]
fn files_of_one_name_in_the_records_are_refused() {
    use std::os::unix::ffi::OsStrExt;
    let project = Project::with_source("path: data");
    std::fs::create_dir(project.path("data")).unwrap();
    // Names that are not UTF-8.
    for name in [b"\xfe.csv", b"\xff.csv"] {
        let file = project.path("data").join(std::ffi::OsStr::from_bytes(name));
        std::fs::write(file, "id\n1\n").unwrap();
    }
    let error = project.import().unwrap_err().to_string();
    assert!(
        error.contains(
            "two of its files would be data/\u{fffd}.csv in the lake's records: rename one of them"
        ),
        "{error}"
    );
}

#[test]
fn later_files_are_read_by_the_types_of_earlier_ones() {
    let mut project = Project::with_source("path: data");
    project
        .write("data/1.csv", "id,n\n1,1\n")
        .write("data/2.csv", "n,id\n2,2\n");
    std::fs::rename(project.path("data/2.csv"), project.path("2.csv")).unwrap();
    project.import().unwrap();
    std::fs::remove_file(project.path("data/1.csv")).unwrap();
    std::fs::rename(project.path("2.csv"), project.path("data/2.csv")).unwrap();
    // By name, in whatever order.
    assert_eq!(
        outcomes(&project.import().unwrap()),
        [(Outcome::Added, 1, 0)]
    );

    project.write("data/3.csv", "n,id\n2.5,3\n");
    let error = project.import().unwrap_err().to_string();
    assert!(
        error.contains("3.csv, line 2: column `n`: `2.5` does not fit BIGINT, as which the column was imported before"),
        "{error}"
    );
    project.write("data/3.csv", "n,id\nabc,3\n");
    let error = project.import().unwrap_err().to_string();
    assert!(error.contains("3.csv: 1 damaged line; nothing was imported (line 2: a value is not of its column's type)"), "{error}");
    assert_eq!(rows(&project.read(), "FROM t ORDER BY id"), ["1,1", "2,2"]);

    // Declared anew, the type is that of all rows, also of those whose file is gone.
    project.write("data/3.csv", "n,id\n2.5,3\n");
    project.redeclare("path: data, types: {n: DOUBLE}");
    assert_eq!(
        outcomes(&project.import().unwrap()),
        [(Outcome::Replaced, 1, 0), (Outcome::Added, 1, 0)]
    );
    let lake = project.read();
    assert_eq!(columns(&lake), ["id BIGINT", "n DOUBLE"]);
    assert_eq!(
        rows(&lake, "FROM t ORDER BY id"),
        ["1,1.0", "2,2.0", "3,2.5"]
    );
    project.redeclare("path: data, types: {n: INT}");
    let error = project.import().unwrap_err().to_string();
    assert!(
        error.contains("`2.5` would be changed by the declared type INT"),
        "{error}"
    );
}

#[test]
fn a_table_that_others_made_is_left_alone() {
    let project = Project::with_source("path: a.csv");
    project
        .write("a.csv", "id\n1\n")
        .write("lake/data/.keep", "");
    project.sql(
        "ATTACH 'ducklake:sqlite:{dir}/lake/catalog.sqlite' AS l (DATA_PATH '{dir}/lake/data'); \
         CREATE TABLE l.T AS SELECT 7 AS other",
        &["sqlite_scanner", "ducklake"],
    );
    let error = project.import().unwrap_err().to_string();
    assert!(
        error.contains("a table of this name that no import of this source has made"),
        "{error}"
    );
}

#[test]
fn other_columns_than_before_are_refused() {
    let project = Project::with_source("path: data");
    project.write("data/1.csv", "id,n\n1,1\n");
    let snapshot = project.import().unwrap().snapshot;
    std::fs::remove_file(project.path("data/1.csv")).unwrap();
    project.write("data/2.csv", "id,m\n2,2\n");
    let error = project.import().unwrap_err().to_string();
    assert!(
        error.contains(
            "other columns than those imported before: they also have `m` and they lack `n`"
        ),
        "{error}"
    );
    let lake = project.read();
    assert_eq!(rows(&lake, "FROM t"), ["1,1"]);
    assert_eq!(lake.snapshots().unwrap().last().unwrap().id, snapshot);
}

#[test]
fn a_damaged_line_refuses_the_whole_import() {
    let project = Project::with_source("path: data");
    project
        .write("data/1.csv", "id,n\n1,1\n")
        .write("data/2.csv", "id,n\n2,2\n3\n");
    let error = project.import().unwrap_err().to_string();
    assert!(
        error.contains("2.csv: 1 damaged line; nothing was imported (line 3: too few columns)"),
        "{error}"
    );
    assert!(error.contains("--rejects FILE"), "{error}");
    assert_eq!(project.open().snapshots().unwrap().len(), 1);
}

#[test]
fn damaged_lines_of_csv_are_set_aside_and_counted() {
    let project = Project::with_source("path: a.csv");
    let sound: String = (0..100).map(|i| format!("{i},n{i},{}\n", i * 2)).collect();
    let mut content = format!("id,name,amount\n{sound}101,x\n102,x,y,z\n,\"\",\n").into_bytes();
    content.extend(b"103,\xff\xfe,3\n104,\"a\nb\",4\n");
    content.extend((0..21_000).flat_map(|i| format!("{i},a,1\n").into_bytes()));
    content.extend(b"106,late,abc\n107,\"half");
    project.write("a.csv", content);
    assert!(
        project
            .import()
            .unwrap_err()
            .to_string()
            .contains("5 damaged lines; nothing was imported")
    );

    let imported = project.import_with_rejects().unwrap();
    // The line of empty values and the one with a line break are sound.
    assert_eq!(outcomes(&imported), [(Outcome::Added, 100 + 2 + 21_000, 5)]);
    let reasons: Vec<(&str, u64)> = imported.files[0]
        .reasons
        .iter()
        .map(|(reason, lines)| (reason.as_str(), *lines))
        .collect();
    assert_eq!(reasons.iter().map(|(_, lines)| lines).sum::<u64>(), 5);
    for reason in [
        "too few columns",
        "a value is not of its column's type",
        "not UTF-8 text",
        "a quote is not closed",
    ] {
        assert!(
            reasons.iter().any(|(known, _)| *known == reason),
            "{reason} in {reasons:?}"
        );
    }
    let lake = project.read();
    assert_eq!(
        columns(&lake),
        ["id BIGINT", "name VARCHAR", "amount BIGINT"]
    );
    assert_eq!(
        rows(&lake, "SELECT count(*), count(id), sum(amount) FROM t"),
        [format!("21102,21101,{}", 9900 + 4 + 21_000)]
    );
    let kept = format!(
        "SELECT DISTINCT line, text FROM read_csv('{}', header = true) ORDER BY line",
        project.path("rejects.csv").display()
    );
    let kept = rows(&lake, &kept);
    assert_eq!(kept.len(), 5, "{kept:?}");
    assert_eq!(kept[0], "102,101,x");
    assert_eq!(kept[1], "103,102,x,y,z");
    assert!(kept[2].starts_with("105,103,"), "{}", kept[2]);
    // The engine counts a line break inside quotes for none.
    assert_eq!(kept[3], "21107,106,late,abc");
    assert_eq!(kept[4], "21108,107,\"half");
    // Known, with its rejects, which stay kept.
    let kept = std::fs::read(project.path("rejects.csv")).unwrap();
    assert_eq!(
        outcomes(&project.import_with_rejects().unwrap()),
        [(Outcome::Unchanged, 21_102, 5)]
    );
    assert_eq!(std::fs::read(project.path("rejects.csv")).unwrap(), kept);
}

#[test]
fn a_source_that_came_later_is_told_from_one_that_never_came() {
    let project = Project::new(
        "name: shop",
        "{kind: source, name: t, path: a.csv}\n---\n{kind: source, name: order-lines, path: u.csv}",
    );
    project.write("a.csv", "id\n1\n").write("u.csv", "id\n1\n");
    let first = project.import().unwrap().snapshot;
    let lines = project.catalog.source("order-lines").unwrap();
    let second = lake::import(&project.catalog, lines, None)
        .unwrap()
        .snapshot;
    let mut lake = Lake::open(&project.catalog, Some(first)).unwrap();
    let error = lake.define(&project.catalog, lines).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("source `order-lines` was not in the lake at snapshot {first}; first at {second}")
    );
}

#[test]
fn the_file_for_rejects_is_never_one_of_the_project_or_of_somebody() {
    let project = Project::new(
        "name: shop",
        "{kind: source, name: t, path: data/bad.csv}\n---\n{kind: source, name: u, path: more}",
    );
    project
        .write("data/bad.csv", "id,n\n1,1\n2\n")
        .write("more/u.csv", "id\n1\n")
        .write("touchstone.yaml", "name: shop\n")
        .write("catalog/sources.yaml", "")
        .write("mine.csv", "file,line\n1,2\n")
        .write("rejects.csv", "");
    let source = project.catalog.source("t").unwrap();
    for (name, said) in [
        ("data/bad.csv", "the data of source `t`"),
        ("data/../data/bad.csv", "the data of source `t`"),
        ("more/rejects.csv", "the data of source `u`"),
        ("touchstone.yaml", "the project's settings"),
        ("catalog/rejects.csv", "the folder of the catalog"),
        ("lake/rejects.csv", "the folder of the lake"),
        ("mine.csv", "does not begin with"),
        ("data", "does not begin with"),
    ] {
        let path = project.path(name);
        let before = std::fs::read(&path).ok();
        let error = lake::import(&project.catalog, source, Some(&path)).unwrap_err();
        assert!(matches!(error, LakeError::OutputPlace { .. }), "{error}");
        assert!(error.to_string().contains(said), "{name}: {error}");
        assert_eq!(std::fs::read(&path).ok(), before, "{name}");
    }
    assert!(!project.path("lake/catalog.sqlite").exists());
    // An empty file and one of rejects are written over.
    let rejects = || std::fs::read_to_string(project.path("rejects.csv")).unwrap();
    project.import_with_rejects().unwrap();
    assert!(rejects().contains(",3,") && !rejects().contains(",4,"));
    project.write("data/bad.csv", "id,n\n1,1\n2,2\n3\n");
    project.import_with_rejects().unwrap();
    assert!(rejects().contains(",4,") && !rejects().contains(",3,"));
    assert!(!project.path("rejects.csv.partial").exists());
}

#[test]
fn a_quote_that_is_not_closed_counts_the_lines_that_it_takes() {
    let project = Project::with_source("path: a.csv");
    let rows = |from: usize, to: usize| -> String {
        (from..to).map(|i| format!("{i},n{i},1.5\n")).collect()
    };
    let content = format!(
        "id,name,amount\n{}28,x\n29,\"half,1.0\n{}",
        rows(0, 28),
        rows(30, 48)
    );
    project.write("a.csv", content);
    let error = project.import().unwrap_err().to_string();
    assert!(
        error.contains("19 lines, the first of them line 31: a quote is not closed"),
        "{error}"
    );
    let imported = project.import_with_rejects().unwrap();
    // 48 lines under the header: all of them are told of.
    assert_eq!(outcomes(&imported), [(Outcome::Added, 28, 20)]);
    let kept = rows_of_rejects(&project, "DISTINCT line, error, length(text)");
    assert_eq!(
        kept,
        [
            "30,Expected Number of Columns: 3 Found: 2,4",
            "31,a quote is not closed: 19 lines of the file,211",
        ]
    );
}

#[test]
fn lines_that_are_not_utf_8_are_kept_as_they_are() {
    let content = [
        &b"id,name,amount,day\n"[..],
        b"5,a,1.5,2024-01-01\n",
        b"6,caf\xe9,9.0,2024-01-01\n",
        b"7,\"two\nlines\",2.5,2024-01-01\n",
        b"8,\xff\xfe\"x,y,2024-01-01\n",
        b"9,a?b,1.0,2024-01-01\n",
    ]
    .concat();
    for name in ["a.csv", "a.csv.gz"] {
        let project = Project::with_source(&format!("path: {name}"));
        if name.ends_with(".gz") {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut packed, &content).unwrap();
            project.write(name, packed.finish().unwrap());
        } else {
            project.write(name, &content);
        }
        let imported = project.import_with_rejects().unwrap();
        assert_eq!(outcomes(&imported), [(Outcome::Added, 3, 2)]);
        let kept = rows_of_rejects(&project, "DISTINCT text, line");
        let texts: Vec<&str> = kept
            .iter()
            .filter_map(|line| line.rsplit_once(','))
            .map(|(text, _)| text.trim_end())
            .collect();
        assert_eq!(
            texts,
            [
                "6,caf\u{fffd},9.0,2024-01-01",
                "8,\u{fffd}\u{fffd}\"x,y,2024-01-01",
            ]
        );
    }
}

/// A value that does not convert is kept as it is in the file, too.
#[test]
fn values_that_are_not_utf_8_are_kept_as_they_are() {
    let project = Project::with_source("path: a.csv");
    let content = [
        &b"id,day,name\n"[..],
        b"1,2024-01-01,a\n",
        b"2,K\xf6ln,b?\n",
        b"3,what?,c\n",
    ];
    project.write("a.csv", content[..2].concat());
    project.import().unwrap();
    project.write("a.csv", content.concat());
    let imported = project.import_with_rejects().unwrap();
    assert_eq!(outcomes(&imported), [(Outcome::Replaced, 1, 2)]);
    let kept = rows_of_rejects(&project, "DISTINCT text, line");
    assert_eq!(kept, ["2,K\u{fffd}ln,b?,3", "3,what?,c,4"]);
}

/// The table has its types from the first import on, also where no row of it stays.
#[test]
fn a_replaced_file_is_read_by_the_types_of_the_table() {
    let mut project = Project::with_source("path: a.csv");
    project.write("a.csv", "id,n\n1,1\n2,2\n");
    project.import().unwrap();
    project.write("a.csv", "id,n\n1,1\nx,y\n3,3\n");
    let error = project.import().unwrap_err().to_string();
    assert!(
        error.contains("1 damaged line; nothing was imported"),
        "{error}"
    );
    assert!(
        error.contains("declare the column under `types:` where another type is meant"),
        "{error}"
    );
    assert_eq!(columns(&project.read()), ["id BIGINT", "n BIGINT"]);
    let imported = project.import_with_rejects().unwrap();
    assert_eq!(outcomes(&imported), [(Outcome::Replaced, 2, 1)]);
    assert_eq!(columns(&project.read()), ["id BIGINT", "n BIGINT"]);

    // The way out that is named.
    project.redeclare("path: a.csv, types: {id: VARCHAR, n: VARCHAR}");
    let lake = project.read();
    // Letters of other words do not name a column.
    assert_eq!(lake.way_to_declared_type("country = 'no'"), None);
    let way = lake.way_to_type("n + 1");
    assert!(
        way.contains("run `touchstone import t` again")
            && way.contains("has `n` as BIGINT, and `types:` now declares VARCHAR"),
        "{way}"
    );
    let imported = project.import().unwrap();
    assert_eq!(outcomes(&imported), [(Outcome::Replaced, 3, 0)]);
    let lake = project.read();
    assert_eq!(columns(&lake), ["id VARCHAR", "n VARCHAR"]);
    assert!(
        lake.way_to_type("n")
            .contains("in the source's `types:`, and import")
    );

    // A column may come, and does not go unsaid.
    project.write("a.csv", "id,n,m\n1,1,1\n");
    project.import().unwrap();
    assert_eq!(
        columns(&project.read()),
        ["id VARCHAR", "n VARCHAR", "m BIGINT"]
    );
    project.write("a.csv", "id,n\n1,1\n");
    let error = project.import().unwrap_err().to_string();
    assert!(
        error.contains("they lack `m`") && error.contains("name them under `columns:`"),
        "{error}"
    );
    project.redeclare("path: a.csv, header: true, columns: [id, n]");
    project.import().unwrap();
    assert_eq!(columns(&project.read()), ["id VARCHAR", "n VARCHAR"]);
}

/// Columns of the rejects, in the order of lines.
fn rows_of_rejects(project: &Project, columns: &str) -> Vec<String> {
    let query = format!(
        "SELECT {columns} FROM read_csv('{}', header = true, all_varchar = true) ORDER BY line::INT",
        project.path("rejects.csv").display()
    );
    rows(&project.open(), &query)
}

#[test]
fn damaged_lines_of_json_are_set_aside_and_counted() {
    let project = Project::with_source("path: a.jsonl");
    let mut content =
        b"{\"a\":1,\"b\":\"x \\\"y\\\" \\\\ , '\"}\n{\"a\":null}\n{}\n\n{\"a\":2,\n".to_vec();
    content.extend(
        b"{\"a\":\"\xff\"}\n5\nnull\n{\"a\":6}{\"a\":7}\n{\"a\":8,\"b\":\"\\n\"}\n{\"a\":9",
    );
    project.write("a.jsonl", content);
    let error = project.import().unwrap_err().to_string();
    assert!(error.contains("a.jsonl: 6 damaged lines; nothing was imported (5 lines, the first of them line 5: not a JSON object; line 6: not UTF-8 text)"), "{error}");

    let imported = project.import_with_rejects().unwrap();
    // Rows without any value are rows.
    assert_eq!(outcomes(&imported), [(Outcome::Added, 4, 6)]);
    assert_eq!(
        imported.files[0].reasons,
        [
            ("not a JSON object".to_owned(), 5),
            ("not UTF-8 text".to_owned(), 1)
        ]
    );
    let lake = project.read();
    assert_eq!(
        rows(&lake, "SELECT a, b FROM t"),
        ["1,x \"y\" \\ , '", "-,-", "-,-", "8,\n"]
    );
    let kept = format!(
        "SELECT line, text FROM read_csv('{}', header = true, all_varchar = true) ORDER BY line::INT",
        project.path("rejects.csv").display()
    );
    let kept = rows(&lake, &kept);
    assert_eq!(
        kept.iter()
            .map(|line| line.split(',').next().unwrap())
            .collect::<Vec<_>>(),
        ["5", "6", "7", "8", "9", "11"]
    );
    assert_eq!(kept[0], "5,{\"a\":2,");
    assert_eq!(kept[1], "6,{\"a\":\"\u{fffd}\"}");
    assert_eq!(kept[4], "9,{\"a\":6}{\"a\":7}");
    assert_eq!(kept[5], "11,{\"a\":9");
}

#[test]
fn json_types_that_do_not_fit_are_refused_by_the_files_name() {
    let project = Project::with_source("path: a.jsonl, types: {a: BIGINT}");
    project.write("a.jsonl", "{\"a\":1}\n{\"a\":\n{\"a\":2.5}\n");
    let error = project.import_with_rejects().unwrap_err().to_string();
    assert!(
        error.contains("a.jsonl: column `a`: 2.5 is not a whole number"),
        "{error}"
    );
    assert_eq!(project.open().snapshots().unwrap().len(), 1);
}

#[test]
fn a_cut_file_is_not_imported() {
    let project = Project::with_source("path: a.csv.gz");
    project.sql(
        "COPY (SELECT range AS id FROM range(5000)) TO '{dir}/a.csv.gz'",
        &[],
    );
    let whole = std::fs::read(project.path("a.csv.gz")).unwrap();
    project.write("a.csv.gz", &whole[..whole.len() / 2]);
    assert!(matches!(
        project.import_with_rejects(),
        Err(LakeError::Incomplete { .. })
    ));
    project.write("a.csv.gz", whole);
    assert_eq!(
        outcomes(&project.import().unwrap()),
        [(Outcome::Added, 5000, 0)]
    );
}

#[test]
fn imports_take_turns() {
    let project = Project::with_source("path: a.csv");
    project
        .write("a.csv", "id\n1\n")
        .write("lake/import.lock", "");
    let lock = std::fs::File::create(project.path("lake/import.lock")).unwrap();
    lock.lock().unwrap();
    assert!(matches!(project.import(), Err(LakeError::ImportRunning(_))));
    drop(lock);
    project.import().unwrap();
}

#[test]
fn only_files_are_imported() {
    let project = Project::with_source("path: 'postgres://127.0.0.1:9/shop', table: orders");
    let refused = project.import().unwrap_err().to_string();
    assert_eq!(refused, "source `t`: only files can be imported");
    assert!(!project.path("lake/catalog.sqlite").exists());
}

/// Readers open and read again and again while imports replace all rows: each sees one whole state.
#[test]
fn readers_do_not_notice_an_import() {
    let project = Project::with_source("path: a.csv");
    let write = |round: u32| {
        let content: String = (0..2000).map(|id| format!("{id},{round}\n")).collect();
        project.write("a.csv", format!("id,round\n{content}"));
    };
    write(0);
    project.import().unwrap();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut reads = 0;
                    while !is_done.load(Ordering::Relaxed) || reads == 0 {
                        let lake = project.read();
                        let query = "SELECT count(*), count(DISTINCT id), count(DISTINCT round), min(round) FROM t";
                        let first = rows(&lake, query);
                        assert!(first[0].starts_with("2000,2000,1,"), "{first:?}");
                        assert_eq!(rows(&lake, query), first);
                        reads += 1;
                        std::thread::sleep(Duration::from_millis(500));
                    }
                })
            })
            .collect();
        for round in 1..=2 {
            write(round);
            assert_eq!(
                outcomes(&project.import().unwrap()),
                [(Outcome::Replaced, 2000, 0)]
            );
        }
        is_done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert_eq!(rows(&project.read(), "SELECT DISTINCT round FROM t"), ["2"]);
}

/// Imports in a process of its own, for the test below.
#[test]
fn import_of_a_folder_named_by_the_environment() {
    let Some(root) = std::env::var_os("LAKE_TEST_ROOT") else {
        return;
    };
    let catalog = common::catalog(
        root.as_ref(),
        "name: shop",
        "{kind: source, name: t, path: a.csv}",
    );
    lake::import(&catalog, catalog.source("t").unwrap(), None).unwrap();
}

#[test]
fn a_killed_import_leaves_the_old_state() {
    let project = Project::with_source("path: a.csv");
    project.write("a.csv", "id,n\n1,1\n");
    let first = project.import().unwrap();
    let content: String = (0..400_000).map(|id| format!("{id},2\n")).collect();
    project.write("a.csv", format!("id,n\n{content}"));
    let data_files =
        || std::fs::read_dir(project.path("lake/data/main/t")).map_or(0, |files| files.count());
    let files_before = data_files();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["import_of_a_folder_named_by_the_environment", "--exact"])
        .env("LAKE_TEST_ROOT", project.folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Killed when it has begun to write rows.
    while data_files() == files_before && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let lake = project.read();
    let newest = lake.snapshots().unwrap().last().unwrap().id;
    let state = rows(&lake, "SELECT count(*), min(n), max(n) FROM t");
    match newest == first.snapshot {
        true => assert_eq!(state, ["1,1,1"]),
        false => assert_eq!(state, ["400000,2,2"]),
    }
    // The next import finds nothing in its way.
    project.import().unwrap();
    assert_eq!(
        rows(&project.read(), "SELECT count(*), min(n), max(n) FROM t"),
        ["400000,2,2"]
    );
}
