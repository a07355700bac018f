//! The effects by segment, and whether they differ.

use stats::TailProbability;
use stats::heterogeneity::heterogeneity;
use stats::moments::{Moments, MomentsError};
use stats::multiplicity::{self, Adjustment};
use stats::omnibus::Effect;
use stats::shrink::RandomEffects;

use super::codes::MOST_VALUES;
use super::compare::{ArmSummary, compare, verdict};
use super::finding::{
    Comparison, Pair, SegmentFinding, SegmentHeterogeneity, SegmentValue, Shrunk,
};
use super::plan::{Compared, Plan};
use super::tally::{Layout, Tally};
use crate::{Reason, Refusal};

/// The effects by all segments.
///
/// Effects among a segment's values are noisy, and the largest are the largest partly by chance. So each is also given
/// [shrunk](RandomEffects) towards the others, and whether they differ at all is [tested](heterogeneity), corrected for
/// the number of segments.
pub(crate) fn segments(
    plan: &Plan<'_>,
    layout: &Layout,
    tally: &Tally,
) -> Result<Vec<SegmentFinding>, MomentsError> {
    let names = plan.experiment.segments.iter().enumerate();
    let findings = names.map(|(segment, name)| finding(plan, layout, tally, segment, name));
    let mut findings = findings.collect::<Result<Vec<_>, _>>()?;
    for finding in &mut findings {
        compare_values(plan, finding);
    }
    correct(plan, &mut findings);
    Ok(findings)
}

fn finding(
    plan: &Plan<'_>,
    layout: &Layout,
    tally: &Tally,
    segment: usize,
    name: &str,
) -> Result<SegmentFinding, MomentsError> {
    let Some(known) = tally.segment(segment) else {
        let message = format!(
            "`{name}` has more than {MOST_VALUES} different values: give coarser ones, such as ranges or groups, in \
             the source's SQL"
        );
        return Ok(SegmentFinding {
            segment: name.to_owned(),
            values: Vec::new(),
            heterogeneity: Vec::new(),
            refusal: Some(Refusal::new(Reason::UnfitData, message)),
        });
    };
    let mut values = Vec::with_capacity(known.len());
    for (value, number) in known {
        let place = (segment, number);
        let arms = 0..plan.experiment.arms.len();
        values.push(SegmentValue {
            value: value.to_string(),
            customers: arms
                .map(|arm| tally.cells().customers(segment, number, arm))
                .sum(),
            metrics: comparisons(plan, layout, tally, place)?,
        });
    }
    Ok(SegmentFinding {
        segment: name.to_owned(),
        values,
        heterogeneity: Vec::new(),
        refusal: None,
    })
}

/// Every metric for every arm but the reference, among the customers with one value of a segment.
fn comparisons(
    plan: &Plan<'_>,
    layout: &Layout,
    tally: &Tally,
    place: (usize, u32),
) -> Result<Vec<Comparison>, MomentsError> {
    let mut comparisons = Vec::new();
    for (metric, compared) in plan.metrics.iter().enumerate() {
        let in_cell = Compared {
            metric: compared.metric,
            made_of: layout.cells.made_of(metric),
            // The steps of a funnel are no columns of a cell.
            steps: 0..0,
        };
        let needed = compared.made_of.bits();
        let summary = |arm| summary(plan, layout, tally, place, arm, (metric, needed));
        let against = summary(plan.reference);
        for arm in (0..plan.experiment.arms.len()).filter(|&arm| arm != plan.reference) {
            let summaries = Pair {
                arm: &summary(arm),
                against: &against,
            };
            comparisons.push(compare(plan, None, &in_cell, arm, summaries));
        }
    }
    Ok(comparisons)
}

fn summary(
    plan: &Plan<'_>,
    layout: &Layout,
    tally: &Tally,
    place: (usize, u32),
    arm: usize,
    (metric, needed): (usize, u64),
) -> ArmSummary {
    let cells = tally.cells();
    let moments: Moments = cells.moments(&layout.cells, place, arm, metric);
    let not_matured = cells.not_matured(&layout.cells, place, arm, metric);
    let left_out = if plan.leaves_immature_out() {
        not_matured
    } else {
        0
    };
    let (segment, value) = place;
    let customers = cells.customers(segment, value, arm);
    ArmSummary {
        missing: customers - moments.rows() - left_out,
        moments,
        not_finite: tally.not_finite(arm, needed),
        covariates_not_finite: Vec::new(),
    }
}

/// For each metric and arm, tests whether the effects differ between the values, and shrinks them.
fn compare_values(plan: &Plan<'_>, finding: &mut SegmentFinding) {
    let Some(first) = finding.values.first() else {
        return;
    };
    for place in 0..first.metrics.len() {
        let heterogeneity = compare_one(plan, &mut finding.values, place);
        finding.heterogeneity.push(heterogeneity);
    }
}

