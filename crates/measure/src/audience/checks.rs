//! Whether an experiment can be trusted: what is looked at before its effects are believed.

use catalog::SeveralArms;
use stats::{Counts, SampleRatio};

use super::finding::{ArmFinding, Check, CheckKind, Comparison, Customers, Severity};
use super::lift::SAMPLE_RATIO_ALARM;
use super::plan::Plan;

/// Covariates that differ by more standard deviations than chance would give once in ten thousand.
const IMBALANCE_ALARM: f64 = 1e-4;
/// Missing values that differ between arms with a smaller probability are not missing by chance.
const MISSING_ALARM: f64 = 1e-3;
/// A share of customers in several arms above which the comparison is diluted enough to say so.
const MANY_IN_SEVERAL_ARMS: f64 = 0.01;

fn check(check: CheckKind, severity: Severity, message: String) -> Check {
    Check {
        check,
        severity,
        message,
        p_value: None,
        ln_p: None,
    }
}

/// All checks, in the order in which a reader should meet them.
pub(crate) fn checks(
    plan: &Plan<'_>,
    ratio: Option<&SampleRatio>,
    customers: &Customers,
    arms: &[ArmFinding],
    metrics: &[Comparison],
) -> Vec<Check> {
    let mut checks = Vec::new();
    checks.extend(
        arms.iter()
            .filter(|arm| arm.customers == 0)
            .map(|arm| empty_arm(plan, arm)),
    );
    checks.extend(ratio.map(|ratio| sample_ratio(ratio, arms)));
    checks.extend(several_arms(plan, customers, arms));
    checks.extend(assignment(customers));
    checks.extend(nothing_recorded(plan, metrics));
    checks.extend(metrics.iter().filter_map(missing));
    checks.extend(balance(metrics));
    checks.extend(metrics.iter().filter_map(caps));
    checks
}

fn empty_arm(plan: &Plan<'_>, arm: &ArmFinding) -> Check {
    let assignment = &plan.experiment.assignment;
    let text = plan
        .experiment
        .arms
        .iter()
        .find(|known| known.name == arm.name)
        .map(|arm| arm.column_value().to_string());
    check(
        CheckKind::NoData,
        Severity::Stop,
        format!(
            "`{}` has no customers: the column `{}` of `{}` never holds `{}`",
            arm.name,
            assignment.arm,
            assignment.source,
            text.unwrap_or_default()
        ),
    )
}

/// Metrics of which no customer of any arm has anything: most often the fact names its customers otherwise.
fn nothing_recorded(plan: &Plan<'_>, metrics: &[Comparison]) -> Vec<Check> {
    let is_nothing = |comparison: &&Comparison| {
        let recorded = comparison
            .mean
            .is_some_and(|mean| mean.arm != 0.0 || mean.against != 0.0);
        !recorded && comparison.n.arm + comparison.missing.arm > 0 && !comparison.ratio
    };
    let mut checks = Vec::new();
    for compared in &plan.metrics {
        let mut of_metric = metrics
            .iter()
            .filter(|comparison| comparison.metric == compared.metric.name);
        if !of_metric.clone().all(|comparison| is_nothing(&comparison))
            || of_metric.next().is_none()
        {
            continue;
        }
        let fact = compared.metric.fact.as_deref().unwrap_or_default();
        checks.push(check(
            CheckKind::NoData,
            Severity::Warning,
            format!(
                "no customer has any `{}`: check that fact `{fact}` names customers as the assignment does, and that \
                 its times lie after exposure",
                compared.metric.name
            ),
        ));
    }
    checks
}

fn sample_ratio(ratio: &SampleRatio, arms: &[ArmFinding]) -> Check {
    let sizes: Vec<String> = arms
        .iter()
        .zip(&ratio.expected)
        .map(|(arm, expected)| format!("{} {} (expected {expected:.0})", arm.name, arm.customers))
        .collect();
    let p = ratio.probability.p;
    let (severity, verdict) = if p < SAMPLE_RATIO_ALARM {
        (
            Severity::Stop,
            "the arms' sizes cannot be chance; something sorts customers into arms or out of the data",
        )
    } else {
        (Severity::Fine, "the arms are as large as declared")
    };
    Check {
        p_value: Some(p),
        ln_p: Some(ratio.probability.ln_p),
        ..check(
            CheckKind::SampleRatio,
            severity,
            format!("{verdict}: {}", sizes.join(", ")),
        )
    }
}

