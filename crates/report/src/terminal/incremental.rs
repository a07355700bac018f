//! What stands behind an increment of lifetime value: whether it fades, the second opinion, and a comparison without
//! randomization.

use measure::audience::lifetime::{
    FadingFinding, IncrementalArm, LifetimeFinding, RelativeEffect, RolloutFinding,
};

use super::Side::{Left, Right};
use super::{Screen, Tone, finish};
use crate::format::Format;
use crate::incremental as words;

const FORMAT: Format = Format::PLAIN;
/// Most months that are listed one by one; the others are in the JSON.
const MOST_LISTED: usize = 12;

/// Whether an arm's effect fades, and the second opinion.
pub(super) fn behind(arm: &IncrementalArm, finding: &LifetimeFinding, screen: Screen) -> String {
    let mut text = String::new();
    for adjusted in words::adjusted(FORMAT, arm, finding) {
        text.push_str(&screen.prose(&adjusted, Tone::Plain));
    }
    if let Some(fading) = &arm.fading {
        text.push_str(&self::fading(fading, finding, screen));
    }
    if let Some(surrogate) = &arm.surrogate {
        let tone = if surrogate.agrees == Some(false) {
            Tone::Caution
        } else {
            Tone::Plain
        };
        text.push_str(&screen.prose(&words::surrogate(FORMAT, surrogate, finding), tone));
    }
    text
}

fn fading(found: &FadingFinding, finding: &LifetimeFinding, screen: Screen) -> String {
    let mut text = String::new();
    let effect = |effect: &RelativeEffect| words::relative(FORMAT, effect).in_line();
    let months = found.months.iter().take(MOST_LISTED);
    let months = months.map(|month| (month.month.to_string(), effect(&month.effect)));
    let cohorts = found.cohorts.iter().rev().take(MOST_LISTED).rev();
    let cohorts = cohorts.map(|cohort| (cohort.cohort.clone(), effect(&cohort.effect)));
    let header = format!("in the first {} months", found.cohort_months);
    let listed = [
        (
            "month since the start",
            "brought more",
            months.collect::<Vec<_>>(),
        ),
        ("started in", header.as_str(), cohorts.collect()),
    ];
    for (first, second, rows) in listed.into_iter().filter(|(.., rows)| !rows.is_empty()) {
        let mut table = screen.table([(first, Left), (second, Right)], false);
        for (name, shown) in rows {
            table.add_row([name, shown]);
        }
        text.push_str(&finish(&table));
    }
    for sentence in words::fading(FORMAT, found) {
        text.push_str(&screen.prose(&sentence, Tone::Plain));
    }
    if !found.paces.is_empty() {
        let mut table = screen.table(
            [
                ("if it stays on and, by Pareto/NBD,", Left),
                ("per customer of the experiment", Right),
            ],
            false,
        );
        for pace in &found.paces {
            let total = words::signed(FORMAT, finding, &pace.total);
            table.add_row([words::supposed(FORMAT, pace), total.in_line()]);
        }
        text.push_str(&finish(&table));
    }
    text
}

/// What a treatment added whose start was not randomized.
pub(super) fn rollout(found: &RolloutFinding, finding: &LifetimeFinding, screen: Screen) -> String {
    let mut text = screen.prose("Rollout without randomization", Tone::Strong);
    let mut sentences = words::rollout(FORMAT, found, finding).into_iter();
    if let Some(first) = sentences.next() {
        let tone = if found.refusal.is_some() {
            Tone::Caution
        } else {
            Tone::Plain
        };
        text.push_str(&screen.prose(&first, tone));
    }
    let near = |month: i64| (-(MOST_LISTED as i64) / 2..MOST_LISTED as i64).contains(&month);
    let months: Vec<_> = found
        .by_month
        .iter()
        .filter(|month| near(month.month))
        .collect();
    if !months.is_empty() {
        let columns = [
            ("months since treated", Right),
            ("customers", Right),
            ("per customer", Right),
        ];
        let mut table = screen.table(columns, false);
        for month in months {
            table.add_row([
                FORMAT.signed(month.month as f64, 0),
                FORMAT.count(month.customers),
                words::signed(FORMAT, finding, &month.effect).in_line(),
            ]);
        }
        text.push_str(&finish(&table));
    }
    for sentence in sentences {
        text.push_str(&screen.prose(&sentence, Tone::Plain));
    }
    text
}
