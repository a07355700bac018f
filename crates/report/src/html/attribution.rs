//! The section of an attribution: credit by model, how journeys go, and what experiments say of it.

use std::collections::BTreeMap;

use catalog::Unit;
use measure::content::{
    AttributionFinding, CreditEstimate, CreditFinding, CreditModel, FlowNode, FlowStep, KeyFinding,
    ModelFinding, PerformanceFinding, RankedBy,
};

use super::ReportError;
use super::block::{Block, Cell, Checked, Column, Section, Table};
use super::calibration::{calibrated, ladder};
use super::flow::{self, Step};
use super::lifetime_credit::lifetime_credit;
use super::page::{FORMAT, quoted, sentence};
use super::palette::{QUIET, TEXT};
use super::rows::{self, Axis, Group, Row};
use crate::credit::{by, check_name, chosen, detailed, name};
use crate::format::{Interval, Shown};

/// The models whose credit stands side by side, as far as they have an answer.
const BESIDE: [CreditModel; 7] = [
    CreditModel::First,
    CreditModel::Last,
    CreditModel::Linear,
    CreditModel::PositionU,
    CreditModel::TimeDecay,
    CreditModel::Markov,
    CreditModel::Shapley,
];
/// Most of what is credited that is drawn, most steps of the flow, most paths, and most touches of a path.
const MOST_KEYS: usize = 10;
const MOST_STEPS: usize = 30;
const MOST_PATHS: usize = 10;
const MOST_TOUCHES: usize = 8;

/// The section of an attribution.
pub(super) fn section(
    index: usize,
    finding: &AttributionFinding,
    performances: &[PerformanceFinding],
) -> Result<Section, ReportError> {
    let mut blocks = vec![Block::Says(sentence(&says(finding)))];
    if let Some(description) = &finding.description {
        blocks.push(Block::Prose(description.clone()));
    }
    blocks.push(Block::Note(scope(finding)));
    if let Some(refusal) = &finding.refusal {
        blocks.push(Block::refusal("No credit", refusal));
    } else {
        blocks.extend(credits(finding)?);
        blocks.extend(ladder(finding, performances));
        for calibration in &finding.calibrations {
            blocks.extend(calibrated(finding, calibration)?);
        }
        let lifetime = finding.lifetime.iter();
        blocks.extend(lifetime.flat_map(|one| lifetime_credit(finding, one)));
        blocks.extend(journeys(finding)?);
    }
    blocks.push(Block::Title("Can it be trusted?".to_owned()));
    let checks = finding
        .checks
        .iter()
        .map(|check| Checked::new(check.severity, check_name(check.kind), &check.message));
    blocks.push(Block::Checks(checks.collect()));
    Ok(Section {
        id: format!("attribution-{}", index + 1),
        title: format!("Attribution: {}", finding.attribution),
        blocks,
    })
}

/// What the section says in ten seconds.
pub(super) fn says(finding: &AttributionFinding) -> String {
    if let Some(refusal) = &finding.refusal {
        return format!("Nothing can be credited: {}.", refusal.message);
    }
    let Some(model) = detailed(finding) else {
        return "No model that looks at whole journeys has an answer.".to_owned();
    };
    let Some(first) = model.credits.first() else {
        return "There is nothing to credit.".to_owned();
    };
    let caused = caused(finding);
    let Some(share) = first.share else {
        let currency = match finding.unit {
            Some(Unit::Money) => format!(" {}", finding.currency),
            _ => String::new(),
        };
        return format!(
            "The conversions that are credited are worth {}{currency} together: of a total that is not more than nothing \
             there are no shares.{caused}",
            FORMAT.fixed(finding.totals.credited_value.unwrap_or(0.0), 2),
        );
    };
    format!(
        "{} is credited with {} of {} ({}){}.{caused}",
        first.key,
        FORMAT.percent(share.estimate, 0),
        credited(finding),
        name(model.model),
        by_models(finding, &first.key),
    )
}

/// What other models say of one that is credited: its ranks, and its shares, which differ even where ranks do not.
fn by_models(finding: &AttributionFinding, key: &str) -> String {
    let credits = finding.models.iter().filter_map(|model| model.credit(key));
    let shares: Vec<f64> = credits
        .filter_map(|credit| Some(credit.share?.estimate))
        .collect();
    let percent =
        |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| FORMAT.percent(share, 0));
    let low = percent(shares.iter().copied().reduce(f64::min));
    let high = percent(shares.iter().copied().reduce(f64::max));
    let shares = match low == high {
        true => format!("with {low}"),
        false => format!("with {low} to {high}"),
    };
    let ranks = finding.keys.iter().find(|one| one.key == key);
    match ranks.map(|one| (one.ranks.best, one.ranks.worst)) {
        Some((best, worst)) if best == worst => {
            format!(" and ranks first by every model, {shares}")
        }
        Some((best, worst)) => format!("; by all models between rank {best} and {worst}, {shares}"),
        None => String::new(),
    }
}

