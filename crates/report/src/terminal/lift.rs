//! The finding of an experiment.

use comfy_table::Row;
use measure::audience::{Comparison, LiftFinding, SegmentFinding, Verdict};

use super::Side::{Left, Right};
use super::{Screen, Tone, finish};
use crate::evidence::{self, Topic};
use crate::format::Format;
use crate::words;

const FORMAT: Format = Format::PLAIN;

/// The decision in words, then what it rests on: metrics by arm, segments, checks.
///
/// Where the experiment is refused, its effects are not shown: nothing can rest on them.
pub fn lift(finding: &LiftFinding, screen: Screen) -> String {
    let mut parts = vec![heading(finding, screen)];
    match &finding.refusal {
        Some(refusal) => {
            parts.push(screen.prose(&format!("No decision: {}.", refusal.message), Tone::Bad));
            parts.push(arms(finding, screen));
        }
        None => {
            parts.push(decisions(finding, screen));
            parts.push(metrics(finding, screen));
            parts.push(notes(finding, screen));
            parts.extend(
                evidence::topics(FORMAT, finding)
                    .iter()
                    .map(|topic| by_topic(topic, screen)),
            );
            parts.extend(
                finding
                    .segments
                    .iter()
                    .map(|segment| by_segment(finding, segment, screen)),
            );
            parts.extend(caution(finding, screen));
        }
    }
    parts.push(checks(finding, screen));
    parts.join("\n")
}

fn heading(finding: &LiftFinding, screen: Screen) -> String {
    let mut text = screen.prose(&finding.experiment, Tone::Strong);
    if let Some(hypothesis) = &finding.hypothesis {
        text.push_str(&screen.prose(&format!("Hypothesis: {hypothesis}"), Tone::Plain));
    }
    text.push_str(&screen.prose(&words::scope(FORMAT, finding), Tone::Quiet));
    text
}

fn decisions(finding: &LiftFinding, screen: Screen) -> String {
    words::deciding(finding)
        .map(|comparison| {
            screen.prose(
                &words::decision(FORMAT, finding, comparison),
                tone(comparison.verdict),
            )
        })
        .collect()
}

fn tone(verdict: Option<Verdict>) -> Tone {
    match verdict {
        Some(Verdict::Better) => Tone::Good,
        Some(Verdict::Worse) => Tone::Bad,
        Some(Verdict::Unclear) => Tone::Caution,
        None => Tone::Plain,
    }
}

/// Sizes of the arms beside what was declared.
fn arms(finding: &LiftFinding, screen: Screen) -> String {
    let total: u64 = finding.arms.iter().map(|arm| arm.customers).sum();
    let headers = [
        ("arm", Left),
        ("customers", Right),
        ("share", Right),
        ("declared", Right),
    ];
    let mut table = screen.table(headers, false);
    for arm in &finding.arms {
        table.add_row([
            arm.name.clone(),
            FORMAT.count(arm.customers),
            FORMAT.percent(arm.customers as f64 / total.max(1) as f64, 2),
            FORMAT.percent(arm.expected_share, 2),
        ]);
    }
    finish(&table)
}

fn metrics(finding: &LiftFinding, screen: Screen) -> String {
    let level = FORMAT.level(1.0 - finding.alpha);
    let lift = format!("lift\n{level} interval");
    let relative = format!("relative\n{level} interval");
    let against = format!("mean\n{}", finding.against);
    let mut table = screen.table(
        [
            ("metric\narm", Left),
            ("estimate", Left),
            ("customers", Right),
            (&against, Right),
            (&lift, Right),
            (&relative, Right),
            ("verdict\np", Left),
        ],
        false,
    );
    for (place, comparison) in finding.metrics.iter().enumerate() {
        let lines = words::lines(FORMAT, comparison);
        for (number, line) in lines.iter().enumerate() {
            let parted = number + 1 == lines.len() && place + 1 < finding.metrics.len();
            table.add_row(metric_row(comparison, line, parted, screen));
        }
    }
    finish(&table)
}

/// Two lines, and a third and empty one where the row is `parted` from the next, which is of another comparison.
fn metric_row(comparison: &Comparison, line: &words::Line, parted: bool, screen: Screen) -> Row {
    let text_tone = if line.decides {
        Tone::Plain
    } else {
        Tone::Quiet
    };
    let cell = |text: String| screen.cell(text, text_tone);
    let star = if comparison.primary { " *" } else { "" };
    let gap = if parted { "\n " } else { "" };
    let counts = format!(
        "{}\n{}",
        FORMAT.count(comparison.n.arm),
        FORMAT.count(comparison.n.against)
    );
    let mean = line.mean.as_ref().map_or_else(
        || "–".to_owned(),
        |mean| format!("{}\n{}", mean.arm, mean.against),
    );
    let lift = match &line.absolute {
        Ok(effect) => format!("{}\n{}", effect.estimate, effect.interval()),
        Err(_) => "no answer".to_owned(),
    };
    let relative = match (&line.relative, &line.absolute) {
        (Ok(effect), _) => format!("{}\n{}", effect.estimate, effect.interval()),
        (Err(_), Ok(_)) => "not estimable".to_owned(),
        (Err(_), Err(_)) => "–".to_owned(),
    };
    let p = format!("p {}", words::equals(&line.p_value)).replace(" (", "\n(");
    let verdict = match (line.decides, comparison.verdict) {
        (true, Some(verdict)) => screen.cell(
            format!("{}\n{p}", words::verdict(verdict)),
            tone(comparison.verdict),
        ),
        (true, None) => cell("–".to_owned()),
        (false, _) => cell(format!(" \n{p}")),
    };
    Row::from([
        cell(format!(
            "{}{star}\n{}{gap}",
            comparison.metric, comparison.arm
        )),
        cell(line.kind.to_owned()),
        cell(counts),
        cell(mean),
        cell(lift),
        cell(relative),
        verdict,
    ])
}

