//! What experiments and factorials say of what is credited, and of what none does.

use std::collections::BTreeMap;

use super::checks::{Looked, check};
use super::finding::{AttributionCheck, AttributionCheckKind as Kind, KeyFinding, TestedChannel};
use crate::audience::Severity;

/// A test that has no answer, in words, and why.
type NoAnswer<'a> = (String, &'a str);

/// Which channels an experiment or a factorial says what they cause, and why not of the others.
pub(super) fn experiments(looked: &Looked<'_>) -> AttributionCheck {
    let is_tested = |key: &&KeyFinding| key.tested == Some(true);
    let (tested, others): (Vec<&KeyFinding>, Vec<&KeyFinding>) =
        looked.keys.iter().partition(is_tested);
    let mut by_factorial: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut unanswered: BTreeMap<NoAnswer<'_>, Vec<String>> = BTreeMap::new();
    let mut untested = Vec::new();
    for key in others {
        let name = format!("`{}`", key.key);
        match (&key.factorial, no_answer(looked, key)) {
            (Some(factorial), _) => by_factorial.entry(factorial).or_default().push(name),
            (None, Some(test)) => unanswered.entry(test).or_default().push(name),
            (None, None) => untested.push(name),
        }
    }
    let by_any = !(tested.is_empty() && by_factorial.is_empty() && unanswered.is_empty());
    if !by_any && looked.calibrations.is_empty() {
        let message = "no experiment says how much of the credit is caused: all of it may be what would have happened \
                       anyway";
        return check(Kind::Experiments, Severity::Notice, 0, message.to_owned());
    }
    let mut says: Vec<String> = (by_factorial.iter())
        .map(|(factorial, names)| {
            format!(
                "the factorial `{factorial}` says what is caused by {}",
                names.join(", ")
            )
        })
        .collect();
    says.extend(unanswered.iter().map(|((test, why), names)| {
        format!(
            "the {test} does not say what is caused by {}: {why}",
            names.join(", ")
        )
    }));
    if !untested.is_empty() {
        says.push(format!(
            "no experiment tested {}: their credit is a model's word",
            untested.join(", ")
        ));
    }
    let without = untested.len() + unanswered.values().map(Vec::len).sum::<usize>();
    let severity = match without {
        0 => Severity::Fine,
        _ => Severity::Warning,
    };
    if says.is_empty() {
        says.push("an experiment tested each channel".to_owned());
    }
    check(Kind::Experiments, severity, without as u64, says.join("; "))
}

/// The experiment, else the factorial, that tested a channel and does not say what it causes.
fn no_answer<'a>(looked: &Looked<'a>, key: &'a KeyFinding) -> Option<NoAnswer<'a>> {
    let mut experiments = (looked.calibrations.iter()).flat_map(|one| &one.experiments);
    let refused = experiments.find_map(|one: &TestedChannel| {
        let refusal = one.refusal.as_ref().filter(|_| one.channel == key.key)?;
        Some((format!("experiment `{}`", one.experiment), refusal))
    });
    let by_factorial = || {
        let one = key.unanswered.as_ref()?;
        Some((format!("factorial `{}`", one.factorial), &one.refusal))
    };
    let (test, refusal) = refused.or_else(by_factorial)?;
    Some((test, refusal.message.as_str()))
}
