//! Whether content wears out with each exposure of the same customer, and when a new piece pays.
//!
//! A response belongs to the last exposure to an item before it, within the time of the outcome.

use std::collections::BTreeMap;

use catalog::{Catalog, Performance};
use lake::Lake;
use stats::Counts;
use stats::fatigue::{Fatigue, Sequences, Shape};
use stats::rates::BetaBinomial;

use super::finding::{FatigueFinding, FatiguePoint, RetireFinding, Valued};
use super::query::{OUTCOMES, Prepared, SHOWN};
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// Exposures of a customer to an item beyond this number are not looked at.
const MOST_EXPOSURES: usize = 20;
/// The curve is shown as far as this, if there are as many exposures.
const SHOWN_EXPOSURES: usize = 8;
/// The days whose exposures stand for those to come.
const RECENT_DAYS: u32 = 30;

/// Exposures of one number, in sequences of one length, to one item.
struct Row {
    content: String,
    length: usize,
    exposure: usize,
    exposures: u64,
    responses: u64,
    recent: u64,
}

pub(super) fn fatigue(
    catalog: &Catalog,
    lake: &Lake,
    document: &Performance,
    prepared: &Prepared,
) -> Result<FatigueFinding, MeasureError> {
    let rows = read(lake, prepared)?;
    let lengths = lengths(&rows);
    let fitted = Fatigue::fit(&lengths, Shape::LogQuadratic)
        .map(|curve| (curve, "log_quadratic"))
        .or_else(|_| Fatigue::fit(&lengths, Shape::Geometric).map(|curve| (curve, "geometric")));
    let (curve, shape) = match fitted {
        Ok(fitted) => fitted,
        Err(error) => {
            return Ok(FatigueFinding {
                shape: None,
                curve: Vec::new(),
                retire: Vec::new(),
                refusal: Some(Refusal::new(Reason::TooLittleData, error.to_string())),
            });
        }
    };
    let mut exposures = [0; MOST_EXPOSURES + 1];
    for row in &rows {
        exposures[row.exposure] += row.exposures;
    }
    let points = (1..=SHOWN_EXPOSURES).filter(|k| exposures[*k] > 0);
    let points = points.filter_map(|k| {
        let relative = curve.relative(k as u64, document.alpha).ok()?;
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
    Ok(FatigueFinding {
        shape: Some(shape.to_owned()),
        curve: points.collect(),
        retire: prepared.value.map_or_else(Vec::new, |value| {
            retire(catalog, &rows, &curve, value, document.alpha)
        }),
        refusal: None,
    })
}

// Comparisons alone: with an `OR` in it the join would try every pair of rows.
fn read(lake: &Lake, prepared: &Prepared) -> Result<Vec<Row>, MeasureError> {
    let query = format!(
        "SELECT content, least(length, {MOST_EXPOSURES}), exposure, count(*), CAST(sum(responded) AS BIGINT), \
         count(*) FILTER (recent) FROM ( \
         SELECT v.content, v.length, v.exposure, v.recent, CAST(count(f.moment) > 0 AS BIGINT) AS responded FROM ( \
         SELECT id, customer, content, moment, coalesce(lead(moment) OVER sequence, 'infinity') AS next, \
         row_number() OVER sequence AS exposure, \
         count(*) OVER (PARTITION BY customer, content) AS length, \
         moment >= (SELECT max(moment) FROM {SHOWN}) - INTERVAL {RECENT_DAYS} DAY AS recent \
         FROM {SHOWN} WHERE {} WINDOW sequence AS (PARTITION BY customer, content ORDER BY moment)) v \
         LEFT JOIN {OUTCOMES} f ON f.customer = v.customer AND {} AND f.moment < v.next \
         WHERE v.exposure <= {MOST_EXPOSURES} \
         GROUP BY v.id, v.content, v.length, v.exposure, v.recent) \
         GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        prepared.is_mature("moment"),
        prepared.follows("v.moment"),
    );
    let place = |value: u64| usize::try_from(value).unwrap_or(MOST_EXPOSURES);
    let rows = lake
        .engine()
        .rows(&query, "cannot count exposures of customers", |row| {
            Ok(Row {
                content: row.get(0)?,
                length: place(row.get(1)?),
                exposure: place(row.get(2)?),
                exposures: row.get(3)?,
                responses: row.get(4)?,
                recent: row.get(5)?,
            })
        })?;
    Ok(rows)
}

/// Responses in sequences of each length, of all items.
fn lengths(rows: &[Row]) -> Vec<Sequences> {
    let mut lengths: BTreeMap<usize, Sequences> = BTreeMap::new();
    for row in rows {
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

/// Whether items should be replaced, by the curve of all and each one's own shrunken rate at the first exposure.
fn retire(
    catalog: &Catalog,
    rows: &[Row],
    curve: &Fatigue,
    value: f64,
    alpha: f64,
) -> Vec<RetireFinding> {
    let mut firsts: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut recent: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for row in rows {
        let first = firsts
            .entry(&row.content)
            .or_insert(Counts { successes: 0, n: 0 });
        if row.exposure == 1 {
            first.n += row.exposures;
            first.successes += row.responses;
        }
        recent
            .entry(&row.content)
            .or_insert_with(|| vec![0; MOST_EXPOSURES])[row.exposure - 1] += row.recent;
    }
    let counts: Vec<Counts> = firsts.values().copied().collect();
    let Ok(rates) = BetaBinomial::fit(&counts) else {
        return Vec::new();
    };
    let Ok(new) = rates.forecast() else {
        return Vec::new();
    };
    let of_item = |(place, (content, recent)): (usize, (&&str, &Vec<u64>))| {
        let cost = catalog.content(content)?.cost.as_ref()?;
        let cost = super::economics::making(cost);
        let own = rates.posterior(place).ok()?;
        let curve = curve.with_first_rate(own.mean(), own.sd()).ok()?;
        let remaining: Vec<f64> = recent.iter().map(|count| *count as f64).collect();
        let gain = curve
            .retire(&remaining, (new.mean(), new.sd()), value, cost, alpha)
            .ok()?;
        Some(RetireFinding {
            content: (*content).to_owned(),
            gain: Valued {
                estimate: gain.estimate,
                low: gain.low,
                high: gain.high,
            },
            cost,
            exposures: recent.iter().sum(),
            retire: gain.low > 0.0,
        })
    };
    let mut found: Vec<RetireFinding> = recent.iter().enumerate().filter_map(of_item).collect();
    found.sort_by(|a, b| {
        b.gain
            .estimate
            .total_cmp(&a.gain.estimate)
            .then_with(|| a.content.cmp(&b.content))
    });
    found
}
