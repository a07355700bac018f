//! The ledger of the simulated retailer over customers' lives, and with credit, through the command.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{complaint, printed, shown};
use serde_json::Value;
use tempfile::TempDir;

fn retailer(folder: &TempDir) -> PathBuf {
    let project = folder.path().join("retailer");
    printed(&[
        "simulate",
        shown(&project),
        "--customers",
        "2000",
        "--seed",
        "5",
    ]);
    project
}

/// Replaces a text in a file of the catalog that has it once.
fn edit(project: &Path, file: &str, from: &str, to: &str) {
    let path = project.join("catalog").join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{from}");
    fs::write(path, text.replace(from, to)).unwrap();
}

fn json(arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.extend(["--format", "json"]);
    serde_json::from_str(&printed(&all)).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn row(ledger: &Value) -> &Value {
    let rows = ledger["initiatives"].as_array().unwrap();
    rows.iter()
        .find(|row| row["name"] == "welcome-programme")
        .unwrap()
}

#[test]
fn the_welcome_programme_counts_by_its_customers_lives() {
    let folder = tempfile::tempdir().unwrap();
    let project = retailer(&folder);
    let at = shown(&project);
    let by_lift = json(&["-C", at, "roi"]);
    let beside = |ledger: &Value, what: &str| {
        let lines = ledger["beside"].as_array().unwrap();
        let line = lines
            .iter()
            .find(|line| line["what"] == what && line["name"] == "welcome-programme");
        line.unwrap().clone()
    };
    edit(
        &project,
        "initiatives.yaml",
        "name: welcome-programme\n",
        "name: welcome-programme\nlifetime: customers\n",
    );
    let by_lives = json(&["-C", at, "roi"]);
    // What stood beside counts now, and what counted stands beside.
    let (lift, life) = (row(&by_lift), row(&by_lives));
    assert_eq!(life["increment"], beside(&by_lift, "lifetime")["amount"]);
    assert_eq!(lift["increment"], beside(&by_lives, "lift")["amount"]);
    assert_eq!((&lift["grade"], &life["grade"]), (&"A".into(), &"D".into()));

    // The parts are those of the lifetime, times the customers who bought.
    let measured = json(&["-C", at, "measure", "audience", "customers"]);
    let arm = &measured["incremental"]["arms"][0];
    let customers = number(&arm["customers"]["arm"]);
    let gains = [
        &arm["in_process"]["difference"],
        &arm["stays_on"]["to_twelve_months"]["amount"],
        &arm["stays_on"]["beyond"]["amount"],
    ];
    let increment = &life["increments"][0];
    let parts = increment["lifetime"]["parts"].as_array().unwrap();
    let mut sum = 0.0;
    for (part, gain) in parts.iter().zip(gains) {
        let expected = number(&gain["estimate"]) * customers;
        assert!(
            (number(&part["amount"]) - expected).abs() < 0.0051,
            "{part}"
        );
        sum += number(&part["amount"]);
    }
    assert_eq!(parts.len(), 3);
    assert!((sum - number(&increment["amount"])).abs() < 1e-6);
    let se: f64 = gains.iter().map(|gain| number(&gain["se"])).sum();
    assert!((number(&increment["se"]) / (se * customers) - 1.0).abs() < 1e-9);
    // The gift is paid once a customer.
    assert_eq!(life["cost"], lift["cost"]);

    // Totals differ by what the row differs by, and nothing else moved.
    let difference = |key: &str| number(&by_lives["total"][key]) - number(&by_lift["total"][key]);
    let moved = number(&life["increment"]) - number(&lift["increment"]);
    assert!((difference("increment") - moved).abs() < 0.005);
    assert!((difference("net") - moved).abs() < 0.005);
    assert_eq!(by_lives["programmes"], by_lift["programmes"]);

    let table = printed(&["-C", at, "roi"]);
    assert!(
        table.contains("modelled beyond") && table.contains("a life"),
        "{table}"
    );
    let page = folder.path().join("out.html");
    printed(&["-C", at, "report", "--output", shown(&page)]);
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("modelled to 12 months") && page.contains("Beside the total"));

    edit(
        &project,
        "initiatives.yaml",
        "lifetime: customers\n",
        "lifetime: customers\nrecurs: { every: 1 month, times: 3 }\n",
    );
    let said = complaint(&["-C", at, "roi"]);
    assert!(
        said.contains("counted-twice") || said.contains("twice"),
        "{said}"
    );
}

