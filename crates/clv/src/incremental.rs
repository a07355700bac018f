//! What a treatment that was randomized between customers adds to their lifetime value.
//!
//! One model is fitted to both arms, in which the treatment multiplies the rate of
//! purchase, the hazard of leaving and what an order is worth. Averaging the predictions
//! of a model that does not know the arms, by arm, is off by half or more, with either
//! sign. What is asked must be declared, because the same fit answers both:
//!
//! * [`stays_on`]: the value, over a horizon, of a treatment that does not end, per
//!   customer of the test, `m_1 E_1(H) - m_0 E_0(H)`.
//! * [`stops`](fn@stops): the value of what the treatment has already done to the customers of the
//!   test, who keep their state and lose the effect.
//!
//! Money is margin per customer, discounted to the beginning of the customer's process in
//! the test: the first purchase, which is itself not counted, or the assignment of who had
//! bought before. The model takes every customer to be alive at that beginning. Of new
//! customers that is so, and [`stays_on`] is the value of treating such customers. Of who had
//! bought before it is not: some have left by then, the hazard that is fitted holds them, and
//! the value is per customer of this test, of the mix that it had, and of nobody else.

mod fading;
mod propagate;
mod stops;

pub use fading::{Fading, stays_on_fading};
pub use propagate::{Amount, Uncertainty};
pub use stops::{ArmHistory, Stops, stops};

use crate::discount::{DAYS_PER_YEAR, Discount};
use crate::gamma_gamma::{GammaGammaFit, InfiniteMeanSpend};
use crate::inference::CovarianceKind;
use crate::information::{congruence, delta_se};
use crate::linear;
use crate::timing::{Effect, TimingFit, TimingModel};
use propagate::Propagation;
use stats::tail::normal_quantile;

/// A model of purchase timing in two arms.
#[derive(Debug, Clone)]
pub struct TimingArms<M> {
    /// Model of customers without the treatment.
    pub generic: M,
    /// Shift of the log rate of purchase by the treatment.
    pub rate_effect: f64,
    /// Shift of the log hazard of leaving (or of the log-odds of leaving after a
    /// purchase) by the treatment.
    pub attrition_effect: f64,
    /// Days in the model's unit of time.
    pub days_per_unit: f64,
    /// Covariance, row-major, of the scale-free parameters of `generic`, the rate effect
    /// and the attrition effect.
    covariance: Vec<f64>,
}

/// Parameters of [`TimingArms`].
const TIMING: usize = 6;

/// Margin per order in two arms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpendArms {
    /// Mean margin per order without the treatment.
    pub generic: f64,
    /// Shift of its logarithm by the treatment.
    pub effect: f64,
    /// Covariance of `(ln generic, effect)`, row-major.
    pub covariance: [f64; 4],
}

/// How far value is counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Horizon {
    /// This many days after the beginning of a customer's process.
    Days(f64),
    /// All of a customer's life. Refused where nothing bounds it.
    Lifetime,
}

/// How increments are computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How far value is counted.
    pub horizon: Horizon,
    /// Discount.
    pub discount: Discount,
    /// How the uncertainty of the parameters is carried into results.
    pub uncertainty: Uncertainty,
    /// One minus the level of the intervals.
    pub alpha: f64,
}

/// Why there is no incremental value.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No attrition that could bound a lifetime is visible.
    #[error(
        "the lifetime is unbounded: the shape of attrition is {shape:.3}, at least {low:.3}, and must be above 1; a value within some years can be given instead"
    )]
    UnboundedLifetime {
        /// The shape parameter.
        shape: f64,
        /// Lower limit of its interval.
        low: f64,
    },
    /// The mean of an order is infinite.
    #[error(transparent)]
    InfiniteMeanSpend(#[from] InfiniteMeanSpend),
    /// The fit holds no effect of the treatment where one is needed.
    #[error("the fit has no effect of covariate {covariate} on {what}, or it cannot be told")]
    NoEffect {
        /// The covariate, by its place in the table.
        covariate: usize,
        /// On what.
        what: &'static str,
    },
    /// An argument is outside its domain.
    #[error("the {what} cannot be {value}")]
    InvalidArgument {
        /// Which one.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// The horizon ends before what was observed does, so that nothing is left to model.
    #[error(
        "the horizon of {horizon:.0} days ends within the {window:.0} days that customers were observed, of which the \
         difference is measured: use a longer one"
    )]
    HorizonWithinWindow {
        /// Days of the horizon.
        horizon: f64,
        /// Days that customers were observed, at the longest.
        window: f64,
    },
    /// One arm holds nobody.
    #[error("the {arm} arm holds nobody")]
    EmptyArm {
        /// Which arm.
        arm: &'static str,
    },
    /// The covariance given is not one.
    #[error("the covariance of the parameters is not positive definite")]
    InvalidCovariance,
}

