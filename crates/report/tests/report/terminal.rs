//! Tables for terminals, as a reader sees them.

use std::path::PathBuf;

use catalog::{LifetimeEffect, Unit};
use lake::{Imported, ImportedFile, Snapshot};
use measure::audience::{
    AssignmentFinding, Estimate, GuardrailFinding, InteractionFinding, LifetimeFinding,
    MetricInteraction,
};
use measure::content::{PortfolioFinding, WearEvidence};
use report::terminal::{self, Screen};
use value::LedgerFinding;

use crate::evidence_of_credit::lost_without;
use crate::{fixture, others};

const SCREEN: Screen = Screen {
    width: 104,
    color: false,
};

#[test]
fn a_lift() {
    insta::assert_snapshot!(terminal::lift(&fixture::email(), SCREEN));
}

#[test]
fn a_refused_lift_shows_no_effect() {
    insta::assert_snapshot!(terminal::lift(&fixture::mismatched(), SCREEN));
}

#[test]
fn an_attribution() {
    insta::assert_snapshot!(terminal::attribution(&others::attribution(), SCREEN));
}

#[test]
fn credit_in_lifetime_value_stands_beside_that_in_revenue() {
    let text = terminal::attribution(&others::attribution_in_lifetime_value(), SCREEN);
    let (_, lifetime) = text.split_once("In lifetime value").unwrap();
    let (lifetime, _) = lifetime.split_once("Paths of most").unwrap();
    insta::assert_snapshot!(lifetime);
}

#[test]
fn a_refused_credit_in_lifetime_value_is_a_sentence() {
    let mut finding = others::attribution_in_lifetime_value();
    if let Some(lifetime) = &mut finding.lifetime {
        lifetime.refusal = Some(measure::Refusal::new(
            measure::Reason::TooLittleData,
            "no customer bought twice",
        ));
    }
    let text = terminal::attribution(&finding, SCREEN);
    assert!(text.contains("No credit in lifetime value: no customer bought twice."));
    assert!(!text.contains("predicted margin"));
}

