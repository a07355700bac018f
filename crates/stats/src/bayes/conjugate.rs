//! Exact posteriors of shares and of rates.

use super::pair::{self, Comparison, Domain, Exact, Line, Place};
use super::{BayesError, Credible, check_positive};
use crate::error::{Unestimable, check_alpha};
use crate::special::{BetaKernel, GammaKernel};
use crate::tail;

/// Below this nearly all of a distribution lies at the ends of its range, beyond
/// what a double can tell apart from them.
const LEAST_SHAPE: f64 = 0.1;

/// The beta distribution of a share of customers: prior and, after
/// [`observed`](Self::observed), posterior.
///
/// `Beta::new(1, 1)` is uniform; `Beta::new(0.5, 0.5)` is Jeffreys' prior.
///
/// ```
/// use stats::bayes::Beta;
///
/// let prior = Beta::new(1.0, 1.0).unwrap();
/// let control = prior.observed(4_500, 100_000).unwrap();
/// let treated = prior.observed(4_725, 100_000).unwrap();
/// let comparison = treated.against(&control);
/// assert!((comparison.chance_to_win.p - 0.991_769_846_64).abs() < 1e-11);
/// assert!(comparison.loss_of_shipping < 3e-6);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beta {
    successes: f64,
    failures: f64,
    kernel: BetaKernel,
}

impl Beta {
    /// With shapes `successes` and `failures`, each a number of imagined customers,
    /// at least 0.1.
    pub fn new(successes: f64, failures: f64) -> Result<Self, BayesError> {
        check_shape("successes of the prior", successes)?;
        check_shape("failures of the prior", failures)?;
        Ok(Beta {
            successes,
            failures,
            kernel: BetaKernel::new(successes, failures),
        })
    }

    /// The posterior after `successes` among `n` customers.
    pub fn observed(&self, successes: u64, n: u64) -> Result<Self, BayesError> {
        if successes > n {
            return Err(BayesError::InvalidCounts { successes, n });
        }
        Beta::new(
            self.successes + successes as f64,
            self.failures + (n - successes) as f64,
        )
    }

    /// Its mean.
    pub fn mean(&self) -> f64 {
        self.successes / (self.successes + self.failures)
    }

    /// The central interval that holds the share with probability `1 - alpha`.
    pub fn interval(&self, alpha: f64) -> Result<Credible, BayesError> {
        check_alpha(alpha)?;
        let (a, b) = (self.successes, self.failures);
        Ok(Credible {
            low: tail::beta_quantile(0.5 * alpha, a, b),
            // The upper limit is the lower limit of the complement.
            high: 1.0 - tail::beta_quantile(0.5 * alpha, b, a),
        })
    }

    /// Chance to win and expected losses of this arm against a control, with
    /// independent posteriors, exact to some 11 digits.
    pub fn against(&self, control: &Beta) -> Comparison {
        pair::compare(self, control)
    }

    /// The central interval of `treated - control` with probability `1 - alpha`.
    pub fn difference(&self, control: &Beta, alpha: f64) -> Result<Credible, BayesError> {
        check_alpha(alpha)?;
        Ok(pair::difference(self, control, alpha))
    }

    /// The central interval of `treated / control` with probability `1 - alpha`.
    pub fn ratio(&self, control: &Beta, alpha: f64) -> Result<Credible, BayesError> {
        check_alpha(alpha)?;
        Ok(pair::ratio(self, control, alpha))
    }
}

impl Exact for Beta {
    const DOMAIN: Domain = Domain::Unit;

    fn mean(&self) -> f64 {
        self.mean()
    }

    fn variance(&self) -> f64 {
        let n = self.successes + self.failures;
        (self.successes / n) * (self.failures / n) / (n + 1.0)
    }

    fn ln_kernel(&self, at: &Place) -> f64 {
        self.kernel.ln(at.value, at.rest)
    }

    fn score(&self, at: &Place) -> f64 {
        self.successes * at.rest - self.failures * at.value
    }

    fn information(&self, at: &Place) -> f64 {
        (self.successes + self.failures) * at.value * at.rest
    }
}

/// The gamma distribution of a rate, such as orders a customer or tickets a day:
/// prior and, after [`observed`](Self::observed), posterior.
///
/// ```
/// use stats::bayes::Gamma;
///
/// let prior = Gamma::new(1.0, 1.0).unwrap();
/// let control = prior.observed(100, 1000.0).unwrap();
/// let treated = prior.observed(150, 1000.0).unwrap();
/// assert!(treated.against(&control).chance_to_win.p > 0.99);
/// assert!(treated.ratio(&control, 0.05).unwrap().low > 1.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gamma {
    count: f64,
    exposure: f64,
    kernel: GammaKernel,
}

