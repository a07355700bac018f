//! What content costs, by the rule of the ledger: all of what showing it cost, its clicks' too, and its upkeep for whole
//! months.

use std::collections::BTreeMap;

use catalog::ContentCost;
use lake::Lake;

use super::query::{CLICK, OUTCOMES, TOUCHED};
use crate::begun_months;
use crate::content::touches::COST_UNITS;
use crate::error::MeasureError;

const MICROSECONDS_A_DAY: f64 = 86_400e6;

/// What the rows of touches say of costs, and how long content was kept.
pub(super) struct Costs {
    /// What the rows of each piece of content cost, views and clicks.
    pub(super) showing: BTreeMap<String, f64>,
    /// Rows with a cost below zero, or beyond all costs. It is taken for unknown, not for income.
    pub(super) unknown: u64,
    /// The months from the first to the last outcome; one that has begun counts whole, and there is at least one.
    pub(super) months: f64,
}

impl Costs {
    pub(super) fn read(lake: &Lake) -> Result<Self, MeasureError> {
        let query = format!(
            "SELECT content, coalesce(CAST(sum(cost) FILTER (cost > 0) AS HUGEINT), 0), count(*) FILTER (cost < 0) \
             FROM {TOUCHED} WHERE content IS NOT NULL AND (left_out IS NULL OR left_out = '{CLICK}') \
             GROUP BY content ORDER BY content"
        );
        let (mut showing, mut unknown) = (BTreeMap::new(), 0);
        for (content, cost, below) in
            lake.engine()
                .rows(&query, "cannot add up the costs of touches", |row| {
                    Ok((
                        row.get::<_, String>(0)?,
                        row.get::<_, f64>(1)?,
                        row.get::<_, u64>(2)?,
                    ))
                })?
        {
            showing.insert(content, cost / COST_UNITS);
            unknown += below;
        }
        let microseconds: f64 = lake.engine().value(
            &format!(
                "SELECT coalesce(CAST(epoch_us(CAST(max(moment) AS TIMESTAMP)) \
                 - epoch_us(CAST(min(moment) AS TIMESTAMP)) AS DOUBLE), 0) FROM {OUTCOMES}"
            ),
            "cannot tell the time of outcomes",
        )?;
        Ok(Self {
            showing,
            unknown,
            months: begun_months(microseconds / MICROSECONDS_A_DAY),
        })
    }
}

/// What making a piece cost, once.
pub(super) fn making(cost: &ContentCost) -> f64 {
    number(cost.creation) + number(cost.localisation) + number(cost.approval)
}

/// Making and keeping it.
pub(super) fn making_and_keeping(cost: &ContentCost, months: f64) -> f64 {
    making(cost) + number(cost.upkeep) * months
}

fn number(amount: impl TryInto<f64>) -> f64 {
    // Decimals of the catalog are far inside the range of doubles.
    amount.try_into().unwrap_or(0.0)
}
