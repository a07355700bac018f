//! What customers are worth over their lifetime.

use catalog::LifetimeEffect;
use measure::audience::lifetime::{
    AcquisitionFinding, GroupValue, IncrementalArm, IncrementalFinding, LifetimeFinding,
    LifetimeUnit,
};
use measure::audience::{Estimate, Severity};

use super::Side::{Left, Right};
use super::incremental::{behind, rollout};
use super::{Screen, Tone, finish, lifetime_states as states};
use crate::format::{Format, places};
use crate::incremental as increments;
use crate::lifetime::{
    Words, about_audiences, about_payback, age, ages, later_ages, life, of_any_size, running,
    scope, so_far, time_unit,
};
use crate::words::capitalized;

const FORMAT: Format = Format::PLAIN;
/// Most groups that are listed one by one; the others are in the JSON.
const MOST_LISTED: usize = 12;
/// Most months of age that fit beside each other.
const MOST_MONTHS: usize = 8;

/// How much there is, the models, what customers are worth, by whom and when, and how far off the forecast was.
pub fn lifetime(finding: &LifetimeFinding, screen: Screen) -> String {
    let mut parts = vec![heading(finding, screen)];
    parts.extend(refusal(finding, screen));
    parts.extend(worth(finding, screen));
    parts.extend(models(finding, screen));
    parts.extend(states::covariates(finding, screen));
    parts.extend(back_test(finding, screen));
    parts.extend(states::states(finding, screen));
    parts.extend(states::retention(finding, screen));
    for audiences in &finding.by {
        parts.push(groups(
            &audiences.column,
            &audiences.values,
            finding,
            screen,
        ));
    }
    parts.extend(audiences(finding, screen));
    parts.extend(cohorts(finding, screen));
    parts.extend(acquisition(finding, screen));
    if let Some(incremental) = &finding.incremental {
        parts.push(self::incremental(incremental, finding, screen));
    }
    if let Some(found) = &finding.rollout {
        parts.push(rollout(found, finding, screen));
    }
    parts.extend(checks(finding, screen));
    parts.join("\n")
}

/// What values are counted in, in words.
fn unit(finding: &LifetimeFinding) -> String {
    match finding.unit {
        LifetimeUnit::Margin => format!("{} of margin", finding.currency),
        LifetimeUnit::Spend => format!("{} of spend, as no margin is declared", finding.currency),
        LifetimeUnit::Purchases => "purchases".to_owned(),
    }
}

/// An estimate with its interval.
pub(super) fn interval(value: &Estimate) -> String {
    let half = (value.high - value.low) / 2.0;
    let places = places(half).min(4);
    format!(
        "{} ({} to {})",
        FORMAT.fixed(value.estimate, places),
        FORMAT.fixed(value.low, places),
        FORMAT.fixed(value.high, places),
    )
}

/// The same with signs.
fn signed(value: &Estimate) -> String {
    let half = (value.high - value.low) / 2.0;
    let places = places(half).min(4);
    format!(
        "{} ({} to {})",
        FORMAT.signed(value.estimate, places),
        FORMAT.signed(value.low, places),
        FORMAT.signed(value.high, places),
    )
}

/// A number to three significant digits or so.
fn number(value: f64) -> String {
    FORMAT.fixed(value, places(value.abs() / 10.0).min(4))
}

fn heading(finding: &LifetimeFinding, screen: Screen) -> String {
    let mut text = screen.prose(&finding.lifetime, Tone::Strong);
    if let Some(description) = &finding.description {
        text.push_str(&screen.prose(description, Tone::Plain));
    }
    let running = running(finding).map(|text| format!(" {text}"));
    let scope = scope(finding) + &running.unwrap_or_default();
    text + &screen.prose(&scope, Tone::Plain)
}

