//! What an experiment needs: which numbers per customer, from which facts, in which columns.

use catalog::{Aggregate, Catalog, Covariate, Experiment, Fact, Metric, Per, Source, Span};

use crate::error::MeasureError;

/// The most numbers per customer that one experiment may ask for: missing values are tracked in the bits of a word.
pub(crate) const MOST_VALUES: usize = 64;

/// What one experiment asks of each customer.
pub(crate) struct Plan<'a> {
    pub(crate) experiment: &'a Experiment,
    pub(crate) source: &'a Source,
    /// The place of the arm that others are compared with.
    pub(crate) reference: usize,
    /// Numbers per customer after exposure.
    pub(crate) values: Vec<Value<'a>>,
    /// The metrics to compare, the primary one first.
    pub(crate) metrics: Vec<Compared<'a>>,
    pub(crate) covariates: Vec<Known<'a>>,
    /// Values that count touches: the fact, and the value's place.
    pub(crate) touches: Vec<(&'a Fact, usize)>,
}

/// A number per customer made of a fact's rows.
pub(crate) struct Value<'a> {
    pub(crate) name: String,
    pub(crate) fact: &'a Fact,
    pub(crate) aggregate: Aggregate,
    /// The metric that defines it; none for a count of touches.
    pub(crate) metric: Option<&'a Metric>,
    pub(crate) period: Period,
}

/// Which of a customer's rows count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    /// From exposure on, between two times after it.
    After {
        from: Option<Span>,
        to: Option<Span>,
    },
    /// This long before exposure.
    Before(Span),
}

/// A metric to compare.
pub(crate) struct Compared<'a> {
    pub(crate) metric: &'a Metric,
    pub(crate) made_of: MadeOf,
}

/// The places of the values that a metric is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MadeOf {
    Value(usize),
    Ratio {
        numerator: usize,
        denominator: usize,
    },
}

impl MadeOf {
    /// The bits of the values that must be there.
    pub(crate) fn bits(self) -> u64 {
        match self {
            Self::Value(place) => 1 << place,
            Self::Ratio {
                numerator,
                denominator,
            } => 1 << numerator | 1 << denominator,
        }
    }
}

/// Something known of a customer before exposure.
pub(crate) struct Known<'a> {
    pub(crate) name: String,
    pub(crate) from: KnownFrom<'a>,
    /// The metrics that are adjusted for it; all where it names none.
    metrics: &'a [String],
}

impl Known<'_> {
    /// Whether a metric is adjusted for it.
    pub(crate) fn is_for(&self, metric: &Metric) -> bool {
        self.metrics.is_empty() || self.metrics.contains(&metric.name)
    }
}

