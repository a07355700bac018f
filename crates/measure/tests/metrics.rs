//! Kinds of metrics, windows, late data, caps and bad values, against numbers computed by hand.

mod common;

use std::fmt::Write;

use common::Project;
use measure::audience::{CheckKind, Comparison, LiftFinding, LookingState, SecondLook};
use measure::{MeasureError, Reason};

/// Assignments and orders apart; what is asked of orders is added.
const BASE: &str = "
{ kind: source, name: assignments, path: assignments.csv }
---
{ kind: source, name: orders, path: orders.csv }
---
{ kind: fact, name: order, source: orders, customer: who, time: at }
---
";

fn experiment(metrics: &str, more: &str) -> String {
    format!(
        "{BASE}{metrics}
---
kind: experiment
name: test
assignment: {{ source: assignments, customer: id, arm: arm, time: at }}
arms: [{{ name: a, role: generic }}, {{ name: b, role: personalized }}]
{more}
"
    )
}

fn project(assignments: &str, orders: &str) -> Project {
    Project::new()
        .file("assignments.csv", &format!("id,arm,at\n{assignments}"))
        .file("orders.csv", &format!("who,at,amount\n{orders}"))
}

fn of<'f>(finding: &'f LiftFinding, metric: &str) -> &'f Comparison {
    finding.comparison(metric, "b").unwrap()
}

#[track_caller]
fn assert_close(found: f64, expected: f64) {
    common::assert_close(found, expected, 1e-12);
}

fn messages(finding: &LiftFinding, kind: CheckKind) -> String {
    let checks = finding.checks.iter().filter(|check| check.check == kind);
    checks.map(|check| check.message.as_str()).collect()
}

/// Four customers an arm, assigned on New Year's day.
const FOUR: &str = "1,a,2024-01-01\n2,a,2024-01-01\n3,a,2024-01-01\n4,a,2024-01-01\n\
                    5,b,2024-01-01\n6,b,2024-01-01\n7,b,2024-01-01\n8,b,2024-01-01\n";

#[test]
fn days_are_those_of_the_projects_time_zone() {
    // In New York the first two orders of 1 fall on one day, in UTC on two; those of 5 the other way round.
    let orders = "1,2024-01-02T23:30:00Z,1\n1,2024-01-03T00:30:00Z,1\n1,2024-01-09T12:00:00Z,1\n\
                  5,2024-01-03T04:30:00Z,1\n5,2024-01-03T05:30:00Z,1\n6,2024-01-03T05:30:00Z,1\n";
    let documents = experiment(
        "{ kind: metric, name: active, fact: order, aggregate: days, unit: count }",
        "metrics: { primary: active }",
    );
    let project = project(FOUR, orders);
    let new_york = "name: Test\ntime_zone: America/New_York\n";
    let finding = project.measure_with(new_york, &documents).unwrap();
    let mean = of(&finding, "active").mean.unwrap();
    assert_close(mean.against, 2.0 / 4.0);
    assert_close(mean.arm, 3.0 / 4.0);
    let finding = project.measure(&documents).unwrap();
    let mean = of(&finding, "active").mean.unwrap();
    assert_close(mean.against, 3.0 / 4.0);
    assert_close(mean.arm, 2.0 / 4.0);
}

#[test]
fn a_funnel_counts_steps_in_their_order_within_the_window() {
    let steps = "
kind: metric
name: path
fact: order
aggregate: funnel
unit: share
window: { to: 10 days }
steps:
  - { name: small, where: amount < 10 }
  - { name: middle, where: amount BETWEEN 10 AND 99 }
  - { name: large, where: amount >= 100 }
---
{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount }";
    let documents = experiment(
        steps,
        "metrics: { primary: path, secondary: [spend] }\nuntil: 2024-03-01",
    );
    // 1 does all; 2 the first two, for the large one comes too late; 3 in the wrong order, then the middle one again;
    // 5 all at one moment; 6 only the large one; 7 all, though the first middle one is before the small one.
    let orders = "1,2024-01-02,5\n1,2024-01-03,50\n1,2024-01-04,100\n\
                  2,2024-01-02,5\n2,2024-01-03,50\n2,2024-01-11,100\n\
                  3,2024-01-02,100\n3,2024-01-03,5\n3,2024-01-04,50\n\
                  5,2024-01-05,100\n5,2024-01-05,50\n5,2024-01-05,5\n\
                  6,2024-01-05,100\n\
                  7,2024-01-02,50\n7,2024-01-03,5\n7,2024-01-04,50\n7,2024-01-05,100\n";
    let finding = project(FOUR, orders).measure(&documents).unwrap();
    let path = of(&finding, "path");
    assert_close(path.mean.unwrap().against, 1.0 / 4.0);
    assert_close(path.mean.unwrap().arm, 2.0 / 4.0);
    let reached: Vec<(&str, u64, u64)> = path
        .funnel
        .iter()
        .map(|step| (step.step.as_str(), step.reached.arm, step.reached.against))
        .collect();
    assert_eq!(
        reached,
        [("small", 2, 3), ("middle", 2, 3), ("large", 2, 1)]
    );
    assert_close(of(&finding, "spend").mean.unwrap().against, 465.0 / 4.0);
}

