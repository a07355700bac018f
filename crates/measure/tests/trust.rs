//! Whether faults of experiments are found, and none where there is none.

mod common;

use common::Project;
use measure::audience::{
    CheckKind, Depth, LiftFinding, ReplayVerdict, Severity, lift_at_depth, replay,
};
use measure::{MeasureError, Reason};

const CATALOG: &str = "
{ kind: source, name: assignments, path: assignments.csv }
---
{ kind: source, name: orders, path: orders.csv }
---
{ kind: fact, name: order, source: orders, customer: who, time: at }
---
{ kind: metric, name: revenue, fact: order, aggregate: sum, value: amount, unit: money }
---
{ kind: metric, name: bought, fact: order, aggregate: any, unit: share }
---
kind: experiment
name: test
assignment: { source: assignments, customer: id, arm: arm, time: at }
arms: [{ name: a, role: generic, share: 0.5 }, { name: b, role: personalized, share: 0.5 }]
metrics: { primary: revenue, secondary: [bought] }
segments: [browser, country]
";

/// Numbers from 0 to 1 that look random (a multiplicative congruential generator).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

const BROWSERS: [&str; 4] = ["Chrome", "Safari", "Firefox", "Edge"];
const COUNTRIES: [&str; 3] = ["DE", "FR", "US"];

/// A customer of the assignment.
struct Assigned {
    day: u32,
    arm: &'static str,
    browser: &'static str,
}

/// Assignments over 20 days of 300 customers, each in arm b with a probability that may depend on the day and browser; a
/// customer may be lost.
fn assignments(share_of_b: impl Fn(u32) -> f64, is_lost: impl Fn(&Assigned) -> bool) -> String {
    let mut draws = Draws(7);
    let mut text = "id,arm,at,browser,country\n".to_owned();
    for id in 0..6_000 {
        let day = 1 + id / 300;
        let arm = if draws.next() < share_of_b(day) {
            "b"
        } else {
            "a"
        };
        let browser = BROWSERS[(draws.next() * 4.0) as usize];
        let country = COUNTRIES[(draws.next() * 3.0) as usize];
        let hour = (draws.next() * 24.0) as u32;
        let assigned = Assigned { day, arm, browser };
        if !is_lost(&assigned) {
            text.push_str(&format!(
                "{id},{arm},2024-03-{day:02} {hour:02}:30:00,{browser},{country}\n"
            ));
        }
    }
    text
}

/// An order of two in five customers, a week after the last assignment.
fn orders() -> String {
    let mut draws = Draws(11);
    let mut text = "who,at,amount\n".to_owned();
    for id in 0..6_000 {
        if draws.next() < 0.4 {
            let amount = 10.0 + (draws.next() * 90.0).round();
            text.push_str(&format!(
                "{id},2024-03-2{} 12:00:{:02},{amount}\n",
                id % 7 + 1,
                id % 60
            ));
        }
    }
    text
}

fn check(finding: &LiftFinding, kind: CheckKind) -> Vec<(Severity, &str)> {
    let checks = finding.checks.iter().filter(|check| check.check == kind);
    checks
        .map(|check| (check.severity, check.message.as_str()))
        .collect()
}

fn worst(finding: &LiftFinding) -> Severity {
    let severities = finding.checks.iter().map(|check| check.severity);
    severities.max().unwrap_or(Severity::Fine)
}

#[test]
fn a_clean_experiment_raises_no_alarm() {
    let finding = Project::new()
        .file("assignments.csv", &assignments(|_| 0.5, |_| false))
        .file("orders.csv", &orders())
        .measure(CATALOG)
        .unwrap();
    assert!(worst(&finding) < Severity::Warning, "{:#?}", finding.checks);
    let split = finding.trust.sample_ratio.as_ref().unwrap();
    assert!(split.p_value > 0.001 && split.anytime_p.unwrap() > 0.001);
    assert_eq!(
        (split.first_alarm.as_ref(), split.suspects.len()),
        (None, 0)
    );
    assert_eq!(split.by_phase.len(), 1);
    assert_eq!(
        split.by_phase[0].customers,
        finding
            .arms
            .iter()
            .map(|arm| arm.customers)
            .collect::<Vec<_>>()
    );
    let rows = &finding.trust.events[0];
    assert_eq!(
        (rows.duplicates, rows.after_end, rows.outliers),
        (Some(0), 0, 0)
    );
    assert_eq!(rows.late, None);
    assert!(finding.trust.several_arms.is_empty() && finding.trust.attrition.is_empty());
}

