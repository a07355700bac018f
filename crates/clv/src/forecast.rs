//! What all customers of a table are expected to buy, with standard errors.
//!
//! Rows of a table come sorted by covariates, frequency and age. Customers of one
//! frequency make a run, and a model prepares once for a run what its customers have in
//! common ([`Forecast`]).

use crate::inference::{CovarianceKind, Prediction, Predictions};
use crate::information::congruence;
use crate::linear;
use crate::parallel;
use crate::table::{Customer, CustomerTable, Row};
use crate::timing::{Family, Gradient, TimingFit, TimingModel};
use std::ops::Range;

/// What is to be forecast.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Continuous discount per unit of time.
    pub discount: f64,
    /// After the end of the observation; it may be infinite.
    pub horizon: f64,
}

/// What is expected of a customer, given the history.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Expectation {
    /// Probability of not having left.
    pub alive: f64,
    /// Purchases within the horizon, discounted.
    pub purchases: f64,
    /// Their derivatives in the four scale-free parameters of customers with the same
    /// covariates, those that [`TimingFit::scale_free_covariance`] begins with.
    pub slopes: Gradient,
}

/// Discounted purchases of customers who have their frequency in common, prepared to be
/// computed for one after another.
#[doc(hidden)]
pub trait Forecast: Clone + Send + Sync {
    /// What is expected of a customer.
    fn evaluate(&mut self, customer: &Customer) -> Expectation;
}

/// Consecutive rows with the same covariates and frequency.
struct Run<F> {
    rows: Range<usize>,
    forecast: F,
    /// Sandwich covariance of their four parameters, row-major.
    covariance: Vec<f64>,
}

impl<M: TimingModel> TimingFit<M> {
    /// Expected purchases of each row of a table within a horizon, discounted, with
    /// their standard errors (sandwich). The horizon may be infinite; the discount may
    /// be zero where it is not.
    pub fn discounted_expected_transactions(
        &self,
        table: &CustomerTable,
        discount: f64,
        horizon: f64,
    ) -> Predictions {
        let each = self.each(table, Terms { discount, horizon }, |run, expected| {
            let slopes = expected.slopes;
            let variance = linear::quadratic(&run.covariance, &slopes);
            let prediction = Prediction {
                value: expected.purchases,
                standard_error: variance.max(0.0).sqrt(),
            };
            (prediction, slopes)
        });
        let (predictions, slopes): (Vec<Prediction>, Vec<Gradient>) = each.into_iter().unzip();
        let mut predictions = Predictions {
            rows: predictions,
            total: Prediction::default(),
            slopes,
        };
        let rows = table.rows();
        predictions.total = self.weighted(table, &predictions, |row| rows[row].count);
        predictions
    }

    /// What is expected of a customer of each row of a table, in the order of
    /// [`CustomerTable::groups`]. The horizon may be infinite; the discount may be zero
    /// where it is not.
    pub fn expectations(
        &self,
        table: &CustomerTable,
        discount: f64,
        horizon: f64,
    ) -> Vec<Expectation> {
        self.each(table, Terms { discount, horizon }, |_, expected| expected)
    }

    /// The same of one customer with given covariates, all those of the table.
    pub fn expectation(
        &self,
        customer: &Customer,
        covariates: &[f64],
        discount: f64,
        horizon: f64,
    ) -> Expectation {
        let terms = Terms { discount, horizon };
        let (model, ages) = (self.model_of(covariates), [customer.age]);
        let family = self.model.family();
        let mut forecast = family.forecast(model, terms, customer.frequency, &ages);
        forecast.evaluate(customer)
    }

    /// Something that follows from what is expected of each row of a table.
    fn each<T: Clone + Default + Send>(
        &self,
        table: &CustomerTable,
        terms: Terms,
        of: impl Fn(&Run<<M::Family as Family>::Forecast>, Expectation) -> T + Sync,
    ) -> Vec<T> {
        let runs = self.runs(table, terms);
        let rows = table.rows();
        parallel::map_ranges(rows.len(), |range, slots: &mut [T]| {
            let first = runs.partition_point(|run| run.rows.end <= range.start);
            let mut slots = slots.iter_mut();
            for run in &runs[first..] {
                let mut forecast = run.forecast.clone();
                let start = run.rows.start.max(range.start);
                let end = run.rows.end.min(range.end);
                for (row, slot) in rows[start..end].iter().zip(slots.by_ref()) {
                    *slot = of(run, forecast.evaluate(&row.customer()));
                }
                if run.rows.end >= range.end {
                    break;
                }
            }
        })
    }

