//! Credit at scale: in what customers are predicted to bring, and its intervals around the credits of a population.

#![allow(
    clippy::print_stderr,
    reason = "the shares are written into docs/verification.md"
)]

use std::fmt::Write as _;

use attribution::{
    Heuristic, JourneyBuilder, JourneyTable, Model, Outcome, PathPolicy, credit, order_scores,
};
use catalog::Catalog;
use lake::Lake;
use measure::Reason;
use measure::audience::lifetime;
use measure::content::{AttributionFinding, CreditModel, LifetimeCreditFinding, attribution};
use stats::random::SplitMix64;
use stats::uniformity::binomial_limits;
use tempfile::TempDir;

fn catalog(folder: &TempDir, files: &[(&str, &str)], documents: &str) -> Catalog {
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let settings = "name: Test\nmargin: 0.5\ndiscount_rate: 0.1\nengine: { threads: 2 }\n";
    let files = [
        ("touchstone.yaml".into(), settings.to_owned()),
        ("catalog/test.yaml".into(), documents.to_owned()),
    ];
    Catalog::from_sources(folder.path(), files, &|_| None).unwrap_or_else(|error| panic!("{error}"))
}

const BUYERS: &str = "
{ kind: source, name: touches, path: touches.csv, types: { at: TIMESTAMP } }
---
{ kind: source, name: rows, path: rows.csv, types: { day: DATE, amount: DOUBLE } }
---
{ kind: source, name: people, path: people.csv }
---
{ kind: fact, name: purchases, source: rows, customer: who, time: day }
---
{ kind: touch, name: touches, source: touches, customer: who, time: at, channel: channel, cost: price }
---
{ kind: lifetime, name: buyers, fact: purchases, spend: amount, horizon: 2 years, by: [won_by],
  customers: { source: people, customer: who } }
---
kind: attribution
name: credit
conversion: { fact: purchases, value: amount, unit: money }
touches: [touches]
lookback: 1 day
";

/// Customers who were won by e-mail or the web, whose later purchases follow a push message; those won by e-mail buy
/// twice as often.
fn buyers(customers: usize) -> [String; 3] {
    let mut random = SplitMix64::new(11);
    let mut touches = "who,at,channel,price\n".to_owned();
    let mut rows = "who,day,amount\n".to_owned();
    let mut people = "who,won_by\n".to_owned();
    let date = |day: usize| {
        let day = jiff::civil::date(2024, 1, 1).checked_add(jiff::Span::new().days(day as i64));
        day.unwrap().to_string()
    };
    for who in 0..customers {
        let (channel, pace) = [("email", 2.0), ("web", 1.0)][who % 2];
        let mut day = (random.uniform() * 200.0) as usize;
        let rate = -pace * random.uniform().ln() / 120.0;
        let leaving = 0.3 * random.uniform();
        let size = 20.0 + 60.0 * random.uniform();
        writeln!(people, "{who},{channel}").unwrap();
        writeln!(touches, "{who},{} 00:00:00,{channel},0.5", date(day)).unwrap();
        loop {
            let amount = size * (0.6 + 0.8 * random.uniform());
            writeln!(rows, "{who},{},{amount:.2}", date(day)).unwrap();
            let wait = (-random.uniform().ln() / rate).min(1e6) as usize + 2;
            if random.uniform() < leaving || day + wait >= 365 {
                break;
            }
            day += wait;
            writeln!(touches, "{who},{} 00:00:00,push,0.1", date(day)).unwrap();
        }
    }
    [touches, rows, people]
}

fn credited_buyers(keys: &str) -> (AttributionFinding, measure::audience::LifetimeFinding) {
    let [touches, rows, people] = buyers(900);
    let folder = TempDir::new().unwrap();
    let files = [
        ("touches.csv", touches.as_str()),
        ("rows.csv", rows.as_str()),
        ("people.csv", people.as_str()),
    ];
    let catalog = catalog(&folder, &files, &format!("{BUYERS}{keys}"));
    let mut lake = Lake::open(&catalog, None).unwrap();
    let credited = attribution(&catalog, &mut lake, catalog.attributions().next().unwrap());
    let value = lifetime(&catalog, &mut lake, catalog.lifetimes().next().unwrap());
    (credited.unwrap(), value.unwrap())
}

