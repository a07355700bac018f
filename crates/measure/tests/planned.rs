//! Plans held against data that come in day by day.

mod common;

use std::fs;

use catalog::seal::{Definition, seal};
use common::Project;
use measure::MeasureError;
use measure::audience::{
    Assumptions, CheckKind, Comparison, LiftFinding, LookingState, Says, Severity, Verdict, design,
};

const DOCUMENTS: &str = "
{ kind: source, name: assignments, path: assignments.csv }
---
{ kind: source, name: orders, path: orders.csv }
---
{ kind: fact, name: order, source: orders, customer: who, time: at }
---
kind: metric
name: revenue
fact: order
aggregate: sum
value: amount
unit: money
window: { to: 3 days }
---
{ kind: metric, name: bought, fact: order, aggregate: any, unit: share, window: { to: 3 days } }
---
kind: experiment
name: test
assignment: { source: assignments, customer: id, arm: arm, time: at }
arms: [{ name: a, role: generic }, { name: b, role: personalized }]
metrics: { primary: revenue, secondary: [bought] }
covariates: [before]
";

/// A draw between 0 and 1 that depends on a number and a purpose alone.
fn draw(number: u64, purpose: u64) -> f64 {
    let mut x =
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ purpose.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x ^= x >> 32;
    x = x.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^= x >> 32;
    x = x.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^= x >> 32;
    x as f64 / u64::MAX as f64
}

/// Customers exposed on days of March 2024, 60 a day, who all order on the second day after exposure; the
/// personalized arm spends `effect` more.
struct Shop {
    assignments: String,
    orders: String,
}

impl Shop {
    fn new(days: u64, effect: f64) -> Self {
        Self::with_arms(days, &[("a", 0.0), ("b", effect)])
    }

    fn with_arms(days: u64, arms: &[(&str, f64)]) -> Self {
        let mut assignments = "id,arm,at,before\n".to_owned();
        let mut orders = "who,at,amount\n".to_owned();
        for id in 0..60 * days {
            let (arm, effect) = arms[id as usize % arms.len()];
            let day = 1 + id / 60;
            let hour = id % 24;
            let before = 10.0 * draw(id, 1);
            let amount = 10.0 + before + effect + 6.0 * (draw(id, 2) - 0.5);
            assignments.push_str(&format!(
                "{id},{arm},2024-03-{day:02} {hour:02}:30:00,{before:.4}\n"
            ));
            orders.push_str(&format!(
                "{id},2024-03-{:02} {hour:02}:00:00,{amount:.4}\n",
                day + 2
            ));
            // A second order after the window has passed.
            orders.push_str(&format!("{id},2024-03-{:02} {hour:02}:00:00,99\n", day + 4));
        }
        Self {
            assignments,
            orders,
        }
    }

    fn project(&self) -> Project {
        Project::new()
            .file("assignments.csv", &self.assignments)
            .file("orders.csv", &self.orders)
    }

    /// The customers exposed on the first days.
    fn cut(&self, days: usize) -> Self {
        let lines: Vec<&str> = self.assignments.lines().take(1 + 60 * days).collect();
        Self {
            assignments: format!("{}\n", lines.join("\n")),
            orders: self.orders.clone(),
        }
    }
}

fn measured(shop: &Shop, plan: &str) -> LiftFinding {
    shop.project()
        .measure(&format!("{DOCUMENTS}plan: {plan}\n"))
        .unwrap()
}

fn revenue(finding: &LiftFinding) -> &Comparison {
    finding.comparison("revenue", "b").unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-9)
}

