//! Estimates in the cells of a table, such as content by channel by stage, told apart from
//! their noise: cell = what attributes predict + the part of each factor + its own part.
//!
//! A cell with few customers borrows from all cells that share its content, its channel
//! or its stage. With no factors this is random-effects meta-regression: attributes are
//! the prior mean, and an item that was never shown has a forecast.

mod system;

use crate::bayes::Credible;
use crate::error::{Number, Unestimable};
use crate::mean::Sample;
use crate::ranking::Posterior;
use crate::root;
use system::{Design, Solution};

/// Fewest cells from which parts are learned.
pub const FEWEST_CELLS: usize = 5;

/// The variances of means, each estimated from its own customers and from those of all,
/// which count as ten: a few customers who happen to agree do not make a sure estimate.
///
/// `((n_i - 1) s_i^2 + 10 s^2) / (n_i + 9) / n_i`, where `s^2` is the mean of the `s_i^2`
/// weighted by `n_i - 1` (the moderated variance of G. Smyth, "Linear models and empirical
/// Bayes methods for assessing differential expression", Statistical Applications in
/// Genetics and Molecular Biology 3, 2004, with prior degrees of freedom set). NaN for a
/// sample of nobody.
pub fn moderated_variances(samples: &[Sample]) -> Vec<f64> {
    const PRIOR_DEGREES: f64 = 10.0;
    let degrees = |sample: &Sample| sample.n.saturating_sub(1) as f64;
    // A single observation has no variance of its own.
    let squares = |sample: &Sample| match sample.n {
        0 | 1 => 0.0,
        _ => degrees(sample) * sample.variance,
    };
    let total: f64 = samples.iter().map(degrees).sum();
    let pooled = samples.iter().map(squares).sum::<f64>() / total;
    let moderated = |sample: &Sample| {
        let variance =
            (squares(sample) + PRIOR_DEGREES * pooled) / (degrees(sample) + PRIOR_DEGREES);
        variance / sample.n as f64
    };
    samples.iter().map(moderated).collect()
}

/// One cell of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its estimate: a rate or a mean.
    pub estimate: f64,
    /// The variance of the estimate, positive.
    pub variance: f64,
    /// Attributes that predict it, such as 1 for a long headline and 0 for a short one;
    /// as many in all cells. There is an intercept besides.
    pub attributes: Vec<f64>,
    /// Its level of each factor, counted from 0, below the number of cells.
    pub levels: Vec<usize>,
}

/// Why parts are not learned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CrossedError {
    /// Too few cells.
    #[error("the table has {}; at least {needed} are needed", Number(*n as u64, "cell"))]
    TooFew {
        /// How many there are.
        n: usize,
        /// How many would be enough.
        needed: usize,
    },
    /// A cell has other numbers of attributes or factors than the first.
    #[error("cell {place} has not as many attributes and factors as the first")]
    NotRectangular {
        /// Its place, from 0.
        place: usize,
    },
    /// A number of a cell is not valid.
    #[error("the {what} of cell {place} is not valid: {value}")]
    Invalid {
        /// Its place, from 0.
        place: usize,
        /// What of it.
        what: &'static str,
        /// The value.
        value: f64,
    },
    /// Attributes are constant or follow from others.
    #[error("attribute {attribute} is constant or follows from the attributes before it")]
    DependentAttributes {
        /// Its place among the attributes.
        attribute: usize,
    },
    /// All cells have the same estimate.
    #[error("all cells have the estimate {estimate}: there is nothing to explain")]
    NoVariation {
        /// That estimate.
        estimate: f64,
    },
    /// The variances of the cells differ by more than can be computed with.
    #[error("the variances of the cells are too far apart to be weighed against each other")]
    TooFarApart,
    /// A cell, factor or level that is not there.
    #[error("there is no {what} {place}")]
    NotThere {
        /// What is missing.
        what: &'static str,
        /// The place named.
        place: usize,
    },
    /// Another input is not valid.
    #[error(transparent)]
    Input(#[from] Unestimable),
}

