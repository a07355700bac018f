//! How pieces of content do, on small tables whose numbers can be computed by hand or by a second way.

#[path = "performance/caps.rs"]
mod caps;
mod common;
#[path = "performance/few_customers.rs"]
mod few_customers;
#[path = "performance/left_out.rs"]
mod left_out;
#[path = "performance/once.rs"]
mod once;
#[path = "performance/retire.rs"]
mod retire;
#[path = "performance/wear.rs"]
mod wear;

use std::fmt::Write as _;
use std::path::Path;

use catalog::{Catalog, LoadError};
use common::{Project, assert_close};
use lake::Lake;
use measure::MeasureError;
use measure::content::{PerformanceFinding, performance};
use stats::Counts;
use stats::rates::BetaBinomial;

/// Sources, a touch and a fact, for tables with these columns.
const DOCUMENTS: &str = "
{ kind: source, name: shown, path: shown.csv, types: { customer: VARCHAR } }
---
{ kind: source, name: orders, path: orders.csv, types: { customer: VARCHAR } }
---
{ kind: fact, name: order, source: orders, customer: customer, time: at }
---
kind: touch
name: shown
source: shown
customer: customer
time: at
channel: channel
content: item
engagement: kind
---
";

const SHOWN: &str = "customer,at,channel,item,kind,country\n";

fn measured(project: &Project, documents: &str) -> Result<PerformanceFinding, MeasureError> {
    let catalog = project.catalog(&format!("{DOCUMENTS}{documents}"));
    of_catalog(&catalog)
}

fn of_catalog(catalog: &Catalog) -> Result<PerformanceFinding, MeasureError> {
    let mut lake = Lake::open(catalog, None)?;
    let document = catalog.performances().next().unwrap();
    performance(catalog, &mut lake, document)
}

/// Items with customers and buyers, each customer shown one item on the first of May; a buyer orders two days later, and
/// somebody orders at the end of May, so that all time is over.
fn items(counts: &[(&str, u64, u64)]) -> (String, String) {
    let (mut shown, mut orders) = (SHOWN.to_owned(), "customer,at,amount\n".to_owned());
    for (item, customers, buyers) in counts {
        for i in 0..*customers {
            writeln!(shown, "{item}{i},2024-05-01 10:00:00,web,{item},view,se").unwrap();
            if i < *buyers {
                writeln!(orders, "{item}{i},2024-05-03 09:00:00,{}", 10 + i % 7).unwrap();
            }
        }
    }
    orders.push_str("nobody,2024-05-31 12:00:00,1\n");
    (shown, orders)
}

const SIX: [(&str, u64, u64); 6] = [
    ("a", 400, 60),
    ("b", 300, 30),
    ("c", 500, 40),
    ("d", 250, 20),
    ("e", 350, 42),
    ("f", 6, 3),
];

