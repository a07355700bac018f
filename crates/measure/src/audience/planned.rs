//! The declared plan applied to what was measured: what may be said at this look, and what was known at earlier ones.
//!
//! Information is measured by customers: the share of the planned customers, in all arms, whose primary metric is known.
//! A plan that looks early turns each effect's interval and probability into those of its boundary at this look
//! ([`stats::sequential`]), so that every surface says the same. A plan that looks once leaves them as they are, and
//! gives no verdict before its end.
//!
//! Verdicts follow the effect as it is now. That an earlier look had crossed the boundary is shown, and is no verdict
//! where the effect has since fallen back.

mod finding;
mod sealed;

use catalog::{Catalog, Looks, TestPlan};
use stats::moments::{Moments, MomentsError};
use stats::sequential::{
    Decision as Advice, Futility, History, Monitor, SequentialError, Spending, Stage, Watch,
};
use stats::{Contrast, Method, tail};

use super::checks::check;
use super::compare::{ArmSummary, compare, refused};
use super::finding::{
    Check, CheckKind, Comparison, Outcome, Pair, SegmentFinding, Severity, Verdict,
};
use super::history::{Known, day_of};
use super::plan::{Period, Plan, Value};
use super::tally::{Layout, Tally};
use super::together::Rule;
use crate::error::MeasureError;
use crate::{Reason, Refusal};

use sealed::held;

pub use finding::{
    Look, Looking, LookingDecision, LookingState, PlanDeviation, PlanFinding, PlanInformation,
    PlanInformationBy, PlanRemaining, StoppedEffect,
};

/// What is there to be looked at.
pub(crate) struct Data<'k> {
    /// Customers counted.
    pub(crate) customers: u64,
    /// Those of them with the primary metric.
    pub(crate) with_primary: u64,
    /// First and last exposure, where times are known.
    pub(crate) exposures: Option<(i64, i64)>,
    /// What was known at the end of each stretch of days, the last of them now.
    pub(crate) known: &'k [Known],
}

/// Where an experiment stands in its plan.
pub(crate) struct Course<'a> {
    plan: &'a TestPlan,
    alpha: f64,
    ended: bool,
    /// Whether the plan has no look at this time.
    looked_early: bool,
    fraction: Option<f64>,
    remaining: Option<PlanRemaining>,
    history_refusal: Option<Refusal>,
    /// The plan's looks so far, the last of them now.
    looks: Vec<At>,
    /// The boundaries at the looks; none of a plan that looks once.
    monitor: Option<Monitor>,
}

/// A look.
#[derive(Debug, Clone, Copy, PartialEq)]
struct At {
    /// Its place among what was known at the end of each stretch of days; none where that is not known.
    known: Option<usize>,
    /// The share of the planned information.
    fraction: f64,
}

/// Applies an experiment's plan to all its comparisons; none where it declares no plan.
pub(crate) fn decide<'a>(
    plan: &Plan<'a>,
    layout: &Layout,
    tally: &Tally,
    metrics: &mut [Comparison],
    segments: &mut [SegmentFinding],
) -> Result<Option<Course<'a>>, MeasureError> {
    if plan.experiment.plan.is_none() {
        return Ok(None);
    }
    let failed = |error: MomentsError| MeasureError::Unusable {
        place: format!("experiment `{}`, plan", plan.experiment.name),
        message: error.to_string(),
    };
    let arms = plan.experiment.arms.len();
    let days = tally.days.as_ref();
    let known = days.map_or_else(|| Ok(Vec::new()), |days| days.known(arms));
    let known = known.map_err(failed)?;
    let bits = plan.primary().map(|primary| primary.made_of.bits());
    let mut data = Data {
        customers: 0,
        with_primary: 0,
        exposures: tally.exposures,
        known: &known,
    };
    for arm in 0..arms {
        let customers = tally.customers(arm);
        data.customers += customers;
        data.with_primary += match bits {
            Some(bits) => tally.moments(arm, bits).map_err(failed)?.rows(),
            None => customers,
        };
    }
    let Some(course) = Course::new(plan, &data)? else {
        return Ok(None);
    };
    for comparison in metrics.iter_mut() {
        let arm = plan.arm(&comparison.arm).filter(|_| comparison.primary);
        let (looks, past) = match (arm, &course.history_refusal) {
            (Some(arm), None) => course.history(plan, layout, tally, arm, &known),
            _ => (Vec::new(), None),
        };
        course.apply(comparison, &looks, past);
    }
    segments
        .iter_mut()
        .flat_map(|segment| &mut segment.values)
        .flat_map(|value| &mut value.metrics)
        .for_each(|comparison| course.apply(comparison, &[], None));
    Ok(Some(course))
}