/// Cells as sums of crossed random effects,
/// `estimate_i ~ N(theta_i, variance_i)`,
/// `theta_i = b_0 + x_i' b + sum_f part_f(level of i) + own_i`,
/// `part_f ~ N(0, sd_f^2)`, `own_i ~ N(0, sd_own^2)`, with variances of the estimates known
/// and estimates independent.
///
/// Given the standard deviations, posteriors are the best linear unbiased predictions of
/// Henderson's mixed-model equations (G. K. Robinson, "That BLUP is a good thing",
/// Statistical Science 6, 1991), flat in `b`. The standard deviations have half-Cauchy
/// priors with the spread of the estimates as scale (A. Gelman, "Prior distributions for
/// variance parameters in hierarchical models", Bayesian Analysis 1, 2006), which also
/// hold factors of two levels; the restricted likelihood is maximised with them, and
/// posteriors are averaged along the axis of each standard deviation through the mode
/// (dimension reduction by one variable at a time: S. Rahman and H. Xu, "A univariate
/// dimension-reduction method for multi-dimensional integration in stochastic mechanics",
/// Probabilistic Engineering Mechanics 19, 2004). A plugged-in maximum would make
/// intervals too short.
///
/// ```
/// use stats::crossed::{Cell, CrossedEffects};
///
/// // Content (3) by channel (2); the last cell is nearly unknown.
/// let table = [(1.0, 0.1), (2.0, 0.1), (3.0, 0.1), (4.0, 0.1), (5.0, 0.1), (0.0, 100.0)];
/// let cells: Vec<Cell> = table
///     .iter()
///     .enumerate()
///     .map(|(i, &(estimate, variance))| Cell {
///         estimate,
///         variance,
///         attributes: vec![],
///         levels: vec![i / 2, i % 2],
///     })
///     .collect();
/// let table = CrossedEffects::fit(&cells).unwrap();
/// // The third content is the best one, and the second channel adds one.
/// assert!(table.cell(5).unwrap().mean() > 4.0);
/// ```
#[derive(Debug, Clone)]
pub struct CrossedEffects {
    design: Design,
    /// At the mode of the standard deviations.
    centre: Solution,
    /// Along the axis of each standard deviation: weights that sum to one, and solutions.
    axes: Vec<Vec<(f64, Solution)>>,
}

/// How much a part moves cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The standard deviation of the part over its levels, where it is most probable.
    pub sd: f64,
    /// The share of the variance of a cell's true value that it makes up.
    pub share: f64,
}

impl CrossedEffects {
    /// Learns the parts.
    ///
    /// # Errors
    ///
    /// [`CrossedError`] of the cells.
    pub fn fit(cells: &[Cell]) -> Result<Self, CrossedError> {
        check(cells)?;
        let design = Design::new(cells)?;
        let scale = spread(cells);
        if scale == 0.0 {
            return Err(CrossedError::NoVariation {
                estimate: cells[0].estimate,
            });
        }
        let posterior = |sds: &[f64]| -> f64 {
            let prior: f64 = sds
                .iter()
                .map(|sd| sd.ln() - (sd / scale).powi(2).ln_1p())
                .sum();
            design.ln_restricted_likelihood(sds) + prior
        };
        let mode = mode(&posterior, design.components(), scale);
        let sds = exponentials(&mode);
        let centre = design.solve(&sds).ok_or(CrossedError::TooFarApart)?;
        let axes = (0..mode.len())
            .map(|axis| along(&design, &posterior, &mode, axis, scale))
            .collect();
        Ok(CrossedEffects {
            centre,
            design,
            axes,
        })
    }

    /// What is believed of the true value of a cell.
    ///
    /// # Errors
    ///
    /// [`CrossedError::NotThere`].
    pub fn cell(&self, place: usize) -> Result<Posterior, CrossedError> {
        if place >= self.design.cells() {
            return Err(CrossedError::NotThere {
                what: "cell",
                place,
            });
        }
        self.averaged(|solution| self.design.cell(solution, place))
    }

