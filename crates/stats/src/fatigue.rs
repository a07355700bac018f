//! Whether the same content wears in or out with each further exposure, when to retire it,
//! and what that is worth.
//!
//! Rates by the number of the exposure, taken over customers, mislead: those who see an
//! item often are others than those who see it once, and who responded may not be shown it
//! again. What is compared here are the exposures of the same customer with each other.

use crate::cholesky::{Cholesky, dot};
use crate::error::{Number, Unestimable, check_alpha, check_finite, check_variance};
use crate::lift::Estimate;
use crate::tail;

/// Fewest responses in sequences of two exposures or more.
pub const FEWEST_RESPONSES: u64 = 20;

/// Responses at the last exposure beyond the expected, in standard deviations, from which
/// exposures are taken to end with the response.
pub const ENDS_WITH_RESPONSE: f64 = 4.0;

/// Standard error from which on a coefficient is not told by the data.
const WIDEST: f64 = 20.0;

/// Responses of the customers who were exposed equally often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequences {
    /// Sequences: pairs of a customer and an item.
    pub sequences: u64,
    /// Responses to the first, second, ... exposure; as many as there were exposures.
    pub responses: Vec<u64>,
}

/// How the rate changes with the exposures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `rate_k = rate_1 rho^(k - 1)`.
    Geometric,
    /// `ln rate_k = ln rate_1 + b_1 ln k + b_2 (ln k)^2`: rises first where b_1 > 0 > b_2.
    LogQuadratic,
}

/// Why there is no curve.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FatigueError {
    /// Too few responses of customers who were exposed repeatedly.
    #[error(
        "there are {} of customers with more than one exposure; at least {FEWEST_RESPONSES} are needed",
        Number(*responses, "response")
    )]
    TooFew {
        /// How many there are.
        responses: u64,
    },
    /// More responses than sequences.
    #[error("{responses} responses to one exposure of {}", Number(*sequences, "sequence"))]
    InvalidCounts {
        /// Responses to an exposure.
        responses: u64,
        /// Sequences with this exposure.
        sequences: u64,
    },
    /// Who responds is not exposed again, so that a customer's exposures cannot be
    /// compared with each other.
    #[error(
        "{last} responses came at the last exposure where {expected:.0} are expected: exposures seem to end with the \
         response, and only randomized caps on their number would tell of fatigue"
    )]
    EndsWithResponse {
        /// Responses at the last of several exposures.
        last: u64,
        /// As many as the curve expects.
        expected: f64,
    },
    /// The exposures at which customers responded do not tell the curve.
    #[error("responses lie at too few different exposures to tell the curve")]
    NotIdentified,
    /// Another input is not valid.
    #[error(transparent)]
    Input(#[from] Unestimable),
}

/// The rate of a response by the number of the exposure, other things being equal.
#[derive(Debug, Clone, PartialEq)]
pub struct Fatigue {
    shape: Shape,
    coefficients: Vec<f64>,
    covariance: Vec<f64>,
    first_rate: f64,
    first_variance: f64,
}

