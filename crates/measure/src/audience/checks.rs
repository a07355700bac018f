//! Whether an experiment can be trusted: what is looked at before its effects are believed.

pub(crate) mod adjustment;
mod attrition;
mod balance;
pub(crate) mod empty_arms;
mod events;
mod sample_ratio;
mod several_arms;

use catalog::{SeveralArms, Unit};
use lake::Lake;
use stats::Counts;

use empty_arms::EmptyArm;
pub(crate) use events::{READ_ONCE, of_duplicates};
pub(crate) use sample_ratio::{TYPICAL_CUSTOMERS, phase_of, shares_change, split_probability};

use super::finding::{ArmFinding, Check, CheckKind, Comparison, Customers, Severity};
use super::plan::{MadeOf, Plan};
use super::query::Query;
use super::query::assigned::assigned;
use super::tally::{Layout, Tally};
use super::trust::Trust;
use crate::Reason;
use crate::error::MeasureError;

/// Missing values that differ between arms with a smaller probability are not missing by chance.
const MISSING_ALARM: f64 = 1e-3;
/// A share of customers in several arms above which the comparison is diluted enough to say so.
const MANY_IN_SEVERAL_ARMS: f64 = 0.01;
/// Customers from whom on the most extreme ones are a few among many.
const FEWEST_FOR_EXTREMES: u64 = 1_000;
/// Customers up to whom the rows of facts are looked through without being asked to.
const FEW_CUSTOMERS: u64 = 200_000;

/// How much is looked at before effects are believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Depth {
    /// What costs little: the rows of facts, which take about as long as the measurement itself, are looked through
    /// where there are at most 200,000 customers.
    #[default]
    Usual,
    /// Everything.
    Deep,
}

/// What has been measured so far.
pub(crate) struct Measured<'m, 'a> {
    pub(crate) plan: &'m Plan<'a>,
    pub(crate) query: &'m Query,
    pub(crate) layout: &'m Layout,
    pub(crate) tally: &'m Tally,
    pub(crate) customers: &'m Customers,
    pub(crate) arms: &'m [ArmFinding],
    pub(crate) metrics: &'m [Comparison],
}

/// The numbers behind the checks, and the checks that come of numbers which are not kept; without a depth those of the
/// split alone.
pub(crate) fn trust(
    measured: &Measured<'_, '_>,
    lake: &Lake,
    depth: Option<Depth>,
) -> Result<(Trust, Vec<Check>), MeasureError> {
    let &Measured {
        plan,
        query,
        layout,
        tally,
        customers,
        arms,
        metrics,
    } = measured;
    let assigned = assigned(plan, lake)?;
    let counted: Vec<u64> = arms.iter().map(|arm| arm.customers).collect();
    let declared: Vec<f64> = arms.iter().map(|arm| arm.expected_share).collect();
    // Customers of a cluster are not independent, which these tests take them for.
    let independent = plan.experiment.assignment.cluster.is_none();
    let mut trust = Trust::default();
    if independent {
        trust.sample_ratio =
            sample_ratio::split(plan, lake, &assigned, tally, &counted, &declared)?;
    }
    let Some(depth) = depth else {
        return Ok((trust, Vec::new()));
    };
    if customers.several_arms > 0 {
        trust.several_arms = several_arms::combinations(plan, lake, &assigned)?;
    }
    if independent {
        if customers.several_arms > 0 {
            let shares = (trust.sample_ratio.as_ref()).and_then(sample_ratio::expected_shares);
            let shares = shares.as_deref().unwrap_or(&declared);
            trust.several_arms_sensitivity =
                several_arms::sensitivity(plan, lake, query, customers, shares)?;
        }
        trust.balance = balance::balance(plan, layout, tally)
            .map_err(|error| MeasureError::summary(&plan.experiment.name, &[], &error))?;
        let uneven: Vec<&Comparison> = metrics
            .iter()
            .filter(|comparison| comparison.primary && comparison.outcome.refusal.is_none())
            .filter(|comparison| missing_differs(comparison).is_some_and(|differs| differs.0))
            .collect();
        trust.attrition = attrition::bounds(plan, lake, query, tally, &uneven)?;
    }
    let mut checks = Vec::new();
    if depth == Depth::Deep || customers.counted <= FEW_CUSTOMERS {
        trust.events = events::facts(plan, lake)?;
        checks.extend(events::early_exposures(plan, lake, &assigned)?);
        trust.top_customers = top_customers(measured, lake)?;
    }
    Ok((trust, checks))
}

