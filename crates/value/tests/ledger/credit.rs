//! Content that counts by its credit, and credit beside the total.

use catalog::Dimension;
use measure::content::{AttributionFinding, UnansweredFactorial};
use measure::{Reason, Refusal};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use value::{Beside, BesideWhat, Findings, Grade, LedgerFinding, Total, ledger};

use crate::fixture::{CATALOG, catalog, finding, money, provenance};

/// Three pieces: two ask for their credit, the third is shown by an initiative that an experiment measures.
const PIECES: &str = "---
{ kind: touch, name: touches, source: s, customer: id, time: at, channel: c, content: piece }
---
{ kind: attribution, name: shares, by: content, conversion: { fact: f, value: x, unit: money }, touches: [touches] }
---
{ kind: content, name: banner, credit: shares, cost: { creation: 100, upkeep: 10 } }
---
{ kind: content, name: poster, credit: shares }
---
{ kind: content, name: letter, cost: { creation: 50 } }
";

/// Credited value of pieces, with its standard error, over 45 days; each has touches that cost 5.
fn shares(credits: &[(&str, f64, Option<f64>)]) -> AttributionFinding {
    let amount = |(estimate, se): (f64, Option<f64>)| json!({ "estimate": estimate, "se": se, "low": null, "high": null });
    let nothing = || amount((0.0, None));
    let credited: Vec<Value> = (credits.iter())
        .map(|(key, value, se)| {
            json!({ "key": key, "conversions": nothing(), "value": amount((*value, *se)), "share": nothing(), "rank": 1 })
        })
        .collect();
    let keys: Vec<Value> = (credits.iter())
        .map(|(key, value, _)| {
            json!({
                "key": key, "touches": 1, "clicks": 0, "in_journeys": 1, "cost": 5.0,
                "conversions": { "least": 0.0, "greatest": 0.0 },
                "value": { "least": 0.5 * value, "greatest": 2.0 * value }, "ranks": { "best": 1, "worst": 2 }
            })
        })
        .collect();
    let value = json!({
        "format": AttributionFinding::FORMAT, "attribution": "shares", "by": ["content"], "fact": "f",
        "touches": ["touches"], "alpha": 0.05, "currency": "USD",
        "unit": "money", "ranked_by": "value", "after_conversion": "cut",
        "journeys": {
            "customers": 1, "touches": 1, "conversions": 1, "converting": 1, "untouched": 0, "without_conversion": 0,
            "distinct_paths": 1, "longest": 1, "first_conversion": 0, "last_conversion": 45 * 86_400_000_000_i64
        },
        "totals": { "conversions": 1.0, "credited_conversions": 1.0, "untouched_conversions": 0.0 },
        "models": [{ "model": "shapley", "definition": "", "replicates": 100, "credits": credited }],
        "keys": keys, "paths": [], "flow": { "steps": [], "other_steps": 0 }, "checks": [],
        "provenance": { "sources": [], "definitions": "", "touchstone": "", "engine": "" }
    });
    serde_json::from_value(value).unwrap()
}

/// Lifts of 200 and 500 of margin, the second of `two`, which shows the letter.
fn with(attributions: &[AttributionFinding], lift: f64) -> LedgerFinding {
    let documents = CATALOG.replace(
        "name: two, level: 5 }",
        "name: two, level: 5, content: [letter] }",
    );
    let catalog = catalog(&format!("{documents}{PIECES}"));
    let lifts = [finding(&[("a", lift, 0.1, 1000), ("b", 0.5, 0.1, 2000)])];
    let findings = Findings {
        lifts: &lifts,
        attributions,
        ..Findings::default()
    };
    ledger(&catalog, &findings, provenance())
}

