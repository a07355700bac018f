//! Attribution end to end: small tables whose credits are worked out by hand, bad input, and experiments.

use std::path::Path;

use attribution::{Heuristic, JourneyBuilder, Model, PathPolicy, credit, markov};
use catalog::{Catalog, LoadError};
use lake::Lake;
use measure::audience::Severity;
use measure::content::{
    AttributionCheckKind, AttributionFinding, CreditModel, FlowNode, attribution,
};
use measure::{MeasureError, Reason};
use tempfile::TempDir;

const SOURCES: &str = "
{ kind: source, name: touches, path: touches.csv, types: { at: TIMESTAMP } }
---
{ kind: source, name: orders, path: orders.csv, types: { at: TIMESTAMP, amount: DOUBLE } }
---
{ kind: fact, name: orders, source: orders, customer: who, time: at }
---
{ kind: touch, name: touches, source: touches, customer: who, time: at, channel: channel }
---
";
const ATTRIBUTION: &str = "
kind: attribution
name: credit
conversion: { fact: orders, value: amount, unit: money }
touches: [touches]
half_life: 1 day
";

fn catalog(folder: &Path, documents: &str, threads: u32) -> Result<Catalog, LoadError> {
    let settings = format!("name: Test\nmargin: 0.5\nengine: {{ threads: {threads} }}\n");
    let files = [
        ("touchstone.yaml".into(), settings),
        ("catalog/test.yaml".into(), documents.to_owned()),
    ];
    Catalog::from_sources(folder, files, &|_| None)
}

/// Measures an attribution over these files with these documents.
fn measured(files: &[(&str, &str)], documents: &str) -> Result<AttributionFinding, MeasureError> {
    measured_by(2, files, documents)
}

fn measured_by(
    threads: u32,
    files: &[(&str, &str)],
    documents: &str,
) -> Result<AttributionFinding, MeasureError> {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let catalog =
        catalog(folder.path(), documents, threads).unwrap_or_else(|error| panic!("{error}"));
    let mut lake = Lake::open(&catalog, None)?;
    attribution(&catalog, &mut lake, catalog.attributions().next().unwrap())
}

/// The usual touches and orders with more keys of the attribution.
fn usual(touches: &str, orders: &str, keys: &str) -> AttributionFinding {
    let touches = format!("who,at,channel\n{touches}");
    let orders = format!("who,at,amount\n{orders}");
    let files = [
        ("touches.csv", touches.as_str()),
        ("orders.csv", orders.as_str()),
    ];
    measured(&files, &format!("{SOURCES}{ATTRIBUTION}{keys}")).unwrap()
}

fn value(finding: &AttributionFinding, model: CreditModel, key: &str) -> f64 {
    let credit = finding.model(model).unwrap().credit(key).unwrap();
    credit.value.unwrap().estimate
}

/// How many things a kind of check is about, if it is there.
fn number(finding: &AttributionFinding, kind: AttributionCheckKind) -> Option<u64> {
    let mut checks = finding.checks.iter().filter(|check| check.kind == kind);
    checks.next().map(|check| check.number)
}

const TOUCHES: &str = "\
1,2024-01-01 00:00:00,email
1,2024-01-03 00:00:00,web
2,2024-01-02 00:00:00,web
2,2024-01-05 00:00:00,email
2,2024-01-06 00:00:00,web
3,2024-01-02 00:00:00,email
4,2024-01-01 00:00:00,web
4,2024-01-03 00:00:00,web
";
const ORDERS: &str = "\
1,2024-01-04 00:00:00,100
2,2024-01-07 00:00:00,60
5,2024-01-05 00:00:00,40
";

/// The same customers ten times, with other ids.
fn ten_times(rows: &str) -> String {
    let copies = (0..10).flat_map(|copy| {
        rows.lines().map(move |row| {
            let (who, rest) = row.split_once(',').unwrap();
            format!("{}{copy},{rest}\n", who)
        })
    });
    copies.collect()
}

#[test]
fn heuristics_are_those_worked_out_by_hand() {
    let finding = usual(TOUCHES, ORDERS, "");
    for (model, email, web) in [
        (CreditModel::First, 100.0, 60.0),
        (CreditModel::Last, 0.0, 160.0),
        (CreditModel::Linear, 70.0, 90.0),
        // 50 + 12, and 50 + 24 + 24.
        (CreditModel::PositionU, 62.0, 98.0),
        (CreditModel::PositionW, 70.0, 90.0),
        // Ages of 3 and 1 days weigh 1/8 and 1/2; of 5, 2 and 1 days 1/32, 1/4 and 1/2.
        (CreditModel::TimeDecay, 39.2, 120.8),
        (CreditModel::SteppedTimeDecay, 39.2, 120.8),
        (CreditModel::Shapley, 80.0, 80.0),
    ] {
        assert_eq!(value(&finding, model, "email"), email, "{model:?}");
        assert_eq!(value(&finding, model, "web"), web, "{model:?}");
    }
    let last = finding.model(CreditModel::Last).unwrap();
    assert_eq!(
        (last.credits[0].key.as_str(), last.credits[0].rank),
        ("web", 1)
    );
    assert_eq!(last.credits[0].share.unwrap().estimate, 1.0);

    let totals = finding.totals;
    assert_eq!(totals.value, Some(200.0));
    assert_eq!(
        (totals.credited_value, totals.untouched_value),
        (Some(160.0), Some(40.0))
    );
    let journeys = &finding.journeys;
    assert_eq!(
        (journeys.customers, journeys.touches, journeys.conversions),
        (5, 8, 3)
    );
    assert_eq!(
        (
            journeys.converting,
            journeys.untouched,
            journeys.without_conversion
        ),
        (2, 1, 2)
    );
    assert_eq!(number(&finding, AttributionCheckKind::Untouched), Some(1));
    let email = finding.keys.iter().find(|key| key.key == "email").unwrap();
    assert_eq!((email.touches, email.in_journeys), (3, 3));
    assert_eq!(email.value.unwrap().least, 0.0);
    assert_eq!(email.tested, None);
}