#[test]
fn a_mismatch_is_found_with_its_segment_and_day() {
    // From the 8th on Safari loses most customers of b.
    let mut draws = Draws(3);
    let kept: Vec<bool> = (0..6_000).map(|_| draws.next() < 0.3).collect();
    let place = std::cell::Cell::new(0);
    let is_lost = |assigned: &Assigned| {
        place.set(place.get() + 1);
        assigned.day >= 8
            && assigned.browser == "Safari"
            && assigned.arm == "b"
            && !kept[place.get() - 1]
    };
    let finding = Project::new()
        .file("assignments.csv", &assignments(|_| 0.5, is_lost))
        .file("orders.csv", &orders())
        .measure(CATALOG)
        .unwrap();
    assert_eq!(
        finding.refusal.as_ref().unwrap().reason,
        Reason::SampleRatioMismatch
    );
    let split = finding.trust.sample_ratio.as_ref().unwrap();
    let suspect = &split.suspects[0];
    assert_eq!(
        (suspect.segment.as_str(), suspect.value.as_str()),
        ("browser", "Safari")
    );
    assert!(suspect.explains && suspect.p_value < 1e-6);
    let day = suspect.since.as_deref().unwrap();
    assert!(("2024-03-07"..="2024-03-09").contains(&day), "{day}");
    let (severity, message) = check(&finding, CheckKind::SampleRatio)[0];
    assert_eq!(severity, Severity::Stop);
    assert!(
        message.contains("`browser` = `Safari` explains it"),
        "{message}"
    );
    assert!(message.contains(day), "{message}");
    // The sizes that are called as declared are those of everybody else.
    let others: Vec<String> = (finding.arms.iter().zip(&suspect.customers))
        .map(|(arm, own)| format!("{} {} (expected ", arm.name, arm.customers - own))
        .collect();
    let (_, without) = message
        .split_once("without these customers the arms are as declared: ")
        .unwrap();
    assert!(
        without.starts_with(&others[0]) && without.contains(&others[1]),
        "{message}"
    );
}

#[test]
fn a_segment_that_fails_like_the_others_explains_nothing() {
    // Half of b is lost, whoever they are; most customers are on Safari.
    let mut lines = "id,arm,at,browser,country\n".to_owned();
    let sizes = [
        ("Safari", "a", 131),
        ("Safari", "b", 63),
        ("Edge", "a", 61),
        ("Edge", "b", 30),
    ];
    for (browser, arm, customers) in sizes {
        for id in 0..customers {
            lines.push_str(&format!(
                "{browser}{arm}{id},{arm},2024-03-01 08:00:00,{browser},DE\n"
            ));
        }
    }
    let finding = Project::new()
        .file("assignments.csv", &lines)
        .file("orders.csv", &orders())
        .measure(CATALOG)
        .unwrap();
    let split = finding.trust.sample_ratio.as_ref().unwrap();
    assert!(!split.suspects.is_empty() && split.suspects.iter().all(|found| !found.explains));
    let (severity, message) = check(&finding, CheckKind::SampleRatio)[0];
    assert_eq!(severity, Severity::Stop);
    assert!(
        message.contains("deviates most") && !message.contains("as declared"),
        "{message}"
    );
}

#[test]
fn a_split_that_was_broken_for_a_while_is_found_on_its_day() {
    // Two opposite faults: at the end the arms are as large as declared.
    let share = |day: u32| match day {
        3..=6 => 0.72,
        7..=10 => 0.28,
        _ => 0.5,
    };
    let finding = Project::new()
        .file("assignments.csv", &assignments(share, |_| false))
        .file("orders.csv", &orders())
        .measure(CATALOG)
        .unwrap();
    let split = finding.trust.sample_ratio.as_ref().unwrap();
    assert!(split.p_value > 0.001);
    let day = split.first_alarm.as_deref().unwrap();
    assert!(("2024-03-03"..="2024-03-05").contains(&day), "{day}");
    let checks = check(&finding, CheckKind::SampleRatio);
    assert_eq!(
        (checks[0].0, checks[1].0),
        (Severity::Fine, Severity::Warning)
    );
    assert!(checks[1].1.contains(day));
    assert_eq!(finding.refusal, None);
}

