//! Content or targeting: what of the effect of personalization is due to showing other
//! content, and what to showing it to the right customers.
//!
//! Three randomized arms: **generic** (G) shows all customers the same; **personalized**
//! (P) shows each customer what was chosen for them; **shuffled** (S) shows each customer
//! what was chosen for another one, so that it has the personalized content in the same
//! mix and no targeting. Then
//!
//! `P - G = (P - S) + (S - G)`: total = targeting + content.
//!
//! After the average effect of an individualized rule over the same share of treatments
//! at random (K. Imai and M. L. Li, "Experimental evaluation of individualized treatment
//! rules", Journal of the American Statistical Association 118, 2023), with the random
//! rule as an arm of its own.

use crate::error::{NotEstimable, Unestimable, check_df, check_finite, check_variance};
use crate::fieller::{Ratio, ratio_of_estimates};
pub use crate::lift::ArmEstimate;
use crate::lift::Contrast;

/// The effect of personalization in its two parts. Each is a [`Contrast`] for
/// [`Contrast::lift`]; of three intervals at level alpha all hold together when each is
/// taken at `alpha / 3`.
#[derive(Debug, Clone, PartialEq)]
pub struct Decomposition {
    /// Personalized against generic.
    pub total: Contrast,
    /// Personalized against shuffled.
    pub targeting: Contrast,
    /// Shuffled against generic.
    pub content: Contrast,
    /// Covariance of the targeting effect with the content effect: minus the variance of
    /// the shuffled arm's value, which is in both with opposite signs.
    pub covariance: f64,
}

impl Decomposition {
    /// From the three arms.
    ///
    /// # Errors
    ///
    /// Numbers that are not finite, negative variances, degrees of freedom that are not
    /// positive.
    ///
    /// ```
    /// use stats::decomposition::{ArmEstimate, Decomposition};
    ///
    /// let arm = |value| ArmEstimate { value, variance: 0.01, df: 1000.0 };
    /// let effect = Decomposition::new(&arm(5.0), &arm(7.0), &arm(5.5))?;
    /// let share = effect.targeting_share(0.05)?.unwrap();
    /// assert_eq!(share.estimate, 0.75);
    /// assert!(0.6 < share.low && share.high < 0.9);
    /// # Ok::<(), stats::Unestimable>(())
    /// ```
    pub fn new(
        generic: &ArmEstimate,
        personalized: &ArmEstimate,
        shuffled: &ArmEstimate,
    ) -> Result<Self, Unestimable> {
        for arm in [generic, personalized, shuffled] {
            check_finite("value of an arm", arm.value)?;
            check_variance("variance of an arm's value", arm.variance)?;
            check_df(arm.df)?;
        }
        Ok(Decomposition {
            total: personalized.against(generic),
            targeting: personalized.against(shuffled),
            content: shuffled.against(generic),
            covariance: -shuffled.variance,
        })
    }

    /// The share of the total effect that is due to targeting, `(P - S) / (P - G)`, with
    /// Fieller's interval at confidence `1 - alpha`. It lies outside `[0, 1]` when content
    /// and targeting work against each other.
    ///
    /// The two differences share the personalized arm, whose variance is their covariance.
    /// The degrees of freedom are the fewer of the two differences'.
    ///
    /// # Errors
    ///
    /// Outside: an alpha that is none. Inside: a total effect that is not clearly away from
    /// zero, of which there is no share.
    pub fn targeting_share(&self, alpha: f64) -> Result<Result<Ratio, NotEstimable>, Unestimable> {
        let variance = |c: &Contrast| c.treated_variance + c.control_variance;
        ratio_of_estimates(
            self.targeting.treated - self.targeting.control,
            self.total.treated - self.total.control,
            variance(&self.targeting),
            variance(&self.total),
            self.total.treated_variance,
            self.targeting.df.min(self.total.df),
            alpha,
        )
    }
}
