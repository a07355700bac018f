//! What an experiment's results mean together, by numbers computed a second way.

mod common;

use common::Project;
use measure::audience::{
    ArmDecision, Comparison, Decision, DecisionReasonKind, LiftFinding, Relative, Verdict,
};
use stats::simultaneous::dunnett;
use stats::{Contrast, Sample, tail};

const METRICS: &str = "
{ kind: source, name: customers, path: customers.csv, key: id }
---
{ kind: fact, name: outcome, source: customers, customer: id }
---
{ kind: metric, name: spend, fact: outcome, aggregate: sum, value: spend, unit: money }
---
{ kind: metric, name: visits, fact: outcome, aggregate: sum, value: visits, unit: count }
---
{ kind: metric, name: returns, fact: outcome, aggregate: sum, value: returns, better: decrease }
---
{ kind: metric, name: bought, fact: outcome, aggregate: max, value: spend > 3, unit: share }
---
{ kind: metric, name: basket, aggregate: ratio, numerator: spend, denominator: visits }
";

const HEADER: &str = "id,arm,spend,visits,returns,reached,shown,chosen\n";

/// A customer's numbers.
#[derive(Clone)]
struct Row {
    spend: f64,
    visits: f64,
    returns: f64,
    reached: bool,
}

/// Rows of an arm whose numbers follow from their place.
fn arm(arm: &str, n: usize, row: impl Fn(usize) -> Row) -> String {
    let line = |i: usize| {
        let Row {
            spend,
            visits,
            returns,
            reached,
        } = row(i);
        let chosen = if reached { "new" } else { "old" };
        format!("{arm}{i},{arm},{spend},{visits},{returns},{reached},old,{chosen}\n")
    };
    (0..n).map(line).collect()
}

/// `i % 10 + more` for the spend, `i % 5` for visits and `i % 4` for returns.
fn regular(more: f64) -> impl Fn(usize) -> Row {
    move |i| Row {
        spend: (i % 10) as f64 + more,
        visits: (i % 5) as f64,
        returns: (i % 4) as f64,
        reached: i % 20 < 4,
    }
}

fn sample(values: impl Iterator<Item = f64>) -> Sample {
    let values: Vec<f64> = values.collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Sample {
        n: values.len() as u64,
        mean,
        variance: squares / (n - 1.0),
    }
}

fn experiment(arms: &str, rest: &str) -> String {
    format!(
        "{METRICS}---\nkind: experiment\nname: test\nassignment: {{ source: customers, customer: id, arm: arm }}\n\
         arms: [{arms}]\n{rest}\n"
    )
}

const TWO: &str = "{ name: a, role: generic }, { name: b, role: personalized }";

/// 500, 400 and 300 customers of 1200.
const SHUFFLED: &str = "{ name: a, role: generic, share: 0.4166667 }, \
                        { name: b, role: personalized, share: 0.3333333 }, \
                        { name: c, role: shuffled, share: 0.25 }";

fn measured(rows: &[String], documents: &str) -> LiftFinding {
    Project::new()
        .threads(1)
        .file("customers.csv", &format!("{HEADER}{}", rows.concat()))
        .measure(documents)
        .unwrap()
}

fn of<'f>(finding: &'f LiftFinding, metric: &str, arm: &str) -> &'f Comparison {
    finding.comparison(metric, arm).unwrap()
}

fn decision(finding: &LiftFinding) -> &ArmDecision {
    &finding.together.decisions[0]
}

#[track_caller]
fn assert_close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1e-300),
        "{found} is not {expected}"
    );
}

