//! Findings whose amounts can be worked out by hand.

use std::path::{Path, PathBuf};

use catalog::{Better, Catalog, Role, Unit};
use measure::Provenance;
use measure::audience::{
    ArmFinding, Comparison, Customers, Estimate, LiftFinding, Outcome, Pair, Period, Touches,
    Verdict,
};
use rust_decimal::Decimal;
use value::{Findings, LedgerFinding, Money, ledger};

pub(crate) const CATALOG: &str = "
{ kind: source, name: s, path: s.csv }
---
{ kind: fact, name: f, source: s, customer: id, time: at }
---
{ kind: metric, name: spend, fact: f, aggregate: sum, value: x, unit: money }
---
{ kind: initiative, name: one, level: 3 }
---
{ kind: initiative, name: two, level: 5 }
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
{ kind: cost, name: sending, initiative: one, amount: 0.02, per: customer }
---
{ kind: cost, name: creative, initiative: one, amount: 500, per: once }
---
{ kind: cost, name: sending, initiative: two, amount: 0.03, per: customer }
";

pub(crate) fn catalog(documents: &str) -> Catalog {
    let files = [
        (
            PathBuf::from("touchstone.yaml"),
            "name: Test\nmargin: 0.5\ndiscount_rate: 0.1\n".to_owned(),
        ),
        (PathBuf::from("catalog/test.yaml"), documents.to_owned()),
    ];
    match Catalog::from_sources(Path::new("."), files, &|_| None) {
        Ok(catalog) => catalog,
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn provenance() -> Provenance {
    Provenance {
        sources: Vec::new(),
        definitions: String::new(),
        touchstone: String::new(),
        engine: String::new(),
    }
}

/// A lift of each arm: its name, the estimate, the standard error, the customers.
pub(crate) fn finding(arms: &[(&str, f64, f64, u64)]) -> LiftFinding {
    let against_se = 0.08;
    let comparison = |&(name, estimate, se, customers): &(&str, f64, f64, u64)| Comparison {
        metric: "spend".to_owned(),
        arm: name.to_owned(),
        against: "none".to_owned(),
        primary: true,
        unit: Unit::Money,
        ratio: false,
        better: Better::Increase,
        n: Pair {
            arm: customers,
            against: 1000,
        },
        missing: Pair { arm: 0, against: 0 },
        mean: Some(Pair {
            arm: 2.0 + estimate,
            against: 2.0,
        }),
        cut: None,
        quantile: None,
        maturity: None,
        caps: Vec::new(),
        funnel: Vec::new(),
        second_opinions: Vec::new(),
        outcome: Outcome {
            absolute: Some(Estimate {
                estimate,
                se,
                low: estimate - 1.96 * se,
                high: estimate + 1.96 * se,
                df: None,
            }),
            against_se: Some(against_se),
            ..Outcome::default()
        },
        adjusted: None,
        stratified: None,
        shrunk: None,
        verdict: Some(Verdict::Unclear),
        looking: None,
        among: measure::audience::AmongOthers::default(),
        by_day: None,
    };
    let arm = |name: &str, initiative: Option<&str>, customers| ArmFinding {
        name: name.to_owned(),
        role: Role::Personalized,
        initiative: initiative.map(str::to_owned),
        customers,
        expected_share: 0.5,
        touches: vec![Touches {
            fact: "f".to_owned(),
            number: 3 * customers,
        }],
    };
    let initiatives = [("a", "one"), ("b", "two")];
    let mut all_arms = vec![arm("none", None, 1000)];
    for (name, _, _, customers) in arms {
        let initiative = initiatives
            .iter()
            .find(|(arm, _)| arm == name)
            .map(|(_, initiative)| *initiative);
        all_arms.push(arm(name, initiative, *customers));
    }
    LiftFinding {
        format: LiftFinding::FORMAT.to_owned(),
        experiment: "test".to_owned(),
        hypothesis: None,
        alpha: 0.05,
        currency: "USD".to_owned(),
        against: "none".to_owned(),
        customers: Customers::default(),
        period: Some(Period {
            first: 0,
            last: 0,
            days: 20,
        }),
        arms: all_arms,
        metrics: arms.iter().map(comparison).collect(),
        segments: Vec::new(),
        checks: Vec::new(),
        plan: None,
        clusters: None,
        learned: Vec::new(),
        omnibus: None,
        trust: measure::audience::Trust::default(),
        together: measure::audience::Together::default(),
        refusal: None,
        provenance: provenance(),
    }
}

pub(crate) fn measured(documents: &str, arms: &[(&str, f64, f64, u64)]) -> LedgerFinding {
    of_lifts(&catalog(documents), &[finding(arms)])
}

pub(crate) fn of_lifts(catalog: &Catalog, lifts: &[LiftFinding]) -> LedgerFinding {
    let findings = Findings {
        lifts,
        ..Findings::default()
    };
    ledger(catalog, &findings, provenance())
}

pub(crate) fn money(text: &str) -> Money {
    Money(text.parse::<Decimal>().unwrap())
}
