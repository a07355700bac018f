//! The page: what it says, and that it is safe, whole and self-contained.

use measure::audience::{LiftFinding, Outcome, Relative, Severity};
use report::format::{Format, Interval};
use report::html::{Report, render};

use crate::fixture::{self, Findings};

const FORMAT: Format = Format::TYPESET;

fn page() -> String {
    render(&Findings::new().report()).unwrap()
}

/// The page's text as a reader has it, with the entities that templates write undone.
pub(crate) fn text(page: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for character in page.chars() {
        match character {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                text.push(' ');
            }
            _ if !in_tag => text.push(character),
            _ => {}
        }
    }
    text.replace("&#38;", "&")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#39;", "'")
        .replace("&#34;", "\"")
}

/// Checks that tags close in the order in which they opened.
pub(crate) fn assert_well_formed(page: &str) {
    const VOID: [&str; 4] = ["meta", "!doctype", "!--", "link"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let end = start
            + rest[start..]
                .find('>')
                .unwrap_or_else(|| panic!("an unclosed tag: {}", &rest[start..]));
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        let name = tag
            .trim_start_matches('/')
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .trim_end_matches('/');
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(
                open.pop(),
                Some(closed),
                "before {}",
                &rest[..rest.len().min(80)]
            );
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
            if name == "style" {
                rest = &rest[rest.find("</style>").unwrap()..];
            }
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

#[test]
fn the_same_findings_give_the_same_bytes() {
    assert_eq!(page(), page());
}

#[test]
fn tags_are_balanced_with_and_without_each_part() {
    let findings = Findings::new();
    let whole = findings.report();
    assert_well_formed(&render(&whole).unwrap());
    assert_well_formed(
        &render(&Report {
            ledger: None,
            truth: &[],
            ..whole
        })
        .unwrap(),
    );
    assert_well_formed(
        &render(&Report {
            lifts: &[],
            truth: &[],
            ..whole
        })
        .unwrap(),
    );
    assert_well_formed(
        &render(&Report {
            lifts: &[],
            ledger: None,
            truth: &[],
            ..whole
        })
        .unwrap(),
    );
}

#[test]
fn nothing_is_fetched_and_nothing_runs() {
    let page = page();
    // The name of the SVG namespace is an identifier, not an address to fetch.
    let without_namespace = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for forbidden in [
        "http:",
        "https:",
        "src=",
        "href=\"//",
        "url(",
        "@import",
        "<script",
        "<link",
        "<iframe",
    ] {
        assert!(
            !without_namespace.contains(forbidden),
            "the page has {forbidden}"
        );
    }
    for reference in page.split("href=\"").skip(1) {
        let target = reference.split('"').next().unwrap();
        let id = target
            .strip_prefix('#')
            .unwrap_or_else(|| panic!("{target} leaves the page"));
        assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{target}");
    }
}

#[test]
fn names_are_text_wherever_they_come_from() {
    let evil = "<script>alert(1)</script>\"'&";
    let mut findings = Findings::new();
    findings.ledger.caveats.push(evil.to_owned());
    findings.truth[0].what = evil.to_owned();
    let initiative = &mut findings.ledger.initiatives[0];
    initiative.name = evil.to_owned();
    initiative.team = Some(evil.to_owned());
    initiative.costs[0].name = evil.to_owned();
    initiative.increments[0].experiment = evil.to_owned();
    findings.ledger.initiatives[3]
        .refusal
        .as_mut()
        .unwrap()
        .message = evil.to_owned();
    let lift = &mut findings.lifts[0];
    lift.experiment = evil.to_owned();
    lift.hypothesis = Some(evil.to_owned());
    lift.against = evil.to_owned();
    lift.arms[1].name = evil.to_owned();
    lift.metrics[0].metric = evil.to_owned();
    lift.metrics[0].arm = evil.to_owned();
    lift.segments[0].segment = evil.to_owned();
    lift.segments[0].values[0].value = evil.to_owned();
    lift.checks[0].message = evil.to_owned();
    lift.provenance.sources[0].source = evil.to_owned();
    let page = render(&Report {
        project: evil,
        ..findings.report()
    })
    .unwrap();
    assert!(!page.contains("<script"));
    assert!(page.contains("&#60;script&#62;alert(1)"));
    assert_well_formed(&page);
}

/// Every number of an outcome, as text.
fn numbers(comparison: &measure::audience::Comparison, outcome: &Outcome) -> Vec<String> {
    let mut numbers = Vec::new();
    if let Some(absolute) = &outcome.absolute {
        let shown = FORMAT.absolute(comparison.unit, absolute.into());
        numbers.extend([shown.interval(), shown.estimate]);
    }
    if let Some(Relative::Estimated {
        estimate,
        low,
        high,
    }) = outcome.relative
    {
        let shown = FORMAT.relative(Interval {
            estimate,
            low,
            high,
        });
        numbers.extend([shown.interval(), shown.estimate]);
    }
    numbers.extend(outcome.p_value.map(|p| FORMAT.p_value(p, outcome.ln_p)));
    numbers
}

#[test]
fn the_page_has_the_numbers_of_the_json() {
    let findings = Findings::new();
    let text = text(&render(&findings.report()).unwrap());
    let json = report::json::to_string(&findings.lifts[0]).unwrap();
    let lift: LiftFinding = serde_json::from_str(&json).unwrap();
    let segments = lift
        .segments
        .iter()
        .flat_map(|segment| &segment.values)
        .flat_map(|value| &value.metrics);
    for comparison in lift.metrics.iter().chain(segments) {
        let adjusted = comparison.adjusted.iter().map(|adjusted| &adjusted.outcome);
        for outcome in adjusted.chain([&comparison.outcome]) {
            for number in numbers(comparison, outcome) {
                assert!(
                    text.contains(&number),
                    "{}, {}: {number} is not on the page",
                    comparison.metric,
                    comparison.arm
                );
            }
        }
    }
    let json = report::json::to_string(&findings.ledger).unwrap();
    let ledger: value::LedgerFinding = serde_json::from_str(&json).unwrap();
    for initiative in &ledger.initiatives {
        let amounts = [initiative.increment, Some(initiative.cost), initiative.net];
        for amount in amounts.into_iter().flatten() {
            assert!(
                text.contains(&FORMAT.money(amount)),
                "{}: {amount:?}",
                initiative.name
            );
        }
        if let Some(roi) = &initiative.roi {
            let shown = FORMAT.relative(roi.into());
            assert!(
                text.contains(&shown.estimate) && text.contains(&shown.interval()),
                "{}",
                initiative.name
            );
        }
    }
}

#[test]
fn a_refused_experiment_shows_its_reason_and_no_effect() {
    let findings = Findings::new();
    let page = render(&Report {
        ledger: None,
        lifts: &findings.lifts[1..],
        truth: &[],
        ..findings.report()
    })
    .unwrap();
    let text = text(&page);
    assert!(text.contains("The arms' sizes do not fit the declared shares"));
    assert!(text.contains("Experiments on which no decision can rest: 1."));
    assert!(
        !text.contains("+0.91"),
        "an effect of a refused experiment is shown"
    );
    assert!(!page.contains("<svg"));
}

#[test]
fn refusals_come_before_the_numbers_they_spoil() {
    let text = text(&page());
    let attention = text.find("Know before you use these numbers").unwrap();
    let refusal = text
        .find("Initiative one-to-one-home has no number")
        .unwrap();
    let ledger = text.find("Return by initiative").unwrap();
    assert!(attention < refusal && refusal < ledger);
}

#[test]
fn a_warning_that_is_a_caveat_of_the_ledger_too_is_said_once() {
    let mut findings = Findings::new();
    let lift = &mut findings.lifts[0];
    let message = "10 customers make 31 % of everything";
    let mut warning = lift.checks[0].clone();
    (warning.severity, warning.message) = (Severity::Warning, message.to_owned());
    let caveat = value::check_caveat(&lift.experiment, &warning);
    lift.checks.push(warning);
    findings.ledger.caveats.push(caveat);
    let page = text(&render(&findings.report()).unwrap());
    let attention = page
        .split_once("Know before you use these numbers")
        .unwrap()
        .1;
    let attention = attention.split_once("Return by initiative").unwrap().0;
    assert_eq!(attention.matches(message).count(), 1, "{attention}");
    // Of an experiment that is not on the page it stays.
    findings.lifts.remove(0);
    let page = text(&render(&findings.report()).unwrap());
    assert_eq!(page.matches(message).count(), 1);
}

#[test]
fn text_for_screen_readers_stays_in_its_scroll_box() {
    // It is positioned absolutely: in a box that is not positioned it would widen the page.
    let page = page();
    let rule = page.split_once(".scroll {").unwrap().1;
    let rule = rule.split_once('}').unwrap().0;
    assert!(
        page.contains(".unseen { position: absolute") && rule.contains("position: relative"),
        "{rule}"
    );
}

#[test]
fn the_summary_is_one_sentence_and_six_numbers() {
    let page = page();
    assert_eq!(page.matches("<div class=\"card\">").count(), 6);
    insta::assert_snapshot!(text(
        page.split_once("<p class=\"lead\">")
            .unwrap()
            .1
            .split_once("</p>")
            .unwrap()
            .0
    ));
}

#[test]
fn the_section_of_an_experiment() {
    let page = page();
    let section = page
        .split_once("<section id=\"experiment-1\"")
        .unwrap()
        .1
        .split_once("</section>")
        .unwrap()
        .0;
    let words: Vec<String> = text(section)
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    insta::assert_snapshot!(
        words
            .into_iter()
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[test]
fn headings_do_not_skip_a_level_and_tables_have_captions() {
    let page = page();
    let levels: Vec<u32> = page
        .match_indices("<h")
        .filter_map(|(place, _)| {
            page[place + 2..]
                .chars()
                .next()
                .and_then(|level| level.to_digit(10))
        })
        .collect();
    assert_eq!(levels.iter().filter(|&&level| level == 1).count(), 1);
    assert!(
        levels.windows(2).all(|pair| pair[1] <= pair[0] + 1),
        "{levels:?}"
    );
    assert_eq!(
        page.matches("<table").count(),
        page.matches("<caption").count()
    );
    assert_eq!(
        page.matches("<th ").count(),
        page.matches("<th scope=").count()
    );
    assert_eq!(
        page.matches("<svg").count(),
        2 * page.matches("role=\"img\" aria-label=").count()
    );
}

#[test]
fn programmes_stand_beside_the_total() {
    let mut findings = Findings::new();
    assert!(!text(&page()).contains("Programmes against a holdout"));
    findings.ledger.programmes = fixture::programmes();
    let page = render(&findings.report()).unwrap();
    assert_well_formed(&page);
    let text = text(&page);
    assert!(text.contains("Programmes against a holdout, which are not in the total"));
    assert!(text.contains("the programme brings less than its initiatives."));
    assert!(text.contains("experiment “summer” is not measured"));
}