/// What experiments say of the credit.
fn caused(finding: &AttributionFinding) -> String {
    let answered = by_factorial(finding, |key| key.factorial.as_deref());
    let unanswered = by_factorial(finding, |key| {
        key.unanswered.as_ref().map(|one| one.factorial.as_str())
    });
    let mut text = match finding.calibrations.is_empty() {
        true if answered.is_empty() => " No experiment says what of this is caused.".to_owned(),
        true => String::new(),
        false => refuted(finding),
    };
    for (factorial, names) in answered {
        let names = names.join(", ");
        text.push_str(&format!(" {factorial} says what is caused by {names}."));
    }
    for (factorial, names) in unanswered {
        let names = names.join(", ");
        text.push_str(&format!(" {factorial} has no answer for {names}."));
    }
    text
}

/// Channels by a factorial of theirs.
fn by_factorial<'f>(
    finding: &'f AttributionFinding,
    of: impl Fn(&'f KeyFinding) -> Option<&'f str>,
) -> BTreeMap<&'f str, Vec<&'f str>> {
    let mut channels: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for key in &finding.keys {
        if let Some(factorial) = of(key) {
            channels.entry(factorial).or_default().push(&key.key);
        }
    }
    channels
}

/// How many credits experiments refute.
fn refuted(finding: &AttributionFinding) -> String {
    let Some(shown) = detailed(finding).map(|model| model.model) else {
        return String::new();
    };
    let factors: Vec<Option<bool>> = finding
        .calibrations
        .iter()
        .flat_map(|calibration| &calibration.models)
        .filter(|model| model.model == shown)
        .flat_map(|model| model.factors.iter().map(|factor| factor.refuted))
        .collect();
    let wrong = factors.iter().filter(|refuted| **refuted == Some(true));
    format!(
        " Credits held against experiments: {}, refuted: {}.",
        factors.len(),
        wrong.count()
    )
}

fn credited(finding: &AttributionFinding) -> &'static str {
    match finding.ranked_by {
        RankedBy::Value => "the credited value",
        RankedBy::Conversions => "the credited conversions",
    }
}

fn scope(finding: &AttributionFinding) -> String {
    let (journeys, totals) = (&finding.journeys, &finding.totals);
    let worth = totals.value.map_or_else(String::new, |value| {
        format!(
            " worth {}\u{a0}{}",
            amount(finding, value),
            finding.currency
        )
    });
    format!(
        "Credit by {}: {}{worth}; {} with touches, {} without, {} that did not convert; {} of {}. Credit describes: it \
         shares out all conversions, also those that would have happened anyway. What a channel causes, only an \
         experiment says.",
        by(finding),
        FORMAT.counted(journeys.conversions, "conversion", "conversions"),
        FORMAT.counted(journeys.converting, "journey", "journeys"),
        FORMAT.count(journeys.untouched),
        FORMAT.count(journeys.without_conversion),
        FORMAT.counted(journeys.touches, "touch", "touches"),
        FORMAT.counted(journeys.customers, "customer", "customers"),
    )
}

/// A number of what is ranked by.
pub(super) fn amount(finding: &AttributionFinding, number: f64) -> String {
    let exact = finding.unit == Some(Unit::Money) && number.abs() < 100.0;
    match finding.ranked_by {
        RankedBy::Value if exact => FORMAT.fixed(number, 2),
        RankedBy::Value => FORMAT.fixed(number, 0),
        RankedBy::Conversions => FORMAT.fixed(number, 1),
    }
}

/// An estimate of credit as an interval, which is none where nothing is known of its uncertainty.
pub(super) fn interval(estimate: CreditEstimate) -> Interval {
    Interval {
        estimate: estimate.estimate,
        low: estimate.low.unwrap_or(estimate.estimate),
        high: estimate.high.unwrap_or(estimate.estimate),
    }
}

/// An estimate of what is ranked by, with its interval, where it has one.
pub(super) fn cell(finding: &AttributionFinding, estimate: CreditEstimate) -> Cell {
    credit_cell(estimate, &|number| amount(finding, number))
}

/// An estimate of credit with its interval, where it has one.
pub(super) fn credit_cell(estimate: CreditEstimate, show: &dyn Fn(f64) -> String) -> Cell {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => Cell::Interval(Shown {
            estimate: show(estimate.estimate),
            low: show(low),
            high: show(high),
        }),
        _ => Cell::Number(show(estimate.estimate)),
    }
}

