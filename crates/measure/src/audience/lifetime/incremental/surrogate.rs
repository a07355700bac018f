//! The surrogate index as a second opinion: customers who bought for the first time long before the experiment show how
//! early purchases go on, and the experiment shows what the treatment did to early purchases.
//!
//! Those customers were not treated, so that what is estimated is the value of what the treatment has done while it was
//! seen: the value if it stops.

use clv::discount::Discount;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::moments::{Moments, Products};
use stats::surrogate::{SurrogateIndex, standardized_difference};

use super::Context;
use super::customers::{ARMS, Customers};
use super::months::{Months, features, month_since};
use crate::audience::Estimate;
use crate::audience::by_day;
use crate::audience::finding::Pair;
use crate::audience::lifetime::cohorts::DAYS_PER_MONTH;
use crate::audience::lifetime::purchases::{CUSTOMERS, PURCHASES};
use crate::audience::query::exact_sum;
use crate::audience::query::types::same_customer;
use crate::audience::spread::Rows;
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// Earlier customers that an index needs.
const FEWEST: u64 = 200;
/// Standard deviations beyond which earlier customers are others than those of the experiment.
const FAR_APART: f64 = 0.25;

/// A second opinion on the value if the treatment stops, without a model of customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SurrogateFinding {
    /// Full months since the first purchase whose outcomes predict.
    pub early_months: u32,
    /// Full months since the first purchase over which value is predicted: as many as a quarter of earlier customers have
    /// been seen for, at most the horizon.
    pub months: u32,
    /// Earlier customers, of whom the prediction was learned.
    pub earlier: u64,
    /// The experiment's customers who had not bought before, and who have been seen for the early months.
    pub customers: Pair<u64>,
    /// Share of the variance of earlier customers' value that early outcomes explain.
    pub r2: Option<f64>,
    /// Effect on value per customer in these months, discounted to the first purchase.
    pub effect: Option<Estimate>,
    /// Value in the same months by Pareto/NBD.
    pub modelled: Option<Modelled>,
    /// Whether the interval of the effect reaches into what lies between the two modelled values. A customer who buys more
    /// because of the treatment is taken for one who always does: where the treatment changes how often customers buy, the
    /// effect is above the value if the treatment stops, and may come near that if it stays on.
    pub agrees: Option<bool>,
    /// Whether earlier customers are like those of the experiment's reference arm.
    pub comparability: Vec<Comparability>,
    /// What the later half of earlier customers brought beyond what an index of the earlier half predicts.
    pub drift: Option<Drift>,
    pub refusal: Option<Refusal>,
}

/// What a model says of the same months, per customer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Modelled {
    /// If the treatment ends with the experiment.
    pub stops: Estimate,
    /// If it stays on.
    pub stays_on: Estimate,
}

/// An early outcome of earlier customers and of the reference arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparability {
    /// `value`, `purchases`, or `bought_late`: whether they bought in the last third of the early months.
    pub outcome: String,
    pub earlier: f64,
    pub reference: f64,
    /// Reference less earlier, in standard deviations.
    pub apart: Option<f64>,
}

/// How a prediction has held.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Drift {
    /// What the later half brought per customer.
    pub actual: f64,
    /// That less what was predicted.
    pub error: Estimate,
}

impl SurrogateFinding {
    /// The days over which value is predicted.
    pub(super) fn days(&self) -> f64 {
        f64::from(self.months) * DAYS_PER_MONTH
    }

    /// Sets the values of a model beside the effect.
    pub(super) fn compare(&mut self, modelled: Modelled) {
        self.modelled = Some(modelled);
        let (stops, stays_on) = (modelled.stops.estimate, modelled.stays_on.estimate);
        self.agrees = self
            .effect
            .map(|effect| effect.low <= stops.max(stays_on) && effect.high >= stops.min(stays_on));
    }
}