/// The same for the metric and arm at a place.
fn compare_one(plan: &Plan<'_>, values: &mut [SegmentValue], place: usize) -> SegmentHeterogeneity {
    let mut compared: Vec<(usize, Effect)> = Vec::new();
    let (mut left_out, mut left_out_customers) = (0, 0);
    for (number, value) in values.iter().enumerate() {
        let comparison = &value.metrics[place];
        match precise_effect(comparison) {
            Some(effect) => compared.push((number, effect)),
            None => {
                left_out += 1;
                left_out_customers += comparison.n.arm + comparison.n.against;
            }
        }
    }
    let effects: Vec<Effect> = compared.iter().map(|(_, effect)| *effect).collect();
    shrink(plan, values, place, &compared, &effects);

    let comparison = &values[0].metrics[place];
    let mut finding = SegmentHeterogeneity {
        metric: comparison.metric.clone(),
        arm: comparison.arm.clone(),
        against: comparison.against.clone(),
        values: effects.len(),
        left_out,
        left_out_customers,
        q: None,
        df: None,
        p_value: None,
        ln_p: None,
        p_adjusted: None,
        ln_p_adjusted: None,
        i_squared: None,
        tau: None,
        differ: None,
        refusal: None,
    };
    match heterogeneity(&effects) {
        Ok(found) => {
            finding.q = Some(found.omnibus.chi_square);
            finding.df = Some(found.omnibus.df);
            finding.p_value = Some(found.omnibus.probability.p);
            finding.ln_p = Some(found.omnibus.probability.ln_p);
            finding.i_squared = Some(found.i_squared);
            finding.tau = Some(found.tau);
        }
        Err(_) => {
            let message = format!(
                "{} of {} values have an effect of known precision on `{}`: there is nothing to compare",
                effects.len(),
                values.len(),
                finding.metric
            );
            finding.refusal = Some(Refusal::new(Reason::TooLittleData, message));
        }
    }
    finding
}

/// The effect with its standard error, where that is more than a guess: not of shares with few customers on a side.
fn precise_effect(comparison: &Comparison) -> Option<Effect> {
    let outcome = &comparison.outcome;
    let effect = outcome.absolute.filter(|_| !outcome.is_exact())?;
    (effect.se > 0.0 && effect.se.is_finite()).then_some(Effect {
        estimate: effect.estimate,
        se: effect.se,
        df: effect.df.unwrap_or(f64::INFINITY),
    })
}

/// Moves the effects towards each other, where there are enough to learn how much they differ.
fn shrink(
    plan: &Plan<'_>,
    values: &mut [SegmentValue],
    place: usize,
    compared: &[(usize, Effect)],
    effects: &[Effect],
) {
    let Ok(model) = RandomEffects::fit(effects) else {
        return;
    };
    for (number, (value, _)) in compared.iter().enumerate() {
        let Ok(shrunk) = model.shrunk(number, plan.experiment.alpha) else {
            continue;
        };
        let comparison = &mut values[*value].metrics[place];
        comparison.shrunk = Some(Shrunk {
            estimate: shrunk.mean,
            sd: shrunk.sd,
            low: shrunk.interval.low,
            high: shrunk.interval.high,
        });
        let effect = comparison.outcome.absolute.map(|effect| super::Estimate {
            estimate: shrunk.mean,
            se: shrunk.sd,
            low: shrunk.interval.low,
            high: shrunk.interval.high,
            ..effect
        });
        comparison.verdict = effect.map(|effect| verdict(effect, comparison.better));
    }
}

/// Corrects the tests of each metric and arm for the number of segments, and says which effects differ.
fn correct(plan: &Plan<'_>, findings: &mut [SegmentFinding]) {
    let tests = findings.iter().map(|finding| finding.heterogeneity.len());
    for test in 0..tests.max().unwrap_or(0) {
        let mut family: Vec<&mut SegmentHeterogeneity> = findings
            .iter_mut()
            .filter_map(|finding| finding.heterogeneity.get_mut(test))
            .filter(|finding| finding.p_value.is_some())
            .collect();
        let probabilities: Vec<TailProbability> = family
            .iter()
            .filter_map(|finding| finding.ln_p.map(TailProbability::from_ln))
            .collect();
        let Ok(adjusted) = multiplicity::adjusted(&probabilities, Adjustment::Holm) else {
            continue;
        };
        for (finding, adjusted) in family.iter_mut().zip(adjusted) {
            finding.p_adjusted = Some(adjusted.p);
            finding.ln_p_adjusted = Some(adjusted.ln_p);
            finding.differ = Some(adjusted.p < plan.experiment.alpha);
        }
    }
}
