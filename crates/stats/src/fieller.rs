//! Fieller's interval for a ratio of two estimates.
//!
//! E. C. Fieller, "Some problems in interval estimation", Journal of the Royal
//! Statistical Society B 16 (1954).

use crate::error::{
    NotEstimable, Unestimable, check_alpha, check_df, check_finite, check_variance,
};
use crate::tail;

/// A ratio of two estimates with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Numerator over denominator.
    pub estimate: f64,
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
}

/// Two estimates with their variances and covariance (of the estimates, not of
/// the observations).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) numerator: f64,
    pub(crate) denominator: f64,
    pub(crate) numerator_variance: f64,
    pub(crate) denominator_variance: f64,
    pub(crate) covariance: f64,
}

impl Pair {
    /// The set of ratios `r` that a test of `numerator - r * denominator = 0`
    /// with the given critical value does not reject,
    ///
    /// `(a - r b)^2 <= c^2 (v_a - 2 r cov + r^2 v_b)`.
    ///
    /// It is a bounded interval exactly when the denominator itself differs from
    /// zero under the same critical value (`g = c^2 v_b / b^2 < 1`). It contains
    /// zero exactly when `a - c se_a` and `a + c se_a` do not have the same sign,
    /// computed in those very terms, so that the interval of the numerator and the
    /// interval of the ratio cannot disagree.
    pub(crate) fn interval(&self, critical: f64) -> Result<Ratio, NotEstimable> {
        let b = self.denominator;
        if b == 0.0 {
            return Err(NotEstimable::ZeroBaseline);
        }
        if critical == f64::INFINITY {
            return Err(NotEstimable::BaselineNearZero { g: critical });
        }
        let c2 = critical * critical;
        // Everything in units of the denominator: free of scale, safe from
        // overflow and underflow.
        let g = c2 * (self.denominator_variance / b / b);
        if g >= 1.0 || g.is_nan() {
            return Err(NotEstimable::BaselineNearZero { g });
        }
        let estimate = self.numerator / b;
        let half_width = critical * self.numerator_variance.sqrt();
        let constant = ((self.numerator - half_width) / b) * ((self.numerator + half_width) / b);
        let leading = 1.0 - g;
        let linear = estimate - c2 * (self.covariance / b / b);
        // Solves leading r^2 - 2 linear r + constant = 0 without cancellation. The
        // estimate itself lies in the set, so the discriminant can be negative
        // only by rounding.
        let root = (linear * linear - leading * constant).max(0.0).sqrt();
        let q = linear + root.copysign(linear);
        let (r1, r2) = if q == 0.0 {
            (0.0, 0.0)
        } else {
            (q / leading, constant / q)
        };
        Ok(Ratio {
            estimate,
            low: r1.min(r2),
            high: r1.max(r2),
        })
    }
}

/// The ratio of two estimates, `numerator / denominator`, with Fieller's interval
/// at confidence `1 - alpha`.
///
/// The variances and the covariance are those of the estimates; `df` are the
/// degrees of freedom of the variances, infinite for the normal limit. Return on
/// investment is such a ratio: net gain over cost.
///
/// The outer error says that the inputs are invalid, the inner one that the
/// denominator is too near zero for a bounded interval.
pub fn ratio_of_estimates(
    numerator: f64,
    denominator: f64,
    numerator_variance: f64,
    denominator_variance: f64,
    covariance: f64,
    df: f64,
    alpha: f64,
) -> Result<Result<Ratio, NotEstimable>, Unestimable> {
    check_alpha(alpha)?;
    check_finite("numerator", numerator)?;
    check_finite("denominator", denominator)?;
    check_variance("variance of the numerator", numerator_variance)?;
    check_variance("variance of the denominator", denominator_variance)?;
    check_finite("covariance", covariance)?;
    check_df(df)?;
    let pair = Pair {
        numerator,
        denominator,
        numerator_variance,
        denominator_variance,
        covariance,
    };
    Ok(pair.interval(tail::student_t_critical(alpha, df)))
}
