//! Covariates that are learned, and clusters, where the truth is known.

mod common;

use std::fmt::Write;

use catalog::Catalog;
use common::Project;
use lake::Lake;
use measure::audience::{LiftFinding, lift};

/// Uniform numbers between 0 and 1, by SplitMix64.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A standard normal number, nearly: the sum of twelve uniform ones.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

const EFFECT: f64 = 0.4;

/// Customers whose spend depends on whether two things are both large or both small, a little on a slope, and on the
/// region: `id,arm,replicate,age,visits,region,spend`.
fn customers(random: &mut Random, replicate: usize, number: usize, text: &mut String) {
    for customer in 0..number {
        let arm = if random.uniform() < 0.5 { "a" } else { "b" };
        let (age, visits) = (random.uniform(), random.uniform());
        let region = ["north", "south", "east"][(random.uniform() * 3.0) as usize];
        let mut spend = 0.5 * age + random.normal();
        if (age > 0.5) != (visits > 0.5) {
            spend += 2.0;
        }
        if region == "south" {
            spend += 1.0;
        }
        if arm == "b" {
            spend += EFFECT;
        }
        let visits = if customer % 9 == 0 {
            String::new()
        } else {
            visits.to_string()
        };
        let id = replicate * number + customer;
        writeln!(
            text,
            "{id},{arm},{replicate},{age},{visits},{region},{spend}"
        )
        .unwrap();
    }
}

const HEADER: &str = "id,arm,replicate,age,visits,region,spend\n";

const TABLE: &str = "
{ kind: source, name: customers, path: customers.csv, key: id }
---
{ kind: fact, name: outcome, source: customers, customer: id }
---
{ kind: metric, name: spend, fact: outcome, aggregate: sum, value: spend, unit: money }
---
{ kind: metric, name: rows, fact: outcome, aggregate: count, unit: count }
---
{ kind: metric, name: spend-a-row, aggregate: ratio, numerator: spend, denominator: rows, unit: money }
";

fn experiment(name: &str, rest: &str) -> String {
    format!(
        "---\nkind: experiment\nname: {name}\narms: [{{ name: a, role: generic }}, {{ name: b, role: personalized }}]\n{rest}\n"
    )
}

fn measured(catalog: &Catalog, name: &str) -> LiftFinding {
    let mut lake = Lake::open(catalog, None).unwrap();
    lift(catalog, &mut lake, catalog.experiment(name).unwrap()).unwrap()
}

#[test]
fn what_a_line_cannot_follow_is_learned() {
    let mut text = HEADER.to_owned();
    customers(&mut Random(1), 0, 4000, &mut text);
    let documents = format!(
        "{TABLE}{}",
        experiment(
            "test",
            "assignment: { source: customers, customer: id, arm: arm }\n\
             metrics: { primary: spend, secondary: [spend-a-row] }\n\
             covariates: [age, visits, { learned: [age, visits, region] }]"
        )
    );
    let of_threads = |threads| {
        let project = Project::new().threads(threads).file("customers.csv", &text);
        project.measure(&documents).unwrap()
    };
    let finding = of_threads(1);
    let [spend, ratio] = finding.learned.as_slice() else {
        panic!("{:?}", finding.learned);
    };
    assert_eq!((spend.metric.as_str(), spend.folds), ("spend", 2));
    assert_eq!(spend.covariate, "prediction of spend");
    assert_eq!((spend.customers, spend.trees.len()), (4000, 2));
    // Of the variance 1 + 1 + 2/9 + 1/48, what visits are missing for is lost: 1/9 of what both tell together.
    let r2 = spend.r2.unwrap();
    assert!((0.42..0.55).contains(&r2), "{r2}");
    let [gain] = spend.gains.as_slice() else {
        panic!("{:?}", spend.gains);
    };
    assert!(gain.variance_reduction > 0.42, "{gain:?}");
    assert!(gain.without.unwrap() < 0.05, "{gain:?}");
    let importance: f64 = spend
        .features
        .iter()
        .map(|feature| feature.importance)
        .sum();
    assert!((importance - 1.0).abs() < 1e-9);
    assert_eq!(spend.features[2].name, "region");
    assert!(spend.features[2].importance > 0.05);
    // A ratio to one row each is the same outcome, less its mean.
    assert!((ratio.r2.unwrap() - r2).abs() < 0.02, "{ratio:?}");

    let adjusted = finding
        .comparison("spend", "b")
        .unwrap()
        .adjusted
        .clone()
        .unwrap();
    let effect = adjusted.outcome.absolute.unwrap();
    assert!(effect.low < EFFECT && EFFECT < effect.high, "{effect:?}");
    let names: Vec<&str> = adjusted
        .covariates
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["age", "visits", "prediction of spend"]);
    assert!(adjusted.covariates.iter().all(|one| one.dropped.is_none()));

    let bytes = |finding: &LiftFinding| serde_json::to_string(finding).unwrap();
    assert_eq!(bytes(&finding), bytes(&of_threads(4)));
}

