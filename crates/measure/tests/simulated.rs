//! Simulated experiments whose truth is known, measured from their files to their findings: do intervals hold the truth
//! as often as they say, and how often is something found where nothing is?
//!
//! A few runs are always made; with `--run-ignored all` as many as the numbers in docs/verification.md are from.

#![allow(
    clippy::print_stdout,
    reason = "the shares are written into docs/verification.md"
)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use common::Project;
use lake::Lake;
use measure::audience::{Decision, LookingState, Relative, lift};
use stats::random::SplitMix64;
use stats::tail::normal_quantile;
use stats::uniformity::binomial_limits;

/// A right rate is outside the limits once in a million times.
const GAMMA: f64 = 1e-6;

/// Draws of one simulated experiment.
struct Draws(SplitMix64);

impl Draws {
    fn of(run: u64) -> Self {
        let mut seeds = SplitMix64::new(run);
        Self(SplitMix64::new(seeds.bits()))
    }

    fn happens(&mut self, probability: f64) -> bool {
        self.0.uniform() < probability
    }

    fn normal(&mut self) -> f64 {
        normal_quantile(self.0.uniform())
    }

    fn log_normal(&mut self, mu: f64, sigma: f64) -> f64 {
        (mu + sigma * self.normal()).exp()
    }
}

/// How many of some events happened.
#[derive(Debug, Default, Clone, Copy)]
struct Rate {
    happened: u64,
    of: u64,
}

impl Rate {
    fn note(&mut self, happened: bool) {
        self.happened += u64::from(happened);
        self.of += 1;
    }

    fn share(self) -> f64 {
        self.happened as f64 / self.of as f64
    }
}

type Rates = BTreeMap<String, Rate>;

/// Makes so many runs, on all processors, and adds up what they note.
fn simulated(runs: u64, run: impl Fn(u64, &mut Rates) + Sync) -> Rates {
    let (next, rates) = (AtomicU64::new(1), Mutex::new(Rates::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > runs {
                        break;
                    }
                    let mut noted = Rates::new();
                    run(seed, &mut noted);
                    let mut rates = rates.lock().unwrap();
                    for (what, rate) in noted {
                        let total = rates.entry(what).or_default();
                        total.happened += rate.happened;
                        total.of += rate.of;
                    }
                }
            });
        }
    });
    let rates = rates.into_inner().unwrap();
    for (what, rate) in &rates {
        println!("{what}: {:.4} of {}", rate.share(), rate.of);
    }
    rates
}

const CUSTOMERS: u64 = 1_200;
/// Of the reference arm, beside three times as many.
const UNEVEN: u64 = 4;

const METRICS: &str = "
{ kind: source, name: assignments, path: assignments.csv }
---
{ kind: source, name: visits, path: visits.csv }
---
{ kind: source, name: orders, path: orders.csv }
---
{ kind: source, name: steps, path: steps.csv }
---
{ kind: fact, name: visit, source: visits, customer: who, time: at }
---
{ kind: fact, name: order, source: orders, customer: who, time: at }
---
{ kind: fact, name: step, source: steps, customer: who, time: at }
---
{ kind: metric, name: revenue, fact: order, aggregate: sum, value: amount, unit: money, window: { to: 28 days } }
---
{ kind: metric, name: number-of-orders, fact: order, aggregate: count, unit: count, window: { to: 28 days } }
---
{ kind: metric, name: revenue-per-order, aggregate: ratio, numerator: revenue, denominator: number-of-orders, unit: money }
---
{ kind: metric, name: days-active, fact: visit, aggregate: days, unit: count, window: { to: 28 days } }
---
{ kind: metric, name: retention-in-week-4, fact: visit, aggregate: any, unit: share, window: { from: 21 days, to: 28 days } }
---
{ kind: metric, name: visits-p90, fact: visit, aggregate: quantile, value: load, quantile: 0.9, unit: number, window: { to: 28 days } }
---
{ kind: metric, name: minutes, fact: step, aggregate: sum, value: minutes, unit: number, window: { to: 28 days } }
---
{ kind: metric, name: median-of-customers, aggregate: quantile, of: minutes, quantile: 0.5, unit: number }
---
kind: metric
name: funnel
fact: step
aggregate: funnel
unit: share
window: { to: 28 days }
steps:
  - { name: product, where: page = 'product' }
  - { name: basket, where: page = 'basket' }
  - { name: paid, where: page = 'paid' }
