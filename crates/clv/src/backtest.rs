//! How well forecasts of customers came true.

/// A forecast for a customer, what he did, and how many customers that holds for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// What was forecast.
    pub forecast: f64,
    /// What happened.
    pub actual: f64,
    /// Customers.
    pub customers: f64,
}

/// Errors of a forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Customers.
    pub customers: f64,
    /// Sum of the forecasts.
    pub forecast: f64,
    /// Sum of what happened.
    pub actual: f64,
    /// Mean absolute error of a customer.
    pub mean_absolute_error: f64,
    /// Root mean square error of a customer.
    pub root_mean_square_error: f64,
    /// How well customers are ranked: [`normalized_gini`].
    pub normalized_gini: Option<f64>,
}

/// Customers in order of their forecast, in groups of the same size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// Customers.
    pub customers: f64,
    /// Their mean forecast.
    pub forecast: f64,
    /// The mean of what happened.
    pub actual: f64,
}

/// Why forecasts have no score.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoScore {
    /// There is nobody to compare.
    #[error("there are no customers to compare")]
    NoCustomers,
    /// A number is not finite, or a number of customers is negative.
    #[error("row {row}: the {what} cannot be {value}")]
    Invalid {
        /// Its place in the input, from 0.
        row: usize,
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
}

impl Score {
    /// Error of the sum, relative to what happened; none where nothing happened.
    pub fn relative_error(&self) -> Option<f64> {
        (self.actual != 0.0).then(|| self.forecast / self.actual - 1.0)
    }
}

/// Scores of forecasts, of all customers together and of each.
///
/// # Errors
///
/// No customers; a number that is not finite.
pub fn score(outcomes: &[Outcome]) -> Result<Score, NoScore> {
    check(outcomes)?;
    let total = |of: &dyn Fn(&Outcome) -> f64| -> f64 {
        outcomes
            .iter()
            .map(|outcome| outcome.customers * of(outcome))
            .sum()
    };
    let customers = total(&|_| 1.0);
    let error = |outcome: &Outcome| outcome.forecast - outcome.actual;
    Ok(Score {
        customers,
        forecast: total(&|outcome| outcome.forecast),
        actual: total(&|outcome| outcome.actual),
        mean_absolute_error: total(&|outcome| error(outcome).abs()) / customers,
        root_mean_square_error: (total(&|outcome| error(outcome).powi(2)) / customers).sqrt(),
        normalized_gini: normalized_gini(outcomes),
    })
}

/// Gini coefficient of what happened with customers in the order of their forecast, over
/// the same in the order of what happened: 1 for a perfect ranking, 0 for one by chance
/// (X. Wang, T. Liu and J. Miao, "A deep probabilistic model for customer lifetime value
/// prediction", 2019). Customers with the same forecast stand in the middle of their
/// possible places; forecasts within rounding are the same. None where all customers did the same.
pub fn normalized_gini(outcomes: &[Outcome]) -> Option<f64> {
    let by_forecast = concentration(outcomes, |outcome| outcome.forecast);
    let by_actual = concentration(outcomes, |outcome| outcome.actual);
    (by_actual != 0.0 && by_actual.is_finite()).then(|| by_forecast / by_actual)
}

/// Covariance of what happened with the place of customers in an order, up to a factor
/// that all orders share.
fn concentration(outcomes: &[Outcome], key: impl Fn(&Outcome) -> f64) -> f64 {
    let order = sorted(outcomes, &key);
    let customers: f64 = order.iter().map(|outcome| outcome.customers).sum();
    let mean = order
        .iter()
        .map(|outcome| outcome.customers * outcome.actual)
        .sum::<f64>()
        / customers;
    let (mut before, mut sum) = (0.0, 0.0);
    for tied in order.chunk_by(|a, b| is_same(key(a), key(b))) {
        let count: f64 = tied.iter().map(|outcome| outcome.customers).sum();
        let excess: f64 = tied
            .iter()
            .map(|outcome| outcome.customers * (outcome.actual - mean))
            .sum();
        let place = before + 0.5 * count - 0.5 * customers;
        sum += place / customers * excess;
        before += count;
    }
    sum
}

/// Whether two numbers are one but for rounding: forecasts that are the same are summed in different orders.
fn is_same(a: f64, b: f64) -> bool {
    const ROUNDING: f64 = 1e-9;
    (a - b).abs() <= ROUNDING * a.abs().max(b.abs())
}