#[test]
fn intervals_cover_the_truth() {
    const REPLICATES: usize = 40;
    let mut text = HEADER.to_owned();
    let mut random = Random(7);
    let mut documents = TABLE.to_owned();
    for replicate in 0..REPLICATES {
        customers(&mut random, replicate, 400, &mut text);
        documents.push_str(&experiment(
            &format!("test{replicate}"),
            &format!(
                "assignment: {{ source: customers, customer: id, arm: arm, where: replicate = {replicate} }}\n\
                 metrics: {{ primary: spend }}\ncovariates: [{{ learned: [age, visits, region], folds: 3 }}]"
            ),
        ));
    }
    let project = Project::new().file("customers.csv", &text);
    let catalog = project.catalog(&documents);
    let mut lake = Lake::open(&catalog, None).unwrap();
    let (mut covered, mut saved) = (0, 0.0);
    for replicate in 0..REPLICATES {
        let experiment = catalog.experiment(&format!("test{replicate}")).unwrap();
        let finding = lift(&catalog, &mut lake, experiment).unwrap();
        let adjusted = finding
            .comparison("spend", "b")
            .unwrap()
            .adjusted
            .clone()
            .unwrap();
        let effect = adjusted.outcome.absolute.unwrap();
        covered += usize::from(effect.low < EFFECT && EFFECT < effect.high);
        saved += adjusted.variance_reduction / REPLICATES as f64;
    }
    // Of 40 intervals of level 0.95, fewer than 33 cover with a probability below one in a thousand.
    assert!(covered >= 33, "{covered}");
    assert!(saved > 0.2, "{saved}");
}

#[test]
fn too_little_to_learn_from_leaves_the_plain_effect() {
    let mut text = HEADER.to_owned();
    customers(&mut Random(3), 0, 60, &mut text);
    let documents = format!(
        "{TABLE}{}",
        experiment(
            "test",
            "assignment: { source: customers, customer: id, arm: arm }\n\
             metrics: { primary: spend }\ncovariates: [{ learned: [age] }]"
        )
    );
    let finding = Project::new()
        .file("customers.csv", &text)
        .measure(&documents)
        .unwrap();
    let learned = &finding.learned[0];
    assert_eq!(learned.r2, None);
    assert!(
        learned.dropped.as_ref().unwrap().contains("too few"),
        "{learned:?}"
    );
    let comparison = finding.comparison("spend", "b").unwrap();
    assert_eq!(comparison.adjusted, None);
    assert!(comparison.outcome.absolute.is_some());
}

#[test]
fn what_is_learned_from_must_be_a_number_or_a_text() {
    let documents = format!(
        "{TABLE}{}",
        experiment(
            "test",
            "assignment: { source: customers, customer: id, arm: arm }\n\
             metrics: { primary: spend }\ncovariates: [{ learned: [joined] }]"
        )
    );
    let table = "id,arm,joined,spend\n1,a,2024-01-01,3\n2,b,2024-01-02,4\n";
    let error = Project::new()
        .file("customers.csv", table)
        .measure(&documents)
        .unwrap_err()
        .to_string();
    assert!(error.contains("`joined` is DATE"), "{error}");
}

