//! The engine: folding rows, errors midway, bounds.

mod common;

use std::time::{Duration, Instant};

use lake::{Chunk, Engine, EngineOptions, LakeError};
use tempfile::TempDir;

fn engine(memory: Option<&str>, threads: u32) -> (Engine, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        memory: memory.map(str::to_owned),
        threads: Some(threads),
        spill: folder.path().join("spill"),
        time_zone: "Europe/Berlin".to_owned(),
    };
    (Engine::start(&options).unwrap(), folder)
}

fn sum(chunk: &Chunk<'_>) -> i64 {
    chunk.values::<i64>(0).unwrap().iter().sum()
}

#[test]
fn settings_are_kept() {
    let (engine, _folder) = engine(Some("123MiB"), 3);
    assert_eq!(engine.threads(), 3);
    assert!(engine.version().unwrap().starts_with("v1.5"));
    assert_eq!(
        engine
            .value::<String>("SELECT current_setting('memory_limit')", "test")
            .unwrap(),
        "123.0 MiB"
    );
    assert_eq!(
        engine
            .value::<String>("SELECT current_setting('TimeZone')", "test")
            .unwrap(),
        "Europe/Berlin"
    );
    for (memory, time_zone) in [("lots", "UTC"), ("1GB", "Mars/Olympus")] {
        let folder = tempfile::tempdir().unwrap();
        let options = EngineOptions {
            memory: Some(memory.to_owned()),
            threads: None,
            spill: folder.path().to_owned(),
            time_zone: time_zone.to_owned(),
        };
        let error = Engine::start(&options).err().unwrap().to_string();
        assert!(
            error.contains("`lots`") || error.contains("`Mars/Olympus`"),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_fold_sees_every_row_once_whatever_the_threads() {
    for threads in [1, 2, 5] {
        let (engine, _folder) = engine(None, threads);
        let states: Vec<(i64, usize)> = engine
            .fold(
                "SELECT range::BIGINT FROM range(1000000)",
                1,
                "test",
                || (0, 0),
                |state, chunk| {
                    state.0 += sum(chunk);
                    state.1 += chunk.rows();
                    Ok::<(), LakeError>(())
                },
            )
            .unwrap();
        assert!(
            (1..=threads as usize).contains(&states.len()),
            "{}",
            states.len()
        );
        assert_eq!(
            states.iter().map(|state| state.0).sum::<i64>(),
            499_999_500_000
        );
        assert_eq!(states.iter().map(|state| state.1).sum::<usize>(), 1_000_000);
    }
}

#[test]
fn an_error_of_the_engine_midway_is_returned() {
    let (engine, _folder) = engine(None, 2);
    let query = "SELECT CASE WHEN range = 1000000 THEN ('x' || range)::BIGINT ELSE range END FROM range(2000000)";
    let folded = engine.fold(
        query,
        1,
        "cannot read orders",
        || 0,
        |_, _| Ok::<(), LakeError>(()),
    );
    let error = folded.unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot read orders: could not convert string 'x1000000' to INT64"
    );
    // The engine goes on.
    assert_eq!(engine.value::<i64>("SELECT 1::BIGINT", "test").unwrap(), 1);
    let error = engine
        .fold(
            "SELECT nothing",
            1,
            "cannot read",
            || 0,
            |_, _| Ok::<(), LakeError>(()),
        )
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot read: referenced column \"nothing\" was not found"),
        "{error}"
    );
}

#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct Refused;

impl From<LakeError> for Refused {
    fn from(error: LakeError) -> Self {
        panic!("the engine does not fail here: {error}")
    }
}

#[test]
fn an_error_of_a_consumer_stops_the_query() {
    for (threads, pause) in [(1, 0), (2, 0), (2, 100)] {
        let (engine, _folder) = engine(None, threads);
        let started = Instant::now();
        // Read to its end, this would take minutes.
        let folded = engine.fold(
            "SELECT range FROM range(100000000000)",
            1,
            "test",
            || 0,
            move |_, _| {
                std::thread::sleep(Duration::from_millis(pause));
                Err(Refused)
            },
        );
        assert!(folded.is_err());
        assert!(started.elapsed() < Duration::from_secs(10));
        assert_eq!(engine.value::<i64>("SELECT 1::BIGINT", "test").unwrap(), 1);
    }
}

