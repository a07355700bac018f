//! Means of heavy-tailed values: capped and trimmed.
//!
//! A few customers can carry most of the money and nearly all of its variance. Two
//! answers, with two estimands:
//!
//! * **capped** (winsorized): the mean of `min(x, cap)`, with one cap for both arms from
//!   their pooled values ([`CapThresholds`]). Given the cap it is a mean like any other:
//!   [`lift_of_means`](crate::lift_of_means) of the capped values. What the cap took from
//!   each arm belongs beside it ([`CapReport`]): if it took more from one arm, it took a
//!   part of the effect.
//! * **trimmed**: the mean of the customers between two quantiles of their arm
//!   ([`lift_of_trimmed_means`]), on which the values left out have no influence.
//!
//! Neither is the mean, and where the effect is on the largest customers both miss it.
//! A Huber estimate is not offered: its weights need a pass for each iteration, and for
//! these data it is close to the trimmed mean.

use crate::error::{Arm, Unestimable, check_finite, check_variance};
use crate::lift::{ArmEstimate, Contrast, Lift, Method};
use crate::mean::Sample;
use crate::quantile::{Distribution, Quantile};

/// Which values the level of a cap counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapOver {
    /// All values: of mostly zeros, a high quantile may be a common purchase.
    All,
    /// All but zeros.
    Nonzero,
}

/// The values outside which a metric is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CapThresholds {
    /// Values below become this.
    pub lower: Option<f64>,
    /// Values above become this.
    pub upper: Option<f64>,
}

impl CapThresholds {
    /// Quantiles of the pooled values of all arms, so that no arm's cap depends on its
    /// effect alone. `None` for a tail that is not to be cut; `None` as result if there is
    /// no value to take a quantile of, or a level is outside `[0, 1]`.
    ///
    /// From a histogram, a threshold is as sure as its bucket, within 0.4 %; the same
    /// threshold is then used for all arms and in full, so that nothing else becomes
    /// uncertain.
    pub fn pooled(
        values: &Distribution,
        lower_level: Option<f64>,
        upper_level: Option<f64>,
        over: CapOver,
    ) -> Option<Self> {
        let nonzero;
        let values = match over {
            CapOver::All => values,
            CapOver::Nonzero => {
                nonzero = values.without_zeros();
                &nonzero
            }
        };
        let threshold = |level: Option<f64>| match level {
            None => Some(None),
            Some(level) => values.quantile(level).map(|q: Quantile| Some(q.value)),
        };
        Some(CapThresholds {
            lower: threshold(lower_level)?,
            upper: threshold(upper_level)?,
        })
    }

    /// The value that stands for `x`.
    ///
    /// ```
    /// use stats::robust::CapThresholds;
    ///
    /// let cap = CapThresholds { lower: None, upper: Some(100.0) };
    /// assert_eq!((cap.apply(7.0), cap.apply(250.0)), (7.0, 100.0));
    /// ```
    pub fn apply(&self, x: f64) -> f64 {
        let x = self
            .lower
            .map_or(x, |lower| if x < lower { lower } else { x });
        self.upper
            .map_or(x, |upper| if x > upper { upper } else { x })
    }
}

/// What a cap cut from one arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CapReport {
    /// Customers whose value was cut.
    pub customers: u64,
    /// Their share of the arm's customers.
    pub share: f64,
    /// Sum taken away: raw less capped. Negative when more was added below than cut above.
    pub sum: f64,
    /// That sum over the arm's sum before the cap; NaN if that is zero.
    pub share_of_sum: f64,
}

impl CapReport {
    /// From the arm's values before and after the cap, and the number that it changed.
    ///
    /// # Errors
    ///
    /// An empty arm, samples of different sizes, more customers cut than there are, or a
    /// mean that is not finite.
    pub fn new(
        arm: Arm,
        raw: &Sample,
        capped: &Sample,
        customers: u64,
    ) -> Result<Self, Unestimable> {
        let n = raw.n;
        if n == 0 {
            return Err(Unestimable::Empty { arm });
        }
        if capped.n != n || customers > n {
            return Err(Unestimable::InvalidCounts {
                arm,
                successes: customers.max(capped.n),
                n,
            });
        }
        check_finite("mean", raw.mean)?;
        check_finite("capped mean", capped.mean)?;
        Ok(CapReport {
            customers,
            share: customers as f64 / n as f64,
            sum: (raw.mean - capped.mean) * n as f64,
            share_of_sum: (raw.mean - capped.mean) / raw.mean,
        })
    }
}

