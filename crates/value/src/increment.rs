//! What an arm's lift comes to in money, over all the customers and rounds that count.

use catalog::{Better, Catalog, Initiative, Metric, Recurrence, Unit};
use measure::audience::{ArmFinding, Comparison, LifetimeFinding, LiftFinding};
use measure::{Reason, Refusal};

use stats::tail::student_t_critical;

use crate::finding::{Estimate, Grade, Increment, Money, Round};
use crate::ledger::CONFIDENCE;
use crate::lifetime;

pub(crate) const DAYS_A_YEAR: f64 = 365.2425;
pub(crate) const SECONDS_A_DAY: f64 = 86_400.0;
pub(crate) const MICROSECONDS_A_DAY: f64 = 1e6 * SECONDS_A_DAY;

/// An increment with what the sums over several need.
#[derive(Clone)]
pub(crate) struct Measured {
    pub(crate) increment: Increment,
    /// Degrees of freedom; infinite for a normal reference.
    pub(crate) df: f64,
    /// Money for a unit of lift: margin times customers, over all rounds, discounted.
    pub(crate) weight: f64,
    /// Standard error of the reference arm's mean, which increments of one experiment share.
    pub(crate) against_se: f64,
}

impl Measured {
    /// Whether both rest on one arm of reference.
    pub(crate) fn shares_reference_with(&self, other: &Self) -> bool {
        let counts_lives = self.counts_lives() || other.counts_lives();
        self.increment.experiment == other.increment.experiment
            && (self.increment.metric == other.increment.metric || counts_lives)
    }

    /// The covariance of two increments that share their reference arm: of lifts the one that comes with its mean, of
    /// lives the largest that it can be.
    pub(crate) fn covariance_with(&self, other: &Self) -> f64 {
        if self.counts_lives() || other.counts_lives() {
            return self.increment.se * other.increment.se;
        }
        self.weight * other.weight * self.against_se * other.against_se
    }

    fn counts_lives(&self) -> bool {
        self.increment.lifetime.is_some()
    }

    /// What was measured in the time of the data, without what models say of later.
    pub(crate) fn within_the_data(&self) -> Money {
        let lifetime = self.increment.lifetime.as_ref();
        lifetime
            .and_then(|lifetime| lifetime.parts.first())
            .map_or(self.increment.amount, |measured| measured.amount)
    }
}

/// An arm that shows an initiative.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) lift: &'a LiftFinding,
    pub(crate) arm: &'a ArmFinding,
}

/// The arms that show an initiative.
pub(crate) fn shown<'a>(initiative: &Initiative, lifts: &'a [LiftFinding]) -> Vec<Shown<'a>> {
    let arms = lifts
        .iter()
        .flat_map(|lift| lift.arms.iter().map(move |arm| Shown { lift, arm }));
    arms.filter(|shown| shown.arm.initiative.as_ref() == Some(&initiative.name))
        .collect()
}

/// The increments of an initiative, one for each arm that shows it: over customers' lives where a lifetime is given,
/// else by the lift.
pub(crate) fn increments(
    catalog: &Catalog,
    initiative: &Initiative,
    shown: &[Shown<'_>],
    lifetime: Option<&LifetimeFinding>,
) -> Result<Vec<Measured>, Refusal> {
    if shown.is_empty() {
        return Err(Refusal::new(
            Reason::Undeclared,
            "not measured: no arm of an experiment names this initiative",
        ));
    }
    let of_arm = |shown: &Shown<'_>| match lifetime {
        Some(lifetime) => lifetime::increment(shown.lift, &shown.arm.name, lifetime),
        None => {
            let recurs = initiative.recurs.as_ref();
            increment(catalog, recurs, shown.lift, &shown.arm.name)
        }
    };
    shown.iter().map(of_arm).collect()
}

/// The increment of one arm, over the rounds that recur.
pub(crate) fn increment(
    catalog: &Catalog,
    recurs: Option<&Recurrence>,
    lift: &LiftFinding,
    arm: &str,
) -> Result<Measured, Refusal> {
    trusted(lift)?;
    let (comparison, metric) = money_metric(catalog, lift, arm)?;
    let margin = catalog.margin_of(metric).ok_or_else(|| {
        let message = format!(
            "no margin for `{}`: add `margin:` to the metric or to touchstone.yaml",
            metric.name
        );
        Refusal::new(Reason::Undeclared, message)
    })?;
    let Some((outcome, effect)) = comparison
        .decisive()
        .and_then(|outcome| Some((outcome, outcome.absolute?)))
    else {
        let reason = comparison.outcome.refusal.clone();
        return Err(reason
            .unwrap_or_else(|| Refusal::new(Reason::TooLittleData, "no effect can be estimated")));
    };
    // Of money that had better decrease, what goes away is gained.
    let gain = match comparison.better {
        Better::Increase => effect.estimate,
        Better::Decrease => -effect.estimate,
    };
    let assigned = lift.arm(arm).map_or(0, |arm| arm.customers);
    // What customers bring whose window has not passed is not measured yet.
    let waiting = comparison.maturity.filter(|maturity| !maturity.counted);
    let customers = assigned.saturating_sub(waiting.map_or(0, |waiting| waiting.not_matured.arm));
    let rounds = rounds(catalog, recurs, customers, gain * margin).ok_or_else(too_large)?;
    let weight: f64 = margin
        * rounds
            .iter()
            .map(|round| round.customers as f64 * round.retained * round.discount)
            .sum::<f64>();
    let amount = Money(rounds.iter().map(|round| round.amount.0).sum());
    let df = effect.df.unwrap_or(f64::INFINITY);
    let critical = critical(lift, comparison.primary, df);
    let reach = critical * effect.se;
    let increment = Increment {
        experiment: lift.experiment.clone(),
        arm: arm.to_owned(),
        metric: metric.name.clone(),
        lift: Estimate {
            estimate: gain,
            low: gain - reach,
            high: gain + reach,
        },
        adjusted: comparison.adjusted.is_some(),
        customers,
        margin,
        amount,
        low: Money::from_f64(amount.to_f64() - reach * weight).ok_or_else(too_large)?,
        high: Money::from_f64(amount.to_f64() + reach * weight).ok_or_else(too_large)?,
        se: effect.se * weight,
        grade: rounds
            .iter()
            .map(|round| round.grade)
            .max()
            .unwrap_or(Grade::A),
        rounds,
        lifetime: None,
    };
    Ok(Measured {
        increment,
        df,
        weight,
        against_se: outcome.against_se.unwrap_or(0.0),
    })
}