/// Asks for the second opinion.
pub(super) fn surrogate(
    customers: &Customers<'_>,
    months: &Months,
    context: &Context<'_>,
    customer_type: &str,
) -> Result<SurrogateFinding, MeasureError> {
    let Pair { arm, against } = &months.new;
    let mut finding = SurrogateFinding {
        early_months: months.count as u32,
        months: 0,
        earlier: 0,
        customers: Pair {
            arm: arm.rows(),
            against: against.rows(),
        },
        r2: None,
        effect: None,
        modelled: None,
        agrees: None,
        comparability: Vec::new(),
        drift: None,
        refusal: None,
    };
    let refuse = |mut finding: SurrogateFinding, message: String| {
        finding.refusal = Some(Refusal::new(Reason::TooLittleData, message));
        Ok(finding)
    };
    if months.count == 0 || arm.rows() < 2 || against.rows() < 2 {
        let message = "no second opinion: nobody of an arm bought for the first time in the experiment and has been seen for a \
                       full month since; what earlier customers did from their first purchase on says nothing of others";
        return refuse(finding, message.to_owned());
    }
    let earlier = Earlier {
        customers,
        other: same_customer(
            ("c.customer", &context.purchases.customer_type),
            ("a.customer", customer_type),
            format!("experiment `{}`", customers.experiment),
        )?,
        early: months.count,
    };
    let longest = (context.horizon_days / DAYS_PER_MONTH) as usize;
    let Some((seen, split)) = earlier.seen(longest)? else {
        let message = format!(
            "no second opinion: there are no {FEWEST} customers outside the experiment who have been seen for more than {} \
             months since their first purchase",
            months.count
        );
        return refuse(finding, message);
    };
    finding.months = seen as u32;
    let inner = earlier.outcomes(seen, split, context.discount);
    let halves = earlier.moments(&inner, None)?;
    let mut all = halves[0].clone();
    all.merge(&halves[1])
        .map_err(|error| MeasureError::summary(customers.experiment, &[], &error))?;
    finding.earlier = all.rows();
    let unit = context.margin;
    let found = (|| {
        let index = SurrogateIndex::fit(&all)?;
        finding.comparability = comparability(&all, against, months.count, unit)?;
        finding.drift = match SurrogateIndex::fit(&halves[0]) {
            Ok(index) => Some(Drift {
                actual: unit * halves[1].mean(months.count + 2),
                error: by_day::estimate(&index.drift(&halves[1], context.alpha)?, unit),
            }),
            Err(_) => None,
        };
        Ok::<_, stats::Unestimable>(index)
    })();
    let index = match found {
        Ok(index) => index,
        Err(error) => return refuse(finding, format!("no second opinion: {error}")),
    };
    finding.r2 = Some(index.r2);
    let far = finding
        .comparability
        .iter()
        .find(|outcome| outcome.apart.is_some_and(|apart| apart.abs() > FAR_APART));
    if let Some(Comparability { outcome, apart, .. }) = far {
        let message = format!(
            "no second opinion: customers of the experiment are others than earlier ones: `{outcome}` is {:.2} standard \
             deviations apart",
            apart.unwrap_or_default()
        );
        finding.refusal = Some(Refusal::new(Reason::UnfitData, message));
        return Ok(finding);
    }
    let scores = earlier.moments(&inner, Some(&index))?;
    let mut score = scores[0].clone();
    score
        .merge(&scores[1])
        .map_err(|error| MeasureError::summary(customers.experiment, &[], &error))?;
    match index.effect(arm, against, &score, context.alpha) {
        Ok(effect) => finding.effect = Some(by_day::estimate(&effect, unit)),
        Err(error) => return refuse(finding, format!("no second opinion: {error}")),
    }
    Ok(finding)
}

/// Early outcomes of earlier customers beside those of the reference arm.
fn comparability(
    earlier: &Moments,
    reference: &Moments,
    months: usize,
    unit: f64,
) -> Result<Vec<Comparability>, stats::Unestimable> {
    let weights = |of: &dyn Fn(usize) -> bool| -> Vec<f64> {
        (0..months + 2)
            .map(|i| f64::from(u8::from(of(i))))
            .collect()
    };
    let outcomes = [
        ("value", weights(&|i| i < months), unit),
        ("purchases", weights(&|i| i == months), 1.0),
        ("bought_late", weights(&|i| i == months + 1), 1.0),
    ];
    outcomes
        .into_iter()
        .map(|(outcome, weights, unit)| {
            let mean = |moments: &Moments| {
                let terms = weights.iter().enumerate();
                unit * terms
                    .map(|(i, weight)| weight * moments.mean(i))
                    .sum::<f64>()
            };
            Ok(Comparability {
                outcome: outcome.to_owned(),
                earlier: mean(earlier),
                reference: mean(reference),
                apart: standardized_difference(reference, earlier, &weights)?,
            })
        })
        .collect()
}

/// Customers outside the experiment.
struct Earlier<'a> {
    customers: &'a Customers<'a>,
    /// The condition that a customer `c` is the customer `a` of the experiment.
    other: String,
    early: usize,
}

