//! Initiatives that count by their lifts.

use catalog::{Better, Looks};
use measure::audience::{
    Check, CheckKind, LiftFinding, Maturity, Outcome, Pair, Period, PlanFinding, Severity,
};
use measure::{Reason, Refusal};
use proptest::prelude::*;
use rust_decimal::Decimal;
use value::{Grade, Money};

use crate::fixture::{CATALOG, catalog, finding, measured, money, of_lifts};

#[test]
fn an_initiative_is_lift_times_customers_times_margin_less_costs() {
    let found = measured(
        CATALOG,
        &[("a", 0.424_412, 0.13, 21_387), ("b", 0.5, 0.1, 1000)],
    );
    let one = &found.initiatives[0];
    // 0.424412 x 21387 x 0.5 = 4538.449..., 0.02 x 21387 + 500 = 927.74
    assert_eq!(one.increment, Some(money("4538.45")));
    assert_eq!(one.cost, money("927.74"));
    assert_eq!(one.net, Some(money("3610.71")));
    let roi = one.roi.unwrap();
    assert!((roi.estimate - 3610.71 / 927.74).abs() < 1e-12);
    let reach = 1.959_963_984_540_054 * 0.13 * 21_387.0 * 0.5;
    assert!((roi.high - (4538.45 + reach - 927.74) / 927.74).abs() < 1e-9);
    assert!((one.break_even_lift.unwrap() - 927.74 / (21_387.0 * 0.5)).abs() < 1e-12);
    let payback = one.payback.unwrap();
    assert!((payback.days.unwrap() - 20.0 * 927.74 / (0.424_412 * 21_387.0 * 0.5)).abs() < 1e-9);
    assert_eq!(one.grade, Some(Grade::A));
    // z = (4538.45 - 927.74) / (0.13 x 21387 x 0.5) = 2.5974
    assert!((one.probability_positive.unwrap() - 0.995_303).abs() < 1e-5);
}

#[test]
fn customers_whose_window_has_not_passed_have_brought_nothing_yet() {
    let mut lift = finding(&[("a", 0.4, 0.13, 1000), ("b", 0.5, 0.1, 1000)]);
    let maturity = |counted| Maturity {
        until: 0,
        not_matured: Pair {
            arm: 250,
            against: 240,
        },
        counted,
    };
    let increment = |lift: &LiftFinding| {
        let found = of_lifts(&catalog(CATALOG), std::slice::from_ref(lift));
        found.initiatives[0].increment
    };
    assert_eq!(increment(&lift), Some(money("200.00")));
    lift.metrics[0].maturity = Some(maturity(false));
    assert_eq!(increment(&lift), Some(money("150.00")));
    // Whoever counts with what is there so far is in the mean that the lift is of.
    lift.metrics[0].maturity = Some(maturity(true));
    assert_eq!(increment(&lift), Some(money("200.00")));
}

#[test]
fn an_interval_before_the_planned_end_is_as_wide_as_the_boundary() {
    let mut lift = finding(&[("a", 0.4, 0.13, 1000), ("b", 0.5, 0.1, 1000)]);
    let reach = |lift: &LiftFinding| {
        let found = of_lifts(&catalog(CATALOG), std::slice::from_ref(lift));
        let increment = &found.initiatives[0].increments[0];
        (increment.lift.high - increment.lift.estimate) / 0.13
    };
    assert!((reach(&lift) - 1.959_963_984_540_054).abs() < 1e-12);
    lift.plan = Some(PlanFinding {
        looks: Looks::Anytime,
        null_hypothesis: String::new(),
        minimum_effect: None,
        power: 0.8,
        customers: None,
        days: None,
        information: None,
        ended: false,
        critical: Some(3.1),
        remaining: None,
        history_refusal: None,
        sealed_at: None,
        sealed_hash: None,
        sealed_before_first_exposure: None,
        deviations: Vec::new(),
    });
    assert!((reach(&lift) - 3.1).abs() < 1e-12);
}