/// Increment by what the treatment changed: each the average, over the six orders in
/// which the three effects can be switched on, of what it adds (the Shapley value). They
/// sum to the increment exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// More purchases while customers stay.
    pub often: Amount,
    /// Customers who stay longer.
    pub longer: Amount,
    /// More margin per order.
    pub more: Amount,
}

/// An increment with its split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Increment {
    /// The increment.
    pub amount: Amount,
    /// What it is made of.
    pub split: Split,
}

/// Incremental lifetime value of a treatment that stays on, per treated customer of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StaysOn {
    /// Over the whole horizon, by the model.
    pub total: Increment,
    /// Its part within the window of the test, by the model: to be held against what was
    /// measured there without a model.
    pub window: Increment,
    /// Its part from the end of the window to twelve months.
    pub to_twelve_months: Increment,
    /// Its part beyond.
    pub beyond: Increment,
    /// Share of the total after the window, which no data of the test show. Not between
    /// 0 and 1 where the parts differ in sign; none of a total of zero.
    pub extrapolated: Option<f64>,
    /// What comes after the horizon, not in the total; only where there is a discount
    /// and a horizon.
    pub tail: Option<Amount>,
    /// What was measured in the window.
    pub measured: Option<Measured>,
}

/// A difference between the arms in margin per customer within the window of the test,
/// measured without a model of customers (for instance adjusted by what was known
/// before).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Treated less generic.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// Days that customers were observed from the beginning of their process, and how many were.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Days.
    pub days: f64,
    /// Customers.
    pub customers: f64,
}

impl<M: TimingModel> TimingArms<M> {
    /// From parameters: the model without the treatment, the shifts of the log rate and
    /// of attrition, and the 6 by 6 covariance, row-major, of the logarithms of the
    /// model's parameters in their order and of the two shifts.
    ///
    /// # Errors
    ///
    /// A covariance of another size, or not finite; effects or days that are not finite.
    pub fn new(
        generic: M,
        rate_effect: f64,
        attrition_effect: f64,
        covariance: &[f64],
        days_per_unit: f64,
    ) -> Result<Self, Refusal> {
        if covariance.len() != TIMING * TIMING || covariance.iter().any(|v| !v.is_finite()) {
            return Err(Refusal::InvalidCovariance);
        }
        check("effect on the rate", rate_effect, |_| true)?;
        check("effect on attrition", attrition_effect, |_| true)?;
        check("number of days per unit", days_per_unit, |days| days > 0.0)?;
        // The scale-free parameters by the logarithms: (J' J)^-1 J', padded by ones for
        // the effects.
        let jacobian = generic.ln_parameter_jacobian().concat();
        let column = |i: usize| -> Vec<f64> { (0..4).map(|k| jacobian[4 * k + i]).collect() };
        let squares: Vec<f64> = (0..16)
            .map(|place| linear::dot(&column(place / 4), &column(place % 4)))
            .collect();
        let inverse = linear::inverse(&squares, 4).ok_or(Refusal::InvalidCovariance)?;
        let mut back = vec![0.0; TIMING * TIMING];
        for i in 0..4 {
            for j in 0..4 {
                back[TIMING * i + j] =
                    linear::dot(&inverse[4 * i..4 * i + 4], &jacobian[4 * j..4 * j + 4]);
            }
        }
        for i in 4..TIMING {
            back[TIMING * i + i] = 1.0;
        }
        Ok(TimingArms {
            generic,
            rate_effect,
            attrition_effect,
            days_per_unit,
            covariance: congruence(&back, covariance, TIMING),
        })
    }

