//! The sections of the ledger: return by initiative, where increments come from, costs.

use value::{CostLine, InitiativeValue, LedgerFinding};

use super::ReportError;
use super::block::Section;
use super::forest::{Mark, Row};
use super::page::{FORMAT, Figure, percent, quoted, sentence};
use super::worth;
use crate::format::Shown;
use crate::{programmes, words};

/// What the sections show.
pub(super) struct Money {
    pub(super) level: String,
    pub(super) figure: Option<Figure>,
    pub(super) rows: Vec<Initiative>,
    pub(super) total: Option<Initiative>,
    pub(super) refused: Vec<Refused>,
    pub(super) programmes_title: &'static str,
    pub(super) programmes: Vec<String>,
    pub(super) rounds: Vec<Round>,
    /// Customers' lives, credit, and what is not in the total.
    pub(super) worth: Option<Section>,
    pub(super) costs: Vec<Cost>,
    /// Whether content that is credited cost something, which `costs` leaves out.
    pub(super) credit_has_cost: bool,
    /// Of initiatives with a number, which the ledger's total has.
    pub(super) cost_counted: String,
    pub(super) cost_refused: String,
    pub(super) cost_total: String,
}

/// A row of the ledger; of the total, fields that do not add up are empty.
pub(super) struct Initiative {
    pub(super) name: String,
    /// Team and level.
    pub(super) about: String,
    pub(super) grade: &'static str,
    pub(super) customers: String,
    pub(super) increment: String,
    pub(super) increment_interval: String,
    pub(super) cost: String,
    pub(super) net: String,
    pub(super) roi: String,
    pub(super) roi_interval: String,
    pub(super) probability: String,
    pub(super) lifts: Vec<Shown>,
    pub(super) break_even: String,
    pub(super) payback: String,
}

pub(super) struct Refused {
    pub(super) name: String,
    pub(super) reason: String,
    pub(super) cost: String,
}

/// One round of one increment.
pub(super) struct Round {
    pub(super) initiative: String,
    pub(super) source: String,
    pub(super) lift: String,
    pub(super) interval: String,
    pub(super) customers: String,
    pub(super) margin: String,
    pub(super) retained: String,
    pub(super) discount: String,
    pub(super) amount: String,
    pub(super) grade: &'static str,
}

pub(super) struct Cost {
    pub(super) initiative: String,
    pub(super) name: String,
    pub(super) per: String,
    pub(super) price: String,
    pub(super) quantity: String,
    pub(super) amount: String,
}

impl Money {
    pub(super) fn new(ledger: &LedgerFinding) -> Result<Self, ReportError> {
        let initiatives = &ledger.initiatives;
        let level = FORMAT.level(ledger.confidence);
        let mut plotted: Vec<Row> = initiatives
            .iter()
            .filter_map(|row| plot_row(&row.name, row.roi.as_ref()))
            .collect();
        plotted.extend(
            ledger
                .total
                .as_ref()
                .and_then(|total| plot_row("Total", total.roi.as_ref())),
        );
        let label =
            "Plot of the return on investment by initiative; the table below has the same numbers"
                .to_owned();
        let caption = format!(
            "Return on investment with {level} intervals: net over cost, so that 0{0}% has just earned its cost. Filled \
             circle: more than its cost; square: less; hollow circle: the interval holds 0{0}%.",
            '\u{a0}'
        );
        let sum = |counted: &dyn Fn(&InitiativeValue) -> bool| {
            let summed = initiatives.iter().filter(|initiative| counted(initiative));
            FORMAT.money(value::Money(
                summed.map(|initiative| initiative.cost.0).sum(),
            ))
        };
        Ok(Self {
            level,
            figure: Figure::draw(label, &caption, &plotted)?,
            rows: initiatives.iter().filter_map(row).collect(),
            total: ledger.total.as_ref().map(total),
            refused: initiatives
                .iter()
                .filter(|initiative| initiative.net.is_none())
                .map(refused)
                .collect(),
            programmes_title: programmes::TITLE,
            programmes: programmes::sentences(FORMAT, ledger)
                .iter()
                .map(|says| quoted(says))
                .collect(),
            rounds: initiatives.iter().flat_map(rounds).collect(),
            worth: worth::section(ledger),
            costs: initiatives
                .iter()
                .flat_map(|initiative| initiative.costs.iter().map(|line| cost(initiative, line)))
                .collect(),
            credit_has_cost: (ledger.credit.as_ref())
                .is_some_and(|credit| credit.cost > value::Money::default()),
            cost_counted: sum(&|initiative| initiative.net.is_some()),
            cost_refused: sum(&|initiative| initiative.net.is_none()),
            cost_total: sum(&|_| true),
        })
    }
}

