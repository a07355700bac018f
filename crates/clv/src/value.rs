//! What customers are worth: expected purchases times expected spend per purchase.
//!
//! The two are independent in the models (P. S. Fader, B. G. S. Hardie and K. L. Lee,
//! "RFM and CLV", Journal of Marketing Research 42, 2005), and so are their estimates: a
//! standard error adds, by the delta method, what the parameters of timing and those of
//! spend do to the product. It does not count the chance of what single customers will
//! do.

use crate::gamma_gamma::{GammaGammaFit, InfiniteMeanSpend};
use crate::inference::{Prediction, Predictions};
use crate::linear::quadratic;
use crate::parallel;
use crate::table::CustomerTable;
use crate::timing::{TimingFit, TimingModel};

/// Customers, each with its row of a [`CustomerTable`] and what it spent.
#[derive(Debug, Clone, Copy)]
pub struct Spenders<'a> {
    /// The row of each, as [`CustomerTable::with_places`] gives it.
    pub places: &'a [u32],
    /// The mean spend of its repeat purchases; of no meaning without one.
    pub means: &'a [f64],
}

/// Values of customers.
#[derive(Debug, Clone)]
pub struct Values {
    /// Of each.
    pub each: Vec<Prediction>,
    /// Of all together.
    pub total: Prediction,
}

/// Why customers have no value.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoValue {
    /// The mean spend of a customer without repeat purchases is infinite.
    #[error(transparent)]
    InfiniteMeanSpend(#[from] InfiniteMeanSpend),
    /// There are not as many places as means.
    #[error("{places} places, but {means} means of spend")]
    LengthMismatch {
        /// Places given.
        places: usize,
        /// Means given.
        means: usize,
    },
    /// A place is not in the table, or in the predictions.
    #[error("there is no row {0} in the table and its predictions")]
    NoSuchRow(u32),
    /// Spend was fitted with covariates, which customers do not have here.
    #[error("values are computed from a model of spend without covariates")]
    Covariates,
}

impl<M: TimingModel> TimingFit<M> {
    /// The value of customers: what the rows of a table are expected to buy (from
    /// [`TimingFit::discounted_expected_transactions`]) times what a purchase of each
    /// customer is expected to bring (Gamma-Gamma), before margin.
    ///
    /// # Errors
    ///
    /// [`NoValue`] where a mean spend is infinite or the inputs do not fit together.
    pub fn value(
        &self,
        table: &CustomerTable,
        predictions: &Predictions,
        spend: &GammaGammaFit,
        customers: Spenders,
    ) -> Result<Values, NoValue> {
        let Spenders { places, means } = customers;
        let rows = table.rows();
        check(rows.len().min(predictions.rows.len()), spend, customers)?;
        let frequency = |place: u32| f64::from(rows[place as usize].frequency);
        if let Some(fewest) = places
            .iter()
            .map(|&place| frequency(place))
            .reduce(f64::min)
        {
            spend.parameters.conditional_mean(fewest, 1.0, &[])?;
        }
        // A mean that is finite for the fewest purchases is finite for more.
        let mean_spend = |i: usize| {
            let found = spend
                .parameters
                .mean_with_slopes(frequency(places[i]), means[i], &[]);
            found.unwrap_or((f64::INFINITY, [0.0; 3]))
        };
        let each = parallel::map_ranges(places.len(), |range, slots: &mut [Prediction]| {
            for (i, slot) in range.zip(slots) {
                let purchases = predictions.rows[places[i] as usize];
                let (mean, slopes) = mean_spend(i);
                let of_spend = quadratic(&spend.covariance, &slopes).max(0.0).sqrt();
                *slot = Prediction {
                    value: mean * purchases.value,
                    standard_error: mean
                        * purchases.standard_error.hypot(purchases.value * of_spend),
                };
            }
        });
        let slopes = parallel::sum(places.len(), 3, |range, sums| {
            for i in range {
                let value = each[i].value;
                for (sum, slope) in sums.iter_mut().zip(mean_spend(i).1) {
                    *sum += value * slope;
                }
            }
        });
        let mut weights = vec![0.0; rows.len()];
        for (i, &place) in places.iter().enumerate() {
            weights[place as usize] += mean_spend(i).0;
        }
        let timing = self.weighted(table, predictions, |row| weights[row]);
        let of_spend = quadratic(&spend.covariance, &slopes).max(0.0).sqrt();
        Ok(Values {
            each,
            total: Prediction {
                value: timing.value,
                standard_error: timing.standard_error.hypot(of_spend),
            },
        })
    }
}

fn check(rows: usize, spend: &GammaGammaFit, customers: Spenders) -> Result<(), NoValue> {
    let Spenders { places, means } = customers;
    if places.len() != means.len() {
        return Err(NoValue::LengthMismatch {
            places: places.len(),
            means: means.len(),
        });
    }
    if let Some(&place) = places.iter().find(|place| **place as usize >= rows) {
        return Err(NoValue::NoSuchRow(place));
    }
    if !spend.parameters.effects.is_empty() {
        return Err(NoValue::Covariates);
    }
    Ok(())
}
