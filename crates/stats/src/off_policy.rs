//! What another way of choosing content would have brought, from the log of a way that
//! chose at random with known probabilities; and with it, what one item is worth.
//!
//! The value of an item is not its rate: where it is dropped, others are shown in its
//! place. [`PolicySums::drop_value`] is what is lost when an item is dropped and its
//! chances go to the others in proportion; an item that only takes from the others is
//! worth nothing, whatever its rate.
//!
//! Decisions of one customer depend on each other, so customers are what is counted: of each
//! part of an estimate, Kish's effective number of those that it comes from. A part that comes
//! from few may hold surprises; there is an estimate only where these would hardly change it.

use std::fmt;

use crate::error::{Number, Unestimable, check_alpha};
use crate::lift::Estimate;
use crate::tail;

/// Fewest decisions, after weighting, on which an estimate rests.
pub const FEWEST_EFFECTIVE: f64 = 100.0;

/// Fewest effective customers from whom each part of an estimate comes. Intervals hold the
/// value of an item in 94 to 96 % of simulated logs of which nearly all have as many; in more
/// where only about half of the logs do, and in fewer for rare large amounts and for outcomes
/// that nearly all decisions bring (`docs/measurements/content.md`).
pub const FEWEST_CUSTOMERS: f64 = 20.0;

/// Rewards of fewer customers are enough where the most that they may bring is below this
/// share of the standard error of the estimate.
pub const HARDLY_MATTERS: f64 = 0.5;

/// The least share of the decisions that must be left after weighting.
pub const LEAST_EFFECTIVE_SHARE: f64 = 0.05;

/// Probability below which weights do not fit the log: their mean must be 1.
pub const WEIGHT_ALARM: f64 = 1e-4;

/// A part of an estimate, which must come from many customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// All decisions of the log.
    Decisions,
    /// Those that the other policy could have made, by their weights.
    OtherDecisions,
    /// Those that chose the item.
    Choices,
    /// What the item brought.
    Rewards,
    /// What was brought by decisions that the other policy could have made.
    OtherRewards,
}

impl Part {
    /// Why it needs them and what would give it more.
    fn need(self) -> &'static str {
        match self {
            Part::Decisions | Part::OtherDecisions | Part::Choices => {
                "are needed: log more customers, or draw anew at each of their decisions"
            }
            Part::Rewards | Part::OtherRewards => {
                "are needed where a few more would change the value: log more decisions, or measure an outcome that \
                 is more frequent"
            }
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Decisions => "the decisions",
            Part::OtherDecisions => "the decisions that speak for the other policy",
            Part::Choices => "the choices of the item",
            Part::Rewards => "the outcomes after the item",
            Part::OtherRewards => "the outcomes that speak for the other policy",
        })
    }
}

/// A number of each customer that is not negative, summed over customers. Where what it
/// measures may have either sign, it is the sum of sizes `|x|`: of signed sums, nothing below
/// would tell from how many customers they come.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CustomerSum {
    /// The sum.
    pub sum: f64,
    /// The sum of squares.
    pub squares: f64,
}

impl CustomerSum {
    /// Adds the number of one customer.
    pub fn add(&mut self, x: f64) {
        self.sum += x;
        self.squares += x * x;
    }

    /// From how many customers the sum comes in effect, `(sum |x|)^2 / sum x^2` (L. Kish,
    /// "Survey Sampling", 1965, section 11.7): their number where all have as much, 1 where
    /// one has all, 0 where nobody has any.
    pub fn effective(&self) -> f64 {
        match self.squares > 0.0 {
            true => self.sum * self.sum / self.squares,
            false => 0.0,
        }
    }

    /// How much each of these customers has, `sum x^2 / sum |x|`; 0 where nobody has any.
    fn each(&self) -> f64 {
        match self.sum > 0.0 {
            true => self.squares / self.sum,
            false => 0.0,
        }
    }
}

/// The decisions that chose an item and those that did not, in sums over customers that tell
/// from how many these come.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ItemSums {
    /// How many decisions chose it.
    pub choices: CustomerSum,
    /// What these brought, by size: `sum |r|` of a customer.
    pub rewards: CustomerSum,
    /// What the others brought, by size and weighted: `sum w |r|` of a customer.
    pub other_rewards: CustomerSum,
}

impl ItemSums {
    /// Adds the decisions of one customer: how many chose the item, the sizes of what these
    /// brought, and the weighted sizes of what the others did.
    pub fn add(&mut self, choices: f64, rewards: f64, other_rewards: f64) {
        self.choices.add(choices);
        self.rewards.add(rewards);
        self.other_rewards.add(other_rewards);
    }
}