#[test]
fn the_chain_is_that_of_the_same_paths_given_at_once() {
    let finding = usual(&ten_times(TOUCHES), &ten_times(ORDERS), "");
    let mut builder = JourneyBuilder::new(PathPolicy::default());
    for _ in 0..10 {
        builder.add_text("email > web", '>', 1.0, 100.0, 0).unwrap();
        builder
            .add_text("web > email > web", '>', 1.0, 60.0, 0)
            .unwrap();
    }
    builder.add_text("email", '>', 0.0, 0.0, 10).unwrap();
    builder.add_text("web > web", '>', 0.0, 0.0, 10).unwrap();
    let table = builder.finish();
    let order = finding.markov.as_ref().unwrap().order;
    // Who saw an e-mail before the web converted, who did not did not: two touches tell them apart.
    assert_eq!(order, 2);
    let expected = markov(&table, order).unwrap();
    let shapley = &credit(&table, &[Model::ShapleyOfSubsets]).unwrap()[0];
    let decay = Model::Heuristic(Heuristic::Linear);
    let linear = &credit(&table, &[decay]).unwrap()[0];
    for (model, credits) in [
        (CreditModel::Markov, &expected.credits),
        (CreditModel::Shapley, shapley),
        (CreditModel::Linear, linear),
    ] {
        for (key, name) in table.channels().iter().enumerate() {
            let shown = value(&finding, model, name);
            assert!(
                (shown - credits.value[key]).abs() <= 0.01,
                "{model:?} {name}"
            );
        }
    }
    // Every model's credits add up to the cent.
    for model in finding
        .models
        .iter()
        .filter(|model| model.refusal.is_none())
    {
        let cents: f64 = (model.credits.iter())
            .map(|credit| (credit.value.unwrap().estimate * 100.0).round())
            .sum();
        assert_eq!(cents, 160_000.0, "{:?}", model.model);
        let first = &model.credits[0];
        let (low, high) = (
            first.value.unwrap().low.unwrap(),
            first.value.unwrap().high.unwrap(),
        );
        assert!(low <= first.value.unwrap().estimate && first.value.unwrap().estimate <= high);
        assert!(first.above_next.unwrap() >= 0.5);
        let next = &model.credits[1].key;
        assert_eq!(first.above.get(next), first.above_next.as_ref());
        assert_eq!(first.above.len(), model.credits.len() - 1);
        assert!(model.credits.last().unwrap().above.is_empty());
    }
}

#[test]
fn paths_and_steps_are_counted() {
    let alike = format!("{TOUCHES}6,2024-01-01 00:00:00,email\n6,2024-01-02 00:00:00,web\n");
    let finding = usual(&alike, ORDERS, "");
    let key = |name: &str| FlowNode::Key(name.to_owned());
    let step = |from: FlowNode, to: FlowNode| {
        let found = finding
            .flow
            .steps
            .iter()
            .find(|step| step.from == from && step.to == to);
        found.map(|step| step.journeys)
    };
    assert_eq!(step(FlowNode::Start, key("email")), Some(3));
    assert_eq!(step(key("email"), key("web")), Some(3));
    assert_eq!(step(key("web"), FlowNode::Conversion), Some(2));
    assert_eq!(step(key("email"), FlowNode::NoConversion), Some(1));
    assert_eq!(finding.flow.other_steps, 0);
    // One customer bought after an e-mail and the web, another did not.
    let first = &finding.paths[0];
    assert_eq!(first.path, ["email", "web"]);
    assert_eq!((first.conversions, first.without_conversion), (1.0, 1.0));
    assert_eq!(
        (finding.paths.len(), finding.journeys.distinct_paths),
        (4, 4)
    );
}

#[test]
fn order_of_rows_and_threads_change_nothing() {
    let (touches, orders) = (ten_times(TOUCHES), ten_times(ORDERS));
    let reversed = |rows: &str| {
        rows.lines()
            .rev()
            .map(|row| format!("{row}\n"))
            .collect::<String>()
    };
    let json = |threads: u32, touches: &str, orders: &str| {
        let touches = format!("who,at,channel\n{touches}");
        let orders = format!("who,at,amount\n{orders}");
        let files = [
            ("touches.csv", touches.as_str()),
            ("orders.csv", orders.as_str()),
        ];
        let documents = format!("{SOURCES}{ATTRIBUTION}");
        let mut finding = measured_by(threads, &files, &documents).unwrap();
        finding.provenance.sources.clear();
        serde_json::to_string(&finding).unwrap()
    };
    let expected = json(1, &touches, &orders);
    assert_eq!(json(2, &touches, &orders), expected);
    assert_eq!(json(2, &reversed(&touches), &reversed(&orders)), expected);
}

