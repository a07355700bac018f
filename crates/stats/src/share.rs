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

/// Fewest successes, and failures, that both arms must expect for Welch's test.
///
/// Expected if the arms did not differ: the pooled share times the arm's size.
/// Below ten the normal approximation of a share is poor (the usual condition
/// `n p >= 10` and `n (1 - p) >= 10`), and the variance measured inside an arm is
/// poorer still.
pub const FEWEST_FOR_WELCH: f64 = 10.0;

/// The effect on a share at confidence `1 - alpha`, for any counts with at least
/// one observation an arm.
///
/// One rule chooses the test. Where both arms expect at least [`FEWEST_FOR_WELCH`]
/// successes and as many failures, it is Welch's t test on the zeros and ones, the
/// same as for any other mean. Where they expect fewer, or nothing varies inside
/// either arm, it is the unconditional score test: Miettinen and Nurminen's
/// statistic with its probability added up over all tables, at the shares most
/// likely under the supposition tested. In designs gone through table by table it
/// rejects no effect at most 5.5 per cent of the time at a level of five. Its
/// intervals for the difference and for the ratio invert it, so every verdict agrees
/// under either rule; its `se` is that of
/// the observed shares, for information. [`fisher`](crate::fisher), which is
/// conditional and conservative, can be held beside it.
///
/// Welch's test costs microseconds. The score test costs half a millisecond, at most
/// one and a half, with few successes or few failures, from arms of some ten to arms
/// of millions; tens of milliseconds when one arm is tiny and the other has millions
/// of either.
///
/// # Errors
///
/// An empty arm, more successes than observations, or an invalid level. The
/// relative effect alone is refused when the control has no success.
///
/// ```
/// use stats::{Counts, Method, lift_of_shares};
///
/// let control = Counts { successes: 0, n: 50 };
/// let treated = Counts { successes: 3, n: 60 };
/// let lift = lift_of_shares(treated, control, 0.05).unwrap();
/// assert_eq!(lift.method, Method::Score);
/// assert!(lift.probability.p > 0.05 && lift.absolute.low < 0.0);
/// ```
pub fn lift_of_shares(treated: Counts, control: Counts, alpha: f64) -> Result<Lift, Unestimable> {
    check_alpha(alpha)?;
    treated.check(Arm::Treated)?;
    control.check(Arm::Control)?;
    let n = (treated.n + control.n) as f64;
    let fewest_observations = treated.n.min(control.n) as f64;
    let successes = (treated.successes + control.successes) as f64;
    let rarer = successes.min(n - successes);
    let nothing_varies = [treated, control]
        .iter()
        .all(|counts| counts.successes == 0 || counts.failures() == 0);
    if rarer * fewest_observations / n >= FEWEST_FOR_WELCH && !nothing_varies {
        lift_of_means(&treated.sample(), &control.sample(), alpha)
    } else {
        Ok(score::lift(treated, control, alpha))
    }
}
