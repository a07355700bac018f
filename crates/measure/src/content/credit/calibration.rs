//! Credit held against what experiments measured that channels bring.
//!
//! An experiment says what a channel brought to the customers of an arm, from their assignment on. So the models are
//! worked out anew on the journeys of these same customers in that same time, and the factor is the measured increment
//! over what the model credits the channel with there. Factor times the credit in all journeys is what the channel caused
//! in all, if it worked there as it did in the experiment.

use attribution::bootstrap::Measure;
use attribution::calibration::{self as calibrate, Amount, ChannelEvidence, calibrate};
use catalog::{Attribution, Calibrator, Catalog, Immature, Measures};
use lake::Lake;

use super::events::Events;
use super::finding::{
    Calibrated, CalibrationFactor, CalibrationFinding, CreditEstimate, EvidenceGrade,
    ModelCalibration, TestedChannel,
};
use super::journeys::{Journeys, Making, journeys};
use super::models::{AllCredits, Credited, Settings, credits};
use crate::audience::{Comparison, lift};
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// A channel with the experiment that tested it.
pub(super) struct Tested<'a> {
    pub(super) calibrator: Calibrator<'a>,
    /// The fact of the conversions.
    pub(super) fact: String,
    /// Until when windows had passed that count, in microseconds on the project's clocks; none where all count.
    pub(super) mature_until: Option<i64>,
}

/// What a channel brought to the customers of an arm.
struct Measured<'a> {
    tested: Tested<'a>,
    customers: u64,
    increment: Result<Amount, Refusal>,
    interval: Option<(f64, f64)>,
}

/// All journeys, their credits, and how they were made.
pub(super) struct Whole<'a> {
    pub(super) attribution: &'a Attribution,
    pub(super) events: &'a Events,
    pub(super) journeys: &'a Journeys,
    pub(super) credits: &'a AllCredits,
    pub(super) making: &'a Making,
    pub(super) settings: &'a Settings,
}

/// Holds the credits against the experiments that the attribution names.
///
/// # Errors
///
/// Where an experiment cannot be measured at all.
pub(super) fn calibrations(
    catalog: &Catalog,
    lake: &mut Lake,
    whole: &Whole<'_>,
) -> Result<Vec<CalibrationFinding>, MeasureError> {
    let calibrators = whole.attribution.calibrators(catalog.documents().iter());
    let calibrators: Vec<Calibrator<'_>> = (calibrators.into_iter())
        .filter_map(|(_, calibrator)| calibrator.ok())
        .collect();
    let mut findings = Vec::new();
    for measures in [Measures::Value, Measures::Conversions] {
        let mut measured = Vec::new();
        for calibrator in calibrators.iter().filter(|c| c.measures == measures) {
            let one = increment(catalog, lake, whole, *calibrator)?;
            let inside = match &one.increment {
                Ok(_) => {
                    let query = whole.events.of_arm(catalog, lake, &one.tested)?;
                    let inside = journeys(lake, &query, whole.making)?;
                    Some((credits(&inside, whole.settings), inside))
                }
                Err(_) => None,
            };
            measured.push((one, inside));
        }
        if !measured.is_empty() {
            findings.push(finding(measures, &measured, whole));
        }
    }
    Ok(findings)
}

/// What an experiment measured that a channel brings.
fn increment<'a>(
    catalog: &Catalog,
    lake: &mut Lake,
    whole: &Whole<'_>,
    calibrator: Calibrator<'a>,
) -> Result<Measured<'a>, MeasureError> {
    let finding = lift(catalog, lake, calibrator.experiment)?;
    let comparison = finding.comparison(&calibrator.metric.name, &calibrator.arm.name);
    let customers = comparison.map_or(0, |comparison| comparison.n.arm);
    let measured = comparison.and_then(|c| c.decisive()?.absolute);
    let n = customers as f64;
    let increment = match (measured, &finding.refusal) {
        (Some(effect), None) => Ok(Amount {
            estimate: n * effect.estimate,
            se: n * effect.se,
        }),
        (_, Some(refusal)) => Err(refusal.clone()),
        (None, None) => Err(why_not(comparison)),
    };
    let mature_until = comparison
        .and_then(|comparison| comparison.maturity)
        .filter(|_| calibrator.experiment.immature == Immature::LeaveOut)
        .map(|maturity| maturity.until);
    Ok(Measured {
        interval: measured.map(|effect| (n * effect.low, n * effect.high)),
        tested: Tested {
            calibrator,
            fact: whole.attribution.conversion.fact.clone(),
            mature_until,
        },
        customers,
        increment,
    })
}

fn why_not(comparison: Option<&Comparison>) -> Refusal {
    comparison
        .and_then(|comparison| comparison.outcome.refusal.clone())
        .unwrap_or_else(|| {
            Refusal::new(
                Reason::TooLittleData,
                "the experiment does not say what the arm brought",
            )
        })
}

type Inside<'a> = (Measured<'a>, Option<(AllCredits, Journeys)>);

