//! The section on whether two experiments disturb each other.

use measure::audience::{InteractionFinding, MetricInteraction};

use super::block::{Block, Cell, Section, Table};
use super::page::{FORMAT, quoted};
use crate::words;

/// The section of two experiments.
pub(super) fn section(index: usize, finding: &InteractionFinding) -> Section {
    let InteractionFinding {
        experiment, other, ..
    } = finding;
    let caption = format!(
        "By how much the effect of {experiment} is larger where {other} treats, with {} intervals. Zero: the effects add \
         up.",
        FORMAT.level(1.0 - finding.alpha)
    );
    let columns = ["Metric", "Interaction", "p", "Do the effects add up?"];
    let mut table = Table::new("Interaction", caption, columns).words([3]);
    for metric in &finding.metrics {
        table.row(&metric.metric, cells(metric, finding.alpha));
    }
    let customers = FORMAT.counted(finding.customers, "customer", "customers");
    Section {
        id: format!("interaction-{}", index + 1),
        title: format!("{experiment} with {other}"),
        blocks: vec![
            Block::Says(assignment(finding)),
            Block::Note(format!("{customers} in both experiments.")),
            Block::Table(table),
        ],
    }
}

fn assignment(finding: &InteractionFinding) -> String {
    let assignment = &finding.assignment;
    let Some(p) = assignment.p_value else {
        let reason = assignment
            .refusal
            .as_ref()
            .map_or_else(String::new, |refusal| quoted(&refusal.message));
        return format!("Whether the assignments are independent cannot be said: {reason}.");
    };
    let p_value = words::equals(&FORMAT.p_value(p, assignment.ln_p));
    let strength = assignment.cramers_v.map_or_else(String::new, |v| {
        format!(", Cramér’s V = {}", FORMAT.fixed(v, 4))
    });
    if p < finding.alpha {
        format!(
            "The assignments depend on each other (p {p_value}{strength}): the effect of one leaks into the other’s."
        )
    } else {
        format!("No dependence of the assignments is shown (p {p_value}{strength}).")
    }
}

fn cells(metric: &MetricInteraction, alpha: f64) -> Vec<Cell> {
    let effect = metric
        .effect
        .map(|effect| FORMAT.absolute(metric.unit, (&effect).into()));
    let says = match (&metric.refusal, metric.p_value) {
        (Some(refusal), _) => Cell::reason(&refusal.message),
        (None, Some(p)) if p < alpha => Cell::Verdict("worse", "no"),
        (None, Some(_)) => Cell::Verdict("better", "nothing speaks against it"),
        (None, None) => Cell::number(None),
    };
    let p = metric.p_value.map(|p| FORMAT.p_value(p, metric.ln_p));
    vec![Cell::interval(effect), Cell::number(p), says]
}
