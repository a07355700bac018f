//! The ledger: a row for each initiative, and their total.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Catalog, Initiative};
use measure::audience::{Check, CheckKind, LifetimeFinding, LiftFinding, Severity};
use measure::content::{AttributionFinding, PerformanceFinding};
use measure::{Provenance, Reason, Refusal};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::beside::beside;
use crate::costs::costs;
use crate::credit::{CountedCredit, counted_credit, refusals};
use crate::finding::{Grade, InitiativeValue, LedgerFinding, Money, Total};
use crate::increment::{Measured, increments, shown};
use crate::payback::payback;
use crate::programme::programmes;
use crate::sum::Sum;

/// The level of the ledger's intervals.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// What a project has measured, as far as it can become money.
#[derive(Debug, Clone, Copy, Default)]
pub struct Findings<'a> {
    pub lifts: &'a [LiftFinding],
    /// Those with an experiment.
    pub lifetimes: &'a [LifetimeFinding],
    /// Those that share out money.
    pub attributions: &'a [AttributionFinding],
    pub performances: &'a [PerformanceFinding],
}

/// Values a project's initiatives by what their experiments measured.
///
/// For each initiative `increment = lift x customers x margin`, `net = increment - cost`, `ROI = net / cost`. Costs
/// are amounts paid, without error (those of a month, of the whole time without discount), so that the interval of ROI is that of the increment, moved and scaled. Amounts
/// are decimals to the cent, and every sum is the sum of the rows shown. An effect counts once, as measured, unless
/// the catalog says that it recurs. The estimand is the margin that the treated customers brought in because of the
/// initiative; `probability_positive` is that of a flat prior, the one-sided confidence that the increment exceeds
/// the cost.
///
/// In the total, increments of different experiments are added as independent, with the degrees of freedom of Welch and
/// Satterthwaite; those of one experiment share the reference arm, and their covariance `w_i w_j Var(reference mean)` is
/// in its standard error.
///
/// An initiative with `lifetime` counts by what its customers' lives gain, in place of the lift. What attribution credits
/// to content with `credit`, beyond what experiments measured, is observed and not caused: it has a line of its own, which
/// the total's increment, cost, return and probability leave out. All else that is known in money stands beside the
/// total, so that no money is counted twice.
pub fn ledger(catalog: &Catalog, findings: &Findings<'_>, provenance: Provenance) -> LedgerFinding {
    let mut rows = Vec::new();
    let mut counted: Vec<Measured> = Vec::new();
    for initiative in catalog.initiatives() {
        let (row, measured) = value_of(catalog, initiative, findings);
        if row.net.is_some() {
            counted.extend(measured);
        }
        rows.push(row);
    }
    let refused = rows.iter().filter(|row| row.net.is_none()).count() as u64;
    let credit = counted_credit(catalog, findings.attributions, &counted);
    LedgerFinding {
        format: LedgerFinding::FORMAT.to_owned(),
        project: catalog.project().name.clone(),
        currency: catalog.project().currency.clone(),
        confidence: CONFIDENCE,
        total: total(&rows, &counted, credit.as_ref()),
        caveats: caveats(catalog, &rows, &counted, findings, credit.as_ref()),
        refused,
        programmes: programmes(catalog, findings.lifts),
        beside: beside(catalog, findings, &rows),
        credit,
        initiatives: rows,
        provenance,
    }
}

fn value_of(
    catalog: &Catalog,
    initiative: &Initiative,
    findings: &Findings<'_>,
) -> (InitiativeValue, Vec<Measured>) {
    let mut row = InitiativeValue {
        name: initiative.name.clone(),
        team: initiative.team.clone(),
        level: initiative.level,
        customers: 0,
        increments: Vec::new(),
        costs: Vec::new(),
        increment: None,
        increment_low: None,
        increment_high: None,
        increment_se: None,
        cost: Money::default(),
        net: None,
        roi: None,
        probability_positive: None,
        break_even_lift: None,
        payback: None,
        grade: None,
        refusal: None,
    };
    let measured = match fill(&mut row, catalog, initiative, findings) {
        Ok(measured) => measured,
        Err(refusal) => {
            row.refusal = Some(refusal);
            Vec::new()
        }
    };
    (row, measured)
}

