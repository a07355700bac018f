//! What moves the outcome of content: from single factors to their combination.

use measure::content::{ContentPart, PartSpread, PerformanceFinding};

use super::ReportError;
use super::block::{Block, Cell, Table, level};
use super::page::{FORMAT, quoted};
use super::palette::TEXT;
use super::performance::{interval, tick};
use super::rows::{self, Axis, Group, Row, alone};
use crate::format::places;

/// From content alone to combinations: where differences come from, and by how much each level moves the outcome.
pub(super) fn ladder(finding: &PerformanceFinding) -> Result<Vec<Block>, ReportError> {
    let components = finding.components.as_ref();
    if finding.spreads.is_empty() && components.is_none() {
        return Ok(Vec::new());
    }
    let mut blocks = vec![Block::Title("What moves the outcome".to_owned())];
    if let Some(refusal) = &finding.cells_refusal {
        let what = "Cells are not told apart from their noise";
        blocks.push(Block::refusal(what, refusal));
    }
    if let Some(refusal) = components.and_then(|components| components.refusal.as_ref()) {
        blocks.push(Block::refusal("Components are not told apart", refusal));
    }
    let of_cells = rungs(
        &format!("Content × {}", finding.by.join(" × ")),
        &finding.spreads,
    );
    let of_components = components.map(|components| rungs("Components", &components.spreads));
    let groups: Vec<Group> = [Some(of_cells), of_components]
        .into_iter()
        .flatten()
        .collect();
    let axis = Axis {
        tick: &|share| FORMAT.percent(share, 0),
        from_zero: true,
        line: None,
    };
    blocks.extend(Block::picture(
        rows::draw(&groups, &axis)?,
        "Shares of the differences by where they come from".to_owned(),
        "Where the differences of true values come from: each factor by itself, then the combination, which is what one \
         more step of personalization can use."
            .to_owned(),
    ));
    if let Some(components) = components {
        if components.refusal.is_none() {
            blocks.extend(parts(finding, &components.parts)?);
        }
        blocks.extend(tests(finding));
    }
    Ok(blocks)
}

/// The rungs of the ladder: single factors, the greatest first, and the combination last.
fn rungs(label: &str, spreads: &[PartSpread]) -> Group {
    let mut spreads: Vec<&PartSpread> = spreads.iter().collect();
    spreads.sort_by(|a, b| {
        let own = |spread: &PartSpread| spread.factor == "own";
        own(a).cmp(&own(b)).then(b.share.total_cmp(&a.share))
    });
    let rows = spreads.into_iter().map(|spread| {
        let name = match spread.factor.as_str() {
            "own" => "combination",
            factor => factor,
        };
        let shown = FORMAT.percent(spread.share, 0);
        Row::bar(name, 0.0, alone(spread.share), shown, TEXT)
    });
    Group {
        label: label.to_owned(),
        rows: rows.collect(),
    }
}

/// By how much levels of components move the outcome.
fn parts(finding: &PerformanceFinding, parts: &[ContentPart]) -> Result<Vec<Block>, ReportError> {
    let mut groups: Vec<Group> = Vec::new();
    let mut table = Table::new(
        "Components",
        format!(
            "By how much each level moves {} a customer, other components being equal, with {} intervals.",
            finding.outcome,
            FORMAT.level(1.0 - finding.alpha)
        ),
        ["Level", "Moves the outcome by"],
    );
    for part in parts {
        let shown = FORMAT.absolute(finding.unit, interval(part.part));
        let row = Row::dot(&part.level, interval(part.part), shown.in_line());
        match groups.iter_mut().find(|group| group.label == part.factor) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group {
                label: part.factor.clone(),
                rows: vec![row],
            }),
        }
        let row = table.row(&part.level, vec![Cell::Interval(shown)]);
        row.about = part.factor.clone();
    }
    let axis = Axis {
        tick: &|number| tick(finding.unit, number),
        from_zero: true,
        line: None,
    };
    let picture = Block::picture(
        rows::draw(&groups, &axis)?,
        "By how much components move the outcome; the table below has the same numbers".to_owned(),
        "By how much each level of a component moves the outcome, other components being equal."
            .to_owned(),
    );
    let folded = Block::Folded {
        summary: "The numbers by component".to_owned(),
        table,
    };
    Ok(picture.into_iter().chain([folded]).collect())
}

/// What to try next, and what choosing by segment would bring.
fn tests(finding: &PerformanceFinding) -> Option<Block> {
    let mut says = Vec::new();
    let components = finding.components.as_ref()?;
    if let Some(best) = components.untested.first() {
        says.push(format!(
            "The most promising combination that no content has: {}, {}.",
            best.levels.join(" with "),
            level(finding.unit, interval(best.forecast)).in_line()
        ));
    }
    if let Some(test) = &components.test {
        let aliases = match test.aliases.as_slice() {
            [] => String::new(),
            aliases => format!(" It would not tell apart: {}.", aliases.join("; ")),
        };
        says.push(format!(
            "To tell components apart, show {} of the {} combinations at random, to equally many customers.{aliases}",
            FORMAT.count(test.combinations.len() as u64),
            FORMAT.count(test.of)
        ));
    }
    for found in &finding.personalizing {
        let sentence = match (&found.value, &found.refusal) {
            (Some(value), _) => {
                let digits = places(value.high - value.low);
                format!(
                    "Choosing {} by {} would bring {} outcomes a customer ({} to {}) beyond “{}” for all.",
                    found.component,
                    found.segment,
                    FORMAT.signed(value.estimate, digits),
                    FORMAT.signed(value.low, digits),
                    FORMAT.signed(value.high, digits),
                    found.best.as_deref().unwrap_or_default(),
                )
            }
            (None, Some(refusal)) => format!(
                "What choosing {} by {} would bring cannot be said: {}.",
                found.component,
                found.segment,
                quoted(&refusal.message)
            ),
            (None, None) => continue,
        };
        says.push(sentence);
    }
    (!says.is_empty()).then_some(Block::Sentences(says))
}
