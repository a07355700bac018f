//! Likelihood-ratio intervals: of parameters, and of whatever can be computed from them.
//!
//! A quantity's profile likelihood at q is the largest likelihood among the parameters
//! that give q; the interval at level `1 - alpha` is where it lies within half a
//! chi-square quantile of the maximum. It does not depend on how the quantity is
//! expressed, is not symmetric where the likelihood is not, and has no end where the
//! data set none: a Wald interval is neither.
//!
//! Whatever parameters maximize `ln L - w (q - c)^2 / 2` also maximize the likelihood
//! among those with their own value of q, and so are a point of the profile, exactly,
//! for any weight w and any c. Moving c leads along the profile without solving for the
//! constraint (compare D. J. Venzon and S. H. Moolgavkar, "A method for computing
//! profile-likelihood-based confidence intervals", Applied Statistics 37, 1988).

use crate::bg_nbd::BetaGeometric;
use crate::error::FitError;
use crate::inference::CovarianceKind;
use crate::information::{covariances, delta_se};
use crate::optimize::{Objective, climb, maximize_within};
use crate::pareto_nbd::ParetoNbd;
use crate::table::CustomerTable;
use crate::timing::{Family, TimingFit, TimingModel};
use stats::tail::chi_square_quantile;

/// Limits of a quantity by its profile likelihood; none on a side without a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProfileInterval {
    /// The estimate.
    pub value: f64,
    /// Lower limit.
    pub low: Option<f64>,
    /// Upper limit.
    pub high: Option<f64>,
}

/// A parameter whose profile likelihood is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileParameter {
    /// Shape of the purchase rates, `r`.
    RateShape,
    /// Mean purchase rate, [`TimingModel::mean_rate`].
    MeanRate,
    /// Mean level of attrition, [`TimingModel::mean_attrition`].
    MeanAttrition,
}

impl<M: TimingModel> TimingFit<M> {
    /// Interval of a parameter at level `1 - alpha`.
    ///
    /// # Errors
    ///
    /// As [`TimingFit::profile_of`].
    pub fn profile(
        &self,
        table: &CustomerTable,
        parameter: ProfileParameter,
        alpha: f64,
    ) -> Result<ProfileInterval, FitError> {
        let ln = |model: &M| match parameter {
            ProfileParameter::RateShape => model.parameters()[0].ln(),
            ProfileParameter::MeanRate => model.mean_rate().ln(),
            ProfileParameter::MeanAttrition => model.mean_attrition().ln(),
        };
        Ok(self.profile_of(table, ln, alpha)?.map(f64::exp))
    }

    /// Interval at level `1 - alpha` of a quantity that the parameters of customers
    /// without covariates give. The table is the one that was fitted.
    ///
    /// The quantity must be finite and smooth at all parameters: ask for the logarithm of
    /// a positive one, and for the inverse of one that may be infinite.
    ///
    /// # Errors
    ///
    /// [`FitError`] for a level outside 0 to 1, and where a fit along the profile fails.
    pub fn profile_of(
        &self,
        table: &CustomerTable,
        quantity: impl Fn(&M) -> f64 + Sync,
        alpha: f64,
    ) -> Result<ProfileInterval, FitError> {
        let family = self.model.family();
        let of = |at: &[f64]| quantity(&family.model([at[0], at[1], at[2], at[3]], self.unit));
        let covariance = self.covariance.matrix(CovarianceKind::Information);
        let profile = Profile {
            objective: &self.objective(family, table),
            at: &self.at,
            error: delta_se(&self.at, covariance, of),
            drop: drop(alpha)?,
            metric: Some(covariance.to_vec()),
            start: |_: &[f64], _: f64| None,
            of,
        };
        let limit = |direction| -> Result<Option<f64>, FitError> {
            let limit = profile.limit(direction)?;
            Ok(limit.map(|limit| (profile.of)(&limit)))
        };
        Ok(ProfileInterval {
            value: (profile.of)(&self.at),
            low: limit(-1.0)?,
            high: limit(1.0)?,
        })
    }
}

/// By how much the log-likelihood falls to the limits of an interval at level `1 -
/// alpha`.
pub(crate) fn drop(alpha: f64) -> Result<f64, FitError> {
    check_level(alpha)?;
    Ok(0.5 * chi_square_quantile(1.0 - alpha, 1.0))
}

/// Levels lie between 0 and 1.
pub(crate) fn check_level(alpha: f64) -> Result<(), FitError> {
    if alpha > 0.0 && alpha < 1.0 {
        return Ok(());
    }
    Err(FitError::InvalidArgument {
        what: "level alpha",
        value: alpha,
    })
}

