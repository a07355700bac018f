//! What else is known in money of initiatives, content and channels, and why it is not in the total.

use catalog::{Attribution, Catalog, Dimension, Initiative, Unit};
use measure::Refusal;
use measure::content::{
    AttributionFinding, Calibrated, CalibrationFactor, CreditEstimate, ItemFinding,
    PerformanceFinding, Valued,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::credit::{Credited, MODEL};
use crate::finding::{Grade, InitiativeValue, Money};
use crate::increment::{Measured, increments, shown};
use crate::ledger::Findings;
use crate::lifetime;

/// An amount that stands beside the total and is not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Beside {
    pub what: BesideWhat,
    /// What the amount is of.
    pub of: Dimension,
    pub name: String,
    /// The document that measured it.
    pub source: String,
    pub amount: Option<Money>,
    pub low: Option<Money>,
    pub high: Option<Money>,
    /// What it cost, as far as that is known of it alone.
    pub cost: Option<Money>,
    pub grade: Grade,
    /// Why it is not in the total.
    pub because: String,
    /// Why there is no amount.
    pub refusal: Option<Refusal>,
}

/// What stands beside the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BesideWhat {
    /// The lift of an initiative that counts by its customers' lives.
    Lift,
    /// What customers' lives gain from an initiative that counts by its lift.
    Lifetime,
    /// Attributed credit, in margin.
    Credit,
    /// Credit times what an experiment measured of it, in margin.
    CalibratedCredit,
    /// The margin that would be lost without a piece of content, from logged probabilities of choices.
    Incremental,
    /// The margin of a piece of content beyond that of as many customers of the average piece.
    AboveAverage,
}

/// Whether what an attribution credits can become lines of the ledger: it shares out money among initiatives, content or
/// channels.
#[must_use]
pub fn shares_out_money(attribution: &Attribution) -> bool {
    attribution.conversion.is_of_money() && credited_by(attribution.by.dimensions()).is_some()
}

/// The one key that is credited, if the ledger knows it.
fn credited_by(by: &[Dimension]) -> Option<Dimension> {
    match by {
        [of @ (Dimension::Initiative | Dimension::Content | Dimension::Channel)] => Some(*of),
        _ => None,
    }
}

/// All that stands beside the total: of initiatives in the order of the catalog, then of attributions and performances,
/// the greatest first.
pub(crate) fn beside(
    catalog: &Catalog,
    findings: &Findings<'_>,
    rows: &[InitiativeValue],
) -> Vec<Beside> {
    let mut all: Vec<Beside> = catalog
        .initiatives()
        .flat_map(|initiative| of_initiative(catalog, findings, initiative, rows))
        .collect();
    for finding in findings.attributions {
        all.extend(of_attribution(catalog, finding, rows));
    }
    for finding in findings.performances {
        all.extend(of_performance(finding));
    }
    all
}

/// The lift beside lives that count, or lives beside the lift.
fn of_initiative(
    catalog: &Catalog,
    findings: &Findings<'_>,
    initiative: &Initiative,
    rows: &[InitiativeValue],
) -> Vec<Beside> {
    let shown = shown(initiative, findings.lifts);
    let line = |what, source: &str, found: Result<Measured, Refusal>, because: String| {
        let increment = found.as_ref().ok().map(|found| &found.increment);
        Beside {
            what,
            of: Dimension::Initiative,
            name: initiative.name.clone(),
            source: source.to_owned(),
            amount: increment.map(|increment| increment.amount),
            low: increment.map(|increment| increment.low),
            high: increment.map(|increment| increment.high),
            cost: None,
            grade: increment.map_or(Grade::D, |increment| increment.grade),
            because,
            refusal: found.err(),
        }
    };
    if let Some(lifetime) = &initiative.lifetime {
        let mut row = rows.iter().filter(|row| row.name == initiative.name);
        let because = match row.any(|row| row.refusal.is_some()) {
            true => format!("the initiative counts by `{lifetime}`, and is refused"),
            false => format!("its days are in what `{lifetime}` measured"),
        };
        let lifts = match increments(catalog, initiative, &shown, None) {
            Ok(lifts) => lifts,
            // What nothing shows has no lift either.
            Err(_) if shown.is_empty() => return Vec::new(),
            Err(refusal) => {
                let experiment = &shown[0].lift.experiment;
                return vec![line(BesideWhat::Lift, experiment, Err(refusal), because)];
            }
        };
        return lifts
            .into_iter()
            .map(|lift| {
                let metric = lift.increment.metric.clone();
                line(BesideWhat::Lift, &metric, Ok(lift), because.clone())
            })
            .collect();
    }
    let mut lives = Vec::new();
    for found in findings.lifetimes {
        let arms = shown.iter().filter(|shown| {
            let (experiment, arm) = (&shown.lift.experiment, &shown.arm.name);
            lifetime::incremental_arm(found, experiment, arm).is_some()
        });
        lives.extend(arms.map(|shown| {
            let name = &found.lifetime;
            let life = lifetime::increment(shown.lift, &shown.arm.name, found);
            let because = format!(
                "its first days are in the increment: `lifetime: {name}` in the initiative counts it instead"
            );
            line(BesideWhat::Lifetime, name, life, because)
        }));
    }
    lives
}