#[test]
fn content_that_no_experiment_shows_counts_by_credit_beyond_what_experiments_measured() {
    let folder = tempfile::tempdir().unwrap();
    let project = retailer(&folder);
    let at = shown(&project);
    let touches = project.join("catalog/touches.yaml");
    let more = "---
kind: attribution
name: pieces
conversion: { fact: order, value: amount, unit: money, order: order_id }
touches: [touches]
by: content
lookback: 14 days
";
    fs::write(&touches, fs::read_to_string(&touches).unwrap() + more).unwrap();
    edit(
        &project,
        "content.yaml",
        "name: newsletter\n",
        "name: newsletter\ncredit: pieces\n",
    );
    let ledger = json(&["-C", at, "roi"]);
    let credit = &ledger["credit"];
    let shared = json(&["-C", at, "measure", "content", "pieces"]);
    let models = shared["models"].as_array().unwrap();
    let shapley = models
        .iter()
        .find(|model| model["model"] == "shapley")
        .unwrap();
    let credits = shapley["credits"].as_array().unwrap();
    let newsletter = credits
        .iter()
        .find(|credit| credit["key"] == "newsletter")
        .unwrap();
    let margin = 0.4 * number(&newsletter["value"]["estimate"]);
    assert!((number(&credit["contents"][0]["credit"]["amount"]) - margin).abs() < 0.0051);
    let gains: f64 = (ledger["initiatives"].as_array().unwrap().iter())
        .map(|row| number(&row["increment"]).max(0.0))
        .sum();
    assert!((number(&credit["measured_already"]) - gains).abs() < 0.005);
    let left = (number(&credit["credited"]) - gains).max(0.0);
    assert!((number(&credit["counted"]["amount"]) - left).abs() < 0.005);
    let rows: f64 = (ledger["initiatives"].as_array().unwrap().iter())
        .map(|row| number(&row["increment"]))
        .sum();
    assert!((number(&ledger["total"]["increment"]) - rows).abs() < 0.005);
    assert!((number(&ledger["total"]["credited"]) - left).abs() < 0.005);
    // Channels and the other pieces stand beside.
    let beside = ledger["beside"].as_array().unwrap();
    let of = |of: &str| {
        beside
            .iter()
            .filter(|line| line["of"] == of && line["what"] == "credit")
            .count()
    };
    assert!(of("channel") > 3 && of("content") > 5, "{beside:?}");
    let table = printed(&["-C", at, "roi"]);
    let words: Vec<&str> = table.split_whitespace().collect();
    let text = words.join(" ");
    assert!(
        text.contains("Credited by observation") && text.contains("is taken off"),
        "{table}"
    );
}

/// Two pieces that views and clicks show, with upkeep, over two months and some days.
#[test]
fn a_piece_of_content_costs_the_same_in_the_ledger_and_in_its_performance() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    fs::create_dir(folder.path().join("catalog")).unwrap();
    write(
        "touchstone.yaml",
        "name: Shop\ncurrency: EUR\nmargin: 0.5\n",
    );
    write(
        "catalog/shop.yaml",
        "{ kind: channel, name: email }
---
{ kind: initiative, name: letters, level: 2 }
---
{ kind: content, name: short, credit: pieces, cost: { creation: 100, approval: 20, upkeep: 7 } }
---
{ kind: content, name: long, credit: pieces, cost: { creation: 50 } }
---
{ kind: source, name: touches, path: touches.csv }
---
{ kind: source, name: orders, path: orders.csv }
---
{ kind: fact, name: order, source: orders, customer: customer, time: at }
---
kind: touch
name: letters
source: touches
customer: customer
time: at
channel: channel
engagement: kind
cost: price
content: piece
---
kind: attribution
name: pieces
conversion: { fact: order, value: amount, unit: money }
touches: [letters]
by: content
---
{ kind: performance, name: read, touches: letters, outcome: { fact: order } }
",
    );
    let mut touches = "customer,at,channel,kind,price,piece\n".to_owned();
    let mut orders = "customer,at,amount\n".to_owned();
    for customer in 0..60 {
        let piece = if customer % 2 == 0 { "short" } else { "long" };
        let day = customer % 28 + 1;
        touches += &format!("{customer},2024-03-{day:02} 10:00:00,email,view,0.10,{piece}\n");
        if customer % 3 == 0 {
            touches += &format!("{customer},2024-03-{day:02} 11:00:00,email,click,1.25,{piece}\n");
            orders += &format!("{customer},2024-03-{day:02} 18:00:00,40\n");
        }
    }
    orders += "early,2024-02-25 12:00:00,40\nlate,2024-05-03 12:00:00,40\n";
    write("touches.csv", &touches);
    write("orders.csv", &orders);
    let at = shown(folder.path());
    let ledger = json(&["-C", at, "roi"]);
    let performance = json(&["-C", at, "measure", "content", "read"]);
    // 30 views of each, 10 clicks of each; three months of upkeep have begun in 68 days.
    let expected = [
        ("short", 100.0 + 20.0 + 21.0 + 3.0 + 12.5),
        ("long", 50.0 + 3.0 + 12.5),
    ];
    for (piece, cost) in expected {
        let of = |list: &Value| {
            let list = list.as_array().unwrap();
            list.iter()
                .find(|found| found["content"] == piece)
                .unwrap()
                .clone()
        };
        let in_ledger = number(&of(&ledger["credit"]["contents"])["cost"]);
        let own = of(&performance["items"])["cost"].clone();
        let in_performance = number(&own["content"]) + number(&own["showing"]);
        assert!((in_ledger - cost).abs() < 0.005, "{piece}: {in_ledger}");
        assert!(
            (in_performance - cost).abs() < 1e-9,
            "{piece}: {in_performance}"
        );
    }
}
