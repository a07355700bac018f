//! Many questions at once: probabilities adjusted for their number, intervals and verdicts that go with them.
//!
//! | family | of | adjusted by |
//! | --- | --- | --- |
//! | the primary metric alone, several arms | its arms | Dunnett's test |
//! | the primary and other success metrics | metrics and arms | Holm's procedure |
//! | secondary metrics | metrics and arms | the experiment's `multiplicity` |
//!
//! Guardrails are no family: all of them must pass, which needs no adjustment.

use catalog::{Adjustment, Experiment};
use stats::multiplicity::{self as procedures, Adjustment as Procedure};
use stats::simultaneous::{dunnett, false_coverage};
use stats::{Contrast, Lift, TailProbability};

use super::compare::outcome;
use super::finding::{Comparison, Verdict};
use super::together::{
    Rule, Simultaneous, at_level, contrast, exact_counts, good_sign, probability,
};

/// Adjusts the comparisons of an experiment for their number, and their verdicts with them.
pub(crate) fn adjust(experiment: &Experiment, rule: &Rule<'_>, comparisons: &mut [Comparison]) {
    let is_secondary = |name: &str| {
        experiment
            .metrics
            .secondary
            .iter()
            .any(|known| known == name)
    };
    let (mut success, mut secondary): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
    for comparison in comparisons.iter_mut() {
        if probability(comparison).is_none() {
            continue;
        }
        if experiment.is_success(&comparison.metric) {
            success.push(comparison);
        } else if is_secondary(&comparison.metric) {
            secondary.push(comparison);
        }
    }
    let one_metric = experiment.metrics.success.is_empty();
    if !(one_metric && adjust_by_dunnett(rule, &mut success)) {
        adjust_by(Procedure::Holm, rule, &mut success);
    }
    match experiment.multiplicity {
        Adjustment::None => {}
        Adjustment::Holm => adjust_by(Procedure::Holm, rule, &mut secondary),
        Adjustment::Hommel => adjust_by(Procedure::Hommel, rule, &mut secondary),
        Adjustment::Bh => adjust_by(Procedure::BenjaminiHochberg, rule, &mut secondary),
        Adjustment::By => adjust_by(Procedure::BenjaminiYekutieli, rule, &mut secondary),
    }
}

/// Several arms against one reference. Says whether that could be done: exact tests of small counts and boundaries of
/// sequential plans are left to Holm's procedure.
fn adjust_by_dunnett(rule: &Rule<'_>, family: &mut [&mut Comparison]) -> bool {
    let has_t = |comparison: &&mut Comparison| exact_counts(comparison).is_none();
    if rule.monitor.is_some() || !family.iter().all(has_t) {
        return false;
    }
    let contrasts: Option<Vec<Contrast>> = family.iter().map(|one| contrast(one)).collect();
    let lifts = contrasts.and_then(|contrasts| dunnett(&contrasts, rule.alpha).ok());
    let Some(lifts) = lifts else {
        return false;
    };
    if family.len() > 1 {
        for (comparison, lift) in family.iter_mut().zip(lifts) {
            note(
                comparison,
                rule,
                lift.probability,
                Some(&lift),
                "Dunnett, with the other arms",
            );
        }
    }
    true
}

fn adjust_by(procedure: Procedure, rule: &Rule<'_>, family: &mut [&mut Comparison]) {
    if family.len() < 2 {
        return;
    }
    let alone: Vec<TailProbability> = family.iter().filter_map(|one| probability(one)).collect();
    let Ok(adjusted) = procedures::adjusted(&alone, procedure) else {
        return;
    };
    let level = level(procedure, rule.alpha, &alone, &adjusted);
    let method = match procedure {
        Procedure::BenjaminiHochberg => "false coverage rate, with the other metrics",
        Procedure::BenjaminiYekutieli => {
            "false coverage rate under any dependence, with the other metrics"
        }
        _ => "at the level of the procedure's last step",
    };
    for (comparison, probability) in family.iter_mut().zip(adjusted) {
        let lift = at_level(comparison, level, rule);
        note(comparison, rule, probability, lift.as_ref(), method);
    }
}

