//! Experiments on the same customers, all pairs of them.

mod common;

use common::{Project, assert_close};
use lake::Lake;
use measure::Reason;
use measure::audience::{OverlapsFinding, interactions, overlaps};

const FACTS: &str = "{ kind: source, name: customers, path: customers.csv, key: id, types: { spend: DOUBLE } }\n---\n\
                     { kind: fact, name: outcome, source: customers, customer: id }\n---\n\
                     { kind: metric, name: spend, fact: outcome, aggregate: sum, value: spend, unit: money }\n---\n\
                     { kind: metric, name: middle, aggregate: quantile, of: spend, quantile: 0.5, \
                     unit: money }\n";

/// An experiment whose arms are in the column of its name; empty ones are not in it.
fn experiment(name: &str, arms: &str, rest: &str) -> String {
    format!(
        "---\nkind: experiment\nname: {name}\n\
         assignment: {{ source: customers, customer: id, arm: {name}, where: '{name} IS NOT NULL' }}\n\
         arms: [{arms}]\n{rest}\n"
    )
}

const TWO: &str = "{ name: a, value: 0, role: generic }, { name: b, value: 1, role: personalized }";
/// The reference is declared last.
const TURNED: &str =
    "{ name: b, value: 1, role: personalized }, { name: a, value: 0, role: generic }";
const SPEND: &str = "metrics: { primary: spend }";

fn found(project: &Project, documents: &str) -> OverlapsFinding {
    let catalog = project.catalog(documents);
    let mut lake = Lake::open(&catalog, None).unwrap();
    overlaps(&catalog, &mut lake).unwrap().unwrap()
}

/// 1,600 customers: `one` and `two` are independent and `two` adds 3 where `one` treats; `three` goes with `one` for
/// nine of ten; `four` has the last customers, `five` the first ones.
fn table() -> String {
    let mut table = "id,one,two,three,four,five,spend\n".to_owned();
    for i in 0..1600 {
        let (one, two) = (i % 2, i / 2 % 2);
        let three = if i % 10 < 9 { one } else { 1 - one };
        let four = if i >= 1000 {
            (i / 4 % 2).to_string()
        } else {
            String::new()
        };
        let five = if i < 500 {
            (i / 8 % 2).to_string()
        } else {
            String::new()
        };
        let spend = (i * 7919 % 100) as f64 / 10.0 + (3 * one * two) as f64;
        table.push_str(&format!("{i},{one},{two},{three},{four},{five},{spend}\n"));
    }
    table
}

#[test]
fn all_pairs_are_looked_at_and_their_probabilities_adjusted() {
    let project = Project::new().file("customers.csv", &table());
    let documents = [
        FACTS.to_owned(),
        experiment("one", TWO, SPEND),
        experiment("two", TURNED, SPEND),
        experiment("three", TWO, SPEND),
        experiment("four", TWO, "metrics: { primary: middle }"),
        experiment("five", TWO, SPEND),
    ]
    .concat();
    let finding = found(&project, &documents);
    assert_eq!(finding.experiments, 5);
    // Of ten pairs, only four and five share no customer.
    assert_eq!((finding.pairs.len(), finding.apart), (9, 1));
    assert!(
        finding
            .pairs
            .is_sorted_by_key(|pair| std::cmp::Reverse(pair.customers))
    );
    let pair = |own: &str, other: &str| {
        let mut pairs = finding.pairs.iter();
        pairs.find(|pair| pair.experiments == [own, other]).unwrap()
    };

    let dependent: Vec<_> = finding
        .dependent()
        .map(|pair| pair.experiments.clone())
        .collect();
    assert_eq!(dependent, [["one", "three"]]);
    // Holm's smallest of nine is nine times the probability itself.
    let (first, adjusted) = (
        pair("one", "three").assignment.p_value.unwrap(),
        pair("one", "three").adjusted_p.unwrap(),
    );
    assert_close(adjusted / first, 9.0, 1e-9);

    // The effect of one is larger by 3 where two treats, although two declares its reference arm last.
    let crossed = pair("one", "two");
    assert_eq!(crossed.customers, 1600);
    for effect in &crossed.effects {
        let size = effect.interaction.effect.unwrap();
        assert!((size.estimate - 3.0).abs() < 0.7, "{size:?}");
        assert!(effect.adjusted_p.unwrap() < 1e-10);
    }
    let disturbed: Vec<_> = finding
        .disturbed()
        .map(|(pair, effect)| (pair.experiments.join("-"), effect.experiment.as_str()))
        .collect();
    assert!(disturbed.contains(&("one-two".to_owned(), "one")));
    assert!(disturbed.contains(&("one-two".to_owned(), "two")));
    assert!(!disturbed.iter().any(|(pair, _)| pair.contains("five")));

    // A quantile has no test, and says so.
    let of_four = &pair("one", "four").effects[1];
    assert_eq!(of_four.experiment, "four");
    assert_eq!(
        of_four.interaction.refusal.as_ref().unwrap().reason,
        Reason::Undeclared
    );
    assert_eq!(of_four.adjusted_p, None);

    // The same pair looked at by itself says the same.
    let catalog = project.catalog(&documents);
    let mut lake = Lake::open(&catalog, None).unwrap();
    let experiment = |name: &str| catalog.experiment(name).unwrap();
    for (place, (own, other)) in [("one", "two"), ("two", "one")].into_iter().enumerate() {
        let alone = interactions(&catalog, &mut lake, experiment(own), experiment(other)).unwrap();
        assert_eq!(alone.metrics[0], crossed.effects[place].interaction);
        assert_eq!(alone.customers, crossed.customers);
        assert_eq!(alone.assignment.cramers_v, crossed.assignment.cramers_v);
    }
    assert_eq!(found(&project, &documents), finding);
}

