//! Guardrails: whether each is shown not to be worse by its margin.

use catalog::{Better, Experiment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::equivalence::{self, Margin, non_inferiority};
use stats::{Contrast, Counts, Lift, Method, TailProbability};

use crate::audience::compare::too_little;
use crate::audience::finding::{Comparison, Pair};
use crate::audience::together::{Rule, contrast, exact_counts, good_sign, one_sided};
use crate::{Reason, Refusal};

/// Whether a guardrail is shown not to be worse by its margin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GuardrailFinding {
    /// The worst loss that one would accept: a share of the reference arm's mean, or in the metric's unit.
    pub margin: f64,
    /// Whether it is a share of the reference arm's mean.
    pub relative: bool,
    /// The effect, on the scale of the margin.
    pub estimate: Option<f64>,
    /// Its one-sided confidence bound on the side of harm, at half of alpha: an end of the two-sided interval.
    pub bound: Option<f64>,
    /// One-sided probability of evidence at least this strong if the loss is as large as the margin.
    pub p_value: Option<f64>,
    /// Its natural logarithm.
    pub ln_p: Option<f64>,
    /// Whether the loss is shown to be below the margin.
    pub passed: bool,
    /// Why there is no test.
    pub refusal: Option<Refusal>,
}

/// Tests the guardrails.
pub(crate) fn guard(experiment: &Experiment, rule: &Rule<'_>, comparisons: &mut [Comparison]) {
    for comparison in comparisons {
        let Some(declared) = experiment.guardrail(&comparison.metric) else {
            continue;
        };
        let margin = match (declared.margin, declared.absolute_margin) {
            (Some(share), _) => Margin::Relative(share),
            (None, absolute) => Margin::Absolute(absolute.unwrap_or(0.0)),
        };
        let tested = test_guardrail(comparison, margin, rule);
        let (Margin::Relative(size) | Margin::Absolute(size)) = margin;
        let none = GuardrailFinding {
            margin: size,
            relative: matches!(margin, Margin::Relative(_)),
            estimate: None,
            bound: None,
            p_value: None,
            ln_p: None,
            passed: false,
            refusal: None,
        };
        comparison.among.guardrail = Some(match tested {
            Ok(tested) => GuardrailFinding {
                estimate: Some(tested.estimate),
                bound: Some(tested.bound),
                p_value: Some(tested.probability.p),
                ln_p: Some(tested.probability.ln_p),
                passed: tested.passed,
                ..none
            },
            Err(refusal) => GuardrailFinding {
                refusal: Some(refusal),
                ..none
            },
        });
    }
}

struct Guarded {
    estimate: f64,
    bound: f64,
    probability: TailProbability,
    passed: bool,
}

fn test_guardrail(
    comparison: &Comparison,
    margin: Margin,
    rule: &Rule<'_>,
) -> Result<Guarded, Refusal> {
    if let Some(refusal) = &comparison.outcome.refusal {
        return Err(refusal.clone());
    }
    if comparison.quantile.is_some() {
        return Err(Refusal::new(
            Reason::Undeclared,
            "a quantile has no test of being not worse by a margin",
        ));
    }
    let sign = good_sign(comparison.better);
    if let (Some(counts), None) = (exact_counts(comparison), rule.monitor) {
        return of_counts(counts, margin, sign, 0.5 * rule.alpha);
    }
    let Some(contrast) = contrast(comparison) else {
        return Err(Refusal::new(
            Reason::TooLittleData,
            "the effect has no standard error to test a margin with",
        ));
    };
    if rule.monitor.is_some() {
        return at_look(&contrast, margin, sign, rule);
    }
    let better = match comparison.better {
        Better::Increase => equivalence::Better::Higher,
        Better::Decrease => equivalence::Better::Lower,
    };
    let test = non_inferiority(&contrast, margin, better, 0.5 * rule.alpha).map_err(too_little)?;
    Ok(Guarded {
        estimate: test.estimate,
        bound: test.bound,
        probability: test.probability,
        passed: test.non_inferior,
    })
}

/// The effect on the scale of a margin, and the end of its interval on the side of harm.
fn on_scale(lift: &Lift, margin: Margin, sign: f64) -> Result<(f64, f64), Refusal> {
    let (estimate, low, high) = match margin {
        Margin::Absolute(_) => {
            let effect = lift.absolute;
            (effect.estimate, effect.low, effect.high)
        }
        Margin::Relative(_) => {
            let effect = lift.relative.as_ref().map_err(too_little)?;
            (effect.estimate, effect.low, effect.high)
        }
    };
    Ok((estimate, if sign > 0.0 { low } else { high }))
}

/// The same at a look of a sequential plan: its test of the contrast that is zero where the loss is the margin.
fn at_look(
    contrast: &Contrast,
    margin: Margin,
    sign: f64,
    rule: &Rule<'_>,
) -> Result<Guarded, Refusal> {
    let lift = rule.lift(contrast, Method::Welch).map_err(too_little)?;
    let (estimate, bound) = on_scale(&lift, margin, sign)?;
    let shifted = match margin {
        Margin::Absolute(size) => Contrast {
            control: contrast.control - sign * size,
            ..*contrast
        },
        Margin::Relative(size) => {
            let ratio = 1.0 - sign * size * contrast.control.signum();
            Contrast {
                control: ratio * contrast.control,
                control_variance: ratio * ratio * contrast.control_variance,
                covariance: ratio * contrast.covariance,
                ..*contrast
            }
        }
    };
    let beyond = rule.lift(&shifted, Method::Welch).map_err(too_little)?;
    let probability = one_sided(beyond.probability, beyond.absolute.estimate, sign);
    Ok(Guarded {
        estimate,
        bound,
        passed: probability.p < 0.5 * rule.alpha,
        probability,
    })
}

/// The same with few customers on either side of a share, by the exact test: the level at which its interval ends at the
/// margin.
fn of_counts(
    counts: Pair<Counts>,
    margin: Margin,
    sign: f64,
    alpha: f64,
) -> Result<Guarded, Refusal> {
    let at = |level: f64| -> Result<(f64, f64), Refusal> {
        let lift =
            stats::lift_of_shares(counts.arm, counts.against, 2.0 * level).map_err(too_little)?;
        on_scale(&lift, margin, sign)
    };
    let (Margin::Absolute(size) | Margin::Relative(size)) = margin;
    let is_safe = |bound: f64| sign * bound > -size;
    let (estimate, bound) = at(alpha)?;
    let passed = is_safe(bound);
    // The bound nears the estimate as the level grows.
    const STEPS: usize = 30;
    let (mut fails, mut passes) = (1e-12_f64.ln(), 0.499_f64.ln());
    if passed {
        passes = alpha.ln();
    } else {
        fails = alpha.ln();
    }
    for _ in 0..STEPS {
        let middle = 0.5 * (fails + passes);
        if is_safe(at(middle.exp())?.1) {
            passes = middle;
        } else {
            fails = middle;
        }
    }
    // On the side of alpha on which the bound is of the margin.
    let probability = TailProbability::from_ln(if passed { fails } else { passes });
    Ok(Guarded {
        estimate,
        bound,
        probability,
        passed,
    })
}
