//! Lines of the ledger that are no lifts: customers' lives, credit, and what stands beside the total. In words that the
//! terminal and the page share.

use catalog::{LifetimeEffect, Unit};
use value::{Beside, BesideWhat, Increment, LedgerFinding, LifePart, Money};

use crate::credit;
use crate::format::{Format, Shown};
use crate::words::grade;

pub(crate) const LIVES_TITLE: &str =
    "What customers' lives gain, by the parts that follow one another";
pub(crate) const CREDIT_TITLE: &str = "Content that no experiment measures, by its credit";
/// The line of what content is credited with together.
pub(crate) const CREDITED: &str = "Credited by observation";
pub(crate) const BESIDE_TITLE: &str = "Beside the total, and not in it";
/// Lines beside the total that are shown: those of initiatives, and the greatest of each document.
const MOST_BESIDE: usize = 16;

/// A part of an increment over customers' lives.
pub(crate) struct LifeLine {
    pub(crate) initiative: String,
    pub(crate) part: &'static str,
    pub(crate) per_customer: Shown,
    pub(crate) customers: String,
    pub(crate) amount: String,
    pub(crate) grade: &'static str,
}

/// A piece of content that counts by its credit.
pub(crate) struct CreditLine {
    pub(crate) content: String,
    /// The credit, or why there is none.
    pub(crate) credit: Result<Shown, String>,
    pub(crate) models: String,
    pub(crate) cost: String,
}

/// An amount beside the total.
pub(crate) struct BesideLine {
    pub(crate) name: String,
    pub(crate) what: String,
    /// The amount and its interval, or why there is none.
    pub(crate) amount: Result<Shown, String>,
    pub(crate) cost: String,
    pub(crate) grade: &'static str,
    pub(crate) because: String,
}

pub(crate) fn lives(format: Format, finding: &LedgerFinding) -> Vec<LifeLine> {
    let mut lines = Vec::new();
    for (initiative, increment) in counted_by_lives(finding) {
        for part in increment.lifetime.iter().flat_map(|life| &life.parts) {
            lines.push(LifeLine {
                initiative: initiative.to_owned(),
                part: match part.part {
                    LifePart::Measured => "measured in the data",
                    LifePart::ToTwelveMonths => "modelled to 12 months",
                    LifePart::Beyond => "modelled beyond",
                },
                per_customer: format.absolute(Unit::Money, (&part.per_customer).into()),
                customers: format.count(increment.customers),
                amount: format.money(part.amount),
                grade: grade(part.grade),
            });
        }
    }
    lines
}

/// Of each increment over customers' lives: what is taken to become of the treatment, and what other models say.
pub(crate) fn lives_notes(format: Format, finding: &LedgerFinding) -> Vec<String> {
    counted_by_lives(finding)
        .filter_map(|(initiative, increment)| {
            let life = increment.lifetime.as_ref()?;
            let effect = match life.effect {
                LifetimeEffect::StaysOn => "these customers stay treated, and are paid for, to the horizon",
                LifetimeEffect::Stops => "the treatment ended with the data",
            };
            let models = life.models.map(|band| {
                format!(
                    "; by other models, which take the time observed from the model, too, a life gains {} to {}",
                    format.signed(band.low, 2),
                    format.signed(band.high, 2)
                )
            });
            Some(format!(
                "{initiative}: `{}`, {} of a customer's life, of which {} were observed on average; {effect}{}",
                life.lifetime,
                format.days(life.horizon_days.round()),
                format.days(life.observed_days.round()),
                models.unwrap_or_default()
            ))
        })
        .collect()
}

fn counted_by_lives(finding: &LedgerFinding) -> impl Iterator<Item = (&str, &Increment)> {
    let initiatives = finding.initiatives.iter();
    let increments = initiatives.flat_map(|initiative| {
        let increments = initiative.increments.iter();
        increments.map(move |increment| (initiative.name.as_str(), increment))
    });
    increments.filter(|(_, increment)| increment.lifetime.is_some())
}

