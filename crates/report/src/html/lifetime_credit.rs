//! Credit in what customers are predicted to bring.

use measure::content::{AttributionFinding, CreditEstimate, LifetimeCreditFinding};

use super::attribution::credit_cell;
use super::block::{Block, Cell, Table};
use super::page::{FORMAT, quoted};
use crate::credit::{by, lifetime_detailed, lifetime_scope, name};

/// One model's credits with their intervals, less the cost of the touches.
pub(super) fn lifetime_credit(
    finding: &AttributionFinding,
    lifetime: &LifetimeCreditFinding,
) -> Vec<Block> {
    let mut blocks = vec![Block::Title("Credit in lifetime value".to_owned())];
    if let Some(refusal) = &lifetime.refusal {
        let message = quoted(&refusal.message);
        blocks.push(Block::Sentences(vec![format!("No answer: {message}.")]));
        return blocks;
    }
    blocks.push(Block::Prose(lifetime_scope(finding, lifetime, FORMAT)));
    let Some(model) = lifetime_detailed(finding, lifetime) else {
        return blocks;
    };
    let mut table = Table::new(
        "Credit in lifetime value",
        format!(
            "{}: predicted margin in {}. Under an amount: its {} interval.",
            name(model.model),
            finding.currency,
            FORMAT.level(1.0 - finding.alpha)
        ),
        [
            by(finding).as_str(),
            "Customers",
            "Predicted margin",
            "Less cost",
            "Return on cost",
        ],
    );
    for credit in &model.credits {
        let estimate = |estimate: Option<CreditEstimate>, show: &dyn Fn(f64) -> String| {
            estimate.map_or_else(
                || Cell::number(None),
                |estimate| credit_cell(estimate, show),
            )
        };
        table.row(
            &credit.key,
            vec![
                Cell::Number(FORMAT.fixed(credit.customers, 1)),
                credit_cell(credit.value, &|value| FORMAT.fixed(value, 0)),
                estimate(credit.value_less_cost, &|value| FORMAT.fixed(value, 0)),
                estimate(credit.return_on_cost, &|share| FORMAT.percent(share, 0)),
            ],
        );
    }
    blocks.push(Block::Table(table));
    blocks
}