    /// From a fit in which a covariate, 0 or 1, is the treatment. Other covariates are
    /// taken to be zero. Where no attrition is visible, the treatment is taken not to
    /// change it.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoEffect`] where the fit does not hold the effect on the rate, or holds
    /// none on an attrition that is visible.
    pub fn from_fit(
        fit: &TimingFit<M>,
        covariate: usize,
        days_per_unit: f64,
    ) -> Result<Self, Refusal> {
        let missing = |what| Refusal::NoEffect { covariate, what };
        let place = |effects: &[Effect]| {
            effects
                .iter()
                .position(|effect| effect.covariate == covariate && effect.standard_error.is_some())
        };
        let rate = place(&fit.rate_effects).ok_or(missing("the rate of purchase"))?;
        let attrition = place(&fit.attrition_effects);
        if attrition.is_none() && !fit.sees_no_attrition() {
            return Err(missing("attrition"));
        }
        let searched = fit.at.len();
        let scale = fit.scales[covariate];
        // Where each parameter is among the searched ones, and per how much of it.
        let places = [
            Some((0, 1.0)),
            Some((1, 1.0)),
            Some((2, 1.0)),
            Some((3, 1.0)),
            Some((4 + rate, 1.0 / scale)),
            attrition.map(|i| (4 + fit.rate_effects.len() + i, 1.0 / scale)),
        ];
        let matrix = fit.covariance.matrix(CovarianceKind::Sandwich);
        let between = |a: Option<(usize, f64)>, b: Option<(usize, f64)>| match (a, b) {
            (Some((i, a)), Some((j, b))) => a * b * matrix[i * searched + j],
            _ => 0.0,
        };
        let covariance = places
            .iter()
            .flat_map(|&a| places.iter().map(move |&b| between(a, b)))
            .collect();
        Ok(TimingArms {
            generic: fit.model,
            rate_effect: fit.rate_effects[rate].value,
            attrition_effect: attrition.map_or(0.0, |i| fit.attrition_effects[i].value),
            days_per_unit,
            covariance,
        })
    }

    /// Parameters in the order of `covariance`.
    fn theta(&self) -> Vec<f64> {
        let mut theta = self.generic.scale_free().to_vec();
        theta.extend([self.rate_effect, self.attrition_effect]);
        theta
    }

    /// The model with the effects that are switched on, at parameters like
    /// [`theta`](Self::theta).
    fn model(&self, theta: &[f64], effects: Effects) -> M {
        let mut eta = [theta[0], theta[1], theta[2], theta[3]];
        if effects.rate {
            eta[1] += theta[4];
        }
        if effects.attrition {
            eta[3] += theta[5];
        }
        self.generic.at_scale_free(eta)
    }

    /// The smaller of the two arms' shapes of attrition, and the lower limit of its
    /// interval. A mean lifetime is finite above one.
    fn attrition_shape(&self, alpha: f64) -> (f64, f64) {
        let ln_shape = |theta: &[f64]| {
            let shape = |effects| self.model(theta, effects).parameters()[2];
            shape(Effects::NONE).min(shape(Effects::ALL)).ln()
        };
        let theta = self.theta();
        let estimate = ln_shape(&theta);
        let se = delta_se(&theta, &self.covariance, ln_shape);
        let reach = normal_quantile(1.0 - 0.5 * alpha) * se;
        (estimate.exp(), (estimate - reach).exp())
    }
}

impl SpendArms {
    /// Every order is worth this much in both arms: 1 counts orders.
    pub fn fixed(worth: f64) -> Self {
        SpendArms {
            generic: worth,
            effect: 0.0,
            covariance: [0.0; 4],
        }
    }

