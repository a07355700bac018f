//! Several arms as one, and what arms have in common: pooled arms, main effects of factors, and whether these add up.

use catalog::{Experiment, Factors};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::decomposition::ArmEstimate;
use stats::{Contrast, Sample};

use super::finding::{Comparison, Estimate, Pair};
use super::interactions::interaction_of;
use super::together::{CombinedEffect, Rule, as_sample, contrast};
use crate::{Reason, Refusal};

/// Several arms taken as one, against the reference arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PooledFinding {
    pub name: String,
    pub arms: Vec<String>,
    /// The effect of being assigned to any of them: the mean of theirs, each with its share of their customers.
    pub metrics: Vec<CombinedEffect>,
}

/// What the factors of arms do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FactorsFinding {
    pub effects: Vec<FactorEffect>,
    /// Of two factors: whether their effects add up, for each metric.
    pub interactions: Vec<FactorInteraction>,
    /// Why there are no main effects, or no interactions.
    pub refusal: Option<Refusal>,
}

/// The main effect of a level of a factor: against another level, on average over the levels of the other factors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FactorEffect {
    pub factor: String,
    pub level: String,
    /// The level that it is compared with: that of the reference arm, else of the first arm.
    pub against: String,
    pub metrics: Vec<CombinedEffect>,
}

/// Whether the effects of two factors on a metric add up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FactorInteraction {
    pub factors: Vec<String>,
    pub metric: String,
    /// Of two levels each: by how much the effect of the one is larger where the other is on its second level.
    pub effect: Option<Estimate>,
    /// The probability of effects at least this far from adding up, if they do.
    pub p_value: Option<f64>,
    pub ln_p: Option<f64>,
    pub refusal: Option<Refusal>,
}

/// A metric's value in an arm, by the estimate that decides, and the customers behind it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ArmValue {
    pub(crate) arm: String,
    pub(crate) n: u64,
    pub(crate) estimate: ArmEstimate,
}

/// A metric's values in several arms, independent of each other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ArmValues {
    pub(crate) reference: ArmValue,
    pub(crate) arms: Vec<ArmValue>,
}

impl ArmValues {
    /// From the comparisons of one metric with the same reference arm, so that the difference of an arm to the reference
    /// is the effect that decides.
    ///
    /// Adjusted means have noise in common, that of the covariates' mean, which drops out of every difference: it is left
    /// out of the variances. The reference arm's adjusted mean is a little different in each comparison, because the
    /// covariates' mean is: its variance is the mean of theirs.
    pub(crate) fn new(comparisons: &[&Comparison]) -> Result<Self, Refusal> {
        let contrasts = comparisons
            .iter()
            .map(|comparison| contrast(comparison).ok_or_else(|| Self::refused(comparison)))
            .collect::<Result<Vec<Contrast>, Refusal>>()?;
        let (Some(first), Some(anchor)) = (comparisons.first(), contrasts.first()) else {
            return Err(Refusal::new(
                Reason::TooLittleData,
                "there is no arm to compare",
            ));
        };
        let own_noise = |contrast: &Contrast| contrast.control_variance - contrast.covariance;
        let noise: f64 = contrasts.iter().map(own_noise).sum::<f64>() / contrasts.len() as f64;
        let value = |arm: &str, n: u64, value: f64, variance: f64| ArmValue {
            arm: arm.to_owned(),
            n,
            estimate: ArmEstimate {
                value,
                variance: variance.max(0.0),
                df: n.max(2) as f64 - 1.0,
            },
        };
        let arms = comparisons.iter().zip(&contrasts);
        Ok(Self {
            reference: value(&first.against, first.n.against, anchor.control, noise),
            arms: arms
                .map(|(comparison, contrast)| {
                    let effect = contrast.treated - contrast.control;
                    let variance = contrast.treated_variance - contrast.covariance;
                    value(
                        &comparison.arm,
                        comparison.n.arm,
                        anchor.control + effect,
                        variance,
                    )
                })
                .collect(),
        })
    }

    /// The reason for which arms cannot be taken together.
    pub(crate) fn refused(comparison: &Comparison) -> Refusal {
        comparison.outcome.refusal.clone().unwrap_or_else(|| {
            Refusal::new(
                Reason::TooLittleData,
                format!(
                    "`{}` of the arm `{}` has no standard error",
                    comparison.metric, comparison.arm
                ),
            )
        })
    }

