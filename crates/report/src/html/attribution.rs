//! The section of an attribution: credit by model, how journeys go, and what experiments say of it.

use catalog::Unit;
use measure::content::{
    AttributionFinding, Calibrated, CalibrationFinding, CreditEstimate, CreditFinding, CreditModel,
    EvidenceGrade, FlowNode, FlowStep, KeyFinding, ModelCalibration, ModelFinding, RankedBy,
};

use super::ReportError;
use super::block::{Block, Cell, Checked, Column, Section, Table, in_line};
use super::flow::{self, Step};
use super::page::{FORMAT, quoted};
use super::palette::{QUIET, TEXT};
use super::rows::{self, Axis, Group, Row};
use crate::credit::{by, check_name, detailed, name};
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
pub(super) fn section(index: usize, finding: &AttributionFinding) -> Result<Section, ReportError> {
    let mut blocks = vec![Block::Says(quoted(&says(finding)))];
    if let Some(description) = &finding.description {
        blocks.push(Block::Prose(description.clone()));
    }
    blocks.push(Block::Note(scope(finding)));
    if let Some(refusal) = &finding.refusal {
        blocks.push(Block::refusal("No credit", refusal));
    } else {
        blocks.extend(credits(finding)?);
        blocks.extend(ladder(finding));
        for calibration in &finding.calibrations {
            blocks.extend(calibrated(finding, calibration)?);
        }
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
    let ranks = finding
        .keys
        .iter()
        .find(|key| key.key == first.key)
        .map(|key| key.ranks);
    let agree = match ranks {
        Some(ranks) if ranks.best == ranks.worst => "whatever the model".to_owned(),
        Some(ranks) => format!("by other models between rank {} and {}", ranks.best, ranks.worst),
        None => "by this model".to_owned(),
    };
    let caused = match finding.calibrations.is_empty() {
        true => " No experiment says what of this is caused.".to_owned(),
        false => refuted(finding),
    };
    format!(
        "{} is credited with {} of {} ({}), {agree}.{caused}",
        first.key,
        FORMAT.percent(first.share.estimate, 0),
        credited(finding),
        name(model.model),
    )
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
        " Of {} credits that were held against experiments, {} are refuted.",
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
        format!(" worth {}\u{a0}{}", amount(finding, value), finding.currency)
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
fn amount(finding: &AttributionFinding, number: f64) -> String {
    let exact = finding.unit == Some(Unit::Money) && number.abs() < 100.0;
    match finding.ranked_by {
        RankedBy::Value if exact => FORMAT.fixed(number, 2),
        RankedBy::Value => FORMAT.fixed(number, 0),
        RankedBy::Conversions => FORMAT.fixed(number, 1),
    }
}

/// An estimate of credit as an interval, which is none where nothing is known of its uncertainty.
fn interval(estimate: CreditEstimate) -> Interval {
    Interval {
        estimate: estimate.estimate,
        low: estimate.low.unwrap_or(estimate.estimate),
        high: estimate.high.unwrap_or(estimate.estimate),
    }
}

/// An estimate of credit with its interval, where it has one.
fn cell(finding: &AttributionFinding, estimate: CreditEstimate) -> Cell {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => Cell::Interval(Shown {
            estimate: amount(finding, estimate.estimate),
            low: amount(finding, low),
            high: amount(finding, high),
        }),
        _ => Cell::Number(amount(finding, estimate.estimate)),
    }
}

fn ranked(finding: &AttributionFinding, credit: &CreditFinding) -> CreditEstimate {
    match (finding.ranked_by, credit.value) {
        (RankedBy::Value, Some(value)) => value,
        _ => credit.conversions,
    }
}

/// What is credited, the greatest first.
fn keys(finding: &AttributionFinding) -> Vec<&KeyFinding> {
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
                    let share = model.credit(&key.key)?.share;
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
                    let ink = if Some(model.model) == chosen { TEXT } else { QUIET };
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
    blocks.extend(Block::picture(
        rows::draw(&groups, &axis)?,
        format!("Share of {of} by model; the table below has the same numbers"),
        format!(
            "Share of {of} by model, with {level} intervals. Where models differ, none of them is right because it is \
             among them."
        ),
    ));
    blocks.push(Block::Folded {
        summary: "The shares by model".to_owned(),
        table: shares(finding, &keys, &models),
    });
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

fn shares(
    finding: &AttributionFinding,
    keys: &[&KeyFinding],
    models: &[&ModelFinding],
) -> Table {
    let mut table = Table::new(
        "Shares by model",
        format!("Share of {} by model, and the ranks over all models.", credited(finding)),
        [&by(finding), "Touches"],
    );
    let names = models.iter().map(|model| name(model.model));
    table.columns.extend(names.chain(["Rank"]).map(|name| Column {
        name: name.to_owned(),
        class: "number",
    }));
    for key in keys {
        let shares = models.iter().map(|model| {
            let credit = model.credit(&key.key);
            Cell::number(credit.map(|credit| FORMAT.percent(credit.share.estimate, 1)))
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
        (Some(chain), CreditModel::Markov) => format!(" of order {}", chain.order),
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

/// What is known of each that is credited, from what was merely seen to what was measured.
fn ladder(finding: &AttributionFinding) -> Vec<Block> {
    let Some(model) = detailed(finding) else {
        return Vec::new();
    };
    let caption = format!(
        "From the weakest evidence to the strongest, in {}. Credited over models: the least and the greatest (grade D). \
         Credited: by {} (grade D). Caused, in all: what experiments say, extrapolated to all journeys (grade B). \
         Measured: among the customers of the experiment (grade A).",
        match finding.ranked_by {
            RankedBy::Value => finding.currency.as_str(),
            RankedBy::Conversions => "conversions",
        },
        name(model.model)
    );
    let mut table = Table::new(
        "Ladder of evidence",
        caption,
        [
            &by(finding),
            "Touches",
            "Credited over models (D)",
            "Credited (D)",
            "Caused, in all (B)",
            "Measured (A)",
            "Credit is",
        ],
    )
    .words([6]);
    let wanted = match finding.ranked_by {
        RankedBy::Value => Calibrated::Value,
        RankedBy::Conversions => Calibrated::Conversions,
    };
    let calibration = finding
        .calibrations
        .iter()
        .find(|calibration| calibration.measures == wanted);
    for key in keys(finding) {
        let spread = match (finding.ranked_by, key.value) {
            (RankedBy::Value, Some(value)) => value,
            _ => key.conversions,
        };
        let factor = calibration.and_then(|calibration| {
            let models = calibration.models.iter();
            let same = models.filter(|one| one.model == model.model);
            let mut factors = same.flat_map(|one| &one.factors);
            factors.find(|factor| factor.channel == key.key)
        });
        let tested = calibration.and_then(|calibration| {
            let tested = calibration.experiments.iter();
            tested
                .filter(|tested| tested.channel == key.key && tested.grade == EvidenceGrade::A)
                .find_map(|tested| tested.increment)
        });
        let verdict = match factor.map(|factor| factor.refuted) {
            Some(Some(true)) => Cell::Verdict("worse", "refuted"),
            Some(Some(false)) => Cell::Verdict("better", "not refuted"),
            Some(None) => Cell::Verdict("unclear", "not estimable"),
            None => Cell::Verdict("notice", "never tested"),
        };
        let credit = model.credit(&key.key);
        table.row(
            &key.key,
            vec![
                Cell::count(key.touches),
                Cell::Number(format!(
                    "{} to {}",
                    amount(finding, spread.least),
                    amount(finding, spread.greatest)
                )),
                credit.map_or_else(
                    || Cell::number(None),
                    |credit| cell(finding, ranked(finding, credit)),
                ),
                factor
                    .and_then(|factor| factor.caused)
                    .map_or(Cell::Unobserved, |caused| cell(finding, caused)),
                tested.map_or(Cell::Unobserved, |increment| cell(finding, increment)),
                verdict,
            ],
        );
    }
    vec![
        Block::Title("The ladder of evidence".to_owned()),
        Block::Table(table),
    ]
}

/// Credit held against experiments, and what would have happened anyway.
fn calibrated(
    finding: &AttributionFinding,
    calibration: &CalibrationFinding,
) -> Result<Vec<Block>, ReportError> {
    let what = match calibration.measures {
        Calibrated::Value => "value",
        Calibrated::Conversions => "conversions",
    };
    let mut blocks = vec![Block::Title(format!("Held against experiments, in {what}"))];
    let tested = calibration.experiments.iter().map(|tested| {
        match (&tested.increment, &tested.refusal) {
            (Some(increment), _) => format!(
                "{}: experiment {} measured {} among the {} customers of {} (grade A).",
                tested.channel,
                tested.experiment,
                ends(finding, *increment),
                FORMAT.count(tested.customers),
                tested.arm,
            ),
            (None, refusal) => format!(
                "{}: no answer from {}: {}.",
                tested.channel,
                tested.experiment,
                refusal
                    .as_ref()
                    .map_or_else(String::new, |refusal| quoted(&refusal.message))
            ),
        }
    });
    blocks.push(Block::Sentences(tested.collect()));
    blocks.extend(factors(finding, calibration)?);
    let shown = detailed(finding).map(|model| model.model);
    let of_shown = calibration
        .models
        .iter()
        .find(|model| Some(model.model) == shown);
    if let Some(model) = of_shown {
        blocks.extend(baseline(finding, calibration, model)?);
    }
    if !calibration.untested.is_empty() {
        blocks.push(Block::Note(format!(
            "Never tested: {}. Their credit says nothing of what they caused.",
            calibration.untested.join(", ")
        )));
    }
    Ok(blocks)
}

fn ends(finding: &AttributionFinding, estimate: CreditEstimate) -> String {
    let shown = |number| amount(finding, number);
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => in_line(&Shown {
            estimate: shown(estimate.estimate),
            low: shown(low),
            high: shown(high),
        }),
        _ => shown(estimate.estimate),
    }
}

/// What was caused over what is credited, by model and channel.
fn factors(
    finding: &AttributionFinding,
    calibration: &CalibrationFinding,
) -> Result<Vec<Block>, ReportError> {
    let ratio = |factor: CreditEstimate| {
        let low = factor.low.unwrap_or(factor.estimate);
        let high = factor.high.unwrap_or(factor.estimate);
        Shown {
            estimate: FORMAT.fixed(factor.estimate, 2),
            low: FORMAT.fixed(low, 2),
            high: FORMAT.fixed(high, 2),
        }
    };
    let mut groups: Vec<Group> = Vec::new();
    let mut table = Table::new(
        "Credit against experiments",
        format!(
            "What was caused over what is credited, by model, with {} intervals: 1 if the credit is right, 0 if the \
             channel caused nothing.",
            FORMAT.level(1.0 - finding.alpha)
        ),
        [
            "Model, channel",
            "Credited there",
            "Caused / credited",
            "Caused, in all",
            "Verdict",
        ],
    )
    .words([4]);
    for model in &calibration.models {
        for factor in &model.factors {
            if let Some(found) = factor.factor {
                let dot = Row::dot(name(model.model), interval(found), in_line(&ratio(found)));
                let group = groups
                    .iter_mut()
                    .find(|group| group.label == factor.channel);
                match group {
                    Some(group) => group.rows.push(dot),
                    None => groups.push(Group {
                        label: factor.channel.clone(),
                        rows: vec![dot],
                    }),
                }
            }
            let verdict = match (&factor.not_estimable, factor.refuted) {
                (Some(reason), _) => Cell::reason(reason),
                (None, Some(true)) => Cell::Verdict("worse", "refuted"),
                (None, Some(false)) => Cell::Verdict("better", "not refuted"),
                (None, None) => Cell::number(None),
            };
            let row = table.row(
                name(model.model),
                vec![
                    cell(finding, factor.credited),
                    Cell::interval(factor.factor.map(ratio)),
                    factor
                        .caused
                        .map_or_else(|| Cell::number(None), |caused| cell(finding, caused)),
                    verdict,
                ],
            );
            row.about = factor.channel.clone();
        }
    }
    let axis = Axis {
        tick: &|tick| FORMAT.quantity(tick),
        from_zero: true,
        line: Some(1.0),
    };
    let picture = Block::picture(
        rows::draw(&groups, &axis)?,
        "What was caused over what is credited; the table below has the same numbers".to_owned(),
        "What was caused over what is credited. At the line at 1, the credit is right; at 0, the channel caused nothing."
            .to_owned(),
    );
    let folded = Block::Folded {
        summary: "The numbers by model".to_owned(),
        table,
    };
    Ok(picture.into_iter().chain([folded]).collect())
}

/// What would have happened anyway, beside what the tested channels caused.
fn baseline(
    finding: &AttributionFinding,
    calibration: &CalibrationFinding,
    model: &ModelCalibration,
) -> Result<Vec<Block>, ReportError> {
    let Some(baseline) = model.baseline else {
        return Ok(Vec::new());
    };
    let bar = |label: &str, estimate: CreditEstimate, ink| {
        let shown = ends(finding, estimate);
        Row::bar(label, 0.0, interval(estimate), shown, ink)
    };
    let caused = model.factors.iter().filter_map(|factor| {
        let caused = factor.caused?;
        Some(bar(&factor.channel, caused, TEXT))
    });
    let group = Group {
        label: String::new(),
        rows: [bar("anyway (baseline)", baseline, QUIET)]
            .into_iter()
            .chain(caused)
            .collect(),
    };
    let axis = Axis {
        tick: &|tick| amount(finding, tick),
        from_zero: true,
        line: None,
    };
    let untested = if calibration.untested.is_empty() {
        String::new()
    } else {
        format!(
            " It holds what channels that were never tested caused, whose credit is {} (grade D).",
            amount(finding, model.untested_credit)
        )
    };
    let picture = Block::picture(
        rows::draw(&[group], &axis)?,
        "What would have happened anyway, and what tested channels caused".to_owned(),
        "What would have happened anyway, and what tested channels caused, extrapolated to all journeys.".to_owned(),
    );
    let says = Block::Prose(format!(
        "Baseline by {}: {} would have happened without the tested channels, if they worked everywhere as in their \
         experiments (grade B).{untested}",
        name(model.model),
        ends(finding, baseline),
    ));
    Ok([says].into_iter().chain(picture).collect())
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
