//! Quantiles of customers' values and of facts' rows, compared between arms.
//!
//! They are order statistics, which no sum gives: the customers' table is looked at twice, or a table of the rows that
//! count, whose clustering in customers enters by its design effect.

use lake::{Lake, sql};
use stats::moments::{Moments, Products};
use stats::quantile::{
    ClusterIndicator, Distribution, Histogram, Indicator, QuantileError, QuantileLift,
    adjusted_lift_of_quantiles, lift_of_clustered_quantiles, lift_of_quantiles,
};
use stats::{AdjustedLift, Arm};

use super::compare::{
    arm_moments, covariates_of, outcome, ratio_moments, refusal_of_not_finite, refused,
};
use super::finding::{Adjusted, Comparison, Maturity, Outcome, Pair};
use super::maturity;
use super::plan::{Plan, Quantile, QuantileOf, Value};
use super::query::types::{number_of, same_customer, type_of};
use super::query::{Query, columns, fact_rows};
use super::spread::Rows;
use super::tally::Tally;
use super::times::{Clock, bounds};
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// The table of the rows that count for a quantile of rows.
const EVENTS: &str = "_ts_events";
/// How much wider than the ranks of an interval the second look is, for Student's t with few customers.
const ROOM: f64 = 1.5;

/// The comparisons of all quantiles, for every arm but the reference.
pub(crate) fn comparisons(
    plan: &Plan<'_>,
    lake: &Lake,
    query: &Query,
    tally: &Tally,
) -> Result<Vec<Comparison>, MeasureError> {
    let mut comparisons = Vec::new();
    for quantile in &plan.quantiles {
        let look = Look {
            plan,
            lake,
            query,
            tally,
            quantile,
        };
        let arms = match &quantile.of {
            QuantileOf::Customers(place) => look.customers(*place)?,
            QuantileOf::Rows(value) => look.rows(value)?,
        };
        let others = (0..plan.experiment.arms.len()).filter(|&arm| arm != plan.reference);
        comparisons.extend(others.map(|arm| look.compare(&arms, arm)));
    }
    lake.engine().execute(
        &format!("DROP TABLE IF EXISTS {EVENTS}"),
        "cannot drop the table of rows",
    )?;
    Ok(comparisons)
}

/// All that one quantile is computed from.
struct Look<'l, 'a> {
    plan: &'l Plan<'a>,
    lake: &'l Lake,
    query: &'l Query,
    tally: &'l Tally,
    quantile: &'l Quantile<'a>,
}

/// What is known of every arm.
struct Arms {
    distributions: Vec<Distribution>,
    /// Of rows: how they cluster in customers.
    clusters: Option<Vec<ClusterIndicator>>,
    /// Customers with a value.
    n: Vec<u64>,
    not_matured: Vec<u64>,
    /// Until when the data reach, where the window has an end.
    until: Option<i64>,
    /// Customers, or rows, whose value is no finite number.
    not_finite: Vec<u64>,
    /// Of customers the moments of being at or below their arm's quantile, of rows of the number of such rows and of all;
    /// then the covariates and where they are missing.
    moments: Option<Vec<Moments>>,
}

impl Look<'_, '_> {
    /// Of customers' values.
    fn customers(&self, place: usize) -> Result<Arms, MeasureError> {
        let number = columns::number(self.query, place);
        let counts = format!(
            "status = 0 AND v{place} IS NOT NULL AND {}",
            self.query.is_mature(self.plan, place)
        );
        let customers = &self.query.customers;
        let rows = self.of_arms(
            1,
            format!("SELECT arm, {number} FROM {customers} WHERE {counts}"),
        );
        let histograms = rows.histograms()?;
        let designs = vec![1.0; self.arms()];
        let distributions = self.distributions(&rows, histograms, &designs)?;
        let bits = 1 << place;
        let moments = self.moments(&distributions, |at_or_below| {
            let indicator = at_or_below(&number);
            (
                vec![format!("CAST({indicator} AS DOUBLE)")],
                format!("{customers} WHERE {counts}"),
            )
        })?;
        let of_arm = |count: &dyn Fn(usize) -> u64| (0..self.arms()).map(count).collect();
        Ok(Arms {
            n: distributions.iter().map(Distribution::count).collect(),
            distributions,
            clusters: None,
            not_matured: of_arm(&|arm| self.tally.not_matured(arm, bits)),
            until: self.query.end_of(bits),
            not_finite: of_arm(&|arm| self.tally.not_finite(arm, bits)),
            moments,
        })
    }