/// Shops `arm, [spends of its customers]`.
const SHOPS: [(&str, &[f64]); 8] = [
    ("a", &[3.0, 5.0, 4.0]),
    ("a", &[8.0, 9.0]),
    ("a", &[2.0, 1.0, 3.0, 2.0]),
    ("a", &[6.0]),
    ("b", &[7.0, 9.0, 8.0]),
    ("b", &[4.0, 5.0, 3.0, 6.0]),
    ("b", &[11.0, 10.0]),
    ("b", &[6.0, 8.0]),
];

fn shops() -> String {
    let mut text = "id,arm,shop,spend\n".to_owned();
    let mut id = 0;
    for (shop, (arm, spends)) in SHOPS.iter().enumerate() {
        for spend in *spends {
            id += 1;
            writeln!(text, "{id},{arm},shop{shop},{spend}").unwrap();
        }
    }
    text
}

const SHOP_TEST: &str = "assignment: { source: customers, customer: id, arm: arm, cluster: shop }\n\
     metrics: { primary: spend, secondary: [spend-a-row] }";

/// The mean of an arm over its customers and its variance by Bell and McCaffrey (CR2).
fn by_hand(arm: &str) -> (f64, f64) {
    let shops = || {
        SHOPS
            .iter()
            .filter(|(of, _)| *of == arm)
            .map(|(_, spends)| spends)
    };
    let customers: f64 = shops().map(|spends| spends.len() as f64).sum();
    let mean = shops().flat_map(|spends| spends.iter()).sum::<f64>() / customers;
    let variance = shops()
        .map(|spends| {
            let departure: f64 = spends.iter().map(|spend| spend - mean).sum();
            departure.powi(2) / (1.0 - spends.len() as f64 / customers) / customers.powi(2)
        })
        .sum();
    (mean, variance)
}

#[test]
fn clusters_are_what_is_independent() {
    let finding = Project::new()
        .file("customers.csv", &shops())
        .measure(&format!("{TABLE}{}", experiment("test", SHOP_TEST)))
        .unwrap();
    let clusters = finding.clusters.clone().unwrap();
    assert_eq!(
        (clusters.cluster.as_str(), clusters.several_arms),
        ("shop", 0)
    );
    assert_eq!(clusters.counted, [4, 4]);
    let effect = finding
        .comparison("spend", "b")
        .unwrap()
        .outcome
        .absolute
        .unwrap();
    let ((a, variance_a), (b, variance_b)) = (by_hand("a"), by_hand("b"));
    assert!((effect.estimate - (b - a)).abs() < 1e-12, "{effect:?}");
    assert!(
        (effect.se - (variance_a + variance_b).sqrt()).abs() < 1e-12,
        "{effect:?}"
    );
    assert!(effect.df.unwrap() < 6.0);
    let of_spend = &clusters.metrics[0];
    // 21 customers in 8 shops, within which the spends vary by a sum of squares of 2 + 0.5 + 2 + 0 + 2 + 5 + 0.5 + 2.
    let (size, icc) = (of_spend.size.unwrap(), of_spend.icc.unwrap());
    assert!((size - 21.0 / 8.0).abs() < 1e-12);
    let within = 14.0 / 13.0;
    let mut between = 0.0;
    let mut squares = 0.0;
    for (arm, spends) in SHOPS {
        let n = spends.len() as f64;
        let in_arm: usize = SHOPS
            .iter()
            .filter(|(of, _)| *of == arm)
            .map(|(_, s)| s.len())
            .sum();
        between += n * (spends.iter().sum::<f64>() / n - by_hand(arm).0).powi(2) / 6.0;
        squares += n * n / in_arm as f64;
    }
    let usual = (21.0 - squares) / 6.0;
    let expected = (between - within) / (between + (usual - 1.0) * within);
    assert!((icc - expected).abs() < 1e-12, "{icc} {expected}");
    assert!(of_spend.design_effect > 1.5, "{of_spend:?}");
    // The ratio of spends to rows is the mean, with the delta method over shops.
    let ratio = finding.comparison("spend-a-row", "b").unwrap();
    let ratio_effect = ratio.outcome.absolute.unwrap();
    assert!((ratio_effect.estimate - effect.estimate).abs() < 1e-12);
    assert!(
        ratio
            .outcome
            .method
            .as_ref()
            .unwrap()
            .ends_with("over clusters")
    );
    assert_eq!(
        finding.trust.sample_ratio.unwrap().by_phase[0].customers,
        [4, 4]
    );
}

