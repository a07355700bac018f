//! How an effect changes with the days since a customer's first exposure: whether novelty
//! fades, content wears out, or customers learn.
//!
//! The effect of each day since exposure is a difference of means. The same customers are
//! in every day's means, and who bought on one day buys less, or more, on the next: the
//! daily effects are **not independent**, and their covariances must come with them.
//! [`DailyMeans::of_moments`] has them from the co-moments of the days' columns over
//! customers, [`DailyMeans::of_pairs`] for customers observed for different numbers of
//! days. Independence would hold only if each day had other customers.
//!
//! Then a line through the daily effects by generalized least squares ([`slope`](WearAnalysis::slope)),
//! a test that all are equal, and the first week against the rest.

use crate::cholesky::{Cholesky, dot};
use crate::error::{Arm, Unestimable, check_alpha, check_finite, check_variance};
use crate::lift::{Contrast, Estimate};
use crate::moments::Moments;
use crate::tail::{self, TailProbability};

/// The means of one arm by day since exposure, with the covariances of these means.
#[derive(Debug, Clone, PartialEq)]
pub struct DailyMeans {
    n: u64,
    means: Vec<f64>,
    /// Of the means, row after row.
    covariances: Vec<f64>,
}

impl DailyMeans {
    /// From customers who were all observed on all days: `days` are the columns of the
    /// moments, one a day in their order, each with a co-moment with each other.
    ///
    /// # Errors
    ///
    /// Fewer than two customers, a column that is not there, or a missing co-moment.
    pub fn of_moments(arm: Arm, moments: &Moments, days: &[usize]) -> Result<Self, Unestimable> {
        let n = moments.rows();
        if n < 2 {
            return Err(Unestimable::TooFew { arm, n, needed: 2 });
        }
        if days.iter().any(|&day| day >= moments.products().columns()) {
            return Err(Unestimable::MismatchedCovariates);
        }
        let pairs = days.iter().flat_map(|&i| days.iter().map(move |&j| (i, j)));
        let covariances = pairs.map(|(i, j)| {
            let covariance = moments.covariance(i, j);
            let covariance = covariance.ok_or(Unestimable::MismatchedCovariates)?;
            Ok(covariance / n as f64)
        });
        Ok(DailyMeans {
            n,
            means: days.iter().map(|&day| moments.mean(day)).collect(),
            covariances: covariances.collect::<Result<_, Unestimable>>()?,
        })
    }

    /// From customers observed for different numbers of days: the day's means over those
    /// observed on it, and for each pair of days (row after row) the number of customers
    /// observed on both, `n_de`, with the covariance of their values, `s_de`. The means
    /// have the covariances `s_de n_de / (n_d n_e)`.
    ///
    /// Customers leave the observation by the date of the analysis, which must not depend
    /// on their values; the effect of a late day is that on early entrants.
    ///
    /// # Errors
    ///
    /// Sizes that do not agree, a day with fewer than two customers, numbers not finite.
    pub fn of_pairs(
        arm: Arm,
        means: &[f64],
        counts: &[u64],
        covariances: &[f64],
    ) -> Result<Self, Unestimable> {
        let days = means.len();
        if counts.len() != days * days || covariances.len() != days * days {
            return Err(Unestimable::MismatchedCovariates);
        }
        let of_day = |day: usize| counts[day * days + day];
        let fewest = (0..days).map(of_day).min().unwrap_or(0);
        if fewest < 2 {
            let n = fewest;
            return Err(Unestimable::TooFew { arm, n, needed: 2 });
        }
        let covariance = |at: usize| {
            let (d, e) = (of_day(at / days) as f64, of_day(at % days) as f64);
            // Of nobody in common there is no covariance, whatever is given.
            if counts[at] == 0 {
                0.0
            } else {
                covariances[at] * (counts[at] as f64 / d / e)
            }
        };
        Ok(DailyMeans {
            n: fewest,
            means: means.to_vec(),
            covariances: (0..days * days).map(covariance).collect(),
        })
    }

    /// The logarithms of the means, with their covariances by the delta method, `s_de / (m_d m_e)`:
    /// what is compared is then relative, the logarithm of the ratio of the arms' means, and an
    /// effect that multiplies is the same on all days however the means fall.
    ///
    /// # Errors
    ///
    /// A mean that is not above zero.
    pub fn logarithms(&self) -> Result<Self, Unestimable> {
        let not_above_zero = self
            .means
            .iter()
            .find(|mean| mean.is_nan() || **mean <= 0.0);
        if let Some(&value) = not_above_zero {
            let what = "mean whose logarithm is taken";
            return Err(Unestimable::InvalidInput { what, value });
        }
        let days = self.means.len();
        let covariances = self.covariances.iter().enumerate();
        Ok(DailyMeans {
            n: self.n,
            means: self.means.iter().map(|mean| mean.ln()).collect(),
            covariances: covariances
                .map(|(at, s)| s / (self.means[at / days] * self.means[at % days]))
                .collect(),
        })
    }

