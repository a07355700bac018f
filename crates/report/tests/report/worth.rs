//! The ledger's lines that are no lifts, on the terminal and on the page.

use catalog::{Dimension, LifetimeEffect};
use measure::audience::lifetime::Band;
use measure::content::CreditModel;
use measure::{Reason, Refusal};
use report::html::{Report, render};
use report::terminal::{Screen, ledger};
use value::{
    Beside, BesideWhat, CountedCredit, CreditedContent, Estimate, Grade, LedgerFinding, LifePart,
    LifetimeIncrement, LifetimePart, Money, MoneyEstimate,
};

use crate::fixture;

fn money(amount: f64) -> Money {
    Money::from_f64(amount).unwrap()
}

fn estimate(amount: f64) -> MoneyEstimate {
    MoneyEstimate {
        amount: money(amount),
        low: money(amount - 100.0),
        high: money(amount + 100.0),
        se: 51.0,
    }
}

/// A ledger in which the first initiative counts by lives, two pieces of content by credit, and more stands beside than
/// is shown.
fn with_worth() -> LedgerFinding {
    let mut finding = fixture::ledger();
    let part = |part, gain: f64, grade| LifetimePart {
        part,
        per_customer: Estimate {
            estimate: gain,
            low: gain - 0.25,
            high: gain + 0.25,
        },
        amount: money(1000.0 * gain),
        grade,
    };
    let increment = &mut finding.initiatives[0].increments[0];
    increment.rounds.clear();
    increment.lifetime = Some(LifetimeIncrement {
        lifetime: "shop".to_owned(),
        effect: LifetimeEffect::StaysOn,
        horizon_days: 1095.75,
        observed_days: 100.0,
        parts: vec![
            part(LifePart::Measured, 1.5, Grade::A),
            part(LifePart::ToTwelveMonths, 0.75, Grade::B),
            part(LifePart::Beyond, -0.125, Grade::D),
        ],
        models: Some(Band {
            low: 1.875,
            high: 2.5,
        }),
    });
    finding.credit = Some(CountedCredit {
        attribution: "orders".to_owned(),
        model: CreditModel::Shapley,
        contents: vec![
            CreditedContent {
                content: "banner".to_owned(),
                credit: Some(estimate(5000.0)),
                least: Some(money(2000.0)),
                greatest: Some(money(9000.0)),
                cost: money(130.0),
                refusal: None,
            },
            CreditedContent {
                content: "poster".to_owned(),
                credit: None,
                least: None,
                greatest: None,
                cost: money(40.0),
                refusal: Some(Refusal::new(Reason::TooLittleData, "nobody saw <it>")),
            },
        ],
        credited: money(5000.0),
        measured_already: money(1234.5),
        counted: estimate(3765.5),
        cost: money(130.0),
        net: money(3635.5),
        refusal: None,
    });
    if let Some(total) = &mut finding.total {
        total.by_grade.push((Grade::D, 0.02));
    }
    finding.beside = (0..20)
        .map(|number| Beside {
            what: BesideWhat::CalibratedCredit,
            of: Dimension::Channel,
            name: format!("channel-{number}"),
            source: "touches".to_owned(),
            amount: Some(money(f64::from(2000 - number))),
            low: None,
            high: None,
            cost: None,
            grade: Grade::B,
            because: "initiatives count their own".to_owned(),
            refusal: None,
        })
        .collect();
    finding
}

#[test]
fn the_terminal_shows_lives_credit_and_what_is_not_in_the_total() {
    let text = ledger(
        &with_worth(),
        Screen {
            width: 120,
            color: false,
        },
    );
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    for part in [
        "measured in the data",
        "1,500.00",
        "750.00",
        "-125.00",
        "+0.41 a life",
        "a life gains +1.88 to +2.50",
        "Content that cost 130 EUR is credited with 3,76",
        "Credited by observation 3,765.50",
        "2,000 to 9,000",
        "poster: no credit: nobody saw <it> (its cost of 40.00 is left out)",
        "1,234.50 may be what experiments measured",
        "channel-15",
        "4 more lines are in the JSON",
        "Grade D: a model or attribution",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("channel-16"), "{text}");
    // The ledger's table is of experiments alone.
    let (table, _) = text.split_once("P(> 0) is the").unwrap();
    assert!(!table.contains("3,765.50"), "{table}");
}

#[test]
fn credit_alone_is_announced_as_no_return() {
    let mut finding = with_worth();
    finding.total = None;
    finding.initiatives.clear();
    finding.refused = 0;
    let screen = Screen {
        width: 120,
        color: false,
    };
    let text = ledger(&finding, screen);
    let page = render(&Report {
        ledger: Some(&finding),
        ..Report::default()
    });
    for text in [text, page.unwrap()] {
        let text = text.replace('\u{a0}', " ");
        let words: Vec<&str> = text.split_whitespace().collect();
        let text = words.join(" ");
        assert!(text.contains("No initiative has a number yet."), "{text}");
        assert!(
            text.contains("by observation: this is no increment"),
            "{text}"
        );
        for claim in [
            "Personalization added",
            "because of personalization",
            "The probability that it",
            "Probability that it pays",
            "break-even lift",
            "declares no costs",
        ] {
            assert!(!text.contains(claim), "{claim}\n{text}");
        }
    }
}

#[test]
fn the_page_shows_the_same() {
    let ledger = with_worth();
    let page = render(&Report {
        project: "Fern & Fable",
        currency: "EUR",
        ledger: Some(&ledger),
        ..Report::default()
    })
    .unwrap();
    for part in [
        "id=\"worth\"",
        "href=\"#worth\"",
        "modelled to 12 months",
        "3,765.50",
        "nobody saw &#60;it&#62;",
        "channel-15",
        "initiatives count their own",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("channel-16"));
    let without = fixture::ledger();
    let plain = render(&Report {
        ledger: Some(&without),
        ..Report::default()
    });
    assert!(!plain.unwrap().contains("id=\"worth\""));
}