#[test]
fn arms_of_one_experiment_share_the_noise_of_their_reference() {
    let found = measured(CATALOG, &[("a", 0.4, 0.13, 1000), ("b", 0.5, 0.1, 2000)]);
    let total = found.total.unwrap();
    let (one, two): (f64, f64) = (1000.0 * 0.5, 2000.0 * 0.5);
    let variance = (one * 0.13).powi(2) + (two * 0.1).powi(2) + 2.0 * one * two * 0.08_f64.powi(2);
    assert!((total.increment_se - variance.sqrt()).abs() < 1e-9);
}

#[test]
fn what_recurs_counts_again_discounted_and_at_grade_b() {
    let documents = CATALOG.replace(
        "name: one, level: 3 }",
        "name: one, level: 3, recurs: { every: 1 year, times: 3, retained: 0.5 } }",
    );
    let found = measured(&documents, &[("a", 1.0, 0.1, 1000), ("b", 0.5, 0.1, 1000)]);
    let increment = &found.initiatives[0].increments[0];
    let amounts: Vec<Money> = increment.rounds.iter().map(|round| round.amount).collect();
    assert_eq!(amounts, [money("500.00"), money("227.27"), money("103.31")]);
    assert_eq!(found.initiatives[0].increment, Some(money("830.58")));
    let grades: Vec<Grade> = increment.rounds.iter().map(|round| round.grade).collect();
    assert_eq!(grades, [Grade::A, Grade::B, Grade::B]);
    // Delivery is paid in every round, at the value of today: 20 x (1 + 1/1.1 + 1/1.21) + 500
    assert_eq!(found.initiatives[0].cost, money("554.71"));
}

#[test]
fn every_kind_of_cost_is_counted_by_its_own_measure() {
    let documents = format!(
        "{CATALOG}---
{{ kind: cost, name: licence, initiative: two, amount: 10, per: month }}
---
{{ kind: cost, name: shown, initiative: two, amount: 0.001, per: touch, fact: f }}
---
{{ kind: cost, name: commission, initiative: two, amount: 0.05, per: revenue }}
"
    );
    let found = measured(&documents, &[("a", 0.4, 0.1, 1000), ("b", 0.5, 0.1, 1000)]);
    let amounts: Vec<Money> = found.initiatives[1]
        .costs
        .iter()
        .map(|line| line.amount)
        .collect();
    // 0.03 x 1000, one begun month, 0.001 x 3000 touches, 5 % of 2.5 x 1000
    assert_eq!(
        amounts,
        [
            money("30.00"),
            money("10.00"),
            money("3.00"),
            money("125.00")
        ]
    );
}

#[test]
fn what_cannot_be_supported_is_refused_and_left_out_of_the_total() {
    let catalog = catalog(CATALOG);
    let mut lift = finding(&[("a", 0.4, 0.1, 1000), ("b", 0.5, 0.1, 1000)]);
    lift.metrics[0].outcome = Outcome {
        refusal: Some(Refusal::new(Reason::TooLittleData, "one customer")),
        ..Outcome::default()
    };
    let found = of_lifts(&catalog, &[lift.clone()]);
    assert_eq!(
        found.initiatives[0].refusal.as_ref().unwrap().message,
        "one customer"
    );
    assert_eq!((found.initiatives[0].net, found.refused), (None, 1));
    // What it costs is known all the same.
    assert_eq!(found.initiatives[0].cost, money("520.00"));
    assert_eq!(
        found.total.unwrap().increment,
        found.initiatives[1].increment.unwrap()
    );

    lift.refusal = Some(Refusal::new(Reason::SampleRatioMismatch, "sizes"));
    let found = of_lifts(&catalog, &[lift]);
    assert!(found.total.is_none());
    assert_eq!(
        found.initiatives[1].refusal.as_ref().unwrap().reason,
        Reason::SampleRatioMismatch
    );

    let found = of_lifts(&catalog, &[]);
    assert_eq!(
        found.initiatives[0].refusal.as_ref().unwrap().reason,
        Reason::Undeclared
    );
}

#[test]
fn money_that_goes_away_is_gained_where_it_had_better_decrease() {
    let catalog = catalog(CATALOG);
    let mut lift = finding(&[("a", -0.4, 0.1, 1000), ("b", 0.5, 0.1, 1000)]);
    lift.metrics[0].better = Better::Decrease;
    let found = of_lifts(&catalog, &[lift]);
    let one = &found.initiatives[0];
    assert_eq!(one.increment, Some(money("200.00")));
    assert!(
        one.increment_low.unwrap() > Money::default() && one.probability_positive.unwrap() < 0.001
    );
    assert!(one.break_even_lift.unwrap() > 0.0);
}