impl TimingFit<ParetoNbd> {
    /// Interval of the mean life of a customer, `beta / (s - 1)`, which is infinite where
    /// `s <= 1`: its upper limit is none where the data do not rule that out.
    ///
    /// # Errors
    ///
    /// As [`TimingFit::profile_of`].
    pub fn mean_life(
        &self,
        table: &CustomerTable,
        alpha: f64,
    ) -> Result<ProfileInterval, FitError> {
        let inverse = |model: &ParetoNbd| (model.s - 1.0) / model.beta;
        Ok(self.profile_of(table, inverse, alpha)?.inverse())
    }

    /// Interval of the time after which half of new customers have left, `beta (2^(1/s) -
    /// 1)`.
    ///
    /// # Errors
    ///
    /// As [`TimingFit::profile_of`].
    pub fn median_life(
        &self,
        table: &CustomerTable,
        alpha: f64,
    ) -> Result<ProfileInterval, FitError> {
        let ln = |model: &ParetoNbd| {
            // ln(e^y - 1), y = ln 2 / s.
            let y = std::f64::consts::LN_2 / model.s;
            model.beta.ln() + y + (-(-y).exp_m1()).ln()
        };
        Ok(self.profile_of(table, ln, alpha)?.map(f64::exp))
    }
}

impl<const MODIFIED: bool> TimingFit<BetaGeometric<MODIFIED>> {
    /// Interval of the mean number of purchases after which a customer who never stops
    /// being observed has left, `E[1/p] = 1 + b / (a - 1)`, which is infinite where `a <=
    /// 1`. The first purchase counts in the modified models.
    ///
    /// # Errors
    ///
    /// As [`TimingFit::profile_of`].
    pub fn mean_purchases(
        &self,
        table: &CustomerTable,
        alpha: f64,
    ) -> Result<ProfileInterval, FitError> {
        let inverse = |model: &BetaGeometric<MODIFIED>| (model.a - 1.0) / model.b;
        let further = self.profile_of(table, inverse, alpha)?.inverse();
        Ok(further.map(|purchases| 1.0 + purchases))
    }
}

impl ProfileInterval {
    /// Of an increasing function of the quantity.
    fn map(self, of: impl Fn(f64) -> f64) -> Self {
        ProfileInterval {
            value: of(self.value),
            low: self.low.map(&of),
            high: self.high.map(&of),
        }
    }

    /// Of the inverse of a quantity, infinite where it is not positive.
    fn inverse(self) -> Self {
        let inverse = |value: f64| {
            if value > 0.0 {
                1.0 / value
            } else {
                f64::INFINITY
            }
        };
        ProfileInterval {
            value: inverse(self.value),
            low: self.high.map_or(Some(0.0), |high| Some(inverse(high))),
            high: self.low.filter(|low| *low > 0.0).map(inverse),
        }
    }
}

/// The profile of a quantity that follows from the first four of the searched parameters.
pub(crate) struct Profile<'a, O, Q, S> {
    pub(crate) objective: &'a O,
    /// The maximum.
    pub(crate) at: &'a [f64],
    pub(crate) of: Q,
    /// The quantity's standard error, not of much use as such, but as a scale.
    pub(crate) error: f64,
    /// Fall of the log-likelihood at the limits.
    pub(crate) drop: f64,
    /// Inverse of the information, where it is known; zero for parameters at ends of their
    /// ranges.
    pub(crate) metric: Option<Vec<f64>>,
    /// Given the last point, where else than there the search for a value of the quantity
    /// starts.
    pub(crate) start: S,
}

impl<O, Q, S> Profile<'_, O, Q, S>
where
    O: Objective,
    Q: Fn(&[f64]) -> f64,
    S: Fn(&[f64], f64) -> Option<Vec<f64>>,
{
    /// The parameters at the limit in a direction; none where the likelihood does not
    /// fall so far.
    ///
    /// The signed root of the fall is nearly a straight line in the distance, so that a
    /// few secants lead to it.
    pub(crate) fn limit(&self, direction: f64) -> Result<Option<Vec<f64>>, FitError> {
        /// Of a log-likelihood: less than a millionth of a standard error.
        const NEAR: f64 = 1e-6;
        /// What is no limit after all steps.
        const FAR: f64 = 1e-3;
        const STEPS: usize = 60;
        /// Distance, in standard errors, beyond which there is no limit.
        const FARTHEST: f64 = 1e9;
        let estimate = (self.of)(self.at);
        // At an end of the parameter space there is none.
        let scale = if self.error > 0.0 {
            self.error
        } else {
            estimate.abs().max(1.0)
        };
        let mut walk = Walk::new(self, scale);
        let target = (2.0 * self.drop).sqrt();
        let (mut last, mut inside, mut outside) = ((0.0, 0.0), 0.0, None);
        let mut distance = (1.0 + 1.0 / PULL) * target;
        let mut left = f64::INFINITY;
        for _ in 0..STEPS {
            let point = walk.to(estimate + direction * distance * scale)?;
            left = point.excess.abs();
            if left < NEAR {
                return Ok(Some(walk.at));
            }
            if point.excess > 0.0 {
                // The parameter space may end before the likelihood falls.
                let moved = (point.quantity - estimate).abs();
                if outside.is_none() && (moved < 1e-3 * distance * scale || distance > FARTHEST) {
                    return Ok(None);
                }
                inside = distance;
            } else {
                outside = Some(distance);
            }
            let root = (2.0 * (self.drop - point.excess)).max(0.0).sqrt();
            let secant = distance + (target - root) * (distance - last.0) / (root - last.1);
            last = (distance, root);
            distance = match outside {
                Some(outside) if inside < secant && secant < outside => secant,
                Some(outside) => 0.5 * (inside + outside),
                None if secant > distance => secant.min(2.0 * distance),
                None => 2.0 * distance,
            };
        }
        if outside.is_some() && left > FAR {
            return Err(FitError::NotConverged {
                iterations: STEPS,
                distance: left.sqrt(),
            });
        }
        Ok(outside.map(|_| walk.at))
    }
}

