//! A factorial in a terminal and on the page: the same numbers, and refusals where numbers would be.

use measure::content::{AddsUp, FactorialFinding};
use measure::{Reason, Refusal};
use report::html::{Report, render};
use report::terminal::{Screen, factorial};
use serde_json::{Value, json};

fn answer(estimate: f64, low: f64, high: f64, verdict: &str) -> Value {
    json!({
        "absolute": { "estimate": estimate, "se": (high - low) / 3.92, "low": low, "high": high, "df": null },
        "relative": { "estimate": estimate / 20.0, "low": low / 20.0, "high": high / 20.0 },
        "p_value": 0.0004, "ln_p": -7.824, "against_se": 0.1, "method": "Welch's t test",
        "refusal": null, "verdict": verdict,
    })
}

fn refused(message: &str) -> Value {
    json!({
        "absolute": null, "relative": null, "p_value": null, "ln_p": null, "against_se": null, "method": null,
        "refusal": { "reason": "undeclared", "message": message }, "verdict": null,
    })
}

fn finding() -> FactorialFinding {
    let credit = |estimate: f64| json!({ "estimate": estimate, "se": 10.0, "low": estimate - 20.0, "high": estimate + 20.0 });
    let channels = json!({
        "any_against_none": answer(0.75, 0.25, 1.25, "better"),
        "all_against_none": answer(1.0, 0.4, 1.6, "better"),
        "many_against_one": answer(0.1, -0.4, 0.6, "unclear"),
        "synergy": refused("it is assumed to be zero"),
        "ladder": [
            { "channels": 1, "effect": answer(0.5, 0.1, 0.9, "better") },
            { "channels": 2, "effect": answer(0.5, -0.1, 1.1, "unclear") },
        ],
        "shares": [
            {
                "channel": "email", "alone": answer(1.4, 0.8, 2.0, "better"), "value": answer(1.5, 1.0, 2.0, "better"),
                "share": { "estimate": 1.5, "low": 0.9, "high": 3.1 }, "above_next": 0.99,
            },
            {
                "channel": "push", "alone": refused("not run"), "value": answer(-0.5, -0.9, -0.1, "worse"),
                "share": { "estimate": -0.5, "low": -1.2, "high": -0.05 }, "above_next": null,
            },
        ],
        "order": [],
        "evidence": {
            "attribution": "credit", "arm": "both", "customers": 1000, "refusal": null,
            "rows": [{
                "factor": "push", "channel": "app-push", "caused": credit(-500.0),
                "credited": [{
                    "model": "last", "credit": credit(4000.0), "share": 0.6,
                    "factor": { "estimate": -0.125, "se": null, "low": -0.2, "high": -0.05 }, "refuted": true,
                }],
            }],
        },
    });
    let by_segment = json!([{
        "factor": "email", "segment": "region", "levels": [], "left_out": 1, "left_out_customers": 7,
        "best": "with", "choices": [
            { "value": "north", "level": "without" }, { "value": "south", "level": "with" },
        ],
        "worth": { "estimate": 0.2, "se": 0.05, "low": 0.1, "high": 0.3, "df": null },
        "naive": 0.4, "refusal": null,
    }]);
    let designs = json!([{
        "runs": 4, "of": 4, "present": false, "resolution": null, "aliases": [],
        "combinations": [["without", "without"]],
        "detectable": {
            "customers": 4000, "power": 0.8, "main": 0.56, "interaction": 1.12, "alone": 0.79,
            "customers_for_main": 5000, "customers_for_interaction": 20000,
        },
    }]);
    let effects = json!([
        { "factor": "email", "level": "with", "against": "without", "effect": answer(1.5, 1.0, 2.0, "better") },
        { "factor": "push", "level": "with", "against": "without", "effect": answer(-0.5, -0.9, -0.1, "worse") },
    ]);
    serde_json::from_value(json!({
        "format": FactorialFinding::FORMAT,
        "factorial": "spring", "description": null, "experiment": "channels", "of": "channels",
        "metric": "revenue", "unit": "money", "better": "increase", "currency": "EUR", "alpha": 0.05,
        "customers": 4000,
        "factors": [
            { "factor": "email", "levels": ["without", "with"] },
            { "factor": "push", "levels": ["without", "with"] },
        ],
        "cells": [
            { "arm": "none", "levels": ["without", "without"], "customers": 1000, "mean": 20.0, "se": 0.2 },
        ],
        "design": { "run": 3, "of": 4, "assumed": 1, "regular": false },
        "effects": effects,
        "interactions": [{
            "factors": ["email", "push"],
            "effect": refused("effects of more factors than 1 are assumed to be zero"),
            "p_adjusted": null, "interact": null,
        }],
        "channels": channels,
        "by_segment": by_segment,
        "designs": designs,
        "refusal": null,
        "provenance": { "sources": [], "definitions": "0", "touchstone": "0", "engine": "0" },
    }))
    .unwrap()
}