    fn check(&self) -> Result<(), Unestimable> {
        for &mean in &self.means {
            check_finite("mean of a day", mean)?;
        }
        for &covariance in &self.covariances {
            check_finite("covariance of two days", covariance)?;
        }
        Ok(())
    }
}

/// On what scale of time an effect is taken to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pace {
    /// By the same amount every day.
    Linear,
    /// By the same amount every doubling: quickly at first, as novelty fades. The slope is
    /// per unit of `ln(day)`; day 1 is the first.
    Logarithmic,
}

/// What the days say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wear {
    /// The effect moves towards zero: novelty, or wear-out.
    Fading,
    /// The effect moves away from zero: learning, or habit.
    Growing,
    /// The effect changes, and no side of zero is clear from which it started.
    Changing,
    /// No change was found. It need not be absent: see the slope's interval.
    NoChangeFound,
}

impl std::fmt::Display for Wear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Wear::Fading => "the effect fades",
            Wear::Growing => "the effect grows",
            Wear::Changing => "the effect changes",
            Wear::NoChangeFound => "no change of the effect was found",
        })
    }
}

/// A quadratic form of estimates with its probability if they are all zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JointTest {
    /// Hotelling's statistic.
    pub statistic: f64,
    /// Dimensions tested.
    pub dimensions: usize,
    /// Its probability.
    pub probability: TailProbability,
}

/// Effects by day since exposure.
#[derive(Debug, Clone, PartialEq)]
pub struct WearAnalysis {
    /// Each day's means, for [`Contrast::lift`]. Their intervals do not hold together.
    pub days: Vec<Contrast>,
    /// Covariances of the daily effects, row after row.
    pub covariances: Vec<f64>,
    /// The line's effect at its start: day 1, or `ln(day) = 0`, which is the same.
    pub start: Estimate,
    /// The line's change by day or by unit of `ln(day)`.
    pub slope: Estimate,
    /// Of no change along the line.
    pub probability: TailProbability,
    /// Of all daily effects being equal, also off a line.
    pub constant: JointTest,
    /// Mean effect of the days after the first seven less that of the first seven; where
    /// there are such days.
    pub later_less_first_week: Option<Estimate>,
    /// What the slope says at the level.
    pub wear: Wear,
}

/// Share of its variance that a day's effect must have for itself, beyond the days before.
const DEPENDENT: f64 = 1e-9;

