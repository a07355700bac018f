//! What the models of purchase timing have in common: predictions, and the fit.
//!
//! Each has four parameters, searched as
//!
//! | place | parameter | unit |
//! | --- | --- | --- |
//! | 0 | logarithm of the shape of the purchase rates, `r` | none |
//! | 1 | logarithm of the mean purchase rate, `r / alpha` | purchases in the mean time observed |
//! | 2 | logarithm of how alike customers are in leaving | none |
//! | 3 | level of leaving: `ln(s / beta)`, or the log-odds of leaving after a purchase | none, or 1 / mean time observed |
//!
//! so that nothing depends on the unit of time. Covariates shift the places 1 and 3.

use crate::error::FitError;
use crate::forecast::{Forecast, Terms};
use crate::inference::{Covariance, covariance};
use crate::optimize::{Objective, Optimum, Place, maximize, maximize_by_part};
use crate::parallel;
use crate::table::{Customer, CustomerTable};

/// Derivatives in the four scale-free parameters.
pub type Gradient = [f64; 4];

/// A model of when customers buy and whether they have left.
///
/// Time is in the unit of the model's parameters throughout: horizons, ages and, its
/// inverse, discount rates. A discount rate is continuous: a purchase after u is worth
/// `exp(-rate u)`. It must not be negative.
pub trait TimingModel: Copy + Send + Sync {
    /// How the model is fitted.
    #[doc(hidden)]
    type Family: Family<Model = Self>;

