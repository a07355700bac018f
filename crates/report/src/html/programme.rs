//! The section of a programme: what many experiments say together, and which of them stand out.

use catalog::Multiplicity;
use measure::audience::summaries::{
    ExperimentFinding, Prior, ProgrammeFinding, SummaryComparison, Watched, Winners,
};

use super::ReportError;
use super::block::{Block, Cell, Section, Table};
use super::page::{FORMAT, quoted};
use super::palette::{BAD, GOOD, QUIET};
use super::rows::{self, Axis, Group, Row};
use crate::format::{Interval, Shown, places};
use crate::{scope, words};

/// Most effects that are shown one by one; the others are in the JSON.
const MOST_FOUND: usize = 20;

/// The section of a programme.
pub(super) fn section(index: usize, finding: &ProgrammeFinding) -> Result<Section, ReportError> {
    let mut blocks = vec![Block::Says(says(finding))];
    if let Some(description) = &finding.description {
        blocks.push(Block::Prose(description.clone()));
    }
    blocks.push(Block::Note(scope(finding)));
    blocks.extend(found(finding)?);
    blocks.push(Block::Title("Metrics over all experiments".to_owned()));
    blocks.push(Block::Table(metrics(finding)));
    blocks.extend(expected(finding)?);
    blocks.extend(watched(finding));
    blocks.push(Block::Title("Can it be trusted?".to_owned()));
    blocks.extend(sizes(finding));
    blocks.extend(refused(finding));
    Ok(Section {
        id: format!("programme-{}", index + 1),
        title: format!("Programme {}", finding.programme),
        blocks,
    })
}

/// What the section says in ten seconds.
pub(super) fn says(finding: &ProgrammeFinding) -> String {
    let found = |of: fn(&measure::audience::summaries::MetricFinding) -> u64| -> u64 {
        finding.metrics.iter().map(of).sum()
    };
    format!(
        "Of {} in {}, {} find more and {} less than what they are compared with; {} are refused.",
        FORMAT.counted(finding.extent.comparisons, "comparison", "comparisons"),
        FORMAT.counted(finding.extent.experiments, "experiment", "experiments"),
        FORMAT.count(found(|metric| metric.found.more)),
        FORMAT.count(found(|metric| metric.found.less)),
        FORMAT.count(found(|metric| metric.refused)),
    )
}

fn scope(finding: &ProgrammeFinding) -> String {
    let extent = &finding.extent;
    let text = format!(
        "{} with {}; {}.",
        FORMAT.counted(extent.arms, "arm", "arms"),
        FORMAT.counted(extent.customers, "customer", "customers"),
        FORMAT.counted(extent.looks, "look", "looks"),
    );
    text + &scope::programme_left_out(FORMAT, extent)
}

