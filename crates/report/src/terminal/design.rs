//! How large an experiment has to be.

use catalog::Looks;
use measure::audience::{DesignFinding, Size};

use super::Side::{Left, Right};
use super::{Screen, Tone, finish};
use crate::format::Format;

const FORMAT: Format = Format::PLAIN;

/// What an experiment needs, what it can tell after each week, and what running it costs.
pub fn design(finding: &DesignFinding, screen: Screen) -> String {
    let mut text = screen.prose(&finding.experiment, Tone::Strong);
    if let Some(hypothesis) = &finding.hypothesis {
        text.push_str(&screen.prose(&format!("Hypothesis: {hypothesis}"), Tone::Plain));
    }
    text.push_str(&screen.prose(
        &format!("Null hypothesis: {}", finding.null_hypothesis),
        Tone::Plain,
    ));
    text.push_str(&screen.prose(&baseline(finding), Tone::Plain));
    match finding.minimum_effect {
        Some(effect) => {
            let sentence = format!(
                "To find an effect of {} with a probability of {} at alpha {}:",
                FORMAT.percent(effect, 1),
                FORMAT.percent(finding.power, 0),
                finding.alpha
            );
            text.push_str(&format!("\n{}", screen.prose(&sentence, Tone::Plain)));
            text.push_str(&sizes(finding, screen));
        }
        None => text.push_str(&screen.prose(
            "No effect that matters is given: set `minimum_effect` in the experiment's `plan`, or use --minimum-effect.",
            Tone::Caution,
        )),
    }
    text.push_str(&weeks(finding, screen));
    text.push_str(&cost(finding, screen));
    text
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
        format!(
            "; covariates explain {} of the variation",
            FORMAT.percent(baseline.r2, 1)
        )
    } else {
        String::new()
    };
    let intake = finding.customers_a_day.map_or_else(String::new, |a_day| {
        format!("; {} customers a day", FORMAT.quantity(a_day.round()))
    });
    format!(
        "{}: mean {:.4}, standard deviation {:.4}, {from}{explained}{intake}",
        finding.metric, baseline.mean, baseline.sd
    )
}

fn sizes(finding: &DesignFinding, screen: Screen) -> String {
    let mut table = screen.table(
        [
            ("looks", Left),
            ("customers", Right),
            ("by arm", Left),
            ("intake", Right),
            ("until decided", Right),
            ("against one look", Right),
        ],
        false,
    );
    for size in &finding.sizes {
        let days = |days: Option<u32>| {
            days.map_or_else(|| "–".to_owned(), |days| FORMAT.days(f64::from(days)))
        };
        let tone = if size.declared {
            Tone::Strong
        } else {
            Tone::Plain
        };
        table.add_row([
            screen.cell(looks(size), tone),
            screen.cell(FORMAT.count(size.customers), tone),
            screen.cell(by_arm(finding, size), tone),
            screen.cell(days(size.intake_days), tone),
            screen.cell(days(size.days), tone),
            screen.cell(format!("x {:.3}", size.inflation), tone),
        ]);
    }
    finish(&table)
}

fn looks(size: &Size) -> String {
    let name = match size.looks {
        Looks::Fixed => "fixed",
        Looks::Hybrid => "hybrid",
        Looks::GroupSequential => "group sequential",
        Looks::Anytime => "anytime",
    };
    let plan = if size.declared { " (the plan)" } else { "" };
    format!("{name}{plan}")
}

fn by_arm(finding: &DesignFinding, size: &Size) -> String {
    let arms = finding.arms.iter().zip(&size.by_arm);
    let arms: Vec<String> = arms
        .map(|(arm, customers)| format!("{} {}", arm.name, FORMAT.count(*customers)))
        .collect();
    arms.join(", ")
}

fn weeks(finding: &DesignFinding, screen: Screen) -> String {
    if finding.curve.is_empty() {
        return String::new();
    }
    let mut table = screen.table(
        [
            ("week", Right),
            ("customers", Right),
            ("power", Right),
            ("smallest effect found", Right),
        ],
        false,
    );
    for week in &finding.curve {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        table.add_row([
            screen.cell(week.week, Tone::Plain),
            screen.cell(FORMAT.count(week.customers), Tone::Plain),
            screen.cell(
                or_none(week.power.map(|power| FORMAT.probability(power))),
                Tone::Plain,
            ),
            screen.cell(
                or_none(week.detectable.map(|effect| FORMAT.percent(effect, 2))),
                Tone::Plain,
            ),
        ]);
    }
    format!("\n{}", finish(&table))
}

fn cost(finding: &DesignFinding, screen: Screen) -> String {
    let mut text = String::new();
    let amount = |amount: f64| format!("{} {}", FORMAT.fixed(amount, 2), finding.currency);
    if let Some(cost) = &finding.cost {
        let mut sentence = format!("Running it costs {} of delivery", amount(cost.delivery));
        if let Some(forgone) = cost.forgone {
            sentence.push_str(&format!(
                ", and {} of margin that the reference arm forgoes if the effect is the one that matters",
                amount(forgone)
            ));
        }
        if !cost.left_out.is_empty() {
            sentence.push_str(&format!(
                "; not known beforehand: {}",
                cost.left_out.join(", ")
            ));
        }
        text.push_str(&format!(
            "\n{}",
            screen.prose(&format!("{sentence}."), Tone::Plain)
        ));
    }
    if let Some(roll) = &finding.roll {
        let sentence = format!(
            "For {} in all, the test that earns most has {} in the new arm and {} in the reference arm; the arm chosen \
             by it is the worse one with a probability of {}.",
            FORMAT.counted(roll.audience, "customer", "customers"),
            FORMAT.count(roll.treated),
            FORMAT.count(roll.control),
            FORMAT.probability(roll.error_rate)
        );
        text.push_str(&screen.prose(&sentence, Tone::Plain));
    }
    text
}