#[test]
fn rates_are_those_of_customers_and_shrink_as_the_mathematics_says() {
    let (mut shown, mut orders) = items(&SIX);
    // Shown again: still one customer, counted from the first time.
    shown.push_str("a0,2024-05-02 10:00:00,web,a,view,se\n");
    // Ordered before, at the end of the seven days (not within), and the second before (within).
    shown.push_str("a900,2024-05-01 10:00:00,web,a,view,se\n");
    orders.push_str("a900,2024-05-01 09:59:59,5\na900,2024-05-08 10:00:00,5\n");
    shown.push_str("a901,2024-05-01 10:00:00,web,a,view,se\n");
    orders.push_str("a901,2024-05-08 09:59:59,5\n");
    // Rows that do not count.
    shown.push_str("x,2024-05-01 10:00:00,web,a,click,se\n");
    shown.push_str("x,2024-05-01 10:00:00,web,a,hover,se\n");
    shown.push_str(",2024-05-01 10:00:00,web,a,view,se\n");
    shown.push_str("x,,web,a,view,se\n");
    shown.push_str("x,2024-05-01 10:00:00,web,,view,se\n");
    // The seven days were not over.
    shown.push_str("late,2024-05-28 10:00:00,web,b,view,se\n");
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let document = "{ kind: performance, name: p, touches: shown, outcome: { fact: order } }";
    let finding = measured(&project, document).unwrap();
    assert_eq!(finding.format, PerformanceFinding::FORMAT);
    let left_out: Vec<(&str, u64)> = finding
        .extent
        .left_out
        .iter()
        .map(|left| (left.reason.as_str(), left.number))
        .collect();
    assert_eq!(
        left_out,
        [
            ("a click, not a view", 1),
            ("neither a view nor a click", 1),
            ("without a customer", 1),
            ("without a usable time", 1),
            ("without content", 1),
        ]
    );
    let item = |name: &str| finding.items.iter().find(|i| i.content == name).unwrap();
    let a = item("a");
    assert_eq!((a.exposures, a.customers, a.total), (403, 402, 61.0));
    assert_close(a.raw.unwrap(), 61.0 / 402.0, 1e-15);
    assert_eq!((item("b").customers, item("b").immature), (300, 1));
    let counts: Vec<Counts> = [
        (61, 402),
        (30, 300),
        (40, 500),
        (20, 250),
        (42, 350),
        (3, 6),
    ]
    .map(|(successes, n)| Counts { successes, n })
    .to_vec();
    let model = BetaBinomial::fit(&counts).unwrap();
    for (place, name) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
        let expected = model.posterior(place).unwrap();
        let found = item(name).shrunk.unwrap();
        assert_close(found.mean, expected.mean(), 1e-12);
        assert_close(found.low, expected.interval(0.05).unwrap().low, 1e-12);
    }
    // Three of six orders is no evidence of a rate of a half.
    assert!(item("f").thin && item("f").shrunk.unwrap().mean < 0.2);
    assert_eq!(finding.items[0].content, "a");
    assert_eq!(finding.top, 3);
    let in_top: f64 = finding.items.iter().filter_map(|i| i.probability_top).sum();
    assert_close(in_top, 3.0, 0.01);
    assert_close(finding.average.unwrap(), 196.0 / 1808.0, 1e-12);
    assert!(finding.cells.is_empty() && finding.drop_one.is_none());
    assert!(finding.fatigue.refusal.is_some());
}

/// Items by channel and country.
fn crossed() -> (String, String) {
    let (mut shown, mut orders) = (SHOWN.to_owned(), "customer,at,amount\n".to_owned());
    let mut customer = 0;
    for (place, item) in ["a", "b", "c", "d"].into_iter().enumerate() {
        for (channel, more) in [("email", 0), ("web", 12)] {
            for (country, country_more) in [("se", 0), ("no", 6)] {
                // The last cell is nearly empty.
                let n = if (item, channel, country) == ("d", "web", "no") {
                    3
                } else {
                    200
                };
                let buyers = (4 * place + more + country_more) * n / 200 + 8;
                for i in 0..n {
                    writeln!(
                        shown,
                        "{customer},2024-05-01 10:00:00,{channel},{item},view,{country}"
                    )
                    .unwrap();
                    if i < buyers {
                        writeln!(orders, "{customer},2024-05-03 09:00:00,20").unwrap();
                    }
                    customer += 1;
                }
            }
        }
    }
    orders.push_str("nobody,2024-05-31 12:00:00,1\n");
    (shown, orders)
}

#[test]
fn cells_borrow_from_their_content_channel_and_segment() {
    let (shown, orders) = crossed();
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let document = "{ kind: performance, name: p, touches: shown, outcome: { fact: order, within: 7 days }, \
                    by: [channel, country], value: 5 }";
    let finding = measured(&project, document).unwrap();
    assert_eq!(finding.cells.len(), 16);
    let cell = |item: &str, channel: &str, country: &str| {
        finding
            .cells
            .iter()
            .find(|cell| cell.content == item && cell.by == [channel, country])
            .unwrap()
    };
    // All three customers of the last cell bought; what is expected is what its parts say, near 19 %.
    let last = cell("d", "web", "no");
    assert_eq!((last.customers, last.raw), (3, Some(1.0)));
    let expected = last.shrunk.unwrap();
    assert!((0.08..0.32).contains(&expected.mean), "{expected:?}");
    assert!(expected.low >= 0.0 && expected.high <= 1.0);
    let part = |factor: &str, level: &str| {
        let mut parts = finding.parts.iter();
        let part = parts.find(|part| part.factor == factor && part.level == level);
        part.unwrap().part.mean
    };
    assert!(part("channel", "web") > part("channel", "email"));
    assert!(part("country", "no") > part("country", "se"));
    let shares: f64 = finding.spreads.iter().map(|spread| spread.share).sum();
    assert_close(shares, 1.0, 1e-12);
    assert_eq!(finding.spreads.len(), 4);
    // Four contexts, each with all items; a missing variant is worth its customers, at most.
    assert_eq!(finding.coverage.len(), 4);
    for context in &finding.coverage {
        assert_eq!(context.items, 4);
        let gain = context.missing_variant.unwrap();
        assert!(gain > 0.0 && gain < context.customers as f64);
        assert_close(context.missing_variant_margin.unwrap(), 5.0 * gain, 1e-12);
    }
    assert_eq!((finding.reuse.items, finding.reuse.reused), (4, 4));
    // Few items: not told apart from noise.
    assert!(finding.refusal.is_some());
    // The same bytes on one thread.
    let alone = Project::new()
        .threads(1)
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let other = measured(&alone, document).unwrap();
    let json = |finding: &PerformanceFinding| {
        let mut value = serde_json::to_value(finding).unwrap();
        value.as_object_mut().unwrap().remove("provenance");
        value.to_string()
    };
    assert_eq!(json(&finding), json(&other));
}

