//! Whether an analysis is valid on its data.

use measure::audience::{ReplayFinding, ReplayVerdict};

use super::Side::{Left, Right};
use super::{Screen, Tone, finish};
use crate::format::Format;
use crate::scope;

const FORMAT: Format = Format::PLAIN;

/// The replay of an experiment's analysis on random halves of one arm.
pub fn replay(finding: &ReplayFinding, screen: Screen) -> String {
    let mut text = screen.prose(&finding.experiment, Tone::Strong);
    text.push_str(&screen.prose(&scope::replay(FORMAT, finding), Tone::Plain));
    let mut table = screen.table(
        [
            ("metric", Left),
            ("splits", Right),
            ("found", Right),
            ("by chance", Right),
            ("uniform p", Right),
            ("analysis", Left),
        ],
        false,
    );
    let dash = || "–".to_owned();
    for metric in &finding.metrics {
        let (verdict, tone) = verdict(metric.verdict);
        table.add_row([
            screen.cell(&metric.metric, Tone::Plain),
            screen.cell(FORMAT.count(u64::from(metric.analysed)), Tone::Plain),
            screen.cell(
                metric
                    .share
                    .map_or_else(dash, |share| FORMAT.percent(share, 1)),
                tone,
            ),
            screen.cell(
                metric.limits.map_or_else(dash, |limits| {
                    format!(
                        "{} to {}",
                        FORMAT.percent(limits.arm, 1),
                        FORMAT.percent(limits.against, 1)
                    )
                }),
                Tone::Quiet,
            ),
            screen.cell(
                metric.uniform_p.map_or_else(dash, |p| format!("{p:.3}")),
                Tone::Quiet,
            ),
            screen.cell(verdict, tone),
        ]);
    }
    text.push('\n');
    text.push_str(&finish(&table));
    for metric in &finding.metrics {
        if metric.verdict != ReplayVerdict::Valid {
            let sentence = format!("{}: {}", metric.metric, metric.message);
            text.push_str(&screen.prose(&sentence, Tone::Caution));
        }
    }
    text
}

fn verdict(verdict: ReplayVerdict) -> (&'static str, Tone) {
    match verdict {
        ReplayVerdict::Valid => ("valid", Tone::Good),
        ReplayVerdict::FindsTooMuch => ("finds too much", Tone::Bad),
        ReplayVerdict::FindsTooLittle => ("finds too little", Tone::Caution),
        ReplayVerdict::NotUniform => ("not uniform", Tone::Caution),
        ReplayVerdict::Unknown => ("not known", Tone::Caution),
    }
}
