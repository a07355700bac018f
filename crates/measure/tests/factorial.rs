//! What channels and components cause, on small experiments whose answers are worked out by a second way.

mod common;

use std::fmt::Write as _;

use catalog::Catalog;
use common::{Project, assert_close};
use lake::Lake;
use measure::audience::{Relative, Severity};
use measure::content::{
    AddsUp, AttributionCheck, AttributionCheckKind, AttributionFinding, CreditModel,
    FactorialFinding, UnansweredFactorial, factorial,
};
use measure::{Reason, Refusal};

/// Arms of three channels, by the channels that are on.
const CHANNELS: [&str; 3] = ["email", "home", "push"];

fn arm_name(on: usize) -> String {
    let names: Vec<&str> = (0..3)
        .filter(|i| on >> i & 1 == 1)
        .map(|i| CHANNELS[i])
        .collect();
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join("-"),
    }
}

fn arm(on: usize, of: usize) -> String {
    let role = if on == 0 { "generic" } else { "personalized" };
    let level = |i: usize| if on >> i & 1 == 1 { "with" } else { "without" };
    format!(
        "  - {{ name: {}, role: {role}, share: {}, factors: {{ email: {}, home: {}, push: {} }} }}\n",
        arm_name(on),
        customers(on) as f64 / of as f64,
        level(0),
        level(1),
        level(2)
    )
}

/// E-mail adds 4, the home page 1, push 3; e-mail and push together lose 2.
fn mean(on: usize) -> f64 {
    let has = |i: usize| (on >> i & 1) as f64;
    10.0 + 4.0 * has(0) + has(1) + 3.0 * has(2) - 2.0 * has(0) * has(2)
}

/// Arms differ in size.
fn customers(on: usize) -> usize {
    [48, 72, 120, 160][on % 4]
}

fn documents(cells: &[usize], document: &str) -> String {
    let all = cells.iter().map(|on| customers(*on)).sum();
    let arms: String = cells.iter().map(|on| arm(*on, all)).collect();
    format!(
        "
{{ kind: source, name: customers, path: customers.csv, key: id }}
---
{{ kind: fact, name: outcome, source: customers, customer: id }}
---
{{ kind: metric, name: spend, fact: outcome, aggregate: max, value: spend, unit: money }}
---
kind: experiment
name: test
assignment: {{ source: customers, customer: id, arm: arm }}
metrics: {{ primary: spend }}
segments: [region]
arms:
{arms}---
{document}
"
    )
}

/// Customers of these cells, whose spend goes up and down around the mean of their cell.
fn data(cells: &[usize]) -> String {
    let mut text = "id,arm,spend,region\n".to_owned();
    for &on in cells {
        for i in 0..customers(on) {
            let spend = mean(on) + [-1.5, 0.5, -0.5, 1.5][i % 4];
            writeln!(
                text,
                "{on}x{i},{},{spend},{}",
                arm_name(on),
                ["n", "s", "w"][i / 4 % 3]
            )
            .unwrap();
        }
    }
    text
}

fn measured(catalog: &Catalog) -> FactorialFinding {
    let mut lake = Lake::open(catalog, None).unwrap();
    let document = catalog.factorials().next().unwrap();
    factorial(catalog, &mut lake, document).unwrap()
}

fn of_cells(cells: &[usize], document: &str) -> FactorialFinding {
    let project = Project::new().file("customers.csv", &data(cells));
    measured(&project.catalog(&documents(cells, document)))
}

const ALL: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];
const OF_CHANNELS: &str = "{ kind: factorial, name: f, experiment: test, of: channels }";

/// What a channel adds, over all orders of switching the channels on.
fn over_orders(channel: usize) -> f64 {
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    let added = orders.map(|order| {
        let before = order.iter().take_while(|other| **other != channel);
        let on: usize = before.map(|other| 1 << other).sum();
        mean(on | 1 << channel) - mean(on)
    });
    added.iter().sum::<f64>() / 6.0
}

