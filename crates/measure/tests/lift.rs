//! Lifts of small experiments whose answers are known.

mod common;

use common::{Project, assert_close};
use measure::audience::{CheckKind, Comparison, LiftFinding, Relative, Severity};
use measure::{MeasureError, Reason};

const ONE_TABLE: &str = "
{ kind: source, name: customers, path: customers.csv, key: id }
---
{ kind: fact, name: outcome, source: customers, customer: id }
---
{ kind: metric, name: spend, fact: outcome, aggregate: sum, value: spend, unit: money }
---
{ kind: metric, name: bought, fact: outcome, aggregate: max, value: spend > 0, unit: share }
---
kind: experiment
name: test
assignment: { source: customers, customer: id, arm: arm }
arms: [{ name: a, role: generic }, { name: b, role: personalized }]
metrics: { primary: spend, secondary: [bought] }
";

/// Assignments and orders apart, with times.
const TWO_TABLES: &str = "
{ kind: source, name: assignments, path: assignments.csv }
---
{ kind: source, name: orders, path: orders.csv }
---
{ kind: fact, name: order, source: orders, customer: who, time: at }
---
{ kind: metric, name: revenue, fact: order, aggregate: sum, value: amount, unit: money, window: { to: 7 days } }
---
{ kind: metric, name: orders, fact: order, aggregate: count, unit: count, window: { to: 7 days } }
---
{ kind: metric, name: basket, aggregate: ratio, numerator: revenue, denominator: orders, unit: money }
---
kind: experiment
name: test
assignment: { source: assignments, customer: id, arm: arm, time: at }
arms: [{ name: a, role: generic }, { name: b, role: personalized }]
metrics: { primary: revenue, secondary: [orders, basket] }
until: 2030-01-01
";

fn comparison<'f>(finding: &'f LiftFinding, metric: &str) -> &'f Comparison {
    finding.comparison(metric, "b").unwrap()
}

/// Customers of one arm in a table `id,arm,spend`.
fn rows(arm: &str, first: usize, spends: &[f64]) -> String {
    spends
        .iter()
        .enumerate()
        .map(|(i, spend)| format!("{},{arm},{spend}\n", first + i))
        .collect()
}

#[test]
fn one_table_gives_the_welch_test_of_its_columns() {
    let a = rows("a", 0, &[0.0, 10.0, 0.0, 30.0, 5.0, 0.0, 12.0, 0.0]);
    let b = rows("b", 100, &[20.0, 0.0, 40.0, 15.0, 0.0, 33.0]);
    let finding = Project::new()
        .file("customers.csv", &format!("id,arm,spend\n{a}{b}"))
        .measure(ONE_TABLE)
        .unwrap();
    let spend = comparison(&finding, "spend");
    assert_eq!((spend.n.arm, spend.n.against), (6, 8));
    let effect = spend.outcome.absolute.unwrap();
    // scipy.stats.ttest_ind(b, a, equal_var=False)
    assert_close(effect.estimate, 18.0 - 7.125, 1e-14);
    assert_close(
        spend.outcome.p_value.unwrap(),
        0.195_893_732_166_321_4,
        1e-10,
    );
    let bought = comparison(&finding, "bought");
    assert_eq!(bought.mean.map(|mean| mean.arm), Some(4.0 / 6.0));
    assert_eq!(
        bought.outcome.method.as_deref(),
        Some("unconditional score test of two shares")
    );
}

#[test]
fn a_window_counts_from_the_first_assignment() {
    let assignments = "id,arm,at
1,a,2024-01-01 00:00:00
2,a,2024-01-01 00:00:00
3,a,2024-01-02 12:00:00
4,b,2024-01-01 00:00:00
5,b,2024-01-01 00:00:00
6,b,2024-01-03 00:00:00
";
    // Of customer 1 the second order is a week after, that of 3 is before; 9 was never assigned.
    let orders = "who,at,amount
1,2024-01-01 00:00:00,10
1,2024-01-08 00:00:00,99
3,2024-01-02 11:59:59,99
3,2024-01-09 11:59:59,4
4,2024-01-02 00:00:00,20
4,2024-01-03 00:00:00,5
5,2024-01-07 23:59:59,7.5
9,2024-01-02 00:00:00,1000
";
    let project = Project::new()
        .file("assignments.csv", assignments)
        .file("orders.csv", orders);
    let finding = project.measure(TWO_TABLES).unwrap();
    let revenue = comparison(&finding, "revenue").mean.unwrap();
    assert_close(revenue.against, 14.0 / 3.0, 1e-15);
    assert_close(revenue.arm, 32.5 / 3.0, 1e-15);
    let orders = comparison(&finding, "orders").mean.unwrap();
    assert_close(orders.against, 2.0 / 3.0, 1e-15);
    assert_close(orders.arm, 1.0, 1e-15);
    let basket = comparison(&finding, "basket").mean.unwrap();
    assert_close(basket.against, 7.0, 1e-15);
    assert_close(basket.arm, 32.5 / 3.0, 1e-15);
    assert_eq!(finding.period.unwrap().days, 9);
}

