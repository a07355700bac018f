//! What factors cause alone and together: contrasts, shares, interactions, combinations, segments and designs.

use measure::audience::Verdict;
use measure::content::{
    ChannelsFinding, CreditEstimate, CreditModel, EvidenceLadder, FactorialFinding,
};

use super::Side::{Left, Right};
use super::{Screen, Tone, finish};
use crate::factorial as says;
use crate::format::Format;
use crate::{credit, words};

const FORMAT: Format = Format::PLAIN;
/// Most rows of a list; the others are in the JSON.
const MOST_LISTED: usize = 16;
/// The models whose credit is shown beside what was caused; the others are in the JSON.
const LISTED: [CreditModel; 4] = [
    CreditModel::Last,
    CreditModel::Linear,
    CreditModel::Markov,
    CreditModel::Shapley,
];

/// Every part of the finding that has something to say.
pub fn factorial(finding: &FactorialFinding, screen: Screen) -> String {
    let mut parts = vec![heading(finding, screen)];
    if !finding.cells.is_empty() {
        parts.push(contrasts(finding, screen));
    }
    if let Some(channels) = &finding.channels {
        parts.push(shares(finding, channels, screen));
        parts.extend(
            channels
                .evidence
                .as_ref()
                .map(|ladder| evidence(ladder, screen)),
        );
    }
    parts.extend(interactions(finding, screen));
    parts.extend(combinations(finding, screen));
    parts.extend(by_segment(finding, screen));
    parts.extend(designs(finding, screen));
    parts.join("\n")
}

fn heading(finding: &FactorialFinding, screen: Screen) -> String {
    let mut text = screen.prose(&finding.factorial, Tone::Strong);
    if let Some(description) = &finding.description {
        text.push_str(&screen.prose(description, Tone::Plain));
    }
    text.push_str(&screen.prose(&says::scope(FORMAT, finding).join(" "), Tone::Quiet));
    let tone = match finding.refusal.is_some() {
        true => Tone::Caution,
        false => Tone::Plain,
    };
    text.push_str(&screen.prose(&says::says(FORMAT, finding), tone));
    for check in &finding.checks {
        let message = format!("{}: {}", words::severity(check.severity), check.message);
        text.push_str(&screen.prose(&message, Tone::Caution));
    }
    text
}

fn tone(verdict: Option<Verdict>) -> Tone {
    match verdict {
        Some(Verdict::Better) => Tone::Good,
        Some(Verdict::Worse) => Tone::Bad,
        Some(Verdict::Unclear) | None => Tone::Plain,
    }
}

fn dash() -> String {
    "–".to_owned()
}

fn contrasts(finding: &FactorialFinding, screen: Screen) -> String {
    let interval = format!("{} interval", FORMAT.level(1.0 - finding.alpha));
    let mut table = screen.table(
        [
            ("what", Left),
            ("effect", Right),
            (&interval, Right),
            ("relative", Right),
            ("p", Right),
            ("verdict", Left),
        ],
        true,
    );
    for line in says::lines(finding) {
        let answer = line.answer;
        let outcome = &answer.outcome;
        let relative = says::relative(FORMAT, outcome).map_or_else(dash, |shown| shown.estimate);
        let p = outcome
            .p_value
            .map_or_else(dash, |p| FORMAT.p_value(p, outcome.ln_p));
        let (estimate, interval, verdict) = match says::effect(FORMAT, finding, outcome) {
            Ok(shown) => {
                let interval = shown.interval();
                (
                    shown.estimate,
                    interval,
                    line.verdict().unwrap_or("–").to_owned(),
                )
            }
            Err(reason) => (dash(), dash(), format!("no answer: {reason}")),
        };
        table.add_row([
            screen.cell(line.what, Tone::Plain),
            screen.cell(estimate, Tone::Plain),
            screen.cell(interval, Tone::Plain),
            screen.cell(relative, Tone::Plain),
            screen.cell(p, Tone::Plain),
            screen.cell(verdict, tone(answer.verdict)),
        ]);
    }
    finish(&table) + &screen.prose(says::RELATIVE, Tone::Quiet)
}

