//! Anytime-valid t and F tests of linear models.

use super::bounded::mixture_weight;
use super::{SequentialError, check_between};
use crate::cholesky::Cholesky;
use crate::root;
use crate::tail::TailProbability;

/// The anytime-valid F test that some coefficients of a linear model are zero, after
/// Lindon, Ham, Tingley and Bojinov, "Anytime-valid linear models and regression
/// adjustment" (arXiv 2210.08589), with a normal mixture of precision g:
///
/// `ln e = d/2 ln r + (nu + d)/2 [ln(1 + d F / nu) - ln(1 + r d F / nu)]`, `r = g /
/// (g + n)`, and `p = min(1, 1/e)`.
///
/// With d = 1 it is the t test, `F = t^2`. However often one looks, p falls below alpha
/// with probability alpha at most without an effect: exactly for normal noise of equal
/// size, in large samples otherwise. With a covariance that allows for unequal noise
/// ([`LeastSquares::covariance`](crate::LeastSquares::covariance) and [`wald_f`]) it
/// is the robust version of the same paper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnytimeF {
    /// Coefficients tested: arms less one for an omnibus test of arms.
    pub d: f64,
    /// Residual degrees of freedom.
    pub nu: f64,
    /// Rows.
    pub n: f64,
    /// The mixture's precision, in rows: small g is sharp late, large g early; see
    /// [`optimal_g`].
    pub g: f64,
}

impl AnytimeF {
    /// Refuses numbers that are not positive and finite.
    ///
    /// # Errors
    ///
    /// [`SequentialError::OutOfRange`].
    pub fn new(d: u64, nu: f64, n: f64, g: f64) -> Result<Self, SequentialError> {
        let d = d as f64;
        check_between("number of coefficients", d, 0.0, f64::INFINITY)?;
        check_between("residual degrees of freedom", nu, 0.0, f64::INFINITY)?;
        check_between("number of rows", n, 0.0, f64::INFINITY)?;
        check_between("mixture precision g", g, 0.0, f64::INFINITY)?;
        Ok(AnytimeF { d, nu, n, g })
    }

    /// Logarithm of `1 / r`.
    fn ln_shrinkage(&self) -> f64 {
        (self.n / self.g).ln_1p()
    }

    /// Logarithm of the e-value of an F statistic.
    pub fn ln_e(&self, f: f64) -> f64 {
        let r = self.g / (self.g + self.n);
        let y = self.d * f.max(0.0) / self.nu;
        // (1 + y) / (1 + r y), without the difference of two logarithms.
        let gain = ((1.0 - r) * y / (1.0 + r * y)).ln_1p();
        let gain = if y == f64::INFINITY {
            self.ln_shrinkage()
        } else {
            gain
        };
        0.5 * ((self.nu + self.d) * gain - self.d * self.ln_shrinkage())
    }

    /// The always-valid probability of an F statistic.
    pub fn probability(&self, f: f64) -> TailProbability {
        TailProbability::from_ln(-self.ln_e(f))
    }

    /// The F beyond which `p < alpha`; infinite where no F is large enough yet.
    pub fn critical(&self, alpha: f64) -> f64 {
        let r = self.g / (self.g + self.n);
        let needed = (self.d * self.ln_shrinkage() - 2.0 * alpha.ln()) / (self.nu + self.d);
        let gain = needed.exp_m1();
        let left = 1.0 - r - r * gain;
        if left > 0.0 {
            self.nu / self.d * gain / left
        } else {
            f64::INFINITY
        }
    }

    /// Half-width of the confidence sequence of one coefficient (d = 1), in standard
    /// errors.
    pub fn radius(&self, alpha: f64) -> f64 {
        self.critical(alpha).sqrt()
    }
}

/// The g whose boundary at the planned n is lowest, for a model with `coefficients` of
/// which `d` are tested.
///
/// # Errors
///
/// Fewer rows than coefficients, a level outside (0, 1), no coefficients.
pub fn optimal_g(
    planned_n: f64,
    coefficients: u64,
    d: u64,
    alpha: f64,
) -> Result<f64, SequentialError> {
    check_between("level alpha", alpha, 0.0, 1.0)?;
    let nu = planned_n - coefficients as f64;
    AnytimeF::new(d, nu, planned_n, 1.0)?;
    let needed = |ln_g: f64| {
        let g = ln_g.exp();
        AnytimeF {
            d: d as f64,
            nu,
            n: planned_n,
            g,
        }
        .critical(alpha)
    };
    // For many rows of one coefficient the optimum is that of the confidence sequence;
    // the search is on either side of it. Where a small sample has no boundary yet, a
    // larger g has one.
    const WIDTH: f64 = 12.0;
    const ITERATIONS: usize = 60;
    let centre = mixture_weight(planned_n, alpha).ln();
    let lowness = |ln_g: f64| -needed(ln_g);
    let best = root::peak(lowness, centre - WIDTH, centre + WIDTH, ITERATIONS);
    Ok(best.exp())
}

/// The F statistic of coefficients being all zero, `b' V^-1 b / d`, from their
/// covariance matrix (d by d, row after row). None when the sizes do not match or the
/// matrix is singular.
pub fn wald_f(coefficients: &[f64], covariance: &[f64]) -> Option<f64> {
    const DEPENDENT: f64 = 1e-12;
    let d = coefficients.len();
    if d == 0 || covariance.len() != d * d {
        return None;
    }
    let factor = Cholesky::new(covariance, d, DEPENDENT);
    if factor.kept.len() != d {
        return None;
    }
    let whitened = factor.whiten(coefficients);
    let f = whitened.iter().map(|v| v * v).sum::<f64>() / d as f64;
    f.is_finite().then_some(f)
}
