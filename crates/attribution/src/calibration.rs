//! Credit held against experiments.
//!
//! A credit model shares out all conversions, an experiment says how many of them a channel
//! caused. The *calibration factor* of a channel is what the experiment measured over what the
//! model credits; what no channel caused would have happened anyway and is a line of its own, the
//! *baseline*.

use std::collections::BTreeMap;

use stats::{Estimate, NotEstimable, Ratio, Unestimable, ratio_of_estimates, tail};

/// An amount and its standard error, in conversions or in units of currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount {
    /// The amount.
    pub estimate: f64,
    /// Its standard error.
    pub se: f64,
}

/// A calibration factor: 1 if the credit is right, 0 if the channel caused nothing, above 1 if the
/// model credits too little.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factor {
    /// Increment over credit, with Fieller's interval.
    pub ratio: Ratio,
    /// Its standard error by the delta method.
    pub se: f64,
    /// Whether the interval excludes 1: the model is refuted for this channel.
    pub refuted: bool,
}

/// The factor of a channel at confidence `1 − alpha`: what an experiment measured that it caused
/// over what a model credits it with, both of the same customers and period.
///
/// Credit and increment are taken as independent. Customers who buy more raise both, so that the
/// interval is rather too wide than too narrow. With `r` the ratio and `C` the credit, the delta
/// method's standard error is `√(Var(increment) + r² Var(C)) / |C|`.
///
/// # Errors
///
/// [`Unestimable`] for amounts that are not finite, negative standard errors, or a level outside
/// (0, 1). [`NotEstimable`] inside where the credit is not clearly away from zero, so that nothing
/// can be said relative to it.
pub fn factor(
    credited: Amount,
    increment: Amount,
    alpha: f64,
) -> Result<Result<Factor, NotEstimable>, Unestimable> {
    credited.check("credit")?;
    increment.check("increment")?;
    let ratio = ratio_of_estimates(
        increment.estimate,
        credited.estimate,
        increment.se.powi(2),
        credited.se.powi(2),
        0.0,
        f64::INFINITY,
        alpha,
    )?;
    Ok(ratio.map(|ratio| Factor {
        ratio,
        se: increment.se.hypot(ratio.estimate * credited.se) / credited.estimate.abs(),
        refuted: ratio.low > 1.0 || ratio.high < 1.0,
    }))
}

impl Factor {
    /// What the channel caused where a model credits it with `credit`, if the factor holds there.
    ///
    /// The credit is taken as it is: it shares out the very journeys that are asked about.
    pub fn times(&self, credit: f64) -> Estimate {
        let (one, other) = (self.ratio.low * credit, self.ratio.high * credit);
        Estimate {
            estimate: self.ratio.estimate * credit,
            se: self.se * credit.abs(),
            df: f64::INFINITY,
            low: one.min(other),
            high: one.max(other),
        }
    }
}

/// What a channel caused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Caused {
    /// How much.
    pub amount: Amount,
    /// The part of its error that other channels' amounts have too; `None` if none of it.
    pub shared: Option<SharedError>,
}

/// The error of a control's mean, which is in all that was measured against this control.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedError {
    /// Which control: the same number for amounts measured against the same one.
    pub control: usize,
    /// By how much one standard error of the control's mean lowers the amount; negative if it
    /// raises it.
    pub se: f64,
}

/// What would have happened without the channels, at confidence `1 − alpha`: `total`, which is
/// known without error, less what each of them caused, taken as additive. With channels that were
/// never tested, it holds what these caused.
///
/// Amounts measured against one control are too great together where its mean is too small: for
/// arms of `nᵢ` and `nⱼ` customers, `Cov = nᵢ nⱼ Var(control mean)`. Apart from that they are taken
/// as independent. With `σ` the standard errors and `c` their shared parts,
/// `Var = Σ (σᵢ² − cᵢ²) + Σ over controls (Σ cᵢ)²`.
///
/// # Errors
///
/// As of [`factor`].
pub fn baseline(caused: &[Caused], total: f64, alpha: f64) -> Result<Estimate, Unestimable> {
    let finite = |what, value: f64| match value.is_finite() {
        true => Ok(()),
        false => Err(Unestimable::InvalidInput { what, value }),
    };
    finite("total", total)?;
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(Unestimable::InvalidAlpha { alpha });
    }
    let (mut estimate, mut variance) = (total, 0.0);
    let mut controls: BTreeMap<usize, f64> = BTreeMap::new();
    for Caused { amount, shared } in caused {
        amount.check("what a channel caused")?;
        estimate -= amount.estimate;
        let mut own = amount.se.powi(2);
        if let Some(SharedError { control, se }) = shared {
            finite("shared error", *se)?;
            *controls.entry(*control).or_default() += se;
            own = (own - se.powi(2)).max(0.0);
        }
        variance += own;
    }
    variance += controls.values().map(|sum| sum.powi(2)).sum::<f64>();
    let se = variance.sqrt();
    let half = -tail::normal_quantile(alpha / 2.0) * se;
    Ok(Estimate {
        estimate,
        se,
        df: f64::INFINITY,
        low: estimate - half,
        high: estimate + half,
    })
}

