//! Contrasts of the means of cells: combinations of the levels of factors, each given to customers
//! at random.
//!
//! Every question is a contrast of the cells' expectations, `θ = Σ_c L(c) μ(c)`. If the cells that
//! have a weight were all run, it is estimated from their means, `Σ L(c) ȳ(c)`, with the variance
//! `Σ L(c)² s²(c)/n(c)`: that of a saturated regression with HC2 errors (T. Dasgupta, N. Pillai and
//! D. Rubin, "Causal inference from 2^K factorial designs", Journal of the Royal Statistical Society
//! B 77, 2015). Degrees of freedom are Satterthwaite's.
//!
//! If some were not, effects of more than so many factors are assumed to be zero, and the contrast
//! is that of the least-squares fit of the others to the cells' means, each cell counted alike.
//! That too is linear in the means of the cells that were run, and has the same variance. What the
//! cells do not determine is refused. In a regular fraction the fit is the usual one of a factorial;
//! screening designs (R. Plackett and J. Burman 1946), factors of several levels and lost cells
//! need nothing else.

use stats::{Contrast, Sample};

use super::error::{FactorialError, MOST_CELLS, MOST_FACTORS, MOST_TERMS};

/// All combinations of the levels of some factors.
///
/// A combination's *place* counts the levels of the first factor fastest: of factors with two
/// levels bit `i` is the level of factor `i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    levels: Vec<usize>,
}

impl Grid {
    /// The grid of factors with so many levels each.
    ///
    /// # Errors
    ///
    /// [`FactorialError`] of factors and levels.
    pub fn new(levels: Vec<usize>) -> Result<Self, FactorialError> {
        let factors = levels.len();
        if !(1..=MOST_FACTORS).contains(&factors) {
            return Err(FactorialError::FactorCount { factors });
        }
        if let Some(factor) = levels.iter().position(|levels| *levels < 2) {
            let levels = levels[factor];
            return Err(FactorialError::LevelCount { factor, levels });
        }
        let cells =
            (levels.iter()).try_fold(1_usize, |product, levels| product.checked_mul(*levels));
        match cells {
            Some(cells) if cells <= MOST_CELLS => Ok(Self { levels }),
            _ => Err(FactorialError::TooManyCells),
        }
    }

    /// How many levels each factor has.
    pub fn levels(&self) -> &[usize] {
        &self.levels
    }

    /// How many combinations there are.
    pub fn cells(&self) -> usize {
        self.levels.iter().product()
    }

    /// The level of a factor in the combination at a place.
    pub fn level(&self, place: usize, factor: usize) -> usize {
        let before: usize = self.levels[..factor].iter().product();
        place / before % self.levels[factor]
    }

    /// The place of a combination; none where a level is beyond those of its factor.
    pub fn place(&self, levels: &[usize]) -> Option<usize> {
        let known = levels.len() == self.levels.len()
            && levels
                .iter()
                .zip(&self.levels)
                .all(|(level, of)| level < of);
        let place = |place: usize, (level, of): (&usize, &usize)| place * of + level;
        let digits = levels.iter().zip(&self.levels).rev();
        known.then(|| digits.fold(0, place))
    }

    /// One weight for each combination.
    pub fn weights(&self, of: impl Fn(usize) -> f64) -> Vec<f64> {
        (0..self.cells()).map(of).collect()
    }

    /// The terms of a model with effects of up to so many factors: for each factor of a term one of
    /// its orthogonal contrasts, 1 to the number of its levels less one.
    fn terms(&self, largest: usize) -> Result<Vec<Vec<(usize, usize)>>, FactorialError> {
        let mut terms = vec![Vec::new()];
        for (factor, levels) in self.levels.iter().enumerate() {
            for place in 0..terms.len() {
                if terms[place].len() == largest {
                    continue;
                }
                for contrast in 1..*levels {
                    let mut term = terms[place].clone();
                    term.push((factor, contrast));
                    terms.push(term);
                }
                if terms.len() > MOST_TERMS {
                    let terms = terms.len();
                    return Err(FactorialError::TooManyTerms { largest, terms });
                }
            }
        }
        Ok(terms)
    }

    /// What a term is in the combination at a place.
    fn value(&self, term: &[(usize, usize)], place: usize) -> f64 {
        let contrast = |&(factor, contrast): &(usize, usize)| {
            helmert(self.level(place, factor), contrast, self.levels[factor])
        };
        term.iter().map(contrast).product()
    }
}

