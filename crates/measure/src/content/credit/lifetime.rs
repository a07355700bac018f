//! Credit in what customers are predicted to bring.
//!
//! Each customer's predicted margin goes with one conversion, the first or the last, and is shared among the touches before
//! it by the models that share out the conversions themselves. One more pass reads the journeys with the number of the
//! customer in place of the value, so that every vector of customers' values (the predicted ones, and those of slightly
//! other parameters) is shared out without another.
//!
//! Two things are uncertain. Which customers there are: the bootstrap answers that, given the models' parameters. And the
//! parameters: the delta method does. Both come from the same customers, and customers who buy more raise both, so that
//! the two standard errors are added and not their squares: exact where the two go together, and else too wide.

use std::collections::BTreeMap;

use attribution::bootstrap::Measure;
use attribution::{Credits, JourneyTable};
use catalog::{Catalog, Lifetime, LifetimeCredit};
use lake::Lake;
use stats::tail::normal_quantile;

use super::aged::Keeping;
use super::events::Events;
use super::finding::{
    CreditEstimate, LifetimeCreditEstimate, LifetimeCreditFinding, LifetimeModelFinding,
};
use super::journeys::{Journeys, Making, Valued, journeys};
use super::models::{self, AllCredits, Credited, Settings};
use super::{cents, costs};
use crate::audience::lifetime::prospects::{self, Prospects};
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// The conversion of a customer of whom nothing is predicted, and the first number of those who are known; zero is every
/// other conversion.
const UNKNOWN: f64 = 1.0;
const FIRST_KNOWN: f64 = 2.0;

/// Shares out what customers are predicted to bring.
///
/// # Errors
///
/// Where the lifetime cannot be measured at all, or its customers cannot be told to be those of the conversions.
pub(super) fn lifetime(
    catalog: &Catalog,
    lake: &mut Lake,
    credited: &LifetimeCredit,
    (events, making, settings): (&Events, &Making, &Settings),
) -> Result<Option<LifetimeCreditFinding>, MeasureError> {
    let Some(lifetime) = catalog.lifetime(&credited.of) else {
        return Ok(None);
    };
    let mut finding = empty(lifetime, credited);
    let predicted = prospects::prospects(catalog, lake, lifetime)?;
    let filled = match &predicted {
        Ok(prospects) => {
            let numbers = (prospects.table, prospects.customer_type.as_str());
            let query = events.numbered_by(numbers, making.place.clone())?;
            let making = Making {
                valued: Valued::One(credited.credit),
                // Values of customers take the place of their numbers afterwards, for which all journeys are needed.
                keeping: Keeping {
                    most: usize::MAX,
                    ..making.keeping
                },
                ..making.clone()
            };
            let numbered = journeys(lake, &query, &making)?;
            let settings = Settings {
                valued: true,
                ..settings.clone()
            };
            Shared::new(prospects, numbered, &settings).fill(&mut finding)
        }
        Err(refusal) => Err(refusal.clone()),
    };
    finding.refusal = filled.err();
    prospects::finish(lake)?;
    Ok(Some(finding))
}

fn empty(lifetime: &Lifetime, credited: &LifetimeCredit) -> LifetimeCreditFinding {
    LifetimeCreditFinding {
        lifetime: lifetime.name.clone(),
        credit: credited.credit,
        horizon: lifetime.horizon,
        model: None,
        customers: 0,
        value: 0.0,
        credited_customers: 0,
        credited_value: 0.0,
        unknown_customers: 0,
        models: Vec::new(),
        refusal: None,
    }
}

/// What a conversion with a number is worth, given the values of customers.
fn worth(values: &[f64], number: f64) -> f64 {
    match number >= FIRST_KNOWN {
        true => values[(number - FIRST_KNOWN) as usize],
        false => 0.0,
    }
}

/// Predicted margin shared out.
struct Shared<'a> {
    prospects: &'a Prospects,
    settings: &'a Settings,
    /// Conversions are worth the number of their customer.
    numbered: Journeys,
    credits: AllCredits,
    /// The table in which they are worth what the customer is predicted to bring.
    table: JourneyTable,
    costs: Option<BTreeMap<String, f64>>,
}

