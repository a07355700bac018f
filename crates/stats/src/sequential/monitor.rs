//! A declared plan of looking, applied to comparisons.

use super::plan::{Design, Reading};
use super::{
    Futility, Looks, SequentialError, Sides, Stage, Stopped, conditional_power, futility_bounds,
    predictive_power, stopped_estimate,
};
use crate::error::Unestimable;
use crate::lift::{Contrast, Lift, Method};
use crate::tail::{TailProbability, normal_to_student_t, normal_two_sided, student_t_to_normal};

/// What a look says to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Go on.
    Continue,
    /// Stop: the treated arm is better.
    Effect,
    /// Stop: the treated arm is worse.
    Harm,
    /// Stop: the planned effect is not in sight.
    Futile,
    /// The end is reached without a verdict.
    Inconclusive,
}

/// The always-valid summary of all looks so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Running {
    /// The smallest probability at any look so far: it never rises.
    pub probability: TailProbability,
    /// The largest lower limit so far.
    pub low: f64,
    /// The smallest upper limit so far. Below `low` when the looks' intervals have
    /// nothing in common, which tells of an effect that drifts.
    pub high: f64,
}

/// One look of a history.
#[derive(Debug, Clone, PartialEq)]
pub struct LookResult {
    /// The information fraction.
    pub fraction: f64,
    /// The effect against the look's boundary.
    pub lift: Lift,
    /// What to do.
    pub decision: Decision,
    /// All looks so far; of [`Looks::Fixed`], which promises nothing over several
    /// looks, this look alone.
    pub running: Running,
}

/// The boundary of `|z|` at the planned end of a plan of looking, as
/// [`Monitor::end_critical`] gives it, without compiling the plan for its readings.
///
/// # Errors
///
/// As [`Monitor::new`].
pub fn end_critical_of(
    plan: Looks,
    alpha: f64,
    fractions: &[f64],
    stage: Stage,
) -> Result<f64, SequentialError> {
    let design = Design::new(plan, alpha, fractions, stage)?;
    Ok(design.end_critical(alpha, &design.critical(alpha)))
}

/// A comparison over time.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The looks; none where there was no estimate.
    pub looks: Vec<Option<LookResult>>,
    /// The first look that crossed its boundary.
    pub first_crossing: Option<usize>,
    /// The absolute effect corrected for stopping, at the first crossing or, without
    /// one, at the end.
    pub corrected: Option<Stopped>,
}

/// A plan of looking compiled for the looks made so far. It serves any number of
/// comparisons made at these looks: compile once (milliseconds for some dozens of
/// looks; a fraction of a second for hundreds in a group sequential plan), then each
/// effect takes microseconds.
///
/// Critical values are on the scale of z. A contrast with finite degrees of freedom is
/// held against the t value of the same tail, so that a plan with one look is the
/// ordinary t test.
///
/// ```
/// use stats::sequential::{Looks, Monitor, Stage, Watch};
/// use stats::{Contrast, Method};
///
/// let looks = [0.25, 0.5, 0.75];
/// let monitor = Monitor::new(Looks::Hybrid(Watch::Listed), 0.05, &looks, Stage::Interim)?;
/// let now = Contrast {
///     treated: 22.0,
///     control: 20.0,
///     treated_variance: 0.04,
///     control_variance: 0.04,
///     covariance: 0.0,
///     df: f64::INFINITY,
/// };
/// let lift = monitor.lift(&now, Method::Welch)?;
/// assert!(lift.absolute.low > 0.0 && lift.probability.p < 0.05);
/// # Ok::<(), stats::sequential::SequentialError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Monitor {
    plan: Looks,
    alpha: f64,
    stage: Stage,
    fractions: Vec<f64>,
    critical: Vec<f64>,
    readings: Vec<Reading>,
    futile: Option<Vec<f64>>,
    end_critical: f64,
}