#[test]
fn credit_counts_less_what_experiments_measured_in_the_same_data() {
    let credits = [
        ("banner", 4000.0, Some(300.0)),
        ("letter", 900.0, Some(80.0)),
        ("poster", 600.0, Some(100.0)),
    ];
    let found = with(&[shares(&credits)], 0.4);
    let credit = found.credit.as_ref().unwrap();
    assert_eq!(credit.contents[0].credit.unwrap().amount, money("2000.00"));
    assert_eq!(credit.contents[0].least, Some(money("1000.00")));
    // 2,000 and 300 are credited, 200 and 500 measured.
    assert_eq!(credit.credited, money("2300.00"));
    assert_eq!(credit.measured_already, money("700.00"));
    assert_eq!(credit.counted.amount, money("1600.00"));
    // Credits' errors of 150 and 50, and those of the lifts: 50 and 100.
    assert!((credit.counted.se - 350.0).abs() < 1e-9);
    // 100 to make the banner, two begun months of 10, and 5 for the touches of each.
    assert_eq!(credit.cost, money("130.00"));
    assert_eq!(credit.net, money("1470.00"));
    // The total is that of the experiments alone, and names what is credited beside it.
    let total = found.total.clone().unwrap();
    assert_eq!((total.increment, total.grade), (money("700.00"), Grade::A));
    assert_eq!(total.credited, Some(money("1600.00")));
    let costs: Decimal = found.initiatives.iter().map(|row| row.cost.0).sum();
    assert_eq!(total.cost.0, costs);
    let measured = with(&[], 0.4).total.unwrap();
    assert_eq!(
        Total {
            credited: None,
            ..total
        },
        measured
    );
    assert!(
        found
            .caveats
            .iter()
            .any(|caveat| caveat.contains("no increment and not in the total"))
    );
    // The letter's credit stands beside, because an experiment measures what shows it.
    let beside: Vec<&Beside> = found.beside.iter().collect();
    let [letter] = beside.as_slice() else {
        panic!("{beside:?}");
    };
    assert_eq!((letter.what, letter.grade), (BesideWhat::Credit, Grade::D));
    assert_eq!(
        (letter.amount, letter.cost),
        (Some(money("450.00")), Some(money("55.00")))
    );
    assert!(letter.because.contains("`two`"), "{}", letter.because);
}

#[test]
fn credit_alone_is_no_return() {
    let catalog = catalog(&format!("{CATALOG}{PIECES}"));
    let attributions = [shares(&[("banner", 4000.0, Some(300.0))])];
    let findings = Findings {
        attributions: &attributions,
        ..Findings::default()
    };
    let found = ledger(&catalog, &findings, provenance());
    assert_eq!(found.total, None);
    let credit = found.credit.unwrap();
    assert_eq!(credit.counted.amount, money("2000.00"));
    assert_eq!(credit.measured_already, money("0"));
}

#[test]
fn credit_that_experiments_may_have_measured_already_counts_nothing() {
    let found = with(
        &[shares(&[
            ("banner", 1000.0, Some(300.0)),
            ("poster", 10.0, Some(1.0)),
        ])],
        0.4,
    );
    let credit = found.credit.unwrap();
    assert_eq!(
        (credit.credited, credit.counted.amount),
        (money("505.00"), money("0"))
    );
    assert_eq!(found.total.unwrap().increment, money("700.00"));
}

#[test]
fn credit_without_an_interval_or_a_touch_is_refused_with_its_cost() {
    let found = with(&[shares(&[("banner", 1000.0, None)])], 0.4);
    let credit = found.credit.as_ref().unwrap();
    let reasons: Vec<&str> = (credit.contents.iter())
        .map(|content| content.refusal.as_ref().unwrap().message.as_str())
        .collect();
    assert!(
        reasons[0].contains("interval") && reasons[1].contains("no touch"),
        "{reasons:?}"
    );
    assert_eq!(credit.cost, money("0"));
    assert_eq!(found.total.unwrap().increment, money("700.00"));
    let unmeasured = with(&[], 0.4).credit.unwrap();
    assert!(unmeasured.refusal.unwrap().message.contains("`shares`"));
}