impl<'a> Course<'a> {
    /// None for an experiment without a plan.
    pub(crate) fn new(plan: &Plan<'a>, data: &Data<'_>) -> Result<Option<Self>, MeasureError> {
        let experiment = plan.experiment;
        let Some(declared) = &experiment.plan else {
            return Ok(None);
        };
        let informed = informed(plan);
        let history_refusal = no_history(plan, data);
        let now = informed(data.customers, data.with_primary);
        let elapsed = data
            .exposures
            .map(|(first, last)| (day_of(last) - day_of(first) + 1) as u32);
        let days_are_over = elapsed
            .zip(declared.days)
            .is_some_and(|(elapsed, days)| elapsed >= days && now == data.customers);
        let customers_are_there = declared.customers.is_some_and(|customers| now >= customers);
        let no_end = declared.customers.is_none() && declared.days.is_none();
        let ended = no_end || customers_are_there || days_are_over;
        let fraction = declared
            .customers
            .map(|customers| now as f64 / customers as f64);
        let whole = declared.customers.unwrap_or(now).max(1) as f64;
        let known: Vec<f64> = match history_refusal {
            Some(_) => Vec::new(),
            None => data
                .known
                .iter()
                .map(|known| {
                    let sum =
                        |of: fn(&(u64, Moments)) -> u64| known.arms.iter().map(of).sum::<u64>();
                    informed(sum(|arm| arm.0), sum(|arm| arm.1.rows())) as f64 / whole
                })
                .collect(),
        };
        let (looks, planned) = looks(declared, &known, now as f64 / whole, ended);
        let mut course = Self {
            plan: declared,
            alpha: experiment.alpha,
            ended,
            looked_early: match declared.looks {
                Looks::Fixed => !ended,
                Looks::GroupSequential => !planned,
                Looks::Anytime | Looks::Hybrid => false,
            },
            fraction,
            remaining: None,
            history_refusal,
            looks,
            monitor: None,
        };
        if !ended {
            course.remaining = Some(remaining(declared, now, data.customers, elapsed));
        }
        if declared.looks != Looks::Fixed && now > 0 {
            let monitor = course.monitor().map_err(|error| MeasureError::Unusable {
                place: format!("experiment `{}`, plan", experiment.name),
                message: error.to_string(),
            })?;
            course.monitor = Some(monitor);
        }
        Ok(Some(course))
    }

    fn monitor(&self) -> Result<Monitor, SequentialError> {
        let looks = compiled(self.plan.looks, self.plan.spending.unwrap_or_default());
        let fractions: Vec<f64> = self.looks.iter().map(|look| look.fraction).collect();
        let stage = if self.ended {
            Stage::End
        } else {
            Stage::Interim
        };
        let monitor = Monitor::new(looks, self.alpha, &fractions, stage)?;
        if !self.plan.futility {
            return Ok(monitor);
        }
        let power = self.plan.power;
        monitor.with_futility(&Futility {
            beta: 1.0 - power,
            // The planned effect is the one that the planned customers find with the planned power.
            drift: tail::normal_quantile(1.0 - 0.5 * self.alpha) + tail::normal_quantile(power),
            spending: Spending::OBrienFleming,
        })
    }

    /// Holds a comparison against the boundary at this look. Of the primary metric, `looks` are its history, with an
    /// entry a look of the plan, and `past` the same held against the boundaries.
    fn apply(&self, comparison: &mut Comparison, looks: &[Option<Look>], past: Option<History>) {
        let mut decision = match &self.monitor {
            Some(monitor) => {
                reread(monitor, &mut comparison.outcome);
                if let Some(adjusted) = &mut comparison.adjusted {
                    reread(monitor, &mut adjusted.outcome);
                }
                if let Some(stratified) = &mut comparison.stratified {
                    reread(monitor, &mut stratified.outcome);
                }
                self.advice(monitor, comparison, past)
            }
            None => self.advice_of_one_look(comparison),
        };
        if self.looked_early && decision.look.is_none() {
            decision.state = LookingState::Running;
        }
        if decision.state == LookingState::Running {
            comparison.verdict = None;
        }
        // Looks without an estimate are not in the history.
        decision.look = decision
            .look
            .map(|look| looks[..look].iter().flatten().count());
        comparison.looking = Some(Looking {
            looked_early: self.looked_early,
            decision,
            history: looks.iter().copied().flatten().collect(),
        });
    }

