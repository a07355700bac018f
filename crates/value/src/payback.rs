//! When the margin that was added has paid for its cost.

use catalog::Initiative;
use measure::audience::LiftFinding;

use crate::finding::{Estimate, Increment, Payback};
use crate::increment::SECONDS_A_DAY;
use crate::lifetime::{LifePart, LifetimeIncrement};

/// A stretch of time in which margin comes evenly.
struct Stretch {
    days: f64,
    margin: Estimate,
}

/// Counts the days until the margin added has paid for a cost that is spent on the first day.
///
/// Within a round, within the days of customers' lives that were observed, and within those that are modelled, the margin
/// comes evenly. None where it is not known how long the first
/// round was.
pub(crate) fn payback(
    initiative: &Initiative,
    increment: &Increment,
    lift: &LiftFinding,
    cost: f64,
) -> Option<Payback> {
    let stretches = match &increment.lifetime {
        Some(found) => life(increment, found),
        None => rounds(initiative, increment, f64::from(lift.period?.days)),
    };
    let days_at = |end: fn(&Estimate) -> f64| days_until(cost, &stretches, end);
    Some(Payback {
        days: days_at(|margin| margin.estimate),
        earliest_days: days_at(|margin| margin.high),
        latest_days: days_at(|margin| margin.low),
        of_days: stretches.iter().map(|stretch| stretch.days).sum(),
    })
}

fn rounds(initiative: &Initiative, increment: &Increment, first_days: f64) -> Vec<Stretch> {
    let later_days = initiative.recurs.as_ref().map_or(0.0, |recurs| {
        recurs.every.nominal_seconds() as f64 / SECONDS_A_DAY
    });
    let rounds = increment.rounds.iter().enumerate();
    rounds
        .map(|(k, round)| {
            let reached = round.customers as f64 * round.retained * round.discount;
            Stretch {
                days: if k == 0 { first_days } else { later_days },
                margin: times(increment.lift, increment.margin * reached),
            }
        })
        .collect()
}

/// The days observed, and all that is modelled after them.
fn life(increment: &Increment, life: &LifetimeIncrement) -> Vec<Stretch> {
    let customers = increment.customers as f64;
    let sum = |is_in: fn(LifePart) -> bool| {
        let parts = life.parts.iter().filter(|part| is_in(part.part));
        let none = Estimate {
            estimate: 0.0,
            low: 0.0,
            high: 0.0,
        };
        parts.fold(none, |sum, part| Estimate {
            estimate: sum.estimate + part.per_customer.estimate,
            low: sum.low + part.per_customer.low,
            high: sum.high + part.per_customer.high,
        })
    };
    let observed = Stretch {
        days: life.observed_days,
        margin: times(sum(|part| part == LifePart::Measured), customers),
    };
    let modelled = Stretch {
        days: life.horizon_days - life.observed_days,
        margin: times(sum(|part| part != LifePart::Measured), customers),
    };
    vec![observed, modelled]
}

fn times(estimate: Estimate, factor: f64) -> Estimate {
    Estimate {
        estimate: estimate.estimate * factor,
        low: estimate.low * factor,
        high: estimate.high * factor,
    }
}

fn days_until(cost: f64, stretches: &[Stretch], end: fn(&Estimate) -> f64) -> Option<f64> {
    let (mut earned, mut days) = (0.0, 0.0);
    for stretch in stretches {
        let margin = end(&stretch.margin);
        if margin > 0.0 && earned + margin >= cost {
            return Some(days + stretch.days * ((cost - earned) / margin).max(0.0));
        }
        earned += margin;
        days += stretch.days;
    }
    None
}
