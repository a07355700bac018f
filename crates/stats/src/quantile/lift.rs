//! The effect on a quantile.

use super::cluster::ClusterIndicator;
use super::distribution::{Distribution, Quantile, Step};
use super::inversion::{Deviates, Joint, Ranks};
use super::{QuantileError, check_level};
use crate::adjust::{ArmMoments, adjusted};
use crate::error::{Arm, NotEstimable, Unestimable, check_alpha, check_finite};
use crate::lift::{Contrast, Estimate, Lift, Method, Relative, satterthwaite};
use crate::ratio::RatioMoments;
use crate::tail;

/// The quantile of one arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmQuantile {
    /// The quantile, with what the histogram's buckets leave open of it.
    pub quantile: Quantile,
    /// Lower confidence limit: an order statistic.
    pub low: f64,
    /// Upper confidence limit: an order statistic.
    pub high: f64,
    /// The level at which the arm's sample is read: that asked for, less the adjustment.
    pub level: f64,
    /// The number of independent values that tell as much about the quantile: the values
    /// over the design effect of clusters, more than the values where covariates help.
    pub effective_n: f64,
}

/// The effect on a quantile and the arms' quantiles.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantileLift {
    /// Treated minus control quantile. The standard error is that of
    /// [`Self::quantiles`]; interval and probability do not rest on it.
    pub lift: Lift,
    /// The quantiles as estimates with variances from the distance of their confidence
    /// limits ([`BoundedQuantile`](super::BoundedQuantile)), for combining them with others.
    pub quantiles: Contrast,
    /// The treated arm.
    pub treated: ArmQuantile,
    /// The control arm.
    pub control: ArmQuantile,
}

/// The effect on a quantile of independent values, one a customer, at confidence
/// `1 - alpha`.
///
/// The number of values below the true quantile is binomial whatever the distribution.
/// Each arm's binomial probability becomes a normal deviate z, and the test that the
/// quantiles differ by `d` takes the quantile most favourable to it,
///
/// `T(d) = min over x of z_t(x + d)^2 + z_c(x)^2`, chi-square with 1 degree of freedom
///
/// (the quantile test of M. R. Kosorok, "Two-sample quantile tests under general
/// conditions", Biometrika 86, 1999, without its density estimate; each arm alone gives
/// Woodruff's interval of order statistics). The interval holds every `d` with `T(d)`
/// below the critical value, the relative interval every `(q_t - q_c) / |q_c|` of the
/// same pairs of quantiles, and the probability is that of `T(0)`: **the three give one
/// verdict**. A deviate is that of a probability between those of fewer values below and of
/// as many or fewer, and a value of the sample has the deviates of both its sides, so that
/// ties, atoms and small samples err to the wide side: between equal arms of 8 values the
/// test of the median at 0.05 rejects in 0.02 of experiments, of 2000 in 0.046. Where a
/// quantile sits on an atom (a median of mostly zeros) the interval may be that single
/// point, rightly.
///
/// Over buckets, all of a bucket's values are taken as possible: the interval contains
/// that of the exact values, wider by at most the widths of the buckets at its ends, and
/// `p` is not below that of the exact values.
///
/// The relative effect is refused where the control's interval reaches zero.
///
/// # Errors
///
/// [`QuantileError`]: an empty arm, or one too small to bound the quantile: at alpha 0.05
/// a median needs 5 values and a 99th percentile 299.
///
/// ```
/// use stats::quantile::{Distribution, lift_of_quantiles};
///
/// let control = Distribution::of((0..200).map(f64::from));
/// let treated = Distribution::of((0..200).map(|x| f64::from(x) + 60.0));
/// let effect = lift_of_quantiles(&treated, &control, 0.5, 0.05)?.lift;
/// assert_eq!(effect.absolute.estimate, 60.0);
/// assert!(effect.absolute.excludes_zero() && effect.probability.p < 0.05);
/// # Ok::<(), stats::quantile::QuantileError>(())
/// ```
pub fn lift_of_quantiles(
    treated: &Distribution,
    control: &Distribution,
    level: f64,
    alpha: f64,
) -> Result<QuantileLift, QuantileError> {
    check_level(level)?;
    let ranks = |arm| Ranks::new(arm, level, Distribution::count(arm) as f64);
    let test = Test {
        treated: ranks(treated),
        control: ranks(control),
        joint: Joint { correlation: 0.0 },
        df: f64::INFINITY,
    };
    test.effect(alpha)
}