#[test]
fn a_better_arm_with_a_safe_guardrail_is_shipped() {
    let rows = [arm("a", 400, regular(0.0)), arm("b", 400, regular(1.0))];
    let with_margin = |margin: &str| {
        let metrics = format!(
            "metrics: {{ primary: spend, guardrails: [{{ metric: visits, {margin} }}], secondary: [returns] }}"
        );
        measured(&rows, &experiment(TWO, &metrics))
    };
    let wide = with_margin("margin: 0.2");
    assert_eq!(
        decision(&wide).decision,
        Decision::Ship,
        "{:?}",
        decision(&wide)
    );
    assert_eq!(decision(&wide).false_ship_rate, 0.025);
    let guardrail = of(&wide, "visits", "b").among.guardrail.as_ref().unwrap();
    // Both arms have 0 to 4 visits: mean 2, variance 2 * 400 / 399; the loss at the margin is 0.4.
    let noise = 2.0 / 399.0;
    let t = 0.4 / (noise * (1.0 + 0.8 * 0.8_f64)).sqrt();
    assert_close(
        guardrail.p_value.unwrap(),
        tail::student_t_upper(t, 798.0).p,
        1e-9,
    );
    assert!(guardrail.passed && guardrail.relative);
    let Some(Relative::Estimated { low, .. }) = of(&wide, "visits", "b").outcome.relative else {
        panic!("no relative effect");
    };
    assert_close(guardrail.bound.unwrap(), low, 1e-9);

    let absolute = with_margin("absolute_margin: 0.4");
    let guardrail = of(&absolute, "visits", "b")
        .among
        .guardrail
        .as_ref()
        .unwrap();
    let t = 0.4 / (2.0 * noise).sqrt();
    assert_close(
        guardrail.p_value.unwrap(),
        tail::student_t_upper(t, 798.0).p,
        1e-9,
    );

    let narrow = with_margin("margin: 0.02");
    let decided = decision(&narrow);
    assert_eq!(decided.decision, Decision::DoNotShip);
    assert_eq!(decided.reasons[0].reason, DecisionReasonKind::NotShownSafe);
    assert_eq!(decided.reasons[0].metric.as_deref(), Some("visits"));
    assert_eq!(decided.what_would_change_it.len(), 1);
}

#[test]
fn nothing_better_is_not_shipped_and_harm_is_named() {
    let rows = [
        arm("a", 400, regular(0.0)),
        arm("b", 400, |i| Row {
            returns: (i % 4) as f64 + 2.0,
            ..regular(-0.05)(i)
        }),
    ];
    let metrics = "metrics: { primary: spend, success: [bought], secondary: [returns] }";
    let finding = measured(&rows, &experiment(TWO, metrics));
    let decided = decision(&finding);
    assert_eq!(decided.decision, Decision::DoNotShip);
    let kinds: Vec<_> = decided.reasons.iter().map(|reason| reason.reason).collect();
    assert_eq!(
        kinds,
        [DecisionReasonKind::Worse, DecisionReasonKind::NoSuccess]
    );
    // More returns are worse.
    assert_eq!(of(&finding, "returns", "b").verdict, Some(Verdict::Worse));
}

#[test]
fn one_success_metric_is_enough_and_both_are_adjusted() {
    let rows = [
        arm("a", 400, regular(0.0)),
        arm("b", 400, |i| Row {
            visits: (i % 5) as f64 + 0.5,
            ..regular(0.0)(i)
        }),
    ];
    let metrics = "metrics: { primary: spend, success: [visits] }";
    let finding = measured(&rows, &experiment(TWO, metrics));
    assert_eq!(decision(&finding).decision, Decision::Ship);
    let (spend, visits) = (of(&finding, "spend", "b"), of(&finding, "visits", "b"));
    assert_eq!(spend.verdict, Some(Verdict::Unclear));
    assert_eq!(visits.verdict, Some(Verdict::Better));
    // Holm: the smaller probability counts twice.
    assert_close(
        visits.among.adjusted_p.unwrap(),
        2.0 * visits.outcome.p_value.unwrap(),
        1e-12,
    );
    assert_eq!(spend.among.adjusted_p, Some(1.0));
}

#[test]
fn one_primary_metric_in_one_arm_is_left_alone() {
    let rows = [arm("a", 50, regular(0.0)), arm("b", 50, regular(1.0))];
    let finding = measured(&rows, &experiment(TWO, "metrics: { primary: spend }"));
    assert_eq!(finding.metrics[0].among, Default::default());
}

#[test]
fn secondary_verdicts_follow_the_adjusted_probability_and_interval() {
    let rows = [
        arm("a", 400, regular(0.0)),
        // p of visits about 0.02: too large when there are three.
        arm("b", 400, |i| Row {
            visits: (i % 5) as f64 + 0.232,
            returns: (i % 4) as f64 + 0.01,
            ..regular(1.0)(i)
        }),
    ];
    let with = |multiplicity: &str| {
        let metrics = format!(
            "metrics: {{ primary: spend, secondary: [visits, returns, basket] }}\nmultiplicity: {multiplicity}"
        );
        measured(&rows, &experiment(TWO, &metrics))
    };
    let alone = with("none");
    assert_eq!(of(&alone, "visits", "b").verdict, Some(Verdict::Better));
    assert_eq!(of(&alone, "visits", "b").among.adjusted_p, None);
    for procedure in ["holm", "hommel", "bh", "by"] {
        let finding = with(procedure);
        for metric in ["visits", "returns", "basket"] {
            let comparison = of(&finding, metric, "b");
            let adjusted = comparison.among.adjusted_p.unwrap();
            assert!(adjusted >= comparison.outcome.p_value.unwrap());
            let interval = comparison.among.simultaneous.as_ref().unwrap();
            let excludes = interval.low > 0.0 || interval.high < 0.0;
            assert_eq!(excludes, adjusted < 0.05, "{procedure} {metric}");
            assert_eq!(
                comparison.verdict == Some(Verdict::Unclear),
                adjusted >= 0.05,
                "{procedure} {metric}"
            );
        }
    }
    assert_eq!(
        of(&with("by"), "visits", "b").verdict,
        Some(Verdict::Unclear)
    );
}

