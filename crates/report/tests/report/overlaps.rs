//! Experiments on the same customers, on the page and in the terminal.

use measure::audience::{
    AssignmentFinding, Estimate, MetricInteraction, Overlap, OverlapEffect, OverlapRefused,
    OverlapsFinding,
};
use measure::{Reason, Refusal};
use report::html::Report;
use report::terminal::{self, Screen};

use crate::fixture;
use crate::sections::{page, words};

fn pair(
    experiments: [&str; 2],
    customers: u64,
    assignment_p: f64,
    effect_p: f64,
    adjusted: f64,
) -> Overlap {
    let effect = |experiment: &str, p: f64| OverlapEffect {
        experiment: experiment.to_owned(),
        interaction: MetricInteraction {
            metric: "spend".to_owned(),
            unit: catalog::Unit::Money,
            means: vec![vec![Some(4.0), Some(4.2)], vec![Some(5.0), Some(6.4)]],
            effect: Some(Estimate {
                estimate: 1.2,
                se: 0.2,
                low: 0.8,
                high: 1.6,
                df: Some(4_000.0),
            }),
            p_value: Some(p),
            ln_p: Some(p.ln()),
            refusal: None,
        },
        adjusted_p: Some((adjusted * p).min(1.0)),
    };
    Overlap {
        experiments: experiments.map(str::to_owned),
        customers,
        assignment: AssignmentFinding {
            chi_square: Some(1.0),
            df: Some(1.0),
            p_value: Some(assignment_p),
            ln_p: Some(assignment_p.ln()),
            cramers_v: Some(0.01),
            refusal: None,
        },
        adjusted_p: Some((adjusted * assignment_p).min(1.0)),
        effects: vec![
            effect(experiments[0], effect_p),
            effect(experiments[1], 0.6),
        ],
    }
}

fn finding(pairs: Vec<Overlap>) -> OverlapsFinding {
    OverlapsFinding {
        format: OverlapsFinding::FORMAT.to_owned(),
        alpha: 0.05,
        experiments: 4,
        pairs,
        apart: 1,
        not_looked_at: 0,
        refused: vec![OverlapRefused {
            experiments: vec!["stores".to_owned()],
            refusal: Refusal::new(Reason::Undeclared, "its clusters were randomized"),
        }],
        provenance: fixture::provenance(),
    }
}

const SCREEN: Screen = Screen {
    width: 120,
    color: false,
};

#[test]
fn pairs_that_disturb_each_other_are_named_everywhere() {
    let found = finding(vec![
        pair(["email", "banner"], 9_000, 0.4, 0.3, 12.0),
        pair(["email", "home"], 4_000, 0.7, 1e-9, 12.0),
        pair(["banner", "home"], 2_000, 1e-12, 0.5, 12.0),
    ]);
    let says = "3 pairs of experiments share customers: in 1 pair assignments depend on each other, and 1 effect changes \
                with another experiment’s arms.";
    let size =
        "email: the effect on spend changes by +1.20 (95 % from +0.80 to +1.60) where home treats.";
    let page = page(Report {
        overlaps: Some(&found),
        ..Report::default()
    });
    let words = words(&page).replace('\u{a0}', " ");
    assert_eq!(
        words.matches(says).count(),
        2,
        "in its section and at the top"
    );
    assert!(words.contains(size), "{words}");
    assert!(words.contains("stores: not looked at: its clusters were randomized."));
    assert!(words.contains("1 pair shares no customer."));
    let text = terminal::overlaps(&found, SCREEN);
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(says) && text.contains(size), "{text}");
    // The smallest probability comes first.
    let place = |what: &str| text.find(what).unwrap();
    assert!(place("banner, home") < place("email, home"));
    assert!(place("email, home") < place("email, banner"));
}

#[test]
fn many_pairs_without_a_finding_are_folded() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let pairs = names.iter().enumerate().flat_map(|(place, own)| {
        let others = names[place + 1..].iter();
        others.map(|other| pair([*own, *other], 500, 0.2, 0.4, 30.0))
    });
    let found = finding(pairs.collect());
    let page = page(Report {
        overlaps: Some(&found),
        ..Report::default()
    });
    let words = words(&page).replace('\u{a0}', " ");
    assert!(words.contains("The other 5 pairs"), "{words}");
    assert!(!words.contains("Know before you use these numbers"));
    assert!(terminal::overlaps(&found, SCREEN).contains("5 more pairs are in the JSON."));
}
