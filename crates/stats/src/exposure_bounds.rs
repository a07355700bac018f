//! What an effect can be when some customers cannot be counted: those seen in several
//! arms, or whose outcome is missing.
//!
//! * [`ExclusionBias`]: how leaving out customers seen in several arms shifts the arms;
//! * [`worst_case_bounds`]: the effect on everybody, whatever the uncounted did;
//! * [`lee_bounds`]: the effect on those whose outcome would be known in either arm.

use crate::error::{Arm, Unestimable, check_alpha, check_finite, check_variance};
use crate::mean::{Sample, lift_of_means};
use crate::share::Counts;
use crate::{root, tail};

/// What remains in each arm after customers seen in several arms are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct ExclusionBias {
    /// Estimated share of customers who are drawn twice (two devices, two ids) and so
    /// may be seen in two arms.
    pub drawn_twice: f64,
    /// Their share among the customers who remain, in each arm.
    pub remaining: Vec<f64>,
}

impl ExclusionBias {
    /// From the planned shares of the arms and the share of all customers who were
    /// seen in several arms.
    ///
    /// Who is drawn twice, independently, is in one arm only with probability `sum
    /// p_a^2`, and in arm a alone with `p_a^2`. So the share q of those drawn twice is
    /// the share seen in several arms over `1 - sum p_a^2` (at most one), and of those
    /// who remain in arm a they are `q p_a / (1 - q + q p_a)`: the same in all arms of
    /// one size, and fewer in a smaller arm.
    ///
    /// # Errors
    ///
    /// A weight that is negative or not finite, fewer than two positive weights, or a
    /// share outside 0 to 1.
    ///
    /// ```
    /// use stats::exposure_bounds::ExclusionBias;
    ///
    /// // A holdout of 10 %, and 2 % of customers in both arms.
    /// let bias = ExclusionBias::new(&[0.9, 0.1], 0.02).unwrap();
    /// // Those drawn twice spend 30 more than the others: an effect of nothing looks like
    /// let effect = bias.of_difference(0, 1, 30.0).unwrap();
    /// assert!(effect > 2.5 && effect < 3.0);
    /// ```
    pub fn new(weights: &[f64], in_several: f64) -> Result<Self, Unestimable> {
        let total: f64 = weights.iter().sum();
        let mut together: f64 = 0.0;
        for &weight in weights {
            check_variance("weight", weight)?;
            together += (weight / total).powi(2);
        }
        if together.is_nan() || together >= 1.0 {
            return Err(Unestimable::InvalidInput {
                what: "probability of two draws in one arm",
                value: together,
            });
        }
        if !(0.0..=1.0).contains(&in_several) {
            return Err(Unestimable::InvalidInput {
                what: "share of customers in several arms",
                value: in_several,
            });
        }
        let q = (in_several / (1.0 - together)).min(1.0);
        let remains = |weight: &f64| {
            let twice = q * (weight / total);
            if twice > 0.0 {
                twice / (1.0 - q + twice)
            } else {
                0.0
            }
        };
        Ok(ExclusionBias {
            drawn_twice: q,
            remaining: weights.iter().map(remains).collect(),
        })
    }

    /// The bias of the effect of `arm` against `against` when customers drawn twice
    /// have outcomes larger by `difference` than the others' (an active customer has
    /// more devices). None when there is no such arm.
    pub fn of_difference(&self, arm: usize, against: usize, difference: f64) -> Option<f64> {
        let imbalance = self.remaining.get(arm)? - self.remaining.get(against)?;
        Some(imbalance * difference)
    }
}

/// Limits of an effect that the data do not pin down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Estimate of the smallest possible effect.
    pub low: f64,
    /// Estimate of the largest possible effect.
    pub high: f64,
    /// Lower end of an interval that covers the effect, wherever it lies between the
    /// limits, with confidence `1 - alpha`.
    pub interval_low: f64,
    /// Upper end of it.
    pub interval_high: f64,
}