/// Rows without a customer are nobody, and so nobody in several arms.
#[test]
fn rows_without_a_customer_are_in_no_arm() {
    let mut assignments = "id,arm,at\n,a,2024-01-01\n,b,2024-01-01\n".to_owned();
    for id in 0..20 {
        let arm = if id % 2 == 0 { "a" } else { "b" };
        assignments.push_str(&format!("{id},{arm},2024-01-01\n"));
    }
    let measured = |assignments: &str| {
        let project = Project::new().file("assignments.csv", assignments).file(
            "orders.csv",
            "who,at,amount\n0,2024-01-06,100\n1,2024-01-02,10\n",
        );
        project.measure(TWO_TABLES).unwrap()
    };
    let said = |finding: &LiftFinding| {
        let several = |check: &&measure::audience::Check| check.check == CheckKind::SeveralArms;
        (finding.checks.iter().find(several)).map(|check| check.message.clone())
    };
    let nobody = measured(&assignments);
    assert_eq!(nobody.customers.several_arms, 0);
    assert_eq!(said(&nobody), None);
    assignments.push_str("0,b,2024-01-05\n");
    let one = measured(&assignments);
    assert_eq!(one.customers.several_arms, 1);
    let said = said(&one).unwrap();
    assert!(
        said.starts_with("1 customer (") && said.contains(" %) is in several arms"),
        "{said}"
    );
}

#[test]
fn customers_in_several_arms_count_in_their_first() {
    let mut assignments = "id,arm,at\n".to_owned();
    for id in 0..50 {
        let arm = if id % 2 == 0 { "a" } else { "b" };
        assignments.push_str(&format!("{id},{arm},2024-01-01\n"));
    }
    // 0 and 2 come to the other arm later, 4 is on record twice.
    assignments.push_str("0,b,2024-01-05\n2,b,2024-01-05\n4,a,2024-01-01\n");
    let orders = "who,at,amount\n0,2024-01-06,100\n1,2024-01-02,10\n";
    let project = Project::new()
        .file("assignments.csv", &assignments)
        .file("orders.csv", orders);
    let first = project.measure(TWO_TABLES).unwrap();
    assert_eq!(first.customers.counted, 50);
    assert_eq!(first.customers.several_arms, 2);
    assert_eq!(first.customers.repeated_rows, 3);
    assert_close(
        comparison(&first, "revenue").mean.unwrap().against,
        4.0,
        1e-15,
    );

    let excluded = project
        .measure(&format!("{TWO_TABLES}several_arms: exclude\n"))
        .unwrap();
    assert_eq!(excluded.customers.counted, 48);
    assert_eq!(excluded.customers.not_counted[0].number, 2);
    assert_close(
        comparison(&excluded, "revenue").mean.unwrap().against,
        0.0,
        1e-15,
    );
    let check = excluded
        .checks
        .iter()
        .find(|check| check.check == CheckKind::SeveralArms)
        .unwrap();
    assert_eq!(check.severity, Severity::Warning);
}

#[test]
fn exclusion_from_uneven_arms_is_called_a_bias() {
    let mut assignments = "id,arm,at\n".to_owned();
    for id in 0..200 {
        let arm = if id % 10 == 0 { "a" } else { "b" };
        assignments.push_str(&format!("{id},{arm},2024-01-01\n"));
    }
    assignments.push_str("0,b,2024-01-05\n");
    let documents = TWO_TABLES
        .replace("role: generic", "role: generic, share: 0.1")
        .replace("role: personalized", "role: personalized, share: 0.9");
    let project = Project::new()
        .file("assignments.csv", &assignments)
        .file("orders.csv", "who,at,amount\n1,2024-01-02,3\n");
    let finding = project
        .measure(&format!("{documents}several_arms: exclude\n"))
        .unwrap();
    let check = finding
        .checks
        .iter()
        .find(|check| check.check == CheckKind::SeveralArms)
        .unwrap();
    assert!(check.message.contains("bias"), "{}", check.message);
}

