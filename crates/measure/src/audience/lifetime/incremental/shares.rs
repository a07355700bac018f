//! Who buys at all: whether the treatment decided it, so that the lives of those who do are not comparable.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::{Counts, lift_of_shares};

use super::IncrementalArm;
use crate::audience::finding::Pair;
use crate::{Reason, Refusal};

/// The probability below which shares of buyers are taken to differ.
const ALARM: f64 = 0.01;

/// The fewest buyers of an arm whose lives are modelled. Errors are the sandwich's, of large samples: with `k` parameters
/// and `n` customers its variances come out too small by some `k / n`, six parameters in both arms together, and with
/// fewer than this their distribution is far from normal, too.
const FEWEST_BUYERS: u64 = 30;

/// Why lives are not compared, where an arm has too few customers in the process.
pub(super) fn too_few(customers: Pair<u64>) -> Option<Refusal> {
    let Pair { arm, against } = customers;
    (arm.min(against) < FEWEST_BUYERS).then(|| {
        let message = format!(
            "{arm} customers of this arm bought and {against} of those it is compared with: errors of what a model says of \
             fewer than {FEWEST_BUYERS} in an arm are not to be relied on; take what was measured per assigned customer, \
             or wait for more"
        );
        Refusal::new(Reason::TooLittleData, message)
    })
}

/// Shares of assigned customers who are in the process of the model, because they had bought before the assignment or did
/// from then on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BuyerShares {
    /// Of all assigned customers.
    pub all: BuyerShare,
    /// Of those who had not bought before the assignment; none where an arm has none of them.
    pub new: Option<BuyerShare>,
}

/// The shares of two arms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BuyerShare {
    pub share: Pair<f64>,
    /// Two-sided, of two proportions (score).
    pub p_value: f64,
}

impl BuyerShares {
    /// Of an arm's numbers of customers; none where an arm has nobody.
    pub(super) fn of(arm: &IncrementalArm) -> Option<Self> {
        let counts = |buyers: u64, others: u64| Counts {
            successes: buyers,
            n: buyers + others,
        };
        let share = |existing: Pair<u64>| {
            let of = counts(arm.customers.arm - existing.arm, arm.never_bought.arm);
            let against = counts(
                arm.customers.against - existing.against,
                arm.never_bought.against,
            );
            let lift = lift_of_shares(of, against, ALARM).ok()?;
            Some(BuyerShare {
                share: Pair {
                    arm: of.share(),
                    against: against.share(),
                },
                p_value: lift.probability.p,
            })
        };
        Some(Self {
            all: share(Pair { arm: 0, against: 0 })?,
            new: share(arm.existing),
        })
    }

    /// Why lives are not compared, where shares differ.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let of_new = self
            .new
            .map(|new| (new, "customers who had not bought before"));
        let (found, whose) = [(self.all, "assigned customers")]
            .into_iter()
            .chain(of_new)
            .find(|(found, _)| found.p_value < ALARM)?;
        let message = format!(
            "{:.1} % of this arm's {whose} bought and {:.1} % of those it is compared with (p = {:.2e}): the treatment decides \
             who buys, and the lives of those who do are not comparable, whichever sign their difference has; take what was \
             measured per assigned customer, or the experiment's lift",
            100.0 * found.share.arm,
            100.0 * found.share.against,
            found.p_value
        );
        Some(Refusal::new(Reason::UnfitData, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handful_of_buyers_is_too_few() {
        let refused = |arm, against| too_few(Pair { arm, against });
        assert_eq!(
            refused(7, 200).map(|refusal| refusal.reason),
            Some(Reason::TooLittleData)
        );
        assert!(refused(200, 29).is_some());
        assert!(refused(30, 30).is_none());
    }
}
