//! Segments and strata of small experiments whose answers are known.

mod common;

use common::Project;
use measure::Reason;
use measure::audience::{CheckKind, Comparison, LiftFinding, SegmentFinding};

const DOCUMENTS: &str = "
{ kind: source, name: customers, path: customers.csv, key: id }
---
{ kind: fact, name: outcome, source: customers, customer: id }
---
{ kind: metric, name: spend, fact: outcome, aggregate: max, value: spend, unit: money }
---
{ kind: metric, name: visits, fact: outcome, aggregate: sum, value: visits, unit: count }
---
{ kind: metric, name: per-visit, aggregate: ratio, numerator: spend, denominator: visits, unit: money }
---
kind: experiment
name: test
assignment: { source: customers, customer: id, arm: arm }
arms: [{ name: a, role: generic }, { name: b, role: personalized }]
metrics: { primary: spend, secondary: [visits, per-visit] }
";

/// A customer: arm, spend (none where it is missing), visits, and what tells customers apart.
struct Customer {
    arm: &'static str,
    spend: Option<f64>,
    visits: f64,
    before: f64,
    country: String,
    age: Option<i64>,
    is_new: bool,
}

/// A number in [0, 1) that depends on its place alone.
fn uniform(place: u64, salt: u64) -> f64 {
    let mut x = (place ^ salt << 40).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ x >> 31) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Customers of three countries, who spend differently; in `c` the effect is another one.
fn customers(n: u64) -> Vec<Customer> {
    let customer = |place: u64| {
        let u = |salt| uniform(place, salt);
        let arm = if u(1) < 0.5 { "b" } else { "a" };
        // The third is longer than what fits into the header of a text.
        let country = ["a", "b", "c, which has a long name"][(3.0 * u(2)) as usize];
        let level = [10.0, 40.0, 160.0][(3.0 * u(2)) as usize];
        let effect = if country.len() > 1 { 12.0 } else { 3.0 };
        let before = (level + 20.0 * u(3)).round();
        let treated = if arm == "b" { effect } else { 0.0 };
        Customer {
            arm,
            spend: (u(4) > 0.1).then_some((before + 10.0 * u(5) + treated).round() / 4.0),
            visits: (5.0 * u(6)).floor() + 1.0,
            before,
            country: country.to_owned(),
            age: (u(7) > 0.2).then_some((u(8) * 12.0) as i64),
            is_new: u(9) < 0.3,
        }
    };
    (0..n).map(customer).collect()
}

fn csv(customers: &[Customer]) -> String {
    let mut text = "id,arm,spend,visits,before,country,age,is_new\n".to_owned();
    for (id, c) in customers.iter().enumerate() {
        let spend = c.spend.map(|spend| spend.to_string()).unwrap_or_default();
        let age = c.age.map(|age| age.to_string()).unwrap_or_default();
        text.push_str(&format!(
            "{id},{},{spend},{},{},\"{}\",{age},{}\n",
            c.arm, c.visits, c.before, c.country, c.is_new
        ));
    }
    text
}

fn measured(customers: &[Customer], keys: &str) -> LiftFinding {
    let project = Project::new().file("customers.csv", &csv(customers));
    project.measure(&format!("{DOCUMENTS}{keys}")).unwrap()
}

fn comparison<'f>(segment: &'f SegmentFinding, value: &str, metric: &str) -> &'f Comparison {
    let value = segment.values.iter().find(|known| known.value == value);
    let metrics = &value.unwrap().metrics;
    metrics.iter().find(|known| known.metric == metric).unwrap()
}

#[track_caller]
fn assert_close(found: f64, expected: f64) {
    common::assert_close(found, expected, 1e-11);
}

/// Mean and unbiased variance.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, squares / (n - 1.0))
}

/// The spends of an arm's customers whom a condition picks.
fn spends(customers: &[Customer], arm: &str, keep: impl Fn(&Customer) -> bool) -> Vec<f64> {
    let kept = customers.iter().filter(|c| c.arm == arm && keep(c));
    kept.filter_map(|c| c.spend).collect()
}

