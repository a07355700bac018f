//! The effect of one arm against another, absolute and relative, from any two
//! estimates with their variances.

use std::fmt;

use crate::error::{
    NotEstimable, Unestimable, check_alpha, check_df, check_finite, check_variance,
};
use crate::fieller::Pair;
use crate::tail::{self, TailProbability};

/// An estimate with its standard error and its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The point estimate.
    pub estimate: f64,
    /// Its standard error.
    pub se: f64,
    /// Degrees of freedom of the standard error; infinite for a normal reference.
    pub df: f64,
    /// Lower confidence limit.
    pub low: f64,
    /// Upper confidence limit.
    pub high: f64,
}

impl Estimate {
    /// An estimate with its variance and the interval of Student's t at confidence
    /// `1 - alpha`.
    pub(crate) fn of(estimate: f64, variance: f64, df: f64, alpha: f64) -> Self {
        let se = variance.sqrt();
        let half_width = tail::student_t_critical(alpha, df) * se;
        Estimate {
            estimate,
            se,
            df,
            low: estimate - half_width,
            high: estimate + half_width,
        }
    }

    /// Whether the interval lies wholly on one side of zero.
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// An effect relative to the size of the control: `(treated - control) /
/// |control|`, so that its sign is that of the absolute effect whatever the sign
/// of the control.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Relative {
    /// The point estimate; 0.1 is ten per cent more.
    pub estimate: f64,
    /// Lower confidence limit.
    pub low: f64,
    /// Upper confidence limit.
    pub high: f64,
}

impl Relative {
    /// Whether the interval lies wholly on one side of zero.
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// The test behind an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// Welch's t test of two means.
    Welch,
    /// The score test of two shares, its probability added up over the tables.
    Score,
    /// Welch's t test of two ratios of means by the delta method.
    Ratio,
    /// Welch's t test of two means adjusted for covariates by a regression in
    /// each arm.
    Adjusted,
    /// The same of two ratios of means by the delta method.
    AdjustedRatio,
    /// Welch's t test of two means adjusted with one slope for both arms.
    Cuped,
    /// The test of ranks of two quantiles.
    Quantile,
    /// Yuen's t test of two trimmed means.
    Trimmed,
    /// Welch's t test of two post-stratified means.
    PostStratified,
    /// Welch's t test of the customers whom the treatment could reach, diluted to all.
    Diluted,
    /// A t test of two means of customers randomized in clusters, with a
    /// cluster-robust variance.
    Clustered,
    /// Dunnett's test of several arms against one control.
    Dunnett,
    /// Games and Howell's test of all pairs of arms.
    GamesHowell,
    /// Brunner and Munzel's test of ranks.
    BrunnerMunzel,
    /// Student's t test of two means that vary alike.
    Student,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Method::Welch => "Welch's t test",
            Method::Score => "unconditional score test of two shares",
            Method::Ratio => "delta-method t test of a ratio",
            Method::Adjusted => "regression-adjusted t test",
            Method::AdjustedRatio => "regression-adjusted delta-method t test of a ratio",
            Method::Cuped => "CUPED with one slope for both arms",
            Method::Quantile => "test of ranks of two quantiles",
            Method::Trimmed => "Yuen's t test of trimmed means",
            Method::PostStratified => "post-stratified t test",
            Method::Diluted => "diluted t test of triggered customers",
            Method::Clustered => "cluster-robust t test",
            Method::Dunnett => "Dunnett's test of many arms against one control",
            Method::GamesHowell => "Games and Howell's test of all pairs of arms",
            Method::BrunnerMunzel => "Brunner and Munzel's test of ranks",
            Method::Student => "Student's t test with a pooled variance",
        })
    }
}

/// The effect of the treated arm against the control arm.
///
/// The absolute interval, the relative interval (where there is one) and the
/// probability give one verdict: the intervals exclude zero exactly when
/// `probability.p < alpha`.
#[derive(Debug, Clone, PartialEq)]
pub struct Lift {
    /// Treated minus control.
    pub absolute: Estimate,
    /// Treated over control, minus one; see [`Relative`] for negative controls.
    pub relative: Result<Relative, NotEstimable>,
    /// Two-sided probability of an effect at least this large when there is none.
    pub probability: TailProbability,
    /// The test statistic: t, or the score statistic.
    pub statistic: f64,
    /// The test.
    pub method: Method,
}