impl Fatigue {
    /// Fits a curve to responses in sequences of exposures, those of equal length
    /// together.
    ///
    /// A customer's level is conditioned away: given that a sequence had one response, it
    /// came at exposure k with probability `exp(x_k' b) / sum_l exp(x_l' b)` (the
    /// fixed-effects Poisson model of J. Hausman, B. Hall and Z. Griliches, Econometrica
    /// 52, 1984, which needs only the mean to be right: J. Wooldridge, Journal of
    /// Econometrics 90, 1999). So customers may differ in how they respond and in how
    /// often they are exposed, in any way, so long as exposures do not end because of the
    /// response; a test for that refuses. The variance is that of independent responses,
    /// which is on the safe side where a sequence has several.
    ///
    /// The rate at the first exposure is that of all sequences.
    ///
    /// # Errors
    ///
    /// [`FatigueError`].
    pub fn fit(lengths: &[Sequences], shape: Shape) -> Result<Self, FatigueError> {
        for length in lengths {
            if let Some(responses) = length.responses.iter().find(|r| **r > length.sequences) {
                return Err(FatigueError::InvalidCounts {
                    responses: *responses,
                    sequences: length.sequences,
                });
            }
        }
        let repeated: Vec<&[u64]> = lengths
            .iter()
            .map(|length| length.responses.as_slice())
            .filter(|responses| responses.len() > 1)
            .collect();
        let responses: u64 = repeated.iter().copied().flatten().sum();
        if responses < FEWEST_RESPONSES {
            return Err(FatigueError::TooFew { responses });
        }
        let size = shape.regressors(1).len();
        let flat = vec![0.0; size];
        if repeated
            .iter()
            .all(|r| r[..r.len() - 1].iter().all(|count| *count == 0))
        {
            return Err(ends(&repeated, shape, &flat).refusal());
        }
        let (coefficients, information) = maximum(&repeated, shape)?;
        let ends = ends(&repeated, shape, &coefficients);
        if ends.last as f64 - ends.expected > ENDS_WITH_RESPONSE * ends.variance.sqrt() {
            return Err(ends.refusal());
        }
        let cholesky = Cholesky::new(&information, size, 1e-9);
        let mut covariance = Vec::with_capacity(size * size);
        for place in 0..size {
            let mut unit = vec![0.0; size];
            unit[place] = 1.0;
            covariance.extend(cholesky.solve(&unit));
        }
        if (0..size).any(|i| covariance[i * size + i] > WIDEST * WIDEST) {
            return Err(FatigueError::NotIdentified);
        }
        let firsts = lengths.iter().filter(|length| !length.responses.is_empty());
        let (mut sequences, mut successes) = (0.0, 0.0);
        for length in firsts {
            sequences += length.sequences as f64;
            successes += length.responses[0] as f64;
        }
        if successes == 0.0 {
            return Err(FatigueError::NotIdentified);
        }
        let first_rate = successes / sequences;
        Ok(Fatigue {
            shape,
            coefficients,
            covariance,
            first_rate,
            first_variance: first_rate * (1.0 - first_rate) / sequences,
        })
    }

    /// The same curve for an item with another rate at the first exposure, such as its
    /// shrunken one, and its standard deviation.
    ///
    /// # Errors
    ///
    /// A rate that is not positive, or a standard deviation that is not finite.
    pub fn with_first_rate(&self, rate: f64, sd: f64) -> Result<Self, FatigueError> {
        check_variance("variance of the rate", sd * sd)?;
        if !(rate > 0.0 && rate.is_finite()) {
            return Err(Unestimable::InvalidInput {
                what: "rate at the first exposure",
                value: rate,
            }
            .into());
        }
        Ok(Fatigue {
            first_rate: rate,
            first_variance: sd * sd,
            ..self.clone()
        })
    }

    /// The coefficients of the shape: `ln rho`, or `b_1` and `b_2`.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The rate at the k-th exposure over that at the first, with its interval, normal on
    /// the scale of logarithms.
    ///
    /// # Errors
    ///
    /// A level outside (0, 1); an exposure 0.
    pub fn relative(&self, exposure: u64, alpha: f64) -> Result<Estimate, FatigueError> {
        let (ln, variance) = self.ln_relative(exposure)?;
        Ok(exponential(ln, variance, alpha)?)
    }

    /// The rate at the k-th exposure of the customers' first-exposure level.
    ///
    /// # Errors
    ///
    /// As [`relative`](Self::relative).
    pub fn rate(&self, exposure: u64, alpha: f64) -> Result<Estimate, FatigueError> {
        let (ln, variance) = self.ln_relative(exposure)?;
        let first = self.first_variance / (self.first_rate * self.first_rate);
        Ok(exponential(
            ln + self.first_rate.ln(),
            variance + first,
            alpha,
        )?)
    }