/// With a row a customer, known by a key or by the number of the row, the segments of a split that is off are counted too.
#[test]
fn a_split_that_is_off_is_counted_by_segment_where_rows_are_customers() {
    let mut place = 0;
    let mut cut = customers(5000);
    cut.retain(|customer| {
        place += 1;
        customer.arm == "a" || place % 3 > 0
    });
    let facts_elsewhere = "{ kind: source, name: elsewhere, path: customers.csv }\n---\n\
                           { kind: fact, name: outcome, source: elsewhere, customer: id }";
    let fact = "{ kind: fact, name: outcome, source: customers, customer: id }";
    let by_row = DOCUMENTS
        .replace("key: id", "row_id: row")
        .replace("customer: id", "customer: row");
    assert!(by_row.contains("row_id: row") && DOCUMENTS.contains(fact));
    let project = Project::new().file("customers.csv", &csv(&cut));
    for documents in [
        DOCUMENTS.to_owned(),
        DOCUMENTS.replace(fact, facts_elsewhere),
        by_row,
    ] {
        let finding = project
            .measure(&format!("{documents}segments: [country]\n"))
            .unwrap();
        assert_eq!(finding.refusal.unwrap().reason, Reason::SampleRatioMismatch);
        let split = finding.trust.sample_ratio.unwrap();
        assert!(split.p_value < 1e-9, "{split:?}");
        let counted: u64 = finding.arms.iter().map(|arm| arm.customers).sum();
        assert_eq!(counted, cut.len() as u64);
    }
}

#[test]
fn each_value_is_compared_as_if_it_were_alone() {
    let customers = customers(5000);
    let finding = measured(&customers, "segments: [country, age, is_new]\n");
    let names = |segment: usize| -> Vec<&str> {
        let values = finding.segments[segment].values.iter();
        values.map(|value| value.value.as_str()).collect()
    };
    assert_eq!(names(0), ["a", "b", "c, which has a long name"]);
    let ages = [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "(none)",
    ];
    assert_eq!(names(1), ages);
    assert_eq!(names(2), ["false", "true"]);

    for (age, name) in ages.iter().enumerate() {
        let is_of = |c: &Customer| match c.age {
            Some(known) => known == age as i64,
            None => *name == "(none)",
        };
        let (b, a) = (
            spends(&customers, "b", is_of),
            spends(&customers, "a", is_of),
        );
        let (of_b, of_a) = (moments(&b), moments(&a));
        let found = comparison(&finding.segments[1], name, "spend");
        assert_eq!(
            (found.n.arm, found.n.against),
            (b.len() as u64, a.len() as u64)
        );
        let lacking = customers.iter().filter(|c| is_of(c) && c.spend.is_none());
        assert_eq!(
            found.missing.arm + found.missing.against,
            lacking.count() as u64
        );
        let effect = found.outcome.absolute.unwrap();
        assert_close(effect.estimate, of_b.0 - of_a.0);
        assert_close(
            effect.se,
            (of_b.1 / b.len() as f64 + of_a.1 / a.len() as f64).sqrt(),
        );
        // The ratio counts those who have both.
        let ratio = comparison(&finding.segments[1], name, "per-visit");
        let of_arm = |arm: &str| {
            let both = customers.iter().filter(|c| c.arm == arm && is_of(c));
            let both = both.filter_map(|c| Some((c.spend?, c.visits)));
            let (spend, visits) = both.fold((0.0, 0.0), |sum, c| (sum.0 + c.0, sum.1 + c.1));
            spend / visits
        };
        assert_close(ratio.mean.unwrap().arm, of_arm("b"));
        assert_eq!(ratio.n, found.n);
        let visits = comparison(&finding.segments[1], name, "visits");
        assert_eq!(visits.missing.arm + visits.missing.against, 0);
    }
}

#[test]
fn the_values_of_a_segment_add_up_to_the_whole() {
    let finding = measured(&customers(3000), "segments: [country, age, is_new]\n");
    for segment in &finding.segments {
        for whole in finding.metrics.iter().filter(|whole| !whole.ratio) {
            let parts = segment.values.iter();
            let parts = parts.map(|value| comparison_of(&value.metrics, &whole.metric));
            let customers: u64 = parts.clone().map(|part| part.n.arm).sum();
            assert_eq!(customers, whole.n.arm);
            let sum: f64 = parts
                .map(|part| part.mean.map_or(0.0, |mean| mean.arm * part.n.arm as f64))
                .sum();
            assert_close(sum, whole.mean.unwrap().arm * whole.n.arm as f64);
        }
        let customers: u64 = segment.values.iter().map(|value| value.customers).sum();
        assert_eq!(customers, finding.customers.counted);
    }
}

fn comparison_of<'c>(comparisons: &'c [Comparison], metric: &str) -> &'c Comparison {
    comparisons
        .iter()
        .find(|known| known.metric == metric)
        .unwrap()
}

