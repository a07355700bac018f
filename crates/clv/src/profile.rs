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
use crate::information::delta_se;
use crate::optimize::{Objective, maximize};
use crate::pareto_nbd::ParetoNbd;
use crate::table::CustomerTable;
use crate::timing::{Family, TableLikelihood, TimingFit, TimingModel};
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
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(FitError::InvalidArgument {
                what: "level alpha",
                value: alpha,
            });
        }
        let family = self.model.family();
        let objective = self.objective(family, table);
        let profile = Profile {
            drop: 0.5 * chi_square_quantile(1.0 - alpha, 1.0),
            of: |at: &[f64]| quantity(&family.model([at[0], at[1], at[2], at[3]], self.unit)),
            objective: &objective,
            fit: self,
        };
        Ok(ProfileInterval {
            value: (profile.of)(&self.at),
            low: profile.limit(-1.0)?,
            high: profile.limit(1.0)?,
        })
    }
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

/// The profile of a quantity of the searched parameters.
struct Profile<'a, M: TimingModel, Q> {
    objective: &'a TableLikelihood<'a, M::Family>,
    fit: &'a TimingFit<M>,
    of: Q,
    /// Fall of the log-likelihood at the limits.
    drop: f64,
}

impl<M: TimingModel, Q: Fn(&[f64]) -> f64 + Sync> Profile<'_, M, Q> {
    /// The limit in a direction.
    fn limit(&self, direction: f64) -> Result<Option<f64>, FitError> {
        /// Doublings of the distance after which there is no limit.
        const DOUBLINGS: usize = 30;
        let covariance = self.fit.covariance.matrix(CovarianceKind::Information);
        let estimate = (self.of)(&self.fit.at);
        let error = delta_se(&self.fit.at, covariance, &self.of);
        // At an end of the parameter space there is none.
        let scale = if error > 0.0 {
            error
        } else {
            estimate.abs().max(1.0)
        };
        let mut walk = Walk::new(self, scale);
        let mut inside = (0.0, self.drop);
        let mut distance = 2.0;
        for _ in 0..DOUBLINGS {
            let step = walk.to(estimate + direction * distance * scale)?;
            if step.excess < 0.0 {
                return walk.narrow(estimate, direction * scale, inside, (distance, step.excess));
            }
            // The parameter space may end before the likelihood falls.
            let moved = (step.quantity - estimate).abs();
            if moved < 1e-3 * distance * scale {
                return Ok(None);
            }
            inside = (distance, step.excess);
            distance *= 2.0;
        }
        Ok(None)
    }
}

/// A walk along the profile, each point searched from the last one.
struct Walk<'a, M: TimingModel, Q> {
    profile: &'a Profile<'a, M, Q>,
    weight: f64,
    top: f64,
    at: Vec<f64>,
}

/// A point of the profile.
struct Point {
    quantity: f64,
    /// Log-likelihood above that of the limit.
    excess: f64,
}

impl<'a, M: TimingModel, Q: Fn(&[f64]) -> f64 + Sync> Walk<'a, M, Q> {
    fn new(profile: &'a Profile<'a, M, Q>, scale: f64) -> Self {
        /// Curvature of the pull, in units of that of the likelihood.
        const PULL: f64 = 4.0;
        let at = profile.fit.at.clone();
        Walk {
            weight: PULL / (scale * scale),
            top: profile.objective.evaluate(&at, &mut vec![0.0; at.len()]),
            profile,
            at,
        }
    }

    /// The point to which a centre pulls.
    fn to(&mut self, centre: f64) -> Result<Point, FitError> {
        let pulled = Pulled {
            profile: self.profile,
            weight: self.weight,
            centre,
        };
        self.at = maximize(&pulled, std::slice::from_ref(&self.at))?.at;
        let mut unused = vec![0.0; self.at.len()];
        let value = self.profile.objective.evaluate(&self.at, &mut unused);
        Ok(Point {
            quantity: (self.profile.of)(&self.at),
            excess: value - self.top + self.profile.drop,
        })
    }

    /// The quantity where the excess is zero, between two distances of the centre with
    /// their excesses, by the Illinois variant of false position.
    fn narrow(
        &mut self,
        estimate: f64,
        unit: f64,
        mut inside: (f64, f64),
        mut outside: (f64, f64),
    ) -> Result<Option<f64>, FitError> {
        /// Of a log-likelihood: a millionth of a standard error, nearly.
        const NEAR: f64 = 1e-7;
        const STEPS: usize = 60;
        let mut quantity = None;
        for _ in 0..STEPS {
            let share = inside.1 / (inside.1 - outside.1);
            let distance = inside.0 + share * (outside.0 - inside.0);
            let point = self.to(estimate + unit * distance)?;
            quantity = Some(point.quantity);
            if point.excess.abs() < NEAR {
                break;
            }
            if point.excess > 0.0 {
                inside = (distance, point.excess);
                outside.1 *= 0.5;
            } else {
                outside = (distance, point.excess);
                inside.1 *= 0.5;
            }
        }
        Ok(quantity)
    }
}

/// The log-likelihood, pulled towards parameters that give a value of the quantity.
struct Pulled<'a, M: TimingModel, Q> {
    profile: &'a Profile<'a, M, Q>,
    weight: f64,
    centre: f64,
}

impl<M: TimingModel, Q: Fn(&[f64]) -> f64 + Sync> Objective for Pulled<'_, M, Q> {
    fn dimension(&self) -> usize {
        self.profile.objective.dimension()
    }

    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
        /// Of the parameters, in logs.
        const STEP: f64 = 1e-5;
        let value = self.profile.objective.evaluate(at, gradient);
        let off = (self.profile.of)(at) - self.centre;
        let mut moved = at.to_vec();
        for i in 0..4 {
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