impl Earlier<'_> {
    /// Those who have been seen for a number of full months.
    fn table(&self, months: usize) -> String {
        format!(
            "SELECT c.customer, c.first FROM {CUSTOMERS} AS c WHERE {} - c.first + 1 >= {} \
             AND NOT EXISTS (SELECT 1 FROM {ARMS} AS a WHERE {})",
            self.customers.end,
            months as f64 * DAYS_PER_MONTH,
            self.other
        )
    }

    /// Months that a quarter of those who have been seen for longer than the early months have been seen for, and the day
    /// of the middle one's first purchase; none where they are too few.
    fn seen(&self, longest: usize) -> Result<Option<(usize, i64)>, MeasureError> {
        let query = |months: usize, what: &str| {
            let table = self.table(months);
            format!("SELECT count(*), CAST({what} AS BIGINT) FROM ({table})")
        };
        let end = self.customers.end;
        let ask = |months: usize, what: &str| -> Result<(i64, Option<i64>), MeasureError> {
            let lake = self.customers.lake.engine();
            let rows = lake.rows(&query(months, what), &self.customers.context(), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            Ok(rows.into_iter().next().unwrap_or_default())
        };
        let age = format!("floor(quantile_disc({end} - first + 1, 0.75) / {DAYS_PER_MONTH})");
        let (_, months) = ask(self.early + 1, &age)?;
        let Some(months) = months.map(|months| (months as usize).min(longest)) else {
            return Ok(None);
        };
        let (number, middle) = ask(months, "quantile_disc(first, 0.5)")?;
        let enough = number as u64 >= FEWEST && months > self.early;
        Ok(middle.filter(|_| enough).map(|middle| (months, middle)))
    }

    /// A row a customer: the half `g`, early outcomes `x0`, `x1`, ... and the long outcome `y`.
    fn outcomes(&self, months: usize, split: i64, discount: Discount) -> String {
        let Customers { worth, end, .. } = self.customers;
        let columns = features(worth, self.early);
        let columns = columns.iter().enumerate();
        let named: String = columns
            .map(|(i, column)| format!("{column} AS x{i}, "))
            .collect();
        let rate = discount.continuous(1.0);
        let discounted = format!("({worth} * exp(-{rate:?}::DOUBLE * since))");
        let filter = format!(" FILTER (WHERE month < {months})");
        let outcome = exact_sum(&discounted, &filter);
        format!(
            "SELECT CAST(any_value(first > {split}) AS UTINYINT) AS g, {named} coalesce({outcome}, 0) AS y \
             FROM (SELECT a.customer, a.first, p.amount, p.day - a.first AS since, {} AS month FROM ({}) AS a \
             LEFT JOIN {PURCHASES} AS p ON p.customer = a.customer AND p.day > a.first AND p.day <= {end}) AS p \
             GROUP BY p.customer",
            month_since("a.first"),
            self.table(months),
        )
    }

    /// By half: the moments of all outcomes, or of the scores of an index.
    fn moments(
        &self,
        inner: &str,
        index: Option<&SurrogateIndex>,
    ) -> Result<Vec<Moments>, MeasureError> {
        let surrogates = self.early + 2;
        let number = |value: f64| format!("({value:?}::DOUBLE)");
        let (columns, from): (Vec<String>, String) = match index {
            None => {
                let columns = (0..surrogates).map(|i| format!("x{i}"));
                (
                    columns.chain(["y".to_owned()]).collect(),
                    format!("({inner})"),
                )
            }
            Some(index) => {
                let terms = index.slopes.iter().enumerate();
                let line: String = terms
                    .map(|(i, slope)| format!(" - {} * x{i}", number(*slope)))
                    .collect();
                let residual = format!("y - {}{line}", number(index.intercept));
                let columns = index.means.iter().enumerate();
                let columns = columns.map(|(i, mean)| format!("(x{i} - {}) * e", number(*mean)));
                (
                    columns.collect(),
                    format!("(SELECT *, {residual} AS e FROM ({inner}))"),
                )
            }
        };
        let rows = Rows {
            lake: self.customers.lake,
            sql: format!("SELECT g, {} FROM {from}", columns.join(", ")),
            groups: 2,
            columns: columns.len(),
            experiment: self.customers.experiment,
        };
        rows.moments(&Products::new(columns.len(), |_, _| true))
    }
}