fn of_models(lifetime: &LifetimeCreditFinding, key: &str) -> Vec<f64> {
    let models = lifetime.models.iter();
    models
        .map(|model| model.credit(key).unwrap().value.estimate)
        .collect()
}

#[test]
fn who_won_a_customer_is_credited_with_what_the_customer_is_predicted_to_bring() {
    let (finding, value) = credited_buyers("lifetime: { of: buyers }\n");
    let credited = finding.lifetime.as_ref().unwrap();
    assert_eq!(credited.refusal, None);
    assert_eq!(
        (credited.credited_customers, credited.unknown_customers),
        (900, 0)
    );
    assert_eq!(credited.customers, 900);
    assert_eq!(credited.credited_value, credited.value);
    let groups = &value.by[0].values;
    for group in groups {
        let customers = group.customers as f64;
        // Each first purchase has one touch, so that every model gives it the whole.
        for found in of_models(credited, &group.group) {
            let expected = customers * group.future.estimate;
            assert!(
                (found - expected).abs() <= 0.011,
                "{found} is not {expected}"
            );
        }
        let linear = credited.model(CreditModel::Linear).unwrap();
        let one = linear.credit(&group.group).unwrap();
        assert!((one.customers - customers).abs() < 1e-9);
        // The models' own uncertainty and that of who the customers are.
        let (se, of_models) = (one.value.se.unwrap(), customers * group.future.se);
        assert!(
            of_models < se && se < of_models + 0.3 * one.value.estimate,
            "{of_models} {se}"
        );
        let (low, high) = (one.value.low.unwrap(), one.value.high.unwrap());
        assert!(low < one.value.estimate - 1.96 * of_models);
        assert!(high > one.value.estimate + 1.96 * of_models);
        // A touch of 0.5 for each of them.
        let less = one.value_less_cost.unwrap();
        assert!((one.value.estimate - less.estimate - 0.5 * customers).abs() < 1e-6);
        assert!((less.high.unwrap() - (high - 0.5 * customers)).abs() < 1e-6);
        let rate = one.return_on_cost.unwrap().estimate;
        assert!((rate - less.estimate / (0.5 * customers)).abs() < 1e-9);
    }
    assert!(
        of_models(credited, "push")
            .iter()
            .all(|&value| value == 0.0)
    );
    let won_by = |name: &str| groups.iter().find(|group| group.group == name).unwrap();
    assert!(won_by("email").future.estimate > won_by("web").future.estimate);
    // Credit in revenue stands beside it, untouched.
    let alone = credited_buyers("").0;
    assert_eq!(finding.models, alone.models);
    assert_eq!(alone.lifetime, None);
}

#[test]
fn who_kept_a_customer_is_credited_with_the_same_sum() {
    let (won, _) = credited_buyers("lifetime: { of: buyers }\n");
    let (kept, _) = credited_buyers("lifetime: { of: buyers, credit: retention }\n");
    let (won, kept) = (won.lifetime.unwrap(), kept.lifetime.unwrap());
    assert_eq!(kept.credited_value, won.credited_value);
    assert_eq!(kept.credited_customers, 900);
    let last = kept.model(CreditModel::Last).unwrap();
    let of = |key: &str| last.credit(key).unwrap();
    let sum: f64 = ["email", "web", "push"]
        .map(|key| of(key).value.estimate)
        .iter()
        .sum();
    assert!((sum - kept.credited_value).abs() < 1e-6);
    let customers: f64 = ["email", "web", "push"]
        .map(|key| of(key).customers)
        .iter()
        .sum();
    assert!((customers - 900.0).abs() < 1e-9);
    // Whoever bought again did so after a push message.
    assert!(of("push").value.estimate > of("email").value.estimate);
    assert!(
        of("email").value.estimate
            < won
                .model(CreditModel::Last)
                .unwrap()
                .credit("email")
                .unwrap()
                .value
                .estimate
    );
}