#[test]
fn a_wide_table_has_days_and_funnels_of_one_row() {
    let documents = "
{ kind: source, name: customers, path: customers.csv, key: id }
---
{ kind: fact, name: outcome, source: customers, customer: id, time: seen }
---
kind: metric
name: path
fact: outcome
aggregate: funnel
unit: share
steps: [{ name: came, where: visits > 0 }, { name: bought, where: spend > 0 }]
---
{ kind: metric, name: seen, fact: outcome, aggregate: days }
---
kind: experiment
name: test
assignment: { source: customers, customer: id, arm: arm }
arms: [{ name: a, role: generic }, { name: b, role: personalized }]
metrics: { primary: path, secondary: [seen] }
";
    let customers = "id,arm,seen,visits,spend\n1,a,2024-01-01,2,0\n2,a,2024-01-01,1,5\n3,a,,0,0\n\
                     4,b,2024-01-02,1,5\n5,b,2024-01-02,1,7\n6,b,2024-01-02,0,3\n";
    let finding = Project::new()
        .file("customers.csv", customers)
        .measure(documents)
        .unwrap();
    let path = of(&finding, "path");
    let reached: Vec<(u64, u64)> = path
        .funnel
        .iter()
        .map(|step| (step.reached.arm, step.reached.against))
        .collect();
    assert_eq!(reached, [(2, 2), (2, 1)]);
    assert_close(of(&finding, "seen").mean.unwrap().against, 2.0 / 3.0);
}

const WINDOWED: &str =
    "{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount, window: { to: 7 days } }
---
{ kind: metric, name: largest, fact: order, aggregate: max, value: amount, window: { to: 7 days } }
---
{ kind: metric, name: ever, fact: order, aggregate: sum, value: amount }";

/// The last customer of each arm is assigned less than a week before the day of the last order ends.
fn late() -> Project {
    let assignments = "1,a,2024-01-01\n2,a,2024-01-02\n3,a,2024-01-10 00:00:01\n\
                       4,b,2024-01-01\n5,b,2024-01-02\n6,b,2024-01-09\n7,b,2024-01-11\n";
    let orders = "1,2024-01-03 00:00:00,10\n2,2024-01-03 00:00:00,20\n3,2024-01-11 00:00:00,1000\n4,2024-01-02 00:00:00,40\n6,2024-01-10 00:00:00,50\n\
                  7,2024-01-16 00:00:00,3000\n";
    project(assignments, orders)
}

#[test]
fn customers_whose_window_has_not_passed_are_left_out_and_counted() {
    let metrics = "metrics: { primary: spend, secondary: [largest, ever] }";
    let finding = late().measure(&experiment(WINDOWED, metrics)).unwrap();
    let spend = of(&finding, "spend");
    let maturity = spend.maturity.unwrap();
    // The last order is on the 16th: 6 had its whole week by the end of that day, 3 lacked a second.
    assert_eq!(
        (maturity.not_matured.arm, maturity.not_matured.against),
        (1, 1)
    );
    assert_eq!((spend.n.arm, spend.n.against), (3, 2));
    assert_eq!((spend.missing.arm, spend.missing.against), (0, 0));
    assert_close(spend.mean.unwrap().arm, 30.0);
    assert_close(spend.mean.unwrap().against, 15.0);
    // Missing is something else: 5 has no order.
    let largest = of(&finding, "largest");
    assert_eq!((largest.n.arm, largest.missing.arm), (2, 1));
    // Without an end of the window everybody counts, and a notice says what that means.
    let ever = of(&finding, "ever");
    assert_eq!((ever.n.arm, ever.maturity), (4, None));
    let notices = messages(&finding, CheckKind::Maturity);
    assert!(notices.contains("`ever` count without an end"), "{notices}");
    assert!(notices.contains("1 customer of b and 1 of a"), "{notices}");
}

