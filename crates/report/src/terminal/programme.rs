//! The finding of a programme: what many experiments say together, and which of them stand out.

use catalog::Multiplicity;
use measure::audience::Estimate;
use measure::audience::summaries::{
    ExperimentFinding, MetricFinding, ProgrammeFinding, SummaryComparison, Watched, Watching,
    Winners,
};

use super::Side::{Left, Right};
use super::{Screen, Tone, finish};
use crate::format::{Format, Interval, places};
use crate::{scope, words};

const FORMAT: Format = Format::PLAIN;
/// Most comparisons that are listed one by one; the others are in the JSON.
const MOST_LISTED: usize = 15;

/// How much there is, what was refused, sizes of arms, each metric over all experiments, and the effects that were
/// found, the clearest first.
pub fn programme(finding: &ProgrammeFinding, screen: Screen) -> String {
    let mut parts = vec![heading(finding, screen), sample_ratios(finding, screen)];
    parts.extend(refused(finding, screen));
    parts.push(metrics(finding, screen));
    parts.extend(watched(finding, screen));
    parts.push(expected(finding, screen));
    parts.push(found(finding, screen));
    parts.join("\n")
}

fn heading(finding: &ProgrammeFinding, screen: Screen) -> String {
    let extent = &finding.extent;
    let mut text = screen.prose(&finding.programme, Tone::Strong);
    if let Some(description) = &finding.description {
        text.push_str(&screen.prose(description, Tone::Plain));
    }
    let scope = format!(
        "{} with {} and {}; {} at {}.",
        FORMAT.counted(extent.experiments, "experiment", "experiments"),
        FORMAT.counted(extent.arms, "arm", "arms"),
        FORMAT.counted(extent.customers, "customer", "customers"),
        FORMAT.counted(extent.comparisons, "comparison", "comparisons"),
        FORMAT.counted(extent.looks, "look", "looks"),
    );
    let scope = scope + &scope::programme_left_out(FORMAT, extent);
    text + &screen.prose(&scope, Tone::Quiet)
}

fn sample_ratios(finding: &ProgrammeFinding, screen: Screen) -> String {
    let ratios = &finding.sample_ratios;
    let share = |failed: u64, tested: u64| {
        format!(
            "{} of {} ({})",
            FORMAT.count(failed),
            FORMAT.count(tested),
            FORMAT.percent(failed as f64 / tested.max(1) as f64, 1)
        )
    };
    let mut text = format!(
        "Sizes of arms: {} do not fit the planned shares (p < {})",
        FORMAT.counted(ratios.all.failed, "experiment", "experiments"),
        FORMAT.p_value(ratios.alarm, None)
    );
    text.push_str(&format!(
        ", {}; chance alone would give {}.",
        share(ratios.all.failed, ratios.all.tested),
        FORMAT.fixed(ratios.all.tested as f64 * ratios.alarm, 1)
    ));
    if let Some(at_some_look) = ratios.failed_at_some_look {
        text.push_str(&format!(
            " Watched at every look, {} would have given the alarm.",
            FORMAT.counted(at_some_look, "experiment", "experiments")
        ));
    }
    if ratios.untested > 0 {
        text.push_str(&format!(" {} not tested.", FORMAT.count(ratios.untested)));
    }
    let tone = if ratios.all.failed > 0 {
        Tone::Caution
    } else {
        Tone::Good
    };
    let mut text = screen.prose(&text, tone);
    for stretch in &ratios.stretches {
        let experiments = stretch.experiments as f64 / finding.extent.experiments.max(1) as f64;
        let line = format!(
            "From {} to {} ({}) {} fail: the randomization of this time cannot be trusted, and {} ({} of all) are \
             refused.",
            stretch.first,
            stretch.last,
            FORMAT.counted(stretch.periods, "period", "periods"),
            share(stretch.counts.failed, stretch.counts.tested),
            FORMAT.counted(stretch.experiments, "experiment", "experiments"),
            FORMAT.percent(experiments, 1),
        );
        text.push_str(&screen.prose(&line, Tone::Bad));
    }
    if let (Some(elsewhere), false) = (&ratios.elsewhere, ratios.stretches.is_empty()) {
        let line = format!(
            "In all other periods {} fail.",
            share(elsewhere.failed, elsewhere.tested)
        );
        text.push_str(&screen.prose(&line, Tone::Plain));
    }
    text
}

fn refused(finding: &ProgrammeFinding, screen: Screen) -> Option<String> {
    if finding.refused.is_empty() {
        return None;
    }
    let mut table = screen.table(
        [
            ("refused because of", Left),
            ("experiments", Right),
            ("comparisons", Right),
        ],
        false,
    );
    for refused in &finding.refused {
        table.add_row([
            refused.what.clone(),
            FORMAT.count(refused.experiments),
            FORMAT.count(refused.comparisons),
        ]);
    }
    Some(finish(&table))
}