    /// What is believed of the part of one level of a factor: by how much it moves its
    /// cells, other things being equal.
    ///
    /// # Errors
    ///
    /// [`CrossedError::NotThere`].
    pub fn part(&self, factor: usize, level: usize) -> Result<Posterior, CrossedError> {
        let sizes = self.design.levels();
        let Some(size) = sizes.get(factor) else {
            return Err(CrossedError::NotThere {
                what: "factor",
                place: factor,
            });
        };
        if level >= *size {
            return Err(CrossedError::NotThere {
                what: "level",
                place: level,
            });
        }
        self.averaged(|solution| self.design.part(solution, factor, level))
    }

    /// What is believed of a cell that was not seen: its attributes, and its level of each
    /// factor, none for a new level.
    ///
    /// # Errors
    ///
    /// [`CrossedError::NotRectangular`]; [`CrossedError::NotThere`].
    pub fn forecast(
        &self,
        attributes: &[f64],
        levels: &[Option<usize>],
    ) -> Result<Posterior, CrossedError> {
        let sizes = self.design.levels();
        if attributes.len() != self.design.attributes() || levels.len() != sizes.len() {
            return Err(CrossedError::NotRectangular {
                place: self.design.cells(),
            });
        }
        for (level, size) in levels.iter().zip(sizes) {
            if let Some(place) = level.filter(|level| level >= size) {
                return Err(CrossedError::NotThere {
                    what: "level",
                    place,
                });
            }
        }
        self.averaged(|solution| self.design.forecast(solution, attributes, levels))
    }

    /// How much each factor moves cells, and last the cells' own parts.
    pub fn spreads(&self) -> Vec<Spread> {
        let sds = &self.centre.sds;
        let total: f64 = sds.iter().map(|sd| sd * sd).sum();
        sds.iter()
            .map(|sd| Spread {
                sd: *sd,
                share: sd * sd / total,
            })
            .collect()
    }

    /// The limits between which the middle half of new cells with average attributes would
    /// lie.
    ///
    /// # Errors
    ///
    /// As [`forecast`](Self::forecast).
    pub fn middle_half(&self) -> Result<Credible, CrossedError> {
        let new = vec![None; self.design.levels().len()];
        let attributes = self.design.mean_attributes();
        Ok(self.forecast(&attributes, &new)?.interval(0.5)?)
    }

    /// The mean and variance over the standard deviations of what has both given them:
    /// that at the mode, and what each axis adds.
    fn averaged(&self, given: impl Fn(&Solution) -> (f64, f64)) -> Result<Posterior, CrossedError> {
        let (mean_at_mode, variance_at_mode) = given(&self.centre);
        let (mut mean, mut variance) = (mean_at_mode, variance_at_mode);
        for axis in &self.axes {
            let values: Vec<(f64, f64, f64)> = axis
                .iter()
                .map(|(weight, solution)| {
                    let (mean, variance) = given(solution);
                    (*weight, mean, variance)
                })
                .collect();
            let mean_here: f64 = values.iter().map(|(w, m, _)| w * m).sum();
            let variance_here: f64 = values
                .iter()
                .map(|(w, m, v)| w * (v + (m - mean_here).powi(2)))
                .sum();
            mean += mean_here - mean_at_mode;
            variance += variance_here - variance_at_mode;
        }
        // The sum of the axes can fall short where they pull in opposite directions.
        let sd = variance.max(0.5 * variance_at_mode).sqrt();
        Ok(Posterior::normal(mean, sd)?)
    }
}

fn check(cells: &[Cell]) -> Result<(), CrossedError> {
    let Some(first) = cells.first() else {
        return Err(CrossedError::TooFew {
            n: 0,
            needed: FEWEST_CELLS,
        });
    };
    let needed = FEWEST_CELLS.max(first.attributes.len() + 3);
    if cells.len() < needed {
        let n = cells.len();
        return Err(CrossedError::TooFew { n, needed });
    }
    for (place, cell) in cells.iter().enumerate() {
        if cell.attributes.len() != first.attributes.len()
            || cell.levels.len() != first.levels.len()
        {
            return Err(CrossedError::NotRectangular { place });
        }
        let invalid = |what, value| Err(CrossedError::Invalid { place, what, value });
        if !(cell.estimate * cell.estimate).is_finite() {
            return invalid("estimate", cell.estimate);
        }
        if !(cell.variance.is_normal() && cell.variance > 0.0 && cell.variance.recip().is_normal())
        {
            return invalid("variance", cell.variance);
        }
        if let Some(level) = cell.levels.iter().find(|level| **level >= cells.len()) {
            return invalid("level", *level as f64);
        }
        if let Some(value) = cell.attributes.iter().find(|x| !(*x * *x).is_finite()) {
            return invalid("attribute", *value);
        }
    }
    Ok(())
}

