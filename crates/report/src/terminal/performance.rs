//! The finding of content's performance: items, what moves cells, where a variant is missing, wear, and what would be
//! missed.

use catalog::Unit;
use measure::content::{Believed, ComponentsFinding, ItemFinding, PerformanceFinding, Valued};

use super::Side::{Left, Right};
use super::{Screen, Tone, finish};
use crate::format::{Format, places};
use crate::performance::{
    adapting, as_it_is, capped, counted_once, decisions, exposures, noise, not_in_curve, not_valid,
    replaced_by, unknown_costs, variants,
};
use crate::scope;

const FORMAT: Format = Format::PLAIN;
/// Most rows of a list; the others are in the JSON.
const MOST_LISTED: usize = 15;

/// What there is, the items, and every part of the finding that has something to say.
pub fn performance(finding: &PerformanceFinding, screen: Screen) -> String {
    let mut parts = vec![heading(finding, screen), items(finding, screen)];
    parts.extend(money(finding, screen));
    parts.extend(cells(finding, screen));
    parts.extend(moves(finding, screen));
    parts.extend(components(finding, screen));
    parts.extend(coverage(finding, screen));
    parts.extend(drop_one(finding, screen));
    parts.push(fatigue(finding, screen));
    parts.extend(caps(finding, screen));
    parts.push(reuse(finding, screen));
    parts.join("\n")
}

fn heading(finding: &PerformanceFinding, screen: Screen) -> String {
    let mut text = screen.prose(&finding.performance, Tone::Strong);
    if let Some(description) = &finding.description {
        text.push_str(&screen.prose(description, Tone::Plain));
    }
    let scope = scope::performance(FORMAT, finding) + &scope::performance_left_out(FORMAT, finding);
    text.push_str(&screen.prose(&scope, Tone::Quiet));
    for wrong in [unknown_costs(FORMAT, finding), not_valid(FORMAT, finding)]
        .into_iter()
        .flatten()
    {
        text.push_str(&screen.prose(&format!("Warning: {wrong}."), Tone::Caution));
    }
    text
}

fn items(finding: &PerformanceFinding, screen: Screen) -> String {
    let level = FORMAT.level(1.0 - finding.alpha);
    let interval = format!("{level} interval");
    let best = match finding.top {
        1 => "best".to_owned(),
        top => format!("among\nbest {top}"),
    };
    let mut table = screen.table(
        [
            ("content", Left),
            ("customers", Right),
            ("as it is", Right),
            ("to expect", Right),
            (&interval, Right),
            ("above\naverage", Right),
            (&best, Right),
        ],
        false,
    );
    for item in finding.items.iter().take(MOST_LISTED) {
        let probability = |p: Option<f64>| match (item.thin, p) {
            (false, Some(p)) => FORMAT.probability(p),
            _ => "–".to_owned(),
        };
        let (expected, interval) = match item.alone {
            Some(alone) => ("–".to_owned(), own_interval(finding.unit, alone)),
            None => believed(finding.unit, item.shrunk),
        };
        table.add_row([
            name(item),
            FORMAT.count(item.customers),
            raw(finding.unit, item),
            expected,
            interval,
            probability(item.probability_above_average),
            probability(item.probability_top),
        ]);
    }
    let mut text = finish(&table);
    if let Some(refusal) = &finding.refusal {
        let message = format!(
            "Items are not told apart from their noise: {}. Intervals are of each item's own customers.",
            refusal.message
        );
        text.push_str(&screen.prose(&message, Tone::Caution));
    }
    let thin = finding.items.iter().filter(|item| item.thin).count() as u64;
    let mut note = String::new();
    if thin > 0 {
        let what = match thin == finding.items.len() as u64 && finding.refusal.is_none() {
            true => "No item is told from the others (*)",
            false => "Too thin to say (*)",
        };
        note.push_str(&format!(
            "{what}: {}, as likely good as bad. ",
            FORMAT.counted(thin, "item", "items")
        ));
    }
    if finding.items.len() > MOST_LISTED {
        note.push_str(&format!("{} more. ", finding.items.len() - MOST_LISTED));
    }
    note.push_str(
        "To expect: the item's own numbers and those of all, by how much each can be trusted. Who was shown what was \
         not random unless said so: this describes.",
    );
    text + &screen.prose(&note, Tone::Plain)
}

