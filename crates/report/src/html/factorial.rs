//! The section of a factorial: what factors cause alone and together, and what designs can tell.

use measure::audience::{Outcome, Verdict};
use measure::content::{
    Answer, ChannelsFinding, CreditEstimate, EvidenceLadder, FactorialFinding, FactorsTogether,
};

use super::ReportError;
use super::attribution::interval;
use super::block::{Block, Cell, Checked, Section, Table, level, number};
use super::page::{FORMAT, quoted, sentence};
use super::palette::{BAD, GOOD, Ink, TEXT};
use super::performance::tick;
use super::rows::{self, Axis, Group, Row};
use crate::factorial::{self as says, Line};
use crate::format::Interval;
use crate::{credit, words};

/// Most combinations and interactions that are shown; the others are in the JSON.
const MOST_LISTED: usize = 25;

/// The section of a factorial.
pub(super) fn section(index: usize, finding: &FactorialFinding) -> Result<Section, ReportError> {
    let mut blocks = vec![Block::Says(quoted(&says(finding)))];
    if let Some(description) = &finding.description {
        blocks.push(Block::Prose(description.clone()));
    }
    blocks.push(Block::Note(says::scope(FORMAT, finding).join(" ")));
    let checks: Vec<Checked> = finding
        .checks
        .iter()
        .map(|check| Checked::new(check.severity, words::check_name(check), &check.message))
        .collect();
    if !checks.is_empty() {
        blocks.push(Block::Checks(checks));
    }
    if !finding.cells.is_empty() {
        blocks.extend(contrasts(finding)?);
    }
    if let Some(channels) = &finding.channels {
        blocks.extend(shares(finding, channels)?);
        blocks.extend(channels.evidence.iter().flat_map(evidence));
    }
    blocks.extend(interactions(finding));
    blocks.extend(combinations(finding)?);
    if !finding.by_segment.is_empty() {
        blocks.push(Block::Title("By segment".to_owned()));
        let sentences = finding.by_segment.iter();
        let sentences =
            sentences.map(|one| quoted(&sentence(&says::by_segment(FORMAT, finding, one))));
        blocks.push(Block::Sentences(sentences.collect()));
    }
    blocks.extend(designs(finding));
    Ok(Section {
        id: format!("factorial-{}", index + 1),
        title: format!("Alone and together: {}", finding.factorial),
        blocks,
    })
}

/// What the section says in ten seconds.
pub(super) fn says(finding: &FactorialFinding) -> String {
    says::says(FORMAT, finding)
}

fn ink(verdict: Option<Verdict>) -> Ink {
    match verdict {
        Some(Verdict::Better) => GOOD,
        Some(Verdict::Worse) => BAD,
        Some(Verdict::Unclear) | None => TEXT,
    }
}

fn effect(finding: &FactorialFinding, outcome: &Outcome) -> Cell {
    Cell::answer(says::effect(FORMAT, finding, outcome))
}

fn p_value(p: Option<f64>, ln_p: Option<f64>) -> Cell {
    Cell::number(p.map(|p| FORMAT.p_value(p, ln_p)))
}

fn verdict(line: &Line<'_>) -> Cell {
    match (line.answer.verdict, line.verdict()) {
        (Some(Verdict::Better), Some(words)) => Cell::Verdict("better", words),
        (Some(Verdict::Worse), Some(words)) => Cell::Verdict("worse", words),
        (_, Some(words)) => Cell::Words(words.to_owned()),
        (_, None) => Cell::number(None),
    }
}

/// A dot of an effect, where it is known.
fn dot(finding: &FactorialFinding, label: &str, answer: &Answer) -> Option<Row> {
    let value = Interval::from(answer.outcome.absolute.as_ref()?);
    let shown = FORMAT.absolute(finding.unit, value);
    let dot = Row::dot(label, value, shown.in_line());
    Some(Row {
        ink: ink(answer.verdict),
        ..dot
    })
}

