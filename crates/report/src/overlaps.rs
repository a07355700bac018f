//! What experiments on the same customers do to each other, in words that the terminal and the page share.

use measure::audience::{Overlap, OverlapEffect, OverlapsFinding};

use crate::format::Format;

/// The pairs that are shown first: those with the smallest probabilities.
pub(crate) const SHOWN: usize = 10;

/// What is found, in ten seconds.
pub(crate) fn says(format: Format, finding: &OverlapsFinding) -> String {
    let (pairs, dependent, disturbed) = (
        finding.pairs.len(),
        finding.dependent().count(),
        finding.disturbed().count(),
    );
    if pairs == 0 {
        return "No two experiments share customers.".to_owned();
    }
    let shared = format!(
        "{} of experiments {} customers",
        format.counted(pairs as u64, "pair", "pairs"),
        if pairs == 1 { "shares" } else { "share" }
    );
    let assignments = match dependent {
        0 => "no dependence of assignments is shown".to_owned(),
        some => format!(
            "in {} assignments depend on each other",
            format.counted(some as u64, "pair", "pairs")
        ),
    };
    let effects = match disturbed {
        0 => "and no effect is shown to change with another experiment’s arms".to_owned(),
        some => format!(
            "and {} with another experiment’s arms",
            format.counted(some as u64, "effect changes", "effects change")
        ),
    };
    format!("{shared}: {assignments}, {effects}.")
}

/// How to read the probabilities, and what is not in the table.
pub(crate) fn notes(format: Format, finding: &OverlapsFinding) -> Vec<String> {
    let tested = |known: usize| format.count(known as u64);
    let assignments = finding.pairs.iter();
    let assignments = assignments.filter(|pair| pair.adjusted_p.is_some()).count();
    let effects = finding.pairs.iter().flat_map(|pair| &pair.effects);
    let (with, without): (Vec<&OverlapEffect>, Vec<&OverlapEffect>) =
        effects.partition(|effect| effect.adjusted_p.is_some());
    let read = || {
        format!(
            "Customers may have been in both at the same time or one after the other. Probabilities are adjusted for \
             the number of tests (Holm): {} of assignments, {} of effects; without any fault, one below {} comes up in \
             each of the two with at most this probability.",
            tested(assignments),
            tested(with.len()),
            format.quantity(finding.alpha)
        )
    };
    let mut notes: Vec<String> = (!finding.pairs.is_empty()).then(read).into_iter().collect();
    if finding.apart > 0 {
        notes.push(format!(
            "{} no customer.",
            format.counted(finding.apart, "pair shares", "pairs share")
        ));
    }
    if finding.not_looked_at > 0 {
        notes.push(format!(
            "{} not looked at: the smallest of more than can be.",
            format.counted(finding.not_looked_at, "pair was", "pairs were")
        ));
    }
    notes.extend(finding.refused.iter().map(|refused| {
        format!(
            "{}: not looked at: {}.",
            refused.experiments.join(" with "),
            refused.refusal.message
        )
    }));
    notes.extend(reasons(format, &without));
    notes
}

/// Why effects have no test, each reason once.
fn reasons(format: Format, effects: &[&OverlapEffect]) -> Vec<String> {
    let mut reasons: Vec<(&str, u64)> = Vec::new();
    for effect in effects {
        let Some(refusal) = &effect.interaction.refusal else {
            continue;
        };
        match reasons
            .iter_mut()
            .find(|(known, _)| *known == refusal.message)
        {
            Some((_, number)) => *number += 1,
            None => reasons.push((&refusal.message, 1)),
        }
    }
    let sentence = |(reason, number): (&str, u64)| {
        format!(
            "{} without a test: {reason}.",
            format.counted(number, "effect", "effects")
        )
    };
    reasons.into_iter().map(sentence).collect()
}

/// Each effect that changes, with its size where both experiments have two arms.
pub(crate) fn disturbed(format: Format, finding: &OverlapsFinding) -> Vec<String> {
    let sentence = |(pair, effect): (&Overlap, &OverlapEffect)| {
        let [own, other] = &pair.experiments;
        let other = if effect.experiment == *own {
            other
        } else {
            own
        };
        let interaction = &effect.interaction;
        let size = interaction.effect.as_ref().map_or_else(String::new, |by| {
            let shown = format.absolute(interaction.unit, by.into());
            format!(
                " by {} ({} from {} to {})",
                shown.estimate,
                format.level(1.0 - finding.alpha),
                shown.low,
                shown.high
            )
        });
        format!(
            "{}: the effect on {} changes{size} where {other} treats.",
            effect.experiment, interaction.metric
        )
    };
    finding.disturbed().map(sentence).collect()
}

/// The pairs, the smallest probability of any of their tests first.
pub(crate) fn ordered(finding: &OverlapsFinding) -> Vec<&Overlap> {
    let smallest = |pair: &Overlap| {
        let effects = pair.effects.iter();
        let effects = effects.filter_map(|effect| effect.interaction.ln_p);
        effects.chain(pair.assignment.ln_p).fold(0.0, f64::min)
    };
    let mut pairs: Vec<&Overlap> = finding.pairs.iter().collect();
    pairs.sort_by(|a, b| smallest(a).total_cmp(&smallest(b)));
    pairs
}

/// An adjusted probability, or a dash.
pub(crate) fn probability(format: Format, adjusted: Option<f64>) -> String {
    adjusted.map_or_else(|| "–".to_owned(), |p| format.p_value(p, None))
}

/// What is shown of a pair: whether that is bad, and its words.
pub(crate) fn verdict(finding: &OverlapsFinding, pair: &Overlap) -> (bool, &'static str) {
    let alarms = |adjusted: Option<f64>| adjusted.is_some_and(|p| p < finding.alpha);
    let mut effects = pair.effects.iter();
    let depends = alarms(pair.adjusted_p);
    let changes = effects.any(|effect| alarms(effect.adjusted_p));
    match (depends, changes) {
        (true, true) => (true, "assignments and effects depend"),
        (true, false) => (true, "assignments depend"),
        (false, true) => (true, "effects change"),
        (false, false) => (false, "nothing shown"),
    }
}