fn several_arms(plan: &Plan<'_>, customers: &Customers, arms: &[ArmFinding]) -> Option<Check> {
    if customers.several_arms == 0 {
        return None;
    }
    let experiment = plan.experiment;
    let total = customers.counted
        + customers
            .not_counted
            .iter()
            .map(|left| left.number)
            .sum::<u64>();
    let share = customers.several_arms as f64 / total.max(1) as f64;
    let handled = match (
        experiment.assignment.time.is_some(),
        experiment.several_arms,
    ) {
        (false, _) => {
            "they are left out, because the assignment has no time to tell which arm came first"
        }
        (true, SeveralArms::First) => {
            "they count in the arm that they were first assigned to (intention to treat)"
        }
        (true, SeveralArms::Exclude) => "they are left out, as the catalog says",
    };
    let left_out =
        experiment.assignment.time.is_none() || experiment.several_arms == SeveralArms::Exclude;
    let shares: Vec<f64> = arms.iter().map(|arm| arm.expected_share).collect();
    let uneven = shares.iter().any(|share| (share - shares[0]).abs() > 1e-9);
    let bias = if left_out && uneven {
        "; with arms of different sizes this is a bias: who changes arms is drawn less from the large one"
    } else {
        ""
    };
    let severity = if left_out && uneven || share > MANY_IN_SEVERAL_ARMS {
        Severity::Warning
    } else {
        Severity::Notice
    };
    Some(check(
        CheckKind::SeveralArms,
        severity,
        format!(
            "{} customers ({:.2} %) are in several arms; {handled}{bias}",
            customers.several_arms,
            100.0 * share
        ),
    ))
}

fn assignment(customers: &Customers) -> Option<Check> {
    let left_out: Vec<String> = customers
        .not_counted
        .iter()
        .map(|left| format!("{} {}", left.number, left.reason))
        .collect();
    if left_out.is_empty() && customers.repeated_rows == 0 {
        return None;
    }
    let mut message = format!("{} customers are counted", customers.counted);
    if customers.repeated_rows > 0 {
        message.push_str(&format!(
            "; {} rows of the assignment repeat a customer",
            customers.repeated_rows
        ));
    }
    if !left_out.is_empty() {
        message.push_str(&format!("; not counted: {}", left_out.join(", ")));
    }
    Some(check(CheckKind::Assignment, Severity::Notice, message))
}

/// Missing values, and whether one arm has more of them than chance would give.
fn missing(comparison: &Comparison) -> Option<Check> {
    let (arm, against) = (comparison.missing.arm, comparison.missing.against);
    if arm + against == 0 {
        return None;
    }
    let counts = |missing, n| Counts {
        successes: missing,
        n: missing + n,
    };
    let difference = stats::lift_of_shares(
        counts(arm, comparison.n.arm),
        counts(against, comparison.n.against),
        MISSING_ALARM,
    )
    .ok()?;
    let differs = difference.probability.p < MISSING_ALARM;
    let what = format!(
        "`{}` is missing for {arm} customers of {} and {against} of {}",
        comparison.metric, comparison.arm, comparison.against
    );
    let (severity, message) = if differs {
        (
            Severity::Warning,
            format!(
                "{what}: not by chance, so those who have it are not alike and the effect is biased"
            ),
        )
    } else {
        (
            Severity::Notice,
            format!("{what}; they are left out of this metric"),
        )
    };
    Some(Check {
        p_value: Some(difference.probability.p),
        ln_p: Some(difference.probability.ln_p),
        ..check(CheckKind::MissingValues, severity, message)
    })
}

/// Whether the arms were alike before, by the covariates of the primary metric.
fn balance(metrics: &[Comparison]) -> Vec<Check> {
    let mut checks = Vec::new();
    for comparison in metrics.iter().filter(|comparison| comparison.primary) {
        let Some(adjusted) = &comparison.adjusted else {
            continue;
        };
        let spread = (1.0 / comparison.n.arm as f64 + 1.0 / comparison.n.against as f64).sqrt();
        let used: Vec<_> = adjusted
            .covariates
            .iter()
            .filter(|covariate| covariate.dropped.is_none())
            .collect();
        let alarm = IMBALANCE_ALARM / used.len().max(1) as f64;
        let unbalanced: Vec<String> = used
            .iter()
            .filter(|covariate| {
                stats::tail::normal_two_sided(covariate.imbalance / spread).p < alarm
            })
            .map(|covariate| {
                format!(
                    "`{}` ({:+.3} standard deviations)",
                    covariate.name, covariate.imbalance
                )
            })
            .collect();
        let arms = format!("{} and {}", comparison.arm, comparison.against);
        checks.push(if unbalanced.is_empty() {
            check(
                CheckKind::Balance,
                Severity::Fine,
                format!("{arms} were alike before"),
            )
        } else {
            check(
                CheckKind::Balance,
                Severity::Warning,
                format!(
                    "{arms} differed before in {}: look for a fault in the randomization",
                    unbalanced.join(", ")
                ),
            )
        });
    }
    checks
}

fn caps(comparison: &Comparison) -> Option<Check> {
    let cut = comparison
        .cut
        .filter(|cut| cut.arm != 0.0 || cut.against != 0.0)?;
    Some(check(
        CheckKind::Caps,
        Severity::Notice,
        format!(
            "the cap of `{}` cuts {:.2} in {} and {:.2} in {}",
            comparison.metric, cut.arm, comparison.arm, cut.against, comparison.against
        ),
    ))
}