    /// What a plan with boundaries says, and the verdict that goes with it.
    fn advice(
        &self,
        monitor: &Monitor,
        comparison: &mut Comparison,
        past: Option<History>,
    ) -> LookingDecision {
        let now = comparison.decisive().and_then(|outcome| outcome.contrast);
        let lift = now.and_then(|contrast| monitor.lift(&contrast, Method::Welch).ok());
        comparison.judge();
        let Some(lift) = lift else {
            return LookingDecision::of(LookingState::Running);
        };
        let crossed = past.as_ref().and_then(|past| past.first_crossing);
        let state = match monitor.decide(&lift) {
            Advice::Effect | Advice::Harm => {
                LookingState::of(comparison.verdict.unwrap_or(Verdict::Unclear))
            }
            Advice::Futile => LookingState::Futile,
            Advice::Inconclusive => LookingState::NoEffect,
            Advice::Continue => LookingState::Running,
        };
        let corrected = past.and_then(|past| past.corrected);
        // An effect that fell back is shown by its look, and decides nothing.
        let before_now = |look: &usize| !self.looked_early || look + 1 < self.looks.len();
        LookingDecision {
            state,
            look: crossed.filter(before_now),
            corrected: corrected.map(|stopped| StoppedEffect {
                estimate: stopped.estimate,
                low: stopped.low,
                high: stopped.high,
                p_value: stopped.probability.p,
            }),
            predictive_power: (!self.ended
                && state != LookingState::Effect
                && state != LookingState::Harm)
                .then(|| monitor.predictive_power(&lift)),
        }
    }

    /// What a plan that looks once says: nothing before its end.
    fn advice_of_one_look(&self, comparison: &Comparison) -> LookingDecision {
        LookingDecision::of(match comparison.verdict {
            Some(verdict) if self.ended => match LookingState::of(verdict) {
                LookingState::Running => LookingState::NoEffect,
                state => state,
            },
            _ => LookingState::Running,
        })
    }

    /// The effect on the primary metric at each look, and of a plan with boundaries the same held against them.
    fn history(
        &self,
        plan: &Plan<'_>,
        layout: &Layout,
        tally: &Tally,
        arm: usize,
        known: &[Known],
    ) -> (Vec<Option<Look>>, Option<History>) {
        let Some(primary) = plan.primary() else {
            return (Vec::new(), None);
        };
        let wait = wait(plan);
        let mut looks: Vec<Option<Look>> = Vec::new();
        let mut contrasts: Vec<Option<Contrast>> = Vec::new();
        for at in &self.looks {
            let Some(known) = at.known.map(|place| &known[place]) else {
                looks.push(None);
                contrasts.push(None);
                continue;
            };
            let summary = |arm: usize| {
                let (customers, moments) = &known.arms[arm];
                ArmSummary {
                    moments: moments.clone(),
                    missing: customers - moments.rows(),
                    not_finite: tally.not_finite(arm, primary.made_of.bits()),
                    covariates_not_finite: tally.covariates_not_finite.clone(),
                }
            };
            let (of_arm, of_reference) = (summary(arm), summary(plan.reference));
            let pair = Pair {
                arm: &of_arm,
                against: &of_reference,
            };
            let comparison = compare(plan, Some(layout), primary, arm, pair);
            let decisive = comparison.decisive();
            let contrast = decisive
                .and_then(|outcome| outcome.contrast)
                .filter(|contrast| contrast.lift(self.alpha, Method::Welch).is_ok());
            looks.push(decisive.and_then(|outcome| {
                let effect = outcome.absolute?;
                Some(Look {
                    until: known.until + wait,
                    customers: comparison.n.arm + comparison.n.against,
                    estimate: effect.estimate,
                    low: effect.low,
                    high: effect.high,
                    p_value: outcome.p_value?,
                    crossed: effect.low > 0.0 || effect.high < 0.0,
                })
            }));
            contrasts.push(contrast);
        }
        let past = (self.monitor.as_ref())
            .and_then(|monitor| monitor.history(&contrasts, Method::Welch).ok());
        if let Some(past) = &past {
            for (look, result) in looks.iter_mut().zip(&past.looks) {
                let bounded =
                    (result.as_ref()).filter(|result| result.lift.absolute.low.is_finite());
                *look = look.zip(bounded).map(|(look, result)| Look {
                    low: result.lift.absolute.low,
                    high: result.lift.absolute.high,
                    p_value: result.running.probability.p,
                    crossed: result.lift.absolute.excludes_zero(),
                    ..look
                });
            }
        }
        (looks, past)
    }

