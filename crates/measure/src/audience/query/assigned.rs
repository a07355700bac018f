//! The customers as they were assigned, without any fact: what a split is checked by.

use lake::Lake;

use super::customers::STATUS;
use super::{Shape, Writer, status};
use crate::audience::plan::Plan;
use crate::audience::times::Clock;
use crate::error::MeasureError;

/// The customers of an assignment as SQL.
#[derive(Debug, Clone)]
pub(crate) struct Assigned {
    /// What stands behind `WITH`. `_ts_rows` has the assignment's rows: `customer`, `arm` and, where it has a time,
    /// `moment`.
    pub(crate) tables: String,
    /// A table of customers with `customer`, `arm`, their `status`, whether they are `counted` and in `several`
    /// arms, segments (`s0`, ...), and where it is known the time of assignment.
    pub(crate) customers: String,
    /// The type of the customers' ids.
    pub(crate) customer_type: String,
    /// The column with the time of assignment, or of exposure where that alone is known.
    pub(crate) time: Option<String>,
    /// Whether times are days.
    pub(crate) whole_days: bool,
}

/// The customers of an experiment whose sources are [defined](super::define).
///
/// # Errors
///
/// Columns that cannot be read.
pub(crate) fn assigned(plan: &Plan<'_>, lake: &Lake) -> Result<Assigned, MeasureError> {
    let writer = Writer::new(plan, lake)?;
    let unique = !matches!(writer.shape(), Shape::Repeated);
    let units = if unique {
        writer.units_of_unique(false)
    } else {
        writer.units_of_repeated()
    };
    let (exposed, starts) = writer.exposed()?;
    let attributes: String = (writer.attributes().iter())
        .map(|name| format!(", starts.{name}"))
        .collect();
    // The table of exposures has their times; those of assignment are where it comes from.
    let (time, from) = match (writer.timed(), exposed.is_empty()) {
        (true, false) => (
            ", units.started AS assigned",
            " JOIN (SELECT customer, started FROM _ts_units) AS units ON starts.customer = units.customer",
        ),
        (true, true) | (false, false) => (", starts.started AS assigned", ""),
        (false, true) => ("", ""),
    };
    let counted = status::COUNTED;
    let customers = format!(
        "_ts_assigned AS (SELECT starts.customer, CAST(starts.tag >> 8 AS UBIGINT) AS arm, \
         {STATUS} AS status, {STATUS} = {counted} AS counted, (starts.tag & 8) > 0 AS several{time}{attributes} FROM {starts} AS starts{from})"
    );
    let tables: Vec<String> = [writer.rows(), units]
        .into_iter()
        .chain(exposed)
        .chain([customers])
        .collect();
    let clock = (plan.experiment.assignment.time.as_deref()).map(|time| writer.clock(time));
    Ok(Assigned {
        tables: tables.join(", "),
        customers: "_ts_assigned".to_owned(),
        customer_type: writer.customer_type().to_owned(),
        time: (!time.is_empty()).then(|| "assigned".to_owned()),
        whole_days: clock == Some(Clock::Day),
    })
}