/// Shares of an arm's values to leave out of a trimmed mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trim {
    /// Of the smallest values; 0 for values that cannot be too small.
    pub lower: f64,
    /// Of the largest values.
    pub upper: f64,
}

impl Trim {
    /// The numbers of values left out below and above, rounded down, of n.
    fn counts(&self, n: u64) -> (u64, u64) {
        let count = |share: f64| (share * n as f64) as u64;
        (count(self.lower), count(self.upper))
    }

    /// Refuses shares that are none, or leave nothing.
    fn check(&self) -> Result<(), Unestimable> {
        for share in [self.lower, self.upper, self.lower + self.upper] {
            if !(0.0..1.0).contains(&share) {
                return Err(Unestimable::InvalidInput {
                    what: "trimmed share",
                    value: share,
                });
            }
        }
        Ok(())
    }

    /// The order statistics between which values are kept in full: the smallest and the
    /// largest value that are not left out. `None` without values or for shares that leave
    /// none. From buckets they are only as sure as these; refine the buckets they lie in.
    pub fn bounds(&self, values: &Distribution) -> Option<(f64, f64)> {
        self.check().ok()?;
        let n = values.count();
        let (below, above) = self.counts(n);
        let value = |before: u64| Some(values.order_statistic(before)?.middle());
        (n > below + above).then(|| Some((value(below)?, value(n - 1 - above)?)))?
    }
}

/// What a trimmed mean needs to know of one arm: the order statistics that bound it,
/// and the values by where they lie. [`Trim::bounds`] gives the order statistics from a
/// first pass; counts and moments are from a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrimmedMoments {
    /// The smallest value not left out.
    pub low: f64,
    /// The largest value not left out.
    pub high: f64,
    /// Values at or below `low`.
    pub upto_low: u64,
    /// Values at or above `high`, of those not counted in `upto_low`.
    pub from_high: u64,
    /// Values strictly between; of none or one the variance is not looked at.
    pub between: Sample,
}

impl TrimmedMoments {
    /// Splits values in memory; `None` where there is nothing to keep.
    pub fn of(values: &[f64], trim: Trim) -> Option<Self> {
        let (low, high) = trim.bounds(&Distribution::of(values.iter().copied()))?;
        let between = || values.iter().filter(|x| low < **x && **x < high);
        let n = between().count();
        let mean = between().sum::<f64>() / n.max(1) as f64;
        let squares: f64 = between().map(|x| (x - mean) * (x - mean)).sum();
        Some(TrimmedMoments {
            low,
            high,
            upto_low: values.iter().filter(|x| **x <= low).count() as u64,
            from_high: values.iter().filter(|x| **x >= high && **x > low).count() as u64,
            between: Sample {
                n: n as u64,
                mean,
                variance: squares / n.saturating_sub(1).max(1) as f64,
            },
        })
    }

    /// Number of values, with those left out.
    fn n(&self) -> u64 {
        self.upto_low
            .saturating_add(self.between.n)
            .saturating_add(self.from_high)
    }

    /// Mean and sum of squares about it when so many values are at `low` and at `high`.
    fn pooled(&self, at_low: f64, at_high: f64) -> (f64, f64) {
        let inside = self.between;
        let m = inside.n as f64;
        let n = at_low + at_high + m;
        // About the middle value, which is finite and near.
        let origin = if inside.n > 0 { inside.mean } else { self.low };
        let (low, high) = (self.low - origin, self.high - origin);
        let shift = (at_low * low + at_high * high) / n;
        let within = if inside.n > 1 {
            (m - 1.0) * inside.variance
        } else {
            0.0
        };
        let squares = within + at_low * low * low + at_high * high * high - n * shift * shift;
        (origin + shift, squares.max(0.0))
    }