#[test]
fn channels_alone_and_together() {
    let finding = of_cells(&ALL, OF_CHANNELS);
    assert_eq!(finding.refusal, None);
    assert_eq!((finding.design.run, finding.design.of), (8, 8));
    assert_eq!(
        finding.customers,
        ALL.map(customers).iter().sum::<usize>() as u64
    );
    let channels = finding.channels.as_ref().unwrap();
    let estimate = |answer: &measure::content::Answer| answer.outcome.absolute.unwrap();
    assert_close(
        estimate(&channels.all_against_none).estimate,
        mean(7) - mean(0),
        1e-12,
    );
    let any = (1..8).map(mean).sum::<f64>() / 7.0 - mean(0);
    assert_close(estimate(&channels.any_against_none).estimate, any, 1e-12);
    let of_size = |size: u32| {
        let cells: Vec<usize> = (0..8)
            .filter(|on: &usize| on.count_ones() == size)
            .collect();
        cells.iter().map(|on| mean(*on)).sum::<f64>() / cells.len() as f64
    };
    let relative = |answer: &measure::content::Answer| match answer.outcome.relative {
        Some(Relative::Estimated { estimate, .. }) => estimate,
        ref other => panic!("{other:?}"),
    };
    for (size, step) in (1..).zip(&channels.ladder) {
        let added = of_size(size) - of_size(size - 1);
        assert_close(estimate(&step.effect).estimate, added, 1e-12);
        assert_close(relative(&step.effect), added / of_size(size - 1), 1e-12);
    }
    let many = (of_size(2) * 3.0 + of_size(3)) / 4.0;
    let several = channels.many_against_one.as_ref().unwrap();
    assert_close(estimate(several).estimate, many - of_size(1), 1e-12);
    assert_close(relative(several), many / of_size(1) - 1.0, 1e-12);
    // Together they bring less than the sum of each alone: neither good nor bad.
    let alone = 3.0 * (of_size(1) - mean(0));
    let synergy = channels.synergy.as_ref().unwrap();
    let lost = mean(7) - mean(0) - alone;
    assert!(lost < 0.0);
    assert_close(estimate(synergy).estimate, lost, 1e-12);
    assert_close(relative(synergy), lost / alone, 1e-12);
    assert_eq!(
        (synergy.verdict, channels.adds_up),
        (None, Some(AddsUp::LessThanTheSum))
    );
    let shares: Vec<&str> = channels
        .shares
        .iter()
        .map(|share| share.channel.as_str())
        .collect();
    assert_eq!(shares, ["email", "push", "home"]);
    for share in &channels.shares {
        let channel = CHANNELS
            .iter()
            .position(|name| *name == share.channel)
            .unwrap();
        let value = estimate(&share.value);
        assert_close(value.estimate, over_orders(channel), 1e-12);
        let Some(Relative::Estimated {
            estimate,
            low,
            high,
        }) = share.share
        else {
            panic!("{:?}", share.share);
        };
        assert_close(estimate, over_orders(channel) / (mean(7) - mean(0)), 1e-12);
        assert!(low < estimate && estimate < high);
    }
    // The noise of each cell's mean, with the weights of the Shapley value of e-mail.
    let weights = |on: usize| {
        let others = (on & 0b110).count_ones();
        let chance = [1.0 / 3.0, 1.0 / 6.0, 1.0 / 3.0][others as usize];
        if on & 1 == 1 { chance } else { -chance }
    };
    let variance: f64 = finding
        .cells
        .iter()
        .zip(ALL)
        .map(|(cell, on)| (weights(on) * cell.se).powi(2))
        .sum();
    assert_close(
        estimate(&channels.shares[0].value).se,
        variance.sqrt(),
        1e-12,
    );
    // Within a cell values are 0.5 and 1.5 away from the mean.
    let n = customers(7) as f64;
    assert_close(finding.cells[7].se, (1.25 / (n - 1.0)).sqrt(), 1e-12);
    let first = &channels.order[0];
    assert_eq!(
        (first.channel.as_str(), first.other.as_str()),
        ("email", "push")
    );
    assert_close(estimate(&first.difference).estimate, 1.0, 1e-12);
    assert!(
        first.probability.unwrap() > 0.999 && first.probability == channels.shares[0].above_next
    );

    let together = |factors: &[&str]| {
        let found = finding
            .interactions
            .iter()
            .find(|one| one.factors == factors)
            .unwrap();
        (estimate(&found.effect).estimate, found.interact)
    };
    assert_eq!(finding.interactions.len(), 4);
    let (lost, interact) = together(&["email", "push"]);
    assert_close(lost, -2.0, 1e-12);
    assert_eq!(interact, Some(true));
    let (nothing, interact) = together(&["email", "home"]);
    assert_close(nothing, 0.0, 1e-12);
    assert_eq!(interact, Some(false));
    let email = finding.effect("email", "with").unwrap();
    assert_close(estimate(email).estimate, 3.0, 1e-12);
    // Relative to the mean without it.
    let without = [0, 2, 4, 6].map(mean).iter().sum::<f64>() / 4.0;
    assert!(matches!(
        email.outcome.relative,
        Some(Relative::Estimated { estimate, .. }) if (estimate - 3.0 / without).abs() < 1e-12
    ));
}

