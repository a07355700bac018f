//! What an experiment's arms add to the lifetime value of customers.

use catalog::LifetimeEffect;
use measure::audience::Estimate;
use measure::audience::lifetime::{
    IncrementalArm, IncrementalFinding, IncrementalPart, LifetimeFinding, StaysOnFinding,
    StopsFinding,
};

use super::ReportError;
use super::block::{Block, Cell, Table};
use super::incremental_behind::behind;
use super::lifetime::counted_in;
use super::page::{FORMAT, quoted};
use super::palette::{BAD, GOOD, Ink, QUIET, TEXT};
use super::rows::{self, Axis, Group, Row};
use crate::format::Interval;
use crate::incremental as words;

/// A heading, and each arm with its pictures and numbers.
pub(super) fn incremental(
    found: &IncrementalFinding,
    finding: &LifetimeFinding,
) -> Result<Vec<Block>, ReportError> {
    let mut blocks = vec![Block::Title(format!(
        "What {} adds to a life, against {}",
        found.experiment, found.against
    ))];
    for arm in &found.arms {
        blocks.extend(of_arm(arm, found.effect, finding)?);
    }
    blocks.extend(words::left_out(FORMAT, found).map(Block::Note));
    Ok(blocks)
}

fn of_arm(
    arm: &IncrementalArm,
    effect: LifetimeEffect,
    finding: &LifetimeFinding,
) -> Result<Vec<Block>, ReportError> {
    let mut blocks = Vec::new();
    blocks.extend(says(arm, effect, finding).map(Block::Prose));
    for refusal in &arm.refusals {
        blocks.push(Block::refusal(format!("{}: no number", arm.arm), refusal));
    }
    if let Some(value) = &arm.stays_on {
        blocks.extend(waterfall(arm, value, finding)?);
    }
    blocks.extend(in_time(arm, finding)?);
    let table = table(arm, finding);
    if !table.rows.is_empty() {
        blocks.push(Block::Table(table));
    }
    blocks.push(Block::Note(quoted(&words::about_model(FORMAT, arm))));
    blocks.extend(behind(arm, finding)?);
    Ok(blocks)
}

/// What counts, and how much of it nobody has seen.
fn says(arm: &IncrementalArm, effect: LifetimeEffect, finding: &LifetimeFinding) -> Option<String> {
    let counts = arm.counts.as_ref()?;
    let supposed = match effect {
        LifetimeEffect::StaysOn => "if it stays on",
        LifetimeEffect::Stops => "though it ends with the experiment",
    };
    let share = words::extrapolated(arm, effect).map_or_else(
        || " How much of it lies after the window cannot be put as a share.".to_owned(),
        |share| {
            format!(
                " {} of that lies after the window and is extrapolated.",
                FORMAT.percent(share, 0)
            )
        },
    );
    Some(format!(
        "{}: {} {} per customer of the experiment in {}, {supposed} ({} interval).{share}",
        arm.arm,
        words::signed(FORMAT, finding, counts).in_line(),
        counted_in(finding),
        finding.horizon,
        FORMAT.level(1.0 - finding.alpha),
    ))
}

/// The colour of an amount that is added or taken away.
fn ink(amount: f64) -> Ink {
    if amount < 0.0 { BAD } else { GOOD }
}

/// From nothing to the total, by what the treatment changed.
fn waterfall(
    arm: &IncrementalArm,
    value: &StaysOnFinding,
    finding: &LifetimeFinding,
) -> Result<Option<Block>, ReportError> {
    let IncrementalPart {
        amount,
        often,
        longer,
        more,
    } = value.total;
    let mut reached = 0.0;
    let mut rows = Vec::new();
    for (name, part) in [
        ("buys more often", &often),
        ("stays longer", &longer),
        ("larger orders", &more),
    ] {
        let moved = Interval {
            estimate: reached + part.estimate,
            low: reached + part.low,
            high: reached + part.high,
        };
        let shown = words::signed(FORMAT, finding, part).in_line();
        rows.push(Row::bar(name, reached, moved, shown, ink(part.estimate)));
        reached += part.estimate;
    }
    let shown = words::signed(FORMAT, finding, &amount).in_line();
    rows.push(Row::bar("total", 0.0, (&amount).into(), shown, TEXT));
    let group = Group {
        label: String::new(),
        rows,
    };
    let axis = Axis {
        tick: &|tick| FORMAT.signed(tick, if tick.fract() == 0.0 { 0 } else { 2 }),
        from_zero: true,
        line: None,
    };
    Ok(Block::picture(
        rows::draw(&[group], &axis)?,
        format!(
            "What the treatment of {} changes, adding up to the total; the table below has the same numbers",
            arm.arm
        ),
        format!(
            "{}, if it stays on: what the treatment changes, each part on top of the one before, in {} per customer of \
             the experiment over {}, with {} intervals.",
            arm.arm,
            counted_in(finding),
            finding.horizon,
            FORMAT.level(1.0 - finding.alpha)
        ),
    ))
}

