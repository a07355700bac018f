//! How large an experiment has to be, how long it takes and what it costs to run, before it starts.
//!
//! What the primary metric's mean and variation are, how much of the variation covariates explain and how many customers
//! come a day is taken from the experiment's own data, where there are some (an experiment that runs already, or one
//! that went before), or from who asks. Sizes are those of a comparison of the reference arm with the smallest other
//! arm, at the level that the plan's looks leave for its end: the chance of crossing at the end alone is a little below
//! that of crossing at all, so that the sizes are on the safe side.

use catalog::{Catalog, Experiment, Looks, Metric, Per, Prior, Unit};
use lake::Lake;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::design::{
    ArmPrior, Design, DesignError, Effect, Outcome, Reference, Split, TestAndRoll,
};
use stats::sequential::{Stage, end_critical_of};
use stats::tail;

use super::finding::LiftFinding;
use super::lift::{expected_shares, lift};
use super::planned;
use crate::error::MeasureError;
use crate::months::DAYS_A_MONTH;

/// Weeks of the curve, where nothing else is asked for.
const WEEKS: u32 = 12;

const DAYS_A_WEEK: f64 = 7.0;
const SECONDS_A_DAY: f64 = 86_400.0;

/// Looks of a group sequential plan that lists none.
const INTERIM: [f64; 4] = [0.25, 0.5, 0.75, 1.0];

/// What is known from elsewhere than the experiment's data.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Assumptions {
    /// Mean of the primary metric per customer of the reference arm. With `sd`, no data are read.
    pub mean: Option<f64>,
    /// Its standard deviation between customers; of a share it follows from the mean.
    pub sd: Option<f64>,
    /// Customers who come into the experiment a day, all arms together.
    pub customers_a_day: Option<f64>,
    /// The effect that matters, instead of the plan's.
    pub minimum_effect: Option<f64>,
    /// All customers for whom the winner is chosen, those of the experiment included.
    pub audience: Option<u64>,
    /// Weeks of the curve.
    pub weeks: Option<u32>,
}

/// The design of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DesignFinding {
    /// The name and version of this format.
    pub format: String,
    pub experiment: String,
    pub hypothesis: Option<String>,
    /// The null hypothesis in words.
    pub null_hypothesis: String,
    /// The primary metric.
    pub metric: String,
    pub unit: Unit,
    /// ISO code of the currency that money is in.
    pub currency: String,
    pub alpha: f64,
    pub power: f64,
    /// The smallest effect that matters, relative to the reference arm.
    pub minimum_effect: Option<f64>,
    pub baseline: Baseline,
    /// Customers a day, all arms together.
    pub customers_a_day: Option<f64>,
    /// The arms with their shares, the reference first.
    pub arms: Vec<ArmShare>,
    /// What each way of looking needs, where an effect is given.
    pub sizes: Vec<Size>,
    /// What can be told after each week, by the declared way of looking, where the customers a day are known.
    pub curve: Vec<Week>,
    /// What running it costs, by the declared way of looking.
    pub cost: Option<RunningCost>,
    /// The sizes that earn most, where a prior and an audience are given.
    pub roll: Option<RollFinding>,
}

impl DesignFinding {
    /// The name and version of the format.
    pub const FORMAT: &'static str = "touchstone.design/1";
}

/// What the primary metric is like without a treatment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    /// Mean per customer; of a ratio, the ratio.
    pub mean: f64,
    /// Standard deviation between customers; of a ratio, that of its linearised value.
    pub sd: f64,
    /// Share of the variation that covariates explain.
    pub r2: f64,
    /// Customers of the reference arm that this was measured on; none where it was given.
    pub customers: Option<u64>,
}

/// An arm's share of the customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmShare {
    pub name: String,
    pub share: f64,
}