impl<'a> Shared<'a> {
    fn new(prospects: &'a Prospects, numbered: Journeys, settings: &'a Settings) -> Self {
        let value = |number: f64| worth(&prospects.values, number);
        let costs = costs(&numbered);
        let valued = Journeys {
            table: numbered.table.revalued(value),
            aged: numbered.aged.revalued(value),
            ..numbered
        };
        Self {
            costs,
            credits: models::credits(&valued, valued.customers(), settings),
            table: valued.table,
            prospects,
            settings,
            numbered: Journeys {
                table: numbered.table,
                aged: numbered.aged,
                ..valued
            },
        }
    }

    fn fill(&self, finding: &mut LifetimeCreditFinding) -> Result<(), Refusal> {
        let outcomes = || self.numbered.table.outcomes().iter();
        let of = |is: fn(f64) -> bool| {
            let those = outcomes().filter(|count| is(count.outcome.value));
            those.map(|count| count.journeys).sum::<u64>()
        };
        finding.model = Some(self.prospects.model.to_owned());
        finding.customers = self.prospects.customers;
        finding.value = cents(self.prospects.total);
        finding.credited_customers = of(|number| number >= UNKNOWN);
        finding.unknown_customers = of(|number| number == UNKNOWN);
        finding.credited_value = cents(self.table.total().value);
        if finding.credited_customers == finding.unknown_customers {
            let message = "the lifetime knows no customer who converted after a touch that counts";
            return Err(Refusal::new(Reason::TooLittleData, message));
        }
        let no_credit = |error: attribution::CreditError| {
            Refusal::new(Reason::TooLittleData, error.to_string())
        };
        let credited_to = |value: &dyn Fn(f64) -> f64| {
            let credits = self.credits.with_values(&self.numbered, value);
            credits.map_err(no_credit)
        };
        let customers = credited_to(&|number| f64::from(number >= UNKNOWN))?;
        let errors = self
            .prospects
            .errors(|values| credited_to(&|number| worth(values, number)))?;
        let keys = self.table.channels().len();
        let mut answered = customers.chunks(keys).zip(errors.chunks(keys));
        for credited in &self.credits.models {
            if let Ok(credits) = &credited.credits
                && let Some((customers, errors)) = answered.next()
            {
                finding.models.push(LifetimeModelFinding {
                    model: credited.model,
                    credits: self.of_model(credited, credits, customers, errors),
                });
            }
        }
        Ok(())
    }

    /// The credits of a model, the greatest first.
    fn of_model(
        &self,
        credited: &Credited,
        credits: &Credits,
        customers: &[f64],
        errors: &[f64],
    ) -> Vec<LifetimeCreditEstimate> {
        let alpha = self.settings.alpha;
        let exact = credits.value_in_cents(cents(self.table.total().value)).ok();
        let one = |key: usize| {
            let name = &self.table.channels()[key];
            let mut value = credited.estimate(Measure::Value, key, alpha);
            if let Some(exact) = &exact {
                value.estimate = exact[key] as f64 / 100.0;
            }
            let value = widened(value, errors[key], alpha);
            let cost = self.costs.as_ref().and_then(|costs| costs.get(name));
            let less_cost = cost.map(|cost| moved(value, |value| value - cost));
            LifetimeCreditEstimate {
                key: name.clone(),
                customers: customers[key],
                value,
                value_less_cost: less_cost,
                return_on_cost: less_cost.zip(cost).filter(|(_, cost)| **cost > 0.0).map(
                    |(less, cost)| CreditEstimate {
                        se: less.se.map(|se| se / cost),
                        ..moved(less, |value| value / cost)
                    },
                ),
            }
        };
        let mut all: Vec<LifetimeCreditEstimate> = (0..customers.len()).map(one).collect();
        // Of equal credit the first name comes first: the sort is stable.
        all.sort_by(|a, b| b.value.estimate.total_cmp(&a.value.estimate));
        all
    }
}

/// An estimate with another source of uncertainty added to its standard error, and to each side of its interval.
fn widened(value: CreditEstimate, error: f64, alpha: f64) -> CreditEstimate {
    let more = normal_quantile(1.0 - alpha / 2.0) * error;
    CreditEstimate {
        estimate: value.estimate,
        se: value.se.map(|se| se + error),
        low: value.low.map(|low| low - more),
        high: value.high.map(|high| high + more),
    }
}

/// An estimate and the ends of its interval on another scale.
fn moved(value: CreditEstimate, by: impl Fn(f64) -> f64) -> CreditEstimate {
    CreditEstimate {
        estimate: by(value.estimate),
        se: value.se,
        low: value.low.map(&by),
        high: value.high.map(&by),
    }
}