/// What was measured, what is modelled to twelve months, and what beyond.
fn in_time(arm: &IncrementalArm, finding: &LifetimeFinding) -> Result<Option<Block>, ReportError> {
    let row = |label: &str, value: &Estimate, ink: Ink| {
        let shown = words::signed(FORMAT, finding, value).in_line();
        Row::bar(label, 0.0, value.into(), shown, ink)
    };
    let mut groups = Vec::new();
    let measured: Vec<Row> = words::measured(arm)
        .map(|(whose, measured)| row(whose, &measured.difference, GOOD))
        .collect();
    if !measured.is_empty() {
        groups.push(Group {
            label: "Measured in the window".to_owned(),
            rows: measured,
        });
    }
    groups.extend(arm.stays_on.as_ref().map(|value| Group {
        label: "Modelled, if it stays on".to_owned(),
        rows: vec![
            row("in the window", &value.window.amount, QUIET),
            row("to 12 months", &value.to_twelve_months.amount, QUIET),
            row("beyond", &value.beyond.amount, QUIET),
        ],
    }));
    groups.extend(arm.stops.as_ref().map(|value| Group {
        label: "Modelled, if it ends with the experiment".to_owned(),
        rows: vec![
            row("to 12 months", &value.to_twelve_months, QUIET),
            row("beyond", &value.beyond, QUIET),
        ],
    }));
    let axis = Axis {
        tick: &|tick| FORMAT.signed(tick, if tick.fract() == 0.0 { 0 } else { 2 }),
        from_zero: true,
        line: None,
    };
    Ok(Block::picture(
        rows::draw(&groups, &axis)?,
        format!(
            "What is measured and what is modelled of {}; the table below has the same numbers",
            arm.arm
        ),
        format!(
            "{}: what is measured in the window, and what a model adds to 12 months and beyond, in {} per customer of \
             the experiment. Grey is modelled.",
            arm.arm,
            counted_in(finding)
        ),
    ))
}

fn table(arm: &IncrementalArm, finding: &LifetimeFinding) -> Table {
    let caption = format!(
        "{}: incremental value per customer of the experiment, in {}. Under an estimate: its {} interval. The three parts add up.",
        arm.arm,
        counted_in(finding),
        FORMAT.level(1.0 - finding.alpha)
    );
    let mut table = Table::new(
        &format!("Incremental lifetime value of {}", arm.arm),
        caption,
        [
            "Block",
            "Per customer",
            "More often",
            "Longer",
            "Larger orders",
        ],
    );
    let whole = |value: &Estimate| {
        let mut cells = vec![Cell::Interval(words::signed(FORMAT, finding, value))];
        cells.extend((0..3).map(|_| Cell::Number(String::new())));
        cells
    };
    let parts = |part: &IncrementalPart| {
        [&part.amount, &part.often, &part.longer, &part.more]
            .into_iter()
            .map(|value| Cell::Interval(words::signed(FORMAT, finding, value)))
            .collect()
    };
    for (whose, measured) in words::measured(arm) {
        let days = FORMAT.fixed(measured.days, 0);
        let name = format!("Measured in {days} days, {whose}");
        table.row(name, whole(&measured.difference));
    }
    if let Some(StaysOnFinding {
        total,
        window,
        to_twelve_months,
        beyond,
        tail,
        ..
    }) = &arm.stays_on
    {
        table.row("Stays on: in the window, modelled", parts(window));
        table.row("Stays on: to 12 months", parts(to_twelve_months));
        table.row("Stays on: beyond", parts(beyond));
        table.row("Stays on: total", parts(total));
        if let Some(tail) = tail {
            let row = table.row("After the horizon, not counted", whole(tail));
            row.class = "aside";
        }
    }
    if let Some(StopsFinding {
        total,
        to_twelve_months,
        beyond,
        ..
    }) = &arm.stops
    {
        table.row("Stops: after it, to 12 months", whole(to_twelve_months));
        table.row("Stops: beyond", whole(beyond));
        table.row("Stops: total with measured", whole(total));
    }
    table
}