fn name(item: &ItemFinding) -> String {
    match item.thin {
        true => format!("{} *", item.content),
        false => item.content.clone(),
    }
}

fn raw(unit: Unit, item: &ItemFinding) -> String {
    as_it_is(FORMAT, unit, item).unwrap_or_else(|| "–".to_owned())
}

/// The interval of an item's own customers.
fn own_interval(unit: Unit, alone: Valued) -> String {
    let shown = |number: f64| FORMAT.mean(unit, number, 0.5 * (alone.high - alone.low));
    format!("{} to {}", shown(alone.low), shown(alone.high))
}

/// A belief and its interval.
fn believed(unit: Unit, believed: Option<Believed>) -> (String, String) {
    let Some(believed) = believed else {
        return ("–".to_owned(), "–".to_owned());
    };
    let shown = |number: f64| FORMAT.mean(unit, number, 0.5 * (believed.high - believed.low));
    (
        shown(believed.mean),
        format!("{} to {}", shown(believed.low), shown(believed.high)),
    )
}

/// An amount and its interval.
fn amount(valued: Option<Valued>) -> (String, String) {
    let Some(valued) = valued else {
        return ("–".to_owned(), "–".to_owned());
    };
    let places = match valued.high - valued.low < 100.0 {
        true => 2,
        false => 0,
    };
    let shown = |number: f64| FORMAT.fixed(number, places);
    (
        shown(valued.estimate),
        format!("{} to {}", shown(valued.low), shown(valued.high)),
    )
}

fn money(finding: &PerformanceFinding, screen: Screen) -> Option<String> {
    let priced = || finding.items.iter().filter(|item| item.cost.is_some());
    priced().next()?;
    let mut table = screen.table(
        [
            ("content", Left),
            ("contexts", Right),
            ("cost", Right),
            ("a customer", Right),
            ("margin above\naverage item", Right),
            ("incremental\nmargin", Right),
            ("ROI", Right),
        ],
        false,
    );
    for item in priced().take(MOST_LISTED) {
        let Some(cost) = &item.cost else { continue };
        let with_interval = |valued: Option<Valued>| {
            let (estimate, interval) = amount(valued);
            match valued {
                Some(_) => format!("{estimate}\n{interval}"),
                None => estimate,
            }
        };
        table.add_row([
            item.content.clone(),
            FORMAT.count(cost.contexts),
            FORMAT.fixed(cost.content + cost.showing, 2),
            cost.per_customer
                .map_or("–".to_owned(), |each| FORMAT.fixed(each, 4)),
            with_interval(cost.margin_above_average),
            with_interval(cost.incremental_margin),
            cost.roi
                .map_or("–".to_owned(), |roi| FORMAT.percent(roi.estimate, 0)),
        ]);
    }
    let note = format!(
        "In {}. The margin above the average item describes; the incremental margin, and the ROI from it, rests on \
         logged probabilities of choices.",
        finding.currency
    );
    let mut text = finish(&table) + &screen.prose(&note, Tone::Plain);
    text.extend(counted_once(FORMAT, finding).map(|line| screen.prose(&line, Tone::Plain)));
    text.extend(variants(FORMAT, finding).map(|line| screen.prose(&line, Tone::Plain)));
    Some(text)
}

