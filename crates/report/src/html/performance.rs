//! The section of content's performance: items, what moves the outcome, wear, and what would be missed.

use catalog::Unit;
use measure::audience::Severity;
use measure::content::{Believed, ItemFinding, PerformanceFinding, Valued};

use super::ReportError;
use super::block::{Block, Cell, Checked, Section, Table, level};
use super::components::ladder;
use super::curve::{self, Curve, Threshold, whole_number};
use super::page::{FORMAT, quoted, sentence};
use super::palette::{QUIET, TEXT};
use super::rows::{self, Axis, Group, Row};
use crate::format::{Interval, Shown};
use crate::performance::{
    adapting, as_it_is, capped, counted_once, decisions, exposures, not_in_curve, not_valid,
    replaced_by, unknown_costs, variants,
};
use crate::scope;

/// Most items, cells and contexts that are shown; the others are in the JSON.
const MOST_ITEMS: usize = 25;

/// The section of content's performance.
pub(super) fn section(index: usize, finding: &PerformanceFinding) -> Result<Section, ReportError> {
    let mut blocks = vec![Block::Says(quoted(&says(finding)))];
    if let Some(description) = &finding.description {
        blocks.push(Block::Prose(description.clone()));
    }
    blocks.push(Block::Note(scope(finding)));
    let costs = unknown_costs(FORMAT, finding).map(|wrong| ("Costs of touches", wrong));
    let validity = not_valid(FORMAT, finding).map(|wrong| ("Validity", wrong));
    let checks: Vec<Checked> = (costs.into_iter().chain(validity))
        .map(|(about, wrong)| Checked::new(Severity::Warning, about, &wrong))
        .collect();
    if !checks.is_empty() {
        blocks.push(Block::Checks(checks));
    }
    blocks.extend(items(finding)?);
    blocks.extend(money(finding));
    blocks.extend(ladder(finding)?);
    blocks.extend(wear(finding)?);
    blocks.extend(caps(finding));
    blocks.extend(drop_one(finding)?);
    blocks.extend(coverage(finding));
    blocks.push(Block::Title("Cost and reuse".to_owned()));
    blocks.push(Block::Sentences(reuse(finding)));
    Ok(Section {
        id: format!("performance-{}", index + 1),
        title: format!("Content: {}", finding.performance),
        blocks,
    })
}

/// What the section says in ten seconds.
pub(super) fn says(finding: &PerformanceFinding) -> String {
    let thin = finding.items.iter().filter(|item| item.thin).count();
    let thin = match thin {
        0 => String::new(),
        thin => format!(
            " {} too thin to say anything of.",
            match thin {
                1 => "1 item is".to_owned(),
                thin => format!("{thin} items are"),
            }
        ),
    };
    if let Some(refusal) = &finding.refusal {
        return format!(
            "Items are not told apart from their noise: {}.{thin}",
            refusal.message
        );
    }
    let best = finding
        .items
        .iter()
        .find_map(|item| Some((item, item.shrunk?)).filter(|(item, _)| !item.thin));
    let Some((best, believed)) = best else {
        let items = FORMAT.counted(finding.items.len() as u64, "item is", "items are");
        return match finding.items.iter().any(|item| item.customers > 0) {
            true => format!("No item is told from the others: {items} as likely good as bad."),
            false => "No item has customers whose outcome is known.".to_owned(),
        };
    };
    let average = finding.average.map_or_else(String::new, |average| {
        let average = FORMAT.mean(finding.unit, average, believed.sd);
        format!(", against {average} on average")
    });
    let retire = finding.fatigue.retire.iter().filter(|item| item.retire);
    let retire = match retire.count() {
        0 => String::new(),
        1 => " 1 item is worn out and should be replaced.".to_owned(),
        number => format!(" {number} items are worn out and should be replaced."),
    };
    format!(
        "Most is to be expected of {}: {} a customer{average}.{thin}{retire}",
        best.content,
        level(finding.unit, interval(believed)).in_line(),
    )
}

fn scope(finding: &PerformanceFinding) -> String {
    format!(
        "{} Who was shown what was not random unless said so: this describes.{}",
        scope::performance(FORMAT, finding),
        scope::performance_left_out(FORMAT, finding)
    )
}

