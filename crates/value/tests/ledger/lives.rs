//! Initiatives that count by what customers' lives gain.

use measure::audience::{LifetimeFinding, LiftFinding, Period};
use measure::{Reason, Refusal};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use value::{BesideWhat, Findings, Grade, LedgerFinding, LifePart, Money, ledger};

use crate::fixture::{CATALOG, catalog, finding, money, of_lifts, provenance};

const Q: f64 = 1.959_963_984_540_054;

fn estimate((estimate, se): (f64, f64)) -> Value {
    json!({ "estimate": estimate, "se": se, "low": estimate - Q * se, "high": estimate + Q * se, "df": null })
}

/// Gains a customer: measured, to twelve months, beyond, each with its standard error, and the error of all three where
/// the treatment stops.
#[derive(Clone, Copy)]
struct Gains {
    measured: (f64, f64),
    to_twelve_months: (f64, f64),
    beyond: (f64, f64),
    whole_se: f64,
}

const GAINS: Gains = Gains {
    measured: (10.0, 3.0),
    to_twelve_months: (4.0, 1.0),
    beyond: (6.0, 2.0),
    whole_se: 3.5,
};

/// The lives of arm `a`: 800 customers observed for 100 days, a horizon of 1,000.
fn lives(effect: &str, gains: Gains) -> LifetimeFinding {
    let part = |amount| json!({ "amount": estimate(amount), "often": estimate(amount), "longer": estimate(amount), "more": estimate(amount) });
    let total = (0.0, 1.0);
    let value = json!({
        "format": LifetimeFinding::FORMAT, "lifetime": "lives", "unit": "margin", "currency": "USD", "margin": 0.5,
        "discount_rate": 0.1, "horizon": "1000 days", "horizon_days": 1000.0, "alpha": 0.05,
        "extent": {
            "rows": 1, "customers": 1600, "without_repeat": 0, "repeat_purchases": 1, "first_day": "2024-01-01",
            "last_day": "2024-12-31", "data_end": "2024-12-31", "left_out": [], "returns_netted": 0, "unmatched_returns": 0.0
        },
        "models": [], "by": [], "cohorts": [], "baselines": [], "acquisition": [], "checks": [],
        "provenance": { "sources": [], "definitions": "", "touchstone": "", "engine": "" },
        "incremental": {
            "experiment": "test", "against": "none", "effect": effect, "left_out": [],
            "arms": [{
                "arm": "a",
                "customers": { "arm": 800, "against": 810 }, "existing": { "arm": 0, "against": 0 },
                "never_bought": { "arm": 200, "against": 190 },
                "in_process": {
                    "days": 100.0, "mean": { "arm": 30.0, "against": 20.0 }, "difference": estimate(gains.measured),
                    "p_value": 0.001
                },
                "stays_on": {
                    "total": part(total), "window": part(total), "to_twelve_months": part(gains.to_twelve_months),
                    "beyond": part(gains.beyond)
                },
                "stops": {
                    "total": estimate((20.0, gains.whole_se)), "to_twelve_months": estimate(gains.to_twelve_months),
                    "beyond": estimate(gains.beyond)
                },
                "band": { "low": 18.0, "high": 25.0 }, "placebo": [], "refusals": []
            }]
        }
    });
    serde_json::from_value(value).unwrap()
}

/// The shop in which `one` counts by lives, with more documents.
fn shop(more: &str) -> catalog::Catalog {
    let documents = CATALOG.replace(
        "name: one, level: 3 }",
        "name: one, level: 3, lifetime: lives }",
    );
    catalog(&format!(
        "{documents}---\n{{ kind: lifetime, name: lives, fact: f, spend: x, experiment: test }}\n{more}"
    ))
}

fn tests() -> LiftFinding {
    finding(&[("a", 0.4, 0.1, 1000), ("b", 0.5, 0.1, 2000)])
}

fn counted(lives: LifetimeFinding) -> LedgerFinding {
    of(&shop(""), &[tests()], &[lives])
}

fn of(
    catalog: &catalog::Catalog,
    lifts: &[LiftFinding],
    lifetimes: &[LifetimeFinding],
) -> LedgerFinding {
    let findings = Findings {
        lifts,
        lifetimes,
        ..Findings::default()
    };
    ledger(catalog, &findings, provenance())
}

