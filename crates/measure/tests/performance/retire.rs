//! When a new item pays: by caps that chance gave out where there are any, and else by the curve of wear.

use std::fmt::Write as _;

use measure::content::{PerformanceFinding, WearEvidence};

use super::common::{Project, assert_close};
use super::{SHOWN, measured};

const ITEMS: u32 = 6;
/// Customers of an arm who are shown an item.
const CUSTOMERS: u32 = 100;
const ARMS: [(&str, usize, u32); 3] = [("one", 1, 10), ("three", 3, 50), ("open", 5, 54)];
/// When customers are shown content, as far as their arm goes: the last three are of the last 30 days.
const DAYS: [&str; 5] = ["05-01", "05-03", "06-10", "06-12", "06-14"];

/// Of a hundred customers ten order after one exposure, fifty after three and 54 after five, one order each, which comes
/// after any of their exposures: nothing seems to wear.
fn shown_by_arm(item: impl Fn(u32, usize) -> u32) -> Project {
    answered(item, |turn, exposures| turn % exposures)
}

/// The same where the order of the n-th of a hundred comes after the exposure that is said.
fn answered(item: impl Fn(u32, usize) -> u32, exposure: impl Fn(usize, usize) -> usize) -> Project {
    let mut shown = SHOWN.to_owned();
    let mut orders = "customer,at,amount\n".to_owned();
    let mut assigned = "customer,arm,at\n".to_owned();
    for (arm, exposures, of_hundred) in ARMS {
        for customer in 0..ITEMS * CUSTOMERS {
            writeln!(assigned, "{arm}{customer},{arm},2024-05-01 08:00:00").unwrap();
            for (k, day) in DAYS.iter().take(exposures).enumerate() {
                let item = item(customer, k);
                writeln!(
                    shown,
                    "{arm}{customer},2024-{day} 10:00:00,web,i{item},view,se"
                )
                .unwrap();
            }
            let turn = customer / ITEMS;
            if turn < of_hundred {
                let day = DAYS[exposure(turn as usize, exposures)];
                writeln!(orders, "{arm}{customer},2024-{day} 12:00:00,10").unwrap();
            }
        }
    }
    orders.push_str("nobody,2024-06-30 12:00:00,1\n");
    Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders)
        .file("assigned.csv", &assigned)
}

fn of(project: &Project, metric: &str, performance: &str) -> PerformanceFinding {
    let content: String = (0..ITEMS)
        .map(|item| format!("{{ kind: content, name: i{item}, cost: {{ creation: 100 }} }}\n---\n"))
        .collect();
    let documents = format!(
        "{content}
{{ kind: source, name: assigned, path: assigned.csv, types: {{ customer: VARCHAR }} }}
---
{{ kind: metric, name: ordered, fact: order, {metric} }}
---
kind: experiment
name: frequency
assignment: {{ source: assigned, customer: customer, arm: arm, time: at }}
arms:
  - {{ name: one, role: generic, cap: 1 }}
  - {{ name: three, role: personalized, cap: 3 }}
  - {{ name: open, role: personalized }}
metrics: {{ primary: ordered }}
---
{{ kind: performance, name: p, touches: shown, outcome: {{ metric: ordered, within: 1 day }}, {performance} }}
"
    );
    measured(project, &documents).unwrap()
}

#[test]
fn caps_tell_whether_to_replace_where_the_curve_sees_no_wear() {
    let project = shown_by_arm(|customer, _| customer % ITEMS);
    let by_caps = of(&project, "aggregate: count", "caps: frequency, value: 20").fatigue;
    assert_eq!(by_caps.retire_by, Some(WearEvidence::Caps));
    assert_eq!(by_caps.without_caps, None);
    assert_eq!(by_caps.retire.len(), ITEMS as usize);
    for item in &by_caps.retire {
        // Of a hundred customers each, the arm with three exposures has its third in the last days, and that without a
        // cap its third to fifth. With a new item, they would be the first, and the first to third: 200 exposures more
        // up to the third, which cause 0.4 / 2 orders each, and 200 fewer beyond, which cause 0.04 / 2.
        assert_eq!(item.exposures, 400);
        assert_close(
            item.gain.estimate,
            20.0 * 200.0 * (0.2 - 0.02) - 100.0,
            1e-6,
        );
        assert!(item.gain.low > 0.0 && item.retire, "{:?}", item.gain);
    }
    let by_curve = of(&project, "aggregate: count", "value: 20").fatigue;
    assert_eq!(by_curve.retire_by, Some(WearEvidence::Curve));
    assert_eq!(by_curve.without_caps, None);
    for item in &by_curve.retire {
        assert!(
            !item.retire && item.gain.estimate < 300.0,
            "{:?}",
            item.gain
        );
    }
}

#[test]
fn caps_tell_where_exposures_end_with_the_response() {
    let project = answered(|customer, _| customer % ITEMS, |_, exposures| exposures - 1);
    let fatigue = of(&project, "aggregate: count", "caps: frequency, value: 20").fatigue;
    let refusal = fatigue.refusal.unwrap();
    assert!(refusal.message.contains("randomized caps"), "{refusal:?}");
    assert_eq!(fatigue.retire_by, Some(WearEvidence::Caps));
    assert_eq!(fatigue.retire.len(), ITEMS as usize);
    assert!(fatigue.retire.iter().all(|item| item.retire));
    // Without the caps there is no rule.
    let fatigue = of(&project, "aggregate: count", "value: 20").fatigue;
    assert!(fatigue.retire_by.is_none() && fatigue.retire.is_empty());
}

#[test]
fn caps_on_several_items_do_not_tell_of_one() {
    let project = shown_by_arm(|customer, k| (customer + k as u32) % ITEMS);
    let finding = of(&project, "aggregate: count", "caps: frequency, value: 20");
    assert!(finding.caps.unwrap().refusal.is_none());
    let why = finding.fatigue.without_caps.unwrap();
    assert!(why.contains("1200 of 1200 customers"), "{why}");
}

#[test]
fn caps_whose_split_failed_tell_nothing() {
    let project = shown_by_arm(|customer, _| customer % ITEMS);
    let assigned = std::fs::read_to_string(project.path().join("assigned.csv")).unwrap();
    let rows: Vec<&str> = assigned
        .lines()
        .filter(|row| !row.contains(",open,"))
        .collect();
    let project = project.file("assigned.csv", &(rows.join("\n") + "\n"));
    let finding = of(&project, "aggregate: count", "caps: frequency, value: 20");
    assert_eq!(finding.fatigue.retire_by, Some(WearEvidence::Curve));
    let refusal = finding.caps.unwrap().refusal.unwrap();
    assert_eq!(finding.fatigue.without_caps, Some(refusal.message));
}

/// An order of ten whose margin is 0.4 for each is worth four.
#[test]
fn a_response_is_worth_what_it_brings() {
    let project = shown_by_arm(|customer, _| customer % ITEMS);
    let any = of(&project, "aggregate: any", "value: 4").fatigue;
    let sum = of(&project, "aggregate: sum, value: amount", "value: 0.4").fatigue;
    assert_eq!(any.retire.len(), ITEMS as usize);
    assert_eq!(sum.retire.len(), ITEMS as usize);
    for (any, sum) in any.retire.iter().zip(&sum.retire) {
        assert_close(any.gain.estimate, sum.gain.estimate, 1e-9);
        assert_close(any.gain.high, sum.gain.high, 1e-9);
    }
}