#[test]
fn touches_after_the_conversion_earn_nothing_from_it() {
    let touches = "\
1,2024-01-01 00:00:00,email
1,2024-01-03 00:00:00,web
1,2024-01-10 00:00:00,push
1,2024-01-12 00:00:00,push
";
    let orders = "1,2024-01-03 00:00:00,100\n1,2024-01-11 00:00:00,50\n";
    // A touch at the moment of the conversion came before it.
    let cut = usual(touches, orders, "");
    assert_eq!(value(&cut, CreditModel::Last, "web"), 100.0);
    assert_eq!(value(&cut, CreditModel::Linear, "push"), 50.0);
    assert_eq!(cut.journeys.without_conversion, 1);
    assert_eq!(number(&cut, AttributionCheckKind::Windows), Some(1));

    let carry = usual(touches, orders, "after_conversion: carry\n");
    assert_eq!(value(&carry, CreditModel::First, "email"), 150.0);
    let linear = value(&carry, CreditModel::Linear, "push");
    assert_eq!(linear, 16.67);
    assert_eq!(carry.journeys.without_conversion, 1);

    let first = usual(touches, orders, "after_conversion: first_only\n");
    assert_eq!(first.totals.value, Some(100.0));
    assert_eq!(first.journeys.without_conversion, 0);
    assert_eq!(number(&first, AttributionCheckKind::Conversions), Some(1));
}

#[test]
fn windows_are_by_channel_and_engagement() {
    let files = [
        (
            "touches.csv",
            "who,at,channel,kind\n\
             1,2024-01-01 00:00:00,display,Viewed\n\
             1,2024-01-02 00:00:00,display,clicked\n\
             1,2024-01-03 00:00:00,email,view\n\
             1,2024-01-04 00:00:00,social,view\n\
             1,2024-01-09 12:00:00,display,opened\n\
             2,2024-01-03 00:00:00,email,view\n",
        ),
        (
            "orders.csv",
            "who,at,amount\n1,2024-01-10 00:00:00,90\n2,2024-01-10 00:00:01,30\n",
        ),
    ];
    let documents = format!(
        "{}{ATTRIBUTION}lookback: 5 days\nwindows: {{ email: 7 days, display: {{ view: 1 day, click: 30 days }} }}\n",
        SOURCES.replace("channel: channel", "channel: channel, engagement: kind")
    );
    let finding = measured(&files, &documents).unwrap();
    // The e-mail is 7 days old to the second; a second later it no longer counts.
    assert_eq!(value(&finding, CreditModel::Linear, "display"), 45.0);
    assert_eq!(value(&finding, CreditModel::Linear, "email"), 45.0);
    assert_eq!(finding.journeys.untouched, 1);
    let kind = AttributionCheckKind::Touches;
    assert_eq!(number(&finding, kind), Some(1), "opened is neither");
    assert_eq!(number(&finding, AttributionCheckKind::Windows), Some(3));
    let display = finding
        .keys
        .iter()
        .find(|key| key.key == "display")
        .unwrap();
    assert_eq!(
        (display.touches, display.clicks, display.in_journeys),
        (2, 1, 1)
    );
}

#[test]
fn excluded_channels_leave_all_credit_to_the_others() {
    let finding = usual(TOUCHES, ORDERS, "exclude: [web]\n");
    assert_eq!(value(&finding, CreditModel::Linear, "email"), 160.0);
    assert_eq!(finding.keys.len(), 1);
    assert_eq!(number(&finding, AttributionCheckKind::Touches), Some(5));
}

#[test]
fn the_direct_channel_is_passed_over() {
    let finding = usual(TOUCHES, ORDERS, "direct: web\n");
    assert_eq!(value(&finding, CreditModel::LastNonDirect, "email"), 160.0);
    assert_eq!(value(&finding, CreditModel::Last, "email"), 0.0);
}

#[test]
fn combinations_are_credited_and_costs_taken_off() {
    let files = [
        (
            "touches.csv",
            "who,at,channel,item,price\n\
             1,2024-01-01 00:00:00,email,a,0.1\n\
             1,2024-01-02 00:00:00,email,b,0.2\n\
             1,2024-01-02 00:00:00,web,,0.25\n",
        ),
        ("orders.csv", "who,at,amount\n1,2024-01-03 00:00:00,100\n"),
    ];
    let documents = format!(
        "{}{ATTRIBUTION}by: [channel, content]\n",
        SOURCES.replace(
            "channel: channel",
            "channel: channel, content: item, cost: price"
        )
    );
    let finding = measured(&files, &documents).unwrap();
    let linear = finding.model(CreditModel::Linear).unwrap();
    // Thirds of a hundred add up to the cent.
    let values: Vec<f64> = (linear.credits.iter())
        .map(|credit| credit.value.unwrap().estimate)
        .collect();
    assert_eq!(values, [33.34, 33.33, 33.33]);
    let first = linear.credit("email / a").unwrap();
    assert_eq!(first.value_less_cost, Some(33.34 - 0.1));
    assert!((first.return_on_cost.unwrap() - 332.4).abs() < 1e-9);
    assert!((finding.totals.cost.unwrap() - 0.55).abs() < 1e-12);
    assert!(linear.credit("web / (none)").is_some());
    assert_eq!(number(&finding, AttributionCheckKind::Keys), Some(1));
}

