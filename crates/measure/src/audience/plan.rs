//! What an experiment needs: which numbers per customer, from which facts, in which columns.

use std::ops::Range;

use catalog::{Aggregate, Catalog, Covariate, Experiment, Fact, Metric, Per, Source, Span};

use lake::sql;

use super::checks::shares_change;
use super::learned::Learned;
use crate::error::MeasureError;

/// The most numbers per customer that one experiment may ask for: missing values are tracked in the bits of a word.
pub(crate) const MOST_VALUES: usize = 64;

/// The class that is no column: the phase in which a customer was assigned.
pub(crate) const PHASE: &str = "_ts_phase";

/// The class of customers whom the treatment could reach, which is made of columns.
pub(crate) const TRIGGER: &str = "_ts_trigger";

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
    /// Quantiles to compare.
    pub(crate) quantiles: Vec<Quantile<'a>>,
    pub(crate) covariates: Vec<Known<'a>>,
    /// Columns of the source that predictions are learned from.
    pub(crate) learned_columns: Vec<&'a str>,
    /// Numbers per customer before exposure that predictions are learned from.
    pub(crate) learned_values: Vec<Value<'a>>,
    /// Columns of the source by which customers are told apart: the segments, then strata that are none of them.
    pub(crate) classes: Vec<&'a str>,
    /// Which of `classes` are strata.
    pub(crate) strata: Vec<usize>,
    /// Which of `classes` tells triggered customers from others: the one behind the segments.
    pub(crate) trigger: Option<usize>,
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
    /// Of a funnel: the step, from 0, whose customers it counts.
    pub(crate) step: Option<usize>,
    pub(crate) period: Period,
}

impl Value<'_> {
    /// The conditions of its metric and step that rows must meet, as SQL.
    pub(crate) fn filter(&self) -> Option<String> {
        let metric = self.metric?;
        let step = self.step.and_then(|step| metric.steps.get(step));
        let conditions = metric.filter.iter().chain(step.map(|step| &step.filter));
        let conditions: Vec<String> = conditions
            .map(|condition| sql::condition(condition))
            .collect();
        (!conditions.is_empty()).then(|| conditions.join(" AND "))
    }

    /// Whether a customer's number depends on the time since exposure without an end to it.
    pub(crate) fn is_open_ended(&self) -> bool {
        self.fact.time.is_some() && matches!(self.period, Period::After { to: None, .. })
    }
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
    /// Of a funnel: the places of its steps.
    pub(crate) steps: Range<usize>,
}

/// A quantile to compare.
pub(crate) struct Quantile<'a> {
    pub(crate) metric: &'a Metric,
    pub(crate) level: f64,
    pub(crate) of: QuantileOf<'a>,
}