pub(super) fn interval(believed: Believed) -> Interval {
    Interval {
        estimate: believed.mean,
        low: believed.low,
        high: believed.high,
    }
}

fn valued(value: Valued) -> Interval {
    Interval {
        estimate: value.estimate,
        low: value.low,
        high: value.high,
    }
}

fn believed(unit: Unit, value: Option<Believed>) -> Cell {
    Cell::interval(value.map(|value| level(unit, interval(value))))
}

/// How a tick of the outcome's axis is written.
pub(super) fn tick(unit: Unit, number: f64) -> String {
    match unit {
        Unit::Share => FORMAT.percent(number, 1),
        Unit::Money | Unit::Count | Unit::Number => FORMAT.quantity(number),
    }
}

fn items(finding: &PerformanceFinding) -> Result<Vec<Block>, ReportError> {
    let unit = finding.unit;
    let mut blocks = Vec::new();
    if let Some(refusal) = &finding.refusal {
        let what = "Items are not told apart from their noise";
        blocks.push(Block::refusal(what, refusal));
    }
    let rows = finding.items.iter().take(MOST_ITEMS).filter_map(|item| {
        let alone = item.alone.map(valued);
        let known = item.shrunk.map(interval).or(alone)?;
        let dot = Row::dot(&item.content, known, level(unit, known).in_line());
        Some(Row {
            aside: item.raw,
            ink: if item.thin { QUIET } else { TEXT },
            ..dot
        })
    });
    let group = Group {
        label: String::new(),
        rows: rows.collect(),
    };
    let axis = Axis {
        tick: &|number| tick(unit, number),
        from_zero: false,
        line: finding.average,
    };
    let interval = FORMAT.level(1.0 - finding.alpha);
    let dots = match finding.refusal {
        Some(_) => {
            format!("Dot: as it is, with the {interval} interval of the item’s own customers.")
        }
        None => format!(
            "Filled dot: what is to be expected, with its {interval} interval; small hollow dot: as it is. Grey: too thin \
             to say."
        ),
    };
    blocks.extend(Block::picture(
        rows::draw(&[group], &axis)?,
        format!(
            "{} a customer by content; the table below has the same numbers",
            finding.outcome
        ),
        format!(
            "{} a customer. {dots} The line: the average.",
            sentence(&finding.outcome)
        ),
    ));
    let best = match finding.top {
        1 => "Is the best".to_owned(),
        top => format!("Among the best {top}"),
    };
    let more = match finding.items.len().saturating_sub(MOST_ITEMS) {
        0 => String::new(),
        more => format!(" {more} more are in the JSON."),
    };
    let caption = format!(
        "Content and {} a customer. To expect: the item’s own numbers and those of all, by how much each can be trusted, \
         with {interval} intervals.{more}",
        finding.outcome
    );
    let mut table = Table::new(
        "Content",
        caption,
        [
            "Content",
            "Customers",
            "As it is",
            "To expect",
            "Above average",
            &best,
        ],
    );
    for item in finding.items.iter().take(MOST_ITEMS) {
        let probability = |p: Option<f64>| {
            let known = p.filter(|_| !item.thin);
            Cell::number(known.map(|p| FORMAT.probability(p)))
        };
        let row = table.row(
            &item.content,
            vec![
                Cell::count(item.customers),
                match item.alone {
                    Some(alone) => Cell::interval(Some(level(unit, valued(alone)))),
                    None => Cell::number(as_it_is(FORMAT, unit, item)),
                },
                believed(unit, item.shrunk),
                probability(item.probability_above_average),
                probability(item.probability_top),
            ],
        );
        if item.thin {
            row.about = "too thin to say".to_owned();
            row.class = "aside";
        }
    }
    blocks.push(Block::Table(table));
    Ok(blocks)
}

