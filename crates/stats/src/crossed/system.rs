//! Henderson's mixed-model equations, with the factor of most levels eliminated: its block
//! is diagonal, because a cell has one level of it, so that what is left to be solved is
//! as small as the attributes and the other factors.

use super::{Cell, CrossedError};
use crate::cholesky::{Cholesky, dot};

/// Share of its variance that an attribute must have beyond those before it.
const TOLERANCE: f64 = 1e-10;

/// The cells as the equations take them.
#[derive(Debug, Clone)]
pub(super) struct Design {
    /// About the first cell's estimate, so that a large common part cannot cancel.
    origin: f64,
    estimates: Vec<f64>,
    variances: Vec<f64>,
    /// Of each cell, the unknowns that are kept and their coefficients: the intercept, the
    /// attributes about their means, and the levels of factors.
    entries: Vec<Vec<(usize, f64)>>,
    /// Of each cell, its level of the factor that is eliminated, where there is one.
    level: Vec<Option<usize>>,
    mean_attributes: Vec<f64>,
    sizes: Vec<usize>,
    /// The factor that is eliminated.
    largest: Option<usize>,
    /// Where the levels of each other factor begin among the unknowns that are kept.
    starts: Vec<usize>,
    /// How many are kept: the intercept, the attributes, and the levels of other factors.
    kept: usize,
}

/// The equations solved at given standard deviations.
#[derive(Debug, Clone)]
pub(super) struct Solution {
    pub(super) sds: Vec<f64>,
    /// The unknowns that are kept, and their covariance, row after row.
    kept: Vec<f64>,
    covariance: Vec<f64>,
    /// The levels of the eliminated factor.
    levels: Vec<Level>,
}

/// A level of the eliminated factor: its part is `value - row' kept`, with variance `1 /
/// diagonal` given those that are kept.
#[derive(Debug, Clone)]
struct Eliminated {
    diagonal: f64,
    /// Its row against those kept, and its right-hand side, both over the diagonal.
    row: Vec<f64>,
    value: f64,
}

/// A level of the eliminated factor, solved.
#[derive(Debug, Clone)]
struct Level {
    mean: f64,
    variance: f64,
    /// Its covariance with those kept, negated.
    covariance: Vec<f64>,
}

/// The equations before they are inverted.
struct Equations {
    ln_restricted_likelihood: f64,
    cholesky: Cholesky,
    kept: Vec<f64>,
    eliminated: Vec<Eliminated>,
}

impl Design {
    pub(super) fn new(cells: &[Cell]) -> Result<Self, CrossedError> {
        let factors = cells[0].levels.len();
        let width = cells[0].attributes.len();
        let n = cells.len() as f64;
        let mean = |j: usize| cells.iter().map(|cell| cell.attributes[j]).sum::<f64>() / n;
        let mean_attributes: Vec<f64> = (0..width).map(mean).collect();
        let centred = |cell: &Cell| -> Vec<f64> {
            let pairs = cell.attributes.iter().zip(&mean_attributes);
            pairs.map(|(x, mean)| x - mean).collect()
        };
        let attributes: Vec<Vec<f64>> = cells.iter().map(centred).collect();
        check_independent(&attributes, width)?;
        let sizes: Vec<usize> = (0..factors)
            .map(|f| cells.iter().map(|cell| cell.levels[f] + 1).max())
            .map(|size| size.unwrap_or(0))
            .collect();
        let largest = (0..factors).max_by_key(|f| sizes[*f]);
        let mut kept = 1 + width;
        let starts = (0..factors)
            .map(|f| {
                let start = kept;
                if Some(f) != largest {
                    kept += sizes[f];
                }
                start
            })
            .collect();
        let origin = cells[0].estimate;
        let mut design = Design {
            origin,
            estimates: cells.iter().map(|cell| cell.estimate - origin).collect(),
            variances: cells.iter().map(|cell| cell.variance).collect(),
            entries: Vec::new(),
            level: cells
                .iter()
                .map(|cell| Some(cell.levels[largest?]))
                .collect(),
            mean_attributes,
            sizes,
            largest,
            starts,
            kept,
        };
        design.entries = cells
            .iter()
            .zip(&attributes)
            .map(|(cell, attributes)| {
                let levels = cell.levels.iter().map(|level| Some(*level));
                design.entries_of(attributes, levels)
            })
            .collect();
        Ok(design)
    }

