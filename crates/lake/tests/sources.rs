//! Sources read in place.

mod common;

use common::{Project, columns, rows};
use lake::{Lake, LakeError, SourceContent};

#[test]
fn csv_with_quotes_and_a_header() {
    let project = Project::with_source("path: a.csv");
    project.write(
        "a.csv",
        "id,name,amount,day\n1,\"a, \"\"b\"\"\",2.5,2024-01-02\n2,\"x\ny\",4,2024-01-03\n",
    );
    let lake = project.read();
    assert_eq!(
        columns(&lake),
        ["id BIGINT", "name VARCHAR", "amount DOUBLE", "day DATE"]
    );
    assert_eq!(
        rows(&lake, "FROM t"),
        ["1,a, \"b\",2.5,2024-01-02", "2,x\ny,4.0,2024-01-03"]
    );
}

#[test]
fn csv_without_a_header_by_declared_names() {
    let project = Project::with_source("path: a.csv, columns: [id, name]");
    project.write("a.csv", "1,a\n2,b\n");
    assert_eq!(
        rows(&project.read(), "SELECT id, name FROM t"),
        ["1,a", "2,b"]
    );
}

#[test]
fn csv_without_a_header_is_recognized_by_its_values() {
    let project = Project::with_source("path: a.csv");
    project.write("a.csv", "1,a\n2,b\n");
    assert_eq!(
        columns(&project.read()),
        ["column0 BIGINT", "column1 VARCHAR"]
    );
}

#[test]
fn csv_with_declared_nulls_types_and_delimiter() {
    let project = Project::with_source(
        "path: a.csv, null_values: [NA, '?'], types: {zip: VARCHAR}, delimiter: ';'",
    );
    project.write("a.csv", "zip;n\n1234;NA\n5678;7\n?;\n");
    let lake = project.read();
    assert_eq!(columns(&lake), ["zip VARCHAR", "n BIGINT"]);
    assert_eq!(rows(&lake, "FROM t"), ["1234,-", "5678,7", "-,-"]);
}

#[test]
fn codes_with_leading_zeros_and_long_numbers_stay_texts() {
    let project = Project::with_source("path: a.csv");
    project.write(
        "a.csv",
        "zip,card,plain\n01234,1234567890123456789,1\n98765,1234567890123456780,2\n",
    );
    let lake = project.read();
    assert_eq!(
        columns(&lake),
        ["zip VARCHAR", "card VARCHAR", "plain BIGINT"]
    );
    assert_eq!(rows(&lake, "FROM t")[0], "01234,1234567890123456789,1");
}

#[test]
fn a_hash_is_no_comment_and_a_byte_order_mark_no_text() {
    let project = Project::with_source("path: a.csv");
    project.write("a.csv", "\u{feff}id,name\r\n#1,a\r\n#2,b\r\n");
    let lake = project.read();
    assert_eq!(columns(&lake), ["id VARCHAR", "name VARCHAR"]);
    assert_eq!(rows(&lake, "FROM t"), ["#1,a", "#2,b"]);
}

#[test]
fn times_with_offsets_are_instants() {
    let project = Project::with_source("path: a.csv");
    project.write(
        "a.csv",
        "local,instant\n2024-01-02 10:00,2024-01-02T10:00:00+02:00\n2024-01-02,2024-01-02T10:00:00Z\n",
    );
    let lake = project.read();
    assert_eq!(
        columns(&lake),
        ["local TIMESTAMP", "instant TIMESTAMP WITH TIME ZONE"]
    );
    assert_eq!(
        rows(&lake, "SELECT epoch(instant)::BIGINT FROM t"),
        ["1704182400", "1704189600"]
    );
}