const RAMP: &str = "arms: [{ name: a, role: generic }, { name: b, role: personalized }]
phases:
  - { from: 2024-03-01, shares: { a: 0.9, b: 0.1 } }
  - { from: 2024-03-11, shares: { a: 0.5, b: 0.5 } }
";

fn ramped() -> String {
    CATALOG.replace(
        "arms: [{ name: a, role: generic, share: 0.5 }, { name: b, role: personalized, share: 0.5 }]\n",
        RAMP,
    )
}

#[test]
fn a_ramp_is_no_mismatch_and_its_phases_are_compared_apart() {
    let share = |day: u32| if day <= 10 { 0.1 } else { 0.5 };
    // Who came in the second phase buys for 50 more, in both arms: no effect, but more of b.
    let mut orders = "who,at,amount\n".to_owned();
    let mut draws = Draws(5);
    for id in 0..6_000 {
        let amount = 10.0 + (draws.next() * 20.0).round() + if id >= 3_000 { 50.0 } else { 0.0 };
        orders.push_str(&format!("{id},2024-03-25 12:00:00,{amount}\n"));
    }
    let project = Project::new()
        .file("assignments.csv", &assignments(share, |_| false))
        .file("orders.csv", &orders);
    let finding = project.measure(&ramped()).unwrap();
    let split = finding.trust.sample_ratio.as_ref().unwrap();
    assert!(split.p_value > 0.001 && split.first_alarm.is_none());
    assert_eq!(split.by_phase.len(), 2);
    assert_eq!(split.by_phase[1].from.as_deref(), Some("2024-03-11"));
    let expected: f64 = split.by_phase.iter().map(|phase| phase.expected[1]).sum();
    assert!((expected - 1_800.0).abs() < 1e-6, "{expected}");
    let revenue = finding.comparison("revenue", "b").unwrap();
    let plain = revenue.outcome.absolute.unwrap();
    let decisive = revenue.decisive().unwrap().absolute.unwrap();
    assert!(plain.low > 10.0, "{plain:?}");
    assert!(decisive.low < 0.0 && decisive.high > 0.0, "{decisive:?}");
    assert!(decisive.estimate.abs() < 1.0);

    // Without its phases the ramp is a mismatch with every declared share.
    let finding = project.measure(CATALOG).unwrap();
    assert!(finding.refusal.is_some());
}

#[test]
fn a_fault_in_one_phase_is_named() {
    let share = |day: u32| if day <= 10 { 0.1 } else { 0.42 };
    let finding = Project::new()
        .file("assignments.csv", &assignments(share, |_| false))
        .file("orders.csv", &orders())
        .measure(&ramped())
        .unwrap();
    let split = finding.trust.sample_ratio.as_ref().unwrap();
    assert!(split.p_value < 0.001);
    assert!(split.by_phase[0].p_value.unwrap() > 0.001);
    assert!(split.by_phase[1].p_value.unwrap() < 0.001);
    let (severity, message) = check(&finding, CheckKind::SampleRatio)[0];
    assert_eq!(severity, Severity::Stop);
    assert!(
        message.contains("it is in the phase 2024-03-11"),
        "{message}"
    );
}

#[test]
fn an_empty_arm_alarms() {
    let finding = Project::new()
        .file("assignments.csv", &assignments(|_| 0.0, |_| false))
        .file("orders.csv", &orders())
        .measure(CATALOG)
        .unwrap();
    assert_eq!(check(&finding, CheckKind::NoData)[0].0, Severity::Stop);
    assert_eq!(check(&finding, CheckKind::SampleRatio)[0].0, Severity::Stop);
}

