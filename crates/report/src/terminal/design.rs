//! How large an experiment has to be.

use measure::audience::{DesignFinding, Size};

use super::Side::{Left, Right};
use super::{Screen, Tone, finish};
use crate::format::Format;
use crate::scope;

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
    let intake = finding.customers_a_day.map_or_else(String::new, |a_day| {
        format!("; {} customers a day", FORMAT.quantity(a_day.round()))
    });
    format!(
        "{}: mean {:.4}, standard deviation {:.4}, {}{intake}",
        finding.metric,
        baseline.mean,
        baseline.sd,
        scope::baseline(FORMAT, baseline)
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
            screen.cell(scope::by_arm(FORMAT, finding, size), tone),
            screen.cell(days(size.intake_days), tone),
            screen.cell(days(size.days), tone),
            screen.cell(format!("x {:.3}", size.inflation), tone),
        ]);
    }
    finish(&table)
}

fn looks(size: &Size) -> String {
    let plan = if size.declared { " (the plan)" } else { "" };
    format!("{}{plan}", scope::looks(size.looks))
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
    if let Some(sentence) = scope::cost(FORMAT, finding) {
        text.push_str(&format!("\n{}", screen.prose(&sentence, Tone::Plain)));
    }
    if let Some(roll) = &finding.roll {
        text.push_str(&screen.prose(&scope::roll(FORMAT, roll), Tone::Plain));
    }
    text
}