    /// How effects are read at this look.
    pub(crate) fn rule(&self) -> Rule<'_> {
        Rule {
            alpha: self.alpha,
            monitor: self.monitor.as_ref(),
            ended: self.ended,
            may_decide: !self.looked_early,
        }
    }

    fn critical(&self) -> Option<f64> {
        let critical = *self.monitor.as_ref()?.critical().last()?;
        critical.is_finite().then_some(critical)
    }
}

/// The effect against the boundary at this look.
fn reread(monitor: &Monitor, outcome: &mut Outcome) {
    let Some(contrast) = outcome.contrast else {
        return;
    };
    let Ok(lift) = monitor.lift(&contrast, Method::Welch) else {
        return;
    };
    if !(lift.absolute.low.is_finite() && lift.absolute.high.is_finite()) {
        *outcome = refused(Refusal::new(
            Reason::TooLittleData,
            "too early: the plan lets nothing be decided at this look",
        ));
        return;
    }
    let method = if outcome.is_exact() {
        Some(Method::Welch.to_string())
    } else {
        outcome.method.take()
    };
    *outcome = Outcome {
        contrast: Some(contrast),
        method,
        ..super::compare::outcome(&lift, outcome.against_se)
    };
}

impl LookingDecision {
    fn of(state: LookingState) -> Self {
        Self {
            state,
            look: None,
            corrected: None,
            predictive_power: None,
        }
    }
}

impl LookingState {
    fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Better => Self::Effect,
            Verdict::Worse => Self::Harm,
            Verdict::Unclear => Self::Running,
        }
    }
}

/// A declared way of looking as the mathematics knows it.
pub(crate) fn compiled(looks: Looks, spending: catalog::Spending) -> stats::sequential::Looks {
    use stats::sequential::Looks as Compiled;
    match looks {
        Looks::Fixed => Compiled::Fixed,
        Looks::Anytime => Compiled::Anytime,
        Looks::GroupSequential => Compiled::GroupSequential(match spending {
            catalog::Spending::ObrienFleming => Spending::OBrienFleming,
            catalog::Spending::Pocock => Spending::Pocock,
            catalog::Spending::Even => Spending::Power(1.0),
            catalog::Spending::Quadratic => Spending::Power(2.0),
        }),
        // Looks that were made and are not on record are covered as well.
        Looks::Hybrid => Compiled::Hybrid(Watch::Continuous),
    }
}

/// How many of so many customers, of whom some have the primary metric, bring information: those whose value is known.
/// Where customers without rows have no value, those never will, and all count.
fn informed(plan: &Plan<'_>) -> impl Fn(u64, u64) -> u64 + use<> {
    let is_complete = values_of_primary(plan)
        .all(|value| value.metric.is_some_and(catalog::Metric::absent_is_zero));
    move |customers, with_primary| {
        if is_complete { with_primary } else { customers }
    }
}

fn values_of_primary<'p, 'a>(plan: &'p Plan<'a>) -> impl Iterator<Item = &'p Value<'a>> {
    let bits = plan.primary().map_or(0, |primary| primary.made_of.bits());
    let values = plan.values.iter().enumerate();
    values
        .filter(move |(place, _)| bits >> place & 1 == 1)
        .map(|(_, value)| value)
}

