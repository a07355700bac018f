//! The section of a lifetime: what customers are worth, by whom, and how far the forecast can be trusted.

use catalog::Unit;
use measure::audience::lifetime::{
    BackTest, Distribution, GroupValue, LifetimeFinding, LifetimeUnit,
};

use super::ReportError;
use super::acquisition::acquisition;
use super::block::{Block, Cell, Checked, Section, Table, level, number};
use super::cohorts::cohorts;
use super::curve::{self, Curve};
use super::incremental::incremental;
use super::incremental_behind::rollout;
use super::lifetime_states::{covariates, retention, states};
use super::page::{FORMAT, quoted, sentence};
use super::palette::{GOOD, QUIET};
use super::rows::{self, Axis, Group, Row, alone};
use crate::format::Interval;
use crate::lifetime::{Words, about_audiences, life, of_any_size, scope, so_far, time_unit, unit};

/// Most groups of a column that are shown; the others are in the JSON.
const MOST_GROUPS: usize = 12;
/// Most cohorts that are shown; the others are in the JSON.
pub(super) const MOST_COHORTS: usize = 36;

/// The section of a lifetime.
pub(super) fn section(index: usize, finding: &LifetimeFinding) -> Result<Section, ReportError> {
    let mut blocks = vec![Block::Says(quoted(&says(finding)))];
    if let Some(description) = &finding.description {
        blocks.push(Block::Prose(description.clone()));
    }
    let discount = FORMAT.percent(finding.discount_rate, 1);
    let scope = format!("{} Discounted by {discount} a year.", scope(finding));
    blocks.push(Block::Note(quoted(&scope)));
    if let Some(refusal) = &finding.refusal {
        blocks.push(Block::refusal("No value is given", refusal));
    }
    blocks.extend(worth(finding)?);
    blocks.extend(audiences(finding)?);
    blocks.extend(covariates(finding));
    blocks.extend(states(finding));
    blocks.extend(retention(finding)?);
    blocks.extend(cohorts(finding)?);
    if let Some(test) = &finding.back_test {
        blocks.extend(back_test(test, &Words::of(finding))?);
    }
    blocks.extend(acquisition(finding)?);
    if let Some(found) = &finding.incremental {
        blocks.extend(incremental(found, finding)?);
    }
    if let Some(found) = &finding.rollout {
        blocks.extend(rollout(found, finding)?);
    }
    blocks.extend(trust(finding));
    Ok(Section {
        id: format!("lifetime-{}", index + 1),
        title: format!("Lifetime value: {}", finding.lifetime),
        blocks,
    })
}

/// What values are counted in, in words.
pub(super) fn counted_in(finding: &LifetimeFinding) -> String {
    let space = '\u{a0}';
    match finding.unit {
        LifetimeUnit::Margin => format!("{}{space}of margin", finding.currency),
        LifetimeUnit::Spend => format!("{}{space}of spend", finding.currency),
        LifetimeUnit::Purchases => "purchases".to_owned(),
    }
}

/// What the section says in ten seconds.
pub(super) fn says(finding: &LifetimeFinding) -> String {
    let Some(value) = &finding.value else {
        let why = finding
            .refusal
            .as_ref()
            .map_or("", |refusal| &refusal.message);
        let customer = Words::of(finding).customer;
        let so_far = so_far(finding).map(|text| format!(" {text}"));
        let so_far = so_far.unwrap_or_default();
        return format!("What a {customer} is worth cannot be said: {why}.{so_far}");
    };
    let (unit, words) = (unit(finding), Words::of(finding));
    let future = level(unit, (&value.future).into());
    let mut text = format!(
        "A {} is worth {} {} in the next {} ({} interval from {}), after {} so far; {} {}.",
        words.customer,
        future.estimate,
        counted_in(finding),
        finding.horizon,
        FORMAT.level(1.0 - finding.alpha),
        future.interval(),
        number(unit, value.past),
        FORMAT.percent(value.alive, 0),
        words.have_not_left,
    );
    let chosen = finding.back_test.as_ref().and_then(|test| {
        let forecast = test
            .forecasts
            .iter()
            .find(|forecast| Some(&forecast.by) == finding.model.as_ref())?;
        forecast.relative_error
    });
    if let Some(error) = chosen {
        let side = if error < 0.0 { "below" } else { "above" };
        text.push_str(&format!(
            " A forecast of what is known by now was {} {side} what happened.",
            FORMAT.percent(error.abs(), 1)
        ));
    }
    text
}