#[test]
fn only_exposed_customers_count_where_exposure_is_declared() {
    let assignments = "id,arm,at\n1,a,2024-01-01\n2,a,2024-01-01\n3,b,2024-01-01\n4,b,2024-01-01\n5,b,2024-01-01\n6,a,2024-01-01\n";
    // 6 was exposed only before its assignment.
    let exposures = "who,at\n1,2024-01-03\n2,2024-01-04\n3,2024-01-05\n3,2024-01-20\n4,2024-01-05\n6,2023-12-31\n";
    let orders =
        "who,at,amount\n1,2024-01-02,50\n1,2024-01-03,8\n3,2024-01-11,6\n5,2024-01-02,70\n";
    let documents = TWO_TABLES.replace(
        "arms: [",
        "exposure: { source: exposures, customer: who, time: at }\narms: [",
    ) + "---\n{ kind: source, name: exposures, path: exposures.csv }\n";
    let finding = Project::new()
        .file("assignments.csv", assignments)
        .file("exposures.csv", exposures)
        .file("orders.csv", orders)
        .measure(&documents)
        .unwrap();
    assert_eq!(finding.customers.counted, 4);
    assert_eq!(finding.customers.not_counted[0].number, 2);
    let revenue = comparison(&finding, "revenue").mean.unwrap();
    assert_close(revenue.against, 4.0, 1e-15);
    assert_close(revenue.arm, 3.0, 1e-15);
}

#[test]
fn an_experiment_whose_arms_have_the_wrong_sizes_is_refused() {
    let many: Vec<f64> = (0..600).map(|i| f64::from(i % 7)).collect();
    let data = format!(
        "id,arm,spend\n{}{}",
        rows("a", 0, &many[..300]),
        rows("b", 1000, &many[..450])
    );
    let finding = Project::new()
        .file("customers.csv", &data)
        .measure(ONE_TABLE)
        .unwrap();
    assert_eq!(finding.refusal.unwrap().reason, Reason::SampleRatioMismatch);
    assert_eq!(finding.checks[0].severity, Severity::Stop);
    assert!(finding.checks[0].p_value.unwrap() < 1e-6);
}

#[test]
fn missing_values_are_left_out_counted_and_tested() {
    let mut data = "id,arm,spend\n".to_owned();
    for id in 0..400 {
        let arm = if id % 2 == 0 { "a" } else { "b" };
        // Arm b misses every fourth value, arm a none.
        let spend = if id % 8 == 1 {
            String::new()
        } else {
            format!("{}", id % 10)
        };
        data.push_str(&format!("{id},{arm},{spend}\n"));
    }
    let finding = Project::new()
        .file("customers.csv", &data)
        .measure(ONE_TABLE)
        .unwrap();
    let spend = comparison(&finding, "spend");
    assert_eq!(
        (spend.n.arm, spend.missing.arm, spend.missing.against),
        (150, 50, 0)
    );
    let check = finding
        .checks
        .iter()
        .find(|check| check.check == CheckKind::MissingValues)
        .unwrap();
    assert_eq!(check.severity, Severity::Warning);
    assert!(check.p_value.unwrap() < 1e-9);
}

#[test]
fn a_covariate_may_be_for_some_metrics_only() {
    let mut data = "id,arm,before,spend\n".to_owned();
    for id in 0..200 {
        let (arm, before) = (["a", "b"][id % 2], (id * 7 % 23) as f64);
        let spend = if id % 3 == 0 {
            0.0
        } else {
            before + (id * 5 % 11) as f64
        };
        data.push_str(&format!("{id},{arm},{before},{spend}\n"));
    }
    let measure = |covariates: &str| {
        let documents = format!("{ONE_TABLE}covariates: [{covariates}]\n");
        Project::new()
            .file("customers.csv", &data)
            .measure(&documents)
            .unwrap()
    };
    let of_all = measure("before");
    let of_one = measure("{ column: before, metrics: [spend] }");
    assert_eq!(comparison(&of_all, "spend"), comparison(&of_one, "spend"));
    assert!(comparison(&of_all, "bought").adjusted.is_some());
    assert!(comparison(&of_one, "bought").adjusted.is_none());
}