fn cells(finding: &PerformanceFinding, screen: Screen) -> Option<String> {
    if finding.cells.is_empty() {
        return None;
    }
    if let Some(refusal) = &finding.cells_refusal {
        let text = format!(
            "Cells are not told apart from their noise: {}.",
            refusal.message
        );
        return Some(screen.prose(&text, Tone::Caution));
    }
    let mut sure: Vec<_> = finding.cells.iter().filter(|cell| !cell.thin).collect();
    let thin = finding.cells.len() - sure.len();
    let mean = |believed: Option<Believed>| believed.map_or(f64::NEG_INFINITY, |b| b.mean);
    sure.sort_by(|a, b| mean(b.shrunk).total_cmp(&mean(a.shrunk)));
    let header = format!("content × {}", finding.by.join(" × "));
    let interval = format!("{} interval", FORMAT.level(1.0 - finding.alpha));
    let mut table = screen.table(
        [
            (&header, Left),
            ("customers", Right),
            ("as it is", Right),
            ("to expect", Right),
            (&interval, Right),
        ],
        false,
    );
    for cell in sure.iter().take(MOST_LISTED) {
        let (expected, interval) = believed(finding.unit, cell.shrunk);
        table.add_row([
            format!("{} × {}", cell.content, cell.by.join(" × ")),
            FORMAT.count(cell.customers),
            cell.raw.map_or("–".to_owned(), |raw| {
                FORMAT.mean(finding.unit, raw, noise(raw, cell.shrunk, cell.alone))
            }),
            expected,
            interval,
        ]);
    }
    let note = format!(
        "{} of {} cells are too thin to say anything of.",
        FORMAT.count(thin as u64),
        FORMAT.count(finding.cells.len() as u64)
    );
    Some(finish(&table) + &screen.prose(&note, Tone::Plain))
}

/// How much of the differences of cells comes from where.
fn moves(finding: &PerformanceFinding, screen: Screen) -> Option<String> {
    if finding.spreads.is_empty() {
        return None;
    }
    let shares: Vec<String> = finding
        .spreads
        .iter()
        .map(|spread| {
            let name = match spread.factor.as_str() {
                "own" => "of the combination itself",
                factor => factor,
            };
            format!("{} {name}", FORMAT.percent(spread.share, 0))
        })
        .collect();
    let text = format!("Where differences come from: {}.", shares.join(", "));
    Some(screen.prose(&text, Tone::Plain))
}

fn components(finding: &PerformanceFinding, screen: Screen) -> Option<String> {
    let components = finding.components.as_ref()?;
    let mut text = match &components.refusal {
        Some(refusal) => {
            let text = format!("Components are not told apart: {}.", refusal.message);
            screen.prose(&text, Tone::Caution)
        }
        None => parts(finding, components, screen),
    };
    if let Some(best) = components.untested.first() {
        let (estimate, interval) = believed(finding.unit, Some(best.forecast));
        let line = format!(
            "The most promising combination that no content has: {}, {estimate} ({interval}).",
            best.levels.join(" with ")
        );
        text.push_str(&screen.prose(&line, Tone::Plain));
    }
    if let Some(test) = &components.test {
        let mut line = format!(
            "To tell components apart, show {} of the {} combinations at random, to equally many customers.",
            FORMAT.count(test.combinations.len() as u64),
            FORMAT.count(test.of)
        );
        if !test.aliases.is_empty() {
            line.push_str(&format!(
                " It would not tell apart: {}.",
                test.aliases.join("; ")
            ));
        }
        text.push_str(&screen.prose(&line, Tone::Plain));
    }
    for finding in &finding.personalizing {
        let line = match (&finding.value, &finding.refusal) {
            (Some(value), _) => format!(
                "Choosing {} by {} would bring {} outcomes a customer ({} to {}) beyond `{}` for all.",
                finding.component,
                finding.segment,
                FORMAT.signed(value.estimate, places(value.high - value.low)),
                FORMAT.signed(value.low, places(value.high - value.low)),
                FORMAT.signed(value.high, places(value.high - value.low)),
                finding.best.as_deref().unwrap_or_default(),
            ),
            (None, Some(refusal)) => format!(
                "What choosing {} by {} would bring cannot be said: {}.",
                finding.component, finding.segment, refusal.message
            ),
            (None, None) => continue,
        };
        text.push_str(&screen.prose(&line, Tone::Plain));
    }
    Some(text)
}

/// By how much levels of components move the outcome.
fn parts(finding: &PerformanceFinding, components: &ComponentsFinding, screen: Screen) -> String {
    let mut table = screen.table(
        [
            ("component", Left),
            ("level", Left),
            ("moves the outcome by", Right),
            ("interval", Right),
        ],
        false,
    );
    for part in &components.parts {
        let (estimate, interval) = believed(finding.unit, Some(part.part));
        table.add_row([part.factor.clone(), part.level.clone(), estimate, interval]);
    }
    finish(&table)
}