    /// The value of an arm, the reference arm included.
    pub(crate) fn of(&self, arm: &str) -> Option<&ArmValue> {
        let mut all = std::iter::once(&self.reference).chain(&self.arms);
        all.find(|value| value.arm == arm)
    }
}

/// The mean of arms' values with given weights, as a sample of all their customers.
fn combined(parts: &[(f64, &ArmValue)]) -> Sample {
    let n = parts.iter().map(|(_, value)| value.n).sum();
    let weighted = |of: fn(&(f64, &ArmValue)) -> f64| parts.iter().map(of).sum::<f64>();
    as_sample(
        n,
        weighted(|(weight, value)| weight * value.estimate.value),
        weighted(|(weight, value)| weight * weight * value.estimate.variance),
    )
}

fn by_customers<'v>(values: &[&'v ArmValue]) -> Vec<(f64, &'v ArmValue)> {
    let all: u64 = values.iter().map(|value| value.n).sum();
    let share = |value: &'v ArmValue| (value.n as f64 / all.max(1) as f64, value);
    values.iter().copied().map(share).collect()
}

fn equally<'v>(values: &[&'v ArmValue]) -> Vec<(f64, &'v ArmValue)> {
    let weight = 1.0 / values.len().max(1) as f64;
    values.iter().map(|&value| (weight, value)).collect()
}

/// The effect of some arms, each with its weight, against others.
fn effect(
    like: &Comparison,
    arms: &[(f64, &ArmValue)],
    against: &[(f64, &ArmValue)],
    rule: &Rule<'_>,
) -> CombinedEffect {
    let (arms, against) = (combined(arms), combined(against));
    let contrast = Contrast::of_means(&arms, &against).map_err(super::compare::too_little);
    let n = Pair {
        arm: arms.n,
        against: against.n,
    };
    CombinedEffect::new(like, n, contrast, rule)
}

fn refused(like: &Comparison, refusal: Refusal, rule: &Rule<'_>) -> CombinedEffect {
    CombinedEffect::new(like, Pair { arm: 0, against: 0 }, Err(refusal), rule)
}

/// The comparisons of a metric with the reference arm.
fn of_metric<'c>(comparisons: &'c [Comparison], metric: &str) -> Vec<&'c Comparison> {
    let all = comparisons.iter();
    all.filter(|comparison| comparison.metric == metric)
        .collect()
}

/// The effects of pooled arms.
pub(crate) fn pooled(
    experiment: &Experiment,
    rule: &Rule<'_>,
    comparisons: &[Comparison],
) -> Vec<PooledFinding> {
    let pooled = experiment.pooled.iter().map(|declared| {
        let metrics = experiment.metric_names().filter_map(|metric| {
            let mut of_metric = of_metric(comparisons, metric);
            of_metric.retain(|comparison| declared.arms.contains(&comparison.arm));
            let like = *of_metric.first()?;
            Some(match ArmValues::new(&of_metric) {
                Ok(values) => {
                    let arms: Vec<&ArmValue> = values.arms.iter().collect();
                    effect(
                        like,
                        &by_customers(&arms),
                        &[(1.0, &values.reference)],
                        rule,
                    )
                }
                Err(refusal) => refused(like, refusal, rule),
            })
        });
        PooledFinding {
            name: declared.name.clone(),
            arms: declared.arms.clone(),
            metrics: metrics.collect(),
        }
    });
    pooled.collect()
}

/// The arm with these levels, each the place of a factor's level.
fn arm<'e>(design: &Factors<'e>, places: &[usize]) -> Option<&'e str> {
    let mut cells = design.cells.iter();
    cells.find(|(_, cell)| cell == places).map(|(arm, _)| *arm)
}

/// The pairs of arms that differ in nothing but that a factor has a level in the one, and in the other the level that
/// others are compared with.
fn pairs<'e>(design: &Factors<'e>, factor: usize, level: usize) -> Vec<(&'e str, &'e str)> {
    let with_level = design
        .cells
        .iter()
        .filter(|(_, cell)| cell.get(factor) == Some(&level));
    with_level
        .filter_map(|(name, cell)| {
            let mut against = cell.clone();
            against[factor] = 0;
            Some((*name, arm(design, &against)?))
        })
        .collect()
}