fn contrasts(finding: &FactorialFinding) -> Result<Vec<Block>, ReportError> {
    let interval = FORMAT.level(1.0 - finding.alpha);
    let lines = says::lines(finding);
    let rows = lines
        .iter()
        .filter_map(|line| dot(finding, &line.what, line.answer));
    let group = Group {
        label: String::new(),
        rows: rows.collect(),
    };
    let axis = Axis {
        tick: &|number| tick(finding.unit, number),
        from_zero: true,
        line: Some(0.0),
    };
    let mut blocks = Vec::new();
    blocks.extend(Block::picture(
        rows::draw(&[group], &axis)?,
        "Effects alone and together; the table below has the same numbers".to_owned(),
        format!(
            "Effects on {} a customer, with {interval} intervals.",
            finding.metric
        ),
    ));
    let caption = format!(
        "Effects on {} a customer, with {interval} intervals; each contrast by itself. {}",
        finding.metric,
        says::RELATIVE
    );
    let columns = ["What", "Effect", "Relative", "p", "Verdict"];
    let mut table = Table::new("Effects", caption, columns).words([4]);
    for line in lines {
        let outcome = &line.answer.outcome;
        let cells = vec![
            effect(finding, outcome),
            Cell::interval(says::relative(FORMAT, outcome)),
            p_value(outcome.p_value, outcome.ln_p),
            verdict(&line),
        ];
        table.row(sentence(&line.what), cells);
    }
    blocks.push(Block::Table(table));
    Ok(blocks)
}

fn shares(
    finding: &FactorialFinding,
    channels: &ChannelsFinding,
) -> Result<Vec<Block>, ReportError> {
    let mut blocks = vec![Block::Title("What each channel has a share of".to_owned())];
    let rows = channels.shares.iter();
    let rows = rows.filter_map(|one| dot(finding, &one.channel, &one.value));
    let group = Group {
        label: String::new(),
        rows: rows.collect(),
    };
    let axis = Axis {
        tick: &|number| tick(finding.unit, number),
        from_zero: true,
        line: Some(0.0),
    };
    blocks.extend(Block::picture(
        rows::draw(&[group], &axis)?,
        "Shapley values of channels; the table below has the same numbers".to_owned(),
        "What each channel adds, averaged over all orders of switching channels on (Shapley value).".to_owned(),
    ));
    let caption = "What each channel causes: alone, and averaged over all orders of switching channels on (Shapley \
                   value); these values add up to all against none. Above the next: the probability that it truly is.";
    let mut table = Table::new(
        "Shares of channels",
        caption.to_owned(),
        [
            "Channel",
            "Alone",
            "Shapley value",
            "Share of all",
            "Above the next",
        ],
    );
    for one in &channels.shares {
        let cells = vec![
            effect(finding, &one.alone.outcome),
            effect(finding, &one.value.outcome),
            Cell::interval(says::share(FORMAT, one.share.as_ref())),
            Cell::number(one.above_next.map(|p| FORMAT.probability(p))),
        ];
        table.row(&one.channel, cells);
    }
    blocks.push(Block::Table(table));
    Ok(blocks)
}

/// What each kind of evidence says of the same channels and customers.
fn evidence(ladder: &EvidenceLadder) -> Vec<Block> {
    let mut blocks = vec![Block::Title("Caused and credited".to_owned())];
    if let Some(refusal) = &ladder.refusal {
        blocks.push(Block::refusal("Credit cannot stand beside", refusal));
        return blocks;
    }
    let caption = format!(
        "What channels caused among the {} of the arm {} by the experiment (grade A), and what {} credits them with \
         (grade D). Caused over credited: 1 if the credit is right, 0 if the channel caused nothing.",
        FORMAT.counted(ladder.customers, "customer", "customers"),
        ladder.arm,
        ladder.attribution,
    );
    let mut table = Table::new(
        "Ladder of evidence",
        caption,
        ["Channel", "Evidence", "Amount", "Caused over credited"],
    )
    .words([1]);
    let amount = |one: &CreditEstimate| Cell::Interval(FORMAT.whole(interval(*one)));
    let dash = || Cell::number(None);
    for row in &ladder.rows {
        let caused = row.caused.as_ref().map_or_else(dash, amount);
        table.row(
            &row.channel,
            vec![Cell::Words("experiment (A)".to_owned()), caused, dash()],
        );
        for one in &row.credited {
            let factor = one.factor.as_ref().map_or_else(dash, amount);
            let model = Cell::Words(format!("{} (D)", credit::name(one.model)));
            table
                .row(&row.channel, vec![model, amount(&one.credit), factor])
                .class = "aside";
        }
    }
    blocks.push(Block::Table(table));
    blocks
}

