//! When customers' values are mature: the window and the fact's delay had passed at the end of the data.

use std::collections::BTreeMap;

use catalog::{Fact, Immature, Span, SpanUnit};
use lake::{Lake, sql};

use super::checks::{check, customers_in_words};
use super::finding::{Check, CheckKind, Comparison, Maturity, Pair, Severity};
use super::plan::{MadeOf, Period, Plan, QuantileOf, Value};
use super::query::{Query, fact_rows, source_view, where_clause};
use super::tally::Tally;
use super::times::Clock;
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// Values that are mature at the same time.
#[derive(Debug, Clone)]
pub(crate) struct Horizon {
    /// The values, a bit each.
    pub(crate) values: u64,
    /// Whether a customer's values are not mature, as SQL over the customers' table.
    pub(crate) is_open: String,
    /// The end of the data, in microseconds since 1970 of the project's time zone.
    pub(crate) end: i64,
}

/// The end of a fact's data.
#[derive(Clone)]
struct End {
    clock: Clock,
    /// As SQL.
    time: String,
    microseconds: i64,
}

/// The horizons of an experiment's values. A value without an end of its window, of a fact without time or without rows,
/// or of customers whose exposure is not known has none.
pub(crate) fn horizons(
    plan: &Plan<'_>,
    lake: &Lake,
    has_exposure: bool,
) -> Result<Vec<Horizon>, MeasureError> {
    if !has_exposure {
        return Ok(Vec::new());
    }
    let mut ends: BTreeMap<&str, Option<End>> = BTreeMap::new();
    let mut horizons: Vec<Horizon> = Vec::new();
    for (place, value) in plan.values.iter().enumerate() {
        let Some(horizon) = horizon(plan, lake, value, &mut ends)? else {
            continue;
        };
        let bit = 1 << place;
        match horizons
            .iter_mut()
            .find(|known| known.is_open == horizon.is_open)
        {
            Some(known) => known.values |= bit,
            None => horizons.push(Horizon {
                values: bit,
                ..horizon
            }),
        }
    }
    Ok(horizons)
}

/// The horizon of rows that are no value of each customer, such as those of a quantile of rows.
pub(crate) fn horizon_of_rows(
    plan: &Plan<'_>,
    lake: &Lake,
    value: &Value<'_>,
) -> Result<Option<Horizon>, MeasureError> {
    horizon(plan, lake, value, &mut BTreeMap::new())
}

fn horizon<'f>(
    plan: &Plan<'_>,
    lake: &Lake,
    value: &Value<'f>,
    ends: &mut BTreeMap<&'f str, Option<End>>,
) -> Result<Option<Horizon>, MeasureError> {
    let Period::After { to: Some(to), .. } = value.period else {
        return Ok(None);
    };
    let fact = value.fact;
    let end = match ends.get(fact.name.as_str()) {
        Some(end) => end.clone(),
        None => {
            let end = end_of(plan, lake, fact)?;
            ends.insert(fact.name.as_str(), end.clone());
            end
        }
    };
    let Some(end) = end else {
        return Ok(None);
    };
    let is_declared = plan.experiment.until.is_some();
    let is_zoned = starts_zoned(plan, lake)?;
    Ok(Some(Horizon {
        values: 0,
        is_open: is_open(&end, is_declared, to, fact.delay, is_zoned),
        end: end.microseconds,
    }))
}

/// Whether the times from which facts count are points in time, not times on a clock.
fn starts_zoned(plan: &Plan<'_>, lake: &Lake) -> Result<bool, MeasureError> {
    let (source, time) = match &plan.experiment.exposure {
        Some(exposure) => (&exposure.source, Some(&exposure.time)),
        None => (&plan.source.name, plan.experiment.assignment.time.as_ref()),
    };
    let Some(time) = time else {
        return Ok(false);
    };
    let columns = lake.columns(&source_view(source))?;
    Ok(Clock::of(&columns, time) == Clock::Zoned)
}

/// Where nobody has said when the data end, they reach to the end of the day of the latest row for a window of whole days:
/// customers who were all exposed at one midnight would otherwise wait for a row after the last midnight.
fn is_open(end: &End, is_declared: bool, to: Span, delay: Option<Span>, is_zoned: bool) -> String {
    let in_parts_of_a_day = matches!(
        to.unit,
        SpanUnit::Second | SpanUnit::Minute | SpanUnit::Hour
    );
    let until = if is_declared || in_parts_of_a_day || end.clock == Clock::Day {
        end.time.clone()
    } else {
        format!("(date_trunc('day', {}) + INTERVAL '1 day')", end.time)
    };
    let spans = || std::iter::once(to).chain(delay);
    let is_fixed = |span: Span| !matches!(span.unit, SpanUnit::Month | SpanUnit::Year);
    // On a clock without zones a span of days or less is always as long: it is taken from the end once, instead of being
    // added to each customer's time.
    if !is_zoned && end.clock == Clock::Local && spans().all(is_fixed) {
        let latest = spans().fold(until, |until, span| sql::before(&until, span));
        return format!("started > {latest}");
    }
    let passed = spans().fold(end.clock.exposure("started"), |passed, span| {
        sql::after(&passed, span)
    });
    format!("{passed} > {until}")
}