fn plot_row(name: &str, roi: Option<&value::Estimate>) -> Option<Row> {
    let roi = roi?;
    let shown = FORMAT.relative(roi.into());
    Some(Row {
        label: name.to_owned(),
        effect: percent(roi.into()),
        shown: shown.in_line(),
        mark: match (roi.low > 0.0, roi.high < 0.0) {
            (true, _) => Mark::Good,
            (_, true) => Mark::Bad,
            _ => Mark::Unclear,
        },
    })
}

fn interval(low: value::Money, high: value::Money) -> String {
    format!(
        "{} to {}",
        FORMAT.round_money(low),
        FORMAT.round_money(high)
    )
}

fn dash() -> String {
    "–".to_owned()
}

/// None for an initiative without a number.
fn row(initiative: &InitiativeValue) -> Option<Initiative> {
    let (roi, roi_interval) = roi(initiative.roi.as_ref());
    let team = initiative
        .team
        .as_ref()
        .map(|team| format!("{team}, "))
        .unwrap_or_default();
    let bounds = initiative.increment_low.zip(initiative.increment_high);
    Some(Initiative {
        name: initiative.name.clone(),
        about: format!(
            "{team}level {}: {}",
            initiative.level,
            words::level(initiative.level)
        ),
        grade: initiative.grade.map_or("–", words::grade),
        customers: FORMAT.count(initiative.customers),
        increment: FORMAT.money(initiative.increment?),
        increment_interval: bounds
            .map(|(low, high)| interval(low, high))
            .unwrap_or_default(),
        cost: FORMAT.money(initiative.cost),
        net: FORMAT.money(initiative.net?),
        roi,
        roi_interval,
        probability: initiative
            .probability_positive
            .map_or_else(dash, |probability| FORMAT.probability(probability)),
        lifts: words::measured_lifts(FORMAT, initiative),
        break_even: initiative
            .break_even_lift
            .map_or_else(dash, |lift| words::break_even(FORMAT, initiative, lift)),
        payback: initiative
            .payback
            .as_ref()
            .map_or_else(dash, |payback| words::payback(FORMAT, payback)),
    })
}

fn total(total: &value::Total) -> Initiative {
    let (roi, roi_interval) = roi(total.roi.as_ref());
    Initiative {
        name: "Total".to_owned(),
        about: String::new(),
        grade: words::grade(total.grade),
        customers: String::new(),
        increment: FORMAT.money(total.increment),
        increment_interval: interval(total.increment_low, total.increment_high),
        cost: FORMAT.money(total.cost),
        net: FORMAT.money(total.net),
        roi,
        roi_interval,
        probability: FORMAT.probability(total.probability_positive),
        lifts: Vec::new(),
        break_even: String::new(),
        payback: String::new(),
    }
}

fn roi(roi: Option<&value::Estimate>) -> (String, String) {
    match words::roi(FORMAT, roi) {
        Ok(shown) => (shown.estimate.clone(), shown.interval()),
        Err(reason) => (reason.to_owned(), String::new()),
    }
}

fn refused(initiative: &InitiativeValue) -> Refused {
    Refused {
        name: initiative.name.clone(),
        reason: sentence(words::no_number(initiative)),
        cost: FORMAT.money(initiative.cost),
    }
}

fn rounds(initiative: &InitiativeValue) -> Vec<Round> {
    let mut rows = Vec::new();
    for increment in &initiative.increments {
        let lift = FORMAT.absolute(catalog::Unit::Money, (&increment.lift).into());
        let kind = if increment.adjusted {
            "adjusted"
        } else {
            "plain"
        };
        for (number, round) in increment.rounds.iter().enumerate() {
            rows.push(Round {
                initiative: initiative.name.clone(),
                source: format!(
                    "{}, {}: {} ({kind}), round {}",
                    increment.experiment,
                    increment.arm,
                    increment.metric,
                    number + 1
                ),
                lift: lift.estimate.clone(),
                interval: lift.interval(),
                customers: FORMAT.count(round.customers),
                margin: FORMAT.percent(increment.margin, 1),
                retained: FORMAT.percent(round.retained, 0),
                discount: FORMAT.fixed(round.discount, 4),
                amount: FORMAT.money(round.amount),
                grade: words::grade(round.grade),
            });
        }
    }
    rows
}

fn cost(initiative: &InitiativeValue, line: &CostLine) -> Cost {
    Cost {
        initiative: initiative.name.clone(),
        name: line.name.clone(),
        per: line.per.clone(),
        price: words::price(FORMAT, line),
        quantity: FORMAT.quantity(line.quantity),
        amount: FORMAT.money(line.amount),
    }
}