#[test]
fn a_panic_of_a_consumer_is_an_error() {
    let (engine, _folder) = engine(None, 2);
    let folded = engine.fold(
        "SELECT range FROM range(10000000)",
        1,
        "test",
        || 0,
        |_, _| -> Result<(), LakeError> { panic!("consumer") },
    );
    assert!(folded.unwrap_err().to_string().contains("consumer"));
    assert_eq!(engine.value::<i64>("SELECT 1::BIGINT", "test").unwrap(), 1);
}

/// What the engine's threads show is what a query of the same columns gives, missing values and texts of all lengths
/// among it.
#[test]
fn columns_are_read_as_they_are() {
    let (engine, _folder) = engine(None, 2);
    let query = "SELECT CASE WHEN range % 7 = 0 THEN NULL ELSE range / 8 END AS number, \
                 CASE WHEN range % 5 = 0 THEN NULL ELSE repeat('é', (range % 40)::BIGINT) END AS text, \
                 range % 3 = 0 AS third FROM range(100000)";
    let states = engine.fold(
        query,
        3,
        "test",
        || (0.0, 0_u64, 0_usize, 0_u64),
        |state, chunk| {
            let (numbers, nulls) = (chunk.values::<f64>(0).unwrap(), chunk.nulls(0).unwrap());
            let (texts, thirds) = (chunk.texts(1).unwrap(), chunk.values::<bool>(2).unwrap());
            for row in 0..chunk.rows() {
                if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                    state.1 += 1;
                } else {
                    state.0 += numbers[row];
                }
                state.2 += texts.get(row).map_or(0, |text| text.chars().count());
                state.3 += u64::from(thirds[row]);
            }
            assert!(chunk.values::<i64>(0).is_err());
            assert!(chunk.texts(0).is_err());
            assert!(chunk.nulls(3).is_err());
            Ok::<(), LakeError>(())
        },
    );
    let states = states.unwrap();
    let expected = engine
        .rows(
            &format!(
                "SELECT sum(number), count(*) - count(number), sum(length(text))::BIGINT, count_if(third) FROM ({query})"
            ),
            "test",
            |row| Ok((row.get::<_, f64>(0)?, row.get::<_, u64>(1)?, row.get::<_, u64>(2)?, row.get::<_, u64>(3)?)),
        )
        .unwrap()[0];
    // Eighths add up exactly.
    assert_eq!(states.iter().map(|state| state.0).sum::<f64>(), expected.0);
    assert_eq!(states.iter().map(|state| state.1).sum::<u64>(), expected.1);
    assert_eq!(
        states.iter().map(|state| state.2 as u64).sum::<u64>(),
        expected.2
    );
    assert_eq!(states.iter().map(|state| state.3).sum::<u64>(), expected.3);
}

#[test]
fn a_query_larger_than_memory_spills_and_finishes() {
    // One thread: what several hold at once while they sort varies, and may exceed so small a memory.
    let (engine, folder) = engine(Some("100MB"), 1);
    engine
        .execute(
            "CREATE TEMP TABLE sorted AS SELECT range AS id, hash(range)::VARCHAR || 'abcdefgh' AS text \
             FROM range(4000000) ORDER BY text",
            "cannot sort",
        )
        .unwrap();
    let spilled: i64 = engine
        .value(
            "SELECT sum(size)::BIGINT FROM duckdb_temporary_files()",
            "test",
        )
        .unwrap();
    assert!(spilled > 10_000_000, "{spilled}");
    let spill_folder = folder.path().join("spill");
    assert_eq!(
        std::fs::read_dir(&spill_folder)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().is_dir())
            .count(),
        1
    );
    assert_eq!(
        engine
            .value::<i64>("SELECT count(DISTINCT text)::BIGINT FROM sorted", "test")
            .unwrap(),
        4_000_000
    );
    drop(engine);
    assert_eq!(std::fs::read_dir(&spill_folder).unwrap().count(), 0);
}