#[test]
fn a_cluster_in_two_arms_is_left_out_and_counted() {
    let mut text = shops();
    // Without a time there is no telling which arm the shop was in first; one customer is in no shop.
    text.push_str("100,b,shop0,50\n101,a,,50\n");
    let finding = Project::new()
        .file("customers.csv", &text)
        .measure(&format!("{TABLE}{}", experiment("test", SHOP_TEST)))
        .unwrap();
    let clusters = finding.clusters.unwrap();
    assert_eq!((clusters.several_arms, clusters.counted), (1, vec![3, 4]));
    let left_out: Vec<(&str, u64)> = (finding.customers.not_counted.iter())
        .map(|left| (left.reason.as_str(), left.number))
        .collect();
    assert_eq!(left_out, [("in several arms", 4), ("in no cluster", 1)]);
    assert_eq!(finding.customers.counted, 18);
}

#[test]
fn a_cluster_counts_in_its_first_arm() {
    let mut text = "id,arm,shop,at,spend\n".to_owned();
    let mut id = 0;
    for (shop, (arm, spends)) in SHOPS.iter().enumerate() {
        for spend in *spends {
            id += 1;
            writeln!(text, "{id},{arm},shop{shop},2024-01-02 00:00:00,{spend}").unwrap();
        }
    }
    text.push_str("100,b,shop0,2024-01-03 00:00:00,50\n");
    let test = SHOP_TEST.replace("cluster:", "time: at, cluster:");
    let finding = Project::new()
        .file("customers.csv", &text)
        .measure(&format!("{TABLE}{}", experiment("test", &test)))
        .unwrap();
    assert_eq!(finding.clusters.clone().unwrap().several_arms, 1);
    assert_eq!(finding.arm("a").unwrap().customers, 11);
    let mean = finding.comparison("spend", "b").unwrap().mean.unwrap();
    assert!(
        (mean.against - (43.0 + 50.0) / 11.0).abs() < 1e-12,
        "{mean:?}"
    );
}

#[test]
fn covariates_of_clusters_narrow_the_interval() {
    let mut random = Random(11);
    let mut text = "id,arm,shop,before,spend\n".to_owned();
    let mut id = 0;
    for shop in 0..120 {
        let arm = if shop % 2 == 0 { "a" } else { "b" };
        let level = random.normal();
        for _ in 0..(3 + shop % 4) {
            id += 1;
            let before = level + 0.5 * random.normal();
            let spend = 10.0 + 2.0 * level + random.normal() + if arm == "b" { 1.0 } else { 0.0 };
            writeln!(text, "{id},{arm},shop{shop},{before},{spend}").unwrap();
        }
    }
    let project = Project::new().file("customers.csv", &text);
    let catalog = project.catalog(&format!(
        "{TABLE}{}",
        experiment(
            "test",
            &format!(
                "{SHOP_TEST}\ncovariates: [before, {{ learned: [before], metrics: [spend] }}]"
            )
        )
    ));
    let finding = measured(&catalog, "test");
    let comparison = finding.comparison("spend", "b").unwrap();
    let adjusted = comparison.adjusted.clone().unwrap();
    let (plain, effect) = (
        comparison.outcome.absolute.unwrap(),
        adjusted.outcome.absolute.unwrap(),
    );
    assert!(effect.se < 0.5 * plain.se, "{effect:?} {plain:?}");
    assert!(effect.low < 1.0 && 1.0 < effect.high, "{effect:?}");
    assert_eq!(adjusted.covariates[0].name, "before");
    assert!(adjusted.variance_reduction > 0.75);
    // Shops, not customers, are split into folds.
    assert!(finding.learned[0].r2.unwrap() > 0.4);
}