    /// From a fit of spend whose covariate of this place, 0 or 1, is the treatment, and
    /// the share of spend that is margin. Other covariates are taken to be zero.
    ///
    /// # Errors
    ///
    /// An infinite mean spend; a covariate that the fit does not have; a margin that is
    /// not positive.
    pub fn from_fit(fit: &GammaGammaFit, covariate: usize, margin: f64) -> Result<Self, Refusal> {
        let size = 3 + fit.parameters.effects.len();
        let Some(&effect) = fit.parameters.effects.get(covariate) else {
            return Err(Refusal::NoEffect {
                covariate,
                what: "spend",
            });
        };
        check("margin", margin, |value| value > 0.0)?;
        // The mean is exp(ln p + ln gamma) / (q - 1).
        let none = vec![0.0; size - 3];
        let mean = fit.parameters.population_mean(&none)?;
        let q = fit.parameters.q;
        let mut jacobian = vec![0.0; 2 * size];
        jacobian[..3].copy_from_slice(&[1.0, -q / (q - 1.0), 1.0]);
        jacobian[size + 3 + covariate] = 1.0;
        let both = congruence(&jacobian, &fit.covariance, size);
        Ok(SpendArms {
            generic: margin * mean,
            effect,
            covariance: [both[0], both[1], both[2], both[3]],
        })
    }
}

/// Which effects of the treatment on timing are at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Effects {
    rate: bool,
    attrition: bool,
}

impl Effects {
    const NONE: Effects = Effects {
        rate: false,
        attrition: false,
    };
    const ALL: Effects = Effects {
        rate: true,
        attrition: true,
    };
}

/// Incremental value of a treatment that stays on, per customer of the test, over a horizon
/// that begins with their process. `windows` are the times that the customers of the test
/// were observed.
///
/// The measured difference, where given, is reported beside the model's value of the same
/// window; it does not enter the total.
///
/// # Errors
///
/// [`Refusal`]: an unbounded lifetime; no window, or one that is not positive and finite;
/// a horizon shorter than the longest window; a covariance that is none.
pub fn stays_on<M: TimingModel>(
    timing: &TimingArms<M>,
    spend: &SpendArms,
    windows: &[Window],
    measured: Option<Measured>,
    settings: &Settings,
) -> Result<StaysOn, Refusal> {
    let longest = check_windows(windows)?;
    let horizon = horizon_days(timing, settings)?;
    check_reach(horizon, longest)?;
    let customers: f64 = windows.iter().map(|window| window.customers).sum();
    let unit = timing.days_per_unit;
    let delta = settings.discount.continuous(unit);

    let of = |theta: &[f64]| -> Vec<f64> {
        let (mean, effect) = (theta[6].exp(), theta[7]);
        // By rate, attrition: in the window, to twelve months, to the horizon, after it.
        let corners = [(false, false), (true, false), (false, true), (true, true)].map(
            |(rate, attrition)| {
                let model = timing.model(theta, Effects { rate, attrition });
                let until =
                    |days: f64| model.discounted_expected_transactions_of_new(delta, days / unit);
                let (mut window, mut year) = (0.0, 0.0);
                let in_year = until(DAYS_PER_YEAR.min(horizon));
                for &Window {
                    days,
                    customers: weight,
                } in windows
                {
                    let orders = until(days);
                    window += weight * orders;
                    year += weight
                        * if days < DAYS_PER_YEAR {
                            in_year
                        } else {
                            orders
                        };
                }
                let (window, year) = (window / customers, year / customers);
                let all = until(horizon);
                let after = if has_tail(settings) {
                    until(f64::INFINITY) - all
                } else {
                    0.0
                };
                [window, year - window, all - year, after].map(|orders| mean * orders)
            },
        );
        let mut outputs = vec![0.0; 16];
        for period in 0..4 {
            let value = |effects: usize, more: bool| {
                let value = corners[effects][period];
                if more { value * effect.exp() } else { value }
            };
            let parts = split(value);
            outputs[4 * period + 1..4 * period + 4].copy_from_slice(&parts);
            outputs[4 * period] = value(3, true) - value(0, false);
        }
        for i in 0..4 {
            let sum = outputs[i] + outputs[4 + i] + outputs[8 + i];
            outputs.push(sum);
        }
        outputs
    };
    let propagation = Propagation::of_arms(timing.theta(), &timing.covariance, spend)?;
    let amounts = propagation.amounts(settings, of)?;
    let increment = |period: usize| Increment {
        amount: amounts[4 * period],
        split: Split {
            often: amounts[4 * period + 1],
            longer: amounts[4 * period + 2],
            more: amounts[4 * period + 3],
        },
    };
    let total = increment(4);
    let window = increment(0);
    Ok(StaysOn {
        total,
        window,
        to_twelve_months: increment(1),
        beyond: increment(2),
        extrapolated: share_after(window.amount.value, total.amount.value),
        tail: has_tail(settings).then(|| amounts[12]),
        measured,
    })
}

