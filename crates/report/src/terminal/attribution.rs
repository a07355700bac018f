//! What channels, content and campaigns are credited with.

use catalog::Unit;
use measure::content::{
    AttributionFinding, CalibrationFinding, CreditEstimate, CreditFinding, CreditModel,
    ModelFinding, RankedBy,
};

use super::Side::{Left, Right};
use super::lifetime_credit::lifetime_credit;
use super::{Screen, Tone, finish};
use crate::credit::{baseline, by, check_name, chosen, detailed, measured_in, name};
use crate::format::{Format, Interval};

const FORMAT: Format = Format::PLAIN;

/// The models whose shares stand side by side.
const BESIDE: [(CreditModel, &str); 7] = [
    (CreditModel::First, "first"),
    (CreditModel::Last, "last"),
    (CreditModel::Linear, "linear"),
    (CreditModel::PositionU, "U"),
    (CreditModel::TimeDecay, "decay"),
    (CreditModel::Markov, "Markov"),
    (CreditModel::Shapley, "Shapley"),
];
/// Paths that are shown.
const MOST_PATHS: usize = 5;
/// Touches of a path that are shown.
const MOST_TOUCHES: usize = 8;

/// Credit by model, one model with its intervals, what experiments say of it, the paths, and the checks.
pub fn attribution(finding: &AttributionFinding, screen: Screen) -> String {
    let mut parts = vec![heading(finding, screen)];
    if let Some(refusal) = &finding.refusal {
        parts.push(screen.prose(&format!("No credit: {}.", refusal.message), Tone::Bad));
    } else {
        parts.push(shares(finding, screen));
        parts.extend(detailed(finding).map(|model| credits(finding, model, screen)));
        parts.extend(refusals(finding, screen));
        let calibrations = finding.calibrations.iter();
        parts.extend(calibrations.map(|one| calibration(finding, one, screen)));
        let lifetime = finding.lifetime.iter();
        parts.extend(lifetime.map(|one| lifetime_credit(finding, one, screen)));
        parts.push(paths(finding, screen));
    }
    parts.push(checks(finding, screen));
    parts.join("\n")
}

fn heading(finding: &AttributionFinding, screen: Screen) -> String {
    let mut text = screen.prose(&finding.attribution, Tone::Strong);
    if let Some(description) = &finding.description {
        text.push_str(&screen.prose(description, Tone::Plain));
    }
    let (journeys, totals) = (&finding.journeys, &finding.totals);
    let worth = totals.value.map_or_else(String::new, |value| {
        format!(" worth {}", amount(finding, value))
    });
    let scope = format!(
        "Credit by {}: {}{worth}; {} with touches, {} without, {} that did not convert; {} of {}.",
        by(finding),
        FORMAT.counted(journeys.conversions, "conversion", "conversions"),
        FORMAT.counted(journeys.converting, "journey", "journeys"),
        FORMAT.count(journeys.untouched),
        FORMAT.count(journeys.without_conversion),
        FORMAT.counted(journeys.touches, "touch", "touches"),
        FORMAT.counted(journeys.customers, "customer", "customers"),
    );
    text.push_str(&screen.prose(&scope, Tone::Quiet));
    let describes = "Credit describes: it shares out all conversions, also those that would have happened anyway. What \
                     a channel causes, only an experiment says.";
    text.push_str(&screen.prose(describes, Tone::Plain));
    text
}

/// An amount of what is ranked by.
fn amount(finding: &AttributionFinding, number: f64) -> String {
    match finding.unit {
        Some(Unit::Money) => format!("{} {}", FORMAT.fixed(number, 2), finding.currency),
        _ => FORMAT.quantity(number),
    }
}