#[test]
fn money_is_a_mean_with_the_margin_as_its_value() {
    let (shown, orders) = items(&SIX);
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let document = "{ kind: metric, name: revenue, fact: order, aggregate: sum, value: amount, unit: money }\n---\n\
                    { kind: performance, name: p, touches: shown, outcome: { metric: revenue } }";
    let finding = measured(&project, document).unwrap();
    // The margin of the project.
    assert_eq!(finding.value, Some(0.5));
    let d = finding
        .items
        .iter()
        .find(|item| item.content == "d")
        .unwrap();
    // Twenty buyers, 10 + i % 7 each: 200 + 2 * 21 + 0 + 1 + 2 + 3 + 4 + 5.
    assert_eq!((d.customers, d.total), (250, 257.0));
    let cost = d.cost.as_ref().unwrap();
    let average = finding.items.iter().map(|item| item.total).sum::<f64>() / 1806.0;
    assert_close(
        cost.margin_above_average.unwrap().estimate,
        250.0 * 0.5 * (d.shrunk.unwrap().mean - average),
        1e-9,
    );
    assert!(cost.roi.is_none());
}

const CHOICES: &str = "customer,at,channel,item,kind,country,p,from\n";

fn with_choices(documents: &str) -> String {
    let documents = format!("{DOCUMENTS}{documents}");
    documents.replace(
        "engagement: kind",
        "engagement: kind\npropensity: p\ncandidates: from",
    )
}

fn chosen(project: &Project) -> PerformanceFinding {
    let documents = with_choices(
        "{ kind: content, name: a, cost: { creation: 100 } }\n---\n\
         { kind: performance, name: p, touches: shown, outcome: { fact: order }, value: 10 }",
    );
    of_catalog(&project.catalog(&documents)).unwrap()
}

#[test]
fn an_item_is_worth_what_is_lost_without_it() {
    // a is chosen half of the time; b and c share the rest. Of their customers 30 %, 10 % and 20 % buy.
    let (mut shown, mut orders) = (CHOICES.to_owned(), "customer,at,amount\n".to_owned());
    for i in 0..800 {
        let (item, p, rate) = match i % 4 {
            0 | 1 => ("a", 0.5, 30),
            2 => ("b", 0.25, 10),
            _ => ("c", 0.25, 20),
        };
        writeln!(
            shown,
            "{i},2024-05-01 10:00:00,web,{item},view,se,{p},\"[a, b, c]\""
        )
        .unwrap();
        if i / 4 % 100 < rate {
            writeln!(orders, "{i},2024-05-02 10:00:00,1").unwrap();
        }
    }
    orders.push_str("nobody,2024-05-31 12:00:00,1\n");
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let finding = chosen(&project);
    let drop_one = finding.drop_one.unwrap();
    assert!(drop_one.refusal.is_none());
    assert_eq!(drop_one.decisions, 800);
    // By hand: 0.225 with all.
    assert_close(drop_one.mean.unwrap(), 0.225, 1e-12);
    let value = |name: &str| {
        let item = drop_one.items.iter().find(|item| item.content == name);
        item.unwrap().value.unwrap()
    };
    // Without a the others get half each: 0.15. Without b, a gets two thirds and c one: 0.2667. Without c: 0.2333.
    assert_close(value("a").estimate, 0.225 - 0.15, 1e-9);
    assert_close(value("b").estimate, 0.225 - (2.0 * 0.3 + 0.2) / 3.0, 1e-6);
    assert_close(value("c").estimate, 0.225 - (2.0 * 0.3 + 0.1) / 3.0, 1e-6);
    assert!(value("a").low > 0.0 && value("b").high < 0.01);
    let a = &drop_one.items[0];
    assert_eq!((a.content.as_str(), a.decisions, a.chosen), ("a", 800, 400));
    // 400 decisions of weight two.
    assert_close(a.effective.unwrap(), 400.0, 1e-9);
    // 800 decisions lose 0.075 of 10 each; it cost 100.
    let item = finding
        .items
        .iter()
        .find(|item| item.content == "a")
        .unwrap();
    let cost = item.cost.as_ref().unwrap();
    assert_close(cost.incremental_margin.unwrap().estimate, 600.0, 1e-6);
    assert_close(cost.roi.unwrap().estimate, 5.0, 1e-6);
}