fn refusal(finding: &LifetimeFinding, screen: Screen) -> Option<String> {
    let refusal = finding.refusal.as_ref()?;
    let text = format!("No value is given: {}.", refusal.message);
    let so_far = so_far(finding).map(|text| screen.prose(&text, Tone::Plain));
    Some(screen.prose(&text, Tone::Bad) + &so_far.unwrap_or_default())
}

fn worth(finding: &LifetimeFinding, screen: Screen) -> Option<String> {
    let value = finding.value.as_ref()?;
    let level = FORMAT.level(1.0 - finding.alpha);
    let words = Words::of(finding);
    let header = format!("per {}\n{level} interval", words.customer);
    let mut table = screen.table([("value", Left), (&header, Right)], false);
    let mut row = |what: String, number: String| _ = table.add_row([what, number]);
    row("so far, not discounted".to_owned(), number(value.past));
    row(
        format!("in the next {}, discounted", finding.horizon),
        interval(&value.future),
    );
    if let Some(tail) = finding.tail {
        row("  beyond, not counted".to_owned(), number(tail));
    }
    if let Some(band) = finding.band {
        row(
            "  by other models".to_owned(),
            format!("{} to {}", number(band.low), number(band.high)),
        );
    }
    if let Some(new) = &finding.new_customer {
        row(
            format!("a new {}, in {}", words.customer, finding.horizon),
            interval(&new.value),
        );
    }
    for baseline in &finding.baselines {
        if let Some(value) = baseline.value {
            row(format!("rule: {}", baseline.rule), number(value));
        }
    }
    let mut note = format!(
        "In {}, discounted by {} a year. {} of {} {}; {} {} are expected of each.",
        unit(finding),
        FORMAT.percent(finding.discount_rate, 1),
        FORMAT.percent(value.alive, 0),
        words.customers,
        words.have_not_left,
        number(value.expected_purchases),
        words.purchases,
    );
    if let Some(spread) = &finding.distribution {
        let median = spread
            .quantiles
            .iter()
            .find(|quantile| quantile.share == 0.5);
        if let Some(median) = median {
            note.push_str(&format!(
                " Half of them are worth less than {}; the best tenth has {} of all future value.",
                number(median.value),
                FORMAT.percent(spread.top_tenth, 0),
            ));
        }
    }
    let mut text = finish(&table) + &screen.prose(&note, Tone::Plain);
    if let Some(life) = life(finding) {
        text.push_str(&screen.prose(&life, Tone::Plain));
    }
    if let Some(refusal) = &finding.unbounded {
        let note = format!(
            "No value of a whole life without discount: {}.",
            refusal.message
        );
        text.push_str(&screen.prose(&note, Tone::Caution));
    }
    Some(text)
}

fn models(finding: &LifetimeFinding, screen: Screen) -> Option<String> {
    if finding.models.is_empty() {
        return None;
    }
    let time = format!("model\ntime in {}", time_unit(finding));
    let future = format!("future value\nper {}", Words::of(finding).customer);
    let mut table = screen.table(
        [
            (&time, Left),
            ("log-likelihood", Right),
            ("parameters", Right),
            (&future, Right),
            ("p without\nattrition", Right),
        ],
        false,
    );
    let mut notes = String::new();
    for model in &finding.models {
        if let Some(refusal) = &model.refusal {
            let text = format!("{}: {}.", model.model, refusal.message);
            notes.push_str(&screen.prose(&text, Tone::Caution));
            continue;
        }
        let parameters: Vec<String> = model
            .parameters
            .iter()
            .map(|parameter| format!("{} {}", parameter.name, of_any_size(parameter.value)))
            .collect();
        table.add_row([
            model.model.clone(),
            model
                .log_likelihood
                .map_or("–".to_owned(), |value| FORMAT.fixed(value, 1)),
            parameters.join(", "),
            model.future.map_or("–".to_owned(), number),
            model
                .attrition_p
                .map_or("–".to_owned(), |p| FORMAT.p_value(p, None)),
        ]);
        for boundary in &model.boundaries {
            let text = format!("{}: {boundary}.", model.model);
            notes.push_str(&screen.prose(&text, Tone::Caution));
        }
    }
    if let Some(spend) = &finding.spend {
        let mut text = format!(
            "Spend per purchase from {} with repeat purchases",
            FORMAT.counted(spend.customers, "customer", "customers")
        );
        if let Some(mean) = &spend.mean {
            text.push_str(&format!(": mean {}", interval(mean)));
        }
        if let Some(correlation) = spend.correlation {
            text.push_str(&format!(
                "; correlation with the number of purchases {}",
                FORMAT.signed(correlation, 2)
            ));
        }
        if let Some(refusal) = &spend.refusal {
            text.push_str(&format!("; refused: {}", refusal.message));
        }
        notes.push_str(&screen.prose(&(text + "."), Tone::Plain));
    }
    Some(finish(&table) + &notes)
}

