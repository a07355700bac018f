//! What stands behind an increment of lifetime value: whether it fades, the second opinion, and a comparison without
//! randomization.

use measure::audience::lifetime::{
    FadingFinding, IncrementalArm, LifetimeFinding, RolloutFinding, SurrogateFinding,
};

use super::ReportError;
use super::block::{Block, Cell, Table};
use super::curve::{self, Curve, whole_number};
use super::lifetime::counted_in;
use super::page::{FORMAT, quoted};
use super::rows::{self, Axis, Group, Row};
use crate::incremental as words;

/// Whether an arm's effect fades, and the second opinion.
pub(super) fn behind(
    arm: &IncrementalArm,
    finding: &LifetimeFinding,
) -> Result<Vec<Block>, ReportError> {
    let mut blocks = Vec::new();
    blocks.extend(
        words::adjusted(FORMAT, arm, finding)
            .into_iter()
            .map(Block::Prose),
    );
    if let Some(found) = &arm.fading {
        blocks.extend(fading(arm, found, finding)?);
    }
    if let Some(found) = &arm.surrogate {
        blocks.push(Block::Prose(words::surrogate(FORMAT, found, finding)));
        let table = comparability(found);
        if !table.rows.is_empty() {
            blocks.push(Block::Table(table));
        }
    }
    Ok(blocks)
}

fn fading(
    arm: &IncrementalArm,
    found: &FadingFinding,
    finding: &LifetimeFinding,
) -> Result<Vec<Block>, ReportError> {
    let mut blocks = Vec::new();
    let points = found.months.iter();
    let curve = Curve {
        points: points
            .map(|month| (f64::from(month.month), words::interval(&month.effect)))
            .collect(),
        x_tick: &whole_number,
        y_tick: &|tick| FORMAT.percent(tick, 0),
        line: None,
    };
    let level = FORMAT.level(1.0 - finding.alpha);
    blocks.extend(Block::picture(
        curve::draw(&curve)?,
        format!("By how much {} brought more in each month since the start", arm.arm),
        format!(
            "By how much customers of {} brought more than the others in each month since their start, with {level} \
             intervals: {} and {} customers who were all seen for these months.",
            arm.arm,
            FORMAT.count(found.customers.arm),
            FORMAT.count(found.customers.against),
        ),
    ));
    for sentence in words::fading(FORMAT, found) {
        blocks.push(Block::Prose(quoted(&sentence)));
    }
    let mut cohorts = Table::new(
        &format!("Effect of {} by the month of starting", arm.arm),
        format!(
            "{}: how much more customers brought in their first {} months, by the month in which they started.",
            arm.arm, found.cohort_months
        ),
        ["Started in", "Customers", "Brought more"],
    );
    for cohort in &found.cohorts {
        let cells = vec![
            Cell::count(cohort.customers.arm + cohort.customers.against),
            Cell::Interval(words::relative(FORMAT, &cohort.effect)),
        ];
        cohorts.row(cohort.cohort.clone(), cells);
    }
    let mut paces = Table::new(
        &format!("Value of {} if effects fade", arm.arm),
        format!(
            "{}, if it stays on, by Pareto/NBD: value per customer of the experiment over {}, in {}, by what becomes of the effects after the \
             window. Intervals take the pace as given.",
            arm.arm,
            finding.horizon,
            counted_in(finding)
        ),
        ["If", "Per customer"],
    );
    for pace in &found.paces {
        let total = words::signed(FORMAT, finding, &pace.total);
        paces.row(words::supposed(FORMAT, pace), vec![Cell::Interval(total)]);
    }
    let tables = [cohorts, paces].into_iter();
    blocks.extend(
        tables
            .filter(|table| !table.rows.is_empty())
            .map(Block::Table),
    );
    Ok(blocks)
}

/// Whether earlier customers are like those of the experiment.
fn comparability(found: &SurrogateFinding) -> Table {
    let mut table = Table::new(
        "Earlier customers beside those of the experiment",
        format!(
            "Customers from outside the experiment beside its reference arm, in their first {} months: apart in standard \
             deviations.",
            found.early_months
        ),
        ["Outcome", "Earlier", "Reference arm", "Apart"],
    );
    for outcome in &found.comparability {
        let (name, places) = match outcome.outcome.as_str() {
            "bought_late" => ("bought in the last third", 3),
            name => (name, 2),
        };
        let cells = vec![
            Cell::Number(FORMAT.fixed(outcome.earlier, places)),
            Cell::Number(FORMAT.fixed(outcome.reference, places)),
            Cell::number(outcome.apart.map(|apart| FORMAT.signed(apart, 2))),
        ];
        table.row(name, cells);
    }
    table
}

/// What a treatment added whose start was not randomized: a heading, a picture by month, and in words what it rests on.
pub(super) fn rollout(
    found: &RolloutFinding,
    finding: &LifetimeFinding,
) -> Result<Vec<Block>, ReportError> {
    let mut blocks = vec![Block::Title("Rollout without randomization".to_owned())];
    let mut sentences = words::rollout(FORMAT, found, finding).into_iter();
    blocks.extend(
        sentences
            .next()
            .map(|sentence| Block::Prose(quoted(&sentence))),
    );
    let rows = found.by_month.iter().map(|month| {
        let shown = words::signed(FORMAT, finding, &month.effect);
        let label = match month.month {
            month if month < 0 => format!("{} before", month.unsigned_abs()),
            month => format!("month {month}"),
        };
        Row::dot(label, (&month.effect).into(), shown.in_line())
    });
    let group = Group {
        label: String::new(),
        rows: rows.collect(),
    };
    let axis = Axis {
        tick: &|tick| FORMAT.signed(tick, if tick.fract() == 0.0 { 0 } else { 2 }),
        from_zero: true,
        line: Some(0.0),
    };
    let level = FORMAT.level(1.0 - finding.alpha);
    blocks.extend(Block::picture(
        rows::draw(&[group], &axis)?,
        "Value per treated customer by months since the treatment began".to_owned(),
        format!(
            "Value per treated customer and month, in {}, by months since the treatment began, with {level} intervals; the \
             month before it is the base. Before it there should be nothing.",
            counted_in(finding)
        ),
    ));
    for sentence in sentences {
        blocks.push(Block::Note(quoted(&sentence)));
    }
    Ok(blocks)
}