#[test]
fn what_is_extrapolated_is_of_the_value_that_counts() {
    let mut finding = others::lifetime();
    let said = |finding: &LifetimeFinding| {
        let text = terminal::lifetime(finding, SCREEN);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let text = said(&finding);
    assert!(text.contains("78 % of the value if it stays on lies after the window"));
    assert!(!text.contains("24 % of"), "{text}");
    // Whose cost is not known is told by a check, and nowhere else.
    assert!(finding.acquisition[0].without_cost > 0 && !text.contains("not known"));
    if let Some(incremental) = &mut finding.incremental {
        incremental.effect = LifetimeEffect::Stops;
    }
    let text = said(&finding);
    assert!(text.contains("24 % of the value if it stops lies after the window"));
    assert!(!text.contains("78 % of"), "{text}");
    if let Some(stops) = finding
        .incremental
        .as_mut()
        .and_then(|i| i.arms[0].stops.as_mut())
    {
        stops.extrapolated = None;
    }
    assert!(!said(&finding).contains("lies after the window"));
}

#[test]
fn a_performance() {
    insta::assert_snapshot!(terminal::performance(&others::performance(), SCREEN));
}

#[test]
fn items_that_nothing_is_learned_from_have_their_own_intervals() {
    let wide = Screen {
        width: 1000,
        ..SCREEN
    };
    let mut finding = others::performance();
    let refusal = measure::Refusal::new(
        measure::Reason::TooLittleData,
        "the table has 4 cells; at least 5 are needed",
    );
    finding.refusal = Some(refusal.clone());
    for item in &mut finding.items {
        (item.shrunk, item.thin) = (None, false);
        item.alone = Some(measure::content::Valued {
            estimate: 0.21,
            low: 0.186,
            high: 0.236,
        });
    }
    if let Some(components) = &mut finding.components {
        components.refusal = Some(refusal);
        components.parts.clear();
        components.test = None;
    }
    let text = terminal::performance(&finding, wide);
    assert!(text.contains("18.6 % to 23.6 %"), "{text}");
    assert!(!text.contains("(*)"), "{text}");
    let told = "Components are not told apart: the table has 4 cells; at least 5 are needed.";
    assert!(text.contains(told), "{text}");
    assert!(!text.contains("moves the outcome by") && !text.contains("combinations at random"));
}

#[test]
fn items_that_are_alike_are_not_called_few() {
    let mut finding = others::performance();
    finding.items.iter_mut().for_each(|item| item.thin = true);
    let wide = Screen {
        width: 1000,
        ..SCREEN
    };
    let text = terminal::performance(&finding, wide);
    assert!(
        text.contains("No item is told from the others (*): 3 items, as likely good as bad."),
        "{text}"
    );
    let page = report::html::render(&report::html::Report {
        performances: &[finding],
        ..report::html::Report::default()
    });
    let page = page.unwrap().replace('\u{a0}', " ");
    assert!(page.contains("No item is told from the others: 3 items are as likely good as bad."));
}

#[test]
fn what_tells_of_wear_is_said() {
    let wide = Screen {
        width: 1000,
        ..SCREEN
    };
    let mut finding = others::performance();
    finding.fatigue.retire_by = Some(WearEvidence::Curve);
    let text = terminal::performance(&finding, wide);
    assert!(text.contains("told by the curve, which no chance stands behind.\n"));
    finding.fatigue.without_caps = Some("the arm `one` has 1 customer".to_owned());
    let text = terminal::performance(&finding, wide);
    assert!(text.contains("The caps do not tell: the arm `one` has 1 customer."));
    finding.fatigue.retire_by = None;
    finding.fatigue.retire.clear();
    finding.fatigue.refusal = Some(measure::Refusal::new(
        measure::Reason::TooLittleData,
        "too few responses",
    ));
    let text = terminal::performance(&finding, wide);
    assert!(text.contains("Wear cannot be said: too few responses."));
    assert!(text.contains("Nor do the caps tell whether to replace items: the arm `one` has"));
    finding.fatigue.without_caps = None;
    finding.caps = None;
    let text = terminal::performance(&finding, wide);
    assert!(!text.contains("replace items"), "{text}");
}

#[test]
fn a_ledger() {
    insta::assert_snapshot!(terminal::ledger(&fixture::ledger(), SCREEN));
}

#[test]
fn a_ledger_without_any_number() {
    let mut ledger = fixture::ledger();
    ledger.initiatives.drain(..3);
    ledger.total = None;
    ledger.caveats.clear();
    insta::assert_snapshot!(terminal::ledger(&ledger, SCREEN));
}

#[test]
fn a_ledger_with_programmes() {
    let ledger = LedgerFinding {
        programmes: fixture::programmes(),
        ..fixture::ledger()
    };
    let text = terminal::ledger(&ledger, SCREEN);
    let (_, programmes) = text.split_once("Programmes").unwrap();
    insta::assert_snapshot!(programmes);
}

#[test]
fn effects_on_shares_that_do_not_add_up_are_in_percentage_points() {
    let finding = InteractionFinding {
        format: InteractionFinding::FORMAT.to_owned(),
        experiment: "spring-email".to_owned(),
        other: "checkout".to_owned(),
        alpha: 0.05,
        customers: 64_000,
        cells: vec![vec![16_000; 2]; 2],
        assignment: AssignmentFinding {
            chi_square: Some(0.4),
            df: Some(1.0),
            p_value: Some(0.53),
            ln_p: None,
            cramers_v: Some(0.0025),
            refusal: None,
        },
        metrics: vec![MetricInteraction {
            metric: "visit".to_owned(),
            unit: Unit::Share,
            means: vec![vec![Some(0.1); 2]; 2],
            effect: Some(Estimate {
                estimate: 0.012,
                se: 0.002,
                low: 0.008,
                high: 0.016,
                df: None,
            }),
            p_value: Some(2e-9),
            ln_p: None,
            refusal: None,
        }],
        provenance: fixture::provenance(),
    };
    let text = terminal::interaction(&finding, SCREEN);
    assert!(text.contains("+1.20 pp"), "{text}");
    assert!(text.contains("+0.80 to +1.60 pp"), "{text}");
}

#[test]
fn the_margin_of_a_guardrail_has_the_unit_of_its_metric() {
    let mut finding = fixture::email();
    let visit = finding.metrics.iter_mut().find(|of| of.metric == "visit");
    visit.unwrap().among.guardrail = Some(GuardrailFinding {
        margin: 0.005,
        relative: false,
        estimate: Some(0.0452),
        bound: Some(0.039),
        p_value: Some(1e-9),
        ln_p: None,
        passed: true,
        refusal: None,
    });
    let text = terminal::lift(&finding, SCREEN);
    assert!(
        text.contains("a margin of 0.50 pp: shown to be safe"),
        "{text}"
    );
}

#[test]
fn estimates_beside_the_truth() {
    insta::assert_snapshot!(terminal::truth(&fixture::Findings::new().truth, SCREEN));
}

#[test]
fn imports_and_snapshots() {
    let file = |name: &str, outcome, rows, rejected, reasons| ImportedFile {
        file: PathBuf::from(name),
        outcome,
        rows,
        rejected,
        reasons,
    };
    let imported = Imported {
        source: "orders".to_owned(),
        files: vec![
            file(
                "orders/2024-01.csv",
                lake::Outcome::Added,
                1_204_331,
                2,
                vec![("expected 5 columns, found 4".to_owned(), 2)],
            ),
            file(
                "orders/2024-02.csv",
                lake::Outcome::Unchanged,
                998,
                0,
                Vec::new(),
            ),
        ],
        snapshot: 7,
    };
    insta::assert_snapshot!(terminal::imports(&[imported], SCREEN));
    let snapshot = Snapshot {
        id: 7,
        time: "2024-03-01 10:00:00".to_owned(),
        changes: "orders: 1204331 rows added".to_owned(),
    };
    insta::assert_snapshot!(terminal::snapshots(&[snapshot], SCREEN));
}

#[test]
fn colours_come_only_when_asked_for_and_say_nothing_of_their_own() {
    let plain =
        terminal::lift(&fixture::email(), SCREEN) + &terminal::ledger(&fixture::ledger(), SCREEN);
    assert!(!plain.contains('\u{1b}'));
    let screen = Screen {
        color: true,
        ..SCREEN
    };
    let colored =
        terminal::lift(&fixture::email(), screen) + &terminal::ledger(&fixture::ledger(), screen);
    assert!(colored.contains('\u{1b}'));
    let mut stripped = String::new();
    let mut in_code = false;
    for character in colored.chars() {
        match character {
            '\u{1b}' => in_code = true,
            'm' if in_code => in_code = false,
            _ if !in_code => stripped.push(character),
            _ => {}
        }
    }
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(words(&stripped), words(&plain));
}

#[test]
fn a_narrow_screen_is_kept_to_in_prose() {
    let screen = Screen {
        width: 60,
        ..SCREEN
    };
    let text = terminal::lift(&fixture::mismatched(), screen);
    assert!(
        text.lines().all(|line| line.chars().count() <= 60),
        "{text}"
    );
}

#[test]
fn how_many_variants_pay_is_said_of_one_and_of_several() {
    let mut performance = lost_without(&[("hero-spring", 1234.0)]);
    let mut says = |best_number| {
        performance.portfolio = Some(PortfolioFinding {
            cost_of_variant: 400.0,
            customers: 20_000,
            variants: 3,
            best_number,
            more_may_pay: false,
            curve: Vec::new(),
        });
        let screen = Screen {
            width: 400,
            color: false,
        };
        terminal::performance(&performance, screen)
    };
    assert!(says(1).contains("found and shown, up to 1 variant pays; there are 3."));
    assert!(says(2).contains("found and shown, up to 2 variants pay; there are 3."));
}