/// Why there is no telling what was known at an earlier time.
fn no_history(plan: &Plan<'_>, data: &Data<'_>) -> Option<Refusal> {
    let refusal = |message: String| Some(Refusal::new(Reason::Undeclared, message));
    let Some(primary) = plan.primary() else {
        return refusal("a quantile has no history".to_owned());
    };
    if data.known.is_empty() {
        return refusal(
            "the history of the effect needs the time of assignment or exposure".to_owned(),
        );
    }
    if !plan.strata.is_empty() {
        return refusal(
            "the history of a post-stratified effect is not kept: days are not told apart by stratum"
                .to_owned(),
        );
    }
    values_of_primary(plan)
        .any(Value::is_open_ended)
        .then(|| {
            Refusal::new(
                Reason::Undeclared,
                format!(
                    "the window of `{}` has no end, so that what was known at an earlier time is not known now: give it \
                     `window: {{ to: ... }}`",
                    primary.metric.name
                ),
            )
        })
}

/// How long after exposure the primary metric is known, in microseconds.
fn wait(plan: &Plan<'_>) -> i64 {
    let seconds = values_of_primary(plan).map(|value| {
        let window = match value.period {
            Period::After { to: Some(to), .. } => to.nominal_seconds(),
            Period::After { to: None, .. } | Period::Before(_) => 0,
        };
        let delay = value.fact.delay.map_or(0, |delay| delay.nominal_seconds());
        if value.fact.time.is_some() {
            window + delay
        } else {
            0
        }
    });
    // Spans are some thousand years at most.
    seconds.max().unwrap_or(0) as i64 * 1_000_000
}

/// The looks of a plan so far, the last of them now, given the information at the end of each stretch of days, and
/// whether the plan has a look now.
fn looks(plan: &TestPlan, known: &[f64], now: f64, ended: bool) -> (Vec<At>, bool) {
    let at_the_end_of = |place: usize| At {
        known: Some(place),
        fraction: known[place],
    };
    let current = known.len().checked_sub(1);
    let now = At {
        known: current,
        fraction: now,
    };
    let mut planned = true;
    let mut looks: Vec<At> = match (plan.looks, current) {
        (Looks::GroupSequential, Some(current)) => {
            let before_the_end = plan.interim.iter().filter(|share| **share < 1.0);
            let reached: Vec<usize> = before_the_end
                .filter_map(|share| known.iter().position(|fraction| fraction >= share))
                .collect();
            planned = ended || reached.contains(&current);
            reached
                .into_iter()
                .filter(|place| *place < current)
                .map(at_the_end_of)
                .collect()
        }
        (Looks::GroupSequential, None) => {
            // When the looks were is not known: at the planned shares, the last of them now.
            let mut shares: Vec<f64> = plan.interim.clone();
            shares.retain(|share| *share <= now.fraction && *share < 1.0);
            planned = ended || shares.pop().is_some();
            shares
                .into_iter()
                .map(|fraction| At {
                    known: None,
                    fraction,
                })
                .collect()
        }
        (_, Some(current)) => (0..current).map(at_the_end_of).collect(),
        (_, None) => Vec::new(),
    };
    looks.push(now);
    (told_apart(looks), planned)
}

/// Looks that bring some information each; of two that do not, the later.
fn told_apart(looks: Vec<At>) -> Vec<At> {
    /// What the information has to grow by, as a factor.
    const GROWTH: f64 = 1.0011;
    let mut kept: Vec<At> = Vec::new();
    for look in looks {
        while kept
            .last()
            .is_some_and(|last| look.fraction < last.fraction * GROWTH || last.fraction <= 0.0)
        {
            kept.pop();
        }
        kept.push(look);
    }
    kept
}

/// What is left until the planned end, at the intake so far.
fn remaining(
    plan: &TestPlan,
    informed: u64,
    customers: u64,
    elapsed: Option<u32>,
) -> PlanRemaining {
    let missing = plan
        .customers
        .map(|planned| planned.saturating_sub(informed));
    let by_intake = missing.zip(elapsed).and_then(|(missing, elapsed)| {
        // Customers who wait for the end of their window are not missing.
        let waiting = customers - informed;
        let to_come = missing.saturating_sub(waiting) as f64;
        (customers > 0).then(|| (to_come * f64::from(elapsed) / customers as f64).ceil() as u32)
    });
    let by_days = plan
        .days
        .zip(elapsed)
        .map(|(days, elapsed)| days.saturating_sub(elapsed));
    PlanRemaining {
        customers: missing,
        days: by_intake.into_iter().chain(by_days).min(),
    }
}

