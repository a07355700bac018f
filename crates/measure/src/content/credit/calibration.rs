//! Credit held against what experiments measured that channels bring.
//!
//! An experiment says what a channel brought to the customers of an arm, from their assignment on. So the models are
//! worked out anew on the journeys of these same customers in that same time, and the factor is the measured increment
//! over what the model credits the channel with there, a Markov chain with the order that all journeys chose. Factor times
//! the credit in all journeys is what the channel caused in all, if it worked there as it did in the experiment.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use attribution::bootstrap::Measure;
use attribution::calibration::{self as calibrate, Amount, Caused, SharedError};
use catalog::{Attribution, Calibrator, Catalog, Immature, Measures};
use lake::Lake;

use super::events::Events;
use super::finding::{
    Calibrated, CalibrationFactor, CalibrationFinding, CreditEstimate, EvidenceGrade,
    ModelCalibration, TestedChannel,
};
use super::journeys::{Journeys, Making, journeys};
use super::models::{AllCredits, Credited, Settings, credits};
use crate::audience::{Comparison, LiftFinding, lift};
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
    increment: Result<Increment, Refusal>,
    interval: Option<(f64, f64)>,
}

/// What the arm brought because of the channel.
#[derive(Debug, Clone, Copy)]
struct Increment {
    amount: Amount,
    /// By how much one standard error of the control's mean lowers it: what arms of one experiment share.
    control_se: f64,
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
    // Channels may share an experiment, in arms of their own or in several measures.
    let mut lifts: BTreeMap<&str, LiftFinding> = BTreeMap::new();
    // A factor multiplies the credit of the model that it was found for: a chain of another order is another model.
    let settings = Settings {
        order: whole.credits.markov.as_ref().map(|chain| chain.order),
        ..whole.settings.clone()
    };
    let mut findings = Vec::new();
    for measures in [Measures::Value, Measures::Conversions] {
        let mut measured = Vec::new();
        for calibrator in calibrators.iter().filter(|c| c.measures == measures) {
            let lift = match lifts.entry(&calibrator.experiment.name) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(lift(catalog, lake, calibrator.experiment)?),
            };
            let one = increment(lift, whole, *calibrator);
            let inside = match &one.increment {
                Ok(_) => {
                    let query = whole.events.of_arm(catalog, lake, &one.tested)?;
                    let inside = journeys(lake, &query, whole.making)?;
                    // Chance gave the arm its customers, whether or not it reached them.
                    let customers = Some(one.customers);
                    Some((credits(&inside, customers, &settings), inside))
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
    finding: &LiftFinding,
    whole: &Whole<'_>,
    calibrator: Calibrator<'a>,
) -> Measured<'a> {
    let comparison = finding.comparison(&calibrator.metric.name, &calibrator.arm.name);
    let customers = comparison.map_or(0, |comparison| comparison.n.arm);
    let decisive = comparison.and_then(|comparison| comparison.decisive());
    let measured = decisive.and_then(|outcome| outcome.absolute);
    // Where nobody knows what the control's mean adds, it is all: a baseline that is rather too unsure.
    let control_se = (decisive.into_iter())
        .chain(comparison.map(|comparison| &comparison.outcome))
        .find_map(|outcome| outcome.against_se);
    let n = customers as f64;
    let increment = match (measured, &finding.refusal) {
        (Some(effect), None) => Ok(Increment {
            amount: Amount {
                estimate: n * effect.estimate,
                se: n * effect.se,
            },
            control_se: n * control_se.unwrap_or(effect.se),
        }),
        (_, Some(refusal)) => Err(refusal.clone()),
        (None, None) => Err(why_not(comparison)),
    };
    let mature_until = comparison
        .and_then(|comparison| comparison.maturity)
        .filter(|_| calibrator.experiment.immature == Immature::LeaveOut)
        .map(|maturity| maturity.until);
    Measured {
        interval: measured.map(|effect| (n * effect.low, n * effect.high)),
        tested: Tested {
            calibrator,
            fact: whole.attribution.conversion.fact.clone(),
            mature_until,
        },
        customers,
        increment,
    }
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
                .map(|Increment { amount, .. }| CreditEstimate {
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
        None => CreditEstimate::NOTHING,
    };
    let mut factors = Vec::new();
    // What each channel with a factor caused in all journeys.
    let mut caused: BTreeMap<&str, Caused> = BTreeMap::new();
    for (one, inside) in measured {
        let Calibrator {
            channel,
            experiment,
            ..
        } = one.tested.calibrator;
        let (Ok(increment), Some((credits, journeys))) = (&one.increment, inside) else {
            continue;
        };
        let of_model = |other: &&Credited| other.model == credited.model;
        let answer = credits.models.iter().find(of_model);
        let answer = answer.filter(|model| model.credits.is_ok());
        let inside = match (answer, journeys.table.channel(channel)) {
            (Some(model), Some(key)) => model.estimate(measure, key as usize, alpha),
            (Some(_), None) => CreditEstimate::NOTHING,
            (None, _) => CreditEstimate::alone(0.0),
        };
        let factor = factor(channel, inside, increment.amount, alpha, in_all(channel));
        if let Some(CreditEstimate {
            estimate,
            se: Some(se),
            ..
        }) = factor.caused
        {
            let scale = in_all(channel).estimate / inside.estimate;
            // An experiment has one control, and one metric that counts here.
            let control = (measured.iter())
                .position(|(other, _)| other.tested.calibrator.experiment.name == experiment.name);
            let shared = control.map(|control| SharedError {
                control,
                se: scale * increment.control_se,
            });
            let amount = Amount { estimate, se };
            caused.insert(channel, Caused { amount, shared });
        }
        factors.push(factor);
    }
    let dropped = table.dropped().untouched;
    let total = match measures {
        Measures::Value => table.total().value + dropped.value,
        Measures::Conversions => table.total().conversions + dropped.conversions,
    };
    let amounts: Vec<Caused> = caused.values().copied().collect();
    let baseline = match amounts.is_empty() {
        true => None,
        false => calibrate::baseline(&amounts, total, alpha).ok(),
    };
    let without = (table.channels().iter())
        .filter(|channel| !caused.contains_key(channel.as_str()))
        .map(|channel| in_all(channel).estimate);
    ModelCalibration {
        model: credited.model,
        factors,
        baseline: baseline.map(CreditEstimate::from),
        untested_credit: without.sum(),
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
    let mut finding = CalibrationFactor {
        channel: channel.to_owned(),
        credited: inside,
        factor: None,
        refuted: None,
        caused: None,
        not_estimable: None,
    };
    let Some(se) = inside.se else {
        let message = "nobody knows how sure the credit is: the model has no answer among these customers, or cannot be \
                       bootstrapped with so many journeys";
        finding.not_estimable = Some(message.to_owned());
        return finding;
    };
    let credited = Amount {
        estimate: inside.estimate,
        se,
    };
    match calibrate::factor(credited, increment, alpha) {
        Ok(Ok(factor)) => {
            finding.factor = Some(CreditEstimate {
                estimate: factor.ratio.estimate,
                se: None,
                low: Some(factor.ratio.low),
                high: Some(factor.ratio.high),
            });
            finding.refuted = Some(factor.refuted);
            finding.caused = Some(factor.times(in_all.estimate).into());
        }
        Ok(Err(reason)) => finding.not_estimable = Some(reason.to_string()),
        Err(error) => finding.not_estimable = Some(error.to_string()),
    }
    finding
}

impl From<stats::Estimate> for CreditEstimate {
    fn from(found: stats::Estimate) -> Self {
        Self {
            estimate: found.estimate,
            se: Some(found.se),
            low: Some(found.low),
            high: Some(found.high),
        }
    }
}

#[cfg(test)]
mod tests {
    use attribution::{JourneyBuilder, JourneyTable, Outcome, PathPolicy};

    use super::*;
    use crate::content::credit::aged::Aged;
    use crate::content::credit::finding::CreditModel;
    use crate::content::credit::models::AFFORDABLE;

    /// Paths that 200 orders came by, no two of one value, and 300 journeys without.
    fn table(with_ages: bool) -> JourneyTable {
        let mut builder = JourneyBuilder::new(PathPolicy::default());
        let [email, web] = ["email", "web"].map(|name| builder.channel(name).unwrap());
        let paths: [(&[u32], &[u32]); 3] = [
            (&[email], &[400_000]),
            (&[web, email], &[900_000, 3_000]),
            (&[email, web, web], &[700_000, 500_000, 60]),
        ];
        for order in 0..200 {
            let (path, ages) = paths[order % 3];
            let value = Outcome::converted(10.0 + order as f64 / 4.0);
            let ages = with_ages.then_some(ages);
            builder.add(path, ages, value, 1).unwrap();
            builder.add(path, None, Outcome::NULL, 1).unwrap();
        }
        builder.add(&[web], None, Outcome::NULL, 100).unwrap();
        builder.finish()
    }

    #[test]
    fn without_a_bootstrap_some_models_have_standard_errors_and_others_no_factor() {
        let journeys = Journeys {
            table: table(false),
            aged: Aged::Kept(Box::new(table(true))),
            keys: BTreeMap::new(),
            channels: BTreeMap::new(),
            counts: Default::default(),
        };
        let all = |affordable: f64| {
            let settings = Settings {
                half_life: 604_800.0,
                has_direct: false,
                valued: true,
                alpha: 0.05,
                order: None,
                threads: 1,
                affordable,
            };
            credits(&journeys, Some(600), &settings).models
        };
        let increment = Amount {
            estimate: 500.0,
            se: 50.0,
        };
        let mut without_answer = Vec::new();
        for (drawn, exact) in all(AFFORDABLE).iter().zip(all(0.0)) {
            assert!(drawn.bootstrap.is_some() && exact.bootstrap.is_none());
            for measure in [Measure::Value, Measure::ShareOfValue] {
                let [drawn, exact] = [drawn, &exact].map(|one| one.estimate(measure, 0, 0.05));
                assert_eq!(drawn.estimate, exact.estimate);
                let (Some(wanted), Some(se)) = (drawn.se, exact.se) else {
                    continue;
                };
                // The standard deviation of 1,000 replicates is known to 2.2 %.
                assert!((se / wanted - 1.0).abs() < 0.09, "{se} {wanted}");
                let half = exact.high.unwrap() - exact.estimate;
                assert!((half / se - 1.96).abs() < 0.001);
            }
            let credit = exact.estimate(Measure::Value, 0, 0.05);
            let found = factor("email", credit, increment, 0.05, credit);
            if credit.se.is_some() {
                assert!(found.caused.unwrap().se.unwrap() > 50.0);
            } else {
                assert!(found.factor.is_none() && found.caused.is_none());
                assert!(found.not_estimable.unwrap().contains("how sure"));
                without_answer.push(exact.model);
            }
        }
        let of_other_paths = [
            CreditModel::Markov,
            CreditModel::ShapleyOfSets,
            CreditModel::ShapleyOfSequences,
            CreditModel::LeaveOneOut,
        ];
        assert_eq!(without_answer, of_other_paths);
    }
}
