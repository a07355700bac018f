//! What experiments, factorials and choices say of credit, on the page and in the terminal.

use catalog::Dimension;
use measure::content::{
    AttributionFinding, Calibrated, CalibrationFactor, CalibrationFinding, CostFinding,
    PerformanceFinding, TestedChannel, UnansweredFactorial, Valued,
};
use measure::{Reason, Refusal};
use report::html::Report;
use report::terminal::{self, Screen};

use crate::others;
use crate::sections::{page, section, words};

/// What choices tell that would be lost without each of these items.
pub(crate) fn lost_without(items: &[(&str, f64)]) -> PerformanceFinding {
    let mut performance = others::performance();
    performance.items.truncate(items.len());
    for (item, (content, margin)) in performance.items.iter_mut().zip(items) {
        item.content = (*content).to_owned();
        item.cost = Some(CostFinding {
            content: 100.0,
            showing: 0.0,
            contexts: 1,
            per_customer: None,
            margin_above_average: None,
            incremental_margin: Some(Valued {
                estimate: *margin,
                low: margin - 234.0,
                high: margin + 234.0,
            }),
            roi: None,
        });
    }
    performance
}

/// The visible text of an attribution's ladder of evidence.
fn ladder(attribution: &AttributionFinding, performances: &[PerformanceFinding]) -> String {
    let page = page(Report {
        attributions: std::slice::from_ref(attribution),
        performances,
        ..Report::default()
    });
    let section = section(&page, "attribution-1");
    let (_, ladder) = section.split_once("The ladder of evidence").unwrap();
    let (ladder, _) = ladder.split_once("Held against experiments").unwrap();
    ladder.to_owned()
}

#[test]
fn what_choices_tell_of_content_is_a_rung_of_its_ladder() {
    let mut attribution = others::attribution();
    attribution.by = vec![Dimension::Content];
    let one = lost_without(&[("email", 1234.0), ("search", 2234.0)]);
    let content = ladder(&attribution, std::slice::from_ref(&one));
    assert!(
        content.contains("Margin lost without it, EUR (B)"),
        "{content}"
    );
    assert!(content.contains("1,234 1,000 to 1,468"), "{content}");
    assert!(content.contains("2,234 2,000 to 2,468"), "{content}");
    // Of what two tell of there is no number: they need not count the same.
    let both = [one.clone(), lost_without(&[("email", 5000.0)])];
    let [first, second] = both.clone();
    for both in [both, [second, first]] {
        let content = ladder(&attribution, &both);
        assert!(
            !content.contains("1,234") && !content.contains("5,000"),
            "{content}"
        );
        assert!(content.contains("2,234 2,000 to 2,468"), "{content}");
    }
    // Other touches, and other outcomes, tell nothing of these credits.
    let mut of_others = [lost_without(&[("email", 5000.0)]), one];
    of_others[0].fact = "visits".to_owned();
    let content = ladder(&attribution, &of_others);
    assert!(!content.contains("5,000"), "{content}");
    assert!(content.contains("1,234 1,000 to 1,468"), "{content}");
    of_others[1].touches = "letters".to_owned();
    assert!(!ladder(&attribution, &of_others).contains("lost without"));
    // Channels are not chosen by it.
    of_others[1].touches = "touches".to_owned();
    attribution.by = vec![Dimension::Channel];
    assert!(!ladder(&attribution, &of_others).contains("lost without"));
}

