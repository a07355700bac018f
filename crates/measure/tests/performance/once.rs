//! Where outcomes become money, each counts once; and what a value rests on.

use std::fmt::Write as _;

use measure::content::{DropOneFinding, PerformanceFinding};

use super::common::{Project, assert_close};
use super::{CHOICES, SHOWN, chosen, measured};

const ORDERS: &str = "customer,at,amount\n";

fn project(shown: &str, orders: &str) -> Project {
    // Somebody orders at the end of May, so that all time is over.
    let orders = format!("{orders}nobody,2024-05-31 12:00:00,1\n");
    Project::new()
        .file("shown.csv", shown)
        .file("orders.csv", &orders)
}

fn of_decisions(shown: &str, orders: &str) -> (PerformanceFinding, DropOneFinding) {
    let finding = chosen(&project(shown, orders));
    let drop_one = finding.drop_one.clone().expect("probabilities are logged");
    (finding, drop_one)
}

/// Six exposures of each customer to one item, five hours apart, and at most one order, after the third.
#[test]
fn an_order_after_six_exposures_is_one_order() {
    let (mut shown, mut orders) = (CHOICES.to_owned(), ORDERS.to_owned());
    for customer in 0..600 {
        let (item, of_ten) = if customer % 2 == 0 {
            ("a", 2)
        } else {
            ("b", 1)
        };
        for hour in [0, 5, 10, 15, 20] {
            writeln!(
                shown,
                "{customer},2024-05-01 {hour:02}:00:00,web,{item},view,se,0.5,\"a,b\""
            )
            .unwrap();
        }
        writeln!(
            shown,
            "{customer},2024-05-02 01:00:00,web,{item},view,se,0.5,\"a,b\""
        )
        .unwrap();
        if customer / 2 % 10 < of_ten {
            writeln!(orders, "{customer},2024-05-01 11:00:00,1").unwrap();
        }
    }
    let (finding, drop_one) = of_decisions(&shown, &orders);
    assert_eq!(drop_one.decisions, 3600);
    // Sixty orders of those who were shown a, and thirty of the others.
    assert_close(3600.0 * drop_one.mean.unwrap(), 90.0, 1e-9);
    // Without a all are shown b, and 60 order: thirty orders of 10 each are lost, and with b as many won.
    let margin = |content: &str| {
        let item = finding.items.iter().find(|item| item.content == content);
        item.unwrap()
            .cost
            .as_ref()
            .unwrap()
            .incremental_margin
            .unwrap()
    };
    assert_close(margin("a").estimate, 300.0, 1e-6);
    assert_close(margin("b").estimate, -300.0, 1e-6);
    // By customers: 300 of each, of whom 20 % and 10 % order. Half of sd(difference) of 600 customers, either way.
    let se = 10.0 * 300.0 * (0.2_f64 * 0.8 / 300.0 + 0.1 * 0.9 / 300.0).sqrt();
    let half = 0.5 * (margin("a").high - margin("a").low);
    // Student's t of 29 degrees of freedom: the orders after b are of thirty customers.
    assert!((half / (2.0452 * se) - 1.0).abs() < 0.05, "{half} {se}");
    // A customer counts once for an item, and each of them was shown one.
    assert_close(finding.once, 1.0, 1e-12);
}

