//! What customers are worth over their lifetime.

mod acquisition;
mod backtest;
mod base;
mod cohorts;
mod finding;
mod fit;
mod incremental;
mod purchases;
mod value;

pub use backtest::{BackTest, Forecast};
pub use finding::{
    AcquisitionFinding, Audiences, Band, Baseline, CohortFinding, Distribution, GroupValue,
    LifetimeCheck, LifetimeExtent, LifetimeFinding, LifetimeUnit, NewCustomer, Parameter,
    PaybackMonths, QuantileValue, SpendFinding, TimingFinding,
};
pub use incremental::{
    IncrementalArm, IncrementalFinding, IncrementalPart, Placebo, StaysOnFinding, StopsFinding,
    WindowMeasured,
};

use std::collections::BTreeMap;

use catalog::{Catalog, Lifetime, LifetimeModel, Span, SpanUnit};
use clv::baselines::{Churn, History, NoBaseline, rate_per_customer};
use clv::discount::{DAYS_PER_YEAR, Discount};
use clv::{FitError, Prediction};
use lake::Lake;
use stats::tail::normal_quantile;

use self::base::Base;
use self::cohorts::{Cohort, month_name, month_of};
use self::fit::{Fitted, Spend, per_customer};
use self::purchases::{Purchases, day};
use self::value::{Expected, Group, Terms, in_units};
use crate::audience::Severity;
use crate::error::MeasureError;
use crate::{Provenance, Reason, Refusal};

/// Intervals have level 1 - alpha.
const ALPHA: f64 = 0.05;
/// Correlations of spend with the number of purchases beyond which the model of spend is doubtful.
const DOUBTFUL_CORRELATION: f64 = 0.3;

/// Measures what customers are worth over their lifetime.
///
/// One scan of the fact becomes purchases, and purchases become a customer base in which equal histories are one row.
/// Models of purchase timing (Pareto/NBD, BG/NBD, MBG/NBD) and of spend (Gamma-Gamma) are fitted to it by maximum
/// likelihood. Value is margin on expected purchases within the horizon from the last day, discounted to it.
///
/// What no model can say is refused, with the reason; a base in which no attrition is visible is a result.
///
/// # Errors
///
/// [`MeasureError`] where the lake or the catalog do not allow the measurement at all.
pub fn lifetime(
    catalog: &Catalog,
    lake: &mut Lake,
    lifetime: &Lifetime,
) -> Result<LifetimeFinding, MeasureError> {
    let purchases = purchases::read(catalog, lake, lifetime)?;
    lake.check_unchanged()?;
    let discount = Discount::annual(catalog.project().discount_rate).map_err(|error| {
        MeasureError::Unusable {
            place: format!("lifetime `{}`", lifetime.name),
            message: error.to_string(),
        }
    })?;
    let margin = match &lifetime.spend {
        Some(_) => lifetime.margin.or(catalog.project().margin),
        None => None,
    };
    let horizon_days = days(lifetime.horizon);
    let measured = Measured {
        lifetime,
        terms: Terms {
            margin: margin.unwrap_or(1.0),
            discount: discount.continuous(base::DAYS_PER_UNIT),
            horizon: in_units(horizon_days),
            alpha: ALPHA,
        },
        base: Base::read(lake, &lifetime.name, (purchases.end, purchases.data_end))?,
        cohorts: cohorts::read(
            lake,
            &lifetime.name,
            purchases.end,
            lifetime.acquisition.is_some(),
        )?,
        purchases,
    };
    let mut finding = measured.empty(catalog, lake, margin, horizon_days)?;
    measured.fill(lake, &mut finding)?;
    if let Some(experiment) =
        (lifetime.experiment.as_ref()).and_then(|name| catalog.experiment(name))
    {
        let context = incremental::Context {
            purchases: &measured.purchases,
            effect: lifetime.effect,
            has_spend: lifetime.spend.is_some(),
            margin: measured.terms.margin,
            horizon_days,
            discount,
            alpha: ALPHA,
        };
        finding.incremental = Some(incremental::incremental(
            catalog, lake, experiment, &context,
        )?);
    }
    purchases::finish(lake)?;
    finding.provenance = Provenance::of(catalog, lake)?;
    Ok(finding)
}

