//! What an experiment's arms add to the lifetime value of customers.
//!
//! One model is fitted to an arm and the reference arm, in which the treatment multiplies the rate of purchase, the hazard
//! of leaving, and what a purchase brings. A customer's process begins at the assignment if the customer had bought
//! before, else with the first purchase from then on, which is not counted itself. Customers who never bought have no
//! process.

mod arms;

use catalog::{Catalog, Experiment, LifetimeEffect};
use clv::discount::Discount;
use lake::Lake;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::arms::{Arms, History};
use super::Band;
use super::purchases::{PURCHASES, Purchases};
use crate::Refusal;
use crate::audience::finding::Pair;
use crate::audience::plan::Plan;
use crate::audience::query::assigned::assigned;
use crate::audience::query::types::same_customer;
use crate::audience::query::{self, exact_sum};
use crate::audience::{Estimate, NotCounted};
use crate::error::MeasureError;

/// The incremental lifetime value of an experiment's arms, per customer in the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncrementalFinding {
    pub experiment: String,
    /// The arm that others are compared with.
    pub against: String,
    /// Which of the two values counts in [`IncrementalArm::counts`].
    pub effect: LifetimeEffect,
    pub arms: Vec<IncrementalArm>,
    /// Assigned customers who do not count, with why.
    pub left_out: Vec<NotCounted>,
}

/// The incremental lifetime value of one arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncrementalArm {
    pub arm: String,
    /// Customers whose purchases form the process.
    pub customers: Pair<u64>,
    /// Those of them who had bought before they were assigned: their process begins there.
    pub existing: Pair<u64>,
    /// Customers who have not bought at all.
    pub never_bought: Pair<u64>,
    /// Difference of value per customer within the window of the experiment, without a model and without discount.
    pub measured: Option<WindowMeasured>,
    /// The model of purchase timing: the likeliest that could be fitted.
    pub model: Option<String>,
    /// Shift of the logarithm of the rate of purchase.
    pub rate: Option<Estimate>,
    /// Shift of the logarithm of the hazard of leaving, or of the log-odds of leaving after a purchase; none where no
    /// attrition is visible.
    pub attrition: Option<Estimate>,
    /// Shift of the logarithm of what a purchase brings.
    pub spend: Option<Estimate>,
    /// The value of a treated customer's life, over the horizon.
    pub stays_on: Option<StaysOnFinding>,
    /// The value of what the treatment has done, if it ends with the experiment: by Pareto/NBD, which alone knows the
    /// state that customers are left in.
    pub stops: Option<StopsFinding>,
    /// The one of the two that the catalog declares.
    pub counts: Option<Estimate>,
    /// The value if the treatment stays on, by all models that could be fitted: lowest and highest.
    pub band: Option<Band>,
    /// The same analysis of arms drawn at random among the same customers: intervals should contain zero.
    pub placebo: Vec<Placebo>,
    /// Why there is no value, or no value of one kind.
    pub refusals: Vec<Refusal>,
}

/// What was measured within the window of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WindowMeasured {
    /// Mean days that customers were observed for.
    pub days: f64,
    /// Value per customer.
    pub mean: Pair<f64>,
    pub difference: Estimate,
    pub p_value: f64,
}

/// A part of an increment, split by what the treatment changed; the three add up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncrementalPart {
    pub amount: Estimate,
    /// More purchases while customers stay.
    pub often: Estimate,
    /// Customers who stay longer.
    pub longer: Estimate,
    /// More per purchase.
    pub more: Estimate,
}

/// Value of a treatment that stays on, per treated customer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StaysOnFinding {
    pub total: IncrementalPart,
    /// Within the window of the experiment, by the model: to be held against what was measured there.
    pub window: IncrementalPart,
    /// From the window to twelve months, by the model.
    pub to_twelve_months: IncrementalPart,
    /// From twelve months to the horizon, by the model.
    pub beyond: IncrementalPart,
    /// Share of the total after the window, which no data of the experiment show; none where parts differ in sign.
    pub extrapolated: Option<f64>,
    /// After the horizon, and not part of the total; only with a discount.
    pub tail: Option<Estimate>,
}

/// Value of a treatment that ends with the experiment, per treated customer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StopsFinding {
    /// Measured within the window, and what is left of it afterwards.
    pub total: Estimate,
    pub to_twelve_months: Estimate,
    pub beyond: Estimate,
    pub extrapolated: Option<f64>,
}

/// An analysis of arms drawn at random.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Placebo {
    pub seed: u64,
    /// The value if the treatment stays on.
    pub total: Estimate,
}

/// What the lifetime declares.
pub(super) struct Context<'a> {
    pub(super) purchases: &'a Purchases,
    pub(super) effect: LifetimeEffect,
    pub(super) has_spend: bool,
    pub(super) margin: f64,
    pub(super) horizon_days: f64,
    pub(super) discount: Discount,
    pub(super) alpha: f64,
}

/// A group of assigned customers with the same history.
struct Assigned {
    arm: u64,
    customers: u64,
    is_existing: bool,
    /// None for customers who have not bought.
    history: Option<History>,
}

