//! What is to be expected of each combination of components, those included that were not run.

use catalog::Factors;
use stats::crossed::{Cell, CrossedEffects};
use stats::ranking::{Posterior, probabilities_in_top};

use super::cells::{Design, Reading};
use super::finding::CombinationFinding;
use crate::audience::Shrunk;

/// Combinations that are looked at, at most.
const MOST_COMBINATIONS: usize = 256;

/// All combinations, the best to be expected first; those that were run, where there are too many.
pub(super) fn combinations(
    design: &Design,
    factors: &Factors<'_>,
    reading: &Reading<'_, '_>,
) -> Vec<CombinationFinding> {
    let grid = design.grid();
    let few = grid.cells() <= MOST_COMBINATIONS;
    let places: Vec<usize> = (0..grid.cells())
        .filter(|place| few || design.cells().sample(*place).is_some())
        .collect();
    let model = model(design);
    let levels_of = |place: usize| -> Vec<usize> {
        (0..factors.names.len())
            .map(|factor| grid.level(place, factor))
            .collect()
    };
    let run = design.cells().run();
    let posteriors: Vec<Option<Posterior>> = places
        .iter()
        .map(|place| {
            let model = model.as_ref()?;
            match run.binary_search_by_key(place, |(cell, _)| *cell) {
                Ok(number) => model.cell(number).ok(),
                Err(_) => {
                    let levels: Vec<Option<usize>> =
                        levels_of(*place).into_iter().map(Some).collect();
                    model.forecast(&[], &levels).ok()
                }
            }
        })
        .collect();
    let ranked = ranked(&posteriors, reading);
    let alpha = reading.rule.alpha;
    let mut findings: Vec<CombinationFinding> = places
        .iter()
        .zip(posteriors.iter().zip(ranked))
        .map(|(place, (posterior, probability_best))| {
            let levels = levels_of(*place);
            let of_arm = |(_, own): &&(&str, Vec<usize>)| *own == levels;
            let arm = factors
                .cells
                .iter()
                .find(of_arm)
                .map(|(arm, _)| (*arm).to_owned());
            let weights = grid.weights(|cell| if cell == *place { 1.0 } else { 0.0 });
            let nothing = vec![0.0; weights.len()];
            let mean = reading.answer(design.contrast(&weights, &nothing));
            CombinationFinding {
                arm,
                mean: mean.outcome.absolute,
                expected: posterior.as_ref().and_then(|posterior| {
                    let interval = posterior.interval(alpha).ok()?;
                    Some(Shrunk {
                        estimate: posterior.mean(),
                        sd: posterior.sd(),
                        low: interval.low,
                        high: interval.high,
                    })
                }),
                probability_best,
                levels: levels
                    .iter()
                    .zip(&factors.levels)
                    .map(|(level, levels)| levels[*level].clone())
                    .collect(),
            }
        })
        .collect();
    let good = |finding: &CombinationFinding| {
        let expected = finding.expected.map(|expected| expected.estimate);
        let value = expected.or(finding.mean.map(|mean| mean.estimate));
        value.map_or(f64::NEG_INFINITY, |value| reading.good(value))
    };
    findings.sort_by(|a, b| good(b).total_cmp(&good(a)));
    findings
}

/// Each combination as the sum of what its levels bring and a part of its own, all learned together; none where there
/// are too few combinations.
fn model(design: &Design) -> Option<CrossedEffects> {
    let grid = design.grid();
    let cells: Vec<Cell> = design
        .cells()
        .run()
        .iter()
        .map(|(place, sample)| Cell {
            estimate: sample.mean,
            variance: sample.variance / sample.n as f64,
            attributes: Vec::new(),
            levels: (0..grid.levels().len())
                .map(|factor| grid.level(*place, factor))
                .collect(),
        })
        .collect();
    CrossedEffects::fit(&cells).ok()
}

/// The probability of each to be the best.
fn ranked(posteriors: &[Option<Posterior>], reading: &Reading<'_, '_>) -> Vec<Option<f64>> {
    let turned: Option<Vec<Posterior>> = posteriors
        .iter()
        .map(|posterior| {
            let posterior = posterior.as_ref()?;
            Posterior::normal(reading.good(posterior.mean()), posterior.sd()).ok()
        })
        .collect();
    match turned {
        Some(turned) if turned.len() > 1 => probabilities_in_top(&turned, 1)
            .into_iter()
            .map(Some)
            .collect(),
        _ => vec![None; posteriors.len()],
    }
}