#[test]
fn choices_that_used_what_is_not_logged_have_no_value() {
    let (mut shown, mut orders) = (CHOICES.to_owned(), "customer,at,amount\n".to_owned());
    for i in 0..400 {
        let p = if i % 2 == 0 { 0.3 } else { 0.7 };
        let item = if i % 4 < 2 { "a" } else { "b" };
        writeln!(
            shown,
            "{i},2024-05-01 10:00:00,web,{item},view,se,{p},\"a,b\""
        )
        .unwrap();
    }
    orders.push_str("nobody,2024-05-31 12:00:00,1\n");
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let drop_one = chosen(&project).drop_one.unwrap();
    assert!(drop_one.items.is_empty());
    let message = drop_one.refusal.unwrap().message;
    assert!(message.contains("not logged"), "{message}");
}

/// Each of 3,000 customers is shown one of five items up to four times, a day apart; the rate halves with each exposure.
/// A response is an order an hour later.
fn worn() -> (String, String) {
    let (mut shown, mut orders) = (SHOWN.to_owned(), "customer,at,amount\n".to_owned());
    for i in 0..3000_u32 {
        let item = ["a", "b", "c", "d", "e"][(i % 5) as usize];
        for k in 0..=(i / 5 % 4) {
            let day = 1 + k;
            writeln!(shown, "{i},2024-05-0{day} 10:00:00,web,{item},view,se").unwrap();
            // 32 %, 16 %, 8 %, 4 % of them, others each time.
            let turn = (i / 20 * 7 + 31 * k) % 100;
            if turn < 32 >> k {
                writeln!(orders, "{i},2024-05-0{day} 11:00:00,1").unwrap();
            }
        }
    }
    orders.push_str("nobody,2024-05-31 12:00:00,1\n");
    (shown, orders)
}

#[test]
fn wear_shows_between_exposures_of_the_same_customer() {
    let (shown, orders) = worn();
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let document = "{ kind: content, name: a, cost: { creation: 10, approval: 5 } }\n---\n\
                    { kind: performance, name: p, touches: shown, outcome: { fact: order, within: 1 day }, value: 4 }";
    let finding = measured(&project, document).unwrap();
    let fatigue = &finding.fatigue;
    assert!(fatigue.refusal.is_none(), "{:?}", fatigue.refusal);
    let relative: Vec<f64> = fatigue.curve.iter().map(|p| p.relative.estimate).collect();
    assert_eq!(relative.len(), 4);
    for (found, expected) in relative.iter().zip([1.0, 0.5, 0.25, 0.125]) {
        assert!((found / expected - 1.0).abs() < 0.25, "{relative:?}");
    }
    let exposures: Vec<u64> = fatigue.curve.iter().map(|point| point.exposures).collect();
    assert_eq!(exposures, [3000, 2250, 1500, 750]);
    let retire = &fatigue.retire[0];
    assert_eq!(
        (retire.content.as_str(), retire.cost, fatigue.retire.len()),
        ("a", 15.0, 1)
    );
    assert_eq!(retire.exposures, 1500);
}

