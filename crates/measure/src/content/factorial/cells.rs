//! The means of an experiment's arms as the cells of a design.

use attribution::factorial::{Cells, Factorial, FactorialError, Grid};
use catalog::Factors;
use stats::{Contrast, Method};

use super::finding::Answer;
use crate::audience::{ArmValues, Comparison, Rule, as_sample, good_sign, outcome_of, verdict};
use crate::{Reason, Refusal};

/// Cells whose contrasts can be told.
pub(super) struct Design {
    cells: Cells,
    /// Where all factors have two levels: what is confounded with what.
    factorial: Option<Factorial>,
}

impl Design {
    /// The cells of one metric, from the comparisons of the arms with the reference arm.
    ///
    /// Their values are those of the estimate that decides, adjusted where the experiment declares covariates, and
    /// independent of each other.
    pub(super) fn new(
        factors: &Factors<'_>,
        comparisons: &[&Comparison],
        interactions: usize,
    ) -> Result<Self, Refusal> {
        let of_cells: Vec<&Comparison> = comparisons
            .iter()
            .copied()
            .filter(|comparison| factors.cells.iter().any(|(arm, _)| *arm == comparison.arm))
            .collect();
        let values = ArmValues::new(&of_cells)?;
        let grid = Grid::new(factors.levels.iter().map(Vec::len).collect()).map_err(refusal)?;
        let mut run = Vec::with_capacity(factors.cells.len());
        for (arm, levels) in &factors.cells {
            let (Some(value), Some(place)) = (values.of(arm), grid.place(levels)) else {
                let message = format!("nothing is known of the arm `{arm}`");
                return Err(Refusal::new(Reason::TooLittleData, message));
            };
            let estimate = &value.estimate;
            run.push((place, as_sample(value.n, estimate.value, estimate.variance)));
        }
        let has_two_levels = grid.levels().iter().all(|levels| *levels == 2);
        let factorial = if has_two_levels {
            let names = factors
                .names
                .iter()
                .map(|name| (*name).to_owned())
                .collect();
            let sets = run.iter().map(|(place, sample)| (*place as u32, *sample));
            Some(Factorial::new(names, sets.collect(), interactions).map_err(refusal)?)
        } else {
            None
        };
        Ok(Self {
            cells: Cells::new(grid, run, interactions).map_err(refusal)?,
            factorial,
        })
    }

    pub(super) fn cells(&self) -> &Cells {
        &self.cells
    }

    pub(super) fn grid(&self) -> &Grid {
        self.cells.grid()
    }

    pub(super) fn factorial(&self) -> Option<&Factorial> {
        self.factorial.as_ref()
    }

    /// A contrast on top of another.
    pub(super) fn contrast(&self, part: &[f64], base: &[f64]) -> Result<Contrast, Refusal> {
        match &self.factorial {
            Some(factorial) => factorial.contrast(part, base),
            None => self.cells.contrast(part, base),
        }
        .map_err(refusal)
    }

    /// What a level of a factor does against its first level, on average over the other factors, relative to the mean
    /// with the first level.
    pub(super) fn level_effect(&self, factor: usize, level: usize) -> Result<Contrast, Refusal> {
        let (with, without) = (self.level_mean(factor, level), self.level_mean(factor, 0));
        let part: Vec<f64> = with.iter().zip(&without).map(|(a, b)| a - b).collect();
        self.contrast(&part, &without)
    }

    /// The weights of the mean with a level of a factor, over all combinations of the others, each counted alike.
    pub(super) fn level_mean(&self, factor: usize, level: usize) -> Vec<f64> {
        let grid = self.grid();
        let others = (grid.cells() / grid.levels()[factor]) as f64;
        grid.weights(|place| match grid.level(place, factor) == level {
            true => 1.0 / others,
            false => 0.0,
        })
    }
}

/// How effects on a metric are read.
pub(super) struct Reading<'r, 'm> {
    pub(super) rule: &'r Rule<'m>,
    pub(super) better: catalog::Better,
}

impl Reading<'_, '_> {
    /// A value, turned so that more is better.
    pub(super) fn good(&self, value: f64) -> f64 {
        good_sign(self.better) * value
    }

    pub(super) fn answer(&self, contrast: Result<Contrast, Refusal>) -> Answer {
        let outcome = outcome_of(contrast, self.rule, Method::Welch);
        let verdict = outcome
            .absolute
            .filter(|_| self.rule.may_decide)
            .map(|effect| verdict(effect, self.better));
        Answer { outcome, verdict }
    }
}

pub(super) fn refusal(error: FactorialError) -> Refusal {
    let reason = match error {
        FactorialError::TooFew { .. } | FactorialError::InvalidCell { .. } => Reason::TooLittleData,
        _ => Reason::Undeclared,
    };
    Refusal::new(reason, error.to_string())
}
