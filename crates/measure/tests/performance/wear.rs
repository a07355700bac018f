//! Wear where exposures have unequal times, days only, or times that are not over.

use std::fmt::Write as _;

use measure::content::{FatigueFinding, PerformanceFinding};

use super::common::{Project, assert_close};
use super::{SHOWN, measured};

const ORDERS: &str = "customer,at,amount\n";

fn of(shown: &str, orders: &str, document: &str) -> PerformanceFinding {
    let project = Project::new()
        .file("shown.csv", &format!("{SHOWN}{shown}"))
        .file("orders.csv", &format!("{ORDERS}{orders}"));
    measured(&project, document).unwrap()
}

fn within(time: &str) -> String {
    format!(
        "{{ kind: content, name: i0, cost: {{ creation: 10 }} }}\n---\n\
         {{ kind: performance, name: p, touches: shown, outcome: {{ fact: order, within: {time} }}, value: 4 }}"
    )
}

fn left_out(fatigue: &FatigueFinding, word: &str) -> u64 {
    let mut found = fatigue.left_out.iter();
    let found = found.find(|left| left.reason.contains(word));
    found.map_or(0, |left| left.number)
}

/// Numbers in [0, 1) of a linear congruential generator (Knuth's MMIX).
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        const STEP: u64 = 6_364_136_223_846_793_005;
        self.0 = self
            .0
            .wrapping_mul(STEP)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Two to four exposures three days apart, and orders that come at any hour with the same probability: nothing wears out.
/// The last exposure has seven days to be answered and the others three.
#[test]
fn orders_that_come_at_any_time_show_no_wear() {
    let mut uniform = Uniform(7);
    let (mut shown, mut orders) = (String::new(), String::new());
    for i in 0..4000_u32 {
        let exposures = 2 + i % 3;
        for k in 0..exposures {
            let day = 1 + 3 * k;
            writeln!(
                shown,
                "{i},2024-05-{day:02} 10:00:00,web,i{},view,se",
                i % 7
            )
            .unwrap();
        }
        // Customers differ in how often they order.
        let an_hour = if i % 2 == 0 { 0.0004 } else { 0.0016 };
        for hour in 10..24 * 20_u32 {
            if uniform.next() < an_hour {
                let (day, hour) = (1 + hour / 24, hour % 24);
                writeln!(orders, "{i},2024-05-{day:02} {hour:02}:30:00,1").unwrap();
            }
        }
    }
    orders.push_str("nobody,2024-05-31 12:00:00,1\n");
    let fatigue = of(&shown, &orders, &within("7 days")).fatigue;
    assert!(fatigue.refusal.is_none(), "{:?}", fatigue.refusal);
    for point in &fatigue.curve[1..] {
        let relative = point.relative;
        assert!((relative.estimate - 1.0).abs() < 0.2, "{:?}", fatigue.curve);
        assert!(relative.low < 1.0 && 1.0 < relative.high, "{relative:?}");
    }
    // 4,000 last exposures without an order in three days and with one in the next four: 3.7 % and 12.7 %.
    let late = left_out(&fatigue, "responses later");
    assert!((260..400).contains(&late), "{late}");
}

/// Of 600 customers a tenth answers each of the first two exposures, and 60 % the third, whose time is not over.
#[test]
fn an_exposure_whose_time_is_not_over_keeps_its_responses() {
    let (mut shown, mut orders) = (String::new(), String::new());
    for i in 0..600_u32 {
        for day in [10, 18, 24] {
            writeln!(shown, "{i},2024-05-{day} 10:00:00,web,i{},view,se", i % 6).unwrap();
        }
        for (day, turn, of_hundred) in [(10, 0, 10), (18, 3, 10), (24, 6, 60)] {
            if (i / 6 + 11 * turn) % 100 < of_hundred {
                writeln!(orders, "{i},2024-05-{day} 12:00:00,1").unwrap();
            }
        }
    }
    orders.push_str("nobody,2024-05-28 12:00:00,1\n");
    let fatigue = of(&shown, &orders, &within("7 days")).fatigue;
    assert!(fatigue.refusal.is_none(), "{:?}", fatigue.refusal);
    assert_eq!(
        (fatigue.shape.as_deref(), fatigue.curve.len()),
        (Some("geometric"), 2)
    );
    assert_close(fatigue.curve[1].relative.estimate, 1.0, 1e-9);
    assert_eq!(left_out(&fatigue, "was not over"), 600);
    // All three exposures of the item's hundred customers are of the last 30 days, the third as well.
    assert!(fatigue.retire_refusal.is_none());
    let exposures: Vec<u64> = fatigue.retire.iter().map(|item| item.exposures).collect();
    assert_eq!(exposures, [300]);
}

/// Where the outcome has a day only, what was shown twice on a day is one exposure, and an order of the day is its.
#[test]
fn exposures_of_one_day_are_one_where_the_outcome_is_known_by_day() {
    let (mut shown, mut orders) = (String::new(), String::new());
    for i in 0..500_u32 {
        for time in ["01 10:00:00", "02 10:00:00", "02 12:00:00"] {
            writeln!(shown, "{i},2024-05-{time},web,i{},view,se", i % 5).unwrap();
        }
        let day = match i % 100 {
            0..40 => 1,
            40..60 => 2,
            _ => continue,
        };
        writeln!(orders, "{i},2024-05-0{day},1").unwrap();
    }
    orders.push_str("nobody,2024-05-31,1\n");
    let finding = of(&shown, &orders, &within("7 days"));
    let fatigue = &finding.fatigue;
    assert!(fatigue.refusal.is_none(), "{:?}", fatigue.refusal);
    let exposures: Vec<u64> = fatigue.curve.iter().map(|point| point.exposures).collect();
    assert_eq!(exposures, [500, 500]);
    assert_close(fatigue.curve[1].relative.estimate, 0.5, 1e-6);
    assert_eq!(left_out(fatigue, "at the same time"), 500);
    assert_eq!(finding.extent.exposures, 1500);
}

#[test]
fn exposures_beyond_the_twentieth_are_counted_and_not_looked_at() {
    let (mut shown, mut orders) = (String::new(), String::new());
    for i in 0..200_u32 {
        for k in 0..22_u32 {
            let day = 1 + k;
            writeln!(
                shown,
                "{i},2024-05-{day:02} 10:00:00,web,i{},view,se",
                i % 5
            )
            .unwrap();
            if (i / 5 + 7 * k) % 40 < 4 {
                writeln!(orders, "{i},2024-05-{day:02} 11:00:00,1").unwrap();
            }
        }
    }
    orders.push_str("nobody,2024-05-31 12:00:00,1\n");
    let fatigue = of(&shown, &orders, &within("1 day")).fatigue;
    assert!(fatigue.refusal.is_none(), "{:?}", fatigue.refusal);
    assert_eq!(left_out(&fatigue, "beyond the twentieth"), 400);
    assert_close(fatigue.curve[7].relative.estimate, 1.0, 0.25);
    // What is still to come has them.
    assert_eq!(fatigue.retire[0].exposures, 40 * 22);
}