    pub(super) fn cells(&self) -> usize {
        self.estimates.len()
    }

    pub(super) fn attributes(&self) -> usize {
        self.mean_attributes.len()
    }

    pub(super) fn mean_attributes(&self) -> Vec<f64> {
        self.mean_attributes.clone()
    }

    /// How many levels each factor has.
    pub(super) fn levels(&self) -> &[usize] {
        &self.sizes
    }

    /// How many standard deviations there are: of each factor, and of the own parts.
    pub(super) fn components(&self) -> usize {
        self.sizes.len() + 1
    }

    /// Places among the unknowns that are kept, with their coefficients.
    fn entries_of(
        &self,
        attributes: &[f64],
        levels: impl Iterator<Item = Option<usize>>,
    ) -> Vec<(usize, f64)> {
        let mut entries = vec![(0, 1.0)];
        entries.extend(attributes.iter().enumerate().map(|(j, x)| (1 + j, *x)));
        for (f, level) in levels.enumerate() {
            if let (Some(level), true) = (level, Some(f) != self.largest) {
                entries.push((self.starts[f] + level, 1.0));
            }
        }
        entries
    }

    /// The logarithm of the restricted likelihood, up to a constant, at standard deviations
    /// of the factors, and last of the own parts.
    pub(super) fn ln_restricted_likelihood(&self, sds: &[f64]) -> f64 {
        self.equations(sds).ln_restricted_likelihood
    }

    fn equations(&self, sds: &[f64]) -> Equations {
        let own = sds[sds.len() - 1];
        let size = self.kept;
        let mut matrix = vec![0.0; size * size];
        let mut right = vec![0.0; size];
        let mut ln_determinants = 0.0;
        let mut squares = 0.0;
        for (f, factor_size) in self.sizes.iter().enumerate() {
            let precision = (sds[f] * sds[f]).recip();
            ln_determinants -= *factor_size as f64 * precision.ln();
            if Some(f) != self.largest {
                for level in 0..*factor_size {
                    let place = self.starts[f] + level;
                    matrix[place * size + place] = precision;
                }
            }
        }
        let mut eliminated: Vec<Eliminated> = match self.largest {
            Some(f) => vec![
                Eliminated {
                    diagonal: (sds[f] * sds[f]).recip(),
                    row: vec![0.0; size],
                    value: 0.0,
                };
                self.sizes[f]
            ],
            None => Vec::new(),
        };
        for cell in 0..self.cells() {
            let variance = self.variances[cell] + own * own;
            let weight = variance.recip();
            let weighted = weight * self.estimates[cell];
            ln_determinants += variance.ln();
            squares += weighted * self.estimates[cell];
            let entries = &self.entries[cell];
            for (i, x) in entries {
                right[*i] += weighted * x;
                for (j, z) in entries {
                    matrix[i * size + j] += weight * x * z;
                }
            }
            if let Some(level) = self.level[cell] {
                let level = &mut eliminated[level];
                level.diagonal += weight;
                level.value += weighted;
                for (i, x) in entries {
                    level.row[*i] += weight * x;
                }
            }
        }
        for level in &mut eliminated {
            ln_determinants += level.diagonal.ln();
            squares -= level.value * level.value / level.diagonal;
            for i in 0..size {
                let row_i = level.row[i];
                if row_i == 0.0 {
                    continue;
                }
                right[i] -= row_i * level.value / level.diagonal;
                for j in 0..size {
                    matrix[i * size + j] -= row_i * level.row[j] / level.diagonal;
                }
            }
            level.value /= level.diagonal;
            for entry in &mut level.row {
                *entry /= level.diagonal;
            }
        }
        let cholesky = Cholesky::new(&matrix, size, 0.0);
        // Fails only where variances differ by more than a double can hold.
        let is_definite = cholesky.kept.len() == size;
        let kept = match is_definite {
            true => cholesky.solve(&right),
            false => vec![0.0; size],
        };
        ln_determinants += cholesky.ln_determinant();
        squares -= dot(&kept, &right);
        Equations {
            ln_restricted_likelihood: match is_definite {
                true => -0.5 * (ln_determinants + squares),
                false => f64::NEG_INFINITY,
            },
            cholesky,
            kept,
            eliminated,
        }
    }

