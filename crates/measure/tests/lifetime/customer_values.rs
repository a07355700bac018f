//! The file with what each customer is worth.

use measure::audience::lifetime::{ValuesFile, ValuesFormat};
use measure::audience::lifetime_with_values;

use super::*;

const KEYS: &str = "kind: lifetime\nname: test\nfact: purchases\n";

/// A project of simulated customers, with the source and the channel called `value`.
struct Project {
    folder: TempDir,
    documents: String,
}

impl Project {
    fn new(keys: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let [rows, _, known] = simulated(400, 1.0);
        std::fs::write(folder.path().join("rows.csv"), rows).unwrap();
        let known = known.replacen("source", "value", 1);
        std::fs::write(folder.path().join("known.csv"), known).unwrap();
        let documents = format!(
            "{FACT}{{ kind: source, name: known, path: known.csv, types: {{ id: VARCHAR }} }}\n---\n{KEYS}{keys}"
        );
        Self { folder, documents }
    }

    /// Measures, and returns the file that was asked for.
    fn write(
        &self,
        name: &str,
        threads: u32,
    ) -> (Result<LifetimeFinding, MeasureError>, std::path::PathBuf) {
        let settings = format!("{SETTINGS}engine: {{ threads: {threads} }}\n");
        let catalog = catalog(self.folder.path(), &settings, &self.documents);
        let mut lake = Lake::open(&catalog, None).unwrap();
        let path = self.folder.path().join(name);
        let format = ValuesFormat::of(&path).unwrap();
        let document = catalog.lifetimes().next().unwrap();
        let file = ValuesFile {
            path: &path,
            format,
        };
        (
            lifetime_with_values(&catalog, &mut lake, document, file),
            path,
        )
    }
}

/// The rows of a file, by its header.
fn rows(path: &Path) -> (String, Vec<Vec<String>>) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header = lines.next().unwrap().to_owned();
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    (header, lines.map(cells).collect())
}

const HEADER: &str = "customer,repeat_purchases,first_day,last_day,alive,expected_purchases,value,value_se,value_low,\
                      value_high";

/// The values of customers are those of groups of one customer, and their mean is the value of all.
fn assert_values(keys: &str, segments: &str) {
    let project = Project::new(keys);
    let (finding, path) = project.write("customers.csv", 2);
    let finding = finding.unwrap();
    let value = finding.value.as_ref().unwrap();
    let (header, rows) = rows(&path);
    assert_eq!(header, format!("{HEADER}{segments}"));
    assert_eq!(rows.len() as u64, finding.extent.customers);
    let ids: Vec<&String> = rows.iter().map(|row| &row[0]).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    let number = |row: &[String], column: usize| row[column].parse::<f64>().unwrap();
    let mean = |column| rows.iter().map(|row| number(row, column)).sum::<f64>() / rows.len() as f64;
    near(mean(6), value.future.estimate, 1e-9);
    near(mean(4), value.alive, 1e-9);
    near(mean(5), value.expected_purchases, 1e-9);
    near(mean(1), value.purchases, 1e-12);
    let by_id = &finding.by[0].values;
    assert_eq!(by_id.len(), rows.len());
    for group in by_id {
        let row = rows.iter().find(|row| row[0] == group.group).unwrap();
        near(number(row, 1), group.purchases, 1e-12);
        near(number(row, 4), group.alive, 1e-12);
        near(number(row, 5), group.expected_purchases, 1e-12);
        let future = group.future;
        near(number(row, 6), future.estimate, 1e-9);
        near(number(row, 7), future.se, 1e-6);
        near(number(row, 8), future.low, 1e-6);
        near(number(row, 9), future.high, 1e-6);
        assert_eq!(row[10], row[0]);
        let id: usize = row[0].parse().unwrap();
        assert_eq!(row[11], ["DE", "FR"][id % 2]);
    }
}

#[test]
fn the_values_of_customers_are_those_of_groups_of_one() {
    // Its own columns have their names before the document's.
    assert_values(
        "spend: amount\nhorizon: 2 years\nby: [id, country]\ncustomers: { source: known, customer: id }\n\
         acquisition: { cost: cost, channel: value }\ncovariates: [country]\n",
        ",id,country,by_value",
    );
    assert_values(
        "horizon: 1 year\nby: [id, country]\ncustomers: { source: known, customer: id }\n",
        ",id,country",
    );
}

#[test]
fn lower_ends_without_visible_attrition_are_those_of_groups() {
    let mut rows = "id,day,amount\n".to_owned();
    for id in 0..60 {
        for day in [1, 4 + id % 7, 12 + id % 5, 20 + id % 11] {
            let amount = 10 + (id * 7 + day) % 9;
            writeln!(rows, "{id},2024-01-{day:02},{amount}").unwrap();
        }
    }
    let keys = "spend: amount\nhorizon: 1 year\nby: [id]\nmodel: pareto-nbd\n";
    let mut project = Project::new(keys);
    project.documents = format!("{FACT}{KEYS}{keys}");
    std::fs::write(project.folder.path().join("rows.csv"), rows).unwrap();
    let (finding, path) = project.write("customers.csv", 1);
    let finding = finding.unwrap();
    assert!(finding.models[0].sees_no_attrition, "{:?}", finding.models);
    let (_, rows) = self::rows(&path);
    for group in &finding.by[0].values {
        let row = rows.iter().find(|row| row[0] == group.group).unwrap();
        let (value, low) = (
            row[6].parse::<f64>().unwrap(),
            row[8].parse::<f64>().unwrap(),
        );
        near(value, group.future.estimate, 1e-9);
        near(low, group.future.low, 1e-6);
    }
}

#[test]
fn the_file_does_not_depend_on_threads_and_has_the_days() {
    let project = Project::new("spend: amount\nhorizon: 2 years\n");
    for name in ["customers.csv", "customers.parquet"] {
        let (_, one) = project.write(&format!("one-{name}"), 1);
        let (_, two) = project.write(&format!("two-{name}"), 2);
        let [one, two] = [one, two].map(|file| std::fs::read(file).unwrap());
        assert_eq!(one, two, "{name}");
    }
    // The ids' type, and the days of the fact.
    let settings = catalog(project.folder.path(), SETTINGS, &project.documents);
    let lake = Lake::open(&settings, None).unwrap();
    let at = |name: &str| project.folder.path().join(name).display().to_string();
    let query = format!(
        "SELECT count(*) || ' ' || typeof(any_value(v.customer)) || ' ' || typeof(any_value(first_day)) FROM '{}' AS v \
         JOIN (SELECT CAST(id AS VARCHAR) AS id, count(DISTINCT day) - 1 AS x, min(day) AS first, max(day) AS last \
         FROM read_csv('{}') GROUP BY ALL) AS r ON v.customer = r.id AND v.repeat_purchases = r.x AND v.first_day = r.first \
         AND v.last_day = r.last",
        at("one-customers.parquet"),
        at("rows.csv"),
    );
    let found: String = lake.engine().value(&query, "cannot compare").unwrap();
    assert_eq!(found, "400 VARCHAR DATE");
}

#[test]
fn without_values_there_is_no_file() {
    let project = Project::new("spend: amount\n");
    let rows = "id,day,amount\na,2024-01-01,5\na,2024-02-01,5\nb,2024-02-01,5\n";
    std::fs::write(project.folder.path().join("rows.csv"), rows).unwrap();
    let (finding, path) = project.write("customers.csv", 1);
    assert!(finding.unwrap().refusal.is_some());
    assert!(!path.exists());
    assert_eq!(ValuesFormat::of(Path::new("customers.xlsx")), None);
}
