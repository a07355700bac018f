//! What to believe of the primary metric's lift, where something was believed before: a second view beside the tests.

use catalog::{Better, Catalog, Experiment, Prior, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::bayes::{
    Beta, Comparison as Compared, Credible, Gamma, NormalPosterior, NormalPrior, Scale,
    posterior_of_contrast,
};
use stats::omnibus::Effect;
use stats::shrink::LearnedPrior;

use super::compare::too_little;
use super::finding::{Comparison, LiftFinding, Pair, Verdict};
use super::together::contrast;
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// The number of other experiments from which a prior may be learned.
const FEWEST_EXPERIMENTS: usize = stats::shrink::FEWEST_EXPERIMENTS;

/// Counts that vary this much more than Poisson's, or less, are no counts of independent events.
const POISSON_DISPERSION: std::ops::Range<f64> = 0.8..1.25;

/// What to believe of the lift of the primary metric in an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BayesFinding {
    pub arm: String,
    pub metric: String,
    pub unit: Unit,
    /// Which direction is good.
    pub better: Better,
    /// What was believed before.
    pub prior: Option<PriorFinding>,
    /// What is believed after, of the relative lift.
    pub lift: Option<Belief>,
    /// Probability that the arm is better than the reference arm.
    pub chance_to_win: Option<f64>,
    /// What shipping is expected to lose per customer, in the metric's unit: nothing where the arm is better.
    pub loss_of_shipping: Option<f64>,
    /// What not shipping is expected to lose.
    pub loss_of_not_shipping: Option<f64>,
    /// The exact model of a share or a count, whose prior says nearly nothing.
    pub exact: Option<ExactBelief>,
    /// Where this view and the test's verdict differ, and why both can be right.
    pub beside_the_test: Option<String>,
    pub refusal: Option<Refusal>,
}

/// A normal distribution of relative lifts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PriorFinding {
    pub mean: f64,
    pub sd: f64,
    /// The experiments from which it was learned.
    pub learned_from: Vec<String>,
}

/// A distribution of relative lifts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Belief {
    pub mean: f64,
    pub sd: f64,
    /// The interval that holds the lift with probability 1 - alpha.
    pub low: f64,
    pub high: f64,
}

/// What an exact model says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExactBelief {
    /// The model and its prior, in words.
    pub model: String,
    pub chance_to_win: Option<f64>,
    pub loss_of_shipping: Option<f64>,
    pub loss_of_not_shipping: Option<f64>,
    /// The interval that holds the difference with probability 1 - alpha.
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub refusal: Option<Refusal>,
}

/// The prior of an experiment, or why there is none.
pub(crate) type Known = Result<(NormalPrior, PriorFinding), Refusal>;

/// The prior that an experiment declares; `measure` measures another experiment without a prior.
pub(crate) fn prior(
    catalog: &Catalog,
    experiment: &Experiment,
    mut measure: impl FnMut(&Experiment) -> Result<LiftFinding, MeasureError>,
) -> Option<Known> {
    let (mean, sd) = match experiment.prior? {
        Prior::Normal(prior) => (prior.mean, prior.sd),
        Prior::Learned(_) => return Some(learn(catalog, experiment, &mut measure)),
    };
    let finding = PriorFinding {
        mean,
        sd,
        learned_from: Vec::new(),
    };
    Some(Ok((NormalPrior::Normal { mean, sd }, finding)))
}

/// Learns from the catalog's other experiments that compare the same metric, one effect each: that of their first arm
/// beside the reference, because effects of several arms share their reference and are not independent. An experiment
/// that cannot be measured, or whose effect is refused, says nothing.
fn learn(
    catalog: &Catalog,
    experiment: &Experiment,
    measure: &mut impl FnMut(&Experiment) -> Result<LiftFinding, MeasureError>,
) -> Known {
    let metric = &experiment.metrics.primary;
    let others: Vec<&Experiment> = catalog
        .experiments()
        .filter(|other| other.name != experiment.name)
        .filter(|other| other.metric_names().any(|name| name == metric))
        .collect();
    let too_few = |number: usize, what: &str| {
        let message = format!(
            "a prior is learned from at least {FEWEST_EXPERIMENTS} other experiments with the metric `{metric}`; {what} {number}"
        );
        Refusal::new(Reason::TooLittleData, message)
    };
    if others.len() < FEWEST_EXPERIMENTS {
        return Err(too_few(others.len(), "the catalog has"));
    }
    let mut names = Vec::new();
    let mut effects = Vec::new();
    for other in others {
        let alone = Experiment {
            prior: None,
            by_day: false,
            segments: Vec::new(),
            ..other.clone()
        };
        let Ok(finding) = measure(&alone) else {
            continue;
        };
        let mut of_metric = finding.metrics.iter().filter(|one| one.metric == *metric);
        let Some(effect) = of_metric.next().and_then(relative_effect) else {
            continue;
        };
        names.push(other.name.clone());
        effects.push(effect);
    }
    if effects.len() < FEWEST_EXPERIMENTS {
        return Err(too_few(effects.len(), "those with a relative lift are"));
    }
    let learned = LearnedPrior::learn(&effects, experiment.alpha).map_err(too_little)?;
    let NormalPrior::Normal { mean, sd } = learned.prior else {
        let message = "the other experiments say nothing of the next one";
        return Err(Refusal::new(Reason::TooLittleData, message));
    };
    let finding = PriorFinding {
        mean,
        sd,
        learned_from: names,
    };
    Ok((learned.prior, finding))
}