impl Bounds {
    /// Whether the interval lies wholly on one side of zero: no assumption about the
    /// uncounted could explain the effect away.
    pub fn excludes_zero(&self) -> bool {
        self.interval_low > 0.0 || self.interval_high < 0.0
    }

    /// The interval of G. W. Imbens and C. F. Manski, Econometrica 72 (2004): `low - c
    /// se_low` to `high + c se_high` with `Phi(c + (high - low) / max se) - Phi(-c) = 1
    /// - alpha`, two-sided where the limits meet and one-sided where they are far apart.
    fn new((low, se_low): (f64, f64), (high, se_high): (f64, f64), alpha: f64) -> Self {
        let largest = se_low.max(se_high);
        let critical = if largest > 0.0 {
            let apart = (high - low).max(0.0) / largest;
            root::bracketed(
                |c| alpha - tail::normal_cdf(-c) - tail::normal_cdf(-c - apart),
                0.0,
                tail::student_t_critical(alpha, f64::INFINITY) + 1e-9,
            )
        } else {
            0.0
        };
        Bounds {
            low,
            high,
            interval_low: low - critical * se_low,
            interval_high: high + critical * se_high,
        }
    }
}

/// One arm, of which some customers' outcomes are not known or not to be used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartlySeen {
    /// The customers whose outcomes count.
    pub seen: Sample,
    /// Customers first assigned to this arm whose outcomes do not.
    pub unseen: u64,
}

impl PartlySeen {
    /// The arm as if all unseen had this outcome.
    fn filled(&self, outcome: f64) -> Sample {
        self.seen.merged(&Sample {
            n: self.unseen,
            mean: outcome,
            variance: 0.0,
        })
    }
}

/// The effect of assignment on all customers when an outcome lies between `range.0`
/// and `range.1` (a share: 0 and 1; capped revenue: 0 and the cap) and nothing else is
/// known of the unseen: the smallest with all of the treated arm's unseen at the bottom
/// and all of the control's at the top, the largest the other way round (J. L. Horowitz
/// and C. F. Manski, Journal of the American Statistical Association 95, 2000).
///
/// It needs no assumption and is as wide as the range times the share of the unseen.
///
/// # Errors
///
/// Those of [`lift_of_means`], and a range that does not hold the
/// means.
pub fn worst_case_bounds(
    treated: &PartlySeen,
    control: &PartlySeen,
    range: (f64, f64),
    alpha: f64,
) -> Result<Bounds, Unestimable> {
    check_alpha(alpha)?;
    let (bottom, top) = range;
    check_finite("bottom of the range", bottom)?;
    check_finite("top of the range", top)?;
    for arm in [treated, control] {
        if arm.seen.n > 0 && !(bottom..=top).contains(&arm.seen.mean) {
            return Err(Unestimable::InvalidInput {
                what: "mean, which must lie in the range",
                value: arm.seen.mean,
            });
        }
    }
    let limit = |of_treated, of_control| -> Result<(f64, f64), Unestimable> {
        let (treated, control) = (treated.filled(of_treated), control.filled(of_control));
        match lift_of_means(&treated, &control, alpha) {
            Ok(lift) => Ok((lift.absolute.estimate, lift.absolute.se)),
            Err(Unestimable::NoVariation { difference }) => Ok((difference, 0.0)),
            Err(error) => Err(error),
        }
    };
    Ok(Bounds::new(limit(bottom, top)?, limit(top, bottom)?, alpha))
}

/// Which arm has too many outcomes, and by how much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trimming {
    /// The arm in which more customers have an outcome.
    pub arm: Arm,
    /// The share of its outcomes that the other arm would not have had: what to trim
    /// from either end.
    pub share: f64,
}