    /// Of a fact's rows.
    fn rows(&self, value: &Value<'_>) -> Result<Arms, MeasureError> {
        let horizon = match self.query.has_exposure {
            true => maturity::horizon_of_rows(self.plan, self.lake, value)?,
            false => None,
        };
        let is_open = horizon
            .as_ref()
            .map_or("false", |horizon| horizon.is_open.as_str());
        let leaves_out = self.plan.leaves_immature_out();
        let mature = if leaves_out {
            format!("NOT ({is_open})")
        } else {
            "true".to_owned()
        };
        self.keep_events(value, &mature)?;
        let rows = self.of_arms(1, format!("SELECT arm, value FROM {EVENTS}"));
        let histograms = rows.histograms()?;
        let near: Vec<f64> = histograms[0]
            .iter()
            .map(|histogram| value_at(&histogram.distribution(), self.quantile.level))
            .collect();
        let clusters = self.clusters(&near)?;
        let designs: Vec<f64> = clusters
            .iter()
            .map(|clusters| clusters.design_effect(Arm::Treated).unwrap_or(1.0))
            .collect();
        let distributions = self.distributions(&rows, histograms, &designs)?;
        let customers = &self.query.customers;
        let moments = self.moments(&distributions, |at_or_below| {
            let below = at_or_below("value");
            (
                vec![
                    "CAST(coalesce(below, 0) AS DOUBLE)".to_owned(),
                    "CAST(coalesce(events, 0) AS DOUBLE)".to_owned(),
                ],
                format!(
                    "(SELECT c.*, e.below, e.events FROM {customers} c LEFT JOIN (SELECT customer, \
                     count(*) FILTER (WHERE {below}) AS below, count(*) AS events FROM {EVENTS} GROUP BY customer) e \
                     ON c.customer = e.customer) WHERE status = 0 AND {mature}"
                ),
            )
        })?;
        Ok(Arms {
            distributions,
            n: clusters.iter().map(ClusterIndicator::customers).collect(),
            clusters: Some(clusters),
            not_matured: self.count_by_arm(&format!(
                "SELECT arm, count(*) FROM {customers} WHERE status = 0 AND {is_open} GROUP BY arm"
            ))?,
            until: horizon.map(|horizon| horizon.end),
            not_finite: self.count_by_arm(&format!(
                "SELECT arm, count(*) FROM {EVENTS} WHERE NOT isfinite(value) GROUP BY arm"
            ))?,
            moments,
        })
    }