fn back_test(finding: &LifetimeFinding, screen: Screen) -> Option<String> {
    let test = finding.back_test.as_ref()?;
    let words = Words::of(finding);
    let forecast = format!("{}\nforecast", words.purchases);
    let mut table = screen.table(
        [
            ("back-test", Left),
            (&forecast, Right),
            ("error of\nthe sum", Right),
            ("mean absolute\nerror", Right),
            ("ranking\n(Gini)", Right),
        ],
        false,
    );
    for forecast in &test.forecasts {
        table.add_row([
            forecast.by.clone(),
            FORMAT.fixed(forecast.forecast, 0),
            forecast.relative_error.map_or("–".to_owned(), |error| {
                format!("{} %", FORMAT.signed(100.0 * error, 1))
            }),
            FORMAT.fixed(forecast.mean_absolute_error, 3),
            forecast
                .normalized_gini
                .map_or("–".to_owned(), |gini| FORMAT.fixed(gini, 3)),
        ]);
    }
    let note = format!(
        "{} seen until {} made {} in the {} days until {}.",
        FORMAT.counted(test.customers, words.customer, words.customers),
        test.seen_until,
        FORMAT.counted(test.actual, words.purchase, words.purchases),
        test.days,
        test.forecast_until,
    );
    Some(finish(&table) + &screen.prose(&note, Tone::Plain))
}

/// Values by audience.
fn audiences(finding: &LifetimeFinding, screen: Screen) -> Option<String> {
    if finding.audiences.is_empty() {
        return None;
    }
    let values = finding.audiences.iter();
    let values: Vec<GroupValue> = values.filter_map(|found| found.value.clone()).collect();
    let table = if values.is_empty() {
        String::new()
    } else {
        groups("audience", &values, finding, screen)
    };
    Some(table + &screen.prose(&about_audiences(finding), Tone::Plain))
}

fn groups(
    column: &str,
    values: &[GroupValue],
    finding: &LifetimeFinding,
    screen: Screen,
) -> String {
    let level = FORMAT.level(1.0 - finding.alpha);
    let future = format!("future value\n{level} interval");
    let mut table = screen.table(
        [
            (column, Left),
            (Words::of(finding).customers, Right),
            ("value\nso far", Right),
            ("still\nthere", Right),
            (&future, Right),
        ],
        false,
    );
    for value in values.iter().take(MOST_LISTED) {
        table.add_row([
            value.group.clone(),
            FORMAT.count(value.customers),
            number(value.past),
            FORMAT.percent(value.alive, 0),
            interval(&value.future),
        ]);
    }
    let more = values.len().saturating_sub(MOST_LISTED) as u64;
    finish(&table) + &more_in_json(more, "", screen)
}

/// How many more there are than a table shows.
fn more_in_json(more: u64, what: &str, screen: Screen) -> String {
    match more {
        0 => String::new(),
        more => screen.prose(
            &format!("{} more{what} in the JSON.", FORMAT.count(more)),
            Tone::Quiet,
        ),
    }
}