#[test]
fn a_cost_below_zero_or_beyond_all_costs_is_unknown() {
    let files = [
        (
            "touches.csv",
            "who,at,channel,price\n\
             1,2024-01-01 00:00:00,email,-40\n\
             1,2024-01-02 00:00:00,email,0.5\n\
             2,2024-01-02 00:00:00,email,1e13\n\
             3,2024-01-02 00:00:00,email,1e300\n\
             4,2024-01-02 00:00:00,email,nan\n\
             5,2024-01-02 00:00:00,email,\n",
        ),
        ("orders.csv", "who,at,amount\n1,2024-01-03 00:00:00,100\n"),
    ];
    let sources = SOURCES
        .replace("channel: channel", "channel: channel, cost: price")
        .replace(
            "touches.csv, types: {",
            "touches.csv, types: { price: DOUBLE,",
        );
    let finding = measured(&files, &format!("{sources}{ATTRIBUTION}")).unwrap();
    assert_eq!(finding.totals.cost, Some(0.5));
    let linear = finding.model(CreditModel::Linear).unwrap();
    let credit = linear.credit("email").unwrap();
    assert_eq!(credit.value_less_cost, Some(99.5));
    let check = (finding.checks.iter())
        .find(|check| check.kind == AttributionCheckKind::Touches)
        .unwrap();
    assert_eq!((check.severity, check.number), (Severity::Warning, 4));
    assert!(
        (check.message).starts_with("4 touches cost less than nothing, over 10^12 or no number")
    );
}