/// How the daily effects change, at confidence `1 - alpha`; `days` are the days since
/// exposure, from 1 on and ascending, to which the means belong.
///
/// With the daily effects D, their covariance V and the design X of a constant and the day
/// (less 1) or its logarithm, the line is `(X' V^-1 X)^-1 X' V^-1 D` with covariance
/// `(X' V^-1 X)^-1` (A. C. Aitken, Proceedings of the Royal Society of Edinburgh 55, 1936).
/// Equality of all K effects is Hotelling's test of their `K - 1` successive differences,
/// `F = T^2 (m - K + 2) / (m (K - 1))` with `m = min(n_t, n_c) - 1`, which is on the wide
/// side for two arms.
///
/// V is estimated, and so are the weights that minimise the line's variance. The line is
/// therefore taken as what it is, the plain one adjusted for the K - 2 contrasts of the days
/// that no line explains (C. R. Rao, Biometrika 52, 1965; J. E. Grizzle and D. M. Allen,
/// "Analysis of growth and dose response curves", Biometrics 25, 1969): Student's t with
/// `m - K + 2` degrees of freedom, and variances times `(m + R) / (m - K + 2)`, R being the
/// residual `(D - X b)' V^-1 (D - X b)`.
///
/// # Errors
///
/// Means of different numbers of days; fewer than two days, days below 1 or not ascending;
/// numbers that are not finite; no more customers in an arm than days; days whose effect
/// is certain or determined by the days before (named as covariate).
pub fn wear(
    days: &[u32],
    treated: &DailyMeans,
    control: &DailyMeans,
    pace: Pace,
    alpha: f64,
) -> Result<WearAnalysis, Unestimable> {
    check_alpha(alpha)?;
    let k = days.len();
    if treated.means.len() != k || control.means.len() != k {
        return Err(Unestimable::MismatchedCovariates);
    }
    treated.check()?;
    control.check()?;
    let ascending = days.is_sorted_by(|a, b| a < b) && days.first().is_some_and(|&day| day >= 1);
    if !ascending || k < 2 {
        return Err(Unestimable::InvalidInput {
            what: "number of ascending days",
            value: k as f64,
        });
    }
    for (arm, n) in [(Arm::Treated, treated.n), (Arm::Control, control.n)] {
        let needed = k as u64 + 1;
        if n < needed {
            return Err(Unestimable::TooFew { arm, n, needed });
        }
    }
    let m = (treated.n.min(control.n) - 1) as f64;
    let df = m - k as f64 + 2.0;
    let effects: Vec<f64> = (0..k)
        .map(|d| treated.means[d] - control.means[d])
        .collect();
    let covariances = treated.covariances.iter().zip(&control.covariances);
    let covariances: Vec<f64> = covariances.map(|(t, c)| t + c).collect();
    let factor = Cholesky::new(&covariances, k, DEPENDENT);
    if let Some(covariate) = (0..k).find(|day| !factor.kept.contains(day)) {
        return Err(Unestimable::DependentCovariates { covariate });
    }

    let time: Vec<f64> = days
        .iter()
        .map(|&day| match pace {
            Pace::Linear => f64::from(day) - 1.0,
            Pace::Logarithmic => f64::from(day).ln(),
        })
        .collect();
    let line = Line::fit(&factor, &time, &effects);
    let estimated = |estimate: f64, variance: f64| {
        change(estimate, variance * (m + line.residual) / df, df, alpha)
    };
    let start = estimated(line.start, line.start_variance)?;
    let slope = estimated(line.slope, line.slope_variance)?;
    let probability = tail::student_t_two_sided(slope.estimate / slope.se, df)
        .agreeing_with(slope.excludes_zero(), alpha);

    let split = days.partition_point(|&day| day <= FIRST_WEEK);
    let later_less_first_week = if split == 0 || split == k {
        None
    } else {
        let weight = |day: usize| {
            if day < split {
                -1.0 / split as f64
            } else {
                1.0 / (k - split) as f64
            }
        };
        let weights: Vec<f64> = (0..k).map(weight).collect();
        let rows = covariances.chunks(k).zip(&weights);
        let variance: f64 = rows.map(|(row, weight)| weight * dot(row, &weights)).sum();
        Some(change(dot(&weights, &effects), variance, m, alpha)?)
    };
    let of_day = |day: usize| Contrast {
        treated: treated.means[day],
        control: control.means[day],
        treated_variance: treated.covariances[day * k + day],
        control_variance: control.covariances[day * k + day],
        covariance: 0.0,
        df: m,
    };
    Ok(WearAnalysis {
        days: (0..k).map(of_day).collect(),
        constant: line.constancy(k, m),
        covariances,
        start,
        slope,
        probability,
        later_less_first_week,
        wear: interpret(&start, &slope),
    })
}

/// Days of the first week.
const FIRST_WEEK: u32 = 7;

fn change(estimate: f64, variance: f64, df: f64, alpha: f64) -> Result<Estimate, Unestimable> {
    check_variance("variance of a change", variance)?;
    Ok(Estimate::of(estimate, variance, df, alpha))
}

/// A line by generalized least squares.
struct Line {
    start: f64,
    slope: f64,
    start_variance: f64,
    slope_variance: f64,
    /// `(D - X b)' V^-1 (D - X b)`.
    residual: f64,
}

impl Line {
    fn fit(covariance: &Cholesky, time: &[f64], effects: &[f64]) -> Self {
        let ones = covariance.whiten(&vec![1.0; time.len()]);
        let time = covariance.whiten(time);
        let effects = covariance.whiten(effects);
        // Orthogonalised: time beyond the constant.
        let ones_squared = dot(&ones, &ones);
        let overlap = dot(&ones, &time) / ones_squared;
        let rest: Vec<f64> = time
            .iter()
            .zip(&ones)
            .map(|(t, o)| t - overlap * o)
            .collect();
        let rest_squared = dot(&rest, &rest);
        let slope = dot(&rest, &effects) / rest_squared;
        let level = dot(&ones, &effects) / ones_squared;
        let residual: f64 = (0..effects.len())
            .map(|d| effects[d] - level * ones[d] - slope * rest[d])
            .map(|residual| residual * residual)
            .sum();
        Line {
            start: level - overlap * slope,
            slope,
            start_variance: 1.0 / ones_squared + overlap * overlap / rest_squared,
            slope_variance: 1.0 / rest_squared,
            residual,
        }
    }