fn shares(finding: &FactorialFinding, channels: &ChannelsFinding, screen: Screen) -> String {
    let mut table = screen.table(
        [
            ("channel", Left),
            ("alone", Right),
            ("Shapley value", Right),
            ("interval", Right),
            ("share of all", Right),
            ("interval", Right),
            ("above\nthe next", Right),
        ],
        false,
    );
    for one in &channels.shares {
        let shown = |outcome| says::effect(FORMAT, finding, outcome).ok();
        let (alone, value) = (shown(&one.alone.outcome), shown(&one.value.outcome));
        let share = says::share(FORMAT, one.share.as_ref());
        table.add_row([
            one.channel.clone(),
            alone.map_or_else(dash, |shown| shown.estimate),
            value
                .as_ref()
                .map_or_else(dash, |shown| shown.estimate.clone()),
            value.as_ref().map_or_else(dash, |shown| shown.interval()),
            share
                .as_ref()
                .map_or_else(dash, |shown| shown.estimate.clone()),
            share.as_ref().map_or_else(dash, |shown| shown.interval()),
            one.above_next.map_or_else(dash, |p| FORMAT.probability(p)),
        ]);
    }
    let note = "Shapley value: what the channel adds, averaged over all orders of switching channels on. The values add \
                up to all against none.";
    finish(&table) + &screen.prose(note, Tone::Quiet)
}

/// An amount and its interval, or dashes.
fn amount(one: Option<&CreditEstimate>) -> (String, String) {
    let Some(one) = one else {
        return (dash(), dash());
    };
    let places = if one.estimate.abs() < 100.0 { 2 } else { 0 };
    let fixed = |number| FORMAT.fixed(number, places);
    let ends = one.low.zip(one.high);
    let interval = ends.map(|(low, high)| format!("{} to {}", fixed(low), fixed(high)));
    (fixed(one.estimate), interval.unwrap_or_else(dash))
}

fn evidence(ladder: &EvidenceLadder, screen: Screen) -> String {
    let title = format!(
        "Caused and credited among the {} of the arm {} ({})",
        FORMAT.counted(ladder.customers, "customer", "customers"),
        ladder.arm,
        ladder.attribution
    );
    let title = screen.prose(&title, Tone::Strong);
    if let Some(refusal) = &ladder.refusal {
        let text = format!("Credit cannot stand beside: {}.", refusal.message);
        return title + &screen.prose(&text, Tone::Caution);
    }
    let mut table = screen.table(
        [
            ("channel", Left),
            ("amount", Right),
            ("interval", Right),
            ("caused /\ncredited", Right),
            ("interval", Right),
        ],
        false,
    );
    for row in &ladder.rows {
        let (caused, interval) = amount(row.caused.as_ref());
        let name = format!("{}, by experiment (A)", row.channel);
        table.add_row([name, caused, interval, String::new(), String::new()]);
        for one in row
            .credited
            .iter()
            .filter(|one| LISTED.contains(&one.model))
        {
            let (credited, interval) = amount(Some(&one.credit));
            let (factor, ends) = amount(one.factor.as_ref());
            let name = format!("  {} (D)", credit::name(one.model));
            table.add_row([name, credited, interval, factor, ends]);
        }
    }
    let note = "Caused over credited: 1 if the credit is right, 0 if the channel caused nothing. The other models are in \
                the JSON.";
    title + &finish(&table) + &screen.prose(note, Tone::Quiet)
}

