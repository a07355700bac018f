//! What acquisition cost, and when customers have brought it back.

use catalog::Unit;
use measure::audience::lifetime::{AcquisitionFinding, CohortFinding, LifetimeFinding};

use super::ReportError;
use super::block::{Block, Cell, Table, level, number};
use super::curve::{self, Curve, Threshold, whole_number};
use super::lifetime::{MOST_COHORTS, counted_in, unit};
use super::page::{FORMAT, quoted};
use super::rows::alone;
use crate::format::{Interval, Shown};

pub(super) fn acquisition(finding: &LifetimeFinding) -> Result<Vec<Block>, ReportError> {
    if finding.acquisition.is_empty() {
        return Ok(Vec::new());
    }
    let unit = unit(finding);
    let level_of = FORMAT.level(1.0 - finding.alpha);
    let mut blocks = vec![Block::Title("Acquisition and payback".to_owned())];
    blocks.extend(payback_curve(finding)?);
    let caption = format!(
        "Amounts per customer, in {}. Under an estimate: its {level_of} interval. Paid back when the mean customer has \
         brought what he cost, by the observed curve; an open end was not reached in the months observed.",
        counted_in(finding)
    );
    let mut table = Table::new(
        "Acquisition",
        caption,
        [
            "Customers",
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

/// What the mean customer has brought by age, against what all customers cost on average.
fn payback_curve(finding: &LifetimeFinding) -> Result<Option<Block>, ReportError> {
    let all = finding.acquisition.iter().find(|found| found.of == "all");
    let Some((found, cost)) = all.and_then(|found| Some((found, found.cost?))) else {
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
    let drawn = curve::draw(&Curve {
        points: cumulative(&finding.cohorts)
            .into_iter()
            .enumerate()
            .map(|(month, value)| (month as f64 + 1.0, alone(value)))
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
    Ok(Block::picture(
        drawn,
        format!("What the mean customer has brought by month since the first purchase: {says}"),
        format!(
            "What the mean customer has brought by month since the first purchase, in {}, over the cohorts observed at \
             each age: {says}.",
            counted_in(finding)
        ),
    ))
}

/// The sum over ages of the mean that the cohorts observed at that age brought.
fn cumulative(cohorts: &[CohortFinding]) -> Vec<f64> {
    let longest = cohorts.iter().map(|cohort| cohort.by_age.len()).max();
    let mut sum = 0.0;
    let mut curve = Vec::new();
    for age in 0..longest.unwrap_or(0) {
        let seen = cohorts.iter().filter_map(|cohort| {
            let value = cohort.by_age.get(age).copied().flatten()?;
            Some((cohort.customers as f64, value))
        });
        let (customers, total) = seen.fold((0.0, 0.0), |(customers, total), (n, value)| {
            (customers + n, total + n * value)
        });
        if customers == 0.0 {
            break;
        }
        sum += total / customers;
        curve.push(sum);
    }
    curve
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_observed_does_not_bend_the_curve() {
        let cohort = |customers, by_age: &[Option<f64>]| CohortFinding {
            value: None,
            month: "2024-01".to_owned(),
            customers,
            by_age: by_age.to_vec(),
        };
        let cohorts = [
            cohort(100, &[Some(10.0), Some(4.0), Some(2.0)]),
            cohort(300, &[Some(14.0), None, None]),
        ];
        assert_eq!(cumulative(&cohorts), [13.0, 17.0, 19.0]);
        assert!(cumulative(&[]).is_empty());
    }
}