    /// Hotelling's test of the successive differences of k effects, whose quadratic form is
    /// what a constant leaves of the effects: the line's residual and what its slope takes.
    fn constancy(&self, k: usize, m: f64) -> JointTest {
        let statistic = self.residual + self.slope * self.slope / self.slope_variance;
        let dimensions = k - 1;
        let (p, rest) = (dimensions as f64, m - dimensions as f64 + 1.0);
        // T^2 (m - p + 1) / (m p) is F with p and m - p + 1 degrees of freedom.
        JointTest {
            statistic,
            dimensions,
            probability: tail::f_upper(statistic * rest / (m * p), p, rest),
        }
    }
}

fn interpret(start: &Estimate, slope: &Estimate) -> Wear {
    if !slope.excludes_zero() {
        Wear::NoChangeFound
    } else if !start.excludes_zero() {
        Wear::Changing
    } else if (start.estimate > 0.0) == (slope.estimate > 0.0) {
        Wear::Growing
    } else {
        Wear::Fading
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    /// Customers' values on some days: gamma-like amounts of a customer's own size, with a mean by day.
    fn of_customers(random: &mut SplitMix64, n: usize, means: &[f64]) -> DailyMeans {
        let rows: Vec<Vec<f64>> = (0..n)
            .map(|_| {
                let size = -random.uniform().ln();
                let values = means
                    .iter()
                    .map(|mean| -mean * size * random.uniform().ln());
                values.collect()
            })
            .collect();
        let k = means.len();
        let mean = |d: usize| rows.iter().map(|row| row[d]).sum::<f64>() / n as f64;
        let means: Vec<f64> = (0..k).map(mean).collect();
        let covariance = |at: usize| {
            let (d, e) = (at / k, at % k);
            let products = rows
                .iter()
                .map(|row| (row[d] - means[d]) * (row[e] - means[e]));
            products.sum::<f64>() / (n - 1) as f64
        };
        let covariances: Vec<f64> = (0..k * k).map(covariance).collect();
        DailyMeans::of_pairs(Arm::Treated, &means, &vec![n as u64; k * k], &covariances).unwrap()
    }

    /// An effect of 20 % that fades by a tenth of its logarithm a period, while all customers buy
    /// less and less: the line of the logarithms finds its slope, the one of differences does not.
    #[test]
    fn logarithms_tell_fading_from_falling_means() {
        const TRIALS: u64 = 200;
        let days: Vec<u32> = (1..=6).collect();
        let level = |day: u32| 10.0 * (-0.15 * f64::from(day)).exp();
        let mut covered = [0; 2];
        let mut absolute = 0;
        for seed in 0..TRIALS {
            let mut random = SplitMix64::new(seed);
            let control: Vec<f64> = days.iter().map(|&day| level(day)).collect();
            for (i, slope) in [0.0, -0.05].into_iter().enumerate() {
                let effect = |day: u32| 0.3 + slope * f64::from(day - 1);
                let treated: Vec<f64> = days
                    .iter()
                    .map(|&day| level(day) * effect(day).exp())
                    .collect();
                let treated = of_customers(&mut random, 1500, &treated);
                let control = of_customers(&mut random, 1500, &control);
                let logs = [&treated, &control].map(|arm| arm.logarithms().unwrap());
                let found = wear(&days, &logs[0], &logs[1], Pace::Linear, 0.05).unwrap();
                covered[i] += u32::from(found.slope.low <= slope && slope <= found.slope.high);
                if i == 0 {
                    let plain = wear(&days, &treated, &control, Pace::Linear, 0.05).unwrap();
                    absolute += u32::from(plain.wear == Wear::Fading);
                }
            }
        }
        println!("coverage {covered:?}, absolute effects that fade {absolute} of {TRIALS}");
        // A binomial of 200 at 0.95 leaves 178 to 199 less than once in 1,000.
        assert!(
            covered.iter().all(|covered| (178..=199).contains(covered)),
            "{covered:?}"
        );
        assert!(absolute > 100, "{absolute}");
    }

    #[test]
    fn a_mean_of_zero_has_no_logarithm() {
        let means = DailyMeans::of_pairs(Arm::Treated, &[1.0, 0.0], &[9; 4], &[1.0; 4]).unwrap();
        let error = means.logarithms().unwrap_err();
        assert!(matches!(error, Unestimable::InvalidInput { .. }), "{error}");
    }
}