    /// The trimmed mean and the variance it has.
    fn trimmed(&self, arm: Arm, trim: Trim) -> Result<ArmEstimate, Unestimable> {
        let n = self.n();
        if n == 0 {
            return Err(Unestimable::Empty { arm });
        }
        let (below, above) = trim.counts(n);
        let kept = n.saturating_sub(below).saturating_sub(above);
        if kept < 2 {
            let needed = n - kept + 2;
            return Err(Unestimable::TooFew { arm, n, needed });
        }
        check_finite("lower bound of the trimmed mean", self.low)?;
        check_finite("upper bound of the trimmed mean", self.high)?;
        if self.between.n > 0 {
            check_finite("mean", self.between.mean)?;
        }
        if self.between.n > 1 {
            check_variance("variance", self.between.variance)?;
        }
        let (h, df) = (kept as f64, (kept - 1) as f64);
        if self.low == self.high {
            return Ok(ArmEstimate {
                value: self.low,
                variance: 0.0,
                df,
            });
        }
        let at_low = self.upto_low.checked_sub(below);
        let at_high = self.from_high.checked_sub(above);
        let Some((at_low, at_high)) = at_low.zip(at_high) else {
            return Err(Unestimable::InvalidCounts {
                arm,
                successes: below + above,
                n,
            });
        };
        let (mean, _) = self.pooled(at_low as f64, at_high as f64);
        let (_, squares) = self.pooled(self.upto_low as f64, self.from_high as f64);
        Ok(ArmEstimate {
            value: mean,
            variance: squares / (h * df),
            df,
        })
    }
}

/// Two trimmed means as a contrast: see [`lift_of_trimmed_means`].
///
/// # Errors
///
/// As [`lift_of_trimmed_means`].
pub fn contrast_of_trimmed_means(
    treated: &TrimmedMoments,
    control: &TrimmedMoments,
    trim: Trim,
) -> Result<Contrast, Unestimable> {
    trim.check()?;
    let treated = treated.trimmed(Arm::Treated, trim)?;
    let control = control.trimmed(Arm::Control, trim)?;
    Ok(treated.against(&control))
}

/// The effect on a trimmed mean at confidence `1 - alpha`, by the test of K. K. Yuen, "The
/// two-sample trimmed t for unequal population variances", Biometrika 61 (1974).
///
/// Of an arm of n values, `g = floor(share n)` are left out at each end and h kept. The
/// trimmed mean is the mean of those kept; its variance is `(n - 1) s_w^2 / (h (h - 1))`,
/// `s_w^2` being the variance of all n with those left out set to the nearest value kept;
/// it has `h - 1` degrees of freedom, combined as Welch's. Without trimming this is
/// Welch's test.
///
/// The estimand is the mean between two quantiles of each arm. For skewed values it is not
/// the mean, but it is the same in both arms when the distributions are.
///
/// # Errors
///
/// Shares that leave nothing; an arm of which fewer than two values are kept; fewer values
/// at a bound than are left out there; numbers that are not finite; two constant arms.
///
/// ```
/// use stats::robust::{Trim, TrimmedMoments, lift_of_trimmed_means};
///
/// let trim = Trim { lower: 0.2, upper: 0.2 };
/// let arm = |values: &[f64]| TrimmedMoments::of(values, trim).unwrap();
/// let control = arm(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 1000.0]);
/// let treated = arm(&[3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0]);
/// let lift = lift_of_trimmed_means(&treated, &control, trim, 0.05)?;
/// assert_eq!(lift.absolute.estimate, 2.0);
/// # Ok::<(), stats::Unestimable>(())
/// ```
pub fn lift_of_trimmed_means(
    treated: &TrimmedMoments,
    control: &TrimmedMoments,
    trim: Trim,
    alpha: f64,
) -> Result<Lift, Unestimable> {
    contrast_of_trimmed_means(treated, control, trim)?.lift(alpha, Method::Trimmed)
}