    fn ln_relative(&self, exposure: u64) -> Result<(f64, f64), FatigueError> {
        if exposure == 0 {
            return Err(Unestimable::InvalidInput {
                what: "number of the exposure",
                value: 0.0,
            }
            .into());
        }
        let x = self.shape.regressors(exposure);
        let size = self.coefficients.len();
        let variance = (0..size)
            .map(|i| x[i] * dot(&x, &self.covariance[i * size..(i + 1) * size]))
            .sum();
        Ok((dot(&x, &self.coefficients), variance))
    }

    /// Whether to replace the item by a new one.
    ///
    /// `remaining[k - 1]` is how many exposures of number k are still to come, and
    /// `renewed[k - 1]` how many there are of number k if customers begin anew with a new
    /// item; `new` is the forecast of its rate, worn like this one; a response is worth
    /// `value`, and the new item costs `cost`:
    /// `gain = value sum_k (renewed_k new relative_k - remaining_k rate_k) - cost`. Its
    /// standard error is that of both rates and of the curve.
    ///
    /// # Errors
    ///
    /// Values that are not finite; a level outside (0, 1).
    pub fn retire(
        &self,
        (remaining, renewed): (&[f64], &[f64]),
        new: (f64, f64),
        value: f64,
        cost: f64,
        alpha: f64,
    ) -> Result<Estimate, FatigueError> {
        check_alpha(alpha)?;
        let numbers = [
            ("rate of the new item", new.0),
            ("value", value),
            ("cost", cost),
        ];
        for (what, number) in numbers
            .into_iter()
            .chain(remaining.iter().map(|n| ("remaining exposures", *n)))
            .chain(renewed.iter().map(|n| ("renewed exposures", *n)))
        {
            check_finite(what, number)?;
        }
        check_variance("variance of the new item's rate", new.1 * new.1)?;
        let size = self.coefficients.len();
        let (mut of_new, mut of_old) = (0.0, 0.0);
        let mut slope = vec![0.0; size];
        let counts = |place: usize| {
            let of = |counts: &[f64]| counts.get(place).copied().unwrap_or(0.0);
            (of(renewed), of(remaining))
        };
        for place in 0..remaining.len().max(renewed.len()) {
            let (renewed, remaining) = counts(place);
            let x = self.shape.regressors(place as u64 + 1);
            let relative = dot(&x, &self.coefficients).exp();
            of_new += renewed * relative;
            of_old += remaining * relative;
            let change = relative * (new.0 * renewed - self.first_rate * remaining);
            for (slope, x) in slope.iter_mut().zip(&x) {
                *slope += change * x;
            }
        }
        let curve: f64 = (0..size)
            .map(|i| slope[i] * dot(&slope, &self.covariance[i * size..(i + 1) * size]))
            .sum();
        let variance = curve + (of_new * new.1).powi(2) + of_old * of_old * self.first_variance;
        let estimate = value * (new.0 * of_new - self.first_rate * of_old) - cost;
        let se = value.abs() * variance.sqrt();
        let half = tail::normal_quantile(1.0 - 0.5 * alpha) * se;
        Ok(Estimate {
            estimate,
            se,
            df: f64::INFINITY,
            low: estimate - half,
            high: estimate + half,
        })
    }
}

impl Shape {
    fn regressors(self, exposure: u64) -> Vec<f64> {
        let k = exposure as f64;
        match self {
            Shape::Geometric => vec![k - 1.0],
            Shape::LogQuadratic => vec![k.ln(), k.ln() * k.ln()],
        }
    }
}

/// An estimate of an exponential from that of its logarithm.
fn exponential(ln: f64, variance: f64, alpha: f64) -> Result<Estimate, Unestimable> {
    check_alpha(alpha)?;
    let half = tail::normal_quantile(1.0 - 0.5 * alpha) * variance.sqrt();
    let estimate = ln.exp();
    Ok(Estimate {
        estimate,
        se: estimate * variance.sqrt(),
        df: f64::INFINITY,
        low: (ln - half).exp(),
        high: (ln + half).exp(),
    })
}

