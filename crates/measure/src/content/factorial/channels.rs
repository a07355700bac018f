//! What channels cause, from none to all, and what each has a share of.

use attribution::factorial::{Factorial, Question};
use stats::{Contrast, Method, probability_above};

use super::cells::{Reading, refusal};
use super::finding::{AddsUp, Answer, ChannelOrder, ChannelShare, ChannelsFinding, LadderStep};
use crate::Refusal;
use crate::audience::{Relative, outcome_of};

/// The three contrasts, the ladder, and Shapley values with their shares and order.
pub(super) fn channels(factorial: &Factorial, reading: &Reading<'_, '_>) -> ChannelsFinding {
    let contrast =
        |question| -> Result<Contrast, Refusal> { factorial.answer(question).map_err(refusal) };
    let answer = |question| reading.answer(contrast(question));
    let names = factorial.channels();
    let several = names.len() > 1;
    let mut order: Vec<usize> = (0..names.len()).collect();
    let value = |channel: &usize| {
        let contrast = contrast(Question::Shapley(*channel)).ok();
        contrast.map_or(f64::NEG_INFINITY, |contrast| {
            reading.good(contrast.treated - contrast.control)
        })
    };
    // Of equal values the first channel comes first: the sort is stable.
    order.sort_by(|a, b| value(b).total_cmp(&value(a)));
    let above = |one: usize, other: usize| {
        let difference = contrast(Question::ShapleyDifference(one, other)).ok()?;
        Some(probability(&difference, reading))
    };
    let share = |(place, &channel): (usize, &usize)| {
        let share = factorial.shapley_share(channel).map_err(refusal);
        ChannelShare {
            channel: names[channel].clone(),
            alone: answer(Question::Alone(channel)),
            value: answer(Question::Shapley(channel)),
            share: relative(share, reading),
            above_next: order.get(place + 1).and_then(|&next| above(channel, next)),
        }
    };
    let pairs = order.iter().enumerate().flat_map(|(place, &one)| {
        let others = order[place + 1..].iter();
        others.map(move |&other| (one, other))
    });
    let synergy = several.then(|| answer(Question::Synergy));
    let adds_up = synergy.as_ref().and_then(|answer| answer.verdict);
    ChannelsFinding {
        any_against_none: answer(Question::AnyAgainstNone),
        all_against_none: answer(Question::AllAgainstNone),
        many_against_one: several.then(|| answer(Question::ManyAgainstOne)),
        synergy: synergy.map(|answer| Answer {
            verdict: None,
            ..answer
        }),
        adds_up: adds_up.map(AddsUp::from),
        ladder: (1..=names.len())
            .map(|channels| LadderStep {
                channels,
                effect: answer(Question::Step(channels)),
            })
            .collect(),
        shares: order.iter().enumerate().map(share).collect(),
        order: pairs
            .map(|(one, other)| ChannelOrder {
                channel: names[one].clone(),
                other: names[other].clone(),
                difference: difference(contrast(Question::ShapleyDifference(one, other)), reading),
                probability: above(one, other),
            })
            .collect(),
        evidence: None,
    }
}

/// The difference of two channels is relative to nothing.
fn difference(contrast: Result<Contrast, Refusal>, reading: &Reading<'_, '_>) -> Answer {
    let mut answer = reading.answer(contrast);
    answer.outcome.relative = None;
    answer
}

/// The probability that a difference is truly on the good side of zero.
fn probability(difference: &Contrast, reading: &Reading<'_, '_>) -> f64 {
    let estimate = reading.good(difference.treated - difference.control);
    let se = difference.variance_of_difference().max(0.0).sqrt();
    probability_above(estimate, se, difference.df, 0.0).p
}

/// The relative difference by the rule.
fn relative(contrast: Result<Contrast, Refusal>, reading: &Reading<'_, '_>) -> Option<Relative> {
    outcome_of(contrast, reading.rule, Method::Welch).relative
}