/// Two estimates to compare: their values, the variances and the covariance of
/// the estimates (not of the observations), and the degrees of freedom of the
/// difference.
///
/// Means, ratios and adjusted means all become a `Contrast`; so does any other
/// pair of asymptotically normal estimates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// The treated arm's value.
    pub treated: f64,
    /// The control arm's value.
    pub control: f64,
    /// Variance of the treated value.
    pub treated_variance: f64,
    /// Variance of the control value.
    pub control_variance: f64,
    /// Covariance of the two values; zero for independent arms.
    pub covariance: f64,
    /// Degrees of freedom of the variance of the difference.
    pub df: f64,
}

impl Contrast {
    /// Tests the difference and inverts the test into intervals of the absolute
    /// and of the relative effect at confidence `1 - alpha`.
    ///
    /// * absolute: `d = treated - control`, `se^2 = v_t + v_c - 2 cov`,
    ///   `t = d / se` against Student's t with `df` degrees of freedom,
    ///   `d +- c se` with `c` its two-sided critical value;
    /// * relative: Fieller's set with the same `c` and `df`,
    ///   `{rho: |d - rho control| <= c se(d - rho control)}`, which at
    ///   `rho = 0` is the absolute test. It is refused when the control is not
    ///   clearly away from zero.
    ///
    /// Without any variance, equal values are no effect with certainty (`p = 1`)
    /// and different values are [`Unestimable::NoVariation`].
    pub fn lift(&self, alpha: f64, method: Method) -> Result<Lift, Unestimable> {
        check_alpha(alpha)?;
        let critical = tail::student_t_critical(alpha, self.df);
        let two_sided = |t| tail::student_t_two_sided(t, self.df);
        self.lift_against(alpha, critical, two_sided, method)
    }

    /// The same against another distribution of t than Student's, as in a
    /// simultaneous or a sequential test: its critical value at the level alpha, in
    /// standard errors, and its two-sided probability. Where the two belong together
    /// (`two_sided(critical) = alpha`), all that [`Contrast::lift`] promises holds;
    /// the absolute and the relative interval agree in any case, and the probability
    /// is kept on their side of alpha. An infinite critical value, of a look at which
    /// nothing can be decided, gives an unbounded interval.
    ///
    /// # Errors
    ///
    /// As [`Contrast::lift`], and a critical value that is negative or not a number.
    pub fn lift_against(
        &self,
        alpha: f64,
        critical: f64,
        two_sided: impl Fn(f64) -> TailProbability,
        method: Method,
    ) -> Result<Lift, Unestimable> {
        check_alpha(alpha)?;
        check_finite("treated value", self.treated)?;
        check_finite("control value", self.control)?;
        check_variance("variance of the treated value", self.treated_variance)?;
        check_variance("variance of the control value", self.control_variance)?;
        check_finite("covariance", self.covariance)?;
        check_df(self.df)?;
        if critical.is_nan() || critical < 0.0 {
            return Err(Unestimable::InvalidInput {
                what: "critical value",
                value: critical,
            });
        }
        let difference = self.treated - self.control;
        let variance = self.variance_of_difference();
        check_variance("variance of the difference", variance)?;
        if variance == 0.0 && difference != 0.0 {
            return Err(Unestimable::NoVariation { difference });
        }
        let se = variance.sqrt();
        let statistic = if se == 0.0 { 0.0 } else { difference / se };
        let half_width = if se == 0.0 { 0.0 } else { critical * se };
        let absolute = Estimate {
            estimate: difference,
            se,
            df: self.df,
            low: difference - half_width,
            high: difference + half_width,
        };
        let probability = two_sided(statistic).agreeing_with(absolute.excludes_zero(), alpha);
        Ok(Lift {
            absolute,
            relative: self.relative(variance, critical),
            probability,
            statistic,
            method,
        })
    }