/// Without rows a file's columns have no types, and it is one attribution that has nothing to say.
#[test]
fn a_file_without_rows_is_a_refusal() {
    let sources = SOURCES
        .replace(", types: { at: TIMESTAMP }", "")
        .replace(", types: { at: TIMESTAMP, amount: DOUBLE }", "");
    for value in ["amount", "'-amount'", "'amount * 0.19 + 1'"] {
        let documents = format!(
            "{sources}{}",
            ATTRIBUTION.replace("value: amount", &format!("value: {value}"))
        );
        let touches = format!("who,at,channel\n{TOUCHES}");
        let files = [
            ("touches.csv", touches.as_str()),
            ("orders.csv", "who,at,amount\n"),
        ];
        let finding = measured(&files, &documents).unwrap();
        assert_eq!(finding.refusal.unwrap().reason, Reason::TooLittleData);
        assert_eq!(
            (finding.journeys.touches, finding.journeys.conversions),
            (8, 0)
        );
    }
    // What is wrong in the document is wrong whatever the data.
    for (value, said) in [
        ("amout", "`orders` has no column `amout`"),
        ("'amount +* 2'", "`amount +* 2`"),
    ] {
        let attribution = ATTRIBUTION.replace("value: amount", &format!("value: {value}"));
        let files = [
            ("touches.csv", "who,at,channel\n"),
            ("orders.csv", "who,at,amount\n"),
        ];
        let error = measured(&files, &format!("{sources}{attribution}")).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn what_adds_up_over_rows_is_told_from_the_number_of_a_row() {
    let attribution = ATTRIBUTION.replace("value: amount", "value: sum(amount)");
    let documents = format!("{SOURCES}{attribution}");
    let touches = format!("who,at,channel\n{TOUCHES}");
    let orders = format!("who,at,amount\n{ORDERS}");
    let files = [
        ("touches.csv", touches.as_str()),
        ("orders.csv", orders.as_str()),
    ];
    let error = measured(&files, &documents).unwrap_err();
    assert_eq!(
        error.to_string(),
        "attribution `credit`, conversion: `sum(amount)` adds up over rows, and what is asked for here is the number of \
         one row: write that, such as a column"
    );
    // The catalog knows the line: that of the key within its document.
    let folder = TempDir::new().unwrap();
    let catalog = catalog(folder.path(), &documents, 1).unwrap();
    let line = 1 + documents
        .lines()
        .position(|line| line.starts_with("conversion:"))
        .unwrap();
    let place = catalog.place_of(&error.place().unwrap()).unwrap();
    assert_eq!(place.to_string(), format!("catalog/test.yaml:{line}:13"));
}

/// A journey may be open for as long as the longest window of a channel.
#[test]
fn journeys_are_open_for_the_longest_window() {
    let touches =
        "1,2024-01-01 00:00:00,email\n2,2024-01-20 00:00:00,email\n3,2024-02-09 00:00:00,email\n";
    let orders = "9,2024-02-10 00:00:00,5\n3,2024-02-09 01:00:00,5\n";
    let open = |keys: &str| {
        let finding = usual(touches, orders, keys);
        number(&finding, AttributionCheckKind::OpenJourneys)
    };
    assert_eq!(open("lookback: 7 days\n"), None);
    assert_eq!(
        open("lookback: 7 days\nwindows: { email: 30 days }\n"),
        Some(1)
    );
    assert_eq!(
        open("lookback: 7 days\nwindows: { web: { click: 60 days } }\n"),
        Some(2)
    );
}

#[test]
fn an_order_counts_once() {
    let files = [
        (
            "touches.csv",
            "who,at,channel\n1,2024-01-01 00:00:00,email\n",
        ),
        (
            "orders.csv",
            "who,at,amount,id,line\n\
             1,2024-01-02 00:00:00,10,a,1\n\
             1,2024-01-02 00:00:00,10,a,2\n\
             1,2024-01-02 00:00:00,10,a,2\n\
             1,2024-01-02 00:00:05,5,b,1\n",
        ),
    ];
    let by_order = ATTRIBUTION.replace("unit: money", "unit: money, order: id");
    let finding = measured(&files, &format!("{SOURCES}{by_order}")).unwrap();
    // Its rows add up, as in metrics; the one that is there twice is shown.
    assert_eq!(
        (finding.totals.conversions, finding.totals.value),
        (2.0, Some(35.0))
    );
    assert_eq!(value(&finding, CreditModel::Last, "email"), 30.0);
    assert_eq!(number(&finding, AttributionCheckKind::Duplicates), Some(1));

    let by_row = measured(&files, &format!("{SOURCES}{ATTRIBUTION}")).unwrap();
    assert_eq!(
        (by_row.totals.conversions, by_row.totals.value),
        (4.0, Some(35.0))
    );
    assert_eq!(number(&by_row, AttributionCheckKind::Duplicates), Some(2));
}

#[test]
fn what_cannot_be_used_is_counted() {
    let touches = "\
1,2024-01-01 00:00:00,email
,2024-01-01 00:00:00,email
1,,email
1,2024-01-01 00:00:00,
1,9999-01-01 00:00:00,email
2,2024-01-02 00:01:00,email
";
    let orders = "\
1,2024-01-02 00:00:00,100
1,2024-01-03 00:00:00,
1,2024-01-03 00:00:00,inf
1,2024-01-04 00:00:00,-30
,2024-01-04 00:00:00,5
2,2024-01-02 00:00:00,7
";
    let finding = usual(touches, orders, "after_conversion: carry\n");
    let of_kind = |kind| {
        let checks = finding
            .checks
            .iter()
            .filter(move |check| check.kind == kind);
        checks.map(|check| check.number).collect::<Vec<_>>()
    };
    // Without a customer, without a usable time, without a channel.
    assert_eq!(of_kind(AttributionCheckKind::Touches), [1, 2, 1]);
    // Without a customer, not finite, without a value, and worth less than nothing.
    assert_eq!(of_kind(AttributionCheckKind::Conversions), [1, 1, 1, 1]);
    // The touch came a minute after the order of a customer who has none before it.
    assert_eq!(of_kind(AttributionCheckKind::Clocks), [1]);
    assert_eq!(finding.totals.conversions, 4.0);
    assert_eq!(value(&finding, CreditModel::First, "email"), 70.0);
}

/// As from an export where most visitors are nobody, or all one. (By comparing pairs of rows this would take an hour.)
#[test]
fn many_rows_without_a_customer_or_of_one_are_read_in_one_pass() {
    let row = |who: &str, second: usize| {
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!("{who},2024-01-01 {hour:02}:{minute:02}:{second:02},web\n")
    };
    let nobody = (0..600_000).map(|number| row("", number % 86_400));
    let one = (0..86_400).map(|number| row("0", number));
    let touches: String = nobody.chain(one).collect();
    let finding = usual(&format!("{touches}{TOUCHES}"), ORDERS, "");
    assert_eq!(
        number(&finding, AttributionCheckKind::Touches),
        Some(600_000)
    );
    assert_eq!(value(&finding, CreditModel::Linear, "email"), 70.0);
}

/// Touches of three channels and orders: each of the customers has an order, and a touch some minutes from it.
fn around_orders(minutes: impl Fn(usize, usize) -> Option<i64>) -> AttributionFinding {
    let (mut touches, mut orders) = (String::new(), String::new());
    for who in 0..600 {
        orders.push_str(&format!("{who},2024-01-02 12:00:00,10\n"));
        for (place, channel) in ["email", "web", "push"].into_iter().enumerate() {
            if let Some(minutes) = minutes(who, place) {
                let minute = 12 * 60 + minutes;
                let (hour, minute) = (minute / 60, minute % 60);
                touches.push_str(&format!(
                    "{who},2024-01-02 {hour:02}:{minute:02}:30,{channel}\n"
                ));
            }
        }
    }
    usual(&touches, &orders, "")
}

fn clocks(finding: &AttributionFinding) -> (Severity, u64, &str) {
    let mut checks = finding.checks.iter();
    let check = checks
        .find(|check| check.kind == AttributionCheckKind::Clocks)
        .unwrap();
    (check.severity, check.number, &check.message)
}

#[test]
fn clocks_that_differ_are_told_from_touches_that_orders_trigger_and_from_chance() {
    // A third of the customers each: a touch of one of the channels two minutes late, or eight minutes before the order.
    let of = |who: usize, place: usize| who % 3 == place;
    let late = around_orders(|who, place| of(who, place).then_some([2, -8][who / 3 % 2]));
    let (severity, number, message) = clocks(&late);
    assert_eq!((severity, number), (Severity::Warning, 300));
    assert!(
        message.ends_with(
            "in `email`, `push`, `web`: the clocks of touches and conversions may differ"
        )
    );

    // E-mails only, as confirmations are; the other channels come whenever.
    let minutes = |who: usize, place: usize| match place {
        0 => Some(1),
        _ => Some(-60).filter(|_| of(who, place) && who.is_multiple_of(2)),
    };
    let (severity, number, message) = {
        let triggered = around_orders(minutes);
        let (severity, number, message) = clocks(&triggered);
        (severity, number, message.to_owned())
    };
    assert_eq!((severity, number), (Severity::Notice, 400));
    assert!(message.ends_with("in `email` alone: conversions seem to trigger these touches"));

    // Of one channel alone it could be either.
    let (mut touches, mut orders) = (String::new(), String::new());
    for who in 0..100 {
        orders.push_str(&format!("{who},2024-01-02 12:00:00,10\n"));
        touches.push_str(&format!(
            "{who},2024-01-02 12:02:00,email\n{who},2024-01-02 12:02:00,web\n"
        ));
    }
    let one = usual(&touches, &orders, "exclude: [web]\n");
    let (severity, number, message) = clocks(&one);
    assert_eq!((severity, number), (Severity::Warning, 100));
    assert!(message.contains(
        "in `email`, the only channel: the clocks of touches and conversions may differ"
    ));

    // At any minute of the quarter of an hour after.
    let chance = around_orders(|who, place| of(who, place).then_some((who / 3 % 15) as i64));
    let (severity, _, message) = clocks(&chance);
    assert_eq!(severity, Severity::Fine);
    assert!(message.ends_with("as many as by chance"), "{message}");
}

#[test]
fn undeclared_channels_are_named() {
    let documents = format!("{SOURCES}{{ kind: channel, name: email }}\n---\n{ATTRIBUTION}");
    let files = [
        (
            "touches.csv",
            "who,at,channel\n1,2024-01-01 00:00:00,email\n1,2024-01-01 00:00:00,emial\n",
        ),
        ("orders.csv", "who,at,amount\n1,2024-01-03 00:00:00,100\n"),
    ];
    let finding = measured(&files, &documents).unwrap();
    let check = (finding.checks.iter())
        .find(|check| check.kind == AttributionCheckKind::Channels)
        .unwrap();
    assert_eq!((check.number, check.severity), (1, Severity::Warning));
    assert!(
        check.message.contains("is `email` meant?"),
        "{}",
        check.message
    );
}

#[test]
fn a_path_of_ten_thousand_touches_is_one_journey() {
    let mut touches = String::new();
    for second in 0..10_000 {
        let (hour, minute) = (second / 3600, second / 60 % 60);
        let channel = ["email", "web", "push"][second % 3];
        let second = second % 60;
        touches.push_str(&format!(
            "7,2024-01-01 {hour:02}:{minute:02}:{second:02},{channel}\n"
        ));
    }
    touches.push_str(TOUCHES);
    let orders = format!("{ORDERS}7,2024-01-02 00:00:00,300\n");
    let finding = usual(&touches, &orders, "");
    assert_eq!(finding.journeys.longest, 10_000);
    let longest = finding
        .paths
        .iter()
        .find(|path| path.touches == 10_000)
        .unwrap();
    assert_eq!((longest.conversions, longest.path.len()), (1.0, 50));
    // 3,334 of the touches are e-mails, and 70 are as worked out above.
    assert_eq!(value(&finding, CreditModel::Linear, "email"), 170.02);
    assert_eq!(value(&finding, CreditModel::Shapley, "push"), 100.0);
}

#[test]
fn nothing_is_credited_without_conversions_or_touches() {
    let nobody = usual(TOUCHES, "", "");
    assert!(nobody.refusal.unwrap().message.contains("no conversions"));
    assert!(nobody.models.is_empty());
    let none = usual("", ORDERS, "");
    assert!(none.refusal.unwrap().message.contains("no touches"));
    let late = usual(
        "1,2024-02-01 00:00:00,email\n",
        "1,2024-01-01 00:00:00,5\n",
        "",
    );
    assert!(
        late.refusal
            .unwrap()
            .message
            .contains("no conversion has a touch")
    );
}

#[test]
fn ready_mappings_read_the_columns_of_known_tools() {
    let files = [
        (
            "touches.csv",
            "user_pseudo_id,event_timestamp,event_name,promotion_id,creative_slot\n\
             u1,1704067200000000,view_promotion,spring,top\n\
             u1,1704070800000000,select_promotion,spring,top\n\
             u1,1704074400000000,page_view,,\n",
        ),
        ("orders.csv", "who,at,amount\nu1,2024-01-01 12:00:00,10\n"),
    ];
    let touch = "{ kind: touch, name: touches, source: touches, customer: who, time: at, channel: channel }";
    let documents = SOURCES
        .replace(
            touch,
            "{ kind: touch, name: touches, source: touches, mapping: ga4-promotion }",
        )
        .replace(", types: { at: TIMESTAMP } }", " }");
    let by_slot = format!("{documents}{ATTRIBUTION}by: [channel, content, slot]\n");
    let finding = measured(&files, &by_slot).unwrap();
    let key = &finding.keys[0];
    assert_eq!(key.key, "web / spring / top");
    assert_eq!((key.touches, key.clicks), (2, 1));
    assert_eq!(number(&finding, AttributionCheckKind::Touches), Some(1));
}

/// 200 customers in each arm; those with e-mails buy more often.
fn experiment() -> (String, String, String) {
    let mut assigned = String::from("who,arm,at\n");
    let mut touches = String::from("who,at,channel\n");
    let mut orders = String::from("who,at,amount\n9999,2024-01-20 00:00:00,10\n");
    for customer in 0..400 {
        let treated = customer < 200;
        let arm = if treated { "with" } else { "without" };
        assigned.push_str(&format!("{customer},{arm},2024-01-01 00:00:00\n"));
        if treated {
            touches.push_str(&format!("{customer},2024-01-02 00:00:00,email\n"));
        }
        if customer % 200 < if treated { 60 } else { 40 } {
            orders.push_str(&format!("{customer},2024-01-03 00:00:00,10\n"));
        }
    }
    // Not in the experiment: credit, but no evidence.
    touches.push_str("5000,2024-01-02 00:00:00,email\n5001,2024-01-02 00:00:00,social\n");
    orders.push_str("5000,2024-01-03 00:00:00,300\n5001,2024-01-04 00:00:00,90\n");
    (assigned, touches, orders)
}

const EXPERIMENT: &str = "
{ kind: source, name: assigned, path: assigned.csv, types: { at: TIMESTAMP } }
---
{ kind: channel, name: email }
---
{ kind: channel, name: social }
---
{ kind: initiative, name: letters, level: 3, channels: [email] }
---
{ kind: metric, name: revenue, fact: orders, aggregate: sum, value: amount, unit: money, window: { to: 7 days } }
---
kind: experiment
name: email-on
assignment: { source: assigned, customer: who, arm: arm, time: at }
arms: [{ name: with, role: personalized, initiative: letters }, { name: without, role: holdout }]
metrics: { primary: revenue }
---
";

#[test]
fn credit_is_held_against_an_experiment() {
    let (assigned, touches, orders) = experiment();
    let files = [
        ("assigned.csv", assigned.as_str()),
        ("touches.csv", touches.as_str()),
        ("orders.csv", orders.as_str()),
    ];
    let documents = format!("{SOURCES}{EXPERIMENT}{ATTRIBUTION}experiments: [email-on]\n");
    let finding = measured(&files, &documents).unwrap();
    assert_eq!(value(&finding, CreditModel::Last, "email"), 900.0);
    let [calibration] = finding.calibrations.as_slice() else {
        panic!("{:?}", finding.calibrations)
    };
    let tested = &calibration.experiments[0];
    assert_eq!((tested.channel.as_str(), tested.customers), ("email", 200));
    // 20 more orders of 10.
    assert!((tested.increment.unwrap().estimate - 200.0).abs() < 1e-9);
    let last = (calibration.models.iter())
        .find(|model| model.model == CreditModel::Last)
        .unwrap();
    let factor = &last.factors[0];
    assert_eq!(factor.credited.estimate, 600.0);
    let ratio = factor.factor.unwrap();
    assert!((ratio.estimate - 1.0 / 3.0).abs() < 1e-9);
    assert!(ratio.low.unwrap() < 1.0 / 3.0 && ratio.high.unwrap() < 1.0);
    assert_eq!(factor.refuted, Some(true));
    assert!((factor.caused.unwrap().estimate - 300.0).abs() < 1e-9);
    // 60 and 40 orders of 10, and 10, 300 and 90 elsewhere, less the 300 that e-mail caused.
    assert!((last.baseline.unwrap().estimate - 1100.0).abs() < 1e-9);
    assert_eq!(
        (last.untested_credit, calibration.untested.len()),
        (90.0, 1)
    );
    let social = finding.keys.iter().find(|key| key.key == "social").unwrap();
    assert_eq!(social.tested, Some(false));
}

#[test]
fn repeated_rows_count_alike_in_credit_and_in_what_experiments_measure() {
    let (assigned, touches, orders) = experiment();
    let twice: String = (orders.lines().enumerate())
        .map(|(id, row)| match id {
            0 => format!("{row},id\n"),
            _ => format!("{row},{id}\n{row},{id}\n"),
        })
        .collect();
    let files = [
        ("assigned.csv", assigned.as_str()),
        ("touches.csv", touches.as_str()),
        ("orders.csv", twice.as_str()),
    ];
    let by_order = ATTRIBUTION.replace("unit: money", "unit: money, order: id");
    for attribution in [ATTRIBUTION, &by_order] {
        let documents = format!("{SOURCES}{EXPERIMENT}{attribution}experiments: [email-on]\n");
        let finding = measured(&files, &documents).unwrap();
        let tested = &finding.calibrations[0].experiments[0];
        assert!((tested.increment.unwrap().estimate - 400.0).abs() < 1e-9);
        // By row, the second of the two comes after the conversion that took all touches.
        let credited = if attribution == ATTRIBUTION {
            600.0
        } else {
            1200.0
        };
        let factor = &finding.calibrations[0].models[0].factors[0];
        assert_eq!(factor.credited.estimate, credited);
        let caused = factor.factor.unwrap().estimate;
        assert!((caused - 400.0 / credited).abs() < 1e-9);
        let check = (finding.checks.iter())
            .find(|check| check.kind == AttributionCheckKind::Duplicates)
            .unwrap();
        assert_eq!((check.severity, check.number), (Severity::Warning, 103));
    }
}

#[test]
fn a_baseline_knows_that_two_arms_have_one_control() {
    let mut assigned = String::from("who,arm,at\n");
    let mut touches = String::from("who,at,channel\n");
    let mut orders = String::from("who,at,amount\n9999,2024-01-20 00:00:00,10\n");
    for customer in 0..600 {
        let (arm, buyers) = [("none", 40), ("email", 60), ("social", 70)][customer / 200];
        assigned.push_str(&format!("{customer},{arm},2024-01-01 00:00:00\n"));
        if arm != "none" {
            touches.push_str(&format!("{customer},2024-01-02 00:00:00,{arm}\n"));
        }
        if customer % 200 < buyers {
            orders.push_str(&format!("{customer},2024-01-03 00:00:00,10\n"));
        }
    }
    // Others who met e-mail: it is credited with 900 in all, and with 600 in the arm.
    for customer in 600..630 {
        touches.push_str(&format!("{customer},2024-01-02 00:00:00,email\n"));
        orders.push_str(&format!("{customer},2024-01-03 00:00:00,10\n"));
    }
    let files = [
        ("assigned.csv", assigned.as_str()),
        ("touches.csv", touches.as_str()),
        ("orders.csv", orders.as_str()),
    ];
    let arms = "arms: [{ name: email, role: personalized, initiative: letters }, \
                { name: social, role: personalized, initiative: posts }, { name: none, role: holdout }]";
    let two_arms = EXPERIMENT.replace(
        "arms: [{ name: with, role: personalized, initiative: letters }, { name: without, role: holdout }]",
        arms,
    );
    let posts = "{ kind: initiative, name: posts, level: 3, channels: [social] }\n---\n";
    let documents = format!(
        "{SOURCES}{two_arms}{posts}{ATTRIBUTION}experiments: {{ email: email-on, social: email-on }}\n"
    );
    let finding = measured(&files, &documents).unwrap();
    let last = (finding.calibrations[0].models.iter())
        .find(|model| model.model == CreditModel::Last)
        .unwrap();
    let caused = |place: usize| last.factors[place].caused.unwrap();
    assert!((caused(0).estimate - 300.0).abs() < 1e-9);
    assert!((caused(1).estimate - 300.0).abs() < 1e-9);
    let baseline = last.baseline.unwrap();
    // 2,010 in all, less both.
    assert!((baseline.estimate - 1410.0).abs() < 1e-9);
    // Each arm has 200 customers, of whom 40 of 200 in the control spend 10; e-mail counts half as much again.
    let of_control = 100.0 * 0.2 * 0.8 / 199.0;
    let covariance = 1.5 * 200.0 * 200.0 * of_control;
    let variance = caused(0).se.unwrap().powi(2) + caused(1).se.unwrap().powi(2);
    let expected = (variance + 2.0 * covariance).sqrt();
    assert!(
        (baseline.se.unwrap() / expected - 1.0).abs() < 1e-9,
        "{baseline:?} {expected}"
    );
}

/// The codes of the mistakes in these documents.
fn mistakes(documents: &str) -> Vec<&'static str> {
    match catalog(Path::new("."), documents, 1) {
        Err(LoadError::Invalid(found)) => found.errors().map(|error| error.code).collect(),
        Err(other) => panic!("{other}"),
        Ok(_) => Vec::new(),
    }
}

#[test]
fn the_catalog_says_what_does_not_fit() {
    let with = |keys: &str| mistakes(&format!("{SOURCES}{EXPERIMENT}{ATTRIBUTION}{keys}"));
    assert_eq!(with("experiments: { email: email-on }\n"), [""; 0]);
    assert_eq!(with("experiments: [email-of]\n"), ["unknown-name"]);
    assert_eq!(with("experiments: { emial: email-on }\n"), ["unknown-name"]);
    assert_eq!(
        with("by: content\nexperiments: [email-on]\n"),
        ["misplaced-key"]
    );
    assert_eq!(with("by: []\n"), ["too-few"]);
    assert_eq!(with("by: [channel, channel]\n"), ["duplicate-value"]);
    assert_eq!(with("by: canal\n"), ["unknown-value"]);
    assert_eq!(with("exclude: [emial]\n"), ["unknown-name"]);
    assert_eq!(with("direct: email\nexclude: [email]\n"), ["attribution"]);
    assert_eq!(with("lookback: 0 days\n"), ["out-of-range"]);
    assert_eq!(
        with("windows: { email: { view: 0 days } }\n"),
        ["out-of-range"]
    );

    let lifetime = |keys: &str, of: &str| {
        let lifetime = format!("{{ kind: lifetime, name: buyers, fact: orders, {keys} }}");
        mistakes(&format!("{SOURCES}{lifetime}\n---\n{ATTRIBUTION}{of}"))
    };
    let buyers = "lifetime: { of: buyers }\n";
    assert_eq!(lifetime("spend: amount", buyers), [""; 0]);
    assert_eq!(
        lifetime("spend: amount", "lifetime: { of: buyer }\n"),
        ["unknown-name"]
    );
    assert_eq!(lifetime("horizon: 1 year", buyers), ["attribution"]);
    assert_eq!(
        lifetime("spend: amount, opportunities: 1 month", buyers),
        ["attribution"]
    );
    let kept = "after_conversion: first_only\nlifetime: { of: buyers, credit: retention }\n";
    assert_eq!(lifetime("spend: amount", kept), ["attribution"]);

    let touch = |keys: &str| mistakes(&format!("{SOURCES}{{ kind: touch, name: more, {keys} }}"));
    assert_eq!(touch("source: touches, mapping: email"), [""; 0]);
    assert_eq!(touch("source: touches"), ["missing-key"; 3]);
    assert_eq!(touch("mapping: email"), ["missing-key"]);
    let range =
        touch("source: touches, mapping: email, level: { value: 7 }, propensity: { value: 0 }");
    assert_eq!(range, ["out-of-range"; 2]);
    let range =
        touch("source: touches, mapping: email, engagement: { value: open }, cost: { value: -1 }");
    assert_eq!(range, ["out-of-range"; 2]);

    let content = |keys: &str| {
        mistakes(&format!(
            "{{ kind: content, name: a, based_on: [b] }}\n---\n{{ kind: content, name: b, based_on: [c] }}\n---\n\
             {{ kind: content, name: c, {keys} }}"
        ))
    };
    assert_eq!(
        content("components: { headline: question }, cost: { creation: 12.5 }"),
        [""; 0]
    );
    assert_eq!(content("based_on: [a]"), ["cycle"]);
    assert_eq!(content("based_on: [c]"), ["cycle"]);
    assert_eq!(
        content("valid: { from: 2024-02-01, until: 2024-01-01 }"),
        ["content"]
    );
}
