//! What factorials say of the channels that are credited.

use std::collections::BTreeMap;

use catalog::{Attribution, Catalog, Factorial};
use lake::{Lake, LakeError};

use super::super::factorial::{FactorialFinding, effects_alone};
use super::counts::KeyCount;
use super::finding::UnansweredFactorial;
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// What a factorial says of a channel that it switches on and off: its name where it tells what the channel causes of what
/// is credited, else why it does not.
pub(super) type Says = Result<String, UnansweredFactorial>;

/// What factorials say of credited channels: of several that switch one, the first that has an answer, else the first.
///
/// A factorial stands beside the credit, which does not need it: one whose data cannot be read has no answer.
///
/// # Errors
///
/// Where files are written to meanwhile: the credit may be of them as well.
pub(super) fn factorials(
    catalog: &Catalog,
    lake: &mut Lake,
    attribution: &Attribution,
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
        let finding = measured(catalog, lake, attribution, factorial)?;
        for (factor, channel) in open {
            let answer = finding.as_ref().map_err(Refusal::clone);
            let says = answer.and_then(|finding| estimated(finding, factor));
            if says.is_ok() || !said.contains_key(channel) {
                let says = says.map(|()| factorial.name.clone());
                let says = says.map_err(|refusal| UnansweredFactorial {
                    factorial: factorial.name.clone(),
                    refusal,
                });
                said.insert(channel.to_owned(), says);
            }
        }
    }
    Ok(said)
}

/// What a factorial finds, if it is of what is credited and can be read.
fn measured(
    catalog: &Catalog,
    lake: &mut Lake,
    attribution: &Attribution,
    factorial: &Factorial,
) -> Result<Result<FactorialFinding, Refusal>, MeasureError> {
    let experiment = catalog.experiment(&factorial.experiment);
    let metric = experiment.and_then(|experiment| catalog.metric(factorial.metric_of(experiment)));
    let conversion = &attribution.conversion;
    if let Some(metric) = metric.filter(|metric| conversion.measured_by(metric).is_none()) {
        let message = format!(
            "it measures `{}`, which does not add up the conversions of `{}` that are credited, or their value",
            metric.name, conversion.fact
        );
        return Ok(Err(Refusal::new(Reason::Undeclared, message)));
    }
    match effects_alone(catalog, lake, factorial) {
        Ok(finding) => Ok(Ok(finding)),
        Err(error @ MeasureError::Lake(LakeError::Changed(_))) => Err(error),
        Err(error) => {
            let message = format!("it cannot be measured: {error}");
            Ok(Err(Refusal::new(Reason::UnfitData, message)))
        }
    }
}

/// Whether there is an estimate of what a factor causes on average over the others; else why there is none.
fn estimated(finding: &FactorialFinding, factor: &str) -> Result<(), Refusal> {
    let mut effects = finding.effects.iter();
    let effect = effects.find(|effect| effect.factor == factor);
    let outcome = effect.map(|effect| &effect.effect.outcome);
    let estimate = outcome.and_then(|outcome| outcome.absolute);
    if finding.refusal.is_none() && estimate.is_some() {
        return Ok(());
    }
    let refusal = finding.refusal.as_ref();
    let refusal = refusal.or_else(|| outcome?.refusal.as_ref()).cloned();
    Err(refusal.unwrap_or_else(|| {
        Refusal::new(
            Reason::TooLittleData,
            "the design does not say what the channel causes",
        )
    }))
}
