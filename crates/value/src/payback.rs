//! When the margin that was added has paid for its cost.

use catalog::Initiative;
use measure::audience::LiftFinding;

use crate::finding::{Estimate, Increment, Payback};
use crate::increment::SECONDS_A_DAY;

/// A stretch of time in which margin comes evenly.
struct Stretch {
    days: f64,
    margin: Estimate,
}

/// Counts the days until the margin added has paid for a cost that is spent on the first day.
///
/// Within a round, or a part of customers' lives, the margin comes evenly. None where it is not known how long the first
/// round was.
pub(crate) fn payback(
    initiative: &Initiative,
    increment: &Increment,
    lift: &LiftFinding,
    cost: f64,
) -> Option<Payback> {
    let stretches = match &increment.lifetime {
        Some(_) => parts(increment),
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

fn parts(increment: &Increment) -> Vec<Stretch> {
    let parts = increment.lifetime.iter().flat_map(|life| &life.parts);
    parts
        .map(|part| Stretch {
            days: part.days,
            margin: times(part.per_customer, increment.customers as f64),
        })
        .collect()
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
