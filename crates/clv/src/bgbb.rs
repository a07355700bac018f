//! Purchases at discrete opportunities: the beta-geometric/beta-Bernoulli model.
//!
//! At each of n opportunities (a yearly appeal, a cruise, an event) a customer who is
//! alive buys with his own probability `p ~ Beta(alpha, beta)`, and before each he
//! leaves for good with his own probability `theta ~ Beta(gamma, delta)` (P. S. Fader,
//! B. G. S. Hardie and J. Shang, "Customer-base analysis in a discrete-time
//! noncontractual setting", Marketing Science 29, 2010).

use crate::beta::{self, BetaBoundary, Shapes, UnboundedLifetime};
use crate::error::FitError;
use crate::information::{add_square, congruence, covariances, delta_se};
use crate::optimize::{self, Objective};
use crate::special::ln_rising;

/// Parameters of the BG/BB model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BgBb {
    /// First shape of the probability to buy.
    pub alpha: f64,
    /// Second shape of the probability to buy.
    pub beta: f64,
    /// First shape of the probability to leave.
    pub gamma: f64,
    /// Second shape of the probability to leave.
    pub delta: f64,
}

/// What a customer did: purchases at x of n opportunities, the last at the `t_x`-th.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opportunities {
    /// Opportunities taken, x.
    pub taken: u32,
    /// The last one taken, from 1; 0 when none was.
    pub last: u32,
    /// Opportunities there were, n.
    pub all: u32,
}

/// A fitted [`BgBb`].
#[derive(Debug, Clone, PartialEq)]
pub struct BgBbFit {
    /// The estimates.
    pub parameters: BgBb,
    /// Maximum of the log-likelihood.
    pub log_likelihood: f64,
    /// Sandwich covariance of `(ln alpha, ln beta, ln gamma, ln delta)`, row-major.
    pub covariance: Vec<f64>,
    /// The same when the model is right: the inverse of the information.
    pub model_covariance: Vec<f64>,
    /// The limit to which the data push the probability to buy, if they do.
    pub buying_boundary: Option<BetaBoundary>,
    /// The limit to which the data push the probability to leave, if they do;
    /// [`BetaBoundary::Never`] when no attrition is visible in this window.
    pub leaving_boundary: Option<BetaBoundary>,
}

impl BgBb {
    /// Log-probability of a history.
    pub fn ln_likelihood(&self, history: Opportunities) -> f64 {
        Likelihood::of_row(self.buying(), self.leaving(), history).0
    }

    /// Probability that the customer is alive at opportunity n + 1, given his history.
    pub fn probability_alive(&self, history: Opportunities) -> f64 {
        let buying = ln_purchases(self.buying(), history.taken, history.all).0;
        let alive = self.leaving().ln_never(history.all + 1).0;
        (buying + alive - self.ln_likelihood(history)).exp()
    }

    /// Expected purchases of a new customer over his first opportunities.
    pub fn expected_transactions(&self, opportunities: u32) -> f64 {
        let new = Opportunities {
            taken: 0,
            last: 0,
            all: 0,
        };
        self.conditional_expected_transactions(new, opportunities)
    }

    /// Expected purchases over the next opportunities, given the history.
    pub fn conditional_expected_transactions(
        &self,
        history: Opportunities,
        opportunities: u32,
    ) -> f64 {
        self.discounted_expected_transactions(history, opportunities, 0.0)
    }

    /// Expected purchases over the next opportunities, that at n + k discounted by `(1 +
    /// rate)^-k`; a rate below zero is taken as none.
    pub fn discounted_expected_transactions(
        &self,
        history: Opportunities,
        opportunities: u32,
        rate: f64,
    ) -> f64 {
        let z = 1.0 / (1.0 + rate.max(0.0));
        let lasting = self
            .leaving()
            .discounted_renewals_within(history.all + 1, z, opportunities);
        z * self.next_purchase(history) * lasting
    }

    /// Discounted expected residual transactions: purchases at all opportunities to come,
    /// that at n + k discounted by `(1 + rate)^-k`.
    ///
    /// # Errors
    ///
    /// Without discount it is infinite for `gamma <= 1`; a rate below zero is taken as
    /// none.
    pub fn discounted_expected_residual_transactions(
        &self,
        history: Opportunities,
        rate: f64,
    ) -> Result<f64, UnboundedLifetime> {
        let z = 1.0 / (1.0 + rate.max(0.0));
        let next = history.all + 1;
        let lasting = self.leaving().discounted_renewals(next, z)?;
        Ok(z * self.next_purchase(history) * lasting)
    }