/// The relative effect that decides, with its standard error.
fn relative_effect(comparison: &Comparison) -> Option<Effect> {
    let likelihood =
        posterior_of_contrast(&contrast(comparison)?, Scale::Relative, &NormalPrior::Flat).ok()?;
    Some(Effect {
        estimate: likelihood.mean(),
        se: likelihood.sd(),
        df: f64::INFINITY,
    })
}

/// What to believe of the primary metric in each arm.
pub(crate) fn beliefs(
    experiment: &Experiment,
    prior: &Known,
    comparisons: &[Comparison],
) -> Vec<BayesFinding> {
    let primary = comparisons.iter().filter(|comparison| comparison.primary);
    primary
        .map(|comparison| belief(experiment.alpha, prior, comparison))
        .collect()
}

fn belief(alpha: f64, prior: &Known, comparison: &Comparison) -> BayesFinding {
    let mut finding = BayesFinding {
        arm: comparison.arm.clone(),
        metric: comparison.metric.clone(),
        unit: comparison.unit,
        better: comparison.better,
        prior: prior.as_ref().ok().map(|(_, finding)| finding.clone()),
        lift: None,
        chance_to_win: None,
        loss_of_shipping: None,
        loss_of_not_shipping: None,
        exact: exact(alpha, comparison),
        beside_the_test: None,
        refusal: None,
    };
    match posterior(prior, comparison) {
        Ok((posterior, control)) => finding.believe(alpha, &posterior, control, comparison),
        Err(refusal) => finding.refusal = Some(refusal),
    }
    finding
}

/// The posterior of the relative lift, and the size of the reference arm's mean.
fn posterior(prior: &Known, comparison: &Comparison) -> Result<(NormalPosterior, f64), Refusal> {
    let (prior, _) = prior.as_ref().map_err(Clone::clone)?;
    let Some(contrast) = contrast(comparison) else {
        let refusal = comparison.outcome.refusal.clone();
        return Err(refusal.unwrap_or_else(|| {
            Refusal::new(Reason::TooLittleData, "the effect has no standard error")
        }));
    };
    let posterior = posterior_of_contrast(&contrast, Scale::Relative, prior).map_err(too_little)?;
    Ok((posterior, contrast.control.abs()))
}

impl BayesFinding {
    fn believe(
        &mut self,
        alpha: f64,
        posterior: &NormalPosterior,
        control: f64,
        comparison: &Comparison,
    ) {
        let Ok(Credible { low, high }) = posterior.interval(alpha) else {
            return;
        };
        self.lift = Some(Belief {
            mean: posterior.mean(),
            sd: posterior.sd(),
            low,
            high,
        });
        let (below, above) = (
            posterior.loss_of_shipping(),
            posterior.loss_of_not_shipping(),
        );
        let (chance, of_shipping, of_not_shipping) = match self.better {
            Better::Increase => (posterior.chance_above(0.0).p, below, above),
            Better::Decrease => (posterior.chance_below(0.0).p, above, below),
        };
        self.chance_to_win = Some(chance);
        self.loss_of_shipping = Some(of_shipping * control);
        self.loss_of_not_shipping = Some(of_not_shipping * control);
        self.beside_the_test = beside(alpha, chance, comparison.verdict);
    }
}

/// Where the belief is as strong as a verdict of the test would be and the verdict is another one.
fn beside(alpha: f64, chance: f64, verdict: Option<Verdict>) -> Option<String> {
    let strong = if chance > 1.0 - 0.5 * alpha {
        Verdict::Better
    } else if chance < 0.5 * alpha {
        Verdict::Worse
    } else {
        Verdict::Unclear
    };
    let verdict = verdict?;
    (strong != verdict).then(|| {
        let test = match verdict {
            Verdict::Better => "the test says better",
            Verdict::Worse => "the test says worse",
            Verdict::Unclear => "the test says nothing either way",
        };
        format!(
            "{test}, and with what was believed before the chance that the arm is better is {:.1} %: the prior moves the \
             answer, and the test's is the verdict",
            100.0 * chance
        )
    })
}

