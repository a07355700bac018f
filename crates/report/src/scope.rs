//! What findings rest on and what they leave out, in sentences that the terminal and the page share.

use catalog::Looks;
use measure::audience::summaries::Extent;
use measure::audience::{Baseline, DesignFinding, NotCounted, ReplayFinding, RollFinding, Size};
use measure::content::PerformanceFinding;

use crate::format::Format;

/// How many of something are left out for each reason; sentences that follow others.
fn left_out(format: Format, left_out: &[NotCounted], one: &str, many: &str) -> String {
    let sentence = |left: &NotCounted| {
        let number = format.counted(left.number, one, many);
        format!(" {number} left out: {}.", left.reason)
    };
    left_out.iter().map(sentence).collect()
}

/// What a programme leaves out, each reason with its number; sentences that follow others.
pub(crate) fn programme_left_out(format: Format, extent: &Extent) -> String {
    let mut text = left_out(format, &extent.looks_left_out, "look", "looks");
    text.push_str(&left_out(format, &extent.rows_left_out, "row", "rows"));
    if extent.in_several_periods > 0 {
        text.push_str(&format!(
            " {} in several periods, counted in the first.",
            format.counted(extent.in_several_periods, "experiment", "experiments")
        ));
    }
    text
}

/// The time of a look: as it was given, but for the digits that a number does not mean.
pub(crate) fn time(given: &str) -> String {
    match given.parse::<f64>() {
        Ok(number) if number.is_finite() => format!("{}", (number * 1e6).round() / 1e6),
        _ => given.to_owned(),
    }
}

/// What a performance of content looks at.
pub(crate) fn performance(format: Format, finding: &PerformanceFinding) -> String {
    let extent = &finding.extent;
    format!(
        "{} of {} to {}. Outcome: {} within {} of the first time.",
        format.counted(extent.exposures, "exposure", "exposures"),
        format.counted(extent.items, "piece of content", "pieces of content"),
        format.counted(extent.customers, "customer", "customers"),
        finding.outcome,
        finding.within,
    )
}

/// What it leaves out; sentences that follow others.
pub(crate) fn performance_left_out(format: Format, finding: &PerformanceFinding) -> String {
    let mut text = left_out(format, &finding.extent.left_out, "row", "rows");
    text.push_str(&left_out(
        format,
        &finding.extent.outcomes_left_out,
        "row of the outcome",
        "rows of the outcome",
    ));
    let immature: u64 = finding.items.iter().map(|item| item.immature).sum();
    if immature > 0 {
        text.push_str(&format!(
            " {} left out: their time was not over at the end of the data.",
            format.counted(immature, "customer", "customers")
        ));
    }
    text
}

/// What a replay does.
pub(crate) fn replay(format: Format, finding: &ReplayFinding) -> String {
    format!(
        "A/A replay: {} of {}, who all got the same, split in two at random {} times (seed {}). A valid analysis finds a \
         difference in {} of the splits.",
        format.counted(finding.customers, "customer", "customers"),
        finding.arm,
        format.count(u64::from(finding.splits)),
        finding.seed,
        format.percent(finding.alpha, 1),
    )
}

/// Where a design's mean and variation come from.
pub(crate) fn baseline(format: Format, baseline: &Baseline) -> String {
    let from = match baseline.customers {
        Some(customers) => format!(
            "measured on {}",
            format.counted(customers, "customer", "customers")
        ),
        None => "as given".to_owned(),
    };
    if baseline.r2 > 0.0 {
        let share = format.percent(baseline.r2, 1);
        format!("{from}; covariates explain {share} of the variation")
    } else {
        from
    }
}

/// A way of looking.
pub(crate) fn looks(looks: Looks) -> &'static str {
    match looks {
        Looks::Fixed => "fixed",
        Looks::Hybrid => "hybrid",
        Looks::GroupSequential => "group sequential",
        Looks::Anytime => "anytime",
    }
}

/// The customers that a way of looking needs in each arm.
pub(crate) fn by_arm(format: Format, finding: &DesignFinding, size: &Size) -> String {
    let arms = finding.arms.iter().zip(&size.by_arm);
    let arms: Vec<String> = arms
        .map(|(arm, customers)| format!("{} {}", arm.name, format.count(*customers)))
        .collect();
    arms.join(", ")
}

/// What running an experiment costs, where that is known.
pub(crate) fn cost(format: Format, finding: &DesignFinding) -> Option<String> {
    let cost = finding.cost.as_ref()?;
    let amount = |amount: f64| format.cents(amount, &finding.currency);
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

/// The sizes that earn most.
pub(crate) fn roll(format: Format, roll: &RollFinding) -> String {
    format!(
        "For {} in all, the test that earns most has {} in the new arm and {} in the reference arm; the arm chosen by it \
         is the worse one with a probability of {}.",
        format.counted(roll.audience, "customer", "customers"),
        format.count(roll.treated),
        format.count(roll.control),
        format.probability(roll.error_rate)
    )
}