/// Helmert's contrast of a level with the mean of those before it, with mean square 1 over the
/// levels; of two levels −1 and +1.
fn helmert(level: usize, contrast: usize, levels: usize) -> f64 {
    let c = contrast as f64;
    let scale = (levels as f64 / (c * (c + 1.0))).sqrt();
    match level.cmp(&contrast) {
        std::cmp::Ordering::Less => -scale,
        std::cmp::Ordering::Equal => c * scale,
        std::cmp::Ordering::Greater => 0.0,
    }
}

/// The outcomes of the customers of the cells that were run.
#[derive(Debug, Clone, PartialEq)]
pub struct Cells {
    grid: Grid,
    /// The places that were run, ascending, with their outcomes.
    run: Vec<(usize, Sample)>,
    /// Effects of more factors than this are taken as zero where a cell was not run.
    largest: usize,
}

impl Cells {
    /// The cells that were run, each with its place in the grid. Where some were not, effects of
    /// more than `largest_interaction` factors are assumed to be zero: one for additive effects, two
    /// for interactions of pairs.
    ///
    /// # Errors
    ///
    /// [`FactorialError`] of cells.
    pub fn new(
        grid: Grid,
        mut run: Vec<(usize, Sample)>,
        largest_interaction: usize,
    ) -> Result<Self, FactorialError> {
        run.sort_by_key(|(cell, _)| *cell);
        for (number, &(cell, sample)) in run.iter().enumerate() {
            let cells = grid.cells();
            if cell >= cells {
                return Err(FactorialError::UnknownCell { cell, cells });
            }
            if number > 0 && run[number - 1].0 == cell {
                return Err(FactorialError::RepeatedCell { cell });
            }
            if sample.n < 2 {
                return Err(FactorialError::TooFew { cell, n: sample.n });
            }
            let valid = sample.variance.is_finite() && sample.variance >= 0.0;
            if !(valid && sample.mean.is_finite()) {
                return Err(FactorialError::InvalidCell { cell });
            }
        }
        Ok(Self {
            grid,
            run,
            largest: largest_interaction,
        })
    }

    /// All combinations of levels.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The combinations that were run, ascending, with their outcomes.
    pub fn run(&self) -> &[(usize, Sample)] {
        &self.run
    }

    /// The outcomes of the combination at a place; none where it was not run.
    pub fn sample(&self, place: usize) -> Option<Sample> {
        let found = self.run.binary_search_by_key(&place, |(cell, _)| *cell);
        Some(self.run[found.ok()?].1)
    }

    /// Whether all combinations were run, so that nothing is assumed.
    pub fn is_full(&self) -> bool {
        self.run.len() == self.grid.cells()
    }

    /// The largest number of factors of an effect that is not assumed to be zero.
    pub fn largest_interaction(&self) -> usize {
        self.largest
    }

    /// A contrast `part` on top of another, `base`, both with a weight for each cell of the grid: the
    /// difference is the part, and the relative difference the part as a share of the size of the
    /// base, with the covariance that their common cells give them.
    ///
    /// # Errors
    ///
    /// [`FactorialError::WeightCount`], and for cells that were not run
    /// [`FactorialError::NotDetermined`], [`FactorialError::AssumedZero`] and
    /// [`FactorialError::TooManyTerms`].
    pub fn contrast(&self, part: &[f64], base: &[f64]) -> Result<Contrast, FactorialError> {
        let (part, base) = (self.linear(part)?, self.linear(base)?);
        Ok(self.of_linear(&part, &base))
    }

    /// A contrast by itself, relative to nothing.
    ///
    /// # Errors
    ///
    /// As [`contrast`](Self::contrast).
    pub fn alone(&self, part: &[f64]) -> Result<Contrast, FactorialError> {
        let part = self.linear(part)?;
        Ok(self.of_linear(&part, &vec![0.0; part.len()]))
    }

    fn of_linear(&self, part: &[f64], base: &[f64]) -> Contrast {
        let value = |weights: &[f64]| -> f64 {
            let terms = self.run.iter().zip(weights);
            terms
                .map(|((_, sample), weight)| weight * sample.mean)
                .sum()
        };
        let covariance = |a: &[f64], b: &[f64]| -> f64 {
            let noises = self.run.iter().map(|(_, sample)| noise(sample));
            noises
                .zip(a)
                .zip(b)
                .map(|((noise, a), b)| a * b * noise)
                .sum()
        };
        let (of_part, of_base) = (covariance(part, part), covariance(base, base));
        let of_both = covariance(part, base);
        Contrast {
            treated: value(base) + value(part),
            control: value(base),
            treated_variance: of_base + of_part + 2.0 * of_both,
            control_variance: of_base,
            covariance: of_base + of_both,
            df: self.degrees_of_freedom(part),
        }
    }