/// The shares of all credit by the usual models, side by side.
fn shares(finding: &AttributionFinding, screen: Screen) -> String {
    let by = by(finding);
    let [a, b, c, d, e, f, g] = BESIDE.map(|(_, name)| (name, Right));
    let headers = [
        (by.as_str(), Left),
        ("touches", Right),
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        ("rank", Right),
    ];
    let mut table = screen.table(headers, false);
    let mut keys: Vec<_> = finding.keys.iter().collect();
    let greatest = |key: &&measure::content::KeyFinding| match (finding.ranked_by, key.value) {
        (RankedBy::Value, Some(value)) => value.greatest,
        _ => key.conversions.greatest,
    };
    keys.sort_by(|a, b| greatest(b).total_cmp(&greatest(a)));
    for key in keys {
        let share = |model: CreditModel| {
            let credit = finding.model(model).and_then(|m| m.credit(&key.key));
            credit
                .and_then(|credit| credit.share)
                .map_or_else(|| "–".to_owned(), |share| FORMAT.percent(share.estimate, 1))
        };
        let rank = match (key.ranks.best, key.ranks.worst) {
            (0, _) => "–".to_owned(),
            (best, worst) if best == worst => best.to_string(),
            (best, worst) => format!("{best} to {worst}"),
        };
        let cells = [key.key.clone(), FORMAT.count(key.touches)];
        let shares = BESIDE.map(|(model, _)| share(model));
        table.add_row(cells.into_iter().chain(shares).chain([rank]));
    }
    let of = match finding.ranked_by {
        RankedBy::Value => "value",
        RankedBy::Conversions => "conversions",
    };
    format!(
        "{}{}",
        screen.prose(
            &format!("Share of the credited {of} by model"),
            Tone::Strong
        ),
        finish(&table)
    )
}

/// One model with its intervals.
fn credits(finding: &AttributionFinding, model: &ModelFinding, screen: Screen) -> String {
    let by = by(finding);
    let level = format!("{} interval", FORMAT.level(1.0 - finding.alpha));
    let has_cost = finding.totals.cost.is_some();
    let credited = match finding.ranked_by {
        RankedBy::Value => "credited value",
        RankedBy::Conversions => "credited",
    };
    let headers = [
        (by.as_str(), Left),
        (credited, Right),
        (&level, Right),
        ("conversions", Right),
        ("above next", Right),
        (if has_cost { "less cost" } else { "" }, Right),
    ];
    let mut table = screen.table(headers, false);
    for credit in &model.credits {
        let shown = ranked(finding, credit);
        table.add_row([
            credit.key.clone(),
            number(finding, shown.estimate),
            interval(shown),
            FORMAT.fixed(credit.conversions.estimate, 1),
            credit
                .above_next
                .map_or_else(|| "–".to_owned(), |p| FORMAT.probability(p)),
            credit
                .value_less_cost
                .map_or_else(String::new, |less| FORMAT.fixed(less, 2)),
        ]);
    }
    let sum = finding
        .totals
        .credited_value
        .filter(|_| finding.ranked_by == RankedBy::Value);
    table.add_row([
        screen.cell("credited in all", Tone::Strong),
        screen.cell(
            number(finding, sum.unwrap_or(finding.totals.credited_conversions)),
            Tone::Strong,
        ),
        screen.cell("", Tone::Plain),
        screen.cell(
            FORMAT.fixed(finding.totals.credited_conversions, 1),
            Tone::Strong,
        ),
        screen.cell("", Tone::Plain),
        screen.cell("", Tone::Plain),
    ]);
    let order = match (&finding.markov, model.model) {
        (Some(chain), CreditModel::Markov) => format!(" (order {})", chosen(chain)),
        _ => String::new(),
    };
    let title = format!("{}{order}: {}", name(model.model), model.definition);
    format!("{}{}", screen.prose(&title, Tone::Strong), finish(&table))
}

fn ranked(finding: &AttributionFinding, credit: &CreditFinding) -> CreditEstimate {
    match (finding.ranked_by, credit.value) {
        (RankedBy::Value, Some(value)) => value,
        _ => credit.conversions,
    }
}

fn number(finding: &AttributionFinding, number: f64) -> String {
    match finding.unit {
        Some(Unit::Money) => FORMAT.fixed(number, 2),
        _ => FORMAT.fixed(number, 1),
    }
}

pub(super) fn interval(estimate: CreditEstimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => FORMAT
            .whole(Interval {
                estimate: estimate.estimate,
                low,
                high,
            })
            .interval(),
        _ => "–".to_owned(),
    }
}

/// The models that have no answer, and why.
fn refusals(finding: &AttributionFinding, screen: Screen) -> Option<String> {
    let refused: String = finding
        .models
        .iter()
        .filter_map(|model| {
            let refusal = model.refusal.as_ref()?;
            let text = format!("{}: no answer: {}.", name(model.model), refusal.message);
            Some(screen.prose(&text, Tone::Caution))
        })
        .collect();
    (!refused.is_empty()).then_some(refused)
}

