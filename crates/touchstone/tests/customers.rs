//! The file with what each customer is worth, through the command.

mod common;

use std::fmt::Write as _;
use std::fs;

use common::{complaint, shown, text, touchstone};
use tempfile::TempDir;

/// A lifetime of a hundred customers, and one of which nothing can be said.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = "id,day,amount\n".to_owned();
    for id in 0..100 {
        let (first, apart) = (1 + id % 20, 3 + (id * 7) % 40);
        for purchase in 0..(1 + (id * 5) % 6) {
            let day = first + purchase * apart;
            let (month, day) = (1 + day / 28, 1 + day % 28);
            writeln!(
                rows,
                "{id},2024-{month:02}-{day:02},{}",
                5 + (id * 11 + day) % 30
            )
            .unwrap();
        }
    }
    fs::write(folder.path().join("rows.csv"), rows).unwrap();
    fs::write(
        folder.path().join("touchstone.yaml"),
        "name: Shop\nmargin: 0.5\ndiscount_rate: 0.1\n",
    )
    .unwrap();
    for name in ["catalog", "more"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let documents = "{ kind: source, name: rows, path: rows.csv }\n---\n\
        { kind: fact, name: purchases, source: rows, customer: id, time: day }\n---\n\
        { kind: fact, name: none, source: rows, customer: id, time: day, where: id < 2 }\n---\n\
        { kind: lifetime, name: customers, fact: purchases, spend: amount, horizon: 1 year }\n---\n\
        { kind: source, name: more, path: 'more/*.csv' }\n---\n\
        { kind: lifetime, name: late, fact: purchases, spend: amount, horizon: 1 year, \
          customers: { source: rows, customer: id }, rollout: { since: id } }\n---\n\
        { kind: lifetime, name: few, fact: none, spend: amount, horizon: 1 year }\n";
    fs::write(folder.path().join("catalog/shop.yaml"), documents).unwrap();
    folder
}

#[test]
fn customers_are_written_once() {
    let folder = project();
    let at = shown(folder.path());
    let file = folder.path().join("values.csv");
    let arguments = |name, file| ["-C", at, "measure", "audience", name, "--customers", file];
    let written = touchstone(&arguments("customers", shown(&file)));
    assert!(written.status.success(), "{}", text(&written.stderr));
    assert!(text(&written.stdout).contains("per customer"));
    assert!(text(&written.stderr).contains("wrote 100 customers to"));
    let values = fs::read_to_string(&file).unwrap();
    let header = "customer,repeat_purchases,first_day,last_day,alive,expected_purchases,value,value_se,value_low,value_high";
    assert_eq!(values.lines().next(), Some(header));
    // Ids are numbers here, and sorted as such.
    let ids: Vec<u32> = (values.lines().skip(1))
        .map(|line| line.split(',').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(ids, (0..100).collect::<Vec<u32>>());

    let again = complaint(&arguments("customers", shown(&file)));
    assert!(
        again.contains("values.csv: it is there already: remove it"),
        "{again}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), values);
}

#[test]
fn what_cannot_be_written_says_why_and_leaves_no_file() {
    let folder = project();
    let at = shown(folder.path());
    let said = |name: &str, file: &str| {
        let path = folder.path().join(file);
        let said = complaint(&[
            "-C",
            at,
            "measure",
            "audience",
            name,
            "--customers",
            shown(&path),
        ]);
        assert!(!path.exists());
        let part = folder.path().join(format!("{file}.partial"));
        assert!(!part.exists());
        said
    };
    let few = said("few", "values.csv");
    assert!(
        few.contains("it was not written: customers who bought again: "),
        "{few}"
    );
    let format = said("customers", "values.xlsx");
    assert!(format.contains("`.csv` or `.parquet`"), "{format}");
    let missing = said("customers", "missing/values.parquet");
    assert!(
        missing.contains("no such folder to write customers to"),
        "{missing}"
    );
    // What fails later takes the file with it.
    let late = said("late", "values.csv");
    assert!(late.contains("not a time"), "{late}");
    for (file, why) in [
        ("more/values.csv", "the data of source `more`"),
        ("catalog/values.csv", "the folder of the catalog"),
    ] {
        let place = said("customers", file);
        assert!(
            place.contains("--customers") && place.contains(why),
            "{place}"
        );
    }
    let unknown = said("customer", "values.csv");
    assert!(
        unknown.contains("there is no lifetime `customer`; did you mean `customers`?"),
        "{unknown}"
    );
}