fn cohorts(finding: &LifetimeFinding, screen: Screen) -> Option<String> {
    let known = finding.cohorts.iter();
    let known = known.map(|cohort| cohort.by_age.iter().flatten().count());
    let known = known.max()?;
    let months = known.min(MOST_MONTHS);
    let names: Vec<String> = (1..=MOST_MONTHS)
        .map(|number| age(finding, number))
        .collect();
    let mut headers = [("", Right); MOST_MONTHS + 3];
    let words = Words::of(finding);
    headers[0] = (words.began, Left);
    headers[1] = (words.customers, Right);
    headers[2] = ("future\nvalue", Right);
    for (header, age) in headers[3..].iter_mut().zip(&names).take(months) {
        *header = (age, Right);
    }
    let mut table = screen.table(headers, false);
    for cohort in finding.cohorts.iter().take(MOST_LISTED) {
        let future = cohort
            .value
            .as_ref()
            .map(|value| number(value.future.estimate));
        let by_age = (0..MOST_MONTHS).map(|age| match cohort.by_age.get(age) {
            Some(Some(value)) if age < months => number(*value),
            _ => String::new(),
        });
        let row = [cohort.month.clone(), FORMAT.count(cohort.customers)]
            .into_iter()
            .chain([future.unwrap_or_else(|| "–".to_owned())])
            .chain(by_age);
        table.add_row(row);
    }
    let note = format!(
        "{}; empty where not all of them have been observed to its end.",
        ages(finding)
    );
    let cohorts = finding.cohorts.len().saturating_sub(MOST_LISTED) as u64;
    Some(
        finish(&table)
            + &screen.prose(&note, Tone::Plain)
            + &more_in_json(cohorts, " cohorts", screen)
            + &screen.prose(&later_ages(finding, known, months), Tone::Quiet),
    )
}

fn acquisition(finding: &LifetimeFinding, screen: Screen) -> Option<String> {
    if finding.acquisition.is_empty() {
        return None;
    }
    let level = FORMAT.level(1.0 - finding.alpha);
    let ratio = format!("value / cost\n{level} interval");
    let mut table = screen.table(
        [
            ("acquisition", Left),
            (Words::of(finding).customers, Right),
            ("cost", Right),
            ("past and\nfuture value", Right),
            (&ratio, Right),
            ("paid back\nafter months", Right),
        ],
        false,
    );
    for found in finding.acquisition.iter().take(2 * MOST_LISTED) {
        table.add_row([
            acquired(found),
            FORMAT.count(found.customers),
            found.cost.map_or("–".to_owned(), number),
            found
                .value
                .as_ref()
                .map_or("–".to_owned(), |value| number(value.estimate)),
            found
                .value_over_cost
                .as_ref()
                .map_or("–".to_owned(), interval),
            payback(found),
        ]);
    }
    let more = finding.acquisition.len().saturating_sub(2 * MOST_LISTED) as u64;
    let mut text = finish(&table)
        + &screen.prose(&about_payback(finding), Tone::Plain)
        + &more_in_json(more, "", screen);
    // Why something is missing, once for all of whom it is true.
    let mut missing: Vec<(&str, Vec<String>)> = Vec::new();
    for found in finding.acquisition.iter().take(2 * MOST_LISTED) {
        let Some(refusal) = &found.refusal else {
            continue;
        };
        match missing.iter_mut().find(|(why, _)| *why == refusal.message) {
            Some((_, groups)) => groups.push(acquired(found)),
            None => missing.push((&refusal.message, vec![acquired(found)])),
        }
    }
    for (why, groups) in missing {
        text += &screen.prose(&format!("{}: {why}.", groups.join(", ")), Tone::Caution);
    }
    Some(text)
}

/// Who was acquired.
fn acquired(found: &AcquisitionFinding) -> String {
    match found.group.as_str() {
        "" => found.of.clone(),
        group => format!("{} {group}", found.of),
    }
}

