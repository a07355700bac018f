//! The ledger: a row for each initiative, and their total.

use std::collections::BTreeMap;

use catalog::{Catalog, Initiative};
use measure::audience::{LiftFinding, Severity};
use measure::{Provenance, Refusal};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use stats::tail::student_t_critical;

use crate::costs::costs;
use crate::finding::{
    Estimate, Grade, InitiativeValue, LedgerFinding, Money, MoneyEstimate, Payback, Total,
};
use crate::increment::{Measured, SECONDS_A_DAY, increments, shown};
use crate::programme::programmes;

/// The level of the ledger's intervals.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// Values a project's initiatives by what their experiments measured.
///
/// For each initiative `increment = lift x customers x margin`, `net = increment - cost`, `ROI = net / cost`. Costs
/// are amounts paid, without error (those of a month, of the whole time without discount), so that the interval of ROI is that of the increment, moved and scaled. Amounts
/// are decimals to the cent, and every sum is the sum of the rows shown. An effect counts once, as measured, unless
/// the catalog says that it recurs. The estimand is the margin that the treated customers brought in because of the
/// initiative; `probability_positive` is that of a flat prior, the one-sided confidence that the increment exceeds
/// the cost.
///
/// In the total, increments of different experiments are added as independent; those of one experiment share the
/// reference arm, and their covariance `w_i w_j Var(reference mean)` is in its standard error.
pub fn ledger(catalog: &Catalog, lifts: &[LiftFinding], provenance: Provenance) -> LedgerFinding {
    let mut rows = Vec::new();
    let mut counted: Vec<Measured> = Vec::new();
    for initiative in catalog.initiatives() {
        let (row, measured) = value_of(catalog, initiative, lifts);
        if row.net.is_some() {
            counted.extend(measured);
        }
        rows.push(row);
    }
    let refused = rows.iter().filter(|row| row.net.is_none()).count() as u64;
    LedgerFinding {
        format: LedgerFinding::FORMAT.to_owned(),
        project: catalog.project().name.clone(),
        currency: catalog.project().currency.clone(),
        confidence: CONFIDENCE,
        total: total(&rows, &counted),
        caveats: caveats(&rows, &counted, lifts, refused),
        refused,
        programmes: programmes(catalog, lifts),
        initiatives: rows,
        provenance,
    }
}

fn value_of(
    catalog: &Catalog,
    initiative: &Initiative,
    lifts: &[LiftFinding],
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
    let measured = match fill(&mut row, catalog, initiative, lifts) {
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
    lifts: &[LiftFinding],
) -> Result<Vec<Measured>, Refusal> {
    let shown = shown(initiative, lifts);
    row.customers = shown.iter().map(|shown| shown.arm.customers).sum();
    let mut uncounted = None;
    for cost in costs(catalog, initiative, &shown) {
        match cost {
            Ok(line) => row.costs.push(line),
            Err(refusal) => uncounted = uncounted.or(Some(refusal)),
        }
    }
    row.cost = Money(row.costs.iter().map(|line| line.amount.0).sum());
    let measured = increments(catalog, initiative, &shown)?;
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
        let days = shown.lift.period.map(|period| f64::from(period.days));
        row.payback = days.map(|days| payback(initiative, only, days, row.cost.to_f64()));
    }
    Ok(measured)
}

/// A sum of increments with its uncertainty.
pub(crate) struct Sum {
    pub(crate) amount: Money,
    pub(crate) se: f64,
    pub(crate) df: f64,
}

impl Sum {
    pub(crate) fn of(measured: &[Measured]) -> Self {
        let mut variance: f64 = measured
            .iter()
            .map(|measured| measured.increment.se.powi(2))
            .sum();
        for (i, a) in measured.iter().enumerate() {
            for b in &measured[i + 1..] {
                if a.shares_reference_with(b) {
                    variance += 2.0 * a.covariance_with(b);
                }
            }
        }
        Self {
            amount: Money(
                measured
                    .iter()
                    .map(|measured| measured.increment.amount.0)
                    .sum(),
            ),
            se: variance.sqrt(),
            // The fewest degrees of freedom among the parts: no narrower than any exact treatment of the sum.
            df: measured
                .iter()
                .map(|measured| measured.df)
                .fold(f64::INFINITY, f64::min),
        }
    }

