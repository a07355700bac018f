//! Effects by the days since exposure: whether novelty fades, content wears out, or customers learn.
//!
//! Of a metric that is a sum or a count over a window, each day since exposure has its own part. The parts of all days
//! come from one more query for each metric, and their covariances with them: the same customers are in every day.
//! Counted are customers whose whole window had passed, so that all days have the same customers.

use catalog::{Aggregate, Catalog, Experiment, Span, SpanUnit};
use lake::Lake;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::wear::{DailyMeans, Pace, Wear, WearAnalysis, wear};
use stats::{Arm, Method, Unestimable};

use super::finding::{Comparison, Estimate, Pair};
use super::lift::sum_up;
use super::plan::{Compared, MadeOf, Period, Plan, Value};
use super::query;
use super::tally::{Layout, Tally};
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// Days since exposure that are told apart at most.
const MOST_DAYS: u32 = 28;

const SECONDS_A_DAY: u64 = 86_400;

/// An effect by the days since exposure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ByDay {
    /// The effect of each day. Their intervals do not hold together.
    pub days: Vec<DayEffect>,
    /// What the days say of a change.
    pub change: Option<Change>,
    /// Why they say nothing.
    pub refusal: Option<Refusal>,
}

/// The effect of one day since exposure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DayEffect {
    /// 1 is the first day, the 24 hours from exposure on.
    pub day: u32,
    /// Mean per customer on that day.
    pub mean: Pair<f64>,
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
}

/// Whether the effect changes with the days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    pub says: Says,
    /// The change of a day's effect with every doubling of the days since exposure.
    pub by_doubling: Estimate,
    /// Two-sided probability of such a change where there is none.
    pub p_value: f64,
    /// Its natural logarithm.
    pub ln_p: f64,
    /// The probability of the days' effects where all are equal, off the line of doublings too.
    pub constant_p_value: f64,
    /// Mean daily effect after the first seven days less that of these, where there are such days.
    pub later_less_first_week: Option<Estimate>,
}

/// What a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// The effect moves towards zero: novelty, or wear.
    Fading,
    /// It moves away from zero: learning, or habit.
    Growing,
    /// It changes, from no clear side of zero.
    Changing,
    /// No change was found, which does not say that there is none.
    NoChangeFound,
}

impl From<Wear> for Says {
    fn from(wear: Wear) -> Self {
        match wear {
            Wear::Fading => Says::Fading,
            Wear::Growing => Says::Growing,
            Wear::Changing => Says::Changing,
            Wear::NoChangeFound => Says::NoChangeFound,
        }
    }
}

/// Adds the effects by day to the comparisons of the metrics that can be taken apart.
pub(crate) fn add(
    catalog: &Catalog,
    lake: &mut Lake,
    experiment: &Experiment,
    metrics: &mut [Comparison],
) -> Result<(), MeasureError> {
    if !experiment.by_day {
        return Ok(());
    }
    for name in experiment.metric_names() {
        let mut plan = Plan::new(catalog, experiment)?;
        let days = take_apart(&mut plan, name);
        if days.len() < 2 {
            continue;
        }
        let query = query::write(&plan, catalog, lake)?;
        let layout = Layout::new(&plan, &query);
        let tally = sum_up(&plan, &query, &layout, lake)?;
        query.finish(lake)?;
        for comparison in metrics.iter_mut().filter(|other| other.metric == name) {
            let Some(arm) = plan.arm(&comparison.arm) else {
                continue;
            };
            comparison.by_day = Some(by_day(&plan, &tally, &days, arm));
        }
    }
    Ok(())
}