fn payback(found: &AcquisitionFinding) -> String {
    let Some(payback) = &found.payback else {
        return "–".to_owned();
    };
    let months =
        |value: Option<f64>| value.map_or("…".to_owned(), |months| FORMAT.fixed(months, 1));
    match payback.months {
        None => format!("> {}", FORMAT.fixed(payback.observed, 0)),
        Some(_) => format!(
            "{} ({} to {})",
            months(payback.months),
            months(payback.low),
            months(payback.high)
        ),
    }
}

fn incremental(found: &IncrementalFinding, finding: &LifetimeFinding, screen: Screen) -> String {
    let level = FORMAT.level(1.0 - finding.alpha);
    let mut text = screen.prose(
        &format!(
            "Incremental lifetime value of {} against {}",
            found.experiment, found.against
        ),
        Tone::Strong,
    );
    for arm in &found.arms {
        let header = format!("per customer\nof the experiment\n{level} interval");
        let mut table = screen.table(
            [
                (&arm.arm, Left),
                (&header, Right),
                ("more often", Right),
                ("longer", Right),
                ("more each", Right),
            ],
            false,
        );
        let blank = || String::new();
        for (whose, measured) in increments::measured(arm) {
            table.add_row([
                format!(
                    "measured in {} days, {whose}",
                    FORMAT.fixed(measured.days, 0)
                ),
                signed(&measured.difference),
                blank(),
                blank(),
                blank(),
            ]);
        }
        if let Some(value) = &arm.stays_on {
            let parts = [
                ("stays on: in the window, modelled", &value.window),
                ("stays on: to 12 months", &value.to_twelve_months),
                ("stays on: beyond", &value.beyond),
                ("stays on: total", &value.total),
            ];
            for (name, part) in parts {
                let split = |value: &Estimate| {
                    let half = (part.amount.high - part.amount.low) / 2.0;
                    FORMAT.signed(value.estimate, places(half).min(4))
                };
                table.add_row([
                    name.to_owned(),
                    signed(&part.amount),
                    split(&part.often),
                    split(&part.longer),
                    split(&part.more),
                ]);
            }
        }
        if let Some(value) = &arm.stops {
            let parts = [
                ("stops: after it, to 12 months", &value.to_twelve_months),
                ("stops: beyond", &value.beyond),
                ("stops: total with measured", &value.total),
            ];
            for (name, part) in parts {
                table.add_row([name.to_owned(), signed(part), blank(), blank(), blank()]);
            }
        }
        text.push_str(&finish(&table));
        text.push_str(&screen.prose(&of_arm(arm, found.effect), Tone::Plain));
        text.push_str(&behind(arm, finding, screen));
        for refusal in &arm.refusals {
            text.push_str(&screen.prose(&format!("Refused: {}.", refusal.message), Tone::Caution));
        }
    }
    if let Some(left_out) = increments::left_out(FORMAT, found) {
        text.push_str(&screen.prose(&left_out, Tone::Plain));
    }
    text
}

fn of_arm(arm: &IncrementalArm, effect: LifetimeEffect) -> String {
    let mut note = increments::about_model(FORMAT, arm);
    if let Some(share) = increments::extrapolated(arm, effect) {
        let supposed = match effect {
            LifetimeEffect::StaysOn => "stays on",
            LifetimeEffect::Stops => "stops",
        };
        note.push_str(&format!(
            " {} of the value if it {supposed} lies after the window and is extrapolated.",
            FORMAT.percent(share, 0)
        ));
    }
    note
}

fn checks(finding: &LifetimeFinding, screen: Screen) -> Option<String> {
    let lines: Vec<String> = finding
        .checks
        .iter()
        .map(|check| {
            let tone = match check.severity {
                Severity::Fine | Severity::Notice => Tone::Plain,
                Severity::Warning => Tone::Caution,
                Severity::Stop => Tone::Bad,
            };
            screen.prose(&format!("{}.", capitalized(&check.message)), tone)
        })
        .collect();
    (!lines.is_empty()).then(|| lines.concat())
}