    /// The sum over rows of a table of what is forecast for a customer, each times a
    /// weight: the value of customers, where the weight of a row is what a purchase of
    /// each of its customers brings, summed up. The weights are taken to be known.
    pub fn weighted(
        &self,
        table: &CustomerTable,
        predictions: &Predictions,
        weight: impl Fn(usize) -> f64,
    ) -> Prediction {
        let mut value = 0.0;
        let mut gradient = vec![0.0; self.at.len()];
        let rows = table.rows().iter().zip(&predictions.rows);
        for (place, ((row, prediction), slopes)) in rows.zip(&predictions.slopes).enumerate() {
            let weight = weight(place);
            value += weight * prediction.value;
            self.add_gradient(&mut gradient, *slopes, weight, table.pattern(row.pattern));
        }
        let variance = linear::quadratic(self.sandwich(), &gradient);
        Prediction {
            value,
            standard_error: variance.max(0.0).sqrt(),
        }
    }

    fn runs(
        &self,
        table: &CustomerTable,
        terms: Terms,
    ) -> Vec<Run<<M::Family as Family>::Forecast>> {
        let same =
            |one: &Row, next: &Row| one.pattern == next.pattern && one.frequency == next.frequency;
        let mut end = 0;
        let ranges: Vec<Range<usize>> = table
            .rows()
            .chunk_by(same)
            .map(|rows| {
                end += rows.len();
                end - rows.len()..end
            })
            .collect();
        let family = self.model.family();
        parallel::map(&ranges, |range| {
            let rows = &table.rows()[range.clone()];
            let covariates = table.pattern(rows[0].pattern);
            let mut ages: Vec<f64> = rows.iter().map(|row| row.age).collect();
            ages.dedup();
            let model = self.model_of(covariates);
            Run {
                rows: range.clone(),
                forecast: family.forecast(model, terms, rows[0].frequency, &ages),
                covariance: self.covariance_of(covariates),
            }
        })
    }

    /// Adds derivatives in the four parameters of customers with these covariates, times
    /// a weight, to derivatives in the searched parameters.
    fn add_gradient(&self, sum: &mut [f64], slopes: Gradient, weight: f64, covariates: &[f64]) {
        for (sum, slope) in sum.iter_mut().zip(slopes) {
            *sum += weight * slope;
        }
        for (k, place, z) in self.shifts(covariates) {
            sum[k] += weight * slopes[place] * z;
        }
    }

    /// Sandwich covariance, row-major, of the four parameters of customers with these
    /// covariates.
    fn covariance_of(&self, covariates: &[f64]) -> Vec<f64> {
        let row_of = |place: usize| -> Vec<f64> {
            let mut row = vec![0.0; self.at.len()];
            row[place] = 1.0;
            for (k, shifted, z) in self.shifts(covariates) {
                if shifted == place {
                    row[k] = z;
                }
            }
            row
        };
        let rows = [0, 1, 2, 3].map(row_of);
        congruence(&rows.concat(), self.sandwich(), self.at.len())
    }

