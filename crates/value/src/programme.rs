//! What a holdout says of a whole programme, beside the sum of the initiatives in it.

use catalog::{Catalog, Covers, Experiment, Initiative};
use measure::audience::LiftFinding;
use measure::{Reason, Refusal};
use stats::satterthwaite;

use crate::finding::{Agreement, Covered, Money, MoneyEstimate, ProgrammeValue};
use crate::increment::{MICROSECONDS_A_DAY, Measured, increment, increments, shown};
use crate::sum::Sum;

const MICROSECONDS_A_SECOND: f64 = 1e6;

/// The programmes of a catalog: the arms that cover initiatives and are compared with a holdout.
///
/// `measured = lift against the holdout x customers of the arm x margin`, in the value of its time. Beside it stands the
/// sum of what the covered initiatives' own experiments say for the same time: of each, the rounds that begin in it
/// (where times are not known, the measured round), without discount. The sum takes each increment as if the others
/// were not there; `difference = measured - sum` is what they gain or lose together. Its variance is that of
/// independent experiments; of those that share the reference arm, the covariance is taken off.
///
/// None of it enters the ledger's total.
pub(crate) fn programmes(catalog: &Catalog, lifts: &[LiftFinding]) -> Vec<ProgrammeValue> {
    let mut programmes = Vec::new();
    for experiment in catalog.experiments() {
        for arm in &experiment.arms {
            if let Some(covers) = &arm.covers {
                programmes.push(programme(catalog, lifts, experiment, &arm.name, covers));
            }
        }
    }
    programmes
}

fn programme(
    catalog: &Catalog,
    lifts: &[LiftFinding],
    experiment: &Experiment,
    arm: &str,
    covers: &Covers,
) -> ProgrammeValue {
    let lift = lifts.iter().find(|lift| lift.experiment == experiment.name);
    let measured = match lift {
        Some(lift) => increment(catalog, None, lift, arm),
        None => Err(Refusal::new(
            Reason::Undeclared,
            format!("experiment `{}` is not measured", experiment.name),
        )),
    };
    let time = lift.and_then(time_of);
    let covered: Vec<(Covered, Vec<Measured>)> = catalog
        .initiatives()
        .filter(|initiative| covers.has(initiative))
        .map(|initiative| covered(catalog, lifts, initiative, time))
        .collect();
    let parts: Vec<Measured> = covered
        .iter()
        .flat_map(|(_, measured)| measured.iter().cloned())
        .collect();
    let mut value = ProgrammeValue {
        experiment: experiment.name.clone(),
        arm: arm.to_owned(),
        customers: lift
            .and_then(|lift| lift.arm(arm))
            .map_or(0, |arm| arm.customers),
        measured: None,
        initiatives: covered.into_iter().map(|(covered, _)| covered).collect(),
        sum: (!parts.is_empty())
            .then(|| Sum::of(&parts).estimate())
            .flatten(),
        difference: None,
        agreement: None,
        refusal: None,
    };
    match measured {
        Err(refusal) => value.refusal = Some(refusal),
        Ok(measured) => {
            value.measured = Sum::of(std::slice::from_ref(&measured)).estimate();
            // A sum that leaves initiatives out is not what the programme should bring.
            if !parts.is_empty() && value.initiatives.iter().all(|one| one.refusal.is_none()) {
                value.difference = difference(&measured, &parts);
                value.agreement = value.difference.map(agreement);
            }
        }
    }
    value
}

/// From when to when an experiment's customers are observed, in microseconds.
fn time_of(lift: &LiftFinding) -> Option<(f64, f64)> {
    let period = lift.period?;
    let first = period.first as f64;
    Some((first, first + f64::from(period.days) * MICROSECONDS_A_DAY))
}

/// What the experiments of one initiative say for a time.
fn covered(
    catalog: &Catalog,
    lifts: &[LiftFinding],
    initiative: &Initiative,
    time: Option<(f64, f64)>,
) -> (Covered, Vec<Measured>) {
    let shown = shown(initiative, lifts);
    let mut covered = Covered {
        initiative: initiative.name.clone(),
        increment: None,
        rounds: 0,
        refusal: None,
    };
    // Lives go on after the holdout: for its time it is the lift that counts.
    let measured = match increments(catalog, initiative, &shown, None) {
        Ok(measured) => measured,
        Err(refusal) => {
            covered.refusal = Some(refusal);
            return (covered, Vec::new());
        }
    };
    let mut parts = Vec::new();
    for (mut measured, shown) in measured.into_iter().zip(&shown) {
        let first = shown.lift.period.map(|period| period.first as f64);
        let round_length = initiative.recurs.as_ref().map_or(0.0, |recurs| {
            recurs.every.nominal_seconds() as f64 * MICROSECONDS_A_SECOND
        });
        let begins_in_it = |round: usize| match (first, time) {
            (Some(first), Some((from, to))) => {
                let begins = first + round as f64 * round_length;
                // Exposures of one day are at one time.
                begins > from - MICROSECONDS_A_DAY && begins < to
            }
            _ => round == 0,
        };
        let rounds = measured.increment.rounds.iter().enumerate();
        let counted: Vec<f64> = rounds
            .filter(|(round, _)| begins_in_it(*round))
            .map(|(_, round)| round.customers as f64 * round.retained)
            .collect();
        if counted.is_empty() {
            continue;
        }
        covered.rounds += counted.len() as u64;
        let weight = measured.increment.margin * counted.iter().sum::<f64>();
        let scale = if measured.weight > 0.0 {
            weight / measured.weight
        } else {
            0.0
        };
        let Some(amount) = Money::from_f64(measured.increment.lift.estimate * weight) else {
            continue;
        };
        measured.increment.amount = amount;
        measured.increment.se *= scale;
        measured.weight = weight;
        parts.push(measured);
    }
    if parts.is_empty() {
        covered.refusal = Some(Refusal::new(
            Reason::Undeclared,
            "no round of it begins in the time of the holdout",
        ));
    } else {
        covered.increment = Sum::of(&parts).estimate();
    }
    (covered, parts)
}

fn difference(programme: &Measured, parts: &[Measured]) -> Option<MoneyEstimate> {
    let (whole, sum) = (Sum::of(std::slice::from_ref(programme)), Sum::of(parts));
    let shared: f64 = parts
        .iter()
        .filter(|part| part.shares_reference_with(programme))
        .map(|part| part.covariance_with(programme))
        .sum();
    let variances = [(whole.se.powi(2), whole.df), (sum.se.powi(2), sum.df)];
    Sum {
        amount: Money(whole.amount.0 - sum.amount.0),
        se: (whole.se.powi(2) + sum.se.powi(2) - 2.0 * shared)
            .max(0.0)
            .sqrt(),
        df: if shared == 0.0 {
            satterthwaite(&variances)
        } else {
            whole.df.min(sum.df)
        },
    }
    .estimate()
}

fn agreement(difference: MoneyEstimate) -> Agreement {
    if difference.low > Money::default() {
        Agreement::More
    } else if difference.high < Money::default() {
        Agreement::Less
    } else {
        Agreement::Agrees
    }
}