#[test]
fn warnings_of_an_experiment_reach_the_ledger() {
    let mut lift = finding(&[("a", 0.4, 0.1, 1000), ("b", 0.5, 0.1, 1000)]);
    lift.checks.push(Check {
        check: CheckKind::MissingValues,
        severity: Severity::Warning,
        message: "not by chance".to_owned(),
        p_value: None,
        ln_p: None,
    });
    let found = of_lifts(&catalog(CATALOG), &[lift]);
    assert!(
        found
            .caveats
            .iter()
            .any(|caveat| caveat == "experiment `test`: not by chance"),
        "{:?}",
        found.caveats
    );
}

#[test]
fn a_lake_older_than_its_files_is_a_caveat_once() {
    let mut lift = finding(&[("a", 0.4, 0.1, 1000), ("b", 0.5, 0.1, 1000)]);
    let stale = "1 file of source `orders` has other content than was imported";
    for (check, message) in [
        (CheckKind::Sources, stale),
        (CheckKind::Assignment, "quiet"),
    ] {
        lift.checks.push(Check {
            check,
            severity: Severity::Notice,
            message: message.to_owned(),
            p_value: None,
            ln_p: None,
        });
    }
    // The same in each experiment that was measured on the lake.
    let found = of_lifts(&catalog(CATALOG), &[lift.clone(), lift]);
    let told = |text: &str| {
        found
            .caveats
            .iter()
            .filter(|said| said.contains(text))
            .count()
    };
    assert_eq!((told(stale), told("quiet")), (1, 0), "{:?}", found.caveats);
}

proptest! {
    #[test]
    fn sums_tie_to_the_cent(
        a in -5.0..5.0, b in -5.0..5.0, se_a in 0.001..3.0, se_b in 0.001..3.0, n_a in 1_u64..5_000_000, n_b in 1_u64..5_000_000,
    ) {
        let found = measured(CATALOG, &[("a", a, se_a, n_a), ("b", b, se_b, n_b)]);
        let total = found.total.unwrap();
        let mut net = Decimal::ZERO;
        for row in &found.initiatives {
            let lines: Decimal = row.costs.iter().map(|line| line.amount.0).sum();
            prop_assert_eq!(lines, row.cost.0);
            prop_assert_eq!(row.increment.unwrap().0 - row.cost.0, row.net.unwrap().0);
            net += row.net.unwrap().0;
        }
        prop_assert_eq!(net, total.net.0);
        prop_assert_eq!(total.increment.0 - total.cost.0, total.net.0);
        // The sign of the interval of ROI is that of the increment less the cost.
        let row = &found.initiatives[0];
        let roi = row.roi.unwrap();
        prop_assert!(roi.low <= roi.estimate && roi.estimate <= roi.high);
        let surely_positive = row.probability_positive.unwrap() > 0.975;
        prop_assert_eq!(surely_positive, roi.low > 0.0);
    }
}

/// Two initiatives tested against a control, and a holdout of both.
const PROGRAMME: &str = "
{ kind: source, name: s, path: s.csv }
---
{ kind: fact, name: f, source: s, customer: id, time: at }
---
{ kind: metric, name: spend, fact: f, aggregate: sum, value: x, unit: money }
---
{ kind: initiative, name: one, level: 3, tags: [crm], recurs: { every: 10 days, times: 5, retained: 0.5 } }
---
{ kind: initiative, name: two, level: 5, tags: [crm, app] }
---
{ kind: initiative, name: three, level: 5 }
---
kind: experiment
name: test
assignment: { source: s, customer: id, arm: arm, time: at }
arms:
  - { name: none, role: generic }
  - { name: a, role: personalized, initiative: one }
  - { name: b, role: personalized, initiative: two }
metrics: { primary: spend }
---
kind: experiment
name: universal
assignment: { source: s, customer: id, arm: arm, time: at }
arms:
  - { name: none, role: holdout }
  - { name: a, role: personalized, covers: { tag: crm } }
metrics: { primary: spend }
";

