//! The project that is written: the same every time, never over anybody's files, and valid.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use catalog::Catalog;
use simulate::{Settings, SimulateError, Truth, write_project};

fn settings(customers: u64, seed: u64, threads: usize) -> Settings {
    let threads = NonZeroUsize::new(threads).expect("a number of threads");
    Settings {
        customers,
        seed,
        threads,
        ..Settings::default()
    }
}

/// Every file below a folder, by its path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            found.extend(
                files(&path)
                    .into_iter()
                    .map(|(below, bytes)| (format!("{name}/{below}"), bytes)),
            );
        } else {
            found.insert(name, fs::read(&path).expect("a file"));
        }
    }
    found
}

#[test]
fn a_seed_gives_the_same_bytes_on_any_number_of_threads() {
    // More than two chunks of customers, so that threads could come out of order.
    let written = |seed, threads| {
        let folder = tempfile::tempdir().expect("a folder");
        write_project(&settings(2_100, seed, threads), folder.path(), &mut |_| {})
            .expect("a project");
        files(folder.path())
    };
    let one = written(7, 1);
    assert_eq!(
        one.len(),
        14 + 7 + 2,
        "documents, tables, truth and marker: {:?}",
        one.keys()
    );
    for threads in [2, 3] {
        for (name, bytes) in written(7, threads) {
            assert!(one[&name] == bytes, "{name} differs with {threads} threads");
        }
    }
    let other = written(8, 2);
    assert_ne!(one["data/orders.parquet"], other["data/orders.parquet"]);
    assert_ne!(one["truth.json"], other["truth.json"]);
    assert_eq!(
        one["catalog/experiments.yaml"],
        other["catalog/experiments.yaml"]
    );
}

#[test]
fn progress_ends_with_all_customers_and_the_written_truth_reads_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut seen = Vec::new();
    let written = write_project(&settings(1_500, 1, 2), folder.path(), &mut |p| {
        seen.push(p.done)
    })
    .expect("a project");
    assert_eq!(seen, [1_024, 1_500]);
    let size: usize = files(folder.path())
        .iter()
        .filter(|(name, _)| *name != ".simulated")
        .map(|(_, b)| b.len())
        .sum();
    assert_eq!(written.bytes, size as u64);
    assert!(Truth::read(&folder.path().join(Truth::FILE)).expect("a truth") == written.truth);
}

#[test]
fn only_an_earlier_simulation_is_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join("notes.txt");
    fs::write(&own, "mine").expect("a file");
    let refused = write_project(&settings(10, 1, 1), folder.path(), &mut |_| {});
    assert!(matches!(refused, Err(SimulateError::Occupied(path)) if path == folder.path()));
    assert_eq!(files(folder.path()).len(), 1);

    let project = folder.path().join("project");
    write_project(&settings(10, 1, 1), &project, &mut |_| {}).expect("a project");
    // What a report and commands that only read leave in it is no work of anybody's.
    for left in ["report.html", "lake/digests.json", "lake/spill/1/part.tmp"] {
        let path = project.join(left);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "left").expect("a file");
    }
    let again = write_project(&settings(20, 1, 1), &project, &mut |_| {}).expect("a project");
    assert_eq!(again.truth.customers, 20);
    assert!(
        files(&project)
            .keys()
            .all(|name| !name.ends_with(".partial"))
    );
}

#[test]
fn what_no_simulation_wrote_is_named_and_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path();
    write_project(&settings(10, 1, 1), project, &mut |_| {}).expect("a project");
    let edited =
        fs::read_to_string(project.join("touchstone.yaml")).expect("settings") + "# mine\n";
    let cases = [
        ("mine.txt", "mine", "mine.txt"),
        ("catalog/mine.yaml", "kind: team", "catalog/mine.yaml"),
        (
            "touchstone.yaml",
            &edited,
            "touchstone.yaml, which was edited",
        ),
        (
            "lake/catalog.sqlite",
            "rows",
            "lake, with what was imported",
        ),
    ];
    let mut expected = Vec::new();
    for (name, text, said) in cases {
        let path = project.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
        expected.push(said);
    }
    let before = files(project);
    match write_project(&settings(20, 1, 1), project, &mut |_| {}) {
        Err(SimulateError::Foreign { mut found, .. }) => {
            found.sort();
            expected.sort();
            assert_eq!(found, expected);
        }
        other => panic!("{other:?}"),
    }
    assert!(files(project) == before);
}

