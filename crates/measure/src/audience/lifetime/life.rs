//! How long customers stay: the mean life that a model of timing says, by its profile likelihood.

use clv::TimingModel;
use clv::{BetaGeometric, CustomerTable, FitError, ParetoNbd, ProfileInterval, TimingFit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::tail::normal_quantile;

use super::ALPHA;
use super::base::DAYS_PER_UNIT;
use super::fit::Fitted;
use crate::{Reason, Refusal};

/// The mean life of customers whose covariates are zero, with a likelihood-ratio interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeanLife {
    /// What it is counted in.
    pub unit: LifeUnit,
    /// None: it has no end.
    pub estimate: Option<f64>,
    /// None: that it has no end is sure.
    pub low: Option<f64>,
    /// None: that it has no end is not ruled out.
    pub high: Option<f64>,
}

/// What lives are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LifeUnit {
    /// Days from the first purchase until a customer leaves.
    Days,
    /// Purchases after which a customer has left, the first among them.
    Purchases,
    /// Repeat purchases after which a customer has left.
    RepeatPurchases,
}

/// A model whose lives have a mean.
pub(super) trait Lives: TimingModel {
    const UNIT: LifeUnit;
    /// The unit's number of what the model counts in.
    const UNITS: f64;

    fn interval(fit: &TimingFit<Self>, table: &CustomerTable) -> Result<ProfileInterval, FitError>;
}

impl Lives for ParetoNbd {
    const UNIT: LifeUnit = LifeUnit::Days;
    const UNITS: f64 = DAYS_PER_UNIT;

    fn interval(fit: &TimingFit<Self>, table: &CustomerTable) -> Result<ProfileInterval, FitError> {
        fit.mean_life(table, ALPHA)
    }
}

impl<const MODIFIED: bool> Lives for BetaGeometric<MODIFIED> {
    const UNIT: LifeUnit = if MODIFIED {
        LifeUnit::Purchases
    } else {
        LifeUnit::RepeatPurchases
    };
    const UNITS: f64 = 1.0;

    fn interval(fit: &TimingFit<Self>, table: &CustomerTable) -> Result<ProfileInterval, FitError> {
        fit.mean_purchases(table, ALPHA)
    }
}

impl MeanLife {
    /// By a fitted model, given the table that it was fitted to.
    pub(super) fn of<M: Lives>(
        fit: &TimingFit<M>,
        table: &CustomerTable,
    ) -> Result<Self, FitError> {
        let found = M::interval(fit, table)?;
        let finite = |value: f64| value.is_finite().then_some(M::UNITS * value);
        Ok(Self {
            unit: M::UNIT,
            estimate: finite(found.value),
            low: found.low.and_then(finite),
            high: found.high.and_then(finite),
        })
    }
}

/// The mean life, where the model tells it, and why no value of a whole life is given without a discount, where nothing
/// bounds it.
pub(super) fn life(fitted: &Fitted, table: &CustomerTable) -> (Option<MeanLife>, Option<Refusal>) {
    let refused = |message| Some(Refusal::new(Reason::UnboundedLifetime, message));
    if fitted.sees_no_attrition() {
        return (None, unbounded_life(true, fitted.attrition_shape()));
    }
    match fitted.mean_life(table) {
        None => (None, unbounded_life(false, fitted.attrition_shape())),
        Some(Err(error)) => {
            let message = format!("how long customers stay on average cannot be told: {error}");
            (None, refused(message))
        }
        Some(Ok(life)) => {
            let message = if life.low.is_none() {
                "the mean life has no end: a value within a horizon is given"
            } else {
                "a mean life without end is not ruled out: a value within a horizon is given"
            };
            let refusal = life.high.is_none().then(|| message.to_owned());
            (Some(life), refusal.and_then(refused))
        }
    }
}

/// Why nothing bounds a life, by the shape of attrition and the standard error of its logarithm.
pub(super) fn unbounded_life(sees_no_attrition: bool, (shape, se): (f64, f64)) -> Option<Refusal> {
    if sees_no_attrition {
        let message = "no attrition is visible in this window, so that nothing bounds a customer's life: only a value \
                       within a horizon is given";
        return Some(Refusal::new(Reason::UnboundedLifetime, message));
    }
    let low = shape * (-normal_quantile(1.0 - 0.5 * ALPHA) * se).exp();
    (low <= 1.0).then(|| {
        let message = format!(
            "the shape of attrition is {shape:.3}, at least {low:.3}; a mean life is finite above 1 only: a value within \
             a horizon is given"
        );
        Refusal::new(Reason::UnboundedLifetime, message)
    })
}