    /// Names of the parameters.
    const PARAMETERS: [&'static str; 4];

    /// The parameters, in the order of their names.
    fn parameters(&self) -> [f64; 4];

    /// The parameters as they are searched, but per unit of time.
    #[doc(hidden)]
    fn scale_free(&self) -> Gradient;

    /// The model at other parameters, as from [`TimingModel::scale_free`].
    #[doc(hidden)]
    fn at_scale_free(&self, eta: Gradient) -> Self;

    /// Derivatives of the logarithms of the parameters (rows) in the scale-free ones.
    #[doc(hidden)]
    fn ln_parameter_jacobian(&self) -> [Gradient; 4];

    /// How the model is fitted.
    #[doc(hidden)]
    fn family(&self) -> Self::Family;

    /// Mean rate of purchase of a customer who is alive, `r / alpha`; per `k` purchases
    /// in the models of regular buyers.
    fn mean_rate(&self) -> f64;

    /// How fast customers leave: the mean hazard `s / beta`, or in the beta-geometric
    /// models the mean probability of leaving after a purchase, `a / (a + b)`.
    fn mean_attrition(&self) -> f64;

    /// Log-likelihood of a customer's history.
    fn ln_likelihood(&self, customer: &Customer) -> f64;

    /// Probability that a customer has not left at the end of the observation, given
    /// the history.
    fn probability_alive(&self, customer: &Customer) -> f64;

    /// Expected purchases within a horizon after the end of the observation, given the
    /// history.
    fn expected_transactions(&self, customer: &Customer, horizon: f64) -> f64;

    /// Expected repeat purchases of a new customer within a horizon.
    fn expected_transactions_of_new(&self, horizon: f64) -> f64;

    /// Expected purchases within a horizon, each discounted to the end of the
    /// observation, given the history. The horizon may be infinite.
    fn discounted_expected_transactions(
        &self,
        customer: &Customer,
        discount: f64,
        horizon: f64,
    ) -> f64;

    /// Expected repeat purchases of a new customer within a horizon, each discounted to
    /// the first purchase.
    fn discounted_expected_transactions_of_new(&self, discount: f64, horizon: f64) -> f64;

    /// DERT: all expected future purchases, each discounted to the end of the
    /// observation, given the history (Fader, Hardie and Lee 2005, JMR 42). Without a
    /// discount it may be infinite.
    fn discounted_expected_residual_transactions(&self, customer: &Customer, discount: f64) -> f64 {
        self.discounted_expected_transactions(customer, discount, f64::INFINITY)
    }

    /// Probability that a customer makes no purchase within a horizon after the end of
    /// the observation, given the history; one who has left makes none.
    fn probability_of_no_purchase(&self, customer: &Customer, horizon: f64) -> f64;

    /// Time after the end of the observation within which the customer buys with a
    /// probability; none where even an endless wait does not reach it.
    fn time_to_next_purchase(&self, customer: &Customer, probability: f64) -> Option<f64> {
        let buys = |ln_time: f64| 1.0 - self.probability_of_no_purchase(customer, ln_time.exp());
        if !(probability > 0.0 && probability < 1.0) {
            return None;
        }
        // Searched over thirty orders of magnitude around the time observed.
        const HALF_RANGE: f64 = 35.0;
        let centre = customer.age.max(f64::MIN_POSITIVE).ln();
        let (mut low, mut high) = (centre - HALF_RANGE, centre + HALF_RANGE);
        if buys(high) < probability {
            return None;
        }
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if buys(middle) < probability {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(high.exp())
    }
}

/// How a model is fitted.
#[doc(hidden)]
pub trait Family: Copy + Send + Sync {
    /// The model.
    type Model: TimingModel;
    /// Its likelihood at given parameters.
    type Likelihood: Prepared;
    /// Its forecast at given parameters.
    type Forecast: Forecast;

    /// The model at scale-free parameters, given the unit of time they are in.
    fn model(self, eta: Gradient, unit: f64) -> Self::Model;

    /// Its likelihood.
    fn likelihood(self, model: Self::Model) -> Self::Likelihood;

    /// Its forecast of customers of one frequency, of these ages, ascending.
    fn forecast(
        self,
        model: Self::Model,
        terms: Terms,
        frequency: u32,
        ages: &[f64],
    ) -> Self::Forecast;

    /// Where to start, given the mean number of purchases.
    fn starts(self, rate: f64) -> Vec<[f64; 4]>;

    /// The places 2 and 3 without attrition, given the lowest level.
    fn without_attrition(self, lowest: f64) -> [f64; 2];

    /// What it means that the level of attrition has no upper limit, the others being as
    /// in this model; the unit of time is the mean time observed.
    fn unlimited_attrition(self, _model: Self::Model, _unit: f64) -> Boundary {
        Boundary::ImmediateAttrition
    }

    /// What the log-likelihood has in addition that no parameter changes.
    fn constant(self, _table: &CustomerTable) -> Result<f64, FitError> {
        Ok(0.0)
    }
}

/// A likelihood prepared to be evaluated for one customer after another.
#[doc(hidden)]
pub trait Prepared {
    /// Log-likelihood of a customer and its derivatives in the scale-free parameters.
    fn evaluate(&mut self, customer: &Customer) -> (f64, Gradient);
}

/// Which covariates of the table act on what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estimation {
    /// Covariates, by their place in the table, that shift the log rate of purchase.
    pub rate: Vec<usize>,
    /// Covariates that shift the log hazard of leaving, or in the beta-geometric models
    /// the log-odds of leaving after a purchase.
    pub attrition: Vec<usize>,
}

impl Estimation {
    /// All covariates of a table, on both.
    pub fn all(table: &CustomerTable) -> Self {
        let all: Vec<usize> = (0..table.covariate_count()).collect();
        Estimation {
            rate: all.clone(),
            attrition: all,
        }
    }
}

/// A maximum of the likelihood that lies at the end of what a parameter may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Boundary {
    /// No attrition is visible in this window: the model is an NBD, and lifetimes have
    /// no upper limit.
    NoAttrition,
    /// Everyone leaves at the first opportunity.
    ImmediateAttrition,
    /// All customers are equally likely to leave.
    EqualAttrition,
    /// Some customers leave at once, the others never.
    PolarizedAttrition,
    /// All customers buy at the same rate.
    EqualRates,
    /// A few customers make all repeat purchases.
    PolarizedRates,
    /// The mean rate of purchase has no limit on this side.
    UnlimitedRate,
    /// The effect of this covariate, by its place in the table, has no limit or cannot
    /// be told.
    UnlimitedEffect(usize),
}

