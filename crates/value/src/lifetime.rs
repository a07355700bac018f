//! What an arm adds over its customers' lives, where an initiative counts by them in place of its lift.

use catalog::LifetimeEffect;
use measure::audience::lifetime::{Band, IncrementalArm, LifetimeUnit};
use measure::audience::{Estimate as Measurement, LifetimeFinding, LiftFinding};
use measure::{Reason, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::{Estimate, Grade, Increment, Money};
use crate::increment::{Measured, critical, too_large, trusted};

/// What an increment that counts over customers' lives is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LifetimeIncrement {
    /// The lifetime document.
    pub lifetime: String,
    /// Whether the treatment goes on for these customers, or ended with the data.
    pub effect: LifetimeEffect,
    /// Days of a customer's life that count, from the beginning of the experiment for the customer.
    pub horizon_days: f64,
    /// Those of them that were observed, of the mean customer.
    pub observed_days: f64,
    /// One after the other in a customer's life; they add up to the amount.
    pub parts: Vec<LifetimePart>,
    /// Value per customer by the model that says least and the one that says most; of a treatment that goes on. It
    /// takes the time observed from the models, too.
    pub models: Option<Band>,
}

/// A part of customers' lives, and what they brought more in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LifetimePart {
    pub part: LifePart,
    /// The gain of margin per customer; modelled parts are discounted to the beginning of the customer's life.
    pub per_customer: Estimate,
    /// That times the customers.
    pub amount: Money,
    pub grade: Grade,
}

/// A part of a customer's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LifePart {
    /// Observed: the difference of means, without a model.
    Measured,
    /// From the end of what was observed to twelve months, by a model of purchases.
    ToTwelveMonths,
    /// From there to the horizon, by the model.
    Beyond,
}

impl LifePart {
    /// What is observed is measured; within twelve months the model goes on from it; what it says of later years is a
    /// model's word.
    fn grade(self) -> Grade {
        match self {
            Self::Measured => Grade::A,
            Self::ToTwelveMonths => Grade::B,
            Self::Beyond => Grade::D,
        }
    }
}

/// The value of a life per customer: its parts, and how sure their sum is.
struct Life {
    parts: Vec<(LifePart, Measurement)>,
    observed_days: f64,
    se: f64,
    /// Degrees of freedom of the measured part.
    df: f64,
}