/// The exact model where the metric's unit names one: a share, or a count.
fn exact(alpha: f64, comparison: &Comparison) -> Option<ExactBelief> {
    if comparison.ratio || comparison.outcome.refusal.is_some() {
        return None;
    }
    let (model, believed) = match comparison.unit {
        Unit::Share => (
            "share of customers with a uniform prior in each arm (Beta-Binomial)",
            of_shares(alpha, comparison),
        ),
        Unit::Count => (
            "Poisson counts with a prior of one event in a customer in each arm (Gamma-Poisson)",
            of_counts(alpha, comparison),
        ),
        Unit::Money | Unit::Number => return None,
    };
    let none = ExactBelief {
        model: model.to_owned(),
        chance_to_win: None,
        loss_of_shipping: None,
        loss_of_not_shipping: None,
        low: None,
        high: None,
        refusal: None,
    };
    Some(match believed {
        Ok((compared, difference)) => {
            let (chance, of_shipping, of_not_shipping) = match comparison.better {
                Better::Increase => (
                    compared.chance_to_win.p,
                    compared.loss_of_shipping,
                    compared.loss_of_not_shipping,
                ),
                Better::Decrease => (
                    1.0 - compared.chance_to_win.p,
                    compared.loss_of_not_shipping,
                    compared.loss_of_shipping,
                ),
            };
            ExactBelief {
                chance_to_win: Some(chance),
                loss_of_shipping: Some(of_shipping),
                loss_of_not_shipping: Some(of_not_shipping),
                low: Some(difference.low),
                high: Some(difference.high),
                ..none
            }
        }
        Err(refusal) => ExactBelief {
            refusal: Some(refusal),
            ..none
        },
    })
}

/// What the customers of both arms add up to.
fn totals(comparison: &Comparison) -> Result<Pair<u64>, Refusal> {
    let unfit = || {
        comparison.outcome.refusal.clone().unwrap_or_else(|| {
            Refusal::new(Reason::UnfitData, "the customers' values are no counts")
        })
    };
    let mean = comparison.mean.ok_or_else(unfit)?;
    let total = |mean: f64, n: u64| {
        let total = mean * n as f64;
        let is_whole = (total - total.round()).abs() <= 1e-6 * total.abs().max(1.0);
        (is_whole && total >= 0.0)
            .then_some(total.round() as u64)
            .ok_or_else(unfit)
    };
    Ok(Pair {
        arm: total(mean.arm, comparison.n.arm)?,
        against: total(mean.against, comparison.n.against)?,
    })
}

fn of_shares(alpha: f64, comparison: &Comparison) -> Result<(Compared, Credible), Refusal> {
    let totals = totals(comparison)?;
    let uniform = Beta::new(1.0, 1.0).map_err(too_little)?;
    let n = comparison.n;
    let arm = uniform.observed(totals.arm, n.arm).map_err(too_little)?;
    let against = uniform
        .observed(totals.against, n.against)
        .map_err(too_little)?;
    let difference = arm.difference(&against, alpha).map_err(too_little)?;
    Ok((arm.against(&against), difference))
}

fn of_counts(alpha: f64, comparison: &Comparison) -> Result<(Compared, Credible), Refusal> {
    let totals = totals(comparison)?;
    let n = comparison.n;
    if let Some(dispersion) = dispersion(comparison)
        && !POISSON_DISPERSION.contains(&dispersion)
    {
        let message = format!(
            "customers' counts vary {dispersion:.2} times as much as independent events would, so that this model would be \
             too sure"
        );
        return Err(Refusal::new(Reason::UnfitData, message));
    }
    let vague = Gamma::new(1.0, 1.0).map_err(too_little)?;
    let arm = vague
        .observed(totals.arm, n.arm as f64)
        .map_err(too_little)?;
    let against = vague
        .observed(totals.against, n.against as f64)
        .map_err(too_little)?;
    let difference = arm.difference(&against, alpha).map_err(too_little)?;
    Ok((arm.against(&against), difference))
}

/// The variance between the reference arm's customers over their mean, which is 1 for Poisson counts.
fn dispersion(comparison: &Comparison) -> Option<f64> {
    let se = comparison.outcome.against_se?;
    let mean = comparison.mean?.against;
    (mean > 0.0).then(|| se * se * comparison.n.against as f64 / mean)
}