/// A covariate's effect.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The covariate, by its place in the table.
    pub covariate: usize,
    /// Shift of the log rate, log hazard or log-odds per unit of the covariate.
    pub value: f64,
    /// Its standard error (sandwich); none where it cannot be told.
    pub standard_error: Option<f64>,
}

/// A fitted model.
#[derive(Debug, Clone)]
pub struct TimingFit<M> {
    /// The model of customers whose covariates are all zero.
    pub model: M,
    /// Effects on the log rate of purchase.
    pub rate_effects: Vec<Effect>,
    /// Effects on attrition.
    pub attrition_effects: Vec<Effect>,
    /// The log-likelihood.
    pub log_likelihood: f64,
    /// Customers.
    pub customers: f64,
    /// Ends of the parameter space at which the maximum lies. Empty for a maximum
    /// inside.
    pub boundaries: Vec<Boundary>,
    /// Steps of the search.
    pub iterations: usize,
    /// Searched parameters at the maximum, in the unit of time `unit`.
    pub(crate) at: Vec<f64>,
    pub(crate) unit: f64,
    pub(crate) estimation: Estimation,
    /// Root mean squares of the table's covariates.
    pub(crate) scales: Vec<f64>,
    pub(crate) covariance: Covariance,
}

impl<M: TimingModel> TimingFit<M> {
    /// The model of customers with given covariates, all those of the table.
    pub fn model_of(&self, covariates: &[f64]) -> M {
        let shift = |effects: &[Effect]| -> f64 {
            effects
                .iter()
                .map(|effect| effect.value * covariates[effect.covariate])
                .sum()
        };
        let (rate, attrition) = (shift(&self.rate_effects), shift(&self.attrition_effects));
        if rate == 0.0 && attrition == 0.0 {
            return self.model;
        }
        let mut eta = self.model.scale_free();
        eta[1] += rate;
        eta[3] += attrition;
        self.model.at_scale_free(eta)
    }

    /// Whether the maximum lies where there is no attrition.
    pub fn sees_no_attrition(&self) -> bool {
        self.boundaries.contains(&Boundary::NoAttrition)
    }
}

/// Logarithms beyond which no rate, level or effect is searched.
const LIMIT: f64 = 25.0;
/// Logarithms beyond which no shape is searched: a million is as good as infinite, and
/// more would leave too few digits to its slope.
const SHAPE_LIMIT: f64 = 14.0;
/// Beyond this many rows the search starts on a part of them.
const LARGE_TABLE: usize = 40_000;
/// Rows of that part.
const PART: usize = 20_000;
/// Gain of log-likelihood below which attrition is not visible.
const NO_GAIN: f64 = 1e-6;

/// The log-likelihood of a table in the searched parameters: the four of the model,
/// then effects on the rate, then effects on attrition, the covariates divided by their
/// scale.
pub(crate) struct TableLikelihood<'a, F> {
    pub(crate) family: F,
    pub(crate) table: &'a CustomerTable,
    pub(crate) estimation: &'a Estimation,
    pub(crate) unit: f64,
    /// Root mean squares of the table's covariates.
    pub(crate) scales: Vec<f64>,
}

impl<'a, F: Family> TableLikelihood<'a, F> {
    pub(crate) fn new(
        family: F,
        table: &'a CustomerTable,
        estimation: &'a Estimation,
        unit: f64,
    ) -> Self {
        let scales = (0..table.covariate_count())
            .map(|j| {
                let squares: f64 = table.groups().map(|(_, n, z)| n * z[j] * z[j]).sum();
                let scale = (squares / table.customers()).sqrt();
                if scale > 0.0 { scale } else { 1.0 }
            })
            .collect();
        TableLikelihood {
            family,
            table,
            estimation,
            unit,
            scales,
        }
    }