/// The main effects of the arms' factors, and whether they add up.
pub(crate) fn factors(
    experiment: &Experiment,
    rule: &Rule<'_>,
    comparisons: &[Comparison],
) -> Option<FactorsFinding> {
    let design = experiment.factors()?;
    let mut finding = FactorsFinding {
        effects: Vec::new(),
        interactions: Vec::new(),
        refusal: None,
    };
    for (place, (factor, levels)) in design.names.iter().zip(&design.levels).enumerate() {
        for (number, level) in levels.iter().enumerate().skip(1) {
            let pairs = pairs(&design, place, number);
            if pairs.is_empty() {
                let message = format!(
                    "no two arms differ in nothing but that `{factor}` is `{level}` in one and `{}` in the other",
                    levels[0]
                );
                finding.refusal = Some(Refusal::new(Reason::Undeclared, message));
                continue;
            }
            let metrics = experiment.metric_names().filter_map(|metric| {
                let of_metric = of_metric(comparisons, metric);
                let like = *of_metric.first()?;
                Some(main_effect(like, &of_metric, &pairs, rule))
            });
            finding.effects.push(FactorEffect {
                factor: (*factor).to_owned(),
                level: level.clone(),
                against: levels[0].clone(),
                metrics: metrics.collect(),
            });
        }
    }
    if design.names.len() != 2 {
        if design.names.len() > 2 {
            let message = "whether effects add up is told for two factors, and the arms have more";
            finding.refusal = Some(Refusal::new(Reason::Undeclared, message));
        }
        return Some(finding);
    }
    finding.interactions = experiment
        .metric_names()
        .map(|metric| interact(&design, metric, comparisons, rule))
        .collect();
    Some(finding)
}

/// The effect of a level, the same weight to each pair of arms that differ in nothing else.
fn main_effect(
    like: &Comparison,
    of_metric: &[&Comparison],
    pairs: &[(&str, &str)],
    rule: &Rule<'_>,
) -> CombinedEffect {
    let values = match ArmValues::new(of_metric) {
        Ok(values) => values,
        Err(refusal) => return refused(like, refusal, rule),
    };
    let (arms, against): (Vec<&ArmValue>, Vec<&ArmValue>) = pairs
        .iter()
        .filter_map(|(arm, against)| values.of(arm).zip(values.of(against)))
        .unzip();
    effect(like, &equally(&arms), &equally(&against), rule)
}

/// Whether the effects of a design's two factors on a metric add up.
fn interact(
    design: &Factors<'_>,
    metric: &str,
    comparisons: &[Comparison],
    rule: &Rule<'_>,
) -> FactorInteraction {
    let mut finding = FactorInteraction {
        factors: design.names.iter().map(ToString::to_string).collect(),
        metric: metric.to_owned(),
        effect: None,
        p_value: None,
        ln_p: None,
        refusal: None,
    };
    let cells = cells(design, metric, comparisons);
    let tested = cells.and_then(|cells| interaction_of(&cells, rule.alpha));
    match tested {
        Ok(found) => {
            finding.effect = found.effect;
            (finding.p_value, finding.ln_p) = (Some(found.p), Some(found.ln_p));
        }
        Err(refusal) => finding.refusal = Some(refusal),
    }
    finding
}

/// The arms' values as a table of the levels of a design's two factors.
fn cells(
    design: &Factors<'_>,
    metric: &str,
    comparisons: &[Comparison],
) -> Result<Vec<Vec<Sample>>, Refusal> {
    let values = ArmValues::new(&of_metric(comparisons, metric))?;
    let cell = |places: [usize; 2]| -> Result<Sample, Refusal> {
        let arm = arm(design, &places).and_then(|arm| values.of(arm));
        arm.map(|value| as_sample(value.n, value.estimate.value, value.estimate.variance))
            .ok_or_else(|| {
                let [first, second] = [0, 1].map(|factor| {
                    let level = &design.levels[factor][places[factor]];
                    format!("`{}` {level}", design.names[factor])
                });
                Refusal::new(
                    Reason::Undeclared,
                    format!("no arm has {first} and {second}"),
                )
            })
    };
    let [rows, columns] = [0, 1].map(|factor| 0..design.levels[factor].len());
    let row = |a: usize| columns.clone().map(|b| cell([a, b])).collect();
    rows.map(row).collect()
}