pub(crate) fn credits(format: Format, finding: &LedgerFinding) -> Vec<CreditLine> {
    let contents = finding.credit.iter().flat_map(|credit| &credit.contents);
    contents
        .map(|content| CreditLine {
            content: content.content.clone(),
            credit: match (&content.credit, &content.refusal) {
                (Some(credit), _) => Ok(Shown {
                    estimate: format.money(credit.amount),
                    low: format.round_money(credit.low),
                    high: format.round_money(credit.high),
                }),
                (None, Some(refusal)) => Err(refusal.message.clone()),
                (None, None) => Err("no answer".to_owned()),
            },
            models: (content.least.zip(content.greatest))
                .map_or_else(dash, |(least, greatest)| range(format, least, greatest)),
            cost: format.money(content.cost),
        })
        .collect()
}

/// What content is credited with together, less what experiments measured in the same data; its cost.
pub(crate) fn credited(format: Format, finding: &LedgerFinding) -> Option<CreditLine> {
    let credit = finding.credit.as_ref().filter(|credit| credit.counts())?;
    Some(CreditLine {
        content: CREDITED.to_owned(),
        credit: Ok(Shown {
            estimate: format.money(credit.counted.amount),
            low: format.round_money(credit.counted.low),
            high: format.round_money(credit.counted.high),
        }),
        models: dash(),
        cost: format.money(credit.cost),
    })
}

/// What is credited beside the ledger's total, and why it is not in it.
pub(crate) fn credited_verdict(format: Format, finding: &LedgerFinding) -> Option<String> {
    let credit = finding.credit.as_ref().filter(|credit| credit.counts())?;
    let currency = &finding.currency;
    Some(format!(
        "Content that cost {} is credited with {} by observation: this is no increment and has no return, because credit \
         shares out orders that would have come anyway, too.",
        format.amount(credit.cost, currency),
        format.amount(credit.counted.amount, currency),
    ))
}

/// What of the credit is no money that experiments measured, or why there is none.
pub(crate) fn credit_sentence(format: Format, finding: &LedgerFinding) -> Option<String> {
    let credit = finding.credit.as_ref()?;
    if let Some(refusal) = &credit.refusal {
        return Some(format!("No credit counts: {}", refusal.message));
    }
    Some(format!(
        "Of {} credited by `{}` ({}), {} may be what experiments measured in the same data and is taken off: {} is \
         credited by observation, at grade D, and is in no total",
        format.money(credit.credited),
        credit.attribution,
        credit::name(credit.model),
        format.money(credit.measured_already),
        format.money(credit.counted.amount),
    ))
}

/// The lines beside the total that are shown, and how many there are more.
pub(crate) fn beside(format: Format, finding: &LedgerFinding) -> (Vec<BesideLine>, usize) {
    let shown = finding.beside.iter().take(MOST_BESIDE);
    let lines: Vec<BesideLine> = shown.map(|line| beside_line(format, line)).collect();
    let more = finding.beside.len() - lines.len();
    (lines, more)
}

fn beside_line(format: Format, line: &Beside) -> BesideLine {
    let what = match line.what {
        BesideWhat::Lift => "lift of",
        BesideWhat::Lifetime => "lives by",
        BesideWhat::Credit => "credit by",
        BesideWhat::CalibratedCredit => "credit, calibrated, by",
        BesideWhat::Incremental => "lost without it by",
        BesideWhat::AboveAverage => "above average by",
    };
    BesideLine {
        name: line.name.clone(),
        what: format!("{what} {}", line.source),
        amount: match (line.amount, &line.refusal) {
            (Some(amount), _) => Ok(Shown {
                estimate: format.money(amount),
                low: line.low.map_or_else(dash, |low| format.round_money(low)),
                high: line.high.map_or_else(dash, |high| format.round_money(high)),
            }),
            (None, Some(refusal)) => Err(refusal.message.clone()),
            (None, None) => Err("no answer".to_owned()),
        },
        cost: line.cost.map_or_else(dash, |cost| format.money(cost)),
        grade: grade(line.grade),
        because: line.because.clone(),
    }
}

fn range(format: Format, low: Money, high: Money) -> String {
    format!(
        "{} to {}",
        format.round_money(low),
        format.round_money(high)
    )
}

fn dash() -> String {
    "–".to_owned()
}