/// What the table's short words stand for.
fn notes(finding: &LiftFinding, screen: Screen) -> String {
    let mut notes =
        vec!["* decides the experiment. Means are per customer; of a ratio, the ratio.".to_owned()];
    if finding
        .metrics
        .iter()
        .any(|comparison| comparison.adjusted.is_some())
    {
        notes.push(
            "Where there is an adjusted estimate, it decides; the plain one is for comparison."
                .to_owned(),
        );
    }
    notes.extend(
        words::deciding(finding).filter_map(|comparison| words::adjustment(FORMAT, comparison)),
    );
    notes.extend(
        finding
            .metrics
            .iter()
            .filter_map(|comparison| words::unanswered(FORMAT, comparison)),
    );
    notes
        .iter()
        .map(|note| screen.prose(note, Tone::Plain))
        .collect()
}

fn by_topic(topic: &Topic, screen: Screen) -> String {
    let mut text = screen.prose(topic.title, Tone::Strong);
    for sentence in &topic.sentences {
        text.push_str(&screen.prose(sentence, Tone::Plain));
    }
    text
}

/// The primary metric by one segment.
fn by_segment(finding: &LiftFinding, segment: &SegmentFinding, screen: Screen) -> String {
    if let Some(refusal) = &segment.refusal {
        return screen.prose(
            &format!("By {}: no answer: {}", segment.segment, refusal.message),
            Tone::Caution,
        );
    }
    let interval = format!("{} interval", FORMAT.level(1.0 - finding.alpha));
    let lift = format!("lift of {}", words::primary(finding));
    let mut table = screen.table(
        [
            (&segment.segment, Left),
            ("arm", Left),
            ("customers", Right),
            ("shrunken\nlift", Right),
            (&lift, Right),
            (&interval, Right),
            ("relative", Right),
            ("verdict", Left),
        ],
        false,
    );
    let mut unanswered = String::new();
    for value in &segment.values {
        for comparison in value.metrics.iter().filter(|comparison| comparison.primary) {
            table.add_row(segment_row(&value.value, comparison, screen));
            if let Some(reason) = words::unanswered(FORMAT, comparison) {
                unanswered
                    .push_str(&screen.prose(&format!("{}: {reason}", value.value), Tone::Plain));
            }
        }
    }
    let says: String = evidence::heterogeneity(FORMAT, finding, segment)
        .iter()
        .map(|sentence| screen.prose(sentence, Tone::Plain))
        .collect();
    format!("{}{says}{unanswered}", finish(&table))
}

fn segment_row(value: &str, comparison: &Comparison, screen: Screen) -> Row {
    let lines = words::lines(FORMAT, comparison);
    let line = &lines[0];
    let (lift, interval) = match &line.absolute {
        Ok(effect) => (effect.estimate.clone(), effect.interval()),
        Err(_) => ("no answer".to_owned(), String::new()),
    };
    let relative = line
        .relative
        .as_ref()
        .map_or_else(|_| "–".to_owned(), |effect| effect.estimate.clone());
    let shrunk = evidence::shrunk(FORMAT, comparison).map_or_else(
        || "–".to_owned(),
        |effect| format!("{}\n{}", effect.estimate, effect.interval()),
    );
    let plain = |text: String| screen.cell(text, Tone::Plain);
    Row::from([
        plain(value.to_owned()),
        plain(comparison.arm.clone()),
        plain(FORMAT.count(comparison.n.arm + comparison.n.against)),
        plain(shrunk),
        plain(lift),
        plain(interval),
        plain(relative),
        screen.cell(
            comparison.verdict.map_or("–", words::verdict),
            tone(comparison.verdict),
        ),
    ])
}

fn caution(finding: &LiftFinding, screen: Screen) -> Option<String> {
    let intervals = words::segment_intervals(finding);
    (intervals > 0).then(|| {
        screen.prose(
            &words::segments_caution(FORMAT, intervals, finding.alpha),
            Tone::Plain,
        )
    })
}

fn checks(finding: &LiftFinding, screen: Screen) -> String {
    let found = finding.checks.iter().map(|check| {
        let message = words::check_message(FORMAT, check);
        (words::check_name(check), check.severity, message)
    });
    super::checks(screen, found)
}