/// All customers: past, future, other models, simple rules.
fn worth(finding: &LifetimeFinding) -> Result<Vec<Block>, ReportError> {
    let Some(value) = &finding.value else {
        return Ok(Vec::new());
    };
    let (unit, words) = (unit(finding), Words::of(finding));
    let caption = format!(
        "Per {}, in {}. Under a value: its {} interval.",
        words.customer,
        counted_in(finding),
        FORMAT.level(1.0 - finding.alpha)
    );
    let mut table = Table::new(
        &format!("Value per {}", words.customer),
        caption,
        ["Value", &format!("Per {}", words.customer)],
    );
    let plain = |value: f64| vec![Cell::Number(number(unit, value))];
    let shown = |value: Interval| vec![Cell::Interval(level(unit, value))];
    table.row("So far, not discounted", plain(value.past));
    table.row(
        format!("In the next {}, discounted", finding.horizon),
        shown((&value.future).into()),
    );
    if let Some(tail) = finding.tail {
        let row = table.row("Beyond, not counted", plain(tail));
        row.class = "aside";
    }
    if let Some(band) = finding.band {
        let range = format!("{} to {}", number(unit, band.low), number(unit, band.high));
        table.row("By other models", vec![Cell::Number(range)]);
    }
    if let Some(new) = &finding.new_customer {
        let name = format!("A new {}, in {}", words.customer, finding.horizon);
        table.row(name, shown((&new.value).into()));
    }
    for baseline in &finding.baselines {
        let cell = match (baseline.value, &baseline.refusal) {
            (Some(value), _) => Cell::Number(number(unit, value)),
            (None, Some(refusal)) => Cell::reason(&refusal.message),
            (None, None) => Cell::number(None),
        };
        let row = table.row(format!("Rule: {}", baseline.rule), vec![cell]);
        row.about = baseline.what.clone();
        row.class = "aside";
    }
    let mut blocks = vec![Block::Table(table)];
    if let Some(spread) = &finding.distribution {
        blocks.extend(spread_of(spread, finding)?);
        let median = spread
            .quantiles
            .iter()
            .find(|quantile| quantile.share == 0.5)
            .map(|median| {
                format!(
                    "Half of the {} are worth less than {}. ",
                    words.customers,
                    number(unit, median.value)
                )
            });
        blocks.push(Block::Note(format!(
            "{}The best tenth has {} of all future value.",
            median.unwrap_or_default(),
            FORMAT.percent(spread.top_tenth, 0)
        )));
    }
    if let Some(life) = life(finding) {
        blocks.push(Block::Note(life));
    }
    if let Some(refusal) = &finding.unbounded {
        let what = "No value of a whole life without discount";
        blocks.push(Block::refusal(what, refusal));
    }
    Ok(blocks)
}

/// How future value is spread over customers: the value that each share of them is worth at most.
fn spread_of(
    spread: &Distribution,
    finding: &LifetimeFinding,
) -> Result<Option<Block>, ReportError> {
    let points = spread.quantiles.iter().map(|quantile| {
        let value = Interval {
            estimate: quantile.value,
            low: quantile.value,
            high: quantile.value,
        };
        (100.0 * quantile.share, value)
    });
    let drawn = curve::draw(&Curve {
        points: points.collect(),
        x_tick: &|share| FORMAT.percent(share / 100.0, 0),
        y_tick: &|value| FORMAT.quantity(value),
        line: None,
    })?;
    let customers = Words::of(finding).customers;
    let title = format!("How future value is spread over {customers}");
    let caption = format!(
        "The value, in {}, that each share of the {customers} is worth at most, in the next {}.",
        counted_in(finding),
        finding.horizon
    );
    Ok(Block::picture(drawn, title, caption))
}