/// What the engine's own detection, which looks at the first 20480 rows, silently changes.
#[test]
fn types_are_held_against_all_rows() {
    let project = Project::with_source("path: a.csv");
    let head: String = (0..21_000).map(|i| format!("{i},2024-01-01\n")).collect();
    project.write(
        "a.csv",
        format!("n,d\n{head}1.5,2024-01-02\n7,2024-01-02 10:30:00\n"),
    );
    let lake = project.read();
    assert_eq!(columns(&lake), ["n DOUBLE", "d TIMESTAMP"]);
    assert_eq!(
        rows(&lake, "SELECT n, d FROM t OFFSET 21000"),
        ["1.5,2024-01-02 00:00:00", "7.0,2024-01-02 10:30:00"]
    );

    project.write("a.csv", format!("n,d\n{head}007,2024-01-02\n"));
    let error = project.read_error();
    assert!(error.contains("a.csv, line 21002: column `n`: `007` does not fit the values above it, which are BIGINT"), "{error}");
    assert!(error.contains("types: { n: VARCHAR }"), "{error}");

    project.write("a.csv", format!("n,d\n{head}abc,2024-01-02\n"));
    let error = project.read_error();
    assert!(error.contains("a.csv, line 21002: "), "{error}");
    assert!(
        error.contains("column \"n\": could not convert string \"abc\" to 'BIGINT'"),
        "{error}"
    );
    assert!(error.contains("`types:`") && error.len() < 400, "{error}");
}

#[test]
fn a_declared_type_does_not_change_values() {
    let project = Project::with_source("path: a.csv, types: {n: BIGINT, m: INTEGER}");
    project.write("a.csv", "n,m\n007,1\n2,2.0\n");
    assert_eq!(rows(&project.read(), "FROM t"), ["7,1", "2,2"]);
    project.write("a.csv", "n,m\n007,1\n2,2.5\n");
    let error = project.read_error();
    assert!(
        error.contains("line 3: column `m`: `2.5` would be changed by the declared type INTEGER"),
        "{error}"
    );
}

#[test]
fn tsv_and_other_separators() {
    let project = Project::with_source("path: a.tsv");
    project.write("a.tsv", "id\tname, first\n1\ta, b\n");
    assert_eq!(
        columns(&project.read()),
        ["id BIGINT", "name, first VARCHAR"]
    );
    let project = Project::with_source("path: a.csv");
    project.write("a.csv", "id;amount\n1;2,5\n2;3,5\n");
    assert_eq!(rows(&project.read(), "FROM t"), ["1,2,5", "2,3,5"]);
}

#[test]
fn json_lines() {
    let project = Project::with_source("path: a.jsonl");
    project.write(
        "a.jsonl",
        r#"{"id":1,"name":"a","z":"2024-01-02T10:00:00Z","d":"2024-01-02","s":"2024-01-02 10:30:00","code":"007","u":"123E4567-E89B-12D3-A456-426614174000"}
{}

{"id":2.5,"tags":["x"],"s":"2024-01-03"}
"#,
    );
    let lake = project.read();
    assert_eq!(
        columns(&lake),
        [
            "id DOUBLE",
            "name VARCHAR",
            "z TIMESTAMP WITH TIME ZONE",
            "d DATE",
            "s TIMESTAMP",
            "code VARCHAR",
            "u VARCHAR",
            "tags VARCHAR[]"
        ]
    );
    assert_eq!(
        rows(
            &lake,
            "SELECT id, name, d, s, code, left(u, 8) AS u, tags FROM t"
        ),
        [
            "1.0,a,2024-01-02,2024-01-02 10:30:00,007,123E4567,-",
            "-,-,-,-,-,-,-",
            "2.5,-,-,2024-01-03 00:00:00,-,-,[x]"
        ]
    );
}

#[test]
fn json_lines_with_declared_types_keep_the_other_columns() {
    let project = Project::with_source("path: a.jsonl, types: {code: VARCHAR, later: BIGINT}");
    project.write(
        "a.jsonl",
        "{\"code\":7,\"n\":1}\n{\"code\":\"x\",\"n\":2}\n",
    );
    let lake = project.read();
    assert_eq!(columns(&lake), ["code VARCHAR", "n BIGINT", "later BIGINT"]);
    assert_eq!(rows(&lake, "FROM t"), ["7,1,-", "x,2,-"]);
}

