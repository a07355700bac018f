//! Test and roll: the test sizes that earn most.
//!
//! E. M. Feit and R. Berman, "Test & roll: profit-maximizing A/B tests", Marketing
//! Science 38 (2019), arXiv 1811.00457. Some of N customers are tested, then everybody
//! else gets the arm that looks better. A larger test chooses better and leaves fewer
//! customers to choose for.

use std::f64::consts::PI;

use super::error::{DesignError, check};
use crate::tail;

/// What is known of one arm before the test: its mean response is one draw of a normal
/// distribution, and so is each customer's response around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmPrior {
    /// Expected mean response of a customer, net of what the arm costs a customer
    /// (an arm that costs 0.80 to deliver has its mean lowered by 0.80).
    pub mean: f64,
    /// How far such means lie apart, as a standard deviation: learned from past tests.
    pub sd: f64,
    /// Standard deviation between the customers of an arm.
    pub noise: f64,
}

impl ArmPrior {
    /// A share of customers who respond, each with the variance `p (1 - p)` at the
    /// expected share.
    pub fn share(mean: f64, sd: f64) -> Self {
        ArmPrior {
            mean,
            sd,
            noise: (mean * (1.0 - mean)).max(0.0).sqrt(),
        }
    }

    /// Variance of the posterior mean after n responses, seen from before the test:
    /// `sd^4 / (sd^2 + noise^2 / n)`.
    fn learned(&self, n: f64) -> f64 {
        let (prior, noise) = (self.sd * self.sd, self.noise * self.noise);
        if n == 0.0 || prior == 0.0 {
            0.0
        } else {
            prior * (prior / (prior + noise / n))
        }
    }

    fn check(&self) -> Result<(), DesignError> {
        let not_negative = |value: f64| value.is_finite() && value >= 0.0;
        check("prior mean", self.mean, self.mean.is_finite())?;
        check("prior standard deviation", self.sd, not_negative(self.sd))?;
        check("noise", self.noise, not_negative(self.noise))
    }
}

/// A decision between two arms for a number of customers.
///
/// ```
/// use stats::design::{ArmPrior, TestAndRoll};
///
/// // The paper's website: 68 % respond, give or take 3 points; 100,000 visitors.
/// let arm = ArmPrior::share(0.68, 0.03);
/// let plan = TestAndRoll { treated: arm, control: arm, customers: 100_000.0 };
/// let sizes = plan.best_sizes().unwrap();
/// assert!((sizes.control - 2283.89).abs() < 0.01);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestAndRoll {
    /// The new arm.
    pub treated: ArmPrior,
    /// The arm in use.
    pub control: ArmPrior,
    /// All customers, those of the test included.
    pub customers: f64,
}

/// Customers in each arm of a test: to be rounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestSizes {
    /// In the new arm.
    pub treated: f64,
    /// In the arm in use.
    pub control: f64,
}

/// What a test followed by a decision is worth before it starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roll {
    /// Expected response of all customers together, in the test and after it.
    pub profit: f64,
    /// The same without a test, everybody having the arm with the larger prior mean.
    pub profit_untested: f64,
    /// The same if the better arm were known from the start.
    pub profit_informed: f64,
    /// `profit_informed - profit`.
    pub regret: f64,
    /// Probability that the customers after the test get the arm whose true mean is
    /// the smaller.
    pub error_rate: f64,
}

impl TestAndRoll {
    /// The sizes with the largest expected profit; zero when no test is worth its
    /// customers.
    ///
    /// With the same prior and noise in both arms, by the paper's closed form
    ///
    /// `n = sqrt(N/4 r + (3/4 r)^2) - 3/4 r`,   `r = (noise / sd)^2`;
    ///
    /// else by a search of the profit over both sizes (to some 1e-6 of them), which is
    /// flat near its top and is not concave near zero.
    pub fn best_sizes(&self) -> Result<TestSizes, DesignError> {
        self.check()?;
        if self.treated == self.control {
            let n = self.symmetric_size();
            return Ok(TestSizes {
                treated: n,
                control: n,
            });
        }
        Ok(self.search())
    }

    /// What a test with these sizes is worth.
    ///
    /// * profit: `n_t m_t + n_c m_c + (N - n_t - n_c) E[max of the posterior means]`;
    ///   the posterior means' difference is normal with the expectation `m_t - m_c` and
    ///   the variance `sum sd^4 / (sd^2 + noise^2 / n)`;
    /// * informed: `N E[max of the true means]`;
    /// * error rate: the probability that the differences of the posterior and of the
    ///   true means differ in sign, `1/pi` times the integral of `exp(-k^2 / (2
    ///   cos^2))` from 0 to the angle whose cosine is their correlation, where k is the
    ///   expected difference in units of its prior standard deviation (D. B. Owen,
    ///   Annals of Mathematical Statistics 27, 1956).
    pub fn roll(&self, sizes: TestSizes) -> Result<Roll, DesignError> {
        self.check()?;
        let valid = |n: f64| n >= 0.0 && n <= self.customers;
        check("test size", sizes.treated, valid(sizes.treated))?;
        check("test size", sizes.control, valid(sizes.control))?;
        let both = sizes.treated + sizes.control;
        check("sum of the test sizes", both, valid(both))?;

        let profit = self.profit(sizes);
        let profit_untested = self.customers * self.treated.mean.max(self.control.mean);
        let profit_informed = self.customers * self.expected_best(self.prior_variance());
        Ok(Roll {
            profit,
            profit_untested,
            profit_informed,
            regret: profit_informed - profit,
            error_rate: self.error_rate(sizes),
        })
    }