fn finding(measures: Measures, measured: &[Inside<'_>], whole: &Whole<'_>) -> CalibrationFinding {
    let experiments = measured.iter().map(|(measured, _)| {
        let Calibrator {
            channel,
            experiment,
            arm,
            metric,
            ..
        } = measured.tested.calibrator;
        TestedChannel {
            channel: channel.to_owned(),
            experiment: experiment.name.clone(),
            arm: arm.name.clone(),
            metric: metric.name.clone(),
            customers: measured.customers,
            increment: measured
                .increment
                .as_ref()
                .ok()
                .map(|amount| CreditEstimate {
                    estimate: amount.estimate,
                    se: Some(amount.se),
                    low: measured.interval.map(|(low, _)| low),
                    high: measured.interval.map(|(_, high)| high),
                }),
            grade: EvidenceGrade::A,
            refusal: measured.increment.as_ref().err().cloned(),
        }
    });
    let is_tested = |channel: &String| {
        measured
            .iter()
            .any(|(one, _)| one.increment.is_ok() && one.tested.calibrator.channel == channel)
    };
    let channels = whole.journeys.table.channels().iter();
    CalibrationFinding {
        measures: Calibrated::from(measures),
        experiments: experiments.collect(),
        models: (whole.credits.models.iter())
            .filter(|credited| credited.credits.is_ok())
            .map(|credited| of_model(credited, measures, measured, whole))
            .collect(),
        untested: channels
            .filter(|channel| !is_tested(channel))
            .cloned()
            .collect(),
    }
}

/// A model's credit beside what experiments measured.
fn of_model(
    credited: &Credited,
    measures: Measures,
    measured: &[Inside<'_>],
    whole: &Whole<'_>,
) -> ModelCalibration {
    let alpha = whole.settings.alpha;
    let measure = match measures {
        Measures::Value => Measure::Value,
        Measures::Conversions => Measure::Conversions,
    };
    let table = &whole.journeys.table;
    let in_all = |channel: &str| match table.channel(channel) {
        Some(key) => credited.estimate(measure, key as usize, alpha),
        None => CreditEstimate::alone(0.0),
    };
    let mut factors = Vec::new();
    // What each channel caused in all journeys; none where that is not known.
    let mut caused: Vec<(&str, Option<Amount>)> = table
        .channels()
        .iter()
        .map(|c| (c.as_str(), None))
        .collect();
    for (one, inside) in measured {
        let channel = one.tested.calibrator.channel;
        let (Ok(increment), Some((credits, journeys))) = (&one.increment, inside) else {
            continue;
        };
        let of_model = |other: &&Credited| other.model == credited.model;
        let inside = credits.models.iter().find(of_model);
        let inside = match (inside, journeys.table.channel(channel)) {
            (Some(model), Some(key)) if model.credits.is_ok() => {
                model.estimate(measure, key as usize, alpha)
            }
            _ => CreditEstimate::alone(0.0),
        };
        let factor = factor(channel, inside, *increment, alpha, in_all(channel));
        if let (Some(place), Some(total)) = (
            caused.iter().position(|(known, _)| *known == channel),
            factor.caused,
        ) {
            caused[place].1 = Some(Amount {
                estimate: total.estimate,
                se: total.se.unwrap_or(0.0),
            });
        }
        factors.push(factor);
    }
    let evidence: Vec<ChannelEvidence> = caused
        .iter()
        .map(|(channel, increment)| ChannelEvidence {
            credited: amount(in_all(channel)),
            increment: *increment,
        })
        .collect();
    let dropped = table.dropped().untouched;
    let total = match measures {
        Measures::Value => table.total().value + dropped.value,
        Measures::Conversions => table.total().conversions + dropped.conversions,
    };
    let together = calibrate(&evidence, None, total, alpha).ok();
    let is_known = caused.iter().any(|(_, increment)| increment.is_some());
    ModelCalibration {
        model: credited.model,
        factors,
        baseline: together.as_ref().filter(|_| is_known).map(|together| {
            let baseline = &together.baseline;
            CreditEstimate {
                estimate: baseline.estimate,
                se: Some(baseline.se),
                low: Some(baseline.low),
                high: Some(baseline.high),
            }
        }),
        untested_credit: together.map_or(0.0, |together| together.untested_credit),
    }
}

fn amount(credit: CreditEstimate) -> Amount {
    Amount {
        estimate: credit.estimate,
        se: credit.se.unwrap_or(0.0),
    }
}

/// The factor of a channel: what was measured over what is credited among the same customers.
pub(super) fn factor(
    channel: &str,
    inside: CreditEstimate,
    increment: Amount,
    alpha: f64,
    in_all: CreditEstimate,
) -> CalibrationFactor {
    let evidence = [ChannelEvidence {
        credited: amount(inside),
        increment: Some(increment),
    }];
    let mut finding = CalibrationFactor {
        channel: channel.to_owned(),
        credited: inside,
        factor: None,
        refuted: None,
        caused: None,
        not_estimable: None,
    };
    let found = match calibrate(&evidence, None, inside.estimate, alpha) {
        Ok(mut found) => found.channels.pop(),
        Err(error) => {
            finding.not_estimable = Some(error.to_string());
            return finding;
        }
    };
    match found {
        Some(calibrate::Calibrated::Factor { factor, refuted }) => {
            finding.factor = Some(CreditEstimate {
                estimate: factor.estimate,
                se: None,
                low: Some(factor.low),
                high: Some(factor.high),
            });
            finding.refuted = Some(refuted);
            let scale = in_all.estimate / inside.estimate;
            finding.caused = Some(CreditEstimate {
                estimate: factor.estimate * in_all.estimate,
                se: Some(scale.abs() * increment.se),
                low: Some((factor.low * in_all.estimate).min(factor.high * in_all.estimate)),
                high: Some((factor.low * in_all.estimate).max(factor.high * in_all.estimate)),
            });
        }
        Some(calibrate::Calibrated::NoFactor(reason)) => {
            finding.not_estimable = Some(reason.to_string());
        }
        Some(calibrate::Calibrated::Untested) | None => {}
    }
    finding
}