#[test]
fn values_in_no_declared_arm_are_counted_and_named() {
    let data = format!(
        "id,arm,spend\n{}{}7,c,5\n8,,5\n",
        rows("a", 10, &[1.0, 2.0, 3.0]),
        rows("b", 20, &[1.0, 2.0, 4.0])
    );
    let finding = Project::new()
        .file("customers.csv", &data)
        .measure(ONE_TABLE)
        .unwrap();
    assert_eq!(finding.customers.counted, 6);
    let left = &finding.customers.not_counted[0];
    assert_eq!(left.number, 2);
    assert!(left.reason.contains("`c`"), "{}", left.reason);
}

#[test]
fn small_and_constant_arms_are_refused_with_a_reason() {
    let data = format!(
        "id,arm,spend\n{}{}",
        rows("a", 0, &[1.0, 2.0, 3.0]),
        rows("b", 9, &[4.0])
    );
    let finding = Project::new()
        .file("customers.csv", &data)
        .measure(ONE_TABLE)
        .unwrap();
    let spend = comparison(&finding, "spend");
    assert!(spend.outcome.absolute.is_none());
    assert_eq!(
        spend.outcome.refusal.as_ref().unwrap().reason,
        Reason::TooLittleData
    );
    // A share of one customer still has an answer.
    assert!(comparison(&finding, "bought").outcome.absolute.is_some());
}

#[test]
fn a_share_with_other_values_is_refused() {
    let documents = ONE_TABLE.replace("value: spend > 0", "value: spend");
    let data = format!(
        "id,arm,spend\n{}{}",
        rows("a", 0, &[1.0, 2.0, 0.0]),
        rows("b", 9, &[0.0, 1.0, 1.0])
    );
    let finding = Project::new()
        .file("customers.csv", &data)
        .measure(&documents)
        .unwrap();
    assert_eq!(
        comparison(&finding, "bought")
            .outcome
            .refusal
            .as_ref()
            .unwrap()
            .reason,
        Reason::UnfitData
    );
}

#[test]
fn a_relative_lift_over_nothing_is_not_estimable() {
    let data = format!(
        "id,arm,spend\n{}{}",
        rows("a", 0, &[0.0, 0.0, 0.0, 0.0]),
        rows("b", 9, &[4.0, 0.0, 6.0, 5.0])
    );
    let finding = Project::new()
        .file("customers.csv", &data)
        .measure(ONE_TABLE)
        .unwrap();
    let spend = comparison(&finding, "spend");
    assert_close(spend.outcome.absolute.unwrap().estimate, 3.75, 1e-15);
    assert!(matches!(
        spend.outcome.relative,
        Some(Relative::NotEstimable { .. })
    ));
}

#[test]
fn caps_bound_values_and_show_what_they_cut() {
    let documents = ONE_TABLE.replace("unit: money }", "unit: money, cap: { upper: 10 } }");
    let data = format!(
        "id,arm,spend\n{}{}",
        rows("a", 0, &[0.0, 25.0, 5.0]),
        rows("b", 9, &[4.0, 11.5, 6.0])
    );
    let finding = Project::new()
        .file("customers.csv", &data)
        .measure(&documents)
        .unwrap();
    let spend = comparison(&finding, "spend");
    assert_close(spend.mean.unwrap().against, 5.0, 1e-15);
    let cut = spend.cut.unwrap();
    assert_eq!((cut.arm, cut.against), (1.5, 15.0));
}

