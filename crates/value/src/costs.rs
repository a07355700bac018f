//! What an initiative costs: the catalog's prices times what the experiments counted.

use catalog::{Catalog, Cost, Initiative, LifetimeEffect, Per, Unit};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use measure::audience::LifetimeFinding;
use measure::{Reason, Refusal, begun_months};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use crate::finding::{CostLine, Money};
use crate::increment::{DAYS_A_YEAR, SECONDS_A_DAY, Shown, schedule};
use crate::lifetime::incremental_arm;

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

/// A treatment that counts by what its customers' lives gain: in the days that they were observed for and, where it goes
/// on after them, to the horizon.
///
/// What was paid for a customer in a mean day that was observed is paid on every day that follows, as if no customer ever
/// left: the most that it can come to.
#[derive(Clone, Copy)]
struct Treated {
    /// Mean days that customers were observed for.
    days: f64,
    /// Days of a life in which it is treated.
    of_days: f64,
    /// Days from the first assignment until the last customer is treated no more; none where assignments have no times.
    run: Option<f64>,
    /// A year.
    discount_rate: f64,
    /// What the arm's customers spent in the days observed.
    spend: f64,
}

impl Treated {
    /// None where nothing is known of the arm's lives.
    fn of(catalog: &Catalog, lifetime: &LifetimeFinding, shown: &Shown<'_>) -> Option<Self> {
        let found = incremental_arm(lifetime, &shown.lift.experiment, &shown.arm.name)?;
        let measured = found.in_process.as_ref()?;
        let goes_on = lifetime.incremental.as_ref()?.effect == LifetimeEffect::StaysOn;
        let of_days = match goes_on {
            true => lifetime.horizon_days.max(measured.days),
            false => measured.days,
        };
        let run = shown.lift.period.and_then(|period| match goes_on {
            true => Some(days_between(period.first, period.last) + of_days),
            false => Some(days_between(period.first, end_of(lifetime)?)),
        });
        Some(Self {
            days: measured.days,
            of_days,
            run,
            discount_rate: catalog.project().discount_rate,
            spend: found.customers.arm as f64 * measured.mean.arm / lifetime.margin.unwrap_or(1.0),
        })
    }

    /// A quantity of the days observed, over all days that are treated: with discount `1 + 1/days x` the integral of
    /// `(1 + r)^(-t / year)` over the days after those observed.
    fn over(self, observed: f64) -> Quantity {
        let later = self.of_days - self.days;
        let rate = self.discount_rate.ln_1p() / DAYS_A_YEAR;
        let worth = if rate == 0.0 {
            later
        } else {
            (-rate * self.days).exp() * -(-rate * later).exp_m1() / rate
        };
        Quantity {
            all: observed * (1.0 + later / self.days),
            discounted: observed * (1.0 + worth / self.days),
        }
    }
}

/// The end of the last day that a lifetime counts, in microseconds since 1970.
fn end_of(lifetime: &LifetimeFinding) -> Option<i64> {
    let last: Date = lifetime.extent.last_day.as_ref()?.parse().ok()?;
    let start = last.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(start.timestamp().as_microsecond())
}

fn days_between(first: i64, last: i64) -> f64 {
    (last - first).max(0) as f64 / (1e6 * SECONDS_A_DAY)
}

/// Each cost of an initiative, in the order of the catalog, or why it cannot be counted. Where the initiative counts by a
/// lifetime, they are those of the days of life in which its customers are treated.
pub(crate) fn costs(
    catalog: &Catalog,
    initiative: &Initiative,
    shown: &[Shown<'_>],
    lifetime: Option<&LifetimeFinding>,
) -> Vec<Result<CostLine, Refusal>> {
    let treated = lifetime.and_then(|lifetime| Treated::of(catalog, lifetime, shown.first()?));
    catalog
        .costs_of(&initiative.name)
        .map(|cost| line(catalog, cost, initiative, shown, treated))
        .collect()
}

fn line(
    catalog: &Catalog,
    cost: &Cost,
    initiative: &Initiative,
    shown: &[Shown<'_>],
    treated: Option<Treated>,
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
            let months = months(cost, initiative, shown, treated).ok_or_else(|| {
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
                going_on(
                    touches.ok_or_else(|| undeclared("its touches were not counted"))?,
                    treated,
                ),
            )
        }
        Per::Revenue => {
            let revenue = match treated {
                Some(_) if cost.metric.is_some() => {
                    let message = "over customers' lives a share of revenue is one of the lifetime's spend: leave \
                                   `metric` out";
                    return Err(undeclared(message));
                }
                Some(treated) => Some(treated.over(treated.spend.max(0.0))),
                None => over_rounds(&|shown| revenue(shown, cost.metric.as_deref())),
            };
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

/// What touches come to where customers are treated on.
fn going_on(touches: Quantity, treated: Option<Treated>) -> Quantity {
    treated.map_or(touches, |treated| treated.over(touches.all))
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

/// The declared months, else those that the longest experiment and the rounds after it take, begun ones whole. Where
/// customers' lives count, until the last of them is treated no more.
fn months(
    cost: &Cost,
    initiative: &Initiative,
    shown: &[Shown<'_>],
    treated: Option<Treated>,
) -> Option<f64> {
    if let Some(months) = cost.months {
        return Some(f64::from(months));
    }
    let days = match treated {
        Some(treated) => treated.run?,
        None => days_of_rounds(initiative, shown)?,
    };
    Some(begun_months(days))
}

/// Days from the first assignment to the end of the last round.
fn days_of_rounds(initiative: &Initiative, shown: &[Shown<'_>]) -> Option<f64> {
    let periods = shown.iter().filter_map(|shown| shown.lift.period);
    let days = periods.map(|period| period.days).max()?;
    let later = initiative.recurs.as_ref().map_or(0.0, |recurs| {
        f64::from(recurs.times.saturating_sub(1)) * recurs.every.nominal_seconds() as f64
            / SECONDS_A_DAY
    });
    Some(f64::from(days) + later)
}
