//! The ways of looking that can be declared, and their boundaries.

use std::f64::consts::LN_2;

use super::group::{FAR, boundary, spend, spent_boundary};
use super::level::{Inverse, levels};
use super::{ConfidenceSequence, SequentialError, Sides, Spending, check_between, check_fractions};
use crate::tail::student_t_critical;

/// A declared way of looking at a two-sided comparison. What it declares must not
/// depend on the estimates: neither the end nor, where looks count, their times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Looks {
    /// Once, at the planned end. Earlier looks decide nothing; their intervals and
    /// probabilities are those of a test that is made then and never again.
    Fixed,
    /// At any time, with or without an end: a confidence sequence at level alpha,
    /// narrowest at the planned end. Power at the end is about 50 % where one look
    /// would have 80.
    Anytime,
    /// At looks that each spend some of alpha.
    GroupSequential(Spending),
    /// At any time before the planned end by a confidence sequence at level alpha / 2,
    /// and at the end against a boundary that spends what is left, so that the
    /// probability of ever crossing is alpha: nearly the power of one look.
    Hybrid(Watch),
}

/// What a hybrid's looks before the end were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Watch {
    /// Those listed and no others. Alpha is exact.
    Listed,
    /// Any, listed or not. The final boundary is that of watching without pause from
    /// the start, so that no looks whatever exceed alpha. The pauses between the
    /// points of the integration are filled in by Siegmund's correction ("Sequential
    /// Analysis", 1985, section 10.2), which errs here on the safe side, by less than
    /// 1e-4 in crossing probability.
    Continuous,
}

/// Where in the plan the last look stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Before the planned end.
    Interim,
    /// The planned end, however much information it turned out to bring.
    End,
    /// The end was moved before it was reached, so the plan's end never takes place. A
    /// hybrid is from then on the plain confidence sequence at level alpha, which
    /// covers what its earlier looks have spent.
    Extended,
}

/// How a look's boundary turns back into a probability.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reading {
    /// Of one look.
    Single,
    /// Of a confidence sequence at level `alpha / share`.
    Sequence {
        sequence: ConfidenceSequence,
        ln_share: f64,
    },
    /// Of a boundary without a closed form.
    Computed(Inverse),
}

impl Looks {
    /// The level of the confidence sequence before the end.
    fn early_level(self, alpha: f64) -> f64 {
        match self {
            Looks::Hybrid(_) => 0.5 * alpha,
            _ => alpha,
        }
    }
}

/// A plan at given looks, at any level.
pub(super) struct Design<'a> {
    plan: Looks,
    sequence: ConfidenceSequence,
    fractions: &'a [f64],
    stage: Stage,
}

impl<'a> Design<'a> {
    /// A plan at the looks so far, the last of them at a stage, tuned to a level.
    pub(super) fn new(
        plan: Looks,
        alpha: f64,
        fractions: &'a [f64],
        stage: Stage,
    ) -> Result<Self, SequentialError> {
        check_between("level alpha", alpha, 0.0, 1.0)?;
        check_fractions(fractions)?;
        if let Looks::GroupSequential(spending) = plan {
            spending.check()?;
        }
        Ok(Design {
            plan,
            sequence: ConfidenceSequence::tuned(plan.early_level(alpha), Sides::Two)?,
            fractions,
            stage,
        })
    }

    fn last(&self) -> usize {
        self.fractions.len() - 1
    }

    /// Boundaries of all looks at a level.
    pub(super) fn critical(&self, alpha: f64) -> Vec<f64> {
        let sequence = |level: f64| {
            let fractions = self.fractions.iter();
            let bounds = fractions.map(|&t| self.sequence.critical(level, t));
            bounds.collect::<Vec<f64>>()
        };
        match self.plan {
            Looks::Fixed => vec![student_t_critical(alpha, f64::INFINITY); self.fractions.len()],
            Looks::Anytime => sequence(alpha),
            Looks::GroupSequential(spending) => {
                let ends = self.stage == Stage::End;
                spent_boundary(self.fractions, 0.5 * alpha, Sides::Two, spending, ends)
            }
            Looks::Hybrid(watch) => {
                let mut bounds = sequence(self.plan.early_level(alpha));
                let last = self.last();
                match self.stage {
                    Stage::Interim => {}
                    Stage::End => bounds[last] = self.final_critical(watch, alpha, self.fractions),
                    Stage::Extended => {
                        bounds[last] = self.sequence.critical(alpha, self.fractions[last]);
                    }
                }
                bounds
            }
        }
    }