    /// The sum with its interval; none where the amounts are too large for money.
    pub(crate) fn estimate(&self) -> Option<MoneyEstimate> {
        Some(MoneyEstimate {
            amount: self.amount,
            low: Money::from_f64(self.low())?,
            high: Money::from_f64(self.high())?,
            se: self.se,
        })
    }

    fn reach(&self) -> f64 {
        student_t_critical(1.0 - CONFIDENCE, self.df) * self.se
    }

    fn low(&self) -> f64 {
        self.amount.to_f64() - self.reach()
    }

    fn high(&self) -> f64 {
        self.amount.to_f64() + self.reach()
    }

    fn roi(&self, cost: Money) -> Option<Estimate> {
        let spent = cost.to_f64();
        (spent > 0.0).then(|| Estimate {
            estimate: (self.amount.to_f64() - spent) / spent,
            low: (self.low() - spent) / spent,
            high: (self.high() - spent) / spent,
        })
    }

    fn probability_above(&self, cost: Money) -> f64 {
        if self.se == 0.0 {
            return f64::from(u8::from(self.amount > cost));
        }
        stats::probability_above(self.amount.to_f64(), self.se, self.df, cost.to_f64()).p
    }
}

/// Counts the days until the margin added has paid for a cost that is spent on the first day.
///
/// Within a round the margin comes evenly over the round's days.
fn payback(initiative: &Initiative, measured: &Measured, first_days: f64, cost: f64) -> Payback {
    let later_days = initiative.recurs.as_ref().map_or(0.0, |recurs| {
        recurs.every.nominal_seconds() as f64 / SECONDS_A_DAY
    });
    let rounds = &measured.increment.rounds;
    let margin = measured.increment.margin;
    let days_at = |lift: f64| {
        let mut earned = 0.0;
        let mut days = 0.0;
        for (k, round) in rounds.iter().enumerate() {
            let length = if k == 0 { first_days } else { later_days };
            let in_round = lift * margin * round.customers as f64 * round.retained * round.discount;
            if in_round > 0.0 && earned + in_round >= cost {
                return Some(days + length * ((cost - earned) / in_round).max(0.0));
            }
            earned += in_round;
            days += length;
        }
        None
    };
    let lift = measured.increment.lift;
    Payback {
        days: days_at(lift.estimate),
        earliest_days: days_at(lift.high),
        latest_days: days_at(lift.low),
        of_days: first_days + later_days * (rounds.len() as f64 - 1.0),
    }
}

fn total(rows: &[InitiativeValue], counted: &[Measured]) -> Option<Total> {
    if counted.is_empty() {
        return None;
    }
    let sum = Sum::of(counted);
    let cost = Money(
        rows.iter()
            .filter(|row| row.net.is_some())
            .map(|row| row.cost.0)
            .sum(),
    );
    Some(Total {
        increment: sum.amount,
        increment_low: Money::from_f64(sum.low())?,
        increment_high: Money::from_f64(sum.high())?,
        increment_se: sum.se,
        cost,
        net: Money(sum.amount.0 - cost.0),
        roi: sum.roi(cost),
        probability_positive: sum.probability_above(cost),
        grade: counted
            .iter()
            .map(|measured| measured.increment.grade)
            .max()?,
        by_grade: by_grade(counted),
    })
}

/// How much of the money, gains and losses alike, rests on which grade.
fn by_grade(counted: &[Measured]) -> Vec<(Grade, f64)> {
    let mut amounts: BTreeMap<Grade, Decimal> = BTreeMap::new();
    for round in counted
        .iter()
        .flat_map(|measured| &measured.increment.rounds)
    {
        *amounts.entry(round.grade).or_default() += round.amount.0.abs();
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
    rows: &[InitiativeValue],
    counted: &[Measured],
    lifts: &[LiftFinding],
    refused: u64,
) -> Vec<String> {
    let mut caveats = Vec::new();
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
    for lift in lifts
        .iter()
        .filter(|lift| experiments.contains(&lift.experiment.as_str()))
    {
        let warnings = lift
            .checks
            .iter()
            .filter(|check| check.severity >= Severity::Warning);
        caveats.extend(
            warnings.map(|check| format!("experiment `{}`: {}", lift.experiment, check.message)),
        );
    }
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
    caveats
}
