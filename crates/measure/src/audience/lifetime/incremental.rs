//! What an experiment's arms add to the lifetime value of customers.
//!
//! One model is fitted to an arm and the reference arm, in which the treatment multiplies the rate of purchase, the hazard
//! of leaving, and what a purchase brings. A customer's process begins at the assignment if the customer had bought
//! before, else with the first purchase from then on, which is not counted itself. Customers who never bought have no
//! process. Who is in it must not be decided by the treatment: where the arms' shares differ, no lives are compared. What
//! is measured without a model is of all assigned customers.

mod arms;
mod customers;
mod fading;
mod measured;
mod months;
mod reading;
mod shares;
mod split;
mod surrogate;

pub use fading::{
    CohortEffect, FadingChange, FadingFinding, FadingPace, MonthEffect, RelativeEffect, Supposed,
};
pub use measured::{WindowAdjusted, WindowMeasured};
pub use shares::{BuyerShare, BuyerShares};
pub use surrogate::{Comparability, Drift, Modelled, SurrogateFinding};

use catalog::{Catalog, Experiment, LifetimeEffect};
use clv::discount::Discount;
use lake::Lake;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::arms::Arms;
use self::customers::{Assigned, Customers};
use self::months::Months;
use self::split::Split;
use super::purchases::Purchases;
use super::{Band, LifetimeCheck};
use crate::audience::finding::Pair;
use crate::audience::plan::Plan;
use crate::audience::query::{self, assigned::assigned};
use crate::audience::{Estimate, NotCounted, Severity};
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// The incremental lifetime value of an experiment's arms, per customer of the experiment who is in the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncrementalFinding {
    pub experiment: String,
    /// The arm that others are compared with.
    pub against: String,
    /// Which of the two values counts in [`IncrementalArm::counts`].
    pub effect: LifetimeEffect,
    pub arms: Vec<IncrementalArm>,
    /// Assigned customers who do not count, and purchases that no model has, with why.
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
    /// The shares of customers in the process: lives are compared where they do not differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<BuyerShares>,
    /// Difference of value per assigned customer (intention to treat) within the window of the experiment, without a model
    /// and without discount: first purchases and those on the day of assignment included.
    pub measured: Option<WindowMeasured>,
    /// The same per customer in the process, from its beginning on: what the values of lives go on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_process: Option<WindowMeasured>,
    /// The model of purchase timing: the likeliest that could be fitted.
    pub model: Option<String>,
    /// Shift of the logarithm of the rate of purchase.
    pub rate: Option<Estimate>,
    /// Shift of the logarithm of the hazard of leaving, or of the log-odds of leaving after a purchase; none where no
    /// attrition is visible.
    pub attrition: Option<Estimate>,
    /// Shift of the logarithm of what a purchase brings.
    pub spend: Option<Estimate>,
    /// The value of a treated life that begins with the process, over the horizon: of customers of this experiment. Where
    /// some had bought before, their lives were under way, and it is not the value of new customers.
    pub stays_on: Option<StaysOnFinding>,
    /// The value of what the treatment has done, if it ends with the experiment: by Pareto/NBD, which alone knows the
    /// state that customers are left in.
    pub stops: Option<StopsFinding>,
    /// The one of the two that the catalog declares.
    pub counts: Option<Estimate>,
    /// Whether the effect fades, and what the value is if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fading: Option<FadingFinding>,
    /// A second opinion on the value if the treatment stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surrogate: Option<SurrogateFinding>,
    /// The value if the treatment stays on, by all models that could be fitted: lowest and highest.
    pub band: Option<Band>,
    /// The same analysis of arms drawn at random among the same customers: intervals should contain zero.
    pub placebo: Vec<Placebo>,
    /// Why there is no value, or no value of one kind.
    pub refusals: Vec<Refusal>,
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

/// Value of a treatment that stays on, per treated customer of the experiment in the process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StaysOnFinding {
    pub total: IncrementalPart,
    /// Within the window of the experiment, by the model: to be held against what was measured there.
    pub window: IncrementalPart,
    /// From the window to twelve months, by the model.
    pub to_twelve_months: IncrementalPart,
    /// From twelve months to the horizon, by the model.
    pub beyond: IncrementalPart,
    /// Share of the total after the window, which no data of the experiment show; none where what lies within the window and
    /// after it differ in sign.
    pub extrapolated: Option<f64>,
    /// After the horizon, and not part of the total; only with a discount.
    pub tail: Option<Estimate>,
}