#[test]
fn without_repeat_purchases_there_is_no_lifetime_to_credit() {
    let folder = TempDir::new().unwrap();
    let files = [
        (
            "touches.csv",
            "who,at,channel,price\n1,2024-01-01 00:00:00,email,0.1\n",
        ),
        (
            "rows.csv",
            "who,day,amount\n1,2024-01-01,10\n2,2024-02-01,10\n",
        ),
        ("people.csv", "who,won_by\n1,email\n2,web\n"),
    ];
    let catalog = catalog(
        &folder,
        &files,
        &format!("{BUYERS}lifetime: {{ of: buyers }}\n"),
    );
    let mut lake = Lake::open(&catalog, None).unwrap();
    let finding = attribution(&catalog, &mut lake, catalog.attributions().next().unwrap()).unwrap();
    assert_eq!(finding.refusal, None);
    let lifetime = finding.lifetime.unwrap();
    assert_eq!(lifetime.refusal.unwrap().reason, Reason::TooLittleData);
    assert!(lifetime.models.is_empty());
}

/// Paths, how frequent they are, their conversion rates and mean values.
const PATHS: [(&[u32], f64, f64, f64); 6] = [
    (&[0], 0.25, 0.10, 20.0),
    (&[1], 0.20, 0.15, 30.0),
    (&[0, 1], 0.20, 0.25, 25.0),
    (&[1, 0], 0.10, 0.20, 40.0),
    (&[0, 2, 1], 0.15, 0.30, 15.0),
    (&[2, 1, 2], 0.10, 0.22, 35.0),
];
const CHANNELS: [&str; 3] = ["a", "b", "c"];
/// The share of customers who have converted by a first journey and begin a second.
const TWICE: f64 = 0.4;

/// A million customers.
fn population() -> JourneyTable {
    let mut builder = JourneyBuilder::new(PathPolicy::default());
    for name in CHANNELS {
        builder.channel(name).unwrap();
    }
    for (path, frequency, rate, value) in PATHS {
        let customers = 1e6 * frequency;
        let won = (customers * (rate + TWICE)).round() as u64;
        let lost = (customers * (1.0 - rate)).round() as u64;
        builder
            .add(path, None, Outcome::converted(value), won)
            .unwrap();
        builder.add(path, None, Outcome::NULL, lost).unwrap();
    }
    builder.finish()
}

/// Touches and orders of customers of the population, and how many customers they are: so many on average. Intervals are
/// to hold what as many customers as came are credited with, whether or not chance decides on their number.
fn sample(customers: usize, random: &mut SplitMix64) -> ([String; 2], usize) {
    let mut touches = "who,at,channel\n".to_owned();
    let mut orders = "who,at,amount\n".to_owned();
    // As many as arrive in a time, one after another.
    let mut time = -random.uniform().ln();
    let mut who = 0;
    while time < customers as f64 {
        time -= random.uniform().ln();
        who += 1;
        let journeys = 1 + usize::from(random.uniform() < TWICE);
        for journey in 0..journeys {
            let day = 1 + 10 * journey;
            let mut place = random.uniform();
            let drawn = PATHS.iter().find(|(_, frequency, ..)| {
                place -= frequency;
                place < 0.0
            });
            let (path, _, rate, value) = drawn.unwrap_or(&PATHS[0]);
            for (minute, &channel) in path.iter().enumerate() {
                let channel = CHANNELS[channel as usize];
                writeln!(
                    touches,
                    "{who},2024-01-{day:02} 08:{minute:02}:00,{channel}"
                )
                .unwrap();
            }
            if journey + 1 < journeys || random.uniform() < *rate {
                let amount = (2.0 * value * random.uniform()).round();
                writeln!(orders, "{who},2024-01-{day:02} 09:00:00,{amount}").unwrap();
            }
        }
    }
    ([touches, orders], who)
}

const SAMPLED: &str = "
{ kind: source, name: touches, path: touches.csv, types: { at: TIMESTAMP } }
---
{ kind: source, name: orders, path: orders.csv, types: { at: TIMESTAMP, amount: DOUBLE } }
---
{ kind: fact, name: orders, source: orders, customer: who, time: at }
---
{ kind: touch, name: touches, source: touches, customer: who, time: at, channel: channel }
---
kind: attribution
name: credit
conversion: { fact: orders, value: amount, unit: money }
touches: [touches]
";