#[test]
fn customers_in_several_arms_are_counted_by_their_arms_and_bounded() {
    let mut rows = assignments(|_| 0.5, |_| false);
    // Every 20th customer is assigned to both arms, to b last.
    let mut both = 0;
    for id in (0..6_000).step_by(20) {
        let first_in_a = rows.contains(&format!("\n{id},a,"));
        let other = if first_in_a { "b" } else { "a" };
        rows.push_str(&format!("{id},{other},2024-03-21 00:00:00,Edge,DE\n"));
        both += 1;
    }
    let finding = Project::new()
        .file("assignments.csv", &rows)
        .file("orders.csv", &orders())
        .measure(CATALOG)
        .unwrap();
    let several = &finding.trust.several_arms;
    assert_eq!(several.len(), 1);
    assert_eq!(
        (several[0].arms.as_slice(), several[0].customers),
        (["a".to_owned(), "b".to_owned()].as_slice(), both)
    );
    let sensitivity = &finding.trust.several_arms_sensitivity[0];
    let revenue = finding.comparison("revenue", "b").unwrap();
    assert_eq!(sensitivity.first, revenue.outcome.absolute);
    let exclude = sensitivity.exclude.unwrap();
    assert!(exclude.estimate != sensitivity.first.unwrap().estimate);
    assert!(sensitivity.low < exclude.low.min(sensitivity.first.unwrap().estimate));
    assert!(sensitivity.high > exclude.high.max(sensitivity.first.unwrap().estimate));
    // 5 per cent of each arm may have been anything from nothing to the largest sum seen.
    let width = sensitivity.high - sensitivity.low;
    let range = sensitivity.range.1 - sensitivity.range.0;
    assert!((width / range - 0.1).abs() < 0.01, "{width} {range}");
    assert_eq!(
        check(&finding, CheckKind::SeveralArms)[0].0,
        Severity::Warning
    );

    // Left out, the two views are there all the same.
    let excluded = CATALOG.replace("segments:", "several_arms: exclude\nsegments:");
    let finding = Project::new()
        .file("assignments.csv", &rows)
        .file("orders.csv", &orders())
        .measure(&excluded)
        .unwrap();
    let left_out = &finding.trust.several_arms_sensitivity[0];
    assert_eq!(
        left_out.exclude,
        finding.comparison("revenue", "b").unwrap().outcome.absolute
    );
    assert_eq!(left_out, sensitivity);
}

#[test]
fn rows_that_repeat_come_late_or_from_the_future_are_counted() {
    let mut rows = "who,at,amount,loaded\n".to_owned();
    for line in orders().lines().skip(1) {
        rows.push_str(&format!("{line},2024-03-29 00:00:00\n"));
    }
    let orders = rows.lines().count() - 1;
    // Ten orders twice, of 100 each, loaded late the second time; two in 2099; one loaded before it happened.
    for id in 0..10 {
        for _ in 0..2 {
            rows.push_str(&format!(
                "{id},2024-03-22 00:00:01,100,2024-04-20 00:00:00\n"
            ));
        }
    }
    rows.push_str("1,2099-01-01 00:00:00,5,2099-01-02 00:00:00\n2,2099-01-01 00:00:00,5,2099-01-02 00:00:00\n");
    rows.push_str("3,2024-03-22 00:00:00,5,2024-03-21 00:00:00\n");
    let catalog = CATALOG.replace(
        "customer: who, time: at }",
        "customer: who, time: at, arrived: loaded, delay: 14 days }",
    );
    let finding = Project::new()
        .file("assignments.csv", &assignments(|_| 0.5, |_| false))
        .file("orders.csv", &rows)
        .measure(&catalog)
        .unwrap();
    let fact = &finding.trust.events[0];
    assert_eq!(fact.rows as usize, orders + 23);
    assert_eq!(fact.duplicates, Some(10));
    let total: f64 = rows
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(2).unwrap().parse::<f64>().unwrap())
        .sum();
    let (metric, share) = fact.duplicate_money.as_ref().unwrap();
    assert_eq!(metric, "revenue");
    assert!((share - 1_000.0 / total).abs() < 1e-12);
    assert_eq!(
        (fact.after_end, fact.late, fact.before_happening),
        (2, Some(20), Some(1))
    );
    let messages = check(&finding, CheckKind::Events);
    assert!(messages.iter().any(
        |(severity, text)| *severity == Severity::Warning && text.contains("repeat another's")
    ));
    assert!(
        messages
            .iter()
            .any(|(_, text)| text.contains("long after all others"))
    );
    assert!(
        messages
            .iter()
            .any(|(_, text)| text.contains("arrived later"))
    );
    assert!(
        messages
            .iter()
            .any(|(_, text)| text.contains("before they happened"))
    );

    // Where the end is declared it counts.
    let until = catalog.replace("segments:", "until: 2024-03-24\nsegments:");
    let finding = Project::new()
        .file("assignments.csv", &assignments(|_| 0.5, |_| false))
        .file("orders.csv", &rows)
        .measure(&until)
        .unwrap();
    let later = |line: &str| line.split(',').nth(1).unwrap() > "2024-03-24 00:00:00";
    let after = rows.lines().skip(1).filter(|line| later(line)).count() as u64;
    assert_eq!(finding.trust.events[0].after_end, after);
}