#[test]
fn a_life_counts_by_parts_that_follow_one_another_and_the_lift_stands_beside() {
    let found = counted(lives("stays-on", GAINS));
    let one = &found.initiatives[0];
    let increment = &one.increments[0];
    let life = increment.lifetime.as_ref().unwrap();
    let parts: Vec<_> = (life.parts.iter())
        .map(|part| (part.part, part.amount, part.grade))
        .collect();
    assert_eq!(
        parts,
        [
            (LifePart::Measured, money("8000.00"), Grade::A),
            (LifePart::ToTwelveMonths, money("3200.00"), Grade::B),
            (LifePart::Beyond, money("4800.00"), Grade::D),
        ]
    );
    // The lift, 0.4 x 1000 x 0.5, is of days that the first part has.
    assert_eq!(one.increment, Some(money("16000.00")));
    assert_eq!((one.grade, increment.rounds.len()), (Some(Grade::D), 0));
    let beside = &found.beside[0];
    assert_eq!(beside.what, BesideWhat::Lift);
    assert_eq!(beside.amount, Some(money("200.00")));
    // All parts rest on the same customers: 3 + 1 + 2 is the most that the error of their sum can be.
    assert!((increment.se - 6.0 * 800.0).abs() < 1e-9);
    let reach = Q * 6.0 * 800.0;
    assert!((increment.high.to_f64() - (16_000.0 + reach)).abs() < 0.01);
    assert!((one.break_even_lift.unwrap() - one.cost.to_f64() / 800.0).abs() < 1e-9);
    // Of the 1,000 reached, those whose lives the lift and the break-even lift are of.
    assert_eq!((one.customers, increment.customers), (800, 800));
    // 8,000 in 100 days: 520 is there in 6.5.
    assert_eq!(one.cost, money("520.00"));
    assert!((one.payback.unwrap().days.unwrap() - 6.5).abs() < 1e-9);
    assert!((one.payback.unwrap().of_days - 1000.0).abs() < 1e-9);
    assert!(
        found
            .caveats
            .iter()
            .any(|caveat| caveat.contains("50 % of it")),
        "{:?}",
        found.caveats
    );
}

#[test]
fn gains_and_losses_that_balance_in_part_are_no_shares() {
    let gains = Gains {
        to_twelve_months: (-4.0, 1.0),
        beyond: (-2.0, 2.0),
        ..GAINS
    };
    let found = counted(lives("stays-on", gains));
    let said = |words: &str| found.caveats.iter().any(|caveat| caveat.contains(words));
    // 800 times 10 - 4 - 2.
    assert!(
        said("after the data, -4800.00 of 3200.00 is modelled"),
        "{:?}",
        found.caveats
    );
}

#[test]
fn a_treatment_that_stops_has_the_error_that_the_lifetime_knows() {
    let found = counted(lives("stops", GAINS));
    let increment = &found.initiatives[0].increments[0];
    assert_eq!(increment.amount, money("16000.00"));
    assert!((increment.se - 3.5 * 800.0).abs() < 1e-9);
    assert!(increment.lifetime.as_ref().unwrap().models.is_none());
}

#[test]
fn arms_of_one_experiment_add_their_errors_where_one_counts_by_lives() {
    let total = counted(lives("stays-on", GAINS)).total.unwrap();
    // 6 x 800, and 0.1 x 2000 x 0.5 of the other arm's lift.
    assert!((total.increment_se - (4800.0 + 100.0)).abs() < 1e-9);
    assert_eq!(total.grade, Grade::D);
    let shares: f64 = total.by_grade.iter().map(|(_, share)| share).sum();
    assert!((shares - 1.0).abs() < 1e-12);
    // 8,000 measured and 500 by a lift, of 16,500.
    assert_eq!(total.by_grade[0].0, Grade::A);
    assert!((total.by_grade[0].1 - 8500.0 / 16_500.0).abs() < 1e-12);
}

#[test]
fn lives_that_nobody_declared_stand_beside_the_same_ledger() {
    let catalog = catalog(&format!(
        "{CATALOG}---\n{{ kind: lifetime, name: lives, fact: f, spend: x, experiment: test }}\n"
    ));
    let without = of_lifts(&catalog, &[tests()]);
    let with = of(&catalog, &[tests()], &[lives("stays-on", GAINS)]);
    assert_eq!(
        (&with.initiatives, &with.total),
        (&without.initiatives, &without.total)
    );
    let [beside] = with.beside.as_slice() else {
        panic!("{:?}", with.beside);
    };
    assert_eq!(
        (beside.what, beside.grade),
        (BesideWhat::Lifetime, Grade::D)
    );
    assert_eq!(beside.amount, Some(money("16000.00")));
    assert!(
        beside.because.contains("lifetime: lives"),
        "{}",
        beside.because
    );
}

