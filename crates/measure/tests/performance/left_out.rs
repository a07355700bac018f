//! What is left out is counted, and does not move what is left.

use std::fmt::Write as _;

use measure::audience::NotCounted;

use super::common::{Project, assert_close};
use super::{CHOICES, SIX, chosen, items, measured, of_catalog, with_choices};

fn counts(left_out: &[NotCounted]) -> Vec<(&str, u64)> {
    left_out
        .iter()
        .map(|left| (left.reason.as_str(), left.number))
        .collect()
}

/// One order of the year 9999 would be the end of the data, by which all time is over.
#[test]
fn outcomes_without_a_usable_time_do_not_end_the_data() {
    let (mut shown, mut orders) = items(&SIX);
    shown.push_str("late,2024-05-28 10:00:00,web,b,view,se\n");
    orders.push_str("x,9999-12-31 00:00:00,1\n,2024-05-03 09:00:00,1\nx,,1\n");
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let document = "{ kind: performance, name: p, touches: shown, outcome: { fact: order } }";
    let finding = measured(&project, document).unwrap();
    let b = finding
        .items
        .iter()
        .find(|item| item.content == "b")
        .unwrap();
    assert_eq!((b.customers, b.immature), (300, 1));
    // 195 buyers and nobody.
    assert_eq!(finding.extent.outcomes, 196);
    assert_eq!(
        counts(&finding.extent.outcomes_left_out),
        [("without a customer", 1), ("without a usable time", 2)]
    );
}

#[test]
fn outcomes_without_a_usable_value_are_counted() {
    let (shown, mut orders) = items(&SIX);
    for amount in ["", "nan", "inf", "1e300"] {
        writeln!(orders, "a0,2024-05-03 09:00:00,{amount}").unwrap();
    }
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let document = "{ kind: metric, name: revenue, fact: order, aggregate: sum, value: 'CAST(amount AS DOUBLE)', unit: money }\n---\n\
                    { kind: performance, name: p, touches: shown, outcome: { metric: revenue } }";
    let finding = measured(&project, document).unwrap();
    assert_eq!(
        counts(&finding.extent.outcomes_left_out),
        [("without a usable value", 4)]
    );
    let d = finding
        .items
        .iter()
        .find(|item| item.content == "d")
        .unwrap();
    assert_eq!(d.total, 257.0);
}

/// 400 choices of `a` with probability `p` and else of `b`, each brought by another customer; every third buys.
fn choices(p: u32, value: &str) -> (String, String) {
    let (mut shown, mut orders) = (CHOICES.to_owned(), "customer,at,amount\n".to_owned());
    for i in 0..400_u32 {
        let (item, of_hundred) = if i % 100 < p {
            ("a", p)
        } else {
            ("b", 100 - p)
        };
        let p = f64::from(of_hundred) / 100.0;
        writeln!(
            shown,
            "{i},2024-05-01 10:00:00,web,{item},view,se,{p},\"a,b\""
        )
        .unwrap();
        if i % 3 == 0 {
            writeln!(orders, "{i},2024-05-02 10:00:00,{value}").unwrap();
        }
    }
    writeln!(orders, "nobody,2024-05-31 12:00:00,{value}").unwrap();
    (shown, orders)
}

#[test]
fn exposures_that_are_no_decisions_are_counted() {
    let (mut shown, orders) = choices(50, "1");
    for row in [
        "n0,2024-05-01 10:00:00,web,a,view,se,,\"a,b\"",
        "n1,2024-05-01 10:00:00,web,a,view,se,1.5,\"a,b\"",
        "n2,2024-05-01 10:00:00,web,a,view,se,0,\"a,b\"",
        "n3,2024-05-01 10:00:00,web,a,view,se,0.5,",
        "n4,2024-05-30 10:00:00,web,a,view,se,0.5,\"a,b\"",
    ] {
        writeln!(shown, "{row}").unwrap();
    }
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let drop_one = chosen(&project).drop_one.unwrap();
    assert!(drop_one.refusal.is_none(), "{:?}", drop_one.refusal);
    assert_eq!((drop_one.decisions, drop_one.items_left_out), (400, 0));
    assert_eq!(
        counts(&drop_one.left_out),
        [
            ("whose time was not over at the end of the data", 1),
            ("with a probability outside (0, 1]", 2),
            ("without a probability", 1),
            ("without candidates", 1),
        ]
    );
}

