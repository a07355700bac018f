//! One ladder of evidence: what channels caused by the experiment, beside what models credit them with.

use attribution::calibration::Amount;
use catalog::{Attribution, Catalog};
use lake::Lake;

use super::super::credit::{
    ArmJourneys, CalibrationFactor, CreditEstimate, CreditModel, credit_in_arm,
};
use super::Asked;
use super::finding::{ChannelsFinding, CreditedChannel, EvidenceLadder, EvidenceRow};
use crate::audience::LiftFinding;
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// What channels caused among the customers of the arm that has all of them, Shapley value times customers, and what
/// the journeys of these very customers are credited with, in the time over which the metric adds up.
///
/// # Errors
///
/// Where touches and conversions cannot be read.
pub(super) fn evidence(
    catalog: &Catalog,
    lake: &mut Lake,
    asked: &Asked<'_>,
    attribution: &Attribution,
    (lift, channels): (&LiftFinding, &ChannelsFinding),
) -> Result<EvidenceLadder, MeasureError> {
    let factors = &asked.factors;
    let all_on = |(_, levels): &&(&str, Vec<usize>)| levels.iter().all(|level| *level == 1);
    let name = factors.cells.iter().find(all_on).map(|(arm, _)| *arm);
    let arm = asked
        .experiment
        .arms
        .iter()
        .find(|arm| Some(arm.name.as_str()) == name);
    let mut ladder = EvidenceLadder {
        attribution: attribution.name.clone(),
        arm: name.unwrap_or_default().to_owned(),
        customers: 0,
        rows: Vec::new(),
        refusal: None,
    };
    let Some(arm) = arm else {
        let message = "no arm has all channels, whose journeys could be credited";
        ladder.refusal = Some(Refusal::new(Reason::Undeclared, message));
        return Ok(ladder);
    };
    let comparison = lift.comparison(&asked.metric.name, &arm.name);
    ladder.customers = comparison.map_or(0, |comparison| comparison.n.arm);
    let n = ladder.customers as f64;
    ladder.rows = channels
        .shares
        .iter()
        .map(|share| EvidenceRow {
            factor: share.channel.clone(),
            channel: asked.channel_of(&share.channel).to_owned(),
            caused: share.value.outcome.absolute.map(|value| CreditEstimate {
                estimate: n * value.estimate,
                se: Some(n * value.se),
                low: Some(n * value.low),
                high: Some(n * value.high),
            }),
            credited: Vec::new(),
        })
        .collect();
    let increments: Option<Vec<(&str, Amount)>> = ladder
        .rows
        .iter()
        .map(|row| {
            let caused = row.caused?;
            let amount = Amount {
                estimate: caused.estimate,
                se: caused.se?,
            };
            Some((row.channel.as_str(), amount))
        })
        .collect();
    let Some(increments) = increments else {
        let message = "the design does not say what each channel causes";
        ladder.refusal = Some(Refusal::new(Reason::Undeclared, message));
        return Ok(ladder);
    };
    let of = ArmJourneys {
        experiment: asked.experiment,
        arm,
        metric: asked.metric,
        customers: ladder.customers,
        mature_until: comparison
            .and_then(|comparison| comparison.maturity)
            .filter(|maturity| !maturity.counted)
            .map(|maturity| maturity.until),
    };
    match credit_in_arm(catalog, lake, attribution, of, &increments)? {
        Ok(models) => {
            for (model, factors) in models {
                add(&mut ladder.rows, model, factors);
            }
        }
        Err(refusal) => ladder.refusal = Some(refusal),
    }
    Ok(ladder)
}

/// The credit of one model, channel by channel in the order of the rows.
fn add(rows: &mut [EvidenceRow], model: CreditModel, factors: Vec<CalibrationFactor>) {
    let total: f64 = factors.iter().map(|factor| factor.credited.estimate).sum();
    for (row, factor) in rows.iter_mut().zip(factors) {
        row.credited.push(CreditedChannel {
            model,
            credit: factor.credited,
            share: (total > 0.0).then(|| factor.credited.estimate / total),
            factor: factor.factor,
            refuted: factor.refuted,
        });
    }
}
