//! The value of a treatment that stays on but whose effects fade after the time for which they
//! were measured.

use super::propagate::{Amount, Propagation};
use super::{Effects, Refusal, Settings, SpendArms, TimingArms, check, check_reach, horizon_days};
use crate::pareto_nbd::ParetoNbd;
use crate::quadrature::rule;
use crate::timing::TimingModel;

/// How the effects of a treatment go on: on the rate of purchase, on the hazard of leaving and on
/// what an order brings alike, all of them shifts of a logarithm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fading {
    /// Days since the beginning of a customer's process for which effects were measured: until then they are
    /// what was estimated, on average.
    pub measured_days: f64,
    /// Days in which an effect halves, counted from the middle of the time measured. Zero: it ends
    /// with that time. Infinite: it does not fade.
    pub half_life_days: f64,
}

impl Fading {
    /// The share of the effects that is left after so many days.
    fn left(&self, days: f64) -> f64 {
        if days <= self.measured_days || self.half_life_days.is_infinite() {
            1.0
        } else if self.half_life_days == 0.0 {
            0.0
        } else {
            (-(days - 0.5 * self.measured_days) / self.half_life_days).exp2()
        }
    }
}

/// Parts of the time after the one measured, each integrated by a rule of 8 nodes.
const PARTS: usize = 64;

/// Incremental value per customer of the test over a horizon, as [`stays_on`](super::stays_on)
/// has it, if the effects fade. With effects `g w(t)` for a share `w` that is left at time t,
///
/// ```text
/// value = m exp(g3 w) (r / alpha) exp(g1 w) (beta / (beta + L(t)))^s e^(-d t), integrated over t
/// L(t)  = exp(g2 w) integrated from 0 to t
/// ```
///
/// less the same without effects. The interval is that of the parameters; the pace of the fading
/// is taken as given, so that several of them show how much hangs on it.
///
/// # Errors
///
/// [`Refusal`]: a lifetime without end, days that are negative or not a number, a horizon that
/// does not reach beyond the time measured, a covariance that is none.
pub fn stays_on_fading(
    timing: &TimingArms<ParetoNbd>,
    spend: &SpendArms,
    fading: Fading,
    settings: &Settings,
) -> Result<Amount, Refusal> {
    let Fading {
        measured_days,
        half_life_days,
    } = fading;
    check("time measured", measured_days, |days| days > 0.0)?;
    if half_life_days.is_nan() || half_life_days < 0.0 {
        return Err(Refusal::InvalidArgument {
            what: "half-life",
            value: half_life_days,
        });
    }
    let horizon = horizon_days(timing, settings)?;
    check("horizon", horizon, |_| true)?;
    check_reach(horizon, measured_days)?;
    let unit = timing.days_per_unit;
    let discount = settings.discount.continuous(unit);
    let (start, end) = (measured_days / unit, horizon / unit);
    let nodes = rule(1);

    let of = |theta: &[f64]| -> Vec<f64> {
        let generic = timing.model(theta, Effects::NONE);
        let treated = timing.model(theta, Effects::ALL);
        let (rate, hazard, more) = (theta[4], theta[5], theta[7]);
        let left = |time: f64| fading.left(time * unit);
        let measured = treated.discounted_expected_transactions_of_new(discount, start);
        let mut value = more.exp() * measured;
        // Time since that beginning, as the generic hazard counts it.
        let mut elapsed = hazard.exp() * start;
        let width = (end - start) / PARTS as f64;
        for part in 0..PARTS {
            let low = start + width * part as f64;
            let lived =
                |time: f64| elapsed + nodes.integrate(low, time, |t| (hazard * left(t)).exp());
            value += nodes.integrate(low, low + width, |time| {
                let effect = ((rate + more) * left(time) - discount * time).exp();
                generic.mean_rate() * effect * generic.probability_of_staying(lived(time))
            });
            elapsed = lived(low + width);
        }
        let without = generic.discounted_expected_transactions_of_new(discount, end);
        vec![theta[6].exp() * (value - without)]
    };
    let propagation = Propagation::of_arms(timing.theta(), &timing.covariance, spend)?;
    Ok(propagation.amounts(settings, of)?[0])
}