fn coverage(finding: &PerformanceFinding, screen: Screen) -> Option<String> {
    if finding.coverage.is_empty() || finding.cells_refusal.is_some() {
        return None;
    }
    let header = finding.by.join(" × ");
    let worth = match finding.value {
        Some(_) => format!("one more variant\n({})", finding.currency),
        None => "one more variant\n(outcomes)".to_owned(),
    };
    let mut table = screen.table(
        [
            (&header, Left),
            ("items", Right),
            ("customers", Right),
            ("now", Right),
            ("a new item", Right),
            (&worth, Right),
        ],
        false,
    );
    for context in finding.coverage.iter().take(MOST_LISTED) {
        let sd = context.forecast.map_or(0.01, |forecast| forecast.sd);
        let worth = context.missing_variant_margin.or(context.missing_variant);
        table.add_row([
            context.by.join(" × "),
            FORMAT.count(context.items),
            FORMAT.count(context.customers),
            context
                .current
                .map_or("–".to_owned(), |now| FORMAT.mean(finding.unit, now, sd)),
            believed(finding.unit, context.forecast).0,
            worth.map_or("–".to_owned(), |worth| FORMAT.fixed(worth, 1)),
        ]);
    }
    let note = "One more variant: what a new item of this context's level would add, shown where it is better than \
                what is shown now.";
    Some(finish(&table) + &screen.prose(note, Tone::Plain))
}

fn drop_one(finding: &PerformanceFinding, screen: Screen) -> Option<String> {
    let drop_one = finding.drop_one.as_ref()?;
    let counted = decisions(FORMAT, drop_one);
    if let Some(refusal) = &drop_one.refusal {
        let text = format!("What items are worth cannot be said: {}.", refusal.message);
        return Some(screen.prose(&text, Tone::Caution) + &screen.prose(&counted, Tone::Quiet));
    }
    let interval = format!("{} interval", FORMAT.level(1.0 - finding.alpha));
    let mut table = screen.table(
        [
            ("without the item", Left),
            ("decisions", Right),
            ("chosen", Right),
            ("lost a\n1,000 decisions", Right),
            (&interval, Right),
        ],
        false,
    );
    for item in drop_one.items.iter().take(MOST_LISTED) {
        let (lost, interval) = amount(item.value.map(|value| Valued {
            estimate: 1000.0 * value.estimate,
            low: 1000.0 * value.low,
            high: 1000.0 * value.high,
        }));
        table.add_row([
            item.content.clone(),
            FORMAT.count(item.decisions),
            FORMAT.count(item.chosen),
            lost,
            interval,
        ]);
    }
    let note = format!(
        "Outcomes lost if the item's chances go to the others in proportion: causal, from the logged probabilities. Below \
         zero, the item takes from better ones. {counted}"
    );
    let refused = drop_one.items.iter().take(MOST_LISTED).filter_map(|item| {
        let refusal = item.refusal.as_ref()?;
        let text = format!("{}: no answer: {}.", item.content, refusal.message);
        Some(screen.prose(&text, Tone::Caution))
    });
    let refused: String = refused.collect();
    Some(finish(&table) + &refused + &screen.prose(&note, Tone::Plain))
}

fn fatigue(finding: &PerformanceFinding, screen: Screen) -> String {
    let fatigue = &finding.fatigue;
    let mut text = curve_of_wear(finding, screen);
    if let Some(told_by) = replaced_by(finding) {
        text.push_str(&screen.prose(&told_by, Tone::Plain));
    }
    if let Some(refusal) = &fatigue.retire_refusal {
        let line = format!(
            "Whether to replace items cannot be said: {}.",
            refusal.message
        );
        text.push_str(&screen.prose(&line, Tone::Caution));
    }
    for item in fatigue.retire.iter().filter(|item| item.retire) {
        let (gain, interval) = amount(Some(item.gain));
        let line = format!(
            "Replace {}: a new item would gain {gain} {} ({interval}) over as many exposures as in the last 30 days, \
             after its cost of {}.",
            item.content,
            finding.currency,
            FORMAT.fixed(item.cost, 2)
        );
        text.push_str(&screen.prose(&line, Tone::Caution));
    }
    text
}