/// A fraction takes the number of runs from one combination, not from main effects.
#[test]
fn designs_say_what_they_can_tell() {
    let finding = of_cells(&ALL, OF_CHANNELS);
    let runs: Vec<u64> = finding.designs.iter().map(|design| design.runs).collect();
    assert_eq!(runs, [4, 8]);
    let [half, full] = finding.designs.as_slice() else {
        panic!("{:?}", finding.designs);
    };
    assert_eq!((half.resolution, full.resolution), (Some(3), None));
    assert_eq!(half.aliases[0].effect, "email");
    assert_eq!(half.aliases[0].aliases, ["home × push"]);
    assert!(full.aliases.is_empty() && full.present && !half.present);
    let (a, b) = (half.detectable.unwrap(), full.detectable.unwrap());
    assert_close(a.main, b.main, 1e-12);
    assert_close(b.alone / a.alone, 2.0_f64.sqrt(), 1e-12);
    assert_close(b.interaction / b.main, 2.0, 1e-12);
    // (1.96 + 0.84) standard errors of 2 sigma / sqrt(N).
    let n = finding.customers as f64;
    let sum: f64 = ALL.map(|on| 1.25 * customers(on) as f64).iter().sum();
    let se = 2.0 * (sum / (n - 8.0) / n).sqrt();
    assert_close(
        b.main / se,
        1.959_963_984_540_054 + 0.841_621_233_572_914_3,
        1e-9,
    );
}

#[test]
fn fractions_say_what_is_confounded() {
    let half = [1, 2, 4, 7];
    let additive =
        "{ kind: factorial, name: f, experiment: test, of: components, interactions: 1 }";
    let mut cells = half.to_vec();
    cells.sort_unstable();
    // The reference arm is that of the first cell.
    let documents = documents(&cells, additive).replacen("role: personalized", "role: generic", 1);
    let project = Project::new().file("customers.csv", &data(&cells));
    let finding = measured(&project.catalog(&documents));
    assert_eq!((finding.design.run, finding.design.of), (4, 8));
    assert_eq!(
        (finding.design.assumed, finding.design.regular),
        (Some(1), Some(true))
    );
    assert_eq!(finding.design.resolution, Some(3));
    assert_eq!(finding.design.aliases.len(), 3);
    // Two with and two without; levels of the reference arm come first: e-mail is on there.
    let main = (mean(2) + mean(4) - mean(1) - mean(7)) / 2.0;
    let effect = finding.effect("email", "without").unwrap();
    assert_close(effect.outcome.absolute.unwrap().estimate, main, 1e-9);
    assert!(finding.interactions.iter().all(|one| {
        let refusal = one.effect.outcome.refusal.as_ref();
        refusal.is_some_and(|refusal| refusal.reason == Reason::Undeclared)
    }));
    // Combinations that were not run are what the additive effects make of them.
    let combinations = &finding.combinations;
    assert_eq!(combinations.len(), 8);
    assert_eq!(
        combinations.iter().filter(|one| one.arm.is_none()).count(),
        4
    );

    let pairs = documents.replace("interactions: 1", "interactions: 2");
    let finding = measured(&project.catalog(&pairs));
    let refusal = finding
        .effect("email", "without")
        .unwrap()
        .outcome
        .refusal
        .clone()
        .unwrap();
    assert_eq!(
        refusal.message,
        "the effect of email cannot be told from that of home × push"
    );
}

