//! Whether an experiment's arms can be compared at all: the split that lift tests, and who is in no arm.

use catalog::Experiment;
use lake::Lake;

use crate::audience::NotCounted;
use crate::audience::checks::{phase_of, split_probability};
use crate::audience::lift::{expected_shares, refused_split};
use crate::audience::plan::Plan;
use crate::audience::query::assigned::Assigned;
use crate::audience::query::status;
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// Assigned customers by what became of them.
pub(super) struct Split {
    /// Why no arm is compared: lift's refusal where the arms' sizes do not fit the declared shares; clusters, within which
    /// customers are alike.
    pub(super) refusal: Option<Refusal>,
    /// Customers who are in no arm, and rows of those who are in one that say another, with why.
    pub(super) left_out: Vec<NotCounted>,
}

/// Why a customer is in no arm, by status.
const REASONS: [(u8, &str); 5] = [
    (status::SEVERAL_ARMS, "customers in several arms"),
    (status::NOT_EXPOSED, "customers who were never exposed"),
    (status::OTHER_ARM, "customers in no declared arm"),
    (status::NO_TIME, "customers without a time of assignment"),
    (status::NO_CLUSTER, "customers in no cluster"),
];

impl Split {
    /// Counts the customers of an experiment whose query has been written.
    pub(super) fn read(
        plan: &Plan<'_>,
        lake: &Lake,
        assigned: &Assigned,
    ) -> Result<Self, MeasureError> {
        let experiment = plan.experiment;
        let context = format!(
            "cannot count the customers of experiment `{}`",
            experiment.name
        );
        let time = assigned.time.as_deref();
        let phase = time.map_or_else(|| "0".to_owned(), |time| phase_of(experiment, time));
        // Customers who do not count may have no arm.
        let query = format!(
            "WITH {} SELECT CAST(status AS BIGINT), CASE WHEN counted THEN CAST(arm AS BIGINT) ELSE 0 END AS place, \
             CAST(CASE WHEN counted THEN {phase} ELSE 0 END AS BIGINT) AS phase, count(*) AS customers, \
             count(*) FILTER (WHERE counted AND several) AS moved FROM {} GROUP BY ALL",
            assigned.tables, assigned.customers,
        );
        type Rows = (i64, i64, i64, i64, i64);
        let rows: Vec<Rows> = lake.engine().rows(&query, &context, |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ))
        })?;
        let mut by_phase = vec![vec![0; experiment.arms.len()]; experiment.phases.len() + 1];
        let mut by_status = [0; status::NUMBER];
        let mut moved = 0;
        for (status, arm, phase, customers, several) in rows {
            let customers = customers as u64;
            moved += several as u64;
            if let Some(number) = by_status.get_mut(status as usize) {
                *number += customers;
            }
            let place =
                (by_phase.get_mut(phase as usize)).and_then(|arms| arms.get_mut(arm as usize));
            if let Some(number) = place.filter(|_| status as u8 == status::COUNTED) {
                *number += customers;
            }
        }
        let nobody = format!(
            "WITH {} SELECT count(*) FROM _ts_rows WHERE customer IS NULL",
            assigned.tables
        );
        let nobody: i64 = lake.engine().value(&nobody, &context)?;
        let reasons = REASONS.map(|(status, reason)| (by_status[usize::from(status)], reason));
        let reasons = reasons.into_iter();
        let left_out = reasons
            .chain([
                (nobody as u64, "rows without a customer"),
                (
                    moved,
                    "later arms of customers in several arms, who count in their first",
                ),
            ])
            .filter(|(number, _)| *number > 0)
            .map(|(number, reason)| NotCounted {
                reason: reason.to_owned(),
                number,
            });
        Ok(Self {
            refusal: refusal(experiment, &by_phase),
            left_out: left_out.collect(),
        })
    }
}

fn refusal(experiment: &Experiment, by_phase: &[Vec<u64>]) -> Option<Refusal> {
    if let Some(column) = &experiment.assignment.cluster {
        let message = format!(
            "`{}` randomized clusters (`{column}`), and customers of a cluster are alike: lives are compared between customers \
             who were randomized one by one; take the experiment's lift, whose variances come from clusters",
            experiment.name
        );
        return Some(Refusal::new(Reason::UnfitData, message));
    }
    refused_split(split_probability(
        experiment,
        &expected_shares(experiment),
        by_phase,
    )?)
}
