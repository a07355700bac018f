//! The truth against the data: effects computed from the written tables, by other code than made them, agree with it.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use simulate::{Settings, Truth, write_project};

const DAY: i64 = 86_400_000_000;

fn read(folder: &Path, table: &str) -> Vec<RecordBatch> {
    let file = File::open(folder.join(format!("data/{table}.parquet"))).expect("a table");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .expect("a Parquet file")
        .build()
        .expect("a reader");
    reader.map(|batch| batch.expect("a batch")).collect()
}

fn integers(batch: &RecordBatch, column: &str) -> Vec<i64> {
    batch
        .column_by_name(column)
        .expect("a column")
        .as_primitive::<Int64Type>()
        .values()
        .to_vec()
}

fn times(batch: &RecordBatch, column: &str) -> Vec<i64> {
    batch
        .column_by_name(column)
        .expect("a column")
        .as_primitive::<TimestampMicrosecondType>()
        .values()
        .to_vec()
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<String> {
    let array = cast(
        batch.column_by_name(column).expect("a column"),
        &DataType::Utf8,
    )
    .expect("texts");
    array
        .as_string::<i32>()
        .iter()
        .map(|text| text.unwrap_or_default().to_owned())
        .collect()
}

type Key = (String, i64);

/// What a measurement would find: events by customer, and the arm and exposure of each customer in each experiment.
struct Data {
    orders: HashMap<i64, Vec<(i64, f64)>>,
    visits: HashMap<i64, Vec<i64>>,
    /// By experiment and customer: the first arm, and when the customer was exposed.
    counted: HashMap<Key, (String, i64)>,
    assignment_rows: HashMap<String, u64>,
}

fn data(folder: &Path) -> Data {
    let mut orders: HashMap<i64, Vec<(i64, f64)>> = HashMap::new();
    for batch in read(folder, "orders") {
        let amounts = batch
            .column_by_name("amount")
            .expect("a column")
            .as_primitive::<Decimal128Type>();
        assert_eq!(amounts.data_type(), &DataType::Decimal128(12, 2));
        let rows = integers(&batch, "customer_id")
            .into_iter()
            .zip(times(&batch, "ordered_at"))
            .zip(amounts.values());
        for ((customer, time), cents) in rows {
            orders
                .entry(customer)
                .or_default()
                .push((time, *cents as f64 / 100.0));
        }
    }
    let mut visits: HashMap<i64, Vec<i64>> = HashMap::new();
    for batch in read(folder, "visits") {
        for (customer, time) in integers(&batch, "customer_id")
            .into_iter()
            .zip(times(&batch, "visited_at"))
        {
            visits.entry(customer).or_default().push(time);
        }
    }
    let mut exposures: HashMap<Key, i64> = HashMap::new();
    let mut with_exposures = Vec::new();
    for batch in read(folder, "exposures") {
        let keys = texts(&batch, "experiment")
            .into_iter()
            .zip(integers(&batch, "customer_id"));
        for (key, time) in keys.zip(times(&batch, "exposed_at")) {
            if !with_exposures.contains(&key.0) {
                with_exposures.push(key.0.clone());
            }
            exposures
                .entry(key)
                .and_modify(|first| *first = time.min(*first))
                .or_insert(time);
        }
    }
    let mut first: HashMap<Key, (String, i64)> = HashMap::new();
    let mut assignment_rows: HashMap<String, u64> = HashMap::new();
    for batch in read(folder, "assignments") {
        let keys = texts(&batch, "experiment")
            .into_iter()
            .zip(integers(&batch, "customer_id"));
        for ((key, arm), time) in keys
            .zip(texts(&batch, "arm"))
            .zip(times(&batch, "assigned_at"))
        {
            *assignment_rows.entry(key.0.clone()).or_default() += 1;
            let row = (arm, time);
            let known = first.entry(key).or_insert_with(|| row.clone());
            if row.1 < known.1 {
                *known = row;
            }
        }
    }
    let counted = first
        .into_iter()
        .filter_map(|(key, (arm, assigned))| {
            let exposed = if with_exposures.contains(&key.0) {
                *exposures.get(&key)?
            } else {
                assigned
            };
            assert!(exposed >= assigned);
            Some((key, (arm, exposed)))
        })
        .collect();
    Data {
        orders,
        visits,
        counted,
        assignment_rows,
    }
}

/// Revenue and its relatives of one customer in a window.
fn outcome(data: &Data, customer: i64, exposed: i64, days: i64, metric: &str) -> f64 {
    let within = |time: i64| exposed <= time && time < exposed + days * DAY;
    let none = Vec::new();
    let orders = data
        .orders
        .get(&customer)
        .unwrap_or(&none)
        .iter()
        .filter(|(time, _)| within(*time));
    match metric.trim_end_matches("-year") {
        "revenue" => orders.map(|(_, amount)| amount).sum(),
        "orders" => orders.count() as f64,
        "conversion" => f64::from(u8::from(orders.count() > 0)),
        "visits" => data
            .visits
            .get(&customer)
            .map_or(0, |v| v.iter().filter(|&&t| within(t)).count()) as f64,
        other => panic!("no metric {other}"),
    }
}

struct Moments {
    n: f64,
    mean: f64,
    variance: f64,
}

fn moments(values: &[f64]) -> Moments {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Moments { n, mean, variance }
}

fn simulated(customers: u64, seed: u64) -> (Truth, Data) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings {
        customers,
        seed,
        ..Settings::default()
    };
    let written = write_project(&settings, folder.path(), &mut |_| {}).expect("a project");
    (written.truth, data(folder.path()))
}