/// A hundred customers with an order each: sixty met channel a, the others b. How many customers there are is an outcome
/// where only these are on record, and known where others are as well.
/// Credit of conversions that are worth these amounts, the first after `display`, the second after `email`.
fn credited_amounts(amounts: [f64; 2]) -> AttributionFinding {
    let folder = TempDir::new().unwrap();
    let touches =
        "who,at,channel,price\n1,2024-01-01 10:00:00,display,0\n2,2024-01-01 10:00:00,email,0\n";
    let [first, second] = amounts;
    let rows = format!("who,day,amount\n1,2024-01-02,{first}\n2,2024-01-02,{second}\n");
    let files = [
        ("touches.csv", touches),
        ("rows.csv", &rows),
        ("people.csv", "who,won_by\n1,email\n2,email\n"),
    ];
    let documents = BUYERS.replace("lookback: 1 day", "lookback: 7 days");
    let catalog = catalog(&folder, &files, &documents);
    let mut lake = Lake::open(&catalog, None).unwrap();
    attribution(&catalog, &mut lake, catalog.attributions().next().unwrap()).unwrap()
}

#[test]
fn of_a_total_that_is_not_positive_there_are_amounts_and_no_shares() {
    for (amounts, total) in [([10.0, -10.0], 0.0), ([-20.0, -10.0], -30.0)] {
        let finding = credited_amounts(amounts);
        assert_eq!(finding.totals.credited_value, Some(total));
        let first = finding.model(CreditModel::First).unwrap();
        let credit = |key: &str| first.credit(key).unwrap();
        assert_eq!(credit("display").value.unwrap().estimate, amounts[0]);
        assert_eq!(credit("email").value.unwrap().estimate, amounts[1]);
        let mut models = finding.models.iter();
        assert!(models.all(|model| model.credits.iter().all(|credit| credit.share.is_none())));
        let mut checks = finding.checks.iter();
        let notice = format!("the 2 conversions that are credited are worth {total:.2} together");
        assert!(checks.any(|check| check.message.starts_with(&notice)));
        // Effects in proportion of nothing are none; of a loss they are amounts.
        let markov = finding.model(CreditModel::Markov).unwrap();
        match &markov.refusal {
            Some(refusal) => {
                assert_eq!(total, 0.0);
                assert!(
                    refusal.message.contains("add up to nothing"),
                    "{}",
                    refusal.message
                );
            }
            None => assert_eq!(
                markov.credit("display").unwrap().value.unwrap().estimate,
                -20.0
            ),
        }
    }
    // What is more than nothing has shares, without an interval where a sample of the customers may have none.
    let finding = credited_amounts([30.0, -10.0]);
    let first = finding.model(CreditModel::First).unwrap();
    let share = first.credit("display").unwrap().share.unwrap();
    assert_eq!((share.estimate, share.low), (1.5, None));
}

#[test]
fn a_number_of_customers_that_is_an_outcome_is_by_chance() {
    let mut touches = "who,at,channel\n".to_owned();
    let mut orders = "who,at,amount\n".to_owned();
    for who in 0..100 {
        let channel = if who < 60 { "a" } else { "b" };
        writeln!(touches, "{who},2024-01-01 08:00:00,{channel}").unwrap();
        writeln!(orders, "{who},2024-01-01 09:00:00,10").unwrap();
    }
    let error = |touches: &str| {
        let folder = TempDir::new().unwrap();
        let files = [("touches.csv", touches), ("orders.csv", orders.as_str())];
        let catalog = catalog(&folder, &files, SAMPLED);
        let mut lake = Lake::open(&catalog, None).unwrap();
        let document = catalog.attributions().next().unwrap();
        let finding = attribution(&catalog, &mut lake, document).unwrap();
        let credit = finding.model(CreditModel::First).unwrap().credit("a");
        credit.unwrap().conversions.se.unwrap()
    };
    let customers = 101.0;
    let without = error(&touches);
    // A touch after the conversion is no other customer.
    let later = error(&format!("{touches}0,2024-01-01 10:00:00,b\n"));
    let with = error(&format!("{touches}another,2024-01-01 08:00:00,a\n"));
    let expected = [60_f64, 60.0, 60.0 - 3600.0 / customers].map(f64::sqrt);
    for (found, expected) in [without, later, with].into_iter().zip(expected) {
        // The standard deviation of 1,000 replicates is known to 2.2 %.
        assert!((found / expected - 1.0).abs() < 0.09, "{found} {expected}");
    }
}