/// Value of a treatment that ends with the experiment, per treated customer of the experiment in the process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StopsFinding {
    /// Measured in the process within the window, and what is left of it afterwards.
    pub total: Estimate,
    pub to_twelve_months: Estimate,
    pub beyond: Estimate,
    /// Share of the total after the window; none where what lies within the window and after it differ in sign.
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
    /// What one of what purchases bring is worth: margin on spend; one where purchases are counted.
    pub(super) margin: f64,
    pub(super) horizon_days: f64,
    pub(super) discount: Discount,
    pub(super) alpha: f64,
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
    let assigned = assigned(&plan, lake)?;
    let split = Split::read(&plan, lake, &assigned)?;
    let customers = Customers::create(&plan, lake, &assigned, &written.customer_type, context)?;
    written.finish(lake)?;
    let all = customers.histories()?;
    let mut left_out = split.left_out;
    left_out.extend(customers.left_out()?);
    let refusal = split.refusal.as_ref();
    let reference = plan.reference as u64;
    let mut arms = Vec::new();
    for (number, arm) in experiment.arms.iter().enumerate() {
        let pair = Pair {
            arm: number as u64,
            against: reference,
        };
        if pair.arm != reference {
            let mut found = counted(&all, pair, &arm.name);
            match refusal {
                Some(refusal) => found.refusals.push(refusal.clone()),
                None => of_arm(
                    &mut found,
                    &customers,
                    &all,
                    pair,
                    context,
                    &written.customer_type,
                )?,
            }
            arms.push(found);
        }
    }
    customers.finish()?;
    lake.check_unchanged()?;
    let against = experiment.arms.get(plan.reference);
    Ok(IncrementalFinding {
        experiment: experiment.name.clone(),
        against: against.map(|arm| arm.name.clone()).unwrap_or_default(),
        effect: context.effect,
        arms,
        left_out,
    })
}

/// What keeps arms from being compared, as checks.
pub(super) fn checks(found: &IncrementalFinding) -> Vec<LifetimeCheck> {
    let compared = found.arms.iter().filter_map(|arm| {
        let refusal = arm.shares?.refusal()?;
        Some(LifetimeCheck {
            severity: Severity::Warning,
            message: format!(
                "`{}` of `{}`: {}",
                arm.arm, found.experiment, refusal.message
            ),
        })
    });
    compared.collect()
}

/// An arm's customers beside those of the reference arm, and nothing else.
fn counted(all: &[Assigned], arms: Pair<u64>, name: &str) -> IncrementalArm {
    let count = |wanted: fn(&Assigned) -> bool| {
        let sum = |arm| {
            let rows = all.iter().filter(|row| row.arm == arm && wanted(row));
            rows.map(|row| row.customers).sum()
        };
        Pair {
            arm: sum(arms.arm),
            against: sum(arms.against),
        }
    };
    IncrementalArm {
        arm: name.to_owned(),
        customers: count(|row| row.history.is_some()),
        existing: count(|row| row.is_existing),
        never_bought: count(|row| row.history.is_none()),
        shares: None,
        measured: None,
        in_process: None,
        model: None,
        rate: None,
        attrition: None,
        spend: None,
        stays_on: None,
        stops: None,
        counts: None,
        fading: None,
        surrogate: None,
        band: None,
        placebo: Vec::new(),
        refusals: Vec::new(),
    }
}

/// Adds what is measured and modelled of an arm against the reference arm, by their numbers.
fn of_arm(
    finding: &mut IncrementalArm,
    customers: &Customers<'_>,
    all: &[Assigned],
    arms: Pair<u64>,
    context: &Context<'_>,
    customer_type: &str,
) -> Result<(), MeasureError> {
    match measured::of_assigned(customers, arms, context)? {
        Ok(measured) => finding.measured = Some(measured),
        Err(error) => {
            let refusal = Refusal::new(Reason::TooLittleData, error.to_string());
            finding.refusals.push(refusal);
            return Ok(());
        }
    }
    finding.shares = BuyerShares::of(finding);
    if let Some(refusal) = finding.shares.and_then(|shares| shares.refusal()) {
        finding.refusals.push(refusal);
        return Ok(());
    }
    if let Some(refusal) = shares::too_few(finding.customers) {
        finding.refusals.push(refusal);
        return Ok(());
    }
    let histories = |arm: u64| {
        let of_arm = all.iter().filter(move |row| row.arm == arm);
        of_arm.filter_map(|row| row.history)
    };
    let pair = Arms::new(histories(arms.arm), histories(arms.against), context);
    let months = Months::read(customers, arms, pair.histories(), context.purchases.end)?;
    let surrogate = surrogate::surrogate(customers, &months, context, customer_type)?;
    finding.fading = Some(fading::fading(&months, context.margin, context.alpha));
    finding.surrogate = Some(surrogate);
    pair.measure(finding);
    Ok(())
}