    /// The model of a pattern of covariates.
    fn model(&self, at: &[f64], covariates: &[f64]) -> F::Model {
        let effects = |which: &[usize], at: &[f64]| -> f64 {
            which
                .iter()
                .zip(at)
                .map(|(&j, g)| g * covariates[j] / self.scales[j])
                .sum()
        };
        let rates = self.estimation.rate.len();
        let rate = effects(&self.estimation.rate, &at[4..]);
        let attrition = effects(&self.estimation.attrition, &at[4 + rates..]);
        // Beyond this, nothing is likely; short of it, nothing overflows.
        const FAR: f64 = 60.0;
        let eta = [
            at[0],
            (at[1] + rate).clamp(-FAR, FAR),
            at[2],
            (at[3] + attrition).clamp(-FAR, FAR),
        ];
        self.family.model(eta, self.unit)
    }

    /// Goes through rows, handing each one's count, log-likelihood and the derivatives
    /// in all searched parameters to `each`.
    pub(crate) fn visit(
        &self,
        at: &[f64],
        rows: std::ops::Range<usize>,
        mut each: impl FnMut(f64, f64, &[f64]),
    ) {
        let rates = self.estimation.rate.len();
        let mut gradient = vec![0.0; at.len()];
        let mut pattern = None;
        let mut likelihood = None;
        for row in &self.table.rows()[rows] {
            let covariates = self.table.pattern(row.pattern);
            if pattern != Some(row.pattern) || likelihood.is_none() {
                pattern = Some(row.pattern);
                likelihood = Some(self.family.likelihood(self.model(at, covariates)));
            }
            let Some(likelihood) = likelihood.as_mut() else {
                continue;
            };
            let (value, slopes) = likelihood.evaluate(&row.customer());
            gradient[..4].copy_from_slice(&slopes);
            for (g, &j) in gradient[4..].iter_mut().zip(&self.estimation.rate) {
                *g = slopes[1] * covariates[j] / self.scales[j];
            }
            for (g, &j) in gradient[4 + rates..]
                .iter_mut()
                .zip(&self.estimation.attrition)
            {
                *g = slopes[3] * covariates[j] / self.scales[j];
            }
            each(row.count, value, &gradient);
        }
    }
}

impl<F: Family> Objective for TableLikelihood<'_, F> {
    fn dimension(&self) -> usize {
        4 + self.estimation.rate.len() + self.estimation.attrition.len()
    }

    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
        let sums = parallel::sum(self.table.len(), 1 + at.len(), |rows, sums| {
            self.visit(at, rows, |count, value, slopes| {
                sums[0] += count * value;
                for (sum, slope) in sums[1..].iter_mut().zip(slopes) {
                    *sum += count * slope;
                }
            });
        });
        gradient.copy_from_slice(&sums[1..]);
        sums[0]
    }

    fn range(&self, parameter: usize) -> (f64, f64) {
        match parameter {
            0 | 2 => (-SHAPE_LIMIT, SHAPE_LIMIT),
            _ => (-LIMIT, LIMIT),
        }
    }
}

/// An objective some of whose parameters stay where they are.
pub(crate) struct Pinned<'a, O> {
    pub(crate) objective: &'a O,
    /// All parameters.
    pub(crate) at: Vec<f64>,
    /// Those that are searched.
    pub(crate) free: Vec<usize>,
}

impl<O: Objective> Pinned<'_, O> {
    /// All parameters, given the searched ones.
    pub(crate) fn complete(&self, free: &[f64]) -> Vec<f64> {
        let mut at = self.at.clone();
        for (&i, value) in self.free.iter().zip(free) {
            at[i] = *value;
        }
        at
    }

    /// The searched ones of all parameters.
    pub(crate) fn select(&self, at: &[f64]) -> Vec<f64> {
        self.free.iter().map(|&i| at[i]).collect()
    }
}

impl<O: Objective> Objective for Pinned<'_, O> {
    fn dimension(&self) -> usize {
        self.free.len()
    }

    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
        let at = self.complete(at);
        let mut all = vec![0.0; at.len()];
        let value = self.objective.evaluate(&at, &mut all);
        for (slot, &i) in gradient.iter_mut().zip(&self.free) {
            *slot = all[i];
        }
        value
    }

    fn range(&self, parameter: usize) -> (f64, f64) {
        self.objective.range(self.free[parameter])
    }
}

