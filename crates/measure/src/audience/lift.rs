//! The lift of an experiment: personalized against generic, for every metric and segment, from one pass.

use catalog::{Catalog, Experiment};
use lake::{Lake, SourceContent};
use stats::TailProbability;
use stats::moments::MomentsError;

use super::checks::{Depth, Measured, check, checks, empty_arms, trust};
use super::compare::{ArmSummary, compare};
use super::finding::{
    ArmFinding, Check, CheckKind, Comparison, Customers, LiftFinding, NotCounted, Pair,
    Period as Observed, Severity, Touches,
};
use super::history::MICROSECONDS_A_DAY;
use super::plan::{Period, Plan};
use super::query::{self, Query, status};
use super::tally::{Layout, Tally, TallyError};
use super::together::{Rule, together};
use super::trigger::Sides;
use super::{
    bayes, by_day, caps, cluster, learned, maturity, omnibus, planned, quantiles, segments, strata,
};
use crate::error::MeasureError;
use crate::{Provenance, Reason, Refusal};

/// The probability below which arms' sizes are no chance and nothing is decided on the experiment.
pub const SAMPLE_RATIO_ALARM: f64 = 0.001;

/// Measures an experiment.
///
/// The estimand of each comparison is the mean per customer that the arm would have if everybody were assigned to
/// it, less that of the reference arm (intention to treat). Customers are independent; times are as recorded.
///
/// - A metric that is a mean: Welch's t test; a share with few customers on either side: the score test of Miettinen
///   and Nurminen; a ratio: the delta method.
/// - With covariates the adjusted effect (Lin 2013) is given beside the plain one, and decides.
/// - Relative effects invert the same test (Fieller), so that their verdict is that of the absolute effect.
///
/// # Errors
///
/// [`MeasureError`] where the lake or the catalog do not allow the measurement at all. What the data do not support
/// is a refusal inside the finding.
pub fn lift(
    catalog: &Catalog,
    lake: &mut Lake,
    experiment: &Experiment,
) -> Result<LiftFinding, MeasureError> {
    lift_at_depth(catalog, lake, experiment, Depth::Usual)
}

/// [`lift`], and how much is looked at before it is believed.
///
/// # Errors
///
/// As [`lift`].
pub fn lift_at_depth(
    catalog: &Catalog,
    lake: &mut Lake,
    experiment: &Experiment,
    depth: Depth,
) -> Result<LiftFinding, MeasureError> {
    let (finding, ()) = measure(catalog, lake, experiment, Some(depth), nothing_more)?;
    Ok(finding)
}