#[test]
fn wrong_columns_and_types_name_their_place() {
    let data = format!(
        "id,arm,spend\n{}{}",
        rows("a", 0, &[1.0, 2.0]),
        rows("b", 9, &[4.0, 3.0])
    );
    let project = Project::new().file("customers.csv", &data);
    let error = project
        .measure(&ONE_TABLE.replace("arm: arm", "arm: amr"))
        .unwrap_err();
    let MeasureError::UnknownColumn { column, meant, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((column.as_str(), meant.as_deref()), ("amr", Some("arm")));
    let error = project
        .measure(&ONE_TABLE.replace("value: spend, ", "value: arm, "))
        .unwrap_err();
    assert!(error.to_string().contains("metric `spend`"), "{error}");
    let error = project
        .measure(&ONE_TABLE.replace("value: spend, ", "value: spent, "))
        .unwrap_err();
    assert!(error.to_string().contains("spent"), "{error}");
}

/// A mistake in SQL is laid at the document that holds it, not at what is read by it.
#[test]
fn mistakes_in_sql_are_named_with_their_document() {
    let data = format!(
        "id,arm,spend\n{}{}",
        rows("a", 0, &[1.0, 2.0]),
        rows("b", 9, &[3.0, 4.0])
    );
    let project = Project::new().file("customers.csv", &data);
    let fact = "{ kind: fact, name: outcome, source: customers, customer: id }";
    let cases = [
        (
            fact,
            "{ kind: fact, name: outcome, source: customers, customer: id, where: spend > 0 AND }",
            "fact `outcome`, where: `spend > 0 AND`: ",
        ),
        (
            fact,
            "{ kind: fact, name: outcome, sql: SELECT * FROM custmers, customer: id }",
            "fact `outcome`, sql: ",
        ),
        (
            fact,
            "{ kind: fact, name: outcome, sql: SELECT * FRM customers, customer: id }",
            "fact `outcome`, sql: syntax error",
        ),
        (
            fact,
            "{ kind: fact, name: outcome, sql: DELETE FROM customers, customer: id }",
            "fact `outcome`, sql: `DELETE` begins another statement than a query",
        ),
        (
            fact,
            "{ kind: fact, name: outcome, source: customers, customer: ident }",
            "fact `outcome`, customer: `outcome` has no column `ident`",
        ),
        (
            "customer: id, arm: arm }",
            "customer: id, arm: arm, where: spnd > 0 }",
            "experiment `test`, assignment, where: `customers` has no column `spnd`; did you mean `spend`?",
        ),
        (
            "value: spend, ",
            "value: spend, where: spnd > 3, ",
            "metric `spend`, where: `outcome` has no column `spnd`; did you mean `spend`?",
        ),
        (
            "value: spend, ",
            "value: spend, where: spend >, ",
            "metric `spend`, where: `spend >`: ",
        ),
        (
            "aggregate: sum, value: spend, ",
            "aggregate: max, value: spnd + 1, ",
            "metric `spend`, value: `outcome` has no column `spnd`; did you mean `spend`?",
        ),
    ];
    for (right, wrong, place) in cases {
        assert!(ONE_TABLE.contains(right), "{right}");
        let error = project.measure(&ONE_TABLE.replace(right, wrong));
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with(place), "{error}");
    }
}

/// The same customers in one table and in two must give the same finding, whatever the number of threads.
#[test]
fn threads_and_shapes_change_nothing() {
    let mut wide = "id,arm,at,segment,before,spend\n".to_owned();
    let (mut assignments, mut orders) = (
        "id,arm,at,segment,before\n".to_owned(),
        "who,at,amount\n".to_owned(),
    );
    let mut state = 7_u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    for id in 0..20_000 {
        let arm = if random() % 2 == 0 { "a" } else { "b" };
        let segment = ["north", "south", ""][(random() % 3) as usize];
        let before = if random() % 20 == 0 {
            String::new()
        } else {
            format!("{:.2}", random() as f64 / 1e8)
        };
        let amounts: Vec<f64> = (0..random() % 4)
            .map(|_| (random() % 100_000) as f64 / 100.0)
            .collect();
        let total: i64 = amounts
            .iter()
            .map(|amount| (amount * 100.0).round() as i64)
            .sum();
        wide.push_str(&format!(
            "{id},{arm},2024-01-01,{segment},{before},{}\n",
            total as f64 / 100.0
        ));
        assignments.push_str(&format!("{id},{arm},2024-01-01,{segment},{before}\n"));
        for amount in amounts {
            orders.push_str(&format!("{id},2024-01-02,{amount}\n"));
        }
    }
    let with_known = "covariates: [before]\nsegments: [segment]\n";
    let measure = |threads: u32, documents: String| {
        let project = Project::new()
            .threads(threads)
            .file("customers.csv", &wide)
            .file("assignments.csv", &assignments)
            .file("orders.csv", &orders);
        serde_json::to_value(project.measure(&documents).unwrap()).unwrap()
    };
    let one_table = format!("{ONE_TABLE}{with_known}");
    let two_tables = format!(
        "{}{with_known}",
        TWO_TABLES.replace(
            "primary: revenue, secondary: [orders, basket]",
            "primary: revenue, secondary: [orders]"
        )
    );
    let once = measure(1, one_table.clone());
    assert_eq!(once, measure(2, one_table));
    let joined = measure(1, two_tables.clone());
    assert_eq!(joined, measure(2, two_tables));
    assert_eq!(
        once["metrics"][0]["absolute"],
        joined["metrics"][0]["absolute"]
    );
    assert_eq!(
        once["metrics"][0]["adjusted"]["absolute"],
        joined["metrics"][0]["adjusted"]["absolute"]
    );
    assert!(once["metrics"][0]["adjusted"]["covariates"][0]["dropped"].is_null());
    let of_segment = |finding: &serde_json::Value| {
        finding["segments"][0]["values"][1]["metrics"][0]["absolute"].clone()
    };
    assert_eq!(of_segment(&once), of_segment(&joined));
}

