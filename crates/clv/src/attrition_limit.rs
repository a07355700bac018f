//! How much attrition there may be where none is visible.
//!
//! Where the likelihood is largest without attrition, its curvature says nothing of
//! attrition: intervals of what customers will buy are those of a world in which nobody
//! ever leaves. Their lower end is taken along the profile of
//!
//! ```text
//! q = ln(purchases expected of a new customer between T and T + h)
//! ```
//!
//! instead, T the mean time observed and h the horizon: the mean over all histories of what
//! customers will buy. It is where the log-likelihood has fallen by `z^2/2`, half the
//! chi-square(1) quantile at `1 - alpha`, as inside of the parameter space.
//!
//! That this quantile is the right one: near its maximum the likelihood is that of a normal
//! vector Y with mean theta, in standard units, of which is known that attrition is not
//! negative, so that estimates are the projection of Y on a half-space (S. G. Self and K.-Y.
//! Liang, "Asymptotic properties of maximum likelihood estimators and likelihood ratio
//! tests under nonstandard conditions", JASA 82, 1987). Twice the fall to the true q is the
//! difference of two squared distances, that of Y to the points of the half-space with this
//! q, and that to the half-space. Let p be the distance of Y from theta across these
//! points, which is standard normal. Attrition, the other parameters refitted, lowers q.
//! Then the fall is p^2/2 where Y lies above these points and inside of the half-space, and
//! less where it lies above them and outside. So the limit is above the true q with a
//! probability of `P(p > z) = alpha/2` at most, wherever theta lies: that of one end of an
//! interval at level `1 - alpha`. The smaller quantile of the mixture by which
//! [`TimingFit::attrition_test`] asks whether there is attrition at all would do at theta =
//! 0 alone.
//!
//! Covariates shift attrition by factors that cannot be told where there is none: at the
//! limit they are one. The effects on rates are refitted, as are the other parameters.

use crate::beta::{BetaBoundary, Shapes};
use crate::bgbb::{BgBb, BgBbFit, Likelihood, Opportunities};
use crate::error::FitError;
use crate::inference::{Covariance, CovarianceKind};
use crate::information::delta_se;
use crate::optimize::Objective;
use crate::profile::{Profile, check_level, drop};
use crate::sbg::{
    ContractTable, Likelihood as Renewals, ShiftedBetaGeometric, ShiftedBetaGeometricFit,
};
use crate::table::CustomerTable;
use crate::timing::{Effect, Estimation, Family, TableLikelihood, TimingFit, TimingModel};

impl<M: TimingModel> TimingFit<M> {
    /// The most attrition that a fit without any leaves possible: the likeliest parameters
    /// at the lower limit, at level `1 - alpha`, of what customers will buy within a finite
    /// horizon after the time observed. None where the data rule nothing out, and for a
    /// horizon that is not positive and finite. The table is the one that was fitted.
    ///
    /// The parameters are no estimates: they have no standard errors.
    ///
    /// # Errors
    ///
    /// [`FitError`] for a level outside 0 to 1, and where a fit along the profile fails.
    pub fn attrition_limit(
        &self,
        table: &CustomerTable,
        horizon: f64,
        alpha: f64,
    ) -> Result<Option<TimingFit<M>>, FitError> {
        if !(horizon > 0.0 && horizon.is_finite()) {
            return Ok(None);
        }
        let family = self.model.family();
        let estimation = Estimation {
            rate: self.estimation.rate.clone(),
            attrition: Vec::new(),
        };
        let objective = TableLikelihood {
            family,
            table,
            estimation: &estimation,
            unit: self.unit,
            scales: self.scales.clone(),
        };
        let at = &self.at[..objective.dimension()];
        let of = |at: &[f64]| {
            let model = family.model([at[0], at[1], at[2], at[3]], self.unit);
            let until = |time| model.expected_transactions_of_new(time);
            (until(self.unit + horizon) - until(self.unit)).ln()
        };
        let covariance = self.covariance.matrix(CovarianceKind::Information);
        let profile = Profile {
            objective: &objective,
            at,
            of,
            error: delta_se(&self.at, covariance, of),
            drop: drop(alpha)?,
            metric: None,
            start: |last: &[f64], value| with_level(&objective, (last, at), 3, of, value),
        };
        let Some(limit) = profile.limit(-1.0)? else {
            return Ok(None);
        };
        let value = |at: &[f64]| objective.evaluate(at, &mut vec![0.0; at.len()]);
        let rate_effects = self.estimation.rate.iter().zip(&limit[4..]);
        Ok(Some(TimingFit {
            model: family.model([limit[0], limit[1], limit[2], limit[3]], self.unit),
            rate_effects: rate_effects
                .map(|(&covariate, effect)| Effect {
                    covariate,
                    value: effect / self.scales[covariate],
                    standard_error: None,
                })
                .collect(),
            attrition_effects: Vec::new(),
            log_likelihood: self.log_likelihood + value(&limit) - value(at),
            boundaries: Vec::new(),
            covariance: Covariance::none(limit.len()),
            at: limit,
            scales: self.scales.clone(),
            estimation,
            ..*self
        }))
    }
}

