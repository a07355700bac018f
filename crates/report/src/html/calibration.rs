//! What experiments say of credit: the ladder of evidence, factors, and what would have happened anyway.

use std::collections::BTreeMap;

use catalog::Dimension;
use measure::content::{
    AttributionFinding, Calibrated, CalibrationFinding, CreditEstimate, EvidenceGrade, KeyFinding,
    ModelCalibration, PerformanceFinding, RankedBy, Valued,
};

use super::ReportError;
use super::attribution::{amount, cell, interval, keys, ranked};
use super::block::{Block, Cell, Column, Table};
use super::page::{FORMAT, quoted};
use super::palette::{QUIET, TEXT};
use super::rows::{self, Axis, Group, Row};
use crate::credit::{self, by, detailed, measured_in, name};
use crate::format::Shown;

/// What would be lost without each piece of content, in margin, where the probabilities of choices tell it: by the
/// performances of touches that are credited here, with the conversions as their outcome. Of a piece that several of these
/// tell of there is none, as they may not count the same.
fn off_policy<'p>(
    finding: &AttributionFinding,
    performances: &'p [PerformanceFinding],
) -> BTreeMap<&'p str, Option<Valued>> {
    let mut lost: BTreeMap<&str, Option<Valued>> = BTreeMap::new();
    if finding.by != [Dimension::Content] {
        return lost;
    }
    let of_these = |performance: &&PerformanceFinding| {
        finding.touches.contains(&performance.touches) && performance.fact == finding.fact
    };
    let performances = performances.iter().filter(of_these);
    for item in performances.flat_map(|performance| &performance.items) {
        let cost = item.cost.as_ref();
        if let Some(margin) = cost.and_then(|cost| cost.incremental_margin) {
            let of_item = lost.entry(&item.content);
            of_item
                .and_modify(|one| *one = None)
                .or_insert(Some(margin));
        }
    }
    lost
}

/// What is known of each that is credited, from what was merely seen to what was measured.
pub(super) fn ladder(
    finding: &AttributionFinding,
    performances: &[PerformanceFinding],
) -> Vec<Block> {
    let Some(model) = detailed(finding) else {
        return Vec::new();
    };
    let off_policy = off_policy(finding, performances);
    let caption = format!(
        "From the weakest evidence to the strongest, in {}. Credited over models: the least and the greatest (grade D). \
         Credited: by {} (grade D). Caused, in all: what experiments say, extrapolated to all journeys (grade B). \
         Measured: among the customers of the experiment (grade A).{}",
        match finding.ranked_by {
            RankedBy::Value => finding.currency.as_str(),
            RankedBy::Conversions => "conversions",
        },
        name(model.model),
        if off_policy.is_empty() {
            String::new()
        } else {
            format!(
                " Margin lost without it: what the other pieces would not bring in its place, in {} of margin, from the \
                 logged probabilities of choices (grade B); none where several performances tell of a piece.",
                finding.currency
            )
        }
    );
    let mut table = Table::new(
        "Ladder of evidence",
        caption,
        [
            &by(finding),
            "Credited over models (D)",
            "Credited (D)",
            "Caused, in all (B)",
            "Measured (A)",
            "Credit is",
        ],
    )
    .words([5]);
    if !off_policy.is_empty() {
        let column = Column {
            name: format!("Margin lost without it, {} (B)", finding.currency),
            class: "number",
        };
        table.columns.insert(3, column);
    }
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
        let verdict = match (factor.map(|factor| factor.refuted), &key.factorial) {
            (Some(Some(true)), _) => Cell::Verdict("worse", "refuted"),
            (Some(Some(false)), _) => Cell::Verdict("better", "not refuted"),
            (Some(None), _) => Cell::Verdict("unclear", "not estimable"),
            (None, Some(factorial)) => Cell::Words(format!("tested by {factorial}")),
            (None, None) => match (tested_otherwise(finding, key), no_answer(finding, key)) {
                (Some(tested), _) => Cell::Words(tested),
                (None, Some(test)) => Cell::Words(format!("no answer from {test}")),
                (None, None) => Cell::Verdict("notice", "never tested"),
            },
        };
        let credit = model.credit(&key.key);
        let mut cells = vec![
            Cell::Number(format!(
                "{} to {}",
                amount(finding, spread.least),
                amount(finding, spread.greatest)
            )),
            credit.map_or_else(
                || Cell::number(None),
                |credit| cell(finding, ranked(finding, credit)),
            ),
        ];
        if !off_policy.is_empty() {
            let lost = off_policy.get(key.key.as_str()).copied().flatten();
            cells.push(lost.map_or(Cell::Unobserved, |lost| {
                let margin = |amount| FORMAT.quantity(amount);
                Cell::Interval(Shown {
                    estimate: margin(lost.estimate),
                    low: margin(lost.low),
                    high: margin(lost.high),
                })
            }));
        }
        cells.extend([
            factor
                .and_then(|factor| factor.caused)
                .map_or(Cell::Unobserved, |caused| cell(finding, caused)),
            tested.map_or(Cell::Unobserved, |increment| cell(finding, increment)),
            verdict,
        ]);
        let row = table.row(&key.key, cells);
        row.about = FORMAT.counted(key.touches, "touch", "touches");
    }
    vec![
        Block::Title("The ladder of evidence".to_owned()),
        Block::Table(table),
    ]
}