/// What a quantile is taken of.
pub(crate) enum QuantileOf<'a> {
    /// Of customers: the place of their value.
    Customers(usize),
    /// Of a fact's rows.
    Rows(Value<'a>),
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
    /// The places of the values that must be there.
    pub(crate) fn places(self) -> Vec<usize> {
        match self {
            Self::Value(place) => vec![place],
            Self::Ratio {
                numerator,
                denominator,
            } => vec![numerator, denominator],
        }
    }

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
    pub(super) metrics: &'a [String],
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
    /// A prediction of the metric.
    Learned(Learned),
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
            quantiles: Vec::new(),
            covariates: Vec::new(),
            learned_columns: Vec::new(),
            learned_values: Vec::new(),
            classes: experiment.segments.iter().map(String::as_str).collect(),
            strata: Vec::new(),
            trigger: None,
            touches: Vec::new(),
        };
        if experiment.trigger.is_some() {
            plan.trigger = Some(plan.classes.len());
            plan.classes.push(TRIGGER);
        }
        for stratum in &experiment.strata {
            let known = plan.classes.iter();
            let place = known
                .clone()
                .position(|class| class.eq_ignore_ascii_case(stratum));
            plan.strata.push(place.unwrap_or(known.len()));
            if place.is_none() {
                plan.classes.push(stratum);
            }
        }
        // Customers who had different odds are not compared with one another.
        if shares_change(experiment) {
            plan.strata.push(plan.classes.len());
            plan.classes.push(PHASE);
        }
        for name in experiment.metric_names() {
            let metric = catalog
                .metric(name)
                .ok_or_else(|| undeclared(experiment, "metric", name))?;
            if metric.aggregate == Aggregate::Quantile {
                let quantile = plan.quantile(catalog, metric)?;
                plan.quantiles.push(quantile);
                continue;
            }
            let made_of = match (metric.aggregate, &metric.numerator, &metric.denominator) {
                (Aggregate::Ratio, Some(numerator), Some(denominator)) => MadeOf::Ratio {
                    numerator: plan.value_of(catalog, numerator)?,
                    denominator: plan.value_of(catalog, denominator)?,
                },
                _ => MadeOf::Value(plan.value_of(catalog, name)?),
            };
            let steps = match made_of {
                MadeOf::Value(last) => last + 1 - metric.steps.len().max(1)..last + 1,
                MadeOf::Ratio { .. } => 0..0,
            };
            plan.metrics.push(Compared {
                metric,
                made_of,
                steps,
            });
        }
        for covariate in &experiment.covariates {
            match covariate {
                Covariate::Learned(learned) => plan.learn(catalog, learned)?,
                _ => plan
                    .covariates
                    .extend(known(catalog, experiment, covariate)?),
            }
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
        let period = after(metric);
        if metric.steps.is_empty() {
            self.values
                .push(value(catalog, self.experiment, metric, period)?);
        }
        for (number, step) in metric.steps.iter().enumerate() {
            let mut value = value(catalog, self.experiment, metric, period)?;
            value.step = Some(number);
            // The last step is the metric itself.
            if number + 1 < metric.steps.len() {
                value.name = format!("{name} as far as {}", step.name);
            }
            self.values.push(value);
        }
        Ok(self.values.len() - 1)
    }

    fn quantile(
        &mut self,
        catalog: &'a Catalog,
        metric: &'a Metric,
    ) -> Result<Quantile<'a>, MeasureError> {
        let of = match &metric.of {
            Some(of) => QuantileOf::Customers(self.value_of(catalog, of)?),
            None => QuantileOf::Rows(value(catalog, self.experiment, metric, after(metric))?),
        };
        Ok(Quantile {
            metric,
            // The catalog's rules demand a level.
            level: metric.quantile.unwrap_or(0.5),
            of,
        })
    }

    /// Whether more than one look at the customers is needed.
    pub(crate) fn looks_twice(&self) -> bool {
        let has_cap = |value: &Value<'_>| value.metric.is_some_and(|metric| metric.cap.is_some());
        !self.quantiles.is_empty()
            || self.all_values().any(has_cap)
            || self.learns()
            || self.experiment.assignment.cluster.is_some()
    }

    /// The primary metric; none where it is a quantile.
    pub(crate) fn primary(&self) -> Option<&Compared<'a>> {
        self.compared(&self.experiment.metrics.primary)
    }

    /// A metric that is compared by its moments; none where it is a quantile.
    pub(crate) fn compared(&self, metric: &str) -> Option<&Compared<'a>> {
        let mut metrics = self.metrics.iter();
        metrics.find(|compared| compared.metric.name == metric)
    }

    /// The place among all values of one that predictions are learned from.
    pub(crate) fn value_before(&self, learned: usize) -> usize {
        self.all_values().count() - self.learned_values.len() + learned
    }

    /// The place of an arm.
    pub(crate) fn arm(&self, name: &str) -> Option<usize> {
        self.experiment.arms.iter().position(|arm| arm.name == name)
    }

    /// The facts that are read, each once.
    pub(crate) fn facts(&self) -> Vec<&'a Fact> {
        let of_rows = self
            .quantiles
            .iter()
            .filter_map(|quantile| match &quantile.of {
                QuantileOf::Rows(value) => Some(value.fact),
                QuantileOf::Customers(_) => None,
            });
        let mut facts: Vec<&'a Fact> = Vec::new();
        for fact in self.all_values().map(|value| value.fact).chain(of_rows) {
            if !facts.iter().any(|known| known.name == fact.name) {
                facts.push(fact);
            }
        }
        facts
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
                step: None,
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
                KnownFrom::Column(_) | KnownFrom::Learned(_) => None,
            });
        self.values.iter().chain(before).chain(&self.learned_values)
    }
}

pub(super) fn value<'a>(
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
        step: None,
        period,
    })
}

/// The period after exposure that a metric's window names.
fn after(metric: &Metric) -> Period {
    let window = metric.window.as_ref();
    Period::After {
        from: window.and_then(|window| window.from),
        to: window.and_then(|window| window.to),
    }
}

/// A metric in a span before exposure.
pub(super) fn value_before<'a>(
    catalog: &'a Catalog,
    experiment: &Experiment,
    metric: &str,
    span: Span,
) -> Result<Value<'a>, MeasureError> {
    let declared = catalog
        .metric(metric)
        .ok_or_else(|| undeclared(experiment, "metric", metric))?;
    Ok(Value {
        name: format!("{metric} in {span} before"),
        ..value(catalog, experiment, declared, Period::Before(span))?
    })
}

/// A covariate that is known as it is; none where it is learned.
fn known<'a>(
    catalog: &'a Catalog,
    experiment: &'a Experiment,
    covariate: &'a Covariate,
) -> Result<Option<Known<'a>>, MeasureError> {
    let known = match covariate {
        Covariate::Column(column) => Known {
            name: column.clone(),
            from: KnownFrom::Column(column),
            metrics: &[],
        },
        Covariate::ColumnFor(covariate) => Known {
            name: covariate.column.clone(),
            from: KnownFrom::Column(&covariate.column),
            metrics: &covariate.metrics,
        },
        Covariate::Before(before) => {
            let value = value_before(catalog, experiment, &before.metric, before.before)?;
            Known {
                name: value.name.clone(),
                from: KnownFrom::Value(value),
                metrics: &before.metrics,
            }
        }
        Covariate::Learned(_) => return Ok(None),
    };
    Ok(Some(known))
}

/// A loaded catalog has no such gap; this says so where one is built by hand.
fn undeclared(experiment: &Experiment, kind: &str, name: &str) -> MeasureError {
    MeasureError::Unusable {
        place: format!("experiment `{}`", experiment.name),
        message: format!("there is no {kind} `{name}`"),
    }
}
