//! The truth against the data: effects computed from the written tables, by other code than made them, agree with it.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use simulate::{Estimand, Settings, Truth, Worth, write_project};

const DAY: i64 = 86_400_000_000;
/// The end of the data: 728 days from 1 January 2024, which is day 19723 of the epoch.
const END: i64 = (19_723 + 728) * DAY;

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
            let matures = exposed + window(&key.0) * DAY;
            (matures <= END).then_some((key, (arm, exposed)))
        })
        .collect();
    Data {
        orders,
        visits,
        counted,
        assignment_rows,
    }
}

/// The days that an experiment's metrics count.
fn window(experiment: &str) -> i64 {
    if experiment == "universal-holdout" {
        364
    } else {
        28
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
        let days = window(&experiment.name);
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
            let is_factorial = !experiment.shares.is_empty();
            if effect.metric.starts_with("revenue") && !is_factorial {
                scores.push((arm.mean - reference.mean - effect.effect) / error);
            }
        }
    }
    // Fourteen nearly independent standard normal scores: their squares sum to more than 39 once in 3000 times.
    assert_eq!(scores.len(), 14);
    assert!(
        scores.iter().map(|z| z * z).sum::<f64>() < 40.0,
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
        let waiting: u64 = experiment.arms.iter().map(|arm| arm.not_matured).sum();
        assert_eq!(waiting > 0, experiment.name == "welcome-programme");
        assert_eq!(counted + faults.never_exposed + waiting, assigned);
        total.0 += faults.duplicated_assignments;
        total.1 += faults.several_arms;
        total.2 += faults.missing_engagement;
    }
    assert!(total.0 > 0 && total.1 > 0 && total.2 > 0, "{total:?}");
}

#[test]
fn the_ledger_of_an_initiative_adds_up() {
    let (truth, _) = simulated(2_000, 1);
    assert_eq!(truth.initiatives.len(), 11);
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
    let welcome = of("welcome-programme");
    assert!(welcome.revenue > 0.0 && welcome.net < 0.0);
    let lifetime = truth.lifetime("welcome-programme").expect("a lifetime");
    let later = lifetime
        .difference("personalized", Estimand::StaysOn, 3)
        .expect("a difference");
    assert!(later.discounted_margin > 2.0 * welcome.cost / welcome.customers as f64);
    for harmful in ["push-reminders", "checkout-countdown"] {
        assert!(of(harmful).revenue < 0.0, "{harmful}");
    }
}

#[test]
fn lifetimes_are_consistent() {
    let (truth, data) = simulated(3_000, 5);
    let lifetime = truth.lifetime("welcome-programme").expect("a lifetime");
    let experiment = truth
        .experiment("welcome-programme")
        .expect("an experiment");
    let assigned: u64 = experiment.arms.iter().map(|arm| arm.assigned).sum();
    assert_eq!(lifetime.customers, assigned);
    let value = |arm: &str, estimand, years| -> Worth {
        let mut values = lifetime.values.iter();
        let found = values.find(|v| v.arm == arm && v.estimand == estimand && v.years == years);
        found.expect("a value").worth
    };
    let mut before = 0.0;
    for years in [1, 3, 10] {
        let generic = value("generic", Estimand::StaysOn, years);
        let stopped = value("generic", Estimand::Stops, years);
        assert!((stopped.discounted_margin - generic.discounted_margin).abs() < 1e-9);
        assert!(generic.discounted_margin < generic.margin);
        let [on, stopped] = [Estimand::StaysOn, Estimand::Stops].map(|estimand| {
            let treated = value("personalized", estimand, years);
            let difference = lifetime
                .difference("personalized", estimand, years)
                .expect("a difference");
            assert!((treated.margin - generic.margin - difference.margin).abs() < 1e-9);
            assert!((treated.orders - generic.orders - difference.orders).abs() < 1e-9);
            *difference
        });
        // Stopping costs something, and what was done before is kept.
        assert!(
            0.0 < stopped.discounted_margin && stopped.discounted_margin < on.discounted_margin
        );
        assert!(before < on.margin);
        before = on.margin;
        if years == 10 {
            let split = &lifetime.splits[0];
            for (split, whole) in [
                (split.margin, on.margin),
                (split.discounted_margin, on.discounted_margin),
            ] {
                assert!((split.often + split.longer + split.larger - whole).abs() < 1e-9 * whole);
                assert!(split.often > split.larger && split.larger > 0.0 && split.longer > 0.0);
            }
        }
    }
    // In the data: what customers who can be seen for a year ordered in it, against what was expected of all.
    for (arm, name) in [(0, "generic"), (1, "personalized")] {
        let orders: Vec<f64> = data
            .counted
            .iter()
            .filter(|((experiment, _), (arm, exposed))| {
                experiment == "welcome-programme" && arm == name && exposed + 365 * DAY <= END
            })
            .map(|((_, customer), (_, exposed))| outcome(&data, *customer, *exposed, 365, "orders"))
            .collect();
        let found = moments(&orders);
        let expected = value(experiment.arms[arm].name.as_str(), Estimand::StaysOn, 1).orders;
        // The four weeks of other experiments, which are left out of the truth, are worth a few percent.
        let error = (found.variance / found.n).sqrt() + 0.05 * expected;
        assert!(
            (found.mean - expected).abs() < 4.0 * error,
            "{name}: {} is not {expected} ± {error}",
            found.mean
        );
    }
}

