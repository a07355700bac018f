//! A forecast of what is known by now: models see customers until a day, and their forecast is held against what these
//! customers bought after it.

use clv::backtest::{Outcome, Score, score};
use clv::baselines::rate_per_customer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::base::Base;
use super::fit::{Fitted, name};
use super::purchases::day;
use super::value::in_units;
use catalog::LifetimeModel;

/// A forecast of what is known by now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackTest {
    /// The last day that models saw.
    pub seen_until: String,
    /// The last day that was forecast.
    pub forecast_until: String,
    /// Days between them.
    pub days: u32,
    /// Customers who had bought by the first of these days.
    pub customers: u64,
    /// Purchases that they made afterwards.
    pub actual: u64,
    /// Models, then simple rules.
    pub forecasts: Vec<Forecast>,
}

/// How far off a forecast was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Forecast {
    /// The model, or the rule: `rate-per-customer`, `same-rate`.
    pub by: String,
    /// Purchases forecast.
    pub forecast: f64,
    /// By how much that is more than what happened; none where nothing happened.
    pub relative_error: Option<f64>,
    /// Mean absolute error of a customer.
    pub mean_absolute_error: f64,
    /// How well customers are ranked: 1 at best, 0 by chance.
    pub normalized_gini: Option<f64>,
}

/// Days of one purchase that the rate of a customer is spread over at least.
const LEAST_DAYS: f64 = 1.0;

/// Holds the forecasts of fitted models and of simple rules against what happened until a day.
pub(super) fn back_test(
    base: &Base,
    fits: &[(LifetimeModel, &Fitted)],
    until: i64,
) -> Option<BackTest> {
    let days = until - base.end;
    let customers = base.customers();
    if days <= 0 || customers == 0 {
        return None;
    }
    let horizon = days as f64;
    let outcomes = |by: &dyn Fn(&super::base::Kept) -> f64| -> Vec<Outcome> {
        base.histories()
            .flat_map(|rows| {
                let forecast = by(&rows[0]);
                rows.iter().map(move |row| Outcome {
                    forecast,
                    actual: f64::from(row.later),
                    customers: f64::from(row.customers),
                })
            })
            .collect()
    };
    let mut forecasts = Vec::new();
    let mut add = |by: &str, outcomes: &[Outcome]| {
        if let Ok(score) = score(outcomes) {
            forecasts.push(forecast(by, &score));
        }
    };
    for (model, fitted) in fits {
        let expected =
            |row: &super::base::Kept| fitted.expected(&row.customer(), in_units(horizon));
        add(name(*model), &outcomes(&expected));
    }
    let rate = |row: &super::base::Kept| {
        rate_per_customer(
            f64::from(row.frequency),
            f64::from(row.age),
            horizon,
            LEAST_DAYS,
        )
    };
    add("rate-per-customer", &outcomes(&rate));
    let sum = |of: fn(&super::base::Kept) -> u32| -> f64 {
        let rows = base.kept.iter();
        rows.map(|row| f64::from(row.customers) * f64::from(of(row)))
            .sum()
    };
    let observed = sum(|row| row.age);
    if observed > 0.0 {
        let all = sum(|row| row.frequency) / observed * horizon;
        add("same-rate", &outcomes(&|_| all));
    }
    Some(BackTest {
        seen_until: day(base.end).to_string(),
        forecast_until: day(until).to_string(),
        days: days as u32,
        customers,
        actual: sum(|row| row.later) as u64,
        forecasts,
    })
}

fn forecast(by: &str, score: &Score) -> Forecast {
    Forecast {
        by: by.to_owned(),
        forecast: score.forecast,
        relative_error: score.relative_error(),
        mean_absolute_error: score.mean_absolute_error,
        normalized_gini: score.normalized_gini,
    }
}