/// Maximum likelihood.
pub(crate) fn fit<F: Family>(
    family: F,
    table: &CustomerTable,
    estimation: &Estimation,
) -> Result<TimingFit<F::Model>, FitError> {
    if table.purchases() == 0.0 {
        return Err(FitError::NoRepeatPurchases);
    }
    for &j in estimation.rate.iter().chain(&estimation.attrition) {
        if j >= table.covariate_count() {
            return Err(FitError::MissingColumn { what: "covariate" });
        }
    }
    let constant = family.constant(table)?;
    let objective = TableLikelihood::new(family, table, estimation, table.mean_age());
    let optimum = search(&objective)?;
    let optimum = settle_attrition(&objective, optimum);
    Ok(report(&objective, &optimum, constant))
}

/// The maximum, first on a part of a large table.
fn search<F: Family>(objective: &TableLikelihood<F>) -> Result<Optimum, FitError> {
    let rows = objective.table.len();
    if rows > LARGE_TABLE {
        let part = objective.table.thinned(rows / PART);
        let on_part = TableLikelihood {
            table: &part,
            scales: objective.scales.clone(),
            ..*objective
        };
        let ratio = objective.table.customers() / part.customers();
        return maximize_by_part(objective, &on_part, ratio, &starts(objective));
    }
    maximize(objective, &starts(objective))
}

fn starts<F: Family>(objective: &TableLikelihood<F>) -> Vec<Vec<f64>> {
    let rate = objective.table.purchases() / objective.table.customers();
    objective
        .family
        .starts(rate)
        .into_iter()
        .map(|start| {
            let mut at = start.to_vec();
            at.resize(objective.dimension(), 0.0);
            at
        })
        .collect()
}

/// Where attrition ended at an end of its range, the same maximum without attrition, if
/// it is as likely: many ends of the parameter space are the same model.
fn settle_attrition<F: Family>(objective: &TableLikelihood<F>, optimum: Optimum) -> Optimum {
    if optimum.places[2] == Place::Inside && optimum.places[3] == Place::Inside {
        return optimum;
    }
    let pinned = pinned_without_attrition(objective, &optimum.at);
    let start = pinned.select(&optimum.at);
    let Ok(settled) = maximize(&pinned, &[start]) else {
        return optimum;
    };
    if settled.value < optimum.value - NO_GAIN {
        return optimum;
    }
    let at = pinned.complete(&settled.at);
    let mut places = vec![Place::Unidentified; at.len()];
    for (&i, place) in pinned.free.iter().zip(settled.places) {
        places[i] = place;
    }
    places[3] = Place::Lower;
    let mut gradient = vec![0.0; at.len()];
    let value = objective.evaluate(&at, &mut gradient);
    Optimum {
        value,
        hessian: crate::optimize::hessian(objective, &at),
        at,
        places,
        iterations: optimum.iterations + settled.iterations,
    }
}

/// The same likelihood without attrition, the rates of purchase searched.
pub(crate) fn pinned_without_attrition<'a, 'b, F: Family>(
    objective: &'b TableLikelihood<'a, F>,
    at: &[f64],
) -> Pinned<'b, TableLikelihood<'a, F>> {
    let (lowest, _) = objective.range(3);
    let rates = objective.estimation.rate.len();
    let mut at = at.to_vec();
    at[2..4].copy_from_slice(&objective.family.without_attrition(lowest));
    at[4 + rates..].fill(0.0);
    Pinned {
        objective,
        at,
        free: [0, 1].into_iter().chain(4..4 + rates).collect(),
    }
}

/// Maximum likelihood of another table from the estimate on a similar one.
pub(crate) fn fit_near<M: TimingModel>(
    table: &CustomerTable,
    near: &TimingFit<M>,
) -> Result<TimingFit<M>, FitError> {
    if table.purchases() == 0.0 {
        return Err(FitError::NoRepeatPurchases);
    }
    let objective = near.objective(near.model.family(), table);
    let optimum = maximize(&objective, std::slice::from_ref(&near.at))?;
    let optimum = settle_attrition(&objective, optimum);
    Ok(report(&objective, &optimum, 0.0))
}