/// A length of time in days, months and years at their average length.
fn days(span: Span) -> f64 {
    let unit = match span.unit {
        SpanUnit::Month => DAYS_PER_YEAR / 12.0,
        SpanUnit::Year => DAYS_PER_YEAR,
        SpanUnit::Week => 7.0,
        SpanUnit::Day => 1.0,
        SpanUnit::Hour => 1.0 / 24.0,
        SpanUnit::Minute => 1.0 / 1440.0,
        SpanUnit::Second => 1.0 / 86_400.0,
    };
    f64::from(span.count) * unit
}

/// What has been read.
struct Measured<'a> {
    lifetime: &'a Lifetime,
    terms: Terms,
    base: Base,
    cohorts: Vec<Cohort>,
    purchases: Purchases,
}

/// The likeliest model, and what goes with it.
struct Chosen<'f> {
    fitted: &'f Fitted,
    spend: Spend,
    expected: Expected,
    threads: usize,
}

impl Chosen<'_> {
    /// Standard error of the purchases of a new customer within a horizon, relative to them.
    fn relative_error_of_new(&self, horizon: f64) -> f64 {
        let new = clv::Customer {
            frequency: 0,
            recency: 0.0,
            age: 0.0,
        };
        let slopes = self.fitted.slopes(&new, horizon);
        let variance = value::quadratic(&slopes, &self.fitted.covariance().concat());
        variance.max(0.0).sqrt()
    }
}