/// Future value by audience and channel.
fn audiences(finding: &LifetimeFinding) -> Result<Vec<Block>, ReportError> {
    let channels = (!finding.channels.is_empty()).then_some(("channel", &finding.channels));
    let by = finding
        .by
        .iter()
        .map(|audiences| (audiences.column.as_str(), &audiences.values));
    let declared = finding.audiences.iter();
    let declared: Vec<GroupValue> = declared.filter_map(|found| found.value.clone()).collect();
    let named = (!declared.is_empty()).then_some(("audience", &declared));
    let columns: Vec<(&str, &Vec<GroupValue>)> = by.chain(named).chain(channels).collect();
    let note =
        (!finding.audiences.is_empty()).then(|| Block::Note(quoted(&about_audiences(finding))));
    if columns.is_empty() {
        return Ok(note.into_iter().collect());
    }
    let (unit, words) = (unit(finding), Words::of(finding));
    let counted_in = counted_in(finding);
    let groups: Vec<Group> = columns
        .iter()
        .map(|(column, values)| Group {
            label: format!("By {column}"),
            rows: values
                .iter()
                .take(MOST_GROUPS)
                .map(|value| {
                    let future: Interval = (&value.future).into();
                    Row::dot(&value.group, future, level(unit, future).in_line())
                })
                .collect(),
        })
        .collect();
    let axis = Axis {
        tick: &|tick| FORMAT.quantity(tick),
        from_zero: true,
        line: finding.value.as_ref().map(|all| all.future.estimate),
    };
    let level_of = FORMAT.level(1.0 - finding.alpha);
    let mut blocks = vec![Block::Title("By audience".to_owned())];
    blocks.extend(Block::picture(
        rows::draw(&groups, &axis)?,
        format!(
            "Future value per {} by audience; the table below has the same numbers",
            words.customer
        ),
        format!(
            "Value per {} in the next {}, in {counted_in}, with {level_of} intervals. The line: all {}.",
            words.customer, finding.horizon, words.customers
        ),
    ));
    for (column, values) in columns {
        let caption = format!("Per {} by {column}, in {counted_in}.", words.customer);
        let label = format!("Value by {column}");
        let mut table = Table::new(
            &label,
            caption,
            [
                column,
                sentence(words.customers).as_str(),
                "Value so far",
                sentence(words.have_not_left).as_str(),
                format!("{} expected", sentence(words.purchases)).as_str(),
                "Future value",
            ],
        );
        for value in values.iter().take(MOST_GROUPS) {
            table.row(&value.group, group_cells(unit, value));
        }
        let more = values.len().saturating_sub(MOST_GROUPS);
        let summary = match more {
            0 => format!("The numbers by {column}"),
            more => format!("The numbers by {column}, {more} more in the JSON"),
        };
        blocks.push(Block::Folded { summary, table });
    }
    blocks.extend(note);
    Ok(blocks)
}

fn group_cells(unit: Unit, value: &GroupValue) -> Vec<Cell> {
    vec![
        Cell::count(value.customers),
        Cell::Number(number(unit, value.past)),
        Cell::Number(FORMAT.percent(value.alive, 0)),
        Cell::Number(number(Unit::Number, value.expected_purchases)),
        Cell::Interval(level(unit, (&value.future).into())),
    ]
}

/// The forecast against what happened.
fn back_test(test: &BackTest, words: &Words) -> Result<Vec<Block>, ReportError> {
    let actual = test.actual as f64;
    let happened = Row::bar(
        "happened",
        0.0,
        alone(actual),
        FORMAT.count(test.actual),
        GOOD,
    );
    let forecasts = test.forecasts.iter().map(|forecast| {
        let error = forecast.relative_error.map_or_else(String::new, |error| {
            format!(" ({}\u{a0}%)", FORMAT.signed(100.0 * error, 1))
        });
        let shown = format!("{}{error}", FORMAT.fixed(forecast.forecast, 0));
        Row::bar(&forecast.by, 0.0, alone(forecast.forecast), shown, QUIET)
    });
    let group = Group {
        label: String::new(),
        rows: [happened].into_iter().chain(forecasts).collect(),
    };
    let axis = Axis {
        tick: &|tick| FORMAT.quantity(tick),
        from_zero: true,
        line: Some(actual),
    };
    let what = format!(
        "{} of {} in the {} days until {}, forecast from what was known on {}",
        sentence(words.purchases),
        FORMAT.counted(test.customers, words.customer, words.customers),
        test.days,
        test.forecast_until,
        test.seen_until
    );
    let mut table = Table::new(
        "Back-test",
        format!("{what}, and how far off it was."),
        [
            "Forecast by",
            &sentence(words.purchases),
            "Error of the sum",
            "Mean absolute error",
            "Ranking (Gini)",
        ],
    );
    table.row(
        "happened",
        vec![
            Cell::count(test.actual),
            Cell::number(None),
            Cell::number(None),
            Cell::number(None),
        ],
    );
    for forecast in &test.forecasts {
        table.row(
            &forecast.by,
            vec![
                Cell::Number(FORMAT.fixed(forecast.forecast, 0)),
                Cell::number(
                    forecast
                        .relative_error
                        .map(|error| format!("{}\u{a0}%", FORMAT.signed(100.0 * error, 1))),
                ),
                Cell::Number(FORMAT.fixed(forecast.mean_absolute_error, 3)),
                Cell::number(forecast.normalized_gini.map(|gini| FORMAT.fixed(gini, 3))),
            ],
        );
    }
    let mut blocks = vec![Block::Title("Forecast against what happened".to_owned())];
    blocks.extend(Block::picture(
        rows::draw(&[group], &axis)?,
        format!("{what}; the table below has the same numbers"),
        format!("{what}. The line: what happened."),
    ));
    blocks.push(Block::Table(table));
    Ok(blocks)
}