/// What follows exposures at the same time belongs to each in part, also to those that are no decisions; what follows a
/// later one is no longer an earlier one's.
#[test]
fn exposures_at_the_same_time_share_what_follows() {
    let (mut shown, mut orders) = (CHOICES.to_owned(), ORDERS.to_owned());
    for customer in 0..400 {
        let (first, second) = if customer % 2 == 0 {
            ("a", "c")
        } else {
            ("b", "d")
        };
        for row in [
            format!("09:00:00,web,{first},view,se,0.5,\"a,b\""),
            format!("12:00:00,web,{first},view,se,0.5,\"a,b\""),
            format!("12:00:00,web,{second},view,se,0.5,\"c,d\""),
            "12:00:00,web,e,view,se,,".to_owned(),
        ] {
            writeln!(shown, "{customer},2024-05-01 {row}").unwrap();
        }
        // One of ten orders between, and one after; and one a week after, too late for any.
        let at = match customer / 2 % 10 {
            0 => "01 10:00:00",
            1 => "01 12:00:00",
            2 => "08 12:00:00",
            _ => continue,
        };
        writeln!(orders, "{customer},2024-05-{at},1").unwrap();
    }
    let (_, drop_one) = of_decisions(&shown, &orders);
    assert_eq!(drop_one.decisions, 1200);
    // Forty orders between, and two thirds of forty: a third is of the exposure without a probability.
    assert_close(1200.0 * drop_one.mean.unwrap(), 40.0 + 80.0 / 3.0, 1e-9);
}

/// Every customer is shown two items, an hour apart and in two channels; some order a day later, more of them after `a`.
#[test]
fn an_order_of_two_items_is_in_both_rates_and_once_in_money() {
    let (mut shown, mut orders) = (SHOWN.to_owned(), ORDERS.to_owned());
    let items = ["a", "b", "c", "d", "e", "f"];
    let mut bought = 0;
    for customer in 0..1200 {
        let first = customer % 6;
        let second = (first + 1 + customer / 6 % 5) % 6;
        for (hour, channel, item) in [(9, "web", first), (10, "app", second)] {
            let item = items[item];
            writeln!(
                shown,
                "{customer},2024-05-01 {hour:02}:00:00,{channel},{item},view,se"
            )
            .unwrap();
        }
        let of_ten = if first == 0 || second == 0 { 4 } else { 1 };
        if customer / 30 % 10 < of_ten {
            bought += 1;
            writeln!(orders, "{customer},2024-05-02 09:00:00,1").unwrap();
        }
    }
    let documents = "{ kind: content, name: a, cost: { creation: 1 } }\n---\n\
                     { kind: performance, name: p, touches: shown, outcome: { fact: order }, by: [channel], value: 10 }";
    let finding = measured(&project(&shown, &orders), documents).unwrap();
    // Each order is in the rates of two items.
    let total: f64 = finding.items.iter().map(|item| item.total).sum();
    assert_eq!(total, 2.0 * f64::from(bought));
    assert_close(finding.once, 0.5, 1e-12);
    // All belong to the channel that came last.
    let context = |by: &str| {
        finding
            .coverage
            .iter()
            .find(|found| found.by == [by])
            .unwrap()
    };
    let (web, app) = (context("web"), context("app"));
    assert_eq!((web.customers, app.customers), (1200, 1200));
    assert_close(web.once, 0.0, 1e-12);
    assert_close(app.once, 1.0, 1e-12);
    assert_close(web.missing_variant.unwrap(), 0.0, 1e-12);
    // The money of the items counts half of what their customers bring.
    let a = finding
        .items
        .iter()
        .find(|item| item.content == "a")
        .unwrap();
    assert_close(
        a.cost
            .as_ref()
            .unwrap()
            .margin_above_average
            .unwrap()
            .estimate,
        400.0 * 0.5 * 10.0 * (a.shrunk.unwrap().mean - finding.average.unwrap()),
        1e-9,
    );
    // And that of variants half of what all of them would.
    let portfolio = finding.portfolio.as_ref().unwrap();
    let [one, two] = &portfolio.curve[..2] else {
        panic!("at least two variants are looked at")
    };
    assert_close(
        two.marginal_margin,
        (two.best - one.best) * 2400.0 * 0.5 * 10.0,
        1e-9,
    );
}