/// How often the intervals of each model hold the population's credit: conversions, value and share of the value, of
/// all channels.
fn coverage(runs: u64, customers: usize) {
    let population = population();
    let truth = |model: CreditModel, finding: &AttributionFinding| {
        let model = match model {
            CreditModel::First => Model::Heuristic(Heuristic::First),
            CreditModel::Last => Model::Heuristic(Heuristic::Last),
            CreditModel::Linear => Model::Heuristic(Heuristic::Linear),
            CreditModel::Shapley => Model::ShapleyOfSubsets,
            // The order is chosen by the data: the population's credits by the same order.
            _ => Model::Markov {
                order: finding.markov.as_ref().unwrap().order,
            },
        };
        credit(&population, &[model]).unwrap().remove(0)
    };
    let models = [
        CreditModel::First,
        CreditModel::Last,
        CreditModel::Linear,
        CreditModel::Markov,
        CreditModel::Shapley,
    ];
    let mut random = SplitMix64::new(3);
    let mut hits = vec![[0_u64; 3]; models.len()];
    for _ in 0..runs {
        let folder = TempDir::new().unwrap();
        let ([touches, orders], came) = sample(customers, &mut random);
        let files = [
            ("touches.csv", touches.as_str()),
            ("orders.csv", orders.as_str()),
        ];
        let catalog = catalog(&folder, &files, SAMPLED);
        let mut lake = Lake::open(&catalog, None).unwrap();
        let document = catalog.attributions().next().unwrap();
        let finding = attribution(&catalog, &mut lake, document).unwrap();
        for (model, hits) in models.iter().zip(&mut hits) {
            let truth = truth(*model, &finding);
            let found = finding.model(*model).unwrap();
            for (channel, name) in CHANNELS.iter().enumerate() {
                let found = found.credit(name).unwrap();
                let of_sample = came as f64 / 1e6;
                let held = [
                    (found.conversions, truth.conversions[channel] * of_sample),
                    (found.value.unwrap(), truth.value[channel] * of_sample),
                    (
                        found.share.unwrap(),
                        truth.value[channel] / truth.total().value,
                    ),
                ];
                for ((estimate, truth), hits) in held.into_iter().zip(hits.iter_mut()) {
                    let (low, high) = (estimate.low.unwrap(), estimate.high.unwrap());
                    *hits += u64::from(low <= truth && truth <= high);
                }
            }
        }
    }
    // The three channels of a run go together: limits as of a third of the intervals.
    let (least, _) = binomial_limits(runs, 0.93, 1e-4);
    let (_, most) = binomial_limits(runs, 0.97, 1e-4);
    for (model, hits) in models.iter().zip(hits) {
        let shares = hits.map(|hits| hits as f64 / (3 * runs) as f64);
        eprintln!(
            "{model:?}: conversions {:.3}, value {:.3}, share of value {:.3}",
            shares[0], shares[1], shares[2]
        );
        for hits in hits {
            assert!(
                (least..=most).contains(&(hits / 3)),
                "{model:?}: {hits} of {}",
                3 * runs
            );
        }
    }
}

#[test]
fn intervals_hold_the_credits_of_the_population() {
    coverage(20, 1_000);
}

#[test]
#[ignore = "minutes: the numbers in docs/verification.md"]
fn intervals_hold_the_credits_of_the_population_in_a_thousand_samples() {
    coverage(1_000, 1_000);
}

const TEN_CHANNELS: [&str; 10] = [
    "web", "push", "display", "s1", "s2", "s3", "s4", "s5", "s6", "email",
];

/// Paths of customers, and whether they buy: what is bought after three touches in one order is seen by a chain that
/// remembers them only. E-mail is kept from every second of the first 300 customers.
fn remembered(customers: usize) -> Vec<(Vec<usize>, bool)> {
    let mut random = SplitMix64::new(8);
    let path = |who: usize| {
        let known = if who < 300 && who % 2 == 1 { 9.0 } else { 10.0 };
        let length = 2 + (5.0 * random.uniform()) as usize;
        let path: Vec<usize> = (0..length)
            .map(|_| (known * random.uniform()) as usize)
            .collect();
        let last = &path[length.saturating_sub(3)..];
        let mut rate = 0.15;
        if last.windows(2).any(|pair| pair == [9, 0]) {
            rate += 0.35;
        }
        if last == [1, 9, 2] {
            rate += 0.5;
        }
        let buys = random.uniform() < rate;
        (path, buys)
    };
    (0..customers).map(path).collect()
}