/// Fills the row as far as the data support it; costs are counted even where the increment is refused.
fn fill(
    row: &mut InitiativeValue,
    catalog: &Catalog,
    initiative: &Initiative,
    findings: &Findings<'_>,
) -> Result<Vec<Measured>, Refusal> {
    let shown = shown(initiative, findings.lifts);
    let lifetime = match &initiative.lifetime {
        None => None,
        Some(name) => Some(lifetime_of(name, findings.lifetimes)?),
    };
    row.customers = shown.iter().map(|shown| shown.arm.customers).sum();
    let mut uncounted = None;
    for cost in costs(catalog, initiative, &shown, lifetime) {
        match cost {
            Ok(line) => row.costs.push(line),
            Err(refusal) => uncounted = uncounted.or(Some(refusal)),
        }
    }
    row.cost = Money(row.costs.iter().map(|line| line.amount.0).sum());
    let measured = increments(catalog, initiative, &shown, lifetime)?;
    if lifetime.is_some() {
        // Lives are those of the customers in the process that is modelled: some of those reached.
        row.customers = measured
            .iter()
            .map(|measured| measured.increment.customers)
            .sum();
    }
    row.increments = measured
        .iter()
        .map(|measured| measured.increment.clone())
        .collect();
    let sum = Sum::of(&measured);
    row.increment = Some(sum.amount);
    row.increment_low = Money::from_f64(sum.low());
    row.increment_high = Money::from_f64(sum.high());
    row.increment_se = Some(sum.se);
    row.grade = row.increments.iter().map(|increment| increment.grade).max();
    if let Some(refusal) = uncounted {
        return Err(refusal);
    }
    row.net = Some(Money(sum.amount.0 - row.cost.0));
    row.roi = sum.roi(row.cost);
    row.probability_positive = Some(sum.probability_above(row.cost));
    if let ([only], [shown]) = (measured.as_slice(), shown.as_slice()) {
        row.break_even_lift = (only.weight > 0.0).then(|| row.cost.to_f64() / only.weight);
        row.payback = payback(initiative, &only.increment, shown.lift, row.cost.to_f64());
    }
    Ok(measured)
}

fn lifetime_of<'l>(
    name: &str,
    lifetimes: &'l [LifetimeFinding],
) -> Result<&'l LifetimeFinding, Refusal> {
    let found = lifetimes.iter().find(|found| found.lifetime == name);
    found.ok_or_else(|| {
        let message = format!("the lifetime `{name}` is not measured");
        Refusal::new(Reason::Undeclared, message)
    })
}

/// The sum of what experiments measured; none where they measured nothing. What is credited has a field of its own: it
/// shares out orders whole, and is no margin that was added, so that no return and no probability rests on it.
fn total(
    rows: &[InitiativeValue],
    counted: &[Measured],
    credit: Option<&CountedCredit>,
) -> Option<Total> {
    let sum = Sum::of(counted);
    let costs = rows.iter().filter(|row| row.net.is_some());
    let cost = Money(costs.map(|row| row.cost.0).sum());
    let graded: Vec<(Grade, Money)> = counted
        .iter()
        .flat_map(|measured| measured.increment.graded())
        .collect();
    Some(Total {
        increment: sum.amount,
        increment_low: Money::from_f64(sum.low())?,
        increment_high: Money::from_f64(sum.high())?,
        increment_se: sum.se,
        cost,
        net: Money(sum.amount.0 - cost.0),
        roi: sum.roi(cost),
        probability_positive: sum.probability_above(cost),
        grade: graded.iter().map(|(grade, _)| *grade).max()?,
        by_grade: by_grade(&graded),
        credited: credit
            .filter(|credit| credit.counts())
            .map(|credit| credit.counted.amount),
    })
}

