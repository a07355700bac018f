//! What a treatment added that was switched on for different customers at different times, where nobody was randomized.
//!
//! Customers who were there before the first of them was treated are followed by calendar month, each cohort of treatment
//! compared with customers who are not treated by then (`stats::staggered`). That rests on an assumption, that both would
//! have moved alike, and says nothing of months that nobody has seen: it is weaker evidence than an experiment, and no
//! part of any number that comes from one.

mod reader;

use catalog::{Catalog, Lifetime, LifetimeControls};
use lake::Lake;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::staggered::{Controls, Staggered, staggered};

use self::reader::Reader;
use super::cohorts::month_name;
use super::purchases::Purchases;
use crate::audience::by_day;
use crate::audience::{Estimate, NotCounted};
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// What a treatment added whose start was not randomized.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RolloutFinding {
    /// The grade of the evidence: `C`, a comparison without randomization.
    pub grade: String,
    /// With whom treated customers are compared.
    pub controls: LifetimeControls,
    /// The first and the last month that is looked at, such as `2024-03`.
    pub first_month: String,
    pub last_month: String,
    /// Customers by the month in which their treatment began; the last without one are those who are not treated by then.
    pub cohorts: Vec<RolloutCohort>,
    /// Clusters, where they are declared: intervals take customers of one cluster to be alike.
    pub clusters: Option<u64>,
    /// By months since the treatment began: before 0 there should be no effect. The month before is the base.
    pub by_month: Vec<RolloutMonth>,
    /// Value per treated customer and month.
    pub a_month: Option<Estimate>,
    /// Value per treated customer, summed over the months of treatment that were seen.
    pub so_far: Option<Estimate>,
    /// Months of treatment of a treated customer, on average.
    pub months_treated: Option<f64>,
    /// Cohorts' months of treatment in which nobody was left to compare with: they are in no number.
    pub without_controls: u64,
    /// The test of the months before the treatment.
    pub before: Option<BeforeTest>,
    /// Customers who do not count, each with why.
    pub left_out: Vec<NotCounted>,
    pub refusal: Option<Refusal>,
}

/// Customers whose treatment began in one month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RolloutCohort {
    /// None of customers who are not treated in the months looked at.
    pub since: Option<String>,
    pub customers: u64,
}

/// The effect so many months after the treatment began.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RolloutMonth {
    /// 0 is the calendar month in which it began, and which it was on for in part.
    pub month: i64,
    pub customers: u64,
    /// Value per customer in that month.
    pub effect: Estimate,
}

/// Whether customers who were treated later had moved as the others do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BeforeTest {
    /// Months before the treatment that are tested together.
    pub months: u64,
    /// Probability of differences as large as these where there are none. That it is not small proves nothing.
    pub p_value: f64,
    /// Change of the difference with each month before the treatment.
    pub trend: Estimate,
    /// Value per treated customer and month, less what that trend would have brought had it gone on.
    pub a_month_less_trend: Estimate,
}

/// Measures what the treatment added.
pub(super) fn rollout(
    catalog: &Catalog,
    lake: &mut Lake,
    lifetime: &Lifetime,
    (purchases, unit, alpha): (&Purchases, f64, f64),
) -> Result<Option<RolloutFinding>, MeasureError> {
    let (Some(rollout), Some(customers)) = (&lifetime.rollout, &lifetime.customers) else {
        return Ok(None);
    };
    if let Some(source) = catalog.source(&customers.source) {
        lake.define(catalog, source)?;
    }
    let reader = Reader {
        lake,
        lifetime,
        rollout,
        customers,
        purchases,
        context: format!("cannot measure the rollout of lifetime `{}`", lifetime.name),
    };
    let mut finding = RolloutFinding {
        grade: "C".to_owned(),
        controls: rollout.controls,
        first_month: String::new(),
        last_month: String::new(),
        cohorts: Vec::new(),
        clusters: None,
        by_month: Vec::new(),
        a_month: None,
        so_far: None,
        months_treated: None,
        without_controls: 0,
        before: None,
        left_out: Vec::new(),
        refusal: None,
    };
    let span = reader.table(&mut finding)?;
    if let Some(span) = span {
        finding.first_month = month_name(span.first);
        finding.last_month = month_name(span.first + span.months as i64 - 1);
        let controls = match rollout.controls {
            LifetimeControls::NotYetTreated => Controls::NotYetTreated,
            LifetimeControls::NeverTreated => Controls::NeverTreated,
        };
        let panel = reader.panel(&span, &mut finding)?;
        match panel.and_then(|panel| staggered(&panel, controls, alpha)) {
            Ok(found) => finding.say(&found, unit, alpha),
            Err(error) => finding.refuse(Reason::TooLittleData, error.to_string()),
        }
    } else {
        finding.refuse(
            Reason::TooLittleData,
            format!(
                "nobody's treatment began after the data do, with a full month before it and one of treatment: `{}` holds \
                 the day from which a customer is treated",
                rollout.since
            ),
        );
    }
    reader.finish()?;
    Ok(Some(finding))
}

impl RolloutFinding {
    fn refuse(&mut self, reason: Reason, message: String) {
        self.refusal = Some(Refusal::new(reason, message));
    }

    fn say(&mut self, found: &Staggered, unit: f64, alpha: f64) {
        let value = |estimate| by_day::estimate(estimate, unit);
        self.by_month = found
            .events
            .iter()
            .map(|event| RolloutMonth {
                month: event.event,
                customers: event.customers as u64,
                effect: value(&event.effect),
            })
            .collect();
        self.without_controls = found.without_controls as u64;
        self.months_treated = Some(found.periods_treated);
        let before = found.before.as_ref();
        let line = found
            .trend_before
            .as_ref()
            .zip(found.per_period_less_trend.as_ref());
        self.before = before.zip(line).map(|(test, (trend, less))| BeforeTest {
            months: test.dimensions as u64,
            p_value: test.probability.p,
            trend: value(trend),
            a_month_less_trend: value(less),
        });
        if let Some(test) = self.before.filter(|test| test.p_value < alpha) {
            let message = format!(
                "customers who were treated had moved otherwise than those they are compared with before their treatment \
                 began (p = {:.4}): the difference is not the treatment's. Compare with customers who are more alike, or \
                 randomize",
                test.p_value
            );
            return self.refuse(Reason::UnfitData, message);
        }
        self.a_month = Some(value(&found.per_period));
        self.so_far = Some(value(&found.cumulative));
    }
}