fn metrics(finding: &ProgrammeFinding, screen: Screen) -> String {
    let alone = format!("p < {}", FORMAT.p_value(finding.alpha, None));
    let mut table = screen.table(
        [
            ("metric", Left),
            ("comparisons", Right),
            ("refused", Right),
            (&alone, Right),
            ("Holm", Right),
            ("Benjamini-\nHochberg", Right),
            ("found\nmore", Right),
            ("found\nless", Right),
        ],
        false,
    );
    for metric in &finding.metrics {
        let judged = metric.comparisons - metric.refused;
        let share = |number: u64| {
            format!(
                "{} ({})",
                FORMAT.count(number),
                FORMAT.percent(number as f64 / judged.max(1) as f64, 1)
            )
        };
        table.add_row([
            metric.metric.clone(),
            FORMAT.count(metric.comparisons),
            FORMAT.count(metric.refused),
            share(metric.significant.alone),
            share(metric.significant.holm),
            share(metric.significant.benjamini_hochberg),
            FORMAT.count(metric.found.more),
            FORMAT.count(metric.found.less),
        ]);
    }
    let note = format!(
        "Each comparison is tested once, at its last look; shares are of those not refused. {}",
        match finding.multiplicity {
            Multiplicity::Alone =>
                "An effect counts as found where its own p-value is below alpha.",
            Multiplicity::Holm => "An effect counts as found where it is significant after Holm.",
            Multiplicity::BenjaminiHochberg =>
                "An effect counts as found where it is significant after Benjamini and Hochberg.",
        }
    );
    finish(&table) + &screen.prose(&note, Tone::Plain)
}

fn watched(finding: &ProgrammeFinding, screen: Screen) -> Option<String> {
    let watching: Vec<(&MetricFinding, &Watching)> = finding
        .metrics
        .iter()
        .filter_map(|metric| Some((metric, metric.watched.as_ref()?)))
        .collect();
    if watching.is_empty() {
        return None;
    }
    let mut table = screen.table(
        [
            ("metric\ndecided (early)", Left),
            ("comparisons", Right),
            ("one look\nat the end", Right),
            ("any look,\nnot valid", Right),
            ("confidence\nsequence", Right),
            ("group\nsequential", Right),
            ("calibrated\nhybrid", Right),
            ("e-BH", Right),
        ],
        false,
    );
    let decided = |watched: &Watched| {
        format!(
            "{} ({})",
            FORMAT.count(watched.decided),
            FORMAT.count(watched.early)
        )
    };
    for (metric, watching) in &watching {
        table.add_row([
            metric.metric.clone(),
            FORMAT.count(watching.comparisons),
            FORMAT.count(watching.at_the_end),
            FORMAT.count(watching.at_any_look),
            decided(&watching.anytime),
            decided(&watching.group_sequential),
            decided(&watching.hybrid),
            FORMAT.count(watching.e_benjamini_hochberg),
        ]);
    }
    let mut note = "What watching would have said, without allowing for the number of comparisons (but e-BH). In \
                    brackets: before the last look. The test at the end decides."
        .to_owned();
    let passing: Vec<String> = watching
        .iter()
        .filter(|(_, watching)| watching.hybrid.not_at_the_end > 0)
        .map(|(metric, watching)| {
            format!(
                "{} of metric {}",
                watching.hybrid.not_at_the_end, metric.metric
            )
        })
        .collect();
    if !passing.is_empty() {
        note.push_str(&format!(
            " Effects that the hybrid decides and that are not there at the end: {}.",
            passing.join(", ")
        ));
    }
    Some(finish(&table) + &screen.prose(&note, Tone::Plain))
}