    /// Solves at standard deviations of the factors, and last of the own parts; none where
    /// the variances are too far apart.
    pub(super) fn solve(&self, sds: &[f64]) -> Option<Solution> {
        let equations = self.equations(sds);
        if !equations.ln_restricted_likelihood.is_finite() {
            return None;
        }
        let size = self.kept;
        let mut covariance = Vec::with_capacity(size * size);
        let mut unit = vec![0.0; size];
        for column in 0..size {
            unit[column] = 1.0;
            covariance.extend(equations.cholesky.solve(&unit));
            unit[column] = 0.0;
        }
        let levels = equations
            .eliminated
            .iter()
            .map(|level| {
                let rows = covariance.chunks_exact(size);
                let with_kept: Vec<f64> = rows.map(|row| dot(row, &level.row)).collect();
                Level {
                    mean: level.value - dot(&level.row, &equations.kept),
                    variance: level.diagonal.recip() + dot(&level.row, &with_kept),
                    covariance: with_kept,
                }
            })
            .collect();
        Some(Solution {
            sds: sds.to_vec(),
            kept: equations.kept,
            covariance,
            levels,
        })
    }

    /// Mean and variance of the sum of the parts with these coefficients of the unknowns
    /// that are kept, and this level of the eliminated factor.
    fn sum(
        &self,
        solution: &Solution,
        entries: &[(usize, f64)],
        level: Option<usize>,
    ) -> (f64, f64) {
        let (mut mean, mut variance) = (0.0, 0.0);
        for (i, x) in entries {
            mean += x * solution.kept[*i];
            let row = &solution.covariance[i * self.kept..(i + 1) * self.kept];
            variance += entries.iter().map(|(j, z)| x * z * row[*j]).sum::<f64>();
        }
        if let Some(level) = level.map(|level| &solution.levels[level]) {
            mean += level.mean;
            variance += level.variance;
            let covariance = entries.iter().map(|(i, x)| x * level.covariance[*i]);
            variance -= 2.0 * covariance.sum::<f64>();
        }
        (mean, variance.max(0.0))
    }

    /// Mean and variance of a cell's true value.
    pub(super) fn cell(&self, solution: &Solution, cell: usize) -> (f64, f64) {
        let (sum, sum_variance) = self.sum(solution, &self.entries[cell], self.level[cell]);
        let own = solution.sds[solution.sds.len() - 1];
        let noise = self.variances[cell];
        let kept = own * own / (own * own + noise);
        let mean = sum + kept * (self.estimates[cell] - sum);
        (
            self.origin + mean,
            kept * noise + (1.0 - kept).powi(2) * sum_variance,
        )
    }

    /// Mean and variance of the part of a level of a factor.
    pub(super) fn part(&self, solution: &Solution, factor: usize, level: usize) -> (f64, f64) {
        if Some(factor) == self.largest {
            return self.sum(solution, &[], Some(level));
        }
        self.sum(solution, &[(self.starts[factor] + level, 1.0)], None)
    }

    /// Mean and variance of the true value of a cell that was not seen.
    pub(super) fn forecast(
        &self,
        solution: &Solution,
        attributes: &[f64],
        levels: &[Option<usize>],
    ) -> (f64, f64) {
        let centred: Vec<f64> = attributes
            .iter()
            .zip(&self.mean_attributes)
            .map(|(x, mean)| x - mean)
            .collect();
        let entries = self.entries_of(&centred, levels.iter().copied());
        let level = self.largest.and_then(|f| levels[f]);
        let (mean, mut variance) = self.sum(solution, &entries, level);
        for (level, sd) in levels.iter().zip(&solution.sds) {
            if level.is_none() {
                variance += sd * sd;
            }
        }
        let own = solution.sds[solution.sds.len() - 1];
        (self.origin + mean, variance + own * own)
    }
}

/// Refuses attributes that are constant or follow from those before them.
fn check_independent(attributes: &[Vec<f64>], width: usize) -> Result<(), CrossedError> {
    let products: Vec<f64> = (0..width * width)
        .map(|place| {
            let (i, j) = (place / width, place % width);
            attributes.iter().map(|row| row[i] * row[j]).sum()
        })
        .collect();
    let kept = Cholesky::new(&products, width, TOLERANCE).kept;
    match (0..width).find(|attribute| !kept.contains(attribute)) {
        Some(attribute) => Err(CrossedError::DependentAttributes { attribute }),
        None => Ok(()),
    }
}