#[test]
fn customers_whose_window_is_open_are_left_out_of_effects_and_counted_in_the_pair() {
    let mut customers = "id,one,two,at\n".to_owned();
    let mut orders = "id,at,amount\n".to_owned();
    for i in 0..400 {
        let (one, two, day) = (i % 2, i / 2 % 2, 1 + i % 20);
        customers.push_str(&format!("{i},{one},{two},2024-03-{day:02}\n"));
        orders.push_str(&format!("{i},2024-03-{day:02},{}\n", i % 7));
    }
    let documents = "{ kind: source, name: customers, path: customers.csv, key: id }\n---\n\
                     { kind: source, name: orders, path: orders.csv }\n---\n\
                     { kind: fact, name: order, source: orders, customer: id, time: at }\n---\n\
                     { kind: metric, name: spend, fact: order, aggregate: sum, value: amount, unit: money, window: { to: 10 days } }\n"
        .to_owned();
    let test = |name: &str| {
        format!(
            "---\nkind: experiment\nname: {name}\n\
             assignment: {{ source: customers, customer: id, arm: {name}, time: at }}\narms: [{TWO}]\n{SPEND}\n"
        )
    };
    let project = Project::new()
        .file("customers.csv", &customers)
        .file("orders.csv", &orders);
    let finding = found(&project, &[documents, test("one"), test("two")].concat());
    let pair = &finding.pairs[0];
    assert_eq!(pair.customers, 400);
    for effect in &pair.effects {
        assert_eq!(effect.interaction.refusal, None);
        assert!(effect.interaction.p_value.unwrap() > 0.0);
    }
}

/// Three combinations of arms with ten customers whose spend varies, and a fourth with these.
fn with_fourth(spends: &[u32]) -> Project {
    let mut table = "id,one,two,spend\n".to_owned();
    let varied = (0..30).map(|i| (i / 10 % 2, i / 20, i % 7));
    let fourth = spends.iter().map(|spend| (1, 1, *spend));
    for (id, (one, two, spend)) in varied.chain(fourth).enumerate() {
        table.push_str(&format!("{id},{one},{two},{spend}\n"));
    }
    Project::new().file("customers.csv", &table)
}

#[test]
fn a_combination_of_arms_that_tells_nothing_refuses_the_effect_and_says_why() {
    let documents = [
        FACTS.to_owned(),
        experiment("one", TWO, SPEND),
        experiment("two", TWO, SPEND),
    ]
    .concat();
    let refused = |spends: &[u32]| {
        let finding = found(&with_fourth(spends), &documents);
        let [pair] = finding.pairs.as_slice() else {
            panic!("{:?}", finding.pairs)
        };
        assert_eq!(pair.customers, 30 + spends.len() as u64);
        let effects = pair.effects.iter();
        let refusals: Vec<_> = effects
            .map(|effect| effect.interaction.refusal.clone())
            .collect();
        assert_eq!(refusals[0], refusals[1]);
        refusals[0]
            .clone()
            .map(|refusal| (refusal.reason, refusal.message))
    };
    let too_few = "fewer than two customers count in a combination of arms";
    let constant = "nothing varies among the customers of a combination of arms";
    for (spends, message) in [
        (vec![], too_few),
        (vec![3], too_few),
        (vec![3; 10], constant),
    ] {
        let expected = (Reason::TooLittleData, message.to_owned());
        assert_eq!(refused(&spends), Some(expected));
    }
    assert_eq!(refused(&[3, 4]), None);
}

#[test]
fn experiments_whose_arms_go_with_time_or_clusters_are_refused() {
    let project = Project::new().file(
        "customers.csv",
        &table().replace("five,spend", "shop,spend"),
    );
    let clustered = "---\nkind: experiment\nname: two\n\
         assignment: { source: customers, customer: id, arm: two, cluster: shop }\n"
        .to_owned()
        + &format!("arms: [{TWO}]\n{SPEND}\n");
    let documents = [FACTS.to_owned(), experiment("one", TWO, SPEND), clustered].concat();
    let finding = found(&project, &documents);
    assert_eq!(finding.experiments, 1);
    assert!(finding.pairs.is_empty());
    assert_eq!(finding.refused[0].experiments, ["two"]);
    assert!(finding.refused[0].refusal.message.contains("clusters"));
}

#[test]
fn one_experiment_overlaps_with_none() {
    let project = Project::new().file("customers.csv", &table());
    let catalog = project.catalog(&(FACTS.to_owned() + &experiment("one", TWO, SPEND)));
    let mut lake = Lake::open(&catalog, None).unwrap();
    assert_eq!(overlaps(&catalog, &mut lake).unwrap(), None);
}
