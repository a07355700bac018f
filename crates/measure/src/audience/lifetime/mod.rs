//! What customers are worth over their lifetime.

mod acquisition;
mod audiences;
mod backtest;
mod base;
mod checks;
mod cohorts;
mod contracts;
mod covariates;
mod customer_values;
mod customers;
mod days;
mod discrete;
mod finding;
mod fit;
mod histories;
mod incremental;
mod life;
mod measured;
mod periods;
pub(crate) mod prospects;
mod purchases;
mod reader;
mod retention;
mod rollout;
mod rules;
mod spend;
mod states;
mod value;
mod worth;

pub use backtest::{BackTest, Forecast};
pub use customer_values::{ValuesFile, ValuesFormat};
pub use finding::{
    AcquisitionFinding, AudienceValue, Audiences, Band, Baseline, CohortFinding, CovariateFinding,
    Distribution, GroupValue, LifetimeCheck, LifetimeExtent, LifetimeFinding, LifetimeUnit,
    NeverBought, NewCustomer, Parameter, PaybackMonths, PaybackPoint, QuantileValue, SpendFinding,
    TimingFinding,
};
pub use incremental::{
    BuyerShare, BuyerShares, CohortEffect, Comparability, Drift, FadingChange, FadingFinding,
    FadingPace, IncrementalArm, IncrementalFinding, IncrementalPart, Modelled, MonthEffect,
    Placebo, RelativeEffect, StaysOnFinding, StopsFinding, Supposed, SurrogateFinding,
    WindowAdjusted, WindowMeasured,
};
pub use life::{LifeUnit, MeanLife};
pub use retention::{RetentionFinding, RetentionPoint};
pub use rollout::{BeforeTest, RolloutCohort, RolloutFinding, RolloutMonth};
pub use states::{State, States, StatesRow};

use catalog::{Catalog, Lifetime, Span, SpanUnit};
use clv::FitError;
use clv::discount::{DAYS_PER_YEAR, Discount};
use lake::Lake;

use self::base::Base;
use self::cohorts::Ages;
use self::covariates::Covariates;
use self::measured::Measured;
use self::purchases::{Purchases, day};
use self::value::{Terms, in_units};
use crate::error::MeasureError;
use crate::{Provenance, Reason, Refusal};

/// Intervals have level 1 - alpha.
const ALPHA: f64 = 0.05;

/// Measures what customers are worth over their lifetime.
///
/// One scan of the fact becomes purchases, and purchases become a customer base in which equal histories are one row.
/// Models of purchase timing (Pareto/NBD, BG/NBD, MBG/NBD; BG/BB at opportunities) and of spend (Gamma-Gamma) are fitted to
/// it by maximum likelihood. Value is margin on expected purchases within the horizon from the last day, discounted to it.
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
    measure(catalog, lake, lifetime, None)
}

/// The same, and writes what each customer is worth to a file: a row a customer, in the order of their ids, with their
/// repeat purchases, days of the first and last one, the probability of being there at the end, purchases expected within the
/// horizon, future value with its standard error and interval, and the columns of `by` and the channel. Errors and intervals
/// count how little is known of the parameters, not the chance of what the customer will do. The mean of the values is the
/// finding's.
///
/// Where the finding is a refusal there is no file.
///
/// # Errors
///
/// As [`lifetime`]; [`MeasureError::Unusable`] for contracts; where the file cannot be written.
pub fn lifetime_with_values(
    catalog: &Catalog,
    lake: &mut Lake,
    lifetime: &Lifetime,
    file: ValuesFile<'_>,
) -> Result<LifetimeFinding, MeasureError> {
    if lifetime.contracts.is_some() {
        return Err(MeasureError::Unusable {
            place: format!("lifetime `{}`, contracts", lifetime.name),
            message: "the values of single contracts are not written, but those of customers who make purchases: the \
                      finding has what contracts are worth by the columns of `by`"
                .to_owned(),
        });
    }
    measure(catalog, lake, lifetime, Some(file))
}