#[test]
fn differences_of_means_in_the_data_agree_with_the_true_effects() {
    let (truth, data) = simulated(6_000, 21);
    let mut scores = Vec::new();
    for experiment in &truth.experiments {
        let days = if experiment.name == "universal-holdout" {
            364
        } else {
            28
        };
        let mut arms: HashMap<&str, Vec<(i64, i64)>> = HashMap::new();
        for ((name, customer), (arm, exposed)) in &data.counted {
            if *name == experiment.name {
                arms.entry(arm).or_default().push((*customer, *exposed));
            }
        }
        for arm in &experiment.arms {
            assert_eq!(
                arms[arm.name.as_str()].len() as u64,
                arm.counted,
                "{} {}",
                experiment.name,
                arm.name
            );
        }
        for effect in experiment
            .effects
            .iter()
            .filter(|e| e.metric != "average-order-value")
        {
            let [arm, reference] = [&effect.arm, &effect.reference].map(|arm| {
                let values: Vec<f64> = arms[arm.as_str()]
                    .iter()
                    .map(|(customer, exposed)| {
                        outcome(&data, *customer, *exposed, days, &effect.metric)
                    })
                    .collect();
                moments(&values)
            });
            let error = (arm.variance / arm.n + reference.variance / reference.n).sqrt();
            let score = (arm.mean - reference.mean - effect.effect) / error;
            assert!(
                score.abs() < 4.5,
                "{} {} {}: {score}",
                experiment.name,
                effect.arm,
                effect.metric
            );
            let score = (reference.mean - effect.reference_mean)
                / (reference.variance / reference.n).sqrt();
            assert!(
                score.abs() < 4.5,
                "{} reference {}: {score}",
                experiment.name,
                effect.metric
            );
            if effect.metric.starts_with("revenue") {
                scores.push((arm.mean - reference.mean - effect.effect) / error);
            }
        }
    }
    // Twelve nearly independent standard normal scores: their squares sum to more than 36 once in 3000 times.
    assert_eq!(scores.len(), 13);
    assert!(
        scores.iter().map(|z| z * z).sum::<f64>() < 37.0,
        "{scores:?}"
    );
}

#[test]
fn alike_arms_have_no_effect_at_all() {
    let (truth, _) = simulated(1_200, 2);
    for (experiment, arm) in [("platform-check", "b"), ("email-levels", "first-name")] {
        let experiment = truth.experiment(experiment).expect("an experiment");
        for effect in experiment
            .effects
            .iter()
            .chain(experiment.segments.iter().flat_map(|s| &s.effects))
        {
            assert!(effect.arm != arm || effect.effect == 0.0, "{effect:?}");
        }
    }
}

