//! Effects on the customers whom a treatment could reach, and what they mean for all.
//!
//! Where personalized and generic content are the same for most customers, only the
//! others can show an effect. These **triggered** customers are known in both arms if
//! both decisions are logged for everyone: analysing them alone has the signal with a
//! fraction of the noise, and multiplying by their share gives the effect on all (A. Deng
//! and V. Hu, "Diluted treatment effect estimation for trigger analysis in online
//! controlled experiments", WSDM 2015).

use crate::error::{Arm, Unestimable, check_alpha};
use crate::lift::{Contrast, Lift, Method, satterthwaite};
use crate::mean::{Sample, lift_of_means};
use crate::share::{Counts, lift_of_shares};

/// The customers of one arm, by whether the treatment could have reached them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TriggeredArm {
    /// Those for whom the arms' decisions differ.
    pub triggered: Sample,
    /// The rest; nobody (`n = 0`) when all were triggered.
    pub untriggered: Sample,
}

/// What speaks against the premises of a trigger analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TriggerWarning {
    /// The arms do not trigger the same share of customers: the treatment changes who is
    /// triggered, or one arm does not log it. The triggered customers of the two arms are
    /// then not comparable, and the effect is not causal.
    RatesDiffer,
    /// Customers who were not triggered show an effect: the trigger misses some whom the
    /// treatment reaches. The effect on all is then not the diluted one.
    UntriggeredEffect,
}

impl std::fmt::Display for TriggerWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            TriggerWarning::RatesDiffer => "the arms do not trigger the same share of customers",
            TriggerWarning::UntriggeredEffect => "customers who were not triggered show an effect",
        })
    }
}

/// The level of the two checks: both should hold by construction, as a split does, so that
/// only clear evidence against them counts.
pub const TRIGGER_CHECK_LEVEL: f64 = 0.001;

/// A trigger analysis.
#[derive(Debug, Clone, PartialEq)]
pub struct TriggerAnalysis {
    /// The effect on triggered customers, by Welch's test.
    pub triggered: Lift,
    /// The effect on all customers, by dilution.
    pub diluted: Lift,
    /// The means behind the diluted effect: of all customers under treatment and under
    /// control.
    pub means: Contrast,
    /// Share of all customers who were triggered.
    pub rate: f64,
    /// Variance of the diluted effect over that of the plain comparison of all customers:
    /// how many times fewer customers give the same precision. 1 where the plain
    /// comparison has no variance.
    pub variance_ratio: f64,
    /// Whether the trigger rates agree.
    pub rates: Lift,
    /// The effect on customers not triggered, where there are at least two in each arm and
    /// something varies.
    pub untriggered: Option<Lift>,
    /// Which checks failed at [`TRIGGER_CHECK_LEVEL`]. Results with
    /// [`TriggerWarning::RatesDiffer`] must not be read as effects.
    pub warnings: Vec<TriggerWarning>,
}

/// The effect on triggered customers and its dilution to all, at confidence `1 - alpha`.
///
/// With the share r of customers triggered (over both arms), triggered means `y_t`, `y_c`
/// and the mean u of the untriggered over both arms, whom the treatment cannot have
/// changed, the means of all customers are
///
/// `m_a = r y_a + (1 - r) u`, and their difference is `r (y_t - y_c)`.
///
/// It is post-stratification into triggered and untriggered where the latter are known to
/// have no effect. Variances and covariance count the noise of the triggered means, of u,
/// and of r over the N customers: `r^2 v_a + (1 - r)^2 v_u + r (1 - r) (y_a - u)^2 / N`;
/// in the difference u drops out. The relative effect is against `m_c`, with the
/// covariance that the shared u and r give.
///
/// The two premises are tested and returned with the result.
///
/// # Errors
///
/// As [`lift_of_means`], for the triggered customers.
pub fn trigger_analysis(
    treated: &TriggeredArm,
    control: &TriggeredArm,
    alpha: f64,
) -> Result<TriggerAnalysis, Unestimable> {
    check_alpha(alpha)?;
    let on_triggered = Contrast::of_means(&treated.triggered, &control.triggered)?;
    let triggered = on_triggered.lift(alpha, Method::Welch)?;

    let rest = treated.untriggered.merged(&control.untriggered);
    if rest.n > 1 {
        rest.check(Arm::Control)?;
    }
    let n_triggered = treated.triggered.n as f64 + control.triggered.n as f64;
    let n = n_triggered + rest.n as f64;
    let rate = n_triggered / n;
    let (y_t, y_c) = (on_triggered.treated, on_triggered.control);
    // Of nobody there is no mean, and it is not used.
    let u = if rest.n > 0 { rest.mean } else { 0.0 };
    let unreached = 1.0 - rate;
    let noise_of_rest = if rest.n > 1 {
        unreached * unreached * rest.variance / rest.n as f64
    } else {
        0.0
    };
    let noise_of_rate = |a: f64, b: f64| rate * unreached * (a - u) * (b - u) / n;
    let squared_rate = rate * rate;
    let lift_by_rate = rate * unreached * (y_t - y_c) * (y_t - y_c) / n;
    let means = Contrast {
        treated: rate * y_t + unreached * u,
        control: rate * y_c + unreached * u,
        treated_variance: squared_rate * on_triggered.treated_variance
            + noise_of_rest
            + noise_of_rate(y_t, y_t),
        control_variance: squared_rate * on_triggered.control_variance
            + noise_of_rest
            + noise_of_rate(y_c, y_c),
        covariance: noise_of_rest + noise_of_rate(y_t, y_c),
        df: satterthwaite(&[
            (
                squared_rate * on_triggered.treated_variance,
                treated.triggered.n as f64 - 1.0,
            ),
            (
                squared_rate * on_triggered.control_variance,
                control.triggered.n as f64 - 1.0,
            ),
            (lift_by_rate, n - 1.0),
        ]),
    };
    let diluted = means.lift(alpha, Method::Diluted)?;

    let counts = |arm: &TriggeredArm| Counts {
        successes: arm.triggered.n,
        n: arm.triggered.n.saturating_add(arm.untriggered.n),
    };
    let rates = lift_of_shares(counts(treated), counts(control), alpha)?;
    let untriggered = lift_of_means(&treated.untriggered, &control.untriggered, alpha).ok();
    let mut warnings = Vec::new();
    if rates.probability.p < TRIGGER_CHECK_LEVEL {
        warnings.push(TriggerWarning::RatesDiffer);
    }
    let fails = |lift: &Lift| lift.probability.p < TRIGGER_CHECK_LEVEL;
    if untriggered.as_ref().is_some_and(fails) {
        warnings.push(TriggerWarning::UntriggeredEffect);
    }
    let plain: f64 = [treated, control]
        .map(|arm| {
            let all = arm.triggered.merged(&arm.untriggered);
            all.variance / all.n as f64
        })
        .iter()
        .sum();
    let variance_ratio = if plain > 0.0 {
        diluted.absolute.se * diluted.absolute.se / plain
    } else {
        1.0
    };
    Ok(TriggerAnalysis {
        triggered,
        diluted,
        means,
        rate,
        variance_ratio,
        rates,
        untriggered,
        warnings,
    })
}