/// Assignments at one time, and orders each with the time after it, of 40 customers.
fn timed(start: &str, orders: &str) -> Project {
    let mut assignments = "id,arm,at\n".to_owned();
    let mut all = "who,at,amount\n".to_owned();
    for id in 0..40 {
        assignments.push_str(&format!("{id},{},{start}\n", ["a", "b"][id % 2]));
        for order in orders.split(';') {
            let (at, amount) = order.split_once('=').unwrap();
            all.push_str(&format!(
                "{id},{at},{}\n",
                amount.parse::<f64>().unwrap() + (id % 4) as f64
            ));
        }
    }
    Project::new()
        .file("assignments.csv", &assignments)
        .file("orders.csv", &all)
}

#[test]
fn a_metric_does_not_depend_on_the_windows_of_others() {
    // From the first of February 30 days are longer than a month.
    let project = timed(
        "2023-02-01 00:00:00",
        "2023-02-15 00:00:00=5;2023-03-02 12:00:00=7",
    );
    let documents = TWO_TABLES.replace("window: { to: 7 days }", "window: { to: 30 days }");
    let month = "---\n{ kind: metric, name: month, fact: order, aggregate: sum, value: amount, window: { to: 1 month } }\n";
    let alone = project.measure(&documents).unwrap();
    let beside = documents.replace("[orders, basket] }", "[orders, basket, month] }");
    let beside = project.measure(&format!("{beside}{month}")).unwrap();
    assert_eq!(
        comparison(&alone, "revenue").mean,
        comparison(&beside, "revenue").mean
    );
    assert_close(
        comparison(&alone, "revenue").mean.unwrap().against,
        14.0,
        1e-15,
    );
    assert_close(
        comparison(&beside, "month").mean.unwrap().against,
        6.0,
        1e-15,
    );
}

#[test]
fn the_name_of_a_source_is_the_users_own() {
    let documents = "
{ kind: source, name: units, path: orders.csv }
---
{ kind: source, name: rows, path: assignments.csv }
---
kind: fact
name: order
sql: SELECT who, amount FROM units -- both orders
customer: who
---
{ kind: metric, name: revenue, fact: order, aggregate: sum, value: amount, unit: money }
---
kind: experiment
name: test
assignment: { source: rows, customer: id, arm: arm, time: at }
arms: [{ name: a, role: generic }, { name: b, role: personalized }]
metrics: { primary: revenue }
";
    let project = timed(
        "2023-02-01 00:00:00",
        "2023-02-15 00:00:00=5;2023-03-02 12:00:00=7",
    );
    assert_close(
        comparison(&project.measure(documents).unwrap(), "revenue")
            .mean
            .unwrap()
            .against,
        14.0,
        1e-15,
    );
}

#[test]
fn points_in_time_are_not_confused_by_clocks_that_go_back() {
    // Clocks in New York went back from 2 to 1 at 06:00 UTC: the order is 30 minutes after the assignment.
    let project = timed("2024-11-03T05:45:00Z", "2024-11-03T06:15:00Z=5");
    let settings = "name: Test\nmargin: 0.5\ntime_zone: America/New_York\n";
    let finding = project.measure_with(settings, TWO_TABLES).unwrap();
    assert_close(
        comparison(&finding, "revenue").mean.unwrap().against,
        6.0,
        1e-15,
    );
}

