//! The section on whether an analysis is valid on its data.

use measure::audience::{ReplayFinding, ReplayMetric, ReplayVerdict};

use super::block::{Block, Cell, Section, Table};
use super::page::{FORMAT, quoted};
use crate::scope;

/// The section of a replay.
pub(super) fn section(index: usize, finding: &ReplayFinding) -> Section {
    let caption = format!(
        "{} Under a share: where a valid analysis stays in 999 of 1,000 replays.",
        scope::replay(FORMAT, finding)
    );
    let columns = ["Metric", "Splits", "Found", "Uniform p", "Analysis"];
    let mut table = Table::new("Replay", caption, columns).words([4]);
    for metric in &finding.metrics {
        table.row(&metric.metric, cells(metric));
    }
    let doubts: Vec<String> = finding
        .metrics
        .iter()
        .filter(|metric| metric.verdict != ReplayVerdict::Valid)
        .map(|metric| format!("{}: {}.", metric.metric, quoted(&metric.message)))
        .collect();
    let says = if doubts.is_empty() {
        "The analysis finds nothing where there is nothing: it is valid on these data.".to_owned()
    } else {
        format!(
            "The analysis is not shown to be valid for {} of {}.",
            doubts.len(),
            FORMAT.counted(finding.metrics.len() as u64, "metric", "metrics")
        )
    };
    let mut blocks = vec![Block::Says(says), Block::Table(table)];
    if !doubts.is_empty() {
        blocks.push(Block::Sentences(doubts));
    }
    Section {
        id: format!("replay-{}", index + 1),
        title: format!("Replay of {}", finding.experiment),
        blocks,
    }
}

fn cells(metric: &ReplayMetric) -> Vec<Cell> {
    let found = metric.share.map(|share| {
        let of = |share: f64| FORMAT.percent(share, 1);
        let limits = metric.limits;
        crate::format::Shown {
            estimate: of(share),
            low: limits.map_or_else(|| "–".to_owned(), |limits| of(limits.arm)),
            high: limits.map_or_else(|| "–".to_owned(), |limits| of(limits.against)),
        }
    });
    let verdict = match metric.verdict {
        ReplayVerdict::Valid => Cell::Verdict("better", "valid"),
        ReplayVerdict::FindsTooMuch => Cell::Verdict("worse", "finds too much"),
        ReplayVerdict::FindsTooLittle => Cell::Verdict("unclear", "finds too little"),
        ReplayVerdict::NotUniform => Cell::Verdict("unclear", "not uniform"),
        ReplayVerdict::Unknown => Cell::Verdict("unclear", "not known"),
    };
    vec![
        Cell::count(u64::from(metric.analysed)),
        Cell::interval(found),
        Cell::number(metric.uniform_p.map(|p| FORMAT.p_value(p, None))),
        verdict,
    ]
}
