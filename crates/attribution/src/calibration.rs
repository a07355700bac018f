//! Credit held against experiments.
//!
//! A credit model shares out all conversions, an experiment says how many of them a channel
//! caused. The *calibration factor* of a channel is what the experiment measured over what the
//! model credits; what no channel caused would have happened anyway and is a line of its own, the
//! *baseline*.

use stats::{Estimate, NotEstimable, Ratio, Unestimable, ratio_of_estimates, tail};

/// An amount and its standard error, both of the same period and population, in conversions or in
/// units of currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount {
    /// The amount.
    pub estimate: f64,
    /// Its standard error.
    pub se: f64,
}

/// One channel to be calibrated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChannelEvidence {
    /// What a model credits the channel with, with the bootstrap's standard error.
    pub credited: Amount,
    /// What an experiment measured that the channel caused; `None` if it was never tested.
    pub increment: Option<Amount>,
}

/// What becomes of a channel's credit.
#[derive(Debug, Clone, PartialEq)]
pub enum Calibrated {
    /// It was never tested: its credit says nothing of what it caused.
    Untested,
    /// Increment over credit, with Fieller's interval: 1 if the credit is right, 0 if the channel
    /// caused nothing, above 1 if the model credits too little.
    Factor {
        /// The factor with its interval.
        factor: Ratio,
        /// Whether the interval excludes 1: the model is refuted for this channel.
        refuted: bool,
    },
    /// The credit is not clearly away from zero, so that nothing can be said relative to it.
    NoFactor(NotEstimable),
}

/// Channels with their factors, and what none of them caused.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// In the order given.
    pub channels: Vec<Calibrated>,
    /// What would have happened without any of the tested channels: the total less their
    /// increments. With channels that were never tested, it holds what these caused.
    pub baseline: Estimate,
    /// Credit of the channels that were never tested.
    pub untested_credit: f64,
}

/// Holds the credits against the experiments at confidence `1 − alpha`.
///
/// Credit and increment are taken as independent: they come from different customers, or the
/// experiment is small beside all journeys. `total` is all that happened, known without error.
/// The baseline is `total` less `together` if given, the increment of all channels against none
/// from one experiment; else less the sum of the channels' increments, taken as independent and
/// additive.
///
/// # Errors
///
/// [`Unestimable`] for amounts that are not finite, negative standard errors, or a level outside
/// (0, 1).
pub fn calibrate(
    channels: &[ChannelEvidence],
    together: Option<Amount>,
    total: f64,
    alpha: f64,
) -> Result<Calibration, Unestimable> {
    if !total.is_finite() {
        return Err(Unestimable::InvalidInput {
            what: "total",
            value: total,
        });
    }
    let calibrated = channels.iter().map(|channel| channel.calibrated(alpha));
    let calibrated = calibrated.collect::<Result<Vec<_>, _>>()?;
    let increments = channels.iter().filter_map(|channel| channel.increment);
    let sum = increments.fold(Amount::NOTHING, |sum, increment| Amount {
        estimate: sum.estimate + increment.estimate,
        se: sum.se.hypot(increment.se),
    });
    let caused = together.unwrap_or(sum);
    caused.check("increment of all channels")?;
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(Unestimable::InvalidAlpha { alpha });
    }
    let estimate = total - caused.estimate;
    let half = -tail::normal_quantile(alpha / 2.0) * caused.se;
    let untested = channels
        .iter()
        .filter(|channel| channel.increment.is_none());
    Ok(Calibration {
        channels: calibrated,
        baseline: Estimate {
            estimate,
            se: caused.se,
            df: f64::INFINITY,
            low: estimate - half,
            high: estimate + half,
        },
        untested_credit: untested.map(|channel| channel.credited.estimate).sum(),
    })
}

impl Amount {
    const NOTHING: Self = Self {
        estimate: 0.0,
        se: 0.0,
    };

    fn check(&self, what: &'static str) -> Result<(), Unestimable> {
        let invalid = |value| Err(Unestimable::InvalidInput { what, value });
        if !self.estimate.is_finite() {
            return invalid(self.estimate);
        }
        if !(self.se.is_finite() && self.se >= 0.0) {
            return invalid(self.se);
        }
        Ok(())
    }
}

impl ChannelEvidence {
    fn calibrated(&self, alpha: f64) -> Result<Calibrated, Unestimable> {
        self.credited.check("credit")?;
        let Some(increment) = self.increment else {
            return Ok(Calibrated::Untested);
        };
        increment.check("increment")?;
        let factor = ratio_of_estimates(
            increment.estimate,
            self.credited.estimate,
            increment.se.powi(2),
            self.credited.se.powi(2),
            0.0,
            f64::INFINITY,
            alpha,
        )?;
        Ok(match factor {
            Ok(factor) => Calibrated::Factor {
                factor,
                refuted: factor.low > 1.0 || factor.high < 1.0,
            },
            Err(reason) => Calibrated::NoFactor(reason),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(estimate: f64, se: f64) -> Amount {
        Amount { estimate, se }
    }

    #[test]
    fn factor_baseline_and_untested() {
        let channels = [
            ChannelEvidence {
                credited: amount(1000.0, 20.0),
                increment: Some(amount(250.0, 50.0)),
            },
            ChannelEvidence {
                credited: amount(300.0, 10.0),
                increment: None,
            },
            ChannelEvidence {
                credited: amount(1.0, 5.0),
                increment: Some(amount(2.0, 1.0)),
            },
        ];
        let found = calibrate(&channels, None, 1301.0, 0.05).unwrap();
        let Calibrated::Factor { factor, refuted } = &found.channels[0] else {
            panic!("{found:?}")
        };
        assert!(*refuted && factor.estimate == 0.25);
        // The delta method is close where the credit is sure: se 0.0503.
        let se = 0.25 * (0.2_f64.powi(2) + 0.02_f64.powi(2)).sqrt();
        assert!((factor.low - (0.25 - 1.96 * se)).abs() < 1e-3);
        assert!((factor.high - (0.25 + 1.96 * se)).abs() < 1e-3);
        assert_eq!(found.channels[1], Calibrated::Untested);
        assert!(matches!(found.channels[2], Calibrated::NoFactor(_)));
        assert_eq!(found.baseline.estimate, 1301.0 - 252.0);
        assert!((found.baseline.se - 2501_f64.sqrt()).abs() < 1e-12);
        assert_eq!(found.untested_credit, 300.0);

        let together = Some(amount(400.0, 30.0));
        let found = calibrate(&channels, together, 1301.0, 0.05).unwrap();
        assert_eq!(found.baseline.estimate, 901.0);
        assert_eq!(found.baseline.se, 30.0);
    }

    #[test]
    fn invalid_amounts_are_refused() {
        let channel = |credited, increment| {
            [ChannelEvidence {
                credited,
                increment,
            }]
        };
        let fine = amount(1.0, 0.1);
        let wrong = [
            calibrate(&channel(amount(f64::NAN, 0.1), None), None, 1.0, 0.05),
            calibrate(&channel(fine, Some(amount(1.0, -1.0))), None, 1.0, 0.05),
            calibrate(&channel(fine, None), None, f64::INFINITY, 0.05),
            calibrate(&channel(fine, None), None, 1.0, 1.0),
        ];
        assert!(wrong.iter().all(Result::is_err));
    }
}