impl Measured<'_> {
    /// The finding without what models say.
    fn empty(
        &self,
        catalog: &Catalog,
        lake: &Lake,
        margin: Option<f64>,
        horizon_days: f64,
    ) -> Result<LifetimeFinding, MeasureError> {
        let rows = self.base.kept.iter();
        let repeats = rows.map(|row| u64::from(row.customers) * u64::from(row.frequency));
        let without = self.base.kept.iter().filter(|row| row.frequency == 0);
        let purchases = &self.purchases;
        Ok(LifetimeFinding {
            format: LifetimeFinding::FORMAT.to_owned(),
            lifetime: self.lifetime.name.clone(),
            description: self.lifetime.description.clone(),
            unit: match (&self.lifetime.spend, margin) {
                (None, _) => LifetimeUnit::Purchases,
                (Some(_), None) => LifetimeUnit::Spend,
                (Some(_), Some(_)) => LifetimeUnit::Margin,
            },
            currency: catalog.project().currency.clone(),
            margin,
            discount_rate: catalog.project().discount_rate,
            horizon: self.lifetime.horizon,
            horizon_days,
            alpha: ALPHA,
            extent: LifetimeExtent {
                rows: purchases.rows,
                customers: self.base.customers(),
                without_repeat: without.map(|row| u64::from(row.customers)).sum(),
                repeat_purchases: repeats.sum(),
                first_day: day(purchases.from).to_string(),
                last_day: day(purchases.end).to_string(),
                data_end: day(purchases.data_end).to_string(),
                left_out: purchases.left_out.clone(),
                returns_netted: purchases.returns_netted,
                unmatched_returns: purchases.unmatched_returns,
            },
            models: Vec::new(),
            model: None,
            spend: None,
            refusal: None,
            value: None,
            tail: None,
            unbounded: None,
            band: None,
            new_customer: None,
            distribution: None,
            by: Vec::new(),
            channels: Vec::new(),
            cohorts: Vec::new(),
            baselines: Vec::new(),
            back_test: None,
            acquisition: Vec::new(),
            incremental: None,
            checks: self.checks(),
            provenance: Provenance::of(catalog, lake)?,
        })
    }

    /// Fits models and adds what they say.
    fn fill(&self, lake: &Lake, finding: &mut LifetimeFinding) -> Result<(), MeasureError> {
        let all = Group::split(&self.base, 1, |_| 0).remove(0);
        self.add_cohorts(finding);
        let table = match self.base.all() {
            Ok(table) => table,
            Err(error) => {
                finding.refusal = Some(refusal_of(&error));
                return Ok(());
            }
        };
        let fits: Vec<(LifetimeModel, Result<Fitted, FitError>)> = fit::models(self.lifetime.model)
            .into_iter()
            .map(|model| (model, Fitted::new(model, &table)))
            .collect();
        let fitted: Vec<(LifetimeModel, &Fitted)> = fits
            .iter()
            .filter_map(|(model, fit)| Some((*model, fit.as_ref().ok()?)))
            .collect();
        let (back_test, later) = self.back_test(lake, &fitted)?;
        finding.back_test = back_test;
        self.baselines(finding, &all, later.as_ref().unwrap_or(&self.base));
        let spend = self.spend(finding);
        let threads = lake.engine().threads();
        let mut discounted = Vec::new();
        for (model, fit) in &fits {
            let purchases = (fit.as_ref().ok())
                .map(|fit| value::discounted(&self.base, fit, &self.terms, threads));
            let mut said = self.timing(*model, fit, &table);
            if let (Some(spend), Some(purchases)) = (&spend, &purchases) {
                let total = all.total(&self.base, purchases, spend, self.terms.margin);
                said.future = total.ok().map(|total| total / all.customers);
            }
            finding.models.push(said);
            discounted.push((*model, purchases.unwrap_or_default()));
        }
        finding.models.sort_by(|a, b| {
            let value = |model: &TimingFinding| model.log_likelihood.unwrap_or(f64::NEG_INFINITY);
            value(b).total_cmp(&value(a))
        });
        let best = fitted
            .iter()
            .max_by(|a, b| a.1.log_likelihood().total_cmp(&b.1.log_likelihood()));
        let Some((model, best)) = best else {
            finding.refusal = finding
                .models
                .first()
                .and_then(|model| model.refusal.clone());
            return Ok(());
        };
        finding.model = Some(fit::name(*model).to_owned());
        let Some(spend) = spend else {
            finding.refusal = finding
                .spend
                .as_ref()
                .and_then(|spend| spend.refusal.clone());
            return Ok(());
        };
        let purchases = discounted.into_iter().find(|(of, _)| of == model);
        let purchases = purchases
            .map(|(_, purchases)| purchases)
            .unwrap_or_default();
        let expected = Expected::new(&self.base, best, &self.terms, purchases, threads);
        let chosen = Chosen {
            fitted: best,
            spend,
            expected,
            threads,
        };
        if let Err(error) = self.values(finding, &chosen, &all) {
            finding.refusal = Some(Refusal::new(Reason::UnfitData, error.to_string()));
        }
        self.add_acquisition(finding);
        Ok(())
    }

    /// What a model says of when customers buy.
    fn timing(
        &self,
        model: LifetimeModel,
        fit: &Result<Fitted, FitError>,
        table: &clv::CustomerTable,
    ) -> TimingFinding {
        let mut finding = TimingFinding {
            model: fit::name(model).to_owned(),
            parameters: Vec::new(),
            log_likelihood: None,
            boundaries: Vec::new(),
            sees_no_attrition: false,
            attrition_p: None,
            future: None,
            refusal: None,
        };
        match fit {
            Err(error) => finding.refusal = Some(refusal_of(error)),
            Ok(fitted) => {
                finding.parameters = fitted.parameters();
                finding.log_likelihood = Some(fitted.log_likelihood());
                finding.boundaries = fitted.boundaries().iter().map(fit::in_words).collect();
                finding.sees_no_attrition = fitted.sees_no_attrition();
                finding.attrition_p = fitted
                    .attrition_test(table)
                    .ok()
                    .map(|test| test.probability);
            }
        }
        finding
    }

    /// The model of spend, with what the finding says of it.
    fn spend(&self, finding: &mut LifetimeFinding) -> Option<Spend> {
        if self.lifetime.spend.is_none() {
            return Some(Spend::Counted);
        }
        let mut said = SpendFinding {
            parameters: Vec::new(),
            log_likelihood: None,
            customers: 0,
            mean: None,
            correlation: None,
            refusal: None,
        };
        let spend = fit::spend_table(&self.base).and_then(|table| {
            said.customers = table.customers() as u64;
            said.correlation = table.correlation_with_frequency();
            Spend::new(&table)
        });
        match &spend {
            Ok(Spend::Varies(fit)) => {
                let parameters = &fit.parameters;
                let named = [
                    ("p", parameters.p),
                    ("q", parameters.q),
                    ("gamma", parameters.gamma),
                ];
                said.parameters = named
                    .iter()
                    .enumerate()
                    .map(|(i, (name, value))| Parameter {
                        name: (*name).to_owned(),
                        value: *value,
                        se: value * fit.covariance[4 * i].max(0.0).sqrt(),
                    })
                    .collect();
                said.log_likelihood = Some(fit.log_likelihood);
                match fit.population_mean(&[]) {
                    Ok(mean) => {
                        let mean = Prediction {
                            value: mean.estimate,
                            standard_error: mean.se,
                        };
                        said.mean = Some(per_customer(mean, 1.0, ALPHA));
                    }
                    Err(error) => {
                        said.refusal = Some(Refusal::new(Reason::UnfitData, error.to_string()));
                    }
                }
            }
            Ok(Spend::Same(mean)) => {
                let mean = Prediction {
                    value: *mean,
                    standard_error: 0.0,
                };
                said.mean = Some(per_customer(mean, 1.0, ALPHA));
            }
            Ok(Spend::Counted) => {}
            Err(error) => said.refusal = Some(refusal_of(error)),
        }
        if let Some(correlation) = said.correlation.filter(|c| c.abs() > DOUBTFUL_CORRELATION) {
            finding.checks.push(LifetimeCheck {
                severity: Severity::Warning,
                message: format!(
                    "spend per purchase and the number of purchases go together (correlation {correlation:.2}); the \
                     model takes them to be independent, so that values of frequent buyers are off"
                ),
            });
        }
        let is_usable = said.refusal.is_none();
        finding.spend = Some(said);
        spend.ok().filter(|_| is_usable)
    }

    /// Values of all customers, of groups, and of a new customer.
    fn values(
        &self,
        finding: &mut LifetimeFinding,
        chosen: &Chosen<'_>,
        all: &Group,
    ) -> Result<(), clv::InfiniteMeanSpend> {
        let Chosen {
            fitted,
            spend,
            expected,
            threads,
        } = chosen;
        let terms = &self.terms;
        let future = all.future(&self.base, expected, spend, terms)?;
        let first: f64 = self.cohorts.iter().map(|cohort| cohort.first).sum();
        finding.value = Some(all.value(String::new(), first, expected, future, terms));
        if terms.discount > 0.0 {
            let forever = Terms {
                horizon: f64::INFINITY,
                ..*terms
            };
            let forever = value::discounted(&self.base, fitted, &forever, *threads);
            let forever = all.total(&self.base, &forever, spend, terms.margin)?;
            let tail = (forever - future.value) / all.customers;
            finding.tail = tail.is_finite().then_some(tail);
        }
        finding.unbounded = unbounded(fitted);
        let by_models = finding.models.iter().filter_map(|model| model.future);
        let band = by_models.fold(None, |band: Option<Band>, future| {
            let value = future;
            let (low, high) = band.map_or((value, value), |band| (band.low, band.high));
            Some(Band {
                low: low.min(value),
                high: high.max(value),
            })
        });
        finding.band = band.filter(|_| finding.models.len() > 1);
        finding.new_customer = Some(self.new_customer(chosen, first / all.customers)?);
        finding.distribution = Some(value::distribution(&self.base, expected, spend, terms)?);
        for (column, name) in self.lifetime.by.iter().enumerate() {
            let values = self.groups_of(chosen, column)?;
            finding.by.push(Audiences {
                column: name.clone(),
                values,
            });
        }
        let channel = self.lifetime.acquisition.as_ref();
        if channel.is_some_and(|acquisition| acquisition.channel.is_some()) {
            // The channel is the last of the columns behind cells.
            finding.channels = self.groups_of(chosen, self.purchases.columns.len() - 1)?;
        }
        let months: Vec<i64> = finding_months(&self.cohorts);
        let month = |row: &base::Kept| {
            let month = month_of(self.base.end - i64::from(row.age));
            months.binary_search(&month).unwrap_or(0)
        };
        let groups = Group::split(&self.base, months.len(), month);
        for ((group, month), cohort) in groups.iter().zip(&months).zip(&mut finding.cohorts) {
            let future = group.future(&self.base, expected, spend, terms)?;
            let of_month = self.cohorts.iter().filter(|cohort| cohort.month == *month);
            let first = of_month.map(|cohort| cohort.first).sum();
            cohort.value = Some(group.value(cohort.month.clone(), first, expected, future, terms));
        }
        Ok(())
    }

    /// Values by a column, the largest group first.
    fn groups_of(
        &self,
        chosen: &Chosen<'_>,
        column: usize,
    ) -> Result<Vec<GroupValue>, clv::InfiniteMeanSpend> {
        let mut numbers: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        let cells: Vec<usize> = self
            .purchases
            .cells
            .iter()
            .map(|cell| {
                let next = numbers.len();
                *numbers.entry(cell[column].as_deref()).or_insert(next)
            })
            .collect();
        let groups = Group::split(&self.base, numbers.len(), |row| cells[row.cell as usize]);
        let mut values = Vec::new();
        for (name, number) in numbers {
            let group = &groups[number];
            let future = group.future(&self.base, &chosen.expected, &chosen.spend, &self.terms)?;
            let cohorts = self.cohorts.iter();
            let first = cohorts
                .filter(|cohort| cells[cohort.cell as usize] == number)
                .map(|cohort| cohort.first)
                .sum();
            let name = name.unwrap_or("(none)").to_owned();
            values.push(group.value(name, first, &chosen.expected, future, &self.terms));
        }
        values.sort_by(|a, b| b.customers.cmp(&a.customers).then(a.group.cmp(&b.group)));
        Ok(values)
    }

    fn new_customer(
        &self,
        chosen: &Chosen<'_>,
        first: f64,
    ) -> Result<NewCustomer, clv::InfiniteMeanSpend> {
        let terms = &self.terms;
        let purchases = chosen
            .fitted
            .discounted_of_new(terms.discount, terms.horizon);
        let purchases = Prediction {
            value: purchases,
            standard_error: purchases * chosen.relative_error_of_new(terms.horizon),
        };
        let (mean, se) = match &chosen.spend {
            Spend::Varies(fit) => {
                let mean = fit.population_mean(&[])?;
                (mean.estimate, mean.se)
            }
            other => (other.conditional(0.0, 0.0)?, 0.0),
        };
        let margin = terms.margin;
        let standard_error = margin * (mean * purchases.standard_error).hypot(purchases.value * se);
        let repeat = Prediction {
            value: margin * mean * purchases.value,
            standard_error,
        };
        let repeat = per_customer(repeat, 1.0, ALPHA);
        let first = margin * first;
        Ok(NewCustomer {
            first_purchase: first,
            expected_purchases: chosen.fitted.expected_of_new(terms.horizon),
            value: crate::audience::Estimate {
                estimate: first + repeat.estimate,
                low: first + repeat.low,
                high: first + repeat.high,
                ..repeat
            },
        })
    }

    /// What cohorts brought by age.
    fn add_cohorts(&self, finding: &mut LifetimeFinding) {
        let end = self.purchases.end;
        let longest = cohorts::months(&self.cohorts, end);
        for month in finding_months(&self.cohorts) {
            let of_month: Vec<&Cohort> = self.cohorts.iter().filter(|c| c.month == month).collect();
            let customers: f64 = of_month.iter().map(|cohort| cohort.customers).sum();
            finding.cohorts.push(CohortFinding {
                value: None,
                month: month_name(month),
                customers: customers as u64,
                by_age: cohorts::by_age(&of_month, end, longest, self.terms.margin),
            });
        }
    }

    /// A back-test, and the customer base that it was made on where that is another one: where the data reach beyond
    /// `until` models are held against what is there, else they see half of the time.
    fn back_test(
        &self,
        lake: &Lake,
        fitted: &[(LifetimeModel, &Fitted)],
    ) -> Result<(Option<BackTest>, Option<Base>), MeasureError> {
        let Purchases {
            from,
            end,
            data_end,
            ..
        } = self.purchases;
        if data_end > end {
            return Ok((backtest::back_test(&self.base, fitted, data_end), None));
        }
        let half = from + (end - from) / 2;
        let base = Base::read(lake, &self.lifetime.name, (half, end))?;
        let Ok(table) = base.all() else {
            return Ok((None, None));
        };
        let fits: Vec<(LifetimeModel, Fitted)> = fit::models(self.lifetime.model)
            .into_iter()
            .filter_map(|model| Some((model, Fitted::new(model, &table).ok()?)))
            .collect();
        let fitted: Vec<(LifetimeModel, &Fitted)> =
            fits.iter().map(|(model, fit)| (*model, fit)).collect();
        let back_test = backtest::back_test(&base, &fitted, end);
        Ok((back_test, Some(base)))
    }

    /// Simple rules; `earlier` is the customer base with what its customers did later.
    fn baselines(&self, finding: &mut LifetimeFinding, all: &Group, earlier: &Base) {
        let margin = self.terms.margin;
        let (spend, repeats) = all.repeats();
        let first: f64 = self.cohorts.iter().map(|cohort| cohort.first).sum();
        let rows = || self.base.kept.iter();
        let customer_days = rows()
            .map(|row| f64::from(row.customers) * f64::from(row.age))
            .sum();
        let history = History {
            customers: all.customers,
            orders: all.customers + repeats,
            spend: margin * (first + spend),
            days: customer_days,
        };
        let horizon = finding.horizon_days;
        let by_rate: f64 = rows()
            .filter(|row| row.frequency > 0)
            .map(|row| {
                let purchases = f64::from(row.frequency);
                let rate = rate_per_customer(purchases, f64::from(row.age), horizon, 1.0);
                f64::from(row.customers) * rate * row.spend / purchases
            })
            .sum();
        let lost = earlier.kept.iter().filter(|row| row.later == 0);
        let churn = finding.back_test.as_ref().map(|back_test| Churn {
            active: earlier.customers() as f64,
            lost: lost.map(|row| f64::from(row.customers)).sum(),
            days: f64::from(back_test.days),
        });
        let textbook = churn.map_or(Err(NoBaseline::Nothing("later purchases")), |churn| {
            history.textbook_value(&churn)
        });
        let rules = [
            (
                "historic-average",
                "what customers have brought so far, on average",
                history.average_spend(),
            ),
            (
                "rate-per-customer",
                "each goes on as so far: repeat purchases a day times the horizon, at the customer's own mean, not \
                 discounted",
                Ok(margin * by_rate / all.customers),
            ),
            (
                "textbook",
                "spend a day times the lifespan: one over the share of customers that is lost, not discounted",
                textbook,
            ),
        ];
        finding.baselines = rules
            .into_iter()
            .map(|(rule, what, value)| Baseline {
                rule: rule.to_owned(),
                what: what.to_owned(),
                value: value.as_ref().ok().copied(),
                refusal: value
                    .err()
                    .map(|error| Refusal::new(Reason::TooLittleData, error.to_string())),
            })
            .collect();
    }

    /// What acquisition cost: of all customers, by channel and by cohort.
    fn add_acquisition(&self, finding: &mut LifetimeFinding) {
        let Some(acquisition) = &self.lifetime.acquisition else {
            return;
        };
        let of = |what: (&str, &str), cohorts: &[&Cohort], worth: Option<&GroupValue>| {
            acquisition::acquisition(
                what,
                cohorts,
                worth,
                self.purchases.end,
                self.terms.margin,
                ALPHA,
            )
        };
        let all: Vec<&Cohort> = self.cohorts.iter().collect();
        let mut found = vec![of(("all", ""), &all, finding.value.as_ref())];
        if acquisition.channel.is_some() {
            // The channel is the last of the columns behind cells.
            let column = self.purchases.columns.len() - 1;
            for worth in &finding.channels {
                let name = worth.group.as_str();
                let of_channel: Vec<&Cohort> = self
                    .cohorts
                    .iter()
                    .filter(|cohort| {
                        let value = &self.purchases.cells[cohort.cell as usize][column];
                        value.as_deref().unwrap_or("(none)") == name
                    })
                    .collect();
                found.push(of(("channel", name), &of_channel, Some(worth)));
            }
        }
        for cohort in &finding.cohorts {
            let of_month: Vec<&Cohort> = (self.cohorts.iter())
                .filter(|part| month_name(part.month) == cohort.month)
                .collect();
            found.push(of(
                ("cohort", &cohort.month),
                &of_month,
                cohort.value.as_ref(),
            ));
        }
        finding.acquisition = found;
    }

    /// What is wrong, or worth knowing, before any model.
    fn checks(&self) -> Vec<LifetimeCheck> {
        let mut checks = Vec::new();
        let mut warn = |message: String| {
            checks.push(LifetimeCheck {
                severity: Severity::Warning,
                message,
            });
        };
        let purchases = &self.purchases;
        let returned = -purchases.unmatched_returns;
        if purchases.gross > 0.0 && returned / purchases.gross > 0.005 {
            warn(format!(
                "returns of {returned:.0}, {:.1} % of what was bought, belong to no known purchase: values are before them",
                100.0 * returned / purchases.gross
            ));
        }
        if purchases.varying > 0 {
            warn(format!(
                "columns of `by` vary among the purchases of {} customers; the value of the first purchase counts",
                purchases.varying
            ));
        }
        let length = purchases.data_end - purchases.from;
        if let Some(before) = purchases.day_before_last
            && self.lifetime.until.is_none()
            && 10 * (purchases.data_end - before) > length.max(60)
        {
            warn(format!(
                "nobody bought between {} and {}: if a date is wrong, leave its row out, or say with `until` where the \
                 data end",
                day(before),
                day(purchases.data_end)
            ));
        }
        let unobserved: u64 = (self.base.kept.iter())
            .filter(|row| row.age == 0)
            .map(|row| u64::from(row.customers))
            .sum();
        if unobserved > 0 {
            checks.push(LifetimeCheck {
                severity: Severity::Notice,
                message: format!(
                    "{unobserved} customers bought for the first time on the last day: they count, and say nothing of timing"
                ),
            });
        }
        checks
    }
}