#[test]
fn several_arms_are_held_against_their_reference_by_dunnett() {
    let more = [0.0, 0.6, 0.1, -0.2];
    let rows: Vec<String> = ["a", "b", "c", "d"]
        .iter()
        .zip(more)
        .map(|(name, more)| arm(name, 300, regular(more)))
        .collect();
    let arms = "{ name: a, role: generic }, { name: b, role: personalized }, { name: c, role: personalized }, \
                { name: d, role: shuffled }";
    let finding = measured(&rows, &experiment(arms, "metrics: { primary: spend }"));
    let samples: Vec<Sample> = more
        .iter()
        .map(|more| sample((0..300).map(|i| (i % 10) as f64 + more)))
        .collect();
    let contrasts: Vec<Contrast> = samples[1..]
        .iter()
        .map(|arm| Contrast::of_means(arm, &samples[0]).unwrap())
        .collect();
    let expected = dunnett(&contrasts, 0.05).unwrap();
    for (name, expected) in ["b", "c", "d"].iter().zip(expected) {
        let comparison = of(&finding, "spend", name);
        assert_close(
            comparison.among.adjusted_p.unwrap(),
            expected.probability.p,
            1e-6,
        );
        let interval = comparison.among.simultaneous.as_ref().unwrap();
        assert_close(interval.low, expected.absolute.low, 1e-6);
        assert_close(interval.high, expected.absolute.high, 1e-6);
    }
    // Alone the first arm has p = 0.01; the shuffled arm is none to ship.
    assert_eq!(of(&finding, "spend", "b").verdict, Some(Verdict::Better));
    let shipped: Vec<_> = finding
        .together
        .decisions
        .iter()
        .map(|decision| (decision.arm.as_str(), decision.decision))
        .collect();
    assert_eq!(shipped, [("b", Decision::Ship), ("c", Decision::DoNotShip)]);
}

#[test]
fn a_prior_moves_the_relative_lift() {
    let rows = [arm("a", 400, regular(0.0)), arm("b", 400, regular(0.3))];
    let finding = measured(
        &rows,
        &experiment(
            TWO,
            "metrics: { primary: spend }\nprior: { mean: 0.01, sd: 0.05 }",
        ),
    );
    let belief = &finding.together.bayes[0];
    // Both arms have variance 8.25 * 400 / 399; means 4.5 and 4.8.
    let noise: f64 = 8.25 / 399.0;
    let r = 4.8 / 4.5;
    let se = (noise * (1.0 + r * r)).sqrt() / 4.5;
    let weight = 1.0 / (se * se) / (1.0 / (se * se) + 1.0 / 0.0025);
    let mean = weight * (r - 1.0) + (1.0 - weight) * 0.01;
    let sd = (1.0 / (1.0 / (se * se) + 1.0 / 0.0025)).sqrt();
    let lift = belief.lift.unwrap();
    assert_close(lift.mean, mean, 1e-9);
    assert_close(lift.sd, sd, 1e-9);
    let z = mean / sd;
    assert_close(belief.chance_to_win.unwrap(), tail::normal_cdf(z), 1e-9);
    // E max(-x, 0) = sd (phi(z) - z Phi(-z)), in money a customer.
    let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let loss = 4.5 * sd * (density - z * tail::normal_cdf(-z));
    assert_close(belief.loss_of_shipping.unwrap(), loss, 1e-8);
    assert_close(
        belief.loss_of_not_shipping.unwrap() - belief.loss_of_shipping.unwrap(),
        4.5 * mean,
        1e-9,
    );
    assert!(belief.exact.is_none());
}

