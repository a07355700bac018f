//! Maximum of a smooth log-likelihood.
//!
//! BFGS with the analytic gradient from several starts, then Newton steps with a
//! Hessian from differences of the gradient. Every parameter has a closed range; a
//! likelihood that rises towards an end of one, however slowly, has its maximum
//! there, and the result says so instead of calling it a failure.
//!
//! Distances are in standard errors: the Newton decrement `g' (-H)^-1 g` is the
//! square of the last step in the metric of the information matrix, which neither a
//! change of unit nor the number of customers alters.

use crate::error::FitError;
use crate::linear;

/// A log-likelihood in parameters without a unit.
pub(crate) trait Objective {
    /// Number of parameters.
    fn dimension(&self) -> usize;

    /// The log-likelihood and its gradient.
    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> f64;

    /// The values among which a parameter is searched. The default suits logarithms
    /// of scale-free quantities.
    fn range(&self, _parameter: usize) -> (f64, f64) {
        (-25.0, 25.0)
    }
}

/// Where a parameter ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Between the ends of its range.
    Inside,
    /// At the lower end.
    Lower,
    /// At the upper end.
    Upper,
    /// The likelihood does not depend on it where the others ended.
    Unidentified,
}

/// A maximum.
#[derive(Debug, Clone)]
pub(crate) struct Optimum {
    /// Parameters.
    pub(crate) at: Vec<f64>,
    /// Log-likelihood.
    pub(crate) value: f64,
    /// Its Hessian, row-major.
    pub(crate) hessian: Vec<f64>,
    /// Where each parameter ended.
    pub(crate) places: Vec<Place>,
    /// Steps made, over all starts.
    pub(crate) iterations: usize,
}

impl Optimum {
    /// The parameters between the ends of their ranges.
    pub(crate) fn inside(&self) -> Vec<usize> {
        (0..self.at.len())
            .filter(|i| self.places[*i] == Place::Inside)
            .collect()
    }
}

/// Steps allowed to one search.
const MAX_STEPS: usize = 400;
/// Newton steps allowed at the end.
const MAX_NEWTON: usize = 60;
/// Squared distance from the maximum, in standard errors, at which BFGS hands over.
const NEAR: f64 = 1e-6;
/// The same where the Hessian is known well and every evaluation is dear.
const VERY_NEAR: f64 = 1e-11;
/// Squared distance at which the maximum is reached. In the log-likelihood it is half
/// of this.
const REACHED: f64 = 1e-20;
/// Squared distance that is accepted where rounding allows no better.
const ACCEPTED: f64 = 1e-8;
/// Squared distance within which the Hessian is that of the maximum.
const SAME_HESSIAN: f64 = 1e-10;
/// A parameter with a larger standard error than this, in logs, is tried at the end
/// of its range.
const WEAK: f64 = 10.0;
/// Loss of log-likelihood that is not a loss.
const NO_LOSS: f64 = 1e-7;
/// Slope and curvature, per unit of a logarithm, of a likelihood that does not depend on
/// a parameter: what is left of them is rounding.
const FLAT: f64 = 1e-6;
/// Slope, per unit of a logarithm, that rounding may leave.
const LEVEL: f64 = 1e-4;
/// Largest change of a parameter in one step.
const LONGEST_STEP: f64 = 3.0;
/// Step of the differences of the gradient.
const DIFFERENCE: f64 = 3e-5;

/// Maximum of the objective, from the best of the starts.
pub(crate) fn maximize(
    objective: &impl Objective,
    starts: &[Vec<f64>],
) -> Result<Optimum, FitError> {
    maximize_within(objective, starts, ACCEPTED)
}

/// The same with a squared distance that is accepted where rounding allows no better.
pub(crate) fn maximize_within(
    objective: &impl Objective,
    starts: &[Vec<f64>],
    accepted: f64,
) -> Result<Optimum, FitError> {
    let mut best: Option<Search<_>> = None;
    let mut iterations = 0;
    for start in starts {
        let Some(mut search) = Search::new(objective, start, None) else {
            continue;
        };
        search.bfgs(NEAR);
        iterations += search.steps;
        if best.as_ref().is_none_or(|best| search.value > best.value) {
            best = Some(search);
        }
    }
    let mut best = best.ok_or(FitError::NoFiniteStart)?;
    best.steps = iterations;
    best.finish(accepted)
}

/// Maximum of the objective near a start, given an estimate of its Hessian there.
fn maximize_near(
    objective: &impl Objective,
    start: &[f64],
    hessian: &[f64],
) -> Result<Optimum, FitError> {
    let mut search = Search::new(objective, start, Some(hessian)).ok_or(FitError::NoFiniteStart)?;
    search.bfgs(VERY_NEAR);
    search.finish(ACCEPTED)
}