/// [`lift`], and what else is read from it by the rule that its effects are read by.
///
/// # Errors
///
/// As [`lift`].
pub(crate) fn lift_and<T>(
    catalog: &Catalog,
    lake: &mut Lake,
    experiment: &Experiment,
    more: impl FnOnce(&LiftFinding, &Rule<'_>) -> T,
) -> Result<(LiftFinding, T), MeasureError> {
    measure(catalog, lake, experiment, Some(Depth::Usual), more)
}

fn nothing_more(_: &LiftFinding, _: &Rule<'_>) {}

/// [`lift_and`]; without a depth, of what is looked at before it is believed the split of customers alone, which can
/// refuse the effects.
fn measure<T>(
    catalog: &Catalog,
    lake: &mut Lake,
    experiment: &Experiment,
    depth: Option<Depth>,
    more: impl FnOnce(&LiftFinding, &Rule<'_>) -> T,
) -> Result<(LiftFinding, T), MeasureError> {
    let prior = bayes::prior(catalog, experiment, |other| {
        let (finding, ()) = measure(catalog, lake, other, None, nothing_more)?;
        Ok(finding)
    });
    let plan = Plan::new(catalog, experiment)?;
    let mut query = query::write(&plan, catalog, lake)?;
    let layout = Layout::new(&plan, &query).with_days(&plan);
    let tally = sum_up(&plan, &query, &layout, lake)?;
    lake.check_unchanged()?;
    let summary_failed =
        |error: MomentsError| MeasureError::summary(&experiment.name, &column_names(&plan), &error);

    let weights = expected_shares(experiment);
    let arms = arms(&plan, &tally, &weights).map_err(summary_failed)?;
    let undeclared = match tally.with_status(status::OTHER_ARM) {
        0 => Vec::new(),
        _ => empty_arms::undeclared(&plan, lake)?,
    };
    let customers = customers(&tally, &undeclared);
    let empty = empty_arms::empty_arms(&plan, &arms, &undeclared, lake)?;
    let mut metrics = overall(&plan, &layout, &tally).map_err(summary_failed)?;
    let strata = strata::add(&plan, &layout, &tally, &mut metrics).map_err(summary_failed)?;
    caps::add(&plan, lake, &query, &layout, &tally, &mut metrics)?;
    metrics.extend(quantiles::comparisons(&plan, lake, &query, &tally)?);
    metrics.sort_by_key(|comparison| place_of(experiment, &comparison.metric));
    maturity::add(&plan, &query, &tally, &mut metrics);
    let clusters = cluster::add(&plan, lake, &query, &tally, &mut metrics)?;
    let (mut trust, of_rows) = trust(
        &Measured {
            plan: &plan,
            query: &query,
            layout: &layout,
            tally: &tally,
            customers: &customers,
            arms: &arms,
            metrics: &metrics,
        },
        lake,
        depth,
    )?;
    if let Some(clusters) = &clusters {
        clusters.add_split(&mut trust, &weights);
    }
    let mut learned = std::mem::take(&mut query.learned);
    learned::add_gains(&plan, &layout, &tally, &metrics, &mut learned).map_err(summary_failed)?;
    query.finish(lake)?;
    let mut segments = segments::segments(&plan, &layout, &tally).map_err(summary_failed)?;
    if clusters.is_some() {
        cluster::refuse(&mut segments);
    }
    let course = planned::decide(&plan, &layout, &tally, &mut metrics, &mut segments)?;
    let declared = planned::finding(catalog, &plan, course.as_ref(), tally.exposures)?;
    by_day::add(catalog, lake, experiment, &mut metrics)?;
    let mut checks = checks(&plan, &trust, &customers, (&arms, &empty), &metrics);
    checks.extend(of_rows);
    checks.extend(strata);
    checks.extend(maturity::checks(&plan, tally.exposures, &metrics));
    checks.extend(not_imported(lake));
    checks.extend(
        declared
            .iter()
            .flat_map(|plan| planned::checks(plan, &metrics)),
    );
    let omnibus = omnibus::omnibus(&plan, &metrics);
    let refusal = trust.sample_ratio.as_ref().and_then(|split| {
        let refusal = refused_split(TailProbability {
            p: split.p_value,
            ln_p: split.ln_p,
        })?;
        Some(empty_arms::refusal(&empty, split).unwrap_or(refusal))
    });
    if let Some(refusal) = &refusal {
        segments
            .iter_mut()
            .for_each(|segment| segment.heterogeneity.clear());
        let by_segment = segments
            .iter_mut()
            .flat_map(|segment| &mut segment.values)
            .flat_map(|value| &mut value.metrics);
        metrics
            .iter_mut()
            .chain(by_segment)
            .for_each(|comparison| comparison.refuse(refusal));
    }
    let rule = course.as_ref().map_or_else(
        || Rule::without_plan(experiment.alpha),
        planned::Course::rule,
    );
    let sides = Sides::new(&plan, &layout, &tally).filter(|_| clusters.is_none());
    let together = together(
        &plan,
        &rule,
        prior.as_ref(),
        sides.as_ref(),
        &mut metrics,
        &checks,
    );
    let finding = LiftFinding {
        format: LiftFinding::FORMAT.to_owned(),
        experiment: experiment.name.clone(),
        hypothesis: experiment.hypothesis.clone(),
        alpha: experiment.alpha,
        currency: catalog.project().currency.clone(),
        against: experiment.arms[plan.reference].name.clone(),
        customers,
        period: tally.exposures.map(|exposures| observed(&plan, exposures)),
        arms,
        metrics,
        segments,
        checks,
        trust,
        plan: declared,
        together,
        clusters,
        learned,
        omnibus: omnibus.filter(|_| refusal.is_none()),
        refusal,
        provenance: Provenance::of(catalog, lake)?,
    };
    let more = more(&finding, &rule);
    Ok((finding, more))
}

/// The place of a metric in the experiment.
fn place_of(experiment: &Experiment, metric: &str) -> usize {
    let mut names = experiment.metric_names();
    names.position(|name| name == metric).unwrap_or(usize::MAX)
}

/// Sources whose files have changed since they were imported.
fn not_imported(lake: &Lake) -> impl Iterator<Item = Check> {
    lake.versions()
        .into_iter()
        .filter_map(|version| match version.content {
            SourceContent::Lake {
                files_not_imported, ..
            } if files_not_imported > 0 => Some(check(
                CheckKind::Sources,
                Severity::Notice,
                format!(
                    "{files_not_imported} {} of source `{}` {} other content than was imported: `touchstone import` \
                     takes it in",
                    if files_not_imported == 1 { "file" } else { "files" },
                    version.source,
                    if files_not_imported == 1 { "has" } else { "have" },
                ),
            )),
            _ => None,
        })
}

pub(super) fn sum_up(
    plan: &Plan<'_>,
    query: &Query,
    layout: &Layout,
    lake: &Lake,
) -> Result<Tally, MeasureError> {
    let name = plan.experiment.name.clone();
    let columns = column_names(plan);
    let context = format!("cannot measure experiment `{name}`");
    let (of_state, of_step) = (layout.clone(), layout.clone());
    let tallies = lake.engine().fold(
        &query.sql,
        layout.query_columns(),
        &context,
        move || Tally::new(&of_state),
        move |tally, chunk| {
            tally.add(&of_step, chunk).map_err(|error| match error {
                TallyError::Moments(error) => MeasureError::summary(&name, &columns, &error),
                TallyError::Column(error) => MeasureError::summary_of_columns(&name, &error),
            })
        },
    )?;
    let mut total = Tally::new(layout);
    for tally in tallies {
        total.merge(layout, tally).map_err(|error| {
            MeasureError::summary(&plan.experiment.name, &column_names(plan), &error)
        })?;
    }
    Ok(total)
}

/// The names of the numbers, in the order of the co-moments' columns.
fn column_names(plan: &Plan<'_>) -> Vec<String> {
    let values = plan.values.iter().map(|value| value.name.clone());
    let capped = plan
        .values
        .iter()
        .filter(|value| value.metric.is_some_and(|metric| metric.cap.is_some()));
    let cuts = capped.map(|value| format!("cut of {}", value.name));
    values
        .chain(cuts)
        .chain(plan.covariates.iter().map(|known| known.name.clone()))
        .collect()
}

/// Declared shares, else equal ones.
pub(crate) fn expected_shares(experiment: &Experiment) -> Vec<f64> {
    let equal = 1.0 / experiment.arms.len() as f64;
    experiment
        .arms
        .iter()
        .map(|arm| arm.share.unwrap_or(equal))
        .collect()
}

fn arms(plan: &Plan<'_>, tally: &Tally, weights: &[f64]) -> Result<Vec<ArmFinding>, MomentsError> {
    let arm = |(place, arm): (usize, &catalog::Arm)| {
        let touches = plan.touches.iter().map(|(fact, value)| {
            Ok(Touches {
                fact: fact.name.clone(),
                number: tally.moments(place, 1 << value)?.sum(*value) as u64,
            })
        });
        Ok(ArmFinding {
            name: arm.name.clone(),
            role: arm.role,
            initiative: arm.initiative.clone(),
            customers: tally.customers(place),
            expected_share: weights[place],
            touches: touches.collect::<Result<_, _>>()?,
        })
    };
    plan.experiment.arms.iter().enumerate().map(arm).collect()
}

/// Who counts, and who does not, with the values of the arm column that no arm declares.
fn customers(tally: &Tally, undeclared: &[String]) -> Customers {
    let other = if undeclared.is_empty() {
        String::new()
    } else {
        format!(" ({})", empty_arms::such_as(undeclared))
    };
    let reasons = [
        (status::SEVERAL_ARMS, "in several arms".to_owned()),
        (status::NOT_EXPOSED, "never exposed".to_owned()),
        (status::OTHER_ARM, format!("in no declared arm{other}")),
        (status::NO_CLUSTER, "in no cluster".to_owned()),
        (
            status::NO_TIME,
            "without a time of assignment from the years 1000 to 3099".to_owned(),
        ),
    ];
    let mut not_counted: Vec<NotCounted> = reasons
        .into_iter()
        .map(|(status, reason)| NotCounted {
            reason,
            number: tally.with_status(status),
        })
        .filter(|left| left.number > 0)
        .collect();
    // Rows without a customer are one group, whose repeated rows are all of them.
    if tally.with_status(status::NO_CUSTOMER) > 0 {
        not_counted.push(NotCounted {
            reason: "rows without a customer".to_owned(),
            number: tally.rows_without_customer,
        });
    }
    Customers {
        counted: tally.with_status(status::COUNTED),
        several_arms: tally.several_arms,
        repeated_rows: tally.repeated_rows,
        not_counted,
    }
}

/// Every metric for every arm but the reference.
fn overall(
    plan: &Plan<'_>,
    layout: &Layout,
    tally: &Tally,
) -> Result<Vec<Comparison>, MomentsError> {
    let summary = |arm: usize, needed: u64| {
        let moments = tally.moments(arm, needed)?;
        let left_out = if plan.leaves_immature_out() {
            tally.not_matured(arm, needed)
        } else {
            0
        };
        Ok::<_, MomentsError>(ArmSummary {
            missing: tally.customers(arm) - moments.rows() - left_out,
            moments,
            not_finite: tally.not_finite(arm, needed),
            covariates_not_finite: tally.covariates_not_finite.clone(),
        })
    };
    let mut comparisons = Vec::new();
    for compared in &plan.metrics {
        let needed = compared.made_of.bits();
        let against = summary(plan.reference, needed)?;
        for arm in (0..plan.experiment.arms.len()).filter(|&arm| arm != plan.reference) {
            let arm_summary = summary(arm, needed)?;
            let summaries = Pair {
                arm: &arm_summary,
                against: &against,
            };
            comparisons.push(compare(plan, Some(layout), compared, arm, summaries));
        }
    }
    Ok(comparisons)
}

fn observed(plan: &Plan<'_>, (first, last): (i64, i64)) -> Observed {
    let longest = plan.values.iter().filter_map(|value| match value.period {
        Period::After { to, .. } => to.map(|to| to.nominal_seconds()),
        Period::Before(_) => None,
    });
    let window_days = longest.max().unwrap_or(0) as f64 / 86_400.0;
    let days = (last - first) as f64 / MICROSECONDS_A_DAY as f64 + window_days;
    Observed {
        first,
        last,
        days: days.ceil() as u32,
    }
}

/// Why arms are not compared whose sizes are that unlikely under the declared shares.
pub(crate) fn refused_split(TailProbability { p, ln_p }: TailProbability) -> Option<Refusal> {
    (p < SAMPLE_RATIO_ALARM).then(|| {
        // Doubles end soon below; customers in an arm that was never open have no logarithm either.
        let p = if p >= 1e-300 {
            format!("p = {p:.2e}")
        } else if ln_p.is_finite() {
            format!("p < 1e-300, ln p = {ln_p:.1}")
        } else {
            "p = 0".to_owned()
        };
        Refusal::new(
            Reason::SampleRatioMismatch,
            format!(
                "the arms' sizes do not fit the declared shares ({p}): something other than chance sorts the customers, \
                 and no effect can be trusted until it is found"
            ),
        )
    })
}