#[test]
fn robots_and_customers_who_decide_alone_are_named() {
    let mut rows = orders();
    for second in 0..3_000 {
        rows.push_str(&format!(
            "17,2024-03-22 0{}:{:02}:{:02},9\n",
            second / 3_600,
            second / 60 % 60,
            second % 60
        ));
    }
    let finding = Project::new()
        .file("assignments.csv", &assignments(|_| 0.5, |_| false))
        .file("orders.csv", &rows)
        .measure(CATALOG)
        .unwrap();
    let fact = &finding.trust.events[0];
    assert_eq!(fact.outliers, 1);
    let own = rows.lines().filter(|line| line.starts_with("17,")).count() as f64;
    assert!((fact.outlier_rows - own / fact.rows as f64).abs() < 1e-12);
    assert!(finding.trust.top_customers.unwrap() > 0.9);
    let messages = check(&finding, CheckKind::Events);
    assert!(messages.iter().any(|(_, text)| text.contains("robots")));
    assert!(
        messages
            .iter()
            .any(|(_, text)| text.contains("10 customers make"))
    );
}

#[test]
fn exposures_before_assignment_are_told() {
    let mut shown = "who,at\n".to_owned();
    for id in 0..6_000 {
        let day = 1 + id / 300;
        // Every tenth customer is shown something two hours before the day of assignment.
        let at = if id % 10 == 0 {
            format!("2024-02-28 {:02}:00:00", 22)
        } else {
            format!("2024-03-{:02} 23:59:00", day)
        };
        shown.push_str(&format!("{id},{at}\n"));
    }
    let catalog = CATALOG.replace(
        "---\nkind: experiment",
        "---\n{ kind: source, name: shown, path: shown.csv }\n---\nkind: experiment",
    );
    let catalog = catalog.replace(
        "arms:",
        "exposure: { source: shown, customer: who, time: at }\narms:",
    );
    let finding = Project::new()
        .file("assignments.csv", &assignments(|_| 0.5, |_| false))
        .file("orders.csv", &orders())
        .file("shown.csv", &shown)
        .measure(&catalog)
        .unwrap();
    assert_eq!(finding.customers.counted, 5_400);
    let messages = check(&finding, CheckKind::Events);
    assert!(
        messages
            .iter()
            .any(|(severity, text)| *severity == Severity::Warning
                && text.starts_with("600 of 6000 exposures (10.00 %)")),
        "{messages:?}"
    );
    let split = finding.trust.sample_ratio.as_ref().unwrap();
    assert_eq!(split.by_phase[0].customers.iter().sum::<u64>(), 5_400);
}

const WITH_COVARIATES: &str = "
{ kind: source, name: customers, path: customers.csv, key: id }
---
{ kind: fact, name: outcome, source: customers, customer: id }
---
{ kind: metric, name: spend, fact: outcome, aggregate: mean, value: spend, unit: money }
---
kind: experiment
name: test
assignment: { source: customers, customer: id, arm: arm }
arms: [{ name: a, role: generic }, { name: b, role: personalized }]
metrics: { primary: spend }
covariates: [history, visits]
";