    fn check(&self) -> Result<(), DesignError> {
        self.treated.check()?;
        self.control.check()?;
        let valid = self.customers.is_finite() && self.customers > 0.0;
        check("number of customers", self.customers, valid)
    }

    /// Variance of the difference of the true means.
    fn prior_variance(&self) -> f64 {
        self.treated.sd.powi(2) + self.control.sd.powi(2)
    }

    /// Variance of the difference of the posterior means, seen from before the test.
    fn learned(&self, sizes: TestSizes) -> f64 {
        self.treated.learned(sizes.treated) + self.control.learned(sizes.control)
    }

    fn profit(&self, sizes: TestSizes) -> f64 {
        let left = self.customers - sizes.treated - sizes.control;
        sizes.treated * self.treated.mean
            + sizes.control * self.control.mean
            + left * self.expected_best(self.learned(sizes))
    }

    /// The expectation of the larger of two means whose difference is normal with this
    /// variance.
    fn expected_best(&self, variance: f64) -> f64 {
        let (sd, difference) = (variance.sqrt(), self.treated.mean - self.control.mean);
        let larger = self.treated.mean.max(self.control.mean);
        if sd == 0.0 {
            return larger;
        }
        // What the option to take the other arm adds to the larger mean.
        let z = difference.abs() / sd;
        larger + sd * tail::ln_normal_loss(z).exp()
    }

    fn error_rate(&self, sizes: TestSizes) -> f64 {
        const INTERVALS: u32 = 512;
        let variance = self.prior_variance();
        if variance == 0.0 {
            return 0.0;
        }
        let k2 = (self.treated.mean - self.control.mean).powi(2) / variance;
        let angle = (self.learned(sizes) / variance).sqrt().min(1.0).acos();
        let integrand = |theta: f64| {
            let cosine = theta.cos();
            (-0.5 * k2 / (cosine * cosine)).exp()
        };
        // Simpson's rule.
        let step = angle / f64::from(INTERVALS);
        let inner: f64 = (1..INTERVALS)
            .map(|i| {
                let weight = if i % 2 == 1 { 4.0 } else { 2.0 };
                weight * integrand(step * f64::from(i))
            })
            .sum();
        (integrand(0.0) + inner + integrand(angle)) * step / 3.0 / PI
    }

    fn symmetric_size(&self) -> f64 {
        let (sd, noise) = (self.control.sd, self.control.noise);
        if sd == 0.0 {
            return 0.0;
        }
        let r = (noise / sd).powi(2);
        let three_quarters = 0.75 * r;
        // The difference of the root and three quarters of r, without cancellation.
        let under_root = 0.25 * self.customers * r;
        if under_root == 0.0 {
            return 0.0;
        }
        under_root / ((under_root + three_quarters * three_quarters).sqrt() + three_quarters)
    }

    /// The best point of a logarithmic grid with its edges at zero, and from there a
    /// pattern search (R. Hooke and T. A. Jeeves, Journal of the ACM 8, 1961).
    fn search(&self) -> TestSizes {
        const POINTS: i32 = 40;
        const ROUNDING: f64 = 1e-13;
        let size = |point: i32| {
            if point == 0 {
                0.0
            } else {
                self.customers
                    .powf(f64::from(point) / f64::from(POINTS))
                    .min(self.customers)
            }
        };
        let worth = |sizes: TestSizes| {
            let inside = sizes.treated >= 0.0
                && sizes.control >= 0.0
                && sizes.treated + sizes.control <= self.customers;
            if inside {
                self.profit(sizes)
            } else {
                f64::NEG_INFINITY
            }
        };
        let mut best = TestSizes {
            treated: 0.0,
            control: 0.0,
        };
        let mut most = worth(best);
        let mut better = |candidate: TestSizes, best: &mut TestSizes| {
            let value = worth(candidate);
            // An arm that everybody gets anyway is tested at no cost: rounding must not
            // choose such a test over none.
            let improves = value > most + ROUNDING * most.abs();
            if improves {
                most = value;
                *best = candidate;
            }
            improves
        };
        for treated in 0..=POINTS {
            for control in 0..=POINTS {
                let candidate = TestSizes {
                    treated: size(treated),
                    control: size(control),
                };
                better(candidate, &mut best);
            }
        }
        let mut step = 0.25;
        while step > 1e-7 {
            let (along_treated, along_control) =
                (step * best.treated.max(1.0), step * best.control.max(1.0));
            let directions = [
                (1.0, 0.0),
                (-1.0, 0.0),
                (0.0, 1.0),
                (0.0, -1.0),
                (1.0, 1.0),
                (-1.0, -1.0),
                (1.0, -1.0),
                (-1.0, 1.0),
            ];
            let moved = directions.into_iter().any(|(treated, control)| {
                let candidate = TestSizes {
                    treated: best.treated + treated * along_treated,
                    control: best.control + control * along_control,
                };
                better(candidate, &mut best)
            });
            if !moved {
                step *= 0.5;
            }
        }
        best
    }
}