const ON_AND_OFF: &str = "
{ kind: source, name: touches, path: touches.csv, types: { at: TIMESTAMP } }
---
{ kind: source, name: rows, path: rows.csv, types: { at: TIMESTAMP, amount: DOUBLE } }
---
{ kind: source, name: assigned, path: assigned.csv, types: { at: TIMESTAMP } }
---
{ kind: fact, name: purchases, source: rows, customer: who, time: at }
---
{ kind: touch, name: touches, source: touches, customer: who, time: at, channel: channel }
---
{ kind: channel, name: email }
---
{ kind: initiative, name: mail, level: 3, channels: [email] }
---
{ kind: metric, name: revenue, fact: purchases, aggregate: sum, value: amount, unit: money, window: { to: 28 days } }
---
kind: experiment
name: on-off
assignment: { source: assigned, customer: who, arm: arm, time: at }
arms: [{ name: without, role: holdout }, { name: with, role: personalized, initiative: mail }]
metrics: { primary: revenue }
---
kind: attribution
name: credit
conversion: { fact: purchases, value: amount, unit: money }
touches: [touches]
experiments: [on-off]
";

/// A factor multiplies the credit of the model that it was found for: in the arm of an experiment the chain has the order
/// that all journeys chose, not the one that so few would choose.
#[test]
fn a_chain_is_held_against_an_experiment_with_its_own_order() {
    let mut touches = "who,at,channel\n".to_owned();
    // The windows of all have passed.
    let mut rows = "who,at,amount\n9999,2024-03-01 00:00:00,1\n".to_owned();
    let mut assigned = "who,arm,at\n".to_owned();
    let mut builder = JourneyBuilder::new(PathPolicy::default());
    let ids: Vec<u32> = TEN_CHANNELS
        .map(|name| builder.channel(name).unwrap())
        .to_vec();
    for (who, (path, buys)) in remembered(3_000).into_iter().enumerate() {
        for (hour, channel) in path.iter().enumerate() {
            let channel = TEN_CHANNELS[*channel];
            writeln!(touches, "{who},2024-01-02 0{hour}:00:00,{channel}").unwrap();
        }
        let amount = 10 + who % 80;
        if buys {
            writeln!(rows, "{who},2024-01-03 00:00:00,{amount}").unwrap();
        }
        if who >= 300 {
            continue;
        }
        let arm = ["with", "without"][who % 2];
        writeln!(assigned, "{who},{arm},2024-01-01 00:00:00").unwrap();
        if arm == "with" {
            let path: Vec<u32> = path.iter().map(|channel| ids[*channel]).collect();
            let outcome = match buys {
                true => Outcome::converted(amount as f64),
                false => Outcome::NULL,
            };
            builder.add(&path, None, outcome, 1).unwrap();
        }
    }
    let folder = TempDir::new().unwrap();
    let files = [
        ("touches.csv", touches.as_str()),
        ("rows.csv", rows.as_str()),
        ("assigned.csv", assigned.as_str()),
    ];
    let catalog = catalog(&folder, &files, ON_AND_OFF);
    let mut lake = Lake::open(&catalog, None).unwrap();
    let document = catalog.attributions().next().unwrap();
    let finding = attribution(&catalog, &mut lake, document).unwrap();
    let order = finding.markov.unwrap().order;
    let models = &finding.calibrations[0].models;
    let markov = models.iter().find(|one| one.model == CreditModel::Markov);
    let found = markov.unwrap().factors[0].credited.estimate;
    let arm = builder.finish();
    let of_order = |order: usize| {
        let credits = credit(&arm, &[Model::Markov { order }]).unwrap();
        credits[0].value[arm.channel("email").unwrap() as usize]
    };
    let scores = order_scores(&arm).unwrap();
    let chosen = (scores.iter())
        .filter(|score| score.penalized_auc <= score.auc)
        .max_by(|a, b| a.penalized_auc.total_cmp(&b.penalized_auc))
        .unwrap();
    assert_ne!(chosen.order, order, "the arm has to choose another order");
    assert!((of_order(order) - found).abs() < 1e-6 * found, "{found}");
    let other = of_order(chosen.order);
    assert!((other / found - 1.0).abs() > 0.001, "{other} {found}");
}
