//! What acquisition cost, and when customers have brought it back.

use catalog::Unit;
use measure::audience::lifetime::{AcquisitionFinding, LifetimeFinding};

use super::ReportError;
use super::block::{Block, Cell, Table, level, number};
use super::curve::{self, Curve, Threshold, whole_number};
use super::lifetime::{MOST_COHORTS, counted_in};
use super::page::{FORMAT, quoted, sentence};
use crate::format::{Interval, Shown};
use crate::lifetime::{Words, about_payback, unit};

/// Most curves that are drawn; the others are in the JSON.
const MOST_CURVES: usize = 7;

pub(super) fn acquisition(finding: &LifetimeFinding) -> Result<Vec<Block>, ReportError> {
    if finding.acquisition.is_empty() {
        return Ok(Vec::new());
    }
    let unit = unit(finding);
    let level_of = FORMAT.level(1.0 - finding.alpha);
    let mut blocks = vec![Block::Title("Acquisition and payback".to_owned())];
    blocks.extend(payback_curves(finding)?);
    let words = Words::of(finding);
    let caption = format!(
        "Amounts per {}, in {}. Under an estimate: its {level_of} interval. {}",
        words.customer,
        counted_in(finding),
        about_payback(finding)
    );
    let mut table = Table::new(
        "Acquisition",
        caption,
        [
            &sentence(words.customers),
            "Number",
            "Cost",
            "Past and future value",
            "Value / cost",
            "Paid back after months",
        ],
    );
    for found in finding.acquisition.iter().take(MOST_COHORTS) {
        let name = match found.group.as_str() {
            "" => found.of.clone(),
            group => format!("{} {group}", found.of),
        };
        let ratio = found
            .value_over_cost
            .as_ref()
            .map(|ratio| level(Unit::Number, ratio.into()));
        let value = found.value.as_ref();
        let row = table.row(
            name,
            vec![
                Cell::count(found.customers),
                Cell::number(found.cost.map(|cost| number(unit, cost))),
                Cell::interval(value.map(|value| level(unit, value.into()))),
                Cell::interval(ratio),
                payback(found),
            ],
        );
        if found.without_cost > 0 {
            row.about = format!(
                "{} without a cost left out",
                FORMAT.count(found.without_cost)
            );
        }
    }
    blocks.push(Block::Table(table));
    let more = finding.acquisition.len().saturating_sub(MOST_COHORTS);
    if more > 0 {
        blocks.push(Block::Note(format!("{more} more are in the JSON.")));
    }
    let refused = finding.acquisition.iter().filter_map(|found| {
        let refusal = found.refusal.as_ref()?;
        let what = format!("{} {}", found.of, found.group);
        Some(format!(
            "{}: {}.",
            what.trim_end(),
            quoted(&refusal.message)
        ))
    });
    let refused: Vec<String> = refused.collect();
    if !refused.is_empty() {
        blocks.push(Block::Sentences(refused));
    }
    Ok(blocks)
}

fn payback(found: &AcquisitionFinding) -> Cell {
    let Some(payback) = &found.payback else {
        return Cell::number(None);
    };
    let months =
        |value: Option<f64>| value.map_or_else(|| "…".to_owned(), |value| FORMAT.fixed(value, 1));
    match payback.months {
        None => Cell::Number(format!(">\u{a0}{}", FORMAT.fixed(payback.observed, 0))),
        Some(_) => Cell::Interval(Shown {
            estimate: months(payback.months),
            low: months(payback.low),
            high: months(payback.high),
        }),
    }
}

/// What the mean customer has brought by age, against what acquiring him cost: all customers, then channels.
fn payback_curves(finding: &LifetimeFinding) -> Result<Vec<Block>, ReportError> {
    let groups = finding
        .acquisition
        .iter()
        .filter(|found| found.of != "cohort");
    let mut blocks = Vec::new();
    for found in groups.take(MOST_CURVES) {
        blocks.extend(payback_curve(found, finding)?);
    }
    Ok(blocks)
}

fn payback_curve(
    found: &AcquisitionFinding,
    finding: &LifetimeFinding,
) -> Result<Option<Block>, ReportError> {
    let Some(cost) = found.cost else {
        return Ok(None);
    };
    let unit = unit(finding);
    let payback = found.payback.as_ref();
    let crossing = payback.and_then(|payback| {
        let estimate = payback.months?;
        Some(Interval {
            estimate,
            low: payback.low.unwrap_or(0.0),
            high: payback.high.unwrap_or(payback.observed),
        })
    });
    let points = found.curve.iter();
    let drawn = curve::draw(&Curve {
        points: points
            .map(|point| (point.months, (&point.brought).into()))
            .collect(),
        x_tick: &whole_number,
        y_tick: &|y| FORMAT.quantity(y),
        line: Some(Threshold {
            height: cost,
            label: format!("cost {}", number(unit, cost)),
            crossing,
        }),
    })?;
    let says = match payback.map(|payback| (payback.months, payback.observed)) {
        Some((Some(months), _)) => format!(
            "paid back after {} months; the thick part of the line: its interval",
            FORMAT.fixed(months, 1)
        ),
        Some((None, observed)) => format!(
            "not paid back in the {} months observed",
            FORMAT.fixed(observed, 0)
        ),
        None => "no payback can be said".to_owned(),
    };
    let words = Words::of(finding);
    let what = format!(
        "what the mean {} has brought by month since the {}",
        words.customer, words.first_brought
    );
    let what = sentence(&match found.group.as_str() {
        "" => what,
        group => format!("{} {group}: {what}", found.of),
    });
    Ok(Block::picture(
        drawn,
        format!("{what}: {says}"),
        format!(
            "{what}, in {}, over the {} observed so long, with {} intervals: {says}.",
            counted_in(finding),
            words.customers,
            FORMAT.level(1.0 - finding.alpha)
        ),
    ))
}