/// The effect on a quantile of events clustered in customers, such as the 90th percentile
/// of load times, at confidence `1 - alpha`: [`lift_of_quantiles`] with as many
/// independent events as tell as much, `events / design effect`
/// ([`ClusterIndicator::design_effect`]), and Student's t with the customers' degrees of
/// freedom in place of the normal distribution.
///
/// The variance of the share of events below the quantile is that of A. Deng, U. Knoblich
/// and J. Lu, "Applying the delta method in metric analytics", KDD 2018, section 4.2; its
/// use with order statistics is Woodruff's (1952).
///
/// # Errors
///
/// As [`lift_of_quantiles`] and [`ClusterIndicator::design_effect`].
pub fn lift_of_clustered_quantiles(
    treated: (&Distribution, &ClusterIndicator),
    control: (&Distribution, &ClusterIndicator),
    level: f64,
    alpha: f64,
) -> Result<QuantileLift, QuantileError> {
    check_level(level)?;
    let effective = |(events, customers): (&Distribution, &ClusterIndicator), arm| {
        Ok::<f64, QuantileError>(events.count() as f64 / customers.design_effect(arm)?)
    };
    let n_t = effective(treated, Arm::Treated)?;
    let n_c = effective(control, Arm::Control)?;
    let df = |(_, customers): (_, &ClusterIndicator)| (customers.customers() - 1) as f64;
    let test = Test {
        treated: Ranks::new(treated.0, level, n_t),
        control: Ranks::new(control.0, level, n_c),
        joint: Joint { correlation: 0.0 },
        df: satterthwaite(&[(1.0 / n_t, df(treated)), (1.0 / n_c, df(control))]),
    };
    test.effect(alpha)
}

/// The moments of the indicator `I(x <= q)` with covariates in both arms, `q` being each
/// arm's own quantile (or a value near it).
#[derive(Debug, Clone, Copy)]
pub enum Indicator<'a> {
    /// Of one value a customer: the indicator is the outcome.
    Customers {
        /// The treated arm.
        treated: &'a ArmMoments,
        /// The control arm.
        control: &'a ArmMoments,
    },
    /// Of events clustered in customers: the numerator counts a customer's events at or
    /// below `q`, the denominator all of them.
    Events {
        /// The treated arm.
        treated: &'a RatioMoments,
        /// The control arm.
        control: &'a RatioMoments,
    },
}