/// The credit of what is credited by one key of initiatives, content or channels, unless its document asks for a line of
/// its own.
fn of_attribution(
    catalog: &Catalog,
    finding: &AttributionFinding,
    rows: &[InitiativeValue],
) -> Vec<Beside> {
    let Some(of) = credited_by(&finding.by).filter(|_| finding.unit == Some(Unit::Money)) else {
        return Vec::new();
    };
    let Ok(credited) = Credited::of(catalog, finding) else {
        return Vec::new();
    };
    let counts = |name: &str| {
        let content = catalog.content(name);
        of == Dimension::Content && content.is_some_and(|content| content.credit.is_some())
    };
    let names = credited.keys().filter(|name| !counts(name));
    names
        .map(|name| match calibrated(finding, name) {
            Some((experiment, caused)) => {
                let margin = |value: f64| Money::from_f64(value * credited.margin());
                Beside {
                    what: BesideWhat::CalibratedCredit,
                    amount: margin(caused.estimate),
                    low: caused.low.and_then(margin),
                    high: caused.high.and_then(margin),
                    grade: Grade::B,
                    because: format!(
                        "it is what `{experiment}` measured, carried over to all journeys: initiatives count their own \
                         experiments"
                    ),
                    ..credit_line(catalog, &credited, finding, of, name)
                }
            }
            None => Beside {
                because: why_credit_is_out(catalog, rows, of, name, finding),
                ..credit_line(catalog, &credited, finding, of, name)
            },
        })
        .collect()
}

fn credit_line(
    catalog: &Catalog,
    credited: &Credited<'_>,
    finding: &AttributionFinding,
    of: Dimension,
    name: &str,
) -> Beside {
    let credit = credited.credit(name);
    let amount = credit.as_ref().ok();
    let making = catalog
        .content(name)
        .filter(|_| of == Dimension::Content)
        .and_then(|content| content.cost.as_ref())
        .map(|cost| credited.making(cost));
    let showing = credited.showing(name);
    let cost = making.is_some() || showing.is_some();
    Beside {
        what: BesideWhat::Credit,
        of,
        name: name.to_owned(),
        source: finding.attribution.clone(),
        amount: amount.map(|credit| credit.amount),
        low: amount.map(|credit| credit.low),
        high: amount.map(|credit| credit.high),
        cost: cost.then(|| Money(making.unwrap_or_default().0 + showing.unwrap_or_default().0)),
        grade: Grade::D,
        because: String::new(),
        refusal: credit.err(),
    }
}

/// What a channel caused in all journeys by the experiment that tested it.
fn calibrated<'f>(
    finding: &'f AttributionFinding,
    channel: &str,
) -> Option<(&'f str, CreditEstimate)> {
    let of_value =
        |found: &&measure::content::CalibrationFinding| found.measures == Calibrated::Value;
    finding
        .calibrations
        .iter()
        .filter(of_value)
        .find_map(|found| {
            let model = found.models.iter().find(|model| model.model == MODEL)?;
            let is_of = |factor: &&CalibrationFactor| factor.channel == channel;
            let caused = model.factors.iter().find(is_of)?.caused?;
            let tested = found
                .experiments
                .iter()
                .find(|tested| tested.channel == channel)?;
            Some((tested.experiment.as_str(), caused))
        })
}