#[test]
fn the_history_is_what_was_measured_at_each_day() {
    let shop = Shop::new(8, 0.8);
    for plan in [
        "{ looks: hybrid, customers: 600 }",
        "{ looks: anytime, customers: 600 }",
        "{ looks: group_sequential, customers: 600, interim: [0.2, 0.3, 0.5, 0.8, 1] }",
        "{ customers: 600 }",
    ] {
        let whole = measured(&shop, plan);
        let history = &revenue(&whole).looking.as_ref().unwrap().history;
        let days: &[usize] = if plan.contains("group") {
            &[2, 3, 5, 8]
        } else {
            &[1, 2, 3, 4, 5, 6, 7, 8]
        };
        assert_eq!(history.len(), days.len(), "{plan}");
        let mut smallest = f64::INFINITY;
        for (look, &day) in history.iter().zip(days) {
            let then = measured(&shop.cut(day), plan);
            let found = revenue(&then);
            let outcome = found.decisive().unwrap();
            let effect = outcome.absolute.unwrap();
            assert!(found.adjusted.is_some());
            assert_eq!(look.customers, 60 * day as u64);
            assert!(close(look.estimate, effect.estimate), "{plan} {day}");
            assert!(
                close(look.low, effect.low),
                "{plan} {day}: {} {}",
                look.low,
                effect.low
            );
            assert!(close(look.high, effect.high), "{plan} {day}");
            let p = outcome.p_value.unwrap();
            smallest = if plan.contains("looks") {
                p.min(smallest)
            } else {
                p
            };
            assert!(
                (look.p_value - smallest).abs() < 1e-9 + 1e-6 * smallest,
                "{plan} {day}: {} {smallest}",
                look.p_value
            );
            // Microseconds from 1970-01-01 to the end of the day, and three days of window.
            let march = 19_783;
            assert_eq!(look.until, (march + day as i64 + 3) * 86_400_000_000);
            assert_eq!(look.crossed, effect.low > 0.0 || effect.high < 0.0);
        }
    }
}

#[test]
fn the_effect_that_decides_is_that_of_the_plan() {
    let shop = Shop::new(8, 0.8);
    let fixed = measured(&shop, "{ customers: 480 }");
    let hybrid = measured(&shop, "{ looks: hybrid, customers: 1000 }");
    let plan = hybrid.plan.as_ref().unwrap();
    let fraction = plan.information.unwrap().fraction;
    assert_eq!((fraction, plan.ended), (0.48, false));
    // Waudby-Smith et al. 2024, equation 9, at half of alpha.
    let (alpha, rate) = (0.025_f64, {
        let twice = -2.0 * 0.025_f64.ln();
        twice + (1.0 + twice).ln()
    });
    let x = rate * fraction;
    let critical = ((1.0 + 1.0 / x) * ((1.0 + x).ln() - 2.0 * alpha.ln())).sqrt();
    assert!(close(plan.critical.unwrap(), critical));
    let before = revenue(&fixed).decisive().unwrap().absolute.unwrap();
    let outcome = revenue(&hybrid).decisive().unwrap();
    let effect = outcome.absolute.unwrap();
    assert_eq!(effect.estimate, before.estimate);
    // The t value of the same tail is a little larger.
    let widths = (effect.high - effect.low) / (2.0 * effect.se);
    assert!(
        widths > critical && widths < 1.02 * critical,
        "{widths} {critical}"
    );
    // One verdict: absolute, relative, probability.
    assert_eq!(effect.low > 0.0, outcome.p_value.unwrap() < 0.05);
    let looking = revenue(&hybrid).looking.as_ref().unwrap();
    assert_eq!(looking.decision.state, LookingState::Effect);
    assert_eq!(revenue(&hybrid).verdict, Some(Verdict::Better));
    let first = looking.history.iter().position(|look| look.crossed);
    assert_eq!(looking.decision.look, first);
    let corrected = looking.decision.corrected.unwrap();
    assert!(corrected.low > 0.0 && corrected.estimate < looking.history[first.unwrap()].estimate);
    // The secondary metric is held against the same boundary.
    let share = hybrid.comparison("bought", "b").unwrap();
    assert!(share.looking.as_ref().unwrap().history.is_empty());
}

