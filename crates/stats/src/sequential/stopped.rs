//! Estimates corrected for having stopped.

use super::group::{FAR, stops};
use super::path::{Alive, normal_upper_p};
use super::{SequentialError, Sides, check_between, check_fractions};
use crate::root;
use crate::tail::{TailProbability, normal_quantile, normal_two_sided};

/// An effect estimated after stopping at a look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stopped {
    /// Place of the look, from 0.
    pub look: usize,
    /// The median-unbiased estimate: too large and too small equally often.
    pub estimate: f64,
    /// Lower confidence limit.
    pub low: f64,
    /// Upper confidence limit.
    pub high: f64,
    /// Two-sided probability of an outcome this extreme without an effect.
    pub probability: TailProbability,
}

/// The drift, corrected for stopping when z first left the symmetric boundary, by the
/// stagewise ordering of outcomes: crossing earlier is more extreme, and at the same
/// look a larger z (Tsiatis, Rosner and Mehta, Biometrika 40, 1984; Jennison and
/// Turnbull 2000, sections 8.4 and 8.5).
///
/// With `F(theta)` the probability under drift theta of an outcome as high or higher
/// than (last look, z), the estimate has `F = 1/2`, the limits `alpha / 2` and `1 -
/// alpha / 2`, and `p = 2 min(F(0), 1 - F(0))`. The outcome depends on no look that
/// was not made. When the looks' boundary spends alpha, `p <= alpha` exactly when it
/// was crossed. An estimate on the scale of the metric is the drift times the standard
/// error at the planned end.
///
/// `fractions` are the looks up to the stop, `critical` their boundary, `z` the value
/// at the last.
///
/// # Errors
///
/// Fractions that are not positive and ascending, fewer bounds than looks, a z that is
/// not finite, a level outside (0, 1).
pub fn stopped_estimate(
    fractions: &[f64],
    critical: &[f64],
    z: f64,
    alpha: f64,
) -> Result<Stopped, SequentialError> {
    check_fractions(fractions)?;
    check_between("level alpha", alpha, 0.0, 1.0)?;
    check_between("z", z, f64::NEG_INFINITY, f64::INFINITY)?;
    let look = fractions.len() - 1;
    if critical.len() < fractions.len() {
        return Err(SequentialError::Length {
            expected: fractions.len(),
            found: critical.len(),
        });
    }
    let outcome = Outcome::new(fractions, critical, z.abs());
    let quantile = |level: f64| outcome.drift_at(level);
    let (estimate, low, high) = (
        quantile(0.5),
        quantile(0.5 * alpha),
        quantile(1.0 - 0.5 * alpha),
    );
    let probability = if outcome.earlier.is_empty() {
        normal_two_sided(z)
    } else {
        let above = outcome.as_high(0.0);
        TailProbability::from_ln((2.0 * above.min(1.0 - above)).ln())
    };
    let (low, high) = if z < 0.0 { (-high, -low) } else { (low, high) };
    Ok(Stopped {
        look,
        estimate: estimate.copysign(z),
        low,
        high,
        probability,
    })
}

/// An outcome with positive z, and the paths without drift before each look at which
/// one could have stopped.
struct Outcome {
    /// Paths alive before a look, its fraction, its boundary.
    earlier: Vec<(Alive, f64, f64)>,
    alive: Alive,
    fraction: f64,
    z: f64,
}

impl Outcome {
    fn new(fractions: &[f64], critical: &[f64], z: f64) -> Self {
        let mut alive = Alive::start(0.0);
        let mut earlier = Vec::new();
        for (look, &next) in fractions.iter().enumerate().skip(1) {
            let (fraction, bound) = (fractions[look - 1], critical[look - 1]);
            if bound < FAR {
                let after = alive.after(fraction, stops(bound, Sides::Two), next);
                earlier.push((alive, fraction, bound));
                alive = after;
            }
        }
        Outcome {
            earlier,
            alive,
            fraction: fractions[fractions.len() - 1],
            z,
        }
    }

    /// The probability under a drift of an outcome as high or higher.
    fn as_high(&self, drift: f64) -> f64 {
        let before = self.earlier.iter();
        let before = before.map(|(alive, t, bound)| above_under(alive, drift, *t, *bound));
        before.sum::<f64>() + above_under(&self.alive, drift, self.fraction, self.z)
    }

    /// The drift under which an outcome as high has a given probability.
    fn drift_at(&self, level: f64) -> f64 {
        const DOUBLINGS: usize = 60;
        // On the normal scale the probability is close to a line in the drift.
        let normal_level = normal_quantile(level);
        let excess = |drift: f64| normal_quantile(self.as_high(drift).min(1.0)) - normal_level;
        let root = self.fraction.sqrt();
        let mut near = (self.z + normal_level) / root;
        let sign = -excess(near).signum();
        let mut step = sign / root;
        for _ in 0..DOUBLINGS {
            let far = near + step;
            if excess(far) * sign >= 0.0 {
                return root::bracketed(excess, near, far);
            }
            near = far;
            step *= 2.0;
        }
        near
    }
}

/// `P(alive, Z > z)` at a later fraction under a drift, from paths without: the density
/// of a path that is at s at fraction t changes by `exp(drift s - drift^2 t / 2)`
/// (Girsanov).
fn above_under(alive: &Alive, drift: f64, fraction: f64, z: f64) -> f64 {
    let time = fraction - alive.fraction;
    let (position, sd) = (z * fraction.sqrt() - drift * time, time.sqrt());
    let constant = 0.5 * drift * drift * alive.fraction;
    alive
        .near_the_top(position, sd)
        .map(|(s, mass)| mass * (drift * s - constant).exp() * normal_upper_p((position - s) / sd))
        .sum()
}