/// The holdout's lift of its programme, over 20 days.
fn held_out(estimate: f64, se: f64) -> LiftFinding {
    let mut lift = finding(&[("a", estimate, se, 4000)]);
    lift.experiment = "universal".to_owned();
    lift.arms[1].initiative = None;
    lift
}

#[test]
fn a_holdout_is_compared_with_the_sum_of_what_it_covers() {
    let tests = finding(&[("a", 0.4, 0.1, 1000), ("b", 0.6, 0.2, 500)]);
    let catalog = catalog(PROGRAMME);
    let found = of_lifts(&catalog, &[tests.clone(), held_out(0.25, 0.05)]);
    let [programme] = found.programmes.as_slice() else {
        panic!("{:?}", found.programmes);
    };
    assert_eq!(
        (programme.experiment.as_str(), programme.customers),
        ("universal", 4000)
    );
    // 0.25 x 4000 x 0.5, with a standard error of 0.05 x 4000 x 0.5.
    let measured = programme.measured.unwrap();
    assert_eq!(measured.amount, money("500"));
    assert!((measured.se - 100.0).abs() < 1e-12);
    // Two rounds of `one` begin within 20 days, of the second half is retained, and none is discounted.
    let [one, two] = programme.initiatives.as_slice() else {
        panic!("{:?}", programme.initiatives);
    };
    assert_eq!((one.rounds, two.rounds), (2, 1));
    assert_eq!(one.increment.unwrap().amount, money("300"));
    assert_eq!(two.increment.unwrap().amount, money("150"));
    assert_eq!(programme.sum.unwrap().amount, money("450"));
    // Both tests share the control: 75^2 + 50^2 + 2 (750 x 0.08) (250 x 0.08).
    let of_sum = (75.0_f64.powi(2) + 50.0_f64.powi(2) + 2.0 * 60.0 * 20.0).sqrt();
    assert!((programme.sum.unwrap().se - of_sum).abs() < 1e-9);
    let difference = programme.difference.unwrap();
    assert_eq!(difference.amount, money("50"));
    assert!((difference.se - of_sum.hypot(100.0)).abs() < 1e-9);
    assert_eq!(programme.agreement, Some(value::Agreement::Agrees));
    // Nothing of it is in the total.
    let alone = of_lifts(&catalog, std::slice::from_ref(&tests));
    assert_eq!(found.total, alone.total);
    assert!(alone.programmes[0].refusal.is_some());

    let less = of_lifts(&catalog, &[tests.clone(), held_out(0.01, 0.01)]);
    assert_eq!(less.programmes[0].agreement, Some(value::Agreement::Less));
    let more = of_lifts(&catalog, &[tests, held_out(0.9, 0.05)]);
    assert_eq!(more.programmes[0].agreement, Some(value::Agreement::More));
}

#[test]
fn a_sum_with_a_gap_is_not_compared() {
    // The test of `two` has no result.
    let tests = finding(&[("a", 0.4, 0.1, 1000)]);
    let found = of_lifts(&catalog(PROGRAMME), &[tests, held_out(0.25, 0.05)]);
    let programme = &found.programmes[0];
    assert_eq!(programme.sum.unwrap().amount, money("300"));
    assert!(programme.initiatives[1].refusal.is_some());
    assert_eq!((programme.difference, programme.agreement), (None, None));
}

#[test]
fn rounds_outside_the_holdouts_time_are_not_counted() {
    let tests = finding(&[("a", 0.4, 0.1, 1000), ("b", 0.6, 0.2, 500)]);
    let mut later = held_out(0.25, 0.05);
    // The holdout begins 25 days later: the fourth and fifth rounds of `one` begin in its 20 days, and nothing of `two`.
    let day = 86_400_000_000;
    later.period = Some(Period {
        first: 25 * day,
        last: 25 * day,
        days: 20,
    });
    let found = of_lifts(&catalog(PROGRAMME), &[tests, later]);
    let programme = &found.programmes[0];
    // 0.4 x 0.5 x 1000 x (1/8 + 1/16)
    assert_eq!(
        programme.initiatives[0].increment.unwrap().amount,
        money("37.50")
    );
    let refusal = programme.initiatives[1].refusal.as_ref().unwrap();
    assert!(refusal.message.contains("no round"), "{refusal:?}");
}