#[test]
fn settings_out_of_bounds_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let late = Settings {
        start: jiff::civil::date(9999, 1, 1),
        ..Settings::default()
    };
    for bad in [settings(0, 1, 1), settings(2_000_000_000, 1, 1), late] {
        let refused = write_project(&bad, folder.path(), &mut |_| {});
        assert!(matches!(refused, Err(SimulateError::Settings { .. })));
    }
    assert!(files(folder.path()).is_empty());
}

#[test]
fn one_customer_is_a_company() {
    let folder = tempfile::tempdir().expect("a folder");
    let written = write_project(&settings(1, 3, 4), folder.path(), &mut |_| {}).expect("a project");
    assert_eq!(written.truth.experiments.len(), 14);
}

#[test]
fn the_catalog_is_valid_and_says_what_the_truth_is_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let truth = write_project(&settings(50, 1, 1), folder.path(), &mut |_| {})
        .expect("a project")
        .truth;
    let catalog = match Catalog::load(folder.path()) {
        Ok(catalog) => catalog,
        Err(error) => panic!("{error:?}"),
    };
    // The A/A test and the programme as a whole belong to no one initiative, and the catalog says so; arms that combine
    // factors need none.
    let warnings: Vec<_> = catalog
        .warnings()
        .iter()
        .map(|warning| warning.code)
        .collect();
    assert_eq!(warnings, ["no-initiative"; 2]);
    assert_eq!(catalog.project().margin, Some(truth.margin));
    for lifetime in &truth.lifetimes {
        assert_eq!(catalog.project().discount_rate, lifetime.discount_rate);
        let declared = catalog
            .lifetimes()
            .find(|declared| declared.experiment.as_deref() == Some(lifetime.experiment.as_str()));
        assert!(declared.is_some(), "{}", lifetime.experiment);
    }

    assert_eq!(catalog.experiments().count(), truth.experiments.len());
    for declared in catalog.experiments() {
        let known = truth
            .experiment(&declared.name)
            .expect("every experiment has its truth");
        let arms: Vec<&str> = declared.arms.iter().map(|arm| arm.name.as_str()).collect();
        assert_eq!(
            arms,
            known
                .arms
                .iter()
                .map(|arm| arm.name.as_str())
                .collect::<Vec<_>>()
        );
        for metric in declared
            .metrics
            .secondary
            .iter()
            .chain([&declared.metrics.primary])
        {
            for arm in &arms[1..] {
                assert!(
                    known.effect(arm, metric).is_some(),
                    "{} {arm} {metric}",
                    declared.name
                );
            }
        }
        for column in &declared.segments {
            assert!(
                known
                    .segments
                    .iter()
                    .any(|segment| segment.column == *column)
            );
        }
    }
    let clicks = catalog.performance("clicks").expect("a performance");
    assert!(catalog.touch(&clicks.touches).is_some());
    assert!(catalog.attribution("orders").is_some());
    let declared: Vec<&str> = catalog
        .contents()
        .map(|piece| piece.name.as_str())
        .collect();
    let content = &truth.content;
    assert!(content.clicks.len() >= declared.len());
    for known in &content.clicks {
        assert!(
            declared.contains(&known.content.as_str()),
            "{}",
            known.content
        );
    }
    for initiative in catalog.initiatives() {
        let known = truth
            .initiative(&initiative.name)
            .expect("every initiative has its truth");
        let costs: Vec<&str> = catalog
            .costs_of(&initiative.name)
            .map(|cost| cost.name.as_str())
            .collect();
        assert_eq!(
            costs,
            known
                .costs
                .iter()
                .map(|cost| cost.name.as_str())
                .collect::<Vec<_>>()
        );
    }
}