impl Monitor {
    /// Compiles a plan for the information fractions of the looks so far, ascending,
    /// the last of them now and at the given stage.
    ///
    /// # Errors
    ///
    /// No looks, fractions that are not positive and ascending by a thousandth, a
    /// level outside (0, 1), an exponent of the spending that is not positive.
    pub fn new(
        plan: Looks,
        alpha: f64,
        fractions: &[f64],
        stage: Stage,
    ) -> Result<Self, SequentialError> {
        let design = Design::new(plan, alpha, fractions, stage)?;
        let critical = design.critical(alpha);
        let readings = design.readings(alpha);
        Ok(Monitor {
            plan,
            alpha,
            stage,
            fractions: fractions.to_vec(),
            end_critical: design.end_critical(alpha, &critical),
            critical,
            readings,
            futile: None,
        })
    }

    /// Adds bounds of futility, which the caller may overrule at any look.
    ///
    /// # Errors
    ///
    /// Numbers out of range.
    pub fn with_futility(mut self, futility: &Futility) -> Result<Self, SequentialError> {
        let bounds = futility_bounds(&self.fractions, &self.critical, Sides::Two, futility)?;
        self.futile = Some(bounds);
        Ok(self)
    }

    /// The information fractions of the looks.
    pub fn fractions(&self) -> &[f64] {
        &self.fractions
    }

    /// The boundary of `|z|` at each look.
    pub fn critical(&self) -> &[f64] {
        &self.critical
    }

    /// The bound of `|z|` at or below which each look is futile, where asked for.
    pub fn futile(&self) -> Option<&[f64]> {
        self.futile.as_deref()
    }

    /// The boundary at the planned end: of the last look when that is the end, else the
    /// one to expect at fraction 1 if there is no look until then.
    pub fn end_critical(&self) -> f64 {
        self.end_critical
    }

    /// The effect now, at the last look: absolute and relative interval at the look's
    /// critical value and the probability that inverts it, one verdict. The
    /// probability is the smallest level at which this look would have stopped.
    ///
    /// # Errors
    ///
    /// As [`Contrast::lift`].
    pub fn lift(&self, contrast: &Contrast, method: Method) -> Result<Lift, Unestimable> {
        self.lift_at(self.fractions.len() - 1, contrast, method)
    }

    fn lift_at(
        &self,
        look: usize,
        contrast: &Contrast,
        method: Method,
    ) -> Result<Lift, Unestimable> {
        let reading = &self.readings[look];
        if *reading == Reading::Single {
            return contrast.lift(self.alpha, method);
        }
        let critical = normal_to_student_t(self.critical[look], contrast.df);
        let two_sided = |t: f64| {
            let z = student_t_to_normal(t, contrast.df);
            match reading {
                Reading::Single => normal_two_sided(z),
                Reading::Sequence { sequence, ln_share } => {
                    let at_level = sequence.probability(z, self.fractions[look]);
                    TailProbability::from_ln(at_level.ln_p + ln_share)
                }
                Reading::Computed(inverse) => inverse.probability(z),
            }
        };
        contrast.lift_against(self.alpha, critical, two_sided, method)
    }

    /// What the last look says to do with an effect that [`Monitor::lift`] gave.
    pub fn decide(&self, lift: &Lift) -> Decision {
        self.decide_at(self.fractions.len() - 1, lift)
    }

    fn decide_at(&self, look: usize, lift: &Lift) -> Decision {
        let ends = self.stage == Stage::End && look + 1 == self.fractions.len();
        if !ends && self.plan == Looks::Fixed {
            return Decision::Continue;
        }
        if lift.absolute.excludes_zero() {
            return if lift.absolute.low > 0.0 {
                Decision::Effect
            } else {
                Decision::Harm
            };
        }
        if ends {
            return Decision::Inconclusive;
        }
        let z = student_t_to_normal(lift.statistic, lift.absolute.df);
        match &self.futile {
            Some(bounds) if z.abs() <= bounds[look] => Decision::Futile,
            _ => Decision::Continue,
        }
    }

    /// The probability that the planned end will have a verdict, given an effect that
    /// [`Monitor::lift`] gave and the value of z to expect at the end; without one, of
    /// the trend so far. See [`conditional_power`].
    pub fn conditional_power(&self, lift: &Lift, drift: Option<f64>) -> f64 {
        let z = student_t_to_normal(lift.statistic, lift.absolute.df);
        let fraction = self.now();
        let drift = drift.unwrap_or(z / fraction.sqrt());
        conditional_power(z, fraction, drift, self.end_critical)
    }

