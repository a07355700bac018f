//! How regularly customers buy: the choice of k in (M)BG/CNBD-k.

use crate::bg_nbd::BetaGeometric;
use crate::error::FitError;
use crate::table::CustomerTable;
use crate::timing::{Estimation, TimingFit};

/// The most regular timing that is tried.
pub const MOST_REGULAR: u32 = 12;

impl<const MODIFIED: bool> BetaGeometric<MODIFIED> {
    /// The fit with the regularity k, from 1 to [`MOST_REGULAR`], of the largest
    /// likelihood (Reutterer, Platzer and Schroeder 2020). Regularities are tried upwards
    /// until the likelihood falls. The likelihoods of different k compare because each
    /// counts the times between purchases.
    ///
    /// # Errors
    ///
    /// As [`BetaGeometric::fit_with`]; the table must hold the times between purchases.
    pub fn fit_regularity(
        table: &CustomerTable,
        estimation: &Estimation,
    ) -> Result<TimingFit<Self>, FitError> {
        if table.ln_gaps().is_none() {
            return Err(FitError::MissingColumn {
                what: "times between purchases",
            });
        }
        let mut best = Self::fit_with(table, 1, estimation)?;
        for k in 2..=MOST_REGULAR {
            let fit = Self::fit_with(table, k, estimation)?;
            if fit.log_likelihood <= best.log_likelihood {
                break;
            }
            best = fit;
        }
        Ok(best)
    }
}