/// Groups of customers by forecast, from the lowest, as even as rows allow: where the
/// forecast is right, forecast and actual agree in every one.
///
/// # Errors
///
/// As [`score`].
pub fn calibration(outcomes: &[Outcome], groups: usize) -> Result<Vec<Group>, NoScore> {
    check(outcomes)?;
    let order = sorted(outcomes, |outcome| outcome.forecast);
    let all: f64 = order.iter().map(|outcome| outcome.customers).sum();
    let mut sums = vec![[0.0; 3]; groups.max(1)];
    let mut before = 0.0;
    for outcome in order {
        let middle = (before + 0.5 * outcome.customers) / all;
        let place = ((middle * sums.len() as f64) as usize).min(sums.len() - 1);
        sums[place][0] += outcome.customers;
        sums[place][1] += outcome.customers * outcome.forecast;
        sums[place][2] += outcome.customers * outcome.actual;
        before += outcome.customers;
    }
    Ok(sums
        .into_iter()
        .filter(|sums| sums[0] > 0.0)
        .map(|[customers, forecast, actual]| Group {
            customers,
            forecast: forecast / customers,
            actual: actual / customers,
        })
        .collect())
}

fn sorted(outcomes: &[Outcome], key: impl Fn(&Outcome) -> f64) -> Vec<Outcome> {
    let mut order = outcomes.to_vec();
    order.sort_by(|a, b| key(a).total_cmp(&key(b)));
    order
}

fn check(outcomes: &[Outcome]) -> Result<(), NoScore> {
    for (row, outcome) in outcomes.iter().enumerate() {
        let Outcome {
            forecast,
            actual,
            customers,
        } = *outcome;
        let invalid = |what, value| Err(NoScore::Invalid { row, what, value });
        if !forecast.is_finite() {
            return invalid("forecast", forecast);
        }
        if !actual.is_finite() {
            return invalid("actual value", actual);
        }
        if !(customers >= 0.0 && customers.is_finite()) {
            return invalid("number of customers", customers);
        }
    }
    if outcomes.iter().all(|outcome| outcome.customers == 0.0) {
        return Err(NoScore::NoCustomers);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(pairs: &[(f64, f64)]) -> Vec<Outcome> {
        pairs
            .iter()
            .map(|&(forecast, actual)| Outcome {
                forecast,
                actual,
                customers: 1.0,
            })
            .collect()
    }

    #[test]
    fn errors_of_a_few_customers() {
        let score = score(&outcomes(&[(1.0, 0.0), (2.0, 4.0), (0.5, 0.5)])).expect("a score");
        assert_eq!((score.forecast, score.actual), (3.5, 4.5));
        assert_eq!(score.mean_absolute_error, 1.0);
        assert!((score.root_mean_square_error - (5.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert!((score.relative_error().expect("sales") + 1.0 / 4.5).abs() < 1e-15);
    }

    #[test]
    fn ranking_is_one_when_perfect_and_zero_by_chance() {
        let perfect = outcomes(&[(0.1, 0.0), (0.2, 1.0), (0.3, 5.0), (9.0, 6.0)]);
        assert_eq!(normalized_gini(&perfect), Some(1.0));
        let reversed: Vec<Outcome> = perfect
            .iter()
            .map(|outcome| Outcome {
                forecast: -outcome.forecast,
                ..*outcome
            })
            .collect();
        assert!((normalized_gini(&reversed).expect("a ranking") + 1.0).abs() < 1e-15);
        let same = outcomes(&[(1.0, 0.0), (1.0, 3.0), (1.0, 1.0)]);
        assert_eq!(normalized_gini(&same), Some(0.0));
        // Forecasts that differ by rounding only rank nobody.
        let rounded = outcomes(&[(64.0, 0.0), (64.0 - 3e-14, 3.0), (64.0 + 3e-14, 1.0)]);
        assert_eq!(normalized_gini(&rounded), Some(0.0));
        assert_eq!(normalized_gini(&outcomes(&[(1.0, 2.0), (2.0, 2.0)])), None);
    }

    #[test]
    fn customers_count_as_often_as_they_are() {
        let merged = [Outcome {
            forecast: 1.0,
            actual: 3.0,
            customers: 2.0,
        }]
        .into_iter()
        .chain(outcomes(&[(2.0, 0.0), (3.0, 5.0)]))
        .collect::<Vec<_>>();
        let single = outcomes(&[(1.0, 3.0), (1.0, 3.0), (2.0, 0.0), (3.0, 5.0)]);
        assert_eq!(score(&merged), score(&single));
    }

    #[test]
    fn groups_are_calibrated_by_their_means() {
        let rows: Vec<(f64, f64)> = (0..100)
            .map(|i| (f64::from(i), f64::from(i) + 1.0))
            .collect();
        let groups = calibration(&outcomes(&rows), 10).expect("groups");
        assert_eq!(groups.len(), 10);
        for group in groups {
            assert_eq!(group.customers, 10.0);
            assert_eq!(group.actual, group.forecast + 1.0);
        }
    }

    #[test]
    fn nothing_to_compare_is_said() {
        assert_eq!(score(&[]), Err(NoScore::NoCustomers));
        let broken = outcomes(&[(1.0, 1.0), (f64::NAN, 1.0)]);
        assert!(matches!(
            score(&broken),
            Err(NoScore::Invalid { row: 1, .. })
        ));
    }
}