#[test]
fn a_fixed_plan_has_no_verdict_before_its_end() {
    let shop = Shop::new(6, 0.8);
    let early = measured(&shop, "{ customers: 600, days: 12 }");
    let plan = early.plan.as_ref().unwrap();
    assert!(!plan.ended);
    let remaining = plan.remaining.unwrap();
    assert_eq!((remaining.customers, remaining.days), (Some(240), Some(4)));
    let looking = revenue(&early).looking.as_ref().unwrap();
    assert!(looking.looked_early);
    assert_eq!(looking.decision.state, LookingState::Running);
    assert!(
        early
            .metrics
            .iter()
            .all(|comparison| comparison.verdict.is_none())
    );
    let check = early
        .checks
        .iter()
        .find(|check| check.check == CheckKind::Plan)
        .unwrap();
    assert!(
        check.message.contains("240 customers, 4 days"),
        "{}",
        check.message
    );

    for plan in ["{ customers: 360 }", "{ days: 6 }", "{ power: 0.9 }"] {
        let ended = measured(&shop, plan);
        assert!(ended.plan.as_ref().unwrap().ended, "{plan}");
        assert_eq!(revenue(&ended).verdict, Some(Verdict::Better));
        let looking = revenue(&ended).looking.as_ref().unwrap();
        assert_eq!(
            (looking.looked_early, looking.decision.state),
            (false, LookingState::Effect)
        );
    }
}

#[test]
fn plans_say_when_nothing_is_there_to_be_found() {
    let shop = Shop::new(8, 0.0);
    let running = measured(&shop, "{ looks: hybrid, customers: 1000 }");
    let decision = &revenue(&running).looking.as_ref().unwrap().decision;
    assert_eq!(decision.state, LookingState::Running);
    assert!((0.0..0.9).contains(&decision.predictive_power.unwrap()));
    assert_eq!(revenue(&running).verdict, None);
    let ended = measured(&shop, "{ looks: hybrid, customers: 480 }");
    let decision = &revenue(&ended).looking.as_ref().unwrap().decision;
    assert_eq!(decision.state, LookingState::NoEffect);
    assert_eq!(revenue(&ended).verdict, Some(Verdict::Unclear));
    let harm = measured(&Shop::new(8, -1.0), "{ looks: anytime, customers: 480 }");
    assert_eq!(
        revenue(&harm).looking.as_ref().unwrap().decision.state,
        LookingState::Harm
    );
    // Between two looks of a group sequential plan nothing is decided.
    let between = measured(
        &Shop::new(8, 0.8),
        "{ looks: group_sequential, customers: 1000, interim: [0.6, 1] }",
    );
    let looking = revenue(&between).looking.as_ref().unwrap();
    assert!(looking.looked_early);
    assert_eq!(looking.decision.state, LookingState::Running);
}

#[test]
fn threads_do_not_show() {
    let shop = Shop::new(8, 0.3);
    let json = |threads: u32| {
        let finding = shop
            .project()
            .threads(threads)
            .measure(&format!(
                "{DOCUMENTS}plan: {{ looks: hybrid, customers: 900 }}\nby_day: true\n"
            ))
            .unwrap();
        serde_json::to_string(&(finding.metrics, finding.plan)).unwrap()
    };
    assert_eq!(json(1), json(3));
}

#[test]
fn a_metric_without_an_end_has_no_history() {
    let shop = Shop::new(4, 0.5);
    let documents = DOCUMENTS.replace(
        "window: { to: 3 days }\n---\n{ kind: metric, name: bought",
        "\n---\n{ kind: metric, name: bought",
    );
    let finding = shop
        .project()
        .measure(&format!(
            "{documents}plan: {{ looks: anytime, customers: 500 }}\n"
        ))
        .unwrap();
    let plan = finding.plan.as_ref().unwrap();
    assert!(
        plan.history_refusal
            .as_ref()
            .unwrap()
            .message
            .contains("no end")
    );
    let looking = revenue(&finding).looking.as_ref().unwrap();
    assert!(looking.history.is_empty() && !looking.looked_early);
    assert_eq!(plan.information.unwrap().fraction, 240.0 / 500.0);
}

