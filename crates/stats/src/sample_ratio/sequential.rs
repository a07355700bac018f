//! A test of the split that may be looked at after every customer.
//!
//! M. Lindon and A. Malek, "Anytime-valid inference for multinomial count data",
//! NeurIPS 2022, arXiv 2011.03567.

use super::{SampleRatioError, check_weights};
use crate::root;
use crate::special::{deviance, stirling_error};
use crate::tail::TailProbability;

/// The split of customers over arms, watched as they come.
///
/// In a phase with planned shares theta, the counts n are multinomial if the plan is
/// kept. Against that stands a mixture of other shares, a Dirichlet distribution with
/// the parameters `a_i = c theta_i`, whose likelihood ratio is the Bayes factor
///
/// `BF = Gamma(c) / Gamma(c + n) prod Gamma(a_i + n_i) / Gamma(a_i) theta_i^-n_i`.
///
/// Its expectation under the plan is one at every time, so that the probability that
/// it *ever* reaches `1/alpha` is at most alpha (Ville's inequality): `1 / max BF` is
/// a probability that holds at any number of looks. A phase with other weights starts
/// a mixture of its own and multiplies what the phases before left behind, so a ramp
/// raises no alarm. The order of customers within a phase does not matter, nor how
/// they are grouped into batches, except that the maximum is taken after each batch.
///
/// Arms of weight zero are left out of the test, and who is in them is counted in
/// [`unplanned`](Self::unplanned): no chance explains them, and no ratio is needed.
///
/// ```
/// use stats::sample_ratio::SequentialSampleRatio;
///
/// let mut srm = SequentialSampleRatio::new(&[0.99, 0.01], 1_000.0).unwrap();
/// srm.add(&[990, 10]).unwrap();
/// srm.start_phase(&[0.5, 0.5], 10_000.0).unwrap();
/// for _ in 0..20 {
///     srm.add(&[5_000, 5_300]).unwrap();
/// }
/// assert!(srm.probability().p < 1e-6);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SequentialSampleRatio {
    /// Shares of the current phase; they add up to one.
    shares: Vec<f64>,
    concentration: f64,
    /// Customers of the current phase.
    counts: Vec<u64>,
    /// What the phases before left behind.
    ln_earlier: f64,
    /// The logarithm of the largest product so far, at least that of the start.
    ln_largest: f64,
    unplanned: u64,
}

impl SequentialSampleRatio {
    /// Starts the first phase; the weights need not add up to one. See
    /// [`concentration`] for how to choose the concentration.
    pub fn new(weights: &[f64], concentration: f64) -> Result<Self, SampleRatioError> {
        let mut watched = SequentialSampleRatio {
            shares: Vec::new(),
            concentration,
            counts: vec![0; weights.len()],
            ln_earlier: 0.0,
            ln_largest: 0.0,
            unplanned: 0,
        };
        watched.start_phase(weights, concentration)?;
        Ok(watched)
    }

    /// Ends the current phase and starts another, with as many arms. A phase in which
    /// a single arm is open tests nothing and is fine.
    ///
    /// When a phase starts must not depend on the customers who come after.
    pub fn start_phase(
        &mut self,
        weights: &[f64],
        concentration: f64,
    ) -> Result<(), SampleRatioError> {
        check_weights(self.counts.len(), weights)?;
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            return Err(SampleRatioError::NoSplit);
        }
        check_tuning("concentration", concentration)?;
        self.ln_earlier = self.ln_bayes_factor();
        self.counts.fill(0);
        self.concentration = concentration;
        self.shares = weights.iter().map(|weight| weight / total).collect();
        Ok(())
    }

    /// Adds the new customers of each arm and looks.
    pub fn add(&mut self, customers: &[u64]) -> Result<(), SampleRatioError> {
        if customers.len() != self.counts.len() {
            return Err(SampleRatioError::Mismatched {
                arms: customers.len(),
                weights: self.counts.len(),
            });
        }
        for ((count, more), share) in self.counts.iter_mut().zip(customers).zip(&self.shares) {
            if *share > 0.0 {
                *count += more;
            } else {
                self.unplanned += more;
            }
        }
        self.ln_largest = self.ln_largest.max(self.ln_bayes_factor());
        Ok(())
    }

    /// The logarithm of the product of the phases' Bayes factors, now: evidence
    /// against the plan when positive.
    pub fn ln_bayes_factor(&self) -> f64 {
        let n = self.counts.iter().sum::<u64>() as f64;
        let c = self.concentration;
        if n == 0.0 {
            return self.ln_earlier;
        }
        // By Stirling's formula with its error, in which every term is a departure
        // from the plan: nothing cancels, at any number of customers.
        let mut sum = 0.5 * (n / c).ln_1p() + stirling_error(c) - stirling_error(c + n);
        for (&count, &share) in self.counts.iter().zip(&self.shares) {
            if share == 0.0 {
                continue;
            }
            let (count, a) = (count as f64, c * share);
            sum += deviance(a + count, (c + n) * share, count - n * share)
                - 0.5 * (count / a).ln_1p()
                + stirling_error(a + count)
                - stirling_error(a);
        }
        self.ln_earlier + sum
    }

    /// The always-valid probability of the splits seen so far, if all plans were kept:
    /// one over the largest Bayes factor at any look. It never rises.
    pub fn probability(&self) -> TailProbability {
        TailProbability::from_ln(-self.ln_largest)
    }

    /// Customers in arms that had a weight of zero when they came.
    pub fn unplanned(&self) -> u64 {
        self.unplanned
    }
}

/// The concentration with which the test alarms for the smallest departures when so
/// many customers have come.
///
/// For large counts the test alarms when `chi2 >= (1 + 1/r) (2 ln(1/alpha) + k ln(1 +
/// r))`, with `r = n / c` and k the degrees of freedom, one less than the arms. That
/// is least where `k (r - ln(1 + r)) = 2 ln(1/alpha)`, and the concentration is `n /
/// r`. The minimum is flat: with ten times as many customers the least detectable
/// departure is some ten per cent wider than with a concentration made for those, and
/// with a tenth of them 20 (two arms) to 40 per cent (five).
///
/// ```
/// // Two arms, an alarm once in a thousand tests, 200,000 customers planned.
/// let c = stats::sample_ratio::concentration(200_000.0, 2, 0.001).unwrap();
/// assert!((11_000.0..13_000.0).contains(&c));
/// ```
pub fn concentration(
    planned_customers: f64,
    arms: usize,
    alpha: f64,
) -> Result<f64, SampleRatioError> {
    check_tuning("planned number of customers", planned_customers)?;
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(SampleRatioError::InvalidTuning {
            what: "level alpha",
            value: alpha,
        });
    }
    if arms < 2 {
        return Err(SampleRatioError::NoSplit);
    }
    let target = -2.0 * alpha.ln() / (arms - 1) as f64;
    let r = root::bracketed(|r| r - r.ln_1p() - target, 0.0, 2.0 * target + 10.0);
    Ok(planned_customers / r)
}

fn check_tuning(what: &'static str, value: f64) -> Result<(), SampleRatioError> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(SampleRatioError::InvalidTuning { what, value })
    }
}