/// What a way of looking needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Size {
    pub looks: Looks,
    /// Whether this is the plan's.
    pub declared: bool,
    /// Customers of all arms.
    pub customers: u64,
    /// Customers of each arm, in the order of `arms`.
    pub by_arm: Vec<u64>,
    /// Days of intake, where the customers a day are known.
    pub intake_days: Option<u32>,
    /// Days until the last customer's window has passed.
    pub days: Option<u32>,
    /// The boundary at the end, in standard errors.
    pub critical: f64,
    /// By what factor it needs more customers than one look.
    pub inflation: f64,
}

/// What can be told after some weeks of intake.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Week {
    pub week: u32,
    pub customers: u64,
    /// The probability of finding the effect that matters.
    pub power: Option<f64>,
    /// The smallest effect that is found with the plan's power, relative to the reference arm.
    pub detectable: Option<f64>,
}

/// What running an experiment costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunningCost {
    /// What the customers of the reference arm would have earned more, if the effect is the one that matters: margin.
    pub forgone: Option<f64>,
    /// What the treatments' deliveries cost.
    pub delivery: f64,
    /// Costs of the catalog that are not in it, because what they are paid for is not known beforehand.
    pub left_out: Vec<String>,
}

/// Test and roll: the sizes of a test after which all others get the better arm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RollFinding {
    /// All customers, those of the test included.
    pub audience: u64,
    /// Customers to test in the new arm.
    pub treated: u64,
    /// Customers to test in the reference arm.
    pub control: u64,
    /// Expected gain over giving everybody the arm that looks better now, in the metric's unit, over all customers.
    pub gain: f64,
    /// The probability that the arm chosen is the worse one.
    pub error_rate: f64,
}

/// Designs an experiment. Without a mean and a standard deviation, they are measured on the experiment's data in the
/// lake that `open` opens.
///
/// # Errors
///
/// Data that cannot be read, or say nothing of the primary metric; a design that no number of customers fits.
pub fn design(
    catalog: &Catalog,
    experiment: &Experiment,
    assumed: &Assumptions,
    open: impl FnOnce() -> Result<Lake, MeasureError>,
) -> Result<DesignFinding, MeasureError> {
    let metric = primary_of(catalog, experiment)?;
    let known = match (assumed.mean, assumed.sd) {
        (Some(mean), Some(sd)) => Known::given(mean, sd),
        (Some(mean), None) if metric.unit == Unit::Share => {
            Known::given(mean, (mean * (1.0 - mean)).max(0.0).sqrt())
        }
        (Some(_), None) => {
            return Err(unusable(
                experiment,
                format!(
                    "the mean of `{}` is given without its standard deviation between customers",
                    metric.name
                ),
            ));
        }
        (None, _) => {
            let finding = lift(catalog, &mut open()?, experiment)?;
            Known::measured(experiment, &finding)?
        }
    };
    designed(catalog, experiment, assumed, known)
}

/// Designs an experiment on what was measured of it.
///
/// # Errors
///
/// Data that say nothing of the primary metric; a design that no number of customers fits.
pub fn design_of(
    catalog: &Catalog,
    experiment: &Experiment,
    measured: &LiftFinding,
) -> Result<DesignFinding, MeasureError> {
    let known = Known::measured(experiment, measured)?;
    designed(catalog, experiment, &Assumptions::default(), known)
}

fn unusable(experiment: &Experiment, message: String) -> MeasureError {
    MeasureError::Unusable {
        place: format!("experiment `{}`", experiment.name),
        message,
    }
}

fn primary_of<'c>(
    catalog: &'c Catalog,
    experiment: &Experiment,
) -> Result<&'c Metric, MeasureError> {
    let primary = experiment.metrics.primary.as_str();
    let metric = catalog.metric(primary);
    metric.ok_or_else(|| unusable(experiment, format!("there is no metric `{primary}`")))
}