/// How much of the money, gains and losses alike, rests on which grade.
fn by_grade(graded: &[(Grade, Money)]) -> Vec<(Grade, f64)> {
    let mut amounts: BTreeMap<Grade, Decimal> = BTreeMap::new();
    for (grade, amount) in graded {
        *amounts.entry(*grade).or_default() += amount.0.abs();
    }
    let all: Decimal = amounts.values().sum();
    if all.is_zero() {
        return Vec::new();
    }
    amounts
        .into_iter()
        .filter_map(|(grade, amount)| Some((grade, (amount / all).to_f64()?)))
        .collect()
}

fn caveats(
    catalog: &Catalog,
    rows: &[InitiativeValue],
    counted: &[Measured],
    findings: &Findings<'_>,
    credit: Option<&CountedCredit>,
) -> Vec<String> {
    let mut caveats = Vec::new();
    let refused = rows.iter().filter(|row| row.net.is_none()).count();
    if refused > 0 {
        let all = rows.len();
        let initiatives = if all == 1 {
            "initiative"
        } else {
            "initiatives"
        };
        let (have, are) = if refused == 1 {
            ("has", "is")
        } else {
            ("have", "are")
        };
        caveats.push(format!(
            "{refused} of {all} {initiatives} {have} no number and {are} not in the total"
        ));
    }
    let mut experiments: Vec<&str> = counted
        .iter()
        .map(|measured| measured.increment.experiment.as_str())
        .collect();
    experiments.sort_unstable();
    experiments.dedup();
    // What the experiments warn of holds for the money that rests on them.
    let lifts = findings.lifts.iter();
    let of_money = lifts.filter(|lift| experiments.contains(&lift.experiment.as_str()));
    let mut stale = BTreeSet::new();
    for lift in of_money {
        let warnings = lift.checks.iter();
        let warnings = warnings.filter(|check| check.severity >= Severity::Warning);
        caveats.extend(warnings.map(|check| check_caveat(&lift.experiment, check)));
        // The lake is one for all experiments.
        let sources = lift.checks.iter();
        let sources = sources.filter(|check| check.check == CheckKind::Sources);
        stale.extend(sources.map(|check| check.message.clone()));
    }
    caveats.extend(stale);
    if experiments.len() > 1 {
        caveats.push(
            "the total adds increments of separate experiments as if they were independent; where they ran on the \
             same customers at the same time, compare it with a universal holdout"
                .to_owned(),
        );
    }
    if counted
        .iter()
        .any(|measured| measured.increment.rounds.len() > 1)
    {
        caveats.push(
            "rounds after the measured one are extrapolated (grade B): their interval holds only the error of the \
             measured lift"
                .to_owned(),
        );
    }
    caveats.extend(counted.iter().filter_map(lives_caveat));
    caveats.extend(credit.and_then(CountedCredit::caveat));
    caveats.extend(refusals(catalog, findings.attributions));
    caveats
}

/// A check of an experiment as a caveat of the money that rests on it.
#[must_use]
pub fn check_caveat(experiment: &str, check: &Check) -> String {
    format!("experiment `{experiment}`: {}", check.message)
}

/// How much of an increment over customers' lives nobody has seen.
fn lives_caveat(measured: &Measured) -> Option<String> {
    let increment = &measured.increment;
    let life = increment.lifetime.as_ref()?;
    let modelled = increment.amount.to_f64() - measured.within_the_data().to_f64();
    // Gains and losses that balance in part are no shares of what is left.
    let share = match modelled / increment.amount.to_f64() {
        share if (0.0..=1.0).contains(&share) => format!(", {:.0} % of it", 100.0 * share),
        _ => format!(", {modelled:.2} of {:.2}", increment.amount.to_f64()),
    };
    Some(format!(
        "the arm `{}` of `{}` counts by customers' lives (`{}`): what comes after the data{share} is modelled, and its interval holds the \
         error of the model's parameters, and not the doubt whether the model is right",
        increment.arm, increment.experiment, life.lifetime
    ))
}