/// `c` was a candidate in fifty decisions and chosen in 49 of them; `a` and `b` in 800 others.
#[test]
fn decisions_without_an_item_among_the_candidates_do_not_speak_for_it() {
    let (mut shown, mut orders) = (CHOICES.to_owned(), ORDERS.to_owned());
    for customer in 0..850 {
        let (item, p, from, of_ten) = match customer {
            800 => ("d", 0.02, "c,d", 0),
            801.. => ("c", 0.98, "c,d", 4),
            _ if customer % 2 == 0 => ("a", 0.5, "a,b", 3),
            _ => ("b", 0.5, "a,b", 1),
        };
        writeln!(
            shown,
            "{customer},2024-05-01 10:00:00,web,{item},view,se,{p},\"{from}\""
        )
        .unwrap();
        if customer / 2 % 10 < of_ten {
            writeln!(orders, "{customer},2024-05-02 10:00:00,1").unwrap();
        }
    }
    let (finding, drop_one) = of_decisions(&shown, &orders);
    let item = |name: &str| {
        drop_one
            .items
            .iter()
            .find(|item| item.content == name)
            .unwrap()
    };
    let why = |name: &str| item(name).refusal.as_ref().unwrap().message.as_str();
    assert!(item("c").value.is_none() && item("d").value.is_none());
    assert!(
        why("c").contains("with 1 effective decision of 50;"),
        "{}",
        why("c")
    );
    assert!(
        why("d").contains("with 49 effective decisions of 50;"),
        "{}",
        why("d")
    );
    // By hand: 0.2 in the 800 decisions, and 0.1 without a; a loses 0.1 in 800 of 850.
    let a = item("a");
    assert_eq!((a.decisions, a.chosen), (800, 400));
    assert_close(a.value.unwrap().estimate, 0.1 * 800.0 / 850.0, 1e-9);
    assert_close(a.effective.unwrap(), 400.0, 1e-6);
    let a = finding
        .items
        .iter()
        .find(|item| item.content == "a")
        .unwrap();
    let margin = a.cost.as_ref().unwrap().incremental_margin.unwrap();
    assert_close(margin.estimate, 800.0 * 0.1 * 10.0, 1e-6);
}

/// Twelve items with two headlines by two images; every new one has one of these.
#[test]
fn a_new_item_has_components_that_there_are() {
    let rates: [u64; 12] = [40, 60, 80, 50, 90, 70, 110, 60, 140, 100, 120, 90];
    let (shown, orders) = super::items(&std::array::from_fn::<_, 12, _>(|i| {
        (NAMES[i], 1000, rates[i])
    }));
    let documents: String = NAMES
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let (headline, image) = (i % 2, i / 2 % 2);
            format!(
                "{{ kind: content, name: {name}, components: {{ headline: h{headline}, image: i{image} }} }}\n---\n"
            )
        })
        .collect();
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let of = |components: &str| {
        let document = format!(
            "{documents}{{ kind: performance, name: p, touches: shown, outcome: {{ fact: order }}{components} }}"
        );
        measured(&project, &document).unwrap()
    };
    let (with, without) = (of(", components: [headline, image]"), of(""));
    let (new, plain) = (with.forecast.unwrap(), without.forecast.unwrap());
    // The items' own mean and spread, 8.4 % and 2.9 points.
    assert_close(new.mean, plain.mean, 0.002);
    assert!((new.sd / plain.sd - 1.0).abs() < 0.2, "{new:?} {plain:?}");
    assert!(
        (0.02..0.05).contains(&new.low) && (0.12..0.17).contains(&new.high),
        "{new:?}"
    );
    let (spread, other) = (with.spread.unwrap(), without.spread.unwrap());
    assert!((spread / other - 1.0).abs() < 0.2, "{spread} {other}");
}

const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