#[test]
fn factors_share_the_effect_of_all_of_them() {
    let (truth, _) = simulated(3_000, 6);
    for (name, factors, all) in [
        (
            "channel-factorial",
            ["email", "push", "home-page"],
            "email-push-home",
        ),
        (
            "component-test",
            ["headline", "image", "call"],
            "question-person-discover",
        ),
    ] {
        let experiment = truth.experiment(name).expect("an experiment");
        assert_eq!(experiment.arms.len(), 8);
        let whole = experiment.effect(all, "orders").expect("an effect");
        let share = |factor: &str| {
            let mut shares = experiment.shares.iter();
            let found = shares.find(|s| s.factor == factor && s.metric == "orders");
            found.expect("a share").share
        };
        let [first, second, third] = factors.map(share);
        assert!((first + second + third - whole.effect).abs() < 1e-12);
        assert!(first > 0.0 && second > 0.0 && third > 0.0);
        // Two channels together bring less than their sum, a question beside a person more.
        let effect = |arm: &str| experiment.effect(arm, "orders").expect("an effect").effect;
        match name {
            "channel-factorial" => assert!(effect("email-push") < effect("email") + effect("push")),
            _ => assert!(
                effect("question-person-shop")
                    > effect("question-product-shop") + effect("promise-person-shop")
            ),
        }
    }
}

/// A row of the touches.
struct Touch {
    content: String,
    channel: String,
    exposure: i64,
    propensity: f64,
    candidates: Option<String>,
    clicked: bool,
}

/// By customer, in order of time.
fn touches(folder: &Path) -> BTreeMap<i64, Vec<Touch>> {
    let mut touches: BTreeMap<i64, Vec<Touch>> = BTreeMap::new();
    for batch in read(folder, "touches") {
        let column = |name: &str| batch.column_by_name(name).expect("a column");
        let clicked = column("clicked_at").as_primitive::<TimestampMicrosecondType>();
        let propensity = column("propensity").as_primitive::<Float64Type>();
        let (contents, channels) = (texts(&batch, "content"), texts(&batch, "channel"));
        let (candidates, exposures) = (texts(&batch, "candidates"), integers(&batch, "exposure"));
        let shown = times(&batch, "touched_at");
        for (row, customer) in integers(&batch, "customer_id").into_iter().enumerate() {
            if clicked.is_valid(row) {
                let later = clicked.value(row) - shown[row];
                assert!((4_000_000..=301_000_000).contains(&later));
            }
            touches.entry(customer).or_default().push(Touch {
                content: contents[row].clone(),
                channel: channels[row].clone(),
                exposure: exposures[row],
                propensity: propensity.value(row),
                candidates: Some(candidates[row].clone()).filter(|list| !list.is_empty()),
                clicked: clicked.is_valid(row),
            });
        }
    }
    touches
}