#[test]
fn a_json_key_of_several_types_must_be_declared() {
    let project = Project::with_source("path: a.jsonl");
    project.write("a.jsonl", "{\"code\":7}\n{\"code\":\"x\"}\n");
    let error = project.read_error();
    assert!(error.contains("column `code` holds numbers and texts: declare its type, such as `types: { code: VARCHAR }`"), "{error}");
}

#[test]
fn a_json_key_that_begins_late_is_a_column() {
    let project = Project::with_source("path: a.jsonl");
    let head: String = (0..21_000).map(|i| format!("{{\"a\":{i}}}\n")).collect();
    project.write("a.jsonl", format!("{head}{{\"a\":1.5,\"late\":5}}\n"));
    let lake = project.read();
    assert_eq!(columns(&lake), ["a DOUBLE", "late BIGINT"]);
    assert_eq!(
        rows(
            &lake,
            "SELECT count(*), count(late), max(a) FILTER (late = 5) FROM t"
        ),
        ["21001,1,1.5"]
    );
}

#[test]
fn compressed_files() {
    for name in ["a.csv.gz", "a.csv.zst", "a.jsonl.gz", "a.jsonl.zst"] {
        let project = Project::with_source(&format!("path: {name}"));
        let format = if name.contains("json") { "json" } else { "csv" };
        let compression = if name.ends_with("gz") { "gzip" } else { "zstd" };
        project.sql(
            &format!(
                "COPY (SELECT i AS id, md5(i::VARCHAR) AS h FROM range(5000) r(i)) TO '{{dir}}/{name}' \
                 (FORMAT {format}, COMPRESSION {compression})"
            ),
            &[],
        );
        assert_eq!(
            rows(&project.read(), "SELECT count(*), sum(id), count(h) FROM t"),
            ["5000,12497500,5000"],
            "{name}"
        );

        // The engine would take the beginning for all of it.
        let whole = std::fs::read(project.path(name)).unwrap();
        project.write(name, &whole[..whole.len() * 2 / 3]);
        let error = project.read_error();
        assert!(
            error.contains(name)
                && error.contains("the file is cut or damaged (it ends too early)"),
            "{error}"
        );
        project.write(name, &whole[..whole.len() - 4]);
        assert!(project.read_error().contains("cut or damaged"), "{name}");
    }
}

#[test]
fn parquet_files_folders_and_globs() {
    let project = Project::with_source("path: data");
    project.sql(
        "COPY (SELECT 1 AS a, 'x' AS b) TO '{dir}/data.parquet'",
        &[],
    );
    std::fs::create_dir_all(project.path("data/more")).unwrap();
    project
        .write("data/_SUCCESS", "")
        .write("data/.hidden.parquet", "no");
    project.sql(
        "COPY (SELECT 1 AS a, 'x' AS b) TO '{dir}/data/1.parquet'; \
         COPY (SELECT 'y' AS b, 2 AS a) TO '{dir}/data/more/2.parquet'",
        &[],
    );
    let mut lake = project.read();
    assert_eq!(rows(&lake, "FROM t ORDER BY a"), ["1,x", "2,y"]);
    let version = lake
        .define(&project.catalog, project.catalog.source("t").unwrap())
        .unwrap();
    assert!(
        matches!(version.content, SourceContent::Files { files: 2, bytes, ref blake3 } if bytes > 100 && blake3.len() == 64)
    );

    // The engine would leave out what the first file does not have, and convert the rest to its types.
    project.sql(
        "COPY (SELECT 'y' AS b, 2 AS a, 3 AS c) TO '{dir}/data/more/2.parquet'",
        &[],
    );
    assert!(
        project
            .read_error()
            .contains("2.parquet: its columns or their types differ from those of")
    );
    project.sql(
        "COPY (SELECT 'y' AS b, 2.5 AS a) TO '{dir}/data/more/2.parquet'",
        &[],
    );
    assert!(
        project
            .read_error()
            .contains("2.parquet: its columns or their types differ from those of")
    );

    let project = Project::with_source("path: 'data/*/o*.csv'");
    project
        .write("data/1/orders.csv", "id\n1\n")
        .write("data/2/orders.csv", "id\n2\n")
        .write("data/2/x.csv", "id\n3\n");
    assert_eq!(rows(&project.read(), "FROM t ORDER BY id"), ["1", "2"]);
}