/// The effect on a quantile adjusted for covariates, at confidence `1 - alpha`: CUPED for
/// quantiles.
///
/// In each arm the indicator `I(x <= q)` is regressed on the covariates
/// ([`adjusted_lift`](crate::adjusted_lift)), which moves the share of values below `q`
/// by `b' (x - x_a)` and lowers its variance to v. An arm with, say, a share too many of
/// customers who had small values before is read at a level that much higher; its
/// deviates are those of `level (1 - level) / v` values; and the arms' deviates correlate
/// by their common centre. The interval is then that of [`lift_of_quantiles`]. To first
/// order this is the regression of the quantile's influence function (S. Firpo, N. Fortin
/// and T. Lemieux, "Unconditional quantile regressions", Econometrica 77, 2009).
///
/// # Errors
///
/// As [`lift_of_quantiles`] and [`adjusted_lift`](crate::adjusted_lift); an adjustment
/// that leaves no level.
pub fn adjusted_lift_of_quantiles(
    treated: &Distribution,
    control: &Distribution,
    indicator: Indicator<'_>,
    level: f64,
    alpha: f64,
) -> Result<QuantileLift, QuantileError> {
    check_level(level)?;
    check_alpha(alpha)?;
    let linearised;
    let (indicator_t, indicator_c) = match indicator {
        Indicator::Customers { treated, control } => (treated, control),
        Indicator::Events { treated, control } => {
            linearised = (
                treated.linearised(Arm::Treated, alpha)?,
                control.linearised(Arm::Control, alpha)?,
            );
            (&linearised.0, &linearised.1)
        }
    };
    let shares = adjusted(indicator_t, indicator_c, alpha, Method::Quantile)?;
    let means = shares.means;
    let levels = [
        level - (means.treated - indicator_t.mean),
        level - (means.control - indicator_c.mean),
    ];
    for level in levels {
        check_level(level)?;
    }
    let effective = |level: f64, variance: f64| {
        let n = level * (1.0 - level) / variance;
        if n > 0.0 && n.is_finite() {
            return Ok(n);
        }
        Err(Unestimable::InvalidInput {
            what: "variance of the share below the quantile",
            value: variance,
        })
    };
    let n_t = effective(levels[0], means.treated_variance)?;
    let n_c = effective(levels[1], means.control_variance)?;
    let test = Test {
        treated: Ranks::new(treated, levels[0], n_t),
        control: Ranks::new(control, levels[1], n_c),
        joint: Joint {
            // Short of 1 but for rounding: the residuals of the arms are independent.
            correlation: (means.covariance
                / (means.treated_variance.sqrt() * means.control_variance.sqrt()))
            .clamp(-0.999, 0.999),
        },
        df: shares.lift.absolute.df,
    };
    test.effect(alpha)
}

/// The joint test of both arms' quantiles.
struct Test<'a> {
    treated: Ranks<'a>,
    control: Ranks<'a>,
    joint: Joint,
    df: f64,
}

impl Test<'_> {
    fn effect(&self, alpha: f64) -> Result<QuantileLift, QuantileError> {
        check_alpha(alpha)?;
        let critical = tail::student_t_critical(alpha, self.df);
        let treated = ArmQuantile::new(Arm::Treated, &self.treated, critical)?;
        let control = ArmQuantile::new(Arm::Control, &self.control, critical)?;
        let quantiles = self.contrast(&treated, &control, critical)?;
        let difference = quantiles.treated - quantiles.control;
        let variance = quantiles.variance_of_difference();
        let region = self.region(critical);
        let absolute = Estimate {
            estimate: difference,
            se: variance.max(0.0).sqrt(),
            df: self.df,
            low: region.low,
            high: region.high,
        };
        let distance = self.least_squared_distance(critical).sqrt();
        let probability = tail::student_t_two_sided(distance, self.df)
            .agreeing_with(absolute.excludes_zero(), alpha);
        let lift = Lift {
            absolute,
            relative: region.relative(&quantiles),
            probability,
            statistic: distance.copysign(difference),
            method: Method::Quantile,
        };
        Ok(QuantileLift {
            lift,
            quantiles,
            treated,
            control,
        })
    }

    fn contrast(
        &self,
        treated: &ArmQuantile,
        control: &ArmQuantile,
        critical: f64,
    ) -> Result<Contrast, Unestimable> {
        // The limits are those of the effective number of values and of this critical
        // value, so that the variance needs no factor.
        let se = |arm: &ArmQuantile| {
            let distance = arm.high - arm.low;
            check_finite("distance of the quantile's bounds", distance)?;
            Ok::<f64, Unestimable>(distance / (2.0 * critical))
        };
        let (se_t, se_c) = (se(treated)?, se(control)?);
        Ok(Contrast {
            treated: treated.quantile.value,
            control: control.quantile.value,
            treated_variance: se_t * se_t,
            control_variance: se_c * se_c,
            covariance: self.joint.correlation * se_t * se_c,
            df: self.df,
        })
    }

    /// Every pair of quantiles that the test does not reject, by the differences and the
    /// ratios they span.
    fn region(&self, critical: f64) -> Region {
        let near = self.control.within(critical);
        let steps = &self.control.steps()[near];
        let deviates: Vec<Deviates> = steps.iter().map(|s| self.control.deviates_of(s)).collect();
        let mut region = Region::new(steps);
        for step in &self.treated.steps()[self.treated.within(critical)] {
            let own = self.treated.deviates_of(step);
            let Some((least, greatest)) = self.joint.partner(own, critical) else {
                continue;
            };
            let first = deviates.partition_point(|d| d.1 < least);
            let end = deviates.partition_point(|d| d.0 <= greatest);
            if first < end {
                region.extend(step, steps[first].low, steps[end - 1].high);
            }
        }
        region
    }

    /// `T(0)`: the least squared distance of a value that is the quantile of both arms.
    fn least_squared_distance(&self, critical: f64) -> f64 {
        let ends = |ranks: &Ranks<'_>| {
            let steps = &ranks.steps()[ranks.within(critical)];
            let (first, last) = (steps.first(), steps.last());
            (
                first.map_or(f64::INFINITY, |s| s.low),
                last.map_or(f64::NEG_INFINITY, |s| s.high),
            )
        };
        // Outside both arms' intervals and not between them it can only grow.
        let (t, c) = (ends(&self.treated), ends(&self.control));
        let (low, high) = (t.0.min(c.0), t.1.max(c.1));
        let mut least = f64::INFINITY;
        for ranks in [&self.treated, &self.control] {
            let steps = ranks.steps();
            let first = steps.partition_point(|s| s.high < low);
            let end = steps.partition_point(|s| s.low <= high);
            for step in &steps[first..end.max(first)] {
                let treated = self.treated.deviates_between(step.low, step.high);
                let control = self.control.deviates_between(step.low, step.high);
                least = least.min(self.joint.squared_distance(treated, control));
            }
        }
        least
    }
}