#[test]
fn effects_that_differ_are_told_from_those_that_do_not() {
    let customers = customers(20_000);
    let finding = measured(&customers, "segments: [country, age]\n");
    let of = |segment: usize, metric: &str| {
        let tests = finding.segments[segment].heterogeneity.iter();
        tests.clone().find(|test| test.metric == metric).unwrap()
    };
    let by_country = of(0, "spend");
    assert_eq!(by_country.differ, Some(true));
    assert_eq!((by_country.values, by_country.left_out), (3, 0));

    // Cochran's Q by hand, from the effects shown.
    let effects = finding.segments[0].values.iter();
    let effects = effects.map(|value| comparison_of(&value.metrics, "spend"));
    let effects: Vec<_> = effects.map(|c| c.outcome.absolute.unwrap()).collect();
    let weight: f64 = effects.iter().map(|e| e.se.powi(-2)).sum();
    let mean = effects
        .iter()
        .map(|e| e.estimate * e.se.powi(-2))
        .sum::<f64>()
        / weight;
    let q: f64 = effects
        .iter()
        .map(|e| ((e.estimate - mean) / e.se).powi(2))
        .sum();
    assert_close(by_country.q.unwrap(), q);
    assert_close(by_country.i_squared.unwrap(), 1.0 - 2.0 / q);

    // Holm: of two tests the smaller probability counts twice, and the other is no smaller than that.
    let by_age = of(1, "spend");
    let (small, large) = (by_country.p_value.unwrap(), by_age.p_value.unwrap());
    assert!(small < large);
    assert_close(by_country.p_adjusted.unwrap(), 2.0 * small);
    assert_close(by_age.p_adjusted.unwrap(), large.max(2.0 * small));
    assert_eq!(by_age.differ, Some(false));

    // Where effects do not differ, each is moved most of the way to their mean.
    for value in &finding.segments[1].values {
        let spend = comparison_of(&value.metrics, "spend");
        let (raw, shrunk) = (spend.outcome.absolute.unwrap(), spend.shrunk.unwrap());
        let pooled = finding
            .comparison("spend", "b")
            .unwrap()
            .outcome
            .absolute
            .unwrap();
        assert!(
            (shrunk.estimate - pooled.estimate).abs()
                <= (raw.estimate - pooled.estimate).abs() + pooled.se
        );
        assert!(shrunk.sd < raw.se);
        assert!(shrunk.low < shrunk.estimate && shrunk.estimate < shrunk.high);
    }
}

#[test]
fn threads_do_not_change_a_digit() {
    let text = csv(&customers(30_000));
    let keys = "segments: [country, age, is_new]\nstrata: [country, age]\ncovariates: [before]\n";
    let finding = |threads| {
        let project = Project::new().threads(threads).file("customers.csv", &text);
        let finding = project.measure(&format!("{DOCUMENTS}{keys}")).unwrap();
        (finding.metrics, finding.segments)
    };
    assert_eq!(finding(1), finding(4));
}

#[test]
fn strata_are_compared_inside_and_weighted_by_their_customers() {
    let customers = customers(4000);
    let finding = measured(&customers, "strata: [country]\n");
    let spend = finding.comparison("spend", "b").unwrap();
    let stratified = spend.stratified.as_ref().unwrap();
    assert_eq!((stratified.strata, stratified.merged), (3, 0));

    let mut total = 0.0;
    let (mut effect, mut inside) = (0.0, 0.0);
    let mut effects = Vec::new();
    for country in ["a", "b", "c, which has a long name"] {
        let is_of = |c: &Customer| c.country == country;
        let (b, a) = (
            spends(&customers, "b", is_of),
            spends(&customers, "a", is_of),
        );
        let (of_b, of_a) = (moments(&b), moments(&a));
        let (n_b, n_a) = (b.len() as f64, a.len() as f64);
        let n = n_b + n_a;
        total += n;
        effect += n * (of_b.0 - of_a.0);
        inside += n * n * (of_b.1 / n_b + of_a.1 / n_a);
        effects.push((n, of_b.0 - of_a.0));
    }
    effect /= total;
    let between: f64 = effects.iter().map(|(n, d)| n * (d - effect).powi(2)).sum();
    let variance = inside / (total * total) + between / (total * total);
    let found = stratified.outcome.absolute.unwrap();
    assert_close(found.estimate, effect);
    assert_close(found.se, variance.sqrt());

    let plain = spend.outcome.absolute.unwrap();
    assert!(found.se < 0.5 * plain.se);
    assert_close(
        stratified.variance_reduction,
        1.0 - (found.se / plain.se).powi(2),
    );
    assert_eq!(spend.decisive(), Some(&stratified.outcome));
    // Customers without a spend are in no stratum of it, but in those of the visits.
    assert!(
        finding
            .comparison("visits", "b")
            .unwrap()
            .stratified
            .is_some()
    );
    assert!(
        finding
            .comparison("per-visit", "b")
            .unwrap()
            .stratified
            .is_some()
    );
}