#[cfg(unix)]
#[test]
fn a_file_and_links_to_it_are_read_once() {
    use std::os::unix::fs::symlink;
    for path in ["data", "data/*.csv"] {
        let project = Project::with_source(&format!("path: '{path}', format: csv"));
        project
            .write("data/a.csv", "id\n1\n")
            .write("elsewhere.csv", "id\n2\n");
        // Before the file in name order, by a name that tells no format.
        symlink("a.csv", project.path("data/0")).unwrap();
        symlink("a.csv", project.path("data/latest.csv")).unwrap();
        symlink("../elsewhere.csv", project.path("data/b.csv")).unwrap();
        assert_eq!(rows(&project.read(), "FROM t ORDER BY id"), ["1", "2"]);
        assert_eq!(project.import().unwrap().files.len(), 2);
    }
}

#[test]
fn files_of_a_folder_need_the_same_columns() {
    let project = Project::with_source("path: data");
    project
        .write("data/1.csv", "id,n\n1,2\n")
        .write("data/2.csv", "n,id\n3,4\n");
    let error = project.read_error();
    assert!(
        error.contains("2.csv: its first line `n,id` does not fit that of")
            && error.contains("`id,n`"),
        "{error}"
    );
    project.write("data/2.csv", "").sql("SELECT 1", &[]);
    assert!(project.read_error().contains("2.csv: the file is empty"));
}

#[test]
fn a_folder_with_several_formats_is_not_guessed_at() {
    let project = Project::with_source("path: data");
    project
        .write("data/1.csv", "id\n1\n")
        .write("data/2.jsonl", "{\"id\":2}\n");
    let error = project.read_error();
    assert!(
        error.contains("files of several formats") && error.contains("add `format:`"),
        "{error}"
    );
    let project = Project::with_source("path: data, format: csv");
    project
        .write("data/1.csv", "id\n1\n")
        .write("data/2.jsonl", "{\"id\":2}\n");
    assert_eq!(rows(&project.read(), "FROM t"), ["1"]);
}

#[test]
fn xlsx() {
    let project = Project::with_source("path: a.xlsx, types: {code: VARCHAR, n: BIGINT}");
    project.sql(
        "COPY (SELECT 1234 AS code, 2 AS n, DATE '2024-01-02' AS d) TO '{dir}/a.xlsx' (FORMAT xlsx, HEADER true)",
        &["excel"],
    );
    let lake = project.read();
    assert_eq!(columns(&lake), ["code VARCHAR", "n BIGINT", "d DATE"]);
    assert_eq!(rows(&lake, "FROM t"), ["1234,2,2024-01-02"]);
    // The layout is known now: another process reads by it.
    assert_eq!(rows(&project.read(), "FROM t"), ["1234,2,2024-01-02"]);
    project.sql(
        "COPY (SELECT 1.5 AS n, 1 AS code) TO '{dir}/a.xlsx' (FORMAT xlsx, HEADER true)",
        &["excel"],
    );
    let error = project.read_error();
    assert!(
        error.contains("column `n`: 1.5 is not a whole number"),
        "{error}"
    );
    let whole = std::fs::read(project.path("a.xlsx")).unwrap();
    project.write("a.xlsx", "hello");
    assert!(
        project
            .read_error()
            .contains("a.xlsx: the file is cut or damaged")
    );
    project.write("a.xlsx", &whole[..whole.len() / 2]);
    assert!(
        project
            .read_error()
            .contains("a.xlsx: the file is cut or damaged")
    );
}