#[test]
fn clicks_and_choices_agree_with_what_is_true_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings {
        customers: 4_000,
        seed: 31,
        ..Settings::default()
    };
    let truth = write_project(&settings, folder.path(), &mut |_| {})
        .expect("a project")
        .truth
        .content;
    let of = |content: &str, channel: &str| {
        let mut clicks = truth.clicks.iter();
        let found = clicks.find(|c| c.content == content && c.channel == channel);
        found.expect("a rate")
    };
    // Sums of residuals and variances, of all clicks and of those after the first exposure.
    let mut residuals = [(0.0, 0.0); 2];
    let (mut choices, mut squares) = (0, (0.0, 0.0));
    // By item: weighted clicks without it, by decisions, as a log of choices tells them.
    let mut without: BTreeMap<&str, f64> = BTreeMap::new();
    let mut logged = 0.0;
    for rows in touches(folder.path()).values() {
        let mut seen: HashMap<&str, i64> = HashMap::new();
        for touch in rows {
            let count = seen.entry(&touch.content).or_default();
            *count += 1;
            assert_eq!(touch.exposure, *count);
            let known = of(&touch.content, &touch.channel);
            let p = known.rate * known.fatigue.powi(i32::try_from(*count).expect("few") - 1);
            let clicked = f64::from(u8::from(touch.clicked));
            for slot in &mut residuals[..if *count > 1 { 2 } else { 1 }] {
                slot.0 += clicked - p;
                slot.1 += p * (1.0 - p);
            }
            let Some(candidates) = &touch.candidates else {
                continue;
            };
            assert!(candidates.split(',').any(|name| name == touch.content));
            choices += 1;
            logged += clicked;
            // A propensity is the probability of its choice: its inverse has the mean of the number of candidates.
            let inverse = touch.propensity.recip() - candidates.split(',').count() as f64;
            squares.0 += inverse;
            squares.1 += inverse * inverse;
            for item in &truth.dropped {
                let is_candidate = candidates.split(',').any(|name| name == item.content);
                let weight = match (touch.content == item.content, is_candidate) {
                    (true, _) => 0.0,
                    (_, false) => 1.0,
                    _ => (1.0 - chance(&item.content)).recip(),
                };
                *without.entry(&item.content).or_default() += weight * clicked;
            }
        }
    }
    for (sum, variance) in residuals {
        assert!(sum.abs() < 4.0 * f64::sqrt(variance), "{sum} of {variance}");
    }
    assert_eq!(choices, truth.choices);
    assert!(squares.0.abs() < 4.0 * f64::sqrt(squares.1), "{squares:?}");
    let n = choices as f64;
    let rate = truth.rate.expect("a rate");
    let error = (rate / n).sqrt();
    assert!((logged / n - rate).abs() < 4.0 * error);
    assert_eq!(truth.dropped.len(), 4 + 3 + 3 + 3);
    for item in &truth.dropped {
        let found = (logged - without[item.content.as_str()]) / n;
        assert!(
            (found - item.loss).abs() < 4.0 * error,
            "{}: {found} is not {} ± {error}",
            item.content,
            item.loss
        );
    }
}

/// The probability of a piece where it is a candidate.
fn chance(content: &str) -> f64 {
    match content {
        "spring-guide" | "weekend-sale" => 0.5,
        "garden-tips" | "new-in-store" | "makers-stories" | "bath-refresh" => 0.3,
        "lighting-offer" => 0.15,
        "kitchen-stories" => 0.05,
        "style-quiz" => 0.2,
        "room-of-the-week" => 0.4,
        _ => 1.0 / 3.0,
    }
}
