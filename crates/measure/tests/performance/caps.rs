//! What exposures cause by caps that chance gave, against a truth that the curve of wear cannot see.

use std::fmt::Write as _;

use measure::Reason;
use measure::content::{CapsFinding, PerformanceFinding, Valued};

use super::common::{Project, assert_close};
use super::{SHOWN, measured};

const DOCUMENTS: &str = "
{ kind: source, name: assigned, path: assigned.csv, types: { customer: VARCHAR } }
---
{ kind: metric, name: orders, fact: order, aggregate: count }
---
kind: experiment
name: frequency
assignment: { source: assigned, customer: customer, arm: arm, time: at }
arms:
  - { name: open, role: personalized }
  - { name: one, role: generic, cap: 1 }
  - { name: three, role: personalized, cap: 3 }
metrics: { primary: orders }
---
{ kind: performance, name: p, touches: shown, outcome: { metric: orders, within: 7 days }, caps: frequency, value: 20 }
";

/// What the first, second, ... exposure adds to a customer's orders; none from the fifth on.
const ADDED: [f64; 4] = [0.20, 0.12, 0.06, -0.04];

/// Customers who would be shown content two to six times; those who would be shown more also order more by themselves.
/// The uniform numbers decide what is left of fractions of orders.
fn simulated(customers: u32, mut uniform: impl FnMut() -> f64) -> PerformanceFinding {
    let mut shown = SHOWN.to_owned();
    let (mut orders, mut assigned) = (
        "customer,at,amount\n".to_owned(),
        "customer,arm,at\n".to_owned(),
    );
    for i in 0..customers {
        let (arm, cap) = [("one", 1), ("three", 3), ("open", u32::MAX)][(i % 3) as usize];
        writeln!(assigned, "{i},{arm},2024-05-01 08:00:00").unwrap();
        let wanted = 2 + i / 3 % 5;
        let exposures = wanted.min(cap);
        for k in 0..exposures {
            let day = 1 + 2 * k;
            writeln!(
                shown,
                "{i},2024-05-{day:02} 10:00:00,web,i{},view,se",
                i % 5
            )
            .unwrap();
        }
        // Before the assignment: neither an exposure nor an order counts.
        writeln!(shown, "{i},2024-04-20 10:00:00,web,i0,view,se").unwrap();
        writeln!(orders, "{i},2024-04-21 10:00:00,1").unwrap();
        let caused: f64 = ADDED.iter().take(exposures as usize).sum();
        let mean = 0.1 * f64::from(wanted) + caused;
        let number = mean.floor() as u32 + u32::from(uniform() < mean.fract());
        for _ in 0..number {
            writeln!(orders, "{i},2024-05-20 12:00:00,1").unwrap();
        }
    }
    orders.push_str("nobody,2024-06-30 12:00:00,1\n");
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders)
        .file("assigned.csv", &assigned);
    measured(&project, DOCUMENTS).unwrap()
}

fn caps(finding: &PerformanceFinding) -> &CapsFinding {
    finding.caps.as_ref().unwrap()
}

#[test]
fn arms_are_compared_as_assigned_from_the_lowest_cap_up() {
    // Every fraction is rounded up or down in turn, so that means are as good as exact.
    let mut turn = 0;
    let finding = simulated(6000, || {
        turn += 1;
        f64::from(turn * 37 % 101) / 101.0
    });
    let caps = caps(&finding);
    assert!(caps.refusal.is_none());
    let arms: Vec<(&str, Option<u32>, u64)> = (caps.arms.iter())
        .map(|arm| (arm.arm.as_str(), arm.cap, arm.customers))
        .collect();
    assert_eq!(
        arms,
        [
            ("one", Some(1), 2000),
            ("three", Some(3), 2000),
            ("open", None, 2000)
        ]
    );
    // Of five kinds of customers one is shown two, and four are shown three of at most three; without a cap four.
    for (arm, exposures) in caps.arms.iter().zip([1.0, 2.8, 4.0]) {
        assert_close(arm.exposures, exposures, 1e-12);
    }
    let [second, third] = caps.steps.as_slice() else {
        panic!("{:?}", caps.steps);
    };
    assert_eq!((second.first, second.last), (2, Some(3)));
    assert_eq!((third.first, third.last), (4, None));
    assert_close(second.exposures, 1.8, 1e-12);
    for step in &caps.steps {
        let each = step.each.unwrap();
        assert_close(
            each.estimate,
            step.difference.unwrap().estimate / step.exposures,
            1e-12,
        );
        assert_close(step.worth.unwrap().estimate, 20.0 * each.estimate, 1e-12);
        assert!(each.low < each.estimate && each.estimate < each.high);
    }
    // The second exposure of all and the third of four fifths; the fourth of three fifths, and nothing beyond.
    let truth = [0.12 + 0.8 * 0.06, 0.6 * -0.04];
    for (step, truth) in caps.steps.iter().zip(truth) {
        assert!(
            (step.difference.unwrap().estimate - truth).abs() < 0.02,
            "{step:?}"
        );
    }
}

/// Numbers in [0, 1) of a linear congruential generator (Knuth's MMIX).
fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn intervals_hold_what_exposures_cause() {
    let truth = [(0.12 + 0.8 * 0.06) / 1.8, 0.6 * -0.04 / 1.2];
    let runs = 25;
    let mut held = [0; 2];
    for seed in 1..=runs {
        let finding = simulated(1500, uniform(seed));
        for (held, (step, truth)) in held.iter_mut().zip(caps(&finding).steps.iter().zip(truth)) {
            let Valued { low, high, .. } = step.each.unwrap();
            *held += u64::from(low <= truth && truth <= high);
        }
    }
    // Of 25 intervals that hold the truth with 95 %, fewer than 20 do in one case of 800.
    assert!(held.iter().all(|held| *held >= 20), "{held:?} of {runs}");
}

#[test]
fn caps_that_nobody_reaches_say_nothing_of_each_exposure() {
    let mut rows = String::new();
    let mut assigned = "customer,arm,at\n".to_owned();
    for i in 0..300 {
        writeln!(rows, "{i},2024-05-01 10:00:00,web,i0,view,se").unwrap();
        let arm = ["one", "three", "open"][i % 3];
        writeln!(assigned, "{i},{arm},2024-05-01 08:00:00").unwrap();
    }
    let project = |assigned: &str| {
        Project::new()
            .file("shown.csv", &format!("{SHOWN}{rows}"))
            .file(
                "orders.csv",
                "customer,at,amount\n1,2024-05-03 10:00:00,2\n",
            )
            .file("assigned.csv", assigned)
    };
    let finding = measured(&project(&assigned), DOCUMENTS).unwrap();
    for step in &caps(&finding).steps {
        assert!(step.each.is_none() && step.worth.is_none());
        let refusal = step.refusal.as_ref().unwrap();
        assert!(
            refusal.message.contains("did not clearly show"),
            "{refusal:?}"
        );
    }
    let without = assigned.replace(",open,", ",other,");
    let finding = measured(&project(&without), DOCUMENTS).unwrap();
    let caps = caps(&finding);
    let refusal = caps.refusal.as_ref().unwrap();
    assert_eq!(refusal.reason, Reason::SampleRatioMismatch);
    assert!(caps.steps.is_empty(), "{:?}", caps.steps);
    let left_out: Vec<(&str, u64)> = (caps.left_out.iter())
        .map(|left| (left.reason.as_str(), left.number))
        .collect();
    assert_eq!(left_out, [("rows of no declared arm", 100)]);
}