/// Why a policy has no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OffPolicyError {
    /// Too few customers for a variance.
    #[error("the log has {}; at least 2 are needed", Number(*customers, "customer"))]
    TooFew {
        /// How many there are.
        customers: u64,
    },
    /// A few decisions with large weights would decide everything.
    #[error(
        "the log speaks for the other policy with {} of {decisions:.0}; at least {FEWEST_EFFECTIVE:.0} and {:.0} % of \
         them are needed",
        Number(effective.floor() as u64, "effective decision"),
        100.0 * LEAST_EFFECTIVE_SHARE
    )]
    TooLittleOverlap {
        /// Kish's effective sample size, `(sum w)^2 / sum w^2`.
        effective: f64,
        /// Decisions in the log.
        decisions: f64,
    },
    /// A few choices of an item would decide what it brings.
    #[error(
        "the item was chosen in {} of {decisions:.0}; at least {FEWEST_EFFECTIVE:.0} are needed",
        Number(*chosen, "decision")
    )]
    TooFewChoices {
        /// Decisions that chose it.
        chosen: u64,
        /// Decisions for which it was a candidate.
        decisions: f64,
    },
    /// A few customers would decide everything.
    #[error(
        "{part} come from {:.1} of {customers} customers in effect, and at least {FEWEST_CUSTOMERS:.0} {}",
        (10.0 * effective).floor() / 10.0,
        part.need()
    )]
    TooFewCustomers {
        /// What comes from them.
        part: Part,
        /// Their effective number, of [`CustomerSum::effective`].
        effective: f64,
        /// Customers in the log.
        customers: u64,
    },
    /// Weights do not average to 1: the logged probabilities are not those by which was
    /// chosen.
    #[error(
        "the weights average {mean:.4} and not 1 (p = {p:.1e}): the logged probabilities are not those of the choices"
    )]
    WrongPropensities {
        /// The mean of the weights.
        mean: f64,
        /// The probability of a mean as far from 1 by chance.
        p: f64,
    },
    /// A weight, reward or sum is not a valid number.
    #[error(transparent)]
    Input(#[from] Unestimable),
}

/// One logged decision, as another policy sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// What it brought.
    pub reward: f64,
    /// The probability of its choice under the other policy over that under which it was
    /// logged: not negative.
    pub weight: f64,
    /// What a model expects of what was chosen, 0 without a model.
    pub expected: f64,
    /// What the model expects of the other policy's choice, 0 without a model.
    pub expected_of_other: f64,
}

/// What is summed over a customer's decisions: their number, rewards, weights, weighted
/// rewards beyond the expected ones, and expectations of the other policy.
const SUMS: usize = 5;

/// The log of decisions in sums over customers, whose decisions may depend on each other.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PolicySums {
    /// Customers.
    pub customers: u64,
    /// Sums over customers of their decisions, rewards, weights, weighted rewards less
    /// weighted expectations, and expectations of the other policy.
    pub first: [f64; SUMS],
    /// Sums over customers of the products of those.
    pub second: [[f64; SUMS]; SUMS],
    /// The sum of the squared weights of all decisions.
    pub squared_weights: f64,
}

/// The value of another policy beside that of the one that was logged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PolicyValue {
    /// The mean reward of a decision of the logged policy.
    pub logged: Estimate,
    /// The mean reward of a decision of the other policy.
    pub other: Estimate,
    /// The logged policy's value less the other's.
    pub difference: Estimate,
    /// Kish's effective number of decisions, `(sum w)^2 / sum w^2`.
    pub effective: f64,
    /// The effective number of customers of the part that comes from the fewest.
    pub effective_customers: f64,
    /// The mean of the weights, 1 but for chance.
    pub mean_weight: f64,
}

/// Influence functions of the two values, as coefficients of a customer's sums.
struct Influences {
    logged: [f64; SUMS],
    other: [f64; SUMS],
}

impl Influences {
    fn difference(&self) -> [f64; SUMS] {
        std::array::from_fn(|i| self.logged[i] - self.other[i])
    }
}

impl PolicySums {
    /// Adds the decisions of one customer.
    pub fn add(&mut self, decisions: impl IntoIterator<Item = Decision>) {
        let mut sums = [0.0; SUMS];
        for decision in decisions {
            let row = [
                1.0,
                decision.reward,
                decision.weight,
                decision.weight * (decision.reward - decision.expected),
                decision.expected_of_other,
            ];
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
            self.squared_weights += decision.weight * decision.weight;
        }
        self.customers += 1;
        for i in 0..SUMS {
            self.first[i] += sums[i];
            for j in 0..SUMS {
                self.second[i][j] += sums[i] * sums[j];
            }
        }
    }