---
kind: experiment
name: test
assignment: { source: assignments, customer: id, arm: arm, time: at }
arms: [{ name: a, role: generic, share: 0.25 }, { name: b, role: personalized, share: 0.75 }]
metrics:
  primary: revenue
  secondary:
    - revenue-per-order
    - days-active
    - retention-in-week-4
    - visits-p90
    - median-of-customers
    - funnel
multiplicity: none
until: 2024-04-01
";

/// What the arms are made of; the customers of both differ in nothing else.
struct World {
    /// The probability of a visit on each of 28 days.
    visit: f64,
    /// Of the logarithm of what a visit measures; customers differ from one another, too.
    load: f64,
    /// Of the logarithm of an order's amount.
    amount: f64,
    /// Of the logarithm of a customer's minutes.
    minutes: f64,
    /// The probability of paying what is in the basket.
    pays: f64,
}

const GENERIC: World = World {
    visit: 0.15,
    load: 0.0,
    amount: 3.0,
    minutes: 1.0,
    pays: 0.5,
};
const PERSONALIZED: World = World {
    visit: 0.18,
    load: 0.1,
    amount: 3.1,
    minutes: 1.2,
    pays: 0.6,
};

/// Between customers, and within them.
const LOAD_SIGMAS: (f64, f64) = (0.3, 0.5);
const AMOUNT_SIGMA: f64 = 0.9;
const MINUTES_SIGMA: f64 = 1.0;
/// One in five customers has one order, one in ten has two, the others have none.
const ORDERS: [f64; 2] = [0.3, 0.1];
const COMES_TO: [f64; 2] = [0.6, 0.5];

impl World {
    /// What each metric is on average over all customers that could be drawn.
    fn truth(&self, metric: &str) -> f64 {
        let order = (self.amount + AMOUNT_SIGMA * AMOUNT_SIGMA / 2.0).exp();
        match metric {
            "revenue" => ORDERS.iter().sum::<f64>() * order,
            "revenue-per-order" => order,
            "days-active" => 28.0 * self.visit,
            "retention-in-week-4" => 1.0 - (1.0 - self.visit).powi(7),
            "visits-p90" => {
                let sigma = LOAD_SIGMAS.0.hypot(LOAD_SIGMAS.1);
                (self.load + normal_quantile(0.9) * sigma).exp()
            }
            "median-of-customers" => self.minutes.exp(),
            "funnel" => COMES_TO.iter().product::<f64>() * self.pays,
            metric => panic!("{metric} has no truth"),
        }
    }
}