/// The end of a fact's data: that of the experiment, else the latest time of the fact's rows.
fn end_of(plan: &Plan<'_>, lake: &Lake, fact: &Fact) -> Result<Option<End>, MeasureError> {
    let Some(time) = &fact.time else {
        return Ok(None);
    };
    let rows = fact_rows(fact);
    let clock = Clock::of(&lake.columns(&rows)?, time);
    let until = plan.experiment.until.as_deref();
    let latest = match until {
        Some(until) => format!("TIMESTAMP {}", sql::text(until)),
        None => {
            let filter = where_clause(fact.filter.as_ref());
            let latest = format!("(SELECT max({}) FROM {rows}{filter})", clock.time(time));
            match clock {
                // A day's rows are there when the day is over.
                Clock::Day => format!("({latest} + INTERVAL '1 day')"),
                Clock::Zoned | Clock::Local => latest,
            }
        }
    };
    // Of a point in time the clock of the project's time zone as well, which is what findings show.
    let query = format!(
        "SELECT epoch_us(moment), epoch_us(CAST(moment AS TIMESTAMP)) FROM (SELECT {latest} AS moment)"
    );
    let context = format!("cannot find the latest time of fact `{}`", fact.name);
    let ends: Vec<(Option<i64>, Option<i64>)> = lake
        .engine()
        .rows(&query, &context, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((Some(moment), Some(microseconds))) = ends.first().copied() else {
        return Ok(None);
    };
    let constructor = match (clock, until) {
        (Clock::Zoned, None) => "make_timestamptz",
        _ => "make_timestamp",
    };
    Ok(Some(End {
        clock,
        time: format!("{constructor}({moment})"),
        microseconds,
    }))
}

impl Plan<'_> {
    /// Whether customers whose values are not mature are left out.
    pub(crate) fn leaves_immature_out(&self) -> bool {
        self.experiment.immature == Immature::LeaveOut
    }
}

/// Says of each comparison until when its data reach and whose windows had not passed by then, and why there is no effect
/// where that is everybody.
pub(crate) fn add(plan: &Plan<'_>, query: &Query, tally: &Tally, comparisons: &mut [Comparison]) {
    for comparison in comparisons {
        let compared = plan.compared(&comparison.metric);
        if let Some((compared, arm)) = compared.zip(plan.arm(&comparison.arm)) {
            let values = compared.made_of.bits();
            comparison.maturity = query.end_of(values).map(|until| Maturity {
                until,
                not_matured: Pair {
                    arm: tally.not_matured(arm, values),
                    against: tally.not_matured(plan.reference, values),
                },
                counted: !plan.leaves_immature_out(),
            });
        }
        let Some(maturity) = comparison.maturity.filter(|maturity| !maturity.counted) else {
            continue;
        };
        let nobody = |n: u64, not_matured: u64| n == 0 && not_matured > 0;
        let waits = nobody(comparison.n.arm, maturity.not_matured.arm)
            || nobody(comparison.n.against, maturity.not_matured.against);
        if waits && comparison.outcome.refusal.is_some() {
            comparison.refuse(&Refusal::new(
                Reason::TooLittleData,
                format!(
                    "no customer's window of `{}` had passed at the end of the data: {} of {} and {} of {} are to \
                     come",
                    comparison.metric,
                    customers_in_words(maturity.not_matured.arm),
                    comparison.arm,
                    maturity.not_matured.against,
                    comparison.against
                ),
            ));
        }
    }
}

/// What is to say of the time that customers had: windows that had not passed, metrics without an end to their time, and
/// ratios of parts that count different times.
pub(crate) fn checks(
    plan: &Plan<'_>,
    exposures: Option<(i64, i64)>,
    comparisons: &[Comparison],
) -> Vec<Check> {
    let mut checks: Vec<Check> = comparisons.iter().filter_map(not_matured).collect();
    let spread = exposures.filter(|(first, last)| first < last);
    if spread.is_some() {
        checks.extend(unequal_time(plan));
    }
    checks.extend(plan.metrics.iter().filter_map(|compared| {
        let MadeOf::Ratio {
            numerator,
            denominator,
        } = compared.made_of
        else {
            return None;
        };
        let (above, below) = (&plan.values[numerator], &plan.values[denominator]);
        (above.period != below.period).then(|| {
            notice(
                CheckKind::Windows,
                format!(
                    "`{}` divides `{}` by `{}`, which count different windows after exposure",
                    compared.metric.name, above.name, below.name
                ),
            )
        })
    }));
    checks
}

fn not_matured(comparison: &Comparison) -> Option<Check> {
    let maturity = comparison.maturity?;
    let Pair { arm, against } = maturity.not_matured;
    if arm + against == 0 {
        return None;
    }
    let what = if maturity.counted {
        "count with what is there: an early look, in which they had less time than the others"
    } else {
        "are left out of this metric"
    };
    Some(notice(
        CheckKind::Maturity,
        format!(
            "the window of `{}` had not passed for {} of {} and {against} of {}, who {what}",
            comparison.metric,
            customers_in_words(arm),
            comparison.arm,
            comparison.against
        ),
    ))
}

/// Metrics whose customers had unequal time, because they were exposed at different times and nothing ends the window.
fn unequal_time(plan: &Plan<'_>) -> Option<Check> {
    let of_metrics = plan.metrics.iter().filter(|compared| {
        let places = compared.made_of.places();
        places
            .into_iter()
            .any(|place| plan.values[place].is_open_ended())
    });
    let of_quantiles = plan.quantiles.iter().filter(|quantile| match &quantile.of {
        QuantileOf::Customers(place) => plan.values[*place].is_open_ended(),
        QuantileOf::Rows(value) => value.is_open_ended(),
    });
    let names: Vec<String> = of_metrics
        .map(|compared| compared.metric)
        .chain(of_quantiles.map(|quantile| quantile.metric))
        .map(|metric| format!("`{}`", metric.name))
        .collect();
    (!names.is_empty()).then(|| {
        notice(
            CheckKind::Maturity,
            format!(
                "{} count without an end, so that customers who were exposed early had more time than others: give a \
                 `window` with `to`",
                names.join(", ")
            ),
        )
    })
}

fn notice(kind: CheckKind, message: String) -> Check {
    check(kind, Severity::Notice, message)
}
