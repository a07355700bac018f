//! What factors do on average, and by how much they change each other's effects.

use attribution::factorial::{ChannelSet, Question};
use catalog::Factors;
use stats::multiplicity::{self, Adjustment};
use stats::{Sample, TailProbability};

use super::cells::{Design, Reading, refusal};
use super::finding::{Answer, FactorsTogether, LevelEffect};
use crate::audience::{Outcome, as_sample, interaction_of};
use crate::{Reason, Refusal};

/// Factors of an interaction at most: more are hard to understand and harder to find.
const MOST_TOGETHER: u32 = 3;

/// The effect of each level of each factor.
pub(super) fn effects(
    design: &Design,
    factors: &Factors<'_>,
    reading: &Reading<'_, '_>,
) -> Vec<LevelEffect> {
    let of_factor = |(factor, (name, levels)): (usize, (&&str, &Vec<String>))| -> Vec<LevelEffect> {
        let effect = |(level, own): (usize, &String)| LevelEffect {
            factor: (*name).to_owned(),
            level: own.clone(),
            against: levels[0].clone(),
            effect: reading.answer(design.level_effect(factor, level)),
        };
        levels.iter().enumerate().skip(1).map(effect).collect()
    };
    let factors = factors.names.iter().zip(&factors.levels).enumerate();
    factors.flat_map(of_factor).collect()
}

/// The interactions of pairs, and of three factors where all combinations of two-level factors were run.
pub(super) fn interactions(
    design: &Design,
    factors: &Factors<'_>,
    reading: &Reading<'_, '_>,
) -> Vec<FactorsTogether> {
    let full = design.cells().is_full();
    let several = |set: &ChannelSet| match set.count_ones() {
        2 => true,
        many => many <= MOST_TOGETHER && many > 2 && full && design.factorial().is_some(),
    };
    let all: ChannelSet = (1 << factors.names.len()) - 1;
    let mut sets: Vec<ChannelSet> = (1..=all).filter(several).collect();
    sets.sort_by_key(|set| (set.count_ones(), *set));
    let mut findings: Vec<FactorsTogether> = sets
        .into_iter()
        .map(|set| {
            let on = (0..factors.names.len()).filter(|factor| set >> factor & 1 == 1);
            let on: Vec<usize> = on.collect();
            let effect = match (design.factorial(), on.as_slice()) {
                (Some(factorial), _) => {
                    let contrast = factorial.answer(Question::Interaction(set));
                    reading.answer(contrast.map_err(refusal))
                }
                (None, &[one, other]) => tested(design, (one, other), reading.rule.alpha),
                (None, _) => reading.answer(Err(not_told())),
            };
            FactorsTogether {
                factors: on
                    .iter()
                    .map(|factor| factors.names[*factor].to_owned())
                    .collect(),
                effect,
                p_adjusted: None,
                interact: None,
            }
        })
        .collect();
    correct(&mut findings, reading);
    findings
}

fn not_told() -> Refusal {
    let message = "interactions of factors with more than two levels are tested in pairs, where all combinations were run";
    Refusal::new(Reason::Undeclared, message)
}

/// The test that the effects of two factors add up, on the means over the other factors.
fn tested(design: &Design, (one, other): (usize, usize), alpha: f64) -> Answer {
    let grid = design.grid();
    let mean = |a: usize, b: usize| -> Option<Sample> {
        let places = (0..grid.cells())
            .filter(|place| grid.level(*place, one) == a && grid.level(*place, other) == b);
        let cells: Vec<Sample> = places
            .map(|place| design.cells().sample(place))
            .collect::<Option<_>>()?;
        let count = cells.len() as f64;
        let mean = cells.iter().map(|cell| cell.mean).sum::<f64>() / count;
        let variance: f64 = cells.iter().map(|cell| cell.variance / cell.n as f64).sum();
        let n = cells.iter().map(|cell| cell.n).sum();
        Some(as_sample(n, mean, variance / (count * count)))
    };
    let rows = 0..grid.levels()[one];
    let table: Option<Vec<Vec<Sample>>> = rows
        .map(|a| (0..grid.levels()[other]).map(|b| mean(a, b)).collect())
        .collect();
    let found = table
        .ok_or_else(not_told)
        .and_then(|table| interaction_of(&table, alpha));
    let outcome = match found {
        Ok(found) => Outcome {
            p_value: Some(found.p),
            ln_p: Some(found.ln_p),
            ..Outcome::default()
        },
        Err(refusal) => Outcome {
            refusal: Some(refusal),
            ..Outcome::default()
        },
    };
    Answer {
        outcome,
        verdict: None,
    }
}

/// Corrects the tests for their number, and says which factors change each other's effects.
fn correct(findings: &mut [FactorsTogether], reading: &Reading<'_, '_>) {
    let mut tested: Vec<&mut FactorsTogether> = findings
        .iter_mut()
        .filter(|finding| finding.effect.outcome.ln_p.is_some())
        .collect();
    let family: Vec<TailProbability> = tested
        .iter()
        .filter_map(|finding| finding.effect.outcome.ln_p.map(TailProbability::from_ln))
        .collect();
    let Ok(adjusted) = multiplicity::adjusted(&family, Adjustment::Holm) else {
        return;
    };
    for (finding, adjusted) in tested.iter_mut().zip(adjusted) {
        finding.p_adjusted = Some(adjusted.p);
        let may_decide = reading.rule.may_decide;
        finding.interact = may_decide.then_some(adjusted.p < reading.rule.alpha);
    }
}