impl Amount {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(estimate: f64, se: f64) -> Amount {
        Amount { estimate, se }
    }

    fn alone(estimate: f64, se: f64) -> Caused {
        Caused {
            amount: amount(estimate, se),
            shared: None,
        }
    }

    #[test]
    fn factors_have_both_uncertainties() {
        let found = factor(amount(1000.0, 20.0), amount(250.0, 50.0), 0.05);
        let found = found.unwrap().unwrap();
        assert!(found.refuted && found.ratio.estimate == 0.25);
        // The delta method is close where the credit is sure: se 0.0503.
        let se = 0.25 * (0.2_f64.powi(2) + 0.02_f64.powi(2)).sqrt();
        assert!((found.se - se).abs() < 1e-15);
        assert!((found.ratio.low - (0.25 - 1.96 * se)).abs() < 1e-3);
        assert!((found.ratio.high - (0.25 + 1.96 * se)).abs() < 1e-3);
        let unclear = factor(amount(1.0, 5.0), amount(2.0, 1.0), 0.05).unwrap();
        assert!(unclear.is_err());
    }

    #[test]
    fn what_was_caused_is_as_unsure_as_the_credit_it_is_relative_to() {
        // 50 ± 5 of a credit of 100 ± 20: √(5² + (0.5 · 20)²) = 11.18, and not 5.
        let found = factor(amount(100.0, 20.0), amount(50.0, 5.0), 0.05);
        let caused = found.unwrap().unwrap().times(100.0);
        assert_eq!(caused.estimate, 50.0);
        assert!((caused.se - 125_f64.sqrt()).abs() < 1e-12);
        assert!(caused.low < 50.0 - 1.9 * 5.0 && caused.high > 50.0 + 1.9 * 11.18);
    }

    #[test]
    fn a_baseline_takes_off_what_each_channel_caused() {
        let caused = [alone(250.0, 50.0), alone(2.0, 1.0)];
        let found = baseline(&caused, 1301.0, 0.05).unwrap();
        assert_eq!(found.estimate, 1301.0 - 252.0);
        assert!((found.se - 2501_f64.sqrt()).abs() < 1e-12);
    }

    /// The means of two arms and of their control, drawn many times: the standard deviation of what
    /// is left of the total is the standard error.
    #[test]
    fn arms_of_one_experiment_share_the_error_of_its_control() {
        let (customers, spread) = ([3_000.0_f64, 1_000.0], 2.0_f64);
        let control = spread / 1_500_f64.sqrt();
        let caused: Vec<Caused> = customers
            .iter()
            .map(|&n| Caused {
                amount: amount(0.0, n * (spread / n.sqrt()).hypot(control)),
                shared: Some(SharedError {
                    control: 7,
                    se: n * control,
                }),
            })
            .collect();
        let found = baseline(&caused, 0.0, 0.05).unwrap();

        let mut random = stats::random::SplitMix64::new(11);
        // The sum of twelve uniform numbers has variance 1.
        let mut normal = || (0..12).map(|_| random.uniform()).sum::<f64>() - 6.0;
        let runs = 20_000;
        let mut squares = 0.0;
        for _ in 0..runs {
            let control = normal() * control;
            let arms = customers.map(|n| n * (normal() * spread / n.sqrt() - control));
            squares += arms.iter().sum::<f64>().powi(2);
        }
        let simulated = (squares / f64::from(runs)).sqrt();
        assert!(
            (found.se / simulated - 1.0).abs() < 0.025,
            "{} {simulated}",
            found.se
        );
        // Against controls of their own, the amounts are independent.
        let apart = [
            caused[0],
            Caused {
                shared: caused[1].shared.map(|shared| SharedError {
                    control: 8,
                    ..shared
                }),
                ..caused[1]
            },
        ];
        let apart = baseline(&apart, 0.0, 0.05).unwrap();
        let independent = caused[0].amount.se.hypot(caused[1].amount.se);
        assert!((apart.se / independent - 1.0).abs() < 1e-12);
        assert!(apart.se < 0.9 * simulated);
    }

    #[test]
    fn invalid_amounts_are_refused() {
        let fine = amount(1.0, 0.1);
        assert!(factor(amount(f64::NAN, 0.1), fine, 0.05).is_err());
        assert!(factor(fine, amount(1.0, -1.0), 0.05).is_err());
        assert!(factor(fine, fine, 1.0).is_err());
        assert!(baseline(&[alone(1.0, 0.1)], f64::INFINITY, 0.05).is_err());
        assert!(baseline(&[alone(1.0, f64::NAN)], 1.0, 0.05).is_err());
        assert!(baseline(&[alone(1.0, 0.1)], 1.0, 1.0).is_err());
    }
}