/// The ends at which parameters lie.
fn boundaries<F: Family>(
    objective: &TableLikelihood<F>,
    optimum: &Optimum,
    model: F::Model,
) -> Vec<Boundary> {
    use Boundary::*;
    let estimation = objective.estimation;
    let covariates = estimation.rate.iter().chain(&estimation.attrition);
    let unlimited = objective.family.unlimited_attrition(model, objective.unit);
    let of_model = [
        (PolarizedRates, EqualRates),
        (UnlimitedRate, UnlimitedRate),
        (PolarizedAttrition, EqualAttrition),
        (NoAttrition, unlimited),
    ];
    let ends = of_model
        .into_iter()
        .chain(covariates.map(|&j| (UnlimitedEffect(j), UnlimitedEffect(j))));
    let no_attrition = optimum.places[3] == Place::Lower;
    let mut found: Vec<Boundary> = ends
        .zip(&optimum.places)
        .filter_map(|((lower, upper), place)| match place {
            Place::Inside => None,
            Place::Lower => Some(lower),
            Place::Upper => Some(upper),
            // Without attrition, nothing else about it can be told.
            Place::Unidentified if no_attrition => None,
            Place::Unidentified => match lower {
                UnlimitedEffect(_) => Some(lower),
                _ => None,
            },
        })
        .collect();
    found.dedup();
    found
}

fn report<F: Family>(
    objective: &TableLikelihood<F>,
    optimum: &Optimum,
    constant: f64,
) -> TimingFit<F::Model> {
    let covariance = covariance(objective, optimum);
    let rates = objective.estimation.rate.len();
    let effects = |which: &[usize], from: usize| -> Vec<Effect> {
        which
            .iter()
            .enumerate()
            .map(|(k, &covariate)| {
                let scale = objective.scales[covariate];
                Effect {
                    covariate,
                    value: optimum.at[from + k] / scale,
                    standard_error: covariance
                        .sandwich_error(from + k)
                        .map(|error| error / scale),
                }
            })
            .collect()
    };
    let eta = [optimum.at[0], optimum.at[1], optimum.at[2], optimum.at[3]];
    let model = objective.family.model(eta, objective.unit);
    TimingFit {
        model,
        rate_effects: effects(&objective.estimation.rate, 4),
        attrition_effects: effects(&objective.estimation.attrition, 4 + rates),
        log_likelihood: optimum.value + constant,
        customers: objective.table.customers(),
        boundaries: boundaries(objective, optimum, model),
        iterations: optimum.iterations,
        at: optimum.at.clone(),
        unit: objective.unit,
        estimation: objective.estimation.clone(),
        scales: objective.scales.clone(),
        covariance,
    }
}