fn interactions(finding: &FactorialFinding, screen: Screen) -> Option<String> {
    if finding.interactions.is_empty() {
        return None;
    }
    let mut table = screen.table(
        [
            ("together", Left),
            ("interaction", Right),
            ("interval", Right),
            ("corrected p", Right),
            ("do the effects add up?", Left),
        ],
        true,
    );
    for one in finding.interactions.iter().take(MOST_LISTED) {
        let (estimate, interval, verdict) = match says::effect(FORMAT, finding, &one.effect.outcome)
        {
            Ok(shown) => {
                let interval = shown.interval();
                (
                    shown.estimate,
                    interval,
                    says::interaction_says(one).to_owned(),
                )
            }
            Err(reason) if one.p_adjusted.is_none() => {
                (dash(), dash(), format!("no answer: {reason}"))
            }
            Err(_) => (dash(), dash(), says::interaction_says(one).to_owned()),
        };
        table.add_row([
            one.factors.join(" × "),
            estimate,
            interval,
            one.p_adjusted
                .map_or_else(dash, |p| FORMAT.p_value(p, None)),
            verdict,
        ]);
    }
    Some(finish(&table) + &more(finding.interactions.len(), screen))
}

/// How many rows are not listed.
fn more(rows: usize, screen: Screen) -> String {
    match rows.saturating_sub(MOST_LISTED) {
        0 => String::new(),
        more => screen.prose(&format!("{more} more are in the JSON."), Tone::Quiet),
    }
}

fn combinations(finding: &FactorialFinding, screen: Screen) -> Option<String> {
    if finding.combinations.is_empty() {
        return None;
    }
    let mut table = screen.table(
        [
            ("combination", Left),
            ("as it is", Right),
            ("to expect", Right),
            ("interval", Right),
            ("is the best", Right),
            ("run", Left),
        ],
        false,
    );
    for one in finding.combinations.iter().take(MOST_LISTED) {
        let mean = |value: f64, half: f64| FORMAT.mean(finding.unit, value, half);
        let own = one
            .mean
            .as_ref()
            .map(|own| mean(own.estimate, 0.5 * (own.high - own.low)));
        let expected = says::combination_value(one).map(|value| {
            let half = 0.5 * (value.high - value.low);
            let interval = format!("{} to {}", mean(value.low, half), mean(value.high, half));
            (mean(value.estimate, half), interval)
        });
        let (expected, interval) = expected.unwrap_or_else(|| (dash(), dash()));
        table.add_row([
            one.levels.join(" × "),
            own.unwrap_or_else(dash),
            expected,
            interval,
            one.probability_best
                .map_or_else(dash, |p| FORMAT.probability(p)),
            if one.arm.is_some() { "yes" } else { "no" }.to_owned(),
        ]);
    }
    let note = "To expect: a combination's own mean and those of the combinations that it shares levels with, by how much \
                each can be trusted.";
    Some(
        finish(&table)
            + &more(finding.combinations.len(), screen)
            + &screen.prose(note, Tone::Quiet),
    )
}

fn by_segment(finding: &FactorialFinding, screen: Screen) -> Option<String> {
    if finding.by_segment.is_empty() {
        return None;
    }
    let mut text = screen.prose("By segment", Tone::Strong);
    for one in &finding.by_segment {
        text.push_str(&screen.prose(&says::by_segment(FORMAT, finding, one), Tone::Plain));
    }
    Some(text)
}

fn designs(finding: &FactorialFinding, screen: Screen) -> Option<String> {
    if finding.designs.is_empty() {
        return None;
    }
    let mut table = screen.table(
        [
            ("design", Left),
            ("one factor", Right),
            ("interaction", Right),
            ("one against\nanother", Right),
            ("not told apart", Left),
        ],
        true,
    );
    for one in &finding.designs {
        let present = if one.present { ", as run" } else { "" };
        let effect = |pick: fn(&measure::content::DetectableEffects) -> f64| {
            let effect = one.detectable.as_ref().map(pick)?;
            Some(FORMAT.mean(finding.unit, effect, effect / 10.0))
        };
        table.add_row([
            format!("{} of {} combinations{present}", one.runs, one.of),
            effect(|one| one.main).unwrap_or_else(dash),
            effect(|one| one.interaction).unwrap_or_else(dash),
            effect(|one| one.alone).unwrap_or_else(dash),
            says::not_told_apart(one),
        ]);
    }
    Some(finish(&table) + &screen.prose(&says::about_designs(FORMAT, finding), Tone::Quiet))
}