    /// The same, averaged over what the data say of the effect: see
    /// [`predictive_power`].
    pub fn predictive_power(&self, lift: &Lift) -> f64 {
        let z = student_t_to_normal(lift.statistic, lift.absolute.df);
        predictive_power(z, self.now(), self.end_critical)
    }

    /// The information fraction now, which at the end is 1.
    fn now(&self) -> f64 {
        if self.stage == Stage::End {
            1.0
        } else {
            self.fractions[self.fractions.len() - 1]
        }
    }

    /// Goes through a comparison's estimates at all looks, one entry a look, none where
    /// there was no estimate.
    ///
    /// # Errors
    ///
    /// A list of another length than the looks, or a contrast that has no lift.
    pub fn history(
        &self,
        contrasts: &[Option<Contrast>],
        method: Method,
    ) -> Result<History, SequentialError> {
        if contrasts.len() != self.fractions.len() {
            return Err(SequentialError::Length {
                expected: self.fractions.len(),
                found: contrasts.len(),
            });
        }
        let mut looks: Vec<Option<LookResult>> = Vec::with_capacity(contrasts.len());
        let mut running: Option<Running> = None;
        let mut first_crossing = None;
        let mut stop = None;
        for (look, contrast) in contrasts.iter().enumerate() {
            let Some(contrast) = contrast else {
                looks.push(None);
                continue;
            };
            let lift = self.lift_at(look, contrast, method)?;
            let so_far = match running {
                Some(before) if self.plan != Looks::Fixed => before.and(&lift),
                _ => Running::of(&lift),
            };
            running = Some(so_far);
            let decision = self.decide_at(look, &lift);
            let crossed = matches!(decision, Decision::Effect | Decision::Harm);
            if crossed && first_crossing.is_none() {
                first_crossing = Some(look);
            }
            if stop.is_none() && (crossed || decision == Decision::Inconclusive) {
                stop = Some((look, lift.clone()));
            }
            looks.push(Some(LookResult {
                fraction: self.fractions[look],
                lift,
                decision,
                running: so_far,
            }));
        }
        let corrected = match stop {
            Some((look, lift)) => self.corrected(look, &lift)?,
            None => None,
        };
        Ok(History {
            looks,
            first_crossing,
            corrected,
        })
    }

    /// The effect corrected for having stopped at a look, on the scale of the metric:
    /// see [`stopped_estimate`]. None without noise.
    fn corrected(&self, look: usize, lift: &Lift) -> Result<Option<Stopped>, SequentialError> {
        let Lift { absolute, .. } = lift;
        if absolute.se == 0.0 {
            return Ok(None);
        }
        let z = student_t_to_normal(lift.statistic, absolute.df);
        // A fixed plan stops at its end alone.
        let first = if self.plan == Looks::Fixed { look } else { 0 };
        let looks = first..=look;
        let fractions = &self.fractions[looks.clone()];
        let drift = stopped_estimate(fractions, &self.critical[looks], z, self.alpha)?;
        // Small samples: the unit in which z gives back the estimate.
        const NOT_ZERO: f64 = 0.1;
        let unit = if z.abs() > NOT_ZERO {
            absolute.estimate / z
        } else {
            absolute.se
        };
        let scale = unit * self.fractions[look].sqrt();
        let excludes_zero = absolute.excludes_zero();
        Ok(Some(Stopped {
            look,
            estimate: drift.estimate * scale,
            low: drift.low * scale,
            high: drift.high * scale,
            probability: drift.probability.agreeing_with(excludes_zero, self.alpha),
        }))
    }
}

impl Running {
    fn of(lift: &Lift) -> Self {
        Running {
            probability: lift.probability,
            low: lift.absolute.low,
            high: lift.absolute.high,
        }
    }

    fn and(self, lift: &Lift) -> Self {
        let probability = if lift.probability.ln_p < self.probability.ln_p {
            lift.probability
        } else {
            self.probability
        };
        Running {
            probability,
            low: self.low.max(lift.absolute.low),
            high: self.high.min(lift.absolute.high),
        }
    }
}