fn why_credit_is_out(
    catalog: &Catalog,
    rows: &[InitiativeValue],
    of: Dimension,
    name: &str,
    finding: &AttributionFinding,
) -> String {
    let attribution = &finding.attribution;
    let counted = |initiative: &str| {
        let row = rows.iter().find(|row| row.name == initiative);
        row.is_some_and(|row| row.net.is_some())
    };
    let whole = "credit shares out what would have come anyway, too";
    match of {
        Dimension::Initiative if counted(name) => {
            "its increment is measured, and credit would count the same orders again".to_owned()
        }
        Dimension::Content => {
            let mut showing = catalog
                .initiatives()
                .filter(|initiative| initiative.content.iter().any(|shown| shown == name));
            match showing.find(|initiative| counted(&initiative.name)) {
                Some(initiative) => format!(
                    "the increment of `{}`, which shows it, is measured, and credit would count the same orders again",
                    initiative.name
                ),
                None => format!(
                    "{whole}: `credit: {attribution}` in the content adds it to what is credited by observation"
                ),
            }
        }
        Dimension::Channel => {
            let key = finding.keys.iter().find(|key| key.key == name);
            let unanswered = key.and_then(|key| key.unanswered.as_ref());
            let unanswered = unanswered.map(|one| one.factorial.as_str());
            match key.and_then(|key| key.factorial.as_ref()) {
                Some(factorial) => {
                    format!("{whole}: what the channel causes, `{factorial}` says")
                }
                None => match (
                    counted_by(finding, name),
                    tested_by(finding, name).or(unanswered),
                ) {
                    (Some(test), _) => {
                        format!("{whole}: how many conversions the channel causes, `{test}` says")
                    }
                    (None, Some(test)) => {
                        format!(
                            "{whole}, and `{test}` does not say how much of it the channel causes"
                        )
                    }
                    (None, None) => format!("{whole}, and no experiment has tested it"),
                },
            }
        }
        _ => format!("{whole}, and no experiment has tested it"),
    }
}

/// The experiment that credit of a channel is held against, whether or not it has an answer.
fn tested_by<'f>(finding: &'f AttributionFinding, channel: &str) -> Option<&'f str> {
    let tested = finding
        .calibrations
        .iter()
        .flat_map(|found| &found.experiments);
    let mut of_channel = tested.filter(|tested| tested.channel == channel);
    of_channel.next().map(|tested| tested.experiment.as_str())
}

/// The experiment that says how many conversions a channel causes.
fn counted_by<'f>(finding: &'f AttributionFinding, channel: &str) -> Option<&'f str> {
    let mut calibrations = finding.calibrations.iter();
    let counted = calibrations.find(|found| found.measures == Calibrated::Conversions)?;
    let mut tested = counted.experiments.iter();
    let answered = tested.find(|one| one.channel == channel && one.increment.is_some())?;
    Some(&answered.experiment)
}

/// What pieces of content bring, where an outcome is worth money.
fn of_performance(finding: &PerformanceFinding) -> Vec<Beside> {
    let lines = finding.items.iter().filter_map(|item| {
        let cost = item.cost.as_ref()?;
        Some(match (cost.incremental_margin, cost.margin_above_average) {
            (Some(margin), _) => item_line(
                finding,
                item,
                (BesideWhat::Incremental, margin, Grade::B),
                "it is what would be lost without this piece alone: pieces stand in for one another, and it does not add \
                 up",
            ),
            (None, Some(margin)) => item_line(
                finding,
                item,
                (BesideWhat::AboveAverage, margin, Grade::D),
                "it describes: who was shown what may not have been chance",
            ),
            (None, None) => return None,
        })
    });
    let mut lines: Vec<Beside> = lines.collect();
    lines.sort_by(|a, b| b.amount.cmp(&a.amount).then_with(|| a.name.cmp(&b.name)));
    lines
}

fn item_line(
    finding: &PerformanceFinding,
    item: &ItemFinding,
    (what, margin, grade): (BesideWhat, Valued, Grade),
    because: &str,
) -> Beside {
    let cost = item.cost.as_ref().map(|cost| cost.content + cost.showing);
    Beside {
        what,
        of: Dimension::Content,
        name: item.content.clone(),
        source: finding.performance.clone(),
        amount: Money::from_f64(margin.estimate),
        low: Money::from_f64(margin.low),
        high: Money::from_f64(margin.high),
        cost: cost.and_then(Money::from_f64),
        grade,
        because: because.to_owned(),
        refusal: None,
    }
}