/// Refuses parameters that are not positive and finite.
pub(crate) fn check_positive(parameters: &[(&'static str, f64)]) -> Result<(), FitError> {
    for &(what, value) in parameters {
        if !(value.is_finite() && value > 0.0) {
            return Err(FitError::InvalidArgument { what, value });
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bg_nbd::{BgNbd, MbgNbd};
    use crate::pareto_nbd::ParetoNbd;
    use crate::table::CustomerColumns;

    /// Customers of every kind, seen for one time.
    pub(crate) fn histories() -> [Customer; 6] {
        let purchases = [
            (0, 0.0),
            (2, 30.0),
            (2, 3.0),
            (40, 37.0),
            (90, 12.0),
            (3, 38.0),
        ];
        purchases.map(|(frequency, recency)| Customer {
            frequency,
            recency,
            age: 38.0,
        })
    }

    /// Customers whose rates and hazards are exponential, seen by the week, in weeks or
    /// days.
    fn columns(unit: f64) -> (Vec<u32>, Vec<f64>, Vec<f64>) {
        let mut random = crate::random::Random::new(4);
        let mut exponential = |mean: f64| -mean * random.uniform().ln();
        let mut columns = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..CUSTOMERS_DRAWN {
            let age = (30.0 + 2.0 * exponential(1.0).min(5.0)).round();
            let rate = exponential(0.1);
            let mean_life = 1.0 / exponential(0.05);
            let end = exponential(mean_life).min(age);
            let (mut frequency, mut recency) = (0, 0.0);
            loop {
                let next = recency + exponential(1.0 / rate);
                if next > end {
                    break;
                }
                (frequency, recency) = (frequency + 1, next);
            }
            columns.0.push(frequency);
            columns.1.push(recency.ceil().min(age) * unit);
            columns.2.push(age * unit);
        }
        columns
    }

    const CUSTOMERS_DRAWN: usize = 1500;

    fn tables(unit: f64) -> [CustomerTable; 2] {
        let (frequency, recency, age) = columns(unit);
        let columns = CustomerColumns {
            frequency: &frequency,
            recency: &recency,
            age: &age,
            ..CustomerColumns::default()
        };
        [
            CustomerTable::new(&columns).expect("a table"),
            CustomerTable::unmerged(&columns).expect("a table"),
        ]
    }

    /// The analytic gradient is that of the likelihood.
    #[track_caller]
    fn assert_gradient<M: TimingModel>(model: M, customer: Customer) {
        let (_, gradient) = model.family().likelihood(model).evaluate(&customer);
        for (i, slope) in gradient.into_iter().enumerate() {
            const STEP: f64 = 1e-5;
            let at = |step: f64| {
                let mut eta = model.scale_free();
                eta[i] += step;
                model.at_scale_free(eta).ln_likelihood(&customer)
            };
            let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            let tolerance = 1e-6 * (1.0 + slope.abs().max(difference.abs()));
            assert!(
                (slope - difference).abs() < tolerance,
                "{i}: {slope} {difference}"
            );
        }
    }

    #[test]
    fn gradients_are_derivatives() {
        for customer in histories() {
            for (alpha, beta) in [(10.6, 11.7), (40.0, 5.0), (7.0, 7.0)] {
                let model = ParetoNbd::new(0.55, alpha, 0.61, beta).expect("parameters");
                assert_gradient(model, customer);
            }
            for k in [1, 3] {
                let model = BgNbd::new(0.3, 4.4, 0.8, 2.4).expect("parameters");
                assert_gradient(BgNbd { k, ..model }, customer);
                let model = MbgNbd::new(0.5, 6.2, 0.9, 1.6).expect("parameters");
                assert_gradient(MbgNbd { k, ..model }, customer);
            }
        }
    }

    /// Days and weeks, merged and unmerged: the same fit.
    #[track_caller]
    fn assert_same<M: TimingModel>(fit: impl Fn(&CustomerTable) -> TimingFit<M>) {
        let [weeks, unmerged] = tables(1.0);
        let [days, _] = tables(7.0);
        assert!(weeks.len() < 1000 && unmerged.len() == CUSTOMERS_DRAWN);
        let (weeks, unmerged, days) = (fit(&weeks), fit(&unmerged), fit(&days));
        assert!((weeks.log_likelihood - unmerged.log_likelihood).abs() < 1e-8);
        let eta = |fit: &TimingFit<M>| fit.at.clone();
        for ((week, day), one) in eta(&weeks).iter().zip(eta(&days)).zip(eta(&unmerged)) {
            assert!((week - day).abs() < 1e-9, "days: {week} {day}");
            assert!((week - one).abs() < 1e-10, "unmerged: {week} {one}");
        }
        let customer = Customer {
            frequency: 2,
            recency: 21.0,
            age: 30.0,
        };
        let in_days = Customer {
            frequency: 2,
            recency: 147.0,
            age: 210.0,
        };
        let by_week = weeks.model.expected_transactions(&customer, 52.0);
        let by_day = days.model.expected_transactions(&in_days, 364.0);
        assert!((by_week / by_day - 1.0).abs() < 1e-9);
    }

    #[test]
    fn neither_the_unit_nor_merging_matters() {
        assert_same(|table| ParetoNbd::fit(table).expect("a fit"));
        assert_same(|table| MbgNbd::fit(table).expect("a fit"));
    }
}