/// Customers `id,arm,spend,history,visits`; `shift` is added to the history of arm b, and the spend of b is missing where
/// `is_missing`.
fn customers(shift: f64, is_missing: impl Fn(f64) -> bool) -> String {
    let mut draws = Draws(23);
    let mut text = "id,arm,spend,history,visits\n".to_owned();
    for id in 0..4_000 {
        let arm = if draws.next() < 0.5 { "b" } else { "a" };
        let history = draws.next() * 100.0;
        let spend = 0.5 * history + draws.next() * 40.0;
        let history = history + if arm == "b" { shift } else { 0.0 };
        let visits = (draws.next() * 9.0) as u32;
        let spend = if arm == "b" && is_missing(spend) {
            String::new()
        } else {
            format!("{spend}")
        };
        text.push_str(&format!("{id},{arm},{spend},{history},{visits}\n"));
    }
    text
}

#[test]
fn arms_that_differed_before_are_found_by_one_test() {
    let alike = Project::new()
        .file("customers.csv", &customers(0.0, |_| false))
        .measure(WITH_COVARIATES)
        .unwrap();
    let balance = alike.trust.balance.as_ref().unwrap();
    assert!(balance.p_value > 0.001);
    assert_eq!(balance.covariates.len(), 2);
    assert_eq!(check(&alike, CheckKind::Balance)[0].0, Severity::Fine);
    let (severity, message) = check(&alike, CheckKind::Adjustment)[0];
    assert_eq!(severity, Severity::Fine);
    assert!(message.starts_with("covariates explain 6"), "{message}");

    let apart = Project::new()
        .file("customers.csv", &customers(8.0, |_| false))
        .measure(WITH_COVARIATES)
        .unwrap();
    let balance = apart.trust.balance.as_ref().unwrap();
    assert!(balance.p_value < 1e-6);
    assert!((balance.covariates[0].difference - 8.0 / 28.9).abs() < 0.1);
    let (severity, message) = check(&apart, CheckKind::Balance)[0];
    assert_eq!(severity, Severity::Warning);
    assert!(
        message.contains("`history`") && !message.contains("`visits`"),
        "{message}"
    );
}

#[test]
fn a_number_that_is_not_finite_is_no_extreme_customer() {
    let documents = WITH_COVARIATES.replace(
        "path: customers.csv",
        "path: customers.csv, types: { spend: DOUBLE }",
    );
    let rows = customers(0.0, |spend| spend < 25.0) + "9998,a,inf,50,3\n9999,b,nan,50,3\n";
    let finding = Project::new()
        .file("customers.csv", &rows)
        .measure(&documents)
        .unwrap();
    let spend = &finding.comparison("spend", "b").unwrap().outcome;
    assert_eq!(spend.refusal.as_ref().unwrap().reason, Reason::UnfitData);
    assert!(finding.trust.attrition.is_empty());
    assert!(finding.trust.top_customers.unwrap() < 0.05);
    assert!(check(&finding, CheckKind::Events).is_empty());
}

#[test]
fn values_that_are_missing_in_one_arm_are_bounded() {
    // In b the customers who spend little have no value.
    let finding = Project::new()
        .file("customers.csv", &customers(0.0, |spend| spend < 25.0))
        .measure(WITH_COVARIATES)
        .unwrap();
    let bounds = &finding.trust.attrition[0];
    assert_eq!(bounds.missing.against, 0.0);
    assert!(bounds.missing.arm > 0.1);
    let worst = bounds.worst_case.unwrap();
    // There is no effect on all, which the bounds hold, whatever the plain effect says.
    assert!(worst.low < 0.0 && worst.high > 0.0);
    assert!(
        finding
            .comparison("spend", "b")
            .unwrap()
            .outcome
            .absolute
            .unwrap()
            .low
            > 0.0
    );
    let always = bounds.always_observed.unwrap();
    // Trimming the smallest of a gives just those who are seen in b: no effect on them.
    assert!(always.low.abs() < 1.5, "{always:?}");
    assert!(always.high > 5.0);
    let (severity, message) = check(&finding, CheckKind::MissingValues)[0];
    assert_eq!(severity, Severity::Warning);
    assert!(
        message.contains("in either arm it lies between"),
        "{message}"
    );
}