/// Three headlines and two images; in the south another headline is the best.
#[test]
fn components_of_several_levels_and_what_choosing_them_is_worth() {
    let headlines = ["plain", "question", "joke"];
    let images = ["product", "person"];
    let mut arms = String::new();
    let mut text = "id,arm,spend,region\n".to_owned();
    for (h, headline) in headlines.iter().enumerate() {
        for (i, image) in images.iter().enumerate() {
            let role = if h + i == 0 {
                "generic"
            } else {
                "personalized"
            };
            writeln!(
                arms,
                "  - {{ name: {headline}-{image}, role: {role}, factors: {{ headline: {headline}, image: {image} }} }}"
            )
            .unwrap();
            for n in 0..240 {
                let region = ["north", "south", "west", "east"][n % 4];
                let by_region = match (*headline, region) {
                    ("question", "south") => -3.0,
                    ("question", _) => 2.0,
                    ("joke", "south") => 1.0,
                    _ => 0.0,
                };
                let spend = 10.0 + by_region + i as f64 + [-1.0, 1.0, 0.5, -0.5][n / 4 % 4];
                writeln!(
                    text,
                    "{headline}{image}{n},{headline}-{image},{spend},{region}"
                )
                .unwrap();
            }
        }
    }
    let document = "{ kind: factorial, name: f, experiment: test, of: components }";
    let documents = documents(&[], document).replace("arms:\n", &format!("arms:\n{arms}"));
    let project = Project::new().file("customers.csv", &text);
    let finding = measured(&project.catalog(&documents));
    assert_eq!(finding.refusal, None);
    let effect = |factor: &str, level: &str| {
        let found = finding.effect(factor, level).unwrap();
        found.outcome.absolute.unwrap().estimate
    };
    // Three regions of four at +2, one at -3.
    assert_close(effect("headline", "question"), 0.75, 1e-9);
    assert_close(effect("headline", "joke"), 0.25, 1e-9);
    assert_close(effect("image", "person"), 1.0, 1e-9);
    let [together] = finding.interactions.as_slice() else {
        panic!("{:?}", finding.interactions);
    };
    assert_eq!(
        (together.effect.outcome.absolute, together.interact),
        (None, Some(false))
    );
    assert_eq!(finding.combinations.len(), 6);
    assert_eq!(finding.combinations[0].levels, ["question", "person"]);
    assert!(finding.designs.is_empty(), "two levels only");

    let by = |factor: &str| {
        finding
            .by_segment
            .iter()
            .find(|one| one.factor == factor)
            .unwrap()
    };
    let headline = by("headline");
    assert_eq!(headline.best.as_deref(), Some("question"));
    let south: Vec<&str> = headline
        .choices
        .iter()
        .filter(|choice| choice.level != "question")
        .map(|choice| choice.value.as_str())
        .collect();
    assert_eq!(south, ["south"]);
    assert!(
        headline
            .levels
            .iter()
            .all(|level| level.differ == Some(true))
    );
    // A quarter of the customers have +1 instead of -3; shrinking takes a little.
    let worth = headline.worth.unwrap();
    assert!(
        worth.low < 1.0 && 1.0 < worth.high && worth.estimate > 0.9,
        "{worth:?}"
    );
    assert_close(headline.naive.unwrap(), 1.0, 1e-9);
    let image = by("image");
    assert_eq!((image.best.as_deref(), image.worth), (Some("person"), None));
    assert_eq!(image.levels[0].differ, Some(false));
}