    fn degrees_of_freedom(&self, weights: &[f64]) -> f64 {
        let (mut sum, mut squares) = (0.0, 0.0);
        for ((_, sample), weight) in self.run.iter().zip(weights) {
            let variance = weight * weight * noise(sample);
            sum += variance;
            squares += variance * variance / (sample.n - 1) as f64;
        }
        match squares > 0.0 {
            true => sum * sum / squares,
            false => f64::INFINITY,
        }
    }

    /// The weights of the cells that were run, in their order, that estimate a contrast.
    fn linear(&self, weights: &[f64]) -> Result<Vec<f64>, FactorialError> {
        let (expected, found) = (self.grid.cells(), weights.len());
        if found != expected || weights.iter().any(|weight| !weight.is_finite()) {
            return Err(FactorialError::WeightCount { expected, found });
        }
        let own: Vec<f64> = self.run.iter().map(|(cell, _)| weights[*cell]).collect();
        let needed = weights.iter().filter(|weight| **weight != 0.0).count();
        if own.iter().filter(|weight| **weight != 0.0).count() == needed {
            return Ok(own);
        }
        self.least_squares(weights)
    }

    /// With the model `μ(c) = Σ_t β_t x_t(c)` and X of the cells that were run, the contrast is `c'β`
    /// with `c_t = Σ_c L(c) x_t(c)`, its least-squares estimate `w'ȳ` with `w = X b, X'X b = c`.
    fn least_squares(&self, weights: &[f64]) -> Result<Vec<f64>, FactorialError> {
        let largest = self.largest;
        let terms = self.grid.terms(largest)?;
        let weighted: Vec<(usize, f64)> = (0..)
            .zip(weights.iter().copied())
            .filter(|(_, weight)| *weight != 0.0)
            .collect();
        let size: f64 = weighted.iter().map(|(_, weight)| weight.abs()).sum();
        let taken: Vec<f64> = terms
            .iter()
            .map(|term| {
                let of = |(cell, weight): &(usize, f64)| weight * self.grid.value(term, *cell);
                weighted.iter().map(of).sum()
            })
            .collect();
        if taken.iter().all(|taken| taken.abs() <= ROUNDING * size) {
            return Err(FactorialError::AssumedZero { largest });
        }
        let rows: Vec<Vec<f64>> = self
            .run
            .iter()
            .map(|(cell, _)| {
                terms
                    .iter()
                    .map(|term| self.grid.value(term, *cell))
                    .collect()
            })
            .collect();
        let products = (0..terms.len())
            .map(|i| {
                (0..terms.len())
                    .map(|j| rows.iter().map(|row| row[i] * row[j]).sum())
                    .collect()
            })
            .collect();
        let b = solved(products, taken.clone());
        let linear: Vec<f64> = rows.iter().map(|row| dot(row, &b)).collect();
        let is_estimated = taken.iter().enumerate().all(|(term, taken)| {
            let found: f64 = rows
                .iter()
                .zip(&linear)
                .map(|(row, weight)| row[term] * weight)
                .sum();
            (found - taken).abs() <= ROUNDING * size
        });
        match is_estimated {
            true => Ok(linear),
            false => Err(FactorialError::NotDetermined { largest }),
        }
    }
}

/// What rounding can do to sums of weights, as a share of their size.
const ROUNDING: f64 = 1e-9;

/// The squared standard error of a cell's mean.
fn noise(sample: &Sample) -> f64 {
    sample.variance / sample.n as f64
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A solution of `A x = b` with a symmetric positive semi-definite matrix, by Gauss's elimination
/// with the largest pivot next; what it leaves open is zero. Whether there is one is for the caller
/// to see.
fn solved(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let size = b.len();
    let largest = (0..size).map(|i| a[i][i]).fold(0.0, f64::max);
    let mut open: Vec<usize> = (0..size).collect();
    let mut pivots: Vec<usize> = Vec::new();
    while let Some((place, &pivot)) = open
        .iter()
        .enumerate()
        .max_by(|(_, one), (_, other)| a[**one][**one].total_cmp(&a[**other][**other]))
    {
        if a[pivot][pivot] <= 1e-10 * largest {
            break;
        }
        open.swap_remove(place);
        pivots.push(pivot);
        let (row, value) = (a[pivot].clone(), b[pivot]);
        for &other in &open {
            let factor = a[other][pivot] / row[pivot];
            for (entry, pivot_entry) in a[other].iter_mut().zip(&row) {
                *entry -= factor * pivot_entry;
            }
            b[other] -= factor * value;
        }
    }
    let mut x = vec![0.0; size];
    for &pivot in pivots.iter().rev() {
        // Unknowns that are not solved yet, and this one, are still zero.
        x[pivot] = (b[pivot] - dot(&a[pivot], &x)) / a[pivot][pivot];
    }
    x
}