/// Without `a`, sixteen decisions for `b` would have to speak for 400; and as few say what `b` brings.
#[test]
fn an_item_has_no_value_where_too_few_decisions_speak_for_the_others() {
    let (shown, orders) = choices(96, "1");
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let drop_one = chosen(&project).drop_one.unwrap();
    let item = |name: &str| {
        drop_one
            .items
            .iter()
            .find(|item| item.content == name)
            .unwrap()
    };
    let (a, b) = (item("a"), item("b"));
    assert!(a.value.is_none() && a.effective.is_none());
    let message = &a.refusal.as_ref().unwrap().message;
    assert!(
        message.contains("16 effective decisions of 400"),
        "{message}"
    );
    assert!(b.value.is_none());
    let message = &b.refusal.as_ref().unwrap().message;
    assert!(message.contains("16 decisions of 400"), "{message}");
}

/// Sums of squares of a billion each are far beyond the whole numbers of the engine.
#[test]
fn values_of_items_are_the_same_in_another_unit() {
    let of = |value: &str| {
        let (shown, orders) = choices(50, value);
        let project = Project::new()
            .file("shown.csv", &shown)
            .file("orders.csv", &orders);
        let documents = with_choices(
            "{ kind: metric, name: revenue, fact: order, aggregate: sum, value: amount, unit: money }\n---\n\
             { kind: performance, name: p, touches: shown, outcome: { metric: revenue } }",
        );
        of_catalog(&project.catalog(&documents))
            .unwrap()
            .drop_one
            .unwrap()
    };
    let (small, large) = (of("1"), of("1e10"));
    assert_close(large.mean.unwrap(), 1e10 * small.mean.unwrap(), 1.0);
    for (small, large) in small.items.iter().zip(&large.items) {
        let (small, large) = (small.value.unwrap(), large.value.unwrap());
        assert_close(large.estimate / 1e10, small.estimate, 1e-12);
        assert_close(large.low / 1e10, small.low, 1e-9);
        assert_close(large.high / 1e10, small.high, 1e-9);
    }
}

/// Headline `x` is by far the best in both countries, and nothing was measured that differs from it.
#[test]
fn choosing_by_segment_is_not_worth_nothing_for_sure() {
    let (mut shown, mut orders) = (super::SHOWN.to_owned(), "customer,at,amount\n".to_owned());
    let documents: String = (0..6)
        .map(|i| {
            let headline = if i % 2 == 0 { "x" } else { "y" };
            format!(
                "{{ kind: content, name: i{i}, components: {{ headline: {headline} }} }}\n---\n"
            )
        })
        .collect();
    for customer in 0..1200_u32 {
        let (item, country) = (
            customer % 6,
            if customer / 6 % 2 == 0 { "se" } else { "no" },
        );
        writeln!(
            shown,
            "{customer},2024-05-01 10:00:00,web,i{item},view,{country}"
        )
        .unwrap();
        let of_ten = if item % 2 == 0 { 5 } else { 1 };
        if customer / 12 % 10 < of_ten {
            writeln!(orders, "{customer},2024-05-02 10:00:00,1").unwrap();
        }
    }
    orders.push_str("nobody,2024-05-31 12:00:00,1\n");
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let document = format!(
        "{documents}{{ kind: performance, name: p, touches: shown, outcome: {{ fact: order }}, by: [country], \
         components: [headline] }}"
    );
    let finding = measured(&project, &document).unwrap();
    let headline = &finding.personalizing[0];
    assert!(headline.value.is_none());
    let message = &headline.refusal.as_ref().unwrap().message;
    assert!(
        message.contains("the same level in every segment"),
        "{message}"
    );
    assert_eq!(headline.best.as_deref(), Some("x"));
    assert!(headline.segments.iter().all(|segment| segment.best == "x"));
}
