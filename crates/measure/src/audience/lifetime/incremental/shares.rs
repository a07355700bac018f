//! Who buys at all: whether the treatment decided it, so that the lives of those who do are not comparable.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::{Counts, lift_of_shares};

use super::IncrementalArm;
use crate::audience::finding::Pair;
use crate::{Reason, Refusal};

/// The probability below which shares of buyers are taken to differ.
const ALARM: f64 = 0.01;

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