#[test]
fn what_has_a_day_only_may_be_after_exposure_on_its_day() {
    let project = timed("2024-01-05 10:00:00", "2024-01-05=5;2024-01-04=100");
    let finding = project.measure(TWO_TABLES).unwrap();
    assert_close(
        comparison(&finding, "revenue").mean.unwrap().against,
        6.0,
        1e-15,
    );
}

#[test]
fn arms_that_are_numbers_match_in_a_column_of_floating_point_numbers() {
    let documents = ONE_TABLE
        .replace(
            "{ name: a, role: generic }",
            "{ name: a, value: 0, role: generic }",
        )
        .replace(
            "{ name: b, role: personalized }",
            "{ name: b, value: 1, role: personalized }",
        );
    let data = format!(
        "id,arm,spend\n{}{}",
        rows("0.0", 0, &[1.0, 2.0, 3.0]),
        rows("1.0", 9, &[4.0, 6.0, 5.0])
    );
    let measure = |data: &str| {
        let project = Project::new().file("customers.csv", data);
        project.measure(&documents).unwrap()
    };
    assert_eq!(measure(&data).customers.counted, 6);
    let other = &measure(&format!("{data}50,2.0,1\n")).customers.not_counted[0];
    assert_eq!(other.number, 1);
    assert!(
        other.reason.ends_with("(such as `2.0`)"),
        "{}",
        other.reason
    );
}

#[test]
fn conditions_may_end_in_a_comment() {
    let documents = |comment: &str| {
        let condition = |text: &str| format!("where: \"{text}{comment}\"");
        format!(
            "{{ kind: source, name: assignments, path: assignments.csv }}
---
{{ kind: source, name: shown, path: shown.csv }}
---
{{ kind: source, name: orders, path: orders.csv }}
---
{{ kind: fact, name: order, source: orders, customer: who, time: at, {} }}
---
{{ kind: metric, name: revenue, fact: order, aggregate: sum, value: amount, {}, window: {{ to: 7 days }} }}
---
{{ kind: metric, name: typical, fact: order, aggregate: quantile, value: amount, quantile: 0.5, {} }}
---
kind: metric
name: funnel
fact: order
aggregate: funnel
steps: [{{ name: one, {} }}, {{ name: two, {} }}]
---
kind: experiment
name: test
assignment: {{ source: assignments, customer: id, arm: arm, time: at, {} }}
exposure: {{ source: shown, customer: id, time: at, {} }}
arms: [{{ name: a, role: generic }}, {{ name: b, role: personalized }}]
metrics: {{ primary: revenue, secondary: [typical, funnel] }}
",
            condition("amount > 1"),
            condition("amount < 50"),
            condition("amount < 60"),
            condition("amount > 2"),
            condition("amount > 3"),
            condition("id < 70"),
            condition("id <> 7"),
        )
    };
    let (mut assignments, mut orders) = ("id,arm,at\n".to_owned(), "who,at,amount\n".to_owned());
    for id in 0..80 {
        let arm = if id < 66 { ["a", "b"][id % 2] } else { "c" };
        assignments.push_str(&format!("{id},{arm},2024-01-0{}\n", 2 + id % 3));
        orders.push_str(&format!("{id},2024-01-0{},{}\n", 5 + id % 4, id * 7 % 65));
    }
    let project = Project::new()
        .file(
            "shown.csv",
            &assignments.replace("2024-01-04", "2024-01-03"),
        )
        .file("assignments.csv", &assignments)
        .file("orders.csv", &orders);
    let measure = |comment: &str| project.measure(&documents(comment)).unwrap();
    let (plain, commented) = (measure(""), measure(" -- all"));
    assert!(comparison(&plain, "revenue").outcome.absolute.is_some());
    assert_eq!(commented.metrics, plain.metrics);
    assert_eq!(commented.customers, plain.customers);
    assert_eq!(commented.checks, plain.checks);
}