#[test]
fn a_factorial_without_an_answer_is_no_evidence_on_the_page() {
    let mut attribution = others::attribution();
    attribution.calibrations.clear();
    let words_of = |attribution: &AttributionFinding| {
        words(&page(Report {
            attributions: std::slice::from_ref(attribution),
            ..Report::default()
        }))
    };
    attribution.keys[0].unanswered = Some(UnansweredFactorial {
        factorial: "together".to_owned(),
        refusal: Refusal::new(Reason::SampleRatioMismatch, "the arms do not fit"),
    });
    let refused = words_of(&attribution);
    let says = "No experiment says what of this is caused. together has no answer for email.";
    assert!(refused.contains(says), "{refused}");
    assert!(refused.contains("no answer from together") && !refused.contains("tested by together"));
    let unanswered = attribution.keys[0].unanswered.take();
    attribution.keys[0].factorial = unanswered.map(|one| one.factorial);
    let answered = words_of(&attribution);
    assert!(answered.contains("together says what is caused by email."));
    assert!(answered.contains("tested by together") && !answered.contains("no answer from"));
    assert!(!answered.contains("No experiment says"));
}

#[test]
fn what_was_tested_in_another_measure_was_tested() {
    let mut attribution = others::attribution();
    // What search brings is measured in conversions, what e-mail brings in value.
    let in_value = &attribution.calibrations[0];
    let [email, display] = in_value.experiments.as_slice() else {
        panic!("{:?}", in_value.experiments);
    };
    let search = TestedChannel {
        channel: "search".to_owned(),
        experiment: "search-off".to_owned(),
        ..email.clone()
    };
    let in_conversions = CalibrationFinding {
        measures: Calibrated::Conversions,
        experiments: vec![search],
        models: Vec::new(),
        untested: vec!["email".to_owned(), "display".to_owned()],
    };
    let refused = CalibrationFinding {
        measures: Calibrated::Conversions,
        experiments: vec![display.clone()],
        ..in_conversions.clone()
    };
    attribution.calibrations.push(in_conversions);
    let rungs = ladder(&attribution, &[]);
    assert!(
        rungs.contains("tested in conversions by search-off"),
        "{rungs}"
    );
    assert!(rungs.contains("no answer from display-off") && !rungs.contains("never tested"));
    let said = words(&page(Report {
        attributions: std::slice::from_ref(&attribution),
        ..Report::default()
    }));
    for note in [
        "In value, measured by no experiment: search, display. Their credit there",
        "In conversions, measured by no experiment: email, display. Their credit there",
    ] {
        assert!(said.contains(note), "{said}");
    }
    // No answer in the other measure is none either.
    attribution.calibrations[0].experiments.truncate(1);
    attribution.calibrations[1] = refused;
    let rungs = ladder(&attribution, &[]);
    assert!(rungs.contains("no answer from display-off"), "{rungs}");
    assert!(rungs.contains("never tested"), "{rungs}");
}

#[test]
fn a_baseline_says_what_else_it_holds_on_both_surfaces_alike() {
    const WIDE: Screen = Screen {
        width: 400,
        color: false,
    };
    let both = |attribution: &AttributionFinding| {
        let page = words(&page(Report {
            attributions: std::slice::from_ref(attribution),
            ..Report::default()
        }));
        [page, terminal::attribution(attribution, WIDE)]
    };
    // Display has an experiment without an answer, and a factorial says what search causes.
    let mut attribution = others::attribution();
    attribution.keys[1].factorial = Some("together".to_owned());
    let holds = "It holds what channels without a measured factor caused, whose credit is 45";
    for said in both(&attribution) {
        assert!(said.contains(holds), "{said}");
        assert!(!said.contains("channels that were never tested"));
    }
    // A channel that is credited with nothing may have caused something.
    attribution.calibrations[0].models[0].untested_credit = 0.0;
    for said in both(&attribution) {
        assert!(
            said.contains("a measured factor caused, whose credit is 0"),
            "{said}"
        );
    }
    // Whatever `untested` lists, with a factor for each channel there is nothing else.
    let factors = &mut attribution.calibrations[0].models[0].factors;
    for channel in ["search", "display"] {
        factors.push(CalibrationFactor {
            channel: channel.to_owned(),
            ..factors[0].clone()
        });
    }
    for said in both(&attribution) {
        assert!(said.contains("Baseline by Markov chain") && !said.contains("It holds"));
    }
}