    /// The value of the other policy by self-normalised importance weights, doubly robust
    /// where a model's expectations are given:
    /// `V = mean(expected of other) + sum w (r - expected) / sum w` (A. Swaminathan and T.
    /// Joachims, "The self-normalized estimator for counterfactual learning", NIPS 2015;
    /// M. Dudik, J. Langford and L. Li, "Doubly robust policy evaluation and learning",
    /// ICML 2011).
    ///
    /// The variance is that of the influence function, summed by customer. Intervals are of
    /// Student's t with one degree of freedom less than the effective number of customers of
    /// the part that comes from the fewest (A. Carter, K. Schnepel and D. Steigerwald,
    /// "Asymptotic behavior of a t-test robust to cluster heterogeneity", Review of Economics
    /// and Statistics 99, 2017: unequal clusters count as `(sum v)^2 / sum v^2` equal ones).
    /// Here the parts are the log's decisions and those that speak for the other policy. Where
    /// rewards are rare, the interval is too narrow; [`drop_value`](Self::drop_value) looks
    /// at these, too.
    ///
    /// # Errors
    ///
    /// [`OffPolicyError`], where the log does not support the other policy.
    pub fn value(&self, alpha: f64) -> Result<PolicyValue, OffPolicyError> {
        check_alpha(alpha)?;
        self.check()?;
        self.value_from(&self.parts(), &self.influences(), alpha)
    }

    /// What dropping an item loses, a decision for which it was a candidate: the
    /// [`difference`](PolicyValue::difference) between the value of the logged policy and
    /// that of the policy without the item. The decisions must be those for which the item
    /// was a candidate, with the weights of [`drop_weight`] and without a model; `item` sums
    /// these as well. Others, in which dropping it changes nothing, would only make the
    /// log look larger than it is.
    ///
    /// Rewards are parts of the estimate as well, those after the item and those after
    /// others: of a hundred decisions of which two bring something, the two tell how sure
    /// their mean is. Nobody who buys after an item is no such doubt where many buy after
    /// others: rewards of fewer than [`FEWEST_CUSTOMERS`] are no part of the estimate where
    /// the most that they may bring is below [`HARDLY_MATTERS`] of its standard error. It is
    /// not looked at that nearly all decisions bring the same: then the interval is too
    /// narrow.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value), and [`OffPolicyError::TooFewChoices`].
    pub fn drop_value(&self, item: &ItemSums, alpha: f64) -> Result<PolicyValue, OffPolicyError> {
        check_alpha(alpha)?;
        self.check()?;
        let choices = item.choices.sum;
        if choices < FEWEST_EFFECTIVE {
            return Err(OffPolicyError::TooFewChoices {
                chosen: choices as u64,
                decisions: self.first[0],
            });
        }
        let mut parts = self.parts().to_vec();
        parts.push((Part::Choices, item.choices));
        let influences = self.influences();
        let se = self.variance(&influences.difference()).sqrt();
        let [most, other_most] = self.most(item);
        for (part, sum, most) in [
            (Part::Rewards, item.rewards, most),
            (Part::OtherRewards, item.other_rewards, other_most),
        ] {
            let hardly_matters = most < HARDLY_MATTERS * se;
            if sum.effective() >= FEWEST_CUSTOMERS || !hardly_matters {
                parts.push((part, sum));
            }
        }
        self.value_from(&parts, &influences, alpha)
    }

    /// The most that the rewards after the item, and those after others, may add to what
    /// dropping it loses. From `k` customers in effect, no more than `k + 2 sqrt(k) + 4` are to
    /// be expected, above the upper 97.5 % limit of a Poisson mean for every `k` (of none, the
    /// rule of three with 3.7). Each has as much as those of the part that have more, in
    /// proportion to the decisions where the part has more of these; a reward after the item
    /// counts `1 / n` in the estimate and one after others `1 / n' - 1 / n`, of `n` decisions
    /// and `n'` effective ones.
    fn most(&self, item: &ItemSums) -> [f64; 2] {
        let [decisions, _, weights, ..] = self.first;
        let choices = item.choices.sum;
        let others = decisions - choices;
        let own = item.rewards.each();
        let other = item.other_rewards.each() * others / weights;
        let customers = |sum: &CustomerSum| {
            let k = sum.effective();
            k + 2.0 * k.sqrt() + 4.0
        };
        [
            customers(&item.rewards) * own.max(other * (choices / others).max(1.0)) / decisions,
            customers(&item.other_rewards)
                * other.max(own * (others / choices).max(1.0))
                * (self.effective().recip() - decisions.recip()),
        ]
    }