/// What to trim for [`lee_bounds`], from the customers of each arm (n) and those among
/// them with an outcome (successes): `share = 1 - q_fewer / q_more`, of the arm with the
/// larger share q of outcomes.
///
/// # Errors
///
/// An arm without customers or without outcomes.
pub fn trimming(treated: Counts, control: Counts) -> Result<Trimming, Unestimable> {
    let mut rates = [0.0; 2];
    for ((rate, counts), arm) in rates
        .iter_mut()
        .zip([treated, control])
        .zip([Arm::Treated, Arm::Control])
    {
        counts.check(arm)?;
        if counts.successes == 0 {
            return Err(Unestimable::Empty { arm });
        }
        *rate = counts.successes as f64 / counts.n as f64;
    }
    let [treated, control] = rates;
    Ok(if treated >= control {
        Trimming {
            arm: Arm::Treated,
            share: 1.0 - control / treated,
        }
    } else {
        Trimming {
            arm: Arm::Control,
            share: 1.0 - treated / control,
        }
    })
}

/// The outcomes of the arm with too many of them, after trimming one end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trimmed {
    /// The outcomes that are left.
    pub left: Sample,
    /// The quantile at which they were cut.
    pub cutoff: f64,
}

/// The effect on the customers who have an outcome in either arm, when the treatment
/// changes who has one: revenue per order when personalization makes more customers
/// order (D. S. Lee, "Training, wages, and sample selection", Review of Economic Studies
/// 76, 2009, propositions 1a and 3).
///
/// `treated` and `control` count the customers assigned and those with an outcome;
/// `untrimmed` summarises the outcomes of the arm with fewer of them, and the other two
/// those of the arm named by [`trimming`] without its share of the largest and without
/// its share of the smallest outcomes.
///
/// Assumes that the treatment moves customers in one direction only: it gives some an
/// outcome, or takes it from some, and not both. Outcomes should be continuous near the
/// cutoffs.
///
/// With k outcomes left of mean m and variance v after trimming a share p at the cutoff
/// y, the variance of m is `[v + p (y - m)^2] / k + (y - m)^2 [(1 - q_t) / (n_t q_t) + (1
/// - q_c) / (n_c q_c)]`: of the outcomes, of the cutoff, and of the share trimmed.
///
/// # Errors
///
/// As [`trimming`], and samples with fewer than two outcomes or numbers that are not
/// finite.
pub fn lee_bounds(
    treated: Counts,
    control: Counts,
    untrimmed: &Sample,
    without_largest: &Trimmed,
    without_smallest: &Trimmed,
    alpha: f64,
) -> Result<Bounds, Unestimable> {
    check_alpha(alpha)?;
    let Trimming { arm, share } = trimming(treated, control)?;
    let other = match arm {
        Arm::Treated => Arm::Control,
        Arm::Control => Arm::Treated,
    };
    untrimmed.check(other)?;
    // Relative variance of a share of customers with an outcome.
    let relative = |counts: Counts| {
        let (outcomes, n) = (counts.successes as f64, counts.n as f64);
        (1.0 - outcomes / n) / outcomes
    };
    let of_share = relative(treated) + relative(control);
    let of_untrimmed = untrimmed.variance / untrimmed.n as f64;
    let limit = |trimmed: &Trimmed| -> Result<(f64, f64), Unestimable> {
        trimmed.left.check(arm)?;
        check_finite("cutoff", trimmed.cutoff)?;
        let Sample { n, mean, variance } = trimmed.left;
        let beyond = (trimmed.cutoff - mean).powi(2);
        let of_trimmed = (variance + share * beyond) / n as f64 + beyond * of_share;
        let difference = match arm {
            Arm::Treated => mean - untrimmed.mean,
            Arm::Control => untrimmed.mean - mean,
        };
        Ok((difference, (of_trimmed + of_untrimmed).sqrt()))
    };
    let (fewer, more) = (limit(without_largest)?, limit(without_smallest)?);
    Ok(match arm {
        Arm::Treated => Bounds::new(fewer, more, alpha),
        Arm::Control => Bounds::new(more, fewer, alpha),
    })
}
