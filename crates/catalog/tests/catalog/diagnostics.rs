use catalog::{Diagnostics, LoadError, Severity};

use crate::load;

/// What is wrong in one file of documents, beside a good `touchstone.yaml`.
fn mistakes(text: &str) -> Diagnostics {
    mistakes_in(&[("touchstone.yaml", "name: Shop"), ("catalog/a.yaml", text)])
}

fn mistakes_in(files: &[(&str, &str)]) -> Diagnostics {
    match load(files) {
        Err(LoadError::Invalid(diagnostics)) => diagnostics,
        other => panic!("{other:?}"),
    }
}
#[test]
fn show() {
    println!("{}", mistakes(BROKEN));
}
const BROKEN: &str = "\
kind: source
name: orders
path: ${NOWHERE}/orders.parquet
delimiter: ';'
---
kind: fact
name: order
sorce: orders
customer: 12
---
kind: fact
name: visit
customer: id
---
{ kind: metrc, name: m0 }
---
{ kind: metric, name: revenue, fact: ordr, aggregate: summ, value: amount, unit: money, margin: 50% }
---
{ kind: metric, name: visits, fact: visit, aggregate: count, value: x, window: { from: 2 days, to: 1 day } }
---
{ kind: metric, name: rate, aggregate: ratio, numerator: visits }
---
{ kind: metric, name: visits, fact: visit, aggregate: any, window: { to: 14 dys } }
---
name: lost
---
{ kind: initiative, name: a, level: 7, team: crm, name: b }
---
{ kind: initiative, name: good, level: 3, recurs: { every: 1 month, times: 0 } }
---
kind: experiment
name: e
assignment: { source: orders, customer: id, arm: arm }
arms:
  - { name: x, role: personalized, share: 0.5, initiative: c }
  - { name: y, role: shuffled, share: 0.4, initiative: c }
  - { name: x, role: Holdout, value: 007 }
metrics: { primary: revenue, secondary: [revenue, visitz] }
alpha: 0.9
covariates: [arm, { metric: visits, before: 28 days }]
---
kind: experiment
name: e2
assignment: { source: orders, customer: id, arm: arm }
arms:
  - { name: x, role: personalized, share: 0.5, initiative: good }
  - { name: y, role: shuffled, share: 0.4, initiative: good }
  - { name: x, role: personalized, value: y }
metrics: { primary: visits, secondary: [rate, visits] }
covariates: [arm, { metric: visits, before: 28 days }]
---
{ kind: cost, name: c, initiative: good, amount: 0.02 , per: touch, months: 3 }
---
{ kind: cost, name: c, initiative: good, amount: -1, per: month }
---
{ kind: cost, name: d, initiative: good, amount: 5, per: revenue, metric: visits }
---
kind: team
	name: x
---
- a
---
kind: team
name: two words
description:
";