fn money(finding: &PerformanceFinding) -> Vec<Block> {
    let priced: Vec<&ItemFinding> = finding
        .items
        .iter()
        .filter(|item| item.cost.is_some())
        .collect();
    if priced.is_empty() {
        return Vec::new();
    }
    let caption = format!(
        "What content costs and brings, in {}. The margin above the average item describes; the incremental margin, and \
         the ROI from it, rests on logged probabilities of choices.",
        finding.currency
    );
    let mut table = Table::new(
        "Cost and return of content",
        caption,
        [
            "Content",
            "Contexts",
            "Cost",
            "A customer",
            "Margin above average",
            "Incremental margin",
            "ROI",
        ],
    );
    let amount =
        |value: Option<Valued>| Cell::interval(value.map(|value| FORMAT.whole(valued(value))));
    for item in priced.into_iter().take(MOST_ITEMS) {
        let Some(cost) = &item.cost else { continue };
        let roi = cost.roi.map(|roi| FORMAT.relative(valued(roi)));
        table.row(
            &item.content,
            vec![
                Cell::count(cost.contexts),
                Cell::Number(FORMAT.fixed(cost.content + cost.showing, 2)),
                Cell::number(cost.per_customer.map(|each| FORMAT.fixed(each, 4))),
                amount(cost.margin_above_average),
                amount(cost.incremental_margin),
                Cell::interval(roi),
            ],
        );
    }
    let mut blocks = vec![
        Block::Title("What content costs and brings".to_owned()),
        Block::Table(table),
    ];
    blocks.extend(counted_once(FORMAT, finding).map(|text| Block::Note(quoted(&text))));
    blocks.extend(variants(FORMAT, finding).map(Block::Prose));
    blocks
}

/// The curve of fatigue, and which items to replace.
fn wear(finding: &PerformanceFinding) -> Result<Vec<Block>, ReportError> {
    let fatigue = &finding.fatigue;
    let mut blocks = vec![Block::Title("Wear".to_owned())];
    blocks.extend(curve_of_wear(finding)?);
    blocks.extend(replaced_by(finding).map(|text| Block::Note(quoted(&text))));
    if let Some(refusal) = &fatigue.retire_refusal {
        let what = "Whether to replace items cannot be said";
        blocks.push(Block::refusal(what, refusal));
    }
    if !fatigue.retire.is_empty() {
        blocks.push(Block::Table(retire(finding)));
    }
    Ok(blocks)
}

fn curve_of_wear(finding: &PerformanceFinding) -> Result<Vec<Block>, ReportError> {
    let fatigue = &finding.fatigue;
    let mut blocks = Vec::new();
    let left_out = not_in_curve(FORMAT, fatigue);
    if let Some(refusal) = &fatigue.refusal {
        blocks.push(Block::refusal("Wear cannot be said", refusal));
        if !left_out.is_empty() {
            blocks.push(Block::Note(left_out));
        }
        return Ok(blocks);
    }
    let points = fatigue.curve.iter();
    let drawn = curve::draw(&Curve {
        points: points
            .map(|point| (point.exposure as f64, valued(point.relative)))
            .collect(),
        x_tick: &whole_number,
        y_tick: &|rate| FORMAT.fixed(rate, 2),
        line: Some(Threshold {
            height: 1.0,
            label: "as at the first".to_owned(),
            crossing: None,
        }),
    })?;
    let interval = FORMAT.level(1.0 - finding.alpha);
    blocks.extend(Block::picture(
        drawn,
        "Rate of responses by the number of the exposure; the table below has the same numbers".to_owned(),
        format!(
            "Rate of responses by the number of the exposure of the same customer, over that at the first, with {interval} \
             intervals."
        ),
    ));
    let note = format!(
        "Exposures of a customer to an item are compared over the same time after each. {left_out}"
    );
    blocks.push(Block::Note(note.trim_end().to_owned()));
    let mut curve = Table::new(
        "Wear by exposure",
        "Rate of responses by the number of the exposure of the same customer, over that at the first.".to_owned(),
        ["Exposure", "Exposures", "Rate over the first"],
    );
    for point in &fatigue.curve {
        let relative = level(Unit::Number, valued(point.relative));
        curve.row(
            FORMAT.count(point.exposure),
            vec![Cell::count(point.exposures), Cell::Interval(relative)],
        );
    }
    if !curve.rows.is_empty() {
        blocks.push(Block::Folded {
            summary: "The numbers by exposure".to_owned(),
            table: curve,
        });
    }
    Ok(blocks)
}