/// The months in which customers bought for the first time, each once.
fn finding_months(cohorts: &[Cohort]) -> Vec<i64> {
    let mut months: Vec<i64> = cohorts.iter().map(|cohort| cohort.month).collect();
    months.dedup();
    months
}

/// Why no value of a whole life is given without a discount: nothing bounds it.
fn unbounded(fitted: &Fitted) -> Option<Refusal> {
    if fitted.sees_no_attrition() {
        let message = "no attrition is visible in this window, so that nothing bounds a customer's life: only a value \
                       within a horizon is given";
        return Some(Refusal::new(Reason::UnboundedLifetime, message));
    }
    let (shape, se) = fitted.attrition_shape();
    let low = shape * (-normal_quantile(1.0 - 0.5 * ALPHA) * se).exp();
    (low <= 1.0).then(|| {
        let message = format!(
            "the shape of attrition is {shape:.3}, at least {low:.3}; a mean life is finite above 1 only: a value within \
             a horizon is given"
        );
        Refusal::new(Reason::UnboundedLifetime, message)
    })
}

fn refusal_of(error: &FitError) -> Refusal {
    let reason = match error {
        FitError::NoCustomers
        | FitError::NoTimeObserved
        | FitError::NoRepeatPurchases
        | FitError::SingularInformation => Reason::TooLittleData,
        _ => Reason::UnfitData,
    };
    Refusal::new(reason, error.to_string())
}