    fn value_from(
        &self,
        parts: &[(Part, CustomerSum)],
        influences: &Influences,
        alpha: f64,
    ) -> Result<PolicyValue, OffPolicyError> {
        let mut effective_customers = f64::INFINITY;
        for (part, sum) in parts {
            let effective = sum.effective();
            if effective < FEWEST_CUSTOMERS {
                return Err(OffPolicyError::TooFewCustomers {
                    part: *part,
                    effective,
                    customers: self.customers,
                });
            }
            effective_customers = effective_customers.min(effective);
        }
        let df = effective_customers - 1.0;
        let [decisions, rewards, weights, weighted, expected] = self.first;
        let mean_weight = weights / decisions;
        let of_weight = [-mean_weight, 0.0, 1.0, 0.0, 0.0].map(|x| x / decisions);
        let p =
            tail::student_t_two_sided((mean_weight - 1.0) / self.variance(&of_weight).sqrt(), df);
        if (mean_weight - 1.0).abs() > 1e-9 && p.p < WEIGHT_ALARM {
            return Err(OffPolicyError::WrongPropensities {
                mean: mean_weight,
                p: p.p,
            });
        }
        let logged = rewards / decisions;
        let other = expected / decisions + weighted / weights;
        let estimate = |estimate: f64, influence: &[f64; SUMS]| {
            Estimate::of(estimate, self.variance(influence), df, alpha)
        };
        Ok(PolicyValue {
            logged: estimate(logged, &influences.logged),
            other: estimate(other, &influences.other),
            difference: estimate(logged - other, &influences.difference()),
            effective: self.effective(),
            effective_customers,
            mean_weight,
        })
    }

    fn influences(&self) -> Influences {
        let [decisions, rewards, weights, weighted, expected] = self.first;
        let logged = rewards / decisions;
        let (model, residual) = (expected / decisions, weighted / weights);
        Influences {
            logged: [-logged, 1.0, 0.0, 0.0, 0.0].map(|x| x / decisions),
            other: [
                -model / decisions,
                0.0,
                -residual / weights,
                weights.recip(),
                decisions.recip(),
            ],
        }
    }

    /// The parts of the value of any policy.
    fn parts(&self) -> [(Part, CustomerSum); 2] {
        [
            (Part::Decisions, self.of_customers(0)),
            (Part::OtherDecisions, self.of_customers(2)),
        ]
    }

    /// One of the sums, as one over customers.
    fn of_customers(&self, sum: usize) -> CustomerSum {
        CustomerSum {
            sum: self.first[sum],
            squares: self.second[sum][sum],
        }
    }

    /// Kish's effective number of decisions.
    fn effective(&self) -> f64 {
        self.first[2] * self.first[2] / self.squared_weights
    }

    /// The variance of a sum over customers of a linear function of their sums, whose mean
    /// is 0.
    fn variance(&self, coefficients: &[f64; SUMS]) -> f64 {
        let mut sum = 0.0;
        for (x, row) in coefficients.iter().zip(&self.second) {
            for (z, product) in coefficients.iter().zip(row) {
                sum += x * z * product;
            }
        }
        sum.max(0.0)
    }

    fn check(&self) -> Result<(), OffPolicyError> {
        if self.customers < 2 {
            return Err(OffPolicyError::TooFew {
                customers: self.customers,
            });
        }
        let sums = self.first.iter().chain(self.second.iter().flatten());
        let invalid = |what, value| Err(Unestimable::InvalidInput { what, value }.into());
        if let Some(value) = sums.chain([&self.squared_weights]).find(|x| !x.is_finite()) {
            return invalid("sum over customers", *value);
        }
        if self.first[0] <= 0.0 {
            return invalid("number of decisions", self.first[0]);
        }
        let decisions = self.first[0];
        // None at all where nothing was logged that the other policy would choose.
        let effective = match self.squared_weights > 0.0 {
            true => self.effective(),
            false => 0.0,
        };
        if effective < FEWEST_EFFECTIVE.max(LEAST_EFFECTIVE_SHARE * decisions) {
            return Err(OffPolicyError::TooLittleOverlap {
                effective,
                decisions,
            });
        }
        Ok(())
    }
}

/// The weight of a decision in the policy that lacks an item and gives its chances to the
/// others in proportion: 0 where the item was chosen, else `1 / (1 - probability)` of the
/// item in this decision.
pub fn drop_weight(chosen: bool, probability: f64) -> f64 {
    if chosen {
        0.0
    } else {
        (1.0 - probability).recip()
    }
}