fn retire(finding: &PerformanceFinding) -> Table {
    let caption = format!(
        "Whether to replace an item, in {}. An item is worn out where a new one would gain more than it costs over as \
         many exposures as in the last 30 days, and not by chance: the interval of the gain, which has the cost taken \
         off, is above zero.",
        finding.currency
    );
    let mut table = Table::new(
        "Items to replace",
        caption,
        [
            "Content",
            "Exposures in 30 days",
            "Cost of a new one",
            "Gain",
            "Rule says",
        ],
    )
    .words([4]);
    for item in finding.fatigue.retire.iter().take(MOST_ITEMS) {
        let verdict = match item.retire {
            true => Cell::Verdict("worse", "replace"),
            false => Cell::Verdict("notice", "keep"),
        };
        let gain = FORMAT.whole(valued(item.gain));
        table.row(
            &item.content,
            vec![
                Cell::count(item.exposures),
                Cell::Number(FORMAT.fixed(item.cost, 2)),
                Cell::Interval(gain),
                verdict,
            ],
        );
    }
    table
}

/// What more exposures cause, by caps that were given out at random.
fn caps(finding: &PerformanceFinding) -> Vec<Block> {
    let Some(caps) = &finding.caps else {
        return Vec::new();
    };
    let mut blocks = vec![
        Block::Title("What more exposures cause".to_owned()),
        Block::Note(quoted(&capped(FORMAT, caps))),
    ];
    if let Some(refusal) = &caps.refusal {
        blocks.push(Block::refusal(
            "What more exposures cause cannot be said",
            refusal,
        ));
        return blocks;
    }
    let mut table = Table::new(
        "Each exposure",
        format!(
            "What exposures of these numbers cause, with {} intervals: outcomes in 1,000 customers whose cap is higher, \
             outcomes of 1,000 more exposures, and what these are worth in {}.",
            FORMAT.level(1.0 - finding.alpha),
            finding.currency
        ),
        [
            "Exposure",
            "In 1,000 customers",
            "Of 1,000 exposures",
            "Worth",
        ],
    );
    for step in &caps.steps {
        let cell = |number: Valued| {
            let thousand = Interval {
                estimate: 1000.0 * number.estimate,
                low: 1000.0 * number.low,
                high: 1000.0 * number.high,
            };
            Cell::Interval(FORMAT.absolute(Unit::Number, thousand))
        };
        let number = |number: Option<Valued>| number.map_or(Cell::number(None), cell);
        let each = match (step.each, &step.refusal) {
            (None, Some(refusal)) => Cell::reason(&refusal.message),
            (each, _) => number(each),
        };
        let cells = vec![number(step.difference), each, number(step.worth)];
        table.row(exposures(step), cells);
    }
    blocks.push(Block::Table(table));
    blocks
}

/// What would be lost without an item.
fn drop_one(finding: &PerformanceFinding) -> Result<Vec<Block>, ReportError> {
    let Some(drop_one) = &finding.drop_one else {
        return Ok(Vec::new());
    };
    let mut blocks = vec![
        Block::Title("What would be missed".to_owned()),
        Block::Note(quoted(&decisions(FORMAT, drop_one))),
    ];
    if let Some(refusal) = &drop_one.refusal {
        let what = "What items are worth cannot be said";
        blocks.push(Block::refusal(what, refusal));
        return Ok(blocks);
    }
    let per_thousand = |value: Valued| Interval {
        estimate: 1000.0 * value.estimate,
        low: 1000.0 * value.low,
        high: 1000.0 * value.high,
    };
    let shown = |value: Valued| -> Shown { FORMAT.absolute(Unit::Number, per_thousand(value)) };
    let mut table = Table::new(
        "Without each item",
        format!(
            "Outcomes lost in 1,000 decisions if the item’s chances go to the others in proportion, with {} intervals: \
             causal, from the logged probabilities. Below zero, the item takes from better ones.",
            FORMAT.level(1.0 - finding.alpha)
        ),
        ["Without", "Decisions", "Chosen", "Lost in 1,000"],
    );
    let mut rows = Vec::new();
    for item in drop_one.items.iter().take(MOST_ITEMS) {
        let lost = match (item.value, &item.refusal) {
            (Some(value), _) => {
                let words = shown(value).in_line();
                rows.push(Row::dot(&item.content, per_thousand(value), words));
                Cell::Interval(shown(value))
            }
            (None, Some(refusal)) => Cell::reason(&refusal.message),
            (None, None) => Cell::number(None),
        };
        let cells = vec![Cell::count(item.decisions), Cell::count(item.chosen), lost];
        table.row(&item.content, cells);
    }
    let group = Group {
        label: String::new(),
        rows,
    };
    let axis = Axis {
        tick: &|number| FORMAT.quantity(number),
        from_zero: true,
        line: None,
    };
    blocks.extend(Block::picture(
        rows::draw(&[group], &axis)?,
        "Outcomes lost without each item; the table below has the same numbers".to_owned(),
        "Outcomes lost in 1,000 decisions without the item.".to_owned(),
    ));
    blocks.push(Block::Table(table));
    Ok(blocks)
}