/// Curvature of the pull, in units of that of the likelihood.
const PULL: f64 = 4.0;

/// A walk along the profile, each point searched from the last one.
struct Walk<'a, O, Q, S> {
    profile: &'a Profile<'a, O, Q, S>,
    weight: f64,
    top: f64,
    at: Vec<f64>,
    /// Inverse of minus the Hessian there; zero for parameters at ends of their ranges.
    metric: Option<Vec<f64>>,
}

/// A point of the profile.
struct Point {
    quantity: f64,
    /// Log-likelihood above that of the limit.
    excess: f64,
}

impl<'a, O, Q, S> Walk<'a, O, Q, S>
where
    O: Objective,
    Q: Fn(&[f64]) -> f64,
    S: Fn(&[f64], f64) -> Option<Vec<f64>>,
{
    fn new(profile: &'a Profile<'a, O, Q, S>, scale: f64) -> Self {
        let at = profile.at.to_vec();
        Walk {
            weight: PULL / (scale * scale),
            top: profile.objective.evaluate(&at, &mut vec![0.0; at.len()]),
            profile,
            at,
            metric: profile.metric.clone(),
        }
    }

    /// The point to which a centre pulls.
    fn to(&mut self, centre: f64) -> Result<Point, FitError> {
        let pulled = Pulled {
            profile: self.profile,
            weight: self.weight,
            centre,
        };
        self.search(&pulled)?;
        let mut unused = vec![0.0; self.at.len()];
        let value = self.profile.objective.evaluate(&self.at, &mut unused);
        Ok(Point {
            quantity: (self.profile.of)(&self.at),
            excess: value - self.top + self.profile.drop,
        })
    }

    /// Goes to the maximum, from the last point or from where else it may lie.
    fn search(&mut self, pulled: &Pulled<'_, O, Q, S>) -> Result<(), FitError> {
        /// Squared distance, in standard errors, from a point of the profile: the
        /// log-likelihood is off by half of it.
        const ACCEPTED: f64 = 1e-5;
        let other = (self.profile.start)(&self.at, pulled.centre);
        if let (Some(metric), None) = (&self.metric, &other)
            && let Some((at, metric)) = climb(pulled, &self.at, metric)
        {
            (self.at, self.metric) = (at, Some(metric));
            return Ok(());
        }
        let starts: Vec<Vec<f64>> = std::iter::once(self.at.clone()).chain(other).collect();
        let optimum = maximize_within(pulled, &starts, ACCEPTED)?;
        let size = optimum.at.len();
        let both = covariances(&optimum, &vec![0.0; size * size]);
        self.metric = both.ok().map(|both| both.model);
        self.at = optimum.at;
        Ok(())
    }
}

/// The log-likelihood, pulled towards parameters that give a value of the quantity.
struct Pulled<'a, O, Q, S> {
    profile: &'a Profile<'a, O, Q, S>,
    weight: f64,
    centre: f64,
}

impl<O, Q, S> Objective for Pulled<'_, O, Q, S>
where
    O: Objective,
    Q: Fn(&[f64]) -> f64,
{
    fn dimension(&self) -> usize {
        self.profile.objective.dimension()
    }

    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
        /// Of the parameters, in logs.
        const STEP: f64 = 1e-5;
        let value = self.profile.objective.evaluate(at, gradient);
        let off = (self.profile.of)(at) - self.centre;
        let mut moved = at.to_vec();
        for i in 0..at.len().min(4) {
            moved[i] = at[i] + STEP;
            let above = (self.profile.of)(&moved);
            moved[i] = at[i] - STEP;
            let below = (self.profile.of)(&moved);
            moved[i] = at[i];
            gradient[i] -= self.weight * off * (above - below) / (2.0 * STEP);
        }
        value - 0.5 * self.weight * off * off
    }

    fn range(&self, parameter: usize) -> (f64, f64) {
        self.profile.objective.range(parameter)
    }
}