fn expected(finding: &ProgrammeFinding, screen: Screen) -> String {
    let mut table = screen.table(
        [
            ("metric\nrelative effects", Left),
            ("from", Right),
            ("mean", Right),
            ("spread (tau)", Right),
            ("next\nexperiment", Right),
            ("found\nmore", Right),
            ("each on\naverage", Right),
            ("without\nluck", Right),
        ],
        false,
    );
    let mut refusals = String::new();
    for metric in &finding.metrics {
        let Some(prior) = &metric.prior else {
            if let Some(refusal) = &metric.prior_refusal {
                let text = format!("{}: no prior: {}.", metric.metric, refusal.message);
                refusals.push_str(&screen.prose(&text, Tone::Plain));
            }
            continue;
        };
        let spread = |share: f64| FORMAT.fixed(100.0 * share, places(100.0 * prior.tau_high));
        let winners = metric.winners.as_ref().filter(|w| w.selected > 0);
        let each = |sum: fn(&Winners) -> f64| {
            winners.map_or("–".to_owned(), |winners| {
                let number = winners.selected as f64;
                let uncertainty = winners.corrected_se / number;
                percent((sum(winners) / number).exp_m1(), uncertainty)
            })
        };
        table.add_row([
            metric.metric.clone(),
            FORMAT.count(prior.comparisons),
            percent(prior.mean.exp_m1(), prior.mean_sd),
            format!(
                "{} % ({} to {})",
                spread(prior.tau),
                spread(prior.tau_low),
                spread(prior.tau_high)
            ),
            format!("± {} %", spread(prior.predictive_sd)),
            FORMAT.count(winners.map_or(0, |winners| winners.selected)),
            each(|winners| winners.naive),
            each(|winners| winners.corrected),
        ]);
    }
    let note = "Of all experiments that are not refused, winners and losers: how much true relative effects differ. \
                What was found to be positive was so partly by luck; the last column is what is left of it without.";
    finish(&table) + &refusals + &screen.prose(note, Tone::Plain)
}

/// A relative effect to the places that its uncertainty deserves.
fn percent(share: f64, uncertainty: f64) -> String {
    let digits = FORMAT.signed(100.0 * share, places(100.0 * uncertainty));
    format!("{digits} %")
}

/// The effects that were found, the clearest first.
fn found(finding: &ProgrammeFinding, screen: Screen) -> String {
    let mut all: Vec<(&ExperimentFinding, &SummaryComparison)> = finding
        .experiments
        .iter()
        .flat_map(|experiment| experiment.comparisons.iter().map(move |c| (experiment, c)))
        .filter(|(_, comparison)| comparison.found)
        .collect();
    if all.is_empty() {
        return screen.prose("No effect is found.", Tone::Plain);
    }
    all.sort_by(|(_, a), (_, b)| {
        let ln_p = |comparison: &SummaryComparison| comparison.outcome.ln_p.unwrap_or(0.0);
        ln_p(a).total_cmp(&ln_p(b))
    });
    let level = FORMAT.level(1.0 - finding.alpha);
    let relative = format!("relative\n{level} interval");
    let expected = format!("to expect\n{level} interval");
    let mut table = screen.table(
        [
            ("experiment\narm", Left),
            ("metric", Left),
            (&relative, Right),
            (&expected, Right),
            ("p\nadjusted", Right),
            ("first decided\nby the hybrid", Right),
        ],
        false,
    );
    for (experiment, comparison) in all.iter().take(MOST_LISTED) {
        table.add_row(found_row(finding, experiment, comparison));
    }
    let more = all.len().saturating_sub(MOST_LISTED) as u64;
    let note = match more {
        0 => String::new(),
        more => screen.prose(
            &format!("{} more in the JSON.", FORMAT.count(more)),
            Tone::Quiet,
        ),
    };
    finish(&table) + &note
}

fn found_row(
    finding: &ProgrammeFinding,
    experiment: &ExperimentFinding,
    comparison: &SummaryComparison,
) -> [String; 6] {
    let outcome = &comparison.outcome;
    let two_lines = |effect: Interval| {
        let shown = FORMAT.relative(effect);
        format!("{}\n{}", shown.estimate, shown.interval())
    };
    let observed = match outcome.relative.as_ref().map(words::relative_interval) {
        Some(Ok(effect)) => two_lines(effect),
        _ => outcome.absolute.as_ref().map_or_else(
            || "–".to_owned(),
            |absolute: &Estimate| FORMAT.signed(absolute.estimate, places(absolute.se)),
        ),
    };
    let expected = comparison.shrunk.map_or_else(
        || "–".to_owned(),
        |shrunk| {
            two_lines(Interval {
                estimate: shrunk.median,
                low: shrunk.low,
                high: shrunk.high,
            })
        },
    );
    let adjusted = match finding.multiplicity {
        Multiplicity::Alone => outcome.p_value,
        Multiplicity::Holm => comparison.holm_p,
        Multiplicity::BenjaminiHochberg => comparison.benjamini_hochberg_p,
    };
    let hybrid = comparison
        .watch
        .as_ref()
        .and_then(|watch| watch.hybrid.as_ref());
    [
        format!("{}\n{}", experiment.experiment, comparison.arm),
        comparison.metric.clone(),
        observed,
        expected,
        format!(
            "{}\n{}",
            FORMAT.p_value(outcome.p_value.unwrap_or(1.0), outcome.ln_p),
            FORMAT.p_value(adjusted.unwrap_or(1.0), None)
        ),
        hybrid.map_or_else(
            || "–".to_owned(),
            |decided| {
                format!(
                    "{}\n{} of the information",
                    scope::time(&decided.time),
                    FORMAT.percent(decided.fraction, 0)
                )
            },
        ),
    ]
}