#[test]
fn a_delay_and_the_end_of_the_data_decide_who_is_mature() {
    let documents =
        |more: &str| experiment(WINDOWED, &format!("metrics: {{ primary: spend }}\n{more}"));
    let delayed = documents("").replace("time: at }\n---", "time: at, delay: 9 days }\n---");
    let finding = late().measure(&delayed).unwrap();
    let spend = of(&finding, "spend");
    // Only those of New Year's day had a week and nine days.
    assert_eq!((spend.n.arm, spend.n.against), (1, 1));
    let finding = late()
        .measure(&documents("until: 2024-01-17 00:00:01"))
        .unwrap();
    let spend = of(&finding, "spend");
    assert_eq!((spend.n.arm, spend.n.against), (3, 3));
    assert_eq!(spend.maturity.unwrap().until, 1_705_449_601_000_000);
    let finding = late().measure(&documents("immature: count")).unwrap();
    let spend = of(&finding, "spend");
    assert_eq!((spend.n.arm, spend.n.against), (4, 3));
    assert!(spend.maturity.unwrap().counted);
    assert!(messages(&finding, CheckKind::Maturity).contains("an early look"));
    let finding = late().measure(&documents("until: 2024-01-05")).unwrap();
    let refusal = of(&finding, "spend").outcome.refusal.clone().unwrap();
    assert_eq!(refusal.reason, Reason::TooLittleData);
    assert!(
        refusal.message.contains("had passed"),
        "{}",
        refusal.message
    );
}

#[test]
fn parts_of_a_ratio_with_different_windows_are_noticed() {
    let metrics = "{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount, window: { to: 7 days } }
---
{ kind: metric, name: orders, fact: order, aggregate: count, window: { to: 5 days } }
---
{ kind: metric, name: basket, aggregate: ratio, numerator: spend, denominator: orders }";
    let finding = late()
        .measure(&experiment(metrics, "metrics: { primary: basket }"))
        .unwrap();
    assert!(
        messages(&finding, CheckKind::Windows).contains("`basket` divides `spend` by `orders`")
    );
    let basket = of(&finding, "basket");
    assert_eq!((basket.n.arm, basket.n.against), (3, 2));
}

/// Customers 0.. of arm a and 1000.. of arm b with one order each.
fn orders_of(a: &[f64], b: &[f64]) -> Project {
    let (mut assignments, mut orders) = (String::new(), String::new());
    for (arm, first, amounts) in [("a", 0, a), ("b", 1000, b)] {
        for (i, amount) in amounts.iter().enumerate() {
            let id = first + i;
            writeln!(assignments, "{id},{arm},2024-01-01").unwrap();
            writeln!(orders, "{id},2024-01-02,{amount}").unwrap();
        }
    }
    project(&assignments, &orders)
}

#[test]
fn percentile_caps_are_those_of_all_arms_together() {
    // Of 200 pooled values the 0.95 quantile (type 7) lies at rank 1 + 199 * 0.95: between the 190th and the 191st.
    let a: Vec<f64> = (0..100).map(f64::from).collect();
    let b: Vec<f64> = (100..200).map(f64::from).collect();
    let documents = experiment(
        "{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount, cap: { upper_percentile: 0.95 } }",
        "metrics: { primary: spend }",
    );
    let finding = orders_of(&a, &b).measure(&documents).unwrap();
    let spend = of(&finding, "spend");
    let cap = &spend.caps[0];
    assert_close(cap.upper.unwrap(), 189.05);
    assert_eq!(cap.lower, None);
    assert_eq!((cap.customers.arm, cap.customers.against), (10, 0));
    let cut: f64 = (190..200).map(|value| f64::from(value) - 189.05).sum();
    assert_close(cap.cut.arm, cut);
    assert_close(spend.cut.unwrap().arm, cut);
    assert_close(
        spend.mean.unwrap().arm,
        (b.iter().sum::<f64>() - cut) / 100.0,
    );
    let uncapped = &spend.second_opinions[0];
    assert_eq!(uncapped.look, SecondLook::Uncapped);
    assert_close(uncapped.mean.arm, 149.5);
    let effect = uncapped.outcome.absolute.unwrap();
    assert_close(effect.estimate, 100.0);
    assert_close(effect.se, (2.0_f64 * 841.666_666_666_666_6 / 100.0).sqrt());
    // 10 of 200 customers are above the cap: each arm's trimmed mean leaves out its 5 largest values.
    let trimmed = &spend.second_opinions[1];
    assert_eq!(trimmed.look, SecondLook::Trimmed);
    assert_close(trimmed.mean.against, 47.0);
    assert_close(trimmed.mean.arm, 147.0);
    let reference = stats::robust::lift_of_trimmed_means(
        &stats::robust::TrimmedMoments::of(&b, TRIM).unwrap(),
        &stats::robust::TrimmedMoments::of(&a, TRIM).unwrap(),
        TRIM,
        0.05,
    )
    .unwrap();
    assert_close(trimmed.outcome.absolute.unwrap().se, reference.absolute.se);
    assert!(messages(&finding, CheckKind::Caps).contains("of 10 customers and of 0"));
}