#[test]
fn covariates_work_inside_the_strata() {
    let finding = measured(
        &customers(4000),
        "strata: [country]\ncovariates: [before]\n",
    );
    let spend = finding.comparison("spend", "b").unwrap();
    let (adjusted, stratified) = (
        spend.adjusted.as_ref().unwrap(),
        spend.stratified.as_ref().unwrap(),
    );
    assert_eq!(stratified.covariates, ["before"]);
    let se = |outcome: &measure::audience::Outcome| outcome.absolute.unwrap().se;
    assert!(se(&stratified.outcome) < se(&adjusted.outcome));
    assert!(se(&adjusted.outcome) < se(&spend.outcome));
    assert_eq!(spend.decisive(), Some(&stratified.outcome));
}

#[test]
fn strata_with_few_customers_are_compared_as_one() {
    let mut customers = customers(2000);
    for (place, customer) in customers.iter_mut().enumerate().take(100) {
        customer.country = format!("rare {}", place % 4);
    }
    let finding = measured(&customers, "strata: [country]\n");
    let spend = finding.comparison("spend", "b").unwrap();
    let stratified = spend.stratified.as_ref().unwrap();
    assert_eq!((stratified.strata, stratified.merged), (4, 4));
    let rare = customers.iter().take(100).filter(|c| c.spend.is_some());
    assert_eq!(stratified.merged_customers, rare.count() as u64);
}

#[test]
fn too_many_strata_or_values_are_said_and_leave_the_rest() {
    let mut customers = customers(3000);
    for (place, customer) in customers.iter_mut().enumerate() {
        customer.country = format!("number {place}");
    }
    let finding = measured(
        &customers,
        "segments: [country, is_new]\nstrata: [country]\n",
    );
    let refusal = finding.segments[0].refusal.as_ref().unwrap();
    assert_eq!(refusal.reason, Reason::UnfitData);
    assert!(
        refusal.message.contains("more than 1000"),
        "{}",
        refusal.message
    );
    assert!(finding.segments[0].values.is_empty());
    assert_eq!(finding.segments[1].values.len(), 2);
    let check = finding
        .checks
        .iter()
        .find(|check| check.check == CheckKind::Strata);
    assert!(check.unwrap().message.contains("more than 256"));
    let plain = measured(&customers, "");
    let (found, expected) = (&finding.metrics[0], &plain.metrics[0]);
    assert_eq!(found.outcome, expected.outcome);
    assert!(found.stratified.is_none());
}

#[test]
fn many_patterns_of_missing_values_are_counted_one_by_one() {
    let mut text = "id,arm".to_owned();
    let mut documents = DOCUMENTS
        .split("---")
        .take(2)
        .collect::<Vec<_>>()
        .join("---");
    let metrics = 12;
    for metric in 0..metrics {
        text.push_str(&format!(",v{metric}"));
        documents.push_str(&format!(
            "---\n{{ kind: metric, name: v{metric}, fact: outcome, aggregate: max, value: v{metric}, unit: money }}\n"
        ));
    }
    let names: Vec<String> = (1..metrics).map(|metric| format!("v{metric}")).collect();
    documents.push_str(&format!(
        "---\n{{ kind: experiment, name: test, assignment: {{ source: customers, customer: id, arm: arm }}, \
         arms: [{{ name: a, role: generic }}, {{ name: b, role: personalized }}], \
         metrics: {{ primary: v0, secondary: [{}] }}, segments: [arm_like] }}\n",
        names.join(", ")
    ));
    text.push_str(",arm_like\n");
    let mut sums = vec![(0_u64, 0.0); metrics];
    for id in 0..4000_u64 {
        let is_b = uniform(id, 1) < 0.5;
        text.push_str(&format!("{id},{}", if is_b { "b" } else { "a" }));
        for (metric, sum) in sums.iter_mut().enumerate() {
            let value = (100.0 * uniform(id, 50 + metric as u64)).round();
            let is_there = uniform(id, 20 + metric as u64) < 0.5;
            if is_there && is_b {
                *sum = (sum.0 + 1, sum.1 + value);
            }
            text.push_str(&if is_there {
                format!(",{value}")
            } else {
                ",".to_owned()
            });
        }
        text.push_str(&format!(",{}\n", id % 2));
    }
    let project = Project::new().file("customers.csv", &text);
    let finding = project.measure(&documents).unwrap();
    for (metric, (n, sum)) in sums.into_iter().enumerate() {
        let found = finding.comparison(&format!("v{metric}"), "b").unwrap();
        assert_eq!(found.n.arm, n);
        assert_close(found.mean.unwrap().arm, sum / n as f64);
        let values = finding.segments[0].values.iter();
        let parts: u64 = values.map(|value| value.metrics[metric].n.arm).sum();
        assert_eq!(parts, n);
    }
}