fn designed(
    catalog: &Catalog,
    experiment: &Experiment,
    assumed: &Assumptions,
    known: Known,
) -> Result<DesignFinding, MeasureError> {
    let unusable = |message: String| unusable(experiment, message);
    let metric = primary_of(catalog, experiment)?;
    let primary = metric.name.as_str();
    let is_share = metric.unit == Unit::Share;
    let plan = experiment.plan.clone().unwrap_or_default();
    let effect = assumed.minimum_effect.or(plan.minimum_effect);
    let shares = expected_shares(experiment);
    let arms = &experiment.arms;
    let reference = experiment.reference().map(|arm| arm.name.as_str());
    let of_reference = arms
        .iter()
        .position(|arm| Some(arm.name.as_str()) == reference);
    let Some(of_reference) = of_reference else {
        return Err(unusable("there is no arm to compare with".to_owned()));
    };
    let mut order: Vec<usize> = (0..arms.len()).collect();
    order.sort_by_key(|&arm| arm != of_reference);
    let smallest = order[1..]
        .iter()
        .map(|&arm| shares[arm])
        .fold(f64::INFINITY, f64::min);
    let failed = |error: DesignError| unusable(error.to_string());
    let one_look = Design {
        split: Split {
            treated: smallest,
            control: shares[of_reference],
        },
        alpha: experiment.alpha,
        reference: match (is_share, known.baseline.r2 > 0.0) {
            (true, false) => Reference::Score,
            (true, true) => Reference::Normal,
            (false, _) => Reference::StudentT,
        },
        r_squared: known.baseline.r2,
        ..Design::new(if is_share {
            Outcome::Share {
                control: known.baseline.mean,
            }
        } else {
            Outcome::Mean {
                control: known.baseline.mean,
                control_variance: known.baseline.sd * known.baseline.sd,
                treated_variance: known.baseline.sd * known.baseline.sd,
            }
        })
    };
    let at_the_end = |looks: Looks| -> Result<(Design, f64), MeasureError> {
        let critical =
            end_critical(experiment, looks).map_err(|error| unusable(error.to_string()))?;
        let design = Design {
            alpha: tail::normal_two_sided(critical).p,
            ..one_look
        };
        Ok((design, critical))
    };
    let customers_a_day = assumed.customers_a_day.or(known.customers_a_day);
    let window_days = window_days(catalog, experiment);
    let mut sizes = Vec::new();
    if let Some(effect) = effect {
        let needed = one_look
            .required_customers(Effect::Relative(effect), plan.power)
            .map_err(failed)?;
        for looks in [
            Looks::Fixed,
            Looks::Hybrid,
            Looks::GroupSequential,
            Looks::Anytime,
        ] {
            let (design, critical) = at_the_end(looks)?;
            let customers = design
                .required_customers(Effect::Relative(effect), plan.power)
                .map_err(failed)?;
            let intake = customers_a_day
                .filter(|a_day| *a_day > 0.0)
                .map(|a_day| (customers / a_day).ceil());
            sizes.push(Size {
                looks,
                declared: looks == plan.looks,
                customers: customers.ceil() as u64,
                by_arm: order
                    .iter()
                    .map(|&arm| (customers * shares[arm]).ceil() as u64)
                    .collect(),
                intake_days: intake.map(|days| days as u32),
                days: intake.map(|days| (days + window_days).ceil() as u32),
                critical,
                inflation: customers / needed,
            });
        }
    }
    let (declared, _) = at_the_end(plan.looks)?;
    let curve = curve(
        &declared,
        effect,
        plan.power,
        customers_a_day,
        assumed.weeks.unwrap_or(WEEKS),
    )
    .map_err(failed)?;
    let cost = sizes.iter().find(|size| size.declared).map(|size| {
        cost(
            catalog,
            experiment,
            &known,
            effect.unwrap_or(0.0),
            size,
            &order,
        )
    });
    Ok(DesignFinding {
        format: DesignFinding::FORMAT.to_owned(),
        experiment: experiment.name.clone(),
        hypothesis: experiment.hypothesis.clone(),
        null_hypothesis: plan.null_hypothesis_or(primary),
        metric: primary.to_owned(),
        unit: metric.unit,
        currency: catalog.project().currency.clone(),
        alpha: experiment.alpha,
        power: plan.power,
        minimum_effect: effect,
        baseline: known.baseline,
        customers_a_day,
        arms: order
            .iter()
            .map(|&arm| ArmShare {
                name: arms[arm].name.clone(),
                share: shares[arm],
            })
            .collect(),
        sizes,
        curve,
        cost,
        roll: roll(experiment, assumed, &known.baseline).map_err(failed)?,
    })
}

