//! The sections on lifetimes, credit and content.

use catalog::{Multiplicity, Unit};
use measure::audience::summaries::{Extent, SampleRatios};
use measure::audience::{
    Baseline, DesignFinding, Pair, ProgrammeFinding, ReplayFinding, ReplayMetric, ReplayVerdict,
};
use measure::{Reason, Refusal};
use report::html::{Report, render};

use crate::page::{assert_well_formed, text};
use crate::{fixture, others};

pub(crate) fn words(page: &str) -> String {
    text(page).split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn page(report: Report<'_>) -> String {
    let page = render(&Report {
        project: "Fern & Fable",
        currency: "EUR",
        version: "0.1.0",
        ..report
    })
    .unwrap();
    assert_well_formed(&page);
    assert_eq!(
        page.matches("<svg").count(),
        2 * page.matches("role=\"img\" aria-label=").count()
    );
    assert_eq!(
        page.matches("<table").count(),
        page.matches("<caption").count()
    );
    page
}

/// The visible text of the only section of findings.
pub(crate) fn section(page: &str, id: &str) -> String {
    let (_, rest) = page.split_once(&format!("<section id=\"{id}\"")).unwrap();
    let (section, _) = rest.split_once("</section>").unwrap();
    let lines: Vec<String> = text(section)
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

#[test]
fn a_lifetime() {
    let findings = [others::lifetime()];
    let page = page(Report {
        lifetimes: &findings,
        ..Report::default()
    });
    insta::assert_snapshot!(section(&page, "lifetime-1"));
    assert!(page.contains("Austria &#60;small&#62;") && page.contains("Austria &lt;small&gt;"));
}

#[test]
fn a_month_that_nobody_has_seen_is_empty_and_no_zero() {
    let findings = [others::lifetime()];
    let page = page(Report {
        lifetimes: &findings,
        ..Report::default()
    });
    // Two months of the second cohort, four of the third; the zero of the second was observed.
    assert_eq!(page.matches("<td class=\"unobserved\">").count(), 6);
    assert!(page.contains("<td class=\"number\">0.00</td>"));
}

#[test]
fn contracts_are_not_called_customers_and_show_who_renews() {
    let findings = [others::contracts()];
    let page = page(Report {
        lifetimes: &findings,
        ..Report::default()
    });
    let text = section(&page, "lifetime-1");
    assert!(text.contains("2,700 contracts from 2024-01-01"), "{text}");
    assert!(text.contains("1,010 of them never renewed; 3,780 renewals."));
    assert!(text.contains("1,900 contracts run, renewed for 1 month each time; 800 have ended."));
    assert!(text.contains("The end of 30 that run is known"));
    assert!(
        text.contains("Expected share of contracts that still run"),
        "{text}"
    );
    for said in [
        "Value per contract in the next 3 years",
        "The line: all contracts.",
        "Per contract by country",
        "Amounts per contract",
        "Paid back when the mean contract has brought what it cost",
        "What the mean contract has brought by month since the first payment",
        "Payments of 1,800 contracts in the 92 days",
        "time in periods of 1 month",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    for said in ["per customer", "Purchases", "First bought", "in weeks"] {
        assert!(!text.contains(said), "{said} is in\n{text}");
    }
    // The second renewal was seen by nobody yet.
    assert!(text.contains("Of all, by the model"));
    assert_eq!(page.matches("<td class=\"unobserved\">").count(), 7);
}

#[test]
fn the_null_hypothesis_of_a_design_has_quotation_marks() {
    let designs = [DesignFinding {
        format: DesignFinding::FORMAT.to_owned(),
        experiment: "spring-email".to_owned(),
        hypothesis: None,
        null_hypothesis: "the arms do not differ in the mean of `spend` per customer".to_owned(),
        metric: "spend".to_owned(),
        unit: Unit::Money,
        currency: "EUR".to_owned(),
        alpha: 0.05,
        power: 0.8,
        minimum_effect: None,
        baseline: Baseline {
            mean: 12.5,
            sd: 30.0,
            r2: 0.0,
            customers: None,
        },
        customers_a_day: None,
        arms: Vec::new(),
        sizes: Vec::new(),
        curve: Vec::new(),
        cost: None,
        roll: None,
    }];
    let page = page(Report {
        designs: &designs,
        ..Report::default()
    });
    let text = section(&page, "design-1");
    assert!(
        text.contains("Null hypothesis: the arms do not differ in the mean of “spend” per customer. Spend: mean 12.5"),
        "{text}"
    );
}

#[test]
fn a_refused_lifetime_is_a_sentence_and_shows_no_value() {
    let mut finding = others::lifetime();
    finding.refusal = Some(Refusal::new(
        Reason::TooLittleData,
        "3 customers have bought twice",
    ));
    finding.value = None;
    finding.incremental = None;
    finding.rollout = None;
    finding.acquisition.clear();
    finding.by.clear();
    for audience in &mut finding.audiences {
        audience.value = None;
    }
    finding.cohorts.clear();
    finding.back_test = None;
    let findings = [finding];
    let page = page(Report {
        lifetimes: &findings,
        ..Report::default()
    });
    assert!(!page.contains("<svg"));
    let words = words(&page);
    assert!(words.contains("No value is given. 3 customers have bought twice."));
    assert!(
        words.contains("In no value: loyal: 3 without a purchase; asleep: 17 without a purchase")
    );
    assert!(words.contains("What a customer is worth cannot be said: 3 customers"));
}

#[test]
fn an_attribution() {
    let findings = [others::attribution()];
    let page = page(Report {
        attributions: &findings,
        ..Report::default()
    });
    insta::assert_snapshot!(section(&page, "attribution-1"));
}

#[test]
fn credit_in_lifetime_value() {
    let findings = [others::attribution_in_lifetime_value()];
    let page = page(Report {
        attributions: &findings,
        ..Report::default()
    });
    let section = section(&page, "attribution-1");
    let (_, lifetime) = section.split_once("Credit in lifetime value").unwrap();
    let (lifetime, _) = lifetime.split_once("How journeys go").unwrap();
    insta::assert_snapshot!(lifetime);
}

#[test]
fn content() {
    let findings = [others::performance()];
    let page = page(Report {
        performances: &findings,
        ..Report::default()
    });
    insta::assert_snapshot!(section(&page, "performance-1"));
}

#[test]
fn findings_of_all_kinds_have_sections_and_provenance_on_one_page() {
    let lifetimes = [others::lifetime(), others::lifetime()];
    let attributions = [others::attribution()];
    let performances = [others::performance()];
    let page = page(Report {
        lifetimes: &lifetimes,
        attributions: &attributions,
        performances: &performances,
        ..Report::default()
    });
    for id in [
        "lifetime-1",
        "lifetime-2",
        "attribution-1",
        "performance-1",
        "provenance",
    ] {
        assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
        assert!(page.contains(&format!("href=\"#{id}\"")), "{id}");
    }
    assert!(words(&page).contains("Lifetime customers: spend rises with the number of purchases."));
}

#[test]
fn a_programme_without_an_effect_and_a_replay_that_finds_too_much() {
    let programmes = [ProgrammeFinding {
        format: ProgrammeFinding::FORMAT.to_owned(),
        programme: "headlines".to_owned(),
        description: None,
        alpha: 0.05,
        multiplicity: Multiplicity::Holm,
        extent: Extent::default(),
        metrics: Vec::new(),
        sample_ratios: SampleRatios {
            alarm: 0.001,
            ..SampleRatios::default()
        },
        refused: Vec::new(),
        experiments: Vec::new(),
        provenance: fixture::provenance(),
    }];
    let replays = [ReplayFinding {
        format: ReplayFinding::FORMAT.to_owned(),
        experiment: "spring-email".to_owned(),
        arm: "generic".to_owned(),
        customers: 21_000,
        splits: 400,
        seed: 1,
        alpha: 0.05,
        metrics: vec![ReplayMetric {
            metric: "spend".to_owned(),
            analysed: 400,
            found: 60,
            share: Some(0.15),
            limits: Some(Pair {
                arm: 0.02,
                against: 0.09,
            }),
            uniform_p: Some(0.0001),
            verdict: ReplayVerdict::FindsTooMuch,
            message: "its intervals are too narrow".to_owned(),
        }],
        provenance: fixture::provenance(),
    }];
    let page = page(Report {
        programmes: &programmes,
        replays: &replays,
        ..Report::default()
    });
    let words = words(&page);
    assert!(words.contains("No effect is found."));
    assert!(words.contains("not shown to be valid for 1 of 1 metric"));
    assert!(words.contains("15.0") && words.contains("finds too much"));
}