#[test]
fn a_strong_prior_says_so_beside_the_test() {
    let rows = [arm("a", 400, regular(0.0)), arm("b", 400, regular(0.0))];
    let finding = measured(
        &rows,
        &experiment(
            TWO,
            "metrics: { primary: bought }\nprior: { mean: 0.2, sd: 0.01 }",
        ),
    );
    let belief = &finding.together.bayes[0];
    assert_eq!(finding.metrics[0].verdict, Some(Verdict::Unclear));
    assert!(belief.beside_the_test.as_ref().unwrap().contains("verdict"));
    // 240 of 400 in each arm.
    let exact = belief.exact.as_ref().unwrap();
    assert_close(exact.chance_to_win.unwrap(), 0.5, 1e-9);
    assert_close(exact.low.unwrap(), -exact.high.unwrap(), 1e-9);
}

#[test]
fn counts_that_vary_unlike_poisson_have_no_exact_model() {
    let rows = [arm("a", 400, regular(0.0)), arm("b", 400, regular(0.0))];
    let prior = "metrics: { primary: visits }\nprior: { mean: 0, sd: 0.1 }";
    // 0 to 4 visits alike: mean 2, variance 2.
    let finding = measured(&rows, &experiment(TWO, prior));
    let exact = finding.together.bayes[0].exact.as_ref().unwrap();
    assert_close(exact.chance_to_win.unwrap(), 0.5, 1e-9);
    let clumped = [
        arm("a", 400, |i| Row {
            visits: if i % 8 == 0 { 16.0 } else { 0.0 },
            ..regular(0.0)(i)
        }),
        rows[1].clone(),
    ];
    let finding = measured(&clumped, &experiment(TWO, prior));
    let exact = finding.together.bayes[0].exact.as_ref().unwrap();
    assert!(exact.refusal.is_some() && exact.chance_to_win.is_none());
}

#[test]
fn a_prior_is_learned_from_five_other_experiments() {
    let past = |number: usize| {
        format!(
            "---\nkind: experiment\nname: past-{number}\n\
             assignment: {{ source: customers, customer: id, arm: arm }}\n\
             arms: [{{ name: c, role: generic }}, {{ name: d{number}, role: personalized }}]\n\
             metrics: {{ primary: spend }}\n"
        )
    };
    let mut rows = vec![
        arm("a", 400, regular(0.0)),
        arm("b", 400, regular(0.3)),
        arm("c", 400, regular(0.0)),
    ];
    for (number, more) in [0.1, 0.2, 0.15, 0.05, 0.3].iter().enumerate() {
        rows.push(arm(&format!("d{number}"), 400, regular(*more)));
    }
    let base = experiment(TWO, "metrics: { primary: spend }\nprior: learned");
    let with = |number: usize| {
        let others: String = (0..number).map(past).collect();
        measured(&rows, &format!("{base}{others}"))
    };
    let four = with(4);
    let refusal = four.together.bayes[0].refusal.as_ref().unwrap();
    assert!(
        refusal.message.contains("at least 5"),
        "{}",
        refusal.message
    );
    assert!(four.together.bayes[0].chance_to_win.is_none());

    let five = with(5);
    let belief = &five.together.bayes[0];
    let prior = belief.prior.as_ref().unwrap();
    assert_eq!(prior.learned_from.len(), 5);
    // Lifts of 1 to 7 per cent, each known to some 4.5.
    assert!((0.02..0.06).contains(&prior.mean), "{}", prior.mean);
    let lift = belief.lift.unwrap();
    assert!(lift.mean > prior.mean && lift.mean < 0.3 / 4.5);
}

#[test]
fn an_effect_is_content_and_targeting() {
    let rows = [
        arm("a", 500, regular(0.0)),
        arm("b", 400, regular(2.0)),
        arm("c", 300, regular(0.5)),
    ];
    let finding = measured(&rows, &experiment(SHUFFLED, "metrics: { primary: spend }"));
    let [parts] = finding.together.decompositions.as_slice() else {
        panic!("{:?}", finding.together.decompositions);
    };
    let effect =
        |outcome: &Option<measure::audience::Outcome>| outcome.as_ref().unwrap().absolute.unwrap();
    let (total, targeting, content) = (
        effect(&parts.total),
        effect(&parts.targeting),
        effect(&parts.content),
    );
    assert_close(total.estimate, 2.0, 1e-12);
    assert_close(targeting.estimate, 1.5, 1e-12);
    assert_close(content.estimate, 0.5, 1e-12);
    let variance = |n: f64| 8.25 / (n - 1.0);
    assert_close(
        targeting.se,
        (variance(400.0) + variance(300.0)).sqrt(),
        1e-9,
    );
    let Some(Relative::Estimated {
        estimate,
        low,
        high,
    }) = parts.share_of_targeting
    else {
        panic!("{:?}", parts.share_of_targeting);
    };
    assert_close(estimate, 0.75, 1e-12);
    assert!(low > 0.4 && high < 1.0 && low < 0.75);
}

