//! A forecast of what is known by now: models see customers until a day, and their forecast is held against what these
//! customers bought after it.

use clv::backtest::{Outcome, score};
use clv::baselines::rate_per_customer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::base::{Base, Histories, Kept};
use super::fit::{Fitted, Kind};
use super::purchases::day;
use super::value::{self, in_units};

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

/// What happened to customers of whom the same was forecast.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Purchases after the last day that models saw.
    pub(super) later: u32,
    pub(super) customers: u32,
}

/// A back-test that is being made.
pub(super) struct Test {
    seen: Vec<Seen>,
    finding: BackTest,
}

impl Test {
    /// Between the last day that models saw and the last that is known; none where nothing lies between, or nobody is
    /// there.
    pub(super) fn new((end, until): (i64, i64), seen: Vec<Seen>) -> Option<Self> {
        let sum = |of: fn(&Seen) -> u64| seen.iter().map(of).sum::<u64>();
        let customers = sum(|seen| u64::from(seen.customers));
        let actual = sum(|seen| u64::from(seen.customers) * u64::from(seen.later));
        if until <= end || customers == 0 {
            return None;
        }
        let finding = BackTest {
            seen_until: day(end).to_string(),
            forecast_until: day(until).to_string(),
            days: (until - end) as u32,
            customers,
            actual,
            forecasts: Vec::new(),
        };
        Some(Self { seen, finding })
    }

    /// Adds what was forecast, in the order of what happened.
    pub(super) fn add(&mut self, by: &str, forecasts: impl Iterator<Item = f64>) {
        let pairs = self.seen.iter().zip(forecasts);
        let outcomes: Vec<Outcome> = pairs
            .map(|(seen, forecast)| Outcome {
                forecast,
                actual: f64::from(seen.later),
                customers: f64::from(seen.customers),
            })
            .collect();
        if let Ok(score) = score(&outcomes) {
            self.finding.forecasts.push(Forecast {
                by: by.to_owned(),
                forecast: score.forecast,
                relative_error: score.relative_error(),
                mean_absolute_error: score.mean_absolute_error,
                normalized_gini: score.normalized_gini,
            });
        }
    }

    pub(super) fn finish(self) -> BackTest {
        self.finding
    }
}

/// Holds the forecasts of fitted models and of simple rules against what happened until a day.
pub(super) fn back_test(
    base: &Base,
    histories: &Histories,
    fits: &[(Kind, &Fitted)],
    until: i64,
) -> Option<BackTest> {
    let seen = base.kept.iter().map(|row| Seen {
        later: row.later,
        customers: row.customers,
    });
    let mut test = Test::new((base.end, until), seen.collect())?;
    let horizon = (until - base.end) as f64;
    for (kind, fitted) in fits {
        // What is forecast is the same of all customers with one history.
        let forecasts = value::purchases(histories, fitted, 0.0, in_units(horizon));
        let rows = base.histories().zip(forecasts);
        let each = rows.flat_map(|(rows, forecast)| std::iter::repeat_n(forecast, rows.len()));
        test.add(kind.name(), each);
    }
    let rate = |row: &Kept| {
        rate_per_customer(
            f64::from(row.frequency),
            f64::from(row.age),
            horizon,
            LEAST_DAYS,
        )
    };
    test.add("rate-per-customer", base.kept.iter().map(rate));
    let sum = |of: fn(&Kept) -> u32| -> f64 {
        let rows = base.kept.iter();
        rows.map(|row| f64::from(row.customers) * f64::from(of(row)))
            .sum()
    };
    let observed = sum(|row| row.age);
    if observed > 0.0 {
        let all = sum(|row| row.frequency) / observed * horizon;
        test.add("same-rate", base.kept.iter().map(|_| all));
    }
    Some(test.finish())
}
