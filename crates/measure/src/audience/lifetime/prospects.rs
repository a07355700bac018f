//! What each customer is predicted to bring, for measurements that share it out.
//!
//! It is the future value of the lifetime's finding, customer by customer: the margin on the purchases that the likeliest
//! model expects from the last day on, within the horizon and discounted. Customers with the same history and the same
//! spend have one number, so that rows of other tables can carry it through a query. Standard errors are those of
//! the delta method alone: where no attrition is visible, they take it that there is none.

use catalog::{Catalog, Lifetime};
use clv::discount::Discount;
use lake::Lake;

use super::base::{Base, DAYS_PER_UNIT, Kept};
use super::covariates::Covariates;
use super::fit::{Fitted, STEP};
use super::histories::at_end;
use super::measured::kinds;
use super::purchases::Purchases;
use super::spend::{Spend, spend_table};
use super::value::{Expected, Terms, in_units};
use super::{ALPHA, cohorts, days, purchases, refusal_of};
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// Columns `customer` and `number`, see [`Prospects::values`].
const NUMBERED: &str = "_ts_lifetime_numbered";

/// What customers are predicted to bring.
pub(crate) struct Prospects {
    /// The model of purchase timing.
    pub(crate) model: &'static str,
    /// The table of customers with their numbers; [`finish`] drops it.
    pub(crate) table: &'static str,
    /// The type of its customers.
    pub(crate) customer_type: String,
    /// Customers of whom a value is predicted, and what they are predicted to bring together.
    pub(crate) customers: u64,
    pub(crate) total: f64,
    /// What a customer of each number is predicted to bring, in the project's currency.
    pub(crate) values: Vec<f64>,
    /// The same with the logarithm of one parameter moved up and down by a small step, for each parameter that was
    /// estimated.
    moved: Vec<[Vec<f64>; 2]>,
    /// Covariance of these logarithms, row-major.
    covariance: Vec<f64>,
}

