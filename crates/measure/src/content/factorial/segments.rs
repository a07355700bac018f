//! Whether factors' effects differ between segments, and what choosing a level by segment is worth.

use catalog::Factors;
use stats::TailProbability;
use stats::heterogeneity::heterogeneity;
use stats::multiplicity::{self, Adjustment};
use stats::omnibus::Effect;
use stats::personalizing::shrunken_value;
use stats::shrink::RandomEffects;

use super::cells::{Design, Reading};
use super::finding::{ChoiceBySegment, EffectOfValue, FactorBySegment, LevelBySegment};
use crate::audience::{Comparison, Estimate, LiftFinding, SegmentFinding, SegmentValue, Shrunk};
use crate::{Reason, Refusal};

/// The cells among the customers with one value of a segment.
struct Group<'l> {
    value: &'l SegmentValue,
    design: Design,
}

/// Every factor by every segment of the experiment.
pub(super) fn by_segment(
    lift: &LiftFinding,
    factors: &Factors<'_>,
    metric: &str,
    interactions: usize,
    reading: &Reading<'_, '_>,
) -> Vec<FactorBySegment> {
    let mut findings = Vec::new();
    for segment in &lift.segments {
        let (groups, left_out) = groups(segment, factors, metric, interactions);
        for factor in 0..factors.names.len() {
            let mut finding = FactorBySegment {
                factor: factors.names[factor].to_owned(),
                segment: segment.segment.clone(),
                levels: Vec::new(),
                left_out: left_out.len() as u64,
                left_out_customers: left_out.iter().map(|value| value.customers).sum(),
                best: None,
                choices: Vec::new(),
                worth: None,
                naive: None,
                refusal: segment.refusal.clone(),
            };
            if finding.refusal.is_none() {
                let levels = factors.levels[factor].as_slice();
                finding.levels = (1..levels.len())
                    .map(|level| level_effects(&groups, (factor, level), levels, reading))
                    .collect();
                add_worth(&mut finding, &groups, factor, levels, reading);
            }
            findings.push(finding);
        }
    }
    correct(&mut findings, reading);
    findings
}

/// The values whose cells are all known to some precision, and the others.
fn groups<'l>(
    segment: &'l SegmentFinding,
    factors: &Factors<'_>,
    metric: &str,
    interactions: usize,
) -> (Vec<Group<'l>>, Vec<&'l SegmentValue>) {
    let (mut groups, mut left_out) = (Vec::new(), Vec::new());
    for value in &segment.values {
        let of_metric = value.metrics.iter().filter(|c| c.metric == metric);
        let comparisons: Vec<&Comparison> = of_metric.collect();
        // A share with few customers on a side has no standard error to rely on.
        let precise = comparisons.iter().all(|c| !c.outcome.is_exact());
        match Design::new(factors, &comparisons, interactions) {
            Ok(design) if precise => groups.push(Group { value, design }),
            _ => left_out.push(value),
        }
    }
    (groups, left_out)
}

/// A contrast's estimate with its precision; none without one.
fn effect_of(contrast: Result<stats::Contrast, Refusal>) -> Option<Effect> {
    let contrast = contrast.ok()?;
    let se = contrast.variance_of_difference().max(0.0).sqrt();
    (se > 0.0).then_some(Effect {
        estimate: contrast.treated - contrast.control,
        se,
        df: contrast.df,
    })
}