/// Where a variant is missing.
fn coverage(finding: &PerformanceFinding) -> Vec<Block> {
    if finding.coverage.is_empty() || finding.cells_refusal.is_some() {
        return Vec::new();
    }
    let worth = match finding.value {
        Some(_) => format!("One more variant ({})", finding.currency),
        None => "One more variant (outcomes)".to_owned(),
    };
    let mut table = Table::new(
        "Where a variant is missing",
        "One more variant: what a new item of this context’s level would add, shown where it is better than what is shown \
         now."
            .to_owned(),
        [
            &finding.by.join(" × "),
            "Items",
            "Customers",
            "Now",
            "A new item",
            &worth,
        ],
    );
    for context in finding.coverage.iter().take(MOST_ITEMS) {
        let sd = context.forecast.map_or(0.01, |forecast| forecast.sd);
        let worth = context.missing_variant_margin.or(context.missing_variant);
        table.row(
            context.by.join(" × "),
            vec![
                Cell::count(context.items),
                Cell::count(context.customers),
                Cell::number(
                    context
                        .current
                        .map(|now| FORMAT.mean(finding.unit, now, sd)),
                ),
                believed(finding.unit, context.forecast),
                Cell::number(worth.map(|worth| FORMAT.fixed(worth, 1))),
            ],
        );
    }
    let thin = finding.cells.iter().filter(|cell| cell.thin).count() as u64;
    let note = format!(
        "{} of {} cells of content × {} are too thin to say anything of.",
        FORMAT.count(thin),
        FORMAT.count(finding.cells.len() as u64),
        finding.by.join(" × ")
    );
    vec![
        Block::Title("Where a variant is missing".to_owned()),
        Block::Table(table),
        Block::Note(note),
    ]
}

fn reuse(finding: &PerformanceFinding) -> Vec<String> {
    let reuse = &finding.reuse;
    let currency = &finding.currency;
    let mut says = vec![format!(
        "{} of {} shown in two contexts or more.",
        FORMAT.count(reuse.reused),
        FORMAT.counted(reuse.items, "item", "items"),
    )];
    says.extend(adapting(FORMAT, finding));
    if let Some(refusal) = &reuse.dead_refusal {
        says.push(format!(
            "What is never shown cannot be said: {}.",
            quoted(&refusal.message)
        ));
    }
    if !reuse.dead.is_empty() {
        says.push(format!(
            "Never shown: {} ({}\u{a0}{currency}).",
            reuse.dead.join(", "),
            FORMAT.fixed(reuse.dead_cost, 2),
        ));
    }
    if let Some(consistency) = &finding.consistency {
        let share = consistency.several_versions as f64 / consistency.customer_weeks.max(1) as f64;
        says.push(format!(
            "In {} of {} a customer met several versions of the same content, {} over several channels.",
            FORMAT.percent(share, 1),
            FORMAT.counted(consistency.customer_weeks, "week of customers", "weeks of customers"),
            FORMAT.count(consistency.across_channels),
        ));
    }
    says
}
