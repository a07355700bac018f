//! Two means.

use crate::error::{Arm, Unestimable, check_alpha, check_finite, check_variance};
use crate::lift::{ArmEstimate, Contrast, Estimate, Lift, Method};

/// What a test of means needs to know of one arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Number of observations.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Their variance, with divisor `n - 1`.
    pub variance: f64,
}

impl Sample {
    /// Refuses a sample from which no standard error can be computed.
    pub(crate) fn check(&self, arm: Arm) -> Result<(), Unestimable> {
        if self.n == 0 {
            return Err(Unestimable::Empty { arm });
        }
        if self.n == 1 {
            return Err(Unestimable::TooFew {
                arm,
                n: 1,
                needed: 2,
            });
        }
        check_finite("mean", self.mean)?;
        check_variance("variance", self.variance)
    }

    /// The observations of two samples as one (Chan, Golub and LeVeque 1979); a sample of
    /// nobody adds nothing, whatever its mean.
    pub(crate) fn merged(&self, other: &Self) -> Self {
        if other.n == 0 {
            return *self;
        }
        if self.n == 0 {
            return *other;
        }
        let (n_a, n_b) = (self.n as f64, other.n as f64);
        let apart = other.mean - self.mean;
        let squares = |sample: &Sample| {
            if sample.n > 1 {
                (sample.n - 1) as f64 * sample.variance
            } else {
                0.0
            }
        };
        let between = apart * apart * n_a * (n_b / (n_a + n_b));
        Sample {
            n: self.n.saturating_add(other.n),
            mean: self.mean + apart * (n_b / (n_a + n_b)),
            variance: (squares(self) + squares(other) + between) / (n_a + n_b - 1.0),
        }
    }

    /// The mean of one arm with its confidence interval: `mean +- c sqrt(variance / n)`, c
    /// the critical value of Student's t with n - 1 degrees of freedom.
    ///
    /// Intervals of two arms are not to be compared with one another: they overlap in many
    /// a case in which the difference, whose interval [`lift_of_means`] gives, is clear.
    ///
    /// # Errors
    ///
    /// Fewer than two observations, a number that is not finite, a level outside (0, 1).
    ///
    /// ```
    /// let control = stats::Sample { n: 1000, mean: 20.0, variance: 400.0 };
    /// let mean = control.interval_of_mean(0.05)?;
    /// assert!(mean.low > 18.75 && mean.high < 21.25);
    /// # Ok::<(), stats::Unestimable>(())
    /// ```
    pub fn interval_of_mean(&self, alpha: f64) -> Result<Estimate, Unestimable> {
        check_alpha(alpha)?;
        if self.n < 2 {
            return Err(Unestimable::InvalidInput {
                what: "number of observations",
                value: self.n as f64,
            });
        }
        check_finite("mean", self.mean)?;
        check_variance("variance", self.variance)?;
        let variance = self.variance / self.n as f64;
        Ok(Estimate::of(
            self.mean,
            variance,
            (self.n - 1) as f64,
            alpha,
        ))
    }
}

/// The effect on a mean, by Welch's t test at confidence `1 - alpha`.
///
/// `t = (m_t - m_c) / sqrt(v_t / n_t + v_c / n_c)` against Student's t with the
/// Welch-Satterthwaite degrees of freedom; see [`Contrast::lift`] for the
/// intervals. B. L. Welch, Biometrika 34 (1947).
///
/// One constant arm is no obstacle. Two constant arms are: see
/// [`Unestimable::NoVariation`].
///
/// # Errors
///
/// An arm with fewer than two observations, a number that is not finite, or two
/// different constant arms.
///
/// ```
/// use stats::{Sample, lift_of_means};
///
/// let control = Sample { n: 1000, mean: 20.0, variance: 400.0 };
/// let treated = Sample { n: 1000, mean: 22.0, variance: 400.0 };
/// let lift = lift_of_means(&treated, &control, 0.05).unwrap();
/// assert!((lift.absolute.estimate - 2.0).abs() < 1e-12);
/// assert!((lift.relative.unwrap().estimate - 0.1).abs() < 1e-12);
/// assert!(lift.probability.p < 0.05);
/// ```
pub fn lift_of_means(treated: &Sample, control: &Sample, alpha: f64) -> Result<Lift, Unestimable> {
    lift_of_samples(treated, control, alpha, Method::Welch)
}

/// Welch's test under the name of what the samples stand for.
pub(crate) fn lift_of_samples(
    treated: &Sample,
    control: &Sample,
    alpha: f64,
    method: Method,
) -> Result<Lift, Unestimable> {
    Contrast::of_means(treated, control)?.lift(alpha, method)
}

impl ArmEstimate {
    /// The mean of a sample.
    ///
    /// # Errors
    ///
    /// Fewer than two observations, or numbers that are not finite; `arm` is named in the
    /// reason.
    pub fn of_mean(sample: &Sample, arm: Arm) -> Result<Self, Unestimable> {
        sample.check(arm)?;
        Ok(ArmEstimate {
            value: sample.mean,
            variance: sample.variance / sample.n as f64,
            df: (sample.n - 1) as f64,
        })
    }
}

impl Contrast {
    /// Two independent means, with the Welch-Satterthwaite degrees of freedom of
    /// their difference.
    ///
    /// # Errors
    ///
    /// An arm with fewer than two observations, or a number that is not finite.
    pub fn of_means(treated: &Sample, control: &Sample) -> Result<Self, Unestimable> {
        let treated = ArmEstimate::of_mean(treated, Arm::Treated)?;
        let control = ArmEstimate::of_mean(control, Arm::Control)?;
        Ok(treated.against(&control))
    }

    /// Two independent means that are taken to vary alike, with the pooled variance `[(n_t
    /// - 1) v_t + (n_c - 1) v_c] / (n_t + n_c - 2)` of Student's test.
    ///
    /// For an assumption that was made before: it gains nothing in large arms of equal
    /// size, a little in tiny ones, and where the smaller of two uneven arms varies more it
    /// raises several times as many false alarms as promised. [`Contrast::of_means`]
    /// assumes nothing.
    ///
    /// # Errors
    ///
    /// As [`Contrast::of_means`].
    pub fn of_means_that_vary_alike(
        treated: &Sample,
        control: &Sample,
    ) -> Result<Self, Unestimable> {
        let means = Self::of_means(treated, control)?;
        let (df_t, df_c) = ((treated.n - 1) as f64, (control.n - 1) as f64);
        let df = df_t + df_c;
        let pooled = treated.variance * (df_t / df) + control.variance * (df_c / df);
        Ok(Contrast {
            treated_variance: pooled / treated.n as f64,
            control_variance: pooled / control.n as f64,
            df,
            ..means
        })
    }
}