/// The increment of an arm over its customers' lives.
///
/// `amount = sum over parts of (gain per customer x customers)`, each rounded to the cent. The parts follow one
/// another in a customer's life, so that no day counts twice, and the lift of the experiment's metric, whose days are
/// those of the measured part, is not added. All parts rest on the same customers. Where the treatment stopped, the
/// lifetime knows the error of their sum; where it stays on, their standard errors are added up, which is the largest
/// that the error of the sum can be, whatever their correlation.
///
/// # Errors
///
/// What refuses the experiment refuses its lives; values that are not margin; a life that could not be valued, as where
/// the treatment decides who buys at all.
pub(crate) fn increment(
    lift: &LiftFinding,
    arm: &str,
    lifetime: &LifetimeFinding,
) -> Result<Measured, Refusal> {
    trusted(lift)?;
    let name = &lifetime.lifetime;
    if lifetime.unit != LifetimeUnit::Margin {
        let message = format!(
            "no margin for the lifetime `{name}`: add `margin:` to it or to touchstone.yaml"
        );
        return Err(Refusal::new(Reason::Undeclared, message));
    }
    let unmeasured = || {
        let message = format!(
            "the lifetime `{name}` does not say what `{arm}` of `{}` gains",
            lift.experiment
        );
        Refusal::new(Reason::Undeclared, message)
    };
    let found = incremental_arm(lifetime, &lift.experiment, arm).ok_or_else(unmeasured)?;
    let effect = lifetime.incremental.as_ref().ok_or_else(unmeasured)?.effect;
    let life = life(found, effect, lifetime.horizon_days).ok_or_else(|| {
        let reason = found.refusals.first().cloned();
        reason.unwrap_or_else(|| Refusal::new(Reason::TooLittleData, "no life can be valued"))
    })?;
    let customers = found.customers.arm;
    let number = customers as f64;
    let critical = critical(lift, true, life.df);
    let interval = |estimate: f64, se: f64| Estimate {
        estimate,
        low: estimate - critical * se,
        high: estimate + critical * se,
    };
    let parts: Option<Vec<LifetimePart>> = (life.parts.iter())
        .map(|&(part, gain)| {
            Some(LifetimePart {
                part,
                per_customer: interval(gain.estimate, gain.se),
                amount: Money::from_f64(gain.estimate * number)?,
                grade: part.grade(),
            })
        })
        .collect();
    let parts = parts.ok_or_else(too_large)?;
    let gain: f64 = life.parts.iter().map(|(_, gain)| gain.estimate).sum();
    let amount = Money(parts.iter().map(|part| part.amount.0).sum());
    let reach = critical * life.se * number;
    let increment = Increment {
        experiment: lift.experiment.clone(),
        arm: arm.to_owned(),
        metric: name.clone(),
        lift: interval(gain, life.se),
        adjusted: (found.in_process.as_ref()).is_some_and(|measured| measured.adjusted.is_some()),
        customers,
        margin: 1.0,
        amount,
        low: Money::from_f64(amount.to_f64() - reach).ok_or_else(too_large)?,
        high: Money::from_f64(amount.to_f64() + reach).ok_or_else(too_large)?,
        se: life.se * number,
        grade: parts
            .iter()
            .map(|part| part.grade)
            .max()
            .unwrap_or(Grade::A),
        rounds: Vec::new(),
        lifetime: Some(LifetimeIncrement {
            lifetime: name.clone(),
            effect,
            horizon_days: lifetime.horizon_days,
            observed_days: life.observed_days,
            parts,
            models: found.band.filter(|_| effect == LifetimeEffect::StaysOn),
        }),
    };
    Ok(Measured {
        increment,
        df: life.df,
        weight: number,
        against_se: 0.0,
    })
}

/// What a lifetime says of an arm of an experiment.
pub(crate) fn incremental_arm<'l>(
    lifetime: &'l LifetimeFinding,
    experiment: &str,
    arm: &str,
) -> Option<&'l IncrementalArm> {
    let incremental = lifetime.incremental.as_ref();
    let incremental = incremental.filter(|found| found.experiment == experiment)?;
    incremental.arms.iter().find(|found| found.arm == arm)
}

/// The parts of a life; those after the horizon, of which there is nothing, are left out.
fn life(arm: &IncrementalArm, effect: LifetimeEffect, horizon_days: f64) -> Option<Life> {
    let measured = arm.in_process.as_ref()?;
    let (to_twelve_months, beyond, whole) = match effect {
        LifetimeEffect::StaysOn => {
            let value = arm.stays_on.as_ref()?;
            (value.to_twelve_months.amount, value.beyond.amount, None)
        }
        LifetimeEffect::Stops => {
            let value = arm.stops.as_ref()?;
            (value.to_twelve_months, value.beyond, Some(value.total.se))
        }
    };
    let difference = *measured.decides();
    let mut parts = vec![(LifePart::Measured, difference)];
    let later = [
        (LifePart::ToTwelveMonths, to_twelve_months),
        (LifePart::Beyond, beyond),
    ];
    parts.extend((later.into_iter()).filter(|(_, gain)| gain.estimate != 0.0 || gain.se > 0.0));
    let bound: f64 = parts.iter().map(|(_, gain)| gain.se).sum();
    Some(Life {
        observed_days: measured.days.min(horizon_days),
        se: whole.unwrap_or(bound),
        df: difference.df.unwrap_or(f64::INFINITY),
        parts,
    })
}
