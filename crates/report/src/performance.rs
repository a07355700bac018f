//! What parts of the finding of content's performance rest on, in sentences for every surface.

use catalog::Unit;
use measure::audience::NotCounted;
use measure::content::{
    Believed, CapStep, CapsFinding, DropOneFinding, FatigueFinding, ItemFinding,
    PerformanceFinding, Valued, WearEvidence,
};

use crate::format::Format;

/// The outcome of an item a customer, as it is, to as many places as its noise warrants.
pub(crate) fn as_it_is(format: Format, unit: Unit, item: &ItemFinding) -> Option<String> {
    let raw = item.raw?;
    Some(format.mean(unit, raw, noise(raw, item.shrunk, item.alone)))
}

/// The noise of an outcome a customer, as it is.
pub(crate) fn noise(raw: f64, shrunk: Option<Believed>, alone: Option<Valued>) -> f64 {
    let shrunk = shrunk.map(|shrunk| shrunk.sd);
    let alone = alone.map(|alone| 0.5 * (alone.high - alone.low));
    shrunk
        .or(alone)
        .filter(|noise| *noise > 0.0)
        .unwrap_or(raw.abs().max(0.01))
}

/// The exposures that a higher cap allows beyond the lower one.
pub(crate) fn exposures(step: &CapStep) -> String {
    match step.last {
        Some(last) if last == step.first => last.to_string(),
        Some(last) => format!("{} to {last}", step.first),
        None => format!("{} and more", step.first),
    }
}

/// Whose exposures were capped by chance, and how often they were shown content.
pub(crate) fn capped(format: Format, caps: &CapsFinding) -> String {
    let arms: Vec<String> = caps
        .arms
        .iter()
        .map(|arm| {
            let cap = arm
                .cap
                .map_or("no cap".to_owned(), |cap| format!("a cap of {cap}"));
            let customers = format.counted(arm.customers, "customer", "customers");
            format!(
                "{customers} with {cap} ({} shown on average)",
                format.fixed(arm.exposures, 2)
            )
        })
        .collect();
    let mut text = format!(
        "Caps were given out at random by `{}`: {}. What each exposure causes is the difference in outcomes over the \
         difference in exposures.",
        caps.experiment,
        arms.join(", ")
    );
    match list(format, &caps.left_out) {
        list if list.is_empty() => {}
        list => text.push_str(&format!(" Left out: {list}.")),
    }
    text
}

/// What the curve of wear does not look at; empty if there is nothing.
pub(crate) fn not_in_curve(format: Format, fatigue: &FatigueFinding) -> String {
    match list(format, &fatigue.left_out) {
        list if list.is_empty() => list,
        list => format!("Not looked at: {list}."),
    }
}

/// What tells whether to replace items, and why not the caps where there are any; none where there is nothing to tell.
pub(crate) fn replaced_by(finding: &PerformanceFinding) -> Option<String> {
    let fatigue = &finding.fatigue;
    let text = match (fatigue.retire_by, &fatigue.without_caps) {
        (Some(WearEvidence::Caps), _) => {
            let caps = finding.caps.as_ref()?;
            let lowest = caps.arms.first().and_then(|arm| arm.cap);
            let below = match lowest {
                Some(0) | None => "",
                Some(_) => {
                    " Exposures up to the lowest cap are taken to cause no more than those of the next arm."
                }
            };
            format!(
                "How items wear is told by the caps of `{}`, which chance gave out, and not by the curve; how good an item is to begin with, by those who were shown it, which no chance stands behind.{below}",
                caps.experiment
            )
        }
        (Some(WearEvidence::Curve), None) => {
            "Whether to replace items is told by the curve, which no chance stands behind."
                .to_owned()
        }
        (Some(WearEvidence::Curve), Some(why)) => format!(
            "Whether to replace items is told by the curve, which no chance stands behind. The caps do not tell: {why}."
        ),
        (None, Some(why)) => format!("Nor do the caps tell whether to replace items: {why}."),
        (None, None) => return None,
    };
    Some(text)
}