/// The credit that is ranked by.
pub(super) fn ranked(finding: &AttributionFinding, credit: &CreditFinding) -> CreditEstimate {
    match (finding.ranked_by, credit.value) {
        (RankedBy::Value, Some(value)) => value,
        _ => credit.conversions,
    }
}

/// What is credited, the greatest first.
pub(super) fn keys(finding: &AttributionFinding) -> Vec<&KeyFinding> {
    let greatest = |key: &KeyFinding| match (finding.ranked_by, key.value) {
        (RankedBy::Value, Some(value)) => value.greatest,
        _ => key.conversions.greatest,
    };
    let mut keys: Vec<&KeyFinding> = finding.keys.iter().collect();
    keys.sort_by(|a, b| greatest(b).total_cmp(&greatest(a)));
    keys
}

/// Credit by model: a picture and a table of shares, and the model that looks at whole journeys with its intervals.
fn credits(finding: &AttributionFinding) -> Result<Vec<Block>, ReportError> {
    let keys = keys(finding);
    let models: Vec<&ModelFinding> = BESIDE
        .into_iter()
        .filter_map(|model| finding.model(model))
        .filter(|model| model.refusal.is_none())
        .collect();
    let chosen = detailed(finding).map(|model| model.model);
    let groups: Vec<Group> = keys
        .iter()
        .take(MOST_KEYS)
        .map(|key| Group {
            label: key.key.clone(),
            rows: models
                .iter()
                .filter_map(|model| {
                    let share = model.credit(&key.key)?.share?;
                    let shown = FORMAT.percent(share.estimate, 1);
                    let ends = share.low.zip(share.high).map(|(low, high)| {
                        format!(
                            " ({} to {})",
                            FORMAT.percent(low, 1),
                            FORMAT.percent(high, 1)
                        )
                    });
                    let shown = shown + &ends.unwrap_or_default();
                    let dot = Row::dot(name(model.model), interval(share), shown);
                    let ink = if Some(model.model) == chosen {
                        TEXT
                    } else {
                        QUIET
                    };
                    Some(Row { ink, ..dot })
                })
                .collect(),
        })
        .collect();
    let axis = Axis {
        tick: &|tick| FORMAT.percent(tick, 0),
        from_zero: true,
        line: None,
    };
    let level = FORMAT.level(1.0 - finding.alpha);
    let of = credited(finding);
    let mut blocks = vec![Block::Title("Credit by model".to_owned())];
    if groups.iter().any(|group| !group.rows.is_empty()) {
        blocks.extend(Block::picture(
            rows::draw(&groups, &axis)?,
            format!("Share of {of} by model; the table below has the same numbers"),
            format!(
                "Share of {of} by model, with {level} intervals. Where models differ, none of them is right because it \
                 is among them."
            ),
        ));
        blocks.push(Block::Folded {
            summary: "The shares by model".to_owned(),
            table: shares(finding, &keys, &models),
        });
    }
    blocks.extend(detailed(finding).map(|model| Block::Table(in_detail(finding, model))));
    let refused: Vec<String> = finding
        .models
        .iter()
        .filter_map(|model| {
            let refusal = model.refusal.as_ref()?;
            let what = name(model.model);
            Some(format!("{what}: no answer: {}.", quoted(&refusal.message)))
        })
        .collect();
    if !refused.is_empty() {
        blocks.push(Block::Sentences(refused));
    }
    Ok(blocks)
}

fn shares(finding: &AttributionFinding, keys: &[&KeyFinding], models: &[&ModelFinding]) -> Table {
    let mut table = Table::new(
        "Shares by model",
        format!(
            "Share of {} by model, and the ranks over all models.",
            credited(finding)
        ),
        [&by(finding), "Touches"],
    );
    let names = models.iter().map(|model| name(model.model));
    table
        .columns
        .extend(names.chain(["Rank"]).map(|name| Column {
            name: name.to_owned(),
            class: "number",
        }));
    for key in keys {
        let shares = models.iter().map(|model| {
            let credit = model.credit(&key.key);
            let share = credit.and_then(|credit| credit.share);
            Cell::number(share.map(|share| FORMAT.percent(share.estimate, 1)))
        });
        let rank = match (key.ranks.best, key.ranks.worst) {
            (0, _) => "–".to_owned(),
            (best, worst) if best == worst => best.to_string(),
            (best, worst) => format!("{best} to {worst}"),
        };
        let cells = [Cell::count(key.touches)].into_iter().chain(shares);
        table.row(&key.key, cells.chain([Cell::Number(rank)]).collect());
    }
    table
}