/// The effects that were found, the clearest first: what was observed, and what is to be expected.
fn found(finding: &ProgrammeFinding) -> Result<Vec<Block>, ReportError> {
    let mut all: Vec<(&ExperimentFinding, &SummaryComparison)> = finding
        .experiments
        .iter()
        .flat_map(|experiment| {
            let comparisons = experiment.comparisons.iter();
            comparisons.map(move |comparison| (experiment, comparison))
        })
        .filter(|(_, comparison)| comparison.found)
        .collect();
    if all.is_empty() {
        return Ok(vec![Block::Prose("No effect is found.".to_owned())]);
    }
    all.sort_by(|(_, a), (_, b)| {
        let ln_p = |comparison: &SummaryComparison| comparison.outcome.ln_p.unwrap_or(0.0);
        ln_p(a).total_cmp(&ln_p(b))
    });
    let more = match all.len().saturating_sub(MOST_FOUND) {
        0 => String::new(),
        more => format!(" {} more are in the JSON.", FORMAT.count(more as u64)),
    };
    let interval = FORMAT.level(1.0 - finding.alpha);
    let caption = format!(
        "The effects that were found, the clearest first, with {interval} intervals. To expect: what is left of an \
         effect without the luck that made it stand out. {}{more}",
        adjusted_by(finding.multiplicity)
    );
    let mut table = Table::new(
        "Effects found",
        caption,
        [
            "Experiment, arm",
            "Metric",
            "Relative effect",
            "To expect",
            "p",
            "Adjusted p",
            "Hybrid decides",
        ],
    )
    .words([1]);
    let mut rows = Vec::new();
    for (experiment, comparison) in all.into_iter().take(MOST_FOUND) {
        let outcome = &comparison.outcome;
        let observed = outcome
            .relative
            .as_ref()
            .and_then(|relative| words::relative_interval(relative).ok());
        let expected = comparison.shrunk.map(|shrunk| Interval {
            estimate: shrunk.median,
            low: shrunk.low,
            high: shrunk.high,
        });
        if let Some(expected) = expected {
            let label = format!(
                "{}, {}: {}",
                experiment.experiment, comparison.arm, comparison.metric
            );
            let dot = Row::dot(label, expected, FORMAT.relative(expected).in_line());
            rows.push(Row {
                aside: observed.map(|observed| observed.estimate),
                ink: if expected.low > 0.0 {
                    GOOD
                } else if expected.high < 0.0 {
                    BAD
                } else {
                    QUIET
                },
                ..dot
            });
        }
        let adjusted = match finding.multiplicity {
            Multiplicity::Alone => outcome.p_value,
            Multiplicity::Holm => comparison.holm_p,
            Multiplicity::BenjaminiHochberg => comparison.benjamini_hochberg_p,
        };
        let hybrid = comparison
            .watch
            .as_ref()
            .and_then(|watch| watch.hybrid.as_ref());
        let row = table.row(
            &experiment.experiment,
            vec![
                Cell::Words(comparison.metric.clone()),
                Cell::interval(observed.map(|observed| FORMAT.relative(observed))),
                Cell::interval(expected.map(|expected| FORMAT.relative(expected))),
                Cell::number(outcome.p_value.map(|p| FORMAT.p_value(p, outcome.ln_p))),
                Cell::number(adjusted.map(|p| FORMAT.p_value(p, None))),
                Cell::number(hybrid.map(|decided| scope::time(&decided.time))),
            ],
        );
        row.about = comparison.arm.clone();
    }
    let group = Group {
        label: String::new(),
        rows,
    };
    let axis = Axis {
        tick: &|share| format!("{}\u{a0}%", FORMAT.signed(100.0 * share, 0)),
        from_zero: true,
        line: None,
    };
    let mut blocks = vec![Block::Title("Effects that were found".to_owned())];
    blocks.extend(Block::picture(
        rows::draw(&[group], &axis)?,
        "Effects that were found; the table below has the same numbers".to_owned(),
        format!(
            "What is to be expected of the effects that were found, with {interval} intervals; small hollow dot: as \
             observed."
        ),
    ));
    blocks.push(Block::Table(table));
    Ok(blocks)
}

fn adjusted_by(multiplicity: Multiplicity) -> &'static str {
    match multiplicity {
        Multiplicity::Alone => "Probabilities are not adjusted for the number of comparisons.",
        Multiplicity::Holm => "Adjusted: Holm.",
        Multiplicity::BenjaminiHochberg => "Adjusted: Benjamini and Hochberg.",
    }
}