#[test]
fn content_and_targeting_add_up_with_covariates_too() {
    let rows = [
        arm("a", 500, regular(0.0)),
        arm("b", 400, |i| Row {
            visits: ((i + 1) % 5) as f64,
            ..regular(2.0)(i)
        }),
        arm("c", 300, regular(0.5)),
    ];
    let finding = measured(
        &rows,
        &experiment(
            SHUFFLED,
            "metrics: { primary: spend }\ncovariates: [visits]",
        ),
    );
    let parts = &finding.together.decompositions[0];
    let effect =
        |outcome: &Option<measure::audience::Outcome>| outcome.as_ref().unwrap().absolute.unwrap();
    let (total, targeting, content) = (
        effect(&parts.total),
        effect(&parts.targeting),
        effect(&parts.content),
    );
    assert_close(total.estimate, targeting.estimate + content.estimate, 1e-9);
    let decisive = of(&finding, "spend", "b").decisive().unwrap();
    assert_eq!(decisive.absolute, Some(total));
    assert!(of(&finding, "spend", "b").adjusted.is_some());
    // Covariates save noise here too.
    assert!(targeting.se < (8.25_f64 / 399.0 + 8.25 / 299.0).sqrt());
}

#[test]
fn the_trigger_finds_what_everyone_hides() {
    // One in five is reached, and spends 2 more.
    let treated = |i: usize| {
        let row = regular(0.0)(i);
        Row {
            spend: row.spend + if row.reached { 2.0 } else { 0.0 },
            ..row
        }
    };
    let rows = [arm("a", 400, regular(0.0)), arm("b", 400, treated)];
    let by_column = measured(
        &rows,
        &experiment(
            TWO,
            "metrics: { primary: spend }\ntrigger: { column: reached }",
        ),
    );
    let [found] = by_column.together.triggers.as_slice() else {
        panic!("{:?}", by_column.together.triggers);
    };
    assert_eq!(
        (
            found.triggered_customers.arm,
            found.untriggered_customers.arm
        ),
        (80, 320)
    );
    assert_close(found.rate.unwrap(), 0.2, 1e-12);
    let triggered = found.triggered.as_ref().unwrap().absolute.unwrap();
    assert_close(triggered.estimate, 2.0, 1e-12);
    let reached = |more: f64| {
        let places = (0..400).filter(|i| i % 20 < 4);
        sample(places.map(|i| (i % 10) as f64 + more))
    };
    let expected = stats::lift_of_means(&reached(2.0), &reached(0.0), 0.05).unwrap();
    assert_close(triggered.se, expected.absolute.se, 1e-9);
    let diluted = found.diluted.as_ref().unwrap().absolute.unwrap();
    assert_close(diluted.estimate, 0.4, 1e-12);
    // The plain comparison of everyone: the same effect with more noise.
    let plain = of(&by_column, "spend", "b").outcome.absolute.unwrap();
    assert_close(plain.estimate, 0.4, 1e-9);
    assert!(diluted.se < plain.se);
    assert_close(
        found.variance_saved.unwrap(),
        1.0 - (diluted.se / plain.se).powi(2),
        1e-9,
    );
    assert_eq!(found.verdict, Some(Verdict::Better));
    assert_eq!(found.warnings, Vec::<String>::new());

    let by_decisions = measured(
        &rows,
        &experiment(
            TWO,
            "metrics: { primary: spend }\ntrigger: { generic: shown, personalized: chosen }\nsegments: [reached]",
        ),
    );
    assert_eq!(&by_decisions.together.triggers[0], found);
    // The trigger is no segment.
    assert_eq!(by_decisions.segments.len(), 1);
}

#[test]
fn arms_that_trigger_differently_are_refused() {
    let rows = [
        arm("a", 400, regular(0.0)),
        arm("b", 400, |i| Row {
            reached: i % 20 < 12,
            ..regular(0.0)(i)
        }),
    ];
    let finding = measured(
        &rows,
        &experiment(
            TWO,
            "metrics: { primary: spend }\ntrigger: { column: reached }",
        ),
    );
    let found = &finding.together.triggers[0];
    assert!(found.refusal.is_some() && found.diluted.is_none());
    assert!(found.rates_p.unwrap() < 1e-10);
}