/// Each customer sees an e-mail, then a push, and orders; arms have so many customers: nobody, e-mail, push, both, with
/// mean order values of 5, 7, 6 and 10. The factorial is `f`.
fn with_credit(customers: [usize; 4]) -> (Project, String) {
    let mut assigned = "who,arm,at\n".to_owned();
    let mut touches = "who,at,channel\n".to_owned();
    let mut orders = "who,at,amount\n".to_owned();
    let arms = [("none", 5.0), ("email", 7.0), ("push", 6.0), ("both", 10.0)];
    for ((arm, amount), customers) in arms.into_iter().zip(customers) {
        for n in 0..customers {
            writeln!(assigned, "{arm}{n},{arm},2024-05-01 00:00:00").unwrap();
            writeln!(touches, "{arm}{n},2024-05-02 00:00:00,email").unwrap();
            writeln!(touches, "{arm}{n},2024-05-03 00:00:00,mobile").unwrap();
            let amount = amount + [-0.5, 0.5][n % 2];
            writeln!(orders, "{arm}{n},2024-05-04 00:00:00,{amount}").unwrap();
            // After the window of the metric.
            writeln!(orders, "{arm}{n},2024-05-20 00:00:00,99").unwrap();
        }
    }
    let documents = "
{ kind: source, name: assigned, path: assigned.csv }
---
{ kind: source, name: touches, path: touches.csv }
---
{ kind: source, name: orders, path: orders.csv, types: { amount: DOUBLE } }
---
{ kind: fact, name: order, source: orders, customer: who, time: at }
---
{ kind: metric, name: revenue, fact: order, aggregate: sum, value: amount, unit: money, window: { to: 10 days } }
---
{ kind: touch, name: touches, source: touches, customer: who, time: at, channel: channel }
---
{ kind: attribution, name: credit, conversion: { fact: order, value: amount, unit: money }, touches: [touches] }
---
kind: experiment
name: test
assignment: { source: assigned, customer: who, arm: arm, time: at }
metrics: { primary: revenue }
arms:
  - { name: none, role: generic, factors: { email: off, push: off } }
  - { name: email, role: personalized, factors: { email: on, push: off } }
  - { name: push, role: personalized, factors: { email: off, push: on } }
  - { name: both, role: personalized, factors: { email: on, push: on } }
---
kind: factorial
name: f
experiment: test
of: channels
attribution: credit
channels: { push: mobile }
";
    let project = Project::new()
        .file("assigned.csv", &assigned)
        .file("touches.csv", &touches)
        .file("orders.csv", &orders);
    (project, documents.to_owned())
}

/// The attribution, and its check of what experiments say.
fn credited(catalog: &Catalog) -> (AttributionFinding, AttributionCheck) {
    let mut lake = Lake::open(catalog, None).unwrap();
    let credit = catalog.attribution("credit").unwrap();
    let credit = measure::content::attribution(catalog, &mut lake, credit).unwrap();
    let mut checks = credit.checks.iter();
    let check = checks.find(|check| check.kind == AttributionCheckKind::Experiments);
    let check = check.unwrap().clone();
    (credit, check)
}

/// The factorial that answers for each channel, and the one that does not.
fn said(credit: &AttributionFinding) -> Vec<(&str, Option<&str>, Option<&UnansweredFactorial>)> {
    let keys = credit.keys.iter();
    keys.map(|key| {
        let answers = key.factorial.as_deref();
        (key.key.as_str(), answers, key.unanswered.as_ref())
    })
    .collect()
}

#[test]
fn a_factorial_of_an_untrusted_experiment_is_no_evidence_of_what_credit_is_caused() {
    let (project, documents) = with_credit([200, 50, 200, 200]);
    let (refused, check) = credited(&project.catalog(&documents));
    let refusal = measured(&project.catalog(&documents)).refusal.unwrap();
    assert_eq!(refusal.reason, Reason::SampleRatioMismatch);
    let unanswered = UnansweredFactorial {
        factorial: "f".to_owned(),
        refusal: refusal.clone(),
    };
    let wanted = ["email", "mobile"].map(|channel| (channel, None, Some(&unanswered)));
    assert_eq!(said(&refused), wanted);
    assert_eq!((check.severity, check.number), (Severity::Warning, 2));
    assert_eq!(
        check.message,
        format!(
            "the factorial `f` does not say what is caused by `email`, `mobile`: {}",
            refusal.message
        )
    );

    // A second one tests e-mail alone among the very customers, by the shares that were meant.
    let second = "---
kind: experiment
name: fair
assignment: { source: assigned, customer: who, arm: arm, time: at }
metrics: { primary: revenue }
arms:
  - { name: none, role: generic, share: 0.8, factors: { email: off } }
  - { name: email, role: personalized, share: 0.2, factors: { email: on } }
---
{ kind: factorial, name: g, experiment: fair, of: channels }
";
    let (helped, check) = credited(&project.catalog(&format!("{documents}{second}")));
    let wanted = [
        ("email", Some("g"), None),
        ("mobile", None, Some(&unanswered)),
    ];
    assert_eq!(said(&helped), wanted);
    assert_eq!((check.severity, check.number), (Severity::Warning, 1));
    let says = "the factorial `g` says what is caused by `email`; the factorial `f` does not say what is caused by `mobile`";
    assert!(check.message.starts_with(says), "{}", check.message);
}