    /// Keeps the rows that count with their customers.
    fn keep_events(&self, value: &Value<'_>, mature: &str) -> Result<(), MeasureError> {
        let fact = value.fact;
        let rows = fact_rows(fact);
        let place = format!("metric `{}`, value", self.quantile.metric.name);
        let text = self.quantile.metric.value.as_deref().unwrap_or_default();
        let expression = number_of(self.lake, &rows, &fact.name, text, &place)?;
        let known = self.lake.columns(&rows)?;
        let mut inner = vec![
            format!("{} AS customer", sql::identifier(&fact.customer)),
            format!("CAST({expression} AS DOUBLE) AS value"),
        ];
        let mut within = String::new();
        if let Some(time) = fact.time.as_deref().filter(|_| self.query.has_exposure) {
            let clock = Clock::of(&known, time);
            inner.push(format!("{} AS moment", clock.time(time)));
            within = bounds(std::iter::once(value), &clock.exposure("started"));
        }
        let filters = fact.filter.iter().map(|filter| sql::condition(filter));
        let filters: Vec<String> = filters.chain(value.filter()).collect();
        let filter = if filters.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", filters.join(" AND "))
        };
        let same = same_customer(
            (
                "f.customer",
                type_of(&known, &fact.customer).unwrap_or_default(),
            ),
            ("c.customer", &self.query.customer_type),
            format!("fact `{}`, `{}`", fact.name, fact.customer),
        )?;
        let statement = format!(
            "CREATE OR REPLACE TEMP TABLE {EVENTS} AS SELECT c.arm, c.customer, f.value FROM {} c \
             JOIN (SELECT {} FROM {rows}{filter}) f ON {same}{within} \
             WHERE status = 0 AND f.value IS NOT NULL AND {mature}",
            self.query.customers,
            inner.join(", "),
        );
        Ok(self.lake.engine().execute(&statement, &self.context())?)
    }

    /// How the rows at or below a threshold cluster in each arm's customers.
    fn clusters(&self, thresholds: &[f64]) -> Result<Vec<ClusterIndicator>, MeasureError> {
        let at_or_below = at_or_below("value", thresholds);
        let sql = format!(
            "SELECT arm, count(*), CAST(sum(b) AS HUGEINT), CAST(sum(e) AS HUGEINT), CAST(sum(b * b) AS HUGEINT), \
             CAST(sum(e * e) AS HUGEINT), CAST(sum(b * e) AS HUGEINT) \
             FROM (SELECT arm, customer, count(*) FILTER (WHERE {at_or_below}) AS b, count(*) AS e \
             FROM {EVENTS} GROUP BY arm, customer) GROUP BY arm"
        );
        let found = self.lake.engine().rows(&sql, &self.context(), |row| {
            let arm: u8 = row.get(0)?;
            let customers: u64 = row.get(1)?;
            let sums: [i128; 5] = [
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
            ];
            let [below, events, below_squares, events_squares, products] =
                sums.map(i128::unsigned_abs);
            let clusters = ClusterIndicator::from_sums(
                customers,
                (below, events),
                (below_squares, events_squares),
                products,
            );
            Ok((usize::from(arm), clusters))
        })?;
        let mut clusters = vec![ClusterIndicator::new(); self.arms()];
        for (arm, found) in found {
            if let Some(known) = clusters.get_mut(arm) {
                *known = found;
            }
        }
        Ok(clusters)
    }

    /// Distributions that are exact where intervals can lie.
    fn distributions(
        &self,
        rows: &Rows<'_>,
        histograms: Vec<Vec<Histogram>>,
        designs: &[f64],
    ) -> Result<Vec<Distribution>, MeasureError> {
        let level = self.quantile.level;
        let widest = designs.iter().copied().fold(1.0, f64::max) * ROOM;
        let margin = |n: u64| {
            if self.known().is_empty() {
                return 0.0;
            }
            // Adjustment moves the level by as much as chance moves the covariates' part of it.
            4.0 * (level * (1.0 - level) * widest / n.max(1) as f64).sqrt()
        };
        let alpha = self.plan.experiment.alpha;
        let ranges = |_: usize, histogram: &Histogram| {
            let ranges = histogram.buckets_near(level, alpha, widest, margin(histogram.count()));
            Ok(ranges.ok().flatten().into_iter().collect())
        };
        let mut distributions = rows.distributions(&histograms, ranges)?;
        Ok(distributions.pop().unwrap_or_default())
    }

    /// Moments for the adjustment, where there is anything to adjust for. `of` gives the outcome's columns and what they
    /// are selected from, by the condition that a number is at or below its arm's quantile.
    fn moments(
        &self,
        distributions: &[Distribution],
        of: impl Fn(&dyn Fn(&str) -> String) -> (Vec<String>, String),
    ) -> Result<Option<Vec<Moments>>, MeasureError> {
        let known = self.known();
        if known.is_empty() {
            return Ok(None);
        }
        let quantiles: Vec<f64> = distributions
            .iter()
            .map(|distribution| value_at(distribution, self.quantile.level))
            .collect();
        let (mut select, from) = of(&|number| at_or_below(number, &quantiles));
        let covariates = columns::covariates(self.plan, self.query);
        let covariates: Vec<&String> = known.iter().map(|&number| &covariates[number]).collect();
        select.extend(
            covariates
                .iter()
                .map(|column| format!("coalesce({column}, 0)")),
        );
        select.extend(
            covariates
                .iter()
                .map(|column| format!("CAST({column} IS NULL AS DOUBLE)")),
        );
        let sql = format!("SELECT arm, {} FROM {from}", select.join(", "));
        let rows = self.of_arms(select.len(), sql);
        Ok(Some(
            rows.moments(&Products::new(select.len(), |_, _| true))?,
        ))
    }

    /// The covariates that the quantile is adjusted for.
    fn known(&self) -> Vec<usize> {
        (0..self.plan.covariates.len())
            .filter(|&number| {
                self.plan.covariates[number].is_for(self.quantile.metric)
                    && self.tally.covariates_not_finite[number] == 0
            })
            .collect()
    }

    fn compare(&self, arms: &Arms, arm: usize) -> Comparison {
        let metric = self.quantile.metric;
        let reference = self.plan.reference;
        let pair = |of: &dyn Fn(usize) -> u64| Pair {
            arm: of(arm),
            against: of(reference),
        };
        let left_out = |arm: usize| match self.plan.leaves_immature_out() {
            true => arms.not_matured[arm],
            false => 0,
        };
        let not_finite = pair(&|arm| arms.not_finite[arm]);
        let effect = match refusal_of_not_finite(self.plan, &metric.name, arm, not_finite) {
            Some(refusal) => Err(refusal),
            None => self.effect(arms, arm).map_err(|error| refusal(&error)),
        };
        let adjusted = match &effect {
            Ok(plain) => self.adjusted(arms, arm, plain),
            Err(_) => None,
        };
        let level = self.quantile.level;
        let mean = arms.distributions[arm]
            .quantile(level)
            .zip(arms.distributions[reference].quantile(level))
            .map(|(arm, against)| Pair {
                arm: arm.value,
                against: against.value,
            });
        let outcome = match effect {
            Ok(lift) => outcome_of(&lift),
            Err(refusal) => refused(refusal),
        };
        Comparison {
            ratio: true,
            n: pair(&|arm| arms.n[arm]),
            missing: pair(&|arm| {
                self.tally
                    .customers(arm)
                    .saturating_sub(arms.n[arm] + left_out(arm))
            }),
            mean,
            quantile: Some(level),
            maturity: arms.until.map(|until| Maturity {
                until,
                not_matured: pair(&|arm| arms.not_matured[arm]),
                counted: !self.plan.leaves_immature_out(),
            }),
            ..Comparison::new(self.plan, metric, arm, outcome, adjusted)
        }
    }

    fn effect(&self, arms: &Arms, arm: usize) -> Result<QuantileLift, QuantileError> {
        let (level, alpha) = (self.quantile.level, self.plan.experiment.alpha);
        let reference = self.plan.reference;
        let (treated, control) = (&arms.distributions[arm], &arms.distributions[reference]);
        match &arms.clusters {
            None => lift_of_quantiles(treated, control, level, alpha),
            Some(clusters) => lift_of_clustered_quantiles(
                (treated, &clusters[arm]),
                (control, &clusters[reference]),
                level,
                alpha,
            ),
        }
    }

    fn adjusted(&self, arms: &Arms, arm: usize, plain: &QuantileLift) -> Option<Adjusted> {
        let (level, alpha) = (self.quantile.level, self.plan.experiment.alpha);
        let reference = self.plan.reference;
        let moments = arms.moments.as_ref()?;
        let (treated, control) = (&moments[arm], &moments[reference]);
        let known = self.known();
        let first = if arms.clusters.is_some() { 2 } else { 1 };
        let mut columns: Vec<usize> = (first..first + known.len()).collect();
        let missing = (first + known.len()..first + 2 * known.len())
            .filter(|&column| treated.sum(column) + control.sum(column) > 0.0);
        columns.extend(missing);
        let (of_t, of_c) = (&arms.distributions[arm], &arms.distributions[reference]);
        let (lift, shares): (QuantileLift, AdjustedLift) = match &arms.clusters {
            None => {
                let of = |moments| arm_moments(moments, 0, &columns);
                let (treated, control) = (of(treated)?, of(control)?);
                let indicator = Indicator::Customers {
                    treated: &treated,
                    control: &control,
                };
                (
                    adjusted_lift_of_quantiles(of_t, of_c, indicator, level, alpha).ok()?,
                    stats::adjusted_lift(&treated, &control, alpha).ok()?,
                )
            }
            Some(_) => {
                let of = |moments| ratio_moments(moments, 0, 1, &columns);
                let (treated, control) = (of(treated)?, of(control)?);
                let indicator = Indicator::Events {
                    treated: &treated,
                    control: &control,
                };
                (
                    adjusted_lift_of_quantiles(of_t, of_c, indicator, level, alpha).ok()?,
                    stats::adjusted_ratio_lift(&treated, &control, alpha).ok()?,
                )
            }
        };
        if shares.kept.is_empty() {
            return None;
        }
        let saved = 1.0 - (lift.lift.absolute.se / plain.lift.absolute.se).powi(2);
        Some(Adjusted {
            outcome: outcome_of(&lift),
            mean: Pair {
                arm: lift.quantiles.treated,
                against: lift.quantiles.control,
            },
            r2: shares.r2,
            // Without any spread around the quantile there is nothing to save.
            variance_reduction: if saved.is_finite() { saved } else { 0.0 },
            health: None,
            covariates: covariates_of(self.plan, &known, &shares),
        })
    }

    fn of_arms(&self, columns: usize, sql: String) -> Rows<'_> {
        Rows {
            lake: self.lake,
            sql,
            groups: self.arms(),
            columns,
            experiment: &self.plan.experiment.name,
        }
    }

    fn count_by_arm(&self, sql: &str) -> Result<Vec<u64>, MeasureError> {
        let found: Vec<(u8, u64)> = self
            .lake
            .engine()
            .rows(sql, &self.context(), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut counts = vec![0; self.arms()];
        for (arm, count) in found {
            if let Some(known) = counts.get_mut(usize::from(arm)) {
                *known = count;
            }
        }
        Ok(counts)
    }

    fn arms(&self) -> usize {
        self.plan.experiment.arms.len()
    }

    fn context(&self) -> String {
        format!("cannot measure metric `{}`", self.quantile.metric.name)
    }
}

fn outcome_of(lift: &QuantileLift) -> Outcome {
    Outcome {
        contrast: Some(lift.quantiles),
        ..outcome(&lift.lift, Some(lift.quantiles.control_variance.sqrt()))
    }
}

/// The quantile of a distribution, NaN of none.
fn value_at(distribution: &Distribution, level: f64) -> f64 {
    distribution
        .quantile(level)
        .map_or(f64::NAN, |quantile| quantile.value)
}

/// Whether a number is at or below the threshold of its arm, as SQL.
fn at_or_below(number: &str, thresholds: &[f64]) -> String {
    let arms = thresholds.iter().enumerate();
    let cases: String = arms
        .filter(|(_, threshold)| threshold.is_finite())
        .map(|(arm, threshold)| format!(" WHEN {arm} THEN {number} <= {threshold:e}"))
        .collect();
    if cases.is_empty() {
        return "false".to_owned();
    }
    format!("CASE arm{cases} ELSE false END")
}

fn refusal(error: &QuantileError) -> Refusal {
    let reason = match error {
        QuantileError::NotFinite { .. } => Reason::UnfitData,
        _ => Reason::TooLittleData,
    };
    Refusal::new(reason, error.to_string())
}