impl Gamma {
    /// With the shape `count`, at least 0.1, and the rate `exposure`, positive: as
    /// many events imagined in as many customers, or days.
    pub fn new(count: f64, exposure: f64) -> Result<Self, BayesError> {
        check_shape("count of the prior", count)?;
        check_positive("exposure of the prior", exposure)?;
        if !(count / exposure).is_normal() {
            return Err(Unestimable::InvalidInput {
                what: "mean of the rate",
                value: count / exposure,
            }
            .into());
        }
        Ok(Gamma {
            count,
            exposure,
            kernel: GammaKernel::new(count),
        })
    }

    /// The posterior after `count` Poisson events in an exposure.
    pub fn observed(&self, count: u64, exposure: f64) -> Result<Self, BayesError> {
        if !(exposure.is_finite() && exposure >= 0.0) {
            return Err(Unestimable::InvalidInput {
                what: "exposure",
                value: exposure,
            }
            .into());
        }
        Gamma::new(self.count + count as f64, self.exposure + exposure)
    }

    /// Its mean.
    pub fn mean(&self) -> f64 {
        self.count / self.exposure
    }

    /// The central interval that holds the rate with probability `1 - alpha`.
    pub fn interval(&self, alpha: f64) -> Result<Credible, BayesError> {
        check_alpha(alpha)?;
        let quantile =
            |p: f64| tail::chi_square_quantile(p, 2.0 * self.count) / (2.0 * self.exposure);
        Ok(Credible {
            low: quantile(0.5 * alpha),
            high: quantile(1.0 - 0.5 * alpha),
        })
    }

    /// Chance to win and expected losses of this arm against a control, with
    /// independent posteriors, exact to some 11 digits.
    pub fn against(&self, control: &Gamma) -> Comparison {
        let unit = self.unit(control);
        let comparison = pair::compare(&self.in_units_of(unit), &control.in_units_of(unit));
        Comparison {
            loss_of_shipping: comparison.loss_of_shipping * unit,
            loss_of_not_shipping: comparison.loss_of_not_shipping * unit,
            ..comparison
        }
    }

    /// The central interval of `treated - control` with probability `1 - alpha`.
    pub fn difference(&self, control: &Gamma, alpha: f64) -> Result<Credible, BayesError> {
        check_alpha(alpha)?;
        let unit = self.unit(control);
        let interval = pair::difference(&self.in_units_of(unit), &control.in_units_of(unit), alpha);
        Ok(Credible {
            low: interval.low * unit,
            high: interval.high * unit,
        })
    }

    /// The central interval of `treated / control` with probability `1 - alpha`.
    pub fn ratio(&self, control: &Gamma, alpha: f64) -> Result<Credible, BayesError> {
        check_alpha(alpha)?;
        let unit = self.unit(control);
        Ok(pair::ratio(
            &self.in_units_of(unit),
            &control.in_units_of(unit),
            alpha,
        ))
    }

    /// A rate of the size of both.
    fn unit(&self, control: &Gamma) -> f64 {
        self.mean().sqrt() * control.mean().sqrt()
    }

    /// The same with rates counted in `unit`s.
    fn in_units_of(&self, unit: f64) -> Gamma {
        Gamma {
            exposure: self.exposure * unit,
            ..*self
        }
    }
}

impl Exact for Gamma {
    const DOMAIN: Domain = Domain::Positive;

    fn mean(&self) -> f64 {
        self.mean()
    }

    fn variance(&self) -> f64 {
        self.mean() / self.exposure
    }

    fn ln_kernel(&self, at: &Place) -> f64 {
        self.kernel.ln(self.exposure * at.value)
    }

    fn score(&self, at: &Place) -> f64 {
        self.count - self.exposure * at.value
    }

    fn information(&self, at: &Place) -> f64 {
        self.exposure * at.value
    }
}

impl Line {
    /// `y = x + shift`, for a shift that is not negative.
    pub(super) fn shifted(shift: f64, domain: Domain) -> Self {
        let room = match domain {
            Domain::Unit => 1.0 - shift,
            Domain::Positive => 1.0,
        };
        Line {
            domain,
            x_scale: room,
            y_offset: shift,
            y_scale: room,
        }
    }

    /// `y = factor x`, for a factor of at least one.
    pub(super) fn scaled(factor: f64, domain: Domain) -> Self {
        Line {
            domain,
            x_scale: 1.0 / factor,
            y_offset: 0.0,
            y_scale: 1.0,
        }
    }
}

fn check_shape(what: &'static str, value: f64) -> Result<(), BayesError> {
    if value.is_finite() && value >= LEAST_SHAPE {
        Ok(())
    } else {
        Err(Unestimable::InvalidInput { what, value }.into())
    }
}