pub(crate) enum KnownFrom<'a> {
    /// A column of the assignment's source.
    Column(&'a str),
    /// A metric before exposure.
    Value(Value<'a>),
}

impl<'a> Plan<'a> {
    pub(crate) fn new(
        catalog: &'a Catalog,
        experiment: &'a Experiment,
    ) -> Result<Self, MeasureError> {
        let source = catalog
            .source(&experiment.assignment.source)
            .ok_or_else(|| undeclared(experiment, "source", &experiment.assignment.source))?;
        let reference = experiment
            .reference()
            .and_then(|reference| experiment.arms.iter().position(|arm| arm == reference))
            .ok_or_else(|| undeclared(experiment, "arm to compare with", "generic"))?;
        let mut plan = Self {
            experiment,
            source,
            reference,
            values: Vec::new(),
            metrics: Vec::new(),
            covariates: Vec::new(),
            touches: Vec::new(),
        };
        for name in experiment.metric_names() {
            let metric = catalog
                .metric(name)
                .ok_or_else(|| undeclared(experiment, "metric", name))?;
            let made_of = match (metric.aggregate, &metric.numerator, &metric.denominator) {
                (Aggregate::Ratio, Some(numerator), Some(denominator)) => MadeOf::Ratio {
                    numerator: plan.value_of(catalog, numerator)?,
                    denominator: plan.value_of(catalog, denominator)?,
                },
                _ => MadeOf::Value(plan.value_of(catalog, name)?),
            };
            plan.metrics.push(Compared { metric, made_of });
        }
        for covariate in &experiment.covariates {
            plan.covariates.push(known(catalog, experiment, covariate)?);
        }
        plan.count_touches(catalog)?;
        if plan.values.len() > MOST_VALUES {
            return Err(MeasureError::Limit {
                place: format!("experiment `{}`", experiment.name),
                message: format!(
                    "its metrics need {} numbers per customer, at most {MOST_VALUES} are possible",
                    plan.values.len()
                ),
            });
        }
        Ok(plan)
    }

    /// The place of a metric's value, which is added where it is not there yet.
    fn value_of(&mut self, catalog: &'a Catalog, name: &str) -> Result<usize, MeasureError> {
        if let Some(place) = self
            .values
            .iter()
            .position(|value| value.metric.is_some() && value.name == name)
        {
            return Ok(place);
        }
        let metric = catalog
            .metric(name)
            .ok_or_else(|| undeclared(self.experiment, "metric", name))?;
        let window = metric.window.as_ref();
        let period = Period::After {
            from: window.and_then(|window| window.from),
            to: window.and_then(|window| window.to),
        };
        self.values
            .push(value(catalog, self.experiment, metric, period)?);
        Ok(self.values.len() - 1)
    }

    /// Costs that are paid per touch need the number of touches in each arm.
    fn count_touches(&mut self, catalog: &'a Catalog) -> Result<(), MeasureError> {
        let arms = self.experiment.arms.iter();
        let costs = arms
            .filter_map(|arm| arm.initiative.as_deref())
            .flat_map(|initiative| catalog.costs_of(initiative));
        let mut facts: Vec<&str> = costs
            .filter(|cost| cost.per == Per::Touch)
            .filter_map(|cost| cost.fact.as_deref())
            .collect();
        facts.sort_unstable();
        facts.dedup();
        for name in facts {
            let fact = catalog
                .fact(name)
                .ok_or_else(|| undeclared(self.experiment, "fact", name))?;
            self.touches.push((fact, self.values.len()));
            self.values.push(Value {
                name: format!("touches of {name}"),
                fact,
                aggregate: Aggregate::Count,
                metric: None,
                period: Period::After {
                    from: None,
                    to: None,
                },
            });
        }
        Ok(())
    }

    /// The values before and after exposure, in the order of their columns.
    pub(crate) fn all_values(&self) -> impl Iterator<Item = &Value<'a>> {
        let before = self
            .covariates
            .iter()
            .filter_map(|known| match &known.from {
                KnownFrom::Value(value) => Some(value),
                KnownFrom::Column(_) => None,
            });
        self.values.iter().chain(before)
    }
}

fn value<'a>(
    catalog: &'a Catalog,
    experiment: &Experiment,
    metric: &'a Metric,
    period: Period,
) -> Result<Value<'a>, MeasureError> {
    let fact = metric.fact.as_deref().and_then(|name| catalog.fact(name));
    let fact = fact.ok_or_else(|| {
        undeclared(
            experiment,
            "fact",
            metric.fact.as_deref().unwrap_or_default(),
        )
    })?;
    Ok(Value {
        name: metric.name.clone(),
        fact,
        aggregate: metric.aggregate,
        metric: Some(metric),
        period,
    })
}

fn known<'a>(
    catalog: &'a Catalog,
    experiment: &'a Experiment,
    covariate: &'a Covariate,
) -> Result<Known<'a>, MeasureError> {
    match covariate {
        Covariate::Column(column) => Ok(Known {
            name: column.clone(),
            from: KnownFrom::Column(column),
            metrics: &[],
        }),
        Covariate::ColumnFor(covariate) => Ok(Known {
            name: covariate.column.clone(),
            from: KnownFrom::Column(&covariate.column),
            metrics: &covariate.metrics,
        }),
        Covariate::Before(before) => {
            let metric = catalog
                .metric(&before.metric)
                .ok_or_else(|| undeclared(experiment, "metric", &before.metric))?;
            Ok(Known {
                name: format!("{} in {} before", before.metric, before.before),
                from: KnownFrom::Value(value(
                    catalog,
                    experiment,
                    metric,
                    Period::Before(before.before),
                )?),
                metrics: &before.metrics,
            })
        }
    }
}

/// A loaded catalog has no such gap; this says so where one is built by hand.
fn undeclared(experiment: &Experiment, kind: &str, name: &str) -> MeasureError {
    MeasureError::Unusable {
        place: format!("experiment `{}`", experiment.name),
        message: format!("there is no {kind} `{name}`"),
    }
}