#[test]
fn components_tell_what_they_bring_and_where_to_choose_them() {
    // Two headlines by two images, but one combination; headline x is liked in se, y in no.
    let (mut shown, mut orders) = (SHOWN.to_owned(), "customer,at,amount\n".to_owned());
    let mut documents = String::new();
    let mut customer = 0;
    for (place, (headline, image)) in [("x", "man"), ("x", "cat"), ("y", "man")]
        .into_iter()
        .cycle()
        .take(9)
        .enumerate()
    {
        writeln!(
            documents,
            "{{ kind: content, name: i{place}, components: {{ headline: {headline}, image: {image} }}, \
             cost: {{ creation: {} }}{} }}\n---",
            if place < 8 { 100 } else { 40 },
            if place < 8 { "" } else { ", based_on: [i0]" },
        )
        .unwrap();
        for (country, liked) in [("se", "x"), ("no", "y")] {
            let rate =
                if headline == liked { 40 } else { 10 } + if image == "cat" { 10 } else { 0 };
            for i in 0..100 {
                writeln!(
                    shown,
                    "{customer},2024-05-01 10:00:00,web,i{place},view,{country}"
                )
                .unwrap();
                if (i * 37 + place * 11) % 100 < rate {
                    writeln!(orders, "{customer},2024-05-02 10:00:00,1").unwrap();
                }
                customer += 1;
            }
        }
    }
    orders.push_str("nobody,2024-05-31 12:00:00,1\n");
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let document = format!(
        "{documents}\n{{ kind: content, name: never, cost: {{ creation: 7, localisation: 1 }} }}\n---\n\
         {{ kind: performance, name: p, touches: shown, outcome: {{ fact: order }}, by: [country], value: 1, \
         components: [headline, image] }}"
    );
    let finding = measured(&project, &document).unwrap();
    let components = finding.components.as_ref().unwrap();
    let part = |level: &str| {
        let mut parts = components.parts.iter();
        parts.find(|part| part.level == level).unwrap().part.mean
    };
    assert!(part("cat") > part("man"));
    // The combination that no content has.
    assert_eq!(components.untested.len(), 1);
    assert_eq!(components.untested[0].levels, ["y", "cat"]);
    assert!(components.untested[0].forecast.mean > 0.22);
    let test = components.test.as_ref().unwrap();
    assert_eq!(
        (test.combinations.len(), test.of, test.resolution),
        (4, 4, None)
    );
    // Choosing the headline by country is worth 0.15: 40 % instead of 25 % on average, with the cat's ten in between.
    let headline = &finding.personalizing[0];
    assert_eq!(
        (headline.component.as_str(), headline.segment.as_str()),
        ("headline", "country")
    );
    let value = headline.value.unwrap();
    assert!(
        value.low < 0.15 && 0.15 < value.high && value.low > 0.0,
        "{value:?}"
    );
    let best: Vec<&str> = headline.segments.iter().map(|s| s.best.as_str()).collect();
    assert_eq!(best, ["y", "x"]);
    let reuse = &finding.reuse;
    assert_eq!(reuse.dead, ["never"]);
    assert_close(reuse.dead_cost, 8.0, 1e-12);
    assert_eq!(reuse.adapted, 1);
    // What was never shown says nothing about the cost of these: eight new ones of 100.
    assert_close(reuse.cost_of_new.unwrap(), 100.0, 1e-12);
    assert_close(reuse.saved.unwrap(), 60.0, 1e-12);
    let portfolio = finding.portfolio.as_ref().unwrap();
    assert_close(portfolio.cost_of_variant, 840.0 / 9.0, 1e-12);
    assert!(portfolio.best_number >= 1);
}