/// The decisions that what would be missed rests on, and which exposures and items do not count.
pub(crate) fn decisions(format: Format, drop_one: &DropOneFinding) -> String {
    let counted = format.counted(drop_one.decisions, "decision", "decisions");
    let mut text = format!(
        "From {counted} with a probability and candidates. An outcome belongs to the last exposure before it, and so \
         counts once."
    );
    match list(format, &drop_one.left_out) {
        list if list.is_empty() => {}
        list => text.push_str(&format!(" Exposures that do not count: {list}.")),
    }
    if drop_one.items_left_out > 0 {
        let items = format.counted(drop_one.items_left_out, "item", "items");
        text.push_str(&format!(" {items} shown less often were not looked at."));
    }
    text
}

/// How many variants pay; none without what one costs.
pub(crate) fn variants(format: Format, finding: &PerformanceFinding) -> Option<String> {
    let portfolio = finding.portfolio.as_ref()?;
    let number = format.count(portfolio.best_number);
    let pay = match portfolio.more_may_pay {
        true => format!("{number} or more pay"),
        false => format!(
            "up to {}",
            format.counted(portfolio.best_number, "variant pays", "variants pay")
        ),
    };
    Some(format!(
        "Variants: with a cost of {} a variant, and the best one found and shown, {pay}; there are {}.",
        format.cents(portfolio.cost_of_variant, &finding.currency),
        format.count(portfolio.variants),
    ))
}

/// That outcomes of several items count once in money; none where there are no such.
pub(crate) fn counted_once(format: Format, finding: &PerformanceFinding) -> Option<String> {
    (finding.once < 0.995).then(|| {
        format!(
            "An outcome within the time of several items is in the rate of each and counts once in money, for the last of \
             them: {} of the outcomes are left.",
            format.percent(finding.once, 0)
        )
    })
}

/// What adapting content saved, or cost; none where it was neither.
pub(crate) fn adapting(format: Format, finding: &PerformanceFinding) -> Option<String> {
    let reuse = &finding.reuse;
    let saved = reuse.saved.filter(|saved| saved.abs() >= 0.005)?;
    let pieces = format.counted(reuse.adapted, "piece", "pieces");
    let amount = format.cents(saved.abs(), &finding.currency);
    Some(match saved > 0.0 {
        true => format!("Adapting {pieces} instead of making them new saved {amount}."),
        false => format!("Adapting {pieces} cost {amount} more than making them new."),
    })
}

/// What was shown outside the time in which it may be shown; none where nothing was.
pub(crate) fn not_valid(format: Format, finding: &PerformanceFinding) -> Option<String> {
    let pieces = finding.extent.not_valid.iter();
    let pieces: Vec<String> = pieces
        .map(|piece| {
            format!(
                "`{}` {}",
                piece.content,
                format.counted(piece.exposures, "time", "times")
            )
        })
        .collect();
    (!pieces.is_empty()).then(|| {
        format!(
            "content was shown while its `valid` says that it may not be: {}; these exposures count like others",
            pieces.join(", ")
        )
    })
}

/// What is wrong with the costs of touches; none where nothing is.
pub(crate) fn unknown_costs(format: Format, finding: &PerformanceFinding) -> Option<String> {
    let rows = finding.extent.unknown_costs;
    (rows > 0).then(|| {
        format!(
            "touches cost less than nothing, over 10^12 or no number in {}: their cost counts as unknown, and not as income",
            format.counted(rows, "row", "rows")
        )
    })
}

fn list(format: Format, left_out: &[NotCounted]) -> String {
    let reasons: Vec<String> = left_out
        .iter()
        .map(|left| format!("{} ({})", left.reason, format.count(left.number)))
        .collect();
    reasons.join("; ")
}