#[test]
fn delta() {
    let project = Project::with_source("path: events");
    std::fs::create_dir_all(project.path("events/_delta_log")).unwrap();
    project.sql(
        "COPY (SELECT range AS id FROM range(3)) TO '{dir}/events/1.parquet'; \
         COPY (SELECT range AS id FROM range(9)) TO '{dir}/events/removed.parquet'",
        &[],
    );
    let size = std::fs::metadata(project.path("events/1.parquet"))
        .unwrap()
        .len();
    let schema = r#"{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}"#;
    let log = [
        r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}"#.to_owned(),
        format!(
            r#"{{"metaData":{{"id":"a","format":{{"provider":"parquet","options":{{}}}},"schemaString":"{schema}","partitionColumns":[],"configuration":{{}},"createdTime":0}}}}"#
        ),
        format!(
            r#"{{"add":{{"path":"1.parquet","partitionValues":{{}},"size":{size},"modificationTime":0,"dataChange":true}}}}"#
        ),
    ];
    project.write(
        "events/_delta_log/00000000000000000000.json",
        log.join("\n"),
    );
    let mut lake = project.read();
    assert_eq!(rows(&lake, "SELECT count(*), sum(id) FROM t"), ["3,3"]);
    let version = lake
        .define(&project.catalog, project.catalog.source("t").unwrap())
        .unwrap();
    assert!(matches!(
        version.content,
        SourceContent::Files { files: 3, .. }
    ));
    assert_eq!(rows(&project.read(), "SELECT count(*) FROM t"), ["3"]);
    lake.check_unchanged().unwrap();
    let commit = "events/_delta_log/00000000000000000001.json";
    project.write(commit, r#"{"commitInfo":{}}"#);
    let changed = lake.check_unchanged().unwrap_err();
    assert!(
        matches!(&changed, LakeError::Changed(file) if file.ends_with(commit)),
        "{changed}"
    );
    assert_eq!(project.import().unwrap().files[0].rows, 3);
}

#[test]
fn row_numbers_and_keys() {
    let project = Project::with_source("path: a.csv, row_id: row");
    project.write("a.csv", "name\nx\ny\n");
    assert_eq!(
        rows(&project.read(), "SELECT row, name FROM t"),
        ["1,x", "2,y"]
    );

    let project = Project::with_source("path: a.csv, key: id");
    project.write("a.csv", "id,n\n1,1\n2,1\n");
    assert_eq!(rows(&project.read(), "SELECT count(*) FROM t"), ["2"]);
    for violated in ["id,n\n1,1\n1,2\n", "id,n\n1,1\n,2\n"] {
        project.write("a.csv", violated);
        let mut lake = project.open();
        let source = project.catalog.source("t").unwrap();
        for _ in 0..2 {
            let error = lake.define(&project.catalog, source).unwrap_err();
            assert!(matches!(error, LakeError::KeyNotUnique { .. }), "{error}");
        }
        assert!(lake.versions().is_empty());
    }
}

#[test]
fn places_that_are_not_there() {
    let missing = Project::with_source("path: orders.csv").read_error();
    assert!(
        missing.contains("source `t`: no file at ")
            && missing.contains("orders.csv: check its `path:`"),
        "{missing}"
    );
    let project = Project::with_source("path: orders.dat");
    project.write("orders.dat", "x");
    assert!(project.read_error().contains("the format of `"));
    let home = Project::with_source("path: ~/orders.csv").read_error();
    assert!(
        home.ends_with("write `${HOME}` for `~` in its `path:`"),
        "{home}"
    );
    let unknown = Project::with_source("table: orders").read_error();
    assert!(unknown.contains("has no table `orders`"), "{unknown}");
}

#[test]
fn environment_variables_spaces_quotes_and_unicode_in_paths() {
    let project = Project::with_source("path: '${DATA}/it''s \"x\" [ü]/ordérs 1.csv'");
    project.write("data/it's \"x\" [ü]/ordérs 1.csv", "id\n1\n");
    assert_eq!(rows(&project.read(), "FROM t"), ["1"]);
}

