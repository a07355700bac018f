//! Whether two experiments disturb each other.

use comfy_table::Row;
use measure::audience::{InteractionFinding, MetricInteraction};

use super::Side::{Left, Right};
use super::{Screen, Tone, finish};
use crate::format::Format;
use crate::words;

const FORMAT: Format = Format::PLAIN;

/// Whether the assignments are independent, and whether the effects on each metric add up.
pub fn interaction(finding: &InteractionFinding, screen: Screen) -> String {
    let InteractionFinding {
        experiment, other, ..
    } = finding;
    let heading = screen.prose(&format!("{experiment} with {other}"), Tone::Strong);
    let scope = format!(
        "{} in both",
        FORMAT.counted(finding.customers, "customer", "customers")
    );
    let scope = screen.prose(&scope, Tone::Quiet);
    let (assignment, tone) = assignment(finding);
    let assignment = screen.prose(&assignment, tone);
    let level = format!("{} interval", FORMAT.level(1.0 - finding.alpha));
    let mut table = screen.table(
        [
            ("metric", Left),
            ("interaction", Right),
            (&level, Right),
            ("p", Right),
            ("do the effects add up?", Left),
        ],
        true,
    );
    for metric in &finding.metrics {
        table.add_row(row(metric, finding.alpha, screen));
    }
    format!("{heading}{scope}{assignment}\n{}", finish(&table))
}

fn assignment(finding: &InteractionFinding) -> (String, Tone) {
    let assignment = &finding.assignment;
    let Some(p) = assignment.p_value else {
        let reason = assignment
            .refusal
            .as_ref()
            .map_or("", |refusal| refusal.message.as_str());
        return (format!("Assignments: no answer: {reason}"), Tone::Caution);
    };
    let p_value = words::equals(&FORMAT.p_value(p, assignment.ln_p));
    let strength = assignment
        .cramers_v
        .map(|v| format!(", Cramer's V = {}", FORMAT.fixed(v, 4)))
        .unwrap_or_default();
    if p < finding.alpha {
        let says = format!(
            "The assignments depend on each other (p {p_value}{strength}): the effect of one leaks into the other's"
        );
        (says, Tone::Bad)
    } else {
        let says = format!("No dependence of the assignments is shown (p {p_value}{strength})");
        (says, Tone::Good)
    }
}

fn row(metric: &MetricInteraction, alpha: f64, screen: Screen) -> Row {
    let dash = || "–".to_owned();
    let (estimate, interval) = metric.effect.map_or_else(
        || (dash(), dash()),
        |effect| {
            let shown = FORMAT.absolute(metric.unit, (&effect).into());
            let interval = shown.interval();
            (shown.estimate, interval)
        },
    );
    let (says, tone) = match (&metric.refusal, metric.p_value) {
        (Some(refusal), _) => (format!("no answer: {}", refusal.message), Tone::Caution),
        (None, Some(p)) if p < alpha => ("no".to_owned(), Tone::Bad),
        (None, Some(_)) => ("nothing speaks against it".to_owned(), Tone::Good),
        (None, None) => (dash(), Tone::Plain),
    };
    let p = metric
        .p_value
        .map_or_else(dash, |p| FORMAT.p_value(p, metric.ln_p));
    Row::from([
        screen.cell(&metric.metric, Tone::Plain),
        screen.cell(estimate, Tone::Plain),
        screen.cell(interval, Tone::Plain),
        screen.cell(p, Tone::Plain),
        screen.cell(says, tone),
    ])
}