#[test]
fn content_of_other_touches_is_neither_dead_nor_of_this_cost() {
    // Six items without a document; what is declared is shown elsewhere (`mail`), but for `never`.
    let counts = ["a", "b", "c", "d", "e", "f"].map(|item| (item, 1000, 100));
    let (shown, orders) = items(&counts);
    let mailed = "customer,at,channel,item\n1,2024-05-01 10:00:00,email,mail\n";
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders)
        .file("mailed.csv", mailed);
    let documents = |file: &str| {
        format!(
            "{{ kind: content, name: mail, cost: {{ creation: 100 }} }}\n---\n\
             {{ kind: content, name: never, cost: {{ creation: 7 }}, based_on: [mail] }}\n---\n\
             {{ kind: source, name: mailed, path: {file} }}\n---\n\
             {{ kind: touch, name: mailed, source: mailed, customer: customer, time: at, channel: channel, \
             content: item }}\n---\n\
             {{ kind: performance, name: p, touches: shown, outcome: {{ fact: order }}, value: 1 }}"
        )
    };
    let finding = measured(&project, &documents("mailed.csv")).unwrap();
    let reuse = &finding.reuse;
    assert_eq!(
        (&reuse.dead[..], reuse.dead_cost),
        (&["never".to_owned()][..], 7.0)
    );
    assert_eq!((reuse.items, reuse.undeclared, reuse.adapted), (6, 6, 0));
    assert_eq!((reuse.cost_of_new, reuse.saved), (None, None));
    // A variant of what is shown here has no cost that anything would say.
    assert_eq!(finding.portfolio, None);
    // Touches that cannot be read may show it.
    let finding = measured(&project, &documents("gone.csv")).unwrap();
    let refusal = finding.reuse.dead_refusal.unwrap();
    assert!(
        refusal.message.starts_with("touch `mailed` may show it"),
        "{}",
        refusal.message
    );
    assert!(finding.reuse.dead.is_empty());
}

#[test]
fn items_too_few_to_learn_from_have_intervals_of_their_own() {
    let (shown, orders) = items(&[
        ("a", 1000, 210),
        ("b", 1000, 51),
        ("c", 400, 40),
        ("d", 0, 0),
    ]);
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let share = "{ kind: performance, name: p, touches: shown, outcome: { fact: order } }";
    let finding = measured(&project, share).unwrap();
    assert!(finding.refusal.is_some());
    // Wilson's intervals, by hand; the best first.
    let expected = [
        ("a", 0.21, 0.185_888_919, 0.236_330_601),
        ("c", 0.1, 0.074_299_259, 0.133_310_576),
        ("b", 0.051, 0.039_000_943, 0.066_435_486),
    ];
    assert_eq!(finding.items.len(), expected.len());
    for (item, (content, raw, low, high)) in finding.items.iter().zip(expected) {
        let alone = item.alone.unwrap();
        assert_eq!(item.content, content);
        assert!(!item.thin && item.shrunk.is_none());
        assert_close(alone.estimate, raw, 1e-12);
        assert_close(alone.low, low, 1e-8);
        assert_close(alone.high, high, 1e-8);
    }
    // Of means, Student's t: 40 of 400 order once, with a variance of 0.1 * 0.9 * 400 / 399.
    let count = "{ kind: metric, name: n, fact: order, aggregate: count, unit: count }\n---\n\
                 { kind: performance, name: p, touches: shown, outcome: { metric: n, within: 7 days } }";
    let finding = measured(&project, count).unwrap();
    let item = finding
        .items
        .iter()
        .find(|item| item.content == "c")
        .unwrap();
    let half = 1.965_927_296 * (0.09 / 399.0_f64).sqrt();
    let alone = item.alone.unwrap();
    assert_close(alone.low, 0.1 - half, 1e-8);
    assert_close(alone.high, 0.1 + half, 1e-8);
}

#[test]
fn a_test_of_components_is_named_only_where_more_would_help() {
    let documents = |last: &str| {
        let combinations = [
            ("a", "q", "man"),
            ("b", "q", "dog"),
            ("c", "p", "man"),
            (last, "p", "dog"),
        ];
        let contents = combinations.map(|(name, headline, image)| {
            format!(
                "{{ kind: content, name: {name}, components: {{ headline: {headline}, image: {image} }} }}\n---\n"
            )
        });
        contents.concat()
            + "{ kind: performance, name: p, touches: shown, outcome: { fact: order }, components: [headline, image] }"
    };
    let (shown, orders) = items(&[
        ("a", 400, 60),
        ("b", 400, 40),
        ("c", 400, 80),
        ("d", 400, 20),
    ]);
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    let components = |last: &str| {
        let finding = measured(&project, &documents(last)).unwrap();
        finding.components.unwrap()
    };
    // All four are shown already; of the others one is declared only.
    assert_eq!(components("d").test, None);
    assert_eq!(components("unshown").test.unwrap().combinations.len(), 4);
}