fn interactions(finding: &FactorialFinding) -> Vec<Block> {
    if finding.interactions.is_empty() {
        return Vec::new();
    }
    let caption = "By how much the effect of one is larger with the others than without. The probability is corrected for \
                   the number of combinations that are looked at.";
    let mut table = Table::new(
        "Interactions",
        caption.to_owned(),
        [
            "Together",
            "Interaction",
            "Corrected p",
            "Do the effects add up?",
        ],
    )
    .words([3]);
    let cell = |one: &FactorsTogether| match one.interact {
        Some(_) => Cell::Words(says::interaction_says(one).to_owned()),
        None => Cell::number(None),
    };
    for one in finding.interactions.iter().take(MOST_LISTED) {
        let cells = vec![
            effect(finding, &one.effect.outcome),
            p_value(one.p_adjusted, None),
            cell(one),
        ];
        table.row(one.factors.join(" × "), cells);
    }
    vec![Block::Title("Together".to_owned()), Block::Table(table)]
}

fn combinations(finding: &FactorialFinding) -> Result<Vec<Block>, ReportError> {
    if finding.combinations.is_empty() {
        return Ok(Vec::new());
    }
    let unit = finding.unit;
    let listed = || finding.combinations.iter().take(MOST_LISTED);
    let rows = listed().filter_map(|one| {
        let value = says::combination_value(one)?;
        let dot = Row::dot(one.levels.join(" × "), value, level(unit, value).in_line());
        Some(Row {
            aside: one.mean.as_ref().map(|mean| mean.estimate),
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
        line: None,
    };
    let mut blocks = vec![Block::Title("Combinations".to_owned())];
    blocks.extend(Block::picture(
        rows::draw(&[group], &axis)?,
        "Combinations; the table below has the same numbers".to_owned(),
        "Filled dot: what is to be expected of a combination; small hollow dot: as it is."
            .to_owned(),
    ));
    let caption = format!(
        "{} a customer. To expect: a combination’s own mean and those of the combinations that it shares levels with, by \
         how much each can be trusted.",
        sentence(&finding.metric)
    );
    let mut table = Table::new(
        "Combinations",
        caption,
        ["Combination", "As it is", "To expect", "Is the best"],
    );
    for one in listed() {
        let cells = vec![
            Cell::number(one.mean.as_ref().map(|mean| number(unit, mean.estimate))),
            Cell::interval(says::combination_value(one).map(|value| level(unit, value))),
            Cell::number(one.probability_best.map(|p| FORMAT.probability(p))),
        ];
        let row = table.row(one.levels.join(" × "), cells);
        if one.arm.is_none() {
            row.about = "not run".to_owned();
            row.class = "aside";
        }
    }
    blocks.push(Block::Table(table));
    Ok(blocks)
}

fn designs(finding: &FactorialFinding) -> Vec<Block> {
    if finding.designs.is_empty() {
        return Vec::new();
    }
    let mut table = Table::new(
        "Designs",
        says::about_designs(FORMAT, finding),
        [
            "Combinations",
            "One factor",
            "Interaction",
            "One against another",
            "Not told apart",
        ],
    )
    .words([4]);
    for one in &finding.designs {
        let detectable = one.detectable.as_ref();
        let effect =
            |effect: Option<f64>| Cell::number(effect.map(|effect| number(finding.unit, effect)));
        let cells = vec![
            effect(detectable.map(|one| one.main)),
            effect(detectable.map(|one| one.interaction)),
            effect(detectable.map(|one| one.alone)),
            Cell::Words(says::not_told_apart(one)),
        ];
        let row = table.row(format!("{} of {}", one.runs, one.of), cells);
        if one.present {
            row.about = "as run".to_owned();
        }
    }
    vec![Block::Folded {
        summary: "What other designs of these factors could tell".to_owned(),
        table,
    }]
}