/// Maximum of the objective near a start, given an estimate of the inverse of minus its
/// Hessian there, with such an estimate at the end; parameters at ends of their ranges have
/// zeros in it and stay there. None where the search stops short of the maximum, or such a
/// parameter would leave its end. Much less work than [`maximize`], which also finds out
/// which parameters lie at ends.
pub(crate) fn climb(
    objective: &impl Objective,
    start: &[f64],
    metric: &[f64],
) -> Option<(Vec<f64>, Vec<f64>)> {
    let size = start.len();
    let mut search = Search::new(objective, start, None)?;
    search.metric = metric.to_vec();
    search.bfgs(VERY_NEAR);
    let direction = linear::multiply(&search.metric, &search.gradient);
    let stays = |i: usize| {
        search.metric[i * size + i] > 0.0 || !search.is_free(i) || search.gradient[i].abs() < LEVEL
    };
    let is_there = linear::dot(&direction, &search.gradient) < ACCEPTED && (0..size).all(stays);
    is_there.then_some((search.at, search.metric))
}

/// Maximum of a dear objective: first of a cheap part of it, then from there, given by
/// how much the whole is larger.
pub(crate) fn maximize_by_part(
    whole: &impl Objective,
    part: &impl Objective,
    ratio: f64,
    starts: &[Vec<f64>],
) -> Result<Optimum, FitError> {
    if let Ok(near) = maximize(part, starts)
        && near.places.iter().all(|place| *place == Place::Inside)
    {
        let hessian: Vec<f64> = near.hessian.iter().map(|h| ratio * h).collect();
        if let Ok(optimum) = maximize_near(whole, &near.at, &hessian) {
            return Ok(optimum);
        }
    }
    maximize(whole, starts)
}

/// Hessian of the objective by central differences of its gradient.
pub(crate) fn hessian(objective: &impl Objective, at: &[f64]) -> Vec<f64> {
    let size = objective.dimension();
    let mut hessian = vec![0.0; size * size];
    let mut moved = at.to_vec();
    let (mut above, mut below) = (vec![0.0; size], vec![0.0; size]);
    for i in 0..size {
        moved[i] = at[i] + DIFFERENCE;
        objective.evaluate(&moved, &mut above);
        moved[i] = at[i] - DIFFERENCE;
        objective.evaluate(&moved, &mut below);
        moved[i] = at[i];
        for j in 0..size {
            let slope = (above[j] - below[j]) / (2.0 * DIFFERENCE);
            hessian[i * size + j] += 0.5 * slope;
            hessian[j * size + i] += 0.5 * slope;
        }
    }
    hessian
}

/// A search in progress.
struct Search<'a, O> {
    objective: &'a O,
    at: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    /// Estimate of the inverse of minus the Hessian.
    metric: Vec<f64>,
    /// Parameters held where they are.
    held: Vec<bool>,
    steps: usize,
}

impl<'a, O: Objective> Search<'a, O> {
    fn new(objective: &'a O, start: &[f64], hessian: Option<&[f64]>) -> Option<Self> {
        let size = objective.dimension();
        let at: Vec<f64> = (0..size)
            .map(|i| {
                let (low, high) = objective.range(i);
                start[i].clamp(low, high)
            })
            .collect();
        let mut gradient = vec![0.0; size];
        let value = objective.evaluate(&at, &mut gradient);
        if !is_finite(value, &gradient) {
            return None;
        }
        let metric = hessian
            .and_then(|hessian| {
                let information: Vec<f64> = hessian.iter().map(|h| -h).collect();
                linear::inverse(&information, size)
            })
            .unwrap_or_else(|| first_metric(&gradient));
        Some(Search {
            objective,
            at,
            value,
            gradient,
            metric,
            held: vec![false; size],
            steps: 0,
        })
    }

    /// Whether a parameter may move along the gradient.
    fn is_free(&self, i: usize) -> bool {
        let (low, high) = self.objective.range(i);
        let outward = (self.at[i] <= low && self.gradient[i] <= 0.0)
            || (self.at[i] >= high && self.gradient[i] >= 0.0);
        !self.held[i] && !outward
    }

    fn free(&self) -> Vec<usize> {
        (0..self.at.len()).filter(|i| self.is_free(*i)).collect()
    }