fn metrics(finding: &ProgrammeFinding) -> Table {
    let caption = format!(
        "Each comparison is tested once, at its last look, at {}; shares are of those not refused. {}",
        FORMAT.percent(finding.alpha, 1),
        match finding.multiplicity {
            Multiplicity::Alone => "An effect counts as found where its own p-value is below that.",
            Multiplicity::Holm => "An effect counts as found where it is significant after Holm.",
            Multiplicity::BenjaminiHochberg =>
                "An effect counts as found where it is significant after Benjamini and Hochberg.",
        }
    );
    let mut table = Table::new(
        "Metrics",
        caption,
        [
            "Metric",
            "Comparisons",
            "Refused",
            "Alone",
            "Holm",
            "Benjamini-Hochberg",
            "Found more",
            "Found less",
        ],
    );
    for metric in &finding.metrics {
        let judged = metric.comparisons.saturating_sub(metric.refused).max(1);
        let share = |number: u64| {
            let share = FORMAT.percent(number as f64 / judged as f64, 1);
            Cell::Number(format!("{} ({share})", FORMAT.count(number)))
        };
        table.row(
            &metric.metric,
            vec![
                Cell::count(metric.comparisons),
                Cell::count(metric.refused),
                share(metric.significant.alone),
                share(metric.significant.holm),
                share(metric.significant.benjamini_hochberg),
                Cell::count(metric.found.more),
                Cell::count(metric.found.less),
            ],
        );
    }
    table
}

/// How much true effects differ, and what is left of those that were found without luck.
fn expected(finding: &ProgrammeFinding) -> Result<Vec<Block>, ReportError> {
    let interval = FORMAT.level(1.0 - finding.alpha);
    let mut table = Table::new(
        "Effects to expect",
        format!(
            "Relative effects over all experiments that are not refused, winners and losers. Spread: the standard \
             deviation of true effects, with its {interval} interval. What was found to be positive was so partly by \
             luck; the last column is what is left of it without."
        ),
        [
            "Metric",
            "From",
            "Mean",
            "Spread",
            "Next experiment",
            "Found more",
            "Each on average",
            "Without luck",
        ],
    );
    let mut refusals = Vec::new();
    for metric in &finding.metrics {
        let Some(prior) = &metric.prior else {
            let refusal = metric.prior_refusal.as_ref().map(|refusal| {
                let message = quoted(&refusal.message);
                format!(
                    "{}: what to expect cannot be said: {message}.",
                    metric.metric
                )
            });
            refusals.extend(refusal);
            continue;
        };
        let winners = metric.winners.as_ref().filter(|found| found.selected > 0);
        let each = |sum: fn(&Winners) -> f64| {
            Cell::number(winners.map(|winners| {
                let number = winners.selected as f64;
                let uncertainty = winners.corrected_se / number;
                percent((sum(winners) / number).exp_m1(), uncertainty)
            }))
        };
        table.row(
            &metric.metric,
            vec![
                Cell::count(prior.comparisons),
                Cell::Number(percent(prior.mean.exp_m1(), prior.mean_sd)),
                Cell::Interval(spread(prior)),
                Cell::Number(format!(
                    "±\u{a0}{}\u{a0}%",
                    digits(prior, prior.predictive_sd)
                )),
                Cell::count(winners.map_or(0, |winners| winners.selected)),
                each(|winners| winners.naive),
                each(|winners| winners.corrected),
            ],
        );
    }
    let mut blocks = vec![Block::Title(
        "What to expect of the next experiment".to_owned(),
    )];
    if !table.rows.is_empty() {
        blocks.push(Block::Table(table));
    }
    if !refusals.is_empty() {
        blocks.push(Block::Sentences(refusals));
    }
    Ok(blocks)
}

/// A share in per cent to the places that the spread deserves.
fn digits(prior: &Prior, share: f64) -> String {
    FORMAT.fixed(100.0 * share, places(100.0 * prior.tau_high))
}

fn spread(prior: &Prior) -> Shown {
    let percent = |share| format!("{}\u{a0}%", digits(prior, share));
    Shown {
        estimate: percent(prior.tau),
        low: percent(prior.tau_low),
        high: percent(prior.tau_high),
    }
}

/// A relative effect to the places that its uncertainty deserves.
fn percent(share: f64, uncertainty: f64) -> String {
    let digits = FORMAT.signed(100.0 * share, places(100.0 * uncertainty));
    format!("{digits}\u{a0}%")
}