/// What a finding says of the plan: none for an experiment without one that was never sealed either.
///
/// # Errors
///
/// Seals that cannot be read or were tampered with.
pub(crate) fn finding(
    catalog: &Catalog,
    plan: &Plan<'_>,
    course: Option<&Course<'_>>,
    exposures: Option<(i64, i64)>,
) -> Result<Option<PlanFinding>, MeasureError> {
    let experiment = plan.experiment;
    let held = held(catalog, experiment, exposures.map(|(first, _)| first))?;
    if course.is_none() && held.is_none() {
        return Ok(None);
    }
    let declared = experiment.plan.clone().unwrap_or_default();
    Ok(Some(PlanFinding {
        looks: declared.looks,
        null_hypothesis: declared.null_hypothesis_or(&experiment.metrics.primary),
        minimum_effect: declared.minimum_effect,
        power: declared.power,
        customers: declared.customers,
        days: declared.days,
        information: course
            .and_then(|course| course.fraction)
            .map(|fraction| PlanInformation {
                by: PlanInformationBy::Customers,
                fraction,
            }),
        ended: course.is_none_or(|course| course.ended),
        critical: course.and_then(Course::critical),
        remaining: course.and_then(|course| course.remaining),
        history_refusal: course.and_then(|course| course.history_refusal.clone()),
        sealed_at: held.as_ref().map(|held| held.seal.sealed_at.clone()),
        sealed_hash: held.as_ref().map(|held| held.seal.definition_hash.clone()),
        sealed_before_first_exposure: held.as_ref().and_then(|held| held.in_time),
        deviations: held.map_or_else(Vec::new, |held| held.deviations),
    }))
}

/// Whether the plan was held to.
pub(crate) fn checks(plan: &PlanFinding, metrics: &[Comparison]) -> Vec<Check> {
    let check = |severity, message| check(CheckKind::Plan, severity, message);
    let mut checks = Vec::new();
    if let Some(sealed_at) = &plan.sealed_at {
        if !plan.deviations.is_empty() {
            let changes: Vec<String> = plan.deviations.iter().map(said).collect();
            checks.push(check(
                Severity::Warning,
                format!(
                    "this is not what was sealed on {sealed_at}: {}",
                    changes.join("; ")
                ),
            ));
        }
        match plan.sealed_before_first_exposure {
            Some(false) => checks.push(check(
                Severity::Warning,
                format!(
                    "it was sealed on {sealed_at}, after the first customer was exposed: what was chosen may have been \
                     chosen by the data"
                ),
            )),
            _ if plan.deviations.is_empty() => checks.push(check(
                Severity::Fine,
                format!("it is measured as it was sealed on {sealed_at}"),
            )),
            _ => {}
        }
    }
    let mut looking = metrics
        .iter()
        .filter_map(|comparison| comparison.looking.as_ref());
    if looking.clone().any(|looking| looking.looked_early) {
        let left = plan.remaining.map_or_else(String::new, |remaining| {
            let parts = [
                remaining
                    .customers
                    .map(|number| format!("{number} customers")),
                remaining.days.map(|number| format!("{number} days")),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            if parts.is_empty() {
                String::new()
            } else {
                format!("; left until the planned end: {}", parts.join(", "))
            }
        });
        checks.push(check(
            Severity::Notice,
            format!(
                "the data are looked at when the plan has no look: nothing is decided on them{left}"
            ),
        ));
    }
    if looking.any(Looking::has_fallen_back) {
        checks.push(check(
            Severity::Notice,
            "an earlier look crossed the boundary, and the effect has since fallen back".to_owned(),
        ));
    }
    checks
}

impl Looking {
    /// Whether an earlier look had an effect that is none any more.
    fn has_fallen_back(&self) -> bool {
        let has_effect = matches!(
            self.decision.state,
            LookingState::Effect | LookingState::Harm
        );
        self.decision.look.is_some() && !has_effect
    }
}

fn said(deviation: &PlanDeviation) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    format!(
        "`{}` was {} and is {}",
        deviation.path,
        value(&deviation.sealed),
        value(&deviation.current)
    )
}