    /// BFGS until the squared distance from the maximum falls below `near`.
    fn bfgs(&mut self, near: f64) {
        let size = self.at.len();
        let mut restarted = false;
        for _ in 0..MAX_STEPS {
            let free = self.free();
            let mut direction = vec![0.0; size];
            for &i in &free {
                direction[i] = free
                    .iter()
                    .map(|&j| self.metric[i * size + j] * self.gradient[j])
                    .sum();
            }
            let slope = linear::dot(&direction, &self.gradient);
            if free.is_empty() || (slope.is_finite() && slope.abs() < near) {
                return;
            }
            let before = (self.at.clone(), self.gradient.clone());
            let rises = slope > 0.0 && self.line_search(&direction, slope);
            if !rises {
                if restarted {
                    return;
                }
                self.metric = first_metric(&self.gradient);
                restarted = true;
                continue;
            }
            restarted = false;
            self.update_metric(&before.0, &before.1);
        }
    }

    /// Moves along a direction to a point that is higher by a fair share of what the
    /// slope promises; false where there is none.
    fn line_search(&mut self, direction: &[f64], slope: f64) -> bool {
        let longest = direction.iter().fold(0.0, |m: f64, d| m.max(d.abs()));
        let mut step = (LONGEST_STEP / longest).min(1.0);
        let mut gradient = vec![0.0; self.at.len()];
        for _ in 0..40 {
            let trial = self.moved(direction, step);
            let value = self.objective.evaluate(&trial, &mut gradient);
            // The slack is the rounding of the sum over customers.
            let slack = 1e-13 * self.value.abs();
            if is_finite(value, &gradient) && value - self.value >= 1e-4 * step * slope - slack {
                self.at = trial;
                self.value = value;
                self.gradient = gradient;
                self.steps += 1;
                return true;
            }
            let fall = self.value - value;
            let parabola = if fall.is_finite() {
                0.5 * step * step * slope / (fall + step * slope)
            } else {
                0.0
            };
            step = parabola.clamp(0.1 * step, 0.5 * step);
        }
        false
    }

    fn moved(&self, direction: &[f64], step: f64) -> Vec<f64> {
        (0..self.at.len())
            .map(|i| {
                let (low, high) = self.objective.range(i);
                (self.at[i] + step * direction[i]).clamp(low, high)
            })
            .collect()
    }

    /// The BFGS update of the inverse Hessian.
    fn update_metric(&mut self, at: &[f64], gradient: &[f64]) {
        let size = self.at.len();
        let step: Vec<f64> = self.at.iter().zip(at).map(|(a, b)| a - b).collect();
        // Of minus the objective.
        let change: Vec<f64> = gradient
            .iter()
            .zip(&self.gradient)
            .map(|(before, now)| before - now)
            .collect();
        let curvature = linear::dot(&step, &change);
        let size_of_both = linear::dot(&step, &step) * linear::dot(&change, &change);
        if curvature * curvature <= 1e-20 * size_of_both || curvature <= 0.0 {
            return;
        }
        let image = linear::multiply(&self.metric, &change);
        let weight = 1.0 + linear::dot(&change, &image) / curvature;
        for i in 0..size {
            for j in 0..size {
                self.metric[i * size + j] +=
                    (weight * step[i] * step[j] - step[i] * image[j] - image[i] * step[j])
                        / curvature;
            }
        }
    }

