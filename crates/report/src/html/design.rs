//! The section on how large an experiment has to be.

use measure::audience::DesignFinding;

use super::ReportError;
use super::block::{Block, Cell, Section, Table};
use super::curve::{self, Curve, Threshold, whole_number};
use super::page::{FORMAT, quoted, sentence};
use super::rows::alone;
use crate::scope;

/// The section of a design.
pub(super) fn section(index: usize, finding: &DesignFinding) -> Result<Section, ReportError> {
    let mut blocks = vec![Block::Says(says(finding))];
    if let Some(hypothesis) = &finding.hypothesis {
        blocks.push(Block::Prose(format!("Hypothesis: {hypothesis}")));
    }
    blocks.push(Block::Note(format!(
        "Null hypothesis: {}. {}",
        quoted(&finding.null_hypothesis),
        baseline(finding)
    )));
    if !finding.sizes.is_empty() {
        blocks.push(Block::Table(sizes(finding)));
    }
    blocks.extend(weeks(finding)?);
    blocks.extend(scope::cost(FORMAT, finding).map(Block::Prose));
    if let Some(roll) = &finding.roll {
        blocks.push(Block::Prose(scope::roll(FORMAT, roll)));
    }
    Ok(Section {
        id: format!("design-{}", index + 1),
        title: format!("Design of {}", finding.experiment),
        blocks,
    })
}

/// What the section says in ten seconds.
fn says(finding: &DesignFinding) -> String {
    let declared = finding.sizes.iter().find(|size| size.declared);
    let size = declared.or_else(|| finding.sizes.first());
    let (Some(effect), Some(size)) = (finding.minimum_effect, size) else {
        return "How large it has to be cannot be said: no effect that matters is given."
            .to_owned();
    };
    let days = size.days.map_or_else(String::new, |days| {
        format!(", decided after {}", FORMAT.days(f64::from(days)))
    });
    format!(
        "To find an effect of {} with a probability of {}, it needs {}{days}.",
        FORMAT.percent(effect, 1),
        FORMAT.percent(finding.power, 0),
        FORMAT.counted(size.customers, "customer", "customers"),
    )
}

fn baseline(finding: &DesignFinding) -> String {
    let baseline = &finding.baseline;
    sentence(&format!(
        "{}: mean {}, standard deviation {}, {}.",
        finding.metric,
        FORMAT.fixed(baseline.mean, 4),
        FORMAT.fixed(baseline.sd, 4),
        scope::baseline(FORMAT, baseline)
    ))
}

fn sizes(finding: &DesignFinding) -> Table {
    let caption = format!(
        "What each way of looking needs at alpha = {}.",
        FORMAT.quantity(finding.alpha)
    );
    let columns = [
        "Looks",
        "Customers",
        "By arm",
        "Intake",
        "Until decided",
        "Against one look",
    ];
    let mut table = Table::new("Sizes", caption, columns).words([2]);
    for size in &finding.sizes {
        let days = |days: Option<u32>| Cell::number(days.map(|days| FORMAT.days(f64::from(days))));
        let row = table.row(
            scope::looks(size.looks),
            vec![
                Cell::count(size.customers),
                Cell::Words(scope::by_arm(FORMAT, finding, size)),
                days(size.intake_days),
                days(size.days),
                Cell::Number(format!("×\u{a0}{}", FORMAT.fixed(size.inflation, 3))),
            ],
        );
        if size.declared {
            row.about = "the plan".to_owned();
        }
    }
    table
}

/// What can be told after each week.
fn weeks(finding: &DesignFinding) -> Result<Vec<Block>, ReportError> {
    if finding.curve.is_empty() {
        return Ok(Vec::new());
    }
    let points = finding.curve.iter().filter_map(|week| {
        let power = week.power?;
        Some((f64::from(week.week), alone(power)))
    });
    let drawn = curve::draw(&Curve {
        points: points.collect(),
        x_tick: &whole_number,
        y_tick: &|power| FORMAT.percent(power, 0),
        line: Some(Threshold {
            height: finding.power,
            label: "the plan's power".to_owned(),
            crossing: None,
        }),
    })?;
    let mut table = Table::new(
        "Weeks",
        "What can be told after each week of intake.".to_owned(),
        ["Week", "Customers", "Power", "Smallest effect found"],
    );
    for week in &finding.curve {
        table.row(
            week.week.to_string(),
            vec![
                Cell::count(week.customers),
                Cell::number(week.power.map(|power| FORMAT.probability(power))),
                Cell::number(week.detectable.map(|effect| FORMAT.percent(effect, 2))),
            ],
        );
    }
    let picture = Block::picture(
        drawn,
        "Power by week; the table below has the same numbers".to_owned(),
        "The probability of finding the effect that matters, by week of intake.".to_owned(),
    );
    let folded = Block::Folded {
        summary: "The numbers by week".to_owned(),
        table,
    };
    Ok(picture.into_iter().chain([folded]).collect())
}