const SAID: [&str; 5] = [
    "any channel against none",
    "all together against the sum of each alone",
    "it is assumed to be zero",
    "app-push",
    "choosing without for north, and with for all others",
];

#[test]
fn the_terminal_has_every_part() {
    let screen = Screen {
        width: 200,
        color: false,
    };
    let text = factorial(&finding(), screen);
    for said in SAID {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    for said in [
        "All channels against none: +1.00 of revenue a customer (+0.40 to +1.60).",
        "email 150 % (90 % to 310 %), push -50 % (-120 % to -5 %)",
        "email, with and without",
        "app-push, by experiment (A)",
        "Last touch (D)",
        "-0.12   -0.20 to -0.05",
        "effects of more factors than 1 are assumed to be zero",
        "99.0 %",
        "needs 5,000 customers as that of one factor,\n20,000 as an interaction",
        "1 value left out",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
}

#[test]
fn the_page_has_the_same_numbers() {
    let findings = [finding()];
    let page = render(&Report {
        project: "Test",
        currency: "EUR",
        factorials: &findings,
        ..Report::default()
    })
    .unwrap();
    let lower = page.to_lowercase();
    for said in SAID {
        assert!(lower.contains(said), "{said} is not on the page");
    }
    for said in [
        "Alone and together: spring",
        "id=\"factorial-1\"",
        "+0.40",
        "Caused and credited",
        "Shapley value",
        "as that of one factor, 20,000 as an interaction",
    ] {
        assert!(page.contains(said), "{said} is not on the page");
    }
}

/// Effects that do not add up are neither better nor worse.
#[test]
fn the_sum_of_each_alone_has_words_of_its_own() {
    let mut finding = finding();
    let channels = finding.channels.as_mut().unwrap();
    let mut synergy: measure::content::Answer =
        serde_json::from_value(answer(-0.5, -0.8, -0.2, "worse")).unwrap();
    synergy.verdict = None;
    channels.synergy = Some(synergy);
    channels.adds_up = Some(AddsUp::LessThanTheSum);
    let screen = Screen {
        width: 200,
        color: false,
    };
    let text = factorial(&finding, screen);
    let mut lines = text.lines();
    let line = lines.find(|line| line.contains("against the sum of each alone"));
    assert!(
        line.unwrap().trim_end().ends_with("less than the sum"),
        "{text}"
    );
    assert!(text.contains("Relative: to what an effect is against."));
}

#[test]
fn components_that_cannot_be_told_apart_are_not_said_not_to_matter() {
    let mut finding = FactorialFinding {
        of: catalog::FactorialOf::Components,
        channels: None,
        ..finding()
    };
    let wide = Screen {
        width: 1000,
        color: false,
    };
    for effect in &mut finding.effects {
        effect.effect = serde_json::from_value(answer(0.1, -0.4, 0.6, "unclear")).unwrap();
    }
    let unclear = "No component is shown to matter.";
    assert!(factorial(&finding, wide).contains(unclear));
    for effect in &mut finding.effects {
        effect.effect = serde_json::from_value(refused("its effect cannot be told")).unwrap();
    }
    finding.design.aliases = vec![measure::content::Aliases {
        effect: "email".to_owned(),
        aliases: vec!["push × home".to_owned()],
    }];
    let text = factorial(&finding, wide);
    assert!(!text.contains(unclear), "{text}");
    let told =
        "The effects of single components cannot be told apart by the combinations that were run.";
    assert!(text.contains(told), "{text}");
}

#[test]
fn a_refused_factorial_is_among_what_to_know_first() {
    let refusal = "`channels` has not enough customers";
    let findings = [FactorialFinding {
        refusal: Some(Refusal::new(Reason::TooLittleData, refusal)),
        ..finding()
    }];
    let page = render(&Report {
        factorials: &findings,
        ..Report::default()
    })
    .unwrap();
    assert!(page.contains("Factorial spring: no answer: “channels” has not enough customers."));
}