/// What experiments say of the credit.
fn calibration(
    finding: &AttributionFinding,
    calibration: &CalibrationFinding,
    screen: Screen,
) -> String {
    let what = measured_in(calibration.measures);
    let mut text = screen.prose(
        &format!("Held against experiments, in {what}"),
        Tone::Strong,
    );
    for tested in &calibration.experiments {
        let sentence = match (&tested.increment, &tested.refusal) {
            (Some(increment), _) => format!(
                "{}: experiment {} measured {} ({}) among the {} customers of {} (grade A).",
                tested.channel,
                tested.experiment,
                number(finding, increment.estimate),
                interval(*increment),
                FORMAT.count(tested.customers),
                tested.arm,
            ),
            (None, refusal) => format!(
                "{}: no answer from {}: {}.",
                tested.channel,
                tested.experiment,
                refusal
                    .as_ref()
                    .map_or("", |refusal| refusal.message.as_str())
            ),
        };
        text.push_str(&screen.prose(&sentence, Tone::Plain));
    }
    let level = format!("{} interval", FORMAT.level(1.0 - finding.alpha));
    let mut table = screen.table(
        [
            ("model", Left),
            ("channel", Left),
            ("credited there", Right),
            ("caused / credited", Right),
            (&level, Right),
            ("verdict", Left),
        ],
        false,
    );
    for model in &calibration.models {
        for factor in &model.factors {
            let (caused, verdict, tone) = match (factor.factor, factor.refuted) {
                (Some(factor), Some(true)) => (Some(factor), "refuted", Tone::Bad),
                (Some(factor), _) => (Some(factor), "not refuted", Tone::Plain),
                (None, _) => (None, "not estimable", Tone::Caution),
            };
            table.add_row([
                screen.cell(name(model.model), Tone::Plain),
                screen.cell(&factor.channel, Tone::Plain),
                screen.cell(number(finding, factor.credited.estimate), Tone::Plain),
                screen.cell(
                    caused
                        .map_or_else(|| "–".to_owned(), |factor| FORMAT.fixed(factor.estimate, 2)),
                    Tone::Plain,
                ),
                screen.cell(caused.map_or_else(|| "–".to_owned(), interval), Tone::Plain),
                screen.cell(verdict, tone),
            ]);
        }
    }
    text.push_str(&finish(&table));
    let shown = detailed(finding).map(|model| model.model);
    let of_shown = calibration
        .models
        .iter()
        .find(|one| Some(one.model) == shown);
    let ends = |estimate: CreditEstimate| {
        format!(
            "{} ({})",
            number(finding, estimate.estimate),
            interval(estimate)
        )
    };
    let baseline =
        of_shown.and_then(|model| baseline(finding, model, ends, |one| number(finding, one)));
    text.extend(baseline.map(|sentence| screen.prose(&sentence, Tone::Plain)));
    text
}

/// The paths that most conversions came by.
fn paths(finding: &AttributionFinding, screen: Screen) -> String {
    let mut table = screen.table(
        [
            ("path", Left),
            ("conversions", Right),
            ("not converted", Right),
        ],
        false,
    );
    for path in finding.paths.iter().take(MOST_PATHS) {
        let names: Vec<&str> = path
            .path
            .iter()
            .take(MOST_TOUCHES)
            .map(String::as_str)
            .collect();
        let more = path.touches.saturating_sub(names.len() as u64);
        let rest = if more == 0 {
            String::new()
        } else {
            format!(" > and {} more", FORMAT.count(more))
        };
        table.add_row([
            format!("{}{rest}", names.join(" > ")),
            FORMAT.quantity(path.conversions),
            FORMAT.quantity(path.without_conversion),
        ]);
    }
    format!(
        "{}{}",
        screen.prose("Paths of most conversions", Tone::Strong),
        finish(&table)
    )
}

fn checks(finding: &AttributionFinding, screen: Screen) -> String {
    let found = finding.checks.iter();
    let found = found.map(|check| {
        (
            check_name(check.kind),
            check.severity,
            check.message.clone(),
        )
    });
    super::checks(screen, found)
}
