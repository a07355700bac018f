//! Two shares: how many of the customers did it.

use crate::error::{Arm, Unestimable, check_alpha};
use crate::lift::Lift;
use crate::mean::{Sample, lift_of_means};
use crate::score;

/// Successes among observations of one arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Observations that were a success.
    pub successes: u64,
    /// Observations.
    pub n: u64,
}

impl Counts {
    /// The share of successes; NaN without observations.
    pub fn share(&self) -> f64 {
        self.successes as f64 / self.n as f64
    }

    /// Observations that were no success.
    pub(crate) fn failures(&self) -> u64 {
        self.n - self.successes
    }

    /// The zeros and ones as a sample of a mean.
    fn sample(&self) -> Sample {
        let n = self.n as f64;
        let (successes, failures) = (self.successes as f64, self.failures() as f64);
        Sample {
            n: self.n,
            mean: successes / n,
            variance: successes * (failures / n) / (n - 1.0),
        }
    }

    /// Refuses counts of nobody, and more successes than observations.
    pub(crate) fn check(&self, arm: Arm) -> Result<(), Unestimable> {
        if self.n == 0 {
            return Err(Unestimable::Empty { arm });
        }
        if self.successes > self.n {
            return Err(Unestimable::InvalidCounts {
                arm,
                successes: self.successes,
                n: self.n,
            });
        }
        Ok(())
    }
}

/// Fewest successes, and failures, that either arm must have for Welch's test.
///
/// Welch's test measures each arm's noise by its own `p (1 - p)`, whose relative
/// error is about one over the root of the rarer outcome's count, and takes the
/// share as normal; with fewer than ten of either outcome both are poor (the usual
/// condition `n p >= 10` and `n (1 - p) >= 10` of the normal approximation).
pub const FEWEST_FOR_WELCH: u64 = 10;

/// The effect on a share at confidence `1 - alpha`, for any counts with at least
/// one observation an arm.
///
/// One rule chooses the test. With at least [`FEWEST_FOR_WELCH`] successes and as
/// many failures in both arms, it is Welch's t test on the zeros and ones, the same
/// as for any other mean. With fewer, it is the score test of Miettinen and
/// Nurminen, which needs no variance inside an arm and keeps its level close to
/// nominal down to single observations; its intervals for the difference and for
/// the ratio are inversions of the same test, so every verdict agrees under either
/// rule. [`fisher`](crate::fisher) is the exact test to hold beside it.
///
/// # Errors
///
/// An empty arm, more successes than observations, or an invalid level. The
/// relative effect alone is refused when the control has no success.
pub fn lift_of_shares(treated: Counts, control: Counts, alpha: f64) -> Result<Lift, Unestimable> {
    check_alpha(alpha)?;
    treated.check(Arm::Treated)?;
    control.check(Arm::Control)?;
    let rarest = [treated, control]
        .iter()
        .map(|counts| counts.successes.min(counts.failures()))
        .fold(u64::MAX, u64::min);
    if rarest >= FEWEST_FOR_WELCH {
        lift_of_means(&treated.sample(), &control.sample(), alpha)
    } else {
        Ok(score::lift(treated, control, alpha))
    }
}
