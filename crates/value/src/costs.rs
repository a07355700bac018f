//! What an initiative costs: the catalog's prices times what the experiments counted.

use catalog::{Catalog, Cost, Initiative, Per, Unit};
use measure::{Reason, Refusal};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use crate::finding::{CostLine, Money};
use crate::increment::Measured;

/// The mean length of a month.
const DAYS_A_MONTH: f64 = 365.2425 / 12.0;

/// The cost lines of an initiative, in the order of the catalog.
pub(crate) fn costs(
    catalog: &Catalog,
    initiative: &Initiative,
    measured: &[Measured<'_>],
) -> Result<Vec<CostLine>, Refusal> {
    catalog.costs_of(&initiative.name).map(|cost| line(cost, initiative, measured)).collect()
}

fn line(cost: &Cost, initiative: &Initiative, measured: &[Measured<'_>]) -> Result<CostLine, Refusal> {
    let undeclared = |message: String| Refusal::new(Reason::Undeclared, format!("cost `{}`: {message}", cost.name));
    let (per, quantity, discounted) = match cost.per {
        Per::Once => ("once", 1.0, 1.0),
        Per::Month => {
            let months = months(cost, initiative, measured).ok_or_else(|| {
                undeclared("the experiment has no times to count months by: add `months:`".to_owned())
            })?;
            ("month", months, months)
        }
        Per::Customer => {
            let (all, discounted) = over_rounds(measured, |measured| Some(measured.increment.customers as f64))
                .ok_or_else(|| undeclared("no customers were counted".to_owned()))?;
            ("customer", all, discounted)
        }
        Per::Touch => {
            let fact = cost.fact.as_deref().unwrap_or_default();
            let (all, discounted) = over_rounds(measured, |measured| touches(measured, fact))
                .ok_or_else(|| undeclared(format!("touches of `{fact}` were not counted")))?;
            ("touch", all, discounted)
        }
        Per::Revenue => {
            let (all, discounted) = over_rounds(measured, |measured| revenue(measured, cost.metric.as_deref()))
                .ok_or_else(|| undeclared("the experiment has no revenue to take a share of".to_owned()))?;
            ("revenue", all, discounted)
        }
    };
    let amount = Decimal::from_f64(discounted)
        .and_then(|quantity| quantity.checked_mul(cost.amount))
        .ok_or_else(|| undeclared("the amount is too large".to_owned()))?;
    Ok(CostLine {
        name: cost.name.clone(),
        per: per.to_owned(),
        price: cost.amount,
        quantity,
        amount: Money(amount.round_dp_with_strategy(2, rust_decimal::RoundingStrategy::MidpointAwayFromZero)),
    })
}

/// A quantity that grows with customers, over all rounds: as it is, and with later rounds at today's value.
fn over_rounds(measured: &[Measured<'_>], quantity: impl Fn(&Measured<'_>) -> Option<f64>) -> Option<(f64, f64)> {
    let mut all = 0.0;
    let mut discounted = 0.0;
    for measured in measured {
        let in_first = quantity(measured)?;
        let customers = measured.increment.customers.max(1) as f64;
        for (k, round) in measured.increment.rounds.iter().enumerate() {
            let in_round = if k == 0 { in_first } else { in_first * (round.customers as f64 / customers) };
            all += in_round;
            discounted += in_round * round.discount;
        }
    }
    (!measured.is_empty()).then_some((all, discounted))
}

fn touches(measured: &Measured<'_>, fact: &str) -> Option<f64> {
    let arm = measured.lift.arm(&measured.increment.arm)?;
    let touches = arm.touches.iter().find(|touches| touches.fact == fact)?;
    Some(touches.number as f64)
}

/// The arm's money in a metric: the named one, else the first.
fn revenue(measured: &Measured<'_>, metric: Option<&str>) -> Option<f64> {
    let comparison = measured.lift.metrics.iter().find(|comparison| {
        comparison.arm == measured.increment.arm
            && metric.map_or(comparison.unit == Unit::Money, |metric| comparison.metric == metric)
    })?;
    Some(comparison.mean?.arm * comparison.n.arm as f64)
}

/// The declared months, else those that the longest experiment and the rounds after it take, begun ones whole.
fn months(cost: &Cost, initiative: &Initiative, measured: &[Measured<'_>]) -> Option<f64> {
    if let Some(months) = cost.months {
        return Some(f64::from(months));
    }
    let days = measured.iter().filter_map(|measured| measured.lift.period).map(|period| period.days).max()?;
    let later = initiative.recurs.as_ref().map_or(0.0, |recurs| {
        f64::from(recurs.times.saturating_sub(1)) * recurs.every.nominal_seconds() as f64 / 86_400.0
    });
    Some(((f64::from(days) + later) / DAYS_A_MONTH).ceil().max(1.0))
}
