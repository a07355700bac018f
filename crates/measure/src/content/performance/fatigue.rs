//! Whether content wears out with each exposure of the same customer.
//!
//! A response belongs to the last exposure to an item before it, within the time of the outcome. So an exposure that is
//! soon followed by another has less time to be answered than the last one, and would seem to be worth less. For the
//! curve, exposures of a customer to an item are therefore compared over the same time after each: the shortest time
//! between two of them, at most that of the outcome. That is right however soon responses come, because what a longer
//! time would add is a factor of the customer's level, which drops out; an offset of `ln(time)` would be right only for
//! responses that come as often late as soon. For rates at the first exposure, and what they are worth, all responses
//! count.
//!
//! Exposures at the same time, or on the same day where the outcome has no more than a day, cannot be told apart by what
//! follows them, and are one.

use std::collections::BTreeMap;

use catalog::{Catalog, Performance};
use lake::Lake;
use stats::fatigue::{Fatigue, Sequences, Shape};

use super::caps::Capped;
use super::finding::{FatigueFinding, FatiguePoint, Valued, WearEvidence};
use super::query::{OUTCOMES, Prepared, SHOWN};
use super::retire::{self, Wear};
use crate::audience::NotCounted;
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// The curve is learned from as many exposures of a customer to an item; those beyond are taken to be like the last.
pub(super) const MOST_EXPOSURES: usize = 20;
/// The curve is shown as far as this, if there are as many exposures.
const SHOWN_EXPOSURES: usize = 8;
/// The days whose exposures stand for those to come.
pub(super) const RECENT_DAYS: u32 = 30;

/// Exposures of one number, in sequences of one length, to one item.
pub(super) struct Row {
    pub(super) content: String,
    /// Exposures of a sequence from which the curve is learned: their time was over, and they are not beyond the most.
    length: usize,
    pub(super) exposure: usize,
    /// Those whose time was over.
    pub(super) exposures: u64,
    /// Of these, those with a response in the time that all of their sequence have, and in their own time.
    responses: u64,
    pub(super) answered: u64,
    /// The outcome that came before the customer's next exposure to any item: each counts once.
    pub(super) outcome: f64,
    /// All of the last days, whether or not their time was over.
    pub(super) recent: u64,
    /// What the curve does not look at.
    repeated: u64,
    immature: u64,
    beyond: u64,
}

pub(super) fn fatigue(
    catalog: &Catalog,
    lake: &Lake,
    document: &Performance,
    prepared: &Prepared,
    caps: Option<&Capped>,
) -> Result<FatigueFinding, MeasureError> {
    let rows = read(lake, prepared)?;
    let mut finding = FatigueFinding {
        shape: None,
        curve: Vec::new(),
        left_out: left_out(&rows),
        retire_by: None,
        without_caps: None,
        retire: Vec::new(),
        retire_refusal: None,
        refusal: None,
    };
    let lengths = lengths(&rows);
    let fitted = Fatigue::fit(&lengths, Shape::LogQuadratic)
        .map(|curve| (curve, "log_quadratic"))
        .or_else(|_| Fatigue::fit(&lengths, Shape::Geometric).map(|curve| (curve, "geometric")));
    let curve = match fitted {
        Ok((curve, shape)) => {
            finding.shape = Some(shape.to_owned());
            finding.curve = points(&rows, &curve, document.alpha);
            Some(curve)
        }
        Err(error) => {
            finding.refusal = Some(Refusal::new(Reason::TooLittleData, error.to_string()));
            None
        }
    };
    let caps = caps.map(|caps| caps.wear.as_ref());
    // Without what a response is worth, or without a cost of a new item, there is nothing to tell, by whatever.
    let Some(value) = prepared.value else {
        return Ok(finding);
    };
    let without_caps = caps.and_then(|caps| caps.err().cloned());
    let (wear, evidence) = match (caps, &curve) {
        (Some(Ok(caps)), _) => (Wear::Caps(caps), WearEvidence::Caps),
        (_, Some(curve)) => (Wear::Curve(curve), WearEvidence::Curve),
        _ => {
            finding.without_caps = without_caps;
            return Ok(finding);
        }
    };
    let how = (value, document.alpha);
    match retire::retire(catalog, lake, (prepared, &rows), &wear, how)? {
        Ok(retire) => finding.retire = retire,
        Err(error) => {
            let refusal = Refusal::new(Reason::TooLittleData, error.to_string());
            finding.retire_refusal = Some(refusal);
        }
    }
    if !finding.retire.is_empty() || finding.retire_refusal.is_some() {
        finding.retire_by = Some(evidence);
        finding.without_caps = without_caps;
    }
    Ok(finding)
}

/// The curve as far as it is shown.
fn points(rows: &[Row], curve: &Fatigue, alpha: f64) -> Vec<FatiguePoint> {
    let mut exposures = [0; MOST_EXPOSURES + 1];
    for row in rows {
        exposures[row.exposure] += row.exposures;
    }
    let points = (1..=SHOWN_EXPOSURES).filter(|k| exposures[*k] > 0);
    let points = points.filter_map(|k| {
        let relative = curve.relative(k as u64, alpha).ok()?;
        Some(FatiguePoint {
            exposure: k as u64,
            exposures: exposures[k],
            relative: Valued {
                estimate: relative.estimate,
                low: relative.low,
                high: relative.high,
            },
        })
    });
    points.collect()
}