#[test]
fn credit_stands_where_a_factorial_beside_it_cannot_be_read() {
    let (project, documents) = with_credit([100; 4]);
    std::fs::remove_file(project.path().join("assigned.csv")).unwrap();
    let (credit, check) = credited(&project.catalog(&documents));
    assert_eq!(credit.refusal, None);
    let last = credit.model(CreditModel::Last).unwrap();
    let mobile = last.credit("mobile").unwrap();
    // The first order of each ends the journey.
    let all = 100.0 * (5.0 + 7.0 + 6.0 + 10.0);
    assert_close(mobile.value.unwrap().estimate, all, 1e-9);
    for (channel, answers, unanswered) in said(&credit) {
        let one = unanswered.unwrap();
        assert_eq!((answers, one.factorial.as_str()), (None, "f"), "{channel}");
        assert_eq!(one.refusal.reason, Reason::UnfitData);
        let why = "it cannot be measured: source `assigned`: no file at ";
        assert!(one.refusal.message.starts_with(why), "{one:?}");
    }
    assert_eq!((check.severity, check.number), (Severity::Warning, 2));
    let says = "the factorial `f` does not say what is caused by `email`, `mobile`: it cannot be measured: source";
    assert!(check.message.starts_with(says), "{}", check.message);
}

#[test]
fn a_factorial_of_something_else_is_no_evidence_of_what_credit_is_caused() {
    let (project, documents) = with_credit([100; 4]);
    let of = |metric: &str| {
        let documents = documents.replace("primary: revenue", "primary: other");
        credited(&project.catalog(&format!("{documents}---\n{metric}\n")))
    };
    let window = "window: { to: 10 days }";
    // The number of the orders that are credited is evidence, as it is of an experiment.
    let orders =
        format!("{{ kind: metric, name: other, fact: order, aggregate: count, {window} }}");
    let (credit, check) = of(&orders);
    let wanted = ["email", "mobile"].map(|channel| (channel, Some("f"), None));
    assert_eq!(said(&credit), wanted);
    assert_eq!(check.severity, Severity::Fine);
    // Complaints, and the largest order, are not what is credited.
    let complaints = format!(
        "{{ kind: source, name: complaints, path: orders.csv }}
---
{{ kind: fact, name: complaint, source: complaints, customer: who, time: at }}
---
{{ kind: metric, name: other, fact: complaint, aggregate: count, better: decrease, {window} }}"
    );
    let largest = format!(
        "{{ kind: metric, name: other, fact: order, aggregate: max, value: amount, {window} }}"
    );
    for metric in [complaints, largest] {
        let (credit, check) = of(&metric);
        let unanswered = UnansweredFactorial {
            factorial: "f".to_owned(),
            refusal: Refusal::new(
                Reason::Undeclared,
                "it measures `other`, which does not add up the conversions of `order` that are credited, or their value",
            ),
        };
        let wanted = ["email", "mobile"].map(|channel| (channel, None, Some(&unanswered)));
        assert_eq!(said(&credit), wanted);
        assert_eq!((check.severity, check.number), (Severity::Warning, 2));
        assert!(check.message.contains(&unanswered.refusal.message));
    }
}

#[test]
fn an_experiment_without_an_answer_tested_its_channel() {
    let (project, documents) = with_credit([200, 50, 200, 200]);
    let (documents, _) = documents.split_once("---\nkind: factorial").unwrap();
    let documents = documents.replace(
        "touches: [touches] }",
        "touches: [touches], experiments: { email: fair, mobile: unfair } }",
    );
    let experiment = |name: &str, arm: &str, share: f64| {
        let rest = 1.0 - share;
        format!(
            "---
kind: experiment
name: {name}
assignment: {{ source: assigned, customer: who, arm: arm, time: at }}
metrics: {{ primary: revenue }}
arms:
  - {{ name: none, role: generic, share: {rest} }}
  - {{ name: {arm}, role: personalized, share: {share} }}
"
        )
    };
    let [fair, unfair] = [
        experiment("fair", "email", 0.2),
        experiment("unfair", "push", 0.2),
    ];
    let (credit, check) = credited(&project.catalog(&format!("{documents}{fair}{unfair}")));
    let tested: Vec<_> = credit.calibrations[0].experiments.iter().collect();
    let refusal = tested[1].refusal.clone().unwrap();
    assert_eq!(refusal.reason, Reason::SampleRatioMismatch);
    assert_eq!(
        (tested[0].refusal.as_ref(), tested[1].channel.as_str()),
        (None, "mobile")
    );
    assert_eq!((check.severity, check.number), (Severity::Warning, 1));
    assert_eq!(
        check.message,
        format!(
            "the experiment `unfair` does not say what is caused by `mobile`: {}",
            refusal.message
        )
    );
}

