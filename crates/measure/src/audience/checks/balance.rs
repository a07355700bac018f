//! Were the arms alike before the experiment, by all that was known of customers?

use stats::balance::{CovariateMoments, balance as test};
use stats::moments::{Moments, MomentsError};

use crate::audience::finding::{Check, CheckKind, Severity};
use crate::audience::plan::Plan;
use crate::audience::tally::{Layout, Tally};
use crate::audience::trust::{Balance, CovariateBalance};

/// Arms that differ more than chance does once in a thousand experiments.
const IMBALANCE_ALARM: f64 = 1e-3;

/// Compares all arms by the covariates; none where there are none, or none that varies.
///
/// Where covariates are missing, whether they are counts as one more; the missing ones are zero, in all arms alike.
pub(super) fn balance(
    plan: &Plan<'_>,
    layout: &Layout,
    tally: &Tally,
) -> Result<Option<Balance>, MomentsError> {
    let mut arms = vec![plan.reference];
    arms.extend((0..plan.experiment.arms.len()).filter(|&arm| arm != plan.reference));
    let moments: Vec<Moments> = arms
        .iter()
        .map(|&arm| tally.moments(arm, 0))
        .collect::<Result<_, _>>()?;
    let mut columns: Vec<(String, usize)> = Vec::new();
    for (number, known) in plan.covariates.iter().enumerate() {
        columns.push((known.name.clone(), layout.covariate(number)));
        let missing = layout.covariate_missing(number);
        if moments.iter().any(|moments| moments.sum(missing) > 0.0) {
            columns.push((format!("{} is missing", known.name), missing));
        }
    }
    // Covariates that serve different metrics alone were not summed up together.
    let mut together: Vec<(String, usize)> = Vec::new();
    for column in columns {
        let is_known = |(_, other): &(String, usize)| {
            moments
                .iter()
                .all(|moments| moments.comoment(column.1, *other).is_some())
        };
        if together.iter().all(is_known) {
            together.push(column);
        }
    }
    let of_arm = |moments: &Moments| CovariateMoments {
        n: moments.rows(),
        means: together.iter().map(|(_, i)| moments.mean(*i)).collect(),
        covariances: together
            .iter()
            .flat_map(|(_, i)| together.iter().map(move |(_, j)| (*i, *j)))
            .map(|(i, j)| moments.covariance(i, j).unwrap_or(f64::NAN))
            .collect(),
    };
    let Ok(found) = test(&moments.iter().map(of_arm).collect::<Vec<_>>()) else {
        return Ok(None);
    };
    let differences = arms[1..].iter().zip(&found.differences);
    let covariates = differences.flat_map(|(&arm, differences)| {
        let arm = &plan.experiment.arms[arm].name;
        together
            .iter()
            .zip(differences)
            .map(move |((name, _), difference)| CovariateBalance {
                covariate: name.clone(),
                arm: arm.clone(),
                difference: difference.smd,
                p_value: difference.probability.p,
            })
    });
    Ok(Some(Balance {
        p_value: found.probability.p,
        ln_p: found.probability.ln_p,
        covariates: covariates.collect(),
    }))
}

pub(super) fn check(balance: &Balance, against: &str) -> Check {
    let alarm = IMBALANCE_ALARM / balance.covariates.len().max(1) as f64;
    let (severity, message) = if balance.p_value >= IMBALANCE_ALARM {
        (
            Severity::Fine,
            format!("the arms were alike before, by {}", counted(balance)),
        )
    } else {
        let apart: Vec<String> = balance
            .covariates
            .iter()
            .filter(|covariate| covariate.p_value < alarm)
            .map(|covariate| {
                format!(
                    "`{}` ({:+.3} standard deviations in {})",
                    covariate.covariate, covariate.difference, covariate.arm
                )
            })
            .collect();
        let apart = if apart.is_empty() {
            "several covariates together".to_owned()
        } else {
            apart.join(", ")
        };
        (
            Severity::Warning,
            format!(
                "the arms differed from {against} before in {apart}: look for a fault in the randomization, or for a \
                 covariate that was measured after it"
            ),
        )
    };
    Check {
        check: CheckKind::Balance,
        severity,
        message,
        p_value: Some(balance.p_value),
        ln_p: Some(balance.ln_p),
    }
}

fn counted(balance: &Balance) -> String {
    let mut names: Vec<&str> = Vec::new();
    for covariate in &balance.covariates {
        if !names.contains(&covariate.covariate.as_str()) {
            names.push(&covariate.covariate);
        }
    }
    match names.as_slice() {
        [only] => format!("`{only}`"),
        names => format!("{} covariates together", names.len()),
    }
}
