//! Whether customers meet the same content in several versions.

use lake::Lake;

use super::finding::ConsistencyFinding;
use super::query::{Prepared, SHOWN};
use crate::error::MeasureError;

/// Weeks of customers with a piece of content, and those in which it had several versions.
pub(super) fn consistency(
    lake: &Lake,
    prepared: &Prepared,
) -> Result<Option<ConsistencyFinding>, MeasureError> {
    if !prepared.has_versions {
        return Ok(None);
    }
    let query = format!(
        "SELECT count(*), count(*) FILTER (versions > 1), count(*) FILTER (versions > 1 AND channels > 1) FROM \
         (SELECT count(DISTINCT version) AS versions, count(DISTINCT channel) AS channels FROM {SHOWN} \
         WHERE version IS NOT NULL GROUP BY customer, content, date_trunc('week', moment))"
    );
    let rows = lake
        .engine()
        .rows(&query, "cannot count versions of content", |row| {
            Ok(ConsistencyFinding {
                customer_weeks: row.get(0)?,
                several_versions: row.get(1)?,
                across_channels: row.get(2)?,
            })
        })?;
    Ok(rows.into_iter().next())
}