// The times are cut before the join, which so has comparisons alone: with an `OR` in it, it would try every pair of rows.
fn read(lake: &Lake, prepared: &Prepared) -> Result<Vec<Row>, MeasureError> {
    let query = format!(
        "WITH exposed AS ( \
         SELECT customer, content, {start} AS shown_at, count(*) AS times FROM {SHOWN} GROUP BY ALL \
         ), owned AS ({timed}), numbered AS ( \
         SELECT *, lead(shown_at) OVER sequence AS next, row_number() OVER sequence AS exposure, {mature} AS mature, \
         shown_at >= (SELECT max(shown_at) FROM exposed) - INTERVAL {RECENT_DAYS} DAY AS recent \
         FROM owned WINDOW sequence AS (PARTITION BY customer, content ORDER BY shown_at) \
         ), compared AS ( \
         SELECT *, mature AND exposure <= {MOST_EXPOSURES} AS counts, {horizon} AS horizon FROM numbered \
         ), timed AS ( \
         SELECT *, least(horizon, next) AS item_end, \
         count(*) FILTER (counts) OVER sequence AS length, \
         least(horizon, shown_at + to_microseconds( \
         min(epoch_us(next) - epoch_us(shown_at)) FILTER (counts) OVER sequence)) AS equal_end \
         FROM compared WINDOW sequence AS (PARTITION BY customer, content) \
         ), answered AS ( \
         SELECT e.content, e.length, e.exposure, e.times, e.mature, e.counts, e.recent, count(f.moment) > 0 AS answered, \
         {own} AS outcome, \
         count(f.moment) FILTER (f.moment < e.equal_end) > 0 AS responded \
         FROM timed e LEFT JOIN {OUTCOMES} f \
         ON f.customer = e.customer AND f.moment >= e.shown_at AND f.moment < e.item_end \
         GROUP BY e.customer, e.shown_at, e.content, e.length, e.exposure, e.times, e.mature, e.counts, e.recent, \
         e.own_end, e.together) \
         SELECT content, length, least(exposure, {MOST_EXPOSURES}) AS number, count(*) FILTER (counts), \
         count(*) FILTER (counts AND responded), count(*) FILTER (counts AND answered), count(*) FILTER (recent), \
         CAST(sum(times - 1) AS BIGINT), count(*) FILTER (NOT mature), count(*) FILTER (mature AND NOT counts), \
         coalesce(CAST(sum(outcome) FILTER (counts AND answered) AS HUGEINT), 0) \
         FROM answered GROUP BY ALL ORDER BY content, length, number",
        start = prepared.start("moment"),
        mature = prepared.is_mature("shown_at"),
        horizon = prepared.horizon("shown_at"),
        timed = prepared.timed("exposed"),
        own = prepared.own_outcome("e"),
    );
    let units = prepared.own_units();
    let place = |value: u64| usize::try_from(value).unwrap_or(MOST_EXPOSURES);
    let rows = lake
        .engine()
        .rows(&query, "cannot count exposures of customers", |row| {
            let outcome: f64 = row.get(10)?;
            Ok(Row {
                content: row.get(0)?,
                length: place(row.get(1)?),
                exposure: place(row.get(2)?),
                exposures: row.get(3)?,
                responses: row.get(4)?,
                answered: row.get(5)?,
                recent: row.get(6)?,
                repeated: row.get(7)?,
                immature: row.get(8)?,
                beyond: row.get(9)?,
                outcome: outcome / units,
            })
        })?;
    Ok(rows)
}

/// What the curve does not look at, by the reason.
fn left_out(rows: &[Row]) -> Vec<NotCounted> {
    let sum = |of_row: fn(&Row) -> u64| rows.iter().map(of_row).sum::<u64>();
    [
        (
            "exposures at the same time as another, counted as one",
            sum(|row| row.repeated),
        ),
        (
            "exposures whose time was not over at the end of the data",
            sum(|row| row.immature),
        ),
        (
            "exposures beyond the twentieth to the same customer",
            sum(|row| row.beyond),
        ),
        (
            "responses later than the shortest time between two exposures",
            sum(|row| row.answered - row.responses),
        ),
    ]
    .into_iter()
    .filter(|(_, number)| *number > 0)
    .map(|(reason, number)| NotCounted {
        reason: reason.to_owned(),
        number,
    })
    .collect()
}

/// Responses in sequences of each length, of all items.
fn lengths(rows: &[Row]) -> Vec<Sequences> {
    let mut lengths: BTreeMap<usize, Sequences> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.exposures > 0) {
        let sequences = lengths.entry(row.length).or_insert_with(|| Sequences {
            sequences: 0,
            responses: vec![0; row.length],
        });
        if row.exposure == 1 {
            sequences.sequences += row.exposures;
        }
        sequences.responses[row.exposure - 1] += row.responses;
    }
    lengths.into_values().collect()
}