fn curve_of_wear(finding: &PerformanceFinding, screen: Screen) -> String {
    let fatigue = &finding.fatigue;
    let left_out = not_in_curve(FORMAT, fatigue);
    if let Some(refusal) = &fatigue.refusal {
        let text = format!("Wear cannot be said: {}. {left_out}", refusal.message);
        return screen.prose(text.trim_end(), Tone::Quiet);
    }
    let mut table = screen.table(
        [
            ("exposure of the same customer", Left),
            ("exposures", Right),
            ("rate over\nthe first", Right),
            ("interval", Right),
        ],
        false,
    );
    for point in &fatigue.curve {
        let (relative, interval) = amount(Some(point.relative));
        table.add_row([
            point.exposure.to_string(),
            FORMAT.count(point.exposures),
            relative,
            interval,
        ]);
    }
    let note = format!(
        "Exposures of a customer to an item are compared over the same time after each. {left_out}"
    );
    finish(&table) + &screen.prose(note.trim_end(), Tone::Plain)
}

/// What more exposures cause, by caps that were given out at random.
fn caps(finding: &PerformanceFinding, screen: Screen) -> Option<String> {
    let caps = finding.caps.as_ref()?;
    let note = screen.prose(&capped(FORMAT, caps), Tone::Plain);
    if let Some(refusal) = &caps.refusal {
        let text = format!(
            "What more exposures cause cannot be said: {}.",
            refusal.message
        );
        return Some(note + &screen.prose(&text, Tone::Caution));
    }
    let mut table = screen.table(
        [
            ("exposure", Left),
            ("outcome per\n1,000 customers", Right),
            ("interval", Right),
            ("of 1,000\nexposures", Right),
            ("interval", Right),
            (&format!("{}\nof 1,000", finding.currency), Right),
            ("interval", Right),
        ],
        false,
    );
    for step in &caps.steps {
        let thousand = |valued: Valued| Valued {
            estimate: 1000.0 * valued.estimate,
            low: 1000.0 * valued.low,
            high: 1000.0 * valued.high,
        };
        let mut row = vec![exposures(step)];
        for number in [step.difference, step.each, step.worth] {
            let (shown, interval) = amount(number.map(thousand));
            row.extend([shown, interval]);
        }
        table.add_row(row);
    }
    let refused = caps.steps.iter().filter_map(|step| {
        let refusal = step.refusal.as_ref()?;
        let text = format!("Exposure {}: {}.", exposures(step), refusal.message);
        Some(screen.prose(&text, Tone::Caution))
    });
    Some(finish(&table) + &refused.collect::<String>() + &note)
}

fn reuse(finding: &PerformanceFinding, screen: Screen) -> String {
    let reuse = &finding.reuse;
    let mut text = format!(
        "{} of {} shown in two contexts or more.",
        FORMAT.count(reuse.reused),
        FORMAT.counted(reuse.items, "item", "items"),
    );
    if let Some(adapting) = adapting(FORMAT, finding) {
        text.push_str(&format!(" {adapting}"));
    }
    if let Some(refusal) = &reuse.dead_refusal {
        text.push_str(&format!(
            " What is never shown cannot be said: {}.",
            refusal.message
        ));
    }
    if !reuse.dead.is_empty() {
        text.push_str(&format!(
            " Never shown: {} ({} {}).",
            reuse.dead.join(", "),
            FORMAT.fixed(reuse.dead_cost, 2),
            finding.currency
        ));
    }
    if let Some(consistency) = &finding.consistency {
        let share = consistency.several_versions as f64 / consistency.customer_weeks.max(1) as f64;
        text.push_str(&format!(
            " In {} of {} a customer met several versions of the same content, {} over several channels.",
            FORMAT.percent(share, 1),
            FORMAT.counted(consistency.customer_weeks, "week of customers", "weeks of customers"),
            FORMAT.count(consistency.across_channels),
        ));
    }
    screen.prose(&text, Tone::Plain)
}