/// The models behind the values, and what was checked.
fn trust(finding: &LifetimeFinding) -> Vec<Block> {
    let mut blocks = vec![Block::Title("Can it be trusted?".to_owned())];
    let checks = finding
        .checks
        .iter()
        .map(|check| Checked::new(check.severity, "", &check.message));
    let refused = finding.models.iter().filter_map(|model| {
        let refusal = model.refusal.as_ref()?;
        Some(format!("{}: {}.", model.model, quoted(&refusal.message)))
    });
    let ends = finding.models.iter().flat_map(|model| {
        let boundaries = model.boundaries.iter();
        boundaries.map(move |boundary| format!("{}: {boundary}.", model.model))
    });
    let sentences: Vec<String> = refused.chain(ends).chain(spend(finding)).collect();
    blocks.push(Block::Checks(checks.collect()));
    if !sentences.is_empty() {
        blocks.push(Block::Sentences(sentences));
    }
    if !finding.models.is_empty() {
        blocks.push(Block::Folded {
            summary: "The models of purchase timing".to_owned(),
            table: models(finding),
        });
    }
    blocks
}

fn spend(finding: &LifetimeFinding) -> Option<String> {
    let spend = finding.spend.as_ref()?;
    let mut text = format!(
        "Spend per purchase is learned from {} with repeat purchases",
        FORMAT.counted(spend.customers, "customer", "customers")
    );
    if let Some(mean) = &spend.mean {
        let mean = level(Unit::Money, mean.into());
        text.push_str(&format!(": {}", mean.in_line()));
    }
    if let Some(correlation) = spend.correlation {
        text.push_str(&format!(
            "; its correlation with the number of purchases is {}, and the model takes it to be none",
            FORMAT.signed(correlation, 2)
        ));
    }
    if let Some(refusal) = &spend.refusal {
        text.push_str(&format!("; refused: {}", quoted(&refusal.message)));
    }
    Some(text + ".")
}

fn models(finding: &LifetimeFinding) -> Table {
    let mut table = Table::new(
        "Models of purchase timing",
        format!(
            "The likeliest first; time in {}. The first one that converged gives the values.",
            time_unit(finding)
        ),
        [
            "Model",
            "Log-likelihood",
            "Parameters",
            "Future value",
            "p without attrition",
        ],
    );
    let unit = unit(finding);
    let fitted = finding
        .models
        .iter()
        .filter(|model| model.refusal.is_none());
    for model in fitted {
        let parameters: Vec<String> = model
            .parameters
            .iter()
            .map(|parameter| format!("{} {}", parameter.name, of_any_size(parameter.value)))
            .collect();
        table.row(
            &model.model,
            vec![
                Cell::number(model.log_likelihood.map(|value| FORMAT.fixed(value, 1))),
                Cell::Words(parameters.join(", ")),
                Cell::number(model.future.map(|future| number(unit, future))),
                Cell::number(model.attrition_p.map(|p| FORMAT.p_value(p, None))),
            ],
        );
    }
    table.words([2])
}