#[test]
fn a_lake_in_a_strange_place() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("it's a \"pröject\"");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("a.csv"), "id\n1\n").unwrap();
    let catalog = common::catalog(
        &root,
        "{name: shop, lake: 'my la''ke'}",
        "{kind: source, name: t, path: a.csv}",
    );
    lake::import(&catalog, catalog.source("t").unwrap(), None).unwrap();
    let mut lake = Lake::open(&catalog, None).unwrap();
    lake.define(&catalog, catalog.source("t").unwrap()).unwrap();
    assert_eq!(rows(&lake, "FROM t"), ["1"]);
}

#[test]
fn damaged_lines_are_named() {
    let cases: [(&str, &[u8], &[&str]); 9] = [
        (
            "a.csv",
            b"id,name\n1,a\n2\n3,c\n",
            &[
                "a.csv, line 3: ",
                "2 columns are expected, 1 found",
                "in `2`",
            ],
        ),
        (
            "a.csv",
            b"id,name\n1,a\n2,b,c\n3,c\n",
            &[
                "a.csv, line 3: ",
                "2 columns are expected, more than 2 found",
                "in `2,b,c`",
            ],
        ),
        (
            "a.csv",
            b"id,name\n1,a\n2,\"b\n3,c\n",
            &["a.csv, line 3: a quote is not closed, in `2,\"b"],
        ),
        (
            "a.csv",
            b"id,name\n1,a\n2,b\n3",
            &["a.csv, line 4: ", "1 found"],
        ),
        (
            "a.csv",
            b"id,name\n1,a\n2,\xff\xfe\n3,c\n",
            &[
                "a.csv, line 3: it is not UTF-8 text",
                "save the file as UTF-8",
            ],
        ),
        (
            "a.csv",
            b"id,gr\xf6\xdfe\n1,a\n",
            &["a.csv, line 1: it is not UTF-8 text"],
        ),
        (
            "a.jsonl",
            b"{\"a\":1}\n\n{\"a\":2,\n{\"a\":3}\n",
            &["a.jsonl, line 3: not a JSON object, in `{\"a\":2,`"],
        ),
        (
            "a.jsonl",
            b"{\"a\":1}\n{\"a\":\"\xff\"}\nnull\n",
            &["a.jsonl, line 2: it is not UTF-8 text"],
        ),
        (
            "a.json",
            b"[\n{\"a\":1}\n]\n",
            &["a.json, line 1: not a JSON object, in `[`"],
        ),
    ];
    for (name, content, expected) in cases {
        let project = Project::with_source(&format!("path: {name}"));
        project.write(name, content);
        let error = project.read_error();
        for part in expected {
            assert!(error.contains(part), "{error:?} must contain {part:?}");
        }
        assert!(!error.contains('\n') && error.len() < 400, "{error}");
    }
}