/// The share of the variation of the primary metric that its most extreme customers have; of a ratio none.
fn top_customers(measured: &Measured<'_, '_>, lake: &Lake) -> Result<Option<f64>, MeasureError> {
    let &Measured {
        plan, query, tally, ..
    } = measured;
    let Some(MadeOf::Value(place)) = plan.primary().map(|compared| compared.made_of) else {
        return Ok(None);
    };
    let mut moments = None::<stats::moments::Moments>;
    for arm in 0..plan.experiment.arms.len() {
        let failed = |error| {
            MeasureError::summary(
                &plan.experiment.name,
                &[plan.values[place].name.clone()],
                &error,
            )
        };
        let of_arm = tally.moments(arm, 1 << place).map_err(failed)?;
        match &mut moments {
            Some(all) => all.merge(&of_arm).map_err(failed)?,
            None => moments = Some(of_arm),
        }
    }
    let Some(moments) = moments.filter(|moments| moments.rows() > FEWEST_FOR_EXTREMES) else {
        return Ok(None);
    };
    let squares = moments.comoment(place, place).unwrap_or(f64::NAN);
    events::top_customers(plan, lake, query, place, (moments.mean(place), squares))
}

/// Between which values a customer's can lie: those of a share, the caps, or those seen, of each arm from the least to the
/// greatest.
fn range(
    plan: &Plan<'_>,
    query: &Query,
    place: usize,
    seen: impl Iterator<Item = (f64, f64)>,
) -> Option<(f64, f64)> {
    let is_share = (plan.values[place].metric).is_some_and(|metric| metric.unit == Unit::Share);
    if is_share {
        return Some((0.0, 1.0));
    }
    let (low, high) = seen.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    let cap = query.caps.get(place).copied().flatten();
    Some((
        cap.and_then(|cap| cap.lower).unwrap_or(low),
        cap.and_then(|cap| cap.upper).unwrap_or(high),
    ))
}

/// A number of customers in words.
pub(crate) fn customers_in_words(number: u64) -> String {
    let word = if number == 1 { "customer" } else { "customers" };
    format!("{number} {word}")
}

/// A check without a test.
pub(crate) fn check(check: CheckKind, severity: Severity, message: String) -> Check {
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
    trust: &Trust,
    customers: &Customers,
    (arms, empty): (&[ArmFinding], &[EmptyArm]),
    metrics: &[Comparison],
) -> Vec<Check> {
    let mut checks: Vec<Check> = empty.iter().map(EmptyArm::check).collect();
    if let Some(split) = &trust.sample_ratio {
        checks.extend(sample_ratio::checks(split, arms));
    }
    checks.extend(across_phases(plan, metrics));
    checks.extend(several_arms(plan, trust, customers, arms));
    checks.extend(assignment(customers));
    checks.extend(nothing_recorded(plan, metrics));
    checks.extend(metrics.iter().filter_map(|of| missing(trust, of)));
    if let Some(balance) = &trust.balance {
        let against = &plan.experiment.arms[plan.reference].name;
        checks.push(balance::check(balance, against));
    }
    checks.extend(metrics.iter().filter_map(adjustment::check));
    checks.extend(metrics.iter().filter_map(caps));
    let has_until = plan.experiment.until.is_some();
    checks.extend(
        trust
            .events
            .iter()
            .flat_map(|fact| events::checks(fact, has_until)),
    );
    let primary = &plan.experiment.metrics.primary;
    checks.extend(
        trust
            .top_customers
            .and_then(|share| events::top_check(primary, share)),
    );
    checks
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

/// Effects that are not compared within phases, although customers of different phases had different odds.
fn across_phases(plan: &Plan<'_>, metrics: &[Comparison]) -> Option<Check> {
    if !shares_change(plan.experiment) {
        return None;
    }
    let across: Vec<String> = metrics
        .iter()
        .filter(|comparison| {
            comparison.outcome.absolute.is_some() && comparison.stratified.is_none()
        })
        .map(|comparison| format!("`{}` in {}", comparison.metric, comparison.arm))
        .collect();
    let within = "the arms' shares changed on the way, so that effects are compared within phases and put together";
    Some(if across.is_empty() {
        check(
            CheckKind::Strata,
            Severity::Notice,
            format!(
                "{within}; those by segment are not, and lean towards the phases in which an arm was large"
            ),
        )
    } else {
        check(
            CheckKind::Strata,
            Severity::Warning,
            format!(
                "{within}, but not those of {}: customers of different phases stand against one another there, which is \
                 a bias if they differ",
                across.join(", ")
            ),
        )
    })
}

fn several_arms(
    plan: &Plan<'_>,
    trust: &Trust,
    customers: &Customers,
    arms: &[ArmFinding],
) -> Option<Check> {
    if customers.several_arms == 0 {
        return None;
    }
    let experiment = plan.experiment;
    let share = customers.several_arms as f64 / several_arms::in_any_arm(customers) as f64;
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
            "{} ({:.2} %) {} in several arms{}; {handled}{bias}{}",
            customers_in_words(customers.several_arms),
            100.0 * share,
            if customers.several_arms == 1 {
                "is"
            } else {
                "are"
            },
            combination(trust),
            sensitivity(trust),
        ),
    ))
}