/// The standard deviation of the estimates.
fn spread(cells: &[Cell]) -> f64 {
    let n = cells.len() as f64;
    let origin = cells[0].estimate;
    let mean = cells.iter().map(|cell| cell.estimate - origin).sum::<f64>() / n;
    let squares: f64 = cells
        .iter()
        .map(|cell| (cell.estimate - origin - mean).powi(2))
        .sum();
    (squares / n).sqrt()
}

fn exponentials(x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| x.exp()).collect()
}

/// How far below and above the spread of the estimates, in logarithms, standard
/// deviations are looked for.
const BELOW: f64 = 7.0;
const ABOVE: f64 = 3.0;

/// The logarithms of the standard deviations at which the posterior is largest: one after
/// the other, until none moves.
fn mode(posterior: &impl Fn(&[f64]) -> f64, components: usize, scale: f64) -> Vec<f64> {
    const SWEEPS: usize = 40;
    const LOOKS: usize = 12;
    const ITERATIONS: usize = 18;
    const CLOSE: f64 = 3e-3;
    let centre = scale.ln();
    let mut x = vec![centre - 1.0; components];
    for sweep in 0..SWEEPS {
        let mut moved: f64 = 0.0;
        for axis in 0..components {
            let at = |value: f64| {
                let mut sds = exponentials(&x);
                sds[axis] = value.exp();
                posterior(&sds)
            };
            let (low, high) = if sweep == 0 {
                let step = (BELOW + ABOVE) / LOOKS as f64;
                let best = (0..=LOOKS)
                    .map(|look| centre - BELOW + step * look as f64)
                    .map(|value| (value, at(value)))
                    .fold((centre, f64::NEG_INFINITY), |best, next| {
                        if next.1 > best.1 { next } else { best }
                    })
                    .0;
                (best - step, best + step)
            } else {
                (x[axis] - 0.7, x[axis] + 0.7)
            };
            let best = root::peak(at, low, high, ITERATIONS);
            let best = best.clamp(centre - BELOW, centre + ABOVE);
            moved = moved.max((best - x[axis]).abs());
            x[axis] = best;
        }
        if moved < CLOSE {
            break;
        }
    }
    x
}

/// Solutions along the axis of one standard deviation through the mode, weighted by the
/// posterior on that axis.
fn along(
    design: &Design,
    posterior: &impl Fn(&[f64]) -> f64,
    mode: &[f64],
    axis: usize,
    scale: f64,
) -> Vec<(f64, Solution)> {
    const NEGLIGIBLE: f64 = 7.0;
    const WIDEST_STEP: f64 = 0.6;
    const STEP: f64 = 0.05;
    let at = |shift: f64| {
        let mut sds = exponentials(mode);
        sds[axis] *= shift.exp();
        (posterior(&sds), sds)
    };
    let peak = at(0.0).0;
    let bend = 2.0 * peak - at(STEP).0 - at(-STEP).0;
    let sd = STEP / bend.max(STEP * STEP).sqrt();
    let step = (0.7 * sd).min(WIDEST_STEP);
    let ends = scale.ln() - BELOW..=scale.ln() + ABOVE;
    let mut points = Vec::new();
    for (direction, first) in [(-1.0, 0), (1.0, 1)] {
        for i in first.. {
            let shift = direction * step * f64::from(i);
            let (ln_density, sds) = at(shift);
            let fall = peak - ln_density;
            let is_out = !ends.contains(&(mode[axis] + shift)) || fall.is_nan();
            if i > 0 && (is_out || fall >= NEGLIGIBLE) {
                break;
            }
            if let Some(solution) = design.solve(&sds) {
                points.push(((-fall).exp(), solution));
            }
        }
    }
    let total: f64 = points.iter().map(|(weight, _)| weight).sum();
    for (weight, _) in &mut points {
        *weight /= total;
    }
    points
}