/// The effects of a level by value, drawn to each other, and the test that there is one effect.
fn level_effects(
    groups: &[Group<'_>],
    (factor, level): (usize, usize),
    levels: &[String],
    reading: &Reading<'_, '_>,
) -> LevelBySegment {
    let known: Vec<(&Group<'_>, Effect, Estimate)> = groups
        .iter()
        .filter_map(|group| {
            let contrast = group.design.level_effect(factor, level);
            let effect = effect_of(contrast.clone())?;
            let estimate = reading.answer(contrast).outcome.absolute?;
            Some((group, effect, estimate))
        })
        .collect();
    let effects: Vec<Effect> = known.iter().map(|(_, effect, _)| *effect).collect();
    let model = RandomEffects::fit(&effects).ok();
    let alpha = reading.rule.alpha;
    let shrunk = |place: usize| {
        let shrunk = model.as_ref()?.shrunk(place, alpha).ok()?;
        Some(Shrunk {
            estimate: shrunk.mean,
            sd: shrunk.sd,
            low: shrunk.interval.low,
            high: shrunk.interval.high,
        })
    };
    let tested = heterogeneity(&effects).ok();
    LevelBySegment {
        level: levels[level].clone(),
        against: levels[0].clone(),
        values: known
            .iter()
            .enumerate()
            .map(|(place, (group, _, estimate))| EffectOfValue {
                value: group.value.value.clone(),
                customers: group.value.customers,
                effect: *estimate,
                shrunk: shrunk(place),
            })
            .collect(),
        q: tested.map(|tested| tested.omnibus.chi_square),
        p_value: tested.map(|tested| tested.omnibus.probability.p),
        p_adjusted: None,
        tau: tested.map(|tested| tested.tau),
        differ: None,
    }
}

/// What choosing the factor's level by the segment is worth.
fn add_worth(
    finding: &mut FactorBySegment,
    groups: &[Group<'_>],
    factor: usize,
    levels: &[String],
    reading: &Reading<'_, '_>,
) {
    // Means, turned so that more is better.
    let mean = |group: &Group<'_>, level: usize| -> Option<Effect> {
        let weights = group.design.level_mean(factor, level);
        let nothing = vec![0.0; weights.len()];
        let mean = effect_of(group.design.contrast(&weights, &nothing))?;
        Some(Effect {
            estimate: reading.good(mean.estimate),
            ..mean
        })
    };
    let means: Option<Vec<Vec<Effect>>> = groups
        .iter()
        .map(|group| (0..levels.len()).map(|level| mean(group, level)).collect())
        .collect();
    let Some(means) = means else {
        let message = "the means of the levels cannot be told apart in some segments";
        finding.refusal = Some(Refusal::new(Reason::Undeclared, message));
        return;
    };
    let customers: u64 = groups.iter().map(|group| group.value.customers).sum();
    let share = |group: &Group<'_>| group.value.customers as f64 / customers.max(1) as f64;
    let shares: Vec<f64> = groups.iter().map(share).collect();
    match shrunken_value(&means, &shares, reading.rule.alpha) {
        Ok(found) => {
            finding.best = Some(levels[found.best].clone());
            finding.choices = groups
                .iter()
                .zip(&found.by_segment)
                .map(|(group, level)| ChoiceBySegment {
                    value: group.value.value.clone(),
                    level: levels[*level].clone(),
                })
                .collect();
            finding.worth = found.value.map(|value| Estimate {
                estimate: value.estimate,
                se: value.se,
                low: value.low,
                high: value.high,
                df: None,
            });
            finding.naive = Some(found.naive);
        }
        Err(error) => {
            finding.refusal = Some(Refusal::new(Reason::TooLittleData, error.to_string()));
        }
    }
}

/// Corrects the tests for all factors, levels and segments, and says which effects differ.
fn correct(findings: &mut [FactorBySegment], reading: &Reading<'_, '_>) {
    let mut tested: Vec<&mut LevelBySegment> = findings
        .iter_mut()
        .flat_map(|finding| &mut finding.levels)
        .filter(|level| level.p_value.is_some())
        .collect();
    let family: Vec<TailProbability> = tested
        .iter()
        .filter_map(|level| level.p_value)
        .map(|p| TailProbability { p, ln_p: p.ln() })
        .collect();
    let Ok(adjusted) = multiplicity::adjusted(&family, Adjustment::Holm) else {
        return;
    };
    for (level, adjusted) in tested.iter_mut().zip(adjusted) {
        level.p_adjusted = Some(adjusted.p);
        let may_decide = reading.rule.may_decide;
        level.differ = may_decide.then_some(adjusted.p < reading.rule.alpha);
    }
}