/// The arms that most of them are in.
fn combination(trust: &Trust) -> String {
    let [first, others @ ..] = trust.several_arms.as_slice() else {
        return String::new();
    };
    let most = if others.is_empty() {
        ""
    } else {
        ", most of them"
    };
    format!("{most} in {}", first.arms.join(" and "))
}

/// What they can do to the primary metric.
fn sensitivity(trust: &Trust) -> String {
    let of_arm = trust.several_arms_sensitivity.iter().map(|sensitivity| {
        let effect = |effect: Option<super::finding::Estimate>| {
            effect.map_or("unknown".to_owned(), |effect| {
                format!("{:.4}", effect.estimate)
            })
        };
        format!(
            "; the effect of {} on `{}` is {} with them, {} without, and between {:.4} and {:.4} whatever they would have \
             done in one arm alone",
            sensitivity.arm,
            sensitivity.metric,
            effect(sensitivity.first),
            effect(sensitivity.exclude),
            sensitivity.low,
            sensitivity.high
        )
    });
    of_arm.collect()
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

/// Whether values are missing more often in one arm than chance gives, with the test; none where nothing is missing.
fn missing_differs(comparison: &Comparison) -> Option<(bool, stats::TailProbability)> {
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
    Some((
        difference.probability.p < MISSING_ALARM,
        difference.probability,
    ))
}

/// Missing values, and whether one arm has more of them than chance would give.
fn missing(trust: &Trust, comparison: &Comparison) -> Option<Check> {
    // Numbers that are not finite are missing, too: they are not left out, they take the metric.
    let refusal = comparison.outcome.refusal.as_ref();
    if refusal.is_some_and(|refusal| refusal.reason == Reason::UnfitData) {
        return None;
    }
    let (differs, probability) = missing_differs(comparison)?;
    let what = format!(
        "`{}` is missing for {} of {} and {} of {}",
        comparison.metric,
        customers_in_words(comparison.missing.arm),
        comparison.arm,
        comparison.missing.against,
        comparison.against
    );
    let (severity, message) = if differs {
        (
            Severity::Warning,
            format!(
                "{what}: not by chance, so those who have it are not alike and the effect is biased{}",
                bounds(trust, comparison)
            ),
        )
    } else {
        (
            Severity::Notice,
            format!("{what}; they are left out of this metric"),
        )
    };
    Some(Check {
        p_value: Some(probability.p),
        ln_p: Some(probability.ln_p),
        ..check(CheckKind::MissingValues, severity, message)
    })
}

/// How large or small the effect can be all the same.
fn bounds(trust: &Trust, comparison: &Comparison) -> String {
    let bounds = trust
        .attrition
        .iter()
        .find(|bounds| bounds.metric == comparison.metric && bounds.arm == comparison.arm);
    let Some(bounds) = bounds else {
        return String::new();
    };
    let mut text = String::new();
    if let Some(always) = bounds.always_observed {
        text.push_str(&format!(
            "; among those who have it in either arm it lies between {:.4} and {:.4}, if the arm only adds values or only \
             takes them away",
            always.low, always.high
        ));
    }
    if let Some(worst) = bounds.worst_case {
        text.push_str(&format!(
            "; among all customers between {:.4} and {:.4}, whatever the missing values are",
            worst.low, worst.high
        ));
    }
    text
}

fn caps(comparison: &Comparison) -> Option<Check> {
    let cut = comparison
        .cut
        .filter(|cut| cut.arm != 0.0 || cut.against != 0.0)?;
    let customers = comparison
        .caps
        .first()
        .map(|cap| {
            let super::finding::Pair { arm, against } = cap.customers;
            format!(", of {arm} customers and of {against}")
        })
        .unwrap_or_default();
    Some(check(
        CheckKind::Caps,
        Severity::Notice,
        format!(
            "the cap of `{}` cuts {:.2} in {} and {:.2} in {}{customers}",
            comparison.metric, cut.arm, comparison.arm, cut.against, comparison.against
        ),
    ))
}
