//! What an initiative costs: the catalog's prices times what the experiments counted.

use catalog::{Catalog, Cost, Initiative, Per, Unit};
use measure::{Reason, Refusal};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use crate::finding::{CostLine, Money};
use crate::increment::{SECONDS_A_DAY, Shown, schedule};

/// The mean length of a month.
const DAYS_A_MONTH: f64 = 365.2425 / 12.0;

/// How much of something was paid for: as it is, and with later rounds at the value of today.
#[derive(Clone, Copy)]
struct Quantity {
    all: f64,
    discounted: f64,
}

impl Quantity {
    fn plain(number: f64) -> Self {
        Self {
            all: number,
            discounted: number,
        }
    }
}

/// Each cost of an initiative, in the order of the catalog, or why it cannot be counted.
pub(crate) fn costs(
    catalog: &Catalog,
    initiative: &Initiative,
    shown: &[Shown<'_>],
) -> Vec<Result<CostLine, Refusal>> {
    catalog
        .costs_of(&initiative.name)
        .map(|cost| line(catalog, cost, initiative, shown))
        .collect()
}

fn line(
    catalog: &Catalog,
    cost: &Cost,
    initiative: &Initiative,
    shown: &[Shown<'_>],
) -> Result<CostLine, Refusal> {
    let undeclared = |message: &str| {
        Refusal::new(
            Reason::Undeclared,
            format!("cost `{}`: {message}", cost.name),
        )
    };
    let over_rounds = |quantity: &dyn Fn(&Shown<'_>) -> Option<f64>| {
        over_rounds(catalog, initiative, shown, quantity)
    };
    let (per, quantity) = match cost.per {
        Per::Once => ("once", Quantity::plain(1.0)),
        Per::Month => {
            let months = months(cost, initiative, shown).ok_or_else(|| {
                undeclared("the experiment has no times to count months by: add `months:`")
            })?;
            ("month", Quantity::plain(months))
        }
        Per::Customer => {
            let customers = over_rounds(&|shown| Some(shown.arm.customers as f64));
            (
                "customer",
                customers.ok_or_else(|| undeclared("no customers were counted"))?,
            )
        }
        Per::Touch => {
            let touches = over_rounds(&|shown| touches(shown, cost.fact.as_deref()?));
            (
                "touch",
                touches.ok_or_else(|| undeclared("its touches were not counted"))?,
            )
        }
        Per::Revenue => {
            let revenue = over_rounds(&|shown| revenue(shown, cost.metric.as_deref()));
            (
                "revenue",
                revenue.ok_or_else(|| {
                    undeclared("the experiment has no revenue to take a share of")
                })?,
            )
        }
    };
    let amount = Decimal::from_f64(quantity.discounted)
        .and_then(|quantity| quantity.checked_mul(cost.amount))
        .ok_or_else(|| undeclared("the amount is too large"))?;
    Ok(CostLine {
        name: cost.name.clone(),
        per: per.to_owned(),
        price: cost.amount,
        quantity: quantity.all,
        amount: Money::rounded(amount),
    })
}

/// A quantity that grows with customers, over all arms and rounds.
fn over_rounds(
    catalog: &Catalog,
    initiative: &Initiative,
    shown: &[Shown<'_>],
    quantity: impl Fn(&Shown<'_>) -> Option<f64>,
) -> Option<Quantity> {
    let mut sum = Quantity::plain(0.0);
    for shown in shown {
        let in_first = quantity(shown)?;
        let customers = shown.arm.customers;
        for (k, round) in schedule(catalog, initiative.recurs.as_ref(), customers)
            .iter()
            .enumerate()
        {
            let in_round = if k == 0 {
                in_first
            } else {
                in_first * (round.customers as f64 / customers.max(1) as f64)
            };
            sum.all += in_round;
            sum.discounted += in_round * round.discount;
        }
    }
    (!shown.is_empty()).then_some(sum)
}

fn touches(shown: &Shown<'_>, fact: &str) -> Option<f64> {
    let touches = shown
        .arm
        .touches
        .iter()
        .find(|touches| touches.fact == fact)?;
    Some(touches.number as f64)
}

/// The arm's money in a metric: the named one, else the first that is a sum.
fn revenue(shown: &Shown<'_>, metric: Option<&str>) -> Option<f64> {
    let of_arm = shown
        .lift
        .metrics
        .iter()
        .filter(|comparison| comparison.arm == shown.arm.name && !comparison.ratio);
    let mut money = of_arm.filter(|comparison| comparison.unit == Unit::Money);
    let comparison =
        money.find(|comparison| metric.is_none_or(|metric| comparison.metric == metric))?;
    // A share of nothing is nothing: where returns exceed sales, no money comes back with them.
    Some((comparison.mean?.arm * comparison.n.arm as f64).max(0.0))
}

/// The declared months, else those that the longest experiment and the rounds after it take, begun ones whole.
fn months(cost: &Cost, initiative: &Initiative, shown: &[Shown<'_>]) -> Option<f64> {
    if let Some(months) = cost.months {
        return Some(f64::from(months));
    }
    let days = shown
        .iter()
        .filter_map(|shown| shown.lift.period)
        .map(|period| period.days)
        .max()?;
    let later = initiative.recurs.as_ref().map_or(0.0, |recurs| {
        f64::from(recurs.times.saturating_sub(1)) * recurs.every.nominal_seconds() as f64
            / SECONDS_A_DAY
    });
    Some(((f64::from(days) + later) / DAYS_A_MONTH).ceil().max(1.0))
}