    /// Newton steps to the maximum, the ends of ranges settled on the way.
    fn finish(mut self, accepted: f64) -> Result<Optimum, FitError> {
        let size = self.at.len();
        let mut hessian = hessian(self.objective, &self.at);
        let mut unidentified = vec![false; size];
        // Variances from which on parameters are tried at an end.
        let mut tried = vec![WEAK * WEAK; size];
        let mut fresh = true;
        let mut last = f64::INFINITY;
        for _ in 0..MAX_NEWTON {
            let free = self.free();
            if free.is_empty() {
                break;
            }
            // Where it is flat, the likelihood may still lead to an end; what it does not
            // depend on at all is not searched.
            if fresh
                && let Some(&i) = free
                    .iter()
                    .find(|&&i| hessian[i * size + i].abs() < FLAT && self.gradient[i].abs() < FLAT)
            {
                if self.gradient[i] != 0.0 && self.jump_to_end(i) {
                    hessian = self::hessian(self.objective, &self.at);
                    last = f64::INFINITY;
                } else {
                    self.held[i] = true;
                    unidentified[i] = true;
                }
                continue;
            }
            let information = block(&hessian, size, &free, -1.0);
            let factor = linear::cholesky(&information, free.len());
            let is_maximum = factor.is_some();
            let factor = factor
                .or_else(|| shifted_factor(&information, free.len()))
                .ok_or(FitError::SingularInformation)?;
            let (weakest, variance) = weakest(&factor, &free);
            if fresh && variance > tried[weakest] {
                tried[weakest] = 100.0 * variance;
                if self.jump_to_end(weakest) {
                    hessian = self::hessian(self.objective, &self.at);
                    last = f64::INFINITY;
                    continue;
                }
            }
            let slopes: Vec<f64> = free.iter().map(|&i| self.gradient[i]).collect();
            let step = linear::solve(&factor, free.len(), &slopes);
            let distance = linear::dot(&step, &slopes);
            if is_maximum && distance <= REACHED {
                if !fresh {
                    hessian = self::hessian(self.objective, &self.at);
                }
                return self.optimum(hessian, &unidentified);
            }
            if !fresh && distance > 0.01 * last {
                hessian = self::hessian(self.objective, &self.at);
                fresh = true;
                continue;
            }
            let mut direction = vec![0.0; size];
            for (&i, &d) in free.iter().zip(&step) {
                direction[i] = d;
            }
            let longest = step.iter().fold(0.0, |m: f64, d| m.max(d.abs()));
            // A step of a good part of a logarithm is long, however little it gains.
            const LONG: f64 = 0.1;
            let is_well_known = is_maximum && variance <= WEAK * WEAK;
            if distance > NEAR || longest > LONG {
                if !self.line_search(&direction, distance) {
                    if is_well_known {
                        break;
                    }
                    // Neither rising nor curved: a direction that rounding has levelled.
                    self.held[weakest] = true;
                    unidentified[weakest] = true;
                    continue;
                }
                hessian = self::hessian(self.objective, &self.at);
                fresh = true;
            } else {
                // So near, the step is as good as the gradient, and the value no
                // longer tells better from worse.
                let trial = self.moved(&direction, 1.0);
                let mut gradient = vec![0.0; size];
                let value = self.objective.evaluate(&trial, &mut gradient);
                if !is_finite(value, &gradient) {
                    break;
                }
                let slopes: Vec<f64> = free.iter().map(|&i| gradient[i]).collect();
                let next = linear::dot(&linear::solve(&factor, free.len(), &slopes), &slopes);
                if next >= distance {
                    if is_well_known {
                        break;
                    }
                    self.held[weakest] = true;
                    unidentified[weakest] = true;
                    continue;
                }
                self.at = trial;
                self.value = value;
                self.gradient = gradient;
                self.steps += 1;
                fresh &= distance <= SAME_HESSIAN;
            }
            last = distance;
        }
        self.accept(hessian, &mut unidentified, accepted)
    }

    /// The point reached, where rounding kept the last steps from being made. Directions
    /// in which it has levelled the likelihood are unidentified.
    fn accept(
        mut self,
        hessian: Vec<f64>,
        unidentified: &mut [bool],
        accepted: f64,
    ) -> Result<Optimum, FitError> {
        loop {
            let free = self.free();
            let information = block(&hessian, self.at.len(), &free, -1.0);
            let slopes: Vec<f64> = free.iter().map(|&i| self.gradient[i]).collect();
            if let Some(factor) = linear::cholesky(&information, free.len()) {
                let step = linear::solve(&factor, free.len(), &slopes);
                let distance = linear::dot(&step, &slopes);
                if distance > accepted {
                    return Err(FitError::NotConverged {
                        iterations: self.steps,
                        distance: distance.sqrt(),
                    });
                }
                return self.optimum(hessian, unidentified);
            }
            let factor = shifted_factor(&information, free.len());
            let (weakest, _) = weakest(&factor.ok_or(FitError::SingularInformation)?, &free);
            if self.gradient[weakest].abs() > LEVEL {
                return Err(FitError::SingularInformation);
            }
            self.held[weakest] = true;
            unidentified[weakest] = true;
        }
    }

    /// Puts a parameter at the end of its range, the one or the other, if the
    /// likelihood loses nothing by it.
    fn jump_to_end(&mut self, parameter: usize) -> bool {
        let (low, high) = self.objective.range(parameter);
        let uphill = if self.gradient[parameter] < 0.0 {
            [low, high]
        } else {
            [high, low]
        };
        for end in uphill {
            let mut start = self.at.clone();
            start[parameter] = end;
            let Some(mut search) = Search::new(self.objective, &start, None) else {
                continue;
            };
            search.held.clone_from(&self.held);
            search.held[parameter] = true;
            search.bfgs(NEAR);
            if search.value >= self.value - NO_LOSS {
                search.steps += self.steps;
                *self = search;
                return true;
            }
        }
        false
    }