    /// The boundary at the planned end.
    pub(super) fn end_critical(&self, alpha: f64, critical: &[f64]) -> f64 {
        let last = self.last();
        let single = self.plan == Looks::Fixed;
        if single || self.stage == Stage::End || self.fractions[last] >= 1.0 {
            return critical[last];
        }
        let mut to_end = self.fractions.to_vec();
        const SAME: f64 = 0.999;
        if to_end[last] > SAME {
            to_end.pop();
        }
        to_end.push(1.0);
        match self.plan {
            Looks::Hybrid(watch) if self.stage == Stage::Interim => {
                self.final_critical(watch, alpha, &to_end)
            }
            Looks::GroupSequential(spending) => {
                let bounds = spent_boundary(&to_end, 0.5 * alpha, Sides::Two, spending, true);
                bounds[bounds.len() - 1]
            }
            _ => self.sequence.critical(alpha, 1.0),
        }
    }

    /// A hybrid's boundary at its end, the last of the fractions.
    fn final_critical(&self, watch: Watch, alpha: f64, fractions: &[f64]) -> f64 {
        let early = self.plan.early_level(alpha);
        let last = fractions.len() - 1;
        let end = fractions[last];
        let watched = match watch {
            Watch::Listed => fractions.to_vec(),
            Watch::Continuous => self.grid(early, end),
        };
        let bounds = boundary(&watched, Sides::Two, |look, alive, spent| {
            let fraction = watched[look];
            if look + 1 == watched.len() {
                return spend(alive, fraction, 0.5 * alpha - spent, Sides::Two);
            }
            let bound = self.sequence.critical(early, fraction);
            match watch {
                Watch::Listed => bound,
                // Watching at points only misses what a boundary lower by 0.5826
                // standard deviations of the way between them would catch.
                Watch::Continuous => {
                    const SIEGMUND: f64 = 0.582_597_157_939_010_7;
                    bound - SIEGMUND * (1.0 - 1.0 / GRID_RATIO).sqrt()
                }
            }
        });
        bounds[bounds.len() - 1]
    }

    /// Points that stand for watching without pause up to the end: evenly spaced in
    /// logarithms, from where the boundary is not too far to matter.
    fn grid(&self, level: f64, end: f64) -> Vec<f64> {
        let mut points = vec![end];
        let mut t = end / GRID_RATIO;
        while self.sequence.critical(level, t) < FAR {
            points.push(t);
            t /= GRID_RATIO;
        }
        points.reverse();
        points
    }

    /// How each look's boundary reads as a probability.
    pub(super) fn readings(&self, alpha: f64) -> Vec<Reading> {
        let looks = self.fractions.len();
        let sequence = |ln_share: f64| Reading::Sequence {
            sequence: self.sequence,
            ln_share,
        };
        match self.plan {
            Looks::Fixed => vec![Reading::Single; looks],
            Looks::Anytime => vec![sequence(0.0); looks],
            Looks::GroupSequential(_) => {
                let levels = levels(alpha);
                let bounds: Vec<Vec<f64>> = levels.iter().map(|l| self.critical(l.1)).collect();
                let of_look = |look: usize| {
                    let points = levels.iter().zip(&bounds);
                    Inverse::new(points.map(|(level, bounds)| (bounds[look], level.0)))
                };
                (0..looks).map(|k| Reading::Computed(of_look(k))).collect()
            }
            Looks::Hybrid(watch) => {
                let mut readings = vec![sequence(LN_2); looks];
                let last = self.last();
                match self.stage {
                    Stage::Interim => {}
                    Stage::End => {
                        let points = levels(alpha).into_iter().map(|(normal, level)| {
                            (self.final_critical(watch, level, self.fractions), normal)
                        });
                        readings[last] = Reading::Computed(Inverse::new(points));
                    }
                    Stage::Extended => readings[last] = sequence(0.0),
                }
                readings
            }
        }
    }
}

/// Ratio of neighbouring points of a grid that stands for watching without pause.
const GRID_RATIO: f64 = 1.04;