/// What is known before the experiment is designed.
struct Known {
    baseline: Baseline,
    customers_a_day: Option<f64>,
    /// Touches per customer, by arm and fact.
    touches: Vec<(String, String, f64)>,
}

impl Known {
    fn given(mean: f64, sd: f64) -> Self {
        Self {
            baseline: Baseline {
                mean,
                sd,
                r2: 0.0,
                customers: None,
            },
            customers_a_day: None,
            touches: Vec::new(),
        }
    }

    fn measured(experiment: &Experiment, finding: &LiftFinding) -> Result<Self, MeasureError> {
        let primary = finding.metrics.iter().find(|comparison| comparison.primary);
        let known = primary.and_then(|comparison| Some((comparison, comparison.outcome.contrast?)));
        let Some((comparison, contrast)) = known else {
            return Err(unusable(
                experiment,
                format!(
                    "its data do not tell the mean and the variation of `{}`: give them to `touchstone plan` with \
                     `--baseline-mean` and `--baseline-sd`",
                    experiment.metrics.primary
                ),
            ));
        };
        let intake = finding.period.map(|period| {
            let days =
                super::history::day_of(period.last) - super::history::day_of(period.first) + 1;
            f64::from(days)
        });
        let touches = finding.arms.iter().flat_map(|arm| {
            arm.touches.iter().map(|touches| {
                let each = touches.number as f64 / arm.customers.max(1) as f64;
                (arm.name.clone(), touches.fact.clone(), each)
            })
        });
        Ok(Self {
            baseline: Baseline {
                mean: contrast.control,
                sd: (contrast.control_variance * comparison.n.against as f64).sqrt(),
                r2: comparison
                    .adjusted
                    .as_ref()
                    .map_or(0.0, |adjusted| adjusted.r2.clamp(0.0, 1.0 - f64::EPSILON)),
                customers: Some(comparison.n.against),
            },
            customers_a_day: intake.map(|days| finding.customers.counted as f64 / days),
            touches: touches.collect(),
        })
    }
}

/// The boundary at the planned end, in standard errors.
fn end_critical(
    experiment: &Experiment,
    looks: Looks,
) -> Result<f64, stats::sequential::SequentialError> {
    let plan = experiment.plan.clone().unwrap_or_default();
    let fractions = match looks {
        Looks::GroupSequential if plan.interim.is_empty() => INTERIM.to_vec(),
        Looks::GroupSequential => plan.interim.clone(),
        Looks::Fixed | Looks::Anytime | Looks::Hybrid => vec![1.0],
    };
    let looks = planned::compiled(looks, plan.spending.unwrap_or_default());
    end_critical_of(looks, experiment.alpha, &fractions, Stage::End)
}

/// Days from exposure until the primary metric is known.
fn window_days(catalog: &Catalog, experiment: &Experiment) -> f64 {
    let metric = catalog.metric(&experiment.metrics.primary);
    let parts = metric.into_iter().flat_map(|metric| {
        let parts = [&metric.numerator, &metric.denominator, &metric.of];
        let parts = parts.into_iter().flatten();
        std::iter::once(metric).chain(parts.filter_map(|name| catalog.metric(name)))
    });
    let seconds = parts.filter_map(|part| {
        let to = part.window.as_ref()?.to?;
        let fact = part.fact.as_deref().and_then(|name| catalog.fact(name));
        let delay = fact
            .and_then(|fact| fact.delay)
            .map_or(0, |delay| delay.nominal_seconds());
        Some(to.nominal_seconds() + delay)
    });
    seconds.max().unwrap_or(0) as f64 / SECONDS_A_DAY
}