/// Often, longer, more, from the values at all combinations of effects: those on timing
/// are 0 none, 1 rate, 2 attrition, 3 both.
///
/// The Shapley value of three: an effect's contribution is weighted by 1/3 when it comes
/// first, by 1/6 after either other one, and by 1/3 when it comes last.
fn split(value: impl Fn(usize, bool) -> f64) -> [f64; 3] {
    let often = (value(1, false) - value(0, false)) / 3.0
        + (value(3, false) - value(2, false)) / 6.0
        + (value(1, true) - value(0, true)) / 6.0
        + (value(3, true) - value(2, true)) / 3.0;
    let longer = (value(2, false) - value(0, false)) / 3.0
        + (value(3, false) - value(1, false)) / 6.0
        + (value(2, true) - value(0, true)) / 6.0
        + (value(3, true) - value(1, true)) / 3.0;
    let more = (value(0, true) - value(0, false)) / 3.0
        + (value(1, true) - value(1, false)) / 6.0
        + (value(2, true) - value(2, false)) / 6.0
        + (value(3, true) - value(3, false)) / 3.0;
    [often, longer, more]
}

/// Share of a total that comes after a part of it.
fn share_after(part: f64, total: f64) -> Option<f64> {
    (total != 0.0).then(|| 1.0 - part / total)
}

fn has_tail(settings: &Settings) -> bool {
    settings.discount != Discount::NONE && settings.horizon != Horizon::Lifetime
}

/// Days of the horizon; infinite for a lifetime that is bounded.
fn horizon_days<M: TimingModel>(
    timing: &TimingArms<M>,
    settings: &Settings,
) -> Result<f64, Refusal> {
    check("alpha", settings.alpha, |alpha| alpha > 0.0 && alpha < 1.0)?;
    check("number of days per unit", timing.days_per_unit, |days| {
        days > 0.0
    })?;
    match settings.horizon {
        Horizon::Days(days) => check("horizon", days, |days| days > 0.0).map(|()| days),
        Horizon::Lifetime => {
            let (shape, low) = timing.attrition_shape(settings.alpha);
            if low.is_nan() || low <= 1.0 {
                return Err(Refusal::UnboundedLifetime { shape, low });
            }
            Ok(f64::INFINITY)
        }
    }
}

/// The longest window.
fn check_windows(windows: &[Window]) -> Result<f64, Refusal> {
    for window in windows {
        check("window", window.days, |days| days > 0.0)?;
        check("number of customers", window.customers, |n| n > 0.0)?;
    }
    let longest = windows.iter().map(|window| window.days).fold(0.0, f64::max);
    check("number of windows", windows.len() as f64, |n| n > 0.0)?;
    Ok(longest)
}

/// Refuses a horizon that does not reach beyond what was observed, both in days.
fn check_reach(horizon: f64, window: f64) -> Result<(), Refusal> {
    if horizon < window {
        return Err(Refusal::HorizonWithinWindow { horizon, window });
    }
    Ok(())
}

/// Refuses an argument that is infinite, not a number or not in its domain.
fn check(what: &'static str, value: f64, valid: impl Fn(f64) -> bool) -> Result<(), Refusal> {
    if value.is_finite() && valid(value) {
        Ok(())
    } else {
        Err(Refusal::InvalidArgument { what, value })
    }
}