#[test]
fn an_effect_on_those_out_of_reach_is_a_warning() {
    let rows = [arm("a", 400, regular(0.0)), arm("b", 400, regular(1.5))];
    let finding = measured(
        &rows,
        &experiment(
            TWO,
            "metrics: { primary: spend }\ntrigger: { column: reached }",
        ),
    );
    let found = &finding.together.triggers[0];
    assert_eq!(found.warnings.len(), 1);
    assert!(found.diluted.is_none() && found.triggered.is_some());
}

#[test]
fn pooled_arms_count_by_their_customers() {
    let rows = [
        arm("a", 500, regular(0.0)),
        arm("b", 400, regular(1.0)),
        arm("c", 100, regular(2.0)),
    ];
    let arms = "{ name: a, role: generic, share: 0.5 }, { name: b, role: personalized, share: 0.4 }, \
                { name: c, role: personalized, share: 0.1 }";
    let finding = measured(
        &rows,
        &experiment(
            arms,
            "metrics: { primary: spend }\npooled: [{ name: any, arms: [b, c] }]",
        ),
    );
    let pooled = &finding.together.pooled[0];
    let effect = pooled.metrics[0].outcome.absolute.unwrap();
    assert_close(effect.estimate, 0.8 * 1.0 + 0.2 * 2.0, 1e-12);
    let variance = |n: f64| 8.25 / (n - 1.0);
    let noise = 0.64 * variance(400.0) + 0.04 * variance(100.0) + variance(500.0);
    assert_close(effect.se, noise.sqrt(), 1e-9);
    assert_eq!(
        (pooled.metrics[0].n.arm, pooled.metrics[0].n.against),
        (500, 500)
    );
    assert_eq!(pooled.metrics[0].verdict, Some(Verdict::Better));
}

#[test]
fn factors_have_main_effects_and_an_interaction() {
    // Content adds 1, timing adds 0.5, both together 0.8 more.
    let rows = [
        arm("a", 400, regular(0.0)),
        arm("b", 400, regular(1.0)),
        arm("c", 400, regular(0.5)),
        arm("d", 400, regular(2.3)),
    ];
    let arms = "{ name: a, role: generic, factors: { content: old, timing: early } }, \
                { name: b, role: personalized, factors: { content: new, timing: early } }, \
                { name: c, role: personalized, factors: { content: old, timing: late } }, \
                { name: d, role: personalized, factors: { content: new, timing: late } }";
    let finding = measured(&rows, &experiment(arms, "metrics: { primary: spend }"));
    let factors = finding.together.factors.as_ref().unwrap();
    assert_eq!(factors.refusal, None);
    let effects: Vec<(&str, &str, f64)> = factors
        .effects
        .iter()
        .map(|effect| {
            let found = effect.metrics[0].outcome.absolute.unwrap();
            (
                effect.factor.as_str(),
                effect.level.as_str(),
                found.estimate,
            )
        })
        .collect();
    assert_eq!(effects.len(), 2);
    assert_eq!((effects[0].0, effects[0].1), ("content", "new"));
    assert_close(effects[0].2, (1.0 + 1.8) / 2.0, 1e-12);
    assert_eq!((effects[1].0, effects[1].1), ("timing", "late"));
    assert_close(effects[1].2, (0.5 + 1.3) / 2.0, 1e-12);
    let se = factors.effects[0].metrics[0].outcome.absolute.unwrap().se;
    assert_close(se, (8.25_f64 / 399.0).sqrt(), 1e-9);
    let interaction = factors.interactions[0].effect.unwrap();
    assert_close(interaction.estimate, 0.8, 1e-9);
    assert_close(interaction.se, 2.0 * (8.25_f64 / 399.0).sqrt(), 1e-9);
    let t = 0.8 / interaction.se;
    assert_close(
        factors.interactions[0].p_value.unwrap(),
        tail::student_t_two_sided(t, 4.0 * 399.0).p,
        1e-8,
    );
}