const TRIM: stats::robust::Trim = stats::robust::Trim {
    lower: 0.0,
    upper: 0.05,
};

#[test]
fn a_percentile_of_values_other_than_zero() {
    // 90 zeros and 1..=10 in each arm: of the 20 values other than 0 the median is 5.5.
    let arm: Vec<f64> = (0..90)
        .map(|_| 0.0)
        .chain((1..=10).map(f64::from))
        .collect();
    let documents = experiment(
        "{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount, cap: { upper_percentile: 0.5, nonzero: true } }
---
{ kind: metric, name: orders, fact: order, aggregate: count }
---
{ kind: metric, name: basket, aggregate: ratio, numerator: spend, denominator: orders }",
        "metrics: { primary: spend, secondary: [basket] }",
    );
    let finding = orders_of(&arm, &arm).measure(&documents).unwrap();
    let cap = &of(&finding, "spend").caps[0];
    assert_close(cap.upper.unwrap(), 5.5);
    assert_eq!((cap.customers.arm, cap.customers.against), (5, 5));
    // A ratio's caps are those of its parts.
    let basket = of(&finding, "basket");
    assert_eq!(basket.caps.len(), 1);
    assert_eq!(basket.caps[0].metric, "spend");
    assert_close(basket.mean.unwrap().arm, (15.0 + 5.0 * 5.5) / 100.0);
}

#[test]
fn a_quantile_of_customers_is_an_order_statistic() {
    let a: Vec<f64> = (0..200).map(|i| f64::from(i * 7 % 200)).collect();
    let b: Vec<f64> = a.iter().map(|value| value + 60.0).collect();
    let documents = experiment(
        "{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount }
---
{ kind: metric, name: typical, aggregate: quantile, of: spend, quantile: 0.5 }",
        "metrics: { primary: spend, secondary: [typical] }",
    );
    let finding = orders_of(&a, &b).measure(&documents).unwrap();
    let typical = of(&finding, "typical");
    let reference = stats::quantile::lift_of_quantiles(
        &stats::quantile::Distribution::of(b),
        &stats::quantile::Distribution::of(a),
        0.5,
        0.05,
    )
    .unwrap();
    let effect = typical.outcome.absolute.unwrap();
    assert_close(effect.estimate, 60.0);
    assert_close(effect.low, reference.lift.absolute.low);
    assert_close(effect.high, reference.lift.absolute.high);
    assert_eq!(typical.quantile, Some(0.5));
    assert_close(typical.mean.unwrap().against, 99.5);
    assert_eq!((typical.n.arm, typical.missing.arm), (200, 0));
    assert!(typical.verdict.is_some());
}

/// Two orders of each customer that resemble each other.
fn clustered(shift: f64) -> (Project, [Vec<Vec<f64>>; 2]) {
    let (mut assignments, mut orders) = (String::new(), String::new());
    let mut amounts: [Vec<Vec<f64>>; 2] = [Vec::new(), Vec::new()];
    for id in 0..400_u32 {
        let arm = (id % 2) as usize;
        let base = f64::from(id / 2 * 37 % 200) + if arm == 1 { shift } else { 0.0 };
        writeln!(assignments, "{id},{},2024-01-01", ["a", "b"][arm]).unwrap();
        let own: Vec<f64> = (0..1 + id % 3)
            .map(|order| base + f64::from(order))
            .collect();
        for amount in &own {
            writeln!(orders, "{id},2024-01-02,{amount}").unwrap();
        }
        amounts[arm].push(own);
    }
    (project(&assignments, &orders), amounts)
}