/// What watching would have said.
fn watched(finding: &ProgrammeFinding) -> Vec<Block> {
    let caption = "What watching would have said, without allowing for the number of comparisons (but e-BH). In \
                   brackets: before the last look. The test at the end decides."
        .to_owned();
    let mut table = Table::new(
        "Watching",
        caption,
        [
            "Metric",
            "Comparisons",
            "One look at the end",
            "Any look, not valid",
            "Confidence sequence",
            "Group sequential",
            "Calibrated hybrid",
            "e-BH",
        ],
    );
    let decided = |watched: &Watched| {
        Cell::Number(format!(
            "{} ({})",
            FORMAT.count(watched.decided),
            FORMAT.count(watched.early)
        ))
    };
    for metric in &finding.metrics {
        let Some(watching) = &metric.watched else {
            continue;
        };
        table.row(
            &metric.metric,
            vec![
                Cell::count(watching.comparisons),
                Cell::count(watching.at_the_end),
                Cell::count(watching.at_any_look),
                decided(&watching.anytime),
                decided(&watching.group_sequential),
                decided(&watching.hybrid),
                Cell::count(watching.e_benjamini_hochberg),
            ],
        );
    }
    if table.rows.is_empty() {
        return Vec::new();
    }
    vec![Block::Folded {
        summary: "What watching would have said".to_owned(),
        table,
    }]
}

/// Whether arms are as large as planned.
fn sizes(finding: &ProgrammeFinding) -> Vec<Block> {
    let ratios = &finding.sample_ratios;
    let share = |failed: u64, tested: u64| {
        format!(
            "{} of {} ({})",
            FORMAT.count(failed),
            FORMAT.count(tested),
            FORMAT.percent(failed as f64 / tested.max(1) as f64, 1)
        )
    };
    let mut all = format!(
        "Sizes of arms: {} do not fit the planned shares (p < {}); chance alone would give {}.",
        share(ratios.all.failed, ratios.all.tested),
        FORMAT.p_value(ratios.alarm, None),
        FORMAT.fixed(ratios.all.tested as f64 * ratios.alarm, 1)
    );
    if let Some(number) = ratios.failed_at_some_look {
        all.push_str(&format!(
            " Watched at every look, {} would have given the alarm.",
            FORMAT.counted(number, "experiment", "experiments")
        ));
    }
    if ratios.untested > 0 {
        all.push_str(&format!(" {} not tested.", FORMAT.count(ratios.untested)));
    }
    let mut blocks = vec![Block::Prose(all)];
    blocks.extend(ratios.stretches.iter().map(|stretch| Block::Refusal {
        what: format!("From {} to {}", stretch.first, stretch.last),
        why: format!(
            "{} fail: the randomization of this time cannot be trusted, and {} ({} of all) are refused.",
            share(stretch.counts.failed, stretch.counts.tested),
            FORMAT.counted(stretch.experiments, "experiment", "experiments"),
            FORMAT.percent(
                stretch.experiments as f64 / finding.extent.experiments.max(1) as f64,
                1
            ),
        ),
    }));
    if let (Some(elsewhere), false) = (&ratios.elsewhere, ratios.stretches.is_empty()) {
        blocks.push(Block::Prose(format!(
            "In all other periods {} fail.",
            share(elsewhere.failed, elsewhere.tested)
        )));
    }
    blocks
}

fn refused(finding: &ProgrammeFinding) -> Option<Block> {
    if finding.refused.is_empty() {
        return None;
    }
    let mut table = Table::new(
        "Refusals",
        "Comparisons that give no number, and why.".to_owned(),
        ["Refused because of", "Experiments", "Comparisons"],
    );
    for refused in &finding.refused {
        table.row(
            quoted(&refused.what),
            vec![
                Cell::count(refused.experiments),
                Cell::count(refused.comparisons),
            ],
        );
    }
    Some(Block::Table(table))
}