fn in_detail(finding: &AttributionFinding, model: &ModelFinding) -> Table {
    let order = match (&finding.markov, model.model) {
        (Some(chain), CreditModel::Markov) => format!(" of order {}", chosen(chain)),
        _ => String::new(),
    };
    let level = FORMAT.level(1.0 - finding.alpha);
    let caption = format!(
        "{}{order}: {}. Under an amount: its {level} interval. Above the next: the probability that it ranks above the \
         next one.",
        name(model.model),
        model.definition
    );
    let headings = match finding.ranked_by {
        RankedBy::Value => "Credited value",
        RankedBy::Conversions => "Credited",
    };
    let mut table = Table::new(
        name(model.model),
        caption,
        [
            &by(finding),
            headings,
            "Conversions",
            "Above the next",
            "Less cost",
            "Return on cost",
        ],
    );
    for credit in &model.credits {
        table.row(
            &credit.key,
            vec![
                cell(finding, ranked(finding, credit)),
                Cell::Number(FORMAT.fixed(credit.conversions.estimate, 1)),
                Cell::number(credit.above_next.map(|p| FORMAT.probability(p))),
                Cell::number(credit.value_less_cost.map(|less| amount(finding, less))),
                Cell::number(credit.return_on_cost.map(|share| FORMAT.percent(share, 0))),
            ],
        );
    }
    table
}

/// How journeys go, and the paths that most conversions came by.
fn journeys(finding: &AttributionFinding) -> Result<Vec<Block>, ReportError> {
    let flow = &finding.flow;
    let mut steps: Vec<&FlowStep> = flow.steps.iter().take(MOST_STEPS).collect();
    // Ends at the bottom, beginnings at the top, the others as they are.
    let place = |node: &FlowNode| match node {
        FlowNode::Start => 0,
        FlowNode::Key(_) => 1,
        FlowNode::Conversion => 2,
        FlowNode::NoConversion => 3,
    };
    steps.sort_by_key(|step| (place(&step.from), place(&step.to)));
    let steps: Vec<Step> = steps
        .into_iter()
        .map(|step| Step {
            from: node(&step.from).to_owned(),
            to: node(&step.to).to_owned(),
            number: step.journeys as f64,
            good: step.to == FlowNode::Conversion,
        })
        .collect();
    let rest = flow.steps.iter().skip(MOST_STEPS);
    let others = flow.other_steps + rest.map(|step| step.journeys).sum::<u64>();
    let others = match others {
        0 => String::new(),
        others => format!(" {} rarer steps are not drawn.", FORMAT.count(others)),
    };
    let mut blocks = vec![Block::Title("How journeys go".to_owned())];
    blocks.extend(Block::picture(
        flow::draw(&steps)?,
        "From where to where journeys go; the table below has the same numbers".to_owned(),
        format!(
            "Steps of journeys from one touch (left) to the next (right), as wide as they are frequent; green ends in a \
             conversion.{others}"
        ),
    ));
    let mut table = Table::new(
        "Steps of journeys",
        "The most frequent steps.".to_owned(),
        ["From", "To", "Journeys"],
    )
    .words([1]);
    for step in &steps {
        let cells = vec![
            Cell::Words(step.to.clone()),
            Cell::Number(FORMAT.quantity(step.number)),
        ];
        table.row(&step.from, cells);
    }
    if !table.rows.is_empty() {
        blocks.push(Block::Folded {
            summary: "The steps".to_owned(),
            table,
        });
    }
    blocks.push(Block::Table(paths(finding)));
    Ok(blocks)
}

fn node(node: &FlowNode) -> &str {
    match node {
        FlowNode::Start => "begins",
        FlowNode::Key(key) => key,
        FlowNode::Conversion => "converts",
        FlowNode::NoConversion => "does not convert",
    }
}

fn paths(finding: &AttributionFinding) -> Table {
    let mut table = Table::new(
        "Paths",
        "The paths that most conversions came by.".to_owned(),
        ["Path", "Conversions", "Not converted"],
    );
    for path in finding.paths.iter().take(MOST_PATHS) {
        let shown: Vec<&str> = path
            .path
            .iter()
            .take(MOST_TOUCHES)
            .map(String::as_str)
            .collect();
        let rest = match path.touches.saturating_sub(shown.len() as u64) {
            0 => String::new(),
            more => format!(" → and {} more", FORMAT.count(more)),
        };
        table.row(
            format!("{}{rest}", shown.join(" → ")),
            vec![
                Cell::Number(FORMAT.quantity(path.conversions)),
                Cell::Number(FORMAT.quantity(path.without_conversion)),
            ],
        );
    }
    table
}