#[test]
fn exact_sums_are_the_same_on_any_threads_and_spilled() {
    let rows = "SELECT (i * 7919) % 1000003 AS i, i % 9973 AS customer, i % 3 <> 0 AS kept, \
        CASE WHEN i % 5 > 0 THEN ((i * 2654435761) % 100000007) / 997.0::DOUBLE END AS amount FROM range(2000000) t(i)";
    let sum = lake::sql::exact_sum("amount", " FILTER (WHERE kept)");
    let of_customers = format!(
        "SELECT sum(hash(customer, total)) FROM (SELECT customer, {sum} AS total FROM ({rows}) GROUP BY customer)"
    );
    // A million groups do not fit into the memory below.
    let of_rows = format!(
        "SELECT sum(hash(i, total)) FROM (SELECT i, {sum} AS total FROM ({rows}) GROUP BY i)"
    );
    let of_all = format!("SELECT {sum} FROM ({rows})");
    let answers = |memory: Option<&str>, threads: u32| {
        let (engine, _folder) = engine(memory, threads);
        let customers: i128 = engine.value(&of_customers, "test").unwrap();
        let rows: i128 = engine.value(&of_rows, "test").unwrap();
        let all = engine.value::<f64>(&of_all, "test").unwrap();
        (customers, rows, all)
    };
    let one = answers(None, 1);
    assert_eq!(answers(None, 2), one);
    assert_eq!(answers(None, 7), one);
    assert_eq!(answers(Some("40MB"), 2), one);

    let (engine, _folder) = engine(None, 2);
    // The decimals add up to the same, as far as they have digits.
    let decimals: f64 = engine
        .value(&format!("SELECT CAST(sum(CAST(amount AS DECIMAL(38, 15))) FILTER (WHERE kept) AS DOUBLE) FROM ({rows})"), "test")
        .unwrap();
    assert!((one.2 - decimals).abs() < 1e-12 * decimals, "{decimals}");
    let none = format!(
        "SELECT {} IS NULL FROM ({rows}) WHERE amount IS NULL",
        lake::sql::exact_sum("amount", "")
    );
    assert!(engine.value::<bool>(&none, "test").unwrap());
}

#[test]
fn an_extension_that_is_not_there_is_named() {
    let (engine, _folder) = engine(None, 1);
    let error = engine
        .load("no_such", "reading the stars")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("reading the stars needs DuckDB's extension `no_such`"),
        "{error}"
    );
}

#[test]
fn a_transaction_is_all_or_nothing() {
    let (engine, _folder) = engine(None, 1);
    let failed = engine.transaction(|| {
        engine.execute("CREATE TABLE a AS SELECT 1", "first")?;
        engine.execute("SELECT nothing", "second")
    });
    assert!(failed.unwrap_err().to_string().starts_with("second: "));
    engine
        .transaction(|| engine.execute("CREATE TABLE a AS SELECT 1", "first"))
        .unwrap();
}

#[test]
fn texts_have_one_number_each_on_all_threads() {
    let (engine, _folder) = engine(None, 5);
    let known = engine.codes().of("name 3");
    let name = "CASE WHEN range % 11 = 7 THEN NULL ELSE 'name ' || range % 11 END";
    // As numbers of their own first, and of texts that are too long to lie in a row.
    for name in [name.to_owned(), format!("repeat({name}, 9)")] {
        let query = format!(
            "SELECT name, min(code), max(code), count(*) FROM (SELECT {name} AS name, {} AS code FROM range(500000)) \
             GROUP BY name ORDER BY name",
            lake::sql::code(&name)
        );
        let rows = engine
            .rows(&query, "test", |row| {
                let name: Option<String> = row.get(0)?;
                Ok((
                    name,
                    row.get::<_, Option<u32>>(1)?,
                    row.get::<_, Option<u32>>(2)?,
                ))
            })
            .unwrap();
        assert_eq!(rows.len(), 11);
        let mut texts = Vec::new();
        engine.codes().extend(&mut texts);
        for (name, least, greatest) in rows {
            assert_eq!(least, greatest, "{name:?}");
            let text = least.map(|code| texts[code as usize].as_ref());
            assert_eq!(text, Some(name.as_deref().unwrap_or_default()));
        }
    }
    assert_eq!(engine.codes().of("name 3"), known);
}
