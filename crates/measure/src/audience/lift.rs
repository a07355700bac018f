//! The lift of an experiment: personalized against generic, for every metric and segment, from one pass.

use catalog::{Catalog, Experiment};
use lake::{Lake, sql};
use stats::moments::MomentsError;
use stats::{SampleRatio, sample_ratio};

use super::checks::checks;
use super::compare::{ArmSummary, compare};
use super::finding::{
    ArmFinding, Comparison, Customers, LiftFinding, NotCounted, Pair, Period as Observed,
    SegmentFinding, SegmentValue, Touches,
};
use super::plan::{Period, Plan};
use super::query::{self, Query, status};
use super::tally::{Layout, MOST_SEGMENT_VALUES, Tally, TallyError};
use crate::error::MeasureError;
use crate::{Provenance, Reason, Refusal};

/// The probability below which arms' sizes are no chance and nothing is decided on the experiment.
pub const SAMPLE_RATIO_ALARM: f64 = 0.001;

const MICROSECONDS_A_DAY: f64 = 86_400e6;

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
    let plan = Plan::new(catalog, experiment)?;
    let query = query::write(&plan, catalog, lake)?;
    let layout = Layout::new(&plan, &query);
    let tally = sum_up(&plan, &query, &layout, lake)?;
    lake.check_unchanged()?;
    let summary_failed =
        |error: MomentsError| MeasureError::summary(&experiment.name, &column_names(&plan), &error);

    let weights = expected_shares(experiment);
    let arms = arms(&plan, &tally, &weights).map_err(summary_failed)?;
    let customers = customers(&plan, &tally, lake)?;
    let mut metrics = overall(&plan, &layout, &tally).map_err(summary_failed)?;
    let mut segments = segments(&plan, &tally).map_err(summary_failed)?;
    let counts: Vec<u64> = arms.iter().map(|arm| arm.customers).collect();
    let ratio = sample_ratio(&counts, &weights).ok();
    let checks = checks(&plan, ratio.as_ref(), &customers, &arms, &metrics);
    let refusal = refusal(ratio.as_ref());
    if let Some(refusal) = &refusal {
        let by_segment = segments
            .iter_mut()
            .flat_map(|segment| &mut segment.values)
            .flat_map(|value| &mut value.metrics);
        metrics
            .iter_mut()
            .chain(by_segment)
            .for_each(|comparison| comparison.refuse(refusal));
    }
    Ok(LiftFinding {
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
        refusal,
        provenance: Provenance::of(catalog, lake)?,
    })
}

fn sum_up(
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
        total.merge(tally).map_err(|error| {
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
fn expected_shares(experiment: &Experiment) -> Vec<f64> {
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

fn customers(plan: &Plan<'_>, tally: &Tally, lake: &Lake) -> Result<Customers, MeasureError> {
    let other_arm = tally.with_status(status::OTHER_ARM);
    let other = if other_arm == 0 {
        String::new()
    } else {
        format!(" ({})", undeclared_arms(plan, lake)?)
    };
    let reasons = [
        (status::SEVERAL_ARMS, "in several arms".to_owned()),
        (status::NOT_EXPOSED, "never exposed".to_owned()),
        (status::OTHER_ARM, format!("in no declared arm{other}")),
        (status::NO_TIME, "without a time of assignment".to_owned()),
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
    Ok(Customers {
        counted: tally.with_status(status::COUNTED),
        several_arms: tally.several_arms,
        repeated_rows: tally.repeated_rows,
        not_counted,
    })
}

/// The most frequent values of the arm column that no arm declares.
fn undeclared_arms(plan: &Plan<'_>, lake: &Lake) -> Result<String, MeasureError> {
    let assignment = &plan.experiment.assignment;
    let declared: Vec<String> = plan
        .experiment
        .arms
        .iter()
        .map(|arm| sql::text(&arm.column_value().to_string()))
        .collect();
    let column = format!("CAST({} AS VARCHAR)", sql::identifier(&assignment.arm));
    let filter = assignment
        .filter
        .as_ref()
        .map(|filter| format!(" AND ({filter})"))
        .unwrap_or_default();
    let query = format!(
        "SELECT coalesce({column}, '(none)') FROM source.{} WHERE ({column} IS NULL OR {column} NOT IN ({})){filter} \
         GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 5",
        sql::identifier(&plan.source.name),
        declared.join(", "),
    );
    let names: Vec<String> = lake
        .engine()
        .rows(&query, "cannot list undeclared arms", |row| row.get(0))?;
    Ok(format!(
        "such as {}",
        names
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    ))
}

fn overall(
    plan: &Plan<'_>,
    layout: &Layout,
    tally: &Tally,
) -> Result<Vec<Comparison>, MomentsError> {
    comparisons(plan, Some(layout), |arm, needed| {
        let moments = tally.moments(arm, needed)?;
        let missing = tally.customers(arm) - moments.rows();
        Ok(ArmSummary { moments, missing })
    })
}

fn segments(plan: &Plan<'_>, tally: &Tally) -> Result<Vec<SegmentFinding>, MomentsError> {
    let segment = |(number, name): (usize, &String)| {
        let Some(cells) = tally.segment(number) else {
            let message = format!(
                "`{name}` has more than {MOST_SEGMENT_VALUES} different values: it is no segment"
            );
            return Ok(SegmentFinding {
                segment: name.clone(),
                values: Vec::new(),
                refusal: Some(Refusal::new(Reason::UnfitData, message)),
            });
        };
        let mut values = Vec::new();
        for (value, cells) in cells {
            let metrics = comparisons(plan, None, |arm, needed| {
                let moments = cells.moments(arm, needed)?;
                let missing = cells.customers(arm) - moments.rows();
                Ok(ArmSummary { moments, missing })
            })?;
            values.push(SegmentValue {
                value: value.to_owned(),
                customers: (0..plan.experiment.arms.len())
                    .map(|arm| cells.customers(arm))
                    .sum(),
                metrics,
            });
        }
        Ok(SegmentFinding {
            segment: name.clone(),
            values,
            refusal: None,
        })
    };
    plan.experiment
        .segments
        .iter()
        .enumerate()
        .map(segment)
        .collect()
}

/// Every metric for every arm but the reference; `summary` gives an arm's customers who have certain values.
fn comparisons(
    plan: &Plan<'_>,
    layout: Option<&Layout>,
    summary: impl Fn(usize, u64) -> Result<ArmSummary, MomentsError>,
) -> Result<Vec<Comparison>, MomentsError> {
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
            comparisons.push(compare(plan, layout, compared, arm, summaries));
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
    let days = (last - first) as f64 / MICROSECONDS_A_DAY + window_days;
    Observed {
        first,
        last,
        days: days.ceil() as u32,
    }
}

fn refusal(ratio: Option<&SampleRatio>) -> Option<Refusal> {
    let p = ratio?.probability.p;
    (p < SAMPLE_RATIO_ALARM).then(|| {
        Refusal::new(
            Reason::SampleRatioMismatch,
            format!(
                "the arms' sizes do not fit the declared shares (p = {p:.2e}): something other than chance sorts the \
                 customers, and no effect can be trusted until it is found"
            ),
        )
    })
}