    /// The variance of `treated - control`.
    pub fn variance_of_difference(&self) -> f64 {
        self.treated_variance + self.control_variance - 2.0 * self.covariance
    }

    /// Student's two-sided probability of the difference: of two constants 1 where they are
    /// the same and 0 where they are not.
    pub(crate) fn probability_of_difference(&self) -> TailProbability {
        let difference = self.treated - self.control;
        let variance = self.variance_of_difference();
        let t = if difference == 0.0 {
            0.0
        } else {
            difference / variance.sqrt()
        };
        tail::student_t_two_sided(t, self.df)
    }

    /// Fieller's interval of the difference over the control, turned so that its
    /// sign is that of the difference.
    fn relative(&self, variance: f64, critical: f64) -> Result<Relative, NotEstimable> {
        let ratio = Pair {
            numerator: self.treated - self.control,
            denominator: self.control,
            numerator_variance: variance,
            denominator_variance: self.control_variance,
            covariance: self.covariance - self.control_variance,
        }
        .interval(critical)?;
        Ok(if self.control > 0.0 {
            Relative {
                estimate: ratio.estimate,
                low: ratio.low,
                high: ratio.high,
            }
        } else {
            Relative {
                estimate: -ratio.estimate,
                low: -ratio.high,
                high: -ratio.low,
            }
        })
    }
}

/// The value of a metric in one arm with the variance of that value, independent of the
/// other arms: a mean, a ratio, a trimmed mean, a mean adjusted inside the arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmEstimate {
    /// The value.
    pub value: f64,
    /// Its variance (of the value, not of the observations).
    pub variance: f64,
    /// Degrees of freedom of the variance.
    pub df: f64,
}

impl ArmEstimate {
    /// Two independent estimates, with the Welch-Satterthwaite degrees of freedom of
    /// their difference.
    pub(crate) fn against(&self, control: &Self) -> Contrast {
        Contrast {
            treated: self.value,
            control: control.value,
            treated_variance: self.variance,
            control_variance: control.variance,
            covariance: 0.0,
            df: satterthwaite(&[(self.variance, self.df), (control.variance, control.df)]),
        }
    }
}

/// Degrees of freedom of a sum of independent variances, each with its own degrees
/// of freedom, after Welch (1947) and Satterthwaite (1946):
/// `(sum v)^2 / sum(v^2 / df)`, which is never below the fewest of them. `parts` are
/// variances with their degrees of freedom. Infinite when nothing varies.
///
/// ```
/// // Nearly all that varies has 1,000 degrees of freedom.
/// let df = stats::satterthwaite(&[(81.0, 1000.0), (1.0, 4.0)]);
/// assert!((df - 82.0_f64.powi(2) / (81.0_f64.powi(2) / 1000.0 + 0.25)).abs() < 1e-9);
/// ```
pub fn satterthwaite(parts: &[(f64, f64)]) -> f64 {
    let total: f64 = parts.iter().map(|(variance, _)| variance).sum();
    if total == 0.0 {
        return f64::INFINITY;
    }
    let share = |variance: f64| variance / total;
    1.0 / parts
        .iter()
        .map(|&(variance, df)| share(variance) * share(variance) / df)
        .sum::<f64>()
}

/// How sure it is that an effect exceeds a threshold: `P(T < (estimate -
/// threshold) / se)` with `T` Student's t with `df` degrees of freedom.
///
/// This is the confidence distribution of the effect (Xie and Singh 2013), and the
/// posterior probability under a flat prior. With `se = 0` it is 1 or 0, and one
/// half on the threshold itself.
///
/// ```
/// // An effect of two standard errors, against nothing at all.
/// let p = stats::probability_above(0.2, 0.1, f64::INFINITY, 0.0);
/// assert!((p.p - 0.977249868051821).abs() < 1e-14);
/// ```
pub fn probability_above(estimate: f64, se: f64, df: f64, threshold: f64) -> TailProbability {
    let distance = threshold - estimate;
    let t = if se > 0.0 {
        distance / se
    } else if distance == 0.0 {
        0.0
    } else {
        f64::INFINITY.copysign(distance)
    };
    tail::student_t_upper(t, df)
}
