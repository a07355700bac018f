//! The variance of a quantile from the order statistics around it.

use crate::error::{Unestimable, check_alpha, check_df, check_finite};
use crate::lift::Contrast;
use crate::tail;

/// A quantile with two order statistics around it, as SQL can compute them.
///
/// The order statistics are those of the ranks `n q -+ c sqrt(n q (1 - q))`, `c` being
/// the two-sided critical value of the normal distribution at `alpha`: they bound the
/// quantile at confidence `1 - alpha` (R. S. Woodruff, "Confidence intervals for medians
/// and other position measures", Journal of the American Statistical Association 47,
/// 1952).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundedQuantile {
    /// The quantile.
    pub value: f64,
    /// The lower of the order statistics.
    pub lower: f64,
    /// The upper of the order statistics.
    pub upper: f64,
    /// The level for which they were chosen.
    pub alpha: f64,
    /// The number of values for which they were chosen: `n` or, where one choice of ranks
    /// serves several sizes, a number like it.
    pub bounds_n: f64,
    /// Values in the sample.
    pub n: f64,
    /// Variance of the share of values below the quantile over that of independent
    /// values, `q (1 - q) / n`; 1 for independent values.
    pub design_effect: f64,
}

impl BoundedQuantile {
    /// The variance of the quantile, `((upper - lower) / (2 c))^2 (bounds_n / n)
    /// design_effect`: the distance of the order statistics measures the density at the
    /// quantile, and by the density the variance of a share becomes the variance of a
    /// quantile (J. W. McKean and R. M. Schrader, Communications in Statistics B 13, 1984;
    /// clusters as in A. Deng, U. Knoblich and J. Lu, KDD 2018, section 4.2).
    ///
    /// # Errors
    ///
    /// Numbers that are not finite, bounds in the wrong order, sizes that are not
    /// positive.
    pub fn variance(&self) -> Result<f64, Unestimable> {
        check_alpha(self.alpha)?;
        check_finite("quantile", self.value)?;
        check_finite("distance of the quantile's bounds", self.upper - self.lower)?;
        check_df(self.bounds_n)?;
        check_df(self.n)?;
        check_df(self.design_effect)?;
        if self.upper < self.lower {
            return Err(Unestimable::InvalidInput {
                what: "distance of the quantile's bounds",
                value: self.upper - self.lower,
            });
        }
        let critical = tail::student_t_critical(self.alpha, f64::INFINITY);
        let se = (self.upper - self.lower) / (2.0 * critical);
        Ok(se * se * (self.bounds_n / self.n) * self.design_effect)
    }

    /// Two quantiles as estimates with variances. For large samples and away from atoms;
    /// [`lift_of_quantiles`](super::lift_of_quantiles) has no such conditions.
    ///
    /// # Errors
    ///
    /// As [`Self::variance`].
    pub fn against(&self, control: &Self) -> Result<Contrast, Unestimable> {
        Ok(Contrast {
            treated: self.value,
            control: control.value,
            treated_variance: self.variance()?,
            control_variance: control.variance()?,
            covariance: 0.0,
            df: f64::INFINITY,
        })
    }
}
