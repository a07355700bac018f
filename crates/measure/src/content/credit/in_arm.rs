//! What models credit channels with among the customers of one arm, beside what an experiment measured of them.

use attribution::bootstrap::Measure;
use attribution::calibration::Amount;
use catalog::{Arm, Attribution, Calibrator, Catalog, Experiment, Measures, Metric};
use lake::Lake;

use super::calibration::{Tested, factor};
use super::finding::{CalibrationFactor, CreditEstimate, CreditModel};
use super::journeys::journeys;
use super::models::credits;
use super::{events, making, settings};
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// An arm of an experiment whose customers' journeys are credited, from their assignment on.
#[derive(Clone, Copy)]
pub(crate) struct ArmJourneys<'a> {
    pub(crate) experiment: &'a Experiment,
    pub(crate) arm: &'a Arm,
    /// The metric that says how long, and whether value or conversions are credited.
    pub(crate) metric: &'a Metric,
    /// How many customers it has.
    pub(crate) customers: u64,
    /// Until when windows had passed that count, in microseconds on the project's clocks; none where all count.
    pub(crate) mature_until: Option<i64>,
}

/// Each model's factors.
pub(crate) type FactorsByModel = Vec<(CreditModel, Vec<CalibrationFactor>)>;

/// Holds the credit of each model against what each channel was measured to bring to these customers.
///
/// # Errors
///
/// [`MeasureError`] where touches and conversions cannot be read. Where the metric adds up neither the conversions nor
/// their value, a refusal.
pub(crate) fn credit_in_arm(
    catalog: &Catalog,
    lake: &mut Lake,
    attribution: &Attribution,
    of: ArmJourneys<'_>,
    increments: &[(&str, Amount)],
) -> Result<Result<FactorsByModel, Refusal>, MeasureError> {
    let Some(measures) = attribution.conversion.measured_by(of.metric) else {
        let message = format!(
            "`{}` adds up neither the conversions of `{}` nor their value",
            of.metric.name, attribution.conversion.fact
        );
        return Ok(Err(Refusal::new(Reason::Undeclared, message)));
    };
    if of.experiment.assignment.time.is_none() {
        let message = format!(
            "nobody knows when customers of `{}` were assigned",
            of.experiment.name
        );
        return Ok(Err(Refusal::new(Reason::Undeclared, message)));
    }
    if of.experiment.exposure.is_some() {
        let message = format!(
            "`{}` counts from exposure, journeys from assignment",
            of.experiment.name
        );
        return Ok(Err(Refusal::new(Reason::Undeclared, message)));
    }
    let events = events::events(catalog, lake, attribution)?;
    let tested = Tested {
        calibrator: Calibrator {
            channel: "",
            experiment: of.experiment,
            arm: of.arm,
            metric: of.metric,
            measures,
        },
        fact: attribution.conversion.fact.clone(),
        mature_until: of.mature_until,
    };
    let query = events.of_arm(catalog, lake, &tested)?;
    let journeys = journeys(lake, &query, &making(attribution))?;
    lake.check_unchanged()?;
    let settings = settings(attribution, lake);
    let measure = match measures {
        Measures::Value => Measure::Value,
        Measures::Conversions => Measure::Conversions,
    };
    let all = credits(&journeys, Some(of.customers), &settings);
    let known = all.models.iter().filter(|model| model.credits.is_ok());
    let models = known.map(|model| {
        let factors = increments.iter().map(|(channel, increment)| {
            let credit = match journeys.table.channel(channel) {
                Some(key) => model.estimate(measure, key as usize, settings.alpha),
                None => CreditEstimate::NOTHING,
            };
            factor(channel, credit, *increment, settings.alpha, credit)
        });
        (model.model, factors.collect())
    });
    Ok(Ok(models.collect()))
}