    fn optimum(self, hessian: Vec<f64>, unidentified: &[bool]) -> Result<Optimum, FitError> {
        let places = (0..self.at.len())
            .map(|i| {
                let (low, high) = self.objective.range(i);
                if unidentified[i] {
                    Place::Unidentified
                } else if self.at[i] <= low {
                    Place::Lower
                } else if self.at[i] >= high {
                    Place::Upper
                } else {
                    Place::Inside
                }
            })
            .collect();
        Ok(Optimum {
            at: self.at,
            value: self.value,
            hessian,
            places,
            iterations: self.steps,
        })
    }
}

fn is_finite(value: f64, gradient: &[f64]) -> bool {
    value.is_finite() && gradient.iter().all(|g| g.is_finite())
}

/// A metric whose first step is of length one at most.
fn first_metric(gradient: &[f64]) -> Vec<f64> {
    let size = gradient.len();
    let length = linear::dot(gradient, gradient).sqrt().max(1e-300);
    let mut metric = vec![0.0; size * size];
    for i in 0..size {
        metric[i * size + i] = 1.0 / length.max(1.0);
    }
    metric
}

/// The rows and columns of a matrix that are kept, times a factor.
fn block(matrix: &[f64], size: usize, kept: &[usize], factor: f64) -> Vec<f64> {
    kept.iter()
        .flat_map(|&i| kept.iter().map(move |&j| factor * matrix[i * size + j]))
        .collect()
}

/// The free parameter that is known least, and its variance.
fn weakest(factor: &[f64], free: &[usize]) -> (usize, f64) {
    let size = free.len();
    let variance = |k: usize| {
        let mut unit = vec![0.0; size];
        unit[k] = 1.0;
        linear::solve(factor, size, &unit)[k]
    };
    (0..size)
        .map(|k| (free[k], variance(k)))
        .fold(
            (free[0], 0.0),
            |most, one| if one.1 > most.1 { one } else { most },
        )
}

/// Factor of the matrix with its diagonal raised until it is positive definite.
fn shifted_factor(matrix: &[f64], size: usize) -> Option<Vec<f64>> {
    let largest = matrix.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let mut shift = 1e-9 * largest;
    for _ in 0..60 {
        let mut raised = matrix.to_vec();
        for i in 0..size {
            raised[i * size + i] += shift;
        }
        if let Some(factor) = linear::cholesky(&raised, size) {
            return Some(factor);
        }
        shift *= 4.0;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curved ridge, as in Rosenbrock's function.
    struct Ridge;

    impl Objective for Ridge {
        fn dimension(&self) -> usize {
            2
        }

        fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
            let (x, y) = (at[0], at[1]);
            let off = y - x * x;
            gradient[0] = 2.0 * (1.0 - x) + 400.0 * x * off;
            gradient[1] = -200.0 * off;
            -(1.0 - x).powi(2) - 100.0 * off * off
        }
    }

    /// Rises for ever as the second parameter falls; the third is not used.
    struct Slope;

    impl Objective for Slope {
        fn dimension(&self) -> usize {
            3
        }

        fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
            gradient[0] = -2.0 * (at[0] - 0.5);
            gradient[1] = -100.0 * at[1].exp();
            gradient[2] = 0.0;
            -(at[0] - 0.5).powi(2) - 100.0 * at[1].exp()
        }
    }

    #[test]
    fn follows_a_ridge() {
        let optimum = maximize(&Ridge, &[vec![-1.2, 1.0]]).expect("a maximum");
        assert!((optimum.at[0] - 1.0).abs() < 1e-9 && (optimum.at[1] - 1.0).abs() < 1e-9);
        assert!((optimum.hessian[0] + 802.0).abs() < 1e-4);
        assert_eq!(optimum.places, [Place::Inside; 2]);
    }

    #[test]
    fn ends_of_ranges_are_results() {
        let optimum = maximize(&Slope, &[vec![0.0, 0.0, 0.3]]).expect("a maximum");
        assert_eq!(
            optimum.places,
            [Place::Inside, Place::Lower, Place::Unidentified]
        );
        assert!((optimum.at[0] - 0.5).abs() < 1e-10);
    }

    #[test]
    fn refuses_where_nothing_is_finite() {
        struct Nowhere;
        impl Objective for Nowhere {
            fn dimension(&self) -> usize {
                1
            }
            fn evaluate(&self, _: &[f64], gradient: &mut [f64]) -> f64 {
                gradient[0] = 0.0;
                f64::NAN
            }
        }
        let refused = maximize(&Nowhere, &[vec![0.0]]).map(|optimum| optimum.at);
        assert_eq!(refused, Err(FitError::NoFiniteStart));
    }
}