/// Measures the incremental lifetime value of an experiment's arms.
pub(super) fn incremental(
    catalog: &Catalog,
    lake: &mut Lake,
    experiment: &Experiment,
    context: &Context<'_>,
) -> Result<IncrementalFinding, MeasureError> {
    let plan = Plan::new(catalog, experiment)?;
    let written = query::write(&plan, catalog, lake)?;
    let all = read(&plan, lake, &written.customer_type, context)?;
    written.finish(lake)?;
    lake.check_unchanged()?;
    let reference = plan.reference as u64;
    let arms = experiment.arms.iter().enumerate();
    let arms = arms
        .filter(|(number, _)| *number as u64 != reference)
        .map(|(number, arm)| {
            let of = |arm: u64| all.iter().filter(move |row| row.arm == arm);
            let count = |wanted: fn(&Assigned) -> bool| {
                let sum = |arm| {
                    of(arm)
                        .filter(|row| wanted(row))
                        .map(|row| row.customers)
                        .sum()
                };
                Pair {
                    arm: sum(number as u64),
                    against: sum(reference),
                }
            };
            let histories = |arm: u64| of(arm).filter_map(|row| row.history);
            let pair = Arms::new(histories(number as u64), histories(reference), context);
            pair.finding(
                arm.name.clone(),
                count(|row| row.history.is_some()),
                count(|row| row.is_existing),
                count(|row| row.history.is_none()),
            )
        })
        .collect();
    let against = experiment.arms.get(plan.reference);
    let late: u64 = all
        .iter()
        .filter(|row| row.arm == u64::from(u8::MAX))
        .map(|row| row.customers)
        .sum();
    Ok(IncrementalFinding {
        experiment: experiment.name.clone(),
        against: against.map(|arm| arm.name.clone()).unwrap_or_default(),
        effect: context.effect,
        arms,
        left_out: if late > 0 {
            vec![NotCounted {
                reason: "customers assigned after the last day".to_owned(),
                number: late,
            }]
        } else {
            Vec::new()
        },
    })
}

/// Assigned customers with their purchases since, those with the same history as one.
fn read(
    plan: &Plan<'_>,
    lake: &Lake,
    customer_type: &str,
    context: &Context<'_>,
) -> Result<Vec<Assigned>, MeasureError> {
    let place = format!("experiment `{}`", plan.experiment.name);
    let assigned = assigned(plan, lake)?;
    let Some(time) = &assigned.time else {
        return Err(MeasureError::Unusable {
            place,
            message: "the time of assignment is not known, from which purchases count".to_owned(),
        });
    };
    let same = same_customer(
        ("p.customer", &context.purchases.customer_type),
        ("a.customer", customer_type),
        place.clone(),
    )?;
    let end = context.purchases.end;
    let spend = exact_sum("amount", " FILTER (WHERE day > start)");
    let query = format!(
        "WITH {}, _ts_bought AS (SELECT a.customer, any_value(a.arm) AS arm, \
         any_value(CAST(a.{time} AS DATE) - DATE '1970-01-01') AS assigned, min(p.day) AS first \
         FROM {} AS a LEFT JOIN {PURCHASES} AS p ON {same} AND p.day <= {end} WHERE a.counted GROUP BY a.customer), \
         _ts_begun AS (SELECT *, CASE WHEN first < assigned THEN assigned ELSE first END AS start FROM _ts_bought) \
         SELECT CAST(CASE WHEN assigned > {end} THEN 255 ELSE arm END AS BIGINT), \
         coalesce(first < assigned, false) AS existing, x, age, recency, spend, count(*) \
         FROM (SELECT a.customer, any_value(arm) AS arm, any_value(assigned) AS assigned, any_value(first) AS first, \
         CAST({end} - any_value(start) AS BIGINT) AS age, count(*) FILTER (WHERE day > start) AS x, \
         CAST(coalesce(max(day) - any_value(start), 0) AS BIGINT) AS recency, coalesce({spend}, 0) AS spend \
         FROM _ts_begun AS a LEFT JOIN {PURCHASES} AS p ON {same} AND p.day <= {end} GROUP BY a.customer) \
         GROUP BY ALL ORDER BY ALL",
        assigned.tables, assigned.customers,
    );
    let context = format!("cannot measure the lifetime value of {place}");
    Ok(lake.engine().rows(&query, &context, |row| {
        let (x, age, recency): (i64, Option<i64>, i64) = (row.get(2)?, row.get(3)?, row.get(4)?);
        let customers: i64 = row.get(6)?;
        let spend: f64 = row.get(5)?;
        let arm: i64 = row.get(0)?;
        Ok(Assigned {
            arm: arm as u64,
            customers: customers as u64,
            is_existing: row.get(1)?,
            history: age.filter(|_| arm < i64::from(u8::MAX)).map(|age| History {
                frequency: x as u32,
                age: age as f64,
                // Before the process the last purchase says nothing.
                recency: if x > 0 { recency as f64 } else { 0.0 },
                spend,
                customers: customers as f64,
            }),
        })
    })?)
}