/// Where in a sequence a response comes, given that there is one.
fn places(length: usize, shape: Shape, coefficients: &[f64]) -> Vec<f64> {
    let logits: Vec<f64> = (1..=length)
        .map(|k| dot(&shape.regressors(k as u64), coefficients))
        .collect();
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logits.iter().map(|x| (x - largest).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

/// Logarithm of the conditional likelihood, its gradient and its information.
fn likelihood(lengths: &[&[u64]], shape: Shape, coefficients: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
    let size = coefficients.len();
    let (mut ln, mut gradient) = (0.0, vec![0.0; size]);
    let mut information = vec![0.0; size * size];
    for responses in lengths {
        let total: u64 = responses.iter().sum();
        if total == 0 {
            continue;
        }
        let total = total as f64;
        let probabilities = places(responses.len(), shape, coefficients);
        let mut mean = vec![0.0; size];
        for (k, (count, p)) in responses.iter().zip(&probabilities).enumerate() {
            let count = *count as f64;
            let x = shape.regressors(k as u64 + 1);
            if count > 0.0 {
                ln += count * p.ln();
            }
            for i in 0..size {
                mean[i] += p * x[i];
                gradient[i] += count * x[i];
                for j in 0..size {
                    information[i * size + j] += total * p * x[i] * x[j];
                }
            }
        }
        for i in 0..size {
            gradient[i] -= total * mean[i];
            for j in 0..size {
                information[i * size + j] -= total * mean[i] * mean[j];
            }
        }
    }
    (ln, gradient, information)
}

/// The maximum of the conditional likelihood by Newton's method with halved steps; it is
/// concave. Gives the coefficients and their information.
fn maximum(lengths: &[&[u64]], shape: Shape) -> Result<(Vec<f64>, Vec<f64>), FatigueError> {
    const ITERATIONS: usize = 60;
    const HALVINGS: usize = 30;
    const CLOSE: f64 = 1e-10;
    let size = shape.regressors(1).len();
    let mut coefficients = vec![0.0; size];
    let (mut ln, mut gradient, mut information) = likelihood(lengths, shape, &coefficients);
    for _ in 0..ITERATIONS {
        let cholesky = Cholesky::new(&information, size, 1e-9);
        if cholesky.kept.len() < size {
            return Err(FatigueError::NotIdentified);
        }
        let step = cholesky.solve(&gradient);
        // Newton's decrement: twice what is left to be gained.
        if dot(&step, &gradient) < CLOSE {
            return Ok((coefficients, information));
        }
        let mut share = 1.0;
        for _ in 0..HALVINGS {
            let next: Vec<f64> = coefficients
                .iter()
                .zip(&step)
                .map(|(b, s)| b + share * s)
                .collect();
            let there = likelihood(lengths, shape, &next);
            if there.0 >= ln {
                coefficients = next;
                (ln, gradient, information) = there;
                break;
            }
            share *= 0.5;
        }
    }
    // The likelihood rises without end: all responses lie at one end.
    Err(FatigueError::NotIdentified)
}

/// Responses at the last exposures of sequences.
struct Ends {
    last: u64,
    /// As many as a curve expects, and their variance. Where the curve was fitted to them,
    /// a test that takes them is less ready to refuse.
    expected: f64,
    variance: f64,
}

impl Ends {
    fn refusal(&self) -> FatigueError {
        FatigueError::EndsWithResponse {
            last: self.last,
            expected: self.expected,
        }
    }
}

fn ends(lengths: &[&[u64]], shape: Shape, coefficients: &[f64]) -> Ends {
    let (mut last, mut expected, mut variance) = (0, 0.0, 0.0);
    for responses in lengths {
        let total = responses.iter().sum::<u64>() as f64;
        let probabilities = places(responses.len(), shape, coefficients);
        if let (Some(count), Some(p)) = (responses.last(), probabilities.last()) {
            last += count;
            expected += total * p;
            variance += total * p * (1.0 - p);
        }
    }
    Ends {
        last,
        expected,
        variance,
    }
}