#[test]
fn three_levels_have_an_interaction_test_of_several_contrasts() {
    let mut rows = Vec::new();
    let mut arms = Vec::new();
    for (i, content) in ["old", "new", "newer"].iter().enumerate() {
        for (j, timing) in ["early", "late"].iter().enumerate() {
            let name = format!("{}{j}", ["p", "q", "r"][i]);
            let role = if rows.is_empty() {
                "generic"
            } else {
                "personalized"
            };
            let more = 0.3 * i as f64 + 0.2 * j as f64;
            rows.push(arm(&name, 200, regular(more)));
            arms.push(format!(
                "{{ name: {name}, role: {role}, factors: {{ content: {content}, timing: {timing} }} }}"
            ));
        }
    }
    let finding = measured(
        &rows,
        &experiment(&arms.join(", "), "metrics: { primary: spend }"),
    );
    let factors = finding.together.factors.as_ref().unwrap();
    assert_eq!(factors.effects.len(), 3);
    let interaction = &factors.interactions[0];
    // The effects add up exactly.
    assert!(interaction.effect.is_none());
    assert!(interaction.p_value.unwrap() > 0.999_999);
}

#[test]
fn a_broken_split_decides_nothing() {
    let rows = [
        arm("a", 400, regular(0.0)),
        arm("b", 600, regular(1.0)),
        arm("c", 500, regular(1.0)),
    ];
    let arms =
        "{ name: a, role: generic }, { name: b, role: personalized }, { name: c, role: shuffled }";
    let finding = measured(
        &rows,
        &experiment(
            arms,
            "metrics: { primary: spend, guardrails: [{ metric: visits, margin: 0.2 }] }\nprior: { mean: 0, sd: 1 }\n\
             trigger: { column: reached }\npooled: [{ name: any, arms: [b, c] }]",
        ),
    );
    assert!(finding.refusal.is_some());
    assert_eq!(decision(&finding).decision, Decision::DoNotShip);
    assert_eq!(
        decision(&finding).reasons[0].reason,
        DecisionReasonKind::CheckFailed
    );
    let together = &finding.together;
    assert!(
        together
            .bayes
            .iter()
            .all(|one| one.chance_to_win.is_none() && one.exact.is_none())
    );
    assert!(
        together
            .triggers
            .iter()
            .all(|one| one.diluted.is_none() && one.rate.is_none())
    );
    assert!(together.pooled[0].metrics[0].outcome.absolute.is_none());
    assert!(together.decompositions[0].targeting.is_none());
    let guardrail = of(&finding, "visits", "b")
        .among
        .guardrail
        .as_ref()
        .unwrap();
    assert!(!guardrail.passed && guardrail.p_value.is_none());
}

#[test]
fn a_finding_without_these_parts_is_still_read() {
    let rows = [arm("a", 50, regular(0.0)), arm("b", 50, regular(3.0))];
    let finding = measured(&rows, &experiment(TWO, "metrics: { primary: spend }"));
    let mut json = serde_json::to_value(&finding).unwrap();
    assert_eq!(json["decisions"][0]["decision"], "ship");
    json.as_object_mut().unwrap().remove("decisions");
    let read: LiftFinding = serde_json::from_value(json).unwrap();
    assert!(read.together.decisions.is_empty());
    assert_eq!(read.metrics.len(), 1);
}

#[test]
fn two_experiments_are_crossed() {
    // Arms by parity of different digits: independent. The second adds 0.5 where the first treats.
    let mut table = "id,one,two,spend\n".to_owned();
    for i in 0..800 {
        let (one, two) = (i % 2, i / 2 % 2);
        let spend = (i / 4 % 10) as f64 + one as f64 + 0.5 * (one * two) as f64;
        table.push_str(&format!("{i},{one},{two},{spend}\n"));
    }
    let test = |name: &str| {
        format!(
            "---\nkind: experiment\nname: {name}\nassignment: {{ source: customers, customer: id, arm: {name} }}\n\
             arms: [{{ name: a, value: 0, role: generic }}, {{ name: b, value: 1, role: personalized }}]\n\
             metrics: {{ primary: spend }}\n"
        )
    };
    let documents = format!(
        "{{ kind: source, name: customers, path: customers.csv, key: id, types: {{ spend: DOUBLE }} }}\n---\n\
         {{ kind: fact, name: outcome, source: customers, customer: id }}\n---\n\
         {{ kind: metric, name: spend, fact: outcome, aggregate: sum, value: spend, unit: money }}\n{}{}",
        test("one"),
        test("two")
    );
    let crossed = |table: &str| {
        let project = Project::new().file("customers.csv", table);
        let catalog = project.catalog(&documents);
        let mut lake = lake::Lake::open(&catalog, None).unwrap();
        measure::audience::interactions(
            &catalog,
            &mut lake,
            catalog.experiment("one").unwrap(),
            catalog.experiment("two").unwrap(),
        )
        .unwrap()
    };
    let found = crossed(&table);
    assert_eq!(found.customers, 800);
    assert_eq!(found.cells, [[200, 200], [200, 200]]);
    assert_close(found.assignment.p_value.unwrap(), 1.0, 1e-9);
    let spend = &found.metrics[0];
    assert_eq!(spend.means[1][1], Some(6.0));
    let effect = spend.effect.unwrap();
    assert_close(effect.estimate, 0.5, 1e-9);
    // Four means of 200 customers with 0 to 9 each.
    assert_close(effect.se, (4.0 * 8.25_f64 / 199.0).sqrt(), 1e-9);
    let t = 0.5 / effect.se;
    assert_close(
        spend.p_value.unwrap(),
        tail::student_t_two_sided(t, 796.0).p,
        1e-8,
    );

    // A number that is not finite is one that is not known.
    let unfit = crossed(&(table + "800,1,1,inf\n801,0,1,nan\n"));
    assert_eq!(unfit.customers, 802);
    let refusal = unfit.metrics[0].refusal.as_ref().unwrap();
    assert_eq!(refusal.reason, measure::Reason::UnfitData);
    assert!(
        refusal.message.contains("2 customers"),
        "{}",
        refusal.message
    );
}