#[test]
fn a_file_that_is_not_what_its_name_says() {
    for name in ["a.parquet", "a.csv.gz", "a.csv.zst", "a.xlsx"] {
        let project = Project::with_source(&format!("path: {name}"));
        project.write(name, "hello, world\n");
        let error = project.read_error();
        assert!(
            error.contains(name) && error.contains("source `t`")
                || error.contains("cut or damaged"),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_parquet_file_that_is_not_whole() {
    let project = Project::with_source("path: a.parquet");
    project.sql(
        "COPY (SELECT range AS id, hash(range) / 1e19 AS x FROM range(5000)) TO '{dir}/whole.parquet'",
        &[],
    );
    let whole = std::fs::read(project.path("whole.parquet")).unwrap();
    let half = whole.len() / 2;
    let without_middle = [&whole[..half], &whole[whole.len() - 200..]].concat();
    for content in [&whole[..half], &whole[..0], &without_middle] {
        project.write("a.parquet", content);
        let error = project.read_error();
        assert!(
            error.contains("a.parquet")
                && error.contains("the file is cut or damaged, or is no Parquet file (")
                && error.ends_with("): copy it again, whole"),
            "{error}"
        );
    }
}

#[test]
fn what_is_pinned() {
    let project = Project::with_source("path: a.csv");
    project.write("a.csv", "id\n1\n");
    let version = |project: &Project| project.read().versions()[0].content.clone();
    let first = version(&project);
    assert_eq!(first, version(&project));
    let SourceContent::Files {
        files: 1,
        bytes: 5,
        blake3,
    } = first.clone()
    else {
        panic!("{first:?}")
    };
    assert_eq!(blake3, blake3::hash(b"id\n1\n").to_hex().to_string());
    let lake = project.read();
    lake.check_unchanged().unwrap();
    project.write("a.csv", "id\n2\n");
    assert!(matches!(lake.check_unchanged(), Err(LakeError::Changed(_))));
    assert_ne!(first, version(&project));
    assert_eq!(rows(&project.read(), "FROM t"), ["2"]);
}

#[test]
fn relative_project_folders() {
    // The only test that needs the working directory; nextest runs it in a process of its own.
    let project = Project::with_source("path: a.csv");
    project.write("a.csv", "id\n1\n");
    let here = std::env::current_dir().unwrap();
    let up: std::path::PathBuf = here.components().skip(1).map(|_| "..").collect();
    let root = up.join(project.folder.path().strip_prefix("/").unwrap());
    let catalog = common::catalog(
        &root,
        "name: shop",
        "{kind: source, name: t, path: ./a.csv}",
    );
    lake::import(&catalog, catalog.source("t").unwrap(), None).unwrap();
    let mut lake = Lake::open(&catalog, None).unwrap();
    lake.define(&catalog, catalog.source("t").unwrap()).unwrap();
    assert_eq!(rows(&lake, "FROM t"), ["1"]);
    // By its absolute path it is the same project, and the file is known.
    assert_eq!(
        project.import().unwrap().files[0].outcome,
        lake::Outcome::Unchanged
    );
}

#[test]
fn passwords_are_not_shown() {
    let project = Project::with_source(
        "path: 'postgres://me:sec-ret@127.0.0.1:9/shop', table: public.orders",
    );
    let error = project.read_error();
    assert!(
        error.contains(
            "source `t`: unable to connect to Postgres at \"postgres://me@127.0.0.1:9/shop\""
        ),
        "{error}"
    );
    assert!(
        !error.contains("sec-ret") && !error.contains('\n'),
        "{error}"
    );
    let project =
        Project::with_source("path: 'http://me:sec-ret@127.0.0.1:9/a.csv?signature=sec-ret'");
    let error = project.read_error();
    assert!(!error.contains("sec-ret"), "{error}");
}

/// The engine says of a damaged body that it is damaged, and not of which file.
#[test]
fn a_parquet_file_with_a_damaged_body_is_named() {
    let project = Project::with_source("path: data");
    project.write("data/.keep", "");
    project.sql(
        "COPY (SELECT i AS id, i % 7 AS n FROM range(5000) t(i)) TO '{dir}/data/1.parquet'; \
         COPY (SELECT i AS id, i % 7 AS n FROM range(5000) t(i)) TO '{dir}/data/2.parquet'",
        &[],
    );
    let file = project.path("data/2.parquet");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[4..204].fill(0);
    std::fs::write(&file, bytes).unwrap();
    let lake = project.read();
    let error = (lake.engine())
        .execute("CREATE TEMP TABLE all_rows AS FROM t", "cannot measure")
        .unwrap_err();
    let named = lake::damaged_file(&project.catalog, &error).map(|error| error.to_string());
    let named = named.unwrap_or_else(|| panic!("{error}"));
    assert!(
        named.contains("data/2.parquet: the file is cut or damaged, or is no Parquet file ("),
        "{named}"
    );
    let imported = project.import().unwrap_err().to_string();
    assert!(
        imported.contains("data/2.parquet: the file is cut or damaged"),
        "{imported}"
    );
    // Of other errors no file is to blame.
    let other = (lake.engine()).execute("SELEC 1", "cannot").unwrap_err();
    assert!(lake::damaged_file(&project.catalog, &other).is_none());
}
