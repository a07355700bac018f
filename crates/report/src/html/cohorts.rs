//! Customers by the month of their first purchase: who has not left, and what they brought by age.

use measure::audience::lifetime::{CohortFinding, GroupValue, LifetimeFinding};

use super::ReportError;
use super::block::{Block, Cell, Column, Table, level, number};
use super::curve::{self, Curve, whole};
use super::lifetime::{MOST_COHORTS, counted_in};
use super::page::{FORMAT, sentence};
use super::rows::alone;
use crate::format::Interval;
use crate::lifetime::{Words, age as age_of, ages, later_ages, unit};

/// Most months of age that are shown.
const MOST_MONTHS: usize = 12;

pub(super) fn cohorts(finding: &LifetimeFinding) -> Result<Vec<Block>, ReportError> {
    if finding.cohorts.is_empty() {
        return Ok(Vec::new());
    }
    let first = Words::of(finding).first;
    let mut blocks = vec![Block::Title(format!("By month of the {first}"))];
    blocks.extend(alive(finding)?);
    blocks.push(Block::Table(cohort_table(finding)));
    Ok(blocks)
}

/// Who has not left, and what is expected of them, over the months of the first purchase.
fn alive(finding: &LifetimeFinding) -> Result<Vec<Block>, ReportError> {
    let values: Vec<(&str, &GroupValue)> = finding
        .cohorts
        .iter()
        .filter_map(|cohort| Some((cohort.month.as_str(), cohort.value.as_ref()?)))
        .collect();
    let month = |place: f64| {
        // Ticks between two months have no name.
        let named = whole(place).and_then(|place| values.get(place as usize));
        named.map_or_else(String::new, |(month, _)| (*month).to_owned())
    };
    let draw = |of: &dyn Fn(&GroupValue) -> Interval, y_tick: &dyn Fn(f64) -> String| {
        let points = values.iter().enumerate();
        curve::draw(&Curve {
            points: points
                .map(|(place, (_, value))| (place as f64, of(value)))
                .collect(),
            x_tick: &month,
            y_tick,
            line: None,
        })
    };
    let still = draw(&|value| alone(value.alive), &|y| FORMAT.percent(y, 0))?;
    let expected = draw(&|value| alone(value.expected_purchases), &|y| {
        FORMAT.quantity(y)
    })?;
    let future = draw(&|value| (&value.future).into(), &|y| FORMAT.quantity(y))?;
    let (level, words) = (FORMAT.level(1.0 - finding.alpha), Words::of(finding));
    let share = format!(
        "hare of {} {} {}",
        words.customers, words.who, words.have_not_left
    );
    let purchases = format!(
        "{} expected of a {}",
        sentence(words.purchases),
        words.customer
    );
    let value = format!("Future value per {}", words.customer);
    let pictures = [
        (still, format!("S{share}"), format!("Expected s{share}")),
        (
            expected,
            purchases.clone(),
            format!("{purchases} in the next {}", finding.horizon),
        ),
        (
            future,
            value.clone(),
            format!("{value} in {}, with {level} intervals", counted_in(finding)),
        ),
    ];
    let pictures = pictures.into_iter().filter_map(|(drawn, label, caption)| {
        Block::picture(
            drawn,
            format!("{label}, by month of the {}", words.first),
            format!("{caption}, by month of the {}.", words.first),
        )
    });
    Ok(pictures.collect())
}

/// What each cohort brought by months of age. A month that was not observed has no number, and not a zero.
fn cohort_table(finding: &LifetimeFinding) -> Table {
    let observed = |cohort: &CohortFinding| {
        let last = cohort.by_age.iter().rposition(Option::is_some);
        last.map_or(0, |last| last + 1)
    };
    let known = finding.cohorts.iter().map(observed).max().unwrap_or(0);
    let months = known.min(MOST_MONTHS);
    let (unit, words) = (unit(finding), Words::of(finding));
    let more = finding.cohorts.len().saturating_sub(MOST_COHORTS);
    let more = match more {
        0 => String::new(),
        more => format!(" {more} later cohorts are in the JSON."),
    };
    let later = later_ages(finding, known, months);
    let caption = format!(
        "{}, in {}. Grey and empty: not all of them have been observed to its end.{more} {later}",
        ages(finding),
        counted_in(finding)
    );
    let mut table = Table::new(
        "Cohorts by age",
        caption,
        [
            &sentence(words.began),
            &sentence(words.customers),
            "Future value",
        ],
    );
    table.columns.extend((1..=months).map(|age| Column {
        name: sentence(&age_of(finding, age)),
        class: "number",
    }));
    for cohort in finding.cohorts.iter().take(MOST_COHORTS) {
        let future = cohort
            .value
            .as_ref()
            .map(|value| level(unit, (&value.future).into()));
        let by_age = (0..months).map(|age| match cohort.by_age.get(age) {
            Some(Some(value)) => Cell::Number(number(unit, *value)),
            _ => Cell::Unobserved,
        });
        let cells = [Cell::count(cohort.customers), Cell::interval(future)];
        table.row(&cohort.month, cells.into_iter().chain(by_age).collect());
    }
    table
}