fn measure(
    catalog: &Catalog,
    lake: &mut Lake,
    lifetime: &Lifetime,
    values_file: Option<ValuesFile<'_>>,
) -> Result<LifetimeFinding, MeasureError> {
    let discount = Discount::annual(catalog.project().discount_rate).map_err(|error| {
        MeasureError::Unusable {
            place: format!("lifetime `{}`", lifetime.name),
            message: error.to_string(),
        }
    })?;
    if let Some(declared) = &lifetime.contracts {
        let mut finding = contracts::contracts(catalog, lake, lifetime, (declared, discount))?;
        finding.provenance = Provenance::of(catalog, lake)?;
        return Ok(finding);
    }
    let purchases = purchases::read(catalog, lake, lifetime)?;
    let audiences = audiences::read(catalog, lake, lifetime, &purchases)?;
    lake.check_unchanged()?;
    let margin = margin_of(catalog, lifetime);
    let horizon_days = days(lifetime.horizon);
    let ages = lifetime
        .opportunities
        .map_or(Ages::months(), Ages::opportunities);
    let has_cost = lifetime.acquisition.is_some();
    let cohorts = cohorts::read(lake, &lifetime.name, purchases.end, ages, has_cost)?;
    let sizes = cohorts::sizes_of_cells(&cohorts, purchases.cells.len());
    let covariates = Covariates::new(&purchases, &sizes, &format!("lifetime `{}`", lifetime.name))?;
    let measured = Measured {
        lifetime,
        terms: Terms {
            margin: margin.unwrap_or(1.0),
            discount: discount.continuous(base::DAYS_PER_UNIT),
            horizon: in_units(horizon_days),
            alpha: ALPHA,
        },
        base: Base::read(lake, &lifetime.name, &purchases, &covariates)?,
        cohorts,
        ages,
        purchases,
        audiences,
        values_file,
    };
    let mut finding = blank(catalog, lake, lifetime, &measured.purchases)?;
    measured.count(&mut finding.extent);
    finding.age_step = ages.step;
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
        let found = incremental::incremental(catalog, lake, experiment, &context)?;
        finding.checks.extend(incremental::checks(&found));
        finding.incremental = Some(found);
    }
    let counted = (&measured.purchases, measured.terms.margin, ALPHA);
    finding.rollout = rollout::rollout(catalog, lake, lifetime, counted)?;
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

/// The margin that values are counted with; none where they are spend or purchases.
fn margin_of(catalog: &Catalog, lifetime: &Lifetime) -> Option<f64> {
    lifetime.spend.as_ref()?;
    lifetime.margin.or(catalog.project().margin)
}

/// A finding without what is measured.
fn blank(
    catalog: &Catalog,
    lake: &Lake,
    lifetime: &Lifetime,
    purchases: &Purchases,
) -> Result<LifetimeFinding, MeasureError> {
    let margin = margin_of(catalog, lifetime);
    let has_days = purchases.from <= purchases.end;
    let shown = |number| has_days.then(|| day(number).to_string());
    Ok(LifetimeFinding {
        format: LifetimeFinding::FORMAT.to_owned(),
        lifetime: lifetime.name.clone(),
        description: lifetime.description.clone(),
        unit: match (&lifetime.spend, margin) {
            (None, _) => LifetimeUnit::Purchases,
            (Some(_), None) => LifetimeUnit::Spend,
            (Some(_), Some(_)) => LifetimeUnit::Margin,
        },
        currency: catalog.project().currency.clone(),
        margin,
        discount_rate: catalog.project().discount_rate,
        horizon: lifetime.horizon,
        horizon_days: days(lifetime.horizon),
        alpha: ALPHA,
        extent: LifetimeExtent {
            rows: purchases.rows,
            customers: 0,
            without_repeat: 0,
            repeat_purchases: 0,
            first_day: shown(purchases.from),
            last_day: shown(purchases.end),
            data_end: shown(purchases.data_end),
            left_out: purchases.left_out.clone(),
            returns_netted: purchases.returns_netted,
            unmatched_returns: purchases.unmatched_returns,
        },
        models: Vec::new(),
        model: None,
        spend: None,
        covariates: Vec::new(),
        refusal: None,
        value: None,
        tail: None,
        mean_life: None,
        unbounded: None,
        band: None,
        new_customer: None,
        distribution: None,
        by: Vec::new(),
        audiences: Vec::new(),
        channels: Vec::new(),
        cohorts: Vec::new(),
        age_step: Ages::months().step,
        states: None,
        retention: None,
        opportunities: lifetime.opportunities,
        baselines: Vec::new(),
        back_test: None,
        acquisition: Vec::new(),
        incremental: None,
        rollout: None,
        checks: Vec::new(),
        provenance: Provenance::of(catalog, lake)?,
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