#[test]
fn a_quantile_of_rows_knows_that_rows_cluster_in_customers() {
    let (project, [a, b]) = clustered(50.0);
    let documents = experiment(
        "{ kind: metric, name: p90, fact: order, aggregate: quantile, value: amount, quantile: 0.9, better: decrease }
---
{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount }",
        "metrics: { primary: spend, secondary: [p90] }",
    );
    let finding = project.measure(&documents).unwrap();
    let p90 = of(&finding, "p90");
    let arm = |customers: &[Vec<f64>]| {
        let distribution = stats::quantile::Distribution::of(customers.iter().flatten().copied());
        let threshold = distribution.quantile(0.9).unwrap().value;
        let mut clusters = stats::quantile::ClusterIndicator::new();
        for customer in customers {
            let below = customer.iter().filter(|value| **value <= threshold).count();
            clusters.insert(below as u32, customer.len() as u32);
        }
        (distribution, clusters)
    };
    let (treated, control) = (arm(&b), arm(&a));
    let reference = stats::quantile::lift_of_clustered_quantiles(
        (&treated.0, &treated.1),
        (&control.0, &control.1),
        0.9,
        0.05,
    )
    .unwrap();
    let effect = p90.outcome.absolute.unwrap();
    assert_close(effect.estimate, reference.lift.absolute.estimate);
    // The threshold of the clusters is a bucket's middle there, so that the design effect is a little different.
    assert!((effect.low - reference.lift.absolute.low).abs() <= 2.0);
    assert!((effect.high - reference.lift.absolute.high).abs() <= 2.0);
    assert_eq!(p90.verdict, Some(measure::audience::Verdict::Worse));
    assert_eq!((p90.n.arm, p90.n.against), (200, 200));
}

/// Quantiles of 600 customers, who spend what they did before and in arm b `shift` more.
fn adjusted_quantiles(shift: f64, keys: &str) -> LiftFinding {
    let (mut assignments, mut orders) = (String::new(), String::new());
    for id in 0..600_u32 {
        let before = f64::from(id / 2 * 37 % 300);
        let noise = f64::from(id / 2 * 91 % 17);
        let arm = id % 2;
        writeln!(
            assignments,
            "{id},{},2024-01-01,{before}",
            ["a", "b"][arm as usize]
        )
        .unwrap();
        writeln!(
            orders,
            "{id},2024-01-02,{}",
            before + noise + f64::from(arm) * shift
        )
        .unwrap();
    }
    let documents = experiment(
        "{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount }
---
{ kind: metric, name: typical, aggregate: quantile, of: spend, quantile: 0.5 }
---
{ kind: metric, name: rows, aggregate: quantile, fact: order, value: amount, quantile: 0.5 }",
        &format!("{keys}\ncovariates: [past]"),
    );
    Project::new()
        .file("assignments.csv", &format!("id,arm,at,past\n{assignments}"))
        .file("orders.csv", &format!("who,at,amount\n{orders}"))
        .measure(&documents)
        .unwrap()
}

#[test]
fn a_plan_bounds_an_adjusted_quantile() {
    let metrics = "metrics: { primary: typical }";
    let once = adjusted_quantiles(60.0, metrics);
    let looking = adjusted_quantiles(
        60.0,
        &format!("{metrics}\nplan: {{ looks: hybrid, customers: 1200 }}"),
    );
    let width = |finding: &LiftFinding| {
        let adjusted = of(finding, "typical").adjusted.as_ref().unwrap();
        let effect = adjusted.outcome.absolute.unwrap();
        effect.high - effect.low
    };
    assert!(width(&looking) > 1.1 * width(&once));
    let decision = &of(&looking, "typical").looking.as_ref().unwrap().decision;
    assert_eq!(decision.state, LookingState::Effect);
}

