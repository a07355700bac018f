//! What factorials say of the channels that are credited.

use std::collections::BTreeMap;

use catalog::Catalog;
use lake::Lake;

use super::super::factorial::{FactorialFinding, effects_alone};
use super::counts::KeyCount;
use super::finding::UnansweredFactorial;
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// What a factorial says of a channel that it switches on and off: its name where it tells what the channel causes, else
/// why it does not.
pub(super) type Says = Result<String, UnansweredFactorial>;

/// What factorials say of credited channels: of several that switch one, the first that has an answer, else the first.
///
/// # Errors
///
/// Where the experiment of such a factorial cannot be measured at all.
pub(super) fn factorials(
    catalog: &Catalog,
    lake: &mut Lake,
    channels: &BTreeMap<String, KeyCount>,
) -> Result<BTreeMap<String, Says>, MeasureError> {
    let mut said: BTreeMap<String, Says> = BTreeMap::new();
    for factorial in catalog.factorials() {
        let open: Vec<(&str, &str)> = (catalog.switched_by(factorial))
            .filter(|(_, channel)| channels.contains_key(*channel))
            .filter(|(_, channel)| !matches!(said.get(*channel), Some(Ok(_))))
            .collect();
        if open.is_empty() {
            continue;
        }
        let finding = effects_alone(catalog, lake, factorial)?;
        for (factor, channel) in open {
            let says = says(&finding, factor);
            if says.is_ok() || !said.contains_key(channel) {
                said.insert(channel.to_owned(), says);
            }
        }
    }
    Ok(said)
}

/// Whether there is an estimate of what a factor causes on average over the others.
fn says(finding: &FactorialFinding, factor: &str) -> Says {
    let mut effects = finding.effects.iter();
    let effect = effects.find(|effect| effect.factor == factor);
    let outcome = effect.map(|effect| &effect.effect.outcome);
    let estimate = outcome.and_then(|outcome| outcome.absolute);
    if finding.refusal.is_none() && estimate.is_some() {
        return Ok(finding.factorial.clone());
    }
    let refusal = finding.refusal.as_ref();
    let refusal = refusal.or_else(|| outcome?.refusal.as_ref()).cloned();
    Err(UnansweredFactorial {
        factorial: finding.factorial.clone(),
        refusal: refusal.unwrap_or_else(|| {
            Refusal::new(
                Reason::TooLittleData,
                "the design does not say what the channel causes",
            )
        }),
    })
}