fn replayed(
    project: &Project,
    catalog: &str,
    splits: u32,
) -> Result<measure::audience::ReplayFinding, MeasureError> {
    let catalog = project.catalog(catalog);
    let mut lake = lake::Lake::open(&catalog, None)?;
    replay(
        &catalog,
        &mut lake,
        catalog.experiment("test").unwrap(),
        splits,
        1,
    )
}

#[test]
fn a_replay_tells_a_valid_analysis_from_one_that_is_not() {
    let project = || Project::new().file("customers.csv", &customers(0.0, |_| false));
    let finding = replayed(&project(), WITH_COVARIATES, 200).unwrap();
    let spend = &finding.metrics[0];
    assert_eq!(spend.analysed, 200);
    assert_eq!(spend.verdict, ReplayVerdict::Valid, "{}", spend.message);
    // The same on one thread.
    assert_eq!(
        replayed(&project().threads(1), WITH_COVARIATES, 200)
            .unwrap()
            .metrics,
        finding.metrics
    );
    assert!(matches!(
        replayed(&project(), WITH_COVARIATES, 3),
        Err(MeasureError::Limit { .. })
    ));

    // One customer has nearly everything: the test never finds anything.
    let mut skewed = customers(0.0, |_| false);
    skewed.push_str("9999,a,100000000,50,1\n");
    let skewed = Project::new().file("customers.csv", &skewed);
    let metric = &replayed(
        &skewed,
        &WITH_COVARIATES.replace("covariates: [history, visits]", ""),
        400,
    )
    .unwrap()
    .metrics[0];
    assert_eq!(
        metric.verdict,
        ReplayVerdict::FindsTooLittle,
        "{}",
        metric.message
    );
}

#[test]
fn a_deep_look_gives_the_same_where_all_is_looked_at_anyway() {
    let project = Project::new()
        .file("assignments.csv", &assignments(|_| 0.5, |_| false))
        .file("orders.csv", &orders());
    let catalog = project.catalog(CATALOG);
    let mut lake = lake::Lake::open(&catalog, None).unwrap();
    let deep = lift_at_depth(
        &catalog,
        &mut lake,
        catalog.experiment("test").unwrap(),
        Depth::Deep,
    )
    .unwrap();
    assert_eq!(deep.trust, project.measure(CATALOG).unwrap().trust);
}

/// What is wrong with a catalog whose experiment has these phases.
fn mistakes(phases: &str) -> String {
    let documents = ramped().replace(
        RAMP,
        &format!("{}phases:\n{phases}", RAMP.split("phases").next().unwrap()),
    );
    let files = [
        (
            "touchstone.yaml".into(),
            "name: Test\nmargin: 0.5\n".to_owned(),
        ),
        ("catalog/test.yaml".into(), documents),
    ];
    let found = catalog::Catalog::from_sources(std::path::Path::new("."), files, &|_| None);
    found.map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn phases_that_make_no_sense_are_refused() {
    assert_eq!(
        mistakes("  - { from: 2024-03-01, shares: { a: 0.9, b: 0.1 } }\n"),
        ""
    );
    let says = |phases: &str, what: &str| {
        let found = mistakes(phases);
        assert!(found.contains(what), "{found}");
    };
    says(
        "  - { from: soon, shares: { a: 0.9, b: 0.1 } }\n",
        "`soon` is not a date or time",
    );
    says(
        "  - { from: 2024-03-01, shares: { a: 0.9, b: 0.2 } }\n",
        "add up to 1.1",
    );
    says(
        "  - { from: 2024-03-01, shares: { a: 0.9, c: 0.1 } }\n",
        "no arm `c`",
    );
    says(
        "  - { from: 2024-03-01, shares: { a: 1.9, b: -0.9 } }\n",
        "1.9 is not a share",
    );
    says(
        "  - { from: 2024-03-02, shares: { a: 1 } }\n  - { from: 2024-03-01, shares: { a: 0.9, b: 0.1 } }\n",
        "does not begin after the one before",
    );
}