#[test]
fn customers_who_are_treated_on_are_paid_for_to_the_horizon() {
    let costs = "---
{ kind: fact, name: t, source: s, customer: id, time: at }
---
{ kind: cost, name: shown, initiative: one, amount: 0.01, per: touch, fact: f }
---
{ kind: cost, name: share, initiative: one, amount: 0.1, per: revenue }
---
{ kind: cost, name: licence, initiative: one, amount: 10, per: month }
";
    // Ten days of assignment from 2024-01-01 on, whose metric has a window of 20 days.
    let mut test = tests();
    let first = 1_704_067_200_000_000;
    test.period = Some(Period {
        first,
        last: first + 10 * 86_400_000_000,
        days: 30,
    });
    let lines = |effect| {
        let found = of(
            &shop(costs),
            std::slice::from_ref(&test),
            &[lives(effect, GAINS)],
        );
        let lines = found.initiatives[0].costs.clone();
        lines
            .into_iter()
            .map(|line| (line.quantity, line.amount.to_f64()))
            .collect::<Vec<_>>()
    };
    // Days 100 to 1000 at ten per cent a year, in days: the sum of daily discounts by midpoints.
    let later: f64 = (100..1000)
        .map(|day| 1.1_f64.powf(-(f64::from(day) + 0.5) / 365.2425))
        .sum();
    let on = lines("stays-on");
    // 20 for sending once a customer, 500 once.
    assert_eq!((on[0].1, on[1].1), (20.0, 500.0));
    // 3,000 touches in 100 days go on for 900 more.
    assert!((on[2].0 - 30_000.0).abs() < 1e-6);
    assert!(
        (on[2].1 - 0.01 * 3000.0 * (1.0 + later / 100.0)).abs() < 0.01,
        "{:?}",
        on[2]
    );
    // 30 of margin a customer in 100 days are 60 of spend, for 800 customers.
    assert!((on[3].0 - 480_000.0).abs() < 1e-6);
    assert!(
        (on[3].1 - 0.1 * 48_000.0 * (1.0 + later / 100.0)).abs() < 0.1,
        "{:?}",
        on[3]
    );
    // Ten days of assignment and 1,000 of horizon are 34 begun months; the metric's window is not among them.
    assert_eq!(on[4], (34.0, 340.0));
    // What stops is paid for in the days observed: touches, spend, and the year 2024, whose 366 days are 13 begun months.
    let over = lines("stops");
    assert_eq!((over[2], over[4]), ((3000.0, 30.0), (13.0, 130.0)));
    assert_eq!(over[3], (48_000.0, 4_800.0));
}

#[test]
fn a_life_that_cannot_be_valued_is_refused_and_its_lift_does_not_take_its_place() {
    let refused = |lives: &LifetimeFinding, lift: LiftFinding| {
        let found = of(&shop(""), &[lift], std::slice::from_ref(lives));
        let one = &found.initiatives[0];
        assert_eq!(one.net, None);
        one.refusal.clone().unwrap()
    };
    let good = lives("stays-on", GAINS);

    // The lift is not in a total in which nothing of the initiative is.
    let mut unmeasured = tests();
    unmeasured.experiment = "other".to_owned();
    let found = of(&shop(""), &[unmeasured], std::slice::from_ref(&good));
    assert!(found.initiatives[0].refusal.is_some());
    assert!(
        found.beside[0].because.ends_with("and is refused"),
        "{:?}",
        found.beside
    );

    let mut unbounded = good.clone();
    let arm = &mut unbounded.incremental.as_mut().unwrap().arms[0];
    arm.stays_on = None;
    arm.refusals = vec![Refusal::new(Reason::UnboundedLifetime, "no end")];
    assert_eq!(
        refused(&unbounded, tests()).reason,
        Reason::UnboundedLifetime
    );

    let mut spend = good.clone();
    spend.unit = measure::audience::lifetime::LifetimeUnit::Spend;
    assert!(refused(&spend, tests()).message.contains("margin"));

    let mut lift = tests();
    lift.refusal = Some(Refusal::new(Reason::SampleRatioMismatch, "sizes"));
    assert_eq!(refused(&good, lift).reason, Reason::SampleRatioMismatch);

    let found = of(&shop(""), &[tests()], &[]);
    let refusal = found.initiatives[0].refusal.as_ref().unwrap();
    assert!(
        refusal.message.contains("`lives` is not measured"),
        "{refusal:?}"
    );
}

proptest! {
    /// Whatever the numbers: sums tie to the cent, each part is in exactly once, and what stands beside is in no sum.
    #[test]
    fn no_money_counts_twice(
        measured in (-50.0..50.0, 0.01..20.0), year in (-20.0..20.0, 0.01..9.0), beyond in (-20.0..20.0, 0.01..9.0),
        lift in -5.0..5.0, stays_on in any::<bool>(),
    ) {
        let gains = Gains { measured, to_twelve_months: year, beyond, ..GAINS };
        let lives = lives(if stays_on { "stays-on" } else { "stops" }, gains);
        let lifts = [finding(&[("a", lift, 0.1, 1000), ("b", 0.5, 0.1, 2000)])];
        let found = of(&shop(""), &lifts, &[lives]);
        let one = &found.initiatives[0];
        let life = one.increments[0].lifetime.as_ref().unwrap();
        let parts: Decimal = life.parts.iter().map(|part| part.amount.0).sum();
        prop_assert_eq!(Money(parts), one.increment.unwrap());
        prop_assert_eq!((life.parts.len(), life.observed_days), (3, 100.0));
        // The lift of the same days moves nothing but its own line.
        let other = of(&shop(""), &[tests()], &[self::lives(if stays_on { "stays-on" } else { "stops" }, gains)]);
        prop_assert_eq!(&found.total, &other.total);
        let rows: Decimal = found.initiatives.iter().map(|row| row.increment.unwrap().0).sum();
        let total = found.total.unwrap();
        prop_assert_eq!(total.increment.0, rows);
        prop_assert_eq!(total.increment.0 - total.cost.0, total.net.0);
        // No error of the sum is larger than the sum of the errors.
        let most = (measured.1 + year.1 + beyond.1) * 800.0;
        prop_assert!(!stays_on || one.increment_se.unwrap() <= most * (1.0 + 1e-12));
    }
}
