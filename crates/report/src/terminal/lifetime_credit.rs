//! Credit in what customers are predicted to bring.

use measure::content::{AttributionFinding, CreditEstimate, LifetimeCreditFinding};

use super::Side::{Left, Right};
use super::attribution::interval;
use super::{Screen, Tone, finish};
use crate::credit::{by, lifetime_detailed, lifetime_scope, name};
use crate::format::Format;

const FORMAT: Format = Format::PLAIN;

/// One model's credits with their intervals, less the cost of the touches.
pub(super) fn lifetime_credit(
    finding: &AttributionFinding,
    lifetime: &LifetimeCreditFinding,
    screen: Screen,
) -> String {
    if let Some(refusal) = &lifetime.refusal {
        let text = format!("No credit in lifetime value: {}.", refusal.message);
        return screen.prose(&text, Tone::Caution);
    }
    let Some(model) = lifetime_detailed(finding, lifetime) else {
        return String::new();
    };
    let by = by(finding);
    let level = format!("{} interval", FORMAT.level(1.0 - finding.alpha));
    let headers = [
        (by.as_str(), Left),
        ("customers", Right),
        ("predicted margin", Right),
        (&level, Right),
        ("less cost", Right),
        (&level, Right),
    ];
    let has_cost = finding.totals.cost.is_some();
    let mut table = screen.table(headers, false);
    for credit in &model.credits {
        let of_cost = |show: &dyn Fn(CreditEstimate) -> String| {
            let less = credit.value_less_cost.filter(|_| has_cost);
            less.map_or_else(|| "–".to_owned(), show)
        };
        table.add_row([
            credit.key.clone(),
            FORMAT.fixed(credit.customers, 1),
            FORMAT.fixed(credit.value.estimate, 2),
            interval(credit.value),
            of_cost(&|less| FORMAT.fixed(less.estimate, 2)),
            of_cost(&interval),
        ]);
    }
    let title = format!("In lifetime value, {}", name(model.model));
    format!(
        "{}{}{}",
        screen.prose(&title, Tone::Strong),
        screen.prose(&lifetime_scope(finding, lifetime, FORMAT), Tone::Plain),
        finish(&table)
    )
}