/// Makes a plan ask for a metric's values on each day since exposure, and for nothing else. Gives the days, from 1 on;
/// none where the metric cannot be taken apart.
fn take_apart(plan: &mut Plan<'_>, name: &str) -> Vec<u32> {
    let Some(&Compared {
        metric,
        made_of: MadeOf::Value(place),
        ..
    }) = plan.compared(name)
    else {
        return Vec::new();
    };
    let whole = &plan.values[place];
    let is_sum = matches!(whole.aggregate, Aggregate::Sum | Aggregate::Count);
    let Period::After { from, to: Some(to) } = whole.period else {
        return Vec::new();
    };
    if !is_sum || metric.cap.is_some() || whole.fact.time.is_none() {
        return Vec::new();
    }
    let in_days = |span: Span| span.nominal_seconds() as f64 / SECONDS_A_DAY as f64;
    let first = from.map_or(0.0, in_days).ceil() as u32;
    let last = (in_days(to).floor() as u32).min(first + MOST_DAYS);
    let day = |count| Span {
        count,
        unit: SpanUnit::Day,
    };
    let values: Vec<Value<'_>> = (first..last)
        .map(|start| Value {
            name: format!("{name} on day {}", start + 1),
            fact: whole.fact,
            aggregate: whole.aggregate,
            metric: whole.metric,
            step: None,
            period: Period::After {
                from: (start > 0).then(|| day(start)),
                to: Some(day(start + 1)),
            },
        })
        .collect();
    // Every two days have a co-moment, as the two parts of a ratio have.
    let pairs = (0..values.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    plan.metrics = pairs
        .map(|(numerator, denominator)| Compared {
            metric,
            made_of: MadeOf::Ratio {
                numerator,
                denominator,
            },
            steps: 0..0,
        })
        .collect();
    plan.values = values;
    plan.quantiles.clear();
    plan.covariates.clear();
    plan.learned_columns.clear();
    plan.learned_values.clear();
    plan.classes.clear();
    plan.strata.clear();
    plan.trigger = None;
    plan.touches.clear();
    (first + 1..=last).collect()
}

fn by_day(plan: &Plan<'_>, tally: &Tally, days: &[u32], arm: usize) -> ByDay {
    let analysis = analysis(plan, tally, days, arm);
    let change = match analysis {
        Ok(analysis) => analysis,
        Err(reason) => {
            return ByDay {
                days: Vec::new(),
                change: None,
                refusal: Some(Refusal::new(Reason::TooLittleData, reason)),
            };
        }
    };
    let alpha = plan.experiment.alpha;
    let effects = days
        .iter()
        .zip(&change.days)
        .filter_map(|(&day, contrast)| {
            let effect = contrast.lift(alpha, Method::Welch).ok()?.absolute;
            Some(DayEffect {
                day,
                mean: Pair {
                    arm: contrast.treated,
                    against: contrast.control,
                },
                estimate: effect.estimate,
                low: effect.low,
                high: effect.high,
            })
        });
    ByDay {
        days: effects.collect(),
        change: Some(said(&change)),
        refusal: None,
    }
}

fn analysis(
    plan: &Plan<'_>,
    tally: &Tally,
    days: &[u32],
    arm: usize,
) -> Result<WearAnalysis, String> {
    let columns: Vec<usize> = (0..days.len()).collect();
    let all = u64::MAX >> (64 - days.len());
    let means = |which: Arm, arm: usize| {
        let moments = tally.moments(arm, all).map_err(|error| error.to_string())?;
        DailyMeans::of_moments(which, &moments, &columns).map_err(|reason| reason.to_string())
    };
    let treated = means(Arm::Treated, arm)?;
    let control = means(Arm::Control, plan.reference)?;
    wear(
        days,
        &treated,
        &control,
        Pace::Logarithmic,
        plan.experiment.alpha,
    )
    .map_err(|reason| match reason {
        Unestimable::DependentCovariates { covariate } => format!(
            "hardly anybody has anything on day {}, so that the days cannot be told apart",
            days[covariate]
        ),
        reason => reason.to_string(),
    })
}

fn said(analysis: &WearAnalysis) -> Change {
    // The line is in the natural logarithm of the day.
    let doubling = std::f64::consts::LN_2;
    Change {
        says: analysis.wear.into(),
        by_doubling: estimate(&analysis.slope, doubling),
        p_value: analysis.probability.p,
        ln_p: analysis.probability.ln_p,
        constant_p_value: analysis.constant.probability.p,
        later_less_first_week: analysis
            .later_less_first_week
            .as_ref()
            .map(|later| estimate(later, 1.0)),
    }
}

/// An estimate in another unit, which has `unit` of the one found.
pub(crate) fn estimate(found: &stats::Estimate, unit: f64) -> Estimate {
    Estimate {
        estimate: found.estimate * unit,
        se: found.se * unit,
        low: found.low * unit,
        high: found.high * unit,
        df: found.df.is_finite().then_some(found.df),
    }
}