#[test]
fn nothing_to_compare_is_said() {
    let project = timed("2023-02-01 00:00:00", "2023-01-15 00:00:00=5");
    let finding = project.measure(TWO_TABLES).unwrap();
    let check = finding
        .checks
        .iter()
        .find(|check| check.check == CheckKind::NoData)
        .unwrap();
    assert!(
        check.severity == Severity::Warning && check.message.contains("`order`"),
        "{}",
        check.message
    );

    let data = format!("id,arm,spend\n{}", rows("b", 9, &[4.0, 6.0, 5.0]));
    let finding = Project::new()
        .file("customers.csv", &data)
        .measure(ONE_TABLE)
        .unwrap();
    let check = finding
        .checks
        .iter()
        .find(|check| check.check == CheckKind::NoData)
        .unwrap();
    assert!(
        check.severity == Severity::Stop && check.message.contains("`a` has no customers"),
        "{}",
        check.message
    );
}

#[test]
fn an_arm_whose_value_is_misspelt_is_refused_with_what_was_meant() {
    let many: Vec<f64> = (0..300).map(|i| f64::from(i % 7)).collect();
    let data = format!(
        "id,arm,spend\n{}{}",
        rows("a", 0, &many),
        rows("Mens E-Mail", 1000, &many)
    );
    let measure = |value: &str| {
        let named = format!("{{ name: b, role: personalized, value: {value} }}");
        Project::new()
            .file("customers.csv", &data)
            .measure(&ONE_TABLE.replace("{ name: b, role: personalized }", &named))
            .unwrap()
    };
    let refused = |value: &str| {
        let finding = measure(value);
        assert_eq!(finding.checks[0].severity, Severity::Stop);
        let refusal = finding.refusal.unwrap();
        assert_eq!(finding.checks[0].message, refusal.message);
        assert_eq!(refusal.reason, Reason::UnfitData);
        refusal.message
    };
    assert_eq!(
        refused("Mens Email"),
        "`b` has no customers: the column `arm` of `customers` never holds `Mens Email` (did you mean `Mens E-Mail`?)"
    );
    assert!(
        refused("shown").ends_with("(it holds values that no arm declares, such as `Mens E-Mail`)")
    );
    assert_eq!(measure("Mens E-Mail").refusal, None);
}

#[test]
fn sizes_beyond_what_a_double_holds_are_refused_with_their_logarithm() {
    let data = format!(
        "id,arm,spend\n{}{}",
        rows("a", 0, &[1.0; 3000]),
        rows("b", 10_000, &[1.0; 10])
    );
    let finding = Project::new()
        .file("customers.csv", &data)
        .measure(ONE_TABLE)
        .unwrap();
    let refusal = finding.refusal.unwrap();
    assert_eq!(refusal.reason, Reason::SampleRatioMismatch);
    // chi-square of 2970.13 with one degree of freedom: ln p = -1489.3.
    assert!(
        refusal.message.contains("(p < 1e-300, ln p = -1489.3)"),
        "{}",
        refusal.message
    );
}

#[test]
fn large_sums_of_floating_point_numbers_do_not_depend_on_threads() {
    let mut orders = "who,at,amount\n".to_owned();
    let mut assignments = "id,arm,at\n".to_owned();
    for id in 0..3_000 {
        assignments.push_str(&format!("{id},{},2024-01-01\n", ["a", "b"][id % 2]));
        for k in 1..6 {
            let amount = 1e9 / f64::from(id as u32 + k * 7 + 1) * f64::from(k);
            orders.push_str(&format!("{id},2024-01-02,{amount}\n"));
        }
    }
    let measure = |threads| {
        let project = Project::new()
            .threads(threads)
            .file("assignments.csv", &assignments)
            .file("orders.csv", &orders);
        serde_json::to_string(&project.measure(TWO_TABLES).unwrap()).unwrap()
    };
    let once = measure(1);
    for threads in [2, 3, 8] {
        assert!(once == measure(threads));
    }
}

#[test]
fn assignments_before_1970_are_as_good_as_others() {
    let assignments = "id,arm,at\n1,a,1950-06-01\n1,b,1950-06-02\n2,a,1950-06-01\n3,b,1950-06-01\n4,b,1950-06-01\n";
    let project = Project::new()
        .file("assignments.csv", assignments)
        .file("orders.csv", "who,at,amount\n1,1950-06-03,8\n");
    let finding = project.measure(TWO_TABLES).unwrap();
    assert_eq!(
        (finding.customers.counted, finding.customers.several_arms),
        (4, 1)
    );
    assert_close(
        comparison(&finding, "revenue").mean.unwrap().against,
        4.0,
        1e-15,
    );
}