#[test]
fn versions_of_the_same_content_in_a_week_are_counted() {
    let shown = "customer,at,channel,item,kind,country\n\
                 1,2024-05-06 10:00:00,web,a,view,v1\n1,2024-05-07 10:00:00,email,a,view,v2\n\
                 2,2024-05-06 10:00:00,web,a,view,v1\n2,2024-05-07 10:00:00,web,a,view,v2\n\
                 3,2024-05-06 10:00:00,web,a,view,v1\n3,2024-05-14 10:00:00,web,a,view,v2\n";
    let project = Project::new().file("shown.csv", shown).file(
        "orders.csv",
        "customer,at,amount\n1,2024-05-31 12:00:00,1\n",
    );
    let documents = format!(
        "{}{{ kind: performance, name: p, touches: shown, outcome: {{ fact: order }} }}",
        DOCUMENTS.replace("engagement: kind", "engagement: kind\nversion: country")
    );
    let finding = of_catalog(&project.catalog(&documents)).unwrap();
    let found = finding.consistency.unwrap();
    assert_eq!(
        (
            found.customer_weeks,
            found.several_versions,
            found.across_channels
        ),
        (4, 2, 1)
    );
}

#[test]
fn nothing_shown_and_nothing_done_are_refused_and_not_guessed() {
    let document = "{ kind: performance, name: p, touches: shown, outcome: { fact: order }, by: [country], value: 1 }";
    for (shown, orders) in [
        (
            "a,2024-05-01 10:00:00,web,x,click,se\n",
            "a,2024-05-31 10:00:00,1\n",
        ),
        (
            "a,2024-05-01 10:00:00,web,x,view,se\n",
            "a,2024-05-31 10:00:00,1\n",
        ),
        (
            "a,2024-05-30 10:00:00,web,x,view,se\n",
            "b,2024-05-31 10:00:00,1\n",
        ),
    ] {
        let project = Project::new()
            .file("shown.csv", &format!("{SHOWN}{shown}"))
            .file("orders.csv", &format!("customer,at,amount\n{orders}"));
        let finding = measured(&project, document).unwrap();
        assert!(finding.refusal.is_some());
        assert!(
            finding
                .items
                .iter()
                .all(|item| item.shrunk.is_none() && item.thin == (item.customers == 0))
        );
    }
    let project = Project::new()
        .file("shown.csv", &items(&SIX).0)
        .file("orders.csv", &items(&SIX).1);
    let unknown =
        "{ kind: performance, name: p, touches: shown, outcome: { fact: order }, by: [contry] }";
    let error = measured(&project, unknown).unwrap_err().to_string();
    assert!(error.contains("did you mean `country`"), "{error}");
}

#[test]
fn documents_that_say_what_cannot_be_are_mistakes() {
    let mistakes = |keys: &str| -> Vec<&'static str> {
        let documents = format!(
            "{DOCUMENTS}{{ kind: fact, name: untimed, source: orders, customer: customer }}\n---\n\
             {{ kind: metric, name: largest, fact: order, aggregate: max, value: amount }}\n---\n\
             {{ kind: content, name: a, components: {{ headline: x }} }}\n---\n\
             kind: performance\nname: p\ntouches: shown\n{keys}"
        );
        let files = [
            ("touchstone.yaml".into(), "name: Test\n".to_owned()),
            ("catalog/test.yaml".into(), documents),
        ];
        match Catalog::from_sources(Path::new("."), files, &|_| None) {
            Err(LoadError::Invalid(diagnostics)) => diagnostics.errors().map(|e| e.code).collect(),
            _ => Vec::new(),
        }
    };
    assert_eq!(mistakes("outcome: { fact: order }\n"), [""; 0]);
    assert_eq!(mistakes("outcome: { within: 7 days }\n"), ["missing-key"]);
    assert_eq!(
        mistakes("outcome: { fact: order, metric: largest }\n"),
        ["outcome"]
    );
    assert_eq!(mistakes("outcome: { metric: largest }\n"), ["outcome"]);
    assert_eq!(mistakes("outcome: { fact: untimed }\n"), ["outcome"]);
    assert_eq!(mistakes("outcome: { fact: ordr }\n"), ["unknown-name"]);
    let order = "outcome: { fact: order }\n";
    assert_eq!(
        mistakes(&format!("{order}by: [content]\n")),
        ["duplicate-value"]
    );
    assert_eq!(
        mistakes(&format!("{order}by: [stage, stage]\n")),
        ["duplicate-value"]
    );
    assert_eq!(
        mistakes(&format!("{order}components: [headlin]\n")),
        ["unknown-name"]
    );
    assert_eq!(mistakes(&format!("{order}value: -1\n")), ["out-of-range"]);
}