/// Refuses what rests on an experiment that is refused.
pub(crate) fn trusted(lift: &LiftFinding) -> Result<(), Refusal> {
    match &lift.refusal {
        None => Ok(()),
        Some(refusal) => {
            let message = format!("experiment `{}`: {}", lift.experiment, refusal.message);
            Err(Refusal::new(refusal.reason, message))
        }
    }
}

/// Standard errors from an estimate to the limits of its interval. The ledger's intervals have one level, whatever that
/// of the experiment. Before the planned end of an experiment that is looked at early, an interval of what the plan
/// decides by holds at every look, and is wider.
pub(crate) fn critical(lift: &LiftFinding, planned: bool, df: f64) -> f64 {
    let at_the_end = student_t_critical(1.0 - CONFIDENCE, df);
    let at_this_look = lift.plan.as_ref().filter(|_| planned);
    at_this_look
        .and_then(|plan| plan.critical)
        .map_or(at_the_end, |boundary| boundary.max(at_the_end))
}

pub(crate) fn too_large() -> Refusal {
    let message = "the amount is too large for money to the cent";
    Refusal::new(Reason::UnfitData, message)
}

/// The primary metric where it is money, else the first that is.
fn money_metric<'c, 'l>(
    catalog: &'c Catalog,
    lift: &'l LiftFinding,
    arm: &str,
) -> Result<(&'l Comparison, &'c Metric), Refusal> {
    let of_arm = lift
        .metrics
        .iter()
        .filter(|comparison| comparison.arm == arm);
    let money = of_arm.filter(|comparison| comparison.unit == Unit::Money);
    money
        .filter(|comparison| !comparison.ratio)
        .find_map(|comparison| Some((comparison, catalog.metric(&comparison.metric)?)))
        .ok_or_else(|| {
            let message = format!(
                "experiment `{}` has no metric per customer with `unit: money`, so its lift is not money",
                lift.experiment
            );
            Refusal::new(Reason::Undeclared, message)
        })
}

/// The measured round and, where the catalog says so, those that recur, with the margin that they bring.
fn rounds(
    catalog: &Catalog,
    recurs: Option<&Recurrence>,
    customers: u64,
    margin_per_customer: f64,
) -> Option<Vec<Round>> {
    let schedule = schedule(catalog, recurs, customers);
    let round = |(k, scheduled): (usize, Scheduled)| {
        let Scheduled {
            customers,
            retained,
            discount,
        } = scheduled;
        Some(Round {
            customers,
            retained,
            discount,
            amount: Money::from_f64(margin_per_customer * customers as f64 * retained * discount)?,
            grade: if k == 0 { Grade::A } else { Grade::B },
        })
    };
    schedule.into_iter().enumerate().map(round).collect()
}

/// A round of an initiative: whom it reaches, what is left of the effect, what its money is worth today.
pub(crate) struct Scheduled {
    pub(crate) customers: u64,
    pub(crate) retained: f64,
    pub(crate) discount: f64,
}

/// The measured round and those that recur. Of round k (from 0) `retained^k` of the effect is left, and its money is
/// worth `(1 + discount_rate)^-(k * every in years)` today.
pub(crate) fn schedule(
    catalog: &Catalog,
    recurs: Option<&Recurrence>,
    customers: u64,
) -> Vec<Scheduled> {
    let times = recurs.map_or(1, |recurs| recurs.times.max(1));
    let round = |k: u32| {
        let (customers, retained, years) = match recurs.filter(|_| k > 0) {
            None => (customers, 1.0, 0.0),
            Some(recurs) => (
                recurs.customers.unwrap_or(customers),
                recurs.retained.unwrap_or(1.0).powf(f64::from(k)),
                f64::from(k) * recurs.every.nominal_seconds() as f64 / SECONDS_A_DAY / DAYS_A_YEAR,
            ),
        };
        let discount = (1.0 + catalog.project().discount_rate).powf(-years);
        Scheduled {
            customers,
            retained,
            discount,
        }
    };
    (0..times).map(round).collect()
}