/// The level of an unadjusted test that rejects exactly what the procedure rejects.
///
/// Of Benjamini and Hochberg's procedure it is that of intervals with a false coverage rate of alpha.
fn level(
    procedure: Procedure,
    alpha: f64,
    alone: &[TailProbability],
    adjusted: &[TailProbability],
) -> f64 {
    let m = alone.len() as f64;
    if procedure == Procedure::BenjaminiHochberg
        && let Ok(selection) = false_coverage(alone, alpha)
    {
        return selection.level;
    }
    let pairs = || alone.iter().zip(adjusted);
    let last_rejected = pairs()
        .filter(|(_, adjusted)| adjusted.p < alpha)
        .max_by(|a, b| a.0.ln_p.total_cmp(&b.0.ln_p));
    let first_kept = pairs()
        .filter(|(_, adjusted)| adjusted.p >= alpha)
        .map(|(alone, _)| alone.p)
        .fold(f64::INFINITY, f64::min);
    match last_rejected {
        // Adjusting multiplies; the factor of the last one rejected is that of its step.
        Some((alone, adjusted)) => (alpha * (alone.ln_p - adjusted.ln_p).exp()).min(first_kept),
        None => (alpha / m).min(first_kept),
    }
}

fn note(
    comparison: &mut Comparison,
    rule: &Rule<'_>,
    adjusted: TailProbability,
    simultaneous: Option<&Lift>,
    method: &str,
) {
    comparison.among.adjusted_p = Some(adjusted.p);
    comparison.among.adjusted_ln_p = Some(adjusted.ln_p);
    comparison.among.simultaneous = simultaneous.map(|lift| Simultaneous {
        low: lift.absolute.low,
        high: lift.absolute.high,
        relative: outcome(lift, None).relative,
        method: method.to_owned(),
    });
    let effect = comparison.decisive().and_then(|outcome| outcome.absolute);
    // Without a verdict of its own, at a look that decides nothing, it gets none here.
    if let (Some(effect), Some(_)) = (effect, comparison.verdict) {
        let is_good = effect.estimate * good_sign(comparison.better) > 0.0;
        comparison.verdict = Some(match (adjusted.p < rule.alpha, is_good) {
            (false, _) => Verdict::Unclear,
            (true, true) => Verdict::Better,
            (true, false) => Verdict::Worse,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(values: &[f64]) -> Vec<TailProbability> {
        values
            .iter()
            .map(|p| TailProbability::from_ln(p.ln()))
            .collect()
    }

    #[test]
    fn one_level_rejects_what_the_procedure_rejects() {
        let procedures = [
            Procedure::Holm,
            Procedure::Hommel,
            Procedure::BenjaminiHochberg,
            Procedure::BenjaminiYekutieli,
        ];
        // A sequence without pattern, in [0, 0.12).
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            0.12 * ((state >> 33) as f64 / (1_u64 << 31) as f64).powi(2)
        };
        for _ in 0..500 {
            let alone = p(&[next(), next(), next(), next(), next()]);
            for procedure in procedures {
                let adjusted = procedures::adjusted(&alone, procedure).unwrap();
                let level = level(procedure, 0.05, &alone, &adjusted);
                for (alone, adjusted) in alone.iter().zip(&adjusted) {
                    assert_eq!(
                        alone.p < level,
                        adjusted.p < 0.05,
                        "{procedure:?} {alone:?} {level}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_level_of_holm_is_that_of_its_last_step() {
        let alone = p(&[0.01, 0.02, 0.5]);
        let adjusted = procedures::adjusted(&alone, Procedure::Holm).unwrap();
        // 0.01 < 0.05 / 3, 0.02 < 0.05 / 2, 0.5 > 0.05.
        let level = level(Procedure::Holm, 0.05, &alone, &adjusted);
        assert!((level - 0.025).abs() < 1e-15, "{level}");
    }
}