fn curve(
    design: &Design,
    effect: Option<f64>,
    power: f64,
    customers_a_day: Option<f64>,
    weeks: u32,
) -> Result<Vec<Week>, DesignError> {
    let Some(a_day) = customers_a_day.filter(|a_day| *a_day > 0.0) else {
        return Ok(Vec::new());
    };
    let mut curve = Vec::new();
    for week in 1..=weeks {
        let customers = a_day * DAYS_A_WEEK * f64::from(week);
        let detectable = match design.minimum_detectable_effect(power, customers) {
            Ok(found) => found.relative,
            Err(DesignError::TooFew { .. }) => continue,
            Err(DesignError::Undetectable { .. }) => None,
            Err(error) => return Err(error),
        };
        let power = effect.map(|effect| design.power(Effect::Relative(effect), customers));
        curve.push(Week {
            week,
            customers: customers as u64,
            power: power.transpose()?,
            detectable,
        });
    }
    Ok(curve)
}

fn cost(
    catalog: &Catalog,
    experiment: &Experiment,
    known: &Known,
    effect: f64,
    size: &Size,
    order: &[usize],
) -> RunningCost {
    let metric = catalog.metric(&experiment.metrics.primary);
    let margin = metric
        .filter(|metric| metric.unit == Unit::Money)
        .and_then(|metric| catalog.margin_of(metric));
    let in_reference = size.by_arm.first().copied().unwrap_or_default() as f64;
    let forgone = margin.map(|margin| in_reference * effect * known.baseline.mean.abs() * margin);
    let (mut delivery, mut left_out) = (0.0, Vec::new());
    for (&arm, &customers) in order.iter().zip(&size.by_arm) {
        let arm = &experiment.arms[arm];
        let costs = arm
            .initiative
            .iter()
            .flat_map(|initiative| catalog.costs_of(initiative));
        for cost in costs {
            let touches = || {
                let fact = cost.fact.as_ref()?;
                let of_fact = known
                    .touches
                    .iter()
                    .find(|(name, known, _)| *name == arm.name && known == fact);
                of_fact.map(|(_, _, each)| each * customers as f64)
            };
            let times = match cost.per {
                Per::Once => Some(1.0),
                Per::Month => cost.months.map(f64::from).or(size
                    .days
                    .map(|days| (f64::from(days) / DAYS_A_MONTH).ceil())),
                Per::Customer => Some(customers as f64),
                Per::Touch => touches(),
                Per::Revenue => None,
            };
            match (times, f64::try_from(cost.amount)) {
                (Some(times), Ok(amount)) => delivery += times * amount,
                _ => left_out.push(format!("{} of {}", cost.name, cost.initiative)),
            }
        }
    }
    RunningCost {
        forgone,
        delivery,
        left_out,
    }
}

/// The sizes that earn most. The prior of the relative lift is one of the difference of the two arms, half of whose
/// variance is each arm's.
fn roll(
    experiment: &Experiment,
    assumed: &Assumptions,
    baseline: &Baseline,
) -> Result<Option<RollFinding>, DesignError> {
    let (Some(Prior::Normal(prior)), Some(audience)) = (&experiment.prior, assumed.audience) else {
        return Ok(None);
    };
    let scale = baseline.mean.abs();
    let arm = |lift: f64| ArmPrior {
        mean: baseline.mean + lift * scale,
        sd: prior.sd * scale / std::f64::consts::SQRT_2,
        noise: baseline.sd,
    };
    let test = TestAndRoll {
        treated: arm(prior.mean),
        control: arm(0.0),
        customers: audience as f64,
    };
    let sizes = test.best_sizes()?;
    let roll = test.roll(sizes)?;
    Ok(Some(RollFinding {
        audience,
        treated: sizes.treated.round() as u64,
        control: sizes.control.round() as u64,
        gain: roll.profit - roll.profit_untested,
        error_rate: roll.error_rate,
    }))
}