#[test]
fn a_covariate_narrows_a_quantiles_interval() {
    let finding = adjusted_quantiles(
        10.0,
        "metrics: { primary: spend, secondary: [typical, rows] }",
    );
    for metric in ["typical", "rows"] {
        let comparison = of(&finding, metric);
        let plain = comparison.outcome.absolute.unwrap();
        let adjusted = comparison.adjusted.as_ref().unwrap();
        let effect = adjusted.outcome.absolute.unwrap();
        assert!(
            effect.high - effect.low < 0.9 * (plain.high - plain.low),
            "{metric}: {effect:?} {plain:?}"
        );
        assert!(
            effect.low <= 10.0 && 10.0 <= effect.high,
            "{metric}: {effect:?}"
        );
        assert_eq!(adjusted.covariates[0].name, "past");
    }
}

#[test]
fn a_number_that_is_not_finite_takes_its_metric_and_no_other() {
    let orders = "1,2024-01-02,inf\n2,2024-01-02,5\n3,2024-01-02,6\n5,2024-01-02,8\n6,2024-01-02,nan\n7,2024-01-02,2\n";
    let documents = experiment(
        "{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount, cap: { upper: 100 } }
---
{ kind: metric, name: orders, fact: order, aggregate: count }
---
{ kind: metric, name: p50, fact: order, aggregate: quantile, value: amount, quantile: 0.5 }",
        "metrics: { primary: spend, secondary: [orders, p50] }",
    )
    .replace("orders.csv }", "orders.csv, types: { amount: DOUBLE } }");
    let finding = project(FOUR, orders).measure(&documents).unwrap();
    for metric in ["spend", "p50"] {
        let refusal = of(&finding, metric).outcome.refusal.clone().unwrap();
        assert_eq!(refusal.reason, Reason::UnfitData, "{metric}");
        let message = refusal.message;
        assert!(message.contains("1 customer of b and 1 of a"), "{message}");
        assert!(!message.contains("  "), "{message}");
        assert_eq!(of(&finding, metric).verdict, None);
    }
    // The check of missing values does not say otherwise, and what is wanted is said once.
    let missing = messages(&finding, CheckKind::MissingValues);
    assert!(!missing.contains("left out"), "{missing}");
    for ruling in &finding.together.decisions {
        let said = &ruling.what_would_change_it;
        assert!(
            said.iter().any(|change| change.contains("NaN or infinite")),
            "{said:?}"
        );
        let different: std::collections::BTreeSet<&String> = said.iter().collect();
        assert_eq!(different.len(), said.len(), "{said:?}");
    }
    let orders = of(&finding, "orders");
    assert_close(orders.mean.unwrap().arm, 0.75);
    assert!(orders.outcome.absolute.is_some());
}

#[test]
fn an_infinite_covariate_is_dropped_and_no_other() {
    let mut assignments = "id,arm,at,past,age\n".to_owned();
    let mut orders = "who,at,amount\n".to_owned();
    for id in 0..40_u32 {
        let past = if id == 7 {
            "inf".to_owned()
        } else {
            id.to_string()
        };
        let age = 20 + id * 13 % 31;
        writeln!(
            assignments,
            "{id},{},2024-01-01,{past},{age}",
            ["a", "b"][(id % 2) as usize]
        )
        .unwrap();
        writeln!(orders, "{id},2024-01-02,{}", age + id % 5).unwrap();
    }
    let documents = experiment(
        "{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount }",
        "metrics: { primary: spend }\ncovariates: [past, age]",
    )
    .replace(
        "assignments.csv }",
        "assignments.csv, types: { past: DOUBLE } }",
    );
    let finding = Project::new()
        .file("assignments.csv", &assignments)
        .file("orders.csv", &orders)
        .measure(&documents)
        .unwrap();
    let adjusted = of(&finding, "spend").adjusted.as_ref().unwrap();
    let dropped: Vec<(&str, Option<&str>)> = adjusted
        .covariates
        .iter()
        .map(|covariate| (covariate.name.as_str(), covariate.dropped.as_deref()))
        .collect();
    assert_eq!(
        dropped,
        [
            ("age", None),
            ("past", Some("it is NaN or infinite for 1 customer"))
        ]
    );
    assert!(adjusted.r2 > 0.5);
}

