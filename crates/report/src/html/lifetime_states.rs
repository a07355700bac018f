//! Who is still there, by how often and how lately they have bought; what covariates do; who renews contracts.

use catalog::Unit;
use measure::audience::lifetime::{LifetimeFinding, RetentionFinding};

use super::ReportError;
use super::block::{Block, Cell, Column, Table, level};
use super::curve::{self, Curve, whole_number};
use super::page::{FORMAT, quoted};
use crate::lifetime::{
    ABOUT_COVARIATES, about_states, ago, ago_in, covariate, in_state, purchases, running,
};

/// Most renewals that are shown; the others are in the JSON.
const MOST_RENEWALS: usize = 24;

/// The customers of each state, as a table whose cells are the greener the more of them have not left.
pub(super) fn states(finding: &LifetimeFinding) -> Vec<Block> {
    let Some(states) = &finding.states else {
        return Vec::new();
    };
    let mut table = Table::new(
        "Who is still there",
        format!(
            "{} The greener, the more are still there.",
            about_states(finding)
        ),
        [format!("Purchases / {} ago", ago_in(states)).as_str()],
    );
    table
        .columns
        .extend(ago(states).into_iter().map(|days| Column {
            name: days,
            class: "number",
        }));
    for row in &states.rows {
        let cells = row.cells.iter().map(|cell| match cell {
            None => Cell::number(None),
            Some(state) => Cell::Heat {
                share: state.alive,
                shown: FORMAT.percent(state.alive, 0),
                about: in_state(state),
            },
        });
        table.row(purchases(row), cells.collect());
    }
    vec![
        Block::Title("Who is still there".to_owned()),
        Block::Table(table),
    ]
}

/// What covariates do.
pub(super) fn covariates(finding: &LifetimeFinding) -> Vec<Block> {
    if finding.covariates.is_empty() {
        return Vec::new();
    }
    let caption = format!(
        "{ABOUT_COVARIATES} Under an estimate: its {} interval.",
        FORMAT.level(1.0 - finding.alpha)
    );
    let columns = ["Covariate", "Rate of purchase", "Leaving", "Spend"];
    let mut table = Table::new("What covariates do", caption, columns);
    for found in &finding.covariates {
        let cells = [&found.rate, &found.attrition, &found.spend]
            .map(|effect| Cell::interval(effect.as_ref().map(|e| level(Unit::Number, e.into()))));
        let (name, about) = covariate(found);
        table.row(name, cells.into()).about = about;
    }
    vec![
        Block::Title("What covariates do".to_owned()),
        Block::Table(table),
    ]
}

/// Who renews: the model's curve, and beside it what was observed.
pub(super) fn retention(finding: &LifetimeFinding) -> Result<Vec<Block>, ReportError> {
    let Some(found) = &finding.retention else {
        return Ok(Vec::new());
    };
    let mut blocks = vec![Block::Title("Who renews".to_owned())];
    blocks.extend(running(finding).map(|text| Block::Prose(quoted(&text))));
    blocks.extend(surviving(found, finding.alpha)?);
    let shown = found.curve.len().min(MOST_RENEWALS);
    let more = match found.curve.len() - shown {
        0 => String::new(),
        more => format!(" {more} more are in the JSON."),
    };
    let caption = format!(
        "Of the contracts that were due for each renewal, the share that was renewed; and the share of all contracts that \
         is renewed so often. Under a share: its {} interval.{more}",
        FORMAT.level(1.0 - finding.alpha)
    );
    let mut table = Table::new(
        "Retention",
        caption,
        [
            "Renewal",
            "Due",
            "Renewed",
            "Observed",
            "By the model",
            "Of all, observed",
            "Of all, by the model",
        ],
    );
    let share = |estimate: Option<measure::audience::Estimate>| {
        Cell::interval(estimate.as_ref().map(|e| level(Unit::Share, e.into())))
    };
    for point in &found.curve[..shown] {
        let surviving = point.surviving.map(|share| FORMAT.percent(share, 1));
        table.row(
            FORMAT.count(point.renewal.into()),
            vec![
                Cell::count(point.due),
                Cell::count(point.renewed),
                share(point.observed),
                share(point.modelled),
                surviving.map_or(Cell::Unobserved, Cell::Number),
                share(point.surviving_modelled),
            ],
        );
    }
    blocks.push(Block::Table(table));
    Ok(blocks)
}

fn surviving(found: &RetentionFinding, alpha: f64) -> Result<Option<Block>, ReportError> {
    let points = found.curve.iter().filter_map(|point| {
        let share = point.surviving_modelled.as_ref()?;
        Some((f64::from(point.renewal), share.into()))
    });
    let drawn = curve::draw(&Curve {
        points: points.collect(),
        x_tick: &whole_number,
        y_tick: &|y| FORMAT.percent(y, 0),
        line: None,
    })?;
    let what = "Share of contracts by the number of times that they are renewed, by the model";
    let caption = format!("{what}, with {} intervals.", FORMAT.level(1.0 - alpha));
    Ok(Block::picture(drawn, what.to_owned(), caption))
}