#[test]
fn the_number_of_variants_that_pay_may_lie_beyond_those_looked_at() {
    let (shown, orders) = super::items(&super::SIX);
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let of = |cost: &str| {
        let documents = format!(
            "{{ kind: content, name: a, cost: {{ creation: {cost} }} }}\n---\n\
             {{ kind: performance, name: p, touches: shown, outcome: {{ fact: order }}, value: 10 }}"
        );
        measured(&project, &documents).unwrap().portfolio.unwrap()
    };
    let (cheap, dear) = (of("0.01"), of("300"));
    // Twice six and ten are looked at.
    assert_eq!((cheap.best_number, cheap.more_may_pay), (22, true));
    assert!(!dear.more_may_pay && dear.best_number < 10);
}

#[test]
fn costs_are_those_of_views_and_clicks_for_whole_months_and_none_that_nothing_costs() {
    let shown = "customer,at,channel,item,kind,price\n\
                 1,2024-05-01 10:00:00,web,a,view,2\n\
                 1,2024-05-01 10:01:00,web,a,click,0.5\n\
                 2,2024-05-02 10:00:00,web,a,view,-100\n\
                 2,2024-05-02 10:01:00,web,a,click,-3\n\
                 3,2024-05-02 10:00:00,web,b,view,\n\
                 4,2024-05-02 10:00:00,web,a,view,1e13\n\
                 5,2024-05-02 10:00:00,web,a,view,inf\n";
    // Two months and a day.
    let orders = "customer,at,amount\n1,2024-05-01 12:00:00,1\n1,2024-07-02 12:00:00,1\n";
    let project = Project::new()
        .file("shown.csv", shown)
        .file("orders.csv", orders);
    let documents = format!(
        "{}{{ kind: content, name: a, cost: {{ creation: 100, upkeep: 10 }} }}\n---\n\
         {{ kind: performance, name: p, touches: shown, outcome: {{ fact: order }} }}",
        super::DOCUMENTS
            .replacen("VARCHAR", "VARCHAR, price: DOUBLE", 1)
            .replace("engagement: kind", "engagement: kind\ncost: price")
    );
    let finding = super::of_catalog(&project.catalog(&documents)).unwrap();
    let a = finding
        .items
        .iter()
        .find(|item| item.content == "a")
        .unwrap();
    let cost = a.cost.as_ref().unwrap();
    assert_close(cost.content, 130.0, 1e-12);
    assert_close(cost.showing, 2.5, 1e-12);
    assert_eq!(finding.extent.unknown_costs, 4);
}

#[test]
fn exposures_outside_the_validity_of_content_are_counted() {
    let shown = "customer,at,channel,item,kind\n\
                 1,2024-04-30 23:59:59,web,a,view\n\
                 1,2024-05-01 00:00:00,web,a,view\n\
                 2,2024-05-31 23:59:59,web,a,view\n\
                 2,2024-06-01 00:00:00,web,a,view\n\
                 2,2024-06-02 00:00:00,web,a,click\n\
                 3,2024-07-01 12:00:00,web,b,view\n\
                 4,2024-07-01 12:00:00,web,c,view\n";
    let project = (Project::new().file("shown.csv", shown)).file(
        "orders.csv",
        "customer,at,amount\n1,2024-05-01 12:00:00,1\n",
    );
    let documents = format!(
        "{}{{ kind: content, name: a, valid: {{ from: 2024-05-01, until: 2024-06-01 }} }}\n---\n\
         {{ kind: content, name: b, valid: {{ until: 2024-07-01 12:00:00 }} }}\n---\n\
         {{ kind: content, name: c, valid: {{ from: 2024-07-01 12:00:00 }} }}\n---\n\
         {{ kind: performance, name: p, touches: shown, outcome: {{ fact: order }} }}",
        super::DOCUMENTS
    );
    let extent = super::of_catalog(&project.catalog(&documents))
        .unwrap()
        .extent;
    let not_valid =
        (extent.not_valid.iter()).map(|piece| (piece.content.as_str(), piece.exposures));
    // A click is no exposure.
    assert_eq!(not_valid.collect::<Vec<_>>(), [("a", 2), ("b", 1)]);
    assert_eq!(extent.exposures, 6);
}