#[test]
fn what_is_measured_is_compared_with_what_was_sealed() {
    let shop = Shop::new(3, 0.5);
    let project = shop.project();
    let plan = "plan: { customers: 180 }\n";
    let sealed = project.catalog(&format!("{DOCUMENTS}{plan}"));
    let definition = Definition::of(&sealed, sealed.experiment("test").unwrap());
    seal(project.path(), &definition, None, "1.0").unwrap();

    // It is sealed today, long after the data came in.
    let same = project.measure(&format!("{DOCUMENTS}{plan}")).unwrap();
    let found = same.plan.as_ref().unwrap();
    assert_eq!(found.sealed_before_first_exposure, Some(false));
    assert_eq!(
        found.sealed_hash.as_deref(),
        Some(definition.hash().as_str())
    );
    assert!(found.deviations.is_empty());

    let changed = DOCUMENTS.replace("window: { to: 3 days }\n", "window: { to: 2 days }\n");
    let other = project
        .measure(&format!("{changed}{plan}alpha: 0.1\n"))
        .unwrap();
    let deviations = &other.plan.as_ref().unwrap().deviations;
    let paths: Vec<&str> = deviations.iter().map(|d| d.path.as_str()).collect();
    assert_eq!(paths, ["experiment/alpha", "metrics/revenue/window/to"]);
    assert_eq!(deviations[1].sealed.as_deref(), Some("\"3 days\""));
    assert_eq!(deviations[1].current.as_deref(), Some("\"2 days\""));
    let warned = other.checks.iter().any(|check| {
        check.check == CheckKind::Plan
            && check.severity == Severity::Warning
            && check
                .message
                .contains("`experiment/alpha` was 0.05 and is 0.1")
    });
    assert!(warned);

    let path = project.path().join("seals.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    // A seal of before the data.
    let early = text.replace("2026-", "2020-");
    fs::write(&path, early).unwrap();
    let broken = project.measure(&format!("{DOCUMENTS}{plan}")).unwrap_err();
    assert!(matches!(broken, MeasureError::Seal(_)));
    assert!(broken.to_string().contains("seals.jsonl:1"), "{broken}");
}

#[test]
fn three_arms_have_one_test_for_all() {
    let arms = [("a", 0.0), ("b", 0.0), ("c", 1.5)];
    let documents = DOCUMENTS.replace(
        "{ name: b, role: personalized }",
        "{ name: b, role: personalized }, { name: c, role: personalized }",
    );
    let finding = Shop::with_arms(6, &arms)
        .project()
        .measure(&format!(
            "{documents}plan: {{ looks: anytime, customers: 500 }}\n"
        ))
        .unwrap();
    let omnibus = finding.omnibus.as_ref().unwrap();
    assert_eq!((omnibus.effects, omnibus.metric.as_str()), (2, "revenue"));
    assert!(omnibus.p_value < 1e-4);
    let anytime = omnibus.anytime_p_value.unwrap();
    assert!(anytime > omnibus.p_value && anytime < 0.05, "{anytime}");
    assert!(measured(&Shop::new(2, 0.0), "{}").omnibus.is_none());
}

#[test]
fn an_effect_that_fades_is_seen_by_day() {
    let mut assignments = "id,arm,at,before\n".to_owned();
    let mut orders = "who,at,amount\n".to_owned();
    for id in 0..600_u64 {
        let arm = if id % 2 == 0 { "a" } else { "b" };
        assignments.push_str(&format!("{id},{arm},2024-03-01 08:00:00,1\n"));
        for day in 0..6_u64 {
            let effect = if id % 2 == 0 {
                0.0
            } else {
                3.0 / (day + 1) as f64
            };
            let amount = 10.0 + effect + 4.0 * draw(id, 10 + day);
            orders.push_str(&format!(
                "{id},2024-03-{:02} 12:00:00,{amount:.4}\n",
                day + 1
            ));
        }
    }
    let documents = DOCUMENTS.replace(
        "window: { to: 3 days }\n---\n{ kind: metric, name: bought",
        "window: { to: 5 days }\n---\n{ kind: metric, name: bought",
    );
    let finding = Project::new()
        .file("assignments.csv", &assignments)
        .file("orders.csv", &orders)
        .measure(&format!("{documents}by_day: true\n"))
        .unwrap();
    let by_day = revenue(&finding).by_day.as_ref().unwrap();
    assert_eq!(by_day.days.len(), 5);
    let total: f64 = by_day.days.iter().map(|day| day.estimate).sum();
    let effect = revenue(&finding).outcome.absolute.unwrap().estimate;
    assert!(close(total, effect), "{total} {effect}");
    let change = by_day.change.as_ref().unwrap();
    assert_eq!(change.says, Says::Fading);
    assert!(change.p_value < 1e-6 && change.constant_p_value < 1e-6);
    assert!(change.by_doubling.high < 0.0);
    // A share has no parts by day, and without a plan nothing is looked at.
    assert!(finding.comparison("bought", "b").unwrap().by_day.is_none());
    assert!(finding.plan.is_none() && revenue(&finding).looking.is_none());
}

#[test]
fn a_design_is_measured_or_given() {
    let shop = Shop::new(8, 0.0);
    let project = shop.project();
    let documents =
        format!("{DOCUMENTS}plan: {{ minimum_effect: 0.02, looks: hybrid, customers: 900 }}\n");
    let catalog = project.catalog(&documents);
    let experiment = catalog.experiment("test").unwrap();
    let open = || Ok(lake::Lake::open(&catalog, None)?);
    let measured = design(&catalog, experiment, &Assumptions::default(), open).unwrap();
    assert_eq!(measured.customers_a_day, Some(60.0));
    assert!(measured.baseline.r2 > 0.5);
    let fixed = &measured.sizes[0];
    // (1.96 + 0.84)^2 * 4 sd^2 (1 - R^2) / effect^2.
    let baseline = measured.baseline;
    let effect = 0.02 * baseline.mean;
    let rough = 7.849 * 4.0 * baseline.sd.powi(2) * (1.0 - baseline.r2) / effect.powi(2);
    assert!(
        (fixed.customers as f64 / rough - 1.0).abs() < 0.01,
        "{} {rough}",
        fixed.customers
    );
    assert_eq!(
        fixed.by_arm.iter().sum::<u64>(),
        2 * fixed.customers.div_ceil(2)
    );
    let days = fixed.customers.div_ceil(60) as u32;
    assert_eq!(
        (fixed.intake_days, fixed.days),
        (Some(days), Some(days + 3))
    );
    let hybrid = &measured.sizes[1];
    assert!(
        hybrid.declared && (1.0..1.05).contains(&hybrid.inflation),
        "{}",
        hybrid.inflation
    );
    let anytime = &measured.sizes[3];
    assert!(anytime.inflation > 1.5);
    assert_eq!(measured.curve.len(), 12);
    assert!(
        measured
            .curve
            .windows(2)
            .all(|pair| pair[0].detectable > pair[1].detectable)
    );
    // Margin 0.5 of what the reference arm would have spent more.
    let cost = measured.cost.as_ref().unwrap();
    let forgone = hybrid.by_arm[0] as f64 * effect * 0.5;
    assert!(close(cost.forgone.unwrap(), forgone));

    // Without data, nothing is opened.
    let assumed = Assumptions {
        mean: Some(20.0),
        sd: Some(40.0),
        minimum_effect: Some(0.1),
        ..Assumptions::default()
    };
    let given = design(&catalog, experiment, &assumed, || {
        panic!("no data are needed")
    })
    .unwrap();
    assert!(given.curve.is_empty() && given.sizes[0].intake_days.is_none());
    let customers = given.sizes[0].customers;
    assert!((12_540..12_600).contains(&customers), "{customers}");
    let half = Assumptions {
        sd: None,
        ..assumed
    };
    let refused = design(&catalog, experiment, &half, || panic!("no data are needed")).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("without its standard deviation"),
        "{refused}"
    );
}