/// The files of one simulated experiment.
fn company(run: u64) -> Project {
    let mut draws = Draws::of(run);
    let mut assignments = "id,arm,at\n".to_owned();
    let mut visits = "who,at,load\n".to_owned();
    let mut orders = "who,at,amount\n".to_owned();
    let mut steps = "who,at,page,minutes\n".to_owned();
    for id in 0..CUSTOMERS {
        let (arm, world) = if id % UNEVEN == 0 {
            ("a", &GENERIC)
        } else {
            ("b", &PERSONALIZED)
        };
        writeln!(assignments, "{id},{arm},2024-01-01 00:00:00").unwrap();
        let own = LOAD_SIGMAS.0 * draws.normal();
        for day in 1..=28 {
            if draws.happens(world.visit) {
                let load = draws.log_normal(world.load + own, LOAD_SIGMAS.1);
                writeln!(visits, "{id},2024-01-{day:02} 12:00:00,{load}").unwrap();
            }
        }
        let chance = draws.0.uniform();
        for (number, share) in ORDERS.iter().enumerate() {
            if chance < *share {
                let amount = draws.log_normal(world.amount, AMOUNT_SIGMA);
                writeln!(
                    orders,
                    "{id},2024-01-{:02} 18:00:00,{amount}",
                    5 + 9 * number
                )
                .unwrap();
            }
        }
        let minutes = draws.log_normal(world.minutes, MINUTES_SIGMA);
        writeln!(steps, "{id},2024-01-02 08:00:00,start,{minutes}").unwrap();
        let chances = [COMES_TO[0], COMES_TO[1], world.pays];
        for (hour, (page, chance)) in ["product", "basket", "paid"]
            .iter()
            .zip(chances)
            .enumerate()
        {
            if !draws.happens(chance) {
                break;
            }
            writeln!(steps, "{id},2024-01-02 {:02}:00:00,{page},0", 9 + hour).unwrap();
        }
    }
    Project::new()
        .threads(1)
        .file("assignments.csv", &assignments)
        .file("visits.csv", &visits)
        .file("orders.csv", &orders)
        .file("steps.csv", &steps)
}

/// Whether the intervals of one experiment hold the truth.
fn cover(run: u64, rates: &mut Rates) {
    let finding = company(run).measure(METRICS).unwrap();
    assert_eq!(finding.refusal, None);
    assert_eq!(finding.metrics.len(), 7);
    for comparison in &finding.metrics {
        let metric = comparison.metric.as_str();
        let (own, generic) = (PERSONALIZED.truth(metric), GENERIC.truth(metric));
        let outcome = comparison.decisive().unwrap();
        let absolute = outcome.absolute.unwrap();
        let holds = |low: f64, high: f64, truth: f64| low <= truth && truth <= high;
        rates
            .entry(format!("{metric}, absolute"))
            .or_default()
            .note(holds(absolute.low, absolute.high, own - generic));
        let Some(Relative::Estimated { low, high, .. }) = &outcome.relative else {
            panic!("{metric} has no relative lift: {:?}", outcome.relative);
        };
        rates
            .entry(format!("{metric}, relative"))
            .or_default()
            .note(holds(*low, *high, own / generic - 1.0));
    }
}

/// Coverage is 95 %, but for what small and skewed samples cost or the steps of a quantile give.
fn check_coverage(runs: u64) {
    let rates = simulated(runs, cover);
    assert_eq!(rates.len(), 14);
    for (what, rate) in rates {
        assert_eq!(rate.of, runs);
        let (low, _) = binomial_limits(runs, 0.935, GAMMA);
        let (_, high) = binomial_limits(runs, 0.97, GAMMA);
        assert!(
            (low..=high).contains(&rate.happened),
            "{what}: {} of {} intervals hold the truth",
            rate.happened,
            rate.of
        );
    }
}

#[test]
fn intervals_of_all_kinds_of_metrics_hold_the_truth() {
    check_coverage(24);
}

#[test]
#[ignore = "takes minutes"]
fn intervals_of_all_kinds_of_metrics_hold_the_truth_often() {
    check_coverage(600);
}

/// One experiment without an effect, decided by different plans.
const PLANS: [(&str, &str); 4] = [
    ("fixed", "{ customers: 840 }"),
    ("hybrid", "{ looks: hybrid, customers: 840 }"),
    (
        "group-sequential",
        "{ looks: group_sequential, customers: 840, interim: [0.25, 0.5, 0.75, 1] }",
    ),
    ("anytime", "{ looks: anytime, customers: 840 }"),
];