    /// Probability of a purchase at opportunity n + 1, given the history.
    fn next_purchase(&self, history: Opportunities) -> f64 {
        let (x, n) = (f64::from(history.taken), f64::from(history.all));
        let given_alive = (self.alpha + x) / (self.alpha + self.beta + n);
        self.probability_alive(history) * given_alive
    }

    fn buying(&self) -> Shapes {
        Shapes {
            a: self.alpha,
            b: self.beta,
        }
    }

    fn leaving(&self) -> Shapes {
        Shapes {
            a: self.gamma,
            b: self.delta,
        }
    }
}

impl BgBbFit {
    /// Fits the model by maximum likelihood to histories and how many customers have
    /// each.
    ///
    /// # Errors
    ///
    /// No customers; a history that cannot be, or a number of customers that is negative
    /// or not finite; no convergence.
    pub fn new(histories: &[(Opportunities, f64)]) -> Result<Self, FitError> {
        for (row, &(history, customers)) in histories.iter().enumerate() {
            check(row, history, customers)?;
        }
        let seen =
            |&(history, customers): &(Opportunities, f64)| history.all > 0 && customers > 0.0;
        if !histories.iter().any(seen) {
            return Err(FitError::NoCustomers);
        }
        let likelihood = Likelihood { histories };
        let starts: Vec<Vec<f64>> = [
            [(1.0, 1.0), (0.5, 3.0)],
            [(1.0, 4.0), (1.0, 20.0)],
            [(4.0, 1.0), (0.3, 1.0)],
        ]
        .map(|pairs| pairs.map(|(a, b)| Shapes { a, b }.to_search()).concat())
        .into();
        let optimum = optimize::maximize(&likelihood, &starts)?;
        let [buying, leaving] = Likelihood::shapes(&optimum.at);
        let mut squares = vec![0.0; 16];
        likelihood.for_each(&optimum.at, |_, score, customers| {
            add_square(&mut squares, score, customers);
        });
        let covariances = covariances(&optimum, &squares)?;
        let mut jacobian = vec![0.0; 16];
        for (block, shapes) in [buying, leaving].into_iter().enumerate() {
            for (i, row) in shapes.jacobian().into_iter().enumerate() {
                let start = (2 * block + i) * 4 + 2 * block;
                jacobian[start..start + 2].copy_from_slice(&row);
            }
        }
        Ok(BgBbFit {
            parameters: Likelihood::model(&optimum.at),
            log_likelihood: optimum.value,
            covariance: congruence(&jacobian, &covariances.sandwich, 4),
            model_covariance: congruence(&jacobian, &covariances.model, 4),
            buying_boundary: beta::boundary(&optimum.places[..2], &optimum.at[..2]),
            leaving_boundary: beta::boundary(&optimum.places[2..], &optimum.at[2..]),
        })
    }

    /// Standard error of a function of the parameters, by the delta method with the
    /// sandwich covariance.
    pub fn standard_error(&self, of: impl Fn(&BgBb) -> f64) -> f64 {
        let BgBb {
            alpha,
            beta,
            gamma,
            delta,
        } = self.parameters;
        let at = [alpha, beta, gamma, delta].map(f64::ln);
        delta_se(&at, &self.covariance, |at| {
            of(&BgBb {
                alpha: at[0].exp(),
                beta: at[1].exp(),
                gamma: at[2].exp(),
                delta: at[3].exp(),
            })
        })
    }
}

fn check(row: usize, history: Opportunities, customers: f64) -> Result<(), FitError> {
    let Opportunities { taken, last, all } = history;
    if !(customers >= 0.0 && customers.is_finite()) {
        return Err(FitError::InvalidValue {
            row,
            what: "number of customers",
            value: customers,
        });
    }
    if last > all {
        return Err(FitError::PurchaseAfterEnd {
            row,
            recency: f64::from(last),
            age: f64::from(all),
        });
    }
    if taken > last || (taken == 0) != (last == 0) {
        return Err(FitError::RecencyMismatch {
            row,
            frequency: taken,
            recency: f64::from(last),
        });
    }
    Ok(())
}