#[cfg(test)]
mod tests {
    use super::super::{Horizon, Uncertainty, Window, stays_on};
    use super::*;
    use crate::discount::Discount;

    const MEASURED: f64 = 200.0;

    fn arms() -> TimingArms<ParetoNbd> {
        let mut covariance = vec![0.0; 36];
        for (i, se) in [0.05f64, 0.05, 0.1, 0.15, 0.02, 0.06]
            .into_iter()
            .enumerate()
        {
            covariance[7 * i] = se * se;
        }
        let generic = ParetoNbd::new(0.55, 10.6, 0.61, 60.0).unwrap();
        TimingArms::new(generic, 0.1, -0.25, &covariance, 7.0).unwrap()
    }

    fn spend() -> SpendArms {
        SpendArms {
            generic: 12.0,
            effect: 0.03,
            covariance: [1e-4, -2e-5, -2e-5, 1e-4],
        }
    }

    fn settings(rate: f64) -> Settings {
        Settings {
            horizon: Horizon::Days(2000.0),
            discount: Discount::annual(rate).unwrap(),
            uncertainty: Uncertainty::Delta,
            alpha: 0.05,
        }
    }

    fn value(half_life_days: f64, rate: f64) -> Amount {
        let fading = Fading {
            measured_days: MEASURED,
            half_life_days,
        };
        stays_on_fading(&arms(), &spend(), fading, &settings(rate)).unwrap()
    }

    #[test]
    fn without_fading_it_stays_on() {
        let window = [Window {
            days: MEASURED,
            customers: 1.0,
        }];
        for rate in [0.0, 0.1] {
            let expected = stays_on(&arms(), &spend(), &window, None, &settings(rate)).unwrap();
            let (found, expected) = (value(f64::INFINITY, rate), expected.total.amount);
            assert!((found.value / expected.value - 1.0).abs() < 1e-9);
            assert!((found.standard_error / expected.standard_error - 1.0).abs() < 1e-5);
        }
    }

    /// Effects that end: from then on the generic customer, but for those whom the treatment has
    /// kept: `beta + exp(g2) T` in place of `beta + T`.
    #[test]
    fn an_effect_that_ends_leaves_its_customers() {
        let generic = arms().generic;
        let (until, end) = (MEASURED / 7.0, 2000.0 / 7.0);
        let orders = |model: ParetoNbd, time: f64| model.expected_transactions_of_new(time);
        let treated = generic.shifted(0.1, -0.25);
        let kept = (-0.25f64).exp() * until;
        let later = orders(generic, kept + end - until) - orders(generic, kept);
        let with = 0.03f64.exp() * orders(treated, until) + later;
        let expected = 12.0 * (with - orders(generic, end));
        assert!((value(0.0, 0.0).value / expected - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_slower_it_fades_the_more_it_is_worth() {
        let by_pace = [0.0, 90.0, 400.0, 3000.0, f64::INFINITY].map(|days| value(days, 0.1).value);
        assert!(by_pace.is_sorted_by(|a, b| a < b), "{by_pace:?}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (measured_days, half_life_days) in [(0.0, 30.0), (90.0, -1.0)] {
            let fading = Fading {
                measured_days,
                half_life_days,
            };
            let error = stays_on_fading(&arms(), &spend(), fading, &settings(0.0)).unwrap_err();
            assert!(matches!(error, Refusal::InvalidArgument { .. }), "{error}");
        }
        let late = Fading {
            measured_days: 2001.0,
            half_life_days: 30.0,
        };
        let error = stays_on_fading(&arms(), &spend(), late, &settings(0.0)).unwrap_err();
        assert!(matches!(
            error,
            Refusal::HorizonWithinWindow { window: 2001.0, .. }
        ));
    }
}