#[test]
fn a_plan_decides_when_it_may() {
    let rows = [arm("a", 400, regular(0.0)), arm("b", 400, regular(1.0))];
    let with = |plan: &str| {
        let rest = format!(
            "metrics: {{ primary: spend, guardrails: [{{ metric: visits, margin: 0.2 }}], secondary: [returns, bought] }}\n{plan}"
        );
        measured(&rows, &experiment(TWO, &rest))
    };
    let once = with("");
    let early = with("plan: { looks: fixed, customers: 1600 }");
    assert_eq!(decision(&early).decision, Decision::Undecided);
    assert_eq!(
        decision(&early).reasons[0].reason,
        DecisionReasonKind::TooEarly
    );

    // Half of the customers: the boundary of that look asks for more, and here there is more.
    let looking = with("plan: { looks: hybrid, customers: 1600 }");
    let p = |finding: &LiftFinding| {
        let guardrail = of(finding, "visits", "b").among.guardrail.as_ref().unwrap();
        guardrail.p_value.unwrap()
    };
    assert!(p(&looking) > p(&once), "{} {}", p(&looking), p(&once));
    assert_eq!(
        decision(&looking).decision,
        Decision::Ship,
        "{:?}",
        decision(&looking)
    );
    let bought = &of(&looking, "bought", "b").among;
    assert!(bought.adjusted_p.is_some() && bought.simultaneous.is_none());

    // A margin that the end may still show.
    let rest = "metrics: { primary: spend, guardrails: [{ metric: visits, margin: 0.02 }] }\n\
                plan: { looks: hybrid, customers: 1600 }";
    let open = measured(&rows, &experiment(TWO, rest));
    assert_eq!(decision(&open).decision, Decision::Undecided);
    assert_eq!(
        decision(&open).reasons[0].reason,
        DecisionReasonKind::NotShownSafe
    );
}

#[test]
fn a_rare_harm_is_guarded_by_the_exact_test() {
    let table = |harmed: usize| {
        let line = |arm: &str, i: usize, bad: bool| {
            format!("{arm}{i},{arm},{i},1,{},true,o,o\n", u8::from(bad))
        };
        let a: String = (0..400).map(|i| line("a", i, i < 4)).collect();
        let b: String = (0..400).map(|i| line("b", i, i < harmed)).collect();
        [a, b]
    };
    let rest =
        "metrics: { primary: spend, guardrails: [{ metric: complained, absolute_margin: 0.03 }] }";
    let complained = "---\n{ kind: metric, name: complained, fact: outcome, aggregate: max, value: returns > 0, unit: share, \
                      better: decrease }\n";
    let guarded = |harmed| {
        let documents = format!("{}{complained}", experiment(TWO, rest));
        let finding = measured(&table(harmed), &documents);
        let comparison = of(&finding, "complained", "b").clone();
        (comparison.among.guardrail.unwrap(), comparison.outcome)
    };
    let (same, outcome) = guarded(4);
    assert!(same.passed, "{same:?}");
    assert!(same.p_value.unwrap() < 0.025);
    assert_close(same.bound.unwrap(), outcome.absolute.unwrap().high, 1e-9);
    // One per cent against four: the bound is beyond three per cent more.
    let (worse, outcome) = guarded(16);
    assert!(!worse.passed && worse.p_value.unwrap() > 0.025, "{worse:?}");
    assert!(outcome.absolute.unwrap().high > 0.03);
}