    /// For each effect: its place among the searched parameters, which of the four it
    /// shifts, and by how much a unit.
    fn shifts<'a>(
        &'a self,
        covariates: &'a [f64],
    ) -> impl Iterator<Item = (usize, usize, f64)> + 'a {
        let rate = self.estimation.rate.iter().map(|&j| (1, j));
        let attrition = self.estimation.attrition.iter().map(|&j| (3, j));
        rate.chain(attrition)
            .enumerate()
            .map(|(k, (place, j))| (4 + k, place, covariates[j] / self.scales[j]))
    }

    fn sandwich(&self) -> &[f64] {
        self.covariance.matrix(CovarianceKind::Sandwich)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bg_nbd::{BetaGeometric, BgNbd, MbgNbd};
    use crate::pareto_nbd::ParetoNbd;
    use crate::table::CustomerColumns;
    use crate::timing::Estimation;
    use crate::timing::tests::histories;

    const TERMS: [(f64, f64); 3] = [(0.003, f64::INFINITY), (0.003, 52.0), (0.0, 52.0)];

    /// A forecast is the model's, and its gradient that of the model's.
    #[track_caller]
    fn assert_forecast<M: TimingModel>(model: M, ages: &[f64], customer: &Customer) {
        for (discount, horizon) in TERMS {
            let terms = Terms { discount, horizon };
            let family = model.family();
            let mut forecast = family.forecast(model, terms, customer.frequency, ages);
            let found = forecast.evaluate(customer);
            let (value, gradient) = (found.purchases, found.slopes);
            let alive = model.probability_alive(customer);
            assert!((found.alive - alive).abs() < 1e-12 * (1.0 + alive));
            let of = |model: M| model.discounted_expected_transactions(customer, discount, horizon);
            let expected = of(model);
            assert!(
                (value / expected - 1.0).abs() < 1e-11,
                "{value} {expected} {customer:?}"
            );
            for (i, slope) in gradient.into_iter().enumerate() {
                const STEP: f64 = 1e-5;
                let at = |step: f64| {
                    let mut eta = model.scale_free();
                    eta[i] += step;
                    of(model.at_scale_free(eta))
                };
                let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                assert!(
                    (slope - difference).abs() < 1e-6 * (value + slope.abs()),
                    "{i}: {slope} {difference} {customer:?}"
                );
            }
        }
    }

    #[test]
    fn forecasts_are_the_models_and_gradients_their_derivatives() {
        // With so many ages, what customers have in common is interpolated.
        let many: Vec<f64> = (0..200).map(|week| 2.0 + f64::from(week)).collect();
        for history in histories() {
            for ages in [&many[..], &[38.0]] {
                let model = ParetoNbd::new(0.55, 10.6, 0.61, 11.7).expect("parameters");
                assert_forecast(model, ages, &history);
                for (a, b) in [(0.8, 2.4), (1.0, 30.0), (1e-6, 1.0), (40.0, 3.0)] {
                    let model = BgNbd::new(0.3, 4.4, a, b).expect("parameters");
                    assert_forecast(model, ages, &history);
                    let model = MbgNbd::new(0.5, 6.2, a, b).expect("parameters");
                    assert_forecast(model, ages, &history);
                }
                let model = MbgNbd::new(0.5, 6.2, 0.9, 1.6).expect("parameters");
                assert_forecast(BetaGeometric { k: 3, ..model }, ages, &history);
            }
        }
    }

    /// Two arms seen for many different times.
    fn table() -> CustomerTable {
        let mut random = crate::random::Random::new(8);
        let (mut frequency, mut recency, mut age) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..6000 {
            let seen = 20.0 + (900.0 * random.uniform()).floor() / 7.0;
            let times: Vec<f64> = (0..random.poisson(0.5) as usize + random.poisson(1.0) as usize)
                .map(|_| seen * random.uniform())
                .collect();
            frequency.push(times.len() as u32);
            recency.push(times.iter().fold(0.0, |last: f64, &time| last.max(time)));
            age.push(seen);
        }
        let arm: Vec<f64> = (0..6000).map(|i| f64::from(i % 2)).collect();
        CustomerTable::new(&CustomerColumns {
            frequency: &frequency,
            recency: &recency,
            age: &age,
            covariates: &[&arm],
            ..CustomerColumns::default()
        })
        .expect("a table")
    }

    #[test]
    fn a_table_is_forecast_row_by_row() {
        let table = table();
        let estimation = Estimation {
            rate: vec![0],
            attrition: vec![],
        };
        let fit = MbgNbd::fit_with(&table, 1, &estimation).expect("a fit");
        let found = fit.discounted_expected_transactions(&table, 0.003, 260.0);
        let mut sum = 0.0;
        for ((customer, count, covariates), row) in table.groups().zip(&found.rows) {
            let model = fit.model_of(covariates);
            let expected = model.discounted_expected_transactions(&customer, 0.003, 260.0);
            assert!((row.value / expected - 1.0).abs() < 1e-10);
            let alone = fit.expectation(&customer, covariates, 0.003, 260.0);
            assert!((row.value / alone.purchases - 1.0).abs() < 1e-10);
            sum += count * expected;
        }
        assert!((found.total.value / sum - 1.0).abs() < 1e-11);
        // What depends on the parameters as one number does has one relative error.
        let doubled = fit.weighted(&table, &found, |_| 2.0);
        let single = fit.weighted(&table, &found, |_| 1.0);
        assert!((doubled.standard_error / single.standard_error - 2.0).abs() < 1e-12);
        let first = fit.weighted(&table, &found, |row| f64::from(u8::from(row == 0)));
        let row = found.rows[0];
        assert!((first.value - row.value).abs() < 1e-14);
        assert!((first.standard_error / row.standard_error - 1.0).abs() < 1e-10);
    }
}