fn failure(project: &Project, documents: &str) -> String {
    match project.measure(documents) {
        Err(error @ MeasureError::Unusable { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn types_that_cannot_be_used_name_their_place_and_the_fix() {
    let spend = "{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount }";
    let documents = experiment(spend, "metrics: { primary: spend }");
    let with = |more: &str| experiment(spend, &format!("metrics: {{ primary: spend }}\n{more}"));

    let project = Project::new()
        .file(
            "assignments.csv",
            "id,arm,at,town,born\n1,a,2024-01-01,Rome,1990-01-01\n2,b,2024-01-01,Oslo,1980-01-01\n",
        )
        .file("orders.csv", "who,at,amount\n1,2024-01-02,5\n");
    let error = failure(&project, &with("covariates: [town]"));
    assert!(
        error.contains("experiment `test`, covariates: `town` is VARCHAR"),
        "{error}"
    );
    let error = failure(&project, &with("covariates: [born]"));
    assert!(error.contains("`born` is DATE"), "{error}");

    let seconds = project_of("1,1704067200,5\n2,1704067200,6\n");
    let error = failure(&seconds, &documents);
    assert!(
        error.contains("fact `order`, time: `at` is BIGINT, not a time"),
        "{error}"
    );
    assert!(error.contains("to_timestamp"), "{error}");

    let odd = project_of("1,yesterday,5\n2,2024-01-02,6\n");
    let error = failure(&odd, &documents);
    assert!(error.contains("`yesterday` is not a time"), "{error}");

    // Of a file without rows nothing is known, its types neither: that stops nothing, and is said.
    let empty = project_of("").measure(&documents).unwrap();
    let says =
        |check: &measure::audience::Check| check.message.contains("no customer has any `spend`");
    assert!(empty.checks.iter().any(says), "{:?}", empty.checks);
    assert!(of(&empty, "spend").outcome.refusal.is_some());

    // A column without any value has no type to speak of.
    let empty = project_of("1,2024-01-02,\n2,2024-01-02,\n");
    let error = failure(&empty, &documents);
    assert!(
        error.contains(
            "metric `spend`, value: `amount` has no values, which leaves it without a type"
        ),
        "{error}"
    );

    let uneven = project_of("1.5,2024-01-02,5\n");
    let documents = documents.replace(
        "assignments.csv }",
        "assignments.csv, types: { id: VARCHAR } }",
    );
    let error = failure(&uneven, &documents);
    assert!(
        error.contains("customers as DOUBLE and the assignment as VARCHAR"),
        "{error}"
    );
}

fn project_of(orders: &str) -> Project {
    project("1,a,2024-01-01\n2,b,2024-01-01\n", orders)
}

#[test]
fn ids_that_are_texts_and_numbers_name_the_same_customers() {
    let documents = experiment(
        "{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount }
---
{ kind: metric, name: p50, fact: order, aggregate: quantile, value: amount, quantile: 0.5 }",
        "metrics: { primary: spend, secondary: [p50] }",
    );
    let orders = "1,2024-01-02,5\nx7,2024-01-02,100\n5,2024-01-02,7\n05,2024-01-02,100\n";
    let finding = project(FOUR, orders).measure(&documents).unwrap();
    assert_close(of(&finding, "spend").mean.unwrap().against, 5.0 / 4.0);
    assert_close(of(&finding, "spend").mean.unwrap().arm, 7.0 / 4.0);
    assert_close(of(&finding, "p50").mean.unwrap().arm, 7.0);
    // And the other way round.
    let texts = documents.replace(
        "assignments.csv }",
        "assignments.csv, types: { id: VARCHAR } }",
    );
    let finding = project(FOUR, "1,2024-01-02,5\n5,2024-01-02,7\n")
        .measure(&texts)
        .unwrap();
    assert_close(of(&finding, "spend").mean.unwrap().arm, 7.0 / 4.0);
}

#[test]
fn times_that_stand_for_never_are_no_times() {
    let assignments = format!("{FOUR}9,a,9999-12-31\n10,b,3100-01-01\n11,b,3099-12-31 23:59:59\n");
    let documents = experiment(
        "{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount }",
        "metrics: { primary: spend }",
    );
    let finding = project(&assignments, "1,2024-01-02,5\n")
        .measure(&documents)
        .unwrap();
    assert_eq!(finding.customers.counted, 9);
    let left = &finding.customers.not_counted[0];
    assert_eq!(left.number, 2);
    assert!(
        left.reason.contains("without a time of assignment"),
        "{}",
        left.reason
    );
}

#[test]
fn odd_outcomes_are_answered_or_refused_with_a_reason() {
    let spend = "{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount }
---
{ kind: metric, name: largest, fact: order, aggregate: max, value: amount }";
    let documents = experiment(spend, "metrics: { primary: spend, secondary: [largest] }");
    let reason = |finding: &LiftFinding, metric: &str| {
        let refusal = of(finding, metric).outcome.refusal.clone().unwrap();
        assert_eq!(of(finding, metric).verdict, None);
        refusal.reason
    };

    // An arm without customers.
    let finding = project("1,a,2024-01-01\n2,a,2024-01-01\n", "1,2024-01-02,5\n")
        .measure(&documents)
        .unwrap();
    assert_eq!(reason(&finding, "spend"), Reason::TooLittleData);
    // One customer an arm.
    let finding = project_of("1,2024-01-02,5\n2,2024-01-02,6\n")
        .measure(&documents)
        .unwrap();
    assert_eq!(reason(&finding, "spend"), Reason::TooLittleData);
    // All missing.
    let finding = project(FOUR, "99,2024-01-02,5\n")
        .measure(&documents)
        .unwrap();
    assert_eq!(reason(&finding, "largest"), Reason::TooLittleData);
    assert_eq!(of(&finding, "largest").missing.arm, 4);
    // Constant outcomes: the same is no effect, different ones have no noise to hold the difference against.
    let finding = orders_of(&[5.0; 8], &[5.0; 8]).measure(&documents).unwrap();
    assert_eq!(of(&finding, "spend").outcome.p_value, Some(1.0));
    let finding = orders_of(&[5.0; 8], &[6.0; 8]).measure(&documents).unwrap();
    assert_eq!(reason(&finding, "spend"), Reason::TooLittleData);
    // Negative revenue counts as it is, and the sign of the relative effect is that of the absolute one.
    let finding = orders_of(&[-9.0, -10.0, -11.0, -10.5], &[-1.0, -2.0, -3.0, -2.5])
        .measure(&documents)
        .unwrap();
    let effect = of(&finding, "spend").outcome.clone();
    assert_close(effect.absolute.unwrap().estimate, 8.0);
    match effect.relative.unwrap() {
        measure::audience::Relative::Estimated { estimate, .. } => assert!(estimate > 0.0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn threads_change_no_byte_of_quantiles_and_caps() {
    let documents = experiment(
        "{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount, cap: { upper_percentile: 0.9 } }
---
{ kind: metric, name: p90, fact: order, aggregate: quantile, value: amount, quantile: 0.9 }
---
{ kind: metric, name: typical, aggregate: quantile, of: spend, quantile: 0.5 }",
        "metrics: { primary: spend, secondary: [p90, typical] }",
    );
    let text = |threads| {
        let (project, _) = clustered(0.25);
        let finding = project.threads(threads).measure(&documents).unwrap();
        serde_json::to_string(&finding.metrics).unwrap()
    };
    assert_eq!(text(1), text(4));
}

#[test]
fn a_fact_reads_what_results_can_name() {
    let project = project(
        "1,a,2024-01-01\n2,b,2024-01-01\n",
        "1,2024-01-02,5\n2,2024-01-02,7\n",
    );
    let file = project.path().join("orders.csv");
    let of_sql = |sql: String| {
        let fact =
            format!("{{ kind: fact, name: order, sql: \"{sql}\", customer: who, time: at }}");
        let documents = experiment(
            "{ kind: metric, name: spend, fact: order, aggregate: sum, value: amount, window: { to: 7 days } }",
            "metrics: { primary: spend }",
        )
        .replace(
            "{ kind: fact, name: order, source: orders, customer: who, time: at }",
            &fact,
        );
        assert!(documents.contains(&fact));
        project.measure(&documents)
    };
    let spend = of_sql("SELECT * FROM orders".to_owned()).unwrap();
    let sources: Vec<&str> = spend
        .provenance
        .sources
        .iter()
        .map(|source| source.source.as_str())
        .collect();
    assert_eq!(sources, ["assignments", "orders"]);
    for sql in [
        format!("SELECT * FROM '{}'", file.display()),
        format!("SELECT * FROM read_csv('{}')", file.display()),
        "SELECT * REPLACE (amount * random() AS amount) FROM orders".to_owned(),
    ] {
        match of_sql(sql).unwrap_err() {
            MeasureError::Lake(lake::LakeError::Unrepeatable { place, .. }) => {
                assert_eq!(place, "fact `order`, sql");
            }
            other => panic!("{other}"),
        }
    }
}