/// Fits the models of a lifetime and numbers its customers.
///
/// # Errors
///
/// [`MeasureError`] where the lake or the catalog do not allow the measurement at all; what the models cannot say is the
/// refusal inside.
pub(crate) fn prospects(
    catalog: &Catalog,
    lake: &mut Lake,
    lifetime: &Lifetime,
) -> Result<Result<Prospects, Refusal>, MeasureError> {
    let project = catalog.project();
    let Some(margin) = lifetime.margin.or(project.margin) else {
        let message = format!(
            "no margin is known: give `margin` in the lifetime `{}` or in the project's settings",
            lifetime.name
        );
        return Ok(Err(Refusal::new(Reason::UnfitData, message)));
    };
    if lifetime.contracts.is_some() {
        let message = format!(
            "`{}` is a lifetime of contracts, and this needs one of purchases",
            lifetime.name
        );
        return Ok(Err(Refusal::new(Reason::UnfitData, message)));
    }
    let purchases = purchases::read(catalog, lake, lifetime)?;
    lake.check_unchanged()?;
    let place = format!("lifetime `{}`", lifetime.name);
    let cohorts = cohorts::sizes(lake, &format!("cannot measure {place}"), false)?;
    let sizes = cohorts::sizes_of_cells(&cohorts, purchases.cells.len());
    let covariates = Covariates::new(&purchases, &sizes, &place)?;
    let base = Base::read(lake, &lifetime.name, &purchases, &covariates)?;
    let discount =
        Discount::annual(project.discount_rate).map_err(|error| MeasureError::Unusable {
            place,
            message: error.to_string(),
        })?;
    let terms = Terms {
        margin,
        discount: discount.continuous(DAYS_PER_UNIT),
        horizon: in_units(days(lifetime.horizon)),
        alpha: ALPHA,
    };
    let model = match Model::new(lifetime, &base, &terms) {
        Ok(model) => model,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let numbered = numbered(lake, lifetime, &purchases)?;
    let predicted = model.prospects(&base, &terms, &numbered, purchases.customer_type);
    Ok(predicted.map_err(|error| Refusal::new(Reason::UnfitData, error.to_string())))
}

/// Lets go of the tables.
pub(crate) fn finish(lake: &Lake) -> Result<(), MeasureError> {
    let drop = format!("DROP TABLE IF EXISTS {NUMBERED}");
    lake.engine()
        .execute(&drop, "cannot drop the table of customers")?;
    purchases::finish(lake)
}

/// Numbers the customers by history and spend; returns what each number stands for.
fn numbered(
    lake: &Lake,
    lifetime: &Lifetime,
    purchases: &Purchases,
) -> Result<Vec<Kept>, MeasureError> {
    let context = format!("cannot measure lifetime `{}`", lifetime.name);
    let statement = format!(
        "CREATE OR REPLACE TEMP TABLE {NUMBERED} AS SELECT customer, x, age, recency, cell, spend, \
         dense_rank() OVER (ORDER BY x, age, recency, cell, spend) - 1 AS number FROM ({})",
        at_end(purchases)
    );
    lake.engine().execute(&statement, &context)?;
    let query = format!(
        "SELECT x, age, recency, cell, spend, count(*) FROM {NUMBERED} GROUP BY ALL ORDER BY any_value(number)"
    );
    let rows = lake.engine().rows(&query, &context, |row| {
        Ok(Kept {
            frequency: row.get::<_, i64>(0)? as u32,
            age: row.get::<_, i64>(1)? as u32,
            recency: row.get::<_, i64>(2)? as u32,
            cell: row.get::<_, i64>(3)? as u32,
            spend: row.get(4)?,
            later: 0,
            customers: row.get::<_, i64>(5)? as u32,
        })
    })?;
    Ok(rows)
}

/// The likeliest model of timing with that of spend.
struct Model {
    name: &'static str,
    fitted: Fitted,
    expected: Expected,
    spend: Spend,
}

impl Model {
    fn new(lifetime: &Lifetime, base: &Base, terms: &Terms) -> Result<Self, Refusal> {
        let histories = base.all().map_err(|error| refusal_of(&error))?;
        let mut refused = None;
        let mut fitted: Option<(&'static str, Fitted)> = None;
        for kind in kinds(lifetime) {
            match kind.fit(&histories.table) {
                Ok(fit) => {
                    let best = fitted.as_ref().map(|(_, best)| best.log_likelihood());
                    if best.is_none_or(|best| fit.log_likelihood() >= best) {
                        fitted = Some((kind.name(), fit));
                    }
                }
                Err(error) => refused = refused.or_else(|| Some(refusal_of(&error))),
            }
        }
        let no_model = || Refusal::new(Reason::TooLittleData, "no model of purchases fits");
        let (name, fit) = fitted.ok_or_else(|| refused.unwrap_or_else(no_model))?;
        let spend = spend_table(base)
            .and_then(|table| Spend::new(&table))
            .map_err(|error| refusal_of(&error))?;
        Ok(Self {
            name,
            expected: Expected::new(&histories, &fit, terms),
            fitted: fit,
            spend,
        })
    }

    fn prospects(
        &self,
        base: &Base,
        terms: &Terms,
        numbered: &[Kept],
        customer_type: String,
    ) -> Result<Prospects, clv::InfiniteMeanSpend> {
        let places: Vec<usize> = numbered.iter().map(|row| base.place(row)).collect();
        let values = |spend: &Spend, purchases: &dyn Fn(usize) -> f64| {
            let each = numbered.iter().enumerate().map(|(number, row)| {
                let (times, covariates) = (f64::from(row.frequency), base.covariates(row));
                let mean = spend.conditional(times, row.spend, covariates)?;
                Ok(terms.margin * mean * purchases(number))
            });
            each.collect::<Result<Vec<f64>, clv::InfiniteMeanSpend>>()
        };
        let expected = |number: usize| self.expected.discounted[places[number]];
        let own = values(&self.spend, &expected)?;
        let timing = self.fitted.covariance();
        let size = timing.len().isqrt();
        let mut moved = Vec::new();
        for parameter in 0..size {
            let slope = |number: usize| {
                let mut slopes = vec![0.0; size];
                let own = self.expected.slopes[places[number]];
                let covariates = base.covariates(&numbered[number]);
                self.fitted.add_slopes(&mut slopes, own, covariates);
                STEP * slopes[parameter]
            };
            moved.push([
                values(&self.spend, &|number| expected(number) + slope(number))?,
                values(&self.spend, &|number| expected(number) - slope(number))?,
            ]);
        }
        let mut blocks = vec![(size, timing.as_slice())];
        if let Some((spends, covariance)) = self.spend.moved() {
            blocks.push((spends.len(), covariance));
            for [up, down] in &spends {
                moved.push([values(up, &expected)?, values(down, &expected)?]);
            }
        }
        let all = numbered.iter().zip(&own);
        Ok(Prospects {
            model: self.name,
            table: NUMBERED,
            customer_type,
            customers: numbered.iter().map(|row| u64::from(row.customers)).sum(),
            total: all
                .map(|(row, value)| f64::from(row.customers) * value)
                .sum(),
            values: own,
            moved,
            covariance: block_diagonal(&blocks),
        })
    }
}

impl Prospects {
    /// The standard error that the models' parameters leave in numbers that are made of customers' values, by the delta
    /// method.
    pub(crate) fn errors<E>(
        &self,
        numbers: impl Fn(&[f64]) -> Result<Vec<f64>, E>,
    ) -> Result<Vec<f64>, E> {
        let mut slopes: Vec<Vec<f64>> = Vec::new();
        for [up, down] in &self.moved {
            let (up, down) = (numbers(up)?, numbers(down)?);
            let between = up.iter().zip(&down);
            slopes.push(
                between
                    .map(|(up, down)| (up - down) / (2.0 * STEP))
                    .collect(),
            );
        }
        let count = slopes.first().map_or(0, Vec::len);
        Ok((0..count)
            .map(|number| {
                let of_number: Vec<f64> = slopes.iter().map(|slopes| slopes[number]).collect();
                clv::quadratic(&self.covariance, &of_number).max(0.0).sqrt()
            })
            .collect())
    }
}

/// Independent blocks of a covariance, row-major, as one.
fn block_diagonal(blocks: &[(usize, &[f64])]) -> Vec<f64> {
    let size: usize = blocks.iter().map(|(size, _)| size).sum();
    let mut whole = vec![0.0; size * size];
    let mut first = 0;
    for (width, block) in blocks {
        for (row, values) in block.chunks(*width).enumerate() {
            let start = (first + row) * size + first;
            whole[start..start + width].copy_from_slice(values);
        }
        first += width;
    }
    whole
}