#[test]
fn ratios_are_consistent_with_their_parts() {
    let (truth, _) = simulated(1_200, 2);
    for experiment in truth
        .experiments
        .iter()
        .filter(|e| e.name != "universal-holdout")
    {
        for arm in experiment.arms.iter().skip(1) {
            let of = |metric| experiment.effect(&arm.name, metric).expect("an effect");
            let (revenue, orders, ratio) = (of("revenue"), of("orders"), of("average-order-value"));
            assert!((ratio.mean - revenue.mean / orders.mean).abs() < 1e-9);
            assert!(
                (ratio.effect - (ratio.mean - revenue.reference_mean / orders.reference_mean))
                    .abs()
                    < 1e-9
            );
            assert!(of("conversion").mean < orders.mean.min(1.0));
        }
    }
}

#[test]
fn segments_add_up_to_the_whole() {
    let (truth, _) = simulated(1_200, 4);
    for experiment in &truth.experiments {
        let whole = &experiment.effects[0];
        for column in ["region", "newbie", "loyalty_tier", "device"] {
            let parts: Vec<_> = experiment
                .segments
                .iter()
                .filter(|s| s.column == column && s.customers > 0)
                .collect();
            let customers: u64 = parts.iter().map(|s| s.customers).sum();
            assert_eq!(
                customers,
                experiment.arms.iter().map(|arm| arm.counted).sum::<u64>()
            );
            let sum: f64 = parts
                .iter()
                .map(|s| s.effects[0].effect * s.customers as f64)
                .sum();
            assert!(
                (sum / customers as f64 - whole.effect).abs() < 1e-9 * whole.mean,
                "{} {column}",
                experiment.name
            );
        }
    }
}

#[test]
fn faults_are_counted_as_they_are_on_record() {
    let (truth, data) = simulated(2_000, 9);
    let mut total = (0, 0, 0);
    for experiment in &truth.experiments {
        let faults = experiment.faults;
        let assigned: u64 = experiment.arms.iter().map(|arm| arm.assigned).sum();
        let rows = data.assignment_rows[&experiment.name];
        assert_eq!(
            rows,
            assigned + faults.duplicated_assignments + faults.several_arms,
            "{}",
            experiment.name
        );
        let counted: u64 = experiment.arms.iter().map(|arm| arm.counted).sum();
        assert_eq!(counted + faults.never_exposed, assigned);
        total.0 += faults.duplicated_assignments;
        total.1 += faults.several_arms;
        total.2 += faults.missing_engagement;
    }
    assert!(total.0 > 0 && total.1 > 0 && total.2 > 0, "{total:?}");
}

#[test]
fn the_ledger_of_an_initiative_adds_up() {
    let (truth, _) = simulated(2_000, 1);
    assert_eq!(truth.initiatives.len(), 10);
    for initiative in &truth.initiatives {
        assert!((initiative.increment - initiative.revenue * truth.margin).abs() < 1e-9);
        let cost: f64 = initiative.costs.iter().map(|cost| cost.amount).sum();
        assert!((initiative.net - (initiative.increment - cost)).abs() < 1e-9 && cost > 0.0);
        let experiment = truth
            .experiment(&initiative.experiment)
            .expect("an experiment");
        let effect = experiment
            .effect(&initiative.arm, "revenue")
            .expect("an effect");
        assert!((effect.total.expect("a sum has a total") - initiative.revenue).abs() < 1e-6);
    }
    // The lessons that the company is made to teach.
    let of = |name| truth.initiative(name).expect("an initiative");
    assert_eq!(of("first-name-emails").revenue, 0.0);
    for pays in [
        "home-recommendations",
        "home-page-redesign",
        "next-purchase-emails",
    ] {
        assert!(of(pays).net > 0.0, "{pays}");
    }
    for too_dear in ["loyalty-offers", "dynamic-bundles"] {
        assert!(
            of(too_dear).revenue > 0.0 && of(too_dear).net < 0.0,
            "{too_dear}"
        );
    }
    for harmful in ["push-reminders", "checkout-countdown"] {
        assert!(of(harmful).revenue < 0.0, "{harmful}");
    }
}
