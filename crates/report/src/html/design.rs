//! The section on how large an experiment has to be.

use catalog::Looks;
use measure::audience::{DesignFinding, Size};

use super::ReportError;
use super::block::{Block, Cell, Section, Table};
use super::curve::{self, Curve, Threshold, whole_number};
use super::page::{FORMAT, sentence};
use super::rows::alone;

/// The section of a design.
pub(super) fn section(index: usize, finding: &DesignFinding) -> Result<Section, ReportError> {
    let mut blocks = vec![Block::Says(says(finding))];
    if let Some(hypothesis) = &finding.hypothesis {
        blocks.push(Block::Prose(format!("Hypothesis: {hypothesis}")));
    }
    blocks.push(Block::Note(format!(
        "Null hypothesis: {}. {}",
        finding.null_hypothesis,
        baseline(finding)
    )));
    if !finding.sizes.is_empty() {
        blocks.push(Block::Table(sizes(finding)));
    }
    blocks.extend(weeks(finding)?);
    blocks.extend(cost(finding).map(Block::Prose));
    if let Some(roll) = &finding.roll {
        blocks.push(Block::Prose(format!(
            "For {} in all, the test that earns most has {} in the new arm and {} in the reference arm; the arm chosen \
             by it is the worse one with a probability of {}.",
            FORMAT.counted(roll.audience, "customer", "customers"),
            FORMAT.count(roll.treated),
            FORMAT.count(roll.control),
            FORMAT.probability(roll.error_rate)
        )));
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
    let from = match baseline.customers {
        Some(customers) => format!(
            "measured on {}",
            FORMAT.counted(customers, "customer", "customers")
        ),
        None => "as given".to_owned(),
    };
    let explained = if baseline.r2 > 0.0 {
        let share = FORMAT.percent(baseline.r2, 1);
        format!("; covariates explain {share} of the variation")
    } else {
        String::new()
    };
    sentence(&format!(
        "{}: mean {}, standard deviation {}, {from}{explained}.",
        finding.metric,
        FORMAT.fixed(baseline.mean, 4),
        FORMAT.fixed(baseline.sd, 4),
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
        let arms = finding.arms.iter().zip(&size.by_arm);
        let arms: Vec<String> = arms
            .map(|(arm, customers)| format!("{} {}", arm.name, FORMAT.count(*customers)))
            .collect();
        let row = table.row(
            looks(size),
            vec![
                Cell::count(size.customers),
                Cell::Words(arms.join(", ")),
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

fn looks(size: &Size) -> &'static str {
    match size.looks {
        Looks::Fixed => "fixed",
        Looks::Hybrid => "hybrid",
        Looks::GroupSequential => "group sequential",
        Looks::Anytime => "anytime",
    }
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

fn cost(finding: &DesignFinding) -> Option<String> {
    let cost = finding.cost.as_ref()?;
    let amount = |amount: f64| format!("{}\u{a0}{}", FORMAT.fixed(amount, 2), finding.currency);
    let mut text = format!("Running it costs {} of delivery", amount(cost.delivery));
    if let Some(forgone) = cost.forgone {
        text.push_str(&format!(
            ", and {} of margin that the reference arm forgoes if the effect is the one that matters",
            amount(forgone)
        ));
    }
    if !cost.left_out.is_empty() {
        text.push_str(&format!(
            "; not known beforehand: {}",
            cost.left_out.join(", ")
        ));
    }
    Some(text + ".")
}