/// The experiment that says what a channel causes, though in another measure than credit is ranked by.
fn tested_otherwise(finding: &AttributionFinding, key: &KeyFinding) -> Option<String> {
    finding.calibrations.iter().find_map(|calibration| {
        let mut tested = calibration.experiments.iter();
        let answered = tested.find(|one| one.channel == key.key && one.increment.is_some())?;
        let measure = measured_in(calibration.measures);
        Some(format!("tested in {measure} by {}", answered.experiment))
    })
}

/// The experiment or the factorial that tested a channel and does not say what it causes.
fn no_answer<'f>(finding: &'f AttributionFinding, key: &'f KeyFinding) -> Option<&'f str> {
    let mut tested = (finding.calibrations.iter()).flat_map(|one| &one.experiments);
    let refused = tested.find(|one| one.channel == key.key && one.increment.is_none());
    let refused = refused.map(|one| one.experiment.as_str());
    let unanswered = key.unanswered.as_ref();
    refused.or_else(|| unanswered.map(|one| one.factorial.as_str()))
}

/// Credit held against experiments, and what would have happened anyway.
pub(super) fn calibrated(
    finding: &AttributionFinding,
    calibration: &CalibrationFinding,
) -> Result<Vec<Block>, ReportError> {
    let what = measured_in(calibration.measures);
    let mut blocks = vec![Block::Title(format!("Held against experiments, in {what}"))];
    let tested =
        calibration
            .experiments
            .iter()
            .map(|tested| match (&tested.increment, &tested.refusal) {
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
            });
    blocks.push(Block::Sentences(tested.collect()));
    blocks.extend(factors(finding, calibration)?);
    let shown = detailed(finding).map(|model| model.model);
    let of_shown = calibration
        .models
        .iter()
        .find(|model| Some(model.model) == shown);
    if let Some(model) = of_shown {
        blocks.extend(baseline(finding, model)?);
    }
    let untested = not_measured(finding, calibration);
    if !untested.is_empty() {
        blocks.push(Block::Note(format!(
            "In {what}, measured by no experiment: {}. Their credit there says nothing of what they caused.",
            untested.join(", ")
        )));
    }
    Ok(blocks)
}

/// Channels of which neither an experiment of the calibration nor a factorial says what they cause.
fn not_measured<'c>(
    finding: &AttributionFinding,
    calibration: &'c CalibrationFinding,
) -> Vec<&'c str> {
    let by_factorial = |channel: &&String| {
        let mut keys = finding.keys.iter();
        keys.any(|key| key.key == **channel && key.factorial.is_some())
    };
    let untested = calibration.untested.iter();
    untested
        .filter(|channel| !by_factorial(channel))
        .map(String::as_str)
        .collect()
}

fn ends(finding: &AttributionFinding, estimate: CreditEstimate) -> String {
    let shown = |number| amount(finding, number);
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => Shown {
            estimate: shown(estimate.estimate),
            low: shown(low),
            high: shown(high),
        }
        .in_line(),
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
                let dot = Row::dot(name(model.model), interval(found), ratio(found).in_line());
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

/// What would have happened anyway, beside what channels with a measured factor caused.
fn baseline(
    finding: &AttributionFinding,
    model: &ModelCalibration,
) -> Result<Vec<Block>, ReportError> {
    let says = credit::baseline(
        finding,
        model,
        |estimate| ends(finding, estimate),
        |one| amount(finding, one),
    );
    let (Some(says), Some(baseline)) = (says, model.baseline) else {
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
        rows: [bar("baseline", baseline, QUIET)]
            .into_iter()
            .chain(caused)
            .collect(),
    };
    let axis = Axis {
        tick: &|tick| FORMAT.quantity(tick),
        from_zero: true,
        line: None,
    };
    let picture = Block::picture(
        rows::draw(&[group], &axis)?,
        "What would have happened anyway, and what tested channels caused".to_owned(),
        "What would have happened anyway, and what tested channels caused, extrapolated to all journeys.".to_owned(),
    );
    Ok([Block::Prose(says)].into_iter().chain(picture).collect())
}