/// Log-probability of buying at x given ones of m opportunities, `ln E[p^x (1 - p)^(m -
/// x)]`, with its derivatives.
fn ln_purchases(shapes: Shapes, x: u32, m: u32) -> (f64, f64, f64) {
    let (bought, by_a) = ln_rising(shapes.a, x);
    let (not_bought, by_b) = ln_rising(shapes.b, m - x);
    let (all, by_size) = ln_rising(shapes.a + shapes.b, m);
    (bought + not_bought - all, by_a - by_size, by_b - by_size)
}

/// The log-likelihood in the search parameters of both distributions.
pub(crate) struct Likelihood<'a> {
    pub(crate) histories: &'a [(Opportunities, f64)],
}

impl Likelihood<'_> {
    /// The model at search parameters.
    pub(crate) fn model(at: &[f64]) -> BgBb {
        let [buying, leaving] = Self::shapes(at);
        BgBb {
            alpha: buying.a,
            beta: buying.b,
            gamma: leaving.a,
            delta: leaving.b,
        }
    }

    /// The search parameters of a model.
    pub(crate) fn search(model: &BgBb) -> Vec<f64> {
        [model.buying(), model.leaving()]
            .map(Shapes::to_search)
            .concat()
    }

    fn shapes(at: &[f64]) -> [Shapes; 2] {
        [
            Shapes::from_search(at[0], at[1]),
            Shapes::from_search(at[2], at[3]),
        ]
    }

    /// Log-likelihood of a history and its derivatives by alpha, beta, gamma and delta.
    ///
    /// The customer is alive at the end, or left before opportunity m + 1 for an m from
    /// `t_x` to n - 1; the probabilities of the latter fall with m, so that the first of
    /// them and the former bound all terms.
    fn of_row(buying: Shapes, leaving: Shapes, history: Opportunities) -> (f64, [f64; 4]) {
        let Opportunities { taken, last, all } = history;
        let (purchases, buy_a, buy_b) = ln_purchases(buying, taken, all);
        let (stayed, stay_a, stay_b) = leaving.ln_never(all);
        let alive = purchases + stayed;
        if last == all {
            return (alive, [buy_a, buy_b, stay_a, stay_b]);
        }
        let (purchases, mut by_a, mut by_b) = ln_purchases(buying, taken, last);
        let (stayed, stayed_a, stayed_b) = leaving.ln_never(last);
        let size = leaving.a + leaving.b + f64::from(last);
        let first = purchases + stayed + (leaving.a / size).ln();
        let mut by_gamma = stayed_a + 1.0 / leaving.a - 1.0 / size;
        let mut by_delta = stayed_b - 1.0 / size;

        let largest = alive.max(first);
        let weight = (alive - largest).exp();
        let mut total = weight;
        let mut gradient = [buy_a, buy_b, stay_a, stay_b].map(|slope| weight * slope);
        let mut term = (first - largest).exp();
        for m in last..all {
            total += term;
            for (sum, slope) in gradient.iter_mut().zip([by_a, by_b, by_gamma, by_delta]) {
                *sum += term * slope;
            }
            // One more opportunity lived through and not taken.
            let not_taken = buying.b + f64::from(m - taken);
            let offered = buying.a + buying.b + f64::from(m);
            let kept = leaving.b + f64::from(m);
            let faced = leaving.a + leaving.b + f64::from(m) + 1.0;
            term *= not_taken / offered * (kept / faced);
            by_a -= 1.0 / offered;
            by_b += 1.0 / not_taken - 1.0 / offered;
            by_gamma -= 1.0 / faced;
            by_delta += 1.0 / kept - 1.0 / faced;
        }
        (largest + total.ln(), gradient.map(|sum| sum / total))
    }

    /// Calls with the log-likelihood, its score and the number of customers of each row.
    fn for_each(&self, at: &[f64], mut each: impl FnMut(f64, &[f64], f64)) {
        let [buying, leaving] = Self::shapes(at);
        for &(history, customers) in self.histories {
            let (value, slopes) = Self::of_row(buying, leaving, history);
            let [a, b] = buying.search_gradient(slopes[0], slopes[1]);
            let [c, d] = leaving.search_gradient(slopes[2], slopes[3]);
            each(value, &[a, b, c, d], customers);
        }
    }
}

impl Objective for Likelihood<'_> {
    fn dimension(&self) -> usize {
        4
    }

    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let mut total = 0.0;
        self.for_each(at, |value, score, customers| {
            total += customers * value;
            for (sum, slope) in gradient.iter_mut().zip(score) {
                *sum += customers * slope;
            }
        });
        total
    }
}