impl ArmQuantile {
    fn new(arm: Arm, ranks: &Ranks<'_>, critical: f64) -> Result<Self, QuantileError> {
        let n = ranks.distribution().count();
        let quantile = ranks.distribution().quantile(ranks.level());
        let quantile = quantile.ok_or(Unestimable::Empty { arm })?;
        if !ranks.reaches(critical) {
            return Err(QuantileError::OutOfReach { arm, n });
        }
        let near = &ranks.steps()[ranks.within(critical)];
        let limits = near.first().zip(near.last());
        let (first, last) = limits.ok_or(QuantileError::OutOfReach { arm, n })?;
        let finite = first.low.is_finite() && last.high.is_finite();
        if !(finite && quantile.value.is_finite()) {
            return Err(QuantileError::NotFinite { arm });
        }
        Ok(ArmQuantile {
            quantile,
            low: first.low,
            high: last.high,
            level: ranks.level(),
            effective_n: ranks.effective_n(),
        })
    }
}

/// Differences and relative differences of the quantiles not rejected.
struct Region {
    low: f64,
    high: f64,
    /// Limits of `(q_t - q_c) / |q_c|`.
    relative: (f64, f64),
    /// Whether all control quantiles lie on one side of zero.
    away_from_zero: bool,
}

impl Region {
    fn new(control: &[Step]) -> Self {
        let positive = control.first().is_some_and(|s| s.low > 0.0);
        let negative = control.last().is_some_and(|s| s.high < 0.0);
        Region {
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            relative: (f64::INFINITY, f64::NEG_INFINITY),
            away_from_zero: positive || negative,
        }
    }

    /// A treated step that goes with every control value of a range.
    fn extend(&mut self, treated: &Step, control_low: f64, control_high: f64) {
        self.low = self.low.min(treated.low - control_high);
        self.high = self.high.max(treated.high - control_low);
        for control in [control_low, control_high] {
            let least = (treated.low - control) / control.abs();
            let greatest = (treated.high - control) / control.abs();
            self.relative.0 = self.relative.0.min(least);
            self.relative.1 = self.relative.1.max(greatest);
        }
    }

    fn relative(&self, quantiles: &Contrast) -> Result<Relative, NotEstimable> {
        if quantiles.control == 0.0 {
            return Err(NotEstimable::ZeroBaseline);
        }
        if !self.away_from_zero {
            return Err(NotEstimable::BaselineReachesZero);
        }
        Ok(Relative {
            estimate: (quantiles.treated - quantiles.control) / quantiles.control.abs(),
            low: self.relative.0,
            high: self.relative.1,
        })
    }
}