/// Thirty customers a day on 28 days, as many in each arm; who spends more spends more with an order, returns and visits.
fn nothing(run: u64) -> Project {
    let mut draws = Draws::of(run);
    let mut assignments = "id,arm,at\n".to_owned();
    let mut orders = "who,at,amount,margin,items\n".to_owned();
    for id in 0..840 {
        let (arm, day) = (["a", "b"][id % 2], 1 + id / 30);
        writeln!(assignments, "{id},{arm},2024-03-{day:02} 09:00:00").unwrap();
        let size = draws.normal();
        let [amount, margin, items] =
            [0.5_f64, 0.7, 0.3].map(|with| 20.0 + 5.0 * (with * size + draws.normal()));
        writeln!(
            orders,
            "{id},2024-03-{day:02} 15:00:00,{amount},{margin},{items}"
        )
        .unwrap();
    }
    // The day after the last has data, too.
    writeln!(orders, "none,2024-04-02 00:00:00,1,1,1").unwrap();
    Project::new()
        .threads(1)
        .file("assignments.csv", &assignments)
        .file("orders.csv", &orders)
}

fn experiments() -> String {
    let mut documents = "
{ kind: source, name: assignments, path: assignments.csv, types: { id: VARCHAR } }
---
{ kind: source, name: orders, path: orders.csv, types: { who: VARCHAR } }
---
{ kind: fact, name: order, source: orders, customer: who, time: at }
"
    .to_owned();
    for metric in ["amount", "margin", "items"] {
        writeln!(
            documents,
            "---\n{{ kind: metric, name: {metric}, fact: order, aggregate: sum, value: {metric}, unit: number, \
             window: {{ to: 1 day }} }}"
        )
        .unwrap();
    }
    for (name, plan) in PLANS {
        writeln!(
            documents,
            "---\nkind: experiment\nname: {name}\n\
             assignment: {{ source: assignments, customer: id, arm: arm, time: at }}\n\
             arms: [{{ name: a, role: generic }}, {{ name: b, role: personalized }}]\n\
             metrics: {{ primary: amount, success: [margin], guardrails: [{{ metric: items, margin: 0.05 }}] }}\n\
             plan: {plan}"
        )
        .unwrap();
    }
    documents
}

/// What plans find where nothing is, at any of their looks, and what is shipped.
fn find(run: u64, rates: &mut Rates) {
    let project = nothing(run);
    let catalog = project.catalog(&experiments());
    let mut lake = Lake::open(&catalog, None).unwrap();
    for (name, _) in PLANS {
        let finding = lift(&catalog, &mut lake, catalog.experiment(name).unwrap()).unwrap();
        let looking = finding.comparison("amount", "b").unwrap().looking.as_ref();
        let looking = looking.unwrap();
        let looks = looking.history.len();
        match name {
            "group-sequential" => assert_eq!(looks, 4),
            "hybrid" | "anytime" => assert!(looks >= 27, "{name}: {looks} looks"),
            _ => {}
        }
        let state = looking.decision.state;
        let found = matches!(state, LookingState::Effect | LookingState::Harm);
        rates
            .entry(format!("{name}: found"))
            .or_default()
            .note(found);
        let shipped = finding.together.decisions[0].decision == Decision::Ship;
        rates
            .entry(format!("{name}: shipped"))
            .or_default()
            .note(shipped);
    }
}

/// At most alpha are found, at most half of it shipped: a decision to ship is about one side.
fn check_false_positives(runs: u64) {
    let rates = simulated(runs, find);
    assert_eq!(rates.len(), 8);
    for (what, rate) in rates {
        let most = if what.ends_with("found") { 0.05 } else { 0.025 };
        let (_, most) = binomial_limits(runs, most, GAMMA);
        assert!(
            rate.of == runs && rate.happened <= most,
            "{what}: {} of {}",
            rate.happened,
            rate.of
        );
    }
}

#[test]
fn plans_find_nothing_where_nothing_is() {
    check_false_positives(20);
}

#[test]
#[ignore = "takes minutes"]
fn plans_seldom_find_anything_where_nothing_is() {
    check_false_positives(400);
}