impl BgBbFit {
    /// The same of customers who buy at opportunities: within so many of them, given the
    /// histories that were fitted.
    ///
    /// # Errors
    ///
    /// As [`TimingFit::attrition_limit`].
    pub fn attrition_limit(
        &self,
        histories: &[(Opportunities, f64)],
        opportunities: u32,
        alpha: f64,
    ) -> Result<Option<BgBbFit>, FitError> {
        if opportunities == 0 {
            return Ok(None);
        }
        let likelihood = Likelihood { histories };
        let (mut seen, mut customers) = (0.0, 0.0);
        for (history, count) in histories {
            seen += count * f64::from(history.all);
            customers += count;
        }
        let seen = (seen / customers).round() as u32;
        let future = |model: &BgBb| {
            let until = |number| model.expected_transactions(number);
            (until(seen + opportunities) - until(seen)).ln()
        };
        let of = |at: &[f64]| future(&Likelihood::model(at));
        let mut at = Likelihood::search(&self.parameters);
        if self.leaving_boundary == Some(BetaBoundary::Never) {
            // The end itself, which logarithms of the parameters may miss by a bit.
            at[2] = likelihood.range(2).0;
        }
        let profile = Profile {
            objective: &likelihood,
            at: &at,
            of,
            error: self.standard_error(future),
            drop: drop(alpha)?,
            metric: None,
            start: |last: &[f64], value| with_level(&likelihood, (last, &at), 2, of, value),
        };
        let Some(limit) = profile.limit(-1.0)? else {
            return Ok(None);
        };
        Ok(Some(BgBbFit {
            parameters: Likelihood::model(&limit),
            log_likelihood: likelihood.evaluate(&limit, &mut [0.0; 4]),
            covariance: vec![0.0; 16],
            model_covariance: vec![0.0; 16],
            buying_boundary: self.buying_boundary,
            leaving_boundary: None,
        }))
    }
}

impl ShiftedBetaGeometricFit {
    /// The same of contracts, along the profile of the logarithm of the renewals, among the
    /// next so many, that contracts which are running are expected to make. The table is the
    /// one that was fitted.
    ///
    /// Contracts show no attrition only where each was renewed whenever it was due. The
    /// likelihood of that is its probability, so that parameters under which it is below
    /// `alpha/2` would be ruled out wrongly with a probability of `alpha/2` at most, however
    /// few contracts there are: the likelihood falls to that, and not by half a chi-square
    /// quantile, which is too little where nothing has happened as yet.
    ///
    /// # Errors
    ///
    /// As [`TimingFit::attrition_limit`].
    pub fn attrition_limit(
        &self,
        table: &ContractTable,
        renewals: u32,
        alpha: f64,
    ) -> Result<Option<ShiftedBetaGeometricFit>, FitError> {
        check_level(alpha)?;
        if renewals == 0 {
            return Ok(None);
        }
        let likelihood = Renewals { table };
        let future = |model: &ShiftedBetaGeometric| {
            let made = (0..).zip(&table.running).map(|(n, contracts)| {
                // The sum begins with the renewal before the next one, which was made.
                let sum = model
                    .shapes()
                    .discounted_renewals_within(n, 1.0, renewals + 1);
                contracts * (sum - 1.0)
            });
            made.sum::<f64>().ln()
        };
        let model = |at: &[f64]| {
            let Shapes { a, b } = Shapes::from_search(at[0], at[1]);
            ShiftedBetaGeometric { alpha: a, beta: b }
        };
        let of = |at: &[f64]| future(&model(at));
        let mut at = self.parameters.shapes().to_search();
        let made = (0..).zip(&table.running);
        let made: f64 = made.map(|(n, contracts)| f64::from(n) * contracts).sum();
        let fall = -(0.5 * alpha).ln();
        let mut scale = self.standard_error(future);
        if self.boundary == Some(BetaBoundary::Never) {
            // The end itself, where nothing depends on how much contracts differ: that begins to matter where the
            // shapes are as large as contracts are long.
            let longest = table.running.len() as f64;
            at = [likelihood.range(0).0, longest.ln()];
            // Contracts that are all alike would leave so often at the limit.
            let alike = [(fall / made).exp_m1().ln(), likelihood.range(1).1];
            scale = (of(&at) - of(&alike)) / (2.0 * fall).sqrt();
        }
        let profile = Profile {
            objective: &likelihood,
            at: &at,
            of,
            error: scale,
            drop: fall,
            metric: None,
            start: |last: &[f64], value| with_level(&likelihood, (last, &at), 0, of, value),
        };
        let Some(limit) = profile.limit(-1.0)? else {
            return Ok(None);
        };
        Ok(Some(ShiftedBetaGeometricFit {
            parameters: model(&limit),
            log_likelihood: likelihood.evaluate(&limit, &mut [0.0; 2]),
            covariance: vec![0.0; 4],
            model_covariance: vec![0.0; 4],
            boundary: None,
        }))
    }
}

/// The estimate with another level of attrition, given its place: that at which a quantity
/// that falls with it has a value. None where no level in its range is such, or the last
/// point of the profile has some attrition: from none, no slope leads to any.
fn with_level(
    objective: &impl Objective,
    (last, estimate): (&[f64], &[f64]),
    place: usize,
    of: impl Fn(&[f64]) -> f64,
    value: f64,
) -> Option<Vec<f64>> {
    let (lowest, highest) = objective.range(place);
    let moved = |level: f64| {
        let mut moved = estimate.to_vec();
        moved[place] = level;
        moved
    };
    let has_attrition = last[place] > lowest;
    if has_attrition || of(&moved(lowest)) < value || of(&moved(highest)) > value {
        return None;
    }
    let (mut low, mut high) = (lowest, highest);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if of(&moved(middle)) > value {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(moved(high))
}