#[test]
fn credit_stands_beside_what_was_caused() {
    let (project, documents) = with_credit([100; 4]);
    let catalog = project.catalog(&documents);
    // The attribution says where it is known what its channels cause.
    let (credit, check) = credited(&catalog);
    let wanted = ["email", "mobile"].map(|channel| (channel, Some("f"), None));
    assert_eq!(said(&credit), wanted);
    assert_eq!((check.severity, check.number), (Severity::Fine, 0));
    assert_eq!(
        check.message,
        "the factorial `f` says what is caused by `email`, `mobile`"
    );
    let finding = measured(&catalog);
    let channels = finding.channels.unwrap();
    let ladder = channels.evidence.unwrap();
    assert_eq!(
        (ladder.refusal, ladder.arm.as_str(), ladder.customers),
        (None, "both", 100)
    );
    // E-mail: (2 + 4) / 2 = 3 a customer, push (1 + 3) / 2 = 2.
    let credited = |row: usize, model: CreditModel| {
        let mut credited = ladder.rows[row].credited.iter();
        credited.find(|one| one.model == model).unwrap().clone()
    };
    let rows: Vec<&str> = ladder.rows.iter().map(|row| row.channel.as_str()).collect();
    assert_eq!(rows, ["email", "mobile"]);
    assert_close(ladder.rows[0].caused.unwrap().estimate, 300.0, 1e-9);
    assert_close(ladder.rows[1].caused.unwrap().estimate, 200.0, 1e-9);
    // The orders of 1,000 in the window, half each; all of it to the last.
    let linear = credited(0, CreditModel::Linear);
    assert_close(linear.credit.estimate, 500.0, 1e-9);
    assert_close(linear.share.unwrap(), 0.5, 1e-9);
    assert_close(linear.factor.unwrap().estimate, 0.6, 1e-9);
    assert_eq!(linear.refuted, Some(true));
    let last = credited(1, CreditModel::Last);
    assert_close(last.credit.estimate, 1000.0, 1e-9);
    assert_close(last.factor.unwrap().estimate, 0.2, 1e-9);
    assert_close(credited(0, CreditModel::Last).credit.estimate, 0.0, 1e-9);
}

#[test]
fn what_a_factorial_needs_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let errors = |documents: &str| {
        let files = [
            ("touchstone.yaml".into(), "name: Test\n".to_owned()),
            ("catalog/test.yaml".into(), documents.to_owned()),
        ];
        match Catalog::from_sources(folder.path(), files, &|_| None) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    };
    let no_factors = documents(&ALL, OF_CHANNELS).replace("factors:", "# factors:");
    let said = errors(
        &no_factors
            .replace(" } }\n", "\n")
            .replace("# factors:", "} #"),
    );
    assert!(
        said.contains("the arms of `test` have no factors"),
        "{said}"
    );
    let fraction = documents(&[1, 2, 4, 7], OF_CHANNELS);
    let said = errors(&format!("{fraction}---\n{{ kind: channel, name: web }}\n"));
    assert!(
        said.contains("the reference arm of `test` has no factors"),
        "{said}"
    );
    let no_metric = OF_CHANNELS.replace("of: channels", "of: channels, metric: spent");
    let said = errors(&documents(&ALL, &no_metric));
    assert!(said.contains("spent"), "{said}");
    let renamed = OF_CHANNELS.replace("of: channels", "of: channels, channels: { mail: m }");
    let said = errors(&documents(&ALL, &renamed));
    assert!(
        said.contains("there is no attribution whose channels these are"),
        "{said}"
    );
}