#[test]
fn credit_of_a_channel_names_the_factorial_or_the_experiment_that_tested_it() {
    let catalog = catalog(&format!("{CATALOG}{PIECES}"));
    let channels = ["email", "push", "search", "store", "web"];
    let credits = channels.map(|channel| (channel, 100.0, Some(9.0)));
    let mut finding = AttributionFinding {
        by: vec![Dimension::Channel],
        ..shares(&credits)
    };
    // A factorial that says what e-mail causes, and one of a test that cannot be trusted.
    finding.keys[0].factorial = Some("switches".to_owned());
    finding.keys[1].unanswered = Some(UnansweredFactorial {
        factorial: "together".to_owned(),
        refusal: Refusal::new(Reason::SampleRatioMismatch, "the arms do not fit"),
    });
    // An experiment that credit is held against, and that has no answer, and one that counts conversions.
    finding.calibrations = serde_json::from_value(json!([{
        "measures": "value",
        "experiments": [{
            "channel": "store", "experiment": "leaflets", "arm": "with", "metric": "spend", "customers": 0, "grade": "A"
        }],
        "models": [],
        "untested": channels
    }, {
        "measures": "conversions",
        "experiments": [{
            "channel": "web", "experiment": "banners", "arm": "with", "metric": "orders", "customers": 90, "grade": "A",
            "increment": { "estimate": 7.0, "se": 1.0, "low": 5.0, "high": 9.0 }
        }],
        "models": [],
        "untested": ["email", "push", "search", "store"]
    }]))
    .unwrap();
    let findings = Findings {
        attributions: &[finding],
        ..Findings::default()
    };
    let found = ledger(&catalog, &findings, provenance());
    let because = |channel: &str| {
        let line = found.beside.iter().find(|beside| beside.name == channel);
        line.unwrap().because.clone()
    };
    assert!(
        because("email").ends_with("what the channel causes, `switches` says"),
        "{}",
        because("email")
    );
    assert!(
        because("push").ends_with("`together` does not say how much of it the channel causes"),
        "{}",
        because("push")
    );
    assert!(
        because("store").contains("`leaflets` does not say"),
        "{}",
        because("store")
    );
    assert!(because("search").ends_with("no experiment has tested it"));
    assert!(
        because("web").ends_with("how many conversions the channel causes, `banners` says"),
        "{}",
        because("web")
    );
}

proptest! {
    /// Credit and increments together are never more than the larger of the two sides could account for: everything that
    /// experiments gained is off the credit, and nothing that is credited is in the total.
    #[test]
    fn credit_and_increments_do_not_overlap(banner in -500.0..9000.0, poster in 0.0..500.0, lift in -3.0..3.0) {
        let credits = [("banner", banner, Some(30.0)), ("poster", poster, Some(3.0))];
        let found = with(&[shares(&credits)], lift);
        let credit = found.credit.as_ref().unwrap();
        let rows = || found.initiatives.iter().map(|row| row.increment.unwrap().0);
        let gains: Decimal = rows().filter(|amount| *amount > Decimal::ZERO).sum();
        prop_assert_eq!(credit.measured_already.0, gains);
        let left = (credit.credited.0 - gains).max(Decimal::ZERO);
        prop_assert_eq!(credit.counted.amount.0, left);
        let total = found.total.clone().unwrap();
        prop_assert_eq!(total.increment.0, rows().sum::<Decimal>());
        prop_assert_eq!(total.credited.unwrap().0, left);
        prop_assert_eq!(total.increment.0 - total.cost.0, total.net.0);
        let nets: Decimal = found.initiatives.iter().map(|row| row.net.unwrap().0).sum();
        prop_assert_eq!(nets, total.net.0);
        prop_assert_eq!(credit.counted.amount.0 - credit.cost.0, credit.net.0);
        // No more than what touches of any kind may have brought, where experiments gained less than was credited.
        let most = credit.credited.0.max(gains);
        prop_assert!(rows().filter(|amount| *amount > Decimal::ZERO).sum::<Decimal>() + left <= most.max(Decimal::ZERO));
    }
}
